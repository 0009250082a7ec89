"""Where the state of segments that are not in use is kept, if not in a file."""

from ...utils._plain import Plain


class MemoryStore(Plain):
    """States by name, in memory.

    Examples
    --------
    >>> from skretrain.serving._segments._store import MemoryStore
    >>> store = MemoryStore()
    >>> store.put("a", [b"1", b"2"])
    >>> store.get("a"), store.get("a", first=True), store.keys()
    ([b'1', b'2'], [b'1'], ['a'])
    """

    path = None  # there is no file

    def __init__(self):
        self._states = {}

    def keys(self):
        """Return the names of the states, a sorted list of str."""
        return sorted(self._states)

    def get(self, key, *, first=False):
        """Return the parts of a state, or the first of them alone; None if there is none."""
        parts = self._states.get(key)
        return parts[:1] if first and parts is not None else parts

    def put(self, key, parts):
        """Keep a state, a list of bytes, under a name."""
        self._states[key] = parts

    def delete(self, key):
        """Forget a state, if there is one."""
        self._states.pop(key, None)
