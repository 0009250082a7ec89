"""Fit every model that a schedule of refits could serve once, then replay schedules for free."""

import json
import math
import zipfile
from dataclasses import dataclass
from functools import partial

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._base import Restoring, checked_params, seed_of
from ..buffers import Rows
from ..buffers._base import part_of
from ..compose._learner import Learner
from ..drift import BaseTrigger, FitRecord, ScoredBatch
from ..drift._resolve import resolve_trigger
from ..drift._river import is_river
from ..policies._base import with_all_classes
from ..utils._containers import as_container, n_rows, take_rows
from ..utils._costs import Stopwatch
from ..utils._labels import is_missing
from ..utils._losses import absolute_loss_per_row, task_of, zero_one_loss_per_row
from ..utils._params import check_flag, check_integer, check_n_jobs, is_integer, is_number, refuse

_FORMAT = 1
_FIRST = 1  # the chunk that the first fit serves; chunk 0 has only been learned


def _squared_loss_per_row(y_true, y_pred):
    with np.errstate(over="ignore", invalid="ignore"):
        loss = (y_true - np.asarray(y_pred).reshape(y_true.shape)) ** 2
    loss = np.where(np.isnan(loss), np.inf, loss)
    return loss.mean(axis=1) if loss.ndim > 1 else loss


_LOSSES = {
    "zero_one": zero_one_loss_per_row,
    "absolute_error": absolute_loss_per_row,
    "squared_error": _squared_loss_per_row,
}
_DEFAULT_LOSSES = {"classification": "zero_one", "regression": "absolute_error"}


@dataclass(frozen=True, slots=True)
class ReplayState:
    """What is known when a policy is asked whether to refit before a chunk is served.

    Attributes
    ----------
    chunk : int
        The chunk that comes next.
    window : int or "all"
        Window of the present model.
    age : int
        Chunks that the present model has served.
    losses : ndarray
        Summed loss of the present model on each chunk whose labels have come since it was fitted,
        the oldest first; it was trained on none of them.
    rows : ndarray of int
        Rows of each of these chunks.
    n_fits : int
        Fits so far, the first one included.
    fit_seconds : float
        What they cost, in processor seconds.
    rows_fitted : int
        Rows that they were fitted on.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.model_selection import ReplayState
    >>> losses, rows = np.array([10.0, 30.0, 5.0]), np.array([100, 100, 100])
    >>> now = ReplayState(4, "all", 3, losses, rows, n_fits=1, fit_seconds=0.1, rows_fitted=100)
    >>> now.expected
    0.1
    """

    chunk: int
    window: int | str
    age: int
    losses: np.ndarray
    rows: np.ndarray
    n_fits: int
    fit_seconds: float
    rows_fitted: int

    @property
    def expected(self):
        """Loss per row of the present model when it was new, on its first chunk; NaN before."""
        return float(self.losses[0] / self.rows[0]) if len(self.rows) and self.rows[0] else math.nan


@dataclass(frozen=True)
class ReplayResult:
    """What a schedule of refits would have cost, and how good its models would have been.

    Attributes
    ----------
    loss : float
        Summed over all rows that were served.
    chunk_losses : ndarray of shape (n_chunks - 1,)
        The same for each chunk from chunk 1 on.
    chunk_rows : ndarray of shape (n_chunks - 1,)
        Rows of each of them.
    schedule : list of tuple
        ``(chunk, window)`` of each fit: it serves from that chunk on. The first one is the first
        fit.
    seconds_per_fit : ndarray of shape (n_fits,)
        Processor seconds of each fit.
    rows_per_fit : ndarray of shape (n_fits,)
        Rows that each was fitted on.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.model_selection import ReplayResult
    >>> result = ReplayResult(
    ...     loss=40.0,
    ...     chunk_losses=np.array([10.0, 30.0]),
    ...     chunk_rows=np.array([100, 100]),
    ...     schedule=[(1, "all"), (2, "all")],
    ...     seconds_per_fit=np.array([0.1, 0.2]),
    ...     rows_per_fit=np.array([100, 200]),
    ... )
    >>> result.mean_loss, result.n_fits, result.cost(25)
    (0.2, 2, 65.0)
    """

    loss: float
    chunk_losses: np.ndarray
    chunk_rows: np.ndarray
    schedule: list
    seconds_per_fit: np.ndarray
    rows_per_fit: np.ndarray

    @property
    def mean_loss(self):
        """Loss per row, a float: the error rate, where the loss is 0/1; NaN where none counted."""
        n = int(self.chunk_rows.sum())
        return self.loss / n if n else math.nan

    @property
    def n_fits(self):
        """Number of fits, the first one included."""
        return len(self.schedule)

    @property
    def fit_seconds(self):
        """Processor seconds of all fits."""
        return float(self.seconds_per_fit.sum())

    @property
    def rows_fitted(self):
        """Rows that went into all fits, a row counted as often as it was fitted."""
        return int(self.rows_per_fit.sum())

    def cost(self, price):
        """Return loss and refits in one number.

        Parameters
        ----------
        price : float or callable
            What one refit costs, in units of the loss; or ``price(rows, seconds)`` that returns it.
            The first fit is not charged: there is no schedule without it.

        Returns
        -------
        cost : float
            In units of the loss.
        """
        charged = zip(self.rows_per_fit[1:], self.seconds_per_fit[1:], strict=True)
        return self.loss + sum(_charge(price, rows, seconds) for rows, seconds in charged)


class RetrainMatrix(BaseEstimator):
    """When, and on which rows, would retraining have paid? Replay any schedule on your history.

    The history is cut into chunks. For each chunk and each window, a clone of the estimator is
    fitted on the newest rows before that chunk and scored on all chunks from there on. A schedule
    of refits then costs nothing to evaluate: its loss is read off the matrix.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor, a pipeline included; it is cloned, never changed.
    chunk : int, default=100
        Rows per chunk: how often a schedule can decide.
    windows : sequence of {int, "all"}, default=(1000, "all")
        The newest rows to fit on, from which schedules choose; ``"all"`` is the whole past. What a
        window lacks of a class is topped up as in :class:`~skretrain.policies.FullRefit`.
    initial_size : int or None, default=None
        Rows of chunk 0, which are learned and not scored. None is one chunk.
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
        Summed loss on a chunk of the model fitted with a window at a time; NaN before that time.
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

    Before the history has shown a second class, the only class is predicted.

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

    def fit(self, X, y, **params):
        """Fit and score all models.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The history in time order.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
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
            return self._fit(self._checked_worker(X, y, params))

    def _checked_worker(self, X, y, params):
        self._check_sizes()
        windows = _checked_windows(self.windows)
        if self.estimator is None:
            raise ValueError("estimator=None: pass an estimator; a loaded matrix has none to fit.")
        learner = Learner(self.estimator, random_state=seed_of(self.random_state))
        loss = self._loss_function()
        is_classification = task_of(self.estimator) == "classification"
        history = _history_of(X, y, params, is_classification=is_classification)
        if not callable(self.loss):
            self._check_targets(history.rows.y, loss)
        edges = self._edges(len(history.rows.index))
        return _Worker(learner, history, edges, windows, loss)

    def _check_sizes(self):
        rows = "a number of rows"
        check_integer(self, "chunk", least=1, what=rows)
        check_integer(self, "initial_size", least=1, what=rows, otherwise=(None,))
        check_integer(self, "stride", least=1, what="a number of chunks")
        check_flag(self, "halving")
        check_n_jobs(self)

    def _loss_function(self):
        loss = self.loss
        if loss is None:
            loss = _DEFAULT_LOSSES.get(task_of(self.estimator))
        if loss is None:
            raise ValueError(
                f"loss=None has no meaning for {type(self.estimator).__name__}, which is neither a "
                "classifier nor a regressor: pass a callable."
            )
        if callable(loss):
            return loss
        if not isinstance(loss, str) or loss not in _LOSSES:
            refuse(self, "loss", f"one of {sorted(_LOSSES)}, a callable or None")
        return _LOSSES[loss]

    def _check_targets(self, y, loss):
        missing = int(is_missing(y).sum())
        if missing:
            raise ValueError(
                f"y has {missing:,} missing or infinite value(s); leave out the rows without a "
                "target."
            )
        if loss is not zero_one_loss_per_row and y.dtype.kind in "bUS":
            first = y.ravel()[:1].tolist()[0]
            raise ValueError(
                f"loss={self.loss!r} needs numbers as targets, and y holds {first!r}; "
                "pass loss='zero_one' or numbers."
            )

    def _edges(self, size):
        head = self.chunk if self.initial_size is None else self.initial_size
        if head >= size:
            name = "chunk" if self.initial_size is None else "initial_size"
            raise ValueError(f"{name}={head} leaves none of the {size} rows to serve: lower it.")
        return np.array([0, *range(head, size, self.chunk), size], dtype=np.int64)

    def _fit(self, worker):
        n_windows, n_chunks = len(worker.windows), len(worker.edges) - 1
        self.edges_ = worker.edges
        self._chunk = int(self.chunk)  # `chunk` may be set to another number for the next fit
        self.times_ = np.arange(_FIRST, n_chunks, self.stride)
        self.chunk_rows_ = np.add.reduceat(worker.counts.astype(np.int64), worker.edges[:-1])
        self.losses_ = np.full((n_windows, len(self.times_), n_chunks), np.nan)
        self.fit_seconds_ = np.full(self.losses_.shape[:2], np.nan)
        self.rows_fitted_ = np.zeros(self.losses_.shape[:2], dtype=np.int64)
        self.estimator_repr_ = repr(self.estimator)
        self._windows = worker.windows
        # What a trigger may take as errors, 0 or 1.
        self._bounded = worker.loss is zero_one_loss_per_row
        alive = list(range(n_windows))
        rounds = math.ceil(math.log2(n_windows)) if self.halving else 0
        for level in range(rounds, -1, -1):
            numbers_of_times = np.arange(0, len(self.times_), 2**level)
            self._fill(worker, numbers_of_times, alive)
            self._find_nearest()
            if level:
                alive = self._better_half(alive, numbers_of_times)
        return self

    def _fill(self, worker, numbers_of_times, alive):
        """Fit the windows `alive` at these times, where they have not been."""
        missing = [i for i in numbers_of_times if np.isnan(self.fit_seconds_[alive[0], i])]
        # Late times fit on more rows and early ones predict more: each task gets some of all.
        n_tasks = min(len(missing), 4 * effective_n_jobs(self.n_jobs))
        shares = [missing[first::n_tasks] for first in range(n_tasks)]
        done = Parallel(n_jobs=self.n_jobs)(
            delayed(worker.cells)(self.times_[share], alive) for share in shares
        )
        for share, cells in zip(shares, done, strict=True):
            for number, at_one_time in zip(share, cells, strict=True):
                for window, cell in zip(alive, at_one_time, strict=True):
                    losses, self.fit_seconds_[window, number], n_fitted = cell
                    self.losses_[window, number, self.times_[number] :] = losses
                    self.rows_fitted_[window, number] = n_fitted

    def _better_half(self, alive, numbers_of_times):
        losses = [
            self._result([(int(self.times_[i]), window) for i in numbers_of_times], 0).loss
            for window in alive
        ]
        best = np.argsort(losses, kind="stable")[: (len(alive) + 1) // 2]
        return sorted(alive[i] for i in best)

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
        label_delay : int, default=0
            Rows after which a label is known: a multiple of `chunk`. A fit learns, and a policy is
            told, only what is known by then.

        Returns
        -------
        result : ReplayResult
            Losses, costs and the schedule. The first fit, before chunk 1, is on the largest window
            unless a sequence says otherwise; it knows all labels of chunk 0, whatever the delay.

        Raises
        ------
        ValueError
            If a window is none of `windows`, a chunk is out of range or order, or the trigger asks
            for more than losses.
        """
        check_is_fitted(self)
        _check_policy(policy)
        delay = self._delay_in_chunks(label_delay)
        default = self._largest() if window is None else self._number_of(window, "window")
        if isinstance(policy, (str, BaseTrigger)) or is_river(policy):
            schedule = self._answering(_Alarms(policy, self), default, delay)
        elif callable(policy):
            schedule = self._answering(policy, default, delay)
        else:
            schedule = self._checked_schedule(policy)
        return self._result(schedule, delay)

    def oracle(self, cost=0.0, *, label_delay=0):
        """Return the best schedule in hindsight, by dynamic programming.

        Parameters
        ----------
        cost : float or callable, default=0.0
            What one refit costs, in units of the loss, at least 0; or ``cost(rows, seconds)`` that
            returns it. The first fit is not charged.
        label_delay : int, default=0
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
        delay = self._delay_in_chunks(label_delay)
        n_chunks = len(self.edges_) - 1
        value = np.full(n_chunks + 1, np.inf)  # of chunks served before this one
        n_fits = np.full(n_chunks + 1, n_chunks + 1)
        came_from = np.zeros((n_chunks + 1, 2), dtype=np.int64)
        value[_FIRST] = n_fits[_FIRST] = 0
        for chunk in range(_FIRST, n_chunks):
            paths = np.array([self._path(w, chunk, delay, cost) for w in range(len(self._windows))])
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
        return self._result(_way_back(came_from), delay)

    def _path(self, window, chunk, delay, cost):
        """Return what it costs to fit before a chunk and to serve up to each later one."""
        number = self._number_of_fit(window, chunk, delay)
        price = 0.0
        if chunk > _FIRST:
            rows, seconds = self.rows_fitted_[window, number], self.fit_seconds_[window, number]
            price = _charge(cost, rows, seconds)
        return price + np.cumsum(self.losses_[window, number, chunk:])

    def _delay_in_chunks(self, label_delay):
        rows = "a number of rows"
        check_integer("RetrainMatrix", "label_delay", label_delay, least=0, what=rows)
        delay, rest = divmod(int(label_delay), self._chunk)
        if rest:
            raise ValueError(
                f"label_delay={label_delay}: a matrix knows time in chunks only; pass a multiple "
                f"of chunk={self._chunk}."
            )
        return delay

    def _number_of(self, window, where):
        for number, known in enumerate(self._windows):
            if type(window) is not bool and window == known:
                return number
        raise ValueError(
            f"{where}: {window!r} is not among the windows {list(self._windows)} of this matrix."
        )

    def _largest(self):
        sizes = [math.inf if window == "all" else window for window in self._windows]
        return int(np.argmax(sizes))

    def _number_of_fit(self, window, chunk, delay):
        """Return which fit a schedule gets that wants one to serve from `chunk` on."""
        return self._nearest[window, max(chunk - delay, _FIRST)]

    def _checked_schedule(self, pairs):
        schedule, before = [], 0
        for chunk, window in _checked_pairs(pairs):
            if not is_integer(chunk) or not before < chunk < len(self.edges_) - 1:
                raise ValueError(
                    f"policy: chunk {chunk!r} is out of range or order: chunks must rise, from 1 "
                    f"to {len(self.edges_) - 2}."
                )
            schedule.append((chunk, self._number_of(window, "policy")))
            before = chunk
        if not schedule or schedule[0][0] > _FIRST:
            schedule.insert(0, (_FIRST, self._largest()))
        return schedule

    def _answering(self, policy, default, delay):
        """Return the schedule of a policy that is asked before each chunk."""
        schedule, seconds, n_fitted = [], 0.0, 0

        def fit(chunk, window):
            nonlocal seconds, n_fitted
            number = self._number_of_fit(window, chunk, delay)
            seconds += float(self.fit_seconds_[window, number])
            n_fitted += int(self.rows_fitted_[window, number])
            schedule.append((chunk, window))
            if isinstance(policy, _Alarms):
                policy.after_fit(chunk, delay, window, number)
            return self.losses_[window, number]

        losses = fit(_FIRST, self._largest())
        for chunk in range(_FIRST + 1, len(self.edges_) - 1):
            since, window = schedule[-1]
            known = slice(max(since - delay, _FIRST), max(chunk - delay, _FIRST))
            answer = policy(
                ReplayState(
                    chunk=chunk,
                    window=self._windows[window],
                    age=chunk - since,
                    losses=losses[known],
                    rows=self.chunk_rows_[known],
                    n_fits=len(schedule),
                    fit_seconds=seconds,
                    rows_fitted=n_fitted,
                )
            )
            if answer is None or answer is False or answer is np.False_:
                continue
            named = answer is not True and answer is not np.True_
            losses = fit(chunk, self._number_of(answer, "policy") if named else default)
        return schedule

    def _result(self, schedule, delay):
        chunks = [chunk for chunk, _ in schedule]
        stops = [*chunks[1:], len(self.edges_) - 1]
        fits = [(window, self._number_of_fit(window, chunk, delay)) for chunk, window in schedule]
        parts = [
            self.losses_[window, number, chunk:stop]
            for (window, number), chunk, stop in zip(fits, chunks, stops, strict=True)
        ]
        losses = np.concatenate(parts)
        chosen = tuple(np.array(fits).T)
        return ReplayResult(
            loss=float(losses.sum()),
            chunk_losses=losses,
            chunk_rows=self.chunk_rows_[_FIRST:],
            schedule=[(int(chunk), self._windows[window]) for chunk, window in schedule],
            seconds_per_fit=self.fit_seconds_[chosen],
            rows_per_fit=self.rows_fitted_[chosen],
        )

    # -- files ---------------------------------------------------------------------------------

    def save(self, path):
        """Write the matrix to a file, without the estimator (only how it prints).

        Parameters
        ----------
        path : str or path-like
            A NumPy archive, usually named ``.npz``; it holds no pickles.
        """
        check_is_fitted(self)
        facts = {
            "chunk": self._chunk,
            "windows": self._windows,
            "initial_size": int(self.edges_[1]),
            "stride": int(self.stride),
            "halving": bool(self.halving),
            "loss": self.loss if isinstance(self.loss, str) else None,
            "bounded": self._bounded,
            "estimator": self.estimator_repr_,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with open(path, "wb") as file:  # given a name, NumPy might append to it
            np.savez_compressed(file, format=_FORMAT, facts=json.dumps(facts), **arrays)

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
            If the file is none, or of a format that this version cannot read.
        """
        if not zipfile.is_zipfile(path):
            raise ValueError(f"path={str(path)!r} is not a file that RetrainMatrix.save wrote.")
        with np.load(path, allow_pickle=False) as stored:
            found = int(stored["format"]) if "format" in stored else None
            if found != _FORMAT:
                raise ValueError(
                    f"path={str(path)!r} has the format {found}, and this version of skretrain "
                    f"reads {_FORMAT}: fit the matrix anew, or load it with the version that "
                    "saved it."
                )
            missing = sorted({"facts", *_ARRAYS}.difference(stored))
            if missing:
                raise ValueError(f"path={str(path)!r} lacks {missing}: it was not written whole.")
            facts = json.loads(str(stored["facts"]))
            arrays = {name: stored[name] for name in _ARRAYS}
        names = ("chunk", "windows", "initial_size", "stride", "halving", "loss")
        matrix = cls(None, **{name: facts[name] for name in names})
        for name, values in arrays.items():
            setattr(matrix, name, values)
        matrix.estimator_repr_ = facts["estimator"]
        matrix._chunk = facts["chunk"]
        matrix._windows, matrix._bounded = facts["windows"], facts["bounded"]
        matrix._find_nearest()
        return matrix


_ARRAYS = ("losses_", "times_", "edges_", "chunk_rows_", "fit_seconds_", "rows_fitted_")


class _Alarms:
    """A trigger as a policy: it is shown the losses of each chunk, and told of each fit."""

    def __init__(self, trigger, matrix):
        self.trigger, self.matrix = resolve_trigger(trigger), matrix
        wanted = sorted(self.trigger.needs - {"loss"})
        if wanted:
            raise ValueError(
                f"policy={trigger!r} looks at {wanted}, of which a matrix keeps nothing: run it "
                "with prequential_validate."
            )
        self.n_shown = 0

    def __call__(self, now):
        if not len(now.losses):
            return None
        self.n_shown += 1
        start, n_scored = self.matrix.edges_[self.n_shown], int(now.rows[-1])
        losses = _losses_like(float(now.losses[-1]), n_scored, self.matrix._bounded)
        batch = ScoredBatch(int(start), n_scored, losses, bounded=self.matrix._bounded)
        return self.trigger.update(batch).state == "drift"

    def after_fit(self, chunk, delay, window, number):
        """Tell the trigger of a fit."""
        seconds = float(self.matrix.fit_seconds_[window, number])
        record = FitRecord(
            row=int(self.matrix.edges_[max(chunk - delay, _FIRST)]),
            n_rows=int(self.matrix.rows_fitted_[window, number]),
            since=None,
            kind="full_refit",
            cpu_seconds=seconds,
            wall_seconds=seconds,
        )
        self.trigger.after_fit(record, None, chunk > _FIRST)


def _check_policy(policy):
    """Refuse words and classes, which a callable or a trigger would be taken for."""
    is_word = isinstance(policy, str) and policy != "adwin"
    if is_word or isinstance(policy, type):
        _refuse_policy(policy)


def _checked_pairs(policy):
    try:
        pairs = list(policy)
    except TypeError:
        _refuse_policy(policy)
    if any(not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2 for pair in pairs):
        _refuse_policy(policy)
    return pairs


def _refuse_policy(policy):
    raise ValueError(
        f"policy={policy!r} must be a list of (chunk, window) pairs, a function of a ReplayState, "
        "a trigger such as skretrain.drift.ErrorDrift(), a river detector or 'adwin'."
    )


def _losses_like(total, n_scored, bounded):
    """Return losses of single rows that add up to `total`."""
    if not bounded or not total.is_integer():
        return np.full(n_scored, total / n_scored if n_scored else 0.0)
    losses = np.zeros(n_scored)
    # All errors at one end of the chunk would look like a drift in it.
    losses[np.arange(int(total)) * n_scored // max(int(total), 1)] = 1.0
    return losses


def _checked_windows(windows):
    is_sequence = isinstance(windows, (list, tuple)) and len(windows) > 0
    valid = is_sequence and all(
        window == "all" if isinstance(window, str) else is_integer(window, least=1)
        for window in windows
    )
    if not valid:
        accepted = "a list of numbers of rows, at least 1, or 'all'"
        refuse("RetrainMatrix", "windows", accepted, windows)
    windows = [window if window == "all" else int(window) for window in windows]
    if len(set(windows)) < len(windows):
        raise ValueError(f"windows={windows!r} names a window twice: leave one out.")
    return windows


def _charge(price, rows, seconds):
    charge = price(int(rows), float(seconds)) if callable(price) else price
    if not is_number(charge, least=0) and not _is_never(charge):
        accepted = (
            "a number of at least 0, what a refit costs in units of the loss, or a function "
            "of (rows, seconds) that returns one"
        )
        refuse("RetrainMatrix", "cost", accepted, charge)
    return charge


def _is_never(charge):
    return isinstance(charge, float) and charge == math.inf


def _way_back(came_from):
    schedule, chunk = [], len(came_from) - 1
    while chunk > _FIRST:
        chunk, window = came_from[chunk].tolist()
        schedule.append((chunk, window))
    return schedule[::-1]


@dataclass
class _History:
    """All rows, and whether their targets are classes."""

    rows: Rows
    has_classes: bool


class _Past:
    """Rows before a row, in the role of a policy's context: classes, and memory to take from."""

    def __init__(self, history, stop):
        self.y = history.rows.y[:stop]
        self.classes = np.unique(self.y) if history.has_classes else None
        self.take = partial(part_of, history.rows)
        self.buffer = self


def _history_of(X, y, params, *, is_classification):
    if y is None:
        raise ValueError("y=None: a RetrainMatrix compares predictions with targets; pass them.")
    check_consistent_length(X, y)
    X, y = as_container(X), np.asarray(y)
    rows = Rows(X, y, checked_params(params, n_rows(X)), np.arange(n_rows(X)))
    return _History(rows, is_classification and y.ndim == 1)


class _Worker:
    """Fits and scores; workers of other processes unpickle it."""

    def __init__(self, learner, history, edges, windows, loss):
        self.learner, self.history, self.edges = learner, history, edges
        self.windows, self.loss = windows, loss
        weight = learner.weight_of(history.rows)
        n_rows_in_all = len(history.rows.index)
        self.counts = np.ones(n_rows_in_all, dtype=bool) if weight is None else weight != 0

    def cells(self, times, alive):
        """Return for each time, and each window in `alive`: losses per chunk, seconds, rows."""
        return [self._at(int(time), alive) for time in times]

    def _at(self, time, alive):
        stop, done = int(self.edges[time]), {}
        for number in alive:
            start = self._start(number, stop)
            if start not in done:
                model, seconds, n_fitted = self._fitted(start, stop, time)
                done[start] = (self._losses(model, time), seconds, n_fitted)
        return [done[self._start(number, stop)] for number in alive]

    def _start(self, number, stop):
        window = self.windows[number]
        return 0 if window == "all" else max(stop - window, 0)

    def _fitted(self, start, stop, time):
        past = _Past(self.history, stop)
        rows = with_all_classes(part_of(self.history.rows, slice(start, stop)), past)
        with Stopwatch() as cost:
            if past.classes is not None and len(past.classes) == 1:
                model = DummyClassifier(strategy="most_frequent").fit(rows.X, rows.y)
            else:
                model = self.learner.fresh(rows, time - _FIRST)
        return model, cost.cpu_seconds, len(rows.index)

    def _losses(self, model, time):
        first = int(self.edges[time])
        y = self.history.rows.y[first:]
        losses = self.loss(y, model.predict(take_rows(self.history.rows.X, slice(first, None))))
        losses = np.asarray(losses, dtype=np.float64)
        if losses.shape != (len(y),):
            raise ValueError(
                f"loss returned an array of shape {losses.shape} for {len(y)} rows: it must return "
                "one loss per row."
            )
        losses = np.where(self.counts[first:], losses, 0.0)
        return np.add.reduceat(losses, self.edges[time:-1] - first)
