"""Many tests by betting at once: which hypotheses are refuted, and whether many are."""

import math

import numpy as np


def log_evidence_needed(n_hypotheses, alpha, k=1):
    """Return the logarithm of the capital that each of k hypotheses must have to be refuted.

    Parameters
    ----------
    n_hypotheses : int
        Hypotheses in all, those without a test among them.
    alpha : float
        Largest expected share of true hypotheses among those refuted.
    k : int, default=1
        How many are refuted.

    Returns
    -------
    needed : float
        Natural logarithm.
    """
    return math.log(n_hypotheses / (alpha * k))


def refuted(logs, n_hypotheses, alpha):
    r"""Return which hypotheses are refuted, by the procedure of Benjamini and Hochberg.

    Of :math:`K` capitals, the :math:`k` largest are found if all of them are at least
    :math:`K / (k \alpha)`, for the largest such :math:`k`. The expected share of true hypotheses
    among those found is then at most :math:`\alpha`, however the capitals depend on each other
    [1]_.

    Parameters
    ----------
    logs : array-like of shape (n,)
        Natural logarithms of the capitals of tests by betting.
    n_hypotheses : int
        At least n; those without a test count as a capital of 1 or less.
    alpha : float
        In (0, 1).

    Returns
    -------
    positions : ndarray of int
        The largest capital first.

    References
    ----------
    .. [1] R. Wang and A. Ramdas (2022). "False discovery rate control with e-values". Journal of
       the Royal Statistical Society B 84(3), 822-852.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._e_values import refuted
    >>> refuted(np.log([5.0, 150.0, 90.0, 1.0]), 4, alpha=0.05)
    array([1, 2])
    """
    logs = np.asarray(logs, dtype=np.float64)
    order = np.argsort(-logs, kind="stable")
    enough = [
        k
        for k, log in enumerate(logs[order].tolist(), 1)
        if log >= log_evidence_needed(n_hypotheses, alpha, k)
    ]
    return order[: max(enough, default=0)]


def log_partial_conjunction(logs, k):
    """Return the evidence against "fewer than k of the hypotheses are false".

    If fewer than k are false, at least n - k + 1 are true. The mean of their capitals is itself the
    capital of a fair game, whatever their dependence, and that of the n - k + 1 smallest of all is
    no larger [1]_.

    Parameters
    ----------
    logs : array-like of shape (n,)
        Natural logarithms of the capitals of tests by betting.
    k : int
        From 1 to n.

    Returns
    -------
    log_evidence : float
        Natural logarithm of the mean of the n - k + 1 smallest.

    References
    ----------
    .. [1] V. Vovk and R. Wang (2021). "E-values: Calibration, combination and applications". The
       Annals of Statistics 49(3), 1736-1754.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._e_values import log_partial_conjunction
    >>> round(float(np.exp(log_partial_conjunction(np.log([1.0, 3.0, 1000.0]), 2))), 6)
    2.0
    """
    n = len(logs) - k + 1
    return float(np.logaddexp.reduce(np.sort(logs)[:n])) - math.log(n)
