"""What schedules of refits could have done at best, beside the policies that were run."""

import warnings

import numpy as np

from ..model_selection._compare_policies import replayed
from ._policies import POLICIES

_MOST_FITS = 60  # per window and seed; a fit of the whole history takes long


class _AbsoluteError:
    """The absolute error in units of the target."""

    __name__ = "absolute_error"

    def __init__(self, unit):
        self.unit = unit

    def __call__(self, y_true, y_pred):
        with np.errstate(over="ignore", invalid="ignore"):
            loss = self.unit * np.abs(y_true - y_pred)
        return np.where(np.isnan(loss), np.inf, loss)


def stride_of(history, batch):
    """Return the batches between two moments at which a schedule may refit."""
    n_batches = -(-(len(history.y) - history.warm_up) // batch)
    return -(-n_batches // _MOST_FITS)


def compared(outcomes, history, *, batch, label_delay, price, seeds, jobs):
    """Return the comparison of the policies that ran, and set their cost if there is a price.

    Parameters
    ----------
    outcomes : list of Outcome
        What the policies did.
    history : History
        The stream.
    batch, label_delay : int
        Rows per batch; rows between a prediction and its label.
    price : float or None
        What a refit costs, in errors or in units of the target.
    seeds, jobs : int
        Seeds that each policy was run with; processes.

    Returns
    -------
    comparison : PolicyComparison
        Of the same rows.
    """
    ran = {outcome.name: outcome for outcome in outcomes if not outcome.refusal}
    makers = {policy.name: policy.make for policy in POLICIES}
    classifies = history.task == "classification"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the live policies have given them
        comparison = replayed(
            history.base,
            history.X,
            history.y,
            {name: makers[name](history.base, batch, None) for name in ran},
            batch_size=batch,
            initial_size=history.warm_up,
            label_delay=label_delay,
            fit_latency=0,
            prices=price,
            scoring="accuracy" if classifies else _AbsoluteError(history.unit),
            seeds=range(seeds),
            n_jobs=jobs,
            stride=stride_of(history, batch),
        )
    if not classifies:
        comparison.unit = f"units of '{history.target}'"
    for name, outcome in ran.items():
        comparison.add_live(name, list(outcome.results))
        if price is not None:
            outcome.cost = comparison.cost(name, price)
    return comparison
