"""``skretrain init``: begin a daily job with a first model, fitted on a history."""

import json
from pathlib import Path

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from .._mixture import MixtureRetrainer
from .._retrainer._estimator import BaseRetrainer
from ..model_selection._compare import default_policies
from ..serving import PendingLabels, SegmentedRetrainer
from ..utils._clone import cloned
from ..utils._words import counted
from ._columns import check_column, sorted_by_time, target_values, task_of_column, with_target
from ._console import (
    Plain,
    add_missing,
    add_model,
    add_scoring,
    say_facts,
    whole_number,
)
from ._costs import cost_matrix, pairs_in
from ._encoding import encoder_fitted_on
from ._errors import CommandError, as_sentence, refusals
from ._estimators import (
    ESTIMATORS,
    estimator_for,
    in_unit_scale,
    model_in_file,
    task_of_model,
)
from ._files import read_tables
from ._history import as_they_are, learned_columns
from ._job import LOCK, STATE, VERSIONS, Job, digest_of
from ._lock import locked
from ._metric import metric_asked_for
from ._new_rows import AS_IT_COMES, features_of
from ._raw import columns_of, way_out
from ._screen import giveaways, out_of_order, screened, without_dropped
from ._step import add_wait
from ._tell import add_told, tell
from ._versions import forget

_POLICY = "keep or refit"

_DESCRIPTION = """\
Begin a daily job: fit a first model on HISTORY, and keep it in the folder STATE
with all that the job will learn. Each day, skretrain predict says what the
model makes of new rows, and skretrain step tests it on those whose target is
known, learns them, and retrains where that is due.
"""

_EPILOG = """\
policies, by the names that skretrain compare prints:
{policies}

models (--estimator):
{estimators}
  module:factory       an estimator of your own, or what returns one when called
                       without arguments
  --model FILE reads one that joblib.dump, pickle, skops or skretrain's save
  wrote. A blank copy of it is fitted on HISTORY; a fitted retrainer of
  skretrain goes on as it is, and HISTORY says only what the columns hold. A
  pickle can run any code: load only files that you trust.
  Any retrainer, a mixture say, keeps its own policy, and gets the table's own
  columns.

what mistakes cost (--cost-matrix):
  The score is then the cost per row; of two classes, with a model that gives
  probabilities, the one is predicted that costs less by them, and the model is
  refitted instead of updated batch by batch.

the folder:
  state.skretrain   everything, in one file that is whole or as it was before
  versions/         the models that served, for skretrain rollback
  predictions/      of the latest files, where there is an id
  log.jsonl         a line for each command
  It is read without asking what is in it: let nobody else write there.

examples:
  skretrain init churn/ 2024.csv --target churn --id customer
  skretrain init units/ sales.parquet --target units --time day
  skretrain init fraud/ payments.csv --target kind --estimator boosting \\
      --cost-matrix "fraud>ok=100,ok>fraud=5"
"""

PAGE = (
    _DESCRIPTION,
    _EPILOG.format(
        policies="\n".join(
            f"  {name:<20} {what}"
            for name, (policy, what) in default_policies(
                estimator_for("sgd", "classification"), 100
            ).items()
            if hasattr(policy, "fit")
        ),
        estimators="\n".join(f"  {name:<20} {what}" for name, (what, _) in ESTIMATORS.items()),
    ),
)


def add_arguments(parser):
    """Declare the arguments of the command."""
    add = parser.add_argument
    add("state", metavar="STATE", help="folder to make")
    add("history", metavar="HISTORY", help="table of labelled rows to begin with")
    add("--target", metavar="COL", required=True, help="column to predict")
    add("--time", metavar="COL", help="column to sort by; it is not used as a feature")
    add(
        "--id",
        metavar="COL",
        help="column that names each row, by which a late label finds it; it is not learned from",
    )
    for option, what in (("--drop", "leave out"), ("--keep", "learn from although it counts rows")):
        add(
            option,
            action="append",
            default=[],
            metavar="COL",
            help=f"column to {what}; may be given several times",
        )
    add_missing(add)
    add(
        "--task",
        choices=["auto", "classification", "regression"],
        default="auto",
        help="auto: that of the model, else classification for text, true/false and at most 30 "
        "different whole numbers",
    )
    add_model(add, name="model to keep fresh", file="see below")
    add(
        "--trusted",
        metavar="TYPES",
        type=lambda text: [name.strip() for name in text.split(",")],
        default=[],
        help="types that a --model in a file of skops may hold besides the usual ones, separated "
        "by commas",
    )
    add("--policy", metavar="NAME", help=f"when and how to retrain ({_POLICY})")
    add_scoring(add, "the days")
    add(
        "--max-pending",
        type=whole_number(1),
        default=100_000,
        metavar="N",
        help="rows that may wait for a label, and about as many that stay for corrections (100000)",
    )
    add("--seed", type=int, default=0, metavar="N", help="of all that is drawn (0)")
    add("--force", action="store_true", help="begin anew in a folder that holds a job")
    add_wait(add)
    add_told(add)


def main(arguments):
    """Run the command."""
    console = Plain()
    folder = Path(arguments.state)
    _check_free(folder, arguments.force)
    digest = digest_of("init", arguments.history)
    content, facts, notices = _begun(arguments, digest[:12])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"{folder} cannot be made a folder: {error.strerror}; name another."
        ) from error
    with locked(folder / LOCK, arguments.wait):
        _check_free(folder, arguments.force)
        forget(folder / VERSIONS)
        job = Job(folder, content)
        lines = [f"version {job.version} serves"]
        record = {
            "command": "init",
            "file": Path(arguments.history).name,
            "rows": content["n_history"],
            "rows_seen": job.model.n_samples_seen_,
        }
        job.commit(digest, {"code": 0, "lines": lines, "record": record})
        say_facts(console, facts, notices)
        tell(job, arguments, console, [*lines, json.dumps(job.last["record"])])


def _check_free(folder, is_forced):
    if (folder / STATE).exists() and not is_forced:
        raise CommandError(
            f"{folder} holds a job already; name another folder, or give --force to begin anew, "
            "and lose what that has learned."
        )


def _begun(arguments, began):
    """Return what a job begins with, and what is said of it."""
    notices, model = [], model_in_file(arguments)
    types = {} if arguments.id is None else {arguments.id: AS_IT_COMES}
    table = _history(arguments, model, types, notices)
    table = with_target(table, arguments.target, notices)
    if arguments.time is not None:
        table = sorted_by_time(table, arguments.time)[0]
    target, table = table[arguments.target], table.drop(columns=arguments.target)
    if model is None:
        task = task_of_column(target, arguments.task, notices)
    else:
        task = task_of_model(model, arguments.task)
    goes_on = _goes_on(model)
    y = target_values(target, task, model if goes_on else None)
    settings = {
        "target": arguments.target,
        "time": arguments.time,
        "id": arguments.id,
        "task": task,
        "missing": arguments.missing,
        "scoring": arguments.scoring,
        "positive": arguments.positive,
        "costs": None if arguments.cost_matrix is None else pairs_in(arguments.cost_matrix),
        "is_array": goes_on and not columns_of(model),
    }
    if arguments.time is None:
        notices.extend(out_of_order(table, arguments.keep))
    every = [*table.columns, *arguments.drop]
    retrainer, table, facts = _retrainer(arguments, model, table, y, settings, notices)
    settings["columns"] = list(table.columns)
    settings["left_out"] = [name for name in every if name not in settings["columns"]]
    codes = np.unique(y, return_inverse=True)[1] if task == "classification" else y
    notices.extend(giveaways(table, codes, task, len(y)))
    if not goes_on:
        _fit(retrainer, features_of(table, settings), y, facts)
    content = {
        "settings": settings,
        "types": types,
        "ledger": PendingLabels(retrainer, max_pending=arguments.max_pending),
        "results": {},
        "number": 0,
        "promoted": {"version": 0, "at": ""},
        "observes": False,
        "n_history": len(y),
        "began": began,
    }
    about = {
        "history": f"{Path(arguments.history).name}, {counted(len(y), 'row')}",
        "target": f"{arguments.target}: {task}, "
        f"{counted(len(table.columns), 'column')} to learn from",
    }
    return content, about | facts, notices


def _history(arguments, model, types, notices):
    """Return the table without the columns that options take out."""
    target, time, row_id = arguments.target, arguments.time, arguments.id
    keep, drop = arguments.keep, arguments.drop
    asked = [target, time, row_id, *keep, *drop, *columns_of(model)]
    [table] = read_tables(
        [arguments.history], notices, missing=arguments.missing, keep=asked, types=types
    )
    check_column(table, target, "--target")
    for option, name in (("--time", time), ("--id", row_id)):
        if name is not None:
            check_column(table, name, option)
            if name == target:
                raise CommandError(f"{option} {name!r} is the target; name another column.")
    ids = [] if row_id is None else [row_id]
    return without_dropped(table, drop, keep, target, time, ids)


# -- the model -------------------------------------------------------------------------------------


def _is_retrainer(model):
    return isinstance(model, BaseRetrainer | MixtureRetrainer)


def _goes_on(model):
    """Tell whether a model is a retrainer that has learned already."""
    if not _is_retrainer(model):
        return False
    try:
        check_is_fitted(model)
    except Exception:
        return False
    return True


def _retrainer(arguments, model, table, y, settings, notices):
    """Return the retrainer, the columns that it gets, and what is to be said of it."""
    task = settings["task"]
    base = estimator_for(arguments.estimator, task) if model is None else cloned(model)
    if isinstance(base, SegmentedRetrainer):
        raise CommandError(
            f"--model {arguments.model} holds a SegmentedRetrainer, which is a job by itself: in a "
            "script, SegmentedRetrainer(..., path=FILE).partial_fit(X, y) takes one day and saves "
            "all in FILE. Give a model for all rows, or the retrainer of one segment."
        )
    is_retrainer = _is_retrainer(base)
    every = table.columns
    table = screened(table, [*arguments.keep, *columns_of(model)], notices)
    taken = {"--target": arguments.target, "--time": arguments.time, "--drop": arguments.drop}
    taken["--id"] = arguments.id
    asked = arguments.raw or is_retrainer
    table, why = learned_columns(table, base, model, raw=asked, left_out=every, taken=taken)
    if is_retrainer and not (arguments.raw or columns_of(model)):
        why = "the model is a retrainer"
    facts = {"columns": as_they_are(table, why)}
    if is_retrainer:
        if arguments.policy is not None:
            option = "--estimator" if model is None else "--model"
            raise CommandError(f"--policy, and {option} holds a retrainer, which has its own.")
        retrainer = model if _goes_on(model) else base
        facts["model"] = _in_words(base)
        _check_measure(settings, retrainer, y)
        return retrainer, table, facts
    if why:
        estimator = base if model is not None else in_unit_scale(base)
    else:
        encoder, by = encoder_fitted_on(table, y, base)
        steps = [step for _, step in getattr(encoder, "steps", [("columns", encoder)])]
        estimator = make_pipeline(*steps, base if model is not None else in_unit_scale(base))
        facts["columns"] = f"encoded as numbers by {by}"
    _check_measure(settings, estimator, y)
    facts["model"] = _in_words(base)
    if settings["costs"] is not None:
        estimator, facts["threshold"] = _thresholded(estimator, settings["costs"], y)
    policies = {
        name: policy
        for name, (policy, _) in default_policies(estimator, 100).items()
        if hasattr(policy, "fit")
    }
    name = arguments.policy or _POLICY
    if name not in policies:
        raise CommandError(
            f"--policy {name!r} is not possible with this model; choose one of "
            f"{', '.join(policies)}."
        )
    facts["policy"] = name
    return cloned(policies[name]).set_params(random_state=arguments.seed), table, facts


def _in_words(model):
    return " ".join(str(model).split())


def _check_measure(settings, model, y):
    """Refuse what the days cannot be judged by; a score is about one class on all of them."""
    if settings["task"] == "classification" and settings["scoring"] and not settings["positive"]:
        classes, counts = np.unique(y, return_counts=True)
        settings["positive"] = str(classes[counts.argmin()])
    options = {name: settings[name] for name in ("scoring", "positive", "costs")}
    metric_asked_for(settings["task"], model, y, **options)


def _thresholded(estimator, costs, y):
    """Return a model that names the class that costs less, and its threshold in words."""
    classes = np.unique(y)
    if len(classes) != 2 or not hasattr(estimator, "predict_proba"):
        why = "of more than two classes" if len(classes) != 2 else "without probabilities"
        return estimator, f"none, {why}: the costs judge the model, and do not change it"
    matrix = cost_matrix(costs, classes.tolist())
    # What it costs more to be wrong than to be right, about either class (Elkan, 2001).
    first, second = matrix[0, 1] - matrix[0, 0], matrix[1, 0] - matrix[1, 1]
    if min(first, second) <= 0:
        raise CommandError(
            "--cost-matrix makes it cheaper to be wrong than to be right about a class; then no "
            "model is needed. Check the costs."
        )
    threshold = float(first / (first + second))
    model = FixedThresholdClassifier(
        estimator, threshold=threshold, pos_label=classes[1], response_method="predict_proba"
    )
    # It is told of the class that costs more to miss.
    name, least = classes[1], threshold
    if threshold > 0.5:
        name, least = classes[0], 1 - threshold
    return model, f"{name} from a probability of {least:.4g} on, by the costs"


def _fit(retrainer, X, y, facts):
    """Fit the first model, or raise CommandError."""
    try:
        retrainer.fit(X, y)
    except refusals(is_own=True) as error:  # the model may be the user's own
        is_raw = "as they are" in facts["columns"]
        raise CommandError(
            f"the first fit failed: {as_sentence(error)} {way_out(is_raw=is_raw)}"
        ) from error
