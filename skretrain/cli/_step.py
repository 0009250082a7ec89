"""``skretrain step``: one day of a model in service: test on the new rows, learn, decide, save."""

import json
import time
from pathlib import Path

import numpy as np

from ..utils._words import counted
from ._columns import some
from ._console import Plain, non_negative
from ._errors import CommandError
from ._job import digest_of, opened
from ._learning import FAILED, RETRAINED, ROLLED_BACK, WANTS_LABELS, Before, learn, served
from ._memory import WholeRoom, size
from ._new_rows import new_rows
from ._tell import add_told, tell

_DESCRIPTION = """\
One day of a model in service. The model of STATE is tested on the rows of NEW
whose target is known, and learns from them; it is retrained where that is due,
and all is saved. The same file twice changes nothing, and prints and ends as it
did the first time.
"""

_EPILOG = f"""\
exit codes, for a scheduler:
  0    kept, or updated
  {RETRAINED}   retrained: another model serves
  {WANTS_LABELS}   labels are wanted: rows without labels have moved
  {ROLLED_BACK}   rolled back: a promotion was taken back
  {FAILED}   an update or a retrain failed; the model serves as before
  1    done, and something beside the state could not be written; run it again
  2    a mistake in the call or in a file, or the state is in use; nothing was
       changed

the file:
  The columns that the job began with, and the target, which may be empty where
  it is not known yet. Such rows are shown to the triggers that need no labels;
  with an id (skretrain init --id), they wait for their labels. A file with only
  the id and the target brings labels of rows that wait, in any order.

output:
  A line for people, and, as the last line, a JSON object, which is also the
  last line of log.jsonl in STATE.

examples:
  skretrain step churn/ monday.csv
  skretrain step churn/ late-labels.csv --metrics /var/lib/node_exporter/a.prom
"""

PAGE = (_DESCRIPTION, _EPILOG)


def add_arguments(parser):
    """Declare the arguments of the command."""
    add = parser.add_argument
    add("state", metavar="STATE", help="folder of the job, as skretrain init made it")
    add("new", metavar="NEW", help="table of the new rows: .csv, .tsv, .parquet, .pq or a folder")
    add("--target", metavar="COL", help="column to predict (that of skretrain init)")
    add(
        "--ignore-unknown",
        action="store_true",
        help="leave out labels of rows that are not held: never predicted, or too long ago",
    )
    add(
        "--max-memory",
        type=size,
        metavar="SIZE",
        help="about how much memory it may take, such as 500MB or 2GB: a file with more rows than "
        "there is room for is refused, and nothing is changed",
    )
    add_wait(add)
    add_told(add)


def add_wait(add):
    """Declare the option that says how long to wait for another process."""
    add(
        "--wait",
        type=non_negative,
        default=0.0,
        metavar="SECONDS",
        help="how long to wait while another process uses the state (0)",
    )


def main(arguments):
    """Run the command, and return its exit code."""
    console = Plain()
    with opened(arguments) as job:
        _check_target(arguments, job)
        digest = digest_of("step", arguments.new)
        result = job.result_of(digest)
        if result is None:
            result = stepped(job, arguments)
            job.commit(digest, result)
        tell(job, arguments, console, [*result["lines"], json.dumps(result["record"])])
    return result["code"]


def _check_target(arguments, job):
    target = job.settings["target"]
    if arguments.target not in (None, target):
        raise CommandError(
            f"--target {arguments.target!r}, but the job began with {target!r}; leave it out, or "
            "begin another job."
        )


def stepped(job, arguments):
    """Let the job learn from a file, and return what came of it; nothing is written."""
    begin, before = time.perf_counter(), Before(job.model)
    most = arguments.max_memory
    room = None if most is None else WholeRoom(most)
    rows = new_rows(arguments.new, job, has_labels=True, room=room)
    n_left_out = 0 if rows.features is not None else _without_unknown(rows, job, arguments)
    score = learn(rows, job, arguments.new)
    record = {
        "command": "step",
        "file": Path(arguments.new).name,
        "rows": len(rows),
        "labelled": int(rows.is_known.sum()),
        "learned": job.model.n_samples_seen_ - before.n_seen,
        "rows_seen": job.model.n_samples_seen_,
        "score": score,
        "served": served(job),
        **before.news(job.model),
        "pending": job.n_pending,
        "seconds": round(time.perf_counter() - begin, 3),
    }
    notices = rows.notices
    if n_left_out:
        notices.append(f"{counted(n_left_out, 'label')} of rows that are not held left out")
    lines = [*(f"note: {notice}" for notice in notices), _line(record, job.version)]
    return {"code": before.code(job.model), "lines": lines, "record": record}


def _without_unknown(rows, job, arguments):
    """Take labels out whose rows nobody holds, and return how many; or refuse them."""
    status = job.ledger.status(rows.ids)
    is_unknown = (status == "unknown") & rows.is_known
    if is_unknown.any() and not arguments.ignore_unknown:
        names = [rows.ids[place] for place in np.flatnonzero(is_unknown)]
        raise CommandError(
            f"{arguments.new}: {counted(len(names), 'label')} of rows that were never predicted, "
            f"or too long ago: {some(names)}; leave them out, or give --ignore-unknown."
        )
    is_held = np.isin(status, ["pending", "resolved"])
    n_left_out = int((rows.is_known & ~is_held).sum())
    rows.labels = rows.labels[is_held[rows.is_known]]
    rows.is_known = rows.is_known & is_held
    return n_left_out


def _line(record, version):
    """Return what happened in one line."""
    said = [f"{counted(record['rows'], 'row')} ({record['labelled']:,} labelled)"]
    if record["score"] is not None:
        value = record["score"]["value"]
        said[0] += f", {record['score']['name']} "
        said[0] += "not defined" if value is None else f"{value:.4g}"
    said += [
        f"{event['action'].replace('_', ' ')}: {event['reason']}" for event in record["events"]
    ]
    if not record["events"]:
        said.append(next(iter(record["actions"]), "nothing to learn"))
    return "; ".join([*said, f"version {version} serves"])
