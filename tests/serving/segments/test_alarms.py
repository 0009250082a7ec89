"""Alarms over segments: few are false, episodes end, and what many have in common is told once."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer
from skretrain.serving import SegmentedRetrainer
from skretrain.serving._segments._alarms import Alarms
from skretrain.utils._e_values import log_partial_conjunction


def shown(alarms, losses):
    """Show each segment its losses of one batch; return who is reported, and of how many."""
    for key, of_segment in enumerate(losses):
        alarms.show(key, np.asarray(of_segment, dtype=float))
    new = alarms.risen(list(range(len(losses))))
    return new, alarms.risen_together(len(new)).begins


def losses(rng, n_segments, rates, n_rows=20):
    return rng.random((n_segments, n_rows)) < np.broadcast_to(rates, n_segments)[:, np.newaxis]


def days(alarms, rng, n_days, rates, n_segments=60):
    """Return the segments reported, and the common alarms, of some days."""
    found, together = [], 0
    for _ in range(n_days):
        new, begins = shown(alarms, losses(rng, n_segments, rates))
        found += new
        together += begins
    return found, together


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.no_cover
def test_of_segments_that_do_not_change_none_is_reported(bounded):
    """Fifty days of sixty segments whose losses have any distribution, of any scale."""
    rng = np.random.default_rng(0)
    alarms, rates = Alarms(0.05, bounded=bounded), rng.uniform(0.02, 0.4, 60)
    for _ in range(50):
        new = losses(rng, 60, rates) if bounded else rng.exponential(1e6 * rates[:, None], (60, 20))
        assert shown(alarms, new) == ([], 0)
    assert {watch.is_tested for watch in alarms.watches.values()} == {True}


def test_those_that_rise_are_reported_once_each_the_clearest_first():
    rng = np.random.default_rng(1)
    alarms, rates = Alarms(0.05, bounded=True), np.full(60, 0.1)
    assert days(alarms, rng, 12, rates) == ([], 0)
    rates[[7, 20]] = 0.5, 0.98
    assert days(alarms, rng, 1, rates) == ([20, 7], 0)
    assert alarms.watches[20].log_e_value > alarms.watches[7].log_e_value
    assert days(alarms, rng, 9, rates) == ([], 0)
    assert [key for key in range(60) if alarms.is_open(key)] == [7, 20]
    assert "the mean loss of its last 200 rows is 0.49, of " in alarms.watches[7].in_words
    assert alarms.watches[7].evidence["after"] == pytest.approx(0.49, abs=0.01)


def test_the_scale_of_losses_does_not_matter():
    rng = np.random.default_rng(2)
    one, other = Alarms(0.05, bounded=False), Alarms(0.05, bounded=False)
    for day in range(25):
        new = rng.exponential(size=(10, 20))
        new[3] *= 1 if day < 12 else 6
        assert shown(one, new) == shown(other, np.log(new) * 1e-6 + 5)
    assert one.is_open(3)
    assert "the share of losses above " in one.watches[3].in_words


@pytest.mark.no_cover
def test_an_episode_ends_when_the_losses_are_back_and_another_can_begin():
    rng = np.random.default_rng(3)
    alarms, rates = Alarms(0.05, bounded=True), np.full(20, 0.1)
    days(alarms, rng, 11, rates, 20)
    for _ in range(2):
        rates[4] = 0.8
        assert days(alarms, rng, 8, rates, 20)[0] == [4]
        rates[4] = 0.02
        assert days(alarms, rng, 60, rates, 20) == ([], 0)
        assert not alarms.is_open(4)


def test_another_model_ends_it_and_brings_a_reference_of_its_own():
    rng = np.random.default_rng(4)
    alarms, rates = Alarms(0.05, bounded=True), np.full(20, 0.1)
    days(alarms, rng, 11, rates, 20)
    rates[4] = 0.5
    assert days(alarms, rng, 8, rates, 20)[0] == [4]
    alarms.begin_anew(4)
    assert days(alarms, rng, 40, rates, 20) == ([], 0)  # as bad as before is as good as it gets
    rates[4] = 1.0
    assert days(alarms, rng, 3, rates, 20)[0] == [4]
    assert 0.4 < alarms.watches[4].evidence["before"] < 0.6


@pytest.mark.no_cover
def test_what_is_common_is_told_once_and_again_when_it_comes_again():
    rng = np.random.default_rng(5)
    alarms, rates = Alarms(0.05, bounded=True), np.full(40, 0.1)
    days(alarms, rng, 11, rates, 40)
    for _ in range(2):
        found, together = days(alarms, rng, 7, np.full(40, 0.5), 40)
        assert together == 1
        assert len(found) >= 30
        assert days(alarms, rng, 60, np.full(40, 0.01), 40) == ([], 0)


@pytest.mark.parametrize("n_risen", [3, 4, 40])
def test_many_that_are_found_in_one_batch_are_one_piece_of_news(n_risen):
    """It comes with them, and not again when the evidence of all days together says so, too."""
    rng = np.random.default_rng(16)
    alarms, rates = Alarms(0.05, bounded=True), np.full(40, 0.1)
    days(alarms, rng, 12, rates, 40)
    rates[:n_risen] = 0.95
    for key, errors_ in enumerate(losses(rng, 40, rates)):
        alarms.show(key, errors_.astype(float))
    new = alarms.risen(list(range(40)))
    assert sorted(new) == list(range(n_risen))
    assert alarms.risen_together(len(new)) == (n_risen > 3, n_risen > 3, 40)
    assert days(alarms, rng, 4, rates, 40) == ([], 0)
    assert alarms.common.is_open == (n_risen > 3)


def test_many_that_are_found_on_a_day_ring_before_all_days_together_do_and_once_a_week():
    """Forty segments have two bad days, with a calm one between them."""
    rng = np.random.default_rng(16)
    alarms, rung = Alarms(0.05, bounded=True), []
    days(alarms, rng, 12, 0.1, 40)
    for rate in (0.4, 0.1, 0.5):
        found, together = days(alarms, rng, 1, rate, 40)
        logs = [watch.log_e_process for watch in alarms.watches.values()]
        rung.append((len(found) >= 4, together, log_partial_conjunction(logs, 4) > np.log(20)))
    assert rung == [(True, 1, False), (False, 0, False), (True, 0, True)]


def in_runs(rng, n_segments, n_days, rate, n_rows=20):
    """Return losses by day: every other one, on average, is that of the row before it."""
    own = rng.random((n_segments, n_days * n_rows)) < rate
    for row in np.flatnonzero(rng.random(own.shape[1]) < 0.5)[1:]:
        own[:, row] = own[:, row - 1]
    return own.reshape(n_segments, n_days, n_rows).transpose(1, 0, 2)


def days_apart(rng, n_segments, n_days, rate, n_rows=20):
    """Return losses by day: each segment and day has a rate of its own."""
    rates = rng.beta(10 * rate, 10 * (1 - rate), (n_days, n_segments, 1))
    return rng.random((n_days, n_segments, n_rows)) < rates


@pytest.mark.parametrize("drawn", [in_runs, days_apart])
@pytest.mark.no_cover
def test_of_segments_whose_errors_come_in_runs_few_are_reported(drawn):
    """Days that are further apart than those of independent errors are what is usual there."""
    rng = np.random.default_rng(17)
    alarms, n_found = Alarms(0.05, bounded=True), 0
    for day in drawn(rng, 60, 40, 0.15):
        n_found += len(shown(alarms, day)[0])
    assert n_found <= 3
    assert alarms.usual > 1.5


def test_by_how_much_days_differ_is_known_of_a_segment_whichever_model_serves():
    rng = np.random.default_rng(18)
    alarms = Alarms(0.05, bounded=True)
    for day in days_apart(rng, 3, 30, 0.3):
        shown(alarms, day)
    before = alarms.watches[0].dispersions[0].total
    alarms.begin_anew(0)
    shown(alarms, np.ones((3, 20)))  # with the days of the model before it has nothing to do
    assert alarms.watches[0].dispersions[0].total == before
    shown(alarms, np.zeros((3, 20)))
    assert alarms.watches[0].dispersions[0].total == before + 16


def test_three_of_thirty_one_are_fewer_than_a_tenth():
    rng = np.random.default_rng(6)
    alarms, rates = Alarms(0.05, bounded=True), np.full(31, 0.1)
    days(alarms, rng, 11, rates, 31)
    rates[[1, 2, 3]] = 0.9
    found, together = days(alarms, rng, 10, rates, 31)
    assert (sorted(found), together) == ([1, 2, 3], 0)
    rates[4] = 0.9
    assert days(alarms, rng, 5, rates, 31) == ([4], 1)


def test_two_segments_have_nothing_in_common():
    rng = np.random.default_rng(7)
    alarms = Alarms(0.05, bounded=True)
    days(alarms, rng, 11, 0.1, 2)
    found, together = days(alarms, rng, 10, 0.9, 2)
    assert (sorted(found), together) == ([0, 1], 0)


def test_rows_that_do_not_count_are_no_evidence():
    alarms = Alarms(0.05, bounded=True)
    for _ in range(40):
        assert shown(alarms, [np.full(20, np.nan)] * 3) == ([], 0)
    assert {watch.is_tested for watch in alarms.watches.values()} == {False}
    assert Alarms(0.05, bounded=True).risen([]) == []


@pytest.mark.no_cover
def test_the_share_of_false_alarms_is_below_alpha_where_a_few_are_true():
    """Over ten fleets of fifty segments, five of which rise a little."""
    false = true = 0
    for seed in range(10):
        rng = np.random.default_rng(100 + seed)
        alarms, rates = Alarms(0.2, bounded=True), np.full(50, 0.15)
        days(alarms, rng, 11, rates, 50)
        rates[:5] = 0.6
        found, _ = days(alarms, rng, 8, rates, 50)
        true += sum(key < 5 for key in found)
        false += sum(key >= 5 for key in found)
    assert true >= 45
    assert false <= 0.2 * true


@pytest.mark.no_cover
def test_a_rise_of_a_day_is_reported_though_the_model_is_mended_on_the_next_one():
    """One of a thousand segments: six batches with 6 errors of 40, 17 of 20, and as before."""
    alarms = Alarms(0.05, bounded=True)
    usual, bad = np.arange(40) < 6, np.arange(20) < 17
    for _ in range(6):
        assert shown(alarms, [usual] * 1000) == ([], 0)
    assert shown(alarms, [*[usual] * 700, bad, *[usual] * 299]) == ([700], 0)
    for _ in range(5):
        alarms.show(700, usual.astype(float))
    assert not alarms.is_open(700)


@pytest.mark.parametrize("change", [lambda z: 4 * z, lambda z: 1.2 + 0.1 * z])
def test_of_losses_of_any_scale_it_sees_what_stretches_and_what_moves_them(change):
    """Residuals with four times the spread; and such that none is small, and few are large."""
    rng = np.random.default_rng(8)
    alarms = Alarms(0.05, bounded=False)
    found = []
    for day in range(24):
        z = rng.normal(size=(12, 20))
        if day >= 18:
            z[5] = change(z[5])
        new, k = shown(alarms, np.abs(z))
        found += [(key, day) for key in new]
        assert k == 0
    assert [key for key, _ in found] == [5]
    assert found[0][1] in (18, 19)


def test_the_order_of_segments_does_not_matter():
    one, other = Alarms(0.05, bounded=True), Alarms(0.05, bounded=True)
    rng, order = np.random.default_rng(9), np.random.default_rng(10).permutation(50)
    for day in range(20):
        new = losses(rng, 50, np.where(np.arange(50) < 8, 0.1 if day < 12 else 0.6, 0.1))
        for key in range(50):
            one.show(key, new[key].astype(float))
            other.show(int(order[key]), new[order[key]].astype(float))
        found = sorted(one.risen(range(50)))
        assert found == sorted(other.risen(range(50)))
        assert one.risen_together(len(found)) == other.risen_together(len(found))
    assert sum(map(one.is_open, range(50))) == 8


def test_a_segment_that_opens_late_is_reported_too_and_those_without_a_past_are_not():
    rng = np.random.default_rng(11)
    alarms = Alarms(0.05, bounded=True)
    for day in range(20):
        n = 10 if day < 8 else 14
        rates = np.where((np.arange(n) == 12) & (day >= 16), 0.9, 0.15)
        rates[13:] = 0.9  # from its first row on: there is nothing to compare with
        assert shown(alarms, losses(rng, n, rates)) == (([12], 0) if day == 16 else ([], 0))


def errors(n):
    """Return the losses of twenty rows, of which n are errors."""
    return np.repeat([1.0, 0.0], [n, 20 - n])


def test_a_segment_without_rows_in_a_batch_is_not_reported_in_it():
    """Its evidence would do once many others have risen, but what it did is no news then."""
    alarms, usual, many = Alarms(0.05, bounded=True), errors(2), errors(16)
    for _ in range(11):
        assert shown(alarms, [usual] * 60) == ([], 0)
    assert shown(alarms, [errors(10)] + [usual] * 59)[0] == []
    for key in range(1, 60):
        alarms.show(key, many if key < 30 else usual)
    assert alarms.risen(list(range(1, 60))) == list(range(1, 30))
    assert shown(alarms, [errors(10)] + [usual] * 59)[0] == [0]


def test_nothing_is_common_once_too_few_segments_are_left():
    alarms = Alarms(0.05, bounded=True)
    for _ in range(11):
        shown(alarms, [errors(2)] * 3)
    for _ in range(3):
        shown(alarms, [errors(18)] * 3)
    assert alarms.common.is_open
    alarms.forget(0)
    assert alarms.risen_together(0) == (False, False, 2)
    assert not alarms.common.is_open


def test_losses_that_fall_are_no_evidence_and_a_rise_after_them_is():
    """Forty segments that learn, from 0.5 to 0.1; two are then as bad as at the beginning."""
    rng = np.random.default_rng(12)
    alarms = Alarms(0.05, bounded=True)
    for day in range(30):
        assert days(alarms, rng, 1, np.full(40, 0.1 + 0.4 * np.exp(-day / 5)), 40) == ([], 0)
    rates = np.full(40, 0.1)
    rates[[3, 5]] = 0.5
    assert sorted(days(alarms, rng, 3, rates, 40)[0]) == [3, 5]


def test_segments_that_were_given_another_model_count_for_what_is_common_for_a_week():
    """Four of ten rise one after the other, and the model of each is replaced at once."""
    for wait, expected in ((2, 1), (12, 0)):
        rng = np.random.default_rng(13)
        alarms, together = Alarms(0.05, bounded=True), 0
        days(alarms, rng, 15, 0.1, 10)
        for key in range(4):
            rates = np.full(10, 0.1)
            rates[key] = 0.9
            found, k = days(alarms, rng, 1, rates, 10)
            assert found == [key]
            alarms.begin_anew(key)
            together += k + days(alarms, rng, wait - 1, 0.1, 10)[1]
        assert together == expected


def test_an_episode_goes_on_while_the_losses_are_up():
    rng = np.random.default_rng(14)
    alarms, rates = Alarms(0.05, bounded=True), np.full(20, 0.2)
    days(alarms, rng, 12, rates, 20)
    rates[2] = 0.7
    assert days(alarms, rng, 40, rates, 20)[0] == [2]
    assert alarms.is_open(2)
    rates[2] = 0.2
    days(alarms, rng, 10, rates, 20)
    assert not alarms.is_open(2)


@pytest.mark.parametrize("bounded", [True, False])
def test_what_is_remembered_of_a_segment_is_small(bounded):
    alarms, rng = Alarms(0.05, bounded=bounded), np.random.default_rng(15)
    for _ in range(365):
        alarms.show("a", rng.random(20).round() if bounded else rng.random(20))
    watch = alarms.watches["a"]
    numbers = sum(test._dates.size for test in watch.tests)
    assert numbers <= (100 if bounded else 200)
    assert len(pickle.dumps(watch)) <= (1800 if bounded else 2600)


def test_infinite_losses_are_the_largest_ones():
    rng = np.random.default_rng(16)
    alarms = Alarms(0.05, bounded=False)
    for day in range(20):
        new = rng.exponential(size=(5, 20))
        new[:, :4] = np.inf
        if day == 19:
            new[2] = np.inf
        assert shown(alarms, new) == (([2], 0) if day == 19 else ([], 0))


def test_the_evidence_held_of_a_segment_counts_for_seven_batches_of_its_own():
    rng = np.random.default_rng(17)
    alarms = Alarms(0.05, bounded=False)
    days(alarms, rng, 12, 0.1, 1)
    watch = alarms.watches[0]
    watch.begin_anew(held=5.0)
    for _ in range(6):
        alarms.show(0, rng.random(3))
        assert (watch.log_e_process, watch.is_tested) == (5.0, True)
    alarms.show(0, rng.random(3))
    assert (watch.log_e_process, watch.is_tested) == (-np.inf, False)


@pytest.mark.parametrize("frame", [False, True], ids=["numpy", "pandas"])
@pytest.mark.no_cover
def test_a_fleet_reports_a_segment_on_the_day_on_which_its_concept_turns_around(frame):
    """Its own retrainer mends it within days, and the episode is over then."""
    rng, segment = np.random.default_rng(18), np.repeat(np.arange(3), 20)
    model = SegmentedRetrainer(DriftAwareRetrainer(SGDClassifier(random_state=0)), by="shop")
    if not frame:
        model.set_params(by=0)
    for day in range(1, 16):
        X = np.column_stack([segment, rng.normal(size=(60, 3))])
        y = (np.where((segment == 1) & (day >= 9), -1, 1) * X[:, 1] > 0).astype(int)
        if frame:
            X = pd.DataFrame(X, columns=["shop", "a", "b", "c"]).astype({"shop": int})
        model.partial_fit(X, y)
        if day == 9:
            assert model.status()[1].is_drifting
    reported = [event for event in model.events_ if event.action == "drifted"]
    assert [(event.segment, event.batch) for event in reported] == [(1, 9)]
    assert reported[0].evidence["before"] < 0.2 < 0.6 < reported[0].evidence["after"]
    assert "the mean loss of its last 20 rows is" in reported[0].reason
    assert not model.status()[1].is_drifting


@pytest.mark.parametrize("turned_on_day_nine", [2, 6])
def test_where_many_turn_around_on_one_day_an_event_stands_for_all_of_them(turned_on_day_nine):
    """The status names them, events do not; where they do so in pairs, each pair is named."""
    rng, segment = np.random.default_rng(19), np.repeat(np.arange(8), 20)
    model = SegmentedRetrainer(DriftAwareRetrainer(SGDClassifier(random_state=0)), by=0)
    for day in range(1, 11):
        X = np.column_stack([segment, rng.normal(size=(160, 3))])
        turned = segment < {9: turned_on_day_nine, 10: max(turned_on_day_nine, 4)}.get(day, 0)
        model.partial_fit(X, (np.where(turned, -1, 1) * X[:, 1] > 0).astype(int))
        if day == 9:
            drifting = [key for key, status in model.status().items() if status.is_drifting]
            assert drifting == list(range(turned_on_day_nine))
    told = [event for event in model.events_ if event.action in ("drifted", "common")]
    common = told.pop()
    if turned_on_day_nine == 2:
        assert sorted((event.batch, event.segment) for event in told) == [
            (9, 0),
            (9, 1),
            (10, 2),
            (10, 3),
        ]
        assert (common.action, common.batch) == ("common", 10)
        assert common.reason == "the losses of at least 3 of 8 segments have risen"
    else:
        assert not told
        assert (common.action, common.segment, common.batch) == ("common", None, 9)
        assert common.reason.startswith("the losses of 6 of 8 segments (")
