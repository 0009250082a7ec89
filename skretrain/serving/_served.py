"""The losses of the versions that served, as sums."""

import math
from typing import NamedTuple

import numpy as np

from ..metrics._intervals import mean_interval, wilson_interval
from ..utils._plain import Plain
from ._table import Table

_MOST_VERSIONS = 1000
# Losses are summed by their size, in steps of 2 ** 16: a label of 1e20 that is corrected later can
# be taken back, as it has swallowed no loss of another size.
_STEP, _SMALLEST = 16, -1073
_LARGEST = 1e150  # beyond it, where squares are no numbers, a loss counts as infinite
_N_SIZES = (1024 - _SMALLEST) // _STEP + 1
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


class ServedLosses(Plain):
    """Sums of the losses of each version: their number, how many are infinite, and of the others
    the sums and the sums of squares, by size.

    Attributes
    ----------
    sums : dict of int to ndarray
        Of the newest 1,000 versions.
    total : ndarray
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
        self.total = np.zeros(2 + 2 * _N_SIZES)

    def add(self, versions, losses, sign=1):
        """Add losses, or take them back with a `sign` of -1."""
        self.sums = self.sums.copy()  # those of before stay, in case these do not take their place
        for version in np.unique(versions).tolist():
            sums = sign * _sums(losses[versions == version])
            self.total = self.total + sums
            self.sums[version] = self.sums.get(version, 0.0) + sums
        while len(self.sums) > _MOST_VERSIONS:
            del self.sums[min(self.sums)]

    def scores(self, *, is_regression):
        """Return the scores of all versions together and of each, a Table by version."""
        sums = {ALL: self.total} | dict(sorted(self.sums.items()))
        scores = {version: _score(each, is_regression) for version, each in sums.items()}
        return Table("version", scores, ServedScore)


def _sums(losses):
    finite = losses[losses < _LARGEST]
    sizes = (np.frexp(finite)[1] - _SMALLEST) // _STEP
    sums = [np.bincount(sizes, each, _N_SIZES) for each in (finite, np.square(finite))]
    return np.concatenate([[len(losses), len(losses) - len(finite)], *sums])


def _score(sums, is_regression):
    n, n_infinite = int(sums[0]), sums[1]
    total, squares = (float(each.sum()) for each in np.split(sums[2:], 2))
    if n_infinite:
        return ServedScore(n, math.inf, math.nan, math.nan, math.nan)
    loss = total / n if n else math.nan
    if is_regression:
        return ServedScore(n, loss, *mean_interval(n, total, squares), math.nan)
    return ServedScore(n, loss, *wilson_interval(loss, n), 1 - loss)
