"""All or nothing: a batch that was not taken in as a whole has not come."""

from collections import OrderedDict, deque
from copy import deepcopy

import numpy as np

from ..utils._plain import Plain

_CHANGED_IN_PLACE = (list, dict, set, deque, OrderedDict)
_NEVER_CHANGED = frozenset((type(None), bool, int, float, str, tuple, np.ndarray))


class Undo:
    """Leave an object, and all that it consists of, as it was, if the block raises.

    Arrays are not copied: whoever writes to rows that are alive has to replace them.

    Parameters
    ----------
    owner : Plain
        The object.

    Examples
    --------
    >>> from contextlib import suppress
    >>> from skretrain.buffers import SlidingWindow
    >>> from skretrain.buffers._undo import Undo
    >>> buffer = SlidingWindow().add([[1]])
    >>> with suppress(KeyboardInterrupt), Undo(buffer):
    ...     buffer = buffer.add([[2]])
    ...     raise KeyboardInterrupt
    >>> len(buffer)
    1
    """

    def __init__(self, owner):
        self.before = []  # objects, and their attributes
        self._note(owner)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            for owner, attributes in self.before:
                owner.__dict__.update(attributes)

    def _note(self, owner):
        attributes = self._all_kept(owner.__dict__)
        self.before.append((owner, attributes))
        return owner

    def _all_kept(self, values):
        # With every batch: most are numbers and arrays, of which nothing has to be kept.
        kept = values.copy()
        for name, value in values.items():
            if type(value) not in _NEVER_CHANGED:
                kept[name] = self._kept(value)
        return kept

    def _kept(self, value):
        kind = type(value)
        if kind is dict:
            return self._all_kept(value)
        if kind in _CHANGED_IN_PLACE:
            return value.copy()
        if isinstance(value, Plain):
            return self._note(value)
        return deepcopy(value) if kind is np.random.Generator else value
