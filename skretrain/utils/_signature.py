"""A ``fit`` whose signature says whether the base takes weights: other estimators read it there."""

from functools import wraps
from inspect import Parameter, Signature, signature
from types import MethodType

_WEIGHT = Parameter("sample_weight", Parameter.POSITIONAL_OR_KEYWORD, default=None)


class fit_with_weight_if:
    """Let ``fit`` have a parameter ``sample_weight`` exactly where the base takes one.

    Without metadata routing, meta-estimators such as AdaBoost, or the calibration of a classifier,
    look into the signature before they pass weights on. The class itself shows the one without:
    what is requested of a retrainer is what is requested of its base.

    Parameters
    ----------
    check : callable
        ``check(self)`` tells whether the base takes weights.
    """

    def __init__(self, check):
        self.check = check

    def __call__(self, fit):
        *named, others = signature(fit).parameters.values()
        shown = Signature([*named, _WEIGHT, others])

        @wraps(fit)
        def weighted(*args, **kwargs):
            given = shown.bind(*args, **kwargs).arguments
            params = given.pop(others.name, {})
            return fit(**given, **params)

        weighted.__signature__ = shown
        self.fit, self.weighted = fit, weighted
        return self

    def __get__(self, estimator, owner=None):
        if estimator is None:
            return self.fit
        return MethodType(self.weighted if self.check(estimator) else self.fit, estimator)
