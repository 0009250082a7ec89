"""The newest losses together with the stream rows that they belong to."""

import numpy as np

from ..utils._containers import writable
from ..utils._plain import Plain


class LossMemory(Plain):
    """The newest `max_rows` losses and their stream rows, in at most twice that room.

    Losses and rows are forgotten together, and an append is two slice assignments: it runs once per
    call of a trigger, whatever the size of the batch.

    Parameters
    ----------
    max_rows : int
        Number of losses to remember.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._loss_memory import LossMemory
    >>> memory = LossMemory(max_rows=2)
    >>> memory.append(np.array([0.0, 1.0, 0.5]), np.array([7, 8, 9]))
    >>> memory.losses.tolist(), memory.rows.tolist()
    ([1.0, 0.5], [8, 9])
    """

    def __init__(self, max_rows):
        self.max_rows = max_rows
        self._first = self._end = 0
        self._losses = np.empty(0)
        self._rows = np.empty(0, dtype=np.int64)

    def __len__(self):
        """Return the number of losses remembered."""
        return self._end - self._first

    @property
    def losses(self):
        """Remembered losses, oldest first; an ndarray view, valid until the next append."""
        return self._losses[self._first : self._end]

    @property
    def rows(self):
        """Stream row of each loss, an ndarray view, valid until the next append."""
        return self._rows[self._first : self._end]

    @property
    def nbytes(self):
        """Bytes held, an int."""
        return self._losses.nbytes + self._rows.nbytes

    def append(self, losses, rows):
        """Remember losses.

        Parameters
        ----------
        losses : ndarray of shape (n,)
            Newest losses.
        rows : int or ndarray of shape (n,)
            Their stream rows; an int holds for all of them.
        """
        end = self._end + len(losses)
        if end > len(self._losses):
            self._make_room(len(losses))
            end = self._end + len(losses)
        self._losses, self._rows = writable(self._losses), writable(self._rows)
        self._losses[self._end : end] = losses
        self._rows[self._end : end] = rows
        self._end = end
        self._first = max(self._first, end - self.max_rows)

    def drop_before(self, position):
        """Forget the oldest `position` losses."""
        self._first += position

    def _make_room(self, n_new):
        kept = slice(self._first, self._end)
        n_kept = len(self)
        needed = n_kept + n_new
        capacity = max(needed, min(2 * needed, 2 * self.max_rows))
        for name in ("_losses", "_rows"):
            old = getattr(self, name)
            new = np.empty(capacity, dtype=old.dtype)
            new[:n_kept] = old[kept]
            setattr(self, name, new)
        self._first, self._end = 0, n_kept

    def _state_to_save(self):
        """Return the state without spare room: errors as bits, and rows by their runs."""
        rows = self.rows
        begins = np.flatnonzero(np.diff(rows, prepend=rows[:1] - 1))
        return {
            "max_rows": self.max_rows,
            "losses": _as_bits(self.losses),
            "first": rows[:1].copy(),
            "steps": _narrow(np.diff(rows[begins])),
            "lengths": _narrow(np.diff(begins, append=len(rows))),
        }

    def _restore(self, state):
        if "losses" not in state:  # saved by 0.1.0
            super()._restore(state)
            return
        self.max_rows = state["max_rows"]
        begins = np.cumsum(np.concatenate([state["first"], state["steps"]]), dtype=np.int64)
        self._rows = np.repeat(begins, state["lengths"])
        self._first, self._end = 0, len(self._rows)
        self._losses = state["losses"]
        if self._losses.dtype == np.uint8:
            self._losses = np.unpackbits(self._losses, count=self._end).astype(float)


def _as_bits(losses):
    """Return losses as bits if each is 0 or 1 to the last digit, else a copy."""
    bits = losses == 1
    same = np.array_equal(bits.astype(float).view(np.int64), losses.view(np.int64))
    return np.packbits(bits) if same else losses.copy()


def _narrow(values):
    """Return whole numbers in as few bytes as hold them."""
    for dtype in (np.uint8, np.uint16):
        narrow = values.astype(dtype)
        if np.array_equal(narrow, values):
            return narrow
    return values
