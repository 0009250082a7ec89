"""A daily job in MLflow: a run with the metrics of each step, and the models that serve."""

import json

from ..utils._optional import import_optional

_ALIAS = "champion"
_VERSION = "skretrain.version"  # tags, of a registered model and of a run
_NAME = "skretrain.job"


def track(job, uri):
    """Log what a job did since the last time, and the model that serves, which is the champion.

    What is there already is not logged again, so that this may be repeated at any time.

    Parameters
    ----------
    job : Job
        The job; the registered model and the experiment have its name.
    uri : str
        Of the tracking server, or of a local store such as ``sqlite:///mlflow.db``.
    """
    mlflow = import_optional("mlflow", caller="--mlflow", extra="integration")
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = mlflow.set_experiment(job.name).experiment_id
    run = _run(client, experiment, job)
    _log_steps(client, run, job)
    _log_model(mlflow, client, run, job)


def _run(client, experiment, job):
    """Return the id of the run of a job; a job that is begun anew has a run of its own."""
    name = job.content["began"]
    found = client.search_runs([experiment], f"tags.`{_NAME}` = '{name}'", max_results=1)
    run = found[0] if found else client.create_run(experiment, tags={_NAME: name}, run_name=name)
    return run.info.run_id


def _log_steps(client, run, job):
    history = client.get_metric_history(run, "rows_seen")
    latest = max((point.step for point in history), default=0)
    for result in job.content["results"].values():
        record = result["record"]
        if record["number"] > latest:
            for name, value in _metrics(record).items():
                client.log_metric(run, name, value, step=record["number"])


def _metrics(record):
    """Return the numbers of a record by name; the last is logged last, when all others are."""
    found = {"version": record["version"], "exit_code": record["code"]}
    score = record.get("score")
    if score is not None and score["value"] is not None:
        found[score["name"].replace(" ", "_").replace("'", "")] = score["value"]
    for name in ("rows", "labelled", "learned", "alarms", "pending", "seconds"):
        if name in record:
            found[name] = record[name]
    loss = record.get("served", {}).get("loss")
    if loss is not None:
        found["served_loss"] = loss
    return found | {"rows_seen": record["rows_seen"]}


def _log_model(mlflow, client, run, job):
    """Register the model that serves, unless that is done, and make it the champion."""
    name, version = job.name, f"{job.content['began']}/{job.version}"
    known = client.search_model_versions(f"name='{name}'")
    numbers = [one.version for one in known if one.tags.get(_VERSION) == version]
    if not numbers:
        source = _logged(mlflow, run, job)
        numbers = [mlflow.register_model(source, name, tags={_VERSION: version}).version]
    champion = client.get_registered_model(name).aliases.get(_ALIAS)
    if str(champion) != str(numbers[0]):
        client.set_registered_model_alias(name, _ALIAS, numbers[0])


def _logged(mlflow, run, job):
    """Log the model that serves, and return where it is."""
    with mlflow.start_run(run_id=run):
        return mlflow.sklearn.log_model(
            job.serving_model,
            name=f"version-{job.version}",
            serialization_format="cloudpickle",
            metadata={"settings": json.dumps(job.settings)},
        ).model_uri
