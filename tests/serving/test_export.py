"""An exported model answers what the retrainer answers, knows nothing of it, and never changes."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from helpers import WaitGate, fingerprint, outputs, stream
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit, make_mixture
from skretrain._mixture import _make
from skretrain._mixture._recalibration import Recalibration
from skretrain.buffers import SlidingWindow
from skretrain.compose import Learner, make_incremental_pipeline
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.model_selection import make_prequential_scorer
from skretrain.serving import PendingLabels, export
from skretrain.utils.estimator_checks import ScriptedDetector

X, THREE = stream(600, n_classes=3, drift=300)
TWO = (THREE > 0).astype(int)
NAMES = np.array(["low", "middle", "top"])
FAR = 4 * X  # where linear models leave what they have learned
VALUES = X @ [3.0, -1.0, 0.5, 0.0]


def streamed(model, y=THREE, X=X, first=200):
    """Return a model after some batches of a stream."""
    model.fit(X[:first], y[:first])
    for start in range(first, 600, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    return model


def assert_plain(plain):
    """A model is pickled without a name of ours."""
    assert b"skretrain" not in pickle.dumps(plain)


def assert_same(plain, model, X, *, exactly=True):
    """All that a model answers, its export answers, too."""
    assert_plain(plain)
    told, expected = outputs(plain, X), outputs(model, X)
    assert told.keys() >= expected.keys()
    for method, output in expected.items():
        if exactly or output.dtype.kind not in "f":
            np.testing.assert_array_equal(told[method], output, err_msg=method)
        else:
            np.testing.assert_allclose(told[method], output, 1e-9, 1e-12, err_msg=method)


BASES = {
    "linear": (SGDClassifier(random_state=0), THREE),
    "text": (GaussianNB(), NAMES[THREE]),
    "forest": (RandomForestClassifier(3, random_state=0), TWO),
    "pairs": (SVC(decision_function_shape="ovo"), THREE),
    "pipeline": (make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), TWO),
    "incremental": (make_incremental_pipeline(StandardScaler(), SGDClassifier()), TWO),
    "regressor": (SGDRegressor(random_state=0), VALUES),
    "outliers": (IsolationForest(n_estimators=5, random_state=0), None),
    "clusters": (KMeans(3, n_init=1, random_state=0), None),
    "components": (PCA(2), None),
    "search": (GridSearchCV(SGDClassifier(random_state=0), {"alpha": [1e-4, 1e-2]}, cv=2), TWO),
    "wrapped": (ReplayPartialFit(SGDClassifier(random_state=0)), TWO),
    "inside": (make_pipeline(StandardScaler(), ReplayPartialFit(GaussianNB())), TWO),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("name", BASES)
def test_the_export_of_a_retrainer_answers_bit_for_bit_what_serves(name):
    base, y = BASES[name]
    model = DriftAwareRetrainer(base, detector=ScriptedDetector([300]), random_state=0)
    model.fit(X[:300], None if y is None else y[:300])
    for start in (300, 450):
        rows = slice(start, start + 150)
        model.partial_fit(X[rows], None if y is None else y[rows])
    assert_same(export(model), model, FAR)


def test_the_export_is_of_the_class_of_the_base():
    base = LogisticRegression(C=0.5)
    plain = export(streamed(ReplayPartialFit(base)))
    assert type(plain) is LogisticRegression
    assert plain.get_params() == base.get_params()
    assert type(export(streamed(make_incremental_pipeline(StandardScaler(), SGDClassifier())))) is (
        Pipeline
    )


def test_nothing_learns_into_an_export_nor_from_it():
    model = streamed(DriftAwareRetrainer(SGDClassifier(random_state=0)))
    plain = export(model)
    before = fingerprint(plain)
    model.partial_fit(X[:100], THREE[:100])
    assert fingerprint(plain) == before != fingerprint(export(model))
    served = fingerprint(model)
    export(model).partial_fit(X[:100], THREE[:100])
    assert fingerprint(model) == served


def test_a_candidate_that_waits_is_not_exported():
    model = DriftAwareRetrainer(
        GaussianNB(), detector=ScriptedDetector([300]), gate=WaitGate(9), update=None
    ).fit(X[:300], TWO[:300])
    before = export(model)
    model.partial_fit(X[300:], TWO[300:])
    assert model.challenger_ is not None
    assert_same(export(model), before, X)


def test_a_class_that_the_model_has_not_learned_has_no_column():
    """In the retrainer it has one, of zeros; labels and all other columns are the same."""
    first = np.flatnonzero(THREE[:200] < 2)
    model = DriftAwareRetrainer(
        DecisionTreeClassifier(random_state=0), detector=None, update=None, dry_run=True
    ).fit(X[first], THREE[first])
    model.partial_fit(X[200:400], THREE[200:400])
    plain = export(model)
    assert model.classes_.tolist() == [0, 1, 2]
    assert plain.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    proba = model.predict_proba(X)
    np.testing.assert_array_equal(plain.predict_proba(X), proba[:, :2])
    assert not proba[:, 2].any()


# -- recursive ridge -------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [TWO, THREE, NAMES[THREE]], ids=["two", "three", "text"])
@pytest.mark.parametrize("rows", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_recursive_ridge_for_classes_is_three_linear_steps(y, rows):
    model = streamed(RecursiveRidgeClassifier(forgetting=(0.99, 0.999)), y, rows(X))
    plain = export(model)
    assert_same(plain, model, rows(FAR), exactly=False)
    np.testing.assert_array_equal(plain.classes_, model.classes_)


def test_where_two_classes_are_equally_certain_the_larger_score_still_decides():
    """Beyond the limits of the probabilities, which all later steps of the pipeline see."""
    y = np.searchsorted([-1, 0, 1], X[:, 0])
    model = RecursiveRidgeClassifier().fit(X, y)
    rows = np.random.default_rng(0).normal(size=(2000, 4)) * 40
    best = np.sort(model.predict_proba(rows))[:, -2:]
    assert (best[:, 0] == best[:, 1]).any()
    assert_same(export(model), model, rows, exactly=False)


@pytest.mark.parametrize("y", [VALUES, np.column_stack([VALUES, X[:, 1]])], ids=["one", "two"])
def test_recursive_ridge_for_numbers_is_a_ridge(y):
    model = streamed(RecursiveRidgeRegressor(alpha=2.0, fit_intercept=False), y)
    plain = export(model)
    assert_same(plain, model, FAR, exactly=False)
    assert (plain.alpha, plain.fit_intercept) == (2.0, False)


def test_a_ridge_that_knows_one_class_predicts_it():
    model = RecursiveRidgeClassifier().fit(X[:9], np.full(9, "low"))
    plain = export(model)
    assert plain.predict(X).tolist() == ["low"] * 600
    np.testing.assert_array_equal(plain.predict_proba(X), model.predict_proba(X))


def test_a_calibration_around_a_ridge_reads_the_same_scores():
    model = CalibratedClassifierCV(RecursiveRidgeClassifier(), cv=2).fit(X, TWO)
    plain = export(model)
    assert type(plain) is CalibratedClassifierCV
    assert_same(plain, model, FAR, exactly=False)


def test_names_of_features_are_those_of_the_first_rows():
    frame = pd.DataFrame(X, columns=list("abcd"))
    for model in (RecursiveRidgeClassifier().fit(frame, TWO), make_mixture(task="regression")):
        y = TWO if isinstance(model, RecursiveRidgeClassifier) else VALUES
        plain = export(model.fit(frame, y))
        assert plain.feature_names_in_.tolist() == list("abcd")
        with pytest.raises(ValueError, match="feature names"):
            plain.predict(frame[list("dcba")])


# -- mixtures --------------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("y", [TWO, NAMES[THREE]], ids=["two", "text"])
def test_a_mixture_of_fast_classifiers_is_a_vote(y):
    model = streamed(make_mixture(random_state=0), y)
    plain = export(model)
    assert_same(plain, model, FAR, exactly=False)
    np.testing.assert_array_equal(plain.classes_, model.classes_)


def test_a_mixture_of_regressors_is_a_mean_of_predictions_within_limits():
    """Far away its linear members leave the range of the targets, and are cut off."""
    members = [
        ("linear", DriftAwareRetrainer(LinearRegression())),
        ("tree", DriftAwareRetrainer(DecisionTreeRegressor(max_depth=3))),
    ]
    model = streamed(MixtureRetrainer(members), VALUES)
    plain = export(model)
    assert type(plain) is StackingRegressor
    assert_same(plain, model, FAR, exactly=False)
    uncut = np.column_stack([m.predict(FAR) for m in model.estimators_]) @ model.weights_
    assert np.abs(uncut - model.predict(FAR)).max() > 1
    np.testing.assert_array_equal(plain.final_estimator_["mean"].coef_, model.weights_)


def test_a_mixture_of_fast_regressors_is_exported_with_all_its_features():
    model = streamed(make_mixture(task="regression", random_state=0), VALUES)
    assert_same(export(model), model, FAR, exactly=False)


def test_features_that_a_member_leaves_out_are_left_out(monkeypatch):
    monkeypatch.setattr(_make, "_FEW", 3)
    member = dict(make_mixture(task="regression", random_state=0).estimators)["kernel_updated"]
    model = member.fit(X, VALUES)
    assert model.estimator_[-1].n_features_in_ == 128
    assert_same(export(model), model, FAR, exactly=False)


def two_members(*bases, **options):
    members = [DriftAwareRetrainer(base, detector=None, update=None) for base in bases]
    return MixtureRetrainer(list(zip("ab", members, strict=True)), **options)


def test_a_vote_weighs_its_members_as_the_mixture_does():
    model = streamed(two_members(GaussianNB(), DecisionTreeClassifier(random_state=0)))
    model._engine.mix = model._engine.mix._replace(recalibration=Recalibration())
    plain = export(model)
    assert type(plain) is VotingClassifier
    assert [name for name, _ in plain.estimators] == ["a", "b"]
    np.testing.assert_array_equal(plain.weights, model.weights_)
    assert_same(plain, model, FAR, exactly=False)


def test_members_that_are_not_asked_are_not_exported():
    model = streamed(two_members(GaussianNB(), RandomForestClassifier(3), budget=0.5))
    model._engine.mix = model._engine.mix._replace(weights=np.array([1.0, 0.0]))
    plain = export(model)
    assert "RandomForestClassifier" not in repr(plain)
    assert_same(plain, model, FAR, exactly=False)


@pytest.mark.parametrize("y", [TWO, NAMES[THREE]], ids=["two", "text"])
def test_a_member_without_probabilities_votes_for_what_it_predicts(y):
    model = streamed(two_members(LinearSVC(random_state=0), GaussianNB()), y)
    assert not hasattr(model, "predict_proba")
    plain = export(model)
    np.testing.assert_array_equal(plain.predict(FAR), model.predict(FAR))
    np.testing.assert_allclose(plain.predict_proba(FAR), model._mix().proba(FAR), 1e-9, 1e-12)
    assert_plain(plain)


@pytest.mark.parametrize("known", [[1], [0, 2]], ids=["one class", "two classes"])
def test_a_class_that_a_member_does_not_know_has_a_column_of_zeros(known):
    model = streamed(two_members(GaussianNB(), DecisionTreeClassifier(random_state=0)))
    rows = np.isin(THREE, known)
    fewer = GaussianNB().fit(X[rows], THREE[rows])
    mix = model._engine.mix
    servings = (mix.servings[0]._replace(model=fewer, classes=np.array(known)), mix.servings[1])
    model._engine.mix = mix._replace(servings=servings)
    assert_same(export(model), model, FAR, exactly=False)


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_recalibrated_probabilities_are_means_of_powers(y):
    """Also of those which are 0, as a tree tells them."""
    trees = [DecisionTreeClassifier(random_state=0), DecisionTreeClassifier(max_depth=9)]
    model = streamed(two_members(*trees), y)
    paid = Recalibration(np.array([0.1, 0.2, 0.3, 0.3, 0.1]), paid=9.0)
    smooth = streamed(two_members(GaussianNB(), DecisionTreeClassifier(max_depth=2)), y)
    for mixture in (model, smooth):
        mix = mixture._engine.mix
        before = mixture.predict_proba(FAR)
        mixture._engine.mix = mix._replace(recalibration=paid)
        plain = export(mixture)
        np.testing.assert_allclose(
            plain.predict_proba(FAR), mixture.predict_proba(FAR), 1e-9, 1e-12
        )
        np.testing.assert_array_equal(plain.predict(FAR), mixture.predict(FAR))
        assert_plain(plain)
    assert np.abs(before - mixture.predict_proba(FAR)).max() > 0.01


def test_a_mixture_of_one_class_predicts_it():
    model = two_members(GaussianNB(), DecisionTreeClassifier()).fit(X[:50], np.zeros(50))
    paid = Recalibration(paid=9.0)
    model._engine.mix = model._engine.mix._replace(recalibration=paid)
    assert_same(export(model), model, X)


# -- what holds a retrainer ------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "holder",
    [
        make_pipeline(StandardScaler(), ReplayPartialFit(GaussianNB())),
        make_pipeline(ReplayPartialFit(PCA(2)), GaussianNB()),
        make_pipeline(StandardScaler(), RecursiveRidgeClassifier()),
        make_pipeline(StandardScaler(), two_members(GaussianNB(), DecisionTreeClassifier())),
        CalibratedClassifierCV(DriftAwareRetrainer(GaussianNB()), cv=2),
        TunedThresholdClassifierCV(DriftAwareRetrainer(GaussianNB()), cv=2),
        VotingClassifier([("a", ReplayPartialFit(GaussianNB())), ("b", SGDClassifier())]),
        BaggingClassifier(ReplayPartialFit(GaussianNB()), 2, random_state=0),
        BaggingClassifier(two_members(GaussianNB(), GaussianNB()), 2, random_state=0),
    ],
    ids=lambda holder: "-".join(map(str, [type(holder).__name__, len(repr(holder))])),
)
def test_an_estimator_that_holds_one_is_exported_as_it_is_with_a_plain_one_inside(holder):
    holder.fit(X, TWO)
    plain = export(holder)
    assert type(plain) is type(holder)
    assert_same(plain, holder, FAR, exactly=False)


def test_parameters_that_are_retrainers_become_their_bases():
    ridge = RecursiveRidgeClassifier(2.0)
    model = VotingClassifier([("a", ReplayPartialFit(GaussianNB())), ("b", ridge)]).fit(X, TWO)
    plain = export(model)
    assert [type(part).__name__ for _, part in plain.estimators] == [
        "GaussianNB",
        "RidgeClassifier",
    ]
    assert plain.estimators[1][1].alpha == 2.0
    members = [("m", two_members(GaussianNB(), GaussianNB()))]
    inside = export(VotingClassifier(members).fit(X, TWO)).estimators[0][1]
    assert isinstance(inside, VotingClassifier)
    members = [("m", two_members(LinearRegression(), RecursiveRidgeRegressor(3.0)))]
    members.append(("fast", make_mixture(task="regression")))
    plain = export(VotingRegressor(members).fit(X, VALUES))
    assert_plain(plain)
    inside = plain.estimators[0][1]
    assert isinstance(inside, VotingRegressor)
    assert inside.estimators[1][1].alpha == 3.0


def test_of_a_search_the_model_that_it_found_is_exported():
    scoring = make_prequential_scorer("accuracy", batch_size=100)
    grid = {"detector": [None, ScriptedDetector([200])]}
    search = GridSearchCV(DriftAwareRetrainer(GaussianNB()), grid, scoring=scoring, cv=2)
    plain = export(search.fit(X, TWO))
    assert type(plain) is GaussianNB
    np.testing.assert_array_equal(plain.predict_proba(X), search.predict_proba(X))


# -- other libraries -------------------------------------------------------------------------------


def test_a_river_classifier_without_its_mending():
    from river.compat import River2SKLClassifier
    from river.linear_model import LogisticRegression as OfRiver
    from river.naive_bayes import GaussianNB as BayesOfRiver

    for inside, labels in ((OfRiver(), NAMES[TWO]), (BayesOfRiver(), NAMES[THREE])):
        base = River2SKLClassifier(inside)
        model = ReplayPartialFit(base).fit(X[:100], labels[:100])
        assert_same(export(model), model, X[:50])


def test_xgboost_with_other_labels_than_positions():
    xgboost = pytest.importorskip("xgboost")
    for labels in (NAMES[THREE], TWO, np.full(600, "low")):
        model = ReplayPartialFit(xgboost.XGBClassifier(n_estimators=2, n_jobs=1))
        model.fit(X[:100], labels[:100])
        assert_same(export(model), model, X[:50])


# -- data frames -----------------------------------------------------------------------------------


def with_cities(levels):
    """Return a frame whose categories are in this order, and labels."""
    cities = np.array(["Bonn", "Oslo", "Rome"])[THREE]
    return pd.DataFrame({"city": pd.Categorical(cities, categories=levels), "x": X[:, 0]})


def test_levels_of_categories_are_those_that_were_learned():
    """In another order, as text, or never seen: then missing."""
    frame = with_cities(["Bonn", "Oslo", "Rome"])
    base = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2, random_state=0)
    model = DriftAwareRetrainer(base).fit(frame, TWO)
    plain = export(model)
    turned = with_cities(["Rome", "Turin", "Oslo", "Bonn"])
    strange = frame.assign(city=frame["city"].astype(object).where(frame["x"] < 1, "Turin"))
    for rows in (frame, turned, frame.assign(city=frame["city"].astype(object)), strange):
        assert_same(plain, model, rows)
    assert plain.feature_names_in_.tolist() == ["city", "x"]
    mixture = MixtureRetrainer([("a", DriftAwareRetrainer(base))]).fit(frame, TWO)
    assert_same(export(mixture), mixture, turned, exactly=False)


class ReadsCodes(ClassifierMixin, BaseEstimator):
    """A model that reads the codes of levels, as some libraries do."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X["city"].cat.codes == 0).astype(int)]


def test_a_model_that_reads_codes_gets_those_of_the_levels_that_it_learned():
    frame = with_cities(["Bonn", "Oslo", "Rome"])
    model = DriftAwareRetrainer(ReadsCodes(), detector=None).fit(frame, TWO)
    plain = export(model)
    for rows in (with_cities(["Rome", "Oslo", "Bonn"]), frame.astype({"city": object})):
        np.testing.assert_array_equal(plain.predict(rows), model.predict(frame))
        np.testing.assert_array_equal(model.predict(rows), model.predict(frame))


def test_categorical_columns_without_names_are_an_error():
    frame = with_cities(["Bonn", "Oslo", "Rome"]).set_axis([0, 1], axis=1)
    model = DriftAwareRetrainer(HistGradientBoostingClassifier(max_iter=2)).fit(frame, TWO)
    with pytest.raises(ValueError, match=r"columns \[0\] must have names"):
        export(model)


def test_a_frame_without_categories_needs_no_step():
    frame = with_cities(["Bonn", "Oslo", "Rome"]).astype({"city": object})
    base = make_pipeline(OneHotEncoder(), GaussianNB())
    base.set_params(onehotencoder__sparse_output=False, onehotencoder__handle_unknown="ignore")
    plain = export(DriftAwareRetrainer(base).fit(frame, TWO))
    assert list(plain.named_steps) == ["onehotencoder", "gaussiannb"]


# -- what cannot be exported -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        DriftAwareRetrainer(GaussianNB()),
        make_mixture(),
        RecursiveRidgeClassifier(),
        make_pipeline(StandardScaler(), ReplayPartialFit(GaussianNB())),
        GridSearchCV(ReplayPartialFit(GaussianNB()), {}),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_was_never_fitted_is_not_exported(model):
    with pytest.raises(NotFittedError):
        export(model)


def test_a_plain_model_is_returned_to_the_caller_as_an_error():
    with pytest.raises(TypeError, match=r"GaussianNB\(\).*plain already"):
        export(GaussianNB().fit(X, TWO))


@pytest.mark.parametrize(
    "thing",
    [
        Learner(GaussianNB()),
        PendingLabels(ReplayPartialFit(GaussianNB()).fit(X, TWO)),
        DriftAwareRetrainer,
        None,
    ],
    ids=["learner", "ledger", "class", "None"],
)
def test_what_is_no_model_is_an_error_that_tells_what_to_pass(thing):
    with pytest.raises(TypeError, match="pass the model"):
        export(thing)


def test_a_search_that_kept_no_model_is_an_error():
    search = GridSearchCV(ReplayPartialFit(GaussianNB()), {"ratio": [1.0]}, refit=False, cv=2)
    with pytest.raises(ValueError, match="refit=False.*no model"):
        export(search.fit(X, TWO))


class Holds(ClassifierMixin, BaseEstimator):
    """A model that keeps an object of ours which is no model."""

    def __init__(self, part=None):
        self.part = part

    def fit(self, X, y):
        self.classes_, self.fitted_ = np.unique(y), ReplayPartialFit(GaussianNB()).fit(X, y)
        return self

    def predict(self, X):
        return self.fitted_.predict(X)


def test_an_object_of_ours_that_is_no_model_is_an_error_that_names_it():
    model = Holds(SlidingWindow()).fit(X, TWO)
    with pytest.raises(TypeError, match=r"Holds holds skretrain\.buffers\.\S+\.SlidingWindow"):
        export(model)
    plain = export(Holds().fit(X, TWO))
    np.testing.assert_array_equal(plain.predict(X), GaussianNB().fit(X, TWO).predict(X))
    assert type(plain.fitted_) is GaussianNB


def test_functions_without_a_name_are_taken_along():
    model = ReplayPartialFit(make_pipeline(FunctionTransformer(lambda X: X**2), GaussianNB()))
    model.fit(X, TWO)
    np.testing.assert_array_equal(export(model).predict(X), model.predict(X))


WITHOUT_US = """
import pickle, sys
import numpy as np

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("skretrain", "river"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
models, X, expected = pickle.load(open(sys.argv[1], "rb"))
for name, model in models.items():
    for method, output in expected[name].items():
        np.testing.assert_allclose(getattr(model, method)(X), output, 1e-9, 1e-12, err_msg=name)
assert "skretrain" not in sys.modules
print(len(models))
"""


@pytest.mark.no_cover
def test_a_process_without_skretrain_loads_and_predicts(tmp_path):
    models = {
        "retrainer": streamed(DriftAwareRetrainer(BASES["pipeline"][0]), TWO),
        "ridge": streamed(RecursiveRidgeClassifier()),
        "mixture": streamed(make_mixture(random_state=0), TWO),
        "regressors": streamed(make_mixture(task="regression", random_state=0), VALUES),
        "votes": streamed(two_members(LinearSVC(random_state=0), GaussianNB())),
        "search": GridSearchCV(ReplayPartialFit(GaussianNB()), {"ratio": [1.0]}, cv=2).fit(X, TWO),
    }
    expected = {name: outputs(model, X) for name, model in models.items()}
    plain = {name: export(model) for name, model in models.items()}
    file = tmp_path / "models.pkl"
    file.write_bytes(pickle.dumps((plain, X, expected)))
    command = [sys.executable, "-W", "error", "-c", WITHOUT_US, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "6\n", done.stderr
