"""The picture of slices has a line for each, and a curve for those that are chosen."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from skretrain.inspection import SliceDisplay
from skretrain.metrics import slice_scores

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"shop": RNG.choice(["a", "b", "c"], size=2000, p=[0.5, 0.4, 0.1])})
FAILS = (FRAME["shop"] == "c").to_numpy() & (np.arange(2000) >= 1000)
Y = np.zeros(2000, dtype=int)
PREDICTED = (RNG.random(2000) < np.where(FAILS, 0.8, 0.1)).astype(int)
SLICES = {"shop": "shop", "none": lambda X: X["shop"] == "z"}


def drawn(**options):
    return SliceDisplay.from_predictions(Y, PREDICTED, FRAME, SLICES, **options)


def test_each_slice_has_its_score_and_interval_and_the_lowest_is_on_top():
    display = drawn()
    scores = {s.name: s for s in slice_scores(Y, PREDICTED, FRAME, SLICES)}
    assert display.slices_drawn_[0] == "shop=c"
    assert "none" not in display.slices_drawn_  # it has no rows
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == display.slices_drawn_
    assert display.time_ax_ is None
    for place, (name, bars) in enumerate(
        zip(display.slices_drawn_, display.ax_.containers, strict=True)
    ):
        (segment,) = bars[2][0].get_segments()
        score = scores[name]
        np.testing.assert_allclose(segment, [[score.low, place], [score.high, place]])
        assert bars[0].get_xdata() == [pytest.approx(score.score)]
    assert display.ax_.get_ylim() == (2.5, -0.5)


def test_slices_that_differ_are_in_colour_and_each_kind_is_explained_once():
    display = drawn()
    colors = [to_hex(bars[0].get_color()).upper() for bars in display.ax_.containers]
    assert colors[0] == "#D55E00"
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert len(shown) == len(set(shown))
    assert "all rows" in shown
    same = np.zeros(200)
    one = SliceDisplay.from_predictions(same, same, FRAME[:200], {"shop": "shop"})
    assert [text.get_text() for text in one.ax_.get_legend().get_texts()] == [
        "all rows",
        "does not",
    ]


def test_the_number_of_rows_stands_at_the_right():
    written = [text.get_text() for text in drawn().ax_.texts]
    counts = FRAME["shop"].value_counts()
    assert written[0] == f"{counts['c']:,} rows"
    assert set(written[1:]) == {f"{counts['a']:,}", f"{counts['b']:,}"}


def test_chosen_slices_are_drawn_over_time_by_the_score_in_each_window():
    display = drawn(over_time=["shop=c", "shop=a"], window=200)
    rows, values = display.curves["shop=c"]
    for stop, value in list(zip(rows, values, strict=True))[::20]:
        inside = (FRAME["shop"][stop - 200 : stop] == "c").to_numpy()
        expected = (PREDICTED[stop - 200 : stop][inside] == 0).mean()
        assert value == pytest.approx(expected)
    assert rows[-1] == 2000
    lines = display.time_ax_.get_lines()
    np.testing.assert_array_equal(lines[0].get_ydata(), values)
    assert [text.get_text() for text in display.time_ax_.texts] == ["shop=c", "shop=a"]


def test_a_window_without_rows_of_a_slice_is_a_gap():
    y = np.zeros(100)
    slices = {"late": lambda X: np.arange(100) >= 50, "none": lambda X: np.arange(100) < 0}
    display = SliceDisplay.from_predictions(
        y, y, np.zeros((100, 1)), slices, over_time=["late", "none"], window=10
    )
    _, values = display.curves["late"]
    assert np.isnan(values[0])
    assert values[-1] == 1.0
    assert np.isnan(display.curves["none"][1]).all()


def test_rows_of_weight_zero_are_not_drawn():
    weight = np.where(PREDICTED == Y, 1.0, 0.0)
    display = drawn(sample_weight=weight, over_time=["shop=a"])
    assert display.overall == 1.0
    assert np.nanmin(display.curves["shop=a"][1]) == 1.0


def test_at_most_so_many_slices_are_drawn_those_with_the_most_rows():
    display = drawn(max_slices=2)
    assert set(display.slices_drawn_) == {"shop=a", "shop=b"}


def test_any_metric_names_the_scale():
    def half_right(y_true, y_pred):
        return float((y_true == y_pred).mean()) / 2

    assert drawn(metric=half_right).ax_.get_xlabel() == "half right"
    assert drawn(metric="mean_absolute_error").ax_.get_xlabel() == "mean absolute error"
    assert drawn(metric=lambda y, p: 0.5).label == "<lambda>"


def test_it_draws_on_axes_that_are_given_and_takes_scores_without_a_mean():
    figure, axes = plt.subplots(1, 2)
    display = drawn(over_time=["shop=c"], ax=axes, color="black")
    assert display.figure_ is figure
    assert display.time_ax_ is axes[1]
    assert to_hex(display.ax_.containers[0][0].get_color()) == "#000000"
    scores, curves = slice_scores(Y, PREDICTED, FRAME, SLICES), {"shop=a": ([1, 2], [0.5, 1.0])}
    alone = SliceDisplay(scores, curves=curves).plot()
    assert len(alone.time_ax_.get_lines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"over_time": ["shop=x"]},
            "over_time must be a list of names of slices, such as 'shop=a'",
        ),
        ({"over_time": "shop=a"}, "over_time must be a list of names"),
        ({"window": 0}, r"SliceDisplay\(window=0\)"),
        ({"window": 2001}, r"SliceDisplay\(window=2001\)"),
        ({"max_slices": 0}, r"SliceDisplay\(max_slices=0\)"),
        ({"metric": "junk"}, r"slice_scores\(metric='junk'\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        drawn(**options)


def test_without_a_score_or_a_second_axes_there_is_nothing_to_draw():
    with pytest.raises(ValueError, match="no slice with a score"):
        drawn(sample_weight=np.zeros(len(FRAME)))
    slices = {"none": lambda X: X["shop"] == "z"}
    with pytest.raises(ValueError, match="no slice with a score"):
        SliceDisplay.from_predictions(Y, PREDICTED, FRAME, slices)
    with pytest.raises(ValueError, match="ax holds 1 Axes; pass two of them"):
        drawn(over_time=["shop=a"], ax=plt.gca())


def test_names_beside_the_curves_do_not_overlap():
    display = drawn(over_time=["shop=a", "shop=b", "shop=c"])
    display.figure_.canvas.draw()
    boxes = sorted(
        (text.get_window_extent() for text in display.time_ax_.texts), key=lambda b: b.y0
    )
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))
