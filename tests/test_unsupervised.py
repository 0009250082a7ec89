"""Outlier detectors and clusterers follow a stream without targets."""

import numpy as np
import pytest
from helpers import Rings, batches
from sklearn.base import is_outlier_detector
from sklearn.cluster import AffinityPropagation, Birch, KMeans, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from skretrain import DriftAwareRetrainer, ReplayPartialFit

N, MOVE, SIZE = 1200, 600, 50
# Where the clusters are, or the normal rows, before and after the move.
OLD, NEW = np.array([[0.0, 0.0], [8.0, 0.0]]), np.array([[0.0, 30.0], [8.0, 30.0]])


def moving(normal_only, seed=0):
    """Return rows around two centres, or around the first alone, that move at row MOVE."""
    rng = np.random.default_rng(seed)
    which = np.zeros(N, dtype=int) if normal_only else rng.integers(2, size=N)
    centers = np.where(np.arange(N)[:, None] < MOVE, OLD[which], NEW[which])
    return centers + rng.normal(size=(N, 2))


DETECTORS = {
    "isolation forest": IsolationForest(n_estimators=20, random_state=0),
    "one-class SGD": SGDOneClassSVM(nu=0.05, random_state=0),
    "one-class SVM": OneClassSVM(nu=0.05, gamma=0.1),
    "local outlier factor": LocalOutlierFactor(novelty=True),
    "elliptic envelope": EllipticEnvelope(random_state=0, support_fraction=0.9),
}
CLUSTERERS = {
    "mini-batch k-means": MiniBatchKMeans(2, random_state=0, n_init=3),
    "k-means": KMeans(2, random_state=0, n_init=3),
    "BIRCH": Birch(threshold=2.0, n_clusters=2),
}
ALL = DETECTORS | CLUSTERERS
# One-class SGD draws a line: far beyond the normal rows all is normal to it, nothing is new.
BOUNDED = [name for name in DETECTORS if name != "one-class SGD"]
CONTINUED = ["isolation forest", "one-class SGD", "mini-batch k-means"]


def run(name, stop=N, **params):
    """Send the moving stream through a retrainer; return it, and the rows."""
    X = moving(name in DETECTORS)
    model = DriftAwareRetrainer(ALL[name], random_state=0, **params).fit(X[:300])
    for batch in batches(stop, SIZE, 300):
        model.partial_fit(X[batch])
    return model, X


def share_of_normal(model, X):
    return np.mean(model.predict(X) == 1)


def assert_all_calls_are_events(model, n_calls):
    assert sum(model.events_.counts.values()) == n_calls
    assert model.events_.counts["failed"] == 0
    assert model.n_samples_seen_ == N


def assert_labels_are_sane(model, X):
    labels = model.predict(X)
    assert labels.shape == (len(X),)
    assert np.isin(labels, (-1, 1) if is_outlier_detector(model) else (0, 1)).all()


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.no_cover
def test_a_detector_takes_the_new_normal_for_normal(name):
    early, X = run(name, stop=MOVE)
    assert share_of_normal(early, X[-200:]) == 0
    model, _ = run(name)
    assert model.n_alarms_ > 0
    assert share_of_normal(model, X[-200:]) > 0.6
    assert share_of_normal(model, X[:200]) == 0
    assert model.score_samples(X[-200:]).mean() > model.score_samples(X[:200]).mean()


@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.no_cover
def test_a_clusterer_finds_the_clusters_where_they_are_now(name):
    # Without updates: the partial_fit of BIRCH keeps every subcluster it ever had.
    early, _ = run(name, stop=MOVE, update=None)
    assert early.predict(OLD[:1]) != early.predict(OLD[1:])
    model, X = run(name, update=None)
    assert model.n_alarms_ > 0
    # One label per cluster, whatever its number.
    left = X[-200:, 0] < 4
    assert (model.predict(X[-200:][left]) == model.predict(NEW[:1])).mean() > 0.95
    assert (model.predict(X[-200:][~left]) == model.predict(NEW[1:])).mean() > 0.95
    assert model.predict(NEW[:1]) != model.predict(NEW[1:])


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.no_cover
def test_rehearsal_keeps_the_old_normal_and_takes_in_the_new(name):
    model, X = run(name, policy="replay_mix")
    assert share_of_normal(model, X[:200]) > 0.6
    assert share_of_normal(model, X[-200:]) > 0.6


@pytest.mark.parametrize("update", ["warm_start", "replay_mix"])
@pytest.mark.parametrize("name", CONTINUED)
@pytest.mark.no_cover
def test_a_detector_that_goes_on_learning_follows_without_an_alarm(name, update):
    model, X = run(name, detector=None, update=update)
    assert model.events_.counts["updated"] == (N - 300) // SIZE
    assert_all_calls_are_events(model, 1 + (N - 300) // SIZE)
    assert_labels_are_sane(model, X)
    start, _ = run(name, stop=300, detector=None, update=update)
    assert _fit_of(model, X[-200:]) > _fit_of(start, X[-200:])


def _fit_of(model, X):
    """Return how normal the rows are to a model, or how near to its centres."""
    if hasattr(model, "score_samples"):
        return model.score_samples(X).mean()
    return -model.transform(X).min(axis=1).mean()


def test_an_isolation_forest_that_rotates_takes_the_new_normal_for_normal():
    model, X = run("isolation forest", policy="warm_start", update="warm_start")
    assert share_of_normal(model, X[-200:]) > 0.6
    assert share_of_normal(model, X[:200]) == 0
    assert len(model.estimator_.estimators_) == 20


@pytest.mark.parametrize("policy", ["full_refit", "replay_mix", "warm_start"])
@pytest.mark.parametrize("name", ALL)
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_every_call_is_an_event_and_labels_are_those_of_the_base(name, policy):
    if policy == "warm_start" and name not in CONTINUED and name != "BIRCH":
        with pytest.raises(ValueError, match=f"{type(ALL[name]).__name__} has neither"):
            run(name, policy=policy)
        return
    model, X = run(name, policy=policy, detector=Rings([MOVE]))
    assert model.n_alarms_ == 1
    assert model.n_refits_ >= 1
    # Growth after the alarm may refit, which no call has twice.
    assert_all_calls_are_events(model, 1 + (N - 300) // SIZE)
    assert_labels_are_sane(model, X)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.no_cover
def test_replayed_batches_need_no_targets_and_the_new_rows_count(name):
    X = moving(name in DETECTORS)
    model = ReplayPartialFit(ALL[name], random_state=0)
    for batch in batches(N, SIZE):
        model.partial_fit(X[batch])
    assert_all_calls_are_events(model, N // SIZE)
    assert_labels_are_sane(model, X)
    if name in BOUNDED:
        assert share_of_normal(model, X[-200:]) > 0.6


@pytest.mark.parametrize("name", ALL)
@pytest.mark.no_cover
def test_targets_are_ignored(name):
    X = moving(name in DETECTORS)[:400]
    with_y, without = (DriftAwareRetrainer(ALL[name], random_state=0) for _ in range(2))
    with_y.fit(X[:300], np.arange(300)).partial_fit(X[300:], np.full(100, "label"))
    without.fit(X[:300]).partial_fit(X[300:])
    np.testing.assert_array_equal(with_y.predict(X), without.predict(X))
    assert with_y.buffer_.y is None


def test_bad_rows_are_refused_where_a_clusterer_has_no_loss_either():
    """Nothing is predicted for a trigger, so it is predicted for the checks of the input."""
    rows = np.random.default_rng(0).normal(size=(60, 3))
    model = DriftAwareRetrainer(AffinityPropagation(), detector=None).fit(rows)
    with pytest.raises(ValueError, match="expecting 3 features"):
        model.partial_fit(rows[:20, :2])
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full((5, 3), np.nan))
    assert model.n_samples_seen_ == len(model.buffer_) == 60
