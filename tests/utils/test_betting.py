"""Tests by betting: their level, their power, and a plain loop as the oracle."""

import math
import pickle

import numpy as np
import pytest
from scipy.stats import binom

from skretrain.utils._betting import BettingProcess, upper_confidence_bound

FRACTIONS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)


def _by_hand(values, bound, low, idle, share, size):
    """Return the capital after each batch: plain numbers, one gambler after the other."""
    sizes = [0.0, *FRACTIONS] if idle else list(FRACTIONS)
    start = [idle if f == 0 else (1 - idle) / 5 for f in sizes]
    capitals, after = list(start), []
    for first in range(0, len(values), size):
        batch = values[first : first + size]
        for j, fraction in enumerate(sizes):
            for value in batch:
                capitals[j] *= 1 + fraction / (bound - low) * (value - bound)
        total = sum(capitals)
        after.append(total)
        kept = (1 - share) ** len(batch)
        capitals = [kept * c + (1 - kept) * total * s for c, s in zip(capitals, start)]
    return after


@pytest.mark.parametrize(
    ("low", "idle", "share"), [(0.0, 0.0, 0.0), (0.0, 0.75, 0.001), (-1.0, 0.0, 0.0)]
)
@pytest.mark.parametrize("size", [1, 7, 60])
def test_it_is_the_capital_of_gamblers_counted_by_hand(low, idle, share, size):
    values = np.random.default_rng(0).uniform(low, 1, 120)
    process = BettingProcess(0.3, low, idle=idle, share=share)
    mine = [process.update(values[k : k + size]) for k in range(0, 120, size)]
    expected = _by_hand(values.tolist(), 0.3, low, idle, share, size)
    np.testing.assert_allclose(np.exp(mine), expected, rtol=1e-12)
    assert process.log_wealth == pytest.approx(mine[-1], abs=1e-12)


def test_order_never_matters_without_a_share_nor_how_the_values_are_cut():
    values = np.random.default_rng(1).uniform(size=200)
    whole, cut = BettingProcess(0.4), BettingProcess(0.4)
    whole.update(np.sort(values))
    for k in range(200):
        cut.update(values[k : k + 1])
    assert whole.log_wealth == pytest.approx(cut.log_wealth, abs=1e-10)


def test_the_order_within_a_batch_never_matters():
    """Not even with a share: a sorted batch is no evidence."""
    values = np.repeat([1.0, 0.0], [50, 450])
    one, other = BettingProcess(0.1, share=0.001), BettingProcess(0.1, share=0.001)
    for _ in range(20):
        assert one.update(values) == pytest.approx(other.update(values[::-1]), abs=1e-12)
    assert one.log_wealth < 1


@pytest.mark.parametrize("low", [0.0, -1.0])
@pytest.mark.parametrize("share", [0.0, 0.001])
def test_at_the_bound_the_capital_is_a_fair_game(low, share):
    """Its expectation over all sequences of two-valued losses is exactly 1."""
    bound, expected = 0.25, 0.0
    p = (bound - low) / (1 - low)
    for number in range(2**8):
        values = np.array([1.0 if number >> k & 1 else low for k in range(8)])
        process = BettingProcess(bound, low, idle=0.5, share=share)
        for part in np.split(values, 4):
            process.update(part)
        ones = int((values == 1).sum())
        expected += p**ones * (1 - p) ** (8 - ones) * math.exp(process.log_wealth)
    assert expected == pytest.approx(1.0, abs=1e-12)


def test_a_million_values_neither_overflow_nor_underflow():
    """The capital is kept as a logarithm."""
    for value in (0.0, 1.0):
        process = BettingProcess(0.5)
        for _ in range(100):
            process.update(np.full(10_000, value))
        assert np.isfinite(process.log_wealth)
        assert (process.log_wealth > 0) == (value == 1.0)


def test_no_values_change_nothing_and_a_pickle_goes_on():
    process = BettingProcess(0.2, idle=0.75, share=0.001)
    process.update(np.array([1.0, 0.0]))
    copy = pickle.loads(pickle.dumps(process))
    assert process.update(np.empty(0)) == copy.log_wealth
    assert process.update(np.ones(5)) == copy.update(np.ones(5))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 1 / 2000])
def test_the_share_of_false_alarms_is_at_most_alpha(share):
    """Each of 2,000 streams at the bound is looked at 100 times."""
    rng, needed = np.random.default_rng(2), math.log(1 / 0.05)
    rang = 0
    for _ in range(2000):
        process = BettingProcess(0.1, idle=0.5, share=share)
        rang += any(process.update((rng.random(50) < 0.1) * 1.0) >= needed for _ in range(100))
    assert rang / 2000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize("n", [10, 1000])
@pytest.mark.parametrize("p", [0.0, 0.02, 0.3, 0.9])
@pytest.mark.no_cover
def test_the_confidence_bound_holds_for_every_outcome(p, n):
    """The probability of all counts whose bound lies below the true mean is at most alpha."""
    counts = np.arange(n + 1)
    below = np.array([upper_confidence_bound(k / n, n, 0.05) < p for k in counts])
    assert binom.pmf(counts, n, p)[below].sum() <= 0.05


def test_the_confidence_bound_at_its_ends():
    """No error in n rows: the exact bound; nothing but errors: 1."""
    assert upper_confidence_bound(0.0, 1000, 0.05) == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert upper_confidence_bound(1.0, 1000, 0.05) == 1.0
    assert upper_confidence_bound(0.0, 1, 1e-300) == pytest.approx(1.0)
