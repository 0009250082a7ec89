"""The retraining policies that are compared, in one table, and how each is run."""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.parallel import Parallel, delayed

from .. import DriftAwareRetrainer, ReplayPartialFit
from ..compose._learner import Learner
from ..drift import Periodic
from ..metrics import kappa_temporal, no_change_predict
from ..model_selection import prequential_validate
from ..policies import FullRefit
from ._errors import CommandError, first_line

NEVER, WINDOW, LOCATED, WARM = "never", "window", "drift-located refit", "warm start"
NO_CHANGE = "(no change)"

SCORES = {"classification": "accuracy", "regression": "r2"}
# Not the estimator: it may be large, and comes from another process.
_KEPT = (
    "rows",
    "y_true",
    "y_pred",
    "batch_rows",
    "fit_seconds",
    "n_fits",
    "rows_fitted",
    "events",
)


@dataclass(frozen=True)
class Policy:
    """One way to keep a model fresh.

    Attributes
    ----------
    name : str
        As in the table.
    make : callable
        ``make(base, batch, seed)`` returns the retrainer.
    what : str
        What it does, in one line; ``{every}`` and ``{rows}`` are filled with numbers of rows.
    """

    name: str
    make: Callable
    what: str

    def describe(self, batch):
        """Return what the policy does at this batch size."""
        return self.what.format(rows=f"{10 * batch:,}")


def _never(base, batch, seed):
    # Without dry_run a class that appears later would be learned.
    return DriftAwareRetrainer(base, detector=None, update=None, dry_run=True, random_state=seed)


def _periodic(base, batch, seed):
    return DriftAwareRetrainer(
        base,
        detector=Periodic(every=10 * batch),
        update=None,
        policy=FullRefit("all", grow=False),
        random_state=seed,
    )


def _window(base, batch, seed):
    return DriftAwareRetrainer(
        base,
        detector=Periodic(every=batch),
        update=None,
        policy=FullRefit(10 * batch, grow=False),
        random_state=seed,
    )


def _located(base, batch, seed):
    return DriftAwareRetrainer(base, random_state=seed)


def _warm_start(base, batch, seed):
    return DriftAwareRetrainer(base, detector=None, update="warm_start", random_state=seed)


def _replay(base, batch, seed):
    return ReplayPartialFit(base, random_state=seed)


# To compare one more policy, add a row.
POLICIES = (
    Policy(NEVER, _never, "the model of the warm-up serves for ever"),
    Policy("periodic", _periodic, "every {rows} rows, refit on all (at most 10,000)"),
    Policy(WINDOW, _window, "every batch, refit on the last {rows} rows"),
    Policy(LOCATED, _located, "update every batch; alarm: refit on rows since the drift"),
    Policy(WARM, _warm_start, "update every batch, no drift detection"),
    Policy("replay mix", _replay, "update every batch, with as many remembered rows"),
)


@dataclass
class Outcome:
    """What one policy achieved, and what it cost: with one seed, or on average over several.

    Attributes
    ----------
    name, what : str
        The policy.
    score : float or None
        Accuracy or R2; None where the policy is not possible.
    losses : ndarray of shape (n_scored,)
        One loss per scored row; ``score`` is 1 minus their mean.
    kappa : float or None
        ``kappa_temporal``, for classification.
    n_fits, n_updates, rows_fitted : int or float
        Fits from scratch, updates with a batch, rows that went into both.
    cpu_seconds : float
        Processor seconds of learning.
    scores : tuple of float
        The score of each seed.
    results : tuple of namespace
        What prequential_validate found with each seed, but for the estimator.
    cost : float or None
        Loss and refits in one number, where there is a price.
    warned : Counter
        Warnings on the way.
    refusal : str
        Why the policy is not possible with this model; else empty.
    """

    name: str
    what: str
    score: float | None
    losses: np.ndarray = field(default_factory=lambda: np.empty(0))
    kappa: float | None = None
    n_fits: float = 0
    n_updates: float = 0
    rows_fitted: float = 0
    cpu_seconds: float = 0.0
    scores: tuple = ()
    results: tuple = ()
    cost: float | None = None
    warned: Counter = field(default_factory=Counter)
    refusal: str = ""

    @property
    def result(self):
        """What was found with the first seed, for the pictures; None where there is none."""
        return self.results[0] if self.results else None

    @property
    def deviation(self):
        """Standard deviation of the score between seeds; None for fewer than two."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else None


def run_all(history, *, batch, label_delay, seeds, jobs, on_run):
    """Replay the history under every policy, in parallel; the numbers are those of one job.

    Parameters
    ----------
    history : History
        The stream.
    batch, label_delay : int
        Rows per batch; rows between a prediction and its label.
    seeds : int
        Each policy is run with ``random_state`` 0 to ``seeds - 1``.
    jobs : int
        Processes.
    on_run : callable
        Told the outcome of each run as it ends, in any order.

    Returns
    -------
    outcomes : list of Outcome
        One for each policy, in the order of the table.
    """
    grid = [(policy, seed) for policy in POLICIES for seed in range(seeds)]
    workers = Parallel(
        n_jobs=jobs,
        return_as="generator_unordered",
        max_nbytes=None,  # arrays mapped from a file would be gone when the results come back
    )
    options = {"batch": batch, "label_delay": label_delay}
    done = {}
    for key, outcome in workers(delayed(_run_one)(*key, history, options) for key in grid):
        done[key] = outcome
        on_run(outcome)
    return [_averaged([done[policy.name, seed] for seed in range(seeds)]) for policy in POLICIES]


def _run_one(policy, seed, history, options):
    return (policy.name, seed), run(policy, history, seed=seed, **options)


def _averaged(outcomes):
    first = outcomes[0]
    if first.refusal or len(outcomes) == 1:
        return first
    names = ("score", "losses", "n_fits", "n_updates", "rows_fitted", "cpu_seconds")
    means = {name: np.mean([getattr(o, name) for o in outcomes], axis=0) for name in names}
    if first.kappa is not None:
        means["kappa"] = np.mean([o.kappa for o in outcomes])
    scores = tuple(o.score for o in outcomes)
    results = sum((o.results for o in outcomes), ())
    warned = sum((o.warned for o in outcomes), Counter())
    return replace(first, **means, scores=scores, results=results, warned=warned)


def run(policy, history, *, batch, label_delay, seed):
    """Replay the history under one policy with one seed."""
    what = policy.describe(batch)
    why_not = Learner(history.base).why_not
    if policy.name == WARM and why_not:
        return Outcome(policy.name, what, None, refusal=why_not)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = _replayed(policy, history, batch, label_delay, seed)
    return Outcome(
        name=policy.name,
        what=what,
        score=result.score,
        losses=_losses(history, result.y_true, result.y_pred),
        kappa=_kappa(history, result.y_pred, label_delay),
        n_fits=result.n_fits,
        n_updates=_updates(result),
        rows_fitted=result.rows_fitted,
        cpu_seconds=result.fit_seconds,
        scores=(result.score,),
        results=(SimpleNamespace(**{name: getattr(result, name) for name in _KEPT}),),
        warned=Counter(f"{warning.category.__name__}: {warning.message}" for warning in caught),
    )


def _updates(result):
    counts = result.events.counts
    # A model that cannot be continued is refitted in an update: that is one of the fits.
    return counts["updated"] - (result.n_fits - counts["retrained"] - counts["rejected"])


def _replayed(policy, history, batch, label_delay, seed):
    try:
        return prequential_validate(
            policy.make(history.base, batch, seed),
            history.X,
            history.y,
            scoring=SCORES[history.task],
            batch_size=batch,
            initial_size=history.warm_up,
            label_delay=label_delay,
        )
    except (TypeError, ValueError) as error:
        # What the model itself refuses, such as negative numbers.
        raise CommandError(
            f"{type(history.base).__name__} failed under the policy {policy.name!r}: "
            f"{first_line(error)} Choose another --estimator, or put what it needs before it in a "
            "pipeline."
        ) from error


def no_change(history, *, label_delay):
    """Return what repeating the newest known target would have achieved, at no cost."""
    y = history.y[history.warm_up :]
    rows, repeated = no_change_predict(
        y, label_delay=label_delay, y_previous=history.y[: history.warm_up]
    )
    classifies = history.task == "classification"
    score = accuracy_score if classifies else r2_score
    return Outcome(
        name=NO_CHANGE,
        what="repeat the newest known target",
        score=float(score(y[rows], repeated)),
        losses=_losses(history, y[rows], repeated),
        kappa=0.0 if classifies else None,
    )


def _losses(history, y_true, y_pred):
    if history.task == "classification":
        return (y_true != y_pred).astype(float)
    return (y_true - y_pred) ** 2 / (y_true.var() or 1.0)


def _kappa(history, y_pred, label_delay):
    if history.task == "regression":
        return None
    known, rest = np.split(history.y, [history.warm_up])
    return kappa_temporal(rest, y_pred, label_delay=label_delay, y_previous=known)
