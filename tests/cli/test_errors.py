"""Every mistake that a user can make is one line with the way out, and exit code 2."""

import sys

import numpy as np
import pandas as pd
import pytest
from helpers import representatives

from skretrain.cli import main


def _fails_with(answer, *parts):
    code, _, error, _ = answer
    assert code == 2
    assert error.startswith("skretrain compare: error: ")
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


def test_a_missing_file(capsys, tmp_path):
    command = ["compare", "gone.csv", "--target", "y", "--out", str(tmp_path)]
    _fails_with((main(command), "", capsys.readouterr().err, []), "gone.csv does not exist")


def test_an_unknown_extension(capsys, tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_text("")
    command = ["compare", str(path), "--target", "y", "--out", str(tmp_path)]
    answer = (main(command), "", capsys.readouterr().err, [])
    _fails_with(answer, "'.xlsx'", ".csv, .tsv, .parquet, .pq")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_file_that_cannot_be_read(name, capsys, tmp_path):
    path = tmp_path / name
    path.write_text("")
    command = ["compare", str(path), "--target", "y", "--out", str(tmp_path)]
    answer = (main(command), "", capsys.readouterr().err, [])
    _fails_with(answer, f"{path} could not be read: ")


def test_an_output_folder_that_is_a_file(capsys, tmp_path):
    path = tmp_path / "taken"
    path.write_text("")
    answer = (main(["compare", "--out", str(path)]), "", capsys.readouterr().err, [])
    _fails_with(answer, f"--out {path}", "name another")


@pytest.mark.parametrize("option", ["--target", "--time"])
def test_columns_without_a_file(option, capsys, tmp_path):
    command = ["compare", option, "y", "--out", str(tmp_path)]
    _fails_with((main(command), "", capsys.readouterr().err, []), f"{option} needs a FILE")


def test_no_target_lists_the_columns(run, table):
    _fails_with(run(table), "--target is missing", "'city'", "'label'")


def test_a_misspelt_target_lists_what_is_close(run, table):
    _fails_with(run(table, "--target", "lable"), "'lable'", "did you mean 'label'?")


@pytest.mark.no_cover
def test_a_strange_target_lists_the_columns_but_not_hundreds(run, table):
    wide = table.assign(**{f"x{i}": 0.0 for i in range(20)})
    _fails_with(run(wide, "--target", "QQQ"), "'QQQ'", "the columns are 'when'", "and 16 more")


def test_a_missing_time_column(run, table):
    _fails_with(run(table, "--target", "label", "--time", "wen"), "--time 'wen'", "'when'")


def test_the_target_as_time(run, table):
    _fails_with(run(table, "--target", "temp", "--time", "temp"), "is the target")


def test_missing_times(run, table):
    table.loc[:2, "when"] = pd.NaT
    _fails_with(run(table, "--target", "label", "--time", "when"), "'when' has 3 missing")


def test_times_that_are_text(run, table):
    answer = run(table, "--target", "label", "--time", "city")
    _fails_with(answer, "--time 'city' holds text such as", "2024-12-31")


def test_a_target_without_any_value(run, table):
    table["label"] = np.nan
    _fails_with(run(table, "--target", "label"), "'label' has no value in any of the 600 rows")


def test_too_few_rows(run, table):
    _fails_with(
        run(table.head(120), "--target", "label"), "120 rows are too few", "need 150", "--batch"
    )


@pytest.mark.parametrize("target", ["label", "amount"])
def test_a_constant_target(target, run, table):
    table[target] = "yes" if target == "label" else 1.5
    options = ["--task", "regression"] if target == "amount" else []
    _fails_with(run(table, "--target", target, *options), f"'{target}' is", "in every row")


def test_a_warm_up_with_one_class_names_the_row_that_helps(run, table):
    table["label"] = np.where(np.arange(600) < 75, "no", "yes")
    _fails_with(run(table, "--target", "label"), "'no'", "row 75", "--warm-up 76")
    assert run(table, "--target", "label", "--warm-up", "76")[0] == 0


def test_text_for_a_regression(run, table):
    answer = run(table, "--target", "label", "--task", "regression")
    _fails_with(answer, "'label' holds text such as", "--task")


def test_a_target_of_names(run, table):
    table["label"] = [f"u{i}" for i in range(600)]
    _fails_with(run(table, "--target", "label"), "600 different values in 600 rows")


def test_a_file_with_nothing_but_the_target(run, table):
    _fails_with(run(table[["label"]], "--target", "label"), "no column besides the target")


def test_a_file_with_nothing_usable_but_the_target(run, table):
    table["gap"] = np.nan
    _fails_with(run(table[["label", "gap"]], "--target", "label"), "no column is left", "'gap'")


def test_a_column_that_cannot_be_encoded(monkeypatch, run, table):
    def refuse(frame):
        raise ValueError("Column 'city' is odd.")

    monkeypatch.setattr("skretrain.cli._encoding._without_infinities", refuse)
    _fails_with(run(table, "--target", "label"), "could not be turned into numbers", "'city'")


@pytest.fixture
def estimate(run, table, tmp_path, monkeypatch):
    """Run with an estimator of the module ``mine`` in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    (tmp_path / "mine.py").write_text(_MODULE)
    yield lambda name, *options: run(table, "--target", "label", "--estimator", name, *options)
    sys.modules.pop("mine", None)


_MODULE = """
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def build():
    return make_pipeline(StandardScaler(), GaussianNB())

ready = GaussianNB()
nothing = 3

def broken(size):
    return None

def nothing_at_all():
    return None

def leave():
    raise SystemExit("bye")

class Fits:
    def fit(self, X, y):
        return self
"""


@pytest.mark.parametrize("name", ["mine:build", "mine:ready", "mine:GaussianNB"])
@pytest.mark.no_cover
def test_an_estimator_from_the_working_folder(name, estimate):
    code, printed, _, rows = estimate(name)
    assert code == 0
    assert "GaussianNB()" in printed
    assert float(rows[0]["accuracy"]) > 0.5


def test_the_names_of_the_table_and_the_way_beyond_it(estimate):
    _fails_with(estimate("svm"), "'svm' is not known", "sgd, logistic", "module:factory")


def test_a_named_estimator_for_the_other_task(estimate):
    _fails_with(estimate("ridge"), "ridge is not for classification", "logistic", "--task")


def test_an_estimator_of_the_wrong_kind(estimate):
    _fails_with(estimate("mine:LinearRegression"), "LinearRegression", "no estimator for class")


def test_a_module_that_is_not_there(estimate):
    _fails_with(estimate("nowhere_at_all:x"), "'nowhere_at_all' could not be imported")


def test_a_factory_that_is_not_there(estimate):
    _fails_with(estimate("mine:biuld"), "'mine' has no 'biuld'", "did you mean 'build'?")
    _fails_with(estimate("mine:QQQQ"), "'mine' has no 'QQQQ'", "after the colon")


@pytest.mark.no_cover
def test_a_factory_that_cannot_be_called(estimate):
    _fails_with(estimate("mine:broken"), "could not be called without arguments", "size")
    _fails_with(estimate("mine:nothing"), "could not be called without arguments", "int")


@pytest.mark.parametrize(
    "name",
    [
        *("os:getcwd", "time:time", "builtins:dict", "builtins:print"),
        *("mine:nothing_at_all", "mine:Fits", "collections:OrderedDict"),
    ],
)
def test_what_is_no_estimator(name, estimate):
    _fails_with(estimate(name), f"--estimator {name}", "not a scikit-learn estimator")


@pytest.mark.parametrize("name", ["sys:exit", "mine:leave", "leaves:x"])
def test_what_ends_the_program_ends_in_one_line(name, estimate, tmp_path):
    (tmp_path / "leaves.py").write_text("raise SystemExit(0)")
    _fails_with(estimate(name), f"--estimator {name}")


@pytest.mark.parametrize("jobs", representatives(["1", "2"], fast=["1"]))
def test_a_model_that_refuses_the_numbers(jobs, estimate):
    answer = estimate("mine:MultinomialNB", "--jobs", jobs)
    _fails_with(answer, "MultinomialNB failed", "Negative values", "Choose another --estimator")


@pytest.mark.no_cover
def test_a_model_that_refuses_only_live(monkeypatch, run, table):
    def refuse(*run, **options):
        raise ValueError("not today")

    monkeypatch.setattr("skretrain.model_selection._compare._live.validated", refuse)
    answer = run(table, "--target", "label")
    _fails_with(answer, "SGDClassifier failed under the policy 'mixture': not today")
