"""Every model that a schedule of refits could serve, fitted once, and schedules replayed."""

from ._answers import AnswersMatrix
from ._losses import LOSSES
from ._replay import ReplayResult, ReplayState
from ._retrain_matrix import RetrainMatrix
from ._streamed import MOST_FITS, StreamedMatrix

__all__ = [
    "LOSSES",
    "MOST_FITS",
    "AnswersMatrix",
    "ReplayResult",
    "ReplayState",
    "RetrainMatrix",
    "StreamedMatrix",
]
