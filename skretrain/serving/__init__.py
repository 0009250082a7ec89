"""What a model in service needs: state on disk, versions, retrains beside it, late labels."""

from ._background import BackgroundRetrainer
from ._checkpoint import checkpoint_info, load, save
from ._expected_performance import ExpectedPerformance
from ._export import export
from ._measures import PerformanceEstimate
from ._on_event import on_event
from ._pending_labels import PendingLabels
from ._prometheus import prometheus_text
from ._segments import DistributedSegments, SegmentedRetrainer
from ._select_for_labelling import select_for_labelling
from ._trusted_types import trusted_types
from ._version_store import VersionStore

__all__ = [
    "BackgroundRetrainer",
    "DistributedSegments",
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "SegmentedRetrainer",
    "VersionStore",
    "checkpoint_info",
    "export",
    "load",
    "on_event",
    "prometheus_text",
    "save",
    "select_for_labelling",
    "trusted_types",
]
