"""What least squares needs of all rows seen: weighted means and products, each row's fading."""

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf, dpotrs

from ..utils._plain import Plain

_JITTERS = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)  # of a diagonal of ones
_ROUNDING = 1e-14  # of a mean, which that of equal numbers may be off by


class Moments(Plain):
    """Sums over rows of which the older count less, and the ridge solution that they give.

    Whatever the batches are, they are those of all rows together: with one rate ``g`` and rows of
    weight 1, a row that came n rows ago has the weight ``g ** n``. A row of weight w counts as w
    rows. Products are of deviations from the means, as they are merged by [1]_, so that large means
    cost no digits.

    Parameters
    ----------
    n_features, n_targets : int
        Columns.
    rate : float
        In (0, 1], per row.
    centred : bool
        Whether there is an intercept.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance:
       analysis and recommendations", The American Statistician 37(3), 1983.
    """

    def __init__(self, n_features, n_targets, rate, centred):
        self.rate, self.centred = rate, centred
        self.weight = 0.0
        self.mean = np.zeros(n_features)
        self.target_mean = np.zeros(n_targets)
        self.products = np.zeros((n_features, n_features), order="F")  # the lower half
        self.cross = np.zeros((n_features, n_targets))
        self._asked = _Asked()

    def add(self, X, Y, counts):
        """Take in a batch.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Features.
        Y : ndarray of shape (n, n_targets)
            Targets.
        counts : ndarray of shape (n,)
            How many rows each row counts as, above 0.
        """
        discounts, decay = self._discounts(counts)
        new = float(discounts.sum())
        mean, target_mean = discounts @ X / new, discounts @ Y / new
        roots = np.sqrt(discounts)[:, None]
        if self.centred:
            X, Y = X - mean, Y - target_mean
        X, Y = roots * X, roots * Y
        old = decay * self.weight
        total = old + new
        step, target_step = mean - self.mean, target_mean - self.target_mean
        if self.centred and old:
            # The two means lie apart: one row more has what that adds.
            root = (old * new / total) ** 0.5
            X, Y = np.vstack([X, root * step]), np.vstack([Y, root * target_step])
        self.products = dsyrk(1.0, X.T, beta=decay, c=self.products, lower=1, overwrite_c=1)
        self.cross = decay * self.cross + X.T @ Y
        self.weight, self._asked = total, _Asked()
        self.mean = self.mean + step * (new / total)
        self.target_mean = self.target_mean + target_step * (new / total)

    def _discounts(self, counts):
        """Return what each row weighs at the end of its batch, and how what was before fades."""
        if self.rate == 1:
            return counts, 1.0
        log = np.log(self.rate)
        after = np.append(np.cumsum(counts[::-1])[::-1], 0.0)
        # A row of weight w is w rows, the oldest of which has faded by rate ** (w - 1).
        shares = np.expm1(counts * log) / np.expm1(log)
        return shares * np.exp(after[1:] * log), float(np.exp(after[0] * log))

    def grow(self, places, n_targets, value):
        """Add targets that had one value in all rows so far.

        Parameters
        ----------
        places : ndarray of int
            Where the present targets stand among the new ones.
        n_targets : int
            How many there are then.
        value : float
            That value.
        """
        target_mean, cross = self.target_mean, self.cross
        self.target_mean = np.full(n_targets, value if self.weight else 0.0)
        same = np.zeros(len(self.mean)) if self.centred else value * self.weight * self.mean
        self.cross = np.repeat(same[:, None], n_targets, axis=1)
        self.target_mean[places], self.cross[:, places] = target_mean, cross
        self._asked = _Asked()

    def reweigh(self, factor):
        """Let all rows so far count so many times, in place.

        Parameters
        ----------
        factor : float
            At least 0.
        """
        self.weight *= factor
        self.products *= factor
        self.cross = factor * self.cross
        self._asked = _Asked()

    def rescale(self, columns, scale, shift):
        """Take all rows so far to other units, in place: to ``scale * x + shift``.

        Parameters
        ----------
        columns : slice
            Which features.
        scale, shift : ndarray
            One number for each of them; a shift of 0 where there is no intercept.
        """
        scales = np.ones(len(self.mean))
        scales[columns] = scale
        self.mean = scales * self.mean
        self.mean[columns] += shift
        self.products *= scales
        self.products *= scales[:, None]
        self.cross = scales[:, None] * self.cross
        self._asked = _Asked()

    def solution(self, alpha):
        """Return coefficients of shape (n_features, n_targets), and intercepts.

        They are solved once after each batch, when somebody asks.
        """
        known, solution = self._asked.found
        if known != alpha:
            solution = self._solve(alpha)
            self._asked.found = alpha, solution  # at once: many threads may ask
        return solution

    def _solve(self, alpha):
        # From the beginning: no update of rank one follows rows that fade while the penalty does
        # not. Each copy of the products would be another tenth of the time.
        products, cross = self._system(alpha)
        factor, info = dpotrf(products, lower=1, overwrite_a=1, clean=0)
        if info == 0:
            coefs = dpotrs(factor, cross, lower=1)[0]
        else:
            coefs = _nearly_solved(*self._system(alpha))
        intercepts = self.target_mean - self.mean @ coefs if self.centred else 0 * self.target_mean
        return coefs, intercepts

    def _system(self, alpha):
        """Return the normal equations, in which the coefficient of what stands still is 0.

        Of a constant column nothing is left but rounding, of which its coefficient would be made.
        """
        products, cross = self.products.copy(order="F"), self.cross
        diagonal = np.einsum("ii->i", products)
        still = diagonal <= self.weight * (_ROUNDING * self.mean) ** 2
        diagonal += alpha
        if still.any():
            products[still], products[:, still], diagonal[still] = 0.0, 0.0, 1.0
            cross = np.where(still[:, None], 0.0, cross)
        return products, cross


class _Asked(Plain):
    """The solution that somebody has asked for, no part of what was learned.

    Pickles go without it, so that predicting changes no byte of a model. Copies share it until they
    learn: a retrainer predicts with a model, and then weighs the rates of a copy.
    """

    def __init__(self):
        self.found = None, None

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return _Asked, ()


def _nearly_solved(matrix, right):
    """Solve a system without a solution, in units of each column, its diagonal a little larger."""
    scales = np.sqrt(np.diagonal(matrix))
    matrix, right = matrix / scales / scales[:, None], right / scales[:, None]
    for jitter in _JITTERS:
        np.einsum("ii->i", matrix)[:] = 1.0 + jitter
        factor, info = dpotrf(matrix, lower=1)
        if info == 0:
            return dpotrs(factor, right, lower=1)[0] / scales[:, None]
    return np.zeros_like(right)
