"""Fit a base estimator or continue a fitted one, and never touch the model that serves."""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ..buffers._base import part_of
from ..utils._containers import writable
from ._plan import make_plan
from ._structure import is_composed, predictor_of
from ._update import copied, refusal, start, starts_at_once, update, weight_in
from .adapters._base import Effort
from .adapters._registry import adapter_of
from .adapters._river import hint


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
    method : str or None
        How a fitted model can be continued, in a word; ``why_not`` says why it cannot.
    incremental : bool
        Whether the newest batch alone teaches the model; else all rows of the present concept do.
    starts_at_once : bool
        Whether the very first rows can go through ``partial_fit``.
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
        way_out = hint(estimator)
        if way_out:
            raise TypeError(f"estimator={estimator!r} is not a scikit-learn estimator: {way_out}")
        self.estimator = clone(estimator)
        self.random_state = random_state
        self.route = route
        self.n_fits = 0
        self._plans = {}
        self.why_not = self.plan().why_not
        predictor, _ = predictor_of(self.estimator)
        self._adapter = None if self.why_not else adapter_of(predictor)[0]
        self._is_leaf = not is_composed(self.estimator)
        self.method = None if self._adapter is None else self._adapter.method
        self.incremental = self._adapter is not None and self._adapter.incremental
        self.needs_all_classes = self._adapter is not None and self._adapter.needs_all_classes
        # Fitted steps that only a refit renews.
        self.freezes = any(
            (step.on_update, step.on_refit) == ("freeze", "refit") for step in self.plan().steps
        )
        self.guarded = "never" if self._adapter is None else self._adapter.guarded
        self.starts_at_once = self.incremental and starts_at_once(self.estimator)

    def plan(self, steps=None):
        """Return what becomes of each step, with these overrides."""
        key = repr(steps)  # the order of patterns counts; junk is left to make_plan
        if key not in self._plans:
            self._plans[key] = make_plan(self.estimator, steps)
        return self._plans[key]

    def blank(self, number):
        """Return an unfitted clone, seeded for the fit with this number."""
        model = clone(self.estimator)
        if self.random_state is not None:
            fill_seeds(model, self.random_state, number)
        if self._adapter is None:
            return model
        predictor, path = predictor_of(model)
        prepared = self._adapter.prepared(predictor)
        if prepared is predictor:
            return model
        return model.set_params(**{path: prepared}) if path else prepared

    def fresh(self, rows, number):
        """Return a new model fitted on `rows`."""
        model, params = self.blank(number), self._routed("fit", rows)
        X, y = self._handed(rows)
        model.fit(X, y, **params)
        return self._finished(model, X)

    def started(self, rows, number, classes):
        """Return a new model whose first rows go through its own ``partial_fit``."""
        model = self.blank(number)
        rows = self.without_zero_weight(rows)
        X, y = self._handed(rows)
        start(model, X, y, self._routed(self._method(), rows), classes)
        return self._finished(model, X)

    def _handed(self, rows):
        if self._adapter is None or not self._adapter.needs_writable:
            return rows.X, rows.y
        return writable(rows.X), writable(rows.y)

    def _finished(self, model, X):
        if self._adapter is not None:
            self._adapter.after_fit(predictor_of(model)[0], model, X)
        self.n_fits += 1
        return model

    def continued(self, model, rows, *, effort=None, steps=None):
        """Return a copy of `model` that has gone on learning from `rows`.

        With ``partial_fit``, ``effort.n_passes`` times over the rows; else as the adapter of its
        family does it. Steps of a pipeline that the plan freezes are shared, not copied.
        """
        rows, plan, effort = self.without_zero_weight(rows), self.plan(steps), effort or Effort()
        model_copy = copied(model, plan)
        if len(rows.index) == 0:
            return model_copy
        if not self._is_leaf:
            params = self._routed("fit", rows)
            update(model_copy, rows.X, rows.y, params, plan=plan, effort=effort)
        elif plan.on_update("") == "update":
            params = self._routed(self._adapter.fit_method, rows)
            self._adapter.update(model_copy, rows.X, rows.y, params, effort)
        elif plan.on_update("") == "refit":
            model_copy.fit(rows.X, rows.y, **self._routed("fit", rows))
        return model_copy

    def refusal(self, model, rows, *, effort=None, steps=None):
        """Return why `model` cannot be continued on `rows`, or an empty string.

        It is asked *before* anything is fitted: several estimators find out in the middle of a fit.
        """
        plan = self.plan(steps)
        if plan.why_not:
            return plan.why_not
        return refusal(model, self.targets_of(rows), plan=plan, effort=effort or Effort())

    def can_grow(self, model, new):
        """Tell whether a continuation can take in labels that `model` does not know."""
        return self._adapter is not None and self._adapter.can_grow(predictor_of(model)[0], new)

    def weight_of(self, rows):
        """Return the ``sample_weight`` that the base gets, under whatever name it came, or None."""
        if not rows.params:
            return None
        params = self._routed(self._method(), rows)
        # What a leaf gets has been renamed already, where it asks for another name.
        return params.get("sample_weight") if self._is_leaf else weight_in(self.estimator, params)

    def targets_of(self, rows):
        """Return the targets of the rows that count: a label of weight zero is not learned."""
        weight = None if rows.y is None else self.weight_of(rows)
        return rows.y if weight is None else rows.y[weight != 0]

    def without_zero_weight(self, rows):
        """Drop the rows of weight zero: ``partial_fit`` would still count them in its schedule."""
        weight = self.weight_of(rows)
        if weight is None or not (weight == 0).any():
            return rows
        return part_of(rows, np.flatnonzero(weight))

    def _method(self):
        """Return the method of the base that the metadata of a continuation is meant for."""
        # A pipeline routes by its fit; what partial_fit of a step requested is looked up there.
        return self._adapter.fit_method if self._is_leaf and self._adapter is not None else "fit"

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
