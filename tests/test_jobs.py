"""A retrain is a value: it is prepared here, run anywhere, and accepted here again."""

import multiprocessing
import pickle
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import sklearn
from helpers import Rings, WaitGate, assert_same_outputs, batches, events, state_of, stream
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain._retrainer._jobs import run
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.drift import ErrorDrift
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import BasePolicy, Candidate, FullRefit, KeepOrRefit

X, Y = stream(1500, drift=500)
RINGS = [550, 850, 1150]
FOREST = ExtraTreesClassifier(5)


@pytest.fixture(scope="module")
def spawned():
    """A process that has never seen this one."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def fed_elsewhere(model, run_job, X=X, Y=Y, size=50):
    """Feed a fitted retrainer, its jobs run by `run_job`; return the sizes of their pickles."""
    sizes = []
    for batch in batches(len(Y), size, 300):
        job = model._prepare(model._examine(X[batch], Y[batch], None, {}))
        if job is not None:
            sent = pickle.dumps(job)
            sizes.append(len(sent))
            model._accept(run_job(pickle.loads(sent)))
    return sizes


def told(model):
    """Return what the events say, costs aside."""
    seconds = {"cpu_seconds", "wall_seconds", "threads"}
    return [
        {k: v for k, v in record.items() if k not in seconds}
        for record in model.events_.to_records()
    ]


@pytest.mark.parametrize(
    "params",
    [
        {"estimator": FOREST},
        {"estimator": FOREST, "policy": KeepOrRefit(), "buffer": Reservoir(max_rows=300)},
        {"estimator": SGDClassifier(), "policy": "replay_mix", "gate": WaitGate(2)},
        {"estimator": LogisticRegression(), "buffer": SlidingWindow(max_rows=200)},
    ],
    ids=["forest", "compared", "replay", "window"],
)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_a_job_run_in_a_spawned_process_gives_the_same_bits_as_in_line(spawned, params):
    """Model, events, fits, and the seeds of all later ones."""
    here = DriftAwareRetrainer(detector=Rings(RINGS), random_state=3, **params)
    there = clone(here).fit(X[:300], Y[:300])
    here.fit(X[:300], Y[:300])
    for batch in batches(len(Y), 50, 300):
        here.partial_fit(X[batch], Y[batch])
    assert fed_elsewhere(there, lambda job: spawned.submit(run, job).result())
    assert_same_outputs(here, there, X)
    assert told(here) == told(there)
    assert here.events_.totals["fits"] == there.events_.totals["fits"]
    assert pickle.dumps(state_of(here).parts.buffer) == pickle.dumps(state_of(there).parts.buffer)


@pytest.mark.no_cover
def test_a_job_is_as_large_as_its_rows_and_the_champion():
    """It drags no retrainer along: neither its log nor rows that it has forgotten."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings(RINGS), buffer=SlidingWindow(max_rows=100)
    ).fit(X[:300], Y[:300])
    assert b"skretrain._drift_aware" not in pickle.dumps(prepared(model))
    rows = len(pickle.dumps((X[:150], Y[:150])))
    champion = len(pickle.dumps((model.estimator_, state_of(model).parts.learner)))
    sizes = fed_elsewhere(
        clone(model).fit(X[:300], Y[:300]),
        run,
    )
    assert max(sizes) < rows + champion + 3_000
    many = clone(model).fit(X[:300], Y[:300])
    for row in range(500, 900):
        many.partial_fit(X[row : row + 1], Y[row : row + 1])
    assert len(pickle.dumps(prepared(many))) == pytest.approx(max(sizes), rel=0.1)


def prepared(model, rows=slice(300, 350)):
    """Return the job of an alarm on the next batch."""
    model = pickle.loads(pickle.dumps(model))
    model.set_params(detector=None)
    state_of(model).parts.trigger.rows = [model.n_samples_seen_ + 10]
    return model._prepare(model._examine(X[rows], Y[rows], None, {}))


def test_running_a_job_changes_nothing_of_the_retrainer_and_can_be_repeated():
    model = DriftAwareRetrainer(FOREST, detector=Rings([310]), policy=KeepOrRefit(), random_state=0)
    model.fit(X[:300], Y[:300])
    job = model._prepare(model._examine(X[300:350], Y[300:350], None, {}))
    before = pickle.dumps(model)
    first, second = run(job), run(job)
    assert pickle.dumps(model) == before
    assert_same_outputs(first.candidate.model, second.candidate.model, X)
    assert first.n_fits == second.n_fits > 1
    assert first.candidate.evidence == second.candidate.evidence


def test_its_memory_is_that_of_the_moment_at_which_it_was_prepared():
    """Rows that come while it waits, and rows that leave the window, change nothing."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([320]), policy="full_refit", update=None,
        buffer=SlidingWindow(max_rows=200),
    ).fit(X[:300], Y[:300])  # fmt: skip
    job = model._prepare(model._examine(X[300:350], Y[300:350], None, {}))
    for batch in batches(1000, 50, 350):
        assert model._prepare(model._examine(X[batch], Y[batch], None, {})) is None
    outcome = run(job)
    # Fewer than 50 rows since row 320: filled up with those before.
    assert_same_outputs(outcome.candidate.model, GaussianNB().fit(X[300:350], Y[300:350]), X)
    model._accept(outcome)
    assert model.n_refits_ == 1
    assert model.events_[-1].n_rows_fitted == 50


def test_growth_and_retries_wait_for_a_job_that_is_out():
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310])).fit(X[:300], Y[:300])
    job = model._prepare(model._examine(X[300:350], Y[300:350], None, {}))
    assert job is not None
    for batch in batches(1200, 50, 350):
        assert model._prepare(model._examine(X[batch], Y[batch], None, {})) is None


def test_an_outcome_that_a_later_job_has_replaced_comes_too_late():
    """One event says so, the model stays, and what it cost is counted."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310, 360]), policy="full_refit").fit(
        X[:300], Y[:300]
    )
    jobs = [
        model._prepare(model._examine(X[batch], Y[batch], None, {}))
        for batch in batches(400, 50, 300)
    ]
    early, late = (run(job) for job in jobs)
    assert events(model, "action", "row", "n_rows", "state", "since")[1:] == [
        ("superseded", 350, 50, "drift", 310)
    ]
    before, totals = model.estimator_, dict(model.events_.totals)
    model._accept(early)
    assert model.estimator_ is before
    assert len(model.events_) == 2  # it has its event: what it cost is added up
    paid = {name: value - totals[name] for name, value in model.events_.totals.items()}
    assert (paid["fits"], paid["rows_fitted"]) == (1, early.candidate.n_rows)
    assert paid["cpu_seconds"] == pytest.approx(early.cpu_seconds)
    model._accept(late)
    assert model.events_[-1].action == "retrained"
    assert model.n_refits_ == 1
    settled = pickle.dumps(model)
    for outcome in (early, late):  # told twice
        model._accept(outcome)
    assert pickle.dumps(model) == settled


def test_an_outcome_of_an_earlier_life_changes_nothing():
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310])).fit(X[:300], Y[:300])
    old = run(model._prepare(model._examine(X[300:350], Y[300:350], None, {})))
    model.fit(X[600:900], Y[600:900])
    assert model._prepare(model._examine(X[900:950], Y[900:950], None, {})) is not None
    before = pickle.dumps(model)
    model._accept(old)
    assert pickle.dumps(model) == before


def test_a_job_that_is_given_up_is_an_event_and_its_cause_tries_again():
    """Also in a pickle that was made while the job was out."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310]), policy="full_refit")
    model.fit(X[:300], Y[:300])
    assert model._prepare(model._examine(X[300:350], Y[300:350], None, {})) is not None
    model = pickle.loads(pickle.dumps(model))
    model._cancel()
    model._cancel()  # nothing is out any more
    assert (model.events_[-1].action, model.events_[-1].state) == ("failed", "drift")
    assert model.events_[-1].reason == "alarm; cancelled"
    assert model.partial_fit(X[350:400], Y[350:400]).n_refits_ == 1


def test_who_goes_on_by_himself_gives_up_a_job_whose_outcome_never_came():
    """It was out when the pickle was made: one event, and the next batch answers the alarm."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310]), policy="full_refit")
    model.fit(X[:300], Y[:300])
    job = model._prepare(model._examine(X[300:350], Y[300:350], None, {}))
    model = pickle.loads(pickle.dumps(model)).partial_fit(X[350:400], Y[350:400])
    assert events(model, "action", "reason", "row")[1:] == [
        ("failed", "alarm; its outcome never came", 350),
        ("retrained", "alarm", 400),
    ]
    assert model.events_[-1].n_rows_fitted == 90
    before = pickle.dumps(model)
    model._accept(run(job))
    assert pickle.dumps(model) == before


def test_the_rows_of_a_job_are_its_own():
    """A caller may use the arrays of a batch again."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([310]), policy="full_refit", update=None
    )
    model.fit(X[:300], Y[:300])
    rows, labels = X[300:350].copy(), Y[300:350].copy()
    job = model._prepare(model._examine(rows, labels, None, {}))
    before = run(job).candidate.model.theta_
    rows[:], labels[:] = 1e6, 0
    np.testing.assert_array_equal(run(job).candidate.model.theta_, before)


def test_what_is_decided_late_is_told_as_it_was_when_it_was_fitted():
    """Growth counts the rows that the model knows, not those that came while it was made."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([310]), policy=FullRefit(min_rows=1), update=None
    ).fit(X[:300], Y[:300])
    outcome = run(model._prepare(model._examine(X[300:400], Y[300:400], None, {})))
    for batch in batches(1000, 100, 400):
        model._prepare(model._examine(X[batch], Y[batch], None, {}))
    model._accept(outcome)
    assert state_of(model).concept.n_known == 90
    assert model.detector_.fits_[-1][0].row == 400
    assert (model.events_[-1].row, model.events_[-1].n_rows_fitted) == (1000, 90)
    job = model._prepare(model._examine(X[1000:1100], Y[1000:1100], None, {}))
    assert job is not None  # 790 rows since the change, and the model knows 90


def test_columns_of_probabilities_have_the_labels_that_serve_while_a_job_is_out():
    y = Y.copy()
    y[300:400:5] = -5
    model = DriftAwareRetrainer(
        GaussianNB(), detector=ErrorDrift(loss="log_loss"), update=None
    ).fit(X[:300], Y[:300])
    assert model._prepare(model._examine(X[300:350], y[300:350], None, {})) is not None
    for batch in (slice(350, 400), slice(400, 450)):
        assert model._prepare(model._examine(X[batch], y[batch], None, {})) is None
    assert model.events_.counts["failed"] == 0


def test_an_interrupted_retrain_is_an_event_and_shows_the_labels_that_are_known():
    class Stops(BasePolicy):
        def propose(self, context):
            raise KeyboardInterrupt

    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310]), policy=Stops(), update=None)
    model.fit(X[:300], Y[:300])
    y = Y[300:350].copy()
    y[0] = 7
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X[300:350], y)
    assert model.events_[-1].reason == "alarm; interrupted by KeyboardInterrupt"
    assert model.events_[-1].state == "drift"
    assert model.classes_.tolist() == [0, 1, 7]
    assert model.n_samples_seen_ == 350


def test_a_retrain_that_failed_has_cost_what_it_has_cost():
    class FailsLate(BasePolicy):
        def propose(self, context):
            began = time.process_time()
            while time.process_time() - began < 0.05:
                pass
            raise RuntimeError("after all that")

    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310]), policy=FailsLate())
    model.fit(X[:300], Y[:300])
    with pytest.warns(RetrainFailedWarning, match="after all that"):
        model.partial_fit(X[300:350], Y[300:350])
    assert model.events_[-1].cpu_seconds >= 0.05


def test_an_alarm_that_rings_on_does_not_shorten_the_wait_for_the_next_try():
    """1, 2, 4 ... batches, however often the trigger rings meanwhile."""
    tries = []

    class Counts(BasePolicy):
        def propose(self, context):
            tries.append(int(context.batch.index[0]))
            raise RuntimeError("not yet")

    model = DriftAwareRetrainer(GaussianNB(), detector=Rings(range(300, 1500)), policy=Counts())
    model.fit(X[:300], Y[:300])
    for batch in batches(1200, 50, 300):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RetrainFailedWarning)
            model.partial_fit(X[batch], Y[batch])
    assert tries == [300, 350, 450, 650, 1050]


class Fails(BasePolicy):
    def propose(self, context):
        raise RuntimeError("no model today")


def test_a_late_job_that_failed_is_recorded_with_what_it_cost():
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310, 360]), policy=Fails())
    model.fit(X[:300], Y[:300])
    jobs = [
        model._prepare(model._examine(X[batch], Y[batch], None, {}))
        for batch in batches(400, 50, 300)
    ]
    model._accept(run(jobs[0]))
    assert (model.events_[-1].action, model.events_[-1].n_rows_fitted) == ("superseded", 0)
    with pytest.warns(RetrainFailedWarning, match="no model today"):
        model._accept(run(jobs[1]))
    assert model.events_[-1].action == "failed"


@pytest.mark.no_cover
def test_the_routing_of_metadata_goes_along(spawned):
    """The worker's own configuration says nothing of what the base requests."""
    weight = np.where(np.arange(len(Y)) % 2, 3.0, 0.5)
    with sklearn.config_context(enable_metadata_routing=True):
        base = GaussianNB().set_fit_request(sample_weight="w").set_partial_fit_request(
            sample_weight="w"
        )  # fmt: skip
        model = DriftAwareRetrainer(base, detector=Rings([310]), policy="full_refit")
        model.fit(X[:300], Y[:300], w=weight[:300])
        params = {"w": weight[300:350]}
        job = model._prepare(model._examine(X[300:350], Y[300:350], None, params))
    candidate = spawned.submit(run, job).result().candidate
    oracle = GaussianNB().fit(X[300:350], Y[300:350], weight[300:350])
    assert_same_outputs(candidate.model, oracle, X)


@pytest.mark.no_cover
def test_the_cost_of_a_job_in_a_thread_is_that_of_the_thread():
    """Not that of whatever else the process does meanwhile."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310])).fit(X[:300], Y[:300])
    job = model._prepare(model._examine(X[300:350], Y[300:350], None, {}))
    started, stop, outcomes = threading.Event(), threading.Event(), []

    class Sleeps(BasePolicy):
        def propose(self, context):
            started.set()
            stop.wait(60)
            return Candidate(GaussianNB().fit(X, Y), "slept", 1)

    worker = threading.Thread(target=lambda: outcomes.append(run(job._replace(policy=Sleeps()))))
    worker.start()
    started.wait(60)
    begin = time.process_time()
    while time.process_time() - begin < 0.3:  # the main thread is busy; the worker waits
        pass
    stop.set()
    worker.join()
    assert outcomes[0].cpu_seconds < 0.15


class ReturnsTheChampion(BasePolicy):
    def propose(self, context):
        return Candidate(context.champion, "mine", 0)


def test_the_serving_model_is_no_candidate_and_the_error_says_how_to_keep_it():
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310]), policy=ReturnsTheChampion())
    model.fit(X[:300], Y[:300])
    with pytest.warns(RetrainFailedWarning, match=r"return Candidate.kept\(\) to keep it"):
        model.partial_fit(X[300:350], Y[300:350])


class FromThePool(BasePolicy):
    """Bring back a model that knows many rows of the concept, or keep the one that serves."""

    def __init__(self, n_known=None, keep=False):
        self.n_known = n_known
        self.keep = keep

    def is_due(self, n_since, n_fitted, n_full):
        return FullRefit().is_due(n_since, n_fitted, n_full)

    def propose(self, context):
        if not context.alarm:
            return FullRefit().propose(context)
        if self.keep:
            return Candidate.kept(n_known=self.n_known)
        model = GaussianNB().fit(X[500:1000], Y[500:1000])
        return Candidate(model, "revived", 0, n_known=self.n_known, from_scratch=False)


@pytest.mark.no_cover
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.thinned(2)
def test_growth_counts_the_rows_that_a_candidate_already_knows(keep):
    """A revived model of 2,000 rows is not thrown away for one of the 100 rows since the alarm."""
    grown = {}
    for n_known in (None, 2_000):
        policy = FromThePool(n_known, keep)
        model = DriftAwareRetrainer(GaussianNB(), detector=Rings([505]), policy=policy)
        model.fit(X[:300], Y[:300])
        for batch in batches(1500, 50, 300):
            model.partial_fit(X[batch], Y[batch])
        grown[n_known] = [e.row for e in model.events_ if e.reason == "growth" and e.row > 550]
    assert grown[None]
    assert grown[2_000] == []
