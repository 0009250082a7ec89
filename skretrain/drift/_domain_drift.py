"""A trigger that asks a classifier whether it can tell the newest rows from those before."""

import numpy as np

from ..metrics._two_samples import columns_of, is_clock, told_apart
from ..utils._containers import LIST, SPARSE, as_container, kind_of, n_rows, take_rows
from ..utils._params import check_number
from ._windows import ComparesWindows

_UNKNOWN = (0.5, 0.0, 1.0)  # nothing to tell rows by


class DomainDrift(ComparesWindows):
    """Ring when a classifier can tell the newest rows from those that the model stands for.

    The newest `window` rows are compared with a reference, all features together: a classifier is
    fitted to tell one from the other, and what it makes of rows that it was not fitted on is
    summed up as the area under the ROC curve (AUC), 0.5 for rows that are alike and 1 for rows that
    have nothing in common [1]_ [2]_. It needs no labels, and rings for a drift of the inputs
    whether or not the model has become worse by it; it does not see that the same inputs have other
    labels.

    Parameters
    ----------
    threshold : float, default=0.7
        AUC, in [0.5, 1), that the lower end of its 95 % confidence interval has to exceed: a test
        and a size of the effect in one. One feature that moves by its standard deviation makes for
        an AUC of 0.76, by half of it for 0.64; moves of several features add up.
    window : int, default=500
        Number of the newest rows that are compared, at least 20. It looks at each half a window. A
        cycle in the features, of a day say, rings unless a window covers it.
    n_reference : int, default=1000
        Number of rows of the reference, at least 20: the newest of those that the model stands
        for when it was first fitted, or when a retrain answered an alarm of this trigger. If they
        are fewer, the next rows of the stream complete them; until then the trigger is silent, and
        `warming_up` is True.

    Attributes
    ----------
    auc_ : tuple of three floats
        AUC of the latest look, and the ends of its interval; (0.5, 0.0, 1.0) before the first one
        and where there is no column to tell rows by.

    Notes
    -----
    The classifier is a small gradient boosting, which takes missing values as they are and
    categories by their order as text; of sparse rows it is a linear model. Each sample is cut into
    five runs of successive rows, and each run is predicted by a classifier that was fitted on the
    others: neighbours in time, which are alike in an autocorrelated stream, do not stand on both
    sides. Columns that go one way, as dates and running numbers do, are left out.

    What limits false alarms, look after look, is the distance of the threshold from 0.5, and not a
    level that is divided by their number. Each look costs five fits.

    There is one alarm per episode: it ends with the retrain that answers it, or with a look that
    finds the AUC no longer above the threshold. If that retrain had no labels of the new rows yet,
    the model stands for the old ones still, and the trigger rings again after another `window`
    rows. Any other fit changes nothing, nor does an update. Copies of `n_reference` and at most
    `window` rows are kept.

    References
    ----------
    .. [1] O. Gozuacik, A. Buyukcakir, H. Bonab and F. Can (2019). "Unsupervised concept drift
       detection with a discriminative classifier". ACM International Conference on Information and
       Knowledge Management, 2365-2368.
    .. [2] J. A. Hanley and B. J. McNeil (1982). "The meaning and use of the area under a receiver
       operating characteristic (ROC) curve". Radiology 143(1), 29-36.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import DomainDrift, ScoredBatch
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3000, 4))
    >>> X[2000:, 0] += 1.5
    >>> trigger = DomainDrift().reset()
    >>> for start in range(0, 3000, 250):
    ...     signal = trigger.update(ScoredBatch(start, 250, X=X[start : start + 250]))
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 250}, change at row {signal.since}")
    alarm after row 2500, change at row 2000
    >>> round(trigger.auc_[0], 1)
    0.9
    """

    needs = frozenset({"X"})
    needs_reference = True

    def __init__(self, threshold=0.7, *, window=500, n_reference=1000):
        self.threshold = threshold
        self.window = window
        self.n_reference = n_reference

    def after_fit(self, fit, reference, answered):
        """Take what the new model stands for as the reference, if the fit answered the alarm.

        The first fit gives the reference, too; any other one changes nothing.

        Parameters
        ----------
        fit : FitRecord
            Not looked at.
        reference : ScoredBatch or None
            Rows that the new model stands for. If they are fewer than `n_reference`, or None, the
            next rows of the stream complete them.
        answered : bool
            Whether the fit answered an alarm.
        """
        if not hasattr(self, "_reference"):
            self.reset()
        if not answered and self._reference.n_rows:
            return
        rows = None if reference is None else self._rows_of(reference)
        self._restart()
        if rows is not None:
            n = min(n_rows(rows), self.n_reference)
            newest = take_rows(rows, slice(n_rows(rows) - n, None))
            self._reference.add(newest, np.arange(n))

    def _restart(self):
        super()._restart()
        self.auc_ = _UNKNOWN

    def _check_parameters(self):
        check_number(self, "threshold", least=0.5, below=1, what="an AUC")

    def _check_columns(self, X):
        self._table_of(X)

    def _rows_of(self, batch):
        return self._table_of(batch.X)

    def _table_of(self, X):
        X = None if X is None else as_container(X)
        if X is None or kind_of(X) == LIST or len(X.shape) != 2:
            got = "none" if X is None else f"a {type(X).__name__}"
            raise ValueError(
                f"DomainDrift tells rows by the columns of X, a table, and got {got}. For texts "
                "and other rows without columns use PredictionDrift."
            )
        return X

    def _look(self, old, new):
        if kind_of(old) == SPARSE:
            old, new = _finite(old), _finite(new)
        else:
            columns = [c for c in columns_of(old, new)[0] if not is_clock(c) and not c.is_empty]
            if not columns:
                self.auc_ = _UNKNOWN
                return False, np.zeros(self.window), ""
            old, new = (np.column_stack(side) for side in zip(*((c.old, c.new) for c in columns)))
        self.auc_, scores = told_apart(old, new)
        auc, low, high = self.auc_
        note = f"rows told from the reference with an AUC of {auc:.2f} ({low:.2f} to {high:.2f})"
        return low > self.threshold, np.clip(scores, 0, 1), note


def _finite(X):
    """Return sparse rows with zeros for what is missing or infinite."""
    X = X.copy()
    X.data[~np.isfinite(X.data)] = 0
    return X
