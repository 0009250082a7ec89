"""Probabilities as sure of themselves as what came of them allows."""

import numpy as np

from ..utils._plain import Plain

# Of so many batches the probabilities of one are compared with its labels: it takes as long as to
# predict it, and tells much the same as its neighbours.
EVERY = 3
_TURN = (5**0.5 - 1) / 2
_POWERS = np.array([0.5, 0.7, 1.0, 1.4, 2.0])
_AS_IS = 2  # the power of 1
# Half of the trust begins with the probabilities as they are, and some of it always comes back.
_PRIOR = np.array([0.125, 0.125, 0.5, 0.125, 0.125])
_RETURN = 1e-4  # per row
# Of the log-likelihood of rows. Their losses come in groups: as if independent, they would be
# believed too soon, and calm hours be served what noisy ones have taught.
_RATE = 0.05
_LEAST = 1e-4  # of what was told of a label that came: a 0 would cost without end
# Evidence that recalibrating pays, in nats, before it is done: a likelihood ratio of 150.
_PAID = 5.0
# What so many rows can do: an hour of noise costs more than many calm ones, and is over.
_MOST_PAID, _MOST_MOVED, _ROWS = 2.0, 1.0, 300.0
_FADES = 1e-4  # per row, that evidence


def is_turn(number):
    """Tell whether it is the turn of a batch; the golden ratio keeps step with no rhythm."""
    return number * _TURN % 1 < 1 / EVERY


class Recalibration(Plain):
    """Powers of probabilities, weighted by how likely they made the labels that came.

    The mean of those who differ is less sure than each of them is, and trees on few rows are too
    sure. A power above 1 makes probabilities surer, one below 1 less so; the largest stays the
    largest. The weighted mean over the powers, 1 among them, is served once it has made the labels
    of the newest rows much likelier than the probabilities as they are; else these. An object never
    changes.

    Parameters
    ----------
    weights : ndarray of shape (n_powers,), default=the prior ones
        How much each power is trusted; they sum to 1.
    paid : float, default=0.0
        By how much the logarithm of the likelihood would have been larger.
    """

    def __init__(self, weights=_PRIOR, paid=0.0):
        self.weights = weights
        self.paid = paid

    def applied(self, proba):
        """Return probabilities of shape (n_samples, n_classes), recalibrated where that pays."""
        return self._mean(_to_powers(proba)) if self.paid > _PAID else proba

    def in_use(self):
        """Return the powers and their weights where recalibrating pays, else None."""
        return (_POWERS, self.weights) if self.paid > _PAID else None

    def _mean(self, powers):
        return np.tensordot(self.weights, powers, 1)

    def after(self, proba, places, weight):
        """Return what is trusted once the labels of rows have come.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, n_classes)
            What was told of the rows, not recalibrated.
        places : ndarray of shape (n_samples,)
            The columns of their labels.
        weight : ndarray of shape (n_samples,)
            How many rows each row counts as.
        """
        told = np.maximum(_to_powers(proba)[:, np.arange(len(places)), places], _LEAST)
        gained = np.log(self._mean(told) / told[_AS_IS]) @ weight
        moved = _RATE * np.log(told / told[_AS_IS]) @ weight
        times = max(1.0, weight.sum() / _ROWS)
        gained = np.clip(gained, -_MOST_PAID * times, _MOST_PAID * times)
        logs = np.log(self.weights) + np.clip(moved, -_MOST_MOVED * times, _MOST_MOVED * times)
        weights = np.exp(logs - logs.max())
        kept = (1 - _RETURN) ** weight.sum()
        weights = kept * weights / weights.sum() + (1 - kept) * _PRIOR
        remembered = np.exp(-_FADES * weight.sum())
        return Recalibration(weights, remembered * self.paid + float(gained))


def _to_powers(proba):
    """Return an array of shape (n_powers, n_samples, n_classes); a probability of 0 stays 0."""
    powers = proba ** _POWERS[:, None, None]
    totals = powers.sum(axis=2, keepdims=True)
    powers /= np.where(totals > 0, totals, 1.0)
    powers[_AS_IS] = proba
    return powers
