"""Serve a challenger once rows that neither model knows have shown it to be good enough."""

import math

import numpy as np

from ..metrics._slices import slice_mask
from ..utils._clone import cloned
from ..utils._containers import n_rows
from ..utils._labels import union_of_labels
from ..utils._losses import (
    absolute_loss_per_row,
    novelty_per_row,
    task_of,
    zero_one_loss_per_row,
)
from ..utils._params import check_integer, check_number, refuse
from ..utils._plain import Plain
from ..utils._sklearn_api import predict_of
from ._always_promote import AlwaysPromote
from ._base import BaseGate, Verdict
from ._conditions import Condition, OnTheAnchor, ShareOfTheLoss
from ._criteria import ANCHORS, FALLS, check_criteria, parsed

# Losses without an upper bound are compared in units of this many mean losses of the champion,
# beyond which a single row counts no more.
_UNIT = 3.0
# What a routine challenger may lose more, as a share of the champion's loss.
_MARGIN = 0.1
_NO_CLASSIFIER = "None unless the model is a classifier with a single output"
_NO_ANCHOR = "about the anchor only beside a buffer that withholds rows, as Reservoir(anchor=200)"


class PairedGate(BaseGate):
    r"""Promote a challenger that the rows which come after it was made show to be good enough.

    After an alarm it has to be better than the champion. One that was made because rows have grown,
    or because it was time, has to be no worse: more rows seldom make a model better by so much that
    it could be shown, and as seldom worse.

    Champion and challenger both predict every row that comes, before either learns it. The evidence
    is in the rows on which they differ. It is collected by betting on the paired differences, so
    that it may be looked at after every batch: a challenger that does not meet the conditions is
    *ever* promoted with a probability of at most `alpha`. Evidence to the contrary rejects it;
    without evidence in either direction it waits, and is rejected after `max_rows`.

    Parameters
    ----------
    alpha : float, default=0.05
        Largest probability, in (0, 1), of promoting a challenger that violates a condition; and of
        rejecting, on evidence, one that meets them all.
    tolerance : "auto", float or None, default="auto"
        What the mean loss per row may change by, in (-1, 1). 0: the challenger must lose less than
        the champion. 0.02: it must be shown to lose at most 0.02 more. -0.02: at least 0.02 less.
        The loss is the 0/1 error, of several outputs their mean. Of a regression it is the absolute
        residual, and `tolerance` is a share of the champion's mean loss. ``"auto"``: 0, but a tenth
        of the champion's mean loss where the challenger is a routine one. None: the loss is no
        condition, and `criteria` decide alone.
    min_rows : int, default=100
        Later rows before which there is no verdict. Rows of weight zero do not count.
    max_rows : int, default=10_000
        Later rows after which a challenger without enough evidence is rejected.
    criteria : dict of str to float or None, default=None
        Further conditions of a classifier: for each metric the change from champion to challenger
        that is allowed, in (-1, 1), as described below. All have to be shown.
    slices : dict of str to (str, int or callable) or None, default=None
        Slices of the rows that `criteria` are about: for each name a column of X by its name or
        number, whose levels are slices, or a function ``X -> array of bool of shape (n_rows,)``.

    Notes
    -----
    A criterion is the name of a metric, followed by a class in brackets where it is about one. For
    two classes the bracket may be left out: the metric is then that of the greater label. The value
    is the worst change that is allowed, challenger minus champion.

    ===========================  ===================================================  ==============
    name                         counts                                               the change is
    ===========================  ===================================================  ==============
    ``accuracy``                 right predictions, of all rows                       at least
    ``recall[c]``                right predictions, of the rows of class c            at least
    ``false_negative_rate[c]``   wrong predictions, of the rows of class c            at most
    ``false_positive_rate[c]``   predictions of c, of the rows of all other classes   at most
    ``negative_flips``           rows on which the champion is right and the          at most
                                 challenger wrong, of all rows
    ``negative_flips[c]``        the same, of the rows of class c                     at most
    ``anchor``                   right predictions, of the rows that the buffer       at least
                                 withholds from learning
    ``anchor[present]``          the same, of those since the last located change     at least
    ===========================  ===================================================  ==============

    ``{"recall[fraud]": -0.01}``: the recall of fraud may fall by at most one point.
    ``{"false_positive_rate": -0.02}``: the false-positive rate must fall by at least two points;
    with ``tolerance=0.03``, less accuracy is fine if false alarms fall.
    ``{"negative_flips": 0.02}``: at most two rows in a hundred may turn from right to wrong; it is
    a budget, in (0, 1). Names such as precision are missing because their denominator is not the
    same rows for both models.

    Each of these, but those on the anchor, may be about a slice of the rows, in brackets at the
    end: ``{"accuracy[country=DE]": -0.01, "recall[fraud][large]": -0.02}`` with
    ``slices={"country": "country", "large": lambda X: X["amount"] > 1000}``. For every kind of
    model, ``loss[country=DE]`` is the change of the loss in a slice that is allowed at most, in the
    unit of `tolerance`. A slice needs as many rows as all rows would: one of a tenth of the rows
    takes ten times as long, and a level that never comes is never shown to be right.

    ``{"anchor": -0.01}``: the accuracy on the anchor of the buffer (``Reservoir(anchor=200)``) may
    fall by at most one point. These are always the same few rows, most of them older than the
    challenger: the change on them is counted and no bet, and says nothing of other rows. Where a
    real drift has made old rows wrong, every good challenger loses on ``anchor``;
    ``anchor[present]`` leaves them out, and is met while there are no others.

    Each condition but those on the anchor has an e-process of its own [1]_, at level `alpha`. As
    all are required, the probability of a wrong promotion stays at `alpha`; evidence to the
    contrary is sought at `alpha` over the number of conditions. A margin is expensive: rows needed
    grow with the share of rows on which the models disagree, and with the inverse square of the
    distance between the change and what is allowed. The guarantee holds if the expected difference,
    given the past, is on the wrong side at every row.

    With ``tolerance="auto"`` a routine challenger (`routine` of :class:`Trial`) that loses a tenth
    more than the champion is ever promoted with a probability of at most `alpha`. One that has
    shown neither this nor the contrary by `max_rows` is rejected, like any other: to promote it for
    want of evidence would void that probability, and the next refit has more rows to learn from.
    Rows until a challenger is promoted, where the champion errs on one row in ten and both differ
    on one in ten (median of 200 pairs; the share promoted within 10,000 rows if it is not 1.00):

    ====================  ============  ==============  ==============  ==============
    cause                 equal         1 point better  2 points        5 points
    ====================  ============  ==============  ==============  ==============
    growth or a schedule  5,300 (0.67)  2,100           950             300
    an alarm              (0.03)        5,450 (0.73)    1,700           300
    ====================  ============  ==============  ==============  ==============

    The user guide has more of them. Where errors are rare, a tenth of them takes too many rows to
    be shown: state a `tolerance`, such as 0.005; it then holds after an alarm, too.

    Residuals and novelty, which have no upper bound, are compared in units of three times the
    champion's mean loss on the rows before; a difference of more than one unit counts as one. The
    novelty of two outlier detectors can be compared only if both measure it on one scale.

    While a challenger waits, growth does not replace it: evidence takes thousands of rows where the
    rows of a young concept double every few hundred, and would begin at nothing each time. A refit
    that has become due in the meantime is made on the first batch after the verdict; for that,
    `max_rows` is the longest wait, and a challenger that is worse for lack of rows is rejected much
    sooner. Only what the challenger cannot know replaces it: a new alarm, or a class that it lacks.

    Rows of ``sample_weight`` zero are no evidence; all others count the same, whatever their
    weight.

    After a promotion, :meth:`watch` compares the new model with the one before it in the same way,
    on the rows that come after the promotion. ``"auto"`` is 0 there: a routine
    challenger that does lose a little is taken back once that is shown.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas (2024). "Estimating means of bounded random variables by
       betting". Journal of the Royal Statistical Society B 86(1), 1-27.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.gates import PairedGate
    >>> X, y, _ = make_drifting_classification(3000, random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(), policy="full_refit", gate=PairedGate(), batch_size=100
    ... )
    >>> alarm = [e for e in model.fit(X, y).events_ if "alarm" in e.reason]
    >>> [(event.row, event.action) for event in alarm][:2]
    [(1600, 'superseded'), (1700, 'retrained')]
    """

    watches = True

    def __init__(
        self,
        alpha=0.05,
        *,
        tolerance="auto",
        min_rows=100,
        max_rows=10_000,
        criteria=None,
        slices=None,
    ):
        self.alpha = alpha
        self.tolerance = tolerance
        self.min_rows = min_rows
        self.max_rows = max_rows
        self.criteria = criteria
        self.slices = slices

    def reset(self):
        """Check the parameters and forget the evidence on an earlier challenger.

        Returns
        -------
        self : PairedGate
            This gate; what it watches since a promotion is kept.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        self._check_parameters()
        self._comparison = _Comparison(self)
        return self

    def check(self, learner, buffer):
        """Raise for a base, or a buffer, to which the criteria cannot apply.

        Parameters
        ----------
        learner : Learner
            Its base must be a classifier, where there are criteria.
        buffer : BaseBuffer
            It must withhold rows, where one is about the anchor.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        if self._needs_classes() and task_of(learner.estimator) != "classification":
            refuse(self, "criteria", _NO_CLASSIFIER)
        if any(name in ANCHORS for name in self.criteria or ()) and not buffer.anchor:
            refuse(self, "criteria", _NO_ANCHOR)

    def judge(self, trial):
        """Compare the two models on one batch.

        Parameters
        ----------
        trial : Trial
            Both models and the newest rows. Rows that the challenger has learned (``unseen=False``)
            are no evidence.

        Returns
        -------
        verdict : Verdict
            `evidence` has, for each condition, its rows, the mean change, what is allowed, and how
            often the capital of the gamblers for and against it has multiplied.

        Raises
        ------
        ValueError
            If a criterion does not fit the models.
        """
        if not hasattr(self, "_comparison"):
            self.reset()
        self._comparison.check(trial)
        if not trial.unseen:
            verdict = AlwaysPromote().judge(trial)
            return verdict if verdict.decision == "reject" else Verdict("wait")
        verdict = self._comparison.updated(trial)
        if verdict.decision == "promote":
            # It has learned along: what it makes of the newest rows has to make sense, too.
            sane = AlwaysPromote().judge(trial)
            return verdict if sane.decision == "promote" else sane
        return verdict

    def begin_watch(self):
        """Forget what was watched; to be called at a promotion.

        Returns
        -------
        self : PairedGate
            This gate; the evidence on a pending challenger is kept.
        """
        self._watched = _Comparison(self)
        return self

    def watch(self, trial):
        """Compare the model before the last promotion with the one that serves.

        Parameters
        ----------
        trial : Trial
            As `champion` the model before the promotion, as `challenger` the one that serves.

        Returns
        -------
        verdict : Verdict
            ``"reject"``: a condition is shown to be violated, the older model should serve again.
            ``"promote"``: the promotion is confirmed, or `max_rows` have passed without evidence
            against it. ``"wait"``: go on watching.
        """
        if not hasattr(self, "_watched"):
            self.begin_watch()
        verdict = self._watched.updated(trial)
        if verdict.decision == "reject" and not self._watched.violated:
            return Verdict("promote", "nothing against the promotion", verdict.evidence)
        return verdict

    def _check_parameters(self):
        check_number(self, "alpha", above=0, below=1, what="a probability")
        what = "a change of the loss, no condition if None"
        check_number(self, "tolerance", above=-1, below=1, what=what, otherwise=("auto", None))
        for name in ("min_rows", "max_rows"):
            check_integer(self, name, least=1, what="a number of rows")
        if self.max_rows < self.min_rows:
            refuse(self, "max_rows", f"at least min_rows, which is {self.min_rows}")
        check_criteria(self)
        if self.tolerance is None and not self.criteria:
            refuse(self, "tolerance", "a number, as there are no criteria either")

    def _needs_classes(self):
        """Whether a criterion is about right and wrong; the loss of a slice is for all models."""
        return any(parsed(name, self.slices).metric != "loss" for name in self.criteria or ())

    def _check_columns(self, X):
        for name in self.criteria or ():
            self._rows_in(parsed(name, self.slices).slice_name, X)

    def _rows_in(self, slice_name, X):
        """Return which rows a criterion is about, as an index."""
        return slice(None) if slice_name is None else slice_mask(self, self.slices, slice_name, X)


class _Comparison(Plain):
    """The evidence for and against each condition, on the rows since it began."""

    def __init__(self, gate):
        self.gate = cloned(gate)  # not itself: formats other than pickle know no circles
        self.n_rows = 0
        self.conditions = None  # made by the first trial, which tells the task and the cause
        self.is_routine = False  # whether to be as good is enough
        self.violated = ()
        # Of the champion's losses, where these are unbounded.
        self._size_sum, self._n_sizes = 0.0, 0

    def check(self, trial):
        """Make the conditions, or raise ValueError if they do not fit the models."""
        if self.conditions is not None:
            return
        gate, task = self.gate, task_of(trial.champion)
        criteria = gate.criteria or {}
        if gate._needs_classes() and (task != "classification" or trial.y.ndim > 1):
            refuse(gate, "criteria", _NO_CLASSIFIER)
        conditions = [] if gate.tolerance is None else [self._on_the_loss(task, trial.routine)]
        for name, allowed in criteria.items():
            if name in ANCHORS:
                conditions.append(self._on_the_anchor(name, allowed, trial))
                continue
            metric, wanted, slice_name = parsed(name, gate.slices)
            of = {"metric": metric, "slice_name": slice_name}
            of["label"] = self._label(name, metric, wanted, trial)
            of["sign"] = -1 if metric in FALLS else 1
            of["high"] = 0.0 if metric == "negative_flips" else 1.0
            of["unit"] = _UNIT if task != "classification" else 1.0
            conditions.append(Condition(name, allowed, **of))
        self.conditions = conditions

    def _on_the_loss(self, task, is_routine):
        """Return the condition on the loss, which depends on the cause if nobody stated it."""
        tolerance, is_classifier = self.gate.tolerance, task == "classification"
        if tolerance == "auto":
            self.is_routine = is_routine
            if is_routine and is_classifier:
                return ShareOfTheLoss(_MARGIN)
            tolerance = _MARGIN if is_routine else 0.0
        return Condition("loss", tolerance, sign=-1, unit=1.0 if is_classifier else _UNIT)

    def _on_the_anchor(self, name, allowed, trial):
        if trial.anchor is None:
            refuse(self.gate, "criteria", _NO_ANCHOR)
        return OnTheAnchor(name, allowed)

    def _label(self, name, metric, wanted, trial):
        """Return the class that a criterion is about, or None if it is about all rows."""
        if wanted is None and metric in ("accuracy", "loss", "negative_flips"):
            return None
        known = union_of_labels(trial.champion.classes_, trial.challenger.classes_)
        named = {str(label): label for label in known.tolist()}
        if wanted is None and len(named) == 2:
            return known[1]
        if wanted not in named:
            wanted = f"{wanted}.0"  # data frames turn whole numbers into floats
        if wanted not in named:
            example = f"{metric}[{next(iter(named))}]"
            refuse(
                self.gate,
                "criteria",
                f"about the classes {', '.join(named)}, as in {example}; {name} is not",
            )
        return named[wanted]

    def updated(self, trial):
        """Return the verdict after the rows of `trial`."""
        self.check(trial)
        gate = self.gate
        self.n_rows += n_rows(trial.X)
        self._bet(trial)
        needed = math.log(1 / gate.alpha)
        needed_against = needed + math.log(len(self.conditions))
        self.violated = [c for c in self.conditions if c.log_against >= needed_against]
        missing = [c.name for c in self.conditions if c.log_in_favour < needed]
        evidence = {c.name: c.evidence for c in self.conditions}
        if self.n_rows < gate.min_rows:
            return Verdict("wait", "", evidence)
        if self.violated:
            return Verdict("reject", self._said(self.violated, "violates a condition"), evidence)
        if not missing:
            what = "is no worse" if self.is_routine else "is better"
            return Verdict("promote", self._said(self.conditions, what), evidence)
        if self.n_rows >= gate.max_rows:
            reason = f"not shown on {self.n_rows} later rows: {', '.join(missing)}"
            return Verdict("reject", reason, evidence)
        return Verdict("wait", "", evidence)

    def _said(self, conditions, what):
        changes = ", ".join(f"{c.name} {c.change:+.3g}" for c in conditions)
        return f"the challenger {what} on {self.n_rows} later rows ({changes})"

    def _bet(self, trial):
        X, y = trial.X, trial.y
        if task_of(trial.champion) != "classification":
            gain = self._relative(*_unbounded_losses(trial))
            for condition in self.conditions:
                condition.update(gain[self.gate._rows_in(condition.slice_name, X)])
            return
        old, new = predict_of(trial.champion, X), predict_of(trial.challenger, X)
        for condition in self.conditions:
            if condition.name in ANCHORS:
                condition.count(trial)
            elif condition.name == "loss":
                condition.compare(zero_one_loss_per_row(y, old), zero_one_loss_per_row(y, new))
            else:
                rows = self.gate._rows_in(condition.slice_name, X)
                condition.update(condition.gains(y[rows], old[rows], new[rows]))

    def _relative(self, old, new):
        """Return by how much the challenger is better on each row, in [-1, 1]."""
        size = np.abs(np.where(np.isfinite(old), old, 0.0))
        sums = self._size_sum + np.cumsum(size) - size  # of the rows before each row
        n_before = self._n_sizes + np.arange(len(size))
        self._size_sum, self._n_sizes = self._size_sum + float(size.sum()), n_before[-1] + 1
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = (old - new) / (_UNIT * sums / n_before)
            # Before there is a unit, what is better counts as a whole one.
            gain = np.where(np.isnan(gain), np.sign(np.nan_to_num(old) - np.nan_to_num(new)), gain)
        return np.clip(gain, -1.0, 1.0)


def _unbounded_losses(trial):
    """Return the losses of champion and challenger where they have no upper bound."""
    pair = (trial.champion, trial.challenger)
    if task_of(trial.champion) == "regression":
        return [absolute_loss_per_row(trial.y, predict_of(model, trial.X)) for model in pair]
    losses = [novelty_per_row(model, trial.X) for model in pair]
    if losses[0] is None or losses[1] is None:
        raise ValueError(
            f"PairedGate cannot compare models of type {type(trial.champion).__name__}: they have "
            "neither score_samples nor cluster centres. Use gate=None."
        )
    return losses
