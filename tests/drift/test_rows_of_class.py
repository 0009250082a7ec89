"""Properties of a watch over classes apart."""

import pickle

import numpy as np
import pytest
from river import drift
from river.drift import binary
from sklearn.base import clone

from skretrain.drift import ErrorDrift, ScoredBatch

RAW = {"order": "stream", "direction": "both", "cooldown": 0}


def _stream(*rates, n=6000, shares=(0.7, 0.2, 0.1), seed=0):
    """Return labels 0, 1, 2 and errors; each of the `rates` holds for n rows, one per class."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(shares), n * len(rates), p=shares)
    rate_of = np.array(rates)[np.repeat(np.arange(len(rates)), n), y]
    return y, (rng.random(len(y)) < rate_of).astype(float)


def _show(trigger, y, losses, size=100, **fields):
    """Return the alarms as (rows seen, located row), and all rows that rang."""
    alarms, rang = [], []
    for start in range(0, len(y), size):
        rows = slice(start, start + size)
        n = len(y[rows])
        signal = trigger.update(ScoredBatch(start, n, losses[rows], y=y[rows], **fields))
        rang += trigger.ring_rows_
        if signal.state == "drift":
            alarms.append((start + n, signal.since))
    return alarms, rang


def _by_hand(losses, rows):
    adwin, rang = drift.ADWIN(), []
    for row, loss in zip(rows, losses):
        adwin.update(loss)
        if adwin.drift_detected:
            rang.append(int(row))
    return rang


LOST = [(0.05, 0.1, 0.1), (0.05, 0.1, 0.6)]  # class 2 gets worse


@pytest.mark.parametrize("size", [1, 70])
@pytest.mark.no_cover
def test_what_rings_is_river_fed_with_the_rows_of_the_class_only(size):
    """Of one class, of two apart, and of all: the union of what each rings on its own."""
    y, losses = _stream((0.4, 0.1, 0.5), (0.1, 0.5, 0.1), n=1500)
    own = {k: _by_hand(losses[y == k], np.flatnonzero(y == k)) for k in range(3)}
    assert all(own.values())
    watched = [(1, [1]), ([2], [2]), ((2, 0), [0, 2]), ("each", [0, 1, 2])]
    for rows_of_class, labels in watched:
        _, rang = _show(ErrorDrift(rows_of_class=rows_of_class, **RAW), y, losses, size)
        assert rang == sorted(row for label in labels for row in own[label])


@pytest.mark.no_cover
def test_a_drift_in_one_class_is_found_and_located_to_the_batch():
    """Class 2, a hundredth of the rows, by 80 of its own; the errors of all rows never tell."""
    for seed in range(10):
        rates = (0.1, 0.1, 0.1), (0.1, 0.1, 0.8)
        y, losses = _stream(*rates, n=20_000, shares=(0.79, 0.2, 0.01), seed=seed)
        (alarm,), _ = _show(ErrorDrift(rows_of_class=[1, 2]), y, losses)
        assert (y[20_000 : alarm[0]] == 2).sum() <= 80
        assert abs(alarm[1] - 20_000) <= 1000  # ten rows of the class
        assert _show(ErrorDrift(), y, losses)[0] == []


@pytest.mark.parametrize("order", ["random", "stream"])
@pytest.mark.parametrize("bounded", [True, False])
def test_rows_of_other_classes_change_nothing(order, bounded):
    """Removed, or drawn anew with ten times the errors: the alarms of class 2 are the same."""
    y, losses = _stream(*LOST)
    expected = _show(ErrorDrift(rows_of_class=2, order=order), y, losses, bounded=bounded)
    assert expected[0]
    other = np.where(y == 2, losses, np.random.default_rng(1).random(len(y)))
    watching = ErrorDrift(rows_of_class=2, order=order)
    assert _show(watching, y, other, bounded=bounded) == expected
    trigger, alarms = ErrorDrift(rows_of_class=2, order=order), []
    for start in range(0, len(y), 100):
        rows = start + np.flatnonzero(y[start : start + 100] == 2)
        unscored = np.full(100, np.nan)
        unscored[rows - start] = losses[rows]
        # The others are there, and not scored: rows are counted as before.
        labels = y[start : start + 100]
        signal = trigger.update(ScoredBatch(start, 100, unscored, bounded, y=labels))
        alarms += [(start + 100, signal.since)] if signal.state == "drift" else []
    assert alarms == expected[0]


@pytest.mark.parametrize("names", [["c", "a", "b"], [2.5, -1.0, 0.0], np.array(list("xyz"), "O")])
def test_the_names_of_the_classes_do_not_matter(names):
    """Nor their order in the list, nor how they are stored."""
    y, losses = _stream(*LOST, n=3000)
    expected = _show(ErrorDrift(rows_of_class=[0, 1, 2]), y, losses)
    assert expected[0]
    named = np.array(names)[y]
    for rows_of_class in (list(names), list(names)[::-1], "each"):
        assert _show(ErrorDrift(rows_of_class=rows_of_class), named, losses) == expected


def test_more_classes_ask_for_more_proof():
    """The confidence is divided by their number; a class alone rings as if it were the stream."""
    y, losses = _stream((0.1, 0.1, 0.2), (0.1, 0.1, 0.4), n=4000, shares=(0.0, 0.0, 1.0), seed=3)
    first = []
    for watched in ([2], [2, *range(10, 60)]):
        first.append(_show(ErrorDrift(rows_of_class=watched), y, losses, size=20)[0][0][0])
    assert first[0] < first[1]
    assert _show(ErrorDrift(rows_of_class=2), y, losses) == _show(ErrorDrift(), y, losses)


@pytest.mark.no_cover
def test_many_classes_on_a_steady_stream_never_ring():
    """24 classes of 1,250 rows each, ten streams."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y, losses = rng.integers(0, 24, 30_000), (rng.random(30_000) < 0.2).astype(float)
        assert _show(ErrorDrift(rows_of_class="each"), y, losses, size=500)[0] == []


def test_a_drift_in_several_classes_is_one_alarm():
    """They ring at different times; the alarm of the first stands for the episode."""
    y, losses = _stream((0.05, 0.1, 0.1), (0.4, 0.6, 0.8))
    (alarm,), _ = _show(ErrorDrift(rows_of_class="each", cooldown=0), y, losses, size=50)
    assert abs(alarm[1] - 6000) <= 50


def test_classes_that_change_one_after_the_other_ring_each():
    """Class 1 at row 6,000, class 2 at row 12,000: each is located, answered or not."""
    y, losses = _stream((0.05, 0.1, 0.1), (0.05, 0.6, 0.1), (0.05, 0.6, 0.7))
    alarms, _ = _show(ErrorDrift(rows_of_class=[1, 2]), y, losses)
    assert [abs(since - row) <= 100 for (_, since), row in zip(alarms, (6000, 12_000))] == [
        True
    ] * 2


def test_alarms_of_one_batch_are_one_with_the_earliest_row():
    """Class 1 changed at row 2,000 and class 2 at row 3,000, told by one batch at the end."""
    y = np.tile([1, 2], 2500)
    losses = np.where(np.arange(5000) >= np.where(y == 1, 2000, 3000), 1.0, 0.0)
    trigger = ErrorDrift(rows_of_class=[2, 1], order="stream")
    assert _show(trigger, y, losses, size=5000)[0] == [(5000, 2000)]
    # The next change of a class is looked for after its own.
    assert [watch.memory.rows[0] for watch in trigger._watches.values()] == [3001, 2000]


def test_the_cooldown_counts_the_rows_of_all_classes():
    """A second rise, of another class, waits for the 3,000th row after the first alarm."""
    y, losses = _stream((0.05, 0.1, 0.1), (0.05, 0.8, 0.1), (0.05, 0.8, 0.9), n=1500)
    for cooldown in (0, 3000):
        trigger = ErrorDrift(rows_of_class=[1, 2], cooldown=cooldown)
        more = _stream((0.05, 0.8, 0.9), n=2000, seed=1)
        both = np.r_[y, more[0]], np.r_[losses, more[1]]
        (first, _), (second, since) = _show(trigger, *both, size=50)[0]
        assert (second - first >= 3000) == (cooldown == 3000)
        assert abs(since - 3000) <= 100


def test_each_takes_in_classes_as_they_come():
    """With their first scored row; NaN is no class, and a class that is not there is blank."""
    trigger = ErrorDrift(rows_of_class="each").reset()
    assert trigger.detector_ == {}
    assert not trigger.warming_up
    for k, labels in enumerate([[3.0, np.nan, 7.0], [np.nan, 5.0, 3.0]]):
        losses = np.array([0.0, 1.0, np.nan if k == 0 else 0.0])
        trigger.update(ScoredBatch(3 * k, 3, losses, y=np.array(labels)))
    assert {label: each.width for label, each in trigger.detector_.items()} == {3.0: 2, 5.0: 1}
    named = ErrorDrift(rows_of_class=[3, 4]).reset()
    named.update(ScoredBatch(0, 2, np.zeros(2), y=np.array([3, 7])))
    assert [each.width for each in named.detector_.values()] == [1, 0]


def test_a_class_called_each_is_named_in_a_list():
    y = np.array(["each", "other"])
    for watched, expected in (("each", ["each", "other"]), (["each"], ["each"])):
        trigger = ErrorDrift(rows_of_class=watched).reset()
        trigger.update(ScoredBatch(0, 2, np.zeros(2), y=y))
        assert list(trigger.detector_) == expected


def test_residuals_are_ranked_among_the_first_200_of_their_class():
    """It warms up until one class has them; the scale of another class does not matter."""
    y = np.repeat([[0, 1]], 400, axis=0).ravel()
    residuals = np.where(y == 0, 1e6, np.arange(800.0))
    trigger = ErrorDrift(drift.NoDrift(), rows_of_class=[0, 1], order="stream")
    for n, warming in ((398, True), (399, False), (400, False)):
        _show(trigger.reset(), y[:n], residuals[:n], size=n, bounded=False)
        assert trigger.warming_up is warming
    _show(trigger.reset(), y, residuals, size=800, bounded=False)
    ranked = {label: set(watch.memory.losses) for label, watch in trigger._watches.items()}
    assert ranked == {0: {0.5}, 1: {1.0}}
    assert trigger._watches[1].memory.rows[0] == 401


def test_the_loss_may_be_a_log_loss_or_a_callable():
    """A model that is sure of class 1 and no longer recognises it, without an error more."""
    rng = np.random.default_rng(0)
    y = (rng.random(8000) < 0.1).astype(int)
    p = np.where((y == 1) & (np.arange(8000) >= 4000), 0.02, 0.4) + rng.uniform(-0.01, 0.01, 8000)
    for loss in ("log_loss", lambda y_true, y_pred: 1 - y_pred):
        trigger, alarms = ErrorDrift(loss=loss, rows_of_class=1), []
        for start in range(0, 8000, 200):
            rows = slice(start, start + 200)
            proba = np.c_[1 - p[rows], p[rows]]
            fields = {"y": y[rows], "y_pred": p[rows], "y_proba": proba, "classes": np.arange(2)}
            signal = trigger.update(ScoredBatch(start, 200, np.zeros(200), **fields))
            alarms += [signal.since] if signal.state == "drift" else []
        assert alarms == [4000]


def test_an_answered_alarm_blanks_every_class_and_knows_them_still():
    """The random order goes on; what class 1 was shown is gone, too, although class 2 rang."""
    y, losses = _stream(*LOST)
    trigger = ErrorDrift(rows_of_class="each")
    _show(trigger, y, losses)
    trigger.after_fit(None, None, answered=False)
    assert all(each.width for each in trigger.detector_.values())
    before = {label: pickle.dumps(watch.rng) for label, watch in trigger._watches.items()}
    trigger.after_fit(None, None, answered=True)
    assert sorted(trigger.detector_) == [0, 1, 2]
    assert not any(each.width for each in trigger.detector_.values())
    assert not any(len(watch.memory) for watch in trigger._watches.values())
    assert {k: pickle.dumps(watch.rng) for k, watch in trigger._watches.items()} == before


@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_goes_on_and_a_clone_is_blank(protocol):
    y, losses = _stream(*LOST, n=3000)
    whole = _show(ErrorDrift(rows_of_class="each"), y, losses)
    trigger = ErrorDrift(rows_of_class="each")
    parts = _show(trigger, y[:3000], losses[:3000])
    copy = pickle.loads(pickle.dumps(trigger, protocol))
    for start in range(3000, 6000, 100):
        rows = slice(start, start + 100)
        signal = copy.update(ScoredBatch(start, 100, losses[rows], y=y[rows]))
        parts[0].extend([(start + 100, signal.since)] if signal.state == "drift" else [])
    assert parts[0] == whole[0]
    assert clone(trigger).reset().detector_ == {}


def test_a_warning_of_one_class_is_passed_on():
    """Also by a batch without a row of it."""
    trigger = ErrorDrift(binary.DDM(drift_threshold=1000.0), rows_of_class=[0, 1], order="stream")
    losses = np.r_[np.tile([0.0] * 9 + [1.0], 30), np.ones(15)]
    for labels in (np.ones, np.zeros):
        signal = trigger.update(ScoredBatch(0, len(losses), losses, y=labels(len(losses))))
        assert signal.state == "warning"
        losses = np.zeros(5)


def test_a_detector_that_rings_by_the_clock_counts_the_rows_of_the_class():
    """And locates nothing."""
    detector = drift.DummyDriftDetector(t_0=50)
    trigger = ErrorDrift(detector, rows_of_class=1, cooldown=0)
    y = np.tile([0, 0, 0, 1], 100)
    assert _show(trigger, y, np.zeros(400))[0] == [(200, None), (400, None)]


@pytest.mark.parametrize(
    ("rows_of_class", "fields", "message"),
    [
        (1, {}, r"rows_of_class=1\) needs one true label per row, and this batch lacks them. Use"),
        ("each", {"y": np.zeros((3, 2))}, r"single output, or rows_of_class=None"),
        ("each", {"y": np.zeros(3), "bounded": False}, r"needs classes, and .* List the labels"),
        (["1"], {"y": np.ones(3, int)}, r"names '1', which none of the targets can be: .* int64"),
        (1, {"y": np.array(["1"] * 3)}, r"names 1, which none of .* Write the label as it is in y"),
    ],
)
def test_labels_that_are_not_there_or_cannot_be_are_told(rows_of_class, fields, message):
    """Instead of a silence that lasts."""
    with pytest.raises(ValueError, match=message):
        ErrorDrift(rows_of_class=rows_of_class).update(ScoredBatch(0, 3, np.zeros(3), **fields))
