"""A map of segments: those that were reported on top, each event where and when it happened."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skretrain import DriftAwareRetrainer
from skretrain.inspection import SegmentsDisplay
from skretrain.serving import SegmentedRetrainer


def event(segment, batch, action, state="stable"):
    return SimpleNamespace(segment=segment, batch=batch, action=action, state=state)


EVENTS = [
    event("c", 3, "kept", "drift"),
    event("b", 4, "drifted", "drift"),
    event("b", 5, "retrained"),
    event("d", 2, "opened"),
    event("gone", 6, "retired"),
    event("a", 7, "failed"),
    event(None, 6, "common", "drift"),
    event(None, 8, "common", "drift"),
    event("c", 3, "retrained", "drift"),
]
LIVES = {"a": (1, 9), "b": (1, 9), "c": (1, 8), "d": (2, 9)}


def marks(display):
    """Return what is drawn of each kind: the batch and the name of the segment."""
    found = {}
    for line in display.ax_.get_lines():
        if line.get_linestyle() == "None":
            names = [display.segments_drawn_[int(place)] for place in line.get_ydata()]
            found[line.get_label()] = list(zip(line.get_xdata(), names, strict=True))
    return found


def test_each_event_stands_in_the_line_of_its_segment_and_the_reported_come_first():
    display = SegmentsDisplay(EVENTS, LIVES).plot()
    assert display.segments_drawn_ == ["b", "c", "a", "d", "gone"]
    assert marks(display) == {
        "alarm of its own trigger": [(3, "c"), (3, "c")],
        "retrained": [(5, "b"), (3, "c")],
        "failed": [(7, "a")],
        "reported": [(4, "b")],
        "opened": [(2, "d")],
        "retired": [(6, "gone")],
    }
    common = [line for line in display.ax_.get_lines() if line.get_linewidth() == 5.0]
    assert [line.get_xdata()[0] for line in common] == [6, 8]
    bars = {bar.get_x() + 0.4: bar.get_height() for bar in display.count_ax_.patches}
    assert bars == {3: 1, 4: 1}  # one segment, whatever happened to it that day


def test_a_segment_that_has_ended_lives_as_long_as_it_was_heard_of():
    display = SegmentsDisplay(EVENTS, LIVES).plot()
    lives = [line for line in display.ax_.get_lines() if line.get_linewidth() == 1.1]
    spans = {display.segments_drawn_[int(x.get_ydata()[0])]: tuple(x.get_xdata()) for x in lives}
    assert spans["d"] == (1.5, 9.5)
    assert spans["gone"] == (5.5, 6.5)


def test_there_is_room_for_names_or_none_and_no_more_segments_than_asked_for():
    many = {f"s${k}": (1, 5) for k in range(70)}
    display = SegmentsDisplay([], many).plot()
    assert len(display.segments_drawn_) == 60
    assert len(display.ax_.get_yticks()) == 0
    assert display.ax_.get_ylabel() == "60 of 70 segments"
    assert display.ax_.get_legend() is None
    few = SegmentsDisplay(EVENTS, LIVES).plot(max_segments=1)
    assert few.segments_drawn_ == ["b"]
    few.figure_.draw_without_rendering()


def test_on_axes_of_the_caller_there_is_the_map_alone():
    _, ax = plt.subplots()
    display = SegmentsDisplay(EVENTS, LIVES).plot(ax)
    assert display.ax_ is ax
    assert display.count_ax_ is None


@pytest.mark.parametrize(
    ("lives", "options", "words"),
    [({}, {}, "nothing to draw"), (LIVES, {"max_segments": 0}, "max_segments")],
)
def test_what_cannot_be_drawn_is_refused(lives, options, words):
    with pytest.raises(ValueError, match=words):
        SegmentsDisplay([], lives).plot(**options)


def test_of_an_estimator_it_draws_what_has_happened():
    X = np.column_stack([np.arange(60) % 3, np.arange(60.0)])
    model = SegmentedRetrainer(DriftAwareRetrainer(Ridge()), by=0).fit(X, X[:, 1])
    model.partial_fit(X, X[:, 1]).retire(2)
    display = SegmentsDisplay.from_estimator(model)
    assert display.lives == {0: (1, 2), 1: (1, 2)}
    assert marks(display)["retired"] == [(2, 2)]
