"""River's objects as names, numbers and bytes, for formats that cannot pickle."""

import copyreg
from importlib import import_module
from types import MethodType
from typing import NamedTuple

from ..utils._plain import checked_kind

# Where detectors are, and what they are made of: nothing else is made on the word of a file.
_PARTS = ("river.drift.", "river.stats.", "river._river_rust.")


class OwnMethod(NamedTuple):
    """Stands for a method that an object holds of itself."""

    name: str


def parts_of(value):
    """Return class and state of an object of river, or of a subclass, as pickle would.

    Parameters
    ----------
    value : object
        A detector, or a part of one; not touched.

    Returns
    -------
    written : tuple of str and list, or None
        What :func:`made_of` needs; None for a class, and for what pickle makes in its own way.
    """
    if isinstance(value, type):
        return None
    kind = type(value)
    make, *reduced = value.__reduce_ex__(2)
    if make is not copyreg.__newobj__:
        return None
    (_, *args), state, *_ = reduced
    state = {} if state is None else state  # the bytes of compiled parts, where they have one
    if type(state) is dict:
        state = {name: _without_self(value, part) for name, part in state.items()}
    is_rivers = f"{kind.__module__}.".startswith(_PARTS)
    return "river", [f"{kind.__module__}:{kind.__name__}" if is_rivers else kind, args, state]


def _without_self(owner, part):
    is_own = isinstance(part, MethodType) and part.__self__ is owner
    return OwnMethod(part.__name__) if is_own else part


def made_of(parts):
    """Return the object that :func:`parts_of` was given.

    Parameters
    ----------
    parts : list
        Its class by name, or the class itself where the one who loads has trusted it; arguments of
        ``__new__``; state.

    Returns
    -------
    value : object
        It goes on as the one that was written.

    Raises
    ------
    ValueError
        If the name is of nothing that detectors are made of.
    """
    kind, args, state = parts
    kind = _class_of(kind) if isinstance(kind, str) else _checked(kind)
    value = kind.__new__(kind, *args)
    if type(state) is not dict:
        value.__setstate__(state)
        return value
    for name, part in state.items():
        vars(value)[name] = getattr(value, part.name) if type(part) is OwnMethod else part
    return value


def _class_of(path):
    module, _, name = path.partition(":")
    kind = getattr(import_module(module), name) if f"{module}.".startswith(_PARTS) else None
    if not isinstance(kind, type):
        raise ValueError(f"{path} is no part of a drift detector of river.")
    return kind


def _checked(kind):
    if not any(base.__module__.startswith("river.") for base in checked_kind(kind).__mro__):
        raise ValueError(f"{kind} is no detector of river.")
    return kind
