"""One pass over a stream: fit on its head, then test and train, and keep what was answered."""

from dataclasses import dataclass, field, replace
from operator import length_hint
from typing import Any

import numpy as np

from ..utils._callbacks import Progress, with_callbacks
from ..utils._clone import cloned
from ..utils._containers import n_rows, take_rows
from ..utils._progress import tracked
from ..utils._recorded import Recorded
from ._batches import Waiting, WaitingByRow
from ._stream import CostMeter, interleave, learnable
from ._timing import Timing


@dataclass
class Run:
    """One pass over a stream."""

    recorded: Recorded
    batches: Any
    timing: Timing
    times: Any
    y_first: Any  # of the rows that are not predicted
    meter: CostMeter = field(default_factory=CostMeter)
    keeps_all: bool = False  # rows of weight zero, too
    methods: list = field(default_factory=list)
    X: list = field(default_factory=list)
    y: list = field(default_factory=list)
    masks: list = field(default_factory=list)
    counted: list = field(default_factory=list)
    work: list = field(default_factory=list)  # fits and rows of updates before each batch came

    def add(self, batch, outputs, classes, readable):
        """Append what was answered, with the features and targets of these rows."""
        counted, kept = np.ones(len(readable), dtype=bool), readable
        if batch.counted is not None and not self.keeps_all:
            counted = batch.counted
            kept, part = readable & counted, counted[readable]
            outputs = {method: take_rows(output, part) for method, output in outputs.items()}
        self.masks.append(kept)
        self.counted.append(counted)
        X, y, all_kept = self.batches.kept(batch.X), batch.y, kept.all()
        self.X.append(X if all_kept else take_rows(X, kept))
        self.y.append(y if all_kept or y is None else y[kept])
        self.recorded.add(outputs, classes)

    def kept(self):
        """Return which rows after the head were predicted, and count."""
        return np.concatenate(self.masks)

    def left_out(self):
        """Return which rows after the head could not be read, and which do not count."""
        counted = np.concatenate(self.counted)
        return counted & ~self.kept(), ~counted

    def rest(self):
        """Return the features of the rows that are kept."""
        rest, kept = self.batches.rest(), self.kept()
        return rest if kept.all() else take_rows(rest, kept)

    def all_of(self, method):
        """Return what was answered, by one method."""
        if not self.kept().any():
            columns = [len(self.recorded.estimator.classes_)] if method.endswith("proba") else []
            return np.empty([0, *columns])
        return getattr(self.recorded, method)(None)


def send_through(estimator, batches, timing, times, **options):
    """Send a clone through batches, the first of which it is fitted on.

    Parameters
    ----------
    estimator : estimator
        Stays as it is; its callbacks hear of every batch.
    batches : ArrayBatches or GivenBatches
        The stream.
    timing : Timing
        How it is cut, and what is known when.
    times : ndarray or None
        When rows came.
    **options : dict
        ``choose_methods(model)`` returns what to ask a fitted model for. Rows of weight zero are
        recorded, too, if it `keeps_all`. `progress` shows a bar, ``heed(share)`` is told after each
        batch how far it has come, and `flips` counts the decisions that change.

    Returns
    -------
    run : Run
        What was answered and paid.
    """
    head = batches.head(timing.start)
    timing = replace(timing, start=n_rows(head.X))
    run = Run(Recorded(cloned(estimator)), batches, timing, times, head.y)
    waiting, first = Waiting(), head
    if timing.arrivals is not None:
        waiting = WaitingByRow(batches.rows, timing.arrivals.order)
        first = waiting.take(timing.known(timing.start))
    _pass(cloned(estimator), run, first, waiting, **options)
    return run


@with_callbacks
def _pass(
    owner,
    run,
    first,
    waiting,
    *,
    choose_methods,
    keeps_all=False,
    progress=False,
    heed=None,
    flips=None,
):
    """Fit on the first rows, then test and train; the callbacks of the owner hear of each batch."""
    model, batches = run.recorded.estimator, run.batches
    n_batches = length_hint(batches) or None
    steps = Progress(owner, "prequential", n_batches, first)
    # They are told of the evaluation; each fit in it would open a bar of its own.
    callbacks = model.__dict__.pop("_skl_callbacks", None)
    run.keeps_all = keeps_all
    fit_first(model, first, run.meter, run.timing.start)
    run.methods = choose_methods(model)
    shown = batches
    if progress:
        shown = tracked(batches, n_batches, type(model).__name__, lambda batch: n_rows(batch.X))
    for batch, outputs, classes, readable in interleave(
        model,
        shown,
        timing=run.timing,
        waiting=waiting,
        methods=run.methods,
        watch=run.meter,
        past=first,
        flips=flips,
    ):
        with steps.task("batch", batch):
            run.add(batch, outputs, classes, readable)
        if heed is not None:
            run.work.append(work_of(model, run.meter))
            heed(len(run.masks) / n_batches)
    steps.end()
    if callbacks is not None:
        model._skl_callbacks = callbacks


def work_of(model, meter):
    """Return how many fits a model has had, and how many rows went into its updates."""
    events = getattr(model, "events_", None)
    if events is None:
        return 1, meter.rows_learned - meter.n_learned[0]
    return events.totals["fits"], events.totals["rows_updated"]


def fit_first(model, first, meter, start):
    """Fit on the rows of the first `start` that are known, and measure it."""
    n_known = n_rows(first.X)
    first = learnable(model, first)
    try:
        with meter.learning(n_rows(first.X)):
            first.learned_by(model.fit)
    except Exception as error:
        if n_known < start:
            error.add_note(
                f"Of the {start:,} rows of the first fit, {n_known:,} had a label by then, as "
                "label_time says. With a larger initial_size there are more."
            )
        raise
    meter.next_batch(n_known)
