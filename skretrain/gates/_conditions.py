"""The conditions of a paired test: a mean change, and the evidence for and against it."""

import math

import numpy as np

from ..buffers._base import part_of
from ..metrics._forgetting import negative_flips
from ..utils._betting import BettingProcess
from ..utils._losses import zero_one_loss_per_row
from ..utils._plain import Plain
from ..utils._sklearn_api import predict_of


class Evidence(Plain):
    """What speaks for a change, and against it; a subclass says how much."""

    @property
    def evidence(self):
        """The numbers for the event log."""
        return {
            "rows": self.n,
            "change": self.change,
            "allowed": self.allowed,
            "in_favour": bounded_exp(self.log_in_favour),
            "against": bounded_exp(self.log_against),
        }


class Condition(Evidence):
    """One mean change, and the evidence that it is, and that it is not, what is allowed.

    A gain is a change of one row, with the sign turned so that more is better.
    """

    why = ""  # nothing is in the way of evidence but the number of rows

    def __init__(
        self, name, allowed, *, sign, high=1.0, unit=1.0, metric=None, label=None, slice_name=None
    ):
        self.name, self.allowed, self.sign, self.unit = name, allowed, sign, unit
        self.metric, self.label, self.slice_name = metric, label, slice_name
        self.n, self.total = 0, 0.0
        least = sign * allowed / unit
        self.in_favour = BettingProcess(least, low=-1.0)
        self.against = BettingProcess(-least, low=-high)

    @property
    def change(self):
        """Mean change so far, challenger minus champion; NaN before the first row."""
        return self.sign * self.unit * self.total / self.n if self.n else math.nan

    @property
    def log_in_favour(self):
        """Logarithm of the evidence that the change is allowed."""
        return self.in_favour.log_wealth

    @property
    def log_against(self):
        """Logarithm of the evidence that it is not."""
        return self.against.log_wealth

    def compare(self, old, new):
        """Take in the losses of champion and challenger."""
        self.update(old - new)

    def update(self, gains):
        """Take in the gains of the rows that the metric is about."""
        self.n += len(gains)
        self.total += float(gains.sum())
        self.in_favour.update(gains)
        self.against.update(-gains)

    def gains(self, y, old, new):
        """Return the gain on each row that the metric is about."""
        if self.metric == "loss":
            return zero_one_loss_per_row(y, old) - zero_one_loss_per_row(y, new)
        if self.metric == "false_positive_rate":
            rows = y != self.label
            return _difference(old[rows] == self.label, new[rows] == self.label)
        rows = slice(None) if self.label is None else y == self.label
        was_right, is_right = old[rows] == y[rows], new[rows] == y[rows]
        if self.metric == "negative_flips":
            return -negative_flips(was_right, is_right).astype(np.float64)
        return _difference(is_right, was_right)


class ShareOfTheLoss(Condition):
    """That the challenger loses at most a share more than the champion; each loss is in [0, 1].

    How much the champion loses need not be known for that: the mean of (1 + share) * old - new has
    to be above zero.
    """

    def __init__(self, share):
        super().__init__("loss", 0.0, sign=-1, high=1.0 + share)
        self.share, self.lost = share, 0.0

    def compare(self, old, new):
        """Take in the losses of champion and challenger."""
        self.n += len(old)
        self.total += float((old - new).sum())
        self.lost += float(old.sum())
        self.allowed = self.share * self.lost / max(self.n, 1)
        gains = (1 + self.share) * old - new
        self.in_favour.update(gains)
        self.against.update(-gains)


class OnTheAnchor(Plain):
    """That the challenger is right on nearly as many rows of the anchor; they are counted."""

    why = ""

    def __init__(self, name, allowed):
        self.name, self.allowed = name, allowed
        self.n, self.change = 0, 0.0

    def count(self, trial):
        """Take in what both models make of the anchor now."""
        first = trial.since if self.name == "anchor[present]" else 0
        rows = part_of(trial.anchor, slice(int(trial.anchor.index.searchsorted(first)), None))
        self.n, self.change = len(rows.index), 0.0
        if self.n:
            old, new = (predict_of(model, rows.X) for model in (trial.champion, trial.challenger))
            losses = (zero_one_loss_per_row(rows.y, predicted) for predicted in (old, new))
            self.change = float(_difference(*losses).mean())

    @property
    def is_met(self):
        """Whether the change is allowed, a bool."""
        return self.change >= self.allowed

    @property
    def log_in_favour(self):
        """Infinite if the condition is met."""
        return math.inf if self.is_met else -math.inf

    @property
    def log_against(self):
        """Infinite if it is not."""
        return -self.log_in_favour

    @property
    def evidence(self):
        """The numbers for the event log."""
        return {"rows": self.n, "change": self.change, "allowed": self.allowed}


def _difference(first, second):
    return first.astype(np.float64) - second


def bounded_exp(log_wealth):
    """Return the exponential as a finite number, which can be written as JSON."""
    return math.exp(min(log_wealth, 700.0))
