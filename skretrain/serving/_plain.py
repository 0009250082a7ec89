"""What takes the place of each kind of model of ours, made of scikit-learn's estimators alone.

Each function is given the model, and a function that returns the plain counterpart of whatever it
holds.
"""

from operator import itemgetter

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from ..utils._by_hand import (
    certain,
    fitted,
    flattened,
    in_powers,
    linear_classifier,
    linear_scores,
    mean_within,
    padded,
    ridge,
    voting,
)
from ..utils._losses import task_of


def plain_serving(serving, plain):
    """Return the serving model, behind a step that knows the levels of categorical columns."""
    model, types = plain(serving.model), serving.types
    if types is None or not types.coded:
        return model
    like = types.like
    names = like.columns[list(types.coded)].tolist()
    if not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"export: the categorical columns {names} must have names that are text, as those of a "
            "frame without names cannot be set."
        )
    columns = {name: _with_levels(name, like[name].dtype).transform for name in names}
    step = FunctionTransformer(type(like).assign, kw_args=columns)
    return Pipeline([("levels", step.fit(like)), ("model", model)])


def _with_levels(name, dtype):
    """Return what makes a column of a frame one with these levels; others are missing then.

    ``astype`` would do so, but is about to refuse values that are no level.
    """
    from_codes = dtype.construct_array_type().from_codes
    return Pipeline(
        [
            ("column", FunctionTransformer(itemgetter(name))),
            ("codes", FunctionTransformer(dtype.categories.get_indexer)),
            ("levels", FunctionTransformer(from_codes, kw_args={"dtype": dtype})),
        ]
    )


def plain_mended(model, plain):
    """Return an estimator of another library without what was mended of it."""
    own = model.of_its_library()
    estimator = plain(own.estimator)
    if own.labels is not None:
        return _labelled(estimator, own.labels)
    return estimator if own.is_flat else flattened(estimator)


def _labelled(model, labels):
    """Return a classifier that has labels for the positions that a model predicts."""
    if len(labels) == 1:
        return _constant(labels[0], labels)
    return voting([("model", model)], [1.0], labels)


def _constant(label, classes):
    """Return a classifier that predicts one label."""
    constant = DummyClassifier(strategy="constant", constant=[label])
    return constant.fit(np.zeros((len(classes), 1)), classes)


# -- recursive ridge -------------------------------------------------------------------------------


def plain_ridge_regressor(model, plain):
    """Return a ``Ridge`` with the coefficients of all rates together."""
    params = {"alpha": model.alpha, "fit_intercept": model.fit_intercept}
    if not model.__sklearn_is_fitted__():
        return Ridge(**params)
    found = ridge(model.coef_, model.intercept_, model.n_features_in_, **params)
    return _named_as(found, model)


def plain_ridge_classifier(model, plain):
    """Return a pipeline of linear scores, the limits of their probabilities, and these.

    Its labels and its decision function are those of the scores as they are: beyond the limits, two
    classes may be equally probable.
    """
    if not model.__sklearn_is_fitted__():
        return RidgeClassifier(model.alpha, fit_intercept=model.fit_intercept)
    classes = model.classes_
    if len(classes) == 1:
        return _constant(classes[0], classes)
    coef, intercept = model.coef_, model.intercept_
    least = model._least_proba()
    steps = linear_scores(coef, intercept, (2 * least - 1, 1 - 2 * least))
    each = linear_classifier(np.eye(len(coef)), np.zeros(len(coef)), classes)
    pipeline = Pipeline([*steps, ("probabilities", each)])
    _named_as(steps[0][1], model)
    scores = _named_as(linear_classifier(coef, intercept, classes), model)
    return fitted(pipeline, predict=scores.predict, decision_function=scores.decision_function)


def _named_as(estimator, model):
    """Let an estimator know the names of the features, where a model does."""
    names = getattr(model, "feature_names_in_", None)
    return estimator if names is None else fitted(estimator, feature_names_in_=names)


# -- mixtures --------------------------------------------------------------------------------------


def unfitted_mixture(mixture, plain):
    """Return the bases of the members of a mixture that is nothing but a parameter."""
    bases = [(name, plain(member)) for name, member in mixture.estimators]
    is_classifier = task_of(mixture) == "classification"
    return VotingClassifier(bases, voting="soft") if is_classifier else VotingRegressor(bases)


def plain_mixture(mixture, plain):
    """Return the weighted mean of those members that are asked."""
    mix, names = mixture._mix(), list(mixture.named_estimators_)
    asked = np.flatnonzero(mix.weights)
    weights = mix.weights[asked]
    asked = [(names[n], mix.servings[n]) for n in asked]
    return _named_as(_mean(mix, asked, weights, plain), mixture)


def _mean(mix, asked, weights, plain):
    if mix.classes is None:
        members = [(name, plain_serving(serving, plain)) for name, serving in asked]
        return mean_within(members, weights, mix.limits)
    members = [(name, _voter(serving, mix.classes, plain)) for name, serving in asked]
    mean = voting(members, weights, mix.classes)
    powers = mix.recalibration.in_use()
    if powers is None or len(mix.classes) == 1:
        return mean
    return in_powers(mean, *powers, mix.classes)


def _voter(serving, classes, plain):
    """Return a member with a probability for each class of the mixture."""
    model = plain_serving(serving, plain)
    known = getattr(serving.model, "classes_", serving.classes)
    if len(known) == 1:
        return _constant(known[0], classes)
    if not hasattr(serving.model, "predict_proba"):
        return certain(model, classes)
    return model if len(known) == len(classes) else padded(model, known, classes)
