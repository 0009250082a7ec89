"""Policies that depend on their own past, run on the history itself."""

import warnings
from contextlib import contextmanager
from typing import Any, NamedTuple

from sklearn.utils.parallel import Parallel, delayed

from .._prequential import seeded, validated


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


def run_all_live(policies, seeds, stream, scoring, *, n_jobs, on_run):
    """Return what each policy does with each seed, a dict of str to list of PrequentialResult.

    `stream` is ``(X, y, timing, times)``.
    """
    grid = [(name, number) for name in policies for number in range(len(seeds))]
    workers = Parallel(
        n_jobs=n_jobs,
        return_as="generator_unordered",
        max_nbytes=None,  # arrays mapped from a file would be gone when the results come back
    )
    runs = workers(
        delayed(_run)(cell, policies[cell[0]], seeds[cell[1]], stream, scoring, on_run is not None)
        for cell in grid
    )
    results = {}
    for cell, result, texts in runs:
        results[cell] = result
        if on_run is not None:
            on_run(PolicyRun(cell[0], seeds[cell[1]], result, texts, len(grid)))
    return {name: [results[name, n] for n in range(len(seeds))] for name in policies}


def _run(cell, policy, seed, stream, scoring, is_recorded):
    model = policy if seed is None else seeded(policy, seed)
    try:
        with _recorded(is_recorded) as texts:
            result = validated(model, *stream, scoring=scoring)
    except Exception as error:
        error.add_note(f"under the policy {cell[0]!r}")
        raise
    return cell, result, tuple(texts)


@contextmanager
def _recorded(is_recorded):
    """Collect the texts of warnings, or let them through."""
    texts = []
    if not is_recorded:
        yield texts
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
    texts.extend(f"{w.category.__name__}: {w.message}" for w in caught)
