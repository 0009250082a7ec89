"""``skretrain compare``: replay a history under each retraining policy, and say which paid."""

import argparse
from pathlib import Path

from ._errors import CommandError, needed
from ._files import read_table
from ._history import embedded_history, history_of
from ._policies import BASES, POLICIES, SCORES, no_change, run
from ._report import draw, print_table, write_csv
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
  All use one model, a linear one trained by stochastic gradient descent, the
  same rows, batches and label delay. The row (no change) repeats the newest
  known target.

the file:
  Rows in time order, or with a column for --time. Numbers are used as they are
  (missing: median of the warm-up), dates as seconds, text by one column per
  value. Scales, medians and values are those of the warm-up, so that nothing
  is known before its time. Rows without a target are left out.

outputs, in the folder --out:
  compare.csv    the table, unrounded
  compare.png    score over time, with the alarms

examples:
  skretrain compare
  skretrain compare stream.csv --target y
  skretrain compare sales.parquet --target units --time day --label-delay 500
  skretrain compare ratings.csv --target stars --task regression --out ratings
"""

PAGE = (
    _DESCRIPTION,
    _EPILOG.format(
        policies="\n".join(f"  {policy.name:<20} {policy.describe(100)}" for policy in POLICIES)
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
    add("--seed", type=_at_least(0), default=0, metavar="N", help="seed of everything drawn (0)")


def main(arguments):
    """Run the command."""
    console = needed("rich.console").Console(highlight=False)
    # Before minutes are spent: what is missing, and what is in the way.
    needed("matplotlib").use("agg")
    out = _folder(arguments.out)
    history = _history(arguments)
    _print_facts(console, history, arguments)
    outcomes = _run_all(console, history, arguments)
    baseline = no_change(history, label_delay=arguments.label_delay)
    metric = SCORES[history.task]
    print_table(console, outcomes, baseline, metric)
    _say(console, "")
    for text in (text for outcome in outcomes for text in outcome.warned):
        _say(console, f"warning: {text}")
    _say(console, sentence(outcomes, metric))
    if remark := caution(outcomes, baseline):
        _say(console, remark)
    write_csv(out / "compare.csv", outcomes, baseline, metric)
    title = f"{history.name}, predicting '{history.target}': drift-located refit"
    draw(out / "compare.png", outcomes, history, label_delay=arguments.label_delay, title=title)
    _say(console, f"\nWritten: {out / 'compare.csv'}, {out / 'compare.png'}")


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
        return embedded_history(seed=arguments.seed, **sizes)
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


def _print_facts(console, history, arguments):
    n_rows, n_features = history.X.shape
    model = type(BASES[history.task]).__name__
    task = f"{history.n_classes} classes" if history.n_classes else "regression"
    _say(console, f"{history.name}: {n_rows:,} rows, {n_features:,} features, {task}")
    for notice in history.notices:
        _say(console, f"note: {notice}")
    _say(
        console,
        f"{model}, fitted on the first {history.warm_up:,} rows, then batches of "
        f"{arguments.batch:,} with a label delay of {arguments.label_delay:,} rows",
    )
    if len(history.drift_rows):
        drifts = ", ".join(f"{row:,}" for row in history.drift_rows)
        _say(console, f"true drifts at rows {drifts}")
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
    outcomes = []
    with bar:
        task = bar.add_task("", total=len(POLICIES))
        for policy in POLICIES:
            bar.update(task, description=policy.name)
            outcome = run(
                policy,
                history,
                batch=arguments.batch,
                label_delay=arguments.label_delay,
                seed=arguments.seed,
            )
            outcomes.append(outcome)
            bar.advance(task)
            if not console.is_terminal:
                _say(console, f"replayed {policy.name}: {outcome.cpu_seconds:.1f} s")
    return outcomes


def _say(console, text):
    # Column and file names may hold brackets, which are markup to rich.
    console.print(text, markup=False, soft_wrap=not console.is_terminal)
