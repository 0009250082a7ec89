"""The first model: when the rows suffice for it, and how it is made."""

import warnings

import numpy as np

from ..buffers._base import part_of
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


# So many that no base asks for more: the rows are repeated to find out whether more would do.
_PLENTY = 200


def are_too_few(rows, learner, scorer):
    """Tell whether a first fit fails on these rows for no other reason than their number.

    It is then a success on the same rows, repeated: five neighbours can be found among three rows
    that stand there many times. What is wrong in any other way stays wrong.
    """
    if len(rows.index) >= _PLENTY:
        return False
    many = part_of(rows, np.resize(np.arange(len(rows.index)), _PLENTY))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of repeated rows, say
        try:
            scorer.predicted(learner.fresh(many, 0), rows.X)
        except Exception:
            return False
    return True
