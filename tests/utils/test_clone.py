"""Clones of estimators whose constructors copy their arguments."""

import joblib
import numpy as np
import pytest
from helpers import stream
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit, make_mixture
from skretrain.drift import Periodic
from skretrain.model_selection import RetrainMatrix, compare_policies, prequential_validate
from skretrain.utils._clone import check_apart, cloned, cloned_apart, differing_params


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


class CopyingBayes(GaussianNB):
    """Learns as its parent does, and keeps a copy of what it is given besides."""

    def __init__(self, values=None):
        super().__init__()
        self.values = values

    def get_params(self, deep=True):
        return {"values": list(self.values or [])}


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


X, Y = stream(500, drift=250)
RETRAINERS = {
    "drift": lambda base: DriftAwareRetrainer(base, detector=Periodic(120), update=None),
    "replay": ReplayPartialFit,
    "mixture": lambda base: MixtureRetrainer([("a", DriftAwareRetrainer(base))]),
    "made": lambda base: make_mixture(base),
    "pipeline": lambda base: DriftAwareRetrainer(make_pipeline(StandardScaler(), base)),
}


@pytest.mark.parametrize("make", RETRAINERS.values(), ids=RETRAINERS)
@pytest.mark.no_cover
def test_a_base_that_copies_its_arguments_is_kept_fresh_like_any_other(make):
    """By itself, cloned, and searched over."""
    copying, plain = make(CopyingBayes([1])), make(GaussianNB())
    for prepare in (lambda model: model, clone, lambda model: clone(clone(model))):
        answers = [
            prepare(model).fit(X[:100], Y[:100]).partial_fit(X[100:], Y[100:]).predict(X)
            for model in (copying, plain)
        ]
        np.testing.assert_array_equal(*answers)
    search = GridSearchCV(copying, {}, cv=3).fit(X, Y)
    assert search.best_score_ == GridSearchCV(plain, {}, cv=3).fit(X, Y).best_score_


@pytest.mark.parametrize("name", ["drift", "replay", "mixture", "made"])
def test_metadata_reaches_a_base_that_copies_its_arguments(name):
    """Requests are read from clones, too."""
    with config_context(enable_metadata_routing=True):
        asking = CopyingBayes([1]).set_fit_request(sample_weight=True)
        RETRAINERS[name](asking).fit(X, Y, sample_weight=np.ones(len(Y)))


@pytest.mark.no_cover
def test_evaluators_take_a_base_that_copies_its_arguments():
    """What they report is what they report of a plain one."""
    bases = [CopyingBayes([1]), GaussianNB()]
    retrainers = [DriftAwareRetrainer(base) for base in bases]
    runs = [prequential_validate(model, X, Y, initial_size=100) for model in retrainers]
    np.testing.assert_array_equal(runs[0].y_pred, runs[1].y_pred)
    losses = [clone(RetrainMatrix(base, chunk=100)).fit(X, Y).losses_ for base in bases]
    np.testing.assert_array_equal(*losses)
    results = [compare_policies(base, X, Y, random_state=0) for base in bases]
    np.testing.assert_array_equal(results[0].oracle["score"], results[1].oracle["score"])


class KeepsAFile(BaseEstimator):
    """Its clones share what stands in a file."""

    def __init__(self, file=None):
        self.file = file

    @property
    def _shared_by_clones(self):
        return None if self.file is None else "file"


def test_what_clones_share_is_named_with_the_way_out_at_any_depth():
    check_apart(KeepsAFile())
    check_apart("no estimator")
    cloned_apart(make_pipeline(StandardScaler(), KeepsAFile()))
    with pytest.raises(ValueError, match=r"KeepsAFile\(file='a'\).*\.set_params\(file=None\)"):
        check_apart(KeepsAFile("a"))
    inner = make_pipeline(make_pipeline(StandardScaler(), KeepsAFile("a")))
    with pytest.raises(ValueError, match=r"set_params\(pipeline__keepsafile__file=None\)"):
        cloned_apart(inner)


class Net:
    """What a model of Keras is asked for; no two are the same."""

    def __init__(self):
        self.name = object()

    def get_compile_config(self):
        return {}


class Holds(BaseEstimator):
    """It has a parameter of any kind."""

    def __init__(self, value=None):
        self.value = value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.0),
        (None, 1),
        ([1, 2], [1, 3]),
        ([1, 2], [1, 2, 3]),
        ([1], (1,)),
        (np.arange(3), np.arange(3.0)),
        (Ridge, GaussianNB),
        (Ridge(), GaussianNB()),
        ({"a": [1]}, {"a": [2]}),
        ([("a", Ridge())], [("a", GaussianNB())]),
    ],
)
def test_parameters_of_another_content_are_named(one, other):
    assert differing_params(Holds(one), Holds(other))[0] == "value"
    assert differing_params(make_pipeline(Holds(one)), make_pipeline(Holds(other)))[0] == (
        "holds__value"
    )


@pytest.mark.parametrize(
    "value",
    [
        np.nan,
        np.arange(3),
        Ridge,
        Ridge(),
        [("a", Ridge(2.0)), (1, None)],
        {"a": np.ones(2), "b": {"c": 1}},
        Net(),
        lambda: 1,
    ],
)
def test_a_clone_has_the_same_parameters_however_it_was_made(value):
    other = Net() if isinstance(value, Net) else clone(Holds(value)).value
    assert differing_params(Holds(value), Holds(other)) == []


def test_a_parameter_that_is_there_once_only_differs():
    """But not those of an estimator that is another one altogether."""
    assert differing_params(Holds(Ridge()), Holds(GaussianNB())) == ["value"]
    one, other = make_pipeline(Ridge()), make_pipeline(GaussianNB(), Ridge())
    assert differing_params(one, other) == differing_params(other, one) == ["gaussiannb", "steps"]
