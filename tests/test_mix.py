"""The engine of a mixture: turns, batches that wait, means, and weights computed by hand."""

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain._mixture._engine import Batch, Turns, weighted_mean
from skretrain._mixture._gains import RightAnswers

X, Y = stream(400)


class Probability(ClassifierMixin, BaseEstimator):
    """Take the probability of the larger label from a column."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, self.column], X[:, self.column]])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Label(ClassifierMixin, BaseEstimator):
    """Take the position of the label from a column; no probabilities."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[X[:, self.column].astype(int)]


class Value(RegressorMixin, BaseEstimator):
    """Predict a column."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X[:, self.column]


def mixture(kind, n_members, **params):
    members = [
        (f"column {j}", DriftAwareRetrainer(kind(j), detector=None)) for j in range(n_members)
    ]
    return MixtureRetrainer(members, **params)


def after_update(weights, gains, n_rows, forgetting=0.9, share=0.05):
    """The rule of the docstring, written without logarithms."""
    units = n_rows / 100
    weights = (weights * np.exp(5 * units * np.asarray(gains))) ** (forgetting**units)
    kept = (1 - share) ** units
    return kept * weights / weights.sum() + (1 - kept) / len(weights)


# -- weights, by hand ------------------------------------------------------------------------------


def test_the_weights_of_a_small_example():
    """Three members that get 4, 3 and 0 of 4 rows right, of which each 1 counts half as much."""
    y = np.array([1, 0, 1, 1])
    table = np.column_stack([[0.9, 0.2, 0.6, 0.8], [0.9, 0.2, 0.6, 0.4], [0.1, 0.9, 0.3, 0.2]])
    model = mixture(Probability, 3).fit(table, y)
    np.testing.assert_array_equal(model.weights_, np.full(3, 1 / 3))
    model.partial_fit(table, y)
    weights = after_update(np.full(3, 1 / 3), [1, 0.8, 0], 4)
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(table)[:, 1], table @ weights, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(table), (table @ weights > 0.5).astype(int))
    model.set_params(share=0.5, forgetting=0.1)  # for the next fit
    model.partial_fit(table[:2], y[:2])
    weights = after_update(weights, [1, 1, 0], 2)
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-12)
    np.testing.assert_array_equal(model.weight_history_.rows, [4, 8, 10])
    np.testing.assert_array_equal(model.weight_history_.weights[-1], model.weights_)


def test_rows_without_weight_are_not_rewarded():
    """Rows are scored by their weight, and only those that have one are counted as evidence."""
    y = np.array([1, 0, 1, 1])
    table = np.column_stack([[0.9, 0.2, 0.6, 0.8], [0.9, 0.9, 0.1, 0.1]])
    model = mixture(Probability, 2, share=0.1).fit(table, y)
    model._router = lambda method: lambda number, params: {}  # the bases take no weights
    model.partial_fit(table, y, sample_weight=[1.0, 0, 2.0, 0])
    expected = after_update(np.full(2, 0.5), [1, 1 / 3], 2, share=0.1)
    np.testing.assert_allclose(model.weights_, expected, rtol=1e-12)
    before = model.weights_
    model.partial_fit(table, y, sample_weight=np.zeros(4))
    np.testing.assert_array_equal(model.weights_, before)


def test_members_without_probabilities_vote():
    y = np.array(["no", "yes", "yes"])
    table = np.array([[0, 0, 1.0], [1, 0, 0], [1, 1, 0]])
    model = mixture(Label, 3).fit(table, y)
    assert not hasattr(model, "predict_proba")
    np.testing.assert_array_equal(model.predict(table), ["no", "no", "yes"])


def test_votes_and_probabilities_are_added():
    """One member votes, one gives probabilities: both weigh the same."""
    members = [
        ("votes", DriftAwareRetrainer(Label(0), detector=None)),
        ("tells", DriftAwareRetrainer(Probability(1), detector=None)),
    ]
    table = np.array([[1, 0.4], [0, 0.9], [1, 0.1]])
    model = MixtureRetrainer(members).fit(table, [0, 1, 1])
    np.testing.assert_allclose(model._mix().proba(table)[:, 1], [0.7, 0.45, 0.55])
    np.testing.assert_array_equal(model.predict(table), [1, 0, 1])


def test_the_gains_of_regressors_by_hand():
    """One minus the mean residual in units of four times the usual one of the mixture."""
    y = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    table = np.column_stack([y, y + 1.0, y - [100, 3, 2.5, 2, 3.5]])
    model = mixture(Value, 3).fit(table, y).partial_fit(table, y)
    cut = np.clip(table, 1 - 0.5 * 4, 5 + 0.5 * 4)
    usual = np.median(np.abs(y - cut.mean(axis=1)))
    lost = np.minimum(np.abs(table - y[:, None]) / (4 * usual), 1).mean(axis=0)
    weights = after_update(np.full(3, 1 / 3), 1 - lost, 5)
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-12)
    np.testing.assert_allclose(model.predict(table), cut @ weights, rtol=1e-12)
    # The usual one is the median of this batch and of those before.
    model.partial_fit(table, y)
    uniform = np.abs(y - cut.mean(axis=1))
    usual = np.median([*uniform, *np.abs(y - cut @ weights)])
    lost = np.minimum(np.abs(table - y[:, None]) / (4 * usual), 1).mean(axis=0)
    weights = after_update(weights, 1 - lost, 5)
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-12)


# -- means -----------------------------------------------------------------------------------------


def test_what_is_not_a_number_has_no_weight():
    one, two = np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])
    weights = np.array([0.75, 0.25])
    np.testing.assert_array_equal(weighted_mean([one, two], weights), [1.5, 5, np.nan])
    tables = [np.tile(values[:, None], 2) for values in (one, two)]
    expected = np.tile([[1.5], [5], [np.nan]], 2)
    np.testing.assert_array_equal(weighted_mean(tables, weights), expected)


def test_a_mean_of_one_is_that_one():
    values = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_array_equal(weighted_mean([values], np.array([1.0])), values)


# -- turns -----------------------------------------------------------------------------------------


def taken(turns, weights, n_batches):
    """Return who learned from each batch."""
    masks = []
    for _ in range(n_batches):
        due = turns.due(weights)
        np.testing.assert_array_equal(turns.due(weights), due)  # to ask changes nothing
        turns.take(weights, due)
        masks.append(due)
    return np.array(masks)


def test_without_a_budget_everybody_always_learns():
    turns = Turns(3, None)
    assert taken(turns, np.array([1.0, 0, 0]), 20).all()
    assert not turns.waited.any()


@pytest.mark.parametrize("budget", [0.25, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.no_cover
def test_among_equals_the_budget_is_what_is_spent(budget):
    """And it is spread evenly: never do two batches differ by more than one turn."""
    masks = taken(Turns(4, budget), np.full(4, 0.25), 1000)
    assert masks.mean() == pytest.approx(budget, abs=0.01)
    assert np.ptp(masks[10:].sum(axis=1)) <= 1
    assert np.ptp(masks.sum(axis=0)) <= 2


WEIGHTS = st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda w: sum(w) > 0.01)


@given(WEIGHTS, st.floats(0.01, 1, exclude_max=True))
def test_turns_follow_the_weights(weights, budget):
    """What is earned is had; beyond it, only the one of each batch and every tenth."""
    weights = np.array(weights) / sum(weights)
    n, n_batches = len(weights), 60
    masks = taken(Turns(n, budget), weights, n_batches)
    earned = n_batches * np.minimum(1, budget * n * weights)
    assert masks.any(axis=1).all()
    assert (masks.sum(axis=0) >= np.floor(earned + 1e-6) - 1).all()
    assert masks.sum() <= earned.sum() + n_batches + n * (n_batches / 10 + 1)
    for member in masks.T:
        learned = np.r_[-1, np.flatnonzero(member), n_batches]
        assert np.diff(learned).max() <= 10


def test_a_small_budget_is_nearly_kept_where_one_member_has_all_the_weight():
    masks = taken(Turns(6, 0.3), np.array([1.0, 0, 0, 0, 0, 0]), 1000)
    assert masks[:, 0].all()
    assert masks.mean() == pytest.approx((1 + 5 / 10) / 6, abs=0.01)


# -- batches that wait -----------------------------------------------------------------------------

KINDS = {
    "array": lambda rows: rows,
    "frame": lambda rows: pd.DataFrame(rows, columns=list("abcd")),
    "sparse": sparse.csr_array,
    "list": lambda rows: rows.tolist(),
}


def plain(rows):
    return rows.toarray() if sparse.issparse(rows) else np.asarray(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_waiting_rows_come_first_and_in_order(kind):
    parts = [
        Batch(KINDS[kind](X[rows]), Y[rows], {"sample_weight": X[rows, 0]})
        for rows in (slice(0, 30), slice(30, 50), slice(50, 90))
    ]
    assert parts[2].after([]) is parts[2]
    whole = parts[2].after(parts[:2])
    np.testing.assert_array_equal(plain(whole.X), X[:90])
    np.testing.assert_array_equal(whole.y, Y[:90])
    np.testing.assert_array_equal(whole.params["sample_weight"], X[:90, 0])


def test_a_missing_weight_is_one_and_other_metadata_must_be_there():
    bare, weighted = Batch(X[:3], Y[:3], {}), Batch(X[3:5], Y[3:5], {"sample_weight": [2.0, 3.0]})
    ones = weighted.after([bare]).params["sample_weight"]
    np.testing.assert_array_equal(ones, [1, 1, 1, 2, 3])
    np.testing.assert_array_equal(bare.after([weighted]).params["sample_weight"], [2, 3, 1, 1, 1])
    with pytest.raises(KeyError):
        bare.after([Batch(X[3:5], Y[3:5], {"customer": [1, 2]})])


@pytest.mark.parametrize("kind", ["array", "frame", "sparse"])
def test_a_copy_is_safe_from_the_caller(kind):
    rows, y, weight = X[:20].copy(), Y[:20].copy(), np.ones(20)
    given = KINDS[kind](rows)
    batch = Batch(given, y, {"sample_weight": weight})
    kept = batch.copied()
    rows[:], y[:], weight[:] = 0, 7, 5
    if kind == "frame":
        given.iloc[:, :] = 0
    if kind == "sparse":
        given.data[:] = 0
    np.testing.assert_array_equal(plain(kept.X), X[:20])
    np.testing.assert_array_equal(kept.y, Y[:20])
    assert kept.params["sample_weight"].max() == 1


def test_a_row_without_a_weight_counts_once():
    np.testing.assert_array_equal(Batch(X[:3], Y[:3], {}).weight, [1, 1, 1])
    np.testing.assert_array_equal(Batch(X[:2], Y[:2], {"sample_weight": [0, 3]}).weight, [0, 3])


def test_targets_that_are_mostly_hit_exactly_still_tell_members_apart():
    """The median residual is 0 there, and every miss would be as bad as any other."""
    y = np.zeros(100)
    y[:40] = 10.0
    good, poor = y.copy(), np.zeros(100)
    good[:40] += 0.5
    table = np.column_stack([good, poor])
    model = mixture(Value, 2).fit(table, y)
    for _ in range(20):
        model.partial_fit(table, y)
    assert model.weights_[0] > 0.8


def test_rounding_is_no_residual():
    """Targets that never change are predicted but for rounding: nobody loses anything by it."""
    y = np.full(50, 1e6)
    table = np.column_stack([y, y * (1 + 2e-16)])
    model = mixture(Value, 2).fit(table, y)
    model.partial_fit(table, y)
    np.testing.assert_allclose(model.weights_, 0.5, atol=0.01)


# -- rare classes ----------------------------------------------------------------------------------


def test_each_class_counts_alike():
    """By the rows before, of which the newest thousand count; but no row as more than 20."""
    gain, y = RightAnswers(), np.repeat([0, 1], [950, 50])
    gain.take_in(y, np.ones(1000))
    common, rare = gain.counting(y)[[0, -1]]
    assert rare / common == pytest.approx(951 / 51)
    for _ in range(10):
        gain.take_in(np.repeat([0, 1], [500, 500]), np.ones(1000))
    np.testing.assert_allclose(gain.counting(y), np.ones(1000), rtol=1e-3)
    assert gain.counts.sum() <= 1000
    assert gain.counting(np.array([0, 2]))[1] == 20


def test_a_member_that_names_a_rare_class_outweighs_one_that_never_does():
    """One finds half of the rare rows, with as many false alarms: both are wrong equally often."""
    rng = np.random.default_rng(0)
    y = (rng.random(4000) < 0.04).astype(int)
    rare, common = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    finds = np.zeros(4000)
    finds[rare[::2]] = 1
    finds[rng.choice(common, len(rare[::2]), replace=False)] = 1
    table = np.column_stack([finds, np.zeros(4000)])
    assert abs(np.mean(finds != y) - np.mean(y)) < 0.001
    model = mixture(Label, 2).fit(table[:1000], y[:1000])
    weights = []
    for start in range(1000, 4000, 100):
        model.partial_fit(table[start : start + 100], y[start : start + 100])
        weights.append(model.weights_[0])
    assert np.mean(weights) > 0.6


def test_where_nobody_can_read_a_batch_nobody_is_rewarded():
    y = np.array([0, 1, 0, 1])
    table = np.column_stack([y, 1 - y]).astype(float)
    model = mixture(Label, 2).fit(table, y)
    engine = model._engine
    engine._weigh(Batch(table, y, {}), np.ones(2, dtype=bool), [None, None])
    np.testing.assert_array_equal(engine.shares.weights, [0.5, 0.5])
