"""Chunks of any container are joined rarely and read as one."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skretrain.buffers import SlidingWindow
from skretrain.buffers._store import ChunkColumn, Store


def test_single_rows_are_copied_a_logarithmic_number_of_times():
    """4,096 one-row batches leave few chunks, and copy each row at most once per level."""
    column = ChunkColumn([])
    joins = 0
    for row in range(4096):
        n_chunks = len(column.chunks)
        column.write([row], row, row + 1)
        joins += len(column.chunks) <= n_chunks
        assert len(column.chunks) <= 7 * 5
    assert column.levels == [4]
    assert joins == 512  # every eighth write, those of higher levels included
    assert column.read(slice(0, 4096), 4096) == list(range(4096))


@pytest.mark.parametrize("n_rows", [1, 5, 8, 63, 64, 65, 200])
def test_chunks_read_as_one(n_rows):
    """Any slice and any positions give what the joined rows would give."""
    column = ChunkColumn([])
    for row in range(n_rows):
        column.write([row], row, row + 1)
    rng = np.random.default_rng(0)
    for _ in range(30):
        low, high = np.sort(rng.integers(0, n_rows + 1, 2))
        assert column.read(slice(low, high), n_rows) == list(range(low, high))
        positions = rng.integers(0, n_rows, rng.integers(0, n_rows // 3 + 2))
        assert column.read(positions, n_rows) == positions.tolist()


def test_reading_most_rows_joins_them_once():
    """The second reader finds one chunk; a small read leaves the chunks as they are."""
    column = ChunkColumn([])
    for row in range(20):
        column.write([row], row, row + 1)
    n_chunks = len(column.chunks)
    column.read(slice(18, 20), 20)
    assert len(column.chunks) == n_chunks > 1
    column.read(slice(0, 20), 20)
    assert len(column.chunks) == 1
    column.write([20], 20, 21)
    assert column.read(slice(0, 21), 21) == list(range(21))


@pytest.mark.parametrize("first", [0, 5, 8, 11, 20, 25])
def test_what_stays_is_not_moved_when_the_oldest_rows_are_forgotten(first):
    """At most one chunk is copied, the one that loses some rows; the others go as a whole."""
    column = ChunkColumn([])
    for row in range(25):
        column.write([row], row, row + 1)
    before = column.chunks
    after = column.compacted(slice(first, 25), 25, 30)
    assert [row for chunk in after.chunks for row in chunk] == list(range(first, 25))
    moved = [chunk for chunk in after.chunks if not any(chunk is one for one in before)]
    assert len(moved) == (first % 8 > 0 and first < 24)
    assert len(after.levels) == len(after.chunks)
    assert column.chunks is before


def test_a_weight_column_is_made_once():
    """Rows stored before the first weight weigh 1, and the column then takes weights directly."""
    buffer = SlidingWindow(10)
    buffer.add(np.zeros((3, 1)), np.zeros(3))
    assert "sample_weight" not in buffer._store.columns
    buffer.add(np.zeros((1, 1)), np.zeros(1), {"sample_weight": np.array([5.0])})
    column = buffer._store.columns["sample_weight"]
    buffer.add(np.zeros((1, 1)), np.zeros(1), {"sample_weight": np.array([6.0])})
    assert buffer._store.columns["sample_weight"] is column
    assert_array_equal(buffer.latest().params["sample_weight"], [1, 1, 1, 5, 6])


def test_wider_text_reallocates_once():
    """Narrow text written into a wide column does not copy the column."""
    buffer = SlidingWindow(100)
    X = np.zeros((1, 1))
    for label in ("a", "wide label", "b"):
        buffer.add(X, np.array([label]))
    column = buffer._store.columns["y"]
    buffer.add(X, np.array(["c"]))
    assert buffer._store.columns["y"] is column
    assert buffer.y.tolist() == ["a", "wide label", "b", "c"]


def test_compaction_keeps_the_rows_asked_for():
    """Kept rows are renumbered from 0, and the room asked for is there."""
    store = Store(10)
    parts, store.columns = store.prepare(np.arange(6).reshape(-1, 1), None, {"t": list("abcdef")})
    store.compact(slice(0, 0), 6)
    store.append(parts, np.arange(6), 6)
    store.compact(np.array([1, 4]), 9)
    assert (store.end, store.index[:2].tolist()) == (2, [1, 4])
    assert store.capacity >= 11
    assert store.read("t", slice(0, 2)) == ["b", "e"]
    assert_array_equal(store.read("X", slice(0, 2)), [[1], [4]])


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame])
def test_a_buffer_that_was_pickled_goes_on_in_the_room_that_it_had(kind):
    """Rows stay where they are stored until they would have moved without the pickle."""
    kept, sent = SlidingWindow(50), SlidingWindow(50)
    n_moved = 0
    for start in range(0, 400, 7):
        X = np.arange(start, start + 7.0).reshape(-1, 1)
        before = sent._store.index[: sent._store.end].copy() if start else np.empty(0)
        sent = pickle.loads(pickle.dumps(sent))
        for buffer in (kept, sent):
            buffer.add(kind(X), X[:, 0])
        store = sent._store
        assert (store.end, store.capacity) == (kept._store.end, kept._store.capacity)
        assert_array_equal(np.asarray(sent.latest().X), np.asarray(kept.latest().X))
        assert_array_equal(sent.y, kept.y)
        n_moved += not np.array_equal(store.index[: len(before)], before)
    assert n_moved <= 400 / 16  # rows for which there is room at least


def test_room_is_taken_by_what_adds_and_by_nobody_who_reads():
    """A buffer that is read from a file to be looked at has no more than its rows."""
    buffer = SlidingWindow(50)
    for start in range(0, 70, 10):
        buffer.add(np.zeros((10, 2)), np.full(10, start))
    read = pickle.loads(pickle.dumps(buffer))
    assert read.latest().y[-1] == 60
    assert read.nbytes == read._store.end * (2 * 8 + 8 + 8) < buffer.nbytes
    assert read.add(np.zeros((1, 2)), np.zeros(1)).nbytes == buffer.nbytes


def test_the_state_of_a_store_from_before_it_told_its_room_is_read():
    """Its room is then that of its rows."""
    buffer = SlidingWindow(50).add(np.zeros((10, 2)), np.arange(10))
    state = buffer._store._state_to_save()
    del state["capacity"]
    buffer._store = Store.__new__(Store)
    buffer._store.__setstate__(state)
    assert buffer._store.capacity == 10
    assert_array_equal(buffer.add(np.zeros((1, 2)), np.zeros(1)).y, [*range(10), 0])
