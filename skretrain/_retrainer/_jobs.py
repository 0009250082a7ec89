"""A retrain as a value: why it is due, what it takes, what came of it."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import joblib
from sklearn import config_context, get_config

from ..buffers._base import copied_rows
from ..drift import FitRecord
from ..policies import Candidate, RetrainContext
from ..utils._costs import Stopwatch
from ..utils._events import Event
from ..utils._plain import Plain


@dataclass
class Cause(Plain):
    """Why a retrain is due; it stays while the retrain fails."""

    reason: str
    since: int | None  # None until the retrain begins: then the oldest remembered row
    answers_alarm: bool
    tries: int = 0
    wait: int = 0  # batches until the next try
    labels: Any = ()  # that are new
    on_schedule: bool = False  # whether the alarm came because it was time

    @property
    def is_routine(self):
        """Whether nothing has happened but that rows have come and time has passed, a bool."""
        return self.on_schedule or not (self.answers_alarm or len(self.labels))


class Job(NamedTuple):
    """A retrain that is due: it pickles without the retrainer, and running it changes nothing.

    Attributes
    ----------
    row : int
        Rows seen when it was prepared.
    key : str
        Tells its outcome from those of all other jobs: a hash of the row and the batch.
    policy : BasePolicy
        What will make the candidate.
    context : RetrainContext
        What it makes it from; the memory in it is pinned.
    config : dict
        scikit-learn's configuration, which decides how metadata is routed.
    """

    row: int
    key: str
    policy: Any
    context: RetrainContext
    config: dict


class Outcome(NamedTuple):
    """What came of a job.

    Attributes
    ----------
    key : str
        Of the job.
    candidate : Candidate or None
        What the policy proposed; None if it failed.
    error : Exception or None
        What it raised.
    n_fits : int
        Fits from scratch, those for comparison and those before a failure among them.
    cpu_seconds, wall_seconds : float
        What it cost where it ran.
    """

    key: str
    candidate: Candidate | None
    error: Exception | None
    n_fits: int
    cpu_seconds: float
    wall_seconds: float


class Relearned(NamedTuple):
    """A model that can read a batch which the serving one cannot."""

    model: Any
    reason: str
    n_rows: int
    n_fits: int
    cost: Stopwatch


@dataclass
class Challenger(Plain):
    """A candidate before the gate."""

    model: Any  # it learns along
    cause: Cause
    fit: FitRecord
    note: str
    from_scratch: bool
    n_known: int  # rows of the present concept that it stands for
    types: Any  # of the columns of all rows that it has learned, if they are in data frames
    evidence: dict | None = None  # of the policy that made it


@dataclass
class Pending(Plain):
    """A job that was handed out, and what its event will say; it pickles with its rows."""

    job: Job
    cause: Cause
    event: Event
    n_known: int  # rows of the present concept that were remembered then
    types: Any  # of their columns, if they are in data frames


def make_job(row, policy, context):
    """Return the job of letting a policy answer; its rows stay as they are now."""
    batch = copied_rows(context.batch)  # the caller may use the array again
    context = replace(context, memory=context.memory.pinned(), batch=batch)
    return Job(row, joblib.hash((row, batch)), policy, context, get_config())


def run(job):
    """Run a job, wherever this is: in line, in a thread or in another process.

    Parameters
    ----------
    job : Job
        It stays as it is, so that it may be run again, with the same outcome.

    Returns
    -------
    outcome : Outcome
        With the error, where the policy failed; only what is no ``Exception`` is raised.
    """
    candidate, error, tally = None, None, []
    with Stopwatch() as cost:
        try:
            learner = job.context.learner.tallied(tally)
            with config_context(**job.config):
                candidate = proposed(job.policy, replace(job.context, learner=learner))
        except Exception as raised:
            error = raised
    return Outcome(job.key, candidate, error, len(tally), cost.cpu_seconds, cost.wall_seconds)


def proposed(policy, context):
    """Return what a policy proposes, and refuse what cannot be meant."""
    candidate = policy.propose(context)
    if not isinstance(candidate, Candidate):
        raise TypeError(f"{type(policy).__name__} proposed {candidate!r}, which is no Candidate.")
    if candidate.model is None and not candidate.keep:
        raise ValueError(
            f"{type(policy).__name__} proposed no model: return Candidate.kept() to keep the one "
            "that serves."
        )
    if candidate.model is context.champion and not candidate.keep:
        raise ValueError(
            f"{type(policy).__name__} proposed the serving model itself: return "
            "Candidate.kept() to keep it, or a model of its own."
        )
    return _noted(candidate, context.learner)


def _noted(candidate, learner):
    """Return a candidate that says what its fit says of itself, whichever policy made it."""
    is_one = isinstance(candidate.model, type(learner.estimator))  # what is none is refused later
    if candidate.keep or not candidate.from_scratch or not is_one:
        return candidate
    notes = (candidate.note, learner.note(candidate.model))
    return candidate._replace(note="; ".join(filter(None, notes)))


def fit_record(row, n_rows, since, kind, cost):
    """Return what a trigger hears of a fit; `cost` has the seconds that it took."""
    return FitRecord(row, n_rows, since, kind, cost.cpu_seconds, cost.wall_seconds)
