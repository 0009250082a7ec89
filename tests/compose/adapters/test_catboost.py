"""Continued CatBoost models against the library's own fit."""

import subprocess
import sys
import textwrap

import joblib
import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from helpers import representatives, stream
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skretrain.buffers import Rows
from skretrain.compose import Effort, Learner
from skretrain.compose.adapters._registry import adapter_of

QUIET = {"verbose": False, "allow_writing_files": False, "thread_count": 1}


def continued(model, X, y, effort=None, **params):
    effort = Effort() if effort is None else effort
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y, effort) == ""
    copied = adapter.copied(model)
    adapter.update(copied, X, y, params, effort)
    return copied


@pytest.mark.parametrize("synonym", ["iterations", "n_estimators", "num_trees"])
@pytest.mark.no_cover
def test_rounds_are_those_of_fit_with_init_model(synonym):
    """With the learning rate of the first fit; the parameters stay as given."""
    X, y = stream(600, n_classes=3)
    params = {**QUIET, synonym: 50}
    model = CatBoostClassifier(**params).fit(X[:300], y[:300])
    mine = continued(model, X[300:], y[300:])
    theirs = CatBoostClassifier(
        **QUIET, iterations=5, learning_rate=model.learning_rate_, random_seed=50
    ).fit(X[300:], y[300:], init_model=model)
    np.testing.assert_array_equal(mine.predict_proba(X), theirs.predict_proba(X))
    np.testing.assert_array_equal(mine.predict_proba(X, ntree_end=50), model.predict_proba(X))
    assert mine.get_params() == params
    assert (mine.tree_count_, mine.n_features_in_) == (55, 4)


def test_the_learning_rate_stays():
    """For the few rounds of an update CatBoost would choose a larger one."""
    X, _ = stream(600)
    y = X[:, 0]
    model = CatBoostRegressor(**QUIET, iterations=100).fit(X, y)
    mine = continued(model, X, y)
    assert mine.learning_rate_ == model.learning_rate_ < 0.4
    for given in ({"learning_rate": 0.05}, {"eta": 0.05}):
        model = CatBoostRegressor(**QUIET, iterations=20, **given).fit(X, y)
        mine = continued(model, X, y)
        assert mine.learning_rate_ == pytest.approx(0.05)
        assert mine.get_params() == model.get_params()


def test_going_on_twice_from_one_model_gives_the_same():
    """CatBoost itself goes on from the state of the last training, once."""
    X, y = stream(600)
    model = CatBoostClassifier(**QUIET, iterations=20).fit(X[:300], y[:300])
    model = continued(model, X[300:], y[300:])
    before = joblib.hash(model)
    one, two = (continued(model, X[300:], y[300:]) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    assert joblib.hash(model) == before


def categorical_rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.choice(list("pqr"), 600), "b": rng.normal(size=600)})
    return X, (X["a"] == "q").to_numpy()


@pytest.mark.parametrize("told", ["parameter", "fit"])
def test_categories_go_on(told):
    """Also with categories that are new; the old trees read what they read before."""
    X, y = categorical_rows()
    categories = {"cat_features": ["a"]}
    in_params, in_fit = (categories, {}) if told == "parameter" else ({}, categories)
    model = CatBoostClassifier(**QUIET, iterations=20, **in_params)
    model.fit(X[:300], y[:300], **in_fit)
    new = X[300:].replace({"a": {"p": "zz"}})
    mine = continued(model, new, y[300:])
    np.testing.assert_array_equal(mine.predict_proba(X, ntree_end=20), model.predict_proba(X))
    assert np.mean(mine.predict(new) == y[300:]) > 0.95
    assert mine.get_cat_feature_indices() == [0]


# Each of these has stopped for ever, or crashed, within ten batches: hence processes of their own.
GOES_ON_AND_ON = textwrap.dedent(
    """
    import sys
    import numpy as np, pandas as pd
    from catboost import CatBoostClassifier, CatBoostRegressor
    from skretrain.buffers import Rows
    from skretrain.compose import Learner

    n_classes, n_categorical, n = int(sys.argv[1]), int(sys.argv[2]), 1500
    rng = np.random.default_rng(0)
    levels = [f"level {number}" for number in range(12)]
    names = [f"c{number}" for number in range(n_categorical)]
    X = pd.DataFrame({name: rng.choice(levels, n) for name in names})
    X["x"] = rng.normal(size=n)
    y = (X["x"] + (X["c0"] == "level 3")).to_numpy()
    kind = CatBoostRegressor
    if n_classes:
        kind = CatBoostClassifier
        y = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    model = kind(
        iterations=60, cat_features=tuple(names), verbose=0, allow_writing_files=False,
        thread_count=1,
    )
    learner = Learner(model, random_state=0)
    rows = [Rows(X[at : at + 100], y[at : at + 100], {}, np.arange(at, at + 100))
            for at in range(0, n, 100)]
    model = learner.fresh(rows[0], 0)
    for batch in rows[1:]:
        if learner.refusal(model, batch):
            model = learner.fresh(batch, 0)
        before, model = model, learner.continued(model, batch)
        answers = model.predict(X)
        before.predict(X), learner.fresh(batch, 1).predict(X)
        np.testing.assert_array_equal(model.predict(X), answers)
    print("went on")
    """
)


@pytest.mark.parametrize("setup", representatives(["0 1", "0 2", "2 1", "3 2"], fast=["0 2"]))
def test_many_continuations_with_categories_come_to_an_end(setup):
    """The rounds added hold on to nothing of the model that they were added to."""
    ran = subprocess.run(
        [sys.executable, "-c", GOES_ON_AND_ON, *setup.split()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.stdout == "went on\n", ran.stderr


def test_texts_are_foreseen():
    """CatBoost cannot add up models that read them."""
    X, y = categorical_rows()
    X = X.assign(a=X["a"].map({"p": "good day", "q": "bad day now", "r": "good night"}))
    model = CatBoostClassifier(**QUIET, iterations=5, text_features=["a"]).fit(X, y)
    reason = adapter_of(model)[0].refusal(model, y, Effort())
    assert reason == "CatBoostClassifier cannot go on from trees that read texts or embeddings"


@pytest.mark.no_cover
@pytest.mark.parametrize("loss", ["MAE", "Quantile:alpha=0.3", "MultiRMSE", "Huber:delta=1"])
def test_losses_go_on(loss):
    """Closer to a level that rose by 2."""
    X, _ = stream(600)
    y = np.column_stack([X[:, 0], -X[:, 0]]) if loss == "MultiRMSE" else X[:, 0]
    model = CatBoostRegressor(**QUIET, iterations=50, loss_function=loss).fit(X, y)
    mine = continued(model, X, y + 2, Effort(rate=0.5))
    errors = [np.mean(np.abs(m.predict(X) - y - 2)) for m in (model, mine)]
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"model_shrink_rate": 0.1}, "model_shrink_rate cannot go on"),
        ({"langevin": True}, "langevin cannot go on"),
        ({"posterior_sampling": True}, "posterior_sampling cannot go on"),
        ({"save_snapshot": True}, "save_snapshot cannot go on"),
        ({"eval_fraction": 0.2}, "eval_fraction cannot go on"),
        ({"task_type": "GPU"}, "GPU"),
        ({"loss_function": "RMSEWithUncertainty"}, "loses its mean"),
        ({"objective": "RMSEWithUncertainty"}, "loses its mean"),
    ],
)
def test_parameters_that_cannot_go_on(params, reason):
    """Foreseen before any fit."""
    adapter, why_not = adapter_of(CatBoostRegressor(**params))
    assert adapter is None
    assert reason in why_not


def test_a_fit_of_ones_own_is_refused():
    """It may not take `init_model`."""

    class Mine(CatBoostRegressor):
        def fit(self, X, y):
            return super().fit(X, np.log(y))

    assert "has a fit of its own" in adapter_of(Mine())[1]


def test_equal_targets_are_foreseen():
    """CatBoost raises on them, of whatever kind."""
    X, y = stream(300)
    for model in (
        CatBoostClassifier(**QUIET, iterations=5).fit(X, y),
        CatBoostRegressor(**QUIET, iterations=5).fit(X, X[:, 0]),
    ):
        reason = adapter_of(model)[0].refusal(model, np.ones(20), Effort())
        assert reason == f"{type(model).__name__} refuses rows whose targets are all equal"


def test_the_default_number_of_rounds_is_catboosts():
    """Without a parameter, one fit takes a thousand."""
    model = CatBoostRegressor(**QUIET).fit([[0.0], [1.0]], [0.0, 1.0])
    assert adapter_of(model)[0].n_asked(model) == model.tree_count_ == 1000


NOT_TUPLES = [
    {"cat_features": ["a"]},
    {"class_weights": [1, 5], "cat_features": ["a"]},
    {"class_weights": {0: 1, 1: 5}, "cat_features": ["a"]},
    {"monotone_constraints": [0, 1], "cat_features": ["a"]},
    {"monotone_constraints": {"b": 1}, "cat_features": np.array([0])},
    {"custom_metric": ["AUC", "Accuracy"], "cat_features": ["a"]},
]


@pytest.mark.no_cover
@pytest.mark.parametrize("params", NOT_TUPLES, ids=str)
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_parameters_need_not_be_tuples(params, in_pipeline):
    """CatBoost keeps copies of lists, dicts and arrays, and scikit-learn's clone refuses those."""
    X, y = categorical_rows()
    y = y.astype(int)
    base = CatBoostClassifier(**QUIET, iterations=10, **params)
    with pytest.raises(RuntimeError, match="Cannot clone"):
        clone(base)
    learner = Learner(make_pipeline("passthrough", base) if in_pipeline else base, random_state=0)
    rows = Rows(X, y, {}, np.arange(600))
    model = learner.fresh(rows, 0)
    model = learner.continued(model, rows)
    last = model[-1] if in_pipeline else model
    assert last.tree_count_ == 11
    assert joblib.hash(last.get_params()) == joblib.hash(base.get_params())
    assert model.score(X, y) > 0.9
