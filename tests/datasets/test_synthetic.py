"""The synthetic streams drift where, and as strongly as, they say."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skretrain.datasets import make_drifting_classification, make_drifting_regression

DRIFTS = ["abrupt", "gradual", "recurring", "virtual", "stationary"]
MAKERS = [make_drifting_classification, make_drifting_regression]
SEEDS = range(5)


def _scores(make, seed, cuts, **options):
    """Fit on the first stretch between `cuts`; return the scores on the stretches after it."""
    X, y, _ = make(random_state=seed, **options)
    model = LogisticRegression(C=10.0) if make is make_drifting_classification else Ridge()
    model.fit(X[: cuts[0]], y[: cuts[0]])
    return [model.score(X[a:b], y[a:b]) for a, b in pairwise(cuts)]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("drift", DRIFTS)
def test_shapes_and_types(make, drift):
    X, y, drift_rows = make(120, n_features=4, drift=drift)
    assert X.shape == (120, 4)
    assert y.shape == (120,)
    assert (X.dtype, drift_rows.dtype) == (np.float64, np.int64)
    assert y.dtype == (np.int64 if make is make_drifting_classification else np.float64)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("drift", DRIFTS)
def test_the_same_seed_gives_the_same_stream_and_another_seed_another(make, drift):
    first, again, other = (make(200, drift=drift, random_state=seed) for seed in (3, 3, 4))
    for one, two in zip(first, again):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("make", MAKERS)
def test_no_seed_means_a_fixed_one(make):
    np.testing.assert_array_equal(make(50)[0], make(50)[0])


@pytest.mark.parametrize("make", MAKERS)
def test_a_generator_is_drawn_from_as_it_stands(make):
    rng = np.random.default_rng(5)
    first, second = make(50, random_state=rng), make(50, random_state=rng)
    np.testing.assert_array_equal(first[0], make(50, random_state=5)[0])
    assert not np.array_equal(first[0], second[0])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [450]),
        ({"n_drifts": 2}, [300, 600]),
        ({"drift": "recurring"}, [225, 450, 675]),
        ({"drift": "virtual", "n_drifts": 2}, [300, 600]),
        ({"drift": "stationary"}, []),
        ({"drift": "stationary", "n_drifts": 4}, []),
        ({"drift_rows": [1, 2, 899]}, [1, 2, 899]),
        ({"drift_rows": np.array([7], dtype=np.uint8)}, [7]),
    ],
)
def test_drift_rows_are_evenly_spaced_or_the_callers(make, options, expected):
    assert make(900, **options)[2].tolist() == expected


# How strongly the concepts differ


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_classifier_trained_on_one_concept_is_at_chance_or_worse_on_the_next(n_classes, seed):
    before, after = _scores(
        make_drifting_classification,
        seed,
        [3000, 4000, 8000],
        n_samples=8000,
        drift_rows=[4000],
        n_classes=n_classes,
    )
    assert before > 0.95 - 0.1  # learnable: 0.85 and more, although 5 % of the labels are noise
    assert after < 1 / n_classes + 0.03
    assert before - after > 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_regressor_trained_on_one_concept_is_worse_than_the_mean_on_the_next(seed):
    before, after = _scores(make_drifting_regression, seed, [500, 1000, 2000], n_samples=2000)
    assert before > 0.98
    assert after < -0.8


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_successive_concepts_agree_on_no_more_rows_than_chance(n_classes, seed):
    # The same seed draws the same inputs whatever the drift rows are: only the labels differ.
    options = {"n_classes": n_classes, "noise": 0.0, "random_state": seed}
    X, y_old, _ = make_drifting_classification(500, drift_rows=[499], **options)
    X_same, y_new, _ = make_drifting_classification(500, drift_rows=[1], **options)
    np.testing.assert_array_equal(X, X_same)
    assert (y_old[1:-1] == y_new[1:-1]).sum() <= 500 / n_classes


def test_with_the_least_inputs_a_drift_swaps_the_classes():
    X, y, (row,) = make_drifting_classification(100, n_features=1, noise=0.0)
    positive = X[:, 0] > 0
    assert len({*(y == positive)[:row]}) == len({*(y == positive)[row:]}) == 1
    assert (y == positive)[0] != (y == positive)[-1]


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("drift", DRIFTS)
def test_classes_are_about_equally_frequent_in_each_concept(n_classes, drift):
    _, y, drift_rows = make_drifting_classification(
        9000, n_classes=n_classes, drift=drift, random_state=1
    )
    for stretch in np.split(y, drift_rows):
        shares = np.bincount(stretch, minlength=n_classes) / len(stretch)
        np.testing.assert_allclose(shares, 1 / n_classes, atol=0.04)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_recurring_concepts_come_back(make, seed):
    cuts = [1000, 2000, 3000, 4000]
    away, back, away_again = _scores(make, seed, cuts, n_samples=4000, drift="recurring")
    assert back > 0.85
    assert max(away, away_again) < 0.6


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_stationary_stream_does_not_change(make, seed):
    scores = _scores(make, seed, [3000, 5000, 7000, 9000], n_samples=9000, drift="stationary")
    assert min(scores) > 0.91
    assert max(scores) - min(scores) < 0.03


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_virtual_drift_costs_a_model_of_the_right_form_nothing(make, seed):
    before, after = _scores(
        make, seed, [8000, 10_000, 20_000], n_samples=20_000, drift="virtual", drift_rows=[10_000]
    )
    assert after > before - 0.02


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_virtual_drift_moves_the_inputs_by_three_standard_deviations_and_not_the_target(make, seed):
    X, y, drift_rows = make(9000, drift="virtual", n_drifts=2, random_state=seed)
    means = [part.mean(axis=0) for part in np.split(X, drift_rows)]
    moved = [np.linalg.norm(new - old) for old, new in pairwise(means)]
    np.testing.assert_allclose(moved, 3.0, atol=0.15)
    np.testing.assert_allclose([part.std() for part in np.split(y, drift_rows)], y.std(), atol=0.06)


@pytest.mark.parametrize("make", MAKERS)
def test_virtual_drift_leaves_the_concept_alone(make):
    # Without noise the target is one function of the inputs: a separate fit on each side of the
    # drift finds the same direction.
    X, y, (row,) = make(4000, drift="virtual", n_features=3, noise=0.0, random_state=0)
    model = LogisticRegression if make is make_drifting_classification else Ridge
    old, new = (model().fit(X[s], y[s]).coef_.ravel() for s in (slice(row), slice(row, None)))
    cosine = old @ new / np.linalg.norm(old) / np.linalg.norm(new)
    assert cosine > 0.99


# The transition of gradual drift


def _share_of_new_concept(width, drift_rows, n_samples=3000, n_streams=200):
    """Return, row by row, how often the new concept of a one-feature stream labels the row."""
    new = np.zeros(n_samples)
    for seed in range(n_streams):
        X, y, _ = make_drifting_classification(
            n_samples,
            n_features=1,
            drift="gradual",
            drift_rows=drift_rows,
            width=width,
            noise=0.0,
            random_state=seed,
        )
        side = y == (X[:, 0] > 0)
        new += side != side[0]
    return new / n_streams


def test_in_a_transition_the_share_of_the_new_concept_rises_linearly():
    share = _share_of_new_concept(width=1000, drift_rows=[500])
    assert share[:500].max() == 0.0
    assert share[1500:].min() == 1.0
    expected = np.arange(1, 1001) / 1001
    smooth = np.convolve(share[500:1500] - expected, np.ones(50) / 50, mode="valid")
    assert np.abs(smooth).max() < 0.03


def test_a_second_transition_starts_from_the_second_concept():
    # With one feature there are two concepts, so the second transition leads back to the first.
    share = _share_of_new_concept(width=500, drift_rows=[500, 1500], n_streams=20)
    assert share[:500].max() == share[2000:].max() == 0.0
    assert share[1000:1500].min() == 1.0
    assert 0.4 < share[1500:2000].mean() < 0.6


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n_samples", "row", "width"), [(900, 300, 300), (3, 2, 1)])
def test_a_transition_takes_half_of_the_room_unless_told(n_samples, row, width, seed):
    options = {"drift": "gradual", "drift_rows": [row], "random_state": seed}
    default = make_drifting_regression(n_samples, **options)[1]
    told = make_drifting_regression(n_samples, width=width, **options)[1]
    np.testing.assert_array_equal(default, told)


def test_a_gradual_regression_stream_mixes_both_concepts():
    X, y, _ = make_drifting_regression(
        3000, n_features=1, drift="gradual", drift_rows=[1000], width=1000, noise=0.0
    )
    new = (y == X[:, 0]) != (y[0] == X[0, 0])
    assert not new[:1000].any()
    assert 0.4 < new[1000:2000].mean() < 0.6
    assert new[2000:].all()


# Noise and informative columns


@pytest.mark.parametrize("n_classes", [2, 4])
def test_noise_is_the_share_of_wrong_labels(n_classes):
    options = {"n_classes": n_classes, "n_features": 6, "random_state": 0}
    _, clean, _ = make_drifting_classification(20_000, noise=0.0, **options)
    _, noisy, _ = make_drifting_classification(20_000, noise=0.3, **options)
    assert abs((clean != noisy).mean() - 0.3) < 0.01
    offsets = np.bincount((noisy - clean) % n_classes, minlength=n_classes)[1:]
    np.testing.assert_allclose(offsets / offsets.sum(), 1 / (n_classes - 1), atol=0.02)


def test_noise_is_the_standard_deviation_of_the_residuals():
    _, clean, _ = make_drifting_regression(20_000, noise=0.0)
    _, noisy, _ = make_drifting_regression(20_000, noise=0.5)
    assert abs((noisy - clean).std() - 0.5) < 0.01
    assert abs(clean.std() - 1.0) < 0.03


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("n_informative", "used"), [(None, 4), (2, 2), (8, 8)])
def test_only_the_first_columns_inform(make, n_informative, used):
    X, y, _ = make(4000, n_features=8, n_informative=n_informative, drift="stationary", noise=0.0)
    model = LogisticRegression(C=1e4) if make is make_drifting_classification else Ridge(1e-6)
    weight = np.abs(model.fit(X, y).coef_.ravel())
    assert weight[:used].min() > 20 * weight[used:].max(initial=0.0)


def test_many_classes_raise_the_number_of_informative_columns():
    _, y, _ = make_drifting_classification(500, n_features=7, n_classes=7)
    assert len(np.unique(y)) == 7


# Errors


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drift": "sudden"}, "drift must be one of abrupt, .*; got 'sudden'"),
        ({"n_samples": 1}, "n_samples == 1, must be >= 2"),
        ({"n_features": 0}, "n_features == 0, must be >= 1"),
        ({"n_features": 1, "drift": "virtual"}, "n_features == 1, must be >= 2"),
        ({"n_informative": 0}, "n_informative == 0, must be >= 1"),
        ({"n_informative": 11}, "n_informative == 11, must be <= 10"),
        ({"noise": -0.1}, "noise == -0.1, must be >= 0"),
        ({"n_drifts": 0}, "n_drifts == 0, must be >= 1"),
        ({"n_samples": 3, "n_drifts": 3}, "n_drifts == 3, must be <= 2"),
        ({"n_drifts": 1, "drift_rows": [5]}, "n_drifts or drift_rows, not both; got n_drifts=1"),
        ({"drift_rows": [5], "drift": "stationary"}, "'stationary' has no drift rows"),
        ({"drift_rows": []}, "increasing integers between 1 and .* 99, got \\[\\]"),
        ({"drift_rows": [0]}, "increasing integers"),
        ({"drift_rows": [100]}, "increasing integers"),
        ({"drift_rows": [50, 20]}, "increasing integers"),
        ({"drift_rows": [20, 20]}, "increasing integers"),
        ({"drift_rows": [2.5]}, "increasing integers"),
        ({"drift_rows": 50}, "increasing integers"),
        ({"n_drifts": 1, "drift": "recurring"}, "second drift, got 1"),
        ({"drift_rows": [5], "drift": "recurring"}, "second drift, got 1"),
        ({"width": 0, "drift": "gradual"}, "width == 0, must be >= 1"),
        ({"width": 51, "drift": "gradual"}, "width=51 rows do not fit: .* has 50"),
        (
            {"width": 11, "drift_rows": [10, 20], "drift": "gradual"},
            "width=11 rows do not fit: .* has 10",
        ),
    ],
)
def test_a_parameter_out_of_range_is_named_with_its_value(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**{"n_samples": 100, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 1}, "n_classes == 1, must be >= 2"),
        ({"n_classes": 12}, "n_features == 10, must be >= 11"),
        ({"n_classes": 4, "n_informative": 2}, "n_informative == 2, must be >= 3"),
        ({"noise": 1.1}, "noise == 1.1, must be <= 1"),
    ],
)
def test_classes_and_label_noise_have_ranges_of_their_own(options, message):
    with pytest.raises(ValueError, match=message):
        make_drifting_classification(100, **options)
