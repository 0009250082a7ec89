"""Boosters that stop early are stopped by the newest rows."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
import xgboost
from catboost import CatBoostClassifier, CatBoostRegressor, Pool
from helpers import events, stream
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from xgboost import XGBClassifier, XGBRegressor

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows
from skretrain.compose import Learner
from skretrain.compose.adapters._early_stopping import HELD_OUT
from skretrain.compose.adapters._registry import adapter_of, family_of
from skretrain.drift import Periodic
from skretrain.policies import BasePolicy, Candidate

N_ROUNDS = 200
CATBOOST = {"iterations": N_ROUNDS, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
LIGHTGBM = {"n_estimators": N_ROUNDS, "n_jobs": 1, "verbose": -1}
XGBOOST = {"n_estimators": N_ROUNDS, "n_jobs": 1}
STOPPED = {
    "lightgbm": LGBMClassifier(**LIGHTGBM, early_stopping_rounds=5),
    "lightgbm, by its other name": LGBMClassifier(**LIGHTGBM, n_iter_no_change=5),
    "lightgbm, regressor": LGBMRegressor(**LIGHTGBM, early_stopping_round=5),
    "xgboost": XGBClassifier(**XGBOOST, early_stopping_rounds=5),
    "xgboost, by a callback": XGBClassifier(
        **XGBOOST, callbacks=[xgboost.callback.EarlyStopping(rounds=5)]
    ),
    "xgboost, regressor": XGBRegressor(**XGBOOST, early_stopping_rounds=5),
    "catboost": CatBoostClassifier(**CATBOOST, early_stopping_rounds=5),
    "catboost, regressor": CatBoostRegressor(**CATBOOST, od_type="Iter", od_wait=5),
    "catboost, the best of all": CatBoostClassifier(**CATBOOST, use_best_model=True),
}
each_stopped = pytest.mark.parametrize("base", STOPPED.values(), ids=STOPPED)


def noisy(n=500, seed=0):
    X, y = stream(n, seed=seed)
    flipped = np.random.default_rng(seed).random(n) < 0.2
    return X, np.where(flipped, 1 - y, y)


def rows_of(X, y, **params):
    return Rows(X, y, params, np.arange(len(y)))


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def by_hand(model, X, y, weight):
    """Return the library's own fit, told of the newest fifth."""
    n = len(y) - len(y) // 5
    (X, held_X), (y, held_y), (weight, held_weight) = ((a[:n], a[n:]) for a in (X, y, weight))
    held = named(model, held_X, held_y)
    if "catboost" in type(model).__module__:
        held = {"eval_set": Pool(held_X, held_y, weight=held_weight)}
    elif "lightgbm" in type(model).__module__:
        held["eval_sample_weight"] = [held_weight]
    else:
        held["sample_weight_eval_set"] = [held_weight]
    return model.fit(X, y, sample_weight=weight, **held)


def named(model, X, y):
    """Return the arguments that name rows to stop by, in every version."""
    if "eval_X" in signature(model.fit).parameters:
        return {"eval_X": X, "eval_y": y}
    quiet = {"verbose": False} if "xgboost" in type(model).__module__ else {}
    return {"eval_set": [(X, y)], **quiet}


@each_stopped
@pytest.mark.no_cover
def test_the_newest_fifth_is_held_out(base, capfd):
    """In time order, weights included, and said by nobody but the rounds kept."""
    assert HELD_OUT == 0.2
    X, y = noisy()
    weight = np.random.default_rng(1).random(500)
    learner = Learner(base)
    model = learner.fresh(rows_of(X, y, sample_weight=weight), 0)
    assert type(model) is type(base)
    theirs = by_hand(learner.estimator, X, y, weight)
    np.testing.assert_array_equal(outputs(model, X), outputs(theirs, X))
    n_kept = family_of(model).n_kept(model)
    assert 0 < n_kept < N_ROUNDS
    assert learner.note(model) == f"stopped early, {n_kept} rounds kept"
    assert family_of(model).n_kept(theirs) == n_kept
    assert capfd.readouterr().out == ""


@each_stopped
@pytest.mark.parametrize(
    "inside",
    [
        lambda base: make_pipeline(MinMaxScaler(), base),
        lambda base: GridSearchCV(base, {"learning_rate": [0.1, 0.3]}, cv=2),
    ],
    ids=["pipeline", "search"],
)
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_at_any_depth(base, inside):
    """The rows held out pass the steps before, fitted on all rows."""
    X, y = noisy()
    model = Learner(inside(base), random_state=0).fresh(rows_of(X, y), 0)
    last = getattr(model, "best_estimator_", model)
    last = last if last is not model else model[-1]
    assert family_of(last).n_kept(last) < N_ROUNDS


@each_stopped
@pytest.mark.parametrize("n", [2, 4, 7])
def test_few_rows_are_no_obstacle(base, n):
    """Where none would be left to hold out, all are learned."""
    X, y = stream(n)
    y = np.arange(n) % 2
    model = Learner(base).fresh(rows_of(X, y), 0)
    assert np.isfinite(outputs(model, X).astype(float)).all()


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
@pytest.mark.parametrize(
    "labels", [np.arange(3), np.array(["p", "q", "r"])], ids=["codes", "words"]
)
def test_a_class_of_the_newest_rows_alone_is_learned(name, labels):
    """It is why the model is fitted anew, often enough."""
    X, codes = noisy()
    codes[420:] = np.where(X[420:, 2] > 0, 2, codes[420:])
    y = labels[codes]
    model = Learner(STOPPED[name]).fresh(rows_of(X, y), 0)
    assert model.classes_.tolist() == labels.tolist()
    newest = model.predict(X[420:]).ravel() == labels[2]
    assert newest[X[420:, 2] > 0].mean() > newest[X[420:, 2] <= 0].mean()


def test_only_newest_classes_leave_nothing_to_hold_out():
    """All rows are learned, then."""
    X, _ = stream(100)
    y = np.arange(100) >= 80
    model = Learner(STOPPED["lightgbm"]).fresh(rows_of(X, y), 0)
    assert model.classes_.tolist() == [False, True]


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_rows_that_are_named_are_those(name):
    """By whoever fits the estimator himself."""
    X, y = noisy()
    blank = Learner(STOPPED[name]).blank(0)
    theirs = Learner(STOPPED[name]).estimator
    mine = blank.fit(X[:300], y[:300], **named(blank, X[300:], y[300:]))
    theirs.fit(X[:300], y[:300], **named(theirs, X[300:], y[300:]))
    np.testing.assert_array_equal(outputs(mine, X), outputs(theirs, X))


@pytest.mark.parametrize(
    "base",
    [
        LGBMClassifier(**LIGHTGBM | {"n_estimators": 10}),
        XGBClassifier(**XGBOOST | {"n_estimators": 10}),
        CatBoostClassifier(**CATBOOST | {"iterations": 10}),
        CatBoostClassifier(**CATBOOST | {"iterations": 10}, eval_fraction=0.1, od_wait=5),
    ],
    ids=["lightgbm", "xgboost", "catboost", "catboost, by itself"],
)
def test_others_learn_all_rows(base):
    """As the library's own fit does; weights may come by position."""
    X, y = noisy()
    learner = Learner(base)
    model = learner.fresh(rows_of(X, y), 0)
    theirs = learner.estimator.fit(X, y)
    np.testing.assert_array_equal(outputs(model, X), outputs(theirs, X))
    if not base.get_params().get("eval_fraction"):
        assert family_of(model).n_kept(model) is None


def test_arguments_by_position():
    """LightGBM takes the weights third."""
    X, y = noisy()
    weight = np.random.default_rng(1).random(500)
    mine = Learner(STOPPED["lightgbm"]).blank(0).fit(X, y, weight)
    named = Learner(STOPPED["lightgbm"]).fresh(rows_of(X, y, sample_weight=weight), 0)
    np.testing.assert_array_equal(mine.predict_proba(X), named.predict_proba(X))


@pytest.mark.parametrize("told", ["parameter", "fit"])
def test_categories_of_catboost_are_read_in_the_rows_held_out(told):
    """Whoever named them."""
    X, y = noisy()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(y, "yes", "no"))
    params = {"cat_features": ("e",)}
    base = CatBoostClassifier(
        **CATBOOST, early_stopping_rounds=5, **(params if told == "parameter" else {})
    )
    model = Learner(base).blank(0).fit(frame, y, **({} if told == "parameter" else params))
    assert model.score(frame, y) == 1.0
    assert model.get_cat_feature_indices() == [4]


class Subclass(LGBMClassifier):
    def fit(self, X, y):
        return super().fit(X, y, **named(super(), X, y))


def test_a_fit_of_ones_own_is_left_alone():
    """It may name the rows itself."""
    X, y = noisy()
    model = Learner(Subclass(**LIGHTGBM, early_stopping_rounds=5)).fresh(rows_of(X, y), 0)
    assert type(model) is Subclass
    assert model.best_iteration_ > 20


@each_stopped
@pytest.mark.no_cover
@pytest.mark.thinned(4)
def test_they_are_refitted_and_say_why_not_continued(base):
    """A continuation would have no rows to stop by; retrains go on."""
    assert "needs rows to stop by" in adapter_of(base)[1]
    X, y = stream(900, drift=500)
    model = DriftAwareRetrainer(base, batch_size=100, policy="full_refit").fit(X, y)
    actions = [action for (action,) in events(model, "action")]
    assert "failed" not in actions
    assert len(actions) > 0


class Own(BasePolicy):
    """A policy of somebody's own, who does not know of notes."""

    def propose(self, context):
        rows = context.window()
        return Candidate(context.learner.fresh(rows, context.number), "own", len(rows.index))


KEPT = {  # where each library keeps the number of rounds
    "lightgbm": lambda model: model.best_iteration_,
    "xgboost": lambda model: model.best_iteration + 1,
    "catboost": lambda model: model.tree_count_,
}


@pytest.mark.parametrize("name", KEPT)
def test_events_say_how_many_rounds_were_kept(name):
    """Of every fit from scratch: the first one, refits, and what a policy of one's own made."""
    X, y = noisy(700)
    base = STOPPED[name]
    model = DriftAwareRetrainer(base, detector=Periodic(200), policy=Own(), update=None)
    model.fit(X[:200], y[:200])
    fits = [(model.events_[0], model.estimator_)]
    for start in range(200, 700, 100):
        before = model.estimator_
        model.partial_fit(X[start : start + 100], y[start : start + 100])
        if model.estimator_ is not before:
            fits.append((model.events_[-1], model.estimator_))
    assert len(fits) == 3
    for event, fitted in fits:
        kept = f"stopped early, {KEPT[name](fitted)} rounds kept"
        assert event.reason.endswith(kept), event.reason
