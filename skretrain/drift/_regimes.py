"""How long regimes have lasted and what fits have come to: what a refit now would save."""

import math
from typing import NamedTuple

import numpy as np

from ..utils._plain import Plain

_KEPT = 50  # changes, and fits
_AGEING = 0.8  # weight of what came one earlier
_MIN_ROWS = 50  # fewer losses say nothing of a fit
# A model fitted on twice the rows is expected to make a twentieth less of errors, until fits on
# different numbers of rows say more: the belief counts as much as two fits at e times the rows.
SAVED_BY_GROWTH = 0.05
_DECLINE = -math.log2(1 - SAVED_BY_GROWTH)
_BELIEF = 1.0
_SHARES = np.linspace(0.0, 1.0, 21)  # of the rows that remain, to wait for


class Forecast(NamedTuple):
    """What a refit would save until the regime ends.

    Attributes
    ----------
    saved : float
        By a refit now, in units of summed loss, its price not deducted.
    wait : int
        The number of rows to wait for with which a refit would save most; 0 is now.
    saved_then : float
        By a refit that many rows later.
    """

    saved: float
    wait: int
    saved_then: float


class Regimes(Plain):
    """The lengths of the regimes so far, and the loss after each fit on so many rows.

    What lies back counts less: each length, and each fit, four fifths of the next one.

    Examples
    --------
    >>> from skretrain.drift._regimes import Regimes
    >>> regimes = Regimes()
    >>> regimes.add_fit(1000, lost=50, n_scored=500)
    >>> for row in (2000, 4000):
    ...     regimes.add_change(row)
    >>> forecast = regimes.forecast(since=6000, now=7000, loss=0.4, expected=0.1)
    >>> f"{forecast.saved:.0f} errors in {regimes.remaining(6000, 7000):.0f} rows"
    '300 errors in 1000 rows'
    """

    def __init__(self):
        self._changes = [0]
        self._fits = []

    @property
    def latest(self):
        """Stream row of the latest change."""
        return self._changes[-1]

    def until(self, rise):
        """Return where regimes began, one at a rise that goes on among them, a list of int."""
        return self._changes if rise is None or rise <= self.latest else [*self._changes, rise]

    def add_change(self, row):
        """Note that a regime began at a stream row."""
        if row > self.latest:
            self._changes = [*self._changes, row][-_KEPT:]

    def add_fit(self, n_rows, lost, n_scored):
        """Note the summed loss of a model fitted on `n_rows` rows over the `n_scored` after it."""
        if n_scored >= _MIN_ROWS and lost > 0:
            self._fits = [*self._fits, (n_rows, lost / n_scored)][-_KEPT:]

    def remaining(self, since, now):
        """Return how many rows more a regime that began at `since` is expected to last.

        By the mean of the longer ones, less its age. One that has outlived them all is expected to
        outlive them by as much again.
        """
        lengths = np.diff([*self._changes, max(since, self.latest)])
        lengths = lengths[lengths > 0]
        if not len(lengths):
            return 0.0
        age = now - since
        longer = lengths > age
        if not longer.any():
            return float(age - lengths.max())
        return float(np.average(lengths[longer], weights=_weights(lengths)[longer]) - age)

    def loss_after(self, n_rows, otherwise=0.0):
        """Return the mean loss expected of a model fitted on so many rows, by a power law.

        As long as no fit is known, it is what is said otherwise.
        """
        if not self._fits:
            return np.full(np.shape(n_rows), otherwise)
        size, loss, slope = self._curve()
        return np.exp(loss + slope * (np.log(n_rows) - size))

    def ratio(self, n_rows, n_other):
        """Return the loss of a model of so many rows, over that of one of so many others."""
        return float((n_rows / n_other) ** self._curve()[-1])

    def _curve(self):
        """Return the means of the logarithms of rows and loss, and the slope of the power law."""
        if not self._fits:
            return 0.0, 0.0, -_DECLINE
        sizes, losses = np.log(np.array(self._fits)).T
        weights = _weights(sizes)
        size, loss = np.average(sizes, weights=weights), np.average(losses, weights=weights)
        covariance = np.sum(weights * (sizes - size) * (losses - loss))
        variance = np.sum(weights * (sizes - size) ** 2)
        return size, loss, min((covariance - _BELIEF * _DECLINE) / (variance + _BELIEF), 0.0)

    def forecast(self, since, now, loss, expected):
        """Return what a refit on the rows of the present regime would save until it ends.

        Parameters
        ----------
        since, now : int
            Stream row at which the regime began, and the number of rows seen.
        loss : float
            Mean loss per row of the present model in it.
        expected : float
            The same before it, to which a refit leads back as long as no fit is known.

        Returns
        -------
        forecast : Forecast
            As of now.
        """
        remaining = self.remaining(since, now)
        waits = np.floor(_SHARES * remaining)
        saved = (remaining - waits) * (loss - self.loss_after(now - since + waits, expected))
        best = int(saved.argmax())
        return Forecast(float(saved[0]), int(waits[best]), float(saved[best]))


def _weights(values):
    return _AGEING ** np.arange(len(values))[::-1]
