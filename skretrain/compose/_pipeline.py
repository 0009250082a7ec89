"""A Pipeline with partial_fit."""

from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as _make_pipeline
from sklearn.utils.metaestimators import available_if

from ..utils._callbacks import Progress, Told, is_heard, with_callbacks
from ..utils._sklearn_api import check_pipeline, route_also
from ._partial_fit import partial_fit
from ._plan import make_plan
from ._structure import is_word


def _can_go_on(pipeline):
    why_not = make_plan(pipeline).why_not
    if why_not:
        raise AttributeError(f"This pipeline has no partial_fit: {why_not}.")
    return True


class IncrementalPipeline(Pipeline):
    """A scikit-learn Pipeline that has ``partial_fit``.

    Parameters, attributes and every other method are those of
    :class:`sklearn.pipeline.Pipeline`. What ``partial_fit`` does to each step is told by
    :func:`explain_plan`; by default fitted transformers are frozen, a linear rescaler right before
    a linear model or a multi-layer perceptron is updated without moving a decision, and the last
    step goes on learning.

    Parameters
    ----------
    steps : list of tuple
        Names and estimators, the last of which can go on learning.
    transform_input : list of str, default=None
        As in Pipeline.
    memory : str or object with the joblib.Memory interface, default=None
        As in Pipeline.
    verbose : bool, default=False
        As in Pipeline.

    See Also
    --------
    make_incremental_pipeline : The same without names.
    partial_fit : The function behind it, for any composed estimator, with `steps` to override.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skretrain.compose import IncrementalPipeline
    >>> from skretrain.datasets import make_drifting_classification
    >>> X, y, _ = make_drifting_classification(1000, drift="stationary", random_state=0)
    >>> model = IncrementalPipeline(
    ...     [("scale", StandardScaler()), ("clf", SGDClassifier(random_state=0))]
    ... )
    >>> for start in range(0, 1000, 100):
    ...     model = model.partial_fit(X[start : start + 100], y[start : start + 100])
    >>> int(model["scale"].n_samples_seen_)
    1000
    """

    def get_metadata_routing(self):
        """Return how metadata is routed to the steps.

        Returns
        -------
        routing : MetadataRouter
            As that of a ``Pipeline``; and ``partial_fit`` to what each step does in it: to
            ``partial_fit`` where it has one, else to ``fit`` and ``transform``.
        """
        router = super().get_metadata_routing()
        for name, step in self.steps:
            if not is_word(step):
                methods = ["partial_fit"] if hasattr(step, "partial_fit") else ["fit"]
                methods += ["transform"] if hasattr(step, "transform") else []
                route_also(router, name, "partial_fit", methods)
        return router

    @available_if(_can_go_on)
    def partial_fit(self, X, y=None, classes=None, **params):
        """Go on learning from a batch; the first one fits. See :func:`partial_fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.
        classes : array-like of shape (n_classes,), default=None
            Class labels to expect, in the first call.
        **params : array-like of shape (n_samples,)
            Per-row metadata by step, such as ``clf__sample_weight``.

        Returns
        -------
        self : IncrementalPipeline
            The pipeline.

        Raises
        ------
        TypeError, ValueError
            What ``fit`` raises for parameters or steps that a Pipeline cannot have.
        """
        check_pipeline(self)
        if is_heard(self):
            return self._partial_fit_with_callbacks(X, y, classes, params)
        return partial_fit(self, X, y, classes, **params)

    @with_callbacks
    def _partial_fit_with_callbacks(self, X, y, classes, params):
        progress = Progress(self, "partial_fit", 0, Told(X, y, params))
        partial_fit(self, X, y, classes, **params)
        progress.end(dict)  # the pipeline is fitted as it is
        return self


def make_incremental_pipeline(*steps, memory=None, transform_input=None, verbose=False):
    """Return an :class:`IncrementalPipeline`; steps are named after their classes.

    Parameters
    ----------
    *steps : estimators
        The last of them can go on learning.
    memory : str or object with the joblib.Memory interface, default=None
        As in Pipeline.
    transform_input : list of str, default=None
        As in Pipeline.
    verbose : bool, default=False
        As in Pipeline.

    Returns
    -------
    pipeline : IncrementalPipeline
        Unfitted.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.preprocessing import MaxAbsScaler
    >>> from skretrain.compose import make_incremental_pipeline
    >>> make_incremental_pipeline(MaxAbsScaler(), SGDClassifier()).steps[0][0]
    'maxabsscaler'
    """
    named = _make_pipeline(*steps).steps
    return IncrementalPipeline(
        named, memory=memory, transform_input=transform_input, verbose=verbose
    )
