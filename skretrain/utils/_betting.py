"""Tests by betting that may be looked at after every batch: evidence that a mean is too large."""

import math

import numpy as np

from ._plain import Plain

# Of the largest bet that keeps the capital positive; the other bets are halves of it. One that is
# off by a factor of 1.4 from the best still earns 0.9 of its growth, so that steps of 2 suffice.
_LARGEST = 1 / 2


class BettingProcess(Plain):
    r"""Evidence against "the mean of the next value, given the past, is at most `bound`".

    A gambler who starts with a capital of 1 bets on values above the bound, at fair odds if the
    hypothesis is just true. The capital then exceeds :math:`1 / \alpha` *at any time* with a
    probability of at most :math:`\alpha` (Ville's inequality), for all values of which it can be
    said that :math:`E[x_t \mid x_1, \ldots, x_{t-1}] \le` `bound`, whatever their distribution
    and their dependence [1]_.

    Parameters
    ----------
    bound : float
        Largest mean under the hypothesis, above `low`.
    low : float, default=0.0
        Smallest possible value. There is no upper limit.
    idle : float, default=0.0
        Part of the capital, in [0, 1), that is not bet: the reserve for a change that comes late.
    share : float, default=0.0
        Part of the capital, in [0, 1), that is divided anew among the bets after each value. 0 is
        for means that do not change; the evidence is then the same for all orders of the values.
    finest : float, default=1/32
        The smallest bet is the first of 1/2, 1/4, 1/8, ... of the largest possible one that is not
        above this share, at most 1. Against 0/1 values with the mean q, the best share is
        :math:`(q - bound) / (1 - bound)`: a bound of 0.005 asks for smaller ones than 1/32.

    Notes
    -----
    The capital is split over bets of constant size :math:`\lambda_j`, each of which multiplies its
    part by :math:`1 + \lambda_j (x_t - bound)`; with `share`, the parts are mixed as in fixed
    share [2]_. Within one call of :meth:`update` nothing is mixed: the order of the values of one
    batch never matters, and a batch that is sorted is no evidence.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas (2024). "Estimating means of bounded random variables by
       betting". Journal of the Royal Statistical Society B 86(1), 1-27.
    .. [2] M. Herbster and M. K. Warmuth (1998). "Tracking the best expert". Machine Learning 32,
       151-178.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._betting import BettingProcess
    >>> losses = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    >>> round(float(np.exp(BettingProcess(0.25).update(losses))), 2)
    0.22
    >>> round(float(np.exp(BettingProcess(0.10).update(losses)))) > 10_000
    True
    """

    _summed = None  # once it was asked for

    def __init__(self, bound, low=0.0, *, idle=0.0, share=0.0, finest=1 / 32):
        self.bound = bound
        self.share = share
        n_bets = 1 + math.ceil(math.log2(_LARGEST / finest))
        bets = _LARGEST / 2.0 ** np.arange(n_bets)[::-1]
        fractions = np.r_[[0.0] if idle else [], bets]
        part = (1 - idle) / n_bets
        self._bets = fractions / (bound - low)
        self._prior = np.log(np.where(fractions > 0, part, idle))
        self._logs = self._prior.copy()

    @property
    def log_wealth(self):
        """Natural logarithm of the capital, a float; 0.0 at the start."""
        # A fleet asks each of its segments twice a batch.
        if self._summed is None:
            self._summed = _log_sum(self._logs)
        return self._summed

    def _state_to_save(self):
        """Return the state without what follows from it, so that it is the same for all readers."""
        return {name: value for name, value in self.__dict__.items() if name != "_summed"}

    def update(self, values):
        """Bet on values that come after all earlier ones.

        Parameters
        ----------
        values : ndarray of shape (n,)
            Finite, none below `low`.

        Returns
        -------
        log_wealth : float
            The capital after them.
        """
        # Not in place: what was loaded from a file may be read-only.
        won = np.log1p(self._bets[:, np.newaxis] * (values - self.bound)).sum(axis=1)
        self._logs = self._logs + won
        self._summed = None
        total = _log_sum(self._logs)
        moved = -math.expm1(len(values) * math.log1p(-self.share))
        if moved:
            self._logs = np.logaddexp(
                math.log1p(-moved) + self._logs, math.log(moved) + total + self._prior
            )
        return total


def upper_confidence_bound(mean, n, alpha):
    r"""Return what the mean of a distribution exceeds with a probability of at most alpha.

    It is the largest :math:`r` with :math:`n \, kl(mean, r) \le \ln(1 / \alpha)`, the bound of
    Chernoff and Hoeffding [1]_, where kl is the divergence of two Bernoulli distributions.

    Parameters
    ----------
    mean : float
        Of the sample, in [0, 1].
    n : int
        Size of the sample of values in [0, 1], which all have the same mean given the ones before.
    alpha : float
        In (0, 1).

    Returns
    -------
    bound : float
        In (0, 1].

    References
    ----------
    .. [1] W. Hoeffding (1963). "Probability inequalities for sums of bounded random variables".
       Journal of the American Statistical Association 58, 13-30.

    Examples
    --------
    >>> from skretrain.utils._betting import upper_confidence_bound
    >>> round(upper_confidence_bound(0.1, 1000, 0.005), 4)
    0.1337
    """
    limit = math.log(1 / alpha) / n
    below, above = mean, 1.0
    for _ in range(60):  # halvings: to the last digit of a float
        middle = (below + above) / 2
        if _bernoulli_divergence(mean, middle) <= limit:
            below = middle
        else:
            above = middle
    return above


def _bernoulli_divergence(p, q):
    if q >= 1:
        return 0.0 if p >= 1 else math.inf
    first = p * math.log(p / q) if p > 0 else 0.0
    return first + ((1 - p) * math.log((1 - p) / (1 - q)) if p < 1 else 0.0)


def _log_sum(logs):
    largest = float(logs.max())
    return largest + math.log(float(np.exp(logs - largest).sum()))
