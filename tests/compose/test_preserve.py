"""A rescaler before a linear layer is updated, and no decision moves before learning goes on."""

import pickle
import warnings

import numpy as np
import pytest
from helpers import as_typed, batches, fingerprint, stream
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LogisticRegression,
    MultiTaskElasticNet,
    MultiTaskLasso,
    Perceptron,
    PoissonRegressor,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from skretrain.buffers import Rows
from skretrain.compose import explain_plan, partial_fit
from skretrain.compose._learner import Learner
from skretrain.compose._preserve import affine_of, rewrite, why_not_preserved
from skretrain.compose._structure import predictor_of
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.utils._copy import copy_fitted

LOSSES = (
    "hinge",
    "log_loss",
    "modified_huber",
    "squared_hinge",
    "perceptron",
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
)
CLASSIFIERS = [
    *(SGDClassifier(loss=loss, random_state=0) for loss in LOSSES),
    SGDClassifier(average=True, random_state=0),
    SGDClassifier(average=70, random_state=0),
    SGDClassifier(average=10**6, random_state=0),
    Perceptron(random_state=0),
    LogisticRegression(),
    MLPClassifier(hidden_layer_sizes=(5,), max_iter=5, random_state=0),
    MLPClassifier((5, 3), solver="sgd", momentum=0.9, max_iter=5, random_state=0),
    RecursiveRidgeClassifier(1e-11, forgetting=(0.95, 1.0)),  # a penalty would move them
]
REGRESSORS = [
    SGDRegressor(random_state=0),
    SGDRegressor(average=True, random_state=0),
    Lasso(alpha=0.01),
    ElasticNet(alpha=0.01),
    HuberRegressor(),
    PoissonRegressor(),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0),
    RecursiveRidgeRegressor(1e-11, forgetting=0.95),
]
MULTI_TASK = [
    MultiTaskLasso(alpha=0.01),
    MultiTaskElasticNet(alpha=0.01),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0),
]
SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-1, 3)),
    MaxAbsScaler(),
]


def problem(model, n_classes=2, n=120, seed=0):
    """Return rows with columns of several scales, one of them constant at first, and targets."""
    X, y = stream(n, n_classes=n_classes, seed=seed)
    X[: n // 2, 3] = 7.0
    X = X * [1.0, 50.0, 1e-3, 10.0] + [0.0, -200.0, 1e-2, 0.0]
    if is_classifier(model):
        return X, y
    target = np.abs(X[:, 0] + 0.01 * X[:, 1])
    return X, np.column_stack([target, -target]) if type(model) in MULTI else target


MULTI = {type(model) for model in MULTI_TASK[:2]}


def decisions(model, X):
    """Return the most telling numbers a model gives, at full precision."""
    for method in ("decision_function", "predict_proba", "predict"):
        if hasattr(model, method):
            return getattr(model, method)(X)
    raise AssertionError(model)


def fitted(model, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*args)


def assert_preserved(scaler, model, X_more, X):
    """Update the scaler and rewrite the model: the same numbers come out."""
    expected = decisions(model, scaler.transform(X))
    before = affine_of(scaler)
    scaler.partial_fit(X_more)
    assert not np.allclose(affine_of(scaler)[0], before[0]) or not np.allclose(
        affine_of(scaler)[1], before[1]
    )
    rewrite(model, slice(None), before, affine_of(scaler))
    size = max(1.0, np.abs(expected).max())
    got = decisions(model, scaler.transform(X))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 * size)


# -- the rewrite alone -----------------------------------------------------------------------------


@pytest.mark.parametrize("scaler", SCALERS, ids=as_typed)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=as_typed)
@pytest.mark.no_cover
@pytest.mark.thinned(7)
def test_decisions_of_classifiers_do_not_move(scaler, model, n_classes):
    X, y = problem(model, n_classes)
    scaler = clone(scaler).fit(X[:60])
    model = fitted(clone(model), scaler.transform(X[:60]), y[:60])
    assert_preserved(scaler, model, X[60:], X)


@pytest.mark.parametrize("scaler", SCALERS, ids=as_typed)
@pytest.mark.parametrize("model", [*REGRESSORS, *MULTI_TASK], ids=as_typed)
@pytest.mark.thinned(5)
def test_predictions_of_regressors_do_not_move(scaler, model):
    X, y = problem(model)
    scaler = clone(scaler).fit(X[:60])
    model = fitted(clone(model), scaler.transform(X[:60]), y[:60])
    assert_preserved(scaler, model, X[60:], X)


@pytest.mark.parametrize("average", [True, 70, 10**6])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "again", [lambda m: m, copy_fitted, lambda m: pickle.loads(pickle.dumps(m))], ids=as_typed
)
def test_all_weights_of_an_averaging_model_are_rewritten_once(average, n_classes, again):
    """The shown ones, a view of one set in a binary model and no view in its copies; both sets.

    What it learns afterwards shows what its hidden sets were.
    """
    X, y = problem(SGDClassifier(), n_classes)
    scaler = StandardScaler().fit(X[:60])
    model = SGDClassifier(average=average, random_state=0)
    model = again(model.partial_fit(scaler.transform(X[:60]), y[:60], classes=range(n_classes)))

    def hidden(kind):
        coef, intercept = (getattr(model, f"_{kind}_{part}") for part in ("coef", "intercept"))
        return np.atleast_2d(coef) @ scaler.transform(X).T + np.reshape(intercept, (-1, 1))

    before = hidden("standard"), hidden("average")
    assert_preserved(scaler, model, X[60:], X)
    np.testing.assert_allclose((hidden("standard"), hidden("average")), before, atol=1e-8)


@pytest.mark.no_cover
@given(
    scales=st.lists(st.floats(-6, 6), min_size=3, max_size=3),
    shifts=st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    constant=st.integers(0, 3),
    scaler=st.sampled_from(SCALERS),
    model=st.sampled_from([SGDClassifier(random_state=0), SGDClassifier(average=True)]),
    n_classes=st.sampled_from([2, 3]),
    seed=st.integers(0, 10**6),
)
def test_decisions_do_not_move_on_any_scale(
    scales, shifts, constant, scaler, model, n_classes, seed
):
    """Columns of scale 1e-6 to 1e6, far from zero or not, constant at first or not.

    Rounding is that of the terms of the score, which is small where they cancel.
    """
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(80, 3)) + shifts) * 10.0 ** np.array(scales)
    X[:40, :constant] = X[0, :constant]
    y = np.arange(80) % n_classes
    scaler = clone(scaler).fit(X[:40])
    model = clone(model).set_params(random_state=seed % 1000).fit(scaler.transform(X[:40]), y[:40])

    def score_and_size():
        scale, shift = affine_of(scaler)
        terms = np.abs(X) * scale + np.abs(shift)
        size = terms @ np.abs(np.atleast_2d(model.coef_)).T + np.abs(model.intercept_)
        return decisions(model, scaler.transform(X)), size.max(axis=1)

    expected, size_before = score_and_size()
    before = affine_of(scaler)
    scaler.partial_fit(X[40:])
    rewrite(model, slice(None), before, affine_of(scaler))
    got, size_after = score_and_size()
    error = np.abs(got - expected).reshape(80, -1).max(axis=1)
    assert (error <= 1e-10 * np.maximum(size_before, size_after)).all()


def test_only_the_columns_of_the_rescaler_are_rewritten():
    X, y = stream(100)
    model = SGDClassifier(random_state=0).fit(X, y)
    coef, intercept = model.coef_.copy(), model.intercept_.copy()
    rewrite(model, slice(1, 3), (np.ones(2), np.zeros(2)), (np.full(2, 2.0), np.ones(2)))
    np.testing.assert_array_equal(model.coef_[:, [0, 3]], coef[:, [0, 3]])
    np.testing.assert_array_equal(model.coef_[:, 1:3], coef[:, 1:3] / 2)
    np.testing.assert_allclose(model.intercept_, intercept - coef[0, 1:3].sum() / 2)


# -- what can be preserved -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scaler", "model", "reason"),
    [
        (StandardScaler(), SGDClassifier(), ""),
        (StandardScaler(), None, "no linear model"),
        (StandardScaler(), RandomForestClassifier(), "no linear model"),
        (StandardScaler(), SGDOneClassSVM(), "no linear model"),
        (StandardScaler(), MLPClassifier(), ""),
        (MinMaxScaler(clip=True), SGDClassifier(), "clip=True"),
        (RobustScaler(), SGDClassifier(), "RobustScaler is not a linear rescaler"),
        (StandardScaler(), SGDClassifier(fit_intercept=False), "no intercept to make up"),
        (MinMaxScaler(), SGDClassifier(fit_intercept=False), "no intercept to make up"),
        (StandardScaler(with_mean=False), SGDClassifier(fit_intercept=False), ""),
        (MaxAbsScaler(), Lasso(fit_intercept=False), ""),
        (StandardScaler(), RecursiveRidgeClassifier(), ""),
        (StandardScaler(), RecursiveRidgeRegressor(fit_intercept=False), "no intercept to make up"),
        (MaxAbsScaler(), RecursiveRidgeRegressor(fit_intercept=False), ""),
    ],
    ids=as_typed,
)
def test_what_can_be_preserved(scaler, model, reason):
    """Linear rescalers before linear models; a shift needs an intercept that takes it up."""
    found = why_not_preserved(scaler, model)
    assert reason in found
    assert bool(found) == bool(reason)


def test_a_subclass_of_a_rescaler_is_not_taken_for_linear():
    class Squared(StandardScaler):
        def transform(self, X):
            return super().transform(X) ** 2

    assert "not a linear rescaler" in why_not_preserved(Squared(), SGDClassifier())


@pytest.mark.parametrize("scaler", [StandardScaler(with_mean=False), MaxAbsScaler()], ids=as_typed)
@pytest.mark.parametrize(
    "model", [SGDClassifier(), LogisticRegression(), Lasso(0.01)], ids=as_typed
)
def test_without_intercept_there_is_still_none_afterwards(scaler, model):
    X, y = problem(model)
    scaler = clone(scaler).fit(X[:60])
    model = clone(model).set_params(fit_intercept=False).fit(scaler.transform(X[:60]), y[:60])
    assert_preserved(scaler, model, X[60:], X)
    assert not np.any(model.intercept_)


# -- through compositions --------------------------------------------------------------------------

# Steps so small that the model does not learn: what is left is the rewrite.
STILL = SGDClassifier(learning_rate="constant", eta0=1e-300, random_state=0)
STILL_REGRESSOR = SGDRegressor(learning_rate="constant", eta0=1e-300, random_state=0)


def warm(model, X, y):
    """Fit all, with a model that has learned something, and then stand still."""
    lively = {name: 0.01 for name in model.get_params() if name.endswith("eta0")}
    model = clone(model).set_params(**lively).fit(X, y)
    predictor_of(model)[0].set_params(eta0=1e-300)
    return model


def columns(*extra):
    parts = [("a", StandardScaler(), [1, 3]), ("b", MinMaxScaler(), [0]), *extra]
    return ColumnTransformer(parts, remainder="passthrough")


COMPOSITIONS = [
    make_pipeline(StandardScaler(), STILL),
    make_pipeline(columns(), STILL),
    make_pipeline(columns(("c", "passthrough", [3])), STILL),
    make_pipeline(columns(("c", make_pipeline(MaxAbsScaler(), MinMaxScaler()), [2, 3])), STILL),
    make_pipeline(columns(("c", columns().set_params(remainder="drop"), [0, 1, 2, 3])), STILL),
    make_pipeline(RobustScaler(), Pipeline([("s", StandardScaler()), ("no", None), ("m", STILL)])),
    make_pipeline(make_pipeline(RobustScaler(), columns()), STILL),
    make_pipeline(columns(), STILL_REGRESSOR),
    make_pipeline(
        StandardScaler(),
        TransformedTargetRegressor(STILL_REGRESSOR, transformer=StandardScaler()),
    ),
    TransformedTargetRegressor(
        make_pipeline(columns(), STILL_REGRESSOR), transformer=MinMaxScaler()
    ),
]


@pytest.mark.parametrize("composed", COMPOSITIONS, ids=as_typed)
@pytest.mark.no_cover
def test_decisions_do_not_move_through_compositions(composed):
    """Slices of a ColumnTransformer, nested too, the last step of an inner chain, targets changed.

    The rescalers have seen all rows, and a copy made by the Learner leaves the original alone.
    """
    X, y = problem(composed)
    model = warm(composed, X[:60], y[:60])
    expected, before = decisions(model, X), fingerprint(model)
    more = Rows(X[60:], y[60:], {}, np.arange(60, 120))
    twin = Learner(composed).continued(model, more)
    assert fingerprint(model) == before
    assert partial_fit(model, X[60:], y[60:]) is model
    for updated in (twin, model):
        np.testing.assert_allclose(decisions(updated, X), expected, rtol=1e-10, atol=1e-10)
    assert fingerprint(model) != before
    preserved = [step.path for step in explain_plan(composed).steps if step.on_update == "preserve"]
    assert preserved
    for path in preserved:
        scaler = at(model, path)
        if not isinstance(scaler, MaxAbsScaler) or path.endswith("scaler"):
            assert scaler.n_samples_seen_ == 120


def at(model, path):
    """Return the fitted step at a path."""
    for name in path.split("__"):
        if hasattr(model, "transformers_"):
            model = model.named_transformers_[name]
        elif hasattr(model, "regressor_"):
            model = model.regressor_
        else:
            model = model.named_steps[name]
    return model


def test_where_it_is_not_one_model_alone_the_rescaler_is_frozen():
    """In a FeatureUnion, nobody tells whose columns are whose."""
    union = make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())]), STILL)
    assert [step.on_update for step in explain_plan(union).steps] == ["freeze", "freeze", "update"]


# -- then learning goes on -------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_learning_goes_on_at_the_new_scale(n_classes):
    """Bit for bit like an SGD whose weights were rewritten by hand."""
    X, y = problem(SGDClassifier(), n_classes)
    pipeline = make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(X[:60], y[:60])
    old, new = pipeline[0], clone(pipeline[0]).fit(X[:60]).partial_fit(X[60:])
    oracle = copy_fitted(pipeline[1])
    ratio = (1 / old.scale_) / (1 / new.scale_)
    oracle.intercept_ += oracle.coef_ @ (-old.mean_ / old.scale_ + ratio * new.mean_ / new.scale_)
    oracle.coef_ *= ratio
    oracle.partial_fit(new.transform(X[60:]), y[60:])
    partial_fit(pipeline, X[60:], y[60:])
    np.testing.assert_allclose(pipeline[1].coef_, oracle.coef_, rtol=1e-12)
    np.testing.assert_allclose(pipeline[1].intercept_, oracle.intercept_, rtol=1e-12)
    assert pipeline[1].t_ == oracle.t_


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_perceptrons_go_on_at_the_new_scale(solver):
    """Their optimisers are kept, with all that they remember."""
    X, y = problem(MLPClassifier())
    mlp = MLPClassifier((4,), solver=solver, random_state=0, max_iter=3, shuffle=False)
    pipeline = fitted(make_pipeline(StandardScaler(), mlp), X[:60], y[:60])
    oracle, optimizer = copy_fitted(pipeline), vars(pipeline[1])["_optimizer"].__class__
    before = affine_of(oracle[0])
    oracle[0].partial_fit(X[60:])
    rewrite(oracle[1], slice(None), before, affine_of(oracle[0]))
    oracle[1].partial_fit(oracle[0].transform(X[60:]), y[60:])
    partial_fit(pipeline, X[60:], y[60:])
    assert fingerprint(pipeline) == fingerprint(oracle)
    assert isinstance(pipeline[1]._optimizer, optimizer)


def test_weights_of_the_scaler_reach_it():
    """StandardScaler takes ``sample_weight``; the count of its rows is then that of the weights."""
    X, y = problem(SGDClassifier())
    weight = np.full(60, 2.0)
    model = make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(X[:60], y[:60])
    oracle = clone(model[0]).fit(X[:60]).partial_fit(X[60:], sample_weight=weight)
    partial_fit(model, X[60:], y[60:], standardscaler__sample_weight=weight)
    np.testing.assert_array_equal(model[0].scale_, oracle.scale_)
    assert model[0].n_samples_seen_ == oracle.n_samples_seen_


@pytest.mark.no_cover
def test_a_constant_feature_that_begins_to_vary_is_followed():
    """As in elec2, where three features stand still for the first third: frozen, their scale is 1.

    They enter the model a hundred times too large, or a thousandth of what they should be.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4))
    y = (X[:, 0] + X[:, 3] > 0).astype(int)
    X = X * [1.0, 1.0, 500.0, 0.002]
    X[:400, 2:] = 0.0

    def accuracy(**steps):
        model = make_pipeline(StandardScaler(), SGDClassifier(random_state=0))
        model.fit(X[:200], y[:200])
        right = []
        for batch in batches(2000, 50, 200):
            right.append(model.predict(X[batch]) == y[batch])
            partial_fit(model, X[batch], y[batch], steps=steps)
        return np.mean(right[len(right) // 2 :])

    frozen, preserved = accuracy(standardscaler="freeze"), accuracy()
    assert preserved > frozen + 0.1
    assert preserved > 0.85


WEIGHTED = ColumnTransformer([("a", StandardScaler(), [0, 1])], transformer_weights={"a": 5.0})
OPEN_ENDED = Pipeline([("a", StandardScaler()), ("b", "passthrough")])


@pytest.mark.parametrize(
    ("before", "action"),
    [
        (WEIGHTED, "freeze"),
        (ColumnTransformer([("outer", WEIGHTED, [0, 1])]), "freeze"),
        (ColumnTransformer([("x", StandardScaler(), [0, 1])], transformer_weights={}), "preserve"),
        (OPEN_ENDED, "preserve"),
        (Pipeline([("x", OPEN_ENDED), ("y", None)]), "preserve"),
    ],
    ids=["weighted", "weighted inside", "no weights", "passthrough last", "twice"],
)
def test_what_stands_between_a_rescaler_and_the_model_moves_no_decision(before, action):
    """Weights of columns multiply what the model sees; a word at the end does nothing."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2))
    labels = (rows[:, 0] > 0).astype(int)
    model = Pipeline([("before", before), ("sgd", SGDClassifier(random_state=0))])
    model.fit(rows[:100], labels[:100])
    assert explain_plan(model).steps[0].on_update == action
    model["sgd"].set_params(learning_rate="constant", eta0=1e-300)  # only the scaler moves
    decisions = model.decision_function(rows)
    partial_fit(model, rows[100:] * 3 + 4, labels[100:])
    np.testing.assert_allclose(model.decision_function(rows), decisions, rtol=0, atol=1e-10)
