"""``skretrain monitor``: two files in, one answer out, and the exit code says it, too."""

import csv

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from skretrain.cli import _monitor, main
from skretrain.metrics._feature_shifts import feature_shifts

NOT_TOLD = {"auc": 0.5, "low": 0.45, "high": 0.55, "moved": [], "clocks": [], "reason": ""}


def _rows(seed, n=200, **changes):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "temp": rng.normal(size=n),
            "city": rng.choice(["Rome", "Oslo"], n),
            "const": 3,
            "label": rng.choice(["no", "yes"], n),
        }
    )
    return frame.assign(**changes)


REFERENCE, SAME = _rows(0), _rows(1)
MOVED = _rows(2, temp=_rows(2).temp + 1)


@pytest.fixture
def watch(tmp_path, capsys, monkeypatch):
    """Run the command on two frames; return exit code, both outputs and the table.

    The classifier that tells the files apart and the pictures take most of the time, and are left
    out unless asked for.
    """

    def watch_with(reference, new, *options, suffix=".csv", together=NOT_TOLD, picture=False):
        paths = [tmp_path / f"{name}{suffix}" for name in ("reference", "new")]
        for frame, path in zip((reference, new), paths, strict=True):
            if isinstance(frame, str):
                path.write_text(frame, encoding="utf-8")
            elif suffix == ".csv":
                frame.to_csv(path, index=False)
            else:
                frame.to_parquet(path)
        out = tmp_path / "out"
        with monkeypatch.context() as patch:
            if together is not None:
                patch.setattr(_monitor, "input_shift", lambda *args, **options: together)
            if not picture:
                patch.setattr(_monitor, "picture_of_features", lambda *args: None)
            code = main(["monitor", *map(str, paths), "--out", str(out), *options])
        printed, rows = capsys.readouterr(), []
        if code in (0, 10):
            with open(out / "monitor.csv", newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            assert "<!DOCTYPE html>" in (out / "report.html").read_text(encoding="utf-8")
        return code, " ".join(printed.out.split()), printed.err, rows

    return watch_with


def _fails_with(answer, *parts):
    code, _, error, _ = answer
    assert code == 2
    assert error.startswith("skretrain monitor: error: ")
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


def _saved(model, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    return f"--model={path}"


def _of(rows, what):
    return [row for row in rows if row["what"] == what]


# The answer


@pytest.mark.no_cover
def test_what_moved_is_told_and_ends_with_code_10(watch):
    code, printed, _, rows = watch(REFERENCE, MOVED)
    assert code == 10
    assert "1 of 4 columns moved: 'temp' (mean " in printed
    assert [row["name"] for row in rows if row["moved"] == "True"] == ["temp"]
    assert rows[0]["name"] == "temp"


def test_rows_of_the_same_kind_end_with_code_0(watch):
    code, printed, _, rows = watch(REFERENCE, SAME)
    assert code == 0
    assert "None of 4 columns moved." in printed
    assert "AUC of 0.50 (95 % interval 0.45 to 0.55; 0.5 is a guess)" in printed
    assert len(rows) == 4


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.no_cover
def test_the_table_is_that_of_the_statistics(suffix, watch):
    """The command adds none of its own."""
    _, _, _, rows = watch(REFERENCE, MOVED, suffix=suffix)
    expected = {shift.name: shift for shift in feature_shifts(REFERENCE, MOVED)}
    for row in rows:
        shift = expected[row["name"]]
        assert float(row["effect"]) == pytest.approx(shift.effect)
        assert float(row["p_adjusted"]) == pytest.approx(shift.p_adjusted)
        assert row["reason"] == shift.reason
    effects = [float(row["effect"]) for row in rows[1:]]
    assert effects == sorted(effects, reverse=True)


@pytest.mark.parametrize(
    ("option", "names"),
    [("--min-effect=0.9", []), ("--alpha=1e-300", []), ("--alpha=0.01", ["temp"])],
)
def test_a_move_has_to_be_large_and_proven(option, names, watch):
    code, _, _, rows = watch(REFERENCE, MOVED, option)
    assert [row["name"] for row in rows if row["moved"] == "True"] == names
    assert code == (10 if names else 0)


@pytest.mark.no_cover
def test_columns_that_move_only_together_are_found(watch):
    """Two columns that went the same way go opposite ways; neither has moved."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400))
    then, now = pd.DataFrame({"a": a, "b": a}), pd.DataFrame({"a": b, "b": -b})
    code, printed, _, _ = watch(then, now, together=None)
    assert code == 10
    assert "None of 2 columns moved by itself, but all together did." in printed


def test_where_no_column_is_left_to_tell_the_files_apart_that_is_said(watch):
    """One that the new file lacks has moved; the other has no value."""
    code, printed, _, _ = watch(
        REFERENCE[["temp"]].assign(none=None),
        SAME[[]].assign(none=None),
        "--keep=none",
        together=None,
    )
    assert code == 10
    assert "1 of 1 column moved: 'temp' (not in new.csv)." in printed
    assert "left out, no value in any row: 'none'" in printed
    assert "All columns together were not compared: no column tells more than the time." in printed


def test_only_the_first_few_are_named_and_the_rest_counted(watch):
    wide = {f"x{j}": _rows(j).temp for j in range(32)}
    then, now = pd.DataFrame(wide), pd.DataFrame(wide) + 1
    _, printed, _, rows = watch(then, now)
    assert "32 of 32 columns moved:" in printed
    assert "and 27 more." in printed
    assert "and 2 more in monitor.csv" in printed
    assert len(rows) == 32


@pytest.mark.no_cover
def test_what_moved_is_named_by_its_kind(watch, tmp_path):
    """Gaps, new categories, other shares of the known ones, and numbers."""
    gaps, kind = np.where(np.arange(200) % 2, np.nan, 1.0), (["u"] * 9 + ["v"]) * 20
    then = _rows(0, gaps=1.0, town=["[b]", "x"] * 100, kind=["u", "v"] * 100)
    now = MOVED.assign(gaps=gaps, town=["[/red]", "x"] * 100, kind=kind)
    code, printed, _, rows = watch(then, now)
    assert code == 10
    moved = {row["name"] for row in rows if row["moved"] == "True"}
    assert moved == {"temp", "gaps", "town", "kind"}
    assert "[/red] 0%," in printed
    for what in ("missing values", "new categories", "numbers", "categories"):
        assert what in printed
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "1 ± 0, 50% missing" in page
    assert "u 50%, v 50%" in page
    [town] = [row for row in rows if row["name"] == "town"]
    assert town["new_levels"] == "[/red]"


def test_the_page_has_the_answer_the_table_and_the_picture(watch, tmp_path):
    now = MOVED.assign(city="<b>")
    code, _, _, _ = watch(REFERENCE, pd.concat([now, now]), picture=True)
    assert code == 10
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "2 of 4 columns moved" in page
    assert page.count('<tr class="best">') == 2
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert page.count("data:image/png;base64") == 2
    assert "in batches of 16" in page


def test_few_rows_have_a_picture_without_charts(watch, tmp_path, unrendered):
    watch(REFERENCE, MOVED, picture=True)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Each column then and now" in page
    assert "in batches" not in page


def test_what_cannot_be_written_is_named_and_ends_with_code_1(watch, tmp_path):
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    code, printed, error, _ = watch(REFERENCE, MOVED)
    assert code == 1
    assert "1 of 4 columns moved" in printed
    assert "not written was" in error


# The columns


@pytest.mark.no_cover
def test_dates_and_running_numbers_are_left_out(watch):
    """They move by themselves."""
    days = pd.Series(pd.date_range("2024", periods=400)).sample(400, random_state=0).to_numpy()
    then = REFERENCE.assign(day=np.sort(days[:200]), born=days[:200], row=np.arange(200))
    now = SAME.assign(day=np.sort(days[200:]), born=days[200:], row=np.arange(900, 1100))
    code, printed, _, _ = watch(then, now)
    assert code == 0
    assert "left out, for it holds dates, which move by themselves: 'day', 'born'" in printed
    assert "left out, a running number moves by itself: 'row'" in printed
    _, printed, _, rows = watch(then, now, "--keep=born")
    assert "themselves: 'day' (" in printed
    [born] = [row for row in rows if row["name"] == "born"]
    numbers = days[:200].astype("M8[D]").astype(int)
    assert float(born["std_reference"]) == pytest.approx(numbers.std())


def test_a_column_that_the_new_file_lacks_has_moved(watch):
    code, printed, _, _ = watch(REFERENCE, SAME.drop(columns="city"))
    assert code == 10
    assert "1 of 4 columns moved: 'city' (not in new.csv)." in printed


def test_a_column_that_only_the_new_file_has_is_named(watch):
    code, printed, _, rows = watch(REFERENCE, SAME.assign(extra=1.0))
    assert code == 0
    assert "new.csv alone has 'extra', with nothing to compare to" in printed
    assert "extra" not in [row["name"] for row in rows]


def test_columns_are_dropped_and_identifiers_named_also_where_one_file_lacks_them(watch):
    then, now = REFERENCE.assign(old=1), MOVED.assign(order=1)
    code, printed, _, rows = watch(then, now, "--drop=temp", "--drop=old", "--id=order")
    assert code == 0
    assert "identifiers: 'order', which say what a row is of and are not compared" in printed
    assert {row["name"] for row in rows} == {"city", "const", "label"}


def test_rows_are_sorted_by_time(watch):
    """Shuffled or not, the answer is the same, and the column is not compared."""
    when, wave = pd.date_range("2024", periods=200), np.sin(np.arange(200) / 20)
    then = REFERENCE.assign(when=when, temp=wave)
    now = SAME.assign(when=when, temp=wave + 0.2)
    shuffled = now.sample(frac=1, random_state=0)
    straight = watch(then, now, "--time=when")
    assert watch(then, shuffled, "--time=when")[3] == straight[3]
    assert "when" not in [row["name"] for row in straight[3]]
    assert "new.csv: the rows are not in the order of 'when'" in watch(then, shuffled)[1]


# The target, and predictions


def test_labels_may_be_missing_from_the_new_rows(watch):
    code, printed, _, rows = watch(REFERENCE, SAME.drop(columns="label"), "--target=label")
    assert code == 0
    assert "new.csv has 0 values of the target 'label', and to tell its shift takes 30" in printed
    assert not _of(rows, "target")
    few = SAME.label.where(np.arange(200) < 20)
    assert "new.csv has 20 values" in watch(REFERENCE, SAME.assign(label=few), "--target=label")[1]


def test_a_shift_of_labels_is_told_apart(watch):
    """Gaps, where the label is not there yet, are none."""
    label = np.array(["yes", None] * 100)
    code, printed, _, rows = watch(REFERENCE, SAME.assign(label=label), "--target=label")
    assert code == 10
    assert "None of 3 columns moved." in printed
    assert "The target 'label' moved: 'no' " in printed
    assert _of(rows, "target")[0]["missing_new"] == "0.0"
    assert "did not move (largest distance 0.0" in watch(REFERENCE, SAME, "--target=label")[1]


def test_a_target_that_counts_up_is_not_compared(watch):
    then, now = (frame.assign(label=np.arange(200)) for frame in (REFERENCE, SAME))
    code, printed, _, _ = watch(then, now, "--target=label")
    assert code == 0
    assert "The target 'label' is not compared: a running number moves by itself" in printed


def _binary(columns=("temp",)):
    return LogisticRegression().fit(REFERENCE[list(columns)], REFERENCE.temp > 0)


@pytest.mark.no_cover
def test_a_shift_of_predictions_is_told_and_only_the_model_s_columns_are_compared(watch, tmp_path):
    model = _saved(_binary(), tmp_path)
    code, printed, _, rows = watch(REFERENCE, MOVED, model)
    assert code == 10
    assert "1 of 1 column moved" in printed
    assert "left out, for the model does not get it: 'city', 'const', 'label'" in printed
    assert "What the model predicts moved: 'P(True)' (mean 0." in printed
    expected = _binary().predict_proba(MOVED[["temp"]])[:, 1]
    assert float(_of(rows, "prediction")[0]["mean_new"]) == pytest.approx(expected.mean())
    code, printed, _, _ = watch(REFERENCE, SAME, model)
    assert code == 0
    assert "What the model predicts did not move (largest distance " in printed


def _three_classes(X):
    return GaussianNB().fit(X, np.digitize(X.temp, [-0.5, 0.5]))


def _two_outputs(X):
    return MultiOutputClassifier(GaussianNB()).fit(X, np.column_stack([X.temp > 0, X.temp > 1]))


@pytest.mark.parametrize(
    ("fitted", "names"),
    [
        (_three_classes, ["P(0)", "P(1)", "P(2)"]),
        (_two_outputs, ["prediction 0", "prediction 1"]),
        (lambda X: LinearSVC().fit(X, X.temp > 0), ["prediction"]),
        (lambda X: LinearRegression().fit(X, X.temp), ["prediction"]),
    ],
)
def test_predictions_are_probabilities_where_there_are_any(fitted, names, watch, tmp_path):
    model = fitted(REFERENCE[["temp"]])
    then, now = (frame[["temp"]] for frame in (REFERENCE, MOVED))
    _, _, _, rows = watch(then, now, _saved(model, tmp_path))
    assert sorted(row["name"] for row in _of(rows, "prediction")) == names
    assert all(row["moved"] == "True" for row in _of(rows, "prediction"))


def test_a_model_of_bare_numbers_gets_all_columns(watch, tmp_path):
    numbers = REFERENCE[["temp", "const"]]
    model = LinearRegression().fit(numbers.to_numpy(), numbers.temp)
    answer = watch(numbers, MOVED[["temp", "const"]], _saved(model, tmp_path))
    assert len(_of(answer[3], "prediction")) == 1
    _fails_with(
        watch(REFERENCE, SAME, f"--model={tmp_path}/model.joblib"), "fitted on bare numbers"
    )


def test_new_rows_that_the_model_refuses_have_moved(watch, tmp_path):
    """A category that it never saw, say."""
    encoder = make_column_transformer((OneHotEncoder(), ["city"]))
    model = make_pipeline(encoder, GaussianNB()).set_params(columntransformer__sparse_threshold=0)
    model.fit(REFERENCE[["city"]], REFERENCE.label)
    model = _saved(model, tmp_path)
    code, printed, _, _ = watch(REFERENCE, SAME.assign(city="Bonn"), model)
    assert code == 10
    assert "The model cannot read the new rows: Found unknown categories ['Bonn']" in printed
    _fails_with(
        watch(REFERENCE.assign(city="Bonn"), SAME, model), "cannot read", "reference.csv: Found"
    )


# Mistakes


@pytest.mark.parametrize(
    ("reference", "new", "options", "parts"),
    [
        ("", SAME, [], ["reference.csv could not be read: it is empty"]),
        (REFERENCE, "temp,city\n", [], ["new.csv: there are 0 rows, and at least 30"]),
        (REFERENCE, "temp,city\n1,2\n", [], ["new.csv: there is 1 row, and at least 30"]),
        (REFERENCE, SAME.add_suffix("_"), [], ["no column in common", "'temp_'"]),
        (REFERENCE[["temp"]], SAME, ["--drop=temp"], ["no column in common", "has none"]),
        (SAME.assign(x=None)[["x"]], SAME.assign(x=None)[["x"]], [], ["no column to compare"]),
        (REFERENCE, SAME, ["--target=lable"], ["did you mean 'label'?"]),
        (REFERENCE, SAME, ["--time=x"], ["reference.csv: --time 'x' is not a column"]),
        (REFERENCE, SAME, ["--time=temp", "--target=temp"], ["--time 'temp' is the target"]),
        (REFERENCE, SAME, ["--drop=x"], ["reference.csv: --drop 'x' is not a column"]),
        (REFERENCE, SAME, ["--drop=temp", "--keep=temp"], ["left out by --drop and kept"]),
        (REFERENCE, SAME, ["--model=no.joblib"], ["--model no.joblib does not exist"]),
    ],
)
def test_a_mistake_ends_in_one_line_with_the_way_out(reference, new, options, parts, watch):
    _fails_with(watch(reference, new, *options), *parts)


def test_the_model_has_to_be_fitted_on_columns_that_are_there(watch, tmp_path):
    """The way out names no option that the command does not have."""
    blank = watch(REFERENCE, SAME, _saved(LogisticRegression(), tmp_path))
    _fails_with(blank, "no fitted estimator; save the model after its fit.")
    model = _saved(_binary(["temp", "const"]), tmp_path)
    _fails_with(watch(REFERENCE, SAME.drop(columns="const"), model), "not in both files: 'const'")
    _fails_with(watch(REFERENCE, SAME, model, "--drop=const"), "which --drop leaves out")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--alpha", "0"), ("--alpha", "1"), ("--min-effect", "-0.1"), ("--min-effect", "x")],
)
def test_a_share_that_is_none_ends_with_code_2_and_the_value(option, value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["monitor", "a.csv", "b.csv", f"{option}={value}"])
    assert ended.value.code == 2
    assert f"{option}: {value!r} is not a number" in capsys.readouterr().err


def test_the_help_names_the_exit_codes_and_fits_a_terminal(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["monitor", "--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out
    for word in ("10   something did", "report.html", "monitor.csv", "examples:"):
        assert word in page
    assert max(map(len, page.splitlines())) <= 80
