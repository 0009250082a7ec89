"""Read a table from a file, and make the folder for the outputs, or say why not."""

from pathlib import Path

from ._errors import CommandError, first_line, needed


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
        raise CommandError(f"{path} could not be read: {first_line(error)}") from error
    table = table.set_axis([str(column) for column in table.columns], axis="columns")
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise CommandError(f"{path} has more than one column {twice!r}; rename all but one.")
    return table.reset_index(drop=True)


def output_folder(path):
    """Return a folder after making it, with those above it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"--out {path} cannot be made a folder: {error.strerror}; name another."
        ) from error
    return path


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
