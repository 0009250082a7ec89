"""Losses per row by their names."""

import numpy as np

from ...utils._losses import absolute_loss_per_row, zero_one_loss_per_row


def _squared_loss_per_row(y_true, y_pred):
    with np.errstate(over="ignore", invalid="ignore"):
        loss = (y_true - np.asarray(y_pred).reshape(y_true.shape)) ** 2
    loss = np.where(np.isnan(loss), np.inf, loss)
    return loss.mean(axis=1) if loss.ndim > 1 else loss


LOSSES = {
    "zero_one": zero_one_loss_per_row,
    "absolute_error": absolute_loss_per_row,
    "squared_error": _squared_loss_per_row,
}
DEFAULT_LOSSES = {"classification": "zero_one", "regression": "absolute_error"}
