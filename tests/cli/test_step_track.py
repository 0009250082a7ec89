"""``--mlflow``: what is logged of a job, once, whenever a process was stopped between."""

import sys
from collections import defaultdict
from types import ModuleType, SimpleNamespace

import pytest
from sklearn.naive_bayes import GaussianNB


class Server:
    """What a client of MLflow does, in memory."""

    def __init__(self):
        self.runs, self.metrics = [], defaultdict(list)
        self.versions, self.aliases, self.models = [], {}, []
        self.fails = set()

    def _act(self, name):
        if name in self.fails:
            raise ConnectionError(f"{name} failed")

    def search_runs(self, experiments, query, max_results):
        name = query.split("'")[1]
        return [run for run in self.runs if name in run.tags.values()]

    def create_run(self, experiment, *, tags, run_name):
        run = SimpleNamespace(info=SimpleNamespace(run_id=str(len(self.runs))), tags=tags)
        self.runs.append(run)
        return run

    def get_metric_history(self, run, name):
        return [SimpleNamespace(step=step) for step, _ in self.metrics[run, name]]

    def log_metric(self, run, name, value, *, step):
        self._act(name)
        self.metrics[run, name].append((step, value))

    def search_model_versions(self, query):
        return self.versions

    def get_registered_model(self, name):
        return SimpleNamespace(aliases=self.aliases)

    def set_registered_model_alias(self, name, alias, version):
        self._act("alias")
        self.aliases[alias] = version


@pytest.fixture
def server(monkeypatch):
    """An MLflow that lives in memory."""
    server, mlflow = Server(), ModuleType("mlflow")

    class Run:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return False

    def log_model(model, *, name, serialization_format, metadata):
        server._act("model")
        server.models.append((name, model))
        return SimpleNamespace(model_uri=f"models:/{name}")

    def register_model(source, name, *, tags):
        version = SimpleNamespace(version=str(len(server.versions) + 1), tags=tags, name=name)
        server.versions.append(version)
        return version

    mlflow.set_tracking_uri = lambda uri: None
    mlflow.set_experiment = lambda name: SimpleNamespace(experiment_id=name)
    mlflow.MlflowClient = lambda tracking_uri: server
    mlflow.start_run = lambda run_id: Run()
    mlflow.sklearn = SimpleNamespace(log_model=log_model)
    mlflow.register_model = register_model
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    return server


TOLD = ("--mlflow", "sqlite:///a.db")


@pytest.mark.no_cover
def test_each_step_is_logged_once_and_each_model_that_serves(server, job, days, make_refitted):
    job.begin(days(0, 300), *TOLD, model=make_refitted(GaussianNB()))
    rows = job.written(days(300, 100, sign=-1))
    for _ in range(2):
        assert job("step", rows, *TOLD) == 10
    record = job.record
    assert server.metrics["0", "accuracy"] == [(2, record["score"]["value"])]
    assert server.metrics["0", "served_loss"] == [(2, record["served"]["loss"])]
    assert server.metrics["0", "rows_seen"] == [(1, 300), (2, 400)]
    assert [name for name, _ in server.models] == ["version-1", "version-2"]
    assert server.aliases == {"champion": "2"}
    assert (server.models[1][1].theta_ == job.job.model.estimator_.theta_).all()
    job("rollback", *TOLD)
    assert server.aliases == {"champion": "3"}


@pytest.mark.parametrize("fault", ["accuracy", "rows_seen", "model", "alias"])
def test_what_failed_is_made_up_for_by_the_next_command(fault, server, job, days):
    job.begin(days(0, 300), "--id", "id")
    rows = job.written(days(300, 100, sign=-1))
    server.fails = {fault}
    assert job("step", rows, *TOLD) == 1
    assert f"{fault} failed" in job.err
    server.fails = set()
    assert job("step", rows, *TOLD) == 10
    assert {step for step, _ in server.metrics["0", "accuracy"]} == {2}
    assert server.metrics["0", "rows_seen"] == [(1, 300), (2, 400)]
    assert len(server.versions) == 1
    assert server.aliases == {"champion": "1"}


@pytest.mark.no_cover
def test_a_job_that_is_begun_anew_has_a_run_of_its_own(server, job, days):
    job.begin(days(0, 300), *TOLD)
    job.begin(days(0, 200), *TOLD, "--force")
    assert len(server.runs) == 2
    assert server.aliases == {"champion": "2"}


def test_steps_without_labels_are_logged_without_a_score(server, job, days):
    job.begin(days(0, 300), "--id", "id", *TOLD)
    job("step", days(300, 10).assign(y=None), *TOLD)
    assert not server.metrics["0", "accuracy"]
    assert server.metrics["0", "pending"] == [(2, 10)]


@pytest.mark.no_cover
def test_what_a_command_says_comes_after_what_mlflow_prints(server, job, days):
    """The last line is what a scheduler reads, also of a stream that has all that is printed."""
    find = server.search_runs

    def talkative(*arguments, **options):
        sys.stdout.write("Successfully registered\n")
        return find(*arguments, **options)

    server.search_runs = talkative
    rows = days(300, 100, sign=-1)
    assert job.begin(days(0, 300), *TOLD) == 0
    for command in (["init"], ["step", rows], ["rollback"]):
        if command != ["init"]:
            job(*command, *TOLD)
        assert "Successfully registered" in job.out
        assert job.record["command"] == command[0]
