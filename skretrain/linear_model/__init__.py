"""Linear models that go on learning, exactly and for ever; no retraining inside."""

from ._classifier import RecursiveRidgeClassifier
from ._regressor import RecursiveRidgeRegressor

__all__ = ["RecursiveRidgeClassifier", "RecursiveRidgeRegressor"]
