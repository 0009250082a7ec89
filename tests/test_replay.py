"""ReplayPartialFit: a partial_fit with rehearsal for any estimator."""

import numpy as np
import pytest
from helpers import (
    POISON,
    PoisonedNB,
    Recorder,
    assert_same_outputs,
    batches,
    feed,
    fingerprint,
    stream,
)
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.exceptions import UpdateFailedWarning
from skretrain.policies import ReplayMix

X, Y = stream(500)


def test_without_replay_it_is_the_bare_loop():
    """``ratio=0`` and a base with ``partial_fit``: nothing is added."""
    model = ReplayPartialFit(SGDClassifier(random_state=0), ratio=0).fit(X[:100], Y[:100])
    oracle = SGDClassifier(random_state=0).fit(X[:100], Y[:100])
    for batch in batches(500, 30, 100):
        model.partial_fit(X[batch], Y[batch])
        oracle.partial_fit(X[batch], Y[batch])
    assert fingerprint(model.estimator_) == fingerprint(oracle)


def test_with_all_of_memory_it_is_a_refit_on_everything():
    """A base without ``partial_fit`` and a ratio that takes all: the bare estimator on all rows."""
    model = ReplayPartialFit(LogisticRegression(), ratio=1000).fit(X[:100], Y[:100])
    for batch in batches(500, 50, 100):
        model.partial_fit(X[batch], Y[batch])
        oracle = LogisticRegression().fit(X[: batch.stop], Y[: batch.stop])
        assert_same_outputs(model, oracle, X)


def test_passes_go_over_the_mix():
    model = ReplayPartialFit(SGDClassifier(random_state=0), ratio=0, n_passes=3)
    model.fit(X[:100], Y[:100]).partial_fit(X[100:150], Y[100:150])
    oracle = SGDClassifier(random_state=0).fit(X[:100], Y[:100])
    for _ in range(3):
        oracle.partial_fit(X[100:150], Y[100:150])
    assert fingerprint(model.estimator_) == fingerprint(oracle)
    assert model.events_.totals["rows_fitted"] == 100 + 3 * 50


def test_it_is_the_policy_replay_mix():
    """The class is sugar: the same as a retrainer whose update is ReplayMix."""
    mine = ReplayPartialFit(SGDClassifier(random_state=0), ratio=2.0, random_state=4)
    theirs = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=None, update=ReplayMix(2.0), random_state=4
    )
    for model in (mine, theirs):
        feed(model.fit(X[:100], Y[:100]), X, Y, 25, 100)
    assert fingerprint(mine.estimator_) == fingerprint(theirs.estimator_)


def test_rehearsal_remembers_a_class_that_stopped_coming():
    """Against forgetting: after many batches of one class, the other is still known."""
    order = np.argsort(Y, kind="stable")
    scores = {}
    for ratio in (0, 3.0):
        model = ReplayPartialFit(
            SGDClassifier(random_state=0), ratio=ratio, buffer=Reservoir(200), random_state=0
        )
        model.partial_fit(X[order[:50]], Y[order[:50]], classes=[0, 1])
        scores[ratio] = feed(model, X[order], Y[order], 25, 50).score(X, Y)
    assert scores[3.0] > scores[0] + 0.1


@pytest.mark.parametrize(
    "base",
    [
        IsolationForest(n_estimators=5, random_state=0),
        MiniBatchKMeans(3, random_state=0),
        RandomForestClassifier(3, random_state=0),
        Ridge(),
        SGDRegressor(random_state=0),
    ],
    ids=lambda base: type(base).__name__,
)
def test_every_kind_of_base_gets_a_partial_fit(base):
    model = ReplayPartialFit(base, random_state=0)
    for batch in batches(500, 100):
        model.partial_fit(X[batch], Y[batch])
    assert model.events_.counts["failed"] == 0
    assert model.events_.counts["updated"] == 4
    assert len(model.predict(X)) == 500


def test_the_first_batch_suffices_and_there_is_no_detection():
    model = ReplayPartialFit(LogisticRegression()).partial_fit(X[:50], Y[:50])
    assert_same_outputs(model, LogisticRegression().fit(X[:50], Y[:50]), X)
    assert model.detector_ is None
    feed(model, X, 1 - Y, 50)
    assert model.n_alarms_ == model.n_refits_ == 0


def test_a_failure_warns_and_keeps_the_model():
    model = ReplayPartialFit(PoisonedNB()).fit(X[:100], Y[:100])
    before = fingerprint(model.estimator_)
    bad = X[100:150].copy()
    bad[0, 0] = POISON["partial_fit"]
    with pytest.warns(UpdateFailedWarning):
        model.partial_fit(bad, Y[100:150])
    assert fingerprint(model.estimator_) == before
    assert len(model.buffer_) == 100


def test_the_memory_is_bounded_and_fed_with_fresh_rows_only():
    """Replayed rows do not enter the memory a second time."""
    model = ReplayPartialFit(Recorder(), buffer=SlidingWindow(80), ratio=4.0, random_state=0)
    feed(model, X, Y, 20)
    np.testing.assert_array_equal(model.buffer_.index, np.arange(420, 500))
