"""The one file that names private parts of scikit-learn: where to look at an upgrade."""

from contextlib import contextmanager

from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9 has no callbacks: nothing to support

    class CallbackSupportMixin:
        """Stands where scikit-learn 1.9 has its mixin."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "Progress",
    "is_stateless",
    "reheated",
    "renews_its_generator",
    "response_methods",
    "routing_enabled",
    "with_callbacks",
]


class Progress:
    """Tell the callbacks of an estimator, if it has any, how far a task with steps has come.

    Parameters
    ----------
    estimator : estimator
        The owner of the callbacks; the calling method is decorated ``with_callbacks``.
    name : str
        Of the whole task.
    n_steps : int or None
        How many steps it has, if that is known.
    X, y : array-like
        What is learned from.
    """

    def __init__(self, estimator, name, n_steps, X, y):
        self.estimator, self.X, self.y, self.context = estimator, X, y, None
        if getattr(estimator, "_skl_callbacks", None):
            self.context = estimator._init_callback_context(task_name=name, max_subtasks=n_steps)
            self._call(self.context, "begin")

    @contextmanager
    def task(self, name):
        """One step; the callbacks hear of its begin and its end."""
        if self.context is None:
            yield
            return
        step = self.context.subcontext(task_name=name)
        self._call(step, "begin")
        yield
        self._call(step, "end")

    def end(self):
        """Tell that the whole task is done."""
        if self.context is not None:
            self._call(self.context, "end")

    def _call(self, context, moment):
        hook = getattr(context, f"call_on_fit_task_{moment}")
        hook(estimator=self.estimator, X=self.X, y=self.y)


def response_methods(scorer):
    """Return the names of the prediction methods a scorer asks for, or None if it does not say."""
    methods = getattr(scorer, "_response_method", None)
    if methods is None or methods == "default":
        return None
    return (methods,) if isinstance(methods, str) else tuple(methods)


def is_stateless(kind):
    """Return whether objects of this type never change: the compiled losses of linear models."""
    return kind.__module__ in ("sklearn.linear_model._sgd_fast", "sklearn._loss._loss")


def renews_its_generator(kind):
    """Return whether estimators of this type replace ``_random_state`` as each fit begins.

    Multi-layer perceptrons do. They are told by name: importing them takes long.
    """
    return any(base.__name__ == "BaseMultilayerPerceptron" for base in kind.__mro__)


def reheated(model):
    """Return `model` after its step size went back to its initial value, in place.

    ``t_`` counts the samples that the schedules of the SGD family and of the multi-layer
    perceptrons have seen; the perceptrons rebuild their optimiser, with ``learning_rate_init``,
    when ``partial_fit`` finds none.
    """
    if hasattr(model, "_optimizer"):
        del model._optimizer
        model.t_ = 0
    elif hasattr(model, "t_"):
        model.t_ = 1.0
    return model
