"""What a model in service needs: state that outlives the process, and labels that are late."""

from ._checkpoint import checkpoint_info, load, save
from ._expected_performance import ExpectedPerformance, PerformanceEstimate
from ._export import export
from ._pending_labels import PendingLabels
from ._select_for_labelling import select_for_labelling
from ._trusted_types import trusted_types

__all__ = [
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "checkpoint_info",
    "export",
    "load",
    "save",
    "select_for_labelling",
    "trusted_types",
]
