"""Where coefficients were, how they are held there, and what finds those of new rows."""

from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lstsq
from scipy.optimize import minimize
from sklearn.utils.validation import validate_data

from ..linear_model._base import RecursiveRidge
from ..utils._copy import copy_fitted
from ..utils._plain import Plain
from ._likelihoods import (
    Gaussian,
    loss_of,
    own_penalty,
    set_theta,
    targets_of,
    theta_of,
    weights_of,
)

_MOST_SOLVED = 2000  # coefficients per target; a system of so many takes 32 megabytes
# Of the largest information, what a coefficient is held by of which the old rows tell nothing.
_LEAST = 1e-9
_FLAT = 0.1  # least curvature assumed where a descent is scaled: a saturated row has next to none
# Share of a column that others do not tell, or of the largest singular value, that is rounding.
_SINGULAR = 1e-13
_PRECISE = {"gtol": 1e-9, "ftol": 1e-15, "maxiter": 1000}


class Design(Plain):
    """Rows as a linear model sees them, a last column of ones where there is an intercept.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, n_features)
        Features.
    intercept : bool
        Whether there is one.
    """

    def __init__(self, X, intercept):
        self.X, self.intercept = X, intercept

    def part(self, rows):
        return Design(self.X[rows], self.intercept)

    def times(self, theta):
        if not self.intercept:
            return self.X @ theta
        return self.X @ theta[:-1] + theta[-1]

    def back(self, values):
        """Return the products of each column with values of each row, over the rows."""
        return self._with_ones(self.X.T @ values, values)

    def squares(self, values):
        """Return the products of each squared column with values of each row."""
        squared = self.X.multiply(self.X).T if self._is_sparse else (self.X**2).T
        return self._with_ones(squared @ values, values)

    def products(self, weight):
        """Return the weighted products of all columns with each other."""
        if self._is_sparse:
            products = (self.X.T @ self.X.multiply(weight[:, None])).toarray()
        else:
            products = self.X.T @ (self.X * weight[:, None])
        if not self.intercept:
            return products
        border = self.back(weight[:, None])
        return np.block([[products, border[:-1]], [border.T]])

    def _with_ones(self, sums, values):
        return np.vstack([sums, values.sum(axis=0)]) if self.intercept else sums

    @property
    def _is_sparse(self):
        return hasattr(self.X, "toarray")


class Diagonal(Plain):
    """A metric that weighs each coefficient by itself: a distance is half the weighted squares."""

    def __init__(self, diagonal):
        self.diagonal = diagonal

    def times(self, step):
        return self.diagonal * step

    def matrix(self):
        return np.diag(self.diagonal[:, 0])


class FullInformation(Plain):
    """The Fisher information of old rows with all its products, which are never written down.

    Parameters
    ----------
    design : Design
        The old rows.
    share : ndarray of shape (n,)
        Their weights, which sum to 1.
    loss : Gaussian
        Of the model.
    eta : ndarray of shape (n, n_columns)
        Scores of the rows by the old model.
    free : ndarray of int
        Columns that are not held.
    """

    def __init__(self, design, share, loss, eta, free):
        self.design, self.share, self.loss, self.eta, self.free = design, share, loss, eta, free
        self.diagonal = information(design, share, loss, eta, free)
        self.floor = _LEAST * self.diagonal.max()

    def times(self, step):
        held = _without(step, self.free)
        informed = self.loss.informed(self.eta, self.design.times(held))
        back = self.design.back(self.share[:, None] * informed)
        return _without(back, self.free) + self.floor * step

    def matrix(self):
        products = self.design.products(self.share * self.loss.variance(self.eta)[:, 0])
        return products + self.floor * np.eye(len(products))


def _without(table, columns):
    table = table.copy()
    table[:, columns] = 0.0
    return table


def information(design, share, loss, eta, free):
    r"""Return the diagonal of the Fisher information of a row, the mean over old rows.

    It is the mean of the squared gradients of each row, over the targets that the model itself
    expects: :math:`E_y[(\partial \log p(y | x) / \partial \theta)^2]`, never the square of a mean
    gradient, which is 0 where the model was fitted.

    Parameters
    ----------
    design : Design
        The old rows.
    share : ndarray of shape (n,)
        Their weights, which sum to 1.
    loss : Gaussian
        Of the model.
    eta : ndarray of shape (n, n_columns)
        Scores of the rows by the old model.
    free : ndarray of int
        Columns of which the old rows know nothing: new classes.

    Returns
    -------
    information : ndarray of shape (n_coefficients, n_columns)
        Above 0: what the old rows tell nothing of is held by next to nothing.
    """
    found = _without(design.squares(share[:, None] * loss.variance(eta)), free)
    return _positive(found)


def _positive(table):
    return np.maximum(table, _LEAST * (table.max() or 1.0))


class _Anchor(Plain):
    """Where coefficients were, and the metric in which they are held there.

    Parameters
    ----------
    old : estimator
        A linear model before it learns the new rows.
    X, y, params
        Old rows, then new ones, as they reach the model.
    n_old : int
        How many are old; where none is, new ones stand in: the information needs no targets.
    metric : {"identity", "fisher", "full"}
        How coefficients are weighed.
    free : ndarray of int
        Columns of coefficients that are not held.
    """

    def __init__(self, old, X, y, params, n_old, metric, free):
        X = validate_data(old, X, reset=False, accept_sparse="csr", dtype=np.float64)
        rows = Design(X, bool(old.fit_intercept))
        weight = weights_of(old, y, params)
        before = slice(n_old) if n_old else slice(None)
        self.new = slice(n_old, None)
        self.design, self.weight, self.loss = rows.part(self.new), weight[self.new], loss_of(old)
        self.theta = theta_of(old)
        self._old = rows.part(before), weight[before] / weight[before].sum()
        self.free = free
        self.metric = self._full() if metric == "full" else Diagonal(self._diagonal(metric))

    def _full(self):
        design, share = self._old
        return FullInformation(design, share, self.loss, design.times(self.theta), self.free)

    def _diagonal(self, metric):
        if metric == "identity":
            return _positive(_without(np.ones_like(self.theta), self.free))
        return self._information(*self._old, self.free)

    def _information(self, design, share, free):
        return information(design, share, self.loss, design.times(self.theta), free)

    def of_new_rows(self):
        """Return the diagonal information of a new row, on the average."""
        nothing = np.empty(0, dtype=int)
        return self._information(self.design, self.weight / self.weight.sum(), nothing)


class Solved:
    """Solve for coefficients: what the new rows lose, and what it costs to leave the old ones.

    Parameters
    ----------
    predictor : estimator
        A copy of the old model, whose coefficients are replaced.
    X, y, params, n_old, metric, free
        As those of an anchor.
    """

    fits = True  # at every strength

    def __init__(self, predictor, X, y, params, n_old, metric, free):
        self.predictor = predictor
        self.anchor = _Anchor(predictor, X, y, params, n_old, metric, free)
        self.Y = targets_of(predictor, y[self.anchor.new])
        self.own = np.full_like(self.anchor.theta, own_penalty(predictor, self.weight.sum()))
        if self.anchor.design.intercept:
            self.own[-1] = 0.0  # as in the base itself

    @property
    def weight(self):
        return self.anchor.weight

    @cached_property
    def eta(self):
        """Scores of the new rows by the old model."""
        return self.anchor.design.times(self.anchor.theta)

    def pull(self, strength):
        """Set the coefficients to those of a strength."""
        is_system = type(self.anchor.loss) is Gaussian and len(self.own) <= _MOST_SOLVED
        step = self._solved(strength) if is_system else self._descended(strength)
        set_theta(self.predictor, self.anchor.theta + step)

    def _solved(self, strength):
        products, right, metric = self._system
        return _solution(products + strength * metric, right)

    @cached_property
    def _system(self):
        products = self.anchor.design.products(self.weight) + np.diag(self.own[:, 0])
        right = self.anchor.design.back(self.weight[:, None] * (self.Y - self.eta))
        return products, right, self.anchor.metric.matrix()

    def objective(self, step, strength):
        """Return what the new rows lose after a step, with the price of the step; and its gradient.

        Parameters
        ----------
        step : ndarray of shape (n_coefficients, n_columns)
            From the old coefficients.
        strength : float
            Rows that the old coefficients count as.

        Returns
        -------
        value : float
            The objective.
        gradient : ndarray of shape (n_coefficients, n_columns)
            By the step.
        """
        loss, design = self.anchor.loss, self.anchor.design
        eta = self.eta + design.times(step)
        force = self.own * step + strength * self.anchor.metric.times(step)
        value = self.weight @ loss.value(eta, self.Y) + 0.5 * float((step * force).sum())
        return value, design.back(self.weight[:, None] * loss.gradient(eta, self.Y)) + force

    def _descended(self, strength):
        """Minimise the objective, each coefficient in units of its curvature."""
        total, shape = self.weight.sum(), self.own.shape
        curvature = np.maximum(self.anchor.loss.variance(self.eta), _FLAT)
        scale = self.anchor.design.squares(self.weight[:, None] * curvature)
        scale += self.own + strength * self.anchor.metric.diagonal
        scale = np.sqrt(_positive(scale) / total)

        def scaled(step):
            value, gradient = self.objective(step.reshape(shape) / scale, strength)
            return value / total, (gradient / scale).ravel() / total

        start = np.zeros(self.own.size)
        found = minimize(scaled, start, jac=True, method="L-BFGS-B", options=_PRECISE)
        return found.x.reshape(shape) / scale


def _solution(system, right):
    """Return what solves a system of products, the shortest solution of one that has many.

    Each coefficient is in units of its own diagonal: columns of very different scale are no reason
    to fail, and those that repeat each other share what there is.
    """
    diagonal = np.diag(system)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))[:, None]
    scaled, right = system / scale / scale.T, right / scale
    try:
        factor = cho_factor(scaled, lower=True)
        if np.diag(factor[0]).min() ** 2 > _SINGULAR:
            return cho_solve(factor, right) / scale
    except LinAlgError:
        pass
    return lstsq(scaled, right, cond=_SINGULAR)[0] / scale


class Averaged:
    r"""Weigh old coefficients and continued ones by the information behind them.

    A coefficient goes the share :math:`n m / (n m + s a)` of the way from the old to the continued
    one: m and a are its weights in the metric of the n new rows, and of the old ones, which count
    as s rows.

    Parameters
    ----------
    predictor : estimator
        A continued model, whose coefficients are replaced.
    old : estimator
        The model before that.
    X, y, params, n_old, metric, free
        As those of an anchor.
    """

    fits = False

    def __init__(self, predictor, old, X, y, params, n_old, metric, free):
        self.predictor, self.free = predictor, free
        self.pairs = [(name, *pair) for name, *pair in _pairs(old, predictor)]
        self.n_new = weights_of(old, y[n_old:], _part(params, n_old)).sum()
        self.ratio = 1.0
        if metric == "fisher":
            anchor = _Anchor(old, X, y, params, n_old, metric, free)
            self.ratio = anchor.metric.diagonal / anchor.of_new_rows()

    def pull(self, strength):
        """Set the coefficients to those of a strength."""
        with np.errstate(over="ignore"):  # what the new rows say nothing of stays where it was
            share = self.n_new / (self.n_new + strength * self.ratio)
        for name, before, after in self.pairs:
            moved = self._moved(name, before, after, share)
            present = getattr(self.predictor, name)
            if isinstance(present, list):
                present[:] = moved
            elif isinstance(present, np.ndarray):
                present[...] = moved  # in place: of averaging models, another name may be the same
            else:
                setattr(self.predictor, name, moved)

    def _moved(self, name, before, after, share):
        if isinstance(before, list):
            tables = [old + share * (new - old) for old, new in zip(before, after, strict=True)]
            tables[-1][..., self.free] = after[-1][..., self.free]
            return tables
        moved = before + _share_of(name, share, self.predictor) * (after - before)
        if len(self.free):
            moved[self.free] = after[self.free]
        return moved


_TABLES = ("coef_", "intercept_", "coefs_", "intercepts_")
_KEPT_TABLES = ("_standard_coef", "_standard_intercept", "_average_coef", "_average_intercept")


def _pairs(old, new):
    """Yield the name of each table of coefficients, and copies of the old and the new one."""
    for name in (*_KEPT_TABLES, *_TABLES):
        before, after = (getattr(model, name, None) for model in (old, new))
        if before is not None and after is not None:
            yield name, *(copy_fitted(table) for table in (before, after))


def _part(params, n_old):
    return {name: values[n_old:] for name, values in params.items()}


def _share_of(name, share, model):
    """Return the share of a table, or of each of its coefficients."""
    if np.ndim(share) == 0:
        return share
    table = getattr(model, name)
    rows = slice(-1, None) if name.endswith(("intercept", "intercept_")) else slice(table.shape[-1])
    return share[rows].T.reshape(np.shape(table))


class Refilled:
    """Let recursive ridge learn the new rows, after what it has learned counts as so many rows.

    Parameters
    ----------
    predictor : RecursiveRidge
        A copy of the old model, which is replaced.
    X, y, params
        New rows.
    """

    fits = True

    def __init__(self, predictor, X, y, params):
        self.predictor, self.old = predictor, copy_fitted(predictor)
        self.rows = X, y, params

    def pull(self, strength):
        """Learn the rows beside old ones of a strength."""
        model, (X, y, params) = copy_fitted(self.old), self.rows
        # Of several rates, the one that remembers most; what the others forget, they forget. More
        # than they are, rows would count against the penalty.
        most = max(moments.weight for moments in model._moments_)
        for moments in model._moments_:
            moments.reweigh(min(strength / most, 1.0))
        model.partial_fit(X, y, **params)
        vars(self.predictor).update(vars(model))


def is_recursive(estimator):
    """Tell recursive ridge, which keeps all that an anchor has to know, from other models."""
    return isinstance(estimator, RecursiveRidge)
