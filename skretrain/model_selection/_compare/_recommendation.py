"""Which policy costs least, and why."""

from typing import NamedTuple


class Recommendation(NamedTuple):
    """Which policy costs least at a price.

    Attributes
    ----------
    policy : str
        Its name.
    text : str
        The numbers behind it, in plain words.

    Examples
    --------
    >>> from skretrain.model_selection import Recommendation
    >>> Recommendation("never", "At any price, 'never' costs least.").policy
    'never'
    """

    policy: str
    text: str
