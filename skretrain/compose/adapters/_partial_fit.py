"""Estimators with a partial_fit of their own."""

from contextlib import ExitStack
from functools import cache
from inspect import signature

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.frozen import FrozenEstimator

from ...linear_model import RecursiveRidgeRegressor
from ...utils._labels import unseen_labels
from ...utils._sklearn_api import holding_layers, reheated
from .._growth import can_grow, grow_for
from ._base import BaseAdapter, is_among, set_for_now

_PLAIN = (str, int, float, type(None))  # they hold no estimator


class PartialFitAdapter(BaseAdapter):
    """Call the estimator's own ``partial_fit``; new classes grow where that does no harm."""

    method = "partial_fit"
    fit_method = "partial_fit"
    incremental = True

    def why_not(self, estimator):
        params = _params_inside(estimator)
        if any(isinstance(part, FrozenEstimator) for part in params):
            name = type(estimator).__name__
            return f"{name} has a frozen part, which its partial_fit would change"
        parts = [part for part in params if hasattr(part, "partial_fit")]
        reasons = [_refused_parameter(estimator), *map(_refused_parameter, parts)]
        # An inner perceptron; update sees to the warm_start of an outer one.
        reasons += [_refused_warm_start(part) for part in parts]
        if getattr(estimator, "prefit", None) is True:
            reasons.append(f"{type(estimator).__name__} learns nothing with prefit=True")
        return next(filter(None, reasons), "")

    def refusal(self, model, y, effort):
        if _is_a(model, "SelectFromModel"):  # it passes the rows on, and knows nothing of them
            return self.refusal(model.estimator_, y, effort)
        members = model.estimators_ if _is_a(model, *_META) else ()
        constant = [type(part).__name__ for part in members if not hasattr(part, "partial_fit")]
        if constant:
            return f"{type(model).__name__} has parts without partial_fit: {sorted(set(constant))}"
        reason = other_outputs(model, y) or super().refusal(model, y, effort)
        if not reason and effort.freeze:
            reason = _why_not_held(model, y, effort)
        return reason if reason or not members else _why_not_by_parts(model, members, y)

    def can_grow(self, model, new):
        return can_grow(model, new)

    def freezable(self, estimator):
        return _layers_of(estimator)

    def update(self, model, X, y, params, effort):
        grow_for(model, y)
        if effort.reheat:
            reheated(model)
        # With warm_start, partial_fit of a perceptron refuses batches that lack a class; it goes on
        # from the present weights without.
        with ExitStack() as for_now:
            if _refused_warm_start(model):
                for_now.enter_context(set_for_now(model, warm_start=False))
            if effort.freeze:
                held = [is_among(name, effort.freeze) for name in _layers_of(model)]
                for_now.enter_context(holding_layers(model, np.flatnonzero(held).tolist()))
            for _ in range(effort.n_passes):
                model.partial_fit(X, y, **params)


def other_outputs(model, y):
    """Return why targets cannot be those of the model: they have another number of columns."""
    expected = _n_outputs(model)
    if y is None or expected is None:
        return ""
    given = 1 if y.ndim == 1 else y.shape[1]
    if given == expected:
        return ""
    return f"{type(model).__name__} has {expected} outputs; the rows have {given}"


def _why_not_by_parts(model, members, y):
    """Return why the members of a classifier cannot take in the labels of rows, if that is so."""
    if _is_a(model, "OneVsOneClassifier") and model.classes_.dtype.kind in "OU":
        # It writes 0 and 1 into an array of the type of the labels.
        return "partial_fit of OneVsOneClassifier misreads labels that are text"
    if not _is_a(model, "MultiOutputClassifier"):
        return ""
    pairs = zip(members, y.T, strict=True)
    return next(filter(None, (_unknown(part, labels) for part, labels in pairs)), "")


def _params_inside(estimator):
    """Return the parameters that are objects, of an estimator and of its parts.

    It is asked with every batch.
    """
    names = _own_params(type(estimator))
    if names is None:
        return estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    params = [getattr(estimator, name) for name in names]
    params = [value for value in params if not isinstance(value, _PLAIN)]
    for part in params[:]:
        if hasattr(part, "get_params") and not isinstance(part, type):
            params += part.get_params().values()
    return params


@cache
def _own_params(kind):
    """Return the names of a class's parameters, or None where only ``get_params`` knows them."""
    if getattr(kind, "get_params", None) is not BaseEstimator.get_params:
        return None
    if kind.__init__ is object.__init__:
        return []
    return [name for name in signature(kind.__init__).parameters if name != "self"]


def _layers_of(perceptron):
    """Return the names of the layers of a perceptron, from the input on; none for other kinds."""
    if not _is_a(perceptron, "BaseMultilayerPerceptron"):
        return []
    return [f"layer{k}" for k in range(np.size(perceptron.hidden_layer_sizes) + 1)]


def _why_not_held(model, y, effort):
    """Return why layers of a perceptron cannot stay as they are while others learn."""
    name, layers = type(model).__name__, _layers_of(model)
    if effort.reheat:
        return f"{name} cannot begin with a new optimiser while layers of it are held fixed"
    new = unseen_labels(y, model.classes_) if _is_a(model, "MLPClassifier") and y.ndim == 1 else ()
    if len(new) and is_among(layers[-1], effort.freeze):
        return f"{layers[-1]} of {name}, which is held fixed, has no room for {new.tolist()}"
    return ""


_META = ("OneVsOneClassifier", "OneVsRestClassifier", "MultiOutputClassifier")
_MULTI_OUTPUT = ("MultiOutputClassifier", "MultiOutputRegressor")


def _is_a(model, *names):
    return _is_among(type(model), names)


@cache
def _is_among(kind, names):
    """Tell whether a class is, or inherits from, one of scikit-learn with such a name."""
    return not sklearn_names(kind).isdisjoint(names)


@cache
def sklearn_names(kind):
    """Return the names of a class and of its bases, those of scikit-learn."""
    return frozenset(
        base.__name__ for base in kind.__mro__ if base.__module__.startswith("sklearn.")
    )


def _n_outputs(model):
    """Return the number of columns of the targets, or None if the model does not tell."""
    if _is_a(model, *_MULTI_OUTPUT):
        return len(model.estimators_)
    if _is_a(model, "MLPClassifier"):
        units = model.n_outputs_
        return units if model.out_activation_ == "logistic" else 1
    if _is_a(model, "MLPRegressor"):
        return model.n_outputs_
    # Asked with every batch: recursive ridge solves a system for its coefficients, and the tags of
    # an estimator take long. Most classifiers need neither.
    if isinstance(model, RecursiveRidgeRegressor):
        return model._n_targets
    coef = None if hasattr(model, "classes_") else getattr(model, "coef_", None)
    if isinstance(coef, np.ndarray) and is_regressor(model):
        return 1 if coef.ndim == 1 else coef.shape[0]
    return None


def _unknown(part, labels):
    new = np.setdiff1d(labels, part.classes_)
    return f"the model cannot take in new classes {new.tolist()}" if len(new) else ""


def _refused_parameter(estimator):
    for parameter, refused in (("early_stopping", True), ("class_weight", "balanced")):
        if _is(getattr(estimator, parameter, None), refused):
            return f"{type(estimator).__name__} has no partial_fit with {parameter}={refused!r}"
    return ""


def _refused_warm_start(estimator):
    if not _is_a(estimator, "MLPClassifier") or not estimator.warm_start:
        return ""
    name = type(estimator).__name__
    return f"partial_fit of {name} needs every class in every batch with warm_start=True"


def _is(value, wanted):
    value = value.item() if isinstance(value, np.bool_) else value
    return isinstance(value, type(wanted)) and value == wanted
