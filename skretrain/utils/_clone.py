"""Clone estimators, also those whose constructors copy what they are given."""

import copy
import sys

import joblib
from sklearn.base import clone


def cloned(estimator):
    """Return an unfitted clone, as ``sklearn.base.clone`` does, wherever values say it is one.

    scikit-learn asks that a constructor keeps each argument as the object that it is. CatBoost's
    keeps a copy of lists, dicts and arrays, as in ``cat_features=["c"]``: here it is enough that
    the copy has the same content, at any depth of a composed estimator.

    Parameters
    ----------
    estimator : estimator
        Fitted or not.

    Returns
    -------
    clone : estimator
        Unfitted.

    Raises
    ------
    TypeError
        If `estimator` is none.
    RuntimeError
        If a constructor changes the content of an argument, or does not keep it.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skretrain.utils._clone import cloned
    >>> cloned(Ridge(alpha=2.0))
    Ridge(alpha=2.0)
    """
    try:
        clone_ = clone(estimator)
    except RuntimeError:
        return rebuilt(estimator)
    return rebuilt(estimator) if _loses_params(clone_) else clone_


def check_apart(estimator):
    """Raise ValueError where clones and copies of an estimator, or of a part, share its state.

    What is tried out on a clone would be learned by the original, or make it forget.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return  # it is no estimator, which others refuse
    for name, part in {"": estimator, **estimator.get_params()}.items():
        parameter = getattr(part, "_shared_by_clones", None)
        if parameter is not None:
            kind, value = type(part).__name__, getattr(part, parameter)
            way_out = f"{name}__{parameter}".removeprefix("__")
            raise ValueError(
                f"{kind}({parameter}={value!r}) has its state in a file, which all its clones and "
                "copies share: whatever is tried out on them would be learned there, and a fit "
                f"forgets what is in it. Pass clone(...).set_params({way_out}=None)."
            )


def cloned_apart(estimator):
    """Return a clone, as :func:`cloned` does, that shares no state with the original.

    Raises
    ------
    ValueError
        If its clones do.
    """
    check_apart(estimator)
    return cloned(estimator)


def _loses_params(estimator):
    """Tell whether an estimator, or one in it, clones itself and forgets a parameter.

    Keras 3 forgets ``fit_kwargs``, and shares the model that it was given.
    """
    if "keras" not in sys.modules:
        return False
    parts = (estimator, *estimator.get_params().values())
    own = (getattr(type(part), "__sklearn_clone__", None) for part in parts)
    return any(getattr(method, "__module__", "").startswith("keras.") for method in own)


def rebuilt(estimator):
    """Return what `cloned` does, without asking scikit-learn for the estimator itself."""
    params = {name: _cloned(value) for name, value in estimator.get_params(deep=False).items()}
    built = type(estimator)(**params)
    kept = built.get_params(deep=False)
    for name, value in params.items():
        if value is not kept[name] and joblib.hash(value) != joblib.hash(kept[name]):
            kind = type(estimator).__name__
            raise RuntimeError(
                f"{kind} cannot be cloned: its constructor changes the parameter {name}, which was "
                f"{value!r} and is {kept[name]!r}."
            )
    # What scikit-learn's setters have written beside the parameters; callbacks are shared.
    for name in ("_metadata_request", "_sklearn_output_config"):
        if name in vars(estimator):
            setattr(built, name, copy.deepcopy(getattr(estimator, name)))
    if "_skl_callbacks" in vars(estimator):
        built._skl_callbacks = estimator._skl_callbacks
    return built


def differing_params(one, other):
    """Return the names of the parameters in which two estimators differ, at any depth.

    Of estimators among the parameters the type is compared, and then their parameters; of a Keras
    model, and of what does not pickle, the type; of all else the content.

    Returns
    -------
    names : list of str
        Sorted; ``[""]`` for two of different types. Where two parameters are estimators of
        different types, theirs are not listed.

    Examples
    --------
    >>> from sklearn.linear_model import Lasso, Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skretrain.utils._clone import differing_params
    >>> differing_params(make_pipeline(Ridge()), make_pipeline(Ridge(alpha=2.0)))
    ['ridge__alpha']
    >>> differing_params(Ridge(), Lasso())
    ['']
    """
    if type(one) is not type(other):
        return [""]
    params, others = one.get_params(), other.get_params()
    found = {
        name
        for name in params.keys() | others.keys()
        if name not in params or name not in others or not _is_same(params[name], others[name])
    }
    return sorted(name for name in found if not any(name.startswith(f"{up}__") for up in found))


def _is_same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if _is_estimator(one) or hasattr(one, "get_compile_config"):
        return True
    try:
        return joblib.hash(one) == joblib.hash(other)
    except Exception:  # what does not pickle is in no file, either
        return True


class ClonedByContent:
    """Gives an estimator that holds others a clone wherever `cloned` gives those one.

    ``sklearn.base.clone`` asks the estimator first, so that grid searches and cross-validation take
    it, too.
    """

    def __sklearn_clone__(self):
        return rebuilt(self)


def _is_estimator(value):
    return hasattr(value, "get_params") and not isinstance(value, type)


def _cloned(value):
    if type(value) is dict:
        return {key: _cloned(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_cloned, value))
    if _is_estimator(value):
        return cloned(value)
    if hasattr(value, "get_compile_config"):
        return _copied_net(value)
    return clone(value, safe=False)


def _copied_net(net):
    """Return a copy of a Keras model; its own fails where the optimiser has not been used yet."""
    from keras.models import clone_model

    copied = clone_model(net)
    copied.set_weights(net.get_weights())
    return copied
