"""Which segment a row is of: the values of a column, and the rows of each of them."""

import json
import re
from numbers import Number
from typing import Any, NamedTuple

import numpy as np

from ...utils._containers import LIST, PANDAS, POLARS, SPARSE, as_csr, kind_of, take_rows
from ...utils._durations import is_gap
from ...utils._params import is_integer, names_in_words, refuse

_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.0*)?")


class Grouped(NamedTuple):
    """The rows of a batch by segment, each segment's in the order in which they came.

    Attributes
    ----------
    keys : list of (str, int or bool)
        Segments, in the order of their first rows.
    bounds : ndarray of int of shape (n_segments + 1,)
        Where the rows of each begin in `order`, and where the last ones end.
    order : ndarray of int of shape (n_rows,)
        Row numbers, segment after segment.
    """

    keys: list
    bounds: np.ndarray
    order: np.ndarray

    def parts(self):
        """Yield each segment with the slice of its rows."""
        ends = self.bounds.tolist()
        for key, start, end in zip(self.keys, ends[:-1], ends[1:], strict=True):
            yield key, slice(start, end)

    def restored(self, values):
        """Return values that stand in the order of `order` in that of the rows."""
        restored = np.empty_like(values)
        restored[self.order] = values
        return restored


class Split(NamedTuple):
    """A batch without the column that tells the segments, and its rows by segment."""

    X: Any  # in the order of `grouped`
    grouped: Grouped


def split(owner, by, X, aliases):
    """Return a batch without the column `by`, sorted by its values, or raise ValueError.

    Parameters
    ----------
    owner : object
        What has the parameter `by`.
    by : str or int
        Name or number of the column.
    X : ndarray, sparse matrix or data frame
        Rows.
    aliases : dict
        Segments that were merged, and into which.

    Returns
    -------
    rows : ndarray, sparse matrix or data frame
        In the order in which they came, without the column.
    parts : Split
        The same rows, segment after segment.
    """
    column = column_of(owner, by, X)
    grouped = grouped_by(owner, by, _values(X, column), aliases)
    rows = _without(X, column)
    return rows, Split(take_rows(rows, grouped.order), grouped)


def column_of(owner, by, X):
    """Return what takes the column `by` out of X: its name in a frame, else its number."""
    if not (isinstance(by, str) or is_integer(by, least=0)):
        refuse(owner, "by", "the name or the number of a column of X", by)
    kind = kind_of(X)
    if kind == LIST or len(X.shape) != 2:
        refuse(owner, "by", "a column, and X is no table: pass an array or a data frame", by)
    if X.shape[1] == 1:
        refuse(owner, "by", "one of several columns, and X has no other: it is what is learned", by)
    names = list(X.columns) if kind in (PANDAS, POLARS) else None
    # The number of a column may also be its name.
    if names is not None and by in names:
        if names.count(by) > 1:
            refuse(owner, "by", "a column that X has once; it is there twice", by)
        return by
    if isinstance(by, str) or by >= X.shape[1]:
        there = f"{X.shape[1]}, without names" if names is None else names_in_words(names)
        refuse(owner, "by", f"a column of X, and it is none; X has {there}", by)
    return int(by) if names is None else names[by]


def grouped_by(owner, by, values, aliases):
    """Return the rows of each segment, or raise ValueError where some are of none.

    Parameters
    ----------
    owner : object
        What has the parameter `by`.
    by : str or int
        The column.
    values : ndarray of shape (n_rows,)
        Its values.
    aliases : dict
        Segments that were merged, and into which.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._segments._keys import grouped_by
    >>> grouped = grouped_by("fleet", "shop", np.array(["b", "a", "b", "c"]), {"c": "a"})
    >>> grouped.keys, grouped.bounds, grouped.order
    (['b', 'a'], array([0, 2, 4]), array([0, 2, 1, 3]))
    """
    _check_exact(owner, by, values)
    codes, levels = _coded(owner, by, values)
    keys, group_of = {}, np.empty(len(levels), dtype=np.intp)
    for code, level in enumerate(levels):
        key = key_of(level)
        if key is None:
            _refuse_level(owner, by, level, int((codes == code).sum()))
        group_of[code] = keys.setdefault(aliases.get(key, key), len(keys))
    groups = group_of[codes]
    counts = np.bincount(groups, minlength=len(keys))
    bounds = np.concatenate([[0], np.cumsum(counts)])
    return Grouped(list(keys), bounds, np.argsort(groups, kind="stable"))


def key_of(value):
    """Return a value as the segment that it names, or None where it cannot name one.

    Whole numbers are the same segment as integers and as floats, which arrays make of them.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | bool | int) else None


def text_of(key):
    """Return the name of a segment in a store: the same for all keys that are equal."""
    return json.dumps(int(key) if isinstance(key, bool) else key)


def check_kinds(owner, by, keys, known):
    """Raise ValueError where a segment is a text, and was a number before, or the other way round.

    Files without types, and tables with gaps, give both: each segment would begin anew.
    """
    new = {key for key in keys if key not in known}
    if not new:
        return
    there = {*known, *new}
    texts = {_number_in(key): key for key in there if isinstance(key, str)}
    for number in there.intersection(texts):
        pair = number, texts[number]
        key, twin = pair if number in new else reversed(pair)
        if key in new:
            what = f"of one type: it has {key!r} where there is a segment {twin!r}"
            refuse(owner, "by", f"{what}; {_way_to(twin, key)}", by)


def _number_in(text):
    """Return the whole number or the bool that a text is in some file, or None."""
    if text in ("True", "False"):
        return text == "True"
    return int(text.partition(".")[0]) if _NUMBER.fullmatch(text) else None


def _way_to(twin, key):
    if str(twin) != str(key):
        return "name it as it was"
    if isinstance(twin, bool):
        return 'turn it to bool, X[by] == "True"'
    return f"turn it to {type(twin).__name__}, X[by].astype(...)"


def _check_exact(owner, by, values):
    """Raise ValueError where two numbers may have become one, as large ones do among fractions."""
    if values.dtype.kind != "f":
        return
    bound = 2 ** (np.finfo(values.dtype).nmant + 1)
    large = values[np.isfinite(values) & (np.abs(values) >= bound)]
    if len(large):
        what = f"a column of exact numbers, and {values.dtype} rounds those from {bound:,} on"
        way = "give that column as whole numbers or text, in a data frame"
        refuse(owner, "by", f"{what} (such as {large[0].item()!r}): {way}", by)


def _coded(owner, by, values):
    """Return a number for each row, and the values that these stand for, by first appearance."""
    levels = {}
    try:
        codes = [levels.setdefault(value, len(levels)) for value in values.tolist()]
    except TypeError:
        refuse(owner, "by", "a column of text or numbers; it holds lists or the like", by)
    return np.array(codes, dtype=np.intp), list(levels)


def _refuse_level(owner, by, level, count):
    if is_gap(level):
        gaps = "a column without gaps"
        way = 'give those rows a segment of their own, "unknown", say'
        refuse(owner, "by", f"{gaps}: it is missing in some rows; leave these out, or {way}", by)
    what = f"a column of text or whole numbers; it holds {count} of type {type(level).__name__}"
    way = "turn them to text"
    if isinstance(level, Number):
        way += (
            ". If a step before has scaled it, put that step into the retrainer: "
            "DriftAwareRetrainer(make_pipeline(StandardScaler(), ...))"
        )
    refuse(owner, "by", f"{what}, such as {level!r}: {way}", by)


def _values(X, column):
    kind = kind_of(X)
    if kind == SPARSE:
        return as_csr(X)[:, [column]].toarray().ravel()
    if kind in (PANDAS, POLARS):
        values = X[column].to_numpy()
        return values.astype(object) if values.dtype.kind in "mM" else values
    return X[:, column]


def _without(X, column):
    kind = kind_of(X)
    if kind == PANDAS:
        return X.drop(columns=[column])
    if kind == POLARS:
        return X.drop(column)
    if kind == SPARSE:
        return as_csr(X)[:, np.arange(X.shape[1]) != column]
    return np.delete(X, column, axis=1)
