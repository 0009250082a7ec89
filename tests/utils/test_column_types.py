"""What becomes of a column whose type is known when it comes in another one."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skretrain.buffers import SlidingWindow
from skretrain.utils._containers import ColumnTypes, concat_rows, fit_together
from skretrain.utils._containers._pandas_types import _pandas
from skretrain.utils._containers._rows import column_types


def test_pandas_is_kept_once_it_is_found():
    """Asked past the cache: in this process, another test may have been the first to ask."""
    assert _pandas.__wrapped__() is _pandas() is pd


def aligned(known, values, **options):
    return ColumnTypes.of([known]).aligned(values, **options)


@pytest.mark.parametrize("repeat", [1, 2])
def test_the_types_of_columns_are_those_that_pandas_tells(repeat):
    """They are asked of its blocks: the order is that of the columns, twins included."""
    parts = {"n": [1], "x": [0.5], "m": [2], "t": ["a"], "o": [None], "b": [True]}
    frame = pd.DataFrame(parts).assign(c=pd.Categorical(["x"]), d=pd.Timestamp("2026-01-01"))
    frame = pd.concat([frame] * repeat, axis=1)
    assert column_types(frame) == tuple(frame.dtypes)
    assert column_types(frame.iloc[:0, ::-1]) == tuple(frame.dtypes)[::-1]
    assert column_types(frame.iloc[:, :0]) == ()
    assert column_types(frame.iloc[:, 1]) == (np.dtype(float),)


def test_rows_of_the_same_types_are_returned_as_they_are():
    """The usual batch costs a comparison, no copy."""
    for frame in (pd.DataFrame({"a": [1], "b": ["x"]}), pl.DataFrame({"a": [1], "b": ["x"]})):
        types = ColumnTypes.of([frame])
        assert types.aligned(frame) is frame
        assert types.after(frame) is types
        assert types.aligned(frame[:0]).shape == (0, 2)


def test_what_is_no_frame_or_another_one_is_none_of_its_business():
    frame = pd.DataFrame({"a": [1]})
    assert ColumnTypes.of([np.zeros((2, 1))]) is None
    others = (frame.rename(columns={"a": "b"}), pl.DataFrame({"a": [1.0]}), frame["a"], np.ones(1))
    types = ColumnTypes.of([frame])
    for other in others:
        assert types.aligned(other) is other
        assert types.after(other) is types


def test_rows_are_not_written_to():
    frame = pd.DataFrame({"a": pd.Series([None, None], dtype=object), "b": [1, 2]})
    before = frame.copy()
    rows = aligned(pd.DataFrame({"a": [1.0], "b": [1]}), frame)
    assert rows["a"].dtype == np.float64
    pd.testing.assert_frame_equal(frame, before)
    assert np.shares_memory(rows["b"].to_numpy(), frame["b"].to_numpy())


def test_an_index_and_columns_of_one_name_do_not_matter():
    known = pd.DataFrame([[1, 2.0]], columns=["a", "a"])
    rows = aligned(known, pd.DataFrame([[1.5, 2]], columns=["a", "a"], index=[7]))
    assert rows.dtypes.tolist() == [np.float64, np.float64]
    assert rows.index.tolist() == [7]


ZONED = pd.Series(pd.to_datetime(["2024-01-01"])).dt.tz_localize("Asia/Tokyo")
SAME = pd.CategoricalDtype(["b", "a"])


@pytest.mark.parametrize(
    ("known", "values", "expected"),
    [
        # Levels, in order of appearance; only those that occur, and codes that stay.
        (pd.Series(["b"], dtype=SAME), pd.Series(["a"], dtype="category"), SAME),
        (pd.Series(["b"], dtype=SAME), pd.Categorical(["a"], categories=["z", "a"]), SAME),
        (pd.Series(["b"], dtype=SAME), pd.Categorical(["a"], categories=["a", "b"]), SAME),
        (pd.Series(["b"], dtype=SAME), pd.Categorical(["c", None]), pd.CategoricalDtype([*"bac"])),
        (pd.Series(["b"], dtype=SAME), [2.0, None, 1.5], pd.CategoricalDtype([*"ba", "2", "1.5"])),
        (pd.Series([True], dtype="category"), ["x"], pd.CategoricalDtype([True, "x"])),
        (pd.Series([2, 1]).astype("category"), ["1"], pd.CategoricalDtype([1, 2])),
        (pd.Series([2, 1]).astype("category"), ["x"], pd.CategoricalDtype(["1", "2", "x"])),
        (pd.Series([2, 1]).astype("category"), [1.5], pd.CategoricalDtype([1, 2, 1.5])),
        (pd.Series([None], dtype="category"), ["x"], pd.CategoricalDtype(["x"])),
        (pd.Series(["b"], dtype=SAME), [], SAME),
        # Numbers and flags.
        (pd.Series([1], dtype="int8"), pd.Series([1], dtype="int64"), "int64"),
        (pd.Series([1], dtype="int8"), pd.Series([1.0], dtype="float32"), "float32"),
        (pd.Series([True]), [1], "int64"),
        (pd.Series([1]), [None], "float64"),
        (pd.Series([1]), pd.Series([2, None], dtype=object), "float64"),
        (pd.Series([1]), pd.Series([2, 3], dtype=object), "int64"),
        (pd.Series([1], dtype="Int64"), [2.5], "Float64"),
        (pd.Series([True], dtype="boolean"), [None], "boolean"),
        (pd.Series([1]), pd.Series([1], dtype="category"), "int64"),
        (pd.Series([1]), ["x"], "object"),
        (pd.Series([None], dtype=object), [True], "float64"),
        (pd.Series([np.nan]), pd.Series([2], dtype="Int64"), "Int64"),
        # Text and times.
        (pd.Series(["x"], dtype="str"), pd.Series(["y", None], dtype=object), "str"),
        (pd.Series(["x"], dtype="str"), pd.Series(["y", 1], dtype=object), "object"),
        (pd.Series(["x"], dtype="str"), [1], "object"),
        (pd.Series(["x"], dtype=object), pd.Series(["y"], dtype="str"), "object"),
        (pd.Series(pd.to_datetime(["2024"])), ["x"], "object"),
        (ZONED, ZONED.dt.tz_convert("UTC"), ZONED.dtype),
        (ZONED.dt.tz_localize(None), ZONED, ZONED.dt.tz_localize(None).dtype),
        (pd.Series(pd.to_timedelta([1], "s")), pd.to_timedelta([1], "ns"), "timedelta64[ns]"),
        (
            pd.Series(pd.to_datetime(["2024"])).dt.as_unit("s"),
            pd.Series(pd.to_datetime(["2024"])).dt.as_unit("ms"),
            "datetime64[ms]",
        ),
    ],
)
def test_a_column_of_pandas(known, values, expected):
    """Values are those that came, or the same ones in the words of the known type."""
    values = pd.Series(values)
    for kind in (pd.Series, pd.DataFrame):
        one, other = (x if kind is pd.Series else x.to_frame("a") for x in (known, values))
        types = ColumnTypes.of([one])
        rows = types.aligned(other)
        column = rows if kind is pd.Series else rows["a"]
        assert column.dtype == expected
        if isinstance(expected, pd.CategoricalDtype):
            assert column.cat.categories.tolist() == expected.categories.tolist()
        assert column.isna().tolist() == values.isna().tolist()
        grown = types.after(rows)
        assert grown.matches(rows)
        assert grown.aligned(rows) is rows
        # What is remembered can be read in the new types, and both can be joined.
        assert grown.aligned(one).dtypes is not None
        joined = concat_rows([one, other])
        assert len(joined) == len(one) + len(other)
        assert grown.matches(joined) or not len(values)


def test_clocks_that_were_changed_lose_no_row():
    """An hour that was there twice, or never, in the zone that is known."""
    clock = pd.Series(pd.to_datetime(["2024-03-31 02:30", "2024-10-27 02:30"]))
    known = clock.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    hours = aligned(known, clock).dt.tz_convert("UTC").dt.hour.tolist()
    assert hours == [1, 0]
    clock, known = pl.Series("t", clock.to_numpy()), pl.Series("t", known.dt.tz_convert("UTC"))
    known = known.dt.convert_time_zone("Europe/Berlin")
    assert aligned(known, clock).dt.convert_time_zone("UTC").dt.hour().to_list() == [1, 0]


def test_levels_that_are_numbers_stay_numbers_for_a_model_that_knows_no_others():
    known = pd.Series([3, 7], dtype="category")
    values = pd.Series(["7", "x", None], dtype="category")
    kept = aligned(known, values, keep_levels=True)
    assert kept.cat.categories.tolist() == [3, 7, "x"]
    assert kept.cat.codes.tolist() == [1, 2, -1]
    types = ColumnTypes.of([known.to_frame("a")])
    assert types.recoded(types.aligned(values.to_frame("a"))) == ["a"]
    assert types.recoded(types.aligned(values.to_frame("a"), keep_levels=True)) == []


DAY = datetime.date(2024, 1, 1)
NOON = datetime.datetime(2024, 1, 1, 12)


@pytest.mark.parametrize(
    ("known", "values", "expected"),
    [
        (pl.Series(["b"], dtype=pl.Enum([*"ba"])), ["a", None], pl.Enum([*"ba"])),
        (pl.Series(["b"], dtype=pl.Enum([*"ba"])), ["c"], pl.Enum([*"bac"])),
        (pl.Series(["b"], dtype=pl.Enum([*"ba"])), [1], pl.Enum([*"ba1"])),
        (pl.Series(["b"], dtype=pl.Categorical), ["c"], pl.Categorical()),
        (pl.Series(["b"], dtype=pl.Enum([*"ba"])), [None], pl.Enum([*"ba"])),
        (pl.Series([None]), ["c"], pl.String()),
        (pl.Series([1]), [None], pl.Int64()),
        (pl.Series([1]), [1.5], pl.Float64()),
        (pl.Series(["b"]), pl.Series(["c"], dtype=pl.Categorical), pl.String()),
        (pl.Series([DAY]), [NOON], pl.Datetime("us")),
        (pl.Series([NOON]), pl.Series([NOON]).dt.replace_time_zone("UTC"), pl.Datetime("us")),
        (pl.Series([NOON]), pl.Series([NOON]).dt.cast_time_unit("ns"), pl.Datetime("ns")),
        (
            pl.Series([NOON]).dt.replace_time_zone("Asia/Tokyo"),
            pl.Series([NOON]).dt.replace_time_zone("UTC"),
            pl.Datetime("us", "Asia/Tokyo"),
        ),
    ],
)
def test_a_column_of_polars(known, values, expected):
    values = pl.Series(values)
    for kind in (pl.Series, pl.DataFrame):
        one, other = (x if kind is pl.Series else x.to_frame("a") for x in (known, values))
        types = ColumnTypes.of([one])
        rows = types.aligned(other)
        column = rows if kind is pl.Series else rows["a"]
        assert column.dtype == expected
        assert column.null_count() == values.null_count()
        assert types.after(rows).aligned(rows) is rows
        joined = concat_rows([one, other])
        assert (joined if kind is pl.Series else joined["a"]).dtype == expected


@pytest.mark.parametrize("values", [["x"], pl.Series([[1]])])
def test_a_column_of_polars_that_cannot_be_joined_is_refused_by_the_join_alone(values):
    """Asked for a prediction, it is for the model to say what it makes of it."""
    known, values = pl.DataFrame({"a": [1]}), pl.DataFrame({"a": pl.Series(values)})
    assert aligned(known, values)["a"].dtype == values["a"].dtype
    with pytest.raises(ValueError, match="pass the same types with every batch"):
        fit_together(known[:0], [known], values)


def test_a_column_that_was_missing_so_far_takes_the_type_of_the_first_values():
    nothing = pd.DataFrame({"a": [np.nan, np.nan], "b": [1.0, np.nan]})
    types = ColumnTypes.of([nothing])
    assert types.undecided == {0}
    assert types.after(nothing) is types
    rows = types.aligned(pd.DataFrame({"a": pd.Categorical(["x"]), "b": ["text"]}))
    assert rows.dtypes.tolist() == [pd.CategoricalDtype(["x"]), np.dtype(object)]
    assert types.after(rows).undecided == frozenset()
    assert types.after(nothing.fillna(0)).undecided == frozenset()


# -- nothing is lost, and nothing raises -----------------------------------------------------------


def objects(values):
    return pd.Series(values, dtype=object)


def category(values, **options):
    return pd.Series(pd.Categorical(values, **options))


def far(kind):
    """A time or a duration that nanoseconds do not reach."""
    values = {"datetime64[s]": "9999-12-31", "timedelta64[s]": 10**11}
    return pd.Series(np.array([values[kind], None], dtype=kind))


NEAR = pd.Series(pd.to_datetime(["2024-01-01", None]))
SHORT = pd.Series(pd.to_timedelta([1, None], "s"))
CUT = [pd.Series(pd.cut(np.array(values), 2)) for values in ([0, 1, 2.0], [0.5, 1.5, 3.0])]
ANYTHING = {
    "whole": pd.Series([1, 0]),
    "gaps": pd.Series([1, None], dtype="Int64"),
    "decimal": pd.Series([0.5, None]),
    "flag": pd.Series([True, False]),
    "NA": objects([1, pd.NA]),
    "NA flag": objects([True, pd.NA]),
    "NA decimal": objects([0.5, pd.NA]),
    "text": pd.Series(["1", "a"]),
    "whole level": category([1, 0]),
    "decimal level": category([0.0, 0.5, None]),
    "huge level": category([2**53 + 1, -1]),
    "flag level": category([True, False]),
    "text level": category(["1", "x", None]),
    "time level": category(pd.to_datetime(["2024-01-01", "2024-01-02"])),
    "rank": category(["x", "1"], categories=["x", "1"], ordered=True),
    "cut": CUT[0],
    "other cut": CUT[1],
    "cut as text": CUT[0].astype(str).astype("category"),
    "time": NEAR,
    "fine time": NEAR.astype("datetime64[ns]"),
    "far time": far("datetime64[s]"),
    "zoned": ZONED,
    "day of Arrow": NEAR.astype("date32[pyarrow]"),
    "time of Arrow": NEAR.astype("timestamp[ns][pyarrow]"),
    "duration": SHORT.astype("timedelta64[ns]"),
    "far duration": far("timedelta64[s]"),
    "duration of Arrow": SHORT.astype("duration[ns][pyarrow]"),
    "coarse duration of Arrow": SHORT.astype("duration[s][pyarrow]"),
    "month": pd.Series(pd.period_range("2024", periods=2, freq="M")),
    "list": objects([[1], None]),
    "dictionary": objects([{"a": 1}, {}]),
    "nothing": objects([None, None]),
}


def is_kept(value, before):
    """Whether a value is the one that came, or what stands for it in a file."""
    if str(value) == str(before) or str(value)[:10] == str(before)[:10]:
        return True
    return value == before or str(value) == str(int(before))


@given(st.lists(st.sampled_from(sorted(ANYTHING)), min_size=2, max_size=4))
@example(["flag level", "whole level"])
@example(["cut", "other cut", "cut as text"])
@example(["whole", "NA"])
@example(["day of Arrow", "time"])
@example(["fine time", "far time", "fine time"])
@example(["far duration", "duration"])
@example(["duration", "duration of Arrow", "duration"])
@example(["coarse duration of Arrow", "duration"])
@example(["text level", "list"])
@example(["huge level", "decimal level", "huge level"])
@example(["huge level", "rank"])
def test_no_value_is_lost_whatever_comes_after_whatever(names):
    """Neither on the way to a model nor in memory; what cannot be brought over stays as it came."""
    parts = [ANYTHING[name].to_frame("a") for name in names]
    types, buffer = ColumnTypes.of(parts[:1]), SlidingWindow(max_rows=100)
    buffer.reset()
    for number, part in enumerate(parts):
        for rows in (types.aligned(part), types.aligned(part, keep_levels=True)):
            assert rows["a"].isna().tolist() == part["a"].isna().tolist()
            present = rows["a"].notna()
            assert all(map(is_kept, rows["a"][present], part["a"][present]))
        types = types.after(types.aligned(part))
        buffer.add(part, None, {}, 10 * number)
    came = [missing for part in parts for missing in part["a"].isna()]
    assert buffer.latest().X["a"].isna().tolist() == came
    assert concat_rows(parts)["a"].isna().tolist() == came


@pytest.mark.parametrize(("known", "came"), [
    ([False, True], [0, 1]),
    ([0, 1], [False, True]),
    ([False, True], [0.0, 1.0]),
    ([False, True, "x"], [1, 0]),
])  # fmt: skip
def test_levels_that_are_equal_are_the_same_level(known, came):
    """1, 1.0 and True are, in pandas and in encoders; no level is new, no code another."""
    dtype = pd.CategoricalDtype(known)
    rows = aligned(pd.Series(known, dtype=dtype), category(came))
    assert rows.dtype is dtype
    assert rows.tolist() == came


def test_a_level_is_never_rounded():
    rows = aligned(category([2**53 + 1]), category([0.5]))
    assert rows.cat.categories.tolist() == [2**53 + 1, 0.5]


@pytest.mark.parametrize(("known", "expected"), [
    ([1], np.dtype(float)), ([True], np.dtype(float)), ([0.5], np.dtype(float)),
    (pd.array([1], dtype="Int64"), pd.Int64Dtype()),
])  # fmt: skip
def test_objects_with_the_gap_of_pandas_are_numbers(known, expected):
    rows = aligned(pd.Series(known), objects([1, pd.NA]))
    assert rows.dtype == expected
    assert rows.isna().tolist() == [False, True]


def test_intervals_are_levels_also_where_they_overlap_and_as_their_text():
    """Each batch may be cut by itself, and be written to a file in between."""
    types = ColumnTypes.of([CUT[0]])
    rows = types.aligned(CUT[1])
    both = [*CUT[0].cat.categories, *CUT[1].cat.categories]
    assert rows.cat.categories.tolist() == both
    assert rows.tolist() == CUT[1].tolist()
    types = types.after(rows)
    assert types.matches(rows)
    assert types.matches(types.aligned(CUT[0]))
    assert types.recoded(rows) == []
    text = aligned(CUT[0], CUT[0].astype(str).astype("category"))
    assert text.tolist() == CUT[0].tolist()
    words = aligned(CUT[0], pd.Series([str(both[1]), "other"]))
    assert words.cat.categories.tolist() == [str(both[0]), str(both[1]), "other"]
    kept = aligned(CUT[0], pd.Series([str(both[1]), "other"]), keep_levels=True)
    assert kept.cat.codes.tolist() == [1, 2]


def test_what_cannot_be_brought_over_is_joined_as_objects():
    """The model gets times as they came; in memory both stand next to each other."""
    known, late = ANYTHING["fine time"], far("datetime64[s]")
    assert aligned(known, late) is not late
    pd.testing.assert_series_equal(aligned(known, late), late)
    types = ColumnTypes.of([known])
    assert types.after(late).like.dtypes.tolist() == [np.dtype(object)]
    for one, other in ((known, late), (late, known)):
        joined = concat_rows([one, other])
        assert joined.dtype == object
        assert joined[joined.notna()].tolist() == [*one.dropna(), *other.dropna()]


# -- ranks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "came", "levels", "is_ordered"),
    [
        ("lh", "lmh", "lmh", True),  # the sender knows where the new one stands
        ("lmh", "lh", "lmh", True),
        ("lh", "lht", "lht", True),
        ("lh", "hl", "lh", False),  # they contradict each other
        ("lh", "lm", "lhm", False),  # nobody says whether m is above h
        ("lmh", "hm", "lmh", False),
    ],
)
def test_an_order_is_kept_where_one_holds_the_other_and_is_dropped_otherwise(
    known, came, levels, is_ordered
):
    known = category([*known], categories=[*known], ordered=True)
    came = category([*came], categories=[*came], ordered=True)
    rows = aligned(known, came)
    assert rows.dtype == pd.CategoricalDtype([*levels], ordered=is_ordered)
    assert rows.tolist() == came.tolist()
    types = ColumnTypes.of([known])
    known_first = [*levels[: len(known)]] == known.cat.categories.tolist()
    assert types.recoded(rows) == ([] if known_first else ["values"])
    assert types.after(rows).matches(concat_rows([known, came]))


def test_text_without_an_order_does_not_make_one_up():
    known = category(["l", "h"], categories=["l", "h"], ordered=True)
    assert aligned(known, pd.Series(["h"])).dtype is known.dtype
    assert not aligned(known, pd.Series(["m"])).cat.ordered
    assert not aligned(known.cat.as_unordered(), known).cat.ordered


# -- polars ----------------------------------------------------------------------------------------

LATE = datetime.datetime(9999, 1, 1)


@pytest.mark.parametrize(
    ("known", "values"),
    [
        (pl.Series([NOON], dtype=pl.Datetime("ns")), pl.Series([LATE], dtype=pl.Datetime("us"))),
        (pl.Series(["a"], dtype=pl.Categorical), pl.Series([[1]])),
        (pl.Series(["a"], dtype=pl.Categorical), pl.Series([b"\xff"])),
        (pl.Series(["a"], dtype=pl.Categorical), pl.Series([object()], dtype=pl.Object)),
    ],
)
def test_a_column_of_polars_that_cannot_be_brought_over_stays_as_it_came(known, values):
    known, values = known.to_frame("a"), values.to_frame("a")
    types = ColumnTypes.of([known])
    assert types.aligned(values)["a"].dtype == values["a"].dtype
    assert types.strangers(values) == [0]
    assert types.joinable(values)["a"].dtype == values["a"].dtype


def test_times_far_from_ours_are_remembered_whatever_unit_comes_next():
    fine = pl.Series("a", [NOON], dtype=pl.Datetime("ns"))
    late = pl.Series("a", [LATE], dtype=pl.Datetime("us"))
    for kind in (pl.Series.to_frame, pl.Series):
        buffer = SlidingWindow(max_rows=100)
        buffer.reset()
        for number, part in enumerate((late, fine, late, fine)):
            buffer.add(kind(part), None, {}, number)
        memory = buffer.latest().X
        memory = memory if isinstance(memory, pl.Series) else memory["a"]
        assert memory.to_list() == [LATE, NOON, LATE, NOON]
