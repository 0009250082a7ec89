"""``skretrain predict``: what the model of a daily job says of new rows."""

from pathlib import Path

from ..utils._files import write_whole
from ..utils._words import counted
from ._console import Plain, say
from ._errors import CommandError, NotWritten, as_sentence, first_line, needed, refusals
from ._job import digest_of, opened, read_job
from ._learning import Before, remembered, watch
from ._new_rows import new_rows
from ._step import add_wait
from ._tell import add_told, tell

_DESCRIPTION = """\
Predict the rows of NEW with the model of STATE that serves now. Where the job
has an id (skretrain init --id), the rows wait in STATE for their labels, and
are shown to the triggers that need none; without, nothing is changed.
"""

_EPILOG = """\
output, a CSV file (--out) or the standard output:
  the id, if there is one; prediction; P(class) for each class, where the model
  gives probabilities; and version, which of the models of the job it was.
  The same file twice gives the same predictions, as long as it is remembered.

exit codes:
  0    done
  20   labels are wanted: the rows have moved
  1    done, and something beside the state could not be written; run it again
  2    a mistake in the call or in a file, or the state is in use; nothing was
       changed

examples:
  skretrain predict churn/ today.csv --out today-predicted.csv
  skretrain predict churn/ today.csv | mail -s today sales@example.org
"""

PAGE = (_DESCRIPTION, _EPILOG)


def add_arguments(parser):
    """Declare the arguments of the command."""
    add = parser.add_argument
    add("state", metavar="STATE", help="folder of the job, as skretrain init made it")
    add("new", metavar="NEW", help="table of the rows: .csv, .tsv, .parquet or .pq")
    add("--out", metavar="FILE", help="where to write the predictions (standard output)")
    add_wait(add)
    add_told(add)


def main(arguments):
    """Run the command, and return its exit code."""
    console = Plain()
    job = read_job(Path(arguments.state))
    if job.settings["id"] is None:
        rows = new_rows(arguments.new, job, has_labels=False)
        text, code, lines = _table(rows, job, arguments.new), 0, _lines(rows, job)
    else:
        with opened(arguments) as job:
            digest = digest_of("predict", arguments.new)
            result = job.result_of(digest)
            if result is None:
                result = _predicted(job, arguments, digest)
                job.commit(digest, result)
            path, code, lines = job.predictions(digest), result["code"], result["lines"]
            if not path.exists():
                raise CommandError(
                    f"{arguments.new} was predicted before, and {path} is there no more; bring "
                    "rows with other ids."
                )
            text = path.read_text()
            tell(job, arguments, console)
    _write(text, lines, arguments.out, console)
    return code


def _predicted(job, arguments, digest):
    before = Before(job.model)
    rows = new_rows(arguments.new, job, has_labels=False)
    text = _table(rows, job, arguments.new)
    try:
        _, is_new = remembered(rows, job)
        watch(rows.features[is_new], job, some_lack_labels=True)
    except refusals(is_own=True) as error:  # the model may be the user's own
        raise CommandError(f"{arguments.new}: {as_sentence(error)}") from error
    record = {
        "command": "predict",
        "file": Path(arguments.new).name,
        "rows": len(rows),
        "rows_seen": job.model.n_samples_seen_,
        **before.news(job.model),
        "pending": job.n_pending,
    }
    n_held = len(rows) - int(is_new.sum())
    if n_held:
        rows.notices.append(
            f"{counted(n_held, 'row')} with an id that is held keep what was predicted first"
        )
    job.keep_predictions(digest, text)
    code = before.code(job.model)
    return {"code": code, "lines": _lines(rows, job), "record": record}


def _lines(rows, job):
    said = f"{counted(len(rows), 'row')} predicted by version {job.version}"
    return [*(f"note: {notice}" for notice in rows.notices), said]


def _table(rows, job, path):
    """Return the predictions as the text of a CSV file."""
    model, X = job.model, rows.features
    columns = {} if rows.ids is None else {job.settings["id"]: rows.ids}
    try:
        columns["prediction"] = model.predict(X)
        if hasattr(model, "predict_proba"):
            shares = model.predict_proba(X)
            columns |= {f"P({label})": shares[:, k] for k, label in enumerate(model.classes_)}
    except refusals(is_own=True) as error:  # the model may be the user's own
        raise CommandError(f"{path}: {as_sentence(error)}") from error
    columns["version"] = job.version
    return needed("pandas").DataFrame(columns).to_csv(index=False, lineterminator="\n")


def _write(text, lines, out, console):
    """Write predictions to a file, or print them and nothing else."""
    if out is None:
        console.file.write(text)
        console.file.flush()
        return
    try:
        write_whole(out, text.encode())
    except OSError as error:
        raise NotWritten(
            f"the rows are predicted, and {out} could not be written: "
            f"{error.strerror or first_line(error)}."
        ) from error
    for line in lines:
        say(console, line)
