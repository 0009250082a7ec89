"""Rows that nobody learns: a sample of the stream, to measure on what was learned before."""

import numpy as np

from ..utils._containers import take_rows
from ..utils._plain import Plain
from ._store import Store

# A young stream would lose all its rows otherwise.
_MOST = 0.1
# Times the share that a sample of the stream takes: the rows with the smallest numbers are then
# nearly always among those that were withheld.
_SLACK = 2.0


class Anchor(Plain):
    """A uniform sample of the stream, chosen by the numbers of rows alone.

    Each row of the stream has a random number. A row is withheld if that is small for its place in
    the stream, and of the rows withheld those with the smallest numbers stay. Whether a row is
    withheld is thus known to everybody, before and after it was learned, in any process.

    Parameters
    ----------
    size : int
        Rows to hold at most.
    seed : int
        Of the random numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.buffers._anchor import Anchor
    >>> anchor = Anchor(5, seed=0)
    >>> np.flatnonzero(anchor.withheld(np.arange(100)))
    array([ 2, 32, 33, 41, 42, 43, 53, 94, 95])
    """

    def __init__(self, size, seed):
        self.size = size
        self.seed = np.array([seed], dtype=np.uint64)
        self.store = Store(size)
        self.alive = np.empty(0, dtype=np.int64)  # stored positions, ascending

    def withheld(self, index):
        """Return which rows of the stream nobody may learn.

        Parameters
        ----------
        index : ndarray of int of shape (n,)
            Their numbers.
        """
        most = np.minimum(_MOST, _SLACK * self.size / (index + 1.0))
        return _random(index, self.seed) < most

    def prepared(self, parts, index):
        """Return what :meth:`add` takes, or raise ValueError where rows do not fit.

        Parameters
        ----------
        parts : dict of str to container
            Rows that are withheld, by column.
        index : ndarray of int of shape (n,)
            Their numbers.
        """
        rest = {name: part for name, part in parts.items() if name not in ("X", "y")}
        return *self.store.prepare(parts["X"], parts.get("y"), rest), index

    def add(self, parts, columns, index):
        """Take rows in, and let those with the largest numbers go."""
        store, n_alive = self.store, len(self.alive)
        store.columns = columns
        numbers = _random(np.concatenate([store.index[self.alive], index]), self.seed)
        chosen = np.sort(np.argsort(numbers)[: self.size])
        kept, new = self.alive[chosen[chosen < n_alive]], chosen[chosen >= n_alive] - n_alive
        if store.end + len(new) > store.capacity:
            store.compact(kept, len(new))
            kept = np.arange(len(kept))
        places = np.arange(store.end, store.end + len(new))
        if len(new):
            taken = {name: take_rows(part, new) for name, part in parts.items()}
            store.append(taken, index[new], len(new))
        self.alive = np.concatenate([kept, places])


def _random(index, seed):
    """Return a number in [0, 1) for each row, which depends on row and seed alone.

    It is SplitMix64 (Steele, Lea and Flood 2014), which jumps to any place of its sequence.
    """
    state = (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + seed
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
