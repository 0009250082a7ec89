"""The folder of a daily job: one file that is its state, and what is made of that beside it."""

import hashlib
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..serving import load, save
from ..serving._pending_labels import version_of
from ..utils._files import write_whole
from ._errors import CommandError, NotWritten, as_sentence, first_line
from ._estimators import look_in_working_folder
from ._lock import locked
from ._versions import followed

STATE, LOG, LOCK, VERSIONS, PREDICTIONS = (
    "state.skretrain",
    "log.jsonl",
    "lock",
    "versions",
    "predictions",
)
# skops takes two seconds to import, as long as all else, and guards nothing here: the versions
# beside the state are pickles, and whoever can write there is trusted anyway.
SERIALIZER = "pickle"
_REMEMBERED = 200  # files of which it is known what they led to
_KEPT = 30  # files of predictions


class Job:
    """What a daily job has learned, and its folder.

    The state is one file, written in one step: that is the moment at which a command has happened.
    What else is in the folder is made of it, now or by the next command if this one is killed.

    Parameters
    ----------
    folder : Path
        Where it is.
    content : dict
        ``settings``, what was said when it began; ``types`` of the columns; ``ledger``, the
        PendingLabels that hold the model; ``results`` of the latest files by what they hold;
        ``number`` of commands so far; ``promoted``, which version serves since when.
    """

    def __init__(self, folder, content):
        self.folder = folder
        self.content = content
        self._versions = None

    @property
    def settings(self):
        """What was said when the job began, a dict."""
        return self.content["settings"]

    @property
    def ledger(self):
        """The predictions, and those that wait for labels."""
        return self.content["ledger"]

    @property
    def model(self):
        """The retrainer."""
        return self.ledger.model

    @property
    def name(self):
        """What the folder is called."""
        return self.folder.resolve().name

    @property
    def versions(self):
        """The store of the models that served, which keeps those to come; None for a mixture."""
        if self._versions is None:
            self._versions = followed(self.model, self.folder / VERSIONS)
        return self._versions

    @property
    def version(self):
        """Number of the version that serves."""
        return version_of(self.model)

    @property
    def n_pending(self):
        """Rows that wait for a label; without ids, none is found again."""
        return 0 if self.settings["id"] is None else len(self.ledger)

    @property
    def serving_model(self):
        """What predicts now, without what keeps it fresh; of a mixture, all of it."""
        return getattr(self.model, "estimator_", self.model)

    @property
    def last(self):
        """What the latest command led to, a dict."""
        return next(reversed(self.content["results"].values()))

    @property
    def last_time(self):
        """When that was, in seconds since 1970."""
        return datetime.fromisoformat(self.last["record"]["at"]).timestamp()

    def result_of(self, digest):
        """Return what a file led to, if it was there already, else None."""
        return self.content["results"].get(digest)

    def commit(self, digest, result):
        """Write the state with a result; that is when the command has happened.

        Parameters
        ----------
        digest : str
            Of the file that led to it.
        result : dict
            ``code``, with which the command ends, ``lines`` that it prints, and ``record``, what
            happened; that gets its number, the version that serves, and the time.
        """
        content, results = self.content, self.content["results"]
        content["number"] += 1
        record = result["record"]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if content["promoted"]["version"] != self.version:
            content["promoted"] = {"version": self.version, "at": now}
        order = {"number": content["number"], "command": record.pop("command"), "at": now}
        result["record"] = order | {"version": self.version, "code": result["code"]} | record
        results.pop(digest, None)
        results[digest] = result
        for oldest in list(results)[: max(len(results) - _REMEMBERED, 0)]:
            del results[oldest]
        with _writable(self.folder):
            save(content, self.folder / STATE, serializer=SERIALIZER)
        self.catch_up()

    def catch_up(self):
        """Write what stands beside the state, unless it is there already."""
        try:
            _ = self.versions  # which keep the one that serves
            _log(self.folder / LOG, self.last["record"])
        except OSError as error:
            raise NotWritten(
                f"the state is written, and {error.filename or self.folder} could not be: "
                f"{error.strerror or first_line(error)}. The next command writes it."
            ) from error

    def predictions(self, digest):
        """Return the path of the predictions of a file."""
        return self.folder / PREDICTIONS / f"{digest}.csv"

    def keep_predictions(self, digest, text):
        """Write the predictions of a file, and let go of the oldest."""
        path = self.predictions(digest)
        with _writable(self.folder):
            path.parent.mkdir(exist_ok=True)
            write_whole(path, text.encode())
        known = list(self.content["results"])
        others = [one for one in path.parent.glob("*.csv") if one != path]
        # Those of files that nobody remembers first, then the oldest.
        others.sort(key=lambda one: known.index(one.stem) if one.stem in known else -1)
        for one in others[: max(len(others) + 1 - _KEPT, 0)]:
            one.unlink()


@contextmanager
def _writable(folder):
    """Say of an error of the disk that nothing was changed: the state is written last."""
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{folder} could not be written, and nothing was changed: "
            f"{error.strerror or first_line(error)}."
        ) from error


@contextmanager
def opened(arguments):
    """Yield the Job in the folder of a command, while no other process can change it."""
    folder = Path(arguments.state)
    check_is_job(folder)
    with locked(folder / LOCK, arguments.wait):
        for part in folder.rglob(".*.part"):  # of a process that was killed
            part.unlink()
        job = read_job(folder)
        job.catch_up()
        yield job


def read_job(folder):
    """Return the Job in a folder as it is now."""
    check_is_job(folder)
    path = folder / STATE
    look_in_working_folder()  # where the classes of the model may be
    try:
        content = load(path, trusted=True)
    except ModuleNotFoundError as error:
        raise CommandError(
            f"{path} could not be read: {as_sentence(error)} Modules of one's own are looked for "
            f"in the working folder ({Path.cwd()}): run the command where they are, or install "
            "them."
        ) from error
    except Exception as error:  # what a model needs may be gone, and its file damaged
        raise CommandError(f"{path} could not be read: {as_sentence(error)}") from error
    if not isinstance(content, dict) or "settings" not in content:
        raise CommandError(f"{path} holds no daily job; `skretrain init` makes one.")
    return Job(folder, content)


def check_is_job(folder):
    """Refuse a folder without a state."""
    if not (folder / STATE).is_file():
        raise CommandError(
            f"{folder} holds no {STATE}; make it with `skretrain init {folder} HISTORY.csv "
            "--target COL`, or check the path."
        )


def digest_of(command, path):
    """Return what stands for the content of a file, and for what is to be done with it."""
    path, found = Path(path), hashlib.sha256(command.encode() + b"\n")
    try:
        for part in _contents(path):
            found.update(part)
    except OSError as error:
        raise CommandError(f"{path} could not be read: {error.strerror}.") from error
    return found.hexdigest()


def _contents(path):
    """Yield the bytes of a file part by part, or the names and bytes of all files of a folder."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield f"{file.relative_to(path)}\n{file.stat().st_size}\n".encode()
                yield from _contents(file)
        return
    with open(path, "rb") as file:
        while part := file.read(2**20):
            yield part


def digest_of_text(text):
    """Return what stands for a command without a file."""
    return hashlib.sha256(text.encode()).hexdigest()


def _log(path, record):
    """Let a record be the last line of a file, once; half a line of a killed process goes."""
    line = json.dumps(record).encode() + b"\n"
    with open(path, "a+b") as file:
        file.seek(0)
        lines = file.read()
        whole = lines.rfind(b"\n") + 1
        last = lines[lines.rfind(b"\n", 0, whole - 1) + 1 : whole] if whole else b""
        if last == line:
            return
        file.truncate(whole)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
