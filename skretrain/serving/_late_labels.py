"""Labels as they come in: those that are missing told apart, in the type of the predictions."""

import numpy as np
from sklearn.utils import column_or_1d

from ..utils._containers import n_rows
from ..utils._labels import is_missing, union_of_labels


def label_array(y, size):
    """Return labels as an array, and which rows have one.

    Parameters
    ----------
    y : array-like of shape (size,) or (size, n_outputs)
        Labels, None, NaN or NA where there is none yet.
    size : int
        Number of ids.

    Returns
    -------
    y : ndarray
        As given.
    is_known : ndarray of bool of shape (size,)
        False where a label, or one of several outputs, is missing.

    Raises
    ------
    ValueError
        If there are not as many, or one is infinite, a date or a duration.

    Examples
    --------
    >>> from skretrain.serving._late_labels import label_array
    >>> label_array([1, None], 2)[1]
    array([ True, False])
    """
    y = np.asarray(y)
    if y.ndim == 0 or n_rows(y) != size:
        raise ValueError(
            f"PendingLabels.resolve: y must hold one label per id: got shape {y.shape} for {size} "
            "ids. Pass None or NaN for a label that is not known yet."
        )
    if y.dtype.kind in "mMc":
        raise ValueError(
            f"PendingLabels.resolve: y holds {y.dtype.name}s, which are no labels: turn them into "
            "real numbers, of hours or days, say, or into text for classes."
        )
    if y.shape[1:] == (1,):
        y = column_or_1d(y)
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError(
            "PendingLabels.resolve: y holds an infinite value, which is no label: pass NaN for one "
            "that is not known yet."
        )
    missing = is_missing(y)
    return y, ~(missing.any(axis=1) if y.ndim > 1 else missing)


def in_type_of(y, y_pred, is_regression):
    """Return labels, none of them missing, in the type of predictions where nothing is lost by it.

    A gap makes floats of integers, and objects of everything.

    Parameters
    ----------
    y : ndarray
        Labels.
    y_pred : ndarray
        Predictions of the same rows.
    is_regression : bool
        Whether they are numbers.

    Returns
    -------
    y : ndarray
        The labels.

    Raises
    ------
    ValueError
        If labels cannot be compared with the predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.serving._late_labels import in_type_of
    >>> in_type_of(np.array([1.0, 0.0]), np.array([0, 1]), False)
    array([1, 0])
    """
    if not len(y):
        return y_pred
    if y.shape != y_pred.shape:
        raise ValueError(
            f"PendingLabels.resolve: y has the shape {y.shape}, and the predictions of these rows "
            f"{y_pred.shape}: pass as many outputs."
        )
    if is_regression:
        return y if y.dtype.kind == "f" else _numbers(y)
    if y.dtype.kind != y_pred.dtype.kind:
        y = _cast(y, y_pred.dtype)
    try:
        union_of_labels(np.unique(y_pred.ravel()[:1]), y.ravel())
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"PendingLabels.resolve: y does not hold labels such as those predicted, "
            f"{y_pred.ravel()[:3].tolist()}: {error}"
        ) from None
    return y


def _numbers(y):
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"PendingLabels.resolve: y must hold numbers, as the model predicts them: {error}."
        ) from None


def _cast(y, dtype):
    try:
        cast = y.astype(dtype)
    except (TypeError, ValueError):
        return y
    return cast if np.array_equal(cast, y) else y
