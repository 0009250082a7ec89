"""The window holds the newest rows, contiguously."""

import numpy as np
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


def test_capacity_is_at_most_twice_the_rows():
    """Memory grows with the rows seen, and never beyond twice the rows remembered."""
    buffer, largest = SlidingWindow(100), 0
    for start in range(1000):
        buffer.add(np.zeros((1, 1)), np.zeros(1))
        assert buffer._store.capacity <= max(2 * (start + 1), 2)
        largest = max(largest, buffer._store.capacity)
    assert largest == 200


def test_single_rows_are_moved_rarely():
    """Ten thousand one-row batches allocate a few times only: amortised constant cost."""
    buffer, arrays = SlidingWindow(1000), set()
    for _ in range(10_000):
        buffer.add(np.zeros((1, 1)), np.zeros(1))
        arrays.add(id(buffer._store.columns["X"]))
    assert len(arrays) <= 10 + 10


def test_a_batch_larger_than_the_window_keeps_its_end():
    """Only what fits is stored, whatever came before."""
    buffer = SlidingWindow(4)
    for X in (np.arange(3), np.arange(3, 20), np.arange(20, 120)):
        buffer.add(X.reshape(-1, 1), X)
        assert_array_equal(buffer.y, X[-4:] if len(X) > 3 else X)
        assert_array_equal(buffer.index, buffer.y)
        assert buffer._store.capacity <= 8
