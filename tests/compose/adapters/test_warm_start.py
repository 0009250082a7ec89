"""Solvers that begin at the present coefficients: which do, and that they do nothing else."""

import contextlib
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LogisticRegression,
    MultiTaskLasso,
    Perceptron,
    PoissonRegressor,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.mixture import GaussianMixture
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import all_estimators

from skretrain.compose.adapters._base import Effort
from skretrain.compose.adapters._registry import adapter_of
from skretrain.compose.adapters._warm_start import WarmStartAdapter
from skretrain.utils._copy import copy_fitted
from skretrain.utils._sklearn_api import NEWTON_CHOLESKY_FORGETS

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning"),
]

ADAPTER, EFFORT = WarmStartAdapter(), Effort()

# With the parameters that decide whether warm_start does anything.
CONTINUED = [
    *(
        LogisticRegression(solver=solver, random_state=0)
        for solver in ("lbfgs", "newton-cg", "sag", "saga", "newton-cholesky")
        if solver != "newton-cholesky" or not NEWTON_CHOLESKY_FORGETS
    ),
    LogisticRegression(fit_intercept=False, class_weight="balanced"),
    MLPClassifier((6,), solver="lbfgs", random_state=0, max_iter=15),
    MLPClassifier((6,), solver="lbfgs", random_state=0, max_iter=15, early_stopping=True),
    MLPRegressor(hidden_layer_sizes=(6,), solver="lbfgs", random_state=0, max_iter=15),
    HuberRegressor(),
    PoissonRegressor(fit_intercept=False),
    TweedieRegressor(power=1.5, solver="newton-cholesky"),
    Lasso(alpha=0.01, selection="random", random_state=0),
]


def kinds():
    """The classes of scikit-learn that the adapter is for, found by their parameter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for name, kind in all_estimators():
            try:
                estimator = kind()
            except TypeError:  # meta-estimators
                continue
            params = estimator.get_params(deep=False)
            if "warm_start" in params and not hasattr(estimator, "partial_fit"):
                yield name, estimator


FOUND = dict(kinds())
# Others are continued as ensembles are, or not at all.
CONTINUED += [
    estimator.set_params(**{k: 0 for k in ("random_state",) if hasattr(estimator, k)})
    for estimator in FOUND.values()
    if isinstance(adapter_of(estimator)[0], WarmStartAdapter)
]


def data(estimator, n=150, seed=0):
    """Rows, and targets that this estimator takes: positive ones, classes, several, none."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    signal = X @ [1.0, -1.0, 0.5, 0.0] + 0.3 * rng.normal(size=n)
    if is_classifier(estimator) or "Neighborhood" in type(estimator).__name__:
        return X, np.digitize(signal, [-0.7, 0.7])
    if "MultiTask" in type(estimator).__name__:
        return X, np.column_stack([signal, -signal])
    if "Mixture" in type(estimator).__name__:
        return X, None
    return X, np.exp(signal / 3)


def state(model):
    ignored = ("warm_start", "_random_state")
    return joblib.hash({k: v for k, v in vars(model).items() if k not in ignored})


def updated(model, X, y, params=None):
    """The adapter's continuation of a copy; the model must stay as it was."""
    before = joblib.hash(model)
    twin = ADAPTER.copied(model)
    ADAPTER.update(twin, X, y, params or {}, EFFORT)
    assert joblib.hash(model) == before
    assert twin.warm_start is model.warm_start
    return twin


def label(value):
    return str(value).replace("\n", "")


def test_the_table_of_what_is_continued_has_not_changed():
    """A new class of scikit-learn with warm_start must be looked at: does it continue?"""
    continued = {type(estimator).__name__ for estimator in CONTINUED}
    assert continued == {
        *("BayesianGaussianMixture", "GaussianMixture"),
        *("ElasticNet", "Lasso", "MultiTaskElasticNet", "MultiTaskLasso"),
        *("GammaRegressor", "PoissonRegressor", "TweedieRegressor", "HuberRegressor"),
        *("LogisticRegression", "MLPClassifier", "MLPRegressor"),
        "NeighborhoodComponentsAnalysis",
    }
    ensembles = {name for name, e in FOUND.items() if hasattr(e, "n_estimators")}
    others = FOUND.keys() - ensembles - continued
    assert others == {
        *("GaussianProcessClassifier", "HistGradientBoostingClassifier"),
        "HistGradientBoostingRegressor",
    }


@pytest.mark.parametrize("estimator", CONTINUED, ids=label)
@pytest.mark.parametrize("as_given", [False, True])
@pytest.mark.no_cover
@pytest.mark.thinned(7)
def test_it_is_the_estimators_own_warm_start(estimator, as_given):
    """Bit for bit, on the rows learned before and on others, whatever the parameter was."""
    model = clone(estimator).set_params(warm_start=as_given).fit(*data(estimator))
    for seed in (0, 1):
        X, y = data(estimator, seed=seed)
        assert ADAPTER.refusal(model, y, EFFORT) == ""
        bare = copy_fitted(model).set_params(warm_start=True).fit(X, y)
        assert state(updated(model, X, y)) == state(bare)


@pytest.mark.parametrize("estimator", CONTINUED, ids=label)
@pytest.mark.no_cover
def test_it_begins_where_the_model_stands(estimator):
    """With a single iteration per fit, several of them get on; from scratch they would repeat."""
    # With little to do, a single one would be enough: several components, little shrinkage,
    # correlated features.
    harder = {"max_iter": 1, "tol": 1e-12, "n_components": 3, "alpha": 0.001}
    params = estimator.get_params()
    estimator = clone(estimator).set_params(**{k: v for k, v in harder.items() if k in params})
    X, y = data(estimator)
    X = X + 2 * X[:, [1, 2, 3, 0]]
    model = clone(estimator).fit(X, y)
    again = updated(model, X, y)
    assert state(clone(estimator).fit(X, y)) == state(model)
    assert any(
        np.any(np.asarray(value) != np.asarray(getattr(again, name)))
        for name, value in vars(model).items()
        if name in ("coef_", "means_", "components_")
    ) or (hasattr(model, "coefs_") and np.any(model.coefs_[0] != again.coefs_[0]))


def test_liblinear_ignores_warm_start():
    """The reason to refuse it: a warm fit is a cold one, bit for bit."""
    estimator = LogisticRegression(solver="liblinear", random_state=0)
    X, y = data(estimator)
    model = clone(estimator).fit(X[:50], y[:50] > 0)
    cold = clone(estimator).fit(X, y > 0)
    assert state(model.set_params(warm_start=True).fit(X, y > 0)) == state(cold)
    assert "ignores warm_start" in adapter_of(estimator)[1]


def test_a_gaussian_process_begins_its_kernel_anew():
    estimator = GaussianProcessClassifier(random_state=0)
    X, y = data(estimator, 60)
    y = y > 0
    model = clone(estimator).fit(X[:30], y[:30])
    cold = clone(estimator).fit(X, y)
    warm = model.set_params(warm_start=True).fit(X, y)
    np.testing.assert_allclose(warm.kernel_.theta, cold.kernel_.theta, rtol=1e-9)
    assert "begins with the kernel as given" in adapter_of(estimator)[1]


def test_huber_without_intercept_is_warm_started_with_one():
    """Its warm start drops an intercept that it has fitted: the coefficients are other ones."""
    estimator = HuberRegressor(fit_intercept=False)
    X, y = data(estimator)
    cold = clone(estimator).fit(X, y + 5)
    warm = clone(estimator).set_params(warm_start=True).fit(X, y + 5).fit(X, y + 5)
    with_intercept = HuberRegressor().fit(X, y + 5)
    np.testing.assert_allclose(warm.coef_, with_intercept.coef_, atol=0.01)
    assert np.abs(warm.coef_ - cold.coef_).max() > 0.1
    assert "fits an intercept" in adapter_of(estimator)[1]
    assert adapter_of(HuberRegressor())[1] == ""


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_perceptron_with_early_stopping_stops_at_once(solver):
    """It compares with the best score on the rows of the earlier fit: one epoch, and it is over."""
    estimator = MLPClassifier((8,), solver=solver, early_stopping=True, random_state=0)
    X, y = data(estimator, 600)
    model = clone(estimator).set_params(learning_rate_init=0.05).fit(X, y)
    turned = 2 - y
    assert clone(model).fit(X, turned).n_iter_ > 3
    assert model.set_params(warm_start=True).fit(X, turned).n_iter_ == 1
    assert "stops at once" in ADAPTER.why_not(estimator)
    assert ADAPTER.why_not(MLPClassifier(early_stopping=True, solver="lbfgs")) == ""


def test_a_cholesky_solver_is_refused_where_it_is_wrong():
    """Before scikit-learn 1.8 the warm fit ends at other probabilities than a cold one."""
    estimator = LogisticRegression(solver="newton-cholesky", tol=1e-8)
    X, y = data(estimator, 300)
    warm = clone(estimator).fit(X[:60], y[:60]).set_params(warm_start=True).fit(X, y)
    gap = np.abs(warm.predict_proba(X) - clone(estimator).fit(X, y).predict_proba(X)).max()
    refused = adapter_of(estimator)[1]
    assert refused or gap < 1e-6
    assert ("newton-cholesky" in refused) is NEWTON_CHOLESKY_FORGETS


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "sag", "saga"])
def test_labels_must_all_be_there(solver):
    """Else a class would be forgotten, or shapes would be found not to match in the middle."""
    model = LogisticRegression(solver=solver, random_state=0)
    X, y = data(model)
    model.fit(X, y)
    few = y > 0
    assert "the rows lack [0]" in ADAPTER.refusal(model, y[few], EFFORT)
    bare = copy_fitted(model).set_params(warm_start=True)
    with contextlib.suppress(ValueError):
        bare.fit(X[few], y[few])
    assert 0 not in bare.classes_


def test_labels_of_a_perceptron_must_all_be_there():
    model = MLPClassifier((4,), solver="lbfgs", max_iter=5, random_state=0)
    X, y = data(model)
    assert "the rows lack [2]" in ADAPTER.refusal(model.fit(X, y), y[y < 2], EFFORT)


@pytest.mark.parametrize("names", [["a", "b", "c", "dddd"], ["z", "y", "x", "a"], [9, 7, 5, 3]])
@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), MLPClassifier((8,), solver="lbfgs", random_state=0, alpha=0.1)],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.no_cover
def test_new_labels_are_fitted_in(model, names):
    """One comes to two or to three; it is known as well as a fresh fit knows it."""
    X, signal = np.random.default_rng(0).normal(size=(400, 4)), None
    signal = X @ [1.0, -1.0, 0.5, 0.0]
    y = np.array(names)[np.digitize(signal, [-1, 0, 1])]
    for known in (2, 3):
        first = np.isin(y, names[:known])
        old = clone(model).fit(X[first], y[first])
        rows = np.isin(y, names[: known + 1])
        assert ADAPTER.refusal(old, y[rows], EFFORT) == ""
        twin = updated(old, X[rows], y[rows])
        fresh = clone(model).fit(X[rows], y[rows])
        np.testing.assert_array_equal(twin.classes_, fresh.classes_)
        assert twin.score(X[rows], y[rows]) > fresh.score(X[rows], y[rows]) - 0.03


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(fit_intercept=False),
        LogisticRegression(class_weight={0: 1.0, 1: 2.0, 2: 1.0, 7: 3.0}),
    ],
)
def test_new_labels_that_do_not_fit_in_are_foreseen(model):
    X, y = data(model)
    model.fit(X, y)
    y[0] = 5
    assert "new classes [5]" in ADAPTER.refusal(model, y, EFFORT)


@pytest.mark.parametrize(
    ("model", "wide"),
    [
        (ElasticNet(), False),
        (MultiTaskLasso(), True),
        (Lasso(), True),
        (MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=5), True),
        (MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=5), False),
    ],
    ids=label,
)
def test_targets_must_have_as_many_columns(model, wide):
    X, y = data(ElasticNet())
    Y = np.column_stack([y, -y])
    model.fit(X, Y if wide else y)
    assert ADAPTER.refusal(model, Y if wide else y, EFFORT) == ""
    assert "outputs; the rows have" in ADAPTER.refusal(model, y if wide else Y, EFFORT)
    more = np.column_stack([Y, y])
    assert "the rows have 3" in ADAPTER.refusal(model, more, EFFORT)


def test_parameters_come_back_where_fit_fails():
    """A diverging solver, a bad row: the copy is thrown away, but it must not lie."""
    model = LogisticRegression().fit(*data(LogisticRegression()))
    twin = ADAPTER.copied(model)
    with pytest.raises(ValueError, match="NaN"):
        ADAPTER.update(twin, np.full((3, 4), np.nan), np.array([0, 1, 2]), {}, EFFORT)
    assert twin.warm_start is False


def test_rows_keep_their_weight():
    model = LogisticRegression()
    X, y = data(model)
    weight = np.linspace(0.1, 3, len(y))
    model.fit(X, y)
    bare = copy_fitted(model).set_params(warm_start=True).fit(X, y, sample_weight=weight)
    assert state(updated(model, X, y, {"sample_weight": weight})) == state(bare)


@pytest.mark.parametrize("as_container", [sparse.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("model", [LogisticRegression(), Lasso(alpha=0.01)], ids=label)
def test_rows_of_other_kinds(model, as_container):
    X, y = data(model)
    X = pd.DataFrame(X, columns=list("abcd")) if as_container is pd.DataFrame else as_container(X)
    model = clone(model).fit(X, y)
    bare = copy_fitted(model).set_params(warm_start=True).fit(X, y)
    assert state(updated(model, X, y)) == state(bare)


def test_a_mixture_has_no_targets_to_look_at():
    model = GaussianMixture(2, random_state=0)
    X, _ = data(model)
    assert ADAPTER.refusal(model.fit(X), None, EFFORT) == ""


@pytest.mark.parametrize(
    "model",
    [
        SGDClassifier(early_stopping=True, random_state=0),
        SGDClassifier(class_weight="balanced", average=True, random_state=0),
        Perceptron(class_weight="balanced"),
    ],
    ids=label,
)
def test_what_partial_fit_refuses_can_be_warm_started(model):
    """Early stopping and balanced weights belong to a whole fit, and it begins at the weights."""
    X, y = data(model)
    model = clone(model).fit(X, y)
    assert ADAPTER.why_not(model) == ""
    bare = copy_fitted(model).set_params(warm_start=True).fit(X, y)
    assert state(updated(model, X, y)) == state(bare)
    cold = clone(model).fit(X, y)
    assert state(bare) != state(cold)
