"""The weights of experts: what they guarantee against every stream, and what must not matter."""

from itertools import product

import numpy as np
import pytest
from helpers import representatives
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skretrain.utils._fixed_share import FixedShare

T = 300
FORGETTING = [0.8, 0.9, 1.0]
SHARE = [0.01, 0.05, 0.2]


def against_the_least(n_members, spread=1.0):
    """Return gains that reward who has the least weight, whatever the weights are."""
    return lambda t, weights: spread * (np.arange(n_members) == weights.argmin())


def switching(n_members, n_changes, rng, noise=0.0):
    """Return gains of which one member has the most, another one after each change."""
    turns = np.sort(rng.choice(np.arange(1, T), n_changes, replace=False))
    best = np.searchsorted(turns, np.arange(T), side="right")
    leader = np.cumsum(np.r_[0, rng.integers(1, n_members, n_changes)]) % n_members
    table = noise * rng.random((T, n_members))
    table[np.arange(T), leader[best]] = 1.0
    return lambda t, weights: table[t]


def played(shares, gains_of, n_updates=T):
    """Return the gains of the members, one row per update, and those of their weighted mean."""
    table, mixture = [], []
    for t in range(n_updates):
        gains = gains_of(t, shares.weights)
        table.append(gains)
        mixture.append(shares.weights @ gains)
        shares.update(gains, 100)
    return np.array(table), np.array(mixture)


def best_by_changes(table):
    """Return what the best sequence of members gains with 0, 1, 2 ... changes, exactly."""
    best = table[:1].copy()  # one row per number of changes: by the member that it ends with
    for gains in table[1:]:
        switched = np.vstack([np.full_like(gains, -np.inf), best.max(axis=1)[:, None] + 0 * gains])
        stayed = np.vstack([best, np.full_like(gains, -np.inf)])
        best = np.maximum(stayed, switched)[:40] + gains
    return best.max(axis=1)


def excesses(shares, table, mixture):
    """Return by how much the regret exceeds its bound, for each number of changes."""
    regret = best_by_changes(table) - mixture.sum()
    ranges = np.ptp(table, axis=1)
    return regret - [shares.regret_bound(len(table), m, ranges) for m in range(len(regret))]


# -- the guarantee ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 2, 3, 10])
@pytest.mark.parametrize("share", [*SHARE, 1e-9])
@pytest.mark.parametrize("forgetting", FORGETTING)
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_no_adversary_makes_the_regret_exceed_its_bound(forgetting, share, n_members):
    """Whoever has the least weight wins each time: for every number of changes the bound holds."""
    shares = FixedShare(n_members, forgetting, share)
    table, mixture = played(shares, against_the_least(n_members))
    assert excesses(shares, table, mixture).max() <= 1e-9


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("share", SHARE)
@pytest.mark.parametrize("forgetting", FORGETTING)
@pytest.mark.no_cover
def test_members_that_differ_little_cost_little(forgetting, share, spread):
    """Besides changes, an update costs the squared range of its gains: no more."""
    shares = FixedShare(4, forgetting, share)
    table, mixture = played(shares, against_the_least(4, spread=spread))
    assert excesses(shares, table, mixture).max() <= 1e-9
    of_staying = shares.regret_bound(T, 0, 0.0)
    assert shares.regret_bound(T, 0, spread) == pytest.approx(of_staying + 5 * T * spread**2 / 8)


CHANGES = [*product(FORGETTING, SHARE, [2, 5, 20], [0, 1, 5, 30])]


@pytest.mark.parametrize(
    ("forgetting", "share", "n_members", "n_changes"),
    representatives(CHANGES, fast=CHANGES[::5], covering=[]),
)
def test_the_best_member_may_change(forgetting, share, n_members, n_changes):
    rng = np.random.default_rng(n_changes)
    for noise in (0.0, 0.9):
        shares = FixedShare(n_members, forgetting, share)
        table, mixture = played(shares, switching(n_members, n_changes, rng, noise))
        assert excesses(shares, table, mixture).max() <= 1e-9


@pytest.mark.parametrize("n_members", [2, 10])
def test_where_nothing_changes_a_tiny_share_costs_nothing(n_members):
    """What the best one has more than the mixture is lost in the first updates, for good."""
    shares = FixedShare(n_members, 1.0, 1e-12)
    table, mixture = played(shares, lambda t, weights: 1.0 * (np.arange(n_members) == 1), 2000)
    regret = np.cumsum(table[:, 1] - mixture)
    assert regret[-1] < 1
    assert regret[-1] == pytest.approx(regret[9])


def test_the_bound_is_not_loose():
    """An adversary takes more than four fifths of it; equal weights would exceed it."""
    shares = FixedShare(3, 1.0, 0.5)
    table, mixture = played(shares, against_the_least(3))
    rewarded = table.argmax(axis=1)
    n_changes = np.count_nonzero(np.diff(rewarded))
    regret = T - mixture.sum()
    assert 0.8 < regret / shares.regret_bound(T, n_changes) <= 1
    many = FixedShare(20, 1.0, 0.05)
    table, _ = played(many, switching(20, 5, np.random.default_rng(0)))
    assert excesses(many, table, table.mean(axis=1))[5] > 20


def test_the_bound_without_a_share_holds_for_no_change_alone():
    shares = FixedShare(4, 1.0, 0.0)
    assert shares.regret_bound(10, 1) == np.inf
    assert shares.regret_bound(10, 0) == pytest.approx(np.log(4) / 5 + 5 * 10 / 8)


def test_the_bound_is_the_one_in_the_notes():
    n, s, phi, m = 7, 0.1, 0.8, 3
    written = (m + 1) * np.log(n) + m * np.log(1 / s)
    written += (50 - 1 - m) * (np.log(1 / (1 - s)) + (1 - phi) * np.log(n))
    assert FixedShare(n, phi, s).regret_bound(50, m) == pytest.approx(written / 5 + 5 * 50 / 8)


# -- one update ------------------------------------------------------------------------------------


def test_an_update_is_what_the_docstring_says():
    """By hand: times the exponential of the gain, to the power of forgetting, a share for all."""
    shares = FixedShare(3, 0.9, 0.05)
    weights = np.full(3, 1 / 3)
    for gains, n_rows in [([0.9, 0.5, 0.1], 100), ([0.0, 1.0, 0.3], 40), ([0.2, 0.2, 0.9], 250)]:
        shares.update(gains, n_rows)
        for units in [1.0] * (n_rows // 100) + [n_rows % 100 / 100]:
            weights = (weights * np.exp(5 * units * np.array(gains))) ** (0.9**units)
            weights /= weights.sum()
            kept = 0.95**units
            weights = kept * weights + (1 - kept) / 3
        np.testing.assert_allclose(shares.weights, weights, rtol=1e-12)


def test_a_long_batch_is_as_many_short_ones():
    """In one step it would forget its own evidence: 10,000 rows would tell less than 100."""
    long, short = FixedShare(2, 0.9, 0.05), FixedShare(2, 0.9, 0.05)
    long.update([0.95, 0.5], 5_000)
    for _ in range(50):
        short.update([0.95, 0.5], 100)
    np.testing.assert_array_equal(long.weights, short.weights)
    assert long.weights[0] > 0.9


def test_nobody_falls_far_below_the_share():
    """And who comes back to be the best has most of the weight after few updates."""
    shares = FixedShare(4, 0.9, 0.05)
    for _ in range(500):
        shares.update([1, 0, 0, 0], 100)
    assert shares.weights.min() >= 0.05 / 4
    shares.update([0, 0, 0, 1], 100)
    assert shares.weights[3] > 0.5


@pytest.mark.no_cover
def test_neither_share_nor_time_makes_a_weight_no_number():
    """10,000 updates of one opinion: weights underflow to 0, never to NaN."""
    shares = FixedShare(3, 1.0, 0.0)
    for _ in range(10_000):
        shares.update([1, 0, 0.5], 100)
    np.testing.assert_array_equal(shares.weights, [1, 0, 0])
    for _ in range(20_000):
        shares.update([0, 1, 0.5], 100)
    np.testing.assert_array_equal(shares.weights, [0, 1, 0])


def test_a_batch_may_be_as_long_as_it_likes():
    """Where weights stand still, no time is spent on them."""
    shares, fewer = FixedShare(2, 0.9, 0.05), FixedShare(2, 0.9, 0.05)
    shares.update([1, 0], 10_000_000_000)
    fewer.update([1, 0], 100_000)
    np.testing.assert_allclose(shares.weights, fewer.weights, rtol=1e-12)
    shares = FixedShare(2, 1.0, 0.0)
    shares.update([1, 0], 10_000_000_000)
    np.testing.assert_array_equal(shares.weights, [1, 0])


# -- what must not matter --------------------------------------------------------------------------

N_ROWS = st.integers(1, 1000)
RATES = st.tuples(st.floats(0.01, 1), st.floats(0, 0.99))


def tables(n_members=4):
    return arrays(float, st.tuples(st.integers(1, 6), st.just(n_members)), elements=st.floats(0, 1))


def after(table, rates, n_rows):
    shares = FixedShare(table.shape[1], *rates)
    for gains in table:
        shares.update(gains, n_rows)
    return shares.weights


@given(tables(), RATES, N_ROWS)
def test_weights_sum_to_one(table, rates, n_rows):
    weights = after(table, rates, n_rows)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


@given(tables(), RATES, N_ROWS, st.floats(-10, 10))
def test_a_gain_of_everybody_changes_nothing(table, rates, n_rows, constant):
    weights = after(table + constant, rates, n_rows)
    np.testing.assert_allclose(weights, after(table, rates, n_rows), rtol=1e-6, atol=1e-9)


@given(tables(), RATES, N_ROWS, st.permutations(range(4)))
def test_the_order_of_members_does_not_matter(table, rates, n_rows, order):
    weights = after(table[:, order], rates, n_rows)
    np.testing.assert_allclose(weights, after(table, rates, n_rows)[order], rtol=1e-9, atol=1e-12)


@pytest.mark.no_cover
@given(tables(), N_ROWS, st.floats(0, 1))
def test_without_forgetting_and_share_a_batch_may_be_cut(table, n_rows, place):
    """What counts is the number of rows."""
    first = int(place * n_rows)
    whole, cut = FixedShare(4, 1.0, 0.0), FixedShare(4, 1.0, 0.0)
    for gains in table:
        whole.update(gains, n_rows)
        cut.update(gains, first)
        cut.update(gains, n_rows - first)
    np.testing.assert_allclose(cut.weights, whole.weights, rtol=1e-6, atol=1e-12)


def test_with_them_the_size_of_a_batch_hardly_matters():
    """Ten batches of ten rows weigh nearly as one of a hundred."""
    whole, cut = FixedShare(3, 0.9, 0.05), FixedShare(3, 0.9, 0.05)
    for _ in range(20):
        whole.update([0.8, 0.7, 0.6], 100)
        for _ in range(10):
            cut.update([0.8, 0.7, 0.6], 10)
    np.testing.assert_allclose(cut.weights, whole.weights, atol=0.03)
