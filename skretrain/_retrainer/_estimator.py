"""What retrainers share with scikit-learn: delegation, tags, and the way of a batch."""

from copy import copy, deepcopy
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from ..buffers import BaseBuffer, SlidingWindow
from ..buffers._base import part_of
from ..compose._learner import Learner, fill_seeds
from ..drift._river import RiverParamsMixin
from ..inspection._event_strip import event_strip
from ..utils._callbacks import (
    CallbackSupportMixin,
    Progress,
    Told,
    check_callbacks,
    is_heard,
    with_callbacks,
)
from ..utils._clone import ClonedByContent
from ..utils._containers import as_container, n_rows
from ..utils._events import MAX_EVENTS
from ..utils._hooks import Telling, pass_on
from ..utils._losses import task_of
from ..utils._params import check_choice, is_integer, refuse
from ..utils._restoring import Restoring
from ..utils._signature import fit_with_weight_if
from ._border import checked_classes, checked_rows, unlabelled_rows
from ._cycle import Cycle
from ._delegation import DelegationMixin
from ._first_fit import first_size
from ._parts import Parts, Settings
from ._routing import Route, router_of
from ._scoring import check_needs


class Examination(NamedTuple):
    """A batch that passed every check, and the cycle that will learn from it."""

    cycle: Cycle
    batch: Any


class BaseRetrainer(
    DelegationMixin,
    ClonedByContent,
    MetaEstimatorMixin,
    RiverParamsMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Delegation and input checks; a subclass only says which parts it is made of."""

    # -- to be said by the subclass ------------------------------------------------------------

    def _make_parts(self, learner, seed):
        """Return trigger, policy, update and gate."""
        raise NotImplementedError

    # What a subclass without the parameter does.
    batch_size = None
    initial_size = None
    _is_watched_by_default = False
    dry_run = False
    on_error = "warn"
    _max_events = MAX_EVENTS

    # -- learning ------------------------------------------------------------------------------

    @fit_with_weight_if(lambda self: has_fit_parameter(self.estimator, "sample_weight"))
    def fit(self, X, y=None, **params):
        """Forget everything, then learn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in time order: anything that the base accepts, and that can be cut into rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets; None for outlier detectors and clusterers.
        **params : array-like of shape (n_samples,)
            Per-row metadata such as ``sample_weight``. It is passed to the base, remembered with
            the rows, and passed again whenever they are fitted again. With metadata routing
            enabled, the base must request it for ``fit`` and, where it has one, for
            ``partial_fit``.

        Returns
        -------
        self : object
            Fitted retrainer.

        Raises
        ------
        ValueError
            If a parameter is invalid or the input is. What was learned before is then still there.
        """
        with Restoring(self):
            self._fit(X, y, params)
        return self

    @with_callbacks
    def _fit(self, X, y, params):
        cycle, before = self._new_cycle(), self.__dict__.get("_cycle")
        if before is not None:
            cycle.state.service.listeners = before.state.service.listeners
        rows = checked_rows(self, cycle.state, as_container(X), y, params, "fit", reset=True)
        self._run(cycle, rows)
        before, self._cycle = self._event_logs(), cycle
        pass_on(before, self._event_logs())

    def partial_fit(self, X, y=None, classes=None, **params):
        """Test the serving model on a batch, then learn from it.

        On an object that was never fitted, learning begins with the first row where the base has a
        ``partial_fit`` and ``update`` uses it, given `classes` or two of them in the batch; else
        the rows are collected until there are ``initial_size`` of them with at least two classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch, in time order. An empty one changes nothing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets; None for outlier detectors and clusterers.
        classes : array-like of shape (n_classes,), default=None
            Class labels to expect, also in later batches. Regressors ignore it.
        **params : array-like of shape (n_samples,)
            Per-row metadata, as in :meth:`fit`.

        Returns
        -------
        self : object
            The retrainer.

        Raises
        ------
        ValueError
            If the input is invalid: then nothing was counted, shown to a trigger or remembered.
        """
        self._feed(self._learn, X, y, classes, params)
        return self

    def _partial_fit(self, learn, X, y, classes, params):
        X = as_container(X)
        if n_rows(X) == 0:
            return  # nothing to test, nothing to learn
        if self.__dict__.get("_cycle") is None:
            with Restoring(self):
                learn(self._examine(X, y, classes, params))
        else:
            learn(self._examine(X, y, classes, params))

    @with_callbacks
    def _partial_fit_with_callbacks(self, learn, X, y, classes, params):
        progress = Progress(self, "partial_fit", None, Told(X, y, params), base=self.estimator)
        with progress.listening():
            self._partial_fit(learn, X, y, classes, params)
        progress.end(lambda: _as_fitted(self.__dict__.get("_cycle")))

    def observe(self, X):
        """Show rows whose labels are not known to the triggers that need none.

        Nothing is learned. An alarm of such a trigger makes a retrain due at the next batch with
        labels, and is an event, ``labels_wanted``. From the first call on, these triggers see rows
        only here: ``partial_fit`` no longer shows them the same ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in time order. None of them changes nothing.

        Returns
        -------
        self : object
            The retrainer.

        Raises
        ------
        NotFittedError
            If no model serves yet.
        ValueError
            If the columns are others than those of ``fit``.
        """
        self._serving()
        X = as_container(X)
        if n_rows(X):
            with Telling(self):
                self._observe(self._examine_unlabelled(X))
        return self

    # -- the protocol: how the rest of the library drives a retrainer --------------------------

    def _feed(self, learn, X, y, classes, params):
        """Examine a batch, and let `learn` have it: ``_learn``, or ``_prepare``."""
        feed = self._partial_fit_with_callbacks if is_heard(self) else self._partial_fit
        with Telling(self):
            feed(learn, X, y, classes, params)

    def _examine(self, X, y, classes, params):
        """Check a batch and test the serving model on it; nothing is counted or learned."""
        cycle = self.__dict__.get("_cycle")
        blank = cycle is None
        if blank:
            cycle = self._new_cycle()
        rows = checked_rows(self, cycle.state, X, y, params, "partial_fit", reset=blank)
        return Examination(cycle, cycle.examine(rows, checked_classes(classes)))

    def _learn(self, examination, *, may_grow=True):
        """Learn from a batch that was examined; a retrain that is due is carried out.

        Unless it may grow, one that is due for no other reason than growth waits for a batch with
        which it may.
        """
        batch = examination.batch if may_grow else examination.batch._replace(may_grow=False)
        examination.cycle.learn(batch)
        self._cycle = examination.cycle

    def _has_grown(self, examination):
        """Tell whether a retrain is due with this batch because the rows have grown."""
        return examination.cycle.has_grown(examination.batch)

    def _examine_unlabelled(self, X):
        """Check rows without labels and let the serving model predict them; nothing changes."""
        return self._cycle.examine_unlabelled(unlabelled_rows(self, self._cycle.state, X))

    def _observe(self, examined):
        """Show rows that were examined to the triggers that need no labels."""
        self._cycle.observe(examined)

    def _prepare(self, examination):
        """Learn from a batch that was examined, and return the job of a retrain that is due."""
        with Telling(self):
            job = examination.cycle.prepare(examination.batch)
            self._cycle = examination.cycle
        return job

    def _accept(self, outcome):
        """Decide on the outcome of a job, wherever it ran."""
        with Telling(self):
            self._cycle.accept(outcome)

    def _cancel(self, why="cancelled"):
        """Give up the job that is out: what it was for is tried with the next batch."""
        with Telling(self):
            self._cycle.cancel(why)

    @property
    def _retrain_is_due(self):
        """Whether a retrain waits for its next try, or for its outcome."""
        state = self._learned("_retrain_is_due")
        return state.cause is not None or state.pending is not None

    def _event_logs(self):
        """Return the logs that hooks can hear of, by the name of the member: here it has none."""
        cycle = self.__dict__.get("_cycle")
        return {} if cycle is None else {"": cycle.state.log.events}

    @property
    def _job_out(self):
        """The job that was prepared and whose outcome has not come, or None; it is pickled."""
        cycle = self.__dict__.get("_cycle")
        pending = None if cycle is None else cycle.state.pending
        return None if pending is None else pending.job

    def _serve_again(self, serving, since):
        """Let a version that served before serve again; see ``Retrains.serve_again``."""
        self._serving()
        with Telling(self):
            self._cycle.serve_again(serving, since)

    def _listen(self, listener):
        """Let a listener hear of each version that comes into service; it is not pickled."""
        self._serving()
        self._cycle.state.service.listeners.append(listener)

    def _listen_no_more(self, listener):
        """Let a listener that heard of versions hear of no more."""
        self._cycle.state.service.listeners.remove(listener)

    def _frozen(self):
        """Return a retrainer that serves what serves now, whatever this one learns."""
        frozen = copy(self)
        if self.__dict__.get("_cycle") is not None:
            frozen._cycle = self._cycle.frozen()
        return frozen

    def _lean(self):
        """Return a retrainer that predicts what this one would now, and can do nothing else."""
        lean = copy(self)
        if self._snapshot is not None:
            lean._cycle = self._cycle.lean()
        return lean

    # -- how it is made --------------------------------------------------------------------------

    def _run(self, cycle, rows):
        """Fit on all rows at once, or on the first and stream the rest."""
        total, size, settings = len(rows.index), self.batch_size, cycle.state.settings
        first = total
        if size is not None:
            wanted = self.initial_size or size
            first = first_size(rows, wanted, cycle.state.labels, cycle.state.parts.learner)
        starts = range(first, total, size or 1)
        progress = Progress(self, "fit", 1 + len(starts), rows, base=self.estimator)
        progress.warn_if_deaf()
        if not settings.grow_classes:
            cycle.state.labels.declare_all(cycle.state.parts.learner.targets_of(rows))
        head = rows if not starts else part_of(rows, slice(first))
        fitted = partial(_as_fitted, cycle)
        with progress.task("first fit", head, fitted):
            cycle.fit(head, begins_stream=bool(starts))
        for start in starts:
            if progress.stopped:
                break
            part = part_of(rows, slice(start, start + size))
            with progress.task("batch", part, fitted):
                cycle.learn(cycle.examine(part))
        progress.end(fitted)

    def _new_cycle(self):
        seed = seed_of(self)
        check_choice(self, "new_classes", ("grow", "raise"))
        check_callbacks(self, self.estimator)
        route = Route(type(self).__name__, self.estimator)
        learner = Learner(self.estimator, random_state=seed, route=route)
        trigger, policy, update, gate = self._make_parts(learner, seed)
        check_needs(trigger, learner.estimator)
        parts = Parts(learner, trigger, policy, update, _make_buffer(self, seed), gate)
        if (self.initial_size or 0) > parts.buffer.max_rows:
            room = f"at most the {parts.buffer.max_rows} rows that the buffer can hold"
            refuse(self, "initial_size", f"{room}, or the first fit could never happen")
        settings = Settings(
            task=task_of(self.estimator),
            initial_size=self.initial_size,
            grow_classes=self.new_classes == "grow",
            dry_run=bool(self.dry_run),
            raise_failures=self.on_error == "raise",
            seed=seed or 0,
            watches_rare=self._is_watched_by_default,
        )
        return Cycle(parts, settings, self._max_events)

    # -- metadata routing ------------------------------------------------------------------------

    def get_metadata_routing(self):
        """Return how metadata is routed to the base.

        Returns
        -------
        routing : MetadataRouter
            ``fit`` to ``fit``, ``partial_fit`` to ``partial_fit`` and ``fit`` (rows are fitted
            again), ``score`` to ``score``.
        """
        streams = self.batch_size is not None
        return router_of(self, self.estimator, streams_in_fit=streams)

    # -- what serves -----------------------------------------------------------------------------

    @property
    def _snapshot(self):
        """What ``predict`` reads, or None before the first fit."""
        cycle = self.__dict__.get("_cycle")
        return None if cycle is None else cycle.serving

    def _serving(self):
        serving = self._snapshot
        if serving is None:
            check_is_fitted(self)
        return serving

    # -- what scikit-learn asks --------------------------------------------------------------------

    def __sklearn_is_fitted__(self):
        return self._snapshot is not None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not hasattr(self.estimator, "__sklearn_tags__"):
            return tags
        tags = copy(get_tags(self.estimator))
        # The checks of the wrapper are its own, and it hands on nothing but numpy arrays.
        tags._skip_test = False
        tags.array_api_support = False
        tags.requires_fit = True
        return tags

    def _html_repr(self):
        """Return scikit-learn's diagram and, once something was learned, the line of events."""
        diagram = super()._html_repr()
        if self.__dict__.get("_cycle") is None:
            return diagram
        return diagram + event_strip(self.events_, self.n_samples_seen_)

    # -- learned attributes ------------------------------------------------------------------------

    def _learned(self, name):
        """Return what was learned, for the attribute `name` that is absent before."""
        cycle = self.__dict__.get("_cycle")
        if cycle is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return cycle.state

    def _served(self, name):
        serving = self._learned(name).serving
        if serving is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r} yet")
        return serving

    @property
    def estimator_(self):
        """The serving model."""
        return self._served("estimator_").model

    @property
    def classes_(self):
        """Class labels declared, seen or fitted, sorted; a list of arrays for several outputs."""
        classes = self._served("classes_").classes
        if classes is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'classes_'")
        return classes

    @property
    def offset_(self):
        """Threshold of an outlier detector: decision_function is score_samples minus it."""
        return self._served("offset_").model.offset_

    @property
    def challenger_(self):
        """The candidate that waits for the gate, or None."""
        challenger = self._learned("challenger_").trials.challenger
        return None if challenger is None else challenger.model

    @property
    def detector_(self):
        """The trigger at work, or None."""
        return self._learned("detector_").parts.trigger

    @property
    def buffer_(self):
        """The remembered rows."""
        return self._learned("buffer_").parts.buffer

    @property
    def events_(self):
        """Log of alarms, retrains, rejections, rollbacks and failures."""
        return self._learned("events_").log.events

    @property
    def n_samples_seen_(self):
        """Rows seen since ``fit``."""
        return self._learned("n_samples_seen_").log.n_seen

    @property
    def n_alarms_(self):
        """Alarms so far."""
        return self._learned("n_alarms_").n_alarms

    @property
    def n_refits_(self):
        """Retrains that were promoted, the first fit not counted."""
        return self._learned("n_refits_").n_refits


def _as_fitted(cycle):
    """Return the attributes that let a copy of a retrainer serve what serves now, if any does."""
    return None if cycle is None or cycle.serving is None else {"_cycle": cycle.frozen()}


def _make_buffer(retrainer, seed):
    buffer = retrainer.buffer
    if buffer is None:
        buffer = SlidingWindow()
    elif isinstance(buffer, BaseBuffer):
        buffer = clone(buffer)
    else:
        example = "SlidingWindow(max_rows=10_000)"
        refuse(retrainer, "buffer", f"None or an object of skretrain.buffers, such as {example}")
    if seed is not None:
        fill_seeds(buffer, seed, 0)
    return buffer.reset()


def seed_of(owner, value=None):
    """Return the seed that the ``random_state`` of an estimator or a function stands for, or None.

    A generator is drawn from as a copy: constructor arguments never change, and two fits agree.
    """
    random_state = value if isinstance(owner, str) else owner.random_state
    if random_state is None or is_integer(random_state, least=0, most=2**32 - 1):
        return None if random_state is None else int(random_state)
    if not isinstance(random_state, np.random.RandomState):
        accepted = "an integer from 0 to 2**32 - 1, a numpy.random.RandomState or None"
        refuse(owner, "random_state", accepted, random_state)
    return int(deepcopy(random_state).randint(2**31 - 1))
