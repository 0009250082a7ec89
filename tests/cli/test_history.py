"""From a table to numbers: in time order, and without a look beyond the warm-up."""

import decimal

import numpy as np
import pandas as pd
import pytest

from skretrain.cli._cut import timing_for
from skretrain.cli._estimators import ESTIMATORS
from skretrain.cli._files import read_tables
from skretrain.cli._policies import _most_fits

ALL_KINDS = ["sgd", "forest", "boosting"]  # scaled; codes and gaps; codes and gaps by skrub's rule


@pytest.mark.parametrize("estimator", ALL_KINDS)
@pytest.mark.no_cover
def test_what_comes_after_a_row_does_not_change_how_it_is_encoded(estimator, history, table):
    table["note"] = [f"{city} parcel {i % 17}" for i, city in enumerate(table.city)]
    later = table.copy()
    later.loc[400:, ["city", "note"]] = "Kyoto"
    later.loc[400:, "temp"] = 1e6
    later.loc[400:, "holes"] = np.nan
    later.loc[400:, "const"] = 4.0
    later.loc[400:, "when"] = pd.Timestamp("2031-07-01")
    later.loc[400:, "label"] = "maybe"
    before, after = (history(frame, estimator=estimator) for frame in (table, later))
    assert np.array_equal(before.X[:400], after.X[:400], equal_nan=True)
    assert np.array_equal(before.y[:400], after.y[:400])
    assert not np.array_equal(before.X[400:], after.X[400:], equal_nan=True)


@pytest.mark.parametrize("estimator", ALL_KINDS)
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_text_among_later_numbers_or_dates_changes_nothing_before_it(
    estimator, history, table, tmp_path
):
    """A single odd cell makes the whole column text in a CSV; it must not reach back."""
    later = table.astype({"temp": object, "when": str})
    later.loc[500, ["temp", "when"]] = ["n/a?", "soon"]
    X = []
    for number, frame in enumerate((table, later)):
        frame.to_csv(tmp_path / f"{number}.csv", index=False)
        [read] = read_tables([tmp_path / f"{number}.csv"], [])
        X.append(history(read, estimator=estimator).X)
    assert np.array_equal(np.delete(X[0], 500, 0), np.delete(X[1], 500, 0), equal_nan=True)
    assert not np.array_equal(X[0][500], X[1][500], equal_nan=True)


@pytest.mark.no_cover
def test_two_readings_of_a_file_are_encoded_alike(history, table):
    """The components of text are found by a random projection."""
    table["note"] = [f"{city} parcel number {i}" for i, city in enumerate(table.city)]
    first, second = history(table, estimator="nb"), history(table, estimator="nb")
    assert np.array_equal(first.X, second.X)
    assert "1 of text" in first.how


def test_an_unknown_category_is_like_no_other_and_is_announced(history, table):
    table.loc[500, "city"] = "Kyoto"
    stream = history(table[["city", "label"]])
    rows = np.unique(stream.X, axis=0)
    assert stream.X.shape == (600, 3)
    assert len(rows) == 4
    assert (stream.X[500] == stream.X).all(axis=1).sum() == 1
    assert "'city' has 1 value that" in stream.notices[0]
    assert "'Kyoto'" in stream.notices[0]


def test_missing_and_infinite_numbers_are_the_mean_of_the_warm_up(history, table):
    table.loc[300, "temp"], table.loc[301, "temp"] = np.nan, np.inf
    table.loc[302, "temp"] = table.temp[:100].mean()
    X = history(table[["temp", "label"]]).X
    assert X[300] == X[301]
    assert X[300] == pytest.approx(X[302], abs=1e-6)


def test_models_that_can_do_so_see_the_gaps(history, table):
    X = history(table[["holes", "label"]], estimator="boosting").X
    assert np.array_equal(np.isnan(X[:, 0]), table.holes.isna())


def test_numbers_have_median_0_in_the_warm_up_and_are_bounded_after_it(history, table):
    table.loc[300, "temp"] = 1e9
    X = history(table[["temp", "label"]]).X
    assert np.median(X[:100]) == pytest.approx(0, abs=1e-6)
    assert X[300, 0] == pytest.approx(5.0)


def test_a_column_that_begins_to_vary_after_the_warm_up_is_seen(history, table):
    """Prices of a neighbouring state were recorded in the third year only."""
    table.loc[300:, "const"] = 3.0 + np.arange(300) / 100
    stream = history(table[["const", "label"]])
    assert (stream.X[:300] == 0).all()
    assert (np.diff(stream.X[300:, 0]) > 0).all()
    assert stream.X.max() < 5.0
    assert "'const'" in stream.notices[0]


def test_columns_without_a_value_in_the_warm_up_are_left_out_with_a_notice(history, table):
    table["empty"] = np.nan
    table["late"] = np.where(np.arange(600) < 200, np.nan, 1.0)
    stream = history(table[["temp", "empty", "late", "label"]])
    assert stream.X.shape == (600, 1)
    assert stream.notices[0].endswith("'empty', 'late'")


@pytest.mark.no_cover
def test_every_dtype_of_numbers_gives_the_same_as_floats(history, table):
    n = np.arange(600)
    same = {
        "float": n.astype(float),
        "nullable": pd.array(n, dtype="Int64"),
        "decimal": [decimal.Decimal(int(i)) for i in n],
        "text": [str(i) for i in n],
        "duration": pd.to_timedelta(n, unit="s"),
    }
    X = history(pd.DataFrame({**same, "label": table.label})).X
    assert X.shape == (600, len(same))
    assert np.allclose(X, X[:, :1], atol=1e-6)


@pytest.mark.no_cover
def test_dates_give_the_hour_whatever_their_dtype(history, table):
    same = {
        "dates": table.when,
        "zoned": table.when.dt.tz_localize("UTC"),
        "text": table.when.astype(str),
    }
    X = [history(pd.DataFrame({"d": d, "label": table.label})).X for d in same.values()]
    assert X[0].shape[1] > 12
    assert np.allclose(X[0], X[1])
    assert np.allclose(X[0], X[2])


def test_numbers_and_text_in_one_column_are_categories(history, table):
    table["code"] = [1 if i % 3 else "A7" for i in range(600)]
    stream = history(table[["code", "label"]])
    assert "1 of categories" in stream.how
    assert len(np.unique(stream.X, axis=0)) == 2


@pytest.mark.no_cover
def test_a_pipeline_is_encoded_for_its_last_step(history, table, monkeypatch):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    piped = make_pipeline(StandardScaler(), HistGradientBoostingClassifier())
    monkeypatch.setitem(ESTIMATORS, "piped", ("", {"classification": piped}))
    as_bare = history(table, estimator="boosting").X
    assert np.array_equal(history(table, estimator="piped").X, as_bare, equal_nan=True)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b", "c"], "classification"),
        ([True, False, True], "classification"),
        ([0, 1, 2], "classification"),
        ([0.0, 1.0, 2.0], "classification"),
        ([0.5, 1.0, 2.0], "regression"),
        (list(range(50)), "regression"),
    ],
)
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_text_booleans_and_few_whole_numbers_are_classes(history, table, values, task):
    table["target"] = np.resize(np.array(values), 600)
    stream = history(table, "target")
    assert stream.task == task
    assert bool(len(stream.labels)) == (task == "classification")
    # Where it is a guess, the way to overrule it is said.
    assert any("--task" in notice for notice in stream.notices) == (values[0] != "a")


@pytest.mark.no_cover
def test_the_task_can_be_overruled(history, table):
    table["stars"] = np.resize([1, 2, 3], 600)
    assert history(table, "stars", task="regression").task == "regression"


@pytest.mark.no_cover
def test_a_numeric_target_is_in_deviations_of_the_warm_up(history, table):
    stream = history(table, "amount")
    first = table.amount[:100]
    assert stream.unit == pytest.approx(first.std(ddof=0))
    assert np.allclose(stream.y * stream.unit + first.mean(), table.amount)


@pytest.mark.no_cover
def test_rows_without_a_target_are_left_out_and_counted(history, table):
    table.loc[[3, 4], "amount"] = [np.nan, np.inf]
    stream = history(table, "amount")
    assert len(stream.y) == 598
    assert stream.notices[0] == "2 rows without a value of 'amount' left out"


@pytest.mark.no_cover
def test_rows_are_sorted_by_time_with_ties_in_file_order(history, table):
    table["time"] = np.arange(600) // 2
    # Stable: of two equal times the one that stands first in the file comes first.
    halves = table.iloc[np.r_[300:600, 0:300]]
    sorted_again = history(halves, time="time")
    as_written = history(table.drop(columns="time"))
    assert np.array_equal(sorted_again.X, as_written.X)


@pytest.mark.no_cover
def test_the_default_warm_up_is_a_tenth_but_at_least_a_batch(history, table):
    assert history(table, warm_up=None).warm_up == 60
    assert history(table, warm_up=None, batch=100).warm_up == 100


@pytest.mark.parametrize(
    ("n_rows", "batch"),
    [(500, 100), (20_000, 100), (20_001, 200), (45_312, 500), (100_001, 1_000), (10**6, 5_000)],
)
def test_a_batch_that_nobody_named_is_round_and_there_are_at_most_200(n_rows, batch):
    options = {"time": None, "warm_up": None, "label_delay": 0, "notices": []}
    timing = timing_for(n_rows, None, batch=None, **options)
    assert timing.step == batch
    assert timing_for(n_rows, None, batch=70, **options).step == 70


@pytest.mark.parametrize(
    ("n_rows", "n_fits"), [(500, 100), (25_000, 80), (45_312, 50), (10**6, 50)]
)
def test_a_long_history_has_fewer_fits_of_all_of_it(n_rows, n_fits):
    assert _most_fits(n_rows) == n_fits


@pytest.mark.no_cover
def test_semicolons_and_a_byte_order_mark_are_read(table, tmp_path):
    table.to_csv(tmp_path / "a.csv", index=False, sep=";", encoding="utf-8-sig")
    table.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    for name in ("a.csv", "a.tsv"):
        [read] = read_tables([tmp_path / name], [])
        assert list(read.columns) == list(table.columns)
        assert (pd.to_datetime(read.when) == table.when).all()


def test_a_named_index_of_parquet_is_a_column_again(table, tmp_path):
    table.set_index("when").to_parquet(tmp_path / "a.parquet")
    [read] = read_tables([tmp_path / "a.parquet"], [])
    assert sorted(read.columns) == sorted(table.columns)


@pytest.mark.no_cover
def test_a_time_of_any_kind_puts_the_rows_in_order(history, table):
    ordered = history(table.drop(columns="when"))
    n = np.arange(600)
    kinds = {
        "date": table.when,
        "text": table.when.dt.strftime("%Y-%m-%dT%H:%M"),
        "duration": pd.to_timedelta(n, unit="h"),
        "number": n,
    }
    for time in kinds.values():
        shuffled = table.drop(columns="when").assign(t=time).sample(frac=1, random_state=0)
        assert np.array_equal(history(shuffled, time="t").X, ordered.X)
