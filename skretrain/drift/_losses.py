"""The losses of a batch, for triggers that cannot do without them."""

import numpy as np


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
