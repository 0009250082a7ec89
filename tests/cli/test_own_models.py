"""Models of the user's own: on the table's own columns, and from a file."""

import importlib
import inspect
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skrub import SquashingScaler, TableVectorizer

from skretrain import DriftAwareRetrainer
from skretrain.cli import main
from skretrain.cli._errors import CommandError
from skretrain.cli._history import embedded_history
from skretrain.cli._raw import check_named_columns, why_raw
from skretrain.model_selection import advise, compare_policies


def by_columns(model, columns=("temp", "flag")):
    """Return a pipeline that reads a word and numbers by their names, within another pipeline."""
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    reader = ColumnTransformer([("word", words, ["city"]), ("as is", "passthrough", list(columns))])
    return make_pipeline(make_pipeline(reader, StandardScaler()), model)


_MODULE = f"""
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

{inspect.getsource(by_columns)}

def classifier():
    return by_columns(DecisionTreeClassifier(max_depth=3, random_state=0))

def regressor():
    return by_columns(DecisionTreeRegressor(max_depth=3, random_state=0))

def astray():
    return by_columns(DecisionTreeClassifier(), columns=["temp", "when"])

def misspelt():
    return by_columns(DecisionTreeClassifier(), columns=["tmep"])

def _temp(frame):
    return frame[["temp"]]

def by_function():
    return make_pipeline(FunctionTransformer(_temp), DecisionTreeClassifier(random_state=0))
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module ``mine`` in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    (tmp_path / "mine.py").write_text(_MODULE)
    yield
    sys.modules.pop("mine", None)


@pytest.mark.usefixtures("mine")
def test_a_resumed_run_does_not_find_what_another_code_has_predicted(run, table, tmp_path):
    """A function is edited between two runs; what the same code has finished is not run again."""
    options = ("--target", "label", "--estimator", "mine:by_function", "--raw")
    options += ("--resume", "kept")
    first = run(table, *options, quick=True)[3]
    assert run(table, *options, quick=True)[3] == first
    sys.modules.pop("mine")
    # Of another length, too: by that and the second Python knows whether it has compiled a file.
    (tmp_path / "mine.py").write_text(_MODULE.replace('frame[["temp"]]', '0 * frame[["temp"]]'))
    importlib.invalidate_caches()
    other = run(table, *options, quick=True)[3]
    assert [row["accuracy"] for row in other] != [row["accuracy"] for row in first]


@pytest.fixture
def save(tmp_path):
    """Save a model; return the options that name it."""

    def saved(model):
        joblib.dump(model, tmp_path / "model.joblib")
        return "--model", str(tmp_path / "model.joblib")

    return saved


@pytest.fixture
def ask(tmp_path, capsys):
    """Run ``skretrain advise`` on two frames; return exit code, output, error and the table."""

    def ask_with(old, new, *options, target="label"):
        paths = [tmp_path / f"{name}.parquet" for name in ("old", "new")]
        for frame, path in zip((old, new), paths, strict=True):
            frame.to_parquet(path)
        out = ["--out", str(tmp_path / "out")]
        code = main(["advise", *map(str, paths), "--target", target, *out, *options])
        printed = capsys.readouterr()
        table = pd.read_csv(tmp_path / "out" / "advice.csv") if code == 0 else None
        return code, printed.out, printed.err, table

    return ask_with


def _fails_with(answer, *parts):
    code, _, error, _ = answer
    assert code == 2
    assert error.count("\n") == 1
    for part in parts:
        assert part in error


def _expected(base, X, y, scoring=None):
    """Return the scores of two policies by hand."""
    policies = {
        "never": [],
        "since drift": DriftAwareRetrainer(base, policy="full_refit", random_state=0),
    }
    options = {"batch_size": 50, "initial_size": 100, "seeds": [0], "scoring": scoring}
    comparison = compare_policies(base, X, y, policies, **options)
    return {name: comparison.score(name) for name in policies}


# -- the table's own columns -----------------------------------------------------------------------


@pytest.mark.parametrize("raw", representatives([[], ["--raw"]], fast=[[]]))
@pytest.mark.no_cover
def test_a_pipeline_that_names_columns_gets_them_as_they_are(raw, run, table, mine):
    """The numbers are those of compare_policies on the data frame."""
    options = ("--target", "label", "--warm-up", "100", "--estimator", "mine:classifier", *raw)
    code, printed, _, rows = run(table, *options, quick=True)
    assert code == 0
    model = by_columns(DecisionTreeClassifier(max_depth=3, random_state=0))
    expected = _expected(model, table.drop(columns=["label"]), table.label)
    assert {row["policy"]: float(row["accuracy"]) for row in rows[:2]} == pytest.approx(expected)
    why = "--raw" if raw else "the model begins with a ColumnTransformer"
    assert f"7 as they are, in a data frame ({why})" in printed


@pytest.mark.no_cover
def test_a_quantity_can_be_predicted_from_the_columns_as_they_are(run, table, mine):
    options = ("--target", "amount", "--warm-up", "100", "--estimator", "mine:regressor")
    code, _, _, rows = run(table, *options, quick=True)
    assert code == 0
    model = by_columns(DecisionTreeRegressor(max_depth=3, random_state=0))
    expected = _expected(model, table.drop(columns=["amount"]), table.amount)
    found = {row["policy"]: -float(row["mean_absolute_error"]) for row in rows[:2]}
    assert found == pytest.approx(expected)


@pytest.mark.no_cover
def test_any_model_gets_the_columns_as_they_are_if_asked_to(run, table, mine):
    """One that picks columns by a function does not show what it reads."""
    options = ("--target", "label", "--warm-up", "100", "--estimator", "mine:by_function")
    code, _, _, rows = run(table, *options, "--raw", quick=True)
    assert code == 0
    expected = _expected(
        DecisionTreeClassifier(random_state=0), table[["temp"]].to_numpy(), table.label
    )
    assert float(rows[0]["accuracy"]) == pytest.approx(expected["never"])
    _fails_with(run(table, *options, quick=True), "Pipeline failed", "columns with --raw.")


def test_the_built_in_stream_has_columns_too():
    sizes = {"estimator": "nb", "batch": 100, "warm_up": 100, "label_delay": 0}
    stream = embedded_history(**sizes, raw=True)
    assert stream.is_raw
    assert np.array_equal(stream.X, embedded_history(**sizes).X)


@pytest.mark.no_cover
def test_a_model_that_cannot_read_the_columns_ends_in_one_line(run, ask, table):
    plain = ("--target", "label", "--warm-up", "100", "--raw")
    parts = "could not convert string to float", "own columns (see --raw)"
    _fails_with(run(table, *plain, quick=True), "SGDClassifier failed", *parts)
    without_dates = table.drop(columns="when")
    answer = ask(without_dates[:300], without_dates[300:], "--raw", "--estimator", "nb")
    _fails_with(answer, "no advice: could not convert", "gets the table's own columns", "--raw")


def test_columns_that_the_model_names_and_does_not_get_are_named(run, table, mine):
    options = ("--target", "label", "--warm-up", "100", "--estimator")
    answer = run(table, *options, "mine:astray", quick=True, screens=True)
    _fails_with(answer, "the model names 'when' among its columns", "add --keep when.")
    assert run(table, *options, "mine:astray", quick=True)[0] == 2  # a date is no number
    answer = run(table, *options, "mine:misspelt", quick=True)
    _fails_with(answer, "the model's column 'tmep' is not a column", "did you mean 'temp'?")


def test_a_table_without_columns_is_refused_with_and_without_raw(run, table):
    for raw in ([], ["--raw"]):
        answer = run(table[["label"]], "--target", "label", *raw)
        _fails_with(answer, "no column besides the target")


READERS = [
    (by_columns(GaussianNB()), "ColumnTransformer"),
    (make_pipeline("passthrough", by_columns(GaussianNB())), "ColumnTransformer"),
    (make_pipeline(TableVectorizer(), GaussianNB()), "TableVectorizer"),
    (GridSearchCV(by_columns(GaussianNB()), {}), "ColumnTransformer"),
    (TransformedTargetRegressor(by_columns(LinearRegression())), "ColumnTransformer"),
    (make_pipeline(make_union(TableVectorizer()), GaussianNB()), "TableVectorizer"),
    (make_pipeline(FeatureUnion([("a", StandardScaler())]), GaussianNB()), ""),
    (make_pipeline(SquashingScaler(), GaussianNB()), ""),
    (make_pipeline(StandardScaler(), by_columns(GaussianNB())), ""),
    (TransformedTargetRegressor(), ""),
    (Pipeline([("nothing", "passthrough")]), ""),
    (GaussianNB(), ""),
]


@pytest.mark.parametrize(("model", "name"), READERS)
def test_what_reads_columns_by_name_is_found_wherever_it_comes_first(model, name):
    said = why_raw(model, asked=False)
    assert said == (f"the model begins with a {name}" if name else "")
    assert why_raw(model, asked=True) == "--raw"


@pytest.mark.parametrize("columns", ["a", ["a"], slice("a", "b"), [0, 1], [True, False], [], list])
def test_only_names_of_columns_are_looked_for(columns):
    model = ColumnTransformer([("some", "passthrough", columns)])
    check_named_columns(model, pd.DataFrame({"a": [1], "b": [2]}))
    by_name = columns in ("a", ["a"])
    if by_name:
        with pytest.raises(CommandError, match="the model's column 'a' is not"):
            check_named_columns(model, pd.DataFrame({"b": [2]}))


@pytest.mark.no_cover
def test_advice_on_a_pipeline_that_names_columns_is_that_of_the_library(ask, table, mine):
    table = table.drop(columns="when")
    code, printed, _, rows = ask(table[:300], table[300:], "--estimator", "mine:classifier")
    assert code == 0
    assert "as they are, in data frames (the model begins with a ColumnTransformer)" in printed
    model = by_columns(DecisionTreeClassifier(max_depth=3, random_state=0))
    parts = [(part.drop(columns="label"), part.label) for part in (table[:300], table[300:])]
    expected = advise(model, *parts[0], *parts[1], random_state=0).table
    assert rows.loss_new.tolist() == pytest.approx(expected.loss_new.tolist(), nan_ok=True)
    assert rows.action.tolist() == expected.action.tolist()
    assert rows.tried[rows.action == "fine_tune"].all()  # the last step can be told


def test_advice_on_a_quantity_from_the_columns_as_they_are(ask, table, mine):
    """The target alone is brought to scale, for the last step, which can be fitted by itself."""
    table = table.drop(columns="when")
    options = ("--estimator", "mine:regressor")
    code, _, _, rows = ask(table[:300], table[300:], *options, target="amount")
    assert code == 0
    model = by_columns(DecisionTreeRegressor(max_depth=3, random_state=0))
    X = table.drop(columns="amount")
    known = slice(0, 225)  # the newest quarter of the old rows is held out
    model.fit(X[known], table.amount[known])
    residuals = abs(model.predict(X[500:]) - table.amount[500:])
    assert rows.loss_new[0] == pytest.approx(residuals.mean())
    assert rows.tried[rows.action == "fine_tune"].all()


def test_what_a_model_of_one_s_own_raises_is_one_line_of_advice(ask, table, mine):
    table = table.drop(columns="when")
    answer = ask(table[:300], table[300:], "--estimator", "mine:misspelt")
    _fails_with(answer, "the model's column 'tmep' is not a column", "did you mean 'temp'?")
    answer = ask(table[:300], table[300:], "--estimator", "mine:by_function")
    _fails_with(answer, "no advice: ", "with --raw, it gets the table's own columns")


def test_weights_of_classes_may_name_labels(history, save, table):
    """Classes are codes to the model."""
    weights = {"yes": 7.0, "no": 1.0}
    tree = DecisionTreeClassifier(class_weight=weights)
    balanced = LogisticRegression(class_weight="balanced")
    table["number"] = np.where(table.label == "yes", 9, 4)
    for model, name in (
        (tree, "class_weight"),
        (by_columns(tree), "decisiontreeclassifier__class_weight"),
    ):
        stream = history(table, model=model)
        assert stream.labels[0] == table.label[0] == "yes"
        assert stream.base.get_params()[name] == {0: 7.0, 1: 1.0}
    stream = history(table, "number", model=tree.set_params(class_weight={9: 7.0, 4: 1.0, 5: 2.0}))
    assert stream.base.class_weight == {0: 7.0, 1: 1.0, 5: 2.0}
    assert tree.class_weight == {9: 7.0, 4: 1.0, 5: 2.0}
    assert history(table, model=balanced).base.class_weight == "balanced"


# -- from a file -----------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_model_from_a_file_is_kept_fresh_on_the_columns_that_it_knows(run, save, table):
    """It begins blank, with its parameters."""
    known = table[["flag", "temp"]]
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(known[300:], table.label[300:])
    options = ("--target", "label", "--warm-up", "100", *save(model))
    code, printed, _, rows = run(table, *options, quick=True)
    assert code == 0
    assert "2 as they are, in a data frame (those that the model was fitted on)" in printed
    assert "DecisionTreeClassifier(max_depth=2, random_state=0)" in printed
    expected = _expected(model, known, table.label)
    assert {row["policy"]: float(row["accuracy"]) for row in rows[:2]} == pytest.approx(expected)


@pytest.mark.no_cover
def test_a_blank_model_from_a_file_is_as_one_by_name(run, save, table):
    options = ("--target", "label", "--warm-up", "100")
    _, printed, _, rows = run(table, *options, *save(GaussianNB()), quick=True)
    by_name = run(table, *options, "--estimator", "nb", quick=True)[3]
    assert "encoded as" in printed
    assert [row["accuracy"] for row in rows] == [row["accuracy"] for row in by_name]


@pytest.mark.no_cover
def test_a_column_that_the_model_was_fitted_on_is_no_clock(run, save, table):
    table["index"] = np.arange(600)
    model = GaussianNB().fit(table[["index", "temp"]], table.label)
    code, printed, _, _ = run(table, "--target", "label", *save(model), quick=True, screens=True)
    assert code == 0
    assert "2 as they are" in printed
    lost = table.drop(columns="index")
    answer = run(lost, "--target", "label", *save(model), quick=True)
    _fails_with(answer, "--model was fitted on columns that are not there", "'index'")


@pytest.mark.parametrize("command", ["compare", "advise"])
@pytest.mark.parametrize(
    ("option", "parts"),
    [
        (("--time", "time"), ("which --time sorts by", "Name a copy of the column with --time")),
        (("--drop", "time"), ("which --drop leaves out", "Leave that option out")),
        (("--id", "time"), ("which --id leaves out", "Leave that option out")),
        (("--sample-weight", "time"), ("--sample-weight takes out", "Name a copy of the column")),
    ],
)
@pytest.mark.no_cover
def test_a_model_that_was_fitted_on_what_an_option_takes_out(
    command, option, parts, run, ask, save, table
):
    """The message says which option it is, and what to do."""
    table["time"] = np.arange(600)[::-1] % 30
    fitted = GaussianNB().fit(table[["time", "temp"]], table.label)
    options = (*save(fitted), *option)
    if command == "compare":
        answer = run(table, "--target", "label", *options)
    else:
        answer = ask(table[:300], table[300:], *options)
    _fails_with(answer, "--model was fitted on 'time', too, which", *parts)


def test_a_model_that_was_fitted_on_the_target(run, save, table):
    fitted = GaussianNB().fit(table[["temp", "flag"]], table.label)
    answer = run(table, "--target", "flag", *save(fitted))
    _fails_with(answer, "fitted on 'flag', too, which is to be predicted", "Bring a model that")


@pytest.mark.parametrize("command", ["compare", "advise"])
@pytest.mark.no_cover
def test_a_copy_of_the_column_of_time_is_the_way_out_for_a_model(command, run, ask, save, table):
    table["time"] = np.arange(600)[::-1] % 30
    fitted = GaussianNB().fit(table[["time", "temp"]], table.label)
    options = (*save(fitted), "--time", "copy")
    table["copy"] = table["time"]
    if command == "compare":
        answer = run(table, "--target", "label", *options, quick=True)
    else:
        answer = ask(table[:300], table[300:], *options)
    assert answer[0] == 0


@pytest.mark.parametrize("command", ["compare", "advise"])
def test_files_that_hold_no_model_of_use(command, run, ask, save, table, tmp_path):
    table = table[["temp", "flag", "label"]]

    def answer(*options):
        if command == "compare":
            return run(table, "--target", "label", *options)
        return ask(table[:300], table[300:], *options)

    _fails_with(answer("--model", "gone.joblib"), "--model gone.joblib does not exist")
    (tmp_path / "junk").write_text("no pickle")
    _fails_with(answer("--model", str(tmp_path / "junk")), "could not be loaded", "joblib.dump")
    _fails_with(answer(*save({"a": 1})), "holds a dict", "not a scikit-learn estimator")
    _fails_with(answer(*save(KMeans(2).fit([[0.0], [1.0]]))), "holds a KMeans", "neither")
    fitted = GaussianNB().fit(table[["temp"]], table.label)
    _fails_with(answer(*save(fitted), "--task", "regression"), "which is for classification")
    _fails_with(answer(*save(fitted), "--estimator", "nb"), "exclude each other")
    fitted = LinearRegression().fit(table[["temp"]], table.temp)
    _fails_with(answer(*save(fitted)), "'label' holds text")


class _Leaves:
    """What ends the program when it is read."""

    def __reduce__(self):
        return sys.exit, ("bye",)


def test_a_file_that_ends_the_program_ends_in_one_line(run, save, table):
    _fails_with(run(table, "--target", "label", *save(_Leaves())), "could not be loaded: bye")


def test_the_present_model_has_to_be_fitted(ask, save, table):
    answer = ask(table[:300], table[300:], *save(LogisticRegression()))
    _fails_with(answer, "no fitted estimator", "save the model after its fit")


@pytest.mark.parametrize("command", ["compare", "advise"])
def test_the_help_says_what_a_pickle_can_do(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    page = capsys.readouterr().out
    assert "only files that you trust" in " ".join(page.split())
    assert "--raw" in page
    assert max(map(len, page.splitlines())) <= 80
