"""Serve an earlier model again where its concept has come back, before anything is fitted."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_regressor

from ..buffers._base import part_of
from ..utils._containers import writable
from ..utils._copy import copy_fitted
from ..utils._losses import absolute_loss_per_row, zero_one_loss_per_row
from ..utils._params import check_integer, check_number
from ._base import BasePolicy, Candidate
from ._keep_or_refit import (
    LEAST_HELD,
    MOST_HELD,
    Comparison,
    Holdout,
    Judged,
    counted,
    lacks_a_label,
    newest_unseen,
    standard_error,
)
from ._resolve import policy_of, resolve_policy

# A model is as good as when it served where its loss is higher by no more standard errors.
_NOISE = 2.0
# Two models are of one concept where they differ by no more than this share of what they would
# differ by if their answers were to different rows: of two classes of one size, on one row in 20.
_ALIKE = 0.1
_ROWS_TO_TELL = 200


class Revive(BasePolicy):
    """Bring an earlier model back where its concept returns; else let another policy answer.

    Shifts of a machine, suppliers and campaigns come back, from one row to the next, and what was
    learned about them is lost with every refit. This policy keeps the models that served, one per
    concept [1]_ [2]_. At an alarm they are scored, before anything else, on the rows since the
    located change: one that loses less than the serving model, by more than chance explains, and no
    more than it lost when it served, serves again at once. Nothing is fitted for that. Otherwise
    `then` answers. Returns that ring no alarm, as gradual seasons do not, are not seen: for these
    there is :class:`~skretrain.buffers.StratifiedReservoir`.

    Parameters
    ----------
    then : {"keep_or_refit", "full_refit", "warm_start", "replay_mix"} or BasePolicy, \
default="keep_or_refit"
        What answers an alarm at which no model returns, and all that is not an alarm; no second
        Revive.
    pool_size : int, default=10
        Models to keep, that of the present concept among them. So many fitted models are held in
        memory, and pickled with the retrainer and with each of its retrains; where there are more,
        the one that served longest ago is dropped.
    caution : float, default=1.0
        Standard errors by which an earlier model has to be better than the one that serves, at
        least 0.

    Attributes
    ----------
    pool_ : tuple
        The models kept, each with the concept it is of; the one of the present concept is the last.
    then_ : BasePolicy
        What answers where no model returns.

    Notes
    -----
    A model enters the pool when it comes into service, as it was then, before it learns on. A later
    refit for the same concept takes its place, and so does, where the model learns by an
    ``update``, the model that a comparison found better than a refit. A model that was brought back
    takes the place that it had, and is held to what it lost then, also if it learned on while the
    gate let it wait. A promotion that a gate takes back leaves the pool again.

    How much a model loses when it serves is measured at the next retrain, on the rows of its
    concept that came after it was fitted, in the loss of :class:`KeepOrRefit`, the squared
    shortfall of the probability of the true class, 0/1 or absolute error. It is as good as then
    where its mean loss is higher by at most two standard errors of the difference. All standard
    errors allow for errors that come in runs.

    Few rows may be mistaken. Where `then` compares, it asks about a model that was brought back as
    about any other, when the rows since the change have grown. Where it does not, as
    :class:`FullRefit`, the model stands for as many rows as it knew, so that growth does not
    replace it by one of the few rows since the alarm; but each time these have doubled, up to as
    many as it knew, it is looked at again, at no fit. If it is worse than it was, `then` answers.

    Two models are of one concept if their answers to the newest 200 rows differ by a tenth, at
    most, of what they would differ by if they were answers to other rows; the one that stands for
    more rows is kept.

    A model cannot return if it fails on the rows since the change, lacks one of their classes, has
    learned some of them, or has not served on 10 rows of its concept after it was fitted. Without
    targets, `then` answers all.

    ``evidence["pool"]`` of the event has the losses of all models on the rows since the change, and
    when they served.

    References
    ----------
    .. [1] G. Widmer and M. Kubat (1996). "Learning in the presence of concept drift and hidden
       contexts". Machine Learning 23(1), 69-101.
    .. [2] P. M. Gonçalves Jr. and R. S. M. de Barros (2013). "RCD: A recurring concept drift
       framework". Pattern Recognition Letters 34(9), 1018-1025.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import Revive
    >>> X, y, drift_rows = make_drifting_classification(
    ...     8000, drift="recurring", n_drifts=3, random_state=0
    ... )
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(), policy=Revive("full_refit"), batch_size=100
    ... ).fit(X, y)
    >>> drift_rows.tolist()
    [2000, 4000, 6000]
    >>> [(event.row, event.kind) for event in model.events_ if event.state == "drift"]
    [(2100, 'full_refit'), (4100, 'revive'), (6100, 'revive')]
    """

    def __init__(self, then="keep_or_refit", *, pool_size=10, caution=1.0):
        self.then = then
        self.pool_size = pool_size
        self.caution = caution

    @property
    def continues(self):
        """Whether `then` goes on from the serving model, a bool."""
        return self._behind.continues

    @property
    def compares(self):
        """Whether `then` finds out by itself which candidate is best, a bool."""
        return self._behind.compares

    @property
    def _behind(self):
        """What answers where no model returns, also before it was checked with a base."""
        return self.then_ if hasattr(self, "then_") else policy_of(self.then, "then", self)

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy or `then` cannot work with.

        Parameters
        ----------
        learner : Learner
            What `then` is to work with.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_integer(self, "pool_size", least=1, what="a number of models")
        check_number(self, "caution", least=0, what="a number of standard errors")
        if isinstance(self.then, Revive):
            raise ValueError(
                f"Revive(then={self.then!r}): what one pool cannot answer, a second one of the "
                "same models cannot either. Set then to what that one has as its own then, "
                f"{self.then.then!r}."
            )
        self.then_ = resolve_policy(self.then, "then", learner, owner=self)
        self.pool_ = self._pool_before = ()

    def is_due(self, n_since, n_fitted, n_full):
        """Tell whether `then` wants a turn, or a model that was brought back is to be looked at.

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
            True with twice the rows at which a model that was brought back was found good.
        """
        n_judged = self.pool_[-1].n_judged if self.pool_ else 0
        is_doubtful = 0 < n_judged <= n_since / 2
        return is_doubtful or self.then_.is_due(n_since, n_fitted, n_full)

    def after_retrain(self, served):
        """Take the model that serves into the pool.

        Parameters
        ----------
        served : Served
            The model, and what it stands for.
        """
        self.then_.after_retrain(served)
        is_kept = served.kind == "keep"
        if served.kind == "rolled_back":
            self.pool_ = self._pool_before
        elif served.memory.y is not None and not (is_kept and served.alarm):
            if not is_kept:
                self._pool_before = self.pool_
            self.pool_ = _with(self.pool_, served)[-self.pool_size :]

    def propose(self, context):
        """Return a copy of the model whose concept has returned, or what `then` proposes.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            With the losses of the pool as `evidence`, where it was scored.
        """
        if not hasattr(self, "then_"):
            self.check(context.learner)
        candidate, evidence = self._answer(context)
        if candidate is None:
            candidate = self.then_.propose(context)
        evidence = {"pool": evidence} if evidence else {}
        return candidate._replace(evidence=(candidate.evidence or {}) | evidence or None)

    def _answer(self, context):
        """Return what the pool knows to answer, or None, and the numbers."""
        rows = context.window(since=context.since)
        pool = self.pool_
        if rows.y is None or not pool:
            return None, {}
        rows = counted(rows, context.learner)
        if context.alarm:
            rows = newest_unseen(rows, min(len(rows.index), MOST_HELD), context)
            return (None, {}) if rows is None else self._returning(pool, rows, context)
        is_doubtful = pool[-1].n_judged and pool[-1].since == context.since
        return _confirmed(pool[-1], rows, context) if is_doubtful else (None, {})

    def _returning(self, pool, rows, context):
        """Return the candidate of the model that returns, or None, and the numbers."""
        holdout, champion = Holdout(context.champion, rows), None
        if not lacks_a_label(context.champion, rows, context):
            champion = holdout.judged(context.champion)
        judged, failed = _scored(pool, holdout, context)
        evidence = {"rows": len(rows.index), "losses": _told(champion, judged)}
        if failed:
            evidence["failed"] = failed
        good = [(one, it) for one, it in judged if one.is_as_good(it.losses)]
        if not good:
            return None, evidence
        one, best = min(good, key=lambda pair: pair[1].losses.mean())
        comparison = Comparison(best, champion, self.caution, 0.0)
        if not comparison.is_better:
            return None, evidence
        evidence["taken"] = str(one.since)
        now = f"{best.losses.mean():.3g} per row on {len(rows.index)} rows since the change"
        note = f"the model of row {one.since} is back: it loses {now}, {one.loss:.3g} before"
        # One that compares asks about the model at its own pace, and cannot do harm by asking.
        n_known = None if self.then_.compares else one.n_known
        details = {"n_known": n_known, "from_scratch": False, "note": note}
        return Candidate(copy_fitted(one.model), "revive", 0, **details), evidence


class _Pooled(NamedTuple):
    """A model that served."""

    model: Any
    since: int  # first row of its concept, when it last came up
    n_known: int
    unseen_from: int
    loss: float | None = None  # mean per row when it served; None until it is measured
    error: float | None = None  # standard error of that
    n_judged: int = 0  # rows since it was brought back at which it was found good; 0 is no doubt

    def is_as_good(self, losses):
        """Tell whether these losses are, up to noise, no more than those when it served."""
        noise = np.hypot(self.error, standard_error(losses))
        return bool(losses.mean() <= self.loss + _NOISE * noise)


def _scored(pool, holdout, context):
    """Return the models that can return, each with its losses, and the errors of those that fail.

    The serving model is none of them, nor is one that has learned some of the rows.
    """
    judged, failed = [], {}
    for one in pool:
        is_asked = one.loss is not None and one.unseen_from <= holdout.began
        if not is_asked or one.model is context.champion:
            continue
        if lacks_a_label(one.model, holdout.held, context):
            continue
        try:
            judged.append((one, Judged(one.since, 0, holdout.losses_of(one.model))))
        except Exception as error:
            failed[str(one.since)] = repr(error)
    return judged, failed


def _told(champion, judged):
    """Return the mean losses now and when the models served, fit for JSON."""
    table = {} if champion is None else {"keep": {"loss": float(champion.losses.mean())}}
    return table | {
        str(one.since): {"loss": float(it.losses.mean()), "when_it_served": one.loss}
        for one, it in judged
    }


def _confirmed(one, rows, context):
    """Return that a model that was brought back is to be kept, or None, and the numbers."""
    if lacks_a_label(one.model, rows, context):
        return None, {}
    held = part_of(rows, slice(-MOST_HELD, None))
    judged = Holdout(one.model, held).judged(one.model)
    if judged is None:
        return None, {}
    evidence = {"rows": len(held.index), "losses": _told(None, [(one, judged)])}
    if not one.is_as_good(judged.losses):
        return None, evidence
    note = f"the model of row {one.since} is as good as before"
    return Candidate.kept(n_known=one.n_known, note=note), evidence


def _with(pool, served):
    """Return the pool with the model that serves at its end, one model for each concept."""
    if pool:
        pool = (*pool[:-1], _measured(pool[-1], served))
        if served.kind == "keep" and served.n_known > served.n_since:  # it was confirmed
            return (*pool[:-1], _doubted(pool[-1], served))
    new = _Pooled(served.model, served.since, served.n_known, served.unseen_from)
    origin = _origin(pool, served)
    if origin is not None:
        new = new._replace(loss=origin.loss, error=origin.error)
    others, rows = [], served.memory.latest(_ROWS_TO_TELL)
    for one in pool:
        is_refit = one.since == new.since
        if not (is_refit or one is origin or _are_alike(one.model, served.model, rows.X)):
            others.append(one)
        elif one.n_known > new.n_known and not is_refit:
            new = one._replace(since=new.since)
        elif new.loss is None:
            new = new._replace(loss=one.loss, error=one.error)
    is_doubtful = served.kind == "revive" and served.n_known > served.n_since
    return (*others, _doubted(new, served) if is_doubtful else new._replace(n_judged=0))


def _origin(pool, served):
    """Return the model of the pool that serves again, or None.

    The gate may have let the copy wait and learn, so that likeness would not find it.
    """
    if served.kind != "revive":
        return None
    taken = ((served.evidence or {}).get("pool") or {}).get("taken")
    return next((one for one in pool if str(one.since) == taken), None)


def _doubted(one, served):
    """Return a model as one to look at again, which takes a loss to hold it to."""
    return one._replace(n_judged=0 if one.loss is None else served.n_since)


def _measured(one, served):
    """Return the model of the concept that ends, or is refitted, with what it loses."""
    if one.n_judged:
        return one  # in doubt, it is held to what it lost at first, or it gets worse and worse
    rows = served.memory.since(max(one.unseen_from, one.since))
    if served.since > one.since:
        rows = part_of(rows, slice(int(np.searchsorted(rows.index, served.since))))
    rows = part_of(counted(rows, served.learner), slice(-MOST_HELD, None))
    if len(rows.index) < LEAST_HELD:
        return one
    judged = Holdout(one.model, rows).judged(one.model)
    if judged is None:
        return one
    return one._replace(loss=float(judged.losses.mean()), error=standard_error(judged.losses))


def _are_alike(one, other, X):
    """Tell whether two models are of one concept; one that fails is like no other."""
    loss = absolute_loss_per_row if is_regressor(one) else zero_one_loss_per_row
    try:
        X = writable(X)  # torch warns of anything else
        mine, theirs = (np.asarray(model.predict(X)) for model in (one, other))
        return one is other or loss(mine, theirs).mean() <= _ALIKE * loss(mine, theirs[::-1]).mean()
    except Exception:
        return False
