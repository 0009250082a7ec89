"""Bounds of the choices of RefitDebt, on the worst streams there are for them, by enumeration."""

import math
import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import FitRecord, RefitDebt, ScoredBatch
from skretrain.drift._regimes import Forecast, Regimes
from skretrain.metrics import Price

Random = partial(RefitDebt, threshold="random", caution=None)
LOW, HIGH = np.repeat([1.0, 0.0], [1, 9]), np.repeat([1.0, 0.0], [5, 5])
PRICE, GRAIN = 800, 80  # errors; debt of one batch of 200 rows
N_SHARES = 60


class Told(Regimes):
    """A forecast that is told what to say of each debt."""

    def __init__(self, of_debt):
        super().__init__()
        self.of_debt, self.n_asked = of_debt, 0

    def forecast(self, since, now, loss, expected):
        self.n_asked += 1
        saved = self.of_debt(self.n_asked * GRAIN)
        return Forecast(saved, 0, saved)


def _bought_at(of_debt=None, share=None, **options):
    """Return the debt at the alarm of a rise that goes on for ever; infinite if there is none."""
    trigger = RefitDebt(PRICE, **{"caution": None} | options).reset()
    trigger._share = share
    if of_debt is not None:
        trigger._regimes = Told(of_debt)
    trigger.update(ScoredBatch(0, 1000, np.tile(LOW, 100)))
    for k in range(1, 45):
        trigger.update(ScoredBatch(800 + 200 * k, 200, np.tile(HIGH, 20)))
        if not trigger.debt_:
            return k * GRAIN
    return math.inf


def _ratio(bought_at, debt):
    """Return the cost of a rise that ends with a debt, over that of who knows it."""
    costs = [at + PRICE if at <= debt else debt for at in bought_at]
    return np.mean(costs) / min(debt, PRICE)


DEBTS = range(GRAIN, 41 * GRAIN, GRAIN)
SHARES = (np.arange(N_SHARES) + 0.5) / N_SHARES
ROUNDING = GRAIN / PRICE  # debts are known batch by batch


def test_a_threshold_at_the_price_costs_at_most_twice_what_hindsight_does():
    """And it does, if the rise ends just then."""
    worst = max(_ratio([_bought_at()], debt) for debt in DEBTS)
    assert worst == pytest.approx(2)


def test_a_random_threshold_costs_at_most_158_percent_in_expectation():
    """However long the rise lasts: e / (e - 1)."""
    bought = [_bought_at(share=share, threshold="random") for share in SHARES]
    ratios = [_ratio(bought, debt) for debt in DEBTS]
    assert max(ratios) <= math.e / (math.e - 1) + ROUNDING
    # No length makes it cheap either, once a batch is little: the adversary gains nothing.
    assert min(ratios[3:]) >= math.e / (math.e - 1) - 2 * ROUNDING


@pytest.mark.parametrize("caution", [0.25, 0.5, 0.6])
def test_a_right_forecast_costs_little_more_than_hindsight(caution):
    """1 + caution times it, also where it ends soon after the threshold."""
    for debt in [*range(GRAIN, 21 * GRAIN, 2 * GRAIN), 40 * GRAIN]:
        right = lambda now, debt=debt: debt - now  # noqa: E731
        assert _ratio([_bought_at(right, caution=caution)], debt) <= 1 + caution + ROUNDING


@pytest.mark.parametrize("caution", [0.25, 0.5, 0.6])
@pytest.mark.parametrize("switch", [0, 3, 9, 15, 100])
@pytest.mark.parametrize("first", [0, 10 * PRICE])
def test_no_forecast_costs_more_than_its_caution_allows(caution, switch, first):
    """1 + 1 / caution times hindsight, whatever is forecast, and if it changes its mind."""

    def wrong(now):
        return first if now <= switch * GRAIN else 10 * PRICE - first

    at = _bought_at(wrong, caution=caution)
    assert caution * PRICE <= at <= PRICE / caution + GRAIN
    assert max(_ratio([at], debt) for debt in DEBTS) <= 1 + 1 / caution + ROUNDING


@pytest.mark.no_cover
@pytest.mark.parametrize("debt", [2, 8, 12, 14, 20])
def test_random_thresholds_gain_by_a_right_forecast(debt):
    """In expectation caution / (1 - e^-caution), 1.27 for a half: less than without, 1.58."""
    debt *= GRAIN
    bought = [
        _bought_at(lambda now: debt - now, share, threshold="random", caution=0.5)
        for share in SHARES
    ]
    assert _ratio(bought, debt) <= 0.5 / (1 - math.exp(-0.5)) + ROUNDING


@pytest.mark.parametrize("first", [0, 10 * PRICE])
def test_random_thresholds_are_bounded_if_the_forecast_is_wrong(first):
    """By 1 / (1 - e^-caution) if it does not change its mind."""
    bought = [_bought_at(lambda _: first, s, threshold="random", caution=0.5) for s in SHARES]
    worst = max(_ratio(bought, debt) for debt in DEBTS)
    assert worst <= 1 / (1 - math.exp(-0.5)) + 2 * ROUNDING


def test_a_told_price_goes_by_a_forecast_and_a_learned_one_by_none():
    """Unless another caution is asked for, or none."""
    for price, options, expected in [
        (100, {}, 0.5),
        (Price(100), {}, 0.5),
        ("auto", {}, None),
        (100, {"caution": None}, None),
        ("auto", {"caution": 0.25}, 0.25),
    ]:
        trigger = RefitDebt(price, **options).reset()
        assert trigger._caution == expected
        assert (trigger._regimes is None) == (expected is None)


def test_each_alarm_has_a_threshold_of_its_own_and_a_seed_repeats_them(show):
    losses = np.r_[np.tile(LOW, 100), np.tile(HIGH, 100), np.ones(1000)]

    def thresholds(seed):
        trigger, seen = Random(100, random_state=seed).reset(), []
        for start in range(0, 3000, 100):
            show(trigger, losses[start : start + 100], first=start)
            seen.append(trigger.threshold_)
        return list(dict.fromkeys(seen))

    assert thresholds(0) == thresholds(0) != thresholds(1)
    assert len(thresholds(0)) == 3
    assert 0 < min(thresholds(0)) < max(thresholds(0)) < 100


def test_a_retrainer_seeds_the_thresholds():
    X, y, _ = make_drifting_classification(1000, random_state=0)

    def threshold(seed):
        model = DriftAwareRetrainer(
            LogisticRegression(), detector=RefitDebt(50, threshold="random"), random_state=seed
        )
        return model.fit(X, y).detector_.threshold_

    assert threshold(3) == threshold(3) != threshold(4)


def _alternating(n_rows=600, n_regimes=8):
    return np.concatenate([np.tile((LOW, HIGH)[k % 2], n_rows // 10) for k in range(n_regimes)])


def test_a_forecast_ends_refits_that_come_as_the_rise_ends(show):
    """Each rise makes the price in debt, and falls: no refit pays."""
    dear = 0.4 * 600 - 1
    alone = show(RefitDebt(dear, caution=None), _alternating())
    told = show(RefitDebt(dear, caution=0.5), _alternating())
    assert any(signal.state == "drift" for signal in alone)
    assert not any(signal.state == "drift" for signal in told)


def test_a_forecast_brings_forward_refits_that_pay(show):
    """Regimes as long as ten prices are not let run up a whole one."""
    losses = np.r_[np.tile(LOW, 400), np.tile(HIGH, 400)]
    rows = []
    for caution in (None, 0.5, 0.25):
        signals = show(RefitDebt(160, caution=caution), losses)
        rows.append([s.state for s in signals].index("drift") * 100)
    assert rows == [4300, 4100, 4000]


def test_a_rise_and_its_fall_are_two_changes(show):
    trigger = RefitDebt(1e6, caution=0.5)
    show(trigger, np.r_[np.tile(LOW, 100), np.tile(HIGH, 50), np.tile(LOW, 100)])
    assert trigger._regimes._changes == [0, 1000, 1500]


def test_a_rise_that_has_partly_fallen_goes_on(show):
    """What is still lost is owed; from 0.5 to 0.3, at 0.1 before, is half of the way."""
    trigger = RefitDebt(1e6, caution=0.5)
    half = np.repeat([1.0, 0.0], [3, 7])
    show(trigger, np.r_[np.tile(LOW, 200), np.tile(HIGH, 60), np.tile(half, 60)])
    assert trigger._regimes._changes == [0]
    assert trigger.debt_ == pytest.approx(600 * 0.4 + 600 * 0.2)


def test_a_rise_that_has_gone_owes_nothing_to_the_next(show):
    """Without a forecast its debt would be kept until another rise completes the price."""
    losses = np.r_[np.tile(LOW, 150), np.tile(HIGH, 50), np.tile(LOW, 100), np.tile(HIGH, 30)]
    trigger = RefitDebt(260, caution=0.5)
    show(trigger, losses)
    assert trigger._regimes._changes == [0, 1500, 2000]
    assert trigger.debt_ == pytest.approx(120)


def test_a_rise_that_a_fit_has_cured_is_one_change(show):
    trigger = RefitDebt(1e6, caution=0.5)
    show(trigger, np.r_[np.tile(LOW, 100), np.tile(HIGH, 50)])
    trigger.after_fit(_fit(1500, 500), None, answered=False)
    show(trigger, np.zeros(2000), first=1500)
    assert trigger._regimes._changes == [0, 1000]


def test_a_model_that_learns_on_after_a_refit_makes_no_change(show):
    """The loss falls because it gets better, and not because the concept has gone."""
    trigger = RefitDebt(150, caution=0.5)
    assert _alarm_of(show(trigger, np.r_[np.tile(LOW, 100), np.tile(HIGH, 50)])) == 1000
    trigger.after_fit(_fit(1500, 500), None, answered=True)
    show(trigger, np.r_[np.tile(HIGH, 50), np.tile(LOW, 100)], first=1500)
    assert trigger._regimes._changes == [0, 1000]


def _alarm_of(signals):
    (since,) = [signal.since for signal in signals if signal.state == "drift"]
    return since


def test_what_a_fit_came_to_is_the_loss_until_the_next_rise(show):
    """Neither that after the rise, nor that before the fit; each fit is learned once."""
    trigger = RefitDebt(150, caution=0.5).reset()
    trigger.after_fit(_fit(0, 400), None, answered=False)
    show(trigger, np.tile(LOW, 100))
    trigger.after_fit(_fit(1000, 1000), None, answered=False)
    show(trigger, np.r_[np.tile(np.r_[LOW, np.zeros(10)], 50), np.tile(HIGH, 60)], first=1000)
    trigger.after_fit(_fit(2600, 600), None, answered=True)
    assert trigger._regimes._fits == [(400, 0.1), (1000, 0.05)]
    show(trigger, np.tile(HIGH, 50), first=2600)
    trigger.after_fit(_fit(3100, 1100), None, answered=False)
    assert trigger._regimes._fits[2:] == [(600, 0.5)]


def _waiting(price):
    """Return a trigger that knows that fits on few rows are worth nothing."""
    trigger = RefitDebt(price, caution=0.25).reset()
    for n_rows, loss in [(10, 1.0), (2000, 0.01)] * 25:
        trigger._regimes.add_fit(n_rows, 100 * loss, 100)
    return trigger


def test_it_waits_for_rows_that_make_a_refit_worth_more_and_says_so(show):
    """But no longer than until the debt is the price."""
    losses = np.r_[np.tile(LOW, 400), np.tile(HIGH, 200)]
    trigger = _waiting(200)
    show(trigger, losses[:4000])
    signals = show(trigger, losses[4000:], first=4000)
    states = [signal.state for signal in signals]
    first = states.index("drift")
    assert 2 <= first <= 4  # without the wait: with the second batch, at a debt of 50
    assert "wait for" in signals[first - 1].note
    assert "more rows, and it saves" in signals[first - 1].note
    assert signals[first - 1].note.startswith("a refit now would save ")


def test_it_does_not_wait_beyond_the_price(show):
    """Even if a refit hundreds of rows later would save several times as much."""
    trigger = RefitDebt(200, caution=0.25).reset()
    for n_rows, loss in [(100, 5.0), (10_000, 0.01)] * 25:
        trigger._regimes.add_fit(n_rows, 100 * loss, 100)
    show(trigger, np.tile(LOW, 400))
    signals = show(trigger, np.tile(HIGH, 60), first=4000)
    assert [signal.state for signal in signals] == ["warning"] * 5 + ["drift"]
    assert trigger.forecast_.wait > 500
    assert 200 <= trigger.forecast_.saved < trigger.forecast_.saved_then / 3


def test_the_note_of_a_warning_is_the_reason_of_its_event():
    """And between two looks it is said again."""
    X, y, _ = make_drifting_classification(3000, n_drifts=2, random_state=0)
    model = DriftAwareRetrainer(
        LogisticRegression(),
        detector=RefitDebt(100, caution=0.5),
        batch_size=20,
        policy="full_refit",
    )
    events = list(model.fit(X, y).events_)
    warned = [event for event in events if event.action == "kept" and event.state == "warning"]
    told = [event for event in warned if "a refit now would save" in event.reason]
    assert told
    assert all(
        event.reason == "" for event in events if event.state == "stable" and event.action == "kept"
    )


@pytest.mark.parametrize("row", [700, 1300, 2000])
def test_a_pickle_goes_on_with_its_forecast_and_its_draws(show, row):
    losses = _alternating()
    trigger = RefitDebt(60, threshold="random", caution=0.5, random_state=0)
    show(trigger, losses[:row])
    copy = pickle.loads(pickle.dumps(trigger))
    rest = [show(each, losses[row:], first=row) for each in (trigger, copy)]
    assert rest[0] == rest[1]
    assert trigger.threshold_ == copy.threshold_


def test_residuals_are_forecast_in_their_own_unit(show):
    """Scaled with the price, the same alarms."""
    residuals = np.abs(np.random.default_rng(0).normal(size=6000)) * np.repeat([1, 2, 1, 2], 1500)
    found = []
    for unit in (1e-3, 1.0, 1e3):
        trigger = RefitDebt(800 * unit, caution=0.5)
        signals = show(trigger, residuals * unit, bounded=False)
        found.append([(s.state, s.since) for s in signals])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": "dice"},
        {"threshold": None},
        {"caution": 0},
        {"caution": 0.7},
        {"caution": math.nan},
        {"caution": "half"},
        {"random_state": -1},
        {"random_state": 0.5},
    ],
)
def test_a_useless_choice_is_refused_by_name(options):
    (name,) = options
    with pytest.raises(ValueError, match=rf"RefitDebt\({name}=.*\): {name} must be"):
        RefitDebt(5, **options).reset()


def _fit(row, n_rows):
    return FitRecord(row, n_rows, 0, "full_refit", cpu_seconds=0.1, wall_seconds=0.1)
