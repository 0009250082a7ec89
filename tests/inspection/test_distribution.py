"""A feature then and now: the numbers are numpy's, in every container."""

import datetime
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.patches import StepPatch
from scipy import sparse
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.inspection import DistributionDisplay

RNG = np.random.default_rng(0)
THEN, NOW = RNG.normal(5, 2, size=(400, 3)), RNG.normal(6, 1, size=(100, 3))
COLUMNS = ["a", "b", "c"]

CONTAINERS = {
    "numpy": lambda X: X,
    "list": lambda X: X.tolist(),
    "pandas": lambda X: pd.DataFrame(X, columns=COLUMNS),
    "polars": lambda X: pl.DataFrame(X, schema=COLUMNS),
    "csr matrix": sparse.csr_matrix,
    "csc array": sparse.csc_array,
}


def _draw(then, now, **options):
    """The display of two single columns."""
    return DistributionDisplay.from_frames(then, now, "x", **options)


def _texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# The numbers


@pytest.mark.parametrize(
    ("container", "feature"),
    [*((container, 1) for container in CONTAINERS), ("pandas", "b"), ("polars", "b")],
)
def test_moments_and_densities_are_numpy_s_in_every_container(container, feature):
    convert = CONTAINERS[container]
    named = container in ("pandas", "polars")
    display = DistributionDisplay.from_frames(convert(THEN), convert(NOW), feature)
    for when, X in (("then", THEN), ("now", NOW)):
        values = X[:, 1]
        assert getattr(display, f"mean_{when}") == pytest.approx(values.mean())
        assert getattr(display, f"std_{when}") == pytest.approx(values.std())
        assert getattr(display, f"n_{when}") == len(values)
        assert getattr(display, f"n_missing_{when}") == 0
        expected = np.histogram(values, display.bin_edges, density=True)[0]
        np.testing.assert_allclose(getattr(display, f"density_{when}"), expected)
    assert display.feature == ("b" if named else "feature 1")
    assert display.total_variation is None


def test_the_standardized_mean_difference_is_in_root_mean_square_deviations():
    display = DistributionDisplay.from_frames(THEN, NOW, 0)
    then, now = THEN[:, 0], NOW[:, 0]
    expected = (now.mean() - then.mean()) / np.sqrt((then.var() + now.var()) / 2)
    assert display.standardized_mean_difference == pytest.approx(expected)


@pytest.mark.parametrize(("now", "expected"), [(3.0, 0.0), (4.0, np.inf), (2.0, -np.inf)])
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e17])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_constant_features_are_drawn(now, expected, scale):
    display = _draw(np.full(50, 3 * scale), np.full(40, now * scale))
    assert display.standardized_mean_difference == expected
    for density in (display.density_then, display.density_now):
        assert np.sum(density * np.diff(display.bin_edges)) == pytest.approx(1)
    assert (np.diff(display.bin_edges) > 0).all()
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize(
    ("then", "n_missing"),
    [
        (np.array([1.0, np.nan, 3.0, np.inf, -np.inf]), 3),
        (np.array([1, None, 3, float("nan")], dtype=object), 2),
        (pd.Series([1, None, 3], dtype="Int64"), 1),
        (pd.Series([1.0, None, 3.0]), 1),
        (pl.Series("x", [1, None, 3]), 1),
        (np.array([1, np.inf, 3], dtype=object), 1),
    ],
)
def test_missing_values_are_counted_and_left_out(then, n_missing):
    display = _draw(then, np.array([2.0, 4.0]))
    assert (display.n_then, display.n_missing_then) == (2, n_missing)
    assert (display.mean_then, display.std_then) == (2.0, 1.0)
    assert _texts(display)[0].endswith(f"\n2 rows, {n_missing} missing")


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (["a", "b", "a", "a"], ["c", "b"]),
        (np.array(["a", "b", "a", "a"]), np.array(["c", "b"])),
        (np.array(["a", None, "b", "a", "a"], dtype=object), np.array(["c", "b"], dtype=object)),
        (pd.Series(["a", "b", None, "a", "a"]), pd.Series(["c", "b"], dtype="category")),
        (pd.Series(["a", "b", pd.NA, "a", "a"], dtype="string"), pd.Series(["c", "b"])),
        (pl.Series("x", ["a", "b", None, "a", "a"]), pl.Series("x", ["c", "b"])),
    ],
)
def test_shares_of_categories_are_counted(then, now):
    display = _draw(then, now)
    assert display.categories == ["a", "b", "c"]
    np.testing.assert_allclose(display.density_then, [0.75, 0.25, 0.0])
    np.testing.assert_allclose(display.density_now, [0.0, 0.5, 0.5])
    assert display.n_missing_then == len(then) - 4
    assert display.total_variation == pytest.approx(0.75)
    assert display.standardized_mean_difference is None
    assert display.mean_then is None


@pytest.mark.parametrize(
    "then",
    [
        np.array([True, False]),
        pl.Series("x", [True, False]),
        pd.Series([1, 0], dtype="category"),
        np.array([1 + 2j, 0]),
    ],
)
def test_flags_and_declared_categories_are_no_numbers(then):
    assert _draw(then, then).bin_edges is None


def test_numbers_are_categories_where_one_asks_for_them():
    display = _draw([1, 1, 2], [1.0, 3.0], kind="categorical")
    assert display.categories == [1, 2, 3] or display.categories == [1.0, 3.0, 2.0]
    assert sum(display.density_then) == sum(display.density_now) == 1


def test_a_number_that_became_a_text_is_a_category():
    display = _draw(np.array([1, 2]), np.array(["1", "?"]))
    assert len(display.categories) == 4
    assert display.total_variation == 1


def test_rare_categories_share_a_bar():
    then = [*"aaaabbbcc", "d", "e"]
    display = _draw(then, then, max_categories=2)
    assert display.categories == ["a", "b", "(3 others)"]
    np.testing.assert_allclose(display.density_then, np.array([4, 3, 4]) / 11)


# Bins


def test_whole_numbers_have_bins_of_whole_width_around_them():
    then, now = RNG.poisson(4, size=(2, 400))
    edges = _draw(then, now).bin_edges
    np.testing.assert_array_equal(np.diff(edges), 1)
    assert edges[0] == min(then.min(), now.min()) - 0.5
    assert edges[-1] == max(then.max(), now.max()) + 0.5
    wide = _draw(then * 100, now * 100).bin_edges
    assert np.diff(wide).min() == np.diff(wide).max() == np.round(np.diff(wide)[0]) > 1


@pytest.mark.parametrize(("n_rows", "n_bins"), [(4, 5), (100, 10), (10_000, 40)])
def test_the_number_of_bins_is_the_root_of_the_rows_within_limits(n_rows, n_bins):
    assert len(_draw(RNG.random(n_rows), RNG.random(20_000)).density_now) == n_bins


def test_bins_can_be_chosen():
    assert len(_draw(THEN[:, 0], NOW[:, 0], bins=7).density_then) == 7
    display = _draw(np.arange(10.0), np.arange(4.0), bins=[0, 2, 5])
    np.testing.assert_allclose(display.density_then, [2 / 10 / 2, 4 / 10 / 3])
    assert _texts(display)[0].endswith("10 rows, 4 beyond the axis")
    assert _texts(display)[1].endswith("4 rows")


def test_far_outliers_leave_the_picture_and_are_counted():
    then = np.r_[THEN[:, 0], 1e6]
    display = _draw(then, NOW[:, 0])
    assert display.bin_edges[-1] < 50
    assert display.ax_.get_xlim()[1] < 50
    assert "1 beyond the axis" in _texts(display)[0]
    assert display.mean_then == pytest.approx(then.mean())


def test_a_few_rows_far_away_stay_in_the_picture_if_they_are_what_is_new():
    display = _draw(RNG.normal(size=10_000), RNG.normal(100, 1, size=20))
    assert display.bin_edges[-1] > 100


def test_a_feature_that_is_nearly_always_zero_is_shown_as_a_whole():
    then = np.r_[np.zeros(1000), 7.5]
    assert _draw(then, then).bin_edges[-1] == 7.5


# What is drawn


def test_histograms_means_and_deviations_are_drawn_where_they_are():
    display = DistributionDisplay.from_frames(THEN, NOW, 2)
    then, now = [p for p in display.ax_.patches if isinstance(p, StepPatch)]
    for patch, density in ((then, display.density_then), (now, display.density_now)):
        np.testing.assert_array_equal(patch.get_data().values, density)
        np.testing.assert_array_equal(patch.get_data().edges, display.bin_edges)
    assert (then.get_hatch(), bool(now.get_hatch())) == (None, True)
    verticals = [line for line in display.ax_.lines if len(line.get_xdata()) == 2]
    means = [line.get_xdata() for line in verticals if np.ptp(line.get_xdata()) == 0]
    np.testing.assert_allclose(means, [[display.mean_then] * 2, [display.mean_now] * 2])
    assert verticals[0].get_linestyle() != verticals[1].get_linestyle()
    bars = [bar.lines[2][0].get_segments()[0][:, 0] for bar in display.ax_.containers]
    for bar, mean, std in zip(
        bars, (display.mean_then, display.mean_now), (display.std_then, display.std_now)
    ):
        np.testing.assert_allclose(bar, [mean - std, mean + std])
    assert display.ax_.get_xlabel() == "feature 2"


def test_the_numbers_stand_in_the_legend_and_the_title():
    display = _draw(np.array([0.0, 2.0]), np.array([2.0, 4.0, np.nan]), label_now="last week")
    assert _texts(display) == [
        "then: mean 1, sd 1\n2 rows",
        "last week: mean 3, sd 1\n2 rows, 1 missing",
    ]
    assert display.ax_.get_title() == "standardized mean difference +2.00"


def test_categories_are_paired_bars_the_largest_on_top():
    display = _draw(["a" * 60, "b", "b"], ["b", "c"])
    then, now = display.ax_.containers
    np.testing.assert_allclose([bar.get_width() for bar in then], display.density_then)
    np.testing.assert_allclose([bar.get_width() for bar in now], display.density_now)
    assert (then[0].get_hatch(), bool(now[0].get_hatch())) == (None, True)
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == ["b", "c", "a" * 27 + "…"]
    assert display.ax_.yaxis_inverted()
    assert _texts(display) == ["then: 3 rows", "now: 2 rows"]
    assert display.ax_.get_title() == "total variation distance 0.50"


@pytest.mark.parametrize("values", [THEN[:, 0], ["a", "b"]])
def test_an_axes_of_ones_own_and_keywords_are_used(values):
    figure, ax = plt.subplots()
    display = _draw(values, values, ax=ax, linewidth=4)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert {patch.get_linewidth() for patch in ax.patches} == {4}
    assert len(plt.get_fignums()) == 1
    assert display.plot() is display


@pytest.mark.parametrize("size", [(6.4, 4.4), (4.0, 3.0)])
@pytest.mark.parametrize("values", [THEN[:, 0], ["a", "b"]])
@pytest.mark.no_cover
def test_the_legend_lies_below_the_axes_and_inside_the_figure(values, size):
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    display = _draw(values, values, ax=ax)
    figure.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.y1 < ax.xaxis.label.get_window_extent().y0
    assert figure.bbox.x0 <= legend.x0 < legend.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= legend.y0


# Then, from what a retrainer remembers


@pytest.mark.parametrize("container", ["numpy", "pandas", "polars", "csr matrix"])
def test_then_is_what_the_retrainer_remembers(container):
    if container == "csr matrix":
        from sklearn.linear_model import SGDClassifier as Base
    else:
        Base = GaussianNB
    convert = CONTAINERS[container]
    model = DriftAwareRetrainer(Base(), detector=None).fit(convert(THEN), np.arange(400) % 2)
    model.partial_fit(convert(NOW), np.arange(100) % 2)
    display = DistributionDisplay.from_estimator(model, convert(NOW), 1)
    assert (display.n_then, display.n_now) == (500, 100)
    assert display.mean_then == pytest.approx(np.r_[THEN, NOW][:, 1].mean())
    display = DistributionDisplay.from_estimator(model, convert(NOW), 1, before=400, bins=5)
    assert display.n_then == 400
    assert display.mean_then == pytest.approx(THEN[:, 1].mean())
    assert len(display.density_then) == 5


def test_rows_that_are_not_remembered_are_named():
    model = DriftAwareRetrainer(GaussianNB()).fit(THEN, np.arange(400) % 2)
    with pytest.raises(ValueError, match="before=0, but the rows remembered are 0 to 399; raise"):
        DistributionDisplay.from_estimator(model, NOW, 0, before=0)
    model.buffer_.reset()
    model.buffer_.add(THEN[:0], np.zeros(0), {}, 0)
    with pytest.raises(ValueError, match="estimator remembers no rows; fit it first"):
        DistributionDisplay.from_estimator(model, NOW, 0)


# What is refused


@pytest.mark.parametrize(
    ("X", "feature", "message"),
    [
        (THEN, 3, r"feature=3 is not a column of X_then, which has positions 0 to 2\."),
        (THEN, -1, "feature=-1 is not a column"),
        (THEN, "a", "feature='a' is not a column of X_then, which has positions 0 to 2"),
        (CONTAINERS["pandas"](THEN), "d", r"positions 0 to 2 and the names a, b, c\."),
        (pd.DataFrame(np.zeros((2, 20))).add_prefix("f"), "d", r"f11, \.\.\.\."),
    ],
)
def test_a_feature_that_is_not_there_is_named_with_those_that_are(X, feature, message):
    with pytest.raises(ValueError, match=message):
        DistributionDisplay.from_frames(X, X, feature)
    assert plt.get_fignums() == []


def test_a_column_s_name_goes_before_its_position():
    X = pd.DataFrame({1: [0.0, 0.0], 0: [5.0, 5.0]})
    assert DistributionDisplay.from_frames(X, X, 0).mean_then == 5
    repeated = pd.DataFrame([[1.0, 9.0]], columns=["a", "a"])
    assert DistributionDisplay.from_frames(repeated, repeated, 1).mean_then == 9


@pytest.mark.parametrize(
    ("then", "options", "message"),
    [
        ([1.0, 2.0], {"kind": "text"}, "kind must be auto, numeric or categorical; got 'text'"),
        (["a", "b"], {"kind": "numeric"}, "kind='numeric', but feature 'x' has values that are"),
        ([1.0, 2.0], {"bins": 0}, "bins must be an integer of at least 1"),
        (["a", "b"], {"max_categories": 0}, "max_categories must be an integer"),
        ([np.nan, np.nan], {}, "feature 'x' has no value in any of the 2 rows of X_then"),
        (pd.Series([None, None]), {}, "feature 'x' has no value in any of the 2 rows of X_then"),
        (pd.Series([datetime.datetime(2024, 1, 1)]), {}, "feature 'x' holds dates or durations"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_way_out(then, options, message):
    with pytest.raises(ValueError, match=message):
        _draw(then, then, **options)
    assert plt.get_fignums() == []


def test_without_matplotlib_the_error_names_the_caller_and_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^DistributionDisplay.plot needs matplotlib"):
        _draw([1.0], [1.0])


def test_values_whose_square_overflows_are_refused_with_a_way_out():
    """Neither a mean nor a bin width could be told from infinity."""
    huge = np.array([0.0, 1e200, -1e300])
    with pytest.raises(ValueError, match="pass its logarithm or its rank"):
        DistributionDisplay.from_frames(huge[:, None], huge[:, None], 0)
