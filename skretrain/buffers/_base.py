"""The contract of a buffer, and all that buffers have in common."""

import operator
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ..utils._containers import concat_rows, copy_rows, n_rows, take_rows
from ..utils._params import check_integer, check_number, refuse
from ..utils._plain import Plain
from ._anchor import Anchor
from ._store import Store
from ._undo import Undo


class Rows(NamedTuple):
    """Remembered rows, in time order.

    Attributes
    ----------
    X : ndarray, sparse matrix, data frame or list
        The features, in the container they came in, not to be written to; an empty list if the
        buffer has never seen a row.
    y : ndarray or None
        The targets, or None if the stream has none.
    params : dict of str to array
        The metadata of the rows, such as ``sample_weight``.
    index : ndarray of shape (n_rows,), int64
        The stream row of each.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.buffers import Rows
    >>> Rows(np.zeros((1, 2)), np.array([1]), {}, np.array([7])).index
    array([7])
    """

    X: Any
    y: Any
    params: dict
    index: np.ndarray


class BaseBuffer(Plain, BaseEstimator, ABC):
    """Base class of the bounded memories of a stream.

    A subclass says which rows live, by `_add` and `_stored`, and may refuse parameters or targets
    by `_reset` and `_check_parts`; storage and reading are done here. A buffer is used like a
    fitted object: `reset` makes it blank, `add` remembers a batch or, if the batch does not fit,
    raises before anything changed. It pickles at any moment and continues identically.

    An empty buffer is false in a boolean context, as any empty container: test ``is None``.

    Parameters
    ----------
    max_rows : int, default=10_000
        Number of rows to remember at most, at least 1.

    Attributes
    ----------
    keeps_newest : bool
        Whether the rows remembered are always the newest `max_rows` of the stream, but for those
        withheld.
    anchor : int
        Number of rows to withhold from learning; 0 in a subclass that has no such parameter.
    anchor_tolerance : float or None
        What an update or a retrain may cost on them, without a warning.
    concepts_recur : bool
        Whether rows are remembered because what they show comes back: then a policy may learn from
        them across a drift.

    Notes
    -----
    Rows handed out never change afterwards, and nothing that was passed to `add` is referenced.
    Columns of data frames keep the types of the first batch, widened where values ask for it; the
    levels of categorical ones are joined in the order in which they appear.
    ``sample_weight`` counts as 1 wherever it is missing; any other metadata must come with every
    batch or with none.

    Examples
    --------
    What all buffers have in common:

    >>> import numpy as np
    >>> from skretrain.buffers import BaseBuffer, SlidingWindow
    >>> buffer = SlidingWindow(max_rows=3).add(np.arange(4.0).reshape(-1, 1), np.arange(4))
    >>> isinstance(buffer, BaseBuffer), len(buffer), buffer.index
    (True, 3, array([1, 2, 3]))
    """

    keeps_newest = False
    anchor = 0
    anchor_tolerance = None
    concepts_recur = False

    def __init__(self, max_rows=10_000):
        self.max_rows = max_rows

    @abstractmethod
    def _reset(self):
        """Validate the parameters of the subclass and blank its state."""

    @abstractmethod
    def _add(self, parts, n, start):
        """Remember what the subclass wants of `n` checked rows."""

    @abstractmethod
    def _stored(self, key):
        """Translate rows in time order, a slice with bounds or an array, to stored positions."""

    @abstractmethod
    def __len__(self):
        """Return the number of rows remembered."""

    def _anchor_seed(self):
        """Return the seed of the rows to withhold, an int."""
        return 0

    def _check_columns(self, X):
        """Raise for the first rows of a stream, if they lack a column that the buffer goes by."""

    def _check_parts(self, parts):
        """Raise if the targets or the features of a batch cannot be used."""

    def reset(self):
        """Forget everything and take over the parameters.

        Returns
        -------
        self : BaseBuffer
            The buffer, blank.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        check_integer(self, "max_rows", least=1, what="the number of rows to remember")
        check_integer(self, "anchor", least=0, what="the number of rows to withhold from learning")
        what = "what learning may cost on the anchor"
        check_number(self, "anchor_tolerance", least=0, what=what, otherwise=(None,))
        if self.anchor_tolerance is not None and not self.anchor:
            refuse(self, "anchor_tolerance", "None where anchor=0 withholds no row to measure on")
        self._reset()
        self._anchor = Anchor(int(self.anchor), self._anchor_seed()) if self.anchor else None
        self._next_row = 0
        self._store = Store(int(self.max_rows))
        return self

    def _ready(self):
        """The store, after a reset if there never was one."""
        try:
            return self._store
        except AttributeError:
            return self.reset()._store

    def check(self, X, y=None, params=None):
        """Raise what `add` would raise for a batch, and change nothing.

        Parameters
        ----------
        X : ndarray, sparse matrix, data frame or list of n rows
            The features.
        y : array-like of shape (n,) or (n, n_outputs), default=None
            The targets.
        params : dict of str to array-like, default=None
            The metadata of the rows.

        Raises
        ------
        ValueError
            If the parts differ in length, or do not fit the rows remembered.
        """
        parts, _ = self._ready().prepare(X, y, params)
        self._check_parts(parts)

    def add(self, X, y=None, params=None, start=None):
        """Remember a batch, in O(rows of the batch) amortised.

        Parameters
        ----------
        X : ndarray, sparse matrix, data frame or list of n rows
            The features; copied.
        y : array-like of shape (n,) or (n, n_outputs), default=None
            The targets.
        params : dict of str to array-like, default=None
            The metadata of the rows.
        start : int, default=None
            Stream row of the first row; None continues after the batch before.

        Returns
        -------
        self : BaseBuffer
            The buffer.

        Raises
        ------
        ValueError
            If the parts differ in length, do not fit the rows remembered, or come before them.
            Nothing has changed then.
        """
        store = self._ready()
        parts, columns = store.prepare(X, y, params)
        if start is None:
            start = self._next_row
        elif start < self._next_row:
            raise ValueError(
                f"start={start} lies before row {self._next_row}, the next of the stream: add "
                "batches in time order, or reset the buffer."
            )
        self._check_parts(parts)
        n = n_rows(X)
        if n:
            with Undo(self):
                withheld = self._withhold(parts, n, start)
                store.columns = columns
                for first, stop in _runs_between(withheld, n):
                    run = parts if stop - first == n else _cut(parts, slice(first, stop))
                    self._add(run, stop - first, start + first)
                self._next_row = start + n
        return self

    def _withhold(self, parts, n, start):
        """Take the rows of a batch that nobody may learn into the anchor; return which they are."""
        if self._anchor is None:
            return ()
        index = np.arange(start, start + n)
        withheld = np.flatnonzero(self.withheld(index))
        if len(withheld):
            self._anchor.add(*self._anchor.prepared(_cut(parts, withheld), index[withheld]))
        return withheld

    def withheld(self, index):
        """Return which rows of the stream are withheld from learning.

        It depends on the number of a row, the size of the anchor and the seed alone. Of the first
        rows it is one in ten; later on the share falls as that of a sample of the stream does.

        Parameters
        ----------
        index : array-like of int of shape (n,)
            Stream rows, remembered or not.

        Returns
        -------
        withheld : ndarray of bool of shape (n,)
            No row, if `anchor` is 0.
        """
        self._ready()
        if self._anchor is None:
            return np.zeros(len(index), dtype=bool)
        return self._anchor.withheld(np.asarray(index, dtype=np.int64))

    @property
    def anchor_(self):
        """The rows withheld that are kept, a uniform sample of the stream; Rows in time order."""
        self._ready()
        if self._anchor is None:
            return _read(Store(1), slice(0, 0), np.empty(0, dtype=np.int64))
        alive, store = self._anchor.alive, self._anchor.store
        return _read(store, alive, store.index[alive])

    def _rows(self, key):
        store = self._ready()
        if not store.columns:
            return _read(store, key, np.empty(0, dtype=np.int64))
        return _read(store, self._stored(key), self.index[key])

    def latest(self, n=None):
        """Return the newest rows.

        Parameters
        ----------
        n : int, default=None
            How many; None, or more than there are, means all.

        Returns
        -------
        rows : Rows
            In time order.

        Raises
        ------
        ValueError
            If `n` is negative.
        """
        size = len(self)
        return self._rows(slice(size - _checked_count(n, size), size))

    def since(self, row):
        """Return the remembered rows that came at a stream row or later.

        Parameters
        ----------
        row : int
            The stream row.

        Returns
        -------
        rows : Rows
            In time order; possibly none.
        """
        return self._rows(slice(int(np.searchsorted(self.index, row)), len(self)))

    def take(self, positions):
        """Return rows by position.

        Parameters
        ----------
        positions : array-like of int or bool
            Positions in time order, 0 being the oldest row.

        Returns
        -------
        rows : Rows
            In the order asked for.

        Raises
        ------
        IndexError
            If a position is negative or beyond the last.
        """
        positions = np.asarray(positions)
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        positions = positions.astype(np.intp)
        if len(positions) and (positions.min() < 0 or positions.max() >= len(self)):
            raise IndexError(
                f"positions reach from {positions.min()} to {positions.max()}, but the "
                f"{len(self)} rows remembered are numbered from 0 to {len(self) - 1}."
            )
        return self._rows(positions)

    @property
    def index(self):
        """Stream rows remembered, in time order; read-only ndarray of int64."""
        index = self._ready().index[self._stored(slice(0, len(self)))]
        index.flags.writeable = False
        return index

    @property
    def y(self):
        """Targets remembered, in time order; ndarray, or None if there are none."""
        store = self._ready()
        if "y" not in store.columns:
            return None
        return store.read("y", self._stored(slice(0, len(self))))

    @property
    def sampling_weights(self):
        """How many rows each remembered row stands for; ndarray of shape (n_rows,).

        1, unless a subclass samples and says so.
        """
        return np.ones(len(self))

    @property
    def nbytes(self):
        """Bytes held, an int; objects behind references are not counted."""
        nbytes = self._ready().nbytes
        return nbytes if self._anchor is None else nbytes + self._anchor.store.nbytes


def _cut(parts, piece):
    return {name: take_rows(part, piece) for name, part in parts.items()}


def _runs_between(rows, n):
    """Return where the runs of rows begin and stop that lie between the given ones."""
    if not len(rows):
        return [(0, n)]
    runs = zip([0, *(rows + 1).tolist()], [*rows.tolist(), n])
    return [(first, stop) for first, stop in runs if first < stop]


def _read(store, stored, index):
    if not store.columns:
        return Rows([], None, {}, index)
    params = {name: store.read(name, stored) for name in store.columns}
    return Rows(params.pop("X"), params.pop("y", None), params, index)


def _checked_count(n, size):
    if n is None:
        return size
    if operator.index(n) < 0:
        raise ValueError(f"n={n} is invalid: pass the number of rows wanted, at least 0.")
    return min(operator.index(n), size)


def has_come(buffer, row):
    """Tell whether a row of the stream was added to a buffer, remembered or not."""
    return row < buffer._next_row


def joined(older, newer):
    """Return two sets of rows as one, the older first; a missing ``sample_weight`` is 1."""
    if len(older.index) == 0:
        return newer
    y = None if newer.y is None else concat_rows([older.y, newer.y])
    params = {
        name: concat_rows([_column(older, name), _column(newer, name)])
        for name in older.params.keys() | newer.params.keys()
    }
    index = np.concatenate([older.index, newer.index])
    return Rows(concat_rows([older.X, newer.X]), y, params, index)


def copied_rows(rows):
    """Return rows that no later write of the caller reaches."""
    params = {name: copy_rows(values) for name, values in rows.params.items()}
    y = None if rows.y is None else np.array(rows.y)
    return Rows(copy_rows(rows.X), y, params, rows.index)


def part_of(rows, piece):
    """Return the rows of a slice or of positions."""
    params = {name: values[piece] for name, values in rows.params.items()}
    y = None if rows.y is None else rows.y[piece]
    return Rows(take_rows(rows.X, piece), y, params, rows.index[piece])


def _column(rows, name):
    return rows.params[name] if name in rows.params else np.ones(len(rows.index))
