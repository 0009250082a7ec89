"""Score of each slice with its interval, and of a few of them over time."""

import numpy as np

from ..metrics._slice_scores import measure_of, rows_of_slices, slice_scores
from ..utils._optional import import_optional
from ..utils._params import check_integer, refuse
from ._direct_labels import spread_out
from ._mixture import _COLORS
from ._panels import label_rows, literal, shortened

_SAME, _DIFFERENT = "#5A5A5A", "#D55E00"
_OVERALL = {"color": "#9E9E9E", "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 1}
_POINT = {"fmt": "o", "markersize": 4.5, "linewidth": 1.4, "zorder": 3}
_SIGNIFICANT = 0.05
_MOST_POINTS = 100
_STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)))


class SliceDisplay:
    """Score of each slice of the rows with its interval, the lowest on top.

    Slices that differ from all other rows, after correction for their number, are in colour. It is
    recommended to use :meth:`from_predictions` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    scores : list of SliceScore
        As :func:`~skretrain.metrics.slice_scores` returns them.

    overall : float, default=None
        Score of all rows: a dashed line.

    curves : dict of str to (array-like, array-like), default=None
        For slices to be drawn over time, the rows seen at each point and the score; NaN is a gap.

    label : str, default="score"
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with a line for each slice.

    time_ax_ : matplotlib Axes or None
        Axes with the scores over time, if there are any.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    slices_drawn_ : list of str
        Names of the slices drawn, from top to bottom.

    See Also
    --------
    skretrain.metrics.slice_scores : The numbers.
    PerClassDisplay : Scores of each class over time.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.inspection import SliceDisplay
    >>> shop = np.repeat([[1], [2], [3]], 100, axis=0)
    >>> y_pred = np.tile([0, 0, 0, 0, 1], 60)
    >>> y_pred[250:] = 1
    >>> display = SliceDisplay.from_predictions(np.zeros(300), y_pred, shop, {"shop": 0})
    >>> display.slices_drawn_
    ['shop=3', 'shop=1', 'shop=2']
    """

    def __init__(self, scores, *, overall=None, curves=None, label="score"):
        self.scores = scores
        self.overall = overall
        self.curves = curves
        self.label = label

    def plot(self, ax=None, *, max_slices=30, **kwargs):
        """Draw a line for each slice, and the scores over time beside them.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            Axes to draw on; two of them where there are `curves`. None makes a new figure.

        max_slices : int, default=30
            At most so many slices are drawn: those with the most rows.

        **kwargs : dict
            Passed to the ``Axes.errorbar`` calls that draw the slices.

        Returns
        -------
        display : SliceDisplay
            This object, with `ax_`, `time_ax_`, `figure_` and `slices_drawn_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If no slice has a score, `max_slices` is less than 1, or there are too few axes.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        check_integer(type(self).__name__, "max_slices", max_slices, least=1)
        drawn = self._drawn(max_slices)
        self.slices_drawn_ = [score.name for score in drawn]
        axes = self._axes(pyplot, ax, len(drawn))
        self.ax_, self.time_ax_ = axes[0], axes[1] if self.curves else None
        self.figure_ = self.ax_.figure
        self._plot_scores(drawn, kwargs)
        if self.curves:
            self._plot_curves()
        return self

    def _drawn(self, max_slices):
        known = [score for score in self.scores if not np.isnan(score.score)]
        if not known:
            raise ValueError("scores has no slice with a score: there is nothing to draw.")
        largest = sorted(known, key=lambda score: -score.n_rows)[:max_slices]
        return sorted(largest, key=lambda score: score.score)

    def _axes(self, pyplot, ax, n_slices):
        n_axes = 2 if self.curves else 1
        if ax is None:
            size = (4.6 * n_axes + 1.2, max(0.24 * n_slices + 1.3, 2.8 if self.curves else 1.6))
            _, axes = pyplot.subplots(1, n_axes, figsize=size, layout="constrained", squeeze=False)
            return axes[0]
        axes = np.ravel(ax)
        if len(axes) < n_axes:
            raise ValueError(
                f"ax holds {len(axes)} Axes; pass two of them, the second for the scores over time."
            )
        return axes

    def _plot_scores(self, drawn, kwargs):
        ax, labels = self.ax_, set()
        for place, score in enumerate(drawn):
            differs = score.p_adjusted <= _SIGNIFICANT
            color = _DIFFERENT if differs else _SAME
            label = "differs from all other rows" if differs else "does not"
            widths = [[score.score - score.low], [score.high - score.score]]
            style = {**_POINT, "color": color, "label": None if label in labels else label}
            ax.errorbar(score.score, place, xerr=np.nan_to_num(widths), **style | kwargs)
            labels.add(label)
        if self.overall is not None:
            ax.axvline(self.overall, label="all rows", **_OVERALL)
        ax.set_yticks(range(len(drawn)), [shortened(score.name, 34) for score in drawn], fontsize=9)
        ax.set_ylim(len(drawn) - 0.5, -0.5)
        ax.set_xlabel(literal(self.label))
        self._write_rows(drawn)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=8)

    def _write_rows(self, drawn):
        at_right = {"xycoords": self.ax_.get_yaxis_transform(), "textcoords": "offset points"}
        for place, score in enumerate(drawn):
            text = f"{score.n_rows:,} rows" if place == 0 else f"{score.n_rows:,}"
            style = {"va": "center", "fontsize": 8, "color": _SAME}
            self.ax_.annotate(text, (1.0, place), (4, 0), **style, **at_right)

    def _plot_curves(self):
        ax, ends = self.time_ax_, []
        for number, (rows, values) in enumerate(self.curves.values()):
            color, values = _COLORS[number % len(_COLORS)], np.asarray(values, dtype=float)
            style = _STYLES[number // len(_COLORS) % len(_STYLES)]
            ax.plot(rows, values, color=color, linestyle=style, linewidth=1.4)
            known = values[~np.isnan(values)]
            ends.append(known[-1] if len(known) else np.nan)
        if self.overall is not None:
            ax.axhline(self.overall, **_OVERALL)
        ax.set_xlabel(label_rows(ax))
        ax.set_ylabel(literal(self.label))
        ax.locator_params(axis="x", nbins=5)
        self._write_names(ends)

    def _write_names(self, ends):
        ax = self.time_ax_
        bottom, top = ax.get_ylim()
        height = ax.get_position().height * self.figure_.get_figheight()
        ends = np.nan_to_num(ends, nan=bottom)
        moved = spread_out((ends - bottom) / (top - bottom), 0.17 / height)
        for number, (name, place) in enumerate(zip(self.curves, moved, strict=True)):
            ax.annotate(
                shortened(name),
                (1.0, place),
                (4, 0),
                xycoords="axes fraction",
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=_COLORS[number % len(_COLORS)],
            )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        X,
        slices,
        *,
        metric="accuracy",
        sample_weight=None,
        over_time=(),
        window=None,
        ax=None,
        **kwargs,
    ):
        """Draw the slices of predictions that were each made before their target was known.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True targets, in the order of time.

        y_pred : array-like of shape (n_samples,)
            Predictions, or what else `metric` compares the targets with.

        X : array-like of shape (n_samples, n_features)
            The rows, as an array, frame or sparse matrix.

        slices : dict of str to (str, int or callable)
            Columns of `X`, or functions of it, as in :func:`~skretrain.metrics.slice_scores`.

        metric : {"accuracy", "mean_absolute_error"} or callable, default="accuracy"
            As in :func:`~skretrain.metrics.slice_scores`.

        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        over_time : sequence of str, default=()
            Names of slices, such as ``["country=DE"]``, whose scores are also drawn over time.

        window : int, default=None
            Number of rows, of whichever slice, behind each point over time. None means a tenth.

        ax : matplotlib Axes or array of Axes, default=None
            Axes to draw on; two of them with `over_time`. None makes a new figure.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : SliceDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If :func:`~skretrain.metrics.slice_scores` refuses the arguments, `over_time` names a
            slice that is not there, or `window` is no number of rows.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from skretrain.inspection import SliceDisplay
        >>> y, shop = np.zeros(400), np.arange(400)[:, np.newaxis] % 2
        >>> y_pred = (np.arange(400) >= 200) * shop[:, 0]
        >>> display = SliceDisplay.from_predictions(
        ...     y, y_pred, shop, {"shop": 0}, over_time=["shop=1"], window=100
        ... )
        >>> display.curves["shop=1"][1][[0, 50, 99]]
        array([1. , 0.5, 0. ])
        """
        scores = slice_scores(y_true, y_pred, X, slices, metric=metric, sample_weight=sample_weight)
        measure = measure_of(y_true, y_pred, X, metric, sample_weight)
        counted = np.flatnonzero(measure.weight > 0)
        names = metric if isinstance(metric, str) else getattr(metric, "__name__", "score")
        return cls(
            scores,
            overall=measure.score(counted) if len(counted) else None,
            curves=_curves(cls.__name__, measure, rows_of_slices(X, slices), over_time, window),
            label=names.replace("_", " "),
        ).plot(ax=ax, **kwargs)


def _curves(owner, measure, rows_of, over_time, window):
    """Return the points and scores of some slices over time, or None for none."""
    if isinstance(over_time, str) or not all(name in rows_of for name in over_time):
        there = ", ".join(map(repr, list(rows_of)[:12]))
        refuse(owner, "over_time", f"a list of names of slices, such as {there}", over_time)
    n = len(measure.weight)
    window = max(n // 10, 1) if window is None else window
    check_integer(owner, "window", window, least=1, most=n, what="a number of rows")
    stops = np.unique(np.linspace(window, n, _MOST_POINTS).astype(int))
    curves = {}
    for name in over_time:
        rows = rows_of[name][measure.weight[rows_of[name]] > 0]
        inside = [rows[slice(*rows.searchsorted([stop - window, stop]))] for stop in stops]
        values = [measure.score(part) if len(part) else np.nan for part in inside]
        curves[name] = (stops, np.array(values))
    return curves or None
