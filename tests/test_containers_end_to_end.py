"""Frames, sparse matrices and lists of texts go through the whole cycle as arrays do."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import Rings, batches, fingerprint, representatives, stream
from lightgbm import LGBMClassifier
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir
from skretrain.model_selection import make_prequential_scorer, prequential_predict
from skretrain.policies import FullRefit

pytestmark = pytest.mark.no_cover

X, Y = stream(500, drift=250)
NAMES = ["a", "b", "c", "d"]

CONTAINERS = {
    "arrow": lambda X: pa.table(dict(zip(NAMES, X.T, strict=True))),
    "arrow batch": lambda X: pa.RecordBatch.from_pydict(dict(zip(NAMES, X.T, strict=True))),
    "csr_array": sparse.csr_array,
    "csr_matrix": sparse.csr_matrix,
    "float32": lambda X: X.astype(np.float32),
    "fortran": np.asfortranarray,
    "list of rows": lambda X: X.tolist(),
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
}


def cut(data, batch):
    if isinstance(data, pa.Table | pa.RecordBatch):
        return data.slice(batch.start, batch.stop - batch.start)
    return data.iloc[batch] if isinstance(data, pd.DataFrame) else data[batch]


def run(model, data, y, size=50):
    """Fit on 100 rows, stream the rest, and return the prediction of each batch."""
    model.fit(cut(data, slice(0, 100)), y[:100])
    predictions = []
    for batch in batches(len(y), size, 100):
        predictions.append(model.predict(cut(data, batch)))
        model.partial_fit(cut(data, batch), y[batch])
    return np.concatenate(predictions)


# Without an intercept: that of SGD learns more slowly from sparse rows.
RETRAINERS = {
    "refit": DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([250]), update=None, random_state=0
    ),
    "replay": ReplayPartialFit(SGDClassifier(fit_intercept=False), random_state=0),
    "reservoir": DriftAwareRetrainer(
        LogisticRegression(),
        detector=Rings([250]),
        update="replay_mix",
        buffer=Reservoir(80),
        random_state=0,
    ),
    "update": DriftAwareRetrainer(
        SGDClassifier(fit_intercept=False), detector=Rings([250]), random_state=0
    ),
}


CASES = [*product(RETRAINERS, CONTAINERS)]


@pytest.mark.parametrize(("name", "container"), representatives(CASES, fast=CASES[::3]))
def test_the_container_does_not_matter(name, container):
    """Through fit, predict, update, memory, replay and refit, what counts are the numbers."""
    numbers = X.astype(np.float32).astype(float)
    expected = run(clone(RETRAINERS[name]), numbers, Y)
    model = clone(RETRAINERS[name])
    got = run(model, CONTAINERS[container](numbers), Y)
    # A solver that stops at a tolerance may round a row on the border the other way.
    assert (got == expected).mean() > 0.99
    assert model.n_samples_seen_ == 500
    assert model.events_.counts["failed"] == 0


@pytest.mark.parametrize("container", ["arrow", "arrow batch", "pandas", "polars"])
def test_feature_names_are_kept_and_guarded(container):
    """Names of the first call are those of the retrainer; others get scikit-learn's message."""
    frame = CONTAINERS[container](X)
    bare = LogisticRegression().fit(frame, Y)
    if container == "polars" and not hasattr(bare, "feature_names_in_"):
        pytest.skip("scikit-learn before 1.8 cannot read the names of a recent polars frame")
    model = DriftAwareRetrainer(LogisticRegression(), detector=None, update=None)
    model.fit(cut(frame, slice(0, 100)), Y[:100])
    np.testing.assert_array_equal(model.feature_names_in_, NAMES)
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.estimator_.feature_names_in_, NAMES)
    model.partial_fit(cut(frame, slice(100, 200)), Y[100:200])
    assert model.n_refits_ == 1
    np.testing.assert_array_equal(model.estimator_.feature_names_in_, NAMES)
    select = getattr(frame, "select", frame.__getitem__)
    for wrong in (select(NAMES[::-1]), select(NAMES[:3])):
        with pytest.raises(ValueError, match="feature names should match"):
            model.partial_fit(cut(wrong, slice(200, 300)), Y[200:300])
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(cut(wrong, slice(200, 300)))
    assert model.n_samples_seen_ == len(model.buffer_) == 200


def test_names_are_guarded_where_the_base_would_take_any():
    """As boosters of other libraries do, and pipelines that begin with a ColumnTransformer."""
    by_name = ColumnTransformer([("all", StandardScaler(), NAMES)])
    data = CONTAINERS["pandas"](X)
    model = DriftAwareRetrainer(make_pipeline(by_name, LogisticRegression()), on_error="raise")
    model.fit(data[:100], Y[:100])
    before = fingerprint(model)
    with pytest.raises(ValueError, match="The feature names should match those that were passed"):
        model.partial_fit(data[NAMES[::-1]][100:150], Y[100:150])
    assert fingerprint(model) == before
    assert model.partial_fit(data[100:150], Y[100:150]).n_samples_seen_ == 150


def test_names_are_guarded_while_rows_are_collected():
    """Before there is a model to complain, the retrainer does."""
    frame = CONTAINERS["pandas"](X)
    model = DriftAwareRetrainer(LogisticRegression(), initial_size=200)
    model.partial_fit(frame[:50], Y[:50])
    np.testing.assert_array_equal(model.feature_names_in_, NAMES)
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(frame[NAMES[::-1]][50:100], Y[50:100])
    with pytest.raises(ValueError, match="expecting 4 features"):
        DriftAwareRetrainer(LogisticRegression(), initial_size=200).partial_fit(
            X[:50], Y[:50]
        ).partial_fit(X[50:100, :3], Y[50:100])
    assert model.n_samples_seen_ == 50


def test_not_a_number_waits_only_for_a_base_that_takes_it():
    """Rows that would make the first fit fail are refused; a base that allows NaN gets them."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    holes = X[:100].copy()
    holes[::7, 2] = np.nan
    for container in (np.asarray, sparse.csr_matrix):
        model = DriftAwareRetrainer(LogisticRegression(), initial_size=200)
        with pytest.raises(ValueError, match="X contains NaN"):
            model.partial_fit(container(holes), Y[:100])
    model = DriftAwareRetrainer(
        HistGradientBoostingClassifier(max_iter=2), detector=None, initial_size=200
    )
    model.partial_fit(holes, Y[:100]).partial_fit(X[100:200], Y[100:200])
    assert model.predict(holes).shape == (100,)


@pytest.mark.parametrize("make", [DriftAwareRetrainer, ReplayPartialFit])
def test_texts_in_a_pipeline(make):
    """A list of str is cut, remembered, replayed and refitted like any rows."""
    rng = np.random.default_rng(0)
    words = np.array(["up", "down", "left", "right"])
    y = rng.integers(0, 2, 400)
    texts = [" ".join(rng.choice(words[2 * label : 2 * label + 2], 5)) for label in y]
    pipeline = make_pipeline(HashingVectorizer(n_features=64), SGDClassifier(random_state=0))
    model = make(pipeline, random_state=0)
    model.fit(texts[:100], y[:100])
    for batch in batches(400, 50, 100):
        model.partial_fit(texts[batch], y[batch])
    assert model.score(texts, y) == 1.0
    assert isinstance(model.buffer_.latest(3).X, list)
    assert texts[-3:] == model.buffer_.latest(3).X
    fresh = make(pipeline, random_state=0)
    fresh.partial_fit(texts[:100], y[:100]).partial_fit(texts[100:200], y[100:200])
    assert fresh.score(texts, y) == 1.0
    assert not hasattr(fresh, "n_features_in_")


def test_refit_of_texts_is_the_bare_pipeline():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    texts = [f"{'spam' if label else 'ham'} {rng.integers(9)}" for label in y]
    pipeline = make_pipeline(HashingVectorizer(n_features=64), SGDClassifier(random_state=0))
    model = DriftAwareRetrainer(pipeline, detector=Rings([150]), policy=FullRefit("all"))
    model.fit(texts[:100], y[:100]).partial_fit(texts[100:], y[100:])
    bare = clone(pipeline).fit(texts, y)
    np.testing.assert_array_equal(model.decision_function(texts), bare.decision_function(texts))


# -- pipelines -------------------------------------------------------------------------------------


def test_around_a_pipeline():
    """Scaler and classifier are refitted together, on the same rows."""
    pipeline = make_pipeline(StandardScaler(), SGDClassifier(random_state=0))
    model = DriftAwareRetrainer(
        pipeline, detector=Rings([250]), policy=FullRefit("all", grow=False), batch_size=50
    ).fit(X[:300], Y[:300])
    bare = clone(pipeline).fit(X[:300], Y[:300])
    np.testing.assert_array_equal(model.decision_function(X), bare.decision_function(X))
    replayed = ReplayPartialFit(pipeline, random_state=0).fit(X[:100], Y[:100])
    replayed.partial_fit(X[100:150], Y[100:150])
    assert replayed.events_.totals["rows_fitted"] == 100 + 100
    assert replayed.events_.counts["updated"] == 1


def test_as_last_step_of_a_pipeline_it_streams_in_fit():
    """The scaler is fitted on all rows; the last step learns them batch by batch."""
    last = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None, batch_size=50)
    pipeline = make_pipeline(StandardScaler(), last).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    oracle = SGDClassifier(random_state=0).fit(scaled[:50], Y[:50])
    for batch in batches(500, 50, 50):
        oracle.partial_fit(scaled[batch], Y[batch])
    np.testing.assert_array_equal(pipeline.decision_function(X), oracle.decision_function(scaled))
    assert pipeline[-1].n_samples_seen_ == 500


def test_evaluating_a_pipeline_prints_the_way_out():
    """A Pipeline has no ``partial_fit``: the evaluators say what to wrap instead."""
    pipeline = make_pipeline(StandardScaler(), DriftAwareRetrainer(SGDClassifier()))
    message = "Pipeline has no partial_fit.*DriftAwareRetrainer"
    with pytest.raises(TypeError, match=message):
        prequential_predict(pipeline, X, Y)
    scorer = make_prequential_scorer("accuracy", batch_size=50)
    with pytest.raises(TypeError, match=message):
        scorer(pipeline.fit(X, Y), X, Y)


LOOKS_AWAY = {
    "booster": LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1),
    "columns": make_pipeline(
        ColumnTransformer([("scaled", StandardScaler(), NAMES)]), LogisticRegression()
    ),
}


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score"])
@pytest.mark.parametrize("name", LOOKS_AWAY)
def test_a_prediction_from_other_columns_is_refused_where_the_base_would_not(name, method):
    """LightGBM takes reordered columns for the old ones; a ColumnTransformer sorts them out."""
    frame = pd.DataFrame(X, columns=NAMES)
    model = DriftAwareRetrainer(LOOKS_AWAY[name], detector=None).fit(frame[:200], Y[:200])
    target = (Y,) if method == "score" else ()
    assert np.isfinite(np.asarray(getattr(model, method)(frame, *target), dtype=float)).all()
    for other in (frame[NAMES[::-1]], frame.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="The feature names should match those that were"):
            getattr(model, method)(other, *target)
