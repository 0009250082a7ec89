"""A daily job in a real MLflow, on a local store: metrics of each step, models, the champion."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain.cli import main
from skretrain.cli._job import read_job

mlflow = pytest.importorskip("mlflow", reason="needs mlflow, which is not installed")
lightgbm = pytest.importorskip("lightgbm", reason="needs lightgbm, which is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # MLflow and what it imports give many of their own
]


def rows(start, n, sign=1):
    rng = np.random.default_rng(start)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    return frame.assign(y=np.where(sign * frame.a + frame.b / 2 > 0, "yes", "no"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command of the job ``churn``, logged to a store of its own."""
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"

    def run_command(command, *arguments):
        words = []
        for one in arguments:
            if isinstance(one, pd.DataFrame):
                path = tmp_path / f"{command}-{len(list(tmp_path.glob('*.csv')))}.csv"
                one.to_csv(path, index=False)
                one = path
            words.append(str(one))
        return main([command, str(tmp_path / "churn"), *words, "--mlflow", uri])

    run_command.uri = uri
    yield run_command
    mlflow.set_tracking_uri(None)


def test_the_champion_is_the_model_that_serves(run, tmp_path):
    base = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, random_state=0, verbose=-1)
    joblib.dump(make_pipeline(StandardScaler(), base), tmp_path / "m.joblib")
    model = ["--raw", "--model", tmp_path / "m.joblib", "--policy", "since drift"]
    assert run("init", rows(0, 400), "--target", "y", *model) == 0
    code, start = 0, 400
    while code != 10:
        day = rows(start, 200, sign=-1)
        code, start = run("step", day), start + 200
    assert run("step", day) == 10
    client = mlflow.MlflowClient(tracking_uri=run.uri)
    (found,) = client.search_runs([client.get_experiment_by_name("churn").experiment_id])
    job = read_job(tmp_path / "churn")
    number = job.content["number"]
    history = client.get_metric_history(found.info.run_id, "accuracy")
    assert [point.step for point in history] == list(range(2, number + 1))
    assert history[-1].value == pytest.approx(job.last["record"]["score"]["value"])

    mlflow.set_tracking_uri(run.uri)
    champion = mlflow.sklearn.load_model("models:/churn@champion")
    probe = rows(9, 50)[["a", "b", "c"]]
    assert (champion.predict_proba(probe) == job.model.predict_proba(probe)).all()

    first = client.get_model_version_by_alias("churn", "champion").version
    assert run("rollback") == 0
    job = read_job(tmp_path / "churn")
    assert client.get_model_version_by_alias("churn", "champion").version != first
    champion = mlflow.sklearn.load_model("models:/churn@champion")
    assert (champion.predict_proba(probe) == job.model.predict_proba(probe)).all()
