"""Rotation: the oldest members go, as many are grown, and nothing else of the ensemble changes."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import assert_same_outputs, stream
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skretrain.compose.adapters._base import Effort
from skretrain.compose.adapters._registry import adapter_of

X, Y = stream(400, n_classes=3)
OLD, NEW = slice(0, 200), slice(200, 400)

FORESTS = [
    RandomForestClassifier,
    ExtraTreesClassifier,
    RandomForestRegressor,
    ExtraTreesRegressor,
]
ENSEMBLES = [*FORESTS, BaggingClassifier, BaggingRegressor, IsolationForest]

each_forest = pytest.mark.parametrize("kind", FORESTS)
each_ensemble = pytest.mark.parametrize("kind", ENSEMBLES)


def rotated(model, X, y, rate=0.25, **params):
    """Return the rotation of a fitted model, its original left in place."""
    adapter, why_not = adapter_of(model)
    assert why_not == ""
    effort = Effort(rate=rate)
    y = None if y is None else np.asarray(y)
    assert adapter.refusal(model, y, effort) == ""
    twin = adapter.copied(model)
    adapter.update(twin, X, y, params, effort)
    return twin


def refusal(model, y, rate=0.25):
    return adapter_of(model)[0].refusal(model, np.asarray(y), Effort(rate=rate))


def tree_of(member):
    """Return the numbers that make a tree what it is."""
    tree = member.tree_
    return [tree.feature, tree.threshold, tree.value, tree.weighted_n_node_samples]


def assert_same_tree(one, other):
    for mine, theirs in zip(tree_of(one), tree_of(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


# -- the members ---------------------------------------------------------------------------------


@each_ensemble
def test_the_oldest_go_and_the_size_stays(kind):
    """Members move up by as many as are new; the others are the very same objects."""
    model = kind(8, random_state=0) if kind in FORESTS else kind(n_estimators=8, random_state=0)
    model.fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW], rate=0.4)  # 3.2 of 8
    assert len(twin.estimators_) == 8
    assert all(a is b for a, b in zip(twin.estimators_[:5], model.estimators_[3:], strict=True))
    assert not {id(m) for m in twin.estimators_[5:]} & {id(m) for m in model.estimators_}
    if kind not in FORESTS:
        pairs = zip(twin.estimators_features_[:5], model.estimators_features_[3:], strict=True)
        assert all(a is b for a, b in pairs)
        assert len(twin.estimators_features_) == 8


@each_ensemble
@pytest.mark.no_cover
def test_the_original_is_left_alone(kind):
    """Neither its bytes nor its answers change, not even by many rotations of its twin."""
    model = kind(n_estimators=6, random_state=0).fit(X[OLD], Y[OLD])
    before, as_it_was = joblib.hash(model), pickle.loads(pickle.dumps(model))
    twin = model
    for _ in range(7):
        twin = rotated(twin, X[NEW], Y[NEW])
    assert joblib.hash(model) == before
    assert_same_outputs(model, as_it_was, X)
    assert joblib.hash(twin) != before


def test_the_copy_shares_the_trees():
    """A copy costs the same for a large forest as for a small one: it copies no list, no tree."""
    model = RandomForestClassifier(5, random_state=0).fit(X, Y)
    twin = adapter_of(model)[0].copied(model)
    assert twin is not model
    assert twin.estimators_ is model.estimators_


@each_ensemble
def test_parameters_stay_as_given(kind):
    """The clone that grows the new members has parameters of its own."""
    given = {"n_estimators": 8, "warm_start": True, "max_samples": 50, "n_jobs": 1}
    given |= {"random_state": 3, "bootstrap": True}
    model = kind(**given).fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW])
    assert {name: twin.get_params()[name] for name in given} == given


@each_ensemble
def test_attributes_are_those_of_a_fit(kind):
    """A rotated model has the attributes of a fitted one, but for the rows its members drew.

    They come from several fits: ``estimators_samples_`` is missing rather than wrong.
    """
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = kind(n_estimators=8, random_state=0).fit(frame[OLD], Y[OLD])
    twin = rotated(model, frame[NEW], Y[NEW])
    drawn = {"_n_samples", "_n_samples_bootstrap", "_sample_weight"}
    assert set(vars(model)) - drawn == set(vars(twin))
    assert list(twin.feature_names_in_) == list("abcd")
    assert twin.n_features_in_ == 4
    assert not hasattr(twin, "estimators_samples_")
    for name in ("classes_", "n_classes_", "n_outputs_"):
        np.testing.assert_equal(getattr(twin, name, None), getattr(model, name, None))


def test_a_forest_of_another_size_than_its_parameter_keeps_its_size():
    """Someone has set n_estimators after the fit: the members there are count."""
    model = RandomForestClassifier(4, random_state=0).fit(X[OLD], Y[OLD])
    model.set_params(n_estimators=100)
    twin = rotated(model, X[NEW], Y[NEW], rate=0.5)
    assert len(twin.estimators_) == 4
    assert twin.estimators_[:2] == model.estimators_[2:]


@pytest.mark.parametrize("rate", [1.0, 3.0])
def test_a_rate_of_one_or_more_replaces_all(rate):
    """Never more members than there are."""
    model = RandomForestClassifier(4, random_state=0).fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW], rate=rate)
    assert len(twin.estimators_) == 4
    assert not {id(m) for m in twin.estimators_} & {id(m) for m in model.estimators_}


def test_the_rotated_forest_answers_with_the_mean_of_its_trees():
    """The oracle: probabilities averaged by hand over old and new trees."""
    model = RandomForestClassifier(8, random_state=0).fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW])
    by_hand = np.mean([tree.predict_proba(X) for tree in twin.estimators_], axis=0)
    np.testing.assert_allclose(twin.predict_proba(X), by_hand, atol=1e-15)
    assert twin.feature_importances_.sum() == pytest.approx(1)


def test_the_rotated_bag_answers_with_the_mean_of_its_members():
    """Each member is asked about the features it was grown on, so these rotate, too."""
    model = BaggingClassifier(n_estimators=8, max_features=2, random_state=0).fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW])
    pairs = zip(twin.estimators_, twin.estimators_features_, strict=True)
    by_hand = np.mean([m.predict_proba(X[:, columns]) for m, columns in pairs], axis=0)
    np.testing.assert_allclose(twin.predict_proba(X), by_hand, atol=1e-15)
    assert len(twin._seeds) == 8
    np.testing.assert_array_equal(twin._seeds[:6], model._seeds[2:])


def test_new_trees_are_those_of_a_fit_on_the_rows():
    """The oracle: a forest with the seed that the new trees had, fitted on the same rows."""
    model = ExtraTreesClassifier(8, random_state=0).fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW])
    for new in twin.estimators_[6:]:
        alone = ExtraTreesClassifier(1, random_state=0).fit(X[NEW], Y[NEW]).estimators_[0]
        alone.set_params(random_state=new.random_state).fit(X[NEW].astype(np.float32), Y[NEW])
        assert_same_tree(new, alone)


@pytest.mark.parametrize("kind", [k for k in ENSEMBLES if k is not IsolationForest])
@pytest.mark.no_cover
def test_once_round_it_is_as_good_as_a_fresh_forest(kind):
    """After n / k rotations on rows of a new concept, no trace of the old one is left."""
    rows, labels = stream(3000, drift=1000, seed=1)
    score = accuracy_score if is_classifier(kind()) else r2_score
    old, new, test = slice(0, 1000), slice(1000, 2000), slice(2000, 3000)
    model = kind(n_estimators=20, random_state=0).fit(rows[old], labels[old])
    twin = model
    for _ in range(4):
        twin = rotated(twin, rows[new], labels[new])
    fresh = clone(model).fit(rows[new], labels[new])
    achieved, best = (score(labels[test], m.predict(rows[test])) for m in (twin, fresh))
    assert score(labels[test], model.predict(rows[test])) < 0.5
    assert achieved > best - 0.03
    assert not set(map(id, twin.estimators_)) & set(map(id, model.estimators_))


# -- seeds ---------------------------------------------------------------------------------------


@each_ensemble
@pytest.mark.parametrize("random_state", [0, 7, np.random.RandomState(5)], ids=["0", "7", "state"])
@pytest.mark.no_cover
@pytest.mark.thinned(4)
def test_every_rotation_grows_other_members_and_says_so_twice(kind, random_state):
    """On the same rows, members differ from one rotation to the next, but not from run to run."""
    model = kind(n_estimators=2, random_state=random_state).fit(X[OLD], Y[OLD])

    def seeds():
        twin, found = model, []
        for _ in range(5):
            twin = rotated(twin, X[NEW], Y[NEW], rate=0.5)
            found.append(twin.estimators_[-1].random_state)
        return found

    assert len(set(seeds())) == 5
    assert seeds() == seeds()


def test_the_users_generator_is_not_drawn_from():
    """A RandomState is a constructor argument; rotation leaves it at the state it has."""
    generator = np.random.RandomState(5)
    model = RandomForestClassifier(4, random_state=generator).fit(X[OLD], Y[OLD])
    before = joblib.hash(generator)
    twin = rotated(model, X[NEW], Y[NEW])
    assert joblib.hash(generator) == before
    assert twin.random_state is generator


def test_no_seed_stays_no_seed():
    """random_state=None draws from the global generator, as scikit-learn means it."""
    model = RandomForestClassifier(4).fit(X[OLD], Y[OLD])
    seeds = [rotated(model, X[NEW], Y[NEW]).estimators_[-1].random_state for _ in range(2)]
    assert seeds[0] != seeds[1]
    assert rotated(model, X[NEW], Y[NEW]).random_state is None


def test_members_without_a_seed_rotate_differently_each_time():
    """Nearest neighbours draw nothing; their bag does, and its seeds are what is derived from."""
    model = BaggingClassifier(KNeighborsClassifier(), n_estimators=2, random_state=0)
    twin = model.fit(X[OLD], Y[OLD])
    seeds = set()
    for _ in range(4):
        twin = rotated(twin, X[NEW], Y[NEW], rate=0.5)
        seeds.add(int(twin._seeds[-1]))
    assert len(seeds) == 4


# -- classes -------------------------------------------------------------------------------------


def names_of(codes):
    return np.array(["low", "mid", "high, and a long name"])[codes]


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("class_weight", [None, "balanced", "balanced_subsample", "given"])
@pytest.mark.parametrize("present", [[0], [2], [0, 2]], ids=str)
@pytest.mark.parametrize("n_new", [3, 200])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_rows_may_lack_classes(kind, class_weight, present, n_new):
    """New trees know every class and give those that their rows lack probability zero."""
    if class_weight == "given":
        class_weight = dict(zip(names_of([0, 1, 2]), [1.0, 2.0, 3.0], strict=True))
    model = kind(8, random_state=0, class_weight=class_weight).fit(X[OLD], names_of(Y[OLD]))
    rows = np.flatnonzero(np.isin(Y, present))[:n_new]
    twin = rotated(model, X[rows], names_of(Y[rows]))
    assert twin.classes_.tolist() == model.classes_.tolist()
    absent = ~np.isin(model.classes_, names_of(present))
    for tree in twin.estimators_[6:]:
        proba = tree.predict_proba(X)
        assert proba.shape == (len(X), 3)
        np.testing.assert_array_equal(proba[:, absent], 0)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert set(twin.predict(X)) <= set(model.classes_)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"class_weight": "balanced", "min_weight_fraction_leaf": 0.1},
        {"class_weight": "balanced_subsample", "min_weight_fraction_leaf": 0.1},
        {"class_weight": {0: 3.0, 1: 1.0, 2: 5.0}, "min_samples_leaf": 3},
        {"criterion": "entropy", "max_depth": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_what_stands_for_a_missing_class_changes_no_split(params, weighted):
    """The trees are those of a fit on the rows alone, with a column of zeros more."""
    rows = np.flatnonzero(Y != 2)[100:]
    model = ExtraTreesClassifier(4, random_state=0, **params).fit(X[OLD], Y[OLD])
    weight = np.random.default_rng(0).integers(1, 4, len(rows)).astype(float)
    extra = {"sample_weight": weight} if weighted else {}
    new = rotated(model, X[rows], Y[rows], **extra).estimators_[-1]

    given = dict(params)
    if isinstance(params.get("class_weight"), dict):
        given["class_weight"] = {0: 3.0, 1: 1.0}
    elif "class_weight" in params:  # balanced by weight, as scikit-learn does it since 1.8
        count = np.bincount(Y[rows], weights=weight if weighted else None)
        given["class_weight"] = dict(enumerate(count.sum() / count))
    tree = DecisionTreeClassifier(
        splitter="random", max_features="sqrt", random_state=new.random_state, **given
    )
    tree.fit(X[rows].astype(np.float32), Y[rows], **extra)
    np.testing.assert_array_equal(new.tree_.feature, tree.tree_.feature)
    np.testing.assert_array_equal(new.tree_.threshold, tree.tree_.threshold)
    np.testing.assert_allclose(new.tree_.value[:, :, :2], tree.tree_.value, rtol=1e-12)
    np.testing.assert_array_equal(new.tree_.value[:, :, 2], 0)


@pytest.mark.parametrize("max_samples", [None, 20, 0.2, 1000, 1.0])
def test_a_bootstrap_of_rows_that_lack_a_class_is_no_larger(max_samples):
    """The stand-ins do not count: as many rows are drawn as would be without them."""
    rows = np.flatnonzero(Y != 2)[:100]
    model = RandomForestClassifier(4, random_state=0, max_samples=20).fit(X[OLD], Y[OLD])
    model.set_params(max_samples=max_samples)
    new = rotated(model, X[rows], Y[rows]).estimators_[-1]
    expected = {None: 100, 20: 20, 0.2: 20, 1000: 100, 1.0: 100}[max_samples]
    # scikit-learn < 1.9 may draw the stand-in, which is then dropped
    assert expected - 6 <= new.tree_.weighted_n_node_samples[0] <= expected


@pytest.mark.parametrize("n_new", [1, 2, 5])
def test_few_rows_of_one_class_among_many(n_new):
    """No tree is grown on nothing: its probabilities would be NaN."""
    labels = np.arange(len(X)) % 20
    model = RandomForestClassifier(50, random_state=0).fit(X, labels)
    rows = np.flatnonzero(labels == 7)[:n_new]
    twin = rotated(model, X[rows], labels[rows], rate=1.0)
    np.testing.assert_array_equal(twin.predict(X), 7)
    np.testing.assert_allclose(twin.predict_proba(X)[:, 7], 1)


@pytest.mark.parametrize("class_weight", [None, "balanced", "balanced_subsample"])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_several_outputs_that_lack_different_classes(kind, class_weight):
    """Each output keeps its own table of classes, of its own type."""
    targets = np.column_stack([names_of(Y), np.where(X[:, 2] > 0, "yes", "no")])
    model = kind(8, random_state=0, class_weight=class_weight).fit(X[OLD], targets[OLD])
    rows = np.flatnonzero((Y == 0) & (X[:, 2] > 0))
    twin = rotated(model, X[rows], targets[rows], rate=1.0)
    assert [table.tolist() for table in twin.classes_] == [t.tolist() for t in model.classes_]
    assert [proba.shape[1] for proba in twin.predict_proba(X)] == [3, 2]
    assert set(map(tuple, twin.predict(X))) == {("low", "yes")}


@pytest.mark.parametrize("labels", [Y, Y > 0, names_of(Y), Y + 0.0, names_of(Y).astype(object)])
def test_labels_of_every_type_keep_it(labels):
    """The classes of a rotated model are those it was fitted with, value and type."""
    model = RandomForestClassifier(4, random_state=0).fit(X[OLD], labels[OLD])
    rows = np.flatnonzero(labels == labels[0])
    twin = rotated(model, X[rows], labels[rows])
    assert twin.classes_ is model.classes_
    assert twin.predict(X).dtype == labels.dtype


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier, BaggingClassifier])
def test_a_new_class_is_refused_by_name(kind):
    """The old members have no room for it."""
    model = kind(n_estimators=4, random_state=0).fit(X[OLD], np.minimum(Y, 1)[OLD])
    assert "[2]" in refusal(model, Y[NEW])
    assert refusal(model, np.minimum(Y, 1)[NEW]) == ""


def test_a_new_class_in_one_of_several_outputs_is_refused():
    """Every output is looked at."""
    targets = np.column_stack([Y, np.minimum(Y, 1)])
    model = RandomForestClassifier(4, random_state=0).fit(X[OLD], targets[OLD])
    assert refusal(model, targets[NEW]) == ""
    assert "[2]" in refusal(model, np.column_stack([Y, Y])[NEW])


def test_bagging_needs_every_class():
    """Its members know classes by rank, so a class that is missing would shift all behind it."""
    model = BaggingClassifier(n_estimators=4, random_state=0).fit(X[OLD], Y[OLD])
    adapter, _ = adapter_of(model)
    assert adapter.needs_all_classes
    assert "the rows lack [0]" in refusal(model, Y[Y > 0])


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RandomForestClassifier, BaggingRegressor])
@pytest.mark.parametrize("oob_score", [True, accuracy_score])
def test_an_out_of_bag_score_would_be_stale(kind, oob_score):
    """Refused with the parameter's name, before anything is fitted."""
    adapter, why_not = adapter_of(kind(oob_score=oob_score))
    assert adapter is None
    assert "oob_score=" in why_not


class Logging(RandomForestClassifier):
    """A subclass that fits otherwise."""

    def fit(self, X, y, sample_weight=None):
        self.log_ = len(X)
        return super().fit(X, y, sample_weight)


class Named(RandomForestClassifier):
    """A subclass that does not."""


def test_subclasses_rotate_unless_they_fit_otherwise():
    """A fit of their own may keep something for each member, which rotation knows nothing of."""
    assert adapter_of(Logging())[0] is None
    assert "Logging has a fit of its own" in adapter_of(Logging())[1]
    model = Named(4, random_state=0).fit(X[OLD], Y[OLD])
    assert type(rotated(model, X[NEW], Y[NEW])) is Named


def test_an_embedding_is_not_rotated():
    """Its columns are leaves of trees: what stands behind it would get others."""
    assert adapter_of(RandomTreesEmbedding())[0] is None


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(4, criterion="poisson", random_state=0),
        BaggingRegressor(DecisionTreeRegressor(criterion="poisson"), n_estimators=4),
    ],
    ids=["forest", "bagging"],
)
def test_targets_that_poisson_cannot_take_are_refused(model):
    """Negative ones, and nothing but zeros, would raise in the middle of a fit."""
    model.fit(X[OLD], Y[OLD])
    assert "poisson" in refusal(model, np.where(np.arange(200) == 7, -1, Y[NEW]))
    assert "poisson" in refusal(model, 0 * Y[NEW])
    assert refusal(model, Y[:0]) == ""
    assert rotated(model, X[NEW], Y[NEW]).predict(X).min() >= 0


def test_targets_that_are_missing_or_of_another_shape_are_refused():
    """Before the trees see them."""
    model = RandomForestRegressor(4, random_state=0).fit(X[OLD], Y[OLD])
    adapter, _ = adapter_of(model)
    assert "need targets" in adapter.refusal(model, None, Effort())
    assert "1 outputs, the targets have 2" in refusal(model, np.column_stack([Y, Y]))


@each_ensemble
def test_other_columns_are_scikit_learns_own_error(kind):
    """Members that count other features would fail only at the next prediction."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = kind(n_estimators=4, random_state=0).fit(frame, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        rotated(model, frame[list("dcba")], Y)
    with pytest.raises(ValueError, match="3 features, but"):
        rotated(kind(n_estimators=4, random_state=0).fit(X, Y), X[:, :3], Y)


# -- parameters and containers -------------------------------------------------------------------


@each_ensemble
@pytest.mark.parametrize(
    "container",
    [
        pd.DataFrame,
        pl.DataFrame,
        sparse.csr_matrix,
        sparse.csr_array,
        np.ndarray.tolist,
        np.float32,
    ],
    ids=["pandas", "polars", "csr_matrix", "csr_array", "list", "float32"],
)
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_containers(kind, container):
    """Rows come in whatever scikit-learn takes, with a missing class where that is allowed."""
    rows = container(X) if container is not pd.DataFrame else pd.DataFrame(X, columns=list("abcd"))
    lacking = np.where(Y == 2, 0, Y) if kind is not BaggingClassifier else Y
    model = kind(n_estimators=4, random_state=0).fit(rows, Y)
    twin = rotated(model, rows, lacking)
    assert np.isfinite(twin.predict(rows).astype(float)).all()
    plain = rotated(kind(n_estimators=4, random_state=0).fit(X, Y), X, lacking)
    np.testing.assert_array_equal(twin.predict(rows), plain.predict(X))


@pytest.mark.parametrize(
    "params",
    [
        {"bootstrap": False},
        {"max_samples": 1000},
        {"max_samples": 0.5},
        {"monotonic_cst": [1, 0, 0, -1]},
        {"n_jobs": 2},
        {"ccp_alpha": 0.01},
        {"max_leaf_nodes": 5},
    ],
    ids=str,
)
@each_forest
@pytest.mark.no_cover
def test_parameters_of_forests(kind, params):
    """Every parameter works for the new trees as for the old."""
    params = {"bootstrap": "max_samples" in params, **params}
    lacking = np.minimum(Y, 1)
    model = kind(8, random_state=0, **{**params, **_capped(params)})
    model.fit(X, lacking if "monotonic_cst" in params else Y)
    model.set_params(**params)
    twin = rotated(model, X[:150], lacking[:150])
    assert np.isfinite(twin.predict(X)).all()
    if "max_leaf_nodes" in params:
        assert max(tree.get_n_leaves() for tree in twin.estimators_) <= 5


def _capped(params):
    """scikit-learn 1.7 refuses to draw more rows than there are; rows may be fewer later on."""
    return {"max_samples": 300} if params.get("max_samples") == 1000 else {}


@each_ensemble
@pytest.mark.no_cover
def test_weights_are_heard(kind):
    """Rows of large weight decide: the new members answer as their labels say."""
    labels = np.arange(200) % 2
    rows = np.zeros((200, 1))
    weight = np.where(labels == 1, 99.0, 1.0)
    model = kind(n_estimators=4, random_state=0).fit(rows, labels)
    twin = rotated(model, rows, labels, rate=1.0, sample_weight=weight)
    if kind is not IsolationForest:
        assert twin.predict(rows[:1]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_missing_values(kind):
    """NaN in old rows, in new rows, or in both."""
    holes = X.copy()
    holes[::7, 1] = np.nan
    for old, new in ((holes, X), (X, holes), (holes, holes)):
        model = kind(6, random_state=0).fit(old[OLD], Y[OLD])
        twin = rotated(model, new[NEW], np.minimum(Y, 1)[NEW])
        assert np.isfinite(twin.predict(holes)).all()


@pytest.mark.parametrize(
    "model",
    [
        BaggingClassifier(KNeighborsClassifier()),
        BaggingClassifier(LogisticRegression(), bootstrap_features=True),
        BaggingClassifier(bootstrap=False, max_samples=0.5),
        BaggingClassifier(bootstrap=False, max_samples=150),
        BaggingRegressor(LinearRegression(), max_features=2),
        BaggingRegressor(bootstrap=False),
        BaggingRegressor(max_samples=190),
    ],
    ids=str,
)
def test_parameters_of_bagging(model):
    """Any member, any way of drawing, on fewer rows than in the fit as well."""
    model = model.set_params(random_state=0, n_estimators=6).fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW][:120], Y[NEW][:120])
    assert np.isfinite(twin.predict(X)).all()
    assert len(twin.estimators_features_) == 6


@pytest.mark.filterwarnings("ignore:When fitting BaggingRegressor with sample_weight")
def test_weights_that_sum_to_more_than_there_are_rows():
    """Without replacement, no more rows can be drawn than there are."""
    model = BaggingRegressor(bootstrap=False, max_samples=0.9, n_estimators=4, random_state=0)
    model.fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW], sample_weight=np.full(200, 5.0))
    assert np.isfinite(twin.predict(X)).all()


def test_regression_with_several_outputs():
    """Forests and bags of trees predict all of them."""
    targets = np.column_stack([Y, -Y])
    for kind in (RandomForestRegressor, BaggingRegressor):
        model = kind(n_estimators=6, random_state=0).fit(X[OLD], targets[OLD])
        assert rotated(model, X[NEW], targets[NEW]).predict(X).shape == (400, 2)


def test_members_fitted_in_two_goes():
    """warm_start leaves a bag with the seeds of its last members only."""
    model = BaggingClassifier(n_estimators=4, warm_start=True, random_state=0).fit(X[OLD], Y[OLD])
    model.set_params(n_estimators=6).fit(X[OLD], Y[OLD])
    twin = rotated(model, X[NEW], Y[NEW], rate=0.5)
    assert len(twin.estimators_) == 6
    assert twin.warm_start


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_balanced_classes_in_a_warm_started_forest(kind):
    """scikit-learn warns of the two together for its own warm start; rotation takes no part."""
    model = kind(4, class_weight="balanced", random_state=0).fit(X[OLD], Y[OLD])
    twin = rotated(model.set_params(warm_start=True), X[NEW], Y[NEW])
    assert twin.warm_start


# -- isolation forests ---------------------------------------------------------------------------


def scores_by_hand(model, X):
    """Average, over trees, the depth of a row in relation to what is usual for the tree's rows."""
    found = np.zeros(len(X))
    for tree, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        n = int(tree.tree_.weighted_n_node_samples[0])
        leaf = tree.tree_.n_node_samples[tree.apply(X[:, columns])]
        depth = np.asarray(tree.decision_path(X[:, columns]).sum(axis=1)).ravel() - 1
        found += (depth + usual_path(leaf)) / usual_path(np.array([n]))
    return -(2 ** -(found / len(model.estimators_)))


def usual_path(n):
    """The formula of the paper."""
    larger = np.maximum(n, 3)
    long = 2 * (np.log(larger - 1) + np.euler_gamma) - 2 * (larger - 1) / larger
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, long))


@pytest.mark.parametrize("n_new", [200, 40, 2, 1])
@pytest.mark.parametrize("max_samples", ["auto", 50, 0.5])
@pytest.mark.parametrize("max_features", [1.0, 2])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_scores_of_trees_that_drew_different_numbers_of_rows(n_new, max_samples, max_features):
    """Each tree is judged by what is usual for its own rows; the oracle is the paper's formula."""
    model = IsolationForest(
        n_estimators=8, max_samples=max_samples, max_features=max_features, random_state=0
    )
    model.fit(X[OLD])
    np.testing.assert_allclose(scores_by_hand(model, X), model.score_samples(X))
    twin = rotated(model, X[NEW][:n_new], None)
    np.testing.assert_allclose(scores_by_hand(twin, X), twin.score_samples(X))
    again = rotated(twin, X, None)
    np.testing.assert_allclose(scores_by_hand(again, X), again.score_samples(X))
    assert again.max_samples_ == again._max_samples


def test_outliers_are_those_of_the_new_rows():
    """Once round, rows like the old ones are outliers; the share asked for is found among new."""
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(300, 3)), rng.normal(8, 1, size=(300, 3))
    model = IsolationForest(n_estimators=20, contamination=0.1, random_state=0).fit(old)
    twin = model
    for _ in range(4):
        twin = rotated(twin, new, None)
        assert (twin.predict(new) == -1).mean() == pytest.approx(0.1, abs=0.01)
    assert (twin.predict(old) == -1).mean() > 0.95
    assert (model.predict(old) == -1).mean() == pytest.approx(0.1, abs=0.01)


def test_without_a_contamination_the_level_is_fixed():
    """-0.5, as the paper has it."""
    model = IsolationForest(n_estimators=4, random_state=0).fit(X[OLD])
    assert rotated(model, X[NEW], None).offset_ == -0.5


@pytest.mark.parametrize("contamination", ["auto", 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_single_row_is_no_outlier_of_itself(contamination, weighted):
    """It is taken twice: trees of two equal rows say that nothing is unusual."""
    model = IsolationForest(n_estimators=4, contamination=contamination, random_state=0).fit(X)
    params = {"sample_weight": np.array([2.0])} if weighted else {}
    twin = rotated(model, X[:1], None, rate=1.0, **params)
    np.testing.assert_allclose(twin.score_samples(X), -0.5)


def test_labels_are_ignored_by_isolation_forests():
    """As in their fit."""
    model = IsolationForest(n_estimators=4, random_state=0).fit(X[OLD])
    assert_same_outputs(rotated(model, X[NEW], Y[NEW]), rotated(model, X[NEW], None), X)
