"""The cycle of every retrainer: examine a batch, then learn from it; it knows no API."""

from copy import copy

import numpy as np

from ..buffers._base import joined
from ..exceptions import ClassesGrewWarning, ConstantModelWarning, ForgettingWarning
from ..utils._costs import Stopwatch, thread_counts
from ..utils._plain import Plain
from ..utils._warn import warn_user
from ._concept import n_rows_since
from ._first_fit import about_lack, are_too_few, first_model, lacks_rows, suffices
from ._jobs import Cause, fit_record, run
from ._log import STABLE, because, costs, named
from ._parts import Examined
from ._retrains import Retrains
from ._scoring import sound_signal
from ._service import Service
from ._state import State
from ._updates import Updates


class Cycle(Plain):
    """The learned state of a retrainer, and the one way in which it changes.

    Parameters
    ----------
    parts : Parts
        Learner, trigger (or None), policy, update (or None), buffer and gate.
    settings : Settings
        What else it was told.
    max_events : int
        Notable events that the log keeps.
    """

    def __init__(self, parts, settings, max_events):
        self.state = State(parts, settings, max_events)
        self.retrains = Retrains(self.state)
        self.updates = Updates(self.state, self.retrains)
        self.n_classes_shown = 0
        self.n_starved = 0  # rows of a first model that lacks some, until that is told

    @property
    def serving(self):
        """What ``predict`` reads: one snapshot, or None before the first fit."""
        return self.state.service.serving

    def frozen(self):
        """Return a cycle that serves what serves now, whatever this one learns."""
        frozen, frozen.state = copy(self), copy(self.state)
        frozen.state.service = copy(self.state.service)
        return frozen

    def lean(self):
        """Return a cycle that serves what serves now, and has nothing to learn with."""
        lean, state, service = Cycle.__new__(Cycle), State.__new__(State), Service()
        service.serving = self.serving
        lean.state, state.service = state, service
        return lean

    def fit(self, rows, *, begins_stream=False):
        """Fit the first model on `rows`, all there are or the first of a stream."""
        learned = self.state.learnable(rows)
        self._first_fit(rows, learned, incremental=False, begins_stream=begins_stream)
        self._tell()

    def _start(self, rows):
        """Collect rows until they suffice for a first fit; begin at once where the base can.

        An error leaves no trace. After an interrupt, the batch counts as seen.
        """
        before = self.state.log.n_seen
        try:
            return self._started(rows)
        except Exception:
            raise
        except BaseException:
            self.state.make_good(rows, before)
            raise

    def _started(self, rows):
        state, parts = self.state, self.state.parts
        waiting = joined(parts.buffer.latest(), state.learnable(rows))
        continues = parts.update is not None and parts.update.continues
        incremental = continues and parts.learner.starts_at_once
        reason = ""
        if self._suffices(waiting, incremental):
            try:
                return self._first_fit(rows, waiting, incremental=incremental, predicts=True)
            except Exception as error:
                stated = state.settings.initial_size is not None
                if stated or not are_too_few(waiting, parts.learner, state.scorer):
                    raise
                reason = f"too few rows for a first fit: {named(error)}"
        state.remember(rows)
        return state.log.record("buffered", rows, STABLE, reason=reason)

    def _suffices(self, rows, incremental):
        learner, size = self.state.parts.learner, self.state.settings.initial_size
        labels = self.state.labels
        return suffices(rows, labels, learner, incremental=incremental, initial_size=size)

    def _first_fit(self, new, fitted_on, *, incremental, begins_stream=True, predicts=False):
        state, labels, learner = self.state, self.state.labels, self.state.parts.learner
        with Stopwatch() as cost:
            try:
                model = self._first_model(new if predicts else None, fitted_on, incremental)
            except Exception:
                alone = state.learnable(new)
                if len(fitted_on.index) == len(alone.index) or not self._suffices(
                    alone, incremental
                ):
                    raise
                # The fault may be in the rows that waited: then they would block it for ever.
                fitted_on, model = alone, self._first_model(new, alone, incremental)
                state.parts.buffer.reset()
        state.remember(new)
        state.log.n_fits += 1
        state.concept.n_known = n_rows_since(state.parts.buffer, 0, state.log.n_seen)
        if isinstance(getattr(model, "classes_", None), np.ndarray) and labels.are_flat(new.y):
            labels.take_in(model.classes_)
        labels.note_absent(learner.targets_of(fitted_on))
        shown = labels.served_with(model)
        state.dtype = fitted_on.X.dtype if isinstance(fitted_on.X, np.ndarray) else None
        n_seen, n_fitted = state.log.n_seen, len(fitted_on.index)
        record = fit_record(n_seen, n_fitted, 0, "first_fit", cost)
        before = state.service.promote(model, shown, state.service.types, n_seen)
        rare = state.watch_rare(fitted_on)
        state.tell_trigger(record, answered=False)
        state.tell_policies(record.kind, answered=False)
        may_lack = begins_stream and not incremental
        self.n_starved = n_fitted if may_lack and lacks_rows(model, fitted_on, learner) else 0
        alike = f"the output is the same for all {n_fitted} rows" if self.n_starved else ""
        reason = because("first fit", alike, rare, learner.note(model))
        details = costs(record) | {"reason": reason, "threads": thread_counts()}
        event = state.log.event("retrained", new, STABLE, from_scratch=True, **details)
        state.announce(before, event)
        state.log.add(event)

    def _first_model(self, new, fitted_on, incremental):
        """Return the first model; that of a stream has predicted the newest batch."""
        learner, labels = self.state.parts.learner, self.state.labels
        model = first_model(fitted_on, labels, learner, incremental=incremental)
        if new is not None:
            self.state.scorer.predicted(model, new.X)
        return model

    def examine(self, rows, classes=None):
        """Test the serving model on a batch, and raise whatever may be wrong; nothing changes."""
        state, y_pred, scored, unreadable = self.state, None, None, None
        if self.serving is not None:
            try:
                state.check_codes(rows)
                y_pred, scored = state.scored(rows, start=state.log.n_seen)
            except MemoryError:
                raise  # another model needs no less
            except Exception as error:
                unreadable = error
        try:
            state.parts.buffer.check(rows.X, rows.y, rows.params)
            targets = state.parts.learner.targets_of(rows)
            unseen = state.labels.check(targets, classes, is_first=self.serving is None)
        except Exception:
            if unreadable is None:
                raise
            raise unreadable from None
        relearned = None if unreadable is None else self.retrains.relearned(rows, unreadable)
        return Examined(rows, classes, y_pred, scored, unseen, relearned)

    def learn(self, examined):
        """Learn from a batch that was examined; a retrain that is due is carried out."""
        # One that was handed out by somebody else, before a pickle was made, say.
        self.cancel("its outcome never came")
        job = self.prepare(examined)
        if job is None:
            return
        try:
            outcome = run(job)
        except BaseException as error:
            self.cancel(f"interrupted by {type(error).__name__}")
            raise
        self.accept(outcome)

    def prepare(self, examined):
        """Learn from a batch that was examined; a retrain that is due is returned as a job.

        Its outcome is for :meth:`accept`. Until then the serving model goes on, and no other
        retrain is prepared, but on an alarm.

        Parameters
        ----------
        examined : Examined
            What :meth:`examine` returned, before anything else was learned.

        Returns
        -------
        job : Job or None
            None where nothing is to be retrained.
        """
        self.state.labels.declare(examined.classes)
        job = self._seen(examined)
        if job is None:
            self._tell()
        return job

    def has_grown(self, examined):
        """Tell whether a retrain is due with a batch because the rows have grown; nothing changes.

        Parameters
        ----------
        examined : Examined
            What :meth:`examine` returned.
        """
        if self.serving is None or examined.relearned is not None or len(examined.unseen):
            return False
        return self.retrains.grows(self.state.learnable(examined.rows))

    def _seen(self, examined):
        """Test and learn, and return the job that is due, if any."""
        try:
            if self.serving is None:
                return self._start(examined.rows)
            return self._test_and_learn(examined)
        finally:
            if self.state.pending is None:  # else with the outcome of the job
                self.state.show_labels()

    def accept(self, outcome):
        """Decide on the outcome of a job that was prepared: it is kept, tried, or comes too late.

        Parameters
        ----------
        outcome : Outcome
            What came of the job, wherever it ran.
        """
        held = self.retrains.held()
        try:
            self.retrains.accept(outcome)
        except BaseException:
            self.retrains.reopen(held)
            raise
        finally:
            self.state.show_labels()
        self._tell()

    def examine_unlabelled(self, rows):
        """Let the serving model predict rows without labels, and raise whatever may be wrong."""
        trigger, start = self.state.parts.trigger, int(rows.index[0])
        if trigger is None or not trigger.sees_unlabelled:
            return rows, None  # nobody looks
        return rows, self.state.scorer.unlabelled(self.serving, rows, start=start)

    def cancel(self, why):
        """Give up the job that is out, if one is: what it was for is tried with the next batch."""
        self.retrains.postpone(why)
        self.state.show_labels()

    def serve_again(self, serving, since):
        """Let a model that served before serve again, because a user says so."""
        try:
            self.retrains.serve_again(serving, since)
        finally:
            self.state.show_labels()
        self._tell()

    def observe(self, examined):
        """Show rows without labels to the triggers that need none.

        An alarm of theirs makes a retrain due at the next batch with labels; until then nothing
        is learned.
        """
        state, trigger, (rows, batch) = self.state, self.state.parts.trigger, examined
        state.n_observed = int(rows.index[-1]) + 1
        if batch is None:
            return
        try:
            signal = sound_signal(trigger, trigger.update(batch))
        except Exception as error:
            message = (
                "the trigger failed on these rows without labels; nothing is learned from them"
            )
            state.log.failed(error, rows, "trigger failed", message)
            return
        if signal.state == "drift":
            state.n_alarms += 1
            # These rows are numbered by themselves: where the change is among those with labels,
            # nobody knows.
            what = because("alarm on rows without labels", signal.note)
            state.cause = Cause(what, None, True)
            reason = because(signal.note, "a retrain is due at the next batch with labels")
            state.log.record("labels_wanted", rows, signal, since=signal.since, reason=reason)

    def _tell(self):
        """Warn of a first model that lacks rows, and when outputs have changed their shape.

        It comes last, because a filter may turn a warning into an error.
        """
        n_starved, self.n_starved = self.n_starved, 0
        forgotten, self.state.forgotten = self.state.forgotten, ""
        classes, before = self.state.labels.classes, self.n_classes_shown
        self.n_classes_shown = 0 if classes is None else len(classes)
        if n_starved:
            initial_size = self.state.settings.initial_size
            message = about_lack(n_starved, self.state.parts.learner, initial_size)
            warn_user(message, ConstantModelWarning)
        if forgotten:
            warn_user(forgotten, ForgettingWarning)
        if before != 2 or self.n_classes_shown == 2:
            return
        if self.serving is not None and hasattr(self.serving.model, "decision_function"):
            warn_user(
                f"A third class appeared: {classes.tolist()}. decision_function returns one "
                "column per class from now on.",
                ClassesGrewWarning,
            )

    def _test_and_learn(self, examined):
        """Test and learn, and return the job that is due, if any.

        Whatever interrupts it once the trigger may have been shown the batch, that counts as seen
        and is not to be sent again; and an alarm waits for the next one.
        """
        state, rows = self.state, examined.rows
        before, held, signal = state.log.n_seen, self.retrains.held(), STABLE
        scored = state.labels.without_young(examined.scored, examined.unseen)
        trigger = self._trigger_of_labelled
        try:
            if examined.relearned is not None:
                if len(examined.unseen):
                    state.labels.take_in(examined.unseen)
                return self.retrains.serve_relearned(rows, examined.relearned)
            try:
                signal = STABLE if trigger is None else trigger.update(scored)
                signal = sound_signal(trigger, signal)
            except Exception as error:
                self.retrains.reopen(held, signal)
                return self._trigger_failed(rows, error)
            return self._answered(examined, signal)
        except BaseException:
            self.retrains.reopen(held, signal)
            state.make_good(rows, before)
            raise

    @property
    def _trigger_of_labelled(self):
        """What a batch is shown to, unless that sees all rows as they come without labels."""
        trigger = self.state.parts.trigger
        if trigger is None or (self.state.n_observed is not None and trigger.label_free):
            return None
        return trigger

    def _trigger_failed(self, rows, error):
        self.state.remember(rows)
        self.state.log.failed(
            error,
            rows,
            "trigger failed",
            "the trigger failed on this batch, which is remembered and not learned; the serving "
            "model is as before",
        )

    def _answered(self, examined, signal):
        """Learn from a batch, or return the job that is due."""
        state, learner = self.state, self.state.parts.learner
        rows, unseen = examined.rows, examined.unseen
        alarm = self.retrains.heard(signal)
        if len(unseen):
            state.labels.take_in(unseen)
        learnable = state.learnable(rows)
        cause = alarm or self.retrains.due(learnable, may_grow=examined.may_grow)
        if cause is not None and len(learnable.index):
            return self.retrains.prepared(rows, cause, signal)
        state.cause = cause or state.cause  # it waits for a row that may be learned
        if len(learnable.index) and learner.any_counts(learnable):
            self.updates.learn(rows, signal)
        else:
            state.remember(rows)
            state.log.record("kept", rows, signal)
        return None
