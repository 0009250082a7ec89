"""The methods of the base, on the retrainer: there exactly where the base has them."""

import numpy as np
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if

from ..utils._sklearn_api import predict_of, predict_proba_of, routing_enabled
from ._border import queried


def delegate_has(*methods):
    """Make a method available exactly where the serving model, or else the base, has these."""

    def check(self):
        serving = self._snapshot
        model = self.estimator if serving is None else serving.model
        for method in methods:
            getattr(model, method)
        return True

    return check


class DelegationMixin:
    """Methods that read the serving model and change nothing."""

    @available_if(delegate_has("predict"))
    def predict(self, X):
        """Predict with the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions. Nothing is learned.
        """
        return predict_of(self._serving().model, queried(self, X))

    @available_if(delegate_has("predict_proba"))
    def predict_proba(self, X):
        """Predict class probabilities with the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            One column per class of ``classes_``; 0 for a class that the model has not seen.
        """
        serving = self._serving()
        return serving.spread(predict_proba_of(serving.model, queried(self, X)), 0.0)

    @available_if(delegate_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Predict logarithms of class probabilities with the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            One column per class of ``classes_``; ``-inf`` for a class that the model has not seen.
        """
        serving = self._serving()
        return serving.spread(serving.model.predict_log_proba(queried(self, X)), -np.inf)

    @available_if(delegate_has("decision_function"))
    def decision_function(self, X):
        """Return the decision function of the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            As the base gives it; the smallest finite number for a class that the model has not
            seen.
        """
        serving = self._serving()
        return serving.spread(serving.model.decision_function(queried(self, X)), None)

    @available_if(delegate_has("score_samples"))
    def score_samples(self, X):
        """Return how normal each row is to the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            As the base gives them.
        """
        return self._serving().model.score_samples(queried(self, X))

    @available_if(delegate_has("transform"))
    def transform(self, X):
        """Transform rows with the serving model (clusterers: distances to the centres).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            As the base gives it.
        """
        return self._serving().model.transform(queried(self, X))

    @available_if(delegate_has("fit_predict", "predict"))
    def fit_predict(self, X, y=None, **params):
        """Forget everything, learn, and predict the same rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in time order.
        y : None
            Ignored.
        **params : array-like of shape (n_samples,)
            Per-row metadata, as in :meth:`fit`.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predictions of the model that serves in the end.
        """
        return self.fit(X, y, **params).predict(X)

    @available_if(delegate_has("score"))
    def score(self, X, y=None, **params):
        """Score the serving model with the base's own ``score``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.
        **params : array-like of shape (n_samples,)
            Per-row metadata for the base's ``score``.

        Returns
        -------
        score : float
            Accuracy for classifiers, R2 for regressors. Nothing is learned.
        """
        if params and routing_enabled():
            params = process_routing(self, "score", **params)["estimator"]["score"]
        return self._serving().model.score(queried(self, X), y, **params)
