"""The pictures: one for the folder, and those of the page, each for a wide and a narrow screen."""

import base64
import io
import warnings
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np

from ..inspection import (
    DistributionDisplay,
    DriftTimelineDisplay,
    PerClassDisplay,
    PolicyComparisonDisplay,
    PolicyParetoDisplay,
    RegretDisplay,
    RollingChoiceDisplay,
)
from ..inspection._distribution_data import MOST_DRAWN
from ..inspection._panels import label_rows, legend_below, literal, shortened
from ..metrics._two_samples import direction, ks_distance, level_counts, total_variation
from ..utils._words import counted
from ._errors import needed
from ._metric import ACCURACY, ERROR
from ._policies import NEVER, parts_of
from ._sentence import winner_of

_WIDE, _NARROW = 9.3, 4.4  # inches; letters of 9 points can be read on a phone in the second
_COLOURS = 32  # of a picture; what is drawn has a dozen, and their mixtures along its edges
_FEW_COLOURS, _LARGE = 16, 64_000  # of small multiples, which have four; in bytes
_FOR_ONE_LINE = 3.0  # inches of a panel, for a name and a score in one line above it
# Texts with more values than this are names, whose shares always differ.
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
    is_folded : bool
        Whether it is shown only when asked for.
    """

    title: str
    caption: str
    wide: str
    narrow: str
    is_folded: bool = False


def draw(outcomes, history, metric, windows, *, title):
    """Return the picture of the folder, a PNG: the best policy above, a panel each below."""
    pyplot = needed("matplotlib.pyplot")
    n_rows = -(-_n_ran(outcomes) // 4)
    size = (12.0, 3.5 + 1.7 * n_rows)
    figure = pyplot.figure(figsize=size, dpi=120, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[3.5, 1.7 * n_rows], hspace=0.04)
    above.suptitle(literal(title), fontsize=11)
    known = ", true drifts as broad lines" if len(history.drift_rows) else ""
    below.suptitle(f"Each policy in blue, the others in grey{known}", fontsize=11)
    panels = below.subplots(n_rows, 4, sharex=True, sharey=True, squeeze=False)
    comparison = _comparison(outcomes, history, metric, windows, panels)
    for spare in panels.ravel()[len(comparison.axes_) :]:
        spare.remove()
    for panel in comparison.axes_:
        panel.set(xlabel="", ylabel="")  # one name for all of them leaves room for the panels
    below.supxlabel(label_rows(comparison.axes_[0], history.times), fontsize=10)
    below.supylabel(literal(comparison.label), fontsize=10)
    ax = above.subplots()
    _timeline(comparison, outcomes, history).plot(ax=ax)
    _finish_timeline(ax, comparison, history)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return _saved(figure)


def pictures(outcomes, history, metric, results, rolling, *, price):
    """Return the pictures of the page, from the whole to the detail.

    Returns
    -------
    pictures : list of (str, callable)
        What each shows, and a function that draws it, or returns None where it does not apply.
    """
    windows = parts_of(results, history)

    @cache
    def comparison():
        comparison = _comparison(outcomes, history, metric, windows, None)
        needed("matplotlib.pyplot").close(comparison.figure_)
        return comparison

    return [
        ("scores and seconds", lambda: _picture_of_scores(results, history, metric, price)),
        (
            "prices",
            lambda: _picture_of_prices(results, metric) if results.windows is None else None,
        ),
        ("following the recommendation", lambda: _picture_of_following(rolling, history)),
        (
            "the best policy",
            lambda: _picture_of_timeline(comparison(), outcomes, history),
        ),
        ("the policies", lambda: _picture_of_policies(comparison(), history, metric)),
        ("the classes", lambda: _picture_of_classes(outcomes, history)),
        ("what moved", lambda: _picture_of_shift(history)),
    ]


# -- the displays ----------------------------------------------------------------------------------


def _n_ran(outcomes):
    return sum(not outcome.refusal for outcome in outcomes)


def _comparison(outcomes, history, metric, windows, ax):
    ran = [outcome for outcome in outcomes if not outcome.refusal]
    scores = {outcome.name: float(metric.value(outcome)) for outcome in ran}
    if windows is None:
        comparison = PolicyComparisonDisplay.from_results(
            {outcome.name: _losses_as_result(outcome, history) for outcome in ran},
            scores=scores,
            score_label=_short_name(metric),
            true_drifts=history.drift_rows,
            metric="accuracy" if metric is ACCURACY else "mean_absolute_error",
            ax=ax,
        )
        if metric.loss is not None:
            comparison.label = f"{metric.name} over {comparison.label.rpartition(' over ')[2]}"
    else:
        comparison = _by_windows(ran, scores, history, metric, windows).plot(ax=ax)
    comparison.axes_[0].set_xlim(history.warm_up, history.n_rows)
    return comparison


def _short_name(metric):
    if metric.loss is not None:
        return metric.name
    return "accuracy" if metric is ACCURACY else "error"


def _by_windows(ran, scores, history, metric, windows):
    """Return the scores of the windows, as steps."""
    sizes, rows, unit = np.diff(windows), np.arange(history.warm_up, history.n_rows), "windows"
    repeats = sizes
    if history.stream is not None:  # of a long file, both ends of each batch, and not each row
        ends = np.column_stack([windows[:-1], windows[1:] - 1])
        rows, repeats, unit = history.warm_up + ends.ravel(), 2, "batches"
    lacks = {outcome.name: np.repeat(outcome.losses[0], repeats) for outcome in ran}
    curves = lacks if metric.lower_is_better else {k: 1 - lack for k, lack in lacks.items()}
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
    room = 0.03 * (np.ptp(finite) or 1.0) if len(finite) else 0.0
    return PolicyComparisonDisplay(
        rows,
        curves,
        scores=scores,
        true_drifts=history.drift_rows,
        label=f"{metric.name}, {len(sizes)} {unit}",
        score_label=metric.name.split(" of ")[0],
        ylim=(finite.min() - room, finite.max() + room) if len(finite) else None,
        times=history.times,
    )


def _losses_as_result(outcome, history):
    """Return predictions with the losses of the first seed, as a display takes them."""
    losses = outcome.losses[0]
    rows = np.arange(history.warm_up, len(history.y))
    return SimpleNamespace(
        rows=rows, y_true=np.zeros_like(losses), y_pred=losses, times=history.times
    )


def _timeline(comparison, outcomes, history):
    best = winner_of(outcomes)
    events = () if best.result is None else best.result.events or ()
    rung = [event.row for event in events if event.state == "drift"]
    return DriftTimelineDisplay(
        comparison.rows,
        comparison.curves[best.name],
        alarms=best.result.arrived(rung) if rung else (),
        refits=best.refit_rows,
        true_drifts=history.drift_rows,
        label=best.name,
        baseline=None if best.name == NEVER else comparison.curves[NEVER],
        baseline_label="never retrained",
        times=history.times,
    )


def _finish_timeline(ax, comparison, history):
    ax.set(xlim=(history.warm_up, history.n_rows), ylim=comparison.ylim)
    ax.xaxis.set_major_locator(needed("matplotlib.ticker").MaxNLocator(5))
    ax.tick_params(labelsize=9)
    ax.set(xlabel=label_rows(ax, history.times), ylabel=literal(comparison.label))


# -- the pictures of the page ----------------------------------------------------------------------


def _picture_of_scores(results, history, metric, price):
    name = metric.name if metric is not ERROR else f"{metric.name} of '{shortened(history.target)}'"
    label = f"{name}{', the less the higher up' * metric.lower_is_better}"
    schedules = "the best that any schedule of refits from scratch"
    if results.windows is not None:
        schedules = "the best that a schedule of refits from scratch, where windows begin,"

    def drawn(width, height):
        figure = _figure(width, height)
        ax = figure.subplots()
        display = PolicyParetoDisplay.from_comparison(results, price=price, ax=ax, fontsize=9)
        for name, written in display.labels_.items():
            written.set_visible(width == _WIDE or name in display.front_)
        ax.set_ylabel(label, fontsize=9)
        return _png(figure)

    return Picture(
        "What each policy gives for what it takes",
        "Score against processor seconds of learning. Filled: no other policy is as good for less; "
        "a narrow screen names these only. "
        f"The dashed curve is out of reach for whoever does not know the future: {schedules} "
        "could have done, its fits alone counted.",
        wide=drawn(_WIDE, 4.6),
        narrow=drawn(_NARROW, 5.4),
    )


def _picture_of_prices(results, metric):
    def drawn(width, height):
        figure = _figure(width, height)
        RegretDisplay.from_comparison(results, to="fixed", ax=figure.subplots())
        return _png(figure)

    return Picture(
        "What each policy costs, by the price of a refit",
        f"{metric.summed.capitalize()} and refits together, as a multiple of the best fixed "
        "policy: never, or at the interval and window that turned out best. The lower, the better; "
        "in colour, the policies that cost least at some price.",
        wide=drawn(_WIDE, 4.4),
        narrow=drawn(_NARROW, 4.6),
        is_folded=True,
    )


def _picture_of_following(rolling, history):
    if rolling is None:
        return None

    def drawn(width, height, columns):
        figure = _figure(width, height)
        display = RollingChoiceDisplay.from_choice(rolling, ax=figure.subplots())
        label_rows(display.ax_, history.times)
        figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
        return _png(figure)

    return Picture(
        "Could you have trusted this page?",
        f"Every {rolling.every}, what costs least by all that was known then is chosen anew, "
        "unless the present policy is as good within the noise; above, its name. The higher, the "
        "more had been saved by then against never retraining. A change costs a refit.",
        wide=drawn(_WIDE, 4.2, 2),
        narrow=drawn(_NARROW, 4.8, 1),
    )


def _picture_of_timeline(comparison, outcomes, history):
    timeline = _timeline(comparison, outcomes, history)

    def drawn(width, height, columns):
        figure = _figure(width, height)
        ax = figure.subplots()
        timeline.plot(ax=ax)
        _finish_timeline(ax, comparison, history)
        ax.get_legend().remove()
        figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
        return _png(figure)

    best = winner_of(outcomes)
    marks = f"{counted(len(timeline.refits), 'refit')} after the warm-up"
    if best.kind == "live":
        marks = f"{counted(len(timeline.alarms), 'alarm')} and {marks}"
    beside = "" if best.name == NEVER else ", against the model of the warm-up"
    return Picture(
        f"The policy that {'costs least' if best.cost is not None else 'did best'}, '{best.name}', "
        "over time",
        f"Its score, with {marks}{beside}.",
        wide=drawn(_WIDE, 3.6, 5),
        narrow=drawn(_NARROW, 3.6, 2),
    )


def _picture_of_policies(comparison, history, metric):
    good = "low is good" if metric.lower_is_better else "high is good"
    return _in_panels(
        comparison,
        len(comparison.curves),
        history,
        "Every policy over time",
        f"One panel per policy: {comparison.label} ({good}), in grey that of the others.",
    )


def _picture_of_classes(outcomes, history):
    # What was replayed has losses, and no predictions.
    lived = [outcome for outcome in outcomes if hasattr(outcome.result, "y_pred")]
    if history.task == "regression" or not lived:
        return None
    shown = winner_of(lived)
    result = shown.result
    names = np.array([str(label) for label in history.labels], dtype=object)
    display = PerClassDisplay.from_result(
        SimpleNamespace(
            rows=result.rows,
            y_true=names[result.y_true],
            y_pred=names[result.y_pred],
            events=result.events,
            arrived=result.arrived,
            times=history.times,
        ),
        true_drifts=history.drift_rows,
    )
    needed("matplotlib.pyplot").close(display.figure_)
    return _in_panels(
        display,
        len(display.axes_),
        history,
        f"Each class of '{history.target}' over time",
        f"Of the rows of a class, how many '{shown.name}' found (recall); of its predictions, how "
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
            if width / columns < _FOR_ONE_LINE:
                panel.set_title(panel.get_title().replace(": ", "\n"), fontsize=8.5)
        figure.supylabel(literal(display.label), fontsize=9)
        panels[0].set_xlim(history.warm_up, history.n_rows)
        panels[0].xaxis.set_major_locator(needed("matplotlib.ticker").MaxNLocator(3))
        handles, labels = panels[0].get_legend_handles_labels()
        options = {"loc": "outside lower center", "frameon": False, "fontsize": 9}
        figure.legend(handles, labels, ncols=6 if width == _WIDE else 2, **options)
        return _png(figure)

    narrow = drawn(_NARROW, 1.6, 2 if n_panels > 6 else 1)
    return Picture(title, caption, wide=drawn(_WIDE, 1.9, 3), narrow=narrow)


def _picture_of_shift(history):
    """Draw the column that differs most between the warm-up and as many of the newest rows."""
    n = min(history.warm_up, len(history.table) - history.warm_up)
    then, now = history.table.iloc[: history.warm_up], history.table.iloc[-n:]
    shifts = {name: _shift(then[name], now[name]) for name in history.table.columns}
    if not any(shifts.values()):
        return None
    feature = max(shifts, key=shifts.get)
    ticker = needed("matplotlib.ticker")

    def drawn(width):
        figure = _figure(width, 4.2)
        labels = {"label_then": "warm-up", "label_now": "newest rows"}
        ax = figure.subplots()
        DistributionDisplay.from_frames(then, now, feature, ax=ax, **labels)
        ax.xaxis.set_major_locator(ticker.MaxNLocator(4 if width == _NARROW else 8))
        return _png(figure)

    return Picture(
        f"What moved most: '{feature}'",
        f"Of all columns, the one whose distribution differs most between the {len(then):,} rows "
        f"of the warm-up and the newest {n:,}. A column may move without harm: the score over time "
        "tells.",
        wide=drawn(_WIDE),
        narrow=drawn(_NARROW),
    )


def picture_of_features(display, batch_size):
    """Return the picture of the columns that moved, with their control charts if there are any."""
    each = 2 if display.charts else 1

    def drawn(width, columns):
        n_panels = each * len(display.distributions)
        rows = -(-n_panels // columns)
        figure = _figure(width, 1.9 * rows + 0.9)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for spare in panels[n_panels:]:
            spare.remove()
        display.plot(ax=panels[:n_panels])
        legend_below(figure, *panels[:n_panels])
        return _png(figure)

    caption = (
        "Each column then and now: lines are means, bars one standard deviation to either side."
    )
    if display.charts:
        caption += (
            f" Beside it, the new rows in batches of {batch_size:,}, in their order: the mean of "
            "each, the exponentially weighted average of these means, and the limits within which "
            "it stays by chance."
        )
    return Picture(
        "What moved",
        caption,
        wide=drawn(_WIDE, 4 if each == 2 else 3),
        narrow=drawn(_NARROW, each),
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
    counts = level_counts(then.to_numpy(), now.to_numpy())
    return total_variation(counts[0] / len(then), counts[1] / len(now))


def _largest_gap(then, now):
    """Return the Kolmogorov-Smirnov distance; 0 for a counter or a clock, which moves anyway."""
    at = np.concatenate([then, now])
    if np.abs(at).max() > MOST_DRAWN:
        return 0.0
    if direction(at):
        return 0.0
    return ks_distance(then, now)


def _figure(width, height):
    # A narrow picture is seen on a screen with two or three points per pixel.
    dpi = 100 if width > _NARROW else 120
    pyplot = needed("matplotlib.pyplot")
    return pyplot.figure(figsize=(width, height), dpi=dpi, layout="constrained")


def _png(figure):
    return "data:image/png;base64," + base64.b64encode(_saved(figure)).decode()


def _saved(figure):
    # Not by savefig, which draws twice where there is a layout, and packs what is unpacked again.
    canvas = needed("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box is drawn for it
        canvas.draw()
    needed("matplotlib.pyplot").close(figure)
    return _small(needed("PIL.Image").fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))


def _small(picture):
    """Return a PNG with a palette, which has a third of the bytes."""
    small = _with_palette(picture, _COLOURS)
    return small if len(small) < _LARGE else _with_palette(picture, _FEW_COLOURS)


def _with_palette(picture, colours):
    buffer = io.BytesIO()
    image = needed("PIL.Image")
    # A third of the time of the usual method, which looks the same on lines and letters.
    few = picture.quantize(colours, image.Quantize.MAXCOVERAGE, dither=image.Dither.NONE)
    # To pack them tighter takes eight times as long, for a twentieth of the bytes.
    few.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
