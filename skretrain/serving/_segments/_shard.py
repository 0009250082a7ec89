"""A shard: some segments with their retrainers and books, and the one step that changes them."""

from abc import ABC, abstractmethod
from collections import Counter
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from ..._retrainer._estimator import seed_of
from ...compose._update import weight_in
from ...utils._clone import cloned
from ...utils._containers import take_rows
from ...utils._events import shortened
from ...utils._labels import are_same, is_flat, union_of_labels
from ...utils._params import is_integer
from ...utils._plain import Plain
from ...utils._records import log_event, saying
from ._keys import Grouped, text_of
from ._log import (
    SegmentEvent,
    SegmentLog,
    newest_of,
    news_of,
    of_segment,
    totals_of,
    work_between,
)
from ._shrinkage import Shrinkage, opinion

_KEPT_EVENTS = 10  # by a segment, between passes: the fleet has those of all


class Work(NamedTuple):
    """The rows of one batch for the segments of a shard.

    Attributes
    ----------
    X : ndarray, sparse matrix or data frame
        Segment after segment, without the column that tells them.
    y : ndarray or None
        Targets.
    params : dict of str to ndarray
        Per-row metadata.
    grouped : Grouped
        Which rows are of which segment; its `order` is not looked at.
    pooled : ndarray or None
        What the pooled retrainer says of the rows, see :func:`._shrinkage.opinion`.
    classes : array-like or None
        Labels to expect.
    batch : int
        Its number, from 1.
    is_fit : bool
        Whether segments with enough rows are fitted on them.
    turns : Turns or None
        Who may make a growth refit, where that is decided elsewhere.
    """

    X: Any
    y: Any
    params: dict
    grouped: Grouped
    pooled: Any
    classes: Any
    batch: int
    is_fit: bool
    turns: Any = None


class Report(NamedTuple):
    """What came of one step.

    Attributes
    ----------
    losses : ndarray of shape (n_rows,)
        What the models that served lost on the rows, in their order; NaN where none did, or the
        row counts for nothing.
    events : list of SegmentEvent
        In the order of the segments.
    errors : list of (segment, Exception)
        What was raised; the other segments have learned.
    classes : ndarray, list or None
        Labels that the retrainers know.
    work : Counter
        What they have done, by the names of ``EventLog.totals``.
    n_taken : int
        Segments that could read their rows.
    """

    losses: np.ndarray
    events: list
    errors: list
    classes: Any
    work: Counter
    n_taken: int


class Book(Plain):
    """What is remembered of a segment while its retrainer is not in memory.

    Attributes
    ----------
    n_rows : int
        Rows that its retrainer has seen.
    first_batch, last_batch : int
        Numbers of the first and of the newest batch with rows of it that it could read.
    version, n_alarms, n_refits : int
        Of its retrainer; version 0 serves nothing yet.
    shrinkage : Shrinkage
        How much its model is to count.
    waits_since : int or None
        Number of the batch at which a growth refit was held back first.
    """

    def __init__(self, way, batch):
        self.n_rows = 0
        self.first_batch = self.last_batch = batch
        self.version = self.n_alarms = self.n_refits = 0
        self.shrinkage = Shrinkage(way)
        self.waits_since = None

    def weight(self, min_rows):
        """Return how much the own model counts beside the pooled one, a float."""
        return self.shrinkage.weight if self.version and self.n_rows >= min_rows else 0.0

    def note(self, retrainer):
        """Write down where a retrainer stands."""
        snapshot = retrainer._snapshot
        if hasattr(retrainer, "n_samples_seen_"):
            self.n_rows, self.n_alarms = retrainer.n_samples_seen_, retrainer.n_alarms_
            self.n_refits = retrainer.n_refits_
            self.version = 0 if snapshot is None else snapshot.version


class Shard(Plain):
    """Some segments; it holds all that is needed to let them learn, and pickles.

    Parameters
    ----------
    template : BaseRetrainer
        Of which each segment gets a clone.
    way : {"proba", "value", "whole"}
        What of two models can be mixed.
    min_rows : int
        Rows with which a segment is fitted.
    growth_budget : int, float or None
        How many segments, or which share of them, may make a growth refit in one step.
    shelf : Shelf
        Has the retrainers.

    Attributes
    ----------
    books : dict
        A :class:`Book` for each segment, in the order in which they were opened.
    """

    logs_events = True  # where they happen, so that the log of the fleet has not to

    def __init__(self, template, way, min_rows, growth_budget, shelf):
        self.template = template
        self.way = way
        self.min_rows = min_rows
        self.growth_budget = growth_budget
        self.shelf = shelf
        self.books = {}

    def blank(self, key):
        """Return the retrainer of a new segment, with a seed of its own if the template has one."""
        retrainer, seed = cloned(self.template), seed_of(self.template)
        if seed is not None:
            retrainer.set_params(random_state=seed_of_segment(seed, key))
        return retrainer

    def step(self, work):
        """Let the segments learn their rows of a batch, and return the report."""
        return _Learning(self, work).report()

    def observe(self, work):
        """Show segments that serve their rows of a batch without labels; return the report."""
        return _Observing(self, work).report()

    def answered(self, ask, X, parts):
        """Return what `ask` makes of the retrainers and rows of segments, by segment.

        Parameters
        ----------
        ask : callable
            Called with a retrainer and rows; it pickles.
        X : ndarray, sparse matrix or data frame
            Rows, segment after segment.
        parts : list of (segment, slice)
            Which rows are of which segment.
        """
        return {key: ask(self.shelf.serving(key), take_rows(X, part)) for key, part in parts}

    def open(self, key, batch):
        """Begin a segment, and return its book."""
        # The book last: an interrupt may leave a retrainer without one, never a book without one.
        self.shelf.put(key, self.blank(key))
        book = self.books[key] = Book(self.way, batch)
        return book

    def delete(self, key):
        """Forget a segment, of which there may be but a part."""
        self.books.pop(key, None)
        self.shelf.delete(key)

    def may_grow(self, keys):
        """Return the segments of a batch whose turn it is, and how many others may follow."""
        if self.growth_budget is None:
            return None
        budget = self.growth_budget
        if not is_integer(budget):
            budget = int(np.ceil(budget * len(self.books)))
        waiting = [key for key in keys if key in self.books and self.books[key].waits_since]
        waiting.sort(key=lambda key: self.books[key].waits_since)  # stable
        return Turns(set(waiting[:budget]), budget)


class Turns:
    """Who may make a growth refit in one step: those who wait longest, then who comes first.

    Parameters
    ----------
    reserved : set
        Segments whose turn it is.
    budget : int
        How many may, these included.
    """

    def __init__(self, reserved, budget):
        self.reserved = reserved
        self.n_free = budget - len(reserved)

    def take(self, key):
        """Tell whether a segment that wants a growth refit may have it now."""
        if key in self.reserved:
            return True
        self.n_free -= 1
        return self.n_free >= 0


def seed_of_segment(seed, key):
    """Return the seed of a segment's retrainer: the same in every process and every order.

    Examples
    --------
    >>> from skretrain.serving._segments._shard import seed_of_segment
    >>> seed_of_segment(0, "north"), seed_of_segment(0, "south")
    (3175991539, 3590388440)
    """
    digest = sha256(f"{seed}:{text_of(key)}".encode()).digest()
    return int.from_bytes(digest[:4], "little")


class _Acting(ABC):
    """One pass through the segments; a subclass says what each of them does with its rows."""

    def __init__(self, shard, work):
        self.shard, self.work = shard, work
        self.losses = np.full(int(work.grouped.bounds[-1]), np.nan)
        self.events, self.errors, self.classes, self.done = [], [], None, Counter()
        self.n_taken = 0

    def report(self):
        """Let all segments act, and return what came of it."""
        for key, part in self.work.grouped.parts():
            self.segment(key, part)
        return Report(self.losses, self.events, self.errors, self.classes, self.done, self.n_taken)

    def segment(self, key, part):
        """Let one segment act; what it raises is an event, and stops nobody else."""
        with saying(segment=key, batch=self.work.batch):
            self._acted(key, self._book(key, part), part)

    @abstractmethod
    def _book(self, key, part):
        """Return the book of a segment that acts."""

    @abstractmethod
    def _result(self, key, book, retrainer, part):
        """Return the retrainer after it has acted."""

    def _acted(self, key, book, part):
        shard = self.shard
        retrainer = shard.shelf.get(key, to_change=True)
        newest, before = newest_of(retrainer), totals_of(retrainer)
        error = None
        try:
            retrainer = self._result(key, book, retrainer, part)
        except Exception as raised:
            error = raised
        finally:
            shard.shelf.put(key, retrainer)
        book.note(retrainer)
        self.done.update(work_between(before, totals_of(retrainer)))
        news = news_of(retrainer, newest)
        if error is not None:
            self._failed(key, book, part, error, is_told=any(e.action == "failed" for e in news))
        for event in news:
            if event.action != "retrained" or event.version > 1:  # a first fit is no news
                self.events.append(of_segment(event, key, self.work.batch))
        if news:
            retrainer.events_.keep_newest(_KEPT_EVENTS)
        self._take_classes(retrainer)

    def _failed(self, key, book, part, error, *, is_told=False):
        if self.errors and self.errors[-1][0] == key:
            return  # what cannot be fitted cannot begin otherwise either, most often: one failure
        self.errors.append((key, error))
        if is_told:
            return
        n_rows, reason = part.stop - part.start, f"{type(error).__name__}: {error}"
        details = {"reason": reason, "version": book.version}
        self._tell(SegmentEvent("failed", book.n_rows, n_rows, **details), key)

    def _tell(self, event, key):
        """Report an event that no retrainer has in its log, and log it."""
        event = shortened(of_segment(event, key, self.work.batch))
        log_event(event, SegmentLog.actions[event.action].level)
        self.events.append(event)

    def _take_classes(self, retrainer):
        classes = getattr(retrainer, "classes_", None)
        if classes is not None and is_flat(classes) and not self._knows(classes):
            self.classes = union_of_labels(self.classes, classes)

    def _knows(self, classes):
        """Tell whether labels are those that are known, as nearly always."""
        known = self.classes
        same_type = known is not None and getattr(classes, "dtype", None) == known.dtype
        return same_type and are_same(classes, known)


class _Observing(_Acting):
    """Segments are shown rows without labels."""

    def _book(self, key, part):
        return self.shard.books[key]

    def _result(self, key, book, retrainer, part):
        retrainer.observe(take_rows(self.work.X, part))
        self.n_taken += 1
        return retrainer


class _Learning(_Acting):
    """Segments learn rows."""

    def __init__(self, shard, work):
        super().__init__(shard, work)
        self.turns = shard.may_grow(work.grouped.keys) if work.turns is None else work.turns

    def _book(self, key, part):
        book, batch = self.shard.books.get(key), self.work.batch
        if book is None:
            book = self.shard.open(key, batch)
            if batch > 1:  # of the first one, all are new
                event = SegmentEvent("opened", 0, part.stop - part.start, reason="its first rows")
                self._tell(event, key)
        return book

    def _result(self, key, book, retrainer, part):
        work = self.work
        X, y, params = rows_of(work, part)
        if work.is_fit and self._n_counted(part.stop - part.start, params) >= self.shard.min_rows:
            try:
                retrainer.fit(X, y, **params)
                self._take(book)
                return retrainer
            except Exception as error:
                if y is None or (y[:1] != y).any():  # else it waits for another class
                    self._failed(key, book, part, error)
                retrainer = self.shard.blank(key)

        def learn(examination):
            self._take(book)
            examined = examination.batch
            if examined.scored is not None and examined.scored.loss is not None:
                self.losses[part] = examined.scored.loss
                self._weigh(book, retrainer, X, examined, part)
            grows = self._may_grow(key, book, retrainer, examination)
            retrainer._learn(examination, may_grow=grows)

        retrainer._feed(learn, X, y, work.classes, params)
        return retrainer

    def _take(self, book):
        """Note that a segment can read its rows."""
        self.n_taken += 1
        book.last_batch = self.work.batch

    def _n_counted(self, n_rows, params):
        """Return how many rows have another weight than zero."""
        weight = weight_in(self.shard.template.estimator, params)
        return n_rows if weight is None else np.count_nonzero(weight)

    def _weigh(self, book, retrainer, X, examined, part):
        """Note what mixtures of the own model and the pooled one would have lost."""
        if self.work.pooled is None:
            return
        y, counts = examined.rows.y, ~np.isnan(examined.scored.loss)
        own = opinion(self.shard.way, retrainer, X, y, examined.y_pred)
        pooled = self.work.pooled[part]
        book.shrinkage.learn(own[counts], pooled[counts], y[counts])

    def _may_grow(self, key, book, retrainer, examination):
        if self.turns is None or not retrainer._has_grown(examination):
            book.waits_since = None
            return True
        if self.turns.take(key):
            book.waits_since = None
            return True
        book.waits_since = book.waits_since or self.work.batch
        return False


def rows_of(work, part):
    """Return the rows, targets and metadata of one segment."""
    y = None if work.y is None else work.y[part]
    params = {name: values[part] for name, values in work.params.items()}
    return take_rows(work.X, part), y, params


def part_of_work(work, parts):
    """Return the work that there is for some segments.

    Parameters
    ----------
    work : Work
        Of these and others.
    parts : list of (segment, slice)
        Which of its rows are of which segment.
    """
    rows, moved = rows_of_parts(parts), moved_together(parts)
    bounds = np.array([0] + [part.stop for _, part in moved])
    grouped = Grouped([key for key, _ in parts], bounds, np.arange(len(rows)))
    return work._replace(
        X=take_rows(work.X, rows),
        y=None if work.y is None else work.y[rows],
        params={name: values[rows] for name, values in work.params.items()},
        grouped=grouped,
        pooled=None if work.pooled is None else work.pooled[rows],
    )


def rows_of_parts(parts):
    """Return the numbers of the rows of some segments."""
    return np.concatenate([np.arange(part.start, part.stop) for _, part in parts])


def moved_together(parts):
    """Return the same parts of rows of which the others were left out."""
    ends = np.cumsum([0] + [part.stop - part.start for _, part in parts]).tolist()
    cut = zip(parts, ends[:-1], ends[1:], strict=True)
    return [(key, slice(start, end)) for (key, _), start, end in cut]
