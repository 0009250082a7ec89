"""What sklearn.metrics lacks for streams."""

from ._temporal import kappa_temporal, no_change_predict

__all__ = ["kappa_temporal", "no_change_predict"]
