"""A bounded log of array rows that reads as one contiguous array."""

import numpy as np

from ._containers import common_dtype


class ArrayLog:
    """Append-only log of the newest `max_rows` rows, readable as one contiguous array.

    Rows are numbered 0, 1, 2, ... in the order of appending. At most `2 * max_rows` rows of
    memory are held, and appending costs O(batch) amortised. A view once handed out never changes:
    making room allocates a new array instead of moving rows inside the old one.

    Parameters
    ----------
    max_rows : int
        Number of rows to remember, at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._arrays import ArrayLog
    >>> log = ArrayLog(3)
    >>> log.append(np.arange(5.0))
    >>> log.view()
    array([2., 3., 4.])
    >>> log.start
    2
    """

    def __init__(self, max_rows):
        self.max_rows = max_rows
        self.clear()

    def clear(self):
        """Forget everything; the numbering starts again at 0."""
        self._values = np.empty(0)
        self._first = self._end = 0  # the rows remembered are _values[_first:_end]
        self.start = 0

    def __len__(self):
        """Return the number of rows remembered."""
        return self._end - self._first

    @property
    def stop(self):
        """Number that the next row will get, an int."""
        return self.start + len(self)

    @property
    def nbytes(self):
        """Bytes held, an int."""
        return self._values.nbytes

    def append(self, values):
        """Append rows.

        Parameters
        ----------
        values : array-like of shape (n_rows,) or (n_rows, ...)
            Copied. A scalar counts as one row. All rows have the shape of the first; the data
            type widens when it must.

        Raises
        ------
        ValueError
            If the rows have another shape than those before; nothing has changed then.
        """
        values = np.atleast_1d(np.asarray(values))
        n_new = len(values)
        if not n_new:
            return
        if not self._end:
            self._values = np.empty((0, *values.shape[1:]), dtype=values.dtype)
        if values.shape[1:] != self._values.shape[1:]:
            raise ValueError(
                f"values has rows of shape {values.shape[1:]}, but the log holds rows of shape "
                f"{self._values.shape[1:]}: append rows of that shape, or clear the log."
            )
        dtype = self._dtype_with(values)
        if n_new > self.max_rows:
            # These would be dropped at once: count them, but never store them.
            surplus = n_new - self.max_rows
            self.drop_before(self.stop)
            self.start += surplus
            values, n_new = values[surplus:], self.max_rows
        if self._end + n_new > len(self._values) or dtype != self._values.dtype:
            self._make_room(values, dtype)
        self._values[self._end : self._end + n_new] = values
        self._end += n_new
        self.drop_before(self.stop - self.max_rows)

    def _dtype_with(self, values):
        if values.dtype == self._values.dtype:
            return values.dtype
        return common_dtype(self._values.dtype, values.dtype)

    def _make_room(self, values, dtype):
        self.drop_before(self.stop + len(values) - self.max_rows)
        kept = self.view()
        needed = len(kept) + len(values)
        capacity = max(needed, min(2 * needed, 2 * self.max_rows))
        self._values = np.empty((capacity, *values.shape[1:]), dtype=dtype)
        self._values[: len(kept)] = kept
        self._first, self._end = 0, len(kept)

    def drop_before(self, k):
        """Forget the rows numbered below `k`.

        Parameters
        ----------
        k : int
            Number of the first row to keep; numbers beyond the log empty it.
        """
        n_dropped = min(max(k - self.start, 0), len(self))
        self._first += n_dropped
        self.start += n_dropped

    def view(self):
        """Return the remembered rows.

        Returns
        -------
        values : ndarray of shape (n_rows, ...)
            Zero-copy and contiguous, oldest first; not to be written to.
        """
        return self._values[self._first : self._end]

    def __getstate__(self):
        """Return the state without spare capacity, which holds no meaning."""
        return {**self.__dict__, "_values": self.view().copy(), "_first": 0, "_end": len(self)}
