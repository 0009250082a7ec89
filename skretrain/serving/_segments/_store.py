"""Where the state of segments that are not in use is kept, if not in a file."""

from ...utils._plain import Plain


class MemoryStore(Plain):
    """States by name, in memory.

    Examples
    --------
    >>> from skretrain.serving._segments._store import MemoryStore
    >>> store = MemoryStore()
    >>> store.put("a", b"1")
    >>> store.get("a"), store.keys()
    (b'1', ['a'])
    """

    def __init__(self):
        self._states = {}

    def keys(self):
        """Return the names of the states, a sorted list of str."""
        return sorted(self._states)

    def get(self, key):
        """Return a state as bytes, or None if there is none."""
        return self._states.get(key)

    def put(self, key, state):
        """Keep a state under a name."""
        self._states[key] = state

    def delete(self, key):
        """Forget a state, if there is one."""
        self._states.pop(key, None)
