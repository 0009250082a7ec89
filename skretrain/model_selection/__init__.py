"""Evaluation over time: test, then train, with labels that come late."""

from ._prequential import PrequentialResult, prequential_predict, prequential_validate
from ._scorer import make_prequential_scorer

__all__ = [
    "PrequentialResult",
    "make_prequential_scorer",
    "prequential_predict",
    "prequential_validate",
]
