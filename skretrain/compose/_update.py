"""Carry out a plan: continue a composed estimator step by step."""

from copy import copy
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from ..utils._copy import copy_fitted
from ..utils._sklearn_api import columns_of, routing_enabled
from ._preserve import affine_of, rewrite
from ._structure import is_composed, joined_path, learns_nothing, parts_of, predictor_of
from .adapters._registry import adapter_of


def copied(estimator, plan, path=""):
    """Return a copy of a fitted estimator that `update` may change; frozen steps are shared."""
    if not plan.changes(path):
        return estimator
    if not is_composed(estimator):
        adapter, _ = adapter_of(estimator)
        is_predictor = adapter is not None and hasattr(estimator, "predict")
        return adapter.copied(estimator) if is_predictor else copy_fitted(estimator)
    twin = copy(estimator)
    parts = {
        name: copied(part, plan, joined_path(path, name)) for name, part in parts_of(estimator)
    }
    if isinstance(estimator, Pipeline):
        twin.steps = list(parts.items())
    elif isinstance(estimator, ColumnTransformer):
        twin.transformers_ = [
            (name, parts[name], columns) for name, _, columns in estimator.transformers_
        ]
    elif isinstance(estimator, FeatureUnion):
        twin.transformer_list = list(parts.items())
    elif isinstance(estimator, TransformedTargetRegressor):
        twin.transformer_, twin.regressor_ = parts["transformer"], parts["regressor"]
    else:
        twin.best_estimator_ = parts["estimator"]
    return twin


def transplant(estimator, twin):
    """Give `estimator` the state of its changed copy, so that every step remains the object it is.

    A pipeline's steps are often known to the caller under names of their own.
    """
    if estimator is twin:
        return
    if is_composed(estimator):
        for (_, part), (_, changed) in zip(parts_of(estimator), parts_of(twin), strict=True):
            transplant(part, changed)
    else:
        estimator.__dict__.clear()
        estimator.__dict__.update(twin.__dict__)


def update(estimator, X, y, params, *, plan, effort):
    """Let a fitted estimator go on learning from the rows, in place, as the plan says.

    Parameters
    ----------
    estimator : estimator
        What `copied` returned.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like or None
        Targets.
    params : dict
        Per-row metadata, by the names that the ``fit`` of `estimator` takes.
    plan : Plan
        What becomes of each step.
    effort : Effort
        How much may change.
    """
    _Update(plan, effort).predictor(estimator, X, y, params, "")


def start(estimator, X, y, params, classes):
    """Fit an unfitted estimator on its first rows, the predictor by ``partial_fit`` if it has one.

    Parameters
    ----------
    estimator : estimator
        Unfitted.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like or None
        Targets.
    params : dict
        Per-row metadata.
    classes : array-like or None
        Class labels to expect; None stands for those of `y`.
    """
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps[:-1]:
            if not _is_word(step):
                own = _requested(step, "fit", _params_of(estimator, name, params))
                X = step.fit_transform(X, y, **own)
        name, last = estimator.steps[-1]
        if not _is_word(last):
            start(last, X, y, _params_of(estimator, name, params), classes)
        return
    adapter, _ = adapter_of(estimator)
    incremental = adapter is not None and adapter.method == "partial_fit"
    declared = {}
    if is_classifier(estimator):
        if classes is None and y.ndim == 1:
            classes = np.unique(y)
        incremental = incremental and classes is not None
        declared = {"classes": classes}
    if incremental:
        estimator.partial_fit(X, y, **declared, **_requested(estimator, "partial_fit", params))
    else:
        estimator.fit(X, y, **_requested(estimator, "fit", params))


def starts_at_once(estimator):
    """Tell whether the first rows can go through ``partial_fit``: nothing has to be fitted before.

    A transformer that is fitted once and then frozen should see more than a first row.
    """
    if isinstance(estimator, Pipeline):
        (*transformers, (_, last)) = estimator.steps
        return all(learns_nothing(step) for _, step in transformers) and starts_at_once(last)
    if is_composed(estimator):
        return False
    adapter, _ = adapter_of(estimator)
    return adapter is not None and adapter.method == "partial_fit"


def obstacle(estimator, y, *, plan, effort):
    """Return why a fitted estimator cannot go on with these targets; empty if it can."""
    predictor, path = predictor_of(estimator)
    if plan.on_update(path) != "update" or is_composed(predictor):
        return ""
    adapter, why_not = adapter_of(predictor)
    return why_not if adapter is None else adapter.obstacle(predictor, y, effort)


def weight_in(estimator, params):
    """Return the ``sample_weight`` of the predictor, under whatever name it comes, or None."""
    if not params:
        return None
    _, path = predictor_of(estimator)
    return params.get("sample_weight", params.get(joined_path(path, "sample_weight")))


class _Heir(NamedTuple):
    """The model right behind a rescaler, and which of its inputs come from there."""

    model: Any
    columns: slice


class _Update:
    def __init__(self, plan, effort):
        self.plan = plan
        self.effort = effort

    # -- what predicts -----------------------------------------------------------------------------

    def predictor(self, part, X, y, params, path):
        """Continue `part`, to whose output nobody listens but the user."""
        if isinstance(part, Pipeline):
            X = self._chain_before_last(part, X, y, params, path)
            name, last = part.steps[-1]
            if not _is_word(last):
                self.predictor(last, X, y, _params_of(part, name, params), joined_path(path, name))
        elif isinstance(part, (ColumnTransformer, FeatureUnion)):
            self.move(part, X, y, params, path, None)
        elif isinstance(part, TransformedTargetRegressor):
            y = self._transformed_target(part, y, path)
            params = _params_of(part, "regressor", params)
            self.predictor(part.regressor_, X, y, params, joined_path(path, "regressor"))
        elif is_composed(part):
            params = _params_of(part, "estimator", params)
            self.predictor(part.best_estimator_, X, y, params, joined_path(path, "estimator"))
        else:
            self._leaf(part, X, y, params, path)

    def _leaf(self, part, X, y, params, path):
        action = self.plan.on_update(path)
        if action == "update":
            adapter, _ = adapter_of(part)
            adapter.update(part, X, y, _requested(part, adapter.method, params), self.effort)
        elif action == "refit":
            part.fit(X, y, **_requested(part, "fit", params))

    def _transformed_target(self, part, y, path):
        columns = y.reshape(-1, 1) if y.ndim == 1 else y
        transformer = part.transformer_
        if not learns_nothing(transformer):
            self.move(transformer, columns, None, {}, joined_path(path, "transformer"), None)
        changed = transformer.transform(columns)
        narrow = y.ndim == 1 and changed.ndim == 2 and changed.shape[1] == 1
        return changed[:, 0] if narrow else changed

    # -- what transforms ---------------------------------------------------------------------------

    def move(self, part, X, y, params, path, heir):
        """Continue a transformer; `heir` is the model behind it, if only that takes its output."""
        if _is_word(part) or not self.plan.changes(path):
            return
        if isinstance(part, Pipeline):
            X = self._chain_before_last(part, X, y, params, path)
            name, last = part.steps[-1]
            own = _params_of(part, name, params)
            self.move(last, X, y, own, joined_path(path, name), heir)
        elif isinstance(part, ColumnTransformer):
            self._move_columns(part, X, y, params, path, heir)
        elif isinstance(part, FeatureUnion):
            for name, child in part.transformer_list:
                self.move(child, X, y, params, joined_path(path, name), None)
        elif self.plan.on_update(path) == "preserve":
            before = affine_of(part)
            part.partial_fit(X, y, **_requested(part, "partial_fit", params))
            rewrite(heir.model, heir.columns, before, affine_of(part))
        else:
            method = {"update": "partial_fit", "refit": "fit"}[self.plan.on_update(path)]
            getattr(part, method)(X, y, **_requested(part, method, params))

    def _move_columns(self, part, X, y, params, path, heir):
        params = params if routing_enabled() else {}
        for name, child, columns in part.transformers_:
            child_path = joined_path(path, name)
            if not _is_word(child) and self.plan.changes(child_path):
                output = part.output_indices_[name]
                below = heir and heir._replace(columns=_inside(heir.columns, output))
                self.move(child, columns_of(X, columns), y, params, child_path, below)

    def _chain_before_last(self, pipeline, X, y, params, path):
        """Continue all steps but the last; return what the last one gets."""
        steps = [(name, step) for name, step in pipeline.steps[:-1] if not _is_word(step)]
        model, _ = predictor_of(pipeline)
        for name, step in steps:
            heir = _Heir(model, slice(None)) if name == steps[-1][0] else None
            own = _params_of(pipeline, name, params)
            self.move(step, X, y, own, joined_path(path, name), heir)
            X = step.transform(X)
        return X


def _inside(outer, inner):
    """Return the slice `inner` of the slice `outer`, seen from outside."""
    start = outer.start or 0
    return slice(start + inner.start, start + inner.stop)


def _is_word(part):
    """Tell whether a step is none, or "passthrough", or "drop"."""
    return part is None or isinstance(part, str)


def _params_of(owner, name, params):
    """Return the metadata of the step `name`: all of it where it is routed by request."""
    if not params or routing_enabled() or not isinstance(owner, Pipeline):
        return params
    prefix = f"{name}__"
    return {
        key.removeprefix(prefix): values
        for key, values in params.items()
        if key.startswith(prefix)
    }


def _requested(leaf, method, params):
    """Return the metadata that a leaf's method gets: what it requested, where that is enabled."""
    if not params or not routing_enabled():
        return params
    mapping = MethodMapping().add(caller="fit", callee=method)
    router = MetadataRouter(owner="continuation").add(step=leaf, method_mapping=mapping)
    return router.route_params(caller="fit", params=params)["step"][method]
