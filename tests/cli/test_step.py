"""``skretrain step`` and what stands around it: a model in service, one process a day."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers import FailingPolicy, TakesBack, WaitGate
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.cli import _job
from skretrain.drift import FeatureDrift
from skretrain.exceptions import UpdateFailedWarning
from skretrain.serving import checkpoint_info


@pytest.mark.no_cover
def test_a_job_is_the_retrainer_that_was_given_the_same_files(job, days, make_refitted):
    history, *files = days(0, 300), days(300, 200), days(500, 200, sign=-1), days(700, 200, sign=-1)
    assert job.begin(history, "--id", "id") == 0
    columns = ["a", "b", "c"]
    model = make_refitted(GaussianNB()).fit(history[columns], history.y)
    for rows in files:
        score = np.mean(model.predict(rows[columns]) == rows.y)
        model.partial_fit(rows[columns], rows.y)
        job("step", rows)
        assert job.record["score"] == {"name": "accuracy", "value": pytest.approx(score)}
    kept = job.job.model
    assert [e.reason for e in kept.events_] == [e.reason for e in model.events_]
    probe = days(5000, 50)[columns]
    assert (kept.predict_proba(probe) == model.predict_proba(probe)).all()


@pytest.mark.no_cover
@pytest.mark.parametrize("serializer", ["pickle", "skops"])
def test_a_state_goes_on_however_it_is_written(serializer, job, days, monkeypatch):
    monkeypatch.setattr(_job, "SERIALIZER", serializer)
    job.begin(days(0, 300), "--id", "id", "--max-pending", "1000")
    assert job("predict", days(300, 100)) == 0
    assert job("step", days(300, 100)[["id", "y"]]) == 0
    assert job("step", days(400, 100, sign=-1)) == 10
    assert job("rollback") == 0
    assert (job.job.version, job.job.n_pending, job.job.model.n_samples_seen_) == (3, 0, 500)
    assert checkpoint_info(job.state / "state.skretrain")["serializer"] == serializer


@pytest.mark.no_cover
def test_the_exit_code_says_what_the_day_has_come_to(job, days):
    job.begin(days(0, 300))
    assert job("step", days(300, 200)) == 0
    assert job.record["actions"] == {"updated": 1}
    assert job("step", days(500, 200, sign=-1)) == 10
    assert job.record["version"] == 2
    assert job.record["alarms"] == 1
    assert "retrained: alarm" in job.out.splitlines()[0]


@pytest.mark.no_cover
def test_the_same_file_twice_changes_nothing_and_ends_as_before(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = days(300, 200, sign=-1)
    code = job("step", rows)
    printed, files = job.out, job.bytes
    (job.folder / "again.csv").write_text(rows.to_csv(index=False))
    assert job("step", job.folder / "again.csv") == code == 10
    assert job.out == printed
    assert job.bytes == files


def test_a_file_is_known_as_long_as_it_is_among_the_newest(job, days, monkeypatch):
    monkeypatch.setattr(_job, "_REMEMBERED", 2)
    job.begin(days(0, 300))
    first = job.written(days(300, 50))
    job("step", first)
    job("step", days(350, 50))
    assert len(job.job.content["results"]) == 2
    n_seen = job.record["rows_seen"]
    job("step", first)
    assert job.job.last["record"]["rows_seen"] == n_seen
    job("step", days(400, 50))
    job("step", first)
    assert job.record["rows_seen"] == n_seen + 100


@pytest.mark.no_cover
def test_each_command_that_changes_something_is_a_line_of_the_log(job, days):
    job.begin(days(0, 300), "--id", "id")
    job("step", days(300, 50))
    job("predict", days(350, 50))
    job("step", days(400, 50, sign=-1))
    job("rollback", 1)
    job("status")
    commands = ["init", "step", "predict", "step", "rollback"]
    assert [line["command"] for line in job.log] == commands
    assert [line["number"] for line in job.log] == [1, 2, 3, 4, 5]
    assert job.log[-1] == job.job.last["record"]


# -- labels that are late --------------------------------------------------------------------------


@pytest.mark.no_cover
def test_labels_that_come_late_are_learned_with_the_rows_as_they_were_predicted(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = days(300, 100)
    job("predict", rows.drop(columns="y"), "--out", job.folder / "p.csv")
    predicted = pd.read_csv(job.folder / "p.csv", dtype={"id": str})
    assert job.job.n_pending == 100
    labels = rows[["id", "y"]].sample(60, random_state=0)
    assert job("step", labels) == 0
    record = job.record
    assert (record["labelled"], record["learned"], record["pending"]) == (60, 60, 40)
    both = predicted.merge(labels, on="id")
    wrong = np.mean(both.prediction != both.y)
    assert record["served"]["loss"] == pytest.approx(wrong)
    assert record["score"]["value"] == pytest.approx(1 - wrong)


@pytest.mark.no_cover
def test_rows_with_an_empty_target_wait_and_those_with_one_are_learned(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = days(300, 100)
    rows.loc[rows.index % 2 == 0, "y"] = np.nan
    job("step", rows)
    assert (job.record["learned"], job.record["pending"]) == (50, 50)
    late = days(300, 100).loc[rows.y.isna(), ["y", "id"]]
    job("step", late)
    assert (job.record["learned"], job.record["pending"]) == (50, 0)


@pytest.mark.no_cover
def test_labels_may_come_with_the_columns_of_rows_that_wait(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = days(300, 100)
    job("predict", rows)
    job("step", rows)
    assert (job.record["learned"], job.record["pending"]) == (100, 0)
    assert job.job.model.n_samples_seen_ == 400


@pytest.mark.no_cover
def test_without_ids_rows_without_a_label_are_looked_at_and_forgotten(job, days):
    job.begin(days(0, 300))
    rows = days(300, 100)
    rows.loc[:59, "y"] = np.nan
    job("step", rows)
    assert (job.record["learned"], job.record["pending"]) == (40, 0)
    job("step", rows.assign(y=np.nan))
    assert job.record["score"] is None
    assert "nothing to learn" in job.out
    assert job.job.ledger.max_pending == 100


@pytest.mark.parametrize("command", ["predict", "step"])
def test_rows_that_have_moved_ask_for_labels(job, days, command):
    history = days(0, 500)
    detector = [FeatureDrift()]
    model = DriftAwareRetrainer(LogisticRegression(), detector=detector, policy="full_refit")
    job.begin(history, "--id", "id", model=model)
    moved = days(500, 300).assign(y=np.nan)
    moved[["a", "b"]] += 5
    assert job(command, moved, *(["--out", "p.csv"] if command == "predict" else [])) == 20
    assert job("step", days(500, 300)[["id", "y"]]) == 10


def test_labels_of_rows_that_nobody_holds_are_refused_or_left_out(job, days):
    job.begin(days(0, 300), "--id", "id")
    job("predict", days(300, 20))
    labels = days(300, 30)[["id", "y"]]
    before = job.bytes
    assert job("step", labels) == 2
    assert "10 labels of rows that were never predicted" in job.err
    assert "'0320'" in job.err
    assert "--ignore-unknown" in job.err
    assert {**job.bytes, "lock": 0} == {**before, "lock": 0}
    assert job("step", labels, "--ignore-unknown") == 0
    assert job.record["learned"] == 20
    assert "10 labels of rows that are not held left out" in job.out


@pytest.mark.no_cover
def test_labels_of_rows_that_made_room_are_left_out(job, days):
    job.begin(days(0, 300), "--id", "id", "--max-pending", "50")
    job("predict", days(300, 80))
    job("step", days(300, 80)[["id", "y"]])
    assert job.record["learned"] == 50
    assert "30 labels of rows that are not held left out" in job.out


def test_a_label_that_is_corrected_is_learned_again(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = days(300, 20)
    job("step", rows)
    loss = job.record["served"]["loss"]
    turned = rows[["id", "y"]].assign(y=rows.y.map({"yes": "no", "no": "yes"}))
    job("step", turned)
    assert job.record["served"] != loss
    assert job.record["served"]["loss"] == pytest.approx(1 - loss)
    assert job.record["learned"] == 20
    again = turned.iloc[::-1]
    job("step", again)
    assert job.record["learned"] == 0
    assert job.record["score"] is None


# -- what is predicted -----------------------------------------------------------------------------


@pytest.mark.no_cover
def test_predictions_are_those_of_the_version_that_serves(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = days(300, 40)
    assert job("predict", rows) == 0
    [header, *lines] = job.out.splitlines()
    assert header == "id,prediction,P(no),P(yes),version"
    model, columns = job.job.model, ["a", "b", "c"]
    ids, predicted, _, shares, version = zip(*(line.split(",") for line in lines), strict=True)
    assert list(ids) == rows.id.tolist()
    assert list(predicted) == model.predict(rows[columns]).tolist()
    assert np.allclose(np.array(shares, float), model.predict_proba(rows[columns])[:, 1])
    assert set(version) == {"1"}


@pytest.mark.no_cover
def test_the_same_rows_are_predicted_as_before_whatever_serves_now(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = job.written(days(300, 40))
    job("predict", rows)
    first = job.out
    job("step", days(400, 200, sign=-1))
    assert job.record["version"] == 2
    job("predict", rows)
    assert job.out == first
    job("predict", days(300, 41), "--out", "p.csv")
    assert "note: 40 rows with an id that is held keep what was predicted first" in job.out
    assert job.job.n_pending == 41


def test_without_an_id_predict_changes_nothing(job, days):
    job.begin(days(0, 300))
    before = job.bytes
    assert job("predict", days(300, 40).drop(columns=["y", "id"])) == 0
    assert job.out.startswith("prediction,P(no),P(yes),version\n")
    assert job.bytes == before


def test_predictions_are_kept_for_the_newest_files(job, days, monkeypatch):
    monkeypatch.setattr(_job, "_KEPT", 2)
    job.begin(days(0, 300), "--id", "id")
    first = job.written(days(300, 10))
    for start in (310, 320):
        job("predict", first if start == 310 else days(start, 10))
    (job.state / "predictions" / "stray.csv").touch()
    job("predict", days(330, 10))
    assert len(list((job.state / "predictions").iterdir())) == 2
    assert job("predict", first) == 2
    assert "is there no more" in job.err


def test_a_regressor_predicts_numbers_and_is_judged_by_its_residuals(job, days):
    def amounts(*args, **options):
        rows = days(*args, **options)
        return rows.assign(y=10 * rows.a + rows.b)

    job.begin(amounts(0, 300), "--id", "id", model=LinearRegression())
    rows = amounts(300, 50)
    rows.loc[0, "y"] = np.inf
    job("predict", rows)
    assert job.out.startswith("id,prediction,version\n")
    job("step", rows)
    assert job.record["score"]["name"] == "mean absolute error"
    assert job.record["score"]["value"] < 1e-6
    assert job.record["learned"] == 49


# -- back ------------------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_model_that_served_before_serves_again(job, days):
    job.begin(days(0, 300))
    probe = days(5000, 50)[["a", "b", "c"]]
    job("step", days(300, 200))
    first = job.job.model.predict_proba(probe)
    job("step", days(500, 200, sign=-1))
    assert job.record["version"] == 2
    assert job("rollback") == 0
    assert job.out.startswith("version 1 serves again, as version 3, instead of 2\n")
    assert (job.job.model.predict_proba(probe) == first).all()
    assert job.record["actions"] == {"rolled_back": 1}


def test_going_back_twice_goes_back_further(job, days):
    job.begin(days(0, 300))
    for start, sign in ((300, -1), (600, 1)):
        assert job("step", days(start, 300, sign=sign)) == 10
    assert job("rollback") == 0
    assert "version 2 serves again, as version 4" in job.out
    assert job("rollback") == 0
    assert "version 1 serves again, as version 5" in job.out
    assert job("rollback") == 2
    assert "none before it is kept" in job.err
    assert job("rollback", 3) == 0
    assert job("rollback", 77) == 2
    assert "version 77 is not kept; those that are: 1, 2, 3, 4, 5, 6" in job.err


def test_a_version_whose_file_is_damaged_is_refused_and_nothing_changes(job, days):
    job.begin(days(0, 300))
    job("step", days(300, 200, sign=-1))
    path = next((job.state / "versions").glob("*1.version"))
    path.write_bytes(path.read_bytes()[:-3])
    assert job("rollback", 1) == 2
    assert "is not as it was written" in job.err
    assert job.job.version == 2


@pytest.mark.no_cover
def test_a_promotion_that_the_gate_takes_back_is_told_by_the_exit_code(job, days, make_refitted):
    job.begin(days(0, 300), model=make_refitted(GaussianNB(), gate=TakesBack()))
    assert job("step", days(300, 100, sign=-1)) == 10
    assert job("step", days(400, 100, sign=-1)) == 30
    assert "rolled back: version 1 serves again instead of 2" in job.out
    assert job("rollback") == 2
    assert "none before it is kept" in job.err


def test_a_mixture_has_no_version_to_go_back_to(job, days):
    job.begin(days(0, 300), "--policy", "mixture", model=LogisticRegression())
    assert job("step", days(300, 100)) in (0, 10)
    assert job("status") == 0
    assert "kept:    versions none" in job.out
    assert job("rollback") == 2
    assert "a mixture has many models" in job.err


# -- how it is doing -------------------------------------------------------------------------------


def test_the_status_says_which_model_serves_and_why(job, days):
    job.begin(days(0, 300), "--id", "id")
    assert job("status") == 0
    assert "served:  no label has come yet" in job.out
    job("step", days(300, 200, sign=-1))
    job("predict", days(500, 30), "--out", "p.csv")
    files = job.bytes
    assert job("status") == 0
    assert "version 2 since" in job.out
    assert "alarm" in job.out
    assert "30 rows for a label" in job.out
    assert "share of errors" in job.out
    assert job("status", "--json") == 0
    found = json.loads(job.out)
    assert (found["version"], found["rows_since"], found["pending"]) == (2, 0, 30)
    assert found["served"]["n"] == 200
    assert found["versions"] == [1, 2]
    assert job.bytes == files


def test_the_status_writes_nothing_even_where_something_is_missing(job, days):
    """It does not wait for the lock, and another command may be about to write the same."""
    job.begin(days(0, 300))
    shutil.rmtree(job.state / "versions")
    files = job.bytes
    assert job("status") == 0
    assert "kept:    versions none" in job.out
    assert job.bytes == files


def test_a_challenger_on_trial_is_told(job, days, make_refitted):
    job.begin(days(0, 300), model=make_refitted(GaussianNB(), gate=WaitGate()))
    job("step", days(300, 100, sign=-1))
    job("status")
    assert "a new model is on trial" in job.out


@pytest.mark.no_cover
def test_an_update_that_fails_has_an_exit_code_of_its_own(job, days, make_refitted):
    model = make_refitted(GaussianNB(), detector=None, update=FailingPolicy({1}))
    job.begin(days(0, 300), model=model)
    with pytest.warns(UpdateFailedWarning):
        assert job("step", days(300, 100)) == 40
    assert "failed: update failed" in job.out
    assert job.job.version == 1


@pytest.mark.no_cover
def test_one_label_of_a_regressor_has_no_interval(job, days):
    rows = days(0, 300)
    job.begin(rows.assign(y=rows.a * 3), model=LinearRegression())
    job("step", days(300, 1).assign(y=2.0))
    job("status")
    assert re.search(r"served: +mean absolute error [\d.]+ on 1 row\n", job.out)
