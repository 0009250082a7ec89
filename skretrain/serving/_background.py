"""BackgroundRetrainer: retrains are made elsewhere, while predictions and the stream go on."""

from contextlib import contextmanager
from functools import wraps
from threading import Condition, Event, Thread

from sklearn import config_context
from sklearn.utils.metaestimators import available_if

from .._retrainer._delegation import DelegationMixin
from .._retrainer._estimator import BaseRetrainer
from ..utils._params import check_integer, check_number, refuse
from ._errand import check_size, failed, handed_out


def _handed_on(name):
    """Return a method that reads the serving model, there where the retrainer has it."""

    @wraps(getattr(DelegationMixin, name))
    def method(self, *args, **kwargs):
        return getattr(self.retrainer, name)(*args, **kwargs)

    return available_if(lambda self: hasattr(self.retrainer, name))(method)


def _is_executor(executor):
    return hasattr(executor, "submit") and not isinstance(executor, type)  # which makes one


class BackgroundRetrainer:
    """Let an executor make the retrains, while predictions and the stream go on.

    ``partial_fit`` of a retrainer takes long whenever a retrain is due. Here, the retrain becomes a
    job for an executor, a thread, a process or another machine. Until it is done the present model
    serves, learns from batches by its ``update``, and triggers look on. The candidate is then what
    it would have been, one for the gate, which judges it on the rows from the next batch on.

    It is no estimator: it holds one by reference, and a lock. Any number of threads may call its
    methods. Those that learn wait for each other; those that predict wait for nobody and read one
    version as a whole.

    Parameters
    ----------
    retrainer : DriftAwareRetrainer or ReplayPartialFit
        What learns, fitted or not. From now on it is to be called through this object alone, but
        for what only reads. A mixture is refused: its members retrain inside ``partial_fit``.
    executor : concurrent.futures.Executor or callable
        Where jobs run: an executor of threads, processes, ``loky``, or ``client.get_executor()`` of
        a dask client, which stays the caller's to shut down. Or a function that makes one: it is
        called with the first job, and again after one that failed, and what it makes is shut down
        by :meth:`close`.
    timeout : float or None, default=None
        Seconds on the clock that a job may take, the time in a queue included. Then it is given
        up; a worker cannot be stopped, and is busy until it is through.
    max_job_bytes : int or None, default=None
        Bytes that a job may have, as a pickle: its rows and the model that serves. A larger one is
        not handed out. What a fit needs on top is the executor's to limit.

    See Also
    --------
    VersionStore : Keeps the versions that served, for :meth:`rollback`.

    Notes
    -----
    Whatever becomes of a job is one event in ``events_``:

    ================================================  ============  =========================
    what happens                                      action        and then
    ================================================  ============  =========================
    the job is done                                   as inline     the gate judges
    the policy raises, ``MemoryError`` included       failed        tried again, see below
    it takes longer than `timeout`                    failed        tried again
    it is larger than `max_job_bytes`                 failed        tried again
    the worker dies                                   failed        tried again
    the executor refuses it, or gives it up           failed        tried again
    job or outcome cannot be pickled, or read         failed        tried again
    another alarm while it is out                     superseded    the new job counts
    rows that only a fresh model can read             superseded    that model serves
    :meth:`rollback`                                  superseded    the alarm is answered
    :meth:`cancel`, :meth:`close`                     failed        due at the next batch
    ================================================  ============  =========================

    It is tried again after 1, 2, 4, ... batches, as inline.

    A job that is done before a call of ``partial_fit`` or ``observe`` begins is decided on before
    that looks at its rows, one that is done during the call after it. Nothing else depends on time:
    where jobs are done at the same batches, all outcomes are the same.

    A candidate has not learned the rows that came while it was made; for growth, they are new rows.

    With ``on_error="raise"``, the error of a job is raised at the end of the next call that learns,
    and by :meth:`wait`.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import BackgroundRetrainer
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression(), random_state=0).fit(X[:500], y[:500])
    >>> with ThreadPoolExecutor(1) as pool, BackgroundRetrainer(model, pool) as service:
    ...     for start in range(500, 4000, 100):
    ...         batch = slice(start, start + 100)
    ...         y_pred = service.predict(X[batch])
    ...         service = service.partial_fit(X[batch], y[batch])
    ...         done = service.wait()  # else the outcome comes when it comes
    >>> model.n_alarms_, model.n_refits_ > 0, service.is_retraining
    (1, True, False)
    """

    def __init__(self, retrainer, executor, *, timeout=None, max_job_bytes=None):
        self.retrainer = retrainer
        self.executor = executor
        self.timeout = timeout
        self.max_job_bytes = max_job_bytes
        self._lock = Condition()
        self._workers = None  # what `executor` has made, where it is a function
        self._errand = None  # the job that is out
        self._errors = []  # to be raised by the next call
        self._versions = None  # the store that follows
        self._is_closed = False

    # -- reading: no lock ------------------------------------------------------------------------

    predict = _handed_on("predict")
    predict_proba = _handed_on("predict_proba")
    predict_log_proba = _handed_on("predict_log_proba")
    decision_function = _handed_on("decision_function")
    score_samples = _handed_on("score_samples")
    transform = _handed_on("transform")
    score = _handed_on("score")

    @property
    def events_(self):
        """Log of alarms, retrains, rejections, rollbacks and failures: that of the retrainer."""
        return self.retrainer.events_

    @property
    def is_retraining(self):
        """Whether a job is out, a bool; a hook that hears of its outcome finds it back."""
        errand = self._errand
        return errand is not None and errand.job is self.retrainer._job_out

    # -- learning: one after the other -----------------------------------------------------------

    def partial_fit(self, X, y=None, classes=None, **params):
        """Test the serving model on a batch, then learn; a retrain that is due is handed out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch, in time order. An empty one changes nothing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets; None for outlier detectors and clusterers.
        classes : array-like of shape (n_classes,), default=None
            Class labels to expect, also in later batches. Regressors ignore it.
        **params : array-like of shape (n_samples,)
            Per-row metadata, as in ``fit`` of the retrainer.

        Returns
        -------
        self : BackgroundRetrainer
            The first model of a stream is fitted before it returns.

        Raises
        ------
        RuntimeError
            If it is closed.
        ValueError
            If a parameter or the input is invalid: then nothing was counted, shown to a trigger or
            remembered.
        """
        with self._learning():
            try:
                self.retrainer._feed(self.retrainer._prepare, X, y, classes, params)
            finally:
                self._keep_up()
        return self

    def observe(self, X):
        """Show rows whose labels are not known to the triggers that need none.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in time order. None of them changes nothing.

        Returns
        -------
        self : BackgroundRetrainer
            An alarm makes a retrain due at the next batch with labels.

        Raises
        ------
        NotFittedError
            If no model serves yet.
        RuntimeError
            If it is closed.
        ValueError
            If the columns are others than those of ``fit``.
        """
        with self._learning():
            self.retrainer.observe(X)
        return self

    def rollback(self, version):
        """Let a version that served before serve again; see :meth:`VersionStore.rollback`.

        Parameters
        ----------
        version : int
            One of those in the :class:`VersionStore` that follows this object.

        Returns
        -------
        self : BackgroundRetrainer
            A job that is out is superseded.

        Raises
        ------
        RuntimeError
            If it is closed.
        ValueError
            If no store follows, the version is not kept, or does not fit any more.
        """
        if self._versions is None:
            raise ValueError(
                f"BackgroundRetrainer.rollback({version!r}): no versions are kept. Let a store "
                "follow, VersionStore().follow(...) with this object, before they are promoted."
            )
        self._versions.rollback(version)
        return self

    def wait(self, timeout=None):
        """Wait until no job is out.

        A job of which the retrainer has no outcome, because it was pickled meanwhile, is handed
        out again first.

        Parameters
        ----------
        timeout : float or None, default=None
            Seconds to wait at most.

        Returns
        -------
        is_done : bool
            False if the time was over before.
        """
        with self._learning():
            return self._lock.wait_for(lambda: self._errand is None, timeout)

    def cancel(self):
        """Give up the job that is out; what it was for is tried with the next batch.

        Returns
        -------
        was_out : bool
            Whether there was one.
        """
        with self._learning():
            return self._give_up("cancelled")

    def close(self):
        """Give up the job that is out, and hand out no other; predictions go on.

        An executor that was made here is shut down, without waiting for it. To wait for a job, call
        :meth:`wait` before. The end of a ``with`` block closes, too.
        """
        with self._lock:
            self._settle_if_done()
            self._give_up("closed")
            self._is_closed = True
            self._let_go(self._workers)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    @contextmanager
    def paused(self):
        """Let nothing learn, and no candidate come into service, inside a ``with`` block.

        So a checkpoint is that of one moment. Predictions go on.

        Yields
        ------
        retrainer : DriftAwareRetrainer or ReplayPartialFit
            To be saved, with the job that is out, if one is.
        """
        with self._lock:
            yield self.retrainer

    def __getstate__(self):
        raise TypeError(
            "A BackgroundRetrainer holds a lock and an executor, and cannot be copied or pickled. "
            "Save what it holds, `with service.paused() as retrainer: ...`, and wrap that anew "
            "once it is loaded: a job that was out is then handed out again."
        )

    # -- with the lock held ----------------------------------------------------------------------

    @contextmanager
    def _learning(self):
        """Learn as the only one, from where the jobs that are done by now have led."""
        self._check()
        with self._lock:
            if self._is_closed:
                raise RuntimeError(
                    "This BackgroundRetrainer is closed, and only predicts. Make a new one of its "
                    "`retrainer` to learn on."
                )
            self._settle_if_done()
            self._keep_up()
            yield
            if self._errors:
                raise self._errors.pop(0)

    def _check(self):
        if not isinstance(self.retrainer, BaseRetrainer):
            accepted = (
                "a DriftAwareRetrainer or a ReplayPartialFit; others retrain while they learn"
            )
            refuse(self, "retrainer", accepted)
        if not (_is_executor(self.executor) or callable(self.executor)):
            accepted = "a concurrent.futures.Executor, or a function that makes one"
            refuse(self, "executor", accepted)
        check_number(self, "timeout", above=0, what="a number of seconds", otherwise=(None,))
        check_integer(self, "max_job_bytes", least=1, what="a number of bytes", otherwise=(None,))

    def _keep_up(self):
        """Let the job that is out be the one that the retrainer waits for, if it does."""
        job, errand = self.retrainer._job_out, self._errand
        if errand is not None and errand.job is not job:
            errand.future.cancel()  # if it has not begun; else what it costs is counted
            self._errand = errand = None
            self._lock.notify_all()
        if job is None or errand is not None:
            return
        workers = None
        try:
            check_size(job, self.max_job_bytes)
            workers = self._executor()
            errand = handed_out(job, workers)
            if not errand.future.done():
                Thread(target=self._watch, args=(errand,), daemon=True, name="skretrain").start()
        except Exception as error:
            self._let_go(workers)
            self._accept(failed(job, error), job)
            return
        self._errand = errand
        if errand.future.done():
            self._settle(errand)

    def _executor(self):
        if _is_executor(self.executor):
            return self.executor
        if self._workers is None:
            self._workers = self.executor()
        return self._workers

    def _let_go(self, workers):
        """Do without an executor that was made here: with the next job there is a new one."""
        if workers is not None and workers is self._workers:
            self._workers = None
            workers.shutdown(wait=False)

    def _watch(self, errand):
        """Wait for an outcome, in a thread of its own: executors hold locks when they call back."""
        # The waiting of concurrent.futures does not wake up for a future that is only cancelled.
        is_done = Event()
        errand.future.add_done_callback(lambda future: is_done.set())
        is_done.wait(self.timeout)
        with self._lock:
            if not self._is_closed:  # else the retrainer may be another's by now
                self._settle(errand)

    def _settle_if_done(self):
        if self._errand is not None and self._errand.future.done():
            self._settle(self._errand)

    def _settle(self, errand):
        """Take the outcome of a job; one that comes too late only has its cost counted."""
        is_wanted = errand is self._errand
        outcome, is_sound = errand.outcome(self.timeout)
        if is_wanted and not is_sound:
            self._let_go(errand.workers)
        self._accept(outcome, errand.job)
        self._keep_up()

    def _accept(self, outcome, job):
        try:
            with config_context(**job.config):  # this may be a thread that knows none
                self.retrainer._accept(outcome)
        except Exception as error:
            self._errors.append(error)

    def _give_up(self, why):
        if self._errand is None:
            return False
        with config_context(**self._errand.job.config):
            self.retrainer._cancel(why)
        self._keep_up()
        return True

    # -- as a VersionStore sees it ---------------------------------------------------------------

    def _serve_again(self, serving, since):
        with self._learning():
            try:
                self.retrainer._serve_again(serving, since)
            finally:
                self._keep_up()
