"""The advice in words: each action, how losses read, and the sentences of the paragraph."""

import math
from typing import NamedTuple

from ...utils._words import counted


class Action(NamedTuple):
    """What a reader is told of an action: its name, a headline, and what was tried."""

    name: str
    headline: str
    tried: str


# By the names that programs read: in tables, files and evidence.
ACTIONS = {
    "keep": Action("keep the model", "Keep the model", "the present model, as it is"),
    "recalibrate": Action(
        "recalibrate", "Recalibrate the model", "its outputs are corrected, the model is frozen"
    ),
    "warm_start": Action(
        "update on new rows",
        "Continue the model on the new rows",
        "it goes on learning from the new rows",
    ),
    "replay_mix": Action(
        "update on mixed rows",
        "Retrain on the new rows mixed with old ones",
        "it learns the new rows and as many old ones",
    ),
    "fine_tune": Action(
        "refit last step",
        "Fit only the last step anew",
        "the last step of the pipeline, on the new rows",
    ),
    "refit_new": Action(
        "refit on new rows", "Refit on the new rows alone", "a fresh fit on the new rows"
    ),
    "refit_window": Action(
        "refit since change",
        "Refit on the rows since the change",
        "a fresh fit on the rows since the located change",
    ),
    "refit_all": Action(
        "refit on all rows", "Refit on all rows, old and new", "a fresh fit on old and new rows"
    ),
    "distill": Action(
        "refit with teacher",
        "Refit on all rows, with the present model as teacher",
        "a fresh fit on old and new rows, half on what the present model says of them",
    ),
    "collect_more": Action("collect more rows", "Not enough evidence: collect more rows", ""),
}
_TOLD_APART = 0.5  # the AUC of a guess
_SHOWN = 3  # features named in the paragraph
_BATCHES_SHOWN = 12


class Units:
    """How losses read: errors as shares of rows, residuals in units of y, scores as they are.

    A loss is what the candidates are compared by, and is low for a good one. What is shown of a
    score that is high for a good one has the other sign.
    """

    def __init__(self, is_classifier, metric=None):
        self.of_errors = is_classifier and metric is None
        self.metric = metric
        self.name = "error rate" if self.of_errors else "mean absolute error"
        if metric is not None:
            self.name = metric.name
        self._sign = -1 if metric is not None and metric.higher_is_better else 1

    @property
    def gain_is_a_rise(self):
        """Whether what is shown is higher for a better model."""
        return self._sign < 0

    def level(self, loss):
        """Return a loss as text."""
        return f"{100 * loss:.1f} %" if self.of_errors else _short(self._sign * loss)

    def moved(self, loss, ends):
        """Return by how much what is shown is higher or lower, and what that may be."""
        way = "higher" if self._sign * loss >= 0 else "lower"
        low, high = sorted(self._sign * end for end in ends)
        between = f"difference: 95 % interval {self.interval(low, high)}"
        return f"{self.change(abs(loss))} {way} ({between})"

    def slope(self, loss):
        """Return by how much what is shown changes, with its sign."""
        return self.change(self._sign * loss)

    def change(self, amount):
        """Return a difference of losses as text."""
        return f"{self.bare(amount)} points" if self.of_errors else self.bare(amount)

    def bare(self, amount):
        """Return a difference of losses as a number without its unit, for a table."""
        return f"{100 * amount:z.1f}" if self.of_errors else _short(amount)

    def interval(self, low, high):
        """Return an interval of differences as text."""
        if self.of_errors:
            return f"{100 * low:z.1f} to {100 * high:z.1f}"
        return f"{_short(low)} to {_short(high)}"


def written(action, rows, evidence, units):
    """Return the sentences of the paragraph, the first of them the headline."""
    by_action = {row["action"]: row for row in rows}
    sentences = [
        f"{_headline(action, evidence)}.",
        _reason(action, by_action, evidence, units),
        _chosen(units),
        _unpredicted(evidence["rows"]),
        _concept(evidence, units),
        _batches(evidence, units),
        _inputs(evidence),
        _forgetting(action, by_action, evidence, units),
        _sensitivity(evidence),
        _share(evidence),
    ]
    return [sentence for sentence in sentences if sentence]


def _headline(action, evidence):
    if action == "collect_more":
        more = evidence["rows_needed"]["more_rows"]
        return f"Not enough evidence: collect about {more:,} more new rows"
    return ACTIONS[action].headline


def _basis(evidence):
    rows = evidence["rows"]
    return (
        f"On the newest {rows['new_held_out']:,} of {rows['new']:,} new rows, which no candidate "
        "has learned,"
    )


def _reason(action, by_action, evidence, units):
    keep = by_action["keep"]
    now = f"{_basis(evidence)} the present model has {units.name} {units.level(keep['loss_new'])}"
    candidates = (row for name, row in by_action.items() if name not in ("keep", "distill"))
    tried = [row for row in candidates if row["tried"]]
    if not tried:
        return f"{now}; nothing else could be fitted."
    row = by_action.get(action, keep)
    if row is keep:
        row = max(tried, key=lambda row: row["gain"])
        text = f"{now}; the most promising of the {len(tried)} others, {_named(row)}, has"
        ending = _why_not(action, row, evidence, units)
    else:
        text, ending = f"{now}, and {_named(row)}", _among_equals(row, evidence)
    return (
        f"{text} {units.level(row['loss_new'])}: a gain of {units.change(row['gain'])} "
        f"({_sure(row, 'gain', units)}, over {counted(len(tried), 'candidate')} together)"
        f"{_blocks(row, evidence)}{ending}."
    )


def _chosen(units):
    """Return why models are compared by another measure than errors, where nobody asked for it."""
    if units.metric is None or not units.metric.why:
        return ""
    return f"They are compared by the {units.name}, not by errors: {units.metric.why}."


def _unpredicted(rows):
    """Return what to know of rows that the present model cannot read."""
    counts = {p: (rows[f"{p}_unpredicted"], rows[f"{p}_held_out"]) for p in ("old", "new")}
    parts = [
        f"{n:,} of the {n_held_out:,} held-out {period} rows"
        for period, (n, n_held_out) in counts.items()
        if n
    ]
    if not parts:
        return ""
    return (
        f"The present model cannot read {' and '.join(parts)}, such as those with a category that "
        "it never saw: all numbers are those of the other rows, and only a model that has "
        "learned from such rows can serve these."
    )


def _why_not(action, row, evidence, units):
    matters = units.change(evidence["decision"]["gain_that_matters"])
    if action == "collect_more" and evidence["decision"]["too_few_rows"]:
        return "; so few held-out rows may agree by luck, and decide nothing"
    if action == "collect_more":
        return f"; that is too wide to tell whether a gain that would matter ({matters}) is there"
    if row["gain_low"] > 0:
        decision = evidence["decision"]
        money = decision.get("price_in_money")
        told = "" if money in (None, decision["price"]) else f" ({money:.6g} in money)"
        return f", which does not pay its price of {decision['price']:g}{told}"
    if row["gain_high"] < 0:
        return ", so that none of them is better"
    return ", which is within the noise"


def _among_equals(row, evidence):
    tied = evidence["decision"]["tied_with_best"]
    others = [ACTIONS[action].name for action in tied if action != row["action"]]
    if not others:
        return ""
    return f"; as good within the noise, but with more work or forgetting: {', '.join(others)}"


def _named(row):
    return f"'{ACTIONS[row['action']].name}'"


def _sure(row, name, units):
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"95 % interval {units.interval(low, high)}"


def _blocks(row, evidence):
    block = evidence["gains"][row["action"]]["block"]
    if block == 1:
        return ""
    return f", from blocks of {block} rows because the differences come in runs"


def _concept(evidence, units):
    shift, present = evidence["concept_shift"], evidence["present"]
    before = (
        f"On the {evidence['rows']['old_held_out']:,} held-out rows of the old period the old "
        f"model has {units.name} {units.level(present['loss_old'])}"
    )
    if shift["old_rows_are_wrong"]:
        ending = _old_rows_are_wrong(shift, units) + _since(evidence)
    elif shift["says_nothing"]:
        ending = (
            "it tells no classes apart, neither there nor here, so that this says nothing about "
            "the relation between inputs and target"
        )
    elif shift["low"] > 0:
        ending = (
            "it has got worse, but a refit is not better without the old rows, so nothing shows "
            "that they are wrong"
        )
    elif shift["high"] < 0:
        ending = "it does better on the new rows than on the old"
    else:
        ending = "the relation between inputs and target held, as far as these rows tell"
    excess = units.moved(shift["estimate"], (shift["low"], shift["high"]))
    return f"{before}, on the new ones {excess}: {ending}."


def _old_rows_are_wrong(shift, units):
    mislead = shift["old_rows_mislead"]
    by = (
        f"a refit is better without them by {units.change(mislead['estimate'])} (95 % interval "
        f"{units.interval(mislead['low'], mislead['high'])})"
    )
    if shift["inputs_may_explain"]:
        return (
            f"the old rows are now wrong for this model: {by}; that may be a changed relation "
            "between inputs and target, or moved inputs and a model that does not fit all of their "
            "range"
        )
    return (
        f"the relation between inputs and target has changed, and the old rows are now wrong: {by}"
    )


def _since(evidence):
    row = evidence["concept_shift"]["change_at_new_row"]
    return f"; it shows from about new row {row:,} on" if row else ""


def _batches(evidence, units):
    """Return how the old model does batch by batch, the newest of many."""
    batches = evidence["batches"]
    if not batches:
        return ""
    shown = [
        units.level(batch["loss"]) if math.isfinite(batch["loss"]) else "unknown"
        for batch in batches[-_BATCHES_SHOWN:]
    ]
    of = f"the newest {len(shown)} of {len(batches)}" if len(shown) < len(batches) else "the"
    return f"On {of} new batches, one by one, the old model has {units.name} {', '.join(shown)}."


def _inputs(evidence):
    shift = evidence["input_shift"]
    if shift["reason"]:
        return f"Whether the inputs moved was not measured: {shift['reason']}."
    auc = (
        f"a classifier tells old from new rows with an AUC of {shift['auc']:.2f} (95 % interval "
        f"{shift['low']:.2f} to {shift['high']:.2f}, 0.5 is a guess)"
    )
    if shift["low"] <= _TOLD_APART:
        return f"The inputs did not visibly move: {auc}{_clocks(shift)}."
    return f"The inputs moved: {auc}{_movers(shift['moved'])}{_clocks(shift)}."


def _clocks(shift):
    if not shift["clocks"]:
        return ""
    return f"; not counted, because all that it tells is the time: {', '.join(shift['clocks'])}"


def _movers(moved):
    if not moved:
        return ", though no column moved by itself"
    named = ", ".join(_moved(feature) for feature in moved[:_SHOWN])
    return f"; {counted(len(moved), 'column')} moved, the farthest first: {named}"


def _moved(feature):
    steps = feature["in_deviations"]
    if math.isfinite(steps):
        return f"{feature['name']} by {steps:+.1f} standard deviations"
    return f"{feature['name']} in {100 * feature['distance']:.0f} % of the rows"


def _forgetting(action, by_action, evidence, units):
    row = by_action.get(action)
    if row is None or action == "keep":
        return ""
    lost, flips = row["forgetting"], row["negative_flips"]
    beside = _with_teacher(row, by_action["distill"], units)
    verb = "forgets" if lost > 0 else "gains"
    seconds = f"{_seconds(row['forecast_seconds'])} of processor time on all rows"
    return (
        f"On the old period it {verb} {units.change(abs(lost))} (forgetting: "
        f"{_sure(row, 'forgetting', units)}), {100 * flips:.1f} % of the new rows were right and "
        f"are wrong now{beside}; the forecast is {seconds}."
    )


def _with_teacher(row, taught, units):
    """Return what a teacher would spare, where a refit is advised."""
    is_refit = row["action"].startswith("refit_") and taught["tried"]
    if not is_refit or not taught["negative_flips"] < row["negative_flips"]:
        return ""
    return (
        f" (with the present model as teacher {100 * taught['negative_flips']:.1f} %, at "
        f"{units.name} {units.level(taught['loss_new'])})"
    )


def _sensitivity(evidence):
    found = evidence["sensitivity"]
    if found["reason"]:
        return ""
    text = (
        f"Noise of 0.1 standard deviations in the inputs flips {100 * found['jitter']:.1f} % of "
        f"the present model's predictions, moving them as the new rows did "
        f"{100 * found['shift']:.1f} %"
    )
    first = found["features"][0]
    if max(first["jitter"], first["shift"]) > 0:
        text += f", most of all {first['name']}"
    return f"{text}."


def _share(evidence):
    share = evidence["rows"]["share"]
    if share == 1:
        return ""
    return (
        f"For lack of time, all models learned from {100 * share:.2g} % of the rows only; with a "
        "larger time_budget the answer may differ."
    )


def _short(value):
    return f"{value:.3g}"


def _seconds(value):
    return "less than 0.1 s" if value < 0.1 else f"{value:,.1f} s"
