"""What a trigger sees, what it answers, and the contract between the two."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..metrics._price import check_price_for
from ..utils._plain import Plain


@dataclass(frozen=True, eq=False)
class ScoredBatch(Plain):
    """A batch of rows with the losses of the model on them, made before it learned from them.

    Rows of a stream are numbered 0, 1, 2, ... in the order of arrival.

    Parameters
    ----------
    start : int
        Stream row of the first row of the batch.
    n_rows : int
        Number of rows.
    loss : ndarray of shape (n_rows,) or None, default=None
        One loss per row, larger is worse; NaN marks a row that was not scored. None if the model
        has no loss per row.
    bounded : bool, default=True
        Whether the losses lie in [0, 1] (an error rate), or may have any scale (a residual).
    y : ndarray of shape (n_rows, ...) or None, default=None
        True targets, wherever they are known.
    y_pred, y_proba, X : array or None, default=None
        Predictions, predicted probabilities of shape (n_rows, n_classes) and features; present if
        the trigger asks for them in its `needs`.
    classes : ndarray of shape (n_classes,) or None, default=None
        Labels of the columns of `y_proba`.
    labelled : bool, default=True
        False for rows shown through ``observe``, which are not learned.
    moments : ndarray of datetime64 or None, default=None
        When rows of the batch came, the newest last; known to a replay of a history with dates.
    past_loss : dict of int to ndarray of shape (n_rows,), or None, default=None
        The losses on the same rows of models that served before: of the first one, and of the three
        that were replaced last, each under the number of rows seen when it was fitted
        (``FitRecord.row``). One that cannot predict the rows is left out. Present if the trigger
        asks for it.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import ScoredBatch
    >>> batch = ScoredBatch(start=200, n_rows=4, loss=np.array([0.0, 1.0, 0.0, 0.0]))
    >>> float(batch.loss.mean())
    0.25
    """

    start: int
    n_rows: int
    loss: np.ndarray | None = None
    bounded: bool = True
    y: Any = None
    y_pred: Any = None
    y_proba: Any = None
    X: Any = None
    classes: Any = None
    labelled: bool = True
    moments: Any = None
    past_loss: Any = None


@dataclass(frozen=True)
class FitRecord(Plain):
    """What is known of a fit whose model was promoted.

    Parameters
    ----------
    row : int
        Rows of the stream seen when the model was fitted; with a gate that waits, it came into
        service later.
    n_rows : int
        Rows that it was fitted on.
    since : int or None
        Stream row at which the concept that it answers to began. A policy may fit on other rows
        than those since.
    kind : str
        Name of what made it, for instance ``"full_refit"``.
    cpu_seconds : float
        CPU time of the fit, child processes included, in seconds.
    wall_seconds : float
        Wall-clock time of the fit, in seconds.

    Examples
    --------
    >>> from skretrain.drift import FitRecord
    >>> fit = FitRecord(3200, 200, 3000, "full_refit", cpu_seconds=0.4, wall_seconds=0.2)
    >>> fit.row - fit.since
    200
    """

    row: int
    n_rows: int
    since: int | None
    kind: str
    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class Signal(Plain):
    """Answer of a trigger to one batch.

    Parameters
    ----------
    state : {"stable", "warning", "drift"}
        ``"drift"`` raises the alarm.
    since : int or None, default=None
        Stream row at which the change began, or None if the trigger cannot tell: then all
        remembered rows are taken to be valid.
    on_schedule : bool, default=False
        Whether the alarm says that it is time, and nothing of the model. It is then no evidence
        that the model has become worse, and does not replace a challenger that is on trial.
    note : str, default=""
        What was found, in a few words; it stands in the reason of the event.

    Examples
    --------
    >>> from skretrain.drift import Signal
    >>> Signal("drift", since=3000).since
    3000
    """

    state: Literal["stable", "warning", "drift"]
    since: int | None = None
    on_schedule: bool = False
    note: str = ""


class Needs(frozenset):
    """What a trigger needs whatever its parameters; of an object, also what these ask for.

    A subclass of the trigger may add to it: ``needs = ErrorDrift.needs | {"X"}``.
    """

    def __get__(self, trigger, kind=None):
        return self if trigger is None else frozenset(self) | self.of(trigger)

    def __or__(self, other):
        return type(self)(super().__or__(other))


class BaseTrigger(Plain, BaseEstimator, ABC):
    """Base class of the triggers, which decide *when* to retrain.

    A trigger sees batch after batch and knows nothing of estimators. A subclass writes `reset` and
    `update`, and declares in `needs` what it wants to find in a batch. Constructor parameters are
    stored as given and checked in `reset`, which makes all learned state.

    Attributes
    ----------
    needs : frozenset of str
        Subset of ``{"loss", "X", "y_pred", "y_proba", "outputs", "classes", "moments",
        "past_loss"}``. The default is the loss alone. ``"outputs"`` are the probabilities of a base
        that gives some, else the predictions, or the novelty where there is no target. Whether the
        base can give what is needed (``"classes"``: is a classifier) is checked when a fit begins;
        ``"moments"`` only a replay has. ``"past_loss"`` costs the predictions of up to four models
        more for each batch, and the room for them.
    needs_reference : bool
        Whether :meth:`after_fit` is to be given the rows that the new model stands for.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import BaseTrigger, ScoredBatch, Signal
    >>> class AtMost(BaseTrigger):
    ...     def __init__(self, share=0.5):
    ...         self.share = share
    ...
    ...     def reset(self):
    ...         return self
    ...
    ...     def update(self, batch):
    ...         return Signal("drift" if batch.loss.mean() > self.share else "stable", batch.start)
    >>> AtMost(0.2).reset().update(ScoredBatch(300, 4, np.array([0.0, 1.0, 0.0, 0.0]))).since
    300
    """

    needs = frozenset({"loss"})
    needs_reference = False
    _threshold = None  # a Threshold, if one of the parameters decides how often it rings

    @property
    def label_free(self):
        """Whether it looks at rows or predictions and needs no labels, a bool.

        It is then shown rows without labels, too, in batches whose ``y`` and ``loss`` are None. A
        trigger that needs nothing at all counts the rows that can be learned from.
        """
        return bool(self.needs) and "loss" not in self.needs

    @property
    def sees_unlabelled(self):
        """Whether rows without labels are shown to it, or to a part of it, a bool."""
        return self.label_free

    @property
    def warming_up(self):
        """Whether the trigger is still collecting its reference and cannot ring, a bool."""
        return False

    @property
    def growth_pays(self):
        """Whether a policy may refit without an alarm, because the rows have grown, a bool.

        True unless the trigger knows what a refit costs.
        """
        return True

    def _at(self, threshold):
        """Return a blank copy with another value of the parameter that `_threshold` names."""
        return clone(self).set_params(**{self._threshold.parameter: threshold})

    def _check_columns(self, X):
        """Raise for the first rows of a stream, if they lack a column that the trigger goes by."""

    def _check_targets(self, y, task):
        """Raise for the first targets of a stream, None without any, if its price is for others."""
        check_price_for(getattr(self, "price", None), y, task)

    @abstractmethod
    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : BaseTrigger
            This trigger, blank.
        """

    @abstractmethod
    def update(self, batch):
        """See one batch.

        Parameters
        ----------
        batch : ScoredBatch
            Newest rows of the stream, each shown once, in the order of arrival.

        Returns
        -------
        signal : Signal
            Verdict after all rows of the batch.
        """

    def after_fit(self, fit, reference, answered):
        """Hear that a newly fitted model now serves, or that the present one is to be kept.

        The default restarts the trigger if the fit answered its alarm, and does nothing otherwise:
        a trigger that every fit restarts is blind to a drift that begins right after one.

        Parameters
        ----------
        fit : FitRecord
            What was fitted.
        reference : ScoredBatch or None
            Where `needs_reference`: the remembered rows of the present concept, scored by the model
            that serves now, which has learned most of them. Else None.
        answered : bool
            Whether the fit answered an alarm.
        """
        if answered:
            self.reset()
