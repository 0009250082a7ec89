"""A feature then and now: the first picture to look at when data are said to have drifted."""

from collections import Counter
from numbers import Integral, Number

import numpy as np

from ..utils._containers import (
    LIST,
    PANDAS,
    POLARS,
    SPARSE,
    as_container,
    as_csr,
    kind_of,
    n_rows,
    take_rows,
)
from ..utils._optional import import_optional
from ..utils._params import check_integer
from ._panels import shortened

# Then is filled, now is an outline with hatching: the two differ in a grey print, too.
_THEN = {"facecolor": "#56B4E9", "edgecolor": "#0072B2", "linewidth": 0.8, "alpha": 0.55}
_NOW = {"facecolor": "none", "edgecolor": "#D55E00", "linewidth": 1.5, "hatch": "////"}
_THEN_LINE = {"color": "#004C78", "linestyle": "-", "linewidth": 1.8}
_NOW_LINE = {"color": "#A33F00", "linestyle": (0, (4, 2)), "linewidth": 1.8}
_OUTLINE = {"markeredgecolor": "white", "markeredgewidth": 0.8, "markersize": 7, "capsize": 4}

MOST_DRAWN = 1e150  # a standard deviation squares the values
_MOST_BINS = 40
_MOST_CATEGORIES = 12  # more bars would be too thin to read


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
        return float(np.abs(np.subtract(self.density_now, self.density_then)).sum() / 2)

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
        self.ax_, self.figure_ = ax, ax.figure
        if self.bin_edges is None:
            self._plot_shares(kwargs)
        else:
            self._plot_densities(kwargs)
        legend = {"title": None if self.bin_edges is None else "lines: means; bars: ± 1 sd"}
        legend |= {"frameon": False, "fontsize": 9, "title_fontsize": 9}
        # A distance in units of the font is right in small axes, too.
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4.2, **legend)
        return self

    def _plot_densities(self, kwargs):
        ax, edges = self.ax_, self.bin_edges
        then = {"fill": True, "label": self._numbers("then"), **_THEN, **kwargs}
        now = {"fill": True, "label": self._numbers("now"), **_NOW, **kwargs}
        ax.stairs(self.density_then, edges, zorder=2, **then)
        ax.stairs(self.density_now, edges, zorder=3, **now)
        top = max(np.max(self.density_then), np.max(self.density_now)) or 1.0
        self._plot_moments(self.mean_then, self.std_then, 1.18 * top, "o", _THEN_LINE)
        self._plot_moments(self.mean_now, self.std_now, 1.08 * top, "D", _NOW_LINE)
        margin = 0.03 * (edges[-1] - edges[0])
        # The bar of an outlier's deviation may be longer than all that there is to see.
        ax.set(xlim=(edges[0] - margin, edges[-1] + margin), ylim=(0, 1.27 * top))
        ax.set(xlabel=self.feature, ylabel="density")
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
        then = {"label": self._numbers("then"), **_THEN, **kwargs}
        now = {"label": self._numbers("now"), **_NOW, **kwargs}
        ax.barh(places - 0.2, self.density_then, height=0.4, **then)
        ax.barh(places + 0.2, self.density_now, height=0.4, **now)
        ax.set_yticks(places, [shortened(category) for category in self.categories])
        ax.invert_yaxis()
        ax.set(xlabel="share of the rows", ylabel=self.feature)
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
        max_categories=_MOST_CATEGORIES,
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
        if kind not in ("auto", "numeric", "categorical"):
            raise ValueError(f"kind must be auto, numeric or categorical; got {kind!r}.")
        column_then, name = _column(X_then, feature, "X_then")
        column_now, _ = _column(X_now, feature, "X_now")
        then, n_missing_then = _present(column_then, name, "X_then")
        now, n_missing_now = _present(column_now, name, "X_now")
        numeric = _is_number(then) and _is_number(now)
        if kind == "numeric" and not numeric:
            raise ValueError(
                f"kind='numeric', but feature {name!r} has values that are not numbers; convert "
                "them, or leave kind out."
            )
        if numeric and kind != "categorical":
            data = _densities(then.astype(float), now.astype(float), bins)
        else:
            data = _shares(then, now, max_categories)
        return cls(
            **data,
            n_then=len(then),
            n_now=len(now),
            n_missing_then=n_missing_then,
            n_missing_now=n_missing_now,
            feature=name,
            label_then=label_then,
            label_now=label_now,
        ).plot(ax=ax, **kwargs)

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


# -- reading a column ------------------------------------------------------------------------------


def _column(X, feature, rows):
    """Return the values of a feature as an array, and its name."""
    X = as_container(X)
    kind = kind_of(X)
    if kind == LIST or len(X.shape) == 1:
        return _as_array(X), str(feature)
    names = list(X.columns) if kind in (PANDAS, POLARS) else None
    position = _position(feature, names, X.shape[1], rows)
    name = f"feature {position}" if names is None else str(names[position])
    if kind == PANDAS:
        return _as_array(X.iloc[:, position]), name
    if kind == SPARSE:
        return as_csr(X)[:, [position]].toarray().ravel(), name
    return _as_array(X[:, position]), name


def _position(feature, names, n_features, rows):
    if names is not None and feature in names:
        return names.index(feature)
    if isinstance(feature, Integral) and 0 <= feature < n_features:
        return int(feature)
    known = f"positions 0 to {n_features - 1}"
    if names is not None:
        known += f" and the names {', '.join(map(str, names[:12]))}"
        known += ", ..." if len(names) > 12 else ""
    raise ValueError(f"feature={feature!r} is not a column of {rows}, which has {known}.")


def _as_array(column):
    """Return numbers as an array of numbers, and all else as an array of objects."""
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    # Categories that happen to be numbers are categories: somebody said so.
    if values.dtype.kind in "iuf" and str(getattr(column, "dtype", "")) == "category":
        values = values.astype(str)
    return values if values.dtype.kind in "iufmM" else values.astype(object)


def _present(values, name, rows):
    """Return the values that are there, and the number of the others."""
    if values.dtype.kind in "mM":
        raise ValueError(
            f"feature {name!r} holds dates or durations in {rows}; turn them into a number of "
            "hours or days first, or into the weekday or month, as a model would."
        )
    if values.dtype.kind == "O":
        there = np.array([not _is_missing(value) for value in values], dtype=bool)
        if all(_is_plain_number(value) for value in values[there]):
            values = np.where(there, values, np.nan).astype(float)
    if values.dtype.kind != "O":
        there = np.isfinite(values)
    if not there.any():
        raise ValueError(
            f"feature {name!r} has no value in any of the {len(values)} rows of {rows}; choose "
            "another feature or other rows."
        )
    return values[there], int((~there).sum())


def _is_missing(value):
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA answers neither yes nor no
        return True


def _is_plain_number(value):
    return isinstance(value, Number) and not isinstance(value, (bool, np.bool_, complex))


def _is_number(values):
    return values.dtype.kind != "O"


# -- numbers ---------------------------------------------------------------------------------------


def _densities(then, now, bins):
    largest = max(np.abs(then).max(), np.abs(now).max())
    if largest > MOST_DRAWN:
        raise ValueError(
            f"The feature reaches {largest:.3g}, whose square a float cannot hold: pass its "
            "logarithm or its rank instead."
        )
    edges = _edges(then, now, bins)
    (mean_then, std_then), (mean_now, std_now) = _moments(then), _moments(now)
    return {
        "bin_edges": edges,
        "density_then": _density(then, edges),
        "density_now": _density(now, edges),
        "mean_then": mean_then,
        "std_then": std_then,
        "mean_now": mean_now,
        "std_now": std_now,
    }


def _moments(values):
    if values.min() == values.max():  # where numpy may return rounding error as a deviation
        return float(values[0]), 0.0
    return float(values.mean()), float(values.std())


def _density(values, edges):
    """Return shares of all values per unit, those beyond the bins included in the whole."""
    return np.histogram(values, edges)[0] / (len(values) * np.diff(edges))


def _edges(then, now, bins):
    if np.ndim(bins):
        return np.asarray(bins, dtype=float)
    fewest = min(len(then), len(now))
    n_bins = int(np.clip(np.ceil(np.sqrt(fewest)), 5, _MOST_BINS)) if bins is None else bins
    check_integer("DistributionDisplay", "bins", n_bins, least=1)
    low, high = _range(then, now)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # A constant gets one bin of a width that a reader, and the computer, can tell from zero.
        half = 0.5 * max(1.0, 0.01 * abs(low))
        return np.array([low - half, high + half])
    if bins is None and _are_whole(then) and _are_whole(now):
        # Bins of other widths would hold unequal numbers of whole numbers and look like a comb.
        width = max(np.ceil((high - low + 1) / n_bins), 1.0)
        return np.arange(np.ceil(low), np.floor(high) + width + 0.5, width) - 0.5
    return np.linspace(low, high, n_bins + 1)


def _range(then, now):
    """Return the range to show: all values, except far outliers of either side."""
    ends = [_ends(then), _ends(now)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _ends(values):
    low, high = np.quantile(values, [0.005, 0.995])
    # A normal distribution is shown up to 7.7 standard deviations from its mean.
    reach = high - low if high > low else np.inf
    return max(values.min(), low - reach), min(values.max(), high + reach)


def _are_whole(values):
    return bool((values == np.round(values)).all()) and np.abs(values).max() < 1e9


# -- categories ------------------------------------------------------------------------------------


def _shares(then, now, max_categories):
    check_integer("DistributionDisplay", "max_categories", max_categories, least=1)
    shares = [
        {category: n / len(values) for category, n in Counter(values.tolist()).items()}
        for values in (then, now)
    ]
    largest = {c: max(share.get(c, 0.0) for share in shares) for c in shares[0] | shares[1]}
    categories = sorted(largest, key=lambda category: (-largest[category], str(category)))
    own, rest = categories[:max_categories], categories[max_categories:]
    densities = [[share.get(category, 0.0) for category in own] for share in shares]
    if rest:
        own = [*own, f"({len(rest)} others)"]
        for density, share in zip(densities, shares, strict=True):
            density.append(sum(share.get(category, 0.0) for category in rest))
    density_then, density_now = map(np.array, densities)
    return {"categories": own, "density_then": density_then, "density_now": density_now}
