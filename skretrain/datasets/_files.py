"""Read files, tables and queries as batches, so that a stream need not fit in memory."""

import re
from collections.abc import Hashable
from contextlib import contextmanager
from numbers import Integral
from os import PathLike
from pathlib import Path

from ..utils._optional import import_optional
from ._parquet import (
    ParquetFolder,
    frames_of_file,
    is_folder,
    n_rows_in,
    rows_in_one_go,
    scan_options,
)

_TEXT = re.compile(r"\.(csv|tsv)(\.(gz|bz2|zip|xz|zst))?$")
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
    columns = _listed(columns)
    _check_options(target, batch_size, columns)
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
    is_other = isinstance(source, tuple | dict | bytes) or hasattr(source, "dtype")
    if is_other or not hasattr(source, "__iter__"):
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
        Passed to :func:`pandas.read_csv`, which has `batch_size` for its ``chunksize``. Give
        ``dtype`` where a column may look different from one batch to the next, and ``usecols``
        where not all are needed.

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
    OSError, ValueError
        If the file cannot be read, which names it.
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
    _check_path("iter_csv", path)
    _check_options(target, batch_size, None)
    if "chunksize" in kwargs:
        raise TypeError("iter_csv reads batch_size rows at a time: pass batch_size for chunksize.")
    pandas = import_optional("pandas", caller="iter_csv", extra="cli")
    with _naming(path):
        chunks = pandas.read_csv(path, chunksize=batch_size, **kwargs)
    with chunks:
        for chunk in _read_of(path, chunks):
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
        ``month=2024-05``, are columns, too, where the files have none of this name.
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
    OSError, ValueError
        If a file cannot be read, which names it.
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
    _check_path("iter_parquet", path)
    columns = _listed(columns)
    _check_options(target, batch_size, columns)
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
    import_optional("pandas", caller="iter_parquet", extra="cli")
    parquet = import_optional("pyarrow.parquet", caller="iter_parquet", extra="cli")
    wanted = None if columns is None else [*columns, target]
    if is_folder(path):
        folder = ParquetFolder(path)
        names, frames = folder.schema.names, folder.frames(wanted, batch_size)
    else:
        with _naming(path):
            names = parquet.read_schema(path).names
        frames = frames_of_file(path, wanted, batch_size)
    _check_names(names, target, columns)
    yield from _cut(_read_of(path, frames), target, batch_size, columns)


def _n_rows(path):
    with _naming(path):
        return n_rows_in(path)


def _read_of(path, parts):
    """Yield what is read of a file part by part, of which an error names it."""
    with _naming(path):
        yield from parts


@contextmanager
def _naming(path):
    """Say which file cannot be read, where a library says only why."""
    try:
        yield
    except (OSError, ValueError, EOFError) as error:  # pandas' and pyarrow's are ValueErrors
        if not isinstance(path, str | PathLike) or str(path) in str(error):
            raise
        kind = OSError if isinstance(error, OSError) else ValueError
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, UnicodeError):
            reason += ". Of text that is no UTF-8, tell iter_csv the encoding."
        raise kind(f"{path} could not be read: {reason}") from error


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
        options["fragment_scan_options"] = scan_options()
    return options


def _converted(reader, batch_size):
    for batch in reader:
        size = rows_in_one_go(batch_size, batch.nbytes, len(batch), batch.num_columns)
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


def _check_path(owner, path):
    is_path = isinstance(path, str | PathLike) and path != ""  # which would be this folder
    if not is_path and not hasattr(path, "read"):
        raise ValueError(
            f"{owner}(path={path!r}): path must be a path; several, and tables, are for "
            "iter_batches."
        )


def _listed(columns):
    if isinstance(columns, str | bytes):
        raise ValueError(f"columns={columns!r}: pass a list of names, [{columns!r}].")
    if columns is None:
        return None
    names = list(columns) if hasattr(columns, "__iter__") else [[]]
    if not all(isinstance(name, Hashable) for name in names):
        raise ValueError(f"columns={columns!r}: pass a list of names, or None for all.")
    return names


def _check_options(target, batch_size, columns):
    if not isinstance(batch_size, Integral) or isinstance(batch_size, bool) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r} is no number of rows: pass an int from 1 on.")
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
