"""How often what is replayed can be fitted, in the time and the memory that there is."""

import math
from time import perf_counter

import numpy as np
from joblib import effective_n_jobs

from .._matrix._replay import FIRST

_PROBE = 0.1  # of the chunks: where a fit is timed, beside the first
_MOST_ANSWERS = 2**27  # numbers that a matrix may keep, of 8 bytes each


def affordable_stride(matrix, X, y, times, params, *, seconds, n_seeds):
    """Return the least number of chunks between two fits that stays within what there is.

    The first fit and an early one are timed, with what they have to predict; both parts grow, or
    shrink, about in proportion to the rows before and after.

    Parameters
    ----------
    matrix : RetrainMatrix
        Blank.
    X, y, times : array-like
        The history.
    params : dict of str to ndarray
        Per-row arguments of the fits.
    seconds : float
        The time for the fits of all seeds; math.inf if it does not matter.
    n_seeds : int
        How many matrices there will be.

    Returns
    -------
    stride : int
        At least 1.
    """
    worker = matrix._checked_worker(X, y, times, params)
    n_chunks = len(worker.edges) - 1
    stride = 1
    if worker.n_answers:
        later = float((worker.edges[-1] - worker.edges[FIRST:-1]).sum())
        kept = n_seeds * worker.n_answers * len(worker.windows) * later
        stride = math.ceil(kept / _MOST_ANSWERS)
    if seconds < math.inf:
        expected = n_seeds * _seconds_in_all(worker, n_chunks)
        stride = max(stride, math.ceil(expected / (seconds * effective_n_jobs(matrix.n_jobs))))
    return min(stride, n_chunks)


def _seconds_in_all(worker, n_chunks):
    """Return how long a fit before each chunk would take."""
    early = FIRST + max(int(_PROBE * n_chunks), 1)
    first, second = (_seconds_at(worker, chunk) for chunk in (FIRST, min(early, n_chunks - 1)))
    slope = (second - first) / (early - FIRST)
    expected = first + slope * (np.arange(FIRST, n_chunks) - FIRST)
    return float(np.maximum(expected, min(first, second)).sum())


def _seconds_at(worker, chunk):
    begin = perf_counter()
    worker.cells([chunk], range(len(worker.windows)))
    return perf_counter() - begin
