"""Distances between two samples agree with their definitions, and columns are read as they are."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse, stats

from skretrain.metrics._intervals import student_quantile
from skretrain.metrics._two_samples import (
    Column,
    chi_square_p_value,
    columns_of,
    direction,
    domain_auc,
    is_clock,
    ks_distance,
    ks_p_value,
    level_counts,
    moments,
    movement,
    told_apart,
    total_variation,
    wasserstein_in_deviations,
)


@pytest.mark.parametrize("seed", range(5))
def test_kolmogorov_smirnov_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    old, new = rng.normal(size=30 + seed).round(1), rng.normal(0.5, 2, size=70).round(1)
    expected = stats.ks_2samp(old, new, method="asymp")
    distance = ks_distance(old, new)
    assert distance == pytest.approx(expected.statistic, rel=1e-12)
    p_value = ks_p_value(distance, len(old), len(new))
    assert p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_total_variation_counts_the_rows_that_would_have_to_change():
    counts = level_counts(np.array(["a", "a", "b", "b"]), np.array(["b", "c"]))
    assert counts.tolist() == [[2, 2, 0], [0, 1, 1]]
    assert total_variation(counts[0] / 4, counts[1] / 2) == 0.5


def test_chi_square_is_that_of_scipy_and_one_level_never_moves():
    counts = np.array([[30, 10], [15, 25]])
    assert chi_square_p_value(counts) == stats.chi2_contingency(counts).pvalue
    assert chi_square_p_value(np.array([[30], [15]])) == 1.0


def test_a_student_quantile_of_endlessly_many_is_normal():
    assert student_quantile(0.95, np.inf) == pytest.approx(stats.norm.ppf(0.975))
    assert student_quantile(0.95, 1) == student_quantile(0.95, 2)


def test_frames_and_arrays_give_the_same_columns():
    old = pd.DataFrame({"x": [1.0, np.inf], "n": [1, 2]})
    new = pd.DataFrame({"x": [3.0, 4.0], "n": [2, 2]})
    from_pandas, _ = columns_of(old, new)
    from_polars, _ = columns_of(pl.from_pandas(old), pl.from_pandas(new))
    from_arrays, _ = columns_of(old.to_numpy(), new.to_numpy())
    assert [c.label for c in from_pandas] == ["x", "n"] == [c.label for c in from_polars]
    assert [c.label for c in from_arrays] == ["column 0", "column 1"]
    for columns in (from_pandas, from_polars, from_arrays):
        np.testing.assert_array_equal(columns[0].old, [1.0, np.nan])
        assert all(column.is_numeric for column in columns)


@pytest.mark.parametrize("unit", [1e-300, 1e300, 1.7e308])
def test_numbers_of_any_size_have_a_mean_a_deviation_and_a_direction(unit):
    values = np.tile([-1.0, 0.5, 1.0, 0.0], 10)
    mean, deviation = moments(values * unit)
    assert mean == pytest.approx(values.mean() * unit)
    assert deviation == pytest.approx(values.std() * unit)
    assert moments(np.full(3, unit / 3)) == (pytest.approx(unit / 3), 0.0)
    assert direction(np.r_[np.linspace(-1, -0.9, 50), np.linspace(0.9, 1, 50)] * unit) == 1


def test_a_gap_in_text_is_the_same_gap_however_it_is_written():
    """Chunks of a stream write it as they like: None, NaN, NA."""
    old, new = (np.array([["x"], [gap]], dtype=object) for gap in (None, np.nan))
    (column,), _ = columns_of(old, new)
    assert column.old.tolist() == column.new.tolist()
    (column,), _ = columns_of(old, np.array([["x"], [pd.NA]], dtype=object))
    assert column.old.tolist() == column.new.tolist()


def test_dates_truth_values_and_texts_are_no_numbers():
    old = pd.DataFrame(
        {
            "day": pd.to_datetime(["2024-01-01", None]),
            "gap": pd.to_timedelta([1, None], unit="h"),
            "flag": [True, False],
            "text": ["b", "a"],
        }
    )
    columns, reason = columns_of(old, old)
    assert reason == ""
    assert not any(column.is_numeric for column in columns)
    day, gap, flag, text = (column.old.tolist() for column in columns)
    assert day[0] == 1_704_067_200
    assert gap[0] == 3600
    assert np.isnan([day[1], gap[1]]).all()
    assert (flag, text) == ([1.0, 0.0], [1.0, 0.0])


def test_what_is_no_table_of_columns_says_why():
    assert columns_of(["a"], ["b"]) == (None, "the rows are no table of columns")
    X = sparse.csr_matrix(np.eye(2))
    assert columns_of(X, X) == (None, "the columns are sparse")


def test_a_column_without_values_does_not_move():
    nothing, some = np.full(3, np.nan), np.arange(3.0)
    assert movement(Column("x", nothing, some, True)) is None
    assert movement(Column("x", some, nothing, True)) is None
    assert Column("x", nothing, nothing, True).is_empty
    assert not Column("x", nothing, some, True).is_empty


def test_numbers_move_in_deviations_of_the_old_rows_and_levels_do_not():
    old, new = np.array([-1.0, 1.0] * 50), np.array([1.0, 3.0] * 50)
    moved = movement(Column("x", old, new, True))
    assert moved["in_deviations"] == 2.0
    assert (moved["kind"], moved["distance"]) == ("numeric", 0.5)
    assert movement(Column("x", old, old, True))["in_deviations"] == 0.0
    assert movement(Column("x", np.ones(9), np.ones(9), True))["in_deviations"] == 0.0
    moved = movement(Column("x", old, new, False))
    assert np.isnan(moved["in_deviations"])
    assert (moved["kind"], moved["distance"]) == ("categorical", 0.5)


def test_many_levels_are_taken_together():
    rng = np.random.default_rng(0)
    old, new = (rng.permutation(1000).astype(float) for _ in range(2))
    assert movement(Column("x", old[:500], new[:500], False))["distance"] < 0.2


def test_a_running_number_is_a_clock_and_a_shuffled_one_is_not():
    counter = np.arange(200.0)
    assert is_clock(Column("t", counter[:100], counter[100:], True))
    assert is_clock(Column("t", counter[100:], counter[:100], True))  # set back
    assert not is_clock(Column("t", counter[100::-1], counter[100:], True))
    assert not is_clock(Column("t", np.zeros(100), np.ones(100), True))
    assert is_clock(Column("t", counter[199:99:-1], counter[99::-1], True))  # newest first


@pytest.mark.parametrize(
    ("samples", "way"),
    [
        ([np.arange(50)], 1),
        ([np.repeat(np.arange(50), 3)], 1),
        ([-np.arange(50)], -1),
        ([np.arange(50) % 40], 0),
        ([np.arange(50), np.arange(50)], 1),
        ([np.arange(50), -np.arange(50)], 0),
        ([np.arange(10)], None),
        ([np.repeat(np.arange(20), 100)], None),
        ([np.empty(0)], None),
    ],
)
def test_many_numbers_go_one_way_or_both(samples, way):
    """Within each sample; up, and down as well; few different numbers tell nothing."""
    assert direction(*samples) == way


def test_the_domain_auc_is_a_guess_for_equal_samples_and_one_for_others():
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(2, 300, 2))
    auc, low, high = domain_auc(old, new)
    assert low < 0.5 < high
    assert 0.4 < auc < 0.6
    auc, low, high = domain_auc(old, new + 10)
    assert auc > 0.99
    assert high == 1.0
    assert low > 0.9


def test_equal_values_have_no_deviation_whatever_their_mean_is_rounded_to():
    """A constant that becomes another one has not moved by 1e15 deviations."""
    old, new = np.full(300, 0.1), np.full(300, 0.3)
    assert old.std() > 0, "the premise: a rounded mean leaves a rest"
    assert wasserstein_in_deviations(old, new) == np.inf
    assert movement(Column("x", old, new, is_numeric=True))["in_deviations"] == 0


@pytest.mark.no_cover
def test_each_new_row_has_a_score_that_tells_which_of_them_are_new():
    """By trees of a table, and by a linear model of sparse rows; the AUC is that of the scores."""
    rng = np.random.default_rng(0)
    old, new = rng.poisson(0.5, size=(2, 200, 4)).astype(float)
    new[120:, 1] += 5
    for kind in (np.asarray, sparse.csr_matrix):
        (auc, low, high), scores = told_apart(kind(old), kind(new))
        assert len(scores) == 200
        assert scores[120:].min() > scores[:120].mean()
        assert low < auc < high
        assert 0.6 < auc < 0.8
    assert told_apart(old, new)[0] == domain_auc(old, new)


def test_cells_that_are_lists_are_levels():
    """Equal lists are one level, others another."""
    cells = pl.DataFrame({"a": [[1, 2], [3], [1, 2], [3, 4]]})
    (column,), _ = columns_of(cells[:2], cells[2:])
    assert not column.is_numeric
    assert column.old[0] == column.new[0]
    assert len({column.old[0], column.old[1], column.new[1]}) == 3


def test_means_whose_sum_or_difference_is_no_float_move_without_a_warning():
    """In units of the spread, the largest numbers move as small ones do."""
    rng = np.random.default_rng(0)
    old, new = rng.random(300) - 1.0, rng.random(300)
    expected, found = (
        movement(columns_of(unit * old[:, None], unit * new[:, None])[0][0])["in_deviations"]
        for unit in (1.0, 1.7e308)
    )
    assert found == pytest.approx(expected)
