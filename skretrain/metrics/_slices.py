"""Which rows belong to which slice: levels of a column, bins between its quartiles, functions."""

from itertools import pairwise
from numbers import Number

import numpy as np

from ..utils._containers import LIST, PANDAS, POLARS, SPARSE, as_container, as_csr, kind_of, n_rows
from ..utils._durations import is_gap
from ..utils._params import is_integer, names_in_words, refuse
from ..utils._plain import Plain

MISSING = "missing"
_BINS = 4
_MOST_NUMBERS = 20  # different ones that are levels, each a slice
_SHIFT = 0.02  # that a rounded edge may be off by, as a share of the range of the values

_SIGNS = "=", " < ", " >= ", " in ["  # what comes after the name of a column
_FORM = (
    'a dict that names slices, such as {"country": "country", "large": lambda X: X["amount"] > '
    "1000}, with the name or the number of a column, or a function of X"
)


class Slicer(Plain):
    """Tells the rows of each slice; what the bins of a number are is decided once.

    Parameters
    ----------
    owner : object or str
        What has the parameter `slices`, for the error messages.
    slices : dict of str to (str, int or callable)
        A column of X by its name or number, each level of which is a slice, or a function
        ``X -> array of bool of shape (n_rows,)``.
    n_first : int, default=1
        Values of a column that are waited for before it is decided what its slices are.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._slices import Slicer
    >>> slicer = Slicer("scores", {"shop": 0, "positive": lambda X: X[:, 1] > 0})
    >>> slicer.members(np.array([[3.0, 1.0], [4.0, -1.0], [np.nan, 2.0]]))["shop"]
    {'shop=3': array([0]), 'shop=4': array([1]), 'shop=missing': array([2])}
    """

    def __init__(self, owner, slices, *, n_first=1):
        check_slices(owner, slices)
        # The name alone: whoever holds a part of what it holds cannot be saved without pickle.
        owner = owner if isinstance(owner, str) else type(owner).__name__
        self._parts = {
            name: _Called(owner, slices, name)
            if callable(of)
            else _OfColumn(owner, slices, name, n_first)
            for name, of in slices.items()
        }

    def members(self, X):
        """Return the rows of each slice, by the name of what defines it.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows in the container that functions among the slices expect.

        Returns
        -------
        members : dict of str to dict of str to ndarray of int
            For each definition the names of its slices and their rows, sorted; levels by their
            frequency, and only those that are there. The rows of a function may be none.

        Raises
        ------
        ValueError
            If there is no such column, or a function does not say True or False for each row.
        """
        X = as_container(X)
        return {name: part.members(X) for name, part in self._parts.items()}


def check_slices(owner, slices):
    """Raise ValueError unless slices are a dict of names to columns or functions."""
    sound = isinstance(slices, dict) and len(slices) > 0
    if not sound or not all(map(_is_definition, slices.items())):
        refuse(owner, "slices", _FORM, slices)
    for name in (name for name, of in slices.items() if not callable(of)):
        for other in slices:
            if other.startswith(tuple(name + sign for sign in _SIGNS)):
                what = f"names that tell slices apart: {other!r} reads as a slice of {name!r}"
                refuse(owner, "slices", what, slices)


def _is_definition(item):
    name, of = item
    is_column = isinstance(of, str) or is_integer(of, least=0)
    return isinstance(name, str) and len(name) > 0 and (is_column or callable(of))


def slice_mask(owner, slices, name, X):
    """Return whether each row of X is in a slice, whose level need not have been seen.

    Parameters
    ----------
    owner : object or str
        What has the parameter `slices`.
    slices : dict
        As of :class:`Slicer`.
    name : str
        ``"country=DE"`` for a level of a column, ``"large"`` for a function.
    X : array-like of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    mask : ndarray of bool of shape (n_rows,)
        True in the slice.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.metrics._slices import slice_mask
    >>> slice_mask("gate", {"shop": 0}, "shop=3", np.array([[3.0], [4.0], [np.nan]]))
    array([ True, False, False])
    """
    definition, level = definition_of(slices, name)
    if level is None:
        return _mask_of(owner, slices, definition, X)
    values, _ = _values_of(owner, slices, definition, as_container(X))
    return _level_names(values) == level


def definition_of(slices, name):
    """Return which definition a slice is of and its level, None of a function; None if of none."""
    if callable(slices.get(name)):
        return name, None
    for definition, of in slices.items():
        level = name.removeprefix(f"{definition}=")
        if level != name and not callable(of):
            return definition, level
    return None


# -- functions -------------------------------------------------------------------------------------


class _Called(Plain):
    def __init__(self, owner, slices, name):
        self.owner, self.slices, self.name = owner, slices, name

    def members(self, X):
        mask = _mask_of(self.owner, self.slices, self.name, X)
        return {self.name: np.flatnonzero(mask)}


def _mask_of(owner, slices, name, X):
    try:
        found = slices[name](X)
    except Exception as error:
        what = f"functions that can read X; {name!r} raised {type(error).__name__}: {error}"
        try:
            refuse(owner, "slices", what, slices)
        except ValueError as refusal:
            raise refusal from error
    mask, n = np.asarray(found), n_rows(X)
    if mask.dtype.kind != "b" or mask.shape != (n,):
        got = f"{name!r} returned {mask.dtype} of shape {mask.shape}"
        refuse(owner, "slices", f"functions that return True or False for each row; {got}", slices)
    return mask


# -- columns ---------------------------------------------------------------------------------------


class _OfColumn(Plain):
    """The slices of a column: until there are enough values to decide, only what is missing."""

    def __init__(self, owner, slices, name, n_first):
        self.owner, self.slices, self.name = owner, slices, name
        self.n_first = n_first
        self.first = np.empty(0)  # values so far, while that is undecided
        self.edges = None  # of the bins; no edges for levels

    def members(self, X):
        values, is_categorical = _values_of(self.owner, self.slices, self.name, X)
        if self.edges is None:
            self._decide(values, is_categorical)
        if self.edges is None:
            gaps = np.flatnonzero(_gaps(values))
            return {f"{self.name}={MISSING}": gaps} if len(gaps) else {}
        if len(self.edges):
            named = self._by_bin(values)
        else:
            named = _rows_of_levels(_level_names(values))
        return {f"{self.name}{name}": rows for name, rows in named.items()}

    def _by_bin(self, values):
        numbers = _bin_numbers(values, self.edges)
        names = [*bin_names(self.edges), f"={MISSING}"]
        found = ((name, np.flatnonzero(numbers == k)) for k, name in enumerate(names))
        return {name: rows for name, rows in found if len(rows)}

    def _decide(self, values, is_categorical):
        numbers = None if is_categorical else numbers_of(values)
        if numbers is None:
            self.edges, self.first = np.empty(0), np.empty(0)
            return
        self.first = np.concatenate([self.first, numbers[~np.isnan(numbers)]])
        if len(self.first) >= self.n_first:
            self.edges, self.first = edges_of(self.first), np.empty(0)


def _rows_of_levels(names):
    """Return the rows of each level, the most frequent one first."""
    levels, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    order = np.argsort(-counts, kind="stable")
    return {f"={levels[k]}": rows[k] for k in order.tolist()}


def _values_of(owner, slices, name, X):
    """Return the values of a column as an array, and whether they are declared as categories."""
    column, kind = slices[name], kind_of(X)
    names = list(X.columns) if kind in (PANDAS, POLARS) and len(X.shape) == 2 else None
    if kind == LIST or len(X.shape) != 2:
        refuse(owner, "slices", f"functions where X is no table, and {name!r} is a column", slices)
    # The number of a column may also be its name.
    if names is None or column not in names:
        if isinstance(column, str) or column >= X.shape[1]:
            there = f"{X.shape[1]}, without names" if names is None else names_in_words(names)
            what = f"columns of X, and {column!r} is none; it has {there}"
            refuse(owner, "slices", what, slices)
        column = column if names is None else names[column]
    if names is not None and names.count(column) > 1:
        refuse(owner, "slices", f"columns that X has once; {column!r} is there twice", slices)
    if kind == SPARSE:
        values = as_csr(X)[:, [column]].toarray().ravel()
    else:
        values = X[:, column] if names is None else X[column]
    is_categorical = str(values.dtype) == "category"
    if is_date(values):
        what = f"no columns of dates, as {name!r} is; pass a function, of the weekday, say"
        refuse(owner, "slices", what, slices)
    return values.to_numpy() if names is not None else values, is_categorical


def is_date(values):
    """Return whether a column, an array or series, holds dates or durations."""
    kind = getattr(values.dtype, "kind", None) or values.to_numpy().dtype.kind
    return kind in "mM"


def _gaps(values):
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind != "O":
        return np.zeros(len(values), dtype=bool)
    return np.fromiter(map(is_gap, values), dtype=bool, count=len(values))


def numbers_of(values):
    """Return numbers as floats, NaN where missing; None for anything else, as text of digits."""
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    if values.dtype.kind != "O":
        return None
    there = [value for value in values.tolist() if not is_gap(value)]
    if not all(isinstance(value, Number) and not isinstance(value, bool) for value in there):
        return None
    numbers = np.full(len(values), np.nan)
    numbers[~_gaps(values)] = there
    return numbers


def edges_of(numbers):
    """Return the edges between bins of about as many values; none if the values are few.

    They are rounded as far as that hardly moves them, so that names can be read.
    """
    if len(np.unique(numbers)) <= _MOST_NUMBERS:
        return np.empty(0)
    finite = numbers[np.isfinite(numbers)]
    edges = _quantiles(finite, np.arange(1, _BINS) / _BINS)
    edges = edges[edges > finite.min()]
    if not len(edges):  # nearly all are the smallest one
        edges = _quantiles(finite[finite > finite.min()], [0.0, 0.5])
    with np.errstate(over="ignore"):
        allowed = _SHIFT * np.ptp(_quantiles(finite, [0.05, 0.95]))
    rounded = (_rounded(edges, digits) for digits in range(2, 18))
    return next(new for new in rounded if _stand_for(new, edges, allowed))


def _rounded(edges, digits):
    return np.array([float(f"{edge:.{digits}g}") for edge in edges])


def _stand_for(rounded, edges, allowed):
    is_near = (np.abs(rounded - edges) <= allowed).all()
    return is_near and np.isfinite(rounded).all() and len(np.unique(rounded)) == len(edges)


def _quantiles(values, shares):
    """Return quantiles that are among the values, each once."""
    return np.unique(np.quantile(values, shares, method="inverted_cdf"))


def bin_names(edges):
    """Return what comes after the name of a column, for each of its bins."""
    texts = [_shortest(float(edge)) for edge in edges]
    between = [f" in [{low}, {high})" for low, high in pairwise(texts)]
    return [f" < {texts[0]}", *between, f" >= {texts[-1]}"]


def _shortest(number):
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def _bin_numbers(values, edges):
    """Return the bin of each value; the last number is for what is missing, or no number."""
    numbers = numbers_of(values)
    if numbers is None:
        numbers = np.array([_number(value) for value in values.tolist()])
    return np.where(np.isnan(numbers), len(edges) + 1, edges.searchsorted(numbers, "right"))


def _number(value):
    is_one = isinstance(value, Number) and not isinstance(value, bool)
    return float(value) if is_one else np.nan


def _level_names(values):
    """Return the level of each value as text: the same for 3, 3.0 and "3"."""
    if values.dtype.kind in "iufb":
        levels, codes = np.unique(values, return_inverse=True)
        return np.array([_text(level) for level in levels.tolist()] or [""])[codes]
    return np.array([_text(value) for value in values.tolist()], dtype=str)


def _text(value):
    if is_gap(value):
        return MISSING
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value)
