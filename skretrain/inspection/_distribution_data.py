"""A feature of two sets of rows: its values, and the numbers that a picture of it shows."""

from collections import Counter
from numbers import Integral, Number

import numpy as np

from ..utils._containers import LIST, PANDAS, POLARS, SPARSE, as_container, as_csr, kind_of
from ..utils._durations import is_gap
from ..utils._params import check_integer

MOST_DRAWN = 1e150  # a standard deviation squares the values
_MOST_BINS = 40
MOST_CATEGORIES = 12  # more bars would be too thin to read


def column_of(X, feature, rows):
    """Return the values of a feature as an array, and its name."""
    X = as_container(X)
    kind = kind_of(X)
    if kind == LIST or len(X.shape) == 1:
        return _as_array(X), str(feature)
    names = list(X.columns) if kind in (PANDAS, POLARS) else None
    position = _position(feature, names, X.shape[1], rows)
    name = f"feature {position}" if names is None else str(names[position])
    if kind == PANDAS:
        return _as_array(X.iloc[:, position]), name
    if kind == SPARSE:
        return as_csr(X)[:, [position]].toarray().ravel(), name
    return _as_array(X[:, position]), name


def _position(feature, names, n_features, rows):
    if names is not None and feature in names:
        return names.index(feature)
    if isinstance(feature, Integral) and 0 <= feature < n_features:
        return int(feature)
    known = f"positions 0 to {n_features - 1}"
    if names is not None:
        known += f" and the names {', '.join(map(str, names[:12]))}"
        known += ", ..." if len(names) > 12 else ""
    raise ValueError(f"feature={feature!r} is not a column of {rows}, which has {known}.")


def _as_array(column):
    """Return numbers as an array of numbers, and all else as an array of objects."""
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    # Categories that happen to be numbers are categories: somebody said so.
    if values.dtype.kind in "iuf" and str(getattr(column, "dtype", "")) == "category":
        values = values.astype(str)
    return values if values.dtype.kind in "iufmM" else values.astype(object)


def present_values(values, name, rows):
    """Return the values that are there, and the number of the others."""
    if values.dtype.kind in "mM":
        raise ValueError(
            f"feature {name!r} holds dates or durations in {rows}; turn them into a number of "
            "hours or days first, or into the weekday or month, as a model would."
        )
    if values.dtype.kind == "O":
        there = np.array([not is_gap(value) for value in values], dtype=bool)
        if all(_is_plain_number(value) for value in values[there]):
            values = np.where(there, values, np.nan).astype(float)
    if values.dtype.kind != "O":
        there = np.isfinite(values)
    if not there.any():
        raise ValueError(
            f"feature {name!r} has no value in any of the {len(values)} rows of {rows}; choose "
            "another feature or other rows."
        )
    return values[there], int((~there).sum())


def _is_plain_number(value):
    return isinstance(value, Number) and not isinstance(value, (bool, np.bool_, complex))


def are_numbers(values):
    """Tell numbers from values of any other kind."""
    return values.dtype.kind != "O"


# -- numbers ---------------------------------------------------------------------------------------


def densities(then, now, bins):
    """Return the bins, densities and moments of numbers, as a display takes them."""
    largest = max(np.abs(then).max(), np.abs(now).max())
    if largest > MOST_DRAWN:
        raise ValueError(
            f"The feature reaches {largest:.3g}, whose square a float cannot hold: pass its "
            "logarithm or its rank instead."
        )
    edges = _edges(then, now, bins)
    (mean_then, std_then), (mean_now, std_now) = _moments(then), _moments(now)
    return {
        "bin_edges": edges,
        "density_then": _density(then, edges),
        "density_now": _density(now, edges),
        "mean_then": mean_then,
        "std_then": std_then,
        "mean_now": mean_now,
        "std_now": std_now,
    }


def _moments(values):
    if values.min() == values.max():  # where numpy may return rounding error as a deviation
        return float(values[0]), 0.0
    return float(values.mean()), float(values.std())


def _density(values, edges):
    """Return shares of all values per unit, those beyond the bins included in the whole."""
    return np.histogram(values, edges)[0] / (len(values) * np.diff(edges))


def _edges(then, now, bins):
    if np.ndim(bins):
        return np.asarray(bins, dtype=float)
    fewest = min(len(then), len(now))
    n_bins = int(np.clip(np.ceil(np.sqrt(fewest)), 5, _MOST_BINS)) if bins is None else bins
    check_integer("DistributionDisplay", "bins", n_bins, least=1)
    low, high = _range(then, now)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # A constant gets one bin of a width that a reader, and the computer, can tell from zero.
        half = 0.5 * max(1.0, 0.01 * abs(low))
        return np.array([low - half, high + half])
    if bins is None and _are_whole(then) and _are_whole(now):
        # Bins of other widths would hold unequal numbers of whole numbers and look like a comb.
        width = max(np.ceil((high - low + 1) / n_bins), 1.0)
        return np.arange(np.ceil(low), np.floor(high) + width + 0.5, width) - 0.5
    return np.linspace(low, high, n_bins + 1)


def _range(then, now):
    """Return the range to show: all values, except far outliers of either side."""
    ends = [_ends(then), _ends(now)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _ends(values):
    low, high = np.quantile(values, [0.005, 0.995])
    # A normal distribution is shown up to 7.7 standard deviations from its mean.
    reach = high - low if high > low else np.inf
    return max(values.min(), low - reach), min(values.max(), high + reach)


def _are_whole(values):
    return bool((values == np.round(values)).all()) and np.abs(values).max() < 1e9


# -- categories ------------------------------------------------------------------------------------


def shares_of_categories(then, now, max_categories):
    """Return categories and the share of each, as a display takes them."""
    check_integer("DistributionDisplay", "max_categories", max_categories, least=1)
    shares = [
        {category: n / len(values) for category, n in Counter(values.tolist()).items()}
        for values in (then, now)
    ]
    largest = {c: max(share.get(c, 0.0) for share in shares) for c in shares[0] | shares[1]}
    categories = sorted(largest, key=lambda category: (-largest[category], str(category)))
    own, rest = categories[:max_categories], categories[max_categories:]
    densities = [[share.get(category, 0.0) for category in own] for share in shares]
    if rest:
        own = [*own, f"({len(rest)} others)"]
        for density, share in zip(densities, shares, strict=True):
            density.append(sum(share.get(category, 0.0) for category in rest))
    density_then, density_now = map(np.array, densities)
    return {"categories": own, "density_then": density_then, "density_now": density_now}
