"""Gradient boosting of scikit-learn: more rounds by ``warm_start``."""

from ...utils._copy import copy_fitted
from ...utils._sklearn_api import beginning_at_its_predictions
from ._base import set_for_now
from ._boosting import BoostingAdapter


class GradientBoostingAdapter(BoostingAdapter):
    """Continue ``GradientBoostingClassifier`` or ``GradientBoostingRegressor``.

    Early stopping is off meanwhile: scikit-learn would compare the first new round with the
    validation loss of the first round of all.
    """

    needs_all_classes = True

    def n_asked(self, estimator):
        return estimator.n_estimators

    def n_fitted(self, model):
        return model.n_estimators_

    def update(self, model, X, y, params, effort):
        n_rounds = model.n_estimators_ + self.n_more(model, effort)
        with set_for_now(model, warm_start=True, n_estimators=n_rounds, n_iter_no_change=None):
            model.fit(X, y, **params)


class HistGradientBoostingAdapter(BoostingAdapter):
    """Continue ``HistGradientBoostingClassifier`` or ``HistGradientBoostingRegressor``.

    New rounds begin at what the model predicts for the rows. By itself, ``warm_start`` begins
    elsewhere unless the rows are those of the first fit. Early stopping is off meanwhile, so that
    all rows are learned from.
    """

    needs_all_classes = True

    def n_asked(self, estimator):
        return estimator.max_iter

    def n_fitted(self, model):
        return model.n_iter_

    def refusal(self, model, y, effort):
        if model.is_categorical_ is not None:
            name = type(model).__name__
            return f"{name} has categorical features, which each fit encodes anew"
        return super().refusal(model, y, effort)

    def copied(self, model):
        return copy_fitted(model)  # it appends to its list of trees

    def update(self, model, X, y, params, effort):
        n_rounds = model.n_iter_ + self.n_more(model, effort)
        with (
            beginning_at_its_predictions(model, X),
            set_for_now(model, warm_start=True, max_iter=n_rounds, early_stopping=False),
        ):
            model.fit(X, y, **params)


_GRADIENT, _HISTOGRAM = GradientBoostingAdapter(), HistGradientBoostingAdapter()
ADAPTERS = {
    "sklearn.GradientBoostingClassifier": _GRADIENT,
    "sklearn.GradientBoostingRegressor": _GRADIENT,
    "sklearn.HistGradientBoostingClassifier": _HISTOGRAM,
    "sklearn.HistGradientBoostingRegressor": _HISTOGRAM,
}
