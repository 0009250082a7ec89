"""What a prequential evaluation returns: scores, predictions and costs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..utils._optional import import_optional
from ._class_tables import old_versus_new, per_class_table
from ._event_rows import in_stream_rows
from ._slice_tables import per_slice_table


@dataclass
class PrequentialResult:
    """What :func:`prequential_validate` returns.

    Attributes
    ----------
    scores : dict of str to float
        For each scorer, the score of all predictions together. ``score`` is the first of them.
    rows : ndarray of shape (n_predictions,)
        Stream rows of the predictions.
    y_true, y_pred : ndarray of shape (n_predictions,)
        Targets and the predictions served at the time; `y_true` is None without targets.
    batch_rows : ndarray of shape (n_batches,)
        First row of each batch.
    batch_scores : dict of str to ndarray of shape (n_batches,)
        For each scorer, the score of each batch; NaN where it is not defined on a batch.
    batch_fit_seconds, batch_predict_seconds : ndarray of shape (n_batches,)
        Processor seconds of learning and of predicting, per batch.
    fit_seconds, predict_seconds : float
        The same in all; `fit_seconds` includes the first fit.
    n_fits : int
        Fits from scratch: the first one, those that a policy made only to compare, and those that
        a gate rejected included.
    rows_fitted : int
        Rows that went into fits and updates, a row counted as often as it was gone through.
    refit_rows : ndarray of int
        Stream rows from which a retrained model could serve, `label_delay` and ``fit_latency``
        included; the first fit is not counted, nor one that came too late to serve any row.
    label_delay : int, Duration or None
        Rows, or time, between a prediction and its label; None where ``label_time`` said it.
    events : EventLog or None
        The retrainer's log; its rows count what was learned, which may be behind the predictions:
        see :meth:`arrived` and `learned_rows`. Those of a fleet count the rows of one segment.
    estimator : estimator
        The estimator as the stream left it.
    unpredicted_rows : ndarray of int
        Stream rows that the model of their time could not read, such as those with a category that
        its encoder had never seen. They are in none of the scores, nor in `rows`, `y_true`,
        `y_pred` and `outputs`: a score says nothing of them.
    zero_weight_rows : ndarray of int
        Stream rows whose ``sample_weight`` is zero: they were predicted, but are not scored, and
        are in nothing else either.
    outputs : dict of str to ndarray
        By method, what was answered for each of `rows`: ``"predict"``, and what the scorers asked
        for, such as ``"predict_proba"``, with a column for each of `classes`.
    classes : ndarray or None
        The classes in the end, of a classifier.
    n_learned : ndarray of shape (n_batches,)
        How many rows of the stream had been learned after each batch.
    times : ndarray of shape (n_samples,) or None
        When each row of the stream came, where that is known.
    learned_rows : ndarray of shape (n_learned,)
        Stream rows in the order in which they were learned, those of the first fit included: what
        an event calls row 7 is ``learned_rows[7]``. Rows whose label did not come are not in it.
    n_first : int
        How many of these the first fit learned.
    classes_at_start : ndarray or None
        The classes among the targets of the rows before the first prediction, of a classifier.
    sliced : Sliced or None
        What :meth:`per_slice` goes by; `rows` of it has, for each slice, the places in `rows`.
    batch_fits, batch_rows_updated : ndarray of shape (n_batches,)
        Fits from scratch after the first, and rows that went into updates, which were made before a
        batch came and after the one before it; what came after the last one counts to it. Of
        length 0 unless :func:`compare_policies` asked for them.
    batch_flips : ndarray of shape (n_batches,) or None
        Rows of a batch that the model which served the batch before decides otherwise; None unless
        :func:`compare_policies` was told a price of them.

    Notes
    -----
    What was paid is counted: `fit_seconds`, `n_fits`, `rows_fitted` and `events` include what was
    learned from the last labels, a refit at the end of the stream, say, although it served no row.
    Only `refit_rows` leaves it out, so that ``len(result.refit_rows)`` can be smaller than
    ``result.estimator.n_refits_``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import prequential_validate
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression())
    >>> result = prequential_validate(model, X, y, scoring=["accuracy", "f1"])
    >>> list(result.scores), len(result.batch_rows)
    (['accuracy', 'f1'], 19)
    """

    scores: dict
    rows: np.ndarray
    y_true: np.ndarray | None
    y_pred: np.ndarray
    batch_rows: np.ndarray
    batch_scores: dict
    batch_fit_seconds: np.ndarray
    batch_predict_seconds: np.ndarray
    fit_seconds: float
    predict_seconds: float
    n_fits: int
    rows_fitted: int
    refit_rows: np.ndarray
    label_delay: Any
    events: Any
    estimator: Any
    unpredicted_rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    zero_weight_rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    outputs: dict = field(default_factory=dict)
    classes: np.ndarray | None = None
    n_learned: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    times: np.ndarray | None = None
    learned_rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    n_first: int = 0
    classes_at_start: np.ndarray | None = None
    sliced: Any = None
    batch_fits: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    batch_rows_updated: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    batch_flips: np.ndarray | None = None

    @property
    def n_served(self):
        """Number of rows after the first fit, an int: whether they were read and scored or not."""
        return len(self.rows) + len(self.unpredicted_rows) + len(self.zero_weight_rows)

    def arrived(self, rows):
        """Return the stream rows before which so many rows had been learned.

        Parameters
        ----------
        rows : array-like of int
            Rows as `events` count them.

        Returns
        -------
        rows : ndarray of int
            As `rows` and `batch_rows` count them; the first, of what was known from the start.
        """
        borders = np.append(self.batch_rows, self.batch_rows[0] + self.n_served)
        return arrived_rows(rows, borders, np.append(self.n_first, self.n_learned))

    @property
    def _drawn_events(self):
        """Events as pictures of the stream show them, in rows as :meth:`arrived` takes them."""
        return in_stream_rows(self.events, np.append(self.n_first, self.n_learned))

    @property
    def score(self):
        """The score of all predictions together, by the first scorer, a float."""
        return next(iter(self.scores.values()))

    def to_frame(self):
        """Return a pandas DataFrame with one line per batch.

        ``row``, the scores, ``n_unpredicted`` (rows that could not be read and are in none of the
        scores), and processor seconds.
        """
        pandas = import_optional("pandas", caller="PrequentialResult.to_frame", extra="cli")
        return pandas.DataFrame(
            {
                "row": self.batch_rows,
                **self.batch_scores,
                "n_unpredicted": self._unpredicted_per_batch(),
                "fit_seconds": self.batch_fit_seconds,
                "predict_seconds": self.batch_predict_seconds,
            }
        )

    def _unpredicted_per_batch(self):
        batches = np.searchsorted(self.batch_rows, self.unpredicted_rows, side="right") - 1
        return np.bincount(batches, minlength=len(self.batch_rows))

    def per_class(self, window=None, *, average=None):
        """Return precision, recall, F1 and specificity of each class over time.

        A class exists from the window of its first true label on, or from the start if it is among
        the targets before the first prediction. It has no line before, and is in no average.

        Parameters
        ----------
        window : int, default=None
            Number of scored rows per line; the last may have fewer. None is a twentieth of them.
        average : {None, "macro"}, default=None
            None is a line per window and class. ``"macro"`` is a line per window, with the mean of
            the classes that exist by then, however rare.

        Returns
        -------
        table : DataFrame
            ``row``, the first stream row of the window, ``class``, ``precision``, ``recall`` (which
            is the sensitivity), ``f1``, ``specificity`` (the share of the rows of other classes
            that were not predicted as this one) and ``support``, its rows. With an average, there
            is ``n_classes`` in place of ``class``, and the support is that of all.

        Raises
        ------
        ValueError
            If `window` or `average` is invalid, or if there are no classes.
        ImportError
            If pandas is not installed.

        Notes
        -----
        What is not defined is NaN and left out of a mean, rather than 0: the recall of a class that
        has no rows in a window, and its precision if nothing was predicted as such, either. A class
        that has rows and is never predicted has a precision of 0.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skretrain import DriftAwareRetrainer
        >>> from skretrain.model_selection import prequential_validate
        >>> rng = np.random.default_rng(0)
        >>> y = np.where(np.arange(800) < 400, rng.integers(2, size=800), rng.integers(3, size=800))
        >>> X = rng.normal(y, 0.1)[:, np.newaxis]
        >>> result = prequential_validate(DriftAwareRetrainer(GaussianNB()), X, y)
        >>> result.per_class(200, average="macro")[["row", "recall", "n_classes"]].round(2)
           row  recall  n_classes
        0  100    1.00          2
        1  300    0.67          3
        2  500    1.00          3
        3  700    1.00          3
        """
        return per_class_table(self, window, average)

    def per_slice(self, window=None):
        """Return the scores of each slice over time.

        Parameters
        ----------
        window : int, default=None
            Number of scored rows per line, those outside of the slice included; the last may have
            fewer. None is a twentieth of them; ``len(result.rows)`` is a line per slice.

        Returns
        -------
        table : DataFrame
            ``row``, the first stream row of the window, ``slice``, ``n_rows``, those of the slice
            in the window, and a column for each scorer: NaN where it is not defined on these rows,
            or there are none.

        Raises
        ------
        ValueError
            If `window` is invalid, or no `slices` were named.
        ImportError
            If pandas is not installed.

        See Also
        --------
        skretrain.metrics.slice_scores : The scores with intervals and tests, of all rows together.

        Notes
        -----
        Slices are those of :func:`~skretrain.metrics.slice_scores` on the rows that were scored:
        where the quartiles of a number lie, and which levels are rare, is the same in all windows.

        Examples
        --------
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skretrain import DriftAwareRetrainer
        >>> from skretrain.datasets import make_drifting_classification
        >>> from skretrain.model_selection import prequential_validate
        >>> X, y, _ = make_drifting_classification(2000, random_state=0)
        >>> slices = {"high": lambda X: X[:, 0] > 1}
        >>> result = prequential_validate(DriftAwareRetrainer(GaussianNB()), X, y, slices=slices)
        >>> result.per_slice(window=950).round(2)
            row slice  n_rows  score
        0   100  high     166   0.83
        1  1050  high     145   0.83
        """
        return per_slice_table(self, window)

    def old_versus_new(self, label, *, window=None):
        """Tell whether the old classes lost when a new one came.

        Compared are the last rows before the first true label of the new class, and the first rows
        from that one on which was predicted as the new class (or, if none was, from its first true
        label on).

        Parameters
        ----------
        label : object
            A class that came after the first fit.
        window : int, default=None
            Number of scored rows on each side. None is a twentieth of all.

        Returns
        -------
        comparison : OldVersusNew
            Scores of each class before and after, and both confusion matrices.

        Raises
        ------
        ValueError
            If there is no such class, or `window` is invalid.
        ImportError
            If pandas is not installed.

        Notes
        -----
        A change of recall of less than two of its standard errors may well be chance. The error is
        that of independent rows: where rows of a kind come together, it is larger.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skretrain import DriftAwareRetrainer
        >>> from skretrain.model_selection import prequential_validate
        >>> rng = np.random.default_rng(0)
        >>> y = np.where(np.arange(800) < 400, rng.integers(2, size=800), rng.integers(3, size=800))
        >>> X = rng.normal(y, 0.4)[:, np.newaxis]
        >>> result = prequential_validate(DriftAwareRetrainer(GaussianNB()), X, y)
        >>> found = result.old_versus_new(2, window=200)
        >>> found.row, found.predicted_from
        (403, 500)
        >>> scores = found.table[["recall_before", "recall_after", "recall_error", "taken"]]
        >>> scores.round(2).reset_index()
           class  recall_before  recall_after  recall_error  taken
        0      0           0.84          0.80          0.07   0.00
        1      1           0.94          0.87          0.05   0.07
        2      2            NaN          0.75           NaN   0.75
        """
        return old_versus_new(self, label, window)

    def plot(self, **kwargs):
        """Draw the score over time with alarms and refits.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`skretrain.inspection.DriftTimelineDisplay.from_result`.

        Returns
        -------
        display : DriftTimelineDisplay
            The drawn timeline.

        Raises
        ------
        ValueError
            If no row was predicted.
        """
        if not len(self.rows):
            raise ValueError("There is nothing to draw: no row could be read when it came.")
        from ..inspection import DriftTimelineDisplay

        return DriftTimelineDisplay.from_result(self, **kwargs)


def arrived_rows(rows, borders, n_learned):
    """Return the border of batches at which so many rows had been learned.

    `n_learned` has the rows learned by each of `borders`.
    """
    found = np.searchsorted(n_learned, np.asarray(rows, dtype=np.int64))
    return borders[np.minimum(found, len(borders) - 1)]
