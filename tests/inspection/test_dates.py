"""Pictures of a stream whose rows have dates show these."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.inspection import (
    DriftTimelineDisplay,
    PerClassDisplay,
    PolicyComparisonDisplay,
)
from skretrain.model_selection import prequential_validate

X, Y, _ = make_drifting_classification(600, random_state=0)
DAYS = np.datetime64("2024-01-01") + np.arange(len(Y)) // 10


def _result(times, **options):
    return prequential_validate(DriftAwareRetrainer(GaussianNB()), X, Y, times=times, **options)


def _labels(display, ax):
    display.figure_.canvas.draw()
    places, low, high = ax.get_xticks(), *ax.get_xlim()
    texts = [label.get_text() for label in ax.get_xticklabels()]
    return {x: text for x, text in zip(places, texts, strict=True) if low <= x <= high}


@pytest.mark.parametrize(
    "draw",
    [
        DriftTimelineDisplay.from_result,
        PerClassDisplay.from_result,
        lambda result: PolicyComparisonDisplay.from_results({"one": result}),
    ],
)
@pytest.mark.no_cover
def test_the_axis_names_the_day_of_its_rows(draw):
    display = draw(_result(DAYS, batch_size="1w"))
    ax = np.ravel(getattr(display, "axes_", [getattr(display, "ax_", None)]))[-1]
    assert ax.get_xlabel() == "time"
    found = _labels(display, ax)
    assert len(found) > 1
    for row, text in found.items():
        assert text == (str(DAYS[int(row)]) if 0 <= row < len(DAYS) else "")


@pytest.mark.parametrize("times", [None, np.arange(600), [f"row {n:03}" for n in range(600)]])
@pytest.mark.no_cover
def test_times_that_are_no_dates_leave_the_rows(times):
    display = DriftTimelineDisplay.from_result(_result(times))
    assert display.ax_.get_xlabel() == "row"
    assert all(text in ("", f"{int(x):,}") for x, text in _labels(display, display.ax_).items())


def test_a_few_days_are_told_by_the_minute():
    minutes = np.datetime64("2024-01-01T06:30") + np.arange(600)
    display = DriftTimelineDisplay.from_result(_result(minutes, batch_size="1h"))
    found = _labels(display, display.ax_)
    assert found[200.0] == "2024-01-01\n09:50"


def test_events_are_drawn_at_the_row_when_their_labels_had_come():
    late = _result(DAYS, batch_size="1w", label_delay="2w")
    display = DriftTimelineDisplay.from_result(late)
    refits = [e.row for e in late.events if e.action == "retrained"]
    np.testing.assert_array_equal(display.refits, late.arrived(refits))
    assert (display.refits[1:] > np.array(refits[1:]) + 100).all()


def _parts_of(result, **options):
    options = {"times": result.times, "arrived": result.arrived, **options}
    return (result.y_true, result.y_pred), {"events": result.events, **options}


@pytest.mark.no_cover
def test_predictions_are_drawn_as_the_result_that_they_are_of():
    """By their dates, and events where their labels had come."""
    late = _result(DAYS, batch_size="1w", label_delay="2w")
    pair, options = _parts_of(late)
    drawn = [
        (
            DriftTimelineDisplay.from_result(late),
            DriftTimelineDisplay.from_predictions(*pair, start=late.rows[0], **options),
        ),
        (
            PerClassDisplay.from_result(late),
            PerClassDisplay.from_predictions(late.rows, *pair, **options),
        ),
    ]
    for expected, found in drawn:
        np.testing.assert_array_equal(found.refits, expected.refits)
        np.testing.assert_array_equal(found.rows, expected.rows)
        ax, other = (
            np.ravel(getattr(one, "axes_", getattr(one, "ax_", None)))[-1]
            for one in (found, expected)
        )
        assert ax.get_xlabel() == "time"
        assert _labels(found, ax) == _labels(expected, other)
