"""Properties of the memory of losses."""

import pickle

import numpy as np
import pytest

from skretrain.drift._loss_memory import LossMemory


@pytest.mark.parametrize("size", [1, 3, 10, 40])
def test_it_holds_the_newest_losses_with_their_rows_in_flat_memory(size):
    """Whatever the batch size, the content is the tail of the stream and the bytes are bounded."""
    memory = LossMemory(max_rows=25)
    stream = np.random.default_rng(0).random(400)
    for start in range(0, 400, size):
        part = stream[start : start + size]
        memory.append(part, np.arange(start, start + len(part)))
        seen = min(start + size, 400)
        np.testing.assert_array_equal(memory.losses, stream[max(0, seen - 25) : seen])
        np.testing.assert_array_equal(memory.rows, np.arange(max(0, seen - 25), seen))
        assert memory.nbytes <= 16 * max(50, 25 + size)


def test_dropped_losses_do_not_come_back():
    """What was dropped is gone from losses and rows alike, also after more is appended."""
    memory = LossMemory(max_rows=10)
    memory.append(np.arange(6.0), 100)
    memory.drop_before(4)
    memory.append(np.array([9.0]), 200)
    assert memory.losses.tolist() == [4.0, 5.0, 9.0]
    assert memory.rows.tolist() == [100, 100, 200]
    assert len(memory) == 3


def test_a_pickle_carries_the_content_and_no_spare_room():
    """The copy has the same losses and goes on in the same way."""
    memory = LossMemory(max_rows=10)
    for k in range(33):
        memory.append(np.array([float(k)]), k)
    copy = pickle.loads(pickle.dumps(memory))
    assert copy.nbytes == 160
    for twin in (memory, copy):
        twin.append(np.array([7.0, 8.0]), 50)
    assert copy.losses.tolist() == memory.losses.tolist()
    assert copy.rows.tolist() == memory.rows.tolist()


@pytest.mark.parametrize("losses", [[], [0.0], [0.0, 1.0, 1.0], [0.5, 1.0], [-0.0, 1.0], [np.nan]])
def test_what_is_restored_has_the_same_bits(losses):
    """Errors are saved as bytes where that loses nothing, and rows by their runs."""
    memory = LossMemory(max_rows=10)
    memory.append(np.array(losses, dtype=float), 7)
    memory.append(np.array(losses, dtype=float), 7)
    memory.append(np.array(losses, dtype=float), 3 + np.arange(len(losses)))
    copy = pickle.loads(pickle.dumps(memory))
    assert copy.losses.tobytes() == memory.losses.tobytes()
    assert copy.rows.tobytes() == memory.rows.tobytes()


@pytest.mark.parametrize("size", [100, 300, 100_000])
def test_an_error_takes_little_more_than_a_bit_to_save_and_a_batch_little_more_than_its_size(size):
    """A thousand models in wait hold thousands of errors each."""
    memory = LossMemory(max_rows=20_000)
    for start in range(0, 200 * size, size):
        memory.append(np.arange(100) % 2 * 1.0, start)
    assert len(pickle.dumps(memory)) < 20_000 / 8 + 200 * (2 if size < 256 else 10) + 1000
    copy = pickle.loads(pickle.dumps(memory))
    assert copy.rows.tolist() == memory.rows.tolist()
    assert copy.rows.dtype == np.int64


def test_the_state_of_the_first_release_is_read():
    """It had each loss and row as it was in memory."""
    old = {"max_rows": 9, "_first": 0, "_end": 2}
    old |= {"_losses": np.array([0.0, 1.0]), "_rows": np.array([4, 4])}
    memory = LossMemory.__new__(LossMemory)
    memory.__setstate__(old)
    assert memory.losses.tolist() == [0.0, 1.0]
    assert memory.rows.tolist() == [4, 4]
