"""Records of events: once, and with the fields that a block has said."""

import json
import logging

from skretrain.utils._events import Event, EventLog
from skretrain.utils._records import for_itself, log_event, saying, unsaid

EVENT = Event("failed", 10, 5, reason="no space left")


def test_a_block_says_what_its_events_do_not_the_innermost_last(caplog):
    """In the record, and in its JSON; after the block, all is as before."""
    with saying(source=7, segment=None, batch=3):
        with saying(segment="north", reason="never heard"):
            log_event(EVENT, logging.WARNING, EventLog())
        log_event(EVENT, logging.WARNING)
    log_event(EVENT, logging.WARNING)
    north, pooled, plain = caplog.records
    assert (north.source, north.segment, north.batch, north.reason) == (7, "north", 3, EVENT.reason)
    assert json.loads(north.message)["segment"] == "north"
    assert (pooled.source, pooled.segment) == (7, None)
    assert not hasattr(plain, "segment")
    assert not hasattr(plain, "source")


def test_what_others_are_to_log_is_not_logged_whatever_is_said(caplog):
    with unsaid():
        log_event(EVENT, logging.WARNING)
        with saying(segment="north"):
            EventLog().record(EVENT)
    assert not caplog.records


def test_what_happens_for_itself_has_nothing_said_of_it(caplog):
    log = EventLog()
    for block in (saying(segment="north"), unsaid()):
        with block, for_itself():
            log.record(EVENT)
    assert [hasattr(record, "segment") for record in caplog.records] == [False, False]
    assert {record.source for record in caplog.records} == {log.source}


def test_an_error_in_a_block_ends_what_it_says(caplog):
    try:
        with saying(segment="north"):
            raise ValueError
    except ValueError:
        log_event(EVENT, logging.WARNING)
    assert not hasattr(caplog.records[0], "segment")
