"""Rows of any container as columns that can be compared: numbers, levels, or times."""

import datetime

import numpy as np
from scipy import sparse

from ..utils._containers import LIST, PANDAS, POLARS, SPARSE, as_csr, kind_of
from ..utils._durations import is_gap
from ..utils._words import counted

MOST_SPARSE_COLUMNS = 300
_TIMES = datetime.date | datetime.time | np.datetime64
_TIME, _NO_TIME = np.datetime64(0, "s"), np.datetime64("NaT", "s")  # which one it is plays no part
_NO_TABLE = "no table of columns: pass a two-dimensional array, a data frame or a sparse matrix"


def read_table(X, what="X"):
    """Return the columns of rows.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n_rows, n_columns)
        The rows.
    what : str, default="X"
        What an error calls them.

    Returns
    -------
    table : dict of label to ndarray of shape (n_rows,), or csr of shape (n_rows, n_columns)
        Numbers are floats, NaN where missing or infinite. Levels are objects, each a str or None:
        text, booleans, categories, and numbers next to text. Lengths of time are seconds. Of points
        in time only whether they are there is kept, as datetime64. A number as a label stands for a
        position. Sparse rows stay sparse.

    Raises
    ------
    ValueError
        If the rows are no table, or two columns have the same name.

    Examples
    --------
    >>> from skretrain.metrics._tables import read_table
    >>> read_table([[1, "a"], [2, None]])
    {0: array([1., 2.]), 1: array(['a', None], dtype=object)}
    """
    kind = kind_of(X)
    if kind == SPARSE and X.dtype.kind in "biuf":
        return as_csr(X).astype(float)
    if kind == LIST:
        X = _array_of(X, what)
    if kind == SPARSE or len(X.shape) != 2:
        raise ValueError(f"{what} is {_NO_TABLE}.")
    if kind == PANDAS:
        return {
            name: _pandas_column(X.iloc[:, j]) for j, name in enumerate(_named(X.columns, what))
        }
    if kind == POLARS:
        return {name: _polars_column(X[name]) for name in X.columns}
    X = np.asarray(X)
    return {j: _column(X[:, j]) for j in range(X.shape[1])}


def join_tables(tables):
    """Return the rows of several tables, oldest first, as one.

    A column that only some of them have is missing in the others.

    Examples
    --------
    >>> from skretrain.metrics._tables import join_tables, read_table
    >>> join_tables([read_table([[1]]), read_table([["b"]])])
    {0: array(['1', 'b'], dtype=object)}
    """
    if any(sparse.issparse(table) for table in tables):
        return sparse.vstack([as_sparse(table) for table in tables], format="csr")
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: _joined([column_of(table, name) for table in tables]) for name in names}


def take_table(table, rows):
    """Return some of the rows of a table, given by a slice or their positions."""
    if sparse.issparse(table):
        return table[rows]
    return {name: values[rows] for name, values in table.items()}


def length_of(table):
    """Return the number of rows of a table, 0 if it has no column."""
    if sparse.issparse(table):
        return table.shape[0]
    return len(next(iter(table.values()), ()))


def column_of(table, name):
    """Return a column of a table; one that is not there has no value in any row."""
    return table[name] if name in table else np.full(length_of(table), np.nan)


def as_sparse(table):
    """Return a table as sparse rows.

    Raises
    ------
    ValueError
        If it holds anything but numbers.
    """
    if sparse.issparse(table):
        return table
    if any(values.dtype.kind != "f" for values in table.values()):
        raise ValueError(
            "sparse rows can only be compared with numbers, and these rows have text or dates: "
            "pass the same columns with every batch."
        )
    return sparse.csr_matrix(np.column_stack([*table.values()]))


def like_table(table, other):
    """Return a table as sparse rows or as columns, whichever another one is, under its names.

    Columns are matched by position where either of the two has no names.

    Raises
    ------
    ValueError
        If they have no names and are not as many, or text cannot become sparse.

    Examples
    --------
    >>> from skretrain.metrics._tables import like_table, read_table
    >>> like_table(read_table([[2]]), {"age": read_table([[1]])[0]})
    {'age': array([2.])}
    """
    if sparse.issparse(other):
        table = as_sparse(table)
        return table if table.shape[1] == other.shape[1] else _refuse_columns(table, other)
    if sparse.issparse(table):
        table = dict(enumerate(table.toarray().T))
    if list(table) == list(other) or not (_unnamed(table) or _unnamed(other)):
        return table
    same = len(table) == len(other)
    return dict(zip(other, table.values(), strict=True)) if same else _refuse_columns(table, other)


def _unnamed(table):
    return len(table) > 0 and list(table) == list(range(len(table)))


def _refuse_columns(*tables):
    n_new, n_old = (t.shape[1] if sparse.issparse(t) else len(t) for t in tables)
    raise ValueError(
        f"the new rows have {counted(n_new, 'column')} and the reference {n_old}: without names, "
        "columns are compared by position. Pass the same columns, or data frames with names."
    )


def fullest_columns(X, least=0):
    """Return the 300 columns of sparse rows with the most entries, of those with so many at least.

    They are positions, sorted.
    """
    entries = np.bincount(X.nonzero()[1], minlength=X.shape[1])
    fullest = np.argsort(-entries, kind="stable")[:MOST_SPARSE_COLUMNS]
    return np.sort(fullest[entries[fullest] >= least])


def is_time(values):
    """Return whether a column holds points in time."""
    return values.dtype.kind == "M"


def as_numbers(values):
    """Return a column as floats, or None where it holds anything else.

    Text that reads as numbers is read, and True and False are 1 and 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._tables import as_numbers
    >>> as_numbers(np.array(["1", None, "2.5"], dtype=object))
    array([1. , nan, 2.5])
    """
    if values.dtype.kind == "f":
        return values
    truth = {None: np.nan, "True": 1.0, "False": 0.0}
    try:
        return _finite(np.array([truth.get(value, value) for value in values], dtype=float))
    except ValueError:
        return None


def as_levels(values):
    """Return a column as objects, each a str or None.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._tables import as_levels
    >>> as_levels(np.array([1.0, np.nan, 2.5]))
    array(['1', None, '2.5'], dtype=object)
    """
    return values if values.dtype.kind == "O" else _levels(values, np.isnan(values))


def is_missing(values):
    """Return which rows have no value, an array of bool."""
    if values.dtype.kind == "O":
        return np.equal(values, None)
    return np.isnat(values) if is_time(values) else np.isnan(values)


def _array_of(X, what):
    try:
        values = np.asarray(X)
        # numpy would turn the number 1 next to text into the text "1".
        return np.asarray(X, dtype=object) if values.dtype.kind in "US" else values
    except ValueError:
        raise ValueError(f"{what} is {_NO_TABLE}.") from None


def _named(columns, what):
    if not columns.is_unique:
        names = [str(name) for name in columns[columns.duplicated()].unique()]
        raise ValueError(f"{what} has several columns called {', '.join(names)}: rename them.")
    return columns


def _pandas_column(series):
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        return _levels(series.to_numpy(object), series.isna().to_numpy())
    if dtype.kind in "iuf":
        return _finite(series.to_numpy(float, na_value=np.nan))
    if dtype.kind == "m":
        return series.dt.total_seconds().to_numpy(float)
    if dtype.kind == "M":
        return _times(series.isna().to_numpy())
    return _objects(series.to_numpy(object), series.isna().to_numpy())


def _polars_column(series):
    if series.dtype.is_numeric():
        return _finite(series.cast(float).to_numpy())
    missing = series.is_null().to_numpy()
    if str(series.dtype).startswith("Duration"):
        return series.dt.total_microseconds().cast(float).to_numpy() / 1e6
    if series.dtype.is_temporal():
        return _times(missing)
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    return _objects(values, missing)


def _column(values):
    kind = values.dtype.kind
    if kind in "iuf":
        return _finite(values.astype(float))
    if kind == "m":
        return np.where(np.isnat(values), np.nan, values / np.timedelta64(1, "s"))
    if kind == "M":
        return _times(np.isnat(values))
    objects = values.astype(object)
    return _objects(objects, np.array([is_gap(value) for value in objects], dtype=bool))


def _objects(values, missing):
    """Return a column of Python objects as numbers, times or levels, whatever all of them are."""
    present = values[~missing]
    if not len(present):
        return np.full(len(values), np.nan)
    if all(isinstance(value, _TIMES) for value in present):
        return _times(missing)
    if all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in present):
        try:
            numbers = np.full(len(values), np.nan)
            numbers[~missing] = present.astype(float)
            return _finite(numbers)
        except (OverflowError, TypeError):
            pass  # beyond the floats, or complex
    return _levels(values, missing)


def _times(missing):
    return np.where(missing, _NO_TIME, _TIME)


def _levels(values, missing):
    levels = np.full(len(values), None, dtype=object)
    levels[~missing] = [_level(value) for value in values[~missing].tolist()]
    return levels


def _level(value):
    # 1 and 1.0 are one level: a column of integers becomes one of floats where a value is missing.
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if is_whole else str(value)


def _finite(numbers):
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _joined(parts):
    if any(map(is_time, parts)):
        parts = [_times(is_missing(values)) for values in parts]
    elif len({values.dtype.kind for values in parts}) > 1:
        parts = [as_levels(values) for values in parts]
    return np.concatenate(parts)
