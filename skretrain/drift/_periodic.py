"""A trigger that rings when it is time: the baseline that every detector has to beat."""

import numpy as np

from ..utils._durations import FORMS, dates_in, duration_of
from ..utils._params import check_integer
from ._base import BaseTrigger, Needs, Signal


class _NeedsOfSchedule(Needs):
    def of(self, trigger):
        """Return where the dates are, if it goes by the calendar."""
        if duration_of(trigger.every) is None:
            return set()
        return {"moments"} if trigger.column is None else {"X"}


class Periodic(BaseTrigger):
    """Ring each time that another `every` rows have arrived, or so much time has passed.

    What counts are rows that are learned, not batches, and fits do not disturb the schedule. It
    cannot say when anything changed: `since` is None, so that a policy takes all remembered rows to
    be valid.

    Parameters
    ----------
    every : int, str or timedelta, default=1000
        Number of rows from one alarm to the next, at least 1. A batch that completes it several
        times raises one alarm. Or a duration: ``"6h"``, ``"1d"``, ``"2w"``, ``"3mo"``,
        ``"weekly"``, ``"monthly"``, or a timedelta. Then it rings on the first batch whose newest
        row lies in a later period than that of the last alarm: weeks begin on Monday, months on
        their first day; several of them are counted from the first row, several hours from
        midnight. What the clock of the machine says plays no part.
    column : str or None, default=None
        The column of ``X`` with the dates, for a duration. The base is given it, too: a pipeline
        that begins with a ColumnTransformer leaves it out. None will do where a history with
        `times` is replayed by :class:`~skretrain.model_selection.RetrainMatrix` or
        :func:`~skretrain.model_selection.compare_policies`.

    Examples
    --------
    >>> from skretrain.drift import Periodic, ScoredBatch
    >>> trigger = Periodic(every=250).reset()
    >>> [trigger.update(ScoredBatch(start, 100)).state for start in range(0, 600, 100)]
    ['stable', 'stable', 'drift', 'stable', 'drift', 'stable']

    By the calendar, on batches of two days that begin on a Friday:

    >>> import pandas as pd
    >>> days = pd.DataFrame({"day": pd.date_range("2024-05-03", periods=8)})
    >>> trigger = Periodic("weekly", column="day").reset()
    >>> for row in range(0, 8, 2):
    ...     batch = ScoredBatch(row, 2, X=days[row : row + 2])
    ...     print(batch.X["day"].iloc[-1].day_name(), trigger.update(batch).state)
    Saturday stable
    Monday drift
    Wednesday stable
    Friday stable
    """

    needs = _NeedsOfSchedule()
    label_free = False  # a schedule counts what is learned

    def __init__(self, every=1000, *, column=None):
        self.every = every
        self.column = column

    def reset(self):
        """Check the parameters and start counting at zero.

        Returns
        -------
        self : Periodic
            This trigger, blank.

        Raises
        ------
        ValueError
            If `every` is neither an integer of at least 1 nor a duration, or there is a `column`
            and no duration.
        """
        self._duration = duration_of(self.every)
        if self._duration is None:
            what = "the number of rows from one alarm to the next"
            if isinstance(self.every, str):
                what += f" (or {FORMS})"
            check_integer(self, "every", least=1, what=what)
            if self.column is not None:
                raise ValueError(
                    f"Periodic(every={self.every!r}, column={self.column!r}): a number of rows "
                    "needs no column; pass a duration such as '1d', or column=None."
                )
        self._n_waiting = 0
        self._origin, self._period = None, None
        return self

    def update(self, batch):
        """Look whether it is time.

        Parameters
        ----------
        batch : ScoredBatch
            Its number of rows, or its dates.

        Returns
        -------
        signal : Signal
            A drift with ``since=None`` if another `every` rows are complete, or a new period has
            begun.

        Raises
        ------
        ValueError
            If the column with the dates is not there, or holds none.
        """
        if not hasattr(self, "_n_waiting"):
            self.reset()
        is_time = self._is_enough(batch) if self._duration is None else self._is_later(batch)
        return Signal("drift", on_schedule=True) if is_time else Signal("stable")

    def _check_columns(self, X):
        if self.column is not None:
            dates_in(self, X)

    def _is_enough(self, batch):
        n_periods, self._n_waiting = divmod(self._n_waiting + batch.n_rows, self.every)
        return n_periods > 0

    def _is_later(self, batch):
        moments = batch.moments if self.column is None else dates_in(self, batch.X)
        moments = moments[~np.isnat(moments)]
        if not len(moments):
            return False
        if self._origin is None:
            self._origin = moments.min()
            self._period = self._period_of(self._origin)
        period = self._period_of(moments.max())
        is_later = period > self._period
        self._period = max(period, self._period)
        return is_later

    def _period_of(self, moment):
        return int(self._duration.periods(np.array([moment]), self._origin)[0])

    def after_fit(self, fit, reference, answered):
        """Do nothing: the schedule goes on.

        Parameters
        ----------
        fit : FitRecord
            Ignored.
        reference : ScoredBatch or None
            Ignored.
        answered : bool
            Ignored.
        """
