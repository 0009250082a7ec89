"""Lengths of time, and what they make of moments: calendar periods, and earlier moments."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from ._params import names_in_words
from ._plain import Plain

_MICROSECONDS = {
    "us": 1,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 7 * 86_400_000_000,
}
_MONTHS = {"mo": 1, "y": 12}
_NAMES = {
    "us": "microsecond",
    "s": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_WORDS = {"hourly": "1h", "daily": "1d", "weekly": "1w", "monthly": "1mo", "yearly": "1y"}
_TEXT = re.compile(r"(\d+)\s*(us|s|min|h|d|w|mo|y)")
_DAY = _MICROSECONDS["d"]
_MOST_MONTHS = 12 * 10_000  # what is longer leaves the calendar that numbers can tell

FORMS = (
    "a number and one of s, min, h, d, w, mo and y, such as '15min', '6h', '1d', '2w' or '3mo', "
    "one of hourly, daily, weekly, monthly and yearly, or a timedelta"
)


@dataclass(frozen=True)
class Duration(Plain):
    """A whole number of a unit of time.

    Attributes
    ----------
    n : int
        How many; at least 1 (0 of a timedelta is none).
    unit : {"us", "s", "min", "h", "d", "w", "mo", "y"}
        Of what: microseconds to weeks, calendar months or years.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._durations import duration_of
    >>> days = np.array(["2024-05-03", "2024-05-05", "2024-05-06"], dtype="datetime64[us]")
    >>> duration_of("weekly").periods(days)  # the 6th is a Monday
    array([0, 0, 1])
    >>> duration_of("2d").before(days).astype("datetime64[D]").tolist()[0]
    datetime.date(2024, 5, 1)
    """

    n: int
    unit: str

    def __str__(self):
        return f"{self.n}{self.unit}"

    def in_words(self, one=""):
        """Return it as text: "day", with `one` before it, or "14 days".

        Examples
        --------
        >>> from skretrain.utils._durations import Duration
        >>> Duration(1, "d").in_words(), Duration(2, "w").in_words()
        ('day', '2 weeks')
        """
        word = _NAMES[self.unit]
        return f"{one}{word}" if self.n == 1 else f"{self.n:,} {word}s"

    @property
    def seconds(self):
        """How many seconds it has, a float; of months and years, those of usual ones."""
        if self.unit in _MONTHS:
            return self.n * _MONTHS[self.unit] * 365.2425 / 12 * 86_400
        return self.n * _MICROSECONDS[self.unit] / 1e6

    def periods(self, moments, origin=None):
        """Return the number of the period that each moment lies in.

        Weeks begin on Monday, months on their first day. Several days, weeks, months or years are
        counted from those of the origin; several hours, minutes or seconds from each midnight, the
        last of a day being as short as it has to be.

        Parameters
        ----------
        moments : ndarray of datetime64[us]
            Moments.
        origin : datetime64 or None, default=None
            What lies in period 0, where days and longer are counted from. None is the first moment.

        Returns
        -------
        numbers : ndarray of int
            One for each moment.
        """
        moments = np.asarray(moments)
        origin = moments[:1] if origin is None else np.asarray(origin).reshape(1)
        both = np.concatenate([origin, moments])
        if self.unit in ("us", "s", "min", "h"):
            return self._parts_of_days(both)[1:]
        counted = _units_of(self.unit, both)
        return (counted[1:] - counted[0]) // self.n

    def _parts_of_days(self, moments):
        """Return numbers that rise with each part of a day, the first of which begins at midnight.

        What is longer than a day is counted from the midnight before the first moment.
        """
        length = self.n * _MICROSECONDS[self.unit]
        days, rest = np.divmod(moments.astype("datetime64[us]").astype(np.int64), _DAY)
        if length >= _DAY:
            return ((days - days[0]) * _DAY + rest) // length
        return days * -(-_DAY // length) + rest // length

    def before(self, moments):
        """Return the moments that lie as much earlier; a month before the 31st is a month's end."""
        moments = np.asarray(moments)
        if self.unit not in _MONTHS:
            return moments - np.timedelta64(self.n * _MICROSECONDS[self.unit], "us")
        months = moments.astype("datetime64[M]")
        earlier = months - self.n * _MONTHS[self.unit]
        end = (earlier + 1).astype("datetime64[us]") - 1
        return np.minimum(earlier.astype("datetime64[us]") + (moments - months), end)


def _units_of(unit, moments):
    """Return how many units there are between 1970 and each moment."""
    if unit in _MONTHS:
        return moments.astype("datetime64[M]").astype(np.int64) // _MONTHS[unit]
    days = moments.astype("datetime64[us]").astype(np.int64) // _DAY
    return (days + 3) // 7 if unit == "w" else days  # 1970 began on a Thursday


def duration_of(value):
    """Return a length of time as a Duration, or None if it is none.

    Parameters
    ----------
    value : object
        See `FORMS`; any sort of timedelta.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from skretrain.utils._durations import duration_of
    >>> str(duration_of("6h")), str(duration_of("weekly")), str(duration_of(timedelta(hours=36)))
    ('6h', '1w', '36h')
    >>> duration_of(100) is None, duration_of("a while") is None
    (True, True)
    """
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        found = _TEXT.fullmatch(_WORDS.get(value, value).strip())
        return _sensible(int(found[1]), found[2]) if found else None
    if isinstance(value, (timedelta, np.timedelta64)):
        return _of_timedelta(value)
    return None


def _of_timedelta(value):
    if isinstance(value, np.timedelta64) and value.dtype in ("m8[M]", "m8[Y]"):
        unit = "mo" if value.dtype == "m8[M]" else "y"
        return _sensible(int(value.astype(np.int64)), unit)
    length = np.timedelta64(value).astype("timedelta64[us]")
    if np.isnat(length):
        return None
    microseconds = int(length.astype(np.int64))
    unit = next(u for u in ("d", "h", "min", "s", "us") if microseconds % _MICROSECONDS[u] == 0)
    return _sensible(microseconds // _MICROSECONDS[unit], unit)


def _sensible(n, unit):
    """Return a Duration, or None for one that is nothing, or longer than 10,000 years."""
    months = n * _MONTHS[unit] if unit in _MONTHS else n * _MICROSECONDS[unit] / (30 * _DAY)
    return Duration(n, unit) if n > 0 and months <= _MOST_MONTHS else None


def is_no_time(value):
    """Tell a duration of length zero, such as 0d."""
    if isinstance(value, str):
        found = _TEXT.fullmatch(value.strip())
        return found is not None and int(found[1]) == 0
    return isinstance(value, (timedelta, np.timedelta64)) and value == timedelta(0)


def moments_of(values):
    """Return dates as an array of datetime64[us], or None if they are none.

    Parameters
    ----------
    values : array-like of shape (n,)
        datetime64, dates, or text such as 2024-12-31 or 2024-12-31T23:59:00; with a time zone, they
        come in that of Greenwich.
    """
    values = np.asarray(values)
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]", copy=False)
    if values.dtype.kind in "UO" and len(values):
        try:
            return np.array([_moment(value) for value in values.tolist()], dtype="datetime64[us]")
        except (TypeError, ValueError, OverflowError):
            return None
    return None


def dates_in(owner, X):
    """Return the dates in the column of a frame that `owner` names, or raise what is wrong.

    Parameters
    ----------
    owner : object with an attribute `column`
        A part of a retrainer that goes by dates.
    X : container
        Rows.
    """
    where = f"{type(owner).__name__}(column={owner.column!r})"
    columns = getattr(X, "columns", None)
    if columns is None or owner.column not in columns:
        there = "no names" if columns is None else f"the columns {names_in_words(columns)}"
        raise ValueError(
            f"{where}: X has no such column, but {there}; pass frames, and name the column with "
            "the dates."
        )
    moments = moments_with_gaps(X[owner.column])
    if moments is None:
        raise ValueError(
            f"{where}: the column holds no dates; convert it, as pandas.to_datetime does."
        )
    return moments


def moments_with_gaps(values):
    """Return dates, NaT where there is none; or None if what there is are no dates."""
    moments = moments_of(values)
    if moments is None:
        values = np.asarray(values, dtype=object)
        there = np.array([not is_gap(value) for value in values], dtype=bool)
        dates = moments_of(values[there])
        if dates is not None:
            moments = np.full(len(values), "NaT", dtype="datetime64[us]")
            moments[there] = dates
    return moments


def is_gap(value):
    """Tell a missing value: None, NaN, NaT or NA."""
    # pandas.NA is neither equal to itself nor different; for an array there is no one answer.
    if value is None or type(value).__name__ == "NAType":
        return True
    differs = value != value
    return isinstance(differs, bool | np.bool_) and bool(differs)


def _moment(value):
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, date):
        raise TypeError
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(moment, "us")
