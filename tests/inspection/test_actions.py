"""What events can be is one table: log, timeline, strip and glossary read it."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from skretrain.inspection import DriftTimelineDisplay
from skretrain.inspection._event_strip import event_strip
from skretrain.utils._events import (
    ACTIONS,
    Action,
    Event,
    EventLog,
    Mark,
    notable_actions,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _glossary_entry():
    spec = importlib.util.spec_from_file_location("api_reference", DOCS / "api_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.actions_as_rst()


def _log_of(*actions):
    log = EventLog()
    for row, action in enumerate(actions):
        log.record(Event(action, row, 1))
    return log


def _legend(actions):
    """Return the texts of a timeline on which each action happened once."""
    log = _log_of(*actions)
    display = DriftTimelineDisplay.from_predictions(np.zeros(40), np.zeros(40), events=log)
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def _assert_shown_everywhere(name):
    action = ACTIONS[name]
    assert re.search(f"^:``{name}``: .*[.]$", _glossary_entry(), re.MULTILINE)
    strip = event_strip(_log_of(name), 10)
    drawn = [] if action.is_routine else [f"{action.label} (1)"]
    assert [text for text in _legend([name]) if text.endswith("(1)")] == drawn
    assert (f"1 {action.label}" in strip) is not action.is_routine
    assert strip.count("<path") == len(drawn)


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_is_in_the_glossary_and_every_notable_one_in_the_pictures(name):
    """The routine would cover the pictures, and leaves no mark."""
    _assert_shown_everywhere(name)


def test_a_new_action_is_one_row_of_the_table(monkeypatch):
    """Log, timeline, strip and glossary read it from there, and nothing else has to change."""
    row = Action("woken_up", "A model was woken up.", Mark("#123456", "v", "M0,5 L5,-4 -5,-4 Z"))
    monkeypatch.setitem(ACTIONS, row.name, row)
    _assert_shown_everywhere("woken_up")
    assert "#123456" in event_strip(_log_of("woken_up"), 10)


def test_every_mark_has_a_colour_and_a_shape_of_its_own():
    marks = [action.mark for action in notable_actions()]
    for part in zip(*marks, strict=True):
        assert len(set(part)) == len(marks)


def test_the_glossary_takes_the_list_that_is_made_from_the_table():
    assert ".. include:: generated/actions.txt" in (DOCS / "glossary.rst").read_text()
    assert "actions_as_rst()" in (DOCS / "conf.py").read_text()
