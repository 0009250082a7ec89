"""Estimators of other libraries whose fit does a little more, and which are themselves again after.

For the time of a fit, an unfitted estimator is given a subclass of its own class, with the same
name and the same parameters: whatever contains it (a pipeline, a search, a calibration) fits it
without knowing. A fitted one goes back to its own class, unless it still needs the other.
"""

from copy import copy
from functools import cache, partial, wraps
from inspect import signature
from typing import Any, NamedTuple

from ...utils._plain import checked_kind, register


class OfItsLibrary(NamedTuple):
    """A fitted estimator without what was mended of it."""

    estimator: Any
    labels: Any = None  # that its positions 0, 1, ... stand for; None where it knows them itself
    is_flat: bool = True  # whether predictions of one output have one axis


def unmended(estimator, mixin):
    """Return a copy of an estimator, of the class that stands behind a mixin."""
    kinds = type(estimator).__mro__
    other = copy(estimator)
    other.__class__ = kinds[kinds.index(mixin) + 1]
    return other


class Mended:
    """Comes before the class of an estimator; a subclass says what its fit does.

    Attributes
    ----------
    mends : str
        The method that fits.
    """

    mends = "fit"

    def fitted_around(self, fit, X, y, params):
        """Fit the estimator.

        Parameters
        ----------
        fit : callable
            The method of its own class, ``fit(X, y, **params)``.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like
            Targets.
        params : dict
            The other arguments.

        Returns
        -------
        returned : object
            What the method returns.
        """

    def stays_mended(self):
        """Tell whether the fitted estimator needs more than its own class.

        Returns
        -------
        stays : bool
            False, unless overridden.
        """
        return False

    def of_its_library(self):
        """Return the estimator without what was mended.

        Returns
        -------
        plain : OfItsLibrary
            A copy, which shares what it has learned.
        """
        other = copy(self)
        other.__class__ = type(self)._plain
        return OfItsLibrary(other)

    def __reduce_ex__(self, protocol):
        return _blank, (type(self)._plain, type(self)._mixin), super().__getstate__()

    def __getstate__(self):
        # Formats that do not pickle would take it for one of its own class.
        raise TypeError(
            f"this {type(self).__name__}, as skretrain lets it learn, is part of something else "
            "and cannot be saved there without pickle: save the object by pickle, joblib or "
            "cloudpickle."
        )


def mended(estimator, mixin):
    """Let an unfitted estimator be fitted as `mixin` does it, in place.

    Parameters
    ----------
    estimator : estimator
        Unfitted.
    mixin : type
        A subclass of `Mended`.

    Returns
    -------
    estimator : estimator
        The one given.
    """
    if not isinstance(estimator, mixin):
        estimator.__class__ = _mended_kind(type(estimator), mixin)
    return estimator


def own_class(estimator):
    """Return the class of an estimator, as its library or user wrote it.

    Parameters
    ----------
    estimator : estimator
        Mended or not.

    Returns
    -------
    kind : type
        Without the mixin.
    """
    return getattr(type(estimator), "_plain", type(estimator))


@cache
def _mended_kind(plain, mixin):
    own = getattr(plain, mixin.mends)
    names = list(signature(own).parameters)[3:]  # after self, X and y

    @wraps(own)  # whose signature tells others that it takes weights
    def fit(self, X, y=None, *args, **params):
        params = {**dict(zip(names, args, strict=False)), **params}
        # Looked up now: others may have put something around the method of the class.
        returned = self.fitted_around(partial(getattr(plain, mixin.mends), self), X, y, params)
        if not self.stays_mended():
            self.__class__ = plain
        return returned

    body = {mixin.mends: fit, "_plain": plain, "_mixin": mixin, "__doc__": plain.__doc__}
    kind = type(plain.__name__, (mixin, plain), {**body, "__module__": plain.__module__})
    kind.__qualname__ = plain.__qualname__
    register([kind], _parts_of, {})
    return kind


def _blank(plain, mixin):
    kind = _mended_kind(plain, mixin)
    return kind.__new__(kind)


def _parts_of(value):
    _, kinds, state = value.__reduce_ex__(2)
    return "mended", [*kinds, state]


def _made_of(content):
    plain, mixin, state = content
    value = _blank(checked_kind(plain), checked_kind(mixin, Mended))
    restore = getattr(value, "__setstate__", value.__dict__.update)
    restore(state)
    return value


# Now, not with the first one that is mended: whoever loads it may never have fitted any.
register([], None, {"mended": _made_of})
