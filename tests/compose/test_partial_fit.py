"""compose.partial_fit against the same done by hand, step after step."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import as_typed, assert_same_outputs, batches, fingerprint, stream
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, UnsetMetadataPassedError
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skretrain.compose import explain_plan, partial_fit
from skretrain.utils._copy import copy_fitted

X, Y = stream(240, n_classes=3)
TARGET = X[:, 0] - 2 * X[:, 1] + 5
CLASSES = np.arange(3)
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.array(["x", "y", "z"])[Y])
WORDS = np.array(["late", "cold", "fine", "good", "rain"])
TEXT = [" ".join(WORDS[(np.arange(3) * (i + 1) + y) % 5]) for i, y in enumerate(Y)]


def sgd(**params):
    return SGDClassifier(random_state=0, **params)


def by_hand(transform, predictor, data=X, y=Y, size=60, **declared):
    """Return the predictor after partial_fit on the transformed batches."""
    for batch in batches(len(y), size):
        rows = data.iloc[batch] if hasattr(data, "iloc") else data[batch]
        predictor.partial_fit(transform(rows), y[batch], **declared)
        declared = {}
    return predictor


def run(model, data=X, y=Y, size=60, **declared):
    """Return the model after compose.partial_fit on the batches."""
    for batch in batches(len(y), size):
        rows = data.iloc[batch] if hasattr(data, "iloc") else data[batch]
        assert partial_fit(model, rows, y[batch], **declared) is model
        declared = {}
    return model


# -- the oracle ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transformer", "data"),
    [
        (QuantileTransformer(n_quantiles=10), X),
        (PCA(2), X),
        (make_pipeline(QuantileTransformer(n_quantiles=10), PCA(2)), X),
        (make_pipeline("passthrough", make_pipeline(None, PCA(2))), X),
        (FeatureUnion([("a", PCA(2)), ("b", QuantileTransformer(n_quantiles=10))]), X),
        (FeatureUnion([("a", PCA(2)), ("b", "passthrough"), ("c", "drop")]), X),
        (
            ColumnTransformer(
                [("a", PCA(1), [0, 2]), ("b", "passthrough", [1]), ("c", "drop", [3])]
            ),
            X,
        ),
        (
            ColumnTransformer(
                [("a", PCA(1), [0, 2])], remainder=QuantileTransformer(n_quantiles=10)
            ),
            X[:, :4],
        ),
        (
            ColumnTransformer(
                [("a", PCA(1), ["d", "a"]), ("k", OneHotEncoder(), ["kind"])],
                remainder="passthrough",
            ),
            FRAME,
        ),
        (ColumnTransformer([("a", PCA(1), make_column_selector(dtype_include=float))]), FRAME),
        (ColumnTransformer([("t", TfidfVectorizer(analyzer="char"), "kind")]), FRAME),
        (HashingVectorizer(n_features=64), TEXT),
        (TfidfVectorizer(), TEXT),
        (FunctionTransformer(np.abs), X),
        (FrozenEstimator(PCA(2).fit(X[:50])), X),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.no_cover
def test_a_frozen_front_is_transforming_by_hand(transformer, data):
    """Bit for bit: the transformers are fitted on the first batch and stay as they are."""
    model = run(Pipeline([("t", clone(transformer)), ("c", sgd())]), data, classes=CLASSES)
    first = data.iloc[:60] if hasattr(data, "iloc") else data[:60]
    front = clone(transformer).fit(first, Y[:60])
    oracle = by_hand(front.transform, sgd(), data, classes=CLASSES)
    assert fingerprint(model[-1]) == fingerprint(oracle)
    assert fingerprint(model[0]) == fingerprint(front)


def test_updated_transformers_are_updated_by_hand():
    """With steps={...: "update"}, each in turn, before it transforms the batch."""
    steps = {"s": "update", "p": "update"}
    model = Pipeline([("s", StandardScaler()), ("p", IncrementalPCA(2)), ("c", sgd())])
    scaler, pca, clf = StandardScaler(), IncrementalPCA(2), sgd()
    for number, batch in enumerate(batches(240, 60)):
        Z = scaler.partial_fit(X[batch]).transform(X[batch])
        Z = (pca.partial_fit if number else pca.fit)(Z).transform(Z)
        clf.partial_fit(Z, Y[batch], classes=CLASSES)
        partial_fit(model, X[batch], Y[batch], CLASSES, steps=steps)
    assert_same_outputs(model[-1], clf, Z)
    assert_same_outputs(model[0], scaler, X)


def test_refitted_steps_are_fitted_on_the_batch_alone():
    steps = {"q": "refit", "c": "refit"}
    model = Pipeline([("q", PCA(2)), ("c", DecisionTreeClassifier(random_state=0))])
    for batch in batches(240, 60):
        partial_fit(model, X[batch], Y[batch], steps=steps)
    assert_same_outputs(model, clone(model).fit(X[180:], Y[180:]), X)


def test_parts_of_a_union_are_updated():
    union = FeatureUnion([("p", IncrementalPCA(2)), ("d", "drop"), ("q", PCA(1))])
    model = Pipeline([("u", union), ("c", sgd())]).fit(X[:60], Y[:60])
    partial_fit(model, X[60:], Y[60:], steps={"u__p": "update"})
    pca = IncrementalPCA(2).fit(X[:60]).partial_fit(X[60:])
    assert_same_outputs(model[0].transformer_list[0][1], pca, X)
    assert_same_outputs(model[0].transformer_list[2][1], PCA(1).fit(X[:60]), X)


@pytest.mark.parametrize("word", [None, "passthrough"])
def test_words_among_the_steps_are_passed_by(word):
    """In front, in between and at the end, where the last transformer is what learns."""
    model = run(Pipeline([("a", word), ("p", PCA(2)), ("b", word), ("c", sgd())]), classes=CLASSES)
    oracle = by_hand(PCA(2).fit(X[:60]).transform, sgd(), classes=CLASSES)
    assert fingerprint(model[-1]) == fingerprint(oracle)
    model = Pipeline([("p", IncrementalPCA(2)), ("b", word)])
    pca = IncrementalPCA(2).fit(X[:60])
    for number, batch in enumerate(batches(240, 60)):
        partial_fit(model, X[batch])
        if number:
            pca.partial_fit(X[batch])
    assert_same_outputs(model["p"], pca, X)


def test_a_search_in_front_is_updated_through_what_it_found():
    """Its best estimator is what transforms."""
    search = GridSearchCV(
        IncrementalPCA(), {"n_components": [2]}, cv=2, scoring=lambda model, X, y: 1.0
    )
    model = make_pipeline(search, sgd()).fit(X[:60], Y[:60])
    found = model[0].best_estimator_
    partial_fit(model, X[60:], Y[60:], steps={"gridsearchcv": "update"})
    assert model[0].best_estimator_ is found
    assert_same_outputs(found, IncrementalPCA(2).fit(X[:60]).partial_fit(X[60:]), X)


def test_a_column_transformer_by_itself_updates_what_can_be():
    """As the outermost estimator: scalers move, encoders stay, empty selections are passed over."""
    table = ColumnTransformer(
        [
            ("s", StandardScaler(), ["b", "c"]),
            ("chain", make_pipeline(MinMaxScaler(), StandardScaler()), ["a"]),
            ("k", OneHotEncoder(sparse_output=False), ["kind"]),
            ("none", StandardScaler(), []),
            ("off", "drop", ["d"]),
        ]
    )
    model = run(table, FRAME)
    fitted = model.named_transformers_
    pair = StandardScaler()
    chain = make_pipeline(MinMaxScaler(), StandardScaler()).fit(FRAME[["a"]][:60])
    for number, batch in enumerate(batches(240, 60)):
        pair.partial_fit(FRAME[["b", "c"]].iloc[batch])
        if number:
            chain[1].partial_fit(chain[0].transform(FRAME[["a"]].iloc[batch]))
    assert_same_outputs(fitted["s"], pair, FRAME[["b", "c"]])
    assert_same_outputs(fitted["chain"], chain, FRAME[["a"]])
    assert_same_outputs(
        fitted["k"], OneHotEncoder(sparse_output=False).fit(FRAME[["kind"]][:60]), FRAME[["kind"]]
    )


@pytest.mark.parametrize(
    "target",
    [
        {"transformer": MinMaxScaler()},
        {"transformer": make_pipeline(MinMaxScaler(), StandardScaler())},
        {"func": np.cbrt, "inverse_func": lambda y: y**3},
        {},
    ],
    ids=as_typed,
)
@pytest.mark.parametrize("y", [TARGET, np.column_stack([TARGET, -TARGET])], ids=["one", "two"])
def test_targets_are_transformed(target, y):
    """The regressor goes on with transformed targets; it may be a pipeline, too."""
    base = SGDRegressor(random_state=0) if y.ndim == 1 else None
    regressor = make_pipeline(PCA(2), base or SeveralTargets())
    model = TransformedTargetRegressor(regressor, check_inverse=False, **target)
    run(model, y=y)
    front = PCA(2).fit(X[:60])
    by_columns = y[:60].reshape(60, -1)
    if "func" in target:
        change = target["func"]
    elif target:
        change = clone(target["transformer"]).fit(by_columns).transform
    else:
        change = np.asarray
    changed = change(y.reshape(240, -1))
    changed = changed[:, 0] if y.ndim == 1 else changed
    oracle = clone(base or SeveralTargets()).fit(front.transform(X[:60]), changed[:60])
    for batch in batches(240, 60, 60):
        oracle.partial_fit(front.transform(X[batch]), changed[batch])
    assert fingerprint(model.regressor_[-1]) == fingerprint(oracle)


def test_a_column_of_targets_stays_a_column():
    """Regressors for several targets take nothing else."""
    model = TransformedTargetRegressor(SeveralTargets(), transformer=MinMaxScaler())
    model.fit(X[:60], TARGET[:60, None])
    partial_fit(model, X[60:], TARGET[60:, None])
    assert model.regressor_.seen_[1].shape == (180, 1)


class SeveralTargets(BaseEstimator):
    """Keeps the targets it was shown."""

    def fit(self, X, y):
        self.seen_ = [y]
        return self

    def partial_fit(self, X, y):
        self.seen_ = [*self.seen_, y]
        return self

    def predict(self, X):
        return np.zeros((len(X), self.seen_[0].shape[1]))


def test_the_target_scale_may_move():
    model = TransformedTargetRegressor(SGDRegressor(random_state=0), transformer=StandardScaler())
    for batch in batches(240, 60):
        partial_fit(model, X[batch], TARGET[batch], steps={"transformer": "update"})
    expected = StandardScaler().fit(TARGET[:, None])
    np.testing.assert_allclose(model.transformer_.mean_, expected.mean_)
    np.testing.assert_allclose(model.transformer_.scale_, expected.scale_)


def test_without_a_regressor_there_is_linear_regression_which_cannot_go_on():
    model = TransformedTargetRegressor()
    with pytest.raises(ValueError, match="LinearRegression has neither partial_fit"):
        partial_fit(model, X, TARGET)
    with pytest.raises(ValueError, match="LinearRegression has neither partial_fit"):
        partial_fit(model.fit(X, TARGET), X, TARGET)


SEARCHES = [
    GridSearchCV(make_pipeline(PCA(2), sgd()), {"sgdclassifier__alpha": [1e-4, 1e-2]}, cv=2),
    make_pipeline(PCA(2), GridSearchCV(sgd(), {"alpha": [1e-4, 1e-2]}, cv=2)),
    GridSearchCV(make_pipeline(PCA(), sgd()), {"pca__n_components": [1, 2]}, cv=2, refit="score"),
]
SEARCHES[2].set_params(scoring={"score": "accuracy"})


@pytest.mark.parametrize("search", SEARCHES, ids=["outside", "inside", "front"])
@pytest.mark.no_cover
def test_what_a_search_found_goes_on(search):
    """Fitted on the first batch, with its search; then its best estimator learns."""
    model = run(clone(search))
    oracle = clone(search).fit(X[:60], Y[:60])
    outside = isinstance(oracle, GridSearchCV)
    front = oracle.best_estimator_[0] if outside else oracle[0]
    clf = oracle.best_estimator_[1] if outside else oracle[1].best_estimator_
    for batch in batches(240, 60, 60):
        clf.partial_fit(front.transform(X[batch]), Y[batch])
    assert_same_outputs(model, oracle, X)


def test_a_search_without_refit_has_no_model():
    with pytest.raises(ValueError, match=r"GridSearchCV\(refit=False\) keeps no model"):
        partial_fit(GridSearchCV(sgd(), {}, refit=False), X, Y)


@pytest.mark.parametrize("model", [sgd(), GaussianNB()], ids=as_typed)
def test_what_is_not_composed_uses_its_own_partial_fit(model):
    got = run(clone(model), classes=CLASSES)
    assert fingerprint(got) == fingerprint(by_hand(np.asarray, clone(model), classes=CLASSES))


def test_adapters_continue_what_has_no_partial_fit():
    """A solver with warm_start begins where the last fit ended; a forest rotates."""
    model = make_pipeline(PCA(2), LogisticRegression()).fit(X[:60], Y[:60])
    oracle = clone(model).set_params(logisticregression__warm_start=True).fit(X[:60], Y[:60])
    oracle[1].fit(oracle[0].transform(X[60:]), Y[60:])
    partial_fit(model, X[60:], Y[60:])
    np.testing.assert_array_equal(model[1].coef_, oracle[1].coef_)
    assert model[1].warm_start is False
    forest = RandomForestClassifier(10, random_state=0)
    model = run(make_pipeline(PCA(2), forest))
    assert len(model[1].estimators_) == 10


class OwnPipeline(Pipeline):
    """A pipeline whose author gave it a partial_fit."""

    def partial_fit(self, X, y, classes=None):
        self.calls_ = [*getattr(self, "calls_", []), (len(X), classes)]
        return self if hasattr(self[-1], "coef_") else self.fit(X, y)


def test_a_partial_fit_of_its_own_is_used():
    """From the first batch on, alone and as the last step."""
    own = OwnPipeline([("s", StandardScaler()), ("c", sgd())])
    alone, inside = clone(own), make_pipeline(PCA(2), clone(own))
    for model in (alone, inside):
        run(model, classes=[0, 1, 2])
    assert [n for n, _ in alone.calls_] == [60] * 4 == [n for n, _ in inside[-1].calls_]
    assert alone.calls_[0][1] == [0, 1, 2]


# -- classes and targets ---------------------------------------------------------------------------


def test_classes_are_declared_in_the_first_call():
    """Else they are those of the first batch, and later ones grow where that does no harm."""
    order = np.argsort(Y, kind="stable")
    declared = run(make_pipeline(PCA(2), sgd()), X[order], Y[order], classes=CLASSES)
    grown = run(make_pipeline(PCA(2), sgd()), X[order], Y[order], 100)
    np.testing.assert_array_equal(declared.classes_, CLASSES)
    np.testing.assert_array_equal(grown.classes_, CLASSES)
    partial_fit(declared, X, Y, classes=["never", "read", "again"])


def test_classes_that_cannot_be_taken_in_are_refused_before_anything_moves():
    model = make_pipeline(StandardScaler(), OneSided()).fit(X[Y < 2], Y[Y < 2])
    before = fingerprint(model)
    with pytest.raises(ValueError, match=r"cannot go on with these rows: .*new classes \[2\]"):
        partial_fit(model, X, Y)
    assert fingerprint(model) == before


class OneSided(GaussianNB):
    """A subclass, which is never grown: it may keep more per class than anyone knows."""


def test_classes_are_not_for_regressors_and_clusterers():
    """Trap 17: they would raise for an argument that they do not know."""
    run(make_pipeline(PCA(2), SGDRegressor()), y=TARGET)
    model = make_pipeline(PCA(2), MiniBatchKMeans(2, random_state=0))
    for batch in batches(240, 60):
        partial_fit(model, X[batch])
    front = PCA(2).fit(X[:60])
    oracle = MiniBatchKMeans(2, random_state=0)
    for batch in batches(240, 60):
        oracle.partial_fit(front.transform(X[batch]))
    assert_same_outputs(model[-1], oracle, front.transform(X))


def test_a_classifier_without_targets_raises_as_in_fit():
    with pytest.raises(ValueError, match="requires y to be passed"):
        partial_fit(make_pipeline(StandardScaler(), sgd()), X)


@pytest.mark.parametrize(
    "labels", [["a", "b", "c"], [False, True, True], [0.0, 1.0, 2.0]], ids=as_typed
)
def test_labels_of_any_type(labels):
    y = np.asarray(labels)[Y]
    model = run(make_pipeline(PCA(2), sgd()), y=y, classes=np.unique(y))
    oracle = by_hand(PCA(2).fit(X[:60]).transform, sgd(), y=y, classes=np.unique(y))
    assert fingerprint(model[-1]) == fingerprint(oracle)


@pytest.mark.parametrize("container", [csr_array, np.asarray, pd.DataFrame])
def test_multilabel_targets_may_be_sparse(container):
    labels = np.column_stack([Y > 0, Y > 1]).astype(int)
    mlp = MLPClassifier((3,), random_state=0, max_iter=5)
    front = PCA(2).fit(X[:60])
    with pytest.warns(ConvergenceWarning):
        oracle = clone(mlp).fit(front.transform(X[:60]), labels[:60])
    model = make_pipeline(front, copy_fitted(oracle))
    partial_fit(model, X[60:], container(labels[60:]))
    oracle.partial_fit(front.transform(X[60:]), labels[60:])
    assert_same_outputs(model[-1], oracle, front.transform(X))


def test_several_outputs():
    """``classes`` is then a list by output; without it, the first batch goes through fit."""
    y = np.column_stack([Y, Y % 2])
    base = MultiOutputClassifier(sgd())
    model = run(make_pipeline(PCA(2), clone(base)), y=y, classes=[CLASSES, [0, 1]])
    front = PCA(2).fit(X[:60])
    oracle = by_hand(front.transform, clone(base), y=y, classes=[CLASSES, [0, 1]])
    np.testing.assert_array_equal(model.predict(X), oracle.predict(front.transform(X)))
    fitted = partial_fit(make_pipeline(PCA(2), clone(base)), X[:60], y[:60])
    oracle = clone(base).fit(front.transform(X[:60]), y[:60])
    np.testing.assert_array_equal(fitted.predict(X), oracle.predict(front.transform(X)))


# -- rows and weights ------------------------------------------------------------------------------

WEIGHTED = [
    (make_pipeline(PCA(2), sgd()), "sgdclassifier__sample_weight", lambda m: m[-1]),
    (
        make_pipeline(PCA(2), make_pipeline(StandardScaler(), sgd())),
        "pipeline__sgdclassifier__sample_weight",
        lambda m: m[-1][-1],
    ),
    (
        GridSearchCV(make_pipeline(PCA(2), sgd()), {}, cv=2),
        "sgdclassifier__sample_weight",
        lambda m: m.best_estimator_[-1],
    ),
    (
        make_pipeline(PCA(2), GridSearchCV(sgd(), {}, cv=2)),
        "gridsearchcv__sample_weight",
        lambda m: m[-1].best_estimator_,
    ),
    (
        TransformedTargetRegressor(SGDRegressor(random_state=0), transformer=StandardScaler()),
        "sample_weight",
        lambda m: m.regressor_,
    ),
    (sgd(), "sample_weight", lambda m: m),
]


@pytest.mark.parametrize(("model", "name", "inner"), WEIGHTED)
def test_weights_reach_the_predictor(model, name, inner):
    """Rows of weight zero are left out; a batch of them, or an empty one, changes nothing.

    Trap 23: SGD's ``t_`` would advance.
    """
    model = clone(model).fit(X[:60], Y[:60])
    weight = np.arange(180.0) % 3
    kept = np.flatnonzero(weight)
    one, other, rest, untouched = again(model, 4)
    partial_fit(one, X[60:], Y[60:], **{name: weight})
    partial_fit(other, X[60:][kept], Y[60:][kept], **{name: weight[kept]})
    assert fingerprint(one) == fingerprint(other)
    assert inner(one).t_ == inner(model).t_ + len(kept)
    for rows, y, zeros in ((X, Y, np.zeros(240)), (X[:0], Y[:0], np.zeros(0))):
        partial_fit(rest, rows, y, **{name: zeros})
        assert fingerprint(rest) == fingerprint(untouched)
    partial_fit(rest, X[60:], Y[60:], **{name: None})
    assert fingerprint(rest) == fingerprint(partial_fit(untouched, X[60:], Y[60:]))


def again(model, n):
    return [pickle.loads(pickle.dumps(model)) for _ in range(n)]


def test_weights_of_the_first_batch():
    """They are given to the fit of each step; zeros are left out there, too."""
    weight = np.arange(240.0) % 2
    model = make_pipeline(StandardScaler(), sgd())
    partial_fit(
        model,
        X,
        Y,
        standardscaler__sample_weight=weight + 1,
        sgdclassifier__sample_weight=weight,
    )
    scaler = StandardScaler().fit(X[1::2], sample_weight=np.full(120, 2.0))
    oracle = sgd().partial_fit(
        scaler.transform(X[1::2]), Y[1::2], CLASSES, sample_weight=np.ones(120)
    )
    assert fingerprint(model[-1]) == fingerprint(oracle)
    np.testing.assert_array_equal(model[0].scale_, scaler.scale_)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sample_weight", "pass it as c__sample_weight=..., or enable metadata routing"),
        ("clf__sample_weight", r"which of the steps \['s', 'c'\] it is for"),
        ("c", "does not say which"),
    ],
)
@pytest.mark.parametrize("fitted", [True, False])
def test_weights_for_nobody_raise(name, message, fitted):
    """A misspelt name must not make weights vanish."""
    model = Pipeline([("s", StandardScaler()), ("c", sgd())])
    if fitted:
        model.fit(X, Y)
    with pytest.raises(ValueError, match=message):
        partial_fit(model, X, Y, **{name: np.ones(240)})


def test_weights_of_another_length_raise():
    """Also where rows of weight zero would be left out by it."""
    model = make_pipeline(PCA(2), sgd()).fit(X, Y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        partial_fit(model, X, Y, sgdclassifier__sample_weight=np.array([0.0, 1.0]))


class Chooser(TransformerMixin, BaseEstimator):
    """Drops rows, as no transformer should."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[X[:, 0] > 0]


class Trusting(ClassifierMixin, BaseEstimator):
    """Does not compare the lengths of what it gets."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    partial_fit = fit


@pytest.mark.parametrize("fitted", [True, False])
def test_a_step_that_drops_rows_raises(fitted):
    """Trap 21: the targets of the others would be learned, by a predictor that does not look."""
    model = Pipeline([("drop", Chooser()), ("c", Trusting())])
    if fitted:
        model.fit(X, Y)
    with pytest.raises(ValueError, match=r"step 'drop' made \d+ rows of 240"):
        partial_fit(model, X, Y)


# -- metadata routing ------------------------------------------------------------------------------


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("alias", [True, "importance"])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.no_cover
def test_requests_decide_where_metadata_routing_is_enabled(alias, zeros, nested):
    """What partial_fit of the last step asks for, under whatever name, is what it gets."""
    clf = sgd().set_fit_request(sample_weight=alias).set_partial_fit_request(sample_weight=alias)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    model = make_pipeline(scaler, make_pipeline(PCA(2), clf) if nested else clf)
    name = "sample_weight" if alias is True else alias
    weight = np.arange(240) % 3 + (0.0 if zeros else 1.0)
    front = make_pipeline(StandardScaler(), PCA(2) if nested else None).fit(X[:60][weight[:60] > 0])
    oracle = sgd()
    steps = {"standardscaler": "freeze"}
    for batch in batches(240, 60):
        kept = weight[batch] > 0
        oracle.partial_fit(
            front.transform(X[batch][kept]), Y[batch][kept], CLASSES, weight[batch][kept]
        )
        partial_fit(model, X[batch], Y[batch], CLASSES, steps=steps, **{name: weight[batch]})
    np.testing.assert_array_equal(model[0].scale_, front[0].scale_)
    leaf = model[-1][-1] if nested else model[-1]
    np.testing.assert_array_equal(leaf.coef_, oracle.coef_)
    assert leaf.t_ == oracle.t_


@pytest.mark.usefixtures("routing")
def test_requests_of_transformers_in_a_column_transformer():
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    scaler.set_partial_fit_request(sample_weight=True)
    model = make_pipeline(ColumnTransformer([("s", scaler, [0])]), sgd())
    model[-1].set_partial_fit_request(sample_weight=False).set_fit_request(sample_weight=False)
    weight = np.arange(240.0) + 1
    for batch in batches(240, 120):
        partial_fit(model, X[batch], Y[batch], CLASSES, sample_weight=weight[batch])
    oracle = StandardScaler().fit(X[:120, :1], sample_weight=weight[:120])
    oracle.partial_fit(X[120:, :1], sample_weight=weight[120:])
    np.testing.assert_array_equal(model[0].named_transformers_["s"].scale_, oracle.scale_)


@pytest.mark.usefixtures("routing")
def test_rows_are_not_left_out_for_weights_of_another_step():
    """The predictor refuses the weights, so that all rows count the same for it."""
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    scaler.set_partial_fit_request(sample_weight=True)
    clf = sgd().set_fit_request(sample_weight=False).set_partial_fit_request(sample_weight=False)
    weight = np.arange(240.0) % 2
    model = partial_fit(make_pipeline(scaler, clf), X, Y, sample_weight=weight)
    assert model[-1].t_ == 241
    np.testing.assert_allclose(model[0].mean_, X[1::2].mean(axis=0))


@pytest.mark.usefixtures("routing")
def test_a_request_that_was_not_made_raises():
    model = make_pipeline(PCA(2), sgd().set_fit_request(sample_weight=True)).fit(X, Y)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        partial_fit(model, X, Y, sample_weight=np.ones(240))


@pytest.mark.usefixtures("routing")
def test_weights_for_a_meta_estimator_are_called_sample_weight():
    """Its own requests are those of what is inside."""
    inner = sgd().set_fit_request(sample_weight=True).set_partial_fit_request(sample_weight=True)
    model = make_pipeline(PCA(2), MultiOutputClassifier(inner))
    y = np.column_stack([Y, Y % 2])
    model.fit(X, y, sample_weight=np.ones(240))
    before = [part.t_ for part in model[-1].estimators_]
    weight = np.arange(240.0) % 2
    partial_fit(model, X, y, sample_weight=weight)
    assert [part.t_ for part in model[-1].estimators_] == [t + 120 for t in before]


def test_without_routing_a_column_transformer_takes_no_metadata():
    model = make_pipeline(ColumnTransformer([("s", StandardScaler(), [0])]), sgd())
    model.fit(X[:60], Y[:60])
    partial_fit(model, X[60:], Y[60:], sgdclassifier__sample_weight=np.full(180, 2.0))
    oracle = StandardScaler().fit(X[:60, :1]).partial_fit(X[60:, :1])
    np.testing.assert_array_equal(model[0].named_transformers_["s"].scale_, oracle.scale_)


# -- all or nothing --------------------------------------------------------------------------------


class Faulty(TransformerMixin, BaseEstimator):
    """Raises in the given call of a method; it counts the rows it has learned from."""

    def __init__(self, method="partial_fit"):
        self.method = method

    def fit(self, X, y=None):
        self.n_rows_ = len(X)
        self.armed_ = False
        return self

    def partial_fit(self, X, y=None):
        self.n_rows_ += len(X)
        self._fail("partial_fit")
        return self

    def transform(self, X):
        self._fail("transform")
        return X

    def _fail(self, method):
        if self.armed_ and self.method == method:
            raise RuntimeError(f"{method} fails")


class FaultyClassifier(GaussianNB):
    """Raises once it has learned from the rows."""

    def partial_fit(self, X, y, classes=None):
        super().partial_fit(X, y, classes)
        raise RuntimeError("learned too much")


def transactions():
    """Yield estimators that fail in one step, with others before and after it that would learn."""
    yield Pipeline([("s", StandardScaler()), ("f", Faulty()), ("c", sgd())])
    yield Pipeline([("f", Faulty("transform")), ("s", StandardScaler()), ("c", sgd())])
    yield Pipeline(
        [("f", Faulty("transform")), ("s", StandardScaler()), ("f2", Faulty()), ("c", sgd())]
    )
    yield Pipeline([("s", StandardScaler()), ("c", FaultyClassifier())])
    yield Pipeline(
        [
            (
                "t",
                ColumnTransformer([("s", StandardScaler(), [0]), ("f", Faulty(), [1])]),
            ),
            ("c", sgd()),
        ]
    )
    yield Pipeline([("u", FeatureUnion([("s", StandardScaler()), ("f", Faulty())])), ("c", sgd())])


@pytest.mark.parametrize("model", list(transactions()))
def test_a_failure_leaves_every_step_as_it_was(model):
    """Whatever had learned from the batch before, or around, the step that failed."""
    model = clone(model).fit(X[:60], Y[:60])
    for name, part in model.get_params().items():
        if isinstance(part, Faulty):
            arm(model, name)
    before = fingerprint(model)
    movers = dict.fromkeys(moving(model), "update")
    with pytest.raises(RuntimeError):
        partial_fit(model, X[60:], Y[60:], steps=movers)
    assert fingerprint(model) == before


def moving(model):
    steps = explain_plan(model).steps[:-1]
    return [step.path for step in steps if step.estimator in ("Faulty", "StandardScaler")]


def arm(model, name):
    parts = dict(model.named_steps)
    for part in list(parts.values()):
        if isinstance(part, ColumnTransformer):
            parts |= {f"t__{key}": value for key, value in part.named_transformers_.items()}
        if isinstance(part, FeatureUnion):
            parts |= {f"u__{key}": value for key, value in part.transformer_list}
    parts[name].armed_ = True


@pytest.mark.parametrize(
    ("model", "steps_of"),
    [
        (make_pipeline(StandardScaler(), sgd()), lambda m: [m[0], m[1]]),
        (
            make_pipeline(ColumnTransformer([("s", StandardScaler(), [0])]), sgd()),
            lambda m: [m[0], m[0].named_transformers_["s"], m[1]],
        ),
        (
            make_pipeline(FeatureUnion([("s", StandardScaler())]), sgd()),
            lambda m: [m[0], m[0].transformer_list[0][1], m[1]],
        ),
        (
            GridSearchCV(make_pipeline(StandardScaler(), sgd()), {}, cv=2),
            lambda m: [m.best_estimator_, *(step for _, step in m.best_estimator_.steps)],
        ),
        (
            TransformedTargetRegressor(make_pipeline(PCA(2), SGDRegressor(random_state=0))),
            lambda m: [m.transformer_, m.regressor_, m.regressor_[0], m.regressor_[1]],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_step_remains_the_object_it_is(model, steps_of):
    """So that a name which the user gave to a step shows the update."""
    model = clone(model).fit(X[:60], Y[:60])
    handles, before = steps_of(model), fingerprint(steps_of(model)[-1])
    partial_fit(model, X[60:], Y[60:])
    assert all(one is other for one, other in zip(handles, steps_of(model), strict=True))
    assert fingerprint(handles[-1]) != before


def test_what_is_impossible_changes_nothing():
    tree = make_pipeline(StandardScaler(), DecisionTreeRegressor()).fit(X, TARGET)
    before = fingerprint(tree)
    with pytest.raises(ValueError, match="Pipeline cannot go on learning: DecisionTreeRegressor"):
        partial_fit(tree, X, TARGET)
    assert fingerprint(tree) == before


def test_all_frozen_changes_nothing():
    """It is what was asked for."""
    model = make_pipeline(StandardScaler(), sgd()).fit(X[:60], Y[:60])
    before = fingerprint(model)
    partial_fit(model, X[60:], Y[60:], steps={"*": "freeze"})
    assert fingerprint(model) == before
