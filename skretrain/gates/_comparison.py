"""What a paired gate knows of two models: the evidence for and against each condition."""

import math

import numpy as np

from ..utils._clone import cloned
from ..utils._containers import n_rows
from ..utils._labels import union_of_labels
from ..utils._losses import (
    absolute_loss_per_row,
    novelty_per_row,
    task_of,
    zero_one_loss_per_row,
)
from ..utils._params import refuse
from ..utils._plain import Plain
from ..utils._sklearn_api import predict_of
from ._base import Verdict
from ._conditions import Condition, OnTheAnchor, ShareOfTheLoss
from ._criteria import (
    ANCHORS,
    FALLS,
    check_methods,
    criteria_of,
    needs_classes,
    rows_in,
    scorer_of,
)
from ._scorers import Answers, OnAScorer

# Losses without an upper bound are compared in units of this many mean losses of the champion,
# beyond which a single row counts no more.
_UNIT = 3.0
# What a routine challenger may lose more, as a share of the champion's loss.
_MARGIN = 0.1
NO_CLASSIFIER = "None unless the model is a classifier with a single output"
NO_ANCHOR = "about the anchor only beside a buffer that withholds rows, as Reservoir(anchor=200)"


class Comparison(Plain):
    """The evidence for and against each condition, on the rows since it began."""

    def __init__(self, gate):
        self.gate = cloned(gate)  # not itself: formats other than pickle know no circles
        self.n_rows = 0
        self.conditions = None  # made by the first trial, which tells the task and the cause
        self.is_routine = False  # whether to be as good is enough
        self.violated = ()
        # Of the champion's losses, where these are unbounded.
        self._size_sum, self._n_sizes = 0.0, 0

    def check(self, trial):
        """Make the conditions, or raise ValueError if they do not fit the models."""
        if self.conditions is not None:
            return
        gate, task = self.gate, task_of(trial.champion)
        if needs_classes(gate) and (task != "classification" or trial.y.ndim > 1):
            refuse(gate, "criteria", NO_CLASSIFIER)
        conditions = [] if gate.tolerance is None else [self._on_the_loss(task, trial.routine)]
        conditions += [self._condition_of(of, task, trial) for of in criteria_of(gate)]
        scorers = [c.scorer for c in conditions if isinstance(c, OnAScorer)]
        self.answers = Answers(scorers, trial) if scorers else None
        self.conditions = conditions

    def _condition_of(self, criterion, task, trial):
        """Return the condition that a criterion stands for."""
        name, allowed, metric, label, slice_name, scorer = criterion
        gate = self.gate
        if scorer is not None:
            check_methods(gate, criterion, trial.champion, trial.challenger)
            sizes = {"min_rows": gate.min_rows, "max_rows": gate.max_rows}
            return OnAScorer(name, allowed, scorer_of(scorer), slice_name, **sizes)
        if name in ANCHORS:
            return self._on_the_anchor(name, allowed, trial)
        return Condition(
            name,
            allowed,
            metric=metric,
            slice_name=slice_name,
            label=self._label(name, metric, label, trial),
            sign=-1 if metric in FALLS else 1,
            high=0.0 if metric == "negative_flips" else 1.0,
            unit=_UNIT if task != "classification" else 1.0,
        )

    def _on_the_loss(self, task, is_routine):
        """Return the condition on the loss, which depends on the cause if nobody stated it."""
        tolerance, is_classifier = self.gate.tolerance, task == "classification"
        if tolerance == "auto":
            self.is_routine = is_routine
            if is_routine and is_classifier:
                return ShareOfTheLoss(_MARGIN)
            tolerance = _MARGIN if is_routine else 0.0
        return Condition("loss", tolerance, sign=-1, unit=1.0 if is_classifier else _UNIT)

    def _on_the_anchor(self, name, allowed, trial):
        if trial.anchor is None:
            refuse(self.gate, "criteria", NO_ANCHOR)
        return OnTheAnchor(name, allowed)

    def _label(self, name, metric, wanted, trial):
        """Return the class that a criterion is about, or None if it is about all rows."""
        if wanted is None and metric in ("accuracy", "loss", "negative_flips"):
            return None
        known = union_of_labels(trial.champion.classes_, trial.challenger.classes_)
        named = {str(label): label for label in known.tolist()}
        if wanted is None and len(named) == 2:
            return known[1]
        if wanted not in named:
            wanted = f"{wanted}.0"  # data frames turn whole numbers into floats
        if wanted not in named:
            example = f"{metric}[{next(iter(named))}]"
            refuse(
                self.gate,
                "criteria",
                f"about the classes {', '.join(named)}, as in {example}; {name} is not",
            )
        return named[wanted]

    def updated(self, trial):
        """Return the verdict after the rows of `trial`."""
        self.check(trial)
        gate = self.gate
        self.n_rows += n_rows(trial.X)
        self._bet(trial)
        needed = math.log(1 / gate.alpha)
        needed_against = needed + math.log(len(self.conditions))
        self.violated = [c for c in self.conditions if c.log_against >= needed_against]
        missing = [c for c in self.conditions if c.log_in_favour < needed]
        evidence = {c.name: c.evidence for c in self.conditions}
        if self.n_rows < gate.min_rows:
            return Verdict("wait", "", evidence)
        if self.violated:
            return Verdict("reject", self._said(self.violated, "violates a condition"), evidence)
        if not missing:
            what = "is no worse" if self.is_routine else "is better"
            return Verdict("promote", self._said(self.conditions, what), evidence)
        if self.n_rows >= gate.max_rows:
            told = [f"{c.name} ({c.why})" if c.why else c.name for c in missing]
            reason = f"not shown on {self.n_rows} later rows: {', '.join(told)}"
            return Verdict("reject", reason, evidence)
        return Verdict("wait", "", evidence)

    def _said(self, conditions, what):
        changes = ", ".join(f"{c.name} {c.change:+.3g}" for c in conditions)
        return f"the challenger {what} on {self.n_rows} later rows ({changes})"

    def _bet(self, trial):
        scored = [c for c in self.conditions if isinstance(c, OnAScorer)]
        betting = [c for c in self.conditions if not isinstance(c, OnAScorer)]
        if betting:
            is_classifier = task_of(trial.champion) == "classification"
            (self._on_right_and_wrong if is_classifier else self._on_sizes)(betting, trial)
        if scored:
            self._on_scorers(scored, trial)

    def _on_scorers(self, conditions, trial):
        first = self.answers.n_rows
        self.answers.add(trial)
        for condition in conditions:
            inside = rows_in(self.gate, condition.slice_name, trial.X)
            rows = np.arange(first, self.answers.n_rows)[inside]
            is_last = self.n_rows >= self.gate.max_rows
            condition.take_in(rows, self.answers, trial, is_last=is_last)

    def _on_sizes(self, conditions, trial):
        """Compare losses that have no upper bound."""
        gain = self._relative(*_unbounded_losses(trial))
        for condition in conditions:
            condition.update(gain[rows_in(self.gate, condition.slice_name, trial.X)])

    def _on_right_and_wrong(self, conditions, trial):
        X, y = trial.X, trial.y
        old, new = predict_of(trial.champion, X), predict_of(trial.challenger, X)
        for condition in conditions:
            if condition.name in ANCHORS:
                condition.count(trial)
            elif condition.name == "loss":
                condition.compare(zero_one_loss_per_row(y, old), zero_one_loss_per_row(y, new))
            else:
                rows = rows_in(self.gate, condition.slice_name, X)
                condition.update(condition.gains(y[rows], old[rows], new[rows]))

    def _relative(self, old, new):
        """Return by how much the challenger is better on each row, in [-1, 1]."""
        size = np.abs(np.where(np.isfinite(old), old, 0.0))
        sums = self._size_sum + np.cumsum(size) - size  # of the rows before each row
        n_before = self._n_sizes + np.arange(len(size))
        self._size_sum, self._n_sizes = self._size_sum + float(size.sum()), n_before[-1] + 1
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = (old - new) / (_UNIT * sums / n_before)
            # Before there is a unit, what is better counts as a whole one.
            gain = np.where(np.isnan(gain), np.sign(np.nan_to_num(old) - np.nan_to_num(new)), gain)
        return np.clip(gain, -1.0, 1.0)


def _unbounded_losses(trial):
    """Return the losses of champion and challenger where they have no upper bound."""
    pair = (trial.champion, trial.challenger)
    if task_of(trial.champion) == "regression":
        return [absolute_loss_per_row(trial.y, predict_of(model, trial.X)) for model in pair]
    losses = [novelty_per_row(model, trial.X) for model in pair]
    if losses[0] is None or losses[1] is None:
        raise ValueError(
            f"PairedGate cannot compare models of type {type(trial.champion).__name__}: they have "
            "neither score_samples nor cluster centres. Use gate=None."
        )
    return losses
