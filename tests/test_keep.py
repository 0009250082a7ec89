"""A policy that would rather keep the serving model: what is logged, counted, and told."""

import numpy as np
import pytest
from helpers import Rings, WaitGate, events, feed, fingerprint, state_of, stream
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.drift import BaseTrigger, RefitDebt, Signal
from skretrain.exceptions import ClassesGrewWarning
from skretrain.gates import BaseGate, Verdict
from skretrain.policies import BasePolicy, Candidate, FullRefit, KeepOrRefit

X, Y = stream(2000, n_features=20)
# From row 1,000 on, a quarter of the labels is wrong: the present model is as good as one can be,
# and better than any that is fitted on few of these rows.
NOISY = np.where(
    (np.arange(2000) >= 1000) & (np.random.default_rng(0).random(2000) < 0.25), 1 - Y, Y
)


class Counts(LogisticRegression):
    """Adds up the rows of all of its fits."""

    n_rows = 0

    def fit(self, X, y, sample_weight=None):
        Counts.n_rows += len(y)
        return super().fit(X, y, sample_weight)


class Keeps(BasePolicy):
    """Keep the serving model on all calls but those given, counted from 1: then refit."""

    def __init__(self, refits=(), grow=False):
        self.refits = refits
        self.grow = grow

    def is_due(self, n_since, n_fitted, n_full):
        return FullRefit(grow=self.grow).is_due(n_since, n_fitted, n_full)

    def propose(self, context):
        self.n_calls_ = getattr(self, "n_calls_", 0) + 1
        if self.n_calls_ in self.refits:
            return FullRefit("all").propose(context)
        evidence = {"calls": self.n_calls_}
        return Candidate.kept(note="as good as any", n_rows_compared=70, evidence=evidence)


def kept(policy, rows=(750,), y=Y, stop=1000, **params):
    settings = {"detector": Rings(rows), "update": None, **params}
    model = DriftAwareRetrainer(LogisticRegression(), policy=policy, **settings)
    model.fit(X[:500], y[:500])
    return feed(model, X, y, 100, 500, stop)


def test_a_keep_is_no_refit_and_leaves_the_very_same_model():
    """One event ``kept`` with the reasons and numbers; no version, no refit, nothing changed."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([750]), policy=Keeps(), update=None
    ).fit(X[:500], Y[:500])
    first, state = model.estimator_, fingerprint(model.estimator_)
    feed(model, X, Y, 100, 500, 1000)
    assert model.estimator_ is first
    assert fingerprint(first) == state
    event = model.events_[-1]
    assert (event.action, event.state, event.row, event.since) == ("kept", "drift", 800, 750)
    assert (event.kind, event.version, event.n_rows_fitted) == ("keep", 1, 0)
    assert event.reason == "alarm; as good as any"
    assert event.evidence == {"calls": 1}
    assert (model.n_refits_, model.n_alarms_) == (0, 1)
    assert model.events_.counts["retrained"] == 1  # the first fit
    assert model.challenger_ is None


def test_what_the_comparison_took_is_counted():
    """Rows of trial fits, and their seconds, though no row was fitted for what serves."""
    Counts.n_rows = 0
    model = DriftAwareRetrainer(
        Counts(),
        detector=Rings([1000]),
        policy=KeepOrRefit(["since_drift", 600], min_rows=30, grow=False),
        update=None,
    ).fit(X[:500], Y[:500])
    feed(model, X, NOISY, 100, 500, 1100)
    event, totals = model.events_[-1], model.events_.totals
    assert (event.action, event.n_rows_fitted) == ("kept", 0)
    assert totals["rows_fitted"] == Counts.n_rows > 500
    assert event.cpu_seconds > 0
    assert totals["cpu_seconds"] == model.events_[0].cpu_seconds + event.cpu_seconds


def test_the_trigger_that_rang_is_told_and_no_other():
    """It hears of an answer, at the price of the comparison; a keep on growth is no news."""
    trigger = kept(Keeps(grow=True), rows=[750], stop=1200).detector_
    (_, first), (fit, answered) = trigger.fits_
    assert (first, answered) == (False, True)
    assert (fit.kind, fit.row, fit.since, fit.n_rows) == ("keep", 800, 750, 70)
    assert trigger.n_resets_ == 2


class RingsUntilTold(BaseTrigger):
    """Ring on every batch that loses 0.15 more than the first one after a restart."""

    def reset(self):
        self.expected_ = None
        return self

    def update(self, batch):
        if self.expected_ is None:
            self.expected_ = batch.loss.mean()
        worse = batch.loss.mean() > self.expected_ + 0.15
        return Signal("drift", batch.start) if worse else Signal("stable")


@pytest.mark.parametrize(
    "detector",
    ["adwin", RefitDebt(), RingsUntilTold()],
    ids=["adwin", "RefitDebt", "RingsUntilTold"],
)
def test_a_loss_that_stays_high_does_not_ring_on_every_batch(detector):
    """The rise of the loss at row 1,000 is found, answered by a keep, and not found again."""
    policy = KeepOrRefit([50], grow=False)
    model = kept(policy, y=NOISY, stop=2000, detector=detector, random_state=0)
    alarms = [(event.state, event.action) for event in model.events_ if event.state == "drift"]
    assert alarms == [("drift", "kept")]


def test_growth_asks_again_when_the_rows_of_the_new_concept_have_doubled():
    """Since the located change, of which there were 50 at the alarm; not on every batch."""
    model = kept(Keeps(grow=True), rows=[750], stop=2000)
    assert events(model, "reason", "row")[1:] == [
        ("alarm; as good as any", 800),
        ("growth; as good as any", 900),
        ("growth; as good as any", 1100),
        ("growth; as good as any", 1500),
    ]
    assert model.events_.counts["kept"] == 15
    assert model.n_refits_ == 0


def test_after_a_keep_a_model_that_learns_is_refitted_as_the_rows_grow():
    """As after any answer to an alarm: before the first, growth leaves it alone."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([750]), policy=Keeps([2], grow=True))
    feed(model.fit(X[:500], Y[:500]), X, Y, 100, 500, 1000)
    assert events(model, "action", "row")[1:] == [("kept", 800), ("retrained", 900)]


class Watches(BaseGate):
    """Decide on the given number of unseen batches; keeps the ages of all trials."""

    def __init__(self, n_batches, decision="promote"):
        self.n_batches = n_batches
        self.decision = decision

    def judge(self, trial):
        if not trial.unseen:
            self.ages_ = []
            return Verdict("wait")
        self.ages_.append(trial.age)
        if len(self.ages_) < self.n_batches:
            return Verdict("wait", "", {"ages": self.ages_[:]})
        return Verdict(self.decision, "decided", {"ages": self.ages_[:]})


def test_a_challenger_that_waits_is_judged_on_the_batch_of_a_keep_too():
    """Leaving out the batches that ring would choose the evidence; here it still waits."""
    model = kept(Keeps(refits=[1]), rows=[650, 850], stop=1000, gate=Watches(3))
    assert events(model, "action", "row", "reason")[1:] == [
        ("pending", 700, "alarm"),
        ("kept", 900, "alarm; as good as any"),
        ("retrained", 1000, "alarm; decided"),
    ]
    assert model.events_[2].evidence == {"calls": 2, "ages": [100, 200]}
    assert model.events_[3].evidence == {"ages": [100, 200, 300]}
    assert model.n_refits_ == 1


@pytest.mark.parametrize(("decision", "action"), [("promote", "retrained"), ("reject", "rejected")])
def test_a_verdict_in_the_call_of_a_keep_is_carried_out(decision, action):
    """The event is that of the verdict, with the numbers of both."""
    model = kept(Keeps(refits=[1]), rows=[650, 850], stop=900, gate=Watches(2, decision))
    assert events(model, "action", "row")[1:] == [("pending", 700), (action, 900)]
    assert model.events_[-1].evidence == {"calls": 2, "ages": [100, 200]}
    assert model.challenger_ is None
    assert model.n_refits_ == (decision == "promote")


def test_a_batch_of_weight_zero_is_no_evidence_on_a_challenger_that_waits():
    model = kept(Keeps(refits=[1]), rows=[650, 750], stop=700, gate=Watches(2))
    rows = slice(700, 800)
    model.partial_fit(X[rows], Y[rows], sample_weight=np.zeros(100))
    assert events(model, "action", "row")[1:] == [("pending", 700), ("kept", 800)]
    assert state_of(model).parts.gate.ages_ == []


def test_a_failing_gate_leaves_the_keep_to_be_tried_again():
    """The challenger that waits is still there; nothing was kept or told."""

    class FailsOnce(Watches):
        def judge(self, trial):
            if trial.unseen and not hasattr(self, "failed_"):
                self.failed_ = True
                raise RuntimeError("no verdict")
            return super().judge(trial)

    with pytest.warns(match="no verdict"):
        model = kept(Keeps(refits=[1]), rows=[650, 750], stop=900, gate=FailsOnce(5))
    assert events(model, "action", "row")[1:] == [
        ("pending", 700),
        ("failed", 800),
        ("kept", 900),
    ]
    assert model.challenger_ is not None
    assert len(model.detector_.fits_) == 2


def test_a_keep_in_an_update_is_no_update():
    """A comparison as ``update``: where it keeps the model, the batch counts as kept."""
    policy = KeepOrRefit([50])
    model = DriftAwareRetrainer(LogisticRegression(), detector=None, update=policy)
    model.fit(X[:500], Y[:500])
    first = model.estimator_
    feed(model, X, NOISY, 100, 500, 600)
    assert model.estimator_ is first
    event = model.events_[-1]
    assert (event.action, event.kind, event.n_rows_fitted) == ("kept", "keep", 0)
    assert event.evidence["comparison"]["taken"] == "keep"
    assert (model.events_.counts["kept"], model.events_.counts["updated"]) == (1, 0)


@pytest.mark.parametrize("n_new", [1, 30])
def test_a_model_that_lacks_a_class_of_the_batch_is_not_kept(n_new):
    """Else the comparison would be made on every batch with that class, and end alike."""
    y = NOISY.copy()
    y[500 : 500 + n_new] = 2
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=None, policy=KeepOrRefit(["all"], grow=False)
    ).fit(X[:500], y[:500])
    with pytest.warns(ClassesGrewWarning):
        feed(model, X, y, 100, 500, 600)
    feed(model, X, y, 100, 600, 800)
    ((action, reason),) = events(model, "action", "reason")[1:]
    assert (action, reason.split(";")[0]) == ("retrained", "new classes [2]")
    assert set(model.events_[-1].evidence["comparison"]["losses"]) == {"all"}
    assert model.estimator_.classes_.tolist() == [0, 1, 2]


def test_a_waiting_gate_never_sees_a_keep():
    """There is nothing to compare."""
    model = kept(Keeps(), gate=WaitGate(2))
    assert state_of(model).parts.gate.trials_ == []


def test_a_label_of_weight_zero_is_no_class_that_the_model_lacks():
    """It is learned by nobody, so that it does not stand in the way of keeping the model."""
    policy = KeepOrRefit([50], grow=False)
    model = kept(policy, rows=[750], y=NOISY, stop=700)
    y, weight = Y[700:850].copy(), np.ones(150)
    y[:5], weight[:5] = 2, 0
    model.partial_fit(X[700:850], y, sample_weight=weight)
    assert model.events_[-1].evidence["comparison"]["taken"] == "keep"


class Numbers(DecisionTreeClassifier):
    """Notes which rows each fit has, by the last column, and how often."""

    seen = []

    def fit(self, X, y, sample_weight=None):
        self.seen.append(np.unique(X[:, -1], return_counts=True)[1].max())
        return super().fit(X, y, sample_weight)


@pytest.mark.no_cover
@pytest.mark.parametrize("update", ["full_refit", FullRefit("all", grow=False)])
def test_a_kept_model_that_catches_up_learns_its_batch_once(update):
    """The buffer has the batch by then, and a window is memory and batch."""
    Numbers.seen = []
    rows = np.column_stack([X[:1000], np.arange(1000)])
    model = DriftAwareRetrainer(
        Numbers(max_depth=2),
        policy=Keeps(),
        update=update,
        detector=Rings([300, 500, 700]),
    )
    feed(model, rows, Y[:1000], 50, 0, 1000)
    assert [event.action for event in model.events_ if event.state == "drift"] == ["kept"] * 3
    assert max(Numbers.seen) == 1
