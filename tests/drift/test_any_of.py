"""Properties of several triggers taken as one, and of what `detector` accepts."""

import numpy as np
import pytest
from river.drift import ADWIN, KSWIN

from skretrain.drift import BaseTrigger, ErrorDrift, Periodic, ScoredBatch, Signal
from skretrain.drift._any_of import AnyOf
from skretrain.drift._resolve import resolve_trigger


class _Scripted(BaseTrigger):
    def __init__(self, signals, needs=("loss",), warming=False):
        self.signals = signals
        self.needs = frozenset(needs)
        self.warming = warming

    @property
    def warming_up(self):
        return self.warming

    def reset(self):
        self.seen, self.fits = [], []
        return self

    def update(self, batch):
        self.seen.append(batch.start)
        return self.signals[len(self.seen) - 1]

    def after_fit(self, fit, reference, answered):
        self.fits.append((fit, reference, answered))


STABLE, WARNING = Signal("stable"), Signal("warning")


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ([STABLE, STABLE], STABLE),
        ([STABLE, WARNING], WARNING),
        ([Signal("drift"), WARNING], Signal("drift")),
        ([Signal("drift", 40), Signal("drift", 30)], Signal("drift", 30)),
        ([Signal("drift", 40), Signal("drift")], Signal("drift", 40)),
        ([Signal("drift", 40), Signal("warning", 10)], Signal("drift", 40)),
        ([Signal("drift", 0), Signal("drift", 30)], Signal("drift", 0)),
    ],
)
def test_the_worst_state_wins_with_the_earliest_row_of_those_that_ring(signals, expected):
    """A row located by a trigger that does not ring does not count."""
    assert AnyOf([_Scripted([s]) for s in signals]).reset().update(ScoredBatch(0, 1)) == expected


def test_every_trigger_sees_every_batch_and_every_fit():
    """A ring of the first does not hide the batch from the second; its answer is its own."""
    parts = [_Scripted([Signal("drift")] * 2), _Scripted([STABLE] * 2)]
    trigger = AnyOf(parts).reset()
    for start in (0, 10):
        trigger.update(ScoredBatch(start, 10))
    trigger.after_fit("fit", "reference", True)
    assert [part.seen for part in parts] == [[0, 10], [0, 10]]
    assert [part.fits for part in parts] == [
        [("fit", "reference", True)],
        [("fit", "reference", False)],
    ]


def test_needs_are_united_and_one_ready_trigger_suffices():
    """It warms up only while all of its triggers do."""
    first, second = _Scripted([], ("X",), True), _Scripted([], ("loss", "y_proba"), False)
    assert AnyOf([first, second]).needs == {"X", "loss", "y_proba"}
    assert not AnyOf([first, second]).warming_up
    assert AnyOf([first]).warming_up


def test_none_means_no_detection():
    """No trigger is made."""
    assert resolve_trigger(None) is None


def test_alias_detector_trigger_and_list_are_understood():
    """Each accepted form gives a blank trigger and leaves what was given alone."""
    assert resolve_trigger("adwin").detector is None
    adwin = ADWIN(delta=0.5)
    assert resolve_trigger(adwin).detector is adwin
    periodic = Periodic(70)
    periodic.update(ScoredBatch(0, 60))
    resolved = resolve_trigger(periodic)
    assert resolved is not periodic
    assert resolved.update(ScoredBatch(0, 60)).state == "stable"  # the 60 rows before are gone
    many = resolve_trigger(["adwin", adwin, periodic])
    assert [type(part) for part in many.triggers] == [ErrorDrift, ErrorDrift, Periodic]
    assert many.update(ScoredBatch(0, 70, np.zeros(70))).state == "drift"
    assert isinstance(resolve_trigger((adwin,)), AnyOf)


def test_random_state_fills_only_what_is_none():
    """A seed that was given stays, a trigger without a seed is left alone."""
    many = resolve_trigger([ErrorDrift(), ErrorDrift(KSWIN(), random_state=2), Periodic()], 5)
    assert [part.get_params().get("random_state") for part in many.triggers] == [5, 2, None]
    assert many.triggers[1].detector_.seed == 2
    assert resolve_trigger("adwin").random_state is None


@pytest.mark.parametrize("detector", ["helloworld", 3, [], [None], [[ADWIN()]], ADWIN, Periodic])
def test_anything_else_is_refused_with_what_is_accepted(detector):
    """The error names the parameter, the value and the accepted forms."""
    with pytest.raises(ValueError, match=r"(?s)detector=.* is not accepted: pass 'adwin', a river"):
        resolve_trigger(detector)
