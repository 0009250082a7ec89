"""The loop behind every evaluator: predict a batch, then learn the labels known by then."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import get_tags

from ..utils._containers import n_rows, take_rows
from ..utils._labels import padded
from ..utils._losses import task_of
from ..utils._sklearn_api import response_methods

_FILL = {"predict_proba": 0.0, "predict_log_proba": -np.inf, "decision_function": None}


def check_incremental(estimator):
    """Raise TypeError for an estimator that cannot learn from a stream."""
    if not hasattr(estimator, "partial_fit"):
        raise TypeError(
            f"{type(estimator).__name__} has no partial_fit, so that nothing can be learned "
            f"between the "
            "tests. Wrap the whole estimator, a Pipeline included: DriftAwareRetrainer(estimator) "
            "or "
            "ReplayPartialFit(estimator)."
        )


def check_stream_size(name, value, *, least):
    """Raise ValueError unless `value` is a whole number of rows of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name}={value!r}: {name} must be a number of rows, at least {least}.")


def interleave(estimator, X, y, *, start, batch_size, label_delay, methods, watch=None):
    """Yield ``(first, stop, outputs)`` for each batch from row `start` on, learning in between.

    A batch is predicted before any of its labels is learned. The label of row i is known once row
    ``i + label_delay`` has been predicted; the rows that became known together are learned as one
    batch.

    Parameters
    ----------
    estimator : estimator
        Changed in place by ``partial_fit``.
    X, y : array-like
        The stream in time order.
    start : int
        First row to predict; those before it are learned already.
    batch_size : int
        Rows per batch.
    label_delay : int
        In rows.
    methods : list of str
        What to ask the estimator for.
    watch : object with ``predict`` and ``fit`` context managers, or None
        Measures the costs.
    """
    total, learned = n_rows(X), start
    for first in range(start, total, batch_size):
        stop = min(first + batch_size, total)
        batch = take_rows(X, slice(first, stop))
        with watch.predicting():
            outputs = {method: getattr(estimator, method)(batch) for method in methods}
        yield first, stop, outputs
        known = stop - label_delay
        if known > learned:
            part = slice(learned, known)
            with watch.fitting():
                estimator.partial_fit(take_rows(X, part), None if y is None else y[part])
            watch.rows_learned += known - learned
            watch.batches_learned += 1
            learned = known


class Recorded(BaseEstimator):
    """What an estimator answered along a stream, in a shape that a scorer can ask."""

    def __init__(self, estimator=None):
        self.estimator = estimator
        self.answers = {}

    def add(self, outputs):
        """Append the outputs on one batch, with the classes they were given for."""
        classes = getattr(self.estimator, "classes_", None)
        for method, output in outputs.items():
            self.answers.setdefault(method, []).append((output, classes))

    def batch(self, number):
        """Return the record of one batch alone."""
        one = Recorded(self.estimator)
        one.answers = {method: [answers[number]] for method, answers in self.answers.items()}
        return one

    def fit(self, X, y=None):
        """Do nothing; by this method, scikit-learn tells an estimator."""
        return self

    def __sklearn_tags__(self):
        return get_tags(self.estimator)

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return self.estimator.classes_

    def __getattr__(self, method):
        # Only the methods that were recorded exist, as scorers expect of an estimator.
        answers = self.__dict__.get("answers", {})
        if method not in answers:
            raise AttributeError(method)

        def answer(X):
            return self._all_of(method)

        answer.__name__ = method  # scorers tell by the name what they were given
        return answer

    def _all_of(self, method):
        answers = self.answers[method]
        final = getattr(self.estimator, "classes_", None)
        if method not in _FILL or not isinstance(final, np.ndarray):
            return np.concatenate([output for output, _ in answers])
        return np.concatenate([_aligned(output, old, final, method) for output, old in answers])


def _aligned(output, classes, final, method):
    if len(classes) == len(final):
        return output
    if output.ndim == 1:
        output = np.column_stack([-output, output])
    fill = _FILL[method]
    return padded(output, classes, final, np.finfo(output.dtype).min if fill is None else fill)


def scorer_for(estimator, scoring):
    """Return the scorer for `scoring`; None is accuracy for a classifier and R2 for a regressor."""
    if scoring is None:
        defaults = {"classification": "accuracy", "regression": "r2"}
        scoring = defaults.get(task_of(estimator))
        if scoring is None:
            raise ValueError(
                f"scoring=None has no meaning for {type(estimator).__name__}, which is neither a "
                "classifier nor a regressor: pass a scorer."
            )
    return check_scoring(estimator, scoring)


def methods_for(scorer, estimator):
    """Return the prediction methods that `scorer` may ask for, ``predict`` among them."""
    wanted = response_methods(scorer) or ("predict_proba", "decision_function")
    return ["predict", *(m for m in wanted if m != "predict" and hasattr(estimator, m))]
