"""What sklearn.metrics lacks for streams."""

from ._forgetting import (
    backward_transfer,
    churn,
    forgetting,
    forward_transfer,
    negative_flip_rate,
    reentry_error,
)
from ._price import Price
from ._slice_scores import SliceScore, slice_scores
from ._temporal import kappa_temporal, no_change_predict
from ._worst_slice import WorstSlice, find_worst_slice

__all__ = [
    "Price",
    "SliceScore",
    "WorstSlice",
    "backward_transfer",
    "churn",
    "find_worst_slice",
    "forgetting",
    "forward_transfer",
    "kappa_temporal",
    "negative_flip_rate",
    "no_change_predict",
    "reentry_error",
    "slice_scores",
]
