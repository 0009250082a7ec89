"""A scorer for GridSearchCV that lets the estimator go on learning through the held-out fold."""

import numpy as np
from sklearn.utils.validation import check_consistent_length

from ..utils._containers import n_rows, take_rows
from ..utils._copy import copy_fitted
from ..utils._recorded import Recorded, methods_for
from ._batches import Waiting, batches_of
from ._edges import edges_of
from ._stream import (
    CostMeter,
    check_incremental,
    interleave,
    scorer_for,
)
from ._timing import Timing, checked_lengths
from ._unreadable import warn_of_unpredicted


def make_prequential_scorer(scoring, *, batch_size, label_delay=0):
    """Make a scorer that tests, then trains, through the held-out rows.

    Plain scoring of a grid search asks only how good the model is that the training fold left
    behind. How a policy reacts to a drift shows only while it learns: this scorer copies the fitted
    estimator and sends the copy through the held-out fold, batch by batch, each batch predicted
    before it is learned. Use it with a splitter that keeps the order of time, such as
    ``TimeSeriesSplit``.

    Parameters
    ----------
    scoring : str, callable or None
        A scikit-learn scorer or its name; None is accuracy for classifiers and R2 for regressors.
    batch_size : int
        Rows per batch.
    label_delay : int, default=0
        Rows between a prediction and its label.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``; it changes neither the estimator nor anything else.

    Raises
    ------
    ValueError
        If a size is invalid.

    Warns
    -----
    SkretrainWarning
        If there are rows that the estimator cannot read, as :func:`prequential_validate` describes
        them: the score is that of the others.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import make_prequential_scorer
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> search = GridSearchCV(
    ...     DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=100),
    ...     {"update": ["warm_start", None]},
    ...     cv=TimeSeriesSplit(3),
    ...     scoring=make_prequential_scorer("accuracy", batch_size=100),
    ... ).fit(X, y)
    >>> len(search.cv_results_["mean_test_score"])
    2
    """
    sizes = {"batch_size": batch_size, "label_delay": label_delay}
    checked_lengths("make_prequential_scorer", **sizes)
    return _PrequentialScorer(scoring, batch_size, label_delay)


class _PrequentialScorer:
    """A class, not a closure: workers of other processes must be able to unpickle it."""

    def __init__(self, scoring, batch_size, label_delay):
        self.scoring = scoring
        self.batch_size = batch_size
        self.label_delay = label_delay

    def __call__(self, estimator, X, y=None):
        check_incremental(estimator)
        scorer = scorer_for(estimator, self.scoring)
        batches, model = self._batches(X, y), copy_fitted(estimator)
        recorded, masks = Recorded(model), []
        for _, outputs, classes, readable in interleave(
            model,
            batches,
            timing=Timing(0, self.label_delay),
            waiting=Waiting(),
            methods=methods_for([scorer], model),
            watch=CostMeter(),
        ):
            recorded.add(outputs, classes)
            masks.append(readable)
        readable = np.concatenate(masks)
        if not readable.all():
            warn_of_unpredicted(readable, "make_prequential_scorer", "left out of the score")
            X, y = take_rows(X, readable), None if y is None else np.asarray(y)[readable]
        if not readable.any():
            return np.nan
        # As a grid search does: without a target, scorers are called without one.
        return scorer(recorded, X) if y is None else scorer(recorded, X, y)

    def _batches(self, X, y):
        check_consistent_length(X, y)
        return batches_of(X, y, edges_of(n_rows(X), 0, self.batch_size)[1:])

    def __repr__(self):
        return (
            f"make_prequential_scorer({self.scoring!r}, batch_size={self.batch_size}, "
            f"label_delay={self.label_delay})"
        )
