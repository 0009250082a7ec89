"""Retrainers and mixtures as the inner estimator of others, which look at what they can do."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from river.compat import SKL2RiverClassifier, SKL2RiverRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, SGDRegressor
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
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


def test_a_signature_with_weights_asks_for_the_same_arguments():
    """A mixture needs targets, a retrainer may do without."""
    mixture = MixtureRetrainer([("a", DriftAwareRetrainer(GaussianNB()))])
    for model, default in ((mixture, inspect.Parameter.empty), (mixture.estimators[0][1], None)):
        assert inspect.signature(model.fit).parameters["y"].default is default
    with pytest.raises(TypeError, match="argument: 'y'"):
        mixture.fit(X)


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
@pytest.mark.no_cover
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


@pytest.mark.parametrize("wrapper", [DriftAwareRetrainer, ReplayPartialFit])
def test_a_transformer_is_a_step_of_a_pipeline(wrapper):
    """Which hands the targets to every step: they mean nothing to this one."""
    model = make_pipeline(wrapper(StandardScaler()), LogisticRegression()).fit(X, Y)
    bare = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), bare.predict_proba(X))


def test_a_transformer_refuses_a_batch_with_other_columns():
    """Nobody predicts it, so that nobody else would tell."""
    step = DriftAwareRetrainer(StandardScaler(), detector=None).fit(X[:100], Y[:100])
    step.partial_fit(X[100:], Y[100:])
    assert step.n_samples_seen_ == 300
    with pytest.raises(ValueError, match="X has 3 features, but DriftAwareRetrainer is expecting"):
        step.partial_fit(X[:50, :3], Y[:50])


def test_a_transformer_that_learns_from_targets_is_told_that_they_would_be_lost():
    with pytest.raises(ValueError, match="TargetEncoder does not say whether it is a classifier"):
        DriftAwareRetrainer(TargetEncoder()).fit(X, Y)


# -- inside river ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.no_cover
def test_river_drives_a_classifier_row_by_row(wrapper):
    """In river's own wrapper, which is named: its converter asks for the class of a base."""
    model = SKL2RiverClassifier(wrapper(MultinomialNB()), classes=[0, 1])
    direct = wrapper(MultinomialNB())
    for row, label in zip(np.abs(X[:60]), Y[:60].tolist(), strict=True):
        features = dict(zip("abcd", row.tolist(), strict=True))
        model.learn_one(features, label)
        direct.partial_fit([row], [label], classes=[0, 1])
        expected = direct.predict_proba([row])[0].tolist()
        assert list(model.predict_proba_one(features).values()) == expected
    assert model.estimator.n_samples_seen_ == 60


def test_river_drives_a_regressor_in_small_batches():
    model = SKL2RiverRegressor(DriftAwareRetrainer(SGDRegressor(random_state=0)))
    direct = DriftAwareRetrainer(SGDRegressor(random_state=0))
    frame = pd.DataFrame(X, columns=list("abcd"))
    for start in range(0, 300, 50):
        rows, target = frame[start : start + 50], pd.Series(X[start : start + 50, 0])
        model.learn_many(rows, target)
        direct.partial_fit(rows, target)
    np.testing.assert_array_equal(model.predict_many(frame), direct.predict(frame))
