"""Estimators of scikit-learn whose fitted attributes are set, not learned."""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.linear_model import LinearRegression, Ridge, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelEncoder,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PowerTransformer,
)
from sklearn.utils import Bunch

from ._sklearn_api import know_labels, seen_as_flat


def fitted(estimator, **attributes):
    """Return an estimator with these fitted attributes, set in place."""
    vars(estimator).update(attributes)
    return estimator


def ridge(coef, intercept, n_features, **params):
    """Return a fitted ``Ridge``."""
    return fitted(Ridge(**params), coef_=coef, intercept_=intercept, n_features_in_=n_features)


def linear_scores(coef, intercept, limits):
    """Return two fitted steps: linear scores, each cut off at the limits.

    Parameters
    ----------
    coef : ndarray of shape (n_scores, n_features)
        Coefficients.
    intercept : ndarray of shape (n_scores,)
        Intercepts.
    limits : tuple of (float, float)
        The smallest and the largest score.

    Returns
    -------
    steps : list of (str, transformer) tuples
        Of classes that converters know.
    """
    n_scores, n_features = coef.shape
    product = fitted(TruncatedSVD(n_scores), components_=coef, n_features_in_=n_features)
    return [("scores", product), ("limits", within(limits, intercept))]


def within(limits, shift):
    """Return a fitted transformer that adds a shift to each column, and cuts it off at limits."""
    return fitted(
        MinMaxScaler(limits, clip=True),
        scale_=np.ones(len(shift)),
        min_=np.asarray(shift, dtype=np.float64),
        n_features_in_=len(shift),
    )


def linear_classifier(coef, intercept, classes):
    """Return a fitted linear classifier; its probabilities are ``(1 + score) / 2``, cut off at 0.

    Parameters
    ----------
    coef : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients.
    intercept : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    classes : ndarray of shape (n_classes,)
        Labels.

    Returns
    -------
    classifier : SGDClassifier
        Of several classes, each probability is divided by their sum.
    """
    return fitted(
        SGDClassifier(loss="modified_huber"),
        coef_=coef,
        intercept_=intercept,
        classes_=classes,
        n_features_in_=coef.shape[1],
    )


def voting(members, weights, classes):
    """Return a fitted ``VotingClassifier`` by the weighted mean of probabilities.

    Parameters
    ----------
    members : list of (str, classifier) tuples
        Fitted, with one column of probabilities for each of the classes.
    weights : array-like of shape (n_members,)
        Their weights.
    classes : ndarray of shape (n_classes,)
        Labels, sorted.

    Returns
    -------
    voting : VotingClassifier
        It asks its members for nothing but probabilities.
    """
    # Converters to ONNX want an array of weights, and no flattened columns.
    weights = np.asarray(weights, dtype=np.float64)
    ensemble = VotingClassifier(members, voting="soft", weights=weights, flatten_transform=False)
    return fitted(
        ensemble,
        estimators_=[member for _, member in members],
        named_estimators_=Bunch(**dict(members)),
        le_=LabelEncoder().fit(classes),
        classes_=classes,
    )


def on_top(name, classifier, final, classes, *, asked="predict_proba"):
    """Return a fitted classifier that decides by what another tells.

    Parameters
    ----------
    name : str
        Of the other.
    classifier : classifier
        Fitted.
    final : classifier
        Fitted on what the other tells; its labels are 0, 1, ...
    classes : ndarray of shape (n_classes,)
        Labels.
    asked : {"predict_proba", "predict"}, default="predict_proba"
        For what the other is asked. Of two classes, the probability of the second is told.

    Returns
    -------
    stacking : StackingClassifier
        Its `cv` says that they are fitted.
    """
    stacking = StackingClassifier([(name, classifier)], final, stack_method=asked, cv="prefit")
    know_labels(stacking, LabelEncoder().fit(classes))
    return _stacked(stacking, final, asked, classes_=classes)


def _stacked(stacking, final, asked, **attributes):
    return fitted(
        stacking,
        estimators_=[member for _, member in stacking.estimators],
        named_estimators_=Bunch(**dict(stacking.estimators)),
        stack_method_=[asked] * len(stacking.estimators),
        final_estimator_=final,
        **attributes,
    )


def padded(classifier, known, classes):
    """Return a classifier with a column of zeros for each class that the other does not know.

    Parameters
    ----------
    classifier : classifier
        Fitted.
    known : ndarray of shape (n_known,)
        Its labels, two at least.
    classes : ndarray of shape (n_classes,)
        Labels, three at least, sorted.

    Returns
    -------
    stacking : StackingClassifier
        Fitted.
    """
    coef = np.zeros((len(classes), len(known)))
    coef[np.searchsorted(classes, known), np.arange(len(known))] = 2.0
    final = linear_classifier(coef, np.full(len(classes), -1.0), np.arange(len(classes)))
    return on_top("model", classifier, final, classes)


def certain(classifier, classes):
    """Return a classifier with probabilities of 1 for what another predicts, which has none.

    Parameters
    ----------
    classifier : classifier
        Fitted.
    classes : ndarray of shape (n_classes,)
        Labels, two at least, sorted, those of the other among them.

    Returns
    -------
    stacking : StackingClassifier
        Fitted.
    """
    labels = OneHotEncoder(sparse_output=False).fit(classes[:, np.newaxis])
    final = Pipeline([("labels", labels), ("probabilities", _as_probabilities(len(classes)))])
    return on_top("model", classifier, final, classes, asked="predict")


def in_powers(classifier, powers, weights, classes):
    """Return a classifier with the weighted mean of powers of the probabilities of another.

    Parameters
    ----------
    classifier : classifier
        Fitted.
    powers : ndarray of shape (n_powers,)
        Each probability to the power is divided by the sum over the classes.
    weights : ndarray of shape (n_powers,)
        How much each power counts.
    classes : ndarray of shape (n_classes,)
        Labels, two at least, sorted.

    Returns
    -------
    stacking : StackingClassifier
        Fitted.
    """
    # Of two classes, the other tells the probability of the second alone.
    is_binary = len(classes) == 2
    coef = np.array([[-1.0], [1.0]]) if is_binary else np.eye(len(classes))
    shift = np.array([1.0, 0.0]) if is_binary else np.zeros(len(classes))
    members = [(f"power_{power:g}", _to_power(power, len(classes))) for power in powers]
    steps = linear_scores(coef, shift, (_LEAST, 1.0))
    mean = voting(members, weights, np.arange(len(classes)))
    return on_top("mixture", classifier, Pipeline([*steps, ("powers", mean)]), classes)


_LEAST = 1e-30  # of a probability: the transformation of Box and Cox takes no 0


def _to_power(power, n_classes):
    """Return a classifier of probabilities, by their power divided by the sum of these.

    In steps of classes that converters know; they have no logarithms.
    """
    transformed = fitted(
        PowerTransformer("box-cox", standardize=False),
        lambdas_=np.full(n_classes, power),
        n_features_in_=n_classes,
    )
    to_power = fitted(  # from (p ** power - 1) / power
        MinMaxScaler(),
        scale_=np.full(n_classes, power),
        min_=np.ones(n_classes),
        n_features_in_=n_classes,
    )
    return Pipeline(
        [
            ("transformed", transformed),
            ("power", to_power),
            ("normalized", Normalizer("l1")),
            ("probabilities", _as_probabilities(n_classes)),
        ]
    )


def _as_probabilities(n_classes):
    """Return a classifier that is told probabilities."""
    each = 2.0 * np.eye(n_classes)[1 if n_classes == 2 else 0 :]
    return linear_classifier(each, np.full(len(each), -1.0), np.arange(n_classes))


def mean_within(members, weights, limits):
    """Return a fitted regressor by the weighted mean of predictions, each cut off at the limits.

    Parameters
    ----------
    members : list of (str, regressor) tuples
        Fitted.
    weights : ndarray of shape (n_members,)
        Their weights.
    limits : tuple of (float, float)
        Of predictions.

    Returns
    -------
    stacking : StackingRegressor
        Its `cv` says that they are fitted.
    """
    mean = fitted(LinearRegression(), coef_=weights, intercept_=0.0, n_features_in_=len(weights))
    final = Pipeline([("limits", within(limits, np.zeros(len(weights)))), ("mean", mean)])
    return _stacked(StackingRegressor(members, final, cv="prefit"), final, "predict")


def flattened(regressor):
    """Return a fitted regressor that predicts one output without a second axis."""
    identity = FunctionTransformer(check_inverse=False)
    return seen_as_flat(TransformedTargetRegressor(regressor), regressor, identity)
