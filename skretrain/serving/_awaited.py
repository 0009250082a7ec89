"""Rows that wait for their labels, and what came of the newest: a bounded memory by id."""

import numpy as np

from ..utils._plain import Plain

_OPEN = -1


class Awaited(Plain):
    """What was said of rows, and their labels as these come.

    Parameters
    ----------
    max_rows : int
        How many rows are remembered; the oldest are forgotten.
    """

    def __init__(self, max_rows):
        self._max_rows = max_rows
        self._rows = {}

    def __contains__(self, row_id):
        return row_id in self._rows

    def add(self, ids, proba, predicted):
        """Remember rows of new ids: probabilities, and the columns of the predicted classes."""
        for row_id, row, place in zip(ids, proba, predicted, strict=True):
            self._rows[row_id] = row, place, _OPEN
        for oldest in list(self._rows)[: max(len(self._rows) - self._max_rows, 0)]:
            del self._rows[oldest]

    def label(self, ids, places):
        """Take in labels, as columns of their classes; return the ids that had none before."""
        opened = [row_id for row_id in ids if self._rows[row_id][2] == _OPEN]
        for row_id, place in zip(ids, places, strict=True):
            self._rows[row_id] = (*self._rows[row_id][:2], place)
        return opened

    def labelled(self):
        """Return the ids of the rows that have their labels, in order of arrival."""
        return [row_id for row_id, (_, _, place) in self._rows.items() if place != _OPEN]

    def rows(self, ids=None):
        """Return probabilities, predicted columns and columns of labels, -1 for none yet."""
        rows = list(self._rows.values()) if ids is None else [self._rows[each] for each in ids]
        if not rows:
            return np.empty((0, 0)), np.empty(0, dtype=int), np.empty(0, dtype=int)
        return tuple(np.array(part) for part in zip(*rows, strict=True))
