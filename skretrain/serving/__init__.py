"""What a model in service needs where labels are late, missing or few."""

from ._expected_performance import ExpectedPerformance, PerformanceEstimate
from ._on_event import on_event
from ._pending_labels import PendingLabels
from ._prometheus import prometheus_text
from ._select_for_labelling import select_for_labelling

__all__ = [
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "on_event",
    "prometheus_text",
    "select_for_labelling",
]
