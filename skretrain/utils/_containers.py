"""Rows of any container scikit-learn accepts: counted, taken, joined, in one place."""

from functools import lru_cache
from numbers import Number

import numpy as np
from scipy import sparse

ARRAY, LIST, PANDAS, POLARS, SPARSE = "array", "list", "pandas", "polars", "sparse"

# Mixed parts are converted to the kind with the highest rank.
_RANK = {ARRAY: 0, LIST: 1, PANDAS: 2, POLARS: 2, SPARSE: 3}


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
        texts, dictionaries or other things stays a list.

    Examples
    --------
    >>> from skretrain.utils._containers import as_container
    >>> as_container([[1, 2], [3, 4]]).shape, as_container(["one text", "another"])
    ((2, 2), ['one text', 'another'])
    """
    kind = kind_of(X)
    if kind == LIST:
        rowwise = len(X) and isinstance(X[0], (list, tuple, np.ndarray, Number))
        return _array_of(X) if rowwise else X
    return np.asarray(X) if kind == ARRAY and not isinstance(X, np.ndarray) else X


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
        return kind, tuple(X.columns), tuple(X.dtypes)
    return kind, row_shape(X), X.dtype


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
        return X.copy().reset_index(drop=True)
    if kind == POLARS:
        # A gather copies the values: `clone` shares them, and so may a series made from an array.
        return X[np.arange(n_rows(X))]
    if kind == SPARSE:
        return X.tocsr(copy=True)
    return np.array(X)


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


def concat_rows(parts):
    """Join containers row-wise.

    Parts of different kinds are brought to one: any sparse part makes the result csr; any data
    frame gives its column names to the arrays; a list and an array make a list. Data types are
    promoted without loss: string widths widen, strings next to numbers become objects, pandas
    categoricals take the union of their categories.

    Parameters
    ----------
    parts : list of containers
        At least one; of the same row shape and, for data frames, the same column names.

    Returns
    -------
    rows : container
        The only part as it is, or the rows of all, with a fresh index if it is from pandas.

    Raises
    ------
    ValueError
        If there is no part, or if the parts do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import concat_rows
    >>> concat_rows([np.array(["a"]), np.array(["long"])])
    array(['a', 'long'], dtype='<U4')
    """
    parts = list(parts)
    if not parts:
        raise ValueError("concat_rows got no parts: pass at least one container.")
    if len(parts) == 1:
        return parts[0]
    check_row_shapes(parts)
    like = widest(parts)
    parts = [to_kind_of(part, like) for part in parts]
    # Empty parts would still have a say in the data type (and pandas warns about them).
    parts = [part for part in parts if n_rows(part)] or parts
    return parts[0] if len(parts) == 1 else _CONCAT[kind_of(like)](parts)


def check_row_shapes(parts):
    """Raise if containers differ in the shape of a row.

    Parameters
    ----------
    parts : list of containers
        Lists are not looked into.

    Raises
    ------
    ValueError
        With the shapes found.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import check_row_shapes
    >>> check_row_shapes([np.zeros((2, 3)), np.zeros((5, 3))])
    """
    shapes = {row_shape(part) for part in parts} - {None}
    if len(shapes) > 1:
        raise ValueError(
            f"rows of different shapes {sorted(shapes)} cannot be joined: "
            "pass the same columns with every batch."
        )


def widest(parts):
    """Pick the part whose kind mixed parts are brought to.

    Parameters
    ----------
    parts : list of containers
        At least one.

    Returns
    -------
    part : container
        The first with the highest rank: sparse, then data frame, then list, then array.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import widest
    >>> widest([np.zeros(1), ["text"]])
    ['text']
    """
    return max(parts, key=lambda part: _RANK[kind_of(part)])


def to_kind_of(part, like):
    """Bring a container to the kind of another, without copying where none is needed.

    Parameters
    ----------
    part : container
        What to convert.
    like : container
        Gives the kind and, for data frames, the column names.

    Returns
    -------
    converted : same kind as like
        The rows of `part`.

    Raises
    ------
    ValueError
        If the rows cannot be held by that kind, or a data frame has other column names.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import to_kind_of
    >>> to_kind_of(np.array([1.0, 2.0]), ["text"])
    [np.float64(1.0), np.float64(2.0)]
    """
    kind = kind_of(like)
    if kind == SPARSE:
        return as_csr(part)
    if kind == LIST:
        return part if isinstance(part, list) else list(part)
    if kind == ARRAY:
        return np.asarray(part)
    return _to_frame_like(part, like, kind)


def _to_frame_like(part, like, kind):
    two_dimensional = len(like.shape) == 2
    if kind_of(part) in (PANDAS, POLARS):
        if two_dimensional and list(part.columns) != list(like.columns):
            raise ValueError(
                f"data frames with columns {list(part.columns)} and {list(like.columns)} cannot "
                "be joined: pass the same columns in the same order with every batch."
            )
        if kind_of(part) == kind:
            return part
    values = np.asarray(part)
    if values.shape[1:] != tuple(like.shape[1:]):
        raise ValueError(
            f"rows of shape {values.shape[1:]} cannot be joined to data of shape {like.shape}: "
            "pass the same columns with every batch."
        )
    if not two_dimensional:
        return _new_series(values, like, kind)
    columns = [_column(part, values, j) for j in range(values.shape[1])]
    return _new_frame(columns, like, kind)


def _column(part, values, j):
    """One column with its own data type: an array made of a mixed frame would be all objects."""
    return part[part.columns[j]].to_numpy() if kind_of(part) in (PANDAS, POLARS) else values[:, j]


def _new_series(values, like, kind):
    if kind == PANDAS:
        import pandas as pd

        return pd.Series(values, name=like.name)
    import polars as pl

    return pl.Series(like.name, values)


def _new_frame(columns, like, kind):
    if kind == PANDAS:
        import pandas as pd

        frame = pd.DataFrame(dict(enumerate(columns)))
        frame.columns = like.columns
        return frame
    import polars as pl

    return pl.DataFrame(dict(zip(like.columns, columns, strict=True)))


def common_dtype(*dtypes):
    """Data type that holds all of `dtypes` without changing a value's meaning.

    Parameters
    ----------
    *dtypes : numpy dtypes
        At least one.

    Returns
    -------
    dtype : numpy dtype
        `numpy.result_type`, except that strings next to numbers become objects: numpy would turn
        the label 1 into "1".

    Raises
    ------
    ValueError
        If no such type exists, as for dates next to numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.utils._containers import common_dtype
    >>> common_dtype(np.dtype("U2"), np.dtype("U7"))
    dtype('<U7')
    """
    kinds = {dtype.kind for dtype in dtypes}
    if kinds & set("US") and kinds & set("biufc"):
        return np.dtype(object)
    try:
        return np.result_type(*dtypes)
    except TypeError as error:
        raise ValueError(
            f"values of types {[str(dtype) for dtype in dtypes]} cannot be joined: "
            "pass the same type with every batch."
        ) from error


def _concat_arrays(parts):
    dtype = common_dtype(*(part.dtype for part in parts))
    return np.concatenate([part.astype(dtype, copy=False) for part in parts])


def _concat_lists(parts):
    return [row for part in parts for row in part]


def _concat_sparse(parts):
    return sparse.vstack(parts, format="csr")


def _concat_pandas(parts):
    if len(parts[0].shape) == 2:
        return _concat_pandas_frames(parts)
    name = parts[0].name
    return _concat_pandas_frames([part.to_frame("values") for part in parts])["values"].rename(name)


def _concat_pandas_frames(frames):
    import pandas as pd

    union = _union_categories(frames)
    if union:
        frames = [frame.astype(union) for frame in frames]
    return pd.concat(frames, ignore_index=True)


def _union_categories(frames):
    """Data type per categorical column whose categories differ: pandas would return objects."""
    import pandas as pd

    all_dtypes = [frame.dtypes.to_numpy() for frame in frames]
    if all((dtypes == all_dtypes[0]).all() for dtypes in all_dtypes[1:]):
        return {}
    union = {}
    for name, *dtypes in zip(frames[0].columns, *(frame.dtypes for frame in frames), strict=True):
        if _can_unite(dtypes, pd.CategoricalDtype):
            empty = [pd.Categorical([], dtype=dtype) for dtype in dtypes]
            union[name] = pd.api.types.union_categoricals(empty, ignore_order=True).dtype
    return union


def _can_unite(dtypes, categorical_type):
    return (
        all(isinstance(dtype, categorical_type) for dtype in dtypes)
        and any(dtype != dtypes[0] for dtype in dtypes)
        and len({dtype.categories.dtype for dtype in dtypes}) == 1
    )


def _concat_polars(parts):
    import polars as pl

    series = len(parts[0].shape) == 1
    # The relaxed join, which promotes types, exists for data frames only.
    frames = [part.alias(parts[0].name).to_frame() for part in parts] if series else parts
    for name, *dtypes in zip(frames[0].columns, *(frame.dtypes for frame in frames), strict=True):
        _refuse_text_next_to_numbers(name, set(dtypes) - {pl.Null})
    try:
        frame = pl.concat(frames, how="vertical_relaxed", rechunk=True)
    except pl.exceptions.PolarsError as error:
        raise ValueError(
            f"polars columns of different types cannot be joined ({error}): "
            "pass the same types with every batch."
        ) from error
    return frame.to_series() if series else frame


def _refuse_text_next_to_numbers(name, dtypes):
    """Raise where polars would turn the number 1 into the text "1"."""
    import polars as pl

    others = [dtype for dtype in dtypes if dtype not in (pl.String, pl.Categorical, pl.Enum)]
    if others and len(others) < len(dtypes):
        raise ValueError(
            f"column {name!r} has text next to {others[0]}: pass the same types with every batch."
        )


_CONCAT = {
    ARRAY: _concat_arrays,
    LIST: _concat_lists,
    PANDAS: _concat_pandas,
    POLARS: _concat_polars,
    SPARSE: _concat_sparse,
}


def writable(values):
    """Return an array that may be written to, a copy where it may not; other values as they are."""
    return np.require(values, requirements="W") if isinstance(values, np.ndarray) else values
