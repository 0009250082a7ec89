"""The rows of one container: what it is, counted, taken, copied."""

from collections.abc import Mapping
from functools import lru_cache
from numbers import Number

import numpy as np
from scipy import sparse

from .._optional import import_optional

ARRAY, LIST, PANDAS, POLARS, SPARSE = "array", "list", "pandas", "polars", "sparse"


def kind_of(X):
    """Tell which family of containers `X` belongs to.

    Parameters
    ----------
    X : object
        Array, sparse matrix or array, data frame, series or sequence.

    Returns
    -------
    kind : {"array", "list", "pandas", "polars", "sparse"}
        "array" also stands for foreign arrays that `numpy.asarray` can read.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import kind_of
    >>> kind_of(np.zeros(3)), kind_of(["a", "b"])
    ('array', 'list')
    """
    return _kind_of_type(type(X))


@lru_cache(maxsize=256)
def _kind_of_type(cls):
    if issubclass(cls, np.ndarray):
        return ARRAY
    if issubclass(cls, (sparse.spmatrix, sparse.sparray)):
        return SPARSE
    # Frames are recognised by the module of a parent class, so that neither library is imported.
    libraries = {base.__module__.partition(".")[0] for base in cls.__mro__}
    for library in (PANDAS, POLARS):
        if library in libraries:
            return library
    return ARRAY if hasattr(cls, "__array__") else LIST


def as_container(X):
    """Bring `X` into a form that can be cut into rows, without looking at its values.

    Parameters
    ----------
    X : object
        Whatever a user passes as the rows of a batch.

    Returns
    -------
    X : ndarray, sparse matrix, data frame, series or list
        `X` itself if it is one of these; a list of numbers or of lists as an array; a list of
        texts, dictionaries or other things stays a list; a table of Arrow, whose columns have
        names, as a data frame.

    Examples
    --------
    >>> from skretrain.utils._containers import as_container
    >>> as_container([[1, 2], [3, 4]]).shape, as_container(["one text", "another"])
    ((2, 2), ['one text', 'another'])
    """
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, which has no rows yet: pass X.collect().")
    kind = kind_of(X)
    if kind == LIST:
        is_sequence = hasattr(X, "__len__") and hasattr(X, "__getitem__")
        if not is_sequence or isinstance(X, str | bytes | Mapping):
            raise TypeError(
                f"X is a {type(X).__name__}, which has no rows: pass an array, a data frame or a "
                "list of rows."
            )
        rowwise = len(X) and isinstance(X[0], (list, tuple, np.ndarray, Number))
        return _array_of(X) if rowwise else X
    return _from_foreign(X) if kind == ARRAY and not isinstance(X, np.ndarray) else X


def _from_foreign(X):
    is_table = hasattr(X, "column_names") and hasattr(X, "to_pandas")  # of Arrow
    if is_table:
        import_optional("pandas", caller=f"A {type(X).__name__} with names", extra="cli")
    try:
        return X.to_pandas() if is_table else np.asarray(X)
    except (IndexError, KeyError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"X is a {type(X).__name__} that {'pandas' if is_table else 'numpy'} cannot read: "
            f"{error}. Pass it as a data frame of pandas or polars."
        ) from error


def _array_of(X):
    try:
        values = np.asarray(X)
    except ValueError:
        return X  # rows of unequal length, such as lists of tokens
    if values.dtype.kind == "U" and not all(isinstance(cell, str) for row in X for cell in row):
        return np.asarray(X, dtype=object)  # numpy would turn the number 1 into the text "1"
    return values


def n_rows(X):
    """Count the rows of a container.

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The container.

    Returns
    -------
    n : int
        Its number of rows.

    Examples
    --------
    >>> from skretrain.utils._containers import n_rows
    >>> n_rows([[1, 2], [3, 4], [5, 6]])
    3
    """
    shape = getattr(X, "shape", None)
    return int(shape[0]) if shape else len(X)


def row_shape(X):
    """Shape of one row, or None for a list, whose rows may be anything.

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The container.

    Returns
    -------
    shape : tuple of int or None
        `X.shape[1:]`.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import row_shape
    >>> row_shape(np.zeros((5, 3)))
    (3,)
    """
    return None if kind_of(X) == LIST else tuple(X.shape[1:])


def n_bytes(X):
    """Bytes a container holds; the objects behind references are not counted.

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The container.

    Returns
    -------
    n : int
        Number of bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import n_bytes
    >>> n_bytes(np.zeros((5, 3)))
    120
    """
    kind = kind_of(X)
    if kind == LIST:
        return 8 * len(X)
    if kind == PANDAS:
        return int(np.sum(X.memory_usage()))
    if kind == POLARS:
        return int(X.estimated_size())
    if kind == SPARSE:
        X = as_csr(X)
        return X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    return np.asarray(X).nbytes


def as_csr(X):
    """View a sparse or dense two-dimensional container as compressed sparse rows.

    Parameters
    ----------
    X : sparse matrix, ndarray, data frame or list of rows
        The container.

    Returns
    -------
    X : csr_matrix or csr_array
        Sparse matrices stay matrices and sparse arrays stay arrays; the rest becomes a matrix.

    Raises
    ------
    ValueError
        If `X` is not two-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import as_csr
    >>> as_csr(np.eye(3)).nnz
    3
    """
    if sparse.issparse(X):
        return X.tocsr()
    values = np.asarray(X)
    if values.ndim != 2:
        raise ValueError(f"rows of shape {values.shape[1:]} cannot become sparse: pass a matrix.")
    return sparse.csr_matrix(values)


def row_schema(X):
    """Describe what rows must share to be stored together, as a value that compares.

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The container.

    Returns
    -------
    schema : tuple
        Kind, row shape and data types; column names for data frames.

    Examples
    --------
    >>> from skretrain.utils._containers import row_schema
    >>> row_schema(["a", "b"])
    ('list',)
    """
    kind = kind_of(X)
    if kind == LIST:
        return (kind,)
    if kind in (PANDAS, POLARS) and len(X.shape) == 2:
        return kind, tuple(X.columns), column_types(X)
    return kind, row_shape(X), X.dtype


def column_types(X):
    """List the types of the columns of a data frame, or the one of a series.

    Parameters
    ----------
    X : data frame or series
        The rows.

    Returns
    -------
    dtypes : tuple
        One per column.

    Examples
    --------
    >>> import pandas as pd
    >>> from skretrain.utils._containers._rows import column_types
    >>> column_types(pd.DataFrame({"n": [1], "x": [0.5]}))
    (dtype('int64'), dtype('float64'))
    """
    if len(X.shape) != 2:
        return (X.dtype,)
    # Asked several times with every batch. X.dtypes of pandas makes a Series of what its blocks
    # know, which takes longer than a model of ten columns needs to predict.
    blocks = getattr(X, "_mgr", None)
    return tuple(blocks.get_dtypes() if hasattr(blocks, "get_dtypes") else X.dtypes)


def with_schema_of(X, like):
    """Cast rows to the data types of another container of the same kind.

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The rows.
    like : same kind as X
        Gives the data types.

    Returns
    -------
    rows : same kind as X
        `X` itself where the types agree.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import with_schema_of
    >>> with_schema_of(np.array([1, 2]), np.array([0.5]))
    array([1., 2.])
    """
    if row_schema(X) == row_schema(like):
        return X
    if kind_of(X) == POLARS:
        return X.cast(like.schema if len(X.shape) == 2 else like.dtype)
    if kind_of(X) == PANDAS and len(X.shape) == 2:
        return X.astype(dict(zip(like.columns, like.dtypes, strict=True)))
    return X.astype(like.dtype)


def take_rows(X, indices):
    """Take rows of a container; the kind is kept (sparse rows come as csr).

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The container.
    indices : slice, or array-like of int or bool
        The rows, by position.

    Returns
    -------
    rows : same kind as X
        A slice of an ndarray is a view, which callers must not write to.

    Examples
    --------
    >>> from skretrain.utils._containers import take_rows
    >>> take_rows(["a", "b", "c"], [2, 0])
    ['c', 'a']
    """
    if not isinstance(indices, slice):
        indices = _as_positions(indices)
    kind = kind_of(X)
    if kind == LIST:
        return X[indices] if isinstance(indices, slice) else [X[i] for i in indices]
    if kind == PANDAS:
        return X.iloc[indices]
    if kind == SPARSE:
        return as_csr(X)[indices]
    return X[indices]


def _as_positions(indices):
    indices = np.asarray(indices)
    if indices.dtype == bool:
        return np.flatnonzero(indices)
    return indices.astype(np.intp, copy=False)


def copy_rows(X):
    """Copy a container so that no later write to `X` shows; pandas indexes are dropped.

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The container.

    Returns
    -------
    copy : same kind as X
        Sparse rows come as csr.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import copy_rows
    >>> X = np.zeros(3)
    >>> kept = copy_rows(X)
    >>> X[0] = 1.0
    >>> float(kept[0])
    0.0
    """
    kind = kind_of(X)
    if kind == LIST:
        return list(X)
    if kind == PANDAS:
        return X.copy() if _is_numbered(X.index) else X.copy().reset_index(drop=True)
    if kind == POLARS:
        # A gather copies the values: `clone` shares them, and so may a series made from an array.
        return X[np.arange(n_rows(X))]
    if kind == SPARSE:
        return X.tocsr(copy=True)
    return np.array(X)


def _is_numbered(index):
    """Tell whether an index of pandas is 0, 1, 2, ... already: to make one anew takes long."""
    is_range = type(index).__name__ == "RangeIndex" and index.name is None
    return is_range and index.start == 0 and index.step == 1


def drop_index(X):
    """Number the rows of a pandas container 0, 1, 2, ...; leave every other as it is.

    Parameters
    ----------
    X : ndarray, sparse matrix, data frame, series or list
        The container.

    Returns
    -------
    rows : same kind as X
        The same rows.

    Examples
    --------
    >>> from skretrain.utils._containers import drop_index
    >>> drop_index(["a", "b"])
    ['a', 'b']
    """
    return X.reset_index(drop=True) if kind_of(X) == PANDAS else X


def writable(values):
    """Return an array that may be written to, a copy where it may not; other values as they are."""
    is_locked = isinstance(values, np.ndarray) and not values.flags.writeable
    return values.copy() if is_locked else values
