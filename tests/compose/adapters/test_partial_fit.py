"""Estimators with partial_fit: continued as scikit-learn does, or refused before it begins."""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.cluster import MiniBatchKMeans
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import all_estimators

from skretrain.compose._growth import grow_for
from skretrain.compose.adapters._base import Effort
from skretrain.compose.adapters._partial_fit import PartialFitAdapter
from skretrain.compose.adapters._registry import adapter_of
from skretrain.utils._copy import copy_fitted

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # PassiveAggressive* and lists of constants that scikit-learn has renamed.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning"),
]

ADAPTER, EFFORT = PartialFitAdapter(), Effort()
META = ("OneVsOneClassifier", "OneVsRestClassifier", "MultiOutputClassifier")


def instance(kind):
    """An estimator of this class that fits in no time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        if kind is MultiOutputRegressor:
            return kind(SGDRegressor(random_state=0))
        if kind.__name__ in (*META, "SelectFromModel"):
            return kind(SGDClassifier(random_state=0))
        estimator = kind()
        params = estimator.get_params()
        small = {"max_iter": 20, "n_iter": 3, "n_components": 2, "n_clusters": 2, "random_state": 0}
        # A cut that tells the counts apart, and every category that there is.
        small |= {"hidden_layer_sizes": (8,), "binarize": 2.5, "min_categories": 10}
        small |= {"learning_rate_init": 0.03}
        return estimator.set_params(**{k: v for k, v in small.items() if k in params})


KINDS = [kind for _, kind in all_estimators() if hasattr(kind, "partial_fit")]
CLASSIFIERS = [k for k in KINDS if is_classifier(instance(k)) and k is not MultiOutputClassifier]
OTHERS = [k for k in KINDS if k not in CLASSIFIERS and k is not MultiOutputClassifier]

LABELS = {
    "int": (np.array([3, 5, 8]), 4),
    "text": (np.array(["ape", "bee", "cat"]), "a very long name"),
    "bool": (np.array([False, True]), 2),
}


def rows(n, labels, seed=0):
    """Small counts around one centre per label: every family can take them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(len(labels), size=n)
    y[: len(labels)] = np.arange(len(labels))
    X = rng.poisson(1 + 4 * np.eye(5)[y])
    return np.minimum(X, 9), np.asarray(labels)[y]


def targets_of(kind, X, seed=0):
    """Targets for what is no classifier."""
    y = X @ np.arange(5.0) + np.random.default_rng(seed).normal(size=len(X))
    if kind is MultiOutputRegressor:
        return np.column_stack([y, -y])
    if kind is SelectFromModel:
        return (X[:, 0] > 2).astype(int)
    return y if is_regressor(instance(kind)) else None


def state(model):
    """All that its future depends on."""
    return joblib.hash({k: v for k, v in vars(model).items() if k != "_random_state"})


def updated(model, X, y, params=None, effort=EFFORT):
    """The adapter's continuation of a copy; the model must stay as it was."""
    before = state(model)
    twin = ADAPTER.copied(model)
    ADAPTER.update(twin, X, y, params or {}, effort)
    assert state(model) == before
    return twin


def as_floats(kind, X):
    return X / 9 if kind.__name__ == "BernoulliRBM" else X.astype(float)


@pytest.mark.parametrize("kind", CLASSIFIERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("started", ["fit", "partial_fit"])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_batches_of_known_labels_go_on_as_bare_ones_do(kind, labels, started):
    """All labels, some of them, one of them: the estimator's own partial_fit, bit for bit."""
    known, _ = LABELS[labels]
    X, y = rows(120, known)
    model = instance(kind)
    if started == "fit" or (kind is OneVsOneClassifier and labels == "text"):
        model.fit(X, y)
    else:
        model.partial_fit(X, y, classes=known)
    for some in (known, known[:2], known[-1:]):
        X, y = rows(40, some, 1)
        reason = ADAPTER.refusal(model, y, EFFORT)
        if kind is OneVsOneClassifier and labels == "text":
            assert "text" in reason
            continue
        assert reason == ""
        twin, bare = updated(model, X, y), copy_fitted(model).partial_fit(X, y)
        X, _ = rows(100, known, 2)
        np.testing.assert_array_equal(twin.predict(X), bare.predict(X))
        assert state(twin) == state(bare)


@pytest.mark.parametrize("kind", CLASSIFIERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_a_new_label_is_learned_or_foreseen(kind, labels):
    """Foreseen are those of estimators that delegate; all others know it afterwards."""
    known, new = LABELS[labels]
    everything = np.array([*known, new])
    model = instance(kind).fit(*rows(200, known))
    X, y = rows(200, everything, 1)
    reason = ADAPTER.refusal(model, y, EFFORT)
    if kind.__name__ in META:
        assert "new classes" in reason
        return
    assert reason == ""
    twin = updated(model, X, y, effort=Effort(n_passes=30))
    assert twin.classes_.tolist() == sorted(everything.tolist())
    assert model.classes_.tolist() == known.tolist()
    X, y = rows(300, everything, 2)
    assert twin.score(X[y == new], y[y == new]) > 0.5
    assert twin.score(X, y) > 0.6


def test_one_vs_one_would_misread_text():
    """What the obstacle is for: it writes numbers into an array of text, and fails, or worse."""
    X, y = rows(300, ["ape", "bee", "cat"])
    model = OneVsOneClassifier(SGDClassifier(random_state=0))
    model.fit(X, y)
    assert ADAPTER.refusal(model, y, EFFORT) != ""
    with pytest.raises(ValueError, match="valid labels"):
        model.partial_fit(X, y)


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__name__)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_what_is_no_classifier_goes_on_as_bare(kind):
    """Regressors, transformers, clusterers, novelty detectors: bit for bit, on any batch size."""
    X, _ = rows(120, [0, 1, 2])
    X = as_floats(kind, X)
    model = instance(kind)
    model.fit(X, targets_of(kind, X))
    for n, seed in ((60, 1), (5, 2), (1, 3)):
        X, _ = rows(max(n, 3), [0, 1, 2], seed)
        X = as_floats(kind, X)[:n]
        y = targets_of(kind, X, seed)
        assert ADAPTER.refusal(model, y, EFFORT) == ""
        bare = copy_fitted(model)
        bare.partial_fit(X, y)
        assert state(updated(model, X, y)) == state(bare)


def test_passes_and_weights_reach_partial_fit():
    X, y = rows(100, [0, 1])
    weight = np.linspace(0.1, 2, 100)
    model = SGDClassifier(random_state=0).fit(X, y)
    twin = updated(model, X, y, {"sample_weight": weight}, Effort(n_passes=3))
    bare = copy_fitted(model)
    for _ in range(3):
        bare.partial_fit(X, y, sample_weight=weight)
    assert state(twin) == state(bare)


def test_reheating_restarts_the_step_size():
    X, y = rows(100, [0, 1])
    model = SGDClassifier(random_state=0).fit(X, y)
    bare = copy_fitted(model)
    bare.t_ = 1.0
    assert state(updated(model, X, y, effort=Effort(reheat=True))) == state(bare.partial_fit(X, y))


def test_an_averaging_model_grows_before_it_is_reheated():
    """Which of its sets of weights it shows depends on the step that reheating takes back."""
    model = SGDClassifier(average=True, random_state=0).fit(*rows(100, [0, 1]))
    X, y = rows(100, [0, 1, 2], 1)
    twin = updated(model, X, y, effort=Effort(reheat=True))
    by_hand = copy_fitted(model)
    grow_for(by_hand, y)
    assert by_hand.coef_ is by_hand._average_coef
    by_hand.t_ = 1.0
    assert state(twin) == state(by_hand.partial_fit(X, y))


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (SGDClassifier(early_stopping=True), "SGDClassifier has no partial_fit with early_stop"),
        (SGDClassifier(early_stopping=np.True_), "early_stopping=True"),
        (SGDRegressor(early_stopping=True), "early_stopping=True"),
        (Perceptron(class_weight="balanced"), "class_weight='balanced'"),
        (MLPClassifier(early_stopping=True), "early_stopping=True"),
        (OneVsRestClassifier(SGDClassifier(class_weight="balanced")), "SGDClassifier has no"),
        (MultiOutputClassifier(MLPClassifier(early_stopping=True)), "MLPClassifier has no"),
        (MultiOutputClassifier(MLPClassifier(warm_start=True)), "every class in every batch"),
        (MultiOutputClassifier(FrozenEstimator(GaussianNB())), "frozen part"),
        (SelectFromModel(SGDClassifier(), prefit=True), "learns nothing with prefit=True"),
    ],
    ids=str,
)
def test_parameters_that_partial_fit_refuses(estimator, reason):
    assert reason in ADAPTER.why_not(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(class_weight={0: 2.0}),
        SGDClassifier(warm_start=True),
        OneVsRestClassifier(SGDClassifier(warm_start=True)),
        MLPClassifier(warm_start=True),
        MiniBatchKMeans(),
        SelectFromModel(SGDClassifier()),
    ],
    ids=str,
)
def test_parameters_that_it_accepts(estimator):
    assert ADAPTER.why_not(estimator) == ""


def test_an_object_without_parameters_is_trusted():
    class Plain:
        def partial_fit(self, X, y):
            return self

    assert ADAPTER.why_not(Plain()) == ""


def test_a_perceptron_with_another_solver_has_no_partial_fit():
    """It is continued by warm_start, and told from the others by ``hasattr``."""
    assert adapter_of(MLPClassifier())[0].method == "partial_fit"
    assert adapter_of(MLPClassifier(solver="lbfgs"))[0].method == "warm_start"
    assert adapter_of(MultiOutputClassifier(LogisticRegression())) == (
        None,
        "MultiOutputClassifier has neither partial_fit nor warm_start",
    )


@pytest.mark.parametrize("some", [[0, 1, 2], [0, 1], [2], [1, 2, 3]])
def test_a_perceptron_with_warm_start_takes_batches_that_lack_a_class(some):
    """Its own partial_fit refuses them, though it goes on just as without the parameter."""
    model = MLPClassifier((8,), max_iter=5, warm_start=True, random_state=0)
    model.fit(*rows(100, [0, 1, 2]))
    X, y = rows(50, some, 1)
    assert ADAPTER.refusal(model, y, EFFORT) == ""
    twin = updated(model, X, y)
    plain = copy_fitted(model).set_params(warm_start=False)
    ADAPTER.update(plain, X, y, {}, EFFORT)
    assert twin.warm_start is True
    assert state(plain.set_params(warm_start=True)) == state(twin)


def test_parameters_come_back_where_partial_fit_fails():
    model = MLPClassifier((4,), max_iter=5, warm_start=True).fit(*rows(50, [0, 1]))
    with pytest.raises(ValueError, match="features"):
        ADAPTER.update(model, np.ones((2, 1)), np.array([0, 1]), {}, EFFORT)
    assert model.warm_start is True


MULTILABEL = [MultiOutputClassifier(SGDClassifier(random_state=0)), MLPClassifier((8,), max_iter=5)]


@pytest.mark.parametrize("model", MULTILABEL, ids=lambda model: type(model).__name__)
def test_several_labels_per_row(model):
    """Known labels and as many columns go on; the others are foreseen."""
    X, y = rows(100, [0, 1])
    Y = np.column_stack([y, 1 - y, X[:, 0] > 2]).astype(int)
    model = clone(model).set_params(**{k: 0 for k in ("random_state",) if hasattr(model, k)})
    model.fit(X, Y)
    assert ADAPTER.refusal(model, Y[:10], EFFORT) == ""
    assert state(updated(model, X, Y)) == state(copy_fitted(model).partial_fit(X, Y))
    few = Y[Y[:, 0] == 1]
    assert ADAPTER.refusal(model, few, EFFORT) == ""
    updated(model, X[Y[:, 0] == 1], few)
    for other in (Y[:, :2], np.column_stack([Y, y]), y):
        assert "has 3 outputs" in ADAPTER.refusal(model, other, EFFORT)


def test_a_new_label_in_one_of_several_outputs_is_foreseen():
    """Text, too; each output has classes of its own."""
    X, y = rows(100, [0, 1])
    Y = np.column_stack([np.array(["a", "b"])[y], np.array(["c", "d"])[y]])
    model = MultiOutputClassifier(SGDClassifier(random_state=0)).fit(X, Y)
    assert ADAPTER.refusal(model, Y, EFFORT) == ""
    Y[3, 1] = "a"
    assert ADAPTER.refusal(model, Y, EFFORT) == "the model cannot take in new classes ['a']"


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputRegressor(SGDRegressor(random_state=0)),
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=5),
    ],
    ids=lambda model: type(model).__name__,
)
def test_several_numbers_per_row(model):
    X, y = rows(50, [0, 1])
    Y = np.column_stack([y, y + 1.0])
    model = clone(model).fit(X, Y)
    assert ADAPTER.refusal(model, Y, EFFORT) == ""
    assert "has 2 outputs; the rows have 1" in ADAPTER.refusal(model, y, EFFORT)
    assert "the rows have 3" in ADAPTER.refusal(model, np.column_stack([Y, y]), EFFORT)


def test_one_number_per_row_stays_one():
    X, y = rows(50, [0, 1])
    model = SGDRegressor(random_state=0).fit(X, y)
    assert "has 1 outputs" in ADAPTER.refusal(model, np.column_stack([y, y]), EFFORT)
    assert ADAPTER.refusal(model, None, EFFORT) == ""


def test_a_meta_estimator_with_a_constant_part():
    """After a fit on one class, one-vs-rest has a part that only repeats it."""
    X, y = rows(50, [0, 1])
    with pytest.warns(UserWarning, match="present in all"):
        model = OneVsRestClassifier(SGDClassifier()).fit(X, np.column_stack([y, np.ones(50, int)]))
    reason = ADAPTER.refusal(model, np.column_stack([y, y]), EFFORT)
    assert reason == "OneVsRestClassifier has parts without partial_fit: ['_ConstantPredictor']"


def test_a_selector_asks_the_model_inside():
    """It passes the rows on; a label that its model cannot take must be foreseen there."""
    X, y = rows(100, [0, 1])
    inner = SGDClassifier(random_state=0, fit_intercept=False)
    model = SelectFromModel(inner).fit(X, y)
    assert ADAPTER.refusal(model, y, EFFORT) == ""
    assert "new classes [7]" in ADAPTER.refusal(model, np.array([0, 7]), EFFORT)


def test_new_labels_of_a_subclass_are_not_taken():
    class Mine(SGDClassifier):
        pass

    model = Mine(random_state=0).fit(*rows(50, [0, 1]))
    assert "new classes [2]" in ADAPTER.refusal(model, np.array([0, 2]), EFFORT)
    assert Ridge().get_params()  # what has no partial_fit is not ours
    assert adapter_of(Ridge())[0] is None
