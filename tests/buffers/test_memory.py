"""A memory reads as its buffer does; pinned, it stays as it was and travels alone."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skretrain.buffers import Memory, Reservoir, Rows, SlidingWindow

KINDS = {
    "array": np.asarray,
    "sparse": sparse.csr_array,
    "pandas": lambda X: pd.DataFrame(X, columns=list("ab")),
    "polars": lambda X: pl.DataFrame(X, schema=["a", "b"]),
    "list": lambda X: [str(row) for row in X.tolist()],
}


def filled(buffer, kind="array", n=60, size=20):
    for start in range(0, n, size):
        X = np.arange(2.0 * start, 2.0 * (start + size)).reshape(-1, 2)
        y, weight = np.arange(start, start + size) % 3, np.arange(start, start + size) + 1.0
        buffer.add(KINDS[kind](X), y, {"sample_weight": weight}, start)
    return buffer


def content(rows):
    X = rows.X.toarray() if sparse.issparse(rows.X) else np.asarray(rows.X)
    params = {name: values.tolist() for name, values in rows.params.items()}
    return X.tolist(), rows.y.tolist(), params, rows.index.tolist()


def buffers():
    return [SlidingWindow(max_rows=37), Reservoir(max_rows=23, random_state=0)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("buffer", buffers(), ids=["window", "reservoir"])
def test_it_reads_as_the_buffer_does_pinned_or_not(buffer, kind):
    buffer = filled(buffer.reset(), kind)
    for memory in (Memory(buffer), Memory(buffer).pinned(), Memory.of(buffer.latest())):
        assert len(memory) == len(buffer)
        assert memory.index.tolist() == buffer.index.tolist()
        assert memory.y.tolist() == buffer.y.tolist()
        for n in (None, 0, 5, 1000):
            assert content(memory.latest(n)) == content(buffer.latest(n))
        for row in (0, 40, 59, 60):
            assert content(memory.since(row)) == content(buffer.since(row))
        assert content(memory.take([0, 3, 7])) == content(buffer.take([0, 3, 7]))


@pytest.mark.parametrize("buffer", buffers(), ids=["window", "reservoir"])
def test_a_view_follows_and_a_pin_stays(buffer):
    buffer = filled(buffer.reset())
    view, pin = Memory(buffer), Memory(buffer).pinned()
    before = content(pin.latest())
    filled(buffer.reset(), n=100)
    assert content(pin.latest()) == before
    assert content(pin.pinned().latest()) == before
    assert view.index.tolist() == buffer.index.tolist()
    assert (pin.max_rows, pin.keeps_newest) == (buffer.max_rows, buffer.keeps_newest)


def test_a_pin_takes_its_rows_along_and_nothing_else():
    buffer = SlidingWindow(max_rows=10).reset()
    filled(buffer, n=1000, size=100)
    pin = Memory(buffer).pinned()
    assert len(pickle.dumps(pin)) < 1500
    assert content(pickle.loads(pickle.dumps(pin)).latest()) == content(buffer.latest())


def test_it_cannot_be_written_to():
    memory = Memory(filled(SlidingWindow(max_rows=37).reset()))
    assert not hasattr(memory, "add")
    assert not hasattr(memory, "reset")


def test_an_empty_one_has_no_rows_and_no_targets():
    memory = Memory(SlidingWindow().reset())
    for each in (memory, memory.pinned()):
        assert len(each) == 0
        assert each.y is None
        assert len(each.latest().index) == 0


def test_rows_without_targets_have_none_in_memory():
    rows = Rows(np.zeros((4, 1)), None, {}, np.arange(4))
    assert Memory.of(rows).y is None
    assert Memory.of(rows, max_rows=9).max_rows == 9
    assert Memory.of(rows).take([1]).y is None


@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 90), st.integers(1, 100))
def test_a_window_of_the_newest_rows_is_what_the_buffer_would_hold_with_the_batch(
    n_before, n_batch, since, latest
):
    """The oracle is the buffer after the batch was added."""
    from skretrain.policies import RetrainContext

    X, y = np.arange(200.0).reshape(-1, 1), np.arange(200)
    buffer = SlidingWindow(max_rows=50).reset().add(X[:n_before], y[:n_before])
    stop = n_before + n_batch
    batch = Rows(X[n_before:stop], y[n_before:stop], {}, np.arange(n_before, stop))
    context = RetrainContext(None, None, batch, Memory(buffer).pinned(), since)
    after = SlidingWindow(max_rows=50).reset().add(X[:n_before], y[:n_before])
    after.add(X[n_before:stop], y[n_before:stop])
    assert context.window().y.tolist() == after.latest().y.tolist()
    assert context.window(latest=latest).y.tolist() == after.latest(latest).y.tolist()
    expected = after.since(since).y.tolist() or after.latest(n_batch).y.tolist()
    assert context.window(since=since).y.tolist() == expected
    everything = np.concatenate([buffer.y, batch.y])
    assert context.past().y.tolist() == everything.tolist()
    assert context.past(since).y.tolist() == everything[everything < since].tolist()
