"""Nets of Keras 3, by its own wrappers: the optimiser goes on with them."""

from contextlib import ExitStack, contextmanager

from sklearn.utils.validation import check_is_fitted, validate_data

from ...utils._containers import writable
from ._base import BaseAdapter, is_among, set_for_now
from ._mended import Mended, mended


class _Rebuilds(Mended):
    """Builds a model for each fit anew, except for what of it is not to be trained."""

    _prior, _freeze = None, ()

    def fitted_around(self, fit, X, y, params):
        prior, freeze = self._prior, self._freeze
        vars(self).pop("_prior", None), vars(self).pop("_freeze", None)
        given, told = self.model, self.model_kwargs or {}

        def build(X, y):
            net = _blank(given, X, y) if hasattr(given, "layers") else given(X=X, y=y, **told)
            if prior is not None:
                _take_over(net, prior, X, freeze)
            self._rate = _rate_of(net)
            for_now.enter_context(_holding(net, freeze))
            return net

        # Keras asks a function for the model, and its fit writes into the dict fit_kwargs.
        own = {"model": build, "model_kwargs": None, "fit_kwargs": {**(self.fit_kwargs or {})}}
        with ExitStack() as for_now, set_for_now(self, **own):
            return fit(X, y, **params)

    def stays_mended(self):
        return True

    def predict(self, X):
        """Predict targets; Keras itself draws a progress bar for each call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        outputs = self._outputs(X)
        return self._target_encoder.inverse_transform(outputs)

    def _outputs(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.model_.predict(writable(X), verbose=0)


class _RebuildsClassifier(_Rebuilds):
    def decision_function(self, X):
        """Return the outputs of the net.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_classes)
            One column per class, also where there are two.
        """
        return self._outputs(X)


class KerasAdapter(BaseAdapter):
    """Go on with ``fit`` of the fitted Keras model, with the ``fit_kwargs`` of its wrapper.

    The optimiser and its moments go on; to reheat means a new one, which begins at the rate of the
    model as it was built. A fit from scratch begins with new weights: the function that was given
    as `model` builds them, and of a model the layers that can be trained are initialised anew; its
    layers with ``trainable=False`` keep the weights that they were given with. What a fitted model
    does not train is handed on to the one that takes its place.

    The parts that can be held fixed are the layers, by name, those of nested models as
    ``"outer/inner"``.

    Notes
    -----
    Initial weights and shuffles come from the generators of Keras, which ``random_state`` does not
    seed: ``keras.utils.set_random_seed`` does. Keras can pickle a model only once its optimiser has
    variables: where `model` is one that was never fitted, ``optimizer.build(trainable_variables)``
    gives it some, or pass a function.
    """

    method = "partial_fit"
    incremental = True
    mixin = _Rebuilds
    needs_writable = True  # torch warns of any other array

    def prepared(self, estimator):
        return mended(estimator, self.mixin)

    def freezable(self, estimator):
        # Before a fit, only a model tells, not a function that builds one.
        net = getattr(estimator, "model_", estimator.model)
        return list(_layers_of(net)) if hasattr(net, "layers") else None

    def hold_over(self, estimator, fitted, freeze):
        estimator._prior, estimator._freeze = fitted.model_, freeze

    def refusal(self, model, y, effort):
        reason = super().refusal(model, y, effort)
        return reason or (_why_not_held(model.model_, effort.freeze) if effort.freeze else "")

    def update(self, model, X, y, params, effort):
        net = model.model_
        X = validate_data(model, writable(X), reset=False)
        y = model._target_encoder.transform(y)
        if effort.reheat:
            _reheat(net, model._rate)
        told = {**(model.fit_kwargs or {}), **params}
        with _holding(net, effort.freeze):
            for _ in range(effort.n_passes):
                model.history_ = net.fit(X, y, **told)


class KerasClassifierAdapter(KerasAdapter):
    """Go on with a classifier of Keras."""

    mixin = _RebuildsClassifier


def _blank(given, X, y):
    """Return a model like the one given, with new weights where it is to be trained."""
    from keras.models import clone_model

    n_outputs = given.output_shape[-1]
    if n_outputs != y.shape[1]:
        raise ValueError(
            f"model={given!r} has {n_outputs} outputs, and the targets need {y.shape[1]}: pass a "
            "function that builds a model with y.shape[1] outputs."
        )
    net = clone_model(given)
    _take_over(net, given, X, ())
    return net


def _take_over(net, prior, X, freeze):
    """Give a model the weights of the layers of another that are not to be trained, in place."""
    before = _layers_of(prior)
    fixed = [is_among(name, freeze) or not before[name].trainable_weights for name in before]
    if not any(fixed):
        return
    if not net.built:
        net.build((None, *X.shape[1:]))
    # By position: the names that Keras itself gives count up through a process.
    own = _layers_of(net)
    if [_shapes(layer) for layer in own.values()] != [_shapes(layer) for layer in before.values()]:
        held = [name for name, is_fixed in zip(before, fixed, strict=True) if is_fixed]
        raise ValueError(
            f"the layers {held} are held fixed, and the layers {list(own)} of the model that takes "
            "their place have other shapes: fit a model of another shape anew."
        )
    for is_fixed, layer, old in zip(fixed, own.values(), before.values(), strict=True):
        if is_fixed:
            layer.set_weights(old.get_weights())


def _shapes(layer):
    return [tuple(weight.shape) for weight in layer.weights]


def _layers_of(net, inside=""):
    """Return the layers of a model that have weights, or may have once they are built, by name."""
    found = {}
    for layer in net.layers:
        if hasattr(layer, "layers"):
            found |= _layers_of(layer, f"{inside}{layer.name}/")
        elif layer.weights or not layer.built:
            found[inside + layer.name] = layer
    return found


@contextmanager
def _holding(net, freeze):
    """Let no optimiser change the layers that patterns match."""
    held = [layer for name, layer in _layers_of(net).items() if is_among(name, freeze)]
    held = [layer for layer in held if layer.trainable]
    if held and net.built:
        net.optimizer.build(net.trainable_variables)  # it is to know them all later on
    _train(net, held, False)
    try:
        yield
    finally:
        _train(net, held, True)


def _train(net, layers, trainable):
    for layer in layers:
        layer.trainable = trainable
    if layers:
        net.train_function = None  # some backends have traced which weights it changes


def _why_not_held(net, freeze):
    """Return why layers cannot stay as they are while others learn."""
    from keras.config import backend

    if backend() == "jax":
        return "an optimiser of Keras on JAX steps for all weights that it knows, or for none"
    if all(
        is_among(n, freeze) or not part.trainable_weights for n, part in _layers_of(net).items()
    ):
        return "no layer of the model is left to learn"
    return ""


def _rate_of(net):
    """Return the learning rate of a model, a number or a schedule, as it is written down."""
    return net.get_compile_config()["optimizer"]["config"]["learning_rate"]


def _reheat(net, rate):
    """Give a model a new optimiser, in place."""
    config = net.get_compile_config()
    config["optimizer"]["config"]["learning_rate"] = rate
    net.compile_from_config(config)


ADAPTERS = {
    "keras.SKLearnClassifier": KerasClassifierAdapter(),
    "keras.SKLearnRegressor": KerasAdapter(),
}
