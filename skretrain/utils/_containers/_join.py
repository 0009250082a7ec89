"""Containers joined row-wise, those of different kinds and data types included."""

import numpy as np
from scipy import sparse

from ._polars_types import kept_apart
from ._rows import (
    ARRAY,
    LIST,
    PANDAS,
    POLARS,
    SPARSE,
    as_csr,
    kind_of,
    n_rows,
    row_shape,
    take_rows,
)
from ._types import ColumnTypes, to_common_types

# Mixed parts are converted to the kind with the highest rank.
_RANK = {ARRAY: 0, LIST: 1, PANDAS: 2, POLARS: 2, SPARSE: 3}


def concat_rows(parts):
    """Join containers row-wise.

    Parts of different kinds are brought to one: any sparse part makes the result csr; any data
    frame gives its column names to the arrays; a list and an array make a list. Data types are
    promoted without loss: string widths widen, strings next to numbers become objects, columns of
    data frames follow the first frame (:class:`ColumnTypes`).

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
    import pandas as pd

    joined = pd.concat(to_common_types(parts), ignore_index=True)
    return joined if len(joined.shape) == 2 else joined.rename(parts[0].name)


def _concat_polars(parts):
    return _relaxed(to_common_types(parts))


def _relaxed(parts):
    """Join rows of polars as it brings types together; none to a unit that years do not fit."""
    import polars as pl

    series = len(parts[0].shape) == 1
    # The relaxed join, which promotes types, exists for data frames only.
    frames = [part.alias(parts[0].name).to_frame() for part in parts] if series else parts
    for name, *dtypes in zip(frames[0].columns, *(frame.dtypes for frame in frames), strict=True):
        apart = kept_apart(set(dtypes) - {pl.Null})
        if apart:
            what, other = apart
            raise ValueError(
                f"column {name!r} has {what} next to {other}: pass the same types with every batch."
            )
    try:
        frame = pl.concat(frames, how="vertical_relaxed", rechunk=True)
    except pl.exceptions.PolarsError as error:
        raise ValueError(
            f"polars columns of different types cannot be joined ({error}): "
            "pass the same types with every batch."
        ) from error
    return frame.to_series() if series else frame


def fit_together(head, chunks, part):
    """Find the types in which rows can be joined to others.

    Parameters
    ----------
    head : container
        No rows, with the types in which the chunks are read.
    chunks : list of containers
        The rows, of the same kind.
    part : container
        Rows of the same kind to be joined to them.

    Returns
    -------
    head : container
        No rows, of types that hold the values of all.
    part : container
        The rows, of types that fit these.

    Raises
    ------
    ValueError
        If there are no such types.

    Examples
    --------
    >>> import pandas as pd
    >>> from skretrain.utils._containers import fit_together
    >>> whole, gap = pd.DataFrame({"n": [1]}), pd.DataFrame({"n": [None]})
    >>> fit_together(whole[:0], [whole], gap)[0].dtypes.tolist()
    [dtype('float64')]
    """
    types = ColumnTypes.of([*chunks, head])
    if types is None:
        return concat_rows([head, take_rows(part, slice(0, 0))]), part
    part = ColumnTypes(head, types.undecided).joinable(part)
    if kind_of(part) == POLARS:
        _concat_polars([head, part[:0]])  # for what it refuses
    # Rows far from our time, say, cannot be brought to a unit of times that is finer.
    wider = ColumnTypes(part)
    strangers = {j for chunk in chunks for j in wider.strangers(chunk)}
    if kind_of(part) == POLARS:
        return _with_relaxed(part[:0], head, sorted(strangers)), part
    part = wider.with_objects(part, sorted(strangers))
    return part[:0], part


def _with_relaxed(like, head, positions):
    """Return a head with columns of a unit of times that the rows before fit, too."""
    if not positions:
        return like
    if len(like.shape) == 1:
        return _relaxed([head, like])
    columns = [like.columns[j] for j in positions]
    return like.with_columns(_relaxed([head[columns], like[columns]]).get_columns())


_CONCAT = {
    ARRAY: _concat_arrays,
    LIST: _concat_lists,
    PANDAS: _concat_pandas,
    POLARS: _concat_polars,
    SPARSE: _concat_sparse,
}
