"""The losses of models that say how likely a target is: their gradients, and their curvature."""

import numpy as np
from scipy.special import expit, log_softmax, softmax
from sklearn.utils.class_weight import compute_sample_weight

from ..utils._plain import Plain

_LARGEST = 300.0  # of the exponents of a mean: its square is a number


class Gaussian(Plain):
    """Half of the squared residuals."""

    @staticmethod
    def value(eta, Y):
        return 0.5 * ((eta - Y) ** 2).sum(axis=1)

    @staticmethod
    def gradient(eta, Y):
        return eta - Y

    @staticmethod
    def variance(eta):
        """Return the information that a row has of its scores: the variance of the gradient."""
        return np.ones_like(eta)

    def informed(self, eta, z):
        """Return the information of a row times a change of its scores."""
        return self.variance(eta) * z


class Logistic(Gaussian):
    """The log loss of two classes, or of each class against the rest."""

    @staticmethod
    def value(eta, Y):
        return (np.logaddexp(0.0, eta) - Y * eta).sum(axis=1)

    @staticmethod
    def gradient(eta, Y):
        return expit(eta) - Y

    @staticmethod
    def variance(eta):
        return expit(eta) * expit(-eta)


class Softmax(Logistic):
    """The log loss of several classes that share the probability."""

    @staticmethod
    def value(eta, Y):
        return -(Y * log_softmax(eta, axis=1)).sum(axis=1)

    @staticmethod
    def gradient(eta, Y):
        return softmax(eta, axis=1) - Y

    @staticmethod
    def variance(eta):
        proba = softmax(eta, axis=1)
        return proba * (1 - proba)

    def informed(self, eta, z):
        proba = softmax(eta, axis=1)
        return proba * (z - (proba * z).sum(axis=1, keepdims=True))


class Tweedie(Gaussian):
    """Half of the deviance of a Tweedie distribution whose mean is an exponential of the score."""

    def __init__(self, power):
        self.power = power

    def value(self, eta, Y):
        return (self._part(eta, 2 - self.power) - Y * self._part(eta, 1 - self.power)).sum(axis=1)

    def gradient(self, eta, Y):
        return _exp(eta, 2 - self.power) - Y * _exp(eta, 1 - self.power)

    def variance(self, eta):
        return _exp(eta, 2 - self.power)

    @staticmethod
    def _part(eta, exponent):
        """Return the integral of an exponential, but for a constant."""
        return eta if exponent == 0 else _exp(eta, exponent) / exponent


def _exp(eta, exponent):
    return np.exp(np.clip(exponent * eta, -_LARGEST, _LARGEST))


def is_solved(estimator):
    """Tell whether the anchored objective of an estimator, fitted or not, is solved for here."""
    name = _linear_name(estimator)
    if name in ("Ridge", "LinearRegression"):
        return not estimator.positive and np.ndim(getattr(estimator, "alpha", 0.0)) == 0
    if name == "LogisticRegression":
        one_way = getattr(estimator, "multi_class", "deprecated") in ("deprecated", "auto")
        return one_way and not _is_sparse_by_penalty(estimator)
    if name == "TweedieRegressor":
        return estimator.link == "log" or (estimator.link == "auto" and estimator.power > 0)
    return name in ("RidgeClassifier", "PoissonRegressor", "GammaRegressor")


def has_likelihood(estimator):
    """Tell whether an estimator says how likely a target is, so that old rows have information."""
    likely = {"SGDClassifier": "log_loss", "SGDRegressor": "squared_error"}
    loss = likely.get(_linear_name(estimator))
    return is_solved(estimator) or (loss is not None and estimator.loss == loss)


def _linear_name(estimator):
    """Return the class of a linear model of scikit-learn; a subclass may do anything."""
    kind = type(estimator)
    return kind.__name__ if kind.__module__.startswith("sklearn.linear_model.") else ""


def _is_sparse_by_penalty(model):
    # Since scikit-learn 1.8 the l1_ratio alone says so, and the penalty is "deprecated".
    penalty = getattr(model, "penalty", "deprecated")
    return penalty == "l1" or (penalty not in ("l2", None) and bool(model.l1_ratio))


def loss_of(model):
    name = _linear_name(model)
    if name in ("LogisticRegression", "SGDClassifier"):
        several = name == "LogisticRegression" and len(model.coef_) > 1
        return Softmax() if several and model.solver != "liblinear" else Logistic()
    powers = {"PoissonRegressor": 1, "GammaRegressor": 2}
    power = powers.get(name, getattr(model, "power", None))
    return Gaussian() if power is None else Tweedie(power)


def own_penalty(model, weight):
    """Return by what the base itself multiplies half of the squares, on rows of so much weight."""
    name = _linear_name(model)
    if name == "LogisticRegression":
        return 0.0 if getattr(model, "penalty", "") is None else 1 / model.C
    alpha = getattr(model, "alpha", 0.0)
    return alpha * (1.0 if name.startswith(("Ridge", "Linear")) else weight)


def targets_of(model, y):
    """Return the targets, one column for each of those that the coefficients of `model` have."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    hot = (y[:, None] == classes).astype(np.float64)
    hot = hot[:, 1:] if len(classes) == 2 else hot
    return 2 * hot - 1 if _linear_name(model) == "RidgeClassifier" else hot


def weights_of(model, y, params):
    """Return what each row counts in a fit of `model`: its weight times that of its class."""
    weight = params.get("sample_weight")
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    of_classes = getattr(model, "class_weight", None)
    if of_classes is None:
        return weight
    if of_classes == "balanced":
        return weight * compute_sample_weight("balanced", y)
    return weight * [of_classes.get(label, 1.0) for label in y.tolist()]


def theta_of(model):
    """Return the coefficients, a column per target, the intercepts in the last row."""
    coef = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
    if not model.fit_intercept:
        return coef
    return np.vstack([coef, np.reshape(model.intercept_, (1, -1))])


def set_theta(model, theta):
    coef = theta[:-1] if model.fit_intercept else theta
    model.coef_ = coef.T.reshape(model.coef_.shape).astype(model.coef_.dtype)
    if model.fit_intercept:
        intercept = np.asarray(model.intercept_)
        changed = theta[-1].reshape(intercept.shape).astype(intercept.dtype)
        model.intercept_ = changed if np.ndim(changed) else float(changed)
