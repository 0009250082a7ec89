"""Which features moved: each tested, with the size of its change, over all of them together."""

import math
from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..utils._params import check_number
from ._tables import (
    as_levels,
    as_numbers,
    as_sparse,
    column_of,
    fullest_columns,
    is_missing,
    is_time,
    length_of,
    like_table,
    read_table,
)
from ._two_samples import (
    chi_square_p_value,
    direction,
    holm,
    jensen_shannon,
    ks_distance,
    ks_p_value,
    label_of,
    moments,
    rows_per_level,
    rows_per_value,
    share_p_value,
    stability_index,
    wasserstein_in_deviations,
)

LEAST_ROWS = 30
_MOST_LEVELS = 20
_PASSES = 3
_LEAST_EXPECTED = 5  # rows in a cell of the chi-square test


class FeatureShift(NamedTuple):
    """How one feature differs between reference rows and new rows.

    Attributes
    ----------
    name : str
        Of the column; ``"column 3"`` where it has a position only.
    kind : {"numeric", "categorical", "sparse", "time", "counter", "empty"}
        What was compared. Times and counters (running numbers) move by themselves and are left out.
    test : {"ks", "chi2", "missing", "new levels", ""}
        The test with the smallest p value; empty where none was made.
    p_value, p_adjusted : float
        Of the feature, and adjusted by Holm for all features; NaN where it was left out.
    effect : float
        Jensen-Shannon distance in [0, 1], base 2, over the deciles of the reference or the levels;
        missing values are a cell of their own.
    wasserstein : float
        Wasserstein distance of numbers, in standard deviations of the reference (of the new rows
        where that is constant; infinite where both are, and differ). NaN for levels.
    psi : float
        Population stability index over the same cells as `effect`.
    mean_reference, mean_new, std_reference, std_new : float
        Of the numbers that are there; NaN for levels.
    missing_reference, missing_new : float
        Share of rows without a value, infinite ones included; of sparse rows, of zeros.
    new_levels : tuple of str
        Levels that no reference row has, the most frequent first, at most 20.
    share_new_levels : float
        Share of the new rows that have a level which no reference row has.
    moved : bool
        Whether `p_adjusted` is at most `alpha` and `effect` at least `min_effect`.
    reason : str
        What moved, or why the feature was left out; else empty.
    """

    name: str
    kind: str
    test: str = ""
    p_value: float = math.nan
    p_adjusted: float = math.nan
    effect: float = 0.0
    wasserstein: float = math.nan
    psi: float = 0.0
    mean_reference: float = math.nan
    mean_new: float = math.nan
    std_reference: float = math.nan
    std_new: float = math.nan
    missing_reference: float = 0.0
    missing_new: float = 0.0
    new_levels: tuple = ()
    share_new_levels: float = 0.0
    moved: bool = False
    reason: str = ""


def feature_shifts(X_reference, X_new, *, alpha=0.01, min_effect=0.1):
    """Compare new rows with reference rows, feature by feature.

    A feature has moved if the difference is both proven and large. Numbers are tested by
    Kolmogorov-Smirnov, levels by chi-square, the share of missing values by Fisher's exact test,
    and levels never seen against how many the reference itself has seen only once (Good and
    Turing). Of several tests of a feature the smallest p value counts, times their number. Over all
    features the p values are adjusted by Holm's method, which bounds the chance that *any* feature
    is named falsely however they depend on each other: one false name is a false alarm.

    Parameters
    ----------
    X_reference, X_new : array-like, data frame or sparse matrix of shape (n_rows, n_features)
        At least 30 rows each, in the order of time. Columns of frames are matched by name, and one
        that is not there counts as missing in every row. Of sparse rows the 300 columns with the
        most entries are compared: a zero is a missing value there.
    alpha : float, default=0.01
        Chance that any feature is named, if none has moved.
    min_effect : float, default=0.1
        Jensen-Shannon distance from which on a change matters; 0.1 is a shift of the mean by about
        a quarter of a standard deviation, or a new level in one row of fifty.

    Returns
    -------
    shifts : list of FeatureShift
        One per feature, in the order of the columns.

    Raises
    ------
    ValueError
        If the rows are no tables or too few, or a parameter is not accepted.

    Notes
    -----
    Where successive new rows resemble each other, so many of them count as one as lag-1 correlation
    says, ``(1 + r) / (1 - r)``, in both samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._feature_shifts import feature_shifts
    >>> rng = np.random.default_rng(0)
    >>> old, new = rng.normal(size=(1000, 3)), rng.normal([0, 0.5, 0], size=(500, 3))
    >>> [shift.moved for shift in feature_shifts(old, new)]
    [False, True, False]
    """
    check_number("feature_shifts", "alpha", alpha, above=0, below=1)
    check_number("feature_shifts", "min_effect", min_effect, least=0, most=1)
    tables = read_table(X_reference, "X_reference"), read_table(X_new, "X_new")
    check_rows(*tables)
    return shifts_of(*tables, alpha=alpha, min_effect=min_effect)


def check_rows(reference, new):
    """Raise ValueError for tables with too few rows, or without rows."""
    for what, table in (("X_reference", reference), ("X_new", new)):
        n = length_of(table)
        if n < LEAST_ROWS:
            raise ValueError(
                f"{what} has {n} rows: at least {LEAST_ROWS} are needed to tell a change from "
                "chance. Pass more rows."
            )


def shifts_of(reference, new, *, alpha, min_effect):
    """Return what :func:`feature_shifts` does, of tables that are read and checked.

    Parameters
    ----------
    reference, new : dict or csr
        What :func:`read_table` returned.
    alpha, min_effect : float
        See there.

    Returns
    -------
    shifts : list of FeatureShift
        One per feature.
    """
    shifts = [_shift_of(*pair) for pair in pairs_of(reference, new)]
    p_values = holm([shift.p_value for shift, _ in shifts]).tolist()
    return [
        _judged(shift, change, p_value, alpha, min_effect)
        for (shift, change), p_value in zip(shifts, p_values, strict=True)
    ]


def _judged(shift, change, p_adjusted, alpha, min_effect):
    moved = bool(p_adjusted <= alpha and shift.effect >= min_effect)
    reason = ", ".join(filter(None, [change if moved else "", shift.reason]))
    return shift._replace(p_adjusted=p_adjusted, moved=moved, reason=reason)


# -- columns in pairs ------------------------------------------------------------------------------


def pairs_of(reference, new):
    """Yield the name, the kind and both samples of each feature."""
    if sparse.issparse(reference) or sparse.issparse(new):
        reference = as_sparse(reference)
        yield from _sparse_pairs(reference, like_table(new, reference))
        return
    new = like_table(new, reference)
    for name in dict.fromkeys([*reference, *new]):
        yield label_of(name), "", column_of(reference, name), column_of(new, name)


def _sparse_pairs(reference, new):
    # Picked by both together: whether a column is looked at does not depend on where it moved.
    picked = fullest_columns(sparse.vstack([reference, new]), least=1)
    dense = [X[:, picked].toarray() for X in (reference, new)]
    for j, name in enumerate(picked.tolist()):
        yield label_of(name), "sparse", *(np.where(X[:, j] == 0, np.nan, X[:, j]) for X in dense)


# -- one feature -----------------------------------------------------------------------------------


def _shift_of(name, kind, old, new):
    """Return how a feature differs, before all are judged together, and the change in words."""
    shares = [float(is_missing(values).mean()) for values in (old, new)]
    about = {"name": name, "missing_reference": shares[0], "missing_new": shares[1]}
    if is_time(old) or is_time(new):
        return _left_out("time", about, "a time moves by itself")
    if shares == [1, 1]:
        return _left_out("empty", about, "no value in any row")
    numbers = [as_numbers(values) for values in (old, new)]
    kinds = old.dtype.kind + new.dtype.kind
    if "f" in kinds and all(values is not None for values in numbers):
        about["reason"] = _note(shares, kinds, "text that reads as numbers")
        return _of_numbers(kind or "numeric", *numbers, about)
    about["reason"] = _note(shares, kinds, "text next to numbers")
    return _of_levels(as_levels(old), as_levels(new), about)


def _left_out(kind, about, why):
    return FeatureShift(kind=kind, **about | {"reason": f"{why}: left out"}), ""


def _note(missing, kinds, types):
    if 1 in missing:
        return f"no value in any {'reference' if missing[0] == 1 else 'new'} row"
    return types if kinds[0] != kinds[1] else ""


def _of_numbers(kind, old, new, about):
    present = [values[~np.isnan(values)] for values in (old, new)]
    if kind == "numeric" and all(map(len, present)) and direction(*present):
        return _left_out("counter", about, "a running number moves by itself")
    per_value = rows_per_value(new)
    tests = {"ks": _ks(*present, per_value), "missing": _missing(old, new)}
    test, p_value = _smallest(tests)
    cells = _cells_of_numbers(*present)
    (mean_old, std_old), (mean_new, std_new) = map(_moments, present)
    shift = FeatureShift(
        kind=kind,
        test=test,
        p_value=p_value,
        **_sizes(_with_missing(cells, old, new)),
        wasserstein=wasserstein_in_deviations(*present),
        mean_reference=mean_old,
        mean_new=mean_new,
        std_reference=std_old,
        std_new=std_new,
        **about,
    )
    return shift, _change_of_shares(shift) if test == "missing" else _change_of_numbers(shift)


def _moments(values):
    return moments(values) if len(values) else (math.nan, math.nan)


def _change_of_shares(shift):
    what = "zero" if shift.kind == "sparse" else "missing"
    return f"{what} {shift.missing_reference:.1%} -> {shift.missing_new:.1%}"


def _change_of_numbers(shift):
    means = shift.mean_reference, shift.mean_new
    deviations = shift.std_reference, shift.std_new
    is_of_mean = abs(means[1] - means[0]) >= abs(deviations[1] - deviations[0])
    name, (before, after) = ("mean", means) if is_of_mean else ("deviation", deviations)
    return f"{name} {before:.3g} -> {after:.3g}"


def _of_levels(old, new, about):
    present = [values[~is_missing(values)] for values in (old, new)]
    levels, codes = np.unique(np.concatenate(present).astype(str), return_inverse=True)
    codes = codes[: len(present[0])], codes[len(present[0]) :]
    counts = np.array([np.bincount(part, minlength=len(levels)) for part in codes])
    per_value = rows_per_level(codes[1])
    cells = _largest(counts)
    tests = {
        "chi2": _chi_square(cells, per_value),
        "missing": _missing(old, new),
        "new levels": _never_seen(counts, len(old), len(new), per_value),
    }
    test, p_value = _smallest(tests)
    unseen = np.flatnonzero(counts[0] == 0)
    unseen = unseen[np.argsort(-counts[1, unseen], kind="stable")]
    shift = FeatureShift(
        kind="categorical",
        test=test,
        p_value=p_value,
        **_sizes(_with_missing(cells, old, new)),
        new_levels=tuple(levels[unseen[:_MOST_LEVELS]].tolist()),
        share_new_levels=float(counts[1, unseen].sum() / len(new)),
        **about,
    )
    if test == "missing":
        return shift, _change_of_shares(shift)
    if test == "new levels":
        named = ", ".join(map(repr, shift.new_levels[:3]))
        return shift, f"new levels {named} in {shift.share_new_levels:.1%}"
    return shift, _change_of_levels(levels, counts / [[len(old)], [len(new)]])


def _change_of_levels(levels, shares):
    before, after = shares
    most = np.argmax(np.abs(after - before))
    return f"{str(levels[most])!r} {before[most]:.1%} -> {after[most]:.1%}"


# -- tests -----------------------------------------------------------------------------------------


def _smallest(tests):
    """Return the test with the smallest p value, and that value times the number of tests."""
    tests = {name: p_value for name, p_value in tests.items() if p_value is not None}
    name = min(tests, key=tests.get)
    return name, min(tests[name] * len(tests), 1.0)


def _ks(old, new, per_value):
    if not len(old) or not len(new):
        return None
    n_old, n_new = (max(len(part) / per_value, 2) for part in (old, new))
    return ks_p_value(ks_distance(old, new), n_old, n_new)


def _missing(old, new):
    missing = [is_missing(part).astype(int) for part in (old, new)]
    n_missing = [int(part.sum()) for part in missing]
    if not any(n_missing):
        return None
    return share_p_value(n_missing, [len(old), len(new)], rows_per_level(missing[1]))


def _never_seen(counts, n_old, n_new, per_value):
    """Test the rows with a level never seen against the reference rows whose level came once."""
    unseen = int(counts[1, counts[0] == 0].sum())
    if not unseen:
        return None
    once = int(np.count_nonzero(counts[0] == 1))
    return share_p_value([once, unseen], [n_old, n_new], per_value)


def _chi_square(cells, per_value):
    n_rows = cells.sum(axis=1)
    if not n_rows.all():
        return None
    cells = cells / per_value
    expected = cells.sum(axis=0) * n_rows.min() / n_rows.sum()
    large = expected >= _LEAST_EXPECTED
    # What is too small for the test stands together, and if need be with the smallest of the rest.
    rest = cells[:, ~large].sum(axis=1, keepdims=True)
    cells = cells[:, large]
    if expected[~large].sum() >= _LEAST_EXPECTED or not large.any():
        cells = np.concatenate([cells, rest], axis=1)
    else:
        cells[:, [np.argmin(cells.sum(axis=0))]] += rest
    return chi_square_p_value(cells)


# -- sizes -----------------------------------------------------------------------------------------


def _cells_of_numbers(old, new):
    """Return how many values of both samples lie between the deciles of the first."""
    edges = _edges(old, new)
    return np.array(
        [np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1) for part in (old, new)]
    )


def _edges(old, new):
    of_deciles = old if len(old) else new
    deciles = np.quantile(of_deciles, np.linspace(0, 1, 11)[1:-1], method="inverted_cdf")
    edges, times = np.unique(deciles, return_counts=True)
    # A value that many rows have is a cell of its own.
    return np.unique(np.concatenate([edges, np.nextafter(edges[times > 1], -np.inf)]))


def _largest(counts):
    """Return the counts of the most frequent levels, and last those of all others.

    Of levels that are as frequent as each other all are kept or none: which sample they are of may
    show in their names.
    """
    totals = counts.sum(axis=0)
    bar = np.sort(totals)[-_MOST_LEVELS - 1] if len(totals) > _MOST_LEVELS else 0
    rest = counts[:, totals <= bar].sum(axis=1, keepdims=True)
    return np.concatenate([counts[:, totals > bar], rest], axis=1)


def _with_missing(cells, old, new):
    missing = [[np.count_nonzero(is_missing(part))] for part in (old, new)]
    return np.concatenate([cells, missing], axis=1)


def _sizes(cells):
    shares = cells / cells.sum(axis=1, keepdims=True)
    return {"effect": jensen_shannon(*shares), "psi": stability_index(*shares)}


# -- where it began --------------------------------------------------------------------------------


def changed_from(reference, new, names):
    """Return from which of the new rows on features differ from the reference, a position.

    It is the maximum of the likelihood ratio of what the new rows and the reference have in the
    cells of these features, summed over the rows from there on.

    Parameters
    ----------
    reference, new : dict or csr
        What :func:`read_table` returned.
    names : collection of str
        Features, as they are called in a :class:`FeatureShift`.

    Returns
    -------
    position : int
        0 if all of the new rows differ.
    """
    codes = [_codes(old, now) for name, _, old, now in pairs_of(reference, new) if name in names]
    position, n_rows = 0, length_of(new)
    for _ in range(_PASSES):  # the rows after the change tell better what they are like
        scores = sum(_likelihood_ratios(*pair, position) for pair in codes)
        position = n_rows - 1 - int(np.cumsum(scores[::-1]).argmax())
    return position


def _likelihood_ratios(old, new, position):
    """Return the logarithm of how much more likely each new value is among those from a row on."""
    n_cells = max(old.max(), new.max()) + 1
    # Half a row more in each cell: none is impossible.
    before, after = (np.bincount(part, minlength=n_cells) + 0.5 for part in (old, new[position:]))
    return np.log(after / after.sum() / (before / before.sum()))[new]


def _codes(old, new):
    """Return the cell of each value: between deciles or by level, and last the missing ones."""
    numbers = [as_numbers(values) for values in (old, new)]
    if any(values is None for values in numbers):
        levels = [np.where(is_missing(v), "", "=" + as_levels(v).astype(str)) for v in (old, new)]
        codes = np.unique(np.concatenate(levels), return_inverse=True)[1]
        return codes[: len(old)], codes[len(old) :]
    edges = _edges(*(values[~np.isnan(values)] for values in numbers))
    return [
        np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values))
        for values in numbers
    ]
