"""The criteria of a gate: a metric or a scorer, the class and the slice that it is about."""

import inspect
import re
from typing import Any, NamedTuple

from sklearn.metrics import get_scorer, get_scorer_names

from ..metrics._slices import check_slices, definition_of, slice_mask
from ..utils._params import is_number, refuse
from ..utils._sklearn_api import response_methods
from ._scorers import LEAST_ROWS

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
    """What a name and its value say; None where there is no class, no slice, or no scorer."""

    name: str
    allowed: Any
    metric: str | None
    label: str | None
    slice_name: str | None
    scorer: Any = None


def criteria_of(gate):
    """Return the criteria of a gate, a list."""
    return [parsed(name, value, gate.slices) for name, value in (gate.criteria or {}).items()]


def parsed(name, value, slices):
    """Return a criterion; it has neither a metric nor a scorer if the name stands for none.

    Examples
    --------
    >>> from skretrain.gates._criteria import parsed
    >>> parsed("recall[fraud][shop=3]", -0.1, {"shop": 0})[2:5]
    ('recall', 'fraud', 'shop=3')
    >>> parsed("roc_auc[shop=3]", -0.1, {"shop": 0}).scorer
    'roc_auc'
    """
    scorer, allowed = value if isinstance(value, tuple) and len(value) == 2 else (None, value)
    if not isinstance(name, str):
        return Criterion(name, allowed, None, None, None)
    base, slice_name = _without_slice(name, slices or {})
    if scorer is None and base in get_scorer_names() and base not in _METRICS:
        scorer = base
    if scorer is not None:
        return Criterion(name, allowed, None, None, slice_name, scorer)
    found = re.fullmatch(r"(\w+)(?:\[(.*)\])?", base)
    metric, label = found.groups() if found else (None, None)
    return Criterion(name, allowed, metric, label, slice_name)


def _without_slice(name, slices):
    """Return a name without the slice in brackets at its end, and that slice or None."""
    for start in re.finditer(r"\[", name):
        inside = name[start.end() : -1]
        if name.endswith("]") and definition_of(slices, inside) is not None:
            return name[: start.start()], inside
    return name, None


def scorer_of(scorer):
    """Return a scorer, given as one or by its name."""
    return get_scorer(scorer) if isinstance(scorer, str) else scorer


def needs_classes(gate):
    """Whether a criterion is about right and wrong; the loss of a slice is for all models."""
    return any(of.scorer is None and of.metric != "loss" for of in criteria_of(gate))


def rows_in(gate, slice_name, X):
    """Return which rows a criterion is about, as an index."""
    return slice(None) if slice_name is None else slice_mask(gate, gate.slices, slice_name, X)


def check_methods(gate, criterion, *models):
    """Raise ValueError unless models can be asked for what a scorer, if it is one, needs."""
    needed = response_methods(scorer_of(criterion.scorer))
    if needed and not any(all(hasattr(model, name) for model in models) for name in needed):
        methods, kinds = (
            " or ".join(needed),
            " and ".join(sorted({type(m).__name__ for m in models})),
        )
        accepted = f"about what the model can be asked for: {criterion.name} needs {methods}, "
        refuse(gate, "criteria", f"{accepted}which {kinds} does not have")


def check_criteria(gate):
    """Raise ValueError unless the criteria of a gate, and their slices, are some."""
    criteria, slices = gate.criteria, gate.slices
    if slices is not None:
        check_slices(gate, slices)
    if criteria is not None and not isinstance(criteria, dict):
        refuse(gate, "criteria", 'a dict such as {"recall[fraud]": -0.01}, or None')
    found = criteria_of(gate)
    for criterion in found:
        if criterion.scorer is None:
            _check_metric(gate, criterion)
        else:
            _check_scorer(gate, criterion)
    if slices is not None and not any(criterion.slice_name for criterion in found):
        accepted = "None, as no criterion is about one of them, as accuracy[country=DE] is"
        refuse(gate, "slices", accepted)


def _check_metric(gate, criterion):
    name, allowed, metric, label, slice_name, _ = criterion
    if name in ANCHORS and is_number(allowed, above=-1, below=1):
        return
    if metric == "loss" and slice_name is None:
        refuse(gate, "criteria", "about a slice where it is the loss; that of all is `tolerance`")
    if metric not in _METRICS or (metric in _OF_ALL and label is not None):
        metrics = ", ".join(metric for metric in _METRICS if metric != "loss")
        accepted = f"named {metrics}, all but the first with [class], or anchor"
        if gate.slices:
            accepted += f"; each but anchor, and loss, with [slice], of {', '.join(gate.slices)}"
        accepted += "; or as a scorer of scikit-learn; a scorer of your own is a pair of it and "
        accepted += 'the allowed change, as {"gain": (make_scorer(gain), -0.01)}'
        refuse(gate, "criteria", accepted)
    low = 0 if metric == "negative_flips" else -1
    if not is_number(allowed, above=low, below=1):
        refuse(gate, "criteria", f"an allowed change in ({low}, 1) for {name}")


def _check_scorer(gate, criterion):
    name, scorer = criterion.name, criterion.scorer
    if name == "loss" or name in ANCHORS:
        refuse(gate, "criteria", f"a scorer under another name than {name}, which is taken")
    if isinstance(scorer, str) and scorer not in get_scorer_names():
        refuse(gate, "criteria", f"a scorer that scikit-learn has; it has no {scorer!r}")
    if not isinstance(scorer, str) and not _takes_a_model(scorer):
        what = "make_scorer(function), the name of a scorer, or a function of (estimator, X, y)"
        refuse(gate, "criteria", f"a scorer for {name}: {what}")
    if not is_number(criterion.allowed):
        refuse(gate, "criteria", f"an allowed change, a finite number, for {name}")
    if gate.max_rows < LEAST_ROWS:
        accepted = f"at least {LEAST_ROWS}, as {name} is a scorer: fewer rows show nothing"
        refuse(gate, "max_rows", accepted)


def _takes_a_model(scorer):
    """Tell a scorer from a metric, a function of two lists, which is none."""
    if not callable(scorer):
        return False
    try:
        inspect.signature(scorer).bind("estimator", "X", "y")
    except TypeError:
        return False
    except ValueError:  # what is compiled has no signature
        return True
    return True
