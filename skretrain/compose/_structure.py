"""Look inside composed estimators, fitted or not: what they are made of, under which names."""

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from ..utils._sklearn_api import is_search, is_stateless_transformer


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
        fitted = {name: part for name, part, _ in getattr(estimator, "transformers_", ())}
        given = [(name, part) for name, part, _ in estimator.transformers]
        given.append(("remainder", estimator.remainder))  # a fitted one may have no columns left
        return [(name, part if is_word(part) else fitted.get(name, part)) for name, part in given]
    if isinstance(estimator, FeatureUnion):
        return list(estimator.transformer_list)
    if isinstance(estimator, TransformedTargetRegressor):
        return [
            ("transformer", _target_transformer_of(estimator)),
            ("regressor", regressor_of(estimator)),
        ]
    return [("estimator", getattr(estimator, "best_estimator_", estimator.estimator))]


def leaves_of(estimator):
    """Yield each estimator that is not composed: the fitted one where it is."""
    if not is_composed(estimator):
        if not is_word(estimator):
            yield estimator
        return
    for _, part in parts_of(estimator):
        yield from leaves_of(part)


def _target_transformer_of(estimator):
    transformer = getattr(estimator, "transformer_", estimator.transformer)
    if transformer is None:
        return FunctionTransformer(estimator.func, estimator.inverse_func)
    return transformer


def regressor_of(estimator):
    """Return what a TransformedTargetRegressor predicts with."""
    regressor = getattr(estimator, "regressor_", estimator.regressor)
    return LinearRegression() if regressor is None else regressor


def predictor_of(estimator):
    """Return the leaf that predicts, and its path."""
    path = ""
    for _, name, part in _way_to_predictor(estimator):
        path, estimator = joined_path(path, name), part
    return estimator, path


def prefix_of_predictor(estimator):
    """Return what stands before the names of metadata for the predictor: pipelines name steps."""
    way = _way_to_predictor(estimator)
    return "".join(f"{name}__" for owner, name, _ in way if isinstance(owner, Pipeline))


def _way_to_predictor(estimator):
    """Yield each composed estimator on the way to the leaf that predicts, name and next part."""
    while is_composed(estimator) and not isinstance(estimator, (ColumnTransformer, FeatureUnion)):
        name, part = parts_of(estimator)[-1]
        yield estimator, name, part
        estimator = part


def joined_path(path, name):
    """Return the path of the child `name` of the step at `path`."""
    return f"{path}__{name}" if path else name


def is_word(part):
    """Tell whether a step is no estimator: None, "passthrough" or "drop"."""
    return part is None or isinstance(part, str)


def learns_nothing(part):
    """Tell whether a step has no state: a word such as "passthrough", or a stateless estimator."""
    if not isinstance(part, BaseEstimator):
        return is_word(part)
    # A Gaussian process predicts before it is fitted, and learns all the same.
    return not hasattr(part, "predict") and is_stateless_transformer(part)


def is_fitted(estimator):
    """Tell whether an estimator has been fitted; a pipeline has if its last step has."""
    if isinstance(estimator, Pipeline) and is_composed(estimator):
        # Asked itself, a Pipeline that ends in None always says yes.
        steps = [step for _, step in estimator.steps if not is_word(step)]
        return not steps or is_fitted(steps[-1])
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True
