"""Who else hears of a daily job: Prometheus, by a file, and MLflow."""

from .. import serving
from ..utils._files import write_whole
from ._errors import NotWritten, as_sentence
from ._track import track


def add_told(add):
    """Declare the options that say who else is told."""
    add(
        "--metrics",
        metavar="FILE",
        help="write what the job is doing in the text format of Prometheus, for the textfile "
        "collector of its node exporter",
    )
    add(
        "--mlflow",
        metavar="URI",
        help="log to MLflow: metrics of each step, the models that serve, and the alias champion",
    )


def tell(job, arguments, console):
    """Write metrics, and log to MLflow, if that was asked for; none stops the other.

    Raises
    ------
    NotWritten
        If one of them failed; the state is as it is.
    """
    failed = []
    for target, act in ((arguments.metrics, _write_metrics), (arguments.mlflow, track)):
        if target is not None:
            try:
                act(job, target)
            except Exception as error:  # of a server, a disk or a package that is not there
                failed.append(f"{target}: {as_sentence(error)}")
    failed += console.file.failed
    if failed:
        raise NotWritten(f"the state is written, and not written was {' '.join(failed)}")


def _write_metrics(job, path):
    text = serving.prometheus_text(job.ledger, labels={"name": job.name})
    write_whole(path, (text + _of_commands(job)).encode())


def _of_commands(job):
    """Return what is known of the commands, as a page goes on."""
    record = job.last["record"]
    values = {
        "job_commands_total": ("counter", "Commands that have changed the job.", record["number"]),
        "job_last_exit_code": ("gauge", "Exit code of the last of them.", record["code"]),
        "job_last_timestamp_seconds": ("gauge", "When it ended.", job.last_time),
    }
    score = record.get("score")
    if score is not None and score["value"] is not None:
        values["job_score"] = ("gauge", "Score on the newest rows, unlearned.", score["value"])
    lines = []
    for name, (kind, what, value) in values.items():
        name = f"skretrain_{name}"
        lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
        lines.append(f'{name}{{name="{job.name}"}} {value:.10g}')
    return "".join(f"{line}\n" for line in lines)
