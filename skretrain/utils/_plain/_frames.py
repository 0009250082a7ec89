"""Data frames and sparse rows as arrays, names and types in words."""

import io
from functools import cache

import numpy as np
from scipy import sparse

_COMPRESSED = {
    name: getattr(sparse, name) for name in ("csc_array", "csc_matrix", "csr_array", "csr_matrix")
}


# -- scipy -----------------------------------------------------------------------------------------


def _of_scipy(value):
    if type(value).__name__ not in _COMPRESSED or not sparse.issparse(value):
        return None
    parts = [value.data, value.indices, value.indptr]
    return "sparse", [type(value).__name__, list(value.shape), *parts]


def _sparse(content):
    name, shape, *parts = content
    rows = _COMPRESSED[name](tuple(parts), shape=tuple(shape))
    rows.check_format(full_check=True)  # a wrong index would read memory that is not its own
    return rows


# -- pandas ----------------------------------------------------------------------------------------


@cache
def _pandas():
    import pandas

    return pandas


def _of_pandas(value):
    pd = _pandas()
    for kinds, tag, parts_of in (
        (pd.DataFrame, "frame", _parts_of_frame),
        (pd.Series, "series", lambda X: [*_parts_of_column(X.array), _index(X.index), X.name]),
        (pd.Index, "index", _index),
        (pd.api.extensions.ExtensionArray, "array", _parts_of_column),
        (pd.api.extensions.ExtensionDtype, "type", lambda X: _parts_of_column(_none_of(X))),
    ):
        if isinstance(value, kinds):
            return f"pandas {tag}", parts_of(value)
    if value is pd.NA or value is pd.NaT:
        return "pandas gap", [value is pd.NA]
    if isinstance(value, pd.Timestamp | pd.Timedelta | pd.Period | pd.Interval):
        return "pandas scalar", _parts_of_column(pd.Series([value]).array)
    return None  # an offset, say


def _none_of(dtype):
    return _pandas().Series([], dtype=dtype).array


def _parts_of_column(values):
    """Return the kind of a column, and what it is made of."""
    pd, dtype = _pandas(), values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return ["category", np.asarray(values.codes), _index(values.categories), values.ordered]
    if isinstance(dtype, pd.StringDtype):
        texts = [None if gap else text for text, gap in zip(values, values.isna(), strict=True)]
        return ["text", dtype.storage, dtype.na_value is pd.NA, texts]
    if isinstance(values, pd.arrays.NumpyExtensionArray) or isinstance(dtype, np.dtype):
        return ["numpy", np.asarray(values)]
    if isinstance(dtype, pd.DatetimeTZDtype) and _has_a_name(dtype):
        return ["zoned", values.asi8, str(dtype)]
    if isinstance(dtype, pd.PeriodDtype):
        return ["period", values.asi8, str(dtype)]
    if isinstance(dtype, pd.IntervalDtype):
        ends = [_parts_of_column(end.array) for end in (values.left, values.right)]
        return ["interval", *ends, values.closed]
    if isinstance(dtype, pd.SparseDtype):
        return ["sparse", np.asarray(values.to_dense()), dtype.fill_value]
    if isinstance(dtype, pd.ArrowDtype):
        return ["arrow", _as_arrow(values)]
    if hasattr(dtype, "numpy_dtype"):  # with gaps of its own: Int64, boolean and the like
        data = values.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.type(0))
        return ["masked", str(dtype), data, np.asarray(values.isna())]
    raise TypeError(
        f"a column of the type {dtype} cannot be saved without pickle: bring it to a type of "
        "numpy, pandas or Arrow, or save the object by pickle, joblib or cloudpickle."
    )


def _has_a_name(dtype):
    """Tell whether pandas reads the time zone of a type, which may be an object of any kind."""
    try:
        return _pandas().api.types.pandas_dtype(str(dtype)) == dtype
    except TypeError:
        return False


def _column(content):
    kind, *parts = content
    return _COLUMNS[kind](*parts)


def _category(codes, categories, ordered):
    dtype = _pandas().CategoricalDtype(_index_of(categories), ordered)
    return _pandas().Categorical.from_codes(codes, dtype=dtype)


def _text(storage, has_na, texts):
    pd = _pandas()
    dtype = pd.StringDtype(storage) if has_na else pd.StringDtype(storage, na_value=np.nan)
    return pd.array(texts, dtype=dtype)


def _zoned(moments, name):
    dtype = _pandas().api.types.pandas_dtype(name)
    in_utc = _pandas().DatetimeIndex(moments.view(f"M8[{dtype.unit}]")).tz_localize("UTC")
    return in_utc.tz_convert(dtype.tz).array


def _period(ordinals, name):
    return _pandas().arrays.PeriodArray(ordinals, dtype=_pandas().api.types.pandas_dtype(name))


def _interval(left, right, closed):
    return _pandas().arrays.IntervalArray.from_arrays(_column(left), _column(right), closed)


def _sparse_column(values, fill_value):
    return _pandas().arrays.SparseArray(values, fill_value=fill_value)


def _masked(name, data, mask):
    return _pandas().api.types.pandas_dtype(name).construct_array_type()(data, mask)


def _as_arrow(values):
    import pyarrow as pa

    table = pa.table({"values": values.__arrow_array__()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _arrow(stream):
    import pyarrow as pa

    values = pa.ipc.open_stream(stream).read_all()["values"]
    values.validate(full=True)  # as above: reading does not look
    return _pandas().arrays.ArrowExtensionArray(values)


_COLUMNS = {
    "arrow": _arrow,
    "category": _category,
    "interval": _interval,
    "masked": _masked,
    "numpy": lambda values: values,
    "period": _period,
    "sparse": _sparse_column,
    "text": _text,
    "zoned": _zoned,
}


def _index(index):
    pd = _pandas()
    if isinstance(index, pd.RangeIndex):
        return ["range", index.start, index.stop, index.step, index.name]
    if isinstance(index, pd.MultiIndex):
        levels = [_index(index.get_level_values(k)) for k in range(index.nlevels)]
        return ["levels", levels, list(index.names)]
    return ["values", _parts_of_column(index.array), index.name]


def _index_of(content):
    pd, (kind, *parts) = _pandas(), content
    if kind == "range":
        *bounds, name = parts
        return pd.RangeIndex(*bounds, name=name)
    if kind == "levels":
        return pd.MultiIndex.from_arrays(list(map(_index_of, parts[0])), names=parts[1])
    values = _column(parts[0])
    return pd.Index(values, dtype=values.dtype, name=parts[1])


def _parts_of_frame(X):
    """Return the columns, those of one type of numpy as one array."""
    blocks, others = {}, []
    for j, dtype in enumerate(X.dtypes):
        if isinstance(dtype, np.dtype) and not dtype.hasobject:
            blocks.setdefault(dtype, []).append(j)
        else:
            others.append([j, _parts_of_column(X.iloc[:, j].array)])
    stacked = [[places, X.iloc[:, places].to_numpy().T] for places in blocks.values()]
    return [_index(X.index), _index(X.columns), stacked, others]


def _frame(content):
    index, columns, blocks, others = content
    index, columns = _index_of(index), _index_of(columns)
    found = {j: _column(parts) for j, parts in others}
    for places, values in blocks:
        found.update(zip(places, values, strict=True))
    frame = _pandas().DataFrame({j: found[j] for j in sorted(found)}, index=index)
    frame.columns = columns
    return frame


def _series(content):
    *parts, index, name = content
    return _as_series(parts, index=_index_of(index), name=name)


def _as_series(content, **named):
    values = _column(content)
    return _pandas().Series(values, dtype=values.dtype, **named)


# -- polars ----------------------------------------------------------------------------------------


def _of_polars(value):
    import polars as pl

    if isinstance(value, pl.DataFrame):
        return "polars frame", [_as_ipc(value)]
    if isinstance(value, pl.Series):
        return "polars series", [_as_ipc(value.alias("values").to_frame()), value.name]
    if isinstance(value, pl.DataType | type(pl.Int64)):
        return "polars type", [_as_ipc(pl.DataFrame({"values": pl.Series([], dtype=value)}))]
    return None


def _as_ipc(frame):
    sink = io.BytesIO()
    frame.write_ipc(sink)
    return sink.getvalue()


def _from_ipc(stream):
    import polars as pl

    return pl.read_ipc(io.BytesIO(stream))


KINDS = [
    (["scipy"], _of_scipy, {"sparse": _sparse}),
    (
        ["pandas"],
        _of_pandas,
        {
            "pandas array": lambda content: _as_series(content).array,
            "pandas frame": _frame,
            "pandas gap": lambda content: _pandas().NA if content[0] else _pandas().NaT,
            "pandas index": _index_of,
            "pandas scalar": lambda content: _as_series(content).iloc[0],
            "pandas series": _series,
            "pandas type": lambda content: _column(content).dtype,
        },
    ),
    (
        ["polars"],
        _of_polars,
        {
            "polars frame": lambda content: _from_ipc(content[0]),
            "polars series": lambda content: _from_ipc(content[0])["values"].alias(content[1]),
            "polars type": lambda content: _from_ipc(content[0])["values"].dtype,
        },
    ),
]
