"""A matrix that keeps what its models answered, for scores that are no sum over rows."""

from copy import copy
from functools import cached_property

import numpy as np

from ...utils._containers import n_rows, take_rows
from ...utils._labels import spread
from ...utils._recorded import FILL
from ._dates import known_chunks
from ._fits import Worker
from ._replay import FIRST
from ._retrain_matrix import RetrainMatrix


class AnsweringWorker(Worker):
    """A Worker whose cells have the answers, too."""

    methods = ()

    @property
    def n_answers(self):
        """How many numbers are kept of each row."""
        n_classes = 1 if self._classes is None else len(self._classes)
        return sum(1 if method == "predict" else n_classes for method in self.methods)

    def _losses(self, model, time):
        X = self._later(time)
        y_pred, readable = self._predicted(model, X)
        outputs = {}
        if readable.any():
            X = X if readable.all() else take_rows(X, readable)
            asked = [method for method in self.methods if method != "predict"]
            outputs = {method: self._answer(model, method, X) for method in asked}
            if "predict" in self.methods:
                outputs["predict"] = np.asarray(y_pred)
        answers = outputs, self._classes, readable
        return (*self._summed(y_pred, readable, time), answers)

    @cached_property
    def _classes(self):
        return np.unique(self.history.rows.y) if self.history.has_classes else None

    def _answer(self, model, method, X):
        """Return an answer, with columns for the classes of all rows."""
        classes = self._classes
        known = getattr(model, "classes_", classes)
        if classes is None or len(known) > 1:
            output = np.asarray(getattr(model, method)(X))
            return output if classes is None else spread(output, known, classes, FILL[method])
        # Of the one class that the window had, it is sure.
        sure = np.where(classes == known[0], 1.0, 0.0 if method == "predict_proba" else -1.0)
        if method == "decision_function" and len(classes) == 2:
            sure = sure[1:]
        output = np.tile(sure, (n_rows(X), 1))
        return output[:, 0] if output.shape[1] == 1 else output


class AnswersMatrix(RetrainMatrix):
    """A RetrainMatrix that keeps all answers.

    Attributes
    ----------
    methods : sequence of str
        What the models are asked.
    answers_ : dict of (int, int) to (dict, ndarray or None, ndarray)
        For each window and time by their numbers: the answers by method, for the rows from then on
        that the model could read; its classes; which rows these are.
    """

    _worker = AnsweringWorker
    methods = ()

    def _checked_worker(self, X, y, times, params):
        worker = super()._checked_worker(X, y, times, params)
        worker.methods = self.methods
        return worker

    def _fit(self, worker):
        self.answers_ = {}
        return super()._fit(worker)

    def _store(self, window, number, cell):
        losses, unpredicted, self.answers_[window, number], *costs = cell
        super()._store(window, number, (losses, unpredicted, *costs))

    def answered(self, schedule, delay):
        """Yield what is served under a schedule, fit by fit.

        Parameters
        ----------
        schedule : list of (int, window)
            As that of a ReplayResult.
        delay : int or ndarray
            Label delay, as :meth:`replay` takes it.

        Yields
        ------
        outputs : dict of str to ndarray
            By method, the answers for the rows that the model could read.
        classes : ndarray or None
            Its classes.
        readable : ndarray of bool
            Which of the rows these are.
        """
        numbered = [(chunk, self._number_of(window, "schedule")) for chunk, window in schedule]
        for window, number, span in self._served(numbered, known_chunks(self, delay)):
            yield from self._served_by((window, number), [(span.start, span.stop)])

    def coarse(self, starts, delay, loss_of):
        """Return a matrix whose chunks are longer, by what `loss_of` makes of the answers.

        Parameters
        ----------
        starts : sequence of int
            The chunks of this matrix at which those of the other begin, the first served one first.
        delay : int or ndarray
            Label delay, as :meth:`replay` takes it: the fits of the other matrix know no more.
        loss_of : callable
            ``loss_of(batch, number)`` is the loss on a chunk of the other matrix, from what was
            served on it; `number` counts from 0.

        Returns
        -------
        matrix : RetrainMatrix
            To be asked for schedules, without a delay.
        """
        coarse = RetrainMatrix(None, chunk=self._chunk, windows=self.windows)
        n, stops = len(starts), [*starts[1:], len(self.edges_) - 1]
        coarse.chunk_moments_ = np.empty((0, 2), dtype="datetime64[us]")
        coarse.edges_ = np.append(0, self.edges_[[*starts, stops[-1]]])
        coarse._chunk, coarse._windows, coarse._bounded = 1, self._windows, False
        coarse.times_ = np.arange(FIRST, n + 1)
        coarse.chunk_rows_ = np.diff(coarse.edges_)
        coarse.losses_ = np.full((len(self._windows), n, n + 1), np.nan)
        coarse.unpredicted_ = np.zeros(coarse.losses_.shape, dtype=np.int64)
        coarse.fit_seconds_ = np.zeros(coarse.losses_.shape[:2])
        coarse.rows_fitted_ = np.zeros(coarse.losses_.shape[:2], dtype=np.int64)
        known = known_chunks(self, delay)
        for w in range(len(self._windows)):
            for time, start in enumerate(starts):
                fit = w, self._number_of_fit(w, start, known)
                coarse.fit_seconds_[w, time] = self.fit_seconds_[fit]
                coarse.rows_fitted_[w, time] = self.rows_fitted_[fit]
                spans = list(zip(starts[time:], stops[time:], strict=True))
                for number, batch in enumerate(self._served_by(fit, spans), start=time):
                    coarse.losses_[w, time, FIRST + number] = loss_of(batch, number)
        coarse._find_nearest()
        return coarse

    def telling(self, loss_of):
        """Return this matrix as one that tells policies other losses.

        Parameters
        ----------
        loss_of : callable
            ``loss_of(batch, number)`` is the loss on a chunk, from what was answered on it;
            `number` counts from 0, the first that is served. NaN is none.
        """
        other = copy(self)
        other._bounded, other._told = False, _Told(self, loss_of)
        return other

    def decisions(self, fit):
        """Return what a fit decides on the rows from its time on, and which of them it can read.

        Of the others, it is that of some other row.
        """
        outputs, _, readable = self.answers_[fit]
        if not readable.any():
            return np.zeros(len(readable), dtype=np.int64), readable
        decided = outputs["predict"]
        return decided[np.maximum(np.cumsum(readable) - 1, 0)], readable

    def _served_by(self, fit, spans):
        """Yield what a fit answers on spans of chunks."""
        outputs, classes, readable = self.answers_[fit]
        first = self.edges_[self.times_[fit[1]]]
        for span in spans:
            start, stop = (int(self.edges_[chunk] - first) for chunk in span)
            part = slice(int(readable[:start].sum()), int(readable[:stop].sum()))
            served = {method: output[part] for method, output in outputs.items()}
            yield served, classes, readable[start:stop]


class _Told:
    """The losses of each fit on each chunk, made when its window and time are asked for."""

    def __init__(self, matrix, loss_of):
        self.matrix, self.loss_of, self._found = matrix, loss_of, {}

    def __getitem__(self, fit):
        if fit not in self._found:
            self._found[fit] = self._losses(*fit)
        return self._found[fit]

    def _losses(self, window, number):
        matrix = self.matrix
        first, n_chunks = int(matrix.times_[number]), len(matrix.edges_) - 1
        spans = [(chunk, chunk + 1) for chunk in range(first, n_chunks)]
        batches = enumerate(matrix._served_by((window, number), spans), start=first - FIRST)
        losses = np.full(n_chunks, np.nan)
        losses[first:] = [self.loss_of(batch, number) for number, batch in batches]
        return losses
