"""What sklearn.metrics lacks for streams."""

from ._forgetting import (
    backward_transfer,
    churn,
    forgetting,
    forward_transfer,
    negative_flip_rate,
    reentry_error,
)
from ._temporal import kappa_temporal, no_change_predict

__all__ = [
    "backward_transfer",
    "churn",
    "forgetting",
    "forward_transfer",
    "kappa_temporal",
    "negative_flip_rate",
    "no_change_predict",
    "reentry_error",
]
