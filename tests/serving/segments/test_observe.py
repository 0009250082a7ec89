"""Rows without labels, of many segments: each sees what it would alone, and nothing is learned."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fake_cluster import FakeClient
from helpers import assert_same_outputs
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.drift import BaseTrigger, Signal
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import FullRefit
from skretrain.serving import DistributedSegments, SegmentedRetrainer, on_event
from skretrain.serving._segments._shelf import Shelf

SHOPS = np.array(["north", "south", "east", "west"])
COLUMNS = ["shop", "price", "sales"]


class MeanMoves(BaseTrigger):
    """Rings when the mean of the first feature is far from 0; fails at 1e9."""

    needs = frozenset({"X"})

    def reset(self):
        self.seen_ = []
        return self

    def update(self, batch):
        mean = float(np.mean(np.asarray(batch.X)[:, 0]))
        if mean > 1e6:
            raise RuntimeError("no such prices")
        self.seen_.append((batch.start, batch.n_rows, batch.labelled, mean))
        return Signal("drift" if abs(mean) > 2 else "stable")


def base(**params):
    params = {"policy": FullRefit(grow=False), "update": None} | params
    return DriftAwareRetrainer(GaussianNB(), detector=MeanMoves(), **params)


def as_array(frame):
    return frame.replace({"shop": dict(zip(SHOPS, range(4), strict=True))}).to_numpy(float)


def as_pandas(frame):
    return frame


def as_polars(frame):
    return pl.from_pandas(frame)


def day(number, *, moved=(), n=40, shops=SHOPS):
    """Return a frame of mixed rows, and targets; the prices of some shops have moved."""
    rng = np.random.default_rng(number)
    shop = rng.permutation(np.repeat(shops, n // len(shops) * 2))
    X = rng.normal(size=(len(shop), 2))
    y = (X[:, 1] > 0).astype(int)
    X[:, 0] += 5 * np.isin(shop, moved)
    return pd.DataFrame({"shop": shop, "price": X[:, 0], "sales": X[:, 1]}), y


def features(rows):
    return rows[:, 1:] if isinstance(rows, np.ndarray) else rows[COLUMNS[1:]]


def first_rows_first(found, X):
    return [(key, found[key]) for key in dict.fromkeys(X["shop"])]


def fleet(by="shop", **params):
    retrainer = params.pop("retrainer", base())
    return SegmentedRetrainer(retrainer, by=by, min_rows=5, **params)


def begun(**params):
    return fleet(**params).fit(*day(0)).partial_fit(*day(1))


def told(log):
    costs = {"cpu_seconds", "wall_seconds", "threads"}
    return [{k: v for k, v in record.items() if k not in costs} for record in log.to_records()]


def actions(model):
    return [(e.action, e.segment, e.batch) for e in model.events_ if e.action != "retrained"]


def state_of(model):
    """Return all that a fleet has learned, as bytes and words."""
    parts = [model.pooled_, *(model.retrainer_of(key) for key in model.segments_)]
    return pickle.dumps(parts), model.status(), told(model.events_), model.n_batches_


# -- the oracle ------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [as_array, as_pandas, as_polars])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_each_retrainer_is_what_it_would_be_if_it_observed_its_rows_alone(container):
    """Bit for bit, what its trigger was shown and its future included; the pooled one sees all."""
    model = fleet(0 if container is as_array else "shop")
    alone, pooled = {key: clone(base()) for key in SHOPS}, clone(base())

    def call(method, X, *y):
        getattr(model, method)(container(X), *y)
        of_each = [(one, (X["shop"] == key).to_numpy()) for key, one in alone.items()]
        for one, mine in [(pooled, np.full(len(X), fill_value=True)), *of_each]:
            getattr(one, method)(features(container(X[mine])), *(values[mine] for values in y))

    call("fit", *day(0))
    for number in range(1, 6):
        X, y = day(number, moved=["south"] if number > 2 else ())
        call("observe", X)
        call("partial_fit", X, y)
    for name, (key, one) in zip(model.segments_, first_rows_first(alone, day(0)[0]), strict=True):
        mine = model.retrainer_of(name)
        assert told(one.events_) == told(mine.events_)
        assert one.detector_.seen_ == mine.detector_.seen_
        assert_same_outputs(one, mine, features(container(X)))
        assert (one.n_refits_ > 0) == (key == "south")
    assert pooled.detector_.seen_ == model.pooled_.detector_.seen_
    assert_same_outputs(pooled, model.pooled_, features(container(X)))


def test_an_alarm_is_an_event_of_its_segment_and_the_retrain_comes_with_its_labels():
    model, heard = begun(), []
    on_event(model, {"labels_wanted": lambda event: heard.append(event.segment)})
    before = model.status()["east"]
    X, y = day(2, moved=["east"])
    assert model.observe(X) is model
    assert actions(model) == [("labels_wanted", "east", 2)]
    assert heard == ["east"]
    status = model.status()["east"]
    assert status == before._replace(n_alarms=1)
    assert (model.n_batches_, model.n_samples_seen_) == (2, 160)
    model.partial_fit(*day(3, shops=["north"])).observe(X)
    batches = {key: status[-3:-1] for key, status in model.status().items()}
    assert batches == dict.fromkeys(SHOPS, (1, 2)) | {"north": (1, 3)}
    model.partial_fit(X, y)
    assert [key for key, status in model.status().items() if status.n_refits] == ["east"]


@pytest.mark.parametrize("fallback", ["pooled", None])
def test_what_has_no_model_to_watch_is_neither_opened_nor_an_error(fallback):
    """The pooled retrainer, if there is one, sees those rows with all others."""
    model = fleet(fallback=fallback).fit(*day(0))
    one_class = day(1, shops=["young"])[0]
    model.partial_fit(one_class, np.zeros(len(one_class), dtype=int))
    young, books = model.retrainer_of("young"), list(model.segments_)
    X, _ = day(2, shops=[*SHOPS, "young", "new"], moved=["young", "new"], n=60)
    model.observe(X)
    assert model.segments_ == books
    assert "new" not in books
    assert (young.n_alarms_, model.status()["young"].version) == (0, 0)
    assert actions(model)[-1][0] == "opened"
    if fallback is not None:
        assert model.pooled_.detector_.seen_[-1][1] == len(X)
    model.observe(X[X["shop"] == "new"])
    assert model.retrainer_of("north").detector_.seen_[-1][1] == (X["shop"] == "north").sum()


def test_only_those_that_observe_are_loaded():
    model = begun(max_loaded=2)
    X, _ = day(3)
    model.observe(X[X["shop"].isin(["north", "south"])])
    assert [key for key, s in model.status().items() if s.is_loaded] == ["north", "south"]


# -- failures --------------------------------------------------------------------------------------


def test_bad_input_is_refused_before_any_trigger_has_seen_a_row():
    with pytest.raises(NotFittedError):
        fleet().observe(day(0)[0])
    model, (X, _) = begun(), day(2, moved=SHOPS)
    before = state_of(model)
    assert model.observe(X[:0]) is model
    for bad, words in [
        (X.drop(columns="sales"), "feature names"),
        (X.drop(columns="shop"), "a column of X"),
        (X.assign(price=X["price"].where(X.index != 7)), "NaN"),
        (X.assign(shop=X["shop"].where(X.index != 7)), "missing in some rows"),
        (X.assign(shop=0.5), "such as 0.5"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.observe(bad)
        assert state_of(model) == before


@pytest.mark.parametrize("on_error", ["warn", "raise"])
@pytest.mark.parametrize("fallback", ["pooled", None])
def test_a_trigger_that_fails_in_a_segment_keeps_no_other_from_seeing(on_error, fallback):
    model = begun(retrainer=base(on_error=on_error), fallback=fallback)
    X, _ = day(2, moved=["west"])
    X.loc[X["shop"] == "south", "price"] = 1e9
    if on_error == "raise":
        with pytest.raises(RuntimeError, match="no such prices") as caught:
            model.observe(X)
        assert "the others have seen their rows" in caught.value.__notes__[-1]
    else:
        with pytest.warns(RetrainFailedWarning, match="no such prices"):
            model.observe(X)
    failed = {segment for action, segment, _ in actions(model) if action == "failed"}
    assert failed == ({"south"} if fallback is None else {"south", None})
    assert ("labels_wanted", "west", 2) in actions(model)
    assert len([a for a in actions(model) if a[0] == "failed"]) == len(failed)


class Picky(GaussianNB):
    """It cannot predict prices above 90."""

    def predict(self, X):
        if np.max(X) > 90:
            raise ValueError("it is picky")
        return super().predict(X)


def test_a_model_that_cannot_read_the_rows_of_its_segment_is_an_event():
    retrainer = DriftAwareRetrainer(Picky(), detector=MeanMoves(), policy="full_refit")
    model = begun(retrainer=retrainer, fallback=None)
    X, _ = day(2, moved=["west"])
    X.loc[X["shop"] == "south", "price"] = 99
    with pytest.warns(RetrainFailedWarning, match="segment 'south' failed.*have seen their rows"):
        model.observe(X)
    assert sorted(actions(model)) == [("failed", "south", 2), ("labels_wanted", "west", 2)]


# -- state on disk, and elsewhere ------------------------------------------------------------------


class Killed(BaseException):
    """Ends a call as nothing else would."""


@pytest.mark.parametrize(("max_loaded", "after"), [(None, 1), (1, 2)])
def test_a_call_that_is_cut_off_leaves_the_file_as_it_was_and_repeats_exactly(
    tmp_path, monkeypatch, max_loaded, after
):
    params = {"path": tmp_path / "fleet.db", "max_loaded": max_loaded}
    plain, kept = begun(), begun(**params)
    X, y = day(2, moved=["south", "east"])
    calls, write = iter(range(100)), Shelf._write

    def dying(self, key):
        if next(calls) == after:
            raise Killed
        write(self, key)

    monkeypatch.setattr(Shelf, "_write", dying)
    with pytest.raises(Killed):
        kept.observe(X)
    monkeypatch.undo()
    assert told(fleet(**params).events_) == told(plain.events_)
    kept.observe(X)
    plain.observe(X)
    other = fleet(**params)  # another process
    for model in (kept, other):
        assert told(model.events_) == told(plain.events_)
    other.partial_fit(X, y)
    plain.partial_fit(X, y)
    for key in SHOPS:
        mine, theirs = plain.retrainer_of(key), other.retrainer_of(key)
        assert told(mine.events_) == told(theirs.events_)
        assert mine.detector_.seen_ == theirs.detector_.seen_


def test_segments_at_workers_observe_as_in_one_process():
    here, there = begun(), begun()
    away = DistributedSegments(there, FakeClient(3))
    for number in range(2, 5):
        new = [f"new {k} of {number}" for k in range(4)]
        X, y = day(number, moved=["south"], shops=[*SHOPS, *new], n=80)
        here.observe(X)
        assert away.observe(X) is away
        here.partial_fit(X, y), away.partial_fit(X, y)
    assert told(here.events_) == told(away.events_)
    assert here.segments_ == away.segments_  # in the order in which they were opened
    away.observe(X[X["shop"] == "nobody"]).observe(X.assign(shop="nobody"))
    here.observe(X.assign(shop="nobody"))
    away.collect()
    assert here.status() == there.status()
    for key in here.segments_:
        mine, theirs = here.retrainer_of(key), there.retrainer_of(key)
        assert mine.detector_.seen_ == theirs.detector_.seen_
        assert_same_outputs(mine, theirs, features(X))


@pytest.mark.parametrize("method", ["observe", "partial_fit"])
def test_a_worker_that_fails_in_the_middle_of_a_pass_is_lost_too(monkeypatch, method):
    """Some of its segments have seen their rows, and nobody knows which."""
    away, (X, y) = DistributedSegments(begun(), FakeClient()), day(2)
    rows = (X,) if method == "observe" else (X, y)

    def no_room(self, key, retrainer):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "put", no_room)
        with pytest.raises(MemoryError):
            getattr(away, method)(*rows)
    with pytest.raises(RuntimeError, match="distribute it again"):
        getattr(away, method)(*rows)


def test_a_worker_that_is_lost_while_segments_observe_is_an_error_with_the_way_out():
    client = FakeClient()
    away = DistributedSegments(begun(), client)
    client.dies_at = "observe"
    with pytest.raises(RuntimeError, match="distribute it again"):
        away.observe(day(2)[0])
    client.dies_at = None
    with pytest.raises(RuntimeError, match="distribute it again"):
        away.predict(day(2)[0])
