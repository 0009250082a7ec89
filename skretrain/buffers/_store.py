"""Storage shared by the buffers: an append-only table of rows in any container."""

import numpy as np

from ..utils._containers import (
    ARRAY,
    SPARSE,
    ColumnTypes,
    check_row_shapes,
    common_dtype,
    concat_rows,
    copy_rows,
    drop_index,
    fit_together,
    kind_of,
    n_bytes,
    n_rows,
    row_schema,
    take_rows,
    to_kind_of,
    widest,
    with_schema_of,
    writable,
)
from ..utils._plain import Plain

# So many chunks of one level are joined into one of the next: one-row batches then cost
# O(log n) per row, and one join of the container's library per batch at most every eighth time.
_FAN_IN = 8
# Room beyond what is alive, as a share of it: a row is moved four times until it is forgotten.
_SPARE, _LEAST_SPARE = 0.25, 16


class Store(Plain):
    """Append-only table of rows: `X`, `y`, the metadata and the stream row of each.

    Positions count the stored rows in the order of appending. The owner says which of them are
    alive when it makes room (`compact`); until then dead rows stay where they are, in the state
    that is saved, too: there, rows of before are the same bytes in the same places. Beyond what is
    alive there is room for a quarter of it. What was handed out never changes: rows are written
    only into spare capacity, and compaction allocates anew.

    Parameters
    ----------
    max_rows : int
        Number of rows the owner keeps alive at most.

    Attributes
    ----------
    end : int
        Number of rows stored.
    capacity : int
        Number of rows that fit without compaction.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.buffers._store import Store
    >>> store = Store(10)
    >>> parts, columns = store.prepare(np.zeros((4, 2)), None, {})
    >>> store.columns = columns
    >>> store.compact(slice(0, 0), 4)
    >>> store.append(parts, np.arange(4), 4)
    >>> store.end
    4
    """

    def __init__(self, max_rows):
        self.max_rows = max_rows
        self.columns = {}
        self.index = np.empty(0, dtype=np.int64)
        self.end = 0
        self.capacity = 0

    @property
    def nbytes(self):
        """Bytes held, an int."""
        return self.index.nbytes + sum(column.nbytes for column in self.columns.values())

    def prepare(self, X, y, params):
        """Tell how a batch fits, without changing anything.

        Parameters
        ----------
        X : container
            The rows.
        y : array-like or None
            The targets.
        params : dict of str to container, or None
            The metadata; entries that are None count as missing.

        Returns
        -------
        parts : dict of str to container
            The batch, by column, ready to be written.
        columns : dict of str to column
            Columns that hold both the stored rows and such parts.

        Raises
        ------
        ValueError
            If the batch does not fit the rows stored.
        """
        parts = _as_parts(X, y, params)
        if self._accepts(parts):
            return parts, self.columns
        _check_lengths(parts)
        if not self.columns:
            return parts, {name: _new_column(part) for name, part in parts.items()}
        columns = self._with_same_names(parts)
        for name, part in parts.items():
            if not columns[name].accepts(part, n_rows(part)):
                columns[name], parts[name] = _adapted(name, columns[name], part, self.end)
        return parts, columns

    def _accepts(self, parts):
        """Tell whether a batch can be written as it is: the path of nearly every batch."""
        columns = self.columns
        if len(columns) != len(parts):
            return False
        n = n_rows(parts["X"])
        for name, part in parts.items():
            column = columns.get(name)
            if column is None or not column.accepts(part, n):
                return False
        return True

    def _with_same_names(self, parts):
        """Let missing weights be 1 on either side, and refuse every other difference."""
        columns = dict(self.columns)
        if "sample_weight" in columns:
            parts.setdefault("sample_weight", np.ones(n_rows(parts["X"])))
        elif "sample_weight" in parts:
            columns["sample_weight"] = ArrayColumn(np.ones(self.capacity))
        for name in sorted(parts.keys() ^ columns.keys()):
            here, there = ("given", "missing") if name in parts else ("missing", "given")
            raise ValueError(
                f"{name!r} is {here} with this batch but was {there} with the rows remembered: "
                "pass it with every call."
            )
        return columns

    def append(self, parts, index, n):
        """Write rows after the last; the capacity must allow for them.

        Parameters
        ----------
        parts : dict of str to container
            Rows by column, as prepared.
        index : ndarray of shape (n,), or int if there is one row
            Their stream rows.
        n : int
            Number of rows.
        """
        end = self.end
        stop = end + n
        if stop > len(self.index):
            self._take_room()
        for name, column in self.columns.items():
            column.write(parts[name], end, stop)
        self.index = writable(self.index)  # state that was memory-mapped is not
        self.index[end:stop] = index
        self.end = stop

    def compact(self, key, n_new, *, capacity=None):
        """Keep some rows only, and make room.

        Parameters
        ----------
        key : slice or ndarray of int
            Positions of the rows to keep, in ascending order. They become 0, 1, 2, ...
        n_new : int
            Number of rows about to be appended.
        capacity : int or None, default=None
            Rows to have room for. None is a quarter more than are then alive.
        """
        index = self.index[: self.end][key]
        alive = len(index) + n_new
        if capacity is None:
            capacity = alive + max(int(_SPARE * alive), _LEAST_SPARE)
        self.columns = {
            name: column.compacted(key, self.end, capacity) for name, column in self.columns.items()
        }
        self.index = _with_capacity(index, capacity)
        self.end, self.capacity = len(index), capacity

    def _take_room(self):
        """Allocate the room that was not saved.

        To compact instead would move all rows whenever a state is read and goes on: whoever keeps
        it in pieces would find none as it was.
        """
        end, capacity = self.end, self.capacity
        self.columns = {
            name: column.with_room(end, capacity) for name, column in self.columns.items()
        }
        self.index = _with_capacity(self.index[:end], capacity)  # last: it tells whether all have

    def read(self, name, key):
        """Read rows of one column.

        Parameters
        ----------
        name : str
            The column.
        key : slice or ndarray of int
            Positions.

        Returns
        -------
        rows : container
            The rows. Slices of arrays are read-only views.
        """
        return self.columns[name].read(key, self.end)

    def _branched(self):
        branch = super()._branched()
        branch.columns = {name: column._branched() for name, column in self.columns.items()}
        return branch

    def _state_to_save(self):
        """Return the state without spare capacity, whose content is arbitrary.

        Of stream rows that follow each other, the first and the end say all.
        """
        index = self.index[: self.end]
        if len(index) and len(index) == index[-1] + 1 - index[0] and (np.diff(index) == 1).all():
            index = (int(index[0]), int(index[-1]) + 1)
        columns = {name: column.trimmed(self.end) for name, column in self.columns.items()}
        return {**self.__dict__, "columns": columns, "index": index}

    def _restore(self, state):
        super()._restore(state)
        if isinstance(self.index, tuple):
            self.index = np.arange(*self.index, dtype=np.int64)
        vars(self).setdefault("capacity", len(self.index))  # older states lack it


def _as_parts(X, y, params):
    """The batch as one dict of containers, without what is missing."""
    parts = {"X": X if type(X) is np.ndarray else _plain(X)}
    if y is not None:
        # Lists and series of targets become arrays: they are labels or numbers, never rows.
        parts["y"] = y if type(y) is np.ndarray or kind_of(y) == SPARSE else np.asarray(y)
    if params:
        for name, value in params.items():
            if value is not None:
                parts[name] = np.asarray(value) if name == "sample_weight" else _plain(value)
    return parts


def _plain(value):
    """A foreign array, or a subclass of ndarray, as an ndarray."""
    return np.asarray(value) if kind_of(value) == ARRAY else value


def _check_lengths(parts):
    n = n_rows(parts["X"])
    for name, part in parts.items():
        try:
            n_values = n_rows(part)
        except TypeError:
            raise ValueError(
                f"{name!r} must have one value per row, got {part!r}: "
                "repeat it for every row, or set it on the estimator."
            ) from None
        if n_values != n:
            raise ValueError(
                f"{name!r} has {n_values} rows, but X has {n}: pass one value per row."
            )


def _adapted(name, column, part, end):
    try:
        return column.adapted(part, end)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name!r} does not fit the rows remembered: {error}") from error


def _new_column(part):
    if kind_of(part) == ARRAY:
        return ArrayColumn(np.empty((0, *part.shape[1:]), dtype=part.dtype))
    return ChunkColumn(take_rows(part, slice(0, 0)))


def _kept(chunk, part):
    """Return the rows of a chunk that a slice has; a copy, if others are to be forgotten."""
    if part.stop - part.start == n_rows(chunk):
        return chunk
    return copy_rows(take_rows(chunk, part))


def _with_capacity(values, capacity):
    grown = np.empty((capacity, *values.shape[1:]), dtype=values.dtype)
    grown[: len(values)] = values
    return grown


class ArrayColumn(Plain):
    """Rows of an ndarray in one preallocated array.

    Parameters
    ----------
    values : ndarray of shape (capacity, ...)
        The rows, followed by spare capacity.
    """

    def __init__(self, values):
        self.values = values
        self.dtype = values.dtype
        self.row_shape = values.shape[1:]

    @property
    def nbytes(self):
        """Bytes held, an int."""
        return self.values.nbytes

    def accepts(self, part, n):
        """Tell whether `part` has `n` rows that can be written as they are."""
        return (
            type(part) is np.ndarray
            and part.dtype == self.dtype
            and part.shape == (n, *self.row_shape)
        )

    def adapted(self, part, end):
        """Return a column that holds these rows and can take `part`, and the part for it."""
        rows = self.values[:end]
        check_row_shapes([rows, part])
        if kind_of(part) == ARRAY:
            dtype = common_dtype(self.dtype, part.dtype)
            if dtype == self.dtype:
                return self, part.astype(dtype)
            values = np.empty(self.values.shape, dtype=dtype)
            values[:end] = rows
            return ArrayColumn(values), part.astype(dtype)
        rows = to_kind_of(rows, part)
        return ChunkColumn(take_rows(rows, slice(0, 0)), [copy_rows(rows)]).adapted(part, end)

    def write(self, part, end, stop):
        """Write `part` at positions `end` to `stop`."""
        self.values = writable(self.values)
        self.values[end:stop] = part

    def read(self, key, end):
        """Return rows; slices are views, read-only so that no estimator can alter the memory."""
        rows = self.values[:end][key]
        if isinstance(key, slice):
            rows.flags.writeable = False
        return rows

    def compacted(self, key, end, capacity):
        """Return a column of the rows at `key`, with room for `capacity` rows."""
        return ArrayColumn(_with_capacity(self.values[:end][key], capacity))

    def with_room(self, end, capacity):
        """Return the column with room for `capacity` rows."""
        return ArrayColumn(_with_capacity(self.values[:end], capacity))

    def trimmed(self, end):
        """Return the column without spare capacity."""
        return ArrayColumn(self.values[:end])


class ChunkColumn(Plain):
    """Rows of any other container, as chunks that are joined geometrically.

    Parameters
    ----------
    head : container
        No rows, with the data types that all chunks are read in.
    chunks : list of containers, default=()
        The rows.
    levels : list of int, default=()
        How often each chunk was joined from smaller ones.
    is_mixed : bool, default=False
        Whether chunks may be of earlier types than the head.
    """

    def __init__(self, head, chunks=(), levels=(), *, is_mixed=False):
        self.head = head
        self.schema = row_schema(head)
        self.types = ColumnTypes.of([head])
        self.chunks = list(chunks)
        self.is_mixed = is_mixed
        self.levels = list(levels) or [0] * len(self.chunks)

    @property
    def nbytes(self):
        """Bytes held, an int."""
        return sum(n_bytes(chunk) for chunk in self.chunks)

    def accepts(self, part, n):
        """Tell whether `part` has `n` rows that can be written as they are."""
        if self.types is not None:
            return self.types.matches(part) and n_rows(part) == n
        return row_schema(part) == self.schema and n_rows(part) == n

    def adapted(self, part, end):
        """Return a column that holds these rows and can take `part`, and the part for it."""
        check_row_shapes([self.head, part])
        like = widest([self.head, part])
        chunks = [to_kind_of(chunk, like) for chunk in self.chunks]
        head, part = to_kind_of(self.head, like), to_kind_of(part, like)
        head, part = fit_together(head, chunks, part)
        return ChunkColumn(head, chunks, self.levels, is_mixed=True), part

    def write(self, part, end, stop):
        """Write a copy of `part` after the last row."""
        self.chunks.append(copy_rows(part))
        self.levels.append(0)
        while len(self.levels) >= _FAN_IN and self.levels[-_FAN_IN] == self.levels[-1]:
            self._join_last(_FAN_IN)

    def _join_last(self, n_chunks):
        level = self.levels[-n_chunks] + 1
        self.chunks[-n_chunks:] = [self._joined(self.chunks[-n_chunks:])]
        self.levels[-n_chunks:] = [level]

    def _joined(self, parts):
        if self.is_mixed and self.types is not None:
            parts = map(self.types.aligned, parts)
        parts = list(parts)
        return with_schema_of(concat_rows(parts), self.head) if parts else self.head

    def read(self, key, end):
        """Return a copy of rows."""
        wanted = key.stop - key.start if isinstance(key, slice) else len(key)
        if len(self.chunks) > 1 and 2 * wanted >= end:
            # Reading most rows joins them anyway: keep the result for the next reader.
            self._join_last(len(self.chunks))
        stops = self._stops()
        if isinstance(key, slice):
            parts = [take_rows(chunk, part) for chunk, _, part in self._overlaps(key, stops)]
            return drop_index(self._joined(parts))
        order = np.argsort(key, kind="stable")
        rows = self._joined(self._gathered(key[order], stops))
        return drop_index(take_rows(rows, np.argsort(order)))

    def _stops(self):
        return np.cumsum([n_rows(chunk) for chunk in self.chunks], dtype=np.int64)

    def _overlaps(self, key, stops):
        """Yield each chunk that has rows of a slice, with its level, and where in it they are."""
        first = 0
        for chunk, level, stop in zip(self.chunks, self.levels, stops, strict=True):
            low, high = max(key.start, first), min(key.stop, stop)
            if low < high:
                yield chunk, level, slice(low - first, high - first)
            first = stop

    def _gathered(self, positions, stops):
        """Rows at ascending positions, chunk by chunk."""
        cuts = np.searchsorted(positions, np.concatenate([[0], stops]))
        starts = np.concatenate([[0], stops[:-1]])
        for chunk, start, low, high in zip(self.chunks, starts, cuts, cuts[1:], strict=False):
            if low < high:
                yield take_rows(chunk, positions[low:high] - start)

    def compacted(self, key, end, capacity):
        """Return a column of the rows at `key`; chunks need no spare capacity."""
        column = self._branched()
        if isinstance(key, slice):
            column.chunks, column.levels = [], []
            for chunk, level, part in self._overlaps(key, self._stops()):
                column.chunks.append(_kept(chunk, part))
                column.levels.append(level)
        else:
            rows = self.read(key, end)
            column.chunks = [copy_rows(rows)] if n_rows(rows) else []
            column.levels, column.is_mixed = [0] * len(column.chunks), False
        return column

    def _branched(self):
        branch = super()._branched()
        branch.chunks, branch.levels = self.chunks.copy(), self.levels.copy()
        return branch

    def with_room(self, end, capacity):
        """Return the column itself: each chunk has its own room."""
        return self

    def trimmed(self, end):
        """Return the column itself, which has no spare capacity."""
        return self
