"""The timeline shows the right numbers at the right rows."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skretrain.inspection import DriftTimelineDisplay
from skretrain.utils._events import notable_actions


class Log:
    """A log of events, as much of it as the display reads."""

    def __init__(self, *events):
        self.events = events

    def to_records(self):
        return [dict(zip(("row", "action", "state"), event)) for event in self.events]


EVENTS = Log(
    (10, "retrained", "stable"),
    (30, "retrained", "drift"),
    (35, "updated", "warning"),
    (40, "rejected", "stable"),
    (50, "suggested", "drift"),
    (60, "failed", "drift"),
    (70, "rolled_back", "stable"),
)


def _line(display, name):
    """Return the drawn line whose legend entry starts with `name`, None if there is none."""
    lines = [line for line in display.ax_.lines if line.get_label().startswith(name)]
    assert len(lines) <= 1
    return lines[0] if lines else None


def _vertical_rows(display, name):
    """Return the rows of the vertical lines called `name`, each from bottom to top of the axes."""
    line = _line(display, name)
    x, y = line.get_data()
    bottom, top, gap = x[0::3], x[1::3], y[2::3]
    np.testing.assert_array_equal(bottom, top)
    assert np.isnan(gap).all()
    line_ends = line.get_transform().transform(np.column_stack([x, y]))[:2, 1]
    np.testing.assert_allclose(line_ends, display.ax_.bbox.intervaly)
    return bottom.tolist()


def _rolling_mean_by_hand(values, window):
    return [np.mean(values[end - window : end]) for end in range(window, len(values) + 1)]


def _display(**options):
    return DriftTimelineDisplay(np.arange(100, 200), np.linspace(0, 1, 100), **options)


# What is drawn


def test_the_score_is_drawn_at_its_rows():
    display = _display(label="accuracy").plot()
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(100, 200))
    np.testing.assert_array_equal(display.line_.get_ydata(), np.linspace(0, 1, 100))
    assert display.ax_.get_xlabel() == "row"
    assert display.ax_.get_ylabel() == display.line_.get_label() == "accuracy"


@pytest.mark.parametrize(
    ("parameter", "name"), [("true_drifts", "true drift"), ("alarms", "alarm")]
)
def test_drifts_and_alarms_are_vertical_lines_through_the_axes(parameter, name):
    display = _display(**{parameter: [110, 150, 190]}).plot()
    assert _vertical_rows(display, name) == [110, 150, 190]


def test_alarms_at_many_rows_are_short_lines_that_leave_the_score_to_be_seen():
    """41 lines across the axes are a fence; as many alarms at few rows are few lines."""
    alarms = np.linspace(100, 190, 41)
    line = _line(_display(alarms=np.tile(alarms, 2)).plot(), "alarm")
    assert line.get_label() == "alarm (82)"
    np.testing.assert_allclose(line.get_xdata()[::3], alarms)
    assert 0 < np.nanmax(line.get_ydata()) < 0.1
    display = _display(alarms=np.repeat(alarms[:40], 2)).plot()
    np.testing.assert_allclose(_vertical_rows(display, "alarm"), alarms[:40])


@pytest.mark.parametrize(
    ("events", "name"),
    [
        ({"refits": [100, 149.5, 199]}, "retrained"),
        *(
            ({"others": {action.name: [100, 149.5, 199]}}, action.label)
            for action in notable_actions()[1:]
        ),
    ],
)
def test_notable_events_are_marks_on_the_score(events, name):
    display = _display(**events).plot()
    x, y = _line(display, name).get_data()
    np.testing.assert_array_equal(x, [100, 149.5, 199])
    np.testing.assert_allclose(y, [0.0, 0.5, 1.0])


def test_the_legend_counts_what_happened_and_leaves_out_what_did_not():
    display = _display(alarms=[1, 2], refits=[1, 2, 3]).plot()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["alarm (2)", "score", "retrained (3)"]


@pytest.mark.parametrize("score", [[1000.0, 1001.0, 1002.0], [-5.0, -4.0, -4.5]])
def test_events_leave_the_limits_of_the_score_alone(score):
    plain = DriftTimelineDisplay([0, 1, 2], score).plot()
    busy = DriftTimelineDisplay([0, 1, 2], score, alarms=[1], true_drifts=[2], refits=[1]).plot()
    assert busy.ax_.get_ylim() == plain.ax_.get_ylim()


def test_events_before_the_first_point_are_on_the_canvas():
    left, _ = _display(true_drifts=[20]).plot().ax_.get_xlim()
    assert left < 20


@pytest.mark.parametrize("baseline", [0.5, np.full(100, 0.5)])
def test_a_baseline_is_a_level_or_one_number_per_point(baseline):
    display = _display(baseline=baseline, baseline_label="no change").plot()
    x, y = _line(display, "no change").get_data()
    np.testing.assert_array_equal(x, np.arange(100, 200))
    np.testing.assert_array_equal(y, 0.5)


def test_every_kind_of_line_differs_without_colour():
    display = _display(
        baseline=0.5,
        alarms=[110],
        true_drifts=[120],
        refits=[130],
        others={action.name: [140] for action in notable_actions()[1:]},
    ).plot()
    looks = {
        (line.get_linestyle(), line.get_marker(), line.get_linewidth() > 3)
        for line in display.ax_.lines
    }
    assert len(looks) == len(display.ax_.lines) == 5 + len(notable_actions()) - 1


def test_the_legend_lies_below_the_axes_and_inside_the_figure():
    marks = {"refits": [130], "others": {"rejected": [140], "rolled_back": [150]}}
    display = _display(alarms=[110], true_drifts=[120], baseline=0.1, **marks)
    display.plot().figure_.draw_without_rendering()
    legend, figure = display.ax_.get_legend().get_window_extent(), display.figure_.bbox
    assert legend.y1 < display.ax_.xaxis.label.get_window_extent().y0
    assert legend.y0 >= figure.y0
    assert figure.x0 <= legend.x0 < legend.x1 <= figure.x1


def test_an_axes_of_ones_own_is_drawn_on():
    figure, ax = plt.subplots()
    display = _display().plot(ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    "style",
    [{"color": "black", "linewidth": 3, "linestyle": "--"}, {"c": "black", "lw": 3, "ls": "--"}],
)
def test_keywords_style_the_score_by_long_or_short_name(style):
    line = _display().plot(label="mine", **style).line_
    assert (line.get_color(), line.get_linewidth(), line.get_linestyle()) == ("black", 3, "--")
    assert line.get_label() == "mine"


def test_plot_returns_the_display():
    display = _display()
    assert display.plot() is display


def test_parameters_are_kept_as_given():
    given = {
        "alarms": [1],
        "refits": (2,),
        "others": {"rejected": np.array([3])},
        "true_drifts": [4],
    }
    display = _display(**given, label="kappa", baseline=0.2, baseline_label="frozen")
    for name, value in given.items():
        assert getattr(display, name) is value
    assert (display.label, display.baseline, display.baseline_label) == ("kappa", 0.2, "frozen")


# From predictions and results


@pytest.mark.no_cover
@pytest.mark.parametrize("window", [1, 2, 7, 50, 99, 100])
def test_the_accuracy_is_the_mean_of_each_full_window_at_its_last_row(window):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(3, size=(2, 100))
    display = DriftTimelineDisplay.from_predictions(y_true, y_pred, window=window, start=1000)
    np.testing.assert_allclose(display.score, _rolling_mean_by_hand(y_true == y_pred, window))
    np.testing.assert_array_equal(display.rows, np.arange(1000 + window - 1, 1100))
    np.testing.assert_array_equal(display.line_.get_ydata(), display.score)
    assert display.label == f"accuracy over {window} rows"


@pytest.mark.parametrize("window", [1, 3, 40])
def test_a_regression_shows_the_mean_absolute_error(window):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.standard_normal((2, 40))
    display = DriftTimelineDisplay.from_predictions(y_true, y_pred, window=window)
    np.testing.assert_allclose(
        display.score, _rolling_mean_by_hand(np.abs(y_true - y_pred), window)
    )
    assert display.label == f"absolute error over {window} rows"


@pytest.mark.parametrize("exploded", [1e15, np.inf, np.nan])
def test_an_exploded_prediction_spoils_only_the_windows_that_contain_it(exploded):
    y_true, y_pred = np.full(60, 0.3), np.full(60, 0.4)
    y_pred[20] = exploded
    score = DriftTimelineDisplay.from_predictions(y_true, y_pred, window=7).score
    np.testing.assert_allclose(np.delete(score, range(14, 21)), 0.1, rtol=1e-12)
    assert not (score[14:21] < 1e13).any()


@pytest.mark.parametrize(
    ("y_true", "y_pred", "metric", "expected"),
    [
        ([1, 2, 3], [1, 2, 5], "auto", 2 / 3),
        ([1.0, 2.0, 3.0], [1, 2, 5], "auto", 2 / 3),
        ([1, 2, 3], [1.5, 2.0, 3.0], "auto", 0.5 / 3),
        ([1.5, 2, 3], [1, 2, 3], "auto", 0.5 / 3),
        ([1, 2, 3], [1, 2, 5], "mean_absolute_error", 2 / 3),
        ([1.5, 2, 3], [1, 2, 3], "accuracy", 2 / 3),
        (["a", "b", "c"], ["a", "b", "b"], "auto", 2 / 3),
        ([True, False, True], [True, True, True], "mean_absolute_error", 1 / 3),
    ],
)
def test_the_metric_is_seen_from_the_targets_or_told(y_true, y_pred, metric, expected):
    display = DriftTimelineDisplay.from_predictions(y_true, y_pred, window=3, metric=metric)
    np.testing.assert_allclose(display.score, [expected])


def test_unsigned_targets_do_not_wrap_around():
    y_true, y_pred = np.array([[1], [3]], dtype=np.uint8)
    display = DriftTimelineDisplay.from_predictions(y_true, y_pred, metric="mean_absolute_error")
    assert display.score.tolist() == [2.0]


def test_pandas_labels_score_as_a_list():
    y_true, y_pred = list("aabb"), list("abbb")
    expected = DriftTimelineDisplay.from_predictions(y_true, y_pred, window=2).score
    display = DriftTimelineDisplay.from_predictions(
        pd.Series(y_true, index=[7, 5, 3, 1]), pd.Series(y_pred), window=2
    )
    np.testing.assert_array_equal(display.score, expected)


@pytest.mark.parametrize(("n_rows", "window"), [(1, 1), (49, 1), (100, 2), (10_000, 200)])
def test_the_window_is_a_fiftieth_of_the_rows_unless_told(n_rows, window):
    display = DriftTimelineDisplay.from_predictions(np.zeros(n_rows), np.zeros(n_rows))
    assert len(display.score) == n_rows - window + 1


def test_alarms_are_the_events_in_drift_and_the_marks_those_with_their_action():
    y = np.zeros(80)
    display = DriftTimelineDisplay.from_predictions(y, y, events=EVENTS, true_drifts=[20])
    assert _vertical_rows(display, "alarm") == [30, 50, 60]
    assert _vertical_rows(display, "true drift") == [20]
    assert _line(display, "retrained").get_xdata().tolist() == [10, 30]
    assert _line(display, "rejected").get_xdata().tolist() == [40]
    assert _line(display, "rolled back").get_xdata().tolist() == [70]


def test_without_events_there_are_none():
    y = np.zeros(80)
    display = DriftTimelineDisplay.from_predictions(y, y)
    for rows in (display.alarms, display.refits, *display.others.values()):
        assert len(rows) == 0
    assert len(display.ax_.lines) == 1


def test_a_baseline_is_averaged_as_the_score_is():
    rng = np.random.default_rng(0)
    y_true, y_pred, y_other = rng.integers(2, size=(3, 30))
    display = DriftTimelineDisplay.from_predictions(
        y_true, y_pred, window=4, y_pred_baseline=y_other, baseline_label="never retrained"
    )
    other = DriftTimelineDisplay.from_predictions(y_true, y_other, window=4)
    np.testing.assert_array_equal(display.baseline, other.score)
    assert _line(display, "never retrained") is not None


@pytest.mark.no_cover
def test_a_result_is_drawn_at_its_own_rows():
    rng = np.random.default_rng(0)
    y_true, y_pred, y_other = rng.integers(2, size=(3, 30))
    rows = np.r_[100:120, 140:150]  # a gap: rows 120 to 139 were not scored
    result = SimpleNamespace(y_true=y_true, y_pred=y_pred, rows=rows, events=EVENTS)
    _, ax = plt.subplots()
    options = {"window": 4, "metric": "accuracy", "true_drifts": [110], "color": "black"}
    options |= {"y_pred_baseline": y_other, "baseline_label": "frozen"}
    display = DriftTimelineDisplay.from_result(result, ax=ax, **options)
    same = DriftTimelineDisplay.from_predictions(y_true, y_pred, events=EVENTS, **options)
    np.testing.assert_array_equal(display.rows, rows[3:])
    for name in ("score", "baseline", "alarms", "refits", "true_drifts"):
        np.testing.assert_array_equal(getattr(display, name), getattr(same, name))
    np.testing.assert_equal(display.others, same.others)
    assert display.ax_ is ax
    assert display.line_.get_color() == "black"
    assert _line(display, "frozen") is not None


def test_events_are_drawn_when_their_labels_came_in():
    """Predictions are ahead of the rows that were learned, which is what events count."""
    y = np.zeros(100)
    result = SimpleNamespace(y_true=y, y_pred=y, rows=np.arange(100), events=EVENTS)
    result.arrived = lambda events: events + 7
    display = DriftTimelineDisplay.from_result(result)
    assert display.alarms.tolist() == [37, 57, 67]
    assert display.refits.tolist() == [17, 37]
    assert display.others["rejected"].tolist() == [47]
    assert display.others["rolled_back"].tolist() == [77]


def test_a_result_without_events_is_drawn():
    result = SimpleNamespace(y_true=[0, 1], y_pred=[0, 0], rows=[5, 6], events=None)
    assert DriftTimelineDisplay.from_result(result).score.tolist() == [1.0, 0.0]


# What is refused, and what is imported when


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "DriftTimelineDisplay.window=0.: window must be an integer"),
        ({"window": 5}, "window=5 is more than the 4 predictions"),
        ({"metric": "r2"}, "metric must be one of auto, .*; got 'r2'"),
        ({"y_pred_baseline": [0, 1]}, "inconsistent numbers of samples"),
    ],
)
def test_a_parameter_out_of_range_is_named_with_its_value(options, message):
    with pytest.raises(ValueError, match=message):
        DriftTimelineDisplay.from_predictions([0, 1, 1, 0], [0, 1, 0, 0], **options)
    assert plt.get_fignums() == []


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        DriftTimelineDisplay.from_predictions([0, 1, 1], [0, 1])


def test_matplotlib_is_not_imported_before_a_plot_is_drawn():
    code = (
        "import sys, skretrain.inspection as i; d = i.DriftTimelineDisplay([0, 1], [0, 1]);"
        "i.MixtureDisplay([0, 1], [[1], [1]], ['a']);"
        "assert 'matplotlib' not in sys.modules; d.plot(); assert 'matplotlib' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_names_the_caller_and_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^DriftTimelineDisplay.plot needs matplotlib") as caught:
        _display().plot()
    assert 'pip install "skretrain[plot]"' in str(caught.value)
