"""A trigger that rings by the row count alone: the baseline that every detector has to beat."""

from ..utils._params import check_integer
from ._base import BaseTrigger, Signal


class Periodic(BaseTrigger):
    """Ring each time that another `every` rows have arrived.

    Rows are counted, not batches, and fits do not disturb the schedule. It cannot say when anything
    changed: `since` is None, so that a policy takes all remembered rows to be valid.

    Parameters
    ----------
    every : int, default=1000
        Number of rows from one alarm to the next, at least 1. A batch that completes it several
        times raises one alarm.

    Examples
    --------
    >>> from skretrain.drift import Periodic, ScoredBatch
    >>> trigger = Periodic(every=250).reset()
    >>> [trigger.update(ScoredBatch(start, 100)).state for start in range(0, 600, 100)]
    ['stable', 'stable', 'drift', 'stable', 'drift', 'stable']
    """

    needs = frozenset()

    def __init__(self, every=1000):
        self.every = every

    def reset(self):
        """Check the parameters and start counting at zero.

        Returns
        -------
        self : Periodic
            This trigger, blank.

        Raises
        ------
        ValueError
            If `every` is not an integer of at least 1.
        """
        what = "the number of rows from one alarm to the next"
        check_integer(self, "every", least=1, what=what)
        self._n_waiting = 0
        return self

    def update(self, batch):
        """Count the rows of one batch.

        Parameters
        ----------
        batch : ScoredBatch
            Only its number of rows is looked at.

        Returns
        -------
        signal : Signal
            A drift with ``since=None`` if another `every` rows are complete.
        """
        if not hasattr(self, "_n_waiting"):
            self.reset()
        n_periods, self._n_waiting = divmod(self._n_waiting + batch.n_rows, self.every)
        return Signal("drift", on_schedule=True) if n_periods else Signal("stable")

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
