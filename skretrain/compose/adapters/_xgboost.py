"""XGBoost: more rounds by ``xgb_model``; at the cap, leaves estimated anew on the new rows."""

from ._base import set_for_now
from ._boosting import BoostingAdapter, foreign_fit, moved_seed, shallow_copy


class XGBoostAdapter(BoostingAdapter):
    """Continue a classifier or regressor of XGBoost.

    Rows may lack classes. At the cap, the updater ``refresh`` keeps the structure of the trees and
    estimates each leaf on the rows alone; a leaf without rows becomes 0.
    """

    def why_not(self, estimator):
        name = type(estimator).__name__
        if estimator.early_stopping_rounds is not None:
            return f"{name} with early_stopping_rounds needs rows to stop by"
        if estimator.booster == "gblinear":
            return f"{name} with booster='gblinear' has no trees to add to"
        if callable(estimator.objective) and hasattr(estimator, "predict_proba"):
            return f"{name} with an objective of one's own is not known to go on"
        return foreign_fit(estimator, "xgboost.XGBClassifier", "xgboost.XGBModel")

    def n_asked(self, estimator):
        return estimator.get_num_boosting_rounds()

    def n_fitted(self, model):
        return model.get_booster().num_boosted_rounds()

    def refusal(self, model, y, effort):
        # The attribute outlives a continuation, and predict would pass over the new rounds.
        if model.get_booster().attr("best_iteration") is not None:
            return f"{type(model).__name__} was stopped early, and predicts with its best rounds"
        return super().refusal(model, y, effort)

    def why_no_new_leaves(self, model):
        if model.monotone_constraints:
            return "leaves estimated anew would not heed its monotone constraints"
        if model.multi_strategy == "multi_output_tree":
            return "XGBoost cannot refresh the leaves of trees with several outputs"
        return ""

    def update(self, model, X, y, params, effort):
        # The fit of XGBClassifier would learn the classes anew, from the rows; that of XGBModel
        # takes the number of classes from the booster.
        from xgboost import XGBModel

        n_more = self.n_more(model, effort)
        if not n_more:
            _refresh(model, X, y, params)
            return
        seed = moved_seed(model.random_state, self.n_fitted(model))
        with set_for_now(model, n_estimators=n_more, random_state=seed):
            XGBModel.fit(model, X, y, xgb_model=model.get_booster(), **params)


def _refresh(model, X, y, params):
    from xgboost import Booster, XGBModel

    refreshed = shallow_copy(model)
    refreshed.n_estimators = model.get_booster().num_boosted_rounds()
    refreshed.tree_method = (
        "approx"  # so that rows are kept as they are: quantiles cannot be refreshed
    )
    refreshed.verbosity = 0  # XGBoost warns of any updater named
    refreshed.kwargs = {
        **(getattr(model, "kwargs", None) or {}),
        "process_type": "update",
        "updater": "refresh",
        "refresh_leaf": True,
    }
    XGBModel.fit(refreshed, X, y, xgb_model=model.get_booster(), **params)
    # Trees only: the configuration still says process_type="update".
    model._Booster = Booster(model.get_xgb_params(), model_file=refreshed.get_booster().save_raw())


_ADAPTER = XGBoostAdapter()
ADAPTERS = {"xgboost.XGBClassifier": _ADAPTER, "xgboost.XGBRegressor": _ADAPTER}
