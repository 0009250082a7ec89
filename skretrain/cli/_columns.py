"""Columns of a table: which there are, the order in time, the target, and numbers."""

from difflib import get_close_matches

import numpy as np

from ..utils._words import counted
from ._errors import CommandError, needed

_FEW = 30  # whole numbers with more distinct values than this are a quantity, not classes

_DATES = ("datetime64", "datetime", "date")  # what pandas calls them


def some(names):
    """Return names as text, not more than a dozen."""
    return listed([repr(name) for name in names])


def listed(texts):
    """Return texts as one, not more than a dozen."""
    shown = ", ".join(texts[:12])
    return shown if len(texts) <= 12 else f"{shown} and {len(texts) - 12} more"


def check_column(table, column, option):
    """Raise CommandError if a table has no such column, with the names that are close."""
    if column in table.columns:
        return
    columns = list(table.columns)
    close = get_close_matches(column, columns, n=3, cutoff=0.5)
    if close:
        hint = f"did you mean {' or '.join(map(repr, close))}?"
    else:
        hint = f"the columns are {some(columns)}."
    raise CommandError(f"{option} {column!r} is not a column of the file; {hint}")


def sorted_by_time(table, time):
    """Return the rows in the order of a column of numbers or dates, ties as in the file.

    Returns
    -------
    table : DataFrame
        Without the column.
    times : ndarray of shape (n_rows,)
        The column, as datetime64 where it holds dates, else as numbers.
    """
    missing = int(table[time].isna().sum())
    if missing:
        raise CommandError(
            f"--time {time!r} has {counted(missing, 'missing value')}, so that such rows have no "
            "place in the order; fill in a time, or drop the rows."
        )
    moments = as_numbers(table[time])
    if moments is None:
        text = _no_date_of(table[time])
        raise CommandError(
            f"--time {time!r} holds text such as {text!r}, and not a number or a "
            "date like 2024-12-31 or 2024-12-31T23:59:00 in every row; convert the column."
        )
    order = np.argsort(moments, kind="stable")
    if holds_dates(table[time]):
        moments = (moments * 1e6).round().astype("datetime64[us]")
    return table.iloc[order].drop(columns=time).reset_index(drop=True), moments[order]


def _no_date_of(column):
    """Return the first text that is no date."""
    texts = column.astype(str)
    dates = _dates(texts).notna().to_numpy()
    return column.iloc[0 if dates.all() else int(np.argmin(dates))]


def with_target(table, target, notices):
    """Drop the rows that have no target: they can be neither scored nor learned."""
    values = table[target]
    infinite = values.isin([np.inf, -np.inf])
    known = ~(values.isna() | infinite)
    dropped = int((~known).sum())
    if dropped == len(table):
        raise CommandError(f"--target {target!r} has no value in any of the {len(table):,} rows.")
    if dropped:
        notices.append(f"{counted(dropped, 'row')} without a value of {target!r} left out")
    return table[known].reset_index(drop=True)


def task_of_column(column, task, notices):
    """Return the task: as asked for, or classification for text, bool and few whole numbers."""
    if task != "auto":
        return task
    numbers = as_numbers(column)
    whole = numbers is not None and bool((numbers == np.round(numbers)).all())
    few = whole and len(np.unique(numbers)) <= _FEW
    task, other = "classification", "regression"
    if numbers is not None and not few:
        task, other = other, task
    if numbers is not None:
        notices.append(f"target taken as {task} (--task {other} for the other)")
    return task


def are_dates(texts):
    """Tell whether all texts are dates like 2024-12-31 or 2024-12-31T23:59:00."""
    return all(bool(_dates(part).notna().all()) for part in (texts.iloc[:_FEW], texts))


def _dates(texts):
    # Zones may differ between summer and winter; UTC puts them on one line.
    return needed("pandas").to_datetime(texts, format="ISO8601", errors="coerce", utc=True)


def holds_dates(column):
    """Tell a column of dates, as such or as text."""
    kind = needed("pandas").api.types.infer_dtype(column, skipna=True)
    return kind in _DATES or (kind == "string" and are_dates(column.dropna()))


def as_numbers(column):
    """Return a column as floats, dates as seconds, missing as NaN; None if it holds text."""
    pandas = needed("pandas")
    kind = pandas.api.types.infer_dtype(column, skipna=True)
    if kind == "string" and are_dates(column.dropna()):
        column, kind = _dates(column), "datetime"
    if kind in _DATES:
        moments = pandas.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy()
        # Microseconds go back to the year 1; nanoseconds do not.
        numbers = moments.astype("datetime64[us]").astype(np.int64) / 1e6
        return np.where(np.isnat(moments), np.nan, numbers)
    if kind in ("timedelta64", "timedelta"):
        return pandas.to_timedelta(column).dt.total_seconds().to_numpy(dtype=float)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"):
        return pandas.to_numeric(column.astype(object)).to_numpy(dtype=float, na_value=np.nan)
    return None


def target_values(column, task, model=None):
    """Return the target as numbers, or as labels of one type: that of a model that knows some."""
    if task == "classification":
        return _classes(column, getattr(model, "classes_", None))
    values = as_numbers(column)
    if values is None:
        raise CommandError(
            f"--target {column.name!r} holds text such as {column.iloc[0]!r}, which no regression "
            "can predict; leave --task out or convert the column."
        )
    return values


def _classes(column, known):
    # A gap, where the row is left out, has made objects of what is true or false.
    labels = np.asarray(column.astype(object).infer_objects())
    if labels.dtype.kind == "O":
        labels = labels.astype(str)
    if known is None or (labels.dtype.kind in "US") == (np.asarray(known).dtype.kind in "USO"):
        return labels
    by_text = {str(label): label for label in known}
    texts = [str(label) for label in labels.tolist()]
    strange = next((text for text in texts if text not in by_text), None)
    if strange is not None:
        raise CommandError(
            f"--target {column.name!r} holds {strange!r}, and --model knows the classes "
            f"{some(list(by_text))}, of another type; convert the column to what it was fitted on."
        )
    return np.array([by_text[text] for text in texts])
