"""The methods of the base, on the retrainer: there exactly where the base has them."""

import numpy as np
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if

from ..utils._sklearn_api import predict_of, predict_proba_of, routing_enabled
from ._border import queried

# Forests answer small batches without a pool.
_QUICK = {"predict": predict_of, "predict_proba": predict_proba_of}


def delegate_has(*methods):
    """Make a method available exactly where the serving model, or else the base, has these."""

    def check(self):
        serving = self._snapshot
        model = self.estimator if serving is None else serving.model
        for method in methods:
            getattr(model, method)
        return True

    return check


_UNREAD = (
    "skretrain: if these rows are sound, partial_fit with their labels teaches the model to read "
    "them."
)


class DelegationMixin:
    """Methods that read the serving model and change nothing."""

    def _asked(self, method, X, params):
        """Return what serves, and what its method answers; `params` are for the base alone."""
        serving = self._serving()
        X = serving.readable(queried(self, X, serving.types))
        if params and routing_enabled():
            params = process_routing(self, method, **params)["estimator"][method]
        ask = _QUICK.get(method) if not params else None
        try:
            if ask is not None:
                return serving, ask(serving.model, X)
            return serving, getattr(serving.model, method)(X, **params)
        except Exception as error:
            error.add_note(_UNREAD)
            raise

    def _spread(self, method, X, params, fill):
        serving, output = self._asked(method, X, params)
        # What a parameter asks for, margins or contributions say, may have other columns.
        return output if params else serving.spread(output, fill)

    @available_if(delegate_has("predict"))
    def predict(self, X, **params):
        """Predict with the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        **params : dict
            What the base's own method takes besides, such as ``return_std=True``; with metadata
            routing enabled, what it requests.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions. Nothing is learned.
        """
        return self._asked("predict", X, params)[1]

    @available_if(delegate_has("predict_proba"))
    def predict_proba(self, X, **params):
        """Predict class probabilities with the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        **params : dict
            What the base's own method takes besides, such as ``return_std=True``; with metadata
            routing enabled, what it requests.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            One column per class of ``classes_``; 0 for a class that the model has not seen.
        """
        return self._spread("predict_proba", X, params, 0.0)

    @available_if(delegate_has("predict_log_proba"))
    def predict_log_proba(self, X, **params):
        """Predict logarithms of class probabilities with the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        **params : dict
            What the base's own method takes besides, such as ``return_std=True``; with metadata
            routing enabled, what it requests.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            One column per class of ``classes_``; ``-inf`` for a class that the model has not seen.
        """
        return self._spread("predict_log_proba", X, params, -np.inf)

    @available_if(delegate_has("decision_function"))
    def decision_function(self, X, **params):
        """Return the decision function of the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        **params : dict
            What the base's own method takes besides, such as ``return_std=True``; with metadata
            routing enabled, what it requests.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            As the base gives it; the smallest finite number for a class that the model has not
            seen.
        """
        return self._spread("decision_function", X, params, None)

    @available_if(delegate_has("score_samples"))
    def score_samples(self, X, **params):
        """Return how normal each row is to the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        **params : dict
            What the base's own method takes besides, such as ``return_std=True``; with metadata
            routing enabled, what it requests.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            As the base gives them.
        """
        return self._asked("score_samples", X, params)[1]

    @available_if(delegate_has("transform"))
    def transform(self, X, **params):
        """Transform rows with the serving model (clusterers: distances to the centres).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        **params : dict
            What the base's own method takes besides, such as ``return_std=True``; with metadata
            routing enabled, what it requests.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            As the base gives it.
        """
        return self._asked("transform", X, params)[1]

    @available_if(delegate_has("inverse_transform"))
    def inverse_transform(self, X, **params):
        """Take transformed rows back with the serving model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            What :meth:`transform` returned.
        **params : dict
            What the base's own method takes besides.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            As the base gives it.
        """
        return self._serving().model.inverse_transform(X, **params)

    @available_if(delegate_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that :meth:`transform` gives.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features; None is those of ``fit``.

        Returns
        -------
        names : ndarray of str
            As the serving model tells them.
        """
        return self._serving().model.get_feature_names_out(input_features)

    @available_if(delegate_has("set_output"))
    def set_output(self, *, transform=None):
        """Set the container that :meth:`transform` returns, of the base and of what serves.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            As in scikit-learn; None changes nothing.

        Returns
        -------
        self : object
            The retrainer.
        """
        self.estimator.set_output(transform=transform)
        if self._snapshot is not None:
            self._snapshot.model.set_output(transform=transform)
        return self

    @available_if(delegate_has("transform"))
    def fit_transform(self, X, y=None, **params):
        """Forget everything, learn, and transform the same rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in time order.
        y : array-like of shape (n_samples,) or None, default=None
            Targets.
        **params : array-like of shape (n_samples,)
            Per-row metadata, as in :meth:`fit`.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            By the model that serves in the end.
        """
        return self.fit(X, y, **params).transform(X)

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
        serving = self._serving()
        return serving.model.score(serving.readable(queried(self, X)), y, **params)
