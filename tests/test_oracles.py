"""With its parts switched off, a retrainer is the bare estimator, bit for bit."""

from itertools import product

import numpy as np
import pytest
from helpers import (
    Recorder,
    Rings,
    assert_same_outputs,
    batches,
    feed,
    fingerprint,
    representatives,
    stream,
)
from river import drift
from river.base import BinaryDriftDetector
from river.drift import binary
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    Ridge,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.drift import ErrorDrift
from skretrain.policies import FullRefit, KeepOrRefit

pytestmark = pytest.mark.no_cover

N, SIZE = 600, 50


BARE = {
    "forest": RandomForestClassifier(5, random_state=0),
    "isolation": IsolationForest(n_estimators=10, random_state=0),
    "kmeans": MiniBatchKMeans(3, random_state=0),
    "logistic": LogisticRegression(),
    "nb": GaussianNB(),
    "pipeline": make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
    "ridge": Ridge(),
}

INCREMENTAL = {
    "bernoulli": BernoulliNB(),
    "kmeans": MiniBatchKMeans(3, random_state=0),
    "mlp": MLPClassifier((5,), max_iter=3, random_state=0),
    "mlp_regressor": MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0),
    "mlp_sgd": MLPClassifier((5,), solver="sgd", max_iter=3, momentum=0.9, random_state=0),
    "nb": GaussianNB(),
    "one_class_svm": SGDOneClassSVM(random_state=0),
    "perceptron": Perceptron(random_state=0),
    "sgd": SGDClassifier(loss="log_loss", random_state=0),
    "sgd_averaged": SGDClassifier(average=20, random_state=0),
    "sgd_regressor": SGDRegressor(random_state=0),
}


def target_of(estimator, X, y):
    if is_classifier(estimator):
        return y
    return 2 * X[:, 0] + X[:, 1] if is_regressor(estimator) else None


def part_of(y, batch):
    return None if y is None else y[batch]


def classes_of(estimator, y):
    return {"classes": np.unique(y)} if is_classifier(estimator) else {}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("detector", [None, drift.NoDrift()], ids=["none", "NoDrift"])
@pytest.mark.parametrize("name", BARE)
def test_without_update_and_growth_it_is_the_bare_estimator(name, detector):
    """However many batches follow the fit, the model is the one that ``fit`` made."""
    bare = BARE[name]
    X, y = stream(N)
    y = target_of(bare, X, y)
    if y is None and detector is not None and not hasattr(bare, "fit_predict"):
        pytest.skip("nothing to score")
    model = DriftAwareRetrainer(
        bare, detector=detector, update=None, policy=FullRefit(grow=False)
    ).fit(X[:300], part_of(y, slice(300)))
    for batch in batches(N, SIZE, 300):
        model.partial_fit(X[batch], part_of(y, batch))
    oracle = clone(bare).fit(X[:300], part_of(y, slice(300)))
    assert_same_outputs(model, oracle, X)
    assert model.n_refits_ == 0
    assert model.n_samples_seen_ == N
    if y is not None:
        assert model.score(X, y) == oracle.score(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("detector", [None, drift.NoDrift()], ids=["none", "NoDrift"])
@pytest.mark.parametrize("name", INCREMENTAL)
@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
@pytest.mark.thinned(3)
def test_with_warm_start_it_is_the_bare_loop(name, detector, begin):
    """``update="warm_start"`` is ``partial_fit`` in a loop, from a fit or from the first row."""
    bare = INCREMENTAL[name]
    X, y = stream(N)
    y = target_of(bare, X, y)
    model = DriftAwareRetrainer(
        bare, detector=detector, update="warm_start", policy=KeepOrRefit(grow=False)
    )
    oracle = clone(bare)
    start = 0
    declared = classes_of(bare, y)
    if begin == "fit":
        start, declared = 100, {}
        model.fit(X[:start], part_of(y, slice(start)))
        oracle.fit(X[:start], part_of(y, slice(start)))
    for batch in batches(N, SIZE, start):
        model.partial_fit(X[batch], part_of(y, batch), **declared)
        oracle.partial_fit(X[batch], part_of(y, batch), **declared)
        declared = {}
    assert_same_outputs(model, oracle, X)
    assert fingerprint(model.estimator_) == fingerprint(oracle)


def test_streaming_in_fit_is_the_same_loop():
    """``fit`` with a batch_size is a fit on the first rows and ``partial_fit`` on the rest."""
    X, y = stream(N)
    bare = SGDClassifier(random_state=0)
    streamed = DriftAwareRetrainer(bare, detector=None, batch_size=SIZE, initial_size=120).fit(X, y)
    oracle = clone(bare).fit(X[:120], y[:120])
    for batch in batches(N, SIZE, 120):
        oracle.partial_fit(X[batch], y[batch])
    assert_same_outputs(streamed, oracle, X)


def test_rows_are_learned_in_the_order_of_time():
    """Trap 22: a model that keeps what it was shown was shown the stream unshuffled."""
    X, y = stream(200)
    model = DriftAwareRetrainer(Recorder(), detector=None, batch_size=30, random_state=3)
    model.fit(X, y)
    shown = np.concatenate([rows for _, rows, *_ in model.estimator_.calls_])
    np.testing.assert_array_equal(shown, X)


RIVER = {
    "ADWIN": lambda: drift.ADWIN(delta=0.05),
    "DDM": lambda: binary.DDM(),
    "DummyDriftDetector": lambda: drift.DummyDriftDetector(t_0=150, seed=1),
    "EDDM": lambda: binary.EDDM(),
    "FHDDM": lambda: binary.FHDDM(),
    "HDDMA": lambda: binary.HDDMA(),
    "HDDMW": lambda: binary.HDDMW(),
    "KSWIN": lambda: drift.KSWIN(alpha=0.001, seed=7),
    "NoDrift": lambda: drift.NoDrift(),
    "PageHinkley": lambda: drift.PageHinkley(threshold=10),
}


def rings_by_hand(detector, losses):
    """Return the positions at which river rings when it is fed as its own examples feed it."""
    is_binary = isinstance(detector, BinaryDriftDetector)
    rang = []
    for position, loss in enumerate(losses):
        detector.update(bool(loss) if is_binary else float(loss))
        if detector.drift_detected:
            rang.append(position)
    return rang


@pytest.mark.parametrize(
    ("name", "size"), representatives(product(RIVER, [1, 40]), fast=product(RIVER, [40]))
)
def test_alarms_are_those_of_river_fed_by_hand(name, size):
    """In stream order, both directions, no cooldown and dry run, river's own sequence comes out."""
    X, y = stream(1200, drift=500)
    y[900:] = 1 - y[900:]  # back again: detectors of falling errors have something to ring for
    trigger = ErrorDrift(RIVER[name](), order="stream", direction="both", cooldown=0)
    model = DriftAwareRetrainer(GaussianNB(), detector=trigger, dry_run=True, policy="full_refit")
    model.fit(X[:100], y[:100])
    rows = []
    for batch in batches(1200, size, 100):
        model.partial_fit(X[batch], y[batch])
        rows.extend(model.detector_.ring_rows_)
    errors = GaussianNB().fit(X[:100], y[:100]).predict(X[100:]) != y[100:]
    by_hand = [100 + position for position in rings_by_hand(RIVER[name](), errors)]
    assert rows == by_hand
    assert bool(by_hand) == (name != "NoDrift")
    batches_that_rang = {(row - 100) // size for row in by_hand}
    assert model.n_alarms_ == len(batches_that_rang)
    suggested = {(event.row - 101) // size for event in model.events_ if event.state == "drift"}
    assert suggested == batches_that_rang


def test_losses_are_those_of_a_fresh_prediction():
    """Trap 15: what ``predict`` answered earlier, for whatever rows, does not matter."""
    X, y = stream(N)
    asked = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=ErrorDrift())
    silent = clone(asked)
    asked.fit(X[:100], y[:100])
    silent.fit(X[:100], y[:100])
    for batch in batches(N, SIZE, 100):
        asked.predict(X[::-1])
        asked.predict(X[batch])
        asked.partial_fit(X[batch], y[batch])
        silent.partial_fit(X[batch], y[batch])
    assert fingerprint(asked.estimator_) == fingerprint(silent.estimator_)
    remembered = asked.detector_._memory.losses
    np.testing.assert_array_equal(remembered, silent.detector_._memory.losses)


def test_the_trigger_sees_the_errors_made_before_learning():
    """The loss of a batch is that of the model as it was before the batch."""
    X, y = stream(N)
    bare = SGDClassifier(random_state=0)
    policy = KeepOrRefit(grow=False)
    model = DriftAwareRetrainer(bare, detector=Rings(), policy=policy).fit(X[:100], y[:100])
    oracle = clone(bare).fit(X[:100], y[:100])
    wrong = []
    for batch in batches(N, SIZE, 100):
        wrong.append(oracle.predict(X[batch]) != y[batch])
        oracle.partial_fit(X[batch], y[batch])
        model.partial_fit(X[batch], y[batch])
    shown = [batch.loss for batch in model.detector_.seen_]
    np.testing.assert_array_equal(np.concatenate(shown), np.concatenate(wrong))
    assert [batch.start for batch in model.detector_.seen_] == list(range(100, N, SIZE))


def test_two_fits_are_identical_and_a_clone_forgets():
    """``fit`` forgets everything: the second time it gives the same model, as does a clone."""
    X, y = stream(1000, drift=500)
    model = DriftAwareRetrainer(
        RandomForestClassifier(5), update="replay_mix", batch_size=100, random_state=4
    ).fit(X, y)
    first = fingerprint(model.estimator_)
    assert not hasattr(clone(model), "events_")
    assert fingerprint(clone(model).fit(X, y).estimator_) == first
    feed(model, X, 1 - y, 100)
    assert fingerprint(model.fit(X, y).estimator_) == first
    assert model.n_samples_seen_ == 1000


def test_another_seed_gives_another_model():
    X, y = stream(400)
    one, other = (
        DriftAwareRetrainer(RandomForestClassifier(3), random_state=seed).fit(X, y)
        for seed in (0, 1)
    )
    assert fingerprint(one.estimator_) != fingerprint(other.estimator_)


def test_each_fit_draws_a_seed_of_its_own():
    """Refit k is seeded from (random_state, k): no two refits share their randomness."""
    X, y = stream(400)
    model = DriftAwareRetrainer(
        RandomForestClassifier(3), update=None, detector=None, batch_size=50, random_state=0
    )
    seeds = set()
    model.fit(X[:50], y[:50])
    seeds.add(model.estimator_.random_state)
    for batch in batches(400, 50, 50):
        model.partial_fit(X[batch], y[batch])
        seeds.add(model.estimator_.random_state)
    assert len(seeds) == 1 + model.n_refits_ == 4


def test_a_seed_that_was_given_is_kept_and_none_changes_nothing():
    X, y = stream(200)
    given = DriftAwareRetrainer(SGDClassifier(random_state=7), random_state=0).fit(X, y)
    assert given.estimator_.random_state == 7
    untouched = DriftAwareRetrainer(SGDClassifier(), random_state=None).fit(X, y)
    assert untouched.estimator_.random_state is None
