"""Rows without labels: shown to triggers that need none, which only make a retrain due."""

import numpy as np
import pandas as pd
import pytest
from helpers import Rings, events, feed, stream
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain._retrainer._jobs import run
from skretrain.drift import AtLeast, BaseTrigger, ErrorDrift, Periodic, Signal
from skretrain.exceptions import RetrainFailedWarning

X, Y = stream(2000)
MOVED = X + np.array([3.0, 0, 0, 0])


class MeanShift(BaseTrigger):
    """Rings when the first feature has moved away from what the new model stands for."""

    needs = frozenset({"X", "y_pred"})
    needs_reference = True

    def __init__(self, bound=1.0):
        self.bound = bound

    def reset(self):
        self.batches_ = []
        return self

    def update(self, batch):
        self.batches_.append(batch)
        moved = abs(np.mean(batch.X[:, 0]) - self.mean_) > self.bound
        return Signal("drift" if moved else "stable", batch.start)

    def after_fit(self, fit, reference, answered):
        super().after_fit(fit, reference, answered)
        self.reference_, self.mean_ = reference, np.mean(reference.X[:, 0])


def observing(detector=None, base=None, **params):
    base = GaussianNB() if base is None else base
    detector = MeanShift() if detector is None else detector
    params = {"policy": "full_refit", **params}
    return DriftAwareRetrainer(base, detector=detector, **params).fit(X[:500], Y[:500])


def test_an_alarm_without_labels_only_makes_a_retrain_due():
    """The model that serves and the rows remembered are the same until labels come."""
    model = observing()
    before, remembered = model.estimator_, len(model.buffer_)
    model.observe(X[500:600]).observe(MOVED[600:700]).observe(MOVED[700:800])
    assert model.estimator_ is before
    assert (len(model.buffer_), model.n_samples_seen_, model.n_refits_) == (remembered, 500, 0)
    assert events(model, "action", "state", "since", "n_rows")[1:] == [
        ("labels_wanted", "drift", 100, 100),
        ("labels_wanted", "drift", 200, 100),
    ]
    model.partial_fit(MOVED[600:700], Y[600:700])
    assert (model.events_[-1].action, model.n_refits_) == ("retrained", 1)
    assert model.events_[-1].reason == "alarm on rows without labels"
    assert model.estimator_ is not before


class Notes(MeanShift):
    def update(self, batch):
        signal = super().update(batch)
        return Signal(signal.state, note="feature 0 moved")


def test_what_a_trigger_notes_stands_in_the_reason_of_the_event():
    """Both where labels are wanted and where the retrain is made; and where labels came at once."""
    model = observing(Notes()).observe(MOVED[600:700])
    told = "feature 0 moved; a retrain is due at the next batch with labels"
    assert model.events_[-1].reason == told
    model.partial_fit(MOVED[600:700], Y[600:700])
    assert model.events_[-1].reason == "alarm on rows without labels; feature 0 moved"
    labelled = observing(Notes()).partial_fit(MOVED[600:700], Y[600:700])
    assert labelled.events_[-1].reason == "alarm; feature 0 moved"


def test_where_the_change_is_among_labelled_rows_nobody_knows():
    """Observed rows are numbered by themselves: all remembered rows of the concept are taken."""
    model = observing([Rings([650]), MeanShift()], update=None)
    feed(model, X, Y, 100, 500, 700)
    assert model.events_[-1].since == 650
    model.observe(MOVED[700:800])
    assert model.events_[-1].since is None
    model.partial_fit(X[700:750], Y[700:750])
    assert (model.events_[-1].since, model.events_[-1].n_rows_fitted) == (650, 100)
    assert model.n_refits_ == 2


def test_in_a_dry_run_an_observed_alarm_is_suggested_once():
    model = observing(dry_run=True).observe(MOVED[500:600])
    feed(model, X, Y, 100, 500, 1000)
    assert model.events_.counts["suggested"] == 1


def test_an_observed_alarm_outlives_a_job_that_is_out():
    model = observing([Rings([510]), MeanShift()])
    job = model._prepare(model._examine(X[500:600], Y[500:600], None, {}))
    model.observe(MOVED[600:700])
    model._accept(run(job))
    assert model.n_refits_ == 1
    model.partial_fit(X[600:700], Y[600:700])
    assert model.n_refits_ == 2
    assert "without labels" in model.events_[-1].reason


def test_rows_are_not_even_predicted_where_nobody_looks():
    model = observing("adwin")
    assert model.observe(np.full((3, 4), np.nan)) is model


def test_once_rows_are_observed_such_a_trigger_sees_no_row_twice():
    model = observing()
    feed(model, X, Y, 100, 500, 700)
    assert [batch.start for batch in model.detector_.batches_] == [500, 600]
    assert all(batch.labelled and batch.y is not None for batch in model.detector_.batches_)
    predicted = model.predict(X[700:800])
    model.observe(X[700:800]).partial_fit(X[700:800], Y[700:800]).observe(X[800:900])
    seen = model.detector_.batches_[2:]
    assert [(batch.start, batch.labelled) for batch in seen] == [(0, False), (100, False)]
    assert all(batch.loss is None and batch.y is None for batch in seen)
    np.testing.assert_array_equal(seen[0].y_pred, predicted)


def test_in_a_list_each_trigger_sees_the_rows_that_are_for_it():
    """Losses where there are labels; rows as they come for those that need none; nothing twice."""
    model = observing([MeanShift(), Rings([650]), AtLeast([MeanShift(bound=50), Rings([])])])
    shift, rings, both = model.detector_.triggers_
    model.observe(X[500:600]).partial_fit(X[500:600], Y[500:600])
    model.partial_fit(X[600:700], Y[600:700])
    for inner_shift, inner_rings in ((shift, rings), both.triggers_):
        assert [batch.labelled for batch in inner_shift.batches_] == [False]
        assert [batch.start for batch in inner_rings.seen_] == [500, 600]
    assert model.n_alarms_ == 1
    model.observe(MOVED[700:800])
    assert model.events_[-1].action == "labels_wanted"


def test_a_trigger_that_counts_rows_counts_those_that_can_be_learned():
    """It needs nothing at all, but a schedule in rows means rows that a model learns."""
    model = observing([Periodic(200), MeanShift()])
    for start in range(500, 1500, 100):
        model.observe(X[start : start + 100])
    assert model.n_alarms_ == 0
    feed(model, X, Y, 100, 500, 700)
    assert model.n_alarms_ == 1


def test_the_reference_is_what_the_new_model_stands_for():
    model = observing()
    first = model.detector_.reference_
    np.testing.assert_array_equal(first.X, X[:500])
    np.testing.assert_array_equal(first.y_pred, GaussianNB().fit(X[:500], Y[:500]).predict(X[:500]))
    model.observe(MOVED[:100]).partial_fit(MOVED[:100], Y[:100])
    reference = model.detector_.reference_
    np.testing.assert_array_equal(reference.y_pred, model.predict(reference.X))
    assert (reference.start, reference.n_rows) == (0, 600)


def test_a_trigger_that_does_not_ask_for_a_reference_gets_none():
    class Plain(Rings):
        def after_fit(self, fit, reference, answered):
            self.reference_ = reference

    assert observing(Plain()).detector_.reference_ is None


def test_observed_rows_of_the_wrong_kind_raise_and_nobody_has_seen_them():
    model = observing()
    with pytest.raises(ValueError, match="features"):
        model.observe(X[:10, :2])
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = DriftAwareRetrainer(GaussianNB(), detector=MeanShift()).fit(frame.values, Y)
    assert named.observe(X[:0]) is named
    assert model.detector_.batches_ == []
    assert model.n_samples_seen_ == 500
    with pytest.raises(NotFittedError):
        DriftAwareRetrainer(GaussianNB()).observe(X)


def test_nothing_happens_where_no_trigger_is_free_of_labels():
    for detector in ("adwin", [Periodic(10)]):
        model = observing(detector)
        model.observe(MOVED)
        assert len(model.events_) == 1
    replay = ReplayPartialFit(GaussianNB()).fit(X[:500], Y[:500])
    assert len(replay.observe(MOVED).events_) == 1


class FailsOnObserved(MeanShift):
    def update(self, batch):
        if not batch.labelled:
            raise RuntimeError("cannot look at these")
        return super().update(batch)


def test_a_trigger_that_fails_on_observed_rows_is_an_event_and_harms_nobody():
    model = observing(FailsOnObserved())
    with pytest.warns(RetrainFailedWarning, match="cannot look at these"):
        model.observe(X[500:600])
    assert model.events_[-1].action == "failed"
    strict = observing(FailsOnObserved(), on_error="raise")
    with pytest.raises(RuntimeError, match="cannot look"):
        strict.observe(X[500:600])
    feed(model, X, Y, 100, 500, 700)
    assert model.n_samples_seen_ == 700


def test_clusterers_and_regressors_are_observed_too():
    clusters = DriftAwareRetrainer(
        MiniBatchKMeans(2, random_state=0, n_init=1), detector=ShiftOfRows()
    ).fit(X[:500])
    assert clusters.observe(MOVED[500:600]).events_[-1].action == "labels_wanted"
    line = observing(base=Ridge()).observe(MOVED[500:600])
    assert line.events_[-1].action == "labels_wanted"


class ShiftOfRows(MeanShift):
    needs = frozenset({"X"})


def test_a_mixture_lets_all_its_members_observe_or_none():
    members = [
        ("watches", DriftAwareRetrainer(GaussianNB(), detector=MeanShift(), policy="full_refit")),
        ("does not", DriftAwareRetrainer(LogisticRegression(), policy="full_refit")),
    ]
    mixture = MixtureRetrainer(members).fit(X[:500], Y[:500])
    weights = mixture.weights_
    mixture.observe(X[:0]).observe(MOVED[500:600])
    assert mixture.events_.counts["labels_wanted"] == 1
    np.testing.assert_array_equal(mixture.weights_, weights)
    with pytest.raises(ValueError, match="features"):
        mixture.observe(X[:10, :2])
    assert len(mixture.estimators_[0].detector_.batches_) == 1
    mixture.partial_fit(MOVED[500:600], Y[500:600])
    assert mixture.estimators_[0].n_refits_ == 1
    with pytest.raises(NotFittedError):
        MixtureRetrainer(members).observe(X)


def test_what_a_trigger_needs_is_checked_against_the_base_before_anything_is_fitted():
    """An error about probabilities in the middle of a stream comes too late."""
    for detector in (
        ErrorDrift(loss="log_loss"),
        [Periodic(100), ErrorDrift(loss="log_loss")],
        Rings([], needs=("loss", "y_proba")),
    ):
        with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
            DriftAwareRetrainer(LinearSVC(), detector=detector).fit(X, Y)
        with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
            DriftAwareRetrainer(LinearSVC(), detector=detector).partial_fit(X, Y)
    DriftAwareRetrainer(LogisticRegression(), detector=ErrorDrift(loss="log_loss")).fit(X, Y)


def test_a_member_that_fails_keeps_no_other_from_observing():
    members = [
        ("fails", DriftAwareRetrainer(GaussianNB(), detector=FailsOnObserved(), on_error="raise")),
        ("sees", DriftAwareRetrainer(GaussianNB(), detector=MeanShift())),
    ]
    mixture = MixtureRetrainer(members).fit(X[:500], Y[:500])
    with pytest.raises(RuntimeError, match="cannot look at these"):
        mixture.observe(MOVED[500:600])
    assert mixture.estimators_[1].events_[-1].action == "labels_wanted"


@pytest.mark.parametrize(
    "model",
    [
        DriftAwareRetrainer(GaussianNB()),
        MixtureRetrainer([("one", DriftAwareRetrainer(GaussianNB()))]),
    ],
    ids=["retrainer", "mixture"],
)
def test_a_frozen_one_serves_what_served(model):
    """And of one that has learned nothing, a copy that has learned nothing."""
    assert not hasattr(model._frozen(), "n_samples_seen_")
    model.fit(X[:500], Y[:500])
    frozen, before = model._frozen(), model.predict_proba(X)
    feed(model, X, 1 - Y, 100, 500, 1500)
    np.testing.assert_array_equal(frozen.predict_proba(X), before)
    assert (model.predict_proba(X) != before).any()
