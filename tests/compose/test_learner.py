"""How a base is fitted and continued, and that the model it came from is left alone."""

import numpy as np
import pytest
from helpers import assert_same_outputs, fingerprint, stream
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skretrain.buffers import Rows
from skretrain.compose._learner import Learner, continuation, fill_seeds

X, Y = stream(300, n_classes=3)


def rows(part=slice(None), y=Y, **params):
    index = np.arange(len(X))[part]
    params = {name: values[part] for name, values in params.items()}
    return Rows(X[part], None if y is None else y[part], params, index)


class Foreign:
    """Nothing of scikit-learn: no get_params."""


@pytest.mark.parametrize(
    ("base", "means", "why_not"),
    [
        (GaussianNB(), "partial_fit", ""),
        (SGDClassifier(), "partial_fit", ""),
        (MLPClassifier(), "partial_fit", ""),
        (MLPClassifier(solver="lbfgs"), "warm_start", ""),
        (LogisticRegression(), "warm_start", ""),
        (Lasso(), "warm_start", ""),
        (SGDClassifier(early_stopping=True), None, "no partial_fit with early_stopping=True"),
        (MLPClassifier(early_stopping=True), None, "no partial_fit with early_stopping=True"),
        (SGDClassifier(class_weight="balanced"), None, "class_weight='balanced'"),
        (SGDClassifier(class_weight={0: 1, 1: 2}), "partial_fit", ""),
        (RandomForestClassifier(), None, "adds members"),
        (BaggingClassifier(), None, "adds members"),
        (HistGradientBoostingClassifier(), None, "adds members"),
        (DecisionTreeClassifier(), None, "neither partial_fit nor warm_start"),
        (Ridge(), None, "neither partial_fit nor warm_start"),
        (make_pipeline(StandardScaler(), SGDClassifier()), None, "neither"),
        (Foreign(), None, "Foreign has neither"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_means_of_continuation(base, means, why_not):
    """Told from class and parameters alone, with the reason why there is none."""
    found, reason = continuation(base)
    assert found == means
    assert why_not in reason


@pytest.mark.parametrize("before", [[0, 1], [0, 1, 2]])
@pytest.mark.parametrize("now", [[0, 1], [0, 1, 2], [1], [1, 2]])
@pytest.mark.parametrize("base", [GaussianNB(), LogisticRegression()], ids=["partial", "warm"])
def test_what_is_not_refused_works(base, before, now):
    """Trap 18: same, fewer or more classes; it is known before anything is fitted."""
    learner = Learner(base)
    known, new = np.isin(Y, before), np.isin(Y, now)
    model = learner.fresh(rows(known), 0)
    refusal = learner.refusal(model, rows(new), np.unique(Y))
    grows = set(now) > set(before) or not set(now) <= set(before)
    lacks = not set(before) <= set(now)
    assert bool(refusal) == (grows or (isinstance(base, LogisticRegression) and lacks))
    if not refusal:
        np.testing.assert_array_equal(learner.continued(model, rows(new)).classes_, before)


def test_no_means_is_a_refusal():
    learner = Learner(DecisionTreeClassifier())
    model = learner.fresh(rows(), 0)
    assert "neither" in learner.refusal(model, rows(), np.unique(Y))


def test_regressions_and_several_outputs_are_never_refused_for_classes():
    learner = Learner(Lasso())
    model = learner.fresh(rows(y=X[:, 0]), 0)
    assert learner.refusal(model, rows(y=X[:, 0]), None) == ""


@pytest.mark.parametrize(
    "base", [SGDClassifier(random_state=0), LogisticRegression()], ids=["partial", "warm"]
)
def test_continuing_leaves_the_model_alone(base):
    """Trap 38: the copy learns, the original predicts as before."""
    learner = Learner(base)
    model = learner.fresh(rows(slice(0, 200)), 0)
    before = fingerprint(model)
    continued = learner.continued(model, rows(slice(100, 300)))
    assert fingerprint(model) == before
    assert fingerprint(continued) != before


def test_own_warm_start_is_switched_back():
    """Switched on for the one fit, so that the model's parameters are those of the base."""
    for given in (True, False):
        learner = Learner(LogisticRegression(warm_start=given))
        model = learner.continued(learner.fresh(rows(), 0), rows())
        assert model.warm_start is given


def test_rows_of_weight_zero_are_left_out_of_a_continuation():
    """Trap 23; with all of them, the model is as it was."""
    weight = np.ones(300)
    weight[::2] = 0
    learner = Learner(SGDClassifier(random_state=0))
    model = learner.fresh(rows(slice(0, 100)), 0)
    got = learner.continued(model, rows(slice(100, 300), sample_weight=weight))
    odd = slice(101, 300, 2)
    oracle = clone(model).fit(X[:100], Y[:100])
    oracle.partial_fit(X[odd], Y[odd], sample_weight=np.ones(100))
    assert fingerprint(got) == fingerprint(oracle)
    nothing = learner.continued(model, rows(slice(100, 300), sample_weight=np.zeros(300)))
    assert fingerprint(nothing) == fingerprint(model)
    assert nothing is not model


def test_starting_is_partial_fit_on_a_blank_clone():
    base = SGDClassifier(random_state=0)
    got = Learner(base).started(rows(slice(0, 50)), 0, [0, 1, 2])
    oracle = clone(base).partial_fit(X[:50], Y[:50], classes=[0, 1, 2])
    assert fingerprint(got) == fingerprint(oracle)
    assert not hasattr(base, "coef_")


def test_metadata_goes_where_the_route_sends_it():
    """None passes all; a route is asked for each method by name."""
    asked = []

    def route(method, params):
        asked.append((method, sorted(params)))
        return {"sample_weight": 2 * params["sample_weight"]}

    learner = Learner(GaussianNB(), route=route)
    weight = np.arange(1.0, 301)
    model = learner.fresh(rows(sample_weight=weight), 0)
    learner.continued(model, rows(sample_weight=weight))
    assert {method for method, _ in asked} == {"fit", "partial_fit"}
    assert {tuple(names) for _, names in asked} == {("sample_weight",)}
    assert_same_outputs(model, GaussianNB().fit(X, Y, 2 * weight), X)
    plain = Learner(GaussianNB()).fresh(rows(sample_weight=weight), 0)
    assert_same_outputs(plain, GaussianNB().fit(X, Y, weight), X)


def test_seeds_fill_only_what_is_none_and_differ_by_fit():
    """Every nested ``random_state`` gets its own; one that was given stays."""
    base = BaggingClassifier(SGDClassifier(random_state=5))
    one, same, other = (clone(base) for _ in range(3))
    fill_seeds(one, 3, 0)
    fill_seeds(same, 3, 0)
    fill_seeds(other, 3, 1)
    assert one.estimator.random_state == 5
    assert one.random_state == same.random_state != other.random_state
    two = BaggingClassifier(SGDClassifier())
    fill_seeds(two, 3, 0)
    assert two.random_state != two.estimator.random_state
    assert 0 <= two.random_state < 2**31
    without = GaussianNB()
    fill_seeds(without, 3, 0)
    assert without.get_params() == GaussianNB().get_params()
