"""A file gone through in batches: its rows as a history has them, and rules without a model."""

import numpy as np

from ..utils._containers import concat_rows, take_rows
from ._errors import needed
from ._files import typed_parts
from ._reader import Rows


class FileStream:
    """All rows of a file in batches, made as the first of them were.

    Parameters
    ----------
    path : Path
        The file.
    reader : Reader
        Makes rows of its parts.
    missing : sequence of str
        Words that stand for no value.
    types : dict of str to ColumnType
        What the columns hold.
    warm_up, batch : int
        Rows of the first batch and of each later one, which go on to the last of their time.
    n_rows : int
        Rows of the file, with or without a target.

    Attributes
    ----------
    n_rows : int
        Those with a target, once all are gone through.
    """

    def __init__(self, path, reader, *, missing, types, warm_up, batch, n_rows):
        self.path, self.reader, self.missing, self.types = path, reader, missing, types
        self.warm_up, self.batch, self.n_rows = warm_up, batch, n_rows
        self._newest = []  # tables, with as many rows as the first batch has

    def __iter__(self):
        """Yield batches, each as Rows."""
        waiting, wanted, n_gone = None, self.warm_up, 0
        for table in typed_parts(self.path, missing=self.missing, types=self.types):
            rows = self.reader.rows(table)
            if not len(rows.y):
                continue
            self._remember(rows.table)
            waiting = rows if waiting is None else _joined(waiting, rows)
            while stop := _stop(waiting, wanted):
                yield _part(waiting, slice(stop))
                waiting, wanted = _part(waiting, slice(stop, None)), self.batch
                n_gone += stop
        yield waiting  # a batch ends when it is known that its time does: some rows are left
        self.n_rows = n_gone + len(waiting.y)

    def _remember(self, table):
        self._newest.append(table.iloc[-self.warm_up :].copy())
        while sum(map(len, self._newest[1:])) >= self.warm_up:
            del self._newest[0]

    def newest(self):
        """Return the columns of the newest rows, as many as the first batch has."""
        return needed("pandas").concat(self._newest).iloc[-self.warm_up :]


def _joined(one, other):
    times = None if one.times is None else np.concatenate([one.times, other.times])
    params = {name: np.append(values, other.params[name]) for name, values in one.params.items()}
    y = np.concatenate([one.y, other.y])
    return Rows(concat_rows([one.X, other.X]), y, times, None, params)


def _part(rows, piece):
    times = None if rows.times is None else rows.times[piece]
    params = {name: values[piece] for name, values in rows.params.items()}
    return Rows(take_rows(rows.X, piece), rows.y[piece], times, None, params)


def _stop(rows, wanted):
    """Return where a batch ends that has the wanted number of rows; 0 if that is not known yet."""
    if len(rows.y) <= wanted:
        return 0
    if rows.times is None:
        return wanted
    ends = np.flatnonzero(rows.times[wanted:] != rows.times[wanted - 1 : -1])
    return wanted + int(ends[0]) if len(ends) else 0


class Baselines:
    """What rules without a model lose, batch by batch.

    Parameters
    ----------
    constant : int or float
        What one of them always predicts; the other repeats the newest known target.
    loss : callable
        Loss per row.
    delay : int
        Rows between a prediction and its label.
    """

    def __init__(self, constant, loss, delay):
        self.constant, self.loss, self.delay = constant, loss, delay
        self.sums, self._past, self._n_gone = [], np.empty(0), 0

    def watched(self, batches):
        """Yield batches as ``(X, y, params)``, and take note of them."""
        for rows in batches:
            self._add(rows.y, rows.times)
            yield rows.X, rows.y, rows.params

    def _add(self, y, times):
        n_gone, first = self._n_gone, self._n_gone - len(self._past)
        known_targets = np.concatenate([self._past, y]).astype(y.dtype)
        if n_gone:  # the first batch is the warm-up
            newest = n_gone + _n_known(len(y), times, self.delay) - 1
            is_known = newest >= first
            told = known_targets[newest[is_known] - first]
            losses = [
                self.loss(y, np.full(len(y), self.constant)),
                self.loss(y[is_known], told),
            ]
            self.sums.append([n for one in losses for n in (float(np.sum(one)), len(one))])
        self._past, self._n_gone = known_targets[-self.delay - 1 :], n_gone + len(y)

    def losses(self):
        """Return the loss on each batch, and its rows, of the constant and of no change.

        Returns
        -------
        constant, no_change : tuple of two ndarrays of shape (n_batches,)
        """
        sums = np.array(self.sums).T
        return tuple(sums[:2]), tuple(sums[2:])


def _n_known(n, times, delay):
    """Return how many rows of a batch are known to each of them, less than 0 of those before it."""
    known = np.arange(n) - delay
    if times is None:
        return np.minimum(known, np.arange(n))
    starts = np.flatnonzero(np.append(True, times[1:] != times[:-1]))
    return np.minimum(known, np.repeat(starts, np.diff(np.append(starts, n))))
