"""Policies as a matrix takes them: a trigger that is shown losses, and what is refused."""

import numpy as np

from ...drift import FitRecord, ScoredBatch
from ...drift._resolve import resolve_trigger
from ...utils._params import is_integer
from ._replay import FIRST


class TriggerPolicy:
    """A trigger as a policy: it is shown the losses of each chunk, and told of each fit."""

    def __init__(self, trigger, matrix, known):
        self.trigger, self.matrix, self.known = resolve_trigger(trigger), matrix, known
        has_dates = len(matrix.chunk_moments_) > 0
        wanted = sorted(self.trigger.needs - {"loss", "moments" if has_dates else "loss"})
        if wanted:
            raise ValueError(
                f"policy={trigger!r} looks at {wanted}, of which a matrix keeps nothing: run it "
                "with prequential_validate."
            )
        self.chunk = FIRST  # the next to be shown

    def __call__(self, now):
        """Show what has become known since, chunk by chunk, and tell whether any of it rang."""
        n_new = int(self.known[now.chunk]) - self.chunk
        shown = zip(now.losses[-n_new:].tolist(), now.rows[-n_new:].tolist(), strict=True)
        rings = [self._rings(*chunk) for chunk in shown] if n_new else []  # all are shown
        return any(rings)

    def _rings(self, loss, n_scored):
        matrix, chunk = self.matrix, self.chunk
        losses = losses_like(loss, n_scored, matrix._bounded)
        batch = ScoredBatch(
            int(matrix.edges_[chunk]),
            n_scored,
            losses,
            bounded=matrix._bounded,
            moments=matrix.chunk_moments_[chunk] if len(matrix.chunk_moments_) else None,
        )
        self.chunk += 1
        return self.trigger.update(batch).state == "drift"

    def after_fit(self, chunk, window, number):
        """Tell the trigger of a fit."""
        seconds = float(self.matrix.fit_seconds_[window, number])
        record = FitRecord(
            row=int(self.matrix.edges_[self.known[chunk]]),
            n_rows=int(self.matrix.rows_fitted_[window, number]),
            since=None,
            kind="full_refit",
            cpu_seconds=seconds,
            wall_seconds=seconds,
        )
        self.trigger.after_fit(record, None, chunk > FIRST)


def check_policy(policy):
    """Refuse words and classes, which a callable or a trigger would be taken for."""
    is_word = isinstance(policy, str) and policy != "adwin"
    if is_word or isinstance(policy, type):
        _refuse_policy(policy)


def checked_schedule(policy, matrix, known):
    """Return a schedule by numbers, with the first fit, and without refits that change nothing."""
    schedule, before, serving = [], 0, None
    for chunk, window in _checked_pairs(policy):
        if not is_integer(chunk) or not before < chunk < len(matrix.edges_) - 1:
            raise ValueError(
                f"policy: chunk {chunk!r} is out of range or order: chunks must rise, from 1 to "
                f"{len(matrix.edges_) - 2}."
            )
        if not schedule and chunk > FIRST:
            schedule.append((FIRST, matrix._largest()))
            serving = schedule[0][1], matrix._number_of_fit(schedule[0][1], FIRST, known)
        number = matrix._number_of(window, "policy")
        fit = number, matrix._number_of_fit(number, chunk, known)
        if fit != serving:
            schedule.append((chunk, number))
        before, serving = chunk, fit
    return schedule or [(FIRST, matrix._largest())]


def _checked_pairs(policy):
    """Return a schedule as a list of pairs."""
    try:
        pairs = list(policy)
    except TypeError:
        _refuse_policy(policy)
    if any(not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2 for pair in pairs):
        _refuse_policy(policy)
    return pairs


def _refuse_policy(policy):
    raise ValueError(
        f"policy={policy!r} must be a list of (chunk, window) pairs, a function of a ReplayState, "
        "a trigger such as skretrain.drift.ErrorDrift(), a river detector or 'adwin'."
    )


def losses_like(total, n_scored, bounded):
    """Return losses of single rows that add up to `total`."""
    if not bounded or not total.is_integer():
        return np.full(n_scored, total / n_scored if n_scored else 0.0)
    losses = np.zeros(n_scored)
    # All errors at one end of the chunk would look like a drift in it.
    losses[np.arange(int(total)) * n_scored // max(int(total), 1)] = 1.0
    return losses
