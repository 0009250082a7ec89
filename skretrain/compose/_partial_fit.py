"""partial_fit for any estimator that can go on learning, through pipelines of any depth."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length

from ..utils._containers import as_container, n_rows, take_rows
from ._plan import make_plan
from ._structure import is_fitted
from ._update import copied, refusal, start, transplant, update, weight_in
from .adapters._base import Effort


def partial_fit(estimator, X, y=None, classes=None, *, steps=None, **params):
    """Let an estimator go on learning from a batch, in place, whatever it is composed of.

    The first batch fits: every transformer, and then the predictor. Each later one continues the
    predictor, by its own ``partial_fit`` or an adapter of its family, while the transformers do
    what the plan says; see :func:`explain_plan`.

    Parameters
    ----------
    estimator : estimator
        A Pipeline, ColumnTransformer, FeatureUnion, TransformedTargetRegressor or a search, nested
        to any depth, or any other estimator that can be continued.
    X : array-like of shape (n_samples, n_features)
        The batch. An empty one changes nothing.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Targets.
    classes : array-like of shape (n_classes,), default=None
        Class labels to expect; needed in the first call where later batches will bring labels that
        the first lacks and the predictor cannot take in new ones.
    steps : dict of {str: {"freeze", "preserve", "update", "refit"}} or None, default=None
        Actions that override the plan, as in :func:`explain_plan`.
    **params : array-like of shape (n_samples,)
        Per-row metadata, named as the ``fit`` of `estimator` takes it: in a pipeline
        ``clf__sample_weight``, or by request where metadata routing is enabled. Rows of weight zero
        are left out.

    Returns
    -------
    estimator : estimator
        The one given.

    Raises
    ------
    ValueError
        If the estimator cannot go on learning, or not from these rows; it is then as it was.

    Warns
    -----
    MovingInputWarning
        If `steps` would move a transformer while what comes after it stays as it is.

    See Also
    --------
    explain_plan : What becomes of each step, and why.
    IncrementalPipeline : A Pipeline that has this as a method.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skretrain.compose import partial_fit
    >>> from skretrain.datasets import make_drifting_classification
    >>> X, y, _ = make_drifting_classification(1000, drift="stationary", random_state=0)
    >>> model = make_pipeline(StandardScaler(), SGDClassifier(random_state=0))
    >>> for start in range(0, 1000, 100):
    ...     model = partial_fit(model, X[start : start + 100], y[start : start + 100])
    >>> round(model.score(X, y), 2)
    0.85
    """
    plan = make_plan(estimator, steps)
    if plan.why_not:
        raise ValueError(f"{type(estimator).__name__} cannot go on learning: {plan.why_not}.")
    X, y, params = _weighted(estimator, as_container(X), _targets(y), params)
    if n_rows(X) == 0:
        return estimator
    if not is_fitted(estimator):
        start(estimator, X, y, params, classes)
        return estimator
    effort = Effort()
    reason = refusal(estimator, y, plan=plan, effort=effort)
    if reason:
        raise ValueError(f"{type(estimator).__name__} cannot go on with these rows: {reason}.")
    model_copy = copied(estimator, plan)
    update(model_copy, X, y, params, plan=plan, effort=effort)
    transplant(estimator, model_copy)
    return estimator


def _targets(y):
    return y.toarray() if issparse(y) else None if y is None else np.asarray(y)


def _weighted(estimator, X, y, params):
    """Drop the rows of weight zero: they would still count in the schedules of step sizes."""
    params = {name: np.asarray(values) for name, values in params.items() if values is not None}
    weight = weight_in(estimator, params)
    if weight is None or weight.all():
        return X, y, params
    check_consistent_length(X, y, *params.values())
    keep = np.flatnonzero(weight)
    params = {name: values[keep] for name, values in params.items()}
    return take_rows(X, keep), None if y is None else y[keep], params
