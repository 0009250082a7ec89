"""Serve a challenger once rows that neither model knows have shown it to be good enough."""

from ..utils._losses import task_of
from ..utils._params import check_integer, check_number, refuse
from ._always_promote import AlwaysPromote
from ._base import BaseGate, Verdict
from ._comparison import NO_ANCHOR, NO_CLASSIFIER, Comparison
from ._criteria import (
    ANCHORS,
    check_criteria,
    check_methods,
    criteria_of,
    needs_classes,
    rows_in,
)


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
    criteria : dict of str to float, or to (scorer, float), or None, default=None
        Further conditions: for each metric of a classifier, in (-1, 1), or scorer of scikit-learn
        the change from champion to challenger that is allowed, as described below. All have to be
        shown.
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
    a budget, in (0, 1).

    Any other scorer of scikit-learn is a criterion by its name, or under a name of your own with
    the scorer itself: ``{"roc_auc": -0.01, "gain": (make_scorer(gain), 0.0)}``, also a function
    ``(estimator, X, y) -> float``. Higher is better, as always with scorers: of ``"neg_log_loss"``,
    -0.01 lets the log loss rise by 0.01. The change is a finite number in the unit of the score.

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

    A scorer gives one number for many rows and none for each, so that there is nothing to bet on.
    What both models said of each row when it came is remembered, and their scores on all of these
    rows together are compared after `min_rows` rows (100 at least), twice as many, and so on until
    `max_rows`: by a jackknife over 20 groups of successive rows [2]_, Student's t, and `alpha`
    divided by the number of these looks. The error is no smaller than what it does to exchange the
    answers for two rows, of which one is of the rarest class. All this is an approximation for many
    rows, while bets hold for any. Where the score is not defined, the area under the curve of a
    single class, say, it waits. A look asks the scorer some fifty times.

    Each condition but those on the anchor and on scorers has an e-process of its own [1]_, at level
    `alpha`. As all are required, the probability of a wrong promotion stays at `alpha`; evidence to
    the contrary is sought at `alpha` over the number of conditions. A margin is expensive: rows
    needed grow with the share of rows on which the models disagree, and with the inverse square of
    the distance between the change and what is allowed. The guarantee holds if the expected
    difference, given the past, is on the wrong side at every row.

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
    .. [2] H. R. Kuensch (1989). "The jackknife and the bootstrap for general stationary
       observations". Annals of Statistics 17(3), 1217-1241.

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
        self._comparison = Comparison(self)
        return self

    def check(self, learner, buffer):
        """Raise for a base, or a buffer, to which the criteria cannot apply.

        Parameters
        ----------
        learner : Learner
            Its base must be a classifier, where a criterion is about right and wrong, and have the
            methods that scorers need.
        buffer : BaseBuffer
            It must withhold rows, where one is about the anchor.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        if needs_classes(self) and task_of(learner.estimator) != "classification":
            refuse(self, "criteria", NO_CLASSIFIER)
        if any(name in ANCHORS for name in self.criteria or ()) and not buffer.anchor:
            refuse(self, "criteria", NO_ANCHOR)
        for criterion in criteria_of(self):
            check_methods(self, criterion, learner.estimator)

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
            often the capital of the gamblers for and against it has multiplied; of a scorer, one
            over the p value, as of the last look.

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
        self._watched = Comparison(self)
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

    def _check_columns(self, X):
        for criterion in criteria_of(self):
            rows_in(self, criterion.slice_name, X)
