"""MixtureRetrainer and make_mixture: several retrainers behind one, weighted by outcomes."""

import pickle
import warnings
from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers import (
    POISON,
    PoisonedNB,
    Recorder,
    Rings,
    assert_same_outputs,
    batches,
    failed_by,
    feed,
    fingerprint,
    representatives,
    stream,
)
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import estimator_html_repr, get_tags
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit, make_mixture
from skretrain._mixture._engine import Turns
from skretrain.buffers import SlidingWindow
from skretrain.compose import IncrementalPipeline
from skretrain.exceptions import UpdateFailedWarning
from skretrain.model_selection import make_prequential_scorer, prequential_validate
from skretrain.policies import FullRefit
from skretrain.utils.estimator_checks import parametrize_with_retrainer_checks

X, Y = stream(1000, drift=500)
TARGET = X @ [2.0, -1.0, 0.5, 0.0] + 0.1 * np.random.default_rng(1).normal(size=1000)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Fits of 20 rows gain nothing from threads, and pytest's workers share the cores."""
    with threadpool_limits(limits=1):
        yield


def steady(base, **params):
    """Return a retrainer that learns from every batch and never rings."""
    return DriftAwareRetrainer(base, detector=None, policy=FullRefit("all", grow=False), **params)


def classifiers():
    return [
        ("bayes", steady(GaussianNB())),
        ("linear", DriftAwareRetrainer(LogisticRegression(), update=None, policy="full_refit")),
        ("descent", ReplayPartialFit(SGDClassifier(loss="log_loss", random_state=0))),
        (
            "tree",
            DriftAwareRetrainer(
                DecisionTreeClassifier(random_state=0), detector=Rings([600]), policy="full_refit"
            ),
        ),
    ]


def regressors():
    return [
        ("linear", DriftAwareRetrainer(Ridge(), update=None, policy="full_refit")),
        ("descent", steady(SGDRegressor(random_state=0))),
        (
            "tree",
            DriftAwareRetrainer(
                DecisionTreeRegressor(random_state=0), detector=Rings([600]), policy="full_refit"
            ),
        ),
    ]


class FailsToGrow(FullRefit):
    """A policy that answers nothing."""

    def propose(self, context):
        raise RuntimeError("no new class")


def whole_state(model):
    """Return all that a mixture knows, as bytes."""
    return pickle.dumps(model)


def assert_same_learner(one, other):
    """Two retrainers have learned the same from the same rows."""
    assert fingerprint(one.estimator_) == fingerprint(other.estimator_)
    for part, same in zip(one.buffer_.latest(), other.buffer_.latest(), strict=True):
        np.testing.assert_array_equal(part, same)
    assert one.events_.counts == other.events_.counts
    assert one.n_samples_seen_ == other.n_samples_seen_


def rows_learned(member):
    """Return the rows that a Recorder has seen, in order."""
    return np.concatenate([call[1] for call in member.estimator_.calls_])


# -- a mixture of one ------------------------------------------------------------------------------

CLASSIFIERS = [
    GaussianNB(),
    LogisticRegression(),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5),
    SGDClassifier(random_state=0),
    SGDClassifier(loss="log_loss", random_state=0),
    KNeighborsClassifier(),
    LinearSVC(),
    MLPClassifier((4,), max_iter=20, random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
]
REGRESSORS = [
    Ridge(),
    LinearRegression(),
    SGDRegressor(random_state=0),
    DecisionTreeRegressor(random_state=0),
    ExtraTreesRegressor(5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5),
    KNeighborsRegressor(),
    make_pipeline(StandardScaler(), Ridge()),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    # One without probabilities, one that goes on, one that is refitted, and a pipeline.
    "base",
    representatives(CLASSIFIERS, fast=CLASSIFIERS[:-2:4] + CLASSIFIERS[-1:], covering=[]),
    ids=repr,
)
@pytest.mark.thinned(3)
def test_a_mixture_of_one_classifier_is_that_classifier(base):
    """Bit for bit, batch after batch; so it is with a budget, for there must be one to learn."""
    alone = DriftAwareRetrainer(base, detector=Rings([520])).fit(X[:200], Y[:200])
    for budget in (None, 0.1):
        member = DriftAwareRetrainer(base, detector=Rings([520]))
        mixture = MixtureRetrainer([("one", member)], budget=budget).fit(X[:200], Y[:200])
        bare = clone(alone).fit(X[:200], Y[:200])
        for batch in batches(700, 50, 200):
            np.testing.assert_array_equal(mixture.predict(X[batch]), bare.predict(X[batch]))
            mixture.partial_fit(X[batch], Y[batch])
            bare.partial_fit(X[batch], Y[batch])
        if hasattr(bare, "predict_proba"):  # those of a mixture are recalibrated
            np.testing.assert_array_equal(mixture._mix().votes(X), bare.predict_proba(X))
        assert hasattr(mixture, "predict_proba") == hasattr(bare, "predict_proba")
        np.testing.assert_array_equal(mixture.predict(X), bare.predict(X))
        assert mixture.score(X, Y) == bare.score(X, Y)
        np.testing.assert_array_equal(mixture.weights_, [1])


@pytest.mark.parametrize("base", REGRESSORS, ids=repr)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_a_mixture_of_one_regressor_is_that_regressor(base):
    mixture = MixtureRetrainer([("one", DriftAwareRetrainer(base, detector=Rings([520])))])
    bare = DriftAwareRetrainer(base, detector=Rings([520]))
    for model in (mixture, bare):
        feed(model.fit(X[:200], TARGET[:200]), X, TARGET, 50, 200, 700)
    np.testing.assert_array_equal(mixture.predict(X), bare.predict(X))
    assert mixture.score(X, TARGET) == bare.score(X, TARGET)
    np.testing.assert_array_equal(mixture.weights_, [1])


@pytest.mark.parametrize(("members", "y"), [(classifiers, Y), (regressors, TARGET)])
@pytest.mark.no_cover
def test_the_order_of_members_matters_by_rounding_only(members, y):
    one = feed(MixtureRetrainer(members()), X, y, 50)
    other = feed(MixtureRetrainer(members()[::-1]), X, y, 50)
    np.testing.assert_allclose(one.weights_, other.weights_[::-1], rtol=1e-9)
    if y is Y:
        np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-9)
    else:
        np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-9, atol=1e-9)


# -- test, then learn: the oracle ------------------------------------------------------------------


def next_weights(weights, gains, n_rows, forgetting=0.9, share=0.05):
    units = n_rows / 100
    weights = (weights * np.exp(5 * units * np.asarray(gains))) ** (forgetting**units)
    kept = (1 - share) ** units
    return kept * weights / weights.sum() + (1 - kept) / len(weights)


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_bare_retrainers_beside_it_give_the_same_mixture(n_jobs):
    """Same members, and weights from what each predicts before it learns, over thirty batches."""
    mixture = MixtureRetrainer(classifiers(), n_jobs=n_jobs).fit(X[:100], Y[:100])
    bare = [member.fit(X[:100], Y[:100]) for _, member in classifiers()]
    weights, counts = np.full(4, 0.25), np.bincount(Y[:100], minlength=2).astype(float)
    for batch in batches(1000, 30, 100):
        proba = np.tensordot(weights, [one.predict_proba(X[batch]) for one in bare], 1)
        np.testing.assert_allclose(mixture._mix().votes(X[batch]), proba, rtol=1e-9)
        np.testing.assert_array_equal(mixture.predict(X[batch]), proba.argmax(axis=1))
        balanced = 1 / (counts[Y[batch]] + 1)  # each class counts alike
        right = [one.predict(X[batch]) == Y[batch] for one in bare]
        gains = np.average(right, axis=1, weights=balanced)
        newest = np.bincount(Y[batch], minlength=2)
        counts = np.exp(-len(Y[batch]) / 1000) * counts + newest
        weights = next_weights(weights, gains, len(Y[batch]))
        mixture.partial_fit(X[batch], Y[batch])
        for one in bare:
            one.partial_fit(X[batch], Y[batch])
        np.testing.assert_allclose(mixture.weights_, weights, rtol=1e-9)
    assert np.ptp(weights) > 0.1
    for one, member in zip(bare, mixture.estimators_, strict=True):
        assert_same_learner(one, member)
    assert mixture.named_estimators_["tree"] is mixture.estimators_[3]


def test_labels_of_noise_score_chance_and_weigh_nothing():
    """Trap 16: a tree that learns every row by heart is not rewarded for it."""
    noise = np.random.default_rng(3).integers(0, 2, 1000)
    members = [
        ("tree", DriftAwareRetrainer(DecisionTreeClassifier(random_state=0), update="full_refit")),
        ("guess", steady(DummyClassifier(strategy="uniform", random_state=0))),
    ]
    mixture = MixtureRetrainer(members, share=0.0, forgetting=1.0).fit(X[:100], noise[:100])
    right = 0
    for batch in batches(1000, 50, 100):
        right += (mixture.predict(X[batch]) == noise[batch]).sum()
        mixture.partial_fit(X[batch], noise[batch])
    assert mixture.estimators_[0].score(X, noise) > 0.95
    assert 0.45 < right / 900 < 0.55
    assert abs(np.log(mixture.weights_[0] / mixture.weights_[1])) < 5 * 9 * 0.1


def test_after_a_drift_the_weight_moves_to_who_learned_it():
    members = [
        ("old", DriftAwareRetrainer(GaussianNB(), detector=None, update=None)),
        ("new", DriftAwareRetrainer(GaussianNB(), detector=Rings([500]))),
    ]
    mixture = MixtureRetrainer(members).fit(X[:200], Y[:200])
    feed(mixture, X, Y, 50, 200, 500)
    assert mixture.weights_[0] > 0.4
    feed(mixture, X, Y, 50, 500)
    assert mixture.weights_[1] > 0.9
    assert mixture.score(X[600:], Y[600:]) > 0.9


def test_members_that_know_other_classes_are_aligned():
    """A class that a member does not know has probability 0 there."""
    members = [
        ("frozen", DriftAwareRetrainer(GaussianNB(), update=None, policy=FailsToGrow())),
        ("grows", DriftAwareRetrainer(GaussianNB())),
    ]
    labels = np.array(["a", "c", "b"])
    y = labels[stream(300, n_classes=3)[1]]
    known = y != "b"
    mixture = MixtureRetrainer(members).fit(X[:300][known], y[known])
    with pytest.warns(match="retrain due to new classes|third class"):
        mixture.partial_fit(X[:300][~known], y[~known])
    frozen, grown = (member.estimator_ for member in mixture.estimators_)
    np.testing.assert_array_equal(mixture.classes_, ["a", "b", "c"])
    assert len(frozen.classes_) < 3
    of_frozen = np.insert(frozen.predict_proba(X), 1, 0.0, axis=1)
    proba = np.tensordot(mixture.weights_, [of_frozen, grown.predict_proba(X)], 1)
    np.testing.assert_allclose(mixture.predict_proba(X), proba, rtol=1e-12)
    np.testing.assert_array_equal(mixture.predict(X), mixture.classes_[proba.argmax(axis=1)])


# -- transactions ----------------------------------------------------------------------------------

BAD_INPUT = {
    "three columns": (lambda: (X[:20, :3], Y[:20]), {}, "3 features"),
    "NaN in X": (lambda: (np.where(X[:20] > 0, np.nan, 0.0), Y[:20]), {}, "NaN"),
    "NaN in y": (lambda: (X[:20], np.r_[np.nan, Y[1:20]]), {}, "y contains NaN"),
    "two-column y": (lambda: (X[:20], np.c_[Y[:20], Y[:20]]), {}, "1d array"),
    "no y": (lambda: (X[:20], None), {}, "MixtureRetrainer estimator requires y"),
    "short y": (lambda: (X[:20], Y[:19]), {}, "inconsistent numbers of samples"),
    "text among numbers": (lambda: (X[:20], np.array(["a"] * 20)), {}, "mixes text and numbers"),
    "text announced": (lambda: (X[:20], Y[:20]), {"classes": ["a"]}, "mixes text and numbers"),
    "continuous labels": (lambda: (X[:20], X[:20, 0]), {}, "Unknown label type"),
    "short weights": (lambda: (X[:20], Y[:20]), {"sample_weight": np.ones(3)}, "one value per row"),
    "metadata of another name": (
        lambda: (X[:20], Y[:20]),
        {"customer": np.arange(20)},
        "'customer' is given with this batch",
    ),
    "the last member refuses the rows": (
        lambda: (np.where(np.arange(20)[:, None] == 3, POISON["predict"], X[:20]), Y[:20]),
        {},
        "poison for predict",
    ),
    "the last member refuses the class": (lambda: (X[:20], np.full(20, 2)), {}, "do not exist in"),
}


def with_a_picky_last_member(**params):
    members = [
        ("easy", steady(HistGradientBoostingClassifier(max_iter=3, random_state=0), update=None)),
        ("learns", ReplayPartialFit(GaussianNB(), random_state=0)),
        ("picky", steady(PoisonedNB(), new_classes="raise")),
    ]
    return MixtureRetrainer(members, **params)


@pytest.mark.parametrize(
    ("case", "budget", "n_jobs"),
    representatives(
        product(BAD_INPUT, [None, 0.3], [None, 2]),
        fast=[*product(BAD_INPUT, [None], [None]), *product(BAD_INPUT, [0.3], [2])],
    ),
)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_an_input_error_found_by_the_last_member_changes_nobody(case, budget, n_jobs):
    """Neither members, nor weights, counts, history or turns: to the last bit."""
    make, params, message = BAD_INPUT[case]
    model = with_a_picky_last_member(budget=budget, n_jobs=n_jobs).fit(X[:200], Y[:200])
    feed(model, X, Y, 50, 200, 400)
    if budget:
        while not model._engine._due(_batch(), ())[2]:  # until it is the turn of the last
            feed(model, X, Y, 50, model.n_samples_seen_, model.n_samples_seen_ + 50)
    before, hashed = whole_state(model), joblib.hash(model)
    bad_X, bad_y = make()
    with pytest.raises((ValueError, RuntimeError), match=message):
        model.partial_fit(bad_X, bad_y, **params)
    assert whole_state(model) == before
    assert joblib.hash(model) == hashed


def _batch():
    return pickle.loads(pickle.dumps(MixtureRetrainer([("one", steady(GaussianNB()))])))._checked(
        X[:20], Y[:20], {}, reset=True
    )


@pytest.mark.parametrize("case", sorted(BAD_INPUT))
def test_an_input_error_at_first_leaves_no_trace(case):
    make, params, message = BAD_INPUT[case]
    bad_X, bad_y = make()
    at_first_all_right = {"three columns", "metadata of another name", "text among numbers"}
    at_first_all_right |= {"the last member refuses the class", "the last member refuses the rows"}
    if case in at_first_all_right:
        return
    fresh = with_a_picky_last_member()
    with pytest.raises(ValueError, match="NaN|infinity|y mixes" if "NaN" in case else message):
        fresh.partial_fit(bad_X, bad_y, **params)
    assert vars(fresh).keys() == vars(with_a_picky_last_member()).keys()
    with pytest.raises(NotFittedError):
        fresh.predict(X)


def test_an_update_that_fails_stops_nobody_else():
    """The member warns, as it does alone; its row of weight follows what it predicts."""
    model = with_a_picky_last_member().fit(X[:200], Y[:200])
    beside = clone(dict(model.estimators)["learns"]).fit(X[:200], Y[:200])
    bad = X[200:250].copy()
    bad[7, 0] = POISON["partial_fit"]
    with pytest.warns(UpdateFailedWarning, match="poison for partial_fit"):
        model.partial_fit(bad, Y[200:250])
    assert_same_learner(model.estimators_[1], beside.partial_fit(bad, Y[200:250]))
    assert [member.n_samples_seen_ for member in model.estimators_] == [250] * 3
    assert len(model.estimators_[2].buffer_) == 200
    assert [event.reason for event in model.events_ if event.action == "failed"] == [
        "picky: update failed: RuntimeError: poison for partial_fit"
    ]
    feed(model, X, Y, 50, 250, 400)
    assert model.n_samples_seen_ == 400


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.no_cover
def test_a_failure_that_is_to_raise_comes_through_when_the_others_have_learned(place, n_jobs):
    members = [("bayes", steady(GaussianNB())), ("linear", steady(LogisticRegression()))]
    members.insert(place, ("poisoned", steady(PoisonedNB(), on_error="raise")))
    model = MixtureRetrainer(members, n_jobs=n_jobs).fit(X[:200], Y[:200])
    bad = X[200:250].copy()
    bad[7, 0] = POISON["partial_fit"]
    with pytest.raises(RuntimeError, match="poison for partial_fit") as caught:
        model.partial_fit(bad, Y[200:250])
    assert "not remembered" in caught.value.__notes__[0]
    oracle = GaussianNB().fit(X[:200], Y[:200]).partial_fit(bad, Y[200:250])
    assert_same_outputs(model.named_estimators_["bayes"], oracle, X)
    assert model.n_samples_seen_ == 250
    assert model.weight_history_.rows[-1] == 250
    np.testing.assert_array_equal(model._mix().servings[1].model.classes_, [0, 1])
    feed(model, X, Y, 50, 250, 400)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_first_fit_that_fails_leaves_what_there_was(error, method):
    """A fresh object stays fresh; a second ``fit`` leaves the mixture of the first."""

    class Failing(GaussianNB):
        def fit(self, X, y, classes=None):
            raise error("no fit")

        partial_fit = fit

    fresh = MixtureRetrainer([("bayes", steady(GaussianNB())), ("fails", steady(Failing()))])
    with pytest.raises(error, match="no fit"):
        getattr(fresh, method)(X[:100], Y[:100])
    assert vars(fresh).keys() == vars(clone(fresh)).keys()
    fitted = feed(MixtureRetrainer(classifiers()), X, Y, 50, 0, 300)
    before, members = whole_state(fitted), fitted.estimators
    fitted.estimators = fresh.estimators
    with pytest.raises(error, match="no fit"):
        fitted.fit(X[:100, :3], Y[:100])
    fitted.estimators = members
    assert whole_state(fitted) == before


def test_an_interruption_leaves_a_mixture_that_predicts_and_goes_on():
    class Interrupted(GaussianNB):
        def partial_fit(self, X, y, classes=None, sample_weight=None):
            if (X[:, 0] == POISON["partial_fit"]).any():
                raise KeyboardInterrupt
            return super().partial_fit(X, y, classes, sample_weight)

    members = [("bayes", steady(GaussianNB())), ("stops", steady(Interrupted()))]
    model = MixtureRetrainer(members).fit(X[:200], Y[:200])
    bad = X[200:250].copy()
    bad[7, 0] = POISON["partial_fit"]
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(bad, Y[200:250])
    assert model.n_samples_seen_ == model.weight_history_.rows[-1] == 250
    proba = [member.predict_proba(X) for member in model.estimators_]
    np.testing.assert_allclose(model._mix().votes(X), np.tensordot(model.weights_, proba, 1))
    feed(model, X, Y, 50, 250, 400)
    assert model.estimators_[0].n_samples_seen_ == 400


def test_members_may_start_later_than_others():
    """Who collects rows weighs 0 and is not asked; before the first starts there is no model."""
    members = [
        ("later", DriftAwareRetrainer(LogisticRegression(), update=None, initial_size=200)),
        ("latest", DriftAwareRetrainer(GaussianNB(), update=None, initial_size=300)),
    ]
    model = feed(MixtureRetrainer(members, budget=0.5), X, Y, 50, 0, 150)
    assert model.n_samples_seen_ == 150
    for name in ("weights_", "weight_history_", "classes_", "predict_proba"):
        assert hasattr(model, name) == (name == "predict_proba")
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert counts(model) == [150, 150]  # nobody waits for a turn before there is a first model
    feed(model, X, Y, 50, 150, 250)
    assert counts(model) == [250, 250]
    np.testing.assert_array_equal(model.weights_, [1, 0])
    proba = model.estimators_[0].predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), proba)
    feed(model, X, Y, 50, 250, 400)
    assert (model.weights_ > 0.2).all()


def test_regressors_may_start_later_than_others():
    members = [
        ("later", DriftAwareRetrainer(Ridge(), update=None, initial_size=200)),
        ("now", DriftAwareRetrainer(Ridge(), update=None)),
    ]
    model = feed(MixtureRetrainer(members), X, TARGET, 50, 0, 100)
    np.testing.assert_array_equal(model.weights_, [0, 1])
    feed(model, X, TARGET, 50, 100, 400)
    assert (model.weights_ > 0.2).all()


# -- budget ----------------------------------------------------------------------------------------


def recorders(n, **params):
    return [(f"member {j}", steady(Recorder(), **params)) for j in range(n)]


def counts(model):
    return [member.n_samples_seen_ for member in model.estimators_]


def test_without_a_budget_everybody_learns_every_batch():
    model = MixtureRetrainer(recorders(3)).fit(X[:50], Y[:50])
    for batch in batches(300, 25, 50):
        model.partial_fit(X[batch], Y[batch])
        assert counts(model) == [batch.stop] * 3


@pytest.mark.parametrize("budget", [0.2, 0.5])
@pytest.mark.no_cover
def test_with_a_budget_members_learn_in_turns_and_from_every_row_once(budget):
    """One at least with each batch, everybody with each tenth, all rows once and in order."""
    n = 5
    model = MixtureRetrainer(recorders(n), budget=budget).fit(X[:50], Y[:50])
    seen, turns = np.full(n, 50), []
    for number, batch in enumerate(batches(1000, 10, 50)):
        model.partial_fit(X[batch], Y[batch])
        learned = np.array(counts(model)) > seen
        seen = np.array(counts(model))
        assert (seen[learned] == batch.stop).all()
        assert learned.any()
        turns.append(learned)
        behind = [sum(len(part.y) for part in waiting) for waiting in model._engine.waiting]
        np.testing.assert_array_equal(seen + behind, batch.stop)
        assert max(behind) <= 9 * 10
        if number % 30 == 0:
            for member in model.estimators_:
                np.testing.assert_array_equal(rows_learned(member), X[: member.n_samples_seen_])
    assert np.mean(turns) == pytest.approx(budget, abs=0.02)
    model.partial_fit(X[:10], np.full(10, 7))
    for member in model.estimators_:
        np.testing.assert_array_equal(rows_learned(member), np.r_[X, X[:10]])


def test_a_budget_costs_little_where_one_member_is_best():
    """The best learns with every batch, the others with every tenth, whatever the budget is."""
    members = [("bayes", steady(GaussianNB()))]
    members += [
        (f"dummy {j}", steady(DummyClassifier(strategy="constant", constant=0), update=None))
        for j in range(5)
    ]
    X, Y = stream(3000)
    model = MixtureRetrainer(members, budget=0.3, share=0.01, forgetting=1.0).fit(X[:100], Y[:100])
    feed(model, X, Y, 50, 100)
    events = [sum(member.events_.counts.values()) - 1 for member in model.estimators_]
    assert events[0] > 50
    assert max(events[1:]) <= 10
    assert sum(events) / (58 * 6) < 0.3
    np.testing.assert_array_equal(model._mix().weights, [1, 0, 0, 0, 0, 0])


@pytest.mark.no_cover
def test_turns_are_the_same_each_time():
    runs = [feed(MixtureRetrainer(classifiers(), budget=0.4), X, Y, 30) for _ in range(2)]
    assert counts(runs[0]) == counts(runs[1])
    np.testing.assert_array_equal(runs[0].weights_, runs[1].weights_)
    assert_same_outputs(*runs, X)


def test_turns_follow_the_weights_before_the_batch():
    """Who learns is decided, and paid for, before it is known who was right."""
    model = MixtureRetrainer(classifiers(), budget=0.4, share=0.3).fit(X[:100], Y[:100])
    turns = Turns(4, 0.4)
    for batch in batches(1000, 30, 100):
        before = model.weights_
        model.partial_fit(X[batch], Y[batch])
        due = turns.due(before)
        turns.take(before, due)
        np.testing.assert_array_equal(np.array(counts(model)) == batch.stop, due)


@pytest.mark.no_cover
def test_a_late_member_is_one_that_learned_from_one_long_batch():
    """Rows that waited are shown to the detector, updated with and remembered like any batch."""
    model = MixtureRetrainer(classifiers(), budget=0.3, share=0.3).fit(X[:100], Y[:100])
    bare = [member.fit(X[:100], Y[:100]) for _, member in classifiers()]
    for batch in batches(1000, 30, 100):
        model.partial_fit(X[batch], Y[batch])
        for one, member in zip(bare, model.estimators_, strict=True):
            late = slice(one.n_samples_seen_, member.n_samples_seen_)
            one.partial_fit(X[late], Y[late])
    for one, member in zip(bare, model.estimators_, strict=True):
        assert_same_learner(one, member)


CONTAINERS = {
    "array": lambda rows: rows.copy(),
    "frame": lambda rows: pd.DataFrame(rows, columns=list("abcd")),
    "sparse": sparse.csr_matrix,
    "list": lambda rows: rows.tolist(),
}


def spoiled(container):
    """Overwrite what the caller has given."""
    if isinstance(container, pd.DataFrame):
        container.iloc[:, :] = 1e6
    elif isinstance(container, list):
        container[:] = [[1e6] * 4 for _ in container]
    else:
        (container.data if sparse.issparse(container) else container)[:] = 1e6


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.no_cover
def test_arrays_of_the_caller_may_be_used_again(kind):
    """What waits is a copy: rows, targets and weights."""
    members = [(f"member {j}", steady(SGDClassifier(random_state=j))) for j in range(4)]
    runs = []
    for spoil in (False, True):
        model = MixtureRetrainer(members, budget=0.25)
        model.fit(CONTAINERS[kind](X[:100]), Y[:100], sample_weight=np.ones(100))
        for batch in batches(400, 20, 100):
            rows, y, weight = CONTAINERS[kind](X[batch]), Y[batch].copy(), 1 + X[batch, 0] ** 2
            model.partial_fit(rows, y, sample_weight=weight)
            if spoil:
                spoiled(rows)
                y[:], weight[:] = 5, 1e9
        runs.append(model)
    assert counts(runs[0]) == counts(runs[1])
    for one, other in zip(runs[0].estimators_, runs[1].estimators_, strict=True):
        assert fingerprint(one.estimator_) == fingerprint(other.estimator_)
    assert min(counts(runs[0])) < 400


def test_weights_wait_with_their_rows():
    model = MixtureRetrainer(recorders(4), budget=0.25)
    model.fit(X[:50], Y[:50], sample_weight=np.arange(50.0))
    for batch in batches(400, 10, 50):
        model.partial_fit(
            X[batch], Y[batch], sample_weight=np.arange(float(batch.start), batch.stop)
        )
    for member in model.estimators_:
        weights = np.concatenate([call[3] for call in member.estimator_.calls_])
        np.testing.assert_array_equal(weights, np.arange(float(member.n_samples_seen_)))


NEWS = {
    "new class": ({}, 3),
    "announced class": ({"classes": [0, 1, 2]}, 1),
    "weights": ({"sample_weight": np.ones(10)}, 1),
}


@pytest.mark.parametrize("news", NEWS)
def test_what_is_new_is_learned_by_everybody_at_once(news):
    """And no row that waited is lost over it."""
    params, label = NEWS[news]
    model = feed(MixtureRetrainer(recorders(4), budget=0.25).fit(X[:50], Y[:50]), X, Y, 10, 50, 200)
    assert min(counts(model)) < 200
    model.partial_fit(X[200:210], np.full(10, label), **params)
    assert counts(model) == [210] * 4
    assert model._engine.waiting == [[]] * 4
    for member in model.estimators_:
        np.testing.assert_array_equal(rows_learned(member), X[:210])
    if news == "announced class":
        for member in model.estimators_:
            np.testing.assert_array_equal(member.classes_, [0, 1, 2])
    feed(model, X, Y, 10, 210, 230)  # then it is as it was
    assert min(counts(model)) < 230


@pytest.mark.parametrize("classes", [[1, 0], np.array([0, 1]), [], [[0, 1], [0, 1]]], ids=repr)
@pytest.mark.no_cover
def test_to_announce_what_is_known_changes_nothing(classes):
    """Many callers pass ``classes`` each time: that does not spend the budget."""
    announced, silent = (MixtureRetrainer(classifiers(), budget=0.3) for _ in range(2))
    for model in (announced, silent):
        model.fit(X[:100], Y[:100])
    for batch in batches(500, 20, 100):
        announced.partial_fit(X[batch], Y[batch], classes=classes)
        silent.partial_fit(X[batch], Y[batch])
    assert counts(announced) == counts(silent)
    assert announced.classes_.dtype == Y.dtype
    np.testing.assert_array_equal(announced.predict_proba(X), silent.predict_proba(X))


def test_to_a_regressor_classes_mean_nothing():
    model = MixtureRetrainer(regressors(), budget=0.3).fit(X[:100], TARGET[:100])
    for batch in batches(300, 20, 100):
        model.partial_fit(X[batch], TARGET[batch], classes=["a", "b"])
    assert min(counts(model)) < 300
    assert not hasattr(model, "classes_")


def test_a_batch_is_refused_whoever_has_the_turn():
    """All are tested on every batch, so that nothing waits that somebody cannot take."""
    model = with_a_picky_last_member(budget=0.3).fit(X[:200], Y[:200])
    row = 200
    while model._engine._due(_batch(), ())[2]:
        feed(model, X, Y, 20, row, row + 20)
        row += 20
    bad = X[:20].copy()
    bad[7, 0] = POISON["predict"]
    before = joblib.hash(model)
    with pytest.raises(RuntimeError, match="poison"):
        model.partial_fit(bad, Y[:20])
    assert joblib.hash(model) == before


class FewAtATime(GaussianNB):
    """Cannot predict more than 30 rows in one call."""

    def predict(self, X):
        if len(X) > 30:
            raise ValueError("too many rows")
        return super().predict(X)


def test_batches_that_do_not_go_together_are_dropped_with_a_warning():
    """Each was taken as it came: nobody else does without, and the newest is learned."""
    names = ["a", "b", "few"]
    bases = [GaussianNB(), GaussianNB(var_smoothing=1e-3), FewAtATime()]
    members = [
        (n, DriftAwareRetrainer(b, detector=None)) for n, b in zip(names, bases, strict=True)
    ]
    model = MixtureRetrainer(members, budget=0.3).fit(X[:30], Y[:30])
    with pytest.warns(UpdateFailedWarning, match="'few' cannot learn from batches that waited"):
        feed(model, X, Y, 20, 200, 600)
    waiting = [sum(len(batch.y) for batch in batches) for batches in model._engine.waiting]
    seen = [member.n_samples_seen_ for member in model.estimators_]
    assert [s + w for s, w in zip(seen[:2], waiting[:2], strict=True)] == [430, 430]
    assert seen[2] + waiting[2] < 430


def test_a_batch_that_a_later_member_refuses_leaves_what_waits_alone():
    """Also of a member that cannot learn from it: nothing is dropped, and nobody is told."""
    bases = {"easy": GaussianNB(), "few": FewAtATime(), "picky": PoisonedNB()}
    members = [(name, DriftAwareRetrainer(base, detector=None)) for name, base in bases.items()]
    model = MixtureRetrainer(members, budget=0.3).fit(X[:30], Y[:30])
    engine, row = model._engine, 200
    while not (engine._due(_batch(), ())[1] and len(engine.waiting[1]) > 1):
        feed(model, X, Y, 15, row, row + 15)
        row += 15
    bad = X[:20].copy()
    bad[7, 0] = POISON["predict"]
    before = joblib.hash(model)
    with pytest.raises(RuntimeError, match="poison"):
        model.partial_fit(bad, Y[:20])
    assert joblib.hash(model) == before


def test_set_params_waits_for_the_next_fit():
    model = MixtureRetrainer(classifiers()).fit(X[:100], Y[:100])
    names = list(model.named_estimators_)
    model.set_params(estimators=model.estimators[::-1][:1])
    model.partial_fit(X[100:200], Y[100:200])
    assert list(model.named_estimators_) == names
    assert model.weights_.shape == (len(names),)
    assert hasattr(model, "predict_proba")
    with sklearn.config_context(enable_metadata_routing=True):
        routed = [name for name, _ in model.get_metadata_routing()]
        assert routed == ["$self_request", *names]


def test_weights_that_were_handed_out_cannot_change_the_history():
    model = MixtureRetrainer(classifiers()).fit(X[:100], Y[:100])
    with pytest.raises(ValueError):
        model.weights_[:] = 9


def test_a_mixture_is_no_member_and_a_retrainer_no_base():
    inner = MixtureRetrainer(classifiers())
    with pytest.raises(TypeError, match="'inner' is a mixture"):
        MixtureRetrainer([("inner", inner)]).fit(X, Y)
    for estimator in (inner, DriftAwareRetrainer(GaussianNB())):
        with pytest.raises(ValueError, match="its members retrain already"):
            make_mixture(estimator)
    for thing in ("lr", GaussianNB):
        with pytest.raises(TypeError, match="Cannot clone object|is not a scikit-learn estimator"):
            make_mixture(thing)


# -- the same result, however it is run ------------------------------------------------------------

KINDS = {"classifiers": (classifiers, Y), "regressors": (regressors, TARGET)}


@pytest.mark.parametrize(
    ("kind", "budget"),
    representatives(
        product(["classifiers", "regressors"], [None, 0.4]), fast=[("classifiers", 0.4)]
    ),
)
@pytest.mark.no_cover
def test_threads_change_no_bit(kind, budget):
    members, y = KINDS[kind]
    alone, threads = (
        feed(MixtureRetrainer(members(), budget=budget, n_jobs=n).fit(X[:100], y[:100]), X, y, 60)
        for n in (None, 2)
    )
    np.testing.assert_array_equal(alone.weight_history_.weights, threads.weight_history_.weights)
    assert_same_outputs(alone, threads, X)
    for one, other in zip(alone.estimators_, threads.estimators_, strict=True):
        assert_same_learner(one, other)


def by_joblib(model, path):
    joblib.dump(model, path / "model")
    return joblib.load(path / "model")


def by_pickle(model, path):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize(
    ("kind", "budget", "through"),
    representatives(
        product(["classifiers", "regressors"], [None, 0.3], [by_pickle, by_joblib]),
        fast=[("classifiers", 0.3, by_pickle), ("regressors", None, by_joblib)],
    ),
)
@pytest.mark.no_cover
def test_pickled_at_any_row_it_has_the_same_future(kind, budget, through, tmp_path):
    """Trap 36, with batches that wait."""
    members, y = KINDS[kind]
    model = MixtureRetrainer(members(), budget=budget)
    copies = []
    for batch in batches(800, 40):
        model.partial_fit(X[batch], y[batch])
        if batch.start % 160 == 0:
            copies.append((batch.stop, through(model, tmp_path)))
    for row, copied in copies:
        feed(copied, X, y, 40, row, 800)
        assert_same_outputs(copied, model, X)
        np.testing.assert_array_equal(copied.weight_history_.weights, model.weight_history_.weights)
        assert counts(copied) == counts(model)


def test_a_clone_is_blank():
    fitted = feed(MixtureRetrainer(classifiers(), budget=0.3), X, Y, 50, 0, 300)
    copied = clone(fitted)
    assert copied.get_params(deep=False).keys() == fitted.get_params(deep=False).keys()
    for name in ("estimators_", "weights_", "events_", "n_features_in_", "classes_"):
        assert not hasattr(copied, name)
    assert_same_outputs(feed(copied, X, Y, 50, 0, 300), fitted, X)


def test_learning_never_touches_the_constructor_arguments():
    """Trap 14."""
    model = MixtureRetrainer(classifiers(), random_state=3)
    before = joblib.hash(model.get_params())
    feed(model.fit(X[:100], Y[:100]), X, Y, 100, 100)
    assert joblib.hash(model.get_params()) == before


def forests(seed=None):
    base = RandomForestClassifier(3, random_state=seed)
    return [(name, DriftAwareRetrainer(base, update=None)) for name in ("one", "two")]


def test_members_with_the_same_base_get_seeds_of_their_own():
    """The same int gives the same mixture; what has a seed keeps it; None leaves all as it is."""
    runs = [
        MixtureRetrainer(forests(), random_state=state).fit(X, Y)
        for state in (7, np.int64(7), 8, np.random.RandomState(7), np.random.RandomState(7))
    ]
    seeds = [[member.random_state for member in run.estimators_] for run in runs]
    assert seeds[0] == seeds[1] != seeds[2]
    assert seeds[3] == seeds[4]
    assert seeds[0][0] != seeds[0][1]
    assert_same_outputs(runs[0], runs[1], X)
    one, two = runs[0].estimators_
    assert (one.predict_proba(X) != two.predict_proba(X)).any()
    assert [m.random_state for _, m in runs[0].estimators] == [None, None]
    kept = MixtureRetrainer([("one", forests()[0][1].set_params(random_state=5))], random_state=7)
    assert kept.fit(X, Y).estimators_[0].random_state == 5
    left = MixtureRetrainer(forests(seed=0)).fit(X, Y)
    assert [member.random_state for member in left.estimators_] == [None, None]
    assert_same_outputs(*left.estimators_, X)


# -- inside other estimators -----------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_search_tries_shares_parameters_of_members_and_members():
    """Each candidate has its own score, and the best one is refitted on all rows."""
    grid = [
        {"share": [0.0, 0.9]},
        {"bayes__estimator__var_smoothing": [1e-9, 1e4]},
        {"tree": [steady(DummyClassifier()), steady(LogisticRegression())]},
    ]
    search = GridSearchCV(
        MixtureRetrainer(classifiers()),
        grid,
        cv=TimeSeriesSplit(2),
        scoring=make_prequential_scorer("accuracy", batch_size=50),
    ).fit(X, Y)
    scores = search.cv_results_["mean_test_score"].reshape(3, 2)
    assert np.isfinite(scores).all()
    assert (scores[:, 0] != scores[:, 1]).all()
    assert search.best_estimator_.n_samples_seen_ == 1000


def test_parameters_of_members_are_reached_by_their_names():
    model = MixtureRetrainer(classifiers())
    model.set_params(tree=steady(GaussianNB()), linear__estimator__C=3.0, budget=0.5)
    assert model.get_params()["linear__estimator__C"] == 3.0
    assert model.get_params()["tree__estimator__var_smoothing"] == 1e-9
    assert isinstance(model.get_params()["tree"].estimator, GaussianNB)
    assert [name for name, _ in model.estimators] == ["bayes", "linear", "descent", "tree"]
    with pytest.raises(ValueError, match="Invalid parameter 'forest'"):
        model.set_params(forest__buffer=None)


@pytest.mark.no_cover
def test_a_pipeline_may_be_outermost():
    scaled = StandardScaler().fit(X[:500]).transform(X)
    pipe = make_pipeline(StandardScaler(), MixtureRetrainer(classifiers())).fit(X[:500], Y[:500])
    bare = MixtureRetrainer(classifiers()).fit(scaled[:500], Y[:500])
    np.testing.assert_array_equal(pipe.predict(X), bare.predict(scaled))
    streamed = IncrementalPipeline(
        [("scale", StandardScaler()), ("mix", MixtureRetrainer(classifiers()))]
    )
    feed(streamed.fit(X[:100], Y[:100]), X, Y, 50, 100)
    assert streamed.named_steps["mix"].n_samples_seen_ == 1000
    assert streamed.score(X[700:], Y[700:]) > 0.8


@pytest.mark.parametrize("delay", [0, 100])
@pytest.mark.no_cover
def test_it_is_evaluated_with_delayed_labels(delay):
    model = MixtureRetrainer(classifiers(), budget=0.5)
    result = prequential_validate(model, X, Y, batch_size=50, initial_size=100, label_delay=delay)
    fitted = feed(model.fit(X[:100], Y[:100]), X, Y, 50, 100, 1000 - delay)
    assert 0.5 < result.score < 1
    assert result.n_fits == fitted.events_.totals["fits"] > 4
    assert result.rows_fitted == fitted.events_.totals["rows_fitted"] > 1000
    refits = [event.row for event in fitted.events_ if event.action == "retrained"][4:]
    served = [row + delay for row in refits if row + delay <= 950]  # the last batch begins there
    np.testing.assert_array_equal(result.refit_rows, served)


def test_events_of_the_members_are_one_log():
    """In the order of rows, each with the name of its owner; counts and totals are sums."""
    model = feed(MixtureRetrainer(classifiers()).fit(X[:100], Y[:100]), X, Y, 50, 100)
    logs = [member.events_ for member in model.estimators_]
    whole = model.events_
    assert len(whole) == sum(map(len, logs)) > 8
    rows = [event.row for event in whole]
    assert rows == sorted(rows)
    assert whole.counts["retrained"] == sum(log.counts["retrained"] for log in logs)
    for name, total in whole.totals.items():
        assert total == pytest.approx(sum(log.totals[name] for log in logs))
    assert [event.reason for event in whole][:4] == [
        "bayes: first fit",
        "linear: first fit",
        "descent: first fit",
        "tree: first fit",
    ]
    assert ("tree: alarm", 650) in [(event.reason, event.row) for event in whole]


def test_a_member_keeps_a_thousand_events_and_counts_them_all():
    """One that retrains with every batch would fill the memory of a long stream with its log."""
    member = DriftAwareRetrainer(GaussianNB())
    model = MixtureRetrainer([("bayes", member)]).fit(X[:20], Y[:20])
    (log,) = [one.events_ for one in model.estimators_]
    log._events.extend([log[0]] * 1_500)
    assert len(log) == model.events_.max_events == 1_000
    model.fit(X[:20], Y[:20])
    assert model.estimators_[0].events_.max_events == 1_000
    assert clone(model).fit(X[:20], Y[:20]).events_.max_events == 1_000
    assert member.fit(X[:20], Y[:20]).events_.max_events == 10_000


# -- regression ------------------------------------------------------------------------------------


class Explodes(RegressorMixin, BaseEstimator):
    """Predict a constant, whatever was learned."""

    def __init__(self, value=np.nan):
        self.value = value

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), self.value)


def streamed_r2(model, X, y, first=100, size=50, scored=slice(None)):
    """Return the R2 of predictions made before learning."""
    model.fit(X[:first], y[:first])
    predicted = []
    for batch in batches(len(y), size, first):
        predicted.append(model.predict(X[batch]))
        model.partial_fit(X[batch], y[batch])
    return r2_score(y[first:][scored], np.concatenate(predicted)[scored])


@pytest.mark.parametrize("value", [1e30, -np.inf, np.inf, np.nan])
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_a_member_that_explodes_does_little_harm(value):
    """At first its predictions are cut; soon it has no weight beyond its share."""
    members = [*regressors(), ("explodes", steady(Explodes(value)))]
    assert streamed_r2(MixtureRetrainer(members), X, TARGET, scored=slice(0, 50)) > -1
    alone = streamed_r2(MixtureRetrainer(regressors()), X, TARGET, scored=slice(150, None))
    mixture = MixtureRetrainer(members)
    assert streamed_r2(mixture, X, TARGET, scored=slice(150, None)) > alone - 0.02
    assert mixture.weights_[-1] < 0.02
    assert np.isfinite(mixture.predict(X)).all()


def test_a_regressor_that_fails_at_first_raises_its_own_error():
    class Failing(Ridge):
        def fit(self, X, y):
            raise RuntimeError("no fit")

    members = [("line", steady(Ridge())), ("fails", steady(Failing()))]
    for method in ("fit", "partial_fit"):
        model = MixtureRetrainer(members)
        with pytest.raises(RuntimeError, match="no fit"):
            getattr(model, method)(X[:100], TARGET[:100])
        assert not hasattr(model, "estimators_")


def test_the_newest_residuals_are_kept():
    """A hundred of them, or all of a longer batch: so the scale follows the stream."""
    model = MixtureRetrainer(regressors()).fit(X[:100], TARGET[:100])
    feed(model, X, TARGET, 50, 100, 400)
    assert len(model._engine.gain.residuals) == 100
    expected = np.abs(TARGET[400:700] - model.predict(X[400:700]))
    feed(model, X, TARGET, 300, 400, 700)
    np.testing.assert_allclose(model._engine.gain.residuals, expected)


def test_where_nobody_has_an_answer_there_is_none():
    """And nobody is rewarded for it; the scale of the residuals is not lost."""
    members = [(f"{j}", steady(Explodes(), update=None)) for j in range(2)]
    model = MixtureRetrainer(members).fit(X[:100], TARGET[:100])
    model.partial_fit(X[100:200], TARGET[100:200])
    np.testing.assert_allclose(model.weights_, [0.5, 0.5])
    assert np.isnan(model.predict(X)).all()
    for member in model.estimators_:
        member.estimator_.value = 0.0
    model.partial_fit(X[200:220], TARGET[200:220])
    np.testing.assert_allclose(model._engine.gain.residuals, np.abs(TARGET[200:220]))


def test_one_absurd_target_is_forgotten():
    """Predictions and weights recover; the limits do when no memory holds the row any more."""
    y = TARGET.copy()
    y[300] = 1e9
    members = [
        ("recent", steady(Ridge(), update="full_refit", buffer=SlidingWindow(100))),
        ("tree", steady(DecisionTreeRegressor(max_depth=4), buffer=SlidingWindow(100))),
        ("constant", steady(DummyRegressor(), buffer=SlidingWindow(100))),
    ]
    model = feed(MixtureRetrainer(members, random_state=0).fit(X[:100], y[:100]), X, y, 50, 100)
    assert r2_score(y[600:], model.predict(X[600:])) > 0.9
    assert model.weights_[0] > 0.7
    low, high = model._mix().limits
    assert -20 < low < high < 20


@pytest.mark.no_cover
def test_a_constant_feature_that_begins_to_vary_does_little_harm():
    """A linear model that is updated by gradients explodes; its predictions are cut."""
    rows = X.copy()
    rows[:, 3] = 0.0
    rows[400:, 3] = 60 * np.random.default_rng(0).normal(size=600)
    exploding = ("descent", steady(SGDRegressor(random_state=0)))
    others = [("tree", steady(DecisionTreeRegressor(random_state=0), update="full_refit"))]

    def r2(model, scored):
        return streamed_r2(model, rows, TARGET, scored=scored)

    # Until the weights have moved, the limits are all there is; then it is as if it were not there.
    both, since, later = [*others, exploding], slice(300, None), slice(500, None)
    assert r2(clone(exploding[1]), since) < -1e6
    assert r2(MixtureRetrainer(both), since) > -5
    assert r2(MixtureRetrainer(both), later) > r2(MixtureRetrainer(others), later) - 0.05


@pytest.mark.parametrize("scale", [2.0**-13, 2.0**13])
@pytest.mark.no_cover
def test_the_unit_of_the_target_does_not_matter(scale):
    members = [(name, member) for name, member in regressors() if name != "descent"]
    members.append(("constant", steady(DummyRegressor(), update=None)))
    plain, scaled = (feed(MixtureRetrainer(members), X, y, 50) for y in (TARGET, scale * TARGET))
    np.testing.assert_allclose(scaled.weights_, plain.weights_, rtol=1e-9)
    np.testing.assert_allclose(scaled.predict(X) / scale, plain.predict(X), rtol=1e-9, atol=1e-9)
    assert np.ptp(plain.weights_) > 0.3


def test_a_constant_target_works():
    y = np.full(1000, 3.0)
    members = [("constant", steady(DummyRegressor())), ("off", steady(Explodes(4.0)))]
    model = feed(MixtureRetrainer(members).fit(X[:100], y[:100]), X, y, 50, 100, 600)
    np.testing.assert_allclose(model.predict(X), 3.0)
    assert model.weights_[0] > 0.9
    y[600:] = TARGET[600:]
    feed(model, X, y, 50, 600)
    low, high = model._mix().limits
    assert low < TARGET[600:].min() < TARGET[600:].max() < high


@pytest.mark.parametrize("kind", [str, object, np.float32, bool])
@pytest.mark.no_cover
def test_targets_of_other_types_are_numbers_too(kind):
    """Members take numbers in text; so does the mixture, wherever it computes with them."""
    y = (TARGET > 0).astype(float) if kind is bool else np.round(8 * TARGET) / 8
    typed = y.astype(kind)
    plain = MixtureRetrainer(regressors()).fit(X[:100], y[:100])
    other = MixtureRetrainer(regressors()).fit(X[:100], typed[:100])
    feed(plain, X, y, 50, 100, 300)
    feed(other, X, typed, 50, 100, 300)
    np.testing.assert_allclose(other.predict(X), plain.predict(X), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(other.weights_, plain.weights_, rtol=1e-3)


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [None, 0.4])
@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [False, True], [-3, 7], [1.0, 2.0], np.array(["a", "b"], dtype=object)],
    ids=repr,
)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_labels_of_any_kind_are_learned_alike(labels, budget):
    """Text, truth values, unsorted numbers: the same weights and probabilities as for 0 and 1."""
    labels = np.asarray(labels)
    plain = feed(MixtureRetrainer(classifiers(), budget=budget), X, Y, 50, 0, 700)
    model = feed(MixtureRetrainer(classifiers(), budget=budget), X, labels[Y], 50, 0, 700)
    np.testing.assert_array_equal(model.weights_, plain.weights_)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), labels[plain.predict(X)])
    np.testing.assert_array_equal(model.classes_, labels)
    assert model.classes_.dtype == labels.dtype
    assert model.score(X, labels[Y]) == plain.score(X, Y)


@pytest.mark.parametrize("other", [GaussianNB(), RandomForestClassifier(3)], ids=repr)
def test_a_single_class_is_a_class(other):
    """Histogram boosting gives probabilities of two."""
    boosting = DriftAwareRetrainer(HistGradientBoostingClassifier(max_iter=2), update=None)
    model = MixtureRetrainer([("a", boosting), ("b", DriftAwareRetrainer(other, update=None))])
    model.fit(X[:100], np.full(100, "one"))
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((1000, 1)))
    assert set(model.predict(X)) == {"one"}
    model.partial_fit(X[:20], np.full(20, "one"), classes=["one", "two"])
    np.testing.assert_array_equal(model.predict_proba(X), np.tile([1.0, 0], (1000, 1)))


def test_rows_without_weight_bring_no_class():
    """As in a retrainer, what weighs nothing is not learned."""
    members = [("bayes", steady(GaussianNB(), new_classes="raise"))]
    model = MixtureRetrainer(members).fit(X[:100], Y[:100])
    y = np.r_[Y[100:119], 9]
    model.partial_fit(X[100:120], y, sample_weight=np.r_[np.ones(19), 0])
    np.testing.assert_array_equal(model.classes_, [0, 1])


def test_members_may_know_a_class_that_the_others_do_not_count():
    """A row of weight zero is fitted by some, and streamed past by others."""
    y, weight = Y[:200].copy(), np.ones(200)
    y[150], weight[150] = 1, 0
    y[:150], y[151:] = 2 * Y[:150], 2 * Y[151:200]
    members = [
        ("whole", steady(LogisticRegression(), update=None)),
        ("streamed", steady(LogisticRegression(), update=None, batch_size=100)),
    ]
    model = MixtureRetrainer(members).fit(X[:200], y, sample_weight=weight)
    whole, streamed = model.estimators_
    np.testing.assert_array_equal(streamed.classes_, [0, 2])
    np.testing.assert_array_equal(model.classes_, whole.classes_)
    of_streamed = np.insert(streamed.predict_proba(X), 1, 0.0, axis=1)
    expected = 0.5 * whole.predict_proba(X) + 0.5 * of_streamed
    np.testing.assert_allclose(model.predict_proba(X), expected)


def test_a_column_of_targets_is_made_flat_with_one_warning():
    for members, y in ((classifiers(), Y), (regressors(), TARGET)):
        model, flat = MixtureRetrainer(members), MixtureRetrainer(members)
        for rows, method in ((slice(0, 100), "fit"), (slice(100, 200), "partial_fit")):
            with pytest.warns(DataConversionWarning) as caught:
                getattr(model, method)(X[rows], y[rows, None])
            assert len(caught) == 1
            getattr(flat, method)(X[rows], y[rows])
        assert_same_outputs(model, flat, X)


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", representatives([None, 0.2], fast=[0.2]))
@pytest.mark.no_cover
def test_memory_is_flat(budget, monkeypatch):
    """Trap 10: waiting rows, history and members are bounded; what is kept is the newest."""
    monkeypatch.setattr("skretrain._mixture._engine._MAX_HISTORY", 50)
    members = [(f"{j}", steady(GaussianNB(), buffer=SlidingWindow(60))) for j in range(4)]
    model = MixtureRetrainer(members, budget=budget).fit(X[:100], Y[:100])

    def largest(n_batches):
        sizes = []
        for number in range(n_batches):
            rows = slice(10 * number % 900, 10 * number % 900 + 10)
            model.partial_fit(X[rows], Y[rows])
            sizes.append(len(pickle.dumps(model)))
        return max(sizes)

    early = largest(120)
    assert largest(250) < 1.05 * early
    assert model.weight_history_.weights.shape == (50, 4)
    assert model.weight_history_.rows[-1] == model.n_samples_seen_ == 100 + 3700
    np.testing.assert_array_equal(np.diff(model.weight_history_.rows), 10)


def test_the_history_is_bounded_by_ten_thousand():
    model = MixtureRetrainer([("one", steady(GaussianNB()))]).fit(X[:50], Y[:50])
    assert model._engine.history.maxlen == 10_000


# -- metadata and names of features ----------------------------------------------------------------


def with_requests():
    asks = Recorder().set_fit_request(sample_weight=True, customer=True)
    asks.set_partial_fit_request(sample_weight=True, customer=True)
    declines = Recorder().set_fit_request(sample_weight=False, customer=False)
    declines.set_partial_fit_request(sample_weight=False, customer=False)
    return [("asks", steady(asks)), ("declines", steady(declines))]


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("budget", [None, 0.5])
@pytest.mark.no_cover
def test_members_get_the_metadata_that_they_request(budget, n_jobs):
    with sklearn.config_context(enable_metadata_routing=True):
        model = MixtureRetrainer(with_requests(), budget=budget, n_jobs=n_jobs)
        given = {"sample_weight": np.arange(1000.0), "customer": np.arange(1000)}

        def of(rows):
            return {name: values[rows] for name, values in given.items()}

        model.fit(X[:100], Y[:100], **of(slice(0, 100)))
        for batch in batches(400, 50, 100):
            model.partial_fit(X[batch], Y[batch], **of(batch))
        asks, declines = model.estimators_
        calls = asks.estimator_.calls_
        seen = asks.n_samples_seen_
        np.testing.assert_array_equal(np.concatenate([call[3] for call in calls]), np.arange(seen))
        np.testing.assert_array_equal(np.concatenate([call[4] for call in calls]), np.arange(seen))
        assert all(call[3] is call[4] is None for call in declines.estimator_.calls_)


def test_metadata_that_nobody_speaks_of_is_refused_before_anything_changes():
    with sklearn.config_context(enable_metadata_routing=True):
        members = [*with_requests(), ("silent", steady(GaussianNB()))]
        model = MixtureRetrainer(members)
        with pytest.raises(ValueError, match="sample_weight.*not explicitly set as requested"):
            model.fit(X[:100], Y[:100], sample_weight=np.ones(100))
        assert not hasattr(model, "estimators_")
        model.fit(X[:100], Y[:100])
        before = whole_state(model)
        for name in ("sample_weight", "nonsense"):
            with pytest.raises((ValueError, TypeError), match=name):
                model.partial_fit(X[:10], Y[:10], **{name: np.ones(10)})
            assert whole_state(model) == before
        router = model.get_metadata_routing()
        assert set(router._route_mappings) == {"asks", "declines", "silent"}


@pytest.mark.parametrize("budget", [None, 0.4])
@pytest.mark.no_cover
def test_names_of_features_are_compared(budget):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = MixtureRetrainer(classifiers(), budget=budget).fit(frame[:100], Y[:100])
    assert model.feature_names_in_.tolist() == list("abcd")
    assert model.n_features_in_ == 4
    feed(model, frame, Y, 50, 100, 300)
    before = whole_state(model)
    for method in ("predict", "predict_proba"):
        with pytest.raises(ValueError, match="feature names should match"):
            getattr(model, method)(frame[list("abdc")])
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(frame[300:350][list("abdc")], Y[300:350])
    assert whole_state(model) == before
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        np.testing.assert_array_equal(model.predict(X), model.predict(frame))
        model.partial_fit(X[300:350], Y[300:350])
    assert model.n_samples_seen_ == 350


def test_names_are_compared_where_no_base_compares_them():
    """As with boosters of other libraries."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = MixtureRetrainer([("one", steady(Explodes(1.0)))]).fit(frame, TARGET)
    for call in (model.predict, lambda rows: model.partial_fit(rows, TARGET)):
        with pytest.raises(ValueError, match="feature names should match"):
            call(frame[list("abdc")])


@pytest.mark.no_cover
def test_texts_are_rows_too():
    """What cannot be an array can wait as well."""
    texts = [f"{'good' if label else 'bad'} {row % 7}" for row, label in enumerate(Y[:400])]
    base = make_pipeline(HashingVectorizer(n_features=16), SGDClassifier(random_state=0))
    members = [(f"{j}", steady(base)) for j in range(4)]
    model = MixtureRetrainer(members, budget=0.3).fit(texts[:100], Y[:100])
    feed(model, texts, Y[:400], 20, 100)
    assert min(counts(model)) < 400
    assert model.score(texts, Y[:400]) > 0.95


# -- parameters ------------------------------------------------------------------------------------

GOOD = [("one", steady(GaussianNB()))]
BAD_PARAMETERS = {
    **{
        f"forgetting {value!r}": (
            {"forgetting": value},
            ValueError,
            r"forgetting must .* at most 1",
        )
        for value in (0, -0.1, 1.1, np.nan, "x", None, True)
    },
    **{
        f"share {value!r}": (
            {"share": value},
            ValueError,
            r"share must .* below 1",
        )
        for value in (-0.1, 1, 1.5, np.nan, "x", None, False)
    },
    **{
        f"budget {value!r}": (
            {"budget": value},
            ValueError,
            r"budget must .*, or None",
        )
        for value in (0, -1, 1.5, np.nan, "x", True)
    },
    **{
        f"estimators {value!r}": ({"estimators": value}, ValueError, "list of .name, retrainer")
        for value in ([], (), None, "junk", 3, {"one": GOOD[0][1]})
    },
    **{
        f"n_jobs {value!r}": ({"n_jobs": value}, ValueError, r"Retrainer\(n_jobs=.* other than 0")
        for value in (-7.5, 0, True, "all")
    },
    "no pair": ({"estimators": [*GOOD, GOOD[0][1]]}, ValueError, "must be a pair"),
    "three": ({"estimators": [("a", GOOD[0][1], 3)]}, ValueError, "must be a pair"),
    "same name": ({"estimators": GOOD * 2}, ValueError, "not unique"),
    "underscores": ({"estimators": [("a__b", GOOD[0][1])]}, ValueError, "must not contain __"),
    "number": ({"estimators": [(1, GOOD[0][1])]}, ValueError, "pair of a name, a str, and a"),
    "own name": ({"estimators": [("share", GOOD[0][1])]}, ValueError, "conflict with constructor"),
    "bare": ({"estimators": [*GOOD, ("b", GaussianNB())]}, TypeError, "'b' is GaussianNB.*Wrap it"),
    "text": ({"estimators": [("b", "junk")]}, TypeError, "'b' is 'junk', which is no retrainer"),
    "no member": ({"estimators": [("b", None)]}, TypeError, "'b' is None"),
    "both kinds": ({"estimators": [*GOOD, ("b", steady(Ridge()))]}, ValueError, "of one kind, got"),
    "outliers": (
        {"estimators": [("a", DriftAwareRetrainer(IsolationForest()))]},
        ValueError,
        "must be classifiers or regressors",
    ),
    "random_state": ({"random_state": "seed"}, ValueError, "random_state must be an integer"),
    "member": (
        {"estimators": [*GOOD, ("b", DriftAwareRetrainer(GaussianNB(), detector="junk"))]},
        ValueError,
        "detector='junk'",
    ),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_a_bad_parameter_survives_until_it_is_used(case, method):
    """Trap 25; and an earlier fit survives it."""
    params, kind, message = BAD_PARAMETERS[case]
    model = MixtureRetrainer(**{"estimators": GOOD, **params})
    for name, value in params.items():
        assert model.get_params(deep=False)[name] is value
    assert repr(model).startswith("MixtureRetrainer(")
    get_tags(model), hasattr(model, "predict_proba")
    with pytest.raises(kind, match=message):
        getattr(model, method)(X[:100], Y[:100])
    assert not hasattr(model, "n_features_in_")
    fitted = MixtureRetrainer(GOOD).fit(X, Y)
    vars(fitted).update(params)
    with pytest.raises(kind, match=message):
        fitted.fit(X[:, :3], Y)
    assert fitted.n_features_in_ == 4
    np.testing.assert_array_equal(fitted.weights_, [1])
    assert fitted.predict(X).shape == (1000,)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(0.5), 0.5])
def test_numbers_of_any_type_are_numbers(value):
    MixtureRetrainer(GOOD, forgetting=value, budget=value).fit(X, Y)


# -- what scikit-learn asks ------------------------------------------------------------------------


def test_the_diagram_names_the_members():
    for model in (MixtureRetrainer(classifiers()), MixtureRetrainer(classifiers()).fit(X, Y)):
        page = estimator_html_repr(model)
        for name, _ in classifiers():
            assert name in page
        assert "LogisticRegression" in page
        assert model._repr_html_()
        assert "MixtureRetrainer" in repr(model)


def test_tags_are_what_all_members_can_take():
    """What any of them demands, the mixture demands."""
    for members, kind in ((classifiers(), is_classifier), (regressors(), is_regressor)):
        assert kind(MixtureRetrainer(members))
    takes_nan = steady(HistGradientBoostingClassifier())
    assert get_tags(MixtureRetrainer([("a", takes_nan)])).input_tags.allow_nan
    both = [("a", takes_nan), ("b", steady(GaussianNB()))]
    assert not get_tags(MixtureRetrainer(both)).input_tags.allow_nan
    assert get_tags(MixtureRetrainer(both)).classifier_tags.multi_class
    several = [("a", steady(RandomForestClassifier())), ("b", steady(GaussianNB()))]
    assert not get_tags(MixtureRetrainer(several)).classifier_tags.multi_label
    counts = [("a", steady(Ridge())), ("b", steady(PoissonRegressor()))]
    tags = get_tags(MixtureRetrainer(counts))
    assert tags.target_tags.positive_only
    assert not tags.input_tags.positive_only
    assert tags.target_tags.required
    assert not tags.target_tags.multi_output
    assert tags.classifier_tags is None


def test_attributes_are_absent_until_something_was_learned():
    fresh = MixtureRetrainer(classifiers())
    attributes = ("estimators_", "named_estimators_", "weights_", "weight_history_", "events_")
    for name in (*attributes, "n_samples_seen_", "classes_", "n_features_in_"):
        assert not hasattr(fresh, name)
    assert fresh.partial_fit(X[:0], Y[:0]) is fresh
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(fresh, method)(X)
    fresh.fit(X, Y)
    for name in (*attributes, "n_samples_seen_", "classes_", "n_features_in_"):
        assert hasattr(fresh, name)


def test_predicting_changes_nothing():
    model = feed(MixtureRetrainer(classifiers(), budget=0.3), X, Y, 50, 0, 400)
    before = whole_state(model)
    model.predict(X), model.predict_proba(X), model.score(X, Y, sample_weight=np.ones(1000))
    model.partial_fit(X[:0], Y[:0])
    assert whole_state(model) == before


def of_each(*bases, **params):
    return MixtureRetrainer(
        [(f"m{j}", DriftAwareRetrainer(base)) for j, base in enumerate(bases)], **params
    )


MIXTURES = [
    of_each(GaussianNB(), LogisticRegression()),
    of_each(SGDClassifier(loss="log_loss"), DecisionTreeClassifier(), budget=0.4),
    of_each(SGDClassifier(), LinearSVC()),
    of_each(RandomForestClassifier(3), HistGradientBoostingClassifier(max_iter=3)),
    # Not with SGD: behind a scaler it predicts classes whose rows have no weight, too, which a
    # check forbids; and the mixture hands weights to the last step, unlike a pipeline.
    of_each(make_pipeline(StandardScaler(), LogisticRegression()), GaussianNB()),
    MixtureRetrainer([("a", ReplayPartialFit(GaussianNB())), ("b", steady(DummyClassifier()))]),
    of_each(Ridge(), LinearRegression(), budget=0.5),
    of_each(SGDRegressor(), DecisionTreeRegressor()),
    of_each(RandomForestRegressor(3), HistGradientBoostingRegressor(max_iter=3)),
    of_each(make_pipeline(StandardScaler(), Ridge()), DummyRegressor()),
    of_each(PoissonRegressor(), DecisionTreeRegressor()),
]


def _one_line(mixture):
    return "".join(repr(mixture).split())


@pytest.mark.filterwarnings("ignore")  # scikit-learn's checks warn on purpose, as they do for it
@pytest.mark.parametrize("mixture", representatives(MIXTURES, fast=MIXTURES[::6]), ids=_one_line)
@pytest.mark.no_cover
def test_scikit_learn_finds_no_failure_but_those_of_the_bases(mixture):
    results = check_estimator(mixture, on_skip=None, on_fail=None)
    bad = [result for result in results if result["status"] not in ("passed", "skipped")]
    known = set().union(*(failed_by(member.estimator) for _, member in mixture.estimators))
    assert {result["check_name"] for result in bad} <= known, bad
    assert sum(result["status"] == "passed" for result in results) >= 40


@pytest.mark.slow
@parametrize_with_retrainer_checks(MIXTURES)
def test_skretrain_finds_no_failure(retrainer, check):
    check(retrainer)


# -- make_mixture ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "base",
    [
        LogisticRegression(),
        RandomForestClassifier(5),
        HistGradientBoostingClassifier(max_iter=3),
        SGDClassifier(loss="log_loss"),
    ],
    ids=repr,
)
@pytest.mark.no_cover
def test_one_classifier_is_kept_fresh_in_several_ways(base):
    """The mixture recovers from a drift from which the frozen member does not."""
    model = make_mixture(base, random_state=0).fit(X[:200], Y[:200])
    feed(model, X, Y, 50, 200)
    names = [name for name, _ in model.estimators]
    assert names[:5] == ["frozen", "all", "recent", "newest", "since_drift"]
    assert len(names) > 5 or not isinstance(base, (RandomForestClassifier, SGDClassifier))
    assert model.score(X[800:], Y[800:]) > 0.8
    assert model.named_estimators_["frozen"].score(X[800:], Y[800:]) < 0.2
    assert model.weights_[0] < 0.1


@pytest.mark.parametrize(
    "base",
    [Ridge(), RandomForestRegressor(5), HistGradientBoostingRegressor(max_iter=20), SGDRegressor()],
    ids=repr,
)
def test_one_regressor_is_kept_fresh_in_several_ways(base):
    y = np.where(np.arange(1000) < 500, TARGET, -TARGET)
    model = make_mixture(base, random_state=0, budget=0.9).fit(X[:200], y[:200])
    feed(model, X, y, 50, 200)
    assert model.budget == 0.9
    assert model.score(X[800:], y[800:]) > 0.5
    assert model.named_estimators_["frozen"].score(X[800:], y[800:]) < 0


@pytest.mark.parametrize(("task", "y"), [("classification", Y), ("regression", TARGET)])
@pytest.mark.no_cover
def test_without_an_estimator_members_are_fast_ones(task, y):
    model = make_mixture(task=task, random_state=0).fit(X[:200], y[:200])
    feed(model, X, y, 50, 200, 500)
    assert model.score(X[300:500], y[300:500]) > 0.8
    assert len(model.estimators) >= 4
    assert make_mixture(task=task).random_state is None


def test_members_of_a_made_mixture_share_no_estimator():
    """To set a parameter of one member is not to set it for all, nor for the caller."""
    base = LogisticRegression()
    model = make_mixture(base)
    model.set_params(all__estimator__C=5.0)
    assert base.C == 1.0
    assert model.get_params()["recent__estimator__C"] == 1.0
    for task in ("classification", "regression"):
        members = [member for _, member in make_mixture(task=task).estimators]
        assert len({id(member.estimator) for member in members}) == len(members)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "clustering"}, "task='clustering'.*'classification', 'regression'"),
        ({"estimator": IsolationForest()}, "IsolationForest.*a classifier or a regressor"),
        ({"estimator": StandardScaler()}, "StandardScaler.*a classifier or a regressor"),
    ],
)
def test_what_no_mixture_can_be_made_of_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_mixture(**arguments)


def test_names_are_those_of_the_fit_whatever_the_parameters_are_by_now():
    X, y = stream(300)
    model = make_mixture(GaussianNB()).fit(X, y)
    model.set_params(estimators=model.estimators[:2])
    assert list(model.named_estimators_) == [
        "frozen",
        "all",
        "recent",
        "newest",
        "since_drift",
        "updated",
    ]
    assert model.events_[-1].reason == "updated: first fit"


@pytest.mark.no_cover
def test_a_budget_of_one_is_every_turn():
    """And everybody is asked, also who has almost no weight."""
    hopeless = make_pipeline(StandardScaler(), GaussianNB(priors=[0.001, 0.999]))
    members = [*classifiers(), ("hopeless", DriftAwareRetrainer(hopeless, detector=None))]
    whole, none = (
        feed(MixtureRetrainer(members, budget=budget).fit(X[:100], Y[:100]), X, Y, 60)
        for budget in (1.0, None)
    )
    assert counts(whole) == counts(none)
    assert 0 < whole.weights_.min() < 0.02
    assert whole.predict_proba(X).tolist() == none.predict_proba(X).tolist()


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.no_cover
def test_the_default_mixture_learns_nothing_from_rows_without_weight(task):
    """Its members are pipelines of different steps: each gets the weight by the name it knows."""
    weight = np.tile([1.0, 0.0], 500)
    y = X[:, 0] > 0 if task == "classification" else X[:, 0]
    told = np.where(weight, y, ~y if task == "classification" else -y)
    model = make_mixture(task=task, random_state=0)
    model.fit(X[:400], told[:400], sample_weight=weight[:400])
    for batch in batches(1000, 100, 400):
        model.partial_fit(X[batch], told[batch], sample_weight=weight[batch])
    for member in model.estimators_:
        assert member.score(X, y) > 0.8


def test_the_name_that_a_caller_gives_a_weight_goes_before_the_usual_one():
    members = [("m", steady(make_pipeline(StandardScaler(), Recorder())))]
    model = MixtureRetrainer(members)
    usual, own = np.ones(50), np.full(50, 2.0)
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(X[:50], Y[:50], sample_weight=usual, recorder__sample_weight=own)
    model.fit(X[:50], Y[:50], sample_weight=own)
    [member] = model.estimators_
    np.testing.assert_array_equal(member.estimator_[-1].calls_[0][3], own)


def test_a_default_mixture_of_many_columns_is_no_burden():
    """The squares of 3,000 columns would be 72 MB for each rate, and solved for at each batch."""
    rows = np.random.default_rng(0).normal(size=(60, 3000))
    model = make_mixture(random_state=0).fit(rows, rows[:, 0] > 0)
    kernel = model.named_estimators_["kernel_updated"].estimator_
    assert kernel[-1].n_features_in_ == len(kernel[:-1].get_feature_names_out()) == 256
    few = make_mixture(random_state=0).fit(rows[:, :5], rows[:, 0] > 0)
    kernel = few.named_estimators_["kernel_updated"].estimator_
    assert kernel[-1].n_features_in_ == len(kernel[:-1].get_feature_names_out()) == 261
