"""Which classes are rare, and the trigger that watches them apart."""

import numpy as np
import pytest
from river.drift import ADWIN

from skretrain.drift import AtLeast, ErrorDrift, Periodic, ScoredBatch
from skretrain.drift._rare import rare_labels, watch_rare


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"a": 951, "b": 49}, ["b"]),
        ({"a": 950, "b": 50}, []),  # a twentieth is not rare
        ({"a": 970, "b": 20, "c": 10}, ["c", "b"]),
        (dict.fromkeys(range(24), 100), []),  # each has 4 %, and all are alike
        (dict.fromkeys(range(24), 100) | {24: 45, 25: 40}, [25, 24]),  # half of a fair share: 48
        (dict.fromkeys(range(24), 100) | {24: 60}, []),
        ({"a": 7}, []),
        ({}, []),
    ],
)
def test_a_class_is_rare_among_all_rows_and_beside_the_others(counts, expected):
    y = np.repeat(np.array(list(counts), dtype=object), list(counts.values()))
    assert rare_labels(np.random.default_rng(0).permutation(y)) == expected
    assert rare_labels(y.tolist()) == expected


def test_labels_keep_their_type_and_what_is_none_is_left_out():
    """NaN is no label, and several outputs have no rare one."""
    y = np.r_[np.zeros(98), 1.0, [np.nan] * 200]
    assert rare_labels(y) == [1.0]
    assert rare_labels(np.r_[np.zeros(98, bool), True]) == [True]
    assert rare_labels(np.zeros((50, 2))) == []


@pytest.mark.parametrize(
    ("has_proba", "needs"), [(True, {"classes", "loss", "y_proba"}), (False, {"classes", "loss"})]
)
def test_both_triggers_are_blank_seeded_alike_and_say_what_they_need(has_proba, needs):
    used = ErrorDrift(ADWIN(delta=0.1), random_state=5).reset()
    used.update(ScoredBatch(0, 50, np.zeros(50)))
    trigger = watch_rare(used, ["fraud"], has_proba)
    first, rare = trigger.triggers_
    assert type(trigger) is AtLeast
    assert trigger.needs == needs
    assert first.detector_.width == 0
    assert first.detector_.delta == 0.1
    assert (first.random_state, rare.random_state) == (5, 5)
    assert list(rare.detector_) == ["fraud"]
    assert rare.loss == ("log_loss" if has_proba else "auto")
    assert used.detector_.width == 50
    assert watch_rare(Periodic(), [1], has_proba).triggers_[1].random_state is None


@pytest.mark.parametrize("seed", range(3))
def test_a_new_kind_of_fraud_is_found_and_located_to_the_day(seed):
    """13 rows in 1,000, days of 350 rows, new from day 90: within 15,000 rows, near the day."""
    rng, logit = np.random.default_rng(seed), lambda z: 1 / (1 + np.exp(-z))
    plain, alarms, day = ErrorDrift().reset(), [], 350
    trigger = watch_rare(ErrorDrift(), [1], has_proba=True)
    for start in range(30 * day, 150 * day, day):
        y = (rng.random(day) < 0.013).astype(int)
        seen = (y == 1) & (start < 90 * day)  # the model suspects the old kind only
        p = logit(rng.normal(np.where(seen, -1.5, -6.0), 1.5))
        fields = {"y": y, "y_proba": np.c_[1 - p, p], "classes": np.array([0, 1])}
        batch = ScoredBatch(start, day, ((p > 0.5) != y).astype(float), **fields)
        signal = trigger.update(batch)
        alarms += [(start + day, signal.since)] if signal.state == "drift" else []
        assert plain.update(batch).state != "drift"
    ((row, since),) = alarms
    assert row - 90 * day <= 15_000
    assert abs(since - 90 * day) <= day
