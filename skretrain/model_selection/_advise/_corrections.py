"""Corrections of a frozen model: its probabilities, its scores, or its predicted numbers."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

LEAST_OF_A_CLASS = 5  # of fewer, a calibration learns next to nothing
_LEAST_FOR_ISOTONIC = 200


def corrections_for(model, y_old, y_new):
    """Return the corrections of a classifier that its rows allow, as (name, function).

    A function takes the model and rows, and returns a corrected model or None.
    """
    options, can_calibrate = [], _can_calibrate(model, y_new)
    if hasattr(model, "predict_proba"):
        options.append(("prior correction", _PriorCorrection(y_old)))
    has_scores = options or hasattr(model, "decision_function")
    if has_scores and can_calibrate:
        options.append(("sigmoid calibration", _Calibration("sigmoid")))
        if len(y_new) >= _LEAST_FOR_ISOTONIC:
            options.append(("isotonic calibration", _Calibration("isotonic")))
    return options


def _can_calibrate(model, y):
    counts = [int((y == label).sum()) for label in model.classes_]
    return sum(counts) == len(y) and min(counts) >= 2 * LEAST_OF_A_CLASS


class _Calibration:
    """Calibrate a frozen classifier, unless that would turn its ranking round."""

    def __init__(self, method):
        self.method = method

    def __call__(self, champion, rows):
        _, counts = np.unique(rows.y, return_counts=True)
        if len(counts) < len(champion.classes_) or counts.min() < LEAST_OF_A_CLASS:
            return None
        # What a frozen model answers does not depend on the folds: each of them is one more call.
        model = CalibratedClassifierCV(FrozenEstimator(champion), method=self.method, cv=2)
        model.fit(rows.X, rows.y)
        before, after = _scores(champion, rows.X), model.predict_proba(rows.X)
        together = ((before - before.mean(axis=0)) * (after - after.mean(axis=0))).sum()
        return None if together < 0 else model


def _scores(model, X):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)
    scores = model.decision_function(X)
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores


class _PriorCorrection:
    """Weigh the probabilities of a classifier by how much more frequent each class is now."""

    def __init__(self, y_old):
        self.y_old = y_old

    def __call__(self, champion, rows):
        shares = [
            np.array([(y == label).sum() + 1.0 for label in champion.classes_])
            for y in (self.y_old, rows.y)
        ]
        weights = (shares[1] / shares[1].sum()) / (shares[0] / shares[0].sum())
        return _PriorCorrected(champion, weights)


class _PriorCorrected(ClassifierMixin, BaseEstimator):
    def __init__(self, estimator, weights):
        self.estimator = estimator
        self.weights = weights

    @property
    def classes_(self):
        return self.estimator.classes_

    def predict_proba(self, X):
        weighted = self.estimator.predict_proba(X) * self.weights
        return weighted / weighted.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def shifted(champion, rows):
    """Return a regressor whose median residual on these rows is zero."""
    predicted = np.asarray(champion.predict(rows.X), dtype=float)
    return _LinearlyCorrected(champion, 1.0, float(np.median(rows.y - predicted)))


def fitted_line(champion, rows):
    """Return a regressor corrected by a rising line, or None if there is none."""
    predicted = np.asarray(champion.predict(rows.X), dtype=float)
    if np.ptp(predicted) == 0:
        return None
    slope, intercept = np.polyfit(predicted, rows.y, 1)
    return _LinearlyCorrected(champion, slope, intercept) if slope > 0 else None


class _LinearlyCorrected(RegressorMixin, BaseEstimator):
    def __init__(self, estimator, slope, intercept):
        self.estimator = estimator
        self.slope = slope
        self.intercept = intercept

    def predict(self, X):
        return self.slope * np.asarray(self.estimator.predict(X)) + self.intercept
