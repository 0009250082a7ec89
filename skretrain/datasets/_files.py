"""Read files, tables and queries as batches, so that a stream need not fit in memory."""

import re
from contextlib import contextmanager
from numbers import Integral
from os import PathLike
from pathlib import Path

from ..utils._optional import import_optional

_BYTES_AT_ONCE = 2**22  # converted in one go: a table of pandas costs as much for 10 rows as 10,000
_BUFFER = 2**16  # bytes of each column that are read from the disk at a time
_TEXT = re.compile(r"\.(csv|tsv)(\.\w+)?$")  # compressed, too
_SEPARATORS = {"csv": ",", "tsv": "\t"}


def iter_batches(source, *, target, batch_size=1000, columns=None):
    """Read whatever holds rows batch by batch: files, Arrow tables and readers, polars queries.

    Parameters
    ----------
    source : str, path-like, Arrow object, data frame, LazyFrame, or iterable of tables
        The rows in time order:

        - a path: ``.csv`` and ``.tsv``, compressed or not, as :func:`iter_csv` reads them, all else
          as :func:`iter_parquet` does, folders of partitions included;
        - a table, record batch, reader, scanner or dataset of Arrow, or whatever else exports a
          stream of record batches, such as a relation of DuckDB;
        - a data frame of pandas or polars;
        - a LazyFrame of polars, which is run in its streaming engine and never collected whole;
        - an iterable of any of these, for instance a frame a day. No batch joins rows of two.

    target : str
        Name of the column with the target.
    batch_size : int, default=1000
        Rows per batch.
    columns : list of str, default=None
        Features to read. None is all.

    Yields
    ------
    X : DataFrame of shape (n_rows, n_features)
        The features: a frame of polars where the source is one, else of pandas.
    y : Series of shape (n_rows,)
        The target.

    Raises
    ------
    ImportError
        If a library that the source needs is not installed.
    TypeError
        If the source, or a part of it, holds no rows with names.
    ValueError
        If there is no such column, if the target is among the features, or if `batch_size` is no
        number of rows.

    See Also
    --------
    skretrain.model_selection.prequential_validate : Takes such batches.

    Examples
    --------
    >>> import pandas as pd
    >>> from skretrain.datasets import iter_batches
    >>> days = (pd.DataFrame({"a": [1, 2, 3], "y": [0, 1, day]}) for day in range(2))
    >>> [y.tolist() for X, y in iter_batches(days, target="y", batch_size=2)]
    [[0, 1], [0], [0, 1], [1]]
    """
    _check_options(target, batch_size, columns)
    columns = None if columns is None else list(columns)
    options = {"target": target, "batch_size": batch_size, "columns": columns}
    is_path = isinstance(source, str | PathLike)
    return (_of_path if is_path else _of_tables)(source, **options)


def _of_tables(source, *, target, batch_size, columns):
    found = _names_and_frames(source, None if columns is None else [*columns, target], batch_size)
    if found is not None:
        names, frames = found
        _check_names(names, target, columns)
        yield from _cut(frames, target, batch_size, columns)
        return
    if isinstance(source, tuple | dict) or not hasattr(source, "__iter__"):
        raise TypeError(_no_rows(source))
    for part in source:
        yield from iter_batches(part, target=target, batch_size=batch_size, columns=columns)


def _no_rows(source):
    return (
        f"a {type(source).__name__} holds no rows with names: pass a path, a data frame, an Arrow "
        "table or reader, a LazyFrame, or an iterable of these. Batches of (X, y) need no loader."
    )


def iter_csv(path, *, target, batch_size=1000, **kwargs):
    r"""Read a CSV file batch by batch.

    Parameters
    ----------
    path : str or path-like
        The file, its rows in time order.
    target : str
        Name of the column with the target.
    batch_size : int, default=1000
        Rows per batch.
    **kwargs : dict
        Passed to :func:`pandas.read_csv`. Give ``dtype`` where a column may look different from one
        batch to the next, and ``usecols`` where not all are needed.

    Yields
    ------
    X : pandas.DataFrame of shape (n_rows, n_features)
        All other columns.
    y : pandas.Series of shape (n_rows,)
        The target.

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If there is no such column, or `batch_size` is no number of rows.

    Examples
    --------
    >>> import tempfile
    >>> from skretrain.datasets import iter_csv
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("a,y\n1,0\n2,1\n3,0\n")
    ...     file.flush()
    ...     [len(X) for X, y in iter_csv(file.name, target="y", batch_size=2)]
    [2, 1]
    """
    _check_options(target, batch_size, None)
    pandas = import_optional("pandas", caller="iter_csv", extra="cli")
    with pandas.read_csv(path, chunksize=batch_size, **kwargs) as chunks:
        for chunk in chunks:
            _check_names(chunk.columns, target)
            if len(chunk):  # else the file has a header, and no rows
                yield chunk.drop(columns=target), chunk[target]


def iter_parquet(path, *, target, batch_size=1000, columns=None):
    """Read a Parquet file, or a folder of them, batch by batch.

    The memory it takes is that of some thousand rows, or of one batch where that is larger, however
    long the stream is and however large its row groups are.

    Parameters
    ----------
    path : str or path-like
        The file, its rows in time order; or a folder, whose files are read in the order of their
        names, numbers in these by their value. Folders in it that are named as Hive does, such as
        ``month=2024-05``, are columns, too.
    target : str
        Name of the column with the target.
    batch_size : int, default=1000
        Rows per batch.
    columns : list of str, default=None
        Features to read; the others are not touched. None is all.

    Yields
    ------
    X : pandas.DataFrame of shape (n_rows, n_features)
        The features.
    y : pandas.Series of shape (n_rows,)
        The target.

    Raises
    ------
    ImportError
        If pyarrow or pandas is not installed.
    ValueError
        If there is no such column, or the target is among the features; if a folder has no such
        file, or files whose columns have types that do not go together.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from skretrain.datasets import iter_parquet
    >>> sales = pd.DataFrame({"month": [1, 1, 2], "a": [1, 2, 3], "y": [0, 1, 0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sales.to_parquet(folder, partition_cols=["month"])
    ...     [X.columns.tolist() for X, y in iter_parquet(folder, target="y", batch_size=2)]
    [['a', 'month'], ['a', 'month']]
    """
    columns = columns if columns is None or isinstance(columns, str) else list(columns)
    return _Batches(
        _read_parquet(path, target, batch_size, columns), lambda: -(-_n_rows(path) // batch_size)
    )


class _Batches:
    """An iterator that knows about how many batches are left, for the one who shows progress."""

    def __init__(self, batches, count):
        self.batches, self.count, self.n_given = batches, count, 0

    def __iter__(self):
        return self

    def __next__(self):
        batch = next(self.batches)
        self.n_given += 1
        return batch

    def __length_hint__(self):
        return max(self.count() - self.n_given, 0)


def _read_parquet(path, target, batch_size, columns):
    _check_options(target, batch_size, columns)
    import_optional("pandas", caller="iter_parquet", extra="cli")
    parquet = import_optional("pyarrow.parquet", caller="iter_parquet", extra="cli")
    wanted = None if columns is None else [*columns, target]
    if _is_folder(path):
        folder = ParquetFolder(path)
        _check_names(folder.schema.names, target, columns)
        yield from _cut(folder.frames(wanted, batch_size), target, batch_size, columns)
        return
    _check_names(parquet.read_schema(path).names, target, columns)
    yield from _cut(frames_of_file(path, wanted, batch_size), target, batch_size, columns)


def frames_of_file(path, columns=None, batch_size=1):
    """Yield parts of a Parquet file in order, as frames of pandas.

    They have a multiple of `batch_size` rows, save the last. `columns` are those to read; None is
    all. A file that is open stays so.
    """
    parquet = import_optional("pyarrow.parquet", caller="iter_parquet", extra="cli")
    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
        size = _rows_at_once(file.metadata, batch_size)
        for part in file.iter_batches(size, columns=columns, use_threads=False):
            yield part.to_pandas()


def _is_folder(path):
    return isinstance(path, str | PathLike) and Path(path).is_dir()


def _n_rows(path):
    """Return how many rows there are, as the ends of files say."""
    if _is_folder(path):
        return ParquetFolder(path).n_rows
    parquet = import_optional("pyarrow.parquet", caller="iter_parquet", extra="cli")
    return parquet.read_metadata(path).num_rows


# -- folders of Parquet ----------------------------------------------------------------------------


class ParquetFolder:
    """The Parquet files in a folder, as one table.

    Parameters
    ----------
    path : str or path-like
        What :func:`iter_parquet` reads.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns of the files, and those that folders name.
    n_rows : int
        All rows.
    """

    def __init__(self, path):
        dataset = import_optional("pyarrow.dataset", caller="iter_parquet", extra="cli")
        with _told_of_types(path):
            found = dataset.dataset(
                files_of(path), format="parquet", partitioning="hive", partition_base_dir=str(path)
            )
        self._fragments = list(found.get_fragments())
        self.schema = _unified([found.schema, *(f.physical_schema for f in self._fragments)], path)
        self.n_rows = sum(fragment.metadata.num_rows for fragment in self._fragments)

    def frames(self, columns=None, batch_size=1):
        """Yield parts of the table in order, as frames of pandas.

        They have a multiple of `batch_size` rows, save the last of each group of rows. `columns`
        are those to read; None is all.
        """
        for fragment in self._fragments:
            parts = fragment.to_batches(
                schema=self.schema,
                columns=columns,
                batch_size=_rows_at_once(fragment.metadata, batch_size),
                batch_readahead=0,
                fragment_readahead=0,
                fragment_scan_options=_scan_options(),
                use_threads=False,
            )
            yield from (part.to_pandas() for part in parts if len(part))


def files_of(folder):
    """Return the Parquet files in a folder in the order of their names, or raise ValueError."""
    folder = Path(folder)
    paths = [
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in (".parquet", ".pq")
    ]
    # Other names are those of what is being written, and of notes about the rest.
    paths = [path for path in paths if not any(part[0] in "_." for part in path.parts)]
    if not paths:
        raise ValueError(f"the folder {str(folder)!r} has no .parquet or .pq file.")
    return [str(folder / path) for path in sorted(paths, key=_in_order)]


def _in_order(path):
    """Return what files are sorted by: numbers in names by their value, so that 2 is before 10."""
    return [
        [int(piece) if n % 2 else piece for n, piece in enumerate(re.split(r"([0-9]+)", part))]
        for part in path.parts
    ]


def _unified(schemas, path):
    arrow = import_optional("pyarrow", caller="iter_parquet", extra="cli")
    with _told_of_types(path):
        return arrow.unify_schemas(schemas, promote_options="permissive")


@contextmanager
def _told_of_types(path):
    """Say in which folder it is that types do not go together."""
    arrow = import_optional("pyarrow", caller="iter_parquet", extra="cli")
    try:
        yield
    except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
        raise ValueError(
            f"the files in {str(path)!r} have columns whose types do not go together: {error}"
        ) from error


def _rows_at_once(metadata, batch_size):
    """Return how many rows of a file to convert in one go."""
    groups = (metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    return _multiple(batch_size, sum(groups), metadata.num_rows, metadata.num_columns)


def _multiple(batch_size, n_bytes, n_rows, n_columns):
    per_row = max(n_bytes / max(n_rows, 1), 16 * n_columns)  # as Arrow and pandas have numbers
    return batch_size * max(int(_BYTES_AT_ONCE / (per_row * batch_size)), 1)


# -- what holds rows -------------------------------------------------------------------------------


def _of_path(path, *, target, batch_size, columns):
    options = {"target": target, "batch_size": batch_size}
    text = _TEXT.search(Path(path).name.lower())
    if text is None:
        return iter_parquet(path, columns=columns, **options)
    options["sep"] = _SEPARATORS[text[1]]
    if columns is None:
        return iter_csv(path, **options)
    batches = iter_csv(path, usecols=[*columns, target], **options)
    return _with_columns(path, batches, target, columns, options["sep"])


def _with_columns(path, batches, target, columns, sep):
    """Yield batches with features as they are asked for: pandas leaves them as in the file."""
    pandas = import_optional("pandas", caller="iter_batches", extra="cli")
    _check_names(pandas.read_csv(path, sep=sep, nrows=0).columns, target, columns)
    yield from ((X[columns], y) for X, y in batches)


def _names_and_frames(source, wanted, batch_size):
    """Return the names of the columns of a table or query, and its frames; else None."""
    kind = type(source).__module__.partition(".")[0], type(source).__name__
    if kind == ("polars", "LazyFrame"):
        return source.collect_schema().names(), _collected(source, wanted, batch_size)
    if kind in (("pandas", "DataFrame"), ("polars", "DataFrame")):
        return list(source.columns), [source]
    return _of_arrow(source, batch_size)


def _collected(query, wanted, batch_size):
    query = query if wanted is None else query.select(wanted)
    yield from query.collect_batches(chunk_size=batch_size, maintain_order=True, lazy=True)


def _of_arrow(source, batch_size):
    if hasattr(source, "scanner"):  # a dataset
        source = source.scanner(**_little_ahead(source))
    if hasattr(source, "to_reader"):
        source = source.to_reader()
    if not hasattr(source, "__arrow_c_stream__"):
        return None
    import_optional("pandas", caller="iter_batches", extra="cli")
    arrow = import_optional("pyarrow", caller="iter_batches", extra="cli")
    try:
        reader = arrow.RecordBatchReader.from_stream(source)
    except arrow.ArrowInvalid:  # a column, which is no table
        raise TypeError(_no_rows(source)) from None
    return reader.schema.names, _converted(reader, batch_size)


def _little_ahead(dataset):
    """Return the options of a scan that keeps little in memory."""
    options = {"batch_readahead": 1, "fragment_readahead": 1}
    if getattr(getattr(dataset, "format", None), "default_extname", None) == "parquet":
        options["fragment_scan_options"] = _scan_options()
    return options


def _scan_options():
    dataset = import_optional("pyarrow.dataset", caller="iter_parquet", extra="cli")
    # What is buffered ahead of the rows is kept until the file is closed: all of it, in the end.
    return dataset.ParquetFragmentScanOptions(
        pre_buffer=False, use_buffered_stream=True, buffer_size=_BUFFER
    )


def _converted(reader, batch_size):
    for batch in reader:
        size = _multiple(batch_size, batch.nbytes, len(batch), batch.num_columns)
        for start in range(0, len(batch), size):
            yield batch.slice(start, size).to_pandas()


def _cut(frames, target, batch_size, columns=None):
    """Yield features and targets of `batch_size` rows each, the last ones fewer."""
    rest = None
    for frame in frames:
        X, y = _split(frame, target, columns)
        if rest is not None:
            X, y = map(_joined, rest, (X, y))
        whole = len(X) // batch_size * batch_size
        for start in range(0, whole, batch_size):
            yield _rows(X, start, start + batch_size), _rows(y, start, start + batch_size)
        rest = (_rows(X, whole, None), _rows(y, whole, None)) if whole < len(X) else None
    if rest is not None:
        yield rest


def _split(frame, target, columns):
    if hasattr(frame, "iloc"):
        if not {target, *(columns or ())}.isdisjoint(frame.index.names):
            frame = frame.reset_index()  # as pandas stores an index, it is a column like any other
        X = frame.drop(columns=target) if columns is None else frame[columns]
    else:
        X = frame.drop(target) if columns is None else frame.select(columns)
    return X, frame[target]


def _rows(values, start, stop):
    """Return some rows of a frame or series, numbered anew where they are only numbered."""
    if not hasattr(values, "iloc"):
        return values[start:stop]
    # A copy: whoever keeps the targets of a batch must not keep thousands of rows alive.
    rows = values.iloc[start:stop].copy()
    if _is_numbered(rows):
        rows.index = range(len(rows))
    return rows


def _joined(first, second):
    if not hasattr(first, "iloc"):
        return first.clone().extend(second)
    pandas = import_optional("pandas", caller="iter_batches", extra="cli")
    is_numbered = _is_numbered(first) and _is_numbered(second)
    return pandas.concat([first, second], ignore_index=is_numbered)


def _is_numbered(rows):
    return type(rows.index).__name__ == "RangeIndex"


def _check_options(target, batch_size, columns):
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r} is no number of rows: pass an int from 1 on.")
    if isinstance(columns, str):
        raise ValueError(f"columns={columns!r}: pass a list of names, [{columns!r}].")
    if columns is not None and len({*columns}) < len(columns):
        raise ValueError(f"columns={columns!r} has a feature twice: name each once.")
    if columns is not None and target in columns:
        raise ValueError(f"columns={columns!r} has the target {target!r}: name features alone.")


def _check_names(names, target, columns=None):
    named, names = {"target": [target], "columns": columns or []}, list(names)
    for parameter, asked in named.items():
        missing = [name for name in asked if name not in names]
        if missing:
            raise ValueError(f"{parameter}={missing[0]!r} is not a column; there are {names}.")
        twice = [name for name in asked if names.count(name) > 1]
        if twice:
            raise ValueError(
                f"{parameter}={twice[0]!r} is the name of several columns: rename all but one."
            )
