"""Continued LightGBM models against ``lightgbm.train`` and ``Booster.refit`` by hand."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
from helpers import stream
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor

from skretrain.compose import Effort
from skretrain.compose.adapters._registry import adapter_of

SMALL = {"n_estimators": 20, "verbosity": -1, "n_jobs": 1}


def continued(model, X, y, effort=None, **params):
    effort = Effort() if effort is None else effort
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y, effort) == ""
    copied = adapter.copied(model)
    adapter.update(copied, X, y, params, effort)
    return copied


def at_cap(model, X, y):
    model = continued(model, X, y, Effort(rate=1.0))
    assert model.n_estimators_ == 2 * model.n_estimators
    return model


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rounds_are_those_of_train_with_init_model(n_classes):
    """Labels as texts, with the learning API as the oracle."""
    X, codes = stream(600, n_classes=n_classes)
    y = np.array(["ant", "bee", "cow"])[codes]
    model = LGBMClassifier(**SMALL).fit(X[:300], y[:300])
    mine = continued(model, X[300:], y[300:])
    objective = {"objective": "binary"} if n_classes == 2 else {"objective": "multiclass"}
    theirs = lightgbm.train(
        {**objective, "num_class": n_classes if n_classes > 2 else 1, "verbosity": -1},
        lightgbm.Dataset(X[300:], codes[300:]),
        num_boost_round=2,
        init_model=model.booster_,
    )
    proba = mine.predict_proba(X)
    np.testing.assert_array_equal(proba if n_classes > 2 else proba[:, 1], theirs.predict(X))
    assert (mine.n_estimators, mine.n_estimators_, mine.best_iteration_) == (20, 22, 0)
    assert mine.objective_ == model.objective_
    assert mine.n_classes_ == n_classes


def test_the_old_trees_stay():
    """The first rounds of the continued model are the old model."""
    X, y = stream(600, n_classes=3)
    model = LGBMClassifier(**SMALL).fit(X[:300], y[:300])
    mine = continued(model, X[300:][y[300:] < 2], y[300:][y[300:] < 2])
    np.testing.assert_array_equal(mine.predict_proba(X, num_iteration=20), model.predict_proba(X))
    gain = mine.predict_proba(X)[:, 2] - model.predict_proba(X)[:, 2]
    assert np.mean(gain) < -0.005  # the class that the rows lack loses


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_at_the_cap_leaves_decay_as_with_refit(rate, n_classes):
    """The structure stays; with class and sample weights, `Booster.refit` is the oracle."""
    X, codes = stream(600, n_classes=n_classes)
    y = np.array(["ant", "bee", "cow"])[codes]
    weight = np.random.default_rng(0).uniform(0.5, 2, 300)
    class_weight = {"ant": 1.0, "bee": 3.0, "cow": 2.0}
    if n_classes == 2:
        class_weight.pop("cow")
    model = LGBMClassifier(**SMALL, class_weight=class_weight).fit(X[:300], y[:300])
    model = at_cap(model, X[:300], y[:300])
    mine = continued(model, X[300:], y[300:], Effort(rate=rate), sample_weight=weight)
    theirs = model.booster_.refit(
        X[300:],
        codes[300:],
        decay_rate=1 - rate,
        weight=weight * np.array([1.0, 3.0, 2.0])[codes[300:]],
    )
    raw = mine.predict(X, raw_score=True)
    np.testing.assert_allclose(raw, theirs.predict(X, raw_score=True), rtol=1e-12)
    assert mine.n_estimators_ == 40
    same_leaves = mine.predict(X, pred_leaf=True) == model.predict(X, pred_leaf=True)
    assert same_leaves.all()
    assert not np.allclose(raw, model.predict(X, raw_score=True))


def test_at_the_cap_weights_are_those_given_or_balanced():
    """Without class weights the sample weights count alone; "balanced" is computed."""
    X, y = stream(400)
    y = y * (np.arange(400) % 3 == 0)
    weight = np.linspace(1, 2, 400)
    for class_weight, params in ((None, {"sample_weight": weight}), ("balanced", {}), (None, {})):
        model = at_cap(LGBMClassifier(**SMALL, class_weight=class_weight).fit(X, y), X, y)
        by_hand = None if class_weight else params.get("sample_weight")
        if class_weight:
            by_hand = len(y) / (2 * np.bincount(y))[y]
        theirs = model.booster_.refit(X, y, decay_rate=0.9, weight=by_hand)
        mine = continued(model, X, y, **params).predict(X, raw_score=True)
        np.testing.assert_allclose(mine, theirs.predict(X, raw_score=True), rtol=1e-12)


@pytest.mark.parametrize("objective", ["poisson", "l1", "huber"])
def test_leaves_that_refit_would_ruin_are_not_refitted(objective):
    """After one `Booster.refit` on its own rows such a model is worse than a constant."""
    X, _ = stream(400)
    y = 100 * np.exp(0.3 * X[:, 0])
    model = at_cap(LGBMRegressor(**SMALL, objective=objective).fit(X, y), X, y)
    refusal = adapter_of(model)[0].refusal(model, y, Effort())
    assert refusal == (
        "LGBMRegressor has reached its cap of 40 rounds, and LightGBM cannot estimate its leaves "
        f"anew for objective='{objective}'"
    )
    refitted, y_mean = model.booster_, y.mean()
    for _ in range(10):
        refitted = refitted.refit(X, y, decay_rate=0.9)
    assert np.mean((refitted.predict(X) - y) ** 2) > np.mean((y_mean - y) ** 2)


def test_monotone_models_are_not_refitted():
    """Leaves estimated one by one may break the order."""
    X, y = stream(300)
    model = LGBMClassifier(**SMALL, monotone_constraints=[1, 0, 0, 0])
    model = at_cap(model.fit(X, y), X, y)
    assert "monotone" in adapter_of(model)[0].refusal(model, y, Effort())


def own_objective(y, prediction):
    return prediction - y, np.ones(len(y))


def test_an_objective_of_ones_own_goes_on_up_to_the_cap():
    """A function has no leaves to refit by."""
    X, _ = stream(300)
    y = X[:, 0]
    model = LGBMRegressor(**SMALL, objective=own_objective).fit(X, y)
    model = at_cap(model, X, y)
    assert "cap of 40 rounds" in adapter_of(model)[0].refusal(model, y, Effort())


@pytest.mark.parametrize(
    "params", [{"boosting_type": "dart"}, {"linear_tree": True}, {"boosting_type": "goss"}]
)
def test_other_kinds_of_trees_go_on(params):
    """Dart drops new trees only, so that the old ones stay."""
    X, _ = stream(600)
    y = 10 + X[:, 0] ** 2
    model = LGBMRegressor(**SMALL, **params).fit(X[:300], y[:300])
    mine = continued(model, X[300:], y[300:] + 5, Effort(rate=1.0))
    np.testing.assert_array_equal(mine.predict(X, num_iteration=20), model.predict(X))
    assert np.mean((mine.predict(X) - y - 5) ** 2) < np.mean((model.predict(X) - y - 5) ** 2)


def categorical_rows(categories, declared, n=300):
    rng = np.random.default_rng(len(categories))
    values = rng.choice(categories, n)
    X = pd.DataFrame({"a": pd.Categorical(values, categories=declared), "b": rng.normal(size=n)})
    return X, np.array(["pqrs".index(value) for value in values]) * 10.0


@pytest.mark.parametrize("categories", ["rq", "srq"])
@pytest.mark.parametrize("rate", [0.05, 1.0])
def test_categories_keep_their_codes(categories, rate):
    """Rows that declare other categories do not turn the old trees round, at the cap neither."""
    X, y = categorical_rows(list("pqr"), list("pqr"))
    model = LGBMRegressor(**SMALL, min_child_samples=5).fit(X, y)
    model.booster_.params["verbosity"] = -1
    new_X, new_y = categorical_rows(list(categories), list(categories))
    effort = Effort(rate=rate)
    for _ in range(3):
        declared = new_X.dtypes["a"]
        mine = continued(model, new_X, new_y, effort)
        assert new_X.dtypes["a"] == declared
        assert mine.booster_.pandas_categorical == [list("pqr")]
        error = np.abs(mine.predict(X) - y)[(X["a"] != "p").to_numpy()]
        assert np.mean(error) < np.mean(np.abs(model.predict(X) - y)) + 1
        model = mine


def test_seeds_differ_between_updates():
    """With one seed, every update of two rounds would draw the same two columns."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 12))
    y = X.sum(axis=1)
    model = LGBMRegressor(**SMALL, colsample_bytree=0.05, random_state=1).fit(X, y)
    for _ in range(8):
        model = continued(model, X, y)
    used = {
        tree["tree_structure"].get("split_feature")
        for tree in model.booster_.dump_model()["tree_info"][20:]
    }
    assert len(used) > 4
    assert model.random_state == 1


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"boosting_type": "rf"}, "averages its trees"),
        ({"num_boost_round": 5}, "takes its rounds from num_boost_round"),
        ({"early_stopping_round": 5}, "early_stopping_round needs rows to stop by"),
    ],
)
def test_parameters_that_cannot_go_on(params, reason):
    """Foreseen before any fit."""
    adapter, why_not = adapter_of(LGBMRegressor(**params))
    assert adapter is None
    assert reason in why_not


def test_too_few_rows_or_classes_are_foreseen():
    """Of rows of a single class LightGBM says that it trains, and adds nothing."""
    X, y = stream(300, n_classes=3)
    model = LGBMClassifier(**SMALL).fit(X, y)
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y[:1], Effort()) == "LGBMClassifier needs at least 2 rows"
    reason = adapter.refusal(model, y[y == 1], Effort())
    assert reason == "LGBMClassifier learns nothing from rows of a single class"
    assert adapter.refusal(model, y[y > 0], Effort()) == ""


def test_rankers_are_left_to_refits():
    """Their groups cannot be cut."""
    assert adapter_of(LGBMRanker())[0] is None


def test_class_weights_over_which_scikit_learn_stumbles_are_foreseen():
    """A dictionary that names an absent class and leaves a present one out."""
    X, y = stream(600, n_classes=3)
    model = LGBMClassifier(**SMALL, class_weight={0: 2.0}).fit(X, y)
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y, Effort()) == ""
    reason = adapter.refusal(model, y[y > 0], Effort())
    assert reason == "class_weight of LGBMClassifier names classes [0], which the rows lack"
    every = LGBMClassifier(**SMALL, class_weight={0: 2.0, 1: 1.0, 2: 1.0}).fit(X, y)
    continued(every, X[y > 0], y[y > 0])
