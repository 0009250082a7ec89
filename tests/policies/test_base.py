"""The contract of policies, and what a user types for one."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows
from skretrain.compose._learner import Learner
from skretrain.policies import BasePolicy, Candidate, FullRefit, ReplayMix, WarmStart
from skretrain.policies._base import joined
from skretrain.policies._resolve import resolve_policy


def rows(first, n, **params):
    index = np.arange(first, first + n)
    return Rows(index[:, None].astype(float), index % 2, params, index)


def test_a_policy_has_to_propose_and_is_otherwise_never_due():
    with pytest.raises(TypeError, match="abstract"):
        BasePolicy()

    class OnAlarm(BasePolicy):
        def propose(self, context):
            return Candidate(context.learner.fresh(context.window(), context.number), "mine", 1)

    assert not OnAlarm().is_due(10**6, 1, 10**7)
    model = DriftAwareRetrainer(GaussianNB(), detector=None, policy=OnAlarm(), batch_size=10)
    X = np.arange(100.0)[:, None]
    assert model.fit(X, np.arange(100) % 2).n_refits_ == 0


@pytest.mark.parametrize(
    ("alias", "kind"),
    [("full_refit", FullRefit), ("warm_start", WarmStart), ("replay_mix", ReplayMix)],
)
def test_an_alias_is_the_policy_with_its_defaults(alias, kind):
    policy = resolve_policy(alias, "policy", Learner(GaussianNB()))
    assert type(policy) is kind
    assert policy.get_params() == kind().get_params()


def test_a_policy_object_is_cloned():
    """The constructor argument stays as it is, whatever the policy keeps for itself."""
    given = WarmStart(3)
    policy = resolve_policy(given, "policy", Learner(GaussianNB()))
    assert policy is not given
    assert policy.get_params() == clone(given).get_params()


def test_joining_rows_keeps_them_aligned_and_weights_complete():
    """A missing weight is 1; time order is older before newer."""
    both = joined(rows(0, 2), rows(5, 3, sample_weight=np.full(3, 2.0)))
    np.testing.assert_array_equal(both.index, [0, 1, 5, 6, 7])
    np.testing.assert_array_equal(both.X[:, 0], both.index)
    np.testing.assert_array_equal(both.y, both.index % 2)
    np.testing.assert_array_equal(both.params["sample_weight"], [1, 1, 2, 2, 2])
    both = joined(rows(0, 2, sample_weight=np.full(2, 2.0)), rows(5, 3))
    np.testing.assert_array_equal(both.params["sample_weight"], [2, 2, 1, 1, 1])


def test_joining_with_nothing_is_the_newer_rows():
    newer = rows(5, 3)
    assert joined(rows(0, 0), newer) is newer


def test_joining_rows_without_targets():
    older, newer = (rows(first, 2)._replace(y=None) for first in (0, 2))
    assert joined(older, newer).y is None
