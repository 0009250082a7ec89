"""As much of each season, or of each category, and the newest rows."""

from collections import deque

import numpy as np

from ..utils._containers import SPARSE, kind_of, n_rows, row_shape
from ..utils._durations import dates_in, is_gap
from ..utils._params import check_number, is_integer, names_in_words, refuse
from ..utils._sklearn_api import columns_of
from ._reservoir import Reservoir


def _days(moments):
    return moments.astype("datetime64[D]").astype(np.int64)


def _week_of_year(moments):
    new_year = moments.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    # A stratum of its own for the last day or two would keep them of every year.
    return np.minimum((_days(moments) - new_year) // 7, 51)


_SEASONS = {
    "hour": lambda moments: moments.astype("datetime64[h]").astype(np.int64) % 24,
    "day of week": lambda moments: (_days(moments) + 3) % 7,  # 1970 began on a Thursday
    "week of year": _week_of_year,
    "month": lambda moments: moments.astype("datetime64[M]").astype(np.int64) % 12,
}
_WORDS = ", ".join(map(repr, _SEASONS))


class StratifiedReservoir(Reservoir):
    """Remember the newest rows, and of those before as many of each season, or of each category.

    So that winter is not forgotten in summer: a share of the room is for the newest rows, whatever
    they are. The rest is shared equally by the strata: a stratum with fewer rows than its share
    keeps all of them, and the rows of every other are a uniform sample of its rows before the
    newest, as those of a class are in ``Reservoir(balance=True)`` [1]_. What is remembered depends
    on the seed and on the rows, and not on how the stream is cut into batches.

    Parameters
    ----------
    max_rows : int, default=10_000
        Number of rows to remember at most, at least 1.
    by : {"hour", "day of week", "week of year", "month"}, callable or None, default="week of year"
        What makes a stratum: a part of the dates in `column`, rows without a date being a stratum
        of their own. The 52 weeks of a year are counted from the first of January, and the last has
        eight or nine days. None takes the values in `column` themselves, discrete ones. A callable
        gets a batch of `X`, and returns a key for each row that depends on that row alone; define
        it in a module, so that it pickles.
    column : str, int or None, default=None
        The column of ``X`` with the dates, a name, or with the categories, a name or the number of
        a column. Not for a callable. The base is given it, too: a pipeline that begins with a
        ColumnTransformer leaves it out.
    recent : float in [0, 1), default=0.9
        Share of `max_rows` for the newest rows. Where seasons come back as they were, less of it is
        better; where the stream grows or changes, more. What is left has to hold several rows of
        each stratum.
    anchor : int, default=0
        Number of rows to withhold from learning, as in :class:`Reservoir`.
    anchor_tolerance : float, default=None
        Mean loss that learning may cost on them without a warning, as in :class:`Reservoir`.
    random_state : int, default=None
        Seed. None stands for one fixed stream of numbers, so that two runs agree.

    Attributes
    ----------
    concepts_recur : bool
        True for seasons: they come back, so that rows from before a drift may still be replayed,
        see :class:`~skretrain.policies.ReplayMix`.

    See Also
    --------
    Reservoir : A uniform sample, or one that is balanced by class.
    SlidingWindow : The newest rows only.

    Notes
    -----
    With more strata than room, such as a column with a million values, the strata are forgotten
    that were seen first. Memory stays bounded, but such a column makes no sense here.

    References
    ----------
    .. [1] A. Chrysakis and M.-F. Moens, "Online continual learning from imbalanced data", ICML
       2020 (class-balancing reservoir sampling).

    Examples
    --------
    Of three years of days, 500 are remembered: the newest 450, and of those before about as many of
    each month:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from skretrain.buffers import StratifiedReservoir
    >>> days = pd.DataFrame({"day": pd.date_range("2021-01-01", "2023-12-31")})
    >>> buffer = StratifiedReservoir(500, by="month", column="day", random_state=0).add(days)
    >>> kept = buffer.latest().X["day"]
    >>> kept.iloc[50].date()
    datetime.date(2022, 10, 8)
    >>> np.bincount(kept.iloc[:50].dt.month)[1:]
    array([4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5])
    """

    def __init__(
        self,
        max_rows=10_000,
        *,
        by="week of year",
        column=None,
        recent=0.9,
        anchor=0,
        anchor_tolerance=None,
        random_state=None,
    ):
        self.max_rows = max_rows
        self.by = by
        self.column = column
        self.recent = recent
        self.anchor = anchor
        self.anchor_tolerance = anchor_tolerance
        self.random_state = random_state

    @property
    def concepts_recur(self):
        """Whether the strata are seasons."""
        return isinstance(self.by, str)

    def _reset(self):
        self._check_by()
        check_number(self, "recent", least=0, below=1, what="the share of room for the newest rows")
        self._n_recent = min(round(self.recent * self.max_rows), self.max_rows - 1)
        self._newest = deque()  # (priority, key, slot) of the newest rows, the oldest first
        self._keyed, self._log_growth = True, 0.0
        self._blank()

    def _check_by(self):
        if isinstance(self.by, str) and self.by in _SEASONS:
            if not isinstance(self.column, str):
                refuse(self, "column", f"the name of the column of X with dates, for {self.by!r}")
        elif self.by is None:
            if not (isinstance(self.column, str) or is_integer(self.column, least=0)):
                refuse(self, "column", "the name or the number of a column of X, as by=None")
        elif not callable(self.by):
            refuse(self, "by", f"one of {_WORDS}, a callable, or None for the values in column")
        elif self.column is not None:
            refuse(self, "column", "None, as the callable gets all of X")

    def _check_columns(self, X):
        self._keys_of({"X": X})

    def _check_parts(self, parts):
        self._keys_of(parts)

    def _keys_of(self, parts):
        X = parts["X"]
        if isinstance(self.by, str):
            moments = dates_in(self, X)
            keys = _SEASONS[self.by](moments).astype(object)
            keys[np.isnat(moments)] = None
            return keys.tolist()
        values = _categories(self, X) if self.by is None else self.by(X)
        return _checked_keys(self, values, n_rows(X))

    def _take_in(self, priority, label):
        """Give a new row a slot; the oldest of the newest rows competes in its stratum for one."""
        if not self._n_recent:
            return self._offer(priority, label)
        if len(self._newest) < self._n_recent:
            slot = self._size
            self._size += 1
        else:
            slot = self._offer(*self._newest.popleft())
        self._newest.append((priority, label, slot))
        return slot


def _categories(owner, X):
    """Return the values in the column that `owner` names, or raise what is wrong."""
    column, names = owner.column, getattr(X, "columns", None)
    if isinstance(column, str) and (names is None or column not in names):
        there = "no names" if names is None else f"the columns {names_in_words(names)}"
        refuse(owner, "column", f"a column of X, which has {there}")
    n_columns = (row_shape(X) or (0,))[0]
    if not isinstance(column, str) and column >= n_columns:
        refuse(owner, "column", f"the number of a column of X, which has {n_columns}")
    values = X[column] if isinstance(column, str) else columns_of(X, [column])
    return np.ravel(values.toarray() if kind_of(values) == SPARSE else np.asarray(values))


def _checked_keys(owner, values, n):
    """Return discrete keys, one for each row; what is missing is one of them."""
    try:
        keys = [None if is_gap(value) else value for value in np.asarray(values).tolist()]
        is_one_each = len(keys) == n and len(set(keys)) <= n  # a key can be hashed
    except (TypeError, ValueError):
        is_one_each = False
    if not is_one_each:
        raise ValueError(
            f"{_named(owner)}: there must be one key for each of the {n} rows that can be hashed, "
            "such as a number or a word."
        )
    if any(isinstance(key, float) and not key.is_integer() for key in keys):
        raise ValueError(
            f"{_named(owner)}: the keys of strata must be discrete, got continuous values; pass a "
            "callable that bins them, as by."
        )
    return keys


def _named(owner):
    return f"{type(owner).__name__}(by={owner.by!r}, column={owner.column!r})"
