"""A daily job that is killed: whatever was half done, the same command ends in the same state."""

import json
import os
import random
import shutil
import signal
import sys
import time

import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain.cli import main
from skretrain.cli._job import read_job
from skretrain.cli._versions import followed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")

CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate")


class Child:
    """A forked process that runs a command, and is killed before one of its acts on files."""

    def __init__(self, folder, command, kill_at=None):
        self.folder, self.kill_at = str(folder), kill_at
        read, write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            self._run(command, write)
        os.close(write)
        with os.fdopen(read) as file:
            self.acts = file.read().splitlines()
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)

    def _run(self, command, write):
        """Run the command in the child, telling each act, and never return."""
        n_acts = 0

        def before(event, arguments):
            nonlocal n_acts
            if event not in CHANGES or not str(arguments[0]).startswith(self.folder):
                return
            if n_acts == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            n_acts += 1
            path = arguments[1] if event == "os.rename" else arguments[0]
            os.write(write, f"{event} {os.path.basename(path)}\n".encode())

        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        sys.addaudithook(before)
        code = 99
        try:
            code = main(command)
        finally:
            os._exit(code)


def without_clocks(value):
    """Return what was recorded without what a second run does at another time."""
    if isinstance(value, dict):
        clocks = ("at", "seconds", "cpu_seconds", "wall_seconds", "time", "threads")
        return {key: without_clocks(item) for key, item in value.items() if key not in clocks}
    return [without_clocks(item) for item in value] if isinstance(value, list | tuple) else value


def all_of(state, probe):
    """Return everything that a folder holds, apart from clocks."""
    job = read_job(state)
    content = {key: item for key, item in job.content.items() if key != "ledger"}
    for result in content["results"].values():
        result["record"] = without_clocks(result["record"])
    store = followed(job.model, state / "versions")
    lines = (state / "log.jsonl").read_text().splitlines()
    predictions = sorted((state / "predictions").glob("*"))
    return {
        "content": without_clocks(content),
        "events": without_clocks(job.model.events_.to_records()),
        "says": job.model.predict_proba(probe).tolist(),
        "waiting": job.ledger.pending_ids_.tolist(),
        "served": job.ledger.score_["all"],
        "versions": [without_clocks(one._asdict()) for one in store if one.version <= job.version],
        "models": [store.model(one.version).predict_proba(probe).tolist() for one in store],
        "log": [without_clocks(json.loads(line)) for line in lines],
        "predictions": [path.read_bytes() for path in predictions],
        "metrics": (state.parent / "metrics.prom").read_text().count("\n"),
        "files": sorted(path.name for path in state.rglob("*")),
    }


@pytest.fixture
def killable(job, days, make_refitted, tmp_path):
    """Prepare a step that retrains; return what runs it, and what it ends in."""
    job.begin(days(0, 300), "--id", "id", model=make_refitted(GaussianNB()))
    job("predict", days(300, 100))
    rows = job.written(days(300, 200, sign=-1))
    backup = tmp_path / "backup"
    shutil.copytree(job.state, backup)
    probe = days(9000, 20)[["a", "b", "c"]]
    command = ["step", str(job.state), str(rows), "--metrics", str(tmp_path / "metrics.prom")]

    def run(kill_at=None, command=command):
        shutil.rmtree(job.state)
        shutil.copytree(backup, job.state)
        return Child(tmp_path, command, kill_at)

    whole = run()
    assert whole.code == 10
    return run, whole.acts, lambda: all_of(job.state, probe), command


def test_a_step_that_is_killed_and_run_again_ends_as_one_that_was_not(killable):
    """Before the state is written, right after it, and before the last file."""
    run, acts, everything, command = killable
    expected = everything()
    commit = acts.index("os.rename state.skretrain")
    for kill_at in (commit, commit + 1, len(acts) - 1):
        assert run(kill_at).code == -signal.SIGKILL
        assert main(command) == 10
        assert everything() == expected


@pytest.mark.no_cover
def test_another_file_after_a_kill_finds_everything_in_order(killable, job, days):
    run, acts, _, _ = killable
    commit = acts.index("os.rename state.skretrain")
    assert run(commit + 1).code == -signal.SIGKILL
    assert len(job.log) == 2
    job("step", days(700, 50, sign=-1))
    assert [line["number"] for line in job.log] == [1, 2, 3, 4]
    assert job.job.version == 2
    job("status")
    assert "versions 1, 2" in job.out


@pytest.mark.no_cover
def test_half_a_line_of_a_log_is_written_anew(job, days):
    job.begin(days(0, 300))
    job("step", days(300, 50))
    log = job.state / "log.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    job("predict", days(350, 5))
    job("step", days(350, 50))
    assert log.read_bytes().startswith(whole)
    assert [line["number"] for line in job.log] == [1, 2, 3]


@pytest.mark.slow
def test_a_step_may_be_killed_before_any_of_its_acts(killable):
    run, acts, everything, command = killable
    expected = everything()
    for kill_at in range(len(acts)):
        assert run(kill_at).code == -signal.SIGKILL
        assert main(command) == 10
        assert everything() == expected, acts[kill_at]


@pytest.mark.slow
def test_a_step_may_be_killed_at_any_time(killable, job):
    run, _, everything, command = killable
    expected, rng = everything(), random.Random(0)
    begin = time.monotonic()
    run()
    seconds = time.monotonic() - begin
    for _ in range(50):
        run(0)  # the folder as it was before
        pid = os.fork()
        if not pid:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            os._exit(main(command))
        time.sleep(seconds * rng.random())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert main(command) == 10
        assert everything() == expected


@pytest.mark.slow
def test_a_month_in_which_every_process_is_killed_once_ends_as_one_without(job, days, tmp_path):
    """LightGBM, 30 days, labels of 60 % of the rows two weeks late, a threshold from costs."""
    lightgbm = pytest.importorskip("lightgbm")
    base = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, random_state=0, verbose=-1)
    model, rng = make_pipeline(StandardScaler(), base), random.Random(0)
    costs = ["--cost-matrix", "yes>no=5,no>yes=1"]
    assert job.begin(days(0, 600), "--id", "id", *costs, model=model) == 0
    calm, metrics = tmp_path / "calm", tmp_path / "metrics.prom"
    metrics.touch()
    shutil.copytree(job.state, calm)
    probe, codes = days(9000, 20)[["a", "b", "c"]], []

    def both(command, rows):
        path = str(job.written(rows))
        code = main([command, str(calm), path])
        again = [command, str(job.state), path]
        Child(job.state, again, kill_at=rng.randrange(5, 30))
        assert main(again) == code
        codes.append(code)

    for day in range(30):
        sign = 1 if day < 6 else -1
        rows = days(1000 + 100 * day, 100, sign=sign)
        both("predict", rows.drop(columns="y"))
        if day >= 14:
            late = day - 14
            rows = days(1000 + 100 * late, 100, sign=1 if late < 6 else -1)
            both("step", rows[["id", "y"]].sample(60, random_state=late))
        if day == 25:
            assert main(["rollback", str(calm)]) == job("rollback") == 0
    assert 10 in codes
    ends = [all_of(state, probe) for state in (calm, job.state)]
    assert ends[0] == ends[1]
    assert len(ends[0]["waiting"]) == 30 * 100 - 16 * 60
