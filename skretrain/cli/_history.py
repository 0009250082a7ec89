"""Turn a table into a history: rows in time order, a target, and columns as numbers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets import make_drifting_classification
from ..model_selection._edges import edges_of, ends_of
from ._columns import as_numbers, check_column, sorted_by_time, task_of_column, with_target
from ._encoding import encoded
from ._errors import CommandError, needed
from ._estimators import estimator_for
from ._screen import giveaways, out_of_order, screened, without_dropped


@dataclass
class History:
    """A stream in time order, ready to be replayed.

    Attributes
    ----------
    name : str
        What to call it.
    target : str
        Name of the target.
    task : {"classification", "regression"}
        What is to be predicted.
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        Features.
    y : ndarray of shape (n_rows,)
        Codes of the classes, or the target divided by `unit` after subtracting `origin`.
    warm_up : int
        Rows of the first fit.
    drift_rows : ndarray
        Rows at which it is known to drift; mostly empty.
    base : estimator
        The model that is kept fresh, blank.
    table : DataFrame
        The columns that `X` was made of, in the same order of rows.
    labels : ndarray of shape (n_classes,)
        The classes by their codes; empty for regression.
    unit, origin : float
        One unit of `y` in units of the target, and the target where `y` is 0.
    how : str
        How the columns became numbers.
    notices : tuple of str
        What was done to the rows and columns, for the reader.
    time : ndarray of shape (n_rows,) or None
        When each row came, where that is known: rows of one time know nothing of each other.
    """

    name: str
    target: str
    task: str
    X: np.ndarray
    y: np.ndarray
    warm_up: int
    drift_rows: np.ndarray
    base: Any
    table: Any
    labels: np.ndarray = field(default_factory=lambda: np.empty(0))
    unit: float = 1.0
    origin: float = 0.0
    how: str = "numbers as they are"
    notices: tuple = ()
    time: Any = None


def embedded_history(*, estimator, batch, warm_up, label_delay):
    """Return the built-in stream: linear concepts, two abrupt drifts at known rows."""
    X, y, drift_rows = make_drifting_classification(10_000, n_drifts=2, random_state=0)
    warm_up = _check_rows(len(y), warm_up, batch, label_delay)
    labels = np.unique(y)
    _check_both_classes(y, labels, warm_up, "y")
    return History(
        name="built-in drifting stream",
        target="y",
        task="classification",
        X=X,
        y=y,
        warm_up=warm_up,
        drift_rows=drift_rows,
        base=estimator_for(estimator, "classification"),
        table=needed("pandas").DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]),
        labels=labels,
    )


def history_of(
    table,
    *,
    name,
    target,
    time,
    task,
    estimator,
    batch,
    warm_up,
    label_delay,
    keep=(),
    drop=(),
    notices=(),
):
    """Return the history in a pandas DataFrame; `notices` has what was said of the file."""
    notices = list(notices)
    table = without_dropped(table, list(drop), keep, target)
    check_column(table, target, "--target")
    if time is not None:
        check_column(table, time, "--time")
        if time == target:
            raise CommandError(f"--time {time!r} is the target; name the column with the time.")
    table, moments = with_target(table, target, notices), None
    if time is not None:
        table, moments = sorted_by_time(table, time)
    warm_up = _check_rows(len(table), warm_up, batch, label_delay)
    if moments is not None:
        warm_up = _whole_stamps(moments, time, warm_up, batch, notices)
    task = task_of_column(table[target], task, notices)
    prepare = _classes if task == "classification" else _quantity
    y, labels, unit, origin = prepare(table[target], warm_up)
    base = estimator_for(estimator, task)
    table = table.drop(columns=target)
    if time is None:
        notices.extend(out_of_order(table, keep))
    table = screened(table, keep, notices)
    notices.extend(giveaways(table, y, task, warm_up))
    X, how, remarks = encoded(table, y, warm_up, base)
    return History(
        name=name,
        target=target,
        task=task,
        X=X,
        y=y,
        warm_up=warm_up,
        drift_rows=np.empty(0, dtype=np.int64),
        base=base,
        table=table,
        labels=labels,
        unit=unit,
        origin=origin,
        how=how,
        notices=(*notices, *remarks),
        time=moments,
    )


# -- rows and the target ---------------------------------------------------------------------------


def _check_rows(n_rows, warm_up, batch, label_delay):
    """Return the rows of the warm-up: as asked for, or a tenth, within limits."""
    if warm_up is None:
        warm_up = max(min(n_rows // 10, 5_000), batch)
    least = warm_up + label_delay + 2 * batch
    if n_rows < least:
        raise CommandError(
            f"{n_rows:,} rows are too few: a warm-up of {warm_up:,}, a label delay of "
            f"{label_delay:,} and two batches of {batch:,} need {least:,}. Lower --warm-up, "
            "--label-delay or --batch, or bring more rows."
        )
    return warm_up


def _whole_stamps(moments, time, warm_up, batch, notices):
    """Return the rows of the warm-up with the rest of its last time stamp; say what that does."""
    longest = int(np.diff(ends_of(moments), prepend=0).max())
    if longest == 1:
        return warm_up
    edges = edges_of(len(moments), warm_up, batch, moments)
    if len(edges) < 4:
        raise CommandError(
            f"up to {longest:,} rows share one {time!r}, so that whole time stamps leave no two "
            f"batches after a warm-up of {edges[1]:,} rows. Lower --warm-up or --batch, or leave "
            "--time out if the file is in order and each label is known before the next row."
        )
    sizes = np.diff(edges)[1:]
    notices.append(
        f"up to {longest:,} rows share one {time!r}: none of their labels is known to the others. "
        f"Batches end with a time stamp and have {sizes.min():,} to {sizes.max():,} rows"
    )
    return int(edges[1])


def _classes(column, warm_up):
    """Return the target as class codes."""
    codes, labels = needed("pandas").factorize(column.astype(object), use_na_sentinel=True)
    if len(codes) < 10 * len(labels) and len(labels) > 2:
        raise CommandError(
            f"--target {column.name!r} has {len(labels):,} different values in {len(codes):,} "
            "rows, too many for classes; choose another column, or --task regression for numbers."
        )
    _check_both_classes(codes, labels, warm_up, column.name)
    return codes, labels.to_numpy(), 1.0, 0.0


def _check_both_classes(codes, labels, warm_up, target):
    # A classifier cannot be fitted on one class.
    others = np.flatnonzero(codes != codes[0])
    if not len(others):
        raise CommandError(
            f"--target {target!r} is {labels[0]!r} in every row, so there is nothing to learn; "
            "choose another column."
        )
    if others[0] >= warm_up:
        raise CommandError(
            f"all {warm_up:,} rows of the warm-up have {labels[codes[0]]!r} as {target!r}; the "
            f"next class appears in row {others[0]:,}. Give --warm-up {others[0] + 1} or more."
        )


def _quantity(column, warm_up):
    """Return the target in standard deviations of the warm-up, in which R2 does not change."""
    values = as_numbers(column)
    if values is None:
        raise CommandError(
            f"--target {column.name!r} holds text such as {column.iloc[0]!r}, which no regression "
            "can predict; leave --task out or convert the column."
        )
    if (values == values[0]).all():
        raise CommandError(
            f"--target {column.name!r} is {column.iloc[0]} in every row, so there is nothing to "
            "learn; choose another column."
        )
    # Of numbers near the ends of the floats, squares and sums are none.
    largest = abs(values[:warm_up]).max() or 1.0
    shares = values / largest
    first = shares[:warm_up]
    unit = _spread(first)
    origin = float(first.mean() * largest)
    return (shares - first.mean()) / unit, np.empty(0), float(unit * largest), origin


def _spread(shares):
    # The deviation of a constant column is rounding error, not zero.
    deviation = shares.std()
    return deviation if deviation > 1e-12 * abs(shares).max() else 1.0
