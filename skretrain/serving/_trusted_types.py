"""The types that a file of skops may name, so that objects of skretrain can be loaded from it."""

import inspect
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from sklearn.base import BaseEstimator

import skretrain

from ..compose.adapters._mended import Mended
from ..utils._plain import NAMED, Plain

_WITH_STATE = (Plain, BaseEstimator, Mended, tuple)
# They are programs, checks and generators of data, and nothing that a model holds.
_WITHOUT_STATE = ("skretrain.__main__", "skretrain.datasets", "skretrain.utils.estimator_checks")


def trusted_types():
    """Return the types of skretrain that ``skops.io.load`` has to be told to trust.

    Returns
    -------
    types : list of str
        Every class of the package that has a state, and the functions that its estimators hold, by
        their full names, sorted. Those of a base are not
        among them: see the notes.

    Notes
    -----
    skops makes nothing of a type that it does not trust, and trusts most of scikit-learn. What a
    base asks for beyond that when it is dumped alone, a retrainer of it asks for, too: that of tree
    ensembles is ``sklearn.tree._tree.Tree``, which skops leaves to you as a false one can crash the
    process. ``skops.io.get_untrusted_types(file=...)`` tells what a file needs.

    River's detectors, pandas, polars and sparse rows need nothing.

    Examples
    --------
    >>> from skretrain.serving import trusted_types
    >>> "skretrain._drift_aware.DriftAwareRetrainer" in trusted_types()
    True
    """
    return list(_names())


@cache
def _names():
    found = set()
    for module in _modules():
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and issubclass(kind, _WITH_STATE):
                found.add(f"{kind.__module__}.{kind.__name__}")
    return tuple(sorted(found | NAMED))


def _modules():
    """Yield the modules of skretrain, imported."""
    for info in walk_packages(skretrain.__path__, "skretrain."):
        if not info.name.startswith(_WITHOUT_STATE):
            yield import_module(info.name)
