"""Confidence intervals of means and shares, from their moments."""

import math

from scipy import stats


def student_quantile(level, n):
    """Return the two-sided quantile of Student's t for the mean of n values."""
    return float(stats.t.ppf((1 + level) / 2, max(n - 1, 1)))


def wilson_interval(share, n, level=0.95):
    """Return the interval of Wilson (1927) for a share.

    It stays inside 0 and 1 and holds what it promises also for few rows, and for shares of 0 and 1.
    For losses between 0 and 1 that are not 0 or 1 it is wider than it had to be.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    n : int or float
        Number of rows, or what weighted rows count as; 0 gives NaN.
    level : float, default=0.95
        Probability that the interval holds the true share.

    Returns
    -------
    low, high : float
        The interval.

    References
    ----------
    E. B. Wilson (1927). "Probable inference, the law of succession, and statistical inference".
    Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> from skretrain.metrics._intervals import wilson_interval
    >>> [round(limit, 3) for limit in wilson_interval(0.1, 100)]
    [0.055, 0.174]
    """
    if n == 0:
        return math.nan, math.nan
    z = float(stats.norm.ppf((1 + level) / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) / (1 + z * z / n)
    # Rounding may leave the share itself outside.
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)


def student_interval(mean, variance, n, level=0.95):
    """Return Student's interval for a mean.

    Parameters
    ----------
    mean : float
        Of the values.
    variance : float
        Their mean squared distance from it.
    n : int or float
        Number of values, or what weighted ones count as; NaN comes of one or fewer.
    level : float, default=0.95
        Probability that the interval holds the true mean.

    Returns
    -------
    low, high : float
        The interval.

    Examples
    --------
    >>> from skretrain.metrics._intervals import student_interval
    >>> [round(limit, 3) for limit in student_interval(2.5, 1.25, 4)]  # of 1, 2, 3 and 4
    [0.446, 4.554]
    """
    if n <= 1:
        return math.nan, math.nan
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * math.sqrt(variance / (n - 1))
    return mean - half, mean + half


def mean_interval(n, total, squares, level=0.95):
    """Return Student's interval for a mean, from sums alone.

    Parameters
    ----------
    n : int
        Number of values; NaN comes of fewer than two.
    total, squares : float
        Their sum, and that of their squares.
    level : float, default=0.95
        Probability that the interval holds the true mean.

    Returns
    -------
    low, high : float
        The interval.

    Examples
    --------
    >>> from skretrain.metrics._intervals import mean_interval
    >>> [round(limit, 3) for limit in mean_interval(4, 10.0, 30.0)]  # of 1, 2, 3 and 4
    [0.446, 4.554]
    """
    if n < 2:
        return math.nan, math.nan
    mean = total / n
    return student_interval(mean, max(squares - total * mean, 0.0) / n, n, level)
