"""The contract of the triggers."""

import pickle

import numpy as np
import pytest

import skretrain.drift
from skretrain.drift import BaseTrigger, FitRecord, ScoredBatch, Signal

FIT = FitRecord(row=10, n_rows=5, since=5, kind="full_refit", cpu_seconds=0.1, wall_seconds=0.1)


class _Counting(BaseTrigger):
    def reset(self):
        self.n_resets_ = getattr(self, "n_resets_", 0) + 1
        return self

    def update(self, batch):
        return Signal("stable")


def test_only_a_fit_that_answered_the_alarm_restarts_by_default():
    """Growth refits and updates leave a trigger alone."""
    trigger = _Counting().reset()
    trigger.after_fit(FIT, None, answered=False)
    assert trigger.n_resets_ == 1
    trigger.after_fit(FIT, None, answered=True)
    assert trigger.n_resets_ == 2


def test_defaults_of_a_trigger():
    """A trigger needs the loss alone and never warms up, unless it says so."""
    assert _Counting().needs == {"loss"}
    assert not _Counting().warming_up


def test_a_trigger_without_its_two_methods_cannot_be_made():
    """The base class is abstract."""
    with pytest.raises(TypeError, match="abstract"):
        BaseTrigger()


@pytest.mark.parametrize("record", [FIT, Signal("drift", 3)])
def test_records_are_frozen_and_survive_pickling(record):
    """What was reported cannot be changed afterwards."""
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(AttributeError):
        setattr(record, "since", 4)  # noqa: B010


def test_a_batch_survives_pickling():
    """Batches travel between processes."""
    copy = pickle.loads(pickle.dumps(ScoredBatch(3, 2, np.array([0.0, 1.0]))))
    assert (copy.start, copy.n_rows, copy.loss.tolist()) == (3, 2, [0.0, 1.0])


def test_public_names_are_sorted_and_exist():
    """`__all__` is true."""
    names = skretrain.drift.__all__
    assert names == sorted(names)
    assert all(hasattr(skretrain.drift, name) for name in names)
