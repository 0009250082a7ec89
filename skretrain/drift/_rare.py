"""Rare classes, which are watched apart: a drift in one is lost among the rows of the others."""

from collections import Counter

import numpy as np

from ._at_least import AtLeast
from ._error_drift import ErrorDrift

_RARE = 0.05
_OF_FAIR_SHARE = 0.5


def rare_labels(y):
    """Return the labels of the classes that have few rows.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Labels; NaN is none.

    Returns
    -------
    labels : list
        Those with less than 5 % of the rows that are also less than half of the rows that each
        class would have if all had the same number; rarest first. Empty for a single class, and for
        several outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift._rare import rare_labels
    >>> rare_labels(np.repeat(["fine", "fraud"], [980, 20]))
    ['fraud']
    >>> rare_labels(np.repeat(np.arange(24), 10))
    []
    """
    y = np.asarray(y)
    if y.ndim != 1:
        return []
    counts = Counter(label for label in y.tolist() if label == label)
    if not counts:
        return []
    limit = counts.total() * min(_RARE, _OF_FAIR_SHARE / len(counts))
    return sorted((label for label in counts if counts[label] < limit), key=counts.get)


def watch_rare(trigger, labels, has_proba):
    """Return a trigger that rings when another one does, or when the losses of a rare class rise.

    Parameters
    ----------
    trigger : BaseTrigger
        Not touched.
    labels : list
        The rare classes, at least one.
    has_proba : bool
        Whether the model predicts probabilities: their log loss tells sooner than errors that a
        class is no longer recognised.

    Returns
    -------
    trigger : AtLeast
        Blank, and of a blank copy of `trigger`.

    Examples
    --------
    >>> from skretrain.drift import ErrorDrift
    >>> from skretrain.drift._rare import watch_rare
    >>> trigger = watch_rare(ErrorDrift(random_state=3), ["fraud"], has_proba=True)
    >>> trigger.triggers_[1]
    ErrorDrift(loss='log_loss', random_state=3, rows_of_class=['fraud'])
    >>> sorted(trigger.needs)
    ['classes', 'loss', 'y_proba']
    """
    rare = ErrorDrift(
        loss="log_loss" if has_proba else "auto",
        rows_of_class=list(labels),
        random_state=getattr(trigger, "random_state", None),
    )
    return AtLeast([trigger, rare]).reset()
