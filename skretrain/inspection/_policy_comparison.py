"""The scores of several policies over time, each against all the others."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from ..utils._optional import import_optional
from ._panels import label_panels, legend_below, literal, panel_axes, thinned
from ._timeline import (
    _NAMES,
    _SCORE,
    _check_metric,
    _check_window,
    _draw_verticals,
    _full_names,
    _points,
    _rolling_mean,
    check_evaluation,
)

# The others are thin and light, so that the policy of the panel stands out in a grey print, too.
_OTHERS = {"color": "#B8B8B8", "linewidth": 0.8, "zorder": 2}
_TRUE_DRIFT = {"color": "#E2E2E2", "linewidth": 5.0, "zorder": 1}

_MOST_POINTS, _MOST_POINTS_OF_OTHERS = 1_000, 400  # a panel has no more pixels
_LONGEST_TITLE = 40  # characters that fit above a panel


class PolicyComparisonDisplay:
    """Score over time of several policies: a panel for each, with all the others in grey.

    It is recommended to use :meth:`from_results` to create a display. All parameters are stored
    as attributes.

    Parameters
    ----------
    rows : array-like of shape (n_points,)
        Stream row of each point of the curves.

    curves : dict of str to array-like of shape (n_points,)
        Score of each policy at these rows, by its name; a panel each, in this order.

    scores : dict of str to float, default=None
        One number for each policy, shown in the title of its panel. None shows the name only.

    true_drifts : array-like of int, default=()
        Rows at which the stream is known to have drifted: broad grey lines.

    label : str, default="score"
        Name of what the curves show.

    score_label : str, default="score"
        Name of the numbers in the titles.

    ylim : tuple of two floats, default=None
        Lower and upper end of the scores shown. None shows all of them.

    times : array-like of shape (n_samples,), default=None
        When each row of the stream came, dates: the axis then shows them instead of rows.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_policies,)
        The panels.

    figure_ : matplotlib Figure
        Figure that holds the panels.

    lines_ : dict of str to matplotlib Line2D
        The curve of each policy in its own panel.

    See Also
    --------
    DriftTimelineDisplay : One policy, with its alarms and refits.

    Examples
    --------
    >>> from skretrain.inspection import PolicyComparisonDisplay
    >>> curves = {"never": [0.9, 0.5, 0.5], "replay": [0.9, 0.6, 0.9]}
    >>> display = PolicyComparisonDisplay(
    ...     [100, 200, 300], curves, scores={"never": 0.63, "replay": 0.8}, true_drifts=[150]
    ... )
    >>> [ax.get_title() for ax in display.plot().axes_]
    ['never: score 0.630', 'replay: score 0.800']
    """

    def __init__(
        self,
        rows,
        curves,
        *,
        scores=None,
        true_drifts=(),
        label="score",
        score_label="score",
        ylim=None,
        times=None,
    ):
        self.rows = rows
        self.curves = curves
        self.scores = scores
        self.true_drifts = true_drifts
        self.label = label
        self.score_label = score_label
        self.ylim = ylim
        self.times = times

    def plot(self, ax=None, **kwargs):
        """Draw a panel for each policy.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One Axes per policy, or one whose place is divided. None makes a new figure, with a
            legend below; on axes of your own, ``display.axes_[0].legend()`` draws one.

        **kwargs : dict
            Passed to the ``Axes.plot`` calls that draw the policy of each panel.

        Returns
        -------
        display : PolicyComparisonDisplay
            This object, with `axes_`, `figure_` and `lines_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are fewer axes than policies.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        self.axes_ = panel_axes(pyplot, ax, len(self.curves))
        self.figure_ = self.axes_[0].figure
        style = {**_SCORE, "label": "the policy in the title", **_full_names(kwargs)}
        self.lines_ = {}
        for panel, name in zip(self.axes_, self.curves, strict=True):
            self._plot_others(panel, name)
            curve = thinned(self.rows, self.curves[name], most=_MOST_POINTS)
            (self.lines_[name],) = panel.plot(*curve, **style)
            _draw_verticals(panel, self.true_drifts, "true drift", _TRUE_DRIFT)
            panel.set_title(literal(self._title(name)), fontsize=9.5)
            panel.set_ylim(self.ylim)
        label_panels(self.axes_, self.label, self.times)
        if ax is None:
            legend_below(self.figure_, self.axes_[0])
        return self

    def _plot_others(self, panel, name):
        others = [curve for other, curve in self.curves.items() if other != name]
        for number, curve in enumerate(others):
            label = None if number else "the other policies"
            points = thinned(self.rows, curve, most=_MOST_POINTS_OF_OTHERS)
            panel.plot(*points, label=label, **_OTHERS)

    def _title(self, name):
        if self.scores is None:
            return name
        score = f"{self.score_label} {_number(self.scores[name])}"
        separator = ": " if len(name) + len(score) < _LONGEST_TITLE else "\n"
        return f"{name}{separator}{score}"

    @classmethod
    def from_results(
        cls,
        results,
        *,
        scores=None,
        score_label=None,
        true_drifts=(),
        window=None,
        metric="auto",
        ax=None,
        **kwargs,
    ):
        """Draw the scores of several test-then-train evaluations of the same stream.

        Parameters
        ----------
        results : dict of str to object with attributes ``y_true``, ``y_pred`` and ``rows``
            By the name of the policy, the scored rows in order of arrival, their predictions and
            their stream rows, which must be the same for all. Rows that the model of one policy
            could not read (``unpredicted_rows``) are left out for all.

        scores : dict of str to float, default=None
            One number for each policy, for the titles. None is the mean of `metric` over all its
            rows.

        score_label : str, default=None
            Name of these numbers. None is that of the metric.

        true_drifts : array-like of int, default=()
            Stream rows at which the stream is known to have drifted.

        window : int, default=None
            Number of scored rows over which the score is averaged, up to and including the row
            where it is drawn. None means a fiftieth of them.

        metric : {"auto", "accuracy", "mean_absolute_error"}, default="auto"
            What is averaged. "auto" is "mean_absolute_error" if any targets or predictions have
            a fractional part, else "accuracy".

        ax : matplotlib Axes or array of Axes, default=None
            One Axes per policy, or one whose place is divided. None makes a new figure.

        **kwargs : dict
            Passed to the ``Axes.plot`` calls that draw the policy of each panel.

        Returns
        -------
        display : PolicyComparisonDisplay
            The drawn comparison. An error so large that it would flatten all other curves leaves
            the picture; the attribute `curves` has it.

        Raises
        ------
        ValueError
            If there are no results or they are of different rows, or `window` or `metric` is out
            of its range.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skretrain import DriftAwareRetrainer
        >>> from skretrain.datasets import make_drifting_classification
        >>> from skretrain.inspection import PolicyComparisonDisplay
        >>> from skretrain.model_selection import prequential_validate
        >>> X, y, drifts = make_drifting_classification(2000, random_state=0)
        >>> policies = {
        ...     "update only": GaussianNB(),
        ...     "refit at alarms": DriftAwareRetrainer(GaussianNB(), random_state=0),
        ... }
        >>> display = PolicyComparisonDisplay.from_results(
        ...     {name: prequential_validate(p, X, y) for name, p in policies.items()},
        ...     true_drifts=drifts,
        ... )
        >>> sorted(display.scores, key=display.scores.get)
        ['update only', 'refit at alarms']
        """
        rows, pairs = _aligned(results)
        window = _check_window(cls.__name__, window, len(rows))
        metric = _common_metric(metric, pairs)
        points = {name: _points(metric, *pair) for name, pair in pairs.items()}
        curves = {name: _rolling_mean(values, window) for name, values in points.items()}
        if scores is None:
            scores = {name: float(values.mean()) for name, values in points.items()}
        return cls(
            np.asarray(rows)[window - 1 :],
            curves,
            scores=scores,
            true_drifts=np.asarray(true_drifts, dtype=np.int64),
            label=f"{_NAMES[metric]} over {window:,} rows",
            score_label=_NAMES[metric] if score_label is None else score_label,
            ylim=_limits(metric, np.array(list(curves.values()))),
            times=getattr(next(iter(results.values())), "times", None),
        ).plot(ax=ax, **kwargs)


def _aligned(results):
    """Return rows, and targets and predictions by name; scores of different rows do not compare.

    Rows that one of the models could not read are left out for all.
    """
    if not results:
        raise ValueError("results is empty; pass a dict with at least one evaluation.")
    first = next(iter(results))
    for name, result in results.items():
        check_evaluation("PolicyComparisonDisplay", f"results[{name!r}]", result)
        check_consistent_length(result.rows, result.y_true, result.y_pred)
        if not np.array_equal(_served(result), _served(results[first])):
            raise ValueError(
                f"results[{name!r}] scores {_span(result.rows)}, but results[{first!r}] "
                f"{_span(results[first].rows)}; evaluate all policies with the same initial_size "
                "on the same stream."
            )
    rows, pairs = results[first].rows, {}
    for result in results.values():
        rows = rows[np.isin(rows, result.rows)]
    for name, result in results.items():
        common = np.isin(result.rows, rows)
        y_true, y_pred = column_or_1d(result.y_true), column_or_1d(result.y_pred)
        pairs[name] = (y_true[common], y_pred[common])
    return rows, pairs


def _served(result):
    """Return all rows of an evaluation, those that could not be read among them."""
    unpredicted = getattr(result, "unpredicted_rows", ())
    return np.sort(np.concatenate([result.rows, unpredicted])) if len(unpredicted) else result.rows


def _span(rows):
    return f"{len(rows)} rows, {rows[0]} to {rows[-1]}" if len(rows) else "no rows"


def _common_metric(metric, pairs):
    found = {_check_metric(metric, *pair) for pair in pairs.values()}
    # One forecast with fractions shows that the whole-numbered ones of the others are no classes.
    return "mean_absolute_error" if "mean_absolute_error" in found else "accuracy"


def _limits(metric, curves):
    """Return the part of the scores to show."""
    if metric == "accuracy":
        return max(curves.min() - 0.03, 0.0), min(curves.max() + 0.03, 1.0)
    finite = np.where(np.isfinite(curves), curves, np.nan)
    shown = finite[:, ~np.isnan(finite).all(axis=0)]
    if not shown.size:
        return None
    # A model that blew up would flatten all the others: its curve leaves the picture.
    typical = np.nanmedian(shown, axis=0).max()
    return 0.0, min(1.05 * np.nanmax(shown), 2.5 * typical or np.inf) or 1.0


def _number(value):
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.3g}"
