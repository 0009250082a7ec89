"""Recursive ridge for numbers."""

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from ._base import MEMORY, RecursiveRidge

_WORST = 4.0  # usual residuals; one that is so large gains nothing


class RecursiveRidgeRegressor(MultiOutputMixin, RegressorMixin, RecursiveRidge):
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
    ``p^3 / 3``, which several rates ask before each batch, to be weighed. Row by row, that is most
    of the time from 256 features and four rates on: predict and learn ten rows at once, or more,
    where labels come so. The memory is ``8 p^2`` bytes, however many rows come.

    A row of weight w counts as w rows, in forgetting, too: a weight of 0 is no row. A row that is
    learned again counts again, so that more passes over a batch only give it more weight. With
    several rates, their weights depend a little on the batches, whose rows are judged together.
    Columns that are constant, equal or of sizes far apart do no harm: the coefficient of a constant
    one is 0, and what has no solution is solved in units of each column, with a slightly larger
    penalty.

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

    _has_numbers = True  # as targets

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
        if Y.shape[1] != self._n_targets:
            raise ValueError(
                f"y has {Y.shape[1]} target(s), and {type(self).__name__} has learned "
                f"{self._n_targets}: pass as many, or call fit."
            )
        return Y

    @property
    def _n_targets(self):
        return self._n_outputs or 1

    def _gains(self, told, Y):
        """Return of each rate and row how little it was wrong, in units of the usual residual."""
        residuals = np.abs(told - Y)
        now = np.median(residuals, axis=(0, 1))
        # What is usual changes slowly: a jump of all residuals is news for all rates.
        self._usual = now if self._usual is None else MEMORY * self._usual + (1 - MEMORY) * now
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

    def score(self, X, y, sample_weight=None):
        """Return R2, the coefficient of determination.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            At most 1; 0 is that of the mean.
        """
        return super().score(X, y, sample_weight)

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
