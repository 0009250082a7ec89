"""The fits of a matrix: each window at each time, and its losses from there on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.utils.validation import check_consistent_length

from ..._retrainer._border import checked_params
from ...buffers import Rows
from ...buffers._base import part_of
from ...policies import RetrainContext
from ...policies._base import with_all_classes
from ...utils._containers import as_container, n_rows, take_rows
from ...utils._costs import Stopwatch
from ...utils._durations import Duration, moments_of
from .._batches import check_at_hand
from .._edges import checked_times
from .._unreadable import can_be_learned, readable_rows, summed_losses
from ._replay import FIRST


@dataclass
class History:
    """All rows, whether their targets are classes, and when they came, where that is known."""

    rows: Rows
    has_classes: bool
    times: np.ndarray | None = None
    moments: np.ndarray | None = None


def history_of(X, y, params, times=None, *, is_classification):
    """Return the rows as a History."""
    check_at_hand("RetrainMatrix", X, y)
    if y is None:
        raise ValueError("y=None: a RetrainMatrix compares predictions with targets; pass them.")
    check_consistent_length(X, y)
    X, y = as_container(X), np.asarray(y)
    rows = Rows(X, y, checked_params(params, n_rows(X)), np.arange(n_rows(X)))
    times = None if times is None else checked_times(times, y)
    moments = None if times is None else moments_of(times)
    return History(rows, is_classification and y.ndim == 1, times, moments)


class Worker:
    """Fits and scores; workers of other processes unpickle it."""

    n_answers = 0  # that are kept of each row

    def __init__(self, learner, history, edges, windows, loss, arrivals=None):
        self.learner, self.history, self.edges = learner, history, edges
        self.windows, self.loss = windows, loss
        # What is learned: the rows as they come or, where labels come at moments of their own, in
        # the order in which these do; and how many of them are known at each edge.
        self.learned, self.stops, self.moments = history.rows, edges, history.moments
        self.order = None
        if arrivals is not None:
            self.order, self.stops = arrivals.order, arrivals.n_known(edges)
            numbers = np.arange(len(self.order))
            self.learned = part_of(history.rows, self.order)._replace(index=numbers)
            self.moments = _moments_of_labels(history.moments, arrivals)
        weight = learner.weight_of(history.rows)
        n_rows_in_all = len(history.rows.index)
        self.counts = np.ones(n_rows_in_all, dtype=bool) if weight is None else weight != 0

    def cells(self, times, remaining):
        """Return for each time, and each window in `remaining`, what a cell of the matrix holds.

        Losses and unpredicted rows per chunk, seconds, rows, and the losses on the rows whose
        labels come while a chunk is served.
        """
        return [self._at(int(time), remaining) for time in times]

    def _at(self, time, remaining):
        stop, done = int(self.stops[time]), {}
        starts = [self._start(self.windows[number], time, stop) for number in remaining]
        for start in starts:
            if start not in done:
                model, seconds, n_fitted = self._fitted(start, stop, time)
                losses, *rest = self._losses(model, time)
                told = losses if self.order is None else self._told(model, time)
                done[start] = (losses, *rest, seconds, n_fitted, told)
        return [done[start] for start in starts]

    def _start(self, window, time, stop):
        if isinstance(window, Duration):
            earliest = window.before(self.history.moments[self.edges[time]])
            return min(int(np.searchsorted(self.moments, earliest)), stop - 1)
        return 0 if window == "all" else max(stop - window, 0)

    def _context(self, start, stop):
        """Return a policy's view of the rows before `stop`, those from `start` on being new."""
        rows = part_of(self.learned, slice(stop))
        classes = np.unique(rows.y) if self.history.has_classes else None
        return RetrainContext.of(self.learner, None, rows, n_new=stop - start, classes=classes)

    def _fitted(self, start, stop, time):
        past = self._context(start, stop)
        rows = with_all_classes(part_of(self.learned, slice(start, stop)), past)
        with Stopwatch() as cost:
            if past.classes is not None and len(past.classes) == 1:
                model = DummyClassifier(strategy="most_frequent").fit(rows.X, rows.y)
            else:
                model = self.learner.fresh(rows, time - FIRST)
        return model, cost.cpu_seconds, len(rows.index)

    def _losses(self, model, time):
        """Return the summed loss on each later chunk, and the rows that could not be read."""
        return self._summed(*self._predicted(model, self._later(time)), time)

    def rows_told(self):
        """Return how many rows count whose labels come while a chunk is served, for each chunk."""
        return _sums(self.counts if self.order is None else self.counts[self.order], self.stops)

    def _told(self, model, time):
        """Return the summed loss on the rows whose labels come while each later chunk is served."""
        first = int(self.stops[time])
        rows, stops = self.order[first : self.stops[-1]], self.stops[time:] - first
        sums, there = np.zeros(len(stops) - 1), np.diff(stops) > 0
        if there.any():
            y_pred, readable = self._predicted(model, take_rows(self.history.rows.X, rows))
            losses = self._losses_of(self.history.rows.y[rows][readable], y_pred)
            starts, counted = stops[:-1][there], self.counts[rows]
            sums[there] = summed_losses(losses, readable, starts, counted)
        return sums

    def _later(self, time):
        return take_rows(self.history.rows.X, slice(int(self.edges[time]), None))

    def _summed(self, y_pred, readable, time):
        first = int(self.edges[time])
        losses = self._losses_of(self.history.rows.y[first:][readable], y_pred)
        starts, counted = self.edges[time:-1] - first, self.counts[first:]
        unpredicted = np.add.reduceat((counted & ~readable).astype(np.int64), starts)
        return summed_losses(losses, readable, starts, counted), unpredicted

    def _losses_of(self, y, y_pred):
        losses = np.asarray(self.loss(y, y_pred) if len(y) else [], dtype=np.float64)
        if losses.shape != (len(y),):
            raise ValueError(
                f"loss returned an array of shape {losses.shape} for {len(y)} rows: it must return "
                "one loss per row."
            )
        return np.where(np.isnan(losses), np.inf, losses)  # as the losses with a name have it

    def _predicted(self, model, X):
        """Return the predictions for the rows that a model can read, and which these are."""
        try:
            return model.predict(X), np.ones(n_rows(X), dtype=bool)
        except Exception:
            if not self._can_be_learned:
                raise
        readable = readable_rows(model.predict, X)
        return model.predict(take_rows(X, readable)) if readable.any() else None, readable

    @cached_property
    def _can_be_learned(self):
        """Whether a model that is fitted on all rows can read them: none of them is at fault."""
        return can_be_learned(self.learner, self.history.rows)


def _moments_of_labels(moments, arrivals):
    """Return for each label the moment of the first row that comes when it is known."""
    if moments is None:
        return None
    return moments[np.minimum(arrivals.known_from, len(moments) - 1)]


def _sums(counts, edges):
    """Return how many of the rows between two edges count, also where there are no rows."""
    return np.diff(np.append(0, np.cumsum(counts))[edges])
