"""Carry out a plan: continue a composed estimator step by step."""

from copy import copy
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)

from ..utils._containers import n_rows, row_shape
from ..utils._copy import copy_fitted
from ..utils._sklearn_api import columns_of, routing_enabled
from ._preserve import affine_of, rewrite
from ._samplers import is_sampler, prepared_sampler, samplers_of
from ._structure import (
    is_composed,
    is_word,
    joined_path,
    learns_nothing,
    parts_of,
    predictor_of,
    prefix_of_predictor,
)
from .adapters._registry import adapter_of


def copied(estimator, plan, path=""):
    """Return a copy of a fitted estimator that `update` may change; frozen steps are shared."""
    if not plan.changes(path):
        return estimator
    if not is_composed(estimator):
        adapter, _ = adapter_of(estimator)
        is_predictor = adapter is not None and hasattr(estimator, "predict")
        return adapter.copied(estimator) if is_predictor else copy_fitted(estimator)
    model_copy = copy(estimator)
    parts = {
        name: copied(part, plan, joined_path(path, name)) for name, part in parts_of(estimator)
    }
    if isinstance(estimator, Pipeline):
        model_copy.steps = list(parts.items())
    elif isinstance(estimator, ColumnTransformer):
        model_copy.transformers_ = [
            (name, part if is_word(parts[name]) else parts[name], columns)
            for name, part, columns in estimator.transformers_
        ]
    elif isinstance(estimator, FeatureUnion):
        model_copy.transformer_list = list(parts.items())
    elif isinstance(estimator, TransformedTargetRegressor):
        model_copy.transformer_, model_copy.regressor_ = parts["transformer"], parts["regressor"]
    else:
        model_copy.best_estimator_ = parts["estimator"]
    return model_copy


def transplant(estimator, model_copy):
    """Give `estimator` the state of its changed copy, so that every step remains the object it is.

    A pipeline's steps are often known to the caller under names of their own.
    """
    if estimator is model_copy:
        return
    if is_composed(estimator):
        for (_, part), (_, changed) in zip(parts_of(estimator), parts_of(model_copy), strict=True):
            transplant(part, changed)
    else:
        estimator.__dict__.clear()
        estimator.__dict__.update(model_copy.__dict__)


def update(estimator, X, y, params, *, plan, effort, how=None):
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
    how : callable or None, default=None
        What changes the predictor, instead of its adapter.
    """
    _Update(plan, effort, how).predictor(estimator, X, y, params, "")


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
    if _is_chain(estimator):
        for name, step in estimator.steps[:-1]:
            if is_sampler(step):
                X, y = _resampled(step, X, y, params)
            elif not is_word(step):
                own = _requested(step, "fit", _params_of(estimator, name, params))
                X = _with_all_rows(_fit_transform(step, X, y, own), X, name)
        name, last = estimator.steps[-1]
        if not is_word(last):
            start(last, X, y, _params_of(estimator, name, params), classes)
        return
    adapter, _ = adapter_of(estimator)
    incremental = adapter is not None and adapter.fit_method == "partial_fit"
    declared = {}
    if is_classifier(estimator):
        if classes is None and y is not None and y.ndim == 1:
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
    if _is_chain(estimator):
        (*transformers, (_, last)) = estimator.steps
        passes = all(learns_nothing(step) or is_sampler(step) for _, step in transformers)
        return passes and starts_at_once(last)
    adapter, _ = adapter_of(estimator)
    return adapter is not None and adapter.fit_method == "partial_fit"


def refusal(estimator, y, *, plan, effort):
    """Return why a fitted estimator cannot go on with these targets; empty if it can."""
    predictor, path = predictor_of(estimator)
    if plan.on_update(path) != "update" or is_composed(predictor):
        return ""
    adapter, why_not = adapter_of(predictor)
    return why_not if adapter is None else adapter.refusal(predictor, y, effort)


def weight_in(estimator, params):
    """Return the ``sample_weight`` of the predictor, under whatever name it comes, or None."""
    return params.get(weight_name(estimator)) if params else None


def weight_name(estimator):
    """Return the name under which the predictor gets its ``sample_weight``; False if under none."""
    if routing_enabled():
        return _weight_alias(predictor_of(estimator)[0])
    return prefix_of_predictor(estimator) + "sample_weight"


def weight_taken(estimator, methods=("fit",)):
    """Return the name of the ``sample_weight`` of the predictor, or "" if a method takes none."""
    predictor, _ = predictor_of(estimator)
    all_take_it = all(
        "sample_weight" in signature(getattr(predictor, method)).parameters for method in methods
    )
    return (weight_name(estimator) or "") if all_take_it else ""


def _weight_alias(predictor):
    """Return the name under which a predictor asks for its ``sample_weight``."""
    requests = get_routing_for_object(predictor)
    if isinstance(requests, MetadataRequest):
        for method in ("partial_fit", "fit"):
            alias = getattr(requests, method).requests.get("sample_weight")
            if alias not in (None, True):
                return alias  # False, if it takes none: no metadata has that name
    return "sample_weight"


class _NextModel(NamedTuple):
    """The model right behind a rescaler, and which of its inputs come from there."""

    model: Any
    columns: slice


class _Update:
    def __init__(self, plan, effort, how):
        self.plan = plan
        self.effort = effort
        self.how = how

    # -- what predicts -----------------------------------------------------------------------------

    def predictor(self, part, X, y, params, path):
        """Continue `part`, to whose output nobody listens but the user."""
        if not is_composed(part):
            self._leaf(part, X, y, params, path)
        elif isinstance(part, Pipeline):
            X = self._chain_before_last(part, X, y, params, path)
            name, last = part.steps[-1]
            if not is_word(last):
                self.predictor(last, X, y, _params_of(part, name, params), joined_path(path, name))
        elif isinstance(part, (ColumnTransformer, FeatureUnion)):
            self.move(part, X, y, params, path, None)
        elif isinstance(part, TransformedTargetRegressor):
            y = self._transformed_target(part, y, path)
            self.predictor(part.regressor_, X, y, params, joined_path(path, "regressor"))
        else:
            self.predictor(part.best_estimator_, X, y, params, joined_path(path, "estimator"))

    def _leaf(self, part, X, y, params, path):
        action = self.plan.on_update(path)
        if self.how is not None and action != "freeze":
            method = "partial_fit" if hasattr(part, "partial_fit") else "fit"
            self.how(part, X, y, _requested(part, method, params))
        elif action == "update":
            adapter, _ = adapter_of(part)
            adapter.update(part, X, y, _requested(part, adapter.fit_method, params), self.effort)
        elif action == "refit":
            part.fit(X, y, **_requested(part, "fit", params))

    def _transformed_target(self, part, y, path):
        columns = y.reshape(-1, 1) if y.ndim == 1 else y
        transformer = part.transformer_
        self.move(transformer, columns, None, {}, joined_path(path, "transformer"), None)
        changed = transformer.transform(columns)
        narrow = y.ndim == 1 and changed.ndim == 2 and changed.shape[1] == 1
        return changed[:, 0] if narrow else changed

    # -- what transforms ---------------------------------------------------------------------------

    def move(self, part, X, y, params, path, next_model):
        """Continue a transformer; `next_model` is what alone takes its output, if that is so."""
        if is_word(part) or not self.plan.changes(path):
            return
        if not is_composed(part):
            self._move_leaf(part, X, y, params, path, next_model)
        elif isinstance(part, Pipeline):
            X = self._chain_before_last(part, X, y, params, path, next_model)
            name, last = part.steps[-1]
            own = _params_of(part, name, params)
            self.move(last, X, y, own, joined_path(path, name), next_model)
        elif isinstance(part, ColumnTransformer):
            self._move_columns(part, X, y, params, path, next_model)
        elif isinstance(part, FeatureUnion):
            for name, child in part.transformer_list:
                self.move(child, X, y, params, joined_path(path, name), None)
        else:
            self.move(
                part.best_estimator_, X, y, params, joined_path(path, "estimator"), next_model
            )

    def _move_leaf(self, part, X, y, params, path, next_model):
        if self.plan.on_update(path) == "preserve":
            before = affine_of(part)
            part.partial_fit(X, y, **_requested(part, "partial_fit", params))
            rewrite(next_model.model, next_model.columns, before, affine_of(part))
        else:
            method = {"update": "partial_fit", "refit": "fit"}[self.plan.on_update(path)]
            getattr(part, method)(X, y, **_requested(part, method, params))

    def _move_columns(self, part, X, y, params, path, next_model):
        params = params if routing_enabled() else {}
        for name, child, columns in part.transformers_:
            child_path = joined_path(path, name)
            if is_word(child) or not self.plan.changes(child_path):
                continue
            own = columns_of(X, columns)
            if row_shape(own) != (0,):  # with no columns, it has not been fitted either
                output = part.output_indices_[name]
                below = next_model and next_model._replace(
                    columns=_inside(next_model.columns, output)
                )
                self.move(child, own, y, params, child_path, below)

    def _chain_before_last(self, pipeline, X, y, params, path, next_model=None):
        """Continue all steps but the last; return what the last one gets.

        What comes behind the whole chain comes behind its last step, if "passthrough" follows.
        """
        samplers = samplers_of(pipeline)
        steps = [
            (name, step)
            for name, step in pipeline.steps[:-1]
            if not is_word(step) and name not in samplers
        ]
        if not is_word(pipeline.steps[-1][1]):
            next_model = _NextModel(predictor_of(pipeline)[0], slice(None))
        for name, step in steps:
            own = _params_of(pipeline, name, params)
            taker = next_model if name == steps[-1][0] else None
            self.move(step, X, y, own, joined_path(path, name), taker)
            X = _with_all_rows(step.transform(X), X, name)
        return X


def _inside(outer, inner):
    """Return the slice `inner` of the slice `outer`, seen from outside."""
    start = outer.start or 0
    return slice(start + inner.start, start + inner.stop)


def _is_chain(part):
    return isinstance(part, Pipeline) and is_composed(part)


def _resampled(sampler, X, y, params):
    """Return the first rows as a fit would resample them; with metadata of each row, as they are.

    Nobody knows what comes with a row that was made up.
    """
    return (X, y) if params else prepared_sampler(sampler).fit_resample(X, y)


def _fit_transform(step, X, y, params):
    if hasattr(step, "fit_transform"):
        return step.fit_transform(X, y, **params)
    return step.fit(X, y, **params).transform(X)


def _with_all_rows(changed, X, name):
    """Return what a transformer made of `X`; raise if rows and targets would no longer match."""
    before, after = n_rows(X), n_rows(changed)
    if before != after:
        raise ValueError(
            f"the step {name!r} made {after} rows of {before}: nobody knows which targets are "
            "theirs. Drop or add rows before the pipeline."
        )
    return changed


def _params_of(pipeline, name, params):
    """Return the metadata of the step `name`: all of it where it is routed by request."""
    if not params or routing_enabled():
        return params
    _check_steps_named(pipeline, params)
    prefix = f"{name}__"
    return {
        key.removeprefix(prefix): values for key, values in params.items() if key.startswith(prefix)
    }


def params_of_step(pipeline, name, params, method):
    """Return the metadata that a method of the step `name` gets, out of that of the pipeline."""
    step = pipeline.named_steps[name]
    return _requested(step, method, _params_of(pipeline, name, params))


def _check_steps_named(pipeline, params):
    names = [name for name, _ in pipeline.steps]
    for key in params:
        step, _, param = key.partition("__")
        if not param or step not in names:
            raise ValueError(
                f"{key}=... does not say which of the steps {names} it is for: pass it as "
                f"{names[-1]}__{param or step}=..., or enable metadata routing."
            )


def _requested(leaf, method, params):
    """Return the metadata that a leaf's method gets: what it requested, where that is enabled."""
    if not params or not routing_enabled():
        return params
    mapping = MethodMapping().add(caller="fit", callee=method)
    router = MetadataRouter(owner="continuation").add(step=leaf, method_mapping=mapping)
    return router.route_params(caller="fit", params=params)["step"][method]
