"""Retrains: when one is due, the job that it is, and what is done with its outcome."""

from dataclasses import replace

import numpy as np

from ..buffers import Rows
from ..drift import FitRecord
from ..exceptions import RetrainFailedWarning
from ..utils._costs import Stopwatch
from ..utils._labels import union_of_labels
from ..utils._plain import Plain
from ..utils._restoring import Restoring
from ._concept import n_rows_since
from ._jobs import Cause, Challenger, Pending, Relearned, fit_record, make_job
from ._log import STABLE, because, costs, named, news, shown
from ._scoring import is_sound
from ._step import Step

NO_ROWS = Rows([], None, {}, np.empty(0, dtype=np.int64))
_FEW = 50  # rows that tell whether a model can read those of today


class Retrains(Plain):
    """The way of a retrain, from its cause to the verdict.

    Parameters
    ----------
    state : State
        What the retrainer has learned.
    """

    def __init__(self, state):
        self.state = state
        self.step = Step(state)

    def heard(self, signal):
        """Return the cause that an alarm is, if it is to be answered now, or None.

        It is noted first: whatever fails from here on, it is not lost.
        """
        state = self.state
        if signal.state != "drift":
            return None
        state.n_alarms += 1
        if state.cause is not None and state.cause.tries:
            return None
        reason = because("schedule" if signal.on_schedule else "alarm", signal.note)
        cause = Cause(reason, signal.since, True, on_schedule=signal.on_schedule)
        # A schedule knows nothing that would make what is being judged, or made, worthless:
        # what is due is made after the verdict.
        if signal.on_schedule and (state.pending or state.trials.challenger):
            state.cause = state.cause or cause
            return None
        state.cause = cause
        return cause

    def grows(self, rows):
        """Tell whether a retrain is due because the rows have grown; nothing changes.

        That waits for verdicts and outcomes: a new challenger would throw the evidence away.
        """
        state = self.state
        is_busy = state.pending is not None or state.trials.challenger is not None
        if is_busy or state.cause is not None or state.settings.dry_run:
            return False
        try:
            return bool(_has_grown(state, rows))
        except Exception:
            return False  # it is an event when the batch is learned

    def due(self, rows, *, may_grow):
        """Return the cause of a retrain that is due without an alarm now, or None."""
        state = self.state
        if state.pending is not None:
            return None
        if state.cause is not None and not self._waits_for_verdict(state.cause):
            state.cause.wait -= 1  # an alarm that rings on does not shorten the wait
            return state.cause if state.cause.wait <= 0 else None
        if state.settings.dry_run:
            return None
        challenger = state.trials.challenger
        new = self._news((challenger or state.serving).model, rows)
        if len(new):
            # An update that takes a class in comes before any comparison with models that know it.
            takes_in = self._update_takes_in(new)
            return None if takes_in else Cause(news(new), state.concept.start, False, labels=new)
        if challenger is not None:
            return None  # growth waits for the verdict: it would throw the evidence away
        what = "the policy or trigger"
        if may_grow and state.log.guarded(what, _has_grown, state, rows):
            return Cause("growth", state.concept.start, False)
        return None

    def _waits_for_verdict(self, cause):
        return cause.on_schedule and self.state.trials.challenger is not None

    def _news(self, model, rows):
        """Return the labels that a model lacks, but for those that a refit did not teach it.

        A base may drop a label that it is fitted on: once the rows have doubled, it is tried again.
        """
        new, untaught = self.state.lacked_by(model, rows), self.state.untaught
        if not untaught:
            return new
        n_seen = self.state.log.n_seen
        return np.array([one for one in new.tolist() if n_seen >= 2 * untaught.get(one, 0)])

    def _update_takes_in(self, labels):
        state = self.state
        update = state.parts.update
        continues = update is not None and update.continues
        return continues and state.parts.learner.can_grow(state.serving.model, labels)

    def prepared(self, rows, cause, signal):
        """Return the job that is due; in a dry run only where somebody wants to see its outcome."""
        state, parts = self.state, self.state.parts
        context = state.context(rows, state.serving.model, parts.learner, cause)
        if cause.since is None or cause.since > rows.index[-1]:
            # No change was located: all remembered rows, but none from before a located one.
            cause.since = max(state.concept.start, int(context.window().index[0]))
            context = replace(context, since=cause.since)
        job = make_job(state.log.n_seen + len(rows.index), parts.policy, context)
        state.remember(rows)
        self._supersede("another retrain is due before its outcome came")
        details = {"since": cause.since, "reason": cause.reason}
        event = state.log.event("suggested", rows, signal, **details)
        if state.settings.dry_run and not (parts.gate.needs_trial or parts.policy.compares):
            state.cause = None
            state.log.add(event)
            return None
        n_known = n_rows_since(parts.buffer, cause.since, state.log.n_seen)
        state.pending = Pending(job, cause, event, n_known, state.service.types)
        state.cause = None  # it is this job's now
        return job

    def _supersede(self, why):
        """Record that a job that is out will come too late, and return what was pending, or None.

        What it costs is counted when it comes.
        """
        state, pending = self.state, self.state.pending
        if pending is None:
            return None
        state.pending = None
        state.late.add(pending.job.key)
        reason = because(pending.cause.reason, why)
        state.log.add(replace(pending.event, action="superseded", reason=reason))
        return pending

    def serve_again(self, serving, since):
        """Let a model that served before serve again, because a user says so.

        It is a version of its own. What was on its way to replace the one that served until now
        is given up, and the alarm behind it is answered: the trigger has the losses of the model
        that leaves, and begins anew instead of ringing at those.

        Parameters
        ----------
        serving : Serving
            The version, as it served.
        since : int
            First row of the concept that it stands for.

        Raises
        ------
        ValueError
            If it is another kind of model, cannot read the newest rows, or knows labels of another
            kind. Nothing has changed then.
        """
        state, model, n_seen = self.state, serving.model, self.state.log.n_seen
        self._check_fits(serving)
        why = f"by hand: version {serving.version} serves again instead of {state.service.version}"
        self._supersede(why)
        self._dismiss(why)
        state.cause = None
        before = state.service.promote(
            model, state.labels.served_with(model), serving.types, serving.row
        )
        state.service.previous = None
        # As if it were fitted now: growth would build at once what was just taken back.
        since = min(since, n_seen)
        n_known = n_rows_since(state.parts.buffer, since, n_seen)
        state.concept.begin(since, n_known, answers_alarm=False)
        record = FitRecord(n_seen, n_known, since, "rolled_back", 0.0, 0.0)
        state.tell_trigger(record, answered=True)
        state.tell_policies("rolled_back", answered=False)
        event = state.log.event("rolled_back", NO_ROWS, STABLE, since=since, reason=why)
        state.announce(before, event)
        state.log.add(event)

    def _dismiss(self, why):
        """Give up the challenger that waits, if one does, which is an event."""
        state, challenger = self.state, self.state.trials.withdraw()
        if challenger is not None:
            cause = challenger.cause
            details = {"since": cause.since, "reason": because(cause.reason, why)}
            details["kind"] = challenger.fit.kind
            state.log.record("superseded", NO_ROWS, STABLE, **details)

    def _check_fits(self, serving):
        state, model = self.state, serving.model
        try:
            kinds = (type(state.serving.model), type(state.parts.learner.estimator))
            if not isinstance(model, kinds):
                raise TypeError(f"it is a {type(model).__name__}, and no {kinds[-1].__name__}")
            known = state.labels.classes
            if known is not None:
                union_of_labels(known, getattr(model, "classes_", known))
            rows = state.parts.buffer.latest(_FEW)
            if len(rows.index):
                state.scorer.check(model, rows._replace(X=serving.readable(rows.X)))
        except Exception as error:
            raise ValueError(
                f"version {serving.version} does not fit the rows of today, and nothing was "
                f"changed: {named(error)}."
            ) from error

    def relearned(self, rows, error):
        """Return a model that was fitted afresh on memory and batch, and can read the batch.

        The serving model could not, a category that its encoder never saw, say: that is a reason
        to retrain. Where the fresh one cannot either, `error` is raised: the input is at fault.
        """
        state, tally = self.state, []
        context = state.context(rows, state.serving.model, state.parts.learner.tallied(tally))
        with Stopwatch() as cost:
            window, model = self._readable(context, rows, error)
        reason = because(named(error).splitlines()[0], context.learner.note(model))
        return Relearned(model, reason, len(window.index), len(tally), cost)

    def _readable(self, context, rows, error):
        """Return a model that can read rows, and what it was fitted on; or raise the error."""
        try:
            with Restoring(self.state.parts.buffer):  # to read may be to sort
                window = context.window()
                model = context.learner.fresh(window, context.number)
                self.state.scorer.predicted(model, rows.X)
            return window, model
        except Exception:
            if context.batch is rows:
                raise error from None
        # With the rows withheld, too: what is unreadable may stand in one of them alone.
        return self._readable(replace(context, batch=rows), rows, error)

    def serve_relearned(self, rows, relearned):
        """Let a model serve that can read the batch; the rows are not scored."""
        state = self.state
        state.log.n_fits += relearned.n_fits
        state.remember(rows)
        n_seen, start = state.log.n_seen, int(state.parts.buffer.index[0])
        record = fit_record(n_seen, relearned.n_rows, start, "full_refit", relearned.cost)
        reason = f"rows that the model could not read: {relearned.reason}"
        details = costs(record) | {"reason": reason, "since": start, "from_scratch": True}
        if state.settings.dry_run:
            state.log.record("suggested", rows, STABLE, **details)
            return
        # What was judged against another model, or made from one, is made anew.
        overtaken = self._supersede("a model that can read newer rows serves")
        causes = [one.cause for one in (overtaken, state.trials.withdraw()) if one is not None]
        state.cause = next((one for one in causes if one.answers_alarm), state.cause)
        n_known = n_rows_since(state.parts.buffer, state.concept.start, n_seen)
        before = state.replace_unwatched(relearned.model, record, n_known)
        event = state.log.event("retrained", rows, STABLE, **details)
        state.announce(before, event)
        state.log.add(event)

    def held(self):
        """Return the causes that are not answered yet, and what tells whether one has been."""
        state = self.state
        holders = (state.trials.challenger, state.pending)
        causes = [state.cause, *(one and one.cause for one in holders)]
        answers = (state.service.version, sum(state.log.events.counts.values()))
        return [cause for cause in causes if cause is not None], answers, state.n_alarms

    def reopen(self, held, signal=STABLE):
        """After an interrupt: an alarm that was about to be answered is due with the next batch.

        So is one that a trigger had just given.
        """
        before, mark, n_alarms = held
        if self.state.n_alarms == n_alarms and is_sound(signal):
            self.heard(signal)
        now, answers, _ = self.held()
        for cause in before:
            lost = mark == answers and not any(cause is one for one in now)
            if lost and cause.answers_alarm:
                self.state.cause, cause.wait = cause, 1

    def postpone(self, why):
        """Give up the job that is out: its batch is remembered, and the next one tries."""
        state, pending = self.state, self.state.pending
        if pending is None:
            return
        state.pending, state.cause = None, pending.cause
        pending.cause.wait = 1
        reason = because(pending.cause.reason, why)
        state.log.add(replace(pending.event, action="failed", reason=reason))

    def accept(self, outcome):
        """Decide on the outcome of a job that was prepared: it is kept, tried, or comes too late.

        Parameters
        ----------
        outcome : Outcome
            What :func:`~skretrain._retrainer._jobs.run` returned, wherever it ran. One that is
            told twice, or belongs to no job of this retrainer, changes nothing.
        """
        state, pending = self.state, self.state.pending
        if pending is None or outcome.key != pending.job.key:
            return self._came_too_late(outcome)
        state.log.n_fits += outcome.n_fits
        state.pending = None
        event = replace(pending.event, row=state.log.n_seen, version=state.service.version)
        if outcome.error is not None:
            seconds = {"cpu_seconds": outcome.cpu_seconds, "wall_seconds": outcome.wall_seconds}
            return self._failed(replace(event, **seconds), pending.cause, outcome.error)
        return self._decide(outcome, pending, event)

    def _decide(self, outcome, pending, event):
        state, candidate, cause = self.state, outcome.candidate, pending.cause
        before = state.trials.challenger
        state.log.count(candidate)
        try:
            verdict, record = self._entered(outcome, pending)
        except Exception as error:
            state.trials.challenger = before
            return self._failed(event, cause, error)
        except BaseException:
            state.trials.challenger, state.cause, cause.wait = before, cause, 1
            raise
        if candidate.keep:
            told = state.log.guarded("the update", self._caught_up, pending.job.context, record)
            record = told or record
        evidence = (candidate.evidence or {}) | shown(verdict)
        waiting = replace(
            event,
            action="kept" if candidate.keep else "pending" if before is None else "superseded",
            reason=because(cause.reason, candidate.note),
            n_rows_forgotten=state.log.n_seen - len(state.parts.buffer),
            evidence=evidence,
            from_scratch=candidate.from_scratch,
            **costs(record),
        )
        return state.settle(verdict and replace(verdict, evidence=evidence), waiting)

    def _caught_up(self, context, record):
        """Let a model that is kept learn the batch at which it was asked; return what all took."""
        state, rows = self.state, context.batch
        has_update = state.parts.update is not None and not state.settings.dry_run
        if not (has_update and state.parts.learner.any_counts(rows)):
            return record
        with Stopwatch() as cost:
            # The buffer has the batch by now, and an update may go by what came before it.
            candidate = self.step(rows, state.serving.model, context.memory)
        if not candidate.keep:
            shown = state.labels.served_with(candidate.model)
            state.service.replace(candidate.model, shown)
        return replace(
            record,
            n_rows=candidate.n_rows,
            cpu_seconds=record.cpu_seconds + cost.cpu_seconds,
            wall_seconds=record.wall_seconds + cost.wall_seconds,
        )

    def _came_too_late(self, outcome):
        """Count what a job has cost whose place another one took."""
        state = self.state
        if outcome.key in state.late:
            state.late.discard(outcome.key)
            state.log.count_cost(outcome)

    def _entered(self, outcome, pending):
        """Let a candidate begin its trial, or the serving model be the answer; what was fitted."""
        state, candidate, cause = self.state, outcome.candidate, pending.cause
        buffer, rows, row = state.parts.buffer, pending.job.context.batch, pending.job.row
        record = fit_record(row, candidate.n_rows, cause.since, candidate.kind, outcome)
        n_known = max(pending.n_known, candidate.n_known or 0)
        if not candidate.keep:
            state.scorer.check(candidate.model, rows)
            challenger = Challenger(
                model=candidate.model,
                cause=cause,
                fit=record,
                note=candidate.note,
                from_scratch=candidate.from_scratch,
                n_known=n_known,
                types=pending.types,
                evidence=candidate.evidence,
            )
            return state.trials.enter(challenger, state.serving.model, rows, buffer), record
        verdict = None
        if state.parts.learner.any_counts(rows):
            verdict = state.trials.judge(state.serving.model, rows, buffer)
        state.concept.begin(cause.since, n_known, answers_alarm=cause.answers_alarm)
        if cause.answers_alarm:
            # The trigger begins anew, with the losses of the kept model as its reference, instead
            # of ringing on; what the comparison cost is what a refit costs it.
            record_told = replace(record, n_rows=candidate.n_rows_compared)
            state.tell_trigger(record_told, answered=True)
        answered = cause.answers_alarm
        state.tell_policies(record.kind, answered=answered, evidence=candidate.evidence)
        return verdict, record

    def gate_failed(self, rows, signal, error):
        """Give the challenger up: its cause is tried again, as after a policy that failed."""
        state = self.state
        state.remember(rows)
        cause = state.trials.withdraw().cause
        event = state.log.event("failed", rows, signal, since=cause.since)
        self._failed(event, cause, error)

    def _failed(self, event, cause, error):
        state = self.state
        cause.tries += 1
        cause.wait = 2 ** (cause.tries - 1)
        state.cause = cause
        reason = f"retrain ({cause.reason}) failed: {named(error)}"
        state.log.add(replace(event, action="failed", reason=reason))
        state.log.complain(
            error,
            f"the retrain due to {cause.reason} failed; the serving model is as before and the "
            f"retrain is tried again after {cause.wait} batch(es)",
            RetrainFailedWarning,
        )


def _has_grown(state, rows):
    return state.concept.has_grown(state.parts, state.log.n_seen, len(rows.index))
