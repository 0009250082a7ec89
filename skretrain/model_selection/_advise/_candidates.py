"""The ways to answer new rows that can be tried: each makes a model, on growing subsamples."""

import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ...buffers import Rows
from ...buffers._base import joined, part_of
from ...compose._update import params_of_step
from ...drift._locate import locate_change, noise_bound
from ...policies import DistillingRefit, FullRefit, ReplayMix, RetrainContext, WarmStart
from ...policies._base import with_all_classes
from ...utils._costs import Stopwatch
from ...utils._losses import loss_per_row
from .._unreadable import readable_rows
from ._corrections import LEAST_OF_A_CLASS, corrections_for, fitted_line, shifted
from ._text import ACTIONS

_FIRST_ROWS = 1_000  # of the smallest subsample, where time is limited
_MOST_DOUBLINGS = 10
_START = "start"  # of a stage, before anything is tried
_LEAST_WINDOW = 20
_SURE_OF_CHANGE = 0.002  # ADWIN's own default
_HELD_OUT_TO_CHOOSE = 1 / 3  # of the rows that calibrations learn from


def split(rows, share):
    """Return the rows to learn from and the newest, which are held out."""
    n = len(rows.index)
    first = n - max(1, round(share * n))
    return part_of(rows, slice(first)), part_of(rows, slice(first, None))


class _NotPossible(Exception):
    """Why a candidate cannot be made; the message goes into the table."""


@dataclass
class _Trial:
    """One candidate on one subsample."""

    action: str
    model: Any = None
    n_rows: int = 0
    seconds: float = 0.0
    note: str = ""
    new: Any = None  # evaluations on the held-out rows of either period
    old: Any = None


@dataclass
class _Stage:
    """One subsample: the rows, the present model, and what was tried."""

    case: Any  # of `advise`: rows, learner, evaluator, seed
    share: float
    old: Rows
    new: Rows
    present: Any = None
    refitted: Any = None  # the present model fitted without the held-out old rows
    present_seconds: float = 0.0
    held_old: Rows | None = None  # what the present model can read of the rows held out,
    held_new: Rows | None = None
    readable_new: Rows | None = None  # and of those to learn from
    located: int | None = None  # position among all rows to learn from
    why_no_window: str = ""
    trials: list = field(default_factory=list)
    _rows: Any = None

    @property
    def n_rows(self):
        return len(self.old.index) + len(self.new.index)

    def context(self, champion, since=None, *, alarm=True):
        """Return what a policy would see that answers the new rows."""
        if self._rows is None:
            rows = joined(self.old, self.new)
            self._rows = rows._replace(index=np.arange(self.n_rows))
        details = {} if since is None else {"since": since}
        return RetrainContext.of(
            self.case.learner,
            champion,
            self._rows,
            n_new=len(self.new.index),
            alarm=alarm,
            classes=self.case.classes,
            number=1,
            seed=self.case.seed,
            **details,
        )


def stages_of(case):
    """Yield growing subsamples on which everything was tried, while there is time."""
    actions, budget = [action for action in ACTIONS if action != "collect_more"], case.budget
    for share in (shares := _shares(case)):
        budget.next_stage()
        if not budget.allows([_START, *actions]):
            return
        stage = _subsample(case, share)
        try:
            with budget.part(_START):
                _fit_present(stage)
                _leave_out_what_it_cannot_read(stage)
                _locate(stage)
        except Exception:
            if share < shares[-1]:  # a small subsample may lack what the whole has
                continue
            raise
        for n, action in enumerate(actions):
            if not budget.allows(actions[n:]):
                return
            with budget.part(action):
                stage.trials.append(_trial_of(stage, action))
        yield stage


def _shares(case):
    n, doublings = len(case.old.index) + len(case.new.index), 2
    if case.budget.is_limited and n > _FIRST_ROWS:
        doublings = min(max(2, math.ceil(math.log2(n / _FIRST_ROWS))), _MOST_DOUBLINGS)
    return [2.0**-k for k in range(doublings, -1, -1)]


def _subsample(case, share):
    """Return nested random rows of both periods, in the order of time."""
    rng = np.random.default_rng(case.seed)
    parts = []
    for rows in (case.old, case.new):
        n = len(rows.index)
        kept = np.sort(rng.permutation(n)[: max(2, math.ceil(share * n))])
        parts.append(rows if share == 1 else part_of(rows, kept))
    return _Stage(case, share, *parts)


def _fit_present(stage):
    case = stage.case
    with Stopwatch() as watch:
        try:
            stage.refitted = case.learner.fresh(stage.old, 0)
        except Exception as error:
            if not case.is_classifier or len(np.unique(stage.old.y)) > 1:
                raise
            raise ValueError(
                f"y_old: the rows to learn from are all {stage.old.y.tolist()[0]!r}, and "
                f"{type(case.learner.estimator).__name__} cannot be fitted on them ({error}). Pass "
                "older rows that show another class."
            ) from error
    stage.present_seconds = watch.cpu_seconds
    stage.present = stage.refitted if case.fitted is None else case.fitted


def _leave_out_what_it_cannot_read(stage):
    """Keep for the comparison what the present model can read: the others have no loss of its."""
    case = stage.case
    stage.held_old = _readable(stage, "old", case.held_old)
    stage.held_new = _readable(stage, "new", case.held_new)
    stage.readable_new = _readable(stage, "new", stage.new)


def _readable(stage, period, rows):
    for model in dict.fromkeys((stage.refitted, stage.present)):
        try:
            model.predict(rows.X)
        except Exception as error:
            readable = readable_rows(model.predict, rows.X)
            if not stage.case.can_be_learned or not (readable.any() or period == "new"):
                raise
            if not readable.any():
                raise ValueError(
                    f"X_{period}: the present model can read none of {len(readable):,} rows "
                    f"({type(error).__name__}: {_first_line(error)}), so that nothing compares "
                    "with it. Refit it on all rows, or bring new rows that it can read."
                ) from error
            rows = part_of(rows, np.flatnonzero(readable))
    return rows


def _locate(stage):
    """Find where the losses of the old model rise: rows that it has not learned, in time order."""
    case, n_before = stage.case, len(stage.held_old.index)
    losses = np.concatenate(
        [
            case.evaluator.evaluate(stage.refitted, rows).losses
            for rows in (stage.held_old, stage.readable_new)
        ]
    )
    if not case.is_classifier:
        losses = losses.argsort(kind="stable").argsort(kind="stable") / len(losses)
    position, gain = locate_change(losses)
    if gain <= noise_bound(losses, position, _SURE_OF_CHANGE):
        stage.why_no_window = "the old model's losses show no change beyond noise"
        return
    position = max(position - n_before, 0)  # among the new rows
    stage.located = int(stage.readable_new.index[position])
    position = int(stage.new.index.searchsorted(stage.located))
    left = len(stage.new.index) - position
    if position <= len(stage.new.index) // 20:
        stage.why_no_window = (
            "the change lies at the seam of the periods: the same as a refit on the new rows"
        )
    elif left < _LEAST_WINDOW:
        stage.why_no_window = f"only {left} rows to learn from follow the located change"


def _trial_of(stage, action):
    trial, make = _Trial(action), _MAKERS[action]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with Stopwatch() as watch:
                trial.model, trial.n_rows, trial.note = make(stage, stage.present)
            trial.seconds = watch.cpu_seconds
            _evaluate(stage, trial, make)
        except _NotPossible as reason:
            trial.note = f"not possible: {reason}"
        except Exception as error:  # one candidate may fail in any way; the others go on
            trial.note = f"failed: {type(error).__name__}: {_first_line(error)}"
    if trial.old is None:
        trial.new = None  # judged on both periods, or not at all
    if caught and trial.new is not None:
        warned = f"warned: {_first_line(caught[0].message)}"
        trial.note = "; ".join(filter(None, [trial.note, warned]))
    return trial


def _first_line(message):
    return next(iter(str(message).splitlines()), "no message")[:200]


def _evaluate(stage, trial, make):
    case = stage.case
    trial.new = case.evaluator.evaluate(trial.model, stage.held_new)
    loss = case.evaluator.loss(trial.new)
    if not math.isfinite(loss):
        raise ValueError(
            f"scoring: the {case.metric.name} is {-loss} on the {len(trial.new.y):,} held-out new "
            "rows; bring more new rows, or pass another scorer"
        )
    model = trial.model
    if stage.present is not stage.refitted and trial.action in _CONTINUE:
        model = make(stage, stage.refitted)[0]
    trial.old = case.evaluator.evaluate(model, stage.held_old)


def _keep(stage, champion):
    return champion, 0, ""


def _warm_start(stage, champion):
    learner = stage.case.learner
    if learner.why_not:
        raise _NotPossible(learner.why_not)
    # By partial_fit over the new rows; what is not incremental gets the same rows as its window.
    proposed = WarmStart(guard=False).propose(stage.context(champion, alarm=False))
    return _if_of_kind(proposed, "warm_start")


def _replay_mix(stage, champion):
    return _if_of_kind(ReplayMix().propose(stage.context(champion)), "replay_mix")


def _if_of_kind(candidate, kind):
    if candidate.kind != kind:
        raise _NotPossible(candidate.note)
    return candidate.model, candidate.n_rows, ""


def _fine_tune(stage, champion):
    if not isinstance(champion, Pipeline) or len(champion.steps) < 2:
        raise _NotPossible("only a pipeline has a last step that can be fitted alone")
    name, last = stage.case.learner.blank(1).steps[-1]
    context = stage.context(champion)
    rows = with_all_classes(context.window(since=context.since), context)
    params = params_of_step(champion, name, rows.params, "fit")
    last.fit(champion[:-1].transform(rows.X), rows.y, **params)
    return Pipeline([*champion.steps[:-1], (name, last)]), len(rows.index), ""


def _refit_new(stage, champion):
    return _refitted(stage, champion, None, len(stage.new.index))


def _refit_window(stage, champion):
    if stage.why_no_window:
        raise _NotPossible(stage.why_no_window)
    skipped = int(np.searchsorted(stage.new.index, stage.located))
    since = len(stage.old.index) + skipped
    return _refitted(stage, champion, since, len(stage.new.index) - skipped)


def _refitted(stage, champion, since, n_expected):
    candidate = FullRefit(min_rows=1).propose(stage.context(champion, since))
    more = candidate.n_rows - n_expected
    note = f"{more} older rows of classes that the window lacks were added" if more else ""
    return candidate.model, candidate.n_rows, note


def _refit_all(stage, champion):
    candidate = FullRefit("all").propose(stage.context(champion))
    return candidate.model, candidate.n_rows, ""


def _distill(stage, champion):
    policy = DistillingRefit(window="all", guard=False)
    try:
        policy.check(stage.case.learner)
    except ValueError as reason:
        raise _NotPossible(str(reason)) from reason
    candidate = policy.propose(stage.context(champion))
    return candidate.model, candidate.n_rows, candidate.note


def _recalibrate(stage, champion):
    rows = stage.readable_new
    options = _corrections(stage, champion)
    if len(options) > 1 and len(rows.index) >= 2 * LEAST_OF_A_CLASS:
        first, last = split(rows, _HELD_OUT_TO_CHOOSE)
        losses = {name: _loss_of(correct, champion, first, last) for name, correct in options}
        options = sorted(options, key=lambda option: losses[option[0]])
    for name, correct in options:
        model = correct(champion, rows)
        if model is not None:
            return model, len(rows.index), name
    raise _NotPossible("the present model's scores rank the wrong way round")


def _loss_of(correct, champion, first, last):
    model = correct(champion, first)
    return math.inf if model is None else float(loss_per_row(model, last.X, last.y).mean())


def _corrections(stage, champion):
    """Return the corrections that fit the model and the rows, as (name, function)."""
    if not stage.case.is_classifier:
        return [("shifted", shifted), ("a line", fitted_line)]
    options = corrections_for(champion, stage.old.y, stage.readable_new.y)
    if not options:
        raise _NotPossible("no probabilities, or too few rows of each class to calibrate scores")
    return options


_MAKERS = {
    "keep": _keep,
    "recalibrate": _recalibrate,
    "warm_start": _warm_start,
    "replay_mix": _replay_mix,
    "fine_tune": _fine_tune,
    "refit_new": _refit_new,
    "refit_window": _refit_window,
    "refit_all": _refit_all,
    "distill": _distill,
}
_CONTINUE = ("keep", "recalibrate", "warm_start", "replay_mix", "fine_tune", "distill")
CARRY_THE_OLD = ("warm_start", "replay_mix", "fine_tune")
NEW_ROWS_ALONE = ("refit_new", "refit_window")
FEWER_FLIPS = "distill"  # tried and shown beside the others, which it is as good as at best
