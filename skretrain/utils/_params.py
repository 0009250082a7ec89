"""Checks of parameters: one idea of what a number is, and one form of words for a refusal.

An owner is the object that has the parameter, whose value is then looked up, or the name of a
function, which passes the value. Values are checked when they are used, never by a constructor, so
that ``clone`` and ``set_params`` work with whatever is given.
"""

import math
from numbers import Integral, Real

import numpy as np

_OF_OWNER = object()  # None is a value, too
_BOUNDS = {"least": "of at least", "above": "above", "most": "at most", "below": "below"}


def is_integer(value, *, least=-math.inf, most=math.inf):
    """Return whether a value is a whole number within bounds; a bool is none, nor is 2.0.

    Examples
    --------
    >>> from skretrain.utils._params import is_integer
    >>> is_integer(3, least=1), is_integer(0, least=1), is_integer(True), is_integer(3.0)
    (True, False, False, False)
    """
    # numpy counts a timedelta among the integers.
    is_one = isinstance(value, Integral) and not isinstance(value, (bool, np.timedelta64))
    return is_one and least <= value <= most


def is_number(value, *, least=-math.inf, above=-math.inf, most=math.inf, below=math.inf):
    """Return whether a value is a finite number within bounds; a bool is none.

    Examples
    --------
    >>> from skretrain.utils._params import is_number
    >>> is_number(0.5, above=0, most=1), is_number(0, above=0), is_number(True)
    (True, False, False)
    >>> is_number(float("nan")), is_number(float("inf"))
    (False, False)
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    # Open by default, so that neither infinity is inside; NaN is nowhere.
    return bool(above < value < below and least <= value <= most)


def is_flag(value):
    """Return whether a value is True or False, Python's or numpy's."""
    return isinstance(value, bool | np.bool_)


def check_integer(
    owner, parameter, value=_OF_OWNER, *, least=None, most=None, what="", otherwise=()
):
    """Raise ValueError unless a parameter is an integer within bounds.

    Parameters
    ----------
    owner : object or str
        What has the parameter, or the name of a function.
    parameter : str
        Its name.
    value : object, optional
        Its value, where `owner` is a name.
    least, most : int or None, default=None
        Bounds, both allowed values.
    what : str, default=""
        What the number stands for, told in the refusal.
    otherwise : tuple of (str or None), default=()
        Other values that are accepted.

    Raises
    ------
    ValueError
        Naming the owner, the parameter, the value, and what is accepted.

    Examples
    --------
    >>> from skretrain.utils._params import check_integer
    >>> check_integer("thin", "every", 3, least=1, what="a number of rows", otherwise=(None,))
    >>> check_integer("thin", "every", 0, least=1, what="a number of rows", otherwise=(None,))
    Traceback (most recent call last):
        ...
    ValueError: thin(every=0): every must be an integer of at least 1, a number of rows, or None.
    """
    value = _value_of(owner, parameter, value)
    bounds = {"least": least, "most": most}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    if not (is_integer(value, **bounds) or _is_one_of(value, otherwise)):
        refuse(owner, parameter, _accepted("integer", bounds, what, otherwise), value)


def check_number(owner, parameter, value=_OF_OWNER, *, what="", otherwise=(), **bounds):
    """Raise ValueError unless a parameter is a finite number within bounds.

    Parameters
    ----------
    owner : object or str
        What has the parameter, or the name of a function.
    parameter : str
        Its name.
    value : object, optional
        Its value, where `owner` is a name.
    what : str, default=""
        What the number stands for, told in the refusal.
    otherwise : tuple of (str or None), default=()
        Other values that are accepted.
    **bounds : float
        ``least`` or ``above``, and ``most`` or ``below``.

    Raises
    ------
    ValueError
        Naming the owner, the parameter, the value, and what is accepted.

    Examples
    --------
    >>> from skretrain.utils._params import check_number
    >>> check_number("thin", "share", 0.5, above=0, most=1)
    >>> check_number("thin", "share", "half", above=0, most=1)
    Traceback (most recent call last):
        ...
    ValueError: thin(share='half'): share must be a number above 0 and at most 1.
    """
    value = _value_of(owner, parameter, value)
    if not (is_number(value, **bounds) or _is_one_of(value, otherwise)):
        refuse(owner, parameter, _accepted("number", bounds, what, otherwise), value)


def check_choice(owner, parameter, choices, value=_OF_OWNER):
    """Raise ValueError unless a parameter is one of some words, or None where that is among them.

    Parameters
    ----------
    owner : object or str
        What has the parameter, or the name of a function.
    parameter : str
        Its name.
    choices : iterable of (str or None)
        What is accepted.
    value : object, optional
        Its value, where `owner` is a name.

    Raises
    ------
    ValueError
        Naming the owner, the parameter, the value, and what is accepted.

    Examples
    --------
    >>> from skretrain.utils._params import check_choice
    >>> check_choice("thin", "order", ("random", "stream"), "backwards")
    Traceback (most recent call last):
        ...
    ValueError: thin(order='backwards'): order must be one of 'random', 'stream'.
    """
    value = _value_of(owner, parameter, value)
    if not _is_one_of(value, choices):
        refuse(owner, parameter, f"one of {', '.join(map(repr, choices))}", value)


def check_flag(owner, parameter, value=_OF_OWNER):
    """Raise ValueError unless a parameter is True or False; 1 and "no" are neither."""
    value = _value_of(owner, parameter, value)
    if not is_flag(value):
        refuse(owner, parameter, "True or False", value)


def check_has(owner, parameter, value, attributes, what):
    """Raise ValueError unless a value has the attributes by which it is used, whatever its type.

    Examples
    --------
    >>> from skretrain.utils._params import check_has
    >>> check_has("draw", "result", None, ("rows", "events"), "the result of an evaluation")
    Traceback (most recent call last):
        ...
    ValueError: draw(result=None): result must be the result of an evaluation.
    """
    if not all(hasattr(value, name) for name in attributes):
        refuse(owner, parameter, what, value)


def check_n_jobs(owner, value=_OF_OWNER):
    """Raise ValueError unless `n_jobs` is what joblib takes: None, or an integer other than 0."""
    value = _value_of(owner, "n_jobs", value)
    if value is not None and (not is_integer(value) or value == 0):
        accepted = "an integer other than 0, of which -1 is all processors, or None"
        refuse(owner, "n_jobs", accepted, value)


def checked_seeds(owner, seeds):
    """Return seeds as a list, those from 0 on for a number of them, or raise ValueError.

    Examples
    --------
    >>> from skretrain.utils._params import checked_seeds
    >>> checked_seeds("search", 3), checked_seeds("search", [7, 5])
    ([0, 1, 2], [7, 5])
    """
    found = range(seeds) if is_integer(seeds) else seeds
    found = list(found) if hasattr(found, "__iter__") else []
    if not found or not all(is_integer(seed, least=0, most=2**32 - 1) for seed in found):
        accepted = "a number of seeds, a sequence of integers from 0 to 2**32 - 1, or None"
        refuse(owner, "seeds", accepted, seeds)
    return found


def names_in_words(names, most=12):
    """Return names as text, not too many.

    Examples
    --------
    >>> from skretrain.utils._params import names_in_words
    >>> names_in_words(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    return listed(list(map(repr, names)), most)


def listed(texts, most):
    """Return texts one after the other, not too many; see :func:`names_in_words`."""
    rest = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {rest} more" if rest > 0 else "")


def refuse(owner, parameter, accepted, value=_OF_OWNER):
    """Raise the ValueError of all checks, with words of its own for what is accepted.

    Examples
    --------
    >>> from skretrain.utils._params import refuse
    >>> refuse("thin", "gate", "None or an object of skretrain.gates", 3)
    Traceback (most recent call last):
        ...
    ValueError: thin(gate=3): gate must be None or an object of skretrain.gates.
    """
    value = _value_of(owner, parameter, value)
    name = owner if isinstance(owner, str) else type(owner).__name__
    raise ValueError(f"{name}({parameter}={value!r}): {parameter} must be {accepted}.")


def _value_of(owner, parameter, value):
    return getattr(owner, parameter) if value is _OF_OWNER else value


def _is_one_of(value, words):
    # Types first: an array compares with a word in its own way.
    return any(
        value is word if word is None else isinstance(value, str) and value == word
        for word in words
    )


def _accepted(kind, bounds, what, otherwise):
    """Return in words which numbers, and which other values, are accepted."""
    others = " or ".join(map(repr, otherwise))
    return ", ".join(
        part for part in (_in_words(kind, bounds), what, others and f"or {others}") if part
    )


def _in_words(kind, bounds):
    if kind == "number" and len(bounds) < 2:
        kind = "finite number"  # else the bounds say so
    limits = " and ".join(f"{_BOUNDS[name]} {bound}" for name, bound in bounds.items())
    return f"{'an' if kind == 'integer' else 'a'} {kind} {limits}".rstrip()
