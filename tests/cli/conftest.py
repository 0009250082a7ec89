"""Small drifting files, and a way to run the command and read its table."""

import contextlib
import csv
import json

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import RingsWhenWrong
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.cli import _compare, _job, _pictures, _policies, main
from skretrain.cli._history import history_of
from skretrain.cli._job import read_job
from skretrain.model_selection._advise import _candidates, _evidence
from skretrain.policies import FullRefit


@pytest.fixture
def table():
    """A labelled stream of 600 rows with every kind of column; its concept changes at row 300."""
    rng = np.random.default_rng(0)
    n = 600
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=n, freq="h"),
            "temp": rng.normal(size=n),
            "city": rng.choice(["Rome", "Oslo", "[b]"], size=n),
            "const": 3.0,
            "holes": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "flag": rng.random(n) < 0.5,
        }
    )
    sign = np.where(np.arange(n) < 300, 1, -1)
    frame["label"] = np.where(frame.temp * sign + (frame.city == "Oslo") > 0, "yes", "no")
    frame["amount"] = 100 * frame.temp * sign + rng.normal(size=n)
    return frame


@pytest.fixture
def frauds():
    """2,400 rows with 4 % frauds, which are others from row 700 on."""
    rng = np.random.default_rng(0)
    is_fraud = rng.random(2400) < 0.04
    X = rng.normal(size=(2400, 4))
    X[:700, :2] += 2 * is_fraud[:700, None]
    X[700:, 2:] += 2 * is_fraud[700:, None]
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["kind"] = np.where(is_fraud, "fraud", "ok")
    return frame


@pytest.fixture
def history():
    """Make a history of a DataFrame as the command does."""

    def history_with(frame, target="label", **changes):
        options = {
            "name": "stream",
            "target": target,
            "time": None,
            "task": "auto",
            "estimator": "sgd",
            "batch": 50,
            "warm_up": 100,
            "label_delay": 0,
            "keep": [name for name in frame.columns if name != target],
        }
        return history_of(frame, **{**options, **changes})

    return history_with


@pytest.fixture
def only(monkeypatch):
    """Replay some of the default policies alone, within a ``with`` block."""

    @contextlib.contextmanager
    def only_these(names):
        every = _policies.default_policies

        def these(*args, **options):
            return {k: policy for k, policy in every(*args, **options).items() if k in names}

        with monkeypatch.context() as patch:
            patch.setattr(_policies, "default_policies", these)
            yield

    return only_these


@pytest.fixture
def run(tmp_path, capsys, monkeypatch, only):
    """Run ``skretrain compare`` on a DataFrame; return exit code, both outputs and the table.

    Pictures take most of the time of a small comparison, and are left out unless asked for; of
    what remains the policies do, so that a test of something else runs but a few.
    """

    def run_compare(
        frame, *options, name="stream.csv", pictures=False, quick=False, screens=False, **to_csv
    ):
        path = tmp_path / name
        if path.suffix == ".csv":
            frame.to_csv(path, index=False, **to_csv)
        else:
            frame.to_parquet(path)
        out = tmp_path / "out"
        with contextlib.ExitStack() as stack:
            patch = stack.enter_context(monkeypatch.context())
            if quick:
                stack.enter_context(only([_policies.NEVER, _policies.LOCATED]))
            if not pictures:
                patch.setattr(_compare, "draw", lambda *args, **kwargs: b"")
                patch.setattr(_compare, "pictures", lambda *args, **kwargs: [])
            # The clock of the fixture's stream is learned from, as a column of dates.
            kept = ["--keep=when"] if "when" in frame.columns and not screens else []
            command = ["compare", str(path), "--batch", "50", "--out", str(out)]
            code = main([*command, *kept, *options])
        printed = capsys.readouterr()
        rows = []
        if code == 0:
            with open(out / "compare.csv", newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        return code, printed.out, printed.err, rows

    return run_compare


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are made, but not rendered, which takes most of the time of a picture."""

    monkeypatch.setattr(_pictures, "_saved", lambda figure: b"a picture")


@pytest.fixture(autouse=True)
def _brief_advice(monkeypatch):
    """Advice learns from all rows at once, and draws few times: the library's tests do the rest."""
    monkeypatch.setattr(_candidates, "_shares", lambda case: [1.0])
    monkeypatch.setattr(_evidence, "_RESAMPLES", 20)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def days():
    """Make rows of a stream with ids and a concept of a sign, numbered from `start`."""

    def rows(start, n, *, sign=1, seed=0):
        rng = np.random.default_rng([seed, start])
        X = rng.normal(size=(n, 3))
        score = sign * X[:, 0] + 0.5 * X[:, 1] + 0.2 * rng.normal(size=n)
        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        frame.insert(0, "id", [f"{k:04d}" for k in range(start, start + n)])
        frame["y"] = np.where(score > 0, "yes", "no")
        return frame

    return rows


def refitted(estimator, **params):
    """Return a retrainer that refits at each batch of which it gets more than half wrong."""
    parts = {"detector": RingsWhenWrong(), "policy": FullRefit(grow=False), "random_state": 0}
    return DriftAwareRetrainer(estimator, **{**parts, **params})


_BEGUN = {}  # what a job prints and writes when it begins, by what it begins with


class JobRunner:
    """Run commands of a daily job in a folder, and read what they print."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.state = folder / "state"
        self.out = self.err = ""

    def __call__(self, command, *arguments):
        """Run a command on the state; return its exit code."""
        words = [str(self.written(one)) for one in arguments]
        self.capsys.readouterr()
        code = main([command, str(self.state), *words])
        self.out, self.err = self.capsys.readouterr()
        return code

    def written(self, argument):
        """Return an argument; of a data frame, the path of a file that holds it."""
        if not isinstance(argument, pd.DataFrame):
            return argument
        path = self.folder / f"{len(list(self.folder.glob('*.csv')))}.csv"
        argument.to_csv(path, index=False)
        return path

    def begin(self, history, *options, model=None, target="y"):
        """Begin the job, with a small model on bare columns that is refitted when it is wrong."""
        path = self.folder / "model.joblib"
        if model is None:
            model = refitted(GaussianNB())
        joblib.dump(model, path)
        options = ["--target", target, "--raw", *options]
        if not isinstance(history, pd.DataFrame) or {"--force", "--metrics", "--mlflow"} & set(
            options
        ):
            return self("init", history, "--model", path, *options)
        key = _job.SERIALIZER, repr(options), joblib.hash(model), history.to_csv()
        if key not in _BEGUN:
            code = self("init", history, "--model", path, *options)
            if code or self.err:
                return code
            _BEGUN[key] = self.out, self.bytes
        elif self.state.exists():
            return self("init", history, "--model", path, *options)
        self.out, files = _BEGUN[key]
        for name, content in files.items():
            (self.state / name).parent.mkdir(parents=True, exist_ok=True)
            (self.state / name).write_bytes(content)
        return 0

    @property
    def record(self):
        """What the last line of the output says."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def job(self):
        """The job as it lies there."""
        return read_job(self.state)

    @property
    def log(self):
        """The lines of the log."""
        return [json.loads(line) for line in (self.state / "log.jsonl").read_text().splitlines()]

    @property
    def bytes(self):
        """What all files of the folder hold, by name."""
        files = sorted(path for path in self.state.rglob("*") if path.is_file())
        return {str(path.relative_to(self.state)): path.read_bytes() for path in files}


@pytest.fixture
def make_refitted():
    """The function that makes such a retrainer."""
    return refitted


@pytest.fixture
def job(tmp_path, capsys, monkeypatch):
    """Run the commands of a daily job in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return JobRunner(tmp_path, capsys)
