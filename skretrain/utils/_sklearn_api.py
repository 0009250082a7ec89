"""The one file that names private parts of scikit-learn: where to look at an upgrade."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import sklearn
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition

__all__ = [
    "NEWTON_CHOLESKY_FORGETS",
    "BaseComposition",
    "InvalidParameterError",
    "Layer",
    "beginning_at_its_predictions",
    "change_weights",
    "columns_of",
    "distinct",
    "first_layers",
    "holding_layers",
    "is_search",
    "is_semi_supervised",
    "is_stateless",
    "is_stateless_transformer",
    "know_labels",
    "parallel_block",
    "predict_of",
    "predict_proba_of",
    "reheated",
    "renews_its_generator",
    "response_methods",
    "rotate_members",
    "route_also",
    "routing_enabled",
    "seen_as_flat",
    "widen_output_layer",
]

# A warm start of this solver overwrote the intercept of the last class by 0, scikit-learn PR 31866.
NEWTON_CHOLESKY_FORGETS = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8)


def parallel_block(names, estimators):
    """Return the diagram of estimators that work side by side."""
    return _VisualBlock("parallel", estimators, names=names)


def predict_of(model, X):
    """Return ``model.predict(X)``; see :func:`predict_proba_of`."""
    if not _is_plain_forest(model):
        return model.predict(X)
    output = _mean_over_trees(model, X)
    if not hasattr(model, "classes_"):
        return output[:, 0]
    return model.classes_.take(output.argmax(axis=1), axis=0)


def predict_proba_of(model, X):
    """Return ``model.predict_proba(X)``, bit for bit.

    A forest hands each of its trees to a pool, even where that runs in the thread that calls: for a
    hundred rows it takes six times as long as the trees themselves, which are asked here directly.
    """
    if not _is_plain_forest(model):
        return model.predict_proba(X)
    return _mean_over_trees(model, X)


_FORESTS = frozenset(
    {
        "RandomForestClassifier",
        "RandomForestRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
    }
)


def _is_plain_forest(model):
    kind = type(model)
    return (
        kind.__name__ in _FORESTS
        and kind.__module__ == "sklearn.ensemble._forest"
        and model.n_jobs in (None, 1)
        and model.verbose == 0
        and getattr(model, "n_outputs_", 0) == 1
    )


def _mean_over_trees(forest, X):
    X = forest._validate_X_predict(X)
    total = 0.0
    for tree in forest.estimators_:
        total = total + tree.tree_.predict(X)
    return total / len(forest.estimators_)


def response_methods(scorer):
    """Return the names of the prediction methods a scorer asks for, or None if it does not say."""
    methods = getattr(scorer, "_response_method", None)
    if methods is None or methods == "default":
        return None
    return (methods,) if isinstance(methods, str) else tuple(methods)


def is_stateless(kind):
    """Return whether objects of this type never change: the compiled losses of linear models."""
    return kind.__module__ in ("sklearn.linear_model._sgd_fast", "sklearn._loss._loss")


def renews_its_generator(kind):
    """Return whether estimators of this type replace ``_random_state`` as each fit begins.

    Multi-layer perceptrons do. They are told by name: importing them takes long.
    """
    return any(base.__name__ == "BaseMultilayerPerceptron" for base in kind.__mro__)


def reheated(model):
    """Return `model` after its step size went back to its initial value, in place.

    ``t_`` counts the samples that the schedules of the SGD family and of the multi-layer
    perceptrons have seen; the perceptrons rebuild their optimiser, with ``learning_rate_init``,
    when ``partial_fit`` finds none.
    """
    if hasattr(model, "_optimizer"):
        del model._optimizer
        model.t_ = 0
    elif hasattr(model, "t_"):
        model.t_ = 1.0
    return model


@contextmanager
def holding_layers(perceptron, layers):
    """Let no step of the optimiser change some layers of a perceptron, nor what it knows of them.

    Parameters
    ----------
    perceptron : MLPClassifier or MLPRegressor
        Fitted by a stochastic solver.
    layers : list of int
        Their numbers, from the input on.
    """
    optimiser, n_layers = perceptron._optimizer, len(perceptron.coefs_)
    perceptron._optimizer = _Holding(optimiser, [*layers, *(n_layers + k for k in layers)])
    try:
        yield
    finally:
        perceptron._optimizer = optimiser


class _Holding:
    """An optimiser that leaves some of its parameters as they are."""

    def __init__(self, optimiser, places):
        self.optimiser = optimiser
        self.places = places

    def __getattr__(self, name):
        return getattr(self.optimiser, name)

    def update_params(self, params, grads):
        own = vars(self.optimiser)
        moments = {name: own[name] for name in ("velocities", "ms", "vs") if name in own}
        kept = {place: params[place].copy() for place in self.places}
        self.optimiser.update_params(params, grads)
        for place, values in kept.items():
            params[place][...] = values
            for name, before in moments.items():
                own[name][place] = before[place]


def is_stateless_transformer(estimator):
    """Return whether a transformer says that it need not be fitted."""
    # By name: in scikit-learn 1.7 it does not say so.
    return type(estimator).__name__ == "HashingVectorizer" or not get_tags(estimator).requires_fit


def check_pipeline(pipeline):
    """Raise what ``Pipeline.fit`` raises for parameters and steps that a Pipeline cannot have."""
    pipeline._validate_params()
    # Before 1.8, scikit-learn takes a class for an instance of it, and fails in its `fit`.
    classes = [item[-1] for item in pipeline.steps if isinstance(item[-1], type)]
    if classes:
        raise TypeError(f"Each step must be an instance of an estimator, got {classes[0]!r}.")
    pipeline._validate_steps()


def route_also(router, name, caller, methods):
    """Let a router send what `caller` gets to more methods of the step `name`, in place."""
    for method in methods:
        router._route_mappings[name].mapping.add(caller=caller, callee=method)


def is_semi_supervised(estimator):
    """Tell whether the label -1 stands for "no label"; scikit-learn has no tag that says so."""
    kinds = {"BaseLabelPropagation", "SelfTrainingClassifier"}
    return any(base.__name__ in kinds for base in type(estimator).__mro__)


def is_search(estimator):
    """Return whether an estimator is a search for parameters, such as GridSearchCV."""
    return isinstance(estimator, BaseSearchCV)


def columns_of(X, columns):
    """Return columns of an array or frame, as a ColumnTransformer cuts them."""
    return _safe_indexing(X, columns, axis=1)


@dataclass
class Layer:
    """Weights that multiply the features, and the intercept next to them.

    Attributes
    ----------
    weights : ndarray of shape (n_features,) or (n_outputs, n_features)
        A view: changing it changes the model.
    shift : callable
        ``shift(by)`` adds to the intercept.
    """

    weights: np.ndarray
    shift: Callable


def first_layers(model):
    """Return the layers that read the features: of a linear model, or of a perceptron.

    An averaging SGD model has two besides the one that it shows. What it shows may be the arrays of
    one of them or views, both or one of the two: the weights of a regressor, the intercept of a
    copied binary classifier.
    """
    if renews_its_generator(type(model)):
        return [Layer(model.coefs_[0].T, model.intercepts_[0].__iadd__)]
    layers, intercepts = [], []
    for coef, intercept in (
        ("_standard_coef", "_standard_intercept"),
        ("_average_coef", "_average_intercept"),
        ("coef_", "intercept_"),
    ):
        weights = getattr(model, coef, None)
        if weights is not None:
            layers.append(Layer(weights, _shifter(model, intercept, tuple(intercepts))))
            intercepts.append(getattr(model, intercept))
    return layers


def distinct(arrays):
    """Return the arrays that are no views of earlier ones."""
    found = []
    for array in arrays:
        if not _is_part_of(array, found):
            found.append(array)
    return found


def _is_part_of(array, others):
    return any(np.shares_memory(array, other) for other in others)


def _shifter(model, name, shifted):
    def shift(by):
        intercept = getattr(model, name)
        if _is_part_of(intercept, shifted):
            return
        if isinstance(intercept, np.ndarray):
            intercept += by  # in place: another attribute may be the same array
        elif np.any(by):
            setattr(model, name, intercept + by)

    return shift


def newest_seed(ensemble):
    """Return the seed of the newest member of a forest or of a bagging ensemble."""
    seeds = getattr(ensemble, "_seeds", None)
    return int(ensemble.estimators_[-1].random_state if seeds is None else seeds[-1])


def rotate_members(ensemble, grown):
    """Replace the oldest members of a forest or bagging ensemble by all of `grown`, in place.

    Lists are replaced, not changed: another model may share them.
    """
    size = len(ensemble.estimators_)
    if hasattr(ensemble, "_decision_path_lengths"):
        _rotate_path_lengths(ensemble, grown)
    for name in ("estimators_", "estimators_features_"):
        if hasattr(ensemble, name):
            setattr(ensemble, name, (getattr(ensemble, name) + getattr(grown, name))[-size:])
    if hasattr(ensemble, "_seeds"):
        ensemble._seeds = np.concatenate([ensemble._seeds, grown._seeds])[-size:]
        ensemble._max_samples = grown._max_samples


def _rotate_path_lengths(forest, grown):
    """Rotate what an isolation forest keeps of each tree: per node, its depth and what remains.

    A score divides the summed path lengths by what is usual for ``_max_samples`` rows. Where the
    new trees have drawn another number of rows, the paths of the old ones are stretched, so that
    each tree is judged by what is usual for its own rows.
    """
    stretch = _usual_path(grown.max_samples_) / _usual_path(forest.max_samples_)
    remaining, depths = forest._average_path_length_per_tree, forest._decision_path_lengths
    if stretch != 1:
        remaining = tuple(stretch * tree for tree in remaining)
        depths = tuple(1 + stretch * (tree - 1) for tree in depths)
    size = len(forest.estimators_)
    forest._average_path_length_per_tree = (remaining + grown._average_path_length_per_tree)[-size:]
    forest._decision_path_lengths = (depths + grown._decision_path_lengths)[-size:]
    forest.max_samples_ = grown.max_samples_


def _usual_path(n_rows):
    from sklearn.ensemble._iforest import _average_path_length

    return float(_average_path_length([max(n_rows, 2)])[0])


def forget_drawn_rows(ensemble):
    """Take away what ``estimators_samples_`` reads: the members come from several fits by now."""
    for name in ("_n_samples", "_n_samples_bootstrap", "_sample_weight"):
        vars(ensemble).pop(name, None)


def change_weights(model, change):
    """Replace the weights of a linear classifier, in place.

    An averaging SGD model keeps two sets besides the one that it shows, which is one of them: the
    same arrays, since its ``partial_fit`` writes to the intercepts that are shown.

    Parameters
    ----------
    model : classifier
        Fitted.
    change : callable
        ``change(coef, intercept)`` returns the new ones; `coef` is two-dimensional.
    """
    if getattr(model, "average", False) and hasattr(model, "_average_coef"):
        for kind in ("standard", "average"):
            coef, intercept = (getattr(model, f"_{kind}_{part}") for part in ("coef", "intercept"))
            coef, intercept = change(np.atleast_2d(coef), intercept)
            setattr(model, f"_{kind}_coef", coef)
            setattr(model, f"_{kind}_intercept", intercept)
        shown = "average" if model.average <= model.t_ - 1 else "standard"
        model.coef_ = getattr(model, f"_{shown}_coef")
        model.intercept_ = getattr(model, f"_{shown}_intercept")
    else:
        model.coef_, model.intercept_ = change(model.coef_, model.intercept_)


def widen_output_layer(model, classes, widen):
    """Give a perceptron classifier one softmax unit for each of three or more classes, in place.

    Parameters
    ----------
    model : MLPClassifier
        Fitted, on one target.
    classes : ndarray of shape (n_classes,)
        All labels, sorted.
    widen : callable
        ``widen(table, kind)`` returns a table of one row per present unit with a row per class.
        `kind` is "coef" or "intercept", or tells what a table of the optimiser holds for them:
        "step" (velocities), "gradient" or "square" (Adam's two moments).
    """
    last = len(model.coefs_) - 1

    def replace(tables, position, kind):
        tables[position] = np.ascontiguousarray(widen(tables[position].T, kind).T)

    replace(model.coefs_, last, "coef")
    replace(model.intercepts_, last, "intercept")
    model._best_coefs = [coef.copy() for coef in model.coefs_]
    model._best_intercepts = [intercept.copy() for intercept in model.intercepts_]
    model._label_binarizer = type(model._label_binarizer)().fit(classes)
    model.out_activation_, model.n_outputs_ = "softmax", len(classes)
    optimizer = getattr(model, "_optimizer", None)  # the solver "lbfgs" has none
    if optimizer is None:
        return
    model.best_loss_, model._no_improvement_count = np.inf, 0
    for name, kind in (("velocities", "step"), ("ms", "gradient"), ("vs", "square")):
        tables = getattr(optimizer, name, None)
        if tables is not None:  # of all layers: first their coefficients, then their intercepts
            replace(tables, last, kind)
            replace(tables, 2 * last + 1, kind)


@contextmanager
def beginning_at_its_predictions(model, X):
    """Let a ``fit`` of histogram boosting with ``warm_start`` begin at what `model` predicts for X.

    Such a fit cuts the rows into new bins and then sends the bin numbers through the trees that it
    has, whose thresholds count bins of the rows that they grew on. On other rows, the new trees
    correct residuals that nobody has. The raw predictions are taken before, by the thresholds in
    units of the features, and stand in for that one call. There must be no validation split.
    """
    raw_predictions = model._raw_predict(X)
    model._raw_predict = lambda X_binned, n_threads=None: raw_predictions
    try:
        yield
    finally:
        del model._raw_predict


def know_labels(stacking, encoder):
    """Let a stacking classifier turn the numbers of its final estimator into labels, in place."""
    stacking._label_encoder = encoder


def seen_as_flat(target_regressor, regressor, transformer):
    """Return a TransformedTargetRegressor as if it had been fitted on targets with one axis."""
    target_regressor.regressor_, target_regressor.transformer_ = regressor, transformer
    target_regressor._training_dim = 1
    return target_regressor
