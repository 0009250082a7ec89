"""Streams that are like a stationary one: the block bootstrap, and how long its blocks are."""

import math

import numpy as np

from ._locate import locate_change

_N_COMPARED = 199


def block_length(values):
    r"""Return the length of the blocks that keep the autocorrelation of a sequence.

    It is twice the length at which the circular block bootstrap estimates the variance of the mean
    with the least error [1]_ [2]_: half of that error is what is lost where blocks meet, which
    makes a stream look less correlated than it is, and no interval tells. It is 1 for independent
    values, grows with the time for which they stay alike and with the cube root of their number,
    and is at most :math:`3 \sqrt n`.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Finite, not all alike.

    Returns
    -------
    length : int
        At least 1.

    References
    ----------
    .. [1] D. N. Politis and H. White (2004). "Automatic block-length selection for the dependent
       bootstrap". Econometric Reviews 23(1), 53-70.
    .. [2] A. Patton, D. N. Politis and H. White (2009). "Correction to Automatic block-length
       selection for the dependent bootstrap". Econometric Reviews 28(4), 372-375.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._resample import block_length
    >>> values = np.random.default_rng(0).random(10_000)
    >>> block_length(values), block_length(np.repeat(values[:1000], 10))
    (6, 93)
    """
    n = len(values)
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    n_in_a_row = max(5, math.ceil(math.sqrt(math.log10(n))))
    n_lags = min(n - 1, math.ceil(math.sqrt(n)) + n_in_a_row)
    covariances = _autocovariances(values, 2 * n_lags)
    visible = np.abs(covariances[1:]) >= 2 * math.sqrt(math.log10(n) / n) * covariances[0]
    n_correlated = _last_before_silence(visible[:n_lags], n_in_a_row)
    lags = np.arange(1, min(2 * max(n_correlated, 1), len(covariances) - 1) + 1)
    # A flat top: full weight up to half of the lags, then falling to none.
    weighted = np.clip(2 * (1 - lags / lags[-1]), 0, 1) * covariances[lags]
    spectrum = covariances[0] + 2 * weighted.sum()
    if spectrum <= 0:  # values that alternate
        return 1
    slope = 2 * (lags * weighted).sum()
    length = 2 * (1.5 * (slope / spectrum) ** 2 * n) ** (1 / 3)
    return int(np.clip(round(length), 1, longest))


def _autocovariances(values, n_lags):
    n = len(values)
    deviations = values - values.mean()
    transformed = np.fft.rfft(deviations, 2 * n)
    return np.fft.irfft(np.abs(transformed) ** 2)[: min(n_lags + 1, n)] / n


def _last_before_silence(visible, n_in_a_row):
    """Return the lag after which so many in a row show no correlation; the last, if there are none.

    Entry k of `visible` is of lag k + 1.
    """
    lags = np.flatnonzero(visible) + 1
    gaps = np.diff(np.r_[0, lags, len(visible) + n_in_a_row + 1]) > n_in_a_row
    return int(np.r_[0, lags][gaps.argmax()])


def without_step(values):
    """Return a sequence from which the largest change of its mean is taken out."""
    position, _ = locate_change(values, "both")
    before, after = values[:position], values[position:]
    return np.r_[before - before.mean(), after - after.mean()]


def shows_drift(values, length, rng):
    """Return whether the mean changes by more than it does in any of 199 resampled sequences.

    Parameters
    ----------
    values : ndarray of shape (n,)
        In the order of time.
    length : int
        Of the blocks that are resampled.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    drifts : bool
        True for about one stationary sequence in 200.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._resample import shows_drift
    >>> rng = np.random.default_rng(0)
    >>> values = rng.random(1000)
    >>> shows_drift(values, 1, rng), shows_drift(np.sort(values), 1, rng)
    (False, True)
    """
    _, gain = locate_change(values, "both")
    n = len(values)
    for _ in range(_N_COMPARED):
        rows = resampled_rows(n, length, n, rng)
        if locate_change(values[rows], "both")[1] >= gain:
            return False
    return True


def resampled_rows(n, length, n_rows, rng):
    """Return the rows of a sequence that is put together from blocks of another one.

    Parameters
    ----------
    n : int
        Number of rows that there are; row 0 comes after the last one.
    length : int
        Of a block.
    n_rows : int
        Number of rows wanted.
    rng : numpy.random.Generator
        Draws where blocks begin.

    Returns
    -------
    rows : ndarray of shape (n_rows,)
        From 0 to n - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._resample import resampled_rows
    >>> resampled_rows(10, 3, 7, np.random.default_rng(1)).tolist()
    [4, 5, 6, 5, 6, 7, 7]
    """
    starts = rng.integers(n, size=math.ceil(n_rows / length))
    return ((starts[:, np.newaxis] + np.arange(length)) % n).ravel()[:n_rows]
