"""VersionStore: the models that served, with why and since when, to be served again."""

from contextlib import nullcontext
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from threading import RLock

from .._retrainer._estimator import BaseRetrainer
from ..utils._optional import import_optional
from ..utils._params import check_integer, is_integer, refuse
from ._background import BackgroundRetrainer
from ._versions import Folder, Kept, ModelVersion, Shelf


class VersionStore:
    """Keep the models that served, and let one of them serve again.

    A retrainer remembers at most the model before the last promotion, and only while its gate
    watches. A store that follows it keeps every model that comes into service, in memory or as
    files, with its number, the one before it, the rows it comes from, and why it was promoted.

    Parameters
    ----------
    path : str, path-like or None, default=None
        Folder for a file per version, made with the first one. A store on the same folder, in
        another process, say, finds them again. None keeps them in memory.

        The files hold pickles. To read one runs the code in it: use a folder that only you, and
        those whom you trust, can write to. To list them runs none.
    max_versions : int, default=10
        How many to keep, at least 2. The oldest go first.

    See Also
    --------
    BackgroundRetrainer : Makes the retrains elsewhere; a store can follow it.

    Notes
    -----
    ``store[3]`` tells of version 3, and a loop over the store of each, oldest first: its `version`,
    its `parent`, the version that served before it, the `time` in UTC, the `row` of the stream at
    which it was fitted, on `n_rows_fitted` rows, `since` which row its concept goes back, the
    `kind` of fit, the `reason` why it came into service, `wall_seconds`, and the `evidence`: the
    scores of policy and gate. ``len(store)`` and ``3 in store`` are as one expects.

    A version is kept as it came into service. Once the next one serves, it is kept as it served
    last, with all that it learned by then. The version that serves now can therefore be rolled
    back, too: to before its updates.

    Numbers are those of ``events_``, and begin anew with ``fit``. A version whose number comes
    again, because of that or because an older state was loaded, takes the place of the one before.

    A store is no part of the state that is saved: let one follow the retrainer that was loaded. If
    a version cannot be kept, on a full disk, say, that is an event, ``failed``, and the model
    serves all the same.

    Several threads may call any of the methods.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import VersionStore
    >>> X, y, _ = make_drifting_classification(3000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression(), policy="full_refit").fit(X[:500], y[:500])
    >>> store = VersionStore().follow(model)
    >>> for start in range(500, 3000, 100):
    ...     batch = slice(start, start + 100)
    ...     model = model.partial_fit(X[batch], y[batch])
    >>> for one in store:
    ...     print(one.version, one.parent, one.row, one.since, one.n_rows_fitted, one.reason)
    1 None 500 0 500 first fit
    2 1 1000 0 1000 growth
    3 2 1600 1500 100 alarm
    4 3 1700 1500 200 growth
    5 4 1900 1500 400 growth
    6 5 2300 1500 800 growth
    >>> store = store.rollback(2)
    >>> model.estimator_ is store.model(2)
    True
    >>> store[7].parent, store[7].reason
    (6, 'by hand: version 2 serves again instead of 6')
    """

    def __init__(self, path=None, *, max_versions=10):
        self.path = path
        self.max_versions = max_versions
        self._shelf = Shelf()
        self._lock = RLock()
        self._followed = None

    def follow(self, model):
        """Keep the version that serves now, and from now on each that comes into service.

        Parameters
        ----------
        model : DriftAwareRetrainer, ReplayPartialFit or BackgroundRetrainer
            Fitted. It is held by reference. A store follows one at a time, and leaves the one
            before. Where a `BackgroundRetrainer` is used, let the store follow that.

        Returns
        -------
        self : VersionStore
            The store.

        Raises
        ------
        NotFittedError
            If no model serves yet.
        ValueError
            If a parameter is invalid, or `model` is something else.
        """
        is_background = isinstance(model, BackgroundRetrainer)
        with model.paused() if is_background else nullcontext(model) as retrainer:
            if not isinstance(retrainer, BaseRetrainer):
                accepted = "a DriftAwareRetrainer, a ReplayPartialFit, or a BackgroundRetrainer"
                refuse("VersionStore.follow", "model", accepted, model)
            self._take_in(retrainer)
            self._leave()
            retrainer._listen(self._hear)
            self._followed = model
            if is_background:
                model._versions = self
        return self

    def _leave(self):
        """Follow nobody any more: the numbers of two would be taken for those of one."""
        left, self._followed = self._followed, None
        if isinstance(left, BackgroundRetrainer):
            if left._versions is self:
                left._versions = None
            left = left.retrainer
        if left is not None:
            left._listen_no_more(self._hear)

    def _take_in(self, retrainer):
        """Keep the version that serves, unless it is kept already."""
        serving = retrainer._serving()
        events = [event for event in retrainer.events_ if event.version == serving.version]
        event = next((one for one in events if one.action in ("retrained", "rolled_back")), None)
        record = ModelVersion.of(serving, None, event, datetime.now(UTC))
        with self._lock:
            known = self._versions().records().get(serving.version)
            if known is None or not known[1].is_same_as(record):
                self._keep(record, serving)

    def rollback(self, version):
        """Let the model of a version serve again, as a version of its own.

        A job or a challenger that is on its way is given up, which is an event, ``superseded``. The
        event of the rollback is ``rolled_back``, by hand. What the model stands for is taken as it
        was: the concept that it was fitted on goes on, and it counts as fitted now, so that a
        refit for growth waits for as many rows again. The trigger begins anew, as after a retrain
        that answered its alarm: what it has seen are the losses of the model that leaves. The gate
        does not watch.

        Parameters
        ----------
        version : int
            Its number.

        Returns
        -------
        self : VersionStore
            The store, which keeps the new version, too.

        Raises
        ------
        ValueError
            If the store follows nobody, has no such version, or the model does not fit any more:
            another kind of base, other columns, labels of another kind. Nothing has changed then.
        """
        kept = self._kept(version)
        if self._followed is None:
            raise ValueError(
                f"VersionStore.rollback({version!r}): the store follows no retrainer. Call "
                "follow(retrainer) with the one whose version this is."
            )
        # Without the lock: the retrainer has one of its own, and tells the store what it does.
        self._followed._serve_again(kept.serving, kept.record.since)
        return self

    def model(self, version):
        """Return the model of a version.

        Parameters
        ----------
        version : int
            Its number.

        Returns
        -------
        model : estimator
            The base, fitted. It may serve: it is not to be changed.

        Raises
        ------
        ValueError
            If there is no such version, or its file is damaged.
        """
        return self._kept(version).serving.model

    def to_frame(self):
        """Return what is known of the versions as a pandas DataFrame, oldest first.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="VersionStore.to_frame", extra="cli")
        records = [record._asdict() for record in self]
        return pandas.DataFrame(records, columns=list(ModelVersion._fields))

    def __len__(self):
        return len(self._records())

    def __bool__(self):
        """Return True: also a store without a version is one."""
        return True

    def __iter__(self):
        return iter(self._records().values())

    def __contains__(self, version):
        return version in self._records()

    def __getitem__(self, version):
        """Return what is known of a version, a :class:`ModelVersion`, or raise ValueError."""
        records = self._records()
        self._check_known(version, records)
        return records[version]

    def __repr__(self):
        where = "in memory" if self.path is None else f"in {str(self.path)!r}"
        numbers = ", ".join(map(str, self._records()))
        return f"<VersionStore {where}: {f'versions {numbers}' if numbers else 'empty'}>"

    def __getstate__(self):
        with self._lock:
            return vars(self) | {"_lock": None, "_followed": None, "_shelf": Shelf(self._shelf)}

    def __setstate__(self, state):
        vars(self).update(state, _lock=RLock())

    # -- what is kept ----------------------------------------------------------------------------

    def _versions(self):
        """Return where the versions are, once the parameters are checked."""
        check_integer(self, "max_versions", least=2, what="a number of models")
        if self.path is None:
            return self._shelf
        if not isinstance(self.path, str | PathLike):
            refuse(self, "path", "the path of a folder, or None")
        if Path(self.path).exists() and not Path(self.path).is_dir():
            refuse(self, "path", "a folder, and there is a file of this name")
        return Folder(Path(self.path))

    def _records(self):
        """Return the records by version, oldest first."""
        with self._lock:
            found = self._versions().records()
        return {version: found[version][1] for version in sorted(found, key=found.get)}

    def _kept(self, version):
        with self._lock:
            self._check_known(version, self._records())
            return self._versions()[version]

    def _check_known(self, version, records):
        if not is_integer(version) or version not in records:
            known = ", ".join(map(str, records)) or "none"
            refuse("VersionStore", "version", f"one that is kept: {known}", version)

    def _hear(self, serving, before, event):
        """Keep a version that came into service, and the one before as it served last."""
        with self._lock:
            now = datetime.now(UTC)
            known = self._versions().records().get(before.version if before else None)
            if known is not None:
                self._versions().put(Kept(*known, before))
            parent = None if before is None else before.version
            self._keep(ModelVersion.of(serving, parent, event, now), serving)

    def _keep(self, record, serving):
        """Keep a version, and so many of those before as there is room for."""
        shelf = self._versions()
        order = 1 + max((order for order, _ in shelf.records().values()), default=0)
        shelf.put(Kept(order, record, serving))
        found = shelf.records()
        for version in sorted(found, key=found.get)[: -self.max_versions]:
            shelf.remove(version)
