"""Cost of policies over the price of a refit, beside the least that was possible."""

import numpy as np

from ..utils._optional import import_optional
from ..utils._params import check_has
from ._direct_labels import spread_out
from ._mixture import _COLORS
from ._panels import literal

_STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)))
_OTHERS = {"color": "#B0B0B0", "linewidth": 0.9, "zorder": 2}
_REFERENCE = {"color": "black", "linewidth": 0.9, "zorder": 1}
_MOST = 10.0  # times the least cost: beyond it, nobody asks how much
_TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10)
_FINE_TICKS = (0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5)


class RegretDisplay:
    """Cost of each policy over the price of a refit, as a multiple of the least possible.

    Policies that cost least at some price are in colour, all others grey; each has its name at the
    end of its line. It is recommended to use :meth:`from_comparison` to create a display. All
    parameters are stored as attributes.

    Parameters
    ----------
    prices : array-like of shape (n_prices,)
        Prices of a refit, positive and rising.

    regrets : dict of str to array-like of shape (n_prices,)
        By policy, what it costs beyond the reference at each price, as a part of what the reference
        costs: 0.05 is 5 % more.

    reference : str, default="the best schedule in hindsight"
        What the costs are compared with.

    unit : str, default="errors"
        What the price counts.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that hold the lines.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    lines_ : dict of str to matplotlib Line2D
        The line of each policy, at one plus its regret; above 10 it leaves the picture.

    labels_ : dict of str to matplotlib Annotation
        Its name, at the right, or above where the line leaves the picture.

    cheapest_ : list of str
        The policies that cost least at some price, from the lowest price on.

    See Also
    --------
    PolicyParetoDisplay : Scores against processor seconds.
    skretrain.model_selection.compare_policies : The numbers.

    Examples
    --------
    >>> from skretrain.inspection import RegretDisplay
    >>> regrets = {"never": [0.9, 0.4, 0.0], "daily": [0.1, 0.8, 3.0], "alarm": [0.2, 0.1, 0.3]}
    >>> RegretDisplay([1, 10, 100], regrets).plot().cheapest_
    ['daily', 'alarm', 'never']
    """

    def __init__(
        self, prices, regrets, *, reference="the best schedule in hindsight", unit="errors"
    ):
        self.prices = prices
        self.regrets = regrets
        self.reference = reference
        self.unit = unit

    def plot(self, ax=None, **kwargs):
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure, with room for the names; a figure of your own
            needs ``layout="constrained"`` for that.

        **kwargs : dict
            Passed to the ``Axes.plot`` calls that draw the lines.

        Returns
        -------
        display : RegretDisplay
            This object, with `ax_`, `figure_`, `lines_`, `labels_` and `cheapest_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there is no policy, or a price is not positive.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        prices = np.asarray(self.prices, dtype=float)
        if not self.regrets or not (prices > 0).all():
            raise ValueError(
                "RegretDisplay needs at least one policy, and positive prices for a logarithmic "
                f"axis; got {len(self.regrets)} policies and the prices {prices}."
            )
        if ax is None:
            _, ax = pyplot.subplots(figsize=(9.0, 4.8), layout="constrained")
        ratios = {name: 1.0 + np.asarray(values) for name, values in self.regrets.items()}
        self.ax_, self.figure_, self.lines_, self.labels_ = ax, ax.figure, {}, {}
        self.cheapest_ = _cheapest(ratios)
        ax.axhline(1.0, **_REFERENCE)
        for name, values in ratios.items():
            style = {**self._style(name), **kwargs}
            (self.lines_[name],) = ax.plot(prices, values, label=literal(name), **style)
        self._scale(prices, np.array(list(ratios.values())))
        self._name_lines(prices, ratios)
        return self

    def _style(self, name):
        if name not in self.cheapest_:
            return _OTHERS
        number = self.cheapest_.index(name)
        # The first of the colours that does not vanish on white, and is none of the others' grey.
        colors = [color for color in _COLORS if color not in ("#F0E442", "#999999")][::-1]
        style = _STYLES[number % len(_STYLES)]
        return {
            "color": colors[number % len(colors)],
            "linestyle": style,
            "linewidth": 2.0,
            "zorder": 3,
        }

    def _scale(self, prices, ratios):
        ax, shown = self.ax_, ratios[np.isfinite(ratios) & (ratios > 0)]
        ax.set(xscale="log", yscale="log")
        low = min(shown.min(initial=1.0) / 1.06, 0.95)
        high = min(max(shown.max(initial=1.0) * 1.06, 1.05), _MOST)
        ax.set_ylim(low, high)
        ticks = _TICKS if high > 2 * low else _FINE_TICKS
        ax.set_xlim(prices[0], prices[-1] if len(prices) > 1 else 2 * prices[0])
        ax.set_yticks([tick for tick in ticks if low <= tick <= high])
        ax.yaxis.set_major_formatter("{x:g}x")
        ax.yaxis.set_minor_locator(
            import_optional(
                "matplotlib.ticker", caller=type(self).__name__, extra="plot"
            ).NullLocator()
        )
        ax.xaxis.set_major_formatter("{x:,g}")
        ax.grid(alpha=0.3, linewidth=0.6)
        ax.set_xlabel(f"price of a refit ({literal(self.unit)})")
        ax.set_ylabel(f"cost over that of\n{literal(self.reference)}")

    def _name_lines(self, prices, ratios):
        """Write each name where its line ends: at the right, or above where it leaves."""
        bottom, top = np.log(self.ax_.get_ylim())
        width, height = self.ax_.bbox.size / self.ax_.get_figure(root=True).dpi
        at_right, above = {}, {}
        for name, values in ratios.items():
            logs = np.log(np.maximum(np.nan_to_num(values, nan=1.0), 1e-9))
            heights = (logs - bottom) / (top - bottom)
            if heights[-1] <= 1.0:
                at_right[name] = max(heights[-1], 0.0)
            else:
                above[name] = _leaving(_as_shares(prices), heights)
        moved = spread_out(list(at_right.values()), 0.16 / height)
        for name, place in zip(at_right, moved, strict=True):
            self._write(name, (1.0, place), (6, 0), va="center")
        moved = spread_out(list(above.values()), 0.24 / width)
        for name, place in zip(above, moved, strict=True):
            self._write(name, (place, 1.0), (0, 3), va="bottom", rotation=35)

    def _write(self, name, place, shift, **options):
        color = self._style(name)["color"] if name in self.cheapest_ else "#5A5A5A"
        self.labels_[name] = self.ax_.annotate(
            literal(name),
            place,
            shift,
            xycoords="axes fraction",
            textcoords="offset points",
            ha="left",
            fontsize=8.5,
            color=color,
            rotation_mode="anchor",
            **options,
        )

    @classmethod
    def from_comparison(cls, comparison, *, to="oracle", ax=None, **kwargs):
        """Draw the regrets of a comparison.

        Parameters
        ----------
        comparison : object like a :class:`~skretrain.model_selection.PolicyComparison`
            With ``prices``, ``unit`` and ``regret(to=..., relative=True)``, which returns an array
            over the prices for each policy.

        to : {"oracle", "fixed"}, default="oracle"
            What the costs are compared with: the best schedule in hindsight, or the best of never
            and of refits at fixed intervals.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to the ``Axes.plot`` calls that draw the lines.

        Returns
        -------
        display : RegretDisplay
            The drawn lines; a price of 0 has no place on a logarithmic axis and is left out.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        what = "a PolicyComparison, as compare_policies returns it"
        check_has(cls.__name__, "comparison", comparison, ["prices", "regret"], what)
        prices = np.asarray(comparison.prices)
        regrets = comparison.regret(to=to, relative=True)
        names = {"oracle": "the best schedule in hindsight", "fixed": "the best fixed policy"}
        return cls(
            prices[prices > 0],
            {name: values[prices > 0] for name, values in regrets.items()},
            reference=names[to],
            unit=comparison.unit,
        ).plot(ax=ax, **kwargs)


def _cheapest(ratios):
    names, values = list(ratios), np.array(list(ratios.values()))
    best = np.where(np.isnan(values), np.inf, values).argmin(axis=0)
    return list(dict.fromkeys(names[number] for number in best))


def _as_shares(prices):
    """Return where on the logarithmic axis the prices are, from 0 to 1."""
    shares = np.log(prices / prices[0])
    return shares / (shares[-1] or 1.0)


def _leaving(shares, heights):
    """Return where a line that ends above the picture leaves it for the last time."""
    last = np.flatnonzero(heights <= 1.0)
    if not len(last):
        return 0.0
    one, two = last[-1], last[-1] + 1
    part = (1.0 - heights[one]) / (heights[two] - heights[one])
    return float(shares[one] + part * (shares[two] - shares[one]))
