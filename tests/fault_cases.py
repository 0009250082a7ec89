"""What may go wrong in service, tried: each fault against a twin that had none.

A case takes the number of a try, which decides where in the stream the fault comes, and a folder.
It returns a `Seen`. That a try survived means that the same object goes on: that it predicts as
before or as the twin, has all rows, answers all alarms, and ends as the twin.
"""

import datetime
import json
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from dying import KillsItsWorker
from executors import Inline
from helpers import Rings, feed, stream
from interrupting import Lines, lines_of
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.gates import BaseGate, Verdict
from skretrain.policies import FullRefit
from skretrain.serving import (
    BackgroundRetrainer,
    PendingLabels,
    VersionStore,
    load,
    on_event,
    save,
)
from skretrain.serving import _version_store as version_store

X, Y = stream(600)
FIRST, SIZE, ALARMS = 300, 50, (370, 560)  # the last batch but one, and one in the middle
PROBE = X[:100]


class Seen(NamedTuple):
    """What came of one try."""

    lost: int = 0  # rows that were not counted or not remembered, or twice, and nobody said so
    wrong: int = 0  # predictions that neither the model of before gives nor that of the twin
    told: tuple = ()  # the names of the errors, warnings and events that tell of it
    open: int = 0  # alarms that were heard and never answered


class Fault(NamedTuple):
    """A kind of fault.

    Attributes
    ----------
    attempt : callable
        ``attempt(number, folder)`` returns a Seen.
    n_tries : int
        Of the table.
    fast : tuple of int
        The numbers of the tries that the light tests make.
    needs : str or None
        A module, or a function of one, without which there is nothing to try.
    has_pool : bool
        Whether it starts processes by itself.
    """

    attempt: Any
    n_tries: int
    fast: tuple = (0,)
    needs: str | None = None
    has_pool: bool = False


FAULTS = {}


def case(name, n_tries, fast=(0,), needs=None, *, has_pool=False, **params):
    """Register a kind of fault under the name that the table gives it."""

    def register(attempt):
        def bound(number, folder):
            return attempt(number, folder, **params)

        FAULTS[name] = Fault(bound, n_tries, tuple(fast), needs, has_pool)
        return attempt

    return register


# -- parts that fail once --------------------------------------------------------------------------


class Broken(RuntimeError):
    """What a part raises."""


class Bomb:
    """Lets one part fail, once."""

    part, error = None, None

    @classmethod
    def strike(cls, part):
        if cls.part == part:
            cls.part = None
            raise cls.error(f"in {part}")


class Base(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        Bomb.strike("fit of the base")
        return super().fit(X, y, sample_weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        Bomb.strike("partial_fit of the base")
        return super().partial_fit(X, y, classes, sample_weight)

    def predict(self, X):
        Bomb.strike("predict of the base")
        return super().predict(X)


class Detector(Rings):
    def update(self, batch):
        Bomb.strike("detector")
        return super().update(batch)


class Policy(FullRefit):
    def propose(self, context):
        Bomb.strike("policy")
        return super().propose(context)


class Gate(BaseGate):
    def judge(self, trial):
        Bomb.strike("gate")
        return Verdict("promote")


class Buffer(SlidingWindow):
    def _add(self, parts, n, start):
        super()._add(parts, n, start)
        Bomb.strike("buffer")  # when it has the rows


def hook(event):
    Bomb.strike("hook")


def listener(serving, before, event):
    Bomb.strike("listener")


def retrainer(buffer=None, **params):
    """Return a retrainer that learns from each batch and answers two alarms."""
    params = {"detector": Detector(ALARMS), "gate": Gate(), "random_state": 0} | params
    policy = Policy("all", grow=False)
    return DriftAwareRetrainer(Base(), policy=policy, buffer=buffer or Buffer(), **params)


def mixture(**params):
    members = [("one", retrainer()), ("other", retrainer(detector=Detector()))]
    return MixtureRetrainer(members, random_state=0, **params)


SUBJECTS = {
    "a retrainer": retrainer,
    "a retrainer with a reservoir": lambda: retrainer(Reservoir(100, balance=True)),
    "a mixture": mixture,
    "a mixture with a budget": lambda: mixture(budget=0.5),
}


def begun(make):
    """Return a model in service, which hooks and listeners hear of."""
    model = make().fit(X[:FIRST], Y[:FIRST])
    on_event(model, {"updated": hook, "retrained": hook})
    for one in members(model):
        one._listen(listener)
    return model


def members(model):
    """Return the retrainers of which a model consists."""
    return getattr(model, "estimators_", [model])


def copied(model):
    return pickle.loads(pickle.dumps(model))


# -- beside a twin ---------------------------------------------------------------------------------


class Side:
    """A model in service beside a twin that has no fault; it keeps the books on both.

    Parameters
    ----------
    make : callable
        Makes the model.
    """

    def __init__(self, make):
        self.model, self.twin = begun(make), begun(make)
        self.seen = Seen()
        self.row = FIRST
        # Rows of each member of which an event says that they are not remembered.
        self.set_aside = [set() for _ in members(self.model)]

    def calm(self, stop):
        """Let both learn what comes before a row, without a fault."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while self.row < stop:
                for model in (self.model, self.twin):
                    model.partial_fit(*self.batch)
                self.row += SIZE

    @property
    def batch(self):
        rows = slice(self.row, self.row + SIZE)
        return X[rows], Y[rows]

    def struck(self, fault):
        """Let the model learn one batch under a fault, a context manager, and look what came of it.

        A batch that was refused is sent again.
        """
        model, before, after = self.model, copied(self.model), copied(self.model)
        n_events = [len(one.events_) for one in members(model)]
        n_rows = [one.n_samples_seen_ for one in members(model)]
        state, told, error = pickle.dumps(model), [], None
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                with fault:
                    model.partial_fit(*self.batch)
            except BaseException as raised:
                error = raised
        told += [type(error).__name__] if error is not None else []
        told += [one.category.__name__ for one in warned]
        for n, one in enumerate(members(model)):
            rows = range(n_rows[n], one.n_samples_seen_)
            told += self._events(list(one.events_)[n_events[n] :], self.set_aside[n], rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            after.partial_fit(*self.batch)
        n_new = model.n_samples_seen_ - self.row
        lost = n_new if n_new not in (0, SIZE) else 0
        if n_new == 0:
            lost += SIZE * (pickle.dumps(model) != state)
        wrong = self._n_wrong((before, after))
        self.seen = self.seen._replace(lost=lost, wrong=wrong, told=tuple(told))
        if n_new == 0:
            model.partial_fit(*self.batch)
        self.twin.partial_fit(*self.batch)
        self.row += SIZE

    @staticmethod
    def _events(events, set_aside, rows):
        """Return the events that tell of a failure, and note which rows they set aside."""
        told = []
        for event in events:
            if event.reason.startswith(("update failed", "the buffer failed")):
                set_aside |= set(rows)
            if event.action == "failed" or "Error" in event.reason or "Broken" in event.reason:
                told.append(f"event {event.action}")
        return told

    def _n_wrong(self, allowed):
        """Return how many predictions no model gives that may serve now, member by member."""
        wrong = 0
        for n, member in enumerate(members(self.model)):
            models = [members(one)[n] for one in allowed]
            if any("could not read" in event.reason for event in member.events_):
                rows = member.buffer_.latest()
                models.append(GaussianNB().fit(rows.X, rows.y))
            served = member.predict_proba(PROBE)
            missed = [(served != one.predict_proba(PROBE)).any(axis=1).sum() for one in models]
            wrong += min(missed)
        return int(wrong)

    def ended(self):
        """Let both learn the rest, and return what came of it all."""
        self.calm(len(Y))
        lost, wrong, n_open = self.seen.lost, self.seen.wrong, 0
        lost += abs(self.model.n_samples_seen_ - len(Y))
        for n, (mine, other) in enumerate(zip(members(self.model), members(self.twin))):
            index, n_seen = mine.buffer_.index, mine.n_samples_seen_
            lost += abs(len(Y) - n_seen - self._n_waiting(n)) + len(index) - len(np.unique(index))
            if isinstance(mine.buffer_, SlidingWindow):
                lost += len(set(range(n_seen)) - self.set_aside[n] - set(index.tolist()))
            rows = mine.buffer_.latest()
            lost += int((X[index] != rows.X).any(axis=1).sum() + (rows.y != Y[index]).sum())
            heard = [batch for batch in mine.detector_.seen_ if self._rings(mine, batch)]
            # Of two alarms in batches that a member learns together, one refit is the answer.
            n_due = sum(batch.n_rows == SIZE for batch in heard)
            n_open += max(n_due - mine.n_refits_ - mine._retrain_is_due, 0)
            if len(heard) == len(ALARMS) and len(index) == len(Y):
                # The last alarm is in the last batch: a refit on all rows bears no trace.
                differs = mine.predict_proba(PROBE) != other.predict_proba(PROBE)
                wrong += int(differs.any(axis=1).sum())
        return self.seen._replace(lost=lost, wrong=wrong, open=n_open)

    def _n_waiting(self, n):
        """Return how many rows a member of a mixture has still to learn from."""
        engine = getattr(self.model, "_engine", None)
        return sum(len(batch.y) for batch in engine.waiting[n]) if engine is not None else 0

    @staticmethod
    def _rings(member, batch):
        return any(batch.start <= row < batch.start + batch.n_rows for row in member.detector_.rows)


@contextmanager
def bomb(part, error=Broken):
    """Let a part fail once inside the block."""
    Bomb.part, Bomb.error = part, error
    try:
        yield
    finally:
        Bomb.part = None


def part_fails(number, folder, part, error=Broken, row=None, make=retrainer):
    side = Side(make)
    side.calm(row or FIRST + SIZE * (number % 5))
    side.struck(bomb(part, error))
    return side.ended()


AT_ALARM = 350  # of the batch with the first alarm


class Callback:
    """Of scikit-learn 1.9."""

    def setup(self, estimator, context):
        Bomb.strike("callback")

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **more):
        pass

    on_fit_task_end = on_fit_task_begin


def heard():
    """Return a retrainer that a callback of scikit-learn listens to."""
    return retrainer().set_callbacks(Callback())


case("callback raises", 10, (0,), "sklearn.callback", part="callback", make=heard)(part_fails)
for _part, _row in {
    "fit of the base": AT_ALARM,
    "partial_fit of the base": 400,
    "predict of the base": None,
    "detector": None,
    "gate": AT_ALARM,
    "policy": AT_ALARM,
    "buffer": None,
    "hook": None,
    "listener": AT_ALARM,
}.items():
    case(f"{_part} raises", 10, part=_part, row=_row)(part_fails)
    case(f"MemoryError in {_part}", 10, (), part=_part, row=_row, error=MemoryError)(part_fails)


def any_line(number, folder, make, error):
    """Raise at a random line of skretrain."""
    rng = random.Random(number)
    row = FIRST + SIZE * rng.randrange(5)
    trial = Side(make)
    trial.calm(row)
    n_lines = lines_of(lambda: trial.model.partial_fit(*trial.batch))
    side, lines = Side(make), Lines(rng.randrange(n_lines), error)
    side.calm(row)
    side.struck(lines.watched())
    assert lines.where is not None
    return side.ended()


for _name, _make in SUBJECTS.items():
    for _error, _what in ((KeyboardInterrupt, "KeyboardInterrupt"), (MemoryError, "MemoryError")):
        _n = 200 if _error is KeyboardInterrupt else 100
        _title = f"{_what} at a random line, {_name}"
        case(_title, _n, range(3), make=_make, error=_error)(any_line)


# -- processes and files ---------------------------------------------------------------------------


def served(model):
    """Return all that a model says and logs, but for how long things took."""
    log = [(one.action, one.row, one.n_rows, one.reason) for one in model.events_]
    probe = PROBE
    if hasattr(model, "feature_names_in_"):
        probe = pd.DataFrame(PROBE, columns=model.feature_names_in_)
    return model.predict_proba(probe).tolist(), log, model.n_samples_seen_


def saved_model(number):
    """Return a model in the middle of a stream, a longer or a shorter one."""
    model = begun(retrainer)
    stop = FIRST + SIZE * (1 + number % 5)
    for row in range(FIRST, stop, SIZE):
        model.partial_fit(X[row : row + SIZE], Y[row : row + SIZE])
    return model


def goes_on(path, *expected):
    """Return what is lost or wrong in a file, which holds one of some models, and learns on."""
    again = load(path, trusted=True)
    found = [one for one in expected if served(one) == served(again)]
    if not found:
        return Seen(lost=again.n_samples_seen_, wrong=len(PROBE))
    for model in (again, found[0]):
        model.partial_fit(X[-SIZE:], Y[-SIZE:])
    return Seen(wrong=len(PROBE) * (served(again) != served(found[0])))


@contextmanager
def room_for(n_bytes):
    """Let no file grow beyond so many bytes, as on a full disk: the system itself refuses."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@case("disk full during save", 50, (0, 1), needs="resource")
def save_without_room(number, folder):
    path, model = folder / "state", saved_model(number)
    save(model, path, serializer="pickle")
    newer = copied(model).partial_fit(X[-2 * SIZE : -SIZE], Y[-2 * SIZE : -SIZE])
    n_bytes = random.Random(number).randrange(path.stat().st_size)
    told = ()
    try:
        with room_for(n_bytes):
            save(newer, path, serializer="pickle")
    except OSError as error:
        told = (type(error).__name__,)
    assert os.listdir(folder) == ["state"]
    return goes_on(path, model)._replace(told=told)


@case("process killed (kill -9) during save", 50, (0, 1), needs="os.fork")
def killed_while_it_saves(number, folder):
    path, model = folder / "state", saved_model(number)
    save(model, path, serializer="pickle")
    newer = copied(model).partial_fit(X[-2 * SIZE : -SIZE], Y[-2 * SIZE : -SIZE])
    rest, begun = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(begun, b".")
        while True:
            save(newer, path, serializer="pickle")
    os.read(rest, 1)
    time.sleep(random.Random(number).uniform(0, 0.01))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(rest)
    os.close(begun)
    return goes_on(path, model, newer)._replace(told=(_death(status),))


def _death(status):
    return signal.Signals(os.WTERMSIG(status)).name


@case("KeyboardInterrupt at a random line of save", 50, (0, 1))
def interrupted_while_it_saves(number, folder):
    path, model = folder / "state", saved_model(number)
    save(model, path, serializer="pickle")
    newer = copied(model).partial_fit(X[-2 * SIZE : -SIZE], Y[-2 * SIZE : -SIZE])
    n_lines = lines_of(lambda: save(newer, path.with_name("other"), serializer="pickle"))
    path.with_name("other").unlink()
    told = ()
    try:
        with Lines(random.Random(number).randrange(n_lines)).watched():
            save(newer, path, serializer="pickle")
    except KeyboardInterrupt:
        told = ("KeyboardInterrupt",)
    assert os.listdir(folder) == ["state"]
    return goes_on(path, model, newer)._replace(told=told)


# -- the daily job ---------------------------------------------------------------------------------


def job_in(folder, number):
    """Begin a daily job, and return the command of its next step and what that ends in."""
    state, history, new = folder / "state", folder / "history.csv", folder / "new.csv"
    for path, rows in ((history, slice(0, 300)), (new, slice(300, 350 + 10 * (number % 5)))):
        table = np.c_[X[rows], Y[rows]]
        lines = ["a,b,c,d,y", *(",".join(map(repr, row)) for row in table.tolist())]
        path.write_text("\n".join(lines) + "\n")
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([300]), policy=FullRefit("all"))
    joblib.dump(model, folder / "model")
    options = ("--target", "y", "--raw", "--model", folder / "model")
    told, code = commanded("init", state, history, *options)
    assert code == 0, told
    return state, ("step", state, new)


def commanded(*words):
    """Run a command; return what it prints and its exit code."""
    import io
    from contextlib import redirect_stderr, redirect_stdout

    from skretrain.cli import main

    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
        code = main([str(word) for word in words])
    return out.getvalue(), code


def state_of_job(state):
    """Return what a folder holds, but for clocks."""
    from skretrain.cli._job import read_job

    job = read_job(state)
    results = {digest: one["code"] for digest, one in job.content["results"].items()}
    log = [json.loads(line) for line in (state / "log.jsonl").read_text().splitlines()]
    steps = [(line["number"], line["version"], line.get("rows_seen")) for line in log]
    files = sorted(path.name for path in state.rglob("*"))
    return served(job.model), results, job.content["number"], steps, files


def stepped_under(fault, number, folder):
    """Let a step fail or die, run it again, and look whether it ends as one that did not."""
    state, command = job_in(folder, number)
    calm = folder / "calm"
    shutil.copytree(state, calm)
    _, code = commanded("step", calm, *command[2:])
    seconds = time.monotonic()
    told = fault(command, random.Random(number), seconds)
    _, again = commanded(*command)
    ours, theirs = state_of_job(state), state_of_job(calm)
    lost = abs(ours[0][2] - theirs[0][2]) + (ours[1:] != theirs[1:])
    return Seen(lost=lost, wrong=len(PROBE) * (ours[0] != theirs[0] or again != code), told=told)


@case("disk full during skretrain step", 50, (0,), needs="resource")
def step_without_room(number, folder):
    def full(command, rng, seconds):
        with room_for(rng.randrange(37_000)):
            _, code = commanded(*command)
        return (f"exit code {code}",)

    return stepped_under(full, number, folder)


@case("process killed (kill -9) during skretrain step", 50, (0,), needs="os.fork")
def killed_step(number, folder):
    def killed(command, rng, seconds):
        pid = os.fork()
        if not pid:
            try:
                commanded(*command)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0, 0.06))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return (_death(status) if os.WIFSIGNALED(status) else "done before",)

    return stepped_under(killed, number, folder)


@case("KeyboardInterrupt at a random line of skretrain step", 50, (0,))
def interrupted_step(number, folder):
    def interrupted(command, rng, seconds):
        with Lines(rng.randrange(6000)).watched():
            try:
                _, code = commanded(*command)
            except KeyboardInterrupt:
                return ("KeyboardInterrupt",)
        return (f"exit code {code}",)

    return stepped_under(interrupted, number, folder)


# -- in the background -----------------------------------------------------------------------------


def in_background(service, stop=600):
    for row in range(FIRST, stop, SIZE):
        service.partial_fit(X[row : row + SIZE], Y[row : row + SIZE])
        service.wait()


@case("worker of a pool killed in a retrain", 5, (), has_pool=True)
def worker_dies(number, folder):
    """The job is tried again after a batch, in a new process; rows and predictions go on."""
    params = {"detector": Rings([FIRST + SIZE * (number % 3)]), "random_state": 0}
    model, twin = (
        DriftAwareRetrainer(GaussianNB(), policy=policy, **params).fit(X[:FIRST], Y[:FIRST])
        for policy in (KillsItsWorker(str(folder / "witness")), FullRefit("all"))
    )
    context = multiprocessing.get_context("spawn")
    with (
        warnings.catch_warnings(),
        BackgroundRetrainer(model, lambda: ProcessPoolExecutor(1, context)) as service,
    ):
        warnings.simplefilter("ignore")
        in_background(service)
    feed(twin, X, Y, SIZE, FIRST)
    refitted = next(event for event in model.events_ if "retrained" in event.action and event.since)
    oracle = GaussianNB().fit(X[: refitted.row], Y[: refitted.row])
    feed(oracle, X, Y, SIZE, refitted.row)
    wrong = (model.predict_proba(PROBE) != oracle.predict_proba(PROBE)).any(axis=1).sum()
    lost = len(set(model.buffer_.index.tolist()) ^ set(range(len(Y))))
    told = tuple(f"event {one.action}" for one in model.events_ if "worker died" in one.reason)
    return Seen(lost, int(wrong), told, open=1 - model.n_refits_)


@case("KeyboardInterrupt at a random line of a BackgroundRetrainer", 100, range(2))
def interrupted_in_background(number, folder):
    """The batch is in the retrainer or is not; a job that is out is not lost."""
    rng = random.Random(number)
    row = FIRST + SIZE * rng.randrange(5)
    batch = slice(row, row + SIZE)
    services = [BackgroundRetrainer(begun(retrainer), Inline()) for _ in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for service in services:
            in_background(service, row)
        trial, service, twin = services
        n_lines = lines_of(lambda: trial.partial_fit(X[batch], Y[batch]))
        told, before = (), service.predict_proba(PROBE)
        try:
            with Lines(rng.randrange(n_lines)).watched():
                service.partial_fit(X[batch], Y[batch])
        except KeyboardInterrupt:
            told = ("KeyboardInterrupt",)
        now, after = service.predict_proba(PROBE), trial.predict_proba(PROBE)
        wrong = min((now != one).any(axis=1).sum() for one in (before, after))
        model = service.retrainer
        if model.n_samples_seen_ == row:
            service.partial_fit(X[batch], Y[batch])
        for start in range(row + SIZE, len(Y), SIZE):
            service.partial_fit(X[start : start + SIZE], Y[start : start + SIZE])
            service.wait()
        in_background(twin)
    lost = len(set(model.buffer_.index.tolist()) ^ set(range(len(Y))))
    heard = sum(Side._rings(model, one) for one in model.detector_.seen_)
    still_due = model._retrain_is_due
    return Seen(lost, int(wrong), told, open=max(heard - model.n_refits_ - still_due, 0))


# -- labels that are awaited -----------------------------------------------------------------------

LEDGER_CALLS = {
    "predict": lambda ledger: ledger.predict(X[400:450], ids=range(400, 450)),
    "resolve": lambda ledger: ledger.resolve(range(310, 370), 1 - Y[310:370]),
    "expire": lambda ledger: ledger.expire(40),
}


def ledger_of(model):
    """Return a ledger that is full, with rows that wait and labels that have come."""
    ledger = PendingLabels(model, max_pending=80)
    for start in (300, 350):
        ledger.predict(X[start : start + SIZE], ids=range(start, start + SIZE))
        ledger.resolve(range(start, start + 20), Y[start : start + 20])
    return ledger


def books_of(ledger):
    """Return all that a ledger tells, as text."""
    status = ledger.status(range(500)).tolist()
    scores, events = (ledger.score_, ledger.arrivals_), ledger.events_
    return repr((status, ledger.pending_ids_.tolist(), scores, list(events), events.counts))


def interrupted_ledger(number, folder, error):
    """A call was made as a whole or not at all: its books are those before or those after."""
    rng, model = random.Random(number), begun(retrainer)
    call = LEDGER_CALLS[rng.choice(sorted(LEDGER_CALLS))]
    ledger, twin = ledger_of(model), ledger_of(model)
    before, told = books_of(ledger), ()
    n_lines = lines_of(lambda: call(twin))
    try:
        with Lines(rng.randrange(n_lines), error).watched():
            call(ledger)
    except error:
        told = (error.__name__,)
    now = books_of(ledger)
    lost = SIZE * (now not in (before, books_of(twin)))
    if now == before:
        call(ledger)
    labels = [one.resolve(one.pending_ids_, Y[: len(one)])[0].tolist() for one in (ledger, twin)]
    lost += SIZE * (labels[0] != labels[1] or books_of(ledger) != books_of(twin))
    return Seen(lost=lost, told=told)


for _error in (KeyboardInterrupt, MemoryError):
    _title = f"{_error.__name__} at a random line of PendingLabels"
    case(_title, 100, range(2), error=_error)(interrupted_ledger)


# -- clocks ----------------------------------------------------------------------------------------


class Jumping(datetime.datetime):
    """A clock that is set forward and back, by years."""

    rng = random.Random(0)

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(days=cls.rng.uniform(-4000, 4000))


@contextmanager
def jumping_clocks(number):
    """Let the clocks that tell the time jump; those that measure durations cannot be set."""
    rng = Jumping.rng = random.Random(number)
    now, kept = time.time, version_store.datetime
    time.time = lambda: now() + rng.uniform(-1e9, 1e9)
    version_store.datetime = Jumping
    try:
        yield
    finally:
        time.time, version_store.datetime = now, kept


@case("clock jumps, years back and forth", 20, (0,))
def clock_jumps(number, folder):
    """Versions, budgets and alarms do not go by the time of day."""
    ends = []
    for jumps in (True, False):
        model = begun(retrainer)
        store = VersionStore(max_versions=2).follow(model)
        with jumping_clocks(number) if jumps else nullcontext():
            with BackgroundRetrainer(model, Inline(), timeout=60) as service:
                in_background(service)
            store.rollback(model._snapshot.version - 1)
        ends.append((served(model), [one.version for one in store]))
    return Seen(
        lost=int(ends[0][1] != ends[1][1]), wrong=int(ends[0][0] != ends[1][0]), told=("none",)
    )


# -- bad input -------------------------------------------------------------------------------------


def bad_batches():
    """Return batches that no model can take, by what is wrong with them."""
    rows, labels = X[:SIZE], Y[:SIZE]
    nan, inf = rows.copy(), rows.copy()
    nan[3, 1], inf[3, 1] = np.nan, np.inf
    return {
        "NaN among the features": (nan, labels),
        "infinity among the features": (inf, labels),
        "a column too few": (rows[:, :3], labels),
        "a column too many": (np.c_[rows, rows[:, 0]], labels),
        "one dimension": (rows[:, 0], labels),
        "three dimensions": (rows[None], labels),
        "fewer labels": (rows, labels[:-1]),
        "more labels": (rows, np.r_[labels, 1]),
        "no labels": (rows, None),
        "two columns of labels": (rows, np.c_[labels, labels]),
        "NaN among the labels": (rows, np.where(labels == 1, np.nan, labels)),
        "numbers in text among the labels": (rows, labels.astype(str)),
        "continuous labels": (rows, rows[:, 0]),
        "text": (np.full(rows.shape, "x"), labels),
        "objects": (np.full(rows.shape, object()), labels),
        "complex numbers": (rows * 1j, labels),
        "dates": (rows.astype("datetime64[s]"), labels),
        "ragged lists": ([[1.0, 2.0], [1.0]], [0, 1]),
        "a scalar": (1.0, labels),
        "None": (None, labels),
        "a dict": ({"a": [1.0]}, [1]),
    }


@case("bad batch: NaN, other columns, lengths, labels", len(bad_batches()), range(3))
def bad_batch(number, folder):
    """It is refused, and nothing has changed."""
    side = Side(retrainer)
    side.calm(FIRST + SIZE)
    before = pickle.dumps(side.model)
    rows, labels = list(bad_batches().values())[number]
    told = ()
    try:
        side.model.partial_fit(rows, labels)
    except (TypeError, ValueError) as error:
        told = (type(error).__name__,)
    lost = SIZE * (pickle.dumps(side.model) != before)
    end = side.ended()
    return end._replace(lost=end.lost + lost, told=told)
