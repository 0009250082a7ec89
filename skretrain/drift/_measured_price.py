"""What a refit costs by a `Price`, as the fits of a retrainer are measured."""

import math
from collections import deque

import numpy as np

from ..utils._losses import differs_per_row
from ..utils._plain import Plain

_MEMORY_ROWS = 20_000


class MeasuredPrice(Plain):
    """What the latest fit cost, and so what the next one is taken to cost.

    Parameters
    ----------
    price : Price
        What seconds, flips and refits cost.

    Attributes
    ----------
    in_errors : float
        What a refit costs, in units of the loss; NaN until all of it has been measured.

    Examples
    --------
    >>> from skretrain.drift import FitRecord
    >>> from skretrain.drift._measured_price import MeasuredPrice
    >>> from skretrain.metrics import Price
    >>> measured = MeasuredPrice(Price(1, cost_per_hour=3600, loss_value=0.5))
    >>> measured.in_errors
    nan
    >>> fit = FitRecord(3200, 200, 3000, "full_refit", cpu_seconds=0.4, wall_seconds=2.0)
    >>> measured.hear(fit, None)
    >>> measured.in_errors
    6.0
    """

    def __init__(self, price):
        self.price = price
        self._cpu_seconds = self._wall_seconds = self._n_flips = math.nan
        self._answers = deque()  # (first row, what was answered), the newest
        self._n_answers = 0

    @property
    def in_errors(self):
        return self.price.in_errors(
            cpu_seconds=self._cpu_seconds, wall_seconds=self._wall_seconds, n_flips=self._n_flips
        )

    def see(self, batch):
        """Remember what the model in service has answered."""
        if not self.price.flip_price or batch.y_pred is None:
            return
        self._answers.append((batch.start, np.array(batch.y_pred)))
        self._n_answers += batch.n_rows
        while self._n_answers - len(self._answers[0][1]) >= _MEMORY_ROWS:
            self._n_answers -= len(self._answers.popleft()[1])

    def hear(self, fit, reference):
        """Take in the seconds of a fit, and which of the remembered rows it decides otherwise."""
        if fit.kind == "rolled_back":
            return  # no work was done
        self._cpu_seconds, self._wall_seconds = fit.cpu_seconds, fit.wall_seconds
        if reference is not None and reference.y_pred is not None:
            self._count_flips(reference)

    def _count_flips(self, reference):
        if not self._answers:
            self._n_flips = 0  # nobody has been told anything else
            return
        first, answers = self._answers[-1]
        if reference.start + reference.n_rows != first + len(answers):
            return  # a reservoir has gaps: which rows these are is not known
        decided = np.asarray(reference.y_pred)
        self._n_flips = sum(
            _n_changed(answers, decided[max(first - reference.start, 0) :], reference.start - first)
            for first, answers in self._answers
            if first + len(answers) > reference.start
        )


def _n_changed(answers, decided, n_before):
    """Return how many answers are others now, of those that are remembered."""
    answers = answers[max(n_before, 0) :]
    return int(differs_per_row(answers, decided[: len(answers)]).sum())
