"""One retrainer per value of a column."""

from ._distributed import DistributedSegments
from ._estimator import SegmentedRetrainer

__all__ = ["DistributedSegments", "SegmentedRetrainer"]
