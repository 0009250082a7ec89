"""Scores against the classifier that repeats the newest label it knows."""

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, column_or_1d

from ..utils._params import check_integer


def no_change_predict(y_true, *, label_delay=0, y_previous=None):
    """Predict each row of a stream by the newest target known when it arrives.

    Where targets depend on the ones before, this predictor is hard to beat, and a score that does
    not stand beside its own says little.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Targets in order of arrival: labels or numbers.

    label_delay : int, default=0
        Rows by which a target is late: at row ``t`` the newest known one is that of row
        ``t - 1 - label_delay``. With 0 it is the previous row's.

    y_previous : array-like of shape (n_previous,), default=None
        Targets of the rows that came right before, for instance those of a warm-up, in order of
        arrival. Without them the first ``1 + label_delay`` rows have no prediction.

    Returns
    -------
    rows : ndarray of shape (n_predicted,), dtype int64
        The rows of `y_true` that have a prediction: all of them from some row on.

    y_pred : ndarray of shape (n_predicted,)
        The predictions of these rows.

    Raises
    ------
    ValueError
        If `label_delay` is negative, or an array is not one-dimensional.

    See Also
    --------
    kappa_temporal : How much of this predictor's error a classifier avoids.

    Examples
    --------
    >>> from skretrain.metrics import no_change_predict
    >>> rows, y_pred = no_change_predict([1, 2, 3, 4], label_delay=1)
    >>> rows
    array([2, 3])
    >>> y_pred
    array([1, 2])
    >>> no_change_predict([1, 2, 3, 4], label_delay=1, y_previous=[8, 9])[1]
    array([8, 9, 1, 2])
    """
    what = "a number of rows"
    check_integer("no_change_predict", "label_delay", label_delay, least=0, what=what)
    y_true = column_or_1d(y_true)
    known = y_true if y_previous is None else np.concatenate([column_or_1d(y_previous), y_true])
    first = max(1 + label_delay - (len(known) - len(y_true)), 0)
    rows = np.arange(first, len(y_true))
    return rows, known[len(known) - len(y_true) - 1 - label_delay + rows]


def kappa_temporal(y_true, y_pred, *, label_delay=0, y_previous=None):
    """Share of the no-change classifier's errors that a classifier avoids.

    ``(accuracy - accuracy_nc) / (1 - accuracy_nc)``, where ``accuracy_nc`` is the accuracy of the
    classifier that predicts the newest label known at each row (:func:`no_change_predict`), under
    the same label delay. 1 is perfect, 0 is no better than repeating the last label, and below 0
    is worse. Cohen's kappa compares with guessing at the observed class shares, which is easy to
    beat on a stream whose labels come in runs; this score does not reward that.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels in order of arrival.

    y_pred : array-like of shape (n_samples,)
        Predictions of the same rows, each made before its label was known.

    label_delay : int, default=0
        Rows by which a label is late, for the no-change classifier as it was for yours: at row
        ``t`` the newest known label is that of row ``t - 1 - label_delay``. 0 is the score as
        published.

    y_previous : array-like of shape (n_previous,), default=None
        Labels of the rows that came right before, for instance those of a warm-up, in order of
        arrival. Rows for which no label is known yet, without `y_previous` the first
        ``1 + label_delay``, are left out of both accuracies.

    Returns
    -------
    kappa : float
        Between minus infinity and 1. Where the no-change classifier makes no error at all, there
        is nothing to avoid: 0.0 if the classifier makes none either, else ``-inf``.

    Raises
    ------
    ValueError
        If `y_true` and `y_pred` differ in length, if `label_delay` is negative, or if no row has
        a label known before it.

    See Also
    --------
    no_change_predict : The predictions that this score compares with.
    sklearn.metrics.cohen_kappa_score : Agreement beyond guessing at the class shares.

    References
    ----------
    Bifet, A., Read, J., Zliobaite, I., Pfahringer, B. and Holmes, G. (2013). Pitfalls in
    benchmarking data stream classification and how to avoid them. ECML PKDD 2013, 465-479.

    Zliobaite, I., Bifet, A., Read, J., Pfahringer, B. and Holmes, G. (2015). Evaluation methods
    and decision theory for classification of streaming data with temporal dependence. Machine
    Learning 98, 455-482.

    Examples
    --------
    >>> from skretrain.metrics import kappa_temporal
    >>> y_true = [0, 0, 0, 1, 1, 1, 0, 0, 0]
    >>> kappa_temporal(y_true, [0, 0, 0, 0, 1, 1, 1, 0, 0])
    0.0
    >>> kappa_temporal(y_true, [0, 0, 0, 1, 1, 1, 1, 0, 0])
    0.5
    >>> kappa_temporal(y_true, [0, 0, 0, 1, 1, 1, 1, 0, 0], label_delay=1)
    0.75
    """
    check_consistent_length(y_true, y_pred)
    y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
    rows, y_no_change = no_change_predict(y_true, label_delay=label_delay, y_previous=y_previous)
    if len(rows) == 0:
        raise ValueError(
            f"No row of y_true ({len(y_true)} rows) has a label known before it at "
            f"label_delay={label_delay}; pass more rows, or earlier labels as y_previous."
        )
    accuracy = accuracy_score(y_true[rows], y_pred[rows])
    baseline = accuracy_score(y_true[rows], y_no_change)
    if baseline == 1.0:
        return 0.0 if accuracy == 1.0 else -np.inf
    return float((accuracy - baseline) / (1.0 - baseline))
