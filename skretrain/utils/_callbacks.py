"""Callbacks of scikit-learn 1.9: they hear of each step, reach the base, and may end a fit."""

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from ..exceptions import SkretrainWarning
from ._warn import warn_user

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9 has no callbacks: nothing to support

    class CallbackSupportMixin:
        """Stands where scikit-learn 1.9 has its mixin."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


# The step whose fits of the base are told; a thread that joblib starts has none.
_STEP = ContextVar("step", default=None)


class Told(NamedTuple):
    """The rows that a task learns from, as callbacks hear of them; ``Rows`` will do as well."""

    X: Any
    y: Any
    params: dict


def is_heard(estimator):
    """Tell whether an estimator has callbacks, or is fitted inside one that may have some."""
    return hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")


def can_be_heard(estimator):
    """Tell whether an estimator takes callbacks."""
    return hasattr(estimator, "set_callbacks")


def own_callbacks(estimator):
    """Return the callbacks that were set on an estimator."""
    return getattr(estimator, "_skl_callbacks", ())


def check_callbacks(owner, inner):
    """Raise TypeError where a callback that should hear of everything was set on a part."""
    misplaced = [type(c).__name__ for c in own_callbacks(inner) if _propagates(c)]
    if misplaced:
        raise TypeError(
            f"The sub-estimator ({type(inner).__name__}) of a meta-estimator "
            f"({type(owner).__name__}) can't have auto-propagated callbacks, got {misplaced}: "
            f"{type(owner).__name__}(...).set_callbacks(...) hands them on."
        )


def _propagates(callback, depth=-1):
    """Tell whether a callback goes on to the parts of an estimator at this depth."""
    if not hasattr(callback, "max_propagation_depth"):
        return False
    deepest = callback.max_propagation_depth
    return deepest is None or depth < deepest


class Task(NamedTuple):
    """A task, or a step of it, of which callbacks are told."""

    estimator: Any
    context: Any
    told: Any

    def part(self, name, told, *, number=None, n_steps=0):
        """Return a step of the task."""
        context = self.context.subcontext(task_name=name, task_id=number, max_subtasks=n_steps)
        return self._replace(context=context, told=told)

    def begin(self):
        """Tell that it begins."""
        self.context.call_on_fit_task_begin(**self._arguments())

    def end(self, fitted=None):
        """Tell that it is done, and return whether a callback wants no more of the kind."""
        arguments = self._arguments()
        return self.context.call_on_fit_task_end(**arguments, reconstruction_attributes=fitted)

    def _arguments(self):
        weight = self.told.params.get("sample_weight")  # scikit-learn tells of no other metadata
        metadata = {} if weight is None else {"sample_weight": weight}
        rows = {"X": self.told.X, "y": self.told.y, "metadata": metadata}
        return {"estimator": self.estimator, **rows}

    @contextmanager
    def fit_of(self, model, told, *, name="fit", number=None):
        """Make the fit of a model a step, and hand the callbacks on to it."""
        fit = self.part(name, told, number=number)
        with fit.context.propagate_callback_context(model):
            fit.begin()
            yield
            fit.end()


class Progress:
    """Tell the callbacks of an estimator, if there are any, how far a task with steps has come.

    Parameters
    ----------
    estimator : estimator
        The owner of the callbacks; the calling method is decorated ``with_callbacks``.
    name : str
        Of the whole task.
    n_steps : int or None
        How many steps it has, if that is known.
    told : Told or Rows
        What is learned from.
    base : estimator or None, default=None
        Whose fits inside the steps are tasks, too, where callbacks go on to it or it has its own.
    sequential : bool, default=True
        Whether one step comes after the other.

    Attributes
    ----------
    whole : Task or None
        None if nobody listens.
    stopped : bool
        Whether a callback has asked to leave out the steps to come.
    """

    def __init__(self, estimator, name, n_steps, told, *, base=None, sequential=True):
        self.base, self.whole, self.hands_on, self.stopped = base, None, False, False
        if not is_heard(estimator) and not own_callbacks(base):
            return
        context = estimator._init_callback_context(
            task_name=name, max_subtasks=n_steps, sequential_subtasks=sequential
        )
        self.whole = Task(estimator, context, told)
        depth = context._propagation_depth
        self.hands_on = any(_propagates(callback, depth) for callback in own_callbacks(estimator))
        self.whole.begin()

    @property
    def reaches_base(self):
        """Whether fits of the base are told of."""
        return can_be_heard(self.base) and (self.hands_on or bool(own_callbacks(self.base)))

    def warn_if_deaf(self):
        """Warn, as scikit-learn does, where callbacks should go on to a base that takes none."""
        if self.hands_on and not can_be_heard(self.base):
            owner = type(self.whole.estimator).__name__
            warn_user(
                f"The estimator {type(self.base).__name__} does not support callbacks. The "
                f"callbacks attached to {owner} will not be propagated to this estimator; those "
                "with max_propagation_depth=0 are not meant to be.",
                SkretrainWarning,
            )

    @contextmanager
    def task(self, name, told=None, fitted=None):
        """One step; the callbacks hear of its begin and its end.

        Parameters
        ----------
        name : str
            Of the step.
        told : Told, Rows or None, default=None
            What it learns from; None is all of it.
        fitted : callable or None, default=None
            Returns the attributes that make a copy of the estimator the fitted one, or None.
        """
        if self.whole is None:
            yield
            return
        told = self.whole.told if told is None else told
        step = self.whole.part(name, told, n_steps=None if self.reaches_base else 0)
        step.begin()
        with self.listening(step):
            yield
        self.stopped = step.end(fitted)

    @contextmanager
    def listening(self, step=None):
        """Make each fit of the base inside the block a part of a step, or else of the whole."""
        if self.whole is None or not self.reaches_base:
            yield
            return
        token = _STEP.set(step or self.whole)
        try:
            yield
        finally:
            _STEP.reset(token)

    @contextmanager
    def member(self, name, number, model):
        """Make the fit of a member a step, and hand the callbacks on to it."""
        if self.whole is None:
            yield
            return
        with self.whole.fit_of(model, self.whole.told, name=name, number=number):
            yield

    def end(self, fitted=None):
        """Tell that the whole task is done."""
        if self.whole is not None:
            self.whole.end(fitted)


def fit_heard(model, X, y, params):
    """Fit a base; in a step that is listened to, that is a task of its own."""
    step = _STEP.get()
    if step is None:
        model.fit(X, y, **params)
        return
    token = _STEP.set(None)  # what is fitted inside the base belongs to the base
    try:
        with step.fit_of(model, Told(X, y, params)):
            model.fit(X, y, **params)
    finally:
        _STEP.reset(token)
