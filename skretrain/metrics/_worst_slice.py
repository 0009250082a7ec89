"""A search for the slice on which a model does worst, corrected for having looked."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length

from ..utils._containers import LIST, PANDAS, POLARS, SPARSE, as_container, kind_of
from ..utils._params import check_integer, check_number, refuse
from ._slice_scores import difference_test, finite_numbers, standardised
from ._slices import Slicer, is_date

_BLOCKS = 20  # of successive rows: every other one is for the search, the rest for the test
_MOST_LEVELS = 20
_BEAM = 100


class WorstSlice(NamedTuple):
    """The slice that :func:`find_worst_slice` has found; all numbers are of the rows held out.

    Attributes
    ----------
    name : str
        Its conditions, such as ``"country=DE and device=old"``.
    rows : ndarray of bool of shape (n_samples,)
        Which of all rows are in it.
    loss : float
        Mean loss in the slice.
    loss_elsewhere : float
        Mean loss of all other rows.
    p_value : float
        One-sided, of "its mean loss is no greater than that of the other rows".

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics import WorstSlice
    >>> worst = WorstSlice("shop=3", np.array([True, False]), 0.4, 0.1, 0.002)
    >>> f"{worst.loss - worst.loss_elsewhere:.1f}"
    '0.3'
    """

    name: str
    rows: np.ndarray
    loss: float
    loss_elsewhere: float
    p_value: float


def find_worst_slice(X, loss, *, max_depth=2, min_rows=30, alpha=0.05):
    """Find the slice of the rows with the clearest excess of the mean loss.

    Slices are conjunctions of conditions on columns: the level of one, or the bin between quartiles
    of a number with more than 20 different values. The slice is looked for on half of the rows,
    and tested once on the other half, which have not been looked at: however many slices there are,
    one is reported with a probability of at most `alpha` if the loss depends on none [1]_.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows in the order of time, an array or frame. Columns of dates are left out.

    loss : array-like of shape (n_samples,)
        Loss of the model on each row, larger is worse: ``y_true != y_pred``, say. The model must
        not have learned these rows.

    max_depth : int, default=2
        Most conditions that a slice may have.

    min_rows : int, default=30
        Fewest rows of a slice, in each half.

    alpha : float, default=0.05
        Largest probability, in (0, 1), of reporting a slice that is no worse.

    Returns
    -------
    worst : WorstSlice or None
        None if no slice was confirmed.

    Raises
    ------
    ValueError
        If a parameter has a value that is not accepted, `X` is no table with columns, or `loss` is
        not one finite number for each row.

    See Also
    --------
    slice_scores : The scores of slices that have names.

    Notes
    -----
    The halves are every other one of 20 blocks of successive rows. The excess is measured in
    standard errors, as slices with few rows have a large excess by chance. Of each number of
    conditions the 100 slices that are worst are refined, so that two conditions neither of which is
    suspicious alone may be missed where there are more than 100. Of a column the 20 most frequent
    levels are looked at.

    The test is Welch's, with the variance of :func:`slice_scores`. It takes the rows of a slice as
    independent.

    References
    ----------
    .. [1] Y. Chung, T. Kraska, N. Polyzotis, K. H. Tae and S. E. Whang (2019). "Slice Finder:
       automated data slicing for model validation". International Conference on Data Engineering.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics import find_worst_slice
    >>> rng = np.random.default_rng(0)
    >>> X = rng.integers(0, 3, size=(4000, 4))
    >>> is_bad = (X[:, 1] == 2) & (X[:, 3] == 0)
    >>> worst = find_worst_slice(X, rng.random(4000) < np.where(is_bad, 0.3, 0.1))
    >>> worst.name, round(worst.loss, 2), round(worst.loss_elsewhere, 2)
    ('column 1=2 and column 3=0', 0.25, 0.1)
    """
    owner = "find_worst_slice"
    check_integer(owner, "max_depth", max_depth, least=1, what="a number of conditions")
    check_integer(owner, "min_rows", min_rows, least=2, what="a number of rows")
    check_number(owner, "alpha", alpha, above=0, below=1, what="a probability")
    X = _table(owner, as_container(X))
    check_consistent_length(X, loss)
    loss = finite_numbers(owner, "loss", loss)
    names, columns, masks = _conditions(owner, X, min_rows)
    is_held_out = np.arange(len(loss)) * _BLOCKS // max(len(loss), 1) % 2 == 1
    searched = ~is_held_out
    unit = float(np.abs(loss).max(initial=0.0)) or 1.0  # squares of huge losses would be infinite
    chosen = _search(masks[searched], columns, loss[searched] / unit, max_depth, min_rows)
    if chosen is None:
        return None
    rows = masks[:, chosen].all(axis=1)
    inside, outside = (_moments(loss[is_held_out & of] / unit) for of in (rows, ~rows))
    if min(inside[0], outside[0]) < min_rows:
        return None
    p_value = difference_test(inside, outside, one_sided=True)
    if p_value > alpha:
        return None
    name = " and ".join(names[c] for c in chosen)
    return WorstSlice(name, rows, inside[1] * unit, outside[1] * unit, p_value)


def _conditions(owner, X, min_rows):
    """Return the names of all conditions, their columns, and which rows meet them."""
    slicer = Slicer(owner, _columns(owner, X))
    names, columns, masks = [], [], []
    for column, named in enumerate(slicer.members(X).values()):
        for name in list(named)[:_MOST_LEVELS]:
            if 2 * min_rows <= len(named[name]):
                names.append(name)
                columns.append(column)
                masks.append(named[name])
    table = np.zeros((X.shape[0], len(names)), dtype=bool)
    for condition, rows in enumerate(masks):
        table[rows, condition] = True
    return names, np.array(columns), table


def _table(owner, X):
    """Return rows with columns, whose names, if they have any, are text."""
    kind = kind_of(X)
    if kind in (LIST, SPARSE) or len(X.shape) != 2:
        raise ValueError(
            f"{owner}(X=...): X must be an array or frame with columns, not {type(X).__name__}; "
            "pass the columns in which slices are looked for."
        )
    if kind != PANDAS:
        return X
    names = [str(name) for name in X.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"{owner}(X=...): the column {twice!r} is there twice; rename one of them."
        )
    return X.set_axis(names, axis=1)


def _columns(owner, X):
    """Return the columns to look at, as a parameter `slices` names them."""
    if kind_of(X) in (PANDAS, POLARS):
        found = {name: name for name in X.columns if not is_date(X[name])}
    else:
        found = {f"column {j}": j for j in range(X.shape[1])}
    if not found:
        refuse(owner, "X", "a table with a column other than dates", X)
    return found


def _search(masks, columns, loss, max_depth, min_rows):
    """Return the conditions with the largest excess of the mean loss in standard errors."""
    best, worst = None, 0.0
    frontier = [((), np.ones(len(loss), dtype=bool))]
    for _ in range(max_depth):
        found = {}
        for chosen, rows in frontier:
            scores = _excesses(masks[rows], loss[rows], loss, min_rows)
            for condition in np.flatnonzero(scores > 0):
                if columns[condition] not in columns[list(chosen)]:
                    found[tuple(sorted((*chosen, int(condition))))] = scores[condition]
        ranked = sorted(found, key=lambda conditions: -found[conditions])[:_BEAM]
        if ranked and found[ranked[0]] > worst:
            best, worst = list(ranked[0]), found[ranked[0]]
        frontier = [(conditions, masks[:, conditions].all(axis=1)) for conditions in ranked]
    return best


def _excesses(masks, loss, loss_of_all, min_rows):
    """Return for each condition on some rows the excess of the mean loss in standard errors."""
    n = masks.sum(axis=0)
    n_out = len(loss_of_all) - n
    fits = (n >= min_rows) & (n_out >= min_rows)
    sums, squares = loss @ masks[:, fits], loss**2 @ masks[:, fits]
    n, n_out = n[fits], n_out[fits]
    inside, outside = (
        (count, total / count, np.maximum(square / count - (total / count) ** 2, 0))
        for count, total, square in (
            (n, sums, squares),
            (n_out, loss_of_all.sum() - sums, (loss_of_all**2).sum() - squares),
        )
    )
    scores = np.full(masks.shape[1], -np.inf)
    scores[fits] = standardised(inside, outside)
    return scores


def _moments(values):
    values = values if len(values) else np.zeros(1)
    return len(values), float(values.mean()), float(values.var())
