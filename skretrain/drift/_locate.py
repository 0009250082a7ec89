"""Where in a sequence of losses the mean changed, and whether noise alone explains it."""

import math

import numpy as np

_SIGNS = {"increase": 1.0, "decrease": -1.0}


def locate_change(losses, direction="increase"):
    """Return the split of a sequence with the largest standardised change of the mean.

    For one change in the mean of independent values it is the maximum-likelihood split [1]_; it
    takes O(n) time and does not depend on the detector that rang.

    Parameters
    ----------
    losses : ndarray of shape (n,)
        Finite values in the order of time.
    direction : {"increase", "decrease", "both"}, default="increase"
        Sign of the change that is looked for.

    Returns
    -------
    position : int
        First position after the change; 0 if there are fewer than two values.
    gain : float
        ``sqrt(n1 * n2 / n) * (mean2 - mean1)``, with the sign turned so that a change in the wanted
        direction is positive; 0.0 if there are fewer than two values.

    References
    ----------
    .. [1] D. V. Hinkley (1970). "Inference about the change-point in a sequence of random
       variables". Biometrika 57(1), 1-17.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._locate import locate_change
    >>> locate_change(np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]))[0]
    4
    """
    n = len(losses)
    if n < 2:
        return 0, 0.0
    n_before = np.arange(1.0, n)
    sums = np.cumsum(losses)
    gains = (n_before * (sums[-1] / n) - sums[:-1]) / np.sqrt(n_before * (n - n_before) / n)
    gains = np.abs(gains) if direction == "both" else _SIGNS[direction] * gains
    best = int(gains.argmax())
    return best + 1, float(gains[best])


def noise_bound(losses, position, confidence):
    """Return the gain at `position` that noise hardly ever exceeds.

    It is the bound by which ADWIN compares two windows [1]_, for values in [0, 1].

    Parameters
    ----------
    losses : ndarray of shape (n,)
        Values in [0, 1], at least two.
    position : int
        First position after the split, from 1 to n - 1.
    confidence : float
        ADWIN's delta: the larger, the lower the bound.

    Returns
    -------
    bound : float
        On the scale of the gain of :func:`locate_change`.

    References
    ----------
    .. [1] A. Bifet and R. Gavalda (2007). "Learning from time-changing data with adaptive
       windowing". SIAM International Conference on Data Mining, 443-448.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._locate import locate_change, noise_bound
    >>> losses = np.repeat([0.0, 1.0], 50)
    >>> position, gain = locate_change(losses)
    >>> round(gain, 2), round(noise_bound(losses, position, confidence=0.002), 2)
    (5.0, 3.18)
    """
    n = len(losses)
    if n < 2:
        return math.inf  # nothing to compare
    log_term = math.log(2 * math.log(n) / confidence)
    harmonic = position * (n - position) / n
    return math.sqrt(2 * losses.var() * log_term) + 2 * log_term / (3 * math.sqrt(harmonic))


def return_after(losses, rise, confidence):
    """Return where losses have fallen back to what they were before a rise; 0 if they have not.

    Parameters
    ----------
    losses : ndarray of shape (n,)
        Values in [0, 1] in the order of time.
    rise : int
        First position after the rise, from 1 to n - 1.
    confidence : float
        ADWIN's delta, for the fall.

    Returns
    -------
    position : int
        First position after the fall, if three quarters of the rise have gone with it.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._locate import return_after
    >>> return_after(np.repeat([0.0, 1.0, 0.0], 50), 50, confidence=0.002)
    100
    """
    fall, gain = locate_change(losses[rise:], "decrease")
    if gain <= noise_bound(losses[rise:], fall, confidence):
        return 0
    fall += rise
    before, high, low = (part.mean() for part in np.split(losses, [rise, fall]))
    return fall if low - before < (high - before) / 4 else 0


def nearest_batch(rows, position):
    """Return where the nearest batch starts; within a batch in random order no place is better.

    Always rounding down would put a whole batch of the old concept into the first refit whenever
    noise moves the split by one row.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Stream row at which the batch of each loss began, ascending.
    position : int
        Position of a split, from 0 to n - 1.

    Returns
    -------
    position : int
        First position of its batch or of the next one, whichever is nearer.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._locate import nearest_batch
    >>> rows = np.repeat([0, 100, 200], 100)
    >>> nearest_batch(rows, 103), nearest_batch(rows, 197)
    (100, 200)
    """
    start, stop = np.searchsorted(rows, [rows[position], rows[position] + 1])
    return int(stop if stop < len(rows) and stop - position < position - start else start)
