"""Moments and lengths of time as numbers: in rows, in a unit of the user's own, or of dates."""

import numpy as np

from ..utils._durations import FORMS, duration_of, moments_of
from ..utils._params import is_number, refuse

ROWS, NUMBERS, DATES = "rows", "numbers", "dates"
_MICROSECONDS = 1e6


def moments(owner, at, n):
    """Return the kind of a clock, and the moments that it tells.

    Parameters
    ----------
    owner : str
        The function that was given `at`.
    at : None, moment, or array-like of shape (n,)
        datetime64, Timestamp, datetime, text such as 2024-12-31T23:59, or numbers; one for all rows
        or one for each.
    n : int
        Number of rows.

    Returns
    -------
    kind : {"rows", "numbers", "dates"}
        "rows" for None.
    values : ndarray of shape (n,) or None
        Numbers; of dates, the seconds since 1970; None for None.

    Raises
    ------
    ValueError
        If `at` is no moment, or there are not as many as rows.

    Examples
    --------
    >>> from skretrain.serving._clock import moments
    >>> moments("predict", "1970-01-02", 2)
    ('dates', array([86400., 86400.]))
    """
    if at is None:
        return ROWS, None
    values = np.asarray(at)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != n):
        refuse(owner, "at", f"one moment, or one for each of the {n} rows", at)
    dates = moments_of(np.atleast_1d(values))
    if dates is not None:
        kind, numbers = DATES, dates.astype(np.int64) / _MICROSECONDS
        is_none = np.isnat(dates)
    else:
        kind, numbers = NUMBERS, _numbers(owner, at, np.atleast_1d(values))
        is_none = ~np.isfinite(numbers)
    if is_none.any():
        refuse(owner, "at", "without missing and infinite moments", at)
    return kind, np.broadcast_to(numbers, n).astype(np.float64)


def _numbers(owner, at, values):
    if values.dtype.kind not in "iuf":
        refuse(owner, "at", "dates or numbers", at)
    return values


def length(owner, parameter, value, kind):
    """Return a length of time as a number on a clock of a kind.

    Parameters
    ----------
    owner : str
        The function that was given it.
    parameter : str
        Its name.
    value : int, float, str or timedelta
        A number, or a duration where there are dates.
    kind : {"rows", "numbers", "dates"} or None
        What the clock tells; None where it has told nothing, and any length will do.

    Returns
    -------
    length : float
        In rows, in the unit of the numbers, or in seconds.

    Raises
    ------
    ValueError
        If it is no such length.

    Examples
    --------
    >>> from skretrain.serving._clock import length
    >>> length("expire", "older_than", "2h", "dates"), length("expire", "older_than", 5, "rows")
    (7200.0, 5.0)
    """
    is_plain = is_number(value, least=0)
    if kind == DATES or (kind is None and not is_plain):
        found = duration_of(value)
        if found is None:
            refuse(owner, parameter, FORMS, value)
        return found.seconds
    if not is_plain:
        what = "rows" if kind == ROWS else "the unit of `at`"
        refuse(owner, parameter, f"a number of at least 0, in {what}", value)
    return float(value)


def as_told(value, kind):
    """Return a length of time as the user told moments: of dates, a timedelta64.

    Examples
    --------
    >>> from skretrain.serving._clock import as_told
    >>> as_told(1.5, "dates"), as_told(1.5, "rows")
    (np.timedelta64(1500000,'us'), 1.5)
    """
    if kind != DATES:
        return value
    return np.timedelta64("NaT" if np.isnan(value) else round(value * _MICROSECONDS), "us")
