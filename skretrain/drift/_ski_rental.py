"""When to stop renting: the debt at which a refit is bought, in units of its price."""

import math


def buying_point(most=1.0, share=None):
    """Return the debt at which to buy, as a multiple of the price.

    Whoever rents until `most` prices are paid, and then buys, pays at most ``1 + 1 / most`` times
    what he should have paid if `most` is at most 1, and ``1 + most`` times if it is at least 1: at
    1, twice [1]_. A point drawn from [0, most] with the density ``exp(x) / (exp(most) - 1)`` lowers
    what is to be expected, for rents that do not depend on the draw: at 1, to e / (e - 1) = 1.58
    times [2]_.

    Parameters
    ----------
    most : float, default=1.0
        The latest point.
    share : float or None, default=None
        A number drawn evenly from [0, 1), or None to buy at the latest point.

    Returns
    -------
    point : float
        From 0 to `most`; the quantile of `share`.

    References
    ----------
    .. [1] A. Karlin, M. Manasse, L. Rudolph and D. Sleator (1988). "Competitive snoopy caching".
       Algorithmica 3, 79-119.
    .. [2] A. Karlin, M. Manasse, L. McGeoch and S. Owicki (1994). "Competitive randomized
       algorithms for nonuniform problems". Algorithmica 11, 542-571.

    Examples
    --------
    >>> from skretrain.drift._ski_rental import buying_point
    >>> buying_point()
    1.0
    >>> [round(buying_point(1.0, share), 2) for share in (0.0, 0.5, 0.9)]
    [0.0, 0.62, 0.93]
    """
    if share is None:
        return most
    return most + math.log(share + (1 - share) * math.exp(-most))
