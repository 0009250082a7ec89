"""Which features a picture shows, their distributions, and their control charts."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from ..metrics._feature_shifts import pairs_of
from ..metrics._tables import as_levels, as_numbers, is_missing, read_table
from ..metrics._two_samples import rows_per_value
from ..utils._params import check_integer
from ._distribution import DistributionDisplay

_NEVER_COMPARED = ("time", "counter", "empty")
_MOST_BARS = 5  # of a small panel
_WEIGHT = 0.2  # of the newest batch in an EWMA
_LIMIT = 3.0  # standard deviations


class ControlChart(NamedTuple):
    """The mean of a feature, batch by batch, with the limits of an EWMA chart.

    Attributes
    ----------
    name : str
        What the means are of: ``"mean"``, or the share of a level.
    rows : ndarray of shape (n_batches,)
        New rows seen at the end of each batch.
    means, ewma : ndarray of shape (n_batches,)
        Mean of each batch, NaN where it has no value, and their exponentially weighted average.
    center : float
        Mean of the reference.
    lower, upper : ndarray of shape (n_batches,)
        Control limits of the average.
    """

    name: str
    rows: np.ndarray
    means: np.ndarray
    ewma: np.ndarray
    center: float
    lower: np.ndarray
    upper: np.ndarray

    @property
    def is_out(self):
        """Which batches have an average beyond the limits, an array of bool."""
        return (self.ewma < self.lower) | (self.ewma > self.upper)


def is_compared(shift):
    """Tell whether a feature was compared at all: no time, no running number, not empty."""
    return shift.kind not in _NEVER_COMPARED


def by_size(shifts):
    """Return shifts with those that moved first, each part by its effect."""
    return sorted(shifts, key=lambda shift: (-shift.moved, -shift.effect))


def picked(shifts, features, max_features):
    """Return the shifts of the features to draw.

    Parameters
    ----------
    shifts : list of FeatureShift
        Of all features.
    features : sequence of (str or int), str, int or None
        Names or positions; None is those that moved, or, if none has, the largest effects.
    max_features : int
        Most that are picked where `features` is None.
    """
    if features is not None:
        named = [features] if isinstance(features, str | Integral) else features
        return [_found(shifts, feature) for feature in named]
    check_integer("FeatureDriftDisplay", "max_features", max_features, least=1)
    compared = by_size(filter(is_compared, shifts))
    moved = [shift for shift in compared if shift.moved]
    return (moved or compared)[:max_features]


def _found(shifts, feature):
    names = [shift.name for shift in shifts]
    for name in (feature, f"column {feature}"):
        if name in names:
            return shifts[names.index(name)]
    # Of sparse rows, only some columns are compared, so that places among them mean nothing.
    is_sparse = any(shift.kind == "sparse" for shift in shifts)
    if isinstance(feature, Integral) and 0 <= feature < len(shifts) and not is_sparse:
        return shifts[feature]
    known = ", ".join(map(repr, names[:12])) + (", ..." if len(names) > 12 else "")
    raise ValueError(
        f"features has {feature!r}, which is none of the columns that are compared: {known}. Pass "
        "a name, or a position."
    )


def drawn_data(X_reference, X_new, shifts, *, batch_size=None):
    """Return what a display holds of features: the distribution of each, and its chart.

    Parameters
    ----------
    X_reference, X_new : array-like, data frame or sparse matrix
        The rows.
    shifts : list of FeatureShift
        Of the features to draw.
    batch_size : int or None, default=None
        Rows of a batch of the charts; None is none.

    Returns
    -------
    data : dict
        ``distributions``, each a DistributionDisplay that is not drawn, or None where there is no
        value then or now; and ``charts``, each a ControlChart or None, or None without batches.
    """
    if batch_size is not None:
        check_integer("FeatureDriftDisplay", "batch_size", batch_size, least=1)
    drawn = {shift.name: shift for shift in shifts}
    distributions, charts = dict.fromkeys(drawn), dict.fromkeys(drawn)
    for name, _, *pair in pairs_of(read_table(X_reference), read_table(X_new)):
        if name in drawn and is_compared(drawn[name]):
            values = _as_compared(drawn[name], pair)
            distributions[name] = _distribution(drawn[name], values)
            charts[name] = None if batch_size is None else _chart(drawn[name], values, batch_size)
    return {"distributions": distributions, "charts": None if batch_size is None else charts}


def _as_compared(shift, pair):
    read = as_levels if shift.kind == "categorical" else as_numbers
    return [read(values) for values in pair]


def _distribution(shift, pair):
    kind = "categorical" if shift.kind == "categorical" else "numeric"
    try:
        return DistributionDisplay._of_frames(*pair, shift.name, kind, None, _MOST_BARS)
    except ValueError:  # no value then or now, or numbers whose square no float can hold
        return None


# -- control charts --------------------------------------------------------------------------------


def _chart(shift, pair, batch_size):
    """Return the chart of what moved: missing values, a mean, or the share of a level."""
    gone = [is_missing(values) for values in pair]
    if shift.test == "missing" or 1 in (shift.missing_reference, shift.missing_new):
        return control_chart("share missing", *(part.astype(float) for part in gone), batch_size)
    if shift.kind != "categorical":
        return control_chart("mean", *pair, batch_size)
    level = _most_changed(*(v[~missing] for v, missing in zip(pair, gone, strict=True)))
    has = [np.where(missing, np.nan, v == level) for v, missing in zip(pair, gone, strict=True)]
    return control_chart(f"share of {level}", *has, batch_size)


def _most_changed(old, new):
    """Return the level whose share differs most."""
    levels, codes = np.unique(np.concatenate([old, new]).astype(str), return_inverse=True)
    counts = [np.bincount(part, minlength=len(levels)) for part in np.split(codes, [len(old)])]
    return str(levels[np.argmax(np.abs(counts[0] / len(old) - counts[1] / len(new)))])


def control_chart(name, reference, new, batch_size):
    """Return the EWMA chart of the means of batches, with limits from a reference.

    The average gives a weight of 0.2 to the newest batch, and limits are at 3 standard deviations,
    which independent normal means leave once in 560 batches on average. The limits know how many
    values each batch has, that the mean of the reference is itself an estimate, and as how many
    rows one of the reference counts where successive rows resemble each other.

    Parameters
    ----------
    name : str
        What the means are of.
    reference, new : ndarray of shape (n_rows,)
        Numbers in the order of time, NaN where missing; the reference has at least one.
    batch_size : int
        Rows of a batch.

    Returns
    -------
    chart : ControlChart
        A point per batch, the last of what is left.

    References
    ----------
    S. W. Roberts (1959). "Control chart tests based on geometric moving averages". Technometrics
    1(3), 239-250.
    J. M. Lucas and M. S. Saccucci (1990). "Exponentially weighted moving average control schemes:
    properties and enhancements". Technometrics 32(1), 1-12.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.inspection._feature_drift_data import control_chart
    >>> rng = np.random.default_rng(0)
    >>> new = rng.normal(np.repeat([0.0, 0.5], 500))
    >>> chart = control_chart("mean", rng.normal(size=1000), new, batch_size=100)
    >>> int(chart.rows[chart.is_out.argmax()])
    700
    """
    known = reference[~np.isnan(reference)]
    center, variance = known.mean(), known.var() * rows_per_value(known)
    stops = np.minimum(np.arange(batch_size, len(new) + batch_size, batch_size), len(new))
    means, averages, deviations = [], [], []
    average, of_batches = center, 0.0
    for start, stop in zip([0, *stops[:-1]], stops, strict=True):
        values = new[start:stop]
        values = values[~np.isnan(values)]
        means.append(values.mean() if len(values) else np.nan)
        if len(values):
            average += _WEIGHT * (means[-1] - average)
            of_batches = _WEIGHT**2 / len(values) + (1 - _WEIGHT) ** 2 * of_batches
        averages.append(average)
        deviations.append(np.sqrt(variance * (of_batches + 1 / len(known))))
    # Of a constant there is no deviation, and the mean is rounded.
    width = _LIMIT * np.array(deviations) + 1e-9 * abs(center)
    bounds = center - width, center + width
    return ControlChart(name, stops, np.array(means), np.array(averages), float(center), *bounds)
