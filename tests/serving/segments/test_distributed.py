"""A fleet at workers is what it is in one process; the workers here are objects behind pickles."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from fake_cluster import FakeClient
from helpers import assert_same_outputs
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.exceptions import RetrainFailedWarning
from skretrain.serving import DistributedSegments, SegmentedRetrainer


def days(n, *, moved_from=None, start=0, n_segments=7, n_rows=25):
    """Yield batches of a frame and targets; from a day on, most of them are turned."""
    for number in range(start, start + n):
        rng = np.random.default_rng(number)
        shop = rng.permutation(np.repeat(np.arange(n_segments + (number > 2)), n_rows))
        X = rng.normal(size=(len(shop), 2))
        moved = moved_from is not None and number >= moved_from
        sign = np.where(moved & (shop < 6), -1, 1)
        X = np.column_stack([shop, X])
        yield X, (sign * X[:, 1] > 0).astype(int)


def fleet(base=None, **params):
    base = GaussianNB() if base is None else base
    params = {"min_rows": 30} | params
    return SegmentedRetrainer(DriftAwareRetrainer(base, random_state=0), by=0, **params)


def told(model):
    costs = {"cpu_seconds", "wall_seconds", "threads"}
    return [
        {name: value for name, value in record.items() if name not in costs}
        for record in model.events_.to_records()
    ]


def assert_same_fleets(one, other, X):
    assert told(one) == told(other)
    assert list(one.segments_) == list(other.segments_)
    loaded = {"is_loaded": False}
    for key, status in one.status().items():
        assert status._replace(**loaded) == other.status()[key]._replace(**loaded)
        assert_same_outputs(one.retrainer_of(key), other.retrainer_of(key), X[:, 1:])
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize(
    "params",
    [
        {},
        pytest.param({"growth_budget": 2, "max_loaded": 2}, marks=pytest.mark.slow),
        {"growth_budget": 0.3, "fallback": None},
    ],
    ids=["all", "two grow", "a share grows"],
)
def test_a_fleet_at_workers_is_bit_for_bit_the_one_in_one_process(params):
    """Events, alarms over segments, budgets and predictions on the way included."""
    here, there = fleet(**params), fleet(**params)
    for X, y in days(2):
        here.partial_fit(X, y), there.partial_fit(X, y)
    away = DistributedSegments(there, FakeClient())
    for X, y in days(11, start=2, moved_from=8):
        if params.get("fallback", "pooled") or len(set(X[:, 0])) == len(here.segments_):
            np.testing.assert_array_equal(here.predict(X), away.predict(X))
        here.partial_fit(X, y), away.partial_fit(X, y)
    assert told(here) == told(away)
    assert away.n_batches_ == here.n_batches_
    assert away.n_samples_seen_ == here.n_samples_seen_
    assert away.segments_ == here.segments_
    assert there.n_batches_ == 2  # as it was
    assert away.collect() is there
    assert_same_fleets(here, there, X)
    assert any(event.action == "common" for event in here.events_)
    X, y = next(days(1, start=30))
    here.partial_fit(X, y), there.partial_fit(X, y)
    assert_same_fleets(here, there, X)


def test_what_is_collected_into_a_file_is_there_for_another_process(tmp_path):
    here = fleet()
    there = fleet(path=Path(tmp_path) / "fleet.db", max_loaded=3)
    for X, y in days(2):
        here.partial_fit(X, y), there.partial_fit(X, y)
    away = DistributedSegments(there, FakeClient())
    for X, y in days(4, start=2):
        here.partial_fit(X, y), away.partial_fit(X, y)
    away.collect()
    assert_same_fleets(here, fleet(path=Path(tmp_path) / "fleet.db"), X)


def begun(client, **params):
    model = fleet(**params)
    for X, y in days(4):
        model.partial_fit(X, y)
    return model, DistributedSegments(model, client)


@pytest.mark.parametrize("method", ["step", "retrainers"])
def test_a_worker_that_is_lost_is_an_error_that_names_the_way_out(method):
    client = FakeClient()
    model, away = begun(client)
    before, (X, y) = told(model), next(days(1, start=4))
    client.dies_at = method
    with pytest.raises(RuntimeError, match="as the last collect\\(\\) left it"):
        away.partial_fit(X, y) if method == "step" else away.collect()
    client.dies_at = None
    with pytest.raises(RuntimeError, match="distribute it again"):  # its state is lost
        away.partial_fit(X, y)
    assert told(model) == before
    assert model.n_batches_ == 4
    again = DistributedSegments(model, client).partial_fit(X, y)
    assert_same_fleets(deepcopy(model).partial_fit(X, y), again.collect(), X)


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.partial_fit(*next(days(1, start=4))),
        lambda model: model.retire(3),
        lambda model: model.fit(*next(days(1))),
    ],
)
def test_what_was_learned_elsewhere_meanwhile_is_not_overwritten(change, in_file, tmp_path):
    """However often it is tried; what is distributed anew is collected, again and again."""
    client, path = FakeClient(), str(tmp_path / "fleet.db") if in_file else None
    model, away = begun(client, path=path)
    away.partial_fit(*next(days(1, start=5)))
    other = change(fleet(path=path) if in_file else model)
    expected = told(other)
    for _ in range(2):
        with pytest.raises(
            ValueError, match="model has learned, or was changed, since it was dist"
        ):
            away.collect()
    assert told(model) == expected
    again, n_batches = DistributedSegments(model, client), model.n_batches_
    for number in range(2):
        assert again.partial_fit(*next(days(1, start=9))).collect() is model
        assert model.n_batches_ == n_batches + number + 1


def test_a_fit_is_not_taken_for_the_one_that_was_distributed():
    model = fleet().fit(*next(days(1)))
    away = DistributedSegments(model, FakeClient())
    model.fit(*next(days(1, start=1)))
    with pytest.raises(ValueError, match="was changed, since it was distributed"):
        away.collect()


def test_an_interrupt_in_a_pass_is_raised_and_nothing_goes_on_from_there():
    client = FakeClient()
    client.error = KeyboardInterrupt()
    _, away = begun(client)
    client.dies_at = "step"
    with pytest.raises(KeyboardInterrupt):
        away.partial_fit(*next(days(1, start=4)))
    client.dies_at = None
    with pytest.raises(RuntimeError, match="interrupted"):
        away.predict(next(days(1))[0])


def test_bad_input_raises_here_and_changes_nothing():
    _, away = begun(FakeClient())
    X, y = next(days(1, start=4))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        away.partial_fit(X, y[:-1])
    with pytest.raises(ValueError, match="NaN"):
        away.predict(np.where(X[0, 1] != X, X, np.nan))
    assert away.partial_fit(X, y).n_batches_ == 5


class Unreadable(Exception):
    """One that pickle cannot make again."""

    def __init__(self, one, other):
        super().__init__("a disk")


class Failing(GaussianNB):
    """It cannot learn rows with a large value."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if np.max(X) > 90:
            raise Unreadable(1, 2)
        return super().partial_fit(X, y, classes, sample_weight)


def test_a_segment_that_fails_at_a_worker_stops_no_other():
    """Also where its error cannot travel."""
    base = DriftAwareRetrainer(Failing(), on_error="raise")
    model = SegmentedRetrainer(base, by=0, fallback=None)
    for X, y in days(4):
        model.partial_fit(X, y)
    away, (X, y) = DistributedSegments(model, FakeClient()), next(days(1, start=4))
    X[X[:, 0] == 3, 1] = 99.0
    with pytest.raises(RuntimeError, match="Unreadable: a disk"):
        away.partial_fit(X, y)
    assert [e.segment for e in away.events_ if e.action == "failed"] == [3]
    assert away.n_batches_ == 5


class Picky(GaussianNB):
    """It cannot predict rows with a large value."""

    def predict(self, X):
        if np.max(X) > 90:
            raise ValueError("it is picky")
        return super().predict(X)


def test_rows_that_a_model_at_a_worker_cannot_read_are_what_they_are_in_one_process():
    """An error in a prediction is raised here and costs nothing; in a pass it is an event."""
    params = {"growth_budget": 2, "fallback": None}
    here, there = fleet(Picky(), **params), fleet(Picky(), **params)
    for X, y in days(3):
        here.partial_fit(X, y)
        there.partial_fit(X, y)
    away, (X, y) = DistributedSegments(there, FakeClient()), next(days(1, start=2))
    bad = X.copy()
    bad[X[:, 0] == 3, 1] = 99.0
    with pytest.raises(ValueError, match="it is picky"):
        away.predict(bad)
    for model in (here, away):
        with pytest.warns(RetrainFailedWarning, match="segment 3 failed"):
            model.partial_fit(bad, y)
    assert told(here) == told(away)
    np.testing.assert_array_equal(here.predict(X), away.predict(X))


def test_numbers_are_predicted_at_workers_as_in_one_process():
    """There are no labels to be told of."""
    here, there = fleet(Ridge()), fleet(Ridge())
    away = None
    for X, _ in days(4):
        y = X[:, 0] * X[:, 1]
        here.partial_fit(X, y)
        (there if away is None else away).partial_fit(X, y)
        away = away or DistributedSegments(there, FakeClient())
    np.testing.assert_array_equal(here.predict(X), away.predict(X))


def test_other_models_and_empty_clusters_are_refused_by_name():
    with pytest.raises(ValueError, match="model"):
        DistributedSegments(GaussianNB(), FakeClient())
    model = fleet().partial_fit(*next(days(1)))
    with pytest.raises(ValueError, match="no worker yet"):
        DistributedSegments(model, FakeClient(0))
    with pytest.raises(
        ValueError, match=r"client=None\): client must be a dask.distributed.Client"
    ):
        DistributedSegments(model, None)


def test_segments_are_retired_where_they_are():
    here, (X, y) = fleet(), next(days(1))
    here.partial_fit(X, y)
    away = DistributedSegments(fleet().partial_fit(X, y), FakeClient())
    here.retire(2), away.retire(2)
    assert away.segments_ == here.segments_
    assert not away.status()[3].is_loaded
    assert_same_outputs(here.retrainer_of(3), away.retrainer_of(3), X[:, 1:])
    assert_same_fleets(here.partial_fit(X, y), away.partial_fit(X, y).collect(), X)
