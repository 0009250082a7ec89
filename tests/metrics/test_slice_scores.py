"""Properties of the scores of slices, and of the search for the worst one."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse, stats
from sklearn.metrics import mean_squared_error, roc_auc_score

from skretrain.metrics import find_worst_slice, slice_scores
from skretrain.metrics._slice_scores import benjamini_hochberg, difference_test

RNG = np.random.default_rng(0)
SHOP = np.repeat(["a", "b", "c"], [300, 60, 40])
FRAME = pd.DataFrame({"shop": SHOP, "size": RNG.normal(size=400)})
Y = RNG.integers(0, 2, size=400)
PREDICTED = np.where(RNG.random(400) < np.where(SHOP == "c", 0.5, 0.1), 1 - Y, Y)


def by_name(scores):
    return {score.name: score for score in scores}


def test_each_slice_has_the_score_of_its_rows_and_the_difference_to_all_others():
    found = by_name(slice_scores(Y, PREDICTED, FRAME, {"shop": "shop"}))
    assert list(found) == ["shop=a", "shop=b", "shop=c"]
    right = Y == PREDICTED
    for shop in "abc":
        row, inside = found[f"shop={shop}"], shop == SHOP
        assert row.n_rows == inside.sum()
        assert row.score == pytest.approx(right[inside].mean())
        assert row.difference == pytest.approx(right[inside].mean() - right[~inside].mean())
        assert row.low < row.score < row.high
    assert found["shop=c"].p_adjusted < 0.01
    assert found["shop=b"].p_adjusted > 0.05


def test_the_intervals_are_wilsons_of_a_share_and_students_of_a_mean():
    inside, right = SHOP == "b", Y == PREDICTED
    found = by_name(slice_scores(Y, PREDICTED, FRAME, {"shop": "shop"}))["shop=b"]
    share = stats.binomtest(int(right[inside].sum()), 60).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx(tuple(share))
    errors = FRAME["size"].to_numpy()
    metric = "mean_absolute_error"
    found = slice_scores(0 * errors, errors, FRAME, {"shop": "shop"}, metric=metric)
    mean = stats.ttest_1samp(np.abs(errors[inside]), 0).confidence_interval()
    assert (by_name(found)["shop=b"].low, by_name(found)["shop=b"].high) == pytest.approx(
        (mean.low, mean.high)
    )


def test_a_regression_has_the_mean_absolute_error():
    y = RNG.normal(size=400)
    predicted = y + np.where(SHOP == "b", 3.0, 1.0)
    found = by_name(
        slice_scores(y, predicted, FRAME, {"shop": "shop"}, metric="mean_absolute_error")
    )
    assert found["shop=b"].score == pytest.approx(3.0)
    assert found["shop=a"].score == pytest.approx(1.0)
    assert found["shop=b"].p_adjusted < 1e-6


def test_whole_weights_are_repeated_rows_and_rows_of_weight_zero_are_none():
    weight = RNG.integers(0, 3, size=400)
    weighted = slice_scores(Y, PREDICTED, FRAME, {"shop": "shop"}, sample_weight=weight)
    again = np.repeat(np.arange(400), weight)
    repeated = slice_scores(Y[again], PREDICTED[again], FRAME.iloc[again], {"shop": "shop"})
    for one, other in zip(weighted, repeated, strict=True):
        assert one.score == pytest.approx(other.score)
        assert one.difference == pytest.approx(other.difference)
        assert one.high - one.low > other.high - other.low  # the rows are not more than they were
        assert one.n_rows == ((one.name[-1] == SHOP) & (weight > 0)).sum()


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_unit_of_the_weights_plays_no_part(scale):
    weight = np.tile([1.0, 2.0, 4.0, 8.0], 100)
    scores = [
        slice_scores(Y, PREDICTED, FRAME, {"shop": "shop"}, sample_weight=weight * unit)
        for unit in (1.0, scale)
    ]
    numbers = [[row[1:] for row in each] for each in scores]
    np.testing.assert_allclose(*numbers)


def share_right(y, predicted, sample_weight=None):
    """Return the accuracy, whatever the weights: here they are all the same."""
    return float((y == predicted).mean())


@pytest.mark.parametrize("metric", [share_right, mean_squared_error])
def test_a_function_of_all_rows_is_a_score_with_a_jackknife(metric):
    found = by_name(slice_scores(Y, PREDICTED, FRAME, {"shop": "shop"}, metric=metric))
    inside = SHOP == "a"
    assert found["shop=a"].score == pytest.approx(metric(Y[inside], PREDICTED[inside]))
    assert found["shop=c"].p_value < 0.05 < found["shop=b"].p_value
    weighted = slice_scores(
        Y, PREDICTED, FRAME, {"shop": "shop"}, metric=metric, sample_weight=np.full(400, 2.0)
    )
    np.testing.assert_allclose([s.low for s in weighted], [s.low for s in found.values()])


def test_the_jackknife_of_a_mean_has_the_error_of_a_mean_of_groups():
    """A closed form: the deviation of 10 group means over the root of 10."""

    def mean(y, predicted):
        return float(np.mean(y - predicted))

    values = RNG.normal(size=100)
    (row,) = slice_scores(values, np.zeros(100), np.ones((100, 1)), {"all": 0}, metric=mean)
    error = values.reshape(10, 10).mean(axis=1).std(ddof=1) / np.sqrt(10)
    assert row.high - row.score == pytest.approx(stats.t.ppf(0.975, 9) * error)


def test_a_metric_that_is_not_defined_on_a_slice_is_unknown_there_and_not_counted():
    y = np.where(SHOP == "c", 0, Y)
    found = by_name(slice_scores(y, RNG.random(400), FRAME, {"shop": "shop"}, metric=roc_auc_score))
    assert np.isnan(found["shop=c"].score)
    assert np.isnan(found["shop=c"].p_adjusted)
    assert 0.4 < found["shop=a"].score < 0.6
    assert found["shop=a"].p_adjusted >= found["shop=a"].p_value


def refuses_few(y, predicted):
    if len(y) < 50:
        raise ValueError("too few rows")
    return float(len(y))


def test_a_metric_that_fails_on_a_slice_is_unknown_there_and_raises_on_all_rows():
    found = by_name(slice_scores(Y, PREDICTED, FRAME, {"shop": "shop"}, metric=refuses_few))
    assert np.isnan(found["shop=c"].score)
    assert found["shop=b"].score == 60
    with pytest.raises(ValueError, match="too few rows"):
        slice_scores(Y[:9], PREDICTED[:9], FRAME[:9], {"shop": "shop"}, metric=refuses_few)


def test_small_slices_have_a_score_and_no_interval_by_the_jackknife():
    slices = {"shop": "shop"}
    found = by_name(slice_scores(Y[295:], Y[295:], FRAME[295:], slices, metric=share_right))
    assert np.isnan(found["shop=a"].low)
    assert found["shop=b"].p_value == 1.0  # both are perfect: they do not differ

    def length(y, predicted):
        return float(len(y) >= 60)

    found = by_name(slice_scores(Y[300:], Y[300:], FRAME[300:], {"shop": "shop"}, metric=length))
    assert found["shop=c"].difference == -1
    assert np.isnan(found["shop=b"].p_value)  # nothing says how far the two would vary


def test_slices_without_rows_and_without_others_are_told_and_not_compared():
    slices = {
        "none": lambda X: np.zeros(400, dtype=bool),
        "all": lambda X: np.ones(400, dtype=bool),
    }
    none, everything = slice_scores(Y, PREDICTED, FRAME, slices)
    assert none.n_rows == 0
    assert np.isnan(none[2:]).all()
    assert everything.score == pytest.approx((Y == PREDICTED).mean())
    assert np.isnan(everything.difference)
    assert np.isnan(everything.p_adjusted)


def test_no_rows_have_no_scores():
    assert slice_scores([], [], FRAME[:0], {"shop": "shop"}) == []
    assert find_worst_slice(FRAME[:0], []) is None


def test_rare_levels_are_one_slice():
    """Of 30 levels the 20 most frequent have a slice each; no row is lost."""
    level = np.repeat(np.arange(30), np.arange(1, 31)).astype(str)
    y = np.zeros(len(level))
    found = slice_scores(y, y, level[:, np.newaxis].astype(object), {"level": 0})
    assert [score.name for score in found] == [
        *(f"level={k}" for k in range(29, 9, -1)),
        "level=other levels",
    ]
    assert found[-1].n_rows == 55
    assert sum(score.n_rows for score in found) == len(level)


def test_a_slice_that_is_all_alike_is_not_certain():
    """Three wrong answers among rows of which one in ten is wrong."""
    assert difference_test((3, 1.0, 0.0), (1000, 0.1, 0.09), one_sided=True) > 0.005
    assert difference_test((3, 0.0, 0.0), (1000, 0.0, 0.0)) == 1.0


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.98])
@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.no_cover
def test_the_test_of_a_slice_like_all_others_seldom_says_that_it_differs(rate, one_sided):
    """At most 0.05 and 2 standard errors of 1,000 samples, also where nearly all are wrong."""
    rng, found = np.random.default_rng(1), 0
    for inside, outside in zip(
        rng.binomial(40, rate, 1000) / 40, rng.binomial(2000, rate, 1000) / 2000, strict=True
    ):
        moments = ((40, inside, inside * (1 - inside)), (2000, outside, outside * (1 - outside)))
        found += difference_test(*moments, one_sided=one_sided) <= 0.05
    assert found / 1000 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)


def test_the_adjustment_is_that_of_benjamini_and_hochberg():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.03, np.nan, 0.04, 0.04])
    assert np.isnan(benjamini_hochberg(np.full(2, np.nan))).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "junk"}, r"slice_scores\(metric='junk'\): metric must be 'accuracy'"),
        ({"metric": None}, r"slice_scores\(metric=None\)"),
        ({"metric": lambda y, p: y - p}, "one number, not an array of shape"),
        ({"metric": lambda y, p: 0.0, "sample_weight": np.ones(400)}, "a keyword sample_weight"),
        ({"y_true": Y + 0.5}, "'mean_absolute_error' or a function"),
        ({"y_pred": np.full(400, np.nan), "metric": "mean_absolute_error"}, "y_pred contains NaN"),
        ({"y_pred": PREDICTED.astype(str)}, "Mix of label input types"),
        ({"y_true": np.full(400, None)}, "the targets are no classes"),
        (
            {"y_pred": PREDICTED.astype(str).astype(object) + "x", "metric": "mean_absolute_error"},
            r"slice_scores\(y_pred=...\): it must hold numbers; could not convert",
        ),
        ({"sample_weight": np.full(400, -1.0)}, "must not be negative, and the smallest is -1"),
        ({"sample_weight": np.full(400, np.nan)}, "sample_weight contains NaN"),
        ({"y_pred": PREDICTED[:3]}, "inconsistent numbers of samples"),
        ({"slices": {}}, r"slice_scores\(slices=\{\}\)"),
    ],
)
def test_what_cannot_be_scored_is_refused(change, message):
    given = {"y_true": Y, "y_pred": PREDICTED, "X": FRAME, "slices": {"shop": "shop"}} | change
    with pytest.raises(ValueError, match=message):
        slice_scores(**given)


# -- the search ------------------------------------------------------------------------------------


def planted(depth, seed=0, n=4000):
    """Return rows and losses: one in ten, and four in ten where `depth` columns are 0."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(n, 5))
    is_bad = (X[:, :depth] == 0).all(axis=1)
    return X, rng.random(n) < np.where(is_bad, 0.4, 0.1), is_bad


@pytest.mark.parametrize(("depth", "name"), [(1, "column 0=0"), (2, "column 0=0 and column 1=0")])
def test_a_planted_slice_is_found_with_its_rows_and_losses(depth, name):
    X, loss, is_bad = planted(depth)
    worst = find_worst_slice(X, loss)
    assert worst.name == name
    np.testing.assert_array_equal(worst.rows, is_bad)
    assert worst.loss == pytest.approx(0.4, abs=0.08)
    assert worst.loss_elsewhere == pytest.approx(0.1, abs=0.03)
    assert worst.p_value < 1e-4


def test_no_more_conditions_are_looked_at_than_asked_for():
    X, loss, _ = planted(3, n=12_000)
    found = [find_worst_slice(X, loss, max_depth=depth).name for depth in (1, 2, 3)]
    assert [name.count(" and ") for name in found] == [0, 1, 2]
    assert found[-1] == "column 0=0 and column 1=0 and column 2=0"


def test_frames_numbers_and_missing_values_have_conditions_and_dates_have_none():
    X, _, _ = planted(1)
    frame = pd.DataFrame(X.astype(float), columns=list("vwxyz"))
    frame["day"] = pd.date_range("2024-01-01", periods=len(frame), tz="UTC")
    frame["size"] = np.where(np.arange(len(X)) % 7 == 0, np.nan, np.arange(len(X)) % 100)
    assert find_worst_slice(frame, frame["size"].isna()).name == "size=missing"
    assert find_worst_slice(frame, frame["size"] < 20, max_depth=1).name == "size < 24"
    assert find_worst_slice(frame, (frame["v"] == 1) * 2.5).name == "v=1"


def test_columns_with_numbers_for_names_are_called_by_them_in_any_container():
    X, loss, _ = planted(1)
    assert find_worst_slice(pd.DataFrame(X, columns=[4, 3, 2, 1, 0]), loss).name == "4=0"
    assert find_worst_slice(pl.DataFrame(X), loss).name == "column_0=0"
    assert find_worst_slice(X.tolist(), loss).name == "column 0=0"


def test_losses_of_any_size_have_the_same_worst_slice():
    X, loss, _ = planted(2)
    plain = find_worst_slice(X, loss)
    for scale in (1e-200, 1e200):
        scaled = find_worst_slice(X, loss * scale)
        assert scaled.name == plain.name
        assert scaled.loss == pytest.approx(plain.loss * scale)
        assert scaled.p_value == pytest.approx(plain.p_value)


def test_on_noise_a_slice_is_seldom_reported():
    """At most alpha and 2 standard errors of 100 seeds, though 90 slices are looked at."""
    found = 0
    for seed in range(100):
        X, _, _ = planted(1, seed, n=600)
        noise = np.random.default_rng(1000 + seed).random(600) < 0.2
        found += find_worst_slice(X, noise) is not None
    assert found <= 9


def test_the_slice_is_tested_on_rows_that_were_not_searched():
    """A slice that is bad in the blocks of the search only is not confirmed."""
    X, _, is_bad = planted(1)
    is_searched = np.arange(4000) * 20 // 4000 % 2 == 0
    assert find_worst_slice(X, is_bad & is_searched) is None
    assert find_worst_slice(X, is_bad) is not None


@pytest.mark.parametrize("loss", [np.zeros(400), np.ones(400)])
def test_where_all_rows_lose_the_same_there_is_no_worst_slice(loss):
    assert find_worst_slice(FRAME, loss) is None


def test_slices_with_few_rows_or_few_others_are_not_looked_at():
    X, loss, is_bad = planted(1)
    assert find_worst_slice(X, loss, min_rows=1000) is None
    assert find_worst_slice(np.ones((400, 2)), SHOP == "c") is None
    # There are enough rows in the half that is searched, and none in the other.
    only_early = (np.arange(4000) < 200)[:, np.newaxis]
    assert find_worst_slice(only_early, only_early.ravel()) is None
    assert len(is_bad) == 4000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_depth": 0}, r"find_worst_slice\(max_depth=0\)"),
        ({"min_rows": 1}, r"find_worst_slice\(min_rows=1\)"),
        ({"alpha": 1}, r"find_worst_slice\(alpha=1\)"),
        ({"loss": np.full(400, np.nan)}, "loss contains NaN"),
        ({"loss": np.full(400, "a")}, r"find_worst_slice\(loss=...\): it must hold numbers"),
        ({"X": pd.DataFrame(np.ones((400, 2)), columns=["1", 1])}, "the column '1' is there twice"),
        ({"X": np.zeros((400, 0))}, "a table with a column other than dates"),
        ({"loss": np.zeros(3)}, "inconsistent numbers of samples"),
        ({"X": sparse.csr_array((400, 2))}, "X must be an array or frame with columns, not csr_"),
        ({"X": ["text"] * 400}, "not list"),
        ({"X": FRAME[[]]}, "a table with a column other than dates"),
    ],
)
def test_what_cannot_be_searched_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        find_worst_slice(**{"X": FRAME, "loss": np.zeros(400)} | change)
