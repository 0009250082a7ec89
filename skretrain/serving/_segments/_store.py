"""Where the state of segments that are not in memory is kept."""

import sqlite3
from contextlib import closing

from ...utils._plain import Plain

_HEADER = ""  # no segment has an empty name: it is JSON


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
        """Return the names of the states, a list of str."""
        names = dict.fromkeys([*self._states, *self._new])
        return [name for name in names if self.get(name) is not None]

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


class SQLiteStore(Plain):
    """States by name in one file of SQLite: all since the last commit is void after a crash.

    Parameters
    ----------
    path : str
        The file. It is opened when it is first used, by each process for itself.
    """

    def __init__(self, path):
        self._connection = None
        self.path = path

    def keys(self):
        """Return the names of the states, a list of str."""
        rows = self._run("SELECT name FROM states WHERE name != ?", _HEADER)
        return [name for (name,) in rows]

    def get(self, key):
        """Return a state as bytes, or None if there is none."""
        rows = self._run("SELECT state FROM states WHERE name = ?", key)
        return rows[0][0] if rows else None

    def put(self, key, state):
        """Keep a state under a name."""
        self._run("INSERT OR REPLACE INTO states VALUES (?, ?)", key, state)

    def delete(self, key):
        """Forget a state, if there is one."""
        self._run("DELETE FROM states WHERE name = ?", key)

    def header(self):
        """Return what was given to the last commit, or None before the first."""
        return self.get(_HEADER)

    def commit(self, header):
        """Make all that was put and deleted last, together with a header, in one step."""
        self.put(_HEADER, header)
        self._connection.commit()

    def close(self):
        """Take back all since the last commit, and close the file."""
        if self._connection is not None:
            self._connection.close()  # which rolls back
            self._connection = None

    def __del__(self):
        self.close()

    def _run(self, statement, *values):
        try:
            if self._connection is None:
                # Calls come under the lock of the shelf, from any thread.
                self._connection = sqlite3.connect(self.path, check_same_thread=False)
                self._execute(
                    "CREATE TABLE IF NOT EXISTS states (name TEXT PRIMARY KEY, state BLOB)"
                )
            return self._execute(statement, *values)
        except sqlite3.DatabaseError as error:
            raise OSError(
                f"SegmentedRetrainer(path={self.path!r}): the file cannot be used: {error}. It "
                "must be one that SegmentedRetrainer has written, or a new one in a folder that "
                "is there, and nobody else may be writing to it."
            ) from error

    def _execute(self, statement, *values):
        with closing(self._connection.cursor()) as cursor:
            return cursor.execute(statement, values).fetchall()

    def _state_to_save(self):
        """Return the path alone: the connection belongs to this process."""
        return {"path": self.path, "_connection": None}
