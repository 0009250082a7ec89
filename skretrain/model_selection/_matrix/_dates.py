"""When the chunks of a matrix came, and what is known when one of them comes."""

import numpy as np

from ...utils._durations import Duration
from .._timing import checked_lengths, n_before
from ._replay import FIRST


def moments_of_chunks(worker):
    """Return when the first and the last row of each chunk came; empty without dates."""
    moments, edges = worker.history.moments, worker.edges
    if moments is None:
        return np.empty((0, 2), dtype="datetime64[us]")
    return np.column_stack([moments[edges[:-1]], moments[edges[1:] - 1]])


def known_chunks(matrix, label_delay):
    """Return for each chunk how many of those before it are known when it comes.

    Parameters
    ----------
    matrix : RetrainMatrix
        Fitted.
    label_delay : int, str, timedelta or ndarray
        As :meth:`RetrainMatrix.replay` takes it; or the answer, worked out elsewhere.

    Returns
    -------
    known : ndarray of shape (n_chunks,)
        At least 1: the first.
    """
    if isinstance(label_delay, np.ndarray):
        return label_delay
    firsts, lasts = matrix.chunk_moments_.T
    times = firsts if len(firsts) else None
    delay = checked_lengths("RetrainMatrix", times, label_delay=label_delay)["label_delay"]
    edges, chunk = matrix.edges_, matrix._chunk
    if isinstance(delay, Duration):
        known = n_before(lasts, firsts, delay)
    elif isinstance(chunk, int) and delay % chunk:
        raise ValueError(
            f"label_delay={label_delay}: a matrix knows time in chunks only; pass a multiple of "
            f"chunk={chunk}."
        )
    else:
        known = np.searchsorted(edges, edges[:-1] - delay, side="right") - 1
    return np.clip(known, FIRST, np.maximum(np.arange(len(known)), FIRST))


def as_text(length):
    """Return a Duration as text, for a file, and anything else as it is."""
    return str(length) if isinstance(length, Duration) else length
