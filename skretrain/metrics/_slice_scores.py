"""A score for each slice, with what chance could make of it."""

import inspect
import math
import warnings
from typing import NamedTuple

import numpy as np
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target, unique_labels

from ..utils._containers import as_container
from ..utils._losses import absolute_loss_per_row, zero_one_loss_per_row
from ..utils._params import refuse
from ._intervals import student_interval, student_quantile, wilson_interval
from ._jackknife import standard_error, without_each_group
from ._slices import Slicer

_LEVEL = 0.95
_MOST_LEVELS = 20
_GROUPS = 10  # of successive rows, each left out once
_OTHERS = "other levels"
_METRICS = ("accuracy", "mean_absolute_error")


class SliceScore(NamedTuple):
    """The score of one slice, a row of the table of :func:`slice_scores`.

    Attributes
    ----------
    name : str
        Of the slice, such as ``"country=DE"``.
    n_rows : int
        Rows in it, without those of weight zero.
    score : float
        On these rows; NaN if there are none.
    low, high : float
        Confidence interval of the score at the level 0.95.
    difference : float
        Score less that of all other rows; NaN if there are no others.
    p_value : float
        Two-sided, of "it scores like the other rows".
    p_adjusted : float
        The same after Benjamini and Hochberg: those of the slices in which it is at most 0.05 are
        different, but for an expected share of 5 % of them.

    Examples
    --------
    >>> from skretrain.metrics import SliceScore
    >>> SliceScore("country=DE", 50, 0.7, 0.56, 0.81, -0.2, 0.01, 0.04).difference
    -0.2
    """

    name: str
    n_rows: int
    score: float
    low: float
    high: float
    difference: float
    p_value: float
    p_adjusted: float


def slice_scores(y_true, y_pred, X, slices, *, metric="accuracy", sample_weight=None):
    """Score of each slice of the rows, against that of all other rows.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets.

    y_pred : array-like of shape (n_samples,)
        Predictions, or what else `metric` compares the targets with.

    X : array-like of shape (n_samples, n_features)
        The rows, as an array, frame or sparse matrix.

    slices : dict of str to (str, int or callable)
        Name of each definition, and a column of `X` by its name or number, or a function
        ``X -> array of bool of shape (n_samples,)``. Each level of a column is a slice, "missing"
        among them; a number with more than 20 different values is cut at its quartiles.

    metric : {"accuracy", "mean_absolute_error"} or callable, default="accuracy"
        A callable is ``metric(y_true, y_pred) -> float``, as those of ``sklearn.metrics`` are, and
        takes a keyword `sample_weight` where weights are given.

    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.

    Returns
    -------
    scores : list of SliceScore
        In the order of `slices`; levels by their frequency. ``pandas.DataFrame(scores)`` is a
        table. Of a column with more than 20 levels, the rarer ones are one slice, "other levels".

    Raises
    ------
    ValueError
        If `slices` or `metric` is none, a column is not there, a function does not say True or
        False for each row, or the arrays do not fit.

    See Also
    --------
    find_worst_slice : Search for a slice that nobody has named.
    skretrain.drift.SliceDrift : Watch slices on a stream.

    Notes
    -----
    The interval is Wilson's [1]_ for the accuracy, and Student's for the absolute error. The p
    value is that of Welch's test between the slice and the other rows, where the variance of a
    slice is taken for no smaller than that of all rows, so that a slice with three right answers is
    not certain. Both take rows as independent; weights count by their effective number of rows.

    For a callable, both come from the jackknife over 10 groups of successive rows of the slice
    [2]_: fewer than 10 rows, or a metric that is not defined on some (an area under the curve of a
    single class), have a score and no interval.

    References
    ----------
    .. [1] E. B. Wilson (1927). "Probable inference, the law of succession, and statistical
       inference". Journal of the American Statistical Association 22, 209-212.
    .. [2] H. R. Kuensch (1989). "The jackknife and the bootstrap for general stationary
       observations". Annals of Statistics 17(3), 1217-1241.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics import slice_scores
    >>> shop = np.repeat([[1], [2], [3]], 100, axis=0)
    >>> y_pred = np.tile([0, 0, 0, 0, 1], 60)
    >>> y_pred[250:] = 1
    >>> for row in slice_scores(np.zeros(300), y_pred, shop, {"shop": 0}):
    ...     print(f"{row.name} {row.score:.2f} {row.low:.2f}-{row.high:.2f} {row.p_adjusted:.4f}")
    shop=1 0.80 0.71-0.87 0.0009
    shop=2 0.80 0.71-0.87 0.0009
    shop=3 0.40 0.31-0.50 0.0000
    """
    X = as_container(X)
    measure = measure_of(y_true, y_pred, X, metric, sample_weight)
    weight = measure.weight
    rows = rows_of_slices(X, slices)
    found = [_score_of(name, of[weight[of] > 0], measure, weight) for name, of in rows.items()]
    p_values = np.array([score.p_value for score in found])
    adjusted = benjamini_hochberg(p_values)
    return [s._replace(p_adjusted=float(p)) for s, p in zip(found, adjusted, strict=True)]


def rows_of_slices(X, slices, owner="slice_scores"):
    """Return the rows of each slice by its name, rare levels of a column as one."""
    rows = {}
    for definition, named in Slicer(owner, slices).members(X).items():
        rows |= _pooled(definition, named)
    return rows


def benjamini_hochberg(p_values):
    """Return adjusted p values; NaN stays and is not counted."""
    adjusted, there = np.full(len(p_values), np.nan), ~np.isnan(p_values)
    adjusted[there] = stats.false_discovery_control(p_values[there])
    return adjusted


def difference_test(inside, outside, *, one_sided=False):
    """Return the p value of Welch's test between a slice and other rows.

    Parameters
    ----------
    inside, outside : tuple of (float, float, float)
        Number of rows, mean and variance.
    one_sided : bool, default=False
        Whether only a greater mean inside counts.

    Returns
    -------
    p_value : float
        1 where nothing varies and the means are the same.
    """
    t = standardised(inside, outside)
    if one_sided:
        return float(stats.t.sf(t, max(inside[0] - 1, 1)))
    return float(2 * stats.t.sf(abs(t), max(inside[0] - 1, 1)))


def standardised(inside, outside):
    """Return the difference of two means in standard errors; arrays give arrays.

    The variance inside is at least that of all rows: a few rows that are all alike prove nothing.
    """
    (n, mean, variance), (n_out, mean_out, variance_out) = inside, outside
    share = n / (n + n_out)
    between = share * (1 - share) * (mean - mean_out) ** 2
    of_all = share * variance + (1 - share) * variance_out + between
    error = np.sqrt(np.maximum(variance, of_all) / n + variance_out / n_out)
    difference = np.asarray(mean - mean_out, dtype=np.float64)
    return np.divide(difference, error, out=np.zeros_like(difference), where=error > 0)


def _pooled(definition, named):
    """Return the slices of one definition, rare levels as one."""
    names = list(named)
    if len(names) <= _MOST_LEVELS:
        return named
    rare = np.sort(np.concatenate([named[name] for name in names[_MOST_LEVELS:]]))
    frequent = {name: named[name] for name in names[:_MOST_LEVELS]}
    return frequent | {f"{definition}={_OTHERS}": rare}


def _score_of(name, rows, measure, weight):
    is_inside = np.zeros(len(weight), dtype=bool)
    is_inside[rows] = True
    others = np.flatnonzero(~is_inside & (weight > 0))
    if not len(rows):
        return SliceScore(name, 0, *[math.nan] * 6)
    score, low, high = measure.interval(rows)
    difference, p_value = measure.comparison(rows, others) if len(others) else (math.nan, math.nan)
    return SliceScore(name, len(rows), score, low, high, difference, p_value, math.nan)


# -- metrics ---------------------------------------------------------------------------------------


def measure_of(y_true, y_pred, X, metric, sample_weight):
    """Return what scores some of the rows; its `weight` is 1 for each where none are given."""
    check_consistent_length(y_true, y_pred, X, sample_weight)
    y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
    weight = _checked_weight(sample_weight, len(y_true))
    if callable(metric):
        return _OfFunction(metric, y_true, y_pred, weight, sample_weight is not None)
    if metric not in _METRICS:
        accepted = "'accuracy', 'mean_absolute_error' or a function of y_true and y_pred"
        refuse("slice_scores", "metric", accepted, metric)
    if metric == "accuracy":
        if type_of_target(y_true) not in ("binary", "multiclass"):
            what = "'mean_absolute_error' or a function, as the targets are no classes"
            refuse("slice_scores", "metric", what, metric)
        unique_labels(y_true, y_pred)  # for its complaint about text and numbers
        return _OfRows(1 - zero_one_loss_per_row(y_true, y_pred), weight, is_share=True)
    y_true, y_pred = (
        finite_numbers("slice_scores", name, values)
        for name, values in (("y_true", y_true), ("y_pred", y_pred))
    )
    return _OfRows(absolute_loss_per_row(y_true, y_pred), weight, is_share=False)


class _OfRows:
    """A score that is the mean of one value per row."""

    def __init__(self, values, weight, *, is_share):
        self.values, self.weight, self.is_share = values, weight, is_share

    def score(self, rows):
        return self._moments(rows)[1]

    def interval(self, rows):
        n, mean, variance = self._moments(rows)
        if self.is_share:
            return mean, *wilson_interval(mean, n, _LEVEL)
        return mean, *student_interval(mean, variance, n, _LEVEL)

    def comparison(self, rows, others):
        inside, outside = self._moments(rows), self._moments(others)
        return inside[1] - outside[1], difference_test(inside, outside)

    def _moments(self, rows):
        """Return the effective number of rows, the mean and the variance."""
        values, weight = self.values[rows], self.weight[rows]
        weight = weight / weight.max()  # squares of what is tiny or huge would be no floats
        total = float(weight.sum())
        mean = float((weight * values).sum()) / total  # exact where the values are all alike
        variance = float((weight * (values - mean) ** 2).sum()) / total
        return total**2 / float((weight**2).sum()), mean, variance


class _OfFunction:
    """A score that takes all rows of a slice together."""

    def __init__(self, metric, y_true, y_pred, weight, is_weighted):
        self.metric, self.y_true, self.y_pred = metric, y_true, y_pred
        self.weight, self.is_weighted = weight, is_weighted
        if is_weighted:
            self._check_keyword()
        self._of(slice(None))  # what it raises on all rows is the fault of the arguments

    def interval(self, rows):
        score, error = self._jackknifed(rows)
        width = student_quantile(_LEVEL, _GROUPS) * error
        return score, float(score - width), float(score + width)

    def comparison(self, rows, others):
        (score, error), (rest, error_of_rest) = map(self._jackknifed, (rows, others))
        error, difference = math.hypot(error, error_of_rest), score - rest
        if not error > 0:
            return difference, 1.0 if difference == 0 else math.nan
        return difference, float(2 * stats.t.sf(abs(difference) / error, _GROUPS - 1))

    def _jackknifed(self, rows):
        """Return the score and its standard error, NaN where it is not known."""
        score = self.score(rows)
        if len(rows) < _GROUPS:
            return score, math.nan
        return score, standard_error(
            [self.score(left) for left in without_each_group(rows, _GROUPS)]
        )

    def score(self, rows):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                return self._of(rows)
        except ValueError:
            return math.nan

    def _of(self, rows):
        weights = {"sample_weight": self.weight[rows]} if self.is_weighted else {}
        score = self.metric(self.y_true[rows], self.y_pred[rows], **weights)
        if np.ndim(score):
            what = f"a function that returns one number, not an array of shape {np.shape(score)}"
            refuse("slice_scores", "metric", what, self.metric)
        return float(score)

    def _check_keyword(self):
        parameters = inspect.signature(self.metric).parameters.values()
        if not any(p.name == "sample_weight" or p.kind == p.VAR_KEYWORD for p in parameters):
            what = "a function with a keyword sample_weight, as weights are given"
            refuse("slice_scores", "metric", what, self.metric)


def _checked_weight(sample_weight, n):
    if sample_weight is None:
        return np.ones(n)
    weight = finite_numbers("slice_scores", "sample_weight", sample_weight)
    if (weight < 0).any():
        raise ValueError(
            f"slice_scores(sample_weight=...): weights must not be negative, and the smallest is "
            f"{weight.min():g}."
        )
    return weight


def finite_numbers(owner, name, values):
    """Return an argument as floats, one for each row, or raise ValueError by its name."""
    values = column_or_1d(values)
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{owner}({name}=...): it must hold numbers; {error}.") from error
    assert_all_finite(numbers, input_name=name)
    return numbers
