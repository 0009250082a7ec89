"""The mixin of all that is learned, and how it is written as text and leaves."""

import copyreg
import json
from collections import Counter, deque
from functools import cache, partial
from importlib import import_module
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

_ATOMS = frozenset((type(None), bool, int, float, str))


class Written(NamedTuple):
    """A state that formats can hold which know arrays, lists and estimators, but not all of Python.

    Attributes
    ----------
    text : str
        Its structure, as JSON. An object with a tag as its key stands for what JSON lacks.
    leaves : list
        Arrays, estimators, classes and other objects, which the text names by number.
    """

    text: str
    leaves: list


class Plain:
    """Gives objects a state without anything that only pickle can hold.

    skops asks for ``__getstate__``: it gets a `Written` that tells all down to the leaves, each
    object once. Pickle, joblib and copies ask for ``__reduce_ex__`` first, and get the attributes
    as they are. A subclass that saves other attributes than it holds overrides `_state_to_save` and
    `_restore`.

    Examples
    --------
    >>> from collections import deque
    >>> from skretrain.utils._plain import Plain
    >>> class Recent(Plain):
    ...     def __init__(self):
    ...         self.rows, self.mean = deque([1, 2], maxlen=3), 1.5
    >>> Recent().__getstate__().text
    '{"dict": [["rows", {"deque": [3, {"list": [1, 2]}]}], ["mean", 1.5]]}'
    >>> blank = Recent.__new__(Recent)
    >>> blank.__setstate__(Recent().__getstate__())
    >>> blank.rows
    deque([1, 2], maxlen=3)
    """

    def _state_to_save(self):
        """Return the attributes to save, a new dict."""
        return self.__dict__.copy()

    def _restore(self, state):
        """Take the attributes that were saved."""
        self.__dict__.update(state)

    def _branched(self):
        """Return an object that goes on from this one, which stays as it is.

        Attributes are shared: a subclass that changes one of them in place copies it.
        """
        branch = object.__new__(type(self))
        branch.__dict__.update(self.__dict__)
        return branch

    def __getstate__(self):
        if type(self).__getstate__ is not Plain.__getstate__:
            return self._state_to_save()  # asked for by a subclass, which knows how it goes on
        return _written(self)

    def __setstate__(self, state):
        self._restore(_read(state) if type(state) is Written else state)

    def __reduce_ex__(self, protocol):
        kind = type(self)
        if kind.__reduce__ is not Plain.__reduce__:
            return self.__reduce__()
        return copyreg.__newobj__, (kind,), _state_of(self)

    def __reduce__(self):
        # skops looks at it, sees that it is no mere call of the class, and asks for the state.
        return copyreg.__newobj__, (type(self),), _state_of(self)


def _state_of(value):
    """Return the attributes of an object as it wants them saved."""
    is_ours = type(value).__getstate__ is Plain.__getstate__
    return value._state_to_save() if is_ours else value.__getstate__()


NAMED = set()  # functions of the package that estimators hold, by their full names


def named(function):
    """Mark a function that an estimator holds: whoever loads one without pickle has to trust it."""
    NAMED.add(f"{function.__module__}.{function.__name__}")
    return function


# -- what there is to write ------------------------------------------------------------------------

# By type, or by the library that a type is of: value -> (tag, content), or None for a leaf.
_WRITERS = {}
_READERS = {}  # by tag: content -> value


def register(types, writer, readers):
    """Let values of some types be written.

    Parameters
    ----------
    types : list of type or str
        Types, whose subclasses are not meant, or names of libraries.
    writer : callable
        ``writer(value)`` returns a tag and a list of what the value is made of, or None where it is
        to be a leaf.
    readers : dict of str to callable
        By tag, ``reader(content)`` returns the value.
    """
    _WRITERS.update(dict.fromkeys(types, writer))
    _READERS.update(readers)


@cache
def _writer_of(kind):
    if kind in _WRITERS:
        return _WRITERS[kind]
    if issubclass(kind, Plain):
        return None if kind.__reduce__ is not Plain.__reduce__ else _object
    if issubclass(kind, tuple):
        return _named
    for base in (np.generic, np.dtype):
        if issubclass(kind, base):
            return _WRITERS[base]
    libraries = (base.__module__.partition(".")[0] for base in kind.__mro__)
    return next((_WRITERS[library] for library in libraries if library in _WRITERS), None)


def _written(owner):
    writing = _Writing(owner)
    text = json.dumps(writing.tree(_state_of(owner)))
    return Written(text, writing.leaves)


class _Writing:
    """One state on its way to a text.

    Parameters
    ----------
    owner : object
        Whose state it is.
    """

    def __init__(self, owner):
        self.leaves = []
        self._path = [type(owner).__name__]
        self._open = {id(owner)}  # what is being written, so that circles are found
        self._nodes = {}  # by id: the node, and the value, so that the id stays its own
        self._n_shared = 0

    def tree(self, value):
        """Return what JSON can hold in place of a value."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        if id(value) in self._open:
            self._refuse("itself, in a circle")
        if id(value) in self._nodes:
            return self._again(id(value))
        self._open.add(id(value))
        node = self._node(value, kind)
        self._open.remove(id(value))
        if kind is not tuple:
            self._nodes[id(value)] = node, value
        return node

    def _node(self, value, kind):
        writer = _writer_of(kind)
        found = None if writer is None else writer(value)
        if found is None:
            return self._leaf(value)
        tag, content = found
        return {tag: self._trees(content)}

    def _trees(self, values):
        if _ATOMS.issuperset(map(type, values)):
            return list(values)  # thousands of losses or labels
        return [self._pair(value) if type(value) is _Pair else self.tree(value) for value in values]

    def _pair(self, pair):
        name, value = pair
        if type(name) is str and type(value) in _ATOMS:
            return pair
        self._path.append(str(name))
        trees = [self.tree(name), self.tree(value)]
        self._path.pop()
        return trees

    def _again(self, key):
        """Return what stands for a value that is written already."""
        node, _ = self._nodes[key]
        if "leaf" in node:
            return node
        if "number" not in node:
            node["number"], self._n_shared = self._n_shared, self._n_shared + 1
        return {"same": node["number"]}

    def _leaf(self, value):
        found = value.func if isinstance(value, partial) else value
        is_named = isinstance(found, FunctionType | type)
        kind = found if is_named else type(found)
        if kind.__qualname__ != kind.__name__ or (is_named and not _is_importable(kind)):
            self._refuse(f"{kind.__module__}.{kind.__qualname__}")
        self.leaves.append(value)
        return {"leaf": len(self.leaves) - 1}

    def _refuse(self, what):
        raise TypeError(
            f"{'.'.join(self._path)} holds {what}, which cannot be saved without pickle. Functions "
            "and classes are found again by their names: define them at the top of a module. Or "
            "save the object by pickle, joblib or cloudpickle."
        )


class _Pair(NamedTuple):
    """A name or key, and what belongs to it."""

    name: Any
    value: Any


def _is_importable(kind):
    # Not whether it is the same: what is fitted in another way for a while keeps its name.
    return kind.__name__ != "<lambda>" and hasattr(import_module(kind.__module__), kind.__name__)


def _object(value):
    return "object", [type(value), *map(_Pair._make, _state_of(value).items())]


def _named(value):
    return "named", [type(value), *value]


def _keyed(tag):
    return lambda value: (tag, list(map(_Pair._make, value.items())))


def _sorted(tag):
    return lambda value: (tag, sorted(value, key=repr))  # so that equal states have equal texts


def _listed(tag):
    return lambda value: (tag, list(value))


# -- and to read -----------------------------------------------------------------------------------


def _read(written):
    """Return the attributes of an object."""
    shared = {}

    def value_of(node):
        number = node.pop("number", None)
        ((tag, content),) = node.items()
        if tag == "leaf":
            return written.leaves[content]
        value = shared[content] if tag == "same" else _READERS[tag](content)
        if number is not None:
            shared[number] = value
        return value

    return json.loads(written.text, object_hook=value_of)


def checked_kind(kind, base=object):
    """Return a class of which a text makes an object, or raise ValueError if it is something else.

    Functions that are trusted may be held by what is loaded, and are not run for that. An object
    in the place of a class could have one of them as its ``_make``.
    """
    if not isinstance(kind, type) or not issubclass(kind, base):
        raise ValueError(f"{kind!r} stands where a class is to be: the state was made by hand.")
    return kind


def _made(content):
    kind, *pairs = content
    value = checked_kind(kind, Plain).__new__(kind)
    value.__setstate__(dict(pairs))
    return value


def _of_names(content):
    kind, *values = content
    return checked_kind(kind, tuple)._make(values)


register([list], _listed("list"), {"list": list})
register([tuple], _listed("tuple"), {"tuple": tuple})
register([set], _sorted("set"), {"set": set})
register([frozenset], _sorted("frozenset"), {"frozenset": frozenset})
register([dict], _keyed("dict"), {"dict": dict})
register([Counter], _keyed("counter"), {"counter": lambda pairs: Counter(dict(pairs))})
register(
    [deque],
    lambda value: ("deque", [value.maxlen, list(value)]),
    {"deque": lambda content: deque(content[1], content[0])},
)
_READERS.update({"object": _made, "named": _of_names})
