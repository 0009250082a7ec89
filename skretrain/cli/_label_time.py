"""A column that says when the label of each row came."""

import numpy as np

from ..model_selection._label_times import arrivals_of
from ..utils._words import counted
from ._columns import as_numbers, holds_dates
from ._errors import CommandError

NAME = "--label-time"


def moments_of_labels(column, times, time):
    """Return when labels came, on the scale of the rows' times; NaN or NaT where one never did.

    Parameters
    ----------
    column : Series
        As the file has it, in the order of the rows.
    times : ndarray
        When the rows came, dates or numbers.
    time : str
        The column of these.
    """
    named, moments = f"{NAME} {column.name!r}", as_numbers(column)
    are_dates = times.dtype.kind == "M"
    is_empty = moments is not None and np.isnan(moments).all()
    if not is_empty and (moments is None or holds_dates(column) != are_dates):
        wanted = "dates" if are_dates else "numbers"
        first = column.dropna().iloc[0]
        raise CommandError(
            f"{named} holds {str(first)!r} and the like, and --time {time!r} holds {wanted}: name "
            f"a column of {wanted}, empty where a label never came."
        )
    if are_dates:
        moments = _as_dates(moments)
    early = np.flatnonzero(moments < times)
    if len(early):
        raise CommandError(
            f"{named} is earlier than --time {time!r} in {counted(len(early), 'row')}, as "
            f"{moments[early[0]]} is earlier than {times[early[0]]}: no label is known before its "
            "row. Name another column, or mend these rows."
        )
    return moments


def _as_dates(seconds):
    dates = np.full(len(seconds), np.datetime64("NaT"), dtype="datetime64[us]")
    there = np.isfinite(seconds)
    dates[there] = (seconds[there] * 1e6).round().astype("datetime64[us]")
    return dates


def checked_arrivals(column, moments, times, edges, notices):
    """Return the Arrivals of labels, or raise if too few of them come.

    Parameters
    ----------
    column : str
        Where the moments are from.
    moments, times : ndarray
        When labels and rows came.
    edges : ndarray
        Where batches begin and end.
    notices : list of str
        Gets a line if some labels come too late, or never.
    """
    n_rows, warm_up = int(edges[-1]), int(edges[1])
    arrivals = arrivals_of(moments, times, n_rows)
    n_first, n_last = arrivals.n_known(warm_up), arrivals.n_known(int(edges[-2]))
    if not n_first:
        raise CommandError(
            f"{NAME} {column!r}: no label of the {warm_up:,} rows of the warm-up is known when it "
            "ends; raise --warm-up."
        )
    if n_first == n_last:
        raise CommandError(
            f"{NAME} {column!r}: after the warm-up no label comes in time to be learned; lower "
            "--warm-up, or bring more rows."
        )
    n_late = n_rows - arrivals.n_known(n_rows)
    if n_late:
        are = "are" if n_late > 1 else "is"
        notices.append(
            f"the labels of {counted(n_late, 'row')} come after the last row, or never: these rows "
            f"{are} scored, and not learned"
        )
    return arrivals
