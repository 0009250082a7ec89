"""A read-only view of a buffer: what a policy may see of the memory."""

import numpy as np

from ..utils._plain import Plain
from ._base import part_of


class Memory(Plain):
    """What a buffer remembers, to be read and not to be changed.

    It follows the buffer until :meth:`pinned` is asked for: that one stays as it is, and can be
    sent to another process without the buffer. As rows handed out never change, pinning a sliding
    window copies nothing.

    Parameters
    ----------
    buffer : BaseBuffer
        Where the rows are.

    Attributes
    ----------
    max_rows : int
        Number of rows that the buffer can hold.
    keeps_newest : bool
        Whether it holds the newest rows of the stream, so that each batch pushes the oldest out.
    concepts_recur : bool
        Whether it holds rows because what they show comes back.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.buffers import Memory, SlidingWindow
    >>> buffer = SlidingWindow(max_rows=3).add(np.arange(3.0).reshape(-1, 1))
    >>> memory = Memory(buffer).pinned()
    >>> buffer = buffer.add(np.array([[3.0]]))
    >>> buffer.index, memory.index, memory.latest(1).X
    (array([1, 2, 3]), array([0, 1, 2]), array([[2.]]))
    """

    def __init__(self, buffer):
        self.max_rows = buffer.max_rows
        self.keeps_newest = buffer.keeps_newest
        self.concepts_recur = buffer.concepts_recur
        self._source = buffer

    @classmethod
    def of(cls, rows, *, max_rows=None, sampling_weights=None):
        """Return a memory that holds the given rows and no others.

        Parameters
        ----------
        rows : Rows
            In time order.
        max_rows : int or None, default=None
            Number of rows that it could hold; None is no bound.
        sampling_weights : ndarray of shape (n_rows,) or None, default=None
            How many rows each of them stands for; None is 1.

        Returns
        -------
        memory : Memory
            Pinned.
        """
        memory = cls.__new__(cls)
        memory.max_rows = np.iinfo(np.int64).max if max_rows is None else max_rows
        memory.keeps_newest = memory.concepts_recur = False
        if sampling_weights is None:
            sampling_weights = np.ones(len(rows.index))
        memory._source = _Pinned(rows, sampling_weights)
        return memory

    def pinned(self):
        """Return a memory that stays as this one is now.

        Returns
        -------
        memory : Memory
            It holds rows, and no buffer.
        """
        weights = self.sampling_weights
        memory = self.of(self.latest(), max_rows=self.max_rows, sampling_weights=weights)
        memory.keeps_newest, memory.concepts_recur = self.keeps_newest, self.concepts_recur
        return memory

    def latest(self, n=None):
        """Return the newest rows.

        Parameters
        ----------
        n : int or None, default=None
            How many; None, or more than there are, means all.

        Returns
        -------
        rows : Rows
            In time order.
        """
        return self._source.latest(n)

    def since(self, row):
        """Return the rows that came at a stream row or later.

        Parameters
        ----------
        row : int
            The stream row.

        Returns
        -------
        rows : Rows
            In time order; possibly none.
        """
        return self._source.since(row)

    def take(self, positions):
        """Return rows by position.

        Parameters
        ----------
        positions : array-like of int
            Positions in time order, 0 being the oldest row.

        Returns
        -------
        rows : Rows
            In the order asked for.
        """
        return self._source.take(positions)

    @property
    def index(self):
        """Stream rows remembered, in time order; ndarray of int64."""
        return self._source.index

    @property
    def y(self):
        """Targets remembered, in time order; ndarray, or None if there are none."""
        return self._source.y

    @property
    def sampling_weights(self):
        """How many rows of the stream each remembered row stands for; ndarray of floats."""
        return self._source.sampling_weights

    def __len__(self):
        return len(self._source.index)


class _Pinned(Plain):
    """Rows, read as a buffer is read."""

    def __init__(self, rows, sampling_weights):
        self.rows, self.sampling_weights = rows, sampling_weights
        self.index, self.y = rows.index, rows.y

    def latest(self, n=None):
        size = len(self.index)
        return self.rows if n is None or n >= size else part_of(self.rows, slice(size - n, size))

    def since(self, row):
        return self.latest(len(self.index) - int(self.index.searchsorted(row)))

    def take(self, positions):
        return part_of(self.rows, positions)
