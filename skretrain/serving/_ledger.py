"""What a ledger of predictions does with labels that come: books, losses, delays and events."""

from logging import WARNING

import numpy as np

from ..utils._events import Action, Event, EventLog
from ..utils._losses import absolute_loss_per_row, zero_one_loss_per_row
from ..utils._plain import Plain
from ..utils._words import counted
from ._arrivals import Arrivals, tallies
from ._book import PENDING, Book
from ._clock import ROWS, length, moments
from ._ids import shown
from ._late_labels import in_type_of, label_array
from ._served import ALL, ServedLosses

_MOST_IDS = 10  # in an event
_GONE = {
    "dropped": "dropped for lack of room",
    "expired": "given up by expire",
    "forgotten": "resolved, or given up, too long ago",
    "unknown": "never given, or too long ago",
}


class LabelLog(EventLog):
    """What happened to labels, out of turn: the latest 10,000 events, and how many there were."""

    actions = {
        action.name: action
        for action in (
            Action("dropped", "Rows without a label made room for newer ones.", level=WARNING),
            Action("expired", "Rows had waited for too long for a label."),
            Action("repeated", "Labels came again, the same as before; nothing was done."),
            Action("corrected", "Labels came again, others than before."),
        )
    }


class Ledger(Plain):
    """The books of :class:`PendingLabels`, which calls it under a lock; it knows no model.

    What changes them is done to a branch (`_branched`), which takes their place as a whole.

    Attributes
    ----------
    book : Book
        The rows that wait, and those resolved lately.
    clock : {"rows", "numbers", "dates"} or None
        How moments are told; None before the first prediction.
    now : float
        The latest moment that was told.
    is_regression : bool or None
        Whether labels are numbers with a distance; None before it is said.
    arrivals : Arrivals
        How old rows were when their labels came.
    losses : ServedLosses
        Of the versions that predicted.
    events : LabelLog
        What happened out of turn, the same one in all branches.
    noted : tuple of Event
        What is to be recorded once the branch takes its place.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._book import Entry
    >>> from skretrain.serving._ledger import Ledger
    >>> ledger, y_pred = Ledger(), np.array([0, 1, 1])
    >>> entry = Entry(np.zeros((3, 1)), y_pred, {}, None, None, 1)
    >>> ids = ledger.remember(entry, "rows", max_pending=100, is_regression=False)
    >>> X, y, params = ledger.resolve(ids, [1, None, 1], None)
    >>> y, ledger.scores()[1].loss
    (array([1, 1]), 0.5)
    """

    def __init__(self):
        self.book = Book()
        self.clock = None
        self.now = -np.inf
        self.is_regression = None
        self.arrivals = Arrivals()
        self.losses = ServedLosses()
        self.events = LabelLog()
        self.noted = ()

    def _branched(self):
        branch = super()._branched()
        for name in ("book", "arrivals", "losses"):
            setattr(branch, name, getattr(self, name)._branched())
        return branch

    def record(self):
        """Record the events that were noted."""
        for event in self.noted:
            self.events.record(event)
        self.noted = ()

    def _state_to_save(self):
        """Return the state without what is empty between any two calls."""
        return {name: value for name, value in self.__dict__.items() if name != "noted"}

    def _restore(self, state):
        super()._restore(state)
        self.noted = ()

    # -- predictions -----------------------------------------------------------------------------

    def remember(self, entry, clock, max_pending, *, is_regression):
        """Remember a batch of predictions and return the numbers of its rows, or raise ValueError.

        Parameters
        ----------
        entry : Entry
            The batch; `at` may be None by the clock that counts rows.
        clock : {"rows", "numbers", "dates"}
            How its moments are told.
        max_pending : int
            Rows that may wait.
        is_regression : bool
            Whether labels are numbers with a distance.
        """
        self._check_clock("PendingLabels.predict", clock)
        start, n = self.book.n_given, len(entry.y_pred)
        if entry.at is None:
            # The rows of a call are predicted at one moment, that of the last of them.
            entry = entry._replace(at=np.full(n, start + n - 1.0))
        numbers = self.book.append(entry, max_pending)
        self.clock, self.now = clock, max(self.now, float(entry.at.max()))
        self.is_regression = is_regression
        excess = self.book.n_pending - max_pending
        if excess > 0:
            why = f"dropped for lack of room (max_pending={max_pending:,})"
            self._give_up(self.book.pending()[:excess], "dropped", why)
        return numbers

    def _check_clock(self, owner, clock):
        if self.clock not in (None, clock):
            told = "left out" if self.clock == ROWS else f"given in {self.clock}"
            got = "none" if clock == ROWS else clock
            raise ValueError(
                f"{owner}: at must be {told}, as with the first prediction: got {got}."
            )

    # -- labels ----------------------------------------------------------------------------------

    def resolve(self, ids, y, at, *, weighted=False):
        """Take labels and return the batch to learn from, as :meth:`PendingLabels.resolve`."""
        positions, y = self._noted(*self._found(ids, y, at))
        X, params = self.book.batch(positions)
        if weighted:
            weights = self._weights(positions) * params.get("sample_weight", 1.0)
            params = {**params, "sample_weight": weights}
        return X, y, params

    def _found(self, ids, y, at):
        """Return positions, labels and moments of the labels that are known; nothing changes."""
        owner, book = "PendingLabels.resolve", self.book
        rows = book.rows_of(owner, ids)
        y, known = label_array(y, len(rows))
        clock, at = moments(owner, at, len(rows))
        positions, held = book.positions(rows)
        if not held.all():
            self._refuse_ids(owner, ids)
        if not len(rows):
            return positions, book.predictions(positions), np.empty(0)
        self._check_clock(owner, clock)
        at = np.full(len(rows), book.n_given - 1.0) if at is None else at
        positions, at = positions[known], at[known]
        early = at < book.moments(positions)
        if early.any():
            names = book.names(positions[early]).tolist()
            raise ValueError(
                f"{owner}: the labels of {counted(len(names), 'id')}, {shown(names)}, came before "
                "their prediction: at must be the moment when a label became known."
            )
        y = in_type_of(y[known], book.predictions(positions), self.is_regression)
        return positions, y, at

    def _refuse_ids(self, owner, ids):
        """Raise ValueError, saying of each id that is not held why."""
        status, names = self.book.status(ids), self.book.listed(owner, ids)
        told = []
        for word, meaning in _GONE.items():
            own = [name for name, each in zip(names, status, strict=True) if each == word]
            if own:
                told.append(f"{meaning}: {shown(own)}")
        raise ValueError(
            f"{owner}: of {counted(len(names), 'id')} some are not held ({'; '.join(told)}). "
            "Nothing was changed. Leave out those of which PendingLabels.status(ids) is neither "
            "'pending' nor 'resolved'."
        )

    def _noted(self, positions, y, at):
        """Write labels down, and return the positions and the labels of the rows to learn."""
        book = self.book
        # Of several labels for one row the last counts; rows lie in the order of prediction.
        rows, last = np.unique(positions[::-1], return_index=True)
        last = len(positions) - 1 - last
        is_earlier = np.ones(len(positions), dtype=bool)
        is_earlier[last] = False
        same = _equal(y, y[last][np.searchsorted(rows, positions)])
        y, at = y[last], at[last]
        is_new = book.states[rows] == PENDING
        is_other = ~is_new
        if is_other.any():
            is_other[is_other] = ~_equal(book.labels[rows[is_other]], y[is_other])
        again = np.append(positions[is_earlier & same], rows[~is_new & ~is_other])
        self._log("repeated", again, "the same label as before")
        corrected = np.append(positions[~same], rows[is_other])
        self._log("corrected", corrected, "another label than before")

        new, learned = rows[is_new], rows[is_new | is_other]
        self._count_losses(rows[is_other], sign=-1)
        self.arrivals.add("came", self._groups(new), at[is_new] - book.moments(new))
        book.resolve(learned, y[is_new | is_other])
        self._count_losses(learned, sign=1)
        self.now = max(self.now, float(at.max(initial=-np.inf)))
        return learned, y[is_new | is_other]

    def _count_losses(self, positions, sign):
        if len(positions):
            loss = absolute_loss_per_row if self.is_regression else zero_one_loss_per_row
            losses = loss(self.book.labels[positions], self.book.predictions(positions))
            self.losses.add(self.book.versions(positions), losses, sign)

    def _groups(self, positions):
        """Return the classes that were predicted, one for all where they are none."""
        y_pred = self.book.predictions(positions)
        if self.is_regression or y_pred.ndim > 1:
            return np.full(len(positions), ALL)
        return y_pred

    def _weights(self, positions):
        arrivals = self.by_class()
        weights = [arrivals[group].weight for group in self._groups(positions).tolist()]
        return np.array(weights, dtype=np.float64)

    def expire(self, older_than):
        """Give up rows that have waited for longer, and return their ids."""
        most = length("PendingLabels.expire", "older_than", older_than, self.clock)
        positions = self.book.pending()
        positions = positions[self._ages(positions) > most]
        ids = self.book.names(positions)
        self._give_up(positions, "expired", f"waited for longer than {older_than}")
        return ids

    def _give_up(self, positions, fate, reason):
        if len(positions):
            self._log(fate, positions, reason)
            self.arrivals.add("lost", self._groups(positions), self._ages(positions))
            self.book.give_up(positions, fate)

    def _ages(self, positions):
        now = self.book.n_given - 1 if self.clock == ROWS else self.now
        return now - self.book.moments(positions)

    def _log(self, action, positions, reason):
        if len(positions):
            ids = self.book.names(positions[:_MOST_IDS]).tolist()
            row, evidence = self.book.n_given, {"ids": ids}
            event = Event(action, row, len(positions), reason=reason, evidence=evidence)
            self.noted = (*self.noted, event)

    # -- what is known ---------------------------------------------------------------------------

    def versions(self, ids):
        """Return the versions that predicted rows, or raise ValueError, as :meth:`resolve`."""
        owner = "PendingLabels.versions"
        positions, held = self.book.positions(self.book.rows_of(owner, ids))
        if not held.all():
            self._refuse_ids(owner, ids)
        return self.book.versions(positions)

    def scores(self):
        """Return the losses of the versions that served, a Table of ServedScore."""
        return self.losses.scores(is_regression=self.is_regression)

    def delays(self):
        """Return the LabelDelays of all rows."""
        return self.arrivals.delays(self._waiting(), self.clock)

    def by_class(self):
        """Return for which predictions labels come, a Table of ClassArrivals."""
        return self.arrivals.by_class(self._waiting(), self.clock)

    def _waiting(self):
        """Return how many rows wait, by predicted class and age."""
        positions = self.book.pending()
        return tallies(self._groups(positions), self._ages(positions))


def _equal(one, other):
    """Tell of which rows the labels are the same."""
    same = np.asarray(one == other)
    return same.all(axis=1) if same.ndim > 1 else same
