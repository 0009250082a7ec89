"""Classifiers of XGBoost, which takes labels 0 to n - 1, on any labels."""

import pickle
from copy import copy, deepcopy

import numpy as np
import pytest
from helpers import events, representatives, stream
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter
from xgboost import XGBClassifier, XGBRFClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows, SlidingWindow
from skretrain.compose import Effort, Learner
from skretrain.compose.adapters._registry import adapter_of

SMALL = {"n_estimators": 10, "max_depth": 3, "n_jobs": 1}
LABELS = {
    "a gap": np.array([0, 2, 3]),
    "negative": np.array([-1, 0, 1]),
    "not from 0": np.array([1, 2, 3]),
    "floats": np.array([0.5, 1.0, 7.0]),
    "text": np.array(["a", "b", "c"]),
    "objects": np.array(["a", "b", "c"], dtype=object),
    "two": np.array([1, 2]),
    "two words": np.array(["no", "yes"]),
}


def rows_of(X, y, **params):
    return Rows(X, y, params, np.arange(len(y)))


def labelled(labels, n=400):
    X, y = stream(n, n_classes=len(labels))
    return X, y, labels[y]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_any_labels_are_those_of_codes(labels):
    """Bit for bit what the same classifier says of 0 to n - 1; weights count the same."""
    X, codes, y = labelled(labels)
    weight = np.random.default_rng(0).random(400)
    learner = Learner(XGBClassifier(**SMALL))
    plain = learner.fresh(rows_of(X, codes, sample_weight=weight), 0)
    mine = learner.fresh(rows_of(X, y, sample_weight=weight), 0)
    assert type(plain) is XGBClassifier
    assert isinstance(mine, XGBClassifier)
    assert repr(mine) == repr(plain)
    np.testing.assert_array_equal(mine.classes_, labels)
    np.testing.assert_array_equal(mine.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(mine.predict(X), labels[plain.predict(X)])
    margins = [model.predict(X, output_margin=True) for model in (mine, plain)]
    np.testing.assert_array_equal(*margins)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.no_cover
def test_any_labels_go_on(labels):
    """New rounds, and new leaves at the cap, as on codes; rows may lack classes."""
    X, codes, y = labelled(labels)
    learner = Learner(XGBClassifier(**SMALL))
    plain, mine = (learner.fresh(rows_of(X, target), 0) for target in (codes, y))
    for few, effort in (
        (False, Effort()),
        (True, Effort()),
        (False, Effort(rate=1.0)),
        (False, Effort()),
    ):
        part = codes < 2 if few else slice(None)
        assert learner.refusal(mine, rows_of(X[part], y[part]), effort=effort) == ""
        plain = learner.continued(plain, rows_of(X[part], codes[part]), effort=effort)
        mine = learner.continued(mine, rows_of(X[part], y[part]), effort=effort)
        np.testing.assert_array_equal(mine.predict_proba(X), plain.predict_proba(X))
        np.testing.assert_array_equal(mine.predict(X), labels[plain.predict(X)])
    new = np.array(["zz"]) if y.dtype.kind in "UO" else np.array([99])
    assert "new classes" in learner.refusal(mine, rows_of(X[:1], new))


@pytest.mark.parametrize("label", [0, 3, "b"])
def test_a_single_class_has_a_single_column(label):
    """XGBoost itself has a second one in mind."""
    X, _ = stream(50)
    y = np.full(50, label)
    model = Learner(XGBClassifier(**SMALL)).fresh(rows_of(X, y), 0)
    assert set(model.predict(X).tolist()) == {label}
    assert model.classes_.tolist() == [label]
    if label != 0:
        assert model.predict_proba(X).tolist() == [[1.0]] * 50


def test_it_passes_through_every_copy():
    """Also before the fit, when other processes get it."""
    X, _, y = labelled(LABELS["text"])
    learner = Learner(XGBClassifier(**SMALL))
    model = learner.fresh(rows_of(X, y), 0)
    for copied in (copy(model), deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(copied) is type(model)
        np.testing.assert_array_equal(copied.predict(X), model.predict(X))
        np.testing.assert_array_equal(copied.classes_, model.classes_)
    for blank in (clone(model), pickle.loads(pickle.dumps(learner.blank(0)))):
        assert has_fit_parameter(blank, "sample_weight")
        np.testing.assert_array_equal(blank.fit(X, y).predict(X), model.predict(X))
    assert model.get_params() == XGBClassifier(**SMALL, objective="multi:softprob").get_params()


def test_fitted_again_on_codes_it_is_itself():
    """On whatever labels it was fitted before."""
    X, codes, y = labelled(LABELS["a gap"])
    model = Learner(XGBClassifier(**SMALL)).fresh(rows_of(X, y), 0)
    model.fit(X, codes)
    assert type(model) is XGBClassifier
    assert model.classes_.tolist() == [0, 1, 2]
    assert "_labels" not in vars(model)


@pytest.mark.parametrize(
    "inside",
    [
        lambda base: make_pipeline(StandardScaler(), base),
        lambda base: GridSearchCV(base, {"max_depth": [2, 3]}, cv=2),
        lambda base: CalibratedClassifierCV(base, cv=2, n_jobs=2),
        lambda base: OneVsRestClassifier(make_pipeline(StandardScaler(), base)),
        lambda base: make_pipeline(StandardScaler(), CalibratedClassifierCV(base, cv=2)),
    ],
    ids=["pipeline", "search", "calibration", "one-vs-rest", "nested"],
)
@pytest.mark.no_cover
def test_any_labels_at_any_depth(inside):
    """Whatever contains the classifier, and however it fits it."""
    X, _, y = labelled(LABELS["a gap"])
    model = Learner(inside(XGBClassifier(**SMALL)), random_state=0).fresh(rows_of(X, y), 0)
    assert model.classes_.tolist() == [0, 2, 3]
    assert model.score(X, y) > 0.7


@pytest.mark.filterwarnings(
    "ignore:`XGBRFClassifier` is deprecated:FutureWarning"
)  # by XGBoost 3.4
@pytest.mark.parametrize(
    ("kind", "params"),
    [(XGBRFClassifier, {}), (XGBClassifier, {"booster": "gblinear", "verbosity": 0})],
    ids=["forest", "linear"],
)
def test_also_what_cannot_be_continued(kind, params):
    """A refit is all that these have."""
    X, _, y = labelled(LABELS["a gap"])
    params = {"n_estimators": 10, "n_jobs": 1, **params}
    base = kind(**params)
    assert adapter_of(base)[0] is None
    model = Learner(base).fresh(rows_of(X, y), 0)
    assert model.classes_.tolist() == [0, 2, 3]
    assert model.score(X, y) > 0.5


class Encodes(XGBClassifier):
    def fit(self, X, y):
        self.own_labels_ = np.unique(y)
        return super().fit(X, np.searchsorted(self.own_labels_, y))


class Inherits(XGBClassifier):
    pass


def test_what_has_a_fit_of_its_own_is_left_alone():
    """It may encode the labels itself; a subclass without one is as its library's class."""
    X, codes, y = labelled(LABELS["a gap"])
    assert type(Learner(Encodes(**SMALL)).fresh(rows_of(X, y), 0)) is Encodes
    model = Learner(Inherits(**SMALL)).fresh(rows_of(X, y), 0)
    assert isinstance(model, Inherits)
    assert type(model).__name__ == "Inherits"
    assert model.classes_.tolist() == [0, 2, 3]
    assert type(Learner(Inherits(**SMALL)).fresh(rows_of(X, codes), 0)) is Inherits


def test_what_is_frozen_is_left_alone():
    """It is fitted, and shared by all clones."""
    X, codes, _ = labelled(LABELS["two"])
    fitted = XGBClassifier(**SMALL).fit(X, codes)
    stack = CalibratedClassifierCV(FrozenEstimator(fitted))
    model = Learner(stack).fresh(rows_of(X, codes), 0)
    assert type(fitted) is XGBClassifier
    assert model.score(X, codes) > 0.7


def test_rows_to_stop_by_have_the_same_labels():
    """Those that are named in fit, too; several labels per row are as they were."""
    X, codes, y = labelled(LABELS["text"])
    blank = Learner(XGBClassifier(**SMALL, early_stopping_rounds=3)).blank(0)
    model = blank.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    plain = XGBClassifier(**SMALL, early_stopping_rounds=3)
    plain.fit(X[:300], codes[:300], eval_set=[(X[300:], codes[300:])], verbose=False)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    several = np.column_stack([codes > 0, codes > 1]).astype(int)
    model = Learner(XGBClassifier(**SMALL)).fresh(rows_of(X, several), 0)
    assert model.predict(X).shape == (400, 2)


@pytest.mark.parametrize("names", [None, np.array(["ant", "bee", "cow", "dog"])])
@pytest.mark.parametrize("gone", representatives([0, 1, 3], fast=[1]))
@pytest.mark.parametrize("how", [{"update": "warm_start"}, {"policy": "full_refit"}], ids=str)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_the_model_goes_on_when_a_class_retires(names, gone, how):
    """Long after it has left the memory: refits and updates, none fails."""
    X, y = stream(3000, n_classes=4, drift=1500)
    retired = (y == gone) & (np.arange(3000) >= 800)
    y[retired] = (gone + 1) % 4
    y = y if names is None else names[y]
    model = DriftAwareRetrainer(
        XGBClassifier(**SMALL),
        buffer=SlidingWindow(max_rows=400),
        batch_size=100,
        **how,
    )
    model.fit(X, y)
    actions = [action for (action,) in events(model, "action")]
    assert "failed" not in actions
    assert "retrained" in actions or "promoted" in actions
    assert len(model.classes_) == 4
    assert model.predict_proba(X[:5]).shape == (5, 4)
    assert np.mean(model.predict(X[-500:]) == y[-500:]) > 0.6
    assert isinstance(model.estimator_, XGBClassifier)


def test_a_fitted_one_is_a_base_as_well():
    """Its clone takes any labels already."""
    X, _, y = labelled(LABELS["a gap"])
    model = Learner(XGBClassifier(**SMALL)).fresh(rows_of(X, y), 0)
    again = Learner(model).fresh(rows_of(X, y + 1), 0)
    assert again.classes_.tolist() == [1, 3, 4]
    assert type(again) is type(model)
