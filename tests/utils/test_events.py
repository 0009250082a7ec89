"""The event log: what is notable, what is only counted, and how it comes out."""

import json
import logging
import pickle
import sys

import numpy as np
import pytest

from skretrain.utils._events import ACTIONS, Event, EventLog, merged


def log_of(*events, **params):
    log = EventLog(**params)
    for event in events:
        log.record(event)
    return log


@pytest.mark.parametrize("action", ACTIONS)
def test_the_routine_is_counted_and_the_rest_kept(action):
    """Updates, kept and buffered batches leave a count; with an alarm or a reason, an event."""
    log = log_of(Event(action, 10, 10))
    assert log.counts[action] == 1
    assert sum(log.counts.values()) == 1
    assert len(log) == (action not in ("buffered", "kept", "updated"))
    assert len(log_of(Event(action, 10, 10, state="drift"))) == 1
    assert len(log_of(Event(action, 10, 10, reason="because"))) == 1
    assert len(log_of(Event(action, 10, 10, state="warning"))) == len(log)


def test_the_newest_are_kept_and_all_are_counted():
    log = log_of(*(Event("retrained", row, 1) for row in range(10)), max_events=3)
    assert [event.row for event in log] == [7, 8, 9]
    assert log.counts["retrained"] == 10


def test_of_a_long_reason_the_beginning_is_kept():
    """Errors of others may print all their rows, and the log is bounded."""
    log = EventLog()
    for n in (2000, 2001, 10**6):
        log.record(Event("failed", 1, 1, reason="x" * n))
    assert [len(event.reason) for event in log] == [2000] * 3
    assert [event.reason[-4:] for event in log] == ["xxxx", "x...", "x..."]


def test_a_comparison_that_ends_in_keeping_the_model_has_its_price():
    log = log_of(Event("kept", 10, 5, reason="keep won", cpu_seconds=0.5, wall_seconds=0.25))
    assert (log.totals["cpu_seconds"], log.totals["wall_seconds"]) == (0.5, 0.25)


def test_fits_add_up():
    fit = {"n_rows_fitted": 5, "cpu_seconds": 0.5, "wall_seconds": 0.25}
    log = log_of(
        Event("updated", 5, 5, **fit), Event("kept", 10, 5), Event("retrained", 15, 5, **fit)
    )
    assert log.totals == {
        "fits": 0,
        "updates": 0,
        "rows_fitted": 10,
        "rows_updated": 0,
        "cpu_seconds": 1.0,
        "wall_seconds": 0.5,
    }


def test_it_is_a_sequence():
    log = log_of(*(Event("retrained", row, 1) for row in range(5)))
    assert log[0].row == 0
    assert log[-1].row == 4
    assert [event.row for event in log[1:3]] == [1, 2]
    assert [event.row for event in log] == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError):
        log[5]


def test_the_repr_says_what_was_done():
    assert repr(EventLog()) == "<EventLog empty>"
    log = log_of(Event("kept", 1, 1), Event("kept", 2, 1), Event("failed", 3, 1))
    assert repr(log) == "<EventLog kept: 2, failed: 1>"


def test_to_frame_has_a_row_per_event_and_a_column_per_field():
    log = log_of(Event("retrained", 10, 5, since=7), Event("failed", 15, 5))
    frame = log.to_frame()
    assert list(frame["action"]) == ["retrained", "failed"]
    assert frame["since"][0] == 7
    assert list(frame.columns) == list(Event.__dataclass_fields__)
    assert list(EventLog().to_frame().columns) == list(frame.columns)


def test_to_frame_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"EventLog.to_frame needs pandas.*skretrain\[cli\]"):
        EventLog().to_frame()


def test_to_json_can_be_read_back():
    """Also with numbers of numpy in it."""
    log = log_of(Event("rejected", np.int64(10), 5, evidence={"p": np.float64(0.5)}))
    document = json.loads(log.to_json())
    assert document["counts"]["rejected"] == 1
    assert document["events"][0]["action"] == "rejected"
    assert document["totals"]["rows_fitted"] == 0
    assert log.to_records()[0]["evidence"] == {"p": 0.5}


def test_every_event_is_logged_for_whoever_listens(caplog):
    """What failed or was taken back is a warning, all else is information."""
    with caplog.at_level(logging.INFO, logger="skretrain.events"):
        log_of(Event("kept", 1, 1), Event("failed", 2, 1))
    assert [json.loads(record.message)["action"] for record in caplog.records] == ["kept", "failed"]
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="skretrain.events"):
        log_of(*(Event(action, 2, 1, state="drift") for action in ACTIONS))
    assert [record.action for record in caplog.records] == ["rolled_back", "failed"]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_a_record_carries_the_fields_and_the_number_of_its_log(caplog):
    """A filter or a formatter of JSON takes them from there, without reading the message."""
    with caplog.at_level(logging.INFO, logger="skretrain.events"):
        one = log_of(Event("retrained", 10, 5, reason="100 % better", evidence={"p": 0.5}))
        other = log_of(Event("kept", 1, 1))
        one.record(Event("kept", 15, 5))
    first, second, third = caplog.records
    assert (first.action, first.row, first.reason) == ("retrained", 10, "100 % better")
    assert json.loads(first.getMessage()) == {"source": one.source} | one.to_records()[0]
    assert first.source == third.source == one.source
    assert second.source == other.source != one.source


def test_the_number_of_a_log_is_no_part_of_its_state():
    """Two runs that do the same are the same, and a copy is a log of its own."""
    log, same = log_of(Event("kept", 1, 1)), log_of(Event("kept", 1, 1))
    assert log.source != same.source
    assert pickle.dumps(log) == pickle.dumps(same)
    assert pickle.loads(pickle.dumps(log)).source not in (log.source, same.source)


def test_whoever_configures_no_logging_sees_nothing():
    """Python prints warnings of a logger of which no parent has a handler."""
    handlers = logging.getLogger("skretrain").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


def test_the_json_is_one_that_every_reader_takes(caplog):
    """JSON knows no NaN, numbers of numpy are numbers, and what is none of its types is text."""
    evidence = {"nan": np.nan, "inf": np.float32(-np.inf), 3: np.array([1, 2]), "day": Day()}
    event = Event("rejected", np.int64(10), 5, evidence=evidence | {"pair": (True, None)})
    with caplog.at_level(logging.INFO, logger="skretrain.events"):
        log = log_of(event)

    def refuse(constant):
        raise AssertionError(constant)

    read = json.loads(caplog.records[0].getMessage(), parse_constant=refuse)
    assert read["row"] == 10
    expected = {"nan": None, "inf": None, "3": [1, 2], "day": "Monday", "pair": [True, None]}
    assert read["evidence"] == expected
    assert json.loads(log.to_json(), parse_constant=refuse)["events"][0]["evidence"] == expected


class Day:
    """Something that is not of JSON."""

    def __str__(self):
        return "Monday"


def test_a_log_knows_what_the_trigger_said_last():
    """Of merged ones, the worst."""
    log = log_of(Event("kept", 1, 1, state="warning"))
    assert (EventLog().state, log.state) == ("stable", "warning")
    calm = log_of(Event("kept", 1, 1, state="drift"), Event("kept", 2, 1))
    assert calm.state == "stable"
    assert merged({"one": calm, "two": log}).state == "warning"
    assert merged({}).state == "stable"


def test_it_pickles_with_its_bound():
    log = pickle.loads(pickle.dumps(log_of(Event("failed", 1, 1), max_events=2)))
    for row in range(5):
        log.record(Event("failed", row, 1))
    assert len(log) == 2


def test_merged_logs_are_in_the_order_of_rows_and_name_their_owners():
    """Of events at one row, those of the first log come first; without a reason, the name is it."""
    one = log_of(Event("retrained", 10, 5, reason="alarm"), Event("failed", 30, 5))
    two = log_of(Event("retrained", 10, 5, reason="growth"), Event("rejected", 20, 5))
    whole = merged({"one": one, "two": two, "none": EventLog()})
    assert [(event.row, event.reason) for event in whole] == [
        (10, "one: alarm"),
        (10, "two: growth"),
        (20, "two"),
        (30, "one"),
    ]
    assert [event.action for event in whole] == ["retrained", "retrained", "rejected", "failed"]
    assert [event.reason for event in one] == ["alarm", ""]


def test_merged_counts_and_totals_are_sums():
    """Also those of the routine and of events that were dropped; the logs stay as they are."""
    fit = {"n_rows_fitted": 5, "cpu_seconds": 0.5, "wall_seconds": 0.25}
    one = log_of(*(Event("retrained", row, 1, **fit) for row in range(5)), max_events=3)
    one.totals |= {"fits": 5, "updates": 1, "rows_updated": 20}
    two = log_of(Event("updated", 2, 1, **fit), Event("kept", 3, 1), max_events=4)
    two.totals |= {"fits": 2, "updates": 2}
    whole = merged({"one": one, "two": two})
    assert whole.counts == {**dict.fromkeys(ACTIONS, 0), "retrained": 5, "updated": 1, "kept": 1}
    assert whole.totals == {
        "fits": 7,
        "updates": 3,
        "rows_fitted": 30,
        "rows_updated": 20,
        "cpu_seconds": 3.0,
        "wall_seconds": 1.5,
    }
    assert [event.row for event in whole] == [2, 3, 4]
    assert whole.max_events == 7
    assert one.counts["updated"] == two.counts["retrained"] == 0
    assert (one.totals["fits"], two.totals["fits"]) == (5, 2)


def test_all_events_of_all_logs_have_room():
    logs = {name: log_of(*(Event("failed", 1, 1),) * 3, max_events=3) for name in "abc"}
    assert len(merged(logs)) == 9
