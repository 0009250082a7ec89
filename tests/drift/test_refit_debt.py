"""Properties of the trigger that counts what the want of a refit costs."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import FitRecord, RefitDebt, ScoredBatch

# The rule alone, without a forecast of what a refit would save.
Rule = partial(RefitDebt, caution=None)


def _alarms(signals):
    return [(k, signal.since) for k, signal in enumerate(signals) if signal.state == "drift"]


def _fit(row, n_rows=500):
    return FitRecord(row, n_rows, 0, "full_refit", cpu_seconds=0.1, wall_seconds=0.1)


@pytest.fixture
def drift_free():
    return make_drifting_classification(4000, drift="stationary", random_state=0)[:2]


# 1 in 10, then 5 in 10, in blocks of ten rows: every sum can be told by heart.
LOW, HIGH = np.repeat([1.0, 0.0], [1, 9]), np.repeat([1.0, 0.0], [5, 5])


def test_the_debt_is_the_sum_of_loss_beyond_the_expected_one(show):
    """In errors: 4 more in ten rows, so 100 rows after the rise it is 40, and it grows so."""
    trigger = RefitDebt(price=1e6)
    debts = []
    for start in range(0, 2000, 100):
        part = np.tile(LOW if start < 1000 else HIGH, 10)
        show(trigger, part, first=start)
        debts.append(trigger.debt_)
    assert debts[:10] == [0.0] * 10
    np.testing.assert_allclose(debts[10:], np.arange(40, 401, 40))
    assert trigger.expected_loss_ == pytest.approx(0.1)


@pytest.mark.parametrize(("price", "batches_after"), [(39.9, 1), (41, 2), (199, 5), (201, 6)])
def test_it_rings_when_the_debt_is_the_price(show, price, batches_after):
    """Not before; the rows since the rise are what to refit on; until then it warns."""
    losses = np.r_[np.tile(LOW, 100), np.tile(HIGH, 100)]
    signals = show(Rule(price), losses)
    assert _alarms(signals) == [(10 + batches_after - 1, 1000)]
    assert {s.state for s in signals[10 : 10 + batches_after - 1]} <= {"warning"}


def test_the_debt_is_zero_after_the_retrain_that_answered(errors, show):
    """It is blank then: the losses before are not those of the model that serves."""
    trigger = RefitDebt(30)
    signals = show(trigger, errors(0.1, 0.4, n=1000))
    assert len(_alarms(signals)) == 1
    trigger.after_fit(_fit(2000), None, answered=True)
    assert (trigger.debt_, np.isnan(trigger.expected_loss_)) == (0.0, True)
    assert not _alarms(show(trigger, errors(0.4, n=2000, seed=1), first=2000))
    assert trigger.debt_ == 0


def test_a_growth_refit_cancels_the_debt_and_keeps_the_expected_loss(show):
    """A drift right after it is found; what the old model owed is not held against the new."""
    trigger = Rule(199)
    show(trigger, np.r_[np.tile(LOW, 100), np.tile(HIGH, 40)])
    assert trigger.debt_ == pytest.approx(160)
    trigger.after_fit(_fit(1400), None, answered=False)
    assert trigger.debt_ == 0
    signals = show(trigger, np.tile(HIGH, 100), first=1400)
    # No better: five batches of 40 errors, and not one, make the price.
    assert _alarms(signals)[0] == (4, 1000)


def test_a_model_that_a_growth_refit_has_cured_owes_nothing(show):
    trigger = RefitDebt(200)
    show(trigger, np.r_[np.tile(LOW, 100), np.tile(HIGH, 40)])
    trigger.after_fit(_fit(1400), None, answered=False)
    assert not _alarms(show(trigger, np.tile(LOW, 400), first=1400))
    assert trigger.debt_ == pytest.approx(0, abs=1e-9)


def test_a_model_that_is_better_than_before_has_no_negative_debt(show):
    trigger = RefitDebt(1000)
    show(trigger, np.r_[np.tile(LOW, 100), np.tile(HIGH, 40)])
    trigger.after_fit(_fit(1400), None, answered=False)
    assert {s.state for s in show(trigger, np.zeros(200), first=1400)} == {"stable"}
    assert trigger.debt_ == 0


def test_three_drifts_are_three_retrains(errors, show):
    """Trap of schedules that refit once and never again."""
    trigger = RefitDebt(50)
    for k in range(3):
        alarms = _alarms(show(trigger, errors(0.1, 0.5, n=1000, seed=k), first=2000 * k))
        assert [abs(since - 2000 * k - 1000) <= 100 for _, since in alarms] == [True]
        trigger.after_fit(_fit(2000 * (k + 1)), None, answered=True)


def test_growth_waits_until_a_twentieth_of_the_loss_since_the_fit_is_the_price(show):
    """With 100 errors in 1,000 rows, a price of 5 is reached with the last of them."""
    trigger = RefitDebt(price=5).reset()
    for start in range(0, 1000, 100):
        assert not trigger.growth_pays
        show(trigger, np.tile(LOW, 10), first=start)
    assert trigger.growth_pays
    trigger.after_fit(_fit(1000), None, answered=False)
    assert not trigger.growth_pays


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
def test_growth_of_a_regressor_does_not_depend_on_the_unit(unit):
    """Nor on rows that were not scored; an infinite loss is one as large as the largest."""
    trigger = RefitDebt(price=5 * unit).reset()
    losses = unit * np.r_[np.full(94, 1.0), 5.0, np.inf, np.full(4, np.nan)]
    trigger.update(ScoredBatch(0, 100, losses[::-1], bounded=False))
    assert trigger.growth_pays  # 94 + 5 + 5 = 104 units, a twentieth of which is 5.2
    trigger.after_fit(_fit(100), None, answered=False)
    trigger.update(ScoredBatch(100, 94, losses[:94], bounded=False))
    assert not trigger.growth_pays


def test_growth_is_free_where_refits_are_or_where_their_price_is_learned():
    assert RefitDebt(0).reset().growth_pays
    assert RefitDebt("auto").reset().growth_pays


def test_a_retrainer_told_the_price_grows_when_it_pays(drift_free):
    """Never at a huge price; at none as without a trigger; in between on fewer, longer steps."""
    X, y = drift_free

    def rows_fitted(detector):
        model = DriftAwareRetrainer(
            LogisticRegression(), detector=detector, batch_size=100, policy="full_refit"
        )
        return [event.n_rows_fitted for event in model.fit(X, y).events_]

    always = rows_fitted(None)
    assert always == [100, 200, 400, 800, 1600, 3200]
    assert rows_fitted(RefitDebt(0)) == always
    assert rows_fitted(RefitDebt(1e9)) == [100]
    some = rows_fitted(RefitDebt(3))
    assert some[:2] != always[:2]
    assert 1 < len(some) < len(always)


def test_without_a_retrain_there_is_one_alarm_per_rise(errors, show):
    """The higher level is the expected one from then on."""
    signals = show(RefitDebt(30), errors(0.1, 0.3, 0.6, n=2000))
    first, second = _alarms(signals)
    assert abs(first[1] - 2000) <= 100
    assert abs(second[1] - 4000) <= 100


def test_an_improvement_is_no_debt_and_becomes_what_is_expected(errors, show):
    """0.4 -> 0.1 -> 0.25: the end is better than the start, and a debt all the same."""
    trigger = RefitDebt(50)
    assert not _alarms(show(trigger, errors(0.4, 0.1, n=2000)))
    alarms = _alarms(show(trigger, errors(0.25, n=2000, seed=1), first=4000))
    assert [abs(since - 4000) <= 100 for _, since in alarms] == [True]


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.4])
def test_a_stationary_stream_runs_into_no_debt(errors, show, rate):
    """Even at price 0, where the first error of debt would ring."""
    for seed in range(10):
        trigger = RefitDebt(0)
        assert not _alarms(show(trigger, errors(rate, n=4000, seed=seed)))
        assert trigger.debt_ == 0


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 100, 1000])
def test_chance_makes_no_debt_on_200_stationary_streams(errors, show, size):
    """Of 10,000 rows: at most 2 in 100 ever owe anything."""
    runs = [errors(0.1, n=10_000, seed=seed) for seed in range(200)]
    assert np.mean([bool(_alarms(show(RefitDebt(0), run, size))) for run in runs]) <= 0.02


def test_the_price_is_learned_from_the_rows_of_fits(show):
    """The deviation of the number of errors on as many rows: 4 times the rows, twice the price."""
    trigger = RefitDebt().reset()
    assert np.isnan(trigger.price_)
    show(trigger, np.tile(LOW, 100))
    assert np.isnan(trigger.price_)
    prices = []
    for n_rows in (400, 1600):
        trigger.after_fit(_fit(1000, n_rows), None, answered=False)
        prices.append(trigger.price_)
    np.testing.assert_allclose(prices, [np.sqrt(400 * 0.09), np.sqrt(1600 * 0.09)])
    trigger.after_fit(_fit(1000, 1600), None, answered=True)
    show(trigger, np.tile(LOW, 100), first=1000)
    assert trigger.price_ == pytest.approx(12)
    assert RefitDebt(7).reset().price_ == 7


def test_while_the_price_is_unknown_a_debt_rings_at_once(show):
    """Without a single fit to learn from, nothing is held back."""
    signals = show(RefitDebt(), np.r_[np.tile(LOW, 100), np.tile(HIGH, 40)])
    assert _alarms(signals)[0] == (10, 1000)


def test_a_dearer_refit_comes_later_and_seldom(errors, show):
    """On one stream with a drift, over prices: fewer alarms, and later ones."""
    losses = errors(0.1, 0.2, n=3000)
    rows = [[k for k, _ in _alarms(show(Rule(price), losses))] for price in (1, 100, 200, 1e4)]
    assert [len(each) for each in rows] == [1, 1, 1, 0]
    assert rows[0] < rows[1] < rows[2]


@pytest.mark.parametrize("size", [1, 10, 50])
def test_the_size_of_batches_hardly_matters(show, size):
    """The alarm comes within one batch, and 2 % of the rows, of its place."""
    losses = np.r_[np.tile(LOW, 100), np.tile(HIGH, 100)]
    row = (_alarms(show(Rule(199), losses, size))[0][0] + 1) * size
    assert 1500 - 10 <= row <= 1500 + 50 + 30


def test_a_debt_is_a_warning_also_between_two_looks(show):
    """One row at a time it looks on 2 % more rows only; what it said stays until then."""
    trigger, looks = RefitDebt(1e6), []
    look = trigger._look
    trigger._look = lambda: looks.append(1) or look()
    signals = show(trigger, np.r_[np.tile(LOW, 100), np.tile(HIGH, 40)], size=1)
    states = [signal.state for signal in signals]
    assert set(states[states.index("warning") :]) == {"warning"}
    assert 50 < len(looks) < 350


def test_the_rise_is_located_to_a_batch(errors, show):
    """Within a batch, in whatever order, no row is the first."""
    for seed in range(10):
        ((_, since),) = _alarms(show(RefitDebt(20), errors(0.1, 0.4, n=1000, seed=seed), size=40))
        assert since % 40 == 0


@pytest.mark.parametrize("order", [np.sort, lambda part: np.sort(part)[::-1]])
def test_the_order_within_a_batch_changes_neither_the_debt_nor_the_row(show, order):
    """Sorted, the errors at the end of a batch look like the beginning of the rise."""
    losses = np.r_[np.tile(LOW, 100), np.tile(HIGH, 40)]
    trigger = Rule(150)
    batches = np.concatenate([order(part) for part in losses.reshape(-1, 100)])
    assert _alarms(show(trigger, batches[:1200])) == []
    assert trigger.debt_ == pytest.approx(80)
    assert _alarms(show(trigger, batches[1200:], first=1200)) == [(1, 1000)]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_residuals_are_owed_in_their_own_unit(show, scale):
    """A price in the unit of the target; scaled together, both ring at the same batch."""
    rng = np.random.default_rng(0)
    residuals = np.abs(rng.normal(size=4000)) * np.repeat([1.0, 2.0], 2000) * scale
    residuals[[700, 800]] = np.inf, np.nan
    trigger = Rule(price=400 * scale).reset()
    assert not trigger.warming_up
    show(trigger, residuals[:100], bounded=False)
    assert trigger.warming_up
    alarms = _alarms(show(trigger, residuals[100:], first=100, bounded=False))
    # 0.8 more per row: 500 rows make 400.
    assert [since for _, since in alarms] == [2000]
    assert 4 <= alarms[0][0] + 1 - 19 <= 6
    assert not trigger.warming_up


def test_a_second_rise_of_residuals_is_compared_with_the_first(show):
    """In the unit of the target, too, what came before an unanswered alarm is forgotten."""
    rng = np.random.default_rng(0)
    residuals = np.abs(rng.normal(size=6000)) * np.repeat([1.0, 2.0, 4.0], 2000)
    trigger = RefitDebt(price=400)
    (_, first), (_, second) = _alarms(show(trigger, residuals, bounded=False))
    assert first == 2000
    assert abs(second - 4000) <= 100
    assert trigger.expected_loss_ == pytest.approx(3.2, abs=0.2)


def test_sorted_batches_of_residuals_do_not_spoil_the_ranks(show):
    """Else the reference would be the smallest of the first batch, and nothing could rise."""
    residuals = np.abs(np.random.default_rng(0).normal(size=6000)) * np.repeat([1.0, 2.0], 3000)
    residuals = np.sort(residuals.reshape(-1, 500)).ravel()
    alarms = _alarms(show(RefitDebt(10), residuals, size=500, bounded=False))
    assert alarms == [(6, 3000)]


def test_one_infinite_residual_is_not_an_infinite_debt(show):
    rng = np.random.default_rng(1)
    residuals = np.abs(rng.normal(size=3000))
    residuals[1500] = np.inf
    trigger = RefitDebt(0)
    assert not _alarms(show(trigger, residuals, bounded=False))
    assert np.isfinite(trigger.expected_loss_)


def test_rows_that_were_not_scored_owe_nothing(show):
    """Nor does a batch without a single score, first or later."""
    trigger = RefitDebt(10)
    assert not _alarms(show(trigger, np.full(100, np.nan)))
    show(trigger, np.tile(LOW, 30), first=100)
    show(trigger, np.full(300, np.nan), first=400)
    assert (trigger.debt_, trigger.expected_loss_) == (0.0, pytest.approx(0.1))


@pytest.mark.parametrize("row", [150, 1200, 1900])
@pytest.mark.parametrize("bounded", [True, False])
def test_a_pickle_goes_on_and_a_clone_is_blank(errors, show, row, bounded):
    losses = errors(0.1, 0.3, n=1500)
    trigger = RefitDebt(40)
    show(trigger, losses[:row], first=0, bounded=bounded)
    copy = pickle.loads(pickle.dumps(trigger))
    rest = [show(each, losses[row:], first=row, bounded=bounded) for each in (trigger, copy)]
    assert rest[0] == rest[1]
    assert trigger.debt_ == copy.debt_
    assert not hasattr(clone(trigger), "debt_")


def test_a_model_without_a_loss_is_refused():
    with pytest.raises(ValueError, match="RefitDebt needs a loss per row"):
        RefitDebt(1).update(ScoredBatch(0, 3))


@pytest.mark.parametrize("price", [-1, np.inf, np.nan, True, None, "cheap"])
def test_a_useless_price_is_refused_by_name_and_value(price):
    with pytest.raises(ValueError, match=r"RefitDebt\(price=.*\): price must be a finite number"):
        RefitDebt(price).reset()


@pytest.mark.no_cover
def test_in_a_retrainer_the_price_decides_how_often_is_retrained():
    """A refit that costs more than the whole stream could save never comes."""
    X, y, _ = make_drifting_classification(3000, random_state=0)
    drifts = []
    for price in ("auto", 5, 10_000):
        detector = RefitDebt(price)
        model = DriftAwareRetrainer(LogisticRegression(), detector=detector, batch_size=100)
        drifts.append(model.fit(X, y).n_alarms_)
    assert drifts[0] >= 1
    assert drifts[1] >= 1
    assert drifts[2] == 0
