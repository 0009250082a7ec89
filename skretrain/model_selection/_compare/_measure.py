"""How policies are scored: a loss per row, and the score that its sum comes to."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...utils._losses import task_of
from .._matrix import LOSSES

# The loss per row behind each score.
_SCORINGS = {
    "accuracy": "zero_one",
    "neg_mean_absolute_error": "absolute_error",
    "neg_mean_squared_error": "squared_error",
    "neg_root_mean_squared_error": "squared_error",
    "r2": "squared_error",
}
_DEFAULT_SCORINGS = {"classification": "accuracy", "regression": "neg_mean_absolute_error"}
_UNITS = {"zero_one": "errors", "absolute_error": "units of absolute error"}


def scoring_of(estimator, scoring):
    """Return the name of the score, and the loss behind it."""
    if scoring is None:
        scoring = _DEFAULT_SCORINGS.get(task_of(estimator))
    if callable(scoring):
        return f"neg_mean_{getattr(scoring, '__name__', 'loss')}", scoring
    if not isinstance(scoring, str) or scoring not in _SCORINGS:
        raise ValueError(
            f"scoring={scoring!r}: a comparison needs a loss per row; pass one of "
            f"{sorted(_SCORINGS)}, or a function loss(y_true, y_pred) that returns one."
        )
    return scoring, _SCORINGS[scoring]


@dataclass(frozen=True)
class Measure:
    """The score, and the loss that it is made of."""

    name: str
    loss: Any
    n_rows: int
    spread: float  # squared distance of the targets from their mean, summed

    @property
    def unit(self):
        """What the losses count."""
        return _UNITS.get(self.loss, "units of loss")

    def per_row(self, y_true, y_pred):
        """Return the loss on each row."""
        loss = self.loss if callable(self.loss) else LOSSES[self.loss]
        return np.asarray(loss(y_true, y_pred), dtype=np.float64)

    @classmethod
    def on(cls, y, name, loss):
        """Return the measure on these targets."""
        return cls(name, loss, len(y), _spread_of(y, name))

    def score(self, loss):
        """Return the score for a summed loss."""
        if self.name == "accuracy":
            return 1.0 - loss / self.n_rows
        if self.name == "r2":
            # As r2_score has it for targets that are all the same.
            return 1.0 - loss / self.spread if self.spread else float(loss == 0)
        if self.name == "neg_root_mean_squared_error":
            return -math.sqrt(loss / self.n_rows)
        return -loss / self.n_rows


def score_of(y_true, y_pred, *, name, loss):
    """Return the score of predictions."""
    measure = Measure.on(y_true, name, loss)
    return measure.score(float(measure.per_row(y_true, y_pred).sum()))


def _spread_of(y, name):
    if name != "r2":
        return 0.0
    if y.ndim > 1:
        raise ValueError("scoring='r2' is for one target; of several, take a mean squared error.")
    return float(((y - y.mean()) ** 2).sum())
