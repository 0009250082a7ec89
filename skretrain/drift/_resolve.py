"""From what a user writes as `detector` to a trigger."""

from sklearn.base import clone

from ._any_of import AnyOf
from ._base import BaseTrigger
from ._error_drift import ErrorDrift
from ._river import is_river


def resolve_trigger(detector, random_state=None):
    """Return the trigger that a `detector` parameter stands for.

    Parameters
    ----------
    detector : "adwin", river detector, BaseTrigger, list of these, or None
        Not touched. A river detector is wrapped in :class:`ErrorDrift`; of a list, any may ring.
    random_state : int or None, default=None
        Fills the `random_state` of triggers where it is None.

    Returns
    -------
    trigger : BaseTrigger or None
        Blank; None for None.

    Raises
    ------
    ValueError
        If `detector` is none of these.

    Examples
    --------
    >>> from skretrain.drift._resolve import resolve_trigger
    >>> resolve_trigger("adwin", random_state=3).random_state
    3
    """
    if detector is None:
        return None
    if isinstance(detector, list | tuple) and detector:
        return AnyOf([_one(item, random_state) for item in detector]).reset()
    return _one(detector, random_state).reset()


def _one(detector, random_state):
    if isinstance(detector, BaseTrigger):
        trigger = clone(detector)
    elif is_river(detector):
        trigger = ErrorDrift(detector)
    elif isinstance(detector, str) and detector == "adwin":
        trigger = ErrorDrift()
    else:
        raise ValueError(
            f"detector={detector!r} is not accepted: pass 'adwin', a river detector such as "
            "river.drift.ADWIN(), a trigger such as skretrain.drift.ErrorDrift(), a non-empty list "
            "of these, or None for no detection."
        )
    if random_state is not None and getattr(trigger, "random_state", random_state) is None:
        trigger.set_params(random_state=random_state)
    return trigger
