"""Refit on the labels and on what the serving model says, so that fewer answers change."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ..buffers._base import part_of
from ..utils._labels import spread, union_of_labels
from ..utils._params import check_choice, check_flag, check_number
from ._base import Candidate, with_all_classes
from ._copies import SEVERAL_OUTPUTS, check_copies
from ._full_refit import FullRefit
from ._keep_or_refit import standard_error

_LADDER = (0.0, 0.25, 0.5, 0.75, 0.9)
# Of nine blocks of new rows every third is held out, and not more rows than a thousand; fewer than
# ten show nothing.
_BLOCKS, _ONE_IN, _MOST_HELD, _LEAST_HELD = 9, 3, 1000, 10
# A copy of less weight than this, beside one of weight 1, is lost in the rounding of their sum.
_ROUNDING = np.finfo(np.float64).eps


class DistillingRefit(FullRefit):
    r"""Fit a blank clone on the labels and, in part, on what the serving model says of the rows.

    A refit changes answers that were right, too: by new rows, by chance, by another seed. Here the
    serving model is a teacher [1]_: what the fit minimises is

    .. math::

        (1 - \alpha) \, \ell(y, f(x)) + \alpha \, \ell(p(x), f(x))

    where p is what the teacher says. Fewer of the answers that were right turn wrong [2]_ [3]_
    [4]_, for some of what the refit would have gained. For this, a classifier is given each row
    once for each class that has a share of it, with that share as its weight; a regressor is given
    targets between the label and the prediction.

    Parameters
    ----------
    alpha : float, default=0.5
        The share of the teacher, at least 0 and below 1: the most, where it is chosen.
    temperature : float, default=1.0
        Above 1, the probabilities of the teacher are softer, below 1 harder: they are taken to the
        power of 1 / temperature. A regressor has none, and nor has one without ``predict_proba``,
        whose predicted labels count as probability 1.
    on : {"buffer", "new"}, default="buffer"
        ``"buffer"``: the rows of `window`. ``"new"``: only those that the serving model has not
        learned, or those since the located change where an alarm is answered; what came before is
        known from the teacher alone, as in learning without forgetting [5]_.
    window : "since_drift", "all" or int, default="since_drift"
        As in :class:`FullRefit`: the rows since the located change, all that are remembered, or so
        many of the newest. Not read with ``on="new"``.
    max_flips : float or None, default=None
        The share of rows, from 0 to 1, that may turn from right to wrong. The least share of the
        teacher that keeps to it on held-out rows is chosen; where none does, that with the fewest.
        None is no such limit.
    guard : bool, default=True
        Whether a teacher that makes the refit worse on held-out rows loses its share, see Notes.
        Not read where there is a limit `max_flips`.
    min_rows : int, default=50
        Fewer rows than this are filled up with the rows just before them.
    grow : bool, default=True
        Whether to fit again each time the rows of the present concept have doubled.

    Notes
    -----
    After a real drift the teacher is wrong: what it says of the new rows contradicts their labels.
    With `guard`, one that is no better than chance on the new rows is not listened to. Else a refit
    with the share `alpha`, one with half of it and one on the labels alone are compared on a third
    of the rows that the serving model has not learned, which none of them is given then: three of
    nine blocks, the newest one among them, and at most 1,000 rows. The largest share is taken whose
    squared error (of probabilities, or of predictions) is not higher than that of the labels alone
    by more than one standard error, or not higher at all after an alarm, which says that the
    teacher has become worse.

    With fewer than 28 new rows nothing can be compared, and neither `guard` nor `max_flips` is
    checked: an alarm is answered on the labels alone then, and any other refit has the share
    `alpha`.

    With `max_flips`, the shares 0, 0.25, 0.5, 0.75, 0.9 are tried up to `alpha`, and it, until one
    keeps to the limit. ``evidence["distillation"]`` of the event has the share, and of each one
    that was tried the loss, the accuracy, and the rows that turned wrong and right. What is chosen
    is fitted on all rows.

    A row of a class that the teacher does not know is learned from its label alone. So is every
    row where the teacher cannot read them, and by the first model, which has no teacher.

    A classifier is fitted on up to as many copies of each row as there are classes, in all of the
    weight of the row: probabilities that are 0 take none. ``n_rows_fitted`` counts copies, and so
    does a parameter such as ``min_samples_leaf``. A transformer in a pipeline sees a row as often
    as it is copied.

    Copies change how often each class is there, and weights of classes would count for the teacher
    a second time: a classifier with ``class_weight``, or what boosters call it, is refused. Weights
    that come with the rows are right: those of
    :func:`sklearn.utils.class_weight.compute_sample_weight`, for one.

    Where a classifier splits its rows by itself, copies of one row come to both sides, and it
    judges itself on rows that it has learned. Refused is therefore, at any depth, what
    cross-validates, such as a search, what is calibrated, or an encoder with ``cv``; and
    ``early_stopping=True``, ``oob_score=True``, or ``n_iter_no_change`` of gradient boosting. With
    ``early_stopping="auto"`` a :class:`~sklearn.ensemble.HistGradientBoostingClassifier` does so
    from 10,001 copies on: set it to False. Boosters that stop early on the newest rows are none of
    these.

    A classifier of several outputs gets the plain refit of :class:`FullRefit`, and its note says
    so.

    References
    ----------
    .. [1] G. Hinton, O. Vinyals and J. Dean (2015). "Distilling the knowledge in a neural
       network". arXiv:1503.02531.
    .. [2] M. Milani Fard, Q. Cormier, K. Canini and M. Gupta (2016). "Launch and iterate: reducing
       prediction churn". Advances in Neural Information Processing Systems 29.
    .. [3] H. Jiang, H. Narasimhan, D. Bahri, A. Cotter and A. Rostamizadeh (2022). "Churn reduction
       via distillation". International Conference on Learning Representations.
    .. [4] S. Yan et al. (2021). "Positive-congruent training: towards regression-free model
       updates". Conference on Computer Vision and Pattern Recognition.
    .. [5] Z. Li and D. Hoiem (2016). "Learning without forgetting". European Conference on Computer
       Vision.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.drift import Periodic
    >>> from skretrain.policies import DistillingRefit
    >>> X, y, _ = make_drifting_classification(1000, drift="stationary", random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(),
    ...     detector=Periodic(every=300),
    ...     policy=DistillingRefit(guard=False, grow=False),
    ...     batch_size=100,
    ... ).fit(X, y)
    >>> [event.n_rows_fitted for event in model.events_ if event.kind == "distilling_refit"]
    [800, 1400, 2000]
    """

    def __init__(
        self,
        alpha=0.5,
        *,
        temperature=1.0,
        on="buffer",
        window="since_drift",
        max_flips=None,
        guard=True,
        min_rows=50,
        grow=True,
    ):
        super().__init__(window, min_rows=min_rows, grow=grow)
        self.alpha = alpha
        self.temperature = temperature
        self.on = on
        self.max_flips = max_flips
        self.guard = guard

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            Refused is one whose base is neither a classifier nor a regressor, and a classifier
            whose ``fit`` takes no weights, that weighs the classes or splits its rows itself, or
            that is for several outputs.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        super().check(learner)
        check_number(self, "alpha", least=0, below=1, what="the share of the serving model")
        check_number(self, "temperature", above=0)
        check_choice(self, "on", ("buffer", "new"))
        check_flag(self, "guard")
        what = "the share of rows that may turn from right to wrong"
        check_number(self, "max_flips", least=0, most=1, what=what, otherwise=(None,))
        base = learner.estimator
        if is_classifier(base):
            check_copies(base)
        elif not is_regressor(base):
            raise ValueError(
                f"{type(base).__name__} is neither a classifier nor a regressor: a refit of it has "
                "no labels beside which the serving model could teach. Use the policy 'full_refit'."
            )
        elif self.max_flips is not None:
            raise ValueError(
                f"DistillingRefit(max_flips={self.max_flips!r}): the answers of a regressor are "
                "not right or wrong. Set max_flips=None, and alpha to the share of the teacher."
            )

    def propose(self, context):
        """Return a model fitted afresh on labels and on what the serving model says.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            With the share of the serving model as `evidence`, and how it was chosen; the plain
            refit where a classifier has several outputs.
        """
        if is_classifier(context.learner.estimator) and context.batch.y.ndim > 1:
            return super().propose(context)._replace(note=f"{SEVERAL_OUTPUTS}: a plain refit")
        window = self._rows(context)
        rows = with_all_classes(window, context)
        choice, taught = self._taught(context, window, rows)
        model = context.learner.fresh(taught, context.number)
        return Candidate(
            model,
            "distilling_refit",
            len(taught.index),
            note=choice.note,
            n_rows_compared=choice.n_rows_compared,
            evidence={"distillation": {"alpha": choice.alpha, **choice.evidence}},
        )

    def _rows(self, context):
        if self.on == "buffer":
            return super()._rows(context)
        first = context.since if _answers_a_change(context) else _first_unseen(context)
        rows = context.window(since=first)
        return rows if len(rows.index) >= self.min_rows else context.window(latest=self.min_rows)

    def _taught(self, context, window, rows):
        """Return what was chosen, and the rows as the model is to learn them."""
        if context.champion is None:
            return _Choice(0.0), rows
        try:
            lessons = _Lessons(context, rows, self.temperature)
        except Exception as error:
            why = f"the serving model cannot teach: {type(error).__name__}: {error}"
            return _Choice(0.0, f"{why}; learned from the labels alone"), rows
        choice = self._choice(context, window, lessons.classes)
        return choice, lessons.rows(choice.alpha)

    def _choice(self, context, window, classes):
        if self.max_flips is None and not self.guard:
            return _Choice(float(self.alpha))
        held = _held_out(context, window)
        if held is None:
            return self._unproven(context, "too few new rows to compare on")
        try:
            trial = _Trial(context, window, held, classes, self.temperature)
            if self.max_flips is None and trial.knows_nothing():
                return _Choice(0.0, "the serving model is no better than chance on the new rows")
            labels_alone = trial.of(0.0)
        except Exception as error:
            return self._unproven(context, f"not compared: {type(error).__name__}: {error}")
        if self.max_flips is None:
            return self._harmless(trial, labels_alone, _tolerated(context))
        return self._steady(trial, labels_alone)

    def _unproven(self, context, why):
        if _answers_a_change(context):
            return _Choice(0.0, f"{why}; learned from the labels alone")
        return _Choice(float(self.alpha), why)

    def _harmless(self, trial, labels_alone, tolerated):
        """Choose the largest share that does not do worse than the labels alone."""
        for share in (float(self.alpha), self.alpha / 2):
            worse = trial.of(share).losses - labels_alone.losses
            if worse.mean() <= tolerated * standard_error(worse):
                return trial.choice(share, "" if share == self.alpha else "with more it did worse")
        return trial.choice(0.0, "with the serving model as teacher it did worse")

    def _steady(self, trial, labels_alone):
        """Choose the least share that keeps to the limit of answers that turn wrong."""
        tried = [labels_alone]
        for share in [share for share in _LADDER[1:] if share < self.alpha] + [float(self.alpha)]:
            if tried[-1].negative_flips <= self.max_flips:
                break
            tried.append(trial.of(share))
        best = min(tried, key=lambda one: one.negative_flips)
        within = best.negative_flips <= self.max_flips
        note = "" if within else f"no share keeps max_flips={self.max_flips:g}"
        return trial.choice(best.share, note)


class _Choice(NamedTuple):
    """The share of the teacher, and how it was chosen."""

    alpha: float
    note: str = ""
    n_rows_compared: int = 0
    evidence: dict = {}


def _answers_a_change(context):
    return context.alarm and not context.on_schedule


def _tolerated(context):
    """Return the standard errors by which a share may seem worse: mere chance takes none of it.

    But an alarm says already that the teacher has become worse.
    """
    return 0.0 if _answers_a_change(context) else 1.0


def _first_unseen(context):
    """Return the first stream row that the serving model has not learned."""
    return context.batch.index[0] if context.unseen_from is None else context.unseen_from


def _held_out(context, window):
    """Return positions to judge on, or None where they are too few.

    They are blocks spread over the rows that the serving model has not learned: only these tell
    what labels teach that it does not know. The newest alone would not show an error of the teacher
    on those before, and single rows would be too much like their neighbours.
    """
    since = max(context.since, int(_first_unseen(context)))
    counts = window.index >= since
    uncounted = context.learner.uncounted(window)
    if uncounted is not None:
        counts &= ~uncounted
    new = np.flatnonzero(counts)
    block = -(-len(new) // _BLOCKS) or 1
    age = np.arange(len(new))[::-1] // block
    held = new[age % _ONE_IN == 0][-_MOST_HELD:]
    return held if len(held) >= _LEAST_HELD else None


class _Lessons:
    """Rows with what the labels and the serving model say of them, in the form of a target.

    It has a column for each class, or is the target itself of a regressor.
    """

    def __init__(self, context, rows, temperature, classes=None):
        teacher = context.champion
        self.learner, self.all_rows = context.learner, rows
        self.classes = classes
        if classes is None and is_classifier(teacher):
            self.classes = union_of_labels(teacher.classes_, rows.y)
        self.labels = _targets(rows.y, self.classes)
        self.says = _answers(teacher, rows, self.classes)
        known = np.isfinite(self.says.reshape(len(rows.index), -1)).all(axis=1)
        if self.classes is not None:
            self.says = _tempered(self.says, temperature)
            known &= np.isin(rows.y, teacher.classes_) & (self.says.max(axis=1) > 0)
        # In a multiplication by a share of 0, what is not finite would stay.
        self.says[~known] = self.labels[~known]

    def rows(self, share):
        """Return the rows to fit on, where the teacher has this share."""
        if share == 0 or not self.learner.any_counts(self.all_rows):
            return self.all_rows
        target = (1 - share) * self.labels + share * self.says
        if self.classes is None:
            return self.all_rows._replace(y=target)
        copied, columns = np.nonzero(target > _ROUNDING)
        copies = part_of(self.all_rows, copied)._replace(y=self.classes[columns])
        return self.learner.without_zero_weight(
            self.learner.weighted(copies, target[copied, columns])
        )


def _targets(y, classes):
    if classes is None:
        return np.asarray(y, dtype=np.float64)
    return (y[:, np.newaxis] == classes).astype(np.float64)


def _answers(model, rows, classes):
    """Return what a model says in the form of a target."""
    if classes is None or not hasattr(model, "predict_proba"):
        return _targets(np.asarray(model.predict(rows.X)).reshape(rows.y.shape), classes)
    proba = np.asarray(model.predict_proba(rows.X), dtype=np.float64)
    return spread(proba, model.classes_, classes, 0.0).copy()


def _tempered(proba, temperature):
    """Return probabilities that are softer above a temperature of 1; rows of zeros stay so."""
    with np.errstate(invalid="ignore", divide="ignore"):
        powers = (proba / proba.max(axis=1, keepdims=True)) ** (1 / temperature)
    powers[~(proba.max(axis=1) > 0)] = 0.0
    return powers / np.maximum(powers.sum(axis=1, keepdims=True), 1.0)


class _Tried(NamedTuple):
    """A refit with a share of the teacher, judged on the rows held out."""

    share: float
    n_rows: int
    losses: np.ndarray
    score: float | None
    negative_flips: float | None
    positive_flips: float | None


class _Trial:
    """Refits without the rows held out, judged on these."""

    def __init__(self, context, window, held, classes, temperature):
        others = part_of(window, np.delete(np.arange(len(window.index)), held))
        others = with_all_classes(others, context, int(window.index[held[0]]))
        self.held = part_of(window, held)
        self.context, self.classes, self.tried = context, classes, {}
        self.lessons = _Lessons(context, others, temperature, classes)
        self.was_right = self._is_right(context.champion)

    def _is_right(self, model):
        if self.classes is None:
            return None
        return np.asarray(model.predict(self.held.X)).reshape(self.held.y.shape) == self.held.y

    def knows_nothing(self):
        """Tell whether the teacher is no better than the mean of the targets of the rows."""
        target = _targets(self.held.y, self.classes)
        teacher, mean = self._losses(self.context.champion), ((target - target.mean(axis=0)) ** 2)
        return teacher.sum() >= mean.sum()

    def _losses(self, model):
        errors = _answers(model, self.held, self.classes) - _targets(self.held.y, self.classes)
        return (errors**2).reshape(len(errors), -1).sum(axis=1)

    def of(self, share):
        """Return how a refit with this share does."""
        rows = self.lessons.rows(share)
        model = self.context.learner.fresh(rows, self.context.number)
        losses = self._losses(model)
        figures = (None, None, None)
        if self.classes is not None:
            was, now = self.was_right, self._is_right(model)
            figures = [float(each.mean()) for each in (now, was & ~now, ~was & now)]
        self.tried[share] = _Tried(share, len(rows.index), losses, *figures)
        return self.tried[share]

    def choice(self, share, note):
        """Return the choice of a share that was tried."""
        chosen = self.tried[share]
        evidence = {"rows_held_out": len(self.held.index), **_figures(chosen)}
        evidence["tried"] = {str(one.share): _figures(one) for one in self.tried.values()}
        n_rows = sum(one.n_rows for one in self.tried.values())
        return _Choice(share, note, n_rows, evidence)


def _figures(tried: Any):
    figures = tried._asdict() | {"loss": float(tried.losses.mean()), "rows": tried.n_rows}
    kept = ("loss", "score", "negative_flips", "positive_flips", "rows")
    return {name: figures[name] for name in kept if figures[name] is not None}
