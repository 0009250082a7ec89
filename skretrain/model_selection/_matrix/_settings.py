"""The parameters of a matrix, checked."""

from ...utils._durations import duration_of
from ...utils._labels import is_missing
from ...utils._losses import task_of, zero_one_loss_per_row
from ...utils._params import check_flag, check_integer, check_n_jobs, is_integer, refuse
from .._timing import checked_lengths, cut
from ._losses import DEFAULT_LOSSES, LOSSES


def check_sizes(matrix):
    """Refuse what is no number of chunks, and other junk."""
    check_integer(matrix, "stride", least=1, what="a number of chunks")
    check_flag(matrix, "halving")
    check_n_jobs(matrix)


def checked_edges(matrix, size, times):
    """Return where the chunks begin and end, the last of which must be there to serve."""
    lengths = {"chunk": matrix.chunk, "initial_size": matrix.initial_size}
    lengths = checked_lengths(matrix, times, **lengths)
    edges = cut(size, lengths["initial_size"], lengths["chunk"], times)
    if edges[1] >= size:
        name = "chunk" if matrix.initial_size is None else "initial_size"
        whole = "" if times is None else ", with the rest of its last time,"
        raise ValueError(
            f"{name}={getattr(matrix, name)}{whole} leaves none of the {size} rows to serve: lower "
            "it."
        )
    return edges


def checked_windows(windows, moments=None):
    """Return the windows as a list of int, "all" or, where rows have dates, Duration."""
    is_sequence = isinstance(windows, (list, tuple)) and len(windows) > 0
    found = [_checked_window(window, moments) for window in windows] if is_sequence else [None]
    if None in found:
        accepted = "a list of numbers of rows, at least 1, of 'all' or, with times that are dates, "
        refuse("RetrainMatrix", "windows", accepted + "of durations such as '90d'", windows)
    if len(set(found)) < len(found):
        raise ValueError(f"windows={windows!r} names a window twice: leave one out.")
    return found


def _checked_window(window, moments):
    if isinstance(window, str) and window == "all":
        return window
    if is_integer(window, least=1):
        return int(window)
    return None if moments is None else duration_of(window)


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
