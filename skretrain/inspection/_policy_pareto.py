"""Scores of policies against what they cost: which are worth their processor seconds."""

import numpy as np

from ..utils._optional import import_optional
from ..utils._params import check_has
from ._direct_labels import label_points
from ._panels import literal

_FRONT = {"color": "#0072B2", "linewidth": 1.2, "zorder": 3}
_WORTH = {"marker": "o", "markersize": 7.5, "color": "#0072B2", "markeredgecolor": "black"}
_OTHER = {"marker": "o", "markersize": 6, "color": "white", "markeredgecolor": "#7F7F7F"}
_POINT = {"linestyle": "none", "markeredgewidth": 0.8, "zorder": 4}
_ORACLE = {"color": "#D55E00", "linewidth": 1.4, "linestyle": (0, (4, 2)), "zorder": 2}
_INTERVAL = {"color": "#7F7F7F", "linewidth": 1.0, "zorder": 2.5}


class PolicyParetoDisplay:
    """Score against processor seconds: a point per policy, and the Pareto front among them.

    A policy is on the front if no other has at least its score for at most its seconds. It is
    recommended to use :meth:`from_comparison` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    cpu_seconds : dict of str to float
        Processor seconds of learning, by the name of the policy.

    scores : dict of str to float
        Score of each, higher is better.

    intervals : dict of str to (float, float), default=None
        Lower and upper end of the scores, such as an interval over seeds; NaN draws none.

    frontier : (array-like, array-like), default=None
        Seconds and scores of the best schedules in hindsight, as a dashed curve.

    score_label : str, default="score"
        Name of the score.

    is_loss : bool, default=False
        Whether `scores` are minus a loss: the axis then has the loss, the less the higher up.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that hold the points.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    front_ : list of str
        Policies on the Pareto front, from cheap to dear.

    points_ : dict of str to matplotlib Line2D
        The point of each policy.

    labels_ : dict of str to matplotlib Annotation
        Its name. A policy far below the others is drawn at the lower edge, with its score.

    See Also
    --------
    RegretDisplay : What each policy costs at the price of a refit.
    skretrain.model_selection.compare_policies : The numbers.

    Examples
    --------
    >>> from skretrain.inspection import PolicyParetoDisplay
    >>> seconds = {"never": 0.1, "weekly": 2.0, "hourly": 40.0, "alarm": 1.5}
    >>> scores = {"never": 0.61, "weekly": 0.8, "hourly": 0.86, "alarm": 0.85}
    >>> PolicyParetoDisplay(seconds, scores, score_label="accuracy").plot().front_
    ['never', 'alarm', 'hourly']
    """

    def __init__(
        self,
        cpu_seconds,
        scores,
        *,
        intervals=None,
        frontier=None,
        score_label="score",
        is_loss=False,
    ):
        self.cpu_seconds = cpu_seconds
        self.scores = scores
        self.intervals = intervals
        self.frontier = frontier
        self.score_label = score_label
        self.is_loss = is_loss

    def plot(self, ax=None, **kwargs):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to ``Axes.annotate``, which writes the names.

        Returns
        -------
        display : PolicyParetoDisplay
            This object, with `ax_`, `figure_`, `front_`, `points_` and `labels_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If scores and seconds are not of the same policies.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        if not self.scores or set(self.scores) != set(self.cpu_seconds):
            raise ValueError(
                f"scores are of {sorted(self.scores)}, cpu_seconds of {sorted(self.cpu_seconds)}: "
                "pass both for the same policies, one at least."
            )
        if ax is None:
            _, ax = pyplot.subplots(figsize=(8.0, 4.8), layout="constrained")
        self.ax_, self.figure_, self.front_ = ax, ax.figure, self._front()
        floor = _floor(list(self.scores.values()))
        lines = [self._plot_frontier(floor), self._plot_front(floor)]
        self.points_, places, texts = {}, {}, {}
        for name, score in self.scores.items():
            hidden = not score >= floor
            text = f"{name} ({self._shown(score):.3g})" if hidden else name
            places[text], texts[name] = (self._seconds(name), floor if hidden else score), text
            style = {**_POINT, **(_WORTH if name in self.front_ else _OTHER)}
            style |= {"marker": "v"} if hidden else {}
            (self.points_[name],) = ax.plot(*places[text], **style)
            if not hidden:
                self._plot_interval(name)
        self._finish([y for _, y in places.values()])
        effects = import_optional(
            "matplotlib.patheffects", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        # A white rim keeps lines from striking a name through.
        rim = [effects.withStroke(linewidth=3, foreground="white")]
        style = {"fontsize": 8.5, "path_effects": rim, "zorder": 6}
        labels = label_points(ax, places, lines, **{**style, **kwargs})
        self.labels_ = {name: labels[text] for name, text in texts.items()}
        return self

    def _shown(self, score):
        """Return a score as it is written."""
        return -score if self.is_loss else score

    def _seconds(self, name):
        return max(self.cpu_seconds[name], 1e-6)  # a logarithm needs more than nothing

    def _front(self):
        front, best = [], -np.inf
        for name in sorted(self.scores, key=lambda n: (self.cpu_seconds[n], -self.scores[n])):
            if self.scores[name] > best:
                front.append(name)
                best = self.scores[name]
        return front

    def _plot_front(self, floor):
        """Draw the front as steps, and return their corners."""
        ends = [[self._seconds(name), max(self.scores[name], floor)] for name in self.front_]
        corners = np.repeat(np.reshape(ends, (-1, 2)), 2, axis=0)
        steps = np.column_stack([corners[1:, 0], corners[:-1, 1]])
        self.ax_.plot(*steps.T, label="Pareto front of the policies", **_FRONT)
        return steps

    def _plot_frontier(self, floor):
        if self.frontier is None:
            return np.empty((0, 2))
        seconds, scores = (np.asarray(values, dtype=float) for values in self.frontier)
        shown = scores >= floor
        curve = np.column_stack([np.maximum(seconds[shown], 1e-6), scores[shown]])
        self.ax_.plot(*curve.T, label="best schedules of refits, in hindsight", **_ORACLE)
        return curve

    def _plot_interval(self, name):
        if self.intervals is None or not np.isfinite(self.intervals[name]).all():
            return
        self.ax_.plot([self._seconds(name)] * 2, self.intervals[name], **_INTERVAL)

    def _finish(self, heights):
        ax = self.ax_
        label = f"{self.score_label}{', the less the higher up' * self.is_loss}"
        if self.is_loss:
            ax.yaxis.set_major_formatter(lambda score, position: f"{self._shown(score):g}")
        ax.set(xscale="log", xlabel="CPU seconds of learning", ylabel=literal(label))
        ax.margins(x=0.16)
        ax.xaxis.set_major_formatter("{x:g}")
        ticker = import_optional("matplotlib.ticker", caller=type(self).__name__, extra="plot")
        # Between powers of ten, numbers only where there is room.
        ax.xaxis.set_minor_formatter(ticker.LogFormatter(labelOnlyBase=False))
        if self.frontier is not None:
            heights = [*heights, np.max(self.frontier[1])]
        # Intervals may be cut off: they would flatten the points.
        room = 0.15 * (max(heights) - min(heights)) or 0.05
        ax.set_ylim(min(heights) - room, max(heights) + room)
        ax.grid(alpha=0.3, linewidth=0.6)
        ax.set_axisbelow(True)
        options = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "frameon": False}
        ax.legend(ncols=2 if ax.figure.get_figwidth() > 6 else 1, fontsize=8.5, **options)

    @classmethod
    def from_comparison(cls, comparison, *, price=None, ax=None, **kwargs):
        """Draw the policies of a comparison.

        Parameters
        ----------
        comparison : object like a :class:`~skretrain.model_selection.PolicyComparison`
            With ``names``, ``scoring``, ``frontier`` (a dict with ``"cpu_seconds"`` and
            ``"score"``), and the methods ``score``, ``interval`` and ``cpu_seconds``, each of a
            name and a price.

        price : float or None, default=None
            What policies that are told the price of a refit are told.

        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.

        **kwargs : dict
            Passed to ``Axes.annotate``, which writes the names.

        Returns
        -------
        display : PolicyParetoDisplay
            The drawn points.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        what = "a PolicyComparison, as compare_policies returns it"
        check_has(cls.__name__, "comparison", comparison, ["names", "frontier"], what)
        names, best = comparison.names, comparison.frontier
        return cls(
            {name: comparison.cpu_seconds(name, price) for name in names},
            {name: comparison.score(name, price) for name in names},
            intervals={name: comparison.interval(name, price) for name in names},
            frontier=(best["cpu_seconds"], best["score"]),
            score_label=comparison.scoring.removeprefix("neg_").replace("_", " "),
            is_loss=getattr(comparison, "is_loss", False),
        ).plot(ax=ax, **kwargs)


def _floor(scores):
    """Return the score below which a policy would flatten all the others."""
    finite = np.array([score for score in scores if np.isfinite(score)])
    if not finite.size:
        return 0.0
    top, middle = finite.max(), np.median(finite)
    return float(finite[finite >= top - 5 * (top - middle)].min())
