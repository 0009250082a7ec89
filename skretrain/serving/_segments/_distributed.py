"""DistributedSegments: a fleet whose segments are held by the workers of a dask cluster."""

import pickle
from copy import copy
from functools import wraps

from sklearn.utils.metaestimators import available_if

from ...utils._hooks import pass_on
from ...utils._params import refuse
from ._base import COLUMNS
from ._crew import Crew, RemoteShard
from ._estimator import SegmentedRetrainer
from ._shard import Shard
from ._shelf import Shelf


def _handed_on(name):
    """Return a method of the fleet, there where it has it."""

    @wraps(getattr(SegmentedRetrainer, name))
    def method(self, *args, **kwargs):
        return getattr(self._remote, name)(*args, **kwargs)

    return available_if(lambda self: hasattr(self._remote, name))(method)


class DistributedSegments:
    """Let the workers of a dask cluster hold the segments of a fleet.

    Each worker has some of the segments, and keeps their state between calls: rows go there, and
    reports and predictions come back. The pooled retrainer, the alarms and the events stay here.
    Whatever the number of workers, all is bit for bit as in one process.

    Parameters
    ----------
    model : SegmentedRetrainer
        Begun. It stays as it is until :meth:`collect`, and is what to go on from if a worker dies.
    client : dask.distributed.Client
        Of a cluster whose workers are there; processes of one thread each do best. Workers that
        come later get nothing.

    Attributes
    ----------
    segments_, events_, n_batches_, n_samples_seen_
        As of :class:`SegmentedRetrainer`.

    See Also
    --------
    SegmentedRetrainer : The fleet in one process.

    Notes
    -----
    If a worker is lost, so is the state of its segments since the last :meth:`collect`. That pass
    raises RuntimeError, as does all that follows: nothing is half done. Distribute `model` again,
    and repeat the batches after its ``n_batches_``.

    Warnings of retrainers go to the logs of the workers. What has happened stands in `events_`, and
    is logged here; the routine of the retrainers is logged nowhere.

    Examples
    --------
    >>> from dask.distributed import Client, LocalCluster  # doctest: +SKIP
    >>> with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
    ...     fleet = DistributedSegments(model, client)
    ...     for X, y in days:
    ...         y_pred = fleet.predict(X)
    ...         fleet = fleet.partial_fit(X, y)
    ...     model = fleet.collect()  # doctest: +SKIP
    """

    predict = _handed_on("predict")
    predict_proba = _handed_on("predict_proba")
    decision_function = _handed_on("decision_function")
    score_samples = _handed_on("score_samples")
    score = _handed_on("score")
    status = _handed_on("status")
    retire = _handed_on("retire")
    retrainer_of = _handed_on("retrainer_of")

    def __init__(self, model, client):
        self.model = model
        self.client = client
        if not isinstance(model, SegmentedRetrainer):
            refuse(self, "model", "a SegmentedRetrainer", model)
        if not hasattr(client, "nthreads"):
            refuse(self, "client", "a dask.distributed.Client", client)
        if not client.nthreads():
            raise ValueError(
                "DistributedSegments: the cluster of client has no worker yet: call "
                "client.wait_for_workers(2) before, say."
            )
        fleet = model._begun()
        self._n_changes = fleet.n_changes
        self._remote = _remote_of(model, fleet, client)

    def partial_fit(self, X, y=None, classes=None, **params):
        """Test each segment on its rows of a batch, then let it learn them, where it is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments, in time order.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.
        classes : array-like of shape (n_classes,), default=None
            Class labels to expect.
        **params : array-like of shape (n_samples,)
            Per-row metadata.

        Returns
        -------
        self : object
            The same.

        Raises
        ------
        ValueError
            If the input is invalid: then nothing has changed.
        RuntimeError
            If a worker was lost: see Notes.
        """
        self._remote.partial_fit(X, y, classes, **params)
        return self

    def observe(self, X):
        """Show rows without labels to the triggers that need none; see the model's ``observe``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments, in time order.

        Returns
        -------
        self : object
            The same.

        Raises
        ------
        ValueError
            If the input is invalid: then nothing has changed.
        RuntimeError
            If a worker was lost: see Notes.
        """
        self._remote.observe(X)
        return self

    def collect(self):
        """Bring the state back into `model`, in one step; the workers keep theirs.

        Returns
        -------
        model : SegmentedRetrainer
            The one that was given, as if it had learned all itself; with a ``path``, so is its
            file.

        Raises
        ------
        RuntimeError
            If a worker was lost; `model` is as it was before.
        ValueError
            If `model`, or its file, has changed since it was distributed or collected last.
        """
        model, fleet = self.model, self._remote._fleet
        if model._begun().n_changes != self._n_changes:
            raise ValueError(
                "DistributedSegments.collect: model has learned, or was changed, since it was "
                "distributed, which this would undo. Distribute it again, and repeat the batches "
                "after its n_batches_."
            )
        with model._passing() as done:
            shelf = Shelf(model._store(), model.max_loaded)
            gathered = _apart(fleet, fleet.shard)
            if model.path is not None:
                shelf.clear(but=fleet.shard.books)  # of which the rows may be there
            for key, retrainer in fleet.shard.retrainers():
                shelf.put(key, retrainer)
            gathered.shard.shelf = shelf
            pass_on(model._event_logs(), {"": gathered.log})
            done(gathered)
        self._n_changes = gathered.n_changes
        return model

    def _event_logs(self):
        """Return the logs that hooks can hear of: there is one."""
        return self._remote._event_logs()

    @property
    def segments_(self):
        """Segments with a retrainer of their own, a list."""
        return self._remote.segments_

    @property
    def events_(self):
        """What has happened in the segments and over them."""
        return self._remote.events_

    @property
    def n_batches_(self):
        """Batches seen since ``fit``."""
        return self._remote.n_batches_

    @property
    def n_samples_seen_(self):
        """Rows seen since ``fit``."""
        return self._remote.n_samples_seen_


def _remote_of(model, fleet, client):
    remote = SegmentedRetrainer(**{**model.get_params(deep=False), "path": None})
    vars(remote).update({name: vars(model)[name] for name in COLUMNS if name in vars(model)})
    own = _apart(fleet, fleet.shard)
    held = own.shard.template, own.shard.min_rows, own.shard.growth_budget, model.max_loaded
    own.shard = RemoteShard(own.shard, Crew(client, held))
    own.shard.send(fleet.shard.shelf)
    remote._fleet = own
    return remote


def _apart(fleet, shard):
    """Return a copy of a fleet with an ordinary shard, which has the books and no retrainers."""
    lone = copy(fleet)
    rules = shard.template, shard.way, shard.min_rows, shard.growth_budget
    lone.shard = Shard(*rules, shelf=None)
    lone.shard.books = shard.books
    return pickle.loads(pickle.dumps(lone))
