"""Candidates before the gate: it sees both models and rows, and answers; nothing else changes."""

from dataclasses import replace

from ..gates import Trial, Verdict
from ..utils._plain import Plain

_DECISIONS = ("promote", "reject", "wait")


class Trials(Plain):
    """The challenger, and what the gate says of it.

    Parameters
    ----------
    gate : BaseGate
        Of the retrainer.
    learner : Learner
        Tells which rows count.
    is_regression : bool
        Whether the gate is told the range of the targets.

    Attributes
    ----------
    challenger : Challenger or None
        The candidate that waits for a verdict.
    """

    def __init__(self, gate, learner, *, is_regression):
        gate.reset()  # now, for its check of the parameters, not when a challenger is made
        self.gate = gate
        self.learner = learner
        self.is_regression = is_regression
        self.challenger = None

    def enter(self, challenger, champion, rows, buffer):
        """Return the verdict on a new challenger, on the rows at which it was made."""
        self.challenger = challenger
        self.gate.reset()
        if not self.learner.any_counts(rows):
            return Verdict("wait")  # rows of weight zero are no evidence
        return self._judge(champion, rows, buffer, unseen=False)

    def judge(self, champion, rows, buffer):
        """Return the verdict on the challenger that waits, on rows that neither model learned."""
        return None if self.challenger is None else self._judge(champion, rows, buffer, unseen=True)

    def _judge(self, champion, rows, buffer, *, unseen):
        challenger = self.challenger
        age = int(rows.index[-1]) + 1 - challenger.fit.row
        trial = self._trial(champion, challenger.model, rows, buffer, unseen, age)
        cause = challenger.cause
        trial = replace(trial, routine=cause.is_routine, since=cause.since)
        return self._sound(self.gate.judge(trial))

    def watch(self, previous, serving, rows, buffer, since):
        """Return the verdict on the last promotion: "reject" takes it back."""
        age = int(rows.index[-1]) + 1 - previous.row
        trial = self._trial(previous.serving.model, serving.model, rows, buffer, True, age)
        return self._sound(self.gate.watch(replace(trial, since=since)))

    def _sound(self, verdict):
        """Return a verdict, or raise TypeError where it is none."""
        if not isinstance(verdict, Verdict) or verdict.decision not in _DECISIONS:
            raise TypeError(
                f"{type(self.gate).__name__} answered {verdict!r}: it must be a Verdict that says "
                f"one of {', '.join(_DECISIONS)}."
            )
        return verdict

    def restart(self):
        """Forget the evidence on a challenger that waits: its champion is another."""
        if self.challenger is not None:
            self.gate.reset()

    def withdraw(self):
        """Return the challenger, which no longer waits."""
        challenger, self.challenger = self.challenger, None
        return challenger

    def _trial(self, champion, challenger, rows, buffer, unseen, age):
        rows = self.learner.without_zero_weight(rows)  # the others are no evidence
        y_range = None
        if self.is_regression:
            remembered = buffer.y
            y_range = (float(remembered.min()), float(remembered.max()))
        anchor = self.learner.without_zero_weight(buffer.anchor_) if buffer.anchor else None
        return Trial(champion, challenger, rows.X, rows.y, unseen, age, y_range, anchor=anchor)
