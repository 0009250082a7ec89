"""Refit a blank clone on a window of remembered rows."""

from ..utils._params import check_flag, check_integer
from ._base import BasePolicy, Candidate, with_all_classes


class FullRefit(BasePolicy):
    """Fit a blank clone of the base on the rows that show the present concept.

    Right after a drift those rows are few, and a model fitted once on them stays poor. With `grow`,
    it is fitted again whenever their number has doubled, until the memory is full: the rows fitted
    add up to at most about twice the window. The first fit counts as a change at row 0, so that a
    stable stream, too, is learned as it grows; but a model that an `update` keeps learning is left
    alone until the first alarm.

    Parameters
    ----------
    window : "since_drift", "all" or int, default="since_drift"
        ``"since_drift"``: the rows since the located change, or all remembered rows where the
        trigger located none. ``"all"``: all remembered rows (what the buffer has forgotten is
        gone). An int: that many of the newest rows.
    min_rows : int, default=50
        Fewer rows than this are filled up with the rows just before them.
    grow : bool, default=True
        Whether to fit again each time the rows of the present concept have doubled.

    Notes
    -----
    A class that the window lacks is topped up with its newest remembered rows, a tenth of the
    window in all or 5 rows each: many estimators refuse a single class, and a model that has lost a
    class cannot find it again.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import FullRefit
    >>> X, y, _ = make_drifting_classification(2000, drift="stationary", random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(), detector=None, policy=FullRefit(grow=True), batch_size=100
    ... ).fit(X, y)
    >>> [event.n_rows_fitted for event in model.events_]
    [100, 200, 400, 800, 1600]
    """

    def __init__(self, window="since_drift", *, min_rows=50, grow=True):
        self.window = window
        self.min_rows = min_rows
        self.grow = grow

    def check(self, learner):
        """Raise for a parameter that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            Any will do: every base can be fitted afresh.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        words = ("since_drift", "all")
        check_integer(self, "window", least=1, what="a number of rows", otherwise=words)
        check_integer(self, "min_rows", least=1, what="a number of rows")
        check_flag(self, "grow")

    def is_due(self, n_since, n_fitted, n_full):
        """Tell whether the rows of the present concept have doubled since the last retrain.

        Parameters
        ----------
        n_since : int
            Rows of the present concept so far.
        n_fitted : int
            How many of them the last retrain had.
        n_full : int
            Rows the memory can hold.

        Returns
        -------
        due : bool
            True with twice as many as it had, or with the first full memory; never where ``grow``
            is False.
        """
        return bool(self.grow) and n_fitted < n_full and n_since >= min(2 * n_fitted, n_full)

    def propose(self, context):
        """Return a model fitted afresh on the rows of ``window``.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            Fitted on ``min_rows`` rows at least, where there are as many, and on some of every
            class that is remembered.
        """
        rows = with_all_classes(self._rows(context), context)
        model = context.learner.fresh(rows, context.number)
        return Candidate(model, "full_refit", len(rows.index))

    def _rows(self, context):
        if self.window == "since_drift":
            rows = context.window(since=context.since)
        else:
            rows = context.window(latest=None if self.window == "all" else self.window)
        if len(rows.index) < self.min_rows:
            rows = context.window(latest=self.min_rows)
        return rows
