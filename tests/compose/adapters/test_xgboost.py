"""Continued XGBoost models against the library's own fit and its identities."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import xgboost
from helpers import stream
from xgboost import XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from skretrain.compose import Effort
from skretrain.compose.adapters._registry import adapter_of

SMALL = {"n_estimators": 20, "n_jobs": 1}


def continued(model, X, y, effort=None, **params):
    effort = Effort() if effort is None else effort
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y, effort) == ""
    copied = adapter.copied(model)
    adapter.update(copied, X, y, params, effort)
    return copied


def rounds(model):
    return model.get_booster().num_boosted_rounds()


def at_cap(model, X, y):
    model = continued(model, X, y, Effort(rate=1.0))
    assert rounds(model) == 40
    return model


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rounds_are_those_of_fit_with_xgb_model(n_classes):
    """The classifier's own fit is the oracle where the rows show every class."""
    X, y = stream(600, n_classes=n_classes)
    model = XGBClassifier(**SMALL).fit(X[:300], y[:300])
    mine = continued(model, X[300:], y[300:])
    theirs = XGBClassifier(n_estimators=2, n_jobs=1, random_state=20)
    theirs.fit(X[300:], y[300:], xgb_model=model)
    np.testing.assert_array_equal(mine.predict_proba(X), theirs.predict_proba(X))
    assert (mine.n_estimators, rounds(mine), mine.objective) == (20, 22, model.objective)
    assert mine.random_state is None


@pytest.mark.parametrize("n_shown", [1, 2])
def test_rows_may_lack_classes(n_shown):
    """The old rounds stay, and the rows that are shown become likelier."""
    X, y = stream(600, n_classes=3)
    model = XGBClassifier(**SMALL).fit(X[:300], y[:300])
    shown = y < n_shown
    mine = continued(model, X[shown], y[shown])
    old = mine.predict_proba(X, iteration_range=(0, 20))
    np.testing.assert_array_equal(old, model.predict_proba(X))
    assert mine.n_classes_ == 3
    rows = np.flatnonzero(shown)
    likely, before = (m.predict_proba(X)[rows, y[rows]].mean() for m in (mine, model))
    assert likely > before + 0.002


# Silent, because XGBoost 3.4 warns of booster="dart".
@pytest.mark.parametrize("params", [{}, {"booster": "dart", "verbosity": 0}], ids=str)
def test_refreshed_on_its_own_rows_a_model_is_what_it_was(params):
    """The leaves were estimated on these rows: nothing moves; the structure never does."""
    X, _ = stream(600)
    y = 100 + X[:, 0] + X[:, 1] ** 2
    model = XGBRegressor(**SMALL, **params).fit(X, y)
    model = at_cap(model, X, y)
    mine = continued(model, X, y)
    np.testing.assert_allclose(mine.predict(X), model.predict(X), rtol=1e-5)
    moved = continued(model, X, y + 10)
    assert np.mean((moved.predict(X) - y - 10) ** 2) < 1
    np.testing.assert_array_equal(moved.apply(X), model.apply(X))


def test_refreshed_models_keep_no_trace_of_it():
    """Configuration, parameters and the original: all as before; more rounds could follow."""
    X, y = stream(600, n_classes=3)
    weight = np.ones(600)
    model = XGBClassifier(**SMALL, reg_delta=None).fit(X, y)
    model = at_cap(model, X, y)
    before, config = joblib.hash(model), json.loads(model.get_booster().save_config())
    mine = continued(model, X, (y + 1) % 3, sample_weight=weight)
    assert joblib.hash(model) == before
    assert mine.get_params() == model.get_params()
    train = json.loads(mine.get_booster().save_config())["learner"]["gradient_booster"]
    wanted = config["learner"]["gradient_booster"]["gbtree_train_param"]
    assert train["gbtree_train_param"] == wanted
    assert np.mean(mine.predict(X) == (y + 1) % 3) > 0.8
    more = XGBClassifier(n_estimators=1).fit(X, y, xgb_model=mine)
    assert rounds(more) == 41


def test_leaves_without_a_way_are_an_obstacle_at_the_cap():
    """Monotone constraints would be broken; trees with several outputs raise in XGBoost."""
    X, y = stream(300)
    for model, reason in (
        (XGBRegressor(**SMALL, monotone_constraints=(1, 0, 0, 0)), "monotone"),
        (XGBRegressor(**SMALL, multi_strategy="multi_output_tree"), "several outputs"),
    ):
        target = np.column_stack([y, -y]) if "several" in reason else y
        model = at_cap(model.fit(X, target), X, target)
        refusal = adapter_of(model)[0].refusal(model, target, Effort())
        assert refusal.startswith("XGBRegressor has reached its cap of 40 rounds, and ")
        assert reason in refusal


def test_several_outputs_go_on():
    """Columns of numbers, and of labels, also at the cap."""
    X, y = stream(600)
    for kind, target in (
        (XGBRegressor, np.column_stack([X[:, 0], -X[:, 1]])),
        (XGBClassifier, np.column_stack([y, X[:, 2] > 0]).astype(int)),
    ):
        model = kind(**SMALL).fit(X[:300], target[:300])
        for effort in (Effort(), Effort(rate=1.0), Effort()):
            model = continued(model, X[300:], target[300:], effort)
            assert np.mean((model.predict(X) - target) ** 2) < 0.1
        assert rounds(model) == 40


def categorical_rows(categories, n=300):
    rng = np.random.default_rng(len(categories))
    values = rng.choice(categories, n)
    X = pd.DataFrame({"a": pd.Categorical(values, categories=categories), "b": rng.normal(size=n)})
    return X, np.array(["pqrs".index(value) for value in values]) * 10.0


def test_categories_keep_their_codes():
    """Rows that declare other categories do not turn the old trees round, at the cap neither."""
    X, y = categorical_rows(list("pqr"))
    model = XGBRegressor(**SMALL, enable_categorical=True).fit(X, y)
    new_X, new_y = categorical_rows(list("rq"))
    for effort in (Effort(), Effort(rate=1.0), Effort()):
        model = continued(model, new_X, new_y, effort)
        seen = (X["a"] != "p").to_numpy()
        assert np.mean(np.abs(model.predict(X) - y)[seen]) < 0.5


def test_rounds_after_an_early_stop_would_not_be_read():
    """The best iteration outlives a continuation in the booster."""
    X, y = stream(600)
    model = XGBClassifier(n_estimators=50, n_jobs=1, early_stopping_rounds=2)
    assert "early_stopping_rounds" in adapter_of(model)[1]
    model.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    plain = XGBClassifier(n_estimators=50, n_jobs=1)
    vars(plain).update({**vars(model), "early_stopping_rounds": None})
    assert "was stopped early" in adapter_of(plain)[0].refusal(plain, y, Effort())


def own_objective(y, prediction):
    return prediction - y, np.ones(len(y))


def test_an_objective_of_ones_own_goes_on_for_regressors():
    """Also at the cap: the gradients are the function's."""
    X, _ = stream(300)
    y = X[:, 0]
    model = XGBRegressor(**SMALL, objective=own_objective).fit(X, y)
    model = at_cap(model, X, y)
    mine = continued(model, X, y + 5)
    assert np.mean((mine.predict(X) - y - 5) ** 2) < 0.5
    assert "objective" in adapter_of(XGBClassifier(objective=own_objective))[1]


@pytest.mark.filterwarnings("ignore:`XGBRF.* is deprecated:FutureWarning")  # by XGBoost 3.4
def test_other_kinds_are_left_to_refits():
    """Forests and linear boosters have no trees to add to, rankers have groups."""
    assert "gblinear" in adapter_of(XGBRegressor(booster="gblinear"))[1]
    for kind in (XGBRFClassifier, XGBRFRegressor):
        assert "has a fit of its own" in adapter_of(kind())[1]
    assert adapter_of(XGBRanker())[0] is None


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", [None, 1])
def test_draws_are_reproducible_and_new(seed):
    """XGBoost seeds its generator anew only if the seed is another than that of the old trees."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 12))
    y = X.sum(axis=1)
    model = XGBRegressor(**SMALL, subsample=0.5, colsample_bytree=0.05, random_state=seed)
    model.fit(X, y)
    first = continued(model, X, y).predict(X)
    XGBRegressor(**SMALL, subsample=0.5).fit(X, y)  # draws from the same generator
    np.testing.assert_array_equal(first, continued(model, X, y).predict(X))
    for _ in range(8):
        model = continued(model, X, y)
    trees = model.get_booster().trees_to_dataframe()
    roots = trees[(trees["Node"] == 0) & (trees["Tree"] >= 20)]
    assert roots["Feature"].nunique() > 4
    assert model.random_state == seed


def test_a_default_number_of_rounds_is_xgboosts():
    """Without n_estimators, one fit takes a hundred rounds."""
    assert adapter_of(XGBRegressor())[0].n_asked(XGBRegressor()) == 100
    assert xgboost.XGBModel().get_num_boosting_rounds() == 100
