"""How policies are scored: a loss per row, and the score that its sum comes to."""

import math
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names, make_scorer

from ...metrics import Price
from ...utils._losses import task_of
from .._matrix import LOSSES, AnswersMatrix, RetrainMatrix
from .._matrix._replay import FIRST
from .._metric import Metric, metric_for_rare, metric_of
from .._unreadable import summed_losses
from ._lockstep import StreamResult
from ._scorer_measure import ScorerMeasure
from ._served import Hindsight, Served

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


def measure_of(estimator, scoring, y, *, is_priced, n_first=0):
    """Return how policies are scored.

    Parameters
    ----------
    estimator : estimator
        The base.
    scoring : str, callable or None
        As `compare_policies` takes it.
    y : ndarray
        Targets.
    is_priced : bool
        Whether prices are given, in units of the usual loss.
    n_first : int, default=0
        Rows of the first fit, which are not scored.

    Raises
    ------
    ValueError
        If `scoring` is nothing of the kind.
    """
    task = task_of(estimator)
    if scoring is None:
        rare = None
        if task == "classification" and not is_priced:
            rare = metric_for_rare(estimator, y, judged=[np.asarray(y)[n_first:]])
        if rare is not None:
            return ScorerMeasure(estimator, rare)
        scoring = _DEFAULT_SCORINGS.get(task)
    if isinstance(scoring, str) and scoring in _SCORINGS:
        return Measure(scoring, _SCORINGS[scoring])
    if callable(scoring) and not _is_scorer(scoring):
        return Measure(f"neg_mean_{getattr(scoring, '__name__', 'loss')}", scoring)
    is_known = callable(scoring) or isinstance(scoring, Metric)
    if not is_known and scoring not in get_scorer_names():
        raise ValueError(
            f"scoring={scoring!r}: pass the name of a scorer of scikit-learn, a scorer, or a "
            "function loss(y_true, y_pred) that returns one loss per row; None is "
            f"{' or '.join(map(repr, _DEFAULT_SCORINGS.values()))}."
        )
    if not isinstance(scoring, Metric):
        scoring = metric_of(estimator, scoring)
    return ScorerMeasure(estimator, scoring)


def _is_scorer(function):
    """Tell a scorer, which is called with a model, rows and targets, from a loss per row."""
    if hasattr(function, "_score_func"):
        return True
    try:
        params = signature(function).parameters.values()
    except (TypeError, ValueError):  # a compiled function
        return False
    needed = [
        p for p in params if p.default is Parameter.empty and p.kind <= p.POSITIONAL_OR_KEYWORD
    ]
    return len(needed) == 3


@dataclass
class Measure:
    """A score that is made of one loss per row."""

    name: str
    loss: Any
    n_rows: int = 0
    why = ""  # it was asked for, or is the usual one
    bounds = None  # each row is scored by itself
    spread: float = 0.0  # squared distance of the targets from their mean, summed

    @property
    def is_loss(self):
        """Whether the score is minus a loss."""
        return self.name.startswith("neg_")

    @property
    def unit(self):
        """What the losses count."""
        if isinstance(getattr(self.loss, "__self__", None), Price):
            return "units of cost"
        return _UNITS.get(self.loss, "units of loss")

    @property
    def scorer(self):
        """The score as scikit-learn takes it, which raises at no prediction."""
        return make_scorer(score_of, name=self.name, loss=self.loss)

    def matrix(self, estimator, *, keeps_decisions=False, **params):
        """Return a blank matrix."""
        if not keeps_decisions:
            return RetrainMatrix(estimator, loss=self.loss, **params)
        matrix = AnswersMatrix(estimator, loss=self.loss, **params)
        matrix.methods = ("predict",)
        return matrix

    def begin(self, X, y, edges, counted=None):
        """Take in the rows that are served, where batches begin and end, and which rows count."""
        served = np.asarray(y)[edges[FIRST] :]
        served = served if counted is None else served[counted[edges[FIRST] :]]
        self.n_rows, self.spread = len(served), _spread_of(served, self.name)
        self.counted = np.ones(int(edges[-1]), dtype=bool) if counted is None else counted
        self.starts = range(len(edges) - 1 - FIRST)  # of what has a loss, in served batches

    def begin_sums(self, chunk_rows):
        """Take in how many rows count of each batch, of which the rows are gone."""
        served = chunk_rows[FIRST:]
        self.n_rows, self.starts = int(served.sum()), range(len(served))

    def telling(self, matrix):
        """Return the matrix as it tells policies what was lost."""
        return matrix

    def per_row(self, y_true, y_pred):
        """Return the loss on each row."""
        loss = self.loss if callable(self.loss) else LOSSES[self.loss]
        return np.asarray(loss(y_true, y_pred), dtype=np.float64)

    def replayed(self, replay, matrix, delay):
        """Return what a schedule served."""
        return Served(replay.chunk_losses, replay.chunk_rows, replay.chunk_unpredicted)

    def lived(self, result):
        """Return what a live policy served."""
        if isinstance(result, StreamResult):
            return Served(result.batch_losses, result.batch_counted, result.batch_unpredicted)
        first = result.batch_rows[0]
        starts, predicted = result.batch_rows - first, np.zeros(result.n_served, dtype=bool)
        predicted[result.rows - first] = True
        counted = np.ones(result.n_served, dtype=bool)
        counted[result.zero_weight_rows - first] = False
        losses = self.per_row(result.y_true, result.y_pred) if predicted.any() else []
        return Served(
            summed_losses(losses, predicted, starts, counted),
            np.add.reduceat(counted.astype(np.int64), starts),
            np.add.reduceat((counted & ~predicted).astype(np.int64), starts),
        )

    def hindsight(self, matrix, delay):
        """Return what to ask for the best schedules."""
        return Hindsight(matrix, delay)

    def score(self, run):
        """Return the score of a run."""
        return self.score_for(run.scored_loss)

    def score_for(self, loss):
        """Return the score for a summed loss."""
        if self.name == "accuracy":
            return 1.0 - loss / self.n_rows
        if self.name == "r2":
            # As r2_score has it for targets that are all the same.
            return 1.0 - loss / self.spread if self.spread else float(loss == 0)
        if self.name == "neg_root_mean_squared_error":
            return -math.sqrt(loss / self.n_rows)
        return -loss / self.n_rows

    def in_words(self, score):
        """Return a score as text."""
        name = self.name
        if name.startswith("neg_"):
            name, score = name.removeprefix("neg_").replace("_", " "), -score
        return f"{name} {score:.3f}"


def score_of(y_true, y_pred, *, name, loss):
    """Return the score of predictions."""
    measure = Measure(name, loss, len(y_true), _spread_of(y_true, name))
    return measure.score_for(float(measure.per_row(y_true, y_pred).sum()))


def _spread_of(y, name):
    if name != "r2":
        return 0.0
    if y.ndim > 1:
        raise ValueError("scoring='r2' is for one target; of several, take a mean squared error.")
    return float(((y - y.mean()) ** 2).sum())
