"""A random sample of the whole stream."""

import copy
import heapq
import math
from collections import OrderedDict
from itertools import repeat

import numpy as np

from ..utils._containers import take_rows
from ..utils._params import check_flag, check_number, is_flag, refuse
from ._base import BaseBuffer

# A heap entry: a tuple of two references, a float and an int.
_ENTRY_BYTES = 56 + 24 + 28


class Reservoir(BaseBuffer):
    """Remember a random sample of all rows seen.

    By default each row of the stream is remembered with the same probability, `max_rows` divided
    by the number of rows seen [1]_. What is remembered depends on the seed and on the rows, and
    not on how the stream is cut into batches. `sampling_weights` has how many rows of the stream
    each one stands for, without bias [5]_.

    Parameters
    ----------
    max_rows : int, default=10_000
        Number of rows to remember at most, at least 1.
    balance : bool, default=False
        Whether the classes share the room equally: a class with fewer rows than its share keeps
        all of them, and the rows of every other class are a uniform sample of that class [2]_.
        Needs one column of discrete labels.
    decay : float in (0, 1), default=None
        Rate at which rows are forgotten, per row of the stream. A row of age `a` has weight
        ``(1 - decay) ** a`` in a weighted sample without replacement [3]_, [4]_, so the ages
        remembered are about exponential with mean ``1 / decay`` where that is far more than
        `max_rows`; where it is far less, they are the newest rows. With `balance`, this holds
        within each class. None: age does not matter.
    anchor : int, default=0
        Number of rows to withhold from learning, to measure on them what learning costs on what was
        known before. They are a uniform sample of the stream, at most one row in ten, and are
        predicted and scored as all others; see `anchor_`.
    anchor_tolerance : float, default=None
        Mean loss by which an update or a retrain may be worse on the anchor than the model before
        it. Beyond it there is a :class:`~skretrain.exceptions.ForgettingWarning`. None: any.
    random_state : int, default=None
        Seed. None stands for one fixed stream of numbers, so that two runs agree.

    See Also
    --------
    SlidingWindow : The newest rows.
    StratifiedReservoir : As much of each season, or of each category, and the newest rows.

    References
    ----------
    .. [1] J. S. Vitter, "Random sampling with a reservoir", ACM Transactions on Mathematical
       Software 11(1), 1985 (algorithm R).
    .. [2] A. Chrysakis and M.-F. Moens, "Online continual learning from imbalanced data", ICML
       2020 (class-balancing reservoir sampling).
    .. [3] P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a reservoir",
       Information Processing Letters 97(5), 2006 (algorithm A-Res, here on the logarithm of the
       keys, so that no weight underflows).
    .. [4] G. Cormode, V. Shkapenyuk, D. Srivastava and B. Xu, "Forward decay: a practical time
       decay model for streaming systems", ICDE 2009.
    .. [5] E. Cohen and H. Kaplan, "Summarizing data using bottom-k sketches", PODC 2007 (rank
       conditioning).

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.buffers import Reservoir
    >>> X = np.arange(1000).reshape(-1, 1)
    >>> y = (X[:, 0] % 100 == 0).astype(int)
    >>> np.bincount(Reservoir(max_rows=50, random_state=0).add(X, y).y)
    array([49,  1])
    >>> np.bincount(Reservoir(max_rows=50, balance=True, random_state=0).add(X, y).y)
    array([40, 10])
    """

    def __init__(
        self,
        max_rows=10_000,
        *,
        balance=False,
        decay=None,
        anchor=0,
        anchor_tolerance=None,
        random_state=None,
    ):
        super().__init__(max_rows)
        self.balance = balance
        self.decay = decay
        self.anchor = anchor
        self.anchor_tolerance = anchor_tolerance
        self.random_state = random_state

    def _reset(self):
        check_flag(self, "balance")
        lost = "the share of weight lost per row"
        check_number(self, "decay", above=0, below=1, what=lost, otherwise=(None,))
        self._keyed = bool(self.balance) or self.decay is not None
        self._balanced = bool(self.balance)
        self._log_growth = _log_growth(self.decay)
        self._blank()

    def _blank(self):
        self._rng = self._generator()
        self._slots = np.empty(0, dtype=np.int64)  # stored position of the row in each slot
        self._size = 0
        self._n_seen = 0
        self._order = None  # positions alive in time order, when known
        self._heaps = {}  # class -> heap of (priority, slot)
        self._full = set()  # classes that are, or once were, the largest
        self._tallies = {}  # class -> [rows offered, highest priority that lost]
        self._of_size = {}  # number of rows -> the classes that have so many, the first ones first
        self._most = 0
        self._most_marked = None

    def _generator(self):
        # A copy, because drawing from a generator that was passed would alter the parameter.
        seed = 0 if self.random_state is None else copy.deepcopy(self.random_state)
        try:
            # numpy takes True for a 1.
            return np.random.default_rng("a flag" if is_flag(seed) else seed)
        except (TypeError, ValueError):
            refuse(self, "random_state", "an integer of at least 0, or None")

    def _anchor_seed(self):
        return int(self._generator().integers(2**63))

    def _check_parts(self, parts):
        if self._balanced:
            _check_labels(parts.get("y"))

    def _add(self, parts, n, start):
        size_before = self._size
        self._slots = self._slots.copy()  # those of before stay, in case the batch is not added
        if self._keyed:
            slots, rows = self._claim_by_priority(self._keys_of(parts), n, start)
        else:
            slots, rows = self._claim_uniformly(n)
        self._n_seen += n
        if len(rows):
            self._place(parts, slots, rows, start, size_before)

    def _claim_uniformly(self, n):
        """Slots claimed by the batch, and the rows of the batch that get them, ascending."""
        number = np.arange(self._n_seen, self._n_seen + n)
        claimed = np.floor(self._rng.random(n) * (number + 1)).astype(np.int64)
        max_rows = self._store.max_rows
        claimed[: max(max_rows - self._n_seen, 0)] = number[: max(max_rows - self._n_seen, 0)]
        self._size = min(self._n_seen + n, max_rows)
        rows = np.flatnonzero(claimed < max_rows)
        return _last_claims(claimed[rows], rows)

    def _keys_of(self, parts):
        """Return what class each row is of."""
        return np.ravel(parts["y"]).tolist() if self._balanced else repeat(None)

    def _claim_by_priority(self, keys, n, start):
        """Slots claimed by the batch, and the rows of the batch that get them, ascending.

        A row of weight w is kept while its priority, a Gumbel number plus log(w), is among the
        largest of its class. Only differences of log(w) matter, so the weight may grow with the
        row's number instead of shrinking with its age, and priorities never change.
        """
        number = np.arange(start, start + n)
        priorities = self._rng.gumbel(size=n) + self._log_growth * number
        claims = {}
        for row, (priority, label) in enumerate(zip(priorities.tolist(), keys, strict=False)):
            slot = self._take_in(priority, label)
            if slot is not None:
                claims[slot] = row
        slots = np.array(list(claims), dtype=np.int64)
        rows = np.array(list(claims.values()), dtype=np.int64)
        order = np.argsort(rows)
        return slots[order], rows[order]

    def _take_in(self, priority, label):
        """Slot that a new row gets, or None."""
        return self._offer(priority, label)

    def _offer(self, priority, label, own=None):
        """Let a row compete; return the slot that becomes free, or None.

        A row that lies in a slot of its own stays there if it wins, and leaves it free if not.
        """
        tally = self._tallies.setdefault(label, [0, -math.inf])
        tally[0] += 1
        if label in self._full:
            heap = self._heaps[label]
            lowest, slot = heap[0]
            if priority <= lowest:
                tally[1] = max(tally[1], priority)
                return own
            tally[1] = lowest
            heapq.heapreplace(heap, (priority, slot if own is None else own))
            return slot
        if self._size < self._store.max_rows:
            slot = self._size
            self._size += 1
        else:
            slot = self._evict_from_largest()
        heap = self._heaps.setdefault(label, [])
        heapq.heappush(heap, (priority, slot if own is None else own))
        self._note_size(label, len(heap), len(heap) - 1)
        self._most = max(self._most, len(heap))
        if self._size == self._store.max_rows:
            self._mark_full(label)
        return slot

    def _evict_from_largest(self):
        label = next(iter(self._of_size[self._most]))
        heap = self._heaps[label]
        self._tallies[label][1], slot = heapq.heappop(heap)
        self._note_size(label, len(heap), len(heap) + 1)
        if not heap:
            # More classes than room: one without rows is forgotten, or labels would pile up.
            del self._heaps[label], self._tallies[label]
            self._full.discard(label)
        if self._most not in self._of_size:
            self._most -= 1
        return slot

    def _note_size(self, label, size, before):
        # Asking all classes who is the largest would take their number of steps per row.
        if before:
            del self._of_size[before][label]
            if not self._of_size[before]:
                del self._of_size[before]
        if size:
            self._of_size.setdefault(size, OrderedDict())[label] = None

    def _mark_full(self, label):
        if self._most != self._most_marked:
            self._full.update(self._of_size[self._most])
            self._most_marked = self._most
        elif len(self._heaps[label]) == self._most:
            self._full.add(label)

    def _place(self, parts, slots, rows, start, size_before):
        store = self._store
        if store.end + len(rows) > store.capacity:
            self._make_room(slots, size_before)
        positions = np.arange(store.end, store.end + len(rows))
        accepted = {name: take_rows(part, rows) for name, part in parts.items()}
        store.append(accepted, start + rows, len(rows))
        self._slots = _grown(self._slots, self._size, store.max_rows)
        self._slots[slots] = positions
        self._order = None

    def _make_room(self, claimed, size_before):
        """Drop the rows that lost their slot, now or earlier."""
        kept_slots = np.setdiff1d(np.arange(size_before), claimed, assume_unique=True)
        kept = self._slots[kept_slots]
        order = np.argsort(kept)
        self._store.compact(kept[order], len(claimed))
        self._slots[kept_slots[order]] = np.arange(len(kept))

    def _stored(self, key):
        if self._order is None:
            self._order = np.sort(self._slots[: self._size])
        return self._order[key]

    def __len__(self):
        """Return the number of rows remembered."""
        self._ready()
        return self._size

    @property
    def sampling_weights(self):
        """How many rows of the stream each remembered row stands for; ndarray of shape (n_rows,).

        A sum over the remembered rows with these weights estimates the sum over all rows seen
        without bias: one over the probability with which a row of its class was kept; with `decay`,
        one over that of its age, given the highest priority that lost (rank conditioning). Classes
        of which no row is remembered are not in the sum.
        """
        size = len(self)
        if not self._keyed:
            return np.full(size, self._n_seen / max(size, 1))
        weights = np.ones(size)
        for label, heap in self._heaps.items():
            slots = np.array([slot for _, slot in heap], dtype=np.int64)
            weights[slots] = self._weights_within(label, slots)
        return weights[np.argsort(self._slots[:size])]

    def _weights_within(self, label, slots):
        n_offered, lost = self._tallies[label]
        if not self._log_growth:
            return n_offered / len(slots)
        gains = self._log_growth * self._store.index[self._slots[slots]] - lost
        with np.errstate(over="ignore"):  # a row that is certain to be kept
            return -1 / np.expm1(-np.exp(gains))

    @property
    def nbytes(self):
        """Bytes held, an int; objects behind references are not counted."""
        return super().nbytes + self._slots.nbytes + self._keyed * self._size * _ENTRY_BYTES


def _last_claims(slots, rows):
    """Drop claims that a later row of the batch overrode."""
    if len(rows) < 2:
        return slots, rows
    _, from_the_end = np.unique(slots[::-1], return_index=True)
    last = np.sort(len(slots) - 1 - from_the_end)
    return slots[last], rows[last]


def _grown(slots, size, max_rows):
    if size <= len(slots):
        return slots
    grown = np.zeros(min(2 * size, max_rows), dtype=np.int64)
    grown[: len(slots)] = slots
    return grown


def _log_growth(decay):
    """Logarithm of the factor by which the weight of each next row of the stream is larger."""
    if decay is None:
        return 0.0
    return -float(np.log1p(-decay))


def _check_labels(y):
    if y is None:
        raise ValueError(
            "balance=True needs y: pass the labels with every batch, or set balance=False."
        )
    if not isinstance(y, np.ndarray) or y.size != len(y):
        raise ValueError(
            f"balance=True needs one label per row, got y of shape {y.shape}: set balance=False "
            "for several outputs."
        )
    if not _is_discrete(y):
        raise ValueError(
            "balance=True needs discrete labels, got continuous values of y: set balance=False, "
            "or bin the target."
        )


def _is_discrete(y):
    if y.dtype.kind == "O":
        return all(value.is_integer() for value in y.ravel().tolist() if isinstance(value, float))
    return y.dtype.kind != "f" or bool(np.all(np.isfinite(y) & (y == np.floor(y))))
