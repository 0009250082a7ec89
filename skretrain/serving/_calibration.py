"""Maps from the probabilities of a model to shares of rows: as they are, sigmoid or isotonic."""

from itertools import product

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit

from ..utils._plain import Plain

_FOLDS = 5
DRAWS = 60  # a deviation of so many is right to a tenth
_LEAST = 1e-4  # of a probability, before its logit is taken
_STEPS = 15  # of Newton's method, which has converged before
_LONGEST_STEP = 1.0  # a full one overshoots where the probabilities are near 0 and 1
# The rows that the identity counts as: separable classes would push the slope to infinity.
_PRIOR_ROWS = 2.0
_IDENTITY = np.array([1.0, 0.0])  # slope and intercept


class AsIs(Plain):
    """Probabilities that are right already."""

    def __init__(self, scores, hits, weight):
        pass

    def __call__(self, scores):
        """Return the probabilities."""
        return scores


class Sigmoid(Plain):
    """Platt's map on the logits: two parameters, drawn a little to the identity."""

    def __init__(self, scores, hits, weight):
        logits = np.column_stack([_logits(scores), np.ones(len(scores))])
        self._line = _IDENTITY
        for _ in range(_STEPS):
            p = expit(logits @ self._line)
            slope = logits.T @ (weight * (hits - p)) + _PRIOR_ROWS * (_IDENTITY - self._line)
            curvature = (logits.T * (weight * p * (1 - p))) @ logits + _PRIOR_ROWS * np.eye(2)
            step = np.linalg.solve(curvature, slope)
            self._line = self._line + step / max(np.abs(step).max() / _LONGEST_STEP, 1.0)

    def __call__(self, scores):
        """Return the probabilities, recalibrated."""
        return expit(self._line[0] * _logits(scores) + self._line[1])


class Isotonic(Plain):
    """The best map that never falls, linear between its steps, as scikit-learn's.

    It stays off 0 and 1 by what as many rows as it has can say (the rule of succession).
    """

    def __init__(self, scores, hits, weight):
        present = weight > 0
        scores, hits, weight = scores[present], hits[present], weight[present]
        at, place = np.unique(scores, return_inverse=True)
        mass = np.bincount(place, weight)
        values = isotonic_regression(np.bincount(place, weight * hits) / mass, weights=mass).x
        is_inside = np.r_[
            False, (values[:-2] == values[1:-1]) & (values[1:-1] == values[2:]), False
        ]
        keep = ~is_inside[: len(at)]
        floor = 1 / (len(scores) + 2)
        self._at, self._values = at[keep], np.clip(values[keep], floor, 1 - floor)

    def __call__(self, scores):
        """Return the probabilities, recalibrated."""
        return np.interp(scores, self._at, self._values)


METHODS = {"none": AsIs, "sigmoid": Sigmoid, "isotonic": Isotonic}


class Calibration(Plain):
    """One map for each class; the mapped probabilities of a row are made to sum to 1.

    Parameters
    ----------
    method : {"none", "sigmoid", "isotonic"}
        The kind of map.
    proba : ndarray of shape (n_samples, n_classes)
        What a model said of rows that it was not fitted on.
    hits : ndarray of shape (n_samples, n_classes)
        1.0 at the class that the row has, else 0.0.
    weight : ndarray of shape (n_samples,)
        How many rows each row counts as.
    """

    def __init__(self, method, proba, hits, weight):
        kind = METHODS[method]
        # Of two classes, the map of one is the mirror image of that of the other.
        self._is_binary = proba.shape[1] == 2
        columns = [1] if self._is_binary else range(proba.shape[1])
        self._maps = [kind(proba[:, j], hits[:, j], weight) for j in columns]

    def __call__(self, proba):
        """Return calibrated probabilities of the same shape."""
        if self._is_binary:
            mapped = self._maps[0](proba[:, 1])
            return np.column_stack([1 - mapped, mapped])
        mapped = np.column_stack([f(column) for f, column in zip(self._maps, proba.T, strict=True)])
        totals = mapped.sum(axis=1, keepdims=True)
        return np.where(totals > 0, mapped / np.where(totals > 0, totals, 1.0), proba)


def chosen_method(proba, hits, rng):
    """Return the simplest method that none betters, by Brier scores of rows left out.

    A better one is so by more than one standard error, so that chance seldom calibrates what is
    right.
    """
    folds = rng.permutation(len(proba)) % _FOLDS
    errors = {method: np.empty(len(proba)) for method in METHODS}
    for fold, method in product(range(_FOLDS), METHODS):
        held, rest = folds == fold, folds != fold
        calibration = Calibration(method, proba[rest], hits[rest], np.ones(rest.sum()))
        errors[method][held] = np.square(calibration(proba[held]) - hits[held]).sum(axis=1)
    chosen, *others = METHODS
    for method in others:
        gain = errors[chosen] - errors[method]
        if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)):
            chosen = method
    return chosen


def resampled(method, proba, hits, weight):
    """Return calibrations of references drawn anew.

    What is taken as it is may still be off, by what a sigmoid would find.
    """
    rng = np.random.default_rng(0)
    method = "sigmoid" if method == "none" else method
    n = len(proba)
    return [
        Calibration(method, proba, hits, weight * np.bincount(rng.integers(n, size=n), minlength=n))
        for _ in range(DRAWS)
    ]


def drawn_labels(proba, rng):
    """Return a label for each row, as columns of 0 and 1."""
    ends = np.cumsum(proba, axis=1)
    drawn = (rng.random((len(proba), 1)) * ends[:, -1:] >= ends).sum(axis=1)
    return np.eye(proba.shape[1])[np.minimum(drawn, proba.shape[1] - 1)]


def _logits(scores):
    scores = np.clip(scores, _LEAST, 1 - _LEAST)
    return np.log(scores / (1 - scores))
