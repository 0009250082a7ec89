"""What the reader gets: a table on the terminal, a CSV, a picture."""

import csv
from types import SimpleNamespace

from ..inspection import DriftTimelineDisplay, PolicyComparisonDisplay
from ._errors import needed
from ._policies import LOCATED, NEVER, NO_CHANGE, SCORES
from ._sentence import number

_COLUMNS = {"accuracy": "accuracy", "r2": "R2"}
_METRICS = {"classification": "accuracy", "regression": "mean_absolute_error"}


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
    located = next(outcome.result for outcome in outcomes if outcome.name == LOCATED)
    figure = pyplot.figure(figsize=(10.0, 8.0), dpi=120, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.0, 1.3], hspace=0.04)
    above.suptitle(title, fontsize=11)
    known = ", true drifts as broad lines" if len(history.drift_rows) else ""
    below.suptitle(f"Each policy in blue, the others in grey{known}", fontsize=11)
    comparison = PolicyComparisonDisplay.from_results(
        {outcome.name: _in_units_of_target(outcome.result, history) for outcome in outcomes},
        scores={outcome.name: outcome.score for outcome in outcomes},
        score_label=_COLUMNS[SCORES[history.task]],
        true_drifts=history.drift_rows,
        metric=_METRICS[history.task],
        ax=below.subplots(2, 3, sharex=True, sharey=True),
    )
    comparison.axes_[0].set_xlim(history.warm_up, len(history.y))
    _draw_timeline(above.subplots(), comparison, located, history, label_delay)
    figure.savefig(path)
    pyplot.close(figure)


def _in_units_of_target(result, history):
    if history.task == "classification":
        return result
    y_true, y_pred = result.y_true * history.unit, result.y_pred * history.unit
    return SimpleNamespace(rows=result.rows, y_true=y_true, y_pred=y_pred)


def _draw_timeline(ax, comparison, located, history, label_delay):
    # Events count the rows whose label is known; these came in `label_delay` rows earlier.
    alarms = [e.row + label_delay for e in located.events if e.state == "drift"]
    refits = [e.row + label_delay for e in located.events if e.action == "retrained"]
    DriftTimelineDisplay(
        comparison.rows,
        comparison.curves[LOCATED],
        alarms=alarms,
        refits=refits[1:],  # the first is the fit on the warm-up
        true_drifts=history.drift_rows,
        label=LOCATED,
        baseline=comparison.curves[NEVER],
        baseline_label="never retrained",
    ).plot(ax=ax)
    ax.set(xlim=(history.warm_up, len(history.y)), ylim=comparison.ylim)
    ax.xaxis.set_major_locator(needed("matplotlib.ticker").MaxNLocator(5))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.tick_params(labelsize=9)
    ax.set(xlabel="row", ylabel=comparison.label)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
