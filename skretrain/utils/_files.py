"""Files that are whole or not there: written aside, then put in their place."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def write_whole(path, content):
    """Write a file so that a reader finds the old content or the new one, never a part.

    Of several that write it at once, the last one counts.

    Parameters
    ----------
    path : str or path-like
        Where to. A link is followed; a device or a pipe is written to as it is.
    content : bytes
        What to write.

    Raises
    ------
    OSError
        If it cannot be written. What was there before is still there, and nothing else.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skretrain.utils._files import write_whole
    >>> with TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a.txt", b"text")
    ...     [path.name for path in Path(folder).iterdir()]
    ['a.txt']
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    # Not the number of the process: threads share it, and so do containers on one volume.
    aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
    try:
        with open(aside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(aside, stat.S_IMODE(path.stat().st_mode))
        os.replace(aside, path)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            # With the name that the caller knows; it is an error of the same kind.
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    _flush_folder(path.parent)


def _flush_folder(folder):
    """Let the new name outlive a power cut, where the system can flush a folder."""
    with suppress(OSError):  # Windows opens none, and some network drives flush none
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
