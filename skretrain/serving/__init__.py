"""What a model in service needs: late labels, background retrains, versions to go back to."""

from ._background import BackgroundRetrainer
from ._expected_performance import ExpectedPerformance
from ._measures import PerformanceEstimate
from ._pending_labels import PendingLabels
from ._select_for_labelling import select_for_labelling
from ._version_store import VersionStore

__all__ = [
    "BackgroundRetrainer",
    "ExpectedPerformance",
    "PendingLabels",
    "PerformanceEstimate",
    "VersionStore",
    "select_for_labelling",
]
