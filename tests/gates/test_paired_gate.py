"""PairedGate: promoted on evidence from later rows, and on nothing else."""

import json
import math
import pickle

import numpy as np
import pytest
from helpers import Rings, feed, state_of, stream
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Reservoir, Rows, SlidingWindow
from skretrain.datasets import make_drifting_classification
from skretrain.exceptions import ClassesGrewWarning
from skretrain.gates import BaseGate, PairedGate, Trial, Verdict
from skretrain.policies import FullRefit


class Prepared(BaseEstimator):
    """A model whose predictions are columns of the rows."""

    def __init__(self, column, classes=None):
        self.column = column
        self.classes = classes

    @property
    def classes_(self):
        return np.asarray(self.classes)

    def predict(self, X):
        return X[:, self.column]


class Labels(ClassifierMixin, Prepared):
    pass


class Values(RegressorMixin, Prepared):
    pass


def judged(gate, X, y, size=100, kind=Labels, classes=(0, 1)):
    """Return the verdicts on the model of column 1 against that of column 0, until the last."""
    gate.reset()
    models = kind(0, classes), kind(1, classes)
    verdicts = []
    for start in range(0, len(X), size):
        rows = slice(start, start + size)
        verdicts.append(gate.judge(Trial(*models, X[rows], y[rows], True, start + size)))
        if verdicts[-1].decision != "wait":
            break
    return verdicts


def pair(disagree, better, n=10_000, seed=0):
    """Return predictions of two models, and y: right on 1, right alone with given shares."""
    draw = np.random.default_rng(seed).random(n)
    new_alone = draw < (disagree + better) / 2
    old_alone = (draw >= (disagree + better) / 2) & (draw < disagree)
    both = (draw >= disagree) & (draw < disagree + 0.7)
    return np.c_[old_alone | both, new_alone | both].astype(int), np.ones(n, dtype=int)


def decided(gate, X, y, **options):
    verdicts = judged(gate, X, y, **options)
    return verdicts[-1].decision, len(verdicts) * options.get("size", 100)


def capital(values, bound, low):
    """Return what five gamblers with constant bets have in the end, all together."""
    total = 0.0
    for fraction in (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2):
        product = 1.0
        for value in values:
            product *= 1 + fraction / (bound - low) * (value - bound)
        total += product / 5
    return total


# Decisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("disagree", "rows"), [(0.05, 1500), (0.1, 2500), (0.2, 5000)])
def test_two_points_better_is_promoted_soon(disagree, rows):
    """Medians over 30 pairs."""
    found = [
        decided(PairedGate(max_rows=30_000), *pair(disagree, 0.02, 30_000, seed))
        for seed in range(30)
    ]
    assert sum(decision == "promote" for decision, _ in found) >= 29
    assert np.median([n for _, n in found]) <= rows


def test_equal_models_are_hardly_ever_promoted():
    """60 pairs under a look after every batch: at most 5 %, here 3; the rest are rejected."""
    found = [
        decided(PairedGate(max_rows=3000), *pair(0.2, 0.0, 3000, seed))[0] for seed in range(60)
    ]
    assert found.count("promote") <= 3
    assert found.count("reject") == 60 - found.count("promote")


@pytest.mark.slow
@pytest.mark.parametrize("disagree", [0.05, 0.1, 0.2])
def test_equal_models_are_promoted_in_at_most_alpha(disagree):
    found = [decided(PairedGate(), *pair(disagree, 0.0, seed=seed))[0] for seed in range(400)]
    assert found.count("promote") / 400 <= 0.05


def test_a_worse_challenger_is_rejected_on_evidence():
    last = judged(PairedGate(), *pair(0.2, -0.1))[-1]
    assert last.decision == "reject"
    assert "violates a condition on" in last.reason
    assert "(loss +0." in last.reason
    assert last.evidence["loss"]["against"] >= 20


def test_without_evidence_it_is_rejected_after_max_rows():
    """Equal on every row: nothing can be shown."""
    X, y = pair(0.0, 0.0, 500)
    verdicts = judged(PairedGate(max_rows=400), X, y)
    assert [verdict.decision for verdict in verdicts] == ["wait", "wait", "wait", "reject"]
    assert verdicts[-1].reason == "not shown on 400 later rows: loss"


def test_no_verdict_before_min_rows():
    """However clear it is, in either direction (trap: swapped in after six rows)."""
    X, y = np.tile([0, 1], (1000, 1)), np.ones(1000, dtype=int)
    for rows, decision in ((X, "promote"), (X[:, ::-1], "reject")):
        assert decided(PairedGate(min_rows=330), rows, y, size=10) == (decision, 330)
        assert decided(PairedGate(min_rows=1), rows, y, size=10)[1] < 100


def test_the_rows_that_the_challenger_was_made_on_are_no_evidence():
    """Trap: on rows it has trained on, a new model always gains."""
    X, y = np.tile([0, 1], (5000, 1)), np.ones(5000, dtype=int)
    gate = PairedGate().reset()
    seen = Trial(Labels(0, [0, 1]), Labels(1, [0, 1]), X, y, False, 0)
    for _ in range(3):
        assert gate.judge(seen).decision == "wait"
    first = judged(gate, X, y, size=10)[0]
    assert first.evidence["loss"]["rows"] == 10


def test_nonsense_is_rejected_at_once_and_before_it_would_serve():
    """As AlwaysPromote does; also if it began to make sense no longer while it learned along."""
    y = np.linspace(0, 1, 200)
    X = np.c_[y + 1, y + np.r_[np.zeros(199), 1e6]]
    models = Values(0), Values(1)
    gate = PairedGate().reset()
    made = gate.judge(Trial(*models, X, y, False, 0, (0.0, 1.0)))
    assert made.decision == "reject"
    assert "times the range" in made.reason
    later = PairedGate().judge(Trial(*models, X, y, True, 200, (0.0, 1.0)))
    assert later == made


@pytest.mark.parametrize(
    ("tolerance", "better", "decision"),
    [(0.05, -0.01, "promote"), (-0.05, 0.01, "reject"), (-0.02, 0.1, "promote")],
)
def test_the_tolerance_is_the_change_of_the_loss_that_is_allowed(tolerance, better, decision):
    """Slightly worse passes with a margin; better, but not by enough, does not."""
    X, y = pair(0.1 + abs(better), better, 20_000)
    last = judged(PairedGate(tolerance=tolerance, max_rows=20_000), X, y)[-1]
    assert last.decision == decision
    assert last.evidence["loss"]["allowed"] == tolerance
    assert last.evidence["loss"]["change"] == pytest.approx(-better, abs=0.04)


@pytest.mark.parametrize("size", [1, 13, 400, 5000])
def test_batches_and_their_order_do_not_matter(size):
    """The evidence after 2,000 rows is the same, however they are cut or sorted."""
    X, y = pair(0.2, 0.01, 2000)
    order = np.argsort(X[:, 0])
    gate = PairedGate(min_rows=2000, max_rows=2000)
    one = judged(gate, X, y)[-1].evidence["loss"]
    other = judged(gate, X[order], y, size=size)[-1].evidence["loss"]
    assert other == pytest.approx(one, rel=1e-9)


def test_the_evidence_is_a_capital_counted_by_hand():
    """Five gamblers with constant bets on the paired differences."""
    X, y = pair(0.3, 0.05, 100)
    evidence = judged(PairedGate(), X, y)[-1].evidence["loss"]
    for sign, name in ((1, "in_favour"), (-1, "against")):
        gains = [sign * (new - old) for old, new in X.tolist()]
        assert evidence[name] == pytest.approx(capital(gains, 0.0, -1.0))


def test_evidence_on_flips_is_counted_by_hand():
    """A flip is 1 or 0: bets against the budget may be larger than those on differences."""
    X, y = pair(0.3, 0.05, 100)
    gate = PairedGate(tolerance=None, criteria={"negative_flips": 0.2})
    evidence = judged(gate, X, y)[-1].evidence["negative_flips"]
    flips = [float(old > new) for old, new in X.tolist()]
    assert evidence["change"] == np.mean(flips)
    assert evidence["against"] == pytest.approx(capital(flips, 0.2, 0.0))
    assert evidence["in_favour"] == pytest.approx(capital([-f for f in flips], -0.2, -1.0))


def test_evidence_to_the_contrary_is_shared_among_the_conditions():
    """Two conditions: each needs twice as much to reject, and no more than one to promote."""
    criteria = {"accuracy": -0.9}
    last = judged(PairedGate(criteria=criteria, min_rows=1), *pair(0.2, -0.1), size=1)[-1]
    assert last.decision == "reject"
    assert 40 <= last.evidence["loss"]["against"] < 60
    last = judged(PairedGate(criteria=criteria, min_rows=1), *pair(0.2, 0.1), size=1)[-1]
    assert last.decision == "promote"
    assert 20 <= last.evidence["loss"]["in_favour"] < 30


# Criteria -----------------------------------------------------------------------------------------


def fraud(n=20_000, *, recall=(0.8, 0.8), false_alarms=(0.1, 0.1), seed=0):
    """Return predictions of two models and y, 30 % of which are fraud."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(n) < 0.3, "fraud", "ok")
    draw = rng.random(n)
    columns = [
        np.where(draw < np.where(y == "fraud", hit, alarm), "fraud", "ok")
        for hit, alarm in zip(recall, false_alarms)
    ]
    return np.column_stack(columns), y


NAMES = {"classes": ["fraud", "ok"]}


def test_less_accuracy_is_fine_if_false_alarms_fall():
    """False alarms fall by 10 points at the price of recall: accuracy falls as well."""
    X, y = fraud(recall=(0.9, 0.6), false_alarms=(0.15, 0.05))
    assert (X[:, 1] == y).mean() < (X[:, 0] == y).mean()
    assert decided(PairedGate(), X, y, **NAMES)[0] == "reject"
    criteria = {"false_positive_rate[fraud]": -0.05}
    assert decided(PairedGate(tolerance=0.1, criteria=criteria), X, y, **NAMES)[0] == "promote"
    assert decided(PairedGate(tolerance=None, criteria=criteria), X, y, **NAMES)[0] == "promote"
    criteria = {"false_positive_rate[fraud]": -0.15}
    assert decided(PairedGate(tolerance=0.1, criteria=criteria), X, y, **NAMES)[0] == "reject"


@pytest.mark.parametrize(
    ("name", "allowed", "changes", "met"),
    [
        ("recall[fraud]", -0.05, {"recall": (0.8, 0.8)}, True),
        ("recall[fraud]", -0.05, {"recall": (0.8, 0.7)}, False),
        ("recall[fraud]", 0.05, {"recall": (0.8, 0.9)}, True),
        ("recall[fraud]", 0.05, {"recall": (0.8, 0.81)}, False),
        ("recall", -0.05, {"false_alarms": (0.1, 0.3)}, False),  # of ok, the greater label
        ("false_negative_rate[fraud]", -0.05, {"recall": (0.8, 0.9)}, True),
        ("false_negative_rate[fraud]", 0.05, {"recall": (0.8, 0.7)}, False),
        ("false_positive_rate[fraud]", 0.05, {"false_alarms": (0.1, 0.12)}, True),
        ("false_positive_rate[fraud]", 0.05, {"false_alarms": (0.1, 0.2)}, False),
        ("false_positive_rate", -0.05, {"recall": (0.8, 0.9)}, True),  # ok where it is fraud
        ("accuracy", 0.02, {"recall": (0.8, 0.95)}, True),
        ("accuracy", 0.02, {"recall": (0.8, 0.81)}, False),
        ("negative_flips", 0.02, {"false_alarms": (0.1, 0.11)}, True),
        ("negative_flips", 0.02, {"false_alarms": (0.1, 0.16)}, False),
        ("negative_flips[fraud]", 0.02, {"recall": (0.8, 0.7)}, False),
        ("negative_flips[fraud]", 0.02, {"recall": (0.8, 0.7999)}, True),
    ],
)
def test_each_criterion_is_shown_or_refuted(name, allowed, changes, met):
    """Alone, on 20,000 rows: promoted if the change is allowed, else rejected on evidence."""
    X, y = fraud(**changes)
    gate = PairedGate(tolerance=None, criteria={name: allowed}, max_rows=20_000)
    last = judged(gate, X, y, **NAMES)[-1]
    assert last.decision == ("promote" if met else "reject")
    assert ("violates" in last.reason) is not met


@pytest.mark.parametrize(
    ("name", "rows", "change"),
    [
        ("accuracy", lambda y: y == y, lambda p, y: p == y),
        ("recall[fraud]", lambda y: y == "fraud", lambda p, y: p == y),
        ("false_negative_rate[fraud]", lambda y: y == "fraud", lambda p, y: p != y),
        ("false_positive_rate[fraud]", lambda y: y != "fraud", lambda p, y: p == "fraud"),
    ],
)
def test_the_change_is_that_of_the_metric(name, rows, change):
    """On the rows the metric is about, challenger minus champion."""
    X, y = fraud(100, recall=(0.8, 0.6), false_alarms=(0.3, 0.1))
    gate = PairedGate(tolerance=None, criteria={name: 0.5}, alpha=1e-9)
    evidence = judged(gate, X, y, **NAMES)[-1].evidence[name]
    old, new = (change(X[:, k], y)[rows(y)].mean() for k in (0, 1))
    assert evidence["rows"] == rows(y).sum()
    assert evidence["change"] == pytest.approx(new - old)


def test_all_conditions_have_to_be_shown():
    """One that lacks its rows holds up the rest, and is named in the end."""
    X, y = fraud(3000, recall=(0.5, 0.9))
    y[:] = np.where(X[:, 0] == "ok", "ok", y)
    rows = y == "ok"
    criteria = {"negative_flips": 0.5, "recall[fraud]": 0.5}
    gate = PairedGate(tolerance=0.5, criteria=criteria, max_rows=1000)
    last = judged(gate, X[rows], y[rows], **NAMES)[-1]
    assert last.decision == "reject"
    assert last.reason == "not shown on 1000 later rows: recall[fraud]"
    assert math.isnan(last.evidence["recall[fraud]"]["change"])


def test_a_criterion_violated_by_an_equal_share_is_hardly_ever_promoted():
    """Recall falls by exactly what is not allowed any more: 40 pairs."""
    found = [
        decided(
            PairedGate(tolerance=None, criteria={"recall[fraud]": -0.05}, max_rows=3000),
            *fraud(3000, recall=(0.8, 0.75), seed=seed),
            **NAMES,
        )[0]
        for seed in range(40)
    ]
    assert found.count("promote") <= 2


@pytest.mark.parametrize("classes", [[0, 1], [False, True], [1.5, 2.5]])
def test_labels_of_any_type_are_named_as_they_print(classes):
    X, y = np.tile(np.array(classes), (300, 1)), np.full(300, classes[1])
    gate = PairedGate(tolerance=None, criteria={f"recall[{classes[1]}]": 0.5})
    assert decided(gate, X, y, classes=classes)[0] == "promote"


def test_a_whole_number_names_its_class_where_a_data_frame_made_it_a_float():
    X, y = np.tile([0.0, 1.0], (300, 1)), np.ones(300)
    gate = PairedGate(tolerance=None, criteria={"recall[1]": 0.5})
    assert decided(gate, X, y, classes=[0.0, 1.0])[0] == "promote"


@pytest.mark.parametrize(
    ("name", "classes", "message"),
    [
        ("recall[theft]", ["fraud", "ok"], r"the classes fraud, ok, as in recall\[fraud\]; recall"),
        ("recall", ["a", "b", "c"], r"the classes a, b, c, as in recall\[a\]; recall is not"),
    ],
)
def test_a_class_that_is_not_known_is_refused_with_those_that_are(name, classes, message):
    X, y = fraud(100)
    with pytest.raises(ValueError, match=message):
        judged(PairedGate(criteria={name: 0.1}), X, y, classes=classes)


def test_criteria_are_for_classifiers_with_one_output():
    message = "criteria must be None unless the model is a classifier with a single output"
    X, y = np.zeros((5, 2)), np.zeros(5)
    with pytest.raises(ValueError, match=message):
        judged(PairedGate(criteria={"accuracy": 0.1}), X, y, kind=Values)
    with pytest.raises(ValueError, match=message):
        judged(PairedGate(criteria={"accuracy": 0.1}), X, np.c_[y, y])


# Other losses -------------------------------------------------------------------------------------


def residuals(n=4000, *, better=0.0, scale=1.0, seed=0):
    """Return predictions of two regressors for targets of zero."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    noise = 0.3 * rng.normal(size=(n, 2))
    return scale * (common[:, None] + noise) * [1.0, 1.0 - better], np.zeros(n)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_regressor_with_smaller_residuals_is_promoted_at_every_scale(scale):
    X, y = residuals(better=0.2, scale=scale)
    last = judged(PairedGate(), X, y, kind=Values)[-1]
    assert last.decision == "promote"
    assert last.evidence["loss"]["change"] == pytest.approx(-0.2, abs=0.1)
    assert decided(PairedGate(), X[:, ::-1], y, kind=Values)[0] == "reject"


def test_equal_regressors_are_hardly_ever_promoted():
    found = [
        decided(PairedGate(max_rows=2000), *residuals(2000, seed=seed), kind=Values)[0]
        for seed in range(40)
    ]
    assert found.count("promote") <= 2


@pytest.mark.parametrize("tolerance", [0.0, 0.3])
def test_the_evidence_on_residuals_is_counted_by_hand(tolerance):
    """Differences in units of three mean losses of the champion on the rows before, clipped."""
    X, y = residuals(150, better=0.3)
    gate = PairedGate(tolerance=tolerance, alpha=1e-9)
    evidence = judged(gate, X, y, kind=Values)[-1].evidence["loss"]
    assert evidence["rows"] == 150
    losses, gains = np.abs(X), []
    for row, (old, new) in enumerate(losses.tolist()):
        unit = 3 * losses[:row, 0].mean() if row else 0.0
        gain = (old - new) / unit if unit else float(np.sign(old - new))
        gains.append(max(-1.0, min(1.0, gain)))
    assert evidence["change"] == pytest.approx(-3 * np.mean(gains))
    for name, sign in (("in_favour", 1), ("against", -1)):
        bound = -sign * tolerance / 3
        assert evidence[name] == pytest.approx(capital([sign * g for g in gains], bound, -1.0))


def test_the_tolerance_of_a_regression_is_a_share_of_the_mean_loss():
    X, y = residuals(20_000, better=-0.05)
    gate = PairedGate(max_rows=20_000)
    assert decided(gate, X, y, kind=Values)[0] == "reject"
    assert decided(clone(gate).set_params(tolerance=0.2), X, y, kind=Values)[0] == "promote"


def test_a_row_that_is_infinitely_wrong_counts_as_one_unit():
    """On both sides it counts for nothing; the mean that the unit is made of leaves it out."""
    X, y = residuals(300)
    X[0], X[10, 0], X[20], X[30, 1] = 0.0, np.inf, np.inf, np.inf
    evidence = judged(PairedGate(alpha=1e-9), X, y, kind=Values)[-1].evidence["loss"]
    assert np.isfinite(list(evidence.values())).all()
    assert abs(evidence["change"]) < 0.1


def test_perfect_champions_have_no_unit_and_every_difference_is_a_whole_one():
    X, y = np.tile([0.0, 1e-9], (200, 1)), np.zeros(200)
    assert judged(PairedGate(), X, y, kind=Values)[-1].evidence["loss"]["change"] == 3.0


def test_clusterers_are_compared_by_the_distance_to_their_centres():
    X = np.random.default_rng(0).normal(size=(600, 2)) + np.repeat([[0], [20]], 300, axis=0)
    few, many = (KMeans(k, random_state=0, n_init=1).fit(X) for k in (1, 2))
    assert PairedGate().judge(Trial(few, many, X, None, True, 600)).decision == "promote"
    assert PairedGate().judge(Trial(many, few, X, None, True, 600)).decision == "reject"


def test_models_that_cannot_be_compared_are_refused():
    X = np.zeros((5, 2))
    scaler = StandardScaler().fit(X)
    with pytest.raises(ValueError, match="cannot compare models of type StandardScaler"):
        PairedGate().judge(Trial(scaler, scaler, X, None, True, 5))


def test_several_outputs_lose_their_mean():
    """One of two outputs gets right: the loss falls by one half."""

    class Both(ClassifierMixin, BaseEstimator):
        def __init__(self, columns):
            self.columns = columns

        def predict(self, X):
            return X[:, self.columns]

    X = np.tile([0, 0, 1, 0], (200, 1))
    trial = Trial(Both([0, 1]), Both([2, 3]), X, np.ones((200, 2), int), True, 200)
    verdict = PairedGate().judge(trial)
    assert verdict.decision == "promote"
    assert verdict.evidence["loss"]["change"] == -0.5


# The watch after a promotion ----------------------------------------------------------------------


def watched(gate, X, y, size=100):
    gate.begin_watch()
    models = Labels(0, (0, 1)), Labels(1, (0, 1))
    for start in range(0, len(X), size):
        rows = slice(start, start + size)
        verdict = gate.watch(Trial(*models, X[rows], y[rows], True, start + size))
        if verdict.decision != "wait":
            break
    return verdict, start + size


def test_a_promotion_that_proves_wrong_is_taken_back_and_a_right_one_is_confirmed():
    assert watched(PairedGate(), *pair(0.2, -0.1))[0].decision == "reject"
    assert watched(PairedGate(), *pair(0.2, 0.1))[0].decision == "promote"


def test_without_evidence_against_it_a_promotion_stands():
    verdict, row = watched(PairedGate(max_rows=600), *pair(0.0, 0.0, 2000))
    assert (verdict.decision, verdict.reason, row) == (
        "promote",
        "nothing against the promotion",
        600,
    )


def test_the_watch_and_a_pending_challenger_have_evidence_of_their_own():
    """A reset for a new challenger keeps the watch, and the other way round."""
    X, y = pair(0.3, 0.0, 300)
    gate = PairedGate(max_rows=300)
    trial = Trial(Labels(0, (0, 1)), Labels(1, (0, 1)), X[:100], y[:100], True, 100)
    assert gate.watch(trial).evidence["loss"]["rows"] == 100
    assert gate.judge(trial).evidence["loss"]["rows"] == 100
    gate.reset()
    assert gate.watch(trial).evidence["loss"]["rows"] == 200
    assert gate.judge(trial).evidence["loss"]["rows"] == 100
    gate.begin_watch()
    assert gate.judge(trial).evidence["loss"]["rows"] == 200


# As a part ----------------------------------------------------------------------------------------


def test_a_pickle_goes_on_and_a_clone_is_blank():
    X, y = pair(0.2, 0.05, 2000)
    gate = PairedGate(criteria={"accuracy": -0.5})
    models = Labels(0, (0, 1)), Labels(1, (0, 1))
    first, second = (Trial(*models, X[k : k + 100], y[k : k + 100], True, 0) for k in (0, 100))
    gate.judge(first)
    copy = pickle.loads(pickle.dumps(gate))
    assert gate.judge(second) == copy.judge(second)
    assert clone(gate).judge(second).evidence["loss"]["rows"] == 100


def test_the_evidence_can_be_written_as_json():
    """Also where the capital would be infinite."""
    X, y = np.tile([0, 1], (5000, 1)), np.ones(5000, dtype=int)
    evidence = judged(PairedGate(), X, y, size=5000)[-1].evidence
    assert "Infinity" not in json.dumps(evidence)


def test_in_a_retrainer_the_challenger_of_an_alarm_has_to_prove_itself():
    """It is pending first, and serves once it was better on later rows."""
    X, y, _ = make_drifting_classification(3000, random_state=0)
    model = DriftAwareRetrainer(
        LogisticRegression(), gate=PairedGate(), batch_size=100, policy="full_refit"
    ).fit(X, y)
    alarm = [event for event in model.events_ if event.reason.startswith("alarm")]
    assert [event.action for event in alarm[:2]] == ["superseded", "retrained"]
    assert alarm[1].row >= alarm[0].row + 100
    assert alarm[1].evidence["loss"]["in_favour"] >= 20
    assert model.score(X[2500:], y[2500:]) > 0.8


def test_a_dry_run_says_what_the_gate_would_have_done():
    X, y, _ = make_drifting_classification(3000, random_state=0)
    model = DriftAwareRetrainer(GaussianNB(), gate=PairedGate(), batch_size=100, dry_run=True)
    suggested = [event for event in model.fit(X, y).events_ if event.action == "suggested"]
    assert suggested[-1].evidence["loss"]["change"] < 0
    assert model.n_refits_ == 0


def alarmed(gate, X, y, *, update=None, grow=False, rows=(300,), first=300):
    return DriftAwareRetrainer(
        LogisticRegression(),
        detector=Rings(rows),
        policy=FullRefit(grow=grow),
        update=update,
        gate=gate,
    ).fit(X[:first], y[:first])


def test_rows_of_weight_zero_are_no_evidence():
    """Half of the rows have weight zero and wrong labels: the numbers are those of the others."""
    X, y = stream(1500, drift=300)
    weight = np.arange(1500) % 2
    wrong = np.where(weight == 1, y, 1 - y)
    rows = slice(350, 550)
    found = []
    for target, weights in ((y, None), (wrong, weight)):
        model = alarmed(PairedGate(min_rows=100, max_rows=100), X, y)
        model.partial_fit(X[300:350], y[300:350])
        challenger, champion = model.challenger_, model.estimator_
        for start in range(350, 550, 50):
            part = slice(start, start + 50)
            if weights is None:
                model.partial_fit(X[part][1::2], target[part][1::2])
            else:
                model.partial_fit(X[part], target[part], sample_weight=weights[part])
        found.append(model.events_[-1])
    assert found[0].evidence == found[1].evidence
    assert found[1].evidence["loss"]["rows"] == 100
    Z, z = X[rows][1::2], y[rows][1::2]
    change = champion.score(Z, z) - challenger.score(Z, z)
    np.testing.assert_allclose(found[1].evidence["loss"]["change"], change)
    assert found[1].action == "retrained"


def test_a_batch_of_weight_zero_in_which_the_challenger_is_made_is_no_obstacle():
    """Its sanity is looked at on all rows, as there are no others."""
    X, y = stream(600, drift=300)
    model = alarmed(PairedGate(), X, y, rows=[340])
    model.partial_fit(X[300:330], y[300:330])
    model.partial_fit(X[330:360], y[330:360], sample_weight=np.zeros(30))
    assert model.events_[-1].action == "pending"


def test_the_watch_leaves_rows_of_weight_zero_out():
    """Their labels speak against the promotion; those of the others for it."""

    class Watches(PairedGate):
        def judge(self, trial):
            return Verdict("promote")

    X, y = stream(1500, drift=300)
    weight = (np.arange(1500) % 4 == 0).astype(float)
    wrong = np.where(weight == 1, y, 1 - y)
    model = alarmed(Watches(), X, y)
    model.partial_fit(X[300:400], y[300:400])
    for start in range(400, 1400, 100):
        rows = slice(start, start + 100)
        model.partial_fit(X[rows], wrong[rows], sample_weight=weight[rows])
    assert [event.action for event in model.events_][1:] == ["retrained"]
    assert state_of(model).service.previous is None  # the watch is over


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"criteria": {"recal[x]": -0.01}},
            r"criteria=\{'recal\[x\]': -0.01\}\): .* must be named",
        ),
        ({"alpha": 2}, r"PairedGate\(alpha=2\): alpha must be a number above 0 and below 1"),
        ({"min_rows": 50, "max_rows": 40}, r"max_rows=40\): .* at least min_rows, which is 50"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_is_learned(params, message):
    """By fit and by the first partial_fit, not by the first retrain; what was learned stays."""
    X, y = stream(300)
    model = DriftAwareRetrainer(GaussianNB(), gate=PairedGate(**params))
    for learn in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            learn(X, y)
        assert not hasattr(model, "n_samples_seen_")
    model.set_params(gate=None).fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.set_params(gate=PairedGate(**params)).fit(X[:100], y[:100])
    assert model.n_samples_seen_ == 300


class Decides(BaseGate):
    """Wait for seven batches, then give one decision."""

    def __init__(self, decision):
        self.decision = decision

    def judge(self, trial):
        return Verdict("wait" if trial.age < 350 else self.decision)


@pytest.mark.parametrize("decision", ["promote", "reject"])
def test_growth_waits_for_the_verdict_and_comes_right_after(decision):
    """The new concept grows from 50 rows to 400 in the meantime, and nothing is replaced."""
    X, y = stream(1500, drift=300)
    model = alarmed(Decides(decision), X, y, grow=True)
    for start in range(300, 1500, 50):
        rows = slice(start, start + 50)
        model.partial_fit(X[rows], y[rows])
        if start == 650:
            break
        assert [event.action for event in model.events_][1:] == ["pending"]
    action = "retrained" if decision == "promote" else "rejected"
    assert [(e.action, e.row) for e in model.events_][1:] == [("pending", 350), (action, 700)]
    model.partial_fit(X[700:750], y[700:750])
    event = model.events_[-1]
    # A rejected alarm located no concept: growth goes on with all rows, 300 at the first fit.
    assert (event.action, event.reason, event.row) == ("pending", "growth", 750)
    assert event.n_rows_fitted == (450 if decision == "promote" else 750)


def test_a_class_that_the_waiting_challenger_lacks_replaces_it_once():
    """Else the class would not be learned for `max_rows` rows; and it is not replaced again."""
    X, y = stream(1500, drift=300)
    y[500:][::10] = 2
    model = alarmed(PairedGate(min_rows=600), X, y)
    with pytest.warns(ClassesGrewWarning):
        feed(model, X, y, 50, 300, 1000)
    assert [(e.action, e.row, e.reason) for e in model.events_][1:] == [
        ("pending", 350, "alarm"),
        ("superseded", 550, "new classes [2]"),
    ]
    assert model.challenger_.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": 0}, r"PairedGate\(alpha=0\): alpha must be a number above 0 and below 1"),
        ({"tolerance": 1}, r"tolerance must be a number above -1 and below 1"),
        ({"tolerance": None}, "tolerance must be a number, as there are no criteria either"),
        ({"min_rows": 0}, "min_rows must be an integer of at least 1, a number of rows"),
        ({"max_rows": 1e4}, "max_rows must be an integer"),
        ({"min_rows": 50, "max_rows": 40}, "max_rows must be at least min_rows, which is 50"),
        ({"criteria": ["recall"]}, r"criteria must be a dict such as"),
        ({"criteria": {"lift": 0.1}}, "criteria must be named accuracy, recall, false_posi"),
        ({"criteria": {"accuracy[a]": 0.1}}, "all but the first with"),
        ({"criteria": {3: 0.1}}, "criteria must be named"),
        ({"criteria": {"recall": 2}}, r"allowed change in \(-1, 1\) for recall"),
        ({"criteria": {"recall": True}}, r"allowed change in \(-1, 1\) for recall"),
        ({"criteria": {"negative_flips": -0.1}}, r"change in \(0, 1\) for negative_flips"),
    ],
)
def test_parameters_are_checked_at_reset_by_name_and_value(params, message):
    gate = PairedGate(**params)
    with pytest.raises(ValueError, match=message):
        gate.reset()


# -- on the rows that nobody learns ----------------------------------------------------------------


def _on_anchor(criteria, right_old, right_new, since=0):
    """Return the verdict where the challenger is better on new rows, and these on the anchor."""
    columns, y = pair(0.4, 0.35, n=2000)
    rows = np.column_stack([right_old, right_new]).astype(int)  # the labels are 1
    anchor = Rows(rows, np.ones(len(rows), dtype=int), {}, np.arange(len(rows)))
    gate = PairedGate(criteria=criteria).reset()
    models = Labels(0, (0, 1)), Labels(1, (0, 1))
    return gate.judge(Trial(*models, columns, y, True, 2000, anchor=anchor, since=since))


@pytest.mark.parametrize(("n_lost", "decision"), [(0, "promote"), (1, "promote"), (2, "reject")])
def test_a_challenger_may_lose_as_much_on_the_anchor_as_is_allowed(n_lost, decision):
    right = np.ones(100, dtype=bool)
    verdict = _on_anchor({"anchor": -0.01}, right, np.arange(100) >= n_lost)
    assert verdict.decision == decision
    change = pytest.approx(-n_lost / 100)
    assert verdict.evidence["anchor"] == {"rows": 100, "change": change, "allowed": -0.01}
    assert ("violates" in verdict.reason) == (decision == "reject")


def test_rows_from_before_the_change_count_unless_the_present_ones_are_asked_for():
    right, forgets = np.ones(100, dtype=bool), np.arange(100) >= 60
    for since, decision in ((60, "promote"), (50, "reject"), (100, "promote")):
        verdict = _on_anchor({"anchor[present]": -0.01}, right, forgets, since)
        assert verdict.decision == decision
        assert verdict.evidence["anchor[present]"]["rows"] == 100 - since
        assert _on_anchor({"anchor": -0.01}, right, forgets, since).decision == "reject"


@pytest.mark.parametrize(
    ("base", "name", "accepted"),
    [
        (GaussianNB(), "anchor", "as Reservoir.anchor=200."),
        (GaussianNB(), "anchor[present]", "as Reservoir.anchor=200."),
        (Ridge(), "negative_flips", "a classifier"),
    ],
)
def test_what_no_trial_could_meet_is_refused_when_a_fit_begins(base, name, accepted):
    """Not at the first challenger, weeks later, and then at each."""
    X, y = np.arange(40.0).reshape(-1, 1), np.arange(40) % 2
    gate = PairedGate(criteria={name: 0.01})
    with pytest.raises(ValueError, match=f"criteria must be .*{accepted}"):
        DriftAwareRetrainer(base, gate=gate).fit(X, y)
    if name != "negative_flips":
        DriftAwareRetrainer(base, gate=gate, buffer=Reservoir(anchor=5)).fit(X, y)


def test_a_criterion_on_the_anchor_needs_a_buffer_that_withholds_rows():
    X, y = pair(0.4, 0.35, n=200)
    with pytest.raises(ValueError, match=r"Reservoir\(anchor=200\)"):
        judged(PairedGate(criteria={"anchor": -0.01}), X, y)
    with pytest.raises(ValueError, match="allowed change|named .* or anchor"):
        PairedGate(criteria={"anchor": 2}).reset()
    with pytest.raises(ValueError, match="or anchor"):
        PairedGate(criteria={"anchor[old]": -0.01}).reset()


def test_a_retrainer_shows_its_gate_the_anchor_and_where_the_concept_began():
    X, y, _ = make_drifting_classification(3000, random_state=0)
    options = {"policy": "full_refit", "update": None, "batch_size": 100}
    outcomes = {}
    for name in ("anchor", "anchor[present]"):
        gate = PairedGate(criteria={name: -0.05})
        buffer = SlidingWindow(anchor=100)
        model = DriftAwareRetrainer(LogisticRegression(), gate=gate, buffer=buffer, **options)
        outcomes[name] = [e for e in model.fit(X, y).events_ if "alarm" in e.reason]
    actions = {name: [e.action for e in events] for name, events in outcomes.items()}
    assert "retrained" in actions["anchor[present]"]
    assert "retrained" not in actions["anchor"]  # the old rows are out of date
    promoted = outcomes["anchor[present]"][actions["anchor[present]"].index("retrained")].evidence
    assert promoted["anchor_stale"] == promoted["anchor_rows"] - promoted["anchor[present]"]["rows"]
    json.dumps(promoted)
