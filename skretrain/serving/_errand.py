"""A job on its way to a worker, and what came of it, whatever became of the worker."""

import pickle
import time
from concurrent.futures import BrokenExecutor
from typing import Any, NamedTuple

from .._retrainer._jobs import Outcome, run


class Errand(NamedTuple):
    """A job that was handed out.

    Attributes
    ----------
    job : Job
        What is to be done.
    future : concurrent.futures.Future
        Of the executor that does it.
    workers : Executor
        That executor.
    began : float
        When it was handed out, on the monotonic clock.
    """

    job: Any
    future: Any
    workers: Any
    began: float

    def outcome(self, timeout):
        """Return what came of the job, and whether the executor is sound as far as this tells.

        One that is not done by now is given up, because its time is over.
        """
        seconds = time.monotonic() - self.began
        if not self.future.done():
            self.future.cancel()
            error = TimeoutError(f"no outcome within timeout={timeout} seconds")
            return failed(self.job, error, seconds), False
        if self.future.cancelled():
            return failed(self.job, RuntimeError("the executor gave the job up")), False
        error = self.future.exception()
        if error is not None:
            return failed(self.job, _told(error), seconds), False
        outcome = self.future.result()
        if isinstance(outcome, Outcome) and outcome.key == self.job.key:
            return outcome, True
        error = TypeError(f"the executor returned {outcome!r}, which is not the outcome of the job")
        return failed(self.job, error, seconds), False


def handed_out(job, workers):
    """Return a job as an errand, submitted; raise whatever the executor does."""
    return Errand(job, workers.submit(run, job), workers, time.monotonic())


def check_size(job, max_bytes):
    """Raise ValueError if the pickle of a job has more than so many bytes; None is no bound."""
    if max_bytes is not None:
        pickle.Pickler(_Scales(max_bytes), protocol=5).dump(job)


def failed(job, error, wall_seconds=0.0):
    """Return the outcome of a job of which nothing came."""
    return Outcome(job.key, None, error, 0, 0.0, wall_seconds)


def _told(error):
    """Return an error that a retrainer can tell of, and raise."""
    if isinstance(error, BrokenExecutor):
        return RuntimeError(f"a worker died, and its executor with it: {error}")
    if not isinstance(error, Exception):
        return RuntimeError(f"the worker ended with {type(error).__name__}: {error}")
    return error


class _Scales:
    """A file that only counts what is written, and takes no more than it may."""

    def __init__(self, most):
        self.most = most
        self.size = 0

    def write(self, data):
        self.size += memoryview(data).nbytes
        if self.size > self.most:
            raise ValueError(
                f"the job has more than max_job_bytes={self.most:,} bytes, its rows and the model "
                "that serves together: allow more, or let the buffer remember fewer rows"
            )
