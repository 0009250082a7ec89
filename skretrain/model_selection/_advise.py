"""Should the model be retrained? Try each way on held-out rows of both periods, and say."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base import seed_of
from ..buffers import Rows
from ..compose._learner import Learner
from ..compose._structure import is_fitted
from ..utils._containers import (
    PANDAS,
    POLARS,
    as_container,
    concat_rows,
    kind_of,
    n_rows,
    row_shape,
    to_kind_of,
)
from ..utils._labels import is_flat, is_missing, union_of_labels, unseen_labels
from ..utils._losses import task_of
from ..utils._params import check_number
from ._advice import Advice, Units, written
from ._candidates import CARRY_THE_OLD, NEW_ROWS_ALONE, split, tried_in_stages
from ._evidence import (
    CONFIDENCE,
    Interval,
    RowJudge,
    ScoreJudge,
    beyond_moved_inputs,
    forecast,
    input_shift,
    rounded_up,
    rows_to_tell,
    sensitivity,
    slope_per_doubling,
)
from ._stream import scorer_for

_LEAST_ROWS = 4
_HELD_OUT_OLD, _HELD_OUT_NEW = 1 / 4, 1 / 3
# A cheaper action must bring this share of the best gain: little data makes everything "tied".
_SHARE_OF_BEST = 0.75
_LEAST_POINTS = 0.02
_LEAST_TO_DECIDE = 20  # held-out new rows: a handful that agree may be a run of luck


def advise(
    estimator,
    X_old,
    y_old,
    X_new,
    y_new,
    *,
    price=None,
    scoring=None,
    time_budget=None,
    random_state=None,
):
    """Say whether a model should be retrained now that new labelled rows are there, and how.

    Each way to react is tried, from keeping the model to refitting it on everything, and judged on
    rows of both periods that no model has learned. One action comes back, with the numbers it
    rests on.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor for one target. Unfitted: it is fitted on the old rows as the
        present model. Fitted: it *is* the present model, and is never changed.
    X_old : array-like of shape (n_samples, n_features)
        Rows of the old period in the order of time: an array, a sparse matrix, a data frame, or a
        list of what the estimator takes.
    y_old : array-like of shape (n_samples,)
        Their targets.
    X_new : array-like of shape (n_samples, n_features)
        Rows of the new period, likewise.
    y_new : array-like of shape (n_samples,)
        Their targets.
    price : float or None, default=None
        What one refit on all rows costs, in the unit of the loss added up over rows: for a
        classifier, the number of errors that it would have to save. Cheaper actions cost their
        share of fitted rows, keeping and recalibrating nothing. The gain is counted over a coming
        period as long as the new one. None: no price.
    scoring : str, callable or None, default=None
        A scikit-learn scorer or its name; the loss is then minus the score. A callable is handed a
        record of the model's answers on the held-out rows, not the model. None: errors of a
        classifier, absolute residuals of a regressor, row by row.
    time_budget : float or None, default=None
        Seconds on the clock after which no larger subsample is tried; the smallest is always
        completed. None: no limit.
    random_state : int, RandomState instance or None, default=None
        Seed of the models whose own ``random_state`` is None, and of what is drawn here. None is
        0, so that two calls agree. An instance is left as it is.

    Returns
    -------
    advice : Advice
        The action, a table of what was tried, the evidence, and one paragraph in plain words.

    Raises
    ------
    TypeError
        If `estimator` is no estimator, or rows cannot be counted.
    ValueError
        If a parameter, the rows or the targets cannot be used; the message names it and the way
        out.
    Exception
        Whatever the present model raises when it is fitted on all the old rows it learns from.

    See Also
    --------
    prequential_validate : Test a retraining policy along a whole stream.

    Notes
    -----
    **Who is judged on what.** Held out are the newest third of the new rows and the newest quarter
    of the old rows. All candidates learn from the other rows alone. A fitted `estimator` may have
    learned the held-out old rows: everything on the old period is therefore measured on a clone
    fitted without them, and continued in the same way.

    **Candidates.** ``keep``; ``recalibrate`` (prior correction, sigmoid or isotonic calibration of
    the frozen model, whichever does best on the last third of the rows to learn from, increasing
    maps only; for a regressor a shift or a line); ``warm_start``, ``replay_mix`` as the policies of
    these names make them; ``fine_tune`` (only the last step of a pipeline is fitted anew);
    ``refit_new``; ``refit_window`` (the rows since the change that the losses of the old model show
    among the new rows, if it is not the seam of the periods); ``refit_all``. A candidate that
    fails, or is not possible, is a row of the table that says why.

    **Intervals.** The gain is the present model's loss minus the candidate's on the same rows: a
    paired t interval over rows, or, where a Ljung-Box test finds the differences autocorrelated,
    over blocks of about the root of n rows. Binary losses get half a pair of pseudo-rows each way
    [1]_. With `scoring`, the interval is a normal one with the deviation of 100 draws of rows or
    blocks. The intervals of the gains hold together at 95 % (Bonferroni over the candidates).

    **Decision.**

    1. *Eligible* is a candidate whose interval of the gain lies above zero and whose gain, over as
       many rows as the new period has, exceeds its price.
    2. *Tied with the best* are the eligible candidates that bring at least three quarters of the
       largest gain (after the price) and are not worse than it by a paired interval at 95 %.
    3. Where ``refit_new`` beats ``refit_all`` by such an interval, and the present model by that of
       its gain, the old rows are wrong; then ``warm_start``, ``replay_mix`` and ``fine_tune`` give
       way to a tied refit on new rows alone.
    4. The cheapest of the tied is advised, in a fixed order of work, since seconds vary:
       recalibrate; continuing by ``partial_fit`` and ``fine_tune``; refits and continued solvers on
       new rows, ``replay_mix``; ``refit_all``. Among equals, the one that forgets least.
    5. If none is eligible, the advice is ``keep``; but ``collect_more`` if the candidate with the
       largest gain is undecided: its interval reaches a gain that would matter and, taken by
       itself, lies above zero; or it is so wide that twice such a gain could be missed. What would
       matter is the price per row; without a price a quarter of the present model's loss, at
       least two points for errors; for a scorer a twentieth of the score. Fewer than 20 held-out
       new rows never decide anything else than ``collect_more``, unless nothing is to be gained.

    **Words.** That the relation between inputs and target has changed is said of old rows that are
    wrong if, besides, the old model's errors (of a regressor: residuals beyond the old median) have
    become more frequent by more than 2 AUC - 1, for the AUC with which inputs of both periods are
    told apart. By less, moved inputs alone may be the cause, for a model that does not fit all of
    their range; the old rows are then said to be wrong for this model.

    The forecast of seconds is a ridge on (rows, seconds) of the subsamples, for all rows given.

    References
    ----------
    .. [1] A. Agresti and Y. Min (2005). "Simple improved confidence intervals for comparing matched
       proportions". Statistics in Medicine 24(5), 729-740.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import advise
    >>> X, y, _ = make_drifting_classification(2000, drift_rows=[1000], random_state=0)
    >>> advice = advise(LogisticRegression(), X[:1000], y[:1000], X[1000:], y[1000:])
    >>> advice.action
    'refit_new'
    >>> round(advice.evidence["gains"]["refit_new"]["estimate"], 2)
    0.56
    """
    case = _case(estimator, X_old, y_old, X_new, y_new, price, scoring, time_budget, random_state)
    with warnings.catch_warnings():
        # Each candidate's own first warning is noted in the table.
        warnings.simplefilter("ignore")
        return _Verdict(case, tried_in_stages(case)).advice()


# -- what is given ---------------------------------------------------------------------------------


@dataclass
class _Case:
    """Everything that stays the same from subsample to subsample."""

    learner: Learner
    judge: RowJudge
    fitted: Any  # the model given, where it was fitted
    is_classifier: bool
    old: Rows
    new: Rows
    held_old: Rows
    held_new: Rows
    price: float | None
    scoring: Any
    time_budget: float | None
    seed: int

    @property
    def classes(self):
        if not self.is_classifier:
            return None
        return union_of_labels(np.unique(self.old.y), self.new.y)

    @property
    def n_old(self):
        return len(self.old.index) + len(self.held_old.index)

    @property
    def n_new(self):
        return len(self.new.index) + len(self.held_new.index)


def _case(estimator, X_old, y_old, X_new, y_new, price, scoring, time_budget, random_state):
    for name, amount, what in (
        ("price", price, "what one refit costs, in units of the loss"),
        ("time_budget", time_budget, "seconds, no limit if None"),
    ):
        check_number("advise", name, amount, least=0, what=what, otherwise=(None,))
    seed = _checked_seed(random_state)
    _check_scoring(scoring)
    learner = Learner(estimator, random_state=seed)  # refuses what is no estimator
    task = task_of(estimator)
    if task == "unsupervised":
        raise ValueError(
            f"estimator={estimator!r} is neither a classifier nor a regressor; advise compares "
            "losses on labelled rows. Pass one of them."
        )
    is_classifier = task == "classification"
    X_old, y_old = _checked_rows("old", X_old, y_old, is_classifier)
    X_new, y_new = _checked_rows("new", X_new, y_new, is_classifier)
    X_new = _checked_columns(X_old, X_new)
    if is_classifier:
        union_of_labels(np.unique(y_old), y_new)  # refuses text beside numbers
        _check_classes(estimator, y_old)
    old = Rows(X_old, y_old, {}, np.arange(len(y_old)))
    new = Rows(X_new, y_new, {}, np.arange(len(y_old), len(y_old) + len(y_new)))
    (old, held_old), (new, held_new) = split(old, _HELD_OUT_OLD), split(new, _HELD_OUT_NEW)
    judge = RowJudge(is_classifier)
    if scoring is not None:
        judge = ScoreJudge(is_classifier, scorer_for(estimator, scoring), seed)
    return _Case(
        learner=learner,
        judge=judge,
        fitted=estimator if is_fitted(estimator) else None,
        is_classifier=is_classifier,
        old=old,
        new=new,
        held_old=held_old,
        held_new=held_new,
        price=price,
        scoring=scoring,
        time_budget=time_budget,
        seed=seed,
    )


def _check_scoring(scoring):
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise ValueError(
            f"scoring={scoring!r} must be one scorer or its name, or None; ask for each score by "
            "itself."
        )


def _check_classes(estimator, y_old):
    """Refuse a fitted model that predicts none of the labels that the rows have."""
    known = getattr(estimator, "classes_", ())
    if not is_flat(known):
        return
    known = np.asarray(known)
    if len(unseen_labels(y_old, np.unique(known))) == len(np.unique(y_old)):
        raise ValueError(
            f"estimator={type(estimator).__name__} was fitted on the classes "
            f"{known.tolist()[:5]}, and y_old has none of them: {np.unique(y_old).tolist()[:5]}. "
            "Encode the targets as it was fitted, or pass it unfitted."
        )


def _checked_seed(random_state):
    try:
        return seed_of(random_state) or 0
    except ValueError as error:
        raise ValueError(
            f"random_state={random_state!r} must be a whole number of at least 0, a RandomState "
            "instance or None."
        ) from error


def _checked_rows(period, X, y, is_classifier):
    if y is None:
        raise ValueError(f"y_{period}=None: advise compares losses on labelled rows; pass targets.")
    X, y = _container(period, X), np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(
            f"y_{period} has the shape {y.shape}, but advise takes one target; ask for each target "
            "by itself."
        )
    if n_rows(X) != len(y):
        raise ValueError(
            f"X_{period} has {n_rows(X):,} rows and y_{period} {len(y):,} targets; pass one target "
            "for each row."
        )
    if len(y) < _LEAST_ROWS:
        raise ValueError(
            f"X_{period} has {len(y)} rows; at least {_LEAST_ROWS} are needed, since some of them "
            "are held out. Bring more rows."
        )
    missing = int(is_missing(y).sum())
    if missing:
        raise ValueError(
            f"y_{period} has {missing:,} missing or infinite value(s); leave out the rows without "
            "a target."
        )
    if is_classifier:
        _check_sortable(period, y)
        return X, y
    try:
        return X, y.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y_{period} holds {y.tolist()[0]!r}, which no regressor can predict; pass numbers, "
            "or a classifier."
        ) from error


def _container(period, X):
    try:
        X = as_container(X)
        n_rows(X)
    except TypeError as error:
        raise TypeError(
            f"X_{period} is a {type(X).__name__}, which has no rows to count; pass an array, a "
            "sparse matrix, a data frame or a list."
        ) from error
    names = list(X.columns) if kind_of(X) == PANDAS and X.ndim == 2 else []
    twice = sorted({name for name in names if names.count(name) > 1}, key=str)
    if twice:
        raise ValueError(
            f"X_{period} has more than one column named {', '.join(map(repr, twice))}; rename or "
            "drop all but one of each."
        )
    return X


def _check_sortable(period, y):
    try:
        np.unique(y)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in y.tolist()})
        raise ValueError(
            f"y_{period} mixes labels of the types {', '.join(kinds)}, which have no order; "
            "convert them to one type."
        ) from error


def _checked_columns(X_old, X_new):
    kinds = kind_of(X_old), kind_of(X_new)
    if all(
        kind in (PANDAS, POLARS) and len(X.shape) == 2
        for kind, X in zip(kinds, (X_old, X_new), strict=True)
    ):
        old, new = list(X_old.columns), list(X_new.columns)
        if set(old) != set(new):
            lacking, more = set(old) - set(new), set(new) - set(old)
            said = [
                f"{what} {sorted(columns, key=str)}"
                for what, columns in (("lacks the columns", lacking), ("has besides", more))
                if columns
            ]
            raise ValueError(
                f"X_new {' and '.join(said)}, compared with X_old; pass the same columns."
            )
        X_new = X_new[old]
    if row_shape(X_old) != row_shape(X_new):
        raise ValueError(
            f"X_new has rows of shape {row_shape(X_new)} and X_old of shape {row_shape(X_old)}; "
            "pass the same columns for both periods."
        )
    return to_kind_of(X_new, X_old)


# -- verdict ---------------------------------------------------------------------------------------


class _Verdict:
    """What the last subsample says: gains, forgetting, one action, and the evidence."""

    def __init__(self, case, stages):
        self.case, self.stages, self.last = case, stages, stages[-1]
        self.tries = {one.action: one for one in self.last.tries}
        self.done = {name: one for name, one in self.tries.items() if one.new is not None}
        if "keep" not in self.done:
            raise ValueError(
                f"estimator={type(case.fitted or case.learner.estimator).__name__} cannot be "
                f"judged on the held-out rows: {self.tries['keep'].note.rstrip('.')}."
            )
        self.present = self.done["keep"]
        self.others = [one for name, one in self.done.items() if name != "keep"]
        level = 1 - (1 - CONFIDENCE) / max(len(self.others), 1)
        gain = case.judge.gain
        self.gains = {o.action: gain(self.present.new, o.new, level) for o in self.others}
        self.forgetting = {
            o.action: _negated(gain(self.present.old, o.old, CONFIDENCE)) for o in self.others
        }
        self.few = len(case.held_new.index) < _LEAST_TO_DECIDE
        self.mislead = self._mislead()
        # Where the old model is better than both refits, old rows cannot be what is wrong.
        self.old_rows_are_wrong = bool(
            self.mislead is not None and self.mislead.low > 0 and self.gains["refit_new"].low > 0
        )
        self.matters = self._gain_that_matters()
        self.tied, self.more_rows = [], None

    def _mislead(self):
        """Return how much better a refit is without the old rows, as an Interval or None."""
        if self.few or not {"refit_new", "refit_all"} <= self.done.keys():
            return None
        both = [self.done[name].new for name in ("refit_all", "refit_new")]
        return self.case.judge.gain(*both, CONFIDENCE)

    def _gain_that_matters(self):
        case, loss = self.case, self.case.judge.loss(self.present.new)
        if case.price:
            return case.price / case.n_new
        if case.scoring is not None:
            return abs(loss) / 20
        return max(loss / 4, _LEAST_POINTS if case.is_classifier else 0.0)

    def action(self):
        """Decide, as the notes of advise say."""
        if self._is_settled() or not self.others:
            return "keep"
        eligible = [one for one in self.others if self._is_eligible(one)]
        if self.few or not eligible:
            return self._without_a_winner()
        best = max(eligible, key=self._net_gain)
        self.tied = [one for one in eligible if one is best or self._is_tied(one, best)]
        if self.old_rows_are_wrong:
            fresh = [one for one in self.tied if one.action in NEW_ROWS_ALONE]
            lingering = [one for one in self.tied if one.action in CARRY_THE_OLD]
            self.tied = [one for one in self.tied if not (fresh and one in lingering)]
        return min(self.tied, key=self._effort).action

    def _is_settled(self):
        """Tell whether nothing is to be gained: no loss, and nothing but one value to predict."""
        case = self.case
        targets = (rows.y for rows in (case.old, case.held_old, case.new, case.held_new))
        is_constant = len(np.unique(np.concatenate([np.unique(y) for y in targets]))) == 1
        return self.matters == 0 or (is_constant and not self.present.new.losses.any())

    def _is_eligible(self, one):
        return self.gains[one.action].low > 0 and self._net_gain(one) > 0

    def _net_gain(self, one):
        total = self.gains[one.action].estimate * self.case.n_new
        if not self.case.price or one.action == "recalibrate":
            return total
        return total - self.case.price * one.n_rows / self.last.n_rows

    def _is_tied(self, one, best):
        if self._net_gain(one) < _SHARE_OF_BEST * self._net_gain(best):
            return False
        return self.case.judge.gain(best.new, one.new, CONFIDENCE).high >= 0

    def _effort(self, one):
        by_part = self.case.learner.incremental
        work = {"recalibrate": 0, "fine_tune": 1, "warm_start": 1 if by_part else 2, "refit_all": 3}
        forgotten = self.case.judge.loss(one.old)
        order = ("refit_new", "refit_window", "replay_mix", "warm_start")
        place = order.index(one.action) if one.action in order else 0
        return work.get(one.action, 2), forgotten, place

    def _without_a_winner(self):
        best = max(self.others, key=lambda one: self.gains[one.action].estimate)
        gain, n_new = self.gains[best.action], self.case.n_new
        alone = self.case.judge.gain(self.present.new, best.new, CONFIDENCE)
        may_matter = gain.high > self.matters and alone.low > 0 >= gain.low
        is_wide = (gain.high - gain.low) / 2 > 2 * self.matters
        if not (self.few or may_matter or is_wide):
            return "keep"  # a gain that is sure but does not pay its price is no reason to wait
        more = rows_to_tell(gain, max(gain.estimate, self.matters), n_new)
        least = _LEAST_TO_DECIDE / _HELD_OUT_NEW - n_new
        self.more_rows = rounded_up(max(more, least) if math.isfinite(more) else 10 * n_new)
        return "collect_more"

    def advice(self):
        action = self.action()
        evidence = self._evidence()
        rows = [self._row(one) for one in self.tries.values()]
        units = Units(self.case.is_classifier, self.case.scoring)
        return Advice(action, rows, evidence, written(action, rows, evidence, units), units)

    def _row(self, one):
        row = {"action": one.action, "tried": one.new is not None}
        gain, lost = self.gains.get(one.action), self.forgetting.get(one.action)
        if one is self.present:
            gain = lost = Interval(0.0, 0.0, 0.0, 0.0, len(one.new.y))
        for name, interval in (("gain", gain), ("forgetting", lost)):
            for part in ("estimate", "low", "high"):
                column = name if part == "estimate" else f"{name}_{part}"
                row[column] = getattr(interval, part, math.nan)
        row["loss_new"] = self.case.judge.loss(one.new) if one.new else math.nan
        row["loss_old"] = self.case.judge.loss(one.old) if one.new else math.nan
        row["negative_flips"] = self._negative_flips(one) if one.new else math.nan
        row["rows"] = one.n_rows
        row["seconds"] = one.seconds if one.new else math.nan
        row["forecast_seconds"] = self._forecast(one) if one.new else math.nan
        return {**row, "note": one.note}

    def _negative_flips(self, one):
        """Return the share of rows that the present model has right and this one has wrong."""
        before, after = self.present.new.losses, one.new.losses
        if self.case.is_classifier:
            return float(((before == 0) & (after == 1)).mean())
        usual = before.mean()
        return float(((before <= usual) & (after > 2 * usual)).mean())

    def _forecast(self, one):
        past = [t for s in self.stages for t in s.tries if t.action == one.action and t.new]
        n_all = self.case.n_old + self.case.n_new
        full = one.n_rows / self.last.n_rows * n_all
        if not full:
            return 0.0
        return forecast([t.n_rows for t in past], [t.seconds for t in past], full)

    def _evidence(self):
        case, last = self.case, self.last
        on_new = self.present.new
        if last.present is not last.twin:
            on_new = case.judge.ask(last.twin, case.held_new.X, case.held_new.y)
        excess = case.judge.excess(self.present.old, on_new, CONFIDENCE)
        n_old = len(case.old.index)
        all_old, all_new = _joined(case.old, case.held_old), _joined(case.new, case.held_new)
        shift = input_shift(all_old, all_new, case.seed)
        beyond = beyond_moved_inputs(
            self.present.old, on_new, shift["high"], is_classifier=case.is_classifier
        )
        curve = self._curve()
        return {
            "rows": {
                "old": case.n_old,
                "new": case.n_new,
                "old_learned": len(last.old.index),
                "new_learned": len(last.new.index),
                "old_held_out": case.n_old - n_old,
                "new_held_out": len(case.held_new.index),
                "share": last.share,
            },
            "present": {
                "fitted": case.fitted is not None,
                "loss_old": case.judge.loss(self.present.old),
                "loss_new": case.judge.loss(self.present.new),
                "seconds": last.present_seconds,
            },
            "gains": {name: gain.as_dict() for name, gain in self.gains.items()},
            "input_shift": shift,
            "concept_shift": {
                **excess.as_dict(),
                "old_rows_mislead": None if self.mislead is None else self.mislead.as_dict(),
                "old_rows_are_wrong": self.old_rows_are_wrong,
                "inputs_may_explain": not beyond,
                "change_at_new_row": None if last.located is None else last.located - case.n_old,
            },
            "rows_needed": {**curve, "more_rows": self.more_rows},
            "sensitivity": sensitivity(
                last.present,
                case.held_old.X,
                case.held_new.X,
                shift["moved"],
                is_classifier=case.is_classifier,
                seed=case.seed,
            ),
            "decision": {
                "n_candidates": len(self.others),
                "gain_that_matters": self.matters,
                "price": case.price,
                "too_few_rows": self.few,
                "tied_with_best": [one.action for one in self.tied],
            },
        }

    def _curve(self):
        """Return how the refit on new rows improves with them."""
        curve = [
            (len(stage.new.index), self.case.judge.loss(one.new))
            for stage in self.stages
            for one in stage.tries
            if one.action == "refit_new" and one.new
        ]
        slope = slope_per_doubling(*zip(*curve, strict=True)) if curve else math.nan
        return {"curve": curve, "slope_per_doubling": slope}


def _negated(gain):
    """Return a gain as a loss."""
    low, high = -gain.high, -gain.low
    return Interval(-gain.estimate, low, high, gain.deviation, gain.n_rows, gain.block)


def _joined(first, last):
    return concat_rows([first.X, last.X])
