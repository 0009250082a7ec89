"""Recursive ridge for classes."""

import warnings

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from ..utils._labels import unseen_labels
from ._base import RecursiveRidge


class RecursiveRidgeClassifier(ClassifierMixin, RecursiveRidge):
    """Ridge classification that learns batch after batch, exactly, and can forget.

    Least squares on targets of 1 for the class of a row and -1 for all others, one target per
    class, as in :class:`~sklearn.linear_model.RidgeClassifier`; see
    :class:`RecursiveRidgeRegressor`, whose parameters are the same. A class that comes later is one
    target more, which was -1 in all rows before: the coefficients are those of a fit that had known
    it from the start.

    Behind random features, such as :class:`~sklearn.kernel_approximation.RBFSampler`, and with
    several rates of forgetting, it is a kernel machine that never stops learning.

    Parameters
    ----------
    alpha : float, default=1.0
        The penalty of the squared coefficients, at least 0.
    forgetting : float or sequence of float, default=1.0
        The weight of a row that is one row older, in (0, 1]. Of several, each has coefficients of
        its own, which are weighted by the share of the latest rows that each got right before it
        learned them.
    fit_intercept : bool, default=True
        Whether there is an intercept.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, the weighted mean over the rates.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, likewise.
    rate_weights_ : ndarray of shape (n_rates,)
        Weights of the rates of forgetting.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    RecursiveRidgeRegressor : The same for numbers, with the costs and the references.

    Examples
    --------
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.linear_model import RecursiveRidgeClassifier
    >>> from skretrain.model_selection import prequential_validate
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> rates = (0.99, 0.997, 0.999, 0.9999)
    >>> result = prequential_validate(RecursiveRidgeClassifier(forgetting=rates), X, y)
    >>> print(f"{result.score:.2f} with four rates")
    0.86 with four rates
    >>> never = prequential_validate(RecursiveRidgeClassifier(), X, y)
    >>> print(f"{never.score:.2f} without forgetting")
    0.68 without forgetting
    """

    _has_numbers = False

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Learn a batch beside all that was learned before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features, in the order of time where `forgetting` is below 1.
        y : array-like of shape (n_samples,)
            Labels; new ones are added to the classes.
        classes : array-like of shape (n_classes,), default=None
            Labels that are known to exist, whether or not there are rows of them.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows each row counts as, at least 0. None is 1.

        Returns
        -------
        self : RecursiveRidgeClassifier
            With the batch learned.

        Raises
        ------
        ValueError
            If a parameter or the input is invalid; nothing has changed then.
        """
        with warnings.catch_warnings():
            # Of a small batch of many classes, that is no sign of a regression.
            warnings.filterwarnings("ignore", "The number of unique classes is greater")
            return self._learn(X, y, sample_weight, reset=False, classes=classes)

    def _targets(self, y, *, reset, classes=None):
        check_classification_targets(y)
        if reset:
            self.classes_ = _united(y, classes)
        elif classes is not None or len(unseen_labels(y, self.classes_)):
            self._grow(_united(self.classes_, classes, y))
        return np.where(y[:, None] == self.classes_, 1.0, -1.0)

    def _grow(self, classes):
        """Make room for the sorted labels `classes`, a superset of the model's own, in place."""
        if len(classes) == len(self.classes_):
            return
        places = np.searchsorted(classes, self.classes_)
        for moments in self._moments_:
            moments.grow(places, len(classes), -1.0)
        self.classes_ = classes

    def _gains(self, told, Y):
        """Return of each rate and row whether it was right."""
        return (told.argmax(axis=2) == Y.argmax(axis=1)).astype(np.float64)

    def decision_function(self, X):
        """Return the scores, of which the largest decides.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            About 1 for the class of a row, and about -1 for others; of two classes, that of the
            second alone.
        """
        told = self._told(X)
        return told[:, -1] if len(self.classes_) <= 2 else told

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels.
        """
        best = self._told(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return probabilities of the classes.

        The least squares fit of 1 and -1 estimates ``2 P - 1``: a score s stands for
        ``(1 + s) / 2``. That is cut off where it leaves what the rows can tell, one row of another
        class among them, and divided by the sum over the classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities.
        """
        told, least = self._told(X), self._least_proba()
        proba = np.clip((1 + told) / 2, least, 1 - least)
        return proba / proba.sum(axis=1, keepdims=True)

    def _least_proba(self):
        """Return the smallest probability that so many rows can tell."""
        return 1 / (2 + float(self.rate_weights_ @ [m.weight for m in self._moments_]))

    def score(self, X, y, sample_weight=None):
        """Return the accuracy.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            The share of the weight of rows whose label is predicted.
        """
        return super().score(X, y, sample_weight)

    @property
    def coef_(self):
        """Coefficients, the weighted mean over the rates."""
        coef = self._linear()[0].T
        return coef[1:] if len(self.classes_) == 2 else coef

    @property
    def intercept_(self):
        """Intercepts, the weighted mean over the rates."""
        intercept = self._linear()[1]
        return intercept[1:] if len(self.classes_) == 2 else intercept


def _united(*labels):
    """Return the sorted union of labels, of which some may be None or empty."""
    return unique_labels(*(np.asarray(some) for some in labels if some is not None and len(some)))
