"""What mistakes cost: the option ``--cost-matrix``, as text or as a small file."""

import csv
import math
import re
from pathlib import Path

import numpy as np

from ._columns import some
from ._csv import read_cells
from ._errors import CommandError, first_line

_PAIR = re.compile(r"\s*([^>=]+?)\s*>\s*([^>=]+?)\s*=\s*([^>=]*?)\s*")
_MOST_SHOWN = 6


def cost_matrix(given, labels):
    """Return what it costs to take a row of one class for another.

    Parameters
    ----------
    given : str or list of (str, str, str)
        ``"true>predicted=cost"`` for each pair of classes, separated by commas; or the path of a
        text file with the predicted classes in its header and the true ones in its first column;
        or what :func:`pairs_in` returned of these.
    labels : sequence
        The classes.

    Returns
    -------
    matrix : ndarray of shape (n_classes, n_classes)
        True classes in rows, predicted ones in columns, in the order of `labels`.

    Raises
    ------
    CommandError
        If a pair of different classes has no cost, or a cost is none.
    """
    names = list(map(str, labels))
    matrix = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(matrix, 0.0)  # unless it is said to cost something to be right
    said = set()
    for true, predicted, text in pairs_in(given):
        if (true, predicted) in said:
            raise CommandError(f"--cost-matrix says twice what '{true}>{predicted}' costs.")
        said.add((true, predicted))
        for name in (true, predicted):
            if name not in names:
                raise CommandError(
                    f"--cost-matrix names {name!r}, which is no class; they are {some(names)}."
                )
        if text:
            matrix[names.index(true), names.index(predicted)] = _cost(true, predicted, text)
    for row, column in np.argwhere(np.isnan(matrix)):
        pair = f"{names[row]}>{names[column]}"
        raise CommandError(
            f"--cost-matrix does not say what {pair!r} costs, a row of {names[row]!r} that is "
            f"taken for {names[column]!r}; add {pair}=0 if it is nothing."
        )
    if not matrix.any():
        raise CommandError("--cost-matrix is 0 throughout: then no model is better than another.")
    return matrix


def costs_in_words(matrix, labels):
    """Return the costs that are not 0 as text, not more than half a dozen."""
    pairs = [f"{labels[i]}>{labels[j]}={matrix[i, j]:g}" for i, j in np.argwhere(matrix)]
    shown = ", ".join(pairs[:_MOST_SHOWN])
    more = len(pairs) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def pairs_in(given):
    """Return true class, predicted class and cost, all as text."""
    if not isinstance(given, str):
        return given
    if ">" not in given:
        return _pairs_in_file(Path(given))
    pairs = []
    for part in given.split(","):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise CommandError(
                f"--cost-matrix {part!r} is no pair with its cost, such as fraud>ok=100: a row of "
                "'fraud' that is taken for 'ok' costs 100. Classes with a comma, >, or = in their "
                "names need a file."
            )
        pairs.append(match.groups())
    return pairs


def _pairs_in_file(path):
    if not path.is_file():
        raise CommandError(
            f"--cost-matrix {str(path)!r} is neither a file nor costs such as fraud>ok=100, "
            "ok>fraud=5, true class first."
        )
    try:
        cells, _, _ = read_cells(path)
    except (OSError, ValueError, csv.Error) as error:
        raise CommandError(
            f"--cost-matrix {path} could not be read: {first_line(error)}"
        ) from error
    predicted = [name.strip() for name in cells.columns[1:]]
    return [
        (row[0].strip(), name, text.strip())
        for row in cells.to_numpy()
        for name, text in zip(predicted, row[1:], strict=True)
    ]


def _cost(true, predicted, text):
    try:
        cost = float(text)
    except ValueError:
        cost = -1.0
    if not 0 <= cost < math.inf:
        raise CommandError(
            f"--cost-matrix has {text!r} for {f'{true}>{predicted}'!r}, which is no number of at "
            "least 0."
        )
    return cost
