"""``skretrain status`` and ``skretrain rollback``: how a daily job is doing, and one step back."""

import json
from datetime import UTC, datetime
from pathlib import Path

from .. import serving
from ..utils._words import counted
from ._console import Plain, say, say_facts, whole_number
from ._job import VERSIONS, digest_of_text, opened, read_job
from ._learning import Before, served
from ._step import add_wait
from ._tell import add_told, tell
from ._versions import known_versions, take_back

STATUS_PAGE = (
    """\
How a daily job is doing: which model serves since when and why, how good what
was served has been, and what waits. Nothing is changed, and nobody is waited
for.
""",
    """\
examples:
  skretrain status churn/
  skretrain status churn/ --json | jq .served.loss
""",
)
ROLLBACK_PAGE = (
    """\
Let a model that served before serve again, as a version of its own: the latest
before the one that serves now, or that of VERSION. What is on its way to
replace the model is given up, and detection begins anew.
""",
    """\
exit codes:
  0    done; a scheduler knows what it has asked for
  1    done, and something beside the state could not be written; run
       skretrain status to see which version serves
  2    there is no such version, or the state is in use; nothing was changed

examples:
  skretrain rollback churn/
  skretrain rollback churn/ 4
""",
)
_FITTED = ("retrained", "rolled_back")


def add_status_arguments(parser):
    """Declare the arguments of ``skretrain status``."""
    add = parser.add_argument
    add("state", metavar="STATE", help="folder of the job, as skretrain init made it")
    add("--json", action="store_true", help="print a JSON object instead of lines")


def add_rollback_arguments(parser):
    """Declare the arguments of ``skretrain rollback``."""
    add = parser.add_argument
    add("state", metavar="STATE", help="folder of the job, as skretrain init made it")
    add(
        "version",
        metavar="VERSION",
        nargs="?",
        type=whole_number(1),
        help="which one is to serve again (the one before)",
    )
    add_wait(add)
    add_told(add)


def status(arguments):
    """Run ``skretrain status``."""
    console = Plain()
    found = _status_of(read_job(Path(arguments.state)))
    if arguments.json:
        say(console, json.dumps(found))
    else:
        say_facts(console, _facts(found), [])


def _status_of(job):
    came = (
        (event.row, event.reason) for event in [*job.model.events_][::-1] if event.action in _FITTED
    )
    row, why = next(came, (0, ""))
    last, promoted = job.last["record"], job.content["promoted"]
    began = datetime.fromisoformat(promoted["at"])
    return {
        "model": type(job.model).__name__,
        "version": job.version,
        "since": promoted["at"],
        "age_days": round((datetime.now(UTC) - began).total_seconds() / 86_400, 2),
        "why": why,
        "rows_seen": job.model.n_samples_seen_,
        "rows_since": job.model.n_samples_seen_ - row,
        # Without one that follows the model: that keeps what is missing, and nobody has the lock.
        "versions": known_versions(serving.VersionStore(job.folder / VERSIONS), job.version),
        "served": served(job),
        "pending": job.n_pending,
        "on_trial": getattr(job.model, "challenger_", None) is not None,
        "last": {name: last[name] for name in ("number", "command", "file", "at", "code")},
    }


def _facts(found):
    last, score = found["last"], found["served"]
    facts = {
        "model": f"{found['model']}, version {found['version']} since {found['since']} "
        f"({found['age_days']:g} days)",
        "why": found["why"],
        "rows": f"{found['rows_seen']:,} seen, {found['rows_since']:,} since then",
        "served": "no label has come yet",
        "waiting": f"{counted(found['pending'], 'row')} for a label",
        "kept": f"versions {', '.join(map(str, found['versions'])) or 'none'}",
        "last": f"{last['command']} {last['file']} at {last['at']}, exit code {last['code']}",
    }
    if score["n"]:
        limits = "" if score["low"] is None else f" ({score['low']:.4g} to {score['high']:.4g})"
        facts["served"] = (
            f"{score['loss_of']} {score['loss']:.4g}{limits} on {counted(score['n'], 'row')}"
        )
    if found["on_trial"]:
        facts["waiting"] += "; a new model is on trial"
    return facts


def rollback(arguments):
    """Run ``skretrain rollback``."""
    console = Plain()
    with opened(arguments) as job:
        before, version = Before(job.model), job.version
        taken = take_back(job.versions, job.model, arguments.version, version)
        record = {
            "command": "rollback",
            "file": f"version {taken}",
            "rows": 0,
            "rows_seen": job.model.n_samples_seen_,
            **before.news(job.model),
            "pending": job.n_pending,
        }
        lines = [f"version {taken} serves again, as version {job.version}, instead of {version}"]
        digest = digest_of_text(f"rollback {job.content['number']}")
        job.commit(digest, {"code": 0, "lines": lines, "record": record})
        tell(job, arguments, console, [*lines, json.dumps(job.last["record"])])
