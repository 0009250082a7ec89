"""Criteria on slices: the same as on the rows of the slice alone, refused where there is none."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge

from skretrain import DriftAwareRetrainer
from skretrain.drift import Periodic
from skretrain.gates import PairedGate, Trial

SLICES = {"shop": 2, "even": lambda X: X[:, 2] % 2 == 0}
OF_ALL = {"tolerance": None, "max_rows": 20_000}


class Prepared(BaseEstimator):
    """A model whose predictions are columns of the rows."""

    def __init__(self, column):
        self.column = column

    def predict(self, X):
        return np.asarray(X)[:, self.column]


class Labels(ClassifierMixin, Prepared):
    classes_ = np.array([0, 1])


class Values(RegressorMixin, Prepared):
    pass


def judged(gate, X, y, kind=Labels, size=100):
    """Return the verdicts on the model of column 1 against that of column 0, until the last."""
    gate.reset()
    verdicts = []
    for start in range(0, len(X), size):
        rows = slice(start, start + size)
        verdicts.append(gate.judge(Trial(kind(0), kind(1), X[rows], y[rows], True, start + size)))
        if verdicts[-1].decision != "wait":
            break
    return verdicts


def shops(n=8000, *, worse=0.0, seed=0):
    """Return predictions of two models with a shop, and y: the second is better but in shop 3."""
    rng = np.random.default_rng(seed)
    y, shop = rng.integers(0, 2, size=n), rng.integers(0, 5, size=n)
    right = [rng.random(n) < 0.8, rng.random(n) < np.where(shop == 3, 0.8 - worse, 0.9)]
    return np.column_stack([*(np.where(of, y, 1 - y) for of in right), shop]), y


def test_a_challenger_that_is_better_on_the_whole_and_breaks_a_slice_is_rejected_for_it():
    X, y = shops(worse=0.2)
    assert judged(PairedGate(), X, y)[-1].decision == "promote"
    gate = PairedGate(criteria={"accuracy[shop=3]": -0.05}, slices=SLICES)
    verdict = judged(gate, X, y)[-1]
    assert verdict.decision == "reject"
    assert "accuracy[shop=3] -0.2" in verdict.reason
    X, y = shops(worse=-0.1)
    assert judged(gate, X, y)[-1].decision == "promote"


@pytest.mark.parametrize(
    ("base", "allowed"),
    [
        ("accuracy", -0.05),
        ("recall", -0.05),
        ("recall[0]", -0.05),
        ("false_positive_rate[1]", 0.1),
        ("negative_flips", 0.3),
        ("negative_flips[0]", 0.3),
    ],
)
@pytest.mark.parametrize("of", ["shop=3", "even"])
def test_the_evidence_in_a_slice_is_that_on_its_rows_alone(base, allowed, of):
    X, y = shops(600)
    inside = X[:, 2] == 3 if of == "shop=3" else X[:, 2] % 2 == 0
    options = {"tolerance": None, "alpha": 1e-30, "min_rows": 1}
    name = f"{base}[{of}]"
    sliced = judged(PairedGate(criteria={name: allowed}, slices=SLICES, **options), X, y)
    alone = PairedGate(criteria={base: allowed}, **options)
    (expected,) = judged(alone, X[inside], y[inside], size=600)
    assert sliced[-1].evidence[name] == pytest.approx(expected.evidence[base])


def test_the_loss_in_a_slice_is_that_of_the_tolerance_on_its_rows():
    X, y = shops(600)
    inside, options = X[:, 2] == 3, {"alpha": 1e-30, "min_rows": 1}
    name = "loss[shop=3]"
    gate = PairedGate(tolerance=None, criteria={name: 0.02}, slices=SLICES, **options)
    (expected,) = judged(PairedGate(tolerance=0.02, **options), X[inside], y[inside], size=600)
    found = judged(gate, X, y)[-1].evidence[name]
    assert found == pytest.approx(expected.evidence["loss"])
    # Of several outputs it is their mean.
    twice = judged(gate, np.c_[X, X], np.c_[y, y], kind=Twice)[-1].evidence[name]
    assert twice == pytest.approx(found)


class Twice(Labels):
    def predict(self, X):
        return np.c_[super().predict(X), super().predict(X)]


@pytest.mark.parametrize("bad", [0.0, 1.0])
def test_a_regression_has_the_loss_of_a_slice(bad):
    rng = np.random.default_rng(0)
    y, shop = rng.normal(size=6000), rng.integers(0, 4, size=6000)
    old = y + rng.normal(size=6000)
    new = y + rng.normal(size=6000) * 0.5 + np.where(shop == 3, bad, 0)
    gate = PairedGate(criteria={"loss[shop=3]": 0.05}, slices=SLICES)
    verdict = judged(gate, np.column_stack([old, new, shop]), y, kind=Values)[-1]
    assert verdict.decision == ("reject" if bad else "promote")
    assert verdict.evidence["loss[shop=3]"]["rows"] < verdict.evidence["loss"]["rows"] / 3
    assert (
        judged(PairedGate(), np.column_stack([old, new, shop]), y, kind=Values)[-1].decision
        == "promote"
    )


def test_a_level_that_never_comes_is_never_shown_to_be_right():
    X, y = shops(2000, worse=-0.1)
    gate = PairedGate(criteria={"accuracy[shop=9]": -0.1}, slices=SLICES, max_rows=1000)
    verdict = judged(gate, X, y)[-1]
    assert (verdict.decision, verdict.reason[:39]) == (
        "reject",
        "not shown on 1000 later rows: accuracy[",
    )
    assert verdict.evidence["accuracy[shop=9]"]["rows"] == 0


def test_brackets_within_a_level_are_part_of_it():
    frame = pd.DataFrame({"a": [0, 0], "b": [0, 0], "kind": ["x[1]", "y"]})
    gate = PairedGate(
        tolerance=None, criteria={"accuracy[kind=x[1]]": -0.5}, slices={"kind": "kind"}, min_rows=1
    )
    verdict = judged(gate, frame, np.zeros(2, dtype=int))[-1]
    assert verdict.evidence["accuracy[kind=x[1]]"]["rows"] == 1


def test_a_pickle_goes_on_with_the_same_evidence():
    X, y = shops(600)
    gate = PairedGate(criteria={"accuracy[shop=3]": -0.05}, slices={"shop": 2}, alpha=1e-9)
    judged(gate, X[:300], y[:300])
    copy = pickle.loads(pickle.dumps(gate))
    trial = Trial(Labels(0), Labels(1), X[300:], y[300:], True, 600)
    assert gate.judge(trial) == copy.judge(trial)


class IsThree:
    """A slice that pickles and clones."""

    def __call__(self, X):
        return np.asarray(X)[:, 0] > 0


def test_in_a_retrainer_a_new_model_that_breaks_a_slice_does_not_serve():
    """From row 1,000 the labels of one slice are noise: the criterion on it decides."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 2))
    y = (X[:, 1] > 0).astype(int)
    y[1000:] = np.where(X[1000:, 0] > 0, 1 - y[1000:], y[1000:])
    found = []
    for allowed in (-0.9, 0.3):
        gate = PairedGate(
            tolerance=0.9, criteria={"accuracy[right]": allowed}, slices={"right": IsThree()}
        )
        model = DriftAwareRetrainer(
            LogisticRegression(), detector=Periodic(500), policy="full_refit", gate=gate
        )
        model.fit(X[:500], y[:500])
        for start in range(500, 3000, 100):
            model.partial_fit(X[start : start + 100], y[start : start + 100])
        found.append({event.action for event in model.events_})
        assert any("accuracy[right]" in event.evidence for event in model.events_)
    assert "retrained" in found[0]
    assert "rejected" in found[1]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"slices": {"shop": "shop"}}, "slices must be None, as no criterion is about one of them"),
        ({"slices": ["shop"]}, "slices must be a dict that names slices"),
        ({"criteria": {"accuracy[shop=3]": -0.1}}, "criteria must be named accuracy, recall, "),
        (
            {"criteria": {"accuracy[store=3]": -0.1}, "slices": SLICES},
            r"or anchor; each but anchor, and loss, with \[slice\], of shop, even",
        ),
        ({"criteria": {"loss": 0.1}}, "about a slice where it is the loss; that of all is `tol"),
        ({"criteria": {"loss[0][even]": 0.1}, "slices": SLICES}, "criteria must be named"),
        ({"criteria": {"anchor[even]": 0.1}, "slices": SLICES}, "criteria must be named"),
        ({"criteria": {"accuracy[even]": 2}, "slices": SLICES}, r"in \(-1, 1\) for accuracy\[even"),
    ],
)
def test_what_names_no_slice_is_refused_when_a_fit_begins(params, message):
    X, y = shops(100)
    with pytest.raises(ValueError, match=message):
        PairedGate(**params).reset()
    with pytest.raises(ValueError, match=message):
        DriftAwareRetrainer(LogisticRegression(), gate=PairedGate(**params)).fit(X, y)


def test_a_column_that_is_not_there_is_told_before_anything_is_learned():
    X, y = shops(100)
    gate = PairedGate(criteria={"accuracy[shop=1]": -0.1}, slices={"shop": "shop"})
    model = DriftAwareRetrainer(LogisticRegression(), gate=gate)
    with pytest.raises(ValueError, match=r"PairedGate\(slices=.*'shop' is none; it has 3, without"):
        model.fit(X, y)
    assert not hasattr(model, "events_")


@pytest.mark.parametrize("base", [Ridge(), KMeans(2, n_init=1, random_state=0)])
def test_right_and_wrong_are_for_classifiers_and_the_loss_of_a_slice_is_for_all(base):
    X, y = shops(100)
    gate = PairedGate(criteria={"accuracy[even]": -0.1}, slices=SLICES)
    with pytest.raises(ValueError, match="None unless the model is a classifier"):
        DriftAwareRetrainer(base, gate=gate).fit(X, y)
    gate = PairedGate(criteria={"loss[even]": 0.1}, slices=SLICES)
    DriftAwareRetrainer(base, gate=gate).fit(X, y)
