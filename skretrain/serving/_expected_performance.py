"""ExpectedPerformance: how good a classifier is on rows whose labels are not there yet."""

import numpy as np
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..utils._containers import n_rows, take_rows
from ..utils._labels import unseen_labels
from ..utils._params import check_integer, check_number, refuse
from ..utils._plain import Plain
from ..utils._words import counted
from ._awaited import Awaited
from ._calibration import Calibration, chosen_method, drawn_labels, resampled
from ._domain import FEWEST_ROWS, check_table, domain_probabilities
from ._inputs import (
    check_length,
    checked_classes,
    checked_ids,
    checked_labels,
    checked_proba,
    checked_rows,
    places_of,
)
from ._measures import PerformanceEstimate, Rows, measures_of
from ._refutation import Refutation

_FEWEST_OF_CLASS = 10
_MOST_ODDS = 20.0  # of a row of the reference; a few rows cannot stand for all
_SHOWN = 200  # newest labelled rows of which a reason tells


class ExpectedPerformance(Plain, BaseEstimator):
    r"""Estimate how good a classifier is from what it says itself, calibrated, without labels.

    Where the probabilities of a model are right, they tell how often it is: a row that is given to
    a class with probability 0.8 is right in 0.8 of the cases. The expected counts of right and
    wrong predictions give every metric that is made of counts (confidence-based performance
    estimation, CBPE [1]_; the difference of confidences [2]_ is the same idea for the accuracy
    alone). The estimate follows inputs that move. It cannot see that labels have come to mean
    something else, and is therefore compared with the labels that arrive: once these refute it,
    it is *withdrawn*, with the numbers, until it is fitted again.

    Parameters
    ----------
    metrics : str or sequence of str, default=("accuracy", "recall", "roc_auc")
        Among ``accuracy``, ``recall[c]`` and ``precision[c]`` of class c, ``roc_auc`` and
        ``cost``. Without a bracket, recall and precision are those of the greater label of two, or
        of each class of more. With more than two classes, ``roc_auc`` is the mean of each class
        against the rest.
    cost_matrix : array-like of shape (n_classes, n_classes), default=None
        What a row of each class (row) costs that is taken for another (column), for ``cost``, the
        mean per row in the same unit.
    tolerance : float, default=0.015
        How far the share of right predictions, or of a class, may be from what was expected
        without the estimate being wrong, in [0, 1), beyond what the reference leaves open.
    alpha : float, default=0.01
        Probability, in (0, 1), that the estimate is ever withdrawn though it was right up to the
        tolerance.
    level : float, default=0.95
        Of the intervals, in (0, 1).
    max_rows : int, default=10_000
        Number of rows that wait for a label, or had one, and are remembered.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns.
    calibration_ : {"none", "sigmoid", "isotonic"}
        How probabilities are corrected.
    n_reference_ : int
        Number of rows of the reference.
    withdrawn_ : None or str
        Why the estimate is withdrawn, and what to do.
    n_resolved_ : int
        Number of labels that it was compared with.

    See Also
    --------
    select_for_labelling : Rows to ask labels for.
    skretrain.drift.RiskMonitor : A bound on the risk from labels alone.

    Notes
    -----
    *Calibration.* For each class, the probabilities are taken as they are, through a sigmoid of
    two parameters, or through an isotonic map, whichever has the smallest Brier score on
    rows of the reference left out, and made to sum to 1. The mapped probabilities stay right under
    a shift of the inputs as far as the rows of one score stay of one kind. With `X` in :meth:`fit`
    and :meth:`estimate`, rows of the reference count by how much they are like the new ones
    (the odds of a classifier that tells them apart, at most 20 times the mean), which makes up for
    much of the rest.

    *Intervals.* Labels are drawn 60 times from probabilities of calibrations that were fitted to
    resampled reference rows; the standard deviation of the metric over these gives a normal
    interval. It holds for the realised value on these very rows, as long as the estimate is not
    refuted.

    *Withdrawal.* Of each label that comes, it is bet on the difference between what was expected
    and what came, of being right and of being of each class [3]_. If, given the past, all means
    are within what is allowed, the estimate is ever withdrawn with a probability of at most
    `alpha`. Allowed is `tolerance` plus the quantile of the error of the reference at
    :math:`\alpha / 2`, about 0.05 for 1,000 rows of which 0.85 are right. The labels must not
    come for rows chosen by their label: where frauds are known first, early labels refute what
    is right; wait until all labels of a period are there.

    References
    ----------
    .. [1] J. Białek, W. Kuberski, N. Perrakis and A. Bifet (2024). "Estimating model performance
       under covariate shift without labels". arXiv:2401.08348.
    .. [2] D. Guillory, V. Shankar, S. Ebrahimi, T. Darrell and L. Schmidt (2021). "Predicting with
       confidence on unseen distributions". ICCV.
    .. [3] I. Waudby-Smith and A. Ramdas (2024). "Estimating means of bounded random variables by
       betting". Journal of the Royal Statistical Society B 86(1), 1-27.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import ExpectedPerformance
    >>> X, y, _ = make_drifting_classification(6_000, drift_rows=[5_000], random_state=0)
    >>> model = LogisticRegression().fit(X[:2_000], y[:2_000])
    >>> expected = ExpectedPerformance("accuracy")
    >>> expected = expected.fit(y[2_000:4_000], model.predict_proba(X[2_000:4_000]))
    >>> estimate = expected.estimate(model.predict_proba(X[4_000:5_000]))[0]
    >>> round(estimate.value, 3), round(model.score(X[4_000:5_000], y[4_000:5_000]), 3)
    (0.939, 0.943)

    After row 5,000 the labels mean something else, and as they come, the estimate is withdrawn:

    >>> for start in range(5_000, 6_000, 100):
    ...     ids = range(start, start + 100)
    ...     expected = expected.update(ids, model.predict_proba(X[ids])).resolve(ids, y[ids])
    >>> print(expected.withdrawn_)
    0.310 of the predictions right, where 0.936 were expected, in the newest 100 labelled rows: the
    probabilities do not mean what they did. Fit again on newer labelled rows.
    """

    def __init__(
        self,
        metrics=("accuracy", "recall", "roc_auc"),
        *,
        cost_matrix=None,
        tolerance=0.015,
        alpha=0.01,
        level=0.95,
        max_rows=10_000,
    ):
        self.metrics = metrics
        self.cost_matrix = cost_matrix
        self.tolerance = tolerance
        self.alpha = alpha
        self.level = level
        self.max_rows = max_rows

    # -- learning from a reference -----------------------------------------------------------------

    def fit(self, y_true, y_proba, *, classes=None, X=None):
        """Learn from labelled rows how right the probabilities are; forget everything else.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of at least 100 rows that the model was not fitted on.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            What the model said of them; of two classes, the column of the greater label will do.
        classes : array-like of shape (n_classes,), default=None
            Labels of the columns, sorted, as in ``classes_`` of the model. None takes those in
            `y_true`, which must be as many as columns.
        X : array-like of shape (n_samples, n_features), default=None
            Their features, if later rows are to be compared with them: a dense array or a frame.

        Returns
        -------
        self : ExpectedPerformance
            Fitted.

        Raises
        ------
        ValueError
            If a parameter is not accepted, the arrays do not fit each other, the probabilities are
            none, or the rows are too few. What was learned before is then still there.
        """
        y_true = checked_labels("fit", y_true)
        classes = checked_classes(classes, y_true, y_proba)
        proba = checked_proba("fit", y_proba, len(classes))
        check_length("fit", y_true=len(y_true), y_proba=len(proba))
        costs, measures = self._check_parameters(classes)
        if X is not None:
            X = checked_rows("fit", "X", X)
            check_table("fit", X)
            check_length("fit", X=n_rows(X), y_true=len(y_true))
        places = places_of(y_true, classes)
        hits = np.eye(len(classes))[places]
        rng = np.random.default_rng(0)
        method = chosen_method(proba, hits, rng)
        self.classes_, self.calibration_, self.n_reference_ = classes, method, len(proba)
        self._costs, self._measures = costs, measures
        self._reference = proba, hits, X
        self._n_of_class = hits.sum(axis=0)
        self._calibration = Calibration(method, proba, hits, np.ones(len(proba)))
        residuals = _residuals(self._calibration(proba), proba.argmax(axis=1), hits)
        self._refutation = Refutation(residuals, self.tolerance, self.alpha)
        self._awaited, self.withdrawn_, self.n_resolved_ = Awaited(int(self.max_rows)), None, 0
        return self

    def _check_parameters(self, classes):
        """Return the costs and the measures, or raise ValueError."""
        check_number(self, "tolerance", least=0, below=1, what="a difference of shares")
        check_number(self, "alpha", above=0, below=1, what="a probability")
        check_number(self, "level", above=0, below=1, what="a probability")
        check_integer(self, "max_rows", least=1, what="a number of rows")
        measures = measures_of(
            self.metrics, classes, lambda accepted: refuse(self, "metrics", accepted)
        )
        asked = any(measure.kind == "cost" for measure in measures)
        return self._checked_costs(len(classes), asked), measures

    def _checked_costs(self, n_classes, asked):
        if self.cost_matrix is None:
            if asked:
                refuse(self, "cost_matrix", "given where metrics has 'cost'")
            return None
        if not asked:
            refuse(self, "cost_matrix", "None where metrics has no 'cost'")
        shape = n_classes, n_classes
        try:
            costs = np.array(self.cost_matrix, dtype=float)
        except (TypeError, ValueError):
            costs = np.empty(0)
        if costs.shape != shape or not np.isfinite(costs).all():
            refuse(self, "cost_matrix", f"finite numbers of shape {shape}: true class, predicted")
        return costs

    # -- estimating --------------------------------------------------------------------------------

    def estimate(self, y_proba=None, *, y_pred=None, X=None, chunk_size=None):
        """Return the expected metrics of rows without labels, or of those that wait for one.

        Parameters
        ----------
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,), default=None
            What the model says of the rows. None means the rows of :meth:`update` that are
            remembered: those that have their label count as they came, the others as expected.
        y_pred : array-like of shape (n_samples,), default=None
            What it predicts; None means the class with the largest probability.
        X : array-like of shape (n_samples, n_features), default=None
            Features of the rows, if :meth:`fit` had those of the reference: the calibration is then
            made for rows like these, unless they are fewer than 30.
        chunk_size : int, default=None
            Estimate for each so many successive rows apart; None is all rows together.

        Returns
        -------
        estimates : list of PerformanceEstimate
            One for each metric of each chunk. ``pandas.DataFrame(estimates)`` is a table.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the arrays are not accepted.
        """
        check_is_fitted(self)
        check_integer("estimate", "chunk_size", chunk_size, least=1, what="rows", otherwise=(None,))
        if y_proba is None:
            if y_pred is not None or X is not None:
                raise ValueError("estimate: y_pred and X are of rows in y_proba, which is None.")
            proba, predicted, labels = self._awaited.rows()
        else:
            proba, predicted = self._checked_rows("estimate", y_proba, y_pred)
            labels = np.full(len(proba), -1)
            X = self._checked_features(X, len(proba))
        size = chunk_size or max(len(proba), 1)
        plain = self._calibrations(self.calibration_, np.ones(self.n_reference_))
        estimates = []
        for start in range(0, len(proba), size):
            rows = slice(start, start + size)
            near = plain
            if X is not None and len(proba[rows]) >= FEWEST_ROWS:
                near = self._weighted(take_rows(X, rows))
            estimates += self._chunk(start, proba[rows], predicted[rows], labels[rows], *near)
        return estimates

    def _chunk(self, start, proba, predicted, labels, calibration, others):
        rows = Rows(self._measures, proba, predicted, self._costs)
        known = np.eye(len(self.classes_))[labels]
        is_open = (labels < 0)[:, np.newaxis]
        values = rows.values(np.where(is_open, calibration(proba), known))
        draws = [
            rows.values(
                np.where(is_open, drawn_labels(again(proba), np.random.default_rng(k)), known)
            )
            for k, again in enumerate(others)
        ]
        return [
            self._as_estimate(measure, value, column, start, labels)
            for measure, value, column in zip(self._measures, values, zip(*draws), strict=True)
        ]

    def _as_estimate(self, measure, value, draws, start, labels):
        counts = len(labels), int((labels >= 0).sum()), start
        reason = self.withdrawn_ or self._why_unknown(measure, value)
        if reason:
            return PerformanceEstimate(measure.name, *[np.nan] * 3, *counts, reason)
        draws = np.array(draws)[np.isfinite(draws)]
        width = norm.ppf((1 + self.level) / 2) * draws.std()
        least, most = (0.0, 1.0) if measure.kind != "cost" else (-np.inf, np.inf)
        low, high = max(value - width, least), min(value + width, most)
        return PerformanceEstimate(measure.name, *map(float, (value, low, high)), *counts, "")

    def _why_unknown(self, measure, value):
        if measure.kind in ("accuracy", "cost"):
            return ""
        places = range(len(self.classes_)) if measure.place is None else [measure.place]
        for place in places:
            n, label = int(self._n_of_class[place]), self.classes_.tolist()[place]
            if n < _FEWEST_OF_CLASS:
                few = f"{counted(n, 'row')} of class {label!r}, and {_FEWEST_OF_CLASS} are needed"
                return f"the reference has {few}"
        return "" if np.isfinite(value) else f"{measure.name} has no rows to be a share of"

    def _calibrations(self, method, weight):
        """Return the calibration of the weighted reference, and those of resampled ones."""
        proba, hits, _ = self._reference
        again = resampled(method, proba, hits, weight)
        return Calibration(method, proba, hits, weight), again

    def _weighted(self, X):
        """Return the calibrations for rows like these."""
        chances = domain_probabilities(self._reference[2], X)[0]
        odds = chances / (1 - chances)
        weight = np.minimum(odds, _MOST_ODDS * odds.mean())
        # Right for all rows of the reference is not right for those that count now.
        method = "sigmoid" if self.calibration_ == "none" else self.calibration_
        return self._calibrations(method, weight * len(weight) / weight.sum())

    def _checked_rows(self, caller, y_proba, y_pred):
        """Return probabilities, and the columns of the predicted classes."""
        proba = checked_proba(caller, y_proba, len(self.classes_))
        if y_pred is None:
            return proba, proba.argmax(axis=1)
        y_pred = checked_labels(caller, y_pred, "y_pred")
        check_length(caller, y_pred=len(y_pred), y_proba=len(proba))
        unknown = unseen_labels(y_pred, self.classes_)
        if len(unknown):
            raise ValueError(
                f"{caller}: y_pred has {unknown.tolist()[:5]}, which are none of the classes "
                f"{self.classes_.tolist()[:5]} of the reference: fit on labelled rows of the model "
                "that predicts them."
            )
        return proba, places_of(y_pred, self.classes_)

    def _checked_features(self, X, n):
        if X is None:
            return None
        if self._reference[2] is None:
            raise ValueError("estimate: X is given, and fit had none to compare it with.")
        X = checked_rows("estimate", "X", X)
        check_table("estimate", X)
        check_length("estimate", X=n_rows(X), y_proba=n)
        return X

    # -- labels that come --------------------------------------------------------------------------

    def update(self, ids, y_proba, *, y_pred=None):
        """Remember rows that were served, until their labels come.

        Parameters
        ----------
        ids : sequence of hashable, of length n_samples
            Names of the rows, none of which is remembered: numbers of rows, or what
            ``PendingLabels.predict`` returns.
        y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            What the model said of them.
        y_pred : array-like of shape (n_samples,), default=None
            What it predicted; None means the class with the largest probability.

        Returns
        -------
        self : ExpectedPerformance
            The estimator.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If an id comes twice, or the arrays are not accepted. Then nothing is remembered.
        """
        check_is_fitted(self)
        proba, predicted = self._checked_rows("update", y_proba, y_pred)
        ids = checked_ids("update", ids, len(proba))
        twice = [each for each in ids if each in self._awaited]
        if twice:
            raise ValueError(f"update: ids {twice[:5]} are those of rows that are remembered.")
        self._awaited.add(ids, proba, predicted)
        return self

    def resolve(self, ids, y_true):
        """Compare what was expected of rows with their labels.

        A label that comes again replaces the one before, and is not compared a second time. A
        label that is none of the classes withdraws the estimate.

        Parameters
        ----------
        ids : sequence of hashable, of length n_samples
            Rows of :meth:`update`, in any order.
        y_true : array-like of shape (n_samples,)
            Their labels.

        Returns
        -------
        self : ExpectedPerformance
            The estimator; see `withdrawn_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If an id is unknown or comes twice, or a label is missing. Then nothing has changed.
        """
        check_is_fitted(self)
        y_true = checked_labels("resolve", y_true)
        ids = checked_ids("resolve", ids, len(y_true))
        unknown = [each for each in ids if each not in self._awaited]
        if unknown:
            raise ValueError(
                f"resolve: ids {unknown[:5]} are not remembered. Rows are named by update, and "
                f"forgotten when max_rows={self.max_rows} others have come: leave these out, or "
                "remember more."
            )
        foreign = unseen_labels(y_true, self.classes_)
        if len(foreign):
            self._withdraw(f"labels {foreign.tolist()[:5]} came, which the reference does not have")
            return self
        self._compare(self._awaited.label(ids, places_of(y_true, self.classes_)))
        return self

    def _compare(self, ids):
        """Bet on the rows of some ids, which have their labels."""
        if not ids:
            return
        self.n_resolved_ += len(ids)
        log_evidence = self._refutation.update(_residuals(*self._outcomes(ids)))
        worst = int(np.argmax(log_evidence))
        if log_evidence[worst] >= self._refutation.needed:
            self._withdraw(self._difference(worst))

    def _outcomes(self, ids):
        """Return calibrated probabilities, predicted columns and labels as columns of 0 and 1."""
        proba, predicted, labels = self._awaited.rows(ids)
        return self._calibration(proba), predicted, np.eye(len(self.classes_))[labels]

    def _difference(self, which):
        """Return in words what was expected of the newest labelled rows, and what came."""
        labelled = self._awaited.labelled()[-_SHOWN:]
        hits, predicted, came = self._outcomes(labelled)
        if which == 0:
            rows = np.arange(len(labelled))
            what, shares = "the predictions right", (hits[rows, predicted], came[rows, predicted])
        else:
            place = _columns(len(self.classes_))[which - 1]
            what = f"the rows of class {self.classes_.tolist()[place]!r}"
            shares = hits[:, place], came[:, place]
        expected, realised = (float(share.mean()) for share in shares)
        return (
            f"{realised:.3f} of {what}, where {expected:.3f} were expected, in the newest "
            f"{counted(len(labelled), 'labelled row')}"
        )

    def _withdraw(self, why):
        self.withdrawn_ = self.withdrawn_ or (
            f"{why}: the probabilities do not mean what they did. Fit again on newer labelled rows."
        )


def _columns(n_classes):
    """Return the classes whose shares say all: of two, one does."""
    return [1] if n_classes == 2 else list(range(n_classes))


def _residuals(proba, predicted, hits):
    """Return what was expected minus what came: of being right, and of being of each class."""
    differences = proba - hits
    right = differences[np.arange(len(proba)), predicted]
    return np.column_stack([right, differences[:, _columns(proba.shape[1])]])
