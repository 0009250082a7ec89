"""Tables of each slice over time, of what was served along a stream."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics._slice_scores import rows_of_slices
from ..utils._containers import take_rows
from ..utils._optional import import_optional
from ..utils._recorded import Recorded, score_or_nan
from ._class_tables import window_of

_OWNER = "prequential_validate"


@dataclass
class Sliced:
    """What it takes to score slices.

    Attributes
    ----------
    rows : dict of str to ndarray of int
        For each slice, which of the rows that were scored are in it.
    scorers : dict of str to callable
        By name.
    X : container
        The rows that were scored.
    """

    rows: dict
    scorers: dict
    X: Any


def check_slices_of(slices, X):
    """Raise ValueError unless slices can be told from all rows, before anything is fitted."""
    rows_of_slices(X, slices, _OWNER)


def sliced(slices, scorers, X):
    """Return the Sliced of rows that were scored, or None where no slices are named."""
    return None if slices is None else Sliced(rows_of_slices(X, slices, _OWNER), scorers, X)


def per_slice_table(result, window):
    """Return the scores of each slice in windows; see :meth:`PrequentialResult.per_slice`."""
    owner, kept = "PrequentialResult.per_slice", result.sliced
    pandas = import_optional("pandas", caller=owner, extra="cli")
    if kept is None:
        raise ValueError(f"{owner}: there are no slices; pass prequential_validate(slices=...).")
    window, lines = window_of(owner, window, len(result.rows)), []
    for start in range(0, len(result.rows), window):
        for name, rows in kept.rows.items():
            inside = rows[(rows >= start) & (rows < start + window)]
            scores = {scorer: _score(result, scorer, inside) for scorer in kept.scorers}
            line = {"row": result.rows[start], "slice": name, "n_rows": len(inside)}
            lines.append(line | scores)
    return pandas.DataFrame(lines, columns=["row", "slice", "n_rows", *kept.scorers])


def _score(result, name, rows):
    if not len(rows):
        return np.nan
    record = Recorded(result.estimator, result.classes)
    record.add({method: of[rows] for method, of in result.outputs.items()}, result.classes)
    y = None if result.y_true is None else result.y_true[rows]
    return score_or_nan(result.sliced.scorers[name], record, take_rows(result.sliced.X, rows), y)
