"""Scorers as criteria: any of scikit-learn's, with or without a slice, and higher is better."""

import json
import math
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import (
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_absolute_error,
    roc_auc_score,
)
from sklearn.svm import LinearSVC

from skretrain import DriftAwareRetrainer
from skretrain.drift import Periodic
from skretrain.gates import PairedGate, Trial
from skretrain.gates._scorers import OnAScorer

ALONE = {"tolerance": None}
SLICES = {"shop": 2}
LOG_LOSS = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")


class Labels(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are a column of the rows."""

    def __init__(self, column, classes=(0, 1)):
        self.column = column
        self.classes = classes

    @property
    def classes_(self):
        return np.asarray(self.classes)

    def predict_proba(self, X):
        share = np.asarray(X, dtype=np.float64)[:, self.column]
        return np.c_[1 - share, share]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Values(RegressorMixin, BaseEstimator):
    """A regressor whose predictions are a column, or several, of the rows."""

    def __init__(self, column):
        self.column = column

    def predict(self, X):
        return np.asarray(X)[:, self.column]


def judged(gate, X, y, *, size=100, kind=Labels, until=True):
    """Return the verdicts on the model of column 1 against that of column 0, until the last."""
    gate.reset()
    verdicts = []
    for start in range(0, len(X), size):
        rows = slice(start, start + size)
        verdicts.append(gate.judge(Trial(kind(0), kind(1), X[rows], y[rows], True, start + size)))
        if until and verdicts[-1].decision != "wait":
            break
    return verdicts


def shares(n=4000, *, gain=0.0, share=0.3, seed=0):
    """Return probabilities of two models with a shop, and y; noise in the second is less."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    seen = 2.0 * y + rng.normal(size=n)
    old, new = (seen + noise * rng.normal(size=n) - 1 for noise in (1.0, 1.0 - gain))
    return np.c_[1 / (1 + np.exp(-old)), 1 / (1 + np.exp(-new)), rng.integers(0, 4, size=n)], y


def swapped(X):
    return X[:, [1, 0, 2]]


def ranks(estimator, X, y):
    """The area under the curve, without the checks that take scikit-learn a millisecond."""
    found = stats.rankdata(estimator.predict_proba(X)[:, 1])
    n = int(y.sum())
    if n in (0, len(y)):
        raise ValueError("one class")
    return float((found[y == 1].sum() - n * (n + 1) / 2) / (n * (len(y) - n)))


def profit(estimator, X, y):
    """A scorer of one's own: what each row brings is a column of X."""
    return float(np.mean(np.where(estimator.predict(X) == y, np.asarray(X)[:, 2], 0.0)))


# What is compared ---------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("name", "size"), [("roc_auc", 100), ("precision", 25), ("neg_brier_score", 25)]
)
def test_the_change_is_that_of_the_score_of_all_rows_so_far(name, size):
    X, y = shares(400, gain=0.4)
    gate = PairedGate(criteria={name: 0.5}, alpha=1e-30, **ALONE)
    verdicts = judged(gate, X, y, size=size)
    for verdict in verdicts:
        found = verdict.evidence[name]
        if found["rows"]:
            rows, scorer = slice(0, found["rows"]), get_scorer(name)
            scores = [scorer(Labels(k), X[rows], y[rows]) for k in (0, 1)]
            assert found["change"] == pytest.approx(scores[1] - scores[0])
    looked = [verdict.evidence[name]["rows"] for verdict in verdicts]
    assert looked[100 // size - 1 :: 100 // size] == [100, 200, 200, 400][: len(verdicts)]


def test_the_evidence_is_a_jackknife_over_twenty_groups_divided_among_the_looks():
    """Of a mean, the jackknife is the spread of the means of groups."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    X = np.c_[y + rng.normal(size=200), y + rng.normal(size=200)]
    gate = PairedGate(criteria={"neg_mean_absolute_error": -0.1}, alpha=1e-9, **ALONE)
    found = judged(gate, X, y, size=200, kind=Values)[-1].evidence["neg_mean_absolute_error"]
    losses = np.abs(X - y[:, None])
    gains = losses[:, 0] - losses[:, 1]
    error = gains.reshape(20, 10).mean(axis=1).std(ddof=1) / math.sqrt(20)
    by_y, exchanges = np.argsort(y), []
    for one, other in zip(by_y[:10], by_y[::-1][:10], strict=True):
        old = X[:, 0].copy()
        old[[one, other]] = old[[other, one]]
        exchanges.append(abs(np.abs(old - y).mean() - losses[:, 0].mean()))
    t = (gains.mean() + 0.1) / math.hypot(error, max(exchanges))
    n_looks = 8  # 100, 200, ..., 6,400 and 10,000 rows
    assert found["in_favour"] == pytest.approx(1 / (n_looks * stats.t.sf(t, 19)), rel=1e-6)
    assert found["against"] == 1


@pytest.mark.parametrize(
    ("sizes", "n_looks"), [((100, 10_000), 8), ((1, 100), 1), ((100, 101), 2), ((200, 400), 2)]
)
def test_looks_are_as_many_as_can_take_place(sizes, n_looks):
    least, most = sizes
    condition = OnAScorer("x", 0.0, None, None, min_rows=least, max_rows=most)
    looked = []
    condition._look = lambda told: looked.append(condition.n)
    answers = type("Told", (), {"joined": lambda *_: answers, "part": lambda *_: None})()
    for n in range(1, most + 1):
        condition.take_in(np.array([n]), answers, None, is_last=n == most)
    assert len(looked) == condition.n_looks == n_looks
    assert looked[-1] == most


# Decisions ----------------------------------------------------------------------------------------


SCORERS = {
    "roc_auc": 0.0,
    "average_precision": 0.0,
    "log loss": (
        make_scorer(log_loss, greater_is_better=False, response_method="predict_proba"),
        0,
    ),
    "mine": (lambda estimator, X, y: roc_auc_score(y, estimator.predict_proba(X)[:, 1]), 0.0),
    "by name": ("neg_brier_score", 0),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("name", SCORERS)
def test_a_better_model_is_promoted_and_a_worse_one_rejected(name):
    """Trap: a scorer of which higher is better, told as a loss; of losses, minus is higher."""
    X, y = shares(gain=0.9)
    gate = PairedGate(criteria={name: SCORERS[name]}, min_rows=800, **ALONE)
    verdicts = [judged(gate, rows, y, size=800)[-1] for rows in (X, swapped(X))]
    assert [verdict.decision for verdict in verdicts] == ["promote", "reject"]
    assert f"{name} +" in verdicts[0].reason
    assert f"({name} -" in verdicts[1].reason


@pytest.mark.no_cover
def test_a_margin_is_told_in_the_unit_of_the_score():
    """The mean absolute error may rise by one and does by a half: more than 1 is allowed."""
    rng = np.random.default_rng(0)
    y = 10 * rng.normal(size=3000)
    X = np.c_[y + rng.choice([-3.0, 3.0], 3000), y + rng.choice([-3.5, 3.5], 3000)]
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    for allowed, decision in ((-1.0, "promote"), (-0.1, "reject"), (0.1, "reject")):
        gate = PairedGate(criteria={"error": (scorer, allowed)}, **ALONE)
        assert judged(gate, X, y, kind=Values)[-1].decision == decision


def test_all_conditions_have_to_be_shown_whatever_their_kind():
    X, y = shares(gain=0.9)
    both = PairedGate(criteria={"roc_auc": 0.5}, max_rows=1000)  # no model gains half an area
    assert judged(PairedGate(), X, y)[-1].decision == "promote"
    verdict = judged(both, X, y)[-1]
    assert verdict.decision == "reject"
    assert set(verdict.evidence) == {"loss", "roc_auc"}


@pytest.mark.parametrize("share", [0.3, 0.05])
def test_models_that_are_equal_are_hardly_ever_promoted(share):
    """Twelve pairs, with looks at up to 1,600 rows: at most one is."""
    gate = PairedGate(criteria={"area": (ranks, 0.0)}, max_rows=1600, **ALONE)
    found = [judged(gate, *shares(1600, share=share, seed=n))[-1].decision for n in range(12)]
    assert found.count("promote") <= 1
    assert found.count("promote") + found.count("reject") == 12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roc_auc", "f1", "average_precision"])
@pytest.mark.parametrize("share", [0.3, 0.03])
def test_models_that_are_equal_are_promoted_in_at_most_alpha(name, share):
    gate = PairedGate(criteria={name: 0.0}, max_rows=3200, **ALONE)
    found = [judged(gate, *shares(3200, share=share, seed=n))[-1].decision for n in range(200)]
    assert stats.binomtest(found.count("promote"), 200, 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.no_cover
def test_that_nothing_differs_on_a_few_rare_rows_is_no_evidence():
    """Five of a hundred rows weigh as much as the others; the sixth may be the first that differs.

    Of two hundred, nothing can be so far off any more.
    """
    y = np.tile(np.repeat([1, 0], [1, 19]), 400)
    X = np.c_[y, y, y].astype(float)
    gate = PairedGate(criteria={"balanced_accuracy": -0.02}, **ALONE)
    verdicts = judged(gate, X, y)
    assert verdicts[0].evidence["balanced_accuracy"]["in_favour"] < 2
    assert verdicts[-1].decision == "promote"
    assert len(verdicts) >= 8


# Slices -------------------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("as_frame", [False, True])
@pytest.mark.parametrize("name", ["roc_auc", "profit"])
def test_in_a_slice_the_evidence_is_that_on_its_rows_alone(name, as_frame):
    X, y = shares(1600, gain=0.3)
    inside = X[:, 2] == 3
    n = 100 * (inside.sum() // 100)
    keep = ~inside | (np.cumsum(inside) <= n)
    X, y, inside = X[keep], y[keep], inside[keep]
    value = (profit, -0.1) if name == "profit" else -0.1
    options = {"tolerance": None, "alpha": 1e-30, "max_rows": 3000}
    sliced = PairedGate(criteria={f"{name}[shop=3]": value}, slices=SLICES, **options)
    alone = PairedGate(criteria={name: value}, **options)
    expected = judged(alone, X[inside], y[inside], size=n)[-1].evidence[name]
    size = len(X)
    if as_frame:
        X = Frame(pd.DataFrame(X, columns=["old", "new", "shop"]))
        sliced.set_params(slices={"shop": "shop"})
    found = judged(sliced, X, y, size=size)[-1].evidence[f"{name}[shop=3]"]
    assert found == pytest.approx(expected)
    assert found["rows"] == n


class Frame:
    """A frame that is cut by rows as an array is."""

    def __init__(self, frame):
        self.frame = frame

    def __len__(self):
        return len(self.frame)

    def __getitem__(self, rows):
        return self.frame.iloc[rows]


def test_a_challenger_that_is_better_and_ranks_worse_in_one_slice_is_rejected():
    X, y = shares(8000, gain=0.9)
    worse = X[:, 2] == 1
    X[worse, 1] = X[worse, 0] / 2 + np.random.default_rng(0).random(worse.sum()) / 2
    gate = PairedGate(criteria={"area": (ranks, 0.0)}, max_rows=8000, **ALONE)
    assert judged(gate, X, y)[-1].decision == "promote"
    criteria = {"area[shop=1]": (ranks, -0.05)}
    gate = PairedGate(criteria=criteria, slices=SLICES, max_rows=8000, **ALONE)
    assert judged(gate, X, y)[-1].decision == "reject"


# Rows on which there is no score ------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "f1"])
def test_without_the_other_class_it_waits_and_decides_once_it_has_come(name):
    X, y = shares(gain=0.9)
    negative, n = np.flatnonzero(y == 0), 300
    order = np.append(negative[:n], np.setdiff1d(np.arange(len(y)), negative[:n]))
    X, y = X[order], y[order]
    X[:n, :2] = 0.1  # nobody predicts the class that is not there
    gate = PairedGate(criteria={name: 0.0}, **ALONE)
    verdicts = judged(gate, X, y)
    assert np.isnan(verdicts[1].evidence[name]["change"])
    assert verdicts[1].evidence[name]["in_favour"] == 1
    assert verdicts[-1].decision == "promote"


def test_a_score_that_is_never_defined_is_told_with_the_reason():
    X, _ = shares(400)
    gate = PairedGate(criteria={"roc_auc": 0.0}, max_rows=300, **ALONE)
    verdict = judged(gate, X, np.zeros(400, dtype=int))[-1]
    assert verdict.decision == "reject"
    assert verdict.reason.startswith("not shown on 300 later rows: roc_auc (not defined: Only one")
    assert len(verdict.reason) < 250


def test_a_score_that_is_not_a_number_is_no_evidence():
    X, y = shares(400)
    scorer = make_scorer(lambda y_true, y_pred: math.nan if len(y_true) < 200 else 1.0)
    gate = PairedGate(criteria={"odd": (scorer, -0.1)}, max_rows=200, **ALONE)
    verdict = judged(gate, X, y)[-1]
    assert verdict.reason.endswith("odd (not a number on some of the rows)")
    assert verdict.evidence["odd"]["in_favour"] == 1


def test_a_score_that_never_changes_is_no_evidence():
    X, y = shares(400)
    scorer = make_scorer(lambda y_true, y_pred: 1.0)
    gate = PairedGate(criteria={"constant": (scorer, -0.1)}, max_rows=200, **ALONE)
    verdict = judged(gate, X, y)[-1]
    assert verdict.reason == "not shown on 200 later rows: constant"


def test_what_else_a_scorer_raises_is_not_hidden():
    def broken(estimator, X, y):
        return estimator.coef_

    X, y = shares(200)
    with pytest.raises(AttributeError, match="coef_"):
        judged(PairedGate(criteria={"broken": (broken, 0.0)}, **ALONE), X, y)


# Models -------------------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_class_that_comes_later_has_had_no_probability_before():
    """Its probability is 0 in the rows before."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(400) < 200, rng.integers(2, size=400), rng.integers(3, size=400))
    X = rng.random((400, 3))
    gate = PairedGate(criteria={"neg_log_loss": 0.5}, max_rows=400, **ALONE).reset()
    for start in (0, 200):
        rows = slice(start, start + 200)
        model = Labels if not start else Three
        verdict = gate.judge(Trial(model(0), model(1), X[rows], y[rows], True, start + 200))
    found = verdict.evidence["neg_log_loss"]
    told = [np.r_[np.c_[Labels(k).predict_proba(X[:200]), np.zeros(200)],
                  Three(k).predict_proba(X[200:])] for k in (0, 1)]  # fmt: skip
    scores = [-log_loss(y, proba, labels=[0, 1, 2]) for proba in told]
    assert found["change"] == pytest.approx(scores[1] - scores[0])


class Three(Labels):
    """The same with a third class."""

    @property
    def classes_(self):
        return np.arange(3)

    def predict_proba(self, X):
        return np.c_[super().predict_proba(X) * 0.7, np.full(len(X), 0.3)]


def test_several_outputs_and_none_have_scores_too():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(600, 2))
    X = np.c_[y + rng.normal(size=(600, 2)), y + 0.1 * rng.normal(size=(600, 2))]

    def kind(k):
        return Values([2 * k, 2 * k + 1])

    gate = PairedGate(criteria={"r2": 0.0}, **ALONE)
    assert judged(gate, X, y, kind=kind)[-1].decision == "promote"
    centres = [KMeans(2, n_init=1, random_state=0).fit(part) for part in (X[:, :2] * 9, X[:, :2])]
    closeness = lambda estimator, X: float((estimator.predict(X) == 0).mean())  # noqa: E731
    with pytest.raises(ValueError, match="scorer for closeness"):
        PairedGate(criteria={"closeness": (closeness, 0.0)}, **ALONE).reset()
    gate = PairedGate(criteria={"closeness": (Closeness(), -1.0)}, **ALONE).reset()
    verdict = gate.judge(Trial(*centres, X[:200, :2], None, True, 200))
    expected = np.diff([(centre.predict(X[:200, :2]) == 0).mean() for centre in centres])[0]
    assert verdict.evidence["closeness"]["change"] == pytest.approx(expected)


class Closeness:
    """A scorer that takes targets or does without."""

    def __call__(self, estimator, X, y=None):
        return float((estimator.predict(X) == 0).mean())


@pytest.mark.parametrize("name", ["neg_log_loss", "neg_brier_score"])
def test_a_scorer_of_probabilities_is_refused_where_there_are_none(name):
    X, y = shares(200)
    gate = PairedGate(criteria={name: 0.0})
    model = DriftAwareRetrainer(LinearSVC(), gate=gate)
    with pytest.raises(ValueError, match=f"{name} needs predict_proba, which LinearSVC does not"):
        model.fit(X, y)
    assert not hasattr(model, "events_")
    with pytest.raises(ValueError, match="which Values does not have"):
        gate.judge(Trial(Values(0), Values(1), X, y, True, 200))


@pytest.mark.parametrize("base", [LogisticRegression(), RidgeClassifier()])
def test_in_a_retrainer_scorers_decide_and_the_event_log_can_be_written(base):
    X, y = shares(1200, gain=0.5)
    y[600:] = 1 - y[600:]
    criteria = {"ranks": ("roc_auc", -0.01), "profit[shop=1]": (profit, -1.0)}
    gate = PairedGate(tolerance=None, criteria=criteria, slices=SLICES, max_rows=200)
    model = DriftAwareRetrainer(base, detector=Periodic(400), policy="full_refit", gate=gate)
    before = joblib.hash(model.get_params())
    model.fit(X[:400], y[:400])
    for start in range(400, 1200, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    judged = [event for event in model.events_ if set(event.evidence) == set(criteria)]
    assert any(event.evidence["ranks"]["rows"] for event in judged)
    json.dumps([event.evidence for event in judged])
    assert joblib.hash(model.get_params()) == before


def test_rows_that_are_changed_afterwards_were_remembered_as_they_came():
    X, y = shares(200)
    found = []
    for spoils in (False, True):
        gate = PairedGate(criteria={"profit": (profit, 0.5)}, alpha=1e-9, **ALONE).reset()
        for start in range(0, 200, 50):
            rows, labels = X[start : start + 50].copy(), y[start : start + 50].copy()
            verdict = gate.judge(Trial(Labels(0), Labels(1), rows, labels, True, start + 50))
            if spoils:
                rows[:], labels[:] = 0.9, 1
        found.append(verdict.evidence)
    assert found[0] == found[1]


def test_a_pickle_goes_on_with_the_same_evidence():
    X, y = shares(400, gain=0.2)
    gate = PairedGate(criteria={"area": (ranks, 0.0), "p": (profit, -0.1)}, alpha=1e-9, **ALONE)
    judged(gate, X[:350], y[:350], size=50)
    copy = pickle.loads(pickle.dumps(gate))
    trial = Trial(Labels(0), Labels(1), X[350:], y[350:], True, 400)
    assert gate.judge(trial) == copy.judge(trial)
    assert gate.judge(trial).evidence["p"]["rows"] == 400


def test_a_promotion_that_lowers_the_score_is_taken_back():
    X, y = shares(gain=0.9)
    gate = PairedGate(criteria={"area": (ranks, 0.0)}, **ALONE).reset().begin_watch()
    found = []
    for start in range(0, 4000, 100):
        rows = slice(start, start + 100)
        trial = Trial(Labels(1), Labels(0), X[rows], y[rows], True, start + 100)
        found.append(gate.watch(trial).decision)
    assert "reject" in found
    assert found.index("reject") < 20


# What is no criterion -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"criteria": {"lift": (f1_score, 0.0)}}, r"a scorer for lift: make_scorer\(function\)"),
        ({"criteria": {"lift": (3, 0.0)}}, "a scorer for lift"),
        ({"criteria": {"lift": ("lift", 0.0)}}, "scikit-learn has; it has no 'lift'"),
        ({"criteria": {"lift": 0.0}}, r"as \{\"gain\": \(make_scorer\(gain\), -0.01\)\}"),
        ({"criteria": {"lift": (profit, "a")}}, "an allowed change, a finite number, for lift"),
        ({"criteria": {"roc_auc": math.nan}}, "an allowed change, a finite number, for roc_auc"),
        ({"criteria": {"roc_auc": True}}, "an allowed change, a finite number"),
        ({"criteria": {"f1[1]": 0.1}}, "criteria must be named"),
        ({"criteria": {"loss": (profit, 0.0)}}, "another name than loss, which is taken"),
        ({"criteria": {"anchor": (profit, 0.0)}}, "another name than anchor"),
        ({"criteria": {"roc_auc": 0}, "max_rows": 99, "min_rows": 9}, "max_rows must be at least"),
        ({"criteria": {"f1[store=3]": 0.0}, "slices": SLICES}, "criteria must be named"),
    ],
)
def test_what_is_no_scorer_is_refused_when_a_fit_begins(params, message):
    X, y = shares(100)
    with pytest.raises(ValueError, match=message):
        PairedGate(**params).reset()
    with pytest.raises(ValueError, match=message):
        DriftAwareRetrainer(LogisticRegression(), gate=PairedGate(**params)).fit(X, y)


def test_a_compiled_function_is_taken_at_its_word():
    PairedGate(criteria={"odd": (type, 0.0)}).reset()
