"""One retrainer per value of a column."""

from ._estimator import SegmentedRetrainer

__all__ = ["SegmentedRetrainer"]
