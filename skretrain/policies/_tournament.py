"""Let several ways of retraining compete on the newest rows, cheaply, and follow the best."""

import numpy as np
from sklearn.base import is_classifier

from ..buffers._base import part_of
from ..utils._labels import unseen_labels
from ..utils._losses import loss_per_row
from ..utils._params import check_flag, check_integer, is_integer, refuse
from ._base import BasePolicy, Candidate, with_all_classes
from ._full_refit import FullRefit
from ._warm_start import WarmStart

_DEFAULT = ("since_drift", 1000, "all", "warm_start", "keep")
_WORDS = ("since_drift", "all", "warm_start", "keep")
_NEED_UNSEEN_ROWS = ("warm_start", "keep")
_LEAST_HELD, _MOST_HELD = 20, 200
# Standard errors by which one must lose: to drop out while it is only seen on few rows, and in the
# end, when the one with the most rows is taken of those that are as good as the best.
_TO_DROP_OUT, _TO_LOSE = 2.0, 1.5
_NOTHING = 0.02  # of the best one's loss: luck in the rows that one is fitted on makes as much
_BUDGET = 2  # rows of comparison per row of the window that leads


class Tournament(BasePolicy):
    """Compare ways of retraining on the newest rows, and take the best.

    Which rows to train on, and whether to retrain at all, is a property of the stream, and may
    change on it. The newest rows are held out, every candidate is fitted without them and judged on
    them, and the winner is fitted on everything and proposed. As :class:`FullRefit`, it is held
    again each time the rows of the present concept have doubled.

    Parameters
    ----------
    candidates : sequence of {"since_drift", "all", int, "warm_start", "keep"} or None, default=None
        At least two. ``"since_drift"``, ``"all"`` and numbers of rows are the windows of
        :class:`FullRefit`; ``"warm_start"`` is :class:`WarmStart` without its guard; ``"keep"`` is
        the serving model as it is. None is ``"since_drift"``, 1000, ``"all"``, ``"warm_start"``
        where the base can continue, and ``"keep"``.
    halving : bool, default=True
        Whether to spare fits by successive halving [1]_: all are fitted on `min_rows` rows of their
        window, drawn at random; who falls behind drops out; the others are fitted on twice as many;
        and so on. After the first round, it stops before the rows of comparison exceed twice those
        of the window that leads (the shortest still in, where none leads). If False, all are fitted
        on all of their rows.
    min_rows : int, default=50
        Rows of each fit of the first round, and of the shortest window.
    grow : bool, default=True
        Whether to compare again when the rows of the present concept have doubled.

    Notes
    -----
    Held out is the newest half, at most 200 rows, of what the batch has of the present concept: the
    only rows that the serving model cannot have learned. Where these are fewer than 20, a continued
    and a kept model cannot be judged and are left out, and the windows compete on the newest half
    of all rows since the change; with fewer than 20 of those there is no comparison, and the first
    candidate is taken.

    Compared is, row by row, the squared shortfall of the probability given to the true class (half
    the Brier score of two classes), else the 0/1 or absolute error; without targets, the novelty
    score, if the base has one. Of the candidates within 1.5 standard errors (and 2 % of its loss)
    of the best, the one with the most rows wins: a short window, or the old model, has to be
    *better* than a long one. A candidate drops out early when it is two standard errors behind, or
    when its fit fails.

    If ``"keep"`` wins, the event is ``kept``, not ``retrained``: there is no refit to be counted or
    to pass the gate, and the serving model goes on as the very same object and version. The alarm
    is answered nevertheless. The trigger begins anew, with the losses of the kept model as its
    reference, so that it rings again only if these rise further; and the rows since the located
    change are the present concept, so that the comparison is held again when they have doubled. A
    model that lacks a class of the batch cannot be kept.

    The event's ``evidence["tournament"]`` has the winner, the number of rows held out, and of each
    candidate the loss on them and the rows that it was last fitted on. With ``dry_run=True`` it is
    held as well, and the event, ``suggested`` or ``kept``, has the same evidence.

    As ``update`` it compares on every batch, at the price of several fits for each.

    References
    ----------
    .. [1] K. Jamieson and A. Talwalkar (2016). "Non-stochastic best arm identification and
       hyperparameter optimization". International Conference on Artificial Intelligence and
       Statistics, 240-248.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import Tournament
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(), policy=Tournament(["since_drift", "all"]), batch_size=200
    ... ).fit(X, y)
    >>> [event.reason.split(":")[0] for event in model.events_ if event.reason.startswith("alarm")]
    ['alarm; since_drift won']
    """

    compares = True

    def __init__(self, candidates=None, *, halving=True, min_rows=50, grow=True):
        self.candidates = candidates
        self.halving = halving
        self.min_rows = min_rows
        self.grow = grow

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            One that cannot be continued is refused where ``candidates`` name ``"warm_start"``.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_integer(self, "min_rows", least=1, what="a number of rows")
        for name in ("halving", "grow"):
            check_flag(self, name)
        if self.candidates is None:
            return
        given = self.candidates
        valid = isinstance(given, (list, tuple)) and all(map(_is_candidate, given))
        if not valid or len(set(given)) < max(len(given), 2):
            refuse(
                self,
                "candidates",
                f"a list of at least two different ones of {list(_WORDS)} or numbers of rows, "
                "at least 1",
            )
        if "warm_start" in given:
            WarmStart().check(learner)

    def is_due(self, n_since, n_fitted, n_full):
        """Tell whether the rows of the present concept have doubled since the last retrain.

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
            True with twice as many as it had, or with the first full memory; never where ``grow``
            is False.
        """
        return FullRefit(grow=self.grow).is_due(n_since, n_fitted, n_full)

    def propose(self, context):
        """Return the candidate that does best on held-out rows, fitted again with these.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            With the losses of all that ran as `evidence`. Where nothing can be compared, the first
            of the candidates.
        """
        names = self.candidates
        if names is None:
            can_continue = context.learner.method is not None
            names = [name for name in _DEFAULT if can_continue or name != "warm_start"]
        if _lacks_a_label(context):
            names = [name for name in names if name != "keep"]
        rows = context.window()
        held, unseen = _held_out(context, rows)
        if not unseen:
            names = [name for name in names if name not in _NEED_UNSEEN_ROWS] or names[:1]
        if held is None or len(names) < 2:
            return self._made(names[0], context)
        return self._winner(names, context, rows, held)

    def _made(self, name, context):
        """Return a candidate fitted on everything."""
        if name == "keep":
            return Candidate.kept()
        if name == "warm_start":
            return WarmStart(guard=False).propose(context)
        return FullRefit(name, min_rows=self.min_rows).propose(context)

    def _winner(self, names, context, rows, held):
        holdout = _Holdout(context, held)
        contenders = self._contenders(names, context, rows, int(held.index[0]))
        left, n_compared = self._race(contenders, holdout)
        if not left:
            made, evidence = self._made(names[0], context), None
            note = "the candidates could not be compared"
        else:
            best = _leader(left)
            made = self._made(best.name, context)
            note, evidence = _verdict(best, contenders), _evidence(best, contenders)
        return made._replace(
            note="; ".join(part for part in (note, made.note) if part),
            n_rows_compared=made.n_rows_compared + n_compared,
            evidence=evidence,
        )

    def _contenders(self, names, context, rows, began):
        """Return who takes part, with the rows from before `began`; nobody twice."""
        end = int(np.searchsorted(rows.index, began))
        contenders, starts = [], set()
        for name in names:
            if name == "keep":
                contenders.append(_Kept(context))
            elif name == "warm_start":
                past = _rows_to_continue_on(context, rows, end)
                contenders.append(_Continued(context, past, began))
            else:
                start = self._start(name, context, rows, end)
                if start not in starts:
                    contenders.append(
                        _Refitted(name, context, part_of(rows, slice(start, end)), began)
                    )
                starts.add(start)
        return contenders

    def _start(self, window, context, rows, end):
        if window == "all":
            return 0
        if window == "since_drift":
            start = int(np.searchsorted(rows.index, context.since))
        else:
            start = end - window
        # As in FullRefit, which will have the rows held out as well.
        return max(min(start, len(rows.index) - self.min_rows), 0)

    def _race(self, contenders, holdout):
        """Return who is left, and the rows that the fits took."""
        cap = self.min_rows if self.halving else np.inf
        left, spent = list(contenders), 0
        while True:
            for contender in left:
                spent += contender.try_on(cap, holdout)
            left = _not_worse([each for each in left if each.losses is not None], _TO_DROP_OUT)
            ahead = [each for each in left if each.n_fitted < each.n_rows]
            cost = sum(min(2 * cap, each.n_rows) for each in ahead)
            if len(left) < 2 or not ahead or spent + cost > _BUDGET * _rows_of_leader(left):
                return left, spent
            cap *= 2


def _is_candidate(name):
    if isinstance(name, str):
        return name in _WORDS
    return is_integer(name, least=1)


def _lacks_a_label(context):
    """Tell whether the batch has a label that the serving model does not know."""
    known = getattr(context.champion, "classes_", None)
    if context.classes is None or not isinstance(known, np.ndarray):
        return False
    return len(unseen_labels(context.learner.targets_of(context.batch), known)) > 0


def _held_out(context, rows):
    """Return the rows to judge on, or None, and whether the serving model has not learned them."""
    for known, unseen in ((context.batch, True), (rows, False)):
        n_since = len(known.index) - int(np.searchsorted(known.index, context.since))
        n_held = min(n_since // 2, _MOST_HELD)
        if n_held >= _LEAST_HELD:
            return part_of(known, slice(-n_held, None)), unseen
    return None, False


def _rows_to_continue_on(context, rows, end):
    """Return the rows that a warm start would learn, without those held out."""
    newest = context.learner.incremental and not context.alarm
    first = context.batch.index[0] if newest else context.since
    return part_of(rows, slice(int(np.searchsorted(rows.index, first)), end))


class _Holdout:
    """The rows held out; those of weight zero do not count."""

    def __init__(self, context, held):
        weight = context.learner.weight_of(held)
        self.held = held
        self.has_proba = (
            is_classifier(context.champion)
            and held.y.ndim == 1
            and hasattr(context.champion, "predict_proba")
        )
        self.counts = slice(None) if weight is None else np.asarray(weight) != 0

    def losses_of(self, model):
        """Return one loss per row that counts, or None where the model cannot be judged."""
        losses = loss_per_row(model, self.held.X, self.held.y)
        if losses is None:
            return None
        losses = np.where(np.isnan(losses), np.inf, losses)[self.counts]
        if self.has_proba:
            # Bounded: one certain mistake in a small leaf would decide everything.
            losses = (1 - np.exp(-losses)) ** 2
        return losses if len(losses) >= _LEAST_HELD else None


class _Contender:
    """A candidate on its way: how many rows it could be fitted on, and was; its losses."""

    def __init__(self, name, context, rows, began):
        self.name, self.context, self.rows, self.began = name, context, rows, began
        self.n_rows = len(rows.index)
        self.n_fitted = 0
        self.losses = None
        # A draw of its own, so that each round has the rows of the one before.
        self.order = context.rng.permutation(self.n_rows)

    def try_on(self, cap, holdout):
        """Fit on at most `cap` rows, if that is more than before, and return the rows it took."""
        size = int(min(cap, self.n_rows))
        if size == self.n_fitted:
            return 0
        self.n_fitted = size
        rows = self.rows
        if size < self.n_rows:
            rows = part_of(rows, np.sort(self.order[:size]))
        try:
            model, n_fitted = self.fitted(rows)
            self.losses = None if model is None else holdout.losses_of(model)
        except Exception:
            # A base that fails on few rows, of few classes say, cannot be judged on them.
            self.losses, n_fitted = None, size
        return n_fitted


class _Refitted(_Contender):
    def fitted(self, rows):
        """Return a fresh model, and the rows it took."""
        rows = with_all_classes(rows, self.context, self.began)
        return self.context.learner.fresh(rows, self.context.number), len(rows.index)


class _Continued(_Contender):
    def __init__(self, context, rows, began):
        super().__init__("warm_start", context, rows, began)

    def fitted(self, rows):
        """Return the continued model, and the rows it took; None where it cannot be continued."""
        learner, champion = self.context.learner, self.context.champion
        if learner.needs_all_classes:
            rows = with_all_classes(rows, self.context, self.began)
        if learner.refusal(champion, rows):
            return None, 0
        return learner.continued(champion, rows), len(rows.index)


class _Kept(_Contender):
    def __init__(self, context):
        self.name, self.context, self.n_rows, self.n_fitted = "keep", context, 0, 0
        self.losses = None

    def try_on(self, cap, holdout):
        """Judge the serving model, which takes no rows."""
        if self.losses is None:
            self.losses = holdout.losses_of(self.context.champion)
        return 0


def _not_worse(contenders, n_errors):
    """Return the contenders that are not behind the best by that many standard errors."""
    if not contenders:
        return []
    with np.errstate(invalid="ignore", over="ignore"):
        best = min(contenders, key=lambda contender: contender.losses.mean())
        return [each for each in contenders if each is best or _near(each, best, n_errors)]


def _leader(contenders):
    """Return who wins if it ends now: of those as good as the best, the one with the most rows."""
    return max(_not_worse(contenders, _TO_LOSE), key=lambda contender: contender.n_rows)


def _rows_of_leader(contenders):
    """Return what its fit will take; to keep the model costs nothing, which buys no comparison."""
    leader = _leader(contenders)
    if isinstance(leader, _Refitted):
        return leader.n_rows
    return min((each.n_rows for each in contenders if isinstance(each, _Refitted)), default=0)


def _near(contender, best, n_errors):
    difference = contender.losses - best.losses
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return difference.mean() <= n_errors * error + _NOTHING * abs(best.losses.mean())


def _verdict(best, contenders):
    """Return the result in a sentence."""
    others = ", ".join(
        f"{each.name} {each.losses.mean():.3g}"
        for each in contenders
        if each is not best and each.losses is not None
    )
    own = f"{best.name} won: {best.losses.mean():.3g} per row"
    n_held = len(best.losses)
    return f"{own} on {n_held} held-out rows" + (f", {others}" if others else "")


def _evidence(best, contenders):
    """Return the table of the comparison, fit for JSON."""
    table = {
        str(each.name): {"loss": float(each.losses.mean()), "rows": each.n_fitted}
        for each in contenders
        if each.losses is not None and np.isfinite(each.losses).all()
    }
    return {
        "tournament": {
            "winner": str(best.name),
            "rows_held_out": len(best.losses),
            "candidates": table,
        }
    }
