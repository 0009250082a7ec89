"""Read tables from files, with one type for each column in all of them, or say why not."""

import csv
import re
from pathlib import Path

import numpy as np

from ..datasets._parquet import ParquetFolder, frames_of_file
from ._columns import some
from ._csv import UNNAMED, cells_in_parts, read_cells, separator_in
from ._errors import CommandError, first_line, needed
from ._plain import alike, plain
from ._types import typed

_INDEX = re.compile(rf"{UNNAMED}\d+(\.\d+)*|index|level_0")


def read_tables(paths, notices, *, missing=(), keep=(), room=None, types=None):
    """Return the tables in files as pandas DataFrames whose columns are named by strings.

    Parameters
    ----------
    paths : list of str or Path
        Text files, Parquet, or folders of Parquet.
    notices : list of str
        Gets a line for what a reader may not expect.
    missing : sequence of str, default=()
        Words that stand for no value in every column.
    keep : collection of str, default=()
        Columns that somebody asked for, which stay even if they only number the rows.
    room : Room or None, default=None
        What there is room for, and which rows of a file with more are read; None is all.
    types : dict of str to ColumnType, default=None
        What columns are known to hold, by name; those that are not in it are added to it.
    """
    found = [_read(Path(path), room, notices) for path in paths]
    texts = [n for n, (_, separator) in enumerate(found) if separator]
    tables = [table for table, _ in found]
    separators = [found[n][1] for n in texts]
    of_texts = [tables[n] for n in texts]
    done = typed(of_texts, separators, notices, missing, types) if texts else []
    for n, table in zip(texts, done, strict=True):
        tables[n] = table
    for n, path in enumerate(paths):
        if n not in texts:
            table = tables[n].replace(list(missing), None) if missing else tables[n]
            tables[n] = plain(table, notices, Path(path).name, types)
    tables = alike(tables, notices)
    return [_without_index(table, keep, notices) for table in tables]


def typed_parts(path, *, missing, types):
    """Yield the table in a file that has been read before, part by part.

    Parameters
    ----------
    path : Path
        As :func:`read_tables` takes it.
    missing : sequence of str
        Words that stand for no value in every column.
    types : dict of str to ColumnType
        What columns are known to hold.

    Yields
    ------
    table : DataFrame
        Some thousand rows.
    """
    if not path.is_dir() and path.suffix.lower() in _TEXTS:
        separator = separator_in(path)
        for part in cells_in_parts(path):
            yield from typed([part.reset_index(drop=True)], [separator], [], missing, types)
        return
    frames = ParquetFolder(path).frames() if path.is_dir() else frames_of_file(path)
    for part in frames:
        table = _named(_with_index(part), path).reset_index(drop=True)
        yield plain(table.replace(list(missing), None) if missing else table, [], path.name, types)


def _named(table, path):
    """Return a table whose columns are named by strings, each by another."""
    table = table.set_axis([str(column) for column in table.columns], axis="columns")
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise CommandError(f"{path} has more than one column {twice!r}; rename all but one.")
    return table


def _read(path, room, notices):
    """Return a table, and the separator of a text file, else None."""
    read = _read_folder if path.is_dir() else _READERS.get(path.suffix.lower())
    if not path.exists():
        raise CommandError(f"{path} does not exist; check the path (working folder: {Path.cwd()}).")
    if read is None:
        raise CommandError(
            f"{path} has the extension {path.suffix!r}; known are {', '.join(_READERS)}, and "
            "folders of Parquet. Rename or convert the file."
        )
    try:
        table, separator, n_rows = read(path, room)
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{path} could not be read: {first_line(error)}. Save it as UTF-8."
        ) from error
    except (OSError, ValueError, csv.Error) as error:  # pandas' and pyarrow's are ValueErrors
        raise CommandError(f"{path} could not be read: {first_line(error)}") from error
    table = _named(table, path)
    if len(table) < n_rows:
        notices.append(room.told(path.name, len(table), n_rows))
    return table.reset_index(drop=True), separator


def _read_parquet(path, room):
    needed("pyarrow")
    with open(path, "rb") as file:  # a name may hold bytes that are no text
        if room is None:
            table = needed("pandas").read_parquet(file, engine="pyarrow")
            n_rows = len(table)
        else:
            table, n_rows = room.rows_of(frames_of_file(file), is_text=False)
    return _with_index(table), None, n_rows


def _read_folder(path, room):
    needed("pyarrow")
    frames = ParquetFolder(path).frames()
    if room is None:
        table = needed("pandas").concat(list(frames))
        n_rows = len(table)
    else:
        table, n_rows = room.rows_of(frames, is_text=False)
    return _with_index(table), None, n_rows


def _with_index(table):
    # pandas stores a named index, often the time, as a column and takes it away again.
    return table if table.index.names == [None] else table.reset_index()


_TEXTS = (".csv", ".tsv")
_READERS = {
    **dict.fromkeys(_TEXTS, read_cells),
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}


def _without_index(table, keep, notices):
    """Leave out columns that number the rows, as saving a table with its index adds them."""
    lost = [
        name
        for name in table.columns
        if name not in keep and _INDEX.fullmatch(name) and _numbers_the_rows(table[name])
    ]
    if lost:
        notice = f"left out, the number of the row, as if saved with an index: {some(lost)}"
        if notice not in notices:
            notices.append(notice)
    return table.drop(columns=lost)


def _numbers_the_rows(column):
    """Tell numbers that only name the rows; rows may be missing or shuffled if it has no name."""
    values = column.to_numpy()
    if column.isna().all():
        return column.name.startswith(UNNAMED)  # a separator ends each line
    if values.dtype.kind not in "iu":
        return False
    if column.name.startswith(UNNAMED):
        return len(np.unique(values)) == len(values)
    return bool((np.diff(values) == 1).all())
