"""A trigger that watches every feature and needs no labels."""

import numpy as np

from ..metrics._feature_shifts import LEAST_ROWS, changed_from, shifts_of
from ..metrics._tables import join_tables, length_of, like_table, read_table, take_table
from ..utils._params import check_choice, check_integer, check_number
from ..utils._words import counted
from ._base import BaseTrigger, Signal
from ._charts import Charts

_STABLE = Signal("stable")
_WARNING = Signal("warning")
_WINDOWS_OF_REFERENCE = 4
_MOST_NAMED = 3
_DEVIATIONS_PER_EFFECT = (
    2.355  # shift of a normal mean with a Jensen-Shannon distance of 1, if small
)
_NO_TRACE = 0.05


class FeatureDrift(BaseTrigger):
    """Ring when a feature has moved away from the rows that the model stands for.

    It looks at the inputs alone, and needs no labels: it is shown the rows of ``partial_fit``, or
    those of ``observe`` once that is used. Whether the model has become worse it cannot know;
    inputs may move without harm, and a model may fail on inputs that did not move.

    Parameters
    ----------
    method : {"two_sample", "ewma", "cusum"}, default="two_sample"
        ``"two_sample"`` compares the newest `window` rows with the reference, feature by feature,
        each half window. Numbers are tested by Kolmogorov-Smirnov, levels by chi-square, the share
        of missing values by Fisher's exact test, levels never seen against how many the reference
        has seen once. The other two are control charts [1]_ [2]_, judged at every row: the mean of
        each number, by its rank in the reference, and the share of each frequent level, of the
        others together, and of missing values.
    window : int, default=500
        Newest rows that are kept, at least 60. An EWMA gives a row the weight ``2 / (window + 1)``.
    rows_per_false_alarm : int, default=200_000
        On a stream of independent rows that does not move, there is on average at most one alarm in
        so many rows, all features together: by default in at most one of twenty streams of 10,000
        rows.
    min_effect : float, default=0.1
        Jensen-Shannon distance, from 0 to 1, from which on a change matters, however well it is
        proven. The default is a shift of a mean by a quarter of a standard deviation; a chart
        ignores shifts that are smaller than that.

    Attributes
    ----------
    moved_ : list of FeatureShift
        The features that are away: found to have moved within the newest two windows. Each has a
        ``name``, ``effect``, ``p_adjusted``, ``wasserstein``, ``psi``, means, deviations and
        missing shares then and now, ``new_levels``, a ``reason`` and more. The event of the alarm
        names those that rang.
    n_reference_ : int
        Rows of the reference.

    Notes
    -----
    **Reference.** The rows that the first model was fitted on; with fewer than `window`, the rows
    that come next complete them. Used by itself, the trigger takes the first four windows. Of more
    than four windows, as many rows are kept, evenly spaced. After a retrain that answered its alarm
    the reference begins where the change did. Any other fit leaves it.

    **False alarms.** Over features, p values are adjusted by Holm; over looks, each has the level
    ``window / 2 / rows_per_false_alarm``, so that the expected number of false alarms is bounded
    however features and looks depend on each other. Charts divide the rate by the number of charts
    (Bonferroni), with limits from the distribution of each series in the reference. Where
    successive rows resemble each other, by lag-1 correlation, so many rows count as one, and a
    change must be larger; slower swings, such as seasons longer than the reference, are changes.

    **Alarms.** A feature rings once: again only after it has come back. `since` is the row among
    the newest `window` from which on the features that rang differ. Times, and numbers that only
    rise or only fall, are left out, as they move by themselves. So are free texts but for their
    missing share: each row is a level of its own. Of sparse rows, the 300 columns with the most
    entries are watched.

    **Memory.** Eight bytes per feature for each of ``5.5 * window`` rows, plus text.

    References
    ----------
    .. [1] S. W. Roberts (1959). "Control chart tests based on geometric moving averages".
       Technometrics 1(3), 239-250.
    .. [2] E. S. Page (1954). "Continuous inspection schemes". Biometrika 41(1/2), 100-115.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import FeatureDrift, ScoredBatch
    >>> X = np.random.default_rng(0).normal(size=(5000, 4))
    >>> X[4000:, 2] += 0.5
    >>> trigger = FeatureDrift().reset()
    >>> for start in range(0, 5000, 100):
    ...     signal = trigger.update(ScoredBatch(start, 100, X=X[start : start + 100]))
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 100}, change at row {signal.since}")
    ...         print(signal.note)
    alarm after row 4300, change at row 3999
    moved: column 2 (mean -0.0135 -> 0.275)
    """

    needs = frozenset({"X"})
    needs_reference = True

    def __init__(
        self,
        method="two_sample",
        *,
        window=500,
        rows_per_false_alarm=200_000,
        min_effect=0.1,
    ):
        self.method = method
        self.window = window
        self.rows_per_false_alarm = rows_per_false_alarm
        self.min_effect = min_effect

    @property
    def warming_up(self):
        """Whether the reference is still incomplete, a bool."""
        return getattr(self, "_n_wanted", 1) > 0

    @property
    def moved_(self):
        """The features that have rung and not come back, as they were last found."""
        return [shift for shift, _ in self._away.values()]

    @property
    def n_reference_(self):
        """Rows of the reference, an int."""
        return sum(map(length_of, self._reference))

    def reset(self):
        """Check the parameters and forget everything, the reference included.

        Returns
        -------
        self : FeatureDrift
            This trigger, blank.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        check_choice(self, "method", ("two_sample", "ewma", "cusum"))
        check_integer(self, "window", least=2 * LEAST_ROWS, what="a number of rows")
        what = "a number of rows"
        check_integer(self, "rows_per_false_alarm", least=self.window, what=what)
        check_number(self, "min_effect", least=0, most=1)
        self._begin(self._most_kept)
        return self

    def update(self, batch):
        """Look at the rows of one batch.

        Parameters
        ----------
        batch : ScoredBatch
            Newest rows of the stream.

        Returns
        -------
        signal : Signal
            The alarm names the features in its `note`; a warning while features are away that rang
            before.

        Raises
        ------
        ValueError
            If the batch has no table of features, or columns without names that are not as many as
            those of the reference.
        """
        if not hasattr(self, "_n_wanted"):
            self.reset()
        table = self._table_of(batch.X)
        if self._reference:
            table = like_table(table, self._reference[0])
        n_rows, done, rang = length_of(table), 0, []
        while done < n_rows:
            if self._n_wanted:
                n = min(self._n_wanted, n_rows - done)
                self._complete(take_table(table, slice(done, done + n)))
            else:
                n = min(self._until_look, n_rows - done)
                rang += self._seen(take_table(table, slice(done, done + n)))
            done += n
        if not rang:
            return _WARNING if self._away else _STABLE
        self._rang_labelled = batch.labelled
        since = batch.start + n_rows - self._n_changed
        return Signal("drift", max(since, 0), note=_named(rang))

    def after_fit(self, fit, reference, answered):
        """Take the rows that the model stands for as the reference, if there is none or it rang.

        Parameters
        ----------
        fit : FitRecord
            Not looked at.
        reference : ScoredBatch or None
            The rows of the present concept.
        answered : bool
            Whether the fit answered an alarm.
        """
        if not hasattr(self, "_n_wanted"):
            self.reset()
        if self._reference and not answered:
            return
        if reference is not None and (self._rang_labelled or not answered):
            rows = self._table_of(reference.X)
        elif self._changed_at is not None:
            # An alarm on rows without labels: what is remembered with labels lies before it.
            newest = self._samples()[1]
            rows = take_table(newest, slice(-min(self._n_changed, length_of(newest)), None))
        else:
            return
        self._begin(self.window)
        self._complete(rows)

    def _check_columns(self, X):
        self._table_of(X)

    @property
    def _most_kept(self):
        return _WINDOWS_OF_REFERENCE * self.window

    @property
    def _rows_per_look(self):
        return self.window // 2

    @property
    def _n_changed(self):
        """Rows seen since the change that rang."""
        return self._n_seen - self._changed_at

    def _table_of(self, X):
        if X is None:
            raise ValueError("FeatureDrift needs X, which this batch lacks.")
        return read_table(X, "X of FeatureDrift")

    def _begin(self, n_wanted):
        """Forget all rows; so many are wanted as the reference."""
        self._reference, self._n_wanted = [], n_wanted
        self._charts = None
        self._recent = []
        self._n_seen = 0
        self._until_look = self._rows_per_look
        self._away = {}  # features that rang, how they moved, and the rows seen by then
        self._changed_at = None  # rows seen before the change that rang
        self._rang_labelled = True

    def _complete(self, rows):
        """Take rows into the reference."""
        self._reference.append(rows)
        self._n_wanted = max(self._n_wanted - length_of(rows), 0)
        if self._n_wanted:
            return
        whole = join_tables(self._reference)
        if self.method != "two_sample":
            allowance = _DEVIATIONS_PER_EFFECT * self.min_effect
            settings = self.window, self.rows_per_false_alarm, allowance
            self._charts = Charts(self.method, whole, *settings)
        n = length_of(whole)
        places = np.linspace(0, n - 1, min(n, self._most_kept)).round().astype(int)
        self._reference = [take_table(whole, places)]

    def _seen(self, rows):
        """Take rows into the window, and return the features of which that is news."""
        self._n_seen += length_of(rows)
        self._recent.append(rows)
        while sum(map(length_of, self._recent[1:])) >= self.window:
            del self._recent[0]
        self._until_look -= length_of(rows)
        is_look = not self._until_look
        if is_look:
            self._until_look = self._rows_per_look
        if self._charts is not None:
            return self._judged(self._left_limits(rows))
        return self._judged(self._compared()) if is_look else []

    def _compared(self):
        """Return the features that have moved."""
        level = min(self._rows_per_look / self.rows_per_false_alarm, 1)
        shifts = shifts_of(*self._samples(), alpha=level, min_effect=self.min_effect)
        return [shift for shift in shifts if shift.moved]

    def _left_limits(self, rows):
        """Return the features of which a chart left its limits, with what is known of them."""
        names = self._charts.show(rows)
        if names <= self._away.keys():
            return [self._away[name][0] for name in names]  # they rang before
        shifts = shifts_of(*self._samples(), alpha=1, min_effect=0)
        return [
            shift._replace(test=self.method, moved=True) for shift in shifts if shift.name in names
        ]

    def _judged(self, moved):
        """Note which features are away, and return those that were not before."""
        patience = 2 * self.window
        self._away = {
            n: last for n, last in self._away.items() if self._n_seen - last[1] < patience
        }
        news = [shift for shift in moved if shift.name not in self._away]
        self._away |= {shift.name: (shift, self._n_seen) for shift in moved}
        if news:
            reference, newest = self._samples()
            position = changed_from(reference, newest, {shift.name for shift in news})
            self._changed_at = self._n_seen - length_of(newest) + position
        return news

    def _samples(self):
        newest = join_tables(self._recent)
        return self._reference[0], take_table(newest, slice(-self.window, None))


def _named(shifts):
    """Return the features that moved in words, those that moved most first."""
    shifts = sorted(shifts, key=lambda shift: -shift.effect)
    named = [f"{shift.name} ({shift.reason})" for shift in shifts[:_MOST_NAMED]]
    n_more = len(shifts) - len(named)
    more = [f"{counted(n_more, 'more feature')}"] if n_more else []
    return "moved: " + ", ".join(named + more)
