"""The contract of a policy: what it is given, what it gives back, and when it wants a turn."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ..buffers import BaseBuffer, Rows
from ..buffers._base import joined
from ..compose._learner import Learner


class Candidate(NamedTuple):
    """A model that a policy proposes.

    Attributes
    ----------
    model : estimator
        The fitted candidate; it shares nothing mutable with the serving model. Or the serving model
        itself, ``context.champion``: it is to be kept. That passes no gate and is no refit, but
        answers the alarm: the trigger begins anew.
    kind : str
        How it was made: ``"full_refit"``, ``"warm_start"``, ``"replay_mix"``, ``"keep"``.
    n_rows : int
        Rows it was fitted on, a row counted as often as it was gone through.
    note : str
        Why it was made in another way than asked for; empty if it was not.
    n_rows_compared : int
        Rows that other models were fitted on in order to choose this one.
    evidence : dict or None
        The numbers behind the choice, for the event log; None if there was none.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skretrain.policies import Candidate
    >>> Candidate(DummyClassifier().fit([[0]], [1]), "full_refit", 1).kind
    'full_refit'
    """

    model: Any
    kind: str
    n_rows: int
    note: str = ""
    n_rows_compared: int = 0
    evidence: dict | None = None


@dataclass(slots=True)
class RetrainContext:
    """All that a policy may look at.

    Attributes
    ----------
    learner : Learner
        Fits and continues models: ``fresh``, ``continued``, ``refusal``.
    champion : estimator
        The serving model, which a policy never changes.
    batch : Rows
        The newest rows.
    buffer : BaseBuffer
        The remembered rows; the batch is among them only if `remembered`.
    remembered : bool
        True when an alarm (or growth, or a new class) is answered: the buffer then holds the batch.
        False for an update: the batch is remembered only once the update has succeeded.
    since : int
        First row of the present concept: as located by the trigger, else the oldest remembered row.
    alarm : bool
        Whether an alarm is answered.
    classes : ndarray or None
        All class labels declared or seen.
    number : int
        The number of this fit, from which its seeds are drawn.
    rng : numpy.random.Generator
        For sampling.

    Examples
    --------
    A policy gets it from the retrainer; one made by hand serves to try a policy out:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.buffers import Rows, SlidingWindow
    >>> from skretrain.compose._learner import Learner
    >>> from skretrain.policies import FullRefit, RetrainContext
    >>> X, y = np.arange(8.0).reshape(-1, 1), np.arange(8) % 2
    >>> buffer = SlidingWindow(max_rows=100).add(X, y, {}, 0)
    >>> context = RetrainContext(
    ...     learner=Learner(LogisticRegression()),
    ...     champion=None,
    ...     batch=Rows(X[-2:], y[-2:], {}, np.array([6, 7])),
    ...     buffer=buffer,
    ...     remembered=True,
    ...     since=4,
    ...     alarm=True,
    ...     classes=np.array([0, 1]),
    ...     number=1,
    ...     rng=np.random.default_rng(0),
    ... )
    >>> FullRefit(min_rows=1).propose(context).n_rows
    4
    """

    learner: Learner
    champion: Any
    batch: Rows
    buffer: BaseBuffer
    remembered: bool
    since: int
    alarm: bool
    classes: np.ndarray | None
    number: int
    rng: np.random.Generator

    def window(self, *, since=None, latest=None):
        """Return remembered rows and the batch, in time order.

        Parameters
        ----------
        since : int or None, default=None
            Only the rows from this stream row on.
        latest : int or None, default=None
            Only that many of the newest.

        Returns
        -------
        rows : Rows
            All of them by default.
        """
        if self.remembered:
            rows = self.buffer.latest(latest) if since is None else self.buffer.since(since)
            # A reservoir may have let go of every row since the change, the batch included.
            return rows if len(rows.index) else self.batch
        size = len(self.batch.index)
        if latest is not None:
            older = self.buffer.latest(max(latest - size, 0))
        else:
            older = self.buffer.latest() if since is None else self.buffer.since(since)
        return joined(older, self.batch)


class BasePolicy(BaseEstimator, ABC):
    """Base class of policies: (serving model, new rows, memory, signal) to a candidate.

    A subclass writes :meth:`propose`. It may override :meth:`is_due` to ask for a turn on a batch
    without an alarm.

    Attributes
    ----------
    compares : bool
        Whether it finds out by itself which candidate is best. With ``dry_run=True``, only such a
        policy is asked, for what it says.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import BasePolicy, Candidate
    >>> class NewestRows(BasePolicy):
    ...     def __init__(self, n=200):
    ...         self.n = n
    ...
    ...     def propose(self, context):
    ...         rows = context.window(latest=self.n)
    ...         model = context.learner.fresh(rows, context.number)
    ...         return Candidate(model, "newest_rows", len(rows.index))
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    >>> model = DriftAwareRetrainer(tree, policy=NewestRows(300), batch_size=100).fit(X, y)
    >>> model.events_[-1].kind, model.events_[-1].n_rows_fitted
    ('newest_rows', 300)
    """

    # Whether it goes on from the serving model, so that a base may start with partial_fit.
    continues = False
    compares = False

    @abstractmethod
    def propose(self, context):
        """Return a :class:`Candidate`, made from what `context` offers.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            A model of its own; ``context.champion`` stays as it was.
        """

    def is_due(self, n_since, n_fitted, n_full):
        """Tell whether the policy wants to retrain although there is no alarm.

        Parameters
        ----------
        n_since : int
            Rows of the present concept so far.
        n_fitted : int
            How many of them the last retrain had.
        n_full : int
            Rows the memory can hold.

        Returns
        -------
        due : bool
            False, unless overridden.
        """
        return False

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            Its ``method`` tells how the base can be continued, ``why_not`` why it cannot.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """


def refit_on_memory(context, note):
    """Return a candidate fitted afresh on all remembered rows, with the reason why."""
    rows = context.window()
    model = context.learner.fresh(rows, context.number)
    return Candidate(model, "full_refit", len(rows.index), note)


# Of each class, the five folds of a cross-validation inside an estimator need as many rows.
_LEAST_OF_A_CLASS = 5


def with_all_classes(rows, context, before=None):
    """Put the newest remembered rows of classes that `rows` lacks in front of them.

    Only rows from before the stream row `before` are taken, where that is given.
    """
    remembered = context.buffer.y
    if context.classes is None or remembered is None or remembered.ndim > 1:
        return rows
    if before is not None:
        remembered = remembered[: context.buffer.index.searchsorted(before)]
    absent = np.setdiff1d(context.classes, rows.y)
    if not len(absent):
        return rows
    room = max(_LEAST_OF_A_CLASS, len(rows.index) // (10 * len(absent)))
    newest = [np.flatnonzero(remembered == label)[-room:] for label in absent]
    positions = np.sort(np.concatenate(newest))
    return joined(context.buffer.take(positions), rows)


def with_replay(rows, context, ratio):
    """Put a sample of older remembered rows, `ratio` of them per row, in front of `rows`."""
    n_older = int(np.searchsorted(context.buffer.index, rows.index[0]))
    wanted = min(round(ratio * len(rows.index)), n_older)
    if wanted == 0:
        return rows
    positions = np.sort(context.rng.choice(n_older, wanted, replace=False))
    return joined(context.buffer.take(positions), rows)
