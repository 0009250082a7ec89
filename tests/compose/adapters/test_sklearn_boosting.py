"""Continued boosting of scikit-learn against boosting of the residuals by hand."""

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from scipy import sparse
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import log_loss

from skretrain.compose import Effort
from skretrain.compose.adapters._registry import adapter_of


def continued(model, X, y, effort=None, **params):
    effort = Effort() if effort is None else effort
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y, effort) == ""
    copied = adapter.copied(model)
    adapter.update(copied, X, y, params, effort)
    return copied


def moved_rows(n=600):
    """Return rows X, y of a concept, and X, y of another one on a tenth of the range."""
    rng = np.random.default_rng(0)
    X, new_X = rng.normal(size=(n, 3)), 1 + 0.1 * rng.normal(size=(n, 3))
    y, new_y = (3 * rows[:, 0] + np.sin(3 * rows[:, 1]) for rows in (X, new_X))
    return X, y, new_X, new_y + new_X[:, 2]


def test_gradient_boosting_goes_on_with_the_residuals():
    """The oracle boosts the residuals of the old model from zero."""
    X, y, new_X, new_y = moved_rows()
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, y)
    mine = continued(model, new_X, new_y)
    oracle = GradientBoostingRegressor(n_estimators=2, init="zero", random_state=0)
    oracle.fit(new_X, new_y - model.predict(new_X))
    expected = model.predict(new_X) + oracle.predict(new_X)
    np.testing.assert_allclose(mine.predict(new_X), expected, rtol=1e-6)


def test_histogram_boosting_goes_on_with_the_residuals():
    """The oracle boosts the residuals of the old model; their mean is 0, so is its baseline."""
    X, y, new_X, new_y = moved_rows()
    params = {"min_samples_leaf": 5, "random_state": 0}
    model = HistGradientBoostingRegressor(max_iter=20, **params).fit(X, y)
    new_y -= np.mean(new_y - model.predict(new_X))
    mine = continued(model, new_X, new_y)
    oracle = HistGradientBoostingRegressor(max_iter=2, **params)
    oracle.fit(new_X, new_y - model.predict(new_X))
    expected = model.predict(new_X) + oracle.predict(new_X)
    np.testing.assert_allclose(mine.predict(new_X), expected, rtol=1e-6)


def test_histogram_boosting_by_itself_goes_on_from_elsewhere():
    """Why there is a hook: bins of the new rows are read with the thresholds of the old ones."""
    X, y, new_X, new_y = moved_rows()
    model = HistGradientBoostingRegressor(max_iter=50, warm_start=True, random_state=0).fit(X, y)

    def error(model):
        return np.sqrt(np.mean((model.predict(new_X) - new_y) ** 2))

    before, mine = error(model), continued(model, new_X, new_y)
    assert error(mine) < before
    model.set_params(max_iter=55).fit(new_X, new_y)
    assert error(model) > 1.3 * before


@pytest.mark.no_cover
@pytest.mark.parametrize("n_classes", [2, 3])
def test_histogram_classifiers_come_closer_to_the_new_rows(n_classes):
    """Every update lowers the log loss on its rows, whatever their range."""
    X, y = stream(600, n_classes=n_classes)
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X[:300], y[:300])
    new_X, new_y = 0.1 * X[300:] + 0.5, y[300:]
    for _ in range(5):
        mine = continued(model, new_X, new_y)
        losses = [log_loss(new_y, m.predict_proba(new_X)) for m in (model, mine)]
        assert losses[1] < losses[0]
        model = mine
    assert model.n_iter_ == 30


def test_attributes_are_consistent_and_parameters_as_given():
    """Lengths, counts, and scores per round."""
    X, y = stream(600)
    params = {"n_estimators": 20, "subsample": 0.5, "random_state": 0}
    model = GradientBoostingClassifier(**params).fit(X[:300], y[:300])
    mine = continued(model, X[300:], y[300:])
    assert mine.get_params() == model.get_params()
    assert mine.n_estimators_ == len(mine.estimators_) == 22
    assert len(mine.train_score_) == len(mine.oob_improvement_) == len(mine.oob_scores_) == 22
    assert mine.oob_score_ == mine.oob_scores_[-1]
    np.testing.assert_array_equal(mine.train_score_[:20], model.train_score_)
    old = list(mine.staged_predict_proba(X))[19]
    np.testing.assert_array_equal(old, model.predict_proba(X))
    hist = HistGradientBoostingClassifier(max_iter=20).fit(X[:300], y[:300])
    mine = continued(hist, X[300:], y[300:])
    assert mine.get_params() == hist.get_params()
    assert "_raw_predict" not in vars(mine)
    old = list(mine.staged_predict_proba(X))[19]
    np.testing.assert_array_equal(old, hist.predict_proba(X))


def test_rows_are_drawn_anew():
    """The generator goes on where the last fit left it, in the copy alone."""
    X, _ = stream(300)
    y = X[:, 0]
    model = GradientBoostingRegressor(n_estimators=10, subsample=0.3, random_state=0).fit(X, y)
    state = model._rng.get_state()[1]
    once = continued(model, X, y)
    np.testing.assert_array_equal(once.predict(X), continued(model, X, y).predict(X))
    np.testing.assert_array_equal(model._rng.get_state()[1], state)
    assert not np.array_equal(once._rng.get_state()[1], state)


@pytest.mark.parametrize(
    "base",
    [
        GradientBoostingRegressor(n_estimators=30, n_iter_no_change=2, random_state=0),
        HistGradientBoostingRegressor(
            max_iter=30, early_stopping=True, n_iter_no_change=2, random_state=0
        ),
    ],
    ids=["exact", "histogram"],
)
def test_early_stopping_is_off_meanwhile(base):
    """Three rounds are added, from all rows, to those at which the first fit stopped."""
    X, _ = stream(600)
    y = X[:, 0]
    model = base.fit(X[:300], y[:300])
    adapter, _ = adapter_of(model)
    mine = continued(model, X[300:], y[300:])
    assert adapter.n_fitted(mine) == adapter.n_fitted(model) + 3
    assert mine.get_params() == model.get_params()
    off = {"n_iter_no_change": None} if hasattr(model, "n_estimators") else {}
    off = off or {"early_stopping": False}
    without = continued(model.set_params(**off), X[300:], y[300:])
    np.testing.assert_array_equal(mine.predict(X), without.predict(X))


def test_many_rows_do_not_switch_early_stopping_on():
    """Above 10,000 rows, "auto" would hold a tenth of them out."""
    X, y = stream(10_500)
    model = HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=3, random_state=0)
    model.fit(X[:300], y[:300])
    mine = continued(model, X, y)
    assert mine.n_iter_ == 4
    assert not mine.do_early_stopping_


def test_categorical_features_are_foreseen():
    """Each fit would number the categories anew, while the old trees keep their numbers."""
    X = pd.DataFrame({"a": pd.Categorical(list("pq") * 50), "b": np.arange(100.0)})
    y = np.arange(100.0)
    model = HistGradientBoostingRegressor(max_iter=5, categorical_features="from_dtype").fit(X, y)
    assert adapter_of(model)[0].refusal(model, y, Effort()) == (
        "HistGradientBoostingRegressor has categorical features, which each fit encodes anew"
    )
    plain = HistGradientBoostingRegressor(max_iter=5).fit(X[["b"]], y)
    assert continued(plain, X[["b"]], y).feature_names_in_.tolist() == ["b"]


def test_sparse_rows_and_other_first_models_go_on():
    """The model that boosting began with stays."""
    X, y = stream(400)
    first = GradientBoostingClassifier(n_estimators=3, random_state=0)
    model = GradientBoostingClassifier(n_estimators=10, init=first, random_state=0)
    model.fit(sparse.csr_matrix(X[:200]), y[:200])
    mine = continued(model, sparse.csr_matrix(X[200:]), y[200:])
    assert mine.init_ is model.init_
    assert mine.score(X, y) > 0.85


@pytest.mark.parametrize("base", [GradientBoostingClassifier(), HistGradientBoostingClassifier()])
@pytest.mark.no_cover
def test_missing_classes_are_foreseen(base):
    """The number of trees per round depends on the classes of the rows."""
    X, y = stream(300, n_classes=3)
    model = base.fit(X, y)
    reason = adapter_of(model)[0].refusal(model, y[y < 2], Effort())
    assert reason.endswith("needs every class that it knows; the rows lack [2]")
