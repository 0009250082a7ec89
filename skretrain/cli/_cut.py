"""How a history is cut: lengths in rows or in time, and what is known when."""

import argparse
from dataclasses import replace

import numpy as np

from ..model_selection._edges import ends_of
from ..model_selection._timing import cut, n_before, timing_of
from ..utils._durations import Duration, duration_of, moments_of
from ..utils._words import counted
from ._errors import CommandError
from ._label_time import checked_arrivals

_BATCH = 100
_MOST_BATCHES = 200  # of a batch size that nobody has named: each is a moment to learn at
_ROUND = (1, 2, 5)  # times a power of ten
_MOST_WARM_UP = 5_000


def length(least):
    """Return a type of option: at least so many rows, or a duration such as 1d."""

    def rows_or_duration(text):
        found = duration_of(text.strip().lower())
        try:
            found = int(text) if found is None else found
        except ValueError:
            found = None
        if found is None or (isinstance(found, int) and found < least):
            raise argparse.ArgumentTypeError(
                f"{text!r} is neither a whole number of at least {least} nor a duration such as "
                "15min, 6h, 1d, 2w, 3mo or weekly"
            )
        return found

    return rows_or_duration


def seconds(text):
    """Take an option that is a length of time: a number of seconds, or a duration."""
    found = duration_of(text.strip().lower())
    if found is not None:
        return found.seconds
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < np.inf:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number of seconds above 0 nor a duration such as 90s or 5min"
        )
    return value


def in_rows(value):
    """Return a length as text: 100 rows, 1 day."""
    return value.in_words(one="1 ") if isinstance(value, Duration) else counted(value, "row")


def timing_for(
    n_rows, times, *, time, batch, warm_up, label_delay, notices, schedules=(), labels=None
):
    """Return how the rows of a history are cut, a Timing.

    Parameters
    ----------
    n_rows : int
        How many there are.
    times : ndarray or None
        When they came.
    time : str or None
        The column of these times.
    batch, warm_up : int, Duration or None
        Lengths of a batch and of the first fit; None is the usual one.
    label_delay : int or Duration
        What passes between a prediction and its label.
    notices : list of str
        Gets a line for batches that differ in size.
    schedules : sequence of int or Duration, default=()
        Lengths from one refit to the next that are asked for.
    labels : tuple of (str, ndarray) or None, default=None
        The column that says when labels came, and when they did.
    """
    if batch is None:
        batch = usual_batch(n_rows)
    options = {"--batch": batch, "--warm-up": warm_up, "--label-delay": label_delay}
    named = [*options.items(), *(("--schedule", every) for every in schedules)]
    _check_dates(named, times, time)
    if warm_up is None:
        warm_up = usual_warm_up(n_rows, batch)
    if isinstance(batch, int) and isinstance(warm_up, int):
        _check_rows(n_rows, warm_up, batch, label_delay)
    check_schedules(schedules, n_rows, batch, times)
    edges = cut(n_rows, warm_up, batch, times)
    if len(edges) < 4:
        _refuse_few(edges, times, time, batch)
    if times is not None:
        _say_sizes(edges, times, time, batch, notices)
    timing = timing_of(
        "compare",
        n_rows,
        times=times,
        is_whole=True,
        batch_size=batch,
        initial_size=int(edges[1]),
        label_delay=label_delay,
        fit_latency=0,
    )
    if labels is not None:
        arrivals = checked_arrivals(*labels, times, edges, notices)
        return replace(timing, arrivals=arrivals)
    if timing.known_chunks().max() <= 1:
        raise CommandError(
            f"--label-delay {label_delay} is so long that no label after the warm-up is known in "
            "time; lower it, or bring more rows."
        )
    return timing


def usual_batch(n_rows, most=np.inf):
    """Return a round number of rows per batch, `most` or less, of which there are not too many."""
    least = max(n_rows / _MOST_BATCHES, _BATCH)
    numbers = [n * 10**power for power in range(16) for n in _ROUND]
    found = next(n for n in numbers if n >= least)
    return found if found <= most else max(n for n in numbers if n <= most)


def usual_warm_up(n_rows, batch):
    """Return the rows of the first fit: a tenth, if that is no less than a batch."""
    return max(min(n_rows // 10, _MOST_WARM_UP), batch if isinstance(batch, int) else 1)


def _check_dates(named, times, time):
    """Refuse durations where rows have no dates."""
    if times is not None and moments_of(times) is not None:
        return
    for option, value in named:
        if isinstance(value, Duration):
            there = (
                f"--time {time!r} holds none"
                if time is not None
                else "there are none: name the column with --time"
            )
            raise CommandError(f"{option} {value} needs dates, and {there}. Or say it in rows.")


def _check_rows(n_rows, warm_up, batch, label_delay):
    late = label_delay if isinstance(label_delay, int) else 0
    least = warm_up + late + 2 * batch
    if n_rows < least:
        raise CommandError(
            f"{n_rows:,} rows are too few: a warm-up of {warm_up:,}, a label delay of "
            f"{label_delay if late == label_delay else in_rows(label_delay)} and two batches of "
            f"{batch:,} need {least:,}. Lower --warm-up, --label-delay or --batch, or bring more "
            "rows."
        )


def check_schedules(schedules, n_rows, batch, times):
    """Refuse schedules that are no other than each batch, or than never."""
    for every in schedules:
        if _is_shorter(every, batch):
            raise CommandError(
                f"--schedule {every} is shorter than a batch of {in_rows(batch)}, after which a "
                "policy can act; lower --batch."
            )
        if _never_comes(every, n_rows, times):
            raise CommandError(
                f"--schedule {every} is longer than the history, and never comes; shorten it."
            )


def _is_shorter(every, batch):
    lengths = every, batch
    if all(isinstance(length, Duration) for length in lengths):
        return every.seconds < batch.seconds
    return all(isinstance(length, int) for length in lengths) and every < batch


def _never_comes(every, n_rows, times):
    if not isinstance(every, Duration):
        return every >= n_rows
    moments = moments_of(times)
    return every.seconds >= (moments[-1] - moments[0]) / np.timedelta64(1, "s")


def _refuse_few(edges, times, time, batch):
    if isinstance(batch, Duration):
        raise CommandError(
            f"after a warm-up of {edges[1]:,} rows there are no two batches of "
            f"{batch.in_words(one='1 ')} in {time!r}. Lower --warm-up or --batch."
        )
    longest = _longest(times)
    raise CommandError(
        f"up to {longest:,} rows share one {time!r}, so that whole time stamps leave no two "
        f"batches after a warm-up of {edges[1]:,} rows. Lower --warm-up or --batch, or leave "
        "--time out if the file is in order and each label is known before the next row."
    )


def _say_sizes(edges, times, time, batch, notices):
    sizes = np.diff(edges)[1:]
    few, many = f"{sizes.min():,}", f"{sizes.max():,}"
    span = counted(sizes.max(), "row") if few == many else f"{few} to {many} rows"
    longest = _longest(times)
    if isinstance(batch, Duration):
        notices.append(f"{len(sizes):,} batches, one per {batch.in_words()}, have {span}")
    elif longest > 1:
        notices.append(
            f"up to {longest:,} rows share one {time!r}: none of their labels is known to the "
            f"others. Batches end with a time stamp and have {span}"
        )


def _longest(times):
    return int(np.diff(ends_of(times), prepend=0).max())


def newest_known(timing, times, n_rows):
    """Return for each row the newest whose label is known when it comes, or -1.

    The label of a row is known at once where there is no delay, but not to others of its time.
    """
    rows = np.arange(n_rows)
    if timing.arrivals is not None:
        newest = np.maximum.accumulate(timing.arrivals.order)
        return np.append(-1, newest)[timing.arrivals.n_known(rows)]
    if isinstance(timing.label_delay, Duration):
        n_known = n_before(timing.moments, timing.moments, timing.label_delay)
    else:
        n_known = rows - timing.label_delay
    if times is not None:
        ends = ends_of(times)
        first = np.repeat(np.append(0, ends[:-1]), np.diff(ends, prepend=0))
        n_known = np.minimum(n_known, first)
    return np.minimum(n_known, rows) - 1
