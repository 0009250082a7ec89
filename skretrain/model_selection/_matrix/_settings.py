"""The parameters of a matrix, checked."""

import numbers

from ...utils._labels import is_missing
from ...utils._losses import task_of, zero_one_loss_per_row
from .._stream import check_stream_size
from ._losses import DEFAULT_LOSSES, LOSSES


def check_sizes(chunk, initial_size, stride):
    """Refuse sizes that are no whole numbers of rows or chunks."""
    check_stream_size("chunk", chunk, least=1)
    if initial_size is not None:
        check_stream_size("initial_size", initial_size, least=1)
    if isinstance(stride, bool) or not isinstance(stride, numbers.Integral) or stride < 1:
        raise ValueError(f"stride={stride!r}: stride must be a number of chunks, at least 1.")


def checked_windows(windows):
    """Return the windows as a list of int or "all"."""
    is_sequence = isinstance(windows, (list, tuple)) and len(windows) > 0
    valid = is_sequence and all(
        window == "all"
        if isinstance(window, str)
        else isinstance(window, numbers.Integral) and not isinstance(window, bool) and window >= 1
        for window in windows
    )
    if not valid:
        raise ValueError(
            f"windows={windows!r}: windows must be a list of numbers of rows, at least 1, or 'all'."
        )
    windows = [window if window == "all" else int(window) for window in windows]
    if len(set(windows)) < len(windows):
        raise ValueError(f"windows={windows!r} names a window twice: leave one out.")
    return windows


def loss_function(loss, estimator):
    """Return the loss per row."""
    if loss is None:
        loss = DEFAULT_LOSSES.get(task_of(estimator))
    if loss is None:
        raise ValueError(
            f"loss=None has no meaning for {type(estimator).__name__}, which is neither a "
            "classifier nor a regressor: pass a callable."
        )
    if callable(loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"loss={loss!r} is unknown: pass one of {sorted(LOSSES)} or a callable.")
    return LOSSES[loss]


def check_targets(y, name, loss):
    """Refuse targets that are missing, or of which a loss can make nothing."""
    missing = int(is_missing(y).sum())
    if missing:
        raise ValueError(
            f"y has {missing:,} missing or infinite value(s); leave out the rows without a target."
        )
    if loss is not zero_one_loss_per_row and y.dtype.kind in "bUS":
        first = y.ravel()[:1].tolist()[0]
        raise ValueError(
            f"loss={name!r} needs numbers as targets, and y holds {first!r}; "
            "pass loss='zero_one' or numbers."
        )
