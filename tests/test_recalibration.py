"""Probabilities of mixtures that are as sure of themselves as what came of them allows."""

import numpy as np
import pytest
from helpers import representatives
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain._mixture._recalibration import Recalibration
from skretrain.policies import FullRefit


def labelled(n_rows, n_classes, power, seed=0):
    """Return probabilities that are too sure (a power above 1) or not sure enough, and labels."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(n_classes, 0.7), size=n_rows)
    labels = (rng.random(n_rows)[:, None] > true.cumsum(axis=1)).sum(axis=1).clip(max=n_classes - 1)
    told = np.maximum(true, 1e-12) ** power
    return told / told.sum(axis=1, keepdims=True), labels


def log_losses(proba, labels, batch=100):
    """Return the mean log loss of probabilities as they are, and as recalibrated batch by batch."""
    recalibration, served = Recalibration(), []
    for start in range(0, len(labels), batch):
        rows = slice(start, start + batch)
        served.append(recalibration.applied(proba[rows]))
        weight = np.ones(len(labels[rows]))
        recalibration = recalibration.after(proba[rows], labels[rows], weight)
    return [
        -np.log(np.maximum(told[np.arange(len(labels)), labels], 1e-4)).mean()
        for told in (proba, np.concatenate(served))
    ]


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("power", [2.0, 0.5])
def test_what_is_too_sure_or_not_sure_enough_is_mended(n_classes, power):
    """It ends within 3 % of what the right probabilities would have cost."""
    proba, labels = labelled(5000, n_classes, power)
    right, _ = labelled(5000, n_classes, 1.0)
    as_is, recalibrated = log_losses(proba, labels)
    best = log_losses(right, labels)[0]
    assert as_is > 1.05 * best
    assert recalibrated < 1.03 * best


@pytest.mark.parametrize("batch", [1, 10, 100, 1000])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_where_nothing_is_to_be_gained_it_costs_next_to_nothing(seed, batch):
    as_is, recalibrated = log_losses(*labelled(3000, 3, 1.0, seed), batch)
    assert recalibrated <= 1.005 * as_is


def test_it_follows_when_the_confidence_changes():
    first, second = labelled(3000, 3, 2.0, 0), labelled(3000, 3, 0.5, 1)
    proba, labels = (np.concatenate(part) for part in zip(first, second, strict=True))
    as_is, recalibrated = log_losses(proba, labels)
    halves = [log_losses(*half)[1] for half in (first, second)]
    assert recalibrated < 1.02 * np.mean(halves) < as_is


def test_the_rule_by_hand():
    """Bayes' rule over powers, each row as a twentieth, and a batch within limits."""
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.0, 1.0]])
    labels, weight = np.array([0, 1, 0]), np.array([1.0, 2.0, 1.0])
    powers = np.array([0.5, 0.7, 1.0, 1.4, 2.0])
    prior = np.array([0.125, 0.125, 0.5, 0.125, 0.125])
    told = np.array([proba**power / (proba**power).sum(1, keepdims=True) for power in powers])
    likely = np.maximum(told[:, [0, 1, 2], labels], 1e-4)
    moved = np.clip(0.05 * np.log(likely / likely[2]) @ weight, -1, 1)
    posterior = prior * np.exp(moved)
    kept = (1 - 1e-4) ** 4
    expected = kept * posterior / posterior.sum() + (1 - kept) * prior
    found = Recalibration().after(proba, labels, weight)
    np.testing.assert_allclose(found.weights, expected, rtol=1e-12)
    paid = np.clip(np.log(prior @ likely / likely[2]) @ weight, -2, 2)
    np.testing.assert_allclose(found.paid, paid, rtol=1e-12)
    np.testing.assert_allclose(
        Recalibration(found.weights, 6.0).applied(proba), np.tensordot(found.weights, told, 1)
    )


def test_before_it_has_paid_nothing_changes():
    proba, _ = labelled(50, 3, 1.0)
    assert Recalibration().applied(proba) is proba
    assert Recalibration(paid=4.9).applied(proba) is proba


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).filter(lambda row: sum(row) > 0.1),
    st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5),
)
def test_the_likeliest_class_stays_so_and_the_impossible_stays_impossible(row, weights):
    proba = np.array([row]) / sum(row)
    weights = np.array(weights) / sum(weights)
    found = Recalibration(weights, paid=10.0).applied(proba)
    assert found[0].argmax() == proba[0].argmax() or np.isclose(
        found[0].max(), found[0][proba[0].argmax()], rtol=1e-12
    )
    np.testing.assert_allclose(found.sum(), 1.0)
    np.testing.assert_array_equal(found[0] == 0, proba[0] == 0)


def test_a_row_that_nobody_answers_stays_without_an_answer():
    found = Recalibration(paid=10.0).applied(np.zeros((2, 3)))
    np.testing.assert_array_equal(found, np.zeros((2, 3)))


class TooSure(ClassifierMixin, BaseEstimator):
    """The likelier class of a column of probabilities, at 0.999; None has no answer."""

    def __init__(self, answers=True):
        self.answers = answers

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        sure = np.where(X[:, 0] > 0.5, 0.999, 0.001)
        if not self.answers:
            sure[X[:, 0] > 0.9] = np.nan
        return np.column_stack([1 - sure, sure])

    def predict(self, X):
        return (X[:, 0] > 0.5).astype(int)


def streamed(*members):
    rng = np.random.default_rng(0)
    X = rng.random((3000, 1))
    y = (rng.random(3000) < X[:, 0]).astype(int)
    steady = {"detector": None, "policy": FullRefit(grow=False)}
    pairs = [(f"{n}", DriftAwareRetrainer(m, **steady)) for n, m in enumerate(members)]
    model = MixtureRetrainer(pairs).fit(X[:100], y[:100])
    for start in range(100, 3000, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    return model, X, y


def test_a_mixture_serves_recalibrated_probabilities_and_the_same_labels():
    """An average of the too sure is too sure; the share that is right at 0.999 was 3 of 4."""
    model, X, y = streamed(TooSure())
    bare = TooSure().fit(X, y)
    proba = model.predict_proba(X)
    assert proba.max() < 0.99
    losses = [-np.log(p[np.arange(3000), y]).mean() for p in (proba, bare.predict_proba(X))]
    assert losses[0] < 0.7 * losses[1]
    np.testing.assert_array_equal(model.predict(X), bare.predict(X))


class Silent(TooSure):
    """Predicts labels, and has lost its probabilities."""

    def predict_proba(self, X):
        raise RuntimeError("no probabilities")


def test_a_member_that_loses_its_probabilities_stops_nobody_from_learning():
    model, X, _ = streamed(Silent())
    assert model.n_samples_seen_ == 3000
    assert model._engine.recalibration.paid == 0
    with pytest.raises(RuntimeError, match="no probabilities"):
        model.predict_proba(X)


def test_rows_without_an_answer_are_no_evidence():
    model, X, _ = streamed(TooSure(answers=False))
    assert np.isfinite(model._engine.recalibration.weights).all()
    assert np.isnan(model.predict_proba(X)[X[:, 0] > 0.9]).all()
    assert model.predict_proba(X[X[:, 0] <= 0.9]).max() < 0.99


def test_only_labels_that_are_known_are_evidence():
    """A label that the served mixture had no column for tells nothing of its columns."""
    model, X, _ = streamed(TooSure())
    before = model._engine.recalibration
    model._engine.n_tested = 0  # its turn
    model.partial_fit(X[:50], np.full(50, 7))
    after = model._engine.recalibration
    np.testing.assert_allclose(after.weights, before.weights)
    assert after.paid == before.paid


@pytest.mark.parametrize("period", representatives([2, 3, 5, 7], fast=[3]))
@pytest.mark.no_cover
def test_a_rhythm_of_the_stream_is_not_taken_for_the_whole(period):
    """Of so many batches one is noisy; those in between are not served what it has taught."""
    rng = np.random.default_rng(period)
    pairs = [("bayes", DriftAwareRetrainer(GaussianNB(), detector=None))]
    model, losses = MixtureRetrainer(pairs), []
    for number in range(80):
        X = rng.normal(size=(100, 3))
        y = (X[:, 0] > 0).astype(int)
        if number % period == 0:
            y = np.where(rng.random(100) < 0.3, 1 - y, y)
        if number > 20:
            told = model.predict_proba(X), model._mix().votes(X)
            losses.append([log_loss(y, proba, labels=[0, 1]) for proba in told])
        model.partial_fit(X, y)
    served, plain = np.mean(losses, axis=0)
    assert served <= 1.02 * plain


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9, 1e300])
@pytest.mark.no_cover
def test_the_unit_of_weights_does_not_matter(unit):
    """Nor does one huge weight end all learning: the batch counts as its rows."""
    models = []
    for factor in (1.0, unit):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(1500, 3))
        y = (X[:, 0] + rng.normal(size=1500) > 1).astype(int)
        weight = factor * rng.uniform(0.5, 2, size=1500)
        model = MixtureRetrainer([(f"{c}", DriftAwareRetrainer(TooSure())) for c in "ab"])
        model = model.set_params(b__estimator__answers=False).fit(X[:100], y[:100])
        for start in range(100, 1500, 100):
            rows = slice(start, start + 100)
            model.partial_fit(X[rows], y[rows], sample_weight=weight[rows])
        models.append(model)
    first, second = models
    np.testing.assert_allclose(first.weights_, second.weights_)
    trust = [model._engine.recalibration.weights for model in models]
    np.testing.assert_allclose(*trust)
    np.testing.assert_allclose(*(model._engine.gain.counts for model in models))
