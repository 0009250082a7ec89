"""Rows of every container are counted, taken and joined alike."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from skretrain.utils import _containers as c

VALUES = np.arange(12.0).reshape(4, 3)
NAMES = ["a", "b", "c"]

MAKERS = {
    "ndarray": lambda X: np.array(X),
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_array": sparse.csc_array,
    "coo_matrix": sparse.coo_matrix,
    "list": lambda X: [list(row) for row in X],
}
SERIES = {
    "ndarray": lambda v: np.array(v),
    "pandas": lambda v: pd.Series(v, name="a"),
    "polars": lambda v: pl.Series("a", v),
    "list": list,
}


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def same_kind(result, X):
    """Sparse rows may come as csr; every other container comes back as its own type."""
    if sparse.issparse(X):
        return result.format == "csr" and isinstance(result, sparse.sparray) == isinstance(
            X, sparse.sparray
        )
    return type(result) is type(X)


def test_rows_are_counted(make):
    """n_rows is the length of the first axis."""
    assert c.n_rows(make(VALUES)) == 4


def test_shape_of_a_row_is_what_follows_the_first_axis(make):
    """row_shape is None for lists only, whose rows may be anything."""
    expected = None if isinstance(make(VALUES), list) else (3,)
    assert c.row_shape(make(VALUES)) == expected


def test_bytes_grow_with_the_rows(make):
    """n_bytes of twice the rows is more, and is positive."""
    assert 0 < c.n_bytes(make(VALUES)) < c.n_bytes(make(np.vstack([VALUES] * 5)))


@pytest.mark.parametrize(
    "rows",
    [slice(1, 3), slice(0, 0), [2, 0, 2], np.array([], dtype=int), [True, False, False, True], []],
    ids=str,
)
@pytest.mark.no_cover
def test_taking_rows_agrees_with_numpy(make, rows):
    """take_rows equals numpy's indexing and keeps the kind; masks work for lists, too."""
    X = make(VALUES)
    taken = c.take_rows(X, rows)
    key = rows if isinstance(rows, slice) or len(rows) else np.array([], dtype=int)
    assert_array_equal(dense(taken).reshape(-1, 3), VALUES[key])
    assert same_kind(taken, X)


@pytest.mark.parametrize("make_series", SERIES.values(), ids=SERIES)
def test_series_are_taken_and_joined_like_arrays(make_series):
    """One-dimensional containers keep their kind, name and values."""
    X = make_series([1.0, 2.0, 3.0])
    assert_array_equal(c.take_rows(X, [2, 0]), [3.0, 1.0])
    joined = c.concat_rows([X, make_series([4.0])])
    assert_array_equal(joined, [1.0, 2.0, 3.0, 4.0])
    assert type(joined) is type(X)
    assert getattr(joined, "name", None) == getattr(X, "name", None)


def test_joining_rows_agrees_with_numpy(make):
    """concat_rows stacks the rows and keeps the kind."""
    X = make(VALUES)
    joined = c.concat_rows([X, make(VALUES[:0]), c.take_rows(X, [1])])
    assert_array_equal(dense(joined), np.vstack([VALUES, VALUES[[1]]]))
    assert same_kind(joined, X)


def test_one_part_is_returned_as_it_is(make):
    """A single part is not copied."""
    X = make(VALUES)
    assert c.concat_rows([X]) is X


def test_joining_nothing_is_an_error():
    """There is no container to return without a part."""
    with pytest.raises(ValueError, match="no parts"):
        c.concat_rows([])


def test_a_copy_does_not_follow_the_original(make):
    """Overwriting what was copied does not show in the copy, which starts a fresh index."""
    source = VALUES.copy()
    X = make(source)
    kept = c.copy_rows(X)
    source[:] = -1
    if isinstance(X, list):
        X[0] = None
    elif isinstance(X, pd.DataFrame):
        X.iloc[:, :] = -1.0
    elif isinstance(X, np.ndarray):
        X[:] = -1
    elif sparse.issparse(X):
        X.data[:] = -1
    assert_array_equal(dense(kept), VALUES)


@pytest.mark.parametrize(
    "index",
    [
        None,
        [7, 8, 9],
        ["a", "b", "c"],
        pd.RangeIndex(1, 4),
        pd.RangeIndex(0, 6, 2),
        pd.RangeIndex(3, name="row"),
        pd.MultiIndex.from_tuples([(0, 1), (0, 2), (1, 1)]),
    ],
)
def test_a_copy_of_pandas_rows_is_numbered_anew(index):
    """Whatever index they came with, and those that are numbered already are a copy as well."""
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index)
    for original in (frame, frame["a"]):
        copy = c.copy_rows(original)
        assert copy.index.equals(pd.RangeIndex(3))
        assert copy.index.name is None
        original.iloc[0] = 5.0
        assert copy.to_numpy().ravel().tolist() == [1.0, 2.0, 3.0]
        original.iloc[0] = 1.0


def test_polars_copy_survives_its_numpy_source():
    """A polars series may share memory with the array it was made of; its copy must not."""
    values = np.arange(3.0)
    kept = c.copy_rows(pl.Series("a", values))
    values[:] = -1
    assert kept.to_list() == [0.0, 1.0, 2.0]


KINDS = ["ndarray", "list", "pandas", "csr_array"]  # by increasing rank


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_mixed_kinds_become_the_richer_kind(first, second):
    """Sparse wins over frames, frames over lists, lists over arrays, whatever the order."""
    joined = c.concat_rows([MAKERS[first](VALUES), MAKERS[second](VALUES + 1)])
    winner = MAKERS[max(first, second, key=KINDS.index)](VALUES)
    assert_array_equal(dense(joined), np.vstack([VALUES, VALUES + 1]))
    if first == second == "csr_array" or "csr_array" not in (first, second):
        assert type(joined) is type(winner)
    assert sparse.issparse(joined) == sparse.issparse(winner)
    if isinstance(winner, pd.DataFrame):
        assert list(joined.columns) == NAMES


@pytest.mark.parametrize(("first", "second"), [("pandas", "polars"), ("polars", "pandas")])
def test_the_first_of_two_frame_libraries_wins(first, second):
    """Column types survive the change of the library."""
    makers = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
    columns = {"n": [1, 2], "t": ["x", "y"]}
    joined = c.concat_rows([makers[first](columns), makers[second](columns)])
    assert type(joined) is makers[first]
    assert list(joined["n"]) == [1, 2, 1, 2]
    assert list(joined["t"]) == ["x", "y", "x", "y"]
    assert "int" in str(joined["n"].dtype).lower()


@pytest.mark.parametrize(("library", "kind"), [(pd.Series, "pandas"), (pl.Series, "polars")])
def test_an_array_joins_a_series(library, kind):
    """The array takes the name of the series."""
    series = SERIES[kind]([1.0])
    joined = c.concat_rows([np.array([0.5]), series])
    assert isinstance(joined, library)
    assert joined.name == "a"
    assert_array_equal(joined, [0.5, 1.0])


def test_arrays_join_a_polars_frame():
    """The array takes the column names."""
    joined = c.concat_rows([MAKERS["polars"](VALUES), VALUES])
    assert joined.columns == NAMES
    assert_array_equal(joined, np.vstack([VALUES, VALUES]))


def test_categories_are_united():
    """Categoricals with different categories stay categorical, in frames and in series."""
    frames = [pd.DataFrame({"k": pd.Categorical([v]), "n": [1]}) for v in "xyx"]
    joined = c.concat_rows(frames)
    assert list(joined["k"].cat.categories) == ["x", "y"]
    assert list(joined["k"]) == ["x", "y", "x"]
    assert joined["n"].dtype == np.int64
    series = c.concat_rows([frame["k"] for frame in frames])
    assert list(series.cat.categories) == ["x", "y"]
    assert series.name == "k"


def test_equal_categories_keep_their_order():
    """An ordered categorical stays ordered."""
    dtype = pd.CategoricalDtype(["low", "high"], ordered=True)
    frames = [pd.DataFrame({"k": pd.Categorical([v], dtype=dtype)}) for v in ("low", "high")]
    assert c.concat_rows(frames)["k"].dtype == dtype


def test_categories_that_are_digits_in_one_part_are_text_as_in_the_other():
    """A file read in chunks has numbers wherever a chunk of a column of codes is all digits."""
    frames = [pd.DataFrame({"k": pd.Categorical([v])}) for v in ("x", 1)]
    for order in (frames, frames[::-1]):
        joined = c.concat_rows(order)["k"]
        assert isinstance(joined.dtype, pd.CategoricalDtype)
        assert sorted(joined) == ["1", "x"]


def test_pandas_index_is_fresh():
    """Memory must not keep the labels of a huge index."""
    frame = pd.DataFrame({"a": [1, 2]}, index=["p", "q"])
    assert c.concat_rows([frame, frame]).index.equals(pd.RangeIndex(4))
    assert c.copy_rows(frame).index.equals(pd.RangeIndex(2))
    assert c.drop_index(frame).index.equals(pd.RangeIndex(2))
    assert c.drop_index(VALUES) is VALUES


@pytest.mark.parametrize(
    ("parts", "dtype", "values"),
    [
        ([np.array(["a"]), np.array(["long"])], "<U4", ["a", "long"]),
        ([np.array([1]), np.array([0.5])], "float64", [1, 0.5]),
        ([np.array([1]), np.array(["a"])], "object", [1, "a"]),
        ([np.array([None]), np.array([2])], "object", [None, 2]),
        ([np.array([True]), np.array([2])], "int64", [1, 2]),
    ],
)
def test_data_types_are_promoted_without_loss(parts, dtype, values):
    """Widths widen, numbers next to text stay numbers."""
    joined = c.concat_rows(parts)
    assert joined.dtype == np.dtype(dtype)
    assert joined.tolist() == values


def test_empty_parts_have_no_say_in_the_data_type():
    """A float array of no rows does not turn text into objects."""
    assert c.concat_rows([np.empty(0), np.array(["a"])]).dtype.kind == "U"
    assert c.concat_rows([np.empty(0), np.empty(0, dtype="U2")]).dtype == object


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ([np.zeros((2, 3)), np.zeros((2, 4))], "different shapes"),
        ([np.array(["2020"], dtype="M8[Y]"), np.array([1])], "pass the same type"),
        ([pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})], r"columns \['b'\] and \['a'\]"),
        ([pd.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]})], "same columns"),
        ([pd.DataFrame({"a": [1]}), [[1, 2]]], r"rows of shape \(2,\)"),
        ([pl.DataFrame({"a": [1]}), pl.DataFrame({"a": ["x"]})], "text next to Int64"),
        ([pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [[1]]})], "polars columns"),
        ([sparse.csr_array(VALUES), ["text"]], "cannot become sparse"),
    ],
)
def test_what_does_not_fit_is_an_error(parts, match):
    """The message names what was found and the way out."""
    with pytest.raises(ValueError, match=match):
        c.concat_rows(parts)


def test_kinds_are_recognised_without_imports():
    """Subclasses count as their parents, foreign arrays as arrays, sequences as lists."""

    class Frame(pd.DataFrame):
        pass

    class Array(np.ndarray):
        pass

    class Sparse(sparse.csr_array):
        pass

    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.zeros(2)

    assert c.kind_of(Frame()) == "pandas"
    assert c.kind_of(np.zeros(2).view(Array)) == "array"
    assert c.kind_of(Sparse((1, 1))) == "sparse"
    assert c.kind_of(Foreign()) == "array"
    assert c.kind_of(("a",)) == "list"
    assert_array_equal(c.to_kind_of(Foreign(), VALUES), [0, 0])
    assert c.to_kind_of(("a",), ["b"]) == ["a"]


def test_input_becomes_a_container_that_can_be_cut():
    """Nested lists and foreign arrays become arrays; texts, frames and sparse rows stay."""

    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.zeros(2)

    assert_array_equal(c.as_container([[1, 2], [3, 4]]), [[1, 2], [3, 4]])
    assert_array_equal(c.as_container([1, 2]), [1, 2])
    assert_array_equal(c.as_container(Foreign()), [0, 0])
    for X in (["text"], [{"a": 1}], [], VALUES, pd.DataFrame(VALUES), sparse.csr_array(VALUES)):
        assert c.as_container(X) is X


@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame])
def test_rows_are_cast_to_a_schema(make_frame):
    """with_schema_of changes the data types and nothing else."""
    like = make_frame({"a": [0.5]})
    cast = c.with_schema_of(make_frame({"a": [1, 2]}), like)
    assert list(cast.dtypes) == list(like.dtypes)
    assert list(cast["a"]) == [1.0, 2.0]
    series = c.with_schema_of(make_frame({"a": [1, 2]})["a"], like["a"])
    assert series.dtype == like["a"].dtype
    assert c.with_schema_of(like, like) is like


def test_sparse_rows_are_cast_to_a_schema():
    """The data type of sparse rows changes, too."""
    cast = c.with_schema_of(sparse.csr_array(np.eye(2, dtype=int)), sparse.csr_array(np.eye(2)))
    assert cast.dtype == np.float64


POLARS_TYPES = {
    "date": pl.Series("a", [1], dtype=pl.Date),
    "datetime": pl.Series("a", [1], dtype=pl.Datetime("us")),
    "duration": pl.Series("a", [1], dtype=pl.Duration("ms")),
    "float": pl.Series("a", [1.5]),
    "int": pl.Series("a", [1], dtype=pl.Int8),
    "long": pl.Series("a", [1], dtype=pl.Int64),
    "negative": pl.Series("a", [-1], dtype=pl.Int64),
    "text": pl.Series("a", ["x"]),
    "unsigned": pl.Series("a", [1], dtype=pl.UInt64),
    "large": pl.Series("a", [2**63 + 2**11], dtype=pl.UInt64),
    "time": pl.Series("a", [1], dtype=pl.Time),
}


@pytest.mark.parametrize("before", POLARS_TYPES)
@pytest.mark.parametrize("after", POLARS_TYPES)
def test_rows_that_are_let_in_beside_others_can_be_joined_to_them(before, after):
    """Polars itself names a type for dates and durations, and then casts neither to it.

    Nor is what it joins always something that numpy reads, or that means the same.
    """
    chunk, part = POLARS_TYPES[before].to_frame(), POLARS_TYPES[after].to_frame()
    try:
        head, fitted = c.fit_together(chunk[:0], [chunk], part)
    except ValueError as error:
        assert before != after
        assert "pass the same types with every batch" in str(error)  # noqa: PT017 - either is right
        return
    joined = c.concat_rows([head, chunk, fitted])
    assert np.asarray(joined).shape == (2, 1)
    if before not in ("date", "datetime"):  # joined to each other
        assert joined["a"].to_list() == [chunk["a"][0], part["a"][0]]
