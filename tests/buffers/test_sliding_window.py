"""The window holds the newest rows, contiguously."""

import pickle
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skretrain.buffers import SlidingWindow


def test_the_newest_rows_cost_no_copy():
    """Reading dense rows is a view into one contiguous array."""
    buffer = SlidingWindow(50)
    for start in range(0, 400, 7):
        X = np.arange(start, start + 7.0).reshape(-1, 1)
        buffer.add(X, X[:, 0])
    rows = buffer.latest(30)
    memory = buffer._store.columns["X"].values
    assert np.shares_memory(rows.X, memory)
    assert rows.X.flags.c_contiguous
    assert not rows.X.flags.writeable
    assert_array_equal(rows.X.ravel(), np.arange(376, 406))


@pytest.mark.parametrize("starts", [(0, 10), (5, 40)])
def test_stream_rows_that_follow_each_other_are_saved_by_two_numbers(starts):
    """With a gap between them, they are saved one by one; both come back as they were."""
    buffer = SlidingWindow(50)
    for start in starts:
        buffer.add(np.zeros((10, 1)), start=start)
    copy = pickle.loads(pickle.dumps(buffer))
    assert_array_equal(copy.index, buffer.index)
    assert copy.index.dtype == np.int64
    saved = buffer._store._state_to_save()["index"]
    assert isinstance(saved, tuple) == (starts == (0, 10))


def test_there_is_room_for_a_quarter_more_than_is_alive():
    """However long the stream: rows that are forgotten take no more than that, saved or not."""
    buffer, X = SlidingWindow(400), np.zeros((10, 1))
    for alive in [*range(10, 410, 10), *[410] * 400]:
        buffer.add(X)
        assert buffer._store.capacity <= 1.25 * max(alive, 64)
    assert len(pickle.dumps(buffer)) < 1.25 * 410 * 8 + 1500


@pytest.mark.no_cover
def test_single_rows_are_moved_rarely():
    """Ten thousand one-row batches allocate a few times only: amortised constant cost."""
    buffer, arrays = SlidingWindow(1000), set()
    for _ in range(10_000):
        buffer.add(np.zeros((1, 1)), np.zeros(1))
        arrays.add(id(buffer._store.columns["X"]))
    assert len(arrays) <= 20 + 40


def test_a_batch_larger_than_the_window_keeps_its_end():
    """Only what fits is stored, whatever came before."""
    buffer = SlidingWindow(4)
    for X in (np.arange(3), np.arange(3, 20), np.arange(20, 120)):
        buffer.add(X.reshape(-1, 1), X)
        assert_array_equal(buffer.y, X[-4:] if len(X) > 3 else X)
        assert_array_equal(buffer.index, buffer.y)
        assert buffer._store.capacity <= 8 + 16


NEW_YEAR = np.datetime64("2024-01-01", "us")


@given(
    batches=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=8),
    days=st.integers(1, 20),
    max_rows=st.integers(1, 12),
    kind=st.sampled_from([pd.DataFrame, pl.DataFrame]),
)
def test_what_is_too_old_beside_the_newest_row_is_forgotten(batches, days, max_rows, kind):
    """Of the newest rows by number, those remain that are young enough by date."""
    buffer = SlidingWindow(max_rows, max_age=timedelta(days=days), column="day")
    passed = np.cumsum(np.concatenate(batches))
    dates, stop = NEW_YEAR + passed.astype("timedelta64[D]"), 0
    for batch in batches:
        stop += len(batch)
        part = slice(stop - len(batch), stop)
        buffer.add(kind({"day": dates[part], "x": passed[part]}), passed[part])
        buffer = pickle.loads(pickle.dumps(buffer))
        young = dates[:stop] >= dates[stop - 1] - np.timedelta64(days, "D")
        expected = np.flatnonzero(young)[-max_rows:]
        assert_array_equal(buffer.index, expected)
        assert_array_equal(buffer.y, passed[expected])


def test_dates_out_of_order_are_taken_alike_however_batches_are_cut():
    """A row is as old as the newest before it, even where that is no longer remembered."""
    days = pd.DataFrame({"day": NEW_YEAR + np.array([0, 50, 1, 2, 3]).astype("timedelta64[D]")})
    whole = SlidingWindow(2, max_age="20d", column="day").add(days)
    parts = SlidingWindow(2, max_age="20d", column="day")
    for row in range(5):
        parts.add(days[row : row + 1])
    assert_array_equal(whole.index, parts.index)


def test_rows_without_a_date_are_as_old_as_the_row_before_them():
    """Those at the very beginning are older than any."""
    days = pd.to_datetime(["", "2024-01-01", "", "2024-01-09", "2024-01-20", ""])
    buffer = SlidingWindow(10, max_age="11d", column="day")
    buffer.add(pd.DataFrame({"day": days[:1]}))
    assert_array_equal(buffer.index, [0])
    buffer.add(pd.DataFrame({"day": days[1:4]}))
    assert_array_equal(buffer.index, [1, 2, 3])
    buffer.add(pd.DataFrame({"day": days[4:]}))
    assert_array_equal(buffer.index, [3, 4, 5])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"max_age": "soon", "column": "day"}, r"max_age='soon'\): max_age must be None or a dur"),
        ({"max_age": "90d"}, r"max_age='90d', column=None\): an age needs the column"),
        ({"column": "day"}, r"max_age=None, column='day'\): an age needs the column"),
    ],
)
def test_an_age_that_makes_no_sense_is_refused(params, match):
    """It takes a duration and a column."""
    with pytest.raises(ValueError, match=match):
        SlidingWindow(**params).reset()


def test_rows_whose_age_cannot_be_told_are_refused_before_anything_changed():
    """The buffer is as it was."""
    buffer = SlidingWindow(10, max_age="1d", column="day")
    buffer.add(pd.DataFrame({"day": [NEW_YEAR], "x": [1]}))
    for X in (
        pd.DataFrame({"day": ["soon"], "x": [1]}),
        pd.DataFrame({"x": [1]}),
        np.zeros((1, 2)),
    ):
        with pytest.raises(ValueError):
            buffer.add(X)
        assert_array_equal(buffer.index, [0])
    with pytest.raises(ValueError, match=r"column='day'\): X has no such column, but no names"):
        SlidingWindow(max_age="1d", column="day").add(np.zeros((1, 2)))
