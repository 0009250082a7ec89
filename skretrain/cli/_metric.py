"""What the policies are compared by: how it is called and written, and which way is better."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer, mean_pinball_loss

from ..model_selection._metric import Metric, is_about_a_class, metric_for_rare, metric_of
from ..utils._labels import union_of_labels
from ._columns import some
from ._costs import cost_matrix
from ._errors import CommandError
from ._losses import Cost, Pinball, mean_cost


@dataclass(frozen=True)
class Measured:
    """A measure of the policies.

    Attributes
    ----------
    name, header, column : str
        In a sentence, above a column of the table, in the file of numbers.
    lower_is_better : bool
        Whether it is an error.
    metric : Metric or None
        The score, where it is no mean over rows.
    loss : callable or None
        The loss of each row, of targets as the history has them, where it was asked for; None
        is that of an error, or of a residual.
    unit, summed : str
        What a price counts, where the loss says so; what the losses of all rows are.
    """

    name: str
    header: str
    column: str
    lower_is_better: bool = False
    metric: Any = None
    loss: Any = None
    unit: str = ""
    summed: str = "errors"

    @property
    def why(self):
        """Why it was chosen, where nobody asked for it; else empty."""
        return "" if self.metric is None else self.metric.why

    @property
    def is_of_any_size(self):
        """Whether it is a loss whose size says nothing by itself, as residuals in deviations do."""
        is_cost = isinstance(self.loss, Cost)
        return is_cost or (self.metric is not None and self.lower_is_better)

    def value(self, outcome):
        """Return what an outcome is shown with."""
        if self.metric is not None:
            # 0.0 + -0.0 is 0.0, which is written without a minus.
            return 0.0 + (-outcome.loss if self.metric.higher_is_better else outcome.loss)
        return outcome.loss if self.lower_is_better else 1 - outcome.loss

    def number(self, value):
        """Return a value as text, with as many digits as it is known to."""
        if not self.lower_is_better or (self.metric is not None and abs(value) < 10):
            return f"{value:.3f}"
        return f"{value:,.0f}" if 1000 <= value < 1e9 else f"{value:#.4g}"

    def gain(self, amount):
        """Return by how much a policy is better than another, which is to be named behind it."""
        if self is ACCURACY:
            return f"{100 * amount:.1f} points above"
        return f"{self.number(amount)} {'below' if self.lower_is_better else 'above'} that of"


ACCURACY = Measured("accuracy", "accuracy", "accuracy")
ERROR = Measured("mean absolute error", "mean abs. error", "mean_absolute_error", True)
_USUAL = {"classification": ACCURACY, "regression": ERROR}
_BY_NAME = {"accuracy": ACCURACY, "neg_mean_absolute_error": ERROR}


_COST_PER_ROW = "cost per row"
_PINBALL = "pinball"


def measure_of(history, *, scoring, positive, is_priced, costs=None):
    """Return what the policies are compared by.

    Parameters
    ----------
    history : History
        The stream.
    scoring, positive : str or None
        What was asked for: the name of a scorer, and the class that it is about.
    is_priced : bool
        Whether there is a price, which is in errors where no score is asked for.
    costs : str or None, default=None
        What mistakes cost, which takes the place of a score.

    Raises
    ------
    CommandError
        For a scorer that there is none of, a class, or a cost.
    """
    task, base, y, labels = history.task, history.base, history.y, history.labels
    if costs is not None:
        _check_costs(task, scoring, positive)
        return Measured(
            _COST_PER_ROW,
            _COST_PER_ROW,
            "cost_per_row",
            lower_is_better=True,
            loss=Cost(cost_matrix(costs, labels.tolist())),
            unit="units of cost",
            summed="costs of mistakes",
        )
    alpha = _quantile_of(scoring, task)
    if alpha is not None:
        check_positive(task, positive, [])
        return Measured(
            _pinball_at(alpha),
            _pinball_at(alpha),
            "pinball_loss",
            lower_is_better=True,
            loss=Pinball(alpha, history.unit),
            unit=f"units of '{history.target}'",
            summed="losses",
        )
    code = _code(task, y, labels, positive)
    if scoring is None and positive is None:
        rare = None
        if task == "classification" and not is_priced:
            rare = metric_for_rare(base, y, labels.tolist(), judged=[y[history.warm_up :]])
        return _USUAL[task] if rare is None else _measured(rare)
    scoring = scoring or "average_precision"
    if scoring in _BY_NAME and _BY_NAME[scoring] is _USUAL[task]:
        return _USUAL[task]
    name = None if code is None else labels.tolist()[code]
    check_scoring(scoring, task, max(len(labels), 2))
    metric = metric_of(base, scoring, code, name)
    if task == "regression":
        in_units = _InUnits(metric.scorer._score_func, history.unit, history.origin)
        kwargs = {**metric.scorer._kwargs, "greater_is_better": metric.scorer._sign > 0}
        metric = replace(metric, scorer=make_scorer(in_units, **kwargs))
    return _measured(metric)


class _InUnits:
    """A score of targets in their own unit; the models learn them as deviations."""

    def __init__(self, score, unit, origin):
        self.score, self.unit, self.origin = score, unit, origin

    def __call__(self, y_true, y_pred, **kwargs):
        values = (self.unit * np.asarray(y) + self.origin for y in (y_true, y_pred))
        return self.score(*values, **kwargs)


def metric_asked_for(task, base, labels, *, scoring, positive, costs=None):
    """Return the score that was asked for of a model on labels as they are, or None.

    Parameters
    ----------
    task : {"classification", "regression"}
        What is predicted.
    base : estimator
        The model.
    labels : ndarray
        Of all rows.
    scoring, positive : str or None
        The name of a scorer, and the class that it is about: the rarest, if none is named.
    costs : str or None, default=None
        What mistakes cost, which takes the place of a score.
    """
    if costs is not None:
        _check_costs(task, scoring, positive)
        classes = union_of_labels(np.unique(labels), getattr(base, "classes_", labels[:1]))
        matrix = cost_matrix(costs, classes.tolist())
        options = {"greater_is_better": False, "classes": classes, "matrix": matrix}
        return Metric(make_scorer(mean_cost, **options), _COST_PER_ROW, higher_is_better=False)
    alpha = _quantile_of(scoring, task)
    if alpha is not None:
        check_positive(task, positive, [])
        scorer = make_scorer(mean_pinball_loss, greater_is_better=False, alpha=alpha)
        return Metric(scorer, _pinball_at(alpha), higher_is_better=False)
    classes, codes = np.unique(labels, return_inverse=True)
    code = _code(task, codes, classes, positive)
    if scoring is None and positive is None:
        return None
    label = None if code is None else classes.tolist()[code]
    scoring = scoring or "average_precision"
    check_scoring(scoring, task, len(classes) if task == "classification" else 2)
    return metric_of(base, scoring, label)


def _check_costs(task, scoring, positive):
    """Refuse costs of mistakes beside a score, or of a quantity."""
    if task == "regression":
        raise CommandError("--cost-matrix is about classes, and a quantity has none; leave it out.")
    for option, value in (("--scoring", scoring), ("--positive", positive)):
        if value is not None:
            raise CommandError(f"--cost-matrix and {option} exclude each other; leave one out.")


def _quantile_of(scoring, task):
    """Return the quantile in ``pinball:0.9``; None for any other score."""
    name, _, text = (scoring or "").partition(":")
    if name != _PINBALL:
        return None
    try:
        alpha = float(text)
    except ValueError:
        alpha = math.nan
    if not 0 < alpha < 1:
        raise CommandError(
            f"--scoring {scoring!r} needs a quantile between 0 and 1, such as {_PINBALL}:0.9."
        )
    if task != "regression":
        raise CommandError(f"--scoring {scoring!r} is not for {task}; f1 or neg_log_loss is.")
    return alpha


def _pinball_at(alpha):
    return f"pinball loss ({alpha:g})"


def check_scoring(name, task, n_classes):
    """Refuse what is no scorer, or none for the task."""
    if name not in get_scorer_names():
        usual = "accuracy, average_precision, f1, roc_auc, neg_log_loss, neg_mean_absolute_error"
        raise CommandError(
            f"--scoring {name!r} is no scorer of scikit-learn; it has {usual}, r2 and others."
        )
    scorer = get_scorer(name)
    kind = scorer._score_func.__module__.rpartition(".")[2]
    if (kind == "_regression") != (task == "regression") or kind in (
        "_supervised",
        "_unsupervised",
    ):
        other = "r2 or neg_median_absolute_error" if task == "regression" else "f1 or neg_log_loss"
        raise CommandError(f"--scoring {name!r} is not for {task}; {other} is.")
    if n_classes > 2 and is_about_a_class(scorer):
        raise CommandError(
            f"--scoring {name!r} is about one class of two, and there are {n_classes}; f1_macro, "
            "balanced_accuracy or roc_auc_ovr is about all of them."
        )


def _code(task, y, labels, positive):
    """Return the code of the class that matters: the one that is named, or the rarest."""
    check_positive(task, positive, labels.tolist())
    if task == "regression":
        return None
    if positive is None:
        return int(np.argmin(np.bincount(y)))
    return list(map(str, labels.tolist())).index(positive)


def check_positive(task, positive, labels):
    """Refuse a class that is none."""
    if positive is None:
        return
    if task == "regression":
        raise CommandError("--positive names a class, and a quantity has none; leave it out.")
    if positive not in map(str, labels):
        raise CommandError(f"--positive {positive!r} is no class; they are {some(labels)}.")


def _measured(metric):
    column = metric.name.replace(" ", "_").replace("'", "")
    return Measured(metric.name, metric.name, column, not metric.higher_is_better, metric)
