"""Whether two objects are in the same state: types, values, and what is one object in both."""

import random
from collections import deque
from types import FunctionType, MethodType

import numpy as np
from scipy import sparse

ATOMS = (type(None), bool, int, float, str, bytes, type, FunctionType, np.generic)
# What the machine was busy with, and parts of compiled objects that only they can compare.
IGNORED = {"cpu_seconds", "wall_seconds"}
OPAQUE = ("sklearn.neighbors._", "sklearn.tree._tree", "sklearn.metrics._dist")
# Never written to: it does not matter whether one of them is one or two.
VALUES = {"pandas", "polars", "river"}


def assert_same_state(one, other):
    """Walk two objects side by side; objects that change are shared in both in the same places."""
    _compare(one, other, type(one).__name__, {})


def objects_in(value):
    """Return all objects in a state, those of the outermost first."""
    seen = {}
    _compare(value, value, "", seen)
    return [found for _, _, found in seen.values()]


def _compare(one, other, path, seen):
    assert type(one) is type(other), path
    if isinstance(one, ATOMS):
        assert one == other or (one != one and other != other), path
        return
    if id(one) in seen:
        library = type(one).__module__.partition(".")[0]
        if library not in VALUES and not _is_frozen(one):
            partner, where, _ = seen[id(one)]
            assert partner == id(other), f"{path} is {where} in one of them alone"
        return
    seen[id(one)] = (id(other), path, one)
    for where, mine, theirs in _parts(one, other):
        _compare(mine, theirs, f"{path}{where}", seen)


def _is_frozen(value):
    params = getattr(type(value), "__dataclass_params__", None)
    return isinstance(value, tuple | frozenset) or (params is not None and params.frozen)


def _parts(one, other):
    """Yield what two objects of one type consist of, pair by pair, with a path to each."""
    kind = type(one).__module__
    if kind.startswith(OPAQUE):
        return
    if isinstance(one, np.ndarray) and not one.dtype.hasobject:
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.ndim < 2 or one.flags.f_contiguous == other.flags.f_contiguous
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, np.ndarray):
        assert one.shape == other.shape
        yield ".flat", list(one.flat), list(other.flat)
    elif isinstance(one, list | tuple | deque):
        assert len(one) == len(other)
        assert getattr(one, "maxlen", 0) == getattr(other, "maxlen", 0)
        yield from ((f"[{k}]", *pair) for k, pair in enumerate(zip(one, other, strict=True)))
    elif isinstance(one, dict):
        yield ".keys", list(one), list(other)
        pairs = zip(one, one.values(), other.values(), strict=True)
        yield from ((f"[{k!r}]", a, b) for k, a, b in pairs if k not in IGNORED)
    elif isinstance(one, set | frozenset):
        assert one == other
    elif isinstance(one, np.random.Generator):
        yield ".state", one.bit_generator.state, other.bit_generator.state
    elif isinstance(one, np.random.RandomState):
        yield ".state", one.get_state(), other.get_state()
    elif isinstance(one, random.Random):
        assert one.getstate() == other.getstate()
    elif isinstance(one, MethodType):
        yield ".self", one.__self__, other.__self__
    elif sparse.issparse(one):
        assert one.shape == other.shape
        for name in ("data", "indices", "indptr"):
            yield f".{name}", getattr(one, name), getattr(other, name)
    elif kind.startswith(("pandas", "polars")):
        assert one.equals(other) if hasattr(one, "equals") else one is other or one == other
        for name in {"columns", "dtypes"} & set(dir(type(one))):
            assert list(getattr(one, name)) == list(getattr(other, name))
    elif getattr(one, "__dict__", None):
        yield "", vars(one), vars(other)
    elif kind.startswith("river._river_rust"):
        assert one.__reduce_ex__(2)[1:3] == other.__reduce_ex__(2)[1:3]
