"""The timeline of a stream: score, drifts, alarms and refits on one axis."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from ..utils._events import notable_actions
from ..utils._optional import import_optional
from ..utils._params import check_has, check_integer
from ._panels import label_rows, literal, thinned

# Okabe and Ito's colours, which colour-blind readers can tell apart; each also has its own line
# style or marker, so that a print in grey stays readable. True drifts lie behind everything.
_SCORE = {"color": "#0072B2", "linewidth": 1.5, "zorder": 3}
_BASELINE = {"color": "#7F7F7F", "linewidth": 1.2, "linestyle": ":", "zorder": 2.5}
_TRUE_DRIFT = {"color": "#BDBDBD", "linewidth": 5.0, "linestyle": "-", "zorder": 1}
_ALARM = {"color": "#D55E00", "linewidth": 1.2, "linestyle": (0, (4, 2)), "zorder": 2}
_MARK = {"linestyle": "none", "markeredgecolor": "black", "markeredgewidth": 0.7, "markersize": 7}

_MOST_POINTS = 4_000  # a picture has fewer pixels
_MOST_LINES, _TICK = 40, 0.06  # across the axes; height of more than that, as a share of them
_NAMES = {"accuracy": "accuracy", "mean_absolute_error": "absolute error"}


def as_they_are(rows):
    """Return rows: those of events are those of predictions where labels come at once."""
    return rows


class DriftTimelineDisplay:
    """Score over time, with the true drifts, alarms and refits where they happened.

    It is recommended to use :meth:`from_predictions` or :meth:`from_result` to create a display.
    All parameters are stored as attributes.

    Parameters
    ----------
    rows : array-like of shape (n_points,)
        Stream row of each point of the score.

    score : array-like of shape (n_points,)
        Score at these rows, in its own unit.

    alarms : array-like of int, default=()
        Rows seen when the trigger reported drift: dashed vertical lines.

    refits : array-like of int, default=()
        Rows seen when a newly fitted model began to serve: circles on the score.

    others : dict of str to array-like of int, default=None
        Rows seen at other notable events, by action, such as ``{"rejected": [340]}``: each action
        has a mark of its own, on the score.

    true_drifts : array-like of int, default=()
        Rows at which the stream is known to have drifted: broad grey lines.

    label : str, default="score"
        Name of the score.

    baseline : float or array-like of shape (n_points,), default=None
        Score of a model to compare with, at the same rows: a dotted line.

    baseline_label : str, default="baseline"
        Name of the baseline in the legend.

    times : array-like of shape (n_samples,), default=None
        When each row of the stream came, dates: the axis then shows them instead of rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that hold the timeline.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    line_ : matplotlib Line2D
        The score.

    See Also
    --------
    DriftTimelineDisplay.from_predictions : The timeline of predictions and their targets.
    DriftTimelineDisplay.from_result : The timeline of a test-then-train evaluation.

    Examples
    --------
    >>> from skretrain.inspection import DriftTimelineDisplay
    >>> rows = [100, 200, 300, 400]
    >>> score = [0.9, 0.5, 0.6, 0.9]
    >>> display = DriftTimelineDisplay(rows, score, alarms=[250], refits=[250, 350])
    >>> display.plot().line_.get_ydata().max()
    np.float64(0.9)
    """

    def __init__(
        self,
        rows,
        score,
        *,
        alarms=(),
        refits=(),
        others=None,
        true_drifts=(),
        label="score",
        baseline=None,
        baseline_label="baseline",
        times=None,
    ):
        self.rows = rows
        self.score = score
        self.alarms = alarms
        self.refits = refits
        self.others = others
        self.true_drifts = true_drifts
        self.label = label
        self.baseline = baseline
        self.baseline_label = baseline_label
        self.times = times

    def plot(self, ax=None, **kwargs):
        """Draw the timeline.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure, with room for the legend below the axes; a
            figure of your own needs ``layout="constrained"`` for that.

        **kwargs : dict
            Passed to the ``Axes.plot`` call that draws the score.

        Returns
        -------
        display : DriftTimelineDisplay
            This object, with `ax_`, `figure_` and `line_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        if ax is None:
            _, ax = pyplot.subplots(figsize=(9.0, 4.2), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        _draw_verticals(ax, self.true_drifts, "true drift", _TRUE_DRIFT)
        _draw_verticals(ax, self.alarms, "alarm", _ALARM)
        if self.baseline is not None:
            level = np.broadcast_to(self.baseline, np.shape(self.rows))
            points = thinned(self.rows, level, most=_MOST_POINTS)
            ax.plot(*points, label=literal(self.baseline_label), **_BASELINE)
        style = {**_SCORE, "label": literal(self.label), **_full_names(kwargs)}
        (self.line_,) = ax.plot(*thinned(self.rows, self.score, most=_MOST_POINTS), **style)
        self._plot_marks({"retrained": self.refits, **(self.others or {})})
        ax.set(xlabel=label_rows(ax, self.times), ylabel=literal(self.label))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False)
        return self

    def _plot_marks(self, rows):
        for action in notable_actions():
            events = rows.get(action.name, ())
            if len(events):
                height = np.interp(events, self.rows, self.score)
                label = f"{action.label} ({len(events)})"
                self.ax_.plot(events, height, label=label, zorder=4, **_mark_of(action))

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        events=None,
        true_drifts=(),
        window=None,
        start=0,
        metric="auto",
        y_pred_baseline=None,
        baseline_label="baseline",
        times=None,
        arrived=None,
        ax=None,
        **kwargs,
    ):
        """Draw the timeline of predictions that were each made before their target was known.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Targets, in order of arrival.

        y_pred : array-like of shape (n_samples,)
            Predictions of the same rows.

        events : object with a method ``to_records``, default=None
            Log of what happened, such as the ``events_`` of a fitted retrainer. ``to_records``
            returns one dictionary per event; read are "row" (rows seen when it happened),
            "action" (the notable ones are drawn) and "state" ("drift" is an alarm).

        true_drifts : array-like of int, default=()
            Stream rows at which the stream is known to have drifted.

        window : int, default=None
            Number of rows over which the score is averaged, from 1 to `n_samples`. The window
            ends at the row where its mean is drawn, so that no fall shows before its cause; the
            first point is that of the first full window. None means a fiftieth of the rows.

        start : int, default=0
            Stream row of the first prediction, as events count rows.

        metric : {"auto", "accuracy", "mean_absolute_error"}, default="auto"
            What is averaged. "auto" is "mean_absolute_error" if targets or predictions have a
            fractional part, else "accuracy"; ask for the error by name where a regression target
            happens to be whole numbers.

        y_pred_baseline : array-like of shape (n_samples,), default=None
            Predictions of a model to compare with.

        baseline_label : str, default="baseline"
            Name of that model in the legend.

        times : array-like of shape (n_stream_rows,), default=None
            When each row of the stream came, from its first on, dates: the axis then shows them
            instead of rows.

        arrived : callable, default=None
            ``arrived(rows)`` returns the stream rows at which so many rows had been learned, where
            labels come late, as :meth:`~skretrain.model_selection.PrequentialResult.arrived` does.
            None: at once.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to the ``Axes.plot`` call that draws the score.

        Returns
        -------
        display : DriftTimelineDisplay
            The drawn timeline; its `score` is the averaged one.

        Raises
        ------
        ValueError
            If the arrays differ in length, or `window` or `metric` is out of its range.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from skretrain.inspection import DriftTimelineDisplay
        >>> display = DriftTimelineDisplay.from_predictions(
        ...     [0, 0, 1, 1], [0, 1, 1, 1], window=2, true_drifts=[2]
        ... )
        >>> display.score
        array([0.5, 0.5, 1. ])
        """
        rows = start + np.arange(len(y_true))
        return cls._from_rows(
            rows,
            y_true,
            y_pred,
            events,
            true_drifts,
            window,
            metric,
            y_pred_baseline,
            baseline_label,
            as_they_are if arrived is None else arrived,
            times,
        ).plot(ax=ax, **kwargs)

    @classmethod
    def from_result(
        cls,
        result,
        *,
        true_drifts=(),
        window=None,
        metric="auto",
        y_pred_baseline=None,
        baseline_label="baseline",
        ax=None,
        **kwargs,
    ):
        """Draw the timeline of a test-then-train evaluation.

        Parameters
        ----------
        result : object with attributes ``y_true``, ``y_pred``, ``rows`` and ``events``
            The scored rows in order of arrival, their predictions, their stream rows, and the log
            of what happened (see :meth:`from_predictions`) or None. With a method
            ``arrived``, as :class:`~skretrain.model_selection.PrequentialResult` has it, events are
            drawn where it says that their labels came in; with ``times``, the axis has dates.

        true_drifts : array-like of int, default=()
            Stream rows at which the stream is known to have drifted.

        window : int, default=None
            Number of scored rows over which the score is averaged, up to and including the row
            where it is drawn. None means a fiftieth of them.

        metric : {"auto", "accuracy", "mean_absolute_error"}, default="auto"
            What is averaged, as in :meth:`from_predictions`.

        y_pred_baseline : array-like of shape (n_samples,), default=None
            Predictions, of the same rows, by a model to compare with.

        baseline_label : str, default="baseline"
            Name of that model in the legend.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to the ``Axes.plot`` call that draws the score.

        Returns
        -------
        display : DriftTimelineDisplay
            The drawn timeline.

        Raises
        ------
        ValueError
            If the arrays differ in length, or `window` or `metric` is out of its range.

        ImportError
            If matplotlib is not installed.
        """
        check_evaluation(cls.__name__, "result", result)
        return cls._from_rows(
            result.rows,
            result.y_true,
            result.y_pred,
            getattr(result, "_drawn_events", result.events),
            true_drifts,
            window,
            metric,
            y_pred_baseline,
            baseline_label,
            # Events count the rows that were learned, which the predictions are ahead of.
            getattr(result, "arrived", as_they_are),
            getattr(result, "times", None),
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
        metric,
        y_pred_baseline,
        baseline_label,
        arrived=as_they_are,
        times=None,
    ):
        check_consistent_length(rows, y_true, y_pred, y_pred_baseline)
        y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
        window = _check_window(cls.__name__, window, len(y_true))
        metric = _check_metric(metric, y_true, y_pred)
        baseline = None
        if y_pred_baseline is not None:
            points = _points(metric, y_true, column_or_1d(y_pred_baseline))
            baseline = _rolling_mean(points, window)
        records = [] if events is None else events.to_records()
        return cls(
            np.asarray(rows)[window - 1 :],
            _rolling_mean(_points(metric, y_true, y_pred), window),
            alarms=arrived(_event_rows(records, "state", "drift")),
            refits=arrived(_event_rows(records, "action", "retrained")),
            others={
                action.name: arrived(_event_rows(records, "action", action.name))
                for action in notable_actions()
                if action.name != "retrained"
            },
            true_drifts=np.asarray(true_drifts, dtype=np.int64),
            label=f"{_NAMES[metric]} over {window} rows",
            baseline=baseline,
            baseline_label=baseline_label,
            times=times,
        )


def _mark_of(action):
    return {**_MARK, "marker": action.mark.marker, "color": action.mark.colour}


def _draw_verticals(ax, events, name, style):
    """Draw lines across the axes; short ones, in their lowest part, where they would be a fence."""
    events = np.asarray(events, dtype=float)
    if len(events):
        places = np.unique(events)
        height = 1.0
        if len(places) > _MOST_LINES:
            height, style = _TICK, {**style, "linestyle": "-"}
        # One broken line for all: ten thousand alarms are one artist and one legend entry.
        x = np.repeat(places, 3)
        y = np.tile([0.0, height, np.nan], len(places))
        # Heights are fractions of the axes, so that the lines leave the limits of y alone.
        transform = ax.get_xaxis_transform()
        ax.plot(x, y, transform=transform, label=f"{name} ({len(events)})", **style)


def _check_window(owner, window, n_rows):
    if window is None:
        window = max(n_rows // 50, 1)
    check_integer(owner, "window", window, least=1, what="a number of predictions")
    if window > n_rows:
        raise ValueError(
            f"window={window} is more than the {n_rows} predictions there are; lower window or "
            "pass more rows."
        )
    return window


def _check_metric(metric, y_true, y_pred):
    if metric == "auto":
        fractional = _has_fractions(y_true) or _has_fractions(y_pred)
        return "mean_absolute_error" if fractional else "accuracy"
    if metric not in _NAMES:
        raise ValueError(f"metric must be one of auto, {', '.join(_NAMES)}; got {metric!r}.")
    return metric


def check_evaluation(owner, parameter, result):
    """Raise ValueError for what has not the rows of an evaluation."""
    what = "a result of prequential_validate, one of those of several seeds"
    check_has(owner, parameter, result, ["rows", "y_true", "y_pred"], what)


def _has_fractions(y):
    return y.dtype.kind == "f" and bool((y != np.round(y)).any())


def _points(metric, y_true, y_pred):
    """Return what each row adds to the mean."""
    if metric == "accuracy":
        return (y_true == y_pred).astype(float)
    return np.abs(y_true.astype(float) - y_pred.astype(float))  # unsigned integers would wrap


def _rolling_mean(values, window):
    """Return the mean of each full window, in O(n)."""
    # Sums restart every `window` values: a window is the tail of one block and the head of the
    # next, so one exploded residual leaves no rounding error in windows that do not contain it,
    # as it would in the differences of one long cumulative sum.
    blocks = np.zeros((-(-len(values) // window), window))
    blocks.flat[: len(values)] = values
    heads = blocks.cumsum(axis=1).ravel()
    tails = blocks[:, ::-1].cumsum(axis=1)[:, ::-1].ravel()
    first = np.arange(len(values) - window + 1)
    sums = tails[first] + np.where(first % window == 0, 0.0, heads[first + window - 1])
    return sums / window


def _event_rows(records, key, value):
    return np.array([r["row"] for r in records if r[key] == value], dtype=np.int64)


def _full_names(kwargs):
    """Return line properties by their full names, so that they meet the defaults of this file."""
    short = {"c": "color", "lw": "linewidth", "ls": "linestyle"}
    return {short.get(name, name): value for name, value in kwargs.items()}
