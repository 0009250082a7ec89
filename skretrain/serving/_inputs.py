"""What is passed to this package: checked, or one error that says what is wrong."""

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from ..utils._containers import as_container
from ..utils._labels import is_missing, unseen_labels
from ..utils._params import refuse
from ..utils._words import counted
from ._ids import new_ids, repeated_in, shown

FEWEST_REFERENCE = 100  # with fewer, shares are off by ten points and more
_ROUNDING = 1e-3  # of probabilities in single precision that were written to a file


def checked_rows(owner, name, X):
    """Return rows in a container, or raise ValueError where there is nothing to count."""
    is_one = isinstance(X, str | bytes) or getattr(X, "shape", None) == ()
    if is_one or not (hasattr(X, "shape") or hasattr(X, "__len__")):
        refuse(owner, name, "an array, a data frame, a sparse matrix or a list of rows", X)
    return as_container(X)


def checked_labels(caller, y, name="y_true"):
    """Return labels as an array, or raise ValueError if one is missing or they are amounts."""
    y = column_or_1d(np.asarray(y))
    missing = is_missing(y)
    if missing.any():
        raise ValueError(f"{caller}: {name} lacks {counted(int(missing.sum()), 'label')}.")
    if y.dtype.kind == "f" and type_of_target(y) == "continuous":
        raise ValueError(
            f"{caller}: {name} holds amounts. Only what a classifier says of its classes tells "
            "how often it is right; a regressor says nothing of the kind."
        )
    return y


def checked_classes(classes, y_true, y_proba):
    """Return the sorted labels of the columns, or raise ValueError where they fit nothing."""
    if len(y_true) < FEWEST_REFERENCE:
        raise ValueError(
            f"fit: {counted(len(y_true), 'row')} of reference are too few: calibration needs at "
            f"least {FEWEST_REFERENCE}, and 1,000 for an estimate to within some three points."
        )
    found = _sorted_labels("y_true", y_true)
    if classes is None:
        n_columns = max(np.shape(y_proba)[1:], default=2)
        if len(found) != n_columns:
            raise ValueError(
                f"fit: y_true has the {counted(len(found), 'label')} {found.tolist()[:5]}, and "
                f"y_proba {n_columns} columns: pass classes=model.classes_."
            )
        return found
    classes = column_or_1d(np.asarray(classes))
    if len(classes) < 2 or not np.array_equal(classes, _sorted_labels("classes", classes)):
        refuse("fit", "classes", "at least two different labels in sorted order", classes.tolist())
    foreign = unseen_labels(y_true, classes)
    if len(foreign):
        raise ValueError(
            f"fit: y_true has {foreign.tolist()[:5]}, which are none of the classes "
            f"{classes.tolist()[:5]}: leave these rows out, or pass a model that knows them."
        )
    return classes


def _sorted_labels(name, labels):
    try:
        return np.unique(labels)
    except TypeError:
        raise ValueError(f"fit: {name} mixes text and numbers: convert it to one kind.") from None


def checked_proba(caller, y_proba, n_classes):
    """Return probabilities, one column for each class, that sum to 1, or raise ValueError."""
    try:
        proba = np.asarray(y_proba, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{caller}: y_proba must be a table of numbers.") from None
    if proba.ndim == 1 and n_classes == 2:
        proba = np.column_stack([1 - proba, proba])
    if proba.ndim != 2 or proba.shape[1] != n_classes:
        raise ValueError(
            f"{caller}: y_proba has the shape {np.shape(y_proba)}, and there are {n_classes} "
            "classes: pass the output of predict_proba, a column for each class."
        )
    # NaN is nowhere between.
    if not ((proba >= -_ROUNDING) & (proba <= 1 + _ROUNDING)).all():
        raise ValueError(
            f"{caller}: y_proba must be probabilities in [0, 1], and has others: pass the output "
            "of predict_proba, not that of decision_function."
        )
    proba = np.clip(proba, 0, 1)
    totals = proba.sum(axis=1, keepdims=True)
    wrong = np.flatnonzero(np.abs(totals - 1) > _ROUNDING)
    if len(wrong):
        raise ValueError(
            f"{caller}: y_proba must sum to 1 in each row; {counted(len(wrong), 'row')} do not, "
            f"row {wrong[0]} sums to {totals[wrong[0], 0]:.4g}."
        )
    return proba / totals


def checked_ids(caller, ids, n):
    """Return ids as a list of n different ones, or raise ValueError."""
    ids = new_ids(caller, ids, n)
    twice = repeated_in(ids)
    if twice:
        raise ValueError(f"{caller}: ids {shown(twice)} come twice.")
    return ids


def check_length(caller, **lengths):
    """Raise ValueError unless two lengths are the same."""
    (one, n), (other, m) = lengths.items()
    if n != m:
        raise ValueError(f"{caller}: {one} has the length {n}, and {other} {m}.")


def places_of(labels, classes):
    """Return the columns of labels that are all among the classes."""
    return np.searchsorted(classes, labels)
