"""Corners of the cycle where several things happen in one call."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import Rings, WaitGate, feed, stream
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import Birch
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import skretrain
from skretrain import DriftAwareRetrainer
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.datasets import make_drifting_classification
from skretrain.drift import Periodic
from skretrain.exceptions import ClassesGrewWarning, RetrainFailedWarning, UpdateFailedWarning
from skretrain.gates import BaseGate, Verdict
from skretrain.policies import BasePolicy, Candidate, FullRefit

X, Y = stream(2000, drift=1000)


def own_calls(model, X, y):
    """Return how many functions of the package one step calls."""
    n_calls, folder = 0, str(Path(skretrain.__file__).parent)

    def note(frame, kind, _):
        nonlocal n_calls
        n_calls += kind == "call" and frame.f_code.co_filename.startswith(folder)

    sys.setprofile(note)
    try:
        model.partial_fit(X, y)
    finally:
        sys.setprofile(None)
    return n_calls


def test_a_step_on_which_nothing_happens_takes_few_calls():
    """A fleet makes thousands of them a day; each call is a fifth of a microsecond."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), buffer=SlidingWindow(100))
    feed(model, X[:600], Y[:600], 20)
    taken = [own_calls(model, X[k : k + 20], Y[k : k + 20]) for k in range(600, 800, 20)]
    assert min(taken) <= 250


class Counted(pd.DataFrame):
    """A frame that counts how often it is asked for its types."""

    asked = 0

    @property
    def _constructor(self):
        return pd.DataFrame

    @property
    def dtypes(self):
        type(self).asked += 1
        return super().dtypes


def test_a_frame_is_asked_for_its_types_by_the_base_alone():
    """pandas makes a Series of them each time, which takes longer than a small model to predict."""
    frames = [Counted(X[k : k + 20]).rename(columns=str) for k in range(0, 800, 20)]
    frames = [Counted(frame) for frame in frames]
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), update="warm_start", detector=None)
    for k, frame in enumerate(frames[:-1]):
        model.partial_fit(frame, Y[20 * k : 20 * k + 20])
    bare, newest = clone(model.estimator).fit(frames[0], Y[:20]), frames[-1]
    Counted.asked = 0
    bare.predict(newest)
    bare.partial_fit(newest, Y[780:800])
    by_base, Counted.asked = Counted.asked, 0
    model.partial_fit(newest, Y[780:800])
    assert 0 < Counted.asked <= by_base


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
            if context.number == 1 and len(context.window().index) < 200:
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
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=rings, policy="full_refit")
    feed(model.fit(X[:100], Y[:100]), X, Y, 50, start=100)
    retrained = [(event.row, event.reason) for event in model.events_]
    assert retrained == [(100, "first fit"), (350, "alarm"), (700, "growth"), (1400, "growth")]


@pytest.mark.parametrize("new_classes", ["grow", "raise"])
def test_a_label_of_weight_zero_is_no_new_class(new_classes):
    """Such rows are remembered, and neither learned nor refused."""
    model = DriftAwareRetrainer(GaussianNB(), policy="full_refit", new_classes=new_classes).fit(
        X[:100], Y[:100]
    )
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
    model = DriftAwareRetrainer(base, detector=Rings([500]), policy="full_refit").fit(
        X[:100], Y[:100]
    )
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


def test_a_retrain_for_the_time_being_up_does_not_call_itself_an_alarm():
    """A reader of the log can tell a schedule from a model that has become worse."""
    by_the_clock = started(detector=Periodic(100), policy=FullRefit(grow=False))
    on_alarm = started(detector=Rings([300]), policy=FullRefit(grow=False))
    for model in (by_the_clock, on_alarm):
        feed(model, X, Y, 100, start=100, stop=500)
    assert {event.reason for event in by_the_clock.events_[1:]} == {"schedule"}
    assert {event.reason for event in on_alarm.events_[1:]} == {"alarm"}


@pytest.mark.no_cover
def test_a_schedule_beside_a_detector_does_not_blind_it():
    """In a list, a retrain answers the trigger that rang: a schedule restarts no detector, and
    does not bring back rows from before a located change."""
    X, y, _ = make_drifting_classification(6000, drift_rows=[3000], random_state=2)
    alone = DriftAwareRetrainer(LogisticRegression()).fit(X[:500], y[:500])
    listed = DriftAwareRetrainer(LogisticRegression(), detector=[Periodic(500), "adwin"])
    listed.fit(X[:500], y[:500])
    right = {}
    for name, model in (("alone", alone), ("listed", listed)):
        right[name] = 0
        for start in range(500, 6000, 100):
            batch = slice(start, start + 100)
            right[name] += (model.predict(X[batch]) == y[batch]).sum()
            model.partial_fit(X[batch], y[batch])
    assert right["listed"] > right["alone"] - 100


class Interrupted(GaussianNB):
    """A model whose training the user interrupts, on command."""

    when = None

    def _interrupt(self, method):
        if Interrupted.when == method:
            raise KeyboardInterrupt

    def fit(self, X, y):
        self._interrupt("fit")
        return super().fit(X, y)

    def partial_fit(self, X, y, classes=None):
        self._interrupt("partial_fit")
        return super().partial_fit(X, y, classes)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_interrupt_loses_no_alarm_and_counts_no_row_twice(method, monkeypatch):
    """The interrupted batch is remembered; its retrain comes with the next one."""
    model = DriftAwareRetrainer(
        Interrupted(), detector=Rings([120]), policy=FullRefit(grow=False)
    ).fit(X[:100], Y[:100])
    monkeypatch.setattr(Interrupted, "when", method)
    for start in (100, 150):
        if (start == 100) == (method == "fit"):
            with pytest.raises(KeyboardInterrupt):
                model.partial_fit(X[start : start + 50], Y[start : start + 50])
            monkeypatch.setattr(Interrupted, "when", None)
        else:
            monkeypatch.setattr(Interrupted, "when", None)
            model.partial_fit(X[start : start + 50], Y[start : start + 50])
            monkeypatch.setattr(Interrupted, "when", method)
    assert model.n_samples_seen_ == 200
    assert model.buffer_.index.tolist() == list(range(200))
    assert model.n_refits_ == 1
    assert [batch.start for batch in model.detector_.seen_] == [100, 150]


def test_rows_that_waited_cannot_block_the_first_fit_for_ever():
    """If the first fit fails with them, and the new rows suffice, it is made without them."""
    model = DriftAwareRetrainer(
        make_pipeline(StandardScaler(), LogisticRegression()), initial_size=100
    )
    bad = X[:50].copy()
    bad[3, 0] = np.nan
    model.partial_fit(bad, Y[:50])
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(X[50:110], Y[50:110])
    model.partial_fit(X[50:200], Y[50:200])
    assert model.buffer_.index.tolist() == list(range(50, 200))
    assert model.score(X[200:300], Y[200:300]) > 0.5


@pytest.mark.parametrize("first", [np.float32, np.float64])
def test_precision_may_change_along_the_stream(first):
    """Batches are cast to the precision of the first fit, which compiled learners insist on."""
    other = np.float64 if first is np.float32 else np.float32
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None)
    model.fit(X[:100].astype(first), Y[:100])
    model.partial_fit(X[100:200].astype(other), Y[100:200])
    assert model.events_.counts["updated"] == 1
    assert model.buffer_.latest().X.dtype == first


class Broken(Rings):
    """A trigger that fails on the batch of a given row."""

    def update(self, batch):
        if batch.start == 150:
            raise RuntimeError("cannot see")
        return super().update(batch)


def test_a_trigger_that_fails_on_a_batch_costs_that_batch_only():
    """The rows are counted and remembered, and the next batch is as usual."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Broken(), policy="full_refit")
    model.fit(X[:100], Y[:100])
    with pytest.warns(RetrainFailedWarning, match="the trigger failed on this batch"):
        feed(model, X, Y, 50, start=100, stop=300)
    assert model.n_samples_seen_ == len(model.buffer_) == 300
    assert model.events_.counts["failed"] == 1
    assert model.events_.counts["updated"] == 3


def test_a_warning_turned_into_an_error_comes_after_the_batch_was_learned():
    """With warnings as errors a third class is learned all the same."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0)).fit(X[:100], Y[:100])
    with pytest.raises(ClassesGrewWarning):
        model.partial_fit(X[100:150], Y[100:150] + 1)
    assert model.n_samples_seen_ == 150
    assert model.classes_.tolist() == [0, 1, 2]


def test_a_column_of_labels_is_a_vector_of_labels():
    """A base for several outputs, too, gets one label per row, and its classes are tracked."""
    forest = DriftAwareRetrainer(RandomForestClassifier(5, random_state=0), new_classes="raise")
    with pytest.warns(DataConversionWarning):
        forest.fit(X[:100], Y[:100, None])
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        forest.partial_fit(X[100:150], Y[100:150] + 1)


def test_wide_targets_are_the_bases_to_refuse():
    """A multilabel perceptron learns them, whatever its tags say."""
    wide = np.column_stack([Y, X[:, 0] > 0]).astype(int)
    perceptron = MLPClassifier((5,), max_iter=20, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model = DriftAwareRetrainer(
            perceptron, detector=None, update=None, policy="full_refit"
        ).fit(X[:200], wide[:200])
    model.partial_fit(X[200:300], wide[200:300])
    assert model.predict(X[:10]).shape == (10, 2)


def test_an_estimator_of_no_kind_is_refused_with_the_way_out():
    """Without a kind, y would silently be lost."""

    class Plain(BaseEstimator):
        def fit(self, X, y):
            return self

    with pytest.raises(ValueError, match="inherit ClassifierMixin or"):
        DriftAwareRetrainer(Plain()).fit(X[:100], Y[:100])


class WithoutClasses(ClassifierMixin, BaseEstimator):
    """A classifier that follows no convention but the methods."""

    def fit(self, X, y):
        self.model_ = LogisticRegression().fit(X, y)
        return self

    def partial_fit(self, X, y, classes=None):
        return self.fit(X, y)

    def predict(self, X):
        return self.model_.predict(X)

    def decision_function(self, X):
        return [1] * len(X)


def test_a_classifier_without_classes_is_served_as_it_is():
    """Its labels are those that were seen, its output is passed on."""
    model = DriftAwareRetrainer(WithoutClasses(), detector=None)
    model.partial_fit(X[:100], Y[:100], classes=[0, 1, 2]).partial_fit(X[100:150], Y[100:150])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.decision_function(X[:3]) == [1, 1, 1]


def test_pairwise_decisions_are_not_taken_for_classes():
    """One column per pair stays as it is beside a class that was only declared."""
    y = Y[:300] + (X[:300, 0] > 0)
    model = DriftAwareRetrainer(SVC(decision_function_shape="ovo"), detector=None, update=None)
    model.fit(X[:300], y).partial_fit(X[300:310], Y[300:310], classes=[0, 1, 2, 3])
    bare = SVC(decision_function_shape="ovo").fit(X[:300], y)
    np.testing.assert_array_equal(model.decision_function(X[:5]), bare.decision_function(X[:5]))


@pytest.mark.parametrize("empty", [[], np.empty((0, 4)), np.empty((0, 0))], ids=repr)
def test_an_empty_first_batch_leaves_everything_open(empty):
    """It does not fix the number of features either."""
    model = DriftAwareRetrainer(SGDClassifier()).partial_fit(empty, [])
    assert not hasattr(model, "n_features_in_")
    assert model.partial_fit(X[:50], Y[:50]).n_features_in_ == X.shape[1]


@pytest.mark.parametrize("format_", ["dok", "lil", "coo"])
def test_a_sparse_stream_may_begin_in_any_format(format_):
    """The first batch is checked for finite values, whatever the format."""
    model = DriftAwareRetrainer(SGDClassifier()).partial_fit(
        sparse.csr_array(X[:50]).asformat(format_), Y[:50]
    )
    assert model.n_samples_seen_ == 50


def test_rows_of_mixed_types_are_seen_alike_by_fit_and_predict():
    """A list of rows with numbers and texts gives what it gives the bare pipeline."""
    rows = [[i % 2, "ab"[i % 2]] for i in range(100)]
    y = [i % 2 for i in range(100)]
    bare = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    model = DriftAwareRetrainer(bare).fit(rows, y)
    asked = [[0, "z"], [1, "z"]]
    expected = bare.fit(np.array(rows, dtype=object), y).predict_proba(
        np.array(asked, dtype=object)
    )
    np.testing.assert_allclose(model.predict_proba(asked), expected)


def test_rows_may_be_lists_of_tokens():
    """Rows of unequal length stay lists."""
    tokens = [["a", "b"], ["a"], ["b", "b", "c"]] * 20
    pipe = make_pipeline(FeatureHasher(input_type="string"), SGDClassifier(random_state=0))
    model = DriftAwareRetrainer(pipe).fit(tokens, [0, 1, 0] * 20)
    assert model.partial_fit(tokens, [0, 1, 0] * 20).score(tokens, [0, 1, 0] * 20) == 1


def test_a_stream_may_go_on_in_another_container():
    """Arrays first, then frames, then arrays: the rows are the same rows."""
    model = DriftAwareRetrainer(GaussianNB(), detector=None).fit(X[:100], Y[:100])
    model.partial_fit(pd.DataFrame(X[100:150]), Y[100:150])
    model.partial_fit(sparse.csr_array(X[150:200]).toarray(), Y[150:200])
    bare = GaussianNB().fit(X[:100], Y[:100])
    bare.partial_fit(X[100:150], Y[100:150]).partial_fit(X[150:200], Y[150:200])
    np.testing.assert_array_equal(model.predict_proba(X[:9]), bare.predict_proba(X[:9]))
    assert len(model.buffer_) == 200


def test_a_label_of_weight_zero_that_a_refit_takes_in_has_its_column():
    """The base counts it among its classes, so the retrainer does from then on."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([180]), policy=FullRefit("all", grow=False)
    )
    model.fit(X[:100], Y[:100], sample_weight=np.ones(100))
    y, weight = Y[100:150].copy(), np.ones(50)
    y[:5], weight[:5] = -7, 0
    model.partial_fit(X[100:150], y, sample_weight=weight)
    with pytest.warns(ClassesGrewWarning):
        model.partial_fit(X[150:200], Y[150:200], sample_weight=np.ones(50))
    assert model.classes_.tolist() == model.estimator_.classes_.tolist() == [-7, 0, 1]
    assert model.predict_proba(X[:9]).shape == (9, 3)


class GrowthFails(Rings):
    """A trigger that cannot say whether growth pays."""

    @property
    def growth_pays(self):
        raise RuntimeError("no price")


class Refuses(FullRefit):
    """A policy that wants to grow, and fails."""

    def propose(self, context):
        raise RuntimeError("no space left")


def shuffled_labels(n, third_from):
    y = Y[:n].copy()
    y[third_from : third_from + 40 : 2] = 2
    return y


@pytest.mark.parametrize(
    ("settings", "y"),
    [
        ({"detector": None}, Y),
        ({"detector": Rings([330])}, Y),
        ({"detector": None, "gate": WaitGate(n_batches=3)}, Y),
        ({"detector": None, "dry_run": True}, Y),
        ({"detector": None, "policy": Refuses()}, Y),
        ({"detector": None, "new_classes": "grow"}, shuffled_labels(2000, 370)),
        ({"detector": GrowthFails([])}, Y),
        ({"detector": None, "update": "warm_start", "policy": "keep_or_refit"}, Y),
    ],
    ids=["plain", "alarm", "gate", "dry", "fails", "labels", "price", "update"],
)
@pytest.mark.filterwarnings("ignore::skretrain.exceptions.SkretrainWarning")
def test_growth_is_foretold_and_to_ask_changes_nothing(settings, y):
    """What is foretold is the reason of the event; a batch that cannot be told is no growth."""
    settings = {"policy": "full_refit", "update": None, **settings}
    asked, plain = (DriftAwareRetrainer(GaussianNB(), **settings) for _ in range(2))
    asked.fit(X[:100], y[:100])
    plain.fit(X[:100], y[:100])
    grew = 0
    for start in range(100, 900, 50):
        batch = slice(start, start + 50)
        n_before, examination = len(asked.events_), asked._examine(X[batch], y[batch], None, {})
        foretold = asked._has_grown(examination)
        asked._learn(examination)
        plain.partial_fit(X[batch], y[batch])
        new = list(asked.events_)[n_before:]
        begun = [e for e in new if e.reason.startswith(("growth", "retrain (growth"))]
        retried = settings["policy"].__class__ is Refuses and grew > 0
        assert foretold == (bool(begun) and not retried) or "gate" in settings
        grew += foretold
    assert [e.reason for e in asked.events_] == [e.reason for e in plain.events_]


def test_growth_that_is_held_back_waits_for_a_batch_with_which_it_may_come():
    """Meanwhile the model learns by its update as if no retrain were due."""
    settings = {"detector": None, "policy": "full_refit"}
    model = DriftAwareRetrainer(GaussianNB(), update=None, **settings).fit(X[:100], Y[:100])
    for start in range(100, 500, 50):
        batch = slice(start, start + 50)
        examination = model._examine(X[batch], Y[batch], None, {})
        assert model._has_grown(examination) == (start >= 150)
        model._learn(examination, may_grow=False)
    assert (model.n_refits_, len(model.buffer_)) == (0, 500)
    model.partial_fit(X[500:550], Y[500:550])
    assert model.events_[-1].reason == "growth"


def test_a_model_that_does_not_serve_yet_or_has_a_job_out_has_not_grown():
    model = DriftAwareRetrainer(GaussianNB(), detector=None, policy="full_refit", update=None)
    assert not model._has_grown(model._examine(X[:20], Y[:20], None, {}))
    model.fit(X[:100], Y[:100])
    assert model._prepare(model._examine(X[100:300], Y[100:300], None, {})) is not None
    assert not model._has_grown(model._examine(X[300:600], Y[300:600], None, {}))
