"""Predictions whose labels come later: remembered, found by their ids, learned when they come."""

from copy import deepcopy
from threading import RLock

import numpy as np

from .._mixture import MixtureRetrainer
from .._retrainer._border import checked_params
from .._retrainer._estimator import BaseRetrainer
from ..buffers._undo import Undo
from ..utils._containers import n_rows
from ..utils._hooks import Telling
from ..utils._losses import task_of
from ..utils._params import check_flag, check_integer, refuse
from ..utils._plain import Plain
from ._background import BackgroundRetrainer
from ._book import Entry
from ._clock import moments
from ._inputs import checked_rows
from ._ledger import Ledger


class PendingLabels(Plain):
    """Remember predictions until their labels come, and return batches to learn from.

    In production a label comes days after its prediction, by itself, out of order, for some rows
    only, twice, corrected, or never. A ledger stands between: it lets a model predict, remembers
    the rows under ids, and makes of the labels that come a batch for ``partial_fit``. It holds the
    model by reference and never changes it.

    It also keeps the books: the loss of each version of the model that served (`score_`), how late
    labels are (`delays_`), for which predictions they come (`arrivals_`), and weights against the
    bias where they come for a chosen part of them (:meth:`resolve` [2]_).

    Parameters
    ----------
    model : estimator
        Any retrainer of skretrain, or anything else with ``predict``, fitted before the first
        prediction.

    max_pending : int, default=100_000
        Rows that may wait for a label. The oldest are dropped for newer ones, which is an event.
        Resolved rows stay for corrections until the room is needed; in all, about twice as many
        rows are held. Each takes the bytes of its cells, its metadata, its prediction and its
        label, and 25 more; ids of your own come on top.

    Attributes
    ----------
    events_ : EventLog
        Rows ``dropped`` for lack of room or ``expired``, labels ``repeated`` or ``corrected``: one
        event per call, with the number of rows in `n_rows` and the first ten ids in `evidence`.

    score_ : dict of int or "all" to ServedScore
        For all versions together, and for each of the newest 1,000: the number of predictions
        `n_resolved` whose label came, their mean `loss` (0/1 errors or absolute residuals), its
        95 % interval from `low` to `high` (Wilson's or Student's), and the `accuracy` of a
        classifier. ``score_.to_frame()`` is a pandas DataFrame. A retrainer counts versions up with
        each promotion since ``fit``, updates in between not counted, a mixture from 1 with each
        promotion of a member; any other model stays version 1. Only labels that came count: where
        they come for a chosen part of the rows, the score is that of this part.

    delays_ : LabelDelays
        How long labels take: ``median``, ``quantile(q)``, ``share_resolved(after=...)``, and
        ``to_frame()``, by the estimate of Kaplan and Meier [1]_, to which a row that waits says
        that its label takes longer. In rows predicted by later calls (0: known before the next),
        or by the clock that `at` tells.

    arrivals_ : dict of label to ClassArrivals
        For each predicted class (for ``"all"`` of a regressor, or of several outputs): rows
        `n_predicted`, `n_resolved`, `n_pending` and `n_lost`, the share resolved, the estimated
        share whose label comes, and the weight of such a label. ``arrivals_.to_frame()`` is a
        pandas DataFrame.

    pending_ids_ : ndarray
        Ids of the rows that wait, oldest first.

    See Also
    --------
    skretrain.model_selection.prequential_validate : Evaluation with labels that are late.

    Notes
    -----
    Several threads may call any of the methods; each call is done as a whole, or not at all if it
    is interrupted or memory runs out: :meth:`status` tells which. A pickle holds the model and goes
    on as the original does.

    References
    ----------
    .. [1] E. L. Kaplan and P. Meier (1958). "Nonparametric estimation from incomplete
       observations". Journal of the American Statistical Association 53, 457-481.

    .. [2] D. G. Horvitz and D. J. Thompson (1952). "A generalization of sampling without
       replacement from a finite universe". Journal of the American Statistical Association 47,
       663-685.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import PendingLabels
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression()).fit(X[:500], y[:500])
    >>> ledger = PendingLabels(model)
    >>> ids, y_pred = ledger.predict(X[500:1000])

    Days later, some of the labels are known:

    >>> X_new, y_new, params = ledger.resolve(ids[:200], y[500:700])
    >>> model = model.partial_fit(X_new, y_new, **params)
    >>> ledger
    <PendingLabels of DriftAwareRetrainer: 300 pending, 200 resolved, 0 lost>
    >>> round(ledger.score_[1].accuracy, 3), ledger.arrivals_[0].n_resolved
    (0.88, 108)
    """

    def __init__(self, model, *, max_pending=100_000):
        self.model = model
        self.max_pending = max_pending
        self._ledger = Ledger()
        self._lock = RLock()

    def predict(self, X, *, ids=None, at=None, params=None):
        """Predict rows, and remember them until their labels come.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in any container that the model takes. Of none, nothing is remembered.

        ids : array-like of shape (n_samples,), default=None
            Ids of your own: numbers, texts, tuples or anything else that can be a key. None: rows
            are numbered from 0. Either always or never.

        at : moment or array-like of shape (n_samples,), default=None
            When the rows are predicted: datetime64, Timestamp, datetime, text of a date, or a
            number. None: delays are counted in rows. Either always or never.

        params : dict of str to array-like of shape (n_samples,), default=None
            What ``partial_fit`` is to be given with the rows, such as ``sample_weight``.

        Returns
        -------
        ids : ndarray of int of shape (n_samples,), or as given
            What :meth:`resolve` finds the rows by.

        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions of the model that serves now.

        Raises
        ------
        ValueError
            If a parameter is invalid, an id is in use or cannot be a key, or the rows cannot be
            held beside those before: then nothing was remembered.
        Exception
            Whatever the model raises.
        """
        owner = "PendingLabels.predict"
        self._check()
        rows = checked_rows(owner, "X", X)
        n = n_rows(rows)
        clock, at = moments(owner, at, n)
        params = _checked_params(owner, params, n)
        if n == 0:
            none = np.empty(0, dtype=np.int64)
            return (none if ids is None else ids), self._ledger.book.predictions(none)
        y_pred, version = _predicted(self.model, X)
        if y_pred.ndim == 0 or len(y_pred) != n:
            raise ValueError(
                f"{owner}: {type(self.model).__name__}.predict returned the shape {y_pred.shape} "
                f"for {n} rows: a ledger needs one prediction per row."
            )
        flat = y_pred.ravel() if y_pred.shape[1:] == (1,) else y_pred
        entry = Entry(rows, flat, params, ids, at, version)
        is_regression = self._ledger.is_regression
        if is_regression is None:
            is_regression = _is_regression(self.model, y_pred)
        numbers = self._changed(
            Ledger.remember, entry, clock, self.max_pending, is_regression=is_regression
        )
        return (numbers if ids is None else ids), y_pred

    def _changed(self, change, *args, **kwargs):
        """Make a change to a branch of the books, and let it take their place in one step."""
        with Telling(self), self._lock:
            branch = self._ledger._branched()
            found = change(branch, *args, **kwargs)
            with Undo(branch.events):
                branch.record()
                self._ledger = branch
        return found

    def _check(self):
        check_integer(self, "max_pending", least=1, what="a number of rows")
        if not hasattr(self.model, "predict"):
            refuse(self, "model", "an object with predict")

    def resolve(self, ids, y, *, at=None, weighted=False):
        """Take labels that have come, and return the batch to learn from.

        Parameters
        ----------
        ids : array-like of shape (n_labels,)
            Of rows that were predicted, in any order, from any number of calls.

        y : array-like of shape (n_labels,) or (n_labels, n_outputs)
            Their labels. None or NaN: not known yet, the row goes on waiting.

        at : moment or array-like of shape (n_labels,), default=None
            When the labels came, if ``predict`` is told when, too.

        weighted : bool, default=False
            Whether ``params["sample_weight"]`` makes up for labels that come for a chosen part of
            the rows, or for some classes first: see Notes. Weights that were given with the rows
            are multiplied.

        Returns
        -------
        X : container of shape (n_rows, n_features)
            The rows in the order in which they were predicted, in the container that they came in.
            Each is there once: not where its label came before, unless it is now another, a
            correction, which is to be learned again.

        y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Their labels, in the type of the predictions where nothing is lost by it.

        params : dict of str to ndarray of shape (n_rows,)
            Their metadata: ``model.partial_fit(X, y, **params)``.

        Raises
        ------
        ValueError
            If an id is not held (never given, dropped, or resolved too long ago), a label cannot be
            one, or came before its prediction. Then nothing has changed; see :meth:`status` for
            which ids are held.

        Notes
        -----
        *Labels that come again.* The same label is ignored. Another one amends `score_`, and the
        row is returned once more, as long as it is held. Of several labels for one id in a call
        the last counts. Both are events.

        *Weights.* In any period, the labels that come for a class are in the mean as many as rows
        were predicted as that class, times the share of them whose label comes within the time that
        has passed since the first prediction. A label therefore weighs one over this share, as
        Horvitz and Thompson have it: ``arrivals_[c].arrival_share``, the estimate of Kaplan and
        Meier at the longest time for which at least ten rows have been watched. It is taken as 0.05
        where it is less, so that no label weighs more than twenty times another, and the mean
        weight of all labels that have come is 1. This is right where it depends on the *prediction*
        whether and when a label comes; what depends on the label itself beyond that, no weight can
        make up for.
        """
        check_flag("PendingLabels.resolve", "weighted", weighted)
        return self._changed(Ledger.resolve, ids, y, at, weighted=weighted)

    def expire(self, older_than):
        """Give up rows that have waited for too long.

        Parameters
        ----------
        older_than : int, float, str or timedelta
            How long a row may wait, up to the latest moment that the ledger was told: a number of
            rows, of the unit of the moments or, where these are dates, a duration such as
            ``"90d"``.

        Returns
        -------
        ids : ndarray
            Of the rows that were given up, oldest first; they are an event, too.

        Raises
        ------
        ValueError
            If `older_than` is no such time.
        """
        return self._changed(Ledger.expire, older_than)

    def versions(self, ids):
        """Tell which version of the model predicted rows, as `score_` counts them.

        Parameters
        ----------
        ids : array-like of shape (n_ids,)
            Of rows that are held.

        Returns
        -------
        versions : ndarray of int of shape (n_ids,)
            Their versions.

        Raises
        ------
        ValueError
            If an id is not held.
        """
        with self._lock:
            return self._ledger.versions(ids)

    def status(self, ids):
        """Tell what became of rows.

        Parameters
        ----------
        ids : array-like of shape (n_ids,)
            Ids.

        Returns
        -------
        status : ndarray of str of shape (n_ids,)
            ``"pending"`` and ``"resolved"`` rows are held, and can be resolved, or corrected.
            ``"dropped"`` for lack of room, ``"expired"``, ``"forgotten"`` (resolved or given up too
            long ago; only of ids that the ledger gave), or ``"unknown"``.
        """
        with self._lock:
            return self._ledger.book.status(ids)

    @property
    def events_(self):
        """What happened out of turn, an EventLog."""
        return self._ledger.events

    @property
    def pending_ids_(self):
        """Ids of the rows that wait, oldest first, an ndarray."""
        with self._lock:
            return self._ledger.book.names(self._ledger.book.pending())

    @property
    def score_(self):
        """Losses of the versions that served, a dict with ``to_frame()``."""
        with self._lock:
            return self._ledger.scores()

    @property
    def delays_(self):
        """How long labels take, with ``median``, ``quantile`` and ``share_resolved``."""
        with self._lock:
            return self._ledger.delays()

    @property
    def arrivals_(self):
        """For which predictions labels come, a dict with ``to_frame()``."""
        with self._lock:
            return self._ledger.by_class()

    def _event_logs(self):
        """Return the logs that hooks can hear of: there is one."""
        return {"": self._ledger.events}

    def __len__(self):
        """Return the number of rows that wait."""
        return self._ledger.book.n_pending

    def __bool__(self):
        """Return True: also a ledger without a row that waits is one."""
        return True

    def _counts(self):
        """Return how many rows wait, were resolved, and were given up."""
        with self._lock:
            return {"pending": len(self)} | self._ledger.arrivals.counts

    def __repr__(self):
        told = ", ".join(f"{n:,} {what}" for what, n in self._counts().items())
        return f"<PendingLabels of {type(self.model).__name__}: {told}>"

    def _state_to_save(self):
        """Return the state at one moment, without the lock."""
        with self._lock:
            return {**vars(self), "_ledger": deepcopy(self._ledger), "_lock": None}

    def _restore(self, state):
        super()._restore(state)
        self._lock = RLock()


def _predicted(model, X):
    """Return predictions, and the number of the version that made them."""
    while True:
        version = version_of(model)
        y_pred = np.asarray(model.predict(X))
        if version_of(model) == version:  # else another thread has let the model learn meanwhile
            return y_pred, version


def version_of(model):
    """Return how many versions of a model have served, this one included."""
    if isinstance(model, BackgroundRetrainer):
        model = model.retrainer
    if isinstance(model, BaseRetrainer):
        return model._serving().version
    if isinstance(model, MixtureRetrainer):
        model._mix()
        return model._engine.version
    return 1


def _checked_params(owner, params, n):
    """Return metadata per row as arrays, or raise ValueError."""
    if params is None:
        return {}
    if not isinstance(params, dict) or {"X", "y"} & params.keys():
        refuse(owner, "params", "a dict of arguments of partial_fit other than X and y", params)
    return checked_params(params, n)


def _is_regression(model, y_pred):
    """Tell whether labels are numbers with a distance, by the kind of the model, or its outputs."""
    task = task_of(model) if hasattr(model, "__sklearn_tags__") else "unsupervised"
    return y_pred.dtype.kind == "f" if task == "unsupervised" else task == "regression"
