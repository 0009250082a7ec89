"""Intervals of means agree with those of scipy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skretrain.metrics._intervals import mean_interval, student_interval, wilson_interval


@settings(max_examples=30)
@given(st.integers(1, 500), st.floats(0, 1), st.floats(0.5, 0.99))
def test_the_interval_of_a_share_is_wilsons(n, share, level):
    k = round(share * n)
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert wilson_interval(k / n, n, level) == pytest.approx(tuple(expected), abs=1e-9)


@given(st.integers(1, 500), st.floats(0, 1))
def test_the_interval_of_a_share_holds_the_share(n, share):
    low, high = wilson_interval(share, n)
    assert 0 <= low <= share <= high <= 1


def test_without_rows_no_share_is_known():
    assert all(map(math.isnan, wilson_interval(math.nan, 0)))


@settings(max_examples=30)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.floats(0.5, 0.99))
def test_the_interval_of_a_mean_is_students(values, level):
    values = np.array(values)
    low, high = mean_interval(len(values), values.sum(), np.square(values).sum(), level)
    error = stats.sem(values)
    if error > 1e-6:
        expected = stats.t.interval(level, len(values) - 1, values.mean(), error)
        assert (low, high) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert low <= values.mean() + 1e-9
    assert high >= values.mean() - 1e-9


def test_the_interval_from_sums_is_that_from_the_moments():
    values = np.arange(7.0) ** 2
    sums = mean_interval(7, values.sum(), np.square(values).sum())
    assert sums == pytest.approx(student_interval(values.mean(), values.var(), 7))
    assert all(map(math.isnan, student_interval(1.0, 0.0, 1)))


@pytest.mark.parametrize("n", [0, 1])
def test_of_fewer_than_two_values_no_spread_is_known(n):
    assert all(map(math.isnan, mean_interval(n, 3.0, 9.0)))
