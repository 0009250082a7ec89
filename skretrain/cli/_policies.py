"""The retraining policies that are compared, in one table, and how each is run."""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, r2_score

from .. import DriftAwareRetrainer, ReplayPartialFit
from ..drift import Periodic
from ..metrics import kappa_temporal, no_change_predict
from ..model_selection import prequential_validate
from ..policies import FullRefit

NEVER, WINDOW, LOCATED = "never", "window", "drift-located refit"
NO_CHANGE = "(no change)"

# One base for all, so that only the policy differs: it must have partial_fit for the warm start.
# The penalty, ten times scikit-learn's, was picked by the scores on generated streams with linear
# concepts, and it decides who leads there: with scikit-learn's own the warm start is level with
# the drift-located refit or ahead of it, with ten times this one clearly behind.
BASES = {
    "classification": SGDClassifier(loss="log_loss", alpha=1e-3),
    "regression": SGDRegressor(),
}
SCORES = {"classification": "accuracy", "regression": "r2"}


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
    Policy("warm start", _warm_start, "update every batch, no drift detection"),
    Policy("replay mix", _replay, "update every batch, with as many remembered rows"),
)


@dataclass
class Outcome:
    """What one policy achieved, and what it cost.

    Attributes
    ----------
    name, what : str
        The policy.
    score : float
        Accuracy or R2.
    losses : ndarray of shape (n_scored,)
        One loss per scored row; ``score`` is 1 minus their mean.
    kappa : float or None
        ``kappa_temporal``, for classification.
    n_fits, n_updates, rows_fitted : int
        Fits from scratch, updates with a batch, rows that went into both.
    cpu_seconds : float
        Processor seconds of learning.
    result : PrequentialResult or None
        The evaluation, for the plot.
    warned : tuple of str
        Warnings on the way, each once with its count.
    """

    name: str
    what: str
    score: float
    losses: np.ndarray
    kappa: float | None = None
    n_fits: int = 0
    n_updates: int = 0
    rows_fitted: int = 0
    cpu_seconds: float = 0.0
    result: Any = None
    warned: tuple = ()


def run(policy, history, *, batch, label_delay, seed):
    """Replay the history under one policy."""
    retrainer = policy.make(BASES[history.task], batch, seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = prequential_validate(
            retrainer,
            history.X,
            history.y,
            scoring=SCORES[history.task],
            batch_size=batch,
            initial_size=history.warm_up,
            label_delay=label_delay,
        )
    times = Counter(f"{warning.category.__name__}: {warning.message}" for warning in caught)
    return Outcome(
        name=policy.name,
        what=policy.describe(batch),
        score=result.score,
        losses=_losses(history, result.y_true, result.y_pred),
        kappa=_kappa(history, result.y_pred, label_delay),
        n_fits=result.n_fits,
        n_updates=result.events.counts["updated"],
        rows_fitted=result.rows_fitted,
        cpu_seconds=result.fit_seconds,
        result=result,
        warned=tuple(f"{policy.name}: {text} ({n} times)" for text, n in times.items()),
    )


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
