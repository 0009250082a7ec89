"""The line of events in the HTML representation: every event at its row, nothing else."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.inspection._event_strip import event_strip
from skretrain.utils._events import notable_actions


def event(row, action, state="stable", reason=""):
    return SimpleNamespace(row=row, action=action, state=state, reason=reason)


def places(html):
    return [float(x) for x in re.findall(r"translate\(([0-9.]+),", html)]


def test_each_event_stands_at_its_share_of_the_rows():
    """The axis runs from 12 to 628; an alarm that was answered has two marks."""
    html = event_strip(
        [event(0, "retrained"), event(500, "retrained", "drift"), event(1000, "failed")], 1000
    )
    assert places(html) == [12.0, 320.0, 320.0, 628.0]
    assert ">1 alarms, 2 retrained, 1 failed<" in html


@pytest.mark.parametrize(
    ("action", "name"),
    [(action.name, action.label) for action in notable_actions()],
)
def test_each_notable_action_has_one_mark_and_is_counted_by_name(action, name):
    """The mark stands at the row of the event, and its title quotes the reason."""
    html = event_strip([event(250, action, reason="why")], 1000)
    assert places(html) == [166.0]
    assert f"1 {name}" in html
    titles = [node.text for node in ElementTree.fromstring(html).iter("title")]
    assert titles == [f"row 250: {action}, why"]


def test_no_two_kinds_share_a_shape_or_a_colour():
    """A reader who sees no colours has the shapes."""
    actions = [action.name for action in notable_actions()]
    events = [event(5, "kept", "drift"), *(event(5, action) for action in actions)]
    paths = list(ElementTree.fromstring(event_strip(events, 10)).iter("path"))
    assert len(paths) == 1 + len(actions)
    for attribute in ("d", "fill"):
        assert len({path.get(attribute) for path in paths}) == len(paths)


def test_routine_leaves_no_mark():
    """Updates are not drawn."""
    assert places(event_strip([event(10, "updated"), event(20, "kept")], 100)) == []


def test_reasons_are_escaped():
    """A reason may quote anything; the figure stays well formed."""
    html = event_strip([event(5, "failed", reason="<b> & 'x'")], 10)
    titles = [node.text for node in ElementTree.fromstring(html).iter("title")]
    assert titles == ["row 5: failed, <b> & 'x'"]


def test_nothing_seen_is_nothing_drawn():
    assert event_strip([], 0) == ""


@pytest.mark.parametrize("fitted", [False, True])
def test_a_notebook_shows_the_diagram_and_the_events_of_what_was_learned(fitted):
    """Before the first fit it is scikit-learn's diagram alone."""
    X, y, _ = make_drifting_classification(2000, random_state=0)
    model = DriftAwareRetrainer(LogisticRegression(), batch_size=100)
    if fitted:
        model.fit(X, y)
    html = model._repr_html_()
    assert "sk-top-container" in html
    assert ("<figure" in html) is fitted
    if fitted:
        retrained = sum(e.action == "retrained" for e in model.events_)
        assert f"{model.n_alarms_} alarms, {retrained} retrained" in html
