"""The first model: when the rows suffice for it, and how it is made."""

import numpy as np

from ..utils._labels import union_of_labels


def suffices(rows, labels, learner, *, incremental, initial_size):
    """Tell whether a first model can be fitted on these rows.

    Parameters
    ----------
    rows : Rows
        What has come so far.
    labels : Labels
        Those declared may stand for those that have not come.
    learner : Learner
        Tells which rows count.
    incremental : bool
        Whether the first rows go through ``partial_fit``.
    initial_size : int or None
        Rows to wait for otherwise.
    """
    weight = learner.weight_of(rows)
    if weight is not None and not weight.any():
        return False
    if labels.are_flat(rows.y):
        declared = incremental and labels.classes is not None
        if not declared and len(np.unique(learner.targets_of(rows))) < 2:
            return False
    return incremental or len(rows.index) >= (initial_size or 1)


def first_model(rows, labels, learner, *, incremental):
    """Return the first model, fitted on `rows`, the first ones of a stream if `incremental`."""
    classes = labels.declared
    if incremental and labels.are_flat(rows.y):
        classes = union_of_labels(labels.classes, learner.targets_of(rows))
    elif labels.is_classifier and classes is None:
        # Several outputs that nobody declared: only fit can find out their classes.
        incremental = False
    return learner.started(rows, 0, classes) if incremental else learner.fresh(rows, 0)


def first_size(rows, wanted, labels, learner):
    """Return how many rows the first fit takes: as many as wanted, but two classes at least."""
    y = rows.y
    if not len(rows.index) or not labels.are_flat(y):
        return wanted
    uncounted = learner.uncounted(rows)
    known = np.arange(len(y)) if uncounted is None else np.flatnonzero(~uncounted)
    other = known[y[known] != y[known[:1]]] if len(known) else known
    return max(wanted, int(other[0]) + 1) if len(other) else len(y)
