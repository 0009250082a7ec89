"""Retrainers by segment: those used last in memory, the others in a store."""

from collections import OrderedDict
from threading import RLock
from typing import Any, NamedTuple

from ...utils._plain import Plain
from ._keys import text_of
from ._parts import first_of, packed, unpacked
from ._store import MemoryStore


class Gone(LookupError):
    """There is no such segment: another thread may just have ended it."""


class Loaded(NamedTuple):
    """What is in memory of a segment.

    Attributes
    ----------
    retrainer : BaseRetrainer
        Of the segment.
    is_whole : bool
        Whether it has more than what serves.
    """

    retrainer: Any
    is_whole: bool


class Shelf(Plain):
    """Retrainers by segment, of which at most `max_loaded` are in memory.

    Parameters
    ----------
    store : MemoryStore or FileStore
        Where the others are. One that is a file has the state of all after each pass.
    max_loaded : int or None
        None is no limit.
    """

    def __init__(self, store, max_loaded):
        self.store = store
        self.max_loaded = max_loaded
        self._loaded = OrderedDict()  # the one used last comes last
        self._changed = set()  # loaded ones that the store does not have as they are
        self._in_use = None
        self._lock = RLock()

    @property
    def path(self):
        """The file of the store, a str, or None."""
        return self.store.path

    def is_loaded(self, key):
        """Tell whether a segment's retrainer is in memory."""
        return key in self._loaded

    def get(self, key, *, to_change=False):
        """Return the retrainer of a segment; one that is to be changed does not leave meanwhile."""
        with self._lock:
            return self._present(key, to_change=to_change)

    def serving(self, key):
        """Return what predicts for a segment: its retrainer, or as much of it as that takes."""
        with self._lock:
            return self._present(key, is_asked=True)

    def put(self, key, retrainer):
        """Keep the retrainer of a segment, which is new or has changed."""
        with self._lock:
            self._changed.add(key)
            self._loaded[key] = Loaded(retrainer, is_whole=True)
            self._loaded.move_to_end(key)
            self._in_use = None
            self._make_room()

    def delete(self, key):
        """Forget the retrainer of a segment."""
        with self._lock:
            self._loaded.pop(key, None)
            self._changed.discard(key)
            self.store.delete(text_of(key))

    def clear(self, *, but=()):
        """Forget the retrainers of all other segments, whoever has put them into the store."""
        with self._lock:
            self._loaded, self._changed = OrderedDict(), set()
            for name in set(self.store.keys()).difference(map(text_of, but)):
                self.store.delete(name)

    def commit(self, header):
        """Write all that has changed, and a header in parts, in one step."""
        with self._lock:
            for key in sorted(self._changed, key=text_of):
                self._write(key)
            self._changed = set()
            self.store.commit(header)

    def _present(self, key, *, is_asked=False, to_change=False):
        """Return a retrainer that may be asked alone, or is to be whole."""
        loaded = self._loaded.get(key)
        # Never taken out, be it for a moment: an interrupt just then would lose it.
        if loaded is None or not (is_asked or loaded.is_whole):
            loaded = self._loaded[key] = self._read(key, is_asked)
        self._loaded.move_to_end(key)
        self._in_use = key if to_change else self._in_use
        self._make_room()
        return loaded.retrainer

    def _read(self, key, is_asked):
        parts = self.store.get(text_of(key), first=is_asked)
        if parts is None:
            raise Gone(f"there is no state of segment {key!r}: it has ended, or was taken away.")
        if is_asked:
            return Loaded(first_of(parts), is_whole=False)
        _, retrainer = unpacked(parts)
        return Loaded(retrainer, is_whole=True)

    def _make_room(self):
        room = self.max_loaded
        if room is None or len(self._loaded) <= room:
            return
        for key in [key for key in self._loaded if key != self._in_use][: len(self._loaded) - room]:
            if key in self._changed:
                self._write(key)
                self._changed.discard(key)
            del self._loaded[key]

    def _write(self, key):
        retrainer = self._loaded[key].retrainer
        self.store.put(text_of(key), packed(retrainer._lean(), retrainer))

    def _state_to_save(self):
        """Return the state without the lock, and without what stands in a file."""
        with self._lock:
            # A copy of what changes while another thread learns.
            state = {**vars(self), "_lock": None, "_in_use": None, "_loaded": self._loaded.copy()}
            if not isinstance(self.store, MemoryStore):
                state |= {"_loaded": OrderedDict(), "_changed": set()}
            return state

    def _restore(self, state):
        super()._restore(state)
        self._lock = RLock()
