"""Losses per row, of targets as a history has them: codes of classes, or deviations."""

import numpy as np

from ..utils._plain import Plain


class AbsoluteError(Plain):
    """The absolute error in units of the target; no number is no end of an error."""

    __name__ = "absolute_error"

    def __init__(self, unit):
        self.unit = unit

    def __call__(self, y_true, y_pred):
        with np.errstate(over="ignore", invalid="ignore"):
            loss = self.unit * np.abs(y_true - y_pred)
        return _without_nan(loss)


class Pinball(Plain):
    """The loss that the quantile `alpha` makes least, in units of the target."""

    __name__ = "pinball_loss"

    def __init__(self, alpha, unit):
        self.alpha, self.unit = alpha, unit

    def __call__(self, y_true, y_pred):
        with np.errstate(over="ignore", invalid="ignore"):
            above = self.unit * (y_true - y_pred)
            loss = np.maximum(self.alpha * above, (self.alpha - 1) * above)
        return _without_nan(loss)

    def constant(self, known):
        """Return the best of all constants on known targets: its name, itself, and in words."""
        return "(quantile)", np.quantile(known, self.alpha), "that quantile of the warm-up"


class Cost(Plain):
    """What each row costs, by its true class in the rows of a matrix, and the predicted one."""

    __name__ = "cost"

    def __init__(self, matrix):
        self.matrix = matrix

    def __call__(self, y_true, y_pred):
        return self.matrix[np.asarray(y_true, dtype=int), np.asarray(y_pred, dtype=int)]

    def constant(self, known):
        """Return the best of all constants on known targets: its name, itself, and in words."""
        cheapest = int(self.matrix[known].sum(axis=0).argmin())
        return "(cheapest)", cheapest, "the class that costs least in the warm-up"


def _without_nan(loss):
    return np.where(np.isnan(loss), np.inf, loss)


def mean_cost(y_true, y_pred, *, classes, matrix):
    """Return the mean cost of predictions that are labels.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All of them, sorted.
    matrix : ndarray of shape (n_classes, n_classes)
        The costs, true classes in rows.
    """
    codes = (np.searchsorted(classes, np.asarray(y)) for y in (y_true, y_pred))
    return float(Cost(matrix)(*codes).mean())
