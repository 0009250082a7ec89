"""Alarms over segments: whose loss has risen, and whether that of many has."""

import math
from typing import NamedTuple

import numpy as np

from ...drift._risk_monitor import bets_against
from ...utils._e_values import log_evidence_needed, log_partial_conjunction, refuted
from ...utils._plain import Plain
from ...utils._rises import Dispersion, RiseTest, usual_dispersion

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
    dispersions : list of Dispersion
        Of the batches of each test; they are known of the segment, whichever model serves.
    limits : ndarray or None
        What losses of any scale are compared with; None until there are enough for that.
    recovery : BettingProcess or None
        During an episode: that the losses are still above the middle of before and after.
    """

    def __init__(self, *, bounded):
        self.bounded = bounded
        self.dispersions = [Dispersion() for _ in range(1 if bounded else len(_QUANTILES))]
        self.begin_anew()

    def begin_anew(self, held=None):
        """Forget all losses: they are back, or another model serves.

        Parameters
        ----------
        held : float or None, default=None
            Evidence that goes on to count for what is common, for some batches.
        """
        self._held, self._n_held = held, 0 if held is None else _HELD
        self.tests = [RiseTest(dispersion) for dispersion in self.dispersions]
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

    def show(self, losses, alpha, usual):
        """Look at the newest losses of the segment.

        Parameters
        ----------
        losses : ndarray of shape (n,)
            Without NaN.
        alpha : float
            Probability that an episode is declared over which is not.
        usual : float
            Dispersion of the batches of all segments.
        """
        self._n_held = max(self._n_held - 1, 0)
        shown = losses[np.newaxis] if self.bounded else self._above_limits(losses)
        if not shown.shape[1]:
            return
        for test, values in zip(self.tests, shown, strict=True):
            test.update(values, usual)
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
        self.is_open, self._n_held = False, 0

    def rings(self, logs, n_new, alpha):
        """Tell whether it begins just now that many have risen, a bool.

        Parameters
        ----------
        logs : list of float
            Evidence of each segment, at whatever batch one stops.
        n_new : int
            How many were found to have risen in this batch.
        alpha : float
            Probability that the evidence of all ever rings where fewer have.
        """
        k = fewest_in_common(len(logs))
        if len(logs) < k:
            self.is_open = False  # there is nothing left that could say so
            return False
        log, needed = log_partial_conjunction(logs, k), log_evidence_needed(1, alpha)
        begins = (log >= needed or n_new >= k) and not self.is_open
        # It is over once half of the evidence is gone: on the edge, it would ring again and again.
        # That of those found in one batch comes in the next ones.
        self._n_held = _HELD if begins else max(self._n_held - 1, 0)
        holds = log >= needed / 2 or self._n_held > 0
        self.is_open = begins or (self.is_open and holds)
        return begins


def fewest_in_common(n):
    """Return how many of so many segments are many."""
    return max(_FEWEST, -(-n // _SHARE))


class Together(NamedTuple):
    """What many segments have in common at the end of a batch.

    Attributes
    ----------
    begins : bool
        Whether many have risen, and it is the first batch of that.
    is_one : bool
        Whether those found in this batch are so many that they are one piece of news.
    n : int
        Segments that can be told of.
    """

    begins: bool
    is_one: bool
    n: int


class Alarms(Plain):
    """The watches of all segments, and what is reported of them.

    Parameters
    ----------
    alpha : float
        Largest expected share of false alarms among those that are found in a batch, and largest
        probability that a common one is ever false that is not made of those.
    bounded : bool
        Whether losses are in [0, 1].

    Attributes
    ----------
    watches : dict of segment to Watch
        Those that had rows.
    common : Common
        Of all of them.
    usual : float
        Dispersion of the batches of all segments, until the newest: a new segment has no past to
        tell by how far its days are apart.
    """

    def __init__(self, alpha, *, bounded):
        self.alpha = alpha
        self.bounded = bounded
        self.watches = {}
        self.usual = 1.0
        self.common = Common()

    def show(self, key, losses):
        """Look at the newest losses of a segment, NaN where there is none."""
        watch = self.watches.get(key)
        if watch is None:
            watch = self.watches[key] = Watch(bounded=self.bounded)
        watch.show(losses[~np.isnan(losses)], self.alpha, self.usual)

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

    def risen_together(self, n_new):
        """Return what many have in common, a Together.

        Parameters
        ----------
        n_new : int
            How many were found to have risen in this batch, which is over.
        """
        watches = self.watches.values()
        self.usual = usual_dispersion([one for watch in watches for one in watch.dispersions])
        tested = [watch.log_e_process for watch in watches if watch.is_tested]
        n = len(tested)
        begins = self.common.rings(tested, n_new, self.alpha)
        return Together(begins, n_new >= fewest_in_common(n), n)
