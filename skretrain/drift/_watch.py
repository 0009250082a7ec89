"""One sequence of losses under watch: its detector, its memory, and what a ring of it means."""

import math

import numpy as np

from ..utils._plain import Plain
from ._locate import locate_change, nearest_batch, noise_bound
from ._loss_memory import LossMemory
from ._ranks import Ranks
from ._river import confidence_of, feed, input_of, rings_blindly, take_any_protocol

_MEMORY_ROWS = 20_000


class Watch(Plain):
    """A detector with the losses that were shown to it; :class:`ErrorDrift` has one or several.

    Nothing in it depends on losses that it is not shown.

    Parameters
    ----------
    detector : river drift detector
        Blank; it is fed.
    rng : numpy.random.Generator
        For the random order; it outlives the watch, so that no order comes twice.
    direction : {"increase", "decrease", "both"}
        As of :class:`ErrorDrift`.
    shuffles : bool
        Whether the losses of a batch are shown in random order.
    ranked : bool
        Whether the losses are known to have no bound; else the first batch tells.
    confidence : float or None
        As of :class:`ErrorDrift`.

    Attributes
    ----------
    memory : LossMemory
        What it was shown.
    """

    def __init__(self, detector, rng, *, direction, shuffles, ranked, confidence):
        self.detector = detector
        self.rng = rng
        self.direction = direction
        self.shuffles = shuffles
        self.memory = LossMemory(_MEMORY_ROWS)
        self._input = input_of(detector, direction)
        self._confidence = confidence_of(detector) if confidence is None else confidence
        self._blind = rings_blindly(detector)
        self._ranks = Ranks() if ranked else None
        self._judge_at = None  # stream row from which a ring may be judged; None if there is none

    def _state_to_save(self):
        take_any_protocol(self.detector)
        return super()._state_to_save()

    @property
    def warming_up(self):
        """Whether the reference for the ranks is still incomplete, a bool."""
        return self._ranks is not None and not self._ranks.complete

    def show(self, losses, rows, bounded):
        """Show losses to the detector.

        Parameters
        ----------
        losses : ndarray of shape (n,)
            One per row, larger is worse; NaN is left out. Not written to.
        rows : int or ndarray of shape (n,)
            Their stream rows; the start of the batch for all of them in random order.
        bounded : bool
            Whether they lie in [0, 1].

        Returns
        -------
        rang : list of int
            Stream rows at which the detector rang.
        """
        losses, rows = self._to_show(losses, rows, bounded)
        self.memory.append(losses, rows)
        rang = feed(self.detector, losses, self._input)
        if rang:
            self._judge_at = 0
        return [int(rows if self.shuffles else rows[i]) for i in rang]

    def verdict(self, end, quiet_until, n_watched):
        """Return what the rings so far mean.

        Parameters
        ----------
        end : int
            Stream rows seen.
        quiet_until : int
            Stream row before which no ring is judged.
        n_watched : int
            Number of sequences watched, among which the chance of a false alarm is divided.

        Returns
        -------
        state : {"stable", "warning", "drift"}
            ``"warning"`` if a ring is still to be judged, or the detector warns.
        since : int or None
            Stream row of the change, if it was located.
        """
        if self._judge_at is not None and end >= max(self._judge_at, quiet_until):
            return self._judge(end, n_watched)
        waits = self._judge_at is not None or getattr(self.detector, "warning_detected", False)
        return ("warning" if waits else "stable"), None

    def forget_before(self, row):
        """Forget the losses of all stream rows before one: the next change is to be after it."""
        self.memory.drop_before(int(self.memory.rows.searchsorted(row)))

    def _to_show(self, losses, rows, bounded):
        """Return the losses as the detector gets them, in [0, 1], and their stream rows."""
        if not _all_usable(losses, bounded):
            kept = np.isfinite(losses) if bounded else ~np.isnan(losses)
            losses, rows = losses[kept], rows if self.shuffles else rows[kept]
        if self.shuffles and len(losses) > 1:
            losses = losses.copy()
            self.rng.shuffle(losses)
        if not bounded:
            if self._ranks is None:
                self._ranks = Ranks()
            n_taken, losses = self._ranks.transform(losses)
            rows = rows if self.shuffles else rows[n_taken:]
        return (1 - losses if self.direction == "decrease" else losses), rows

    def _judge(self, end, n_watched):
        """Decide what a ring means, on the losses remembered."""
        losses = self.memory.losses
        if self._blind:
            return self._alarm(None)
        if self.direction == "both":
            position, gain = locate_change(losses, "both")
            return self._alarm(position if gain > 0 else None)
        # A wanted decrease was turned into an increase when the losses were shown.
        position, gain = locate_change(losses, "increase")
        fall_position, fall_gain = locate_change(losses, "decrease")
        if gain > fall_gain:
            if gain > self._least_gain(losses, position, n_watched):
                return self._alarm(position)
            # The detector has restarted itself and may not ring again: look again on 2 % more rows,
            # which keeps the cost of looking proportional to the rows.
            self._judge_at = end + len(losses) // 50 + 1
            return "warning", None
        self._judge_at = None
        if fall_gain > self._least_gain(losses, fall_position, n_watched):
            # A later rise is to be compared with the better level.
            self.memory.drop_before(fall_position)
        return "stable", None

    def _least_gain(self, losses, position, n_watched):
        if self._confidence == 1:
            return 0.0
        return noise_bound(losses, position, self._confidence / n_watched)

    def _alarm(self, position):
        self._judge_at = None
        if position is None:
            return "drift", None
        if self.shuffles:
            position = nearest_batch(self.memory.rows, position)
        return "drift", int(self.memory.rows[position])


def _all_usable(losses, bounded):
    # One dot product is six times cheaper than isfinite().all(), but may overflow on a wide scale.
    return math.isfinite(losses.dot(losses)) if bounded else not np.isnan(losses).any()
