"""The files of a finished run: what can be written is written, and the rest is named."""

import re

from ..utils._files import write_whole
from ._console import say
from ._errors import CommandError, NotWritten, first_line

# What a notice says of options: brackets with one, and sentences after the first.
_OPTIONS = re.compile(r" \([^()]*--[a-z][^()]*\)|(?<=[.?]) [^.?]*--[a-z].*")


def without_options(notices):
    """Return notices for a page, whose readers have no command line before them."""
    return [_OPTIONS.sub("", notice) for notice in notices]


def output_folder(path, option="--out"):
    """Return the folder of an option after making it, with those above it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"{option} {path} cannot be made a folder: {error.strerror}; name another."
        ) from error
    return path


class Outputs:
    """Files in a folder, written one by one; none that fails takes another with it."""

    def __init__(self, folder):
        self.folder = folder
        self.written, self.failed = [], []

    def write(self, name, make):
        """Write what a function returns, text or bytes, or note why that could not be done."""
        path = self.folder / name
        content = self.made(path, make)
        if content is None:
            return
        if isinstance(content, str):
            # A file name may hold bytes that are no text.
            content = content.encode("utf-8", "replace")
        try:
            write_whole(path, content)
        except OSError as error:
            self.failed.append(f"{path}: {error.strerror or first_line(error)}")
        else:
            self.written.append(path)

    def made(self, what, make):
        """Return what a function returns; or None, after noting why there is nothing."""
        try:
            return make()
        except Exception as error:  # the run may have taken hours: no part of it may be lost
            self.failed.append(f"{what}: {type(error).__name__}: {first_line(error)}")
            return None

    def finish(self, console):
        """Name the files; raise NotWritten if something is missing."""
        if self.written:
            say(console, f"\nWritten: {', '.join(map(str, self.written))}")
        failed = [*self.failed, *console.file.failed]
        if failed:
            raise NotWritten(f"the run is finished, but not written was {'; '.join(failed)}")
