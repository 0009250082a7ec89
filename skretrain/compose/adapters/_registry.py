"""Which adapter continues which estimator: one table."""

from functools import cache

from . import (
    _catboost,
    _forest,
    _keras,
    _lightgbm,
    _river,
    _sklearn_boosting,
    _skorch,
    _xgboost,
)
from ._base import BaseAdapter
from ._partial_fit import PartialFitAdapter
from ._warm_start import WarmStartAdapter

# By package and class, so that no library is imported before a user has; subclasses included. What
# users register by the class itself goes before.
_ADAPTERS = {
    **_forest.ADAPTERS,
    **_sklearn_boosting.ADAPTERS,
    **_lightgbm.ADAPTERS,
    **_xgboost.ADAPTERS,
    **_catboost.ADAPTERS,
    **_river.ADAPTERS,
    **_skorch.ADAPTERS,
    **_keras.ADAPTERS,
}

_PARTIAL_FIT, _WARM_START = PartialFitAdapter(), WarmStartAdapter()


def register_adapter(kind, adapter):
    """Say how the estimators of one class, and of its subclasses, go on learning.

    Parameters
    ----------
    kind : type or str
        The class, or ``"package.Class"`` (top-level package and class name) where importing it
        should wait until somebody uses it.
    adapter : BaseAdapter or None
        What continues them. None takes the entry out again.

    Raises
    ------
    TypeError
        If `adapter` is not an adapter, or `kind` neither a class nor such a name.

    Examples
    --------
    An estimator whose ``partial_fit`` should see every batch twice:

    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain.compose import BaseAdapter, partial_fit, register_adapter
    >>> class Twice(BaseAdapter):
    ...     fit_method = "partial_fit"
    ...     incremental = True
    ...
    ...     def update(self, model, X, y, params, effort):
    ...         model.partial_fit(X, y).partial_fit(X, y)
    >>> class MyBayes(GaussianNB):
    ...     pass
    >>> register_adapter(MyBayes, Twice())
    >>> model = MyBayes().fit([[0.0], [1.0]], [0, 1])
    >>> partial_fit(model, [[2.0]], [1]).class_count_.tolist()
    [1.0, 3.0]
    >>> register_adapter(MyBayes, None)
    """
    if adapter is not None and not isinstance(adapter, BaseAdapter):
        raise TypeError(
            f"adapter={adapter!r} is not an adapter: pass an object of a subclass of "
            "skretrain.compose.BaseAdapter."
        )
    is_name = isinstance(kind, str) and kind.count(".") == 1
    if not is_name and not isinstance(kind, type):
        raise TypeError(f"kind={kind!r} must be a class or a name like 'lightgbm.LGBMModel'.")
    if adapter is None:
        _ADAPTERS.pop(kind, None)
    else:
        _ADAPTERS[kind] = adapter
    _listed_for.cache_clear()


def adapter_of(estimator):
    """Return the adapter that continues this estimator, and why there is none: one is empty."""
    adapter = _listed_for(type(estimator))
    if adapter is None:
        adapter, why_not = _generic_adapter_of(estimator)
        if adapter is None:
            return None, f"{type(estimator).__name__} {why_not}"
    why_not = adapter.why_not(estimator)
    return (None, why_not) if why_not else (adapter, "")


def family_of(estimator):
    """Return the adapter that prepares an estimator for a fit, can it be continued or not, or None.

    Only a class in the table, or a subclass, has one.
    """
    return _listed_for(type(estimator))


@cache
def _listed_for(kind):
    """Return the adapter in the table for a class or the nearest of its bases, or None."""
    found = (_ADAPTERS.get(base) or _ADAPTERS.get(_name_of(base)) for base in kind.__mro__)
    return next(filter(None, found), None)


def _generic_adapter_of(estimator):
    if hasattr(estimator, "partial_fit"):
        return _PARTIAL_FIT, ""
    params = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    if "warm_start" not in params:
        return None, "has neither partial_fit nor warm_start"
    # Ensembles read warm_start as "add the members that are missing": with the same number of
    # members it is a silent no-op, with a larger one the model grows for ever.
    if "n_estimators" in params:
        return None, "reads warm_start as adding members, it does not continue those it has"
    return _WARM_START, ""


def _name_of(kind):
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
