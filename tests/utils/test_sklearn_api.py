"""What is used of scikit-learn's private parts, and what stands in for what an old one lacks."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import assert_same_outputs, fingerprint, stream
from scipy.sparse import csr_matrix
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skretrain import DriftAwareRetrainer
from skretrain.utils._sklearn_api import (
    predict_of,
    predict_proba_of,
    reheated,
    renews_its_generator,
    response_methods,
    routing_enabled,
)

X, Y = stream(300)


@pytest.mark.parametrize(
    ("scorer", "methods"),
    [
        (get_scorer("accuracy"), ("predict",)),
        (get_scorer("neg_log_loss"), ("predict_proba",)),
        (get_scorer("roc_auc"), ("decision_function", "predict_proba")),
        (make_scorer(accuracy_score), ("predict",)),
        (lambda estimator, X, y: 0.0, None),
    ],
    ids=["accuracy", "log loss", "auc", "made", "callable"],
)
def test_what_a_scorer_asks_for(scorer, methods):
    assert response_methods(scorer) == methods


def test_a_scorer_that_says_default_does_not_say():
    scorer = make_scorer(accuracy_score)
    scorer._response_method = "default"
    assert response_methods(scorer) is None


def test_routing_is_what_the_configuration_says():
    for enabled in (True, False):
        with sklearn.config_context(enable_metadata_routing=enabled):
            assert routing_enabled() is enabled


@pytest.mark.parametrize(
    ("kind", "renews"),
    [(MLPClassifier, True), (MLPRegressor, True), (SGDClassifier, False), (int, False)],
)
def test_perceptrons_renew_their_generator(kind, renews):
    """The assumption under which copy_fitted shares the one they leave behind."""
    assert renews_its_generator(kind) is renews
    if renews:
        model = kind(hidden_layer_sizes=(2,), random_state=0)
        declared = {"classes": [0, 1]} if kind is MLPClassifier else {}
        left_behind = model.partial_fit(X, Y, **declared)._random_state
        assert model.partial_fit(X, Y)._random_state is not left_behind


def test_reheating_a_model_without_a_schedule_changes_nothing():
    model = GaussianNB().fit(X, Y)
    before = fingerprint(model)
    assert reheated(model) is model
    assert fingerprint(model) == before


# -- forests without their pool ----------------------------------------------------------------

FORESTS = [
    RandomForestClassifier,
    ExtraTreesClassifier,
    RandomForestRegressor,
    ExtraTreesRegressor,
]
FRAME = pd.DataFrame(X, columns=list("abcd"))
ROWS = {"array": X, "single": X.astype(np.float32), "frame": FRAME, "sparse": csr_matrix(X)}
TARGETS = {
    "binary": Y,
    "three classes": stream(300, n_classes=3)[1],
    "text": np.array(["no", "yes", "perhaps"])[stream(300, n_classes=3)[1]],
    "truth": Y == 1,
    "number": X[:, 0] + X[:, 1] ** 2,
    "two outputs": np.column_stack([Y, 1 - Y]),
}


def answers(model, rows):
    """Return what skretrain takes a forest to say; a shortcut never asks for its methods."""
    methods = ("predict", "predict_proba") if hasattr(model, "predict_proba") else ("predict",)
    ours = {"predict": predict_of, "predict_proba": predict_proba_of}
    return {method: (ours[method](model, rows), getattr(model, method)(rows)) for method in methods}


def assert_same_bits(found, expected):
    if isinstance(expected, list):  # several outputs
        for one, other in zip(found, expected, strict=True):
            assert_same_bits(one, other)
        return
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", FORESTS)
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_a_forest_says_the_same_without_its_pool(kind, target, rows):
    """Bit for bit, with the same types, for one row as for all; several outputs fall back."""
    if is_regressor(kind()) and target in ("text", "truth"):
        return
    if is_classifier(kind()) and target == "number":
        return
    model = kind(7, random_state=0).fit(ROWS[rows], TARGETS[target])
    for piece in (ROWS[rows], ROWS[rows][:1]):
        for found, expected in answers(model, piece).values():
            assert_same_bits(found, expected)


class MyForest(RandomForestClassifier):
    """May answer what it likes."""

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


FALL_BACK = {
    "several jobs": RandomForestClassifier(3, n_jobs=2),
    "several outputs": RandomForestClassifier(3),
    "talks": ExtraTreesClassifier(3, verbose=1),
    "subclass": MyForest(3),
    "no forest": GaussianNB(),
}


@pytest.mark.parametrize("case", FALL_BACK)
def test_what_is_no_plain_forest_is_asked_itself(case, capsys):
    model = clone(FALL_BACK[case]).fit(X, TARGETS["two outputs"] if "outputs" in case else Y)
    for method, ask in (("predict", predict_of), ("predict_proba", predict_proba_of)):
        assert_same_bits(ask(model, X), getattr(model, method)(X))
        setattr(model, method, lambda rows: "asked")
        assert ask(model, X) == "asked"


@pytest.mark.parametrize("jobs", [None, 1])
@pytest.mark.parametrize("kind", FORESTS)
def test_a_plain_forest_is_not_asked_itself(kind, jobs):
    model = kind(3, n_jobs=jobs).fit(X, Y)
    expected = model.predict(X)
    model.predict = model.predict_proba = None
    np.testing.assert_array_equal(predict_of(model, X), expected)


@pytest.mark.parametrize("kind", FORESTS)
def test_a_forest_refuses_what_it_would_refuse(kind):
    """Bad rows raise the forest's own errors, and a forest that was never fitted its own, too."""
    model = kind(3).fit(FRAME, Y)
    for ask in (predict_of, predict_proba_of)[: 1 + is_classifier(model)]:
        with pytest.raises(ValueError, match="feature names should match"):
            ask(model, FRAME[list("abc")])
        with pytest.raises(ValueError, match="infinity"):
            ask(model, FRAME + np.inf)
        with pytest.raises(ValueError, match="feature names should match"):
            ask(model, FRAME[list("abdc")])
        with pytest.raises(NotFittedError):
            ask(kind(3), X)


@pytest.mark.parametrize("kind", FORESTS)
def test_a_retrainer_of_a_forest_says_what_the_forest_says(kind):
    model = DriftAwareRetrainer(kind(5, random_state=0), update=None).fit(X, Y)
    assert_same_outputs(model, kind(5, random_state=0).fit(X, Y), X)
