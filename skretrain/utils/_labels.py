"""Class labels that accumulate over a stream, and outputs aligned with them."""

import numpy as np

_FEW = 100  # rows up to which a set of labels is faster than an array of them


def union_of_labels(known, more):
    """Return the sorted union of two label arrays; `known` may be None."""
    more = np.unique(np.asarray(more))
    if known is None:
        return more
    if _is_text(known) != _is_text(more):
        raise ValueError(
            f"y mixes text and numbers: got the labels {more.tolist()[:5]}, but those seen so "
            f"far are {known.tolist()[:5]}. Convert y to one kind before passing it."
        )
    return np.union1d(known, more)


def unseen_labels(y, known):
    """Return the distinct labels of `y` that are not among the sorted labels `known`."""
    if y.ndim == 1 and len(y) <= _FEW and set(y.tolist()).issubset(known.tolist()):
        return known[:0]
    if y.dtype.kind != known.dtype.kind and _is_text(y) != _is_text(known):
        return np.unique(y)
    missing = known.take(known.searchsorted(y), mode="clip") != y
    return np.unique(y[missing]) if missing.any() else known[:0]


def are_same(labels, others):
    """Tell whether two arrays of labels are equal, in a third of the time of ``array_equal``."""
    return len(labels) == len(others) and bool((labels == others).all())


def is_missing(y):
    """Return where targets are missing, NaN, pandas.NA or infinite, a bool for each value."""
    if y.dtype.kind == "f":
        return ~np.isfinite(y)
    if y.dtype.kind != "O":
        return np.zeros(y.shape, dtype=bool)
    # NaN does not equal itself, and pandas.NA equals nothing.
    found = [
        value is None or not isinstance(value == value, bool | np.bool_) or bool(value != value)
        for value in y.ravel()
    ]
    return np.array(found, dtype=bool).reshape(y.shape)


def is_flat(classes):
    """Tell the labels of one output from a list with the labels of each of several."""
    return len(classes) > 0 and np.ndim(classes[0]) == 0


def _is_text(labels):
    if labels.dtype.kind == "O":
        return any(isinstance(label, str) for label in labels[:1])
    return labels.dtype.kind in "US"


def spread(output, model_classes, classes, fill):
    """Spread the columns of `output` over `classes`; columns the model lacks are `fill`.

    The single column of a binary decision function becomes two, if there are other classes. A
    `fill` of None is the smallest finite number. Of a single class, several estimators return the
    two columns of a binary model: the first of them is that of the class.
    """
    if len(model_classes) == 1 and (fill is not None or len(classes) > 1):
        output = _of_one_class(np.asarray(output), fill)
    if len(model_classes) == len(classes):
        return output
    output = np.asarray(output)
    if output.dtype.kind != "f":
        output = output.astype(np.float64)
    if output.ndim == 1:
        output = np.column_stack([-output, output])
    if fill is None:
        fill = np.finfo(output.dtype).min
    full = np.full((output.shape[0], len(classes)), fill, dtype=output.dtype)
    full[:, np.searchsorted(classes, model_classes)] = output
    return full


def _of_one_class(output, fill):
    """Return what a model says of the one class that it knows, in one column."""
    if output.ndim == 1:
        return -output[:, np.newaxis]  # the larger, the more it is for the class it does not know
    if output.shape[1] == 1 or fill is None:
        return output[:, :1]
    # It is certain, whatever share goes to a class that does not exist.
    return np.full((len(output), 1), 1.0 if fill == 0 else 0.0)
