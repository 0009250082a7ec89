"""What a recommendation would have saved that is chosen anew now and then, over time."""

import numpy as np

from ..utils._optional import import_optional
from ..utils._params import check_has
from ._direct_labels import spread_out
from ._panels import label_rows, literal, shortened

_STYLES = {
    "followed": {"color": "#0072B2", "linewidth": 2.4, "zorder": 4},
    "final": {"color": "#D55E00", "linewidth": 1.6, "linestyle": (0, (4, 2)), "zorder": 3},
    "best fixed": {"color": "#7F7F7F", "linewidth": 1.4, "linestyle": (0, (1.5, 1.2)), "zorder": 2},
}
_NEVER = {"color": "black", "linewidth": 0.9, "zorder": 1}
_CHANGE = {"color": "#0072B2", "linewidth": 0.8, "alpha": 0.5, "zorder": 0}
_LETTERS = 8.5  # points


class RollingChoiceDisplay:
    """Savings over time of following the recommendation, chosen anew at each checkpoint.

    The higher a line, the more has been saved by then against never retraining. It is recommended
    to use :meth:`from_choice` to create a display. All parameters are stored as attributes.

    Parameters
    ----------
    rows : array-like of shape (n_spans + 1,)
        First row of each span between two checkpoints, and the number of rows.

    costs : dict of str to array-like of shape (n_spans,)
        What each span has cost: under ``"never"``, ``"followed"``, and any of ``"best fixed"`` and
        ``"final"``.

    policies : list of str
        The policy that is followed in each span.

    names : dict of str to str, default=None
        What to call ``"best fixed"`` and ``"final"``.

    unit : str, default="errors"
        What the costs count.

    times : array-like of shape (n_samples,), default=None
        When each row of the stream came.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that hold the lines.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    lines_ : dict of str to matplotlib Line2D
        The summed savings of each of them but ``"never"``, which is the axis of zero.

    labels_ : list of matplotlib Annotation
        Above the axes, the policies that are followed, from where they are.

    See Also
    --------
    skretrain.model_selection.PolicyComparison.rolling_choice : The numbers.

    Examples
    --------
    >>> from skretrain.inspection import RollingChoiceDisplay
    >>> costs = {"never": [90, 80, 85], "followed": [90, 35, 30], "final": [30, 30, 30]}
    >>> display = RollingChoiceDisplay([100, 600, 1100, 1600], costs, ["never", "daily", "daily"])
    >>> display.plot().lines_["followed"].get_ydata().tolist()
    [0.0, 0.0, 45.0, 100.0]
    """

    def __init__(self, rows, costs, policies, *, names=None, unit="errors", times=None):
        self.rows = rows
        self.costs = costs
        self.policies = policies
        self.names = names
        self.unit = unit
        self.times = times

    def plot(self, ax=None, **kwargs):
        """Draw the savings.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure, with room for the names; a figure of your own
            needs ``layout="constrained"`` for that.

        **kwargs : dict
            Passed to the ``Axes.plot`` call that draws what following has saved.

        Returns
        -------
        display : RollingChoiceDisplay
            This object, with `ax_`, `figure_`, `lines_` and `labels_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        is_own = ax is None
        if is_own:
            _, ax = pyplot.subplots(figsize=(9.0, 4.4), layout="constrained")
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, {}
        ax.axhline(0.0, label="never retraining", **_NEVER)
        for key, style in _STYLES.items():
            if key in self.costs:
                style = style | (kwargs if key == "followed" else {})
                label = literal(self._name(key))
                (self.lines_[key],) = ax.plot(self.rows, self._saved(key), label=label, **style)
        ax.set_xlim(self.rows[0], self.rows[-1])
        ax.locator_params(axis="x", nbins=6)
        ax.yaxis.set_major_formatter("{x:,g}")
        ax.grid(alpha=0.3, linewidth=0.6)
        ax.set_xlabel(label_rows(ax, self.times))
        ax.set_ylabel(f"saved against never retraining\n({literal(self.unit)})")
        self._name_policies()
        if is_own:
            options = {"loc": "outside lower center", "frameon": False, "fontsize": 9}
            self.figure_.legend(ncols=2, **options)
        return self

    def _name(self, key):
        words = {
            "followed": "recommended at the time",
            "final": "recommended in the end",
            "best fixed": "best fixed policy in hindsight",
        }[key]
        name = (self.names or {}).get(key)
        return words if name is None else f"{words} ({shortened(name)})"

    def _saved(self, key):
        never, costs = (np.asarray(self.costs[name], dtype=float) for name in ("never", key))
        with np.errstate(invalid="ignore"):  # of losses without end, no difference is known
            return np.append(0.0, np.cumsum(never - costs))

    def _name_policies(self):
        """Write the name of each policy above the place from which on it is followed."""
        rows, names = np.asarray(self.rows, dtype=float), self.policies
        changes = [0] + [n for n in range(1, len(names)) if names[n] != names[n - 1]]
        for n in changes[1:]:
            self.ax_.axvline(rows[n], **_CHANGE)
        places = (rows[changes] - rows[0]) / (rows[-1] - rows[0])
        width = self.ax_.bbox.width / self.ax_.get_figure(root=True).dpi
        # Turned names take the height of a letter along the axis, and half as much again.
        moved = spread_out(places, 2.2 * _LETTERS / 72 / width)
        self.labels_ = [
            self.ax_.annotate(
                shortened(names[n]),
                (place, 1.0),
                (0, 3),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="left",
                va="bottom",
                rotation=30,
                rotation_mode="anchor",
                fontsize=_LETTERS,
                color=_STYLES["followed"]["color"],
            )
            for n, place in zip(changes, moved, strict=True)
        ]

    @classmethod
    def from_choice(cls, choice, *, ax=None, **kwargs):
        """Draw what came of a rolling choice.

        Parameters
        ----------
        choice : object like a :class:`~skretrain.model_selection.RollingChoice`
            With ``rows``, ``costs``, ``policies``, ``fixed``, ``final``, ``unit`` and ``times``.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to the ``Axes.plot`` call that draws what following has saved.

        Returns
        -------
        display : RollingChoiceDisplay
            The drawn savings.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        what = "a RollingChoice, as rolling_choice of a comparison returns it"
        check_has(cls.__name__, "choice", choice, ["costs", "policies", "fixed"], what)
        return cls(
            choice.rows,
            choice.costs,
            choice.policies,
            names={"best fixed": choice.fixed, "final": choice.final},
            unit=choice.unit,
            times=choice.times,
        ).plot(ax=ax, **kwargs)
