"""Evidence of a rise: each of its parts is an e-value, the least product is what it claims."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from skretrain.utils._rises import (
    _LEVELS,
    Dispersion,
    RiseTest,
    _log_at_least,
    _log_at_most,
    usual_dispersion,
)

BATCHES = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=12), min_size=2, max_size=12)


def shown(batches, usual=1.0):
    test = RiseTest()
    for batch in batches:
        test.update(np.asarray(batch, dtype=float), usual)
    return test


def column(values):
    return np.asarray(values, dtype=float)[:, np.newaxis]


def mean_at_level(logs, n, level):
    """Return the mean of an e-value of binomial counts of n, by enumeration."""
    with np.errstate(under="ignore"):
        # In logarithms: an e-value may exceed the largest float where its probability is none.
        return float(np.exp(binom.logpmf(np.arange(n + 1), n, level) + logs).sum())


@pytest.mark.parametrize("n", [1, 2, 5, 20, 100, 400, 2000])
def test_of_a_reference_with_a_mean_at_the_level_the_evidence_has_a_mean_of_one_at_most(n):
    """And not much less in long ones: the constant is the right one."""
    counts = column(np.arange(n + 1))
    logs = _log_at_least(np.full_like(counts, n), np.minimum((counts + 1) / n, 1))
    means = [mean_at_level(logs[:, k], n, _LEVELS[k]) for k in range(1, 256, 3)]
    assert max(means) <= 1
    assert n < 400 or max(means) > 0.85


@pytest.mark.parametrize("n", [1, 3, 20, 150])
def test_of_values_with_a_mean_at_the_level_the_bets_have_a_mean_of_one(n):
    """It is exactly one where there is a bet, and no more where the mean is below the level."""
    counts = column(np.arange(n + 1))
    logs = _log_at_most(np.full_like(counts, n), counts / n)
    at_level = [mean_at_level(logs[:, k - 1], n, _LEVELS[k]) for k in range(1, 256, 5)]
    np.testing.assert_allclose(at_level, 1, rtol=1e-9)
    below = [mean_at_level(logs[:, k - 1], n, _LEVELS[k - 1]) for k in range(2, 256, 5)]
    assert max(below) <= 1
    np.testing.assert_array_equal(logs[:, -1], 0)


@given(st.integers(1, 300), st.floats(0, 1), st.integers(1, 300), st.floats(0, 1))
def test_between_two_levels_nothing_is_less_than_what_is_claimed(n_before, p, n_after, q):
    """For each level of a fine grid inside: the product there, of the two nearest on the grid."""
    before, after = column([max(p, 1 / n_before)]), column([q])
    least = _log_at_least(column([n_before]), before)[0]
    most = _log_at_most(column([n_after]), after)[0]
    assert np.all(np.diff(least) >= -1e-9)  # so the lower end is the least one
    claimed = (least + most).min()
    for k in range(256):
        assert claimed <= least[k] + most[k]


def outcomes(means, n, usual, *, so_far=()):
    """Yield all numbers of losses of batches of n, their probability, and the test after each."""
    if len(so_far) == len(means):
        yield 1.0, so_far
        return
    for count in range(n + 1):
        test = copy.deepcopy(so_far[-1]) if so_far else RiseTest()
        test.update(np.arange(n) < count, usual)
        here = float(binom.pmf(count, n, means[len(so_far)]))
        for probability, tests in outcomes(means, n, usual, so_far=(*so_far, test)):
            yield here * probability, tests


@pytest.mark.parametrize(
    ("means", "usual"), [([0.3] * 3, 1.0), ([0.3] * 3, 4.0), ([0.65, 0.5, 0.35], 1.0)]
)
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_where_nothing_rises_evidence_has_a_mean_of_one_at_most_at_each_batch(means, usual):
    """By enumeration; that of the process also where one stops as soon as there is some."""
    at_batch, stopped = np.zeros(3), 0.0
    for probability, tests in outcomes(means, 12, usual):
        at_batch += probability * np.exp([test.log_e_value for test in tests])
        capitals = np.exp([test.log_e_process for test in tests])
        stopped += probability * next((c for c in capitals if c > 0.02), capitals[-1])
    assert np.all(at_batch[1:] > 0.001)
    assert np.all(at_batch <= 1)
    assert stopped <= 1


def test_the_weight_of_a_date_falls_with_its_number_and_those_of_all_are_one_together():
    """That of date b is 30 / (b + 29) - 30 / (b + 30), seen where it alone has evidence."""
    for n_before in range(1, 9):
        test = shown([[0.0] * 2] * (n_before - 1) + [[0.0] * 300, [1.0] * 300])
        share = math.exp(test.log_e_process - test.log_e_value) / len(test._dates)
        assert share == pytest.approx(30 / (n_before + 29) - 30 / (n_before + 30))


def least_product(m, s, n, t, phi):
    """Return the logarithm of the least product of both e-values, over pairs of levels."""
    p, logs = min((s + 1) / m, 1), []
    for k in range(256):
        below, r, above = _LEVELS[k], _LEVELS[k + 1], _LEVELS[k + 2 : 256]
        reference = bets = 0.0
        if p < below:
            kl = p * math.log(p / below) + (1 - p) * math.log((1 - p) / (1 - below))
            reference = 0.9 * m / phi * kl
        if len(above):
            ratio = t * np.log(above / r) + (n - t) * np.log((1 - above) / (1 - r))
            bets = np.logaddexp.reduce(ratio / phi) - math.log(len(above))
        logs.append(reference + bets)
    return min(logs) - math.log(1 / 2 + 1 / 2 / math.sqrt(0.1))


@pytest.mark.parametrize("usual", [1.0, 4.0])
def test_it_is_the_mean_over_dates_and_references_of_the_least_product_over_levels(usual):
    """Against the formula, written down once more."""
    rng = np.random.default_rng(0)
    batches = [*(rng.random((4, 30)) < 0.2), *(rng.random((2, 30)) < 0.7)]
    sums = np.array([batch.sum() for batch in batches], dtype=float)
    test = shown(batches, usual)
    assert (test._dates[:, -1] > 1).all() == (usual > 1)
    logs = [
        least_product(
            30 * (date - begin), sums[begin:date].sum(), 30 * (6 - date), sums[date:].sum(), phi
        )
        for date, phi in zip(test._dates[:, 0].astype(int), test._dates[:, -1], strict=True)
        for begin in (0, date // 2)
    ]
    expected = np.logaddexp.reduce(logs) - math.log(len(logs))
    assert test.log_e_value == pytest.approx(
        expected, abs=0.01
    )  # dates that show nothing are left out


@given(BATCHES, st.randoms(use_true_random=False))
@settings(max_examples=40)
@pytest.mark.no_cover
def test_the_order_of_the_values_of_a_batch_does_not_matter(batches, random):
    one = shown(batches)
    for batch in batches:
        random.shuffle(batch)
    other = shown(batches)
    assert (one.log_e_value, one.log_e_process) == (other.log_e_value, other.log_e_process)


@given(BATCHES)
@settings(max_examples=40)
def test_a_loss_more_before_is_less_evidence_and_one_more_at_the_end_is_no_less(batches):
    """Exactly, where there is one date."""
    before, after = np.concatenate(batches[:-1]), np.asarray(batches[-1])
    evidence = shown([before, after]).log_e_value
    for k in np.flatnonzero(before == 0)[:1]:
        assert shown([np.r_[before[:k], 1, before[k + 1 :]], after]).log_e_value <= evidence + 1e-9
    for k in np.flatnonzero(after == 0)[:1]:
        assert shown([before, np.r_[after[:k], 1, after[k + 1 :]]]).log_e_value >= evidence - 1e-9


def test_a_mean_that_falls_is_no_evidence_and_does_not_hide_what_comes_after():
    """A base that learns, from 0.6 to 0.1, and is as bad as a third of that at once."""
    means = 0.1 + 0.5 * np.exp(-np.arange(60) / 10)
    test = RiseTest()
    for mean in means:
        test.update(np.arange(40) < 40 * mean)
        assert test.log_e_value < 0
    for _ in range(4):
        test.update(np.arange(40) < 14)
    assert test.log_e_value > 9
    assert test.rise.before < 0.2
    assert (test.rise.n_after, test.rise.after) == (160, 0.35)


def test_fractions_count_as_much_as_what_they_sum_up_to():
    """Losses over several outputs: no more evidence than 0/1 losses with the same sums."""
    whole = shown([np.arange(20) < 4] * 5 + [np.arange(20) < 15])
    parts = shown([np.full(20, 0.2)] * 5 + [np.full(20, 0.75)])
    assert parts.log_e_value == pytest.approx(whole.log_e_value)
    assert shown([np.full(7, 0.1)] * 3 + [np.ones(7)]).log_e_value < np.inf


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_without_any_variation_there_is_no_evidence_and_no_warning(level):
    test = shown([np.full(20, level)] * 10)
    assert (test.log_e_value, test.log_e_process, test.rise) == (-math.inf, -math.inf, None)


def test_of_a_perfect_model_the_first_errors_are_found():
    test = shown([np.zeros(20)] * 20)
    assert test.rise is None
    test.update(np.arange(20) < 10)
    assert test.log_e_value > 15


def test_what_is_remembered_grows_with_the_logarithm_of_the_batches():
    test, batch = RiseTest(), np.zeros(1)
    for _ in range(400):
        test.update(batch)
    assert len(test._dates) <= 20
    assert len(pickle.dumps(test)) < 1500
    ages = test.n_batches - test._dates[::-1, 0]
    # Whenever a rise began, there is a date that has missed no more than a third of it.
    assert np.all(ages[1:] <= 1.5 * ages[:-1] + 1)


# -- batches that are further apart than those of independent values ---------------------------


def dispersion_of(batches):
    return shown(batches).dispersion


@pytest.mark.parametrize(("copied", "expected"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)])
def test_the_dispersion_is_the_variance_of_means_over_that_of_independent_values(copied, expected):
    """Of values that copy the one before with a probability c, it is (1 + c) / (1 - c)."""
    rng = np.random.default_rng(1)
    values = rng.random(120_000) < 0.3
    for row in np.flatnonzero(rng.random(len(values)) < copied)[1:]:
        values[row] = values[row - 1]
    found = dispersion_of(values.reshape(-1, 200))
    assert found.n == 599
    assert found.total / found.n == pytest.approx(expected, rel=0.12 if copied < 0.8 else 0.4)


def test_a_single_change_counts_for_sixteen_pairs_of_batches_at_most():
    assert dispersion_of([[0.0] * 500, [1.0] * 500]).total == 16


@pytest.mark.parametrize("n", [1, 3, 20, 150])
@pytest.mark.parametrize("dispersion", [1.2, 3.0, 16.0])
def test_with_any_dispersion_both_kinds_of_evidence_have_a_mean_of_one_at_most(n, dispersion):
    """By enumeration: of a reference at the level, and of values at the level or below it."""
    counts = column(np.arange(n + 1))
    worth = np.full_like(counts, n / dispersion)
    least = _log_at_least(worth, np.minimum((counts + 1) / n, 1))
    most = _log_at_most(worth, counts / n)
    for k in range(1, 256, 5):
        assert mean_at_level(least[:, k], n, _LEVELS[k]) <= 1
        assert mean_at_level(most[:, k - 1], n, _LEVELS[k]) <= 1 + 1e-9
        assert mean_at_level(most[:, k - 1], n, _LEVELS[k - 1]) <= 1 + 1e-9


@given(BATCHES, st.floats(1, 50))
def test_a_reference_that_scatters_is_no_more_evidence(batches, usual):
    counts, sizes = column([sum(batch) for batch in batches]), column([len(b) for b in batches])
    means = np.minimum((counts + 1) / sizes, 1)
    assert np.all(_log_at_least(sizes / usual, means) <= _log_at_least(sizes, means) + 1e-12)


def test_what_was_seen_before_goes_on_to_be_counted():
    first = shown([[0] * 30, [1] * 30] * 3)
    again = RiseTest(first.dispersion)
    assert again.dispersion.n == 5
    again.update(np.zeros(30))
    assert again.dispersion.n == 5
    again.update(np.ones(30))
    assert again.dispersion.n == 6


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_small_batches_are_taken_together_until_there_are_twenty_values(size):
    """Runs show from block to block, however few values come at a time."""
    values = (np.random.default_rng(2).random(1_260) < 0.3).astype(float)
    n_block = -(-20 // size) * size
    found = dispersion_of(values.reshape(-1, size))
    expected = dispersion_of(values.reshape(-1, n_block))
    assert found.n == expected.n == 1_260 // n_block - 1
    assert found.total == expected.total


def test_what_comes_in_runs_is_no_rise_with_one_value_at_a_time_either():
    """Where each value copies the one before with probability 1/2, and seems to rise then."""
    rng, most = np.random.default_rng(0), []
    for _ in range(12):
        values = rng.random(500) < 0.15
        for row in np.flatnonzero(rng.random(500) < 0.5)[1:]:
            values[row] = values[row - 1]
        tests = RiseTest(), RiseTest(Unaware())
        shows = []
        for value in values:
            for test in tests:
                test.update(np.array([value], dtype=float))
            shows.append([test.log_e_value for test in tests])
        most.append(np.max(shows, axis=0))
    found, unaware = (np.array(most) > math.log(1_000)).sum(axis=0)
    assert found <= unaware / 3


class Unaware(Dispersion):
    """Of values that are taken to be independent."""

    def beside(self, usual):
        return 1.0


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 16)), max_size=8), st.floats(1, 16))
def test_a_dispersion_is_between_what_is_usual_and_its_own(pairs, usual):
    parts = []
    for n, mean in pairs:
        parts.append(Dispersion())
        for _ in range(n):
            parts[-1].add(mean)
    for part in parts:
        own = part.total / part.n if part.n else usual
        bounds = sorted([usual, own])
        assert max(bounds[0], 1) - 1e-9 <= part.beside(usual) <= max(bounds[1], 1) + 1e-9
    assert 1 <= usual_dispersion(parts) <= max([1.0, *(mean for _, mean in pairs)])
    assert usual_dispersion([]) == 1
