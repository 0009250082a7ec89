"""Resampled streams: blocks as long as the memory of the losses, and a drift that is noticed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from skretrain.drift._resample import block_length, resampled_rows, shows_drift, without_step


def ar1(n, correlation, seed=0):
    innovations = np.random.default_rng(seed).normal(size=n)
    innovations[0] /= np.sqrt(1 - correlation**2)
    return lfilter([1], [1, -correlation], innovations)


@pytest.mark.parametrize("correlation", [0.5, 0.8, 0.9])
def test_the_length_is_twice_what_theory_has_for_an_autoregression(correlation):
    n = 20_000
    optimal = (1.5 * (2 * correlation / (1 - correlation**2)) ** 2 * n) ** (1 / 3)
    found = np.median([block_length(ar1(n, correlation, seed)) for seed in range(5)])
    assert found == pytest.approx(2 * optimal, rel=0.15)


def test_independent_and_alternating_values_need_no_blocks():
    assert np.median([block_length(ar1(20_000, 0.0, seed)) for seed in range(9)]) <= 3
    assert block_length(np.tile([0.0, 1.0], 500)) == 1


@pytest.mark.parametrize("n", [100, 1000])
def test_no_block_is_longer_than_a_third_of_the_values_or_three_roots(n):
    length = block_length(np.arange(float(n)))
    assert length == np.ceil(min(n / 3, 3 * np.sqrt(n)))


def test_a_step_is_no_memory():
    values = ar1(4000, 0.0)
    stepped = values + np.repeat([0.0, 2.0], 2000)
    assert block_length(stepped) > 50
    assert block_length(without_step(stepped)) <= 10


def test_the_mean_of_resampled_sequences_varies_as_that_of_the_process():
    values, n = ar1(20_000, 0.8), 2000
    length, rng = block_length(values), np.random.default_rng(0)
    means = [values[resampled_rows(len(values), length, n, rng)].mean() for _ in range(500)]
    assert np.std(means) == pytest.approx(1 / (1 - 0.8) / np.sqrt(n), rel=0.15)


@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 200), st.integers(0, 9))
def test_rows_come_in_blocks_and_after_the_last_comes_the_first(n, length, n_rows, seed):
    rows = resampled_rows(n, length, n_rows, np.random.default_rng(seed))
    assert len(rows) == n_rows
    assert rows.min() >= 0
    assert rows.max() < n
    steps = np.delete(np.diff(rows), np.arange(length - 1, n_rows - 1, length))
    assert ((steps % n) == 1 % n).all()


@pytest.mark.parametrize("correlation", [0.0, 0.8])
@pytest.mark.no_cover
def test_a_shift_of_the_mean_is_noticed_and_a_stationary_sequence_is_none(correlation):
    rng, found = np.random.default_rng(0), {0.0: 0, 6.0: 0}
    unit = np.sqrt((1 + correlation) / (1 - correlation)) / 20
    for seed in range(8):
        for shift in found:
            values = ar1(2000, correlation, seed)
            values[1200:] += shift * values.std() * unit
            length = block_length(without_step(values))
            found[shift] += shows_drift(values, length, rng)
    assert found[0.0] <= 1
    assert found[6.0] >= 7
