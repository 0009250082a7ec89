"""How a base is fitted and continued, and that the model it came from is left alone."""

import pickle

import joblib
import numpy as np
import pytest
from helpers import as_typed, assert_same_outputs, fingerprint, stream
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows
from skretrain.compose import BaseAdapter, Effort, register_adapter
from skretrain.compose._learner import Learner, fill_seeds
from skretrain.policies import FullRefit

X, Y = stream(300, n_classes=3)


def rows(part=slice(None), y=Y, **params):
    index = np.arange(len(X))[part]
    params = {name: values[part] for name, values in params.items()}
    return Rows(X[part], None if y is None else y[part], params, index)


@pytest.mark.parametrize(
    ("base", "method", "why_not"),
    [
        (GaussianNB(), "partial_fit", ""),
        (SGDClassifier(), "partial_fit", ""),
        (MLPClassifier(), "partial_fit", ""),
        (MLPClassifier(solver="lbfgs"), "warm_start", ""),
        (LogisticRegression(), "warm_start", ""),
        (Lasso(), "warm_start", ""),
        (SGDClassifier(early_stopping=True), None, "no partial_fit with early_stopping=True"),
        (MLPClassifier(early_stopping=True), None, "no partial_fit with early_stopping=True"),
        (SGDClassifier(class_weight="balanced"), None, "class_weight='balanced'"),
        (SGDClassifier(class_weight={0: 1, 1: 2}), "partial_fit", ""),
        (DecisionTreeClassifier(), None, "neither partial_fit nor warm_start"),
        (Ridge(), None, "neither partial_fit nor warm_start"),
        (make_pipeline(StandardScaler(), SGDClassifier()), "partial_fit", ""),
        (make_pipeline(StandardScaler(), Ridge()), None, "Ridge has neither"),
        (GridSearchCV(LogisticRegression(), {}), "warm_start", ""),
        (ColumnTransformer([("s", StandardScaler(), [0])]), None, ""),
    ],
    ids=as_typed,
)
def test_method_of_continuation(base, method, why_not):
    """Told from class and parameters alone, with the reason why there is none."""
    learner = Learner(base)
    assert learner.method == method
    assert why_not in learner.why_not
    assert bool(learner.why_not) == bool(why_not)
    assert learner.incremental == (method == "partial_fit")


@pytest.mark.parametrize(
    ("base", "at_once", "freezes"),
    [
        (SGDClassifier(), True, False),
        (LogisticRegression(), False, False),
        (make_pipeline(StandardScaler(), SGDClassifier()), False, False),
        (make_pipeline(HashingVectorizer(), SGDClassifier()), True, False),
        (make_pipeline("passthrough", make_pipeline(None, GaussianNB())), True, False),
        (make_pipeline(FunctionTransformer(), LogisticRegression()), False, False),
        (make_pipeline(PCA(), SGDClassifier()), False, True),
        (make_pipeline(FrozenEstimator(PCA().fit(X)), SGDClassifier()), False, False),
        (GridSearchCV(SGDClassifier(), {}), False, False),
    ],
    ids=as_typed,
)
def test_what_the_first_rows_are_for(base, at_once, freezes):
    """Where nothing has to be fitted before the predictor, a single row can begin.

    What only a refit renews should see more than those; a FrozenEstimator is never renewed.
    """
    learner = Learner(base)
    assert learner.starts_at_once == at_once
    assert learner.freezes == freezes


class Rigid(GaussianNB):
    """A subclass, which is not grown: it may keep more per class than anyone knows."""


@pytest.mark.parametrize("before", [[0, 1], [0, 1, 2]])
@pytest.mark.parametrize("now", [[0, 1], [0, 1, 2], [1], [1, 2]])
@pytest.mark.parametrize(
    ("base", "grows", "needs_all"),
    [
        (GaussianNB(), True, False),
        (Rigid(), False, False),
        (LogisticRegression(), True, True),
        (make_pipeline(StandardScaler(), GaussianNB()), True, False),
        (make_pipeline(StandardScaler(), Rigid()), False, False),
        (make_pipeline(StandardScaler(), LogisticRegression()), True, True),
    ],
    ids=as_typed,
)
@pytest.mark.no_cover
def test_what_is_not_refused_works(base, grows, needs_all, before, now):
    """Trap 18: same, fewer or more classes; it is known before anything is fitted."""
    learner = Learner(base)
    known, new = np.isin(Y, before), np.isin(Y, now)
    model = learner.fresh(rows(known), 0)
    refusal = learner.refusal(model, rows(new))
    has_new, lacks = not set(now) <= set(before), not set(before) <= set(now)
    assert bool(refusal) == ((has_new and not grows) or (lacks and needs_all))
    assert learner.can_grow(model, [2]) == grows
    if not refusal:
        got = learner.continued(model, rows(new)).classes_
        np.testing.assert_array_equal(got, np.union1d(before, now))


def test_an_obstacle_is_seen_though_all_labels_are_known():
    """partial_fit of OneVsOneClassifier learns nonsense from labels that are text."""
    names = np.array(["a", "b", "c"])[Y]
    learner = Learner(OneVsOneClassifier(SGDClassifier()))
    model = learner.fresh(rows(y=names), 0)
    assert "misreads labels that are text" in learner.refusal(model, rows(y=names))
    assert learner.refusal(learner.fresh(rows(), 0), rows()) == ""


def test_what_a_search_found_may_be_an_obstacle():
    """It is of a class that cannot go on, whatever was searched first."""
    search = GridSearchCV(Pipeline([("c", GaussianNB())]), {"c": [DecisionTreeClassifier()]}, cv=2)
    learner = Learner(search)
    assert learner.why_not == ""
    assert "neither" in learner.refusal(learner.fresh(rows(), 0), rows())


def test_no_means_is_a_refusal():
    learner = Learner(DecisionTreeClassifier())
    model = learner.fresh(rows(), 0)
    assert "neither" in learner.refusal(model, rows())


def test_regressions_and_several_outputs_are_never_refused_for_classes():
    learner = Learner(Lasso())
    model = learner.fresh(rows(y=X[:, 0]), 0)
    assert learner.refusal(model, rows(y=X[:, 0])) == ""


@pytest.mark.parametrize(
    "base", [SGDClassifier(random_state=0), LogisticRegression()], ids=["partial", "warm"]
)
def test_continuing_leaves_the_model_alone(base):
    """Trap 38: the copy learns, the original predicts as before."""
    learner = Learner(base)
    model = learner.fresh(rows(slice(0, 200)), 0)
    before = fingerprint(model)
    continued = learner.continued(model, rows(slice(100, 300)))
    assert fingerprint(model) == before
    assert fingerprint(continued) != before


def test_own_warm_start_is_switched_back():
    """Switched on for the one fit, so that the model's parameters are those of the base."""
    for given in (True, False):
        learner = Learner(LogisticRegression(warm_start=given))
        model = learner.continued(learner.fresh(rows(), 0), rows())
        assert model.warm_start is given


def test_rows_of_weight_zero_are_left_out_of_a_continuation():
    """Trap 23; with all of them, the model is as it was."""
    weight = np.ones(300)
    weight[::2] = 0
    learner = Learner(SGDClassifier(random_state=0))
    model = learner.fresh(rows(slice(0, 100)), 0)
    got = learner.continued(model, rows(slice(100, 300), sample_weight=weight))
    odd = slice(101, 300, 2)
    oracle = clone(model).fit(X[:100], Y[:100])
    oracle.partial_fit(X[odd], Y[odd], sample_weight=np.ones(100))
    assert fingerprint(got) == fingerprint(oracle)
    nothing = learner.continued(model, rows(slice(100, 300), sample_weight=np.zeros(300)))
    assert fingerprint(nothing) == fingerprint(model)
    assert nothing is not model


@pytest.mark.parametrize(
    ("base", "name", "leaf"),
    [
        (make_pipeline(PCA(2), SGDClassifier()), "sgdclassifier__sample_weight", lambda m: m[-1]),
        (
            GridSearchCV(make_pipeline(PCA(2), SGDClassifier()), {}, cv=2),
            "sgdclassifier__sample_weight",
            lambda m: m.best_estimator_[-1],
        ),
        (
            make_pipeline(PCA(2), TransformedTargetRegressor(SGDRegressor())),
            "transformedtargetregressor__sample_weight",
            lambda m: m[-1].regressor_,
        ),
    ],
    ids=as_typed,
)
def test_weights_are_found_under_the_name_that_fit_takes(base, name, leaf):
    """Only pipelines put the names of their steps in front."""
    learner = Learner(base)
    model = learner.fresh(rows(slice(0, 100)), 0)
    weight = np.arange(300.0) % 3
    some = rows(slice(100, 300), **{name: weight})
    np.testing.assert_array_equal(learner.weight_of(some), weight[100:])
    got = learner.continued(model, some)
    assert leaf(got).t_ == leaf(model).t_ + np.count_nonzero(weight[100:])
    assert learner.weight_of(rows()) is None
    assert learner.weight_of(rows(elsewhere__sample_weight=weight)) is None


def test_weights_by_request_through_a_retrainer():
    """With metadata routing, under the name that the last step asks for."""
    weight = np.arange(300.0) % 3
    with config_context(enable_metadata_routing=True):
        clf = SGDClassifier(random_state=0)
        clf.set_fit_request(sample_weight="w").set_partial_fit_request(sample_weight="w")
        policy = FullRefit(grow=False)
        model = DriftAwareRetrainer(make_pipeline(PCA(2), clf), detector=None, policy=policy)
        model.fit(X[:100], Y[:100], w=weight[:100])
        before = model.estimator_[-1].t_
        model.partial_fit(X[100:], Y[100:], w=weight[100:])
    assert model.estimator_[-1].t_ == before + np.count_nonzero(weight[100:])


@pytest.mark.parametrize("base", [DecisionTreeClassifier(), SGDClassifier()], ids=as_typed)
def test_a_base_that_is_refitted_on_request(base):
    """On the rows alone, without those of weight zero; with none at all it stays."""
    learner = Learner(base.set_params(random_state=0))
    model = learner.fresh(rows(slice(0, 100)), 0)
    steps = {"*": "refit"}
    weight = np.arange(300.0) % 2
    assert learner.refusal(model, rows(), steps=steps) == ""
    got = learner.continued(model, rows(slice(100, 300), sample_weight=weight), steps=steps)
    odd = slice(101, 300, 2)
    oracle = clone(base).fit(X[odd], Y[odd], sample_weight=np.ones(100))
    assert_same_outputs(got, oracle, X)
    nothing = learner.continued(model, rows(sample_weight=np.zeros(300)), steps=steps)
    assert_same_outputs(nothing, model, X)


def test_plans_are_made_once_and_junk_is_told():
    """So that a warning about moving input is given once, too."""
    learner = Learner(make_pipeline(StandardScaler(), SGDClassifier()))
    assert learner.plan({"st*r": "freeze"}) is learner.plan({"st*r": "freeze"})
    assert learner.plan() is not learner.plan({"st*r": "freeze"})
    one = learner.plan({"st*r": "freeze", "*scaler": "update"})
    other = learner.plan({"*scaler": "update", "st*r": "freeze"})
    assert [plan.steps[0].on_update for plan in (one, other)] == ["update", "freeze"]
    for junk in (["s"], 3, {"st*r": []}):
        with pytest.raises(ValueError, match="steps="):
            learner.plan(junk)


def test_effort_reaches_the_predictor():
    """Two passes are two calls of partial_fit; the scaler sees the rows once."""
    learner = Learner(make_pipeline(StandardScaler(), SGDClassifier(random_state=0)))
    model = learner.fresh(rows(slice(0, 100)), 0)
    got = learner.continued(model, rows(slice(100, 300)), effort=Effort(n_passes=2))
    assert got[-1].t_ == model[-1].t_ + 400
    assert got[0].n_samples_seen_ == 300
    reheated = learner.continued(model, rows(slice(100, 300)), effort=Effort(reheat=True))
    assert reheated[-1].t_ == 201


class Mended(SGDClassifier):
    """What an adapter fits in the place of another class."""


class Particular(SGDClassifier):
    """Has an adapter with wishes."""


class Wishes(BaseAdapter):
    """Writes down what it is asked; takes writable rows only."""

    fit_method = "partial_fit"
    incremental = True
    needs_writable = True

    def prepared(self, estimator):
        return Mended(**estimator.get_params())

    def after_fit(self, predictor, model, X):
        predictor.finished_ = (type(model).__name__, X.shape, X.flags.writeable)

    def update(self, model, X, y, params, effort):
        model.partial_fit(X, y)


@pytest.fixture
def wishes():
    register_adapter(Particular, Wishes())
    yield
    register_adapter(Particular, None)


@pytest.mark.usefixtures("wishes")
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("path", ["", "c"])
def test_an_adapter_prepares_the_predictor_and_finishes_it(path, started):
    """Wherever it is: the base itself or the last step; the original is left alone."""
    base = Particular(random_state=0)
    learner = Learner(Pipeline([("f", FunctionTransformer()), ("c", base)]) if path else base)
    learner = learner.tallied(tally := [])
    read_only = Rows(X.copy(), Y, {}, np.arange(300))
    read_only.X.flags.writeable = False
    if started:
        model = learner.started(read_only, 0, [0, 1, 2])
    else:
        model = learner.fresh(read_only, 0)
    predictor = model[-1] if path else model
    assert type(predictor) is Mended
    assert predictor.finished_ == (type(model).__name__, (300, 4), True)
    assert tally == [300]


def test_raw_river_models_are_told_the_way():
    """They lack get_params, so that clone would say nothing useful."""
    from river.naive_bayes import GaussianNB as RiverNB

    with pytest.raises(TypeError, match="convert_river_to_sklearn"):
        Learner(RiverNB())


def test_starting_is_partial_fit_on_a_blank_clone():
    base = SGDClassifier(random_state=0)
    got = Learner(base).started(rows(slice(0, 50)), 0, [0, 1, 2])
    oracle = clone(base).partial_fit(X[:50], Y[:50], classes=[0, 1, 2])
    assert fingerprint(got) == fingerprint(oracle)
    assert not hasattr(base, "coef_")


def test_metadata_goes_where_the_route_sends_it():
    """None passes all; a route is asked for each method by name."""
    asked = []

    def route(method, params):
        asked.append((method, sorted(params)))
        return {"sample_weight": 2 * params["sample_weight"]}

    learner = Learner(GaussianNB(), route=route)
    weight = np.arange(1.0, 301)
    model = learner.fresh(rows(sample_weight=weight), 0)
    learner.continued(model, rows(sample_weight=weight))
    assert {method for method, _ in asked} == {"fit", "partial_fit"}
    assert {tuple(names) for _, names in asked} == {("sample_weight",)}
    assert_same_outputs(model, GaussianNB().fit(X, Y, 2 * weight), X)
    plain = Learner(GaussianNB()).fresh(rows(sample_weight=weight), 0)
    assert_same_outputs(plain, GaussianNB().fit(X, Y, weight), X)


def test_seeds_fill_only_what_is_none_and_differ_by_fit():
    """Every nested ``random_state`` gets its own; one that was given stays."""
    base = BaggingClassifier(SGDClassifier(random_state=5))
    one, same, other = (clone(base) for _ in range(3))
    fill_seeds(one, 3, 0)
    fill_seeds(same, 3, 0)
    fill_seeds(other, 3, 1)
    assert one.estimator.random_state == 5
    assert one.random_state == same.random_state != other.random_state
    two = BaggingClassifier(SGDClassifier())
    fill_seeds(two, 3, 0)
    assert two.random_state != two.estimator.random_state
    assert 0 <= two.random_state < 2**31
    without = GaussianNB()
    fill_seeds(without, 3, 0)
    assert without.get_params() == GaussianNB().get_params()


def test_clones_are_seeded_by_the_number_of_the_fit():
    """With random_state=None they are left as they were given."""
    learner = Learner(make_pipeline(PCA(2), SGDClassifier()), random_state=3)
    seeds = [learner.blank(number)[-1].random_state for number in (0, 0, 1)]
    assert seeds[0] == seeds[1] != seeds[2]
    assert Learner(SGDClassifier()).blank(0).random_state is None


# -- weights and steps of one's own ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (GaussianNB(), "sample_weight"),
        (make_pipeline(StandardScaler(), SGDClassifier()), "sgdclassifier__sample_weight"),
        (
            make_pipeline(StandardScaler(), Pipeline([("in", GaussianNB())])),
            "pipeline__in__sample_weight",
        ),
    ],
    ids=["leaf", "pipeline", "nested"],
)
def test_weights_get_the_name_by_which_the_base_takes_them(base, name):
    """Weighted twice, rows count by the product; the given rows stay as they are."""
    learner, rows = Learner(base, random_state=0), Rows(X, Y, {}, np.arange(300))
    weight = np.where(np.arange(300) < 150, 2.0, 0.5)
    weighted = learner.weighted(learner.weighted(rows, weight), np.full(300, 3.0))
    assert list(weighted.params) == [name]
    np.testing.assert_array_equal(learner.weight_of(weighted), 3 * weight)
    assert rows.params == {}
    before, after = (learner.fresh(each, 0).predict(X) for each in (rows, weighted))
    assert (before != after).any()
    with config_context(enable_metadata_routing=True):
        asks = GaussianNB().set_fit_request(sample_weight="w")
        routed = Learner(make_pipeline(StandardScaler(), asks))
        assert list(routed.weighted(rows, weight).params) == ["w"]


@pytest.mark.parametrize("base", [KNeighborsClassifier(), make_pipeline(KNeighborsClassifier())])
def test_a_base_without_weights_says_so(base):
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        Learner(base).weighted(Rows(X, Y, {}, np.arange(300)), np.ones(300))


@pytest.mark.parametrize("scaled", [False, True])
def test_a_policy_may_change_the_predictor_in_its_own_way(scaled):
    """It gets the copy, the rows as they come out of the steps before, and its own metadata."""
    leaf = SGDClassifier(random_state=0)
    learner = Learner(make_pipeline(StandardScaler(), leaf) if scaled else leaf)
    rows = Rows(X, Y, {}, np.arange(300))
    model, seen = learner.fresh(rows, 0), []
    before = joblib.hash(model)

    def how(predictor, X, y, params):
        seen.append((predictor, X, params))
        predictor.coef_ *= 0.5

    weight = np.where(np.arange(300) % 2, 1.0, 0.0)
    weighted = learner.weighted(rows, weight)
    continued = learner.continued(model, weighted, how=how)
    (predictor, given, params) = seen[0]
    assert predictor is (continued[-1] if scaled else continued)
    own = model[-1] if scaled else model
    if not scaled:  # else the scaler in front has moved, and the weights with it
        np.testing.assert_array_equal(predictor.coef_, own.coef_ / 2)
    assert given.shape == (150, 4)
    np.testing.assert_array_equal(params["sample_weight"], np.ones(150))
    assert joblib.hash(model) == before
    steps = {"sgdclassifier" if scaled else "": "freeze"}
    frozen = learner.continued(model, rows, how=how, steps=steps)
    assert len(seen) == 1
    assert joblib.hash(frozen[-1] if scaled else frozen) == joblib.hash(own)


def test_a_learner_is_a_value():
    """Nothing that it does changes it; a pickle of it fits the same models."""
    learner = Learner(ExtraTreesClassifier(5), random_state=0)
    before = joblib.hash(learner)
    rows, tally = Rows(X, Y, {}, np.arange(300)), []
    counted = learner.tallied(tally)
    model = counted.fresh(rows, 3)
    counted.continued(model, rows)
    assert tally == [300]
    assert joblib.hash(learner) == before
    again = pickle.loads(pickle.dumps(learner)).fresh(rows, 3)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert learner.any_counts(rows)
    assert not learner.any_counts(learner.weighted(rows, np.zeros(300)))


def test_a_fit_that_fails_raises_what_it_raised():
    """Where no family says that some labels are to blame."""
    missing = Rows(np.full((4, 2), np.nan), np.array([0, 1, 0, 1]), {}, np.arange(4))
    with pytest.raises(ValueError, match="NaN"):
        Learner(SGDClassifier()).fresh(missing, 1)
    with pytest.raises(ValueError, match="NaN"):
        Learner(KMeans(2)).fresh(missing._replace(y=None), 1)
