"""What a fleet answers for mixed rows: each segment's own model, the pooled one, or both."""

from functools import partial

import numpy as np

from ...utils._containers import take_rows
from ...utils._labels import spread
from ._shrinkage import mixed


class Answers:
    """The outputs for the rows of several segments, in the order of the rows.

    Parameters
    ----------
    fleet : Fleet
        Serving.
    split : Split
        The rows.
    """

    def __init__(self, fleet, split):
        self.fleet = fleet
        self.X, self.grouped = split
        self.classes = fleet.known_classes
        self.weights = {key: fleet.weight(key) for key in self.grouped.keys}
        unserved = [key for key, weight in self.weights.items() if not weight]
        if fleet.pooled is None and unserved:
            raise ValueError(
                f"SegmentedRetrainer(fallback=None): no model serves the segments "
                f"{unserved[:5]} yet; with fallback='pooled', one of all rows does."
            )

    def predict(self):
        """Return predictions."""
        way, between = self.fleet.shard.way, {}
        if way == "value":
            return self._restored(self._pieces(_predict, self.weights))
        if way == "proba":
            between = {key: weight for key, weight in self.weights.items() if 0 < weight < 1}
        whole = {key: weight for key, weight in self._whole.items() if key not in between}
        pieces = self._pieces(_predict, whole)
        for key, proba in self._pieces(self._proba, between).items():
            pieces[key] = self.classes[proba.argmax(axis=1)]
        return self._restored(pieces)

    def predict_proba(self):
        """Return class probabilities, a column for each class that anyone knows."""
        if self.fleet.shard.way != "proba":
            raise ValueError("SegmentedRetrainer.predict_proba is for one output, not several.")
        return self._restored(self._pieces(self._proba, self.weights))

    def of_method(self, method):
        """Return the output of a method of the model that counts more."""
        ask = partial(_of_method, method=method, classes=self.classes)
        return self._restored(self._pieces(ask, self._whole))

    @property
    def _whole(self):
        return {key: float(weight >= 0.5) for key, weight in self.weights.items()}

    @property
    def _proba(self):
        return partial(_proba, classes=self.classes)

    def _pieces(self, ask, weights):
        """Return what is answered for each segment; the pooled retrainer is asked once."""
        parts = [(key, part) for key, part in self.grouped.parts() if key in weights]
        shared = [part for key, part in parts if weights[key] < 1]
        if shared:
            rows = np.concatenate([np.arange(part.start, part.stop) for part in shared])
            pooled, taken = ask(self.fleet.pooled, take_rows(self.X, rows)), 0
        theirs_own = [(key, part) for key, part in parts if weights[key] > 0]
        answered, pieces = self.fleet.shard.answered(ask, self.X, theirs_own), {}
        for key, part in parts:
            weight, size = weights[key], part.stop - part.start
            if weight < 1:
                theirs, taken = pooled[taken : taken + size], taken + size
            if weight > 0:
                own = answered[key]
            whole = own if weight == 1 else theirs
            pieces[key] = whole if weight in (0, 1) else mixed(own, theirs, weight)
        return pieces

    def _restored(self, pieces):
        return self.grouped.restored(np.concatenate([pieces[key] for key in self.grouped.keys]))


# Functions of the module: they may have to travel to where the retrainers are.


def _predict(retrainer, X):
    return np.asarray(retrainer.predict(X))


def _proba(retrainer, X, classes):
    return spread(retrainer.predict_proba(X), retrainer.classes_, classes, 0.0)


def _of_method(retrainer, X, method, classes):
    output, theirs = getattr(retrainer, method)(X), getattr(retrainer, "classes_", None)
    return output if theirs is None else spread(output, theirs, classes, None)
