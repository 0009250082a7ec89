"""Read a file as batches, so that a stream need not fit in memory."""

from ..utils._optional import import_optional


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
        batch to the next.

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
        If there is no such column.

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
    pandas = import_optional("pandas", caller="iter_csv", extra="cli")
    with pandas.read_csv(path, chunksize=batch_size, **kwargs) as chunks:
        for chunk in chunks:
            yield _split(chunk, target)


def iter_parquet(path, *, target, batch_size=1000, columns=None):
    """Read a Parquet file batch by batch.

    Parameters
    ----------
    path : str or path-like
        The file, its rows in time order.
    target : str
        Name of the column with the target.
    batch_size : int, default=1000
        Rows per batch.
    columns : list of str, default=None
        Features to read. None is all.

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
        If there is no such column.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from skretrain.datasets import iter_parquet
    >>> with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
    ...     pd.DataFrame({"a": [1, 2, 3], "y": [0, 1, 0]}).to_parquet(file.name)
    ...     [len(X) for X, y in iter_parquet(file.name, target="y", batch_size=2)]
    [2, 1]
    """
    import_optional("pandas", caller="iter_parquet", extra="cli")
    parquet = import_optional("pyarrow.parquet", caller="iter_parquet", extra="cli")
    wanted = None if columns is None else [*columns, target]
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=batch_size, columns=wanted):
            yield _split(batch.to_pandas(), target)


def _split(frame, target):
    if target not in frame.columns:
        raise ValueError(f"target={target!r} is not a column; there are {list(frame.columns)}.")
    return frame.drop(columns=target), frame[target]
