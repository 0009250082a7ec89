"""Recursive ridge in pipelines and retrainers: updated batch by batch, it is one exact solution."""

import numpy as np
import pandas as pd
import pytest
from helpers import as_typed, batches, stream
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.compose import IncrementalPipeline, explain_plan, partial_fit
from skretrain.compose._growth import can_grow
from skretrain.compose._structure import predictor_of
from skretrain.exceptions import ClassesGrewWarning, MovingInputWarning
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor, _moments
from skretrain.policies import FullRefit, WarmStart

FIRST, SIZE = 120, 40
RATES = (0.95, 0.999)


def classifier(rates=RATES):
    return RecursiveRidgeClassifier(forgetting=rates)


def updated_only(base, **params):
    """Return a retrainer that takes in each batch, and never refits."""
    return DriftAwareRetrainer(base, detector=None, policy=FullRefit(grow=False), **params)


def fed(model, X, y, *, first=FIRST, size=SIZE):
    """Fit on the first rows and learn the rest, batch by batch."""
    model.fit(X[:first], y[:first])
    for batch in batches(len(y), size, first):
        model.partial_fit(X[batch], y[batch])
    return model


def with_words(X):
    """Return a frame of which one column is a word."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    return frame.assign(d=np.where(X[:, 3] > 0, "high", "low"))


def encoded(*others):
    words = OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer([("word", words, ["d"]), *others], remainder="passthrough")


WAVES = RBFSampler(gamma=0.1, n_components=30, random_state=0)
LANDMARKS = Nystroem(gamma=0.1, n_components=30, random_state=0)
STEPS = [
    (),
    (WAVES,),
    (StandardScaler(), WAVES),
    (LANDMARKS,),
    (PolynomialFeatures(2),),
    (StandardScaler(), PolynomialFeatures(2, include_bias=False)),
    (encoded(),),
]


@pytest.mark.parametrize("steps", STEPS, ids=as_typed)
@pytest.mark.parametrize("kind", [RecursiveRidgeClassifier, RecursiveRidgeRegressor])
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_updates_behind_fitted_transformers_are_one_fit_on_all_rows(steps, kind):
    """What comes before is fitted once and then frozen; the ridge forgets nothing of its own."""
    X, y = stream(400, n_classes=3)
    X = with_words(X) if steps and isinstance(steps[0], ColumnTransformer) else X
    base = Pipeline([(str(n), step) for n, step in enumerate([*steps, kind(forgetting=0.99)])])
    model = fed(updated_only(base), X, y)
    assert model.events_.counts["updated"] == 7
    before = Pipeline([*clone(base).steps[:-1], ("end", "passthrough")]).fit(X[:FIRST])
    Z = before.transform(X)
    oracle = kind(forgetting=0.99).fit(Z, y)
    ridge = predictor_of(model.estimator_)[0]
    np.testing.assert_allclose(ridge.coef_, oracle.coef_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ridge.intercept_, oracle.intercept_, rtol=1e-8, atol=1e-8)
    piped = fed(IncrementalPipeline(clone(base).steps), X, y)
    np.testing.assert_allclose(piped[-1].coef_, ridge.coef_, rtol=1e-8, atol=1e-8)
    replay = fed(ReplayPartialFit(clone(base), ratio=0.0), X, y)
    np.testing.assert_allclose(replay.predict(X), model.predict(X))


def test_by_default_it_is_updated_with_each_batch_and_never_served_older():
    model = fed(DriftAwareRetrainer(classifier(), detector=None), *stream(400))
    assert model.events_.counts["updated"] == 7
    assert model.n_refits_ == 0


@pytest.mark.no_cover
@pytest.mark.parametrize("steps", STEPS[:4], ids=as_typed)
def test_a_new_label_grows_in_place_as_if_it_had_been_known(steps):
    X, y = stream(400, n_classes=4)
    y[:200] = np.where(np.isin(y[:200], [1, 2]), 3, y[:200])
    names = np.array(["ash", "birch", "cedar", "dogwood tree"])[y]
    base = make_pipeline(*steps, classifier(0.99))
    with pytest.warns(ClassesGrewWarning):
        model = fed(updated_only(base), X, names)
    assert model.n_refits_ == 0
    assert model.classes_.tolist() == sorted(set(names))
    known = updated_only(clone(base))
    known.partial_fit(X[:FIRST], names[:FIRST], classes=sorted(set(names)))
    for batch in batches(400, SIZE, FIRST):
        known.partial_fit(X[batch], names[batch])
    expected = known.decision_function(X)
    np.testing.assert_allclose(model.decision_function(X), expected, rtol=1e-8, atol=1e-8)


def test_a_class_without_rows_is_never_predicted():
    """Its score is -1 everywhere, and no row has scores that are all so low, near or far."""
    X, y = stream(300, n_classes=3)
    X *= [1.0, 1e3, 1e-3, 1.0]
    for known in (1, 2, 3):
        some = y < known
        model = classifier().fit(X[some], y[some])
        before = model.predict(X * 1e3)
        assert can_grow(model, [7])
        model.partial_fit(X[:1], y[:1], classes=[7], sample_weight=[0.0])
        scores = model.decision_function(X * 1e3)
        scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
        np.testing.assert_allclose(scores[:, -1], -1)
        assert model.predict(X * 1e3).tolist() == before.tolist()


@pytest.mark.parametrize("new", [["text"], [0.5]])
def test_labels_that_are_no_classes_beside_the_known_ones_are_refused(new):
    assert not can_grow(classifier().fit(*stream(100)), new)


@pytest.mark.parametrize("passes", [1, 3])
def test_each_pass_counts_the_rows_once_more(passes):
    """An exact model learns nothing from rows that it has learned: it gives them more weight."""
    X, y = stream(300)
    model = fed(updated_only(classifier(1.0), update=WarmStart(passes)), X, y)
    weight = np.where(np.arange(300) < FIRST, 1.0, passes)
    oracle = classifier(1.0).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.estimator_.coef_, oracle.coef_, rtol=1e-8)


def test_learning_alone_solves_nothing(monkeypatch):
    """Not even to find out how many targets there are, which are asked for with each batch."""
    solved = []
    solve = _moments.Moments._solve
    monkeypatch.setattr(
        _moments.Moments, "_solve", lambda self, alpha: solved.append(1) or solve(self, alpha)
    )
    X, y = stream(200)
    for base in (classifier(0.99), RecursiveRidgeRegressor()):
        model = make_pipeline(PolynomialFeatures(2), base)
        for batch in batches(200, 20):
            partial_fit(model, X[batch], y[batch], classes=[0, 1])
        assert not solved
        model.predict(X)
        assert solved.pop()


def test_other_targets_than_those_learned_are_foreseen():
    X, y = stream(100)
    model = RecursiveRidgeRegressor().fit(X, np.column_stack([y, -y]))
    with pytest.raises(ValueError, match="RecursiveRidgeRegressor has 2 outputs; the rows have 1"):
        partial_fit(model, X, y)


def test_rows_count_as_often_as_their_weight_says():
    X, y = stream(300)
    weight = np.arange(300) % 3
    base = make_pipeline(WAVES, classifier())
    model = updated_only(base)
    model.fit(X[:100], y[:100], recursiveridgeclassifier__sample_weight=weight[:100])
    for batch in batches(300, 20, 100):
        options = {"recursiveridgeclassifier__sample_weight": weight[batch]}
        model.partial_fit(X[batch], y[batch], **options)
    Z = WAVES.fit(X[:100]).transform(X)
    oracle = classifier().fit(np.repeat(Z, weight, axis=0), np.repeat(y, weight))
    for one, other in zip(model.estimator_[-1]._solutions(), oracle._solutions(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


# -- behind a rescaler that moves ------------------------------------------------------------------

SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    MinMaxScaler((-1, 3)),
    MaxAbsScaler(),
    ColumnTransformer(
        [("a", StandardScaler(), [1, 3]), ("b", MinMaxScaler(), [0])], remainder="passthrough"
    ),
    Pipeline([("columns", ColumnTransformer([("a", StandardScaler(), [0, 2])])), ("none", None)]),
]


def closed_form(Z, Y, rate, alpha, *, fit_intercept=True):
    """Solve the weighted normal equations of all rows at once."""
    weight = rate ** np.arange(len(Z))[::-1]
    mean = weight @ Z / weight.sum() * fit_intercept
    target_mean = weight @ Y / weight.sum() * fit_intercept
    A = (Z - mean).T @ (weight[:, None] * (Z - mean)) + alpha * np.eye(Z.shape[1])
    coef = np.linalg.solve(A, (Z - mean).T @ (weight[:, None] * (Y - target_mean)))
    return coef, target_mean - mean @ coef


@given(
    scaler=st.sampled_from(SCALERS),
    exponents=st.lists(st.floats(-6, 6), min_size=4, max_size=4),
    shifts=st.lists(st.floats(-5, 5), min_size=4, max_size=4),
    n_constant=st.integers(0, 3),
    size=st.sampled_from([1, 7, 30, 70]),
    alpha=st.sampled_from([0.1, 1.0, 30.0]),
    seed=st.integers(0, 10**6),
)
@pytest.mark.no_cover
def test_behind_a_rescaler_it_is_the_solution_on_rows_that_the_last_one_has_scaled(
    scaler, exponents, shifts, n_constant, size, alpha, seed
):
    """For each rate, whatever the batches were; a column may have stood still at first."""
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(130, 4)) + shifts) * 10.0 ** np.array(exponents)
    X[:60, :n_constant] = X[0, :n_constant]
    y = rng.integers(3, size=130) + (X[:, 0] > X[:, 0].mean())
    model = make_pipeline(scaler, RecursiveRidgeClassifier(alpha, forgetting=RATES))
    model = clone(model).fit(X[:60], y[:60])
    for batch in batches(130, size, 60):
        partial_fit(model, X[batch], y[batch])
    Z, Y = model[0].transform(X), np.where(y[:, None] == model.classes_, 1.0, -1.0)
    ridge = model[-1]
    for rate, coef, intercept in zip(RATES, *ridge._solutions(), strict=True):
        expected, expected_intercept = closed_form(Z, Y, rate, alpha)
        np.testing.assert_allclose(coef, expected, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(intercept, expected_intercept, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("scaler", [StandardScaler(with_mean=False), MaxAbsScaler()], ids=as_typed)
def test_without_an_intercept_too_where_the_rescaler_does_not_shift(scaler):
    X, y = stream(200)
    X = X * [1, 10, 1, 100] + 3
    base = make_pipeline(scaler, RecursiveRidgeRegressor(forgetting=0.99, fit_intercept=False))
    model = fed(updated_only(base), X, y).estimator_
    Z = model[0].transform(X)
    expected, _ = closed_form(Z, y[:, None], 0.99, 1.0, fit_intercept=False)
    np.testing.assert_allclose(model[-1].coef_, expected[:, 0], rtol=1e-8, atol=1e-8)


def test_the_rescaler_follows_a_feature_that_only_later_varies():
    """Frozen, its scale is 1 for ever: a thousandth of what the penalty is made for."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3))
    y = X[:, 2]
    X[:, 2] *= 1e-3
    X[:200, 2] = 0.0
    errors = {}
    for action in ("freeze", "preserve"):
        base = make_pipeline(StandardScaler(), RecursiveRidgeRegressor())
        update = WarmStart(steps={"standardscaler": action})
        model = fed(updated_only(base, update=update), X, y)
        errors[action] = np.abs(model.predict(X[500:]) - y[500:]).mean()
    assert errors["preserve"] < 0.1 * errors["freeze"]


def test_the_plan_says_what_becomes_of_the_rescaler():
    plan = explain_plan(make_pipeline(StandardScaler(), classifier()))
    assert [step.on_update for step in plan.steps] == ["preserve", "update"]
    assert plan.steps[0].why == "the model's rows are rewritten: as if all had been scaled so"
    still = explain_plan(
        make_pipeline(StandardScaler(), RecursiveRidgeRegressor(1, fit_intercept=False))
    )
    assert still.steps[0].on_update == "freeze"


def test_behind_random_features_the_rescaler_is_frozen_unless_somebody_asks():
    """What is not linear cannot be rewritten, and a moving input would change what it means."""
    waves = make_pipeline(StandardScaler(), WAVES, classifier())
    assert [step.on_update for step in explain_plan(waves).steps] == ["freeze", "freeze", "update"]
    with pytest.warns(MovingInputWarning, match="'standardscaler' moves while rbfsampler behind"):
        plan = explain_plan(waves, {"standardscaler": "update"})
    assert [step.on_update for step in plan.steps] == ["update", "freeze", "update"]
    with pytest.raises(ValueError, match="no linear model or MLP"):
        explain_plan(waves, {"standardscaler": "preserve"})


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", [csr_matrix, csr_array, pd.DataFrame, np.float32], ids=as_typed)
def test_rows_of_every_kind_are_learned_alike(kind):
    X, y = stream(300)
    X = np.round(X, 2).astype(np.float32).astype(np.float64) * (np.abs(X) > 0.5)
    given = pd.DataFrame(X, columns=list("abcd")) if kind is pd.DataFrame else kind(X)
    model, dense = updated_only(classifier()), fed(updated_only(classifier()), X, y)
    model.fit(given[:FIRST], y[:FIRST])
    for batch in batches(300, SIZE, FIRST):
        model.partial_fit(given[batch], y[batch])
    assert model.n_refits_ == 0
    expected = dense.decision_function(X)
    np.testing.assert_allclose(model.decision_function(given), expected, rtol=1e-6, atol=1e-8)
