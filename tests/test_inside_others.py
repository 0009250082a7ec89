"""Retrainers and mixtures as the inner estimator of others, which look at what they can do."""

import inspect
import pickle

import numpy as np
import pytest
from helpers import stream
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import has_fit_parameter

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit

X, Y = stream(300)
WEIGHT = np.random.default_rng(0).uniform(0.1, 3, 300)


def mixture(*bases):
    return MixtureRetrainer([(f"m{k}", DriftAwareRetrainer(base)) for k, base in enumerate(bases)])


WRAPPERS = {"drift": DriftAwareRetrainer, "replay": ReplayPartialFit, "mixture": mixture}


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize(
    ("base", "takes"),
    [
        (GaussianNB(), True),
        (LinearRegression(), True),
        (KNeighborsClassifier(), False),
        (make_pipeline(GaussianNB()), False),
        (None, False),
    ],
    ids=repr,
)
def test_fit_shows_weights_exactly_where_the_base_takes_them(wrapper, base, takes):
    """Other estimators read it in the signature; so does scikit-learn's own question."""
    assert has_fit_parameter(wrapper(base), "sample_weight") is takes
    assert "sample_weight" not in inspect.signature(type(wrapper(base)).fit).parameters
    assert wrapper(base).fit.__doc__ == type(wrapper(base)).fit.__doc__


def test_a_mixture_shows_weights_where_all_its_members_take_them():
    assert has_fit_parameter(mixture(GaussianNB(), LogisticRegression()), "sample_weight")
    assert not has_fit_parameter(mixture(GaussianNB(), KNeighborsClassifier()), "sample_weight")
    for junk in (None, 3, [], ["ab", 3]):
        assert not has_fit_parameter(MixtureRetrainer(junk), "sample_weight")


@pytest.mark.parametrize("wrapper", [DriftAwareRetrainer, ReplayPartialFit])
@pytest.mark.parametrize(
    "make",
    [
        lambda base: AdaBoostClassifier(base, n_estimators=3, random_state=0),
        lambda base: CalibratedClassifierCV(base, cv=3),
        lambda base: BaggingClassifier(base, n_estimators=3, random_state=0),
    ],
    ids=["AdaBoost", "Calibrated", "Bagging"],
)
def test_weights_reach_the_base_inside_an_ensemble(wrapper, make):
    """The same probabilities as with the base itself."""
    bare = make(GaussianNB()).fit(X, Y, sample_weight=WEIGHT)
    wrapped = make(wrapper(GaussianNB())).fit(X, Y, sample_weight=WEIGHT)
    np.testing.assert_allclose(wrapped.predict_proba(X), bare.predict_proba(X))
    unweighted = make(GaussianNB()).fit(X, Y)
    assert np.abs(unweighted.predict_proba(X) - bare.predict_proba(X)).max() > 0.01


def test_weights_reach_the_base_for_each_of_several_outputs():
    both = np.column_stack([Y, 1 - Y])
    bare = MultiOutputClassifier(GaussianNB()).fit(X, both, sample_weight=WEIGHT)
    model = MultiOutputClassifier(DriftAwareRetrainer(GaussianNB()))
    wrapped = model.fit(X, both, sample_weight=WEIGHT)
    for ours, theirs in zip(wrapped.predict_proba(X), bare.predict_proba(X), strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_weights_reach_the_base_where_outliers_are_left_out():
    target = X[:, 0] + 0.1 * X[:, 1]
    bare = RANSACRegressor(LinearRegression(), min_samples=50, random_state=0)
    wrapped = RANSACRegressor(
        DriftAwareRetrainer(LinearRegression()), min_samples=50, random_state=0
    )
    for model in (bare, wrapped):
        model.fit(X, target, sample_weight=WEIGHT)
    np.testing.assert_allclose(wrapped.predict(X), bare.predict(X))


def test_weights_are_what_they_are_by_position_or_by_name():
    by_position = DriftAwareRetrainer(GaussianNB()).fit(X, Y, WEIGHT)
    by_name = DriftAwareRetrainer(GaussianNB()).fit(X, Y, sample_weight=WEIGHT)
    np.testing.assert_array_equal(by_position.predict_proba(X), by_name.predict_proba(X))
    fit = pickle.loads(pickle.dumps(DriftAwareRetrainer(GaussianNB()).fit))
    np.testing.assert_array_equal(fit(X, Y, WEIGHT).predict_proba(X), by_name.predict_proba(X))
