"""A feature then and now: the first picture to look at when data are said to have drifted."""

import numpy as np

from ..metrics._two_samples import total_variation
from ..utils._containers import n_rows, take_rows
from ..utils._optional import import_optional
from ..utils._params import check_has
from ._distribution_data import (
    MOST_CATEGORIES,
    are_numbers,
    column_of,
    densities,
    present_values,
    shares_of_categories,
)
from ._panels import literal, shortened

# Then is filled, now is an outline with hatching: the two differ in a grey print, too.
_THEN = {"facecolor": "#56B4E9", "edgecolor": "#0072B2", "linewidth": 0.8, "alpha": 0.55}
_NOW = {"facecolor": "none", "edgecolor": "#D55E00", "linewidth": 1.5, "hatch": "////"}
_THEN_LINE = {"color": "#004C78", "linestyle": "-", "linewidth": 1.8}
_NOW_LINE = {"color": "#A33F00", "linestyle": (0, (4, 2)), "linewidth": 1.8}
_OUTLINE = {"markeredgecolor": "white", "markeredgewidth": 0.8, "markersize": 7, "capsize": 4}


class DistributionDisplay:
    """A feature then and now, with its means and standard deviations.

    A numeric feature is drawn as two histograms with common bins, a vertical line at each mean and
    a bar from one standard deviation below it to one above; a feature with categories or texts as
    paired bars. It is recommended to use :meth:`from_frames` or :meth:`from_estimator` to create a
    display. All parameters are stored as attributes.

    Parameters
    ----------
    density_then, density_now : array-like of shape (n_bins,) or (n_categories,)
        Share of the rows per unit of the feature in each bin, or share of each category. It is
        the share of the rows with a value.

    bin_edges : array-like of shape (n_bins + 1,), default=None
        Ends of the bins of a numeric feature.

    categories : array-like of shape (n_categories,), default=None
        Categories of any other feature.

    mean_then, mean_now : float, default=None
        Means of a numeric feature.

    std_then, std_now : float, default=None
        Its standard deviations, with the number of rows as divisor.

    n_then, n_now : int, default=0
        Rows with a value.

    n_missing_then, n_missing_now : int, default=0
        Rows whose value is missing or infinite; they are left out of everything else.

    feature : str, default="feature"
        Name of the feature.

    label_then, label_now : str, default="then" and "now"
        Names of the two sets of rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that hold the distributions.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    See Also
    --------
    DriftTimelineDisplay : What a change of the data did to the score.

    Notes
    -----
    A feature may change without harm, and the target may change its meaning while no feature
    moves: only the score over time tells whether a model suffers.

    Examples
    --------
    >>> from skretrain.inspection import DistributionDisplay
    >>> display = DistributionDisplay(
    ...     [0.5, 0.5, 0.0],
    ...     [0.0, 0.5, 0.5],
    ...     bin_edges=[0, 1, 2, 3],
    ...     mean_then=1.0, std_then=0.5, mean_now=2.0, std_now=0.5,
    ... )
    >>> display.plot().standardized_mean_difference
    2.0
    """

    def __init__(
        self,
        density_then,
        density_now,
        *,
        bin_edges=None,
        categories=None,
        mean_then=None,
        mean_now=None,
        std_then=None,
        std_now=None,
        n_then=0,
        n_now=0,
        n_missing_then=0,
        n_missing_now=0,
        feature="feature",
        label_then="then",
        label_now="now",
    ):
        self.density_then = density_then
        self.density_now = density_now
        self.bin_edges = bin_edges
        self.categories = categories
        self.mean_then = mean_then
        self.std_then = std_then
        self.mean_now = mean_now
        self.std_now = std_now
        self.n_then = n_then
        self.n_now = n_now
        self.n_missing_then = n_missing_then
        self.n_missing_now = n_missing_now
        self.feature = feature
        self.label_then = label_then
        self.label_now = label_now

    @property
    def standardized_mean_difference(self):
        """Mean now minus mean then, in standard deviations; None for categories.

        The unit is the root of the mean of both variances. Of two constants that differ, the
        difference is infinite.
        """
        if self.bin_edges is None:
            return None
        difference = self.mean_now - self.mean_then
        unit = float(np.hypot(self.std_then, self.std_now) / np.sqrt(2))
        if unit == 0:
            return float(np.copysign(np.inf, difference)) if difference else 0.0
        return difference / unit

    @property
    def total_variation(self):
        """Share of the rows that would have to change category, in [0, 1]; None for numbers."""
        if self.bin_edges is not None:
            return None
        return total_variation(self.density_then, self.density_now)

    def plot(self, ax=None, **kwargs):
        """Draw both distributions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure, with room for the legend below the axes; a
            figure of your own needs ``layout="constrained"`` for that.

        **kwargs : dict
            Passed to the calls that draw the two distributions: ``Axes.stairs`` for numbers and
            ``Axes.barh`` for categories.

        Returns
        -------
        display : DistributionDisplay
            This object, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        if ax is None:
            _, ax = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
        self._draw(ax, kwargs)
        legend = {"title": None if self.bin_edges is None else "lines: means; bars: ± 1 sd"}
        legend |= {"frameon": False, "fontsize": 9, "title_fontsize": 9}
        # A distance in units of the font is right in small axes, too.
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4.2, **legend)
        return self

    def _draw(self, ax, kwargs):
        """Draw both distributions, without the legend."""
        self.ax_, self.figure_ = ax, ax.figure
        if self.bin_edges is None:
            self._plot_shares(kwargs)
        else:
            self._plot_densities(kwargs)

    def _plot_densities(self, kwargs):
        ax, edges = self.ax_, self.bin_edges
        then = {"fill": True, "label": literal(self._numbers("then")), **_THEN, **kwargs}
        now = {"fill": True, "label": literal(self._numbers("now")), **_NOW, **kwargs}
        ax.stairs(self.density_then, edges, zorder=2, **then)
        ax.stairs(self.density_now, edges, zorder=3, **now)
        top = max(np.max(self.density_then), np.max(self.density_now)) or 1.0
        self._plot_moments(self.mean_then, self.std_then, 1.18 * top, "o", _THEN_LINE)
        self._plot_moments(self.mean_now, self.std_now, 1.08 * top, "D", _NOW_LINE)
        margin = 0.03 * (edges[-1] - edges[0])
        # The bar of an outlier's deviation may be longer than all that there is to see.
        ax.set(xlim=(edges[0] - margin, edges[-1] + margin), ylim=(0, 1.27 * top))
        ax.set(xlabel=literal(self.feature), ylabel="density")
        moved = self.standardized_mean_difference
        ax.set_title(f"standardized mean difference {moved:+.2f}", fontsize=10)

    def _plot_moments(self, mean, std, height, marker, style):
        self.ax_.plot([mean, mean], [0, height], zorder=4, **style)
        bar = self.ax_.errorbar(
            mean, height, xerr=std, fmt=marker, color=style["color"], zorder=5, **_OUTLINE
        )
        bar.lines[2][0].set_linestyle(style["linestyle"])

    def _plot_shares(self, kwargs):
        ax, places = self.ax_, np.arange(len(self.categories))
        then = {"label": literal(self._numbers("then")), **_THEN, **kwargs}
        now = {"label": literal(self._numbers("now")), **_NOW, **kwargs}
        ax.barh(places - 0.2, self.density_then, height=0.4, **then)
        ax.barh(places + 0.2, self.density_now, height=0.4, **now)
        ax.set_yticks(places, [shortened(category) for category in self.categories])
        ax.invert_yaxis()
        ax.set(xlabel="share of the rows", ylabel=literal(self.feature))
        ax.set_title(f"total variation distance {self.total_variation:.2f}", fontsize=10)

    def _numbers(self, when):
        """Return the legend entry of one set of rows."""
        n, missing = getattr(self, f"n_{when}"), getattr(self, f"n_missing_{when}")
        counts = [f"{n:,} rows"]
        if missing:
            counts.append(f"{missing:,} missing")
        if outside := self._n_outside(when):
            counts.append(f"{outside:,} beyond the axis")
        text = f"{getattr(self, f'label_{when}')}: "
        if self.bin_edges is not None:
            mean, std = getattr(self, f"mean_{when}"), getattr(self, f"std_{when}")
            text += f"mean {mean:.4g}, sd {std:.4g}\n"
        return text + ", ".join(counts)

    def _n_outside(self, when):
        if self.bin_edges is None:
            return 0
        inside = np.sum(np.multiply(getattr(self, f"density_{when}"), np.diff(self.bin_edges)))
        return round(getattr(self, f"n_{when}") * (1 - inside))

    @classmethod
    def from_frames(
        cls,
        X_then,
        X_now,
        feature,
        *,
        kind="auto",
        bins=None,
        max_categories=MOST_CATEGORIES,
        label_then="then",
        label_now="now",
        ax=None,
        **kwargs,
    ):
        """Draw one feature of two sets of rows.

        Parameters
        ----------
        X_then, X_now : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            The rows, of pandas, polars, numpy or scipy. A single column (a series, or a list of
            texts) will do as well.

        feature : str or int
            Name or position of the column. Of a single column, it only names the axis.

        kind : {"auto", "numeric", "categorical"}, default="auto"
            How to draw. "auto" is "numeric" for numbers, and "categorical" for the rest, true and
            false included.

        bins : int or array-like of shape (n_bins + 1,), default=None
            Number of bins or their ends. None means as many as the root of the number of rows,
            from 5 to 40, of whole width for whole numbers. If far outliers would flatten the
            picture, bins end before them; the legend counts what is beyond.

        max_categories : int, default=12
            The most frequent categories, then or now, get bars of their own; the rest share one.

        label_then, label_now : str, default="then" and "now"
            Names of the two sets of rows in the legend.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to the calls that draw the two distributions.

        Returns
        -------
        display : DistributionDisplay
            The drawn distributions.

        Raises
        ------
        ValueError
            If there is no such feature, it has no values, `kind` is unknown or does not fit the
            values, or the values are dates.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from skretrain.inspection import DistributionDisplay
        >>> rng = np.random.default_rng(0)
        >>> then, now = rng.normal(0, 1, (500, 2)), rng.normal(1, 1, (500, 2))
        >>> display = DistributionDisplay.from_frames(then, now, feature=1)
        >>> round(display.standardized_mean_difference, 1)
        1.0
        """
        labels = {"label_then": label_then, "label_now": label_now}
        display = cls._of_frames(X_then, X_now, feature, kind, bins, max_categories, **labels)
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def _of_frames(cls, X_then, X_now, feature, kind, bins, max_categories, **labels):
        if kind not in ("auto", "numeric", "categorical"):
            raise ValueError(f"kind must be auto, numeric or categorical; got {kind!r}.")
        column_then, name = column_of(X_then, feature, "X_then")
        column_now, _ = column_of(X_now, feature, "X_now")
        then, n_missing_then = present_values(column_then, name, "X_then")
        now, n_missing_now = present_values(column_now, name, "X_now")
        numeric = are_numbers(then) and are_numbers(now)
        if kind == "numeric" and not numeric:
            raise ValueError(
                f"kind='numeric', but feature {name!r} has values that are not numbers; convert "
                "them, or leave kind out."
            )
        if numeric and kind != "categorical":
            data = densities(then.astype(float), now.astype(float), bins)
        else:
            data = shares_of_categories(then, now, max_categories)
        return cls(
            **data,
            n_then=len(then),
            n_now=len(now),
            n_missing_then=n_missing_then,
            n_missing_now=n_missing_now,
            feature=name,
            **labels,
        )

    @classmethod
    def from_estimator(cls, estimator, X_now, feature, *, before=None, ax=None, **kwargs):
        """Draw a feature of the rows that a retrainer remembers, and of new ones.

        Parameters
        ----------
        estimator : retrainer
            Fitted, with an attribute ``buffer_``, whose ``latest()`` gives the remembered rows
            `X` and their stream rows `index`.

        X_now : array-like, sparse matrix or data frame of shape (n_samples, n_features)
            The new rows.

        feature : str or int
            Name or position of the column.

        before : int, default=None
            Take only remembered rows that came before this stream row, such as the row of an
            alarm: new rows that were learned are remembered as well. None takes all.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to :meth:`from_frames`.

        Returns
        -------
        display : DistributionDisplay
            The drawn distributions.

        Raises
        ------
        ValueError
            If no row is remembered from before that row, or as in :meth:`from_frames`.

        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skretrain import DriftAwareRetrainer
        >>> from skretrain.inspection import DistributionDisplay
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(200, 3)), np.arange(200) % 2
        >>> model = DriftAwareRetrainer(GaussianNB()).fit(X, y)
        >>> display = DistributionDisplay.from_estimator(model, X[:50] + 2, feature=0)
        >>> display.n_then, display.n_now
        (200, 50)
        """
        what = "a retrainer that has learned; use from_frames for others"
        check_has(cls.__name__, "estimator", estimator, ["buffer_"], what)
        rows = estimator.buffer_.latest()
        X_then = rows.X
        if before is not None:
            X_then = take_rows(X_then, rows.index < before)
        if n_rows(X_then) == 0:
            raise ValueError(_nothing_remembered(rows.index, before))
        return cls.from_frames(X_then, X_now, feature, ax=ax, **kwargs)


def _nothing_remembered(index, before):
    if len(index) == 0:
        return "estimator remembers no rows; fit it first, or use from_frames."
    return (
        f"before={before}, but the rows remembered are {index[0]} to {index[-1]}; raise before, "
        "give the estimator a buffer with more max_rows, or use from_frames."
    )
