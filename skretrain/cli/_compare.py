"""``skretrain compare``: replay a history under each retraining policy, and say which paid."""

import argparse
import math
from pathlib import Path

from ..compose._learner import Learner
from ._errors import CommandError, needed
from ._estimators import ESTIMATORS
from ._files import read_table
from ._history import embedded_history, history_of
from ._page import write_page
from ._pictures import draw, pictures
from ._policies import LOCATED, POLICIES, SCORES, no_change, run_all
from ._report import print_table, write_csv
from ._schedules import compared
from ._sentence import caution, sentence

_DESCRIPTION = """\
Replay a history under each of the usual retraining policies and say which of
them would have paid. Each row is predicted by the model that would have served
at that moment, and learned once its label is known; only the first rows, the
warm-up, are not scored. Without FILE, a built-in stream is used whose concept
changes at two known rows.
"""

_EPILOG = """\
policies (for the default --batch 100):
{policies}
  All use one model, and the same rows, batches and label delay. A policy that
  the model does not allow is a row of "-", with the reason below the table. The
  row (no change) repeats the newest known target.

the price (--price):
  How many errors must one refit save to be worth it? The cost of a policy is
  its errors and the price of each refit after the first fit; an update is
  charged by its rows, as part of a refit on the whole past.

models (--estimator):
{estimators}
  module:factory       an estimator of your own, or what returns one when called
                       without arguments; from the working folder as well, such
                       as mymodels:build or sklearn.naive_bayes:BernoulliNB

the file:
  Rows in time order, or with a column for --time. Numbers, categories, text,
  dates and missing values become numbers as skrub's tabular_pipeline encodes
  them for the model, learned from the warm-up only, so that nothing is known
  before its time. Rows without a target are left out.

outputs, in the folder --out:
  report.html    the answer, the table, what was done, and pictures, in one file
  compare.csv    the table, unrounded
  compare.png    score over time, with the alarms

examples:
  skretrain compare
  skretrain compare stream.csv --target y
  skretrain compare sales.parquet --target units --time day --label-delay 500
  skretrain compare ratings.csv --target stars --task regression --out ratings
  skretrain compare stream.csv --target y --price 25
  skretrain compare stream.csv --target y --estimator forest --seeds 5 --jobs 2
"""

PAGE = (
    _DESCRIPTION,
    _EPILOG.format(
        policies="\n".join(f"  {policy.name:<20} {policy.describe(100)}" for policy in POLICIES),
        estimators="\n".join(f"  {name:<20} {what}" for name, (what, _) in ESTIMATORS.items()),
    ),
)


def add_arguments(parser):
    """Declare the arguments of the command."""
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="table to replay: .csv, .tsv, .parquet or .pq")
    add("--target", metavar="COL", help="column to predict; needed with FILE")
    add("--time", metavar="COL", help="column to sort by; it is not used as a feature")
    add(
        "--task",
        choices=["auto", "classification", "regression"],
        default="auto",
        help="auto: classification for text, true/false and at most 30 different whole numbers",
    )
    add(
        "--estimator",
        default="sgd",
        metavar="NAME",
        help="model to keep fresh: a name listed below, or module:factory (sgd)",
    )
    add("--batch", type=_at_least(1), default=100, metavar="N", help="rows per batch (100)")
    add(
        "--label-delay",
        type=_at_least(0),
        default=0,
        metavar="N",
        help="rows between a prediction and its label (0)",
    )
    add(
        "--warm-up",
        type=_at_least(2),
        metavar="N",
        help="rows of the first fit (a tenth, at least one batch, at most 5000)",
    )
    add(
        "--out",
        type=Path,
        default=Path("skretrain-compare"),
        metavar="DIR",
        help="folder for the outputs (skretrain-compare)",
    )
    add(
        "--seeds",
        type=_at_least(1),
        default=1,
        metavar="N",
        help="run each policy with the seeds 0 to N - 1, and report mean and deviation (1)",
    )
    add(
        "--price",
        type=_price,
        metavar="P",
        help="what a refit costs, in errors (regression: in units of the target); adds the costs "
        "and names the policy that costs least",
    )
    add("--jobs", type=_at_least(1), default=1, metavar="N", help="processes (1)")


def main(arguments):
    """Run the command."""
    console = needed("rich.console").Console(highlight=False)
    # Before minutes are spent: what is missing, and what is in the way.
    needed("matplotlib").use("agg")
    out = _folder(arguments.out)
    history = _history(arguments)
    facts, notices = _facts(history, arguments), [*history.notices, *_limits(history.base)]
    _print_facts(console, facts, notices)
    outcomes = _run_all(console, history, arguments)
    baseline = no_change(history, label_delay=arguments.label_delay)
    with console.status("fitting the best schedules in hindsight"):
        comparison = compared(
            outcomes,
            history,
            batch=arguments.batch,
            label_delay=arguments.label_delay,
            price=arguments.price,
            seeds=arguments.seeds,
            jobs=arguments.jobs,
        )
    advice = None if arguments.price is None else comparison.recommend(arguments.price).text
    _print_answer(console, outcomes, baseline, history, advice)
    written = _write(out, outcomes, baseline, history, arguments, facts, notices, comparison)
    _say(console, f"\nWritten: {', '.join(map(str, written))}")


def _print_answer(console, outcomes, baseline, history, advice):
    metric = SCORES[history.task]
    print_table(console, outcomes, baseline, metric)
    _say(console, "")
    for text in _warnings(outcomes):
        _say(console, f"warning: {text}")
    _say(console, sentence(outcomes, metric))
    for remark in (advice, caution(outcomes, baseline)):
        if remark:
            _say(console, remark)


def _warnings(outcomes):
    for outcome in outcomes:
        for text, n in outcome.warned.items():
            yield f"{outcome.name}: {text} ({n} times)"


def _write(out, outcomes, baseline, history, arguments, facts, notices, comparison):
    metric, delay, price = SCORES[history.task], arguments.label_delay, arguments.price
    page, table, picture = (out / f for f in ("report.html", "compare.csv", "compare.png"))
    write_csv(table, outcomes, baseline, metric)
    title = f"{history.name}, predicting '{history.target}'"
    draw(picture, outcomes, history, label_delay=delay, title=f"{title}: {LOCATED}")
    write_page(
        page,
        title=f"Which retraining would have paid? {title}",
        sentence=sentence(outcomes, metric),
        advice=None if price is None else comparison.recommend(price).text,
        caution=caution(outcomes, baseline),
        outcomes=outcomes,
        baseline=baseline,
        metric=metric,
        facts=facts,
        notices=[*notices, *_warnings(outcomes)],
        figures=pictures(outcomes, history, comparison, label_delay=delay),
    )
    return page, table, picture


def _at_least(least):
    def rows(text):
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return value

    return rows


def _price(text):
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return price


def _folder(path):
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"--out {path} cannot be made a folder: {error.strerror}; name another."
        ) from error
    return path


def _history(arguments):
    sizes = {
        "estimator": arguments.estimator,
        "batch": arguments.batch,
        "warm_up": arguments.warm_up,
        "label_delay": arguments.label_delay,
    }
    if arguments.file is None:
        for option in ("target", "time"):
            if getattr(arguments, option) is not None:
                raise CommandError(
                    f"--{option} needs a FILE; without one the built-in stream is used, which has "
                    "its own."
                )
        return embedded_history(**sizes)
    table = read_table(arguments.file)
    if arguments.target is None:
        names = ", ".join(map(repr, table.columns[:30]))
        raise CommandError(f"--target is missing: which column is to be predicted? One of {names}.")
    return history_of(
        table,
        name=Path(arguments.file).name,
        target=arguments.target,
        time=arguments.time,
        task=arguments.task,
        **sizes,
    )


def _facts(history, arguments):
    """Return what is compared, by name."""
    n_rows, n_columns = history.table.shape
    last_seed = arguments.seeds - 1
    task = f"classification, {len(history.labels)} classes"
    facts = {
        "data": f"{history.name}: {n_rows:,} rows, {n_columns:,} columns to learn from",
        "target": f"{history.target}: {'regression' if history.task == 'regression' else task}",
        "columns": history.how,
        "model": " ".join(str(history.base).split()),
        "warm-up": f"first {history.warm_up:,} rows, on which the first model is fitted",
        "stream": f"batches of {arguments.batch:,} with a label delay of "
        f"{arguments.label_delay:,} rows",
        "seeds": "random_state 0" + (f" to {last_seed}" if last_seed else ""),
    }
    if len(history.drift_rows):
        facts["true drifts"] = f"at rows {', '.join(f'{row:,}' for row in history.drift_rows)}"
    return facts


def _limits(base):
    """Say which policies do less than their name promises."""
    learner = Learner(base)
    if learner.incremental:
        return
    why = learner.why_not or f"{type(base).__name__} has no partial_fit"
    yield (
        f"{why}: between alarms '{LOCATED}' does not learn each batch but refits as the rows since "
        "the drift double, and 'replay mix' refits every batch"
    )


def _print_facts(console, facts, notices):
    for name, text in facts.items():
        _say(console, f"{name + ':':<13} {text}")
    for notice in notices:
        _say(console, f"{'note:':<13} {notice}")
    _say(console, "")


def _run_all(console, history, arguments):
    """Run every policy; on a terminal with a progress bar, in a log with a line for each."""
    progress = needed("rich.progress")
    bar = progress.Progress(
        progress.TextColumn("{task.description:<20}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        refresh_per_second=4,  # drawing takes processor time from what is measured
    )
    with bar:
        task = bar.add_task("", total=arguments.seeds * len(POLICIES))

        def on_run(outcome):
            bar.update(task, advance=1, description=outcome.name)
            if not console.is_terminal:
                _say(console, f"replayed {outcome.name}: {outcome.cpu_seconds:.1f} s")

        return run_all(
            history,
            batch=arguments.batch,
            label_delay=arguments.label_delay,
            seeds=arguments.seeds,
            jobs=arguments.jobs,
            on_run=on_run,
        )


def _say(console, text):
    # Column and file names may hold brackets, which are markup to rich.
    console.print(text, markup=False, soft_wrap=not console.is_terminal)
