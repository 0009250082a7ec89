"""The inside of SegmentedRetrainer: its fleet, in memory or in a file, and what checks input."""

import os
from contextlib import contextmanager
from copy import deepcopy
from threading import RLock

from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted, validate_data

from ..._retrainer._border import has_other_columns
from ..._retrainer._estimator import BaseRetrainer
from ...exceptions import RetrainFailedWarning
from ...utils._clone import ClonedByContent, differing_params
from ...utils._containers import as_container, n_rows
from ...utils._hooks import Telling, pass_on
from ...utils._params import (
    check_choice,
    check_integer,
    check_number,
    is_integer,
    is_number,
    listed,
    refuse,
)
from ...utils._restoring import Restoring
from ...utils._warn import warn_user
from ._answers import Answers
from ._file_store import FileStore
from ._fleet import Batch, Fleet
from ._keys import check_kinds, key_of, split
from ._parts import packed, unpacked
from ._shelf import Shelf
from ._store import MemoryStore

# What belongs to the file, or to this process.
_OF_FILE = ("_fleet", "_file", "_log_before", "_compared")
_READING = {}  # a lock by process
_MOST_TOLD, _LONGEST_VALUE = 3, 40  # parameters in a warning, and characters of a value
COLUMNS = ("n_features_in_", "feature_names_in_", "_by")  # what is known of the table


class BaseSegmented(ClonedByContent, MetaEstimatorMixin, BaseEstimator):
    """What SegmentedRetrainer does without saying so."""

    # -- the fleet -------------------------------------------------------------------------------

    def _new_fleet(self):
        _check_retrainer(self)
        check_choice(self, "fallback", ("pooled", None))
        _check_numbers(self)
        return Fleet(
            self.retrainer,
            has_pooled=self.fallback is not None,
            min_rows=self.min_rows,
            growth_budget=self.growth_budget,
            alpha=self.alpha,
            shelf=Shelf(self._store(), self.max_loaded),
        )

    def _store(self):
        """Return where states are kept: a file is opened once."""
        path, file = _path_of(self), self.__dict__.get("_file")
        if path is None:
            return MemoryStore()
        if file is None or file.path != path:
            self._file = file = FileStore(path)
        return file

    def _present(self):
        """Return the fleet, from the file where there is one, or None before there is any."""
        forget_what_changed(self)
        fleet = self._in_memory()
        if fleet is not None or self.path is None:
            return fleet
        with _one_reads():
            return self._in_memory() or _read(self)

    def _in_memory(self):
        """Return the fleet that is in memory, as the parameters are now, or None."""
        fleet = self.__dict__.get("_fleet")
        if fleet is None:
            return None
        shelf = fleet.shard.shelf
        path = _path_of(self)
        if path != shelf.path:
            if None in (path, shelf.path):
                where = "memory alone" if path else "that file"
                what = f"{shelf.path!r} until the next fit, as what was learned is in {where}"
                refuse(self, "path", what)
            self.__dict__.pop("_fleet", None)  # it stays in its file
            return None
        return _adopted(self, fleet)

    def _begun(self):
        """Return the fleet, or raise NotFittedError."""
        fleet = self._present()
        if fleet is None:
            raise NotFittedError(
                f"This {type(self).__name__} has no segments yet. Call fit or partial_fit before."
            )
        return fleet

    @contextmanager
    def _passing(self):
        """Change the fleet in one step; yields what is called with it at the end.

        What has gone wrong on the way leaves the state in the file, if there is one, as it was.
        """
        file = self._store()  # before: what is restored has it
        try:
            with Restoring(self), Telling(self):
                file = self._store()  # which may be another since the log was looked for
                try:
                    yield self._done
                except BaseException:
                    if self.path is not None:  # of what has left no trace, nobody is to hear
                        _hush(self)
                    raise
        except BaseException:
            fleet = self.__dict__.get("_fleet")
            if self.path is not None:
                file.close()  # first: who predicts meanwhile is not to read what is taken back
            if fleet is not None and fleet.shard.shelf.path is not None:
                self._log_before = fleet.log  # whose hooks go on
                self.__dict__.pop("_fleet", None)  # it is read again from the file
            raise

    def _done(self, fleet):
        before = self.__dict__.get("_fleet", fleet)
        fleet.n_changes = max(fleet.n_changes, before.n_changes) + 1
        if self.path is not None:
            columns = {name: vars(self)[name] for name in COLUMNS if name in vars(self)}
            fleet.shard.shelf.commit(packed(columns, fleet))
        self._fleet = fleet

    def _complain(self, errors, done="learned"):
        """Raise what a segment has raised, or warn of it, once all have learned, or so."""
        if not errors:
            return
        segment, error = errors[0]
        whose = "the pooled retrainer" if segment is None else f"segment {segment!r}"
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        if self._own.on_error == "raise":
            error.add_note(f"skretrain: it was raised by {whose}{more}; the others have {done}.")
            raise error
        warn_user(
            f"{whose}{more} failed; the others have {done}, and events_ has the reasons: "
            f"{type(error).__name__}: {error}",
            RetrainFailedWarning,
        )

    # -- input -----------------------------------------------------------------------------------

    def _batch(self, fleet, X, y, classes, params, *, reset):
        if reset:
            self._by = self.by
        elif not (isinstance(self.by, str) or is_integer(self.by)) or self.by != self._by:
            refuse(self, "by", f"{self._by!r} until the next fit, as it was in the one before")
        rows, parts = split(self, self.by, X, fleet.aliases)
        _check_retrainer(self)
        if not reset:
            _warn_of_other_params(self, fleet)
        check_kinds(self, self.by, parts.grouped.keys, fleet.shard.books.keys() | fleet.aliases)
        if reset or not hasattr(X, "columns") or has_other_columns(self, X):
            validate_data(self, X, reset=reset, skip_check_array=True)
        return Batch(rows, parts, y, classes, params)

    def _answers(self, X):
        """Return what answers for rows, or raise where they cannot be read."""
        check_is_fitted(self)
        fleet, X = self._present(), as_container(X)
        if not n_rows(X):
            raise ValueError(f"{type(self).__name__}: X has 0 rows, and at least one is needed.")
        return Answers(fleet, self._batch(fleet, X, None, None, {}, reset=False).split)

    def _segment(self, method, parameter, name):
        """Return a segment by its name, or raise ValueError where there is none."""
        fleet, key = self._present(), key_of(name)
        if key is None or key not in fleet.shard.books:
            what = "one of segments_"
            if key in fleet.aliases:
                what += f"; that one was merged into {fleet.aliases[key]!r}"
            refuse(f"{type(self).__name__}.{method}", parameter, what, name)
        return key

    # -- what others ask -------------------------------------------------------------------------

    def _learned(self, name):
        """Return the fleet for the attribute `name`, which is absent before there is one."""
        fleet = self._present()
        if fleet is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return fleet

    @property
    def _own(self):
        """The retrainer that segments are clones of, or are to be."""
        fleet = self.__dict__.get("_fleet")
        return self.retrainer if fleet is None else fleet.template

    @property
    def _shared_by_clones(self):
        """The parameter by which clones share the state, or None where they do not."""
        return None if self.path is None else "path"

    def _event_logs(self):
        """Return the logs that hooks can hear of, whatever the parameters are: there is one."""
        fleet = self.__dict__.get("_fleet") or self._present()
        return {} if fleet is None else {"": fleet.log}

    def __sklearn_is_fitted__(self):
        fleet = self._present()
        return fleet is not None and fleet.is_serving

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not hasattr(self._own, "__sklearn_tags__"):
            return tags
        return deepcopy(get_tags(self._own))

    def get_metadata_routing(self):
        """Return how metadata is routed to the retrainers.

        Returns
        -------
        routing : MetadataRouter
            ``fit`` to ``fit``, and ``partial_fit`` to ``partial_fit``.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="fit", callee="partial_fit")
        mapping.add(caller="partial_fit", callee="partial_fit")
        return MetadataRouter(owner=self).add(retrainer=self.retrainer, method_mapping=mapping)

    def __getstate__(self):
        state = super().__getstate__()
        if self.path is not None:
            state = {name: value for name, value in state.items() if name not in _OF_FILE}
        return state

    # -- learned attributes ----------------------------------------------------------------------

    @property
    def segments_(self):
        """Segments with a retrainer of their own, a list."""
        return list(self._learned("segments_").shard.books)

    @property
    def pooled_(self):
        """What learns all rows, or None."""
        return self._learned("pooled_").pooled

    @property
    def events_(self):
        """What has happened in the segments and over them."""
        return self._learned("events_").log

    @property
    def classes_(self):
        """Class labels of all segments, sorted."""
        classes = self._learned("classes_").known_classes
        if classes is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'classes_'")
        return classes

    @property
    def n_samples_seen_(self):
        """Rows seen since ``fit``."""
        return self._learned("n_samples_seen_").n_rows

    @property
    def n_batches_(self):
        """Batches seen since ``fit``."""
        return self._learned("n_batches_").n_batches


def _one_reads():
    """Return the lock of who reads a fleet anew; a forked process has its own."""
    return _READING.setdefault(os.getpid(), RLock())


def _read(model):
    """Return the fleet from the file of a model, or None where there is none in it."""
    store = model._store()
    if store.has_read:  # what it saw binds nobody but the fleet that goes by it
        store = model._file = store.anew()
    header = store.header()
    if header is None:
        return None
    columns, fleet = unpacked(header)
    fleet.shard.shelf.store = store
    _adopted(model, fleet)
    vars(model).update(columns)
    # Before others see it, who would otherwise let it tell nobody.
    pass_on({"": model.__dict__.pop("_log_before", fleet.log)}, {"": fleet.log})
    model._fleet = fleet
    return fleet


def _hush(model):
    """Let hooks not hear of what they were to be told."""
    fleet = model.__dict__.get("_fleet")
    if fleet is not None:
        fleet.log.withhold()


def forget_what_changed(model):
    """Drop a fleet whose file somebody else has written since: it is to be read anew."""
    if _has_changed(model):
        with _one_reads():
            if _has_changed(model):
                fleet = model._fleet
                # With another store: who is still at work with this one is to find the change.
                model._log_before = fleet.log  # whose hooks go on
                model._file = fleet.shard.shelf.store.anew()
                del model._fleet


def _has_changed(model):
    fleet = model.__dict__.get("_fleet")
    path = None if fleet is None else fleet.shard.shelf.path
    if path is None or path != _path_of(model):
        return False
    return not fleet.shard.shelf.store.is_current()


def _check_retrainer(model):
    if not isinstance(model.retrainer, BaseRetrainer):
        refuse(model, "retrainer", "a DriftAwareRetrainer or a ReplayPartialFit")


def _check_numbers(model):
    check_integer(model, "min_rows", least=1, what="a number of rows")
    budget = model.growth_budget
    is_share = is_number(budget, least=0, most=1)
    if not (budget is None or is_share or is_integer(budget, least=0)):
        refuse(model, "growth_budget", "an integer of at least 0, a share from 0 to 1, or None")
    check_number(model, "alpha", above=0, below=1, what="a share of false alarms")
    check_integer(model, "max_loaded", least=1, what="a number of segments", otherwise=(None,))


def _path_of(model):
    """Return the path of the file of a model, a str, or None where there is none."""
    if model.path is None:
        return None
    if not isinstance(model.path, str | os.PathLike) or not os.fspath(model.path):
        refuse(model, "path", "the path of a file, or None")
    return os.fspath(model.path)


def _adopted(model, fleet):
    """Return a fleet that goes by the numbers as they are now."""
    shard, alarms = fleet.shard, fleet.alarms
    present = shard.min_rows, shard.growth_budget, alarms.alpha, shard.shelf.max_loaded
    given = model.min_rows, model.growth_budget, model.alpha, model.max_loaded
    if any(one is not other for one, other in zip(present, given, strict=True)):
        _check_numbers(model)
        shard.min_rows, shard.growth_budget, alarms.alpha, shard.shelf.max_loaded = given
    return fleet


def _warn_of_other_params(model, fleet):
    """Say, once, what in a file was begun otherwise than this object would begin it."""
    if fleet.shard.shelf.path is None or fleet is model.__dict__.get("_compared"):
        return
    model._compared = fleet
    then = _named(fleet.template, None if fleet.pooled is None else "pooled")
    now = _named(model.retrainer, model.fallback)
    names = [
        f"retrainer__{name}".removesuffix("__")
        for name in differing_params(fleet.template, model.retrainer)
    ]
    names += ["fallback"] if then["fallback"] != now["fallback"] else []
    if names:
        told = [f"{name}={_short(then, name)} (here {_short(now, name)})" for name in names]
        warn_user(
            f"{type(model).__name__}(path={model.path!r}): the segments in the file were begun "
            f"with other parameters and go on with those: {listed(told, _MOST_TOLD)}. "
            "What is given here has no effect. Give what was given then, or call fit to begin "
            "anew.",
            UserWarning,
        )


def _named(retrainer, fallback):
    """Return by name what segments are begun with."""
    params = {f"retrainer__{name}": value for name, value in retrainer.get_params().items()}
    return {"retrainer": retrainer, "fallback": fallback, **params}


def _short(params, name):
    """Return a value as text that is not too long, and of an estimator what it is."""
    if name not in params:
        return "absent"
    value = params[name]
    text = f"{type(value).__name__}(...)" if hasattr(value, "get_params") else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
