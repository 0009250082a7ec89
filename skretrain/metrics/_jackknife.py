"""The jackknife over groups of successive rows, for scores that are no mean over rows."""

import math

import numpy as np


def without_each_group(rows, n_groups):
    """Return the rows without each of so many groups of successive ones, a list.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._jackknife import without_each_group
    >>> [left.tolist() for left in without_each_group(np.array([2, 3, 5, 7]), 2)]
    [[5, 7], [2, 3]]
    """
    ends = np.cumsum([len(part) for part in np.array_split(rows, n_groups)])
    return [
        np.concatenate([rows[:start], rows[end:]])
        for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]


def standard_error(left):
    """Return the standard error of a score, from the scores without each group.

    Parameters
    ----------
    left : sequence of float
        One for each group; NaN gives NaN.

    Returns
    -------
    error : float
        To be compared with Student's t of one degree of freedom less than there are groups.

    References
    ----------
    H. R. Kuensch (1989). "The jackknife and the bootstrap for general stationary observations".
    Annals of Statistics 17(3), 1217-1241.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._jackknife import standard_error, without_each_group
    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> round(standard_error([left.mean() for left in without_each_group(values, 4)]), 3)
    0.645
    """
    return math.sqrt((len(left) - 1) * np.var(left))
