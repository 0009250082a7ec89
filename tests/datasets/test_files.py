"""Files, tables and queries as streams: the batches put together are the rows."""

from collections import deque
from operator import length_hint

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from skretrain.datasets import _files, iter_batches, iter_csv, iter_parquet


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(size=250), "b": rng.choice(["x", "y"], 250), "y": rng.integers(0, 2, 250)}
    )


@pytest.fixture(params=["csv", "parquet"])
def read(request, table, tmp_path):
    """Return a function that reads the table from a file of each format."""
    path = tmp_path / f"table.{request.param}"
    if request.param == "csv":
        table.to_csv(path, index=False)
        return lambda **kwargs: iter_csv(path, **kwargs)
    table.to_parquet(path)
    return lambda **kwargs: iter_parquet(path, **kwargs)


def test_batches_put_together_are_the_file(read, table):
    """Rows keep their order, and all but the last batch have the size asked for."""
    batches = list(read(target="y", batch_size=100))
    assert [len(X) for X, _ in batches] == [100, 100, 50]
    X = pd.concat([X for X, _ in batches], ignore_index=True)
    y = pd.concat([y for _, y in batches], ignore_index=True)
    pd.testing.assert_frame_equal(X, table[["a", "b"]])
    pd.testing.assert_series_equal(y, table["y"])


def test_a_target_that_is_not_there_is_named_with_those_that_are(read):
    """The error lists the columns."""
    with pytest.raises(
        ValueError, match=r"target='z' is not a column; there are \['a', 'b', 'y'\]"
    ):
        next(read(target="z"))


def test_only_the_columns_asked_for_are_read(table, tmp_path):
    """``columns`` names features; the target comes along."""
    table.to_parquet(tmp_path / "table.parquet")
    X, y = next(iter_parquet(tmp_path / "table.parquet", target="y", columns=["b"]))
    assert list(X.columns) == ["b"]
    assert len(y) == 250


# -- folders ---------------------------------------------------------------------------------------


def _joined(batches):
    """Return all features, and all targets."""
    Xs, ys = zip(*batches, strict=True)
    return pd.concat(Xs, ignore_index=True), pd.concat(ys, ignore_index=True)


def test_batches_go_on_across_groups_of_rows(table, tmp_path):
    """However a file is laid out, only the last batch is short."""
    table.to_parquet(tmp_path / "table.parquet", row_group_size=70)
    batches = list(iter_parquet(tmp_path / "table.parquet", target="y", batch_size=100))
    assert [len(X) for X, _ in batches] == [100, 100, 50]
    assert all(X.index.equals(pd.RangeIndex(len(X))) for X, _ in batches)
    X, y = _joined(batches)
    pd.testing.assert_frame_equal(X.assign(y=y), table)


@pytest.mark.parametrize("batch_size", [1, 30, 100, 1000])
def test_a_folder_is_read_in_the_order_of_the_numbers_in_its_names(batch_size, table, tmp_path):
    """Month 10 comes after month 9, and is a column; other files are left alone."""
    months = np.arange(250) // 25 + 1
    for month in range(10, 0, -1):
        folder = tmp_path / f"month={month}"
        folder.mkdir()
        for part, rows in enumerate(np.array_split(np.flatnonzero(months == month), 3)):
            table.iloc[rows].to_parquet(folder / f"part{part}.parquet", index=False)
    (tmp_path / "_log").mkdir()
    table.to_parquet(tmp_path / "_log" / "checkpoint.parquet")
    (tmp_path / "_SUCCESS").touch()
    table.to_parquet(tmp_path / ".part.parquet")
    batches = iter_parquet(tmp_path, target="y", batch_size=batch_size)
    assert length_hint(batches) == -(-250 // batch_size)
    X, y = next(batches)
    assert length_hint(batches) == -(-250 // batch_size) - 1
    assert length_hint(iter_batches(tmp_path / "month=1", target="y")) == 1
    assert length_hint(iter_batches(tmp_path / "month=1/part0.parquet", target="y")) == 1
    assert len(X) == min(batch_size, 250)
    X, y = _joined([(X, y), *batches])
    assert X.pop("month").tolist() == months.tolist()
    pd.testing.assert_frame_equal(X.assign(y=y), table)


def test_a_column_that_came_later_is_missing_before(tmp_path):
    """Files of a folder have the columns of all, of types that hold the values of all."""
    pd.DataFrame({"a": [1, 2], "y": [0, 1]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"a": [0.5], "new": [3.0], "y": [0]}).to_parquet(tmp_path / "2.parquet")
    ((X, _),) = iter_parquet(tmp_path, target="y")
    assert X["a"].tolist() == [1.0, 2.0, 0.5]
    assert X["new"].isna().tolist() == [True, True, False]


def test_files_that_do_not_go_together_are_refused_before_the_first_row(tmp_path):
    """Text cannot become a number on the way."""
    pd.DataFrame({"a": [1], "y": [0]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"a": ["x"], "y": [0]}).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(ValueError, match="columns whose types do not go together: "):
        next(iter_parquet(tmp_path, target="y"))


def test_a_folder_without_files_is_refused(tmp_path):
    """The error names it."""
    with pytest.raises(ValueError, match=r"has no \.parquet or \.pq file"):
        next(iter_parquet(tmp_path, target="y"))


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "many", True])
def test_a_batch_size_that_is_none_is_refused(batch_size, table, tmp_path):
    """Wherever rows come from."""
    table.to_parquet(tmp_path / "table.parquet")
    for source in (tmp_path / "table.parquet", table):
        with pytest.raises(ValueError, match="is no number of rows: pass an int from 1 on"):
            list(iter_batches(source, target="y", batch_size=batch_size))


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ("b", r"pass a list of names, \['b'\]"),
        (5, "columns=5: pass a list of names, or None"),
        ([["b"]], "pass a list of names, or None"),
        (["b", "b"], "has a feature twice"),
        (["b", "y"], "has the target 'y': name features"),
    ],
)
def test_features_are_a_list_without_the_target(columns, error, table, tmp_path):
    """A model that is shown the target is always right."""
    table.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(ValueError, match=error):
        next(iter_parquet(tmp_path / "table.parquet", target="y", columns=columns))
    with pytest.raises(ValueError, match=error):
        next(iter_batches(table, target="y", columns=columns))


def test_targets_that_are_kept_do_not_keep_what_was_read_with_them(tmp_path):
    """Features and targets of one type are one block of memory; many batches come of one."""
    numbers = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=["a", "b", "y"])
    numbers.to_parquet(tmp_path / "numbers.parquet")
    for X, y in iter_parquet(tmp_path / "numbers.parquet", target="y", batch_size=100):
        assert not np.shares_memory(X["a"].to_numpy(), y.to_numpy())
        assert y.to_numpy().base is None or len(y.to_numpy().base) == 100


@pytest.mark.no_cover
def test_a_file_ten_times_as_long_takes_no_more_memory(tmp_path):
    """What was read is let go: nothing that Arrow holds grows with the rows."""
    values = pa.table({name: np.random.default_rng(0).normal(size=100_000) for name in "aby"})
    peaks = []
    for n_groups in (3, 30):
        path = tmp_path / f"{n_groups}.parquet"
        with pq.ParquetWriter(path, values.schema) as writer:
            for _ in range(n_groups):
                writer.write_table(values)
        held = 0
        for _ in iter_parquet(path, target="y", batch_size=20_000):
            held = max(held, pa.total_allocated_bytes())
        peaks.append(held)
    assert peaks[1] <= 1.1 * peaks[0]


# -- tables and queries ----------------------------------------------------------------------------


def _sources(table, path):
    """Return the table as each thing that holds rows."""
    arrow = pa.Table.from_pandas(table)
    return {
        "path": path,
        "text of a path": str(path),
        "pandas": table,
        "polars": pl.DataFrame(table),
        "lazy": pl.scan_parquet(path),
        "arrow": arrow,
        "batch": arrow.to_batches()[0],
        "reader": arrow.to_reader(max_chunksize=70),
        "dataset": ds.dataset(path),
        "table as a dataset": ds.dataset(arrow),
        "scanner": ds.dataset(path).scanner(),
        "capsule": Exporter(arrow),
    }


class Exporter:
    """Something of another library that exports a stream of Arrow."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


SOURCES = (
    *("path", "text of a path", "pandas", "polars", "lazy", "arrow", "batch", "reader"),
    *("dataset", "table as a dataset", "scanner", "capsule"),
)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("columns", [None, ["b"]])
def test_whatever_holds_the_rows_gives_the_same_batches(name, columns, table, tmp_path):
    """Frames of polars stay what they are, all else comes as frames of pandas."""
    table.to_parquet(tmp_path / "table.parquet")
    source = _sources(table, tmp_path / "table.parquet")[name]
    batches = list(iter_batches(source, target="y", batch_size=100, columns=columns))
    assert [len(X) for X, _ in batches] == [100, 100, 50]
    is_polars = name in ("polars", "lazy")
    assert all(isinstance(X, pl.DataFrame if is_polars else pd.DataFrame) for X, _ in batches)
    if is_polars:
        batches = [(X.to_pandas(), y.to_pandas()) for X, y in batches]
    X, y = _joined(batches)
    pd.testing.assert_frame_equal(X, table[columns or ["a", "b"]], check_dtype=not is_polars)
    assert y.tolist() == table["y"].tolist()


def test_tables_one_after_the_other_are_cut_each_by_itself(table, tmp_path):
    """A day stays a day: no batch joins rows of two parts, which may be of any kind."""
    table.to_parquet(tmp_path / "table.parquet")
    parts = [table[:150], tmp_path / "table.parquet", pl.DataFrame(table[:30])]
    batches = list(iter_batches(iter(parts), target="y", batch_size=100))
    assert [len(X) for X, _ in batches] == [100, 50, 100, 100, 50, 30]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz"])
def test_text_is_told_by_the_name_of_the_file(suffix, table, tmp_path):
    """Compressed or not."""
    table.to_csv(tmp_path / f"t.{suffix}", index=False, sep="\t" if "tsv" in suffix else ",")
    X, y = _joined(iter_batches(tmp_path / f"t.{suffix}", target="y", batch_size=100))
    pd.testing.assert_frame_equal(X.assign(y=y), table)
    ((X, _),) = iter_batches(tmp_path / f"t.{suffix}", target="y", columns=iter(["b"]))
    assert list(X.columns) == ["b"]


def test_parquet_that_was_a_text_before_is_parquet(table, tmp_path):
    """By the end of its name, not by what stands before."""
    table.to_parquet(tmp_path / "t.csv.parquet")
    X, y = _joined(iter_batches(tmp_path / "t.csv.parquet", target="y", batch_size=100))
    pd.testing.assert_frame_equal(X.assign(y=y), table)


def test_a_batch_may_join_what_a_query_gave_in_parts(table):
    """However many rows a query gives at a time."""
    parts = [pl.DataFrame(table[:70]), pl.DataFrame(table[70:])]
    batches = list(_files._cut(parts, "y", 100))
    assert [len(X) for X, _ in batches] == [100, 100, 50]
    assert pl.concat([X for X, _ in batches])["a"].to_list() == table["a"].tolist()
    assert len(parts[0]) == 70


def test_an_index_with_a_name_stays_with_its_rows(table, tmp_path):
    """As pandas stores it."""
    table.index = pd.date_range("2024-01-01", periods=250, name="day")
    table.to_parquet(tmp_path / "table.parquet", row_group_size=70)
    batches = list(iter_parquet(tmp_path / "table.parquet", target="y", batch_size=100))
    assert [len(X) for X, _ in batches] == [100, 100, 50]
    assert [X.index[0] for X, _ in batches] == [table.index[n] for n in (0, 100, 200)]


def test_an_index_that_is_asked_for_is_a_column(table, tmp_path):
    """It is one in the file, as a feature and as the target."""
    table.set_index("y").to_parquet(tmp_path / "table.parquet")
    X, y = next(iter_parquet(tmp_path / "table.parquet", target="y"))
    assert (list(X.columns), y.tolist()) == (["a", "b"], table["y"].tolist())
    X, _ = next(iter_parquet(tmp_path / "table.parquet", target="a", columns=["y"]))
    assert X["y"].tolist() == table["y"].tolist()


@pytest.mark.parametrize("name", SOURCES)
def test_a_column_that_is_not_there_is_named_whatever_it_is_asked_of(name, table, tmp_path):
    """The target, or a feature: nothing is left out in silence."""
    table.to_parquet(tmp_path / "table.parquet")
    for options, error in [
        ({"target": "z"}, "target='z' is not a column; there are"),
        ({"target": "y", "columns": ["b", "c"]}, "columns='c' is not a column; there are"),
    ]:
        source = _sources(table, tmp_path / "table.parquet")[name]
        with pytest.raises(ValueError, match=error):
            next(iter_batches(source, **options))


@pytest.mark.parametrize(
    "source",
    [3, [1, 2], {"a": 1}, (pd.DataFrame({"y": [0]}), [0]), [[1]], b"t.csv", np.zeros((2, 2))],
)
def test_what_holds_no_rows_is_refused_with_what_does(source):
    """Numbers have no columns; batches need no loader."""
    given = type(source).__name__.replace("list", "int")
    with pytest.raises(TypeError, match=f"a {given} holds no rows with names: pass a path"):
        next(iter_batches(source, target="y"))


def test_a_reader_is_not_read_further_than_asked(table):
    """A stream may have no end."""
    given = []

    def batches():
        for part in pa.Table.from_pandas(table).to_batches(max_chunksize=50):
            given.append(part)
            yield part

    schema = pa.Table.from_pandas(table).schema
    endless = pa.RecordBatchReader.from_batches(schema, batches())
    next(iter_batches(endless, target="y", batch_size=50))
    assert len(given) <= 2


def test_features_come_in_the_order_in_which_they_are_asked_for(table, tmp_path):
    """Of text as of everything else: a model that goes by position would mistake them."""
    table = table.assign(c=1.0)
    table.to_parquet(tmp_path / "table.parquet")
    table.to_csv(tmp_path / "table.csv", index=False)
    for source in (
        tmp_path / "table.csv",
        tmp_path / "table.parquet",
        table,
        pl.from_pandas(table),
    ):
        X, _ = next(iter_batches(source, target="y", columns=("c", "a")))
        assert list(X.columns) == ["c", "a"]
        with pytest.raises(ValueError, match="has a feature twice: name each once"):
            next(iter_batches(source, target="y", columns=["a", "a"]))
        with pytest.raises(ValueError, match="columns='z' is not a column; there are"):
            next(iter_batches(source, target="y", columns=["a", "z"]))
    X, _ = next(iter_parquet(tmp_path / "table.parquet", target="y", columns=("c", "a")))
    assert list(X.columns) == ["c", "a"]


def test_a_name_that_several_columns_have_is_refused(table):
    """Else the target were a table."""
    twice = pd.concat([table, table[["y"]]], axis=1)
    with pytest.raises(ValueError, match="target='y' is the name of several columns"):
        next(iter_batches(twice, target="y"))


@pytest.mark.parametrize("kind", [pd.Series, pl.Series])
def test_a_column_alone_is_no_table(kind):
    """It is told as what holds no rows is."""
    with pytest.raises(TypeError, match="a Series holds no rows with names: pass a path"):
        next(iter_batches(kind([1.0, 2.0]), target="y"))


@pytest.mark.parametrize("read", [iter_csv, iter_parquet])
@pytest.mark.parametrize("path", ["", None, 3, ["a.csv"], b"a.csv"])
def test_what_is_no_path_is_refused_by_name(read, path, table, tmp_path, monkeypatch):
    """An empty one is not the folder one happens to be in."""
    table.to_parquet(tmp_path / "table.parquet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"{read.__name__}\(path=.*\): path must be a path"):
        list(read(path, target="y"))


def _cut_in_half(table, path):
    """Rows of three groups, of which those of the second are spoilt."""
    table.to_parquet(path, row_group_size=100)
    content = bytearray(path.read_bytes())
    start = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    content[start : start + 60] = bytes(60)
    path.write_bytes(content)


BROKEN = {
    "empty.csv": lambda table, path: path.write_bytes(b""),
    "long.csv": lambda table, path: path.write_text("a,y\n1,0\n2,1\n3,0,5\n"),
    "latin.csv": lambda table, path: path.write_bytes(b"a,y\nM\xfcnchen,0\n"),
    "no.csv.gz": lambda table, path: path.write_text("a,y\n1,0\n"),
    "empty.parquet": lambda table, path: path.write_bytes(b""),
    "text.parquet": lambda table, path: path.write_text("a,y\n1,0\n"),
    "spoilt.parquet": _cut_in_half,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_named(name, table, tmp_path):
    """Libraries say what is wrong, and not with which of a thousand files."""
    BROKEN[name](table, tmp_path / name)
    for read in (list, deque):  # a list asks how long it will be, before
        with pytest.raises((OSError, ValueError), match=rf"{name} could not be read: \S"):
            read(iter_batches(tmp_path / name, target="y", batch_size=1))


def test_a_file_that_is_not_there_is_told_as_such(tmp_path):
    for name in ("day.csv", "day.parquet"):
        with pytest.raises(FileNotFoundError, match=name):
            next(iter_batches(tmp_path / name, target="y"))


def test_a_text_without_rows_has_no_batches_and_a_size_that_is_none_is_named(tmp_path):
    """As with Parquet: an empty day is no day."""
    (tmp_path / "day.csv").write_text("a,y\n")
    assert list(iter_csv(tmp_path / "day.csv", target="y")) == []
    with pytest.raises(ValueError, match="batch_size=0 is no number of rows"):
        next(iter_csv(tmp_path / "day.csv", target="y", batch_size=0))
    with pytest.raises(TypeError, match="pass batch_size for chunksize"):
        next(iter_csv(tmp_path / "day.csv", target="y", chunksize=10))


@pytest.mark.parametrize("own", [1, "y", pd.Timestamp("2024-01-01")])
def test_a_column_of_the_files_is_not_read_from_the_names_of_folders(own, tmp_path):
    """Many tools write it to both places, there with its type; others are read from folders."""
    for day, a in (("x", 1), ("y", 2)):
        folder = tmp_path / f"day={day}" / "shop=3"
        folder.mkdir(parents=True)
        pd.DataFrame({"day": [own], "y": [a]}).to_parquet(folder / "1.parquet")
    (tmp_path / "day=z" / "shop=4").mkdir(parents=True)
    pd.DataFrame({"y": [3]}).to_parquet(tmp_path / "day=z" / "shop=4" / "1.parquet")
    ((X, y),) = iter_parquet(tmp_path, target="y")
    assert X["day"].head(2).tolist() == [own] * 2
    assert X["day"].isna().tolist() == [False, False, True]
    assert X["shop"].tolist() == [3, 3, 4]
    assert y.tolist() == [1, 2, 3]


def test_columns_whose_types_do_not_go_together_are_refused_with_the_folder(tmp_path):
    for name, value in (("1", 1), ("2", "text")):
        pd.DataFrame({"m": [value], "y": [0]}).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(ValueError, match="columns whose types do not go together: "):
        next(iter_parquet(tmp_path, target="y"))
