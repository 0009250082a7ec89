"""The one file that names private parts of scikit-learn: where to look at an upgrade."""

from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled

__all__ = ["reheated", "renews_its_generator", "response_methods", "routing_enabled"]


def response_methods(scorer):
    """Return the names of the prediction methods a scorer asks for, or None if it does not say."""
    methods = getattr(scorer, "_response_method", None)
    if methods is None or methods == "default":
        return None
    return (methods,) if isinstance(methods, str) else tuple(methods)


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
