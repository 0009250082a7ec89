"""Fit every model that a schedule of refits could serve once, then replay schedules for free."""

import math

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from ..._retrainer._estimator import seed_of
from ...compose._learner import Learner
from ...drift import BaseTrigger
from ...drift._river import is_river
from ...utils._clone import ClonedByContent
from ...utils._durations import duration_of
from ...utils._losses import task_of, zero_one_loss_per_row
from ...utils._restoring import Restoring
from ._dates import as_text, known_chunks, moments_of_chunks
from ._files import ARRAYS, TOLD, read_archive, write_archive
from ._fits import Worker, history_of
from ._policies import TriggerPolicy, check_policy, checked_schedule
from ._replay import FIRST, ReplayResult, ReplayState, charge_of, traced_back
from ._settings import check_sizes, check_targets, checked_edges, checked_windows, loss_function


class RetrainMatrix(ClonedByContent, BaseEstimator):
    """When, and on which rows, would retraining have paid? Replay any schedule on your history.

    The history is cut into chunks. For each chunk and each window, a clone of the estimator is
    fitted on the newest rows before that chunk and scored on all chunks from there on. A schedule
    of refits then costs nothing to evaluate: its loss is read off the matrix.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor, a pipeline included; it is cloned, never changed.
    chunk : int, str or timedelta, default=100
        Rows per chunk: how often a schedule can decide. Where `fit` is told dates, also a calendar
        period such as ``"1d"``, as `batch_size` of :func:`prequential_validate` has it.
    windows : sequence of {int, "all", str, timedelta}, default=(1000, "all")
        The newest rows to fit on, from which schedules choose; ``"all"`` is the whole past, and a
        duration such as ``"90d"`` (with dates) the rows of that time. What a window lacks of a
        class is topped up as in :class:`~skretrain.policies.FullRefit`.
    initial_size : int, str, timedelta or None, default=None
        Rows of chunk 0, which are learned and not scored, or its duration. None is one chunk.
    stride : int, default=1
        Fit at every so many chunks only. Where a schedule wants a fit in between, it gets the
        nearest earlier one.
    halving : bool, default=False
        Whether to spare fits by successive halving: all windows at every 2nd, 4th, 8th, ... fit
        time only; the better half of them, as refitted at each of these times, at times twice as
        dense; and so on, until one window is fitted at all times. Missing cells are NaN, and
        schedules get the nearest earlier fit of the window.
    loss : {"zero_one", "absolute_error", "squared_error"}, callable or None, default=None
        Loss per row. None is 0/1 error for classifiers and absolute error for regressors; with
        several outputs, their mean. A callable is ``loss(y_true, y_pred) -> array of shape
        (n_rows,)``.
    n_jobs : int or None, default=None
        Fit times to work on in parallel; the losses do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Unless None, parameters ``random_state`` of the estimator that are None are filled, for
        each fit time with a number of its own.

    Attributes
    ----------
    losses_ : ndarray of shape (n_windows, n_times, n_chunks)
        Summed loss on a chunk of the model fitted with a window at a time; NaN before that time. A
        row that it could not read counts as the mean of the others, see `unpredicted_`.
    unpredicted_ : ndarray of shape (n_windows, n_times, n_chunks), int
        Rows that it could not read, such as those with a category that its encoder never saw.
    times_ : ndarray of shape (n_times,)
        Chunks before which models were fitted: on rows before the chunk only.
    edges_ : ndarray of shape (n_chunks + 1,)
        First row of each chunk, and the number of rows.
    chunk_rows_ : ndarray of shape (n_chunks,)
        Rows of each chunk that were scored: those of weight zero are not.
    fit_seconds_ : ndarray of shape (n_windows, n_times)
        Processor seconds of each fit; NaN where there is none.
    rows_fitted_ : ndarray of shape (n_windows, n_times)
        Rows that each was fitted on; 0 where there is no fit.
    chunk_moments_ : ndarray of shape (n_chunks, 2), datetime64[us]
        When the first and the last row of each chunk came; of length 0 without dates.
    estimator_repr_ : str
        The estimator as it prints.

    See Also
    --------
    prequential_validate : Run one policy live, on the stream.

    Notes
    -----
    What a matrix can replay is refits from scratch: such a model depends on the time and the window
    alone. Policies that depend on their own past (warm starts, replay, mixtures) have to be run,
    with :func:`prequential_validate`.

    Before the history has shown a second class, the only class is predicted. Rows that a model
    cannot read, although one fitted on the whole history can, are counted (`unpredicted_`).

    Windows that hold the same rows, as all do in the beginning, share one fit.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import RetrainMatrix
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> matrix = RetrainMatrix(LogisticRegression(), chunk=200, windows=[400, "all"]).fit(X, y)
    >>> never = matrix.replay([])
    >>> often = matrix.replay([(chunk, "all") for chunk in range(2, 20)])
    >>> best = matrix.oracle(cost=20)
    >>> [f"{run.mean_loss:.3f} with {run.n_fits}" for run in (never, often, best)]
    ['0.400 with 1', '0.328 with 19', '0.140 with 4']
    """

    _worker = Worker
    _arrivals = None  # when labels come, where compare_policies knows it row by row

    def __init__(
        self,
        estimator,
        *,
        chunk=100,
        windows=(1000, "all"),
        initial_size=None,
        stride=1,
        halving=False,
        loss=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.chunk = chunk
        self.windows = windows
        self.initial_size = initial_size
        self.stride = stride
        self.halving = halving
        self.loss = loss
        self.n_jobs = n_jobs
        self.random_state = random_state

    # -- fitting -------------------------------------------------------------------------------

    def fit(self, X, y, *, times=None, **params):
        """Fit and score all models.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The history in time order.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        times : array-like of shape (n_samples,) or None, default=None
            When each row came, in order, as :func:`prequential_validate` takes it: a chunk goes on
            to the last row of its time.
        **params : array-like of shape (n_samples,)
            Per-row arguments of the estimator's ``fit``, such as ``sample_weight``. Rows of weight
            zero are not scored; other weights do not change the losses.

        Returns
        -------
        self : RetrainMatrix
            With the matrix.

        Raises
        ------
        ValueError
            If a parameter is invalid, targets are missing, or no row is left to serve.
        Exception
            Whatever the estimator raises. The matrix is then as it was before.
        """
        with Restoring(self):
            return self._fit(self._checked_worker(X, y, times, params))

    def _checked_worker(self, X, y, times, params):
        check_sizes(self)
        if self.estimator is None:
            raise ValueError("estimator=None: pass an estimator; a loaded matrix has none to fit.")
        learner = Learner(self.estimator, random_state=seed_of(self))
        loss = loss_function(self.loss, self.estimator)
        is_classification = task_of(self.estimator) == "classification"
        history = history_of(X, y, params, times, is_classification=is_classification)
        windows = checked_windows(self.windows, history.moments)
        if not callable(self.loss):
            check_targets(history.rows.y, self.loss, loss)
        edges = checked_edges(self, len(history.rows.index), history.times)
        return self._worker(learner, history, edges, windows, loss, self._arrivals)

    def _fit(self, worker):
        n_windows, n_chunks = len(worker.windows), len(worker.edges) - 1
        self.edges_ = worker.edges
        self.chunk_moments_ = moments_of_chunks(worker)
        # `chunk` may be set to another number for the next fit.
        self._chunk = duration_of(self.chunk) or int(self.chunk)
        self.times_ = np.arange(FIRST, n_chunks, self.stride)
        self.chunk_rows_ = np.add.reduceat(worker.counts.astype(np.int64), worker.edges[:-1])
        self.losses_ = np.full((n_windows, len(self.times_), n_chunks), np.nan)
        # What policies are told: losses on the rows whose labels come while a chunk is served.
        self._told = self.losses_ if self._arrivals is None else self.losses_.copy()
        self._rows_told = worker.rows_told()
        self.unpredicted_ = np.zeros(self.losses_.shape, dtype=np.int64)
        self.fit_seconds_ = np.full(self.losses_.shape[:2], np.nan)
        self.rows_fitted_ = np.zeros(self.losses_.shape[:2], dtype=np.int64)
        self.estimator_repr_ = repr(self.estimator)
        self._windows = worker.windows
        # What a trigger may take as errors, 0 or 1.
        self._bounded = worker.loss is zero_one_loss_per_row
        remaining = list(range(n_windows))
        for level in range(math.ceil(math.log2(n_windows)) if self.halving else 0, -1, -1):
            numbers_of_times = np.arange(0, len(self.times_), 2**level)
            self._fill(worker, numbers_of_times, remaining)
            self._find_nearest()
            if level:
                remaining = self._better_half(remaining, numbers_of_times)
        return self

    def _fill(self, worker, numbers_of_times, remaining):
        """Fit the windows `remaining` at these times, where they have not been."""
        missing = [i for i in numbers_of_times if np.isnan(self.fit_seconds_[remaining[0], i])]
        # Late times fit on more rows and early ones predict more: each task gets some of all.
        n_tasks = min(len(missing), 4 * effective_n_jobs(self.n_jobs))
        shares = [missing[first::n_tasks] for first in range(n_tasks)]
        done = Parallel(n_jobs=self.n_jobs)(
            delayed(worker.cells)(self.times_[share], remaining) for share in shares
        )
        for share, cells in zip(shares, done, strict=True):
            for number, at_one_time in zip(share, cells, strict=True):
                for window, cell in zip(remaining, at_one_time, strict=True):
                    self._store(window, number, cell)

    def _store(self, window, number, cell):
        served = window, number, slice(self.times_[number], None)
        self.losses_[served], self.unpredicted_[served], *costs, self._told[served] = cell
        self.fit_seconds_[window, number], self.rows_fitted_[window, number] = costs

    def _better_half(self, remaining, numbers_of_times):
        chunks = np.arange(len(self.edges_) - 1)  # no label is late
        losses = [
            self._result([(int(self.times_[i]), window) for i in numbers_of_times], chunks).loss
            for window in remaining
        ]
        best = np.argsort(losses, kind="stable")[: (len(remaining) + 1) // 2]
        return sorted(remaining[i] for i in best)

    def _find_nearest(self):
        """Note for each window and chunk which fit is the newest that had seen no later row."""
        fitted = np.where(np.isnan(self.fit_seconds_), -1, np.arange(len(self.times_)))
        newest = np.maximum.accumulate(fitted, axis=1)
        upto = np.searchsorted(self.times_, np.arange(len(self.edges_) - 1), side="right") - 1
        self._nearest = newest[:, np.maximum(upto, 0)]

    # -- replaying -----------------------------------------------------------------------------

    def replay(self, policy, *, window=None, label_delay=0):
        """Tell what a policy would have cost.

        Parameters
        ----------
        policy : sequence, callable, trigger or river detector
            When to refit, and on which window.

            - A sequence of ``(chunk, window)`` pairs, in time order: the refit serves from that
              chunk on. ``[]`` is never.
            - A callable ``policy(now) -> window``, asked before each chunk from chunk 2 on; `now`
              is a :class:`ReplayState`. None or False keeps the model, True stands for `window`.
            - A trigger of ``skretrain.drift`` that looks at losses, a river detector or
              ``"adwin"``: it sees the losses chunk by chunk, and a refit on `window` answers each
              alarm. It is cloned. Of the 0/1 losses of a chunk it sees the right number, evenly
              spread; of others, their mean for each row.
        window : int, "all" or None, default=None
            For policies that do not name one. None is ``"all"``, or else the largest.
        label_delay : int, str or timedelta, default=0
            Rows after which a label is known, a multiple of `chunk`; with dates also the time, such
            as ``"14d"``. A fit learns, and a policy is told, only the chunks of which all labels
            are known by then.

        Returns
        -------
        result : ReplayResult
            Losses, costs and the schedule. The first fit, before chunk 1, is on the largest window
            unless a sequence says otherwise; it knows all labels of chunk 0, whatever the delay. A
            refit that comes to the model which serves already, as between two moments of a
            `stride`, is none.

        Raises
        ------
        ValueError
            If a window is none of `windows`, a chunk is out of range or order, or the trigger asks
            for more than losses.
        """
        check_is_fitted(self)
        check_policy(policy)
        known = known_chunks(self, label_delay)
        default = self._largest() if window is None else self._number_of(window, "window")
        if isinstance(policy, (str, BaseTrigger)) or is_river(policy):
            policy = TriggerPolicy(policy, self, known)
        if callable(policy):
            schedule = self._answering(policy, default, known)
        else:
            schedule = checked_schedule(policy, self, known)
        return self._result(schedule, known)

    def oracle(self, cost=0.0, *, label_delay=0):
        """Return the best schedule in hindsight, by dynamic programming.

        Parameters
        ----------
        cost : float, Price or callable, default=0.0
            What one refit costs, in units of the loss, at least 0, or in money; or
            ``cost(rows, seconds)`` that returns it. The first fit is not charged.
        label_delay : int, str or timedelta, default=0
            As in :meth:`replay`.

        Returns
        -------
        result : ReplayResult
            No schedule has a lower ``result.cost(cost)``; of several, one with the fewest fits.

        Raises
        ------
        ValueError
            If the cost is negative or not a number.

        Notes
        -----
        It takes time in proportion to the windows and the square of the number of chunks.
        """
        check_is_fitted(self)
        known = known_chunks(self, label_delay)
        n_chunks = len(self.edges_) - 1
        value = np.full(n_chunks + 1, np.inf)  # of chunks served before this one
        n_fits = np.full(n_chunks + 1, n_chunks + 1)
        came_from = np.zeros((n_chunks + 1, 2), dtype=np.int64)
        value[FIRST] = n_fits[FIRST] = 0
        for chunk in range(FIRST, n_chunks):
            paths = np.array([self._path(w, chunk, known, cost) for w in range(len(self._windows))])
            window = paths.argmin(axis=0)
            total = value[chunk] + paths.min(axis=0)
            later = slice(chunk + 1, None)
            more = n_fits[chunk] + 1
            better = (total < value[later]) | ((total == value[later]) & (more < n_fits[later]))
            value[later][better] = total[better]
            n_fits[later][better] = more
            came_from[later][better] = np.column_stack([np.full(len(window), chunk), window])[
                better
            ]
        return self._result(traced_back(came_from), known)

    def _path(self, window, chunk, known, cost):
        """Return what it costs to fit before a chunk and to serve up to each later one."""
        number = self._number_of_fit(window, chunk, known)
        price = 0.0
        if chunk > FIRST:
            rows, seconds = self.rows_fitted_[window, number], self.fit_seconds_[window, number]
            price = charge_of(cost, rows, seconds)
        return price + np.cumsum(self.losses_[window, number, chunk:])

    def _number_of(self, window, where):
        asked = duration_of(window) or window
        if type(asked) is not bool and asked in self._windows:
            return self._windows.index(asked)
        raise ValueError(
            f"{where}: {window!r} is not among the windows {list(self._windows)} of this matrix."
        )

    def _largest(self):
        if "all" in self._windows:
            return self._windows.index("all")
        return int(np.argmax(self.rows_fitted_.max(axis=1)))

    def _number_of_fit(self, window, chunk, known):
        """Return which fit a schedule gets that wants one to serve from `chunk` on."""
        return self._nearest[window, known[chunk]]

    def _answering(self, policy, default, known):
        """Return the schedule of a policy that is asked before each chunk."""
        schedule, seconds, n_fitted = [], 0.0, 0

        def fit(chunk, window):
            nonlocal seconds, n_fitted
            number = self._number_of_fit(window, chunk, known)
            seconds += float(self.fit_seconds_[window, number])
            n_fitted += int(self.rows_fitted_[window, number])
            schedule.append((chunk, window))
            if isinstance(policy, TriggerPolicy):
                policy.after_fit(chunk, window, number)
            return window, number

        present = fit(FIRST, self._largest())
        for chunk in range(FIRST + 1, len(self.edges_) - 1):
            since, window = schedule[-1]
            new = slice(known[since], known[chunk])
            answer = policy(
                ReplayState(
                    chunk=chunk,
                    window=self._windows[window],
                    age=chunk - since,
                    losses=self._told[present][new],
                    rows=self._rows_told[new],
                    n_fits=len(schedule),
                    fit_seconds=seconds,
                    rows_fitted=n_fitted,
                )
            )
            if answer is None or answer is False or answer is np.False_:
                continue
            named = answer is not True and answer is not np.True_
            window = self._number_of(answer, "policy") if named else default
            # Between two moments of a stride there is no other model, and none to pay for.
            if present != (window, self._number_of_fit(window, chunk, known)):
                present = fit(chunk, window)
        return schedule

    def _served(self, schedule, known):
        """Return which fits serve which chunks: window, number, slice of chunks."""
        chunks = [chunk for chunk, _ in schedule]
        spans = map(slice, chunks, [*chunks[1:], len(self.edges_) - 1])
        fits = [(window, self._number_of_fit(window, chunk, known)) for chunk, window in schedule]
        return [(*fit, span) for fit, span in zip(fits, spans, strict=True)]

    def _result(self, schedule, known):
        served = self._served(schedule, known)
        losses = np.concatenate([self.losses_[part] for part in served])
        chosen = tuple(np.array([fit for *fit, _ in served]).T)
        return ReplayResult(
            loss=float(losses.sum()),
            chunk_losses=losses,
            chunk_rows=self.chunk_rows_[FIRST:],
            schedule=[(int(chunk), self._windows[window]) for chunk, window in schedule],
            seconds_per_fit=self.fit_seconds_[chosen],
            rows_per_fit=self.rows_fitted_[chosen],
            chunk_unpredicted=np.concatenate([self.unpredicted_[part] for part in served]),
        )

    # -- files ---------------------------------------------------------------------------------

    def save(self, path):
        """Write the matrix to a file, without the estimator (only how it prints).

        Parameters
        ----------
        path : str or path-like
            A NumPy archive, usually named ``.npz``; it holds no pickles. It is written aside and
            put in its place when it is whole.

        Raises
        ------
        OSError
            If it cannot be written; what was there before is still there.
        """
        check_is_fitted(self)
        facts = {
            "chunk": as_text(self._chunk),
            "windows": [as_text(window) for window in self._windows],
            "initial_size": int(self.edges_[1]),
            "stride": int(self.stride),
            "halving": bool(self.halving),
            "loss": self.loss if isinstance(self.loss, str) else None,
            "bounded": self._bounded,
            "estimator": self.estimator_repr_,
        }
        arrays = {name: getattr(self, name) for name in ARRAYS}
        if self._told is not self.losses_:
            arrays |= zip(TOLD, (self._told, self._rows_told), strict=True)
        write_archive(path, facts, arrays)

    @classmethod
    def load(cls, path):
        """Read a matrix that :meth:`save` has written.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        matrix : RetrainMatrix
            Replays as before; its `estimator` is None, see ``estimator_repr_``.

        Raises
        ------
        ValueError
            If the file is none, damaged, or of a format that this version cannot read.
        OSError
            If there is no such file, or it cannot be opened.
        """
        facts, arrays = read_archive(path)
        names = ("chunk", "windows", "initial_size", "stride", "halving", "loss")
        matrix = cls(None, **{name: facts[name] for name in names})
        for name in ARRAYS:
            setattr(matrix, name, arrays[name])
        of_chunks = matrix.losses_, matrix.chunk_rows_
        matrix._told, matrix._rows_told = map(arrays.get, TOLD, of_chunks)
        matrix._chunk = duration_of(facts["chunk"]) or facts["chunk"]
        matrix._windows = checked_windows(facts["windows"], matrix.chunk_moments_)
        matrix._bounded, matrix.estimator_repr_ = facts["bounded"], facts["estimator"]
        matrix._find_nearest()
        return matrix
