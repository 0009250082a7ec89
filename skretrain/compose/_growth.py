"""Give a fitted model room for new classes; what it says about the old ones does not change."""

from typing import NamedTuple

import numpy as np

from ..utils._labels import unseen_labels
from ..utils._sklearn_api import change_weights, widen_output_layer
from .adapters._base import flat_classes

# How far below the mean of the present rows the row of a new class begins, in units of the score:
# the margin of the hinge. No row is above the largest, so the mean never wins, and after one step
# of the usual size the new row may.
_MARGIN = 1.0

_NUMBERS = frozenset("biuf")
_HOMES = ("sklearn.", "skretrain.linear_model.")


def can_grow(model, new=()):
    """Tell whether `grow` knows how to take new classes into a model, without harm.

    Subclasses are not grown: they may keep something per class that nobody knows of.

    Parameters
    ----------
    model : classifier
        Fitted.
    new : array-like
        The labels it lacks.

    Returns
    -------
    can_grow : bool
        False as well where parameters are tied to the present classes (prior probabilities, weights
        of classes), and for linear models without an intercept: there is nothing to hold a new
        class down at the origin.
    """
    family = _family_of(model)
    if family is None:
        return False
    new = np.asarray(new)
    if new.size and not _are_of_one_kind(model.classes_, new):
        return False
    return family.can_grow(model) and _are_weighable(model, new)


def grow(model, classes):
    """Give a fitted classifier the sorted labels `classes`, a superset of its own, in place.

    Everything learned about the present classes stays: the labels that the model predicts, the
    decision functions of linear models, the joint log likelihoods of naive Bayes, and the odds of
    the old classes among each other. The one row of a binary model becomes two, with opposite
    signs. A new class begins so that it is never predicted:

    - a linear model and the output layer of a perceptron give it the mean of the present rows,
      less 1: below the largest of them for every X, yet near enough to be learned;
    - naive Bayes gives it counts of zero and the prior probability 0, the very state it has in a
      model that declared the class at the beginning. Complement naive Bayes has no prior: all
      classes are tied where all features are zero, and it takes the first;
    - recursive ridge gives it the target that it had in all rows so far, and is the model that had
      declared it: with an intercept, the score of the new class is -1 everywhere, and no row has
      scores that are all so low. Without one, the score is a line through the origin.

    The optimiser of a perceptron keeps its moments, those of new units are zero; the count of
    epochs without progress begins anew.

    Parameters
    ----------
    model : classifier
        Fitted, and such that `can_grow` is true. Its arrays are replaced, not written to.
    classes : ndarray of shape (n_classes,)
        All labels, the model's own among them.

    Examples
    --------
    >>> from sklearn.linear_model import Perceptron
    >>> from skretrain.compose._growth import grow
    >>> model = Perceptron().fit([[0.0], [1.0]], ["ham", "spam"])
    >>> grow(model, np.array(["ham", "news", "spam"]))
    >>> model.intercept_.tolist()
    [1.0, -1.0, -1.0]
    """
    if len(classes) == len(model.classes_):
        return
    places = np.searchsorted(classes, model.classes_)
    _family_of(model).grow(model, classes, places)
    model.classes_ = classes


def grow_for(model, y):
    """Take the labels of `y` that a classifier with one output lacks into it, in place."""
    classes = flat_classes(model, y)
    new = () if classes is None else unseen_labels(y, classes)
    if len(new):
        grow(model, np.union1d(classes, new))


def _family_of(model):
    kind = type(model)
    return _FAMILIES.get(kind.__name__) if kind.__module__.startswith(_HOMES) else None


def _are_of_one_kind(known, new):
    """Tell whether labels are all text or all numbers, and no fractions: those are no classes."""
    if (known.dtype.kind in _NUMBERS) != (new.dtype.kind in _NUMBERS):
        return False
    return new.dtype.kind != "f" or bool(np.all(new == np.floor(new)))


def _are_weighable(model, new):
    """Tell whether scikit-learn will accept the ``class_weight`` with the new classes, too.

    Classes may lack a weight, or weights a class, but not both.
    """
    weights = getattr(model, "class_weight", None)
    if not isinstance(weights, dict):
        return True
    labels = [*model.classes_, *new]
    n_weighted = sum(label in weights for label in labels)
    return n_weighted in (len(labels), len(weights))


def _with_rows(table, places, n_classes, fill):
    """Return a table with one row per class: the present ones at `places`, else `fill`."""
    grown = np.empty((n_classes, *table.shape[1:]), dtype=table.dtype)
    grown[:] = fill
    grown[places] = table
    return grown


def _split(table, below, above):
    """Return two rows for the one of a binary model; more rows are returned as they are."""
    return table if len(table) > 1 else np.concatenate([below * table, above * table])


def _grow_scores(model, classes, places, share):
    def change(coef, intercept):
        coef, intercept = (_split(table, -share, share) for table in (coef, intercept))
        n_classes = len(classes)
        return (
            _with_rows(coef, places, n_classes, coef.mean(axis=0)),
            _with_rows(intercept, places, n_classes, intercept.mean() - _MARGIN),
        )

    change_weights(model, change)


def _can_grow_sgd(model):
    return bool(
        model.fit_intercept
        and not model.early_stopping
        and not (isinstance(model.class_weight, str))
    )


def _grow_sgd(model, classes, places):
    # Class against the rest: the score of the rest is the opposite one.
    _grow_scores(model, classes, places, share=1.0)


def _can_grow_logistic(model):
    one_against_rest = getattr(model, "multi_class", None) == "ovr"  # until scikit-learn 1.7
    return bool(model.fit_intercept and model.solver != "liblinear" and not one_against_rest)


def _grow_logistic(model, classes, places):
    # Half of the score each: then the softmax of both is the logistic function of the score.
    _grow_scores(model, classes, places, share=0.5)


def _can_grow_perceptron(model):
    one_label = model.out_activation_ == "softmax" or len(model.classes_) == 2 > model.n_outputs_
    return one_label and (model.solver == "lbfgs" or not model.early_stopping)


# What becomes of each table of the output layer where one unit is split into two. The gradients of
# the two are opposite; weights, and the steps they are moved by, share what the one did.
_SIGNS = {"coef": (-0.5, 0.5), "intercept": (-0.5, 0.5), "step": (-0.5, 0.5)}
_SIGNS |= {"gradient": (-1.0, 1.0), "square": (1.0, 1.0)}


def _grow_perceptron(model, classes, places):
    def widen(table, kind):
        table = _split(table, *_SIGNS[kind])
        fill = 0.0
        if kind in ("coef", "intercept"):
            fill = table.mean(axis=0) - (_MARGIN if kind == "intercept" else 0.0)
        return _with_rows(table, places, len(classes), fill)

    widen_output_layer(model, classes, widen)


def _can_grow_bayes(model):
    prior = model.priors if hasattr(model, "priors") else model.class_prior
    return prior is None


def _grow_gaussian(model, classes, places):
    def table(name, fill):
        setattr(model, name, _with_rows(getattr(model, name), places, len(classes), fill))

    table("theta_", 0.0)
    table("var_", model.epsilon_ or 1.0)  # partial_fit takes epsilon_ off, and ignores the rest
    table("class_count_", 0.0)
    table("class_prior_", 0.0)


def _grow_discrete(model, classes, places):
    """Add rows of counts; ``partial_fit`` computes probabilities from them, these are stopgaps."""

    def wider(table, fill):
        return _with_rows(table, places, len(classes), fill)

    model.class_count_ = wider(model.class_count_, 0.0)
    model.class_log_prior_ = wider(model.class_log_prior_, -np.inf)
    if hasattr(model, "category_count_"):
        model.category_count_ = [wider(table, 0.0) for table in model.category_count_]
        model.feature_log_prob_ = [
            wider(table, -np.log(table.shape[1])) for table in model.feature_log_prob_
        ]
    else:
        model.feature_count_ = wider(model.feature_count_, 0.0)
        model.feature_log_prob_ = wider(model.feature_log_prob_, _indifferent(model))


def _indifferent(model):
    """Return the log probability of each feature in a class without rows."""
    if hasattr(model, "feature_all_"):
        return 0.0  # complements compare weights, none of them negative: the least possible
    return -np.log(2.0 if hasattr(model, "binarize") else model.n_features_in_)


def _can_grow_recursive(model):
    return True


def _grow_recursive(model, classes, places):
    model._grow(classes)


class _Family(NamedTuple):
    can_grow: object
    grow: object


_SGD = _Family(_can_grow_sgd, _grow_sgd)
_DISCRETE = _Family(_can_grow_bayes, _grow_discrete)

# By name, so that nothing is imported for them.
_FAMILIES = {
    "SGDClassifier": _SGD,
    "Perceptron": _SGD,
    "PassiveAggressiveClassifier": _SGD,
    "LogisticRegression": _Family(_can_grow_logistic, _grow_logistic),
    "MLPClassifier": _Family(_can_grow_perceptron, _grow_perceptron),
    "GaussianNB": _Family(_can_grow_bayes, _grow_gaussian),
    "MultinomialNB": _DISCRETE,
    "BernoulliNB": _DISCRETE,
    "ComplementNB": _DISCRETE,
    "CategoricalNB": _DISCRETE,
    "RecursiveRidgeClassifier": _Family(_can_grow_recursive, _grow_recursive),
}
