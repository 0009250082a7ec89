"""All or nothing: a batch that was not taken in as a whole has not come."""

from collections import OrderedDict, deque
from copy import deepcopy

import numpy as np

from ..utils._plain import Plain

_CHANGED_IN_PLACE = (list, dict, set, deque, OrderedDict)


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
        attributes = {name: self._kept(value) for name, value in owner.__dict__.items()}
        self.before.append((owner, attributes))
        return owner

    def _kept(self, value):
        kind = type(value)
        if kind is dict:
            return {key: self._kept(item) for key, item in value.items()}
        if kind in _CHANGED_IN_PLACE:
            return value.copy()
        if isinstance(value, Plain):
            return self._note(value)
        return deepcopy(value) if kind is np.random.Generator else value
