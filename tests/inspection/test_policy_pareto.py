"""Scores against seconds: the front is the policies that no other dominates."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skretrain.inspection import PolicyParetoDisplay

SECONDS = {"never": 0.1, "weekly": 2.0, "hourly": 40.0, "alarm": 1.5, "lucky": 1.5}
SCORES = {"never": 0.61, "weekly": 0.8, "hourly": 0.86, "alarm": 0.85, "lucky": 0.7}
FRONTIER = ([0.1, 0.5, 3.0], [0.61, 0.8, 0.9])


def _texts(display):
    return {name: label.get_text() for name, label in display.labels_.items()}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_the_front_is_what_no_other_policy_dominates(points):
    seconds = {str(k): float(x) for k, (x, _) in enumerate(points)}
    scores = {str(k): float(y) for k, (_, y) in enumerate(points)}
    display = PolicyParetoDisplay(seconds, scores)

    def dominated(one):
        return any(
            seconds[other] <= seconds[one]
            and scores[other] >= scores[one]
            and (seconds[other], scores[other]) != (seconds[one], scores[one])
            for other in seconds
        )

    front = display._front()
    found = {(seconds[name], scores[name]) for name in front}
    assert found == {(seconds[n], scores[n]) for n in seconds if not dominated(n)}
    assert [seconds[n] for n in front] == sorted(seconds[n] for n in front)


@pytest.mark.no_cover
def test_each_policy_is_a_point_with_its_name_and_the_front_is_filled():
    display = PolicyParetoDisplay(SECONDS, SCORES, score_label="accuracy").plot()
    assert display.front_ == ["never", "alarm", "hourly"]
    for name, point in display.points_.items():
        np.testing.assert_array_equal(point.get_xydata(), [[SECONDS[name], SCORES[name]]])
        assert (point.get_markerfacecolor() == "#0072B2") == (name in display.front_)
        assert _texts(display)[name] == name
    assert display.ax_.get_ylabel() == "accuracy"
    assert display.ax_.get_xscale() == "log"
    assert [t.get_text() for t in display.ax_.get_legend().get_texts()] == [
        "Pareto front of the policies"
    ]
    low, high = display.ax_.get_ylim()
    assert low < 0.61
    assert high > 0.86


@pytest.mark.no_cover
def test_the_steps_of_the_front_pass_through_its_policies():
    display = PolicyParetoDisplay(SECONDS, SCORES).plot()
    (steps,) = [line for line in display.ax_.lines if "front" in line.get_label()]
    corners = {tuple(corner) for corner in steps.get_xydata().tolist()}
    assert corners == {(0.1, 0.61), (1.5, 0.61), (1.5, 0.85), (40.0, 0.85), (40.0, 0.86)}


@pytest.mark.no_cover
def test_intervals_and_the_best_in_hindsight_are_drawn_where_they_are_known():
    intervals = dict.fromkeys(SECONDS, (np.nan, np.nan)) | {"alarm": (0.8, 0.9)}
    display = PolicyParetoDisplay(SECONDS, SCORES, intervals=intervals, frontier=FRONTIER).plot()
    lines = {line.get_label(): line for line in display.ax_.lines}
    curve = lines["best schedules of refits, in hindsight"]
    np.testing.assert_array_equal(curve.get_xydata().T, FRONTIER)
    vertical = [line for line in display.ax_.lines if line.get_color() == "#7F7F7F"]
    assert [tuple(line.get_ydata()) for line in vertical] == [(0.8, 0.9)]
    assert display.ax_.get_ylim()[1] > 0.9


@pytest.mark.parametrize("bad", [-1e15, -np.inf, np.nan])
@pytest.mark.no_cover
def test_a_policy_that_blew_up_flattens_nobody(bad):
    display = PolicyParetoDisplay(SECONDS, SCORES | {"weekly": bad}, frontier=FRONTIER).plot()
    assert display.ax_.get_ylim()[0] > 0.5
    assert display.points_["weekly"].get_marker() == "v"
    assert _texts(display)["weekly"] == f"weekly ({bad:.3g})"
    assert display.points_["weekly"].get_ydata()[0] == 0.61


def test_no_score_at_all_is_no_crash():
    display = PolicyParetoDisplay({"a": 1.0}, {"a": np.nan}).plot()
    assert _texts(display) == {"a": "a (nan)"}


@pytest.mark.no_cover
def test_no_time_at_all_has_a_place_on_the_logarithmic_axis():
    display = PolicyParetoDisplay({"a": 0.0, "b": 1.0}, {"a": 0.5, "b": 0.6}).plot()
    assert display.points_["a"].get_xdata()[0] > 0


@pytest.mark.no_cover
def test_it_draws_where_it_is_told():
    figure, ax = plt.subplots(figsize=(4, 4))
    display = PolicyParetoDisplay(SECONDS, SCORES).plot(ax=ax, fontsize=6)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert {label.get_fontsize() for label in display.labels_.values()} == {6}


def test_seconds_and_scores_are_of_the_same_policies():
    with pytest.raises(ValueError, match="pass both for the same policies"):
        PolicyParetoDisplay({"a": 1.0}, {"b": 1.0}).plot()
    with pytest.raises(ValueError, match="one at least"):
        PolicyParetoDisplay({}, {}).plot()


@pytest.mark.no_cover
def test_a_comparison_is_asked_at_the_price():
    asked = []

    def answer(values):
        return lambda name, price: (asked.append(price), values[name])[1]

    comparison = SimpleNamespace(
        names=list(SCORES),
        scoring="accuracy",
        frontier={"cpu_seconds": FRONTIER[0], "score": FRONTIER[1]},
        score=answer(SCORES),
        cpu_seconds=answer(SECONDS),
        interval=lambda name, price: (0.0, 1.0),
    )
    display = PolicyParetoDisplay.from_comparison(comparison, price=7)
    assert set(asked) == {7}
    assert (display.scores, display.cpu_seconds) == (SCORES, SECONDS)
    assert display.score_label == "accuracy"
    assert display.frontier == FRONTIER


@pytest.mark.no_cover
def test_a_loss_is_written_as_it_is_and_the_less_stands_higher():
    """Points stand where minus the loss is, and the axis says the loss."""
    comparison = SimpleNamespace(
        names=["a", "b", "c", "d"],
        scoring="neg_mean_absolute_error",
        is_loss=True,
        frontier={"cpu_seconds": np.array([1.0, 3.0]), "score": np.array([-2.0, -1.0])},
        score=lambda name, price: {"a": -3.0, "b": -1.5, "c": -1.0, "d": -90.0}[name],
        interval=lambda name, price: (np.nan, np.nan),
        cpu_seconds=lambda name, price: 2.0,
    )
    display = PolicyParetoDisplay.from_comparison(comparison)
    assert display.ax_.get_ylabel() == "mean absolute error, the less the higher up"
    assert display.points_["c"].get_ydata()[0] > display.points_["a"].get_ydata()[0]
    formatter = display.ax_.yaxis.get_major_formatter()
    assert formatter(-2.5, 0) == "2.5"
    assert display.labels_["d"].get_text() == "d (90)"
