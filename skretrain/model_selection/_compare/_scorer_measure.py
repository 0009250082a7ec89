"""Policies compared by a score that is no mean over rows: over the stream, and per window."""

import math
from functools import cached_property

import numpy as np

from ...utils._containers import take_rows
from ...utils._losses import task_of
from ...utils._recorded import Recorded, methods_of
from .._matrix import AnswersMatrix
from .._matrix._replay import FIRST
from ._served import Hindsight, Served

_MOST_WINDOWS = 30
_LEAST_OF_CLASS = 10  # rows of each of two classes in a window; fewer rank nothing


class ScorerMeasure:
    """A score of all rows together, and of each of the windows that the stream is cut into.

    The loss of a window is its rows times what its score lacks to 1; of a score that is minus a
    loss, its rows times the loss.

    Parameters
    ----------
    estimator : estimator
        The base, unfitted.
    metric : Metric
        The score.
    """

    loss = None  # of the matrix: what triggers watch, errors or residuals

    def __init__(self, estimator, metric):
        self.estimator, self.metric = estimator, metric
        self.name, self.scorer, self.why = metric.name, metric.scorer, metric.why
        self.is_loss = not metric.higher_is_better
        self.methods = methods_of(metric.scorer, estimator)

    @property
    def unit(self):
        """What the losses count."""
        return f"rows x {self.name}"

    def matrix(self, estimator, *, keeps_decisions=False, **params):
        """Return a blank matrix."""
        matrix = AnswersMatrix(estimator, **params)
        decisions = ("predict",) if keeps_decisions and "predict" not in self.methods else ()
        matrix.methods = (*self.methods, *decisions)
        return matrix

    def begin(self, X, y, edges, counted=None):
        """Take in the rows that are served, where batches begin and end, and which rows count.

        All that follows is of those that count: they alone are numbered, and have windows.
        """
        edges = np.asarray(edges[FIRST:])
        first, size = int(edges[0]), int(edges[-1])
        self.first = first
        self.counted = np.ones(size, dtype=bool) if counted is None else counted
        self.rows = first + np.flatnonzero(self.counted[first:])
        rows = slice(first, None) if counted is None else self.rows
        self.X, self.y = take_rows(X, rows), np.asarray(y)[rows]
        self.n_rows = len(self.y)
        has_classes = task_of(self.estimator) == "classification" and self.y.ndim == 1
        self.classes = np.unique(y) if has_classes else None
        self.batch_edges, self.n_before = edges, np.searchsorted(self.rows, edges)
        n_before = self.n_before
        self.starts = _window_starts(self.y, self.classes, n_before)
        self.bounds = np.append(n_before[self.starts], self.n_rows)
        self.edges = np.append(edges[self.starts], size)

    # -- what policies are told ----------------------------------------------------------------

    @property
    def unit_told(self):
        """What the losses count that policies see where the score gives none, batch by batch."""
        is_classifier = task_of(self.estimator) == "classification"
        return "errors" if is_classifier else "units of absolute error"

    @cached_property
    def is_mean(self):
        """Whether the score of all rows is the mean of those of its parts, whoever answers.

        It is asked about answers drawn at random: those of a model may agree by accident.
        """
        rng = np.random.default_rng(0)
        outputs = {method: self._at_random(method, rng) for method in self.methods}
        readable, rows = np.ones(self.n_rows, dtype=bool), np.diff(self.bounds)
        parts = [slice(*span) for span in zip(self.bounds[:-1], self.bounds[1:], strict=True)]
        try:
            whole = self._scored(outputs, readable, slice(None), None)
            scores = [self._scored(outputs, readable, part, None) for part in parts]
        except (TypeError, ValueError):  # nobody would answer that, and it is as good as a no
            return False
        return len(parts) > 1 and math.isclose(np.average(scores, weights=rows), whole)

    def _at_random(self, method, rng):
        n_classes = 0 if self.classes is None else len(self.classes)
        if method == "predict":
            return rng.permutation(self.y)
        if method == "decision_function":
            return rng.normal(size=(self.n_rows, n_classes) if n_classes > 2 else self.n_rows)
        return rng.dirichlet(np.ones(n_classes), self.n_rows)

    def telling(self, matrix):
        """Return the matrix as it tells policies what was lost by the score, batch by batch.

        None where a batch has no loss of its own: the score is no mean over rows, or labels come at
        moments of their own, in other batches than the rows.
        """
        if matrix._arrivals is not None or not self.is_mean:
            return None
        told = matrix.telling(self._loss_of_batch)
        losses, by_score = matrix._told[0, 0][FIRST:], told._told[0, 0][FIRST:]
        # Those of single rows, where they are the same, tell a rise from noise much better.
        return matrix if np.allclose(losses, by_score) else told

    def _loss_of_batch(self, batch, number):
        outputs, classes, readable = batch
        first, stop = self.n_before[number], self.n_before[number + 1]
        counted = self.counted[self.batch_edges[number] : self.batch_edges[number + 1]]
        whole = np.zeros(self.n_rows, dtype=bool)
        whole[first:stop] = readable[counted]
        outputs = _of_counted(outputs, readable, counted)
        if not whole.any():
            return math.nan
        try:
            return self._loss_of_window(outputs, whole, first, stop, classes, math.nan)
        except (TypeError, ValueError):  # of a batch with one class, say
            return math.nan

    # -- what comes of it ----------------------------------------------------------------------

    def score(self, run):
        """Return the score of a run."""
        return run.given_score

    def in_words(self, score):
        """Return a score as text."""
        return f"{self.name} {self.metric.shown(score):.3f}"

    # -- what was served -----------------------------------------------------------------------

    def replayed(self, replay, matrix, delay):
        """Return what a schedule served, and how it scores."""
        record, masks, row = Recorded(self.estimator, self.classes), [], self.first
        for outputs, classes, readable in matrix.answered(replay.schedule, delay):
            counted = self.counted[row : row + len(readable)]
            record.add(_of_counted(outputs, readable, counted), classes)
            masks.append(readable[counted])
            row += len(readable)
        readable = np.concatenate(masks)
        methods = self.methods if readable.any() else ()
        return self._served({m: getattr(record, m)(None) for m in methods}, readable)

    def lived(self, result):
        """Return what a live policy served, and how it scores."""
        readable = np.ones(len(self.counted), dtype=bool)
        readable[result.unpredicted_rows] = False
        readable = readable[self.first :][self.counted[self.first :]]
        return self._served(result.outputs, readable, result.classes)

    def told(self, y_pred):
        """Return how predictions score that some rule makes without a model."""
        outputs = {"predict": y_pred}
        if self.classes is not None:
            is_it = (np.asarray(y_pred)[:, None] == self.classes).astype(float)
            outputs["predict_proba"] = is_it
            outputs["decision_function"] = is_it[:, 1] if len(self.classes) == 2 else is_it
        readable = np.ones(self.n_rows, dtype=bool)
        return self._served({method: outputs[method] for method in self.methods}, readable)

    def _served(self, outputs, readable, classes=None):
        windows = list(zip(self.bounds[:-1], self.bounds[1:], strict=True))
        rows = np.diff(self.bounds)
        n_unread = np.array([int((~readable[a:b]).sum()) for a, b in windows])
        if not readable.any():
            return Served(np.full(len(rows), np.inf), rows, n_unread, np.nan)
        score = self._scored(outputs, readable, slice(None), classes)
        losses = [self._loss_of_window(outputs, readable, a, b, classes, score) for a, b in windows]
        return Served(np.array(losses), rows, n_unread, score)

    def _loss_of_window(self, outputs, readable, start, stop, classes, overall):
        if readable[start:stop].any():
            overall = self._scored(outputs, readable, slice(start, stop), classes)
        return (stop - start) * self._lack(overall)

    def _scored(self, outputs, readable, rows, classes):
        """Return the score of some rows; `outputs` are those for the ones that could be read."""
        start, stop, _ = rows.indices(self.n_rows)
        part = slice(int(readable[:start].sum()), int(readable[:stop].sum()))
        classes = self.classes if classes is None else classes
        record = Recorded(self.estimator, classes)
        record.add({method: output[part] for method, output in outputs.items()}, classes)
        mask = readable[start:stop]
        X, y = take_rows(self.X, rows), self.y[rows]
        if not mask.all():
            X, y = take_rows(X, mask), y[mask]
        try:
            score = float(self.scorer(record, X, y))
            if not math.isfinite(score):
                raise ValueError(f"the {self.name} is {score}")
        except (TypeError, ValueError) as error:
            error.add_note(
                f"scoring: the {self.name} of rows {self.rows[start]:,} to "
                f"{self.rows[stop - 1]:,}, a window of the comparison"
            )
            raise
        return score

    def _lack(self, score):
        return 1 - score if self.metric.higher_is_better else -score

    # -- in hindsight --------------------------------------------------------------------------

    def hindsight(self, matrix, delay):
        """Return what to ask for the best schedules: a matrix of the windows' losses."""
        starts = [FIRST + int(start) for start in self.starts]

        def loss_of(batch, number):
            outputs, classes, readable = batch
            counted = self.counted[self.edges[number] : self.edges[number + 1]]
            start, stop = self.bounds[number], self.bounds[number + 1]
            whole = np.zeros(self.n_rows, dtype=bool)
            whole[start:stop] = readable[counted]
            outputs = _of_counted(outputs, readable, counted)
            return self._loss_of_window(outputs, whole, start, stop, classes, -np.inf)

        return Hindsight(matrix.coarse(starts, delay, loss_of), 0, starts)


def _of_counted(outputs, readable, counted):
    """Return what was answered for rows that count, of what was for all that could be read."""
    if counted.all():
        return outputs
    part = counted[readable]
    return {method: output[part] for method, output in outputs.items()}


def _window_starts(y, classes, edges):
    """Return the numbers of the batches at which windows begin.

    There are at most 30, of whole batches, and each has ten rows of both classes where there are
    two, else one of each class that comes at all.
    """
    n_rows, starts = edges[-1], [0]
    needed = () if classes is None else np.unique(y)
    least = _LEAST_OF_CLASS if len(needed) == 2 else 1
    for number in range(1, len(edges) - 1):
        since, here = edges[starts[-1]], edges[number]
        if here - since < n_rows / _MOST_WINDOWS or here == n_rows:
            continue
        parts = y[since:here], y[here:]
        if all((part == label).sum() >= least for part in parts for label in needed):
            starts.append(number)
    return starts
