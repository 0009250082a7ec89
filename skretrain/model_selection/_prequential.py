"""Prequential evaluation: every row is first predicted, then learned, in time order."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from ..utils._containers import as_container, n_rows, take_rows
from ..utils._costs import Stopwatch
from ..utils._optional import import_optional
from ._stream import (
    Recorded,
    check_incremental,
    check_stream_size,
    interleave,
    methods_for,
    scorer_for,
)


class CostMeter:
    """Adds up what predicting and learning cost, in processor seconds."""

    def __init__(self):
        self.predict_seconds = 0.0
        self.fit_seconds = 0.0
        self.rows_learned = 0
        self.batches_learned = 0

    @contextmanager
    def predicting(self):
        """Measure a prediction."""
        with Stopwatch() as watch:
            yield
        self.predict_seconds += watch.cpu_seconds

    @contextmanager
    def fitting(self):
        """Measure a fit."""
        with Stopwatch() as watch:
            yield
        self.fit_seconds += watch.cpu_seconds


@dataclass
class PrequentialResult:
    """What :func:`prequential_validate` returns.

    Attributes
    ----------
    score : float
        The score of all predictions together.
    rows : ndarray of shape (n_predictions,)
        Stream rows of the predictions.
    y_true, y_pred : ndarray of shape (n_predictions,)
        Targets and the predictions served at the time.
    batch_rows : ndarray of shape (n_batches,)
        First row of each batch.
    batch_scores : ndarray of shape (n_batches,)
        The score of each batch; NaN where the scorer is not defined on it.
    fit_seconds, predict_seconds : float
        Processor seconds of learning (the first fit included) and of predicting.
    n_fits : int
        Fits from scratch, the first one included.
    rows_fitted : int
        Rows that went into fits and updates, a row counted as often as it was gone through.
    label_delay : int
        Rows between a prediction and its label.
    events : EventLog or None
        The retrainer's log; its rows count what was learned, `label_delay` behind the predictions.
    estimator : estimator
        The estimator as the stream left it.
    """

    score: float
    rows: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    batch_rows: np.ndarray
    batch_scores: np.ndarray
    fit_seconds: float
    predict_seconds: float
    n_fits: int
    rows_fitted: int
    label_delay: int
    events: Any
    estimator: Any

    def to_frame(self):
        """Return a pandas DataFrame with the columns ``row`` and ``score``, one row per batch."""
        pandas = import_optional("pandas", caller="PrequentialResult.to_frame", extra="cli")
        return pandas.DataFrame({"row": self.batch_rows, "score": self.batch_scores})


def prequential_predict(
    estimator, X, y, *, batch_size=100, initial_size=None, label_delay=0, method="predict"
):
    """Predict each row before it is learned, as a deployed model would.

    A clone of `estimator` is fitted on the first `initial_size` rows and then goes through the rest
    in batches: predict, and learn the rows whose labels are known by then.

    Parameters
    ----------
    estimator : estimator
        Anything with ``partial_fit``; it is cloned.
    X : array-like of shape (n_samples, n_features)
        The stream in time order.
    y : array-like of shape (n_samples,)
        Targets.
    batch_size : int, default=100
        Rows per batch.
    initial_size : int or None, default=None
        Rows of the first fit, which are not predicted. None is one batch.
    label_delay : int, default=0
        Rows between a prediction and its label. With 0, the labels of a batch are learned before
        the next batch.
    method : {"predict", "predict_proba", "decision_function"}, default="predict"
        What to return.

    Returns
    -------
    predictions : ndarray of shape (n_samples - initial_size,) or with a column per class
        Predictions served for the rows from `initial_size` on.

    Raises
    ------
    TypeError
        If the estimator has no ``partial_fit``.
    ValueError
        If a size is invalid.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import prequential_predict
    >>> X, y, _ = make_drifting_classification(1000, random_state=0)
    >>> prequential_predict(GaussianNB(), X, y, batch_size=50).shape
    (950,)
    """
    recorded, _, _ = _run(
        estimator, X, y, batch_size, initial_size, label_delay, lambda est: [method]
    )
    return getattr(recorded, method)(None)


def prequential_validate(
    estimator, X, y, *, scoring=None, batch_size=100, initial_size=None, label_delay=0
):
    """Evaluate an estimator on a stream, test-then-train, with its costs.

    What is scored is what was served: the prediction made when the row came in, by the model of
    that moment, before the row's label or any later one was known [1]_.

    Parameters
    ----------
    estimator : estimator
        Anything with ``partial_fit``; it is cloned.
    X : array-like of shape (n_samples, n_features)
        The stream in time order.
    y : array-like of shape (n_samples,)
        Targets.
    scoring : str, callable or None, default=None
        A scikit-learn scorer or its name. None is accuracy for classifiers and R2 for
        regressors.
    batch_size : int, default=100
        Rows per batch.
    initial_size : int or None, default=None
        Rows of the first fit, which are not scored. None is one batch.
    label_delay : int, default=0
        Rows between a prediction and its label. Scores at different delays cannot be compared: on
        autocorrelated streams, a delay of 0 makes it easy to repeat the last label.

    Returns
    -------
    result : PrequentialResult
        Score, predictions, score per batch, processor seconds, fits, rows fitted, events.

    Raises
    ------
    TypeError
        If the estimator has no ``partial_fit``.
    ValueError
        If a size is invalid.

    References
    ----------
    .. [1] J. Gama, R. Sebastiao, P. P. Rodrigues, "On evaluating stream learning algorithms",
       Machine Learning 90, 2013.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import prequential_validate
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression(), random_state=0)
    >>> result = prequential_validate(model, X, y, batch_size=100, label_delay=100)
    >>> bool(result.score > 0.8), result.estimator.n_drifts_
    (True, 1)
    """
    scorer = scorer_for(estimator, scoring)
    recorded, stream, meter = _run(
        estimator, X, y, batch_size, initial_size, label_delay, lambda est: methods_for(scorer, est)
    )
    X_rest, y_rest, start = stream
    fitted = recorded.estimator
    firsts = np.arange(start, start + n_rows(X_rest), batch_size)
    events = getattr(fitted, "events_", None)
    return PrequentialResult(
        score=float(scorer(recorded, X_rest, y_rest)),
        rows=np.arange(start, start + n_rows(X_rest)),
        y_true=y_rest,
        y_pred=recorded.predict(X_rest),
        batch_rows=firsts,
        batch_scores=_batch_scores(recorded, scorer, X_rest, y_rest, batch_size),
        fit_seconds=meter.fit_seconds,
        predict_seconds=meter.predict_seconds,
        n_fits=1 if events is None else events.totals["fits"],
        rows_fitted=start + meter.rows_learned if events is None else events.totals["rows_fitted"],
        label_delay=label_delay,
        events=events,
        estimator=fitted,
    )


def _run(estimator, X, y, batch_size, initial_size, label_delay, choose_methods):
    """Fit a clone on the first rows, send it through the rest, and record what it answered."""
    check_incremental(estimator)
    check_stream_size("batch_size", batch_size, least=1)
    check_stream_size("label_delay", label_delay, least=0)
    start = batch_size if initial_size is None else initial_size
    check_stream_size("initial_size", start, least=1)
    check_consistent_length(X, y)
    X, y, total = as_container(X), np.asarray(y), n_rows(X)
    if start >= total:
        raise ValueError(
            f"initial_size={start} leaves none of the {total} rows to predict: lower it, or "
            f"batch_size."
        )
    meter, model = CostMeter(), clone(estimator)
    with meter.fitting():
        model.fit(take_rows(X, slice(0, start)), y[:start])
    recorded = Recorded(model)
    for _, _, outputs in interleave(
        model,
        X,
        y,
        start=start,
        batch_size=batch_size,
        label_delay=label_delay,
        methods=choose_methods(model),
        watch=meter,
    ):
        recorded.add(outputs)
    return recorded, (take_rows(X, slice(start, total)), y[start:], start), meter


def _batch_scores(recorded, scorer, X, y, batch_size):
    scores = []
    for number, first in enumerate(range(0, len(y), batch_size)):
        part = slice(first, first + batch_size)
        try:
            scores.append(float(scorer(recorded.batch(number), take_rows(X, part), y[part])))
        except ValueError:
            # Ranking scores, for one, are not defined on a batch with a single class.
            scores.append(np.nan)
    return np.array(scores)
