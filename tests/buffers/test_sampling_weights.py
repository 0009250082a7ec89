"""Weights with which sums over the memory estimate sums over the stream."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skretrain.buffers import Memory, Reservoir, Rows, SlidingWindow, StratifiedReservoir

N = 60
CLASSES = (np.arange(N) % 10 == 0).astype(int)
BUFFERS = {
    "uniform": Reservoir(12),
    "balanced": Reservoir(12, balance=True),
    "decaying": Reservoir(12, decay=0.02),
    "both": Reservoir(12, balance=True, decay=0.02),
    "stratified": StratifiedReservoir(12, by=None, column=0, recent=0.5),
}


def filled(buffer, n_batch=N):
    buffer.reset()
    for start in range(0, N, n_batch):
        rows = slice(start, start + n_batch)
        buffer.add(CLASSES[rows, None], CLASSES[rows])
    return buffer


@pytest.mark.parametrize("name", BUFFERS)
@pytest.mark.no_cover
def test_weighted_sums_estimate_those_of_the_stream_without_bias(name):
    """The number of rows, that of a class, and the sum of a column, over 300 memories.

    Means of estimates are compared with the truth in standard errors of the mean.
    """
    sums = []
    for seed in range(300):
        buffer = filled(BUFFERS[name].set_params(random_state=seed))
        weights, index = buffer.sampling_weights, buffer.index
        ones = CLASSES[index] == 1
        sums.append([weights.sum(), weights[ones].sum(), weights @ np.sqrt(index)])
    truth = [N, CLASSES.sum(), np.sqrt(np.arange(N)).sum()]
    sums = np.array(sums)
    error = sums.std(axis=0) / np.sqrt(len(sums)) + 1e-9
    assert (np.abs(sums.mean(axis=0) - truth) < 4 * error).all()


@pytest.mark.parametrize("name", BUFFERS)
def test_weights_do_not_depend_on_the_batches(name):
    """They belong to the rows remembered, and those do not."""
    weights = [filled(BUFFERS[name], n_batch).sampling_weights for n_batch in (1, 7, N)]
    assert_array_equal(weights[0], weights[1])
    assert_array_equal(weights[0], weights[2])


def test_a_row_of_a_window_stands_for_itself():
    assert filled(SlidingWindow(12)).sampling_weights.tolist() == [1] * 12
    assert Reservoir().sampling_weights.shape == SlidingWindow().sampling_weights.shape == (0,)


def test_nothing_was_sampled_while_there_is_room():
    """With room for all rows, and with decay, too, each row stands for itself."""
    for buffer in BUFFERS.values():
        held = filled(buffer.__class__(**(buffer.get_params() | {"max_rows": 2 * N})))
        assert_allclose(held.sampling_weights, np.ones(N), rtol=1e-12)


def test_a_balanced_row_stands_for_its_share_of_its_class():
    """Six of 54, six of six; of the strata, the newest six for themselves."""
    balanced = filled(BUFFERS["balanced"])
    assert_allclose(balanced.sampling_weights, np.where(balanced.y == 1, 1, 9))
    stratified = filled(BUFFERS["stratified"])
    older = CLASSES[stratified.index[:6]]
    assert_allclose(stratified.sampling_weights[:6], np.where(older == 1, 6 / 3, 48 / 3))
    assert stratified.sampling_weights[6:].tolist() == [1] * 6


def test_very_old_rows_do_not_overflow():
    """At row one billion the weights of a decaying memory are finite, and the newest are 1."""
    buffer = Reservoir(10, decay=0.3)
    for start in (0, 10**9):
        buffer.add(np.zeros((500, 1)), start=start)
    weights = buffer.sampling_weights
    assert np.isfinite(weights).all()
    assert weights[-1] == pytest.approx(1, abs=0.1)


def test_a_memory_tells_the_weights_of_its_buffer():
    """As a view, pinned, and made by hand, where a row stands for itself unless it is said."""
    buffer = filled(BUFFERS["balanced"])
    before = buffer.sampling_weights
    view, pin = Memory(buffer), Memory(buffer).pinned()
    assert_array_equal(view.sampling_weights, before)
    buffer.add(np.zeros((50, 1), dtype=int), np.zeros(50, dtype=int))
    assert_array_equal(view.sampling_weights, buffer.sampling_weights)
    assert_array_equal(pin.sampling_weights, before)
    rows = Rows(np.zeros((2, 1)), None, {}, np.arange(2))
    assert Memory.of(rows).sampling_weights.tolist() == [1, 1]
    assert Memory.of(rows, sampling_weights=np.array([3.0, 4.0])).sampling_weights.sum() == 7
