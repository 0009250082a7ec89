"""The cycle of DriftAwareRetrainer: alarms, growth, challengers, dry runs, delegation."""

import inspect
import logging
import pickle

import numpy as np
import pytest
from helpers import (
    FailingPolicy,
    Rings,
    WaitGate,
    assert_same_outputs,
    batches,
    events,
    feed,
    fingerprint,
    state_of,
    stream,
)
from river import drift
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import IncrementalPCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags

from skretrain import DriftAwareRetrainer
from skretrain._retrainer._estimator import BaseRetrainer
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.drift import ErrorDrift, Periodic
from skretrain.exceptions import ClassesGrewWarning
from skretrain.policies import FullRefit, WarmStart

X, Y = stream(1000, drift=500)


# -- alarms ----------------------------------------------------------------------------------------


def test_an_alarm_refits_on_the_rows_since_the_change():
    """The new model is the bare estimator on the located window, and serves from then on."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([520]), policy="full_refit"
    ).fit(X[:400], Y[:400])
    feed(model, X, Y, 100, 400, 600)
    oracle = LogisticRegression().fit(X[520:600], Y[520:600])
    assert_same_outputs(model, oracle, X)
    assert events(model, "action", "row", "since", "reason", "n_rows_fitted", "version") == [
        ("retrained", 400, None, "first fit", 400, 1),
        ("retrained", 600, 520, "alarm", 80, 2),
    ]
    assert (model.n_alarms_, model.n_refits_, model.n_samples_seen_) == (1, 1, 600)


def test_a_change_that_was_not_located_refits_on_all_that_is_remembered():
    """``since=None`` means all remembered rows; the event names the oldest of them."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([550], since=None), buffer=SlidingWindow(150)
    ).fit(X[:400], Y[:400])
    feed(model, X, Y, 100, 400, 600)
    assert_same_outputs(model, LogisticRegression().fit(X[450:600], Y[450:600]), X)
    assert model.events_[-1].since == 450


@pytest.mark.parametrize(
    "detector",
    ["adwin", drift.ADWIN(), drift.PageHinkley(), ErrorDrift(), [drift.ADWIN(), Rings()]],
    ids=["alias", "ADWIN", "PageHinkley", "trigger", "list"],
)
@pytest.mark.no_cover
def test_a_real_drift_is_found_and_answered(detector):
    """However the detector is given, one drift is one alarm, and the model recovers."""
    X, Y = stream(2000, drift=1000)
    model = DriftAwareRetrainer(LogisticRegression(), detector=detector, random_state=0)
    model.fit(X[:500], Y[:500])
    feed(model, X, Y, 50, 500)
    assert model.n_alarms_ == 1
    assert model.score(X[1000:], Y[1000:]) > 0.9
    alarm = [event for event in model.events_ if event.state == "drift"]
    assert 950 <= alarm[0].since <= 1050


def test_a_stationary_stream_raises_no_alarm():
    X, Y = stream(2000)
    model = DriftAwareRetrainer(
        LogisticRegression(), batch_size=50, random_state=0, policy="full_refit"
    ).fit(X, Y)
    assert model.n_alarms_ == 0
    assert events(model, "reason")[1:] == [("growth",)] * model.n_refits_


def test_a_batch_sorted_by_class_does_not_ring():
    """Trap 9: the order of rows inside a batch says nothing about time."""
    X, Y = stream(2000)
    Y = np.where(np.random.default_rng(0).random(2000) < 0.2, 1 - Y, Y)
    rows = np.concatenate(
        [k + np.argsort(Y[k : k + 200], kind="stable") for k in range(0, 2000, 200)]
    )
    model = DriftAwareRetrainer(GaussianNB(), batch_size=200).fit(X[rows], Y[rows])
    assert model.n_alarms_ == 0


@pytest.mark.parametrize("scale", [1e-4, 1e4])
@pytest.mark.no_cover
def test_the_scale_of_a_target_does_not_matter(scale):
    """Trap 9: residuals are ranked, so that alarms do not depend on the unit of y."""
    X, _ = stream(2000)
    y = np.where(np.arange(2000) < 1200, 1, -1) * X[:, 0] + 0.1 * X[:, 1]

    def rows_of_alarms(target):
        model = DriftAwareRetrainer(
            DecisionTreeRegressor(max_depth=3, random_state=0), batch_size=50
        )
        model.fit(X, target)
        return [event.row for event in model.events_ if event.state == "drift"]

    alarms = rows_of_alarms(y)
    assert len(alarms) >= 1
    assert rows_of_alarms(scale * y) == alarms


def test_a_drift_that_starts_at_a_growth_refit_is_found():
    """Trap 41: growth does not restart the detector, so there is a past to compare with."""
    X, Y = stream(2000, drift=800)
    model = DriftAwareRetrainer(LogisticRegression(), random_state=0, policy="full_refit").fit(
        X[:200], Y[:200]
    )
    feed(model, X, Y, 100, 200)
    story = events(model, "reason", "row")
    assert ("growth", 800) in story
    alarms = [event for event in model.events_ if event.reason == "alarm"]
    assert len(alarms) == 1
    assert 700 <= alarms[0].since <= 900
    assert alarms[0].row <= 1100
    assert model.score(X[800:], Y[800:]) > 0.9


def test_only_the_answer_to_an_alarm_restarts_the_trigger():
    """Neither the first fit, nor growth, nor an update does."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([500]), update=None, policy="full_refit"
    )
    model.fit(X[:100], Y[:100])
    feed(model, X, Y, 50, 100)
    told = [(fit.row, answered) for fit, answered in model.detector_.fits_]
    assert told == [
        (100, False), (200, False), (400, False), (550, True), (600, False), (700, False),
        (900, False),
    ]  # fmt: skip
    assert model.detector_.n_resets_ == 2


def test_updates_go_on_and_growth_waits_for_the_first_alarm():
    """With an update, the first model learns anyway; after an alarm the short window must grow."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([500]), policy="full_refit").fit(
        X[:100], Y[:100]
    )
    feed(model, X, Y, 50, 100)
    assert events(model, "reason", "row") == [
        ("first fit", 100),
        ("alarm", 550),
        ("growth", 600),
        ("growth", 700),
        ("growth", 900),
    ]
    assert model.events_.counts["updated"] == 18 - 4


def test_periodic_retrains_on_schedule():
    """Trap 33: not once, but again and again."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Periodic(200), update=None, policy=FullRefit(300, grow=False)
    ).fit(X[:100], Y[:100])
    feed(model, X, Y, 50, 100)
    assert model.n_refits_ == 4
    last = model.events_[-1]
    assert_same_outputs(
        model, GaussianNB().fit(X[last.row - 300 : last.row], Y[last.row - 300 : last.row]), X
    )


def test_the_old_version_is_left_alone():
    """Trap 28: an update or a retrain makes a new model; whoever holds the old one keeps it."""
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=Rings([300]), policy="full_refit"
    )
    model.fit(X[:100], Y[:100])
    held, hashes = [], []
    for batch in batches(500, 50, 100):
        held.append(model.estimator_)
        hashes.append(fingerprint(model.estimator_))
        model.partial_fit(X[batch], Y[batch])
    assert [fingerprint(old) for old in held] == hashes
    assert len(set(hashes)) == len(hashes)


def test_predicting_changes_nothing():
    model = DriftAwareRetrainer(SGDClassifier(random_state=0)).fit(X[:500], Y[:500])
    before = pickle.dumps(model)
    model.predict(X), model.decision_function(X), model.score(X, Y)
    assert pickle.dumps(model) == before


def test_a_batch_predicted_in_pieces_is_predicted_the_same():
    """Trap 24: no prediction depends on what else is in the call."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=100).fit(X, Y)
    pieces = [model.decision_function(X[batch]) for batch in batches(1000, 7)]
    np.testing.assert_allclose(np.concatenate(pieces), model.decision_function(X), rtol=1e-12)


# -- the gate --------------------------------------------------------------------------------------


def waiting(n_batches=3, decision="promote", rows=(400,), **params):
    params = {"policy": FullRefit("all", grow=False), **params}
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings(rows), gate=WaitGate(n_batches, decision), **params
    )
    return model.fit(X[:400], Y[:400])


def test_a_challenger_waits_until_the_gate_decides():
    """Pending for three batches, judged on each, then promoted: one swap."""
    model = waiting(update=None)
    before = fingerprint(model.estimator_)
    for batch in batches(550, 50, 400):
        model.partial_fit(X[batch], Y[batch])
        assert fingerprint(model.estimator_) == before
        assert model.challenger_ is not None
    challenger = model.challenger_
    model.partial_fit(X[550:600], Y[550:600])
    assert model.challenger_ is None
    assert model.estimator_ is challenger
    assert events(model, "action", "row", "reason", "version")[1:] == [
        ("pending", 450, "alarm", 1),
        ("retrained", 600, "alarm; time is up", 2),
    ]
    assert model.events_[-1].evidence == {"judged": 4}
    assert model.n_refits_ == 1
    assert [answered for _, answered in model.detector_.fits_] == [False, True]


def test_a_rejected_challenger_is_gone():
    model = waiting(decision="reject", update=None)
    before = fingerprint(model.estimator_)
    feed(model, X, Y, 50, 400, 700)
    assert fingerprint(model.estimator_) == before
    assert model.challenger_ is None
    assert events(model, "action", "row")[1:] == [("pending", 450), ("rejected", 600)]
    assert model.n_refits_ == 0
    assert model.detector_.n_resets_ == 1


def test_a_new_alarm_supersedes_the_challenger():
    """At most one challenger is pending; the newer one is judged from the start."""
    model = waiting(rows=(400, 500), update=None)
    feed(model, X, Y, 50, 400, 500)
    first = model.challenger_
    model.partial_fit(X[500:550], Y[500:550])
    assert model.challenger_ is not first
    feed(model, X, Y, 50, 550, 700)
    assert events(model, "action", "row")[1:] == [
        ("pending", 450),
        ("superseded", 550),
        ("retrained", 700),
    ]
    assert_same_outputs(model, GaussianNB().fit(X[:550], Y[:550]), X)


def test_the_challenger_learns_along():
    """Champion and challenger both see every batch: the gate compares like with like."""
    model = waiting(n_batches=100)
    feed(model, X, Y, 50, 400, 600)
    challenger = GaussianNB().fit(X[:450], Y[:450])
    champion = GaussianNB().fit(X[:400], Y[:400])
    for batch in batches(600, 50, 450):
        challenger.partial_fit(X[batch], Y[batch])
        champion.partial_fit(X[batch], Y[batch])
    assert_same_outputs(model.challenger_, challenger, X)
    assert_same_outputs(model.estimator_, champion, X)
    assert model.events_.totals["rows_fitted"] == 400 + 450 + 3 * 100


def test_the_rows_of_a_trial_are_unseen_by_both_models():
    """Trap 34: judged before either has learned from them; only the first trial is an exception."""
    model = waiting(n_batches=100)
    feed(model, X, Y, 50, 400, 600)
    trials = state_of(model).parts.gate.trials_
    assert [trial.unseen for trial in trials] == [False, True, True, True]
    assert [trial.age for trial in trials] == [0, 50, 100, 150]
    champion, challenger = GaussianNB().fit(X[:400], Y[:400]), GaussianNB().fit(X[:450], Y[:450])
    for trial, batch in zip(trials, batches(600, 50, 400), strict=True):
        np.testing.assert_array_equal(trial.X, X[batch])
        np.testing.assert_array_equal(trial.y, Y[batch])
        assert_same_outputs(trial.champion, champion, X)
        assert_same_outputs(trial.challenger, challenger, X)
        if trial.unseen:
            champion.partial_fit(X[batch], Y[batch])
            challenger.partial_fit(X[batch], Y[batch])


def test_the_gate_forgets_earlier_challengers():
    model = waiting(n_batches=2, rows=(400, 700), update=None)
    feed(model, X, Y, 50, 400)
    assert events(model, "action", "row")[1:] == [
        ("pending", 450),
        ("retrained", 550),
        ("pending", 750),
        ("retrained", 850),
    ]


def test_the_gate_knows_the_range_of_a_regression():
    """The range is that of all remembered targets, so that a gate can tell nonsense."""
    model = DriftAwareRetrainer(
        SGDRegressor(random_state=0), detector=Rings([100]), gate=WaitGate(0)
    ).fit(X[:100], X[:100, 0])
    model.partial_fit(X[100:150], X[100:150, 0])
    trial = state_of(model).parts.gate.trials_[0]
    assert trial.y_range == (X[:150, 0].min(), X[:150, 0].max())
    classifier = waiting(n_batches=0).partial_fit(X[400:450], Y[400:450])
    assert state_of(classifier).parts.gate.trials_[0].y_range is None


def test_nonsense_is_rejected_by_default():
    """A policy that returns a model with output that is not finite does not come to serve."""

    class Nonsense(FailingPolicy):
        def propose(self, context):
            candidate = super().propose(context)
            candidate.model.theta_[:] = np.nan
            return candidate

    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([400]), policy=Nonsense(()), update=None
    ).fit(X[:400], Y[:400])
    before = fingerprint(model.estimator_)
    with np.errstate(all="ignore"):
        model.partial_fit(X[400:450], Y[400:450])
    assert fingerprint(model.estimator_) == before
    assert events(model, "action", "reason")[-1] == (
        "rejected",
        "alarm; the challenger's output is not finite",
    )
    assert model.challenger_ is None


def test_a_rejected_alarm_does_not_set_off_growth():
    """Growth counts the rows of the present concept, and the rejected model began none."""
    model = DriftAwareRetrainer(
        GaussianNB(),
        detector=Rings([410]),
        policy=FullRefit(min_rows=1),
        update=None,
        gate=WaitGate(0, "reject"),
    ).fit(X[:400], Y[:400])
    feed(model, X, Y, 50, 400, 750)
    assert events(model, "reason", "action")[1:] == [("alarm; time is up", "rejected")]
    feed(model, X, Y, 50, 750, 900)
    assert events(model, "reason", "row")[2:] == [("growth; time is up", 800)]


# -- dry run ---------------------------------------------------------------------------------------


def test_a_dry_run_changes_no_model():
    """Alarms are logged as suggestions; model, trigger and memory go on as if there were none."""
    X, Y = stream(1500, drift=700)
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0),
        detector=Rings([700, 1000]),
        dry_run=True,
        policy="full_refit",
    ).fit(X[:500], Y[:500])
    before = fingerprint(model.estimator_)
    for batch in batches(1500, 50, 500):
        model.partial_fit(X[batch], Y[batch])
        assert fingerprint(model.estimator_) == before
    assert events(model, "action", "row", "since", "n_rows_fitted")[1:] == [
        ("suggested", 750, 700, 0),
        ("suggested", 1050, 1000, 0),
    ]
    assert model.detector_.n_resets_ == 1
    assert (model.n_alarms_, model.n_refits_) == (2, 0)
    assert model.events_.counts["kept"] == 18
    assert len(model.buffer_) == 1500


def test_a_dry_run_does_not_grow():
    """Neither alarms nor time change the model; nor does a class that it lacks."""
    y = np.r_[Y[:800], Y[800:] + 1]
    model = DriftAwareRetrainer(LogisticRegression(), detector=Rings(), dry_run=True)
    model.fit(X[:100], y[:100])
    before = fingerprint(model.estimator_)
    with pytest.warns(ClassesGrewWarning):
        feed(model, X, y, 100, 100)
    assert fingerprint(model.estimator_) == before
    assert model.events_.counts["kept"] == 9
    assert model.events_.totals["rows_fitted"] == 100


def test_a_dry_run_fits_a_candidate_only_for_a_gate_that_wants_one():
    """Then the verdict is logged as ``suggested``, and the challenger is dropped."""
    model = waiting(n_batches=2, dry_run=True)
    before = fingerprint(model.estimator_)
    feed(model, X, Y, 50, 400, 700)
    assert fingerprint(model.estimator_) == before
    assert model.challenger_ is None
    assert events(model, "action", "row", "version")[1:] == [
        ("pending", 450, 1),
        ("suggested", 550, 1),
    ]
    rejected = feed(waiting(n_batches=2, decision="reject", dry_run=True), X, Y, 50, 400, 700)
    assert events(rejected, "action")[1:] == [("pending",), ("rejected",)]


# -- what is delegated -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "asks"),
    [
        (GaussianNB(), is_classifier),
        (SGDRegressor(), is_regressor),
        (MiniBatchKMeans(), is_clusterer),
        (IsolationForest(), is_outlier_detector),
    ],
)
def test_the_type_is_that_of_the_base(base, asks):
    model = DriftAwareRetrainer(base)
    assert asks(model)
    tags, inner = get_tags(model), get_tags(base)
    assert tags.estimator_type == inner.estimator_type
    assert tags.input_tags == inner.input_tags
    assert tags.requires_fit
    assert not tags.array_api_support


def test_a_base_without_tags_is_tagged_as_an_estimator():
    class Foreign:
        def fit(self, X, y):
            return self

    assert get_tags(DriftAwareRetrainer(Foreign())).estimator_type is None


METHODS = (
    "decision_function", "fit_predict", "predict", "predict_log_proba", "predict_proba", "score",
    "score_samples", "transform",
)  # fmt: skip


@pytest.mark.parametrize(
    "base",
    [
        GaussianNB(),
        IncrementalPCA(2),
        IsolationForest(n_estimators=5, random_state=0),
        LinearRegression(),
        LocalOutlierFactor(novelty=True),
        MiniBatchKMeans(2, random_state=0),
        SGDClassifier(random_state=0),
    ],
    ids=lambda base: type(base).__name__,
)
def test_methods_exist_where_the_base_has_them(base):
    """Before and after ``fit``; and each answers as the base."""
    y = None if not (is_classifier(base) or is_regressor(base)) else Y
    model = DriftAwareRetrainer(base, detector=None)
    for method in METHODS:
        assert hasattr(model, method) == hasattr(base, method), method
    model.fit(X, y)
    for method in METHODS:
        assert hasattr(model, method) == hasattr(model.estimator_, method), method
        if hasattr(model, method) and method not in ("fit_predict", "score"):
            expected = getattr(model.estimator_, method)(X)
            np.testing.assert_array_equal(getattr(model, method)(X), expected)
    if hasattr(model, "fit_predict"):
        np.testing.assert_array_equal(model.fit_predict(X), model.fit(X).predict(X))
    assert hasattr(model, "offset_") == hasattr(model.estimator_, "offset_")
    if hasattr(model, "offset_"):
        assert model.offset_ == model.estimator_.offset_
    if hasattr(model, "score") and y is None:
        assert model.score(X) == model.estimator_.score(X)


def test_a_method_that_a_parameter_switches_on_is_there_when_it_is():
    assert not hasattr(DriftAwareRetrainer(SGDClassifier(loss="hinge")), "predict_proba")
    assert hasattr(DriftAwareRetrainer(SGDClassifier(loss="log_loss")), "predict_proba")


def test_partial_fit_exists_for_every_base_and_names_classes():
    """Trap 24: ``classes`` stays in the signature."""
    model = DriftAwareRetrainer(LogisticRegression())
    assert list(inspect.signature(model.partial_fit).parameters)[:3] == ["X", "y", "classes"]


@pytest.mark.parametrize(
    ("base", "loss_of"),
    [
        (
            IsolationForest(n_estimators=5, random_state=0),
            lambda model, rows: -model.score_samples(rows),
        ),
        (
            MiniBatchKMeans(2, random_state=0),
            lambda model, rows: model.transform(rows).min(axis=1),
        ),
    ],
    ids=["outlier detector", "clusterer"],
)
def test_novelty_is_the_loss_without_a_target(base, loss_of):
    model = DriftAwareRetrainer(base, detector=Rings(), update=None).fit(X[:300])
    model.partial_fit(X[300:400])
    batch = model.detector_.seen_[0]
    np.testing.assert_array_equal(batch.loss, loss_of(model.estimator_, X[300:400]))
    assert batch.y is None
    assert not batch.bounded


@pytest.mark.no_cover
def test_an_outlier_detector_is_retrained_when_the_rows_move():
    """Virtual drift is what its own scores show: the memory after it is the new normal."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 3))
    rows[1000:] += 4
    model = DriftAwareRetrainer(IsolationForest(n_estimators=20, random_state=0), batch_size=100)
    model.fit(rows)
    assert model.n_alarms_ == 1
    assert (model.predict(rows[1000:]) == 1).mean() > 0.8


def test_triggers_get_what_they_need():
    """X, predictions and probabilities are made only for a trigger that asks for them."""
    everything = ("loss", "X", "y_pred", "y_proba")
    for needs in (("loss",), everything):
        model = DriftAwareRetrainer(LogisticRegression(), detector=Rings(needs=needs))
        model.partial_fit(X[:100], Y[:100], classes=[0, 1, 2]).partial_fit(X[100:150], Y[100:150])
        batch = model.detector_.seen_[0]
        assert (batch.start, batch.n_rows) == (100, 50)
        np.testing.assert_array_equal(batch.y, Y[100:150])
        np.testing.assert_array_equal(batch.classes, [0, 1, 2])
        if needs == everything:
            np.testing.assert_array_equal(batch.X, X[100:150])
            np.testing.assert_array_equal(batch.loss, batch.y_pred != Y[100:150])
            assert batch.y_proba.shape == (50, 3)
        else:
            assert batch.X is batch.y_pred is batch.y_proba is None


@pytest.mark.no_cover
def test_log_loss_can_be_watched():
    model = DriftAwareRetrainer(LogisticRegression(), detector=ErrorDrift(loss="log_loss"))
    X, Y = stream(2000, drift=1000)
    model.fit(X[:500], Y[:500])
    feed(model, X, Y, 50, 500)
    assert model.n_alarms_ == 1


def test_a_regressor_is_watched_by_its_residuals():
    model = DriftAwareRetrainer(LinearRegression(), detector=Rings(), update=None)
    model.fit(X[:100], X[:100, 0] ** 2).partial_fit(X[100:150], X[100:150, 0] ** 2)
    oracle = LinearRegression().fit(X[:100], X[:100, 0] ** 2)
    residual = np.abs(oracle.predict(X[100:150]) - X[100:150, 0] ** 2)
    np.testing.assert_array_equal(model.detector_.seen_[0].loss, residual)
    assert not model.detector_.seen_[0].bounded


# -- memory and log --------------------------------------------------------------------------------


def test_the_memory_holds_the_last_rows_of_fit():
    model = DriftAwareRetrainer(GaussianNB(), buffer=SlidingWindow(70)).fit(X[:300], Y[:300])
    np.testing.assert_array_equal(model.buffer_.index, np.arange(230, 300))
    model.partial_fit(X[300:330], Y[300:330])
    np.testing.assert_array_equal(model.buffer_.index, np.arange(260, 330))
    np.testing.assert_array_equal(model.buffer_.latest().X, X[260:330])


@pytest.mark.parametrize("policy", ["full_refit", "warm_start", "replay_mix"])
def test_an_alarm_is_answered_when_the_memory_holds_no_new_row(policy):
    """A reservoir may have let go of every row since the change: the newest batch is there."""
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0),
        detector=Rings([960]),
        buffer=Reservoir(10),
        policy=policy,
        random_state=0,
    ).fit(X[:950], Y[:950])
    before = fingerprint(model.estimator_)
    feed(model, X, Y, 1, 950, 961)
    assert model.buffer_.index.max() < 960
    assert model.n_refits_ == 1
    assert model.events_[-1].n_rows_fitted >= 1
    assert fingerprint(model.estimator_) != before


def test_the_full_record_goes_to_logging(caplog):
    """One JSON object per call, for whoever listens."""
    import json

    with caplog.at_level(logging.INFO, logger="skretrain.events"):
        model = DriftAwareRetrainer(
            GaussianNB(), detector=Rings([130]), policy=FullRefit(grow=False)
        ).fit(X[:100], Y[:100])
        feed(model, X, Y, 20, 100, 160)
    records = [json.loads(record.message) for record in caplog.records]
    assert [record["action"] for record in records] == [
        "retrained", "updated", "retrained", "updated",
    ]  # fmt: skip
    assert records[2]["threads"]


def test_the_repr_of_a_fitted_model_works():
    model = DriftAwareRetrainer(GaussianNB()).fit(X, Y)
    assert "GaussianNB" in repr(model)
    assert "DriftAwareRetrainer" in model._repr_html_()


def test_the_base_class_leaves_the_parts_to_its_subclasses():
    with pytest.raises(NotImplementedError):
        BaseRetrainer._make_parts(None, None, None)


def test_seeds_reach_every_part():
    """random_state fills what is None in base, buffer and trigger, and leaves what was given."""
    model = DriftAwareRetrainer(
        SGDClassifier(),
        detector=drift.KSWIN(),
        buffer=Reservoir(50, random_state=9),
        random_state=3,
    ).fit(X, Y)
    assert isinstance(model.estimator_.random_state, int)
    assert model.detector_.random_state == 3
    assert model.detector_.detector_.seed == 3
    assert model.buffer_.random_state == 9
    filled = DriftAwareRetrainer(GaussianNB(), buffer=Reservoir(50), random_state=3).fit(X, Y)
    assert filled.buffer_.random_state is not None


def test_warm_start_as_answer_to_an_alarm_learns_all_rows_since_the_change():
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=Rings([520]), policy=WarmStart(), update=None
    ).fit(X[:400], Y[:400])
    feed(model, X, Y, 100, 400, 600)
    oracle = SGDClassifier(random_state=0).fit(X[:400], Y[:400])
    oracle.partial_fit(X[520:600], Y[520:600])
    assert_same_outputs(model, oracle, X)
