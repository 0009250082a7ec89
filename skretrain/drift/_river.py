"""River's drift detectors: the one file that knows how to tell, blank, set and feed them."""

import copyreg
from collections import deque
from itertools import compress, count, islice

from ..utils._plain import Plain, register
from ._river_state import made_of, parts_of
from ._threshold import PROBABILITY, Threshold

# River is imported inside the functions: `river.drift` takes more than a second. Names come one by
# one, because `from river.drift import *` fails in 0.26.1.

# KSWIN has one, too, but is so slow that to see how often it rings takes long. That of EDDM ends at
# its warning level.
_THRESHOLDS = {
    "ADWIN": Threshold("delta", *PROBABILITY),
    "DDM": Threshold("drift_threshold", 0.1, 1e4),
    "FHDDM": Threshold("confidence_level", *PROBABILITY),
    "HDDMA": Threshold("drift_confidence", *PROBABILITY),
    "HDDMW": Threshold("drift_confidence", *PROBABILITY),
    "PageHinkley": Threshold("threshold", 0.01, 1e6),
}


register(["river"], parts_of, {"river": made_of})


def is_river(obj):
    """Return whether `obj` is a drift detector of river or works like one; imports nothing."""
    needed = ("_get_params", "clone", "update", "drift_detected")
    return not isinstance(obj, type) and all(hasattr(obj, name) for name in needed)


def make_detector(alias):
    """Return a new detector of river.

    Parameters
    ----------
    alias : {"adwin"}
        Name of the detector.

    Returns
    -------
    detector : river.base.DriftDetector
        With river's default parameters.

    Raises
    ------
    ValueError
        If the alias is unknown.
    """
    if alias != "adwin":
        raise ValueError(
            f"detector={alias!r} is not a known alias: the only one is 'adwin'. Pass a detector "
            "object instead, such as river.drift.PageHinkley()."
        )
    from river.drift import ADWIN

    return ADWIN()


def constructor_params(detector):
    """Return the constructor parameters of a river detector, a dict of name to value."""
    # Where a parameter is itself a river object, _get_params gives a (class, params) pair.
    params = detector._get_params()
    return {name: getattr(detector, name, value) for name, value in params.items()}


def blank(detector, seed=None, **changes):
    """Return a river detector without a past.

    Parameters
    ----------
    detector : river.base.DriftDetector
        Not touched, used or not.
    seed : int or None, default=None
        Fills a `seed` parameter that is None.
    **changes : object
        Constructor parameters to replace.

    Returns
    -------
    detector : river.base.DriftDetector
        Clone with no data seen.
    """
    from river.base import Base

    params = constructor_params(detector)
    if seed is not None and "seed" in params and params["seed"] is None:
        changes.setdefault("seed", seed)
    # KSWIN keeps the values it has seen in the attribute of its parameter `window`: a clone of a
    # used one would start with them. What the window was before the first update is lost by then.
    if isinstance(params.get("window"), deque) and getattr(detector, "n", 0):
        changes.setdefault("window", None)
    # DummyDriftDetector.clone draws from its own generator and takes no parameters; the base
    # method does neither, so that the detector given stays as it is.
    return Base.clone(detector, changes)


def take_any_protocol(detector):
    """Let pickle ask the compiled parts of a detector for their state under any protocol.

    They can tell it, but are asked from protocol 2 on only.
    """
    for part in vars(detector).values():
        if type(part).__module__.startswith("river._river_rust"):
            copyreg.pickle(type(part), _by_protocol_2)


def _by_protocol_2(part):
    return part.__reduce_ex__(2)


def rings_blindly(detector):
    """Return whether the detector rings whatever the values are."""
    from river.drift import DummyDriftDetector

    return isinstance(detector, DummyDriftDetector)


def confidence_of(detector):
    """Return ADWIN's delta for ADWIN, and river's default of it for any other detector."""
    from river.drift import ADWIN

    return detector.delta if isinstance(detector, ADWIN) else 0.002


def threshold_of(detector):
    """Return the parameter that decides how often a detector rings.

    Parameters
    ----------
    detector : river.base.DriftDetector or river.base.BinaryDriftDetector
        Not touched.

    Returns
    -------
    threshold : Threshold or None
        None if there is none of which it is known that stricter values ring less.

    Examples
    --------
    >>> from river.drift import PageHinkley
    >>> from skretrain.drift._river import threshold_of
    >>> threshold_of(PageHinkley()).parameter
    'threshold'
    """
    return _THRESHOLDS.get(type(detector).__name__)


def input_of(detector, direction):
    """Return what a detector wants to see of a loss: ``"loss"``, ``"error"`` or ``"success"``.

    Parameters
    ----------
    detector : river.base.DriftDetector or river.base.BinaryDriftDetector
        The latter get booleans.
    direction : {"increase", "decrease", "both"}
        ``"both"`` is by definition the sequence that river would get.
    """
    from river.base import BinaryDriftDetector

    if not isinstance(detector, BinaryDriftDetector):
        return "loss"
    from river.drift.binary import FHDDM

    # The page of FHDDM says that 1 is an error, but its code waits for the mean to fall: it was
    # written for a sequence in which 1 is right.
    if isinstance(detector, FHDDM) and direction != "both":
        return "success"
    return "error"


def feed(detector, losses, shown="loss"):
    """Show losses to a detector one by one.

    Parameters
    ----------
    detector : river.base.DriftDetector or river.base.BinaryDriftDetector
        Updated in place.
    losses : ndarray of shape (n,)
        Values in [0, 1].
    shown : {"loss", "error", "success"}, default="loss"
        The loss itself, whether it is at least one half, or whether it is less.

    Returns
    -------
    rang : list of int
        Positions at which the detector reported a drift.
    """
    if shown != "loss":
        losses = losses >= 0.5 if shown == "error" else losses < 0.5
    values = losses.tolist()
    if type(detector).__name__ == "ADWIN" and hasattr(detector, "_helper"):
        return _feed_adwin(detector, values)
    update = detector.update
    rang = []
    for position, value in enumerate(values):
        update(value)
        if detector.drift_detected:
            rang.append(position)
    return rang


def _feed_adwin(adwin, values):
    """Do what ``ADWIN.update`` does, value by value, with the loop in C.

    Its Python layer costs twice what the window behind it does, on every row of a stream.
    """
    rang, start = [], 0
    while start < len(values):
        if adwin.drift_detected:
            adwin._reset()
        rings = map(adwin._helper.update, islice(values, start, None))
        # compress stops at the first value that rings: those behind it see a blank window.
        position = next(compress(count(start), rings), None)
        adwin._drift_detected = position is not None
        if position is None:
            break
        rang.append(position)
        start = position + 1
    return rang


class RiverParamsMixin(Plain):
    """Parameters of river detectors as nested parameters of a scikit-learn estimator.

    To be placed before :class:`sklearn.base.BaseEstimator`. A constructor parameter that holds a
    river detector shows the detector's own parameters one level down, such as ``detector__delta``.
    Setting one replaces the detector by a blank clone and never changes the object given.
    """

    def _state_to_save(self):
        for value in vars(self).values():
            for part in value if isinstance(value, list) else [value]:
                if is_river(part):
                    take_any_protocol(part)
        return super()._state_to_save()

    def get_params(self, deep=True):
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of nested estimators and river detectors.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep=deep)
        if deep:
            for name in self._get_param_names():
                if is_river(value := params[name]):
                    inner = constructor_params(value)
                    params.update((f"{name}__{key}", inner[key]) for key in inner)
        return params

    def set_params(self, **params):
        """Set parameters, nested ones as ``<parameter>__<name>``.

        Parameters
        ----------
        **params : dict
            Names and values, in any order: whole objects are set before what is nested in them.

        Returns
        -------
        self : object
            This object.

        Raises
        ------
        ValueError
            If a name is unknown, or if the object that should have it has no parameters.
        """
        nested = {}
        for key in [key for key in params if "__" in key]:
            name, _, inner = key.partition("__")
            nested.setdefault(name, {})[inner] = params.pop(key)
        super().set_params(**params)
        for name, changes in nested.items():
            self._set_nested(name, changes)
        return self

    def _set_nested(self, name, changes):
        value = getattr(self, name, None)
        known = name in self._get_param_names()
        if known and is_river(value):
            _check_names(self, name, value, changes)
            setattr(self, name, blank(value, **changes))
        elif known and not hasattr(value, "set_params"):
            raise ValueError(_no_parameters(self, name, value, next(iter(changes))))
        else:
            super().set_params(**{f"{name}__{key}": changes[key] for key in changes})


def _check_names(owner, name, detector, changes):
    valid = sorted(constructor_params(detector))
    for key in changes:
        if key not in valid:
            raise ValueError(
                f"Invalid parameter {name}__{key} for {type(owner).__name__}: "
                f"{type(detector).__name__} has no parameter {key!r}. Valid parameters: {valid!r}."
            )


def _no_parameters(owner, name, value, key):
    what = f"the alias {value!r}" if isinstance(value, str) else repr(value)
    example = "river.drift.ADWIN()" if name == "detector" else "an object"
    return (
        f"Invalid parameter {name}__{key} for {type(owner).__name__}: {name} is {what}, which has "
        f"no parameters of its own. Pass {name}={example} first, or in the same call."
    )
