"""How strict a trigger is: the one parameter that decides how often it rings, and its range."""

import math
from typing import NamedTuple

PROBABILITY = 0.999, 1e-300


class Threshold(NamedTuple):
    """The parameter by which a trigger can be made to ring less, from loosest to strictest.

    Attributes
    ----------
    parameter : str
        Its name, as for ``set_params``.
    loosest, strictest : float
        The ends of its range. If the strictest is the smaller one, it is a probability.

    Examples
    --------
    >>> from skretrain.drift._threshold import Threshold
    >>> threshold = Threshold("detector__threshold", 0.01, 100.0)
    >>> [round(threshold.at(strictness), 2) for strictness in (0.0, 0.5, 1.0)]
    [0.01, 1.0, 100.0]
    """

    parameter: str
    loosest: float
    strictest: float

    def at(self, strictness):
        """Return a value between the ends.

        Parameters
        ----------
        strictness : float
            From 0, the loosest, to 1. Equal steps multiply what a change has to show by equal
            factors: of a probability, its logarithm.

        Returns
        -------
        value : float
            Of the parameter.
        """
        if self.strictest > self.loosest:
            return _between(self.loosest, self.strictest, strictness)
        return math.exp(-_between(-math.log(self.loosest), -math.log(self.strictest), strictness))


def _between(low, high, share):
    return low * (high / low) ** share
