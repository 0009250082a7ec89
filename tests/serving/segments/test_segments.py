"""One retrainer per segment: each is what it would be alone, and what many know helps a few."""

import copy
import os
import pickle
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Event, Semaphore, Thread, Timer

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import assert_same_outputs
from interrupting import Lines
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_regressor
from sklearn.cluster import MiniBatchKMeans
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    SGDClassifier,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils.metadata_routing import get_routing_for_object

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.drift import Periodic, PredictionDrift
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import FullRefit
from skretrain.serving import SegmentedRetrainer, on_event
from skretrain.serving._segments import _base
from skretrain.serving._segments._file_store import FileStore
from skretrain.serving._segments._fleet import Fleet
from skretrain.serving._segments._shard import Shard, seed_of_segment
from skretrain.serving._segments._shelf import Shelf

NAMES = np.array(["north", "south", "east", "west", "far"])
SEGMENTS = len(NAMES)


def rows(n, *, seed=0, moved=(), shares=None, n_features=3):
    """Return X, y and the segment of each row; the concept of `moved` is turned round."""
    rng = np.random.default_rng(seed)
    segment = rng.choice(SEGMENTS, n, p=shares)
    X = rng.normal(size=(n, n_features))
    sign = np.where(np.isin(segment, moved), -1, 1)
    y = (sign * X[:, 0] + 0.3 * segment + 0.3 * rng.normal(size=n) > 0.6).astype(int)
    return X, y, segment


def as_array(X, segment):
    return np.column_stack([X[:, :1], segment, X[:, 1:]]), 1


def as_pandas(X, segment):
    frame = pd.DataFrame(X, columns=list("abc"))
    frame.insert(1, "shop", NAMES[segment])
    return frame, "shop"


def as_category(X, segment):
    frame, by = as_pandas(X, segment)
    return frame.astype({by: "category"}), by


def as_polars(X, segment):
    return pl.from_pandas(as_pandas(X, segment)[0]), "shop"


def as_sparse(X, segment):
    X, by = as_array(X, segment)
    return sparse.csr_array(X), by


def tree(seed=None, **params):
    return DriftAwareRetrainer(GaussianNB(), random_state=seed, **params)


def linear(seed=0, **params):
    return DriftAwareRetrainer(SGDClassifier(loss="log_loss", random_state=seed), **params)


def stream(n_batches, size=200, *, container=as_array, **options):
    """Yield batches, and the segment of each row."""
    for seed in range(n_batches):
        X, y, segment = rows(size, seed=seed, **options)
        yield container(X, segment)[0], y, segment


def told(log):
    """Return what events say, costs aside."""
    costs = {"cpu_seconds", "wall_seconds", "threads"}
    return [{k: v for k, v in record.items() if k not in costs} for record in log.to_records()]


# -- the oracle ------------------------------------------------------------------------------------


def alone(retrainer, batches, key, segment_of, by, *, min_rows=50):
    """Return what a clone of the retrainer is that sees the rows of one segment alone."""
    one = clone(retrainer)
    if one.random_state is not None:
        one.set_params(random_state=seed_of_segment(one.random_state, key))
    for number, (X, y, segment) in enumerate(batches):
        mine = np.flatnonzero(segment_of[segment] == key)
        if not len(mine):
            continue
        X = X[mine.tolist()] if isinstance(X, pl.DataFrame) else _taken(X, mine)
        X = X.drop(columns=by) if isinstance(X, pd.DataFrame) else _dropped(X, by)
        if number == 0 and len(mine) >= min_rows:
            one.fit(X, y[mine])
        else:
            one.partial_fit(X, y[mine])
    return one


def _taken(X, mine):
    return X.iloc[mine] if isinstance(X, pd.DataFrame) else X[mine]


def _dropped(X, by):
    if isinstance(X, pl.DataFrame):
        return X.drop(by)
    return X[:, np.arange(X.shape[1]) != by]


@pytest.mark.parametrize("container", [as_array, as_pandas, as_polars, as_sparse])
def test_the_retrainer_of_a_segment_is_what_it_would_be_with_its_rows_alone(container):
    """Bit for bit, its events and its future included; also where some come rarely, or later."""
    base = linear() if container is as_sparse else tree()
    shares = [0.5, 0.3, 0.14, 0.04, 0.02]
    options = {"size": 150, "container": container, "shares": shares}
    batches = [*stream(3, **options), *stream(4, moved=(0, 2), **options)]
    _, by = container(*rows(5)[::2])
    names = np.arange(SEGMENTS) if isinstance(by, int) else NAMES
    model = SegmentedRetrainer(base, by=by).fit(*batches[0][:2])
    for X, y, _ in batches[1:]:
        model.partial_fit(X, y)
    assert set(model.segments_) == set(names.tolist())
    X = batches[0][0]
    X = X.drop(columns=by) if isinstance(X, pd.DataFrame) else _dropped(X, by)
    for key in model.segments_:
        one, mine = alone(base, batches, key, names, by), model.retrainer_of(key)
        assert told(one.events_) == told(mine.events_)
        assert_same_outputs(one, mine, X)
        np.testing.assert_array_equal(one.buffer_.index, mine.buffer_.index)


@pytest.mark.parametrize(
    "base",
    [
        DriftAwareRetrainer(LogisticRegression(), random_state=3, buffer=Reservoir(max_rows=60)),
        ReplayPartialFit(GaussianNB(), random_state=5),
        DriftAwareRetrainer(Perceptron(random_state=0)),
    ],
    ids=["seeded", "replay", "no probabilities"],
)
@pytest.mark.no_cover
def test_so_is_one_with_a_seed_which_is_made_of_that_of_all_and_of_its_name(base):
    batches = list(stream(8))
    model = SegmentedRetrainer(base, by=1).fit(*batches[0][:2])
    for X, y, _ in batches[1:]:
        model.partial_fit(X, y)
    names = np.arange(SEGMENTS)
    for key in model.segments_:
        one, mine = alone(base, batches, key, names, 1, min_rows=50), model.retrainer_of(key)
        assert one.get_params()["random_state"] == mine.get_params()["random_state"]
        np.testing.assert_array_equal(one.buffer_.index, mine.buffer_.index)
        assert_same_outputs(one, mine, _dropped(batches[0][0], 1))


@pytest.mark.no_cover
def test_metadata_goes_with_its_rows():
    batches = list(stream(4))
    weights = [np.random.default_rng(k).integers(1, 4, 200) for k in range(4)]
    model = SegmentedRetrainer(tree(), by=1)
    one = clone(model.retrainer)
    for (X, y, segment), weight in zip(batches, weights, strict=True):
        model.partial_fit(X, y, sample_weight=weight)
        mine = segment == 2
        one.partial_fit(_dropped(X, 1)[mine], y[mine], sample_weight=weight[mine])
    assert_same_outputs(one, model.retrainer_of(2), _dropped(batches[0][0], 1))


def test_a_segment_of_which_no_row_counts_waits_for_some_that_do():
    """It has not failed, and is then what it would be without those rows."""
    (X, y, segment), (X_later, y_later, _) = stream(2)
    base, mine = tree(on_error="raise"), segment == 2
    model = SegmentedRetrainer(base, by=1, min_rows=9)
    other = clone(model).fit(X[~mine], y[~mine]).partial_fit(X_later, y_later)
    model.fit(X, y, sample_weight=np.where(mine, 0.0, 1.0))
    assert model.status()[2].version == 0
    assert not told(model.events_)
    model.partial_fit(X_later, y_later, sample_weight=np.ones(len(y_later)))
    retrainers = (one.retrainer_of(2) for one in (model, other))
    assert_same_outputs(*retrainers, _dropped(X_later, 1))


def test_the_order_of_segments_in_a_batch_does_not_matter():
    X, y, segment = rows(400)
    first, by = as_array(X, segment)
    order = np.argsort(segment, kind="stable")
    mixed = SegmentedRetrainer(tree(), by=by, fallback=None).fit(first, y)
    grouped = SegmentedRetrainer(tree(), by=by, fallback=None).fit(first[order], y[order])
    for key in range(SEGMENTS):
        assert_same_outputs(mixed.retrainer_of(key), grouped.retrainer_of(key), X)


@pytest.mark.no_cover
def test_the_pooled_retrainer_is_what_it_would_be_with_all_rows():
    batches = list(stream(5))
    model, one = SegmentedRetrainer(tree(), by=1), tree()
    for X, y, _ in batches:
        model.partial_fit(X, y)
        one.partial_fit(_dropped(X, 1), y)
    assert_same_outputs(one, model.pooled_, _dropped(X, 1))


# -- what serves -----------------------------------------------------------------------------------


def grown(base=None, n_batches=6, **params):
    model = SegmentedRetrainer(tree() if base is None else base, by=1, **params)
    for X, y, _ in stream(n_batches):
        model.partial_fit(X, y)
    return model


@pytest.mark.parametrize("container", [as_array, as_category, as_polars])
@pytest.mark.no_cover
def test_outputs_stand_in_the_order_of_the_rows_and_are_those_of_the_segments(container):
    """Row by row they are the mixture, by the weight that the segment has."""
    base = linear() if container is as_sparse else tree()
    X, y, segment = rows(600)
    frame, by = container(X, segment)
    model = SegmentedRetrainer(base, by=by).partial_fit(frame, y)
    for seed in range(1, 4):
        X, y, segment = rows(300, seed=seed)
        model.partial_fit(container(X, segment)[0], y)
    names = np.arange(SEGMENTS) if isinstance(by, int) else NAMES
    frame, _ = container(X, segment)
    proba, status = model.predict_proba(frame), model.status()
    assert {status[key].weight for key in names.tolist()} & {0.25, 0.5, 0.75, 1.0}
    plain = frame.drop(columns=by) if isinstance(frame, pd.DataFrame) else _dropped(frame, by)
    for row, key in enumerate(names[segment].tolist()):
        x = plain[row : row + 1] if not isinstance(plain, pd.DataFrame) else plain.iloc[[row]]
        own, pooled = model.retrainer_of(key).predict_proba(x), model.pooled_.predict_proba(x)
        weight = status[key].weight
        np.testing.assert_allclose(proba[row], (weight * own + (1 - weight) * pooled)[0])
        if row > 40:
            break
    np.testing.assert_array_equal(model.predict(frame), proba.argmax(axis=1))
    assert model.score(frame, y) == np.mean(model.predict(frame) == y)


def test_a_segment_is_served_by_all_until_it_has_rows_of_its_own():
    model = SegmentedRetrainer(tree(), by=1, min_rows=60)
    X, y, _ = rows(400)
    model.fit(np.insert(X, 1, 0, axis=1), y)
    new = np.insert(X[:30], 1, 7, axis=1)
    for _ in range(2):
        np.testing.assert_array_equal(model.predict_proba(new), model.pooled_.predict_proba(X[:30]))
        model.partial_fit(new, 1 - y[:30])
    assert model.status()[7].n_rows == 60
    assert model.status()[7].weight > 0
    assert [e.segment for e in model.events_ if e.action == "opened"] == [7]
    assert np.mean(model.predict(new) == 1 - y[:30]) > np.mean(
        model.pooled_.predict(X[:30]) == 1 - y[:30]
    )


@pytest.mark.no_cover
def test_the_weight_is_that_which_would_have_lost_least_on_rows_not_yet_learned():
    """Computed again from the predictions of both, before each batch."""
    base = DriftAwareRetrainer(Ridge())
    model = SegmentedRetrainer(base, by=1, min_rows=1)
    shares, losses = np.linspace(0, 1, 5), {key: np.zeros(5) for key in range(SEGMENTS)}
    rng = np.random.default_rng(0)
    for number, (X, _, segment) in enumerate(stream(12, size=60)):
        y = X[:, 0] + 0.2 * segment * X[:, 2] + rng.normal(size=60)
        plain = _dropped(X, 1)
        for key in range(SEGMENTS if number else 0):
            mine = segment == key
            if not mine.any() or not model.status()[key].version:
                continue
            own = model.retrainer_of(key).predict(plain[mine])
            pooled = model.pooled_.predict(plain[mine])
            new = [np.abs(y[mine] - w * own - (1 - w) * pooled).sum() for w in shares]
            losses[key] = losses[key] * 0.5 ** (mine.sum() / 200) + new
        model.partial_fit(X, y)
    status = model.status()
    assert {status[key].weight for key in range(SEGMENTS)} - {0.0, 1.0}
    for key in range(SEGMENTS):
        assert status[key].weight == shares[losses[key].argmin()]
    weights = np.array([status[key].weight for key in segment])
    own = np.array(
        [model.retrainer_of(key).predict(plain[[row]])[0] for row, key in enumerate(segment)]
    )
    expected = weights * own + (1 - weights) * model.pooled_.predict(plain)
    np.testing.assert_allclose(model.predict(X), expected)
    assert is_regressor(model)
    assert model.score(X, y) > 0


@pytest.mark.no_cover
def test_shrinking_is_better_than_either_where_rows_are_few():
    """The error of the mixture, on rows of segments that differ a little, is below both."""
    rng = np.random.default_rng(0)
    n, dims, per_day = 30, 8, 3
    shared = rng.normal(size=dims)
    weights = shared + 0.5 * rng.normal(size=(n, dims))
    model = SegmentedRetrainer(DriftAwareRetrainer(Ridge()), by=0, min_rows=1)
    errors = {"both": [], "own": [], "pooled": []}
    for day in range(12):
        segment = np.repeat(np.arange(n), per_day)
        X = rng.normal(size=(n * per_day, dims))
        y = (X * weights[segment]).sum(axis=1) + 2 * rng.normal(size=len(X))
        frame = np.column_stack([segment, X])
        if day >= 4:
            errors["both"].append(np.abs(model.predict(frame) - y).mean())
            errors["pooled"].append(np.abs(model.pooled_.predict(X) - y).mean())
            own = [model.retrainer_of(k).predict(X[segment == k]) for k in range(n)]
            errors["own"].append(np.abs(np.concatenate(own) - y).mean())
        model.partial_fit(frame, y)
    mean = {name: np.mean(values) for name, values in errors.items()}
    assert mean["both"] < min(mean["own"], mean["pooled"])


@pytest.mark.parametrize(
    ("base", "method"),
    [
        (OneClassSVM(), "score_samples"),
        (OneClassSVM(), "decision_function"),
        (Perceptron(random_state=0), "decision_function"),
        (MiniBatchKMeans(n_clusters=2, random_state=0), "predict"),
    ],
)
def test_where_nothing_can_be_mixed_one_of_the_two_serves(base, method):
    X, y, segment = rows(400)
    y = None if isinstance(base, OneClassSVM | MiniBatchKMeans) else y
    frame, by = as_array(X, segment)
    model = SegmentedRetrainer(DriftAwareRetrainer(base), by=by).fit(frame, y)
    model.partial_fit(frame, y)
    found = getattr(model, method)(frame)
    for key, status in model.status().items():
        assert status.weight in (0.0, 1.0)
        one = model.retrainer_of(key) if status.weight else model.pooled_
        mine = segment == key
        np.testing.assert_array_equal(found[mine], getattr(one, method)(X[mine]))
    assert hasattr(model, "score") == (y is not None)
    assert not hasattr(model, "predict_proba")


def test_classes_are_those_of_all_segments_and_each_gives_all_columns():
    X, y, segment = rows(400)
    y = np.where(segment == 1, y + 1, y)  # one has the classes 1 and 2
    frame, by = as_array(X, segment)
    for fallback in ("pooled", None):
        model = SegmentedRetrainer(tree(), by=by, fallback=fallback).fit(frame, y)
        model.partial_fit(frame, y)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])
        proba = model.predict_proba(frame)
        assert proba.shape == (400, 3)
        if fallback is None or model.status()[1].weight == 1:
            assert not proba[segment == 1, 0].any()
        margins = SegmentedRetrainer(DriftAwareRetrainer(Perceptron()), by=by).fit(frame, y)
        assert margins.decision_function(frame).shape == (400, 3)


def test_labels_of_any_length_and_several_outputs():
    X, y, segment = rows(500)
    frame, by = as_array(X, segment)
    text = np.where(y == 1, "yes", np.where(segment == 4, "certainly not", "no"))
    model = SegmentedRetrainer(tree(), by=by).fit(frame, text)
    assert set(model.predict(frame)) <= {"yes", "no", "certainly not"}
    both = np.column_stack([y, 1 - y])
    knn = DriftAwareRetrainer(KNeighborsClassifier())
    model = SegmentedRetrainer(knn, by=by).fit(frame, both).partial_fit(frame, both)
    assert model.predict(frame).shape == (500, 2)
    with pytest.raises(ValueError, match="one output"):
        model.predict_proba(frame)
    outputs = X[:, :2] + segment[:, None]
    model = SegmentedRetrainer(DriftAwareRetrainer(LinearRegression()), by=by)
    model.fit(frame, outputs).partial_fit(frame, outputs)
    np.testing.assert_allclose(model.predict(frame), outputs)


@pytest.mark.no_cover
def test_without_a_fallback_a_segment_without_a_model_is_an_error_that_names_it():
    model = grown(fallback=None)
    assert model.pooled_ is None
    X, _, _ = rows(5)
    assert model.predict(np.insert(X, 1, 3, axis=1)).shape == (5,)
    with pytest.raises(ValueError, match=r"segments \[9\] yet; with fallback='pooled'"):
        model.predict(np.insert(X, 1, 9, axis=1))


@pytest.mark.no_cover
def test_predicting_changes_nothing():
    model = grown(max_loaded=2)
    X, _, segment = rows(50)
    before = pickle.dumps([model.retrainer_of(key) for key in model.segments_])
    model.predict_proba(as_array(X, segment)[0])
    assert pickle.dumps([model.retrainer_of(key) for key in model.segments_]) == before


# -- segments that end -----------------------------------------------------------------------------


@pytest.mark.no_cover
def test_the_rows_of_merged_segments_go_to_one_that_goes_on():
    model, one = SegmentedRetrainer(tree(), by=1), tree()
    for number, (X, y, segment) in enumerate(stream(8)):
        if number == 4:
            model.merge([1, 2], into=3)
        mine = segment == 3 if number < 4 else np.isin(segment, [1, 2, 3])
        one.partial_fit(_dropped(X, 1)[mine], y[mine])
        model.partial_fit(X, y)
    assert set(model.segments_) == {0, 3, 4}
    assert_same_outputs(one, model.retrainer_of(3), _dropped(X, 1))
    asked = X.copy()
    asked[:, 1] = np.where(np.isin(segment, [1, 2]), 3, segment)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(asked))
    assert [(e.segment, e.batch) for e in model.events_ if e.action == "merged"] == [(3, 4)]


def test_the_name_of_a_merged_segment_is_not_taken_for_that_of_all():
    """Who closes one shop of a mall does not close the mall."""
    model = grown().merge([0, 4], into="mall")
    for call in (model.retire, model.retrainer_of, lambda key: model.merge([key, 2], into=1)):
        with pytest.raises(ValueError, match="one of segments_; that one was merged into 'mall'"):
            call(4)
    with pytest.raises(ValueError, match="into=0.*; that one was merged into 'mall'"):
        model.merge([2], into=0)
    assert set(model.segments_) == {1, 2, 3, "mall"}


def test_merged_into_a_new_one_it_begins_with_what_they_remember():
    model = grown()
    known = sum(len(model.retrainer_of(key).buffer_) for key in (0, 4))
    model.merge([0, 4], into="both").merge(["both", 2], into=1)
    assert set(model.segments_) == {1, 3}
    model = grown()
    model.merge([0, 4], into="both")
    assert len(model.retrainer_of("both").buffer_) == known
    assert model.status()["both"].version == 1
    X, y, segment = rows(100, seed=50)
    model.partial_fit(as_array(X, segment)[0], y)
    assert model.status()["both"].n_rows == known + np.isin(segment, [0, 4]).sum()


class Flaky(GaussianNB):
    """It cannot be fitted for a moment."""

    error = None

    def fit(self, X, y, sample_weight=None):
        if Flaky.error is not None:
            raise Flaky.error
        return super().fit(X, y, sample_weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if Flaky.error is not None:
            raise Flaky.error
        return super().partial_fit(X, y, classes, sample_weight)


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("error", [MemoryError("for a moment"), KeyboardInterrupt()])
def test_what_cannot_be_merged_stays_apart_and_can_be_merged_later(
    error, in_file, tmp_path, monkeypatch
):
    path = str(tmp_path / "fleet.db") if in_file else None
    model = SegmentedRetrainer(DriftAwareRetrainer(Flaky()), by=1, path=path)
    for X, y, _ in stream(3):
        model.partial_fit(X, y)
    before, expected = model.status(), model.predict_proba(X)
    with monkeypatch.context() as patch:
        patch.setattr(Flaky, "error", error)
        with pytest.raises(type(error)):
            model.merge([0, 2], into="mall")
    after = model.status()
    assert after == {
        key: one._replace(is_loaded=after[key].is_loaded) for key, one in before.items()
    }
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    known = sum(len(model.retrainer_of(key).buffer_) for key in (0, 2))
    assert len(model.merge([0, 2], into="mall").retrainer_of("mall").buffer_) == known


def test_a_retired_segment_is_served_by_all_and_begins_anew_when_it_returns():
    model, one = grown(), tree()
    model.retire(2)
    assert 2 not in model.segments_
    X, y, _ = rows(80, seed=9)
    frame = np.insert(X, 1, 2, axis=1)
    np.testing.assert_array_equal(model.predict_proba(frame), model.pooled_.predict_proba(X))
    model.partial_fit(frame, y)
    assert_same_outputs(one.partial_fit(X, y), model.retrainer_of(2), X)
    actions = [e.action for e in model.events_ if e.segment == 2]
    assert actions[-2:] == ["retired", "opened"]
    with pytest.raises(ValueError, match=r"retire\(segment='no'\): segment must be one of"):
        model.retire("no")


@pytest.mark.parametrize(
    ("segments", "into", "words"),
    [
        ("north", 1, "segments must be a list of segments"),
        (3, 1, "segments must be a list of segments"),
        ([1, "no"], 2, "segments must be one of segments_"),
        ([1], None, "into must be the name of a segment"),
        ([1], [2], "into must be the name of a segment"),
        ([1], 0.5, "into must be the name of a segment"),
        ([1], 1, "segments must be others than `into`"),
    ],
)
def test_what_cannot_be_merged_is_refused_before_anything_changes(segments, into, words):
    model = grown(n_batches=2)
    before = model.status()
    with pytest.raises(ValueError, match=words):
        model.merge(segments, into)
    assert model.status() == before


# -- growth ----------------------------------------------------------------------------------------


def growing(budget):
    base = DriftAwareRetrainer(Ridge(), detector=None, policy="full_refit")
    return SegmentedRetrainer(base, by=0, growth_budget=budget)


def days(n_days, n_segments=8, per_day=10):
    rng = np.random.default_rng(0)
    for _ in range(n_days):
        X = rng.normal(size=(n_segments * per_day, 2))
        segment = np.repeat(np.arange(n_segments), per_day)
        yield np.column_stack([segment, X]), X[:, 0] + rng.normal(size=len(X))


@pytest.mark.parametrize("budget", [2, 0.25])
@pytest.mark.no_cover
def test_growth_refits_are_spread_over_days_the_oldest_first(budget):
    """Without a budget all segments double on the same days; with one, each has its turn."""
    found = {}
    for used in (None, budget):
        model, waited = growing(used), set()
        for X, y in days(17):
            model.partial_fit(X, y)
            waited |= {key for key, status in model.status().items() if status.waits_to_grow}
        grew = [e for e in model.events_ if e.reason.startswith("growth") and e.segment is not None]
        found[used] = [[e.segment for e in grew if e.batch == day] for day in range(1, 18)]
    assert max(map(len, found[None])) == 8
    assert max(map(len, found[budget])) == 2
    assert {k for day in found[budget] for k in day} == set(range(8))
    first = [k for day in found[budget] for k in day][:8]
    assert sorted(first) == list(range(8))  # nobody twice before everybody had a turn
    assert len(waited) >= 6


@pytest.mark.no_cover
def test_a_segment_that_is_held_back_goes_on_as_it_is():
    model = growing(0)
    for X, y in days(9):
        model.partial_fit(X, y)
    assert {status.n_refits for status in model.status().values()} == {0}
    assert {status.version for status in model.status().values()} == {1}
    assert all(len(model.retrainer_of(key).buffer_) == 90 for key in model.segments_)


@pytest.mark.no_cover
def test_alarms_are_not_held_back():
    model = SegmentedRetrainer(tree(policy="full_refit"), by=1, growth_budget=0)
    for X, y, _ in stream(6):
        model.partial_fit(X, y)
    for X, y, _ in stream(6, moved=range(SEGMENTS)):
        model.partial_fit(X, y)
    retrained = [e for e in model.events_ if e.action == "retrained" and e.segment is not None]
    assert retrained
    assert all(e.reason.startswith("alarm") for e in retrained)


# -- failures --------------------------------------------------------------------------------------


class Fragile(ClassifierMixin, BaseEstimator):
    """Fails on rows that begin with 99."""

    def fit(self, X, y):
        if (X[:, 0] == 99).any():
            raise RuntimeError("no space left")
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def spoiled(n=300, key=2):
    X, y, segment = rows(n, seed=3)
    X[np.flatnonzero(segment == key)[0], 0] = 99
    return as_array(X, segment)[0], y, segment


@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_a_segment_whose_base_raises_stops_no_other(on_error):
    base = DriftAwareRetrainer(
        Fragile(), detector=None, policy="full_refit", update="full_refit", on_error=on_error
    )
    model = SegmentedRetrainer(base, by=1, fallback=None)
    for X, y, _ in stream(2):
        model.partial_fit(X, y)
    before = {key: status.n_rows for key, status in model.status().items()}
    X, y, segment = spoiled()
    if on_error == "raise":
        with pytest.raises(RuntimeError, match="no space left") as caught:
            model.partial_fit(X, y)
        assert "raised by segment 2; the others have learned" in caught.value.__notes__[-1]
    else:
        with pytest.warns(Warning, match="no space left"):
            model.partial_fit(X, y)
    failed = [(e.segment, e.batch) for e in model.events_ if e.action == "failed"]
    assert failed == [(2, 3)]
    for key in {0, 1, 3, 4}:
        assert model.status()[key].n_rows == before[key] + (segment == key).sum()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: (X, np.where(y, "yes", "no")), "y mixes text and numbers"),
        (lambda X, y: (X, np.column_stack([y, y])), "y should be a 1d array"),
        (lambda X, y: (X.assign(a="text"), y), "could not convert string"),
        (lambda X, y: (X.assign(shop="new", a=np.nan), y), "NaN"),
    ],
)
def test_a_batch_that_no_segment_can_read_is_refused_without_a_pooled_model_too(spoil, message):
    """It is not counted, and opens no segment."""
    (X, y, _), (X_later, y_later, _) = stream(2, container=as_pandas)
    base = tree(detector=PredictionDrift())
    model = SegmentedRetrainer(base, by="shop", fallback=None).fit(X, y)
    before, events = model.status(), told(model.events_)
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(*spoil(X_later, y_later))
    assert (model.n_batches_, model.n_samples_seen_) == (1, len(y))
    assert model.status() == before
    assert told(model.events_) == events
    with pytest.raises(ValueError, match="NaN"):
        model.observe(X_later.assign(a=np.nan))


def test_one_that_cannot_begin_is_a_warning_and_an_event_and_tries_with_its_next_rows():
    base = DriftAwareRetrainer(Fragile(), detector=None, policy="full_refit")
    model = SegmentedRetrainer(base, by=1, fallback=None)
    X, y, _ = spoiled()
    with pytest.warns(RetrainFailedWarning, match="segment 2 .*RuntimeError: no space left"):
        model.partial_fit(X, y)
    assert model.status()[2].version == 0
    with pytest.raises(ValueError, match="segments \\[2\\]"):
        model.predict(X)
    for X, y, _ in stream(1):
        model.partial_fit(X, y)
    assert model.status()[2].version == 1


def test_in_fit_too_and_more_than_one_are_counted():
    base = DriftAwareRetrainer(Fragile(), detector=None, policy="full_refit")
    model = SegmentedRetrainer(base, by=1, fallback=None, min_rows=20)
    X, y, segment = spoiled()
    X[np.flatnonzero(segment == 4)[0], 0] = 99
    with pytest.warns(RetrainFailedWarning, match="and 1 more failed"):
        model.fit(X, y)
    assert sorted(e.segment for e in model.events_ if e.action == "failed") == [2, 4]
    assert {key for key, status in model.status().items() if status.version} == {0, 1, 3}


def test_a_segment_of_one_class_waits_for_another_and_is_no_failure():
    """In fit, too, where the base refuses one class; until then, the pooled model serves it."""
    X, y, segment = rows(400)
    y[segment == 3] = 1
    frame, by = as_array(X, segment)
    model = SegmentedRetrainer(DriftAwareRetrainer(LogisticRegression()), by=by).fit(frame, y)
    assert model.status()[3][:3] == ((segment == 3).sum(), 0.0, 0)
    assert not [e for e in model.events_ if e.action == "failed"]
    new = np.insert(X[:40], 1, 3, axis=1)
    assert model.partial_fit(new, np.arange(40) % 2).status()[3].version == 1


def test_the_pooled_retrainer_may_fail_while_the_others_learn():
    base = DriftAwareRetrainer(
        Fragile(), detector=None, policy="full_refit", update="full_refit", on_error="raise"
    )
    model = SegmentedRetrainer(base, by=1)
    for X, y, _ in stream(2):
        model.partial_fit(X, y)
    X, y, _ = spoiled()
    with pytest.raises(RuntimeError, match="no space left") as caught:
        model.partial_fit(X, y)
    assert "and 1 more" in caught.value.__notes__[-1]
    assert {e.segment for e in model.events_ if e.action == "failed"} == {None, 2}
    assert model.n_batches_ == 3


def test_a_first_batch_that_nothing_can_begin_with_leaves_nothing_behind():
    model = SegmentedRetrainer(tree(), by=1)
    with pytest.raises(ValueError):
        model.partial_fit(np.full((4, 3), np.nan), [0, 1, 0, 1])
    assert not hasattr(model, "segments_")
    base = DriftAwareRetrainer(Fragile(), detector=None, policy="full_refit")
    model = SegmentedRetrainer(base, by=1)
    X, y, _ = spoiled()
    with pytest.raises(RuntimeError):
        model.partial_fit(X, y)
    assert not hasattr(model, "segments_")


@pytest.mark.parametrize("fallback", ["pooled", None])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda X, y: (X[:, :3], y), "features"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X, np.where(y == 1, np.nan, 0.0)), "NaN"),
        (lambda X, y: (X, None), "requires y"),
        (lambda X, y: (np.where(X[0, 1] == X, np.nan, X), y), "it is missing in some rows"),
        (lambda X, y: (X.tolist()[0], y), "X is no table"),
    ],
)
def test_bad_input_is_refused_before_anything_has_changed(spoil, words, fallback):
    model = grown(n_batches=3, fallback=fallback)
    before = pickle.dumps([model.retrainer_of(key) for key in model.segments_])
    status, told_before = model.status(), told(model.events_)
    X, y, segment = rows(60, seed=77)
    with pytest.raises(ValueError, match=words):
        model.partial_fit(*spoil(as_array(X, segment)[0], y))
    assert pickle.dumps([model.retrainer_of(key) for key in model.segments_]) == before
    assert model.status() == status
    assert told(model.events_) == told_before


def test_missing_segments_say_the_way_out_and_so_do_things_that_name_none():
    X, y, segment = rows(40)
    frame, by = as_pandas(X, segment)
    model = SegmentedRetrainer(tree(), by=by)
    for gap in (None, np.nan, pd.NA):
        broken = frame.astype({by: object})
        broken.loc[3, by] = gap
        with pytest.raises(ValueError, match="missing in some rows; leave these out, or give"):
            model.fit(broken, y)
    for value, words in [
        ([1], "lists or the like"),
        (pd.Timestamp("2026-01-01"), "turn them to text"),
        (0.5, r"1 of type float, such as 0.5.*put that step into the retrainer"),
        (np.inf, "1 of type float, such as inf"),
    ]:
        broken = frame.astype({by: object})
        broken.at[3, by] = value
        with pytest.raises(ValueError, match=words):
            model.fit(broken, y)
    with pytest.raises(ValueError, match="turn them to text"):
        model.fit(frame.assign(shop=pd.Timestamp("2026-01-01")), y)
    twice = pd.concat([frame, frame[[by]]], axis=1)
    with pytest.raises(ValueError, match="it is there twice"):
        model.fit(twice, y)


@pytest.mark.parametrize(
    ("by", "words"),
    [("region", "X has 'a', 'shop'"), (4, "a column of X"), (-1, "name or the number"), (None, "")],
)
def test_a_column_that_is_not_there_is_refused(by, words):
    X, y, segment = rows(40)
    for container in (as_pandas, as_array):
        frame, _ = container(X, segment)
        words = words.replace("'a', 'shop'", "4, without names") if container is as_array else words
        with pytest.raises(ValueError, match=rf"by={by!r}.*{words}"):
            SegmentedRetrainer(tree(), by=by).fit(frame, y)


def test_the_number_of_a_column_of_a_frame_does_as_well_as_its_name():
    X, y, segment = rows(80)
    frame, _ = as_pandas(X, segment)
    assert SegmentedRetrainer(tree(), by=1).fit(frame, y).segments_[0] in NAMES


def test_what_is_asked_too_early_is_told_so():
    model = SegmentedRetrainer(tree(), by=1)
    X, y, segment = rows(60)
    frame, _ = as_array(X, segment)
    with pytest.raises(NotFittedError):
        model.predict(frame)
    with pytest.raises(NotFittedError, match="Call fit or partial_fit before"):
        model.status()
    for name in ("segments_", "pooled_", "events_", "classes_", "n_samples_seen_"):
        assert not hasattr(model, name)
    assert model.partial_fit(frame[:0], y[:0]) is model
    assert not hasattr(model, "segments_")
    model.fit(frame, y)
    with pytest.raises(ValueError, match="X has 0 rows"):
        model.predict(frame[:0])
    regression = SegmentedRetrainer(DriftAwareRetrainer(Ridge()), by=1).fit(frame, y)
    assert not hasattr(regression, "classes_")


# -- as scikit-learn wants it ----------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_segment_in_wait_takes_little_beside_its_rows():
    """A month of days, of which it remembers the last 500 rows of 8 features."""
    fleet = SegmentedRetrainer(linear(buffer=SlidingWindow(max_rows=500)), by=0)
    for day in range(30):
        X, y, segment = rows(40, seed=day, n_features=8)
        fleet.partial_fit(np.column_stack([segment % 2, X]), y)
    for key in fleet.segments_:
        waiting = fleet.retrainer_of(key)
        n_bytes = len(waiting.buffer_) * 9 * 8
        assert len(pickle.dumps(waiting, pickle.HIGHEST_PROTOCOL)) - n_bytes < 20 * 1024


@pytest.mark.no_cover
def test_a_segment_keeps_its_newest_events_and_the_fleet_those_of_all():
    """Else events would take more room than the rows of a segment after some years."""
    base = DriftAwareRetrainer(GaussianNB(), detector=Periodic(every=10), policy=FullRefit())
    fleet = SegmentedRetrainer(base, by=0)
    for day in range(30):
        X, y, segment = rows(40, seed=day)
        fleet.partial_fit(np.column_stack([segment % 2, X]), y)
    for key in fleet.segments_:
        own = fleet.retrainer_of(key).events_
        told = [event for event in fleet.events_ if event.segment == key]
        assert len(own) == 10 < len(told)
        assert [event.row for event in own] == [event.row for event in told[-10:]]
        assert own.counts["retrained"] > 20
    X, y, segment = rows(900, seed=0)
    fleet.set_params(retrainer__batch_size=20).fit(np.column_stack([segment % 2, X]), y)
    for key in fleet.segments_:
        alone = clone(fleet.retrainer).fit(X[segment % 2 == key], y[segment % 2 == key])
        told = [event.row for event in fleet.events_ if event.segment == key]
        assert told == [event.row for event in alone.events_][1:]  # the first fit is no news
        assert len(told) > 10 == len(fleet.retrainer_of(key).events_)


@pytest.mark.no_cover
def test_it_clones_pickles_copies_and_never_touches_its_parameters():
    model = grown(linear(), max_loaded=2)
    before = joblib.hash(model.get_params())
    X, y, segment = rows(100, seed=5)
    frame, _ = as_array(X, segment)
    blank = clone(model)
    assert not hasattr(blank, "segments_")
    others = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    model.partial_fit(frame, y)
    for other in others:
        other.partial_fit(frame, y)
        assert_same_outputs(model, other, frame)
    assert joblib.hash(model.get_params()) == before == joblib.hash(blank.get_params())
    assert model.set_params(retrainer__policy="full_refit").retrainer.policy == "full_refit"


def test_a_failed_fit_leaves_what_was_learned():
    model = grown()
    X, y, segment = rows(60)
    frame, _ = as_array(X, segment)
    before = model.predict_proba(frame)
    with pytest.raises(ValueError):
        model.fit(frame[:, :2], y[:5])
    np.testing.assert_array_equal(model.predict_proba(frame), before)


@pytest.mark.no_cover
def test_frames_of_pandas_reach_a_base_that_goes_by_names():
    X, y, segment = rows(300)
    frame, by = as_pandas(X, segment)
    base = make_pipeline(make_column_transformer((StandardScaler(), ["a", "b"])), GaussianNB())
    model = SegmentedRetrainer(DriftAwareRetrainer(base), by=by).fit(frame, y)
    assert model.partial_fit(frame, y).score(frame, y) > 0.7
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"a": "z"}))


def test_hooks_hear_of_segments_also_after_another_fit():
    model = grown(n_batches=2)
    X, y, _ = rows(30)
    heard = []
    on_event(model, {"opened": lambda event: heard.append(event.segment)})
    model.partial_fit(np.insert(X, 1, 8, axis=1), y)
    frame, _ = as_array(*rows(300)[::2])
    model.fit(frame, rows(300)[1])
    model.partial_fit(np.insert(X, 1, 9, axis=1), y)
    assert heard == [8, 9]


def test_the_log_and_the_table_are_frames():
    model = grown()
    model.retire(0)
    log = model.events_.to_frame()
    assert list(log.columns[:3]) == ["segment", "batch", "action"]
    assert log.iloc[-1][["segment", "batch", "action"]].tolist() == [0, 6, "retired"]
    table = model.status().to_frame()
    assert table["segment"].tolist() == model.segments_
    assert (table["n_rows"].sum(), model.n_samples_seen_) == (
        sum(status.n_rows for status in model.status().values()),
        1200,
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"retrainer": GaussianNB()}, "a DriftAwareRetrainer or a ReplayPartialFit"),
        ({"min_rows": 0}, "min_rows must be an integer of at least 1"),
        ({"fallback": "mean"}, "fallback must be one of 'pooled', None"),
        ({"growth_budget": 1.5}, "growth_budget must be an integer of at least 0, a share"),
        ({"growth_budget": True}, "growth_budget must be"),
        ({"alpha": 0}, "alpha must be a number above 0 and below 1"),
        ({"max_loaded": 0}, "max_loaded must be an integer of at least 1"),
        ({"path": 3}, "path must be the path of a file, or None"),
    ],
)
def test_junk_is_refused_by_name(params, words):
    X, y, segment = rows(40)
    with pytest.raises(ValueError, match=words):
        SegmentedRetrainer(**{"retrainer": tree(), "by": 1} | params).fit(
            as_array(X, segment)[0], y
        )


def test_metadata_is_routed_as_the_retrainers_route_it():
    model = SegmentedRetrainer(tree(), by=1)
    with config_context(enable_metadata_routing=True):
        base = SGDClassifier().set_fit_request(sample_weight=True)
        asks = SegmentedRetrainer(DriftAwareRetrainer(base), by=1)
        assert not get_routing_for_object(model).consumes("fit", ["sample_weight"])
        assert get_routing_for_object(asks).consumes("fit", ["sample_weight"]) == {"sample_weight"}


def test_what_is_no_estimator_has_the_tags_of_none():
    assert SegmentedRetrainer("junk", by=1).__sklearn_tags__().estimator_type is None
    assert SegmentedRetrainer(tree(), by=1).__sklearn_tags__().estimator_type == "classifier"


def test_rows_that_count_for_nothing_decide_nothing():
    model = grown()
    before = model.status()[2].weight
    X, y, _ = rows(30, seed=4)
    frame = np.insert(X, 1, 2, axis=1)
    model.partial_fit(frame, 1 - y, sample_weight=np.zeros(30))
    assert model.status()[2].weight == before
    assert model.status()[2].n_rows > 0


def test_segments_that_remember_nothing_merge_into_one_that_begins_with_its_first_rows():
    model = SegmentedRetrainer(DriftAwareRetrainer(Fragile(), detector=None), by=1, fallback=None)
    X, y, segment = spoiled()
    X[np.flatnonzero(segment == 4)[0], 0] = 99
    with pytest.warns(RetrainFailedWarning):
        model.partial_fit(X, y)
    model.merge([2, 4], into="new")
    assert model.segments_ == [key for key in dict.fromkeys(segment.tolist()) if key not in (2, 4)]
    X, y, _ = rows(30)
    frame = np.insert(X, 1, 4, axis=1)
    assert model.partial_fit(frame, y).status()["new"].n_rows == 30


# -- state on disk ---------------------------------------------------------------------------------


def assert_same_fleet(one, other, X):
    assert one.segments_ == other.segments_
    assert told(one.events_) == told(other.events_)
    strip = {"is_loaded"}
    for mine, theirs in zip(one.status().values(), other.status().values(), strict=True):
        assert {k: v for k, v in mine._asdict().items() if k not in strip} == {
            k: v for k, v in theirs._asdict().items() if k not in strip
        }
    for key in one.segments_:
        assert_same_outputs(one.retrainer_of(key), other.retrainer_of(key), _dropped(X, 1))
    assert_same_outputs(one, other, X)


@pytest.mark.parametrize("max_loaded", [None, 2])
@pytest.mark.no_cover
def test_where_the_state_is_changes_nothing(tmp_path, max_loaded):
    """In memory, in a file, loaded one at a time, by a new process every day: the same."""
    options = {"by": 1, "max_loaded": max_loaded}
    path = tmp_path / "fleet.db"
    plain = SegmentedRetrainer(tree(), by=1)
    room = SegmentedRetrainer(tree(), **options)
    for X, y, _ in stream(3):
        plain.partial_fit(X, y)
        room.partial_fit(X, y)
        daily = SegmentedRetrainer(tree(), path=path, **options)
        daily.partial_fit(X, y)
        daily.predict(X)
    for model in (plain, room, daily):
        model.merge([0, 1], into=2).retire(4)
    assert_same_fleet(plain, room, X)
    assert_same_fleet(plain, SegmentedRetrainer(tree(), path=str(path), **options), X)
    loaded = sum(status.is_loaded for status in daily.status().values())
    assert loaded <= (max_loaded or SEGMENTS)
    again = pickle.loads(pickle.dumps(daily))
    assert_same_fleet(plain, again, X)
    assert again.n_features_in_ == 4


@pytest.mark.parametrize("name", ["junk.db", "no/folder.db", "."])
def test_a_file_that_cannot_be_used_is_refused_and_stays_as_it_is(tmp_path, name):
    (tmp_path / "junk.db").write_text("no database" * 100)
    X, y, segment = rows(60)
    model = SegmentedRetrainer(tree(), by=1, path=str(tmp_path / name))
    with pytest.raises((OSError, ValueError), match=r"Go back to a copy|The folder must be there"):
        model.fit(as_array(X, segment)[0], y)
    assert (tmp_path / "junk.db").read_text() == "no database" * 100


@pytest.mark.parametrize("max_loaded", [None, 1])
def test_what_another_object_has_learned_is_read_before_anything_else(max_loaded, tmp_path):
    """A service that predicts beside a job that learns has no state of its own."""
    path, X = str(tmp_path / "fleet.db"), rows(60)[0]
    batches = [
        (as_array(X, segment)[0], y) for X, y, segment in (rows(60, seed=n) for n in range(4))
    ]
    options = {"by": 1, "path": path, "min_rows": 1, "max_loaded": max_loaded}
    job, service = (SegmentedRetrainer(tree(), **options) for _ in range(2))
    alone = SegmentedRetrainer(tree(), by=1, min_rows=1)
    heard = []
    on_event(service.fit(*batches[0]), heard.append)
    alone.fit(*batches[0])
    for X, y in batches[1:]:
        job.partial_fit(X, y)
        alone.partial_fit(X, y)
        np.testing.assert_array_equal(service.predict_proba(X), alone.predict_proba(X))
        assert service.status() == {
            key: one._replace(is_loaded=service.status()[key].is_loaded)
            for key, one in alone.status().items()
        }
    service.retire(2)
    assert 2 not in job.segments_
    assert job.partial_fit(*batches[0]).n_batches_ == service.n_batches_ == 5
    job.fit(*batches[0])
    assert service.n_batches_ == 1
    assert [event.action for event in heard] == ["retired"]


def test_who_looked_before_the_first_fit_of_another_finds_it(tmp_path):
    """A service polls a file that has tables and no segments yet: it was killed, or is not done."""
    X, y, segment = rows(60)
    batch, path = as_array(X, segment)[0], str(tmp_path / "fleet.db")
    params = {"by": 1, "path": path, "min_rows": 1}
    with closing(FileStore(path)) as store:
        store.put("a", [b"one"])  # never committed
    service = SegmentedRetrainer(tree(), **params)
    for _ in range(2):
        with pytest.raises(NotFittedError):
            service.predict(batch)
    other = SegmentedRetrainer(tree(), **params).fit(batch, y)
    np.testing.assert_allclose(service.predict_proba(batch), other.predict_proba(batch), rtol=1e-12)
    assert service.partial_fit(batch, y).n_batches_ == other.n_batches_ == 2


@pytest.mark.parametrize("look", [True, False])
def test_what_another_object_wrote_does_not_make_forget_where_the_file_is(
    look, tmp_path, monkeypatch
):
    """In another folder later, or gone, or given up: nothing begins anew in silence."""
    X, y, segment = rows(60)
    batch, folder = as_array(X, segment)[0], tmp_path / "other"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    model = SegmentedRetrainer(tree(), by=1, path="fleet.db").fit(batch, y)
    path = str(tmp_path / "fleet.db")
    other = SegmentedRetrainer(tree(), by=1, path=path).partial_fit(batch, y)
    monkeypatch.chdir(folder)
    assert not look or model.n_batches_ == 2
    with pytest.raises(ValueError, match="path must be 'fleet.db' until the next fit"):
        model.set_params(path=None).partial_fit(batch, y)
    assert model.set_params(path="fleet.db").partial_fit(batch, y).n_batches_ == 3
    other.partial_fit(batch, y)
    model._present()
    os.remove(path)
    fresh = SegmentedRetrainer(tree(), by=1, path="fleet.db")
    assert not hasattr(fresh, "n_batches_")
    with pytest.raises(OSError, match=r"fleet\.db"):
        model.partial_fit(batch, y)
    with pytest.raises(OSError, match="is gone since it was read or written here"):
        model.partial_fit(batch, y)
    assert list(folder.iterdir()) == []


def test_a_forked_process_reads_what_its_parent_writes_and_waits_for_no_thread_of_it(tmp_path):
    """A service that is loaded before it forks its workers."""
    X, y, segment = rows(60)
    batch, params = as_array(X, segment)[0], {"by": 1, "path": str(tmp_path / "fleet.db")}
    model = SegmentedRetrainer(tree(), **params).fit(batch, y)
    store = model._fleet.shard.shelf.store
    holds, ends = Event(), Event()

    def hold():
        with store._lock:
            holds.set()
            ends.wait()

    holder = Thread(target=hold)
    holder.start()
    holds.wait()
    other = SegmentedRetrainer(tree(), **params).partial_fit(batch, y)
    child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(0 if [model.n_batches_, model.partial_fit(batch, y).n_batches_] == [2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0
    ends.set()
    holder.join()
    assert model.n_batches_ == other.n_batches_ == 3


def test_a_file_that_takes_the_place_of_another_is_read(tmp_path):
    """A copy that somebody goes back to."""
    X, y, segment = rows(60)
    batch, path = as_array(X, segment)[0], tmp_path / "fleet.db"
    model = SegmentedRetrainer(tree(), by=1, path=str(path)).fit(batch, y)
    shutil.copy(path, tmp_path / "copy.db")
    assert model.partial_fit(batch, y).n_batches_ == 2
    os.replace(tmp_path / "copy.db", path)
    assert model.n_batches_ == 1
    assert model.partial_fit(batch, y).n_batches_ == 2
    path.unlink()
    for call in (model.predict, lambda X: model.n_batches_, lambda X: model.partial_fit(X, y)):
        with pytest.raises(OSError, match="is gone since it was read or written here"):
            call(batch)


@pytest.mark.parametrize("hears", [True, False])
def test_of_a_pass_that_left_no_trace_no_hook_hears(hears, tmp_path, monkeypatch):
    """And of what it leads to when it is repeated, once."""
    X, y, segment = rows(60)
    batch, params = as_array(X, segment)[0], {"by": 1, "path": str(tmp_path / "fleet.db")}
    model = SegmentedRetrainer(tree(), **params).fit(batch[segment > 1], y[segment > 1])
    heard = []
    if hears:
        on_event(model, {"opened": heard.append})
    other, commit = SegmentedRetrainer(tree(), **params), Shelf.commit

    def beaten(self, header):
        monkeypatch.setattr(Shelf, "commit", commit)
        other.retire(2)
        commit(self, header)

    monkeypatch.setattr(Shelf, "commit", beaten)
    with pytest.raises(ValueError, match="changed by another process or object meanwhile"):
        model.partial_fit(batch, y)
    assert heard == []
    model.partial_fit(batch, y)
    assert sorted(event.segment for event in heard) == ([0, 1, 2] if hears else [])


def test_of_many_threads_that_find_a_change_one_reads_and_hooks_go_on(tmp_path, monkeypatch):
    X, y, segment = rows(60)
    batch, params = as_array(X, segment)[0], {"by": 1, "path": str(tmp_path / "fleet.db")}
    model = SegmentedRetrainer(tree(), **params).fit(batch, y)
    heard, waiting, changed = [], Semaphore(0), _base._has_changed
    on_event(model, {"retired": heard.append})
    SegmentedRetrainer(tree(), **params).partial_fit(batch, y)

    def told_of(model):
        found = changed(model)
        waiting.release()
        return found

    monkeypatch.setattr(_base, "_has_changed", told_of)
    threads = [Thread(target=lambda: model.predict(batch)) for _ in range(3)]
    with _base._one_reads():
        for thread in threads:
            thread.start()
            assert waiting.acquire(timeout=60)
    for thread in threads:
        thread.join()
    assert model.retire(2).n_batches_ == 2
    assert [event.segment for event in heard] == [2]


def test_who_reads_a_fleet_does_not_put_it_in_the_place_of_a_later_one(tmp_path, monkeypatch):
    """A thread that predicts has read the file, and another one writes before it is done."""
    X, y, segment = rows(60)
    batch, params = as_array(X, segment)[0], {"by": 1, "path": str(tmp_path / "fleet.db")}
    model = SegmentedRetrainer(tree(), **params).fit(batch, y)
    learn, unpacked, has_read, goes_on = Fleet.learn, _base.unpacked, Event(), Event()

    def slowly(parts):
        has_read.set()
        goes_on.wait(10)
        return unpacked(parts)

    def beside_a_reader(self, batch):
        monkeypatch.setattr(Fleet, "learn", learn)
        del model._fleet  # as a thread does that finds it changed
        monkeypatch.setattr(_base, "unpacked", slowly)
        reader.start()
        has_read.wait(10)
        monkeypatch.setattr(_base, "unpacked", unpacked)
        Timer(0.2, goes_on.set).start()
        return learn(self, batch)

    reader = Thread(target=lambda: model.predict(batch))
    monkeypatch.setattr(Fleet, "learn", beside_a_reader)
    model.partial_fit(batch, y)
    reader.join()
    assert (model.n_batches_, model.n_samples_seen_) == (2, 120)
    assert model.partial_fit(batch, y).n_batches_ == 3


@pytest.mark.parametrize("max_loaded", [None, 1])
def test_what_another_object_writes_in_the_middle_of_a_pass_stays(
    max_loaded, tmp_path, monkeypatch
):
    """The pass is refused, changes nothing, and is repeated on top of the other."""
    X, y, segment = rows(60)
    batch, path = as_array(X, segment)[0], str(tmp_path / "fleet.db")
    params = {"by": 1, "path": path, "min_rows": 1, "max_loaded": max_loaded}
    model = SegmentedRetrainer(tree(), **params).fit(batch, y)
    other, learn = SegmentedRetrainer(tree(), **params), Fleet.learn

    def beaten(self, batch):
        monkeypatch.setattr(Fleet, "learn", learn)
        other.retire(2)
        return learn(self, batch)

    monkeypatch.setattr(Fleet, "learn", beaten)
    with pytest.raises(ValueError, match="changed by another process or object meanwhile, so that"):
        model.partial_fit(batch, y)
    assert (model.n_batches_, 2 in model.segments_) == (1, False)
    assert model.partial_fit(batch, y).n_batches_ == other.n_batches_ == 2


def test_who_predicts_while_another_object_learns_gets_an_answer_of_after(tmp_path, monkeypatch):
    X, y, segment = rows(60)
    batch, params = as_array(X, segment)[0], {"by": 1, "path": str(tmp_path / "fleet.db")}
    model = SegmentedRetrainer(tree(), max_loaded=1, min_rows=1, **params).fit(batch, y)
    other, answered = SegmentedRetrainer(tree(), **params), Shard.answered

    def late(self, *args):
        monkeypatch.setattr(Shard, "answered", answered)
        other.partial_fit(batch, 1 - y)
        return answered(self, *args)

    monkeypatch.setattr(Shard, "answered", late)
    np.testing.assert_allclose(model.predict_proba(batch), other.predict_proba(batch), rtol=1e-12)


class Killed(BaseException):
    """Ends a call as nothing else would."""


@pytest.mark.parametrize(
    ("call", "max_loaded", "after"),
    [
        ("partial_fit", None, 0),
        ("partial_fit", None, 4),
        ("partial_fit", 2, 3),
        ("fit", 2, 4),
        ("merge", 2, 3),
        ("retire", None, 0),
    ],
)
def test_a_call_that_is_cut_off_leaves_the_state_before_and_repeats_exactly(
    tmp_path, monkeypatch, call, max_loaded, after
):
    path = tmp_path / "fleet.db"
    plain = SegmentedRetrainer(tree(), by=1)
    kept = SegmentedRetrainer(tree(), by=1, path=path, max_loaded=max_loaded)
    for X, y, _ in stream(2):
        plain.partial_fit(X, y)
        kept.partial_fit(X, y)
    X, y, segment = rows(200, seed=30)
    frame, _ = as_array(X, segment)
    act = {
        "partial_fit": lambda model: model.partial_fit(frame, y),
        "fit": lambda model: model.fit(frame, y),
        "merge": lambda model: model.merge([0, 1, 3], into="x"),
        "retire": lambda model: model.retire(0),
    }[call]
    calls, write, delete = iter(range(100)), Shelf._write, Shelf.delete

    def dying(self, key, do):
        if next(calls) == after:
            raise Killed
        return do(self, key)

    monkeypatch.setattr(Shelf, "_write", lambda self, key: dying(self, key, write))
    monkeypatch.setattr(Shelf, "delete", lambda self, key: dying(self, key, delete))
    with pytest.raises(Killed):
        act(kept)
    monkeypatch.undo()
    assert_same_fleet(plain, SegmentedRetrainer(tree(), by=1, path=path), frame)
    assert_same_fleet(plain, kept, frame)
    act(kept)
    act(plain)
    assert_same_fleet(plain, kept, frame)


@pytest.mark.no_cover
def test_a_process_that_is_killed_in_the_middle_of_a_pass_leaves_the_state_before(tmp_path):
    """By the operating system, with no chance to tidy up."""
    path = tmp_path / "fleet.db"
    plain = SegmentedRetrainer(tree(), by=1)
    kept = SegmentedRetrainer(tree(), by=1, path=str(path))
    for X, y, _ in stream(2):
        plain.partial_fit(X, y)
        kept.partial_fit(X, y)
    del kept
    X, y, segment = rows(200, seed=30)
    np.savez(tmp_path / "day.npz", X=as_array(X, segment)[0], y=y)
    script = f"""
import os, signal
import numpy as np
from sklearn.naive_bayes import GaussianNB
from skretrain import DriftAwareRetrainer
from skretrain.serving import SegmentedRetrainer
from skretrain.serving._segments import _shelf

write, calls = _shelf.Shelf._write, iter(range(100))
def dying(self, key):
    if next(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, key)
_shelf.Shelf._write = dying
day = np.load({str(tmp_path / "day.npz")!r})
base = DriftAwareRetrainer(GaussianNB())
model = SegmentedRetrainer(base, by=1, path={str(path)!r}, max_loaded=2)
model.partial_fit(day["X"], day["y"])
"""
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True)
    assert ended.returncode == -9, ended.stderr
    frame = as_array(X, segment)[0]
    kept = SegmentedRetrainer(tree(), by=1, path=str(path))
    assert_same_fleet(plain, kept, frame)
    assert_same_fleet(plain.partial_fit(frame, y), kept.partial_fit(frame, y), frame)


class LinesThatMoveModels(Lines):
    """When each line that moves models of segments runs first, and when it does last."""

    NAMES = ("segment", "_book", "_acted")

    def __init__(self):
        super().__init__()
        self.first, self.last = {}, {}

    def _line(self, frame, kind, argument):
        code = frame.f_code
        if kind == "line" and (
            code.co_filename.endswith("_shelf.py") or code.co_name in self.NAMES
        ):
            where = code.co_filename, frame.f_lineno
            self.first.setdefault(where, self.n_run)
            self.last[where] = self.n_run
        super()._line(frame, kind, argument)
        return self._line


@pytest.mark.parametrize("max_loaded", [None, 2])
@pytest.mark.parametrize("call", ["partial_fit", "predict", "retire"])
@pytest.mark.no_cover
@pytest.mark.thinned(4)
def test_an_interrupt_loses_no_model_of_a_segment(call, max_loaded):
    """In memory, as Ctrl-C does: wherever models of segments change places."""
    batch, y, _ = next(stream(1))
    model = SegmentedRetrainer(tree(), by=1, min_rows=5, max_loaded=max_loaded)
    model.fit(batch[:150], y[:150])
    state = pickle.dumps(model)
    new = batch[:10].copy()
    new[:, 1] = 77  # a segment that opens
    act = {
        "predict": lambda one: one.predict(batch),
        "partial_fit": lambda one: one.partial_fit(np.concatenate([new, batch[:4]]), y[:14]),
        "retire": lambda one: one.retire(0),
    }[call]
    one = pickle.loads(state)
    with LinesThatMoveModels().watched() as lines:
        act(one)
    assert lines.first
    for line in {*lines.first.values(), *lines.last.values()}:
        one, lines = pickle.loads(state), Lines(line)
        with pytest.raises(KeyboardInterrupt), lines.watched():
            act(one)
        assert len(one.predict(batch)) == len(batch), lines.where
        one.partial_fit(new, y[:10])
        assert {*one.status()} == {*one.segments_}


def test_hooks_hear_of_a_fleet_in_a_file_that_another_object_has_begun(tmp_path):
    """Before it has read the file, and after a pass that failed."""
    batch, y, _ = next(stream(1))
    params = {"by": 1, "path": str(tmp_path / "fleet.db")}
    SegmentedRetrainer(tree(), **params).fit(batch, y)
    model, heard = SegmentedRetrainer(tree(), **params), []
    on_event(model, lambda event: heard.append(event.segment))
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(batch, np.where(y == 1, np.nan, y))
    new = batch.copy()
    new[:, 1] = 77
    model.partial_fit(new, y)
    assert 77 in heard
    assert pickle.loads(pickle.dumps(model)).n_batches_ == 2


@pytest.mark.parametrize(("before", "now"), [(int, str), (str, int)])
def test_names_that_become_another_type_are_refused_and_do_not_open_all_segments_anew(before, now):
    """As columns of a CSV do from day to day; a name that is new and no number may come."""
    X, y, segment = rows(200)
    frame = as_pandas(X, segment)[0].assign(shop=segment.astype(before))
    model = SegmentedRetrainer(tree(), by="shop").fit(frame, y)
    for call in (lambda X: model.partial_fit(X, y), model.predict):
        with pytest.raises(ValueError, match=rf"segment .*; turn it to {before.__name__}"):
            call(frame.assign(shop=segment.astype(now)))
    both = segment.astype(object)
    both[0] = str(both[0])
    with pytest.raises(ValueError, match="by must be of one type"):
        SegmentedRetrainer(tree(), by="shop").fit(frame.assign(shop=both), y)
    assert len(model.segments_) == SEGMENTS
    model.merge([before(4)], into="far").partial_fit(frame.assign(shop="new"), y)
    with pytest.raises(ValueError, match="by must be of one type"):
        model.predict(frame.assign(shop=now(4)))


@pytest.mark.parametrize(
    ("before", "now", "way"),
    [
        ([True, False], ["True", "False"], r'(True|False); turn it to bool, X\[by\] == "True"'),
        (["True", "False"], [True, False], "'(True|False)'; turn it to str"),
        (["01", "02"], [1, 2], "'0(1|2)'; name it as it was"),
        ([1, 2], ["01", "02"], "(1|2); name it as it was"),
        (["1.0", "2.0"], [1, 2], "'(1|2).0'; name it as it was"),
        ([1, 2], ["1.0", "2.0"], "(1|2); name it as it was"),
    ],
)
def test_a_number_or_a_bool_is_known_again_however_a_file_writes_it(before, now, way):
    """Both ways round, whoever came first."""
    X, y, _ = rows(60)
    frame = pd.DataFrame(X, columns=list("abc")).assign(shop=before * 30)
    model = SegmentedRetrainer(tree(), by="shop").fit(frame, y)
    with pytest.raises(ValueError, match=rf"it has .* where there is a segment {way}"):
        model.predict(frame.assign(shop=now * 30))


def test_a_text_that_was_merged_into_its_number_stops_nobody():
    """Both are known then, and others come."""
    X, y, _ = rows(60)
    frame = pd.DataFrame(X, columns=list("abc")).assign(shop=["1", "2"] * 30)
    model = SegmentedRetrainer(tree(), by="shop").fit(frame, y).merge(["1"], into=1)
    model.partial_fit(frame.assign(shop=["1", "3"] * 30), y)
    assert model.segments_ == ["2", 1, "3"]


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 2**53), (np.float32, 2**24)])
def test_numbers_that_an_array_cannot_tell_apart_are_refused(dtype, bound):
    """Two customers would be one, and nobody would know."""
    X, y, _ = rows(60)
    batch = np.column_stack([np.resize([bound - 1, bound - 2], 60), X]).astype(dtype)
    model = SegmentedRetrainer(tree(), by=0).fit(batch, y)
    assert model.segments_ == [bound - 1, bound - 2]
    batch[7, 0] = bound + 1
    with pytest.raises(ValueError, match=rf"rounds those from {bound:,} on \(such as {bound}.0\)"):
        model.partial_fit(batch, y)
    batch[8, 0] = np.inf
    batch[7, 0] = 1
    with pytest.raises(ValueError, match="a column of text or whole numbers"):
        model.partial_fit(batch, y)


@pytest.mark.parametrize("path", [None, "fleet.db"])
@pytest.mark.no_cover
def test_bools_and_their_numbers_are_the_same_segments_wherever_they_are_kept(tmp_path, path):
    X, y, segment = rows(200)
    path = path and str(tmp_path / path)
    frame = as_pandas(X, segment)[0].assign(shop=segment > 2)
    model = SegmentedRetrainer(tree(), by="shop", path=path, max_loaded=1).fit(frame, y)
    expected = model.predict(frame)
    numbers = frame.assign(shop=(segment > 2).astype(int))
    np.testing.assert_array_equal(model.predict(numbers), expected)
    model.partial_fit(numbers, y)
    assert sum(status.n_rows for status in model.status().values()) == 400
