"""Alarms over segments: whose loss has risen, and whether that of many has."""

import math

import numpy as np

from ...drift._risk_monitor import bets_against
from ...utils._e_values import log_evidence_needed, log_partial_conjunction, refuted
from ...utils._plain import Plain
from ...utils._rises import RiseTest

# Losses of any scale are asked whether they are above these quantiles of the first ones: the first
# sees what moves all of them, the second what stretches them.
_QUANTILES, _SCALE_ROWS = (0.5, 0.9), 50
_FEWEST, _SHARE = 3, 10  # what is common: three segments, and a tenth of them
_HELD = 7  # batches for which one that has another model counts there: a week, if they are days


class Watch(Plain):
    """The losses of one segment: whether they have risen, and in an episode, whether they are back.

    Parameters
    ----------
    bounded : bool
        Whether losses are in [0, 1].

    Attributes
    ----------
    tests : list of RiseTest
        One of losses in [0, 1], else one for each limit.
    limits : ndarray or None
        What losses of any scale are compared with; None until there are enough for that.
    recovery : BettingProcess or None
        During an episode: that the losses are still above the middle of before and after.
    """

    def __init__(self, *, bounded):
        self.bounded = bounded
        self.begin_anew()

    def begin_anew(self, held=None):
        """Forget all losses: they are back, or another model serves.

        Parameters
        ----------
        held : float or None, default=None
            Evidence that goes on to count for what is common, for some batches.
        """
        self._held, self._n_held = held, 0 if held is None else _HELD
        self.tests = [RiseTest() for _ in range(1 if self.bounded else len(_QUANTILES))]
        self.limits, self._first = None, np.empty(0)
        self.recovery = self._recovering = None

    @property
    def is_tested(self):
        """Whether there is something to compare with, a bool."""
        return self._n_held > 0 or self.tests[0].n_batches > 1

    @property
    def log_e_value(self):
        """Evidence that the losses have risen, at this batch, a float; -inf: none."""
        return _log_mean([test.log_e_value for test in self.tests])

    @property
    def log_e_process(self):
        """Evidence that the losses have risen, at whatever batch one stops, a float; -inf: none."""
        if self._n_held:
            return self._held
        return _log_mean([test.log_e_process for test in self.tests])

    @property
    def is_open(self):
        """Whether an alarm was reported whose episode is not over, a bool."""
        return self.recovery is not None

    @property
    def _clearest(self):
        return int(np.argmax([test.log_e_value for test in self.tests]))

    @property
    def evidence(self):
        """What led to an alarm, a dict of str to float."""
        rise = self.tests[self._clearest].rise
        return {"log_evidence": self.log_e_value, "before": rise.before, "after": rise.after}

    @property
    def in_words(self):
        """What an alarm says, a str."""
        k = self._clearest
        rise, limit = self.tests[k].rise, "" if self.bounded else f"{self.limits[k]:.3g}"
        what = "the mean loss" if self.bounded else f"the share of losses above {limit}"
        return (
            f"{what} of its last {rise.n_after} rows is {rise.after:.2g}, "
            f"of {rise.n_before} before them {rise.before:.2g}"
        )

    def show(self, losses, alpha):
        """Look at the newest losses of the segment.

        Parameters
        ----------
        losses : ndarray of shape (n,)
            Without NaN.
        alpha : float
            Probability that an episode is declared over which is not.
        """
        self._n_held = max(self._n_held - 1, 0)
        shown = losses[np.newaxis] if self.bounded else self._above_limits(losses)
        if not shown.shape[1]:
            return
        for test, values in zip(self.tests, shown, strict=True):
            test.update(values)
        if self.recovery is not None:
            self.recovery.update(1 - shown[self._recovering])
            if self.recovery.log_wealth >= log_evidence_needed(1, alpha):
                self.begin_anew()

    def _above_limits(self, losses):
        if self.limits is None:
            n_taken = _SCALE_ROWS - len(self._first)
            self._first, losses = np.append(self._first, losses[:n_taken]), losses[n_taken:]
            if len(self._first) < _SCALE_ROWS:
                return np.empty((len(self.tests), 0))
            # Two of them: between others, infinite ones have no middle.
            positions = [int(_SCALE_ROWS * quantile) for quantile in _QUANTILES]
            self.limits, self._first = np.sort(self._first)[positions], np.empty(0)
        return (losses > self.limits[:, np.newaxis]).astype(np.float64)

    def open(self):
        """Report it: from now on it is asked, too, whether the losses are back."""
        self._recovering = self._clearest
        rise = self.tests[self._recovering].rise
        self.recovery = bets_against(1 - (rise.before + rise.after) / 2)


def _log_mean(logs):
    return float(np.logaddexp.reduce(logs)) - math.log(len(logs))


class Common(Plain):
    """What there is to say of many segments at once."""

    def __init__(self):
        self.is_open = False

    def rings(self, logs, alpha):
        """Return how many segments have risen at least, if that begins just now; else 0."""
        k = max(_FEWEST, -(-len(logs) // _SHARE))
        if len(logs) < k:
            self.is_open = False  # there is nothing left that could say so
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
        Largest expected share of false alarms among those that are found in a batch, and largest
        probability that a common one is ever false.
    bounded : bool
        Whether losses are in [0, 1].
    """

    def __init__(self, alpha, *, bounded):
        self.alpha = alpha
        self.bounded = bounded
        self.watches = {}
        self.common = Common()

    def show(self, key, losses):
        """Look at the newest losses of a segment, NaN where there is none."""
        watch = self.watches.get(key)
        if watch is None:
            watch = self.watches[key] = Watch(bounded=self.bounded)
        watch.show(losses[~np.isnan(losses)], self.alpha)

    def is_open(self, key):
        """Tell whether a segment has been reported, and its episode is not over."""
        return key in self.watches and self.watches[key].is_open

    def begin_anew(self, key):
        """End the episode of a segment that another model serves."""
        self.watches[key].begin_anew(held=self.watches[key].log_e_process)

    def forget(self, key):
        """Watch a segment no more."""
        self.watches.pop(key, None)

    def risen(self, keys):
        """Return segments that have risen and were not reported yet, the clearest first.

        Parameters
        ----------
        keys : list of (str, int or bool)
            Those of the newest batch: what others did before is no news, but they are counted.
        """
        logs = [self.watches[key].log_e_value for key in keys]
        found = [keys[k] for k in refuted(logs, max(len(self.watches), 1), self.alpha)]
        new = [key for key in found if not self.watches[key].is_open]
        for key in new:
            self.watches[key].open()
        return new

    def risen_together(self):
        """Return how many have risen at least, 0 but where that just begins, and of how many."""
        tested = [watch.log_e_process for watch in self.watches.values() if watch.is_tested]
        return self.common.rings(tested, self.alpha), len(tested)
