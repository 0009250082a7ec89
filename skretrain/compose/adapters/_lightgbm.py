"""LightGBM: more rounds by ``init_model``; at the cap, leaves that move towards the new rows."""

import warnings

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from ...utils._containers import PANDAS, kind_of
from ._base import flat_classes, set_for_now
from ._boosting import BoostingAdapter, foreign_fit, moved_seed
from ._early_stopping import StopsEarly

# LightGBM lets these override n_estimators, so that it would not say how many rounds are added.
_ROUNDS = (
    *("num_iterations", "num_iteration", "n_iter", "num_tree", "num_trees", "num_round"),
    *("num_rounds", "nrounds", "num_boost_round", "max_iter"),
)
_EARLY_STOPPING = (
    *("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"),
)
_MONOTONE = ("monotone_constraints", "mc", "monotone_constraint", "monotonic_cst")

# Booster.refit computes leaves as one Newton step from zero. The others need a median (l1,
# quantile), or keep their mean in the first tree, which decays: after one refit, poisson was off
# by a factor of 50,000.
_REFITTABLE = frozenset(
    (
        *("regression", "regression_l2", "l2", "mean_squared_error", "mse"),
        *("l2_root", "root_mean_squared_error", "rmse", "binary"),
        *("multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr"),
    )
)


_CLASSES = ("lightgbm.LGBMClassifier", "lightgbm.LGBMRegressor")


class _StopsEarly(StopsEarly):
    per_row = {"sample_weight": "eval_sample_weight", "init_score": "eval_init_score"}

    def stops_early(self):
        params = self.get_params(deep=False)
        return any(params.get(name) for name in _EARLY_STOPPING)

    def fitted_around(self, fit, X, y, params):
        # LightGBM 4.7 warns of eval_set, and does not encode the labels of what it has instead.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The argument 'eval_set' is deprecated")
            return super().fitted_around(fit, X, y, params)


class LightGBMAdapter(BoostingAdapter):
    """Continue a classifier or regressor of LightGBM.

    Rows may lack classes, as long as they show two. At the cap, ``Booster.refit`` keeps the
    structure of the trees and moves the value of each leaf by the share ``effort.rate`` towards
    the one estimated on the rows (its ``decay_rate`` is ``1 - effort.rate``); the value of a leaf
    without rows decays.
    """

    mixin = _StopsEarly
    mends = _CLASSES

    def why_not(self, estimator):
        name = type(estimator).__name__
        params = estimator.get_params(deep=False)
        for other in _ROUNDS:
            if params.get(other) is not None:
                return f"{name} takes its rounds from {other}, not from n_estimators"
        for other in _EARLY_STOPPING:
            if params.get(other):
                return f"{name} with {other} needs rows to stop by"
        if params.get("boosting_type") == "rf" or params.get("boosting") == "rf":
            return f"{name} with boosting_type='rf' averages its trees: more cannot correct them"
        return foreign_fit(estimator, *_CLASSES)

    def freezable(self, estimator):
        return ["trees"]

    def n_kept(self, model):
        return model.best_iteration_ or None

    def n_asked(self, estimator):
        return estimator.n_estimators

    def n_fitted(self, model):
        return model.n_estimators_

    def refusal(self, model, y, effort):
        name = type(model).__name__
        if len(y) < 2:
            return f"{name} needs at least 2 rows"
        if flat_classes(model, y) is not None and len(np.unique(y)) < 2:
            return f"{name} learns nothing from rows of a single class"
        absent = _weighted_but_absent(model.class_weight, y)
        if absent:
            return f"class_weight of {name} names classes {absent}, which the rows lack"
        return super().refusal(model, y, effort)

    def why_no_new_leaves(self, model):
        params = model.get_params(deep=False)
        if any(params.get(name) for name in _MONOTONE):
            return "leaves estimated anew would not heed its monotone constraints"
        objective = model.objective_
        if isinstance(objective, str) and objective in _REFITTABLE:
            return ""
        return f"LightGBM cannot estimate its leaves anew for objective={objective!r}"

    def update(self, model, X, y, params, effort):
        X = _coded_as_before(model.booster_, X)
        classes = flat_classes(model, y)
        target = y if classes is None else np.searchsorted(classes, y)
        n_more = self.n_more(model, effort)
        if n_more:
            _add_rounds(model, X, target, params, n_more)
        else:
            weight = _weights(model, y, params.get("sample_weight"))
            model._Booster = model.booster_.refit(
                X, target, decay_rate=1 - effort.rate, weight=weight
            )


def _add_rounds(model, X, target, params, n_more):
    # The fit of LGBMClassifier would learn the classes anew, from the rows; that of LGBMModel, in
    # which it ends, takes the codes and leaves the classes alone.
    from lightgbm import LGBMModel

    seed = moved_seed(model.random_state, model.n_estimators_)
    with set_for_now(model, n_estimators=n_more, random_state=seed):
        LGBMModel.fit(model, X, target, init_model=model.booster_, **params)


def _weights(model, y, sample_weight):
    if model.class_weight is None:
        return sample_weight
    of_class = compute_sample_weight(model.class_weight, y)
    return of_class if sample_weight is None else of_class * sample_weight


def _weighted_but_absent(class_weight, y):
    """Return the classes over which scikit-learn, which computes the weights, would stumble.

    It does so if there are also classes without a weight.
    """
    if not isinstance(class_weight, dict):
        return []
    present = np.unique(y).tolist()
    if all(label in class_weight for label in present):
        return []
    return [label for label in class_weight if label not in present]


def _coded_as_before(booster, X):
    """Give categorical columns the categories that the trees were grown with, as predict does.

    ``fit`` numbers the categories of its own rows: the old trees would read other values.
    """
    if kind_of(X) != PANDAS or not booster.pandas_categorical:
        return X
    columns = [name for name, dtype in zip(X.columns, X.dtypes, strict=True) if _is_category(dtype)]
    known = zip(columns, booster.pandas_categorical, strict=True)
    return X.assign(**{name: X[name].cat.set_categories(values) for name, values in known})


def _is_category(dtype):
    return dtype.name == "category"


_ADAPTER = LightGBMAdapter()
ADAPTERS = dict.fromkeys(_CLASSES, _ADAPTER)
