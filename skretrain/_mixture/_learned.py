"""The learned attributes of a mixture: absent before there is something to tell."""

from copy import copy
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ..utils._events import merged
from ..utils._hooks import pass_on
from ..utils._plain import Plain


class WeightHistory(NamedTuple):
    """The weights of a mixture after each batch, the last 10,000 of them.

    Attributes
    ----------
    rows : ndarray of shape (n_batches,)
        Rows seen by then.
    weights : ndarray of shape (n_batches, n_members)
        The weights, in the order of ``estimators``; each row sums to 1.
    """

    rows: np.ndarray
    weights: np.ndarray


class LearnedAttributes(Plain):
    """What a mixture has learned, read from its engine."""

    def _mix(self):
        engine = self.__dict__.get("_engine")
        if engine is None or engine.mix is None:
            check_is_fitted(self)
        return engine.mix

    def __sklearn_is_fitted__(self):
        engine = self.__dict__.get("_engine")
        return engine is not None and engine.mix is not None

    def _present_members(self):
        """Return the members at work, or those to come: ``set_params`` waits for the next fit."""
        engine = self.__dict__.get("_engine")
        if engine is None:
            return self._members()
        return dict(zip(engine.names, engine.members, strict=True))

    def _frozen(self):
        """Return a mixture that serves what serves now, whatever this one learns."""
        frozen = copy(self)
        if self.__dict__.get("_engine") is not None:
            frozen._engine = copy(self._engine)
        return frozen

    def _learned(self, name):
        """Return what was learned, for the attribute `name` that is absent before."""
        engine = self.__dict__.get("_engine")
        if engine is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return engine

    def _history(self, name):
        history = self._learned(name).history
        if not history:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r} yet")
        return history

    @property
    def estimators_(self):
        """The members at work."""
        return self._learned("estimators_").members

    @property
    def named_estimators_(self):
        """The members at work, by name."""
        engine = self._learned("named_estimators_")
        return Bunch(**dict(zip(engine.names, engine.members, strict=True)))

    @property
    def weights_(self):
        """The weights of the members now."""
        return self._history("weights_")[-1][1]

    @property
    def weight_history_(self):
        """The weights after each batch."""
        rows, weights = zip(*self._history("weight_history_"), strict=True)
        return WeightHistory(np.array(rows), np.array(weights))

    @property
    def events_(self):
        """What the members did, in the order of rows."""
        engine = self._learned("events_")
        logs = [member.events_ for member in engine.members]
        return merged(dict(zip(engine.names, logs, strict=True)))

    def _begin(self, engine):
        """Take an engine that was fitted; its members have the hooks of those before."""
        before, self._engine = self._event_logs(), engine
        pass_on(before, self._event_logs())

    def _event_logs(self):
        """Return the logs that hooks can hear of, by the name of the member."""
        members = {} if self.__dict__.get("_engine") is None else self._present_members()
        return {
            name: log for name, member in members.items() for log in member._event_logs().values()
        }

    @property
    def n_samples_seen_(self):
        """Rows seen since ``fit``."""
        return self._learned("n_samples_seen_").n_seen

    @property
    def classes_(self):
        """Class labels declared, seen or fitted, sorted."""
        engine = self._learned("classes_")
        if engine.mix is None or engine.classes is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'classes_'")
        return engine.mix.classes


def as_fitted(engine):
    """Return the attributes that let a copy of a mixture serve what serves now, if any does."""
    return None if engine is None or engine.mix is None else {"_engine": copy(engine)}
