"""Properties of the trigger that watches the losses."""

import pickle

import joblib
import numpy as np
import pytest
from helpers import stream
from river import drift
from river.base import BinaryDriftDetector
from river.drift import binary
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.drift import ErrorDrift, ScoredBatch


def _by_hand(detector, losses):
    """Feed river as its pages say and return the rows that rang: the oracle."""
    rows = []
    for row, loss in enumerate(losses):
        detector.update(bool(loss >= 0.5) if isinstance(detector, BinaryDriftDetector) else loss)
        if detector.drift_detected:
            rows.append(row)
    return rows


def _alarms(signals):
    return [(k, signal.since) for k, signal in enumerate(signals) if signal.state == "drift"]


# The detector ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 70])
@pytest.mark.no_cover
def test_river_mode_is_rivers_exact_sequence(any_detector, errors, show, size):
    """In stream order, both directions, without cooldown: the rows that ring are river's own."""
    losses = errors(0.4, 0.05, 0.6, n=500)
    losses[::9] = 0.5
    expected = _by_hand(any_detector.clone(), losses.tolist())
    trigger = ErrorDrift(any_detector, order="stream", direction="both", cooldown=0).reset()
    rows, signals = [], []
    for start in range(0, len(losses), size):
        signals += show(trigger, losses[start : start + size], size, first=start)
        rows += trigger.ring_rows_
    assert rows == expected
    assert [k for k, _ in _alarms(signals)] == sorted({row // size for row in expected})


@pytest.mark.no_cover
def test_an_improving_stream_never_rings(any_detector, errors, show):
    """Errors fall from 0.4 to 0.1: no detector raises an alarm, whatever it says itself."""
    if isinstance(any_detector, drift.DummyDriftDetector):
        pytest.skip("rings by construction, whatever it sees")
    for seed in range(2 if isinstance(any_detector, drift.KSWIN) else 8):
        losses = errors(0.4, 0.1, n=1500, seed=seed)
        trigger = ErrorDrift(any_detector, random_state=seed).reset()
        assert not _alarms(show(trigger, losses))


@pytest.mark.parametrize("seed", range(3))
def test_a_rise_after_the_improvement_is_found_and_compared_with_the_better_level(
    errors, show, seed
):
    """0.4 -> 0.1 -> 0.25: the end is better than the start, and still an alarm."""
    trigger = ErrorDrift().reset()
    alarms = _alarms(show(trigger, errors(0.4, 0.1, 0.25, n=2000, seed=seed)))
    assert len(alarms) == 1
    assert abs(alarms[0][1] - 4000) <= 100


def test_fhddm_waits_for_a_fall_of_what_it_sees(errors, show):
    """Its code takes 1 for right: in river mode it rings at a fall of the error, else at a rise."""
    rise, fall = errors(0.1, 0.6, n=600), errors(0.6, 0.1, n=600)
    fhddm = binary.FHDDM()
    assert len(_alarms(show(ErrorDrift(fhddm).reset(), rise))) == 1
    assert not _alarms(show(ErrorDrift(fhddm).reset(), fall))
    raw = {"direction": "both", "order": "stream", "cooldown": 0}
    assert not _alarms(show(ErrorDrift(fhddm, **raw).reset(), rise))
    assert _alarms(show(ErrorDrift(fhddm, **raw).reset(), fall))


@pytest.mark.parametrize(
    "detector",
    [
        drift.ADWIN(),
        drift.ADWIN(delta=0.3),
        drift.PageHinkley(),
        binary.DDM(),
        binary.EDDM(),
        binary.FHDDM(),
        binary.HDDMA(),
        binary.HDDMW(),
    ],
    ids=repr,
)
def test_a_doubled_error_is_found_once_and_located(detector, errors, show):
    """0.1 -> 0.4 at row 1,500: one alarm, at most 100 rows off, whichever detector rang."""
    alarms = _alarms(show(ErrorDrift(detector).reset(), errors(0.1, 0.4, n=1500), size=50))
    assert len(alarms) == 1
    assert alarms[0][0] >= 30
    assert abs(alarms[0][1] - 1500) <= 100


@pytest.mark.parametrize("detector", [binary.EDDM(), binary.DDM(drift_threshold=2.0)], ids=repr)
def test_rings_within_noise_are_warnings_and_not_lost(detector, errors, show):
    """They ring on a stationary stream without an alarm, and a true change is still found."""
    losses = errors(0.2, n=3000, seed=1)
    assert _by_hand(detector.clone(), losses)
    trigger = ErrorDrift(detector).reset()
    signals = show(trigger, losses)
    assert not _alarms(signals)
    assert any(signal.state == "warning" for signal in signals)
    assert _alarms(show(trigger, errors(0.4, n=500), first=3000))


def test_the_delta_of_adwin_sets_how_soon_a_rise_is_believed(errors, show):
    """A larger delta lowers the bound for noise, too: small rises are found earlier."""
    first = {}
    for delta in (0.002, 0.3):
        runs = [errors(0.1, 0.2, n=2000, seed=seed) for seed in range(10)]
        alarms = [_alarms(show(ErrorDrift(drift.ADWIN(delta=delta)).reset(), run)) for run in runs]
        first[delta] = np.median([found[0][0] for found in alarms])
    # Batches of 100 rows; with the bound of the default both would come at the same time.
    assert first[0.3] + 1 <= first[0.002]


def test_the_dummy_detector_rings_by_the_clock_and_locates_nothing(show):
    """Its rings pass unfiltered, with `since` open."""
    trigger = ErrorDrift(drift.DummyDriftDetector(t_0=200), cooldown=0).reset()
    assert _alarms(show(trigger, np.zeros(600))) == [(1, None), (3, None), (5, None)]


def test_a_warning_of_the_detector_is_passed_on():
    """The state at the end of the batch counts, for detectors that have one."""
    trigger = ErrorDrift(binary.DDM(drift_threshold=1000.0), order="stream").reset()
    losses = np.r_[np.tile([0.0] * 9 + [1.0], 30), np.ones(15)]
    assert trigger.update(ScoredBatch(0, len(losses), losses)).state == "warning"
    assert trigger.detector_.warning_detected


@pytest.mark.no_cover
def test_a_used_detector_runs_like_a_new_one(any_detector, errors, show):
    """The past of the object given does not leak, and it is never changed."""
    losses = errors(0.1, 0.5, n=300)
    new = ErrorDrift(any_detector.clone()).reset()
    expected = show(new, losses), pickle.dumps(new.detector_)
    for loss in errors(0.7, n=130):
        any_detector.update(bool(loss))
    before = pickle.dumps(any_detector)
    used = clone(ErrorDrift(any_detector)).reset()
    assert (show(used, losses), pickle.dumps(used.detector_)) == expected
    assert pickle.dumps(any_detector) == before


def test_parameters_are_not_touched_by_a_run(errors, show):
    """The hash of the parameters is the same before and after."""
    trigger = ErrorDrift(drift.ADWIN(delta=0.01))
    before = joblib.hash(trigger.get_params())
    show(trigger, errors(0.1, 0.6, n=500))
    assert joblib.hash(trigger.get_params()) == before


@pytest.mark.no_cover
def test_kswin_without_a_seed_repeats_itself(errors, show):
    """Its seed comes from random_state, for which None is a fixed one too."""
    losses = errors(0.2, 0.5, n=200)
    for random_state in (None, 3):
        first, second = (ErrorDrift(drift.KSWIN(), random_state=random_state) for _ in "ab")
        assert show(first, losses) == show(second, losses)
        assert pickle.dumps(first.detector_) == pickle.dumps(second.detector_)
        assert first.detector_.seed == (random_state or 0)


# Alarms ------------------------------------------------------------------------------------------


def test_several_rings_in_a_batch_are_one_alarm(errors, show):
    """The whole stream as one batch, with two rises in it, gives one signal."""
    losses = errors(0.05, 0.3, 0.8, n=1000)
    trigger = ErrorDrift(order="stream").reset()
    (signal,) = show(trigger, losses, size=3000)
    assert len(trigger.ring_rows_) >= 2
    assert signal.state == "drift"
    assert min(abs(signal.since - 1000), abs(signal.since - 2000)) <= 15


def test_one_alarm_per_episode(errors, show):
    """1,955 updates after the change there has been one alarm, also if nobody answers it."""
    assert len(_alarms(show(ErrorDrift().reset(), errors(0.1, 0.4, n=2000), size=5))) == 1


def test_the_location_is_exact_in_stream_order_and_a_batch_start_in_random_order(errors, show):
    """The row is counted from the stream, not from the losses kept: NaN rows shift nothing."""
    losses = np.full(4000, np.nan)
    losses[::2] = errors(0.0, 1.0, n=1000)
    for order, expected in (("stream", 2000), ("random", 1950)):
        alarms = _alarms(show(ErrorDrift(order=order).reset(), losses, size=150, first=0))
        assert alarms[0][1] == expected


@pytest.mark.parametrize("cooldown", [0, 600])
def test_a_ring_in_the_cooldown_is_raised_when_it_ends(errors, show, cooldown):
    """A second rise 300 rows after the first alarm waits for the end of the cooldown."""
    trigger = ErrorDrift(cooldown=cooldown).reset()
    losses = np.r_[errors(0.05, n=1000), errors(0.4, n=400), errors(1.0, n=1000)]
    (first, _), (second, since) = _alarms(show(trigger, losses, size=50))
    assert second - first >= cooldown // 50
    assert (second - first == 12) == (cooldown == 600)
    assert abs(since - 1400) <= 50


def test_a_ring_in_the_cooldown_that_proves_void_is_dropped(errors, show):
    """A rise that is gone again, and outweighed, when the cooldown ends raises nothing."""
    losses = np.r_[errors(0.3, n=1000), errors(0.8, n=150), errors(1.0, n=80), errors(0.0, n=2000)]
    assert len(_alarms(show(ErrorDrift(cooldown=1500).reset(), losses, size=50))) == 1
    assert len(_alarms(show(ErrorDrift(cooldown=1500).reset(), losses[:1200], size=50))) == 1


def test_only_an_answered_alarm_restarts(errors, show):
    """After a growth refit the old losses still count; after an answer the trigger is blank."""
    trigger = ErrorDrift().reset()
    show(trigger, errors(0.1, n=900))
    trigger.after_fit(None, None, answered=False)
    assert len(trigger._memory) == 900
    # A drift that begins exactly at the growth refit is found.
    assert _alarms(show(trigger, errors(0.5, n=300), first=900))
    trigger.after_fit(None, None, answered=True)
    new = clone(trigger).reset()
    assert trigger._quiet_until > new._quiet_until
    state, blank = (vars(each._watches[None]).copy() for each in (trigger, new))
    assert pickle.dumps(state.pop("rng")) != pickle.dumps(blank.pop("rng"))
    assert pickle.dumps(state) == pickle.dumps(blank)


def test_the_cooldown_goes_on_after_the_restart(show):
    """It starts at the alarm, not at the answer."""
    trigger = ErrorDrift(drift.DummyDriftDetector(t_0=100), cooldown=300).reset()
    assert _alarms(show(trigger, np.zeros(100))) == [(0, None)]
    trigger.after_fit(None, None, answered=True)
    assert _alarms(show(trigger, np.zeros(400), first=100)) == [(2, None)]


@pytest.mark.parametrize(("direction", "n_alarms"), [("increase", 0), ("decrease", 1), ("both", 1)])
def test_direction_says_which_change_is_an_alarm(errors, show, direction, n_alarms):
    """A fall of the error is one for "decrease" and "both", located within a batch."""
    losses = errors(0.6, 0.1, n=1000)
    alarms = _alarms(show(ErrorDrift(direction=direction).reset(), losses))
    assert len(alarms) == n_alarms
    assert all(abs(since - 1000) <= 100 for _, since in alarms)


def test_a_ring_without_any_change_locates_nothing(show):
    """With direction="both" a ring is an alarm even if all losses are equal."""

    class Alarmist(drift.ADWIN):
        drift_detected = True

    trigger = ErrorDrift(Alarmist(), direction="both").reset()
    assert _alarms(show(trigger, np.zeros(50), size=50)) == [(0, None)]
    assert not _alarms(show(ErrorDrift(Alarmist()).reset(), np.zeros(50), size=50))


# Order, missing losses, scale --------------------------------------------------------------------


def test_a_batch_sorted_by_class_never_rings_in_random_order(errors, show):
    """Errors grouped inside each 500-row batch: dozens of rings of raw ADWIN, none of ours."""
    losses = np.sort(errors(0.2, n=20_000).reshape(-1, 500), axis=1).ravel()
    assert len(_by_hand(drift.ADWIN(), losses)) > 24
    assert not _alarms(show(ErrorDrift().reset(), losses, size=500))


def test_random_state_varies_the_order_and_none_is_fixed(errors, show):
    """The same seed gives the same run, another seed another one."""
    losses = errors(0.3, n=400)
    runs = []
    for random_state in (None, None, 1, 1):
        trigger = ErrorDrift(random_state=random_state).reset()
        show(trigger, losses)
        runs.append(trigger._memory.losses.tolist())
    assert runs[0] == runs[1] != runs[2] == runs[3]
    assert sorted(runs[0]) == sorted(runs[2])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("order", ["random", "stream"])
def test_losses_that_are_no_numbers_never_enter(errors, show, bad, order):
    """The memory and the detector are as if those rows had not been there."""
    losses = errors(0.2, n=300)
    with_bad = np.insert(losses.reshape(-1, 50), 3, bad, axis=1)
    clean, dirty = (ErrorDrift(order=order).reset() for _ in "ab")
    show(clean, losses, size=50)
    show(dirty, with_bad.ravel(), size=51)
    np.testing.assert_array_equal(clean._memory.losses, dirty._memory.losses)
    assert clean.detector_.estimation == dirty.detector_.estimation
    assert clean.detector_.width == dirty.detector_.width == 300


@pytest.mark.parametrize("order", ["random", "stream"])
def test_batches_without_a_scored_row_change_nothing(order, show):
    """Empty batches and batches of NaN are seen without complaint."""
    trigger = ErrorDrift(order=order).reset()
    show(trigger, np.full(20, np.nan), size=10)
    assert trigger.update(ScoredBatch(20, 0, np.empty(0))).state == "stable"
    assert len(trigger._memory) == 0


@pytest.mark.parametrize("order", ["random", "stream"])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4, 1e200])
def test_the_scale_of_a_residual_does_not_matter(show, scale, order):
    """Tripled residuals are found at the same row at every scale, and not before."""
    rng = np.random.default_rng(0)
    residuals = np.abs(rng.normal(size=2000)) * np.repeat([1.0, 3.0], 1000)
    trigger = ErrorDrift(order=order).reset()
    alarms = _alarms(show(trigger, residuals * scale, bounded=False))
    reference = _alarms(show(ErrorDrift(order=order).reset(), residuals, bounded=False))
    assert alarms == reference
    assert len(alarms) == 1
    assert abs(alarms[0][1] - 1000) <= 100


def test_it_is_silent_until_200_residuals_are_in(show):
    """`warming_up` is True so long, and again after an answered alarm, but never for errors."""
    trigger = ErrorDrift(drift.DummyDriftDetector(t_0=1), cooldown=0)
    assert not trigger.warming_up
    residuals = np.arange(1.0, 401.0)
    show(trigger.reset(), residuals[:150], size=50, bounded=False)
    assert trigger.warming_up
    assert not _alarms(show(trigger, np.full(50, np.nan), first=150, bounded=False))
    assert _alarms(show(trigger, residuals[150:300], size=150, first=200, bounded=False))
    assert not trigger.warming_up
    assert len(trigger._memory) == 100  # the reference is not shown
    assert trigger._memory.losses.max() == 1.0
    trigger.after_fit(None, None, answered=True)
    assert not _alarms(show(trigger, residuals[:200], first=350, bounded=False))
    bounded = ErrorDrift().reset()
    show(bounded, np.zeros(10))
    assert not bounded.warming_up


def test_ranks_are_midranks_among_the_first_200(show):
    """Ties share the middle; infinity is the worst; rows of the reference shift no row number."""
    trigger = ErrorDrift(drift.NoDrift(), order="stream").reset()
    show(trigger, np.repeat([1.0, 2.0], 100), size=200, bounded=False)
    more = np.array([0.5, 1.0, 1.5, 2.0, np.nan, np.inf])
    show(trigger, more, first=200, bounded=False)
    assert trigger._memory.losses.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert trigger._memory.rows.tolist() == [200, 201, 202, 203, 205]


def test_a_batch_that_completes_the_reference_shows_the_rest_with_its_own_rows(show):
    """Of 250 rows the first 200 are the reference; the others keep their stream rows."""
    trigger = ErrorDrift(drift.NoDrift(), order="stream").reset()
    show(trigger, np.arange(250.0), size=250, first=1000, bounded=False)
    assert trigger._memory.rows.tolist() == list(range(1200, 1250))


# Losses computed by the trigger ------------------------------------------------------------------


def _labelled(labels, proba, classes, **fields):
    return ScoredBatch(0, len(labels), y=labels, y_proba=proba, classes=classes, **fields)


def test_log_loss_is_that_of_the_true_class():
    """Its log over that of 0.001; 1 for less and for unknown classes, 0 for a little over 1."""
    trigger = ErrorDrift(drift.NoDrift(), loss="log_loss", order="stream").reset()
    assert trigger.needs == {"loss", "y_proba"}
    proba = np.array([[0.1, 0.9], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5], [1 + 1e-7, 0.0]])
    labels = np.array(["a", "b", "c", "a", "a"], dtype=object)
    scored = np.array([0.0, 0.0, 0.0, np.nan, 0.0])
    batch = _labelled(labels, proba.astype(np.float32), np.array(["a", "b"]), loss=scored)
    trigger.update(batch)
    np.testing.assert_allclose(trigger._memory.losses, [1 / 3, 1.0, 1.0, 0.0], atol=1e-7)
    assert trigger._memory.losses.min() == 0


def test_log_loss_is_shown_from_the_first_row():
    """It has bounds, so that no reference is collected: what rings is fed by hand."""
    proba = np.r_[np.full(300, 0.9), np.full(300, 0.02)]
    trigger = ErrorDrift(loss="log_loss", order="stream", direction="both", cooldown=0).reset()
    assert not trigger.warming_up
    columns = np.c_[proba, 1 - proba]
    trigger.update(_labelled(np.zeros(600), columns, np.array([0.0, 1.0])))
    assert trigger.ring_rows_ == _by_hand(drift.ADWIN(), (np.log(proba) / np.log(1e-3)).tolist())
    assert trigger.ring_rows_[0] < 350


def test_log_loss_finds_what_the_error_cannot_see(errors):
    """Confidence that falls without a single error more is an alarm, within 300 rows."""
    rng = np.random.default_rng(0)
    trigger = ErrorDrift(loss="log_loss").reset()
    alarms = []
    for start in range(0, 2000, 100):
        p = rng.uniform(0.8, 0.95, 100) if start < 1000 else rng.uniform(0.55, 0.85, 100)
        batch = _labelled(np.zeros(100), np.c_[p, 1 - p], np.array([0.0, 1.0]), loss=np.zeros(100))
        alarms += [start] if trigger.update(batch).state == "drift" else []
    assert 1000 <= alarms[0] <= 1200


def test_a_callable_is_a_loss_per_row():
    """It gets the true and the predicted values, and asks for the latter."""
    squared = ErrorDrift(loss=lambda y_true, y_pred: (y_true - y_pred) ** 2).reset()
    assert squared.needs == {"loss", "y_pred"}
    batch = ScoredBatch(0, 2, y=np.array([1.0, 2.0]), y_pred=np.array([1.0, 5.0]))
    losses, bounded = squared._losses_of(batch)
    assert losses.tolist() == [0.0, 9.0]
    assert not bounded
    assert squared.update(batch).state == "stable"


def _mean_loss(y_true, y_pred):
    return np.mean(y_true != y_pred)


ONES = np.ones(3)


@pytest.mark.parametrize(
    ("loss", "batch", "message"),
    [
        ("auto", ScoredBatch(0, 3), r"loss=None.*Pass detector=None"),
        ("log_loss", ScoredBatch(0, 3, ONES, y=ONES), r"needs one label per row.*loss='auto'"),
        ("log_loss", _labelled(ONES, np.ones((3, 2)), None), "lacks them"),
        ("log_loss", _labelled(ONES, ONES, ONES), "lacks them"),
        (_mean_loss, ScoredBatch(0, 3, ONES, y_pred=ONES), "this batch lacks y. Use loss='auto'"),
        (_mean_loss, ScoredBatch(0, 3, ONES, y=ONES), "this batch lacks y_pred. Use loss='auto'"),
        (_mean_loss, ScoredBatch(0, 3, y=ONES, y_pred=ONES), r"shape \(3,\), and .* shape \(\)"),
    ],
)
def test_a_batch_that_lacks_what_the_loss_needs_says_so(loss, batch, message):
    """The error names what is missing and the way out."""
    with pytest.raises(ValueError, match=message):
        ErrorDrift(loss=loss).update(batch)


# Parameters, memory, copies ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"detector": "adwin"}, r"detector='adwin'\): detector must be a river detector such as"),
        ({"detector": drift.ADWIN}, "detector must be a river detector"),
        ({"loss": "hinge"}, r"loss='hinge'\): loss must be 'auto', 'log_loss' or a callable"),
        ({"loss": None}, "loss must be"),
        ({"rows_of_class": []}, r"rows_of_class=\[\]\): rows_of_class must be None, one label, a "),
        ({"rows_of_class": [1, 2, 1]}, r"list of different labels, or 'each' for every class"),
        ({"rows_of_class": [[1]]}, r"\(for a class of that name alone: \['each'\]\)"),
        ({"rows_of_class": {}}, "rows_of_class must be"),
        ({"rows_of_class": np.arange(2)}, "rows_of_class must be"),
        ({"rows_of_class": float("nan")}, "rows_of_class must be"),
        ({"direction": "up"}, r"direction='up'\): direction must be one of 'increase', 'dec"),
        ({"order": ["random"]}, r"order=\['random'\]\): order must be one of 'random', 'stream'"),
        ({"cooldown": -1}, r"cooldown=-1\): cooldown must be an integer of at least 0"),
        ({"cooldown": True}, "cooldown must be"),
        ({"random_state": "x"}, r"random_state='x'\): random_state must be an integer of at l"),
        ({"random_state": -1}, "random_state must be"),
    ],
)
def test_bad_parameters_are_refused_at_reset(params, message):
    """They survive the constructor; the error names parameter, value and what is accepted."""
    trigger = ErrorDrift(**params)
    assert trigger.needs >= {"loss"}
    assert trigger.get_params().items() >= params.items()
    with pytest.raises(ValueError, match=message):
        trigger.reset()


def test_memory_is_flat():
    """After 70,000 rows it holds the newest 20,000 losses in at most twice that room."""
    trigger = ErrorDrift(order="stream").reset()
    for start in range(0, 70_000, 1000):
        trigger.update(ScoredBatch(start, 1000, np.zeros(1000)))
    assert len(trigger._memory) == 20_000
    assert trigger._memory.rows[0] == 50_000
    assert trigger._memory.nbytes <= 2 * 20_000 * 16
    assert len(pickle.dumps(trigger)) < 350_000


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_a_pickle_taken_at_any_row_goes_on_identically(any_detector, errors, show, bounded):
    """Copies made before, at and after the change give the same signals and the same state."""
    losses = errors(0.1, 0.6, n=300)
    whole = ErrorDrift(any_detector).reset()
    expected = show(whole, losses, size=20, bounded=bounded)
    for cut in (20, 180, 340):
        trigger = ErrorDrift(any_detector).reset()
        signals = show(trigger, losses[:cut], size=20, bounded=bounded)
        trigger = pickle.loads(pickle.dumps(trigger))
        signals += show(trigger, losses[cut:], size=20, first=cut, bounded=bounded)
        assert signals == expected
        assert trigger._memory.losses.tolist() == whole._memory.losses.tolist()


class _SeesInputs(ErrorDrift):
    needs = ErrorDrift.needs | {"X"}


class _SeesMore(_SeesInputs):
    needs = _SeesInputs.needs | frozenset({"y_pred"})


@pytest.mark.parametrize(
    ("trigger", "needs"),
    [
        (ErrorDrift(), {"loss"}),
        (_SeesInputs(), {"loss", "X"}),
        (_SeesInputs(loss="log_loss"), {"loss", "X", "y_proba"}),
        (_SeesInputs(loss=max), {"loss", "X", "y_pred"}),
        (_SeesMore(loss="log_loss"), {"loss", "X", "y_pred", "y_proba"}),
    ],
    ids=["plain", "inputs", "log loss", "callable", "subclass of a subclass"],
)
def test_a_subclass_adds_to_what_is_needed(trigger, needs):
    """As to any trigger; what the loss is computed from comes by itself, as before."""
    assert trigger.needs == needs
    assert type(trigger.needs) is frozenset
    assert ErrorDrift.needs == {"loss"}
    assert pickle.loads(pickle.dumps(clone(trigger))).needs == needs


def test_a_subclass_is_shown_what_it_needs():
    """By a retrainer, too."""

    class Keeps(ErrorDrift):
        needs = ErrorDrift.needs | {"X"}

        def update(self, batch):
            assert batch.X is not None
            assert batch.y_proba is not None
            return super().update(batch)

    X, y = stream(300)
    model = DriftAwareRetrainer(GaussianNB(), detector=Keeps(loss="log_loss"), batch_size=100)
    assert model.fit(X, y).events_ is not None


# -- how much is to be proven ----------------------------------------------------------------------


def test_the_more_is_to_be_proven_the_later_the_alarm(errors, show):
    losses, first = errors(0.1, 0.4), []
    for confidence in (1.0, 0.1, 1e-6, 1e-12):
        detector = drift.PageHinkley(threshold=5.0)
        trigger = ErrorDrift(detector, confidence=confidence).reset()
        signals = show(trigger, losses)
        first.append([signal.state for signal in signals].index("drift"))
    assert first == sorted(first)
    assert first[0] < first[-1]


def test_without_proof_each_ring_is_an_alarm_unless_the_losses_fell(errors, show):
    for rates, expected in (((0.1, 0.5), True), ((0.5, 0.1), False)):
        trigger = ErrorDrift(drift.PageHinkley(threshold=30.0), confidence=1).reset()
        rang = []
        for start in range(0, 2000, 100):
            part = errors(*rates)[start : start + 100]
            state = trigger.update(ScoredBatch(start, 100, part)).state
            rang.append(bool(trigger.ring_rows_))
            assert (state == "drift") == (rang[-1] and expected)
        assert any(rang)
