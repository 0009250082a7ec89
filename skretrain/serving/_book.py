"""The rows whose labels are awaited, and those resolved lately: bounded, found by their ids."""

from itertools import islice
from typing import NamedTuple

import numpy as np

from ..buffers._store import Store
from ..utils._containers import common_dtype, n_rows, writable
from ..utils._params import refuse
from ..utils._plain import Plain
from ._ids import as_list, new_ids, repeated_in, shown

PENDING, RESOLVED, GONE = 0, 1, 2
_LEAST_FATES = 1000
# Columns of the ledger's own; no keyword argument has such a name.
_AT, _VERSION, _ID = "(at)", "(version)", "(id)"
_OWN = (_AT, _VERSION, _ID)


class Entry(NamedTuple):
    """A batch of predictions, about to be remembered."""

    X: object
    y_pred: np.ndarray
    params: dict
    ids: object  # of the user, or None
    at: np.ndarray
    version: int


class Book(Plain):
    """Rows in the order of their prediction, of which at most so many are pending.

    Resolved rows stay, for corrections, until their room is needed. Rows are numbered from 0; their
    ids are these numbers or the user's own.

    A change is made to a branch (`_branched`), which then takes the place of the book, or is
    dropped if something raised. Only the tables of ids, too large to be copied each time, are those
    of both: what is to be done to them is written down, and done once the branch has taken its
    place, when an id is next looked up.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._book import Book, Entry
    >>> book = Book()
    >>> entry = Entry(np.zeros((3, 1)), np.zeros(3), {}, None, np.arange(3.0), 1)
    >>> book.append(entry, max_pending=2)
    array([0, 1, 2])
    >>> book.give_up(book.pending()[:1], "dropped")
    >>> book.status(np.array([0, 2, 3])).tolist()
    ['dropped', 'pending', 'unknown']
    """

    def __init__(self):
        self.store = Store(0)
        self.states = np.empty(0, dtype=np.int8)
        self.labels = None
        self.numbers = None  # of the rows of the user's own ids; None where ids are the numbers
        self.fates = {}  # id -> dropped or expired, of as many as rows are held
        self._clear()
        self.n_given = 0
        self.n_pending = 0

    def _branched(self):
        self._settle()
        branch = super()._branched()
        branch.store = self.store._branched()
        branch._clear()
        return branch

    def _clear(self):
        # What is still to be done to the tables: ids to be entered, and ids to be struck out, with
        # the fate to be noted. One that is in both is struck out.
        self.entered, self.struck = {}, {}

    def _settle(self):
        """Bring the tables of ids up to date; it may be begun again at any point."""
        if self.numbers is not None:
            self.numbers.update(self.entered)
            for name in self.struck:
                self.numbers.pop(name, None)
        self.fates.update({name: fate for name, fate in self.struck.items() if fate})
        self._clear()
        surplus = max(len(self.fates) - max(self.store.end, _LEAST_FATES), 0)
        for name in list(islice(self.fates, surplus)):
            del self.fates[name]

    def _state_to_save(self):
        self._settle()
        state = super()._state_to_save()
        del state["entered"], state["struck"]
        return state

    def _restore(self, state):
        super()._restore(state)
        self._clear()

    # -- ids -----------------------------------------------------------------------------------

    def _checked_ids(self, ids, n):
        """Return new ids of the user as a list, or None; raise where they cannot be told apart."""
        owner = "PendingLabels.predict"
        if self.n_given and (ids is None) != (self.numbers is None):
            then = "given" if ids is None else "left out"
            refuse(owner, "ids", f"{then}, as they were with the first prediction", ids)
        if ids is None:
            return None
        ids = new_ids(owner, ids, n)
        known = self.numbers or {}
        repeated = repeated_in(ids) or [each for each in ids if each in known]
        if repeated:
            raise ValueError(
                f"{owner}: {shown(repeated)} among ids {'is' if len(repeated) == 1 else 'are'} in "
                "use already: give every row an id of its own, or none at all."
            )
        return ids

    def rows_of(self, owner, ids):
        """Return the numbers of rows by their ids, -1 for an id that is not held."""
        self._settle()
        if self.numbers is not None or not self.n_given:  # then ids of any kind are unknown
            numbers = map((self.numbers or {}).get, as_list(owner, ids))
            return np.array([-1 if n is None else n for n in numbers], dtype=np.int64)
        rows = np.asarray(ids)
        if rows.ndim != 1 or (len(rows) and rows.dtype.kind not in "iu"):
            refuse(owner, "ids", "a list or an array of the integers that predict gave", ids)
        return rows.astype(np.int64)

    def listed(self, owner, ids):
        """Return ids as a list of what they are known by."""
        is_number = self.numbers is None and self.n_given
        return np.asarray(ids).tolist() if is_number else as_list(owner, ids)

    def positions(self, rows):
        """Return where rows lie in the table, and which of them are held."""
        index = self.store.index[: self.store.end]
        if not len(index):
            return np.zeros(len(rows), dtype=np.intp), np.zeros(len(rows), dtype=bool)
        found = np.minimum(np.searchsorted(index, rows), len(index) - 1)
        return found, (index[found] == rows) & (self.states[found] != GONE)

    def status(self, ids):
        """Tell of each id what became of its row, in a word."""
        owner = "PendingLabels.status"
        rows = self.rows_of(owner, ids)
        positions, held = self.positions(rows)
        words = np.empty(len(rows), dtype="<U9")
        words[held] = np.where(self.states[positions[held]] == PENDING, "pending", "resolved")
        names = self.listed(owner, ids)
        for place in np.flatnonzero(~held).tolist():
            words[place] = self._fate(names[place])
        return words

    def _fate(self, name):
        given = self.numbers is None and self.n_given and 0 <= name < self.n_given
        return self.fates.get(name, "forgotten" if given else "unknown")

    def names(self, positions):
        """Return the ids of rows, an array."""
        if self.numbers is None:
            return self.store.index[positions]
        return self.store.read(_ID, positions)

    # -- what lies there -------------------------------------------------------------------------

    def pending(self):
        """Return the positions of the rows that wait, oldest first."""
        return np.flatnonzero(self.states[: self.store.end] == PENDING)

    def predictions(self, positions):
        """Return the predictions of rows."""
        return self._read("y", positions)

    def moments(self, positions):
        """Return when rows were predicted."""
        return self._read(_AT, positions)

    def versions(self, positions):
        """Return which version predicted each row."""
        return self._read(_VERSION, positions)

    def batch(self, positions):
        """Return rows and their metadata, the latter a dict."""
        names = [name for name in self.store.columns if name not in ("X", "y", *_OWN)]
        params = {name: self._read(name, positions) for name in names}
        return self._read("X", positions), params

    def _read(self, name, positions):
        # Before the first row there is no column yet, and no position.
        return self.store.read(name, positions) if self.store.columns else np.empty(0)

    # -- changes ---------------------------------------------------------------------------------

    def append(self, entry, max_pending):
        """Remember rows; more of them may wait then than should.

        Parameters
        ----------
        entry : Entry
            The batch.
        max_pending : int
            Rows to be held, as long as not more of them wait.

        Returns
        -------
        numbers : ndarray of int of shape (n,)
            The rows' numbers.
        """
        n = n_rows(entry.X)
        ids = self._checked_ids(entry.ids, n)
        own = {_AT: entry.at, _VERSION: np.full(n, entry.version, dtype=np.int64)}
        if ids is not None:
            own[_ID] = np.fromiter(ids, dtype=object, count=n)
        parts, columns = self.store.prepare(entry.X, entry.y_pred, entry.params | own)
        self.store.columns = columns
        end, numbers = self.store.end, np.arange(self.n_given, self.n_given + n)
        if end + n > self.store.capacity:
            self._compact(n, max_pending)
            end = self.store.end
        self.store.append(parts, numbers, n)
        self.states = writable(self.states)
        self.states[end : end + n] = PENDING
        if ids is not None:
            self.numbers = {} if self.numbers is None else self.numbers
            self.entered = dict(zip(ids, numbers.tolist(), strict=True))
        self.n_given += n
        self.n_pending += n
        return numbers

    def _compact(self, n_new, max_pending):
        """Make room for rows: those given up go, and the oldest of those resolved."""
        end = self.store.end
        states = self.states[:end]
        room = max(max_pending - self.n_pending - n_new, 0)
        resolved = np.flatnonzero(states == RESOLVED)
        surplus = resolved[: max(len(resolved) - room, 0)]
        if self.numbers is not None:
            self.struck |= dict.fromkeys(self.names(surplus).tolist())
        stays = states != GONE
        stays[surplus] = False
        # A slice is copied once, positions twice.
        keep = slice(0, end) if stays.all() else np.flatnonzero(stays)
        # Resolved rows stay meanwhile, for corrections.
        self.store.compact(keep, n_new, capacity=2 * (int(stays.sum()) + n_new))
        self.states = _with_room(states[keep], self.store.capacity)
        if self.labels is not None:
            self.labels = _with_room(self.labels[keep], self.store.capacity)

    def resolve(self, positions, y):
        """Note the labels of rows, new ones or others than before."""
        was_pending = self.states[positions] == PENDING
        self.n_pending -= int(was_pending.sum())
        self.states = self.states.copy()
        self.states[positions] = RESOLVED
        if not len(y):
            return
        dtype = y.dtype if self.labels is None else common_dtype(self.labels.dtype, y.dtype)
        if self.labels is None or len(self.labels) < len(self.states) or dtype != self.labels.dtype:
            labels = np.empty((len(self.states), *y.shape[1:]), dtype=dtype)
            if self.labels is not None:
                labels[: len(self.labels)] = self.labels
            self.labels = labels
        # The labels of rows that wait are arbitrary; those of others are read in the book before.
        self.labels = writable(self.labels) if was_pending.all() else self.labels.copy()
        self.labels[positions] = y

    def give_up(self, positions, fate):
        """Let go of rows that wait; of the latest of them the `fate` is remembered."""
        self.states = self.states.copy()
        self.states[positions] = GONE
        self.n_pending -= len(positions)
        self.struck |= dict.fromkeys(self.names(positions).tolist(), fate)


def _with_room(values, capacity):
    grown = np.zeros((capacity, *values.shape[1:]), dtype=values.dtype)
    grown[: len(values)] = values
    return grown
