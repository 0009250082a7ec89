"""Policies that depend on their own past, all of them on each batch as it comes."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...utils._clone import cloned
from .._batches import Waiting
from .._pass import fit_first, work_of
from .._prequential import refit_rows_of, seeded, work_by_batch
from .._result import arrived_rows
from .._stream import CostMeter, TestThenTrain, check_incremental
from .._unreadable import whole_losses
from ._live import recorded


@dataclass
class StreamResult:
    """What a live policy of :func:`compare_policies` did on batches: sums, and no rows.

    Attributes
    ----------
    batch_rows : ndarray of shape (n_batches,)
        First row of each batch.
    batch_sizes, batch_counted, batch_unpredicted : ndarray of shape (n_batches,)
        Rows of each batch, how many of them count, since their weight is not zero, and how many of
        these the model of their time could not read.
    batch_losses : ndarray of shape (n_batches,)
        Summed loss on each batch. A row that could not be read counts as the mean of the others.
    batch_fit_seconds, batch_predict_seconds : ndarray of shape (n_batches,)
        Processor seconds of learning and of predicting.
    batch_fits, batch_rows_updated : ndarray of shape (n_batches,)
        Fits from scratch after the first, and rows that went into updates, by the batch that they
        served first.
    fit_seconds : float
        Processor seconds of learning, the first fit included.
    n_fits, rows_fitted : int
        Fits from scratch, and rows that went into fits and updates.
    refit_rows : ndarray of int
        Stream rows from which a retrained model could serve.
    n_first : int
        Rows of the first fit.
    n_learned : ndarray of shape (n_batches,)
        Rows of the stream that had been learned after each batch.
    events : EventLog or None
        The retrainer's log.
    estimator : estimator
        The estimator as the stream left it.

    See Also
    --------
    PrequentialResult : What is known where rows are kept.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import compare_policies
    >>> X, y, _ = make_drifting_classification(1000, random_state=0)
    >>> batches = ((X[n : n + 100], y[n : n + 100]) for n in range(0, 1000, 100))
    >>> policies = {"never": [], "since drift": DriftAwareRetrainer(GaussianNB())}
    >>> comparison = compare_policies(GaussianNB(), batches, policies=policies)
    >>> (result,) = comparison.results["since drift"]
    >>> int(result.batch_sizes.sum()), int(result.batch_losses.sum())
    (900, 182)
    """

    batch_rows: np.ndarray
    batch_sizes: np.ndarray
    batch_counted: np.ndarray
    batch_unpredicted: np.ndarray
    batch_losses: np.ndarray
    batch_fit_seconds: np.ndarray
    batch_predict_seconds: np.ndarray
    batch_fits: np.ndarray
    batch_rows_updated: np.ndarray
    fit_seconds: float
    n_fits: int
    rows_fitted: int
    refit_rows: np.ndarray
    n_first: int
    n_learned: np.ndarray
    events: Any
    estimator: Any

    def arrived(self, rows):
        """Return the stream rows before which so many rows had been learned.

        Parameters
        ----------
        rows : array-like of int
            Rows as `events` count them.

        Returns
        -------
        rows : ndarray of int
            As `batch_rows` counts them; the first, of what was known from the start.
        """
        borders = np.append(self.batch_rows, self.batch_rows[0] + self.batch_sizes.sum())
        return arrived_rows(rows, borders, np.append(self.n_first, self.n_learned))


class LiveRun:
    """A policy that goes along, batch by batch; it pickles between two of them."""

    def __init__(self, policy, model, seed, measure, *, is_recorded):
        self.policy, self.seed, self.measure = policy, seed, measure
        self.model = cloned(model) if seed is None else seeded(model, seed)
        self.is_recorded, self.warnings = is_recorded, Counter()
        self.meter, self.work, self.sums = CostMeter(), [], []
        with self._told():
            check_incremental(self.model)

    def begin(self, head, timing):
        """Fit on the first rows."""
        self.timing = timing
        self.model.__dict__.pop("_skl_callbacks", None)  # they are told of fits that are asked for
        with self._told():
            fit_first(self.model, head, self.meter, timing.start)
        self.loop = TestThenTrain(
            self.model,
            timing=timing,
            waiting=Waiting(),
            methods=["predict"],
            watch=self.meter,
            past=head,
        )

    def step(self, batch, timing):
        """Predict a batch, and learn what is known after it."""
        self.timing = self.loop.timing = timing
        with self._told():
            outputs, _, readable = self.loop.test(batch)
            losses = np.zeros(len(readable))
            if readable.any():
                losses[readable] = self.measure.per_row(batch.y[readable], outputs["predict"])
            counted = np.ones(len(readable), dtype=bool) if batch.counted is None else batch.counted
            known = readable & counted
            # In the order of additions of a whole history.
            loss = np.add.reduceat(np.where(known, losses, 0.0), [0])[0]
            self.sums.append((loss, known.sum(), counted.sum(), len(readable)))
            self.work.append(work_of(self.model, self.meter))
            self.loop.train()

    @contextmanager
    def _told(self):
        """Say in an error whose it is, and take note of warnings."""
        try:
            with recorded(self.is_recorded) as texts:
                yield
        except Exception as error:
            error.add_note(f"under the policy {self.policy!r}")
            raise
        self.warnings.update(texts)

    def result(self):
        """Return what it did, a StreamResult."""
        sums, *numbers = np.array(self.sums, dtype=float).T
        n_known, n_counted, sizes = np.array(numbers, dtype=np.int64)
        meter, events = self.meter, getattr(self.model, "events_", None)
        borders = self.timing.start + np.cumsum([0, *sizes])
        return StreamResult(
            batch_rows=borders[:-1],
            batch_sizes=sizes,
            batch_counted=n_counted,
            batch_unpredicted=n_counted - n_known,
            batch_losses=whole_losses(sums, n_known, n_counted),
            batch_fit_seconds=np.array(meter.fit_seconds[1:-1]),
            batch_predict_seconds=np.array(meter.predict_seconds[1:-1]),
            **work_by_batch(self.work, self.model, meter),
            fit_seconds=sum(meter.fit_seconds),
            n_fits=1 if events is None else events.totals["fits"],
            rows_fitted=meter.rows_learned if events is None else events.totals["rows_fitted"],
            refit_rows=refit_rows_of(events, meter.n_learned, borders, self.timing),
            n_first=meter.n_learned[0],
            n_learned=np.array(meter.n_learned[1:]),
            events=events,
            estimator=self.model,
        )
