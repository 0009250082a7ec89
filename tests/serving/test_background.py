"""Retrains in the background: the stream goes on, and each end of a job is one event."""

import copy
import multiprocessing
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import numpy as np
import pandas as pd
import pytest
from dying import KillsItsWorker
from executors import ByHand, Inline
from helpers import Rings, WaitGate, assert_same_outputs, batches, events, state_of, stream
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.drift import FeatureDrift
from skretrain.exceptions import RetrainFailedWarning
from skretrain.gates import PairedGate
from skretrain.policies import BasePolicy, Candidate, FullRefit
from skretrain.serving import BackgroundRetrainer, PendingLabels, on_event

X, Y = stream(1500, drift=500)


def told(model):
    """Return what the events say, costs aside."""
    costs = {"cpu_seconds", "wall_seconds", "threads"}
    return [
        {name: value for name, value in record.items() if name not in costs}
        for record in model.events_.to_records()
    ]


def ringing(rows=(310,), base=None, **params):
    """Return a retrainer, fitted on 300 rows, whose trigger rings at the given rows."""
    params = {"policy": "full_refit", "update": None} | params
    model = DriftAwareRetrainer(
        GaussianNB() if base is None else base, detector=Rings(rows), **params
    )
    return model.fit(X[:300], Y[:300])


def feed(service, stop, start=300, size=50):
    """Send rows through ``partial_fit``, and return what was predicted before."""
    predicted = []
    for batch in batches(stop, size, start):
        predicted.append(service.predict(X[batch]))
        service.partial_fit(X[batch], Y[batch])
    return predicted


def waited_after(act, service):
    """Do something and wait: whatever thread takes the outcome, its warning is given meanwhile."""
    act()
    return service.wait()


# -- what it is to the retrainer ------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "params",
    [
        {"estimator": GaussianNB(), "policy": "full_refit"},
        {"estimator": GaussianNB(), "gate": PairedGate(min_rows=100)},
        {"estimator": LogisticRegression(), "gate": WaitGate(2), "update": None},
        {"estimator": SGDClassifier(random_state=0), "policy": "replay_mix"},
    ],
    ids=["refit", "gate", "waits", "replay"],
)
def test_with_an_executor_that_runs_at_once_all_is_as_without(params):
    """Every prediction, every event, and the state at the end."""
    plain = DriftAwareRetrainer(detector=Rings([550, 850, 1150]), random_state=3, **params)
    wrapped = clone(plain).fit(X[:300], Y[:300])
    plain.fit(X[:300], Y[:300])
    with BackgroundRetrainer(wrapped, Inline()) as service:
        here, there = feed(plain, 1500), feed(service, 1500)
    np.testing.assert_array_equal(np.concatenate(here), np.concatenate(there))
    assert told(plain) == told(wrapped) == told(service)
    assert plain.n_refits_ > 0
    assert_same_outputs(plain, wrapped, X)


def test_the_stream_goes_on_while_a_retrain_is_made():
    pool, model = ByHand(), ringing()
    service, old = BackgroundRetrainer(model, pool), model.estimator_
    feed(service, 500)
    assert service.is_retraining
    assert model.estimator_ is old
    assert model.n_samples_seen_ == 500
    pool.run()
    assert service.wait()
    assert not service.is_retraining
    assert events(model, "action", "row", "n_rows_fitted")[1:] == [("retrained", 500, 50)]
    assert_same_outputs(model.estimator_, GaussianNB().fit(X[300:350], Y[300:350]), X)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_hook_that_hears_of_an_outcome_finds_no_job_out(is_cancelled):
    pool, found = ByHand(), []
    service = BackgroundRetrainer(ringing(), pool)
    on_event(service, lambda event: found.append((event.action, service.is_retraining)))
    feed(service, 350)
    assert service.is_retraining
    if is_cancelled:
        service.cancel()
    else:
        pool.run()
        service.wait()
    assert not service.is_retraining
    assert found
    assert not any(is_out for _, is_out in found)


def test_a_candidate_is_judged_on_the_rows_from_the_next_batch_on():
    """On those that came while it was made it could have been trained."""
    pool, model = ByHand(), ringing(gate=WaitGate(2))
    service = BackgroundRetrainer(model, pool)
    feed(service, 450)
    pool.run()
    feed(service, 550, start=450)
    trials = state_of(model).parts.gate.trials_
    assert [(trial.unseen, len(trial.y)) for trial in trials] == [
        (False, 50),
        (True, 50),
        (True, 50),
    ]
    for trial, start in zip(trials, (300, 450, 500), strict=True):
        np.testing.assert_array_equal(trial.X, X[start : start + 50])


@pytest.mark.parametrize("delays", [(0, 0, 0), (1, 3, 0), (4, 2, 5)])
def test_nothing_depends_on_more_than_the_batches_at_which_jobs_are_done(delays):
    """Whether the thread that waits for a job, or the next call, finds that it is done."""
    runs = []
    for settled in (True, False):
        pool, left = ByHand(), list(delays)
        model = ringing([310, 460, 760], update="auto")
        service = BackgroundRetrainer(model, pool)
        for batch in batches(1000, 50, 300):
            if pool.waiting and left and left[0] == 0:
                pool.run()
                left.pop(0)
                assert not settled or pool.waiting or service.wait()
            elif left and pool.waiting:
                left[0] -= 1
            service.partial_fit(X[batch], Y[batch])
        service.close()
        runs.append((told(model), model.predict(X)))
    assert runs[0][0] == runs[1][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])


def test_the_first_model_of_a_stream_is_fitted_at_once():
    service = BackgroundRetrainer(DriftAwareRetrainer(LogisticRegression()), ByHand())
    with pytest.raises(NotFittedError):
        service.predict(X)
    service.partial_fit(X[:100], Y[:100])
    assert service.predict(X).shape == (1500,)


def test_a_frame_is_taken_as_the_retrainer_takes_it():
    frame, pool = pd.DataFrame(X, columns=list("abcd")), ByHand()
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310]), policy="full_refit")
    service = BackgroundRetrainer(model.fit(frame[:300], Y[:300]), pool)
    service.partial_fit(frame[300:350], pd.Series(Y[300:350]))
    pool.run()
    assert service.wait()
    assert model.n_refits_ == 1
    with pytest.raises(ValueError, match="feature names should match"):
        service.partial_fit(frame[["b", "a", "c", "d"]][350:400], Y[350:400])
    assert model.n_samples_seen_ == 350


def test_it_predicts_what_the_base_predicts_and_no_more():
    service = BackgroundRetrainer(ringing(base=LogisticRegression()), Inline())
    model = service.retrainer
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(service, method)(X), getattr(model, method)(X))
    assert service.score(X, Y) == model.score(X, Y)
    assert not hasattr(service, "transform")
    assert not hasattr(
        BackgroundRetrainer(ReplayPartialFit(LinearRegression()), Inline()), "predict_proba"
    )
    assert service.partial_fit(X[:0], Y[:0]) is service
    assert service.events_ is model.events_


def test_rows_without_labels_are_shown_to_the_triggers_of_the_retrainer():
    trigger = FeatureDrift(window=100)
    model = DriftAwareRetrainer(GaussianNB(), detector=trigger, policy="full_refit")
    pool = ByHand()
    service = BackgroundRetrainer(model.fit(X[:300], Y[:300]), pool)
    for batch in batches(900, 100, 300):
        assert service.observe(X[batch] + 3) is service
    assert model.events_[-1].action == "labels_wanted"
    assert not pool.waiting
    service.partial_fit(X[300:400], Y[300:400])
    assert len(pool.waiting) == 1


def test_a_ledger_of_predictions_counts_versions_through_it():
    pool = ByHand()
    service = BackgroundRetrainer(ringing(), pool)
    ledger = PendingLabels(service)
    ids, _ = ledger.predict(X[300:350])
    feed(service, 350)
    pool.run()
    assert service.wait()
    more, _ = ledger.predict(X[350:400])
    ledger.resolve([*ids, *more], Y[300:400])
    assert [ledger.score_[version].n_resolved for version in (1, 2)] == [50, 50]


# -- how a job can end -----------------------------------------------------------------------------


class Raises(BasePolicy):
    def __init__(self, error):
        self.error = error

    def propose(self, context):
        raise self.error


class Refuses(ByHand):
    """An executor that takes no jobs."""

    def submit(self, fn, /, *args, **kwargs):
        raise RuntimeError("cannot schedule new futures after shutdown")


def ran(service, pool):
    pool.run()


def ended(error):
    return lambda service, pool: pool.end_with(error)


def answered(service, pool):
    pool.waiting.pop(0)[0].set_result("done")


def dropped(service, pool):
    pool.waiting.pop(0)[0].cancel()


def nothing(service, pool):
    pass


ENDS = {
    "policy": ({"policy": Raises(ValueError("no"))}, {}, ByHand, ran, "ValueError: no"),
    "memory": ({"policy": Raises(MemoryError("4 GB"))}, {}, ByHand, ran, "MemoryError: 4 GB"),
    "time": ({}, {"timeout": 0.001}, ByHand, nothing, "TimeoutError: no outcome within timeout"),
    "size": ({}, {"max_job_bytes": 1000}, ByHand, nothing, "more than max_job_bytes=1,000 bytes"),
    "crash": ({}, {}, ByHand, ended(BrokenProcessPool("gone")), "a worker died.*gone"),
    "exit": ({}, {}, ByHand, ended(SystemExit(3)), "the worker ended with SystemExit: 3"),
    "pickle": ({}, {}, ByHand, ended(pickle.PicklingError("a lock")), "PicklingError: a lock"),
    "refusal": ({}, {}, Refuses, nothing, "cannot schedule new futures after shutdown"),
    "given up": ({}, {}, ByHand, dropped, "the executor gave the job up"),
    "nonsense": ({}, {}, ByHand, answered, "returned 'done', which is not the outcome"),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_each_end_without_a_model_is_one_event_and_the_job_is_tried_again(end):
    """The serving model is as before, and a later try, in good order, succeeds."""
    params, budgets, kind, act, reason = ENDS[end]
    pool, model = kind(), ringing(**params)
    service, old = BackgroundRetrainer(model, pool, **budgets), model.estimator_
    with pytest.warns(RetrainFailedWarning, match=reason):
        assert waited_after(lambda: (feed(service, 350), act(service, pool)), service)
    (event,) = list(model.events_)[1:]
    assert (event.action, event.row, event.state, event.since) == ("failed", 350, "drift", 310)
    assert event.reason.startswith("retrain (alarm) failed: ")
    assert model.estimator_ is old
    state_of(model).parts = state_of(model).parts._replace(policy=FullRefit())
    service = BackgroundRetrainer(model, Inline())
    feed(service, 400, start=350)
    assert model.n_refits_ == 1
    assert len(model.events_) == 3


def test_a_try_that_failed_comes_again_later_each_time():
    """After 1, 2, 4 batches, as inline, also where the executor is at fault."""
    pool, model = ByHand(), ringing()
    service, rows = BackgroundRetrainer(model, pool), []
    for batch in batches(1000, 50, 300):
        service.partial_fit(X[batch], Y[batch])
        if pool.waiting:
            rows.append(batch.start)
            with pytest.warns(RetrainFailedWarning, match="gone"):
                waited_after(lambda: pool.end_with(BrokenProcessPool("gone")), service)
    assert rows == [300, 350, 450, 650]


def test_an_outcome_after_its_time_changes_nothing():
    pool, model = ByHand(), ringing()
    service = BackgroundRetrainer(model, pool, timeout=0.001)
    with pytest.warns(RetrainFailedWarning, match="timeout"):
        assert waited_after(lambda: feed(service, 350), service)
    future, fn, args, _ = pool.waiting.pop()
    assert future.cancelled()  # it had not begun
    before = pickle.dumps(model)
    model._accept(fn(*args))
    assert pickle.dumps(model) == before


def test_a_second_alarm_supersedes_the_job_that_is_out():
    """One event says so; the late outcome is only paid for, and the newest is served."""
    pool, model = ByHand(), ringing([310, 360])
    service, before = BackgroundRetrainer(model, pool), set(threading.enumerate())
    feed(service, 350)
    pool.futures[0].set_running_or_notify_cancel()  # at work: it cannot be called back
    feed(service, 400, start=350)
    assert events(model, "action", "row", "since")[1:] == [("superseded", 350, 310)]
    (first, fn, args, _), _ = pool.waiting
    first.set_result(fn(*args))
    pool.waiting.pop(0)
    pool.run()
    for waits in set(threading.enumerate()) - before:
        waits.join()
    assert events(model, "action", "since")[2:] == [("retrained", 360)]
    assert model.events_.totals["fits"] == 3


def test_a_job_in_the_queue_that_is_superseded_is_never_run():
    pool, model = ByHand(), ringing([310, 360])
    service = BackgroundRetrainer(model, pool)
    feed(service, 400)
    assert [future.cancelled() for future in pool.futures] == [True, False]
    pool.run()
    pool.run()
    assert service.wait()
    assert model.events_.totals["fits"] == 2


def test_rows_that_only_a_fresh_model_can_read_supersede_the_job():
    """The candidate could not read them either; the alarm behind it is answered anew."""
    base = make_pipeline(OneHotEncoder(sparse_output=False), LogisticRegression())
    model = DriftAwareRetrainer(base, detector=Rings([70]), policy=FullRefit("all"), update=None)
    words = np.resize([["a"], ["b"]], (60, 1)).astype(object)
    y = np.resize([0, 1], 60)
    pool = ByHand()
    service = BackgroundRetrainer(model.fit(words, y), pool)
    service.partial_fit(words[:20], y[:20])
    strange = words[:20].copy()
    strange[::2] = "c"
    service.partial_fit(strange, y[:20])
    assert events(model, "action", "row")[1:] == [("superseded", 80), ("retrained", 100)]
    assert service.predict([["c"]]).shape == (1,)
    service.partial_fit(words[:20], y[:20])
    pool.run()
    pool.run()
    assert service.wait()
    assert model.events_[-1].reason.startswith("alarm")
    assert service.predict([["c"]]).shape == (1,)


def test_a_job_that_is_cancelled_is_one_event_and_due_with_the_next_batch():
    pool, model = ByHand(), ringing()
    service = BackgroundRetrainer(model, pool)
    assert not service.cancel()
    feed(service, 350)
    assert service.cancel()
    assert not service.cancel()
    assert not service.is_retraining
    assert events(model, "action", "reason")[1:] == [("failed", "alarm; cancelled")]
    feed(service, 400, start=350)
    pool.run()
    pool.run()
    assert service.wait()
    assert model.n_refits_ == 1


def test_to_close_is_one_event_and_predictions_go_on():
    pool, model = ByHand(), ringing()
    with BackgroundRetrainer(model, pool) as service:
        feed(service, 350)
    assert events(model, "action", "reason")[1:] == [("failed", "alarm; closed")]
    assert pool.futures[0].cancelled()
    assert not pool.is_shut_down  # it is the caller's
    service.close()
    assert len(model.events_) == 2
    assert service.predict(X).shape == (1500,)
    calls = (
        lambda: service.partial_fit(X, Y), lambda: service.observe(X), service.wait, service.cancel
    )  # fmt: skip
    for call in calls:
        with pytest.raises(RuntimeError, match="is closed, and only predicts"):
            call()
    assert model.partial_fit(X[350:400], Y[350:400]).n_refits_ == 1  # inline, as ever


def test_a_job_that_is_done_when_it_is_closed_counts():
    pool, model = ByHand(), ringing()
    service = BackgroundRetrainer(model, pool)
    feed(service, 350)
    with service.paused():  # so that no other thread takes the outcome
        pool.run()
        service.close()
    assert events(model, "action")[1:] == [("retrained",)]


def test_one_that_is_closed_lets_the_next_have_the_retrainer():
    """Though a job of its own, which was superseded, is not through."""
    pools, model = [ByHand(), ByHand()], ringing([310, 360, 410])
    before = set(threading.enumerate())
    first = BackgroundRetrainer(model, pools[0])
    feed(first, 350)
    pools[0].futures[0].set_running_or_notify_cancel()
    feed(first, 400, start=350)
    first.close()
    waits = set(threading.enumerate()) - before
    feed(BackgroundRetrainer(model, pools[1]), 450, start=400)
    future, fn, args, _ = pools[0].waiting[0]
    future.set_result(fn(*args))
    for thread in waits:
        thread.join()
    assert [len(pool.futures) for pool in pools] == [2, 1]


def test_an_executor_that_failed_is_made_anew_where_that_can_be_done():
    """Not after a policy that failed, nor a job that is too large: those are not its faults."""
    made = []

    def make():
        made.append(ByHand())
        return made[-1]

    service = BackgroundRetrainer(ringing([310, 460]), make)
    assert not made
    feed(service, 350)
    with pytest.warns(RetrainFailedWarning, match="gone"):
        waited_after(lambda: made[0].end_with(BrokenProcessPool("gone")), service)
    assert made[0].is_shut_down
    feed(service, 400, start=350)
    made[1].run()
    assert service.wait()
    assert service.retrainer.n_refits_ == 1
    feed(service, 500, start=400)
    assert len(made) == 2
    service.close()
    assert made[1].is_shut_down


def test_a_class_of_executors_makes_one():
    service = BackgroundRetrainer(ringing(), ByHand)
    feed(service, 350)
    assert service.is_retraining
    service.close()
    assert service.events_.counts["failed"] == 1
    service = BackgroundRetrainer(ringing(), Inline)
    feed(service, 350)
    assert service.retrainer.n_refits_ == 1


def test_a_function_that_makes_no_executor_is_one_event():
    service = BackgroundRetrainer(ringing(), lambda: 1 / 0)
    with pytest.warns(RetrainFailedWarning, match="ZeroDivisionError"):
        feed(service, 350)
    assert service.retrainer.events_[-1].action == "failed"


def test_who_waits_for_a_job_hears_that_the_executor_gave_it_up():
    pool, before = ByHand(), set(threading.enumerate())
    service = BackgroundRetrainer(ringing(on_error="raise"), pool)
    feed(service, 350)
    (waits,) = set(threading.enumerate()) - before
    pool.waiting.pop(0)[0].cancel()
    waits.join(timeout=60)
    assert not waits.is_alive()
    assert not service.is_retraining
    with pytest.raises(RuntimeError, match="the executor gave the job up"):
        service.wait()


def test_a_job_that_nobody_could_wait_for_is_one_event(monkeypatch):
    """Where there are too many threads, say; else ``wait`` would never end."""

    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    service = BackgroundRetrainer(ringing(), ByHand())
    with pytest.warns(RetrainFailedWarning, match="can't start new thread"):
        feed(service, 350)
    assert service.wait()
    assert service.retrainer.events_[-1].action == "failed"


def test_metadata_is_routed_in_the_thread_that_takes_the_outcome():
    """There, scikit-learn's configuration is not that of the caller."""

    class Keeps(BasePolicy):
        def propose(self, context):
            return Candidate.kept()

    weight = np.where(np.arange(len(Y)) % 2, 3.0, 0.5)
    models = []
    with config_context(enable_metadata_routing=True):
        for pool in (Inline(), ByHand()):
            base = GaussianNB().set_fit_request(sample_weight="w")
            base.set_partial_fit_request(sample_weight="w")
            model = DriftAwareRetrainer(base, detector=Rings([310]), policy=Keeps())
            model.fit(X[:300], Y[:300], w=weight[:300])
            service, before = BackgroundRetrainer(model, pool), set(threading.enumerate())
            service.partial_fit(X[300:350], Y[300:350], w=weight[300:350])
            if isinstance(pool, ByHand):
                (waits,) = set(threading.enumerate()) - before
                pool.run()
                waits.join()
            assert [event.action for event in model.events_][1:] == ["kept"]
            models.append(model)
    assert_same_outputs(*models, X)


def test_a_job_as_large_as_allowed_is_handed_out():
    model = ringing()
    feed(BackgroundRetrainer(copy.deepcopy(model), pool := ByHand()), 350)
    size = len(pickle.dumps(pool.waiting[0][2][0], protocol=5))
    for most, is_out in ((size - 1, False), (size, True)):
        service = BackgroundRetrainer(copy.deepcopy(model), ByHand(), max_job_bytes=most)
        if is_out:
            feed(service, 350)
        else:
            with pytest.warns(RetrainFailedWarning, match="max_job_bytes"):
                feed(service, 350)
        assert service.is_retraining == is_out


def test_what_on_error_raises_is_raised_by_the_next_call_which_is_done_all_the_same():
    pool = ByHand()
    model = ringing([310, 460], policy=Raises(ValueError("no model")), on_error="raise")
    service = BackgroundRetrainer(model, pool)
    feed(service, 350)
    pool.run()
    with pytest.raises(ValueError, match="no model"):
        service.partial_fit(X[350:360], Y[350:360])
    assert model.n_samples_seen_ == 360
    feed(service, 460, start=360)
    pool.waiting.clear()
    pool.futures[-1].set_exception(BrokenProcessPool("gone"))
    with pytest.raises(RuntimeError, match="gone"):
        service.wait()
    assert service.wait()


# -- a checkpoint with a job that is out -----------------------------------------------------------


def test_a_job_that_was_out_when_it_was_saved_is_handed_out_again():
    """The outcome is as if nothing had happened."""
    pools = [ByHand(), ByHand()]
    whole, saved = ringing(), ringing()
    service = BackgroundRetrainer(saved, pools[1])
    first = BackgroundRetrainer(whole, pools[0])
    for one in (first, service):
        feed(one, 400)
    with service.paused() as retrainer:
        content = pickle.dumps(retrainer)
    loaded, pool = pickle.loads(content), ByHand()
    service = BackgroundRetrainer(loaded, pool)
    assert not service.wait(timeout=0)
    pools[0].run()
    pool.run()
    for one in (first, service):
        assert one.wait()
        feed(one, 600, start=400)
    assert told(whole) == told(loaded)
    assert_same_outputs(whole, loaded, X)


def test_it_cannot_be_pickled_and_says_what_can():
    service = BackgroundRetrainer(ringing(), ByHand())
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="Save what it holds, `with service.paused"):
            copied(service)


def test_nothing_learns_and_all_predicts_inside_a_pause():
    service = BackgroundRetrainer(ringing(), ByHand())
    other = threading.Thread(target=service.partial_fit, args=(X[300:350], Y[300:350]))
    with service.paused() as model:
        other.start()
        other.join(timeout=0.05)
        assert model.n_samples_seen_ == 300
        assert service.predict(X).shape == (1500,)
    other.join()
    assert model.n_samples_seen_ == 350


# -- threads ---------------------------------------------------------------------------------------


class Numbered(ClassifierMixin, BaseEstimator):
    """Predict the number of the fit, row by row; a gate may hold a prediction half way."""

    fits = 0
    gate = None

    def fit(self, X, y):
        type(self).fits += 1
        self.number_ = type(self).fits
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        out = np.empty(len(X), dtype=np.int64)
        out[: len(X) // 2] = self.number_
        if self.gate is not None:
            self.gate()
        out[len(X) // 2 :] = self.number_
        return out

    def predict_proba(self, X):
        half = np.full((len(X), len(self.classes_)), 1 / len(self.classes_))
        if self.gate is not None:
            self.gate()
        return half


@pytest.fixture
def numbered(monkeypatch):
    monkeypatch.setattr(Numbered, "fits", 0)
    monkeypatch.setattr(Numbered, "gate", None)
    return Numbered


def held(monkeypatch, numbered, ask):
    """Start ``ask`` in a thread and hold it inside the model; return it, and what lets it go on."""
    inside, goes_on, answers = threading.Event(), threading.Event(), []

    def gate():
        if threading.current_thread() is reader:
            inside.set()
            goes_on.wait()

    reader = threading.Thread(target=lambda: answers.append(ask()))
    monkeypatch.setattr(numbered, "gate", staticmethod(gate))
    reader.start()
    inside.wait()

    def answer():
        goes_on.set()
        reader.join()
        return answers[0]

    return answer


def test_a_prediction_that_a_promotion_overtakes_is_that_of_one_version(monkeypatch, numbered):
    """It begins with version 1, version 2 comes into service, and it ends with version 1."""
    pool, model = ByHand(), ringing(base=Numbered())
    service = BackgroundRetrainer(model, pool)
    answer = held(monkeypatch, numbered, lambda: service.predict(X[:10]))
    feed(service, 350)
    pool.run()
    assert service.wait()
    assert service.predict(X[:4]).tolist() == [2] * 4
    assert answer().tolist() == [1] * 10


def test_columns_of_probabilities_are_those_of_the_version_that_began(monkeypatch, numbered):
    """A class that comes meanwhile is no column of it."""
    y = Y.copy()
    y[300:350:2] = 2
    service = BackgroundRetrainer(ringing(base=Numbered(), policy=FullRefit("all")), Inline())
    answer = held(monkeypatch, numbered, lambda: service.predict_proba(X[:10]))
    service.partial_fit(X[300:350], y[300:350])
    assert service.predict_proba(X[:10]).shape == (10, 3)
    np.testing.assert_array_equal(answer(), np.full((10, 2), 0.5))


def test_predictions_do_not_wait_for_a_call_that_learns(monkeypatch, numbered):
    """Not even while a batch is tested, with the lock held."""
    service = BackgroundRetrainer(ringing(base=Numbered()), ByHand())
    done = held(monkeypatch, numbered, lambda: service.partial_fit(X[300:310], Y[300:310]))
    assert service.predict(X[:4]).tolist() == [1] * 4  # else this would wait for ever
    done()


def test_calls_that_learn_wait_for_each_other(monkeypatch, numbered):
    service = BackgroundRetrainer(ringing((), base=Numbered()), ByHand())
    second = threading.Event()
    done = held(monkeypatch, numbered, lambda: service.partial_fit(X[300:310], Y[300:310]))
    monkeypatch.setattr(numbered, "gate", staticmethod(second.set))
    other = threading.Thread(target=service.partial_fit, args=(X[310:320], Y[310:320]))
    other.start()
    assert not second.wait(0.05)  # a lock that is none lets it in at once
    done()
    other.join()
    assert second.is_set()
    assert service.retrainer.n_samples_seen_ == 320


@pytest.mark.no_cover
def test_no_reader_of_many_sees_a_torn_prediction_or_an_older_version_again(numbered):
    """Sixty promotions, made by a thread, under readers that never pause."""
    model = ringing(range(300, 1500, 5), base=Numbered())
    begun, stop, faults = threading.Barrier(4), threading.Event(), []

    def read():
        last = 0
        begun.wait()
        while not stop.is_set():
            answer = service.predict(X[:10])
            if len(np.unique(answer)) != 1 or answer[0] < last:
                faults.append(answer)
            last = answer[0]

    with ThreadPoolExecutor(1) as pool, BackgroundRetrainer(model, pool) as service:
        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        begun.wait()
        for batch in batches(600, 5, 300):
            service.partial_fit(X[batch], Y[batch])
            service.wait()
        stop.set()
        for reader in readers:
            reader.join()
    assert model.n_refits_ == 60
    assert not faults


# -- real executors --------------------------------------------------------------------------------


def spawning():
    """Return a process that has never seen this one."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


@pytest.mark.no_cover
def test_a_worker_that_is_killed_costs_one_event_and_a_new_process(tmp_path):
    model = ringing(policy=KillsItsWorker(str(tmp_path / "died")))
    with BackgroundRetrainer(model, spawning) as service:
        with pytest.warns(RetrainFailedWarning, match="a worker died"):
            assert waited_after(lambda: feed(service, 350), service)
        feed(service, 400, start=350)
        assert service.wait()
    assert events(model, "action")[1:] == [("failed",), ("retrained",)]
    assert_same_outputs(model.estimator_, GaussianNB().fit(X[:400], Y[:400]), X)


@pytest.mark.slow
def test_loky_is_an_executor_as_any_other():
    from joblib.externals.loky import get_reusable_executor

    model = ringing(policy=KillsNobody())  # a class that only this module knows
    with BackgroundRetrainer(model, partial(get_reusable_executor, max_workers=1)) as service:
        feed(service, 350)
        assert service.wait()
    assert model.n_refits_ == 1


class KillsNobody(FullRefit):
    """A policy of the test's own."""


# -- junk ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"retrainer": MixtureRetrainer([])},
            "must be a DriftAwareRetrainer or a Replay",
        ),
        ({"retrainer": GaussianNB()}, "retrainer must be"),
        ({"executor": None}, "executor must be a concurrent.futures.Executor, or a function"),
        ({"executor": 4}, "executor must be"),
        ({"timeout": 0}, "timeout must be a finite number above 0, a number of seconds"),
        ({"timeout": "5s"}, "timeout must be"),
        ({"max_job_bytes": 0}, "max_job_bytes must be an integer of at least 1, a number of bytes"),
        ({"max_job_bytes": 1e6}, "max_job_bytes must be"),
    ],
)
def test_junk_is_refused_by_name_before_anything_is_learned(params, message):
    model = ringing()
    service = BackgroundRetrainer(**{"retrainer": model, "executor": Inline()} | params)
    with pytest.raises(ValueError, match=message):
        service.partial_fit(X[300:350], Y[300:350])
    assert model.n_samples_seen_ == 300


def test_a_batch_that_is_refused_changes_nothing_and_a_job_goes_on():
    pool, model = ByHand(), ringing()
    service = BackgroundRetrainer(model, pool)
    feed(service, 350)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        service.partial_fit(X[:10], Y[:9])
    assert service.is_retraining
    assert model.n_samples_seen_ == 350
    pool.run()
    assert service.wait()
    assert model.n_refits_ == 1
