"""Several triggers as one: it rings when enough of them do."""

from sklearn.base import clone

from ..utils._params import check_integer, refuse
from ._base import BaseTrigger, Needs, Signal
from ._error_drift import ErrorDrift
from ._river import is_river

_LIST_OF_TRIGGERS = (
    "a non-empty list of triggers, river detectors or 'adwin', such as [ErrorDrift(), Periodic()]"
)


class _NeedsOfTriggers(Needs):
    def of(self, trigger):
        """Return what any of the triggers needs."""
        return {need for part in trigger._parts for need in part.needs}


class AtLeast(BaseTrigger):
    """Ring when at least `k` of several triggers have rung.

    All of them see every batch and hear of every fit. One that rings counts until a retrain answers
    the alarm, so the `k` need not ring on the same batch. The alarm is raised on each batch on
    which one of them rings while at least `k` count.

    Parameters
    ----------
    triggers : list of BaseTrigger, river detector or "adwin"
        At least one. They are not touched: blank copies are used.
    k : int, default=1
        How many have to ring, from 1 (any) to the number of triggers (all).

    Attributes
    ----------
    triggers_ : list of BaseTrigger
        The triggers in use.

    Notes
    -----
    `since` is the earliest row that was located by those that made the alarm: the `k` that rang
    last, and any that rang on the same batch as these. It is None if none of them located one.

    A retrain that answers the alarm answers all triggers that count, and restarts no other: one
    that did not ring keeps what it has collected.

    Examples
    --------
    >>> from skretrain.drift import AtLeast, Periodic, ScoredBatch
    >>> trigger = AtLeast([Periodic(200), Periodic(300)], k=2).reset()
    >>> [trigger.update(ScoredBatch(start, 100)).state for start in range(0, 400, 100)]
    ['stable', 'warning', 'drift', 'drift']
    """

    def __init__(self, triggers, k=1):
        self.triggers = triggers
        self.k = k

    needs = _NeedsOfTriggers()

    @property
    def needs_reference(self):
        """Whether any of the triggers wants to see what the new model stands for, a bool."""
        return any(trigger.needs_reference for trigger in self._parts)

    @property
    def label_free(self):
        """Whether none of the triggers needs labels, a bool."""
        return all(trigger.label_free for trigger in self._parts)

    @property
    def sees_unlabelled(self):
        """Whether any of the triggers is shown rows without labels, a bool."""
        return any(trigger.sees_unlabelled for trigger in self._parts)

    @property
    def warming_up(self):
        """Whether fewer than `k` of the triggers can ring yet, a bool."""
        return sum(not trigger.warming_up for trigger in self._parts) < self.k

    @property
    def growth_pays(self):
        """Whether none of the triggers finds a refit without an alarm too dear, a bool."""
        return all(trigger.growth_pays for trigger in self._parts)

    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : AtLeast
            This trigger, blank.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        triggers = self._checked_triggers()
        n = len(triggers)
        check_integer(self, "k", least=1, most=n, what="the number of triggers")
        self.triggers_ = [as_trigger(trigger).reset() for trigger in triggers]
        self._n_batches = 0
        self._owes_alarm = False  # a part rang on a batch on which another one failed
        self._observes = False  # whether rows without labels were ever shown
        # Batch, located row, whether it was a schedule, and what was found, of each last ring that
        # nothing answered.
        self._rang = [None] * n
        return self

    def update(self, batch):
        """Show one batch to all triggers.

        Parameters
        ----------
        batch : ScoredBatch
            Newest rows of the stream.

        Returns
        -------
        signal : Signal
            A warning if a trigger warns, or if fewer than `k` count, with the notes of those that
            warn or ring on this batch.
        """
        if not hasattr(self, "triggers_"):
            self.reset()
        self._n_batches += 1
        self._observes = self._observes or not batch.labelled
        signals, errors = [], []
        for part, trigger in enumerate(self.triggers_):
            try:
                signal = self._shown(trigger, batch)
            except Exception as error:  # the others have their turn, and what rang is not lost
                errors.append(error)
                continue
            signals.append(signal)
            if signal.state == "drift":
                # Rows without labels are numbered by themselves.
                since = signal.since if batch.labelled else None
                self._rang[part] = (self._n_batches, since, signal.on_schedule, signal.note)
        rings = self._owes_alarm or any(signal.state == "drift" for signal in signals)
        self._owes_alarm = bool(errors) and rings
        if errors:
            raise errors[0]
        counting = sorted((ring for ring in self._rang if ring), key=lambda r: r[0], reverse=True)
        states = {signal.state for signal in signals}
        if rings and len(counting) >= self.k:
            oldest = counting[self.k - 1][0]
            of_alarm = [ring for ring in counting if ring[0] >= oldest]
            located = [since for _, since, *_ in of_alarm if since is not None]
            on_schedule = all(is_time for _, _, is_time, _ in of_alarm)
            note = "; ".join(filter(None, (note for *_, note in of_alarm)))
            return Signal("drift", min(located, default=None), on_schedule, note)
        few = 0 < len(counting) < self.k
        if not few and "warning" not in states:
            return Signal("stable")
        found = (signal.note for signal in signals if signal.state != "stable")
        return Signal("warning", note="; ".join(filter(None, found)))

    def after_fit(self, fit, reference, answered):
        """Tell all triggers.

        Parameters
        ----------
        fit : FitRecord
            What was fitted.
        reference : ScoredBatch or None
            Rows scored by the new model.
        answered : bool
            Whether the fit answered an alarm: it is that of the triggers that count.
        """
        errors = []
        for part, trigger in enumerate(self.triggers_):
            counted = answered and self._rang[part] is not None
            try:
                trigger.after_fit(fit, reference, counted)
            except Exception as error:
                errors.append(error)
            if counted:
                self._rang[part] = None
        if errors:
            raise errors[0]

    def _check_columns(self, X):
        for trigger in self._parts:
            trigger._check_columns(X)

    def _check_targets(self, y, task):
        for trigger in self._parts:
            trigger._check_targets(y, task)

    def _shown(self, trigger, batch):
        """Show a batch to a trigger; no row twice to one that sees rows without labels."""
        if not batch.labelled:
            is_for_it = trigger.sees_unlabelled
        else:
            is_for_it = not (self._observes and trigger.label_free)
        return trigger.update(batch) if is_for_it else Signal("stable")

    @property
    def _parts(self):
        if hasattr(self, "triggers_"):
            return self.triggers_
        return [as_trigger(trigger) for trigger in self._checked_triggers()]

    def _checked_triggers(self):
        if not isinstance(self.triggers, list | tuple) or not self.triggers:
            refuse(self, "triggers", _LIST_OF_TRIGGERS)
        for number, trigger in enumerate(self.triggers):
            if not is_trigger(trigger):
                refuse(self, "triggers", f"{_LIST_OF_TRIGGERS}; item {number} is none")
        return self.triggers


def is_trigger(value):
    """Return whether a value is a trigger, or stands for one: a river detector, or "adwin"."""
    is_alias = isinstance(value, str) and value == "adwin"
    return is_alias or is_river(value) or isinstance(value, BaseTrigger)


def as_trigger(detector, random_state=None):
    """Return a blank trigger for what :func:`is_trigger` accepts.

    Parameters
    ----------
    detector : "adwin", river detector or BaseTrigger
        Not touched.
    random_state : int or None, default=None
        Fills the `random_state` of triggers where it is None.

    Returns
    -------
    trigger : BaseTrigger
        To be reset.

    Raises
    ------
    ValueError
        If it is an :class:`AtLeast` of things that are no triggers.

    Examples
    --------
    >>> from skretrain.drift._at_least import as_trigger
    >>> as_trigger("adwin", random_state=3).random_state
    3
    """
    if isinstance(detector, AtLeast):
        # Part by part: a clone of the whole would take the past of river detectors along.
        parts = [as_trigger(part, random_state) for part in detector._checked_triggers()]
        others = detector.get_params(deep=False) | {"triggers": None}
        return type(detector)(**clone(others, safe=False) | {"triggers": parts})
    if isinstance(detector, BaseTrigger):
        trigger = clone(detector)
    else:
        trigger = ErrorDrift(detector if is_river(detector) else None)
    if random_state is not None and getattr(trigger, "random_state", random_state) is None:
        trigger.set_params(random_state=random_state)
    return trigger
