"""``skretrain compare``: replay a history under each retraining policy, and say which paid."""

from pathlib import Path
from time import perf_counter

from ..compose._learner import Learner
from ..model_selection._compare import default_policies
from ..utils._words import counted
from ._compare_rows import rows_and_metric
from ._console import (
    add_columns,
    add_missing,
    add_model,
    add_scoring,
    add_weight,
    open_console,
    say,
    say_facts,
    whole_number,
)
from ._costs import costs_in_words
from ._cut import in_rows, length, seconds
from ._errors import needed
from ._estimators import ESTIMATORS, code_in_working_folder, estimator_for
from ._losses import Cost
from ._memory import size
from ._outputs import Outputs, output_folder, without_options
from ._page import page
from ._pictures import draw, pictures
from ._policies import LOCATED, parts_of, rolling_choice, run_all
from ._price import price_of
from ._report import as_csv, print_table
from ._screen import ids_in_words
from ._sentence import (
    caution,
    has_paid,
    price_sentence,
    rolling_sentence,
    sentence,
    span_of,
    winner_of,
)
from ._weights import weights_in_words

_DESCRIPTION = """\
Replay a history under each of the usual retraining policies and say which of
them would have paid, at every price of a refit. Each row is predicted by the
model that would have served at that moment, and learned once its label is
known; only the first rows, the warm-up, are not scored. Without FILE, a
built-in stream is used whose concept changes at two known rows.
"""

_EPILOG = """\
policies (for the default --batch 100):
{policies}
  All use one model, and the same rows, batches and label delay. A policy that
  the model does not allow is a row of "-", with the reason below the table. The
  row (no change) repeats the newest known target, (majority) or (median) always
  predicts that of the warm-up. On more than 100 batches (of a long history,
  50) the intervals are longer. The two debts need a --price.

the price (--price):
  How many errors must one refit save to be worth it? The cost of a policy is
  its errors and the price of each refit after the first fit; an update is
  charged by its rows, as part of a refit on the whole past. Without --price,
  the answer says up to which price which policy costs least. In money: what a
  refit costs as such (refit=), an hour of CPU (cpu_hour=) or on the clock
  (hour=), a row that a new version decides otherwise (flip=), and what an error
  is worth (error=, by default 1). With --cost-matrix, mistakes count by what
  they cost, in the money of the price; by a score, what lacks to 1, by rows.
  The last sentence says what it would have cost to follow the advice of the
  time, month by month, or by twelfths of the rows.

models (--estimator):
{estimators}
  module:factory       an estimator of your own, or what returns one when called
                       without arguments; from the working folder as well, such
                       as mymodels:build or sklearn.naive_bayes:BernoulliNB
  --model FILE reads one that joblib.dump or pickle wrote. A pickle can run any
  code: load only files that you trust.

the file:
  .csv, .tsv, .parquet or .pq, or a folder of Parquet: its files in the order of
  the numbers in their names, where names such as month=5 are columns. Rows in
  time order, or with a column for --time. Numbers, categories, text,
  dates and missing values become numbers as skrub's tabular_pipeline encodes
  them for the model, learned from the warm-up only, so that nothing is known
  before its time. A linear classifier gets the words of texts, hashed, where it
  does better with them on the warm-up. A pipeline that reads columns by name
  gets them as they are (--raw). Columns that only tell the time or name the
  rows are left out, as are rows without a target. Rows of one --time know
  nothing of each other's labels: a batch goes on to the last of them.

outputs, in the folder --out:
  report.html    the answer, the table, what was done, and pictures, in one file
  compare.csv    the table, unrounded
  compare.png    score over time, with the alarms

examples:
  skretrain compare
  skretrain compare stream.csv --target y
  skretrain compare sales.parquet --target units --time day --label-delay 500
  skretrain compare pay.csv --target fraud --time day --label-time reported
  skretrain compare ratings.csv --target stars --task regression --out ratings
  skretrain compare stream.csv --target y --price 25
  skretrain compare stream.csv --target y --price refit=2,cpu_hour=0.5,error=0.1
  skretrain compare stream.csv --target y --estimator forest --seeds 5 --jobs 2
  skretrain compare stream.csv --target y --estimator mymodels:build --raw
  skretrain compare stream.csv --target y --cost-matrix "yes>no=9,no>yes=1"
"""

PAGE = (
    _DESCRIPTION,
    _EPILOG.format(
        policies="\n".join(
            f"  {name:<26}{what}"
            for name, (_, what) in default_policies(
                estimator_for("sgd", "classification"), 100
            ).items()
        ),
        estimators="\n".join(f"  {name:<20} {what}" for name, (what, _) in ESTIMATORS.items()),
    ),
)


def add_arguments(parser):
    """Declare the arguments of the command."""
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="table to replay, see below")
    add("--target", metavar="COL", help="column to predict; needed with FILE")
    add("--time", metavar="COL", help="column to sort by; it is not used as a feature")
    add_columns(add)
    add_missing(add)
    add(
        "--task",
        choices=["auto", "classification", "regression"],
        default="auto",
        help="auto: classification for text, true/false and at most 30 different whole numbers",
    )
    add_model(
        add,
        name="model to keep fresh",
        file="fitted or not, a blank one with its parameters is kept fresh, on the columns that it "
        "was fitted on, if these have names",
    )
    add_weight(add)
    add_scoring(add, "the policies")
    add(
        "--batch",
        type=length(1),
        metavar="N",
        help="rows per batch (100; of more than 20,000 rows a round number of which there are at "
        "most 200), or with --time a calendar period such as 1d",
    )
    add(
        "--label-delay",
        type=length(0),
        default=0,
        metavar="N",
        help="rows, or time such as 14d, between a prediction and its label (0)",
    )
    add(
        "--label-time",
        metavar="COL",
        help="instead, column that says when the label of each row came, on the clock of --time; "
        "empty is never. It is not used as a feature",
    )
    add(
        "--warm-up",
        type=length(2),
        metavar="N",
        help="rows, or time, of the first fit (a tenth, at least one batch, at most 5000)",
    )
    add(
        "--schedule",
        type=length(1),
        action="append",
        default=[],
        metavar="N",
        help="a further schedule, of a refit every so many rows, or by the calendar: daily, "
        "weekly, 3mo; may be given several times",
    )
    add(
        "--time-budget",
        type=seconds,
        metavar="TIME",
        help="about how long it may take, such as 5min: schedules then refit at fewer moments, and "
        "what takes longer than its share is left out",
    )
    add(
        "--max-memory",
        type=size,
        metavar="SIZE",
        help="about how much memory it may take, such as 500MB or 2GB: a file with more rows than "
        "there is room for is gone through in batches, or its last rows are read where what is "
        "asked for takes rows that are together",
    )
    add(
        "--resume",
        type=Path,
        metavar="DIR",
        help="folder in which what is finished is kept: the same call goes on from there after it "
        "was stopped; it holds pickles, so name only one that you trust",
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
        type=whole_number(1),
        default=1,
        metavar="N",
        help="run each policy with the seeds 0 to N - 1, and report mean and deviation (1)",
    )
    add(
        "--price",
        type=price_of,
        metavar="P",
        help="what a refit costs, in errors (regression: in units of the target; with "
        "--cost-matrix in its own), or in money, as refit=2,cpu_hour=0.5,error=0.1; adds the costs "
        "and names the policy that costs least",
    )
    add("--jobs", type=whole_number(1), default=1, metavar="N", help="processes (1)")


def main(arguments):
    """Run the command."""
    console = open_console()
    # Before minutes are spent: what is missing, and what is in the way.
    needed("matplotlib").use("agg")
    outputs = Outputs(output_folder(arguments.out))
    if arguments.resume is not None:
        output_folder(arguments.resume, "--resume")
    history, metric = rows_and_metric(arguments)
    facts = _facts(history, metric, arguments)
    notices = [*history.notices, *_limits(history)]
    say_facts(console, facts, notices)
    say(console, "")
    found = _run_all(console, history, metric, arguments)
    outcomes, baselines, comparison = found
    rolling = rolling_choice(comparison, arguments.price)
    answers = _answers(found, history, metric, arguments.price, rolling)
    print_table(console, outcomes, baselines, metric)
    say(console, "")
    for text in _warnings(outcomes, comparison, arguments.price):
        say(console, f"warning: {text}")
    for text in [*answers, *_hints(found, metric, arguments)]:
        say(console, text)
    _write(outputs, found, rolling, history, metric, arguments, facts, notices, answers)
    outputs.finish(console)


def _answers(found, history, metric, price, rolling):
    """Return what comes of it, sentence by sentence: the decision first."""
    outcomes, baselines, comparison = found
    where = span_of(history)
    if price is None:
        answers = [sentence(outcomes, metric, where)]
    else:
        told = comparison.recommend(price).text
        answers = [f"{where.rstrip(',')}, {told[0].lower()}{told[1:]}"]
        answers.append(sentence(outcomes, metric, f"By the {metric.name} alone"))
    remark = caution(outcomes, baselines, metric)
    if remark is not None:
        answers.append(remark)
    if metric.why:
        answers.append(
            f"The policies are compared by the {metric.name}, not by errors: {metric.why}."
        )
    # By another score, a price counts nothing that anyone has a feeling for; and where nothing has
    # paid, it would be a choice among what cannot be told apart.
    if metric.metric is None and (price is not None or has_paid(outcomes)):
        answers.append(price_sentence(comparison))
        if price is None:
            answers[-1] += " The price is what a refit must save to be worth it."
    if rolling is not None:
        answers.append(rolling_sentence(rolling, metric, price))
    return answers


def _hints(found, metric, arguments):
    """Yield what may be asked next, for those who can: a page has no options."""
    if arguments.price is None and metric.metric is None:
        yield "State your price of a refit with --price."
    if caution(*found[:2], metric) is None:
        return
    if isinstance(metric.loss, Cost):
        yield (
            "Models name the likeliest class, not the cheapest: tell yours the costs, with class "
            "weights or in a TunedThresholdClassifierCV."
        )
    elif arguments.label_time is not None:
        yield "State another measure with --scoring."
    else:
        yield "State how late labels come with --label-delay, or another measure with --scoring."


def _warnings(outcomes, comparison, price):
    if price is None:  # else the recommendation says it
        yield from comparison.gaps()
    if comparison.stride > 1:
        yield f"schedules could refit once in {comparison.stride} batches, not in each of them"
    for outcome in outcomes:
        for text, n in outcome.warned.items():
            yield f"{outcome.name}: {text} ({counted(n, 'time')})"


def _write(outputs, found, rolling, history, metric, arguments, facts, notices, answers):
    outcomes, baselines, comparison = found
    price = arguments.price
    title = f"{history.name}, predicting '{history.target}'"
    outputs.write("compare.csv", lambda: as_csv(outcomes, baselines, metric))
    figures = []
    for what, drawn in pictures(outcomes, history, metric, comparison, rolling, price=price):
        figures.append(outputs.made(f"the picture of {what}", drawn))
    outputs.write(
        "report.html",
        lambda: page(
            title=f"Which retraining would have paid? {title}",
            answers=answers,
            outcomes=outcomes,
            baselines=baselines,
            metric=metric,
            facts=facts,
            notices=without_options([*notices, *_warnings(outcomes, comparison, price)]),
            figures=[figure for figure in figures if figure is not None],
        ),
    )
    headline = f"{title}: {winner_of(outcomes).name}"
    windows = parts_of(comparison, history)
    outputs.write(
        "compare.png",
        lambda: draw(outcomes, history, metric, windows, title=headline),
    )


def _facts(history, metric, arguments):
    """Return what is compared, by name."""
    n_rows, n_columns = history.n_rows, history.table.shape[1]
    timing = history.timing
    last_seed = arguments.seeds - 1
    task = f"classification, {len(history.labels)} classes"
    facts = {
        "data": f"{history.name}: {n_rows:,} rows, {counted(n_columns, 'column')} to learn from",
        "target": f"{history.target}: {'regression' if history.task == 'regression' else task}",
        "compared by": metric.name,
        "columns": history.how,
        "model": " ".join(str(history.base).split()),
        "warm-up": f"first {history.warm_up:,} rows, on which the first model is fitted",
        "stream": f"batches of {in_rows(timing.step)} with {_lateness(history)}",
        "seeds": "random_state 0" + (f" to {last_seed}" if last_seed else ""),
    }
    if arguments.ids:
        facts["identifiers"] = ids_in_words(arguments.ids)
    if history.params:
        facts["weights"] = weights_in_words(arguments.sample_weight, [history.params])
        if history.stream is not None:
            facts["weights"] += f" (the range is that of the first {history.warm_up:,} rows)"
    if arguments.cost_matrix is not None:
        facts["costs"] = costs_in_words(metric.loss.matrix, history.labels)
    if len(history.drift_rows):
        facts["true drifts"] = f"at rows {', '.join(f'{row:,}' for row in history.drift_rows)}"
    return facts


def _lateness(history):
    if history.label_time is not None:
        return f"labels when {history.label_time!r} says"
    return f"a label delay of {in_rows(history.timing.label_delay)}"


def _limits(history):
    """Say which policies do something else than their name promises."""
    step, delay = history.timing.step, history.timing.label_delay
    if isinstance(step, int) and isinstance(delay, int) and delay % step:
        yield f"labels come in whole batches: {in_rows(-(-delay // step) * step)} late"
    learner = Learner(history.base)
    if learner.incremental:
        return
    why = learner.why_not or f"{type(history.base).__name__} has no partial_fit"
    yield (
        f"{why}: between alarms '{LOCATED}' does not learn each batch but refits as the rows since "
        "the drift double, and 'replay mix' refits every batch"
    )


def _run_all(console, history, metric, arguments):
    """Run every policy; on a terminal with a progress bar, in a log with a line for each."""
    progress = needed("rich.progress")
    bar = progress.Progress(
        progress.TextColumn("{task.description:<20}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[rate]} left"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        refresh_per_second=4,  # drawing takes processor time from what is measured
    )
    with bar:
        what = "refits on a schedule" if history.stream is None else "all policies"
        task, n_rows = bar.add_task(what, total=None, rate=""), history.n_rows
        told_at = _Tenths(console, n_rows)

        def on_run(name, seconds, n_runs):
            if not console.is_terminal:
                say(console, f"replayed {name}: {seconds:.1f} s")

        def on_progress(share):
            speed = bar.tasks[0].speed or 0.0  # of the history, under all these policies
            what = "live policies" if history.stream is None else "all policies"
            told = {"description": what, "rate": f"{speed:,.0f} rows/s,"}
            bar.update(task, completed=share * n_rows, total=n_rows, **told)
            if history.stream is not None and not console.is_terminal:
                told_at(share)

        return run_all(
            history,
            metric,
            price=arguments.price,
            seeds=arguments.seeds,
            jobs=arguments.jobs,
            schedules=arguments.schedule,
            time_budget=arguments.time_budget,
            memory=arguments.resume and arguments.resume / code_in_working_folder(),
            on_run=on_run,
            on_progress=on_progress,
            on_warning=lambda text: say(console, f"warning: {text}"),
        )


class _Tenths:
    """Says at each tenth of the rows how fast it goes, and what is left."""

    def __init__(self, console, n_rows):
        self.console, self.n_rows, self.first = console, n_rows, None

    def __call__(self, share):
        """Hear what share of the rows is done."""
        if self.first is None:  # some may have been done before
            self.first, self.begin, self.tenth = share, perf_counter(), int(10 * share)
        elif int(10 * share) > self.tenth:
            self.tenth, seconds = int(10 * share), perf_counter() - self.begin
            speed = (share - self.first) * self.n_rows / max(seconds, 1e-9)
            left = (1 - share) * self.n_rows / speed
            say(
                self.console,
                f"{10 * self.tenth} % of the rows, {speed:,.0f} rows/s, {left:,.0f} s left",
            )
