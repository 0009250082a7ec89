"""Copy a fitted model so that training the copy leaves the original as it was."""

import copy

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from sklearn.base import BaseEstimator

from ._plain import Plain
from ._sklearn_api import is_stateless, renews_its_generator

# Immutable all the way down: sharing them cannot leak anything.
_ATOMS = frozenset(
    (
        *(type(None), bool, int, float, complex, str, bytes, type, range),
        *(np.bool_, np.int32, np.int64, np.float32, np.float64, np.str_),
    )
)


def copy_fitted(model):
    """Return an independent copy of a fitted model, quickly.

    ``copy.copy`` shares the coefficient arrays, which ``partial_fit`` of many estimators writes in
    place; ``copy.deepcopy`` is right but spends most of its time on bookkeeping and on the 624
    words of each ``RandomState``. This function copies arrays and random states directly, walks
    estimators, lists and dictionaries, and leaves everything it does not know to ``copy.deepcopy``.
    Two attributes that name one object still name one object in the copy (`SGDClassifier` and
    `MLPClassifier` rely on it).

    Parameters
    ----------
    model : estimator
        A fitted estimator, scikit-learn's or any other.

    Returns
    -------
    copied : estimator
        An estimator of the same type and state that shares nothing mutable with `model`.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain.utils._copy import copy_fitted
    >>> model = SGDClassifier(random_state=0).partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])
    >>> before = float(model.coef_[0, 0])
    >>> trained_on = copy_fitted(model).partial_fit([[5.0]], [0])
    >>> float(model.coef_[0, 0]) == before
    True
    """
    return _copied(model, {})


def _copied(value, memo):
    kind = type(value)
    if kind in _ATOMS:
        return value
    known = memo.get(id(value))
    if known is not None:
        return known
    if kind is np.ndarray and not value.dtype.hasobject:
        # order="K": a Fortran-ordered coefficient array sums in another order than a C-ordered one.
        return _remember(value, value.copy(order="K"), memo)
    copier = _COPIERS.get(kind)
    if copier is None:
        copier = _COPIERS[kind] = _copier_of(kind)
    return copier(value, memo)


def _remember(original, copied, memo):
    # The original is part of the model, and lives as long as its id is looked up.
    memo[id(original)] = copied
    return copied


def _copy_list(value, memo):
    copied = _remember(value, [], memo)
    if _ATOMS.issuperset(map(type, value)):
        copied += value  # a loss curve grows with every update
    else:
        copied += [_copied(item, memo) for item in value]
    return copied


def _copy_dict(value, memo):
    copied = _remember(value, {}, memo)
    for key, item in value.items():
        copied[key] = _copied(item, memo)
    return copied


def _copy_tuple(value, memo):
    copied = tuple([_copied(item, memo) for item in value])
    if all(old is new for old, new in zip(value, copied, strict=True)):
        return value
    return _remember(value, copied, memo)


class _NoEntropy(ISeedSequence):
    """Seed a generator whose state is about to be overwritten, at a third of the cost."""

    def generate_state(self, n_words, dtype=np.uint32):
        return np.zeros(n_words, dtype)


def _share(value, memo):
    return value


def _copy_random_state(value, memo):
    if value is np.random.mtrand._rand:
        return value  # the global one, as random_state=None means it
    copied = np.random.RandomState(type(value._bit_generator)(_NoEntropy()))
    copied.set_state(value.get_state(legacy=False))
    return _remember(value, copied, memo)


def _copy_plain_object(value, memo):
    copied = _remember(value, type(value).__new__(type(value)), memo)
    attributes = copied.__dict__
    attributes.update(value.__dict__)
    for name, item in value.__dict__.items():
        # One callback hears of all copies, as scikit-learn's clone has it.
        if type(item) not in _ATOMS and name != "_skl_callbacks":
            attributes[name] = _copied(item, memo)
    return copied


def _copy_perceptron(value, memo):
    # Each fit begins with a generator made from random_state. The last one is never drawn from
    # again unless it is random_state itself, and its copy would be most of the cost.
    generator = getattr(value, "_random_state", None)
    if generator is not value.random_state:
        memo[id(generator)] = generator
    return _copy_plain_object(value, memo)


_COPIERS = {
    list: _copy_list,
    dict: _copy_dict,
    tuple: _copy_tuple,
    np.random.RandomState: _copy_random_state,
}


# Where all of these are of one of three classes, attributes are all there is.
_OF_PLAIN_OBJECTS = {
    name: [getattr(base, name, None) for base in (object, BaseEstimator, Plain)]
    for name in ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "_state_to_save")
}


def _copier_of(kind):
    """Choose how to copy an object of this type; plain ones are no more than their ``__dict__``."""
    if is_stateless(kind):
        return _share
    plain = (
        not any(vars(base).get("__slots__") for base in kind.__mro__)
        and kind.__dictoffset__ != 0
        and not hasattr(kind, "__deepcopy__")
        and all(getattr(kind, name, None) in known for name, known in _OF_PLAIN_OBJECTS.items())
        and kind.__new__ is object.__new__
        and not hasattr(kind, "__getnewargs_ex__")
        and not hasattr(kind, "__getnewargs__")
    )
    if not plain:
        return copy.deepcopy
    return _copy_perceptron if renews_its_generator(kind) else _copy_plain_object
