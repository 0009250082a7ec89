"""Linear models that go on learning, exactly and for ever; no retraining inside."""

from ._recursive_ridge import RecursiveRidgeClassifier, RecursiveRidgeRegressor

__all__ = ["RecursiveRidgeClassifier", "RecursiveRidgeRegressor"]
