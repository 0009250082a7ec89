"""What a measure returns: what was served, and whom to ask for the best in hindsight."""

from typing import Any, NamedTuple

import numpy as np

from .._matrix._replay import FIRST


class Served(NamedTuple):
    """What a policy served with one seed, batch by batch or window by window."""

    losses: np.ndarray
    n_rows: np.ndarray
    n_unpredicted: np.ndarray
    score: float | None = None  # where it is no mean over rows


class Hindsight(NamedTuple):
    """A matrix to ask for the best schedules, and where its chunks begin in the one of the runs."""

    matrix: Any
    delay: int
    starts: list | None = None  # None: it is that one

    def best(self, cost, matrix, delay):
        """Return the best schedule as replayed on the matrix of the runs."""
        found = self.matrix.oracle(cost, label_delay=self.delay)
        if self.starts is None:
            return found
        schedule = [(self.starts[chunk - FIRST], window) for chunk, window in found.schedule]
        return matrix.replay(schedule, label_delay=delay)

    def saved_by_one_refit(self):
        """Return the loss that the best single refit saves."""
        matrix, delay = self.matrix, self.delay
        losses = [
            matrix.replay([(chunk, window)], label_delay=delay).loss
            for chunk in range(2, len(matrix.edges_) - 1)
            for window in matrix.windows
        ]
        never = matrix.replay([], label_delay=delay).loss
        return never - min(losses, default=never)
