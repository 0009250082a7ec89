"""Neural nets of skorch: the optimiser goes on with them, the classes stay those of the outputs."""

import copy
import numbers
from contextlib import contextmanager
from functools import cache

import numpy as np
from sklearn.base import clone

from ...utils._containers import take_rows, writable
from ._base import is_among, set_for_now
from ._mended import Mended, OfItsLibrary, mended, unmended
from ._partial_fit import PartialFitAdapter

# Epochs of the history that are kept: it grows with every update, and copies with it.
_N_EPOCHS = 1000


class SkorchAdapter(PartialFitAdapter):
    """Call the net's own ``partial_fit``, which runs ``max_epochs`` epochs on the rows.

    The optimiser and its moments go on; to reheat means a new one, which begins at the net's
    ``lr``. The history keeps its last 1000 epochs, unless a scheduler of the learning rate counts
    them. The classes are those in the net's parameter ``classes``, or else one per output: the
    outputs are the room there is for new ones.

    The parts that can be held fixed are the parameters and buffers of ``module_``, by name. A
    module whose buffers are held, such as the running means of a normalisation, is meanwhile in
    its mode for evaluation. What does not ask for gradients after a fit, because the callback
    ``Freezer`` has seen to it, say, is handed on to the net that takes its place.

    Notes
    -----
    The hold-out inside the net, ``train_split``, is split off each batch, which may be too small
    for it: ``train_split=None`` learns from all rows. Initial weights come from torch's own
    generator, which ``random_state`` does not seed.
    """

    needs_writable = True  # torch warns of any other array

    def prepared(self, estimator):
        kind = type(estimator)
        # By name, which imports nothing. A subclass may take its targets in its own way.
        is_own = kind.__module__ in ("skorch.regressor", "skorch.classifier")
        if is_own and kind.__name__ in _MIXINS:
            return _mended(kind.__name__)(**estimator.get_params(deep=False))
        return estimator

    def why_not(self, estimator):
        reason = super().why_not(estimator)
        if not reason and getattr(estimator, "_trimmed_for_prediction", False):
            return f"{type(estimator).__name__} was trimmed for prediction"
        return reason

    def refusal(self, model, y, effort):
        reason = super().refusal(model, y, effort)
        if not reason:
            _, reason = _beyond(getattr(model, "_n_outputs", None), y)
        reason = reason or _why_not_split(model.train_split, y)
        return reason or (_why_not_held(model, effort.freeze) if effort.freeze else "")

    def to_blame(self, predictor, model, X, y):
        is_classifier = hasattr(predictor, "classes_inferred_") or isinstance(predictor, _TwoLabels)
        if not is_classifier or not getattr(predictor, "initialized_", False):
            return super().to_blame(predictor, model, X, y)
        return _beyond(_n_outputs(model, X), y)

    def can_grow(self, model, new):
        return False

    def freezable(self, estimator):
        if getattr(estimator, "initialized_", False):
            return list(_tensors_of(estimator.module_))
        import torch

        with torch.random.fork_rng(devices=[]):
            built = clone(estimator).set_params(verbose=0).initialize()
        return list(_tensors_of(built.module_))

    def hold_over(self, estimator, fitted, freeze):
        fixed = _fixed_in(fitted.module_, freeze)
        if fixed:
            mended(estimator, _Holds)
            estimator._fixed, estimator._freeze = fixed, freeze

    def copied(self, model):
        # Finished epochs never change: shared, they cost an update nothing.
        return copy.deepcopy(model, {id(epoch): epoch for epoch in model.history})

    def after_fit(self, predictor, model, X):
        inferred = getattr(predictor, "classes_inferred_", None)
        if inferred is not None:
            predictor._n_outputs = n_outputs = _n_outputs(model, X)
            if n_outputs is not None and inferred[-1] < n_outputs:
                predictor.classes_inferred_ = np.arange(n_outputs)

    def update(self, model, X, y, params, effort):
        inferred = getattr(model, "classes_inferred_", None)
        counts_epochs = any(hasattr(part, "lr_scheduler_") for _, part in model.callbacks_)
        if effort.reheat:
            model.initialize_optimizer()
            if counts_epochs:
                model.history.clear()
        with _holding(model.module_, effort.freeze):
            for _ in range(effort.n_passes):
                model.partial_fit(writable(X), writable(y), **params)
        if inferred is not None:
            model.classes_inferred_ = inferred  # those of the last rows alone, by now
        if not counts_epochs:
            del model.history[:-_N_EPOCHS]


class _Holds(Mended):
    """Begins with parts of another net, which stay as they are."""

    def fitted_around(self, fit, X, y, params):
        self.initialize()
        freeze = _take_over(self)
        with _holding(self.module_, freeze), set_for_now(self, warm_start=True):
            return fit(X, y, **params)


def _take_over(net):
    """Give a net the fixed parts that it was handed, and return the patterns of those to hold."""
    fixed, freeze = net._fixed, net._freeze
    del net._fixed, net._freeze
    own = _tensors_of(net.module_)
    for name, values in fixed.items():
        if name not in own or own[name].shape != values.shape:
            raise ValueError(
                f"the part {name!r} of {type(net).__name__} is held fixed, and the net that takes "
                "its place has none of that shape: fit a net of another shape anew."
            )
        own[name].data.copy_(values)
    return freeze


def _tensors_of(module):
    """Return the parameters and buffers of a module, by name."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _fixed_in(module, freeze):
    """Return what is not trained: by its own account, or because patterns match it."""
    trained = {
        name: part.requires_grad and not is_among(name, freeze)
        for name, part in module.named_parameters()
    }
    at_rest = set(map(_owner, trained)) - {_owner(name) for name in trained if trained[name]}
    return {
        name: part.detach().clone()
        for name, part in _tensors_of(module).items()
        if is_among(name, freeze) or not trained.get(name, _owner(name) not in at_rest)
    }


def _owner(name):
    """Return the name of the module that a parameter or buffer belongs to."""
    return name.rpartition(".")[0]


@contextmanager
def _holding(module, freeze):
    """Let no optimiser change the parts of a module that patterns match, nor a pass its buffers."""
    held = [part for name, part in module.named_parameters() if is_among(name, freeze)]
    held = [part for part in held if part.requires_grad]
    owners = {_owner(name) for name, _ in module.named_buffers() if is_among(name, freeze)}
    hooks = [module.get_submodule(name).register_forward_pre_hook(_to_evaluate) for name in owners]
    for part in held:
        part.requires_grad = False  # without a gradient there is no step
    try:
        yield
    finally:
        for part in held:
            part.requires_grad = True
        for hook in hooks:
            hook.remove()


def _to_evaluate(module, _):
    module.eval()


def _why_not_held(net, freeze):
    """Return why parts of a net cannot stay as they are while others learn."""
    name = type(net).__name__
    if type(net.optimizer_).__name__ == "LBFGS":
        return f"the steps of LBFGS move all parameters of {name}, held fixed or not"
    parts = net.module_.named_parameters()
    if any(part.requires_grad and not is_among(name, freeze) for name, part in parts):
        return ""
    return f"nothing of {name} is left to learn"


class _FlatTargets:
    """Targets and predictions of one output without a second axis, as everywhere else.

    To be placed before skorch's net for regression: against a column of outputs, torch compares
    each flat target with the outputs of all rows.
    """

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        """Return the loss of a batch.

        Parameters
        ----------
        y_pred, y_true : torch.Tensor
            Outputs and targets.
        *args, **kwargs : object
            Handed on.

        Returns
        -------
        loss : torch.Tensor
            Of size 1.
        """
        if y_true.ndim == 1 and y_pred.ndim == 2:
            y_true = y_true.reshape(-1, 1)
        return super().get_loss(y_pred, y_true, *args, **kwargs)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        predicted = super().predict(X)
        return predicted[:, 0] if predicted.shape[1:] == (1,) else predicted

    def of_its_library(self):
        """Return skorch's own net.

        Returns
        -------
        plain : OfItsLibrary
            A copy, which shares what it has learned.
        """
        return OfItsLibrary(unmended(self, _FlatTargets), is_flat=False)


class _TwoLabels:
    """Refuses the labels for which a binary net has no room; its loss takes any number."""

    def check_data(self, X, y):
        """Raise for rows that cannot be learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Targets.

        Raises
        ------
        ValueError
            As in skorch; and if a label is neither 0 nor 1.
        """
        super().check_data(X, y)
        _, reason = _beyond(2, None if y is None else np.asarray(y))
        if reason:
            raise ValueError(f"{reason}.")

    def of_its_library(self):
        """Return skorch's own net.

        Returns
        -------
        plain : OfItsLibrary
            A copy, which shares what it has learned.
        """
        return OfItsLibrary(unmended(self, _TwoLabels))


# What is mended of skorch, by the name of the net.
_MIXINS = {"NeuralNetRegressor": _FlatTargets, "NeuralNetBinaryClassifier": _TwoLabels}


@cache
def _mended(name):
    import skorch

    net = getattr(skorch, name)
    return type(name, (_MIXINS[name], net), {"__module__": __name__, "__doc__": net.__doc__})


def __getattr__(name):
    # Skorch is imported when a net is used, not before; pickles name the class.
    if name in _MIXINS:
        return _mended(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _n_outputs(model, X):
    """Return how many classes the outputs of a net have room for; None if they do not show it."""
    proba = model.predict_proba(writable(take_rows(X, slice(0, 1))))
    return proba.shape[1] if proba.ndim == 2 else None


def _beyond(n_outputs, y):
    """Return the labels for which a net has no output, and the reason; empty if there are none."""
    if n_outputs is None or y is None or y.dtype.kind not in "iuf":
        return (), ""
    beyond = np.unique(y[(y < 0) | (y >= n_outputs)])
    if not len(beyond):
        return beyond, ""
    return beyond, f"the net has {n_outputs} outputs, none for the labels {beyond.tolist()}"


def _why_not_split(split, y):
    """Return why the net's own hold-out cannot be split off rows with these targets."""
    share = getattr(split, "cv", None)
    if y is None or not isinstance(share, numbers.Real):
        return ""  # a splitter of the user's own
    if float(share).is_integer():
        most = np.unique(y, return_counts=True)[1].max() if split.stratified else len(y)
        reason = f"{most} rows{' of a class' if split.stratified else ''}" if most < share else ""
    else:
        reason = _why_not_drawn(split, y)
    if not reason:
        return ""
    return f"train_split={share} cannot hold out rows ({reason}); pass train_split=None"


def _why_not_drawn(split, y):
    split = copy.copy(split)
    split.random_state = 0  # a trial draws from nobody's generator
    try:
        split(y, y)
    except ValueError as error:
        return str(error)
    return ""


ADAPTERS = {"skorch.NeuralNet": SkorchAdapter()}
