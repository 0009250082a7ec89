"""Serving: what stands between a model and the labels of its predictions."""

from ._pending_labels import PendingLabels

__all__ = ["PendingLabels"]
