"""Turn a table into a history: rows in time order, a target, and columns as numbers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets import make_drifting_classification
from ..utils._clone import cloned
from ._columns import check_column, sorted_by_time, target_values, task_of_column, with_target
from ._cut import timing_for
from ._encoding import encoded
from ._errors import CommandError, needed
from ._estimators import estimator_for, is_own_name, task_of_model
from ._label_time import NAME as LABEL_TIME
from ._label_time import moments_of_labels
from ._raw import check_known_columns, check_named_columns, columns_of, why_raw
from ._reader import Classes, Quantity, Reader
from ._screen import giveaways, out_of_order, screened, without_dropped
from ._weights import check_sole_column, check_weight_column, weights_for, with_weights


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
    X : ndarray, CSR matrix or DataFrame of shape (n_rows, n_features)
        Features: numbers, or the columns of `table` as they are.
    y : ndarray of shape (n_rows,)
        Codes of the classes, or the target divided by `unit` after subtracting `origin`.
    timing : Timing
        How it is cut into batches, and what is known when each of them comes.
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
    times : ndarray of shape (n_rows,) or None
        When each row came, dates or numbers, where that is known: rows of one time know nothing of
        each other.
    is_own : bool
        Whether the model is one of the user's, which may raise anything.
    params : dict of str to ndarray of shape (n_rows,)
        What fits get besides: the weights of the rows, where they are given.
    label_time : str or None
        Name of the column that says when labels came.
    reader : Reader or None
        Makes rows such as these of other tables of the file.
    stream : FileStream or None
        All rows in batches, where these are only the first of them.
    """

    name: str
    target: str
    task: str
    X: np.ndarray
    y: np.ndarray
    timing: Any
    drift_rows: np.ndarray
    base: Any
    table: Any
    labels: np.ndarray = field(default_factory=lambda: np.empty(0))
    unit: float = 1.0
    origin: float = 0.0
    how: str = "numbers as they are"
    notices: tuple = ()
    times: Any = None
    is_own: bool = False
    params: dict = field(default_factory=dict)
    label_time: str | None = None
    reader: Any = None
    stream: Any = None

    @property
    def n_rows(self):
        """How many rows there are."""
        return len(self.y) if self.stream is None else self.stream.n_rows

    @property
    def warm_up(self):
        """Rows of the first fit."""
        return self.timing.start

    @property
    def is_raw(self):
        """Whether the model gets the table's own columns."""
        return self.X is self.table


def embedded_history(*, estimator, model=None, raw=False, **lengths):
    """Return the built-in stream: linear concepts, two abrupt drifts at known rows."""
    X, y, drift_rows = make_drifting_classification(10_000, n_drifts=2, random_state=0)
    timing = timing_for(len(y), None, time=None, notices=[], **lengths)
    labels = np.unique(y)
    _check_both_classes(y, labels, timing.start, "y")
    base = _base(estimator, model, "classification")
    table = needed("pandas").DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    table, why = learned_columns(table, base, model, raw=raw)
    return History(
        name="built-in drifting stream",
        target="y",
        task="classification",
        X=table if why else X,
        y=y,
        timing=timing,
        drift_rows=drift_rows,
        base=base,
        table=table,
        labels=labels,
        how=as_they_are(table, why) if why else "numbers as they are",
        is_own=model is not None or is_own_name(estimator),
    )


def history_of(
    table,
    *,
    name,
    target,
    time,
    task,
    estimator,
    keep=(),
    drop=(),
    ids=(),
    weight=None,
    label_time=None,
    notices=(),
    model=None,
    raw=False,
    **lengths,
):
    """Return the history in a pandas DataFrame; `notices` has what was said of the file.

    The model is a blank clone of `model`, or the one that `estimator` names; with `raw`, it gets
    the columns as they are. `weight` names the column of weights, `label_time` that of when labels
    came, `ids` those that say what a row is of. Lengths are those of :func:`timing_for`.
    """
    notices = list(notices)
    named = {"target": target, "time": time, "drop": drop, "id": ids}
    check_weight_column(table, weight, **named, keep=keep)
    others = named | {"sample-weight": weight, "keep": keep}
    check_sole_column(LABEL_TIME, "when a label came", table, label_time, **others)
    table = without_dropped(table, drop, keep, target, time, ids)
    check_column(table, target, "--target")
    if time is not None:
        check_column(table, time, "--time")
        if time == target:
            raise CommandError(f"--time {time!r} is the target; name the column with the time.")
    table, times, weights = with_target(table, target, notices), None, None
    if time is not None:
        table, times = sorted_by_time(table, time)
    if weight is not None:
        table, weights, counted = with_weights(table, weight, notices)
        times = None if times is None else times[counted]
    labels = None
    if label_time is not None:
        labels = label_time, moments_of_labels(table.pop(label_time), times, time)
    timing = timing_for(len(table), times, time=time, notices=notices, labels=labels, **lengths)
    warm_up = timing.start
    if model is None:
        task = task_of_column(table[target], task, notices)
    else:
        task = task_of_model(model, task)
    prepare = _classes if task == "classification" else _quantity
    y, labels, coder = prepare(table[target], warm_up)
    base = _with_coded_weights(_base(estimator, model, task), labels)
    params = weights_for(base, weight, weights)
    own = table.drop(columns=target)
    if time is None:
        notices.extend(out_of_order(own, keep))
    table = screened(own, [*keep, *columns_of(model)], notices)
    taken = {f"--{option}": names for option, names in named.items()}
    taken |= {"--sample-weight": weight, LABEL_TIME: label_time}
    table, why = learned_columns(table, base, model, raw=raw, left_out=own.columns, taken=taken)
    notices.extend(giveaways(table, y, task, warm_up))
    if why:
        X, encoding, how, remarks = table, None, as_they_are(table, why), []
    else:
        X, encoding, how, remarks = encoded(table, y, warm_up, base)
    return History(
        name=name,
        target=target,
        task=task,
        X=X,
        y=y,
        timing=timing,
        drift_rows=np.empty(0, dtype=np.int64),
        base=base,
        table=table,
        labels=labels,
        unit=getattr(coder, "unit", 1.0),
        origin=getattr(coder, "origin", 0.0),
        how=how,
        notices=(*notices, *remarks),
        times=times,
        is_own=model is not None or is_own_name(estimator),
        params=params,
        label_time=label_time,
        reader=Reader(
            target, time, list(table.columns), coder, encoding, dict.fromkeys(params, weight)
        ),
    )


# -- the model and its columns ---------------------------------------------------------------------


def _base(estimator, model, task):
    return estimator_for(estimator, task) if model is None else cloned(model)


def _with_coded_weights(base, labels):
    """Return a model whose ``class_weight``, where it names labels, names their codes."""
    codes = {str(label): code for code, label in enumerate(labels.tolist())}
    for name, weights in base.get_params().items():
        if name.rpartition("__")[2] == "class_weight" and isinstance(weights, dict):
            coded = {codes.get(str(label), label): weight for label, weight in weights.items()}
            base.set_params(**{name: coded})
    return base


def learned_columns(table, base, model, *, raw, left_out=(), taken=None):
    """Return the columns to learn from, and why they stay as they are; an empty text if not."""
    if table.shape[1] == 0:
        raise CommandError("the file has no column besides the target; there is nothing to learn.")
    known = columns_of(model)
    way = "are not there to learn from (bring them, or save the model before its fit)"
    check_known_columns(known, table.columns, taken or {}, way)
    table = table[known] if known else table
    why = why_raw(base, asked=raw, columns=known)
    if why:
        check_named_columns(base, table, left_out=left_out)
    return table, why


def as_they_are(table, why):
    return f"{table.shape[1]:,} as they are, in a data frame ({why})"


# -- rows and the target ---------------------------------------------------------------------------


def _classes(column, warm_up):
    """Return the target as class codes, the classes, and what gives codes to later ones."""
    codes, labels = needed("pandas").factorize(column.astype(object), use_na_sentinel=True)
    if len(codes) < 10 * len(labels) and len(labels) > 2:
        raise CommandError(
            f"--target {column.name!r} has {len(labels):,} different values in {len(codes):,} "
            "rows, too many for classes; choose another column, or --task regression for numbers."
        )
    _check_both_classes(codes, labels, warm_up, column.name)
    return codes, labels.to_numpy(), Classes(labels)


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
    """Return the target in deviations of the warm-up."""
    values = target_values(column, "regression")
    if (values == values[0]).all():
        raise CommandError(
            f"--target {column.name!r} is {column.iloc[0]} in every row, so there is nothing to "
            "learn; choose another column."
        )
    coder = Quantity(values[:warm_up])
    return coder(column), np.empty(0), coder
