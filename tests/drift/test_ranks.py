"""Properties of the ranks of losses."""

import pickle

import numpy as np
import pytest
from scipy.stats import percentileofscore

from skretrain.drift._ranks import Ranks


def ranked(losses, size):
    """Return all ranks of losses that come in batches of `size`, and how many were taken."""
    ranks, n_taken, found = Ranks(), 0, []
    for k in range(0, len(losses), size):
        taken, values = ranks.transform(losses[k : k + size])
        n_taken += taken
        found.append(values)
    return n_taken, np.concatenate(found)


@pytest.mark.parametrize("size", [1, 7, 200, 1000])
def test_a_rank_is_the_share_of_the_first_200_losses_below_with_half_of_the_ties(size):
    """It agrees with scipy, wherever the batches were cut."""
    losses = np.random.default_rng(0).integers(0, 30, 600).astype(float)
    n_taken, found = ranked(losses, size)
    expected = percentileofscore(losses[:200], losses[200:], kind="mean") / 100
    assert n_taken == 200
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_any_increasing_scale_gives_the_same():
    """Thousandths or billions, absolute or squared: only the order counts."""
    losses = np.random.default_rng(1).exponential(size=500)
    _, plain = ranked(losses, 50)
    for scaled in (1e-3 * losses, 1e9 * losses, losses**2):
        np.testing.assert_array_equal(ranked(scaled, 50)[1], plain)


def test_what_exploded_has_the_highest_rank_and_no_more():
    """Infinity is a loss like others: 1 above a finite reference, a tie inside one that has it."""
    ranks = Ranks()
    ranks.transform(np.arange(200.0))
    assert ranks.transform(np.array([np.inf]))[1].tolist() == [1.0]
    ranks = Ranks()
    ranks.transform(np.r_[np.arange(100.0), np.full(100, np.inf)])
    assert ranks.transform(np.array([np.inf]))[1].tolist() == [0.75]


def test_it_is_complete_after_200_losses_and_pickles_before():
    """Nothing is ranked before; a copy goes on as the original."""
    ranks = Ranks()
    assert ranks.transform(np.arange(199.0))[1].size == 0
    assert not ranks.complete
    ranks = pickle.loads(pickle.dumps(ranks))
    n_taken, found = ranks.transform(np.array([199.0, 50.0]))
    assert ranks.complete
    assert (n_taken, found.tolist()) == (1, [0.2525])
