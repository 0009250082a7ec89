"""How likely each row is one of the new ones, told by classifiers that were fitted on others."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from ..metrics._two_samples import columns_of, is_clock
from ..utils._containers import n_rows

FEWEST_ROWS = 30  # ten of each sample in a fold
_FOLDS = 3


def domain_probabilities(X_old, X_new):
    """Return for the rows of two tables how likely they are new, if half of all rows were.

    Columns that are clocks tell old from new by what they are, and are not looked at. Each sample
    is cut into runs of successive rows, so that neighbours in time do not vouch for each other.

    Parameters
    ----------
    X_old, X_new : ndarray of shape (n_samples, n_features) or data frame
        At least 30 rows each, with the same columns.

    Returns
    -------
    old, new : ndarray of shape (n_samples,)
        Probabilities; all are 0.5 where no column is left.

    Raises
    ------
    ValueError
        If the rows are no tables, or differ in their columns.
    """
    widths = [getattr(X, "shape", ())[1:] for X in (X_old, X_new)]
    if widths[0] != widths[1]:
        raise ValueError(
            f"The rows have the shape {widths[1]}, and those of the reference {widths[0]}: pass "
            "the same columns."
        )
    missing = [name for name in getattr(X_old, "columns", ()) if name not in X_new.columns]
    if missing:
        raise ValueError(f"X lacks the columns {missing[:5]} of the reference: pass them.")
    columns, reason = columns_of(X_old, X_new)
    if columns is None:
        raise ValueError(
            f"{reason}: rows are told apart by columns; pass a dense array or a data frame."
        )
    columns = [column for column in columns if not column.is_empty and not is_clock(column)]
    n_old, n_new = n_rows(X_old), n_rows(X_new)
    if not columns:
        return np.full(n_old, 0.5), np.full(n_new, 0.5)
    rows = np.column_stack([np.concatenate([column.old, column.new]) for column in columns])
    is_new = np.repeat([0, 1], [n_old, n_new])
    folds = np.concatenate([np.arange(n) * _FOLDS // n for n in (n_old, n_new)])
    chances = np.empty(len(rows))
    for fold in range(_FOLDS):
        rest, held = folds != fold, folds == fold
        fitted = rows[rest]
        fitted[:, np.isnan(fitted).all(axis=0)] = 0.0  # values that come in the run left out
        model = HistGradientBoostingClassifier(
            max_iter=30,
            max_leaf_nodes=8,
            min_samples_leaf=min(20, len(fitted) // 20),
            early_stopping=False,
            random_state=0,
        ).fit(fitted, is_new[rest])
        chances[held] = model.predict_proba(rows[held])[:, 1]
    # Weights of the rows would do the same, in ten times the time.
    chances = chances * n_old / (chances * n_old + (1 - chances) * n_new)
    return chances[:n_old], chances[n_old:]
