"""Clones of estimators whose constructors copy their arguments."""

import joblib
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skretrain.utils._clone import cloned


class Copies(BaseEstimator):
    """Keeps copies, as CatBoost does."""

    def __init__(self, values=None):
        self.values = values

    def get_params(self, deep=True):
        return {"values": type(self.values)(self.values)}

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Changes(BaseEstimator):
    """Keeps another value."""

    def __init__(self, values=None):
        self.values = [*values, 0]


VALUES = [[2, 1], {"x": 1}, {"x": [1, 2]}]


@pytest.mark.parametrize("values", VALUES, ids=str)
@pytest.mark.parametrize(
    "inside",
    [
        lambda part: part,
        lambda part: make_pipeline(StandardScaler(), part),
        lambda part: TransformedTargetRegressor(make_pipeline("passthrough", part)),
        lambda part: make_pipeline(ColumnTransformer([("a", Copies([1]), [0])]), part),
    ],
    ids=["itself", "pipeline", "nested", "twice"],
)
def test_copies_with_the_same_content_are_clones(values, inside):
    """At any depth, of lists and dicts; nothing that was fitted comes along."""
    estimator = inside(Copies(values))
    with pytest.raises(RuntimeError, match="Cannot clone"):
        clone(estimator)
    mine = cloned(estimator)
    assert type(mine) is type(estimator)
    assert joblib.hash(str(mine.get_params())) == joblib.hash(str(estimator.get_params()))
    mine_parts = [part for part in mine.get_params().values() if isinstance(part, BaseEstimator)]
    parts = [part for part in estimator.get_params().values() if isinstance(part, BaseEstimator)]
    assert not {id(part) for part in parts} & {id(part) for part in mine_parts}


def test_what_was_fitted_stays_behind():
    """And the output container and metadata requests come along."""
    inner = StandardScaler().set_output(transform="pandas")
    with config_context(enable_metadata_routing=True):
        inner.set_fit_request(sample_weight=True)
    pipeline = make_pipeline(inner, Copies([1])).set_output(transform="pandas")
    pipeline[-1].fit(None)
    pipeline._skl_callbacks = []
    mine = cloned(pipeline)
    assert not hasattr(mine[-1], "fitted_")
    assert mine[0]._sklearn_output_config == {"transform": "pandas"}
    assert mine[0]._metadata_request.fit.requests == {"sample_weight": True}
    assert mine._skl_callbacks is pipeline._skl_callbacks
    scaled = Copies([1])
    scaled._sklearn_output_config = {"transform": "pandas"}
    assert cloned(scaled)._sklearn_output_config == {"transform": "pandas"}


@pytest.mark.parametrize("estimator", [Changes([1]), make_pipeline(Copies([1]), Changes([1]))])
def test_a_changed_argument_is_named(estimator):
    """The content decides."""
    with pytest.raises(
        RuntimeError, match=r"changes the parameter values.*\[1, 0\] and is \[1, 0, 0\]"
    ):
        cloned(estimator)


def test_what_scikit_learn_clones_is_its_clone():
    """Classes and functions among the parameters are handed on."""
    assert cloned(Ridge(alpha=3)).alpha == 3
    transformer = FunctionTransformer(np.log1p, kw_args={"out": None})
    assert cloned(transformer).func is np.log1p
    assert cloned(make_pipeline(transformer, Copies([Ridge]))).steps[-1][1].values == [Ridge]
    with pytest.raises(TypeError, match="instance"):
        cloned(Ridge)
