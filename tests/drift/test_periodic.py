"""Properties of the periodic trigger."""

import pickle

import pytest
from sklearn.base import clone

from skretrain.drift import Periodic, ScoredBatch


def _rings(trigger, sizes):
    return [trigger.update(ScoredBatch(0, size)).state == "drift" for size in sizes]


@pytest.mark.parametrize("size", [1, 7, 30, 45])
def test_it_counts_rows_and_not_batches(size):
    """A batch rings if and only if it holds the last row of a period."""
    sizes = [size] * 40
    expected = [(size * (k + 1)) // 45 > (size * k) // 45 for k in range(40)]
    assert _rings(Periodic(45), sizes) == expected


def test_a_batch_longer_than_the_period_rings_once_and_keeps_the_phase():
    """100 rows complete 30 three times; ten remain."""
    assert _rings(Periodic(30), [100, 19, 1]) == [True, False, True]


def test_fits_do_not_disturb_the_schedule():
    """The third period ends where the second left off, whatever was fitted in between."""
    trigger = Periodic(20).reset()
    rings = []
    for _ in range(6):
        rings += _rings(trigger, [10])
        trigger.after_fit(None, None, answered=True)
    assert rings == [False, True] * 3


def test_it_locates_nothing_and_needs_nothing():
    """It asks for no loss, and leaves `since` open."""
    assert Periodic.needs == frozenset()
    assert Periodic(1).update(ScoredBatch(0, 5)).since is None


def test_its_alarms_say_that_it_is_time():
    """And nothing of the model."""
    assert Periodic(5).update(ScoredBatch(0, 5)).on_schedule
    assert not Periodic(9).update(ScoredBatch(0, 5)).on_schedule


def test_reset_pickle_and_clone():
    """Reset starts the count again; a pickle goes on with it; a clone has no count."""
    trigger = Periodic(30)
    _rings(trigger, [20])
    copy = pickle.loads(pickle.dumps(trigger))
    assert _rings(copy, [10]) == [True]
    assert _rings(clone(trigger), [10]) == [False]
    assert _rings(trigger.reset(), [10]) == [False]


@pytest.mark.parametrize("every", [0, -3, 2.5, True, "now and then", None])
def test_a_useless_period_is_refused_by_name_and_value(every):
    """The error comes at reset, not in the constructor, and shows the value."""
    trigger = Periodic(every)
    assert trigger.get_params() == {"every": every, "column": None}
    with pytest.raises(ValueError, match=rf"Periodic\(every={every!r}\): every must be an integer"):
        trigger.reset()
