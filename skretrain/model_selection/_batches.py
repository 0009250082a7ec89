"""A stream as batches in the order of time: cut from arrays, or taken as they come."""

from collections import deque
from itertools import pairwise
from operator import length_hint
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_consistent_length

from ..utils._containers import as_container, concat_rows, n_rows, take_rows
from ._row_params import check_any_counts, checked_row_params, weight_mask


class Batch(NamedTuple):
    """Rows that come together.

    Attributes
    ----------
    X : container
        Features.
    y : ndarray or None
        Targets.
    params : dict of str to ndarray
        Per-row arguments of ``fit`` and ``partial_fit``.
    counted : ndarray of bool or None
        Which rows count, those of weight zero do not; None is all.
    """

    X: Any
    y: Any
    params: dict
    counted: Any = None

    def part(self, piece):
        """Return the rows of a slice, or of positions."""
        params = {name: values[piece] for name, values in self.params.items()}
        y, counted = (
            None if values is None else values[piece] for values in (self.y, self.counted)
        )
        return Batch(take_rows(self.X, piece), y, params, counted)

    @property
    def n_counted(self):
        """How many rows count, an int."""
        return n_rows(self.X) if self.counted is None else int(self.counted.sum())

    def that_counts(self):
        """Return the rows that count."""
        is_whole = self.n_counted == n_rows(self.X)
        return self if is_whole else self.part(np.flatnonzero(self.counted))

    def learned_by(self, learn):
        """Hand everything to ``fit`` or ``partial_fit``, and return what that returns."""
        return learn(self.X, self.y, **self.params)


def batches_of(X, y, edges, params=None, counted=None, *, estimator=None):
    """Return an :class:`ArrayBatches` or a :class:`GivenBatches` for what a user passed.

    Parameters
    ----------
    X : array-like, or iterable of (X, y) or (X, y, params)
        All rows, or batches.
    y : array-like or None
        All targets; None where `X` gives batches or there are none.
    edges : ndarray of shape (n_batches + 1,)
        Where the batches of an array begin and end.
    params : dict of str to ndarray, default=None
        Per-row arguments of the rows of an array.
    counted : ndarray of bool or None, default=None
        Which of these rows count.
    estimator : estimator or None, default=None
        What learns batches that have such arguments.
    """
    if gives_batches(X, y):
        return GivenBatches(X, estimator)
    y = None if y is None else np.asarray(y)
    return ArrayBatches(Batch(as_container(X), y, params or {}, counted), edges)


def gives_batches(X, y):
    """Tell batches that come as they come from all rows at once."""
    if y is not None or hasattr(X, "shape") or not hasattr(X, "__iter__"):
        return False
    if not hasattr(X, "__getitem__"):
        return True
    return len(X) > 0 and isinstance(X[0], tuple) and any(np.ndim(part) > 0 for part in X[0])


def check_at_hand(owner, X, y):
    """Raise ValueError for batches where all rows are needed at once."""
    if gives_batches(X, y):
        raise ValueError(
            f"{owner} fits models on windows of the history, for which it needs all rows together, "
            "and X gives batches, which come one after the other. Pass X and y, of the newest rows "
            "that fit in memory, say; or hand the batches to compare_policies, for which one pass "
            "is enough."
        )


def check_not_given(**options):
    """Raise ValueError for what is about all rows, where X gives batches: one that is not None."""
    for name, given in options.items():
        if given is not None:
            way = "give each batch as (X, y, params)" if name == "params" else "pass all rows"
            raise ValueError(
                f"{name} is for rows that are given together: X gives batches of (X, y), which "
                f"have a size of their own. Pass {name}=None, and {way}."
            )


def check_goes_again(X, n_passes):
    """Raise ValueError for batches that end with the first of several passes."""
    if n_passes > 1 and iter(X) is X:
        raise ValueError(
            f"seeds: X gives batches once, and {n_passes} seeds take as many passes. Pass what "
            "begins anew with each iteration, such as a list, or evaluate one seed at a time."
        )


class ArrayBatches:
    """Rows at hand, cut into batches; the rest after `head` knows its length."""

    def __init__(self, rows, edges):
        self.rows, self.edges = rows, edges
        self.n_taken = 0

    def head(self, size):
        """Take the first batch, which has `size` rows."""
        self.n_taken = 1
        return self.rows.part(slice(0, size))

    def kept(self, X):
        """Return what a scorer may be shown of a batch later: the batch, a view."""
        return X

    def rest(self):
        """Return all rows after the head, a view where the container has them."""
        return take_rows(self.rows.X, slice(int(self.edges[self.n_taken]), None))

    def __len__(self):
        return len(self.edges) - 1 - self.n_taken

    def __iter__(self):
        for first, stop in pairwise(self.edges[self.n_taken :].tolist()):
            yield self.rows.part(slice(first, stop))


class GivenBatches:
    """Batches as an iterable gives them, each of its own size; how many is rarely known."""

    def __init__(self, iterable, estimator):
        self.iterator, self.estimator = iter(iterable), estimator
        self.n_given = self._n_counted = 0
        self.step = None  # rows of the first of them
        self._n_checked, self._names = 0, None

    def head(self, size):
        """Take batches until there are `size` rows."""
        parts, found = [], 0
        for given in self.iterator:
            parts.append(self._checked(*_parts_of(given)))
            found += n_rows(parts[-1].X)
            self.step = self.step or found
            if found >= size:
                head = joined_batches(parts)
                check_any_counts(self.estimator, head.params, "of the first fit")
                return head
        raise ValueError(
            f"The batches ended after {found} rows, before the {size} of the first fit: lower "
            "initial_size, or pass more batches."
        )

    def kept(self, X):
        """Return a stand-in without features: the stream may be larger than the memory."""
        return np.empty((n_rows(X), 0))

    def rest(self):
        """Return a stand-in for all rows after the head."""
        return np.empty((self.n_given, 0))

    def __length_hint__(self):
        """Return how many batches are about to come, 0 if the iterable does not know."""
        return length_hint(self.iterator)

    def __iter__(self):
        for given in self.iterator:
            batch = self._checked(*_parts_of(given))
            self.n_given += n_rows(batch.X)
            self._n_counted += batch.n_counted
            yield batch
        if self.n_given and not self._n_counted:
            raise ValueError(
                "params: the weight is 0 in all rows after the first fit, so that none of them "
                "counts. Pass a lower initial_size, or weights above 0."
            )

    def _checked(self, X, y, params=None):
        owner = f"params of batch {self._n_checked}"
        batch = checked_batch(X, y, params, self.estimator, owner)
        self._names = batch.params.keys() if self._names is None else self._names
        if batch.params.keys() != self._names:
            raise ValueError(
                f"{owner} are {sorted(batch.params)}, and those before have {sorted(self._names)}: "
                "give the same to all batches, or none."
            )
        self._n_checked += 1
        return batch


def _parts_of(given):
    """Return what an iterable gives as features, targets and maybe params, or raise ValueError."""
    if isinstance(given, tuple | list) and len(given) in (2, 3):
        return given
    n_parts = f" of {len(given)}" if isinstance(given, tuple | list) else ""
    raise ValueError(
        f"X gives a {type(given).__name__}{n_parts} where a batch is to be: each is a pair (X, y), "
        "or (X, y, params) with a dict such as {'sample_weight': weights}."
    )


def checked_batch(X, y, params=None, estimator=None, owner="params"):
    """Return a batch that was given as a Batch."""
    check_consistent_length(X, y)
    found = checked_row_params(estimator, params, n_rows(X), name=owner)
    # What is kept must not keep the features alive that it may share memory with.
    found = {name: np.array(values) for name, values in found.items()}
    y = None if y is None else np.array(y)
    return Batch(as_container(X), y, found, weight_mask(estimator, found))


def joined_batches(parts):
    """Return several batches as one."""
    first = parts[0]
    params = {name: concat_rows([part.params[name] for part in parts]) for name in first.params}
    y, counted = (
        None if getattr(first, name) is None else concat_rows([getattr(p, name) for p in parts])
        for name in ("y", "counted")
    )
    return Batch(concat_rows([part.X for part in parts]), y, params, counted)


class Waiting:
    """Rows whose labels are not known yet, and come in the order of the rows."""

    def __init__(self):
        self._parts = deque()

    def add(self, batch):
        """Append a batch."""
        self._parts.append(batch)

    def take(self, size):
        """Remove and return the oldest `size` rows."""
        taken = []
        while size:
            batch = self._parts.popleft()
            if n_rows(batch.X) > size:
                self._parts.appendleft(batch.part(slice(size, None)))
                batch = batch.part(slice(0, size))
            taken.append(batch)
            size -= n_rows(batch.X)
        return joined_batches(taken)


class WaitingByRow:
    """Rows at hand, whose labels come in an order of their own.

    Parameters
    ----------
    rows : Batch
        All rows of the stream.
    order : ndarray of int
        In which order labels come.
    """

    def __init__(self, rows, order):
        self.rows, self.order = rows, order
        self.n_taken = 0

    def add(self, batch):
        """Do nothing: its rows are at hand."""

    def take(self, size):
        """Return the `size` rows whose labels come next."""
        self.n_taken += size
        return self.rows.part(self.order[self.n_taken - size : self.n_taken])
