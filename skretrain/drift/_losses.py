"""The losses of a batch, for triggers that cannot do without them."""

import math

import numpy as np

# A log loss is bounded by taking no probability for smaller. A class with a share of one row in a
# thousand still has room above the loss of a model that knows nothing but the shares.
_LEAST_PROBABILITY = 1e-3


def losses_of(batch, trigger):
    """Return one loss per row.

    Parameters
    ----------
    batch : ScoredBatch
        Newest rows of the stream.
    trigger : BaseTrigger
        What needs the losses, named in the error.

    Returns
    -------
    losses : ndarray of shape (n_rows,), float64
        Not to be written to; NaN marks a row that was not scored.

    Raises
    ------
    ValueError
        If the batch has no losses.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import RiskMonitor, ScoredBatch
    >>> from skretrain.drift._losses import losses_of
    >>> losses_of(ScoredBatch(0, 3, np.array([0, 1, 0])), RiskMonitor())
    array([0., 1., 0.])
    """
    if batch.loss is None:
        raise ValueError(
            f"{type(trigger).__name__} needs a loss per row, and this batch has none (loss=None): "
            "the model has nothing to be scored by. Pass detector=None, or a trigger that needs "
            "only X."
        )
    return np.asarray(batch.loss, dtype=np.float64)


def scored_losses_of(batch, trigger):
    """Return the losses of the rows that were scored.

    Parameters
    ----------
    batch : ScoredBatch
        Newest rows of the stream.
    trigger : BaseTrigger
        What needs the losses, named in the error.

    Returns
    -------
    losses : ndarray of shape (n_scored,), float64
        A copy without NaN.

    Raises
    ------
    ValueError
        If the batch has no losses, or says that they are bounded where they are not.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import RiskMonitor, ScoredBatch
    >>> from skretrain.drift._losses import scored_losses_of
    >>> scored_losses_of(ScoredBatch(0, 3, np.array([0.5, np.nan, 0.0])), RiskMonitor())
    array([0.5, 0. ])
    """
    losses = losses_of(batch, trigger)
    losses = losses[~np.isnan(losses)]
    if batch.bounded and len(losses) and not 0 <= losses.min() <= losses.max() <= 1:
        raise ValueError(
            f"ScoredBatch(loss=..., bounded=True) has losses from {losses.min():g} to "
            f"{losses.max():g}: they must lie in [0, 1]. Pass bounded=False for residuals."
        )
    return losses


def called_loss(loss, batch):
    """Return what a user's function makes of the targets and predictions of a batch.

    Parameters
    ----------
    loss : callable
        ``loss(y_true, y_pred) -> array of shape (n_rows,)``.
    batch : ScoredBatch
        Newest rows of the stream.

    Returns
    -------
    losses : ndarray of shape (n_rows,), float64
        A copy.

    Raises
    ------
    ValueError
        If the batch lacks targets or predictions, or if it is not one loss per row.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import ScoredBatch
    >>> from skretrain.drift._losses import called_loss
    >>> batch = ScoredBatch(0, 2, y=np.array([1.0, 2.0]), y_pred=np.array([1.0, 5.0]))
    >>> called_loss(lambda y_true, y_pred: (y_true - y_pred) ** 2, batch)
    array([0., 9.])
    """
    if batch.y is None or batch.y_pred is None:
        raise ValueError(
            f"ErrorDrift(loss={loss!r}) needs true targets and predictions, and this batch lacks "
            f"{'y' if batch.y is None else 'y_pred'}. Use loss='auto'."
        )
    losses = np.array(loss(batch.y, batch.y_pred), dtype=np.float64)
    if losses.shape != (batch.n_rows,):
        raise ValueError(
            f"ErrorDrift(loss={loss!r}) must return one loss per row, an array of shape "
            f"({batch.n_rows},), and returned one of shape {losses.shape}."
        )
    return losses


def bounded_log_loss(batch):
    """Return the log loss of each row, clipped and scaled to [0, 1].

    Parameters
    ----------
    batch : ScoredBatch
        Newest rows of the stream.

    Returns
    -------
    losses : ndarray of shape (n_rows,), float64
        0 where the true class was given the probability 1; 1 where it was given at most 0.001, or
        is not among the classes.

    Raises
    ------
    ValueError
        If the batch lacks labels, classes or probabilities, or has several outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import ScoredBatch
    >>> from skretrain.drift._losses import bounded_log_loss
    >>> proba = np.array([[1.0, 0.0], [0.9, 0.1], [0.9, 0.1], [1.0, 0.0]])
    >>> batch = ScoredBatch(0, 4, y=np.array([0, 0, 1, 1]), y_proba=proba, classes=np.array([0, 1]))
    >>> bounded_log_loss(batch).round(3)
    array([0.   , 0.015, 0.333, 1.   ])
    """
    proba = None if batch.y_proba is None else np.asarray(batch.y_proba)
    if batch.y is None or batch.classes is None or proba is None or proba.ndim != 2:
        raise ValueError(
            "ErrorDrift(loss='log_loss') needs one label per row and the probabilities of its "
            "classes, and this batch lacks them. Use a classifier with predict_proba and a single "
            "output, or loss='auto'."
        )
    is_label = np.asarray(batch.y)[:, np.newaxis] == np.asarray(batch.classes)
    of_true_class = np.where(is_label, proba, 0.0).sum(axis=1, dtype=np.float64)
    # From above, too: probabilities in single precision may exceed 1 by a rounding error.
    clipped = np.clip(of_true_class, _LEAST_PROBABILITY, 1.0)
    return np.abs(np.log(clipped) / math.log(_LEAST_PROBABILITY))
