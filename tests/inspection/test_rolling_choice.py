"""Savings over time of what was recommended: lines, the names of what was followed, and dates."""

from itertools import pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skretrain.inspection import RollingChoiceDisplay

ROWS = [100, 600, 1100, 1600]
COSTS = {
    "never": [90, 80, 85],
    "followed": [90, 35, 30],
    "best fixed": [50, 50, 40],
    "final": [30, 30, 30],
}
POLICIES = ["never", "daily", "daily"]


def test_each_line_is_what_was_saved_by_then_against_never():
    display = RollingChoiceDisplay(ROWS, COSTS, POLICIES).plot()
    assert set(display.lines_) == {"followed", "best fixed", "final"}
    for name, line in display.lines_.items():
        saved = np.append(0, np.cumsum(np.subtract(COSTS["never"], COSTS[name])))
        np.testing.assert_allclose(line.get_xydata().T, [ROWS, saved])
    assert display.ax_.get_xlim() == (100, 1600)
    assert display.ax_.get_xlabel() == "row"
    assert "errors" in display.ax_.get_ylabel()


def test_a_name_stands_where_a_policy_is_followed_first_and_no_two_overlap():
    rows, names = np.arange(0, 2100, 100), [f"policy {n // 2}" for n in range(20)]
    costs = {"never": np.ones(20), "followed": np.zeros(20)}
    display = RollingChoiceDisplay(rows, costs, names).plot()
    assert [label.get_text() for label in display.labels_] == [f"policy {n}" for n in range(10)]
    one = RollingChoiceDisplay(ROWS, COSTS, POLICIES).plot()
    places = [label.xy[0] for label in one.labels_]
    np.testing.assert_allclose(places, [0, 1 / 3])
    changes = [line for line in one.ax_.lines if list(line.get_xdata()) == [600, 600]]
    assert len(changes) == 1
    close = RollingChoiceDisplay([0, 10, 20, 1000], COSTS, ["a", "b", "c"]).plot()
    places = [label.xy[0] for label in close.labels_]
    assert all(b - a > 0.02 for a, b in pairwise(places))


def test_losses_without_end_are_a_gap():
    costs = {"never": [np.inf, 1.0], "followed": [np.inf, 0.5]}
    display = RollingChoiceDisplay([0, 5, 9], costs, ["never", "a"]).plot()
    assert np.isnan(display.lines_["followed"].get_ydata()[1:]).all()


@pytest.mark.parametrize("name", ["US$ and A$", "a very long name of a policy of somebody else"])
def test_names_of_others_are_drawn_as_they_are(name):
    display = RollingChoiceDisplay(ROWS, COSTS, [name, "x", "x"], names={"final": name}).plot()
    display.figure_.draw_without_rendering()
    text = display.labels_[0].get_text()
    assert text.replace("\\", "")[:9] == name[:9]
    assert display.lines_["final"].get_label().startswith("recommended in the end (")
    assert display.lines_["followed"].get_label() == "recommended at the time"


def test_it_draws_where_it_is_told_and_as_it_is_told():
    figure = plt.figure(layout="constrained")
    ax = figure.subfigures(2, 1)[0].subplots()
    choice = SimpleNamespace(
        rows=ROWS,
        costs=COSTS,
        policies=POLICIES,
        fixed="every 100 on all",
        final="drift",
        unit="euros",
        times=np.datetime64("2024-01-01", "us") + np.arange(1600) * np.timedelta64(1, "h"),
    )
    display = RollingChoiceDisplay.from_choice(choice, ax=ax, alpha=0.5)
    assert display.ax_ is ax
    assert display.lines_["followed"].get_alpha() == 0.5
    assert display.lines_["final"].get_alpha() is None
    assert not figure.legends
    assert "euros" in ax.get_ylabel()
    assert "every 100 on all" in display.lines_["best fixed"].get_label()
    assert ax.get_xlabel() == "time"
    assert ax.xaxis.get_major_formatter()(0) == "2024-01-01"
