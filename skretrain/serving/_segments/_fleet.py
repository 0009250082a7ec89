"""A fleet: the pooled retrainer, the segments, what is watched and what has happened."""

from typing import NamedTuple

import numpy as np

from ...buffers._base import joined
from ...utils._clone import cloned
from ...utils._containers import take_rows
from ...utils._hooks import Telling
from ...utils._labels import is_flat, union_of_labels
from ...utils._losses import task_of
from ...utils._params import names_in_words
from ...utils._plain import Plain
from ...utils._records import saying
from ._alarms import Alarms, fewest_in_common
from ._keys import Grouped
from ._log import (
    SegmentEvent,
    SegmentLog,
    newest_of,
    news_of,
    of_segment,
    totals_of,
    work_between,
)
from ._shard import Shard, Work, part_of_work
from ._shrinkage import opinion, way_of

_MOST_NAMED = 5  # segments in a reason


class Batch(NamedTuple):
    """A batch on its way into a fleet.

    Attributes
    ----------
    X : ndarray, sparse matrix or data frame
        Rows as they came, without the column that tells the segments.
    split : Split
        The same, segment after segment.
    y, classes : array-like or None
        Targets, and labels to expect.
    params : dict of str to array-like
        Per-row metadata.
    """

    X: object
    split: object
    y: object
    classes: object
    params: dict


class SegmentStatus(NamedTuple):
    """Where a segment stands.

    Attributes
    ----------
    n_rows : int
        Rows that its retrainer has seen.
    weight : float
        How much its own model counts beside the pooled one, in [0, 1].
    version : int
        Of its model; 0 serves nothing yet.
    n_alarms, n_refits : int
        Alarms of its own trigger, and retrains that were promoted.
    is_drifting : bool
        Whether an alarm over segments is open for it.
    waits_to_grow : bool
        Whether a growth refit is held back by the budget.
    first_batch, last_batch : int
        Numbers of the first and the newest batch with rows of it that it could read.
    is_loaded : bool
        Whether its retrainer, or as much of it as serves, is in memory.
    """

    n_rows: int
    weight: float
    version: int
    n_alarms: int
    n_refits: int
    is_drifting: bool
    waits_to_grow: bool
    first_batch: int
    last_batch: int
    is_loaded: bool


class Fleet(Plain):
    """All that a SegmentedRetrainer has learned.

    Parameters
    ----------
    retrainer : BaseRetrainer
        Of which each segment gets a clone.
    has_pooled : bool
        Whether one retrainer learns all rows.
    min_rows : int
        Rows of its own with which a segment's model may serve.
    growth_budget : int, float or None
        Growth refits per batch.
    alpha : float
        Level of the alarms.
    shelf : Shelf
        For the retrainers of the segments.

    Attributes
    ----------
    log : SegmentLog
        What has happened.
    aliases : dict
        Segments that were merged, and into which.
    n_batches, n_rows : int
        So many have come.
    n_changes : int
        Calls that have changed anything, whatever fits were among them.
    """

    def __init__(self, retrainer, *, has_pooled, min_rows, growth_budget, alpha, shelf):
        self.template = cloned(retrainer)
        self.pooled = cloned(retrainer) if has_pooled else None
        self.task = task_of(retrainer.estimator)
        self.shard = Shard(self.template, None, min_rows, growth_budget, shelf)
        self.alarms = Alarms(alpha, bounded=self.task == "classification")
        self.log = SegmentLog()
        self.aliases = {}
        self.classes = None
        self.n_batches = self.n_rows = self.n_changes = 0

    # -- learning --------------------------------------------------------------------------------

    def fit(self, batch):
        """Begin with a batch, which may be all of the history.

        Returns
        -------
        errors : list of (segment, Exception)
            Of those that could not learn it.
        """
        checked, number = self._checked(batch), self.n_batches + 1
        with self._saying(number):
            if self.pooled is not None:
                self.pooled.fit(batch.X, batch.y, **batch.params)
                self.log.add_work(totals_of(self.pooled))
            report = self._stepped(batch, checked, None, is_fit=True)
        return self._entered(report, batch.split.grouped)

    def learn(self, batch):
        """Test on a batch, then learn it; see :meth:`fit`."""
        number = self.n_batches + 1
        with self._saying(number):
            if self.pooled is None:
                report, errors = self._stepped(batch, self._checked(batch), None), []
            else:
                report, errors = self._of_pooled(number, lambda: self._learned_with_pooled(batch))
        return self._entered(report, batch.split.grouped) + errors

    def observe(self, batch):
        """Show rows without labels to the triggers that need none.

        A segment that nothing of its own serves is not opened, or loaded, for that: a trigger
        watches a model.

        Returns
        -------
        errors : list of (segment, Exception)
            What triggers have raised, or models that cannot read the rows.
        """
        pooled, books, number, errors = self.pooled, self.shard.books, self.n_batches, []
        X, grouped = batch.split
        served = [(k, part) for k, part in grouped.parts() if k in books and books[k].version]
        with self._saying(number):
            if pooled is not None:
                examined = pooled._examine_unlabelled(batch.X)  # may raise: nothing has changed
                errors = self._of_pooled(number, lambda: _observed(pooled, examined))
            if served:
                work = Work(X, None, {}, grouped, None, None, number, is_fit=False)
                report = self.shard.observe(part_of_work(work, served))
                _pass_on_refusal(self, report)
                self._note(report)
                errors = report.errors + errors
        return errors

    def _saying(self, batch):
        """Return a context whose events are logged as those of the fleet."""
        return saying(source=self.log.source, segment=None, batch=batch)

    def _of_pooled(self, batch, act):
        """Return what the pooled retrainer does, and write down what it tells of it."""
        newest, before = newest_of(self.pooled), totals_of(self.pooled)
        result = act()
        for event in news_of(self.pooled, newest):
            self.log.note(of_segment(event, None, batch))
        self.log.add_work(work_between(before, totals_of(self.pooled)))
        return result

    def _learned_with_pooled(self, batch):
        report, pooled = None, self.pooled

        def learn(examination):
            nonlocal report
            rows = examination.batch.rows
            # Before it learns them.
            said = self._opinion_of_pooled(batch, examination.batch)
            report = self._stepped(batch, rows, said)
            pooled._learn(examination)

        try:
            pooled._feed(learn, batch.X, batch.y, batch.classes, batch.params)
        except Exception as error:
            if report is None or pooled._snapshot is None:
                raise  # of the border, or there is nothing that could serve
            return report, [(None, error)]
        return report, []

    def _opinion_of_pooled(self, batch, examined):
        """Return what the pooled retrainer says of the rows, segment after segment."""
        if examined.scored is None or examined.y_pred is None:
            return None
        way = self._way(examined.rows.y)
        said = opinion(way, self.pooled, batch.X, examined.rows.y, examined.y_pred)
        return said[batch.split.grouped.order]

    def _checked(self, batch):
        """Return a batch as rows that are in order, or raise ValueError; nothing learns them."""
        blank = cloned(self.template)
        return blank._examine(batch.X, batch.y, batch.classes, batch.params).batch.rows

    def _way(self, y):
        if self.shard.way is None:
            self.shard.way = way_of(self.task, self.template, y)
        return self.shard.way

    def _stepped(self, batch, rows, pooled, *, is_fit=False):
        """Let the segments learn, and return the report."""
        self._way(rows.y)
        X, grouped = batch.split
        work = Work(
            X=X,
            y=None if rows.y is None else rows.y[grouped.order],
            params={name: values[grouped.order] for name, values in rows.params.items()},
            grouped=grouped,
            pooled=pooled,
            classes=batch.classes,
            batch=self.n_batches + 1,
            is_fit=is_fit,
        )
        report = self.shard.step(work)
        _pass_on_refusal(self, report)
        return report

    def _entered(self, report, grouped):
        """Write down what came of a step, look for alarms, and return the errors."""
        self.n_batches += 1
        self.n_rows += len(report.losses)
        if report.classes is not None:
            self.classes = union_of_labels(self.classes, report.classes)
        self._note(report)
        self._watch(report, grouped)
        return report.errors

    def _note(self, report):
        """Write down what segments have told and done."""
        note = self.log.note if self.shard.logs_events else self.log.record
        for event in report.events:
            note(event)
        self.log.add_work(report.work)

    def _watch(self, report, grouped):
        alarms = self.alarms
        promoted = {event.segment for event in report.events if event.action == "retrained"}
        over = [key for key in promoted if alarms.is_open(key)]
        for key, part in grouped.parts():
            alarms.show(key, report.losses[part])
        for key in over:
            alarms.begin_anew(key)
        new = alarms.risen(grouped.keys)
        together = alarms.risen_together(len(new))
        for key in [] if together.is_one else new:
            book, watch = self.shard.books[key], alarms.watches[key]
            details = {
                "reason": watch.in_words,
                "evidence": watch.evidence,
                "version": book.version,
            }
            self._tell("drifted", key, row=book.n_rows, state="drift", **details)
        if together.begins:
            reason = f"the losses of {_many(new, together)} have risen"
            self._tell("common", None, row=self.n_rows, state="drift", reason=reason)

    def _tell(self, action, segment, *, row, **details):
        event = SegmentEvent(action, row, 0, segment=segment, batch=self.n_batches, **details)
        self.log.record(event)

    # -- what serves -----------------------------------------------------------------------------

    @property
    def is_serving(self):
        """Whether anything serves, a bool."""
        if self.pooled is not None:
            return self.pooled._snapshot is not None
        return any(book.version for book in self.shard.books.values())

    @property
    def known_classes(self):
        """Labels declared, seen or fitted; None where there are none."""
        if self.pooled is not None:
            return getattr(self.pooled, "classes_", None)
        return self.classes

    def weight(self, key):
        """Return how much the own model of a segment counts beside the pooled one."""
        book = self.shard.books.get(key)
        if book is None:
            return 0.0
        if self.pooled is None:
            return float(book.version > 0)
        return book.weight(self.shard.min_rows)

    def status(self, key, book):
        """Return where a segment stands."""
        watch = self.alarms.watches.get(key)
        return SegmentStatus(
            n_rows=book.n_rows,
            weight=self.weight(key),
            version=book.version,
            n_alarms=book.n_alarms,
            n_refits=book.n_refits,
            is_drifting=watch is not None and watch.is_open,
            waits_to_grow=book.waits_since is not None,
            first_batch=book.first_batch,
            last_batch=book.last_batch,
            is_loaded=self.shard.shelf.is_loaded(key),
        )

    # -- segments that end -----------------------------------------------------------------------

    def merge(self, keys, into):
        """Let the rows of several segments go to one retrainer; return the errors."""
        report = None
        if into not in self.shard.books:
            rows = self._remembered(keys)
            if rows is not None:
                report = self._begun(into, rows)
        for key in keys:
            self._forget(key)
        self.aliases = {key: into if to in keys else to for key, to in self.aliases.items()}
        self.aliases |= dict.fromkeys(keys, into)
        self.aliases.pop(into, None)
        if report is not None:
            self._note(report)
        names = names_in_words(keys, _MOST_NAMED)
        book = self.shard.books.get(into)
        row = 0 if book is None else book.n_rows
        self._tell("merged", into, row=row, reason=f"the rows of {names} go to {into!r}")
        return [] if report is None else report.errors

    def _remembered(self, keys):
        """Return the rows that the retrainers of segments remember, by their age, or None."""
        found = [self.shard.shelf.get(key) for key in keys]
        memories = [one.buffer_.latest() for one in found if hasattr(one, "buffer_")]
        memories = [rows for rows in memories if len(rows.index)]
        if not memories:
            return None
        ages = [np.arange(1, len(rows.index) + 1) / len(rows.index) for rows in memories]
        whole = memories[0]
        for rows in memories[1:]:
            whole = joined(whole, rows)
        return whole, np.argsort(np.concatenate(ages), kind="stable")

    def _begun(self, key, remembered):
        """Let a new segment begin with rows that others remember, and return the report."""
        rows, order = remembered
        grouped = Grouped([key], np.array([0, len(order)]), np.arange(len(order)))
        y = None if rows.y is None else rows.y[order]
        params = {name: values[order] for name, values in rows.params.items()}
        X, classes = take_rows(rows.X, order), self._flat_classes()
        work = Work(X, y, params, grouped, None, classes, self.n_batches, is_fit=True)
        try:
            with self._saying(self.n_batches):
                report = self.shard.step(work)
            if report.errors and not self.shard.books[key].n_rows:
                _, error = report.errors[0]
                error.add_note(f"skretrain: {key!r} cannot begin, so that nothing was merged.")
                raise error
        except BaseException:
            self.shard.delete(key)
            raise
        return report

    def _flat_classes(self):
        classes = self.known_classes
        return classes if classes is not None and is_flat(classes) else None

    def retire(self, key):
        """Give up the retrainer of a segment."""
        book = self.shard.books[key]
        self._tell("retired", key, row=book.n_rows, reason=f"after batch {book.last_batch}")
        self._forget(key)
        self.aliases = {name: to for name, to in self.aliases.items() if to != key}

    def _forget(self, key):
        self.alarms.forget(key)  # first: what is watched has a book
        self.shard.delete(key)


def _pass_on_refusal(fleet, report):
    """Raise what all segments of a batch have raised before any of them took its rows.

    Where there is a pooled retrainer, it has seen all rows before.
    """
    if fleet.pooled is None and report.errors and not report.n_taken:
        raise report.errors[0][1]


def _many(new, together):
    """Return a phrase for the many segments that have risen: all were found now, or some before."""
    if together.is_one:
        return f"{len(new)} of {together.n} segments ({names_in_words(new, _MOST_NAMED)})"
    return f"at least {fewest_in_common(together.n)} of {together.n} segments"


def drifting_in(fleet):
    """Return the segments of a fleet whose alarm is open, in the order in which they came."""
    # In one step each: another thread may let the fleet learn meanwhile.
    return [key for key, watch in list(fleet.alarms.watches.items()) if watch.is_open]


def counts_of(fleet):
    """Return how many segments of a fleet there are, by what is to be said of them, a dict."""
    books, shelf = list(fleet.shard.books.items()), fleet.shard.shelf
    return {
        "segments": len(books),
        "segments_loaded": sum(shelf.is_loaded(key) for key, _ in books),
        "segments_on_fallback": sum(not fleet.weight(key) for key, _ in books),
        "segments_waiting": sum(book.waits_since is not None for _, book in books),
    }


def _observed(pooled, examined):
    """Show rows that were examined to the pooled retrainer, and return the errors."""
    try:
        with Telling(pooled):
            pooled._observe(examined)
    except Exception as error:
        return [(None, error)]
    return []
