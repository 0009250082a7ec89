"""The contract of a policy: what it is given, what it gives back, and when it wants a turn."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ..buffers import Memory, Rows
from ..buffers._base import joined, part_of
from ..compose._freeze import holding
from ..compose._learner import Learner
from ..utils._plain import Plain


class Candidate(NamedTuple):
    """What a policy proposes: a model of its own, or to keep the one that serves.

    Attributes
    ----------
    model : estimator
        The fitted candidate; it shares nothing mutable with the serving model.
    kind : str
        How it was made: ``"full_refit"``, ``"warm_start"``, ``"replay_mix"``, ``"revive"``,
        ``"keep"``.
    n_rows : int
        Rows it was fitted on, a row counted as often as it was gone through.
    n_known : int or None, default=None
        Rows of the present concept that the model already stands for, where these are more than
        have come since it began: growth counts them, so that a model that was brought back is not
        refitted at once on the few rows since the alarm. None is those that have come.
    from_scratch : bool, default=True
        Whether it was fitted from nothing, or goes on from an earlier model.
    note : str, default=""
        Why it was made in another way than asked for; empty if it was not.
    n_rows_compared : int, default=0
        Rows that other models were fitted on in order to choose this one.
    evidence : dict or None, default=None
        The numbers behind the choice, for the event log; None if there was none.
    keep : bool, default=False
        Whether the serving model, ``context.champion``, is to go on, see :meth:`kept`.

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
    n_known: int | None = None
    from_scratch: bool = True
    note: str = ""
    n_rows_compared: int = 0
    evidence: dict | None = None
    keep: bool = False

    @classmethod
    def kept(cls, **details):
        """Propose to keep the serving model.

        That passes no gate and is no refit, but answers the alarm: the trigger begins anew.

        Parameters
        ----------
        **details : dict
            ``n_known``, ``note``, ``n_rows_compared``, ``evidence``, as above.

        Returns
        -------
        candidate : Candidate
            Without a model: the one that serves goes on as the very same object and version.

        Examples
        --------
        >>> from skretrain.policies import Candidate
        >>> Candidate.kept(note="nothing has changed").keep
        True
        """
        return cls(None, "keep", 0, from_scratch=False, keep=True, **details)


@dataclass(frozen=True, eq=False)
class RetrainContext(Plain):
    """All that a policy may look at; it pickles without the retrainer.

    Attributes
    ----------
    learner : Learner
        Fits and continues models: ``fresh``, ``continued``, ``refusal``.
    champion : estimator
        The serving model, which a policy never changes.
    batch : Rows
        The newest rows.
    memory : Memory
        The rows remembered *before* the batch, to be read. :meth:`window` has both.
    since : int
        First row of the present concept: as located by the trigger, else the oldest remembered row.
    alarm : bool, default=False
        Whether an alarm is answered.
    classes : ndarray or None, default=None
        All class labels declared or seen.
    number : int, default=0
        The number of this fit, from which its seeds are drawn.
    seed : int or tuple of int, default=0
        Where `rng` begins.
    on_schedule : bool, default=False
        Whether the alarm only says that it is time.
    unseen_from : int or None, default=None
        First stream row that the serving model has not learned; None is that of the batch.
    rng : numpy.random.Generator
        For sampling; the same for every run of the same retrain.

    Examples
    --------
    A policy gets it from the retrainer; one made by hand serves to try a policy out:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.buffers import Memory, Rows, SlidingWindow
    >>> from skretrain.compose import Learner
    >>> from skretrain.policies import FullRefit, RetrainContext
    >>> X, y = np.arange(8.0).reshape(-1, 1), np.arange(8) % 2
    >>> buffer = SlidingWindow(max_rows=100).add(X[:6], y[:6])
    >>> context = RetrainContext(
    ...     learner=Learner(LogisticRegression()),
    ...     champion=None,
    ...     batch=Rows(X[6:], y[6:], {}, np.array([6, 7])),
    ...     memory=Memory(buffer),
    ...     since=4,
    ...     alarm=True,
    ... )
    >>> FullRefit(min_rows=1).propose(context).n_rows
    4
    """

    learner: Learner
    champion: Any
    batch: Rows
    memory: Memory
    since: int
    alarm: bool = False
    classes: np.ndarray | None = None
    number: int = 0
    seed: Any = 0
    on_schedule: bool = False
    unseen_from: int | None = None

    @classmethod
    def of(cls, learner, champion, rows, *, n_new, **details):
        """Return the context of a retrain on rows that are all there, without a retrainer.

        Parameters
        ----------
        learner : Learner
            Fits the models.
        champion : estimator or None
            The model that serves.
        rows : Rows
            In time order, the newest batch last.
        n_new : int
            Rows of the newest batch.
        **details : dict
            ``since`` (by default the first of the new rows) and what else a context has.

        Returns
        -------
        context : RetrainContext
            The older rows are its memory.
        """
        size = len(rows.index) - n_new
        batch, older = part_of(rows, slice(size, None)), part_of(rows, slice(size))
        details.setdefault("since", int(batch.index[0]))
        return cls(holding(learner, champion), champion, batch, Memory.of(older), **details)

    @cached_property
    def rng(self):
        """Generator for sampling, seeded for this retrain."""
        return np.random.default_rng(self.seed)

    def window(self, *, since=None, latest=None):
        """Return remembered rows and the batch, in time order.

        A buffer of the newest rows loses as many of the oldest as the batch has.

        Parameters
        ----------
        since : int or None, default=None
            Only the rows from this stream row on; where there are none, the batch.
        latest : int or None, default=None
            Only that many of the newest.

        Returns
        -------
        rows : Rows
            All of them by default.
        """
        memory, batch, size = self.memory, self.batch, len(self.batch.index)
        most = memory.max_rows if memory.keeps_newest else np.inf
        if since is not None:
            n_older = len(memory) - int(memory.index.searchsorted(since))
            skipped = int(batch.index.searchsorted(since))
            if 0 < skipped < size:
                batch = part_of(batch, slice(skipped, None))
            most = min(most, n_older + len(batch.index))
        elif latest is not None:
            most = min(most, latest)
        n_older = min(most - len(batch.index), len(memory))
        if n_older < 0:
            batch = part_of(batch, slice(-n_older, None))
        return joined(memory.latest(max(n_older, 0)), batch)

    def past(self, row=None):
        """Return what came before a stream row, as a memory to take rows from.

        Parameters
        ----------
        row : int or None, default=None
            None is after the batch.

        Returns
        -------
        past : Memory
            Remembered rows and, where they are older, rows of the batch.
        """
        first = int(self.batch.index[0])
        if row is not None and row <= first:
            n_after = len(self.memory) - int(self.memory.index.searchsorted(row))
            return self.memory if n_after == 0 else _all_but(self.memory, n_after)
        stop = None if row is None else int(self.batch.index.searchsorted(row))
        newer = part_of(self.batch, slice(stop))
        weights = np.append(self.memory.sampling_weights, np.ones(len(newer.index)))
        return Memory.of(joined(self.memory.latest(), newer), sampling_weights=weights)


class Served(NamedTuple):
    """The model that serves once a retrain is through, as a policy is told of it.

    Attributes
    ----------
    model : estimator
        It is never changed in place, so that it may be kept for later, but not be proposed itself.
    kind : str
        ``"first_fit"``, the `kind` of the :class:`Candidate` that was promoted, ``"keep"``, or
        ``"rolled_back"`` where a promotion was taken back and an earlier model serves again.
    since : int
        First row of the concept that it serves.
    n_known : int
        Rows of that concept that it stands for: more than have come, if it was brought back.
    n_since : int
        Rows of that concept that have come; of a sample, those that are remembered.
    unseen_from : int
        First stream row that it has not learned.
    alarm : bool
        Whether an alarm was answered.
    memory : Memory
        All remembered rows, the newest batch among them, to be read during the call.
    learner : Learner
        Tells which rows count.
    evidence : dict or None, default=None
        That of the :class:`Candidate`; a model that waited for its gate may have learned since.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import FullRefit
    >>> class Told(FullRefit):
    ...     def after_retrain(self, served):
    ...         print(served.kind, served.since, served.n_known, served.alarm)
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression(), policy=Told(), batch_size=500).fit(X, y)
    first_fit 0 500 False
    full_refit 0 1000 False
    full_refit 1000 500 True
    full_refit 1000 1000 False
    """

    model: Any
    kind: str
    since: int
    n_known: int
    n_since: int
    unseen_from: int
    alarm: bool
    memory: Memory
    learner: Learner
    evidence: dict | None = None


class BasePolicy(Plain, BaseEstimator, ABC):
    """Base class of policies: (serving model, new rows, memory, signal) to a candidate.

    A subclass writes :meth:`propose`. It may override :meth:`is_due` to ask for a turn on a batch
    without an alarm, and :meth:`after_retrain` to take note of the models that serve.

    Attributes
    ----------
    compares : bool
        Whether it finds out by itself which candidate is best. With ``dry_run=True``, only such a
        policy is asked, for what it says; and before the first alarm, whether a model that an
        ``update`` keeps learning should be refitted as the rows grow.

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
            Rows the memory can hold; infinite where the policy compares and an ``update`` keeps
            the model learning, which has rows then that the memory has lost.

        Returns
        -------
        due : bool
            False, unless overridden.
        """
        return False

    def after_retrain(self, served):
        """Take note of the model that serves now, before it learns on; nothing, unless overridden.

        A retrainer calls it after the first fit, when a candidate comes into service, when a
        retrain ended in keeping the model, and when a promotion is taken back: of its own clones of
        ``policy`` and ``update``, never of the objects that were passed. What a policy notes is
        pickled with the retrainer and with each of its jobs, and forgotten by ``fit``. As
        :meth:`propose` may run in another process, this is the one place to note anything, and
        another thread may be in :meth:`propose` meanwhile: replace what is noted, do not change it.

        Parameters
        ----------
        served : Served
            The model, and what it stands for.
        """

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


def _all_but(memory, n_newest):
    older = slice(len(memory) - n_newest)
    weights = memory.sampling_weights[older]
    return Memory.of(part_of(memory.latest(), older), sampling_weights=weights)


def refit_on_memory(context, note, *, weighting=None):
    """Return a candidate fitted afresh on all remembered rows, with the reason why.

    With a `weighting`, each row counts as often as rows of the stream stand behind it.
    """
    rows = context.window()
    if weighting is not None:
        weights = _scaled(_sampled(rows, context), weighting)
        rows = context.learner.weighted(rows, weights)
    model = context.learner.fresh(rows, context.number)
    return Candidate(model, "full_refit", len(rows.index), note=note)


# Of each class, the five folds of a cross-validation inside an estimator need as many rows.
LEAST_OF_A_CLASS = 5


def with_all_classes(rows, context, before=None):
    """Put the newest remembered rows of classes that `rows` lacks in front of them.

    Only rows from before the stream row `before` are taken, where that is given.
    """
    if context.classes is None or rows.y is None or rows.y.ndim > 1:
        return rows
    absent = np.setdiff1d(context.classes, rows.y)
    if not len(absent):
        return rows
    past = context.past(before)
    room = max(LEAST_OF_A_CLASS, len(rows.index) // (10 * len(absent)))
    newest = [np.flatnonzero(past.y == label)[-room:] for label in absent]
    return joined(past.take(np.sort(np.concatenate(newest))), rows)


def with_replay(rows, context, ratio, *, since=None, weighting=None):
    """Put a sample of older remembered rows, `ratio` of them per row, in front of `rows`.

    None from before the stream row `since` is drawn, where that is given. With a `weighting`, each
    row counts as often as rows of the stream stand behind it: one over the probability with which
    it was remembered and drawn.
    """
    past = context.past(rows.index[0])
    n_barred = 0 if since is None else int(past.index.searchsorted(since))
    n_there = len(past) - n_barred
    wanted = min(_n_replayed(rows.index, ratio), n_there)
    positions = n_barred + np.sort(context.rng.choice(n_there, wanted, replace=False))
    mix = joined(past.take(positions), rows) if wanted else rows
    if weighting is None:
        return mix
    weights = _scaled(_sampled(rows, context), weighting)
    if wanted:
        drawn = past.sampling_weights[positions] * (n_there / wanted)
        weights = np.append(_scaled(drawn, weighting), weights)
    return context.learner.weighted(mix, weights)


def _n_replayed(index, ratio):
    """Return how many rows come to new ones, so that many small batches keep to the ratio, too."""
    stop = int(index[-1]) + 1
    return round(ratio * stop) - round(ratio * (stop - len(index)))


def _scaled(weights, weighting):
    return weights / weights.mean() if weighting == "relative" else weights


def _sampled(rows, context):
    """Return how many rows of the stream each of `rows` stands for; one of the batch for itself."""
    memory, weights = context.memory, np.ones(len(rows.index))
    older = rows.index[: rows.index.searchsorted(context.batch.index[0])]
    if len(older):
        weights[: len(older)] = memory.sampling_weights[memory.index.searchsorted(older)]
    return weights
