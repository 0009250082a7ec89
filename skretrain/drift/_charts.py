"""Control charts of many features at once: EWMA and CUSUM, standardised by reference rows."""

import math

import numpy as np
from scipy import optimize, signal, sparse, special

from ..metrics._tables import (
    as_levels,
    as_numbers,
    column_of,
    fullest_columns,
    is_missing,
    is_time,
    length_of,
)
from ..metrics._two_samples import direction, label_of, rows_per_level, rows_per_value
from ..utils._plain import Plain

_SMALLEST_SHARE = 0.02
_OF_LAW = 100  # values that stand for the distribution of a number
_MOST_TILT = 1e6
_STEPS = (np.arange(50) + 0.5) / 50


class Charts(Plain):
    """A chart for each number, each frequent level and each share of missing values.

    A chart sees a series that is 0 on average and has a variance of 1 in the reference: the normal
    score of a number among those of the reference, or whether a row has a level. Shares below 2 %
    are charted as if they were so large, and levels below that stand together. Each series is
    watched upwards and downwards, and begins anew after it has left its limits.

    Parameters
    ----------
    method : {"ewma", "cusum"}
        What is charted.
    reference : dict or csr
        Rows in the order of time, as ``read_table`` returns them.
    span : int
        Rows that an EWMA goes back; its weight is ``2 / (span + 1)``.
    rows_per_false_alarm : float
        Of all charts together.
    allowance : float
        Standard deviations by which a mean may differ.

    Attributes
    ----------
    names : list of (str or int)
        Columns that are watched.

    Notes
    -----
    The mean of a reference of n rows is itself not known better than to ``3 / sqrt(n)`` standard
    deviations, which are added to the allowance. Limits come from the distribution of each series
    in the reference: of a CUSUM by Lundberg's exponent, of an EWMA by a saddlepoint approximation.
    Where successive rows of the reference resemble each other, a series is divided by the root of
    as many rows as count for one.
    """

    def __init__(self, method, reference, span, rows_per_false_alarm, allowance):
        self._method = method
        self._weight = 2 / (span + 1)
        self._scales = {name: _scale_of(values) for name, values in _columns(reference, None)}
        self._scales = {name: scale for name, scale in self._scales.items() if scale is not None}
        laws = [law for scale in self._scales.values() for law in scale.laws]
        # Upwards and downwards.
        laws = [(sign * values, *rest) for sign in (1, -1) for values, *rest in laws]
        self._state = np.zeros(len(laws))
        run_length = rows_per_false_alarm * max(len(laws), 1)
        uncertain = 3 / math.sqrt(length_of(reference))
        allowances = [allowance / math.sqrt(per_value) + uncertain for *_, per_value in laws]
        self._allowances = np.array(allowances)
        if method == "cusum":
            limits = [_cusum_limit(*law[:2], k, run_length) for law, k in zip(laws, allowances)]
        else:
            limits = [_ewma_limit(*law[:2], self._weight, run_length) + uncertain for law in laws]
            limits = np.maximum(limits, self._allowances)
        self._limits = np.array(limits)

    @property
    def names(self):
        """Columns that are watched, a list."""
        return list(self._scales)

    def show(self, table):
        """Chart rows, and return the features of which a chart left its limits, a set."""
        columns = dict(_columns(table, self.names))
        series = [scale.series(columns[name]) for name, scale in self._scales.items()]
        if not series:
            return set()
        widths = [part.shape[1] for part in series]
        values = np.concatenate(series, axis=1)
        values = np.concatenate([values, -values], axis=1)
        paths = self._paths(values, slice(None))
        left = np.flatnonzero((paths > self._limits).any(axis=0))
        self._state = paths[-1].copy()
        for j in left:
            self._state[j] = self._begun_anew(values[:, [j]], paths[:, j], j)
        owners = np.repeat(np.arange(len(series)), widths)
        return {label_of(self.names[owners[j % len(owners)]]) for j in left}

    def _begun_anew(self, values, path, j):
        """Return the state of a chart that begins anew each time that it leaves its limit."""
        start = 0
        while (path > self._limits[j]).any():
            start += int((path > self._limits[j]).argmax()) + 1
            self._state[j] = 0.0
            path = self._paths(values[start:], [j])[:, 0]
        return path[-1] if len(path) else 0.0

    def _paths(self, values, which):
        state = self._state[which]
        if self._method == "ewma":
            kept = 1 - self._weight
            weights = [self._weight], [1, -kept]
            return signal.lfilter(*weights, values, axis=0, zi=kept * state[None])[0]
        sums = np.cumsum(values - self._allowances[which], axis=0) + state
        return sums - np.minimum(np.minimum.accumulate(sums, axis=0), 0)


def _columns(table, names):
    """Yield the columns of a table; of sparse rows those with the most entries, zeros missing."""
    if not sparse.issparse(table):
        for name in list(table) if names is None else names:
            yield name, column_of(table, name)
        return
    if names is None:
        names = fullest_columns(table).tolist()
    dense = table[:, names].toarray()
    for name, values in zip(names, dense.T, strict=True):
        yield name, np.where(values == 0, np.nan, values)


# -- series ----------------------------------------------------------------------------------------


def _scale_of(values):
    """Return what turns a column into series, or None where it moves by itself."""
    if is_time(values):
        return None
    if values.dtype.kind == "O":
        return _Levels(values)
    present = values[~np.isnan(values)]
    return None if direction(present) else _Numbers(values, present)


class _Numbers(Plain):
    """Numbers as normal scores, and whether they are there."""

    def __init__(self, values, present):
        n = min(len(present), 1000)
        places = np.linspace(0, max(len(present) - 1, 0), n).round().astype(int)
        self.known = np.sort(present)[places]
        self.mean, self.deviation, law = self._moments_and_law(present)
        self.share = float(np.isnan(values).mean())
        self.root = math.sqrt(rows_per_value(values))
        gone = rows_per_level(np.isnan(values).astype(int))
        weights = np.full(len(law), 1 / len(law))
        self.gone_root = math.sqrt(gone)
        self.laws = [(law, weights, self.root**2), (*_law_of_share(self.share), gone)]

    def series(self, values):
        numbers = as_numbers(values)
        # Text is no number: as if it were missing.
        numbers = np.full(len(values), np.nan) if numbers is None else numbers
        scores = np.nan_to_num(self._standardised(numbers)) / self.root
        gone = _indicated(np.isnan(numbers), self.share) / self.gone_root
        return np.column_stack([scores, gone])

    def _moments_and_law(self, present):
        """Return mean and deviation of the scores, and few values with the law of the series."""
        if not len(present):
            return 0.0, 1.0, np.zeros(1)
        scores = self._scores(present)
        step = max(len(self.known) // _OF_LAW, 1)
        law = self._scores(self.known)[step // 2 :: step]
        if not np.ptp(law):
            # Nearly all are alike. A normal law is wider than what chance makes of such a series;
            # by its own nothing else can come, and it would have no limit.
            return scores.mean(), 1.0, special.ndtri((np.arange(_OF_LAW) + 0.5) / _OF_LAW)
        law = law - law.mean()
        return scores.mean(), scores.std(), law / law.std()

    def _standardised(self, numbers):
        return (self._scores(numbers) - self.mean) / self.deviation

    def _scores(self, numbers):
        """Return normal scores of the middle ranks among the reference; NaN stays."""
        ranks = [np.searchsorted(self.known, numbers, side=side) for side in ("left", "right")]
        scores = special.ndtri((sum(ranks) / 2 + 0.5) / (len(self.known) + 1))
        return np.where(np.isnan(numbers), np.nan, scores)


class _Levels(Plain):
    """Whether a row has a level, for the frequent ones, any other, or none."""

    def __init__(self, values):
        levels, counts = np.unique(self._text(values), return_counts=True)
        shares = counts / len(values)
        self.levels = levels[shares >= _SMALLEST_SHARE]
        others = 1 - shares[shares >= _SMALLEST_SHARE].sum()
        frequent = shares[shares >= _SMALLEST_SHARE].tolist()
        self.shares = [*frequent, max(others, 0.0)]
        codes = np.searchsorted(levels, self._text(values))
        per_value = rows_per_level(codes)
        self.root = math.sqrt(per_value)
        self.laws = [(*_law_of_share(share), per_value) for share in self.shares]

    def series(self, values):
        text = self._text(as_levels(values))
        has = [text == level for level in self.levels]
        has.append(~np.isin(text, self.levels))
        pairs = zip(has, self.shares, strict=True)
        return np.column_stack([_indicated(*pair) / self.root for pair in pairs])

    @staticmethod
    def _text(values):
        return np.where(is_missing(values), "", np.char.add("=", values.astype(str)))


def _indicated(has, share):
    return (has - share) / _deviation(_bounded(share))


def _law_of_share(share):
    share = _bounded(share)
    return (np.array([0.0, 1.0]) - share) / _deviation(share), np.array([1 - share, share])


def _bounded(share):
    return min(max(share, _SMALLEST_SHARE), 1 - _SMALLEST_SHARE)


def _deviation(share):
    return math.sqrt(share * (1 - share))


# -- limits ----------------------------------------------------------------------------------------


def _log_moment(t, values, weights):
    """Return the logarithm of the mean of ``exp(t * value)``."""
    return special.logsumexp(np.multiply.outer(t, values), b=weights, axis=-1)


def _cusum_limit(values, weights, allowance, run_length):
    """Return the limit of a one-sided CUSUM: no sooner than `run_length` rows on average.

    With Lundberg's exponent a, the root of ``E exp(a (x - k)) = 1``, the run length of a CUSUM is
    at least ``(exp(a h) - a h - 1) / (a k)``.
    """
    if values.max() <= allowance:
        return math.inf  # it never rises
    a = _root(lambda t: float(_log_moment(t, values, weights)) - t * allowance, 2 * allowance)
    target = a * allowance * run_length
    return _root(lambda h: math.exp(min(a * h, 700)) - a * h - 1 - target, 1 / a)


def _ewma_limit(values, weights, weight, run_length):
    """Return the limit of a one-sided EWMA that it reaches once in `run_length` rows on average.

    An EWMA is close to an Ornstein-Uhlenbeck process, which crosses a high level L, in standard
    deviations, ``weight * L * phi(L)`` times per row. Which value of a series that is not normal is
    as unlikely as L follows from its cumulants by a saddlepoint.
    """
    target = -math.log(weight * run_length / math.sqrt(2 * math.pi))
    if target >= 0:
        return 0.0
    level = _root(lambda x: x * x / 2 - math.log(max(x, 1.0)) + target, 1.0)
    if values.max() <= 0:
        return math.inf

    def is_rarer(t):
        inside = (_log_moment(t * _STEPS, values, weights) / _STEPS).mean()
        rate = (float(_log_moment(t, values, weights)) - float(inside)) / weight
        return rate - level**2 / 2

    if is_rarer(_MOST_TILT) < 0:
        return math.inf  # the largest value is so likely that no mean of them is rare
    t = _root(is_rarer, 1.0)
    return float(_log_moment(t, values, weights)) / t


def _root(function, guess):
    """Return where a function that is negative near zero comes to zero, beyond it."""
    upper = guess
    while function(upper) < 0:
        upper *= 2
    return optimize.brentq(function, upper * 1e-9 if upper == guess else upper / 2, upper)
