"""Values that skops lacks come back from text and leaves as they were; others are refused."""

import copy
import json
import pickle
import random
from collections import Counter, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import partial
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from river import stats
from river.drift import ADWIN
from river.naive_bayes import GaussianNB
from same_state import assert_same_state
from scipy import sparse
from sklearn.linear_model import Ridge

from skretrain.compose.adapters._mended import Mended
from skretrain.drift._river_state import made_of, parts_of
from skretrain.utils._plain import NAMED, Plain, Written, named


class Holder(Plain):
    """Holds one value."""

    def __init__(self, value):
        self.value = value


class Pair(NamedTuple):
    """Of a user."""

    one: object
    other: object


class Detector(ADWIN):
    """Of a user, who has given it more."""

    def __init__(self, delta=0.002):
        super().__init__(delta)
        self.seen = deque([1.0])


def restored(value):
    holder = Holder(value)
    state = holder.__getstate__()
    assert type(state) is Written
    back = Holder.__new__(Holder)
    back.__setstate__(state)
    return back.value


BASE = pd.Timestamp("2024-03-31 01:00")
COLUMNS = {
    "arrow": pd.Series(["q", None], dtype="string[pyarrow]"),
    "arrow number": pd.Series([1, None], dtype="int64[pyarrow]"),
    "categories": pd.Series(pd.Categorical(["b", None], categories=["b", "a"], ordered=True)),
    "categories of dates": pd.Series(pd.Categorical([BASE, BASE + pd.Timedelta(1)])),
    "categories of intervals": pd.Series(pd.Categorical(pd.interval_range(0, 2))),
    "clocks": pd.Series([BASE, pd.NaT]),
    "durations": pd.Series(pd.to_timedelta([1, None], unit="s")),
    "flags": pd.Series([True, False]),
    "flags and gaps": pd.Series([True, None], dtype="boolean"),
    "floats": pd.Series([0.1, np.nan], dtype="float32"),
    "floats and gaps": pd.Series([1.5, None], dtype="Float32"),
    "integers and gaps": pd.Series([2**62 + 1, None], dtype="Int64"),
    "intervals": pd.Series(pd.interval_range(0, 2, closed="both")),
    "objects": pd.Series(["x", 3], dtype=object),
    "offset": pd.Series([BASE, BASE]).dt.tz_localize("UTC+01:00"),
    "periods": pd.Series(pd.period_range("2024", periods=2, freq="Q")),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 1], fill_value=0)),
    "text": pd.Series(["q", None], dtype="string[python]"),
    "words": pd.Series(["q", None]),
    "zone": pd.Series([BASE, pd.NaT]).dt.tz_localize("Europe/Berlin"),
}
FRAME = pd.DataFrame(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_pandas_comes_back_with_its_type(name):
    column = COLUMNS[name].rename("kept")
    for whole in (column, column.iloc[:0]):
        pd.testing.assert_series_equal(restored(whole), whole, check_freq=False)
    assert restored(column.dtype) == column.dtype
    assert type(restored(column.dtype)) is type(column.dtype)
    assert type(restored(column.array)) is type(column.array)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.iloc[:0],
        FRAME[[]],
        FRAME.set_index("words"),
        FRAME.set_index(["words", "flags"]),
        pd.DataFrame([[1, 2.0]], columns=["same", "same"]),
        pd.DataFrame({("a", 1): [1], ("b", 2): [2]}, index=pd.RangeIndex(2, 4, 2, name="row")),
    ],
    ids=["all", "no rows", "no columns", "index", "levels", "one name twice", "names in levels"],
)
def test_a_frame_of_pandas_comes_back_whole(frame):
    pd.testing.assert_frame_equal(restored(frame), frame, check_freq=False)
    pd.testing.assert_index_equal(restored(frame.columns), frame.columns)


def test_numbers_of_a_frame_lie_in_memory_as_they_did():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    assert restored(frame).to_numpy().flags.f_contiguous == frame.to_numpy().flags.f_contiguous


@pytest.mark.parametrize(
    "value",
    [pd.NA, pd.NaT, BASE, BASE.tz_localize("UTC"), pd.Timedelta(3), pd.Period("2024"),
     pd.Interval(0, 1)],
    ids=repr,
)  # fmt: skip
def test_a_single_value_of_pandas_comes_back(value):
    back = restored([value])[0]
    assert type(back) is type(value)
    assert back is value or back == value


def test_what_pandas_has_no_words_for_is_refused_or_left_as_it_is():
    offset = pd.offsets.Day(2)
    assert restored(offset) is offset
    zone = timezone(timedelta(hours=1), "of the house")
    with pytest.raises(TypeError, match="a column of the type .* cannot be saved without pickle"):
        restored(pd.Series([BASE]).dt.tz_localize(zone))


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["v", "u"]), pl.String])
def test_rows_of_polars_come_back_with_their_types(kind):
    words = pl.Series("kept", ["u", None], dtype=kind)
    frame = pl.DataFrame({"w": words, "n": [1, None], "at": [datetime(2024, 1, 1), None]})
    for value in (frame, words):
        assert restored(value).equals(value)
    assert restored(frame).schema == frame.schema
    assert restored(words).name == "kept"
    assert restored([kind, pl.Int64]) == [kind, pl.Int64]


def test_an_expression_of_polars_is_a_leaf():
    expression = pl.col("a")
    assert restored(expression) is expression


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
def test_sparse_rows_come_back_of_the_same_kind(kind):
    rows = kind(np.eye(3))
    assert_same_state(restored(rows), rows)


def test_sparse_rows_with_a_wrong_index_are_refused():
    text, leaves = Holder(sparse.csr_matrix(np.eye(3))).__getstate__()
    leaves[1] = leaves[1] + 7  # the columns
    with pytest.raises(ValueError, match="ind"):
        Holder(0).__setstate__(Written(text, leaves))


def test_texts_of_arrow_with_a_wrong_end_are_refused():
    """To look at them would end the process."""
    column = pd.array(["one", "other"], dtype=pd.ArrowDtype(pa.string()))
    text, (stream,) = Holder(column).__getstate__()
    ends = np.array([0, 3, 8], dtype=np.int32)
    assert stream.count(ends.tobytes()) == 1
    stream = stream.replace(ends.tobytes(), (ends * 1_000_000).tobytes())
    with pytest.raises(ValueError, match="offset"):
        Holder(0).__setstate__(Written(text, [stream]))


def test_other_sparse_formats_are_leaves():
    rows = sparse.coo_array(np.eye(2))
    assert restored(rows) is rows


class Recent(Holder):
    """Another one of ours, inside."""


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, "x", None, True],
        (1, (2, [3])),
        {(1, 2): 3, None: 4, True: 5, 2.5: {"a": [()]}},
        {1, "a", (2, None)},
        frozenset({3}),
        deque([1, (2,)], maxlen=3),
        deque(),
        Counter("aab"),
        range(2, 9, 3),
        Pair(1, pd.NA),
        [np.float64(0.1), np.int8(3), np.str_("a"), np.bool_(True), np.float32(0.1)],
        [np.datetime64("2024-01-01"), np.longdouble(1) / 3],
        np.array([[1, "a"], [None, (2,)]], dtype=object),
        np.empty((0, 3), dtype=object),
        np.array(["2024"], dtype="M8[D]"),
        np.dtype("f4"),
        np.dtype([("a", "i4")]),
        date(2024, 1, 1),
        datetime(2024, 1, 1, 1, 2, 3, 4),
        datetime(2024, 1, 1, tzinfo=UTC),
        time(1, 2),
        timedelta(1, 2, 3),
        [float("inf"), 1e308, 5e-324, 2**80],
        random.Random(3),
        Recent(deque([Recent(1)])),
        b"bytes",
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_with_its_type(value):
    assert_same_state(restored(value), value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=25, deadline=None)
@given(JSON)
def test_whatever_is_nested_comes_back(value):
    back = restored(value)
    assert_same_state(back, value)
    assert Holder(back).__getstate__() == Holder(value).__getstate__()


def test_what_is_one_object_stays_one_object():
    rows, model = [1, 2], Ridge()
    one, other, third = restored([rows, [model, rows], Recent(rows)])
    assert other[1] is one
    assert third.value is one
    one, other = restored([model, (model,)])
    assert other[0] is one


def test_a_circle_is_refused():
    value = []
    value.append(value)
    with pytest.raises(TypeError, match=r"^Holder\.value holds itself, in a circle"):
        Holder(value).__getstate__()


def nameless():
    def inner():
        pass

    return inner


class Outer:
    """Has a class inside, which skops would look for beside it."""

    class Inner:
        """Not found by its name."""


@pytest.mark.parametrize(
    "value", [lambda: 1, partial(lambda: 1), nameless(), Outer.Inner, Outer.Inner()]
)
def test_what_no_name_finds_is_refused_by_where_it_stands(value):
    with pytest.raises(TypeError, match=r"^Holder\.value\.deep holds .*cannot be saved without"):
        Holder({"deep": [value]}).__getstate__()


@pytest.mark.parametrize("value", [np.mean, len, Holder, partial(np.mean, axis=0)])
def test_what_a_name_finds_is_a_leaf(value):
    assert restored([value])[0] is value


def test_a_mapped_array_comes_back_as_an_array(tmp_path):
    joblib.dump(np.arange(3.0), tmp_path / "array")
    value = joblib.load(tmp_path / "array", mmap_mode="r")
    assert type(value) is np.memmap
    assert_same_state(restored(value), np.arange(3.0))


# -- pickle and copies -----------------------------------------------------------------------------


class Renewed(Plain):
    """Its pickle is a call."""

    def __reduce__(self):
        return Renewed, ()


def test_pickle_and_copies_see_the_attributes_as_they_are():
    holder = Holder([deque([1]), FRAME])
    assert holder.__reduce_ex__(2)[2] == {"value": holder.value} == holder.__reduce__()[2]
    assert copy.copy(holder).value is holder.value
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(holder, protocol))
        assert_same_state(back, holder)
    assert_same_state(copy.deepcopy(holder), holder)


def test_what_says_how_it_is_made_anew_is_asked():
    assert type(pickle.loads(pickle.dumps(Renewed()))) is Renewed
    kept = Renewed()
    assert restored(kept) is kept
    name = f"{Renewed.__module__}.Renewed"
    assert type(skops.io.loads(skops.io.dumps(kept), trusted=[name])) is Renewed


def test_a_named_function_is_on_the_list():
    def of_ours():
        pass

    try:
        assert named(of_ours) is of_ours
        assert f"{__name__}.of_ours" in NAMED
    finally:
        NAMED.discard(f"{__name__}.of_ours")


# -- parts of river --------------------------------------------------------------------------------


def test_a_subclass_of_a_detector_comes_back_by_its_class():
    detector = Detector(delta=0.1)
    for k in range(100):
        detector.update(k % 2)
    back = restored(detector)
    assert_same_state(back, detector)
    state = Holder(detector).__getstate__()
    assert Detector in [leaf for leaf in state.leaves if isinstance(leaf, type)]
    assert restored(GaussianNB) is GaussianNB


def test_what_has_no_state_and_what_pickles_in_its_own_way():
    class Empty(stats.Mean):
        def __getstate__(self):
            return None

    assert parts_of(Empty())[1][2] == {}

    class Own(stats.Mean):
        def __reduce__(self):
            return Own, ()

    assert parts_of(Own()) is None


@pytest.mark.parametrize("path", ["builtins:eval", "river.drift.adwin:annotations", "os:system"])
def test_nothing_else_is_made_on_the_word_of_a_file(path):
    with pytest.raises(ValueError, match="is no part of a drift detector"):
        made_of([path, [], {}])


# -- texts that were made by hand ------------------------------------------------------------------


def _call(*args):
    pytest.fail("a function that may only be held was run")


FALSE = Ridge()
FALSE._make = FALSE.__new__ = _call


@pytest.mark.parametrize(
    ("tag", "leaves"),
    [
        ("named", [FALSE, 1.0]),
        ("named", [Ridge, 1.0]),
        ("object", [FALSE]),
        ("object", [Ridge]),
        ("river", [FALSE, [], {}]),
        ("river", [map, [_call, [1]], {}]),
        ("mended", [FALSE, Mended, {}]),
        ("mended", [Ridge, FALSE, {}]),
        ("mended", [Ridge, Ridge, {}]),
    ],
)
def test_a_text_runs_nothing_and_makes_what_is_written_in_its_way_alone(tag, leaves):
    nodes = [{"leaf": k} for k in range(len(leaves))]
    text = json.dumps({"dict": [["value", {tag: nodes}]]})
    with pytest.raises(ValueError, match="made by hand|is no detector of river"):
        Holder(None).__setstate__(Written(text, leaves))
