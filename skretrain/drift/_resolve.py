"""From what a user writes as `detector` to a trigger."""

from ..utils._params import refuse
from ._at_least import AtLeast, as_trigger, is_trigger


def resolve_trigger(detector, random_state=None, owner="DriftAwareRetrainer"):
    """Return the trigger that a `detector` parameter stands for.

    Parameters
    ----------
    detector : "adwin", river detector, BaseTrigger, list of these, or None
        Not touched. A river detector is wrapped in :class:`ErrorDrift`; of a list, any may ring.
    random_state : int or None, default=None
        Fills the `random_state` of triggers where it is None.
    owner : object or str, default="DriftAwareRetrainer"
        What has the parameter, for the error message.

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
    is_list = isinstance(detector, list | tuple) and len(detector) > 0
    if not all(map(is_trigger, detector if is_list else [detector])):
        refuse(
            owner,
            "detector",
            "'adwin', a river detector such as river.drift.ADWIN(), a trigger such as "
            "skretrain.drift.ErrorDrift(), a non-empty list of these, or None for no detection",
            detector,
        )
    if is_list:
        detector = AtLeast([as_trigger(item, random_state) for item in detector])
    return as_trigger(detector, random_state).reset()
