"""When the label of each row comes, told row by row: in which order labels arrive, and by when."""

from numbers import Real
from typing import NamedTuple

import numpy as np

from ..utils._containers import PANDAS, kind_of
from ..utils._durations import is_gap, moments_of, moments_with_gaps
from ..utils._params import names_in_words


class Arrivals(NamedTuple):
    """In which order labels come, and how many are known when a row comes.

    Attributes
    ----------
    order : ndarray of int
        Rows whose label comes, by the moment at which it does; those of one moment by row.
    known_from : ndarray of int
        For each of these, the first row that comes when the label is known; it never falls. The
        number of rows is the end of the stream, and one more is after it.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.model_selection._label_times import arrivals_of
    >>> arrivals = arrivals_of([0, 4, 2, np.nan, 4], None, 5)
    >>> arrivals.order.tolist(), arrivals.known_from.tolist(), arrivals.n_known(3)
    ([0, 2, 1, 4], [1, 3, 5, 5], 2)
    """

    order: np.ndarray
    known_from: np.ndarray

    def n_known(self, row):
        """Return how many labels are known when a row comes, or each of several."""
        found = np.searchsorted(self.known_from, row, side="right")
        return found if np.ndim(row) else int(found)


def split_off(X, label_time):
    """Return the features, and the moments of labels; a name takes its column out of the frame.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        All rows.
    label_time : str, array-like or None
        The name of a column, or what it is itself.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if not isinstance(label_time, str):
        return X, label_time
    columns = getattr(X, "columns", None)
    if columns is None or label_time not in columns:
        there = "no names" if columns is None else f"the columns {names_in_words(columns)}"
        raise ValueError(
            f"label_time={label_time!r}: X has no such column, but {there}; pass a frame and name "
            "one of its columns, or pass the moments themselves."
        )
    if kind_of(X) == PANDAS:
        return X.drop(columns=[label_time]), X[label_time]
    return X.drop(label_time), X[label_time]


def arrivals_of(label_time, times, size):
    """Return in which order labels come, or raise what is wrong with their moments.

    Parameters
    ----------
    label_time : array-like of shape (size,)
        When each label comes; NaN, NaT, None and infinity are never. On the scale of `times`, a
        label is known to each later row that comes at its moment or after it.
    times : ndarray of shape (size,) or None
        When each row came, in order. None: `label_time` has row numbers, and a label is known to
        the rows after that one.
    size : int
        Rows in all.

    Raises
    ------
    ValueError
        If there is not one moment for each row, on the scale of `times`, and no earlier than it.
    """
    values = _one_for_each_row(label_time, size)
    moments = _moments_on_scale(values, times)
    own = np.arange(size) if times is None else times
    early = np.flatnonzero(moments < own)
    if len(early):
        row = int(early[0])
        came = "" if times is None else f", which came at {own[row]}"
        raise ValueError(
            f"label_time is {moments[row]} in row {row}, before the row itself{came}: no label is "
            "known before its row. Pass no earlier moments than those of the rows."
        )
    comes = np.flatnonzero(moments >= own)  # which NaN and NaT are not
    order = comes[np.argsort(moments[comes], kind="stable")]
    moments = moments[order]
    known_from = np.searchsorted(own, moments, side="right" if times is None else "left")
    is_late = moments >= size if times is None else moments > times[-1]
    return Arrivals(order, np.where(is_late, size + 1, np.maximum(known_from, order + 1)))


def _one_for_each_row(label_time, size):
    values = np.asarray(label_time)
    if values.ndim != 1:
        raise ValueError(
            f"label_time has the shape {values.shape}: pass one moment for each row, or the name "
            "of a column of X."
        )
    if len(values) != size:
        raise ValueError(
            f"label_time has {len(values):,} values for {size:,} rows: pass one for each row, NaN "
            "or NaT where the label never comes."
        )
    return values


def _moments_on_scale(values, times):
    """Return moments that compare with those of the rows, or raise why there are none."""
    if times is not None and times.dtype.kind == "M":
        moments, wanted = moments_with_gaps(values), "dates, as times are"
    elif times is None or times.dtype.kind in "iuf":
        moments = _numbers_of(values)
        wanted = "row numbers, as times is not given" if times is None else "numbers, as times are"
    else:
        raise ValueError(
            f"times are such as {times[0]!r}, so that nobody can tell what comes before: with "
            "label_time, pass times that are dates or numbers."
        )
    if moments is None:
        raise ValueError(
            f"label_time holds {_stranger_among(values, wanted)}: pass {wanted}, NaN or NaT where "
            "the label never comes."
        )
    return moments


def _numbers_of(values):
    """Return numbers, NaN where there is none; or None if what there is are no numbers."""
    if values.dtype.kind == "O":
        values = [np.nan if is_gap(value) else value for value in values.tolist()]
        # numpy counts a timedelta among the integers.
        no_number = (bool, np.timedelta64)
        if any(isinstance(v, no_number) or not isinstance(v, Real) for v in values):
            return None
        return np.array(values, dtype=np.float64)
    return values if values.dtype.kind in "iuf" else None


def _stranger_among(values, wanted):
    """Return the first value that is not what is wanted, as text."""
    read = moments_of if wanted.startswith("dates") else _numbers_of
    for row, value in enumerate(values):
        if not is_gap(value) and read(values[row : row + 1]) is None:
            return f"{value!r} in row {row}"
    return "no moment at all"
