"""The policies that are compared where none are named."""

import math
from dataclasses import replace

from ..._drift_aware import DriftAwareRetrainer
from ..._mixture import make_mixture
from ..._replay import ReplayPartialFit
from ...compose._learner import Learner
from ...drift import Periodic, RefitDebt
from ...utils._durations import Duration

_WINDOW = 10  # batches: the shorter of the two windows that schedules choose from
_INTERVALS = (1, 5, 20)  # batches from one refit to the next
_INTERVALS_OF = {"h": (1, 24, 168), "d": (1, 7, 28), "w": (1, 4, 12), "mo": (1, 3, 12)}


def window_of(step):
    """Return the shorter of the two windows, of batches of `step`, rows or a Duration."""
    return _times(step, _WINDOW)


def default_policies(
    estimator, step, *, stride=1, n_batches=math.inf, is_priced=True, schedules=()
):
    """Return the policies that are compared where none are named, and what each of them does.

    Parameters
    ----------
    estimator : estimator
        What they keep fresh.
    step : int or Duration
        Rows per batch, or the calendar period that each of them is.
    stride : int, default=1
        Batches between two moments at which a schedule may refit; the schedules are its multiples.
    n_batches : int, default=math.inf
        Batches that are served: no schedule is as long.
    is_priced : bool, default=True
        Whether those that are told the price of a refit are among them.
    schedules : sequence of int or Duration, default=()
        What lies between two refits of further schedules, which stand before the usual ones.

    Returns
    -------
    policies : dict of str to (policy, str)
        By name, the policy as :func:`compare_policies` takes it, and a line about it.
    """
    policies = {"never": ([], "the first model serves for ever")}
    intervals = [stride * n for n in _intervals_of(step)]
    usual = [_times(step, n) for n in intervals if n < n_batches]
    for every in dict.fromkeys([*schedules, *usual]):
        policies |= _scheduled(every, step)
    if is_priced:
        last = _in_words(window_of(step))
        policies["debt on all"] = (
            (RefitDebt, "all"),
            "refit on all rows once excess errors reach the price",
        )
        policies[f"debt on last {last}"] = (
            (RefitDebt, window_of(step)),
            f"the same, on the last {last}",
        )
    return policies | _live_policies(estimator)


def _scheduled(every, step):
    """Return the two policies that refit every so many rows, or after so much time."""
    window = window_of(step)
    last, rows = _in_words(window), "" if isinstance(every, Duration) else " rows"
    name, when = f"every {_in_words(every)}", f"every {_in_words(every)}{rows}, refit on"
    return {
        f"{name} on all": ((Periodic(every), "all"), f"{when} all rows"),
        f"{name} on last {last}": ((Periodic(every), window), f"{when} the last {last}"),
    }


def _in_words(length):
    """Return a number of rows, or a Duration, as text."""
    return length.in_words() if isinstance(length, Duration) else f"{length:,}"


def _times(length, n):
    return replace(length, n=n * length.n) if isinstance(length, Duration) else n * length


def _intervals_of(step):
    is_one = isinstance(step, Duration) and step.n == 1
    return _INTERVALS_OF.get(step.unit, _INTERVALS) if is_one else _INTERVALS


def _live_policies(estimator):
    policies = {
        "keep or refit": (
            DriftAwareRetrainer(estimator),
            "update every batch; alarm, growth: refit if better",
        ),
        "since drift": (
            DriftAwareRetrainer(estimator, policy="full_refit"),
            "update every batch; alarm: refit on rows since drift",
        ),
    }
    if not Learner(estimator).why_not:
        policies["warm start"] = (
            DriftAwareRetrainer(estimator, detector=None, update="warm_start"),
            "update every batch, no drift detection",
        )
    policies["replay mix"] = (
        ReplayPartialFit(estimator),
        "update every batch, with as many remembered rows",
    )
    policies["mixture"] = (
        make_mixture(estimator),
        "several models vote, weighted by what they got right",
    )
    return policies
