"""Routine challengers: PairedGate promotes what is no worse where nothing has happened."""

import math

import numpy as np
import pytest
from helpers import Rings, WaitGate, feed, state_of, stream
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain._retrainer._jobs import Cause
from skretrain.exceptions import ClassesGrewWarning
from skretrain.gates import PairedGate, Trial, Verdict
from skretrain.policies import FullRefit


class Prepared(BaseEstimator):
    """A model whose predictions are columns of the rows."""

    def __init__(self, column):
        self.column = column

    def predict(self, X):
        return X[:, self.column]


class Labels(ClassifierMixin, Prepared):
    pass


class Values(RegressorMixin, Prepared):
    pass


def right_or_wrong(error, disagree, worse, n=10_000, seed=0):
    """Return 1 for right and 0 for wrong: the first errs with a share, the second by so much more.

    On the share `disagree` of the rows exactly one of them is right.
    """
    draw = np.random.default_rng([seed, 11]).random(n)
    old_alone, new_alone = (disagree + worse) / 2, (disagree - worse) / 2
    both = draw >= disagree + error - new_alone
    return np.c_[(draw < old_alone) | both, ((draw >= old_alone) & (draw < disagree)) | both] * 1


def heavy_tailed(worse, n=10_000, seed=0):
    """Return residuals of two regressors, which share nine tenths of a t distribution, 3 df."""
    draw = np.random.default_rng([seed, 11]).standard_t(3, size=(n, 3))
    return (math.sqrt(0.9) * draw[:, :1] + math.sqrt(0.1) * draw[:, 1:]) * [1, 1 + worse]


def verdicts(gate, X, y, *, routine, kind=Labels, size=100):
    """Return the verdicts on the model of column 1 against that of column 0, until the last."""
    gate.reset()
    found = []
    for start in range(0, len(X), size):
        rows = slice(start, start + size)
        trial = Trial(kind(0), kind(1), X[rows], y[rows], True, start + size, routine=routine)
        found.append(gate.judge(trial))
        if found[-1].decision != "wait":
            break
    return found


def decisions(make, n_seeds, *, routine=True, kind=Labels, target=1, **params):
    """Return the last verdicts over many pairs of models."""
    last = []
    for seed in range(n_seeds):
        X = make(seed)
        y = np.full(len(X), target)
        last.append(verdicts(PairedGate(**params), X, y, routine=routine, kind=kind)[-1])
    return last


def n_promoted(last):
    return sum(verdict.decision == "promote" for verdict in last)


def n_refuted(last):
    """Count those that were rejected on evidence, and not for want of it."""
    return sum("violates" in verdict.reason for verdict in last)


def capital(values, bound, low):
    """Return what five gamblers with constant bets have in the end, all together."""
    values = np.asarray(values)
    fractions = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
    return sum(np.prod(1 + f / (bound - low) * (values - bound)) for f in fractions) / 5


# What is no worse ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "disagree"), [(0.1, 0.05), (0.2, 0.1), (0.2, 0.2)])
@pytest.mark.no_cover
def test_a_routine_challenger_that_is_equal_is_promoted(error, disagree):
    """In at least 25 of 30 pairs, within max_rows; after an alarm in at most 2."""
    last = decisions(lambda seed: right_or_wrong(error, disagree, 0.0, seed=seed), 30)
    assert n_promoted(last) >= 25
    promoted = next(verdict for verdict in last if verdict.decision == "promote")
    assert "the challenger is no worse on" in promoted.reason
    last = decisions(
        lambda seed: right_or_wrong(error, disagree, 0.0, seed=seed), 30, routine=False
    )
    assert n_promoted(last) <= 2


def test_a_routine_challenger_that_loses_twice_the_margin_more_is_never_promoted():
    """Of 40 it is refuted in at least 36."""
    last = decisions(lambda seed: right_or_wrong(0.2, 0.1, 0.04, seed=seed), 40)
    assert n_promoted(last) == 0
    assert n_refuted(last) >= 36


def test_one_that_loses_the_margin_more_is_hardly_ever_promoted():
    """60 pairs under a look after every batch: at most 5 %, here 3."""
    last = decisions(lambda seed: right_or_wrong(0.2, 0.1, 0.02, 3000, seed), 60, max_rows=3000)
    assert n_promoted(last) <= 3


@pytest.mark.slow
@pytest.mark.parametrize("disagree", [0.05, 0.1, 0.2])
def test_one_that_loses_the_margin_more_is_promoted_in_at_most_alpha(disagree):
    last = decisions(lambda seed: right_or_wrong(0.2, disagree, 0.02, seed=seed), 400)
    assert n_promoted(last) / 400 <= 0.05


def test_residuals_with_heavy_tails_are_told_apart_by_a_fifth():
    """Equal regressors are promoted, one that loses a fifth more is refuted, in all 20 pairs."""
    options = {"kind": Values, "target": 0.0}
    assert n_promoted(decisions(lambda seed: heavy_tailed(0.0, seed=seed), 20, **options)) == 20
    assert n_refuted(decisions(lambda seed: heavy_tailed(0.2, seed=seed), 20, **options)) == 20
    last = decisions(lambda seed: heavy_tailed(0.0, 3000, seed), 20, routine=False, **options)
    assert n_promoted(last) <= 1


def test_where_errors_are_rare_a_model_that_makes_twice_as_many_is_not_promoted():
    """Trap: two points of tolerance would let a model pass that says "no fraud" to all rows."""
    last = decisions(lambda seed: right_or_wrong(0.01, 0.012, 0.01, seed=seed), 20)
    assert n_promoted(last) == 0


def test_without_evidence_a_routine_challenger_is_rejected_after_max_rows():
    """A champion without errors leaves no margin, and nothing is promoted for want of evidence."""
    X = np.ones((500, 2), dtype=int)
    found = verdicts(PairedGate(max_rows=400), X, X[:, 0], routine=True)
    assert [verdict.decision for verdict in found] == ["wait", "wait", "wait", "reject"]
    assert found[-1].reason == "not shown on 400 later rows: loss"


def test_the_evidence_on_a_share_of_the_loss_is_counted_by_hand():
    """1.1 times the champion's loss less the challenger's, against zero."""
    X = right_or_wrong(0.2, 0.2, 0.05, 100)
    (verdict,) = verdicts(PairedGate(alpha=1e-9), X, np.ones(100, dtype=int), routine=True)
    old, new = (1.0 - X).T
    evidence = verdict.evidence["loss"]
    assert evidence["rows"] == 100
    assert evidence["change"] == pytest.approx(new.mean() - old.mean())
    assert evidence["allowed"] == pytest.approx(0.1 * old.mean())
    assert evidence["in_favour"] == pytest.approx(capital(1.1 * old - new, 0.0, -1.0))
    assert evidence["against"] == pytest.approx(capital(new - 1.1 * old, 0.0, -1.1))


def test_of_residuals_a_tenth_of_the_mean_loss_is_allowed_and_counts_as_if_it_were_stated():
    X = heavy_tailed(0.05, 2000)
    found = [
        verdicts(PairedGate(tolerance=tolerance), X, np.zeros(2000), routine=True, kind=Values)
        for tolerance in ("auto", 0.1)
    ]
    assert [v.evidence for v in found[0]] == [v.evidence for v in found[1]]
    assert found[0][-1].evidence["loss"]["allowed"] == 0.1


def test_a_batch_in_which_no_row_counts_is_no_evidence_on_a_share_of_the_loss():
    empty = Trial(Labels(0), Labels(1), np.ones((0, 2)), np.ones(0), True, 0, routine=True)
    verdict = PairedGate().judge(empty)
    assert (verdict.decision, verdict.evidence["loss"]["rows"]) == ("wait", 0)
    assert verdict.evidence["loss"]["in_favour"] == pytest.approx(1.0)


def test_clusterers_that_are_equal_are_promoted_in_routine_alone():
    X = np.random.default_rng(0).normal(size=(2000, 2))
    models = [KMeans(3, random_state=seed, n_init=5).fit(X) for seed in (0, 1)]
    for routine, decision in ((True, "promote"), (False, "wait")):
        trial = Trial(*models, X, None, True, 2000, routine=routine)
        assert PairedGate().judge(trial).decision == decision


# What was stated ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"tolerance": 0.0},
        {"tolerance": 0.02},
        {"tolerance": -0.01},
        {"tolerance": None, "criteria": {"negative_flips": 0.1}},
    ],
)
def test_a_stated_tolerance_holds_for_every_cause_bit_for_bit(params):
    X = right_or_wrong(0.2, 0.1, -0.01, 3000)
    y = np.ones(3000, dtype=int)
    found = [verdicts(PairedGate(**params), X, y, routine=routine) for routine in (False, True)]
    assert found[0] == found[1]
    if params["tolerance"] is not None:
        gains = X[: 100 * len(found[0]), 1] - X[: 100 * len(found[0]), 0]
        expected = capital(gains, -params["tolerance"], -1.0)
        assert found[0][-1].evidence["loss"]["in_favour"] == pytest.approx(expected)


@pytest.mark.parametrize("kind", [Labels, Values])
def test_after_an_alarm_auto_is_a_tolerance_of_zero_bit_for_bit(kind):
    X = right_or_wrong(0.2, 0.1, -0.01, 3000).astype(float)
    found = [
        verdicts(PairedGate(tolerance=tolerance), X, np.ones(3000), routine=False, kind=kind)
        for tolerance in ("auto", 0.0)
    ]
    assert found[0] == found[1]


def test_criteria_hold_for_routine_challengers_as_well():
    """Equal in accuracy, but one row in ten turns from right to wrong."""
    X = right_or_wrong(0.2, 0.2, 0.0)
    gate = PairedGate(criteria={"negative_flips": 0.02})
    last = verdicts(gate, X, np.ones(len(X), dtype=int), routine=True)[-1]
    assert last.decision == "reject"
    assert "negative_flips" in last.reason


@pytest.mark.parametrize("tolerance", ["automatic", True, (0.1,)])
def test_what_is_neither_auto_nor_a_number_is_refused(tolerance):
    with pytest.raises(ValueError, match=r"tolerance must be a number .*, or 'auto' or None"):
        PairedGate(tolerance=tolerance).reset()


# Which challengers are routine --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "is_routine"),
    [
        (Cause("growth", 0, False), True),
        (Cause("alarm", None, True, on_schedule=True), True),
        (Cause("alarm", 300, True), False),
        (Cause("new classes [2]", 0, False, labels=np.array([2])), False),
        (Cause("new classes [0]", 0, False, labels=np.array([0])), False),
    ],
)
def test_growth_and_schedules_are_routine_alarms_and_new_labels_are_not(cause, is_routine):
    assert cause.is_routine is is_routine


def trials_of(model):
    return state_of(model).trials.gate.trials_


def test_the_gate_is_told_that_rows_have_grown():
    X, y = stream(700)
    model = DriftAwareRetrainer(LogisticRegression(), detector=None, gate=WaitGate())
    feed(model.fit(X[:300], y[:300]), X, y, 50, 300)
    assert [trial.routine for trial in trials_of(model)] == [True, True, True]


def test_the_gate_is_told_that_an_alarm_or_a_new_label_is_no_routine():
    X, y = stream(500)
    quiet = {"policy": FullRefit(grow=False), "gate": WaitGate(), "update": None}
    rung = DriftAwareRetrainer(LogisticRegression(), detector=Rings([300]), **quiet)
    feed(rung.fit(X[:300], y[:300]), X, y, 50, 300, 400)
    y = np.where(np.arange(500) % 25 == 24, 2, y)
    news = DriftAwareRetrainer(LogisticRegression(), detector=None, **quiet)
    news.fit(X[:300][y[:300] < 2], y[:300][y[:300] < 2])
    with pytest.warns(ClassesGrewWarning):
        feed(news, X, y, 50, 300, 400)
    for model in (rung, news):
        assert [trial.routine for trial in trials_of(model)] == [False, False]


def test_the_watch_is_no_routine_and_takes_back_what_loses_little():
    """A promotion that loses less than a tenth more is refuted, all the same."""

    class Watches(PairedGate):
        seen = []

        def judge(self, trial):
            return Verdict("promote")

        def watch(self, trial):
            self.seen.append(trial.routine)
            return super().watch(trial)

    X, y = stream(800)
    model = DriftAwareRetrainer(LogisticRegression(), detector=None, gate=Watches())
    feed(model.fit(X[:300], y[:300]), X, y, 50, 300)
    assert Watches.seen
    assert not any(Watches.seen)
    X = right_or_wrong(0.8, 0.1, 0.07)
    gate = PairedGate()
    for start in range(0, len(X), 100):
        rows = X[start : start + 100]
        y = np.ones(len(rows), dtype=int)
        verdict = gate.watch(Trial(Labels(0), Labels(1), rows, y, True, start))
        if verdict.decision != "wait":
            break
    assert verdict.decision == "reject"


def test_on_a_stream_in_which_nothing_happens_growth_is_promoted():
    """A model on more rows is a little better: not by enough to be shown, but it is no worse."""
    X, y = stream(3000)
    y = np.where(np.random.default_rng(1).random(3000) < 0.2, 1 - y, y)
    n_refits = {}
    for tolerance in ("auto", 0.0):
        gate = PairedGate(tolerance=tolerance)
        model = DriftAwareRetrainer(LogisticRegression(), detector=None, gate=gate)
        feed(model.fit(X[:200], y[:200]), X, y, 100, 200)
        n_refits[tolerance] = model.n_refits_
    assert n_refits["auto"] >= 2
    assert n_refits[0.0] == 0
