"""The names of criteria: a metric, the class that it is about, the slice of the rows."""

import re
from typing import NamedTuple

from ..metrics._slices import check_slices, definition_of
from ..utils._params import is_number, refuse

_OF_ALL = ("accuracy", "loss")  # no class may be named
_METRICS = (
    "accuracy",
    "loss",
    "recall",
    "false_positive_rate",
    "false_negative_rate",
    "negative_flips",
)
ANCHORS = ("anchor", "anchor[present]")
FALLS = ("loss", "false_positive_rate", "false_negative_rate", "negative_flips")  # smaller: better


class Criterion(NamedTuple):
    """What a name says; None where there is no class, or no slice."""

    metric: str | None
    label: str | None
    slice_name: str | None


def parsed(name, slices):
    """Return the criterion that a name stands for; its metric is None if it stands for none.

    Examples
    --------
    >>> from skretrain.gates._criteria import parsed
    >>> parsed("recall[fraud][shop=3]", {"shop": 0})
    Criterion(metric='recall', label='fraud', slice_name='shop=3')
    """
    if not isinstance(name, str):
        return Criterion(None, None, None)
    name, slice_name = _without_slice(name, slices or {})
    found = re.fullmatch(r"(\w+)(?:\[(.*)\])?", name)
    metric, label = found.groups() if found else (None, None)
    return Criterion(metric, label, slice_name)


def _without_slice(name, slices):
    """Return a name without the slice in brackets at its end, and that slice or None."""
    for start in re.finditer(r"\[", name):
        inside = name[start.end() : -1]
        if name.endswith("]") and definition_of(slices, inside) is not None:
            return name[: start.start()], inside
    return name, None


def check_criteria(gate):
    """Raise ValueError unless the criteria of a gate, and their slices, are some."""
    criteria, slices = gate.criteria, gate.slices
    if slices is not None:
        check_slices(gate, slices)
    criteria = {} if criteria is None else criteria
    if not isinstance(criteria, dict):
        refuse(gate, "criteria", 'a dict such as {"recall[fraud]": -0.01}, or None')
    for name, allowed in criteria.items():
        _check_criterion(gate, name, allowed)
    if slices is not None and not any(parsed(name, slices).slice_name for name in criteria):
        accepted = "None, as no criterion is about one of them, as accuracy[country=DE] is"
        refuse(gate, "slices", accepted)


def _check_criterion(gate, name, allowed):
    if name in ANCHORS and is_number(allowed, above=-1, below=1):
        return
    metric, label, slice_name = parsed(name, gate.slices)
    if metric == "loss" and slice_name is None:
        refuse(gate, "criteria", "about a slice where it is the loss; that of all is `tolerance`")
    if metric not in _METRICS or (metric in _OF_ALL and label is not None):
        metrics = ", ".join(metric for metric in _METRICS if metric != "loss")
        accepted = f"named {metrics}, all but the first with [class], or anchor"
        if gate.slices:
            accepted += f"; each but anchor, and loss, with [slice], of {', '.join(gate.slices)}"
        refuse(gate, "criteria", accepted)
    low = 0 if metric == "negative_flips" else -1
    if not is_number(allowed, above=low, below=1):
        refuse(gate, "criteria", f"an allowed change in ({low}, 1) for {name}")
