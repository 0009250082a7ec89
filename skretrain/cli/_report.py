"""What the reader gets: a table on the terminal, a CSV, a picture."""

import csv

import numpy as np

from ..inspection import DriftTimelineDisplay
from ._errors import needed
from ._policies import LOCATED, NEVER, NO_CHANGE, SCORES
from ._sentence import number

_COLUMNS = {"accuracy": "accuracy", "r2": "R2"}

# Okabe and Ito: the policy of a panel against all others, in black on white too.
_OWN = {"color": "#0072B2", "linewidth": 1.6, "zorder": 3}
_OTHERS = {"color": "#C8C8C8", "linewidth": 0.8, "zorder": 2}
_DRIFT = {"color": "#E5E5E5", "linewidth": 5.0, "zorder": 1}


def print_table(console, outcomes, baseline, metric):
    """Print the table and what each policy does."""
    table = needed("rich.table").Table(box=needed("rich.box").SIMPLE_HEAD, pad_edge=False)
    table.add_column("policy", no_wrap=True)
    for header in _headers(metric):
        table.add_column(header, justify="right")
    best = max(outcomes, key=lambda outcome: outcome.score)
    for outcome in [*outcomes, baseline]:
        table.add_row(*_cells(outcome), style="bold" if outcome is best else None)
    console.print(table)
    for outcome in [*outcomes, baseline]:
        console.print(f"  {outcome.name:<20} {outcome.what}", markup=False, highlight=False)


def _headers(metric):
    kappa = ["kappa-temporal"] if metric == "accuracy" else []
    return [_COLUMNS[metric], *kappa, "fits", "rows fitted", "CPU s"]


def _cells(outcome):
    kappa = [] if outcome.kappa is None else [number(outcome.kappa)]
    if outcome.name == NO_CHANGE:
        return [outcome.name, number(outcome.score), *kappa, "-", "-", "-"]
    costs = [f"{outcome.n_fits:,}", f"{outcome.rows_fitted:,}", f"{outcome.cpu_seconds:.2f}"]
    return [outcome.name, number(outcome.score), *kappa, *costs]


def write_csv(path, outcomes, baseline, metric):
    """Write the table, unrounded."""
    header = ["policy", metric, "kappa_temporal", "fits", "updates", "rows_fitted", "cpu_seconds"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*header, "description"])
        for o in [*outcomes, baseline]:
            costs = [o.n_fits, o.n_updates, o.rows_fitted, o.cpu_seconds]
            writer.writerow([o.name, o.score, o.kappa, *costs, o.what])


def draw(path, outcomes, history, *, label_delay, title):
    """Draw the default policy with its alarms above, and below one panel per policy."""
    pyplot = needed("matplotlib.pyplot")
    curves = {outcome.name: _curve(outcome.result, history) for outcome in outcomes}
    located = next(outcome.result for outcome in outcomes if outcome.name == LOCATED)
    figure = pyplot.figure(figsize=(10.0, 8.0), dpi=120, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.0, 1.3], hspace=0.04)
    above.suptitle(title, fontsize=11)
    _draw_timeline(above.subplots(), curves, located, history, label_delay)
    known = ", true drifts as broad lines" if len(history.drift_rows) else ""
    below.suptitle(f"Each policy in blue, the others in grey{known}", fontsize=11)
    _draw_panels(below, curves, outcomes, history)
    figure.savefig(path)
    pyplot.close(figure)


def _curve(result, history):
    """Return the score over time, each point the mean of the rows up to there."""
    if history.task == "classification":
        points = (result.y_true == result.y_pred).astype(float)
    else:
        points = abs(result.y_true - result.y_pred) * history.unit
    window = _window(history)
    return np.convolve(points, np.full(window, 1 / window), "valid")


def _window(history):
    return max((len(history.y) - history.warm_up) // 50, 1)


def _rows(history):
    return np.arange(history.warm_up + _window(history) - 1, len(history.y))


def _label(history):
    name = "accuracy" if history.task == "classification" else "absolute error"
    return f"{name} over {_window(history):,} rows"


def _limits(curves, history):
    curves = np.array(list(curves.values()))
    if history.task == "classification":
        return max(curves.min() - 0.03, 0.0), min(curves.max() + 0.03, 1.0)
    # A model that blew up would flatten all the others: its curve leaves the picture.
    typical = np.median(curves, axis=0).max()
    return 0.0, min(1.05 * curves.max(), 2.5 * typical)


def _draw_timeline(ax, curves, located, history, label_delay):
    # Events count the rows whose label is known; these came in `label_delay` rows earlier.
    alarms = [e.row + label_delay for e in located.events if e.state == "drift"]
    refits = [e.row + label_delay for e in located.events if e.action == "retrained"]
    DriftTimelineDisplay(
        _rows(history),
        curves[LOCATED],
        alarms=alarms,
        refits=refits[1:],  # the first is the fit on the warm-up
        true_drifts=history.drift_rows,
        label=LOCATED,
        baseline=curves[NEVER],
        baseline_label="never retrained",
    ).plot(ax=ax)
    _finish(ax, curves, history)
    ax.set(xlabel="row", ylabel=_label(history))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _draw_panels(figure, curves, outcomes, history):
    rows = _rows(history)
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for ax, outcome in zip(axes.flat, outcomes, strict=True):
        for name, curve in curves.items():
            ax.plot(rows, curve, **(_OWN if name == outcome.name else _OTHERS))
        for drift_row in history.drift_rows:
            ax.axvline(drift_row, **_DRIFT)
        score = f"{_COLUMNS[SCORES[history.task]]} {number(outcome.score)}"
        ax.set_title(f"{outcome.name}: {score}", fontsize=10)
        _finish(ax, curves, history)
    figure.supxlabel("row", fontsize=10)
    figure.supylabel(_label(history), fontsize=10)


def _finish(ax, curves, history):
    ax.set(xlim=(history.warm_up, len(history.y)), ylim=_limits(curves, history))
    ax.xaxis.set_major_locator(needed("matplotlib.ticker").MaxNLocator(5))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.tick_params(labelsize=9)
