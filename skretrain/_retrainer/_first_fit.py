"""The first model: when the rows suffice for it, and how it is made."""

import warnings

import numpy as np

from ..buffers._base import part_of
from ..utils._labels import union_of_labels
from ..utils._sklearn_api import predict_of, predict_proba_of


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
    if not len(rows.index) or (weight is not None and not weight.any()):
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
# A base that is a constant on so many rows does not lack rows.
_ENOUGH = 1000
_FEW = 50
# How often fewer are repeated: a base that asks for less than them all then has enough of each.
_TIMES = 10


def are_too_few(rows, learner, scorer):
    """Tell whether a first fit fails on these rows for no other reason than their number.

    It is then a success on the same rows, repeated: five neighbours can be found among three rows
    that stand there many times. What is wrong in any other way stays wrong.
    """
    if len(rows.index) >= _PLENTY:
        return False
    many = _repeated(rows, _PLENTY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of repeated rows, say
        try:
            scorer.predicted(learner.fresh(many, 0), rows.X)
        except Exception:
            return False
    return True


def lacks_rows(model, rows, learner):
    """Tell whether a first model is a constant for no other reason than the number of its rows.

    Trees that ask for twenty rows in a leaf are a constant on twenty-four of them, and no constant
    on the same rows, repeated. A base that is meant to be a constant, a dummy, stays one, and so
    does any other where the rows have nothing to tell.
    """
    n_rows = len(rows.index)
    if rows.y is None or n_rows >= _ENOUGH:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            few = part_of(rows, slice(_FEW))  # they nearly always suffice to tell
            if not (_is_constant(model, few.X) and _is_constant(model, rows.X)):
                return False
            many = _repeated(rows, max(_PLENTY, _TIMES * n_rows))
            probe = learner.blank(0)
            vars(probe).pop("_skl_callbacks", None)  # it is no fit that anybody is to hear of
            return not _is_constant(probe.fit(many.X, many.y), rows.X)
        except Exception:
            return False  # nothing is known, and nothing depends on it


def about_lack(n_rows, learner, initial_size):
    """Return what to tell of a first model that lacks rows, and the way out."""
    return (
        f"The first model gives the same output for all {n_rows} rows of the first fit "
        f"(initial_size={initial_size!r}), and would not if there were more of them. Set "
        f"initial_size to as many rows as {type(learner.estimator).__name__} needs, or lower what "
        "it asks for, such as the rows in a leaf."
    )


def _repeated(rows, n_rows):
    return part_of(rows, np.resize(np.arange(len(rows.index)), n_rows))


def _is_constant(model, X):
    """Tell whether the most telling output of a model is the same for all rows."""
    if hasattr(model, "predict_proba"):
        output = predict_proba_of(model, X)
        # Probabilities of several outputs come as a list with one array for each.
        output = np.hstack(output) if isinstance(output, list) else output
    elif hasattr(model, "decision_function"):
        output = model.decision_function(X)
    else:
        output = predict_of(model, X)
    output = np.asarray(output)
    return bool((output == output[:1]).all())
