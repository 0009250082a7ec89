"""Updates: what becomes of a batch on which no retrain is due."""

from ..exceptions import UpdateFailedWarning
from ..gates import Verdict
from ..utils._costs import Stopwatch
from ..utils._plain import Plain
from ._concept import n_rows_since
from ._log import because, named, news, shown
from ._step import Step


class Updates(Plain):
    """Trials and small steps, batch after batch.

    Parameters
    ----------
    state : State
        What the retrainer has learned.
    retrains : Retrains
        Takes over where a gate fails.
    """

    def __init__(self, state, retrains):
        self.state = state
        self.retrains = retrains
        self.step = Step(state)

    def learn(self, rows, signal):
        """Let the gate look at the last promotion and at the challenger, then both models learn."""
        state = self.state
        try:
            verdict = self._verdict_on_promotion(rows)
        except Exception as error:
            return self._watch_failed(rows, signal, error)
        if verdict is not None and verdict.decision != "wait":
            if verdict.decision == "reject":
                return self._take_back(rows, signal, verdict)
            state.service.previous = None
        return self._judge_and_update(rows, signal)

    def _judge_and_update(self, rows, signal):
        state, buffer = self.state, self.state.parts.buffer
        try:
            verdict = state.trials.judge(state.serving.model, rows, buffer)
        except Exception as error:
            if state.trials.challenger is None:
                raise  # memory ran out before a gate was asked
            return self.retrains.gate_failed(rows, signal, error)
        warned = signal.note if signal.state == "warning" else ""
        if state.parts.update is None or state.settings.dry_run:
            state.remember(rows)
            event = state.log.event("kept", rows, signal, reason=warned, evidence=shown(verdict))
            return state.settle(verdict, event)
        try:
            with Stopwatch() as cost:
                mine = self.step(rows, state.serving.model)
                theirs, verdict = self._challenger_updated(rows, verdict)
        except Exception as error:
            return self._update_failed(rows, signal, error, verdict)
        grown = news(state.lacked_by(state.serving.model, rows))
        state.remember(rows)
        if theirs is not None and not theirs.keep:
            state.trials.challenger.model = theirs.model
            state.trials.challenger.types = state.service.types
        cost_on_anchor = {}
        if not mine.keep:
            before = state.serving
            state.service.replace(mine.model, state.labels.served_with(mine.model))
            cost_on_anchor = state.cost_on_anchor(before, len(rows.index))
        event = state.log.event(
            "kept" if mine.keep else "updated",
            rows,
            signal,
            reason=because(warned, grown, mine.note),
            evidence=shown(verdict) | (mine.evidence or {}) | cost_on_anchor,
            kind=mine.kind,
            from_scratch=mine.from_scratch,
            n_rows_fitted=mine.n_rows + (theirs.n_rows if theirs else 0),
            cpu_seconds=cost.cpu_seconds,
            wall_seconds=cost.wall_seconds,
        )
        return state.settle(verdict, event)

    def _challenger_updated(self, rows, verdict):
        """Let the challenger learn along; one that cannot is rejected, and stops nobody else."""
        challenger = self.state.trials.challenger
        if challenger is None or verdict.decision == "reject":
            return None, verdict
        try:
            return self.step(rows, challenger.model), verdict
        except Exception as error:
            return None, Verdict("reject", f"its update failed: {named(error)}")

    def _update_failed(self, rows, signal, error, verdict):
        state = self.state
        state.log.n_seen += len(rows.index)
        reason = f"update failed: {named(error)}"
        state.settle(verdict, state.log.event("failed", rows, signal, reason=reason))
        state.log.complain(
            error,
            "the update with this batch failed; the batch was not remembered and the model is as "
            "before",
            UpdateFailedWarning,
        )

    def _verdict_on_promotion(self, rows):
        """Return what the gate says of the last promotion, or None if it watches none."""
        state, previous = self.state, self.state.service.previous
        if previous is None:
            return None
        buffer, since = state.parts.buffer, state.concept.start
        return state.trials.watch(previous, state.serving, rows, buffer, since)

    def _watch_failed(self, rows, signal, error):
        state = self.state
        state.service.previous = None
        state.remember(rows)
        state.log.failed(
            error,
            rows,
            "watch of the last promotion failed",
            "the gate failed while it watched the last promotion, which stands; the batch is "
            "remembered and not learned",
            signal,
        )

    def _take_back(self, rows, signal, verdict):
        state = self.state
        state.remember(rows)
        taken_back = state.service.version
        before, previous = state.serving, state.service.take_back()
        state.show_labels()
        # As if it were fitted now: growth would build at once what was just taken back.
        buffer, n_seen = state.parts.buffer, state.log.n_seen
        n_known = n_rows_since(buffer, previous.concept_start, n_seen)
        state.concept.begin(previous.concept_start, n_known, answers_alarm=False)
        state.trials.restart()
        state.tell_policies("rolled_back", answered=False)
        reason = f"version {previous.serving.version} serves again instead of {taken_back}"
        event = state.log.event(
            "rolled_back",
            rows,
            signal,
            since=previous.concept_start,
            reason=because(reason, verdict.reason),
            evidence=verdict.evidence,
        )
        state.announce(before, event)
        state.log.add(event)
