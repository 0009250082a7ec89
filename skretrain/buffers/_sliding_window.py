"""The newest rows of the stream."""

import numpy as np

from ..utils._containers import take_rows
from ._base import BaseBuffer


class SlidingWindow(BaseBuffer):
    """Remember the newest rows.

    What is remembered does not depend on how the stream is cut into batches. For ndarrays the
    newest rows are one contiguous stretch of memory, so that `latest` copies nothing.

    Parameters
    ----------
    max_rows : int, default=10_000
        Number of rows to remember at most, at least 1.

    See Also
    --------
    Reservoir : A sample of the whole stream.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.buffers import SlidingWindow
    >>> buffer = SlidingWindow(max_rows=3)
    >>> for start in range(0, 8, 2):
    ...     X = np.arange(start, start + 2).reshape(-1, 1)
    ...     buffer = buffer.add(X, X[:, 0] % 2, start=start)
    >>> buffer.latest().X.ravel()
    array([5, 6, 7])
    >>> buffer.since(6).y
    array([0, 1])
    """

    keeps_newest = True

    def _reset(self):
        self._first = 0  # stored position of the oldest row alive

    def _add(self, parts, n, start):
        store = self._store
        surplus = n - store.max_rows
        if surplus > 0:
            newest = slice(surplus, n)
            parts = {name: take_rows(part, newest) for name, part in parts.items()}
            n, start = store.max_rows, start + surplus
        if store.end + n > store.capacity:
            oldest = max(self._first, store.end + n - store.max_rows)
            store.compact(slice(oldest, store.end), n)
            self._first = 0
        # One row needs no array of numbers: a third of the cost of a one-row batch.
        store.append(parts, start if n == 1 else np.arange(start, start + n), n)
        if store.end - self._first > store.max_rows:
            self._first = store.end - store.max_rows

    def _stored(self, key):
        if isinstance(key, slice):
            return slice(self._first + key.start, self._first + key.stop)
        return self._first + key

    def __len__(self):
        """Return the number of rows remembered."""
        return self._ready().end - self._first
