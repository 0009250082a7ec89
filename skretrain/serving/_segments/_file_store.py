"""The states of many segments in one file, of which a pass changes everything or nothing."""

import hashlib
import os
import sqlite3
import time
from contextlib import contextmanager
from functools import wraps
from threading import RLock

from ...utils._plain import Plain
from ...utils._warn import warn_user

_PROTOCOL = 2  # of the tables; raised when this version could not read those of the one before
_HEADER = ""  # the key of what belongs to all segments; no segment has an empty one: it is JSON
_DIGEST = 16  # bytes of a checksum
_WAIT = 5.0  # seconds for another process to end its transaction
# A state is the checksum of a list, and the list: the checksums of its parts, each of which is the
# name of its part. What is listed is found by its content, so that parts of two states never mix.
_TABLES = (
    "CREATE TABLE skretrain_segments (protocol INTEGER, commits INTEGER)",
    f"INSERT INTO skretrain_segments VALUES ({_PROTOCOL}, 0)",
    "CREATE TABLE states (key TEXT PRIMARY KEY, digests BLOB)",
    "CREATE TABLE parts (key TEXT, digest BLOB, content BLOB, PRIMARY KEY (key, digest))",
)
# The list, whose name is NULL, and parts. One statement each: it sees what one commit has left.
_READ = (
    "SELECT NULL, digests FROM states WHERE key = ?1 "
    "UNION ALL SELECT digest, content FROM parts WHERE key = ?1"
)
_READ_FIRST = (
    f"{_READ} AND digest = (SELECT substr(digests, {_DIGEST + 1}, {_DIGEST}) FROM states "
    "WHERE key = ?1)"
)
# Connections of a parent process. To close one in a child would undo what the parent is writing.
_INHERITED = []


class Changed(ValueError):
    """Somebody else has written the file since it was read."""


def _alone(method):
    """Let one thread at a time use the file: SQLite ends the process otherwise."""

    @wraps(method)
    def alone(self, *args, **kwargs):
        with self._lock:
            return method(self, *args, **kwargs)

    return alone


class FileStore(Plain):
    """States by name, in one file of SQLite.

    A state is a list of parts: only those are written that it did not have before, and the first
    can be read alone.

    What was put or deleted since the latest `commit` is void when the process dies, however it
    dies: SQLite keeps a journal beside the file meanwhile, and reads it when the file is opened
    again. One process at a time writes; what has read the file before another process wrote it
    refuses to go on.

    Parameters
    ----------
    path : str or path-like
        The file, seen from the folder that is current now; it is made when the first state is put.
        Its folder must be there.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skretrain.serving._segments._file_store import FileStore
    >>> with TemporaryDirectory() as folder:
    ...     store = FileStore(Path(folder) / "fleet.db")
    ...     store.put("a", [b"model", b"rows"])
    ...     store.commit([b"header"])
    ...     store.put("a", [b"another", b"rows"])
    ...     store.close()
    ...     found = store.get("a"), store.get("a", first=True), store.header(), store.keys()
    ...     store.close()
    >>> found
    ([b'model', b'rows'], [b'model'], [b'header'], ['a'])
    """

    def __init__(self, path):
        self.path = path
        self._file = os.path.abspath(path)  # nor has a name such as ":memory:" another meaning
        self._n_commits = None  # as of what was read or written here
        self._has_commits = False  # as far as is known here
        self._opened = None, None  # the connection, and the process that opened it
        self._identity = None  # of the file that was opened: another may take its place
        self._lock = RLock()

    @_alone
    def keys(self):
        """Return the names of the states, a sorted list of str."""
        rows = self._read("SELECT key FROM states WHERE key != '' ORDER BY key")
        return [key for (key,) in rows]

    @_alone
    def get(self, key, *, first=False):
        """Return a state, or None if there is none of this name.

        Parameters
        ----------
        key : str
            Its name.
        first : bool, default=False
            Whether the first part is wanted alone: no other is read then.

        Returns
        -------
        parts : list of bytes or None
            As they were put.

        Raises
        ------
        ValueError
            If they were altered.
        """
        found = dict(self._read(_READ_FIRST if first else _READ, key))
        content = found.pop(None, None)
        if content is None:
            return None
        digest, listed = content[:_DIGEST], content[_DIGEST:]
        names = [listed[at : at + _DIGEST] for at in range(0, len(listed), _DIGEST)]
        names = names[:1] if first else names
        is_whole = digest == _digest_of(listed) and found.keys() >= set(names)
        if is_whole and all(name == _digest_of(found[name]) for name in names):
            return [found[name] for name in names]
        raise ValueError(
            f"{self.path} was altered: the checksum of {key or 'its header'!r} is not that of its "
            "content. Go back to a copy of the file."
        )

    def header(self):
        """Return what was handed to the latest commit, or None before the first one."""
        return self.get(_HEADER)

    @_alone
    def put(self, key, parts):
        """Keep a state, in place of the one that had its name; parts that it had stay.

        Parameters
        ----------
        key : str
            Its name.
        parts : list of bytes
            The state.
        """
        names = [_digest_of(part) for part in parts]
        present = {name for (name,) in self._read("SELECT digest FROM parts WHERE key = ?", key)}
        listed, given = b"".join(names), dict(zip(names, parts, strict=True))
        digests = _digest_of(listed) + listed
        self._write("INSERT OR REPLACE INTO states VALUES (?, ?)", (key, digests))
        gone = [(key, name) for name in present - given.keys()]
        self._write("DELETE FROM parts WHERE key = ? AND digest = ?", *gone)
        new = [(key, name, part) for name, part in given.items() if name not in present]
        self._write("INSERT INTO parts VALUES (?, ?, ?)", *new)

    @_alone
    def delete(self, key):
        """Forget a state; nothing happens if there is none."""
        self._write("DELETE FROM states WHERE key = ?", (key,))
        self._write("DELETE FROM parts WHERE key = ?", (key,))

    def anew(self):
        """Return a store of the same file that has read nothing: another may have written it."""
        self._connection()  # that of a parent process is kept
        store = FileStore(self.path)
        store._file, store._has_commits = self._file, self._has_commits
        return store

    @property
    def has_read(self):
        """Whether it goes by what the file was at some time, a bool."""
        return self._n_commits is not None

    def is_current(self):
        """Tell whether the file is as it was read or written here, as far as it was, a bool.

        In a forked process it is not: a connection of the parent tells nothing, and a thread that
        is not there may hold the lock.
        """
        connection, opener = self._opened
        return connection is None or (opener == os.getpid() and self._is_as_it_was())

    @_alone
    def _is_as_it_was(self):
        connection = self._connection()
        if connection is None or self._n_commits is None or connection.in_transaction:
            return True
        if _identity_of(self._file) != self._identity:
            return False
        with self._told():
            (n_commits,) = connection.execute("SELECT commits FROM skretrain_segments").fetchone()
        return n_commits == self._n_commits

    @_alone
    def commit(self, header):
        """Make all since the latest commit last, in one step.

        Parameters
        ----------
        header : list of bytes
            What belongs to all segments.
        """
        self.put(_HEADER, header)
        self._write("UPDATE skretrain_segments SET commits = commits + 1", ())
        with self._told():
            self._connection().execute("COMMIT")
        self._n_commits += 1
        self._has_commits = True

    @_alone
    def close(self):
        """Take back all since the latest commit, and close the file; what comes reads it anew."""
        connection = self._connection()
        if connection is not None:
            connection.close()  # which rolls back
        self._opened, self._n_commits = (None, None), None

    def _state_to_save(self):
        """Return the state without the open file, which belongs to this process."""
        return {**self.__dict__, "_opened": (None, None), "_lock": None}

    def _restore(self, state):
        super()._restore(state)
        self._lock = RLock()

    # -- the file ----------------------------------------------------------------------------------

    def _read(self, query, *values):
        with self._told():
            connection = self._connection()
            if connection is None and not (self._has_commits or os.path.exists(self._file)):
                return []
            connection = connection or self._open()
            if not connection.in_transaction:
                self._check_commits(connection)
            return connection.execute(query, values).fetchall()

    def _write(self, query, *rows):
        with self._told():
            connection = self._connection() or self._open()
            if not connection.in_transaction:
                connection.execute("BEGIN IMMEDIATE")
                self._check_commits(connection)
            connection.executemany(query, rows)

    def _connection(self):
        """Return the connection of this process, or None."""
        connection, opener = self._opened
        if connection is None or opener == os.getpid():
            return connection
        _INHERITED.append(connection)
        return None

    def _check_there(self):
        """Refuse to begin anew, in silence, where a file with segments was."""
        if self._has_commits and not os.path.exists(self._file):
            raise OSError(
                f"{self.path} is gone since it was read or written here, and so are the segments "
                "in it. Put the file back, or make a new object to begin anew."
            )

    def _open(self):
        self._check_there()
        if _is_old_and_empty(self._file):
            warn_user(
                f"{self.path} has 0 bytes, so all begins anew. If there were segments in it, go "
                "back to a copy of the file.",
                UserWarning,
            )
        # Without the transactions that Python's module begins and ends of its own accord.
        connection = sqlite3.connect(
            self._file, isolation_level=None, check_same_thread=False, timeout=_WAIT
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._opened, self._identity = (connection, os.getpid()), _identity_of(self._file)
        return connection

    def _prepare(self, connection):
        """Make the tables of a new file, or see that it has them."""
        connection.execute("PRAGMA synchronous = FULL")
        if not _tables_of(connection):
            connection.execute("BEGIN IMMEDIATE")
            if not _tables_of(connection):  # else another process was faster
                for command in _TABLES:
                    connection.execute(command)
            connection.execute("COMMIT")
        if "skretrain_segments" not in _tables_of(connection):
            raise ValueError(f"{self.path} is a database of something else than segments.")

    def _check_commits(self, connection):
        """Refuse to mix what was read here with what another process has written since."""
        query = "SELECT protocol, commits FROM skretrain_segments"
        protocol, n_commits = connection.execute(query).fetchone()
        if protocol != _PROTOCOL:
            other = "a later" if protocol > _PROTOCOL else "an earlier"
            raise ValueError(
                f"{self.path} was written by {other} version of skretrain (protocol {protocol}; "
                f"this one has {_PROTOCOL}): go on with that version, or begin with another file."
            )
        if self._n_commits is None:
            self._n_commits, self._has_commits = n_commits, n_commits > 0
        if self._n_commits != n_commits:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise Changed(
                f"{self.path} was changed by another process or object meanwhile, so that nothing "
                "was written. The same call once more reads it anew."
            )

    @contextmanager
    def _told(self):
        """Say which file it is about, and the way out, where SQLite says neither."""
        try:
            yield
        except sqlite3.OperationalError as error:
            way_out = (
                f"{error}. The folder must be there, the file not be moved, deleted or read-only, "
                "and the disk have room"
            )
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                way_out = "another process writes it: try again later"
            raise OSError(f"{self.path} could not be read or written: {way_out}.") from error
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"{self.path} is no file of segments, or was altered: {error}. Go back to a copy "
                "of the file."
            ) from error


def _is_old_and_empty(path):
    """Tell whether a file has no byte and is none that another process makes just now.

    A process that was killed in its very first call leaves such a file, and a copy that failed.
    """
    try:
        status = os.stat(path)
    except OSError:  # it is not there, or cannot be looked at, which SQLite says
        return False
    return not status.st_size and time.time() - status.st_mtime > _WAIT


def _identity_of(path):
    """Return what tells a file from another one in its place, or None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _tables_of(connection):
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]


def _digest_of(state):
    return hashlib.blake2b(state, digest_size=_DIGEST).digest()
