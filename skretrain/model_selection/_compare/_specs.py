"""What to compare: policies and how each is run, windows, prices and seeds, all checked."""

from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..._retrainer._estimator import seed_of
from ...drift import BaseTrigger
from ...drift._river import is_river
from ...metrics import Price
from ...utils._durations import duration_of
from ...utils._params import check_number, checked_seeds, refuse


@dataclass(frozen=True)
class Spec:
    """A policy, and how it is run."""

    kind: str
    policy: Any
    window: int | str | None = None


def specs_of(policies):
    """Return the policies by name, each with how it is run."""
    if not isinstance(policies, dict) or not policies:
        raise ValueError(
            f"policies={policies!r}: pass a dict of names and policies, one at least, or None."
        )
    return {str(name): _spec_of(name, policy) for name, policy in policies.items()}


def _spec_of(name, policy):
    window = None
    if isinstance(policy, tuple) and len(policy) == 2 and not isinstance(policy[0], tuple):
        policy, window = policy
    kind = _kind_of(policy)
    if kind is None or (window is not None and kind in ("live", "schedule")):
        raise ValueError(
            f"policies[{name!r}]={policy!r}: pass a retrainer, a list of (batch, window) pairs, or "
            "a trigger, a trigger class or a function, alone or as a pair with a window."
        )
    return Spec(kind, policy, window)


def _kind_of(policy):
    if isinstance(policy, type):
        takes_price = issubclass(policy, BaseTrigger) and "price" in signature(policy).parameters
        return "told the price" if takes_price else None
    if isinstance(policy, (str, BaseTrigger)) or is_river(policy):
        return "trigger"
    if isinstance(policy, BaseEstimator) or hasattr(policy, "partial_fit"):
        return "live"
    if callable(policy):
        return "function"
    return "schedule" if _is_schedule(policy) else None


def _is_schedule(policy):
    is_sequence = isinstance(policy, (list, tuple))
    return is_sequence and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in policy)


def windows_of(specs, shorter):
    """Return the usual windows, and those that the policies name."""
    named = [spec.window for spec in specs.values() if spec.window is not None]
    for spec in specs.values():
        if spec.kind == "schedule":
            named += [window for _, window in spec.policy]
    return list(dict.fromkeys([shorter, "all", *(duration_of(w) or w for w in named)]))


def checked_prices(prices):
    """Return the prices of the grid as a list."""
    given = np.atleast_1d(np.asarray(prices, dtype=object))
    prices = [checked_price(price) for price in given]
    if not prices:
        raise ValueError("prices is empty: pass at least one, or None.")
    return prices


def checked_price(price, owner="compare_policies", *, counts_flips=True):
    """Return a price as a float, or as the Price that it is; `owner` is who was given it."""
    if isinstance(price, Price):
        if price.flip_price and not counts_flips:
            accepted = (
                "a Price with flip_price=0, since no decisions were kept: have one with a "
                "flip_price among the prices of compare_policies"
            )
            refuse(owner, "price", accepted, price)
        return price
    what = "what one refit costs, in units of the summed loss, or a Price"
    check_number(owner, "price", price, least=0, what=what)
    return float(price)


def has_flips(prices):
    """Tell whether changed decisions have a price."""
    return any(isinstance(price, Price) and price.flip_price > 0 for price in prices or ())


def scoring_at(prices, scoring):
    """Return by what policies are scored: by the cost matrix, where the prices have one."""
    worth = [price.loss_value for price in prices or () if isinstance(price, Price)]
    if not any(isinstance(value, dict) for value in worth):
        return scoring
    if (
        scoring is not None
        or any(value != worth[0] for value in worth)
        or worth != [getattr(price, "loss_value", None) for price in prices]
    ):
        raise ValueError(
            "prices: with a cost matrix as loss_value, rows are scored by what they cost. Leave "
            "scoring=None, and pass the same matrix with all prices."
        )
    return prices[0].row_costs


def seeds_of(seeds, random_state):
    """Return the seeds as a list."""
    if seeds is None:
        return [seed_of("compare_policies", random_state)]
    return checked_seeds("compare_policies", seeds)
