"""Turn a table into a history: rows in time order, a target, and columns as numbers."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from ..datasets import make_drifting_classification
from ._encoding import encoded, some
from ._errors import CommandError, needed
from ._estimators import estimator_for

_FEW = 30  # whole numbers with more distinct values than this are a quantity, not classes


@dataclass
class History:
    """A stream in time order, ready to be replayed.

    Attributes
    ----------
    name : str
        What to call it.
    target : str
        Name of the target.
    task : {"classification", "regression"}
        What is to be predicted.
    X : ndarray of shape (n_rows, n_features)
        Features.
    y : ndarray of shape (n_rows,)
        Codes of the classes, or the target divided by `unit` after subtracting `origin`.
    warm_up : int
        Rows of the first fit.
    drift_rows : ndarray
        Rows at which it is known to drift; mostly empty.
    base : estimator
        The model that is kept fresh, blank.
    table : DataFrame
        The columns that `X` was made of, in the same order of rows.
    labels : ndarray of shape (n_classes,)
        The classes by their codes; empty for regression.
    unit : float
        One unit of `y` in units of the target.
    how : str
        How the columns became numbers.
    notices : tuple of str
        What was done to the rows and columns, for the reader.
    """

    name: str
    target: str
    task: str
    X: np.ndarray
    y: np.ndarray
    warm_up: int
    drift_rows: np.ndarray
    base: Any
    table: Any
    labels: np.ndarray = field(default_factory=lambda: np.empty(0))
    unit: float = 1.0
    how: str = "numbers as they are"
    notices: tuple = ()


def embedded_history(*, estimator, batch, warm_up, label_delay):
    """Return the built-in stream: linear concepts, two abrupt drifts at known rows."""
    X, y, drift_rows = make_drifting_classification(10_000, n_drifts=2, random_state=0)
    warm_up = _check_rows(len(y), warm_up, batch, label_delay)
    labels = np.unique(y)
    _check_both_classes(y, labels, warm_up, "y")
    return History(
        name="built-in drifting stream",
        target="y",
        task="classification",
        X=X,
        y=y,
        warm_up=warm_up,
        drift_rows=drift_rows,
        base=estimator_for(estimator, "classification"),
        table=needed("pandas").DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]),
        labels=labels,
    )


def history_of(table, *, name, target, time, task, estimator, batch, warm_up, label_delay):
    """Return the history in a pandas DataFrame."""
    notices = []
    _check_column(table, target, "--target")
    if time is not None:
        _check_column(table, time, "--time")
        if time == target:
            raise CommandError(f"--time {time!r} is the target; name the column with the time.")
        table = _sorted_by_time(table, time)
    table = _with_target(table, target, notices)
    warm_up = _check_rows(len(table), warm_up, batch, label_delay)
    task = _task_of(table[target], task, notices)
    prepare = _classes if task == "classification" else _quantity
    y, labels, unit = prepare(table[target], warm_up)
    base = estimator_for(estimator, task)
    table = table.drop(columns=target)
    X, how, remarks = encoded(table, warm_up, base)
    return History(
        name=name,
        target=target,
        task=task,
        X=X,
        y=y,
        warm_up=warm_up,
        drift_rows=np.empty(0, dtype=np.int64),
        base=base,
        table=table,
        labels=labels,
        unit=unit,
        how=how,
        notices=(*notices, *remarks),
    )


# -- columns and rows ------------------------------------------------------------------------------


def _check_column(table, column, option):
    if column in table.columns:
        return
    columns = list(table.columns)
    close = get_close_matches(column, columns, n=3, cutoff=0.5)
    if close:
        hint = f"did you mean {' or '.join(map(repr, close))}?"
    else:
        hint = f"the columns are {some(columns)}."
    raise CommandError(f"{option} {column!r} is not a column of the file; {hint}")


def _sorted_by_time(table, time):
    """Sort the rows by a column of numbers or dates, ties in file order, and drop the column."""
    missing = int(table[time].isna().sum())
    if missing:
        raise CommandError(
            f"--time {time!r} has {missing:,} missing value(s), so that those rows have no place "
            "in the order; fill them in or drop the rows."
        )
    moments = _as_numbers(table[time])
    if moments is None:
        raise CommandError(
            f"--time {time!r} holds text such as {table[time].iloc[0]!r}, and not a number or a "
            "date like 2024-12-31 or 2024-12-31T23:59:00 in every row; convert the column."
        )
    ordered = table.iloc[np.argsort(moments, kind="stable")]
    return ordered.drop(columns=time).reset_index(drop=True)


def _with_target(table, target, notices):
    """Drop the rows that have no target: they can be neither scored nor learned."""
    values = table[target]
    infinite = values.isin([np.inf, -np.inf])
    known = ~(values.isna() | infinite)
    dropped = int((~known).sum())
    if dropped == len(table):
        raise CommandError(f"--target {target!r} has no value in any of the {len(table):,} rows.")
    if dropped:
        notices.append(f"{dropped:,} row(s) without a value of {target!r} left out")
    return table[known].reset_index(drop=True)


def _check_rows(n_rows, warm_up, batch, label_delay):
    """Return the rows of the warm-up: as asked for, or a tenth, within limits."""
    if warm_up is None:
        warm_up = max(min(n_rows // 10, 5_000), batch)
    least = warm_up + label_delay + 2 * batch
    if n_rows < least:
        raise CommandError(
            f"{n_rows:,} rows are too few: a warm-up of {warm_up:,}, a label delay of "
            f"{label_delay:,} and two batches of {batch:,} need {least:,}. Lower --warm-up, "
            "--label-delay or --batch, or bring more rows."
        )
    return warm_up


# -- the target ------------------------------------------------------------------------------------


def _task_of(column, task, notices):
    """Return the task: as asked for, or classification for text, bool and few whole numbers."""
    if task != "auto":
        return task
    numbers = _as_numbers(column)
    whole = numbers is not None and bool((numbers == np.round(numbers)).all())
    few = whole and len(np.unique(numbers)) <= _FEW
    task, other = "classification", "regression"
    if numbers is not None and not few:
        task, other = other, task
    if numbers is not None:
        notices.append(f"target taken as {task} (--task {other} for the other)")
    return task


def _classes(column, warm_up):
    """Return the target as class codes."""
    codes, labels = needed("pandas").factorize(column.astype(object), use_na_sentinel=True)
    if len(codes) < 10 * len(labels) and len(labels) > 2:
        raise CommandError(
            f"--target {column.name!r} has {len(labels):,} different values in {len(codes):,} "
            "rows, too many for classes; choose another column, or --task regression for numbers."
        )
    _check_both_classes(codes, labels, warm_up, column.name)
    return codes, labels.to_numpy(), 1.0


def _check_both_classes(codes, labels, warm_up, target):
    # A classifier cannot be fitted on one class.
    others = np.flatnonzero(codes != codes[0])
    if not len(others):
        raise CommandError(
            f"--target {target!r} is {labels[0]!r} in every row, so there is nothing to learn; "
            "choose another column."
        )
    if others[0] >= warm_up:
        raise CommandError(
            f"all {warm_up:,} rows of the warm-up have {labels[codes[0]]!r} as {target!r}; the "
            f"next class appears in row {others[0]:,}. Give --warm-up {others[0] + 1} or more."
        )


def _quantity(column, warm_up):
    """Return the target in standard deviations of the warm-up, in which R2 does not change."""
    values = _as_numbers(column)
    if values is None:
        raise CommandError(
            f"--target {column.name!r} holds text such as {column.iloc[0]!r}, which no regression "
            "can predict; leave --task out or convert the column."
        )
    if (values == values[0]).all():
        raise CommandError(
            f"--target {column.name!r} is {column.iloc[0]} in every row, so there is nothing to "
            "learn; choose another column."
        )
    unit = _spread(values[:warm_up])
    return (values - values[:warm_up].mean()) / unit, np.empty(0), unit


# -- numbers --------------------------------------------------------------------------------------


def _as_numbers(column):
    """Return a column as floats, dates as seconds, missing as NaN; None if it holds text."""
    pandas = needed("pandas")
    kind = pandas.api.types.infer_dtype(column, skipna=True)
    if kind == "string":
        # Zones may differ between summer and winter; UTC puts them on one line.
        dates = pandas.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
        if (dates.notna() == column.notna()).all():
            column, kind = dates, "datetime"
    if kind in ("datetime64", "datetime", "date"):
        column = pandas.to_datetime(column, utc=True)
        seconds = (column - pandas.Timestamp(0, tz="UTC")).dt.total_seconds()
        return seconds.to_numpy(dtype=float)
    if kind in ("timedelta64", "timedelta"):
        return pandas.to_timedelta(column).dt.total_seconds().to_numpy(dtype=float)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"):
        return pandas.to_numeric(column.astype(object)).to_numpy(dtype=float, na_value=np.nan)
    return None


def _spread(values):
    # The deviation of a constant column is rounding error, not zero.
    deviation = values.std()
    return float(deviation) if deviation > 1e-12 * abs(values).max() else 1.0
