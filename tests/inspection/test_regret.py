"""Costs over prices are drawn as multiples of the least, each line with its name at its end."""

from itertools import pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skretrain.inspection import RegretDisplay

PRICES = [1, 10, 100]
REGRETS = {
    "never": [0.9, 0.4, 0.0],
    "daily": [0.1, 0.8, 30.0],
    "alarm": [0.2, 0.1, 0.3],
    "other": [0.5, 0.5, 0.31],
    "always": [12.0, 14.0, 99.0],
}


def _ends(display):
    display.figure_.draw_without_rendering()
    renderer = display.figure_.canvas.get_renderer()
    return {name: label.get_window_extent(renderer) for name, label in display.labels_.items()}


def test_each_line_is_one_plus_the_regret_and_what_is_cheapest_stands_out():
    display = RegretDisplay(PRICES, REGRETS).plot()
    assert display.cheapest_ == ["daily", "alarm", "never"]
    for name, line in display.lines_.items():
        np.testing.assert_allclose(line.get_xydata().T, [PRICES, 1 + np.array(REGRETS[name])])
        assert (line.get_color() == "#B0B0B0") == (name not in display.cheapest_)
    looks = [(display.lines_[n].get_color(), display.lines_[n].get_linestyle()) for n in REGRETS]
    assert len(set(looks)) == 4
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "log")
    assert display.ax_.get_ylim()[1] == 10


def test_names_stand_at_the_right_or_where_the_line_leaves_and_do_not_overlap():
    display = RegretDisplay(PRICES, REGRETS).plot()
    boxes, frame = _ends(display), display.ax_.bbox
    assert set(boxes) == set(REGRETS)
    for name in ("never", "alarm", "other"):
        assert boxes[name].x0 > frame.x1
        height = display.ax_.transData.transform((1, 1 + REGRETS[name][-1]))[1]
        assert abs((boxes[name].y0 + boxes[name].y1) / 2 - height) < 15
    right = [boxes[name] for name in ("never", "alarm", "other")]
    assert not any(one.overlaps(two) for one, two in pairwise(right))
    for name in ("daily", "always"):
        assert boxes[name].y0 >= frame.y1
    # The line of "daily" crosses ten between the prices 10 and 100; "always" was never below.
    crossing = 10 ** (1 + np.log(10 / 1.8) / np.log(31 / 1.8))
    assert boxes["daily"].x0 == pytest.approx(
        display.ax_.transData.transform((crossing, 1))[0], abs=10
    )
    assert boxes["always"].x0 == pytest.approx(frame.x0, abs=10)


def test_what_costs_less_than_the_reference_is_in_the_picture():
    display = RegretDisplay(PRICES, {"live": [-0.4, -0.2, 0.0]}).plot()
    assert display.ax_.get_ylim()[0] < 0.6
    assert list(_ends(display)) == ["live"]


def test_costs_that_are_close_have_finer_ticks():
    close = RegretDisplay(PRICES, {"a": [0.0, 0.1, 0.2]}).plot()
    assert {1.1, 1.2} <= set(close.ax_.get_yticks())
    assert 1.1 not in RegretDisplay(PRICES, REGRETS).plot().ax_.get_yticks()


def test_one_price_is_enough():
    display = RegretDisplay([5], {"a": [0.0], "b": [20.0]}, unit="euros").plot()
    assert display.ax_.get_xlim() == (5, 10)
    assert display.ax_.get_xlabel() == "price of a refit (euros)"
    assert set(display.labels_) == {"a", "b"}


def test_a_regret_that_is_not_known_is_a_gap():
    display = RegretDisplay(PRICES, {"a": [np.nan] * 3, "b": [0.1, np.nan, 0.2]}).plot()
    assert display.cheapest_[0] == "b"


def test_it_draws_where_it_is_told():
    figure = plt.figure(layout="constrained")
    ax = figure.subfigures(2, 1)[0].subplots()
    display = RegretDisplay(PRICES, REGRETS).plot(ax=ax, alpha=0.5)
    assert display.ax_ is ax
    assert {line.get_alpha() for line in display.lines_.values()} == {0.5}


@pytest.mark.no_cover
def test_names_do_not_overlap_in_a_part_of_a_figure():
    """What has to be apart is measured on the axes, not on the figure."""
    figure, axes = plt.subplots(3, 1, figsize=(6.0, 9.0), layout="constrained")
    regrets = {f"policy {number}": [0.1, 0.2, 0.3] for number in range(8)}
    display = RegretDisplay(PRICES, regrets).plot(ax=axes[1])
    figure.draw_without_rendering()
    boxes = sorted(label.get_window_extent().y0 for label in display.labels_.values())
    height = display.labels_["policy 0"].get_window_extent().height
    assert np.diff(boxes).min() > 0.9 * height


@pytest.mark.parametrize(("prices", "regrets"), [([0, 1], {"a": [0, 0]}), ([1], {})])
def test_prices_are_positive_and_there_is_a_policy(prices, regrets):
    with pytest.raises(ValueError, match="at least one policy, and positive prices"):
        RegretDisplay(prices, regrets).plot()


@pytest.mark.parametrize(("to", "name"), [("oracle", "hindsight"), ("fixed", "fixed policy")])
def test_a_comparison_is_asked_for_relative_regret_and_a_price_of_nothing_is_left_out(to, name):
    def regret(*, to, relative):
        assert relative
        return {"a": np.array([9.0, 0.1, 0.2]), "b": np.array([9.0, 0.0, float(to == "fixed")])}

    comparison = SimpleNamespace(prices=np.array([0, 1, 2]), unit="errors", regret=regret)
    display = RegretDisplay.from_comparison(comparison, to=to)
    assert display.prices.tolist() == [1, 2]
    assert display.regrets["a"].tolist() == [0.1, 0.2]
    assert display.regrets["b"].tolist() == [0.0, float(to == "fixed")]
    assert name in display.ax_.get_ylabel()
