"""What the adapters of all boosters share: rounds are added on new rows, up to a cap."""

from abc import abstractmethod
from copy import deepcopy
from numbers import Integral

import numpy as np

from ._base import BaseAdapter
from ._mended import mended, own_class

# A continued booster may have this many times the rounds that its parameters ask for: old trees
# are never taken out, so that each round costs memory and time in every prediction to come.
MAX_GROWTH = 2


class BoostingAdapter(BaseAdapter):
    """Add rounds that correct the fitted trees on the rows, at most to `MAX_GROWTH` times as many.

    The old trees stay as they are. At the cap a library that can do so estimates their leaves anew;
    elsewhere the cap is an obstacle, so that the policy fits from scratch.
    """

    method = "boosting"
    guarded = "always"
    mixin = None  # what a fit from scratch does beside the library's own
    mends = ()  # "package.Class" of the library's classes whose fit it may do that to
    learns_beside = True  # the leaves

    def prepared(self, estimator):
        if self.mixin is None or foreign_fit(estimator, *self.mends):
            return estimator
        return mended(estimator, self.mixin)

    @abstractmethod
    def n_asked(self, estimator):
        """Return the number of rounds of a fit from scratch."""

    @abstractmethod
    def n_fitted(self, model):
        """Return the number of rounds that the model has."""

    def n_more(self, model, effort):
        """Return how many rounds an update adds: 0 at the cap, or where the trees stay."""
        if effort.freeze:
            return 0
        n_asked = self.n_asked(model)
        return min(effort.share_of(n_asked), max(0, MAX_GROWTH * n_asked - self.n_fitted(model)))

    def refusal(self, model, y, effort):
        reason = super().refusal(model, y, effort)
        if reason or self.n_more(model, effort):
            return reason
        why_no_new_leaves = self.why_no_new_leaves(model)
        if not why_no_new_leaves:
            return ""
        if effort.freeze:
            return f"the trees of {type(model).__name__} cannot stay: {why_no_new_leaves}"
        cap = MAX_GROWTH * self.n_asked(model)
        reached = f"{type(model).__name__} has reached its cap of {cap} rounds"
        return f"{reached}, and {why_no_new_leaves}"

    def why_no_new_leaves(self, model):
        """Return why the leaves of a model at its cap cannot be estimated anew; empty if they can.

        They cannot, unless overridden: scikit-learn and CatBoost have no way.
        """
        return "its trees cannot be estimated anew"

    def copied(self, model):
        return shallow_copy(model)


def shallow_copy(model):
    """Return a copy that shares the trees, which no update changes, but no random generator."""
    copied = object.__new__(type(model))  # CatBoost's own __copy__ copies every tree
    attributes = vars(copied)
    memo = {}  # the generator of a fit may be the parameter random_state itself
    for name, value in vars(model).items():
        drawn_from = isinstance(value, (np.random.RandomState, np.random.Generator))
        attributes[name] = deepcopy(value, memo) if drawn_from else value
    return copied


def moved_seed(random_state, n_rounds):
    """Return the seed of rounds that come after so many others.

    With the same seed, every update of LightGBM would draw the same columns, and the same places of
    rows, for its few rounds; XGBoost would go on drawing from wherever the process had got to. A
    generator moves on by itself.
    """
    if random_state is None or isinstance(random_state, Integral):
        return (int(random_state or 0) + n_rounds) % (2**31 - 1)
    return random_state


def foreign_fit(estimator, *known):
    """Return why a subclass with a ``fit`` of its own is not continued; empty if it has none.

    The library's ``fit`` would be called in its place: nobody else's knows how to go on.
    """
    kind = next(kind for kind in own_class(estimator).__mro__ if "fit" in vars(kind))
    if f"{kind.__module__.partition('.')[0]}.{kind.__name__}" in known:
        return ""
    return f"{kind.__name__} has a fit of its own, which is not known to go on from fitted trees"
