"""What the reader gets in numbers: a table on the terminal, the same on the page, a CSV."""

import csv
import io

from ._console import say
from ._errors import needed
from ._metric import ACCURACY
from ._policies import BASELINES
from ._sentence import amount, score, winner_of

# Columns of costs, and which of an outcome they show.
_COSTS = {"cost": "cost", "in money": "money"}


def headers(metric, *, priced):
    """Return the names of the columns."""
    kappa = ["kappa temporal"] if _has_kappa(metric, priced) else []
    # What was asked for stands where a phone shows it.
    return ["policy", metric.header, *priced, *kappa, "fits", "rows fitted", "CPU s"]


def _has_kappa(metric, priced):
    """Tell whether there is a column of it: beside two costs there is not the room."""
    return metric is ACCURACY and len(priced) < len(_COSTS)


def priced_in(outcomes):
    """Return the columns of costs: none without a price, one in money where that is."""
    return tuple(
        name
        for name, attribute in _COSTS.items()
        if any(getattr(outcome, attribute) is not None for outcome in outcomes)
    )


def cells(outcome, metric, *, priced):
    """Return one row of the table, as text."""
    if outcome.refusal:
        return [outcome.name, *["-"] * (len(headers(metric, priced=priced)) - 1)]
    kappa = [metric.number(outcome.kappa)] if _has_kappa(metric, priced) else []
    costs = [amount(outcome.n_fits), amount(outcome.rows_fitted), f"{outcome.cpu_seconds:.2f}"]
    if outcome.name in BASELINES:
        costs = ["-"] * 3
    found = [getattr(outcome, _COSTS[name]) for name in priced]
    cost = ["-" if value is None else amount(value) for value in found]
    return [outcome.name, score(outcome, metric), *cost, *kappa, *costs]


def explanation(outcome):
    """Return what the policy does, or why there is nothing of it."""
    return outcome.refusal or outcome.what


def print_table(console, outcomes, baselines, metric):
    """Print the table and what each policy does."""
    style = {"box": needed("rich.box").SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
    table = needed("rich.table").Table(**style)
    priced = priced_in(outcomes)
    names = headers(metric, priced=priced)
    for place, header in enumerate(names):
        # Names and scores in one line each; of the other headers, no word is cut.
        least = max(map(len, header.split()))
        justify = "right" if place else "left"
        table.add_column(header, justify=justify, no_wrap=place < 2, min_width=least)
    best = winner_of(outcomes)
    for outcome in [*outcomes, *baselines]:
        row = cells(outcome, metric, priced=priced)
        table.add_row(*row, style="bold" if outcome is best else None)
    console.print(table)
    width = max(len(outcome.name) for outcome in outcomes) + 2
    for outcome in [*outcomes, *baselines]:
        say(console, f"  {outcome.name:<{width}}{explanation(outcome)}")


def as_csv(outcomes, baselines, metric):
    """Return the table as CSV, unrounded; means where there are several seeds."""
    costs = ["fits", "updates", "rows_fitted", "cpu_seconds", "cost"]
    costs += ["cost_in_money"] * ("in money" in priced_in(outcomes))
    header = [
        "policy",
        metric.column,
        f"{metric.column}_sd",
        "kappa_temporal",
        *costs,
        "seeds",
        "description",
    ]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(header)
    for outcome in [*outcomes, *baselines]:
        numbers = [None] * (len(header) - 2)
        if not outcome.refusal:
            numbers = _numbers(outcome, metric)
            if "cost_in_money" in costs:
                numbers.insert(-1, outcome.money)
        writer.writerow([outcome.name, *numbers, explanation(outcome)])
    return file.getvalue()


def _numbers(o, metric):
    counts = [o.n_fits, o.n_updates, o.rows_fitted, o.cpu_seconds, o.cost, len(o.losses)]
    return [metric.value(o), o.deviation, o.kappa, *counts]
