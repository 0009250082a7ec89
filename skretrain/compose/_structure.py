"""Look inside composed estimators, fitted or not: what they are made of, under which names."""

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..utils._sklearn_api import is_search


def is_composed(estimator):
    """Tell whether an estimator is walked through; anything else is one step, a leaf."""
    kinds = (Pipeline, ColumnTransformer, FeatureUnion, TransformedTargetRegressor)
    if not isinstance(estimator, kinds) and not is_search(estimator):
        return False
    return not _has_own_partial_fit(type(estimator))


def _has_own_partial_fit(kind):
    """Tell whether somebody gave a composed estimator a ``partial_fit``, other than ours."""
    owners = [base for base in kind.__mro__ if "partial_fit" in vars(base)]
    return bool(owners) and owners[0].__module__ != f"{__package__}._pipeline"


def parts_of(estimator):
    """Return name and part of each child of a composed estimator: the fitted part where it is.

    The names are those of ``get_params``; ``"remainder"`` is that of a ColumnTransformer.
    """
    if isinstance(estimator, Pipeline):
        return list(estimator.steps)
    if isinstance(estimator, ColumnTransformer):
        if hasattr(estimator, "transformers_"):
            return [(name, part) for name, part, _ in estimator.transformers_]
        rest = [("remainder", estimator.remainder)]
        return [(name, part) for name, part, _ in estimator.transformers] + rest
    if isinstance(estimator, FeatureUnion):
        return list(estimator.transformer_list)
    if isinstance(estimator, TransformedTargetRegressor):
        transformer = getattr(estimator, "transformer_", estimator.transformer)
        return [("transformer", transformer), ("regressor", regressor_of(estimator))]
    return [("estimator", getattr(estimator, "best_estimator_", estimator.estimator))]


def regressor_of(estimator):
    """Return what a TransformedTargetRegressor predicts with."""
    regressor = getattr(estimator, "regressor_", estimator.regressor)
    return LinearRegression() if regressor is None else regressor


def predictor_of(estimator):
    """Return the leaf that predicts, and its path."""
    path = ""
    while is_composed(estimator) and not isinstance(estimator, (ColumnTransformer, FeatureUnion)):
        name, estimator = parts_of(estimator)[-1]
        path = joined_path(path, name)
    return estimator, path


def joined_path(path, name):
    """Return the path of the child `name` of the step at `path`."""
    return f"{path}__{name}" if path else name


def learns_nothing(part):
    """Tell whether a step has no state: a word such as "passthrough", or a stateless estimator."""
    if not isinstance(part, BaseEstimator):
        return part is None or isinstance(part, str)
    return not isinstance(part, FrozenEstimator) and not get_tags(part).requires_fit


def is_fitted(estimator):
    """Tell whether an estimator has been fitted."""
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True
