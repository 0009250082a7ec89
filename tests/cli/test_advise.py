"""``skretrain advise``: two files in, one answer out, and every mistake in one line."""

import csv
import sys
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from rich.console import Console
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skretrain.cli import _advise, main
from skretrain.model_selection._advise import _evidence


@pytest.fixture
def periods(table):
    """The fixture's stream cut at its change of concept."""
    return table.iloc[:300], table.iloc[300:]


@pytest.fixture
def ask(tmp_path, capsys):
    """Run the command on two frames; return exit code, both outputs and the table."""

    def ask_with(old, new, *options, target="label", suffix=".csv"):
        paths = [tmp_path / f"{name}{suffix}" for name in ("old", "new")]
        for frame, path in zip((old, new), paths, strict=True):
            if suffix == ".csv":
                frame.to_csv(path, index=False)
            else:
                frame.to_parquet(path)
        out = tmp_path / "out"
        command = ["advise", *map(str, paths), "--target", target, "--out", str(out), *options]
        code = main(command)
        printed, rows = capsys.readouterr(), []
        if code == 0:
            with open(out / "advice.csv", newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            assert "<!DOCTYPE html>" in (out / "report.html").read_text(encoding="utf-8")
        return code, printed.out, printed.err, rows

    return ask_with


def _fails_with(answer, *parts):
    code, _, error, _ = answer
    assert code == 2
    assert error.startswith("skretrain advise: error: ")
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


def test_an_identifier_is_named_and_not_learned_from(ask, periods):
    """As if it had not been there."""
    columns = ["temp", "flag", "label"]
    plain = [frame[columns] for frame in periods]
    named = [frame.assign(order=np.arange(len(frame)) % 40) for frame in plain]
    _, printed, _, rows = ask(*named, "--id", "order", suffix=".parquet")
    assert "'order', which say what a row is of" in " ".join(printed.split())
    expected = ask(*plain, suffix=".parquet")[3]
    assert [row["action"] for row in rows] == [row["action"] for row in expected]


COLUMNS = {".csv": ["temp", "city", "holes", "const", "flag"], ".parquet": ["temp", "flag"]}


@pytest.mark.parametrize("suffix", representatives(COLUMNS, fast=[".parquet"]))
@pytest.mark.no_cover
def test_a_changed_concept_is_answered_by_a_refit(suffix, ask, periods, tmp_path):
    # The concept turns the sign of one column; a date would let a refit tell the periods apart.
    old, new = (frame[[*COLUMNS[suffix], "label"]] for frame in periods)
    code, printed, _, rows = ask(old, new, "--estimator", "logistic", suffix=suffix)
    assert code == 0
    assert "Refit on the new rows alone" in printed
    assert "the old rows are now wrong" in printed.replace("\n", " ")
    assert [row["action"] for row in rows][:2] == ["keep", "recalibrate"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    # Names for programs are in the file for programs, and nowhere else.
    codes = {row["action"] for row in rows if "_" in row["action"]}
    assert {"refit_new", "refit_all", "warm_start"} <= codes
    assert not [code for code in codes if code in page or code in printed]
    assert "refit on new rows" in page
    assert "\n refit on new rows " in printed
    assert "&#x27;label&#x27;" in page
    assert "300 rows" in page


@pytest.mark.no_cover
def test_equal_periods_are_answered_by_keep(ask):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=1200), "b": rng.normal(size=1200)})
    frame["label"] = np.where(frame.a + 0.2 * rng.normal(size=1200) > 0, "yes", "no")
    code, printed, _, _ = ask(frame[:600], frame[600:], "--estimator", "logistic")
    assert code == 0
    assert "Keep the model" in printed


@pytest.mark.no_cover
def test_a_quantity_is_judged_in_its_own_unit(ask, periods):
    old, new = (frame[["temp", "holes", "flag", "amount"]] for frame in periods)
    code, printed, _, rows = ask(old, new, "--task", "regression", target="amount")
    assert code == 0
    assert "mean absolute error" in printed
    assert float(rows[0]["loss_new"]) > 100  # amounts of about 100, with their sign turned
    chosen = next(row for row in rows if row["action"] == "refit_new")
    assert float(chosen["loss_new"]) < 60


@pytest.mark.no_cover
def test_rows_are_sorted_by_time_and_lonely_columns_left_out(ask, periods):
    old, new = (frame[["when", "temp", "flag", "label"]] for frame in periods)
    shuffled = new.assign(extra=1).sample(frac=1, random_state=0)
    shuffled.loc[shuffled.index[:5], "label"] = None
    code, printed, _, rows = ask(old, shuffled, "--time", "when", "--estimator", "nb")
    straight = ask(old, new.drop(index=shuffled.index[:5]), "--time", "when", "--estimator", "nb")
    assert code == 0
    assert "only one of the files has them: 'extra'" in printed
    assert "in the order of" not in printed
    assert "new.csv: 5 rows without a value of 'label' left out" in printed
    assert [row["gain"] for row in rows] == [row["gain"] for row in straight[3]]


@pytest.mark.slow
def test_the_file_that_is_not_in_the_order_of_its_dates_is_named(ask, periods):
    """The newest rows are held out, so that the order matters."""
    old, new = (frame[["when", "temp", "label"]][:60] for frame in periods)
    code, printed, _, _ = ask(old, new[::-1], "--estimator", "nb")
    assert code == 0
    assert "new.csv: the rows stand from the newest to the oldest 'when', and are taken" in printed
    assert "old.csv: the rows" not in printed


def _saved(model, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    return str(path)


@pytest.mark.no_cover
def test_a_saved_model_is_the_present_one_and_gets_the_columns_it_was_fitted_on(
    ask, periods, tmp_path
):
    old, new = periods
    columns = ["temp", "flag"]
    model = LogisticRegression().fit(old[columns], old.label)
    path = _saved(model, tmp_path)
    before = joblib.hash(joblib.load(path))
    code, printed, _, rows = ask(old, new, "--model", path)
    assert code == 0
    assert "model.joblib" in printed
    wrong = np.mean(model.predict(new[columns][200:]) != new.label[200:])
    assert float(rows[0]["loss_new"]) == pytest.approx(wrong)
    assert joblib.hash(joblib.load(path)) == before


def test_a_model_fitted_on_bare_numbers_gets_bare_numbers(ask, periods, tmp_path):
    old, new = (frame[["temp", "const", "label"]] for frame in periods)
    model = LogisticRegression().fit(old[["temp", "const"]].to_numpy(), old.label)
    path = _saved(model, tmp_path)
    code, printed, _, _ = ask(old, new, "--model", path)
    assert code == 0
    assert "all, as bare numbers" in printed
    words = [frame.assign(city="Oslo") for frame in (old, new)]
    _fails_with(ask(*words, "--model", path), "bare numbers", "Oslo")


@pytest.mark.no_cover
def test_a_price_and_a_time_budget_are_passed_on(ask, periods, tmp_path):
    periods = [frame[["temp", "flag", "label"]] for frame in periods]
    options = ["--estimator", "logistic", "--price", "100000", "--time-budget", "1000"]
    code, printed, _, _ = ask(*periods, *options)
    assert code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<dt>price of a refit</dt><dd>100000</dd>" in page
    assert "Refit on" not in printed


def test_files_that_cannot_be_used(ask, periods, tmp_path):
    old, new = periods
    _fails_with(ask(old, new, target="lable"), "old.csv: ", "did you mean 'label'?")
    _fails_with(ask(old, new.drop(columns="label")), "new.csv: ", "'label' is not a column")
    _fails_with(ask(old, new, "--time", "wen"), "--time 'wen'")
    _fails_with(ask(old, new, "--time", "label"), "is the target")
    _fails_with(ask(old, new, "--task", "regression"), "holds text such as")
    _fails_with(ask(old, new[["label"]]), "no column in common")
    _fails_with(ask(old, new[:2]), "no advice: X_new has 2 rows", "Bring more rows")
    command = ["advise", "gone.csv", "gone.csv", "--target", "y", "--out", str(tmp_path)]
    assert main(command) == 2


def test_models_that_cannot_be_used(ask, periods, tmp_path):
    old, new = periods
    _fails_with(ask(old, new, "--model", "gone.joblib"), "gone.joblib does not exist")
    junk = tmp_path / "junk.joblib"
    junk.write_text("no pickle")
    _fails_with(ask(old, new, "--model", str(junk)), "could not be loaded", "joblib.dump")
    path = _saved(LogisticRegression(), tmp_path)
    _fails_with(ask(old, new, "--model", path), "LogisticRegression", "no fitted estimator")
    path = _saved({"a": 1}, tmp_path)
    _fails_with(ask(old, new, "--model", path), "a dict", "not a scikit-learn estimator")
    path = _saved(KMeans(2).fit([[0.0], [1.0]]), tmp_path)
    _fails_with(ask(old, new, "--model", path), "neither a classifier nor a regressor")
    path = _saved(LinearRegression().fit(old[["temp"]], old.amount), tmp_path)
    _fails_with(ask(old, new, "--model", path, "--task", "classification"), "leave --task out")
    _fails_with(ask(old, new, "--model", path, "--estimator", "nb"), "exclude each other")
    _fails_with(ask(old, new, "--model", path), "'label' holds text")
    path = _saved(LogisticRegression().fit(old[["temp", "amount"]], old.label), tmp_path)
    lost = [frame.drop(columns="amount") for frame in (old, new)]
    _fails_with(ask(*lost, "--model", path), "not in both files: 'amount'")


@pytest.mark.parametrize("value", ["dear", "-1", "nan", "inf"])
def test_a_price_that_is_none_ends_with_code_2_and_the_value(value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["advise", "a.csv", "b.csv", "--target", "y", "--price", value])
    assert ended.value.code == 2
    assert repr(value) in capsys.readouterr().err


def test_the_help_names_the_answers_the_models_and_the_outputs(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["advise", "--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out
    for word in ("collect_more", "refit_new", "--model", "trust", "module:factory", "report.html"):
        assert word in page
    assert max(map(len, page.splitlines())) <= 80


@pytest.mark.no_cover
def test_a_candidate_that_is_not_possible_stands_below_the_table(ask, periods, tmp_path):
    old, new = periods
    model = make_pipeline(FunctionTransformer(), LogisticRegression())
    path = _saved(model.fit(old[["temp"]], old.label), tmp_path)
    _, printed, _, _ = ask(old, new, "--model", path)
    assert "refit since change   not possible: " in printed


def test_no_digit_of_the_table_is_cut_at_80_columns(monkeypatch, capsys):
    cells = ("43.4 %", "-20.1", "-12.3 to -27.8", "49.8 %", "11.8 %", "123.45")
    monkeypatch.setattr(_advise, "_cells", lambda row, units: cells)
    rows = [{"tried": True, "action": name} for name in ("keep", "replay_mix")]
    advice = SimpleNamespace(rows=rows, units=SimpleNamespace(name="error rate"), action="keep")
    _advise._print_table(Console(file=sys.stdout, width=80), advice)
    printed = capsys.readouterr().out
    for cell in (*cells, "update on mixed rows", "CPU s"):
        assert cell in printed


def test_a_quantity_whose_squares_are_no_numbers_is_refused_in_one_line(ask):
    """Not with a traceback: the scale of such a target is no float."""
    rng = np.random.default_rng(0)
    temp = rng.normal(size=120)
    frame = pd.DataFrame({"temp": temp, "amount": 1e300 * temp})
    _fails_with(ask(frame, frame, "--estimator", "ridge", target="amount"), "no advice: ")


USUAL, PRICED = (), ("--price", "3")
JUDGED_BY = {
    USUAL: "average precision of 'fraud'",
    ("--scoring", "f1"): "F1 of 'fraud'",
    ("--scoring", "recall", "--positive", "ok"): "recall of 'ok'",
    ("--scoring", "neg_log_loss"): "log loss",
    PRICED: "error rate",
}


@pytest.mark.parametrize(
    ("options", "said"),
    representatives(
        JUDGED_BY.items(), fast=[(options, JUDGED_BY[options]) for options in (USUAL, PRICED)]
    ),
)
@pytest.mark.no_cover
def test_advice_is_judged_by_what_is_asked_for(options, said, ask, frauds, monkeypatch):
    """Labels are text; the score is about the rarest, or the one that is named."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
    old, new = frauds[:700], frauds[700:]
    code, printed, _, _ = ask(old, new, "--estimator", "nb", *options, target="kind")
    assert code == 0
    assert f"the present model has {said} " in " ".join(printed.split())


def test_a_class_that_is_none_is_named_to_whoever_asks_for_advice(ask, frauds):
    code, _, error, _ = ask(frauds[:700], frauds[700:], "--positive", "maybe", target="kind")
    assert code == 2
    assert "--positive 'maybe' is no class; they are 'fraud', 'ok'" in error


@pytest.mark.no_cover
def test_advice_on_a_quantity_is_judged_by_what_is_asked_for(ask, periods, monkeypatch):
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
    options = ("--scoring", "neg_median_absolute_error")
    code, printed, _, _ = ask(*periods, *options, target="amount")
    assert code == 0
    assert "the present model has median absolute error " in " ".join(printed.split())


def test_a_column_that_tells_the_time_is_left_out_unless_it_is_asked_for(ask, periods):
    """A row number over both files is what it is in a comparison."""
    frames = [frame[["temp", "flag", "label"]].assign(n=frame.index)[:100] for frame in periods]
    options = ["--estimator", "nb"]
    said = " ".join(ask(*frames, *options)[1].split())
    assert "left out, for it never falls and tells the time or counts the rows: 'n'" in said
    assert "2 columns" in said
    kept = " ".join(ask(*frames, *options, "--keep", "n", "--drop", "flag")[1].split())
    assert "left out" not in kept
    assert "2 columns" in kept
    _fails_with(ask(*frames, *options, "--drop", "what"), "--drop 'what' is not a column")


def test_several_new_files_are_one_period_in_batches(ask, periods, tmp_path, capsys):
    columns = ["when", "temp", "flag", "label"]
    old, new = (frame[columns] for frame in periods)
    whole = ask(old, new, "--time", "when", "--estimator", "nb")[3]
    names = ["old.csv", "one.csv", "two.csv"]
    for frame, name in zip((old, new[:100], new[100:].assign(extra=1)), names, strict=True):
        frame.to_csv(tmp_path / name, index=False)
    paths, out = [str(tmp_path / name) for name in names], tmp_path / "parts"
    options = ["--target", "label", "--time", "when", "--estimator", "nb", "--out", str(out)]
    assert main(["advise", *paths, *options]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "one.csv, two.csv, 300 rows" in printed
    assert "because not all files have them: 'extra'" in printed
    assert "On the new batches, one by one, the old model has error rate" in printed
    with open(out / "advice.csv", newline="", encoding="utf-8") as file:
        parts = list(csv.DictReader(file))
    assert [row["gain"] for row in parts] == [row["gain"] for row in whole]
    assert main(["advise", paths[0], paths[2], paths[1], *options]) == 2
    error = capsys.readouterr().err
    assert "one.csv begins before" in error
    assert "two.csv by --time 'when'; name the new files from the oldest" in error
