"""A period as it is given: its rows at once, or a list of batches in the order of time."""

import math

import numpy as np

from ...buffers._base import joined, part_of


def batches_of(period, X, y, params):
    """Return the batches of a period, each as (name, X, y, params).

    Batches are a list of targets that are columns of numbers or labels themselves, and a list of as
    many tables.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.model_selection._advise._batches import batches_of
    >>> table = np.zeros((2, 3))
    >>> [name for name, *_ in batches_of("new", table, [0, 1], None)]
    ['new']
    >>> [name for name, *_ in batches_of("new", [table, table], [[0, 1], [1, 1]], None)]
    ['new[0]', 'new[1]']
    """
    if not _are_batches(X, y):
        return [(period, X, y, params)]
    params = [None] * len(y) if params is None else params
    for name, parts in (("X", X), ("params", params)):
        if not isinstance(parts, (list, tuple)) or len(parts) != len(y):
            n = f"{len(parts)} of them" if isinstance(parts, (list, tuple)) else "no list"
            raise ValueError(
                f"{name}_{period} is {n}, and y_{period} has {len(y)} batches; pass one for each "
                "batch, oldest first."
            )
    names = [f"{period}[{n}]" for n in range(len(y))]
    return list(zip(names, X, y, params, strict=True))


def _are_batches(X, y):
    """Tell a list of batches from a list of rows: a row has a target, a batch a column of them."""
    if not isinstance(y, (list, tuple)) or not isinstance(X, (list, tuple)) or not y:
        return False
    return all(_is_column(part) for part in y) and all(map(_is_table, X))


def _is_column(y):
    return not isinstance(y, (str, bytes)) and np.ndim(y) == 1


def _is_table(X):
    """Tell a table or a list of rows from a row: a list of numbers."""
    if hasattr(X, "shape"):
        return len(X.shape) > 1
    return isinstance(X, (list, tuple)) and not any(
        np.ndim(v) == 0 and not isinstance(v, str) for v in X
    )


def losses_of_batches(case, stage):
    """Return how the old model of a stage does on each new batch, where there are several."""
    rows = joined(stage.readable_new, stage.held_new)
    ends = case.first_new + np.cumsum(case.batches)
    parts = np.split(np.arange(len(rows.index)), np.searchsorted(rows.index, ends[:-1]))
    if len(parts) < 2:
        return []
    return [
        {"rows": size, "loss": _loss(case.evaluator, stage.refitted, part_of(rows, part))}
        for size, part in zip(case.batches, parts, strict=True)
    ]


def _loss(evaluator, model, rows):
    try:
        return evaluator.loss(evaluator.evaluate(model, rows))
    except ValueError:  # no row that counts, or a score that so few do not define
        return math.nan
