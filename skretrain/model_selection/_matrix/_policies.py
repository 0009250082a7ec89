"""Policies as a matrix takes them: a trigger that is shown losses, and what is refused."""

import numpy as np

from ...drift import FitRecord, ScoredBatch
from ...drift._resolve import resolve_trigger
from ._replay import FIRST


class TriggerPolicy:
    """A trigger as a policy: it is shown the losses of each chunk, and told of each fit."""

    def __init__(self, trigger, matrix):
        self.trigger, self.matrix = resolve_trigger(trigger), matrix
        wanted = sorted(self.trigger.needs - {"loss"})
        if wanted:
            raise ValueError(
                f"policy={trigger!r} looks at {wanted}, of which a matrix keeps nothing: run it "
                "with prequential_validate."
            )
        self.n_shown = 0

    def __call__(self, now):
        if not len(now.losses):
            return None
        self.n_shown += 1
        start, n_scored = self.matrix.edges_[self.n_shown], int(now.rows[-1])
        losses = losses_like(float(now.losses[-1]), n_scored, self.matrix._bounded)
        batch = ScoredBatch(int(start), n_scored, losses, bounded=self.matrix._bounded)
        return self.trigger.update(batch).state == "drift"

    def after_fit(self, chunk, delay, window, number):
        """Tell the trigger of a fit."""
        seconds = float(self.matrix.fit_seconds_[window, number])
        record = FitRecord(
            row=int(self.matrix.edges_[max(chunk - delay, FIRST)]),
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


def checked_pairs(policy):
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
