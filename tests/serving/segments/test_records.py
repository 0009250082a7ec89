"""What a fleet tells: each event once, with its segment, and all the work of its retrainers."""

import json
import logging
import pickle
from collections import Counter, deque

import numpy as np
import pytest
from fake_cluster import FakeClient
from helpers import Rings
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import FullRefit
from skretrain.serving import DistributedSegments, SegmentedRetrainer, on_event, prometheus_text
from skretrain.serving._segments._log import SegmentEvent, SegmentLog
from skretrain.serving._segments._shard import seed_of_segment
from skretrain.utils._events import ACTIONS

N_SEGMENTS = 4


class Failing(GaussianNB):
    """It cannot learn rows with a large value."""

    def fit(self, X, y, sample_weight=None):
        if np.max(X) > 90:
            raise RuntimeError("no space left")
        return super().fit(X, y, sample_weight)


def base(**params):
    params = {"policy": FullRefit(), "update": None, "random_state": 0} | params
    return DriftAwareRetrainer(Failing(), detector=Rings([70]), **params)


def fleet(**params):
    return SegmentedRetrainer(base(), by=0, min_rows=10, **params)


def day(number, *, turned=False, n_segments=N_SEGMENTS):
    rng = np.random.default_rng(number)
    shop = rng.permutation(np.repeat(np.arange(n_segments), 30))
    X = rng.normal(size=(len(shop), 2))
    return np.column_stack([shop, X]), ((X[:, 0] > 0) != turned).astype(int)


def ended(model):
    """Return what a fleet of some eventful days is; the first is over."""
    for number in range(1, 5):
        model.partial_fit(*day(number))
    for number in range(5, 9):
        model.partial_fit(*day(number, turned=True, n_segments=N_SEGMENTS + 1))
    X, y = day(9)
    X[X[:, 0] == 2, 1] = 99
    with pytest.warns(RetrainFailedWarning):
        model.partial_fit(X, y)
    return model


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, logger="skretrain.events")
    return caplog


# -- the logger ------------------------------------------------------------------------------------


def alone(key):
    """Return the retrainer of a segment as it is without a fleet, after the same days."""
    one = clone(base()).set_params(random_state=seed_of_segment(0, key))
    days = [day(0), *map(day, range(1, 5))]
    days += [day(n, turned=True, n_segments=N_SEGMENTS + 1) for n in range(5, 9)]
    for number, (X, y) in enumerate(days):
        mine = X[:, 0] == key
        if mine.any():
            (one.partial_fit if number else one.fit)(X[mine, 1:], y[mine])
    return one


@pytest.mark.no_cover
def test_each_event_of_a_segment_is_logged_once_with_its_name(logged):
    """Those that the retrainer would log alone, routine and first fits too, and no other."""
    model = fleet().fit(*day(0))
    for number in range(1, 5):
        model.partial_fit(*day(number))
    for number in range(5, 9):
        model.partial_fit(*day(number, turned=True, n_segments=N_SEGMENTS + 1))
    found = [(r.segment, r.action, r.row) for r in logged.records]
    of_the_fleet = [one for one in found if one[1] in ("opened", "drifted", "common")]
    logged.clear()
    for key in model.segments_:
        alone(key)
        theirs = [(key, r.action, r.row) for r in logged.records]
        logged.clear()
        assert [one for one in found if one[0] == key and one not in of_the_fleet] == theirs
    assert len(set(of_the_fleet)) == len(of_the_fleet) > 1
    assert (N_SEGMENTS, "opened", 0) in of_the_fleet


@pytest.mark.parametrize("fallback", ["pooled", None])
@pytest.mark.no_cover
def test_each_event_that_a_fleet_keeps_is_one_record_with_the_number_of_its_log(logged, fallback):
    """Failures, merged and retired segments, and those of the pooled retrainer included."""
    model = ended(fleet(fallback=fallback).fit(*day(0)))
    model.merge([0, 1], into="both").retire(3)
    kept = Counter((e.segment, e.batch, e.action, e.row, e.reason) for e in model.events_)
    said = Counter((r.segment, r.batch, r.action, r.row, r.reason) for r in logged.records)
    assert all(said[one] == n for one, n in kept.items())
    assert max(said.values()) == 1
    assert {"failed", "opened", "common", "merged", "retired", "retrained"} <= {
        action for _, _, action, _, _ in kept
    }
    assert (None in {segment for segment, _, action, _, _ in kept if action == "retrained"}) == (
        fallback is not None
    )
    assert {r.source for r in logged.records} == {model.events_.source}
    for record in logged.records:
        read = json.loads(record.getMessage())
        assert (read["segment"], read["batch"]) == (record.segment, record.batch)


@pytest.mark.no_cover
def test_what_is_kept_of_segments_at_workers_is_logged_once_here(logged):
    there = fleet().fit(*day(0))
    logged.clear()
    away = ended(DistributedSegments(there, FakeClient()))
    kept = Counter((e.segment, e.batch, e.action, e.row, e.reason) for e in away.events_)
    said = Counter((r.segment, r.batch, r.action, r.row, r.reason) for r in logged.records)
    routine_of_pooled = {one for one in said if one[0] is None} - set(kept)
    assert Counter({one: n for one, n in said.items() if one not in routine_of_pooled}) == kept


def test_a_hook_of_one_segment_that_lets_another_model_learn_does_not_speak_for_it(logged):
    model, other = fleet().fit(*day(0)), base()
    on_event(model.retrainer_of(1), lambda event: other.partial_fit(*day(3)))
    for number in range(1, 4):
        model.partial_fit(*day(number))
    theirs = [r for r in logged.records if r.source == other.events_.source]
    assert theirs
    assert not any(hasattr(record, "segment") for record in theirs)


# -- hooks -----------------------------------------------------------------------------------------


def test_a_hook_of_a_fleet_hears_of_each_event_that_is_kept_once():
    model, heard = fleet().fit(*day(0)), []
    before = len(model.events_)
    on_event(model, heard.append)
    ended(model)
    assert heard == list(model.events_)[before:]
    assert {event.action for event in heard} >= {"opened", "failed", "retrained", "common"}


def test_a_hook_of_segments_at_workers_hears_there_and_one_of_the_model_after_they_are_back():
    model = fleet().fit(*day(0))
    of_model, of_workers = [], []
    on_event(model, {"opened": lambda event: of_model.append(event.segment)})
    away = DistributedSegments(model, FakeClient())
    attached = on_event(away, {"opened": lambda event: of_workers.append(event.segment)})
    away.partial_fit(*day(1, n_segments=N_SEGMENTS + 1))
    assert (of_model, of_workers) == ([], [4])
    away.collect().partial_fit(*day(2, n_segments=N_SEGMENTS + 2))
    assert (of_model, of_workers) == ([5], [4])
    attached.remove()
    away.partial_fit(*day(3, n_segments=N_SEGMENTS + 3))
    assert of_workers == [4]


# -- the work --------------------------------------------------------------------------------------


def totals(model):
    logs = [model.retrainer_of(key).events_ for key in model.segments_]
    logs += [] if model.pooled_ is None else [model.pooled_.events_]
    return {name: sum(log.totals[name] for log in logs) for name in logs[0].totals}


@pytest.mark.parametrize("params", [{}, {"fallback": None}, {"max_loaded": 1}], ids=str)
@pytest.mark.no_cover
def test_totals_are_the_work_of_all_retrainers(params):
    """Also of those that are given up: what was paid is paid."""
    model = ended(fleet(**params).fit(*day(0)))
    found = totals(model)
    assert model.events_.totals == pytest.approx(found)
    assert found["fits"] > 10
    model.retire(1)
    assert model.events_.totals == pytest.approx(found)
    own = model.retrainer_of(0).events_.totals["fits"], model.retrainer_of(3).events_.totals["fits"]
    model.merge([0, 3], into="both")
    assert model.events_.totals["fits"] == found["fits"] + 1
    assert sum(own) > 2


@pytest.mark.no_cover
def test_the_work_at_workers_is_counted_as_in_one_process():
    here = ended(fleet().fit(*day(0)))
    away = ended(DistributedSegments(fleet().fit(*day(0)), FakeClient()))
    exact = ("fits", "updates", "rows_fitted", "rows_updated")
    for name in exact:
        assert here.events_.totals[name] == away.events_.totals[name]
    assert here.events_.counts == away.events_.counts


# -- room in the log -------------------------------------------------------------------------------

ROOM = 5
EVENTS = st.lists(st.sampled_from(["retrained", "failed", "drifted", "common", "opened"]))


def log_of(actions):
    """Return a log of little room in which so much has happened, and its events."""
    log = SegmentLog(ROOM)
    events = [
        SegmentEvent(action, row, 0, reason="so", batch=row) for row, action in enumerate(actions)
    ]
    for event in events:
        log.record(event)
    return log, events


@given(EVENTS)
def test_what_was_told_of_the_fleet_is_not_pushed_out_by_its_retrainers(actions):
    """Each has room of its own, and they stand in the order in which they came."""
    log, events = log_of(actions)
    of_retrainers = [event for event in events if event.action in ACTIONS][-ROOM:]
    of_fleet = [event for event in events if event.action not in ACTIONS][-ROOM:]
    expected = sorted(of_retrainers + of_fleet, key=lambda event: event.row)
    assert list(log) == expected
    assert len(log) == len(expected)
    assert log[-2:] == expected[-2:]
    assert sum(log.counts.values()) == len(actions)


@given(EVENTS, st.integers(0, 2 * ROOM))
def test_the_newest_of_either_kind_are_kept(actions, n):
    log, _ = log_of(actions)
    before = list(log)
    log.keep_newest(n)
    assert list(log) == before[max(len(before) - n, 0) :]


def test_a_log_from_before_there_were_two_rooms_is_read():
    log, _ = log_of(["drifted"] + ["retrained"] * 3)
    old = {**vars(log), "_events": deque(log, maxlen=ROOM)}
    again = SegmentLog.__new__(SegmentLog)
    again.__setstate__(old)
    assert list(again) == list(log)
    again.record(SegmentEvent("common", 9, 0, reason="so"))
    assert again[-1].action == "common"
    assert list(pickle.loads(pickle.dumps(again))) == list(again)


# -- looks from elsewhere --------------------------------------------------------------------------


class Looking(GaussianNB):
    """Somebody looks whenever it learns."""

    look = staticmethod(lambda: None)

    def fit(self, X, y, sample_weight=None):
        Looking.look()
        return super().fit(X, y, sample_weight)


def test_a_page_can_be_asked_for_in_the_middle_of_a_pass(monkeypatch):
    """As another thread may do; counters are those of whole passes, segments those there are."""
    retrainer = DriftAwareRetrainer(Looking(), policy=FullRefit(), update=None)
    model, pages = SegmentedRetrainer(retrainer, by=0, min_rows=10).fit(*day(0)), []
    monkeypatch.setattr(Looking, "look", lambda: pages.append(prometheus_text(model)))
    for number in range(1, 4):
        model.partial_fit(*day(number, n_segments=N_SEGMENTS + number))
    assert len(pages) > 5
    for page in pages:
        assert "skretrain_segments_drifting 0\n" in page
        seen = next(line for line in page.splitlines() if line.startswith("skretrain_rows_seen"))
        assert float(seen.split()[1]) in (120, 270, 450)
