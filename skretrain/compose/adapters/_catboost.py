"""CatBoost: more rounds by ``init_model``."""

import numpy as np

from ._boosting import BoostingAdapter, foreign_fit, moved_seed
from ._early_stopping import StopsEarly

_ROUNDS = ("iterations", "n_estimators", "num_boost_round", "num_trees")
_RATES = ("learning_rate", "eta")
_SEEDS = ("random_seed", "random_state")

# CatBoost itself refuses to go on with these, or goes on without them.
_REFUSED = ("model_shrink_rate", "langevin", "posterior_sampling", "save_snapshot", "eval_fraction")


# Each of these makes CatBoost look at rows that it does not learn.
_EARLY_STOPPING = ("early_stopping_rounds", "od_wait", "od_pval", "od_type", "use_best_model")

_OF_COLUMNS = ("cat_features", "text_features", "embedding_features")
_CLASSES = ("catboost.CatBoostClassifier", "catboost.CatBoostRegressor")


class _StopsEarly(StopsEarly):
    per_row = {"sample_weight": "weight", "baseline": "baseline"}

    def stops_early(self):
        return _stops_early(self.get_params())

    def held_out(self, X, y, of_rows, params):
        from catboost import Pool

        told = {**self.get_params(), **params}
        of_columns = {name: told[name] for name in _OF_COLUMNS if told.get(name) is not None}
        of_rows = {self.per_row[name]: values for name, values in of_rows.items()}
        return {"eval_set": Pool(X, y, **of_columns, **of_rows)}


class CatBoostAdapter(BoostingAdapter):
    """Continue a classifier or regressor of CatBoost, with the learning rate that it has."""

    needs_all_classes = True
    mixin = _StopsEarly
    mends = _CLASSES

    def why_not(self, estimator):
        name = type(estimator).__name__
        params = estimator.get_params()
        for refused in _REFUSED:
            if params.get(refused):
                return f"{name} with {refused} cannot go on from fitted trees"
        if params.get("task_type") == "GPU":
            return f"{name} cannot go on from fitted trees on a GPU"
        if "RMSEWithUncertainty" in (params.get("loss_function"), params.get("objective")):
            return f"{name} with RMSEWithUncertainty loses its mean when it goes on"
        if _stops_early(params):
            return f"{name} that stops early needs rows to stop by"
        return foreign_fit(estimator, *_CLASSES)

    def n_asked(self, estimator):
        params = estimator.get_params()
        return params.get(_name_in(params, _ROUNDS), 1000)

    def n_fitted(self, model):
        return model.tree_count_

    def n_kept(self, model):
        return model.tree_count_ if _stops_early(model.get_params()) else None

    def refusal(self, model, y, effort):
        name = type(model).__name__
        if np.all(y == y[:1]):
            return f"{name} refuses rows whose targets are all equal"
        if model.get_text_feature_indices() or model.get_embedding_feature_indices():
            return f"{name} cannot go on from trees that read texts or embeddings"
        return super().refusal(model, y, effort)

    def update(self, model, X, y, params, effort):
        given = model.get_params()
        rounds, rate, seed = (_name_in(given, names) for names in (_ROUNDS, _RATES, _SEEDS))
        changed = {
            rounds: self.n_more(model, effort),
            # Else CatBoost chooses one for so few rounds, up to 0.5.
            rate: model.learning_rate_,
            seed: moved_seed(given.get(seed), model.tree_count_),
        }
        # A copy, without what CatBoost keeps of the last training: it goes on from there the first
        # time, not the second, and never after pickling.
        continued = type(model)(**{**given, **changed})
        if "cat_features" not in given:  # the first fit may have been told otherwise
            params = {**params, "cat_features": model.get_cat_feature_indices() or None}
        before = model.copy()
        continued.fit(X, y, init_model=before, **params)
        # With categories, the result reads from the tables of the model it was begun from, which
        # CatBoost does not keep alive: while `before` lives, it is written out and read anew.
        continued._object = continued.copy()._object
        fitted = {name: value for name, value in vars(continued).items() if name not in _PARAMS}
        vars(model).update(fitted)


def _stops_early(params):
    own = params.get("eval_fraction")  # CatBoost holds the rows out itself
    return not own and any(params.get(name) for name in _EARLY_STOPPING)


def _name_in(params, names):
    """Return the synonym that is in use; CatBoost raises if it is given two."""
    return next((name for name in names if name in params), names[0])


# Where CatBoost keeps the parameters; set_params raises once a model is fitted.
_PARAMS = ("_init_params", "_canonized_params")

_ADAPTER = CatBoostAdapter()
ADAPTERS = dict.fromkeys(_CLASSES, _ADAPTER)
