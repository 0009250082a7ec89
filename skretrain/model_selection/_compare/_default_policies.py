"""The policies that are compared where none are named."""

import math

from ..._drift_aware import DriftAwareRetrainer
from ..._mixture import make_mixture
from ..._replay import ReplayPartialFit
from ...compose._learner import Learner
from ...drift import Periodic, RefitDebt

WINDOW = 10  # batches: the shorter of the two windows that schedules choose from
_INTERVALS = (1, 5, 20)  # batches from one refit to the next


def default_policies(estimator, batch_size, *, stride=1, n_rows=math.inf, is_priced=True):
    """Return the policies that are compared where none are named, and what each of them does.

    Parameters
    ----------
    estimator : estimator
        What they keep fresh.
    batch_size : int
        Rows per batch.
    stride : int, default=1
        Batches between two moments at which a schedule may refit; the schedules are its multiples.
    n_rows : int, default=math.inf
        Rows that are served: no schedule is as long.
    is_priced : bool, default=True
        Whether those that are told the price of a refit are among them.

    Returns
    -------
    policies : dict of str to (policy, str)
        By name, the policy as :func:`compare_policies` takes it, and a line about it.
    """
    window = WINDOW * batch_size
    policies = {"never": ([], "the first model serves for ever")}
    for every in (n_batches * stride * batch_size for n_batches in _INTERVALS):
        if every < n_rows:
            when = f"every {every:,} rows, refit on"
            policies[f"every {every:,} on all"] = (Periodic(every), "all"), f"{when} all rows"
            policies[f"every {every:,} on last {window:,}"] = (
                (Periodic(every), window),
                f"{when} the last {window:,}",
            )
    if is_priced:
        policies["debt on all"] = (
            (RefitDebt, "all"),
            "refit on all rows once excess errors reach the price",
        )
        policies[f"debt on last {window:,}"] = (
            (RefitDebt, window),
            f"the same, on the last {window:,}",
        )
    return policies | _live_policies(estimator)


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
