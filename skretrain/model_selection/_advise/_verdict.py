"""What the trials say: gains, forgetting, one action, and the evidence for it."""

import math

import numpy as np

from ...metrics import Price
from ...metrics._forgetting import negative_flips
from ...utils._containers import concat_rows
from ._advice import Advice
from ._batches import losses_of_batches
from ._candidates import CARRY_THE_OLD, FEWER_FLIPS, NEW_ROWS_ALONE
from ._case import HELD_OUT_NEW
from ._charges import charge_of
from ._evidence import (
    CONFIDENCE,
    Interval,
    beyond_moved_inputs,
    forecast,
    rounded_up,
    rows_to_tell,
    slope_per_doubling,
)
from ._inputs import input_shift, sensitivity
from ._text import Units, written

# A cheaper action must bring this share of the best gain: little data makes everything "tied".
_SHARE_OF_BEST = 0.75
_LEAST_POINTS = 0.02
_LEAST_TO_DECIDE = 20  # held-out new rows: a handful that agree may be a run of luck
_LEAST_TO_COLLECT = 40  # so that what is asked for does not lie at that border again


class Verdict:
    """What the last subsample says: gains, forgetting, one action, and the evidence."""

    def __init__(self, case, stages):
        self.case, self.stages, self.last = case, stages, stages[-1]
        self.trials = {trial.action: trial for trial in self.last.trials}
        self.done = {name: trial for name, trial in self.trials.items() if trial.new is not None}
        if "keep" not in self.done:
            raise ValueError(
                f"estimator={type(case.fitted or case.learner.estimator).__name__} cannot be "
                f"judged on the held-out rows: {self.trials['keep'].note.rstrip('.')}."
            )
        self.present = self.done["keep"]
        aside = ("keep", FEWER_FLIPS)
        self.others = [trial for name, trial in self.done.items() if name not in aside]
        self.level = level = 1 - (1 - CONFIDENCE) / max(len(self.others), 1)
        gain = case.evaluator.gain
        self.gains, self.forgetting = {}, {}
        for trial in self.done.values():
            if trial is not self.present:
                at = level if trial in self.others else CONFIDENCE
                self.gains[trial.action] = gain(self.present.new, trial.new, at)
                lost = gain(self.present.old, trial.old, CONFIDENCE)
                self.forgetting[trial.action] = _negated(lost)
        self.few = len(self.last.held_new.index) < _LEAST_TO_DECIDE
        self.mislead = self._mislead()
        # Where the old model is better than both refits, old rows cannot be what is wrong.
        self.old_rows_are_wrong = bool(
            self.mislead is not None and self.mislead.low > 0 and self.gains["refit_new"].low > 0
        )
        self.price = self._full_price()
        self.matters = self._gain_that_matters()
        self.tied, self.more_rows = [], None

    def _mislead(self):
        """Return how much better a refit is without the old rows, as an Interval or None."""
        if self.few or not {"refit_new", "refit_all"} <= self.done.keys():
            return None
        both = [self.done[name].new for name in ("refit_all", "refit_new")]
        return self.case.evaluator.gain(*both, CONFIDENCE)

    def _gain_that_matters(self):
        case, loss = self.case, self.case.evaluator.loss(self.present.new)
        if case.price:
            return self.price / case.n_new
        if case.metric is not None:
            # Of the largest: a model that is of no use has a score of 0, and all is a gain.
            trials = [self.present, *self.others]
            return max(abs(case.evaluator.loss(trial.new)) for trial in trials) / 20
        return max(loss / 4, _LEAST_POINTS if case.is_classifier else 0.0)

    def action(self):
        """Decide, as the notes of advise say."""
        action = self._action_by_losses()
        n_unread = len(self.case.held_new.index) - len(self.last.held_new.index)
        if not n_unread or self._reads_all(action):
            return action
        # No loss counts the rows that it cannot read: a model that can, and is not worse, serves.
        able = [t for t in self.others if self.gains[t.action].high >= 0]
        able = [trial for trial in able if self._reads_all(trial.action)]
        if not able:
            return action
        self.tied, self.more_rows = able, None
        return min(able, key=self._effort).action

    def _reads_all(self, action):
        if action not in self.done:
            return False
        try:
            self.done[action].model.predict(self.case.held_new.X)
        except Exception:
            return False
        return True

    def _action_by_losses(self):
        if self._is_settled() or not self.others:
            return "keep"
        eligible = [trial for trial in self.others if self._is_eligible(trial)]
        if self.few or not eligible:
            return self._without_a_winner()
        best = max(eligible, key=self._net_gain)
        self.tied = [trial for trial in eligible if trial is best or self._is_tied(trial, best)]
        if self.old_rows_are_wrong:
            fresh = [trial for trial in self.tied if trial.action in NEW_ROWS_ALONE]
            continued = [trial for trial in self.tied if trial.action in CARRY_THE_OLD]
            self.tied = [trial for trial in self.tied if not (fresh and trial in continued)]
        return min(self.tied, key=self._effort).action

    def _is_settled(self):
        """Tell whether nothing is to be gained: no loss, and nothing but one value to predict."""
        case = self.case
        targets = (rows.y for rows in (case.old, case.held_old, case.new, case.held_new))
        is_constant = len(np.unique(np.concatenate([np.unique(y) for y in targets]))) == 1
        return self.matters == 0 or (is_constant and not self.present.new.losses.any())

    def _is_eligible(self, trial):
        return self.gains[trial.action].low > 0 and self._net_gain(trial) > 0

    def _net_gain(self, trial):
        return self.gains[trial.action].estimate * self.case.n_new - self._charge(trial)

    def _charge(self, trial):
        """Return what a trial costs, in units of the loss; recalibrating fits no rows."""
        share = 0.0 if trial.action == "recalibrate" else trial.n_rows / self.last.n_rows
        return self._charge_of(trial, share)

    def _charge_of(self, trial, share):
        present, other = self.present.new.outputs["predict"], trial.new.outputs["predict"]
        return charge_of(
            self.case.price,
            share=share,
            seconds=self._forecast(trial),
            changed=present != other,
            n_new=self.case.n_new,
        )

    def _full_price(self):
        """Return what a refit on all rows costs; None without a price."""
        if not isinstance(self.case.price, Price):
            return self.case.price
        return self._charge_of(self.done.get("refit_all", self.present), 1.0)

    def _is_tied(self, trial, best):
        if self._net_gain(trial) < _SHARE_OF_BEST * self._net_gain(best):
            return False
        return self.case.evaluator.gain(best.new, trial.new, CONFIDENCE).high >= 0

    def _effort(self, trial):
        by_part = self.case.learner.incremental
        work = {"recalibrate": 0, "fine_tune": 1, "warm_start": 1 if by_part else 2, "refit_all": 3}
        forgotten = self.case.evaluator.loss(trial.old)
        order = ("refit_new", "refit_window", "replay_mix", "warm_start")
        place = order.index(trial.action) if trial.action in order else 0
        return work.get(trial.action, 2), forgotten, place

    def _without_a_winner(self):
        best = max(self.others, key=lambda trial: self.gains[trial.action].estimate)
        gain = self.gains[best.action]
        promises = gain.estimate > self.matters and self._alone(best).low > 0 >= gain.low
        is_wide = (gain.high - gain.low) / 2 > 2 * self.matters
        if not (self.few or promises or is_wide):
            return "keep"  # a gain that is sure but does not pay its price is no reason to wait
        self.more_rows = self._rows_to_collect(best)
        return "collect_more"

    def _alone(self, trial):
        """Return the interval of a gain that is not one of many."""
        return self.case.evaluator.gain(self.present.new, trial.new, CONFIDENCE)

    def _rows_to_collect(self, best):
        """Return how many more rows tell of each candidate whether it gains what would matter."""
        n_new, more = self.case.n_new, [0.0]
        for trial in self.others:
            gain = self.gains[trial.action]
            if trial is best or gain.high > self.matters:
                # A gain found in few rows is the luckiest of many: what is sure of it is planned
                # for, not what it seems.
                effect = max(self._alone(trial).low, self.matters)
                more.append(rows_to_tell(gain, effect, n_new, self.level))
        finite = [n for n in more if math.isfinite(n)]
        least = _LEAST_TO_COLLECT / HELD_OUT_NEW - n_new
        return rounded_up(max(*finite, least) if len(finite) == len(more) else 10 * n_new)

    def advice(self):
        """Return the action with all that it rests on."""
        action = self.action()
        evidence = self._evidence()
        rows = [self._row(trial) for trial in self.trials.values()]
        units = Units(self.case.is_classifier, self.case.metric)
        return Advice(action, rows, evidence, written(action, rows, evidence, units), units)

    def _row(self, trial):
        row = {"action": trial.action, "tried": trial.new is not None}
        gain, lost = self.gains.get(trial.action), self.forgetting.get(trial.action)
        if trial is self.present:
            gain = lost = Interval(0.0, 0.0, 0.0, 0.0, len(trial.new.y))
        for name, interval in (("gain", gain), ("forgetting", lost)):
            for part in ("estimate", "low", "high"):
                column = name if part == "estimate" else f"{name}_{part}"
                row[column] = getattr(interval, part, math.nan)
        row["loss_new"] = self.case.evaluator.loss(trial.new) if trial.new else math.nan
        row["loss_old"] = self.case.evaluator.loss(trial.old) if trial.new else math.nan
        row["negative_flips"] = self._negative_flips(trial) if trial.new else math.nan
        row["rows"] = trial.n_rows
        row["seconds"] = trial.seconds if trial.new else math.nan
        row["forecast_seconds"] = self._forecast(trial) if trial.new else math.nan
        return {**row, "note": trial.note}

    def _negative_flips(self, trial):
        """Return the share of rows that the present model has right and this trial has wrong."""
        before, after = self.present.new.losses, trial.new.losses
        if self.case.is_classifier:
            return float(negative_flips(before == 0, after < 1).mean())
        usual = before.mean()  # of a regression, what is about usual counts as right
        return float(negative_flips(before <= usual, after <= 2 * usual).mean())

    def _forecast(self, trial):
        past = [
            one
            for stage in self.stages
            for one in stage.trials
            if one.action == trial.action and one.new
        ]
        n_all = self.case.n_old + self.case.n_new
        full = trial.n_rows / self.last.n_rows * n_all
        if not full:
            return 0.0
        return forecast([one.n_rows for one in past], [one.seconds for one in past], full)

    def _evidence(self):
        case, last = self.case, self.last
        money = case.price.to_money(self.price) if isinstance(case.price, Price) else None
        all_old, all_new = _joined(case.old, case.held_old), _joined(case.new, case.held_new)
        shift = input_shift(all_old, all_new, case.seed)
        return {
            "rows": self._rows(),
            "present": {
                "fitted": case.fitted is not None,
                "loss_old": case.evaluator.loss(self.present.old),
                "loss_new": case.evaluator.loss(self.present.new),
                "seconds": last.present_seconds,
            },
            "gains": {name: gain.as_dict() for name, gain in self.gains.items()},
            "input_shift": shift,
            "concept_shift": self._concept_shift(shift["high"]),
            "batches": losses_of_batches(case, last),
            "rows_needed": {**self._curve(), "more_rows": self.more_rows},
            "sensitivity": sensitivity(
                last.present,
                last.held_old.X,
                last.held_new.X,
                shift["moved"],
                is_classifier=case.is_classifier,
                seed=case.seed,
            ),
            "decision": {
                "n_candidates": len(self.others),
                "gain_that_matters": self.matters,
                "price": self.price,
                **({"price_in_money": money} if money is not None else {}),
                "too_few_rows": self.few,
                "tied_with_best": [trial.action for trial in self.tied],
            },
        }

    def _rows(self):
        case, last = self.case, self.last
        return {
            "old": case.n_old,
            "new": case.n_new,
            "old_learned": len(last.old.index),
            "new_learned": len(last.new.index),
            "old_held_out": len(case.held_old.index),
            "new_held_out": len(case.held_new.index),
            "old_unpredicted": len(case.held_old.index) - len(last.held_old.index),
            "new_unpredicted": len(case.held_new.index) - len(last.held_new.index),
            "share": last.share,
        }

    def _concept_shift(self, auc):
        """Return how the old model does on the new rows; `auc` bounds what moved inputs explain."""
        case, last, before = self.case, self.last, self.present.old
        after = self.present.new
        if last.present is not last.refitted:
            after = case.evaluator.evaluate(last.refitted, last.held_new)
        beyond = beyond_moved_inputs(before, after, auc, is_classifier=case.is_classifier)
        return {
            **case.evaluator.excess(before, after, CONFIDENCE).as_dict(),
            "old_rows_mislead": None if self.mislead is None else self.mislead.as_dict(),
            "old_rows_are_wrong": self.old_rows_are_wrong,
            "inputs_may_explain": not beyond,
            "says_nothing": case.evaluator.says_nothing(before, after),
            "change_at_new_row": None if last.located is None else last.located - case.first_new,
        }

    def _curve(self):
        """Return how the refit on new rows improves with them."""
        curve = [
            (len(stage.new.index), self.case.evaluator.loss(trial.new))
            for stage in self.stages
            for trial in stage.trials
            if trial.action == "refit_new" and trial.new
        ]
        slope = slope_per_doubling(*zip(*curve, strict=True)) if curve else math.nan
        return {"curve": curve, "slope_per_doubling": slope}


def _negated(gain):
    """Return a gain as a loss."""
    low, high = -gain.high, -gain.low
    return Interval(-gain.estimate, low, high, gain.deviation, gain.n_rows, gain.block)


def _joined(first, last):
    return concat_rows([first.X, last.X])
