"""The newest rows of the stream."""

import numpy as np

from ..utils._containers import take_rows
from ..utils._durations import FORMS, dates_in, duration_of
from ..utils._params import refuse
from ._base import BaseBuffer

_LONG_AGO = np.datetime64(-(2**62), "us")


class SlidingWindow(BaseBuffer):
    """Remember the newest rows.

    What is remembered does not depend on how the stream is cut into batches. For ndarrays the
    newest rows are one contiguous stretch of memory, so that `latest` copies nothing.

    Parameters
    ----------
    max_rows : int, default=10_000
        Number of rows to remember at most, at least 1.
    max_age : str, timedelta or None, default=None
        Also forget rows that are older, by the dates in `column`, than the newest by more than this
        duration: ``"36h"``, ``"90d"``, ``"3mo"``, or a timedelta. The newest row always stays. None
        forgets by number alone.
    column : str or None, default=None
        The column of ``X`` with the dates; rows without one are as old as the row before
        them.

    anchor : int, default=0
        Number of rows to withhold from learning, to measure on them what learning costs on what was
        known before. They are a uniform sample of the stream, at most one row in ten, and are
        predicted and scored as all others; see `anchor_`.
    anchor_tolerance : float, default=None
        Mean loss by which an update or a retrain may be worse on the anchor than the model before
        it. Beyond it there is a :class:`~skretrain.exceptions.ForgettingWarning`. None: any.

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

    def __init__(
        self, max_rows=10_000, *, max_age=None, column=None, anchor=0, anchor_tolerance=None
    ):
        super().__init__(max_rows)
        self.max_age = max_age
        self.column = column
        self.anchor = anchor
        self.anchor_tolerance = anchor_tolerance

    def _reset(self):
        self._first = 0  # stored position of the oldest row alive
        self._age = duration_of(self.max_age)
        if self.max_age is not None and self._age is None:
            refuse(self, "max_age", f"None or a duration: {FORMS}")
        if (self._age is None) != (self.column is None):
            raise ValueError(
                f"SlidingWindow(max_age={self.max_age!r}, column={self.column!r}): an age needs "
                "the column of X with the dates, and the column an age; pass both or neither."
            )
        self._moments = None if self._age is None else np.empty(0, dtype="datetime64[us]")

    def _check_columns(self, X):
        if self._age is not None:
            dates_in(self, X)

    def _check_parts(self, parts):
        self._check_columns(parts["X"])

    def _add(self, parts, n, start):
        store = self._store
        # Rows that are cut off may have the newest date.
        moments = None if self._age is None else dates_in(self, parts["X"])
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
        if moments is not None:
            self._forget_old(moments)

    def _forget_old(self, moments):
        """Forget what is too old beside the newest of rows that have come."""
        moments = np.fmax.accumulate(np.append(self._moments, moments))[-len(self) :]
        moments[np.isnat(moments)] = _LONG_AGO
        earliest = self._age.before(moments[-1:])[0]
        n_old = min(int(np.searchsorted(moments, earliest)), len(moments) - 1)
        self._moments = moments[n_old:]
        self._first += n_old

    def _state_to_save(self):
        """Return the state without the rows that are forgotten, which wait to be overwritten."""
        state = super()._state_to_save()
        if state.get("_first"):
            state |= {"_store": self._store.without_first(self._first), "_first": 0}
        return state

    def _stored(self, key):
        if isinstance(key, slice):
            return slice(self._first + key.start, self._first + key.stop)
        return self._first + key

    def __len__(self):
        """Return the number of rows remembered."""
        return self._ready().end - self._first
