"""``skretrain advise``: two periods in two files; should the model be retrained?"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from ..model_selection import advise
from ..model_selection._advise._text import ACTIONS
from ..utils._words import counted
from ._columns import (
    check_column,
    some,
    sorted_by_time,
    target_values,
    task_of_column,
    with_target,
)
from ._console import (
    add_columns,
    add_missing,
    add_model,
    add_scoring,
    add_weight,
    non_negative,
    open_console,
    say,
    say_facts,
)
from ._encoding import encoder_fitted_on
from ._errors import CommandError, as_sentence, needed, refusals
from ._estimators import (
    ESTIMATORS,
    estimator_for,
    fitted_model_in_file,
    in_unit_scale,
    is_own_name,
    task_of_model,
)
from ._files import read_tables
from ._metric import metric_asked_for
from ._outputs import Outputs, output_folder, without_options
from ._price import price_of
from ._raw import as_array, check_known_columns, check_named_columns, columns_of, why_raw
from ._screen import ids_in_words, out_of_order, screened, without_dropped
from ._weights import check_weight_column, weights_for, weights_in_words, with_weights

_DESCRIPTION = """\
Should the model be retrained, now that new labelled rows are there? OLD holds
the rows that the present model knows, NEW the rows since. Each way to react is
tried, from keeping the model to refitting it on everything, and judged on rows
of both files that no candidate has learned. One action comes back, with the
numbers it rests on.
"""

_EPILOG = """\
answers, and what advice.csv calls them:
{answers}
  Old rows are mixed in, one for each new one; the change is where it shows in
  New rows are those of NEW, all rows those of both. A refit is advised only if
  its gain is beyond noise.

models:
  --model FILE is the present model, as joblib.dump or pickle wrote it; it gets
  the columns that it was fitted on, and is not changed. A pickle can run any
  code: load only files that you trust. Without it, a model is fitted on OLD:
{estimators}
  module:factory       an estimator of your own, or what returns one when called
                       without arguments
  Before these, numbers, categories, text, dates and missing values become
  numbers as skrub's tabular_pipeline encodes them for the model. A linear
  classifier gets the words of texts, hashed, where it does better with them on
  the old rows. A pipeline that reads columns by name gets them as they are
  (--raw).

the files:
  .csv, .tsv, .parquet or .pq, rows in time order or with a column for --time.
  Columns that not all of them have are left out, as are rows without a target.

outputs, in the folder --out:
  report.html    the answer, the table and the evidence, in one file
  advice.csv     the table, unrounded

examples:
  skretrain advise 2023.csv 2024.csv --target churn
  skretrain advise 2023.csv 2024.csv --target churn --model churn.joblib
  skretrain advise 2023.csv jan.csv feb.csv mar.csv --target churn
  skretrain advise old.parquet new.parquet --target units --estimator boosting
  skretrain advise old.csv new.csv --target y --price 20
  skretrain advise old.csv new.csv --target y --cost-matrix "yes>no=9,no>yes=1"
"""

PAGE = (
    _DESCRIPTION,
    _EPILOG.format(
        answers="\n".join(f"  {what.name:<20} {code}" for code, what in ACTIONS.items()),
        estimators="\n".join(f"  {name:<20} {what}" for name, (what, _) in ESTIMATORS.items()),
    ),
)


def add_arguments(parser):
    """Declare the arguments of the command."""
    add = parser.add_argument
    add("old", metavar="OLD", help="table of the rows before")
    help_of_new = "table of the rows since; several are batches, oldest first"
    add("new", metavar="NEW", nargs="+", help=help_of_new)
    add("--target", metavar="COL", required=True, help="column to predict")
    add("--time", metavar="COL", help="column to sort by; it is not used as a feature")
    add_columns(add)
    add_missing(add)
    add(
        "--task",
        choices=["auto", "classification", "regression"],
        default="auto",
        help="auto: that of the model, else classification for text, true/false and at most 30 "
        "different whole numbers",
    )
    add_model(
        add,
        name="without --model, what to fit",
        file="the present one, fitted; it gets the columns that it was fitted on",
    )
    add_weight(add)
    add_scoring(add, "the ways to react")
    add(
        "--price",
        type=price_of,
        metavar="P",
        help="what a refit costs: the errors, the sum of residuals, or of the costs of "
        "--cost-matrix, that it must save; or in money, as refit=2,cpu_hour=0.5,error=0.1, where "
        "flip= is what a changed decision costs",
    )
    add(
        "--time-budget",
        type=non_negative,
        metavar="S",
        help="seconds after which no larger part of the rows is tried",
    )
    add("--seed", type=int, default=0, metavar="N", help="of all that is drawn (0)")
    add(
        "--out",
        type=Path,
        default=Path("skretrain-advise"),
        metavar="DIR",
        help="folder for the outputs (skretrain-advise)",
    )


def main(arguments):
    """Run the command."""
    console = open_console()
    needed("pandas")
    outputs, notices = Outputs(output_folder(arguments.out)), []
    model = fitted_model_in_file(arguments)
    tables, weights = _tables(arguments, model, notices)
    task = _task(tables, model, arguments, notices)
    targets = [target_values(table[arguments.target], task, model) for table in tables]
    features = _features(tables, arguments, model, notices)
    chosen = _chosen(arguments, model, task, features[0], targets[0])
    params = [weights_for(chosen.estimator, arguments.sample_weight, w) for w in weights]
    scoring = metric_asked_for(
        task,
        chosen.estimator,
        np.concatenate(targets),
        scoring=arguments.scoring,
        positive=arguments.positive,
        costs=arguments.cost_matrix,
    )
    facts = _facts(arguments, tables, features, task, chosen, params)
    say_facts(console, facts, notices)
    advice = _advised(chosen, features, targets, params, scoring, arguments)
    say(console, f"\n{advice.text}\n")
    _print_table(console, advice)
    _write(outputs, advice, arguments, facts, notices)
    outputs.finish(console)


def _tables(arguments, model, notices):
    """Return the tables, and the weights of their rows, or None where there are none."""
    paths = [arguments.old, *arguments.new]
    asked = [arguments.target, arguments.time, arguments.sample_weight]
    asked += [*arguments.keep, *arguments.drop, *arguments.ids, *columns_of(model)]
    tables = read_tables(paths, notices, missing=arguments.missing, keep=asked)
    pairs = zip(paths, tables, strict=True)
    found = [_table(*pair, arguments, notices) for pair in pairs]
    _check_order(paths, [times for _, _, times in found], arguments.time)
    return [table for table, _, _ in found], [weights for _, weights, _ in found]


def _check_order(paths, times, column):
    """Refuse new files of which one begins before the one before it does."""
    starts = [part[0] for part in times[1:] if part is not None]
    for n, (one, two) in enumerate(pairwise(starts), start=1):
        if two < one:
            raise CommandError(
                f"{paths[n + 1]} begins before {paths[n]} by --time {column!r}; name the new files "
                "from the oldest to the newest."
            )


def _table(path, table, arguments, notices):
    target, time, weight = arguments.target, arguments.time, arguments.sample_weight
    weights = times = None
    try:
        check_column(table, target, "--target")
        keep, drop, ids = arguments.keep, arguments.drop, arguments.ids
        named = {"target": target, "time": time, "keep": keep, "drop": drop, "id": ids}
        check_weight_column(table, weight, **named)
        table = without_dropped(table, drop, keep, target, time, ids)
        if time is not None:
            check_column(table, time, "--time")
            if time == target:
                raise CommandError(f"--time {time!r} is the target; name the column with the time.")
        if time is not None:
            table, times = sorted_by_time(table, time)
        own = []
        table = with_target(table, target, own)
        if weight is not None:
            table, weights, _ = with_weights(table, weight, own)
        if time is None:
            own.extend(out_of_order(table.drop(columns=target), keep))
    except CommandError as error:
        raise CommandError(f"{path}: {error}") from error
    notices.extend(f"{Path(path).name}: {notice}" for notice in own)
    return table, weights, times


def _task(tables, model, arguments, notices):
    if model is None:
        column = needed("pandas").concat([table[arguments.target] for table in tables])
        return task_of_column(column.reset_index(drop=True), arguments.task, notices)
    return task_of_model(model, arguments.task)


def _features(tables, arguments, model, notices):
    """Return the columns of all files that the model gets, with the same types in all."""
    frames = [table.drop(columns=arguments.target) for table in tables]
    common = [name for name in frames[0].columns if all(name in frame for frame in frames)]
    lost = [name for frame in frames for name in frame.columns if name not in common]
    wanted = columns_of(model)
    if wanted:
        of = "both" if len(frames) == 2 else "all"
        check_known_columns(wanted, common, _taken(arguments), f"are not in {of} files")
        common, lost = wanted, []
    if not common:
        raise CommandError("the files have no column in common besides the target.")
    if lost:
        have = "only one of the files has" if len(frames) == 2 else "not all files have"
        notices.append(f"left out, because {have} them: {some(list(dict.fromkeys(lost)))}")
    rows = needed("pandas").concat([frame[common] for frame in frames], ignore_index=True)
    ends = np.cumsum([0, *map(len, frames)]).tolist()
    if model is not None and not wanted:
        rows = as_array(rows)
        return [rows[start:end] for start, end in pairwise(ends)]
    if model is None:
        rows = screened(rows, arguments.keep, notices)
    return [rows.iloc[start:end].reset_index(drop=True) for start, end in pairwise(ends)]


def _taken(arguments):
    """Return the columns that options take out of the files."""
    return {
        "--target": arguments.target,
        "--time": arguments.time,
        "--sample-weight": arguments.sample_weight,
        "--drop": arguments.drop,
        "--id": arguments.ids,
    }


@dataclass(frozen=True)
class _Chosen:
    """The model that is judged.

    Attributes
    ----------
    estimator : estimator
        With what comes before it.
    model : estimator
        Without.
    columns : str
        How it gets the columns.
    hint : str
        What to know if it fails; empty for a model whose errors are about the rows.
    """

    estimator: Any
    model: Any
    columns: str
    hint: str = ""


def _chosen(arguments, model, task, table, y):
    if model is not None:
        known = "those that the model was fitted on"
        return _Chosen(model, model, known if columns_of(model) else "all, as bare numbers")
    base = estimator_for(arguments.estimator, task)
    why = why_raw(base, asked=arguments.raw)
    if why:
        check_named_columns(base, table)
        hint = " The model gets the table's own columns, text and gaps included (see --raw)."
        return _Chosen(in_unit_scale(base), base, f"as they are, in data frames ({why})", hint)
    encoder, by = encoder_fitted_on(table, y, base)
    steps = [step for _, step in getattr(encoder, "steps", [("columns", encoder)])]
    hint = " The model gets numbers; with --raw, it gets the table's own columns."
    return _Chosen(
        make_pipeline(*steps, in_unit_scale(base)),
        base,
        f"encoded as numbers by {by}",
        hint if is_own_name(arguments.estimator) else "",
    )


def _facts(arguments, tables, features, task, chosen, params):
    given = f" from {Path(arguments.model).name}" if arguments.model else ", fitted on the old rows"
    old, new = _names(arguments)
    facts = {
        "old period": f"{old}, {counted(len(tables[0]), 'row')}",
        "new period": f"{new}, {counted(sum(map(len, tables[1:])), 'row')}",
        "target": f"{arguments.target}: {task}, "
        f"{counted(features[0].shape[1], 'column')} to learn from",
        "columns": chosen.columns,
        "model": f"{' '.join(str(chosen.model).split())}{given}",
    }
    if arguments.ids:
        facts["identifiers"] = ids_in_words(arguments.ids)
    if arguments.sample_weight is not None:
        facts["weights"] = weights_in_words(arguments.sample_weight, params)
    return facts


def _names(arguments):
    """Return the names of the files of both periods."""
    return Path(arguments.old).name, ", ".join(Path(path).name for path in arguments.new)


def _advised(chosen, features, targets, params, scoring, arguments):
    is_own = arguments.model is not None or is_own_name(arguments.estimator)
    try:
        return advise(
            chosen.estimator,
            features[0],
            targets[0],
            _one_or_all(features[1:]),
            _one_or_all(targets[1:]),
            price=arguments.price,
            scoring=scoring,
            time_budget=arguments.time_budget,
            params_old=params[0],
            params_new=_one_or_all(params[1:]),
            random_state=arguments.seed,
        )
    except refusals(is_own=is_own) as error:
        raise CommandError(f"no advice: {as_sentence(error)}{chosen.hint}") from error


def _one_or_all(batches):
    return batches[0] if len(batches) == 1 else batches


def _print_table(console, advice):
    units = advice.units
    table = needed("rich.table").Table(
        box=needed("rich.box").SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    table.add_column("action", no_wrap=True)
    for header in (units.name, "gain", "95 % interval", "old rows", "flips", "CPU s"):
        is_measure = header == units.name
        least = 6 if is_measure else None
        table.add_column(header, justify="right", no_wrap=not is_measure, min_width=least)
    left_out = []
    for row in advice.rows:
        if not row["tried"]:
            left_out.append(row)
            continue
        chosen = "bold" if row["action"] == advice.action else None
        table.add_row(ACTIONS[row["action"]].name, *_cells(row, units), style=chosen)
    console.print(table)
    for row in left_out:
        text = f"  {ACTIONS[row['action']].name:<20} {row['note']}"
        console.print(text, markup=False, soft_wrap=not console.is_terminal)


def _cells(row, units):
    levels = units.level(row["loss_new"]), units.level(row["loss_old"])
    if row["action"] == "keep":
        return levels[0], "-", "-", levels[1], "-", "-"
    return (
        levels[0],
        units.bare(row["gain"]),
        units.interval(row["gain_low"], row["gain_high"]),
        levels[1],
        f"{100 * row['negative_flips']:.1f} %",
        f"{row['seconds']:.2f}",
    )


def _write(outputs, advice, arguments, facts, notices):
    old, new = _names(arguments)
    title = f"Should the model of '{arguments.target}' be retrained? {old}, then {new}"
    outputs.write("advice.csv", lambda: advice.table.to_csv(index=False))
    outputs.write("report.html", lambda: advice.to_html(title, facts, without_options(notices)))
