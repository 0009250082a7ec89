"""What the members of a mixture lose on a batch: a number in [0, 1] for each row and member."""

import numpy as np

from ..utils._labels import union_of_labels
from ..utils._plain import Plain

# The shares of classes are those of about so many of the newest rows.
_MEMORY = 1000
# A row counts as so many at most: a stray label is not to outvote its batch.
_MOST = 20.0
# A residual so many times the usual one gains nothing.
_WORST_RESIDUAL = 4.0
# The usual residual is the median of so many, or of a longer batch: outliers do not move it.
_N_RESIDUALS = 100


class RightAnswers(Plain):
    """Of classifiers: which rows they got wrong, and how much each row counts.

    A member that never names a rare class is right on nearly all rows. So rows are balanced: each
    class counts alike, however rare it was among the rows before.
    """

    def __init__(self):
        self.labels = None
        self.counts = np.zeros(0)  # of each label, the older the row, the less

    def losses(self, y, predicted, mean_of):
        """Return for each member which rows it got wrong."""
        return [(y_pred != y).astype(np.float64) for y_pred in predicted]

    def counting(self, y):
        """Return how many rows each row counts as, by the shares of classes in the rows before."""
        labels = union_of_labels(self.labels, y)
        counts = self._counts_of(labels) + 1
        return np.minimum(counts.mean() / counts, _MOST)[np.searchsorted(labels, y)]

    def take_in(self, y, weight):
        """Count the labels of rows."""
        labels = union_of_labels(self.labels, y)
        newest = np.bincount(np.searchsorted(labels, y), weight, len(labels))
        counts = np.exp(-weight.sum() / _MEMORY) * self._counts_of(labels) + newest
        self.counts = counts * min(1.0, _MEMORY / max(counts.sum(), 1.0))
        self.labels = labels

    def _counts_of(self, labels):
        """Return the counts, with a place for each of the labels."""
        counts = np.zeros(len(labels))
        if self.labels is not None:
            counts[np.searchsorted(labels, self.labels)] = self.counts
        return counts


class Closeness(Plain):
    """Of regressors: their residuals, in units of the usual one of the mixture, at most 1."""

    def __init__(self):
        self.residuals = np.zeros(0)  # the newest absolute ones of the mixture

    def losses(self, y, predicted, mean_of):
        """Return the residuals of each member; ``mean_of(predicted)`` is what the mixture says."""
        y = y.astype(np.float64, copy=False)  # members take numbers in text, too
        residuals = np.abs(y - mean_of(predicted))
        known = residuals[~np.isnan(residuals)]
        self.residuals = np.concatenate([self.residuals, known])[-max(_N_RESIDUALS, len(y)) :]
        worst = self._worst_residual(y)
        return [_remoteness(y, values, worst) for values in predicted]

    def _worst_residual(self, y):
        """Return the residual from which on a prediction is worth nothing."""
        usual = np.median(self.residuals) if len(self.residuals) else 0.0
        if usual == 0 and len(self.residuals):
            usual = self.residuals.mean()  # more than half of the rows are predicted exactly
        rounding = 1e3 * np.finfo(np.float64).eps * np.abs(y).max()
        return max(_WORST_RESIDUAL * usual, rounding, np.finfo(np.float64).tiny)

    def counting(self, y):
        """Return that each row counts as one."""
        return np.ones(len(y))

    def take_in(self, y, weight):
        """Numbers are not counted."""


def _remoteness(y, y_pred, worst):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.fmin(np.abs(y - np.ravel(y_pred)) / worst, 1)  # what is no number is lost, too
