"""WarmStart: partial_fit with passes, the base's own warm_start, and reheating."""

import numpy as np
import pytest
from helpers import Rings, assert_same_outputs, batches, feed, fingerprint, stream
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.compose import BaseAdapter, register_adapter
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import FullRefit, WarmStart
from skretrain.utils._losses import loss_per_row

X, Y = stream(600, drift=300)


@pytest.mark.parametrize("n_passes", [1, 2, 5])
def test_passes_are_calls_of_partial_fit(n_passes):
    update = WarmStart(n_passes=n_passes)
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None, update=update)
    model.fit(X[:100], Y[:100])
    oracle = SGDClassifier(random_state=0).fit(X[:100], Y[:100])
    for batch in batches(300, 50, 100):
        model.partial_fit(X[batch], Y[batch])
        for _ in range(n_passes):
            oracle.partial_fit(X[batch], Y[batch])
    assert fingerprint(model.estimator_) == fingerprint(oracle)
    assert model.events_.totals["rows_fitted"] == 100 + 200 * n_passes


def test_an_alarm_is_answered_with_all_rows_since_the_change():
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=Rings([310]), policy=WarmStart(2), update=None
    ).fit(X[:250], Y[:250])
    feed(model, X, Y, 150, 250, 400)
    oracle = SGDClassifier(random_state=0).fit(X[:250], Y[:250])
    for _ in range(2):
        oracle.partial_fit(X[310:400], Y[310:400])
    assert_same_outputs(model, oracle, X)
    assert model.events_[-1].n_rows_fitted == 180


# -- reheat ----------------------------------------------------------------------------------------


def heated(base, reheat, as_update=False):
    """Return a model that answered an alarm with, or without, reheating."""
    policy = WarmStart(reheat=reheat)
    model = DriftAwareRetrainer(
        base,
        detector=Rings([] if as_update else [260]),
        policy=policy,
        update=policy if as_update else None,
    ).fit(X[:250], Y[:250])
    return model.partial_fit(X[250:350], Y[250:350])


@pytest.mark.parametrize("base", [SGDClassifier(random_state=0), SGDRegressor(random_state=0)])
def test_reheating_sets_the_schedule_of_sgd_back(base):
    """``t_`` counts on from 1, as in a fresh model; without, from where it was."""
    oracle = clone(base).fit(X[:250], Y[:250])
    cool = oracle.t_
    oracle.t_ = 1.0
    oracle.partial_fit(X[260:350], Y[260:350])
    model = heated(base, reheat=True)
    assert model.estimator_.t_ == 1 + 90
    assert_same_outputs(model, oracle, X)
    assert heated(base, reheat=False).estimator_.t_ == cool + 90
    assert heated(base, reheat=True, as_update=True).estimator_.t_ == cool + 100


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_reheating_rebuilds_the_optimiser_of_a_perceptron(solver):
    """Step size and momenta are those of a new optimiser on the present weights."""
    params = {"solver": solver, "max_iter": 5, "random_state": 0}
    base = MLPClassifier((4,), learning_rate="invscaling", **params)
    before = DriftAwareRetrainer(base, detector=None, update=None).fit(X[:250], Y[:250])
    model, cool = heated(base, reheat=True), heated(base, reheat=False)
    warm, cold = model.estimator_._optimizer, cool.estimator_._optimizer
    assert model.estimator_.t_ == 90
    assert cool.estimator_.t_ == before.estimator_.t_ + 90
    if solver == "adam":
        assert (warm.t, cold.t) == (1, 5 * 2 + 1)
    else:
        assert warm.learning_rate > cold.learning_rate
    assert not np.array_equal(model.estimator_.coefs_[0], cool.estimator_.coefs_[0])


def test_reheating_a_model_without_a_step_size_changes_nothing():
    hot, cool = heated(GaussianNB(), True), heated(GaussianNB(), False)
    assert fingerprint(hot.estimator_) == fingerprint(cool.estimator_)


# -- the base's own warm_start ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_own_warm_start_begins_at_the_present_coefficients():
    """LogisticRegression has no ``partial_fit``: it is fitted on the rows of the concept."""
    base = LogisticRegression(max_iter=3, tol=1e-12)
    model = DriftAwareRetrainer(base, detector=None, update="warm_start")
    model.fit(X[:100], Y[:100]).partial_fit(X[100:150], Y[100:150])
    oracle = clone(base).set_params(warm_start=True).fit(X[:100], Y[:100])
    oracle.fit(X[:150], Y[:150])
    np.testing.assert_array_equal(model.estimator_.coef_, oracle.coef_)
    cold = clone(base).fit(X[:150], Y[:150])
    assert not np.array_equal(model.estimator_.coef_, cold.coef_)
    assert model.estimator_.warm_start is False
    assert model.events_.totals["rows_fitted"] == 250


def test_auto_does_not_use_own_warm_start():
    """``update="auto"`` means ``partial_fit`` or nothing: a fit on all rows per batch is dear."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=None, policy=FullRefit(grow=False)
    ).fit(X[:100], Y[:100])
    model.partial_fit(X[100:150], Y[100:150])
    assert model.events_.counts["kept"] == 1


def only_class_1_since_row_300(max_rows, ring=320):
    y = Y.copy()
    y[300:] = 1
    model = DriftAwareRetrainer(
        LogisticRegression(),
        detector=Rings([ring]),
        policy="warm_start",
        update=None,
        buffer=SlidingWindow(max_rows),
    ).fit(X[:300], y[:300])
    return model.partial_fit(X[300:400], y[300:400]), y


def test_a_class_that_the_rows_lack_is_topped_up_from_memory():
    """A solver needs every class; ten percent of the rows are older ones of the class."""
    model, y = only_class_1_since_row_300(max_rows=1000)
    older = np.flatnonzero(y[:300] == 0)[-8:]
    rows = np.r_[older, 320:400]
    oracle = LogisticRegression(warm_start=True).fit(X[:300], y[:300]).fit(X[rows], y[rows])
    assert_same_outputs(model, oracle, X)
    event = model.events_[-1]
    assert (event.kind, event.n_rows_fitted) == ("warm_start", 88)


def test_a_class_that_memory_lacks_too_makes_it_refit_and_say_why():
    """No remembered row is of the class: the champion stays, as a refit on one class fails."""
    model, y = only_class_1_since_row_300(max_rows=50, ring=420)
    with pytest.warns(RetrainFailedWarning, match="one class"):
        model.partial_fit(X[400:500], y[400:500])
    assert "ValueError" in model.events_[-1].reason
    np.testing.assert_array_equal(model.estimator_.classes_, [0, 1])


def test_an_ensemble_that_only_adds_members_is_not_continued():
    """Trap 18: ``warm_start`` with the same number of members is a silent no-op."""
    base = AddsMembers(GaussianNB())
    with pytest.raises(ValueError, match="AddsMembers reads warm_start as adding members"):
        DriftAwareRetrainer(base, update="warm_start").fit(X, Y)


class AddsMembers(ClassifierMixin, BaseEstimator):
    """An ensemble of somebody's, which no adapter knows."""

    def __init__(self, estimator=None, n_estimators=3, warm_start=False):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.warm_start = warm_start


# -- the guard -------------------------------------------------------------------------------------


class Constant(RegressorMixin, BaseEstimator):
    """Predicts the mean of the rows it was fitted on."""

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class Moves(BaseAdapter):
    """Continues a Constant by a step of its effort, guarded."""

    method = "moving mean"
    guarded = "always"

    def update(self, model, X, y, params, effort):
        model.mean_ += effort.rate * (np.mean(y) - model.mean_)


@pytest.fixture(autouse=True)
def _known_adapter():
    register_adapter(Constant, Moves())
    yield
    register_adapter(Constant, None)


LEVELS = np.repeat([0.0, 10.0], 100)


def guarded(rate, *, guard=True, since=100, stop=150):
    model = DriftAwareRetrainer(
        Constant(),
        detector=Rings([since]),
        policy=WarmStart(rate=rate, guard=guard),
        update=None,
    ).fit(X[:100], LEVELS[:100])
    return model.partial_fit(X[100:stop], LEVELS[100:stop])


def test_a_continuation_that_beats_a_fresh_fit_serves():
    """At a rate of 1 it goes all the way; a fresh fit on a mix with old rows, half of it."""
    model = guarded(rate=1.0)
    assert model.estimator_.mean_ == 10.0
    assert model.events_[-1].kind == "warm_start"
    assert model.events_[-1].n_rows_fitted == 50


def test_a_continuation_that_a_fresh_fit_beats_does_not_serve():
    """At a rate of 0.1 it goes from 0 to 1; the fresh fit on 50 new and 50 old rows is at 5."""
    model = guarded(rate=0.1)
    assert model.estimator_.mean_ == 5.0
    event = model.events_[-1]
    assert (event.kind, event.n_rows_fitted) == ("replay_mix", 100)
    assert "on 25 held-out rows a fresh fit lost 5 per row, the continued 9" in event.reason
    # Of the 50 rows, 25 went to the continuation; with as many old ones, to the fresh fit.
    assert model.events_.totals["rows_fitted"] == 100 + (25 + 50) + 100


def test_without_the_guard_the_continuation_serves():
    assert guarded(rate=0.1, guard=False).estimator_.mean_ == 1.0


def test_a_single_row_leaves_nothing_to_compare_on():
    model = guarded(rate=1.0, stop=101)
    assert model.events_[-1].kind == "replay_mix"
    assert "too few to compare" in model.events_[-1].reason


def test_what_cannot_be_continued_without_the_held_out_rows_is_fitted_afresh():
    """All rows show three classes; those before the held-out ones, and memory, only two."""

    class NeedsAll(Moves):
        needs_all_classes = True

        def update(self, model, X, y, params, effort):
            raise AssertionError("it was asked to go on from rows that lack a class")

    class Sure(DummyClassifier):
        pass

    y = np.repeat([0, 1, 2], [50, 50, 50])
    register_adapter(Sure, NeedsAll())
    try:
        model = DriftAwareRetrainer(
            Sure(),
            detector=Rings([150]),
            policy="warm_start",
            update=None,
            buffer=SlidingWindow(max_rows=20),
        ).fit(X[:150], y)
        labels = np.repeat([0, 1, 2], [10, 5, 5])
        model.partial_fit(X[150:170], labels)
    finally:
        register_adapter(Sure, None)
    assert model.events_[-1].kind == "replay_mix"
    assert "Sure needs every class that it knows; the rows lack" in model.events_[-1].reason


def test_the_replay_of_the_guard_is_drawn_from_all_older_rows():
    """A class that the concept lacks is added after the draw, or it would bound the draw."""
    fitted = []

    class NeedsAll(Moves):
        needs_all_classes = True

        def update(self, model, X, y, params, effort):
            """It learns nothing, so that the fresh fit wins."""

    class Nearest(KNeighborsClassifier):
        def fit(self, X, y):
            fitted.append(y)
            return super().fit(X, y)

    y = np.r_[np.full(20, 2), Y[20:150], 1 - Y[150:250]]
    register_adapter(Nearest, NeedsAll())
    try:
        model = DriftAwareRetrainer(
            Nearest(), detector=Rings([150]), policy="warm_start", update=None
        ).fit(X[:150], y[:150])
        model.partial_fit(X[150:250], y[150:250])
    finally:
        register_adapter(Nearest, None)
    assert model.events_[-1].kind == "replay_mix"
    compared, served = fitted[1:]
    # Half of the batch, or all of it, as many older rows, and what is missing of class 2.
    assert 2 * 50 <= len(compared) <= 2 * 50 + 10
    assert 2 * 100 <= len(served) <= 2 * 100 + 20
    assert np.mean(served[:-100] == 2) < 0.5


def test_the_comparison_is_on_rows_that_neither_model_has_learned():
    """Trap 34: every row that a continuation or a fresh fit was given before the comparison."""
    seen, judged = [], []

    class Watched(Moves):
        def update(self, model, X, y, params, effort):
            seen.append(set(X[:, 0]))
            super().update(model, X, y, params, effort)

    class WatchedConstant(Constant):
        def fit(self, X, y):
            seen.append(set(X[:, 0]))
            return super().fit(X, y)

        def predict(self, X):
            judged.append((set(X[:, 0]), len(seen)))
            return super().predict(X)

    register_adapter(WatchedConstant, Watched())
    try:
        model = DriftAwareRetrainer(
            WatchedConstant(), detector=None, update=WarmStart(rate=0.5)
        ).fit(X[:100], LEVELS[:100])
        model.partial_fit(X[100:150], LEVELS[100:150])
    finally:
        register_adapter(WatchedConstant, None)
    held = set(X[125:150, 0])
    # The first fit, the continuation and the fresh fit came before; the winner's fit comes after.
    comparisons = [n_before for rows, n_before in judged if rows == held]
    assert comparisons == [3, 3]
    assert not any(held & rows for rows in seen[:3])
    assert held <= seen[3]


def test_the_loss_of_a_classifier_is_finer_than_its_labels():
    """Both models name the right class; the surer one loses less, and an unknown class most."""
    X, y = np.zeros((4, 1)), np.array([0, 0, 0, 1])
    unsure = DummyClassifier(strategy="prior").fit(X, y)
    sure = DummyClassifier(strategy="most_frequent").fit(X, y)
    right = np.zeros(2, dtype=int)
    assert loss_per_row(sure, X[:2], right).sum() == 0
    np.testing.assert_allclose(loss_per_row(unsure, X[:2], right), -np.log(0.75))
    np.testing.assert_allclose(loss_per_row(sure, X[:2], np.array([1, 7])), -np.log(1e-6))


def test_without_probabilities_wrong_labels_are_counted():
    model = Perceptron().fit(X[:100], Y[:100])
    wrong = model.predict(X) != Y
    np.testing.assert_array_equal(loss_per_row(model, X, Y), wrong)


@pytest.mark.parametrize("rate", [0, 1.5, True, "fast", None])
def test_bad_rates_are_refused(rate):
    with pytest.raises(ValueError, match="rate must be a number above 0 and at most 1"):
        DriftAwareRetrainer(SGDClassifier(), update=WarmStart(rate=rate)).fit(X, Y)


# -- steps -----------------------------------------------------------------------------------------


def test_steps_override_the_plan_of_a_pipeline():
    """Frozen, the scaler stays as it was fitted; by default it goes on with the rows."""
    base = make_pipeline(StandardScaler(), SGDClassifier(random_state=0))
    seen = {}
    for steps in (None, {"standardscaler": "freeze"}):
        model = DriftAwareRetrainer(base, detector=None, update=WarmStart(steps=steps))
        feed(model.fit(X[:100], Y[:100]), X, Y, 100, 100, 300)
        seen[str(steps)] = model.estimator_[0].n_samples_seen_
    assert list(seen.values()) == [300, 100]


def test_steps_that_match_nothing_are_refused():
    with pytest.raises(ValueError, match="'scaler' matches none of the steps"):
        DriftAwareRetrainer(SGDClassifier(), update=WarmStart(steps={"scaler": "freeze"})).fit(X, Y)


# -- new classes -----------------------------------------------------------------------------------


def test_a_new_class_grows_in_place_where_the_update_can_take_it_in():
    """No retrain: the batch that brings the class is learned like any other."""
    y = Y.copy()
    y[250:] += 1
    model = DriftAwareRetrainer(GaussianNB(), detector=None).fit(X[:200], y[:200])
    feed(model, X, y, 100, 200, 400)
    oracle = GaussianNB().partial_fit(X[:200], y[:200], classes=[0, 1, 2])
    oracle.partial_fit(X[200:300], y[200:300]).partial_fit(X[300:400], y[300:400])
    np.testing.assert_allclose(model.predict_proba(X), oracle.predict_proba(X), rtol=1e-6)
    assert model.events_.counts["retrained"] == 1
    assert model.n_refits_ == 0


def test_a_pipeline_that_keeps_encoders_frozen_is_refitted_as_the_rows_grow():
    """Else its encoders would know the first rows only, until the first alarm."""
    base = make_pipeline(PCA(2), SGDClassifier(random_state=0))
    model = feed(DriftAwareRetrainer(base, detector=None, policy="full_refit"), X, Y, 100, 0, 400)
    assert [event.n_rows_fitted for event in model.events_] == [100, 200, 400]
    # A rescaler whose update moves no decision learns along, and is left alone.
    base = make_pipeline(StandardScaler(), SGDClassifier(random_state=0))
    model = feed(DriftAwareRetrainer(base, detector=None, policy="full_refit"), X, Y, 100, 0, 400)
    assert [event.n_rows_fitted for event in model.events_] == [100]


@pytest.mark.parametrize("n_passes", [0, -1, 1.5, True, None])
def test_bad_passes_are_refused(n_passes):
    with pytest.raises(ValueError, match="n_passes must be an integer of at least 1"):
        DriftAwareRetrainer(SGDClassifier(), update=WarmStart(n_passes)).fit(X, Y)
