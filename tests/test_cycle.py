"""Corners of the cycle where several things happen in one call."""

import numpy as np
import pytest
from helpers import Rings, WaitGate, feed, stream
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.datasets import make_drifting_classification
from skretrain.exceptions import RetrainFailedWarning, UpdateFailedWarning
from skretrain.gates import BaseGate, Verdict
from skretrain.policies import BasePolicy, Candidate, FullRefit

X, Y = stream(2000, drift=1000)


class CannotLearn(GaussianNB):
    """A model that predicts, and refuses every update."""

    def partial_fit(self, X, y, classes=None):
        raise RuntimeError("no more")


class Swap(BasePolicy):
    """Propose a model of the class given, fitted on the newest rows."""

    def __init__(self, kind=GaussianNB):
        self.kind = kind

    def propose(self, context):
        return Candidate(self.kind().fit(context.batch.X, context.batch.y), "swap", 50)


class Says(BaseGate):
    """Wait at first, then give one decision, or raise it."""

    def __init__(self, decision):
        self.decision = decision

    def judge(self, trial):
        if not trial.unseen:
            return Verdict("wait")
        if self.decision == "raise":
            raise RuntimeError("cannot tell")
        return Verdict(self.decision)


def started(**settings):
    settings = {"detector": Rings([120]), "policy": Swap(), **settings}
    return DriftAwareRetrainer(GaussianNB(), **settings).fit(X[:100], Y[:100])


def test_a_challenger_that_cannot_learn_is_rejected_and_stops_nobody_else():
    """The champion goes on learning, and the challenger is given up with its reason."""
    model = started(policy=Swap(CannotLearn), gate=Says("wait"))
    feed(model, X, Y, 50, start=100, stop=400)
    assert model.challenger_ is None
    assert model.events_[-1].action == "rejected"
    assert "its update failed: RuntimeError: no more" in model.events_[-1].reason
    assert model.events_.counts["failed"] == 0
    assert len(model.buffer_) == 400


@pytest.mark.parametrize("decision", ["promote", "reject"])
def test_a_verdict_is_carried_out_although_the_update_of_the_champion_fails(decision):
    """What the gate decided on the batch does not depend on the champion's trouble."""
    model = DriftAwareRetrainer(
        CannotLearn(), detector=Rings([120]), policy=Swap(), gate=Says(decision)
    ).fit(X[:100], Y[:100])
    model.partial_fit(X[100:150], Y[100:150])
    with pytest.warns(UpdateFailedWarning, match="no more"):
        model.partial_fit(X[150:200], Y[150:200])
    assert model.challenger_ is None
    assert type(model.estimator_) is (GaussianNB if decision == "promote" else CannotLearn)
    event = model.events_[-1]
    assert event.action == {"promote": "retrained", "reject": "rejected"}[decision]
    assert "update failed" in event.reason
    assert len(model.buffer_) == 150  # the batch was not learned, so it is not remembered


def test_a_gate_that_raises_gives_the_challenger_up_and_the_alarm_is_tried_again():
    """The batch is counted and remembered once, and the trigger sees no row twice."""
    model = started(gate=Says("raise"))
    with pytest.warns(RetrainFailedWarning, match="cannot tell"):
        feed(model, X, Y, 50, start=100, stop=200)
    assert model.n_samples_seen_ == 200
    assert model.buffer_.index.tolist() == list(range(200))
    assert model.challenger_ is None
    with pytest.warns(RetrainFailedWarning):
        feed(model, X, Y, 50, start=200, stop=500)
    starts = [batch.start for batch in model.detector_.seen_]
    assert starts == list(range(100, 500, 50))
    # Made at 150 by the alarm; given up at 200; made again one batch later, given up at 300 ...
    assert [e.row for e in model.events_ if e.action == "pending"] == [150, 250, 400]


def test_in_a_dry_run_a_failed_retrain_is_tried_again():
    """The suggestion comes when the policy works again."""

    class FailsOnce(Swap):
        def propose(self, context):
            if context.number == 1 and len(context.buffer) < 200:
                raise RuntimeError("not yet")
            return super().propose(context)

    model = started(policy=FailsOnce(), gate=Says("promote"), dry_run=True)
    before = model.estimator_
    with pytest.warns(RetrainFailedWarning, match="not yet"):
        feed(model, X, Y, 50, start=100, stop=400)
    assert "suggested" in [event.action for event in model.events_]
    assert model.estimator_ is before


@pytest.mark.parametrize("base", [Ridge(), SGDRegressor(random_state=0)])
@pytest.mark.parametrize("detector", [None, "adwin"])
def test_text_as_the_target_of_a_regressor_is_refused_at_the_border(base, detector):
    """Nothing is counted or remembered; numbers in an object array are numbers."""
    model = DriftAwareRetrainer(base, detector=detector).fit(X[:100], X[:100, 0])
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.partial_fit(X[100:150], np.array(["a"] * 50))
    assert model.n_samples_seen_ == len(model.buffer_) == 100
    model.partial_fit(X[100:150], X[100:150, 0].astype(object))
    assert model.buffer_.y.dtype == np.float64


def test_growth_counts_the_rows_that_are_remembered():
    """A reservoir holds few of the newest rows: growth follows their number, not the stream's."""
    X, y, _ = make_drifting_classification(8000, drift_rows=[4000], random_state=1)
    model = DriftAwareRetrainer(
        LogisticRegression(), buffer=Reservoir(1000), policy=FullRefit(min_rows=1)
    ).fit(X[:500], y[:500])
    feed(model, X, y, 100, start=500)
    growth = [e for e in model.events_ if e.reason == "growth" and e.since and e.since > 3000]
    fitted = [event.n_rows_fitted for event in growth]
    assert len(fitted) >= 3
    assert fitted == sorted(fitted)
    remembered = int((model.buffer_.index >= growth[-1].since).sum())
    assert remembered < 2 * fitted[-1]


def test_growth_follows_an_alarm_that_located_no_change():
    """An alarm whose change lies at row 0 is an alarm all the same."""
    rings = Rings([300], since=None)
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=rings)
    feed(model.fit(X[:100], Y[:100]), X, Y, 50, start=100)
    retrained = [(event.row, event.reason) for event in model.events_]
    assert retrained == [(100, "first fit"), (350, "alarm"), (700, "growth"), (1400, "growth")]


@pytest.mark.parametrize("new_classes", ["grow", "raise"])
def test_a_label_of_weight_zero_is_no_new_class(new_classes):
    """Such rows are remembered, and neither learned nor refused."""
    model = DriftAwareRetrainer(GaussianNB(), new_classes=new_classes).fit(X[:100], Y[:100])
    y, weight = Y[100:150].copy(), np.ones(50)
    y[:5], weight[:5] = 7, 0
    model.partial_fit(X[100:150], y, sample_weight=weight)
    assert model.classes_.tolist() == [0, 1]
    assert model.n_refits_ == 0
    assert (model.buffer_.y == 7).sum() == 5


def test_a_whole_fit_declares_its_own_labels():
    """``new_classes="raise"`` is about labels that no one gave: ``fit`` gives all of y."""
    y = Y[:600].copy()
    y[400:] += 2
    model = DriftAwareRetrainer(GaussianNB(), batch_size=100, new_classes="raise").fit(X[:600], y)
    assert model.classes_.tolist() == np.unique(y).tolist()
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        model.partial_fit(X[600:650], np.full(50, 9))


def test_a_cold_start_uses_partial_fit_only_if_the_update_will():
    """With ``update="full_refit"`` the first batch is fitted, not passed once."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), update="full_refit")
    model.partial_fit(X[:100], Y[:100])
    bare = SGDClassifier(random_state=0).fit(X[:100], Y[:100])
    np.testing.assert_array_equal(model.estimator_.coef_, bare.coef_)


def test_parameters_of_the_base_take_effect_at_the_next_fit():
    """Neither ``set_params`` nor the user's own object reaches into a running retrainer."""
    base = SGDClassifier(random_state=0)
    model = DriftAwareRetrainer(base, detector=Rings([500])).fit(X[:100], Y[:100])
    base.set_params(alpha=7.0)
    model.set_params(estimator__alpha=5.0)
    feed(model, X, Y, 100, start=100, stop=700)
    assert model.n_refits_ > 0
    assert model.estimator_.alpha == SGDClassifier().alpha
    assert model.fit(X, Y).estimator_.alpha == 5.0


def test_an_estimator_that_says_nothing_about_rows_still_checks_its_input():
    """Without a novelty, ``predict`` is asked: bad input raises at the border."""
    model = DriftAwareRetrainer(Birch(n_clusters=2), detector=None).fit(X[:100])
    bad = X[100:150].copy()
    bad[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(bad)
    assert model.n_samples_seen_ == 100


@pytest.mark.parametrize("wrap", [lambda pipe: pipe, lambda pipe: GridSearchCV(pipe, {}, cv=2)])
def test_a_base_that_imputes_may_start_with_missing_values(wrap):
    """Only a base whose tags can be trusted is refused rows with NaN while it waits."""
    X_missing = X[:200].copy()
    X_missing[::7, 0] = np.nan
    pipe = wrap(make_pipeline(SimpleImputer(), LogisticRegression()))
    model = DriftAwareRetrainer(pipe).partial_fit(X_missing, Y[:200])
    assert model.predict(X_missing).shape == (200,)


def test_fit_predict_is_there_only_where_predict_is():
    """An outlier detector that cannot predict new rows has neither."""
    assert not hasattr(DriftAwareRetrainer(LocalOutlierFactor()), "fit_predict")
    novelty = DriftAwareRetrainer(LocalOutlierFactor(novelty=True))
    assert hasattr(novelty, "predict")


def test_the_first_fit_notes_the_threads_like_every_other():
    """Each retrain in the log says how many threads the libraries had."""
    model = DriftAwareRetrainer(LogisticRegression(), batch_size=100).fit(X[:500], Y[:500])
    assert all(event.threads for event in model.events_ if event.action == "retrained")


def test_the_seed_of_a_refit_does_not_depend_on_updates():
    """Refit k is seeded by k, whatever was updated in between."""

    class Noted(BaseEstimator):
        def __init__(self, random_state=None):
            self.random_state = random_state

    seeds = []
    for update in ("warm_start", None):
        model = DriftAwareRetrainer(
            SGDClassifier(),
            detector=Rings([500]),
            update=update,
            random_state=3,
            policy=FullRefit(grow=False),
            buffer=SlidingWindow(200),
        ).fit(X[:100], Y[:100])
        feed(model, X, Y, 100, start=100, stop=600)
        assert model.n_refits_ == 1
        seeds.append(model.estimator_.random_state)
    assert seeds[0] == seeds[1]


def test_a_pending_challenger_and_an_update_give_one_event_per_call():
    """While the gate waits, calls are counted as updates."""
    model = started(gate=WaitGate(3))
    feed(model, X, Y, 50, start=100, stop=500)
    assert sum(model.events_.counts.values()) == 1 + 8


def test_a_retrain_says_how_many_rows_it_could_not_use():
    """What the memory has forgotten is gone, also for ``window="all"``."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([500]), buffer=SlidingWindow(200), policy=FullRefit("all")
    )
    feed(model.fit(X[:100], Y[:100]), X, Y, 100, start=100, stop=600)
    alarm = next(event for event in model.events_ if event.reason == "alarm")
    assert (alarm.n_rows_fitted, alarm.n_rows_forgotten) == (200, 400)
