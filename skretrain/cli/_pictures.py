"""The pictures: one for the folder, and those of the page, each for a wide and a narrow screen."""

import base64
import io
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ..inspection import (
    DistributionDisplay,
    DriftTimelineDisplay,
    PerClassDisplay,
    PolicyComparisonDisplay,
    PolicyParetoDisplay,
)
from ..inspection._distribution import MOST_DRAWN
from ..inspection._panels import shortened
from ._errors import needed
from ._policies import LOCATED, NEVER, SCORES

SCORE_NAMES = {"accuracy": "accuracy", "r2": "R2"}
_METRICS = {"classification": "accuracy", "regression": "mean_absolute_error"}

_WIDE, _NARROW = 9.3, 4.4  # inches; letters of 9 points can be read on a phone in the second
# Texts with more values than this are names, whose shares always differ; numbers that never fall
# and have more are counters.
_FEW = 30


@dataclass(frozen=True)
class Picture:
    """A picture of the page, as PNG for two widths.

    Attributes
    ----------
    title, caption : str
        Above and below it; the caption also says in words what there is to see.
    wide, narrow : str
        Data URIs.
    """

    title: str
    caption: str
    wide: str
    narrow: str


def draw(path, outcomes, history, *, label_delay, title):
    """Draw the default policy with its alarms above, and below one panel per policy."""
    pyplot = needed("matplotlib.pyplot")
    figure = pyplot.figure(figsize=(10.0, 8.0), dpi=120, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.0, 1.3], hspace=0.04)
    above.suptitle(title, fontsize=11)
    known = ", true drifts as broad lines" if len(history.drift_rows) else ""
    below.suptitle(f"Each policy in blue, the others in grey{known}", fontsize=11)
    panels = below.subplots(2, 3, sharex=True, sharey=True)
    comparison = _comparison(outcomes, history, panels)
    for spare in panels.ravel()[len(comparison.axes_) :]:
        spare.remove()
    ax = above.subplots()
    _timeline(comparison, outcomes, history, label_delay).plot(ax=ax)
    _finish_timeline(ax, comparison, history)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def pictures(outcomes, history, results, *, label_delay):
    """Return the pictures of the page, from the whole to the detail."""
    comparison = _comparison(outcomes, history, None)
    needed("matplotlib.pyplot").close(comparison.figure_)
    found = [
        _picture_of_costs(results, history),
        _picture_of_timeline(comparison, outcomes, history, label_delay),
        _picture_of_policies(comparison, history),
        _picture_of_classes(outcomes, history, label_delay),
        _picture_of_shift(history),
    ]
    return [picture for picture in found if picture is not None]


# -- the displays ----------------------------------------------------------------------------------


def _comparison(outcomes, history, ax):
    ran = [outcome for outcome in outcomes if not outcome.refusal]
    comparison = PolicyComparisonDisplay.from_results(
        {outcome.name: _in_units_of_target(outcome.result, history) for outcome in ran},
        scores={outcome.name: float(outcome.score) for outcome in ran},
        score_label=SCORE_NAMES[SCORES[history.task]],
        true_drifts=history.drift_rows,
        metric=_METRICS[history.task],
        ax=ax,
    )
    comparison.axes_[0].set_xlim(history.warm_up, len(history.y))
    return comparison


def _in_units_of_target(result, history):
    if history.task == "classification":
        return result
    y_true, y_pred = result.y_true * history.unit, result.y_pred * history.unit
    return SimpleNamespace(rows=result.rows, y_true=y_true, y_pred=y_pred)


def _timeline(comparison, outcomes, history, label_delay):
    located = next(outcome.result for outcome in outcomes if outcome.name == LOCATED)
    # Events count the rows whose label is known; these came in `label_delay` rows earlier.
    alarms = [e.row + label_delay for e in located.events if e.state == "drift"]
    refits = [e.row + label_delay for e in located.events if e.action == "retrained"]
    return DriftTimelineDisplay(
        comparison.rows,
        comparison.curves[LOCATED],
        alarms=alarms,
        refits=refits[1:],  # the first is the fit on the warm-up
        true_drifts=history.drift_rows,
        label=LOCATED,
        baseline=comparison.curves[NEVER],
        baseline_label="never retrained",
    )


def _finish_timeline(ax, comparison, history):
    ax.set(xlim=(history.warm_up, len(history.y)), ylim=comparison.ylim)
    ax.xaxis.set_major_locator(needed("matplotlib.ticker").MaxNLocator(5))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.tick_params(labelsize=9)
    ax.set(xlabel="row", ylabel=comparison.label)


# -- the pictures of the page ----------------------------------------------------------------------


def _picture_of_costs(results, history):
    label = "accuracy"
    if history.task == "regression":
        label = f"minus the mean absolute error of '{shortened(history.target)}'"

    def drawn(width, height):
        figure = _figure(width, height)
        ax = figure.subplots()
        PolicyParetoDisplay.from_comparison(results, ax=ax, fontsize=9)
        ax.set_ylabel(label, fontsize=9)
        return _png(figure)

    return Picture(
        "What each policy gives for what it takes",
        "Score against processor seconds of learning. Filled: no other policy is as good for less. "
        "The dashed curve is out of reach for whoever does not know the future: the best that any "
        "schedule of refits from scratch could have done, its fits alone counted.",
        wide=drawn(_WIDE, 4.2),
        narrow=drawn(_NARROW, 4.6),
    )


def _picture_of_timeline(comparison, outcomes, history, label_delay):
    timeline = _timeline(comparison, outcomes, history, label_delay)

    def drawn(width, height, columns):
        figure = _figure(width, height)
        ax = figure.subplots()
        timeline.plot(ax=ax)
        _finish_timeline(ax, comparison, history)
        ax.get_legend().remove()
        figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
        return _png(figure)

    return Picture(
        f"The policy '{LOCATED}' over time",
        f"The score of the default policy, with {len(timeline.alarms)} alarm(s) and "
        f"{len(timeline.refits)} refit(s) after the warm-up, against the model of the warm-up.",
        wide=drawn(_WIDE, 3.6, 5),
        narrow=drawn(_NARROW, 3.6, 2),
    )


def _picture_of_policies(comparison, history):
    good = "low is good" if history.task == "regression" else "high is good"
    return _in_panels(
        comparison,
        len(comparison.curves),
        history,
        "Every policy over time",
        f"One panel per policy: {comparison.label} ({good}), in grey that of the others.",
    )


def _picture_of_classes(outcomes, history, label_delay):
    if history.task == "regression":
        return None
    result = next(outcome.result for outcome in outcomes if outcome.name == LOCATED)
    names = np.array([str(label) for label in history.labels], dtype=object)
    display = PerClassDisplay.from_result(
        SimpleNamespace(
            rows=result.rows,
            y_true=names[result.y_true],
            y_pred=names[result.y_pred],
            events=result.events,
            label_delay=label_delay,
        ),
        true_drifts=history.drift_rows,
    )
    needed("matplotlib.pyplot").close(display.figure_)
    return _in_panels(
        display,
        len(display.axes_),
        history,
        f"Each class of '{history.target}' over time",
        f"Of the rows of a class, how many '{LOCATED}' found (recall); of its predictions, how "
        "many were right (precision).",
    )


def _in_panels(display, n_panels, history, title, caption):
    """Draw a display of small multiples: three side by side, or one below the other."""

    def drawn(width, height, columns):
        rows = -(-n_panels // columns)
        figure = _figure(width, height * rows + 0.9)
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        display.plot(ax=panels)
        for spare in panels[n_panels:]:
            spare.remove()
        for panel in panels[:n_panels]:
            panel.set_ylabel("")  # one name for all of them is shorter than a low panel
        figure.supylabel(display.label, fontsize=9)
        panels[0].set_xlim(history.warm_up, len(history.y))
        handles, labels = panels[0].get_legend_handles_labels()
        options = {"loc": "outside lower center", "frameon": False, "fontsize": 9}
        figure.legend(handles, labels, ncols=2 * columns, **options)
        return _png(figure)

    return Picture(title, caption, wide=drawn(_WIDE, 1.9, 3), narrow=drawn(_NARROW, 1.6, 1))


def _picture_of_shift(history):
    """Draw the column that differs most between the warm-up and as many of the newest rows."""
    n = min(history.warm_up, len(history.table) - history.warm_up)
    then, now = history.table.iloc[: history.warm_up], history.table.iloc[-n:]
    shifts = {name: _shift(then[name], now[name]) for name in history.table.columns}
    if not any(shifts.values()):
        return None
    feature = max(shifts, key=shifts.get)

    def drawn(width):
        figure = _figure(width, 4.2)
        labels = {"label_then": "warm-up", "label_now": "newest rows"}
        DistributionDisplay.from_frames(then, now, feature, ax=figure.subplots(), **labels)
        return _png(figure)

    return Picture(
        f"What moved most: '{feature}'",
        f"Of all columns, the one whose distribution differs most between the {len(then):,} rows "
        f"of the warm-up and the newest {n:,}. A column may move without harm: the score over time "
        "tells.",
        wide=drawn(_WIDE),
        narrow=drawn(_NARROW),
    )


def _shift(then, now):
    """Return how far apart two samples are, from 0 to 1; 0 for what cannot be told."""
    types = needed("pandas").api.types
    then, now = then.dropna(), now.dropna()
    if not len(then) or not len(now) or then.dtype.kind in "mM":
        return 0.0
    if types.is_numeric_dtype(then) and not types.is_bool_dtype(then):
        return _largest_gap(then.to_numpy(dtype=float), now.to_numpy(dtype=float))
    then, now = then.astype(str), now.astype(str)
    if then.nunique() > _FEW:
        return 0.0
    shares = [part.value_counts(normalize=True) for part in (then, now)]
    return float(shares[0].sub(shares[1], fill_value=0.0).abs().sum() / 2)


def _largest_gap(then, now):
    """Return the Kolmogorov-Smirnov distance; 0 for a counter or a clock, which moves anyway."""
    at = np.concatenate([then, now])
    if np.abs(at).max() > MOST_DRAWN:
        return 0.0
    if (np.diff(at) >= 0).all() and len(np.unique(at)) > _FEW:
        return 0.0
    shares = [np.searchsorted(np.sort(part), at, side="right") / len(part) for part in (then, now)]
    return float(np.abs(shares[0] - shares[1]).max())


def _figure(width, height):
    return needed("matplotlib.pyplot").figure(figsize=(width, height), layout="constrained")


def _png(figure):
    buffer = io.BytesIO()
    # A narrow picture is seen on a screen with two or three points per pixel.
    figure.savefig(buffer, dpi=140 if figure.get_figwidth() > _NARROW else 190)
    needed("matplotlib.pyplot").close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
