"""One process at a time: a lock that the system takes back when its holder dies."""

import json
import os
import socket
import time
from contextlib import contextmanager
from importlib import import_module

from ._errors import CommandError

_POLL = 0.1  # seconds
_FAR = 1 << 30  # where Windows locks a byte, so that the words before it can be read


@contextmanager
def locked(path, wait=0.0):
    """Hold a lock while a ``with`` block runs.

    The system keeps it for the open file, so that it is gone with the process, however that ends.

    Parameters
    ----------
    path : Path
        The file that is locked; it says who holds it, and stays.
    wait : float, default=0.0
        Seconds to wait for another holder.

    Raises
    ------
    CommandError
        If another process holds it for longer, or the file cannot be made.
    """
    end = time.monotonic() + wait
    try:
        file = open(path, "a+b", buffering=0)  # noqa: SIM115 (below, after what may go wrong here)
    except OSError as error:
        raise CommandError(f"{path} could not be opened: {error.strerror}.") from error
    with file:
        while not _is_taken(file):
            if time.monotonic() >= end:
                raise CommandError(
                    f"{path.parent} is in use by {_holder(file)}; try again later, or give --wait "
                    "SECONDS."
                )
            time.sleep(_POLL)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        yield


def _is_taken(file):
    """Try to take the lock, and tell whether it is ours now."""
    try:
        _take(file)
    except OSError:
        return False
    return True


def _take(file):
    try:
        fcntl = import_module("fcntl")
    except ImportError:  # on Windows
        msvcrt = import_module("msvcrt")
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(file):
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError):  # it has not said who it is yet
        return "another process"
