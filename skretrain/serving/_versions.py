"""Versions of a model as records, and as files: a line that tells of them, and a pickle."""

import hashlib
import json
import pickle
from datetime import datetime
from typing import NamedTuple

import numpy as np

from .._retrainer._service import Serving
from ..utils._files import write_whole
from ..utils._params import is_integer


class ModelVersion(NamedTuple):
    """A model that came into service.

    Attributes
    ----------
    version : int
        Its number, as events have it.
    parent : int or None
        The version that served before; None of the first, and where nobody looked on.
    time : datetime.datetime
        When it came into service, in UTC.
    row : int
        Rows seen when it was fitted.
    since : int
        Stream row at which the concept that it stands for begins.
    n_rows_fitted : int
        Rows that it was fitted on.
    kind : str
        How it was made: ``"first_fit"``, ``"full_refit"``, ``"warm_start"``, ...; ``""`` of one
        that serves again.
    reason : str
        Why it came into service.
    wall_seconds : float
        What it cost, on the clock.
    evidence : dict
        The numbers behind the choice, of the policy and of the gate.
    """

    version: int
    parent: int | None
    time: datetime
    row: int
    since: int
    n_rows_fitted: int
    kind: str
    reason: str
    wall_seconds: float
    evidence: dict

    @classmethod
    def of(cls, serving, parent, event, time):
        """Return the record of a version that serves, by the event that tells why, or None."""
        told = {name: getattr(event, name, None) for name in ("since", *cls._fields[5:])}
        return cls(
            version=serving.version,
            parent=parent,
            time=time,
            row=serving.row,
            since=told["since"] or 0,
            n_rows_fitted=told["n_rows_fitted"] or 0,
            kind=told["kind"] or "",
            reason=told["reason"] or "",
            wall_seconds=told["wall_seconds"] or 0.0,
            evidence=_plain(told["evidence"] or {}),
        )

    def is_same_as(self, other):
        """Tell whether two records are of one model: what a fit cost is never twice the same."""
        return self[3:9] == other[3:9]


def _plain(value):
    """Return a value in the types of JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


class Kept(NamedTuple):
    """A version that a store keeps.

    Attributes
    ----------
    order : int
        Larger, the later it came.
    record : ModelVersion
        What is told of it.
    serving : Serving
        The model, and what belongs to it.
    """

    order: int
    record: ModelVersion
    serving: Serving


class Shelf(dict):
    """Versions by their numbers, in memory."""

    def records(self):
        """Return (order, record) of each version, by its number."""
        return {version: kept[:2] for version, kept in self.items()}

    def put(self, kept):
        """Keep a version, in the place of one of the same number."""
        self[kept.record.version] = kept

    def remove(self, version):
        """Keep a version no longer."""
        del self[version]


class Folder:
    """Versions by their numbers, a file for each.

    Parameters
    ----------
    path : pathlib.Path
        It is made with the first version.
    """

    def __init__(self, path):
        self.path = path

    def records(self):
        """Return (order, record) of each version, by its number; no code is run for it."""
        found = {}
        for path in self.path.glob("*.version"):
            head = _head(_first_line(path))
            # Not a copy of a file under another name.
            if head is not None and path == self._file(head[1].version):
                found[head[1].version] = head[:2]
        return found

    def __getitem__(self, version):
        path = self._file(version)
        line, _, body = path.read_bytes().partition(b"\n")
        order, record, digest = _head(line)
        if hashlib.sha256(body).hexdigest() != digest:
            raise ValueError(
                f"{path} is not as it was written: take a version that is whole, or a copy of the "
                "file."
            )
        return Kept(order, record, Serving(version=version, **pickle.loads(body)))

    def put(self, kept):
        """Keep a version, in the place of one of the same number."""
        self.path.mkdir(parents=True, exist_ok=True)
        content = kept.serving._asdict()
        del content["version"]
        body = pickle.dumps(content, protocol=5)
        record = kept.record._asdict() | {"time": kept.record.time.isoformat()}
        head = {"order": kept.order, "sha256": hashlib.sha256(body).hexdigest(), **record}
        write_whole(self._file(kept.record.version), json.dumps(head).encode() + b"\n" + body)

    def remove(self, version):
        """Keep a version no longer."""
        self._file(version).unlink(missing_ok=True)  # another process may keep versions here, too

    def _file(self, version):
        return self.path / f"{version:06d}.version"


def _first_line(path):
    """Return how a file begins, or nothing of what is no file, or gone since it was listed."""
    try:
        if path.is_file():  # a pipe would wait for a writer
            with open(path, "rb") as file:
                return file.readline()
    except FileNotFoundError:
        pass
    return b""


def _head(line):
    """Return order, record and digest as the first line of a file tells them; None if it does not.

    A file that is no version, or a damaged one, is not to stand in the way of the others.
    """
    try:
        told = json.loads(line)
        order, digest = told.pop("order"), told.pop("sha256")
        record = ModelVersion(**told | {"time": datetime.fromisoformat(told["time"])})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    numbers = order, record.version
    return (order, record, digest) if all(map(is_integer, numbers)) else None
