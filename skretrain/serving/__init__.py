"""What a model in service needs where labels are late, missing or few."""

from ._expected_performance import ExpectedPerformance, PerformanceEstimate
from ._pending_labels import PendingLabels
from ._select_for_labelling import select_for_labelling
from ._trusted_types import trusted_types

__all__ = [
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "select_for_labelling",
    "trusted_types",
]
