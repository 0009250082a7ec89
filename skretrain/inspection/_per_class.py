"""Recall and precision of each class over time: the evaluation of a stream whose classes change."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from ..utils._events import ACTIONS
from ..utils._labels import union_of_labels
from ..utils._optional import import_optional
from ..utils._params import check_integer
from ._panels import label_panels, legend_below, panel_axes, shortened
from ._per_class_data import (
    check_labels,
    counts_of,
    first_rows,
    mean_of,
    precision_of,
    ranked,
    ratio,
    scores_of,
    stops_of,
)
from ._timeline import (
    _TRUE_DRIFT,
    _check_window,
    _draw_verticals,
    _event_rows,
    _full_names,
    _mark_of,
    as_they_are,
    check_evaluation,
)

# The first one that is drawn takes the keywords of the caller.
_LINES = {
    "recall": {"color": "#0072B2", "linewidth": 1.6, "zorder": 4},
    "precision": {"color": "#D55E00", "linewidth": 1.3, "linestyle": (0, (4, 1.5)), "zorder": 3},
    "f1": {"color": "#009E73", "linewidth": 1.6, "zorder": 3.5, "label": "F1"},
    "average_precision": {
        "color": "#CC79A7",
        "linewidth": 1.3,
        "linestyle": (0, (1, 1)),
        "zorder": 3,
        "label": "average precision",
    },
}
_SHARE = {"color": "#9E9E9E", "alpha": 0.45, "linewidth": 0.0, "zorder": 1.5}
_REFIT_MARK = {**_mark_of(ACTIONS["retrained"]), "marker": "^", "markersize": 5, "zorder": 4}


class PerClassDisplay:
    """Recall, precision and share of each class over time, a panel per class.

    It is recommended to use :meth:`from_predictions` or :meth:`from_result` to create a display.
    All parameters are stored as attributes.

    Parameters
    ----------
    rows : array-like of shape (n_points,)
        Stream row of each point.

    classes : array-like of shape (n_classes,)
        Class labels.

    recall : array-like of shape (n_points, n_classes)
        Share of the rows of a class that were predicted as such; NaN where it has no rows.

    precision : array-like of shape (n_points, n_classes)
        Share of the predictions of a class that were right; NaN where it has neither rows nor
        predictions.

    support : array-like of shape (n_points, n_classes)
        Rows of each class, behind each point.

    average_precision : array-like of shape (n_points, n_classes) or None, default=None
        That of a class against all others, by its scores; NaN where it has no rows, or no others.

    true_drifts : array-like of int, default=()
        Rows at which the stream is known to have drifted: broad grey lines.

    refits : array-like of int, default=()
        Rows seen when a newly fitted model began to serve: triangles at the foot of each panel.

    label : str, default="score"
        Name of the vertical scale, which the three have in common.

    times : array-like of shape (n_samples,), default=None
        When each row of the stream came, dates: the axis then shows them instead of rows.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels, one per class drawn and the last for the macro averages.

    figure_ : matplotlib Figure
        Figure that holds the panels.

    classes_drawn_ : ndarray of shape (n_drawn,)
        Labels of the classes drawn, in the order of `classes`.

    See Also
    --------
    DriftTimelineDisplay : One score over time, with alarms and refits.

    Examples
    --------
    >>> from skretrain.inspection import PerClassDisplay
    >>> display = PerClassDisplay(
    ...     rows=[100, 200],
    ...     classes=["no", "yes"],
    ...     recall=[[0.9, 0.6], [0.8, 0.9]],
    ...     precision=[[0.7, 0.8], [0.8, 0.9]],
    ...     support=[[75, 25], [50, 50]],
    ... )
    >>> display.macro_recall
    array([0.75, 0.85])
    >>> display.weighted_recall
    array([0.825, 0.85 ])
    >>> [ax.get_title() for ax in display.plot().axes_]
    ['no', 'yes', 'macro average of both']
    """

    def __init__(
        self,
        rows,
        classes,
        recall,
        precision,
        support,
        *,
        average_precision=None,
        true_drifts=(),
        refits=(),
        label="score",
        times=None,
    ):
        self.rows = rows
        self.classes = classes
        self.recall = recall
        self.precision = precision
        self.support = support
        self.average_precision = average_precision
        self.true_drifts = true_drifts
        self.refits = refits
        self.label = label
        self.times = times

    @property
    def f1(self):
        """F1 of each class, ndarray of shape (n_points, n_classes); NaN where precision is."""
        recall, precision = (np.asarray(a, dtype=float) for a in (self.recall, self.precision))
        recall = np.where(np.isnan(recall) & ~np.isnan(precision), 0.0, recall)
        total = recall + precision
        product = np.where(total == 0, 0.0, 2 * recall * precision)
        return np.divide(product, total, out=product, where=total > 0)

    @property
    def macro_f1(self):
        """Mean F1 of the classes with rows or predictions, ndarray of shape (n_points,)."""
        return mean_of(self.f1, np.ones(np.shape(self.recall)))

    @property
    def macro_average_precision(self):
        """Mean average precision of the classes with rows, ndarray of shape (n_points,)."""
        return mean_of(self.average_precision, np.ones(np.shape(self.recall)))

    @property
    def macro_recall(self):
        """Mean recall of the classes with rows, ndarray of shape (n_points,).

        It is the balanced accuracy: every class counts the same, however rare.
        """
        return mean_of(self.recall, np.ones(np.shape(self.recall)))

    @property
    def macro_precision(self):
        """Mean precision of the classes with rows or predictions, ndarray of shape (n_points,)."""
        return mean_of(self.precision, np.ones(np.shape(self.precision)))

    @property
    def weighted_recall(self):
        """Mean recall, classes weighted by their rows, ndarray of shape (n_points,).

        It is the accuracy: a rare class hardly counts.
        """
        return mean_of(self.recall, self.support)

    @property
    def weighted_precision(self):
        """Mean precision, classes weighted by their rows, ndarray of shape (n_points,)."""
        return mean_of(self.precision, self.support)

    def plot(self, ax=None, *, metrics=("recall", "precision"), max_classes=8, **kwargs):
        """Draw a panel per class, and one for the macro averages of all classes.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One Axes per panel, or one whose place is divided. None makes a new figure, with a
            legend below; on axes of your own, ``display.axes_[0].legend()`` draws one.

        metrics : sequence of {"recall", "precision", "f1", "average_precision"}, \
                default=("recall", "precision")
            What to draw.

        max_classes : int, default=8
            At most this number of classes get a panel: the most frequent ones. The averages are
            always of all.

        **kwargs : dict
            Passed to the ``Axes.plot`` calls that draw the first of the metrics.

        Returns
        -------
        display : PerClassDisplay
            This object, with `axes_`, `figure_` and `classes_drawn_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are fewer axes than panels, `max_classes` is less than 1, or `metrics` names
            one that there is none of; an average precision takes scores of the classes.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        owner = type(self).__name__
        check_integer(owner, "max_classes", max_classes, least=1)
        self._check_metrics(metrics)
        support = np.asarray(self.support)
        drawn = np.sort(np.argsort(-support.sum(axis=0), kind="stable")[:max_classes])
        self.classes_drawn_ = np.asarray(self.classes)[drawn]
        self.axes_ = panel_axes(pyplot, ax, len(drawn) + 1)
        self.figure_ = self.axes_[0].figure
        share = support / support.sum(axis=1, keepdims=True)
        curves = {name: np.asarray(getattr(self, name)) for name in metrics}
        for panel, k in zip(self.axes_, drawn, strict=False):
            self._plot_lines(panel, {name: curve[:, k] for name, curve in curves.items()}, kwargs)
            panel.fill_between(self.rows, share[:, k], label="share of the rows", **_SHARE)
            panel.set_title(shortened(self.classes[k]), fontsize=9.5)
        averages = {name: getattr(self, f"macro_{name}") for name in metrics}
        self._plot_lines(self.axes_[-1], averages, kwargs)
        self.axes_[-1].set_title(self._title_of_averages(len(drawn)), fontsize=9.5)
        label_panels(self.axes_, self.label, self.times)
        if ax is None:
            legend_below(self.figure_, self.axes_[0])
        return self

    def _check_metrics(self, metrics):
        known = [name for name in _LINES if getattr(self, name) is not None]
        is_list = isinstance(metrics, (list, tuple)) and len(metrics)
        if not is_list or not all(name in known for name in metrics):
            raise ValueError(
                f"metrics={metrics!r}: pass a list of some of {known}. An average precision takes "
                "scores of the classes: evaluate with a scorer that asks for them, such as "
                "'neg_log_loss', or pass y_score."
            )

    def _plot_lines(self, panel, curves, kwargs):
        given = _full_names(kwargs)
        for name, curve in curves.items():
            there = ~np.isnan(curve)  # of an average precision, few points are known
            rows, curve = np.asarray(self.rows), np.asarray(curve)
            if name == "average_precision":
                rows, curve = rows[there], curve[there]
            panel.plot(rows, curve, **{"label": name, **_LINES[name], **given})
            given = {}
        _draw_verticals(panel, self.true_drifts, "true drift", _TRUE_DRIFT)
        if len(self.refits):
            foot, label = np.full(len(self.refits), 0.035), f"refit ({len(self.refits)})"
            transform = panel.get_xaxis_transform()
            panel.plot(self.refits, foot, transform=transform, label=label, **_REFIT_MARK)
        panel.set_ylim(0.0, 1.03)

    def _title_of_averages(self, n_drawn):
        n_classes = len(self.classes)
        if n_drawn < n_classes:
            return f"macro average of all {n_classes} ({n_drawn} drawn)"
        return f"macro average of {'both' if n_classes == 2 else f'all {n_classes}'}"

    @classmethod
    def from_predictions(
        cls,
        rows,
        y_true,
        y_pred,
        *,
        y_score=None,
        events=None,
        true_drifts=(),
        window=None,
        step=None,
        times=None,
        arrived=None,
        ax=None,
        **kwargs,
    ):
        """Draw the classes of predictions that were each made before their target was known.

        Parameters
        ----------
        rows : array-like of shape (n_samples,)
            Stream rows of the predictions.

        y_true : array-like of shape (n_samples,)
            Class labels, in order of arrival.

        y_pred : array-like of shape (n_samples,)
            Predictions of the same rows.

        y_score : array-like of shape (n_samples, n_classes) or None, default=None
            Scores or probabilities of the classes that are there, sorted, for average precisions.

        events : object with a method ``to_records``, default=None
            Log of what happened, such as the ``events_`` of a fitted retrainer. ``to_records``
            returns one dictionary per event; those with "retrained" as "action" are drawn at
            their "row" (rows seen when it happened).

        true_drifts : array-like of int, default=()
            Stream rows at which the stream is known to have drifted.

        window : int, default=None
            Number of rows that each point summarises, up to and including the row where it is
            drawn, from 1 to `n_samples`. None means a twentieth of the rows: a rare class needs
            more rows than one score for all.

        step : int, default=None
            Rows from one point to the next. None is the least that keeps to 2,000 points. The
            last point is at the last row.

        times : array-like of shape (n_stream_rows,), default=None
            When each row of the stream came, from its first on, dates: the axis then shows them
            instead of rows.

        arrived : callable, default=None
            ``arrived(rows)`` returns the stream rows at which so many rows had been learned, where
            labels come late, as :meth:`~skretrain.model_selection.PrequentialResult.arrived` does.
            None: at once.

        ax : matplotlib Axes or array of Axes, default=None
            One Axes per panel, or one whose place is divided. None makes a new figure.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PerClassDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If arrays differ in length or hold no labels, or `window` or `step` is out of its range.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from skretrain.inspection import PerClassDisplay
        >>> display = PerClassDisplay.from_predictions(
        ...     range(6), list("aaaabb"), list("aaabab"), window=2
        ... )
        >>> display.recall
        array([[1. , nan],
               [1. , nan],
               [0.5, nan],
               [0. , 0. ],
               [nan, 0.5]])
        """
        return cls._from_rows(
            rows,
            y_true,
            y_pred,
            events,
            true_drifts,
            window,
            step,
            as_they_are if arrived is None else arrived,
            times=times,
            y_score=y_score,
        ).plot(ax=ax, **kwargs)

    @classmethod
    def from_result(cls, result, *, true_drifts=(), window=None, step=None, ax=None, **kwargs):
        """Draw the classes of a test-then-train evaluation.

        Parameters
        ----------
        result : object with attributes ``y_true``, ``y_pred``, ``rows`` and ``events``
            The scored rows in order of arrival, their predictions, their stream rows, and the log
            of what happened (see :meth:`from_predictions`) or None. With a method
            ``arrived``, as :class:`~skretrain.model_selection.PrequentialResult` has it, refits are
            drawn where it says that their labels came in; with ``times``, the axis has dates; with
            ``classes_at_start``, other classes count from their first true label on. With
            ``outputs`` and ``classes``, as an evaluation by such a scorer as ``"neg_log_loss"`` has
            them, ``metrics`` may name the average precision.

        true_drifts : array-like of int, default=()
            Stream rows at which the stream is known to have drifted.

        window : int, default=None
            Number of scored rows that each point summarises. None means a twentieth of them.

        step : int, default=None
            Scored rows from one point to the next. None is the least that keeps to 2,000 points.

        ax : matplotlib Axes or array of Axes, default=None
            One Axes per panel, or one whose place is divided. None makes a new figure.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PerClassDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If arrays differ in length or hold no labels, or `window` or `step` is out of its range.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skretrain import DriftAwareRetrainer
        >>> from skretrain.datasets import make_drifting_classification
        >>> from skretrain.inspection import PerClassDisplay
        >>> from skretrain.model_selection import prequential_validate
        >>> X, y, drifts = make_drifting_classification(2000, random_state=0)
        >>> model = DriftAwareRetrainer(GaussianNB(), random_state=0)
        >>> result = prequential_validate(model, X, y)
        >>> display = PerClassDisplay.from_result(result, true_drifts=drifts)
        >>> bool(display.macro_recall[-1] > display.macro_recall.min() + 0.2)
        True
        """
        check_evaluation(cls.__name__, "result", result)
        return cls._from_rows(
            result.rows,
            result.y_true,
            result.y_pred,
            getattr(result, "_drawn_events", result.events),
            true_drifts,
            window,
            step,
            # Events count the rows that were learned, which the predictions are ahead of.
            getattr(result, "arrived", as_they_are),
            times=getattr(result, "times", None),
            # Each point sorts its window for each class: only where it is to be drawn.
            y_score=scores_of(result) if "average_precision" in kwargs.get("metrics", ()) else None,
            known=getattr(result, "classes", None),
            at_start=getattr(result, "classes_at_start", None),
        ).plot(ax=ax, **kwargs)

    @classmethod
    def _from_rows(
        cls,
        rows,
        y_true,
        y_pred,
        events,
        true_drifts,
        window,
        step,
        arrived=as_they_are,
        *,
        times=None,
        y_score=None,
        known=None,
        at_start=None,
    ):
        check_consistent_length(rows, y_true, y_pred)
        y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
        check_labels(y_true, y_pred)
        window = max(len(y_true) // 20, 1) if window is None else window
        window = _check_window(cls.__name__, window, len(y_true))
        stops = stops_of(cls.__name__, len(y_true), window, step)
        classes = union_of_labels(np.unique(y_true), y_pred)
        hits, support, predicted = counts_of(y_true, y_pred, classes, stops, window)
        first = -1 if at_start is None else first_rows(y_true, classes, at_start)
        records = [] if events is None else events.to_records()
        return cls(
            np.asarray(rows)[stops - 1],
            classes,
            ratio(hits, support),
            precision_of(hits, support, predicted, stops[:, np.newaxis] <= first),
            support,
            average_precision=ranked(y_true, y_score, classes, known, stops, window),
            true_drifts=np.asarray(true_drifts, dtype=np.int64),
            refits=arrived(_event_rows(records, "action", "retrained")),
            label=f"over {window:,} rows",
            times=times,
        )
