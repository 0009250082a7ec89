"""Forests, bagging and isolation forests: the oldest members go, as many new ones are grown."""

import copy
from itertools import takewhile
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import validate_data

from ...utils._containers import concat_rows, n_rows, take_rows
from ...utils._sklearn_api import (
    forget_drawn_rows,
    newest_seed,
    rotate_members,
)
from ._base import BaseAdapter

# With fewer draws, or fewer rows for each stand-in, a bootstrap may be made of stand-ins alone.
_FEW = 10


class RotationAdapter(BaseAdapter):
    """Replace the oldest members of an ensemble by members grown on the rows given.

    As many go as ``effort.rate`` says, so that after ``1 / rate`` updates none is left that has not
    been grown on recent rows. The size, the classes and the constructor parameters stay.

    Which rows each member has drawn can no longer be told, because they come from different fits:
    ``estimators_samples_`` raises AttributeError afterwards rather than name wrong rows.
    """

    method = "rotation"
    guarded = "alarm"

    def why_not(self, estimator):
        name = type(estimator).__name__
        if estimator.oob_score:
            return (
                f"{name} with oob_score={estimator.oob_score!r} scores all members on the rows of "
                "one fit, which rotation makes stale"
            )
        own = _class_with_own_fit(estimator)
        if own is not None:
            return f"{own.__name__} has a fit of its own, which may keep more than the members"
        return ""

    def refusal(self, model, y, effort):
        counts = y is not None and y.size and _criterion(model) == "poisson"
        if counts and not y.min() >= 0 < y.sum():
            return "criterion='poisson' needs targets that are not negative, and not all zero"
        return super().refusal(model, y, effort)

    def copied(self, model):
        # Members never change after they were grown and update() replaces the lists that hold
        # them, so that both models may share everything.
        return copy.copy(model)

    def update(self, model, X, y, params, effort):
        validate_data(model, X, reset=False, skip_check_array=True)
        blank = clone(model).set_params(
            n_estimators=effort.share_of(len(model.estimators_)),
            warm_start=False,
            random_state=_next_seed(model),
        )
        rotate_members(model, self.grown(blank, model, X, y, params))
        forget_drawn_rows(model)

    def grown(self, blank, model, X, y, params):
        """Return `blank`, a clone of `model` with as many members as are new, fitted on the rows.

        Its members have to fit in with those of `model`, above all in their classes.
        """
        blank.set_params(max_samples=_at_most(blank.max_samples, n_rows(X)))
        return blank.fit(X, y, **params)


class ForestAdapter(RotationAdapter):
    """Rotation for random forests and extra-trees; rows need not show every class."""

    def refusal(self, model, y, effort):
        if y is None:
            return "trees need targets"
        columns = _columns(y)
        if len(columns) != model.n_outputs_:
            return f"the model has {model.n_outputs_} outputs, the targets have {len(columns)}"
        for classes, labels in zip(_class_tables(model), columns, strict=False):
            new = np.setdiff1d(labels, classes)
            if len(new):
                return f"the trees have no room for new classes {new.tolist()}"
        return super().refusal(model, y, effort)

    def grown(self, blank, model, X, y, params):
        stand_ins = _stand_ins(model, y)
        if len(stand_ins) == 0:
            return super().grown(blank, model, X, y, params)
        # A tree's table of classes is that of the labels it is shown, whatever they weigh; rows of
        # weight zero are dropped before it is grown.
        n = len(y)
        weight = np.asarray(params.get("sample_weight", np.ones(n)), dtype=np.float64)
        blank.set_params(**_draws(blank, n, len(stand_ins)))
        blank.set_params(class_weight=_explicit_class_weight(blank, y, weight))
        return blank.fit(
            take_rows(X, np.r_[np.arange(n), np.zeros(len(stand_ins), dtype=np.int64)]),
            concat_rows([y, stand_ins]),
            sample_weight=np.r_[weight, np.zeros(len(stand_ins))],
        )


class BaggingAdapter(RotationAdapter):
    """Rotation for bagging, whose members know classes by their rank among those of the rows."""

    needs_all_classes = True

    def grown(self, blank, model, X, y, params):
        if not blank.bootstrap and not isinstance(blank.max_samples, Integral | None):
            # A share of the summed weights may be more rows than there are.
            blank.set_params(max_samples=max(1, int(blank.max_samples * n_rows(X))))
        return super().grown(blank, model, X, y, params)


class IsolationForestAdapter(RotationAdapter):
    """Rotation for isolation forests; ``offset_`` follows where `contamination` is a number."""

    def grown(self, blank, model, X, y, params):
        if n_rows(X) == 1:
            # Paths are related to the usual one for so many rows; for a single row that is zero.
            twice = np.zeros(2, dtype=np.int64)
            X = take_rows(X, twice)
            params = {name: take_rows(values, twice) for name, values in params.items()}
        n = n_rows(X)
        draws = 256 if blank.max_samples == "auto" else blank.max_samples
        draws = draws if isinstance(draws, Integral) else int(draws * n)
        # The level for outliers is a quantile over all members: update() asks for it at the end.
        blank.set_params(max_samples=min(max(draws, 2), n), contamination="auto")
        return blank.fit(X, **params)

    def update(self, model, X, y, params, effort):
        super().update(model, X, y, params, effort)
        if model.contamination != "auto":
            model.offset_ = np.percentile(model.score_samples(X), 100 * model.contamination)


def _class_with_own_fit(estimator):
    """Return the class outside scikit-learn that overrides how the estimator is fitted, or None."""
    outside = takewhile(
        lambda kind: not kind.__module__.startswith("sklearn."), type(estimator).__mro__
    )
    return next((kind for kind in outside if not {"fit", "_fit"}.isdisjoint(vars(kind))), None)


def _criterion(model):
    return getattr(model, "criterion", None) or getattr(model.estimator_, "criterion", None)


def _next_seed(model):
    """Return a seed that differs from rotation to rotation but follows from that of the fit.

    A generator passed as `random_state` is not drawn from: it belongs to the user.
    """
    if model.random_state is None:
        return None
    return int(np.random.SeedSequence(newest_seed(model)).generate_state(1)[0] >> 1)


def _at_most(max_samples, n):
    return min(max_samples, n) if isinstance(max_samples, Integral) else max_samples


def _columns(y):
    """Return the targets output by output."""
    return [y] if y.ndim == 1 else list(y.T)


def _class_tables(model):
    """Return the classes output by output, or nothing for a regressor."""
    classes = getattr(model, "classes_", [])
    return [classes] if isinstance(classes, np.ndarray) else classes


def _stand_ins(model, y):
    """Return rows of targets that show every class of the model that `y` lacks."""
    tables = _class_tables(model)
    missing = [np.setdiff1d(*pair) for pair in zip(tables, _columns(y), strict=False)]
    size = max(map(len, missing), default=0)
    if size == 0:
        return y[:0]
    # With more classes than half of the rows, scikit-learn warns of a regression target.
    size = max(size, 2 * sum(map(len, tables)) - len(y))
    columns = [
        np.resize(absent if len(absent) else labels[:1], size)
        for absent, labels in zip(missing, _columns(y), strict=True)
    ]
    return columns[0] if y.ndim == 1 else np.column_stack(columns)


def _draws(blank, n, n_stand_ins):
    """Return the parameters that make bootstraps of `n` rows out of those and the stand-ins.

    Before scikit-learn 1.9, rows of weight zero are drawn like others; a tree grown on nothing else
    would predict NaN.
    """
    if not blank.bootstrap:
        return {}
    draws = blank.max_samples
    if draws is None:
        draws = n
    elif isinstance(draws, Integral):
        draws = min(draws, n)
    else:
        draws = max(1, round(draws * n))
    if draws < _FEW or n < _FEW * n_stand_ins:
        return {"bootstrap": False, "max_samples": None}
    return {"max_samples": draws}


def _explicit_class_weight(blank, y, weight):
    """Return the class weights of the rows alone: a class of weight zero cannot be balanced."""
    chosen = blank.class_weight
    if chosen != "balanced" and (chosen != "balanced_subsample" or blank.bootstrap):
        return chosen
    tables = []
    for labels in _columns(y):
        present, codes = np.unique(labels, return_inverse=True)
        balanced = weight.sum() / (len(present) * np.bincount(codes, weights=weight))
        tables.append(dict(zip(present, balanced, strict=True)))
    return tables[0] if y.ndim == 1 else tables


_FOREST, _BAGGING = ForestAdapter(), BaggingAdapter()

ADAPTERS = {
    "sklearn.RandomForestClassifier": _FOREST,
    "sklearn.RandomForestRegressor": _FOREST,
    "sklearn.ExtraTreesClassifier": _FOREST,
    "sklearn.ExtraTreesRegressor": _FOREST,
    "sklearn.BaggingClassifier": _BAGGING,
    "sklearn.BaggingRegressor": _BAGGING,
    "sklearn.IsolationForest": IsolationForestAdapter(),
}
