"""River's models behind river's own wrappers: blank clones, probabilities that add up to one."""

from functools import cache

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from ._base import flat_classes
from ._mended import OfItsLibrary, unmended
from ._partial_fit import PartialFitAdapter


class RiverAdapter(PartialFitAdapter):
    """Call the wrapper's ``partial_fit``, which is river's ``learn_one``, row by row.

    A multiclass model takes in new labels by itself; the wrapper is told of them. The schedules of
    river's optimisers go on: nothing is reheated.
    """

    def prepared(self, estimator):
        return _with_blank_model(estimator)

    def refusal(self, model, y, effort):
        reason = super().refusal(model, y, effort)
        return f"{reason}; river.multiclass.OneVsRestClassifier would" if reason else ""

    def can_grow(self, model, new):
        return model.river_estimator._multiclass

    def update(self, model, X, y, params, effort):
        classes = flat_classes(model, y)
        if classes is not None and not np.isin(y, classes).all():
            model.classes_ = np.union1d(classes, y)
        for _ in range(effort.n_passes):
            model.partial_fit(X, y, **params)


class _LabelsOfRiver:
    """What river's wrapper of classifiers lacks; to be placed before it.

    Its ``predict_proba`` looks up the user's labels in what a binary model says of False and True,
    and its ``predict`` hands on the None of a model that has no answer yet.
    """

    def partial_fit(self, X, y, classes=None):
        """Learn row by row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Targets.
        classes : array-like of shape (n_classes,), default=None
            All labels, for the first call.

        Returns
        -------
        self : object
            The classifier.
        """
        if classes is not None:
            classes = np.unique(classes)
            if len(classes) > 2 and not self.river_estimator._multiclass:
                raise ValueError(
                    f"classes={classes.tolist()}: {type(self.river_estimator).__name__} is binary. "
                    "Wrap it in river.multiclass.OneVsRestClassifier."
                )
        return super().partial_fit(X, y, classes)

    def predict(self, X):
        """Predict labels; the first one where the model has no answer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Of the type of ``classes_``.
        """
        answers = self._ask("predict_one", X)
        position = {label: column for column, label in enumerate(self._labels())}
        return self.classes_[[position.get(answer, 0) for answer in answers]]

    def predict_proba(self, X):
        """Predict class probabilities; all the same where the model has no answer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Rows add up to 1.
        """
        answers = self._ask("predict_proba_one", X)
        labels = self._labels()
        proba = np.array([[answer.get(label, 0.0) for label in labels] for answer in answers])
        total = proba.sum(axis=1, keepdims=True)
        silent = ~(total[:, 0] > 0)  # NaN included
        proba[silent], total[silent] = 1.0, len(labels)
        return np.where(np.isclose(total, 1.0), proba, proba / total)

    def of_its_library(self):
        """Return river's own wrapper, of a binary model with positions for labels.

        Returns
        -------
        plain : OfItsLibrary
            A copy, which shares what it has learned.
        """
        other = unmended(self, _LabelsOfRiver)
        if self.river_estimator._multiclass:
            return OfItsLibrary(other)
        other.classes_ = np.arange(len(self.classes_))
        return OfItsLibrary(other, self.classes_)

    def _ask(self, method, X):
        from river.stream import iter_array

        check_is_fitted(self, "instance_")
        ask = getattr(self.instance_, method)
        return [ask(x) for x, _ in iter_array(validate_data(self, X, reset=False))]

    def _labels(self):
        """Return the labels as the model knows them: a binary one learned positions."""
        known_as_positions = not self.river_estimator._multiclass
        return range(len(self.classes_)) if known_as_positions else self.classes_.tolist()


def _with_blank_model(wrapper):
    """Return the wrapper, its model without a past; river's wrapper of classifiers is mended."""
    from river.compat import River2SKLClassifier

    # A subclass may have mended it in its own way.
    if type(wrapper) is River2SKLClassifier:
        return _mended_wrapper()(_blank(wrapper.river_estimator))
    return wrapper.set_params(river_estimator=_blank(wrapper.river_estimator))


def _blank(model):
    """Clone a river model; river's ``clone`` alone keeps the past of models in a list."""
    from river.base import Estimator

    # Pipelines and unions have their steps for parameters.
    steps = getattr(model, "steps", None) or getattr(model, "transformers", None)
    parts = steps or {name: getattr(model, name, None) for name in model._get_params()}
    blank = {}
    for name, part in parts.items():
        if isinstance(part, Estimator):
            blank[name] = _blank(part)
        elif isinstance(part, list) and any(isinstance(member, Estimator) for member in part):
            blank[name] = [_blank(member) for member in part]
    return model.clone(blank)


@cache
def _mended_wrapper():
    from river.compat import River2SKLClassifier

    kind = type("River2SKLClassifier", (_LabelsOfRiver, River2SKLClassifier), {})
    kind.__module__ = __name__
    kind.__doc__ = River2SKLClassifier.__doc__
    return kind


def __getattr__(name):
    # River is imported when a model of it is used, not before; pickles name the class.
    if name == "River2SKLClassifier":
        return _mended_wrapper()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def hint(estimator):
    """Return how to pass a raw river model, or an empty string if it is none.

    Parameters
    ----------
    estimator : object
        What was given as a base.

    Returns
    -------
    hint : str
        A sentence for an error message.
    """
    if hasattr(estimator, "get_params") or not _is_of_river(estimator):
        return ""
    from river import base

    name = type(estimator).__name__
    steps = getattr(estimator, "steps", None)
    last = next(reversed(steps.values())) if steps else estimator
    for kind in ("Classifier", "Regressor", "Clusterer"):
        if isinstance(last, getattr(base, kind)):
            # Conversion makes a pipeline of scikit-learn from one of river, without partial_fit.
            way = f"River2SKL{kind}" if steps else "convert_river_to_sklearn"
            return f"{name} is a model of river: pass river.compat.{way}(model)."
    return f"{name} is an object of river that its wrappers for scikit-learn do not know."


def _is_of_river(obj):
    return any(kind.__module__.partition(".")[0] == "river" for kind in type(obj).__mro__)


ADAPTERS = {"river.River2SKLBase": RiverAdapter()}
