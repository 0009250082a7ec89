"""The rows of a new file, as the model of a daily job takes them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..utils._words import counted
from ._columns import check_column, some, sorted_by_time, target_values
from ._errors import CommandError
from ._files import read_tables
from ._plain import as_text
from ._raw import as_array
from ._types import ColumnType

AS_IT_COMES = ColumnType("any")


@dataclass
class NewRows:
    """The rows of a file.

    Attributes
    ----------
    features : DataFrame or ndarray, or None
        What the model gets; None of a file with ids and labels alone.
    ids : list of str or None
        What the rows are called, if the job has a column for it.
    labels : ndarray
        Of the rows that have one.
    is_known : ndarray of bool of shape (n_rows,)
        Which rows these are.
    notices : list of str
        What a reader may not expect.
    """

    features: Any
    ids: Any
    labels: Any
    is_known: Any
    notices: list = field(default_factory=list)

    def __len__(self):
        return len(self.is_known)


def new_rows(path, job, *, has_labels, room=None):
    """Return the rows of a file, or raise CommandError for what the job cannot take.

    Parameters
    ----------
    path : str or Path
        The file.
    job : Job
        Whose columns they are.
    has_labels : bool
        Whether there is a target to be looked for; without, a column of its name is left alone.
    room : Room or None, default=None
        What there is room for; None is any number of rows.
    """
    try:
        return _new_rows(path, job, has_labels, room)
    except CommandError as error:
        text = str(error)
        raise CommandError(text if text.startswith(str(path)) else f"{path}: {text}") from error


def _new_rows(path, job, has_labels, room):
    settings, notices = job.settings, []
    target, time, row_id = settings["target"], settings["time"], settings["id"]
    columns = settings["columns"]
    # What is not looked at may hold anything.
    used = {*columns, time, row_id} | ({target} if has_labels else set())
    types = {name: held for name, held in job.content["types"].items() if name in used}
    [table] = read_tables(
        [path],
        notices,
        missing=settings["missing"],
        keep=[*columns, target, time, row_id],
        room=room,
        types=types,
    )
    if not len(table):
        raise CommandError("there are no rows; bring a file with some.")
    if has_labels:
        check_column(table, target, "--target")
    if row_id is not None:
        check_column(table, row_id, "--id")
    lost = [name for name in columns if name not in table.columns]
    is_bare = has_labels and row_id is not None and len(lost) == len(columns)
    if lost and not is_bare:
        raise CommandError(f"columns that the model was fitted on are not there: {some(lost)}.")
    if time is not None and not is_bare:
        check_column(table, time, "--time")
        table = sorted_by_time(table, time)[0]
    labels, is_known = _labels(table, settings, job.model) if has_labels else _none(table)
    return NewRows(
        features=None if is_bare else features_of(table[columns], settings),
        ids=None if row_id is None else _ids(table[row_id], row_id),
        labels=labels,
        is_known=is_known,
        notices=[*notices, *_left_out(table, settings)],
    )


def features_of(table, settings):
    """Return columns as the model gets them."""
    return as_array(table) if settings["is_array"] else table


def _left_out(table, settings):
    """Yield a line on columns that a job does not know."""
    named = [*settings["columns"], *settings["left_out"]]
    named += [settings[option] for option in ("target", "time", "id")]
    others = [name for name in table.columns if name not in named]
    if others:
        yield f"left out, for the job began without: {some(others)}"


def _none(table):
    return np.empty(0), np.zeros(len(table), dtype=bool)


def _labels(table, settings, model):
    column = table[settings["target"]]
    is_known = column.notna().to_numpy()
    if settings["task"] == "regression":
        is_known = is_known & ~column.isin([np.inf, -np.inf]).to_numpy()
    if not is_known.any():
        return _none(table)
    column = column[is_known].reset_index(drop=True)
    labels = target_values(column, settings["task"], model)
    if settings["costs"] is not None:
        strange = [label for label in labels.tolist() if label not in model.classes_.tolist()]
        if strange:
            raise CommandError(
                f"--target {column.name!r} holds {strange[0]!r}, whose mistakes have no cost; "
                "begin the job anew with a --cost-matrix for all classes."
            )
    return labels, is_known


def _ids(column, name):
    missing = int(column.isna().sum())
    if missing:
        raise CommandError(
            f"--id {name!r} has {counted(missing, 'missing value')}, so that such rows are not "
            "found again; fill them in."
        )
    ids = as_text(column).str.strip().tolist()
    twice = column[column.duplicated()]
    if len(twice):
        raise CommandError(
            f"--id {name!r} has {twice.iloc[0]!r} more than once; give every row an id of its own."
        )
    return ids
