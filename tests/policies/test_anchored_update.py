"""AnchoredUpdate: the stated objective is minimised, and its Fisher information is the true one."""

import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse
from helpers import Rings, feed, fingerprint, stream
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.linear_model import (
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows
from skretrain.compose import Learner
from skretrain.drift import Periodic
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.policies import AnchoredUpdate, RetrainContext, _anchors, _likelihoods

RNG = np.random.default_rng(0)
N_OLD, N_NEW, P = 60, 40, 3
X = RNG.normal(size=(N_OLD + N_NEW, P)) * [1.0, 2.0, 0.5] + [0.0, 1.0, 0.0]
SIGNAL = X @ [1.0, -0.5, 0.3] + RNG.normal(size=len(X))
SIGNAL[N_OLD:] += 0.8 * X[N_OLD:, 0]
OLD, NEW = slice(N_OLD), slice(N_OLD, None)
NUMBERS = SIGNAL
COUNTS = RNG.poisson(np.exp(np.clip(0.3 * SIGNAL, -3, 2)))
POSITIVE = np.exp(0.2 * SIGNAL) + 0.1
BINARY = np.where(SIGNAL > 0, "yes", "no")
THREE = np.digitize(SIGNAL, [-0.7, 0.7])

SOLVED = {
    "ridge": (Ridge(alpha=0.5), NUMBERS),
    "ridge without intercept": (Ridge(alpha=0.5, fit_intercept=False), NUMBERS),
    "two targets": (Ridge(alpha=0.5), np.column_stack([NUMBERS, X[:, 0] - NUMBERS])),
    "least squares": (LinearRegression(), NUMBERS),
    "ridge classifier": (RidgeClassifier(alpha=0.5), BINARY),
    "logistic": (LogisticRegression(C=2.0), BINARY),
    "multinomial": (LogisticRegression(C=2.0), THREE),
    "poisson": (PoissonRegressor(alpha=0.01), COUNTS),
    "gamma": (GammaRegressor(alpha=0.01), POSITIVE),
    "tweedie": (TweedieRegressor(power=1.5, alpha=0.01), COUNTS),
}
CONTINUED = {
    "sgd": (SGDClassifier(loss="log_loss", random_state=0), THREE),
    "averaging sgd": (SGDClassifier(average=True, random_state=0), BINARY),
    "sgd regressor": (SGDRegressor(random_state=0), NUMBERS),
    "perceptrons": (MLPClassifier((4,), max_iter=5, random_state=0), THREE),
    "perceptron regressor": (
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=5, random_state=0),
        NUMBERS,
    ),
    "lasso": (Lasso(0.1), NUMBERS),
    "support vectors": (LinearSVC(random_state=0), BINARY),
    "recursive": (RecursiveRidgeClassifier(forgetting=0.999), THREE),
}
each_solved = pytest.mark.parametrize("name", SOLVED)
each_metric = pytest.mark.parametrize("metric", ["identity", "fisher", "full"])
few_epochs = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def fitted(base, y, X=X, params=None):
    params = {} if params is None else {name: values[OLD] for name, values in params.items()}
    return clone(base).fit(X[:N_OLD], y[OLD], **params)


def context_of(champion, y, X=X, *, params=None, base=None, n_new=N_NEW, **details):
    rows = Rows(X, y, params or {}, np.arange(len(y)))
    learner = Learner(clone(champion) if base is None else base)
    return RetrainContext.of(learner, champion, rows, n_new=n_new, **details)


def updated(champion, y, X=X, strength=20.0, metric="auto", **details):
    """Return a champion that was fitted on the old rows after an update with the new ones."""
    context = context_of(champion, y, X, **details)
    policy = AnchoredUpdate(strength, metric=metric)
    policy.check(context.learner)
    before = fingerprint(champion)
    candidate = policy.propose(context)
    assert fingerprint(champion) == before
    return candidate.model


def coefficients(model):
    """Return the coefficients, a row per target, the intercept first."""
    coef = np.atleast_2d(model.coef_)
    return np.column_stack([np.broadcast_to(model.intercept_, len(coef)), coef])


def told(model):
    """Return the most that a model tells of the rows."""
    return getattr(model, "predict_proba", getattr(model, "decision_function", model.predict))(X)


# -- the objective, written down once more, slowly -------------------------------------------------


def with_ones(X):
    return np.column_stack([np.ones(len(X)), X])


def lost(name, theta, X, y, model):
    """Return what each row loses by coefficients `theta`, without a look at the policy."""
    eta = with_ones(X) @ theta.T
    if name in ("logistic", "multinomial"):
        scores = np.column_stack([np.zeros(len(X)), eta]) if len(theta) == 1 else eta
        place = np.searchsorted(model.classes_, y)
        return np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), place]
    if name in ("poisson", "gamma", "tweedie"):
        mean, y = np.exp(eta[:, 0]), np.asarray(y, dtype=float)
        p = {"poisson": 1, "gamma": 2, "tweedie": 1.5}[name]
        if p == 1:
            return mean - y * np.log(mean)
        if p == 2:
            return np.log(mean) + y / mean
        return mean ** (2 - p) / (2 - p) - y * mean ** (1 - p) / (1 - p)
    return 0.5 * ((eta - np.reshape(y, (len(y), -1))) ** 2).sum(axis=1)


def slopes(f, theta, h=1e-6):
    """Return the central differences of `f` by each coefficient."""
    found = []
    for place in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[place] = h
        found.append((f(theta + step) - f(theta - step)) / (2 * h))
    return np.array(found).reshape(*theta.shape, *np.shape(found[0]))


def expected_squares(name, model, X):
    """Return E[(d loss / d theta)^2] of each row over the targets that the model expects."""
    theta = coefficients(model)
    if name in ("logistic", "multinomial"):
        likely = zip(model.classes_, model.predict_proba(X).T, strict=True)
    else:
        likely = ((k, poisson.pmf(k, model.predict(X))) for k in range(60))
    total = 0.0
    for label, proba in likely:
        y = np.full(len(X), label)
        total = total + proba * slopes(lambda at, y=y: lost(name, at, X, y, model), theta) ** 2
    return total


def own_penalty(name, n):
    return {"logistic": 0.5, "multinomial": 0.5, "least squares": 0.0}.get(
        name, 0.01 * n if name in ("poisson", "gamma", "tweedie") else 0.5
    )


@pytest.mark.parametrize("metric", ["identity", "fisher"])
@pytest.mark.parametrize("name", ["logistic", "multinomial", "poisson"])
def test_the_slope_of_the_stated_objective_is_zero_where_it_ends(name, metric):
    """By finite differences of an objective that is written down in this file."""
    base, y = SOLVED[name]
    old = fitted(base, y)
    new = updated(old, y, strength=7.0, metric=metric)
    anchor = coefficients(old)
    held = np.ones_like(anchor)
    if metric == "fisher":
        held = expected_squares(name, old, X[OLD]).mean(axis=-1)
    own = np.full_like(anchor, own_penalty(name, N_NEW))
    own[:, 0] = 0.0

    def objective(theta):
        losses = lost(name, theta, X[NEW], y[NEW], old)
        return losses.sum() + 0.5 * ((7.0 * held + own) * (theta - anchor) ** 2).sum()

    at_first, at_last = (slopes(objective, theta) for theta in (anchor, coefficients(new)))
    assert np.abs(at_first).max() > 1
    np.testing.assert_allclose(at_last, 0, atol=2e-5)


@pytest.mark.parametrize("name", ["logistic", "multinomial", "poisson"])
def test_the_information_is_the_mean_of_the_squared_gradients_of_rows(name):
    """Over the model's own targets; the square of the mean gradient is next to 0 after a fit."""
    base, y = SOLVED[name]
    model = clone(base).set_params(**({"C": 1e6} if "C" in base.get_params() else {"alpha": 0}))
    model = fitted(model.set_params(max_iter=10_000, tol=1e-10), y)
    design = _anchors.Design(X[OLD], True)
    theta = np.roll(coefficients(model), -1, axis=1).T
    loss = _likelihoods.loss_of(model)
    share, nothing = np.full(N_OLD, 1 / N_OLD), np.empty(0, dtype=int)
    found = _anchors.information(design, share, loss, design.times(theta), nothing)
    expected = expected_squares(name, model, X[OLD]).mean(axis=-1)
    np.testing.assert_allclose(np.roll(found.T, 1, axis=1), expected, rtol=1e-5)
    mean = slopes(lambda at: lost(name, at, X[OLD], y[OLD], model).mean(), coefficients(model))
    assert (mean**2).max() < 1e-3 * expected.min()


@pytest.mark.parametrize("power", [0, 1, 1.5, 2, 3])
def test_gradients_and_variances_of_a_deviance_are_its_differences(power):
    """The variance is the mean second difference, where the target is the mean."""
    loss, eta, h = _likelihoods.Tweedie(power), np.linspace(-1, 1, 5)[:, None], 1e-4
    Y = np.full((5, 1), 0.7)
    first = (loss.value(eta + h, Y) - loss.value(eta - h, Y)) / (2 * h)
    np.testing.assert_allclose(loss.gradient(eta, Y)[:, 0], first, rtol=1e-5)
    mean = np.exp(eta)
    second = (loss.gradient(eta + h, mean) - loss.gradient(eta - h, mean)) / (2 * h)
    np.testing.assert_allclose(loss.variance(eta), second, rtol=1e-5)


@pytest.mark.parametrize("name", ["logistic", "multinomial", "poisson", "gamma", "tweedie"])
def test_the_full_information_is_that_of_all_products(name):
    """Its diagonal is the diagonal, its form is symmetric and never negative."""
    base, y = SOLVED[name]
    details = X, y, {}, N_OLD, "full", np.empty(0, dtype=int)
    solver = _anchors.Solved(fitted(base, y), *details)
    metric, shape = solver.anchor.metric, solver.own.shape
    unit = np.eye(solver.own.size).reshape(-1, *shape)
    matrix = np.array([metric.times(step).ravel() for step in unit])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(matrix), metric.diagonal.ravel(), rtol=1e-6)
    assert np.linalg.eigvalsh(matrix).min() > 0
    step = RNG.normal(size=shape)
    value, gradient = solver.objective(step, 5.0)
    change = slopes(lambda at: solver.objective(at, 5.0)[0], step)
    np.testing.assert_allclose(gradient, change, rtol=1e-4, atol=1e-5)
    assert value > solver.objective(0 * step, 5.0)[0]


@each_metric
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["ridge", "ridge without intercept", "two targets"])
def test_ridge_is_least_squares_on_rows_that_stand_for_the_anchor(name, weighted, metric):
    """As many rows more as there are coefficients, whose targets are what the old model tells."""
    base, y = SOLVED[name]
    weight = RNG.uniform(0.5, 2, len(X)) if weighted else np.ones(len(X))
    params = {"sample_weight": weight} if weighted else {}
    old = fitted(base, y, params=params)
    new = updated(old, y, strength=9.0, metric=metric, params=params)
    Z = with_ones(X) if base.fit_intercept else X
    M = np.eye(Z.shape[1])
    if metric != "identity":
        M = (Z[OLD] * weight[OLD, None]).T @ Z[OLD] / weight[OLD].sum()
        M = np.diag(np.diag(M)) if metric == "fisher" else M
    own = 0.5 * np.eye(Z.shape[1])
    own[0, 0] = 0.0 if base.fit_intercept else 0.5
    rows = np.linalg.cholesky(9.0 * M + own).T
    before, after = (coefficients(model).T for model in (old, new))
    before, after = (table if base.fit_intercept else table[1:] for table in (before, after))
    root = np.sqrt(weight[NEW])[:, None]
    A = np.vstack([root * Z[NEW], rows])
    b = np.vstack([root * np.reshape(y[NEW], (N_NEW, -1)), rows @ before])
    np.testing.assert_allclose(after, np.linalg.lstsq(A, b)[0], rtol=1e-6)


def test_with_full_information_of_all_old_rows_ridge_is_that_of_all_rows():
    """After any number of updates, it is the fit on the union."""
    base = Ridge(alpha=0.5)
    model = base.fit(X[:40], NUMBERS[:40])
    for stop in (60, 75, 100):
        start = {60: 40, 75: 60, 100: 75}[stop]
        details = {"n_new": stop - start, "strength": float(start), "metric": "full"}
        model = updated(model, NUMBERS[:stop], X[:stop], **details)
        union = clone(base).fit(X[:stop], NUMBERS[:stop])
        np.testing.assert_allclose(coefficients(model), coefficients(union), rtol=1e-6)


@each_solved
def test_without_strength_new_rows_alone_count(name):
    """Where the base has no penalty of its own, it is a fit on the new rows."""
    base, y = SOLVED[name]
    base = clone(base).set_params(
        **{key: 1e9 if key == "C" else 0.0 for key in ("C", "alpha") if key in base.get_params()},
        **({"tol": 1e-12} if hasattr(base, "tol") else {}),
        **({"max_iter": 10_000} if hasattr(base, "max_iter") else {}),
    )
    model = updated(fitted(base, y), y, strength=1e-7, metric="identity")
    alone = clone(base).fit(X[NEW], y[NEW])
    np.testing.assert_allclose(told(model), told(alone), rtol=1e-3, atol=1e-4)


@few_epochs
@pytest.mark.parametrize("name", [name for name in SOLVED | CONTINUED if name != "recursive"])
def test_with_all_strength_the_old_model_stays(name):
    base, y = (SOLVED | CONTINUED)[name]
    old = fitted(base, y)
    np.testing.assert_allclose(told(updated(old, y, strength=1e12)), told(old), atol=1e-6)
    assert not np.allclose(told(updated(old, y, strength=1e-3)), told(old), atol=1e-3)


@each_metric
@pytest.mark.parametrize("name", ["ridge", "logistic", "multinomial"])
def test_a_weight_of_two_is_a_row_that_comes_twice(name, metric):
    """Among the old rows and among the new ones."""
    base, y = SOLVED[name]
    weight = RNG.integers(1, 3, len(X))
    old = fitted(base, y)
    weighted = updated(old, y, metric=metric, params={"sample_weight": weight.astype(float)})
    often = np.repeat(np.arange(len(X)), weight)
    n_new = weight[NEW].sum()
    repeated = updated(old, y[often], X[often], metric=metric, n_new=n_new)
    np.testing.assert_allclose(coefficients(weighted), coefficients(repeated), rtol=1e-5)


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    name=st.sampled_from(["ridge", "multinomial", "poisson"]),
    metric=st.sampled_from(["identity", "fisher", "full"]),
)
def test_the_order_of_rows_says_nothing(seed, name, metric):
    base, y = SOLVED[name]
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(N_OLD), N_OLD + rng.permutation(N_NEW)])
    old = fitted(base, y)
    one, other = (updated(old, y[at], X[at], metric=metric) for at in (order, np.arange(len(X))))
    np.testing.assert_allclose(coefficients(one), coefficients(other), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["least squares", "logistic", "sgd"])
def test_with_fisher_information_units_of_the_features_say_nothing(name):
    """Where the base has no penalty of its own; evenly held coefficients depend on the units."""
    base, y = (SOLVED | CONTINUED)[name]
    base = clone(base).set_params(**({"C": np.inf} if name == "logistic" else {}))
    units = np.array([100.0, 1.0, 0.01])
    old = fitted(base, y)
    if name == "sgd":  # its steps depend on units, but not the share of them that is gone
        context = context_of(old, y)
        continued = context.learner.continued(old, context.batch)
        mine = updated(old, y, metric="fisher")
        n_new, n_old, s = float(N_NEW), slice(N_OLD), 20.0
        p = 1 / (1 + np.exp(-old.decision_function(X)))
        v = p * (1 - p)
        information = [v[rows].T @ (X[rows] ** 2) / len(X[rows]) for rows in (n_old, NEW)]
        share = n_new * information[1] / (n_new * information[1] + s * information[0])
        expected = old.coef_ + share * (continued.coef_ - old.coef_)
        np.testing.assert_allclose(mine.coef_, expected, rtol=1e-6)
        return
    scaled = clone(base).fit(X[OLD], y[OLD])
    scaled.coef_ = scaled.coef_ / units
    for metric, same in (("fisher", True), ("identity", False)):
        one = updated(old, y, metric=metric)
        other = updated(scaled, y, X * units, metric=metric)
        assert np.allclose(one.coef_, other.coef_ * units, rtol=1e-4) is same


@pytest.mark.parametrize("metric", ["identity", "fisher", "full"])
@pytest.mark.parametrize("name", ["ridge", "ridge without intercept", "multinomial"])
def test_sparse_rows_are_the_same_rows(name, metric):
    base, y = SOLVED[name]
    old = fitted(base, y)
    sparse = updated(old, y, scipy.sparse.csr_array(X), metric=metric)
    dense = updated(old, y, metric=metric)
    np.testing.assert_allclose(coefficients(sparse), coefficients(dense), rtol=1e-5, atol=1e-8)


@each_metric
def test_a_descent_ends_where_the_system_is_solved(monkeypatch, metric):
    """So does a model of more coefficients than a system is written down for."""
    old = fitted(*SOLVED["two targets"])
    solved = updated(old, SOLVED["two targets"][1], metric=metric)
    monkeypatch.setattr(_anchors, "_MOST_SOLVED", 0)
    descended = updated(old, SOLVED["two targets"][1], metric=metric)
    np.testing.assert_allclose(coefficients(descended), coefficients(solved), rtol=1e-5)


SMALL = np.random.default_rng(1).normal(size=(100, 2))
LARGE, CONSTANT = SMALL * 1e5 + 1e7, np.full((100, 1), 1e8)
REPEATED = {
    "large": (LARGE, LinearRegression()),
    "constant": (CONSTANT, Ridge()),
    "constant, classes": (CONSTANT, RidgeClassifier()),
}


@pytest.mark.parametrize("name", REPEATED)
def test_columns_that_repeat_each_other_at_a_large_scale_say_what_one_of_them_says(name):
    """What holds them is rounded away; the shortest of many steps is taken."""
    columns, base = REPEATED[name]
    once, wide = np.c_[SMALL, columns], np.c_[SMALL, columns, columns]
    y = SMALL @ [1.0, 2.0]
    y = np.where(y > 0, "yes", "no") if is_classifier(base) else y
    for strength in (1e-3, 20.0, "auto"):
        one, other = (
            updated(fitted(base, y, rows), y, rows, strength=strength, metric="identity")
            for rows in (once, wide)
        )
        found = [getattr(model, "decision_function", model.predict) for model in (one, other)]
        expected = found[0](once)
        np.testing.assert_allclose(found[1](wide), expected, atol=0.02 * expected.std())


@pytest.mark.parametrize("rounding", [0.0, 1e-15, -1e-15])
def test_the_shortest_solution_is_that_of_a_system_that_has_many(rounding):
    """In units of the diagonal, so that a column without any product stays where it was."""
    system = np.array([[4.0, 2e8, 0.0], [2e8, 1e16 * (1 + rounding), 0.0], [0.0, 0.0, 0.0]])
    found = _anchors._solution(system, np.array([[4.0], [2e8], [0.0]]))
    np.testing.assert_allclose(found[:, 0], [0.5, 1e-8, 0.0], rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(scales=st.lists(st.floats(-9, 9), min_size=4, max_size=4), seed=st.integers(0, 10**6))
def test_a_system_is_solved_in_any_units(scales, seed):
    rng, units = np.random.default_rng(seed), 10.0 ** np.array(scales)
    rows = rng.normal(size=(30, 4))
    system, right = rows.T @ rows, rng.normal(size=(4, 2))
    found = _anchors._solution(system * np.outer(units, units), right * units[:, None])
    expected = np.linalg.solve(system, right)
    np.testing.assert_allclose(found * units[:, None], expected, rtol=1e-6, atol=1e-9)


def test_a_feature_that_old_rows_never_had_is_free_and_stays_finite():
    """It is learned from the new rows as if there were no anchor; without them, it stays."""
    wide = np.column_stack([X, np.zeros(len(X)), np.zeros(len(X))])
    wide[NEW, 3] = RNG.normal(size=N_NEW)
    y = NUMBERS + 5 * wide[:, 3]
    old = LinearRegression().fit(wide[OLD], y[OLD])
    old.coef_[4] = 0.25
    new = updated(old, y, wide, strength=1e5, metric="fisher")
    assert abs(new.coef_[3] - 5) < 0.5
    assert new.coef_[4] == pytest.approx(0.25)


@pytest.mark.parametrize("weights", ["balanced", {"no": 3.0}])
def test_weights_of_classes_are_weights_of_rows(weights):
    base, y = SOLVED["logistic"]
    old = fitted(base, y)
    share = {"no": 3.0, "yes": 1.0}
    if weights == "balanced":
        share = {label: len(y) / (2 * (y == label).sum()) for label in ("no", "yes")}
    weight = np.array([share[label] for label in y])
    old_by_class = clone(base).set_params(class_weight=weights)
    old_by_class.__dict__.update({k: v for k, v in vars(old).items() if k.endswith("_")})
    one = updated(old_by_class, y, metric="fisher")
    other = updated(old, y, metric="fisher", params={"sample_weight": weight})
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-5)


# -- models that are continued ---------------------------------------------------------------------


@few_epochs
@pytest.mark.parametrize("name", [name for name in CONTINUED if name != "recursive"])
def test_what_is_continued_goes_the_stated_share_of_the_way(name):
    """Every table of coefficients, those that an averaging model hides among them."""
    base, y = CONTINUED[name]
    old = fitted(base, y)
    context = context_of(old, y)
    new = context.learner.continued(old, context.batch)
    held = updated(old, y, strength=3.0 * N_NEW, metric="identity")
    names = [key for key in vars(new) if key.strip("_").endswith(("coef", "intercept"))]
    for key in names or ["coefs_", "intercepts_"]:
        tables = (getattr(model, key) for model in (old, new, held))
        tables = [table if isinstance(table, list) else [table] for table in tables]
        for before, after, between in zip(*tables, strict=True):
            if before is not None:
                np.testing.assert_allclose(between, 0.75 * before + 0.25 * after, atol=1e-12)


def test_an_averaging_model_shows_what_it_goes_on_with():
    """Two names for one array are one array still: ``partial_fit`` writes to the one it shows."""
    base, y = CONTINUED["averaging sgd"]
    model = updated(fitted(base, y), y)
    assert np.shares_memory(model.intercept_, model._average_intercept)
    np.testing.assert_array_equal(model.coef_[0], model._average_coef)


@pytest.mark.parametrize("forgetting", [1.0, (0.9, 0.99)])
def test_what_recursive_ridge_has_learned_counts_as_so_many_rows(forgetting):
    """As many as it has, or more, are a plain partial_fit; few are a fit on the new rows."""
    y = THREE
    old = RecursiveRidgeClassifier(forgetting=forgetting).fit(X[OLD], y[OLD])
    weight = max(moments.weight for moments in old._moments_)
    plain = pickle.loads(pickle.dumps(old)).partial_fit(X[NEW], y[NEW])
    for strength in (float(weight), 1e6):
        same = updated(old, y, strength=strength)
        np.testing.assert_allclose(same.coef_, plain.coef_, rtol=1e-9)
    if forgetting == 1.0:
        alone = RecursiveRidgeClassifier().fit(X[NEW], y[NEW])
        np.testing.assert_allclose(updated(old, y, strength=1e-9).coef_, alone.coef_, rtol=1e-6)


def test_recursive_ridge_is_ridge_of_weighted_rows():
    old = RecursiveRidgeRegressor().fit(X[OLD], NUMBERS[OLD])
    weight = np.where(np.arange(len(X)) < N_OLD, 0.25, 1.0)
    expected = Ridge().fit(X, NUMBERS, sample_weight=weight)
    new = updated(old, NUMBERS, strength=N_OLD / 4)
    np.testing.assert_allclose(new.coef_, expected.coef_, rtol=1e-9)


# -- classes ---------------------------------------------------------------------------------------

BINARY_THEN_THREE = np.where((np.arange(len(X)) < N_OLD) & (THREE == 2), 1, THREE)


@few_epochs
@pytest.mark.parametrize("metric", ["identity", "fisher", "full"])
@pytest.mark.parametrize("name", ["logistic", "sgd", "perceptrons", "recursive"])
def test_a_new_class_has_no_anchor(name, metric):
    """However strong the old model is held, its rows are learned; what was between others stays."""
    base, _ = (SOLVED | CONTINUED)[name]
    if metric != "identity" and name in ("sgd", "perceptrons"):
        metric = "auto"
    y = BINARY_THEN_THREE
    old = fitted(base, y)
    new = updated(old, y, strength=1e6, metric=metric)
    assert new.classes_.tolist() == [0, 1, 2]
    if name == "perceptrons":
        context = context_of(old, y)
        after = context.learner.continued(old, context.batch)
        np.testing.assert_array_equal(new.coefs_[-1][:, 2], after.coefs_[-1][:, 2])
    elif name == "sgd":
        context = context_of(old, y)
        after = context.learner.continued(old, context.batch)
        np.testing.assert_array_equal(new.coef_[2], after.coef_[2])
        np.testing.assert_allclose(new.coef_[1], old.coef_[0], atol=1e-2)
    elif name == "logistic":
        np.testing.assert_allclose(new.coef_[1] - new.coef_[0], old.coef_[0], atol=1e-3)
        assert (new.predict(X[NEW]) == 2).any()


@pytest.mark.parametrize("base", [RidgeClassifier(), LinearSVC()])
def test_a_class_that_the_model_cannot_take_in_is_a_refit_on_all_rows(base):
    y = BINARY_THEN_THREE
    candidate = AnchoredUpdate().propose(context_of(fitted(base, y), y))
    assert (candidate.kind, candidate.n_rows, candidate.from_scratch) == ("full_refit", 100, True)
    assert candidate.note == "the model cannot take in new classes [2]"
    assert candidate.model.classes_.tolist() == [0, 1, 2]


def test_a_fit_on_new_rows_gets_some_of_every_class():
    """Coefficients can only be averaged with those of the same classes."""
    y = np.where(np.arange(len(X)) < N_OLD, BINARY, "no")
    old, classes = fitted(LinearSVC(random_state=0), y), np.array(["no", "yes"])
    candidate = AnchoredUpdate(5.0).propose(context_of(old, y, classes=classes))
    assert (candidate.kind, candidate.n_rows) == ("anchored_update", N_NEW + 5)
    candidate = AnchoredUpdate(5.0).propose(context_of(old, y))  # nobody has told of any class
    assert candidate.kind == "full_refit"
    assert candidate.note == "a fit on new rows has other coefficients; they lack ['yes']"


@pytest.mark.parametrize("name", ["logistic", "ridge classifier"])
@pytest.mark.parametrize("all_known", [True, False])
@pytest.mark.no_cover
def test_batches_without_the_old_classes_do_not_wipe_them_out(name, all_known):
    """Digits 0 to 4, then batches of 5 to 9 alone, be these known from the first fit or not."""
    images, digits = load_digits(return_X_y=True)
    images, is_old = images / 16, digits < 5
    rng = np.random.default_rng(0)
    old, new = (rng.permutation(np.flatnonzero(which)) for which in (is_old, ~is_old))
    first = rng.permutation(np.append(old[:300], new[-60:])) if all_known else old[:300]
    model = DriftAwareRetrainer(
        SOLVED[name][0], detector=None, update=AnchoredUpdate(10.0), batch_size=50
    ).fit(images[first], digits[first])
    for start in range(0, 300, 50):
        batch = new[start : start + 50]
        model.partial_fit(images[batch], digits[batch])
    for rest in (old[300:], new[300:-60]):
        assert model.score(images[rest], digits[rest]) > 0.6


@pytest.mark.parametrize(
    ("name", "n_again"), [("logistic", 5), ("ridge classifier", 5), ("recursive", 0), ("sgd", 0)]
)
def test_a_classifier_that_is_solved_for_learns_some_rows_of_absent_classes_again(name, n_again):
    """What has learned every product of the old rows, or is continued, does not."""
    y = np.where(np.arange(len(X)) < N_OLD, BINARY, "no")
    base, _ = (SOLVED | CONTINUED)[name]
    context = context_of(fitted(base, y), y, classes=np.array(["no", "yes"]))
    assert AnchoredUpdate(5.0).propose(context).n_rows == N_NEW + n_again


# How an l1 penalty is asked for; the other way warns, of scikit-learn 1.8 on as before it.
L1 = {"penalty": "l1"} if LogisticRegression().penalty == "l2" else {"l1_ratio": 1.0}


def test_a_solver_that_needs_every_class_says_so_before_it_begins():
    base = LogisticRegression(**L1, solver="saga", max_iter=1000)
    y = np.where(np.arange(len(X)) < N_OLD, BINARY, "no")
    candidate = AnchoredUpdate(5.0).propose(context_of(fitted(base, y), y))
    assert (
        candidate.note
        == "LogisticRegression needs every class that it knows; the rows lack ['yes']"
    )


# -- bases and parameters --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "params", "message"),
    [
        (DecisionTreeClassifier(), {}, "DecisionTreeClassifier has none .* use ReplayMix"),
        (make_pipeline(StandardScaler(), DecisionTreeClassifier()), {}, "DecisionTreeClassifier"),
        (SGDOneClassSVM(), {}, "SGDOneClassSVM has none"),
        (
            SGDClassifier(),
            {"metric": "fisher"},
            "SGDClassifier .* likely .*metric='auto' or 'identity'",
        ),
        (MLPClassifier(), {"metric": "full"}, "is not solved for.*metric='auto' or 'identity'"),
        (SGDRegressor(), {"metric": "full"}, "is not solved for.*metric='fisher' or 'identity'"),
        (Ridge(positive=True), {"metric": "full"}, "Ridge as it is set"),
        (Ridge(), {"metric": "diagonal"}, "metric must be one of 'auto', 'identity'"),
        (Ridge(), {"strength": 0}, "strength must be a number above 0|finite number above 0"),
        (Ridge(), {"strength": np.inf}, "strength=inf"),
    ],
)
def test_what_it_cannot_work_with_is_refused_before_a_fit(base, params, message):
    model = DriftAwareRetrainer(base, update=AnchoredUpdate(**params), detector=None)
    with pytest.raises(ValueError, match=message):
        model.fit(X, BINARY if hasattr(base, "predict_proba") else THREE)
    assert not hasattr(model, "estimator_")


@pytest.mark.parametrize(
    ("base", "solved", "likely"),
    [
        (LogisticRegression(solver="liblinear"), True, True),
        (LogisticRegression(penalty=None), True, True),
        (LogisticRegression(penalty="l1", solver="saga"), False, False),
        (LogisticRegression(l1_ratio=0.5, penalty="elasticnet", solver="saga"), False, False),
        (Ridge(alpha=[1.0, 2.0]), False, False),
        (LinearRegression(positive=True), False, False),
        (TweedieRegressor(power=0), False, False),
        (TweedieRegressor(power=0, link="log"), True, True),
        (TweedieRegressor(power=1.5), True, True),
        (SGDClassifier(loss="log_loss"), False, True),
        (SGDClassifier(), False, False),
        (SGDRegressor(), False, True),
        (Perceptron(), False, False),
    ],
)
def test_what_is_solved_for_is_what_the_objective_holds_for(base, solved, likely):
    assert _likelihoods.is_solved(base) is solved
    assert _likelihoods.has_likelihood(base) is likely


def test_a_base_without_a_penalty_has_none():
    assert _likelihoods.own_penalty(LogisticRegression(penalty=None), 10.0) == 0
    assert _likelihoods.own_penalty(LogisticRegression(C=np.inf), 10.0) == 0


# -- which rows ------------------------------------------------------------------------------------


def test_without_old_rows_the_information_is_that_of_the_new_ones():
    """It needs no targets: it is as good, where the inputs are those of before."""
    base, y = SOLVED["logistic"]
    old = fitted(base, y)
    alone = updated(old, y[NEW], X[NEW], metric="fisher")
    twice = updated(old, np.tile(y[NEW], 2), np.tile(X[NEW], (2, 1)), metric="fisher")
    np.testing.assert_allclose(alone.coef_, twice.coef_, rtol=1e-6)


@pytest.mark.parametrize(("n_old", "metric"), [(0, "identity"), (99, "identity"), (100, "fisher")])
@pytest.mark.parametrize("name", ["logistic", "ridge"])
def test_from_few_old_rows_no_information_is_taken_by_default(name, n_old, metric):
    """A row that does not count is no old row."""
    base, y = (SOLVED | CONTINUED)[name]
    old = fitted(base, y)
    rows = np.concatenate([np.arange(n_old) % N_OLD, np.arange(N_OLD, len(X))])
    for n_void in (0, 30):
        at = np.concatenate([np.zeros(n_void, dtype=int), rows])
        weight = np.where(np.arange(len(at)) < n_void, 0.0, 1.0)
        params = {"sample_weight": weight}
        found = [updated(old, y[at], X[at], metric=how, params=params) for how in ("auto", metric)]
        np.testing.assert_array_equal(*map(coefficients, found))
        others = {"identity", "fisher"} - {metric}
        other = updated(old, y[at], X[at], metric=others.pop(), params=params)
        assert not np.allclose(coefficients(other), coefficients(found[0]), rtol=1e-6)


def test_rows_that_an_update_has_learned_are_not_learned_again_by_the_policy():
    """Recursive ridge counts them: with two that hold all, it has learned each row once."""
    model = DriftAwareRetrainer(
        RecursiveRidgeRegressor(),
        detector=Periodic(every=30),
        policy=AnchoredUpdate(1e9),
        update=AnchoredUpdate(1e9),
        batch_size=10,
    ).fit(X[:10], NUMBERS[:10])
    feed(model, X, NUMBERS, 10, 10)
    assert "anchored_update" in {event.kind for event in model.events_}
    assert [moments.weight for moments in model.estimator_._moments_] == [len(X)]


@pytest.mark.parametrize("alarm", [True, False])
@pytest.mark.parametrize("name", ["ridge", "sgd regressor"])
def test_an_exact_model_learns_from_its_first_unseen_row_on(name, alarm):
    """What is continued may pass over rows again."""
    base, y = (SOLVED | CONTINUED)[name]
    details = {"n_new": 10, "since": N_OLD, "alarm": alarm}
    n_asked = N_NEW if alarm else 10
    for unseen_from, n_rows in ((0, n_asked), (94, 6), (100, 0), (120, 0)):
        context = context_of(fitted(base, y), y, unseen_from=unseen_from, **details)
        candidate = AnchoredUpdate(5.0).propose(context)
        assert candidate.n_rows == (n_rows if name == "ridge" else n_asked)
        if not candidate.n_rows:
            assert (candidate.keep, candidate.note) == (True, "the model has learned all rows")


def test_without_a_row_that_counts_the_model_is_kept():
    """Of those that do, no other is counted, held out or learned."""
    base, y = SOLVED["ridge"]
    weight = np.ones(len(X))
    weight[N_OLD + 1 :: 2] = 0.0
    context = context_of(fitted(base, y), y, params={"sample_weight": weight})
    assert AnchoredUpdate(5.0).propose(context).n_rows == N_NEW / 2
    assert AnchoredUpdate().propose(context).evidence["anchor"]["n_held"] == (60 - 20) // 3
    weight[NEW] = 0.0
    context = context_of(fitted(base, y), y, params={"sample_weight": weight})
    candidate = AnchoredUpdate().propose(context)
    assert (candidate.keep, candidate.note) == (True, "no new row has a weight")


@pytest.mark.parametrize("name", ["ridge", "sgd regressor"])
def test_rows_of_weight_zero_are_not_there(name):
    base, y = (SOLVED | CONTINUED)[name]
    weight = np.ones(len(X))
    weight[::3] = 0.0
    old = fitted(base, y)
    there = np.flatnonzero(weight)
    n_new = int(weight[NEW].sum())
    some = updated(old, y, params={"sample_weight": weight})
    rest = updated(old, y[there], X[there], n_new=n_new)
    np.testing.assert_allclose(some.coef_, rest.coef_, rtol=1e-9)


def test_of_a_long_memory_a_thousand_rows_spread_evenly_are_enough(monkeypatch):
    taken = []
    real = _anchors._Anchor.__init__

    def watched(self, old, X, y, params, n_old, *rest):
        taken.append(X[:n_old, 0].copy())
        real(self, old, X, y, params, n_old, *rest)

    monkeypatch.setattr(_anchors._Anchor, "__init__", watched)
    rows = np.arange(3000.0)[:, None]
    updated(LinearRegression().fit(rows, rows[:, 0]), rows[:, 0], rows, n_new=500)
    (seen,) = taken
    assert (len(seen), seen[0], seen[-1]) == (1000, 0, 2499)
    assert set(np.diff(seen)) == {2, 3}


def test_after_an_alarm_all_rows_since_the_change_are_learned():
    base, y = SOLVED["ridge"]
    old = fitted(base, y)
    context = context_of(old, y, n_new=10, since=N_OLD, alarm=True)
    candidate = AnchoredUpdate(5.0).propose(context)
    assert (candidate.kind, candidate.n_rows) == ("anchored_update", N_NEW)
    assert not candidate.from_scratch
    np.testing.assert_array_equal(candidate.model.coef_, updated(old, y, strength=5.0).coef_)


@pytest.mark.parametrize("metric", ["identity", "fisher"])
@pytest.mark.parametrize("name", ["multinomial", "averaging sgd", "ridge"])
def test_in_a_pipeline_only_the_predictor_is_anchored(name, metric):
    """A rescaler goes on as in WarmStart; then it is the update of a model on rescaled rows."""
    base, y = (SOLVED | CONTINUED)[name]
    metric = "auto" if name == "averaging sgd" else metric
    old = fitted(make_pipeline(StandardScaler(), base), y)
    new = updated(old, y, metric=metric)
    moves = name != "ridge"  # it has no continuation of its own that a plan could count on
    assert new[0].n_samples_seen_ == (len(X) if moves else N_OLD)
    learner = Learner(clone(old))
    rows = Rows(X[NEW], y[NEW], {}, np.arange(N_OLD, len(X)))
    moved = learner.continued(old, rows, how=lambda *args: None)
    np.testing.assert_allclose(told(moved), told(old))
    alone = updated(moved[1], y, moved[0].transform(X), metric=metric)
    np.testing.assert_allclose(new[1].coef_, alone.coef_, rtol=1e-9)


def test_frames_and_transformed_targets_are_what_they_stand_for():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abc"))
    base, y = SOLVED["ridge"]
    plain = updated(fitted(base, y), y)
    framed = updated(fitted(base, y, frame), y, frame)
    np.testing.assert_allclose(framed.coef_, plain.coef_, rtol=1e-9)
    twice = TransformedTargetRegressor(base, func=_halved, inverse_func=_doubled)
    new = updated(fitted(twice, 2 * y), 2 * y)
    np.testing.assert_allclose(new.regressor_.coef_, plain.coef_, rtol=1e-9)


def _halved(y):
    return y / 2


def _doubled(y):
    return y * 2


# -- the strength ----------------------------------------------------------------------------------


def flipped(name, flip, seed=0):
    """Return an old model, and the context of 90 new rows whose concept is turned round."""
    rows, y = stream(690, drift=600 if flip else None, seed=seed)
    y = np.where(np.random.default_rng(seed).random(690) < 0.1, 1 - y, y)
    base = {
        "logistic": LogisticRegression(),
        "sgd": SGDClassifier(loss="log_loss", random_state=0),
    }[name]
    old = clone(base).fit(rows[:600], y[:600])
    return old, context_of(old, y, rows, n_new=90)


@pytest.mark.parametrize("name", ["logistic", "sgd"])
def test_a_turned_concept_is_learned_and_a_stable_one_is_held(name):
    """The strength is found on rows held out, and the event tells what it was found from."""
    found = {}
    for flip in (True, False):
        old, context = flipped(name, flip)
        candidate = AnchoredUpdate().propose(context)
        evidence = candidate.evidence["anchor"]
        assert evidence["n_held"] == 30
        assert len(evidence["losses"]) == 7
        assert candidate.n_rows_compared == 60 * (7 if name == "logistic" else 1)
        found[flip] = evidence["strength"]
        if flip:
            assert candidate.model.score(context.batch.X, context.batch.y) > 0.7
            assert old.score(context.batch.X, context.batch.y) < 0.3
    assert found[True] < 30
    assert found[False] > 50


def test_of_strengths_that_chance_cannot_tell_apart_the_strongest_is_taken():
    from skretrain.policies._anchored_update import _strongest

    noise = np.tile([1.0, -1.0], 50)
    assert _strongest(np.array([0 * noise, 0.04 + noise, 0.2 + noise])) == 1
    assert _strongest(np.array([1 + 0 * noise, 0 * noise, 1 + 0 * noise])) == 1


def test_few_new_rows_are_judged_with_the_newest_that_are_remembered():
    """Of those, the model has learned the others: rows of the anchor, where it is exact."""
    rows, y = stream(600)
    for base, least in (
        (LogisticRegression(), 55),
        (SGDClassifier(loss="log_loss", random_state=0), 0),
    ):
        old = clone(base).fit(rows[:595], y[:595])
        candidate = AnchoredUpdate().propose(context_of(old, y, rows, n_new=5))
        evidence = candidate.evidence["anchor"]
        assert evidence["n_held"] == 20
        strengths = [float(strength) for strength in evidence["losses"]]
        found = evidence["strength"] - 55 if least else evidence["strength"] * 60 / 5
        assert min(abs(found / strength - 1) for strength in strengths) < 1e-3


@pytest.mark.parametrize("since", [0, 12, 24])
def test_where_nothing_can_be_compared_rows_of_the_concept_are_the_strength(since):
    base, y = SOLVED["ridge"]
    old = base.fit(X[:24], y[:24])
    context = context_of(old, y[:26], X[:26], n_new=2, since=since)
    candidate = AnchoredUpdate().propose(context)
    assert candidate.evidence is None
    expected = AnchoredUpdate(float(max(24 - since, 1))).propose(context)
    np.testing.assert_array_equal(candidate.model.coef_, expected.model.coef_)


def test_a_comparison_that_a_class_is_missing_for_is_not_made():
    """The rows held out alone have a class that a fit needs."""
    y = np.where(np.arange(len(X)) < N_OLD + 35, "no", "yes")
    y[:30] = "yes"
    old = fitted(LinearSVC(random_state=0), y)
    context = context_of(old, y)
    candidate = AnchoredUpdate().propose(context)
    assert candidate.kind == "anchored_update"
    assert candidate.evidence is None


# -- in a retrainer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
        RecursiveRidgeClassifier(),
    ],
)
@pytest.mark.parametrize("size", [20, 50])
@pytest.mark.no_cover
def test_it_learns_every_batch_and_follows_a_turn(base, size):
    """With the default strength, a stream that is turned round is right again soon."""
    rows, y = stream(400, drift=200)
    policy = AnchoredUpdate()
    before = joblib.hash(policy.get_params())
    model = DriftAwareRetrainer(base, detector=None, update=policy).fit(rows[:100], y[:100])
    feed(model, rows, y, size, 100, 320)
    model = pickle.loads(pickle.dumps(model))
    assert model.score(rows[320:], y[320:]) > 0.8
    assert joblib.hash(policy.get_params()) == before
    assert model.events_.counts["updated"] == len(range(100, 320, size))


def test_it_answers_an_alarm():
    rows, y = stream(400, drift=200)
    model = DriftAwareRetrainer(
        Ridge(), detector=Rings([250]), policy=AnchoredUpdate(), update=None
    ).fit(rows[:100], y[:100].astype(float))
    feed(model, rows, y.astype(float), 50, 100)
    (event,) = [event for event in model.events_ if event.kind == "anchored_update"]
    assert event.evidence["anchor"]["strength"] > 0
    assert not event.from_scratch
