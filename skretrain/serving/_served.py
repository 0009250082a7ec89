"""The losses of the versions that served, as sums."""

import math
from typing import NamedTuple

import numpy as np

from ..metrics._intervals import mean_interval, wilson_interval
from ._table import Table

_MOST_VERSIONS = 1000
ALL = "all"


class ServedScore(NamedTuple):
    """What is known of the predictions that one version, or all of them, served.

    Attributes
    ----------
    n_resolved : int
        Predictions whose label came.
    loss : float
        Mean of their 0/1 errors or absolute residuals; NaN of none.
    low, high : float
        Interval of 95 % for it: Wilson's for errors, Student's for residuals.
    accuracy : float
        1 - loss; NaN for a regressor.
    """

    n_resolved: int
    loss: float
    low: float
    high: float
    accuracy: float


class ServedLosses:
    """Sums of the losses of each version: their number, how many are infinite, and of the others
    the sum and the sum of squares.

    Attributes
    ----------
    sums : dict of int to ndarray of shape (4,)
        Of the newest 1,000 versions.
    total : ndarray of shape (4,)
        Of all versions.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._served import ServedLosses
    >>> losses = ServedLosses()
    >>> losses.add(np.array([1, 1, 2]), np.array([0.0, 1.0, 1.0]))
    >>> losses.scores(is_regression=False)[1].accuracy
    0.5
    """

    def __init__(self):
        self.sums = {}
        self.total = np.zeros(4)

    def add(self, versions, losses, sign=1):
        """Add losses, or take them back with a `sign` of -1."""
        for version in np.unique(versions).tolist():
            sums = sign * _sums(losses[versions == version])
            self.total = self.total + sums
            self.sums[version] = self.sums.get(version, 0.0) + sums
        while len(self.sums) > _MOST_VERSIONS:
            del self.sums[min(self.sums)]

    def scores(self, *, is_regression):
        """Return the scores of all versions together and of each, a Table by version."""
        sums = {ALL: self.total} | dict(sorted(self.sums.items()))
        scores = {version: _score(*each, is_regression) for version, each in sums.items()}
        return Table("version", scores)


def _sums(losses):
    finite = losses[np.isfinite(losses)]
    with np.errstate(over="ignore"):
        squares = np.square(finite).sum()
    return np.array([len(losses), len(losses) - len(finite), finite.sum(), squares])


def _score(n, n_infinite, total, squares, is_regression):
    n, total, squares = int(n), float(total), float(squares)
    if n_infinite:
        return ServedScore(n, math.inf, math.nan, math.nan, math.nan)
    loss = total / n if n else math.nan
    if is_regression:
        return ServedScore(n, loss, *mean_interval(n, total, squares), math.nan)
    return ServedScore(n, loss, *wilson_interval(loss, n), 1 - loss)
