"""A matrix that is filled batch by batch: rows come and go, models and sums stay."""

import numpy as np

from ..._retrainer._estimator import seed_of
from ...buffers import Rows
from ...buffers._base import copied_rows, joined, part_of
from ...compose._learner import Learner
from ...policies._base import LEAST_OF_A_CLASS
from ...utils._containers import n_rows
from ...utils._durations import duration_of
from ...utils._losses import task_of, zero_one_loss_per_row
from .._unreadable import whole_losses
from ._fits import History, Worker
from ._replay import FIRST
from ._retrain_matrix import RetrainMatrix
from ._settings import check_sizes, check_targets, checked_windows, loss_function

MOST_FITS = 64  # of each window; then every second is let go, and the stride is twice as long


class StreamedMatrix(RetrainMatrix):
    """A RetrainMatrix of rows that come in batches and are not kept.

    A batch is a chunk, and `windows` are numbers of rows. What is kept are the newest rows, as many
    as the longest window has and what tops it up of rare classes, the models, and sums per chunk.
    It is filled by :meth:`begin`, :meth:`add` and :meth:`end`, and holds what :meth:`fit` would
    find on all rows, cut into the same chunks, with the `stride` that it ends with.
    """

    def begin(self, batch):
        """Take in the rows of the first fit, a Batch."""
        check_sizes(self)
        self._learner = Learner(self.estimator, random_state=seed_of(self))
        self._loss = loss_function(self.loss, self.estimator)
        self._windows = checked_windows(self.windows)
        is_classification = task_of(self.estimator) == "classification"
        self._has_classes = is_classification and batch.y.ndim == 1
        self._edges, self._fits, self._sums, self._counted = [0], [], [], []
        self._kept = self._trimmed(copied_rows(self._rows_of(batch)))

    def add(self, batch):
        """Fit before a batch comes, if a fit is due, and score all models on it."""
        chunk, n_kept = len(self._edges) - 1, len(self._kept.index)
        rows = joined(self._kept, self._rows_of(batch))
        history = History(rows, self._has_classes)
        worker = Worker(self._learner, history, None, self._windows, self._loss)
        if (chunk - FIRST) % self.stride == 0:
            self._fits.append(_fitted(worker, n_kept, chunk))
        new = part_of(rows, slice(n_kept, None))
        self._sums.append(_summed(worker, self._fits, new, worker.counts[n_kept:]))
        self._kept = self._trimmed(rows)
        if len(self._fits) > MOST_FITS:
            self._fits = self._fits[::2]
            self._sums = [sums[:, :, ::2] for sums in self._sums]
            self.stride *= 2

    def end(self):
        """Become a matrix that can be asked, and let go of rows and models."""
        n_windows, n_times, n_chunks = len(self._windows), len(self._fits), len(self._edges) - 1
        self.edges_ = np.array(self._edges, dtype=np.int64)
        self.chunk_moments_ = np.empty((0, 2), dtype="datetime64[us]")
        self._chunk = duration_of(self.chunk) or int(self.chunk)
        self.times_ = np.arange(FIRST, n_chunks, self.stride)
        self.chunk_rows_ = self._rows_told = np.array(self._counted, dtype=np.int64)
        self.losses_ = self._told = np.full((n_windows, n_times, n_chunks), np.nan)
        self.unpredicted_ = np.zeros(self.losses_.shape, dtype=np.int64)
        found = np.zeros((2, *self.losses_.shape))
        for chunk, sums in enumerate(self._sums, start=FIRST):
            found[:, :, : sums.shape[2], chunk] = sums
        for window in range(n_windows):
            for number, time in enumerate(self.times_):
                served, n_counted = (window, number, slice(time, None)), self.chunk_rows_[time:]
                losses, n_known = found[0][served], found[1][served].astype(np.int64)
                self.losses_[served] = whole_losses(losses, n_known, n_counted)
                self.unpredicted_[served] = n_counted - n_known
        costs = [[cell[1:] for cell in cells] for cells in self._fits]
        seconds, fitted = np.array(costs, dtype=float).T
        self.fit_seconds_, self.rows_fitted_ = seconds, fitted.astype(np.int64)
        self.estimator_repr_ = repr(self.estimator)
        self._bounded = self._loss is zero_one_loss_per_row
        self._find_nearest()
        del self._fits, self._sums, self._kept, self._edges, self._counted, self._learner
        return self

    def _largest(self):
        return int(np.argmax(self._windows))

    def _rows_of(self, batch):
        first = self._edges[-1]
        self._edges.append(first + n_rows(batch.X))
        if not callable(self.loss):
            check_targets(batch.y, self.loss, self._loss)
        self._counted.append(batch.n_counted)
        return Rows(batch.X, batch.y, batch.params, np.arange(first, self._edges[-1]))

    def _trimmed(self, rows):
        """Return the rows that some later fit may be made on."""
        longest = max(self._windows)
        if len(rows.index) <= longest:
            return rows
        is_kept = np.arange(len(rows.index)) >= len(rows.index) - longest
        if self._has_classes:
            room = max(LEAST_OF_A_CLASS, longest // 10)
            for label in np.unique(rows.y):
                is_kept[np.flatnonzero(rows.y == label)[-room:]] = True
        return part_of(rows, np.flatnonzero(is_kept))


def _fitted(worker, stop, chunk):
    """Return for each window the model, its seconds and its rows; equal rows share a model."""
    starts = [max(stop - window, 0) for window in worker.windows]
    done = {start: worker._fitted(start, stop, chunk) for start in dict.fromkeys(starts)}
    return [done[start] for start in starts]


def _summed(worker, fits, rows, counted):
    """Return loss and number of the rows of a batch that count and that each model can read.

    The shape is that of (2, n_windows, n_times).
    """
    done = {}
    for model, *_ in (cell for cells in fits for cell in cells):
        if id(model) not in done:
            y_pred, readable = worker._predicted(model, rows.X)
            losses = np.zeros(len(readable))
            losses[readable] = worker._losses_of(rows.y[readable], y_pred)
            known = readable & counted
            # In the order of additions of a whole history.
            done[id(model)] = np.add.reduceat(np.where(known, losses, 0.0), [0])[0], known.sum()
    return np.array([[done[id(cell[0])] for cell in cells] for cells in fits], dtype=float).T
