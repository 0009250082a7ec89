"""A copy of a fitted model is independent of it, continues identically, and keeps identities."""

import copy

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain.utils._copy import copy_fitted

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] > 0).astype(int)

INCREMENTAL = {
    "sgd": SGDClassifier(random_state=0, average=True),
    "naive Bayes": GaussianNB(),
    "perceptron, seeded": MLPClassifier((3,), random_state=0),
    "perceptron, its own generator": MLPClassifier((3,), random_state=np.random.RandomState(0)),
}


@pytest.mark.parametrize("name", INCREMENTAL)
def test_copy_continues_as_a_deep_copy_does_and_leaves_the_model_alone(name):
    model = copy.deepcopy(INCREMENTAL[name]).partial_fit(X, y, classes=[0, 1])
    before = model.predict_proba(X) if hasattr(model, "predict_proba") else model.coef_.copy()
    ours, oracle = copy_fitted(model), copy.deepcopy(model)
    for _ in range(3):
        ours.partial_fit(X, y)
        oracle.partial_fit(X, y)
    after = model.predict_proba(X) if hasattr(model, "predict_proba") else model.coef_
    np.testing.assert_array_equal(before, after)
    for key in ("coef_", "theta_", "coefs_"):
        for mine, theirs in zip(getattr(ours, key, ()), getattr(oracle, key, ()), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64, np.random.SFC64])
def test_copied_random_state_draws_the_same_numbers_and_not_from_the_original(bits):
    state = np.random.RandomState(bits(3))
    state.standard_normal()  # leaves a second normal number waiting
    copied = copy_fitted(state)
    expected = copy.deepcopy(state).standard_normal(5)
    np.testing.assert_array_equal(copied.standard_normal(5), expected)
    np.testing.assert_array_equal(state.standard_normal(5), expected)


def test_global_random_state_stays_the_global_one():
    """``random_state=None`` means the generator that ``numpy.random.seed`` sets."""
    assert copy_fitted([np.random.mtrand._rand])[0] is np.random.mtrand._rand


def test_two_names_of_one_object_name_one_object_in_the_copy():
    shared = np.zeros(2)
    copied = copy_fitted({"a": shared, "b": [shared, "text"], "c": (shared, 1), "d": (1, 2)})
    assert copied["a"] is copied["b"][0] is copied["c"][0]
    assert copied["a"] is not shared
    assert copied["b"][1] == "text"
    assert copied["d"] == (1, 2)


def test_generator_that_is_the_parameter_is_copied_with_it():
    model = MLPClassifier((3,), random_state=np.random.RandomState(0))
    copied = copy_fitted(model.partial_fit(X, y, classes=[0, 1]))
    assert copied._random_state is copied.random_state
    assert copied.random_state is not model.random_state


def test_pipelines_and_trees_are_copied_whole():
    """What is not plain Python (a compiled tree) goes through deepcopy."""
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(X, y)
    copied = copy_fitted(model)
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
    copied[0].mean_ += 1
    assert not np.array_equal(copied[0].mean_, model[0].mean_)
    assert copied[1].estimators_[0].tree_ is not model[1].estimators_[0].tree_
