"""What is counted of each class in the window before each point of a display."""

import numpy as np
from sklearn.metrics import average_precision_score

from ..utils._params import check_integer
from ._timeline import _has_fractions

_MOST_POINTS = 2_000  # a panel has fewer pixels than that
_MOST_RANKED = 200  # points of an average precision, each of which sorts its window


def check_labels(y_true, y_pred):
    """Refuse the numbers of a regression."""
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        if _has_fractions(y):
            raise ValueError(
                f"{name} holds numbers with a fractional part, such as {y[y != np.round(y)][0]}, "
                "and no class labels; use DriftTimelineDisplay for a regression."
            )


def stops_of(owner, n_rows, window, step):
    """Return how many rows have been seen at each point; the last one is at the last row."""
    n_windows = n_rows - window + 1
    if step is None:
        step = -(-n_windows // _MOST_POINTS)
    check_integer(owner, "step", step, least=1, what="a number of predictions")
    return np.arange(n_rows, window - 1, -step)[::-1]


def counts_of(y_true, y_pred, classes, stops, window):
    """Return hits, rows and predictions of each class in the window before each stop."""
    counts = np.empty((3, len(stops), len(classes)), dtype=np.int64)
    for k, label in enumerate(classes):
        true, predicted = y_true == label, y_pred == label
        for count, flags in zip(counts, (true & predicted, true, predicted), strict=True):
            total = np.concatenate([[0], np.cumsum(flags)])
            count[:, k] = total[stops] - total[stops - window]
    return counts


def precision_of(hits, support, predicted, is_early=False):
    """Return the share of the predictions of each class that were right.

    A class that has rows and is never predicted is one that the model does not find: 0. NaN where
    there are neither, and where `is_early` says that it is no class yet.
    """
    there = ((support > 0) | (predicted > 0)) & ~np.asarray(is_early)
    return np.where(there, ratio(hits, np.maximum(predicted, 1)), np.nan)


def first_rows(y_true, classes, at_start):
    """Return the position of the first true label of each class; their number where there is none.

    Classes that are there from the start have -1.
    """
    first = np.full(len(classes), len(y_true))
    labels, found = np.unique(y_true, return_index=True)
    first[np.searchsorted(classes, labels)] = found
    return first if at_start is None else np.where(np.isin(classes, at_start), -1, first)


def scores_of(result):
    """Return the scores of the classes that an evaluation has, or None."""
    outputs = getattr(result, "outputs", {})
    return next((outputs[m] for m in ("predict_proba", "decision_function") if m in outputs), None)


def ranked(y_true, y_score, classes, known, stops, window):
    """Return the average precision of each class at some of the stops, or None without scores."""
    if y_score is None:
        return None
    known = classes if known is None else known
    y_score = np.asarray(y_score, dtype=float)
    if y_score.ndim == 1:
        y_score = np.column_stack([-y_score, y_score])
    if y_score.shape != (len(y_true), len(known)):
        raise ValueError(
            f"y_score has the shape {y_score.shape}; pass a column for each of the {len(known)} "
            f"classes, for {len(y_true):,} rows."
        )
    found = np.full((len(stops), len(classes)), np.nan)
    places = np.unique(np.linspace(0, len(stops) - 1, _MOST_RANKED).astype(int))
    for column, label in enumerate(known.tolist()):
        k = int(np.searchsorted(classes, label))
        if k == len(classes) or classes[k] != label:
            continue  # a class that came neither as a target nor as a prediction
        is_it = y_true == label
        for place in places:
            rows = slice(stops[place] - window, stops[place])
            if 0 < is_it[rows].sum() < window:
                found[place, k] = average_precision_score(is_it[rows], y_score[rows, column])
    return found


def ratio(part, whole):
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def mean_of(values, weights):
    """Return the mean of each row over what is there; NaN where nothing is."""
    values = np.asarray(values, dtype=float)
    weights = np.where(np.isnan(values), 0.0, weights)
    return ratio((np.nan_to_num(values) * weights).sum(axis=1), weights.sum(axis=1))
