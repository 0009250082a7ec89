"""What `advise` is given, checked: rows to learn from, rows held out, and how losses are taken."""

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from ..._retrainer._estimator import seed_of
from ...buffers import Rows
from ...buffers._base import joined
from ...compose._learner import Learner
from ...compose._structure import is_fitted
from ...metrics import Price
from ...metrics._price import check_price_for
from ...utils._containers import (
    PANDAS,
    POLARS,
    as_container,
    kind_of,
    n_rows,
    row_shape,
    to_kind_of,
)
from ...utils._labels import is_flat, is_missing, union_of_labels, unseen_labels
from ...utils._losses import task_of
from ...utils._params import check_number
from .._metric import Metric, metric_for_rare, metric_of
from .._row_params import checked_row_params
from .._unreadable import can_be_learned
from ._batches import batches_of
from ._budget import TimeBudget
from ._candidates import split
from ._charges import check_price, metric_of_price
from ._evidence import RowwiseEvaluator, ScorerEvaluator

_LEAST_ROWS = 4
_LEAST_OF_CLASS = 5  # held-out rows of a rare class
_HELD_OUT_OLD, HELD_OUT_NEW = 1 / 4, 1 / 3


@dataclass
class Case:
    """Everything that stays the same from subsample to subsample."""

    learner: Learner
    evaluator: RowwiseEvaluator
    fitted: Any  # the model given, where it was fitted
    is_classifier: bool
    old: Rows
    new: Rows
    held_old: Rows
    held_new: Rows
    price: float | Price | None
    metric: Any  # None: errors or residuals, row by row
    budget: TimeBudget
    seed: int
    batches: list  # rows of each batch of the new period
    first_new: int = 0  # what the index of the new rows begins with

    @property
    def classes(self):
        if not self.is_classifier:
            return None
        return union_of_labels(np.unique(self.old.y), self.new.y)

    @cached_property
    def can_be_learned(self):
        """Whether a model that is fitted on all rows can read them."""
        return can_be_learned(
            self.learner, reduce(joined, (self.old, self.held_old, self.new, self.held_new))
        )

    @property
    def n_old(self):
        return len(self.old.index) + len(self.held_old.index)

    @property
    def n_new(self):
        return len(self.new.index) + len(self.held_new.index)


def time_budget_of(seconds):
    """Return the seconds that there are, or raise what is wrong with them."""
    what = "seconds, no limit if None"
    check_number("advise", "time_budget", seconds, least=0, what=what, otherwise=(None,))
    return seconds


def case_of(estimator, old, new, price, scoring, budget, random_state):
    """Return the arguments of `advise` as a Case, or raise what is wrong with them.

    Of each period, these are X, y and the per-row arguments, or a list of each, batch by batch.
    """
    seed = seed_of("advise", random_state) or 0
    _check_scoring(scoring)
    learner = Learner(estimator, random_state=seed)  # refuses what is no estimator
    task = task_of(estimator)
    if task == "unsupervised":
        raise ValueError(
            f"estimator={estimator!r} is neither a classifier nor a regressor; advise compares "
            "losses on labelled rows. Pass one of them."
        )
    is_classifier = task == "classification"
    check_price(price, scoring, is_classifier=is_classifier)
    old, new, batches = _periods(estimator, old, new, is_classifier)
    first_new = int(new.index[0])
    old, new = _that_count(learner, "old", old), _that_count(learner, "new", new)
    y_old, y_new = old.y, new.y
    if is_classifier:
        union_of_labels(np.unique(y_old), y_new)  # refuses text beside numbers
        _check_classes(estimator, y_old)
        check_price_for(price, np.append(y_old, y_new), task)
    (old, held_old), (new, held_new) = split(old, _HELD_OUT_OLD), split(new, HELD_OUT_NEW)
    evaluator, metric = RowwiseEvaluator(is_classifier), metric_of_price(price)
    if isinstance(scoring, Metric):
        metric = scoring
    elif scoring is not None:
        metric = metric_of(estimator, scoring)
    elif is_classifier and price is None:  # which is in errors
        known, y = np.unique(getattr(estimator, "classes_", old.y)), np.append(y_old, y_new)
        if not len(unseen_labels(y, known)):  # the present model cannot rank a class that it lacks
            held = held_old.y, held_new.y
            metric = metric_for_rare(estimator, y, judged=held, least=_LEAST_OF_CLASS)
    if metric is not None:
        evaluator = ScorerEvaluator(is_classifier, metric, seed)
    return Case(
        learner=learner,
        evaluator=evaluator,
        fitted=estimator if is_fitted(estimator) else None,
        is_classifier=is_classifier,
        old=old,
        new=new,
        held_old=held_old,
        held_new=held_new,
        price=price,
        metric=metric,
        budget=budget,
        seed=seed,
        batches=batches,
        first_new=first_new,
    )


def _periods(estimator, old, new, is_classifier):
    """Return both periods as rows, which are numbered through, and the rows of each new batch."""
    old, _ = _period(estimator, "old", old, is_classifier)
    new, batches = _period(estimator, "new", new, is_classifier, old.X)
    if old.params.keys() != new.params.keys():
        raise ValueError(
            f"params_old has {sorted(old.params)} and params_new {sorted(new.params)}: pass the "
            "same names for both periods."
        )
    return old, new._replace(index=new.index + len(old.index)), batches


def _period(estimator, name, given, is_classifier, like=None):
    """Return a period as rows, like those of the period before, and the rows of each batch."""
    batches = batches_of(name, *given)
    parts = []
    for one, X, y, params in batches:
        X, y = _checked_rows(one, X, y, is_classifier)
        like = X if like is None else like
        X = _checked_columns(one, like, X)
        params = checked_row_params(estimator, params, len(y), name=f"params_{one}")
        if parts and params.keys() != parts[0].params.keys():
            raise ValueError(
                f"params_{one} has {sorted(params)} and the first batch "
                f"{sorted(parts[0].params)}: pass the same names for all batches."
            )
        parts.append(Rows(X, y, params, np.arange(len(y))))
    rows, n = reduce(joined, parts), sum(len(part.index) for part in parts)
    if n < _LEAST_ROWS:
        raise ValueError(
            f"X_{name} has {n} rows; at least {_LEAST_ROWS} are needed, since some of them "
            "are held out. Bring more rows."
        )
    if len(parts) > 1 and is_classifier:
        _check_sortable(name, rows.y)
    return rows._replace(index=np.arange(n)), [len(part.index) for part in parts]


def _that_count(learner, period, rows):
    """Return the rows whose weight is not zero."""
    counted = learner.without_zero_weight(rows)
    if len(counted.index) < _LEAST_ROWS:
        raise ValueError(
            f"params_{period} leaves {len(counted.index)} rows with a weight above 0; at least "
            f"{_LEAST_ROWS} are needed, since some of them are held out. Bring more rows."
        )
    return counted


def _check_scoring(scoring):
    if scoring is not None and not isinstance(scoring, (str, Metric)) and not callable(scoring):
        raise ValueError(
            f"scoring={scoring!r} must be one scorer or its name, or None; ask for each score by "
            "itself."
        )


def _check_classes(estimator, y_old):
    """Refuse a fitted model that predicts none of the labels that the rows have."""
    known = getattr(estimator, "classes_", ())
    if not is_flat(known):
        return
    known = np.asarray(known)
    if len(unseen_labels(y_old, np.unique(known))) == len(np.unique(y_old)):
        raise ValueError(
            f"estimator={type(estimator).__name__} was fitted on the classes "
            f"{known.tolist()[:5]}, and y_old has none of them: {np.unique(y_old).tolist()[:5]}. "
            "Encode the targets as it was fitted, or pass it unfitted."
        )


def _checked_rows(period, X, y, is_classifier):
    if y is None:
        raise ValueError(f"y_{period}=None: advise compares losses on labelled rows; pass targets.")
    X, y = _container(period, X), np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(
            f"y_{period} has the shape {y.shape}, but advise takes one target; ask for each target "
            "by itself."
        )
    if n_rows(X) != len(y):
        raise ValueError(
            f"X_{period} has {n_rows(X):,} rows and y_{period} {len(y):,} targets; pass one target "
            "for each row."
        )
    missing = int(is_missing(y).sum())
    if missing:
        raise ValueError(
            f"y_{period} has {missing:,} missing or infinite value(s); leave out the rows without "
            "a target."
        )
    if is_classifier:
        _check_sortable(period, y)
        return X, y
    try:
        return X, y.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y_{period} holds {y.tolist()[0]!r}, which no regressor can predict; pass numbers, "
            "or a classifier."
        ) from error


def _container(period, X):
    try:
        X = as_container(X)
        n_rows(X)
    except TypeError as error:
        raise TypeError(
            f"X_{period} is a {type(X).__name__}, which has no rows to count; pass an array, a "
            "sparse matrix, a data frame or a list."
        ) from error
    names = list(X.columns) if kind_of(X) == PANDAS and X.ndim == 2 else []
    twice = sorted({name for name in names if names.count(name) > 1}, key=str)
    if twice:
        raise ValueError(
            f"X_{period} has more than one column named {', '.join(map(repr, twice))}; rename or "
            "drop all but one of each."
        )
    return X


def _check_sortable(period, y):
    try:
        np.unique(y)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in y.tolist()})
        raise ValueError(
            f"y_{period} mixes labels of the types {', '.join(kinds)}, which have no order; "
            "convert them to one type."
        ) from error


def _checked_columns(period, X_old, X_new):
    kinds = kind_of(X_old), kind_of(X_new)
    if all(
        kind in (PANDAS, POLARS) and len(X.shape) == 2
        for kind, X in zip(kinds, (X_old, X_new), strict=True)
    ):
        old, new = list(X_old.columns), list(X_new.columns)
        if set(old) != set(new):
            lacking, more = set(old) - set(new), set(new) - set(old)
            said = [
                f"{what} {sorted(columns, key=str)}"
                for what, columns in (("lacks the columns", lacking), ("has besides", more))
                if columns
            ]
            raise ValueError(
                f"X_{period} {' and '.join(said)}, compared with X_old; pass the same columns."
            )
        X_new = X_new[old]
    if row_shape(X_old) != row_shape(X_new):
        raise ValueError(
            f"X_{period} has rows of shape {row_shape(X_new)} and X_old of shape "
            f"{row_shape(X_old)}; pass the same columns for both periods."
        )
    return to_kind_of(X_new, X_old)
