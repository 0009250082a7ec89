"""Turn what a user typed into a policy."""

from sklearn.base import clone

from ..utils._params import refuse
from ._base import BasePolicy
from ._full_refit import FullRefit
from ._keep_or_refit import KeepOrRefit
from ._replay_mix import ReplayMix
from ._warm_start import WarmStart

ALIASES = {
    "full_refit": FullRefit,
    "keep_or_refit": KeepOrRefit,
    "replay_mix": ReplayMix,
    "warm_start": WarmStart,
}


def resolve_policy(value, parameter, learner, owner="DriftAwareRetrainer"):
    """Return a checked policy of its own for an alias or a policy object.

    Parameters
    ----------
    value : str or BasePolicy
        What was given.
    parameter : str
        The name of the parameter, for the error message.
    learner : Learner
        The base that the policy will work with.
    owner : object or str, default="DriftAwareRetrainer"
        What has the parameter, for the error message.

    Raises
    ------
    ValueError
        If `value` is neither, or the policy and the base do not fit together.
    """
    policy = policy_of(value, parameter, owner)
    policy.check(learner)
    return policy


def policy_of(value, parameter, owner):
    """Return a policy of its own for an alias or a policy object, not checked with any base."""
    if isinstance(value, str) and value in ALIASES:
        policy = ALIASES[value]()
    elif isinstance(value, BasePolicy):
        policy = clone(value)
    else:
        words = [*sorted(ALIASES), *(["auto", None] if parameter == "update" else [])]
        accepted = f"one of {words} or an object of skretrain.policies"
        refuse(owner, parameter, accepted, value)
    return policy
