"""Alarms over segments: whose loss has risen, and whether that of many has."""

import math

import numpy as np

from ...drift._risk_monitor import bets_against
from ...utils._betting import upper_confidence_bound
from ...utils._e_values import log_evidence_needed, log_partial_conjunction, refuted
from ...utils._plain import Plain

_REFERENCE_ROWS = 100
_FEWEST, _SHARE = 3, 10  # what is common: three segments, and a tenth of them


class Watch(Plain):
    """The losses of one segment: first a reference, then a test, and another one after an alarm.

    Attributes
    ----------
    reference : ndarray
        The first losses, sorted once they are complete; of 0/1 losses, one number then.
    test : BettingProcess or None
        That the losses do not exceed the reference; None while that is not complete.
    recovery : BettingProcess or None
        During an episode: that they still do.
    """

    def __init__(self, *, bounded):
        self.bounded = bounded
        self.begin_anew()

    def begin_anew(self):
        """Learn another reference: what is watched is another model, or other rows."""
        self.reference = np.empty(0)
        self.bound = self.test = self.recovery = None

    @property
    def log_wealth(self):
        """Evidence that the losses have risen, a float; 0.0 where there is none."""
        return 0.0 if self.test is None else self.test.log_wealth

    @property
    def is_open(self):
        """Whether an alarm was reported whose episode is not over, a bool."""
        return self.recovery is not None

    @property
    def in_words(self):
        """What an alarm says, a str."""
        if self.bounded:
            return f"the mean loss exceeds {self.bound:.2g}, what its first rows allow"
        return f"the mean rank of the losses among its first ones exceeds {self.bound:.2g}"

    def show(self, losses, n_watched, alpha):
        """Look at the newest losses of the segment.

        Parameters
        ----------
        losses : ndarray of shape (n,)
            Without NaN.
        n_watched : int
            Segments under watch.
        alpha : float
            Level of all tests together.
        """
        if self.test is None:
            n_taken = _REFERENCE_ROWS - len(self.reference)
            self.reference = np.concatenate([self.reference, losses[:n_taken]])
            if len(self.reference) < _REFERENCE_ROWS:
                return
            losses = losses[n_taken:]
            self._begin(alpha / n_watched)
        shown = losses if self.bounded else self._ranks(losses)
        if self.recovery is None:
            self.test.update(shown)
        else:
            self.recovery.update(1 - shown)
            if self.recovery.log_wealth >= log_evidence_needed(n_watched, alpha):
                self.recovery, self.test = None, bets_against(self.bound)

    def _begin(self, alpha):
        n = len(self.reference)
        if self.bounded:
            self.bound = upper_confidence_bound(float(self.reference.mean()), n, alpha)
            self.reference = np.empty(0)
        else:
            # The mean rank of a loss that is like those is the mean of n uniform numbers, whose
            # deviations are at most those of a normal one with the variance 1 / (12 n).
            self.bound = 0.5 + math.sqrt(math.log(1 / alpha) / (6 * n))
            self.reference = np.sort(self.reference)
        self.test = bets_against(self.bound)

    def _ranks(self, losses):
        below = self.reference.searchsorted(losses, "left")
        not_above = self.reference.searchsorted(losses, "right")
        return (below + not_above) / (2 * len(self.reference))

    def open(self):
        """Report it: from now on it is asked whether the losses are back."""
        self.recovery = bets_against(1 - self.bound)


class Common(Plain):
    """What there is to say of many segments at once."""

    def __init__(self):
        self.is_open = False

    def rings(self, logs, alpha):
        """Return how many segments have risen at least, if that begins just now; else 0."""
        k = max(_FEWEST, -(-len(logs) // _SHARE))
        if len(logs) < k:
            return 0
        log, needed = log_partial_conjunction(logs, k), log_evidence_needed(1, alpha)
        rings = log >= needed and not self.is_open
        # It is over once half of the evidence is gone: on the edge, it would ring again and again.
        self.is_open = log >= needed or (self.is_open and log >= needed / 2)
        return k if rings else 0


class Alarms(Plain):
    """The watches of all segments, and what is reported of them.

    Parameters
    ----------
    alpha : float
        Largest expected share of false alarms among those reported, and probability of a false
        common one: half of it for the references, half for the tests.
    bounded : bool
        Whether losses are in [0, 1].
    """

    def __init__(self, alpha, *, bounded):
        self.alpha = alpha / 2
        self.bounded = bounded
        self.watches = {}
        self.common = Common()

    def show(self, key, losses):
        """Look at the newest losses of a segment, NaN where there is none."""
        watch = self.watches.get(key)
        if watch is None:
            watch = self.watches[key] = Watch(bounded=self.bounded)
        watch.show(losses[~np.isnan(losses)], len(self.watches), self.alpha)

    def is_open(self, key):
        """Tell whether a segment has been reported, and its episode is not over."""
        return key in self.watches and self.watches[key].is_open

    def begin_anew(self, key):
        """End the episode of a segment that another model serves."""
        self.watches[key].begin_anew()

    def forget(self, key):
        """Watch a segment no more."""
        self.watches.pop(key, None)

    def risen(self):
        """Return the segments that have risen and were not reported yet, the clearest first."""
        keys = list(self.watches)
        logs = [watch.log_wealth for watch in self.watches.values()]
        found = [keys[k] for k in refuted(logs, max(len(keys), 1), self.alpha)]
        new = [key for key in found if not self.watches[key].is_open]
        for key in new:
            self.watches[key].open()
        return new

    def risen_together(self):
        """Return how many have risen at least, 0 but where that just begins, and of how many."""
        tested = [watch.log_wealth for watch in self.watches.values() if watch.test is not None]
        return self.common.rings(tested, self.alpha), len(tested)
