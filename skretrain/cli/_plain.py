"""Columns of Parquet as the rest of the command takes them, and one type for each in all files."""

import datetime
import decimal

import numpy as np

from ._columns import are_dates, some
from ._errors import CommandError, needed
from ._types import ColumnType


def plain(table, notices, name, types=None):
    """Return a table without the types that Parquet has and no model takes.

    Parameters
    ----------
    table : DataFrame
        As pandas reads it.
    notices : list of str
        Gets a line for what is left out.
    name : str
        What to call the file.
    types : dict of str to ColumnType, default=None
        What columns are known to hold, by name; those that are not in it are added to it.
    """
    columns, lost, types = {}, [], {} if types is None else types
    for column in table.columns:
        values = _plain(table[column])
        if values is None:
            lost.append(column)
        else:
            _check_kind(values, types)
            columns[column] = values
    if lost:
        notices.append(f"{name}: left out, lists or bytes that are no text: {some(lost)}")
    return needed("pandas").DataFrame(columns, index=table.index)


def _check_kind(values, types):
    """Refuse a column that is known to hold something else; remember what an unknown one holds."""
    kind = _kind_of(values)
    if kind == "nothing":
        return
    kind = f"{kind}s of Parquet"
    known = types.setdefault(values.name, ColumnType(kind)).kind
    if known not in (kind, "any"):
        raise CommandError(
            f"{values.name!r} holds {kind}, and before it held {known}; convert the column, and "
            "bring files of one sort."
        )


def _plain(values):
    """Return a column with numbers, dates or texts; None if that cannot be."""
    pandas = needed("pandas")
    if isinstance(values.dtype, pandas.CategoricalDtype):
        return values if values.cat.categories.dtype != object else _plain(values.astype(object))
    if isinstance(values.dtype, pandas.PeriodDtype):
        return values.dt.to_timestamp()
    if values.dtype == np.float16:
        return values.astype(np.float32)
    if values.dtype != object:
        return values
    known = values[values.notna()]
    for kind, read in _READ.items():
        if len(known) and known.map(lambda value, kind=kind: isinstance(value, kind)).all():
            return read(known, values.index)
    return None if known.map(lambda value: isinstance(value, _MANY)).any() else values


_MANY = (bytes, list, tuple, dict, set, np.ndarray)


def _texts(known, index):
    try:
        return known.map(bytes.decode).reindex(index).astype(object)
    except UnicodeDecodeError:
        return None


def _numbers(known, index):
    return known.astype(float).reindex(index)


def _seconds(known, index):
    def of_day(time):
        return 3600 * time.hour + 60 * time.minute + time.second + time.microsecond / 1e6

    return known.map(of_day).astype(float).reindex(index)


def _dates(known, index):
    pandas = needed("pandas")
    days = known.to_numpy().astype("datetime64[D]").astype("datetime64[s]")
    return pandas.Series(days, known.index).reindex(index)


_READ = {
    bytes: _texts,
    decimal.Decimal: _numbers,
    datetime.time: _seconds,
    datetime.date: _dates,
}


# -- several files ---------------------------------------------------------------------------------


def alike(tables, notices):
    """Return the tables with columns of one name holding one kind of values.

    Parameters
    ----------
    tables : list of DataFrame
        The tables, each with types of its own.
    notices : list of str
        Gets a line for what had to be turned into text.
    """
    tables, turned = [table.copy(deep=False) for table in tables], []
    for name in dict.fromkeys(name for table in tables for name in table.columns):
        having = [table for table in tables if name in table.columns]
        kinds = {_kind_of(table[name]) for table in having} - {"nothing"}
        if len(kinds) < 2:
            continue
        if kinds == {"date", "text"} and all(_is_or_has_dates(table[name]) for table in having):
            for table in having:
                table[name] = needed("pandas").to_datetime(table[name], format="ISO8601", utc=True)
        else:
            turned.append(name)
            for table in having:
                table[name] = as_text(table[name])
    if turned:
        notices.append(
            f"taken as text, for the files do not agree on what they hold: {some(turned)}"
        )
    return tables


def _kind_of(values):
    types = needed("pandas").api.types
    kind = types.infer_dtype(values, skipna=True)
    if kind == "empty" or not values.notna().any():
        return "nothing"
    if kind.startswith("date"):
        return "date"
    is_number = kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
    return "number" if is_number or kind.startswith("timedelta") else "text"


def _is_or_has_dates(values):
    return _kind_of(values) == "date" or are_dates(values.dropna())


def as_text(values):
    """Return values as text: a whole number as its digits, whatever its type."""

    def text(value):
        is_whole = isinstance(value, (float, np.floating)) and value == np.round(value)
        return str(int(value) if is_whole and abs(value) < 2**63 else value)

    return values.astype(object).map(text, na_action="ignore")
