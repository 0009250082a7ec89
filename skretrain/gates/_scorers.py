"""Conditions on scorers of scikit-learn: one number for many rows, and none for a single one."""

import math

import numpy as np
from scipy import stats

from ..metrics._jackknife import standard_error, without_each_group
from ..utils._containers import concat_rows, copy_rows, n_rows, take_rows
from ..utils._labels import union_of_labels
from ..utils._plain import Plain
from ..utils._recorded import Recorded, methods_of, score_of
from ..utils._sklearn_api import predict_of, predict_proba_of
from ._conditions import Evidence

LEAST_ROWS = 100  # before which no scorer is believed
_GROUPS = 20  # of successive rows, each left out once
_EXCHANGES = 10  # of two rows each, to see what one row can do


class Answers(Plain):
    """What both models said of each later row when it came, before either had learned it.

    Parameters
    ----------
    scorers : list of callable
        They tell what the models are asked for.
    trial : Trial
        The first one; it has the models.
    """

    def __init__(self, scorers, trial):
        self.methods = _methods_of(scorers, trial)
        # Those of scikit-learn look at what was answered alone.
        self.keeps_X = not all(hasattr(scorer, "_score_func") for scorer in scorers)
        self.X, self.y, self.records, self.classes = [], [], ([], []), None
        self.n_rows = 0

    def add(self, trial):
        """Let both models answer for the newest rows, and remember it."""
        n, y = n_rows(trial.X), trial.y
        pair = (trial.champion, trial.challenger)
        for record, model in zip(self.records, pair, strict=True):
            outputs = {method: _answer(model, method, trial.X) for method in self.methods}
            record.append((outputs, getattr(model, "classes_", None)))
        self.X.append(copy_rows(trial.X) if self.keeps_X else np.empty((n, 0)))
        self.y.append(None if y is None else np.array(y))
        if y is not None and y.ndim == 1 and hasattr(trial.champion, "classes_"):
            for labels in (*(model.classes_ for model in pair), y):
                self.classes = union_of_labels(self.classes, labels)
        self.n_rows += n

    def joined(self, trial):
        """Return X and y of all rows, and what the older and the newer model said of them."""
        pair = (trial.champion, trial.challenger)
        outputs = []
        for record, model in zip(self.records, pair, strict=True):
            told = Recorded(model, self.classes)
            told.batches = record
            outputs.append({method: getattr(told, method)(None) for method in self.methods})
        y = None if self.y[0] is None else concat_rows(self.y)
        return _Joined(concat_rows(self.X), y, pair, outputs, self.classes)


class _Joined(Plain):
    """Rows with what two models said of them, which scorers can be asked about."""

    def __init__(self, X, y, pair, outputs, classes):
        self.X, self.y, self.pair, self.outputs, self.classes = X, y, pair, outputs, classes

    def part(self, rows):
        """Return the same of some rows."""
        y = None if self.y is None else self.y[rows]
        outputs = [{name: of[rows] for name, of in told.items()} for told in self.outputs]
        return _Joined(take_rows(self.X, rows), y, self.pair, outputs, self.classes)

    def score(self, scorer, number, rows):
        """Return the score of a model, the older (0) or the newer (1), on some rows."""
        return self.score_with(scorer, number, rows, rows)

    def score_with(self, scorer, number, rows, answered):
        """Return the score on some rows if the answers had been those for others."""
        record = Recorded(self.pair[number], self.classes)
        told = {name: of[answered] for name, of in self.outputs[number].items()}
        record.add(told, self.classes)
        y = None if self.y is None else self.y[rows]
        return score_of(scorer, record, take_rows(self.X, rows), y)


class OnAScorer(Evidence):
    """That a score of all later rows together falls by no more than is allowed.

    There is evidence at a few moments only, each time after twice as many rows.

    Parameters
    ----------
    name : str
        Of the criterion.
    allowed : float
        The change, challenger minus champion, that is allowed at least.
    scorer : callable
        Of scikit-learn; higher is better.
    slice_name : str or None
        The slice that it is about.
    min_rows, max_rows : int
        Rows of the first look, and of all at the last.
    """

    def __init__(self, name, allowed, scorer, slice_name, *, min_rows, max_rows):
        self.name, self.allowed, self.scorer = name, allowed, scorer
        self.slice_name = slice_name
        self.n, self.change, self.why = 0, math.nan, ""
        self.log_in_favour = self.log_against = 0.0
        self.rows, self.n_found = [], 0
        self.next_look, self.n_looks = max(min_rows, LEAST_ROWS), 1
        while self.next_look * 2 ** (self.n_looks - 1) < max_rows:
            self.n_looks += 1

    def take_in(self, rows, answers, trial, *, is_last):
        """Note which rows, by number, the condition is about, and look if it is time."""
        self.rows.append(rows)
        self.n_found += len(rows)
        is_due = self.n_found >= self.next_look or (is_last and self.n_found >= LEAST_ROWS)
        if not is_due or self.n_found == self.n:
            return
        while self.next_look <= self.n_found:
            self.next_look *= 2
        self.n = self.n_found
        try:
            self._look(answers.joined(trial).part(np.concatenate(self.rows)))
        except (ValueError, UserWarning) as error:
            # The area under the curve of a single class, say: later rows may have another.
            self._note(math.nan, 0.0, f"not defined: {_shortened(error)}")

    def _look(self, told):
        """Compare both scores on all rows, by a jackknife over groups of successive ones."""
        rows = np.arange(self.n)
        change = self._change(told, rows)
        left = [self._change(told, others) for others in without_each_group(rows, _GROUPS)]
        error = math.hypot(standard_error(left), self._least_error(told, rows))
        if not math.isfinite(change) or not math.isfinite(error):
            self._note(math.nan, 0.0, "not a number on some of the rows")
            return
        self._note(change, (change - self.allowed) / error if error else 0.0)

    def _change(self, told, rows):
        old, new = (told.score(self.scorer, number, rows) for number in (0, 1))
        return new - old

    def _least_error(self, told, rows):
        """Return what one row, or two, can do to the score: so much nobody knows of the change.

        Where both models have said the same of the few rows that matter, those of a rare class,
        nothing varies; the next such row may be the first on which they do not.
        """
        before = told.score(self.scorer, 0, rows)
        first, last = _extremes(told.y, len(rows))
        effects = []
        for one, other in zip(first, last, strict=True):
            exchanged = rows.copy()
            exchanged[[one, other]] = other, one
            effects.append(abs(told.score_with(self.scorer, 0, rows, exchanged) - before))
        return max(effects)

    def _note(self, change, t, why=""):
        self.change, self.why = change, why
        self.log_in_favour, self.log_against = (self._evidence(sign * t) for sign in (1, -1))

    def _evidence(self, t):
        """Return minus the logarithm of the p value, after Bonferroni for all looks."""
        log_p = float(stats.t.logsf(t, _GROUPS - 1)) + math.log(self.n_looks)
        return max(-log_p, 0.0)


def _methods_of(scorers, trial):
    """Return what to ask both models for."""
    pair = (trial.champion, trial.challenger)
    found = {}
    for scorer in scorers:
        found |= dict.fromkeys(methods_of(scorer, *pair))
    return list(found)


def _answer(model, method, X):
    plain = {"predict": predict_of, "predict_proba": predict_proba_of}
    answer = plain[method](model, X) if method in plain else getattr(model, method)(X)
    return np.asarray(answer)


def _extremes(y, n):
    """Return rows that differ most: of rare and common classes, or with least and most."""
    order = np.arange(n)
    if y is not None and y.ndim == 1:
        _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        are_numbers = len(counts) > n // 2
        order = np.argsort(codes if are_numbers else counts[codes], kind="stable")
    k = min(_EXCHANGES, n // 2)
    return order[:k], order[::-1][:k]


def _shortened(error, most=150):
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
