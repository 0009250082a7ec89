"""One loss per row, for every kind of estimator."""

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ._labels import spread, union_of_labels

_LEAST_PROBABILITY = 1e-6  # one certain mistake does not outweigh everything else


def task_of(estimator):
    """Return ``"classification"``, ``"regression"`` or ``"unsupervised"``."""
    if is_classifier(estimator):
        return "classification"
    return "regression" if is_regressor(estimator) else "unsupervised"


def zero_one_loss_per_row(y_true, y_pred):
    """Return 1.0 where the prediction is wrong; for several outputs, the share of wrong ones."""
    wrong = np.asarray(y_pred).reshape(y_true.shape) != y_true
    return wrong.mean(axis=1) if wrong.ndim > 1 else wrong.astype(np.float64)


def differs_per_row(one, other):
    """Return which rows are decided otherwise; of several outputs, if any is another."""
    changed = one != other
    return changed.reshape(len(changed), -1).any(axis=1)


def absolute_loss_per_row(y_true, y_pred):
    """Return the absolute residual; for several outputs, their mean.

    A prediction that is not a number counts as infinitely wrong: the target is finite, so the fault
    is the model's.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        loss = np.abs(y_true - np.asarray(y_pred).reshape(y_true.shape))
    loss[np.isnan(loss)] = np.inf
    return loss.mean(axis=1) if loss.ndim > 1 else loss


def novelty_per_row(model, X):
    """Return how unusual each row is to a model without a target, or None if it cannot say.

    It is ``-score_samples`` where there is one, else the distance to the nearest centre.
    """
    if hasattr(model, "score_samples"):
        return -np.asarray(model.score_samples(X))
    has_centers = hasattr(model, "cluster_centers_") or hasattr(model, "subcluster_centers_")
    if has_centers and hasattr(model, "transform"):
        return np.asarray(model.transform(X)).min(axis=1)
    return None


def loss_per_row(model, X, y):
    """Return what a fitted model loses on each row, as finely as it tells.

    It is the log loss where there are probabilities of one output, else the 0/1 or absolute loss. A
    class that the model does not know has the smallest probability that counts. Without targets it
    is how unusual the row is to the model.
    """
    if y is None:
        return novelty_per_row(model, X)
    if is_regressor(model):
        return absolute_loss_per_row(y, model.predict(X))
    if y.ndim > 1 or not hasattr(model, "predict_proba"):
        return zero_one_loss_per_row(y, model.predict(X))
    classes = union_of_labels(model.classes_, y)
    proba = spread(model.predict_proba(X), model.classes_, classes, 0.0)
    column = np.searchsorted(classes, y)
    return -np.log(np.clip(proba[np.arange(len(y)), column], _LEAST_PROBABILITY, 1.0))
