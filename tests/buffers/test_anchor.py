"""An anchor is a uniform sample of the stream that no reader of the buffer is ever handed."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.base import clone

from skretrain.buffers import Memory, Reservoir, SlidingWindow
from skretrain.buffers._anchor import Anchor

BUFFERS = {
    "window": SlidingWindow(max_rows=300),
    "uniform": Reservoir(max_rows=50),
    "both": Reservoir(max_rows=50, balance=True, decay=0.01),
}
AS = {
    "ndarray": lambda v: np.column_stack([v, -v]).astype(float),
    "pandas": lambda v: pd.DataFrame({"a": v, "b": pd.Categorical(v.astype(str))}),
}


def filled(buffer, n, size=None, kind="ndarray"):
    buffer.reset()
    for start in range(0, n, size or n):
        v = np.arange(start, min(start + (size or n), n))
        buffer.add(AS[kind](v), v % 3, {"sample_weight": v + 0.5}, start)
    return buffer


def numbers(rows):
    X = rows.X.to_numpy() if isinstance(rows.X, pd.DataFrame) else rows.X
    return X[:, 0].astype(int)


@pytest.mark.parametrize("kind", AS)
@pytest.mark.parametrize("name", BUFFERS)
@pytest.mark.no_cover
def test_a_row_is_withheld_or_handed_out_and_its_columns_stay_together(name, kind):
    buffer = filled(clone(BUFFERS[name]).set_params(anchor=10), 400, 37, kind)
    withheld = buffer.withheld(np.arange(400))
    anchor, learned = buffer.anchor_, buffer.latest()
    assert len(anchor.index) == 10
    assert withheld[anchor.index].all()
    assert not withheld[learned.index].any()
    for rows in (anchor, learned, buffer.since(100), buffer.take([0, 1]), Memory(buffer).latest()):
        assert_array_equal(numbers(rows), rows.index)
        assert_array_equal(rows.y, rows.index % 3)
        assert_array_equal(rows.params["sample_weight"], rows.index + 0.5)
    assert_array_equal(np.sort(anchor.index), anchor.index)


@pytest.mark.parametrize("name", BUFFERS)
@settings(max_examples=10)
@given(size=st.integers(1, 60))
@pytest.mark.no_cover
def test_how_the_stream_is_cut_changes_neither_the_anchor_nor_the_memory(name, size):
    buffer = clone(BUFFERS[name]).set_params(anchor=4)
    whole = filled(clone(buffer), 150)
    cut = filled(clone(buffer), 150, size)
    assert_array_equal(cut.anchor_.index, whole.anchor_.index)
    assert_array_equal(cut.index, whole.index)


def test_the_window_holds_the_newest_of_the_rows_that_are_not_withheld():
    buffer = filled(SlidingWindow(max_rows=20, anchor=5), 200, 7)
    assert_array_equal(buffer.index, np.flatnonzero(~buffer.withheld(np.arange(200)))[-20:])


def test_the_anchor_is_a_uniform_sample_of_the_stream_and_few_rows_are_lost_for_it():
    """Deciles of 40 streams are hit alike; the rows withheld grow with the logarithm."""
    buffers = [filled(Reservoir(max_rows=1, anchor=20, random_state=s), 2000) for s in range(40)]
    hits = np.concatenate([buffer.anchor_.index for buffer in buffers])
    assert len(hits) == 800
    assert stats.chisquare(np.bincount(hits // 200)).pvalue > 0.01
    n_withheld = [buffer.withheld(np.arange(2000)).sum() for buffer in buffers]
    expected = 0.1 * 400 + 40 * np.log(2000 / 400)
    assert np.mean(n_withheld) == pytest.approx(expected, rel=0.05)
    assert buffers[0].withheld(np.arange(400)).mean() < 0.15


def test_the_anchor_holds_the_smallest_numbers_of_the_whole_stream():
    """The oracle: as if no row had ever been learned."""
    buffer = filled(SlidingWindow(anchor=50), 3000, 110)
    index = np.arange(3000)
    everything = Anchor(3000, seed=0)
    everything.add(*everything.prepared({"X": index[:, None]}, index))
    smallest = Anchor(50, seed=0)
    smallest.add(*smallest.prepared({"X": index[:, None]}, index))
    assert_array_equal(buffer.anchor_.index, smallest.store.index[smallest.alive])
    assert_array_equal(everything.store.index[everything.alive], index)


def test_the_seed_decides_and_none_is_one_fixed_stream():
    index = np.arange(500)
    one, same, other = (
        Reservoir(anchor=10, random_state=seed).withheld(index) for seed in (None, None, 1)
    )
    assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_pickle_goes_on_identically_and_rows_handed_out_stay():
    buffer = filled(Reservoir(max_rows=30, anchor=10), 300, 50)
    before = buffer.anchor_
    kept = before.index.copy(), before.X.copy()
    again = pickle.loads(pickle.dumps(buffer))
    for start in range(300, 3000, 300):
        v = np.arange(start, start + 300)
        for one in (buffer, again):
            one.add(AS["ndarray"](v), v % 3, {"sample_weight": v + 0.5}, start)
    assert_array_equal(buffer.anchor_.index, again.anchor_.index)
    assert_array_equal(buffer.index, again.index)
    assert_array_equal(before.index, kept[0])
    assert_array_equal(before.X, kept[1])
    assert not np.array_equal(buffer.anchor_.index, kept[0])


def test_nothing_is_withheld_by_default_and_an_anchor_can_be_empty():
    buffer = filled(SlidingWindow(), 100)
    assert not buffer.withheld(np.arange(100)).any()
    assert len(buffer) == 100
    assert len(buffer.anchor_.index) == len(Reservoir(anchor=5).anchor_.index) == 0
    assert buffer.anchor_.y is None


def test_the_memory_of_the_anchor_is_bounded_and_counted():
    plain, anchored = (filled(SlidingWindow(10, anchor=n), 3000, 100) for n in (0, 20))
    assert plain.nbytes < anchored.nbytes < plain.nbytes + 2 * 20 * 2 * 40


def test_a_batch_that_does_not_fit_leaves_the_anchor_as_it_was():
    buffer = filled(SlidingWindow(anchor=10), 100)
    before = buffer.anchor_.index
    with pytest.raises(ValueError, match="'sample_weight' has 1 rows"):
        buffer.add(AS["ndarray"](np.arange(100)), np.arange(100), {"sample_weight": [1.0]})
    assert_array_equal(buffer.anchor_.index, before)
    assert_array_equal(buffer.withheld([3, 4]), buffer.withheld(np.arange(5))[3:])


@pytest.mark.parametrize(
    ("parameter", "value"), [("anchor", -1), ("anchor", 2.0), ("anchor_tolerance", -0.1)]
)
@pytest.mark.parametrize("kind", [Reservoir, SlidingWindow])
def test_what_is_no_number_of_rows_or_no_loss_is_refused(kind, parameter, value):
    with pytest.raises(ValueError, match=f"{parameter} must be .* of at least 0"):
        kind(**{parameter: value}).reset()
