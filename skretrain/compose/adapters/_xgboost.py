"""XGBoost: more rounds by ``xgb_model``; at the cap, leaves estimated anew on the new rows."""

import numpy as np

from ._base import set_for_now
from ._boosting import BoostingAdapter, foreign_fit, moved_seed, shallow_copy
from ._early_stopping import StopsEarly

_CLASSIFIERS = ("xgboost.XGBClassifier", "xgboost.XGBRFClassifier")


def _why_stopped_early(estimator):
    """Return by what parameter a fit is stopped early; empty if by none."""
    if estimator.early_stopping_rounds is not None:
        return "early_stopping_rounds"
    callbacks = estimator.callbacks or ()
    by_callback = any(type(callback).__name__ == "EarlyStopping" for callback in callbacks)
    return "the callback EarlyStopping" if by_callback else ""


class _StopsEarly(StopsEarly):
    per_row = {
        "sample_weight": "sample_weight_eval_set",
        "base_margin": "base_margin_eval_set",
    }

    def stops_early(self):
        return bool(_why_stopped_early(self))

    def held_out(self, X, y, of_rows, params):
        # With rows held out, fit would print a line per round.
        quiet = {"verbose": params.get("verbose", False)}
        return {**super().held_out(X, y, of_rows, params), **quiet}


class _AnyLabels(_StopsEarly):
    """Before a classifier: its ``fit`` takes labels 0 to n - 1 only, this takes any.

    While the labels are those, the fitted classifier goes back to its own class.
    """

    _labels = None

    def fitted_around(self, fit, X, y, params):
        self._labels = None
        labels = np.unique(np.asarray(y))
        if np.ndim(y) > 1 or np.array_equal(labels, np.arange(len(labels))):
            del self._labels
            return super().fitted_around(fit, X, y, params)
        params = dict(params)
        if params.get("eval_set") is not None:
            params["eval_set"] = [
                (held_X, np.searchsorted(labels, held_y)) for held_X, held_y in params["eval_set"]
            ]
        super().fitted_around(fit, X, np.searchsorted(labels, y), params)
        self._labels = labels
        return self

    def stays_mended(self):
        return self._labels is not None

    def of_its_library(self):
        plain = super().of_its_library()
        return plain._replace(labels=vars(plain.estimator).pop("_labels", None))

    @property
    def classes_(self):
        """The labels, an ndarray of shape (n_classes,)."""
        return super().classes_ if self._labels is None else self._labels

    def predict(self, X, *, output_margin=False, **params):
        """Predict labels; see the class behind.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        output_margin : bool, default=False
            Whether the raw outputs are returned instead.
        **params : object
            Handed on.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels.
        """
        predicted = super().predict(X, output_margin=output_margin, **params)
        if output_margin or self._labels is None:
            return predicted
        # Fitted on a single class, XGBoost still has a second one in mind.
        return self._labels.take(predicted, mode="clip")

    def predict_proba(self, X, *args, **params):
        """Predict probabilities; see the class behind.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        *args, **params : object
            Handed on.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            One column per label.
        """
        proba = super().predict_proba(X, *args, **params)
        if self._labels is None or len(self._labels) > 1:
            return proba
        return np.ones_like(proba[:, :1])


class XGBoostAdapter(BoostingAdapter):
    """Continue a classifier or regressor of XGBoost.

    Rows may lack classes. At the cap, the updater ``refresh`` keeps the structure of the trees and
    estimates each leaf on the rows alone; a leaf without rows becomes 0.
    """

    mixin = _StopsEarly
    mends = ("xgboost.XGBModel",)

    def freezable(self, estimator):
        return ["trees"]

    def n_kept(self, model):
        best = model.get_booster().attr("best_iteration")
        return None if best is None else int(best) + 1

    def why_not(self, estimator):
        name = type(estimator).__name__
        stopped_by = _why_stopped_early(estimator)
        if stopped_by:
            return f"{name} with {stopped_by} needs rows to stop by"
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
        labels = getattr(model, "_labels", None)
        y = y if labels is None else np.searchsorted(labels, y)
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


class XGBoostClassifierAdapter(XGBoostAdapter):
    """Continue a classifier of XGBoost, whatever its labels."""

    mixin = _AnyLabels
    mends = _CLASSIFIERS


ADAPTERS = {
    "xgboost.XGBClassifier": XGBoostClassifierAdapter(),
    "xgboost.XGBRegressor": XGBoostAdapter(),
}
