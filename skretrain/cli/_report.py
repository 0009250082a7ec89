"""What the reader gets in numbers: a table on the terminal, the same on the page, a CSV."""

import csv

from ._errors import needed
from ._policies import NO_CHANGE
from ._sentence import amount, best_of, number, with_deviation

_COLUMNS = {"accuracy": "accuracy", "r2": "R2"}


def headers(metric, *, priced):
    """Return the names of the columns."""
    kappa = ["kappa-temporal"] if metric == "accuracy" else []
    cost = ["cost"] if priced else []
    # What was asked for stands where a phone shows it.
    return ["policy", _COLUMNS[metric], *cost, *kappa, "fits", "rows fitted", "CPU s"]


def is_priced(outcomes):
    """Tell whether there is a price, and so a column of costs."""
    return any(outcome.cost is not None for outcome in outcomes)


def cells(outcome, metric, *, priced):
    """Return one row of the table, as text."""
    if outcome.refusal:
        return [outcome.name, *["-"] * (len(headers(metric, priced=priced)) - 1)]
    kappa = [] if outcome.kappa is None else [number(outcome.kappa)]
    costs = [amount(outcome.n_fits), amount(outcome.rows_fitted), f"{outcome.cpu_seconds:.2f}"]
    if outcome.name == NO_CHANGE:
        costs = ["-"] * 3
    cost = ["-" if outcome.cost is None else amount(outcome.cost)] if priced else []
    return [outcome.name, with_deviation(outcome), *cost, *kappa, *costs]


def explanation(outcome):
    """Return what the policy does, or why it is not possible."""
    return f"not possible: {outcome.refusal}" if outcome.refusal else outcome.what


def print_table(console, outcomes, baseline, metric):
    """Print the table and what each policy does."""
    style = {"box": needed("rich.box").SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
    table = needed("rich.table").Table(**style)
    priced = is_priced(outcomes)
    first, *others = headers(metric, priced=priced)
    table.add_column(first, no_wrap=True)
    for header in others:
        table.add_column(header, justify="right")
    best = best_of(outcomes)
    for outcome in [*outcomes, baseline]:
        row = cells(outcome, metric, priced=priced)
        table.add_row(*row, style="bold" if outcome is best else None)
    console.print(table)
    for outcome in [*outcomes, baseline]:
        text = f"  {outcome.name:<20} {explanation(outcome)}"
        console.print(text, markup=False, soft_wrap=not console.is_terminal)


def write_csv(path, outcomes, baseline, metric):
    """Write the table, unrounded; means where there are several seeds."""
    costs = ["fits", "updates", "rows_fitted", "cpu_seconds", "cost"]
    header = ["policy", metric, f"{metric}_sd", "kappa_temporal", *costs, "seeds", "description"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for o in [*outcomes, baseline]:
            numbers = [o.n_fits, o.n_updates, o.rows_fitted, o.cpu_seconds, o.cost, len(o.scores)]
            if o.refusal:
                numbers = [None] * len(numbers)
            row = [o.name, o.score, o.deviation, o.kappa, *numbers, explanation(o)]
            writer.writerow(row)
