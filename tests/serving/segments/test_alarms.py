"""Alarms over segments: few are false, episodes end, and what many have in common is told once."""

import numpy as np
import pytest

from skretrain.serving._segments._alarms import Alarms


def shown(alarms, losses):
    """Show each segment its losses of one batch; return who is reported, and of how many."""
    for key, of_segment in enumerate(losses):
        alarms.show(key, np.asarray(of_segment, dtype=float))
    return alarms.risen(), alarms.risen_together()[0]


def losses(rng, n_segments, rates, n_rows=20):
    return rng.random((n_segments, n_rows)) < np.broadcast_to(rates, n_segments)[:, np.newaxis]


def days(alarms, rng, n_days, rates, n_segments=60):
    """Return the segments reported, and the common alarms, of some days."""
    found, together = [], 0
    for _ in range(n_days):
        new, k = shown(alarms, losses(rng, n_segments, rates))
        found += new
        together += k > 0
    return found, together


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.no_cover
def test_of_segments_that_do_not_change_none_is_reported(bounded):
    """Ninety days of sixty segments whose losses have any distribution, of any scale."""
    rng = np.random.default_rng(0)
    alarms, rates = Alarms(0.05, bounded=bounded), rng.uniform(0.02, 0.4, 60)
    for _ in range(90):
        new = losses(rng, 60, rates) if bounded else rng.exponential(1e6 * rates[:, None], (60, 20))
        assert shown(alarms, new) == ([], 0)
    assert {watch.test is not None for watch in alarms.watches.values()} == {True}


def test_those_that_rise_are_reported_once_each_the_clearest_first():
    rng = np.random.default_rng(1)
    alarms, rates = Alarms(0.05, bounded=True), np.full(60, 0.1)
    assert days(alarms, rng, 12, rates) == ([], 0)
    rates[[7, 20]] = 0.5, 0.9
    found, together = days(alarms, rng, 10, rates)
    assert found == [20, 7]
    assert together == 0
    assert [key for key in range(60) if alarms.is_open(key)] == [7, 20]
    assert "the mean loss exceeds 0." in alarms.watches[7].in_words


def test_the_scale_of_losses_does_not_matter():
    rng = np.random.default_rng(2)
    one, other = Alarms(0.05, bounded=False), Alarms(0.05, bounded=False)
    for day in range(25):
        new = rng.exponential(size=(10, 20))
        new[3] *= 1 if day < 12 else 6
        assert shown(one, new) == shown(other, np.log(new) * 1e-6 + 5)
    assert one.is_open(3)
    assert "mean rank" in one.watches[3].in_words


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
    assert alarms.watches[4].bound > 0.5


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
    assert {len(watch.reference) for watch in alarms.watches.values()} == {0}
    assert Alarms(0.05, bounded=True).risen() == []


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
