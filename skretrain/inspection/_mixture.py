"""The weights of a mixture over time: which of its members had a say, and when."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..utils._optional import import_optional
from ..utils._params import check_has
from ._panels import shortened
from ._timeline import _draw_verticals, _full_names

# Okabe and Ito's colours, with grey for black, on which no pattern shows. Eight colours and nine
# patterns: the first 72 members look different, and whoever sees no colours sees the patterns.
_COLORS = (
    "#56B4E9",
    "#E69F00",
    "#009E73",
    "#F0E442",
    "#CC79A7",
    "#0072B2",
    "#D55E00",
    "#999999",
)
_HATCHES = (None, "//", "..", "\\\\", "oo", "--", "xx", "||", "++")
# The edge is what a pattern is drawn with, too.
_AREA = {"edgecolor": (0.0, 0.0, 0.0, 0.45), "linewidth": 0.4, "zorder": 2}
_TRUE_DRIFT = {"color": "black", "linewidth": 1.8, "linestyle": (0, (4, 2)), "zorder": 3}


class MixtureDisplay:
    """Weights of the members of a mixture over time, as areas that are stacked to one.

    It is recommended to use :meth:`from_estimator` to create a display. All parameters are stored
    as attributes.

    Parameters
    ----------
    rows : array-like of shape (n_points,)
        Rows seen at each point.

    weights : array-like of shape (n_points, n_members)
        Weights of the members; those of a point sum to one.

    names : sequence of str
        Names of the members, in the order of the weights.

    true_drifts : array-like of int, default=()
        Rows at which the stream is known to have drifted: dashed vertical lines.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that hold the areas.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    areas_ : dict of str to matplotlib PolyCollection
        The area of each member; the first one lies at the bottom.

    See Also
    --------
    skretrain.MixtureRetrainer : The mixture, and how its weights move.
    DriftTimelineDisplay : The score over time.

    Examples
    --------
    >>> from skretrain import make_mixture
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.inspection import MixtureDisplay
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y, drift_rows = make_drifting_classification(2_000, random_state=0)
    >>> mixture = make_mixture(GaussianNB()).fit(X[:500], y[:500])
    >>> for start in range(500, 2_000, 100):
    ...     batch = slice(start, start + 100)
    ...     mixture = mixture.partial_fit(X[batch], y[batch])
    >>> display = MixtureDisplay.from_estimator(mixture, true_drifts=drift_rows)
    >>> display.weights.shape
    (16, 6)
    >>> list(display.areas_)
    ['frozen', 'all', 'recent', 'newest', 'since_drift', 'updated']
    """

    def __init__(self, rows, weights, names, *, true_drifts=()):
        self.rows = rows
        self.weights = weights
        self.names = names
        self.true_drifts = true_drifts

    def plot(self, ax=None, **kwargs):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure, with room for the legend beside the axes; a
            figure of your own needs ``layout="constrained"`` for that.

        **kwargs : dict
            Passed to the ``Axes.fill_between`` calls that draw the areas.

        Returns
        -------
        display : MixtureDisplay
            This object, with `ax_`, `figure_` and `areas_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If the weights are not one per row and name.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        bounds = self._bounds()
        if ax is None:
            _, ax = pyplot.subplots(figsize=(9.0, 4.0), layout="constrained")
        self.ax_, self.figure_, self.areas_ = ax, ax.figure, {}
        for number, name in enumerate(self.names):
            style = {**_style(number), "label": shortened(name), **_full_names(kwargs)}
            lower, upper = bounds[:, number], bounds[:, number + 1]
            self.areas_[name] = ax.fill_between(self.rows, lower, upper, **style)
        _draw_verticals(ax, self.true_drifts, "true drift", _TRUE_DRIFT)
        ax.set(xlabel="rows seen", ylabel="weight", ylim=(0.0, 1.0))
        ax.margins(x=0)
        ax.xaxis.set_major_formatter("{x:,.0f}")
        # From top to bottom, as the areas lie.
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(
            handles[::-1],
            labels[::-1],
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),
            frameon=False,
            handleheight=1.6,  # a pattern needs room to be seen
        )
        return self

    def _bounds(self):
        """Return the lower bounds of all areas, and the upper one of the last."""
        weights = np.asarray(self.weights)
        if weights.shape != (len(self.rows), len(self.names)):
            raise ValueError(
                f"weights has the shape {weights.shape}, but there are {len(self.rows)} rows and "
                f"{len(self.names)} names; pass one weight per row and name."
            )
        return np.pad(weights, ((0, 0), (1, 0))).cumsum(axis=1)

    @classmethod
    def from_estimator(cls, mixture, *, true_drifts=(), ax=None, **kwargs):
        """Draw the weights of a fitted mixture.

        Parameters
        ----------
        mixture : fitted estimator with ``weight_history_`` and ``named_estimators_``
            Such as a :class:`~skretrain.MixtureRetrainer`. ``weight_history_`` has ``rows`` and
            ``weights`` as the class has them, ``named_estimators_`` has the members by name, in the
            same order.

        true_drifts : array-like of int, default=()
            Rows at which the stream is known to have drifted.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to the ``Axes.fill_between`` calls that draw the areas.

        Returns
        -------
        display : MixtureDisplay
            The drawn weights.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the mixture is not fitted.

        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(mixture)
        owns = ["weight_history_", "named_estimators_"]
        check_has(cls.__name__, "mixture", mixture, owns, "a MixtureRetrainer that has learned")
        history = mixture.weight_history_
        names = list(mixture.named_estimators_)
        display = cls(history.rows, history.weights, names, true_drifts=true_drifts)
        return display.plot(ax=ax, **kwargs)


def _style(number):
    color, hatch = _COLORS[number % len(_COLORS)], _HATCHES[number % len(_HATCHES)]
    return {**_AREA, "facecolor": color, "hatch": hatch}
