"""Where a history is cut into batches."""

import numpy as np
from sklearn.utils.validation import check_consistent_length

from ..utils._durations import moments_of
from ..utils._labels import is_missing


def edges_of(size, head, step, times=None):
    """Return the first row of each batch, and the number of rows.

    Parameters
    ----------
    size : int
        Rows in all.
    head, step : int
        Rows of the first batch, and of each that follows.
    times : array-like of shape (size,), default=None
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
    >>> edges_of(10, 3, 4, times=[1, 1, 1, 1, 2, 3, 3, 3, 3, 4]).tolist()
    [0, 4, 9, 10]
    """
    if times is None:
        return np.array([0, *range(head, size, step), size], dtype=np.int64)
    ends = ends_of(times)
    edges, wanted = [0], head
    while edges[-1] < size:
        edges.append(int(ends[np.searchsorted(ends, min(wanted, size))]))
        wanted = edges[-1] + step
    return np.array(edges, dtype=np.int64)


def ends_of(times):
    """Return the row after each run of rows that came together."""
    times = np.asarray(times)
    return np.append(np.flatnonzero(times[1:] != times[:-1]) + 1, len(times))


def checked_times(times, y):
    """Return the times as an array, one for each row, that never falls.

    Parameters
    ----------
    times : array-like of shape (n_rows,)
        Dates, numbers, or text, of which only neighbours are compared.
    y : array-like of shape (n_rows,)
        What there is one of for each row.
    """
    times = np.asarray(times)
    check_consistent_length(times, y)
    if times.ndim != 1:
        raise ValueError(
            f"times has the shape {times.shape}: pass one number or date for each row."
        )
    missing = np.flatnonzero(np.isnat(times) if times.dtype.kind in "mM" else is_missing(times))
    if len(missing):
        raise ValueError(f"times has no value in row {missing[0]}: leave such rows out.")
    moments = moments_of(times)
    ordered = times if moments is None else moments
    falls = np.flatnonzero(ordered[1:] < ordered[:-1]) if ordered.dtype.kind in "Mmiuf" else ()
    if len(falls):
        row = int(falls[0]) + 1
        raise ValueError(
            f"times falls in row {row}, from {times[row - 1]} to {times[row]}: sort the rows by it."
        )
    return ordered
