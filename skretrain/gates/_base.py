"""The contract of a gate: two models, rows to judge them on, a verdict."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator

from ..utils._plain import Plain


@dataclass(frozen=True)
class Trial(Plain):
    """What a gate may look at.

    Attributes
    ----------
    champion, challenger : estimator
        The serving model and the candidate.
    X : array-like of shape (n_rows, n_features)
        The newest batch, without the rows of weight zero: they are no evidence.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs), or None
        Its targets.
    unseen : bool
        Whether neither model has trained on these rows. False only on the batch at which the
        challenger was made: evidence must wait for later rows.
    age : int
        Rows that came after the challenger was made, this batch included.
    y_range : tuple of float or None
        Smallest and largest remembered target of a regression.
    routine : bool
        Whether the challenger was made because rows have grown or it was time, and not because of
        an alarm or new labels. False as well where the last promotion is watched.
    anchor : Rows or None
        Rows that the buffer withholds from learning, without those of weight zero; None if it
        withholds none.
    since : int
        Stream row at which the present concept began, as far as is known: rows of the anchor from
        before it may be out of date.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from skretrain.gates import Trial
    >>> X, y = np.zeros((2, 1)), np.array([0, 1])
    >>> old = DummyClassifier(strategy="constant", constant=0).fit(X, y)
    >>> new = DummyClassifier(strategy="constant", constant=1).fit(X, y)
    >>> Trial(old, new, X, y, unseen=True, age=2).challenger.score(X, y)
    0.5
    """

    champion: Any
    challenger: Any
    X: Any
    y: np.ndarray | None
    unseen: bool
    age: int
    y_range: tuple | None = None
    routine: bool = False
    anchor: Any = None
    since: int = 0


@dataclass(frozen=True)
class Verdict(Plain):
    """A gate's answer.

    Attributes
    ----------
    decision : {"promote", "reject", "wait"}
        "wait" keeps the challenger pending; it learns along and is judged again on the next batch.
    reason : str
        In words, for the event log.
    evidence : dict
        The numbers behind it.

    Examples
    --------
    >>> from skretrain.gates import Verdict
    >>> Verdict("reject", "worse on 200 later rows", {"difference": -0.03}).decision
    'reject'
    """

    decision: Literal["promote", "reject", "wait"]
    reason: str = ""
    evidence: dict = field(default_factory=dict)


class BaseGate(Plain, BaseEstimator, ABC):
    """Base class of gates: (champion, challenger, rows) to promote, reject or wait.

    A subclass writes :meth:`judge`. It is called once when the challenger is made and then on every
    batch until it no longer waits, always before either model has learned from that batch.

    Attributes
    ----------
    needs_trial : bool
        Whether the gate wants to see a challenger at work. With ``dry_run=True`` a candidate is
        fitted only if it does.
    watches : bool
        Whether the gate goes on comparing after a promotion, see :meth:`watch`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.gates import BaseGate, Verdict
    >>> class OnLaterRows(BaseGate):
    ...     def judge(self, trial):
    ...         if not trial.unseen:
    ...             return Verdict("wait")
    ...         better = trial.challenger.score(trial.X, trial.y) > trial.champion.score(
    ...             trial.X, trial.y
    ...         )
    ...         return Verdict("promote" if better else "reject", "compared on later rows")
    >>> X, y, _ = make_drifting_classification(3000, random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(), policy="full_refit", gate=OnLaterRows(), batch_size=100
    ... )
    >>> alarm = [e.action for e in model.fit(X, y).events_ if "alarm" in e.reason]
    >>> alarm[:2]
    ['pending', 'retrained']
    """

    needs_trial = True
    watches = False

    def _check_columns(self, X):
        """Raise for the first rows of a stream, if they lack a column that the gate goes by."""

    @abstractmethod
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

    def reset(self):
        """Check the parameters and forget the evidence on earlier challengers.

        It is called when the retrainer begins to learn, and when a challenger is made.

        Returns
        -------
        self : BaseGate
            This gate.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        return self

    def check(self, learner, buffer):
        """Raise for a base, or a buffer, that this gate cannot work with; called when a fit begins.

        Parameters
        ----------
        learner : Learner
            Of the base.
        buffer : BaseBuffer
            Of the retrainer.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """

    def begin_watch(self):
        """Forget what was watched; called at a promotion, if the gate watches."""
        return self

    def watch(self, trial):
        """Return a :class:`Verdict` on the last promotion, batch after batch.

        Parameters
        ----------
        trial : Trial
            As `champion` the model before the promotion, frozen as it was then; as `challenger` the
            one that serves.

        Returns
        -------
        verdict : Verdict
            ``"reject"``: the model before it is to serve again. ``"promote"``: it stands, and the
            watch is over. ``"wait"``: go on watching.
        """
        return Verdict("promote")
