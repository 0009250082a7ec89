"""Weights that follow the best of several members, also where the best one changes."""

import numpy as np

from ._plain import Plain

# Evidence is counted per hundred rows, so that the size of a batch hardly matters.
ROWS_PER_UNIT = 100
# A hundred right answers in a hundred rows multiply the weight of a member by exp(5).
LEARNING_RATE = 5.0
_MOST_STEPS = 1000


class FixedShare(Plain):
    r"""The exponential weights of experts, with forgetting and with a fixed share for everybody.

    An update multiplies the weight of each member by the exponential of its gain, raises the
    weights to the power `forgetting` (the forgetting factor of dynamic model averaging [1]_), and
    lets every member give up the part `share` of its weight, which all divide equally [2]_.

    Parameters
    ----------
    n_members : int
        How many members there are.
    forgetting : float
        In (0, 1], per hundred rows; 1 forgets nothing.
    share : float
        In [0, 1), per hundred rows.

    Notes
    -----
    With :math:`N` members, :math:`T` updates of a hundred rows each, gains :math:`g_{t,i}` in
    [0, 1], share :math:`s`, forgetting :math:`\varphi` and :math:`\eta = 5`, no sequence
    :math:`i_1, \ldots, i_T` of members that changes :math:`m` times gains much more than the
    weighted mean:

    .. math::
        \sum_t g_{t,i_t} - \sum_t \sum_i w_{t,i} g_{t,i} \le
        \frac{1}{\eta} \Bigl( (m + 1) \ln N + m \ln \frac{1}{s}
        + (T - 1 - m) \bigl( \ln \frac{1}{1 - s} + (1 - \varphi) \ln N \bigr) \Bigr)
        + \frac{\eta}{8} \sum_t r_t^2

    where :math:`r_t \le 1` is the difference between the largest and the smallest gain in update
    :math:`t`: where members agree, this term is 0. With :math:`\varphi = 1` it is the bound of
    fixed share [2]_. Forgetting adds :math:`(1 - \varphi) \ln N` per update, because normalised
    weights have :math:`v_i^\varphi \ge v_i` and
    :math:`\sum_i v_i^\varphi \le N^{1 - \varphi}`.

    References
    ----------
    .. [1] A. E. Raftery, M. Karny and P. Ettler (2010). "Online prediction under model uncertainty
       via dynamic model averaging: application to a cold rolling mill". Technometrics 52(1), 52-66.
    .. [2] M. Herbster and M. K. Warmuth (1998). "Tracking the best expert". Machine Learning 32,
       151-178.
    """

    def __init__(self, n_members, forgetting, share):
        self.forgetting = forgetting
        self.share = share
        # Logarithms, because without a share the weight of a bad member underflows.
        self.logs = np.full(n_members, -np.log(n_members))

    @property
    def weights(self):
        """The weights, which sum to one."""
        return np.exp(self.logs)

    def update(self, gains, n_rows):
        """Take in the mean gain per row of each member, in [0, 1], over so many rows.

        More than a hundred rows are taken in by the hundred, as if the gain were the same in all of
        them: in one step a long batch would forget what it tells itself.
        """
        gains = np.asarray(gains)
        # After so many equal steps nothing moves any more.
        n_steps = min(n_rows // ROWS_PER_UNIT, _MOST_STEPS)
        for _ in range(n_steps):
            self._step(gains, 1.0)
        rest = n_rows % ROWS_PER_UNIT
        if rest:
            self._step(gains, rest / ROWS_PER_UNIT)

    def _step(self, gains, units):
        logs = _normalised(self.logs + LEARNING_RATE * units * gains)
        logs = _normalised(self.forgetting**units * logs)
        kept = (1 - self.share) ** units
        if kept < 1:
            logs = np.logaddexp(np.log(kept) + logs, np.log((1 - kept) / len(logs)))
        self.logs = logs

    def regret_bound(self, n_updates, n_changes, ranges=1.0):
        """Return how much more a sequence of members can gain than the mixture, see Notes.

        `ranges` has the difference between the largest and the smallest gain of each update.
        """
        log_n, kept = np.log(len(self.logs)), 1 - self.share
        staying = np.log(1 / kept) + (1 - self.forgetting) * log_n
        cost = (n_changes + 1) * log_n + (n_updates - 1 - n_changes) * staying
        if n_changes:
            cost += n_changes * np.log(1 / self.share) if self.share else np.inf
        squares = np.sum(np.broadcast_to(ranges, n_updates) ** 2)
        return cost / LEARNING_RATE + LEARNING_RATE * squares / 8


def _normalised(logs):
    logs = logs - logs.max()
    return logs - np.log(np.exp(logs).sum())
