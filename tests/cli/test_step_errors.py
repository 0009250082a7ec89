"""What a daily job cannot take: one line, exit code 2, and nothing has changed."""

import errno
import json
import os
import re
import signal
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from skretrain import serving
from skretrain.cli import _job, _lock, _tell
from skretrain.cli._errors import CommandError
from skretrain.cli._lock import locked
from skretrain.serving import save
from skretrain.utils import _files


def texts(rows):
    """Return rows with words in a column of numbers."""
    return rows.assign(a=["far", *rows.a.astype(str)[1:]])


WRONG = {
    "no target": (lambda rows: rows.drop(columns="y"), "--target 'y' is not a column"),
    "other columns": (
        lambda rows: rows.rename(columns={"a": "A"}),
        "columns that the model was fitted on are not there: 'a'.",
    ),
    "ids twice": (lambda rows: rows.assign(id="7"), "--id 'id' has '7' more than once"),
    "no ids": (lambda rows: rows.drop(columns="id"), "--id 'id' is not a column"),
    "an id that is missing": (
        lambda rows: rows.assign(id=[None, *rows.id[1:]]),
        "--id 'id' has 1 missing value",
    ),
    "types that changed": (texts, "'a' holds 'far', and before it held numbers"),
    "no rows": (lambda rows: rows[:0], "there are no rows"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_does_not_fit_changes_nothing(name, job, days):
    spoil, message = WRONG[name]
    job.begin(days(0, 300), "--id", "id")
    before = job.bytes
    assert job("step", spoil(days(300, 50))) == 2
    assert message in job.err
    assert job.err.count("\n") == 1
    assert job.bytes == {**before, "lock": job.bytes["lock"]}


@pytest.mark.no_cover
def test_labels_of_another_type_than_the_classes_are_refused(job, days):
    history = days(0, 300)
    job.begin(history.assign(y=(history.y == "yes").astype(int)))
    rows = days(300, 50)
    assert job("step", rows) == 2
    assert re.search("'y' holds '(no|yes)', and before it held numbers", job.err)
    assert job("step", rows.assign(y=(rows.y == "yes").astype(float))) == 0
    assert job.job.model.classes_.tolist() == [0, 1]


def test_a_file_without_rows_or_anything_is_refused(job, days):
    job.begin(days(0, 300))
    (job.folder / "empty.csv").touch()
    assert job("step", "empty.csv") == 2
    assert "it is empty" in job.err
    assert job("step", "nowhere.csv") == 2
    assert "nowhere.csv could not be read: No such file or directory." in job.err


@pytest.mark.no_cover
def test_columns_that_the_job_does_not_know_are_left_out_and_told(job, days):
    job.begin(days(0, 300), "--drop", "id")
    assert job("step", days(300, 50).assign(new=1.0)) == 0
    assert job.out.startswith("note: left out, for the job began without: 'new'\n")


def test_another_target_than_at_the_beginning_is_refused(job, days):
    job.begin(days(0, 300))
    rows = days(300, 50)
    assert job("step", rows, "--target", "a") == 2
    assert "--target 'a', but the job began with 'y'" in job.err
    assert job("step", rows, "--target", "y") == 0


@pytest.mark.parametrize("command", ["step", "predict", "status", "rollback"])
def test_a_folder_that_holds_no_job_is_refused(command, job):
    arguments = ["x.csv"] if command in ("step", "predict") else []
    assert job(command, *arguments) == 2
    assert "holds no state.skretrain; make it with `skretrain init" in job.err
    assert not job.state.exists()


def test_a_state_that_was_cut_or_altered_is_refused(job, days):
    job.begin(days(0, 300))
    path = job.state / "state.skretrain"
    whole = path.read_bytes()
    for damaged in (whole[:-7], whole.replace(b"settings", b"sittings"), b"nothing"):
        path.write_bytes(damaged)
        assert job("step", days(300, 50)) == 2
        assert "state.skretrain could not be read" in job.err
        assert path.read_bytes() == damaged
    save({"a": 1}, path, serializer="pickle")
    assert job("status") == 2
    assert "holds no daily job" in job.err


class Full:
    """A disk that is full: the given file cannot be written."""

    def __init__(self, name):
        self.name, self.replace = name, os.replace

    def __call__(self, source, target):
        if self.name in str(target):
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        self.replace(source, target)


def test_a_full_disk_leaves_the_state_as_it_was(job, days, monkeypatch):
    job.begin(days(0, 300))
    before, rows = job.bytes, job.written(days(300, 50))
    with monkeypatch.context() as patch:
        patch.setattr(_files.os, "replace", Full("state.skretrain"))
        assert job("step", rows) == 2
    assert "nothing was changed: No space left on device." in job.err
    assert job.bytes == {**before, "lock": job.bytes["lock"]}
    assert job("step", rows) == 0


def test_a_full_disk_takes_no_row_that_it_could_not_answer(job, days, monkeypatch):
    job.begin(days(0, 300), "--id", "id")
    rows = job.written(days(300, 20))
    with monkeypatch.context() as patch:
        patch.setattr(_files.os, "replace", Full(".csv"))
        assert job("predict", rows) == 2
    assert "nothing was changed: No space left on device." in job.err
    assert job.job.n_pending == 0


def test_a_folder_without_room_for_the_lock_is_named(job, days):
    job.begin(days(0, 300))
    (job.state / "lock").unlink()
    (job.state / "lock").mkdir()
    assert job("step", days(300, 50)) == 2
    assert "lock could not be opened: Is a directory." in job.err


def test_what_stands_beside_the_state_is_written_by_the_next_command(job, days, monkeypatch):
    job.begin(days(0, 300))
    rows = job.written(days(300, 50))
    with monkeypatch.context() as patch:
        patch.setattr(_job.os, "fsync", lambda file: None)
        patch.setattr(_job, "_log", _refused)
        assert job("step", rows) == 1
    assert "the state is written" in job.err
    assert len(job.log) == 1
    assert job("step", rows) == 0
    assert len(job.log) == 2


def _refused(path, record):
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_predictions_that_cannot_be_written_are_kept_in_the_folder(job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = job.written(days(300, 10))
    assert job("predict", rows, "--out", job.folder / "no" / "p.csv") == 1
    assert "the rows are predicted, and" in job.err
    assert job("predict", rows, "--out", job.folder / "p.csv") == 0
    assert (job.folder / "p.csv").read_bytes() in job.bytes.values()


class RaisesAtMany(ClassifierMixin, BaseEstimator):
    """A model that cannot predict more than a hundred rows at once."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        if 100 < len(X) < 300:
            raise ArithmeticError("too many rows")
        return np.resize(self.classes_, len(X))


@pytest.mark.parametrize("command", ["step", "predict"])
@pytest.mark.parametrize("options", [(), ("--id", "id")])
def test_a_model_that_raises_is_named_with_the_file(command, options, job, days):
    job.begin(days(0, 300), *options, model=RaisesAtMany())
    rows = job.written(days(300, 200))
    assert job(command, rows) == 2
    assert f"{rows}: " in job.err
    assert "too many rows" in job.err


def test_an_id_that_cannot_be_remembered_is_the_file_s_fault(job, days, monkeypatch):
    job.begin(days(0, 300), "--id", "id")
    monkeypatch.setattr(serving.PendingLabels, "predict", _raises)
    assert job("predict", days(300, 5)) == 2
    assert "no room" in job.err


def _raises(self, X, **options):
    raise ValueError("no room")


# -- one process at a time -------------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_state_in_use_is_left_alone_and_its_holder_named(job, days):
    job.begin(days(0, 300))
    rows = days(300, 50)
    with locked(job.state / "lock"):
        assert job("step", rows) == 2
        assert f"is in use by process {os.getpid()} on " in job.err
        assert "--wait SECONDS" in job.err
        assert job("status") == 0
    assert job("step", rows) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked")
def test_the_lock_of_a_process_that_died_is_free(tmp_path):
    path = tmp_path / "lock"
    pid = os.fork()
    if not pid:
        with locked(path):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert json.loads(path.read_bytes())["pid"] == pid
    with locked(path):
        pass


def test_waiting_for_a_lock_ends_when_it_is_free(tmp_path, monkeypatch):
    path, first = tmp_path / "lock", locked(tmp_path / "lock")
    first.__enter__()
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        first.__exit__(None, None, None)

    monkeypatch.setattr(_lock.time, "sleep", sleep)
    with locked(path, wait=60):
        assert len(slept) == 1


def test_a_holder_that_has_not_said_who_it_is(tmp_path):
    path = tmp_path / "lock"
    with locked(path):
        path.write_bytes(b"")
        with pytest.raises(CommandError, match="in use by another process"), locked(path):
            pass


def test_without_fcntl_the_lock_is_that_of_windows(tmp_path, monkeypatch):
    class Msvcrt:
        LK_NBLCK = 2
        is_free = True

        def locking(self, number, mode, n_bytes):
            if not self.is_free:
                raise OSError("held")
            self.is_free = False

    module = Msvcrt()

    def imported(name):
        if name == "fcntl":
            raise ImportError(name)
        return module

    monkeypatch.setattr(_lock, "import_module", imported)
    with locked(tmp_path / "lock"), pytest.raises(CommandError), locked(tmp_path / "lock"):
        pass


# -- who else is told ------------------------------------------------------------------------------


def test_metrics_are_a_file_for_prometheus(job, days):
    path = job.folder / "job.prom"
    job.begin(days(0, 300), "--id", "id", "--metrics", path)
    assert "job_score" not in path.read_text()
    job("predict", days(300, 7), "--metrics", path)
    assert 'skretrain_pending_labels{name="state"} 7\n' in path.read_text()
    job("step", days(300, 7), "--metrics", path)
    lines = dict(line.rsplit(" ", 1) for line in path.read_text().splitlines() if line[0] != "#")
    record = job.record
    assert lines['skretrain_job_commands_total{name="state"}'] == "3"
    assert lines['skretrain_job_last_exit_code{name="state"}'] == "0"
    shown = float(lines['skretrain_job_score{name="state"}'])
    assert shown == pytest.approx(record["score"]["value"])
    at = pd.Timestamp(record["at"]).timestamp()
    assert float(lines['skretrain_job_last_timestamp_seconds{name="state"}']) == at


@pytest.mark.no_cover
def test_a_folder_of_any_name_has_a_page_of_metrics(job, days):
    path = job.folder / "job.prom"
    job.begin(days(0, 300))
    job.state = job.state.rename(job.state.with_name('of "us"'))
    job("step", days(300, 7), "--metrics", path)
    assert 'skretrain_job_commands_total{name="of \\"us\\""} 2\n' in path.read_text()
    assert 'name="of "us' not in path.read_text()


@pytest.mark.no_cover
def test_what_cannot_be_told_is_an_error_and_the_state_is_written(job, days, monkeypatch):
    job.begin(days(0, 300))
    monkeypatch.setattr(_tell, "track", _fails)
    rows = job.written(days(300, 50))
    assert job("step", rows, "--metrics", "no/a.prom", "--mlflow", "http://nowhere") == 1
    assert "the state is written, and not written was no/a.prom: " in job.err
    assert "http://nowhere: it does not answer." in job.err
    assert job.record["number"] == 2
    assert job("step", rows, "--metrics", "a.prom") == 0


def _fails(job, uri):
    raise ConnectionError("it does not answer")


def test_without_mlflow_the_extra_is_named(job, days, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert job.begin(days(0, 300), "--mlflow", "sqlite:///a.db") == 1
    assert "--mlflow needs mlflow" in job.err


def test_a_module_that_is_elsewhere_is_named_and_where_it_is_looked_for(job, days, monkeypatch):
    (job.folder / "own_class.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\nclass Own(GaussianNB):\n    pass\n"
    )
    command = ["--target", "y", "--id", "id", "--raw", "--estimator", "own_class:Own"]
    assert job("init", days(0, 300), *command) == 0
    elsewhere = job.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(job.folder)])
    monkeypatch.delitem(sys.modules, "own_class")
    assert job("status") == 2
    assert "No module named 'own_class'. Modules of one's own are looked for in" in job.err
    assert str(elsewhere) in job.err
