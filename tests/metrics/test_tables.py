"""Rows of any container give the same columns, and each column is what it holds."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skretrain.metrics._tables import (
    as_levels,
    as_numbers,
    as_sparse,
    column_of,
    is_missing,
    is_time,
    join_tables,
    length_of,
    like_table,
    read_table,
    take_table,
)

NAN = float("nan")


def frame():
    return pd.DataFrame(
        {
            "x": [1.5, np.inf, NAN],
            "n": [1, 2, 3],
            "text": ["a", None, "b"],
            "flag": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "Int": pd.array([1, None, 3], dtype="Int64"),
            "day": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "gap": pd.to_timedelta([1, None, 3], unit="h"),
            "kind": pd.Categorical(["u", None, "v"]),
            "nothing": [None, None, None],
        }
    )


def as_lists(table):
    """Return a table with None for every missing value and True for every time."""
    return {
        name: [
            None if gone else (True if is_time(values) else value)
            for value, gone in zip(values.tolist(), is_missing(values), strict=True)
        ]
        for name, values in table.items()
    }


EXPECTED = {
    "x": [1.5, None, None],
    "n": [1.0, 2.0, 3.0],
    "text": ["a", None, "b"],
    "flag": ["True", "False", "True"],
    "maybe": ["True", None, "False"],
    "Int": [1.0, None, 3.0],
    "day": [True, None, True],
    "gap": [3600.0, None, 10800.0],
    "kind": ["u", None, "v"],
    "nothing": [None, None, None],
}


def test_frames_of_both_libraries_and_arrays_of_objects_give_the_same_columns():
    X = frame()
    assert as_lists(read_table(X)) == EXPECTED
    assert as_lists(read_table(pl.from_pandas(X))) == EXPECTED
    objects = X.drop(columns="gap").to_numpy(object)
    columns = zip(X.drop(columns="gap"), as_lists(read_table(objects)).values(), strict=True)
    assert dict(columns) == {name: EXPECTED[name] for name in EXPECTED if name != "gap"}


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        ([[1, "a"], [2, None]], {0: [1.0, 2.0], 1: ["a", None]}),
        (np.array([["1"], ["b"]]), {0: ["1", "b"]}),
        (np.array([[True], [False]]), {0: ["True", "False"]}),
        (np.array([[1 + 1j], [2]]), {0: ["(1+1j)", "(2+0j)"]}),
        (np.array([[1 + 1j], [None]], dtype=object), {0: ["(1+1j)", None]}),
        (np.array([[10**400], [1]], dtype=object), {0: [str(10**400), "1"]}),
        (np.array([["2024-01-01"], ["NaT"]], dtype="datetime64[D]"), {0: [True, None]}),
        (np.array([[90], ["NaT"]], dtype="timedelta64[s]"), {0: [90.0, None]}),
        ([[datetime.date(2024, 1, 1)], [None]], {0: [True, None]}),
        ([[1], ["a"], [2.0], [NAN]], {0: ["1", "a", "2", None]}),
        (np.zeros((0, 1)), {0: []}),
    ],
)
def test_a_column_of_an_array_is_numbers_times_or_levels(X, expected):
    assert as_lists(read_table(X)) == expected


@pytest.mark.parametrize("X", [["a", "b"], np.zeros(3), [[1], [1, 2]], pd.Series([1.0])])
def test_what_is_no_table_says_so_and_what_to_pass(X):
    with pytest.raises(ValueError, match="^rows is no table of columns: pass"):
        read_table(X, "rows")


def test_names_that_come_twice_are_refused_by_name():
    X = pd.DataFrame(np.zeros((2, 3)), columns=["a", "b", "a"])
    with pytest.raises(ValueError, match="X has several columns called a: rename them"):
        read_table(X)


def test_text_reads_as_numbers_where_all_of_it_does():
    def column(*values):
        return np.array(values, dtype=object)

    np.testing.assert_array_equal(as_numbers(column("1", None, "inf")), [1, NAN, NAN])
    np.testing.assert_array_equal(as_numbers(column("True", "False")), [1, 0])
    assert as_numbers(column("1", "b")) is None
    numbers = np.array([1.0])
    assert as_numbers(numbers) is numbers


def test_a_whole_number_is_the_same_level_whatever_its_type():
    assert as_levels(np.array([1.0, 2.5, NAN])).tolist() == ["1", "2.5", None]
    levels = np.array(["a"], dtype=object)
    assert as_levels(levels) is levels


def test_cells_that_are_arrays_are_levels():
    cells = np.empty((2, 1), dtype=object)
    cells[:, 0] = [np.arange(2), None]
    assert as_lists(read_table(cells)) == {0: ["[0 1]", None]}


def test_tables_are_joined_by_name_and_types_brought_together():
    tables = [read_table(pd.DataFrame(part)) for part in ({"a": [1], "b": [2]}, {"a": ["x"]})]
    assert as_lists(join_tables(tables)) == {"a": ["1", "x"], "b": [2.0, None]}
    day = read_table(pd.DataFrame({"a": pd.to_datetime(["2024-01-01"])}))
    joined = join_tables([tables[0], day])
    assert is_time(joined["a"])
    assert length_of(joined) == 2
    assert length_of({}) == 0
    assert as_lists(take_table(joined, slice(1, None))) == {"a": [True], "b": [None]}
    gap = read_table(pd.DataFrame({"a": [None]}))
    assert is_missing(join_tables([day, gap])["a"]).tolist() == [False, True]
    assert as_lists(join_tables([gap, tables[1]])) == {"a": [None, "x"]}


def test_sparse_rows_stay_sparse_and_take_numbers_in():
    X = sparse.csr_matrix([[0, 1], [2, 0]])
    table, dense = read_table(X), read_table(np.array([[3.0, 0.0]]))
    joined = join_tables([table, dense])
    assert sparse.issparse(joined)
    assert length_of(joined) == 3
    assert take_table(joined, slice(1, 3)).toarray().tolist() == [[2, 0], [3, 0]]
    assert like_table(dense, table).toarray().tolist() == [[3, 0]]
    assert as_lists(like_table(table, dense)) == {0: [0.0, 2.0], 1: [1.0, 0.0]}
    assert like_table(dense, dense) is dense
    with pytest.raises(ValueError, match="sparse rows can only be compared with numbers"):
        as_sparse(read_table([["a"]]))
    with pytest.raises(ValueError, match="no table"):
        read_table(sparse.csr_matrix(X, dtype=complex))


def test_a_column_that_is_not_there_has_no_value():
    assert np.isnan(column_of({"a": np.zeros(3)}, "b")).tolist() == [True] * 3
