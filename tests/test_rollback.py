"""A promotion that proves wrong is taken back."""

import pickle

import joblib
import pytest
from helpers import feed, state_of, stream
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skretrain import DriftAwareRetrainer
from skretrain.drift import BaseTrigger, Signal
from skretrain.exceptions import RetrainFailedWarning
from skretrain.gates import BaseGate, PairedGate, Verdict
from skretrain.policies import FullRefit


class RingsAt(BaseTrigger):
    """Alarm at the batches that start at the given rows."""

    def __init__(self, rows):
        self.rows = rows

    def reset(self):
        return self

    def update(self, batch):
        return Signal("drift", batch.start) if batch.start in self.rows else Signal("stable")


class PromotesAndWatches(PairedGate):
    """Promotes everything at once, so that only the watch can tell."""

    def judge(self, trial):
        return Verdict("promote")


def model_with(gate, update=None, rows=(300,), base=None, grow=False, **params):
    return DriftAwareRetrainer(
        LogisticRegression() if base is None else base,
        detector=RingsAt(rows),
        update=update,
        gate=gate,
        policy=FullRefit(grow=grow),
        **params,
    )


def fed(model, turned=(300, 350), n=1500):
    """Only the rows of one batch are of another concept: the refit on them is wrong."""
    X, y = stream(n)
    y[slice(*turned)] = 1 - y[slice(*turned)]
    model.fit(X[:300], y[:300])
    first = model.estimator_
    return feed(model, X, y, 50, start=300), first, X, y


def of(model, action):
    return [event for event in model.events_ if event.action == action]


def test_the_version_before_serves_again_and_the_event_says_why():
    model, first, X, y = fed(model_with(PromotesAndWatches(min_rows=100)))
    (event,) = of(model, "rolled_back")
    assert 400 <= event.row <= 600
    assert event.reason.startswith("version 1 serves again instead of 2; the challenger violates")
    assert event.evidence["loss"]["against"] >= 20
    assert event.version == 3
    assert model.score(X[600:], y[600:]) > 0.9
    assert model.estimator_ is first


def test_the_model_that_comes_back_is_the_very_one_of_before():
    """Frozen at the promotion, though the one that serves learns."""

    class TakesBackTheThird(PromotesAndWatches):
        n_watched = 0

        def watch(self, trial):
            self.n_watched += 1
            return Verdict("reject" if self.n_watched == 3 else "wait")

    X, y = stream(700)
    model = model_with(TakesBackTheThird(), "warm_start", base=SGDClassifier(random_state=0))
    model.fit(X[:300], y[:300])
    feed(model, X, y, 50, start=300, stop=350)
    before = state_of(model).service.previous.serving.model
    state = joblib.hash(before)
    feed(model, X, y, 50, start=350, stop=450)
    assert model.estimator_ is not before
    feed(model, X, y, 50, start=450, stop=500)
    assert model.estimator_ is before
    assert joblib.hash(before) == state
    feed(model, X, y, 50, start=500)
    assert model.estimator_ is not before  # it learns again
    assert model.n_samples_seen_ == 700


def test_a_promotion_that_is_right_stands_and_the_old_model_is_let_go():
    model, *_ = fed(model_with(PromotesAndWatches()), turned=(300, 1500), n=1500)
    assert of(model, "rolled_back") == []
    assert state_of(model).service.previous is None
    assert model.n_refits_ >= 1


def test_a_gate_that_does_not_watch_keeps_no_old_model():
    model, *_ = fed(model_with(None), n=350)
    assert model.n_refits_ == 1
    assert state_of(model).service.previous is None
    assert BaseGate.begin_watch(None) is None
    assert BaseGate.watch(None, None) == Verdict("promote")


def test_a_pickle_goes_on_watching():
    X, y = stream(800)
    model = model_with(PromotesAndWatches()).fit(X[:300], y[:300])
    model.partial_fit(X[300:350], 1 - y[300:350])
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        feed(each, X, y, 50, start=350)
    rows = [[(e.row, e.action) for e in each.events_] for each in (model, copy)]
    assert rows[0] == rows[1]
    assert "rolled_back" in dict(rows[0]).values()


def test_a_challenger_that_was_pending_begins_anew_against_the_old_champion():
    class SecondWaits(PromotesAndWatches):
        resets = 0

        def reset(self):
            type(self).resets += 1
            return super().reset()

        def judge(self, trial):
            # The first reset is that at the first fit.
            return Verdict("wait" if type(self).resets > 2 else "promote")

    model, *_ = fed(model_with(SecondWaits(min_rows=200), rows=(300, 400)), n=1000)
    assert len(of(model, "rolled_back")) == 1
    assert model.challenger_ is not None
    assert SecondWaits.resets == 4


def test_a_watch_that_fails_leaves_the_promotion_and_says_so():
    class Fails(PromotesAndWatches):
        def watch(self, trial):
            raise RuntimeError("no idea")

    with pytest.warns(RetrainFailedWarning, match="while it watched the last promotion"):
        model, *_ = fed(model_with(Fails()), n=500)
    assert of(model, "rolled_back") == []
    assert len(of(model, "failed")) == 1
    assert model.n_samples_seen_ == 500


def test_after_a_rollback_growth_goes_on_where_the_old_version_was():
    """The old concept began at row 0 and counts as fitted now: the next refit is at twice that."""

    class TakesBackTheFirst(PromotesAndWatches):
        n_watched = 0

        def watch(self, trial):
            self.n_watched += 1
            return Verdict("reject" if self.n_watched == 1 else "promote")

    X, y = stream(900)
    model = model_with(TakesBackTheFirst(), grow=True).fit(X[:300], y[:300])
    feed(model, X, y, 50, start=300, stop=350)
    feed(model, X, y, 25, start=350)
    assert [event.row for event in of(model, "rolled_back")] == [375]
    assert [(e.row, e.since) for e in of(model, "retrained") if e.row > 375] == [(750, 0)]
