"""The contract of a gate: two models, rows to judge them on, a verdict."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator


@dataclass(frozen=True, slots=True)
class Trial:
    """What a gate may look at.

    Attributes
    ----------
    champion, challenger : estimator
        The serving model and the candidate.
    X : array-like of shape (n_rows, n_features)
        The newest batch.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs), or None
        Its targets.
    unseen : bool
        Whether neither model has trained on these rows. False only on the batch at which the
        challenger was made: evidence must wait for later rows.
    age : int
        Rows that came after the challenger was made, this batch included.
    y_range : tuple of float or None
        Smallest and largest remembered target of a regression.
    """

    champion: Any
    challenger: Any
    X: Any
    y: np.ndarray | None
    unseen: bool
    age: int
    y_range: tuple | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's answer.

    Attributes
    ----------
    decision : {"promote", "reject", "wait"}
        "wait" keeps the challenger pending; it learns along and is judged again on the next batch.
    reason : str
        In words, for the event log.
    evidence : dict
        The numbers behind it.
    """

    decision: Literal["promote", "reject", "wait"]
    reason: str = ""
    evidence: dict = field(default_factory=dict)


class BaseGate(BaseEstimator):
    """Base class of gates: (champion, challenger, rows) to promote, reject or wait.

    A subclass writes :meth:`judge`. It is called once when the challenger is made and then on every
    batch until it no longer waits, always before either model has learned from that batch.

    Attributes
    ----------
    needs_trial : bool
        Whether the gate wants to see a challenger at work. With ``dry_run=True`` a candidate is
        fitted only if it does.
    """

    needs_trial = True

    def judge(self, trial):
        """Return a :class:`Verdict` on the challenger of `trial`.

        Parameters
        ----------
        trial : Trial
            Both models and the newest rows.

        Returns
        -------
        verdict : Verdict
            Promote, reject or wait.
        """
        raise NotImplementedError(f"{type(self).__name__} must define judge(trial)")

    def reset(self):
        """Forget the evidence on earlier challengers; called when a challenger is made."""
        return self
