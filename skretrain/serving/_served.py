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
    """Number, sum and sum of squares of the losses of each version.

    Attributes
    ----------
    sums : dict of int to ndarray of shape (3,)
        Of the newest 1,000 versions.
    total : ndarray of shape (3,)
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
        self.total = np.zeros(3)

    def add(self, versions, losses, sign=1):
        """Add losses, or take them back with a `sign` of -1."""
        for version in np.unique(versions).tolist():
            own = losses[versions == version]
            sums = sign * np.array([len(own), own.sum(), np.square(own).sum()])
            self.total = self.total + sums
            self.sums[version] = self.sums.get(version, 0.0) + sums
        while len(self.sums) > _MOST_VERSIONS:
            del self.sums[min(self.sums)]

    def scores(self, *, is_regression):
        """Return the scores of all versions together and of each, a Table by version."""
        sums = {ALL: self.total} | dict(sorted(self.sums.items()))
        scores = {version: _score(*each, is_regression) for version, each in sums.items()}
        return Table("version", scores)


def _score(n, total, squares, is_regression):
    n, total, squares = int(n), float(total), float(squares)
    loss = total / n if n else math.nan
    if is_regression:
        return ServedScore(n, loss, *mean_interval(n, total, squares), math.nan)
    return ServedScore(n, loss, *wilson_interval(loss, n), 1 - loss)
