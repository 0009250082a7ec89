"""Labels that are new or rare, and alarms that only say that it is time: what each may set off."""

import pickle

import numpy as np
import pytest
from helpers import Rings, WaitGate, batches, events, feed, representatives, stream
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain._retrainer._jobs import run
from skretrain._retrainer._labels import Labels
from skretrain.drift import (
    AtLeast,
    BaseTrigger,
    ErrorDrift,
    Periodic,
    RefitDebt,
    RiskMonitor,
    Signal,
)
from skretrain.gates import AlwaysPromote
from skretrain.policies import FullRefit, KeepOrRefit

pytestmark = pytest.mark.filterwarnings("ignore::skretrain.exceptions.ClassesGrewWarning")

# -- losses on a class that is new -----------------------------------------------------------------

NAMES = {"numbers": np.array([0, 1, 2, 3]), "text": np.array(["a", "b", "c", "a new one"])}


def with_new(n, every, label=2, *, begin=100, seed=0):
    """Return a stream of two classes with a third on each `every`-th row from row `begin` on."""
    X, y = stream(n, seed=seed)
    y[begin::every] = label
    return X, y


def shown_to(model):
    """Return the losses and labels that the trigger of a model has been shown, row by row."""
    seen = model.detector_.seen_
    return np.concatenate([b.loss for b in seen]), np.concatenate([b.y for b in seen])


def retrainer(base=None, **params):
    settings = {"detector": Rings(), "policy": FullRefit(grow=False)} | params
    return DriftAwareRetrainer(GaussianNB() if base is None else base, **settings)


@pytest.mark.parametrize("update", ["auto", None])
@pytest.mark.parametrize("kind", NAMES)
def test_losses_on_a_new_class_do_not_reach_the_trigger_for_thirty_of_its_rows(kind, update):
    """Five rows in each batch of 20: left out in six batches, and counted from then on."""
    X, y = with_new(400, 4)
    y = NAMES[kind][y]
    model = feed(retrainer(update=update).fit(X[:100], y[:100]), X, y, 20, 100)
    loss, labels = shown_to(model)
    np.testing.assert_array_equal(labels, y[100:])
    is_new = y[100:] == NAMES[kind][2]
    np.testing.assert_array_equal(np.isnan(loss), is_new & (np.arange(300) < 6 * 20))
    assert is_new.reshape(-1, 20).sum(axis=1).tolist() == [5] * 15


def test_all_other_losses_are_those_of_what_was_served():
    """The rows of a new class are the only ones that are left out."""
    X, y = with_new(300, 4)
    model, expected = retrainer().fit(X[:100], y[:100]), []
    for batch in batches(300, 20, 100):
        expected.append(model.predict(X[batch]) != y[batch])
        model.partial_fit(X[batch], y[batch])
    loss, labels = shown_to(model)
    known = labels < 2
    np.testing.assert_array_equal(loss[known], np.concatenate(expected)[known])
    assert not np.isnan(loss[known]).any()


def test_a_batch_that_brings_the_class_is_left_out_as_a_whole():
    """The model had no time to learn any of its rows, however many there are."""
    X, y = with_new(500, 2, begin=200)
    model = feed(retrainer().fit(X[:200], y[:200]), X, y, 150, 200)
    first, second = (batch.loss for batch in model.detector_.seen_)
    np.testing.assert_array_equal(np.isnan(first), y[200:350] == 2)
    assert not np.isnan(second).any()


def test_each_class_has_thirty_rows_of_its_own():
    """One that comes 60 rows later is left out 60 rows longer; a row of one counts for no other."""
    X, y = stream(700)
    y[100::3] = 2
    y[160::3][(np.arange(len(y[160::3])) % 2) == 0] = 3
    model = feed(retrainer().fit(X[:100], y[:100]), X, y, 30, 100)
    for label in (2, 3):
        seen = 0
        for batch in model.detector_.seen_:
            own = batch.y == label
            assert (
                np.isnan(batch.loss[own]).all()
                if seen < 30
                else not np.isnan(batch.loss[own]).any()
            )
            seen += own.sum()
        assert seen > 60


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("base", [SGDClassifier(random_state=0), LogisticRegression()])
@pytest.mark.no_cover
def test_a_class_that_was_only_declared_is_new_when_it_comes(base, kind, n_classes):
    """The first model has seen none of its rows: its losses say nothing against what it knows."""
    X, y = with_new(300, 4)
    y, classes = NAMES[kind][y], NAMES[kind][:n_classes]
    model = retrainer(base).partial_fit(X[:100], y[:100], classes=classes)
    feed(model, X, y, 20, 100)
    loss, labels = shown_to(model)
    is_new = labels == NAMES[kind][2]
    np.testing.assert_array_equal(np.isnan(loss), is_new & (np.arange(200) < 6 * 20))


def test_of_a_fit_that_streams_so_is_a_class_that_the_first_batch_lacks():
    X, y = with_new(400, 4)
    model = retrainer(batch_size=20, initial_size=100).fit(X, y)
    loss, labels = shown_to(model)
    np.testing.assert_array_equal(np.isnan(loss), (labels == 2) & (np.arange(300) < 6 * 20))


def test_a_class_of_the_first_fit_is_not_new():
    """Be it of one row."""
    X, y = with_new(300, 4)
    y[50] = 2
    model = feed(retrainer().fit(X[:100], y[:100]), X, y, 20, 100)
    assert not np.isnan(shown_to(model)[0]).any()


def test_rows_of_weight_zero_teach_no_class():
    """They are none of the thirty rows, and of a first fit they make no class known."""
    X, y = with_new(500, 4)
    y[:5], weight = 2, np.ones(500)
    weight[(y == 2) & (np.arange(500) < 300)] = 0
    model = retrainer(LogisticRegression(), update=None)
    model.partial_fit(X[:100], y[:100], sample_weight=weight[:100], classes=[0, 1, 2])
    for batch in batches(500, 20, 100):
        model.partial_fit(X[batch], y[batch], sample_weight=weight[batch])
    loss, labels = shown_to(model)
    expected = (labels == 2) & (np.arange(400) < 200 + 6 * 20)
    np.testing.assert_array_equal(np.isnan(loss), expected)


def test_a_class_that_comes_with_rows_that_cannot_be_read_is_new_as_well():
    """The model that is fitted at once to read them knows no more than a few rows of the class."""
    rng = np.random.default_rng(0)
    X = np.array(["a", "b"], dtype=object)[rng.integers(0, 2, (400, 2))]
    y = (X[:, 0] == "a").astype(int)
    X[100:120, 1], y[100::4] = "c", 2
    base = make_pipeline(OneHotEncoder(), LogisticRegression())
    model = feed(retrainer(base, update=None).fit(X[:100], y[:100]), X, y, 20, 100)
    assert events(model, "reason")[1][0].startswith("rows that the model could not read")
    loss, labels = shown_to(model)  # not those of the first batch
    np.testing.assert_array_equal(np.isnan(loss), (labels == 2) & (np.arange(280) < 6 * 20))


def test_a_pickle_goes_on_counting():
    """In the middle of the 30 rows."""
    X, y = with_new(400, 4)
    model = feed(retrainer().fit(X[:100], y[:100]), X, y, 20, 100, 160)
    model = feed(pickle.loads(pickle.dumps(model)), X, y, 20, 160)
    loss, labels = shown_to(model)
    np.testing.assert_array_equal(np.isnan(loss), (labels == 2) & (np.arange(300) < 6 * 20))
    again = feed(model.fit(X[:100], y[:100]), X, y, 20, 100, 120)
    assert np.isnan(again.detector_.seen_[-1].loss).sum() == 5  # a fit begins anew


@pytest.mark.parametrize("loss", ["auto", "log_loss"])
def test_a_trigger_that_computes_losses_itself_leaves_them_out_too(loss):
    """The losses that it remembers are those of the rows that count."""
    X, y = with_new(300, 4)
    detector = ErrorDrift(loss=loss)
    model = feed(retrainer(detector=detector).fit(X[:100], y[:100]), X, y, 20, 100, 220)
    assert len(model.detector_._memory.losses) == 120 - 30
    feed(model, X, y, 20, 220)
    assert len(model.detector_._memory.losses) == 200 - 30


@pytest.mark.parametrize(
    "detector",
    [
        "adwin",
        ErrorDrift(loss="log_loss"),
        ErrorDrift(loss="log_loss", rows_of_class="each"),
        RiskMonitor(),
        RefitDebt(),
    ],
    ids=["adwin", "log_loss", "each", "RiskMonitor", "RefitDebt"],
)
@pytest.mark.parametrize("few", [0, 10])
@pytest.mark.no_cover
def test_every_trigger_bears_batches_of_nothing_but_a_new_class(detector, few):
    """Also beside a class that is rare and watched apart: nothing fails, nothing rings."""
    X, y = stream(600)
    y[: 2 * few : 2] = 7
    y[200:300] = 2
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=detector, policy=FullRefit("all", grow=False), update=None
    ).fit(X[:200], y[:200])
    feed(model, X, y, 10, 200, 230)
    assert model.events_.counts["failed"] == 0
    assert model.n_alarms_ == 0
    feed(model, X, y, 50, 300)
    assert model.events_.counts["failed"] == 0


def test_rows_without_a_class_are_left_as_they_are():
    """Regressors, several outputs and clusters have no new classes."""
    X, y = stream(300)
    for base, targets in (
        (LinearRegression(), np.arange(300.0)),
        (MultiOutputClassifier(GaussianNB()), np.c_[y, np.arange(300) // 10 * (y > 0)]),
        (KMeans(2, n_init=1, random_state=0), None),
    ):
        model = retrainer(base, update=None)
        first = (X[:100],) if targets is None else (X[:100], targets[:100])
        model.fit(*first)
        for batch in batches(300, 50, 100):
            model.partial_fit(X[batch], None if targets is None else targets[batch])
        assert not np.isnan(np.concatenate([b.loss for b in model.detector_.seen_])).any()


def one_by_one(n_classes=6, n_each=300, seed=0):
    """Return rows of as many clouds, which come one after the other, along with all before."""
    rng = np.random.default_rng(seed)
    n = n_classes * n_each
    newest = np.arange(n) // n_each + 1
    y = np.where(rng.random(n) < 0.4, newest, rng.integers(0, newest + 1))
    centres = rng.normal(size=(n_classes + 1, 8))
    return centres[y] + rng.normal(size=(n, 8)) / 5, y


def fed_one_by_one(detector, seed, base=None, policy="keep_or_refit"):
    """Return the model at the end, and what it predicted batch by batch."""
    X, y = one_by_one(seed=seed)
    base = SGDClassifier(random_state=0) if base is None else base
    model = DriftAwareRetrainer(base, detector=detector, policy=policy, random_state=0)
    predicted = []
    for batch in batches(len(y), 50):
        if batch.start:
            predicted.append(model.predict(X[batch]))
        model.partial_fit(X[batch], y[batch])
    return model, np.concatenate(predicted)


@pytest.mark.parametrize("seed", representatives(range(3), fast=[0]))
@pytest.mark.no_cover
def test_a_stream_whose_classes_come_one_by_one_rings_no_alarm(seed, monkeypatch):
    """It is served as well as by plain updates; with the losses on new classes it would ring."""
    watched, mine = fed_one_by_one("adwin", seed)
    _, plain = fed_one_by_one(None, seed)
    assert watched.n_alarms_ == 0
    y = one_by_one(seed=seed)[1][50:]
    assert (mine == y).mean() >= (plain == y).mean() - 0.005
    _, unasked = fed_one_by_one("adwin", seed, policy=KeepOrRefit(grow=False))
    np.testing.assert_array_equal(unasked, plain)
    monkeypatch.setattr(Labels, "without_young", lambda self, scored, unseen: scored)
    assert fed_one_by_one("adwin", seed)[0].n_alarms_ > 0


# -- rare classes ----------------------------------------------------------------------------------


def rare_stream(n, *, drift=None, share=0.02, seed=0):
    """Return a stream with a rare class, which looks like all others from row `drift` on.

    The others are two classes, of which one label in seven is wrong.
    """
    rng = np.random.default_rng(seed)
    is_rare = rng.random(n) < share
    X = rng.normal(size=(n, 3))
    y = np.where((X[:, 1] > 0) ^ (rng.random(n) < 1 / 7), "bad", "fine").astype(object)
    X[is_rare & (np.arange(n) < (n if drift is None else drift)), 0] += 5
    y[is_rare] = "fraud"
    return X, y.astype(str)


def first_fit_of(model):
    return model.events_[0].reason


@pytest.mark.parametrize(
    ("base", "loss", "needs"),
    [
        (LogisticRegression(), "log_loss", {"classes", "loss", "y_proba"}),
        (LinearSVC(), "auto", {"classes", "loss"}),
    ],
)
@pytest.mark.parametrize("params", [{}, {"detector": "adwin"}])
def test_a_rare_class_of_the_first_fit_is_watched_apart(base, loss, needs, params):
    """By its log loss where there are probabilities; the event says which class it is."""
    X, y = rare_stream(2000)
    model = DriftAwareRetrainer(base, random_state=7, update=None, **params).fit(X[:1000], y[:1000])
    assert isinstance(model.detector_, AtLeast)
    plain, rare = model.detector_.triggers_
    assert (plain.rows_of_class, rare.rows_of_class) == (None, ["fraud"])
    assert (rare.loss, rare.random_state) == (loss, plain.random_state)
    assert model.detector_.needs == needs
    assert first_fit_of(model) == "first fit; rare classes are watched apart: fraud"
    feed(model, X, y, 250, 1000)
    n_rare = int((y[1000:] == "fraud").sum())
    assert [len(t.memory.losses) for t in rare._watches.values()] == [n_rare]
    assert len(plain._memory.losses) == 1000
    assert model.events_.counts["failed"] == 0


@pytest.mark.parametrize("seed", range(2))
def test_a_drift_of_the_rare_class_alone_rings(seed):
    """It is not to be seen in the losses of all rows, and there is no alarm before it."""
    X, y = rare_stream(12_000, drift=6000, seed=seed)
    alarms = {}
    for name, detector in (("default", "adwin"), ("all rows", ErrorDrift())):
        model = DriftAwareRetrainer(
            LogisticRegression(), detector=detector, update=None, policy=FullRefit(grow=False)
        ).fit(X[:1000], y[:1000])
        feed(model, X, y, 500, 1000)
        alarms[name] = [(e.row, e.since) for e in model.events_ if e.state == "drift"]
    assert alarms["all rows"] == []
    row, since = alarms["default"][0]
    assert 6000 < row <= 10_000
    assert abs(since - 6000) <= 500


@pytest.mark.parametrize("detector", [ErrorDrift(), Periodic(500), [ErrorDrift()], None])
def test_whoever_chose_a_detector_gets_this_one_alone(detector):
    X, y = rare_stream(1500)
    model = DriftAwareRetrainer(LogisticRegression(), detector=detector, update=None)
    feed(model.fit(X[:1000], y[:1000]), X, y, 250, 1000)
    assert first_fit_of(model) == "first fit"
    if isinstance(detector, list):
        assert len(model.detector_.triggers_) == 1
    else:
        assert type(model.detector_) is type(detector)


def test_nothing_is_added_where_no_class_is_rare_or_there_are_none():
    """Classes alike, a regressor, and several outputs, one of them with a rare class."""
    X, y = rare_stream(1000)
    value = (y == "fraud") * 1.0
    for base, targets in (
        (LogisticRegression(), X[:, 1] > 0),
        (LinearRegression(), value),
        (MultiOutputClassifier(GaussianNB()), np.c_[value, value].astype(int)),
        (DecisionTreeClassifier(), np.c_[value, value].astype(int)),
        (KMeans(2, n_init=1), None),
    ):
        model = DriftAwareRetrainer(base, update=None).fit(X, targets)
        assert type(model.detector_) is ErrorDrift
        assert first_fit_of(model) == "first fit"


@pytest.mark.parametrize(
    ("n_rare", "named"),
    [(1, "100"), (5, "100, 101, 102, 103, 104"), (6, "100, 101, 102, 103, 104, ...")],
)
def test_five_rare_classes_are_named_and_more_are_hinted_at(n_rare, named):
    """The rarest first; all of them are watched."""
    y = np.arange(2000) % 2
    for number in range(n_rare):
        y[: 2 * (number + 1) * 5 : 2][-5:] = 0  # no row of another
        start = 200 * (number + 1)
        y[start : start + 5 + number] = 100 + number
    X = np.random.default_rng(0).normal(size=(2000, 3))
    model = DriftAwareRetrainer(GaussianNB()).fit(X, y)
    assert first_fit_of(model) == f"first fit; rare classes are watched apart: {named}"
    assert model.detector_.triggers_[1].rows_of_class == [100 + one for one in range(n_rare)]


def test_rows_that_do_not_count_make_no_class_rare_or_frequent():
    """Those of weight zero, and -1 where it says that there is no label."""
    X, y = rare_stream(1000, share=0.2)
    weight = np.ones(1000)
    weight[np.flatnonzero(y == "fraud")[20:]] = 0
    model = DriftAwareRetrainer(LogisticRegression(), update=None)
    assert first_fit_of(model.fit(X, y)) == "first fit"
    assert first_fit_of(model.fit(X, y, sample_weight=weight)).endswith("apart: fraud")
    base = SelfTrainingClassifier(LogisticRegression())
    labels = np.where(np.arange(1000) < 40, -1, X[:, 1] > 0)
    assert first_fit_of(DriftAwareRetrainer(base, update=None).fit(X, labels)) == "first fit"


def test_the_rows_that_were_collected_for_a_first_fit_tell_what_is_rare():
    """And a new ``fit`` looks again."""
    X, y = rare_stream(1000)
    model = DriftAwareRetrainer(LogisticRegression(), update=None, initial_size=600)
    feed(model, X, y, 200)
    (event,) = [event for event in model.events_ if event.reason.startswith("first fit")]
    assert (event.row, event.reason[-12:]) == (600, "apart: fraud")
    model.fit(X, X[:, 1] > 0)
    assert type(model.detector_) is ErrorDrift


# -- alarms that only say that it is time ----------------------------------------------------------

X, Y = stream(1500)


def waiting(detector, gate, stop=900):
    model = DriftAwareRetrainer(
        GaussianNB(), detector=detector, policy=FullRefit("all", grow=False), gate=gate, update=None
    ).fit(X[:300], Y[:300])
    return feed(model, X, Y, 100, 300, stop)


def test_an_alarm_of_a_schedule_does_not_supersede_a_challenger_that_waits():
    """The gate has its time: the evidence that it has collected is not thrown away."""
    model = waiting(Periodic(100), WaitGate(3))
    assert events(model, "action", "row", "state")[1:] == [
        ("pending", 400, "drift"),
        ("kept", 500, "drift"),
        ("kept", 600, "drift"),
        ("retrained", 700, "drift"),
        ("pending", 800, "drift"),
        ("kept", 900, "drift"),
    ]
    assert model.events_[4].evidence == {"judged": 4}


@pytest.mark.parametrize(
    "detector",
    [Rings([350, 450, 550]), [Periodic(100), Rings([350, 450, 550])]],
    ids=["losses", "both"],
)
def test_an_alarm_of_losses_supersedes_a_challenger_that_waits(detector):
    """It says that what the challenger was fitted on is no longer true."""
    model = waiting(detector, WaitGate(3), stop=600)
    assert events(model, "action", "row")[1:] == [
        ("pending", 400),
        ("superseded", 500),
        ("superseded", 600),
    ]


def jobs_of(detector, n_batches=3):
    """Return the model and the jobs of its first batches, none of which is accepted."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=detector, policy=FullRefit("all", grow=False), update=None
    ).fit(X[:300], Y[:300])
    jobs = [
        model._prepare(model._examine(X[batch], Y[batch], None, {}))
        for batch in batches(300 + 100 * n_batches, 100, 300)
    ]
    return model, jobs


def test_an_alarm_of_a_schedule_does_not_supersede_a_job_that_is_out():
    """It would come too late for ever, if it takes longer than the schedule; the next one rings."""
    model, (job, *others) = jobs_of(Periodic(100))
    assert others == [None, None]
    model._accept(run(job))
    assert model.n_refits_ == 1
    assert events(model, "action")[-1] == ("retrained",)
    assert model._prepare(model._examine(X[600:700], Y[600:700], None, {})) is not None


def test_an_alarm_of_losses_supersedes_a_job_that_is_out():
    model, jobs = jobs_of(Rings([350, 450, 550]))
    assert None not in jobs
    assert [row for action, row in events(model, "action", "row") if action == "superseded"] == [
        400,
        500,
    ]
    model._accept(run(jobs[0]))
    assert model.n_refits_ == 0
    model._accept(run(jobs[-1]))
    assert model.n_refits_ == 1


def test_a_schedule_alone_is_retrained_on_every_time_it_rings():
    """Where nothing waits and nothing is out, it is an alarm like any other."""
    model = waiting(Periodic(200), AlwaysPromote())
    assert events(model, "action", "row")[1:] == [("retrained", row) for row in (500, 700, 900)]


def test_a_base_whose_probabilities_fail_is_watched_by_its_errors():
    """Nobody asked for them: it is to serve and learn as it did before."""

    class Raises(GaussianNB):
        def predict_proba(self, X):
            raise NotImplementedError("not here")

    X, y = rare_stream(1500)
    model = DriftAwareRetrainer(Raises(), policy="full_refit", update=None)
    model.fit(X[:1000], y[:1000])
    assert model.detector_.triggers_[1].loss == "auto"
    assert model.detector_.needs == {"classes", "loss"}


def test_what_a_schedule_asked_for_in_vain_is_made_after_the_verdict():
    """A challenger on trial has its time, and the retrain that was due is not forgotten."""
    model = waiting(Rings([350]), WaitGate(3))
    assert [row for action, row in events(model, "action", "row") if action == "pending"] == [400]
    late = waiting(_At({400: False, 500: True}), WaitGate(3), stop=1100)
    assert events(late, "action", "row", "state")[1:5] == [
        ("pending", 400, "drift"),
        ("kept", 500, "drift"),
        ("retrained", 700, "stable"),
        ("pending", 800, "stable"),
    ]


class _At(BaseTrigger):
    """Ring after these rows, on schedule or not."""

    needs = frozenset()

    def __init__(self, rows):
        self.rows = rows

    def reset(self):
        return self

    def update(self, batch):
        end = batch.start + batch.n_rows
        if end not in self.rows:
            return Signal("stable")
        return Signal("drift", None, self.rows[end])

    def after_fit(self, fit, reference, answered):
        pass


@pytest.mark.parametrize(
    "detector", [ErrorDrift(rows_of_class="each"), [ErrorDrift(rows_of_class=[1])]]
)
def test_a_base_without_classes_is_refused_when_the_fit_begins(detector):
    """Not batch after batch, when nothing can be learned any more."""
    X, _ = stream(200)
    model = DriftAwareRetrainer(LinearRegression(), detector=detector)
    with pytest.raises(ValueError, match="is no classifier"):
        model.fit(X, X[:, 0])
