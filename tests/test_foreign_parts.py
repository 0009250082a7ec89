"""Parts of somebody else's that raise, answer nonsense or are interrupted, wherever that is."""

import threading

import numpy as np
import pytest
from helpers import Rings, assert_same_outputs, events, feed, stream
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.exceptions import RetrainFailedWarning
from skretrain.gates import BaseGate, Verdict
from skretrain.policies import BasePolicy, Candidate, FullRefit

X, Y = stream(900, drift=450)
RING = 410  # in the batch of rows 400 to 450


class Broken(RuntimeError):
    pass


class TriggerFailsAfterAFit(Rings):
    def after_fit(self, fit, reference, answered):
        if answered:
            raise Broken("after_fit")


class GrowthFails(Rings):
    @property
    def growth_pays(self):
        raise Broken("growth_pays")


class IsDueFails(FullRefit):
    def is_due(self, n_since, n_fitted, n_full):
        raise Broken("is_due")


class WatchCannotBegin(BaseGate):
    watches = True

    def judge(self, trial):
        return Verdict("promote")

    def begin_watch(self):
        raise Broken("begin_watch")


class ForgetsOnce(SlidingWindow):
    def _add(self, parts, n, start):
        if start == 400:
            raise Broken("buffer")
        super()._add(parts, n, start)


LATE = {
    "after_fit": {"detector": TriggerFailsAfterAFit([RING])},
    "growth_pays": {"detector": GrowthFails([RING])},
    "is_due": {"detector": Rings([RING]), "policy": IsDueFails(), "update": None},
    "begin_watch": {"detector": Rings([RING]), "gate": WatchCannotBegin()},
    "buffer": {"detector": Rings([RING]), "buffer": ForgetsOnce()},
}


def model_with(**params):
    params = {"policy": "full_refit", **params}
    return DriftAwareRetrainer(GaussianNB(), **params).fit(X[:300], Y[:300])


@pytest.mark.filterwarnings("ignore::skretrain.exceptions.RetrainFailedWarning")
@pytest.mark.parametrize("name", LATE)
def test_a_part_that_fails_where_nothing_can_be_undone_is_an_event_beside_that_of_the_batch(name):
    """Trap 48: the retrain of the alarm is done all the same, and no row is lost from the count."""
    model = feed(model_with(**LATE[name]), X, Y, 50, 300, 600)
    assert model.n_samples_seen_ == 600
    assert model.n_refits_ >= 1
    failed = [event for event in model.events_ if event.action == "failed"]
    assert failed
    assert all("Broken" in event.reason and "failed: " in event.reason for event in failed)
    assert any(event.action == "retrained" and event.state == "drift" for event in model.events_)
    assert sum(model.events_.counts.values()) == 7 + len(failed)  # the first fit and six batches


@pytest.mark.parametrize("name", LATE)
def test_such_a_failure_is_warned_of_or_raised_as_on_error_says(name):
    model = model_with(**LATE[name])
    with pytest.warns(RetrainFailedWarning, match=f"Broken: {name}"):
        feed(model, X, Y, 50, 300, 550)
    strict = model_with(on_error="raise", **LATE[name])
    with pytest.raises(Broken, match=name):
        feed(strict, X, Y, 50, 300, 550)
    assert strict.n_samples_seen_ in (350, 450, 500)  # seen, though it raised


class Answers(Rings):
    def __init__(self, answer=None):
        super().__init__()
        self.answer = answer

    def update(self, batch):
        return self.answer


@pytest.mark.parametrize(
    "answer", [None, "drift", ("drift", 3), object()], ids=["none", "text", "tuple", "object"]
)
def test_an_answer_that_is_no_signal_is_a_failure_of_the_trigger(answer):
    model = model_with(detector=Answers(answer))
    with pytest.warns(RetrainFailedWarning, match="Answers answered .* must be a Signal"):
        model.partial_fit(X[300:350], Y[300:350])
    assert model.n_samples_seen_ == 350


def test_a_signal_with_nonsense_inside_is_none():
    from skretrain.drift import Signal

    for signal in (
        Signal("drift", "x"),
        Signal("alarm"),
        Signal("drift", 2.5),
        Signal("drift", note=None),
    ):
        model = model_with(detector=Answers(signal))
        with pytest.warns(RetrainFailedWarning, match="must be a Signal"):
            model.partial_fit(X[300:350], Y[300:350])
        assert model.n_refits_ == 0


class Proposes(BasePolicy):
    def __init__(self, what=None):
        self.what = what

    def propose(self, context):
        return self.what


class FewAnswers(GaussianNB):
    def predict(self, X):
        return np.zeros(3)


@pytest.mark.parametrize(
    "what",
    [
        None,
        5,
        GaussianNB().fit(X, Y),
        Candidate(None, "none", 0),
        Candidate(5, "five", 0),
        Candidate(GaussianNB(), "unfitted", 0),
        Candidate(FewAnswers().fit(X, Y), "few", 0),
    ],
    ids=["none", "number", "model", "no model", "five", "unfitted", "few answers"],
)
def test_what_cannot_serve_never_serves(what):
    """A model serves only after it has predicted the newest batch, one answer for each row."""
    model = model_with(detector=Rings([RING]), policy=Proposes(what))
    before = model.estimator_
    feed(model, X, Y, 50, 300, 400)
    before = model.estimator_
    with pytest.warns(RetrainFailedWarning, match="the retrain due to alarm failed"):
        model.partial_fit(X[400:450], Y[400:450])
    assert model.estimator_ is before
    assert model.n_refits_ == 0
    assert events(model, "action")[-1] == ("failed",)


class Says(BaseGate):
    def __init__(self, verdict=None):
        self.verdict = verdict

    def judge(self, trial):
        return self.verdict


@pytest.mark.parametrize("verdict", [None, "promote", Verdict("maybe")], ids=str)
def test_an_answer_that_is_no_verdict_is_a_failure_of_the_gate(verdict):
    model = model_with(detector=Rings([RING]), gate=Says(verdict))
    with pytest.warns(RetrainFailedWarning, match="Says answered .* must be a Verdict"):
        feed(model, X, Y, 50, 300, 450)
    assert model.n_refits_ == 0


# -- interrupts ------------------------------------------------------------------------------------


class Stops:
    """Raise what ends a program when it is asked for the `n`th time."""

    calls = 0
    at = 1
    kind = KeyboardInterrupt

    @classmethod
    def count(cls):
        Stops.calls += 1
        if Stops.calls == Stops.at:
            raise Stops.kind("now")


class StopTrigger(Rings):
    def update(self, batch):
        Stops.count()
        return super().update(batch)


class StopGate(BaseGate):
    def judge(self, trial):
        Stops.count()
        return Verdict("wait")


class StopPolicy(FullRefit):
    def propose(self, context):
        Stops.count()
        return super().propose(context)


class StopUpdate(BasePolicy):
    def propose(self, context):
        Stops.count()
        model = context.learner.continued(context.champion, context.batch)
        return Candidate(model, "mine", 50, from_scratch=False)


INTERRUPTED = {
    "trigger": {"detector": StopTrigger([RING])},
    "gate": {"detector": Rings([RING]), "gate": StopGate()},
    "policy": {"detector": Rings([RING]), "policy": StopPolicy()},
    "update": {"detector": Rings([RING]), "update": StopUpdate()},
}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interrupted_batch_counts_as_seen_and_the_retrainer_goes_on(name, kind):
    """``n_samples_seen_`` tells that it is not to be sent again; the model is as before."""
    Stops.calls, Stops.at, Stops.kind = 0, 1, kind
    model = model_with(**INTERRUPTED[name])
    for start in range(300, 900, 50):
        before = model.predict(X)
        try:
            model.partial_fit(X[start : start + 50], Y[start : start + 50])
        except kind:
            np.testing.assert_array_equal(model.predict(X), before)
        assert model.n_samples_seen_ == len(model.buffer_) == start + 50
    assert Stops.calls >= 1
    assert model.n_alarms_ == 1 if name != "trigger" else model.n_alarms_ <= 1
    if name == "policy":
        assert model.n_refits_ >= 1  # tried again with the next batch


class StopsOnce(GaussianNB):
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        Stops.count()
        return super().partial_fit(X, y, classes, sample_weight)


@pytest.mark.parametrize("budget", [None, 0.5])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.no_cover
def test_an_interrupt_between_members_of_a_mixture_loses_no_batch(at, budget):
    """Trap 47: those behind the interrupted member have the batch still to come."""
    Stops.kind = KeyboardInterrupt
    members = [
        ("a", DriftAwareRetrainer(GaussianNB(), detector=None)),
        ("b", DriftAwareRetrainer(StopsOnce(), detector=None)),
        ("c", DriftAwareRetrainer(GaussianNB(), detector=None)),
    ]
    Stops.calls, Stops.at = 0, -1
    whole = feed(MixtureRetrainer(members, budget=budget).fit(X[:300], Y[:300]), X, Y, 50, 300)
    Stops.calls, Stops.at = 0, at
    mixture = MixtureRetrainer(members, budget=budget).fit(X[:300], Y[:300])
    interrupted = 0
    for start in range(300, 900, 50):
        try:
            mixture.partial_fit(X[start : start + 50], Y[start : start + 50])
        except KeyboardInterrupt:
            interrupted += 1
        assert mixture.n_samples_seen_ == start + 50
        waiting = [sum(len(batch.y) for batch in w) for w in mixture._engine.waiting]
        seen = [member.n_samples_seen_ for member in mixture.estimators_]
        assert [n + w for n, w in zip(seen, waiting, strict=True)] == [start + 50] * 3
    assert interrupted == 1
    if budget is None:  # the others have learned all there was, in the end
        for ours, theirs in zip(mixture.estimators_[::2], whole.estimators_[::2], strict=True):
            np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-8)


# -- readers ---------------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_events_can_be_read_while_another_thread_learns():
    members = [
        (str(k), DriftAwareRetrainer(GaussianNB(), detector=Rings(range(300, 500))))
        for k in range(2)
    ]
    mixture = MixtureRetrainer(members).fit(X[:300], Y[:300])
    failures, done = [], threading.Event()

    def read():
        while not done.is_set():
            try:
                list(mixture.events_)
                mixture.events_.to_records()
                assert mixture.weight_history_.rows[0] == 300
            except Exception as error:
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    feed(mixture, X, Y, 10, 300, 400)
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []


class Slow(GaussianNB):
    """While it learns, it shows itself to a reader."""

    seen = ()

    def fit(self, X, y, sample_weight=None):
        for look in Slow.seen:
            look()
        return super().fit(X, y, sample_weight)


@pytest.mark.filterwarnings("ignore::skretrain.exceptions.ClassesGrewWarning")
def test_a_reader_sees_the_old_model_with_the_old_columns_or_the_new_with_the_new():
    model = DriftAwareRetrainer(Slow(), detector=None, policy="full_refit").fit(X[:300], Y[:300])
    shapes = []
    Slow.seen = [lambda: shapes.append((model.predict_proba(X[:2]).shape[1], len(model.classes_)))]
    y = Y[300:350].copy()
    y[::5] = 2
    model.partial_fit(X[300:350], y)
    Slow.seen = ()
    assert shapes == [(2, 2)]
    assert model.predict_proba(X[:2]).shape == (2, 3)
    refits = DriftAwareRetrainer(LogisticRegression(), detector=None, policy="full_refit").fit(
        X[:300], Y[:300]
    )
    assert_same_outputs(refits, LogisticRegression().fit(X[:300], Y[:300]), X)
    refits.partial_fit(X[300:350], y)
    assert refits.estimator_.classes_.tolist() == refits.classes_.tolist() == [0, 1, 2]


class Sees(BaseGate):
    def judge(self, trial):
        self.seen_ = [*getattr(self, "seen_", []), (len(trial.y), trial.unseen)]
        return Verdict("promote")


class FailsFirst(FullRefit):
    def propose(self, context):
        if context.batch.index[0] == 400:
            raise Broken("not yet")
        return super().propose(context)


def test_rows_of_weight_zero_are_no_evidence_at_the_making_of_a_challenger_either():
    """A retrain that is tried again on such a batch waits for rows that count."""
    model = model_with(detector=Rings([RING]), gate=Sees(), policy=FailsFirst())
    with pytest.warns(RetrainFailedWarning, match="not yet"):
        feed(model, X, Y, 50, 300, 450)
    model.partial_fit(X[450:500], Y[450:500], sample_weight=np.zeros(50))
    assert (model.n_refits_, model.events_[-1].action) == (0, "pending")
    model.partial_fit(X[500:550], Y[500:550])
    assert model.n_refits_ == 1
    assert model._cycle.state.parts.gate.seen_ == [(50, True)]


def test_an_interrupt_after_the_rows_were_remembered_counts_them_once(monkeypatch):
    model = model_with(detector=Rings([RING]))
    log = model._cycle.state.log
    monkeypatch.setattr(log, "add", lambda event: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X[300:350], Y[300:350])
    assert model.n_samples_seen_ == len(model.buffer_) == 350
