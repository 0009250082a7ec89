"""Read a table from a file, or say why not."""

from pathlib import Path

from ._errors import CommandError, needed


def read_table(path):
    """Return the table in `path` as a pandas DataFrame whose columns are named by strings."""
    path = Path(path)
    read = _READERS.get(path.suffix.lower())
    if not path.exists():
        raise CommandError(f"{path} does not exist; check the path (working folder: {Path.cwd()}).")
    if read is None:
        raise CommandError(
            f"{path} has the extension {path.suffix!r}; known are {', '.join(_READERS)}. Rename or "
            "convert the file."
        )
    try:
        table = read(path)
    except (OSError, ValueError) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise CommandError(f"{path} could not be read: {_first_line(error)}") from error
    table = table.set_axis([str(column) for column in table.columns], axis="columns")
    return table.assign(**_dates_written_as_text(table))


def _dates_written_as_text(table):
    """Return the text columns whose every value is an ISO 8601 date, as dates."""
    pandas = needed("pandas")
    found = {}
    for name, column in table.items():
        if pandas.api.types.infer_dtype(column, skipna=True) == "string":
            # Zones may differ between summer and winter; UTC puts them on one line.
            dates = pandas.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
            if (dates.notna() == column.notna()).all():
                found[name] = dates
    return found


def _read_csv(path):
    with open(path, encoding="utf-8-sig") as file:
        header = file.readline()
    # Spreadsheets of many countries separate by semicolons.
    separator = max(",;\t", key=header.count)
    return needed("pandas").read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False)


def _read_parquet(path):
    needed("pyarrow")
    table = needed("pandas").read_parquet(path, engine="pyarrow")
    # pandas stores a named index, often the time, as a column and takes it away again.
    return table if table.index.names == [None] else table.reset_index()


_READERS = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
