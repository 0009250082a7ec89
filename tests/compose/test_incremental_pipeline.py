"""IncrementalPipeline is scikit-learn's Pipeline, and a partial_fit."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import Rings, as_typed, assert_same_outputs, feed, fingerprint, stream
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, Normalizer, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from skretrain import DriftAwareRetrainer
from skretrain.compose import IncrementalPipeline, make_incremental_pipeline, partial_fit

X, Y = stream(300)


def sgd():
    return SGDClassifier(random_state=0)


def piped(last, scaler=None):
    return IncrementalPipeline([("scale", scaler or StandardScaler()), ("last", last)])


FAST = [
    piped(sgd()),
    piped(GaussianNB()),
    piped(SGDRegressor(random_state=0)),
    piped(IncrementalPCA(1)),
]
LONG = [
    piped(MultinomialNB(), MinMaxScaler(clip=True)),
    piped(BernoulliNB()),
    piped(Perceptron(random_state=0)),
    piped(MLPClassifier(random_state=0)),
    piped(MLPRegressor(random_state=0)),
    piped(LogisticRegression()),
    # Forests and scalers let NaN through, and the tags of a Pipeline do not say so.
    piped(RandomForestClassifier(5, random_state=0), Normalizer()),
    piped(MiniBatchKMeans(random_state=0, n_init=1)),
    piped(SGDClassifier(loss="hinge", penalty=None, average=True, random_state=0)),
    IncrementalPipeline([("first", FunctionTransformer()), ("inner", piped(sgd()))]),
]


# What scikit-learn expects of its own Pipeline, too, in its list of known failures.
IN_PLACE = dict.fromkeys(
    ("check_dont_overwrite_parameters", "check_estimators_overwrite_params"),
    "a Pipeline fits its steps in place, so that its parameter `steps` changes",
)


@pytest.mark.filterwarnings("ignore")  # scikit-learn's checks warn on purpose, as they do for it
@pytest.mark.parametrize(
    "pipeline",
    [*FAST, *(pytest.param(pipeline, marks=pytest.mark.slow) for pipeline in LONG)],
    ids=lambda pipeline: type(pipeline[-1]).__name__,
)
@pytest.mark.no_cover
def test_no_check_of_scikit_learn_fails_that_its_pipeline_passes(pipeline):
    """Nor is any skipped that has something to check."""
    results = check_estimator(pipeline, expected_failed_checks=IN_PLACE, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed <= set(IN_PLACE)
    assert sum(result["status"] == "passed" for result in results) >= 35


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (sgd(), ""),
        (LogisticRegression(), ""),
        (RandomForestClassifier(), ""),
        (DecisionTreeClassifier(), "neither partial_fit nor warm_start"),
        (SGDClassifier(early_stopping=True), "early_stopping=True"),
        (FrozenEstimator(GaussianNB().fit(X, Y)), "never changed"),
        ("passthrough", ""),
        (PCA(), "no step of it|neither"),
    ],
    ids=as_typed,
)
def test_it_has_partial_fit_if_its_plan_can_be_carried_out(last, reason):
    """As everywhere in scikit-learn, what cannot be done is not there; the error says why."""
    pipeline = piped(last)
    assert hasattr(pipeline, "partial_fit") == (not reason)
    if reason:
        with pytest.raises(AttributeError) as raised:
            pipeline.partial_fit(X, Y)
        assert any(word in str(raised.value.__cause__) for word in reason.split("|"))


@pytest.mark.parametrize("junk", [[], "junk", None, [("one", 1)], [1, 2]], ids=as_typed)
def test_junk_is_for_fit_to_complain_about(junk):
    """Asking what it can do never raises anything else than scikit-learn's own pipeline."""
    try:
        expected = hasattr(Pipeline(junk), "transform")
    except Exception as error:
        with pytest.raises(type(error)):
            hasattr(IncrementalPipeline(junk), "partial_fit")
    else:
        assert hasattr(IncrementalPipeline(junk), "partial_fit") <= (not expected)


def test_it_is_the_function_as_a_method():
    """First batch, classes, weights by step."""
    mine, theirs = piped(sgd()), Pipeline([("scale", StandardScaler()), ("last", sgd())])
    weight = np.arange(100.0) % 3
    for start in range(0, 300, 100):
        batch = slice(start, start + 100)
        mine.partial_fit(X[batch], Y[batch], classes=[0, 1, 2], last__sample_weight=weight)
        partial_fit(theirs, X[batch], Y[batch], [0, 1, 2], last__sample_weight=weight)
    assert_same_outputs(mine, theirs, X)
    assert mine.classes_.tolist() == [0, 1, 2]
    assert mine.partial_fit(X, Y) is mine


def test_all_else_is_a_pipeline():
    """Fitted at once, it is the pipeline that it inherits from."""
    steps = [("scale", StandardScaler()), ("last", sgd())]
    mine, theirs = (kind(steps) for kind in (IncrementalPipeline, Pipeline))
    assert_same_outputs(clone(mine).fit(X, Y), clone(theirs).fit(X, Y), X)
    assert mine.get_params().keys() == theirs.get_params().keys()


@pytest.mark.parametrize("again", [clone, lambda m: pickle.loads(pickle.dumps(m))], ids=as_typed)
def test_copies_learn_the_same(again):
    """An unfitted copy from the start; a pickle from where it stands."""
    pipeline = piped(sgd())
    one, other = again(pipeline), pipeline
    for model in (one, other):
        model.partial_fit(X[:100], Y[:100]).partial_fit(X[100:], Y[100:])
    assert fingerprint(one) == fingerprint(other)
    resumed = pickle.loads(pickle.dumps(piped(sgd()).partial_fit(X[:100], Y[:100])))
    assert_same_outputs(resumed.partial_fit(X[100:], Y[100:]), one, X)


def test_slices_are_incremental_pipelines():
    pipeline = make_incremental_pipeline(StandardScaler(), IncrementalPCA(2), sgd())
    pipeline.partial_fit(X, Y)
    front = pipeline[:-1]
    assert type(front) is IncrementalPipeline
    assert front[0] is pipeline[0]
    np.testing.assert_array_equal(front.transform(X), pipeline[:2].transform(X))
    front.partial_fit(X)
    assert front[-1].n_samples_seen_ == 600


@pytest.mark.parametrize("kind", ["pandas", "default"])
def test_set_output_holds_from_the_first_batch_on(kind):
    """Names of columns reach the predictor, and are checked there."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_incremental_pipeline(StandardScaler(), sgd()).set_output(transform=kind)
    pipeline.partial_fit(frame[:100], Y[:100]).partial_fit(frame[100:], Y[100:])
    assert hasattr(pipeline[-1], "feature_names_in_") == (kind == "pandas")
    assert list(pipeline.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        pipeline.partial_fit(frame[list("dcba")], Y)


def test_text_goes_through():
    """Rows as a list of str."""
    text = ["good morning", "bad night"] * 20
    labels = np.array([1, 0] * 20)
    pipeline = make_incremental_pipeline(HashingVectorizer(n_features=32), sgd())
    for _ in range(3):
        pipeline.partial_fit(text, labels, classes=[0, 1])
    assert pipeline.predict(["good morning", "bad night"]).tolist() == [1, 0]


def test_in_a_grid_search():
    """Parameters of steps are found by name; what was found goes on learning."""
    search = GridSearchCV(piped(sgd()), {"last__alpha": [1e-4, 1.0]}, cv=2).fit(X, Y)
    plain = Pipeline(piped(sgd()).steps)
    other = GridSearchCV(plain, {"last__alpha": [1e-4, 1.0]}, cv=2).fit(X, Y)
    assert search.best_params_ == other.best_params_
    search.best_estimator_.partial_fit(X, Y)
    partial_fit(other, X, Y)
    assert_same_outputs(search, other, X)


@pytest.mark.parametrize("policy", ["full_refit", "warm_start", "replay_mix"])
def test_in_a_retrainer_it_is_the_plain_pipeline(policy):
    def kept(kind):
        steps = [("scale", StandardScaler()), ("last", sgd())]
        model = DriftAwareRetrainer(kind(steps), detector=Rings([150]), policy=policy)
        return feed(model.fit(X[:100], Y[:100]), X, Y, 50, 100)

    mine, theirs = kept(IncrementalPipeline), kept(Pipeline)
    assert_same_outputs(mine, theirs, X)
    assert mine.events_.counts == theirs.events_.counts


def test_names_and_parameters_of_the_maker():
    pipeline = make_incremental_pipeline(
        StandardScaler(), StandardScaler(), sgd(), verbose=True, transform_input=["a"], memory="x"
    )
    names = [name for name, _ in pipeline.steps]
    assert names == ["standardscaler-1", "standardscaler-2", "sgdclassifier"]
    assert (pipeline.verbose, pipeline.transform_input, pipeline.memory) == (True, ["a"], "x")
