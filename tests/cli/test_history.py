"""From a table to numbers: in time order, and without a look beyond the warm-up."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from skretrain.cli._files import read_table
from skretrain.cli._history import history_of


def _history(table, target="label", **changes):
    options = {
        "name": "stream",
        "target": target,
        "time": None,
        "task": "auto",
        "batch": 50,
        "warm_up": 100,
        "label_delay": 0,
    }
    return history_of(table, **{**options, **changes})


def test_what_comes_after_a_row_does_not_change_how_it_is_encoded(table):
    later = table.copy()
    later.loc[400:, "city"] = "Kyoto"
    later.loc[400:, "temp"] = 1e6
    later.loc[400:, "label"] = "maybe"
    before, after = _history(table), _history(later)
    assert np.array_equal(before.X[:400], after.X[:400])
    assert np.array_equal(before.y[:400], after.y[:400])
    assert not np.array_equal(before.X[400:], after.X[400:])


def test_an_unknown_category_is_all_zeros(table):
    table.loc[500, "city"] = "Kyoto"
    one_hot = _history(table[["city", "label"]]).X
    assert one_hot.shape == (600, 3)
    assert one_hot[500].tolist() == [0, 0, 0]
    assert set(np.delete(one_hot, 500, axis=0).sum(axis=1)) == {1.0}


def test_missing_and_infinite_numbers_become_the_median_of_the_warm_up(table):
    table.loc[300, "temp"], table.loc[301, "temp"] = np.nan, np.inf
    table.loc[302, "temp"] = table.temp[:100].median()
    X = _history(table[["temp", "label"]]).X
    assert X[300, 0] == X[301, 0] == X[302, 0]


def test_numbers_have_mean_0_and_deviation_1_in_the_warm_up_and_are_bounded_after_it(table):
    table.loc[300, "temp"] = 1e9
    X = _history(table[["temp", "label"]]).X
    assert X[:100].mean() == pytest.approx(0, abs=0.1)
    assert X[:100].std() == pytest.approx(1, abs=0.1)
    assert X[300, 0] == 5.0


def test_constant_and_empty_columns_are_zero(table):
    table["empty"] = np.nan
    table["offset"] = 0.1
    X = _history(table[["const", "empty", "offset", "label"]]).X
    assert np.allclose(X, 0, atol=1e-12)


def test_every_dtype_of_numbers_and_dates_gives_the_same_as_floats(table):
    n = np.arange(600)
    day = datetime.date(2024, 1, 1)
    same = {
        "float": n.astype(float),
        "nullable": pd.array(n, dtype="Int64"),
        "decimal": [decimal.Decimal(int(i)) for i in n],
        "date": [day + datetime.timedelta(days=int(i)) for i in n],
        "datetime": pd.date_range("2024-01-01", periods=600),
        "zoned": pd.date_range("2024-01-01", periods=600, tz="Asia/Tokyo"),
        "duration": pd.to_timedelta(n, unit="h"),
    }
    X = _history(pd.DataFrame({**same, "label": table.label})).X
    assert X.shape == (600, len(same))
    assert np.allclose(X, X[:, :1])


def test_a_text_column_of_names_is_left_out_with_a_notice(table):
    table["id"] = [f"u{i}" for i in range(600)]
    history = _history(table[["temp", "id", "label"]])
    assert history.X.shape == (600, 1)
    assert "left out: 'id'" in history.notices[0]


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
def test_text_booleans_and_few_whole_numbers_are_classes(table, values, task):
    table["target"] = np.resize(np.array(values), 600)
    history = _history(table, "target")
    assert history.task == task
    assert bool(history.n_classes) == (task == "classification")
    # Where it is a guess, the way to overrule it is said.
    assert any("--task" in notice for notice in history.notices) == (values[0] != "a")


def test_the_task_can_be_overruled(table):
    table["stars"] = np.resize([1, 2, 3], 600)
    assert _history(table, "stars", task="regression").task == "regression"


def test_a_numeric_target_is_in_deviations_of_the_warm_up(table):
    history = _history(table, "amount")
    first = table.amount[:100]
    assert history.unit == pytest.approx(first.std(ddof=0))
    assert np.allclose(history.y * history.unit + first.mean(), table.amount)


def test_rows_without_a_target_are_left_out_and_counted(table):
    table.loc[[3, 4], "amount"] = [np.nan, np.inf]
    history = _history(table, "amount")
    assert len(history.y) == 598
    assert history.notices[0] == "2 row(s) without a value of 'amount' left out"


def test_rows_are_sorted_by_time_with_ties_in_file_order(table):
    table["time"] = np.arange(600) // 2
    # Stable: of two equal times the one that stands first in the file comes first.
    halves = table.iloc[np.r_[300:600, 0:300]]
    sorted_again = _history(halves, time="time")
    as_written = _history(table.drop(columns="time"))
    assert np.array_equal(sorted_again.X, as_written.X)


def test_the_default_warm_up_is_a_tenth_but_at_least_a_batch(table):
    assert _history(table, warm_up=None).warm_up == 60
    assert _history(table, warm_up=None, batch=100).warm_up == 100


def test_semicolons_a_byte_order_mark_and_dates_as_text_are_read(table, tmp_path):
    table.to_csv(tmp_path / "a.csv", index=False, sep=";", encoding="utf-8-sig")
    table.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    for name in ("a.csv", "a.tsv"):
        read = read_table(tmp_path / name)
        assert list(read.columns) == list(table.columns)
        assert (read.when == table.when.dt.tz_localize("UTC")).all()


def test_a_named_index_of_parquet_is_a_column_again(table, tmp_path):
    table.set_index("when").to_parquet(tmp_path / "a.parquet")
    assert sorted(read_table(tmp_path / "a.parquet").columns) == sorted(table.columns)
