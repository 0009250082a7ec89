"""Properties of the forecast of what a refit saves, and of the point at which it is bought."""

import numpy as np
import pytest

from skretrain.drift._regimes import Regimes
from skretrain.drift._ski_rental import buying_point


def _after(*rows, fits=()):
    regimes = Regimes()
    for n_rows, loss in fits:
        regimes.add_fit(n_rows, 100 * loss, 100)
    for row in rows:
        regimes.add_change(row)
    return regimes


@pytest.mark.parametrize("most", [0.01, 0.5, 1.0, 4.0, 100.0])
def test_points_are_drawn_with_the_density_of_the_proof(most):
    """The share of the points below x is (e^x - 1) / (e^most - 1)."""
    shares = np.linspace(0, 0.999, 50)
    points = np.array([buying_point(most, share) for share in shares])
    np.testing.assert_allclose(np.expm1(points) / np.expm1(most), shares, atol=1e-9)
    assert buying_point(most) == most


def test_a_regime_is_forecast_to_last_as_long_as_the_longer_ones():
    """The latest length counts 5 : 4 against the one before."""
    regimes = _after(1000)
    assert regimes.remaining(3000, 3001) == pytest.approx((5 * 2000 + 4 * 1000) / 9 - 1)
    assert regimes.remaining(3000, 4500) == 500


def test_a_regime_that_outlived_all_goes_on_as_long_as_it_did_so_far_beyond():
    remaining = [_after(1000).remaining(3000, 3000 + age) for age in (2000, 2001, 5000)]
    assert remaining == [0, 1, 3000]


def test_a_regime_from_the_first_row_on_is_not_known_to_last():
    assert _after().remaining(0, 10) == 0
    assert _after().forecast(0, 10, loss=1.0, expected=0.2) == (0, 0, 0)


def test_a_change_that_is_told_twice_is_one():
    twice, once = _after(1000, 1000, 900, 3000), _after(1000, 3000)
    for since in (2900, 3000, 3500):
        assert twice.remaining(since, 3501) == once.remaining(since, 3501)


def test_what_lies_far_back_is_forgotten():
    """A thousand regimes of one length, after one of another, keep nothing of it, nor memory."""
    regimes = _after(90_000, *range(91_000, 1_091_000, 1000), fits=[(100, 0.5)] * 1000)
    assert regimes.remaining(regimes.latest, regimes.latest + 1) == 999
    assert len(regimes._fits) == len(regimes._changes) == 50


def test_the_loss_after_a_refit_is_the_power_law_of_past_fits():
    """With so many fits that the prior does not count; between and beyond their sizes."""
    sizes = np.array([10, 10**4] * 25)
    regimes = _after(fits=[(n, 2 * n**-0.4) for n in sizes])
    rows = np.array([10.0, 100.0, 1e6])
    np.testing.assert_allclose(regimes.loss_after(rows), 2 * rows**-0.4, rtol=0.1)


def test_one_fit_says_that_twice_the_rows_are_worth_a_twentieth():
    losses = _after(fits=[(1000, 0.2)]).loss_after(np.array([1000.0, 2000.0]))
    np.testing.assert_allclose(losses, [0.2, 0.19], rtol=1e-3)


def test_more_rows_are_never_forecast_to_harm():
    """Past fits on more rows that were worse, of a harder concept, say, make it even."""
    losses = _after(fits=[(100, 0.1), (10_000, 0.4)]).loss_after(np.array([100.0, 10_000.0]))
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("lost", "n_scored"), [(40, 49), (0, 500)])
def test_fits_that_few_rows_or_no_loss_tell_of_say_nothing(lost, n_scored):
    """Then a refit is taken to lead back to the loss before the rise."""
    regimes = _after(1000)
    regimes.add_fit(500, lost, n_scored)
    assert regimes.forecast(2000, 2100, loss=0.5, expected=0.2).saved == pytest.approx(900 * 0.3)


def test_what_a_refit_saves_is_the_difference_times_the_rows_that_remain():
    """Where models do not gain by rows, now is best."""
    regimes = _after(5000, fits=[(10, 0.1), (10_000, 0.1)] * 1 + [(10, 0.1), (10_000, 0.4)] * 20)
    saved, wait, then = regimes.forecast(5000, 6000, loss=0.9, expected=0.2)
    assert saved == pytest.approx(4000 * (0.9 - regimes.loss_after(np.array([1000.0]))[0]))
    assert (wait, then) == (0, saved)


def test_a_refit_on_few_rows_waits_for_more_where_rows_count():
    """The wait is that of the best refit of all, by enumeration, to a twentieth of what remains."""
    regimes = _after(5000, fits=[(10, 1.0), (1000, 0.1)] * 25)
    saved, wait, then = regimes.forecast(5000, 5020, loss=0.9, expected=0.2)
    waits = np.arange(4980)
    all_saved = (4980 - waits) * (0.9 - regimes.loss_after(20.0 + waits))
    assert abs(wait - all_saved.argmax()) <= 4980 / 20
    assert then == pytest.approx(all_saved[wait])
    assert saved == pytest.approx(all_saved[0])
    assert saved < 0.9 * then
