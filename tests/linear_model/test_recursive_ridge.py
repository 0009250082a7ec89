"""Recursive ridge: what it has learned is the closed form on all rows, whatever the batches."""

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skretrain import DriftAwareRetrainer
from skretrain.compose import explain_plan
from skretrain.datasets import make_drifting_classification, make_drifting_regression
from skretrain.exceptions import SkretrainWarning
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.linear_model._moments import Moments
from skretrain.model_selection import prequential_validate
from skretrain.utils._copy import copy_fitted

RATES = (0.9, 0.99, 1.0)


@pytest.mark.parametrize("estimator", [RecursiveRidgeClassifier(), RecursiveRidgeRegressor()])
@pytest.mark.filterwarnings("ignore:Skipping check")  # that of an array API which is not there
@pytest.mark.no_cover
def test_it_is_an_estimator_of_scikit_learn(estimator):
    check_estimator(estimator)


def _closed_form(X, Y, rate, alpha, counts, fit_intercept):
    """Solve the weighted normal equations of all rows at once; a row of weight w is w rows."""
    factors = np.array([sum(rate**k for k in range(int(count))) for count in counts])
    after = np.array([counts[n + 1 :].sum() for n in range(len(counts))])
    weight = factors * rate**after
    mean, target_mean = np.zeros(X.shape[1]), 0.0
    if fit_intercept:
        mean, target_mean = weight @ X / weight.sum(), weight @ Y / weight.sum()
    A = (X - mean).T @ (weight[:, None] * (X - mean)) + alpha * np.eye(X.shape[1])
    coef = np.linalg.solve(A, (X - mean).T @ (weight[:, None] * (Y - target_mean)))
    return coef, target_mean - mean @ coef


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    borders=st.sets(st.integers(1, 59), max_size=8),
    rate=st.sampled_from([1.0, 0.999, 0.9, 0.5]),
    alpha=st.sampled_from([0.1, 1.0, 100.0]),
    fit_intercept=st.booleans(),
    kind=st.sampled_from(["dense", "float32", "csr"]),
)
@pytest.mark.no_cover
def test_any_batches_give_the_weighted_closed_form(seed, borders, rate, alpha, fit_intercept, kind):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(60, 4)) * [1, 10, 0.1, 1] + [0, 100, 0, -5]).astype(np.float32)
    X[rng.random(X.shape) < 0.3] = 0
    Y = X.astype(float) @ rng.normal(size=(4, 2)) + rng.normal(size=(60, 2))
    counts = rng.integers(0, 4, size=60)
    counts[0] = counts[-1] = 1
    given = {"dense": X.astype(float), "float32": X, "csr": scipy.sparse.csr_matrix(X)}[kind]
    model = RecursiveRidgeRegressor(alpha, forgetting=rate, fit_intercept=fit_intercept)
    edges = [0, *sorted(borders), 60]
    for first, stop in pairwise(edges):
        part = slice(first, stop)
        if first == 0:
            model.fit(given[part], Y[part], sample_weight=counts[part])
        else:
            model.partial_fit(given[part], Y[part], sample_weight=counts[part])
    there = counts > 0
    coef, intercept = _closed_form(
        X[there].astype(float), Y[there], rate, alpha, counts[there], fit_intercept
    )
    np.testing.assert_allclose(model.coef_, coef.T, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-8, atol=1e-7)
    expected = X.astype(float) @ coef + intercept
    np.testing.assert_allclose(model.predict(given), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 20.0])
def test_without_forgetting_it_is_ridge(alpha):
    X, y, _ = make_drifting_regression(2500, random_state=0)
    ours, theirs = RecursiveRidgeRegressor(alpha).fit(X, y), Ridge(alpha).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9)
    assert ours.intercept_ == pytest.approx(theirs.intercept_)
    X, y, _ = make_drifting_classification(2500, random_state=0)
    names = np.array(["no", "yes"])[y]
    ours = RecursiveRidgeClassifier(alpha).fit(X, names)
    theirs = RidgeClassifier(alpha).fit(X, names)
    np.testing.assert_allclose(ours.coef_, np.atleast_2d(theirs.coef_), rtol=1e-8)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-7)
    assert ours.predict(X).tolist() == theirs.predict(X).tolist()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("rate", [1.0, 0.99])
def test_a_class_that_comes_late_is_as_if_it_had_been_known(rate, fit_intercept):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(300, 3)), np.repeat([3, 1, 2], [100, 120, 80])
    y[:100] = rng.choice([1, 3], size=100)
    late = RecursiveRidgeClassifier(forgetting=rate, fit_intercept=fit_intercept)
    early = RecursiveRidgeClassifier(forgetting=rate, fit_intercept=fit_intercept)
    for first in range(0, 300, 50):
        part = slice(first, first + 50)
        late.partial_fit(X[part], y[part])
        early.partial_fit(X[part], y[part], classes=[1, 2, 3] if first % 100 == 0 else None)
    assert late.classes_.tolist() == [1, 2, 3]
    np.testing.assert_allclose(late.coef_, early.coef_, atol=1e-12)
    np.testing.assert_allclose(late.intercept_, early.intercept_, atol=1e-12)


def test_columns_of_any_size_equal_or_constant_do_no_harm():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)) + np.array([0.0, 1e6, 0.0, 0.0])
    y = X[:, 0] - 2 * (X[:, 1] - 1e6) + rng.normal(size=400)
    harmless = RecursiveRidgeRegressor(1e-6).fit(X, y).predict(X)
    for odd in (
        np.column_stack([X, np.full(400, 7.0)]),
        np.column_stack([X, X[:, 0], X[:, 0]]),
        np.column_stack([X, 1e12 * rng.normal(size=400)]),
        np.column_stack([X * [1, 1, 1, 1e12], np.zeros(400)]),
    ):
        model = RecursiveRidgeRegressor(1e-6)
        for part in np.split(np.arange(400), 4):
            model.partial_fit(odd[part], y[part])
        error = np.sqrt(np.mean((model.predict(odd) - harmless) ** 2))
        assert error < 0.1


def test_without_a_penalty_what_has_no_solution_gets_a_small_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    X = np.column_stack([X, X, np.ones(50)])
    y = X[:, 0] + 1
    model = RecursiveRidgeRegressor(0).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-4)
    few = RecursiveRidgeRegressor(0).fit(X[:2], y[:2])
    assert np.isfinite(few.predict(X)).all()


def test_a_system_that_no_penalty_helps_is_answered_by_nothing(monkeypatch):
    from skretrain.linear_model import _moments

    monkeypatch.setattr(_moments, "dpotrf", lambda matrix, **options: (matrix, 1))
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = RecursiveRidgeRegressor().fit(X, X[:, 0] + 3)
    np.testing.assert_allclose(model.predict(X), np.full(20, (X[:, 0] + 3).mean()))


@pytest.mark.parametrize("value", [0.0, 1 / 3, 1e6 + 0.1, 1e-9, -1e100])
@pytest.mark.parametrize("rate", [0.99, 1.0])
@pytest.mark.parametrize("alpha", [0, 1.0])
def test_a_column_that_has_stood_still_tells_nothing_when_it_moves(value, rate, alpha):
    """What rounding has left of it is no evidence, with or without a penalty."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    y = X[:, 0] - 2 * X[:, 1] + rng.normal(size=3000)
    odd = np.column_stack([X[:, :1], np.full(3000, value), X[:, 1:]])
    model = RecursiveRidgeRegressor(alpha, forgetting=rate)
    without = RecursiveRidgeRegressor(alpha, forgetting=rate)
    for part in np.array_split(np.arange(3000), 7):
        model.partial_fit(odd[part], y[part])
        without.partial_fit(X[part], y[part])
    assert model.coef_[1] == 0
    odd[:, 1] += 1
    np.testing.assert_allclose(model.predict(odd), without.predict(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [RecursiveRidgeClassifier, RecursiveRidgeRegressor])
def test_without_a_penalty_it_tells_the_same_in_all_units(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)) + np.array([0, 5, 0, -1])
    y = (X @ [1, 2, 3, 4] + rng.normal(size=400)).round()
    units = np.array([1e-12, 1e12, 1e-6, 1.0])
    expected = kind(0, forgetting=0.99).fit(X, y).predict(X)
    told = kind(0, forgetting=0.99).fit(X * units, y).predict(X * units)
    np.testing.assert_allclose(told, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rates", [0.999, RATES])
def test_sparse_rows_are_made_dense_block_by_block_and_learned_alike(rates):
    X, y, _ = make_drifting_classification(2500, random_state=0)
    X = X * (np.abs(X) > 0.5)
    dense = RecursiveRidgeClassifier(forgetting=rates).fit(X, y)
    for kind in (scipy.sparse.csr_matrix, scipy.sparse.csc_array):
        model = RecursiveRidgeClassifier(forgetting=rates).fit(kind(X), y)
        np.testing.assert_allclose(model.decision_function(kind(X)), dense.decision_function(X))


@pytest.mark.no_cover
def test_ten_million_rows_cost_no_digits():
    """Sums of so many rows that have a mean of 100; a noise-free line is then still that line."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 2)) + np.array([0, 100])
    y = X @ [1.0, -2.0] + 3
    model = RecursiveRidgeRegressor(0)
    for _ in range(100):
        model.partial_fit(X, y)
    assert model._moments_[0].weight == 10_000_000
    np.testing.assert_allclose(model.coef_, [1, -2], rtol=1e-12)
    assert model.intercept_ == pytest.approx(3, abs=1e-9)


@pytest.mark.slow
def test_millions_of_rows_leave_the_memory_and_the_digits_as_they_are():
    rng = np.random.default_rng(0)
    coef, size = rng.normal(size=5), None
    model = RecursiveRidgeRegressor(forgetting=(0.999, 1.0))
    for n in range(2_000):
        X = rng.normal(size=(1_000, 5)) + np.array([0, 100, 0, 0, 0])
        y = X @ coef + rng.normal(size=1_000)
        model.partial_fit(X, y)
        if n == 10:
            size = len(pickle.dumps(model))
    assert len(pickle.dumps(model)) <= size + 100
    np.testing.assert_allclose(model.coef_, coef, atol=0.15)
    np.testing.assert_allclose(model._moments_[1].solution(1.0)[0][:, 0], coef, atol=0.005)


def test_the_rate_that_tells_best_has_the_most_weight():
    """A concept that turns every 300 rows wants a short memory, one that stays a long one."""
    X, y, _ = make_drifting_classification(4000, drift="stationary", random_state=0)
    model = RecursiveRidgeClassifier(forgetting=(0.9, 0.9999)).fit(X, y)
    assert model.rate_weights_[1] > 0.8
    assert model.rate_weights_.sum() == pytest.approx(1)
    turned = np.where((np.arange(4000) // 300) % 2, 1 - y, y)
    model.fit(X, turned)
    assert model.rate_weights_[0] > 0.7
    X, y, _ = make_drifting_regression(4000, drift="stationary", random_state=0)
    model = RecursiveRidgeRegressor(forgetting=(0.5, 0.9999)).fit(X, y)
    assert model.rate_weights_[1] > 0.8
    constant = RecursiveRidgeRegressor(forgetting=(0.5, 0.9)).fit(X, np.ones(4000))
    np.testing.assert_allclose(constant.predict(X[:5]), 1)


def test_of_several_rates_it_answers_by_the_weighted_mean():
    X, y, _ = make_drifting_classification(1000, random_state=0)
    model = RecursiveRidgeClassifier(forgetting=RATES).fit(X, y)
    alone = [RecursiveRidgeClassifier(forgetting=rate).fit(X, y) for rate in RATES]
    scores = [one.decision_function(X) for one in alone]
    np.testing.assert_allclose(model.decision_function(X), model.rate_weights_ @ scores)


def test_it_recovers_from_a_drift_that_ridge_does_not_forget():
    X, y, _ = make_drifting_classification(4000, random_state=0)
    many = prequential_validate(RecursiveRidgeClassifier(forgetting=(0.99, 0.9999)), X, y)
    one = prequential_validate(RecursiveRidgeClassifier(), X, y)
    assert many.score > one.score + 0.08


def test_probabilities_are_those_of_the_classes():
    """On a linear problem, the least squares score is the probability."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(6000, 1))
    p = 0.5 + 0.4 * X[:, 0]
    y = (rng.random(6000) < p).astype(int)
    proba = RecursiveRidgeClassifier().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(proba[:, 1], p, atol=0.05)
    # Whoever is sure stays finite in the logarithm.
    sure = RecursiveRidgeClassifier().fit(X * 100, (X[:, 0] > 0).astype(int))
    assert np.isfinite(log_loss(X[:, 0] > 0, sure.predict_proba(X * 100)))
    three = RecursiveRidgeClassifier().fit(X, np.arange(6000) % 3).predict_proba(X)
    np.testing.assert_allclose(three, 1 / 3, atol=0.05)


def test_it_is_scored_as_scikit_learn_scores():
    X, y, _ = make_drifting_regression(300, random_state=0)
    weight = np.arange(300.0)
    ours, theirs = RecursiveRidgeRegressor().fit(X, y), Ridge().fit(X, y)
    assert ours.score(X, y, weight) == pytest.approx(theirs.score(X, y, weight))
    labels = y > 0
    ours, theirs = RecursiveRidgeClassifier().fit(X, labels), RidgeClassifier().fit(X, labels)
    assert ours.score(X, labels, weight) == pytest.approx(theirs.score(X, labels, weight))


def test_one_class_is_predicted():
    model = RecursiveRidgeClassifier().fit(np.ones((3, 2)), ["a"] * 3)
    assert model.predict(np.zeros((2, 2))).tolist() == ["a", "a"]
    np.testing.assert_allclose(model.predict_proba(np.zeros((2, 2))), 1)
    assert model.decision_function(np.zeros((2, 2))).shape == (2,)


def test_predicting_changes_nothing_and_pickles_go_on_alike():
    X, y, _ = make_drifting_classification(600, random_state=0)
    model = RecursiveRidgeClassifier(forgetting=RATES).fit(X[:300], y[:300])
    copy = pickle.loads(pickle.dumps(model))
    model.predict(X)
    for one in (model, copy):
        one.partial_fit(X[300:], y[300:])
    np.testing.assert_array_equal(model.coef_, copy.coef_)


def test_predicting_changes_no_byte_of_a_model():
    """A solution that somebody has asked for is no part of what was learned."""
    X, y, _ = make_drifting_classification(300, random_state=0)
    model = RecursiveRidgeClassifier(forgetting=RATES).fit(X, y)
    before = pickle.dumps(model)
    expected = model.predict_proba(X)
    assert pickle.dumps(model) == before
    np.testing.assert_array_equal(pickle.loads(before).predict_proba(X), expected)


def test_a_copy_does_not_solve_again_what_its_original_has_solved(monkeypatch):
    """A retrainer predicts with the model that serves, and its copy weighs the rates by that."""
    solved, solve = [], Moments._solve
    monkeypatch.setattr(Moments, "_solve", lambda *args: solved.append(1) or solve(*args))
    X, y, _ = make_drifting_classification(300, random_state=0)
    model = RecursiveRidgeClassifier(forgetting=RATES).fit(X, y)
    expected = model.decision_function(X)
    solved.clear()
    copy_fitted(model).partial_fit(X[:100], 1 - y[:100])
    assert not solved
    np.testing.assert_array_equal(model.decision_function(X), expected)


def test_the_penalty_may_be_changed_between_batches():
    X, y, _ = make_drifting_regression(300, random_state=0)
    model = RecursiveRidgeRegressor(1.0).fit(X, y)
    model.predict(X)
    model.set_params(alpha=50.0)
    np.testing.assert_allclose(model.coef_, RecursiveRidgeRegressor(50.0).fit(X, y).coef_)


@pytest.mark.parametrize("value", [0, -0.5, 1.1, "fast", None, (), (0.9, 0.9), (0.9, 2), True])
def test_a_rate_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match=r"forgetting=.*above 0 and at most 1, or a sequence"):
        RecursiveRidgeRegressor(forgetting=value).fit([[1.0], [2.0]], [1.0, 2.0])


def test_what_cannot_be_learned_changes_nothing():
    X, y, _ = make_drifting_classification(300, random_state=0)
    model = RecursiveRidgeClassifier().fit(X, y)
    before = model.decision_function(X)
    huge = X.copy()
    huge[0, 0] = 1e200
    for X_bad, y_bad, options, match in (
        (huge, y, {}, "X holds 1e.200, whose square is no number: scale the column"),
        (X[:, :2], y, {}, "X has 2 features"),
        (
            X,
            y,
            {"sample_weight": -np.ones(300)},
            "sample_weight holds -1.0: a weight is a number of at least 0",
        ),
        (X, np.linspace(0, 1, 300), {}, "Unknown label type"),
    ):
        with pytest.raises(ValueError, match=match):
            model.partial_fit(X_bad, y_bad, **options)
        with pytest.raises(ValueError, match=match):
            model.fit(X_bad, y_bad, **options) if "2 features" not in match else model.predict(
                X_bad
            )
        np.testing.assert_array_equal(model.decision_function(X), before)
    regressor = RecursiveRidgeRegressor().fit(X, y)
    with pytest.raises(ValueError, match=r"y has 2 target\(s\), and RecursiveRidgeRegressor has"):
        regressor.partial_fit(X, np.column_stack([y, y]))


@pytest.mark.parametrize("rates", [1.0, (0.99, 0.999)])
def test_what_is_too_large_to_square_is_refused_and_changes_nothing(rates):
    """In targets, or by the weight of a row; what is just below can be learned, and unlearned."""
    X, y, _ = make_drifting_classification(300, random_state=0)
    model = RecursiveRidgeRegressor(forgetting=rates).fit(X, y)
    before = model.coef_
    for bad, options, match in (
        (1.7e308 * y, {}, "y holds 1.7e.308, whose square is no number: divide the targets"),
        (
            y,
            {"sample_weight": np.full(300, 1e307)},
            "times a sample_weight of 1e.307, is no number",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            model.partial_fit(X, bad, **options)
        np.testing.assert_array_equal(model.coef_, before)
    model.partial_fit(X, 1e148 * y)
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("kind", [RecursiveRidgeClassifier, RecursiveRidgeRegressor])
def test_rows_without_weight_are_no_rows(kind):
    X, y, _ = make_drifting_classification(300, random_state=0)
    weight = (np.arange(300) % 3 > 0).astype(float)
    model = kind(forgetting=0.98)
    some = model.fit(X, y, sample_weight=weight).predict(X)
    np.testing.assert_allclose(some, model.fit(X[weight > 0], y[weight > 0]).predict(X))
    before = model.coef_
    model.partial_fit(X, y, sample_weight=np.zeros(300))
    np.testing.assert_array_equal(model.coef_, before)
    twice = kind(forgetting=0.98).fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
    np.testing.assert_allclose(kind(forgetting=0.98).fit(X, y, sample_weight=2).coef_, twice.coef_)
    with pytest.raises(ValueError, match="must contain at least one non-zero number"):
        kind().partial_fit(X, y, sample_weight=np.zeros(300))


def test_nothing_is_predicted_before_a_fit():
    for model in (RecursiveRidgeClassifier(), RecursiveRidgeRegressor()):
        for attribute in ("coef_", "intercept_", "rate_weights_"):
            with pytest.raises(NotFittedError):
                getattr(model, attribute)


def test_many_features_warn_of_what_they_take():
    X = np.random.default_rng(0).normal(size=(5, 2001))
    with pytest.warns(SkretrainWarning, match=r"products of all 2,001 features, 64 MB, and solves"):
        RecursiveRidgeRegressor(forgetting=(0.9, 0.99)).fit(X, X[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RecursiveRidgeRegressor().fit(X[:, :50], X[:, 0])


@pytest.mark.no_cover
def test_it_is_kept_fresh_behind_random_features():
    """In a pipeline, it is updated with each batch."""
    X, y, _ = make_drifting_classification(2000, random_state=0)
    base = make_pipeline(
        StandardScaler(),
        RBFSampler(gamma=0.05, n_components=100, random_state=0),
        RecursiveRidgeClassifier(forgetting=(0.99, 0.999)),
    )
    model = DriftAwareRetrainer(base, detector=None, update="warm_start")
    result = prequential_validate(model, X, y)
    assert "goes on learning by partial_fit" in str(explain_plan(base))
    assert result.score > 0.75


def test_a_small_batch_of_many_classes_is_learned_without_a_warning():
    """A fit of as many is warned of by scikit-learn, as by all its classifiers."""
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = RecursiveRidgeClassifier().partial_fit(X, y).partial_fit(X[:20], y[:20] + 20)
    assert model.classes_.tolist() == list(range(40))
    with pytest.warns(UserWarning, match="The number of unique classes is greater"):
        RecursiveRidgeClassifier().fit(X, y)
