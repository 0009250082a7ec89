"""The newest rows, and of those before as much of each stratum, by the stated law."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse, stats
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Memory, Reservoir, SlidingWindow, StratifiedReservoir

ALPHA = 1e-5  # seeded, so a pass is a pass for ever; small, so a new seed passes, too
DAYS = pd.date_range("2019-06-01", periods=1000)


def by_column(max_rows, recent=0.5, seed=0, column=0):
    return StratifiedReservoir(
        max_rows, by=None, column=column, recent=recent, random_state=seed
    ).reset()


def fed(buffer, X, n_batch=100):
    for start in range(0, len(X), n_batch):
        buffer.add(X[start : start + n_batch])
    return buffer


@pytest.mark.parametrize("n_batch", [1, 33, 5000])
@pytest.mark.no_cover
def test_the_newest_rows_stay_and_the_rest_is_shared_equally(n_batch):
    """Of 900 rows of four categories, a rare one keeps all of its rows before the newest."""
    keys = np.arange(900) % 3
    keys[::100] = 3
    buffer = fed(by_column(200, recent=0.25), keys[:, None], n_batch)
    assert_array_equal(buffer.index[-50:], np.arange(850, 900))
    assert_array_equal(np.bincount(keys[buffer.index[:-50]]), [47, 47, 47, 9])


@pytest.mark.parametrize("seed", range(3))
def test_without_a_share_for_the_newest_it_is_balancing_by_class(seed):
    """The very rows of ``Reservoir(balance=True)``, where the labels are the categories."""
    y = np.random.default_rng(seed).integers(0, 9, 700) ** 2
    mine = fed(by_column(60, recent=0, seed=seed), y[:, None], 13)
    theirs = Reservoir(60, balance=True, random_state=seed).add(y[:, None], y)
    assert_array_equal(mine.index, theirs.index)


@pytest.mark.no_cover
def test_the_rows_of_a_stratum_are_a_uniform_sample():
    """Chi-square over the rows before the newest, of a stratum that lost room to the others."""
    keys = np.array([0] * 20 + [1] * 10 + [0, 1] * 15 + [2] * 6)
    counts, n_runs = np.zeros(len(keys)), 500
    for seed in range(n_runs):
        counts[by_column(16, recent=0.375, seed=seed).add(keys[:, None]).index] += 1
    assert (counts[-6:] == n_runs).all()
    for key, n in ((0, 35), (1, 25)):
        mine = counts[keys == key]
        expected = n_runs * 5 / n
        statistic = ((mine - expected) ** 2 / expected).sum() * (n - 1) / (n - 5)
        assert mine.sum() == 5 * n_runs
        assert stats.chi2.sf(statistic, df=n - 1) > ALPHA


@pytest.mark.no_cover
def test_a_stratum_that_catches_up_is_a_uniform_sample_from_then_on():
    """Room for ten, three strata: the last to come has four rows, and none of them is favoured."""
    keys = np.repeat([0, 1, 2], [5, 5, 30])
    counts, n_runs = np.zeros(30), 500
    for seed in range(n_runs):
        index = by_column(10, recent=0, seed=seed).add(keys[:, None]).index
        counts[index[index >= 10] - 10] += 1
    assert counts.sum() == 4 * n_runs
    assert stats.chisquare(counts).pvalue > ALPHA


@given(
    keys=st.lists(st.integers(0, 6), min_size=1, max_size=80),
    max_rows=st.integers(1, 20),
    recent=st.floats(0, 0.99),
)
def test_only_the_largest_strata_have_lost_rows(keys, max_rows, recent):
    """A stratum that lost a row has at most one less than the largest; the room is used."""
    X = np.array(keys)[:, None]
    buffer = by_column(max_rows, recent).add(X)
    n_recent = min(round(recent * max_rows), max_rows - 1)
    assert len(buffer) == min(max_rows, len(X))
    newest = buffer.index[len(buffer) - n_recent :] if n_recent < len(buffer) else buffer.index
    assert_array_equal(newest, np.arange(len(X))[len(X) - len(newest) :])
    n_older = max(len(X) - n_recent, 0)
    came = np.bincount(X[:n_older, 0], minlength=7)
    kept = np.bincount(X[buffer.index[buffer.index < n_older], 0], minlength=7)
    if (came > 0).sum() <= max_rows - n_recent:
        assert (kept[kept < came] >= kept.max() - 1).all()
        assert (kept[came > 0] > 0).all()


@pytest.mark.parametrize(
    ("by", "season"),
    [
        ("hour", lambda dates: dates.hour),
        ("day of week", lambda dates: dates.day_of_week),
        ("week of year", lambda dates: np.minimum((dates.day_of_year - 1) // 7, 51)),
        ("month", lambda dates: dates.month - 1),
    ],
)
def test_a_season_is_the_part_of_the_calendar(by, season):
    """As pandas has it, before 1970, too; the last week of a year has the days that are left."""
    dates = pd.DatetimeIndex(
        np.random.default_rng(0).integers(-(10**9), 2 * 10**9, 400).astype("datetime64[s]")
    )
    dates = dates.append(pd.DatetimeIndex(["1968-12-31", "1969-01-01", "2024-12-31"]))
    buffer = StratifiedReservoir(by=by, column="t").reset()
    frame = pd.DataFrame({"t": dates})
    assert_array_equal(buffer._keys_of({"X": frame}), season(dates))
    polars = pl.DataFrame({"t": dates.to_numpy()})
    assert_array_equal(buffer._keys_of({"X": polars}), season(dates))


@pytest.mark.no_cover
def test_winter_is_not_forgotten_in_summer():
    """After 1,000 days, each month before the newest rows has as many, where a window has none."""
    X = pd.DataFrame({"t": DAYS})
    buffer = fed(StratifiedReservoir(240, by="month", column="t", recent=0.5), X)
    months = np.bincount(DAYS[buffer.index[:120]].month)[1:]
    assert months.tolist() == [10] * 12
    assert 5 not in set(DAYS[fed(SlidingWindow(240), X).index].month)


def test_what_is_missing_is_a_stratum_of_its_own():
    """Dates and categories that are not known share the room as one more season."""
    dates = pd.DataFrame({"t": pd.to_datetime(["2024-01-01", None, "2024-03-05", None])})
    seasons = StratifiedReservoir(by="month", column="t").reset()
    assert seasons._keys_of({"X": dates}) == [0, None, 2, None]
    values = [None, float("nan"), pd.NA, pd.NaT, "a", np.float64(2.0)]
    frame = pd.DataFrame({"c": pd.Series(values, dtype=object)})
    assert by_column(9, column="c")._keys_of({"X": frame}) == [None] * 4 + ["a", 2.0]


@pytest.mark.parametrize(
    ("X", "column"),
    [
        (np.array([[0, 5.0], [1, 7.0], [2, 5.0]]), 1),
        (sparse.csr_array([[0, 5], [1, 7], [2, 5]]), 1),
        (pd.DataFrame({"a": [0, 1, 2], "b": [5, 7, 5]}), "b"),
        (pd.DataFrame({"a": [0, 1, 2], "b": [5, 7, 5]}), 1),
        (pl.DataFrame({"a": [0, 1, 2], "b": [5, 7, 5]}), "b"),
        (pd.DataFrame({"b": pd.Categorical([5, 7, 5])}), "b"),
    ],
    ids=["array", "sparse", "pandas", "pandas by number", "polars", "categorical"],
)
def test_the_column_of_any_container(X, column):
    assert by_column(9, column=column)._keys_of({"X": X}) == [5, 7, 5]


def test_more_strata_than_room():
    """A column of ever new values: the newest have rows, and the books stay bounded."""
    buffer = fed(by_column(20), np.arange(3000)[:, None], 10)
    assert_array_equal(buffer.index, np.arange(2980, 3000))
    books = (buffer._heaps, buffer._full, buffer._tallies, *buffer._of_size.values())
    assert all(len(book) <= 10 for book in books)
    assert list(buffer._of_size) == [1]


def unhashable(X):
    return [[] for _ in X]


def too_few(X):
    return np.zeros(len(X) - 1)


def halves(X):
    return X[:, 0] / 2


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"by": "decade"}, r"by='decade'\): by must be one of 'hour', 'day of week', .* or None"),
        ({"by": 3}, "by must be one of"),
        ({"by": "month"}, "column must be the name of the column of X with dates, for 'month'"),
        ({"by": "month", "column": 1}, "column must be the name"),
        ({"by": None}, "column must be the name or the number of a column of X, as by=None"),
        ({"by": None, "column": -1}, "the name or the number"),
        ({"by": halves, "column": "a"}, "column must be None, as the callable gets all of X"),
        ({"by": halves, "recent": 1.0}, r"recent=1.0\): recent must be a number of at least 0"),
        ({"by": halves, "random_state": "seed"}, "random_state='seed'"),
    ],
)
def test_invalid_parameters_are_refused(params, match):
    """Junk survives the constructor and is refused when used."""
    with pytest.raises(ValueError, match=match):
        StratifiedReservoir(**params).reset()


@pytest.mark.parametrize(
    ("params", "X", "match"),
    [
        ({"by": unhashable}, np.ones((3, 2)), "one key for each of the 3 rows that can be hashed"),
        ({"by": too_few}, np.ones((3, 2)), "one key for each of the 3 rows"),
        ({"by": halves}, np.ones((3, 2)), "continuous values; pass a callable that bins them"),
        ({"by": None, "column": 2}, np.ones((3, 2)), "the number of a column of X, which has 2"),
        ({"by": None, "column": 0}, ["a", "b"], "of a column of X, which has 0"),
        ({"by": None, "column": "a"}, np.ones((3, 2)), "a column of X, which has no names"),
        ({"by": None, "column": "a"}, pd.DataFrame({"b": [1]}), "which has the columns 'b'"),
        ({"by": "hour", "column": "a"}, pd.DataFrame({"a": [1]}), "the column holds no dates"),
    ],
)
def test_rows_without_keys_are_refused(params, X, match):
    """With the way out, and nothing has changed."""
    buffer = StratifiedReservoir(**params).reset()
    before = pickle.dumps(buffer)
    for verb in (buffer.check, buffer.add, buffer._check_columns):
        with pytest.raises(ValueError, match=match):
            verb(X)
        assert pickle.dumps(buffer) == before


def test_a_retrainer_says_at_once_that_the_column_is_missing():
    """The first fit raises, and not batch after batch."""
    model = DriftAwareRetrainer(Ridge(), buffer=StratifiedReservoir(column="t"))
    with pytest.raises(ValueError, match="StratifiedReservoir.*X has no such column"):
        model.fit(pd.DataFrame({"a": np.arange(9.0)}), np.arange(9.0))


@pytest.mark.no_cover
def test_a_pipeline_may_leave_the_dates_out():
    """Whole cycle: a forecaster whose memory goes by the season."""
    X = pd.DataFrame({"t": DAYS, "load": np.arange(1000.0) % 365})
    base = make_pipeline(make_column_transformer(("passthrough", ["load"])), Ridge())
    buffer = StratifiedReservoir(120, column="t", recent=0.5)
    model = DriftAwareRetrainer(base, buffer=buffer, batch_size=200).fit(X, np.asarray(X["load"]))
    assert len(model.buffer_) == 120
    assert len(set(DAYS[model.buffer_.index].month)) == 12


def test_seasons_come_back_and_categories_need_not():
    """What a policy is told, by the buffer and by a view of it."""
    for by, column, recur in (("hour", "t", True), (None, "t", False), (halves, None, False)):
        buffer = StratifiedReservoir(by=by, column=column).reset()
        memory = Memory(buffer)
        assert (buffer.concepts_recur, memory.concepts_recur) == (recur, recur)
        assert memory.pinned().concepts_recur == recur
    assert not Reservoir().concepts_recur


@pytest.mark.parametrize(
    "dates",
    [
        pytest.param(lambda t: t.dt.tz_localize("UTC"), id="zone"),
        pytest.param(lambda t: t.astype(str).where(t.notna(), None), id="text"),
        pytest.param(lambda t: t.dt.date.astype(object).where(t.notna(), None), id="date"),
    ],
)
def test_a_row_without_a_date_is_a_stratum_of_its_own_whatever_the_dates_are(dates):
    """One missing time stamp must not stop a stream."""
    times = pd.Series(pd.date_range("2024-01-01", periods=60, freq="D"))
    times[[3, 30]] = pd.NaT
    kept = []
    for column in (times, dates(times)):
        buffer = StratifiedReservoir(20, by="month", column="t", recent=0.5, random_state=0)
        kept.append(buffer.add(pd.DataFrame({"t": column})).index.tolist())
    assert kept[0] == kept[1]
