"""Every public method of the base works on the retrainer, or is absent."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import stream
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skretrain import DriftAwareRetrainer

X, Y = stream(400, n_classes=3)


def fitted(base, **params):
    return DriftAwareRetrainer(base, **params).fit(X[:300], Y[:300])


@pytest.mark.parametrize(
    "base", [LinearDiscriminantAnalysis(), KMeans(3, n_init=1, random_state=0)]
)
def test_a_predictor_that_transforms_does_all_that_a_transformer_does(base):
    model = DriftAwareRetrainer(base)
    transformed = model.fit_transform(X[:300], Y[:300])
    own = model.estimator_
    np.testing.assert_array_equal(transformed, own.transform(X[:300]))
    names = own.get_feature_names_out()
    assert model.get_feature_names_out().tolist() == names.tolist()
    frame = model.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert isinstance(model.partial_fit(X[300:], Y[300:]).transform(X), pd.DataFrame)
    assert isinstance(
        DriftAwareRetrainer(base).set_output(transform="default").fit(X, Y).transform(X), np.ndarray
    )


def test_transformers_in_a_pipeline_go_back_too():
    model = DriftAwareRetrainer(make_pipeline(StandardScaler(), PCA(2)), detector=None).fit(X)
    back = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(
        back, model.estimator_.inverse_transform(model.estimator_.transform(X))
    )


@pytest.mark.parametrize("name", ["inverse_transform", "fit_transform", "set_output", "transform"])
def test_what_the_base_has_not_is_absent(name):
    for model in (DriftAwareRetrainer(LogisticRegression()), fitted(LogisticRegression())):
        assert not hasattr(model, name)


@pytest.mark.parametrize("base", [GaussianProcessRegressor(alpha=0.01), BayesianRidge()])
def test_arguments_of_predict_are_passed_on(base):
    model = DriftAwareRetrainer(base).fit(X[:300], X[:300, 0])
    for ours, own in zip(
        model.predict(X, return_std=True), model.estimator_.predict(X, return_std=True), strict=True
    ):
        np.testing.assert_array_equal(ours, own)
    with pytest.raises(TypeError, match="nonsense"):
        model.predict(X, nonsense=True)


@pytest.mark.no_cover
def test_arguments_of_predict_proba_give_what_the_base_gives():
    """Margins and contributions have their own columns, also where a class is missing."""
    model = fitted(lightgbm.LGBMClassifier(n_estimators=4, verbose=-1))
    model.partial_fit(X[300:310], Y[300:310], classes=[0, 1, 2, 3])
    assert model.predict_proba(X).shape == (400, 4)
    for argument in ("raw_score", "pred_contrib"):
        np.testing.assert_array_equal(
            model.predict_proba(X, **{argument: True}),
            model.estimator_.predict_proba(X, **{argument: True}),
        )


class AddsShift(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X, shift=None):
        return np.zeros(len(X)) if shift is None else shift


def test_with_routing_an_argument_of_predict_is_one_that_the_base_requests():
    shift = np.arange(400)
    with sklearn.config_context(enable_metadata_routing=True):
        asks = fitted(AddsShift().set_predict_request(shift=True), detector=None)
        np.testing.assert_array_equal(asks.predict(X, shift=shift), shift)
        silent = fitted(AddsShift(), detector=None)
        with pytest.raises(ValueError, match="not explicitly set as requested"):
            silent.predict(X, shift=shift)


def test_rows_that_cannot_be_read_raise_as_before_and_the_error_knows_a_way():
    frame = pd.DataFrame({"c": ["a", "b"] * 200, "x": X[:, 0]})
    base = make_pipeline(OneHotEncoder(), LogisticRegression())
    model = DriftAwareRetrainer(base, detector=None).fit(frame[["c"]], Y)
    with pytest.raises(ValueError, match="unknown categories") as caught:
        model.predict(pd.DataFrame({"c": ["new"]}))
    assert "partial_fit with their labels" in caught.value.__notes__[0]


@pytest.mark.no_cover
def test_scikit_learn_finds_a_transformer_that_predicts_in_order():
    check_estimator(DriftAwareRetrainer(LinearDiscriminantAnalysis()), on_skip=None)
