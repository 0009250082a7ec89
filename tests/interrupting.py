"""An error that comes at a chosen line of skretrain, as Ctrl-C does and memory that runs out."""

import sys
from contextlib import contextmanager
from pathlib import Path

import skretrain

FOLDER = str(Path(skretrain.__file__).parent)


class Lines:
    """Count the lines of skretrain that run in this thread, and raise at one of them.

    Attributes
    ----------
    n_run : int
        Lines so far.
    where : str or None
        The line at which the error came.
    """

    def __init__(self, raise_at=None, error=KeyboardInterrupt):
        self.raise_at, self.error = raise_at, error
        self.n_run, self.where = 0, None

    def _line(self, frame, kind, argument):
        if kind == "line":
            if self.n_run == self.raise_at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                self.n_run += 1
                raise self.error()
            self.n_run += 1
        return self._line

    def _call(self, frame, kind, argument):
        return self._line if frame.f_code.co_filename.startswith(FOLDER) else None

    @contextmanager
    def watched(self):
        """Watch the lines inside the block."""
        before = sys.gettrace()
        sys.settrace(self._call)
        try:
            yield self
        finally:
            sys.settrace(before)


def lines_of(call):
    """Return how many lines of skretrain a call takes."""
    with Lines().watched() as lines:
        call()
    return lines.n_run
