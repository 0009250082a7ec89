"""Retrains: when one is due, the job that it is, and what is done with its outcome."""

from dataclasses import replace

import numpy as np

from ..exceptions import RetrainFailedWarning
from ..utils._costs import Stopwatch
from ..utils._events import Event
from ._concept import n_remembered_since
from ._jobs import Cause, Challenger, Pending, Relearned, fit_record, make_job
from ._log import STABLE, because, costs, named, news, shown


class Retrains:
    """The way of a retrain, from its cause to the verdict.

    Parameters
    ----------
    state : State
        What the retrainer has learned.
    """

    def __init__(self, state):
        self.state = state

    def due(self, signal, rows):
        """Return the cause of a retrain now, or None."""
        state = self.state
        if signal.state == "drift":
            return Cause("alarm", signal.since, True)
        if state.pending is not None:
            return None
        if state.cause is not None:
            state.cause.wait -= 1
            return state.cause if state.cause.wait <= 0 else None
        if state.settings.dry_run:
            return None
        challenger = state.trials.challenger
        new = self._news((challenger or state.serving).model, rows)
        if len(new) and not self._update_takes_in(new):
            return Cause(news(new), state.concept.start, False, labels=new)
        if challenger is not None:
            return None  # growth waits for the verdict: it would throw the evidence away
        grown = state.concept.has_grown
        if state.log.guarded("the policy or trigger", grown, state.parts, len(rows.index)):
            return Cause("growth", state.concept.start, False)
        return None

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
        state = self.state
        context = state.context(rows, state.serving.model, state.parts.learner, cause)
        if cause.since is None or cause.since > rows.index[-1]:
            # No change was located: all remembered rows, but none from before a located one.
            cause.since = max(state.concept.start, int(context.window().index[0]))
            context = replace(context, since=cause.since)
        job = make_job(state.log.n_seen + len(rows.index), state.parts.policy, context)
        state.remember(rows)
        since, reason = cause.since, cause.reason
        event = state.log.event("suggested", rows, signal, since=since, reason=reason)
        if state.settings.dry_run and not (state.parts.gate.needs_trial or job.policy.compares):
            state.log.add(event)
            return None
        state.pending = Pending(job.row, rows, cause, event)
        return job

    def relearned(self, rows, error):
        """Return a model that was fitted afresh on memory and batch, and can read the batch.

        The serving model could not, a category that its encoder never saw, say: that is a reason
        to retrain. Where the fresh one cannot either, `error` is raised: the input is at fault.
        """
        state, tally = self.state, []
        context = state.context(rows, state.serving.model, state.parts.learner.tallied(tally))
        window = context.window()
        with Stopwatch() as cost:
            try:
                model = context.learner.fresh(window, context.number)
                state.scorer.predicted(model, rows.X)
            except Exception:
                raise error from None
        n_fitted = len(window.index)
        return Relearned(model, named(error).splitlines()[0], n_fitted, len(tally), cost)

    def replace(self, rows, relearned):
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
        waiting = state.trials.withdraw()
        if waiting is not None and waiting.cause.answers_alarm:
            state.cause = waiting.cause  # it was judged against another model: it is made anew
        n_known = n_remembered_since(state.parts.buffer, state.concept.start)
        state.replace_unwatched(relearned.model, record, n_known)
        state.log.record("retrained", rows, STABLE, **details)

    def postpone(self):
        """Give a job up that was interrupted: its batch is remembered, and the next one tries."""
        state = self.state
        pending, state.pending = state.pending, None
        state.cause = pending.cause
        pending.cause.wait = 1

    def accept(self, outcome):
        """Decide on the outcome of a job that was prepared: it is kept, tried, or comes too late.

        Parameters
        ----------
        outcome : Outcome
            What :func:`~skretrain._retrainer._jobs.run` returned, wherever it ran.
        """
        state = self.state
        state.log.n_fits += outcome.n_fits
        pending = state.pending
        if pending is None or outcome.row != pending.row:
            return self._came_too_late(outcome)
        state.pending = None
        event, cause, rows = pending.event, pending.cause, pending.batch
        if outcome.error is not None:
            return self._failed(event, cause, outcome.error)
        candidate, before = outcome.candidate, state.trials.challenger
        state.log.count(candidate)
        try:
            verdict, record = self._entered(candidate, cause, rows, outcome)
        except Exception as error:
            state.trials.challenger = before
            return self._failed(event, cause, error)
        except BaseException:
            state.trials.challenger, state.cause, cause.wait = before, cause, 1
            raise
        state.cause = None
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

    def _came_too_late(self, outcome):
        """Record the outcome of a job that a later one has taken the place of."""
        state = self.state
        candidate = outcome.candidate
        event = Event(
            "superseded",
            state.log.n_seen,
            0,
            version=state.service.version,
            reason=f"the outcome of the retrain at row {outcome.row} came too late",
            n_rows_fitted=0 if candidate is None else candidate.n_rows,
            cpu_seconds=outcome.cpu_seconds,
            wall_seconds=outcome.wall_seconds,
        )
        state.log.add(event)

    def _entered(self, candidate, cause, rows, outcome):
        """Let a candidate begin its trial, or the serving model be the answer; what was fitted."""
        state = self.state
        n_seen, kind = state.log.n_seen, candidate.kind
        record = fit_record(n_seen, candidate.n_rows, cause.since, kind, outcome)
        n_known = n_remembered_since(state.parts.buffer, cause.since)
        n_known = max(n_known, candidate.n_known or 0)
        if not candidate.keep:
            state.scorer.check(candidate.model, rows)
            challenger = Challenger(
                candidate.model, cause, record, candidate.note, candidate.from_scratch, n_known
            )
            champion = state.serving.model
            return state.trials.enter(challenger, champion, rows, state.parts.buffer), record
        verdict = None
        if state.parts.learner.any_counts(rows):
            verdict = state.trials.judge(state.serving.model, rows, state.parts.buffer)
        state.concept.begin(cause.since, n_known, answers_alarm=cause.answers_alarm)
        if cause.answers_alarm:
            # The trigger begins anew, with the losses of the kept model as its reference, instead
            # of ringing on; what the comparison cost is what a refit costs it.
            state.tell_trigger(replace(record, n_rows=candidate.n_rows_compared), answered=True)
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
