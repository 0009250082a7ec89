"""Features then and now: which moved, how far, and when they left their control limits."""

import math

from ..metrics._feature_shifts import feature_shifts
from ..utils._optional import import_optional
from ._feature_drift_data import by_size, drawn_data, picked
from ._panels import label_rows, legend_below, literal, panel_axes, shortened

_LETTERS = 14  # of a category; more would leave its bar no room
_FEW = 3  # features, with a chart each, that stand one below the other
_MEAN = {"color": "#9E9E9E", "marker": ".", "markersize": 4, "linestyle": "none", "zorder": 2}
_EWMA = {"color": "#0072B2", "linewidth": 1.6, "zorder": 3}
_CENTER = {"color": "#5A6570", "linewidth": 0.9, "linestyle": (0, (4, 2)), "zorder": 1}
_LIMITS = {"color": "#0072B2", "alpha": 0.12, "linewidth": 0.0, "zorder": 0.5}
_OUT = {"color": "#D55E00", "marker": "D", "markersize": 4.5, "linestyle": "none", "zorder": 4}


class FeatureDriftDisplay:
    r"""Features then and now: distributions, means and deviations, and control charts.

    Each feature has a panel: numbers as two histograms with common bins, a vertical line at each
    mean and a bar from one standard deviation below it to one above; categories as paired bars.
    With batches, a second panel has the mean of each batch of the new rows (of categories, the
    share of the one that changed most; where missing values moved, their share), the exponentially
    weighted average of these means and its control limits; marks are beyond them. It is
    recommended to use :meth:`from_samples` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    shifts : list of FeatureShift
        How each feature differs, those that are not drawn included: named tuples with ``name``,
        ``kind``, ``moved``, ``reason``, ``effect``, ``p_adjusted``, means, deviations and shares of
        missing values.

    distributions : dict of {str: DistributionDisplay or None}
        The features that are drawn; None where there is nothing to draw, and the panel says why.

    charts : dict of {str: ControlChart or None}, default=None
        The control chart of each; None draws none.

    label_then, label_now : str, default="then" and "now"
        Names of the two sets of rows.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels: one per feature, or two with charts.

    figure_ : matplotlib Figure
        Figure that holds the panels.

    See Also
    --------
    DistributionDisplay : One feature, large.

    Notes
    -----
    A feature may change without harm, and the target may change its meaning while no feature
    moves: only the score over time tells whether a model suffers.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.inspection import FeatureDriftDisplay
    >>> rng = np.random.default_rng(0)
    >>> then, now = rng.normal(size=(500, 3)), rng.normal([0, 0.8, 0], size=(300, 3))
    >>> display = FeatureDriftDisplay.from_samples(then, now)
    >>> display.moved
    ['column 1']
    >>> [ax.get_title() for ax in display.axes_]
    ['column 1\n0.0798 ± 0.957 → 0.82 ± 0.978']
    """

    def __init__(self, shifts, distributions, charts=None, *, label_then="then", label_now="now"):
        self.shifts = shifts
        self.distributions = distributions
        self.charts = charts
        self.label_then = label_then
        self.label_now = label_now

    @property
    def moved(self):
        """Names of the features that moved, the largest effect first, a list."""
        return [shift.name for shift in by_size(self.shifts) if shift.moved]

    def to_frame(self):
        """Return the table of all features as a pandas DataFrame, one row per feature.

        It has the means and deviations then and now, the effect, the test, and what moved.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller=f"{type(self).__name__}.to_frame", extra="cli")
        return pandas.DataFrame(self.shifts)

    def plot(self, ax=None, **kwargs):
        """Draw the features.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            One Axes per panel, or one whose place is divided. None makes a new figure, with a
            legend below; on axes of your own, ``display.axes_[0].legend()`` draws one.

        **kwargs : dict
            Passed to the calls that draw the distributions: ``Axes.stairs`` for numbers and
            ``Axes.barh`` for categories.

        Returns
        -------
        display : FeatureDriftDisplay
            This object, with `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        names, each = list(self.distributions), 2 if self.charts else 1
        n_columns = None if each == 1 else 2 if len(names) <= _FEW else 4
        n_panels = each * len(names)
        self.axes_ = panel_axes(pyplot, ax, n_panels, shared=False, n_columns=n_columns)
        self.figure_ = self.axes_[0].figure
        shifts = {shift.name: shift for shift in self.shifts}
        for place, name in enumerate(names):
            self._plot_distribution(self.axes_[each * place], shifts[name], kwargs)
            if each == 2:
                self._plot_chart(self.axes_[2 * place + 1], self.charts[name])
        if ax is None:
            legend_below(self.figure_, *self.axes_)
        return self

    def _plot_distribution(self, ax, shift, kwargs):
        distribution = self.distributions[shift.name]
        title = shortened(shift.name)
        if distribution is None:
            ax.set_axis_off()
            why = literal(shift.reason or "no value then or now")
            ax.text(0.5, 0.5, why, ha="center", va="center", fontsize=9, wrap=True)
        else:
            distribution._draw(ax, kwargs)
            # Of the numbers in these labels, the title has those that matter.
            handles, _ = ax.get_legend_handles_labels()
            for handle, label in zip(handles, (self.label_then, self.label_now), strict=True):
                handle.set_label(literal(label))
            if distribution.categories is not None:
                labels = [shortened(category, _LETTERS) for category in distribution.categories]
                ax.set_yticks(ax.get_yticks(), labels)
            ax.tick_params(labelsize=8)
            ax.set(xlabel="", ylabel="")
            title = f"{title}\n{_numbers(shift)}"
        ax.set_title(title, fontsize=8.5)

    def _plot_chart(self, ax, chart):
        if chart is None:
            ax.set_axis_off()
            return
        out = chart.is_out
        ax.fill_between(chart.rows, chart.lower, chart.upper, label="control limits", **_LIMITS)
        ax.axhline(chart.center, **_CENTER)
        ax.plot(chart.rows, chart.means, label="mean of a batch", **_MEAN)
        ax.plot(chart.rows, chart.ewma, label="EWMA", **_EWMA)
        if out.any():
            ax.plot(chart.rows[out], chart.ewma[out], label="beyond the limits", **_OUT)
        ax.locator_params(axis="x", nbins=4)
        ax.set_xlabel(label_rows(ax), fontsize=8)
        ax.tick_params(labelsize=8)
        ax.set_title(f"{shortened(chart.name, 22)}\n{_when(chart)}", fontsize=8.5)

    @classmethod
    def from_samples(
        cls,
        X_reference,
        X_new,
        features=None,
        *,
        batch_size=None,
        alpha=0.01,
        min_effect=0.1,
        max_features=6,
        label_then="then",
        label_now="now",
        ax=None,
        **kwargs,
    ):
        """Compare new rows with reference rows, and draw the features that moved.

        A feature has moved if the difference is proven (Kolmogorov-Smirnov for numbers, chi-square
        for categories, tests of missing values and of categories never seen, adjusted by Holm for
        all of them) and large (Jensen-Shannon distance). Times and running numbers move by
        themselves and are not compared.

        Parameters
        ----------
        X_reference, X_new : array-like, data frame or sparse matrix of shape (n_rows, n_features)
            At least 30 rows each, in the order of time. Columns of frames are matched by name.

        features : sequence of (str or int), default=None
            Names or positions of the columns to draw. None means those that moved, the largest
            effect first, or, if none has, those with the largest effects.

        batch_size : int, default=None
            New rows of a batch of the control charts. None draws no charts.

        alpha : float, default=0.01
            Chance that any feature is named, if none has moved.

        min_effect : float, default=0.1
            Jensen-Shannon distance in [0, 1] from which on a change matters; 0.1 is a shift of the
            mean by about a quarter of a standard deviation.

        max_features : int, default=6
            At most this number of features are drawn, where `features` is None.

        label_then, label_now : str, default="then" and "now"
            Names of the two sets of rows in the legend.

        ax : matplotlib Axes or array of Axes, default=None
            Where to draw, see :meth:`plot`.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : FeatureDriftDisplay
            The drawn features.

        Raises
        ------
        ValueError
            If the rows are no tables or too few, there is no such feature, none can be compared,
            or a parameter is not accepted.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import pandas as pd
        >>> from skretrain.inspection import FeatureDriftDisplay
        >>> then = pd.DataFrame({"city": ["Rome", "Oslo"] * 100, "age": [30, 40, 50, 60] * 50})
        >>> now = pd.DataFrame({"city": ["Rome", "Bonn"] * 100, "age": [30, 40, 50, 60] * 50})
        >>> display = FeatureDriftDisplay.from_samples(then, now, ["city", "age"], batch_size=50)
        >>> [shift.reason for shift in display.shifts]
        ["'Bonn' 0.0% -> 50.0%", '']
        """
        shifts = feature_shifts(X_reference, X_new, alpha=alpha, min_effect=min_effect)
        chosen = picked(shifts, features, max_features)
        if not chosen:
            raise ValueError(
                f"none of the {len(shifts)} features can be compared: they hold times, running "
                "numbers or nothing. Pass other columns."
            )
        labels = {"label_then": label_then, "label_now": label_now}
        data = drawn_data(X_reference, X_new, chosen, batch_size=batch_size)
        return cls(shifts, **data, **labels).plot(ax=ax, **kwargs)


def _numbers(shift):
    """Return what stands below the name of a feature: mean ± deviation, or what else moved."""
    if shift.test == "missing":
        return shortened(shift.reason, 36)
    if math.isnan(shift.mean_reference + shift.mean_new):
        return f"distance {shift.effect:.2f}"
    then = f"{shift.mean_reference:.3g} ± {shift.std_reference:.3g}"
    return f"{then} → {shift.mean_new:.3g} ± {shift.std_new:.3g}"


def _when(chart):
    out = chart.is_out
    return f"out of control at row {chart.rows[out.argmax()]:,}" if out.any() else "in control"
