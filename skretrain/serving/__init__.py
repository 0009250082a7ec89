"""What a model in service needs where labels are late, missing or few, and in production."""

from ._expected_performance import ExpectedPerformance, PerformanceEstimate
from ._export import export
from ._pending_labels import PendingLabels
from ._select_for_labelling import select_for_labelling

__all__ = [
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "export",
    "select_for_labelling",
]
