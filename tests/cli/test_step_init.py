"""``skretrain init``: a first model, and what the job remembers of the history."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import (
    LogisticRegression,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.cli._columns import as_dates
from skretrain.cli._types import ColumnType, typed
from skretrain.serving import SegmentedRetrainer, save


@pytest.mark.no_cover
def test_columns_of_every_kind_are_encoded_as_at_the_beginning(job, table):
    history, new = table[:200], table[200:250]
    code = job("init", history, "--target", "label", "--time", "when", "--estimator", "logistic")
    assert code == 0
    assert "encoded as numbers by skrub" in job.out
    assert "left out, for" not in job.out
    job("step", new)
    assert job.record["learned"] == 50
    assert job.record["score"]["value"] > 0.7
    assert (
        job("predict", new[["when", "temp", "city", "const", "holes", "flag", "amount"]][:1]) == 0
    )


def test_a_file_of_one_row_is_read_as_the_history_was(job):
    """Alone, each of its cells would be of another type."""
    rng = np.random.default_rng(0)
    n = 200
    history = pd.DataFrame(
        {
            "code": rng.choice(["007", "x12"], n),
            "price": rng.choice(["$1,200.50", "$3.10", "ask"], n, p=[0.5, 0.48, 0.02]),
            "weight": rng.choice(["1,5", "2,25"], n),
            "flag": rng.choice(["true", "false"], n),
            "day": rng.choice(["2024-01-01", "2024-02-01", "n/a"], n),
            "n": rng.integers(0, 9, n),
        }
    )
    history["y"] = np.where(history["flag"] == "true", "a", "b")
    assert job("init", history, "--target", "y", "--estimator", "nb") == 0
    types = job.job.content["types"]
    kinds = {name: types[name].kind for name in history}
    assert kinds["code"] == "text"
    row = history[:1].assign(code="007", price="bargain", weight="3", n="4", y="a")
    assert job("predict", row) == 0
    for name, cell, held in (
        ("n", "4,5", "numbers"),
        ("weight", "heavy", "numbers"),
        ("weight", "1,234,567", "numbers"),
        ("flag", "yes", "true and false"),
        ("day", "monday", "dates"),
    ):
        assert job("predict", row.assign(**{name: cell})) == 2
        assert f"'{name}' holds '{cell}', and before it held {held}" in job.err


def test_parquet_is_read_as_the_history_was(job, days, tmp_path):
    def parquet(rows, name):
        rows.to_parquet(tmp_path / name)
        return tmp_path / name

    history = parquet(days(0, 300), "h.parquet")
    assert job.begin(history, "--id", "id") == 0
    assert job("step", parquet(days(300, 50), "a.parquet")) == 0
    gap = days(400, 50).assign(c=None)
    assert job("predict", parquet(gap, "gap.parquet")) == 2
    assert "NaN" in job.err
    numbered = days(450, 5).assign(id=range(450, 455))
    assert job("predict", parquet(numbered, "n.parquet")) == 0
    assert job.out.splitlines()[1].startswith("450,")
    assert job("step", parquet(days(350, 50).assign(a="far"), "b.parquet")) == 2
    assert "'a' holds texts of Parquet, and before it held numbers of Parquet" in job.err
    assert job("step", days(350, 50).assign(a="far")) == 2
    assert "'a' holds 'far', and before it held numbers;" in job.err


def test_text_files_and_parquet_take_turns(job, table, tmp_path):
    """Whatever kind of file the history was in, the same rows in the other are read alike."""
    table = table.assign(row=[f"{k:04d}" for k in range(len(table))])
    for name in ("h.parquet", "h.csv"):
        history, new = table[:200], table[200:230]
        if name == "h.csv":  # dates of a text file are text, and may be written in any way
            history, new = history.drop(columns="when"), new.drop(columns="when")
        options = ["--target", "label", "--id", "row", "--estimator", "nb", "--force"]
        writer = history.to_parquet if name == "h.parquet" else history.to_csv
        writer(tmp_path / name, index=False)
        assert job("init", tmp_path / name, *options) == 0
        new.to_parquet(tmp_path / "new.parquet", index=False)
        said = []
        for file in (new, tmp_path / "new.parquet"):
            assert job("predict", file) == 0
            said.append(job.out)
        assert said[0] == said[1]
        assert job("step", new[["row", "label"]]) == 0
        assert job.record["learned"] == 30


def test_numbers_of_parquet_that_are_all_missing_in_a_text_file_are_numbers():
    frame = pd.DataFrame({"a": ["", "NaN"]})
    (read,) = typed([frame], [","], [], types={"a": ColumnType("numbers of Parquet")})
    assert read["a"].dtype == float
    assert read["a"].isna().all()


def test_a_column_of_dates_of_parquet_is_one_in_a_text_file():
    frame = pd.DataFrame({"a": ["2024-03-30", "", "2024-04-01"]})
    (read,) = typed([frame], [","], [], types={"a": ColumnType("dates of Parquet")})
    assert read["a"].tolist()[::2] == [pd.Timestamp("2024-03-30"), pd.Timestamp("2024-04-01")]
    assert read["a"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("zone", [None, "Europe/Rome"])
def test_dates_of_a_text_file_are_those_of_parquet(zone):
    texts = pd.Series(["2024-03-30 10:00:00", "2024-03-31T10:00:00.5", "2024-04-01"])
    times = pd.to_datetime(texts, format="ISO8601").dt.tz_localize(zone)
    read = as_dates(times.map(lambda time: time.isoformat()))
    assert (read.dt.tz is None) == (zone is None)
    assert (read == times).all()


@pytest.mark.no_cover
def test_what_is_not_looked_at_may_hold_anything(job, days):
    history = days(0, 300).assign(note=1.5)
    assert job.begin(history, "--drop", "note", "--id", "id") == 0
    rows = days(300, 50).assign(note="late")
    assert job("predict", rows.assign(y="?")) == 0
    assert job("step", rows) == 0
    quantity = days(400, 200).assign(y=np.arange(200.0))
    assert job("init", quantity, "--target", "y", "--estimator", "ridge", "--force") == 0
    assert job("predict", days(600, 5).assign(y="unknown")) == 0


def test_the_costs_of_mistakes_make_the_threshold(job, days):
    costs = "yes>no=9,no>yes=1"
    model = LogisticRegression()
    assert job.begin(days(0, 300), "--cost-matrix", costs, "--id", "id", model=model) == 0
    assert "threshold:" in job.out
    assert "yes from a probability of 0.1 on, by the costs" in job.out
    rows = days(300, 100)
    job("predict", rows, "--out", "p.csv")
    predicted = pd.read_csv("p.csv")
    assert ((predicted["P(yes)"] >= 0.1) == (predicted.prediction == "yes")).all()
    job("step", rows[["id", "y"]])
    wrong = predicted.prediction.ne(rows.y)
    cost = np.where(rows.y == "yes", 9, 1)[wrong].sum() / len(rows)
    assert job.record["score"] == {"name": "cost per row", "value": pytest.approx(cost)}
    errors = {"loss_of": "share of errors", "n": 100, "loss": pytest.approx(wrong.mean())}
    assert errors.items() <= job.record["served"].items()  # of the ledger, and it says so
    assert job("step", days(400, 50).assign(y="maybe")) == 2
    assert "holds 'maybe', whose mistakes have no cost" in job.err


def test_the_threshold_is_told_of_the_class_that_costs_more_to_miss(job, days):
    costs = "yes>no=1,no>yes=4"
    job.begin(days(0, 300), "--cost-matrix", costs, model=LogisticRegression())
    assert "no from a probability of 0.2 on, by the costs" in job.out
    job("predict", days(300, 100), "--out", "p.csv")
    predicted = pd.read_csv("p.csv")
    assert ((predicted["P(no)"] > 0.2) == (predicted.prediction == "no")).all()


@pytest.mark.no_cover
def test_costs_in_a_file_are_read_once(job, days):
    path = job.folder / "costs.txt"
    path.write_text("true,no,yes\nno,,1\nyes,9,\n")
    assert job.begin(days(0, 300), "--cost-matrix", path, model=LogisticRegression()) == 0
    path.unlink()
    assert job("step", days(300, 50)) == 0
    assert job.record["score"]["name"] == "cost per row"


@pytest.mark.parametrize(
    ("model", "rename", "why"),
    [
        (RidgeClassifier(), {}, "without probabilities"),
        (GaussianNB(), {0: "maybe"}, "of more than two classes"),
    ],
)
def test_where_no_threshold_can_be_had_costs_only_judge(model, rename, why, job, days):
    history = days(0, 300)
    for place, label in rename.items():
        history.loc[place::7, "y"] = label
    names = sorted(set(history.y))
    costs = ",".join(f"{a}>{b}=2" for a in names for b in names if a != b)
    assert job.begin(history, "--cost-matrix", costs, model=model) == 0
    assert f"none, {why}: the costs judge the model" in job.out
    assert not isinstance(job.job.model.estimator, FixedThresholdClassifier)


def test_costs_by_which_one_answer_is_always_cheaper_are_refused(job, days):
    costs = "yes>no=1,no>yes=1,yes>yes=2"
    assert job.begin(days(0, 300), "--cost-matrix", costs, model=LogisticRegression()) == 2
    assert "cheaper to be wrong than to be right" in job.err


def test_a_score_is_told_or_why_there_is_none(job, days):
    job.begin(days(0, 300), "--scoring", "roc_auc")
    job("step", days(300, 50))
    assert job.record["score"]["name"] == "ROC AUC"
    assert 0.5 < job.record["score"]["value"] <= 1
    one = days(350, 50)
    with pytest.warns(match="Only one class"):
        job("step", one[one.y == "yes"])
    assert job.record["score"]["value"] is None
    assert job.record["score"]["why"]
    assert "ROC AUC of 'yes' not defined" in job.out or "ROC AUC not defined" in job.out


def test_a_score_is_about_the_same_class_each_day(job, days):
    history = days(0, 300)
    rarest = history.y.value_counts().idxmin()
    job.begin(history, "--scoring", "f1")
    for label in ("yes", "no"):
        rows = days(300, 100)
        few = rows[rows.y == label][:5]
        job("step", pd.concat([few, rows[rows.y != label]]))
        assert job.record["score"]["name"] == f"F1 of {rarest!r}"


def test_a_quantity_is_learned_in_unit_scale_by_the_default_model(job, table):
    columns = ["--time", "when", "--drop", "label"]
    assert job("init", table[:200], "--target", "amount", *columns) == 0
    assert job("step", table[200:300]) in (0, 10)
    assert job.record["score"]["value"] < 0.5 * table.amount.abs().mean()


def test_a_score_that_raises_is_no_end_of_the_step(job, days):
    job.begin(days(0, 300), "--scoring", "neg_log_loss", model=RidgeClassifier())
    job("step", days(300, 50))
    assert job.record["score"]["value"] is None
    assert job.record["learned"] == 50


def test_the_policies_are_those_of_compare(job, days):
    assert job.begin(days(0, 300), "--policy", "warm start", model=SGDClassifier()) == 0
    assert job.job.model.detector is None
    again = ["--force", "--policy"]
    assert job.begin(days(0, 300), *again, "replay mix", "--seed", "7", model=SGDClassifier()) == 0
    assert type(job.job.model).__name__ == "ReplayPartialFit"
    assert job.job.model.random_state == 7
    assert job.begin(days(0, 300), *again, "never", model=SGDClassifier()) == 2
    assert "--policy 'never' is not possible with this model; choose one of keep" in job.err


def test_a_job_is_not_begun_over_another(job, days):
    job.begin(days(0, 300))
    job("step", days(300, 100, sign=-1))
    before = job.bytes
    assert job.begin(days(0, 300)) == 2
    assert "holds a job already" in job.err
    assert job.bytes == before
    assert job.begin(days(0, 250), "--force") == 0
    assert job.job.model.n_samples_seen_ == 250
    assert len(list((job.state / "versions").iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_named(job, days):
    job.state.write_text("a file")
    assert job.begin(days(0, 300)) == 2
    assert "cannot be made a folder" in job.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--id", "y"], "--id 'y' is the target"),
        (["--time", "y"], "--time 'y' is the target"),
        (["--id", "nowhere"], "--id 'nowhere' is not a column"),
        (["--scoring", "nothing"], "--scoring 'nothing' is no scorer"),
        (["--policy", "x", "--estimator", "sgd"], "exclude each other"),
    ],
)
def test_what_cannot_be_begun_leaves_no_folder(options, message, job, days):
    assert job.begin(days(0, 300), *options) == 2
    assert message in job.err
    assert not job.state.exists()


def test_a_first_fit_that_fails_is_told_with_the_way_out(job, days):
    assert job.begin(days(0, 300).assign(a="text"), model=LogisticRegression()) == 2
    assert "the first fit failed: " in job.err
    assert "(see --raw)" in job.err


# -- models of one's own ---------------------------------------------------------------------------


def test_a_retrainer_that_has_learned_goes_on_as_it_is(job, days, make_refitted):
    history, rows = days(0, 300), days(300, 100, sign=-1)
    columns = ["a", "b", "c"]
    model = make_refitted(GaussianNB()).fit(history[columns], history.y)
    job.begin(days(0, 50), model=model)
    assert job.record["rows_seen"] == 300
    assert job("step", rows) == 10
    model.partial_fit(rows[columns], rows.y)
    probe = days(900, 20)[columns]
    assert (job.job.model.predict_proba(probe) == model.predict_proba(probe)).all()


@pytest.mark.no_cover
def test_a_retrainer_fitted_on_bare_numbers_gets_such(job, days, make_refitted):
    history = days(0, 300)
    model = make_refitted(GaussianNB()).fit(history[["a", "b", "c"]].to_numpy(), history.y)
    assert job.begin(history.drop(columns="id"), model=model) == 0
    assert job("step", days(300, 100)) == 0
    assert job("predict", days(300, 5)) == 0


def test_a_retrainer_has_a_policy_of_its_own(job, days, make_refitted):
    assert job.begin(days(0, 300), "--policy", "warm start", model=make_refitted(GaussianNB())) == 2
    assert "--policy, and --model holds a retrainer, which has its own" in job.err


def test_a_fleet_is_refused_with_what_it_does_by_itself(job, days):
    """Wrapped in a retrainer, all segments would be fitted anew on the rows that this remembers."""
    fleet = SegmentedRetrainer(DriftAwareRetrainer(GaussianNB()), by="shop")
    assert job.begin(days(0, 300), model=fleet) == 2
    assert "holds a SegmentedRetrainer, which is a job by itself" in job.err
    assert "path=FILE).partial_fit(X, y) takes one day" in job.err


def test_a_retrainer_by_its_name_is_not_wrapped_in_another(job, days):
    (job.folder / "own_mixture.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "from skretrain import make_mixture\n"
        "def build():\n    return make_mixture(GaussianNB(), random_state=0)\n"
    )
    command = ["init", days(0, 300), "--target", "y", "--id", "id"]
    command += ["--estimator", "own_mixture:build"]
    assert job(*command, "--policy", "full refit") == 2
    assert "--policy, and --estimator holds a retrainer, which has its own" in job.err
    assert job(*command) == 0
    assert type(job.job.model).__name__ == "MixtureRetrainer"
    assert "as they are, in a data frame (the model is a retrainer)" in job.out
    assert job("step", days(300, 100)) == 0


def test_a_model_is_read_as_it_was_saved(job, days, tmp_path):
    history = days(0, 300)
    model = LogisticRegression(C=0.3)
    skops = pytest.importorskip("skops.io")
    skops.dump(model, tmp_path / "m.skops")
    save(model, tmp_path / "m.skretrain")
    save(model, tmp_path / "p.skretrain", serializer="pickle")
    for name in ("m.skops", "m.skretrain", "p.skretrain"):
        options = ["--target", "y", "--raw", "--model", tmp_path / name, "--force"]
        assert job("init", history, *options) == 0
        assert job.job.model.estimator.C == 0.3


def test_types_of_a_model_that_nobody_trusts_are_named(job, days, tmp_path):
    skops = pytest.importorskip("skops.io")
    lightgbm = pytest.importorskip("lightgbm")
    skops.dump(lightgbm.LGBMClassifier(n_estimators=3, verbose=-1), tmp_path / "m.skops")
    command = ["init", days(0, 300), "--target", "y", "--raw", "--model", tmp_path / "m.skops"]
    assert job(*command) == 2
    assert "give --trusted lightgbm.sklearn.LGBMClassifier" in job.err
    assert job(*command, "--trusted", "lightgbm.sklearn.LGBMClassifier, x") == 0
