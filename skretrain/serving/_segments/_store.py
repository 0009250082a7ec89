"""Where the state of segments that are not in use is kept, if not in a file."""

from ...utils._plain import Plain


class MemoryStore(Plain):
    """States by name, in memory: what was put since the last commit can be taken back.

    Examples
    --------
    >>> from skretrain.serving._segments._store import MemoryStore
    >>> store = MemoryStore()
    >>> store.put("a", b"1")
    >>> store.commit(b"header")
    >>> store.put("a", b"2")
    >>> store.close()
    >>> store.get("a"), store.header()
    (b'1', b'header')
    """

    def __init__(self):
        self._states, self._new, self._header = {}, {}, None

    def keys(self):
        """Return the names of the states, a sorted list of str."""
        names = dict.fromkeys([*self._states, *self._new])
        return sorted(name for name in names if self.get(name) is not None)

    def get(self, key):
        """Return a state as bytes, or None if there is none."""
        return self._new[key] if key in self._new else self._states.get(key)

    def put(self, key, state):
        """Keep a state under a name."""
        self._new[key] = state

    def delete(self, key):
        """Forget a state, if there is one."""
        self._new[key] = None

    def header(self):
        """Return what was given to the last commit, or None before the first."""
        return self._header

    def commit(self, header):
        """Make all that was put and deleted last, together with a header."""
        self._states = {name: self.get(name) for name in self.keys()}
        self._new, self._header = {}, header

    def close(self):
        """Take back all since the last commit."""
        self._new = {}
