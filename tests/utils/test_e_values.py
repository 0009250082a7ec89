"""Many tests by betting: the procedures are those of the papers, and keep what they promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skretrain.utils._e_values import log_evidence_needed, log_partial_conjunction, refuted

CAPITALS = st.lists(st.floats(0.001, 1e5), min_size=1, max_size=8)


@given(CAPITALS, st.integers(0, 3), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_largest_k_are_found_for_the_largest_k_at_which_all_of_them_suffice(e, more, alpha):
    n = len(e) + more
    found = refuted(np.log(e), n, alpha)
    ordered = sorted(e, reverse=True)
    enough = [k for k in range(1, len(e) + 1) if np.log(ordered[k - 1]) >= np.log(n / (alpha * k))]
    assert len(found) == max(enough, default=0)
    np.testing.assert_array_equal(np.array(e)[found], ordered[: len(found)])


@given(CAPITALS, st.data())
def test_a_partial_conjunction_is_the_least_mean_over_the_sets_that_may_be_true(e, data):
    """If fewer than k are false, some n - k + 1 are true: it is no more than the mean of any."""
    k = data.draw(st.integers(1, len(e)))
    least = min(np.mean(some) for some in itertools.combinations(e, len(e) - k + 1))
    assert log_partial_conjunction(np.log(e), k) == pytest.approx(np.log(least), abs=1e-9)


def test_of_one_hypothesis_both_are_the_plain_test():
    assert len(refuted([np.log(20.0)], 1, 0.05)) == 1
    assert len(refuted([np.log(19.9)], 1, 0.05)) == 0
    assert log_partial_conjunction([3.0], 1) == 3.0
    assert log_evidence_needed(1, 0.05) == pytest.approx(np.log(20))
