"""River's models behind river's wrappers."""

import copy
import pickle
import subprocess
import sys
from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from river import (
    anomaly,
    base,
    cluster,
    drift,
    ensemble,
    forest,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    tree,
)
from river.compat import (
    River2SKLClassifier,
    River2SKLClusterer,
    River2SKLRegressor,
    convert_river_to_sklearn,
)
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skretrain.compose.adapters._base import Effort
from skretrain.compose.adapters._registry import adapter_of
from skretrain.compose.adapters._river import _mended_wrapper, hint

ONE_PASS = Effort()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 3))
POSITIVE = X[:, 0] + 0.2 * RNG.normal(size=240) > 0
THREE = np.where(X[:, 1] > 0.7, "c", np.where(POSITIVE, "b", "a"))

BINARY = {
    "logistic regression": linear_model.LogisticRegression,
    "Adam": lambda: linear_model.LogisticRegression(optimizer=optim.Adam(0.1)),
    "pipeline": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "perceptron": linear_model.Perceptron,
    "gradient tree": lambda: tree.SGTClassifier(grace_period=20),
    "bagging": lambda: ensemble.ADWINBaggingClassifier(
        linear_model.LogisticRegression(), n_models=2, seed=1
    ),
}
MULTICLASS = {
    "Hoeffding tree": lambda: tree.HoeffdingTreeClassifier(grace_period=20),
    "forest": lambda: forest.ARFClassifier(n_models=2, grace_period=20, seed=1),
    "Mondrian forest": lambda: forest.AMFClassifier(n_estimators=2, seed=1),
    "naive Bayes": naive_bayes.GaussianNB,
    "neighbours": neighbors.KNNClassifier,
    "one-vs-rest": lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
    "softmax": linear_model.SoftmaxRegression,
    "pipeline of trees": lambda: (
        preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(grace_period=20)
    ),
    "stacking": lambda: ensemble.StackingClassifier(
        [tree.HoeffdingTreeClassifier(), naive_bayes.GaussianNB()],
        meta_classifier=naive_bayes.GaussianNB(),
    ),
}
ALL = BINARY | MULTICLASS
LABELS = {
    "strings": np.array(["no", "yes"]),
    "objects": np.array(["no", "yes"], dtype=object),
    "booleans": np.array([False, True]),
    "floats": np.array([-1.0, 1.0]),
    "integers": np.array([3, 7]),
    "zero and one": np.array([0, 1]),
}


class Mute(base.Classifier):
    """A multiclass model of river that never has an answer."""

    @property
    def _multiclass(self):
        return True

    def learn_one(self, x, y):
        pass

    def predict_proba_one(self, x):
        return {}


class Halves(Mute):
    """What it says adds up to one half."""

    def predict_proba_one(self, x):
        return {"a": 0.1, "b": 0.4}


class NeverANumber(Mute):
    def predict_proba_one(self, x):
        return {"a": np.nan, "b": 0.4}


def prepared(estimator):
    adapter, why_not = adapter_of(estimator)
    assert why_not == ""
    return adapter.prepared(clone(estimator))


def continued(model, rows, y, effort=ONE_PASS):
    adapter, _ = adapter_of(model)
    assert adapter.refusal(model, y, effort) == ""
    twin = adapter.copied(model)
    adapter.update(twin, rows, y, {}, effort)
    return twin


# -- probabilities and labels ------------------------------------------------------------------


def test_the_mended_wrapper_has_the_name_and_the_documentation_of_river_s():
    mended = _mended_wrapper.__wrapped__()
    assert issubclass(mended, River2SKLClassifier)
    assert (mended.__name__, mended.__doc__) == ("River2SKLClassifier", River2SKLClassifier.__doc__)


def test_river_alone_still_gives_no_probability_to_other_labels_than_0_and_1():
    # The reason for the mended wrapper: where this fails, it can go.
    model = River2SKLClassifier(linear_model.LogisticRegression())
    model.fit(X, LABELS["strings"][POSITIVE.astype(int)])
    assert not model.predict_proba(X).any()


NAMED = [*product([*BINARY, "Hoeffding tree"], LABELS)]


@pytest.mark.parametrize(("kind", "labels"), representatives(NAMED, fast=NAMED[::5], covering=[]))
@pytest.mark.thinned(2)
def test_probabilities_do_not_depend_on_what_the_classes_are_called(kind, labels):
    classes = LABELS[labels]
    model = prepared(River2SKLClassifier(ALL[kind]())).fit(X, classes[POSITIVE.astype(int)])
    as_numbers = River2SKLClassifier(ALL[kind]()).fit(X, POSITIVE.astype(int))
    proba, predicted = model.predict_proba(X), model.predict(X)
    np.testing.assert_array_equal(proba, as_numbers.predict_proba(X))
    np.testing.assert_array_equal(predicted, classes[as_numbers.predict(X)])
    np.testing.assert_array_equal(predicted, classes[proba.argmax(axis=1)])
    assert predicted.dtype == model.classes_.dtype


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.no_cover
def test_probabilities_add_up_to_one_and_agree_with_the_labels(kind):
    model = prepared(River2SKLClassifier(ALL[kind]())).fit(X, POSITIVE)
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert np.mean(model.predict(X) == POSITIVE) > 0.8
    agree = model.classes_[proba.argmax(axis=1)] == model.predict(X)
    tied = proba[:, 0] == proba[:, 1]
    assert (agree | tied).all()


@pytest.mark.parametrize("model", [Mute(), NeverANumber()])
def test_a_model_without_an_answer_says_that_all_classes_are_as_likely(model):
    model = prepared(River2SKLClassifier(model)).fit(X, THREE)
    np.testing.assert_array_equal(model.predict_proba(X[:4]), np.full((4, 3), 1 / 3))
    assert model.predict(X[:4]).dtype == model.classes_.dtype


def test_the_label_of_a_model_without_an_answer_is_the_first():
    model = prepared(River2SKLClassifier(Mute())).fit(X, THREE)
    assert model.predict(X[:3]).tolist() == ["a", "a", "a"]


def test_probabilities_that_do_not_add_up_are_scaled():
    model = prepared(River2SKLClassifier(Halves())).fit(X, THREE)
    np.testing.assert_allclose(model.predict_proba(X[:2]), [[0.2, 0.8, 0.0]] * 2)


def test_a_binary_model_of_one_class_predicts_it():
    # Far from what it learned, a linear model says True, which stands for no class here.
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression()))
    model.fit(X[:50] + 3, np.full(50, "a"))
    assert set(model.predict(-10 * X - 30)) == {"a"}
    np.testing.assert_array_equal(model.predict_proba(-10 * X - 30), np.ones((len(X), 1)))


def test_a_batch_may_lack_classes():
    model = prepared(River2SKLClassifier(naive_bayes.GaussianNB())).fit(X, THREE)
    twin = continued(model, X[THREE == "a"], THREE[THREE == "a"])
    assert twin.classes_.tolist() == ["a", "b", "c"]
    assert twin.predict_proba(X).shape == (len(X), 3)


def test_declared_classes_are_sorted():
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression()))
    model.partial_fit(X[:1], ["yes"], classes=["yes", "no"])
    assert model.classes_.tolist() == ["no", "yes"]
    model.partial_fit(X, LABELS["strings"][POSITIVE.astype(int)])
    assert np.mean(model.predict(X) == LABELS["strings"][POSITIVE.astype(int)]) > 0.8


def test_a_binary_model_refuses_three_declared_classes():
    # River would take the second and the third for one.
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression()))
    with pytest.raises(ValueError, match=r"\['a', 'b', 'c'\].*LogisticRegression.*OneVsRest"):
        model.partial_fit(X, LABELS["strings"][POSITIVE.astype(int)], classes=["c", "b", "a"])


def test_frames_keep_their_column_names():
    frame = pd.DataFrame(X, columns=["u", "v", "w"])
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression())).fit(frame, POSITIVE)
    array = prepared(River2SKLClassifier(linear_model.LogisticRegression())).fit(X, POSITIVE)
    np.testing.assert_array_equal(model.predict_proba(frame), array.predict_proba(X))
    assert model.feature_names_in_.tolist() == ["u", "v", "w"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["v", "u", "w"]])


def test_asking_an_unfitted_model_is_told():
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression()))
    with pytest.raises(ValueError, match="not fitted"):
        model.predict(X)


# -- the prepared estimator --------------------------------------------------------------------


def test_the_mended_wrapper_is_rivers_wrapper_to_everybody():
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression(l2=0.5)))
    assert isinstance(model, River2SKLClassifier)
    assert type(model).__name__ == "River2SKLClassifier"
    assert repr(model).startswith("River2SKLClassifier(")
    assert list(model.get_params()) == ["river_estimator"]
    twin = clone(model)
    assert type(twin) is type(model)
    assert twin.river_estimator.l2 == 0.5
    regressor = River2SKLRegressor(linear_model.LinearRegression())
    assert adapter_of(model) == adapter_of(regressor)


@pytest.mark.parametrize("kind", ["logistic regression", "forest"])
def test_a_mended_wrapper_pickles_and_goes_on_as_it_would_have(kind):
    model = prepared(River2SKLClassifier(ALL[kind]())).fit(X[:120], POSITIVE[:120])
    back = pickle.loads(pickle.dumps(model))
    assert type(back) is type(model)
    for one in (model, back):
        one.partial_fit(X[120:], POSITIVE[120:])
    np.testing.assert_array_equal(model.predict_proba(X), back.predict_proba(X))


@pytest.mark.no_cover
def test_a_mended_wrapper_is_unpickled_where_river_was_never_imported(tmp_path):
    model = prepared(River2SKLClassifier(naive_bayes.GaussianNB())).fit(X, THREE)
    joblib.dump((model, X[:5]), tmp_path / "model.joblib")
    code = "import joblib, sys; model, rows = joblib.load(sys.argv[1]); print(*model.predict(rows))"
    command = [sys.executable, "-c", code, str(tmp_path / "model.joblib")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == model.predict(X[:5]).tolist()


def test_the_module_has_no_other_lazy_names():
    from skretrain.compose.adapters import _river

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _river.nothing  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.no_cover
@pytest.mark.thinned(4)
def test_a_used_model_begins_without_its_past(kind):
    used = ALL[kind]()
    for row, label in zip(X, ~POSITIVE, strict=True):
        used.learn_one(dict(enumerate(row)), bool(label))
    before = copy.deepcopy(used)
    model = prepared(River2SKLClassifier(used)).fit(X, POSITIVE)
    new = prepared(River2SKLClassifier(ALL[kind]())).fit(X, POSITIVE)
    np.testing.assert_array_equal(model.predict_proba(X), new.predict_proba(X))
    # The model given is left as it was.
    probe = dict(enumerate(X[0]))
    assert used.predict_proba_one(probe) == before.predict_proba_one(probe)


def test_used_members_inside_a_pipeline_begin_without_their_past():
    def make():
        members = [naive_bayes.GaussianNB(), tree.HoeffdingTreeClassifier()]
        return preprocessing.StandardScaler() | ensemble.StackingClassifier(
            members, meta_classifier=naive_bayes.GaussianNB()
        )

    used = make()
    for row, label in zip(X, ~POSITIVE, strict=True):
        used.learn_one(dict(enumerate(row)), bool(label))
    model, new = (prepared(River2SKLClassifier(m)).fit(X, POSITIVE) for m in (used, make()))
    np.testing.assert_array_equal(model.predict_proba(X), new.predict_proba(X))


def test_a_used_union_of_transformers_begins_without_its_past():
    def make():
        union = preprocessing.StandardScaler() + preprocessing.MinMaxScaler()
        return union | linear_model.LinearRegression()

    used, y = make(), X @ [1.0, 2.0, 3.0]
    for row, target in zip(10 * X, y, strict=True):
        used.learn_one(dict(enumerate(row)), target)
    model, new = (prepared(River2SKLRegressor(m)).fit(X, y) for m in (used, make()))
    np.testing.assert_array_equal(model.predict(X), new.predict(X))


def test_a_subclass_of_the_wrapper_stays_what_it_is():
    class Mine(River2SKLClassifier):
        pass

    used = linear_model.LogisticRegression()
    used.learn_one({0: 1.0}, True)
    model = prepared(Mine(used))
    assert type(model) is Mine
    assert model.river_estimator.weights == {}


# -- continuing --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.no_cover
@pytest.mark.thinned(4)
def test_a_continued_copy_is_the_wrapper_with_all_rows_and_its_model_stays(kind):
    model = prepared(River2SKLClassifier(ALL[kind]())).fit(X[:120], POSITIVE[:120])
    before, proba = joblib.hash(model), model.predict_proba(X)
    twin = continued(model, X[120:], POSITIVE[120:])
    assert joblib.hash(model) == before
    np.testing.assert_array_equal(model.predict_proba(X), proba)
    whole = prepared(River2SKLClassifier(ALL[kind]())).fit(X, POSITIVE)
    np.testing.assert_array_equal(twin.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("kind", MULTICLASS)
@pytest.mark.no_cover
def test_a_multiclass_model_takes_in_a_new_class(kind):
    known = THREE != "c"
    model = prepared(River2SKLClassifier(MULTICLASS[kind]())).fit(X[known], THREE[known])
    twin = continued(model, X, THREE, Effort(n_passes=5))
    assert model.classes_.tolist() == ["a", "b"]
    assert twin.classes_.tolist() == ["a", "b", "c"]
    proba = twin.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert np.mean(twin.predict(X)[~known] == "c") > 0.5


def test_a_new_class_widens_the_labels():
    model = prepared(River2SKLClassifier(naive_bayes.GaussianNB())).fit(X, POSITIVE.astype(str))
    y = np.where(POSITIVE, "something else", "False")
    twin = continued(model, X, y, Effort(n_passes=5))
    assert twin.classes_.tolist() == ["False", "True", "something else"]
    assert "something else" in twin.predict(X)


def test_a_binary_model_cannot_take_in_a_third_class():
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression())).fit(X, POSITIVE * 1)
    adapter, _ = adapter_of(model)
    reason = adapter.refusal(model, np.array([0, 1, 2]), ONE_PASS)
    assert "new classes [2]" in reason
    assert "OneVsRestClassifier" in reason


def test_more_passes_are_more_rows():
    model = prepared(River2SKLClassifier(linear_model.LogisticRegression())).fit(X, POSITIVE)
    twice = continued(model, X, POSITIVE, Effort(n_passes=2))
    by_hand = clone(model).fit(np.tile(X, (3, 1)), np.tile(POSITIVE, 3))
    np.testing.assert_array_equal(twice.predict_proba(X), by_hand.predict_proba(X))


@pytest.mark.parametrize(
    "make",
    [
        linear_model.LinearRegression,
        lambda: tree.HoeffdingTreeRegressor(grace_period=20),
        lambda: forest.ARFRegressor(n_models=2, seed=1),
    ],
)
@pytest.mark.no_cover
def test_a_regressor_goes_on_like_its_wrapper(make):
    y = X @ [1.0, 2.0, 3.0]
    used = make()
    used.learn_one(dict(enumerate(X[0])), 1e3)
    model = prepared(River2SKLRegressor(used)).fit(X[:120], y[:120])
    before = joblib.hash(model)
    twin = continued(model, X[120:], y[120:])
    np.testing.assert_array_equal(twin.predict(X), River2SKLRegressor(make()).fit(X, y).predict(X))
    assert joblib.hash(model) == before


def test_a_clusterer_follows_a_cluster_that_moves():
    rows = np.vstack([X[:120] - 4, X[120:] + 4])
    model = prepared(River2SKLClusterer(cluster.KMeans(n_clusters=2, seed=1))).fit(rows)
    before = joblib.hash(model)
    twin = continued(model, X + 30, None, Effort(n_passes=3))
    assert joblib.hash(model) == before
    centers = [list(center.values()) for center in twin.instance_.centers.values()]
    assert np.max(centers) > 20


# -- raw models --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "way"),
    [
        (linear_model.LogisticRegression(), "convert_river_to_sklearn(model)"),
        (tree.HoeffdingTreeRegressor(), "convert_river_to_sklearn(model)"),
        (cluster.KMeans(), "convert_river_to_sklearn(model)"),
        (Mute(), "convert_river_to_sklearn(model)"),
        (preprocessing.StandardScaler() | naive_bayes.GaussianNB(), "River2SKLClassifier(model)"),
        (
            preprocessing.StandardScaler() | linear_model.LinearRegression(),
            "River2SKLRegressor(model)",
        ),
    ],
)
def test_a_raw_model_is_told_which_wrapper_to_take(model, way):
    assert f"river.compat.{way}" in hint(model)
    assert type(model).__name__ in hint(model)


@pytest.mark.parametrize("model", [anomaly.HalfSpaceTrees(), drift.ADWIN()])
def test_what_no_wrapper_knows_is_told_too(model):
    assert "do not know" in hint(model)


@pytest.mark.parametrize(
    "estimator",
    [
        convert_river_to_sklearn(linear_model.LogisticRegression()),
        prepared(River2SKLClassifier(linear_model.LogisticRegression())),
        LogisticRegression(),
        object(),
        None,
    ],
)
def test_everything_else_needs_no_hint(estimator):
    assert hint(estimator) == ""


def test_a_hint_for_something_else_does_not_import_river(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "river"]:
        monkeypatch.setitem(sys.modules, name, None)  # an import of it would raise
    assert hint(object()) == ""
