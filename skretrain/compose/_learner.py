"""Fit a base estimator or continue a fitted one, and never touch the model that serves."""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ..buffers import Rows
from ..utils._containers import take_rows
from ..utils._copy import copy_fitted
from ..utils._sklearn_api import reheated


def continuation(estimator):
    """Tell how a fitted estimator can go on learning, judged by its class and parameters.

    Parameters
    ----------
    estimator : estimator
        The base, fitted or not.

    Returns
    -------
    means : {"partial_fit", "warm_start", None}
        The base's own ``partial_fit``; its own ``warm_start``, which takes the present coefficients
        as the start of the next ``fit``; or nothing.
    why_not : str
        Why there is no continuation, for error messages and events; else empty.
    """
    name = type(estimator).__name__
    if hasattr(estimator, "partial_fit"):
        for parameter, refused in (("early_stopping", True), ("class_weight", "balanced")):
            if _is(getattr(estimator, parameter, None), refused):
                return None, f"{name} has no partial_fit with {parameter}={refused!r}"
        if any(isinstance(part, FrozenEstimator) for part in _params(estimator, True).values()):
            return None, f"{name} has a frozen part, which its partial_fit would change"
        return "partial_fit", ""
    params = _params(estimator, False)
    if "warm_start" not in params:
        return None, f"{name} has neither partial_fit nor warm_start"
    # Ensembles read warm_start as "add the members that are missing": with the same number of
    # members it is a silent no-op, with a larger one the model grows for ever.
    if "n_estimators" in params or {"max_iter", "max_leaf_nodes"} <= params.keys():
        return None, f"warm_start of {name} adds members, it does not continue those it has"
    return "warm_start", ""


def _params(estimator, deep):
    return estimator.get_params(deep) if hasattr(estimator, "get_params") else {}


def _is(value, wanted):
    return isinstance(value, type(wanted)) and value == wanted


class Learner:
    """Make models of one base estimator and continue them; the only place that calls its ``fit``.

    Parameters
    ----------
    estimator : estimator
        The base; it is cloned, never fitted.
    random_state : int or None
        Where an int, the parameters ``random_state`` that are None in a clone are filled from it
        and the number of the fit; where None, nothing is changed.
    route : callable or None
        ``route(method, params)`` returns what of the per-row metadata goes to that method of the
        base; None passes all of it.

    Attributes
    ----------
    means : {"partial_fit", "warm_start", None}
        How a fitted model can be continued; ``why_not`` says why it cannot.
    n_fits : int
        Models made from scratch so far.
    """

    def __init__(self, estimator, *, random_state=None, route=None):
        if isinstance(estimator, FrozenEstimator):
            raise ValueError(
                "estimator=FrozenEstimator(...) cannot be retrained: fitting it changes nothing, "
                "and its partial_fit would change a model that all its clones share. Pass the "
                "estimator inside."
            )
        self.estimator = clone(estimator)
        self.random_state = random_state
        self.route = route
        self.means, self.why_not = continuation(estimator)
        self.n_fits = 0

    def blank(self, number):
        """Return an unfitted clone, seeded for the fit with this number."""
        model = clone(self.estimator)
        if self.random_state is not None:
            fill_seeds(model, self.random_state, number)
        return model

    def fresh(self, rows, number):
        """Return a new model fitted on `rows`."""
        model = self.blank(number)
        model.fit(rows.X, rows.y, **self._routed("fit", rows))
        self.n_fits += 1
        return model

    def started(self, rows, number, classes):
        """Return a new model whose first rows go through its own ``partial_fit``."""
        model = self.blank(number)
        rows = self._weighted(rows)
        declared = {} if classes is None else {"classes": classes}
        model.partial_fit(rows.X, rows.y, **declared, **self._routed("partial_fit", rows))
        self.n_fits += 1
        return model

    def continued(self, model, rows, *, n_passes=1, reheat=False):
        """Return a copy of `model` that has gone on learning from `rows`.

        With ``partial_fit``, `n_passes` times over the rows; with ``warm_start``, one ``fit`` that
        begins at the present coefficients.
        """
        rows = self._weighted(rows)
        model = copy_fitted(model)
        if len(rows.index) == 0:
            return model
        if reheat:
            reheated(model)
        if self.means == "partial_fit":
            params = self._routed("partial_fit", rows)
            for _ in range(n_passes):
                model.partial_fit(rows.X, rows.y, **params)
            return model
        as_given = model.get_params(deep=False)["warm_start"]
        model.set_params(warm_start=True).fit(rows.X, rows.y, **self._routed("fit", rows))
        return model.set_params(warm_start=as_given)

    def refusal(self, model, rows, known=None):
        """Return why `model` cannot be continued on `rows`, or an empty string.

        It is asked *before* anything is fitted: several estimators find out in the middle of a fit.
        `known` are all the labels there may be: where the model has as many, no row has a new one.
        """
        if self.means is None:
            return self.why_not
        classes = getattr(model, "classes_", None)
        if not isinstance(classes, np.ndarray) or rows.y is None or rows.y.ndim > 1:
            return ""
        if self.means == "partial_fit" and known is not None and len(known) == len(classes):
            return ""
        present = np.unique(self._weighted(rows).y)
        new = np.setdiff1d(present, classes)
        if len(new):
            return f"the model cannot take in new classes {new.tolist()}"
        if self.means == "warm_start" and len(present) < len(classes):
            missing = np.setdiff1d(classes, present).tolist()
            return f"warm_start needs every class of the model; the rows lack {missing}"
        return ""

    def weight_of(self, rows):
        """Return the ``sample_weight`` that the base gets, under whatever name it came, or None."""
        method = "partial_fit" if self.means == "partial_fit" else "fit"
        return self._routed(method, rows).get("sample_weight")

    def _weighted(self, rows):
        """Drop the rows of weight zero: ``partial_fit`` would still count them in its schedule."""
        weight = self.weight_of(rows)
        if weight is None or not (weight == 0).any():
            return rows
        keep = np.flatnonzero(weight)
        y = None if rows.y is None else rows.y[keep]
        params = {name: take_rows(values, keep) for name, values in rows.params.items()}
        return Rows(take_rows(rows.X, keep), y, params, rows.index[keep])

    def _routed(self, method, rows):
        if not rows.params or self.route is None:
            return rows.params
        return self.route(method, rows.params)


def fill_seeds(model, random_state, number):
    names = [
        name
        for name, value in sorted(model.get_params().items())
        if value is None and name.split("__")[-1] == "random_state"
    ]
    if names:
        seeds = np.random.SeedSequence([random_state, number]).generate_state(len(names))
        model.set_params(**{name: int(seed >> 1) for name, seed in zip(names, seeds, strict=True)})
