"""Where a history is cut into batches."""

import numpy as np
from sklearn.utils.validation import check_consistent_length


def edges_of(size, head, step, time=None):
    """Return the first row of each batch, and the number of rows.

    Parameters
    ----------
    size : int
        Rows in all.
    head, step : int
        Rows of the first batch, and of each that follows.
    time : array-like of shape (size,), default=None
        When each row came. Each batch then goes on to the last of neighbours that came together.

    Returns
    -------
    edges : ndarray of shape (n_batches + 1,)
        Rising.

    Examples
    --------
    >>> from skretrain.model_selection._edges import edges_of
    >>> edges_of(10, 3, 4).tolist()
    [0, 3, 7, 10]
    >>> edges_of(10, 3, 4, time=[1, 1, 1, 1, 2, 3, 3, 3, 3, 4]).tolist()
    [0, 4, 9, 10]
    """
    if time is None:
        return np.array([0, *range(head, size, step), size], dtype=np.int64)
    ends = ends_of(time)
    edges, wanted = [0], head
    while edges[-1] < size:
        edges.append(int(ends[np.searchsorted(ends, min(wanted, size))]))
        wanted = edges[-1] + step
    return np.array(edges, dtype=np.int64)


def ends_of(time):
    """Return the row after each run of rows that came together."""
    time = np.asarray(time)
    return np.append(np.flatnonzero(time[1:] != time[:-1]) + 1, len(time))


def checked_time(time, y):
    """Return the times as an array, one for each row."""
    time = np.asarray(time)
    check_consistent_length(time, y)
    if time.ndim != 1:
        raise ValueError(f"time has the shape {time.shape}: pass one number or date for each row.")
    return time
