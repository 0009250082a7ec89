"""What each policy of ``compare_policies`` achieved on a history."""

import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..compose._learner import Learner
from ..metrics import Price
from ..model_selection._compare import (
    compared,
    compared_on_batches,
    default_policies,
    n_updates,
    specs_of,
)
from ..model_selection._matrix import MOST_FITS
from ._cut import newest_known
from ._errors import CommandError, as_sentence, needed, refusals
from ._losses import AbsoluteError, Cost
from ._metric import ACCURACY, ERROR
from ._price import times
from ._raw import way_out
from ._stream import Baselines

NEVER, LOCATED, WARM = "never", "since drift", "warm start"
NO_CHANGE, CONSTANT = "(no change)", {"classification": "(majority)", "regression": "(median)"}
BASELINES = (NO_CHANGE, *CONSTANT.values(), "(cheapest)", "(quantile)")

# Fits of what is replayed, per window and seed: a fit of the whole history takes long.
_FEWEST_FITS, _MOST_FITS = 50, 100
_FEWEST_PARTS = 4  # batches, or windows, of a history that is gone through again
_ROWS_FITTED = 1_000_000  # about as many in all on the whole past, half a history each
_NOT_KEPT = "memory: |Unable to cache"  # of this library, and of joblib


@dataclass
class Outcome:
    """What one policy achieved, and what it cost: with one seed, or on average over several.

    Attributes
    ----------
    name, what : str
        The policy.
    losses : ndarray of shape (n_seeds, n_scored)
        0 or 1, or the absolute error in units of the target, or what a row costs, per scored row.
        Where a schedule was replayed, batches add up, and the rows within a batch share evenly. By
        a score that is no mean over rows: what each window lacks. Empty where the policy is not
        possible.
    scores : ndarray of shape (n_seeds,) or None
        Such a score of each seed; higher is better.
    unit, worst : float
        Deviation of the target; 1 for classes. How many of it one row counts at the most where
        policies are told apart, or one outlier would hide every difference behind its own noise.
    kind : str
        How it was run, as in PolicyComparison.
    kappa : float or None
        ``kappa_temporal``, for classification.
    n_fits, n_updates, rows_fitted : float
        Fits from scratch, updates with a batch, rows that went into both.
    cpu_seconds : float
        Processor seconds of learning.
    cost, money : float or None
        Loss and refits in one number, where there is a price; and in money, where that is.
    result : PrequentialResult or None
        What was found with the first seed, if it was run live.
    refit_rows : ndarray of int
        Stream rows from which its refits, with the first seed, could serve.
    predicted : ndarray of shape (n_scored,) or None
        What was predicted, without a model.
    warned : Counter
        Warnings on the way.
    refusal : str
        Why there is nothing of the policy, such as that the model does not allow it; else empty.
    """

    name: str
    what: str
    losses: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    scores: np.ndarray | None = None
    unit: float = 1.0
    worst: float = 25.0
    kind: str = ""
    kappa: float | None = None
    n_fits: float = 0
    n_updates: float = 0
    rows_fitted: float = 0
    cpu_seconds: float = 0.0
    cost: float | None = None
    money: float | None = None
    result: Any = None
    refit_rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    predicted: np.ndarray | None = None
    warned: Counter = field(default_factory=Counter)
    refusal: str = ""

    @property
    def loss(self):
        """Mean loss per row, or minus the score: the lower, the better."""
        return float(self.by_seed.mean())

    @property
    def by_seed(self):
        """The same of each seed."""
        return self.losses.mean(axis=1) if self.scores is None else -self.scores

    @property
    def deviation(self):
        """Standard deviation of the loss between seeds; None for fewer than two."""
        in_units = self.by_seed / self.unit  # of which the squares are finite
        return self.unit * float(np.std(in_units, ddof=1)) if len(self.losses) > 1 else None


def run_all(history, metric, *, price, seeds, jobs, schedules=(), time_budget=None, **told):
    """Replay the history under every policy, in parallel; the numbers are those of one job.

    Parameters
    ----------
    history : History
        The stream.
    metric : Measured
        What they are compared by.
    price : float, Price or None
        What a refit costs, in errors, in units of the target or of costs; or in money.
    seeds : int
        Each policy is run with ``random_state`` 0 to ``seeds - 1``.
    jobs : int
        Processes.
    schedules : sequence of int or Duration, default=()
        Lengths from one refit to the next of further schedules.
    time_budget : float or None, default=None
        Seconds that there are.
    **told : callable
        ``on_run`` is told the name and the processor seconds of each live run as it ends, in any
        order, ``on_progress`` which share of them is done, and ``on_warning`` what cannot be kept.

    Returns
    -------
    outcomes : list of Outcome
        One for each policy.
    baselines : list of Outcome
        Repeating the newest known target, and the most frequent class, or the median, of the
        warm-up, or what else is the best of all constants there.
    comparison : PolicyComparison
        The same, for every price.
    """
    policies = {}

    def choose(step, stride, n_batches):
        found = default_policies(
            history.base,
            step,
            stride=stride,
            n_batches=n_batches,
            is_priced=price is not None,
            schedules=schedules,
        )
        if history.stream is not None:
            found = {name: it for name, it in found.items() if not _refits_on_all(it[0])}
        policies.clear()
        policies.update(found)
        return specs_of({name: policy for name, (policy, _) in policies.items()})

    comparison, warned, baselines = _compared(
        history,
        metric,
        choose,
        prices=_grid(price),
        seeds=seeds,
        n_jobs=jobs,
        time_budget=time_budget,
        **told,
    )
    baseline, usual = baselines
    outcomes, table = [], comparison.to_frame(price).set_index("policy")
    for name, (_, what) in policies.items():
        if name in comparison.left_out:
            outcomes.append(Outcome(name, "", refusal="takes longer than there is time for"))
            continue
        what = what.replace("errors", metric.summed)
        outcome = _outcome(table.loc[name], what, comparison, history, metric, price)
        outcome.warned = warned[name]
        outcomes.append(outcome)
    everyone = [*outcomes, baseline, usual]
    if metric is ACCURACY:
        for outcome in (one for one in everyone if not one.refusal):
            outcome.kappa = _kappa(outcome, baseline)
    if metric.metric is not None:
        for one in (baseline, usual):
            _rescore(one, comparison)
    if metric.is_of_any_size:  # what is little is told by that of never
        unit = abs(outcomes[0].loss) or 1.0
        for one in everyone:
            one.unit = unit
    if isinstance(metric.loss, Cost):
        for one in everyone:
            one.worst = np.inf  # no row is an outlier: the dearest mistakes are those that matter
    why_not = Learner(history.base).why_not
    if why_not:
        outcomes.append(Outcome(WARM, "", refusal=f"not possible: {why_not}"))
    return outcomes, [baseline, usual], comparison


def _refits_on_all(policy):
    return isinstance(policy, tuple) and policy[1] == "all"


def rolling_choice(comparison, price):
    """Return what it would have cost to follow the recommendation of the time, or None.

    Without a price, it is chosen by what is lost alone. A history of few parts has no other times.
    """
    if len(comparison.batch_losses(NEVER)[0]) < _FEWEST_PARTS:
        return None
    return comparison.rolling_choice(price=price or 0.0)


def _grid(price):
    """Return prices around the one that is asked for, which is in the middle; None is the usual."""
    if not price:
        return None
    if isinstance(price, Price):
        return [price if i == 4 else times(price, f) for i, f in enumerate(np.logspace(-1, 1, 9))]
    prices = price * np.logspace(-1, 1, 9)
    prices[4] = price
    return [float(f"{p:.2g}") if p != price else price for p in prices]


def _compared(history, metric, choose, *, on_run, on_warning=lambda text: None, **options):
    """Return the comparison, the warnings of each policy, and what takes no model."""
    warned, timing = defaultdict(Counter), history.timing

    def finished(run):
        warned[run.policy].update(run.warnings)
        run.result.estimator = None  # it may be large
        on_run(run.policy, run.result.fit_seconds, run.n_runs)

    scoring = metric.metric or ("accuracy" if metric is ACCURACY else _loss_of(history, metric))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the runs tell theirs
        warnings.filterwarnings("always", message=_NOT_KEPT)
        warnings.showwarning = lambda told, *_, **__: on_warning(_of_option(str(told)))
        try:
            if history.stream is not None:
                options |= {"scoring": scoring, "on_run": finished}
                comparison, baselines = _in_batches(history, metric, choose, **options)
            else:
                comparison = compared(
                    history.base,
                    history.X,
                    history.y,
                    choose,
                    timing,
                    history.times,
                    stride=-(-(len(timing.edges) - 2) // _most_fits(len(history.y))),
                    scoring=scoring,
                    on_run=finished,
                    params=history.params,
                    **options,
                )
                baselines = no_change(history, metric), constant(history, metric)
        except CommandError:  # of rows that are read on the way
            raise
        except refusals(is_own=history.is_own) as error:
            raise _failed(history, error) from error
    if metric is ERROR:
        comparison.unit = f"units of '{history.target}'"
    if metric.unit:
        comparison.unit = metric.unit
    return comparison, warned, baselines


def _in_batches(history, metric, choose, *, on_progress, time_budget, **options):
    """Return the comparison on a file that is gone through in batches, and the baselines."""
    stream, timing, loss = history.stream, history.timing, _loss_of(history, metric)
    name, value, what = _best_constant(history.y, history, metric)
    rules, n_rows = Baselines(value, loss, timing.label_delay), stream.n_rows
    n_batches = (n_rows - timing.start) // timing.step
    comparison = compared_on_batches(
        history.base,
        rules.watched(stream),
        choose,
        step=timing.step,
        label_delay=timing.label_delay,
        stride=-(-n_batches // min(_most_fits(n_rows), MOST_FITS)) or 1,
        on_progress=lambda n_gone: on_progress(min(n_gone / n_rows, 1.0)),
        **options,
    )
    labels = getattr(history.reader.coder, "labels", [])
    history.labels = np.array(labels, dtype=object)
    history.table = needed("pandas").concat([history.table, stream.newest()], ignore_index=True)
    texts = (NO_CHANGE, "repeat the newest known target"), (name, f"always {what}")
    both = zip(texts, reversed(rules.losses()), strict=True)
    return comparison, [_of_sums(*told, *sums, history) for told, sums in both]


def _of_sums(name, what, losses, n_rows, history):
    """Return what a rule without a model achieved, by what it lost on each batch."""
    there = n_rows > 0
    return Outcome(
        name=name,
        what=what,
        losses=(losses[there] / n_rows[there])[None],
        scores=np.array([-losses.sum() / n_rows.sum()]),
        unit=history.unit,
    )


def _most_fits(n_rows):
    """Return how many moments a schedule may refit at."""
    return min(max(2 * _ROWS_FITTED // n_rows, _FEWEST_FITS), _MOST_FITS)


def _of_option(text):
    """Return what is said of a folder of states, as said of the option that names it."""
    return f"--resume: {text.removeprefix('memory: ')}"


def _failed(history, error):
    """Return what the model refuses, such as negative numbers, as an error of the command."""
    if str(error).startswith("memory: '"):
        return CommandError(_of_option(str(error)))
    if str(error).startswith("memory: "):
        return CommandError(
            "--resume: the file is another than that of the run which was stopped; name another "
            "folder."
        )
    notes = getattr(error, "__notes__", [])
    if any(note.startswith("scoring:") for note in notes):
        return CommandError(
            f"--scoring is not defined on a part of the history: {as_sentence(error)} Choose "
            "another one."
        )
    live = [note for note in notes if note.startswith("under the policy")]
    where = live[0] if live else "under refits on a schedule"
    return CommandError(
        f"{type(history.base).__name__} failed {where}: {as_sentence(error)} "
        f"{way_out(is_raw=history.is_raw)}"
    )


# -- what was achieved -----------------------------------------------------------------------------


def _outcome(line, what, comparison, history, metric, price):
    """Return what a policy achieved, with the numbers of its line of the comparison's table."""
    name, kind = line.name, line["kind"]
    runs, is_live = comparison.results[name], kind == "live"
    parts, scores = parts_of(comparison, history), None
    if parts is not None:
        losses = comparison.batch_losses(name, price) / np.diff(parts)
        scores = comparison.scores(name, price) - float(metric is ACCURACY)
    else:
        losses = _row_losses(name, comparison, history, metric, price)
    cost = None if price is None else comparison.cost(name, price)
    return Outcome(
        name=name,
        what=what,
        losses=np.array(losses, dtype=float),
        scores=scores,
        unit=1.0 if comparison.windows is not None else history.unit,
        kind=kind,
        n_fits=line["n_fits"],
        n_updates=float(np.mean([n_updates(run) for run in runs])) if is_live else 0,
        rows_fitted=line["rows_fitted"],
        cpu_seconds=line["cpu_seconds"],
        cost=cost,
        money=price.to_money(cost) if isinstance(price, Price) else None,
        result=runs[0] if is_live else None,
        refit_rows=runs[0].refit_rows if is_live else _rows_of(runs[0], comparison),
    )


def parts_of(comparison, history):
    """Return the bounds of the parts of which there is one number each; None if of each row."""
    if history.stream is None:
        return comparison.windows
    edges = comparison.matrices[0].edges_[1:]
    return edges - edges[0]


def _rows_of(replay, comparison):
    chunks = [chunk for chunk, _ in replay.schedule[1:]]
    return comparison.matrices[0].edges_[chunks]


def _row_losses(name, comparison, history, metric, price):
    runs, is_live = comparison.results[name], comparison.kinds[name] == "live"
    return (
        [_loss_of(history, metric)(run.y_true, run.y_pred) for run in runs]
        if is_live and not comparison.n_unpredicted(name, price)
        else [
            _per_row(losses, metric, comparison) for losses in comparison.batch_losses(name, price)
        ]
    )


def _loss_of(history, metric):
    if metric.loss is not None:
        return metric.loss
    return np.not_equal if history.task == "classification" else AbsoluteError(history.unit)


def _per_row(batch_losses, metric, comparison):
    """Share the loss of each batch among its rows: errors as 0 and 1, all else evenly."""
    sizes = np.diff(comparison.matrices[0].edges_)[1:]
    if metric is not ACCURACY:
        return np.repeat(batch_losses / sizes, sizes)
    return np.concatenate(
        [np.diff(np.round(np.linspace(0, n, size + 1))) for n, size in zip(batch_losses, sizes)]
    )


def no_change(history, metric):
    """Return what repeating the newest known target would have achieved, at no cost."""
    newest = newest_known(history.timing, history.times, len(history.y))[history.warm_up :]
    # Of the first rows, no label may be known yet: then it is the usual one of the warm-up.
    known, predicted = newest >= 0, constant(history, metric).predicted.copy()
    predicted[known] = history.y[newest[known]]
    y = history.y[history.warm_up :][known]
    return Outcome(
        name=NO_CHANGE,
        predicted=predicted,
        what="repeat the newest known target",
        losses=np.array([_loss_of(history, metric)(y, predicted[known])], dtype=float),
        unit=history.unit,
    )


def constant(history, metric):
    """Return what the most frequent class of the warm-up, or its median, would have achieved.

    Where the loss of a row was asked for, it is what makes that least in the warm-up.
    """
    known, y = np.split(history.y, [history.warm_up])
    name, value, what = _best_constant(known, history, metric)
    losses = _loss_of(history, metric)(y, np.full(len(y), value))
    return Outcome(
        name=name,
        what=f"always {what}",
        losses=np.array([losses], dtype=float),
        unit=history.unit,
        predicted=np.full(len(y), value),
    )


def _best_constant(known, history, metric):
    """Return what to predict always, by the targets of the warm-up: its name, and in words."""
    name = CONSTANT[history.task]
    if metric.loss is not None:
        return metric.loss.constant(known)
    if history.task == "classification":
        return name, np.bincount(known).argmax(), "the most frequent class of the warm-up"
    return name, np.median(known), "the median of the warm-up"


def _rescore(outcome, comparison):
    """Replace errors by the score that policies are compared by."""
    served = comparison._measure.told(outcome.predicted)
    outcome.losses = served.losses[None] / np.diff(comparison.windows)
    outcome.scores, outcome.unit = np.array([served.score]), 1.0


def _kappa(outcome, baseline):
    """Return the share of the errors of the baseline that a policy avoids, on the same rows."""
    n_parts = baseline.losses.shape[1]
    errors = outcome.losses[:, -n_parts:].mean()
    if outcome.scores is not None and n_parts == outcome.losses.shape[1]:
        errors = outcome.loss  # batches differ in size
    if not baseline.loss:
        return 0.0 if not errors else -np.inf
    return float(1 - errors / baseline.loss)
