"""How much of a segment's own model serves beside the pooled one: what would have lost least."""

import numpy as np

from ...utils._losses import absolute_loss_per_row, zero_one_loss_per_row
from ...utils._plain import Plain

_HALF_LIFE = 200  # rows of the segment, after which a loss counts half
_LEAST_PROBABILITY = 1e-6
_SHARES = np.linspace(0.0, 1.0, 5)
_EITHER = np.array([0.0, 1.0])


class Shrinkage(Plain):
    """The losses of every mixture of two models on rows that neither had learned, decayed.

    Parameters
    ----------
    way : {"proba", "value", "whole"}
        What can be mixed: probabilities, numbers, or nothing, so that one of the two serves.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._segments._shrinkage import Shrinkage
    >>> shrinkage = Shrinkage("value")
    >>> y = np.zeros(100)
    >>> shrinkage.learn(y + 1.0, y - 3.0, y)
    >>> shrinkage.weight
    0.75
    """

    def __init__(self, way):
        self.way = way
        self.losses = None  # one sum for each share

    @property
    def weight(self):
        """The share of the own model that would have lost least, a float; 1.0 before any row."""
        if self.losses is None:
            return 1.0
        shares = _shares_of(self.way)
        best = np.flatnonzero(self.losses == self.losses.min())
        return float(shares[best[-1]])  # of several the largest, which asks the pooled model least

    def learn(self, own, pooled, y):
        """Take in what both models said of rows, before they learned them.

        Parameters
        ----------
        own, pooled : ndarray
            What :func:`opinion` returned of them.
        y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Targets.
        """
        if not len(own):
            return
        new = np.array([self._lost(own, pooled, y, share) for share in _shares_of(self.way)])
        before = 0.0 if self.losses is None else self.losses * 0.5 ** (len(own) / _HALF_LIFE)
        self.losses = before + new

    def _lost(self, own, pooled, y, share):
        both = mixed(own, pooled, share)
        if self.way == "proba":
            return float(-np.log(np.clip(both, _LEAST_PROBABILITY, 1.0)).sum())
        return float((absolute_loss_per_row(y, both) if self.way == "value" else both).sum())


def way_of(task, retrainer, y):
    """Return what of a retrainer's output can be mixed: "proba", "value", or "whole"."""
    if task == "regression":
        return "value"
    is_flat = y is not None and y.ndim == 1
    return "proba" if is_flat and hasattr(retrainer, "predict_proba") else "whole"


def opinion(way, retrainer, X, y, y_pred=None):
    """Return what mixtures are scored by: of each row one number, or its predicted outputs.

    Parameters
    ----------
    way : {"proba", "value", "whole"}
        Whether that is the probability of the true class, the prediction, or the 0/1 loss.
    retrainer : BaseRetrainer
        Fitted.
    X : ndarray, sparse matrix or data frame
        Rows that it has not learned.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Targets.
    y_pred : ndarray or None, default=None
        Its prediction, where that is known.
    """
    if way == "proba":
        return _proba_of_truth(retrainer.predict_proba(X), retrainer.classes_, y)
    y_pred = retrainer.predict(X) if y_pred is None else y_pred
    return np.asarray(y_pred) if way == "value" else zero_one_loss_per_row(y, y_pred)


def mixed(own, pooled, weight):
    """Return the mixture of two outputs."""
    return weight * own + (1 - weight) * pooled


def _proba_of_truth(proba, classes, y):
    column = np.minimum(classes.searchsorted(y), len(classes) - 1)
    found = proba[np.arange(len(y)), column]
    return np.where(classes[column] == y, found, 0.0)


def _shares_of(way):
    return _EITHER if way == "whole" else _SHARES
