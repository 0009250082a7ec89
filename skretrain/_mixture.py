"""MixtureRetrainer: several retrainers at work at once, weighted by what they got right lately."""

from collections import deque
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from ._base import BaseRetrainer
from .utils._containers import as_container, concat_rows, n_rows
from .utils._labels import spread, union_of_labels
from .utils._losses import task_of
from .utils._sklearn_api import BaseComposition

# Evidence counts per hundred rows, whatever the size of a batch.
_UNIT = 100
# The weight of a member is multiplied by exp(5) for a hundred right answers in a hundred rows.
_LEARNING_RATE = 5.0
# A member without weight still has its turn once in so many batches.
_LONGEST_WAIT = 10


class FixedShare:
    """Weights that follow the best of several members, also where it changes.

    The weight of each member is raised to the power `forgetting` and multiplied by the exponential
    of its gain (dynamic model averaging [1]_); then every member gives up the part `share` of its
    weight, which all divide equally [2]_.

    Parameters
    ----------
    n_members : int
        How many there are.
    forgetting : float
        Between 0 and 1, per hundred rows; 1 forgets nothing.
    share : float
        From 0 to 1, per hundred rows.

    Notes
    -----
    Let the gains of :math:`T` updates of a hundred rows each lie in [0, 1], let the best sequence
    of members change :math:`m` times, and let :math:`\\eta = 5`. The sum of its gains exceeds that
    of the weighted mean gains by at most

    .. math::
        \\frac{1}{\\eta} \\left( (m + 1) \\ln N + m \\ln \\frac{1}{s}
        + (T - 1) \\Bigl( \\ln \\frac{1}{1 - s} + (1 - \\varphi) \\ln N \\Bigr) \\right)
        + \\frac{\\eta T}{8}

    for :math:`N` members, share :math:`s` and forgetting :math:`\\varphi`. With
    :math:`\\varphi = 1` this is the bound of fixed share [2]_; the power costs at most
    :math:`(1 - \\varphi) \\ln N` more per update, because :math:`\\sum_i w_i^\\varphi \\le
    N^{1 - \\varphi}`.

    References
    ----------
    .. [1] A. E. Raftery, M. Karny and P. Ettler, "Online prediction under model uncertainty via
       dynamic model averaging", Technometrics 52(1), 2010.
    .. [2] M. Herbster and M. K. Warmuth, "Tracking the best expert", Machine Learning 32, 1998.
    """

    def __init__(self, n_members, forgetting, share):
        self.forgetting = forgetting
        self.share = share
        self.weights = np.full(n_members, 1 / n_members)

    def update(self, gains, n_rows):
        """Take in the mean gain per row of each member, in [0, 1], over so many rows."""
        units = n_rows / _UNIT
        logs = np.log(self.weights) * self.forgetting**units + _LEARNING_RATE * units * gains
        weights = np.exp(logs - logs.max())
        kept = (1 - self.share) ** units
        self.weights = kept * weights / weights.sum() + (1 - kept) / len(weights)

    def bound(self, n_updates, n_switches):
        """Return the most by which the best sequence of members can gain more, see Notes."""
        n, s, phi = len(self.weights), self.share, self.forgetting
        cost = (n_switches + 1) * np.log(n) + n_switches * np.log(1 / s)
        cost += (n_updates - 1) * (np.log(1 / (1 - s)) + (1 - phi) * np.log(n))
        return cost / _LEARNING_RATE + _LEARNING_RATE * n_updates / 8
