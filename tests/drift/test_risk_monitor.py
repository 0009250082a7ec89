"""Properties of the trigger that guards a risk."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from skretrain.drift import RiskMonitor, ScoredBatch
from skretrain.utils._betting import upper_confidence_bound


def _alarms(signals):
    return [(k, signal.since) for k, signal in enumerate(signals) if signal.state == "drift"]


@pytest.mark.parametrize("r0", [0.1, None])
def test_a_risen_risk_is_found_once_and_located(errors, show, r0):
    """0.1 -> 0.3 at row 2,000: one alarm, located to the batch, then a warning while it lasts."""
    trigger = RiskMonitor(r0).reset()
    signals = show(trigger, errors(0.1, 0.3, n=2000))
    (alarm,) = _alarms(signals)
    assert 20 <= alarm[0] <= 26
    assert abs(alarm[1] - 2000) <= 100
    assert {signal.state for signal in signals[alarm[0] + 1 :]} == {"warning"}


def test_a_risk_at_the_bound_does_not_ring(errors, show):
    """30 streams of 5,000 rows at alpha 0.01."""
    for seed in range(30):
        assert not _alarms(show(RiskMonitor(0.1), errors(0.1, n=5000, seed=seed)))


@pytest.mark.slow
@pytest.mark.parametrize("r0", [0.1, None])
def test_false_alarms_stay_within_alpha(errors, show, r0):
    """At most alpha + 2 standard errors over 400 streams of 10,000 rows, at alpha 0.05."""
    runs = [errors(0.1, n=10_000, seed=seed) for seed in range(400)]
    share = np.mean([bool(_alarms(show(RiskMonitor(r0, alpha=0.05), run))) for run in runs])
    assert share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_the_bound_is_what_was_stated_and_the_tolerance(errors, show):
    """A rise within the tolerance is accepted for ever; a larger one is not."""
    losses = errors(0.14, n=20_000)
    assert _alarms(show(RiskMonitor(0.1), losses))
    assert not _alarms(show(RiskMonitor(0.1, tolerance=0.05), losses))
    assert _alarms(show(RiskMonitor(0.05, tolerance=0.05), losses))


def test_a_smaller_alpha_waits_for_more_evidence(errors, show):
    first = [
        _alarms(show(RiskMonitor(0.1, alpha=alpha), errors(0.1, 0.2, n=2000), size=10))[0][0]
        for alpha in (0.2, 0.01, 1e-6)
    ]
    assert first == sorted(set(first))


def test_the_reference_is_the_upper_bound_of_a_thousand_rows(errors, show):
    """Silent until then; whole batches are taken; the other half of alpha is left for the test."""
    losses = errors(0.2, n=1040)
    trigger = RiskMonitor(alpha=0.04)
    assert trigger.warming_up
    show(trigger, np.r_[losses[:960], np.full(40, np.nan)], size=80)
    assert trigger.warming_up
    assert trigger.r0_ is None
    assert trigger.log_evidence_ == 0
    show(trigger, losses[960:], size=80, first=1000)
    assert not trigger.warming_up
    assert trigger.r0_ == upper_confidence_bound(losses.mean(), 1040, 0.02)
    assert trigger.log_evidence_ == pytest.approx(0, abs=1e-12)  # no reference row is evidence
    ends = show(trigger, np.full(300, 0.35), size=1, first=1040)
    rang = _alarms(ends)[0][0]
    twin = RiskMonitor(trigger.r0_, alpha=0.02).reset()
    assert rang == _alarms(show(twin, np.full(300, 0.35), size=1))[0][0]


def test_a_reference_with_few_losses_takes_more_rows(show):
    """Until they sum up to 20, whole batches; without any, 10,000 rows are enough."""
    trigger = RiskMonitor(alpha=0.04)
    show(trigger, np.tile([0.0] * 99 + [1.0], 19), size=100)
    assert trigger.warming_up
    show(trigger, np.tile([0.0] * 99 + [1.0], 2), size=200, first=1900)
    assert trigger.r0_ == upper_confidence_bound(21 / 2100, 2100, 0.02)
    trigger = RiskMonitor(alpha=0.04)
    show(trigger, np.zeros(9_900))
    assert trigger.warming_up
    show(trigger, np.zeros(100), first=9_900)
    assert trigger.r0_ == upper_confidence_bound(0.0, 10_000, 0.02)


@pytest.mark.parametrize("rate", [0.0015, 0.004, 0.018, 0.05])
@pytest.mark.no_cover
def test_the_learned_bound_is_seldom_below_the_rate(rate, show):
    """At most in alpha / 2 of 300 streams, though errors are waited for: here in a fifth."""
    rng, below = np.random.default_rng(0), 0
    for _ in range(300):
        trigger = RiskMonitor(alpha=0.4)
        while trigger.warming_up:
            show(trigger, (rng.random(500) < rate) * 1.0, size=500)
        below += trigger.r0_ < rate
    assert below / 300 <= 0.2 + 2 * np.sqrt(0.2 * 0.8 / 300)


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_error_that_is_six_times_as_frequent_is_found(seed, show):
    """From 0.3 % to 1.8 % of the rows at row 15,000."""
    rng = np.random.default_rng(seed)
    losses = (rng.random(30_000) < np.repeat([0.003, 0.018], 15_000)).astype(float)
    alarms = _alarms(show(RiskMonitor(), losses))
    assert len(alarms) == 1
    assert 150 <= alarms[0][0] <= 200
    assert abs(alarms[0][1] - 15_000) <= 1000


def test_rates_near_a_rare_bound_are_bet_on_with_small_stakes(show):
    """Twice an accepted 0.3 %: stakes for frequent errors would miss half of the streams."""
    rows = []
    for seed in range(10):
        losses = (np.random.default_rng(seed).random(40_000) < 0.006).astype(float)
        rows.append(_alarms(show(RiskMonitor(0.003), losses))[0][0] * 100)
    assert np.median(rows) <= 10_000


@pytest.mark.parametrize("r0", [0.5, 0.06, 0.003, 1e-4])
def test_the_game_is_fair_however_rare_the_errors(r0):
    """The capital starts at 1, and at the bound the mean of what a row makes of it is 1."""
    assert RiskMonitor(r0).reset().log_evidence_ == pytest.approx(0, abs=1e-12)
    capital = 0.0
    for loss, chance in ((1.0, r0), (0.0, 1 - r0)):
        trigger = RiskMonitor(r0).reset()
        trigger.update(ScoredBatch(0, 1, np.array([loss])))
        capital += chance * np.exp(trigger.log_evidence_)
    assert capital == pytest.approx(1, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("r0", [0.005, None])
def test_false_alarms_at_a_rare_rate_stay_within_alpha(r0, show):
    """At most alpha + 2 standard errors over 400 streams of 20,000 rows, at alpha 0.05."""
    rang = 0
    for seed in range(400):
        losses = (np.random.default_rng(seed).random(20_000) < 0.005).astype(float)
        rang += bool(_alarms(show(RiskMonitor(r0, alpha=0.05), losses)))
    assert rang / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_a_risk_that_was_too_high_from_the_start_locates_nothing(errors, show):
    """Then all rows are as good as any: `since` is None."""
    signals = show(RiskMonitor(0.1), errors(0.4, n=1000), size=50)
    assert _alarms(signals) == [(_alarms(signals)[0][0], None)]
    assert _alarms(show(RiskMonitor(0.1), np.ones(10), size=10)) == [(0, None)]


@pytest.mark.parametrize("order", [np.sort, lambda part: np.sort(part)[::-1]])
@pytest.mark.parametrize("r0", [0.1, None])
def test_batches_sorted_by_class_do_not_ring(errors, show, order, r0):
    """Ten classes, one always wrong; the alarm of a true rise is the same as in random order."""
    losses = errors(0.1, 0.3, n=4000)
    sorted_losses = np.concatenate([order(part) for part in losses.reshape(-1, 200)])
    first, second = (show(RiskMonitor(r0), each, size=200) for each in (losses, sorted_losses))
    assert [signal.state for signal in first] == [signal.state for signal in second]
    assert _alarms(first)[0][0] >= 20


def test_the_size_of_batches_hardly_matters(errors, show):
    """The alarm comes at the same row, up to one batch and a few rows of mixing the bets."""
    losses = errors(0.1, 0.3, n=2000, seed=3)
    ends = [
        (_alarms(show(RiskMonitor(0.1), losses, size))[0][0] + 1) * size for size in (1, 10, 100)
    ]
    assert max(ends) - min(ends) <= 120


def test_only_the_retrain_that_answered_restarts_it(errors, show):
    """A growth refit leaves the evidence alone; the answer blanks it."""
    trigger = RiskMonitor(0.1).reset()
    show(trigger, errors(0.2, n=100, seed=1))
    evidence = trigger.log_evidence_
    trigger.after_fit(None, None, answered=False)
    assert trigger.log_evidence_ == evidence != 0
    show(trigger, errors(0.5, n=1000), first=100)
    trigger.after_fit(None, None, answered=True)
    assert trigger.log_evidence_ == pytest.approx(0, abs=1e-12)
    assert len(_alarms(show(trigger, errors(0.1, 0.5, n=500), first=1100))) == 1


def test_a_learned_reference_is_learned_anew_after_the_answer(errors, show):
    """The new model may face a harder concept: what it accepts is its own."""
    trigger = RiskMonitor().reset()
    show(trigger, errors(0.1, 0.4, n=1500))
    trigger.after_fit(None, None, answered=True)
    assert trigger.warming_up
    assert not _alarms(show(trigger, errors(0.4, n=3000), first=3000))
    assert trigger.r0_ > 0.4


def test_without_restart_the_first_alarm_is_the_last(errors, show):
    """Then alpha holds for the whole stream."""
    trigger = RiskMonitor(0.1, restart=False).reset()
    assert len(_alarms(show(trigger, errors(0.5, 0.05, n=2000)))) == 1
    trigger.after_fit(None, None, answered=True)
    assert {s.state for s in show(trigger, errors(0.5, n=1000), first=4000)} == {"stable"}


def test_an_episode_ends_without_a_retrain_when_the_risk_is_back(errors, show):
    """High, low, high: two alarms, the second located after the recovery."""
    signals = show(RiskMonitor(0.2), errors(0.1, 0.5, 0.05, 0.5, n=1000))
    first, second = _alarms(signals)
    assert abs(first[1] - 1000) <= 100
    assert abs(second[1] - 3000) <= 100
    assert signals[29].state == "stable"


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_residuals_are_ranked_so_their_scale_does_not_matter(show, scale):
    """Doubled residuals ring at the same batch at every scale; steady ones, inf too, do not."""
    rng = np.random.default_rng(0)
    residuals = np.abs(rng.normal(size=6000)) * scale
    residuals[[300, 900]] = np.inf, np.nan
    trigger = RiskMonitor().reset()
    assert not _alarms(show(trigger, residuals[:4000], bounded=False))
    alarms = _alarms(show(trigger, 2 * residuals[4000:], first=4000, bounded=False))
    assert alarms == [(1, 4000)]


def test_sorted_batches_of_residuals_do_not_spoil_the_ranks(show):
    """Else the reference would be the smallest of the first batch, and nothing could rise."""
    residuals = np.abs(np.random.default_rng(0).normal(size=6000)) * np.repeat([1.0, 2.0], 3000)
    residuals = np.sort(residuals.reshape(-1, 500)).ravel()
    alarms = _alarms(show(RiskMonitor(), residuals, size=500, bounded=False))
    assert alarms == [(6, 3000)]


def test_rows_that_were_not_scored_do_not_count(errors, show):
    """A batch of NaN changes nothing."""
    one, other = RiskMonitor(0.1), RiskMonitor(0.1)
    show(one, errors(0.2, n=300))
    show(other, np.r_[errors(0.2, n=300), np.full(100, np.nan)])
    assert one.log_evidence_ == other.log_evidence_


def test_a_model_without_a_loss_is_refused():
    with pytest.raises(ValueError, match="RiskMonitor needs a loss per row"):
        RiskMonitor(0.1).update(ScoredBatch(0, 3))


@pytest.mark.parametrize("row", [500, 1500, 2300])
def test_a_pickle_goes_on_and_a_clone_is_blank(errors, show, row):
    """Before the reference is complete, after, and while an alarm is open."""
    losses = errors(0.1, 0.5, 0.05, n=2000)
    trigger = RiskMonitor()
    show(trigger, losses[:row])
    copy = pickle.loads(pickle.dumps(trigger))
    rest = [show(each, losses[row:], first=row) for each in (trigger, copy)]
    assert rest[0] == rest[1]
    assert clone(trigger).warming_up
    assert not clone(RiskMonitor(0.1)).warming_up


def test_memory_is_flat_and_the_rows_remembered_are_the_newest(show):
    trigger = RiskMonitor(0.5).reset()
    show(trigger, np.zeros(30_000), 1000)
    size = len(pickle.dumps(trigger))
    show(trigger, np.zeros(30_000), 1000, first=30_000)
    assert len(pickle.dumps(trigger)) <= size + 100


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"r0": 1.0}, r"RiskMonitor\(r0=1.0\): r0 must be a number of at least 0 and below 1"),
        ({"r0": 0}, r"r0 must be such that r0 \+ tolerance \(here 0.0\) is in \(0, 1\)"),
        ({"r0": 0.6, "tolerance": 0.4}, r"r0 must be such that r0 \+ tolerance \(here 0.4\)"),
        ({"tolerance": -0.1}, r"tolerance=-0.1\): tolerance must be a number of at least 0"),
        ({"tolerance": None}, "tolerance must be"),
        ({"alpha": 0}, r"alpha=0\): alpha must be a number above 0 and below 1"),
        ({"alpha": True}, "alpha must be"),
        ({"restart": "yes"}, "restart must be True or False"),
    ],
)
def test_parameters_are_checked_at_reset_by_name_and_value(params, message):
    trigger = RiskMonitor(**params)
    with pytest.raises(ValueError, match=message):
        trigger.reset()


def test_a_risk_of_zero_is_guarded_with_a_tolerance(show):
    """r0=0 is fine if something is tolerated."""
    assert _alarms(show(RiskMonitor(0, tolerance=0.01), np.tile([0.0, 1.0], 100), size=20))
