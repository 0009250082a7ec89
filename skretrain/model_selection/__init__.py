"""Evaluation over time: test, then train, with labels that come late."""

from ._advise import Advice, advise
from ._class_tables import OldVersusNew
from ._compare import (
    PolicyComparison,
    PolicyRun,
    Recommendation,
    RollingChoice,
    StreamResult,
    compare_policies,
)
from ._matrix import ReplayResult, ReplayState, RetrainMatrix
from ._prequential import prequential_predict, prequential_validate
from ._result import PrequentialResult
from ._scorer import make_prequential_scorer

__all__ = [
    "Advice",
    "OldVersusNew",
    "PolicyComparison",
    "PolicyRun",
    "PrequentialResult",
    "Recommendation",
    "ReplayResult",
    "ReplayState",
    "RetrainMatrix",
    "RollingChoice",
    "StreamResult",
    "advise",
    "compare_policies",
    "make_prequential_scorer",
    "prequential_predict",
    "prequential_validate",
]
