"""What a model in service needs: state that outlives the process, and labels that are late."""

from ._checkpoint import checkpoint_info, load, save
from ._expected_performance import ExpectedPerformance, PerformanceEstimate
from ._on_event import on_event
from ._pending_labels import PendingLabels
from ._prometheus import prometheus_text
from ._select_for_labelling import select_for_labelling
from ._trusted_types import trusted_types

__all__ = [
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "checkpoint_info",
    "load",
    "on_event",
    "prometheus_text",
    "save",
    "select_for_labelling",
    "trusted_types",
]
