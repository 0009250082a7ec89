"""What the policies are compared by: how it is called and written, and which way is better."""

from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer

from ..model_selection._metric import Metric, metric_for_rare, metric_of
from ._columns import some
from ._errors import CommandError


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
    """

    name: str
    header: str
    column: str
    lower_is_better: bool = False
    metric: Any = None

    @property
    def why(self):
        """Why it was chosen, where nobody asked for it; else empty."""
        return "" if self.metric is None else self.metric.why

    def value(self, outcome):
        """Return what an outcome is shown with."""
        if self.metric is not None:
            return -outcome.loss if self.metric.higher_is_better else outcome.loss
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


def measure_of(task, base, y, labels, *, scoring, positive, is_priced):
    """Return what the policies are compared by.

    Parameters
    ----------
    task : {"classification", "regression"}
        What is predicted.
    base : estimator
        The model, blank.
    y : ndarray
        Targets; of classes their codes.
    labels : ndarray
        The classes by their codes.
    scoring, positive : str or None
        What was asked for: the name of a scorer, and the class that it is about.
    is_priced : bool
        Whether there is a price, which is in errors where no score is asked for.

    Raises
    ------
    CommandError
        For a scorer that there is none of, or a class.
    """
    code = _code(task, y, labels, positive)
    if scoring is None and positive is None:
        is_usual = task == "regression" or is_priced
        rare = None if is_usual else metric_for_rare(base, y, labels.tolist())
        return _USUAL[task] if rare is None else _measured(rare)
    scoring = scoring or "average_precision"
    if scoring in _BY_NAME and _BY_NAME[scoring] is _USUAL[task]:
        return _USUAL[task]
    if scoring not in get_scorer_names():
        usual = "accuracy, average_precision, f1, roc_auc, neg_log_loss, neg_mean_absolute_error"
        raise CommandError(
            f"--scoring {scoring!r} is no scorer of scikit-learn; it has {usual}, r2 and others."
        )
    scorer, metric = get_scorer(scoring), metric_of(base, scoring)
    if task == "regression" or "pos_label" not in signature(scorer._score_func).parameters:
        return _measured(metric)
    kwargs = {**scorer._kwargs, "pos_label": code}
    about = make_scorer(
        scorer._score_func,
        response_method=scorer._response_method,
        greater_is_better=scorer._sign > 0,
        **kwargs,
    )
    return _measured(Metric(about, f"{metric.name} of {labels[code]!r}", metric.higher_is_better))


def _code(task, y, labels, positive):
    """Return the code of the class that matters: the one that is named, or the rarest."""
    if task == "regression":
        if positive is not None:
            raise CommandError("--positive names a class, and a quantity has none; leave it out.")
        return None
    if positive is None:
        return int(np.argmin(np.bincount(y)))
    for code, label in enumerate(labels.tolist()):
        if str(label) == positive:
            return code
    raise CommandError(f"--positive {positive!r} is no class; they are {some(labels.tolist())}.")


def _measured(metric):
    column = metric.name.replace(" ", "_").replace("'", "")
    return Measured(metric.name, metric.name, column, not metric.higher_is_better, metric)
