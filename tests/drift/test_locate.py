"""Properties of the location of a change."""

import numpy as np
import pytest
from river.drift import ADWIN

from skretrain.drift._locate import locate_change, nearest_batch, noise_bound


def _brute_force(losses):
    n = len(losses)
    gains = [
        np.sqrt(k * (n - k) / n) * (losses[k:].mean() - losses[:k].mean()) for k in range(1, n)
    ]
    return int(np.argmax(gains)) + 1, max(gains)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_best_of_all_splits(seed):
    """The vectorised search agrees with trying every split by hand."""
    losses = np.random.default_rng(seed).random(57)
    position, gain = locate_change(losses)
    expected_position, expected_gain = _brute_force(losses)
    assert position == expected_position
    assert gain == pytest.approx(expected_gain)


def test_directions_mirror_each_other():
    """A fall is a rise of the negated losses, and "both" takes the larger of the two."""
    losses = np.random.default_rng(3).random(80)
    rise, fall = locate_change(losses, "increase"), locate_change(losses, "decrease")
    assert fall == pytest.approx(locate_change(-losses, "increase"))
    assert locate_change(losses, "both") == pytest.approx(max(rise, fall, key=lambda c: c[1]))


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_split_locates_nothing(n):
    """With fewer than two losses there is no change."""
    assert locate_change(np.ones(n)) == (0, 0.0)


def test_it_misses_by_few_rows_where_the_width_of_adwin_misses_by_hundreds():
    """0.10 -> 0.30 at row 3,000, 40 runs: the median miss is at most 15 rows."""
    misses, adwin_misses = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        losses = np.r_[rng.random(3000) < 0.1, rng.random(2000) < 0.3].astype(float)
        adwin = ADWIN()
        for row, loss in enumerate(losses.tolist()):  # noqa: B007
            adwin.update(loss)
            if adwin.drift_detected:
                break
        adwin_misses.append(abs(row + 1 - adwin.width - 3000))
        misses.append(abs(locate_change(losses[: row + 1])[0] - 3000))
    assert np.median(misses) <= 15
    assert np.median(adwin_misses) >= 10 * np.median(misses)


def test_noise_stays_below_its_bound_and_a_change_goes_beyond():
    """Of 200 stationary sequences none exceeds the bound; a doubled error rate does."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        losses = (rng.random(1000) < 0.2).astype(float)
        position, gain = locate_change(losses)
        assert gain < noise_bound(losses, position, 0.002)
    losses = np.r_[losses, rng.random(1000) < 0.4]
    position, gain = locate_change(losses)
    assert gain > noise_bound(losses, position, 0.002)


def test_the_first_error_of_a_perfect_model_is_noise():
    """One error after a thousand right answers proves nothing."""
    losses = np.r_[np.zeros(1000), 1.0]
    position, gain = locate_change(losses)
    assert position == 1000
    assert gain < noise_bound(losses, position, 0.002)


def test_a_single_loss_exceeds_no_bound():
    """There is nothing to compare it with."""
    assert noise_bound(np.array([1.0]), 0, 0.002) == np.inf


@pytest.mark.parametrize(("position", "expected"), [(197, 200), (103, 100), (100, 100), (297, 200)])
def test_in_random_order_a_change_is_located_to_the_nearest_batch(position, expected):
    """A split that noise moves by three rows must not add a batch of the old concept; the newest
    batch has no later neighbour."""
    rows = np.repeat([0, 100, 200], 100)
    assert nearest_batch(rows, position) == expected
