"""The loop behind every evaluator: predict a batch, then learn the labels known by then."""

from collections import deque
from contextlib import contextmanager

import numpy as np
from sklearn.metrics import check_scoring

from .._mixture import MixtureRetrainer
from .._retrainer._estimator import BaseRetrainer
from ..utils._clone import check_apart
from ..utils._containers import n_rows, take_rows
from ..utils._copy import copy_fitted
from ..utils._costs import Stopwatch
from ..utils._losses import differs_per_row, task_of
from ._unreadable import answered, readable_rows


def check_incremental(estimator):
    """Raise TypeError for an estimator that cannot learn from a stream.

    And ValueError for one of which a clone cannot be evaluated without changing it.
    """
    check_apart(estimator)
    if not hasattr(estimator, "partial_fit"):
        raise TypeError(
            f"{type(estimator).__name__} has no partial_fit, so that nothing can be learned "
            "between the tests. Wrap the whole estimator, a Pipeline included: "
            "DriftAwareRetrainer(estimator) or ReplayPartialFit(estimator)."
        )


def interleave(estimator, batches, *, timing, waiting, methods, watch, past=None, flips=None):
    """Yield ``(batch, outputs, classes, readable)`` for each batch, and learn in between.

    A batch is predicted before any of its labels is learned; the rows whose labels became known
    since the batch before are learned as one batch, in the order in which they did. `outputs` are
    those for the rows that the model can read, of which `readable` is a mask.

    Parameters
    ----------
    estimator : estimator
        Changed in place by ``partial_fit``.
    batches : iterable of Batch
        In time order.
    timing : Timing
        When labels are known, and models ready to serve.
    waiting : Waiting or WaitingByRow
        Gives the rows whose labels come next.
    methods : list of str
        What to ask the estimator for.
    watch : CostMeter
        Measures the costs.
    past : Batch or None, default=None
        Rows that were learned before, on which a model can be fitted.
    flips : Flips or None, default=None
        Counts what each model decides otherwise than the one before it.
    """
    loop = TestThenTrain(
        estimator,
        timing=timing,
        waiting=waiting,
        methods=methods,
        watch=watch,
        past=past,
        flips=flips,
    )
    for batch in batches:
        yield batch, *loop.test(batch)
        loop.train()


class TestThenTrain:
    """The loop of :func:`interleave`, which has its parameters, a batch at a time; it pickles."""

    __test__ = False  # it is no test of pytest

    def __init__(self, estimator, *, timing, waiting, methods, watch, past=None, flips=None):
        self.estimator, self.timing, self.waiting = estimator, timing, waiting
        self.methods, self.watch, self.past, self.flips = methods, watch, past, flips
        self.row, self.n_learned = timing.start, timing.known(timing.start)
        self._serving = _Versions(estimator, is_late=bool(timing.fit_latency))

    def test(self, batch):
        """Return ``(outputs, classes, readable)`` for the next batch."""
        model = self._serving.at(self.row, self.timing)
        answers = answered(model, batch, self.methods, watch=self.watch, past=self.past)
        outputs, readable = answers
        if self.flips is not None:
            self.flips.see(model, batch, outputs, readable)
        self.row += n_rows(batch.X)
        self.waiting.add(batch)
        return outputs, getattr(model, "classes_", None), readable

    def train(self):
        """Learn the rows whose labels have come by now."""
        n_new = self.timing.known(self.row) - self.n_learned
        if n_new > 0:
            known = learnable(self.estimator, self.waiting.take(n_new))
            self.n_learned += n_new
            with self.watch.learning(n_rows(known.X)):
                if n_rows(known.X):
                    known.learned_by(self.estimator.partial_fit)
            self._serving.learned(self.row)
        self.watch.next_batch(self.n_learned)


def learnable(estimator, batch):
    """Return the rows that an estimator is handed: those of weight zero to retrainers alone.

    These keep them; others may count them in their schedule, or refuse rows that all weigh nothing.
    """
    is_retrainer = isinstance(estimator, (BaseRetrainer, MixtureRetrainer))
    return batch if is_retrainer else batch.that_counts()


class _Versions:
    """Which state of an estimator serves, if a new one takes a while to come into service."""

    def __init__(self, estimator, *, is_late):
        self.estimator, self.is_late = estimator, is_late
        self.coming = deque()
        self.current = frozen(self.estimator) if is_late else estimator

    def learned(self, row):
        """Note that the estimator learned before `row` came."""
        if self.is_late:
            self.coming.append((row, frozen(self.estimator)))

    def at(self, row, timing):
        """Return the state that serves from `row` on."""
        while self.coming and self.coming[0][0] <= timing.ready(row):
            self.current = self.coming.popleft()[1]
        return self.current


def frozen(estimator):
    """Return an estimator as it is now, whatever it learns later."""
    # A retrainer replaces the model that serves and never changes it: a shallow copy keeps it.
    if hasattr(estimator, "_frozen"):
        return estimator._frozen()
    return copy_fitted(estimator)


class Flips:
    """Counts the rows of each batch that the model which served the batch before decides otherwise.

    Only rows that both can read are compared, and only those that count.
    """

    def __init__(self):
        self.per_batch = []
        self._before = None

    def see(self, model, batch, outputs, readable):
        """Compare what was predicted with what the model before would have said."""
        n_flips = 0
        if self._before is not None and readable.any():
            n_flips = self._n_changed(batch, np.asarray(outputs["predict"]), readable)
        self.per_batch.append(n_flips)
        self._before = frozen(model)

    def _n_changed(self, batch, decided, readable):
        X, counted = take_rows(batch.X, readable), np.ones(len(decided), dtype=bool)
        if batch.counted is not None:
            counted = batch.counted[readable]
        try:
            before = np.asarray(self._before.predict(X))
        except Exception:
            both = readable_rows(self._before.predict, X)
            if not both.any():
                return 0
            before = np.asarray(self._before.predict(take_rows(X, both)))
            decided, counted = decided[both], counted[both]
        return int((differs_per_row(before, decided) & counted).sum())


class CostMeter:
    """Adds up what predicting and learning cost, in processor seconds, in all and per batch."""

    def __init__(self):
        self.predict_seconds = [0.0]
        self.fit_seconds = [0.0]
        self.rows_learned = 0
        self.n_learned = []

    @contextmanager
    def predicting(self):
        """Measure a prediction."""
        with Stopwatch() as watch:
            yield
        self.predict_seconds[-1] += watch.cpu_seconds

    @contextmanager
    def learning(self, n_rows_learned):
        """Measure a fit or an update."""
        with Stopwatch() as watch:
            yield
        self.fit_seconds[-1] += watch.cpu_seconds
        self.rows_learned += n_rows_learned

    def next_batch(self, n_learned):
        """Begin a new entry; the first one is that of the first fit.

        `n_learned` is the number of rows of the stream that have been learned by now.
        """
        self.n_learned.append(n_learned)
        self.predict_seconds.append(0.0)
        self.fit_seconds.append(0.0)


def scorer_for(estimator, scoring):
    """Return the scorer for `scoring`; None is accuracy for a classifier and R2 for a regressor."""
    if scoring is None:
        defaults = {"classification": "accuracy", "regression": "r2"}
        scoring = defaults.get(task_of(estimator))
        if scoring is None:
            raise ValueError(
                f"scoring=None has no meaning for {type(estimator).__name__}, which is neither a "
                "classifier nor a regressor: pass a scorer."
            )
    return check_scoring(estimator, scoring)


def scorers_for(estimator, scoring):
    """Return scorers by name; one alone is called ``score``."""
    if isinstance(scoring, dict):
        named = scoring
    elif isinstance(scoring, list | tuple | set):
        named = {name: name for name in scoring}
    else:
        named = {"score": scoring}
    if not named:
        raise ValueError(f"scoring={scoring!r} names no scorer: pass at least one, or None.")
    return {name: scorer_for(estimator, one) for name, one in named.items()}
