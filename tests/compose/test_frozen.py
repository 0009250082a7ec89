"""Trap 19: what is frozen stays frozen, through every way in which models are made and changed."""

import joblib
import numpy as np
import pytest
from helpers import Rings, as_typed, batches, feed, stream
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows
from skretrain.compose import explain_plan, partial_fit
from skretrain.compose._learner import Learner
from skretrain.policies import FullRefit, WarmStart

X, Y = stream(400, drift=200)
ROWS = Rows(X[100:200], Y[100:200], {}, np.arange(100, 200))


def sgd():
    return SGDClassifier(random_state=0)


def frozen_front(frozen):
    """Return pipelines with a frozen transformer in all the places where one may be."""
    table = [("f", frozen, [0, 1, 2, 3]), ("s", StandardScaler(), [0])]
    return [
        Pipeline([("f", frozen), ("c", sgd())]),
        Pipeline([("t", ColumnTransformer(table)), ("c", sgd())]),
        Pipeline([("u", FeatureUnion([("f", frozen), ("p", PCA(2))])), ("c", sgd())]),
        make_pipeline(StandardScaler(), make_pipeline(frozen, StandardScaler(), sgd())),
    ]


PLACES = range(4)


def frozen_scaler():
    """Return a frozen scaler and its hash."""
    scaler = StandardScaler().fit(X[:50])
    return FrozenEstimator(scaler), joblib.hash(scaler)


@pytest.mark.parametrize("place", PLACES)
def test_a_frozen_part_stays_through_partial_fit(place):
    """The very object, whether the first batch fits the pipeline or fit does."""
    frozen, before = frozen_scaler()
    for model in frozen_front(frozen)[place], frozen_front(frozen)[place].fit(X[:60], Y[:60]):
        for batch in batches(400, 100):
            partial_fit(model, X[batch], Y[batch])
        assert joblib.hash(frozen.estimator) == before


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("policy", ["full_refit", "warm_start", "replay_mix"])
@pytest.mark.no_cover
def test_a_frozen_part_stays_through_retraining(place, policy):
    """Fit, updates, refits after an alarm: all candidates share it, as scikit-learn's clones do."""
    frozen, before = frozen_scaler()
    model = DriftAwareRetrainer(
        frozen_front(frozen)[place], detector=Rings([250]), policy=policy, batch_size=50
    )
    feed(model.fit(X[:200], Y[:200]), X, Y, 50, 200)
    assert model.n_alarms_ == 1
    assert model.events_.counts["updated"]
    assert joblib.hash(frozen.estimator) == before
    assert shares(model.estimator_, frozen)


def shares(model, frozen):
    """Tell whether a fitted composed estimator uses the frozen model."""
    parts = [model]
    while parts:
        part = parts.pop()
        if isinstance(part, FrozenEstimator):
            return part.estimator is frozen.estimator
        parts += [step for _, step in getattr(part, "steps", ())]
        parts += [step for _, step, _ in getattr(part, "transformers_", ())]
        parts += [step for _, step in getattr(part, "transformer_list", ())]
    return False


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.no_cover
def test_a_frozen_part_stays_through_clones_and_searches(place):
    frozen, before = frozen_scaler()
    pipeline = frozen_front(frozen)[place]
    search = GridSearchCV(pipeline, {}, cv=2).fit(X[:200], Y[:200])
    partial_fit(search, X[200:], Y[200:])
    retrainer = DriftAwareRetrainer(pipeline, batch_size=100)
    GridSearchCV(retrainer, {"update": [None, "warm_start"]}, cv=2).fit(X, Y)
    partial_fit(clone(pipeline), X, Y)
    assert joblib.hash(frozen.estimator) == before


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (FrozenEstimator(sgd().fit(X, Y)), "a FrozenEstimator is never changed"),
        (make_pipeline(StandardScaler(), FrozenEstimator(sgd().fit(X, Y))), "is never changed"),
        (OneVsRestClassifier(FrozenEstimator(sgd().fit(X, Y))), "has a frozen part"),
        (
            make_pipeline(StandardScaler(), OneVsRestClassifier(FrozenEstimator(sgd().fit(X, Y)))),
            "has a frozen part",
        ),
        (GridSearchCV(FrozenEstimator(sgd().fit(X, Y)), {}), "is never changed"),
    ],
    ids=as_typed,
)
def test_a_frozen_predictor_is_refused(estimator, reason):
    """FrozenEstimator hands partial_fit on to its model, which all of its clones share."""
    before = joblib.hash(estimator)
    assert hasattr(estimator, "partial_fit") or hasattr(estimator, "fit")
    with pytest.raises(ValueError, match=reason):
        partial_fit(estimator, X, Y)
    assert joblib.hash(estimator) == before
    assert reason in explain_plan(estimator).why_not


def test_a_frozen_base_is_refused():
    with pytest.raises(ValueError, match=r"FrozenEstimator\(\.\.\.\) cannot be retrained"):
        Learner(FrozenEstimator(sgd().fit(X, Y)))


# -- frozen by the plan ----------------------------------------------------------------------------

PIPELINE = Pipeline([("p", PCA(3)), ("s", StandardScaler()), ("c", sgd())])


def test_what_the_plan_freezes_is_constant_through_partial_fit():
    model = clone(PIPELINE).fit(X[:60], Y[:60])
    before = [joblib.hash(step) for _, step in model.steps]
    partial_fit(model, X[60:], Y[60:])
    after = [joblib.hash(step) for _, step in model.steps]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False]
    partial_fit(model, X[60:], Y[60:], steps={"s": "freeze"})
    assert joblib.hash(model["s"]) == after[1]
    assert joblib.hash(model["c"]) != after[2]


def test_what_the_plan_freezes_is_renewed_by_a_refit():
    """Between alarms it is the same object in every model; the answer to an alarm is a new one."""
    model = DriftAwareRetrainer(
        PIPELINE,
        detector=Rings([250]),
        policy=FullRefit(grow=False),
        update=WarmStart(steps={"s": "freeze"}),
        batch_size=50,
    )
    model.fit(X[:100], Y[:100])
    first = model.estimator_
    feed(model, X, Y, 50, 100, 250)
    assert model.estimator_["p"] is first["p"]
    assert model.estimator_["s"] is first["s"]
    assert model.estimator_["c"] is not first["c"]
    feed(model, X, Y, 50, 250)
    assert joblib.hash(model.estimator_["p"]) != joblib.hash(first["p"])


def test_copies_share_frozen_steps_and_nothing_that_changes():
    """Frozen is shared by identity; what learns shares no array with the serving model."""
    base = Pipeline(
        [
            (
                "t",
                ColumnTransformer(
                    [("p", PCA(1), [0, 1]), ("s", StandardScaler(), [2, 3]), ("d", "drop", [0])]
                ),
            ),
            ("c", sgd()),
        ]
    )
    learner = Learner(base)
    model = learner.fresh(Rows(X[:100], Y[:100], {}, np.arange(100)), 0)
    before = joblib.hash(model)
    twin = learner.continued(model, ROWS)
    assert joblib.hash(model) == before
    mine, theirs = model["t"].named_transformers_, twin["t"].named_transformers_
    assert mine["p"] is theirs["p"]
    for one, other in ((mine["s"], theirs["s"]), (model["c"], twin["c"]), (model["t"], twin["t"])):
        assert one is not other
    for name, value in vars(model["c"]).items():
        if isinstance(value, np.ndarray) and name != "classes_":
            assert not np.shares_memory(value, getattr(twin["c"], name)), name
    assert not np.shares_memory(mine["s"].mean_, theirs["s"].mean_)


def test_a_rescaler_before_a_frozen_model_leaves_its_weights_alone():
    """They are those of the serving model: the copy shares it."""
    learner = Learner(make_pipeline(StandardScaler(), sgd()))
    model = learner.fresh(Rows(X[:100], Y[:100], {}, np.arange(100)), 0)
    before = joblib.hash(model)
    twin = learner.continued(model, ROWS, steps={"sgdclassifier": "freeze"})
    assert joblib.hash(model) == before == joblib.hash(twin)


def test_a_leaf_that_is_frozen_on_request_does_not_learn():
    learner = Learner(GaussianNB())
    model = learner.fresh(Rows(X[:100], Y[:100], {}, np.arange(100)), 0)
    before = joblib.hash(model)
    assert joblib.hash(learner.continued(model, ROWS, steps={"*": "freeze"})) == before
