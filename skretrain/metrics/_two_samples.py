"""How far two samples of rows are apart: column by column, and all columns together."""

import math
from typing import NamedTuple

import numpy as np
from scipy import special, stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from ..utils._containers import LIST, PANDAS, POLARS, SPARSE, concat_rows, kind_of, n_rows
from ..utils._durations import is_gap
from ._intervals import student_quantile

_FOLDS = 5
_MOST_LEVELS = 20
_FLOOR = 1e-4  # of a share, in the stability index


# -- columns ---------------------------------------------------------------------------------------


class Column(NamedTuple):
    """A column of both samples as floats; codes and seconds are floats, but not numeric."""

    name: object
    old: np.ndarray
    new: np.ndarray
    is_numeric: bool

    @property
    def label(self):
        """How the column is called in a text, a str."""
        return label_of(self.name)

    @property
    def present(self):
        """The values that are there, of the old and of the new rows."""
        return [values[~np.isnan(values)] for values in (self.old, self.new)]

    @property
    def is_empty(self):
        """Whether no row of either sample has a value."""
        return not any(len(values) for values in self.present)


def label_of(name):
    """Return how a column is called in a text; a number alone would read as an amount."""
    return name if isinstance(name, str) else f"column {name}"


def columns_of(X_old, X_new):
    """Return the columns of two tables, or None, and the reason why there are none.

    Dates are seconds, other things codes by their order as text.
    """
    kind = kind_of(X_old)
    if kind == LIST or len(X_old.shape) != 2:
        return None, "the rows are no table of columns"
    if kind == SPARSE:
        return None, "the columns are sparse"
    if kind in (PANDAS, POLARS):
        names = list(X_old.columns)
        pairs = [[X[name].to_numpy() for X in (X_old, X_new)] for name in names]
    else:
        names = range(X_old.shape[1])
        pairs = [[X[:, j] for X in (X_old, X_new)] for j in names]
    return [Column(name, *_numbers(*pair)) for name, pair in zip(names, pairs, strict=True)], ""


def _numbers(old, new):
    if old.dtype.kind in "biu" and new.dtype.kind in "biu":
        return old.astype(float), new.astype(float), old.dtype.kind != "b"
    if old.dtype.kind in "mM" and new.dtype.kind == old.dtype.kind:
        return *(_seconds(values) for values in (old, new)), False
    both = [_as_floats(values) for values in (old, new)]
    if all(values is not None for values in both):
        return *both, True
    # One by one: a cell may be a list. None and NaN are the same gap.
    text = [
        ["" if is_gap(value) else f"={value}" for value in np.asarray(side, dtype=object)]
        for side in (old, new)
    ]
    _, codes = np.unique(np.concatenate(text), return_inverse=True)
    return codes[: len(old)].astype(float), codes[len(old) :].astype(float), False


def _seconds(values):
    seconds = values.astype("datetime64[s]" if values.dtype.kind == "M" else "timedelta64[s]")
    return np.where(np.isnat(values), np.nan, seconds.astype(np.int64))


def _as_floats(values):
    try:
        numbers = np.array(values, dtype=float)
    except (TypeError, ValueError):
        return None
    numbers[np.isinf(numbers)] = np.nan
    return numbers


def is_clock(column):
    """Tell a date or running number, which differs between the samples by what it is.

    It goes one way within both samples; a clock may have been set back in between.
    """
    return bool(direction(*column.present))


def direction(*samples):
    """Return where numbers go from row to row: 1 up, -1 down, 0 both ways, None for few numbers.

    Many that go one way, with repeats or without, are those of a clock, or count the rows; few
    different ones may do so by chance.
    """
    together = np.concatenate(samples)
    if len(np.unique(together)) <= max(10, len(together) // 100):
        return None
    rises, falls = (
        any(differs(values[1:], values[:-1]).any() for values in samples)
        for differs in (np.greater, np.less)
    )
    return int(rises) - int(falls)


def movement(column):
    """Return by how much a column moved, or None if a sample has no value of it.

    The distance is Kolmogorov-Smirnov for numbers, else total variation of the levels, with the p
    value of a chi-square test.
    """
    old, new = column.present
    if not len(old) or not len(new):
        return None
    if column.is_numeric:
        distance = ks_distance(old, new)
        p_value = ks_p_value(distance, len(old), len(new))
        (before, deviation), (after, other) = moments(old), moments(new)
        deviation = deviation or other
        # Halves, of which the difference is a float where that of the means is none.
        steps = 2 * ((after / 2 - before / 2) / deviation) if deviation else 0.0
    else:
        counts = level_counts(*_coarse(old, new))
        distance = total_variation(counts[0] / len(old), counts[1] / len(new))
        p_value, steps = chi_square_p_value(counts), math.nan
    return {
        "name": column.label,
        "kind": "numeric" if column.is_numeric else "categorical",
        "distance": distance,
        "in_deviations": steps,
        "p_value": p_value,
    }


# -- numbers ---------------------------------------------------------------------------------------


def deviation_of(values):
    """Return the standard deviation: 0 of equal values, also where their mean is rounded."""
    return moments(values)[1]


def moments(values):
    """Return mean and standard deviation, also where sums or squares would be no floats."""
    _, exponent = np.frexp(np.abs(values).max())
    scaled = np.ldexp(values, -exponent)
    deviation = scaled.std() if np.ptp(scaled) else 0.0
    return tuple(float(np.ldexp(part, exponent)) for part in (scaled.mean(), deviation))


def distribution_gaps(old, new):
    """Return all values, sorted, and by how much the share up to each is larger in the new ones."""
    at = np.sort(np.concatenate([old, new]))  # in order, they are found several times faster
    shares = [np.searchsorted(np.sort(part), at, side="right") / len(part) for part in (old, new)]
    return at, shares[1] - shares[0]


def ks_distance(old, new):
    """Return the Kolmogorov-Smirnov distance: the largest gap between the distributions."""
    return float(np.abs(distribution_gaps(old, new)[1]).max())


def ks_p_value(distance, n_old, n_new):
    """Return the two-sided p value of a Kolmogorov-Smirnov distance, for many values."""
    larger, smaller = float(max(n_old, n_new)), float(min(n_old, n_new))
    n = np.round(larger * smaller / (larger + smaller))
    return float(np.clip(stats.kstwo.sf(distance, n), 0, 1))


def wasserstein_in_deviations(old, new):
    """Return the Wasserstein distance in standard deviations of the old numbers.

    Of the new ones where the old are constant; infinite where both are, and differ; NaN where a
    sample is empty.
    """
    if not len(old) or not len(new):
        return math.nan
    distance = float(stats.wasserstein_distance(old, new))
    deviation = deviation_of(old) or deviation_of(new)
    return distance / deviation if deviation else (math.inf if distance else 0.0)


# -- levels ----------------------------------------------------------------------------------------


def level_counts(old, new):
    """Return how often each level comes, an array of shape (2, n_levels)."""
    levels = np.unique(np.concatenate([old, new]))
    return np.array([[(part == level).sum() for level in levels] for part in (old, new)])


def total_variation(shares_old, shares_new):
    """Return the share of the rows that would have to change level, in [0, 1]."""
    return float(np.abs(np.subtract(shares_new, shares_old)).sum() / 2)


def chi_square_p_value(counts):
    """Return the p value of a chi-square test of counts; 1 for a single level."""
    return 1.0 if counts.shape[1] < 2 else float(stats.chi2_contingency(counts).pvalue)


def _coarse(old, new):
    """Return codes with few levels: with one row to a level, everything differs."""
    together = np.concatenate([old, new])
    if len(np.unique(together)) <= _MOST_LEVELS:
        return old, new
    edges = np.quantile(together, np.linspace(0, 1, _MOST_LEVELS + 1)[1:-1])
    return np.searchsorted(edges, old), np.searchsorted(edges, new)


# -- numbers and levels ----------------------------------------------------------------------------


def share_p_value(counts, n_rows, per_value=1.0):
    """Return the two-sided p value of Fisher's exact test that two shares are the same.

    Parameters
    ----------
    counts, n_rows : sequence of two int
        Rows that have it, of how many.
    per_value : float, default=1.0
        As how many rows one counts.

    Returns
    -------
    p_value : float
        Twice the smaller tail.

    Examples
    --------
    >>> from skretrain.metrics._two_samples import share_p_value
    >>> round(share_p_value([10, 30], [100, 100]), 5)
    0.00065
    """
    hits, n = np.round(np.divide(counts, per_value)), np.ceil(np.divide(n_rows, per_value))
    law, of = stats.hypergeom, (n.sum(), hits.sum(), n[1])
    return float(min(2 * min(law.cdf(hits[1], *of), law.sf(hits[1] - 1, *of)), 1.0))


def jensen_shannon(p, q):
    """Return the Jensen-Shannon distance of two distributions over cells, base 2, in [0, 1].

    References
    ----------
    J. Lin (1991). "Divergence measures based on the Shannon entropy". IEEE Transactions on
    Information Theory 37(1), 145-151.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._two_samples import jensen_shannon
    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    bits = sum(special.rel_entr(part, (p + q) / 2).sum() for part in (p, q)) / (2 * math.log(2))
    return math.sqrt(min(max(bits, 0.0), 1.0))


def stability_index(p, q):
    """Return the population stability index of two distributions over cells.

    An empty cell counts as one of a ten-thousandth.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._two_samples import stability_index
    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.25, 0.75])), 3)
    0.275
    """
    p, q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def rows_per_value(values):
    """Return as how many rows of a series of numbers one counts, from their ranks."""
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return 1.0
    _, ranks = np.unique(values, return_inverse=True)
    ranks = ranks - ranks.mean()
    variance = np.square(ranks).sum()
    r = ranks[1:].dot(ranks[:-1]) / variance if variance else 0.0
    return _rows_per_independent(r, len(values))


def rows_per_level(codes):
    """Return as how many rows of a series of levels one counts, from how often one comes again."""
    if len(codes) < 2:
        return 1.0
    by_chance = np.square(np.bincount(codes) / len(codes)).sum()
    r = (np.mean(codes[1:] == codes[:-1]) - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    return _rows_per_independent(r, len(codes))


def _rows_per_independent(r, n):
    # Less than chance alone might show is none.
    r = 0.0 if r < 3 / math.sqrt(n) else min(r, 0.99)
    return (1 + r) / (1 - r)


# -- all columns together --------------------------------------------------------------------------


def holm(p_values):
    """Return p values adjusted for their number by Holm; NaN is none.

    References
    ----------
    S. Holm (1979). "A simple sequentially rejective multiple test procedure". Scandinavian Journal
    of Statistics 6(2), 65-70.

    Examples
    --------
    >>> from skretrain.metrics._two_samples import holm
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.count_nonzero(~np.isnan(p_values))]
    adjusted = np.full(len(p_values), np.nan)
    stepped = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return adjusted


def domain_auc(old, new, level=0.95):
    """Return how well a classifier tells old rows from new ones: AUC, and an interval of it.

    Each sample is cut into five runs of successive rows; the rows of a run are told apart by a
    classifier fitted on the others, so that neighbours in time never stand on both sides.

    Parameters
    ----------
    old, new : ndarray of shape (n_samples, n_features)
        Floats, NaN where missing; at least ten rows each, in the order of time.
    level : float, default=0.95
        Of the interval.

    Returns
    -------
    auc, low, high : float
        0.5 is a guess.
    """
    return told_apart(old, new, level)[0]


def told_apart(old, new, level=0.95):
    """Return the AUC with its interval, and how new each of the new rows looks.

    Parameters
    ----------
    old, new : ndarray or sparse matrix of shape (n_samples, n_features)
        As for :func:`domain_auc`; rows of a sparse matrix are told apart by a linear model.
    level : float, default=0.95
        Of the interval.

    Returns
    -------
    area : tuple of three floats
        AUC, and the ends of its interval.
    scores : ndarray of shape (n_new,)
        Of each new row, by the classifier that was fitted without it; about 0 for old, 1 for new.
    """
    runs = [np.array_split(np.arange(n), _FOLDS) for n in map(n_rows, (old, new))]
    areas, errors, scores = [], [], []
    for held in zip(*runs, strict=True):
        area, scored = _area_on(held, old, new)
        areas.append(area)
        scores.append(scored)
        errors.append(_error_of_area(area, *map(len, held)))
    mean = float(np.mean(areas))
    # The larger of what the rows and what the runs say.
    by_rows = math.sqrt(np.square(errors).sum()) / _FOLDS
    width = max(
        student_quantile(level, math.inf) * by_rows,
        student_quantile(level, _FOLDS) * float(np.std(areas, ddof=1)) / math.sqrt(_FOLDS),
    )
    area = mean, max(mean - width, 0.0), min(mean + width, 1.0)
    return area, np.concatenate(scores)


def _area_on(held, old, new):
    """Return the AUC on the rows left out, of a classifier fitted on all others, and its scores."""
    parts = zip((old, new), held, strict=True)
    rest = [np.setdiff1d(np.arange(n_rows(part)), out) for part, out in parts]
    score_of = (_linear if kind_of(old) == SPARSE else _trees)(old[rest[0]], new[rest[1]])
    period = np.repeat([0, 1], list(map(len, held)))
    scores = score_of(concat_rows([old[held[0]], new[held[1]]]))
    return roc_auc_score(period, scores), scores[period == 1]


def _trees(old, new):
    X, period = _labelled(old, new)
    X[:, np.isnan(X).all(axis=0)] = 0.0  # values that come in the run left out
    model = HistGradientBoostingClassifier(
        max_iter=30,
        max_leaf_nodes=8,
        min_samples_leaf=min(20, max(2, len(X) // 20)),
        early_stopping=False,
        random_state=0,
    ).fit(X, period)
    return lambda rows: model.predict_proba(rows)[:, 1]


def _linear(old, new):
    """Tell by least squares: whatever the columns are, it has one solution and no steps."""
    X, period = _labelled(old, new)
    return make_pipeline(MaxAbsScaler(), Ridge(solver="sparse_cg")).fit(X, period).predict


def _labelled(old, new):
    return concat_rows([old, new]), np.repeat([0, 1], [n_rows(old), n_rows(new)])


def _error_of_area(area, n1, n2):
    """Return the standard error of an AUC by Hanley and McNeil."""
    a, b = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n1 - 1) * (b - area**2) + (n2 - 1) * (a - area**2)
    return math.sqrt(max(variance, 0.25 / max(n1, n2)) / (n1 * n2))
