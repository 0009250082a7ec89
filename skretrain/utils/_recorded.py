"""What models answered along a stream, in a shape that a scorer of scikit-learn can ask."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import get_tags

from ._containers import n_rows
from ._labels import spread
from ._losses import task_of
from ._sklearn_api import response_methods

# What stands for a class that a model did not know.
FILL = {
    "predict_proba": 0.0,
    "predict_log_proba": -np.inf,
    "decision_function": None,
}


class Recorded(BaseEstimator):
    """What an estimator answered along a stream, in a shape that a scorer can ask.

    Its classes are those that are given, or else those of the estimator in the end.
    """

    def __init__(self, estimator=None, classes=None):
        self.estimator = estimator
        self.classes = classes
        self.batches = []

    def add(self, outputs, classes):
        """Append the outputs on one batch, by method, with the classes they were given for."""
        self.batches.append((outputs, classes))

    def batch(self, number):
        """Return the record of one batch alone."""
        one = Recorded(self.estimator, self.classes)
        one.batches = [self.batches[number]]
        return one

    def fit(self, X, y=None):
        """Do nothing; by this method, scikit-learn tells an estimator."""
        return self

    def score(self, X, y):
        """Return accuracy or R2, as classifiers and regressors do."""
        metric = r2_score if task_of(self.estimator) == "regression" else accuracy_score
        return metric(y, self.predict(X))

    def __sklearn_tags__(self):
        return get_tags(self.estimator)

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return self.estimator.classes_ if self.classes is None else self.classes

    def __getattr__(self, method):
        # Only the methods that were recorded exist, as scorers expect of an estimator.
        batches = self.__dict__.get("batches", ())
        if not any(method in outputs for outputs, _ in batches):
            raise AttributeError(method)

        def answer(X):
            output = self._all_of(method)
            if X is not None and n_rows(X) != len(output):
                raise ValueError(
                    f"The scorer asked for {method} on {n_rows(X)} rows; what was recorded along "
                    f"the stream are the answers for {len(output)} rows, in their order."
                )
            return output

        answer.__name__ = method  # scorers tell by the name what they were given
        return answer

    def _all_of(self, method):
        # A batch of which no row could be read has no outputs.
        answers = [(outputs[method], old) for outputs, old in self.batches if method in outputs]
        final = getattr(self, "classes_", None)
        if method not in FILL or not isinstance(final, np.ndarray):
            return np.concatenate([output for output, _ in answers])
        return np.concatenate([spread(output, old, final, FILL[method]) for output, old in answers])


def methods_for(scorers, estimator):
    """Return the prediction methods that scorers may ask for, ``predict`` among them."""
    wanted = {"predict": None}
    for scorer in scorers:
        for method in response_methods(scorer) or ("predict_proba", "decision_function"):
            if hasattr(estimator, method):
                wanted[method] = None
    return list(wanted)


def methods_of(scorer, *models):
    """Return what a scorer asks for: of several methods that would do, the first there is."""
    methods = response_methods(scorer)
    there = [name for name in methods or () if all(hasattr(model, name) for model in models)]
    return there[:1] or methods_for([scorer], models[0])


def score_of(scorer, record, X, y):
    """Return the score of what was recorded, or raise what says that there is none.

    Parameters
    ----------
    scorer : callable
        As scikit-learn has it: higher is better, whatever it measures.
    record : Recorded
        Asked instead of an estimator.
    X : container
        Rows, as many as there are answers.
    y : ndarray or None
        Targets. As a grid search does: without any, scorers are called without.

    Raises
    ------
    ValueError, UserWarning
        If the score is not defined on these rows, as the area under the curve of a single class.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "No positive class found", UserWarning)
        warnings.simplefilter("error", UndefinedMetricWarning)
        return float(scorer(record, X) if y is None else scorer(record, X, y))


def score_or_nan(scorer, record, X, y):
    """Return the score of what was recorded, NaN where it is not defined."""
    try:
        return score_of(scorer, record, X, y)
    except (ValueError, UserWarning):
        return np.nan
