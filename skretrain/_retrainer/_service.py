"""Which model serves, and which one did before: every change is one assignment."""

from typing import Any, NamedTuple

import numpy as np

from ..utils._labels import spread
from ..utils._plain import Plain


class Serving(NamedTuple):
    """What ``predict`` reads: replaced as a whole, in one assignment."""

    model: Any
    classes: np.ndarray | list | None
    version: int
    types: Any = None  # of the columns that the model was fitted on, if it was on a data frame
    row: int = 0  # rows seen when the version was fitted

    def readable(self, X):
        """Return rows in the types of the columns that the model knows."""
        return X if self.types is None else self.types.aligned(X, keep_levels=True)

    def spread(self, output, fill):
        """Give `output` one column per class, filled with `fill` where the model knows none."""
        if not isinstance(self.classes, np.ndarray):
            return output
        known = getattr(self.model, "classes_", self.classes)
        if getattr(self.model, "decision_function_shape", None) == "ovo":
            return output  # a column per pair of classes, which nothing can be added to
        return spread(output, known, self.classes, fill)


class Previous(NamedTuple):
    """The version before the last promotion, while the gate watches that."""

    serving: Serving
    concept_start: int  # of the concept that it was fitted on
    row: int  # rows seen at the promotion


class Service(Plain):
    """The serving model and its versions.

    Attributes
    ----------
    serving : Serving or None
        None before the first fit.
    previous : Previous or None
        What can be taken back.
    types : ColumnTypes or None
        Of the columns of all rows so far, if they are data frames.
    n_past : int
        How many models that served before are kept, so that a trigger can be told their losses.
    past : tuple of Serving
        These: the first one, and those replaced last; the oldest first.
    listeners : list of callable
        Each is called as ``listener(serving, before, event)`` with the :class:`Serving` of a
        version that came into service, the one that it replaced (or None), and the event that says
        why: once all is in order, before that is recorded and before anything learns on. They are
        not pickled.
    """

    n_past, past = 0, ()  # also of what was saved before there were any

    def __init__(self):
        self.serving = None
        self.previous = None
        self.types = None
        self.listeners = []

    @property
    def version(self):
        """Number of the version that serves; 0 before the first fit."""
        return 0 if self.serving is None else self.serving.version

    def promote(self, model, classes, types, row):
        """Put a new version into service, and return the one that served before.

        `types` are those of the rows that the model was fitted on, and `row` is how many had been
        seen by then: the rows of today may have others, where it was fitted some batches ago.
        """
        before, version = self.serving, self.version + 1
        if before is not None and self.n_past:
            past = (*self.past, before)
            self.past = (past[0], *past[1:][1 - self.n_past :])
        self.serving = Serving(model, classes, version, types, row)
        return before

    def take_back(self):
        """Let the previous model serve again, as a version of its own, and return what it was."""
        previous, self.previous = self.previous, None
        before = previous.serving
        self.promote(before.model, self.serving.classes, before.types, before.row)
        return previous

    def replace(self, model, classes):
        """Let a model that has learned on, or knows more labels, serve as the same version."""
        before = self.serving
        types = before.types if model is before.model else self.types
        self.serving = Serving(model, classes, before.version, types, before.row)

    def _state_to_save(self):
        """Return the state without the listeners, which belong to this process."""
        return self.__dict__ | {"listeners": []}
