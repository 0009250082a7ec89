"""What a fleet answers, as methods of an estimator: there where the retrainer has them."""

from contextlib import suppress

from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if

from ...utils._losses import task_of
from ._file_store import Changed
from ._shelf import Gone

_MOST_TRIES = 10  # of an answer: so much rarely changes while it is given


def _of_retrainer(method, *, unless=None):
    """Make a method available where the retrainer has it, and not another one."""

    def check(self):
        getattr(self._own, method)
        return unless is None or not hasattr(self._own, unless)

    return check


def _has_score(self):
    return task_of(self._own.estimator) != "unsupervised"


class PredictingMixin:
    """Methods that read what serves and change nothing."""

    @available_if(_of_retrainer("predict"))
    def predict(self, X):
        """Predict each row by the model of its segment, the pooled one, or both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments, also of those that were never seen.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the order of the rows. Nothing is learned.
        """
        return self._answered(X, "predict")

    @available_if(_of_retrainer("predict_proba"))
    def predict_proba(self, X):
        """Predict class probabilities by the model of its segment, the pooled one, or both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            One column per class of ``classes_``; 0 for a class that no model has seen.
        """
        return self._answered(X, "predict_proba")

    @available_if(_of_retrainer("decision_function", unless="predict_proba"))
    def decision_function(self, X):
        """Return the decision function of the model of its segment or of the pooled one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Of the model that counts more.
        """
        return self._answered(X, "of_method", "decision_function")

    @available_if(_of_retrainer("score_samples"))
    def score_samples(self, X):
        """Return how normal each row is to the model of its segment or to the pooled one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Of the model that counts more.
        """
        return self._answered(X, "of_method", "score_samples")

    @available_if(_has_score)
    def score(self, X, y, sample_weight=None):
        """Return the accuracy of a classifier, the R2 of a regressor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        score : float
            Nothing is learned.
        """
        y_pred = self.predict(X)
        metric = r2_score if task_of(self._own.estimator) == "regression" else accuracy_score
        return metric(y, y_pred, sample_weight=sample_weight)

    def _answered(self, X, method, *args):
        """Return what a method of the answers for rows returns."""
        for _ in range(_MOST_TRIES):
            # Another thread has just ended a segment, or begun it anew, or another process learned.
            with suppress(Changed, Gone, NotFittedError):
                return getattr(self._answers(X), method)(*args)
        return getattr(self._answers(X), method)(*args)
