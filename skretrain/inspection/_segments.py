"""A map of segments over time: which of them drift, and what was done."""

import numpy as np

from ..utils._events import ACTIONS
from ..utils._optional import import_optional
from ..utils._params import check_has, check_integer
from ._panels import shortened
from ._timeline import _mark_of

_LIFE = {"color": "#D0D0D0", "linewidth": 1.1, "zorder": 1, "solid_capstyle": "butt"}
_EPISODE = {"color": "#D55E00", "marker": "v", "markersize": 6, "zorder": 5}
_RING = {"color": "#D55E00", "marker": "|", "markersize": 11, "zorder": 3, "markeredgewidth": 1.5}
_COMMON = {"color": "#56B4E9", "linewidth": 5.0, "alpha": 0.45, "zorder": 0}
_EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.6}
_REFIT = {**_mark_of(ACTIONS["retrained"]), "markersize": 4.5, "zorder": 4}
_FAILED = {**_mark_of(ACTIONS["failed"]), "markersize": 5, "zorder": 4}
_END = {"color": "#5A5A5A", "marker": "x", "markersize": 5.5, "zorder": 4}
_MOST_ROWS = 40  # that get a name each


class SegmentsDisplay:
    """Segments from top to bottom, batches from left to right: alarms, refits, beginnings and ends.

    It is recommended to use :meth:`from_estimator` to create a display. All parameters are stored
    as attributes.

    Parameters
    ----------
    events : iterable of object
        With `segment`, `batch`, `action` and `state`, as in
        :class:`~skretrain.serving.SegmentedRetrainer`'s ``events_``.

    lives : dict of segment to (int, int)
        The first and the newest batch with rows of each segment.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with a line for each segment.

    count_ax_ : matplotlib Axes or None
        Axes above, with the number of segments that have an alarm of their own, batch by batch;
        None where an Axes was given.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    segments_drawn_ : list
        Segments from top to bottom: those that were reported first, by the batch of their first
        alarm, then those that rang, then the others.

    See Also
    --------
    skretrain.serving.SegmentedRetrainer : Has these events.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from skretrain.inspection import SegmentsDisplay
    >>> event = SimpleNamespace(segment="north", batch=3, action="drifted", state="drift")
    >>> display = SegmentsDisplay([event], {"south": (1, 5), "north": (1, 5)})
    >>> display.plot().segments_drawn_
    ['north', 'south']
    """

    def __init__(self, events, lives):
        self.events = events
        self.lives = lives

    def plot(self, ax=None, *, max_segments=60):
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw the map on. None makes a new figure, with the number of alarms above it.

        max_segments : int, default=60
            At most so many segments are drawn, those with alarms first.

        Returns
        -------
        display : SegmentsDisplay
            This object, with `ax_`, `count_ax_`, `figure_` and `segments_drawn_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there is no segment, or `max_segments` is less than 1.
        """
        pyplot = import_optional(
            "matplotlib.pyplot", caller=f"{type(self).__name__}.plot", extra="plot"
        )
        check_integer(type(self).__name__, "max_segments", max_segments, least=1)
        if not self.lives:
            raise ValueError("lives has no segment: there is nothing to draw.")
        events = list(self.events)
        self.segments_drawn_ = self._ordered(events)[:max_segments]
        self._make_axes(pyplot, ax)
        self._draw_lives(events)
        for label, (is_one, style) in _LAYERS.items():
            self._draw_marks([event for event in events if is_one(event)], label, style)
        self._draw_common(events)
        if self.count_ax_ is not None:
            self._draw_counts(events)
        self._label()
        return self

    def _ordered(self, events):
        names = [*self.lives, *(event.segment for event in events if event.segment is not None)]
        first = {}
        for event in events:
            if _rings(event):
                rank = (0 if event.action == "drifted" else 1, event.batch)
                first[event.segment] = min(first.get(event.segment, rank), rank)
        return sorted(dict.fromkeys(names), key=lambda name: first.get(name, (2, 0)))

    def _make_axes(self, pyplot, ax):
        if ax is not None:
            self.ax_, self.count_ax_ = ax, None
        else:
            height = 0.16 * min(len(self.segments_drawn_), _MOST_ROWS)
            figure = pyplot.figure(figsize=(8, height + 2.6), layout="constrained")
            ratios = {"height_ratios": (1, max(height, 1.0))}
            self.count_ax_, self.ax_ = figure.subplots(2, sharex=True, gridspec_kw=ratios)
        self.figure_ = self.ax_.figure
        self._place = {name: place for place, name in enumerate(self.segments_drawn_)}

    def _draw_lives(self, events):
        seen = {name: list(life) for name, life in self.lives.items()}
        for event in events:  # of segments that have ended, they are all that is known
            seen.setdefault(event.segment, []).append(event.batch)
        for name, place in self._place.items():
            start, end = min(seen[name]), max(seen[name])
            self.ax_.plot([start - 0.5, end + 0.5], [place, place], **_LIFE)

    def _draw_marks(self, events, label, style):
        shown = [event for event in events if event.segment in self._place]
        if shown:
            at = [event.batch for event in shown], [self._place[event.segment] for event in shown]
            self.ax_.plot(*at, **{"label": label, "linestyle": "none", **style})

    def _draw_common(self, events):
        axes = [ax for ax in (self.ax_, self.count_ax_) if ax is not None]
        batches = [event.batch for event in events if event.action == "common"]
        for ax in axes:
            for number, batch in enumerate(batches):
                label = "common alarm" if ax is self.ax_ and not number else None
                ax.axvline(batch, label=label, **_COMMON)

    def _draw_counts(self, events):
        rang = {(event.batch, event.segment) for event in events if _rings(event)}
        batches, counts = np.unique([batch for batch, _ in rang], return_counts=True)
        self.count_ax_.bar(batches, counts, width=0.8, color=_RING["color"])
        self.count_ax_.set_ylabel("segments\nwith an alarm", fontsize=8)
        self.count_ax_.yaxis.get_major_locator().set_params(integer=True)

    def _label(self):
        ax, names = self.ax_, self.segments_drawn_
        if len(names) <= _MOST_ROWS:
            ax.set_yticks(range(len(names)), [shortened(name, 20) for name in names], fontsize=7)
        else:
            ax.set_yticks([])
            ax.set_ylabel(f"{len(names)} of {len(self._ordered(list(self.events)))} segments")
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_xlabel("batch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        if ax.get_legend_handles_labels()[0]:
            place = {"loc": "upper center", "bbox_to_anchor": (0.5, -3.2 / max(len(names), 20))}
            ax.legend(ncols=3, frameon=False, fontsize=8, **place)

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Draw what has happened in the segments of an estimator.

        Parameters
        ----------
        estimator : SegmentedRetrainer
            With segments.

        ax : matplotlib Axes, default=None
            Axes to draw the map on. None makes a new figure.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : SegmentsDisplay
            The drawn display.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import Ridge
        >>> from skretrain import DriftAwareRetrainer
        >>> from skretrain.inspection import SegmentsDisplay
        >>> from skretrain.serving import SegmentedRetrainer
        >>> X = np.column_stack([np.arange(60) % 3, np.arange(60.0)])
        >>> model = SegmentedRetrainer(DriftAwareRetrainer(Ridge()), by=0).fit(X, X[:, 1])
        >>> SegmentsDisplay.from_estimator(model).segments_drawn_
        [0, 1, 2]
        """
        what = "a SegmentedRetrainer or DistributedSegments"
        check_has(cls.__name__, "estimator", estimator, ["status"], what)
        status = estimator.status()
        lives = {key: (one.first_batch, one.last_batch) for key, one in status.items()}
        return cls(list(estimator.events_), lives).plot(ax=ax, **kwargs)


def _rings(event):
    return event.segment is not None and event.state == "drift"


_LAYERS = {
    "alarm of its own trigger": (lambda e: _rings(e) and e.action != "drifted", _RING),
    "retrained": (lambda e: e.action == "retrained", _REFIT),
    "failed": (lambda e: e.action == "failed", _FAILED),
    "reported": (lambda e: e.action == "drifted", {**_EPISODE, **_EDGE}),
    "opened": (lambda e: e.action == "opened", {**_END, "marker": ">"}),
    "retired": (lambda e: e.action == "retired", _END),
}
