"""How good the model of a daily job is on rows that it has not learned yet."""

import math

import numpy as np

from ..utils._losses import absolute_loss_per_row, zero_one_loss_per_row
from ._errors import as_sentence, refusals
from ._metric import metric_asked_for


def score_now(job, X, y):
    """Return the name and the value of what the serving model is worth on rows.

    Parameters
    ----------
    job : Job
        The model, and what it is judged by.
    X : DataFrame or ndarray
        Rows.
    y : ndarray
        Their labels.

    Returns
    -------
    score : dict
        ``name`` and ``value``; with a None for the latter, ``why`` there is none.
    """
    settings, model = job.settings, job.model
    metric = metric_asked_for(
        settings["task"],
        model,
        np.concatenate([y, getattr(model, "classes_", y[:0])]),
        scoring=settings["scoring"],
        positive=settings["positive"],
        costs=settings["costs"],
    )
    if metric is None:
        return _usual(settings["task"], model, X, y)
    try:
        value = metric.shown(metric.scorer(model, X, y))
    except refusals(is_own=True) as error:  # such as of rows of one class
        return {"name": metric.name, "value": None, "why": as_sentence(error)}
    if not math.isfinite(value):
        return {"name": metric.name, "value": None, "why": "it is not defined on these rows."}
    return {"name": metric.name, "value": float(value)}


def _usual(task, model, X, y):
    y_pred = model.predict(X)
    if task == "classification":
        right = 1.0 - zero_one_loss_per_row(y, y_pred).mean()
        return {"name": "accuracy", "value": float(right)}
    return {
        "name": "mean absolute error",
        "value": float(absolute_loss_per_row(y, y_pred).mean()),
    }
