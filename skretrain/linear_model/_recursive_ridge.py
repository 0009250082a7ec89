"""Ridge regression that goes on for ever: exact recursive least squares, with forgetting."""

import warnings
from itertools import pairwise
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ..exceptions import SkretrainWarning
from ..utils._fixed_share import ROWS_PER_UNIT, FixedShare
from ..utils._params import check_flag, check_number, is_number, refuse
from ..utils._restoring import Restoring
from ._moments import Moments

_BLOCK = 1000  # rows that are made dense, and weighed, at a time
_MANY = 2000  # features; their products take 32 megabytes for each rate
_LARGEST = 1e150  # the square of more is no number
_MEMORY, _SHARE = 0.9, 0.05  # of the weights of rates, as those of a mixture's members
_WORST = 4.0  # usual residuals; one that is so large gains nothing


class _RecursiveRidge(BaseEstimator):
    """What both tasks have in common."""

    def __init__(self, alpha=1.0, *, forgetting=1.0, fit_intercept=True):
        self.alpha = alpha
        self.forgetting = forgetting
        self.fit_intercept = fit_intercept

    def fit(self, X, y, sample_weight=None):
        """Forget everything, then learn.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features, in the order of time where `forgetting` is below 1.
        y : array-like of shape (n_samples,) or, for a regressor, (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows each row counts as, at least 0; also in forgetting. None is 1.

        Returns
        -------
        self : estimator
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the input is invalid. What was learned before is then still there.
        """
        return self._learn(X, y, sample_weight, reset=True)

    def _learn(self, X, y, sample_weight, *, reset, **options):
        with Restoring(self):
            return self._learned(X, y, sample_weight, reset=reset, **options)

    def _learned(self, X, y, sample_weight, *, reset, **options):
        rates = self._checked_rates()
        reset = reset or "_moments_" not in self.__dict__
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            **self._target_options,
        )
        counts = _checked_weight(sample_weight, X)
        _check_size(X)
        there = counts > 0
        if reset and not there.any():
            raise ValueError("Sample weights must contain at least one non-zero number.")
        if not there.all():
            X, y, counts = X[there], y[there], counts[there]
        Y = self._targets(y, reset=reset, **options)
        if reset:
            self._begin(X.shape[1], Y.shape[1], rates)
        for first, stop in pairwise([*range(0, len(counts), self._block), len(counts)]):
            part = slice(first, stop)
            block = X[part].toarray() if hasattr(X, "toarray") else X[part]
            block = np.asarray(block, dtype=np.float64)
            if len(self._moments_) > 1:
                self._weigh(block, Y[part], counts[part])
            for moments in self._moments_:
                moments.add(block, Y[part], counts[part])
        return self

    @property
    def _block(self):
        """Rows that are learned at a time: several rates are weighed by what they tell of each."""
        return _BLOCK if len(self._moments_) == 1 else ROWS_PER_UNIT

    def _checked_rates(self):
        check_number(self, "alpha", least=0, what="the penalty of the squared coefficients")
        check_flag(self, "fit_intercept")
        is_one = is_number(self.forgetting)
        rates = [self.forgetting] if is_one else self.forgetting
        try:
            rates = [float(rate) for rate in rates if is_number(rate, above=0, most=1)]
            is_valid = len(rates) == (1 if is_one else len(self.forgetting)) > 0
        except TypeError:
            is_valid = False
        if not is_valid or len(set(rates)) < len(rates):
            accepted = "a number above 0 and at most 1, or a sequence of different ones"
            refuse(self, "forgetting", accepted, self.forgetting)
        return rates

    def _begin(self, n_features, n_targets, rates):
        if n_features > _MANY:
            megabytes = len(rates) * n_features**2 * 8 / 1e6
            warnings.warn(
                f"{type(self).__name__} keeps the products of all {n_features:,} features, "
                f"{megabytes:,.0f} MB, and solves a system of that size for each batch: use fewer, "
                "as PCA, GaussianRandomProjection or RBFSampler give, or SGD.",
                SkretrainWarning,
                stacklevel=4,
            )
        centred = bool(self.fit_intercept)
        self._moments_ = [Moments(n_features, n_targets, rate, centred) for rate in rates]
        self._shares_ = FixedShare(len(rates), _MEMORY, _SHARE)

    def _weigh(self, X, Y, counts):
        """Weigh the rates by what each of them would have told of rows that none has learned."""
        if not self._moments_[0].weight:
            return
        coefs, intercepts = self._solutions()
        told = [X @ coef + intercept for coef, intercept in zip(coefs, intercepts, strict=True)]
        gains = self._gains(np.array(told), Y)
        weighted = gains @ counts / counts.sum()
        self._shares_.update(weighted, max(round(float(counts.sum())), 1))

    def _solutions(self):
        """Return the coefficients and intercepts of each rate; solved when they are asked for."""
        return zip(*(moments.solution(self.alpha) for moments in self._moments_), strict=True)

    def _linear(self):
        """Return the coefficients and intercepts of all rates together."""
        check_is_fitted(self, "_moments_")
        coefs, intercepts = self._solutions()
        weights = self.rate_weights_
        return np.tensordot(weights, coefs, 1), weights @ intercepts

    def _told(self, X):
        check_is_fitted(self, "_moments_")
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32])
        coef, intercept = self._linear()
        return X @ coef + intercept

    @property
    def rate_weights_(self):
        """Weights of the rates of forgetting, which sum to 1, ndarray of shape (n_rates,)."""
        check_is_fitted(self, "_moments_")
        return self._shares_.weights

    def __sklearn_is_fitted__(self):
        return "_moments_" in self.__dict__

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class RecursiveRidgeRegressor(MultiOutputMixin, RegressorMixin, _RecursiveRidge):
    r"""Ridge regression that learns batch after batch, exactly, and can forget.

    Recursive least squares with exponential forgetting [1]_: after any number of batches, the
    coefficients are those of the ridge regression on all rows together, a row that came ``n`` rows
    ago having the weight ``forgetting ** n``. With ``forgetting=1`` they are those of
    :class:`~sklearn.linear_model.Ridge`.

    Parameters
    ----------
    alpha : float, default=1.0
        The penalty of the squared coefficients, at least 0; of the intercept there is none. It
        keeps its meaning as old rows fade.
    forgetting : float or sequence of float, default=1.0
        The weight of a row that is one row older, in (0, 1]: at 0.999, the rows before the last
        1,000 have a third of all weight. Of several, each has coefficients of its own, and they are
        weighted by how well each predicted the latest rows before it learned them, as the members
        of a :class:`~skretrain.MixtureRetrainer` are.
    fit_intercept : bool, default=True
        Whether there is an intercept.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients, the weighted mean over the rates.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercepts, likewise.
    rate_weights_ : ndarray of shape (n_rates,)
        Weights of the rates of forgetting.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    RecursiveRidgeClassifier : The same for classes.
    sklearn.linear_model.Ridge : The same for all rows at once.

    Notes
    -----
    For each rate, a batch of ``n`` rows with ``p`` features takes the time of ``n p^2``
    multiplications, and the first question after it that of solving a system of size ``p``,
    ``p^3 / 3``; the memory is ``8 p^2`` bytes, however many rows come. A row of weight w counts as
    w rows, in forgetting, too: a weight of 0 is no row. Columns that are constant, equal or of
    sizes far apart do no harm: systems are solved in units of each column, and what has no solution
    gets a slightly larger penalty.

    References
    ----------
    .. [1] S. Haykin, "Adaptive Filter Theory", chapter on recursive least squares. Behind random
       features it is the online sequential learner of N.-Y. Liang et al., "A fast and accurate
       online sequential learning algorithm for feedforward networks", IEEE Transactions on Neural
       Networks 17(6), 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from skretrain.linear_model import RecursiveRidgeRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.normal(size=1000)
    >>> model = RecursiveRidgeRegressor()
    >>> for rows in np.split(np.arange(1000), 10):
    ...     model = model.partial_fit(X[rows], y[rows])
    >>> bool(np.allclose(model.coef_, Ridge().fit(X, y).coef_))
    True
    """

    _target_options = {"multi_output": True, "y_numeric": True}

    def partial_fit(self, X, y, sample_weight=None):
        """Learn a batch beside all that was learned before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features, in the order of time where `forgetting` is below 1.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows each row counts as, at least 0. None is 1.

        Returns
        -------
        self : RecursiveRidgeRegressor
            With the batch learned.

        Raises
        ------
        ValueError
            If a parameter or the input is invalid; nothing has changed then.
        """
        return self._learn(X, y, sample_weight, reset=False)

    def _targets(self, y, *, reset):
        Y = np.asarray(y, dtype=np.float64)
        if reset:
            self._n_outputs, self._usual = (None if Y.ndim == 1 else Y.shape[1]), None
        Y = Y[:, None] if Y.ndim == 1 else Y
        if Y.shape[1] != (self._n_outputs or 1):
            raise ValueError(
                f"y has {Y.shape[1]} target(s), and {type(self).__name__} has learned "
                f"{self._n_outputs or 1}: pass as many, or call fit."
            )
        return Y

    def _gains(self, told, Y):
        """Return of each rate and row how little it was wrong, in units of the usual residual."""
        residuals = np.abs(told - Y)
        now = np.median(residuals, axis=(0, 1))
        # What is usual changes slowly: a jump of all residuals is news for all rates.
        self._usual = now if self._usual is None else _MEMORY * self._usual + (1 - _MEMORY) * now
        worst = _WORST * np.where(self._usual > 0, self._usual, 1.0)
        return 1 - np.minimum(residuals / worst, 1.0).mean(axis=2)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        told = self._told(X)
        return told[:, 0] if self._n_outputs is None else told

    @property
    def coef_(self):
        """Coefficients, the weighted mean over the rates."""
        coef = self._linear()[0].T
        return coef[0] if self._n_outputs is None else coef

    @property
    def intercept_(self):
        """Intercepts, the weighted mean over the rates."""
        intercept = self._linear()[1]
        return float(intercept[0]) if self._n_outputs is None else intercept


class RecursiveRidgeClassifier(ClassifierMixin, _RecursiveRidge):
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

    _target_options = {}

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
        return self._learn(X, y, sample_weight, reset=False, classes=classes)

    def _targets(self, y, *, reset, classes=None):
        check_classification_targets(y)
        known = [] if reset else [self.classes_]
        declared = [] if classes is None else [np.asarray(classes)]
        found = unique_labels(*known, *declared, y) if len(y) else unique_labels(*known, *declared)
        if not reset and len(found) > len(self.classes_):
            places = np.searchsorted(found, self.classes_)
            for moments in self._moments_:
                moments.grow(places, len(found), -1.0)
        self.classes_ = found
        return np.where(y[:, None] == found, 1.0, -1.0)

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
        told = self._told(X)
        least = 1 / (2 + float(self.rate_weights_ @ [m.weight for m in self._moments_]))
        proba = np.clip((1 + told) / 2, least, 1 - least)
        return proba / proba.sum(axis=1, keepdims=True)

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


def _checked_weight(sample_weight, X):
    """Return how many rows each row counts as."""
    if sample_weight is None or isinstance(sample_weight, Real):
        sample_weight = np.full(X.shape[0], 1.0 if sample_weight is None else sample_weight)
    counts = column_or_1d(np.asarray(sample_weight, dtype=np.float64))
    check_consistent_length(X, counts)
    wrong = ~(np.isfinite(counts) & (counts >= 0))
    if wrong.any():
        raise ValueError(
            f"sample_weight holds {counts[wrong][0]}: a weight is a number of at least 0."
        )
    return counts


def _check_size(X):
    """Refuse numbers whose squares are none."""
    values = X.data if hasattr(X, "toarray") else X
    largest = float(np.abs(values).max(initial=0.0))
    if largest > _LARGEST:
        raise ValueError(
            f"X holds {largest:.3g}, whose square is no number: scale the column, as "
            "StandardScaler does, or clip it."
        )
