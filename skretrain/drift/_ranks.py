"""Losses of any scale as ranks, which lie in [0, 1]."""

import numpy as np

from ..utils._plain import Plain

_REFERENCE_ROWS = 200


class Ranks(Plain):
    """Midranks in [0, 1] among the first 200 losses seen; any increasing scale gives the same.

    Attributes
    ----------
    complete : bool
        Whether the reference is full; until then no loss is ranked.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._ranks import Ranks
    >>> ranks = Ranks()
    >>> n_taken, ranked = ranks.transform(np.arange(300.0))
    >>> n_taken, ranked.min()
    (200, np.float64(1.0))
    >>> ranks.transform(np.array([-1.0, 50.0, np.inf]))[1]
    array([0.    , 0.2525, 1.    ])
    """

    def __init__(self):
        self._reference = np.empty(0)

    @property
    def complete(self):
        """Whether the reference is full, a bool."""
        return len(self._reference) == _REFERENCE_ROWS

    def transform(self, losses):
        """Complete the reference, as far as it is not, and rank the rest.

        Parameters
        ----------
        losses : ndarray of shape (n,)
            Newest losses, without NaN.

        Returns
        -------
        n_taken : int
            How many of them, from the first on, the reference took.
        ranks : ndarray of shape (n - n_taken,)
            Ranks of the others.
        """
        n_taken = 0
        if not self.complete:
            n_taken = min(_REFERENCE_ROWS - len(self._reference), len(losses))
            self._reference = np.sort(np.r_[self._reference, losses[:n_taken]])
            losses = losses[n_taken:]
        below = self._reference.searchsorted(losses, "left")
        not_above = self._reference.searchsorted(losses, "right")
        return n_taken, (below + not_above) / (2 * _REFERENCE_ROWS)
