"""Ridge regression that goes on for ever: exact recursive least squares, with forgetting."""

import warnings
from itertools import pairwise
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ..exceptions import SkretrainWarning
from ..utils._fixed_share import ROWS_PER_UNIT, FixedShare
from ..utils._params import check_flag, check_number, is_number, refuse
from ..utils._plain import Plain
from ..utils._restoring import Restoring
from ._moments import Moments

_BLOCK = 1000  # rows that are made dense, and weighed, at a time
_MANY = 2000  # features; their products take 32 megabytes for each rate
_LARGEST = 1e300  # of weighted squares, which a sum of many may exceed by a little
MEMORY, _SHARE = 0.9, 0.05  # of the weights of rates, as those of a mixture's members


class RecursiveRidge(Plain, BaseEstimator):
    """What the classifier and the regressor have in common."""

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
            multi_output=self._has_numbers,
            y_numeric=self._has_numbers,
        )
        counts = _checked_weight(sample_weight, X)
        _check_size(X, counts, "X", "scale the column, as StandardScaler does, or clip it")
        if self._has_numbers:
            _check_size(y, counts, "y", "divide the targets by a constant, or clip them")
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
        self._shares_ = FixedShare(len(rates), MEMORY, _SHARE)

    def _weigh(self, X, Y, counts):
        """Weigh the rates by what each of them would have told of rows that none has learned.

        By what it would tell now: that is a solution for each batch, however small, but judged by
        one of up to 100 rows ago, fast rates would lose what they are good for.
        """
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

    def _rescale(self, columns, scale, shift):
        """Be the model that had learned ``scale * x + shift`` wherever it has learned x.

        The penalty is then that of coefficients in the new units.
        """
        for moments in self._moments_:
            moments.rescale(columns, scale, shift)

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


def _check_size(numbers, counts, name, way_out):
    """Refuse numbers whose squares, times the weights of the rows, are none."""
    values = numbers.data if hasattr(numbers, "toarray") else numbers
    largest = float(np.abs(values).max(initial=0.0))
    weight = max(1.0, float(counts.max(initial=0.0)))
    if largest > (_LARGEST / weight) ** 0.5:
        weighted = f", times a sample_weight of {weight:.3g}," if weight > 1 else ""
        raise ValueError(
            f"{name} holds {largest:.3g}, whose square{weighted} is no number: {way_out}."
        )
