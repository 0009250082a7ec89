"""Chunks of any container are joined rarely and read as one."""

import numpy as np
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
