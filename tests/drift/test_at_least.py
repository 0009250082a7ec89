"""Properties of several triggers taken as one, and of what `detector` accepts."""

import pickle

import joblib
import numpy as np
import pytest
from river.drift import ADWIN, KSWIN
from sklearn.base import clone

from skretrain.drift import (
    AtLeast,
    BaseTrigger,
    ErrorDrift,
    FitRecord,
    Periodic,
    RefitDebt,
    ScoredBatch,
    Signal,
)
from skretrain.drift._resolve import resolve_trigger
from skretrain.utils.estimator_checks import ScriptedDetector


class _Scripted(BaseTrigger):
    def __init__(self, signals=(), needs=("loss",), warming=False):
        self.signals = signals
        self.needs = needs
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


def _run(scripts, k):
    """Return the alarms of scripted triggers ("" or the located row, per batch), by batch."""
    drift = {"": Signal("stable"), "!": Signal("drift")}
    parts = [_Scripted([drift.get(c) or Signal("drift", int(c)) for c in each]) for each in scripts]
    trigger = AtLeast(parts, k).reset()
    signals = [trigger.update(ScoredBatch(10 * j, 10)) for j in range(len(scripts[0]))]
    return trigger, [(signal.state[0], signal.since) for signal in signals]


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
        (
            [Signal("drift", note="one"), Signal("drift"), Signal("drift", note="other")],
            Signal("drift", note="one; other"),
        ),
        (
            [Signal("drift", note="one"), Signal("warning", note="other")],
            Signal("drift", note="one"),
        ),
        (
            [Signal("warning", note="one"), Signal("stable", note="none"), Signal("warning")],
            Signal("warning", note="one"),
        ),
    ],
)
def test_the_worst_state_wins_with_the_earliest_row_of_those_that_ring(signals, expected):
    """A row located by a trigger that does not ring does not count."""
    assert AtLeast([_Scripted([s]) for s in signals]).reset().update(ScoredBatch(0, 1)) == expected


def test_a_warning_tells_what_was_found_by_those_that_ring_or_warn():
    parts = [
        _Scripted([Signal("drift", note="one"), STABLE]),
        _Scripted([Signal("warning", note="other"), Signal("warning", note="other")]),
    ]
    trigger = AtLeast(parts, k=2).reset()
    told = [trigger.update(ScoredBatch(start, 10)) for start in (0, 10)]
    assert told == [Signal("warning", note="one; other"), Signal("warning", note="other")]


def test_every_trigger_sees_every_batch_and_every_fit():
    """A ring of the first does not hide the batch from the second; its answer is its own."""
    trigger = AtLeast([_Scripted([Signal("drift")] * 2), _Scripted([STABLE] * 2)]).reset()
    for start in (0, 10):
        trigger.update(ScoredBatch(start, 10))
    trigger.after_fit("growth", "reference", False)
    trigger.after_fit("fit", "reference", True)
    trigger.after_fit("fit", "reference", True)  # by then, nothing is open
    assert [part.seen for part in trigger.triggers_] == [[0, 10], [0, 10]]
    answers = [[answered for _, _, answered in part.fits] for part in trigger.triggers_]
    assert answers == [[False, True, False], [False, False, False]]
    assert trigger.triggers_[1].fits[0] == ("growth", "reference", False)


@pytest.mark.parametrize(
    ("scripts", "k", "expected"),
    [
        # One rings, later the other: the alarm comes with the second.
        ([["7", "", ""], ["", "", "9"]], 2, [("w", None), ("w", None), ("d", 7)]),
        # The same one twice is still one.
        ([["7", "8", ""], ["", "", ""]], 2, [("w", None), ("w", None), ("w", None)]),
        # Both on one batch.
        ([["", "!"], ["", "9"]], 2, [("s", None), ("d", 9)]),
        # Two of three: the oldest ring is not among the two that rang last.
        ([["1", "", ""], ["", "5", ""], ["", "", "6"]], 2, [("w", None), ("d", 1), ("d", 5)]),
        # Rings of one batch are not told apart.
        ([["1", ""], ["5", ""], ["", "6"]], 2, [("d", 1), ("d", 1)]),
        # Any: each ring is an alarm with its own row, and between rings there is none.
        ([["1", "", ""], ["", "", "9"]], 1, [("d", 1), ("s", None), ("d", 9)]),
        # An alarm is not repeated while nobody rings.
        ([["1", ""], ["2", ""]], 2, [("d", 1), ("s", None)]),
    ],
)
def test_it_rings_when_k_have_rung_since_the_last_answer(scripts, k, expected):
    assert _run(scripts, k)[1] == expected


def test_a_retrain_answers_all_that_count_and_the_counting_starts_anew():
    trigger, _ = _run([["1", "", "1"], ["", "2", ""]], 2)
    trigger.after_fit("fit", None, True)
    assert [part.fits[-1][2] for part in trigger.triggers_] == [True, True]
    for part in trigger.triggers_:
        part.seen.clear()
    assert trigger.update(ScoredBatch(0, 10)).state == "warning"


def test_needs_are_united():
    parts = [_Scripted(needs=["X"]), _Scripted(needs=["loss", "y_proba"])]
    assert AtLeast(parts).needs == {"X", "loss", "y_proba"}
    assert AtLeast(parts).reset().needs == {"X", "loss", "y_proba"}
    assert AtLeast([ADWIN()]).needs == {"loss"}


@pytest.mark.parametrize(("k", "warming"), [(1, False), (2, False), (3, True)])
def test_it_warms_up_while_fewer_than_k_can_ring(k, warming):
    parts = [_Scripted(), _Scripted(warming=True), _Scripted()]
    assert AtLeast(parts, k).reset().warming_up is warming


def test_growth_is_as_dear_as_the_dearest_of_the_triggers_says():
    assert AtLeast([Periodic(200), RefitDebt(0)]).growth_pays
    assert not AtLeast([Periodic(200), RefitDebt(5)]).growth_pays
    assert not AtLeast([AtLeast([RefitDebt(5)]), RefitDebt(0)]).reset().growth_pays


def test_an_alarm_is_on_schedule_if_all_that_make_it_are():
    """Whatever else is in the list; one that looks at the model makes an alarm that tells of it."""
    batch = ScoredBatch(0, 10, np.zeros(10))
    schedule, scripted = Periodic(10), _Scripted([Signal("drift")])
    assert AtLeast([schedule, ADWIN()]).reset().update(batch).on_schedule
    assert AtLeast([AtLeast([schedule]), Periodic(5)], 2).reset().update(batch).on_schedule
    alarm = AtLeast([schedule, scripted]).reset().update(batch)
    assert alarm.state == "drift"
    assert not alarm.on_schedule


def test_what_was_given_is_not_touched_and_a_used_part_starts_blank():
    """River detectors, too: a clone of the whole would keep their past."""
    adwin, periodic = ADWIN(), Periodic(30)
    for _ in range(50):
        adwin.update(1.0)
    periodic.update(ScoredBatch(0, 20))
    trigger = AtLeast([adwin, periodic, "adwin"], 2)
    before = joblib.hash(trigger.get_params(deep=False))
    for each in (trigger, clone(trigger), resolve_trigger(trigger)):
        each.update(ScoredBatch(0, 29, np.zeros(29)))
        assert each.triggers_[0].detector_.width == 29
        assert each.triggers_[1]._n_waiting == 29
    assert joblib.hash(trigger.get_params(deep=False)) == before


def test_a_pickle_goes_on():
    trigger = AtLeast([Periodic(200), Periodic(300)], 2)
    trigger.update(ScoredBatch(0, 250))
    copy = pickle.loads(pickle.dumps(trigger))
    assert copy.update(ScoredBatch(250, 50)) == trigger.update(ScoredBatch(250, 50))
    assert trigger.reset().update(ScoredBatch(0, 50)).state == "stable"


@pytest.mark.parametrize("k", [0, 3, 1.0, True, None])
def test_a_useless_k_is_refused_by_name_and_value(k):
    with pytest.raises(ValueError, match=rf"AtLeast\(k={k!r}\): k must be an integer of at least"):
        AtLeast([Periodic(), Periodic()], k).reset()


@pytest.mark.parametrize("triggers", [[], None, Periodic()])
def test_no_list_of_triggers_is_refused(triggers):
    with pytest.raises(ValueError, match=r"triggers must be a non-empty list"):
        AtLeast(triggers).reset()


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
    assert [type(part) for part in many.triggers_] == [ErrorDrift, ErrorDrift, Periodic]
    assert many.update(ScoredBatch(0, 70, np.zeros(70))).state == "drift"
    assert isinstance(resolve_trigger((adwin,)), AtLeast)


def test_random_state_fills_only_what_is_none():
    """A seed that was given stays, a trigger without a seed is left alone."""
    many = resolve_trigger([ErrorDrift(), ErrorDrift(KSWIN(), random_state=2), Periodic()], 5)
    assert [part.get_params().get("random_state") for part in many.triggers_] == [5, 2, None]
    assert many.triggers_[1].detector_.seed == 2
    assert resolve_trigger("adwin").random_state is None
    two = resolve_trigger(AtLeast([ErrorDrift(), "adwin"], 2), 5)
    assert two.k == 2
    assert [part.random_state for part in two.triggers_] == [5, 5]


@pytest.mark.parametrize("detector", ["helloworld", 3, [], [None], [[ADWIN()]], ADWIN, Periodic])
def test_anything_else_is_refused_with_what_is_accepted(detector):
    """The error names the parameter, the value and the accepted forms."""
    with pytest.raises(ValueError, match=r"(?s)\(detector=.*\): detector must be 'adwin', a river"):
        resolve_trigger(detector)


# -- parts that fail -------------------------------------------------------------------------------


class _Fails(ScriptedDetector):
    """Rings by its script, and fails once: on the batch that begins at a row, or when told."""

    def __init__(self, rows=(), at=None, when_told=False):
        super().__init__(rows)
        self.at = at
        self.when_told = when_told

    def update(self, batch):
        if batch.start == self.at:
            raise RuntimeError("a part fails")
        return super().update(batch)

    def after_fit(self, fit, reference, answered):
        if self.when_told:
            raise RuntimeError("a part fails when told")
        super().after_fit(fit, reference, answered)


@pytest.mark.parametrize("order", [1, -1])
def test_a_part_that_fails_takes_the_alarm_of_no_other_with_it(order):
    """The others see the batch, and what rang on it is an alarm with the next one."""
    trigger = AtLeast([ScriptedDetector([310]), _Fails(at=300)][::order]).reset()
    with pytest.raises(RuntimeError, match="a part fails"):
        trigger.update(ScoredBatch(300, 50))
    signal = trigger.update(ScoredBatch(350, 50))
    assert (signal.state, signal.since) == ("drift", 310)
    assert trigger.update(ScoredBatch(400, 50)).state != "drift"


def test_a_part_that_fails_when_told_keeps_no_other_from_starting_anew():
    first, last = _Fails([310], when_told=True), ScriptedDetector([310])
    trigger = AtLeast([first, last]).reset()
    trigger.update(ScoredBatch(300, 50))
    fit = FitRecord(350, 40, 310, "full_refit", 0.0, 0.0)
    with pytest.raises(RuntimeError, match="when told"):
        trigger.after_fit(fit, None, True)
    assert trigger.triggers_[1].fits_ == [(350, True)]
    assert trigger.update(ScoredBatch(350, 50)).state == "stable"


class _SeesInputs(AtLeast):
    needs = AtLeast.needs | {"X"}


def test_a_subclass_adds_to_what_its_parts_need():
    """As to any trigger; what the parts need comes by itself."""
    assert AtLeast.needs == frozenset()
    assert _SeesInputs([Periodic()]).needs == {"X"}
    needs = _SeesInputs([Periodic(), ErrorDrift(loss="log_loss")]).needs
    assert needs == {"X", "loss", "y_proba"}
    assert type(needs) is frozenset
    assert AtLeast([_SeesInputs([Periodic()]), ErrorDrift()]).needs == {"X", "loss"}


def test_a_subclass_stays_what_it_is():
    """Resolved, and as a part of another one, with parameters of its own."""

    class Named(AtLeast):
        def __init__(self, triggers, k=1, name=None):
            super().__init__(triggers, k)
            self.name = name

    trigger = resolve_trigger(Named([ADWIN(), Periodic()], 2, name=["a"]))
    assert type(trigger) is Named
    assert (trigger.k, trigger.name) == (2, ["a"])
    inner = AtLeast([trigger]).reset().triggers_[0]
    assert type(inner) is Named
    assert inner.name == ["a"]
