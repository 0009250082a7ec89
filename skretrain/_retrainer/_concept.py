"""The present concept: where it began, and how many of its rows the model stands for."""

import math

from ..utils._plain import Plain


class Concept(Plain):
    """What decides whether a retrain is due because the rows have grown.

    Attributes
    ----------
    start : int
        Stream row at which the present concept began.
    n_known : int
        Rows of it that the model stands for: those that had come when it was last fitted, or kept
        (of a sample, those that were remembered), or as many as a candidate says that it knows.
    has_answered_alarm : bool
        Whether a retrain has answered an alarm yet.
    """

    def __init__(self):
        self.start = 0
        self.n_known = 0
        self.has_answered_alarm = False

    def begin(self, start, n_known, *, answers_alarm):
        """Note what a retrain that was carried out, or that ended in keeping, has answered."""
        self.start, self.n_known = start, n_known
        self.has_answered_alarm = self.has_answered_alarm or answers_alarm

    def has_grown(self, parts, n_seen, n_new):
        """Tell whether the policy wants to retrain: `n_new` rows come on top of those seen."""
        # Before the first alarm, a model that learns from every batch is not refitted unseen, and
        # left alone where nothing watches it; but encoders that it keeps frozen would otherwise
        # know no more than the first rows.
        learns = parts.update is not None and not parts.learner.freezes
        asks = parts.policy.compares and parts.trigger is not None
        if learns and not (self.has_answered_alarm or asks):
            return False
        if parts.trigger is not None and not parts.trigger.growth_pays:
            return False
        n_since = n_rows_since(parts.buffer, self.start, n_seen) + n_new
        # A model that learns has rows that the memory has lost: the longer it has learned, the
        # less often it is asked about, or the asking would cost more than the learning.
        n_full = math.inf if learns and asks else parts.buffer.max_rows
        return parts.policy.is_due(n_since, self.n_known, n_full)


def n_rows_since(buffer, row, n_seen):
    """Return how many rows have come since a stream row, or are still there of them.

    A memory of the newest rows loses old ones only when there are more than enough of the new; a
    sample holds few of the new, and it is those that a refit gets.
    """
    if buffer.keeps_newest:
        return n_seen - row
    return len(buffer) - int(buffer.index.searchsorted(row))
