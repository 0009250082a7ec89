"""Features then and now: who is drawn, the numbers, and the limits of control charts."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import signal, sparse

from skretrain.inspection import FeatureDriftDisplay
from skretrain.inspection._feature_drift_data import by_size, control_chart
from skretrain.metrics._feature_shifts import FeatureShift

RNG = np.random.default_rng(0)
# The second feature moves by a deviation, the third by half of one.
THEN, NOW = RNG.normal(size=(400, 4)), RNG.normal([0, 1, 0.5, 0], size=(300, 4))
COLUMNS = list("abcd")
CONTAINERS = {
    "numpy": lambda X: X,
    "list": lambda X: X.tolist(),
    "pandas": lambda X: pd.DataFrame(X, columns=COLUMNS),
    "polars": lambda X: pl.DataFrame(X, schema=COLUMNS),
    "sparse": sparse.csr_array,
}


def _frames():
    """Numbers, categories, a column with gaps, one that is gone, and a clock."""
    rng = np.random.default_rng(1)
    then, now = (
        pd.DataFrame(
            {
                "number": rng.normal(mean, 1, n),
                "city": rng.choice(["Rome", other], n, p=[0.6 - 0.2 * mean, 0.4 + 0.2 * mean]),
                "gaps": np.where(rng.random(n) < share, np.nan, rng.normal(size=n)),
                "gone": gone,
                "day": pd.date_range("2024", periods=n),
                "row": np.arange(n),
            }
        )
        for n, mean, other, share, gone in [
            (300, 0, "Oslo", 0.05, rng.normal(size=300)),
            (200, 1, "Bonn", 0.5, np.nan),
        ]
    )
    return then, now


def _titles(display):
    return [ax.get_title() for ax in display.axes_]


def _legend(display):
    return [text.get_text() for text in display.figure_.legends[0].get_texts()]


# Which features, and their numbers


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_features_that_moved_are_drawn_with_numpy_s_moments(container):
    convert = CONTAINERS[container]
    display = FeatureDriftDisplay.from_samples(convert(THEN), convert(NOW))
    named = container in ("pandas", "polars")
    names = ["b", "c"] if named else ["column 1", "column 2"]
    assert display.moved == names
    assert list(display.distributions) == names
    for name, j in zip(names, (1, 2), strict=True):
        drawn = display.distributions[name]
        assert drawn.mean_now == pytest.approx(NOW[:, j].mean())
        assert drawn.std_then == pytest.approx(THEN[:, j].std())
    means = f"{THEN[:, 1].mean():.3g} ± {THEN[:, 1].std():.3g}"
    assert _titles(display)[0].startswith(f"{names[0]}\n{means} → ")
    assert _legend(display) == ["then", "now"]


def test_the_table_has_every_feature():
    display = FeatureDriftDisplay.from_samples(THEN, NOW)
    table = display.to_frame().set_index("name")
    assert list(table.index) == [f"column {j}" for j in range(4)]
    assert table.loc["column 1", "moved"]
    np.testing.assert_allclose(table.mean_new, NOW.mean(axis=0))
    np.testing.assert_allclose(table.std_reference, THEN.std(axis=0))


def test_if_none_moved_those_with_the_largest_effects_are_drawn():
    display = FeatureDriftDisplay.from_samples(THEN, THEN[::-1], max_features=2)
    assert display.moved == []
    assert list(display.distributions) == ["column 0", "column 1"]


def test_the_largest_effects_are_drawn_first_and_no_more_than_asked_for():
    display = FeatureDriftDisplay.from_samples(THEN, NOW, max_features=1)
    assert list(display.distributions) == ["column 1"]


@pytest.mark.parametrize("features", ["b", 1, ["b"], [1], np.array([1])])
def test_features_are_named_or_given_by_position(features):
    convert = CONTAINERS["pandas"]
    display = FeatureDriftDisplay.from_samples(convert(THEN), convert(NOW), features)
    assert list(display.distributions) == ["b"]


@pytest.mark.parametrize("feature", ["e", 4, -1, 1.5])
def test_a_feature_that_is_none_is_refused_by_name(feature):
    with pytest.raises(ValueError, match=r"features has .*'column 0', 'column 1'"):
        FeatureDriftDisplay.from_samples(THEN, NOW, [feature])


def test_a_position_among_sparse_rows_is_that_of_the_column():
    """Columns without entries are not compared, and the others keep their places."""
    X = sparse.csr_array(np.where(np.arange(6) % 2, 0, np.tile(THEN[:, :1], 6) + 5))
    assert list(FeatureDriftDisplay.from_samples(X, X, 4).distributions) == ["column 4"]
    with pytest.raises(ValueError, match="features has 1"):
        FeatureDriftDisplay.from_samples(X, X, 1)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"max_features": 0}, "max_features"),
        ({"batch_size": 0}, "batch_size"),
        ({"alpha": 2}, "alpha"),
        ({"min_effect": -1}, "min_effect"),
    ],
)
def test_a_parameter_that_is_none_is_named(options, match):
    with pytest.raises(ValueError, match=match):
        FeatureDriftDisplay.from_samples(THEN, NOW, **options)


def test_where_nothing_can_be_compared_that_is_said():
    clock = pd.DataFrame({"day": pd.date_range("2024", periods=100), "row": np.arange(100)})
    with pytest.raises(ValueError, match="none of the 2 features can be compared"):
        FeatureDriftDisplay.from_samples(clock, clock)


def test_many_names_are_not_all_listed():
    wide = np.tile(THEN[:100], 4)
    with pytest.raises(ValueError, match=r"'column 11', \.\.\."):
        FeatureDriftDisplay.from_samples(wide, wide, "x")


def test_what_moved_comes_before_what_only_looks_so():
    """A large difference of few or dependent rows is proven by none of them."""
    large = FeatureShift("large", "numeric", effect=0.9)
    small, tiny = (FeatureShift(str(e), "numeric", effect=e, moved=True) for e in (0.3, 0.2))
    assert by_size([tiny, large, small]) == [small, tiny, large]


# The panels


def test_what_cannot_be_drawn_has_a_panel_that_says_why():
    display = FeatureDriftDisplay.from_samples(*_frames(), ["gone", "day", "row"], batch_size=50)
    assert set(display.distributions.values()) == {None}
    words = [ax.texts[0].get_text() for ax in display.axes_[::2]]
    assert "no value in any new row" in words[0]
    assert words[1:] == [
        "a time moves by itself: left out",
        "a running number moves by itself: left out",
    ]
    assert display.charts["gone"].name == "share missing"
    assert display.charts["day"] is None
    assert not display.axes_[3].axison


def test_a_display_without_a_reason_says_that_there_is_no_value():
    display = FeatureDriftDisplay([FeatureShift("a", "numeric")], {"a": None}).plot()
    assert display.axes_[0].texts[0].get_text() == "no value then or now"


def test_the_chart_is_of_what_moved():
    """A mean, the share of the category that changed most, or the share of missing values."""
    then, now = _frames()
    names = ["number", "city", "gaps"]
    display = FeatureDriftDisplay.from_samples(then, now, names, batch_size=50)
    batches = np.arange(200) // 50
    expected = {
        "number": ("mean", now.number),
        "city": ("share of Bonn", now.city == "Bonn"),
        "gaps": ("share missing", now.gaps.isna()),
    }
    for name, (what, values) in expected.items():
        chart = display.charts[name]
        assert chart.name == what
        np.testing.assert_allclose(chart.means, values.groupby(batches).mean())
    assert len(display.axes_) == 6
    assert _titles(display)[4].startswith("gaps\nmissing 3")
    assert _titles(display)[1] == "mean\nout of control at row 50"
    assert _titles(display)[2].startswith("city\ndistance 0.")
    assert "beyond the limits" in _legend(display)


def test_categories_that_the_reference_lacks_altogether_are_charted_as_missing():
    then = pd.DataFrame({"a": [None] * 50, "b": [1, 2] * 25})
    now = pd.DataFrame({"a": ["x"] * 50, "b": [1, 2] * 25})
    display = FeatureDriftDisplay.from_samples(then, now, "a", batch_size=25)
    assert display.charts["a"].name == "share missing"
    assert display.charts["a"].center == 1


def test_a_chart_in_control_has_no_marks():
    display = FeatureDriftDisplay.from_samples(THEN, THEN, 0, batch_size=100)
    assert _titles(display)[1] == "mean\nin control"
    assert "beyond the limits" not in _legend(display)


def test_a_long_category_leaves_room_for_its_bar():
    then = pd.DataFrame({"a": ["a very long name of a town", "Oslo"] * 50})
    display = FeatureDriftDisplay.from_samples(then, then)
    labels = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert labels == ["Oslo", "a very long n…"]


def test_it_draws_on_axes_of_one_s_own_and_again_on_others():
    figure, axes = plt.subplots(1, 2)
    display = FeatureDriftDisplay.from_samples(
        THEN, NOW, label_then="May", label_now="June", ax=axes, alpha=0.05
    )
    assert display.figure_ is figure
    assert not figure.legends
    assert axes[0].get_legend_handles_labels()[1] == ["May", "June"]
    _, ax = plt.subplots()
    assert len(display.plot(ax=ax).axes_) == 2
    with pytest.raises(ValueError, match="ax holds 1 Axes, but there are 2 panels"):
        display.plot(ax=axes[:1])


def test_keywords_reach_the_distributions():
    display = FeatureDriftDisplay.from_samples(THEN, NOW, 1, linewidth=3)
    assert {patch.get_linewidth() for patch in display.axes_[0].patches} == {3}


@pytest.mark.no_cover
def test_with_charts_features_stand_two_by_two_once_there_are_many():
    display = FeatureDriftDisplay.from_samples(THEN, NOW, [0, 1, 2, 3], batch_size=100)
    spec = display.axes_[0].get_subplotspec()
    assert spec.get_gridspec().get_geometry() == (2, 4)


def test_without_matplotlib_the_way_to_install_it_is_told(monkeypatch):
    display = FeatureDriftDisplay.from_samples(THEN, NOW)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"skretrain\[plot\]"):
        display.plot()


# Control charts


def test_an_ewma_and_its_limits_are_the_textbook_s():
    """Of equal batches: a geometric average, and its standard error to the power of time."""
    reference, new = RNG.normal(3, 2, size=5000), RNG.normal(3, 2, size=240)
    chart = control_chart("mean", reference, new, 20)
    k = np.arange(1, 13)
    means = new.reshape(12, 20).mean(axis=1)
    weights = 0.2 * 0.8 ** (k[:, None] - k)
    average = 0.8**k * reference.mean() + (np.tril(weights) * means).sum(axis=1)
    np.testing.assert_allclose(chart.ewma, average)
    variance = 0.2 / 1.8 * (1 - 0.8 ** (2 * k)) / 20 + 1 / 5000
    width = 3 * reference.std() * np.sqrt(variance)
    np.testing.assert_allclose(chart.upper - chart.center, width, rtol=1e-6)
    np.testing.assert_allclose(chart.center - chart.lower, width, rtol=1e-6)
    assert chart.rows.tolist() == (20 * k).tolist()


def test_what_is_left_is_the_last_batch_and_a_batch_without_values_changes_nothing():
    new = np.concatenate([np.ones(10), np.full(10, np.nan), np.ones(5)])
    chart = control_chart("mean", RNG.normal(size=100), new, 10)
    assert chart.rows.tolist() == [10, 20, 25]
    assert np.isnan(chart.means).tolist() == [False, True, False]
    assert chart.ewma[0] == chart.ewma[1] < chart.ewma[2]
    assert chart.upper[0] == chart.upper[1] < chart.upper[2]


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_a_stationary_series_is_in_control(correlation):
    """Also where rows resemble the rows before: of 100 charts of 20 batches, few ring."""
    rng = np.random.default_rng(0)
    rung = 0
    for _ in range(100):
        noise = signal.lfilter([1], [1, -correlation], rng.normal(size=2000))
        rung += control_chart("mean", noise[:1000], noise[1000:], 50).is_out.any()
    assert rung <= 10


@pytest.mark.parametrize(("now", "is_out"), [(0.1, False), (0.2, True)])
def test_a_constant_is_in_control_until_it_changes(now, is_out):
    chart = control_chart("mean", np.full(1000, 0.1), np.full(50, now), 50)
    assert (chart.is_out == is_out).all()
