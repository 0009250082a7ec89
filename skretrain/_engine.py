"""The cycle of every retrainer, test then learn: it knows the four parts, no API."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets

from .buffers._base import joined
from .drift import FitRecord, ScoredBatch, Signal
from .exceptions import ClassesGrewWarning, RetrainFailedWarning, UpdateFailedWarning
from .gates import Trial, Verdict
from .policies import RetrainContext
from .utils._costs import Stopwatch, thread_counts
from .utils._events import Event, EventLog
from .utils._labels import is_flat, spread, union_of_labels, unseen_labels
from .utils._losses import absolute_loss_per_row, novelty_per_row, zero_one_loss_per_row
from .utils._sklearn_api import predict_of, predict_proba_of
from .utils._warn import warn_user

_STABLE = Signal("stable")


class Serving(NamedTuple):
    """What ``predict`` reads: replaced as a whole, in one assignment."""

    model: Any
    classes: np.ndarray | list | None
    version: int

    def spread(self, output, fill):
        """Give `output` one column per class, filled with `fill` where the model knows none."""
        if not isinstance(self.classes, np.ndarray):
            return output
        known = getattr(self.model, "classes_", self.classes)
        if getattr(self.model, "decision_function_shape", None) == "ovo":
            return output  # a column per pair of classes, which nothing can be added to
        return spread(output, known, self.classes, fill)


@dataclass(slots=True)
class Parts:
    """The parts of one retrainer, resolved and blank."""

    learner: Any
    trigger: Any
    policy: Any
    update: Any
    buffer: Any
    gate: Any


@dataclass(slots=True)
class Cause:
    """Why a retrain is due; it stays while the retrain fails."""

    reason: str
    since: int | None  # None until the retrain begins: then the oldest remembered row
    answers_alarm: bool
    tries: int = 0
    wait: int = 0  # batches until the next try


@dataclass(slots=True)
class Challenger:
    """A candidate before the gate."""

    model: Any
    cause: Cause
    fit: FitRecord
    note: str
    n_since: int  # remembered rows of the present concept when it was fitted


class Previous(NamedTuple):
    """The version before the last promotion, while the gate watches that."""

    model: Any
    version: int
    since: int
    row: int  # rows seen at the promotion


class Examined(NamedTuple):
    """A batch that passed every check, and what the serving model made of it."""

    rows: Any
    classes: Any  # as announced by the caller
    y_pred: np.ndarray | None  # None before the first fit, and without targets
    scored: ScoredBatch | None  # for the trigger, if there is one
    unseen: np.ndarray | tuple  # labels that are new


class Engine:
    """The learned state of a retrainer, and the one way in which it changes.

    Parameters
    ----------
    parts : Parts
        Learner, trigger (or None), policy, update (or None), buffer and gate.
    task : {"classification", "regression", "unsupervised"}
        Decides the loss per row.
    initial_size : int or None
        Rows to collect before the first fit, when it all begins with ``partial_fit``.
    grow_classes : bool
        Whether a new class is learned or refused.
    dry_run : bool
        Whether to log what would be done instead of doing it.
    raise_failures : bool
        Whether a failed update or retrain raises, or warns.
    seed : int
        For sampling from the memory.
    """

    def __init__(self, parts, *, task, initial_size, grow_classes, dry_run, raise_failures, seed):
        parts.gate.reset()  # now, for its check of the parameters, not when a challenger is made
        self.parts = parts
        self.task = task
        self.initial_size = initial_size
        self.grow_classes = grow_classes
        self.dry_run = dry_run
        self.raise_failures = raise_failures
        self.rng = np.random.default_rng(seed)
        self.serving = None
        self.challenger = None
        self.previous = None
        self.cause = None
        self.classes = None  # sorted labels declared, seen or fitted; None for several outputs
        self.declared = None  # as given, for the first partial_fit of the base
        self.events = EventLog()
        self.n_seen = 0
        self.n_alarms = 0
        self.n_refits = 0
        self.since = 0  # row at which the present concept began
        self.n_fitted = 0  # remembered rows of the present concept when it was last fitted
        self.y_ndim = None  # of the targets seen
        self.dtype = None  # of the rows of the first fit, if they are an array
        self.answered = False  # whether a retrain has answered an alarm yet

    # -- labels --------------------------------------------------------------------------------

    def declare_labels_of(self, y):
        """Take in all labels of a whole fit, which no later batch of it can then lack."""
        if self._has_one_label_per_row(y):
            self._add_classes(y)

    def check_labels(self, y, announced=None):
        """Return the labels of `y` that are new, or raise ValueError if they cannot be taken in.

        Parameters
        ----------
        y : ndarray or None
            Targets of a batch.
        announced : array-like or None
            What the caller gave as ``classes``; to a regressor they mean nothing.
        """
        if self.serving is None and self.task == "classification":
            check_classification_targets(y)
        known = self._known_with(announced)
        if known is None or y is None:
            return ()
        unseen = unseen_labels(y, known)
        if not len(unseen):
            return ()
        check_classification_targets(y)
        union_of_labels(known, unseen)
        if not self.grow_classes:
            raise ValueError(
                f"The target label(s) {unseen.tolist()} in y do not exist in the initial classes "
                f"{known.tolist()}. Declare them with classes=... in the first partial_fit, "
                "or set new_classes='grow'."
            )
        if len(known) + len(unseen) > 2 and self._is_binary_only():
            raise ValueError(
                f"{type(self.parts.learner.estimator).__name__} tells two classes apart, and y has "
                f"the new label(s) {unseen.tolist()} besides {known.tolist()}. Wrap it in "
                "sklearn.multiclass.OneVsRestClassifier, or leave these rows out."
            )
        return unseen

    def _is_binary_only(self):
        tags = get_tags(self.parts.learner.estimator).classifier_tags
        return tags is not None and not tags.multi_class

    def _known_with(self, announced):
        if self.task != "classification" or announced is None or not is_flat(announced):
            return self.classes
        return union_of_labels(self.classes, announced)

    def _declare(self, announced):
        """Take in the labels that a caller announces."""
        if announced is None or self.task != "classification":
            return
        self.declared = announced
        known = self._known_with(announced)
        if known is not None:
            self._add_classes(known)

    def _add_classes(self, labels):
        before = 0 if self.classes is None else len(self.classes)
        self.classes = union_of_labels(self.classes, labels)
        if self.serving is not None and len(self.classes) > before:
            self._serve(self.serving.model, self.serving.version)

    # -- the first fit -------------------------------------------------------------------------

    def fit(self, rows):
        """Fit the first model on `rows`."""
        self._first_fit(rows, rows, incremental=False)

    def _start(self, rows):
        """Collect rows until they suffice for a first fit; begin at once where the base can."""
        waiting = joined(self.parts.buffer.latest(), rows)
        update = self.parts.update
        continues = update is not None and update.continues
        incremental = continues and self.parts.learner.starts_at_once
        if self._suffices(waiting, incremental):
            self._first_fit(rows, waiting, incremental=incremental)
        else:
            self._remember(rows)
            self._record(self._event("buffered", rows, _STABLE))

    def _suffices(self, waiting, incremental):
        if self._weightless(waiting):
            return False
        if self._has_one_label_per_row(waiting.y):
            declared = incremental and self.classes is not None
            if not declared and len(np.unique(waiting.y)) < 2:
                return False
        return incremental or len(waiting.index) >= (self.initial_size or 1)

    def _first_fit(self, new, fitted_on, *, incremental):
        with Stopwatch() as cost:
            try:
                model = self._first_model(fitted_on, incremental)
            except Exception:
                if len(fitted_on.index) == len(new.index) or not self._suffices(new, incremental):
                    raise
                # The fault may be in the rows that waited: then they would block it for ever.
                fitted_on, model = new, self._first_model(new, incremental)
                self.parts.buffer.reset()
        self._remember(new)
        self.n_fitted = self._n_remembered_since(0)
        labels = getattr(model, "classes_", None)
        if isinstance(labels, np.ndarray) and self._has_one_label_per_row(fitted_on.y):
            self.classes = union_of_labels(self.classes, labels)
        self._serve(model, 1)
        self.dtype = fitted_on.X.dtype if isinstance(fitted_on.X, np.ndarray) else None
        record = self._fit_record(len(fitted_on.index), 0, "first_fit", cost)
        self._tell_trigger(record, answered=False)
        self._record(
            self._event(
                "retrained",
                new,
                _STABLE,
                reason="first fit",
                threads=thread_counts(),
                **_costs(record),
            )
        )

    def _first_model(self, rows, incremental):
        learner, classes = self.parts.learner, self.declared
        if incremental and self._has_one_label_per_row(rows.y):
            classes = union_of_labels(self.classes, rows.y)
        elif self.task == "classification" and classes is None:
            # Several outputs that nobody declared: only fit can find out their classes.
            incremental = False
        return learner.started(rows, 0, classes) if incremental else learner.fresh(rows, 0)

    def _has_one_label_per_row(self, y):
        return self.task == "classification" and y.ndim == 1

    # -- the cycle -----------------------------------------------------------------------------

    def step(self, rows, classes=None):
        """Test the serving model on a batch, then learn from it.

        Everything that may be wrong with the input raises before anything changes.
        """
        self.learn(self.examine(rows, classes))

    def examine(self, rows, classes=None):
        """Test the serving model on a batch, and raise whatever may be wrong; nothing changes."""
        y_pred, scored = (None, None) if self.serving is None else self._score(rows)
        self.parts.buffer.check(rows.X, rows.y, rows.params)
        unseen = self.check_labels(self.parts.learner.targets_of(rows), classes)
        return Examined(rows, classes, y_pred, scored, unseen)

    def learn(self, examined):
        """Learn from a batch that was examined."""
        n_classes = 0 if self.classes is None else len(self.classes)
        self._declare(examined.classes)
        if self.serving is None:
            self._start(examined.rows)
        else:
            self._test_and_learn(examined.rows, examined.scored, examined.unseen)
            # Last, because a filter may turn the warning into an error.
            self._tell_of_a_third_class(n_classes)

    def _tell_of_a_third_class(self, n_before):
        if n_before != 2 or len(self.classes) == 2:
            return
        if hasattr(self.serving.model, "decision_function"):
            warn_user(
                f"A third class appeared: {self.classes.tolist()}. decision_function returns one "
                "column per class from now on.",
                ClassesGrewWarning,
            )

    def _test_and_learn(self, rows, scored, unseen):
        try:
            signal = _STABLE if self.parts.trigger is None else self.parts.trigger.update(scored)
        except Exception as error:
            self._trigger_failed(rows, error)
            return
        self.n_alarms += signal.state == "drift"
        if len(unseen):
            self._add_classes(unseen)
        cause = self._due(signal, rows)
        if cause is not None:
            self._retrain(rows, cause, signal)
        elif self._weightless(rows):
            self._remember(rows)
            self._record(self._event("kept", rows, signal))
        elif not self._took_back(rows, signal):
            self._learn(rows, signal)

    def _trigger_failed(self, rows, error):
        self._remember(rows)
        reason = f"trigger failed: {type(error).__name__}: {error}"
        self._record(self._event("failed", rows, _STABLE, reason=reason))
        self._complain(
            error,
            "the trigger failed on this batch, which is remembered and not learned; the serving "
            "model is as before",
            RetrainFailedWarning,
        )

    def _score(self, rows):
        """Predict the batch, always afresh; return it, and one loss per row for the trigger."""
        model, loss, predicted, proba = self.serving.model, None, None, None
        if self.task == "unsupervised":
            loss = novelty_per_row(model, rows.X)
            if loss is None and hasattr(model, "predict"):
                model.predict(rows.X)  # for its checks of the input
        else:
            predicted = predict_of(model, rows.X)
        trigger = self.parts.trigger
        if trigger is None:
            return predicted, None
        needs = trigger.needs
        if self.task == "classification":
            loss = zero_one_loss_per_row(rows.y, predicted)
        elif self.task == "regression":
            loss = absolute_loss_per_row(rows.y, predicted)
        weight = self.parts.learner.weight_of(rows)
        if loss is not None and weight is not None:
            loss[weight == 0] = np.nan
        if "y_proba" in needs:
            proba = self.serving.spread(predict_proba_of(model, rows.X), 0.0)
        return predicted, ScoredBatch(
            start=self.n_seen,
            n_rows=len(rows.index),
            loss=loss,
            bounded=self.task == "classification",
            y=rows.y,
            y_pred=predicted if "y_pred" in needs else None,
            y_proba=proba,
            X=rows.X if "X" in needs else None,
            classes=self.classes,
        )

    def _due(self, signal, rows):
        """Return the cause of a retrain now, or None."""
        if signal.state == "drift":
            return Cause("alarm", signal.since, True)
        if self.cause is not None:
            self.cause.wait -= 1
            return self.cause if self.cause.wait <= 0 else None
        if self.dry_run:
            return None
        new = self._labels_lacking((self.challenger or self.serving).model, rows)
        if len(new) and not self._update_takes_in(new):
            return Cause(_news(new), self.since, False)
        if self.challenger is not None:
            return None  # growth waits for the verdict: it would throw the evidence away
        return Cause("growth", self.since, False) if self._has_grown(len(rows.index)) else None

    def _update_takes_in(self, labels):
        update = self.parts.update
        continues = update is not None and update.continues
        return continues and self.parts.learner.can_grow(self.serving.model, labels)

    def _has_grown(self, n_new):
        # Before the first alarm, a model that learns from every batch is left alone; but encoders
        # that it keeps frozen would otherwise know no more than the first rows.
        learns = self.parts.update is not None and not self.parts.learner.freezes
        if learns and not self.answered:
            return False
        if self.parts.trigger is not None and not self.parts.trigger.growth_pays:
            return False
        n_since = self._n_remembered_since(self.since) + n_new
        return self.parts.policy.is_due(n_since, self.n_fitted, self.parts.buffer.max_rows)

    def _n_remembered_since(self, row):
        index = self.parts.buffer.index
        return len(index) - int(index.searchsorted(row))

    def _labels_lacking(self, model, rows):
        known = getattr(model, "classes_", self.classes)
        if self.classes is None or len(self.classes) == len(known):
            return ()
        return unseen_labels(self.parts.learner.targets_of(rows), known)

    # -- update --------------------------------------------------------------------------------

    def _learn(self, rows, signal):
        try:
            verdict = None if self.challenger is None else self._judge(rows, unseen=True)
        except Exception as error:
            return self._gate_failed(rows, signal, error)
        if self.parts.update is None or self.dry_run:
            self._remember(rows)
            event = self._event("kept", rows, signal, evidence=_shown(verdict))
            return self._settle(verdict, event)
        try:
            with Stopwatch() as cost:
                mine = self._updated(rows, self.serving.model)
                theirs, verdict = self._challenger_updated(rows, verdict)
        except Exception as error:
            return self._update_failed(rows, signal, error, verdict)
        except BaseException:
            self._remember(rows)  # the trigger has seen it: it is not to be sent again
            raise
        grown = _news(self._labels_lacking(self.serving.model, rows))
        keeps = mine.model is self.serving.model
        self._remember(rows)
        if theirs is not None:
            self.challenger.model = theirs.model
        self._serve(mine.model, self.serving.version)
        event = self._event(
            "kept" if keeps else "updated",
            rows,
            signal,
            reason=_because(grown, mine.note),
            evidence=_shown(verdict) | (mine.evidence or {}),
            kind=mine.kind,
            n_rows_fitted=mine.n_rows + (theirs.n_rows if theirs else 0),
            cpu_seconds=cost.cpu_seconds,
            wall_seconds=cost.wall_seconds,
        )
        return self._settle(verdict, event)

    def _challenger_updated(self, rows, verdict):
        """Let the challenger learn along; one that cannot is rejected, and stops nobody else."""
        if self.challenger is None or verdict.decision == "reject":
            return None, verdict
        try:
            return self._updated(rows, self.challenger.model), verdict
        except Exception as error:
            return None, Verdict("reject", f"its update failed: {type(error).__name__}: {error}")

    def _updated(self, rows, model):
        return self._proposed(self.parts.update, self._context(rows, model, remembered=False))

    def _proposed(self, policy, context):
        candidate = policy.propose(context)
        self.events.totals["rows_fitted"] += candidate.n_rows_compared
        return candidate

    def _update_failed(self, rows, signal, error, verdict):
        self.n_seen += len(rows.index)
        reason = f"update failed: {type(error).__name__}: {error}"
        self._settle(verdict, self._event("failed", rows, signal, reason=reason))
        self._complain(
            error,
            "the update with this batch failed; the batch was not remembered and the model is as "
            "before",
            UpdateFailedWarning,
        )

    # -- rollback ------------------------------------------------------------------------------

    def _took_back(self, rows, signal):
        """Let the gate look at the last promotion; return whether the batch is dealt with."""
        previous = self.previous
        if previous is None:
            return False
        age = self.n_seen + len(rows.index) - previous.row
        try:
            trial = self._trial(previous.model, self.serving.model, rows, True, age)
            verdict = self.parts.gate.watch(trial)
        except Exception as error:
            self.previous = None
            self._watch_failed(rows, signal, error)
            return True
        if verdict.decision != "wait":
            self.previous = None
        if verdict.decision != "reject":
            return False
        self._roll_back(rows, signal, previous, verdict)
        return True

    def _roll_back(self, rows, signal, previous, verdict):
        self._remember(rows)
        taken_back = self.serving.version
        self._serve(previous.model, taken_back + 1)
        self.since = previous.since
        # As if it were fitted now: growth would build at once what was just taken back.
        self.n_fitted = self._n_remembered_since(self.since)
        if self.challenger is not None:
            self.parts.gate.reset()  # its evidence was against another champion
        reason = f"version {previous.version} serves again instead of {taken_back}"
        self._record(
            self._event(
                "rolled_back",
                rows,
                signal,
                since=previous.since,
                reason=_because(reason, verdict.reason),
                evidence=verdict.evidence,
            )
        )

    def _watch_failed(self, rows, signal, error):
        self._remember(rows)
        reason = f"watch of the last promotion failed: {type(error).__name__}: {error}"
        self._record(self._event("failed", rows, signal, reason=reason))
        self._complain(
            error,
            "the gate failed while it watched the last promotion, which stands; the batch is "
            "remembered and not learned",
            RetrainFailedWarning,
        )

    # -- retrain -------------------------------------------------------------------------------

    def _retrain(self, rows, cause, signal):
        self._remember(rows)
        if cause.since is None:
            # No change was located: all remembered rows, but none from before a located one.
            cause.since = max(self.since, int(self.parts.buffer.index[0]))
        event = self._event("suggested", rows, signal, since=cause.since, reason=cause.reason)
        if self.dry_run and not (self.parts.gate.needs_trial or self.parts.policy.compares):
            return self._record(event)
        before = self.challenger
        try:
            with Stopwatch() as cost:
                context = self._context(rows, self.serving.model, remembered=True, cause=cause)
                candidate = self._proposed(self.parts.policy, context)
            record = self._fit_record(candidate.n_rows, cause.since, candidate.kind, cost)
            n_since = self._n_remembered_since(cause.since)
            keeps = candidate.model is self.serving.model
            if keeps:
                verdict = self._verdict_on_waiting(rows)
                self._keep(cause, replace(record, n_rows=candidate.n_rows_compared), n_since)
            else:
                note = candidate.note
                self.challenger = Challenger(candidate.model, cause, record, note, n_since)
                self.parts.gate.reset()
                verdict = self._judge(rows, unseen=False)
        except Exception as error:
            self.challenger = before
            return self._retrain_failed(event, cause, error)
        except BaseException:
            # Interrupted: the batch is remembered, and the next one tries again.
            self.challenger, self.cause, cause.wait = before, cause, 1
            raise
        self.cause = None
        evidence = (candidate.evidence or {}) | _shown(verdict)
        waiting = replace(
            event,
            action="kept" if keeps else "pending" if before is None else "superseded",
            reason=_because(cause.reason, candidate.note),
            n_rows_forgotten=self.n_seen - len(self.parts.buffer),
            evidence=evidence,
            **_costs(record),
        )
        return self._settle(verdict and replace(verdict, evidence=evidence), waiting)

    def _verdict_on_waiting(self, rows):
        """Judge the challenger that waits, if any, on a batch that neither model will learn."""
        if self.challenger is None or self._weightless(rows):
            return None
        return self._judge(rows, unseen=True)

    def _keep(self, cause, record, n_since):
        """Let the serving model be the answer to the cause of a retrain.

        A trigger that rang is told, so that it begins anew, with the losses of the kept model as
        its reference, instead of ringing on; what the comparison cost is what a refit costs it.
        """
        self.since, self.n_fitted = cause.since, n_since
        if cause.answers_alarm:
            self._tell_trigger(record, answered=True)
            self.answered = True

    def _gate_failed(self, rows, signal, error):
        """Give the challenger up: its cause is tried again, as after a policy that failed."""
        self._remember(rows)
        cause, self.challenger = self.challenger.cause, None
        self._retrain_failed(self._event("failed", rows, signal, since=cause.since), cause, error)

    def _retrain_failed(self, event, cause, error):
        cause.tries += 1
        cause.wait = 2 ** (cause.tries - 1)
        self.cause = cause
        reason = f"retrain ({cause.reason}) failed: {type(error).__name__}: {error}"
        self._record(replace(event, action="failed", reason=reason))
        self._complain(
            error,
            f"the retrain due to {cause.reason} failed; the serving model is as before and the "
            f"retrain is tried again after {cause.wait} batch(es)",
            RetrainFailedWarning,
        )

    def _judge(self, rows, *, unseen):
        challenger = self.challenger
        age = int(rows.index[-1]) + 1 - challenger.fit.row
        trial = self._trial(self.serving.model, challenger.model, rows, unseen, age)
        return self.parts.gate.judge(trial)

    def _trial(self, champion, challenger, rows, unseen, age):
        if not self._weightless(rows):
            rows = self.parts.learner.without_zero_weight(rows)  # the others are no evidence
        y_range = None
        if self.task == "regression":
            remembered = self.parts.buffer.y
            y_range = (float(remembered.min()), float(remembered.max()))
        return Trial(champion, challenger, rows.X, rows.y, unseen, age, y_range)

    def _settle(self, verdict, event):
        """Carry out the gate's verdict, if there is one, and record the one event of this call."""
        if verdict is None or verdict.decision == "wait":
            return self._record(event)
        challenger, self.challenger = self.challenger, None
        action = "rejected"
        if verdict.decision == "promote":
            action = "suggested" if self.dry_run else "retrained"
        if action == "retrained":
            if self.parts.gate.watches:
                model, version = self.serving.model, self.serving.version
                self.previous = Previous(model, version, self.since, self.n_seen)
                self.parts.gate.begin_watch()
            self._serve(challenger.model, self.serving.version + 1)
            self.n_refits += 1
            self.since = challenger.cause.since
            self._tell_trigger(challenger.fit, answered=challenger.cause.answers_alarm)
            self.answered = self.answered or challenger.cause.answers_alarm
        if challenger.cause.since == self.since:
            self.n_fitted = challenger.n_since
        failure = event.reason if event.action == "failed" else ""
        return self._record(
            replace(
                event,
                action=action,
                since=challenger.cause.since,
                reason=_because(challenger.cause.reason, challenger.note, verdict.reason, failure),
                kind=challenger.fit.kind,
                version=self.serving.version,
                threads=thread_counts(),
                evidence=verdict.evidence,
            )
        )

    # -- small things --------------------------------------------------------------------------

    def _context(self, rows, champion, *, remembered, cause=None):
        return RetrainContext(
            learner=self.parts.learner,
            champion=champion,
            batch=rows,
            buffer=self.parts.buffer,
            remembered=remembered,
            since=self.since if cause is None else cause.since,
            alarm=cause is not None and cause.answers_alarm,
            classes=self.classes,
            number=self.parts.learner.n_fits,
            rng=self.rng,
        )

    def _serve(self, model, version):
        classes = getattr(model, "classes_", None)
        if self.classes is not None:
            if classes is not None and not np.array_equal(classes, self.classes):
                # A refit may know labels that nothing else counts: those of weight zero.
                self.classes = union_of_labels(self.classes, classes)
            classes = self.classes
        self.serving = Serving(model, classes, version)

    def _remember(self, rows):
        self.parts.buffer.add(rows.X, rows.y, rows.params, self.n_seen)
        self.n_seen += len(rows.index)
        self.y_ndim = None if rows.y is None else rows.y.ndim

    def _weightless(self, rows):
        weight = self.parts.learner.weight_of(rows)
        return weight is not None and not weight.any()

    def _event(self, action, rows, signal, **details):
        version = 0 if self.serving is None else self.serving.version
        n_rows = len(rows.index)
        return Event(action, self.n_seen, n_rows, signal.state, version=version, **details)

    def _fit_record(self, n_rows_fitted, since, kind, cost):
        return FitRecord(
            row=self.n_seen,
            n_rows=n_rows_fitted,
            since=since,
            kind=kind,
            cpu_seconds=cost.cpu_seconds,
            wall_seconds=cost.wall_seconds,
        )

    def _tell_trigger(self, record, *, answered):
        if self.parts.trigger is not None:
            self.parts.trigger.after_fit(record, None, answered)

    def _record(self, event):
        self.events.totals["fits"] = self.parts.learner.n_fits
        self.events.record(event)

    def _complain(self, error, message, category):
        if self.raise_failures:
            error.add_note(f"skretrain: {message}.")
            raise error
        warn_user(f"{message}: {type(error).__name__}: {error}", category)


def _news(labels):
    return f"new classes {labels.tolist()}" if len(labels) else ""


def _shown(verdict):
    return {} if verdict is None else verdict.evidence


def _because(*reasons):
    return "; ".join(reason for reason in reasons if reason)


def _costs(record):
    return {
        "kind": record.kind,
        "n_rows_fitted": record.n_rows,
        "cpu_seconds": record.cpu_seconds,
        "wall_seconds": record.wall_seconds,
    }
