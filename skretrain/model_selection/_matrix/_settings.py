"""The parameters of a matrix, checked."""

from ...utils._labels import is_missing
from ...utils._losses import task_of, zero_one_loss_per_row
from ...utils._params import check_flag, check_integer, check_n_jobs, is_integer, refuse
from .._edges import edges_of
from ._losses import DEFAULT_LOSSES, LOSSES


def check_sizes(matrix):
    """Refuse sizes that are no whole numbers of rows or chunks, and other junk."""
    rows = "a number of rows"
    check_integer(matrix, "chunk", least=1, what=rows)
    check_integer(matrix, "initial_size", least=1, what=rows, otherwise=(None,))
    check_integer(matrix, "stride", least=1, what="a number of chunks")
    check_flag(matrix, "halving")
    check_n_jobs(matrix)


def checked_edges(matrix, size):
    """Return where the chunks begin and end, the last of which must be there to serve."""
    head = matrix.chunk if matrix.initial_size is None else matrix.initial_size
    edges = edges_of(size, min(head, size), matrix.chunk, matrix._time)
    if edges[1] >= size:
        name = "chunk" if matrix.initial_size is None else "initial_size"
        whole = "" if matrix._time is None else ", with the rest of its last time,"
        raise ValueError(f"{name}={head}{whole} leaves none of the {size} rows to serve: lower it.")
    return edges


def checked_windows(windows):
    """Return the windows as a list of int or "all"."""
    is_sequence = isinstance(windows, (list, tuple)) and len(windows) > 0
    valid = is_sequence and all(
        window == "all" if isinstance(window, str) else is_integer(window, least=1)
        for window in windows
    )
    if not valid:
        accepted = "a list of numbers of rows, at least 1, or 'all'"
        refuse("RetrainMatrix", "windows", accepted, windows)
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
        refuse("RetrainMatrix", "loss", f"one of {sorted(LOSSES)}, a callable or None", loss)
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
