"""How likely each row is one of the new ones, told by classifiers that were fitted on others."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from ..metrics._two_samples import columns_of, is_clock
from ..utils._containers import ARRAY, PANDAS, POLARS, SPARSE, kind_of, n_rows
from ..utils._words import counted

FEWEST_ROWS = 30  # ten of each sample in a fold
_FOLDS = 3


def is_table(X):
    """Tell whether rows have columns by which they can be told apart."""
    return kind_of(X) in (ARRAY, PANDAS, POLARS) and len(X.shape) == 2


def check_table(caller, X):
    """Raise ValueError unless rows have columns by which they can be told apart."""
    if not is_table(X):
        what = "sparse" if kind_of(X) == SPARSE else "no table"
        raise ValueError(
            f"{caller}: the rows are {what}, and are told apart by columns: pass a dense array or "
            "a data frame."
        )


def domain_probabilities(X_old, X_new):
    """Return for the rows of two tables how likely they are new, if half of all rows were.

    Columns that are clocks tell old from new by what they are, and are not looked at. Each sample
    is cut into runs of successive rows, so that neighbours in time do not vouch for each other.

    Parameters
    ----------
    X_old, X_new : ndarray of shape (n_samples, n_features) or data frame
        At least 30 rows each, with the same columns; by position where one of them has no names.

    Returns
    -------
    old, new : ndarray of shape (n_samples,)
        Probabilities; all are 0.5 where no column is left.

    Raises
    ------
    ValueError
        If the tables differ in their columns.
    """
    width, wanted = X_new.shape[1], X_old.shape[1]
    if width != wanted:
        raise ValueError(
            f"The rows have {counted(width, 'column')}, and those of the reference {wanted}: pass "
            "the same columns."
        )
    if all(hasattr(X, "columns") for X in (X_old, X_new)):
        missing = [name for name in X_old.columns if name not in X_new.columns]
        if missing:
            raise ValueError(f"X lacks the columns {missing[:5]} of the reference: pass them.")
    else:
        X_old, X_new = (X.to_numpy() if hasattr(X, "columns") else X for X in (X_old, X_new))
    columns, _ = columns_of(X_old, X_new)
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
