"""Several triggers as one: it rings when any of them does."""

from ._base import BaseTrigger, Signal


class AnyOf(BaseTrigger):
    """Ring when any of several triggers rings.

    All of them see every batch, also after one has rung: each keeps its own count of the stream.

    Parameters
    ----------
    triggers : list of BaseTrigger
        At least one.

    Examples
    --------
    >>> from skretrain.drift import Periodic, ScoredBatch
    >>> from skretrain.drift._any_of import AnyOf
    >>> trigger = AnyOf([Periodic(200), Periodic(300)]).reset()
    >>> [trigger.update(ScoredBatch(start, 100)).state for start in range(0, 400, 100)]
    ['stable', 'drift', 'drift', 'drift']
    """

    def __init__(self, triggers):
        self.triggers = triggers

    @property
    def needs(self):
        """What any of the triggers needs, a frozenset of str."""
        return frozenset().union(*(trigger.needs for trigger in self.triggers))

    @property
    def warming_up(self):
        """Whether none of the triggers can ring yet, a bool."""
        return all(trigger.warming_up for trigger in self.triggers)

    def reset(self):
        """Reset all triggers.

        Returns
        -------
        self : AnyOf
            This trigger, blank.
        """
        for trigger in self.triggers:
            trigger.reset()
        self._answerable = [False] * len(self.triggers)
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
            The worst state among the triggers; `since` is the earliest row that one of those that
            ring has located, or None if none has.
        """
        signals = [trigger.update(batch) for trigger in self.triggers]
        states = {signal.state for signal in signals}
        if "drift" not in states:
            return Signal("warning" if "warning" in states else "stable")
        # A retrain may come batches later; it answers those that rang, and restarts no other.
        self._answerable = [signal.state == "drift" for signal in signals]
        located = [s.since for s in signals if s.state == "drift" and s.since is not None]
        return Signal("drift", min(located, default=None))

    def after_fit(self, fit, reference, answered):
        """Tell all triggers.

        Parameters
        ----------
        fit : FitRecord
            What was fitted.
        reference : ScoredBatch or None
            Rows scored by the new model.
        answered : bool
            Whether the fit answered an alarm: it is that of the triggers that rang last.
        """
        for trigger, rang in zip(self.triggers, self._answerable, strict=True):
            trigger.after_fit(fit, reference, answered and rang)
