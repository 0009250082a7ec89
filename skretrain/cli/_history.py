"""Turn a table into a history: numbers in time order, encoded by what the warm-up rows show."""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from ..datasets import make_drifting_classification
from ._errors import CommandError, needed

_FEW = 30  # whole numbers with more distinct values than this are a quantity, not classes
_MOST_TEXTS = 50  # a text column with more values than this in the warm-up names rows, not kinds

# A column that hardly varied in the warm-up can come a thousand deviations off later, and one such
# row is enough to blow up a model that learns by gradient steps.
_FARTHEST = 5.0


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
        Features, finite.
    y : ndarray of shape (n_rows,)
        Codes of the classes, or the target divided by `unit` after subtracting `origin`.
    warm_up : int
        Rows of the first fit.
    drift_rows : ndarray
        Rows at which it is known to drift; mostly empty.
    n_classes : int
        Number of classes, 0 for regression.
    unit : float
        One unit of `y` in units of the target.
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
    n_classes: int
    unit: float = 1.0
    notices: tuple = ()


def embedded_history(*, seed, batch, warm_up, label_delay):
    """Return the built-in stream: linear concepts, two abrupt drifts at known rows."""
    X, y, drift_rows = make_drifting_classification(10_000, n_drifts=2, random_state=seed)
    warm_up = _check_rows(len(y), warm_up, batch, label_delay)
    _check_both_classes(y, y, warm_up, "y")
    return History(
        "built-in drifting stream", "y", "classification", X, y, warm_up, drift_rows, n_classes=2
    )


def history_of(table, *, name, target, time, task, batch, warm_up, label_delay):
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
    y, n_classes, unit = prepare(table[target], warm_up)
    X = _features(table.drop(columns=target), warm_up, notices)
    none = np.empty(0, dtype=np.int64)
    return History(name, target, task, X, y, warm_up, none, n_classes, unit, tuple(notices))


# -- columns and rows ------------------------------------------------------------------------------


def _check_column(table, column, option):
    if column in table.columns:
        return
    columns = list(table.columns)
    close = get_close_matches(column, columns, n=3, cutoff=0.5)
    if close:
        hint = f"did you mean {' or '.join(map(repr, close))}?"
    else:
        hint = f"the columns are {_some(columns)}."
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
    return table.iloc[np.argsort(moments, kind="stable")].drop(columns=time)


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
    return table[known]


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
    _check_both_classes(codes, labels[codes], warm_up, column.name)
    return codes, len(labels), 1.0


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
            f"all {warm_up:,} rows of the warm-up have {labels[0]!r} as {target!r}; the next class "
            f"appears in row {others[0]:,}. Give --warm-up {others[0] + 1} or more."
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
    return (values - values[:warm_up].mean()) / unit, 0, unit


# -- the features ----------------------------------------------------------------------------------


def _features(table, warm_up, notices):
    """Return all columns as numbers; nothing of it looks beyond the rows of the warm-up."""
    if table.shape[1] == 0:
        raise CommandError("the file has no column besides the target; there is nothing to learn.")
    blocks, left_out = [], []
    for name in table.columns:
        numbers = _as_numbers(table[name])
        if numbers is not None:
            blocks.append(_scaled(numbers, warm_up))
        else:
            block = _one_hot(table[name], warm_up)
            (left_out.append(name) if block is None else blocks.append(block))
    if left_out:
        notices.append(
            f"text column(s) with more than {_MOST_TEXTS} different values in the warm-up left "
            f"out: {_some(left_out)}"
        )
    if not blocks:
        raise CommandError(f"no column is left to learn from; {notices[-1]}.")
    return np.column_stack(blocks)


def _as_numbers(column):
    """Return a column as floats, dates as seconds, missing as NaN; None if it holds text."""
    pandas = needed("pandas")
    kind = pandas.api.types.infer_dtype(column, skipna=True)
    if kind in ("datetime64", "datetime", "date"):
        column = pandas.to_datetime(column, utc=True)
        seconds = (column - pandas.Timestamp(0, tz="UTC")).dt.total_seconds()
        return seconds.to_numpy(dtype=float)
    if kind in ("timedelta64", "timedelta"):
        return pandas.to_timedelta(column).dt.total_seconds().to_numpy(dtype=float)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"):
        return pandas.to_numeric(column.astype(object)).to_numpy(dtype=float, na_value=np.nan)
    return None


def _scaled(numbers, warm_up):
    first = numbers[:warm_up]
    seen = first[np.isfinite(first)]
    middle = np.median(seen) if len(seen) else 0.0
    numbers = np.where(np.isfinite(numbers), numbers, middle)
    scaled = (numbers - numbers[:warm_up].mean()) / _spread(numbers[:warm_up])
    return scaled.clip(-_FARTHEST, _FARTHEST)


def _spread(values):
    # The deviation of a constant column is rounding error, not zero.
    deviation = values.std()
    return float(deviation) if deviation > 1e-12 * abs(values).max() else 1.0


def _one_hot(column, warm_up):
    texts = column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)
    first = texts[:warm_up, None]
    if len(np.unique(first)) > _MOST_TEXTS:
        return None
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(first)
    return encoder.transform(texts[:, None])


def _some(names):
    shown = ", ".join(map(repr, names[:12]))
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
