"""Policies that depend on their own past, run on the history itself."""

import warnings
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from .._prequential import seeded, validated
from .._stream import Flips


class PolicyRun(NamedTuple):
    """A live run that is finished, as `on_run` of :func:`compare_policies` is told of it.

    Attributes
    ----------
    policy : str
        Its name.
    seed : int or None
        The seed that it ran with.
    result : PrequentialResult
        What it did.
    warnings : tuple of str
        Class and text of each warning on the way.
    n_runs : int
        How many live runs there are in all.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import compare_policies
    >>> X, y, _ = make_drifting_classification(1000, random_state=0)
    >>> policies = {"never": [], "since drift": DriftAwareRetrainer(GaussianNB())}
    >>> comparison = compare_policies(
    ...     GaussianNB(), X, y, policies, seeds=2, on_run=lambda run: print(run.policy, run.seed)
    ... )
    since drift 0
    since drift 1
    """

    policy: str
    seed: Any
    result: Any
    warnings: tuple
    n_runs: int


class _OutOfTime(Exception):
    """A run has taken more time than there is for it."""


def run_all_live(
    policies,
    seeds,
    stream,
    scoring,
    *,
    n_jobs,
    on_run,
    on_progress,
    seconds,
    memory,
    counts_flips=False,
):
    """Return what each policy does with each seed.

    Parameters
    ----------
    policies : dict of str to estimator
        Retrainers.
    seeds : list
        One run for each.
    stream : tuple
        ``(X, y, timing, times, params, counted)``.
    scoring : str or callable
        A scorer.
    n_jobs : int or None
        Runs at a time.
    on_run, on_progress : callable or None
        Told of each run that is finished, as a PolicyRun; and of how far the runs have come, a
        share of one.
    seconds : float
        The time that there is for all.
    memory : joblib.Memory
        Has what is finished, and gets it.
    counts_flips : bool, default=False
        Whether to count the decisions that change from version to version.

    Returns
    -------
    results : dict of str to (list of PrequentialResult or None)
        None: there was not the time for it.
    """
    # The last first: what one leaves of its share of the time is there for the others.
    grid = [(name, number) for name in reversed(policies) for number in range(len(seeds))]
    is_parallel = effective_n_jobs(n_jobs) > 1
    share = seconds * effective_n_jobs(n_jobs) / max(len(grid), 1)
    begin, results, failed = perf_counter(), {}, set()

    def tasks():
        for done, cell in enumerate(grid):
            left = seconds - (perf_counter() - begin)
            limit = min(share, left) if is_parallel else left / (len(grid) - done)
            heed = _Limit(limit, None if is_parallel else on_progress, done, len(grid))
            policy, seed = policies[cell[0]], seeds[cell[1]]
            told = scoring, heed, on_run is not None, counts_flips
            yield delayed(_run)(cell, policy, seed, stream, memory, *told)

    workers = Parallel(
        n_jobs=n_jobs,
        return_as="generator_unordered",
        max_nbytes=None,  # arrays mapped from a file would be gone when the results come back
    )
    for number, (cell, result, texts) in enumerate(workers(tasks()), start=1):
        results[cell] = result
        if result is None:
            failed.add(cell[0])
        elif on_run is not None:
            on_run(PolicyRun(cell[0], seeds[cell[1]], result, texts, len(grid)))
        if on_progress is not None:
            on_progress(number / len(grid))
    return {
        name: None if name in failed else [results[name, n] for n in range(len(seeds))]
        for name in policies
    }


class _Limit:
    """Ends a run that takes too long, and tells how far all have come; may be pickled."""

    def __init__(self, seconds, on_progress, done, n_runs):
        self.seconds, self.on_progress, self.done, self.n_runs = seconds, on_progress, done, n_runs
        self.begin = None

    def __call__(self, share):
        """Hear what share of its batches a run has done."""
        if self.on_progress is not None:
            self.on_progress((self.done + share) / self.n_runs)
        if share < 1 and perf_counter() - self.begin > self.seconds:
            raise _OutOfTime

    def __enter__(self):
        self.begin = perf_counter()
        return self

    def __exit__(self, kind, error, trace):
        return kind is _OutOfTime


def _run(cell, policy, seed, stream, memory, scoring, limit, *told):
    model, result, texts = policy if seed is None else seeded(policy, seed), None, ()
    evaluated = memory.cache(_evaluated, ignore=["limit"])
    try:
        with limit:
            result, texts = evaluated(model, stream, scoring, limit, *told)
    except Exception as error:
        error.add_note(f"under the policy {cell[0]!r}")
        raise
    return cell, result, texts


def _evaluated(model, stream, scoring, limit, is_recorded, counts_flips):
    """Return the result of a run and its warnings; they depend on no more than the arguments."""
    flips = Flips() if counts_flips else None
    with recorded(is_recorded) as texts:
        result = validated(model, *stream, scoring=scoring, heed=limit, flips=flips)
    return result, tuple(texts)


@contextmanager
def recorded(is_recorded):
    """Collect the texts of warnings, or let them through."""
    texts = []
    if not is_recorded:
        yield texts
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
    texts.extend(f"{w.category.__name__}: {w.message}" for w in caught)
