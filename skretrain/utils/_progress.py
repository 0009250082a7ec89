"""Show how far a loop has come: a bar where rich is installed, else a line now and then."""

import sys
from importlib.util import find_spec
from time import perf_counter

_LINES = 10


def tracked(items, total, label, rows_in):
    """Yield `items` and show the progress on standard error.

    Parameters
    ----------
    items : iterable
        What to go through.
    total : int or None
        How many there are, if that is known.
    label : str
        What is going on.
    rows_in : callable
        ``rows_in(item)`` counts its rows: it is said how many there are in a second.

    Yields
    ------
    item : object
        Each item in turn.
    """
    rate = _Rate(rows_in)
    yield from (_with_lines if find_spec("rich") is None else _with_bar)(items, total, label, rate)


class _Rate:
    """Rows per second, in words."""

    def __init__(self, rows_in):
        self.rows_in, self.n_rows, self.begin = rows_in, 0, perf_counter()

    def after(self, item):
        """Return the rate once an item is done."""
        self.n_rows += self.rows_in(item)
        return f"{self.n_rows / max(perf_counter() - self.begin, 1e-9):,.0f} rows/s"


def _with_bar(items, total, label, rate):
    from rich import console, progress

    columns = [
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    ]
    screen = console.Console(stderr=True)
    # Drawing takes processor time from what is measured.
    with progress.Progress(*columns, console=screen, refresh_per_second=4) as bar:
        task = bar.add_task(label, total=total, rate="")
        for item in items:
            yield item
            bar.update(task, advance=1, rate=rate.after(item))


def _with_lines(items, total, label, rate):
    """Print a line at every tenth of the way, or at 1, 2, 4, 8, ... items of an unknown number."""
    for done, item in enumerate(items, start=1):
        yield item
        speed = rate.after(item)
        if total is None:
            if done & (done - 1) == 0:
                sys.stderr.write(f"{label}: {done:,} batches, {speed}\n")
        elif done * _LINES // total > (done - 1) * _LINES // total:
            sys.stderr.write(f"{label}: {100 * done // total} %, {speed}\n")
