"""Update a rescaler while the linear layer behind it keeps what it has learned."""

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from ..linear_model._base import RecursiveRidge
from ..utils._sklearn_api import distinct, first_layers

_RESCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler)


def why_not_preserved(scaler, model):
    """Return why an update of `scaler` cannot leave the decisions of `model` as they are.

    Parameters
    ----------
    scaler : estimator
        A transformer, fitted or not.
    model : estimator or None
        What takes its output, and nothing else; None where that is not one model.

    Returns
    -------
    reason : str
        Empty if it can.
    """
    name = type(scaler).__name__
    if type(scaler) not in _RESCALERS:
        return f"{name} is not a linear rescaler"
    if getattr(scaler, "clip", False):
        return f"{name}(clip=True) is not linear"
    if not _is_linear(model):
        return "no linear model or MLP that goes on learning comes right after it"
    shifts = isinstance(scaler, MinMaxScaler) or getattr(scaler, "with_mean", False)
    if shifts and not getattr(model, "fit_intercept", True):
        return f"{name} shifts its input and {type(model).__name__} has no intercept to make up"
    return ""


def why_preserved(model):
    """Return what becomes of a model that `why_not_preserved` finds no fault with."""
    if isinstance(model, RecursiveRidge):
        return "the model's rows are rewritten: as if all had been scaled so"
    return "the model's weights are rewritten: no decision moves"


def _is_linear(model):
    if isinstance(model, RecursiveRidge):
        return True
    kinds = {kind.__name__ for kind in type(model).__mro__}
    if "BaseMultilayerPerceptron" in kinds:
        return True
    linear = type(model).__module__.startswith("sklearn.linear_model")
    # The one-class machine has an offset where the others have an intercept.
    return linear and hasattr(model, "fit_intercept") and "SGDOneClassSVM" not in kinds


def affine_of(scaler):
    """Return scale and shift of a fitted rescaler: its output is ``scale * x + shift``."""
    n_features = scaler.n_features_in_
    if isinstance(scaler, MinMaxScaler):
        return scaler.scale_, scaler.min_
    scale = np.ones(n_features) if scaler.scale_ is None else 1 / scaler.scale_
    mean = getattr(scaler, "mean_", None) if getattr(scaler, "with_mean", False) else None
    return scale, np.zeros(n_features) if mean is None else -mean * scale


def rewrite(model, columns, before, after):
    """Change the first layer of `model`, in place, so that its output stays what it was.

    With :math:`z = s x + b` before and :math:`z' = s' x + b'` after the rescaler's update,
    :math:`w z + c = w' z' + c'` for every :math:`x` if :math:`w' = w s / s'` and
    :math:`c' = c + w (b - b' s / s')`.

    Recursive ridge has no weights but those that follow from the rows which it has learned: their
    means and products become those of :math:`z'`. Its output stays what it was but for the penalty,
    which holds for weights in the new units.

    Parameters
    ----------
    model : estimator
        A fitted linear model or multi-layer perceptron.
    columns : slice
        Which of its inputs come from the rescaler.
    before, after : tuple of ndarray
        What :func:`affine_of` returned before and after the update.
    """
    if isinstance(model, RecursiveRidge):
        ratio = after[0] / before[0]
        model._rescale(columns, ratio, after[1] - ratio * before[1])
        return
    ratio = before[0] / after[0]
    offset = before[1] - ratio * after[1]
    layers = first_layers(model)
    for layer in layers:  # all of them while the weights, which some share, are as they were
        layer.shift(layer.weights[..., columns] @ offset)
    for weights in distinct(layer.weights for layer in layers):
        weights[..., columns] *= ratio
