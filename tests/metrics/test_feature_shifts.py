"""Which features moved: agreement with definitions, few false names, a row for whatever comes."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.spatial import distance

from skretrain.metrics._feature_shifts import (
    changed_from,
    feature_shifts,
    shifts_of,
)
from skretrain.metrics._tables import MOST_SPARSE_COLUMNS, read_table
from skretrain.metrics._two_samples import (
    holm,
    jensen_shannon,
    rows_per_level,
    rows_per_value,
    share_p_value,
    stability_index,
    wasserstein_in_deviations,
)

COUNTS = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any).map(np.array)


def by_name(old, new, **options):
    return {shift.name: shift for shift in feature_shifts(old, new, **options)}


def one(old, new, **options):
    """Return the shift of a single column."""
    (shift,) = feature_shifts(pd.DataFrame({"x": old}), pd.DataFrame({"x": new}), **options)
    return shift


def same(left, right):
    """Tell whether shifts agree; NaN is equal to itself."""
    return repr(left) == repr(right)


# -- the statistics ------------------------------------------------------------------------------


@given(COUNTS, COUNTS)
def test_the_jensen_shannon_distance_is_that_of_scipy_and_symmetric(p, q):
    p, q = p / p.sum(), q / q.sum()
    assert jensen_shannon(p, q) == pytest.approx(distance.jensenshannon(p, q, base=2), abs=1e-7)
    assert jensen_shannon(p, q) == jensen_shannon(q, p)
    assert 0 <= jensen_shannon(p, q) <= 1
    assert jensen_shannon(p, p) == 0


def test_the_stability_index_is_symmetric_and_finite_for_empty_cells():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.2, 0.3, 0.5])
    assert stability_index(p, q) == pytest.approx(stability_index(q, p))
    by_hand = sum((b - a) * math.log(b / a) for a, b in [(0.5, 0.2), (0.5, 0.3), (1e-4, 0.5)])
    assert stability_index(p, q) == pytest.approx(by_hand)


def test_wasserstein_is_the_shift_in_deviations_of_the_reference():
    old = np.array([-1.0, 1.0] * 20)
    assert wasserstein_in_deviations(old, old + 3) == pytest.approx(3)
    assert wasserstein_in_deviations(10 * old, 10 * (old + 3)) == pytest.approx(3)
    constant = np.ones(5)
    assert wasserstein_in_deviations(constant, constant) == 0
    assert wasserstein_in_deviations(constant, constant + 1) == math.inf
    assert wasserstein_in_deviations(constant, old) == pytest.approx(1)
    assert math.isnan(wasserstein_in_deviations(constant, old[:0]))


@given(st.integers(0, 40), st.integers(0, 40))
def test_shares_are_tested_by_the_exact_test_of_fisher(old, new):
    table = [[old, 40 - old], [new, 40 - new]]
    tails = [stats.fisher_exact(table, alternative=way).pvalue for way in ("less", "greater")]
    assert share_p_value([old, new], [40, 40]) == pytest.approx(min(2 * min(tails), 1), rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_values_and_bonferroni_and_keeps_their_order(p_values):
    adjusted, p_values = holm(p_values), np.array(p_values)
    assert (adjusted >= p_values).all()
    assert (adjusted <= np.minimum(p_values * len(p_values), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p_values)]) >= 0).all()


def test_holm_leaves_out_what_was_not_tested():
    np.testing.assert_allclose(holm([0.02, np.nan, 0.01]), [0.02, np.nan, 0.02])


@pytest.mark.parametrize("r", [0.5, 0.9])
def test_as_many_rows_count_as_one_as_a_process_of_the_first_order_says(r):
    """The variance of the mean of such a process is that of (1 + r) / (1 - r) fewer rows."""
    rng = np.random.default_rng(0)
    values = np.zeros(20_000)
    for k, noise in enumerate(rng.normal(size=len(values) - 1), start=1):
        values[k] = r * values[k - 1] + noise
    assert rows_per_value(values) == pytest.approx((1 + r) / (1 - r), rel=0.15)
    again = rng.random(20_000) < r
    codes = rng.integers(0, 3, 20_000)
    for k in np.flatnonzero(again[1:]) + 1:
        codes[k] = codes[k - 1]
    assert rows_per_level(codes) == pytest.approx((1 + r) / (1 - r), rel=0.15)


def test_independent_and_constant_rows_count_each():
    rng = np.random.default_rng(0)
    assert rows_per_value(rng.normal(size=500)) == 1
    assert rows_per_level(rng.integers(0, 4, 500)) == 1
    for few in (np.ones(50), np.ones(1), np.full(9, np.nan)):
        assert rows_per_value(few) == 1
    assert rows_per_level(np.zeros(50, dtype=int)) == rows_per_level(np.zeros(1, dtype=int)) == 1
    assert rows_per_value(np.arange(500.0)) == pytest.approx(199)  # no less than one in 199 counts


# -- which features are named --------------------------------------------------------------------


def mixed(n, seed, shift=False):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "mean": rng.normal(0.6 * shift, size=n),
            "spread": rng.normal(size=n) * (2 if shift else 1),
            "level": rng.choice(
                ["a", "b", "c"], n, p=[0.6, 0.2, 0.2] if shift else [0.3, 0.3, 0.4]
            ),
            "unseen": rng.choice(["a", "new"], n, p=[0.9, 0.1] if shift else [1, 0]),
            "rare": [f"n{k}" if k < 40 * shift else "a" for k in range(n)],
            "gaps": np.where(rng.random(n) < (0.3 if shift else 0.05), np.nan, rng.normal(size=n)),
            "no text": np.where(rng.random(n) < (0.3 if shift else 0.05), None, "a"),
            "still": rng.normal(size=n),
            "same": rng.choice(["a", "b"], n),
        }
    )


def test_each_kind_of_change_is_named_by_its_test_and_in_words():
    shifts = by_name(mixed(2000, 0), mixed(600, 1, shift=True))
    assert {name: shift.test for name, shift in shifts.items() if shift.moved} == {
        "mean": "ks",
        "spread": "ks",
        "level": "chi2",
        "unseen": "chi2",
        "rare": "new levels",
        "gaps": "missing",
        "no text": "missing",
    }
    told = {name: shift.reason.split(" ")[0] for name, shift in shifts.items()}
    assert told == {
        "mean": "mean",
        "spread": "deviation",
        "level": "'a'",
        "unseen": "'new'",
        "rare": "new",
        "gaps": "missing",
        "no text": "missing",
        "still": "",
        "same": "",
    }
    assert shifts["unseen"].new_levels == ("new",)
    assert shifts["unseen"].share_new_levels == pytest.approx(0.1, abs=0.04)
    assert (shifts["mean"].kind, shifts["level"].kind) == ("numeric", "categorical")
    assert shifts["mean"].mean_new - shifts["mean"].mean_reference == pytest.approx(0.6, abs=0.15)
    assert shifts["spread"].std_new / shifts["spread"].std_reference == pytest.approx(2, abs=0.2)


@pytest.mark.no_cover
def test_on_rows_that_did_not_move_hardly_anything_is_named():
    """At a level of 0.2 per comparison and without a least effect."""
    pairs = ((mixed(300, 2 * k), mixed(150, 2 * k + 1)) for k in range(30))
    named = [any(s.moved for s in feature_shifts(*p, alpha=0.2, min_effect=0)) for p in pairs]
    assert sum(named) <= stats.binom.ppf(0.999, 30, 0.2)


def test_a_change_that_is_proven_and_small_is_not_named():
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=20_000), rng.normal(0.1, size=20_000)
    shift = one(old, new)
    assert shift.p_adjusted < 1e-6
    assert not shift.moved
    assert one(old, new, min_effect=0.02).moved


def test_the_least_effect_is_a_quarter_of_a_deviation():
    rng = np.random.default_rng(0)
    old = rng.normal(size=100_000)
    assert one(old, rng.normal(0.25, size=100_000)).effect == pytest.approx(0.1, abs=0.01)


def test_what_is_told_does_not_depend_on_the_unit():
    old, new = mixed(500, 0)[["mean", "gaps"]], mixed(200, 1, shift=True)[["mean", "gaps"]]
    for plain, scaled in zip(
        feature_shifts(old, new), feature_shifts(8 * old, 8 * new), strict=True
    ):
        fields = ("p_value", "effect", "psi", "moved", "missing_new")
        assert [getattr(plain, f) for f in fields] == [getattr(scaled, f) for f in fields]
        assert plain.wasserstein == pytest.approx(scaled.wasserstein)


def test_no_container_sees_anything_else():
    old, new = mixed(400, 0), mixed(200, 1, shift=True)
    from_pandas = feature_shifts(old, new)
    from_polars = feature_shifts(pl.from_pandas(old), pl.from_pandas(new))
    assert same(from_pandas, from_polars)
    assert same(from_pandas, feature_shifts(old, pl.from_pandas(new)))
    from_arrays = feature_shifts(old.to_numpy(object), new.to_numpy(object))
    assert same(from_pandas, [s._replace(name=n) for s, n in zip(from_arrays, old, strict=True)])
    assert [shift.name for shift in from_arrays][:2] == ["column 0", "column 1"]
    assert same(from_pandas, feature_shifts(old, new.to_numpy(object)))  # by position
    assert same(from_pandas, feature_shifts(old, new[new.columns[::-1]]))  # by name


# -- whatever comes ------------------------------------------------------------------------------


N = np.arange(200)
RANDOM = np.random.default_rng(0).normal(size=200)
FLAGS, DATES = N % 2 == 0, pd.date_range("2024", periods=300)
HUGE, NAMES = [10**400 + k % 3 for k in range(200)], [f"id{k}" for k in range(300)]
THIRD_INFINITE = np.where(N % 3 == 0, np.inf, RANDOM)
# Reference, new rows, and what is said of them: kind, whether it moved, and part of the reason.
ODD = {
    "constant": (np.ones(200), np.ones(90), "numeric", False, ""),
    "another constant": (np.ones(200), np.full(90, 2.0), "numeric", True, "mean 1 -> 2"),
    "lower constant": (np.ones(200), np.zeros(90), "numeric", True, "mean 1 -> 0"),
    "empty": (np.full(200, np.nan), np.full(90, np.nan), "empty", False, "no value in any row"),
    "gone": (RANDOM, np.full(90, np.nan), "numeric", True, "no value in any new row"),
    "came": ([None] * 200, RANDOM[:90], "numeric", True, "no value in any reference row"),
    "text gone": (["a"] * 200, [None] * 90, "categorical", True, "no value in any new row"),
    "text came": ([None] * 200, ["a"] * 90, "categorical", True, "no value in any reference row"),
    "numbers as text": (N % 7, (N[:90] % 7).astype(str), "numeric", False, "text that reads"),
    "text, then numbers": (["a", "b"] * 100, N[:90], "categorical", True, "text next to numbers"),
    "flags": (FLAGS, RANDOM[:90] > 0, "categorical", False, ""),
    "flags, then numbers": (FLAGS, 1.0 * (RANDOM[:90] > 0), "numeric", False, "text that reads"),
    "date": (DATES[:200], DATES[200:], "time", False, "a time"),
    "date, then text": (DATES[:200], ["2025-01-01"] * 90, "time", False, "a time"),
    "counter": (N, N[:90] + 200, "counter", False, "a running number"),
    "huge": (HUGE, HUGE[:90], "categorical", False, ""),
    "infinite": (RANDOM, THIRD_INFINITE[:90], "numeric", True, "missing 0.0% -> 33.3%"),
    "identifiers": (NAMES[:200], NAMES[200:], "categorical", False, ""),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_columns_get_a_sensible_row(case):
    old, new, kind, moved, reason = ODD[case]
    shift = one(old, new)
    assert (shift.kind, shift.moved) == (kind, moved)
    assert reason in shift.reason
    assert 0 <= shift.effect <= 1
    assert math.isnan(shift.p_value) == (kind in ("empty", "time", "counter"))


def test_a_column_that_is_not_in_a_frame_has_no_value_there():
    old, new = pd.DataFrame({"a": RANDOM, "b": "x"}), pd.DataFrame({"a": RANDOM, "c": RANDOM})
    shifts = by_name(old, new)
    assert list(shifts) == ["a", "b", "c"]
    assert [(s.missing_reference, s.missing_new) for s in shifts.values()] == [
        (0, 0),
        (0, 1),
        (1, 0),
    ]
    assert [s.moved for s in shifts.values()] == [False, True, True]


def test_rows_that_resemble_each_other_prove_less():
    """The same values, in random order and each fifty times in a row."""
    rng = np.random.default_rng(0)
    old, few = rng.normal(size=1000), rng.normal(size=8)
    runs = np.repeat(few, 50)
    assert one(old, rng.permutation(runs)).p_value < 1e-3 < 0.05 < one(old, runs).p_value


def test_of_sparse_rows_the_share_of_entries_and_the_entries_are_compared():
    old, new = sparse_rows(900, 20), sparse_rows(300, 20).tolil()
    new[::4, 7] = 0.5
    shifts = feature_shifts(old, new)
    (moved,) = (shift for shift in shifts if shift.moved)
    assert (moved.name, moved.kind, moved.test) == ("column 7", "sparse", "missing")
    assert moved.reason.startswith("zero 9")
    assert same(shifts, feature_shifts(old, new.toarray()))
    entries = old.copy()
    entries.data += 1
    assert {shift.test for shift in feature_shifts(old, entries) if shift.moved} == {"ks"}


def test_of_many_sparse_columns_those_with_the_most_entries_are_compared():
    X = sparse.hstack([sparse_rows(100, 400, 0.01), np.ones((100, 1))])
    shifts = feature_shifts(X, X)
    assert len(shifts) <= MOST_SPARSE_COLUMNS
    assert shifts[-1].name == "column 400"


def sparse_rows(n, n_columns, density=0.05):
    return sparse.random(n, n_columns, density=density, format="csr", random_state=n)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (np.zeros((29, 1)), np.zeros((30, 1)), "X_reference has 29 rows: at least 30 are needed"),
        (np.zeros((30, 1)), np.zeros((3, 1)), "X_new has 3 rows: at least 30 are needed"),
        (np.zeros((30, 0)), np.zeros((30, 0)), "X_reference has 0 rows"),
        (np.zeros((30, 2)), np.zeros((30, 3)), "the new rows have 3 columns and the reference 2"),
        (sparse.eye(30), sparse.eye(40), "the new rows have 40 columns and the reference 30"),
        (["a"] * 30, ["b"] * 30, "X_reference is no table of columns"),
    ],
)
def test_what_cannot_be_compared_says_why(old, new, message):
    with pytest.raises(ValueError, match=message):
        feature_shifts(old, new)


@pytest.mark.parametrize(
    ("name", "value"), [("alpha", 0), ("alpha", 1), ("min_effect", -0.1), ("min_effect", 2)]
)
def test_junk_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=rf"feature_shifts\({name}={value}\)"):
        feature_shifts(np.zeros((30, 1)), np.zeros((30, 1)), **{name: value})


def test_frames_whose_names_are_numbers_are_matched_by_name():
    old = pd.DataFrame(np.zeros((30, 2)), columns=[5, 7])
    new = pd.DataFrame(np.zeros((30, 3)), columns=[7, 5, 9])
    assert list(by_name(old, new)) == ["column 5", "column 7", "column 9"]
    assert list(by_name(old, new[[7, 5]])) == ["column 5", "column 7"]


def test_levels_too_rare_for_the_test_stand_together():
    rng = np.random.default_rng(0)
    old, new = (
        rng.permutation(["a"] * n_frequent + list("bcdefghijk") * n_each)
        for n_frequent, n_each in ((500, 4), (250, 2))
    )
    assert one(old, new).p_value == stats.chi2_contingency([[500, 40], [250, 20]]).pvalue


def test_levels_too_rare_for_the_test_stand_with_the_smallest_of_the_others():
    def column(*counts):
        return np.repeat(np.array(["a", "b", "c"], object), counts)

    rng = np.random.default_rng(0)
    old, new = rng.permutation(column(500, 300, 3)), rng.permutation(column(250, 140, 1))
    together = stats.chi2_contingency([[500, 303], [250, 141]]).pvalue
    assert one(old, new).p_value == pytest.approx(together)


# -- where it began ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mean", "level", "unseen", "gaps", "no text"])
def test_the_change_is_found_where_it_is(name):
    new = pd.concat([mixed(300, 1), mixed(200, 2, shift=True)])
    tables = read_table(mixed(2000, 0)), read_table(new)
    assert changed_from(*tables, {name}) == pytest.approx(300, abs=60)
    assert changed_from(*tables, set(new)) == pytest.approx(300, abs=3)


def test_rows_that_are_all_new_changed_from_the_first():
    tables = read_table(mixed(2000, 0)), read_table(mixed(300, 1, shift=True))
    assert changed_from(*tables, {"mean", "level"}) < 5


def test_a_feature_moves_the_same_in_tables_that_are_read():
    old, new = mixed(300, 0), mixed(300, 1, shift=True)
    tables = read_table(old), read_table(new)
    assert same(shifts_of(*tables, alpha=0.01, min_effect=0.1), feature_shifts(old, new))
