"""A fleet on a dask cluster of processes: the same bits as in one, and a worker that is killed."""

import os
import signal

import numpy as np
import pytest
from helpers import assert_same_outputs
from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer
from skretrain.serving import DistributedSegments, SegmentedRetrainer

pytestmark = [  # a worker is killed
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def fleet():
    base = DriftAwareRetrainer(SGDClassifier(loss="log_loss"), random_state=0)
    return SegmentedRetrainer(base, by=0, min_rows=30, growth_budget=0.3)


def days(n, start=0):
    for number in range(start, start + n):
        rng = np.random.default_rng(number)
        shop = rng.permutation(np.repeat(np.arange(10), 20))
        X = np.column_stack([shop, rng.normal(size=(200, 2))])
        yield X, ((-1 if number > 9 else 1) * X[:, 1] > 0).astype(int)


def begun(client):
    client.wait_for_workers(2)
    model = fleet()
    for X, y in days(2):
        model.partial_fit(X, y)
    return model, DistributedSegments(model, client)


def assert_same_fleets(one, other):
    X, _ = next(days(1))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    for key in one.segments_:
        assert_same_outputs(one.retrainer_of(key), other.retrainer_of(key), X[:, 1:])
    actions = [(event.segment, event.batch, event.action, event.row) for event in one.events_]
    assert actions == [(e.segment, e.batch, e.action, e.row) for e in other.events_]


def test_a_fleet_on_a_cluster_is_the_one_in_one_process(dask_client):
    away, here = begun(dask_client)[1], fleet()
    for X, y in days(2):
        here.partial_fit(X, y)
    for X, y in days(12, start=2):
        np.testing.assert_array_equal(here.predict(X), away.predict(X))
        here.observe(X), away.observe(X)
        here.partial_fit(X, y), away.partial_fit(X, y)
    assert here.events_.counts == away.events_.counts
    assert_same_fleets(here, away.collect())


def test_a_killed_worker_is_an_error_and_the_model_goes_on_from_what_was_collected(dask_client):
    model, away = begun(dask_client)
    for X, y in days(2, start=2):
        away.partial_fit(X, y)
    away.collect()
    os.kill(next(iter(dask_client.run(os.getpid).values())), signal.SIGKILL)
    X, y = next(days(1, start=4))
    with pytest.raises(RuntimeError, match="a worker was lost"):
        away.partial_fit(X, y)
    assert model.n_batches_ == 4
    dask_client.wait_for_workers(2)
    again, here = DistributedSegments(model, dask_client), fleet()
    for X, y in days(4):
        here.partial_fit(X, y)
    for X, y in days(3, start=4):
        here.partial_fit(X, y), again.partial_fit(X, y)
    assert_same_fleets(here, again.collect())
