"""Show how far a loop has come: a bar where rich is installed, else a line now and then."""

import sys
from importlib.util import find_spec

_LINES = 10


def tracked(items, total, label):
    """Yield `items` and show the progress on standard error.

    Parameters
    ----------
    items : iterable
        What to go through.
    total : int or None
        How many there are, if that is known.
    label : str
        What is going on.

    Yields
    ------
    item : object
        Each item in turn.
    """
    if find_spec("rich") is None:
        yield from _with_lines(items, total, label)
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=label, total=total, console=Console(stderr=True))


def _with_lines(items, total, label):
    """Print a line at every tenth of the way, or at 1, 2, 4, 8, ... items of an unknown number."""
    for done, item in enumerate(items, start=1):
        yield item
        if total is None:
            if done & (done - 1) == 0:
                sys.stderr.write(f"{label}: {done:,} batches\n")
        elif done * _LINES // total > (done - 1) * _LINES // total:
            sys.stderr.write(f"{label}: {100 * done // total} %\n")
