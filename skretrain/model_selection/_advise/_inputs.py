"""What the inputs show: how they moved between the periods, and what predictions depend on."""

import math

import numpy as np

from ...metrics._two_samples import columns_of, domain_auc, is_clock, movement
from ...utils._containers import PANDAS, POLARS, kind_of, n_rows, take_rows
from ._evidence import CONFIDENCE

_LEAST_ROWS_FOR_SHIFT = 10  # two in each of five runs
_ROWS_FOR_SHIFT = 2_000  # of each period; more would not change the verdict, only its cost
_ROWS_FOR_SENSITIVITY = 1_000
_FEATURES_FOR_SENSITIVITY = 20
_JITTER = 0.1  # standard deviations


def input_shift(X_old, X_new, seed):
    """Return how well a classifier tells the periods apart, and which columns moved."""
    rng = np.random.default_rng(seed)
    X_old, X_new = (_thinned(X, _ROWS_FOR_SHIFT, rng) for X in (X_old, X_new))
    columns, reason = columns_of(X_old, X_new)
    clocks = [column.label for column in columns or () if is_clock(column)]
    columns = [c for c in columns or () if not is_clock(c) and not c.is_empty]
    n = min(n_rows(X_old), n_rows(X_new))
    if not reason and not columns:
        reason = "no column tells more than the time"
    if not reason and n < _LEAST_ROWS_FOR_SHIFT:
        reason = f"{n} rows are too few to tell the periods apart"
    if reason:
        unknown = {"auc": math.nan, "low": math.nan, "high": math.nan}
        return {**unknown, "moved": [], "clocks": clocks, "reason": reason}
    old, new = (np.column_stack(side) for side in zip(*((c.old, c.new) for c in columns)))
    auc, low, high = domain_auc(old, new, CONFIDENCE)
    moved = [movement(column) for column in columns]
    moved = sorted((m for m in moved if m is not None), key=lambda m: -m["distance"])
    known = [m for m in moved if m["p_value"] * len(columns) < 1 - CONFIDENCE]
    found = {"auc": auc, "low": low, "high": high, "moved": known}
    return {**found, "clocks": clocks, "reason": ""}


def _thinned(X, most, rng):
    n = n_rows(X)
    return X if n <= most else take_rows(X, np.sort(rng.choice(n, most, replace=False)))


def sensitivity(model, X_old, X_new, moved, *, is_classifier, seed):
    """Return the share of predictions that flip when the inputs are jittered, and when moved.

    A regressor's prediction flips when it changes by more than a tenth of the deviation of its
    predictions.
    """
    rng = np.random.default_rng(seed)
    X = _thinned(X_old, _ROWS_FOR_SENSITIVITY, rng)
    columns, reason = columns_of(X, X_new)
    if columns is not None:
        columns = [c for c in columns if c.is_numeric and np.isfinite(c.old).any()]
        reason = "" if columns else "no column holds numbers"
    if reason:
        return {"jitter": math.nan, "shift": math.nan, "features": [], "reason": reason}
    jittered = {
        c.name: c.old + rng.normal(0, _JITTER * np.nanstd(c.old), len(c.old)) for c in columns
    }
    shifted = {c.name: c.old + _mean_move(c) for c in columns}
    places = {m["name"]: place for place, m in enumerate(moved)}
    columns = sorted(columns, key=lambda column: places.get(column.label, len(places)))
    flips = _Flips(model, X, is_classifier)
    try:
        features = [
            {
                "name": label,
                "jitter": flips.share({name: jittered[name]}),
                "shift": flips.share({name: shifted[name]}),
            }
            for name, label in [(c.name, c.label) for c in columns[:_FEATURES_FOR_SENSITIVITY]]
        ]
        result = {"jitter": flips.share(jittered), "shift": flips.share(shifted)}
    except Exception as error:  # a model may refuse numbers that no row ever had
        reason = f"the model refuses moved inputs: {type(error).__name__}: {error}"
        return {"jitter": math.nan, "shift": math.nan, "features": [], "reason": reason}
    features.sort(key=lambda feature: -max(feature["jitter"], feature["shift"]))
    return {**result, "features": features, "reason": ""}


def _mean_move(column):
    old, new = column.old, column.new
    return np.nanmean(new) - np.nanmean(old) if np.isfinite(new).any() else 0.0


class _Flips:
    """Count the predictions that change with some columns."""

    def __init__(self, model, X, is_classifier):
        self.model, self.X, self.is_classifier = model, X, is_classifier
        self.before = np.asarray(model.predict(X))
        self.least = 0.0 if is_classifier else 0.1 * self.before.std()

    def share(self, columns):
        after = np.asarray(self.model.predict(with_columns(self.X, columns)))
        if self.is_classifier:
            return float((after != self.before).mean())
        return float((np.abs(after - self.before) > self.least).mean())


def with_columns(X, columns):
    """Return a copy of a table with other numbers in some of its columns."""
    if kind_of(X) == PANDAS:
        copy = X.copy()
        for name, values in columns.items():
            copy[name] = values
        return copy
    if kind_of(X) == POLARS:
        # A series makes a series of its own kind: polars need not be imported.
        made = [type(X[name])(name, values) for name, values in columns.items()]
        return X.with_columns(made)
    copy = X.astype(float) if X.dtype.kind in "iu" else X.copy()
    for j, values in columns.items():
        copy[:, j] = values
    return copy
