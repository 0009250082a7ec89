"""The contract of an adapter: how the estimators of one family go on learning."""

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from ...utils._copy import copy_fitted
from ...utils._labels import unseen_labels
from ...utils._plain import Plain


@dataclass(frozen=True)
class Effort(Plain):
    """How much one continuation may change.

    Parameters
    ----------
    n_passes : int, default=1
        How often ``partial_fit`` goes over the rows.
    reheat : bool, default=False
        Whether the step size goes back to its initial value first.
    rate : float, default=0.1
        Members that an ensemble replaces, or rounds that a booster adds, as a share of its
        ``n_estimators``.
    freeze : tuple of str, default=()
        Patterns of parts of the predictor that stay as they are, bit for bit, while the others
        learn: layers of a net, say. :meth:`BaseAdapter.freezable` has their names.

    Examples
    --------
    >>> from skretrain.compose import Effort
    >>> Effort(rate=0.2).share_of(30)
    6
    """

    n_passes: int = 1
    reheat: bool = False
    rate: float = 0.1
    freeze: tuple = ()

    def share_of(self, n_members):
        """Return how many members, or rounds, the rate means.

        Parameters
        ----------
        n_members : int
            How many there are in all.

        Returns
        -------
        n_meant : int
            One at least.
        """
        return max(1, round(self.rate * n_members))


class BaseAdapter(Plain, ABC):
    """Base class of adapters: how the estimators of one family go on learning.

    A subclass writes :meth:`update`, and says in :meth:`why_not` and :meth:`refusal` what it
    cannot follow; both are asked *before* anything is fitted. An adapter holds no state: one object
    serves every estimator of its family. :func:`register_adapter` makes it known.

    Attributes
    ----------
    method : str
        A word for it, for tables and events.
    fit_method : {"fit", "partial_fit"}
        The method of the estimator that takes the rows, for metadata routing.
    incremental : bool
        Whether the newest batch alone teaches the model (as with ``partial_fit``); else all rows
        of the present concept are handed over.
    needs_all_classes : bool
        Whether the rows must show every class of the model: then a policy adds remembered ones.
    guarded : {"never", "alarm", "always"}
        When the continuation must prove itself against a fresh fit before it serves: for members
        that stay, an alarm says that they are wrong.
    needs_writable : bool
        Whether a fit must not get the read-only rows of a memory, but copies.
    learns_beside : bool
        Whether something is left to learn when all parts are held fixed.

    Examples
    --------
    A mean that forgets, continued with a share of the new:

    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator, RegressorMixin
    >>> from skretrain.compose import BaseAdapter, partial_fit, register_adapter
    >>> class Mean(RegressorMixin, BaseEstimator):
    ...     def fit(self, X, y):
    ...         self.mean_ = np.mean(y)
    ...         return self
    ...
    ...     def predict(self, X):
    ...         return np.full(len(X), self.mean_)
    >>> class MeanAdapter(BaseAdapter):
    ...     method = "moving mean"
    ...
    ...     def update(self, model, X, y, params, effort):
    ...         model.mean_ += effort.rate * (np.mean(y) - model.mean_)
    >>> register_adapter(Mean, MeanAdapter())
    >>> model = Mean().fit([[0]], [0.0])
    >>> float(partial_fit(model, [[0]], [10.0]).mean_)
    1.0
    """

    method = "warm_start"
    fit_method = "fit"
    incremental = False
    needs_all_classes = False
    guarded = "never"
    needs_writable = False
    learns_beside = False

    def why_not(self, estimator):
        """Return why an estimator with these parameters cannot be continued.

        Parameters
        ----------
        estimator : estimator
            Fitted or not.

        Returns
        -------
        reason : str
            Empty if it can.
        """
        return ""

    def refusal(self, model, y, effort):
        """Return why this fitted model cannot be continued on rows with these targets.

        Parameters
        ----------
        model : estimator
            The fitted model.
        y : ndarray or None
            Targets of the rows that count.
        effort : Effort
            How much would be changed.

        Returns
        -------
        reason : str
            Empty if it can. By default, new classes are an obstacle unless :meth:`can_grow`, and
            missing ones if the adapter ``needs_all_classes``.
        """
        classes = flat_classes(model, y)
        if classes is None:
            return ""
        new = unseen_labels(y, classes)
        if len(new) and not self.can_grow(model, new):
            return f"the model cannot take in new classes {new.tolist()}"
        missing = np.setdiff1d(classes, y) if self.needs_all_classes else ()
        if len(missing):
            name = type(model).__name__
            return f"{name} needs every class that it knows; the rows lack {missing.tolist()}"
        return ""

    def can_grow(self, model, new):
        """Tell whether :meth:`update` can take in labels that the model does not know.

        Parameters
        ----------
        model : estimator
            The fitted model.
        new : ndarray
            The labels it lacks.

        Returns
        -------
        can_grow : bool
            False, unless overridden.
        """
        return False

    def freezable(self, estimator):
        """Return the names of the parts that :meth:`update` can hold fixed.

        Parameters
        ----------
        estimator : estimator
            Fitted or not.

        Returns
        -------
        names : list of str or None
            None where only a fitted one tells. Empty, unless overridden.
        """
        return []

    def hold_over(self, estimator, fitted, freeze):
        """Let the ``fit`` of an estimator begin with fixed parts of a fitted one, in place.

        Nothing, unless overridden: all parts are learned anew.

        Parameters
        ----------
        estimator : estimator
            Unfitted, what `prepared` returned.
        fitted : estimator
            The model whose parts these are.
        freeze : tuple of str
            Patterns of parts to hold fixed, beside those that the model itself does not train.
        """

    def prepared(self, estimator):
        """Return what is fitted in the place of an unfitted clone.

        Parameters
        ----------
        estimator : estimator
            A clone, which may be changed.

        Returns
        -------
        prepared : estimator
            The clone itself, unless overridden.
        """
        return estimator

    def after_fit(self, predictor, model, X):
        """Make what a fresh fit learned consistent, in place; nothing, unless overridden.

        Parameters
        ----------
        predictor : estimator
            The fitted estimator of this family.
        model : estimator
            What it is the last step of, or itself.
        X : array-like of shape (n_samples, n_features)
            Rows that `model` was fitted on.
        """

    def to_blame(self, predictor, model, X, y):
        """Return the labels for which a fit has failed that cannot learn them; and why it cannot.

        Parameters
        ----------
        predictor : estimator
            The estimator of this family, whose fit has raised.
        model : estimator
            What it is the last step of, or itself.
        X : array-like of shape (n_samples, n_features)
            Rows that `model` was to be fitted on.
        y : ndarray of shape (n_samples,)
            Their targets.

        Returns
        -------
        labels : array-like
            Those without whose rows the fit can be tried again.
        reason : str
            Empty, unless overridden: no label is to blame.
        """
        return (), ""

    def n_kept(self, model):
        """Return how many rounds a model predicts with that was stopped early; None if it was not.

        Parameters
        ----------
        model : estimator
            The fitted model.

        Returns
        -------
        n_kept : int or None
            None, unless overridden.
        """

    def copied(self, model):
        """Return a copy that :meth:`update` may change without changing `model`.

        Parameters
        ----------
        model : estimator
            The fitted model.

        Returns
        -------
        copied : estimator
            Parts that :meth:`update` replaces rather than changes may be shared.
        """
        return copy_fitted(model)

    @abstractmethod
    def update(self, model, X, y, params, effort):
        """Let the fitted `model` go on learning from the rows, in place.

        Parameters
        ----------
        model : estimator
            A copy that may be changed.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : ndarray or None
            Targets.
        params : dict
            Per-row metadata of ``method``, such as ``sample_weight``.
        effort : Effort
            How much to change.
        """


def flat_classes(model, y):
    """Return the class labels of a model with one output, or None if there are none to compare."""
    classes = getattr(model, "classes_", None)
    if not isinstance(classes, np.ndarray) or y is None or y.ndim > 1:
        return None
    return classes if len(classes) else None  # regressors of CatBoost have an empty array


def is_among(name, patterns):
    """Tell whether patterns match the name of a part, or of what it is a part of.

    ``"0"`` and ``"0.*"`` both match ``"0.weight"``.
    """
    names = [name] + [name[:end] for end, letter in enumerate(name) if letter in "./"]
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


@contextmanager
def set_for_now(model, /, **values):
    """Set parameters of an estimator, and put back in the end what was there.

    As attributes: ``set_params`` of XGBoost and LightGBM also writes into parts that copies share.
    """
    as_given = {name: getattr(model, name) for name in values}
    vars(model).update(values)
    try:
        yield model
    finally:
        vars(model).update(as_given)
