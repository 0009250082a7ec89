"""Each policy is drawn against the others, on the same rows and scales."""

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from skretrain.inspection import DriftTimelineDisplay, PolicyComparisonDisplay
from skretrain.inspection._panels import panel_axes

NAMES = ["never", "periodic", "warm start", "replay", "all"]


def _results(n_policies=3, n_rows=100, seed=0):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(2, size=n_rows)
    return {
        name: SimpleNamespace(
            rows=np.arange(50, 50 + n_rows), y_true=y_true, y_pred=rng.integers(2, size=n_rows)
        )
        for name in NAMES[:n_policies]
    }


def _regressions(*errors):
    """Evaluations with constant errors."""
    y_true = np.linspace(0.1, 1, 40)
    return {
        f"p{error}": SimpleNamespace(rows=np.arange(40), y_true=y_true, y_pred=y_true + error)
        for error in errors
    }


def _lightness(line):
    return np.dot(to_rgb(line.get_color()), [0.299, 0.587, 0.114])


# The numbers


def test_curves_are_those_of_the_timeline_and_scores_the_accuracies():
    results = _results()
    display = PolicyComparisonDisplay.from_results(results, window=10)
    assert list(display.curves) == list(display.scores) == list(results)
    for name, result in results.items():
        timeline = DriftTimelineDisplay.from_result(
            SimpleNamespace(events=None, **vars(result)), window=10
        )
        np.testing.assert_array_equal(display.curves[name], timeline.score)
        np.testing.assert_array_equal(display.rows, timeline.rows)
        assert display.scores[name] == np.mean(result.y_true == result.y_pred)
    assert display.label == "accuracy over 10 rows"


def test_one_forecast_with_fractions_makes_all_of_them_regressions():
    results = _results(2)
    results["never"].y_pred = results["never"].y_pred + 0.5
    display = PolicyComparisonDisplay.from_results(results)
    assert display.label == "absolute error over 2 rows"
    assert display.scores["periodic"] == np.mean(
        np.abs(results["periodic"].y_true - results["periodic"].y_pred)
    )


def test_given_scores_are_shown_under_their_name():
    results = _results(2)
    scores = {"never": -2.5, "periodic": 12345.6}
    display = PolicyComparisonDisplay.from_results(results, scores=scores, score_label="R2")
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == ["never: R2 -2.500", "periodic: R2 1.23e+04"]
    assert display.scores is scores


def test_the_scale_leaves_out_what_blew_up_and_nothing_else():
    display = PolicyComparisonDisplay.from_results(_regressions(0.1, 0.2, 1e9))
    assert display.ylim == pytest.approx((0.0, 0.5))
    assert display.axes_[0].get_ylim() == pytest.approx((0.0, 0.5))
    assert display.curves["p1000000000.0"].max() > 1e8
    display = PolicyComparisonDisplay.from_results(_regressions(0.1, 0.2, 0.3))
    assert display.ylim == pytest.approx((0.0, 0.315))


@pytest.mark.parametrize(
    ("errors", "ylim"),
    [
        ((0.0,), (0.0, 1.0)),
        ((0.0, 0.0, 0.4), (0.0, 0.42)),
        ((0.2, np.nan), (0.0, 0.21)),
        ((0.2, np.inf, np.inf), (0.0, 0.21)),
        ((np.nan, np.inf), None),
    ],
)
def test_perfect_and_broken_forecasts_are_drawn(errors, ylim):
    display = PolicyComparisonDisplay.from_results(_regressions(*errors), window=1)
    assert display.ylim == (ylim if ylim is None else pytest.approx(ylim))
    display.figure_.draw_without_rendering()


def test_an_accuracy_has_a_margin_inside_0_and_1():
    results = _results(1, n_rows=4)
    results["never"].y_pred = results["never"].y_true
    assert PolicyComparisonDisplay.from_results(results).ylim == (0.97, 1.0)
    results["never"].y_pred = 1 - results["never"].y_true
    assert PolicyComparisonDisplay.from_results(results).ylim == (0.0, 0.03)


# What is drawn


@pytest.mark.parametrize("n_policies", [1, 2, 4, 5])
def test_each_panel_has_its_policy_dark_and_broad_and_the_others_light_and_thin(n_policies):
    display = PolicyComparisonDisplay.from_results(_results(n_policies), true_drifts=[90, 120])
    assert len(display.axes_) == len(display.figure_.axes) == n_policies
    for panel, (name, curve) in zip(display.axes_, display.curves.items()):
        own = display.lines_[name]
        assert own.axes is panel
        np.testing.assert_array_equal(own.get_xydata(), np.column_stack([display.rows, curve]))
        *others, _, drifts = panel.lines
        assert [line.get_ydata().tolist() for line in others] == [
            display.curves[other].tolist() for other in display.curves if other != name
        ]
        for line in others:
            assert line.get_linewidth() < own.get_linewidth()
            assert line.get_zorder() < own.get_zorder()
            assert _lightness(line) > _lightness(own) + 0.3
        assert drifts.get_xdata()[::3].tolist() == [90, 120]


@pytest.mark.no_cover
def test_panels_share_their_scales_and_name_them_at_the_border():
    display = PolicyComparisonDisplay.from_results(_results(5))
    limits = {(*ax.get_xlim(), *ax.get_ylim()) for ax in display.axes_}
    assert len(limits) == 1
    assert [bool(ax.get_xlabel()) for ax in display.axes_] == [False, False, True, True, True]
    assert [bool(ax.get_ylabel()) for ax in display.axes_] == [True, False, False, True, False]
    shown = [ax.xaxis.get_major_ticks()[1].label1.get_visible() for ax in display.axes_]
    assert shown == [False, False, True, True, True]


def test_each_kind_of_line_is_explained_once_below_the_panels():
    display = PolicyComparisonDisplay.from_results(_results(), true_drifts=[90])
    (legend,) = display.figure_.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["the other policies", "the policy in the title", "true drift (1)"]


def test_a_long_name_has_its_score_on_a_second_line():
    display = PolicyComparisonDisplay([0, 1], {"n" * 40: [0, 1]}, scores={"n" * 40: 0.5}).plot()
    assert display.axes_[0].get_title() == "n" * 40 + "\nscore 0.500"


def test_without_scores_the_titles_are_the_names_and_all_is_shown():
    display = PolicyComparisonDisplay([0, 1], {"a": [0, 5], "b": [9, 1]}).plot(c="black")
    assert [ax.get_title() for ax in display.axes_] == ["a", "b"]
    low, high = display.axes_[0].get_ylim()
    assert low < 0 < 9 < high
    assert display.lines_["a"].get_color() == "black"


# Axes of one's own


def test_an_array_of_axes_is_used_in_order():
    figure, axes = plt.subplots(2, 2)
    display = PolicyComparisonDisplay.from_results(_results(), ax=axes)
    assert display.axes_.tolist() == axes.ravel()[:3].tolist()
    assert display.figure_ is figure
    assert figure.legends == []


def test_the_place_of_one_axes_is_divided():
    figure, (left, right) = plt.subplots(1, 2)
    display = PolicyComparisonDisplay.from_results(_results(), ax=left)
    figure.draw_without_rendering()
    assert display.figure_ is figure
    assert all(ax.bbox.x1 < right.bbox.x0 for ax in display.axes_)
    assert not left.axison


def test_lone_axes_have_no_place_to_divide_but_one_panel_each():
    figure = plt.figure()
    lone = [figure.add_axes([0.1, 0.1, 0.3, 0.8]), figure.add_axes([0.6, 0.1, 0.3, 0.8])]
    with pytest.raises(ValueError, match="no place in a grid .* into 3 panels"):
        PolicyComparisonDisplay.from_results(_results(), ax=lone[0])
    display = PolicyComparisonDisplay.from_results(_results(2), ax=lone)
    assert [ax.get_xlabel() for ax in display.axes_] == ["row", "row"]
    with pytest.raises(ValueError, match="ax holds 2 Axes, but there are 3 panels"):
        PolicyComparisonDisplay.from_results(_results(), ax=lone)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("n_panels", "shape"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (7, (3, 3))]
)
def test_panels_fill_a_grid_of_at_most_three_columns(n_panels, shape):
    axes = panel_axes(plt, None, n_panels)
    assert axes.shape == (n_panels,)
    assert axes[0].get_gridspec().get_geometry() == shape


# What is refused


def test_evaluations_of_other_rows_are_not_compared():
    results = _results()
    results["periodic"].rows = results["periodic"].rows + 10
    with pytest.raises(
        ValueError,
        match=r"results\['periodic'\] scores 100 rows, 60 to 159, but results\['never'\] "
        r"100 rows, 50 to 149; evaluate all policies with the same initial_size",
    ):
        PolicyComparisonDisplay.from_results(results)
    empty = SimpleNamespace(rows=[], y_true=[], y_pred=[])
    with pytest.raises(ValueError, match="scores no rows, but"):
        PolicyComparisonDisplay.from_results({**_results(1), "empty": empty})


def test_there_must_be_a_result():
    with pytest.raises(ValueError, match="results is empty; pass a dict"):
        PolicyComparisonDisplay.from_results({})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 101}, "window=101 is more than the 100 predictions"),
        ({"metric": "r2"}, "metric must be one of auto, .*; got 'r2'"),
    ],
)
def test_a_parameter_out_of_range_is_named_with_its_value(options, message):
    with pytest.raises(ValueError, match=message):
        PolicyComparisonDisplay.from_results(_results(), **options)
    assert plt.get_fignums() == []


def test_without_matplotlib_the_error_names_the_caller_and_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^PolicyComparisonDisplay.plot needs matplotlib"):
        PolicyComparisonDisplay.from_results(_results())
