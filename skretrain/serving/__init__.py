"""What a model in service needs: state that outlives the process, and labels that are late."""

from ._background import BackgroundRetrainer
from ._checkpoint import checkpoint_info, load, save
from ._expected_performance import ExpectedPerformance, PerformanceEstimate
from ._pending_labels import PendingLabels
from ._select_for_labelling import select_for_labelling
from ._version_store import VersionStore

__all__ = [
    "BackgroundRetrainer",
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "VersionStore",
    "checkpoint_info",
    "load",
    "save",
    "select_for_labelling",
]
