"""WarmStart: partial_fit with passes, the base's own warm_start, and reheating."""

import numpy as np
import pytest
from helpers import Rings, assert_same_outputs, batches, feed, fingerprint, stream
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

from skretrain import DriftAwareRetrainer
from skretrain.policies import FullRefit, WarmStart

X, Y = stream(600, drift=300)


@pytest.mark.parametrize("n_passes", [1, 2, 5])
def test_passes_are_calls_of_partial_fit(n_passes):
    update = WarmStart(n_passes=n_passes)
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None, update=update)
    model.fit(X[:100], Y[:100])
    oracle = SGDClassifier(random_state=0).fit(X[:100], Y[:100])
    for batch in batches(300, 50, 100):
        model.partial_fit(X[batch], Y[batch])
        for _ in range(n_passes):
            oracle.partial_fit(X[batch], Y[batch])
    assert fingerprint(model.estimator_) == fingerprint(oracle)
    assert model.events_.totals["rows_fitted"] == 100 + 200 * n_passes


def test_an_alarm_is_answered_with_all_rows_since_the_change():
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=Rings([310]), policy=WarmStart(2), update=None
    ).fit(X[:250], Y[:250])
    feed(model, X, Y, 150, 250, 400)
    oracle = SGDClassifier(random_state=0).fit(X[:250], Y[:250])
    for _ in range(2):
        oracle.partial_fit(X[310:400], Y[310:400])
    assert_same_outputs(model, oracle, X)
    assert model.events_[-1].n_rows_fitted == 180


# -- reheat ----------------------------------------------------------------------------------------


def heated(base, reheat, as_update=False):
    """Return a model that answered an alarm with, or without, reheating."""
    policy = WarmStart(reheat=reheat)
    model = DriftAwareRetrainer(
        base,
        detector=Rings([] if as_update else [260]),
        policy=policy,
        update=policy if as_update else None,
    ).fit(X[:250], Y[:250])
    return model.partial_fit(X[250:350], Y[250:350])


@pytest.mark.parametrize("base", [SGDClassifier(random_state=0), SGDRegressor(random_state=0)])
def test_reheating_sets_the_schedule_of_sgd_back(base):
    """``t_`` counts on from 1, as in a fresh model; without, from where it was."""
    oracle = clone(base).fit(X[:250], Y[:250])
    cool = oracle.t_
    oracle.t_ = 1.0
    oracle.partial_fit(X[260:350], Y[260:350])
    model = heated(base, reheat=True)
    assert model.estimator_.t_ == 1 + 90
    assert_same_outputs(model, oracle, X)
    assert heated(base, reheat=False).estimator_.t_ == cool + 90
    assert heated(base, reheat=True, as_update=True).estimator_.t_ == cool + 100


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_reheating_rebuilds_the_optimiser_of_a_perceptron(solver):
    """Step size and momenta are those of a new optimiser on the present weights."""
    params = {"solver": solver, "max_iter": 5, "random_state": 0}
    base = MLPClassifier((4,), learning_rate="invscaling", **params)
    before = DriftAwareRetrainer(base, detector=None, update=None).fit(X[:250], Y[:250])
    model, cool = heated(base, reheat=True), heated(base, reheat=False)
    warm, cold = model.estimator_._optimizer, cool.estimator_._optimizer
    assert model.estimator_.t_ == 90
    assert cool.estimator_.t_ == before.estimator_.t_ + 90
    if solver == "adam":
        assert (warm.t, cold.t) == (1, 5 * 2 + 1)
    else:
        assert warm.learning_rate > cold.learning_rate
    assert not np.array_equal(model.estimator_.coefs_[0], cool.estimator_.coefs_[0])


def test_reheating_a_model_without_a_step_size_changes_nothing():
    hot, cool = heated(GaussianNB(), True), heated(GaussianNB(), False)
    assert fingerprint(hot.estimator_) == fingerprint(cool.estimator_)


# -- the base's own warm_start ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_own_warm_start_begins_at_the_present_coefficients():
    """LogisticRegression has no ``partial_fit``: it is fitted on the rows of the concept."""
    base = LogisticRegression(max_iter=3, tol=1e-12)
    model = DriftAwareRetrainer(base, detector=None, update="warm_start")
    model.fit(X[:100], Y[:100]).partial_fit(X[100:150], Y[100:150])
    oracle = clone(base).set_params(warm_start=True).fit(X[:100], Y[:100])
    oracle.fit(X[:150], Y[:150])
    np.testing.assert_array_equal(model.estimator_.coef_, oracle.coef_)
    cold = clone(base).fit(X[:150], Y[:150])
    assert not np.array_equal(model.estimator_.coef_, cold.coef_)
    assert model.estimator_.warm_start is False
    assert model.events_.totals["rows_fitted"] == 250


def test_auto_does_not_use_own_warm_start():
    """``update="auto"`` means ``partial_fit`` or nothing: a fit on all rows per batch is dear."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=None, policy=FullRefit(grow=False)
    ).fit(X[:100], Y[:100])
    model.partial_fit(X[100:150], Y[100:150])
    assert model.events_.counts["kept"] == 1


def test_own_warm_start_refits_where_a_class_is_missing():
    """The rows since the change lack a class: a refit on all remembered rows, and the reason."""
    y = Y.copy()
    y[300:] = 1
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([320]), policy="warm_start", update=None
    ).fit(X[:300], y[:300])
    model.partial_fit(X[300:400], y[300:400])
    assert_same_outputs(model, LogisticRegression().fit(X[:400], y[:400]), X)
    event = model.events_[-1]
    assert event.kind == "full_refit"
    assert event.reason.startswith("alarm; ")
    assert "rows lack [0]" in event.reason


@pytest.mark.parametrize(
    "base", [RandomForestClassifier(), GradientBoostingClassifier()], ids=["forest", "boosting"]
)
def test_an_ensemble_that_only_adds_members_is_not_continued(base):
    """Trap 18: ``warm_start`` of a forest is a silent no-op."""
    with pytest.raises(ValueError, match="adds members"):
        DriftAwareRetrainer(base, update="warm_start").fit(X, Y)


@pytest.mark.parametrize("n_passes", [0, -1, 1.5, True, None])
def test_bad_passes_are_refused(n_passes):
    with pytest.raises(ValueError, match="n_passes must be an integer of at least 1"):
        DriftAwareRetrainer(SGDClassifier(), update=WarmStart(n_passes)).fit(X, Y)
