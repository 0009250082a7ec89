"""Evidence that a mean has risen, at a date and from a level of which nothing is known."""

import math
from typing import NamedTuple

import numpy as np

from ._plain import Plain

# In steps that are told apart equally well wherever a mean is: its arcsine has one variance.
_LEVELS = np.sin(np.pi / 2 * np.arange(257) / 256) ** 2
_LOG, _LOG_REST = np.log(_LEVELS[1:-1]), np.log1p(-_LEVELS[1:-1])
_N_ABOVE = np.arange(len(_LOG))[:0:-1]
# The power at which the likelihood of the reference counts, and its largest mean: see Notes.
_POWER = 9 / 10
_LOG_MEAN = math.log(1 / 2 + 1 / 2 / math.sqrt(1 - _POWER))
_LIFE = 4  # batches that a date stays, times the largest power of two that divides its number
_PATIENCE = 30  # of the first so many dates, together, the e-process has half of its weight
# Values that a block has at least: runs within one show from block to block.
_BLOCK = 20
# Pairs of blocks after which a dispersion of one's own counts for as much as what is usual, and
# that of all for as much as 1; and the most that one pair counts: a change is no scatter.
_OWN_AFTER, _KNOWN_AFTER, _MOST = 5, 20, 16


class Rise(NamedTuple):
    """What is known of a rise, at its clearest date.

    Attributes
    ----------
    n_before, n_after : int
        Values of the reference, and since the date.
    before, after : float
        Their means.
    """

    n_before: int
    before: float
    n_after: int
    after: float


class Dispersion(Plain):
    r"""How far the means of successive blocks are apart, over what independent values let expect.

    It is the mean of :math:`(\bar x_i - \bar x_{i-1})^2 / (1/n_i + 1/n_{i-1}) / (p (1 - p))`, 1
    where values are independent, and the larger the longer the runs in which they come. No pair
    counts for more than 16: a change is no scatter. A block is a batch, or as many small ones as
    have 20 values together.

    Attributes
    ----------
    n : int
        Pairs of blocks.
    total : float
        Sum over them.
    """

    def __init__(self):
        self.n, self.total = 0, 0.0

    def add(self, square):
        """Count a pair of blocks."""
        self.n += 1
        self.total += min(square, _MOST)

    def beside(self, usual):
        """Return the dispersion, a float of at least 1, where some other one is usual."""
        return _mean_beside(usual, _OWN_AFTER, self.n, self.total)


def usual_dispersion(dispersions):
    """Return the dispersion of many sources together, a float of at least 1."""
    n, total = sum(one.n for one in dispersions), sum(one.total for one in dispersions)
    return _mean_beside(1.0, _KNOWN_AFTER, n, total)


def _mean_beside(usual, weight, n, total):
    return max(1.0, (weight * usual + total) / (weight + n))


class RiseTest(Plain):
    r"""Evidence against "the mean of the next batch is never above that of any before".

    No value is set aside as a reference, no level is given, and a mean that falls brings nothing:
    each start of a batch may be the date of a rise, and the reference is what came before it.

    Parameters
    ----------
    dispersion : Dispersion or None, default=None
        Of earlier values of the same source; it goes on to be counted.

    Attributes
    ----------
    dispersion : Dispersion
        Of the batches, those that are small taken together.
    log_e_value : float
        Natural logarithm of the evidence, -inf where there is none. At each batch, its exponential
        has a mean of at most 1 under the hypothesis, whatever the batch.
    log_e_process : float
        The same, not only at a batch that is fixed beforehand, but at any that is chosen by looking
        at all values so far: it ever exceeds :math:`1 / \alpha` with a probability of at most
        :math:`\alpha`. It is smaller, the more so the later the date.
    rise : Rise or None
        The clearest one.

    Notes
    -----
    Values are in [0, 1]. For a date :math:`\tau` and a level :math:`r`, there are two e-values.

    *The mean was r or more before.* Of the :math:`m` values of the reference, :math:`s` is the sum
    and :math:`p = (s + 1) / m`; it is
    :math:`\exp(\beta m \, kl(p, r)) / (1/2 + 1/2 \, (1 - \beta)^{-1/2})` where :math:`p < r`, else
    with 0 as the exponent. kl is the divergence of two Bernoulli distributions and
    :math:`\beta = 9/10`. That its mean is at most 1 follows from the bound of Zubkov and Serov
    [1]_ for the binomial distribution, which is the least favourable one: the e-value is a convex
    and falling function of :math:`s`.

    *The mean is r or less since.* It is the likelihood of a Bernoulli distribution with a mean
    above r over that with r, averaged over such means.

    The null hypothesis is that at each date there is a level that parts the means before from those
    after, of each value given the ones before; of values of one batch, given the batches before.
    So the least product over all levels is an e-value: universal inference [2]_, with a reference
    of which only a power counts, which costs less than a prior. Levels are on a grid; between two
    of them, the first e-value is taken at the lower one and the second at the upper one, where both
    are smaller: a rise of a few of their steps, of up to 0.006 each, is hardly seen.

    A date has two references, all that came before it and about the later half of that: the one is
    needed where there is little, the other where the mean has fallen. `log_e_value` is the mean
    over both and over the dates that are remembered, some two for each time that the number of
    batches has doubled; in `log_e_process`, the weight of the date before batch :math:`b + 1` is
    :math:`30 / ((b + 30) (b + 29))`, which for all dates together is one.

    Where values come in runs, or each day has a mean of its own, the hypothesis does not hold and
    the evidence would be too large. So both divergences are taken of :math:`m / \phi` and
    :math:`n / \phi` values, as quasi-likelihood does [3]_, with the `Dispersion` :math:`\phi \ge
    1` of the batches before the date. That keeps the bounds above: the e-value of the reference
    only shrinks, and the bets since are likelihood ratios to the power of :math:`1 / \phi`, which
    is known when they are made, and so have a mean of at most 1, too (Jensen). For values in runs
    it is an approximation.

    References
    ----------
    .. [1] A. M. Zubkov and A. A. Serov (2013). "A complete proof of universal inequalities for the
       distribution function of the binomial law". Theory of Probability and its Applications 57(3),
       539-544.
    .. [2] L. Wasserman, A. Ramdas and S. Balakrishnan (2020). "Universal inference". Proceedings of
       the National Academy of Sciences 117(29), 16880-16890.
    .. [3] P. McCullagh and J. A. Nelder (1989). "Generalized Linear Models", second edition,
       chapter 9. Chapman and Hall.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._rises import RiseTest
    >>> errors, test = np.zeros((12, 20)), RiseTest()
    >>> errors[:4, :6], errors[4:11, :3], errors[11, :15] = 1, 1, 1  # 0.3, then 0.15, then 0.75
    >>> for batch in errors:
    ...     test.update(batch)
    >>> test.rise
    Rise(n_before=140, before=0.15, n_after=20, after=0.75)
    >>> round(test.log_e_value, 1)
    9.4
    """

    def __init__(self, dispersion=None):
        self.n_batches, self.n, self.total = 0, 0, 0.0
        self.dispersion = Dispersion() if dispersion is None else dispersion
        self.log_e_value = self.log_e_process = -math.inf
        self.rise = None
        self._block = self._last_block = 0, 0.0  # values, and their sum
        # Number; values and their sum until then, and in about the later half of that; dispersion.
        self._dates = np.empty((0, 6))

    def update(self, values, usual=1.0):
        """See one batch.

        Parameters
        ----------
        values : ndarray of shape (n,)
            In [0, 1], one at least; their order does not matter.
        usual : float, default=1.0
            Dispersion of other sources of values until then.
        """
        if self.n_batches:
            self._remember_date(self.dispersion.beside(usual))
        self.n_batches += 1
        n, total = len(values), float(np.sum(values))
        self.n += n
        self.total += total
        if self.n_batches > 1:
            self._look()
        self._scatter(n, total)

    def _scatter(self, n, total):
        """Compare the mean of a block with that of the last one, where a block is full."""
        n, total = self._block[0] + n, self._block[1] + total
        self._block = n, total
        if n < _BLOCK:
            return
        n_last, total_last = self._last_block
        if n_last:
            p, apart = (self.total + 1) / (self.n + 2), total / n - total_last / n_last
            self.dispersion.add(apart**2 / ((1 / n + 1 / n_last) * p * (1 - p)))
        self._last_block, self._block = self._block, (0, 0.0)

    def _remember_date(self, dispersion):
        older = self._dates[self._dates[:, 1] <= self.n / 2]
        left_behind = older[-1, 1:3] if len(older) else np.zeros(2)
        later = np.array([self.n, self.total]) - left_behind
        date = [self.n_batches, self.n, self.total, *later, dispersion]
        dates = np.vstack([self._dates, date])
        number = dates[:, 0].astype(int)
        # The last ones closely, earlier ones more and more loosely.
        self._dates = dates[self.n_batches - number < _LIFE * (number & -number)]

    def _look(self):
        number, n_until, total_until, _, _, dispersion = columns = self._dates.T
        n_before, total_before = columns[[1, 3]], columns[[2, 4]]
        n_after = self.n - n_until
        after = np.clip((self.total - total_until) / n_after, 0, 1)
        before = np.minimum((total_before + 1) / n_before, 1)
        # No bet against the mean before wins more than this square, which bounds the divergence, is
        # worth: mostly that is too little.
        rise = np.maximum(after - before, 0)
        worth = n_after / dispersion  # in independent values
        some = worth * rise**2 > math.log(before.size) * before * (1 - before)
        self.log_e_value = self.log_e_process = -math.inf
        self.rise = None
        if not some.any():
            return
        reference = (n_before / dispersion)[some], before[some]
        recent = (np.broadcast_to(values, before.shape)[some] for values in (worth, after))
        logs = np.full(before.shape, -np.inf)
        logs[some] = _log_e_values(*reference, *recent)
        self.log_e_value = _log_sum(logs) - math.log(logs.size)
        share = _PATIENCE / ((number + _PATIENCE) * (number + _PATIENCE - 1))
        self.log_e_process = _log_sum(logs + np.log(share / 2))
        k = np.unravel_index(np.argmax(logs), logs.shape)
        mean = float(total_before[k] / n_before[k])
        self.rise = Rise(int(n_before[k]), mean, int(n_after[k[1]]), float(after[k[1]]))


def _log_e_values(n_before, before, n_after, after):
    """Return the evidence for a rise at each of some dates, an ndarray of shape (n_dates,)."""
    least = _log_at_least(n_before[:, np.newaxis], before[:, np.newaxis])
    most = _log_at_most(n_after[:, np.newaxis], after[:, np.newaxis])
    return (least + most).min(axis=1)


def _log_at_least(n, mean):
    """Return the evidence that the mean was below each level but 1, of shape (n_dates, 256)."""
    likelihood = n * (mean * _LOG + (1 - mean) * _LOG_REST)
    own = n * (_x_log_x(mean) + _x_log_x(1 - mean))
    inner = np.where(_LEVELS[1:-1] > mean, _POWER * (own - likelihood), 0)
    return np.column_stack([np.zeros(len(n)), inner]) - _LOG_MEAN


def _log_at_most(n, mean):
    """Return the evidence that the mean is above each level but 0, of shape (n_dates, 256)."""
    likelihood = n * (mean * _LOG + (1 - mean) * _LOG_REST)
    above = np.logaddexp.accumulate(likelihood[:, :0:-1], axis=1)[:, ::-1]
    inner = above - np.log(_N_ABOVE) - likelihood[:, :-1]
    # There is no other level between the last two and 1, and no bet.
    return np.column_stack([inner, np.zeros((len(n), 2))])


def _x_log_x(x):
    return x * np.log(np.where(x > 0, x, 1))


def _log_sum(logs):
    return float(np.logaddexp.reduce(logs, axis=None))
