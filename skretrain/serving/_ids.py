"""Ids of the user: anything that can be a key, one for each row."""

from collections import Counter

from ..utils._durations import is_gap
from ..utils._params import refuse

_SHOWN = 5


def new_ids(owner, ids, n):
    """Return ids of n rows as a list, or raise ValueError where no row is found again by one."""
    ids = as_list(owner, ids)
    if len(ids) != n:
        raise ValueError(f"{owner}: ids must hold one id per row: got {len(ids)} for {n} rows.")
    gaps = [each for each in ids if is_gap(each)]
    if gaps:
        raise ValueError(f"{owner}: ids hold {gaps[0]!r}, by which no row is found again.")
    return ids


def repeated_in(ids):
    """Return those ids that come more than once."""
    return [each for each, times in Counter(ids).items() if times > 1]


def as_list(owner, ids):
    """Return ids of the user as a list of things that can be looked up, or raise ValueError."""
    # A set has no order, and a text is one id.
    is_one = isinstance(ids, str | bytes | set | frozenset | dict) or not hasattr(ids, "__len__")
    if is_one or getattr(ids, "shape", (0,)) == ():
        refuse(owner, "ids", "a list or an array with one id per row", ids)
    ids = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    for place, each in enumerate(ids):
        try:
            hash(each)
        except TypeError:
            raise ValueError(
                f"{owner}: ids must be hashable, such as numbers, texts or tuples; item {place} is "
                f"{each!r}."
            ) from None
    return ids


def shown(names):
    """Return some ids as text."""
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
