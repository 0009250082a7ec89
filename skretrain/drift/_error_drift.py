"""A trigger that watches the losses of the model with a drift detector of river."""

import math

import numpy as np

from ..utils._params import check_choice, check_integer, refuse
from ._base import BaseTrigger, Needs, Signal
from ._locate import locate_change, nearest_batch, noise_bound
from ._loss_memory import LossMemory
from ._losses import losses_of
from ._ranks import Ranks
from ._river import (
    RiverParamsMixin,
    blank,
    confidence_of,
    feed,
    input_of,
    is_river,
    make_detector,
    rings_blindly,
)

_STABLE = Signal("stable")
_WARNING = Signal("warning")
_MEMORY_ROWS = 20_000
_LEAST_PROBABILITY = 1e-15


class _NeedsOfLoss(Needs):
    def of(self, trigger):
        """Return what the loss is computed from."""
        if callable(trigger.loss):
            return {"y_pred"}
        return {"y_proba"} if trigger.loss == "log_loss" else set()


class ErrorDrift(RiverParamsMixin, BaseTrigger):
    """Ring when the loss of the model rises, as told by a drift detector.

    The losses of each batch are shown to the detector one by one. When it rings, the change is
    located in the losses remembered since the last restart, in the same way for every detector, and
    decides what the ring means: a rise beyond noise is an alarm; a fall is none; a rise within
    noise is held as a warning and judged again on more rows.

    Parameters
    ----------
    detector : river drift detector or None, default=None
        Any detector of ``river.drift`` or ``river.drift.binary``; None stands for ``ADWIN()``. It
        is never changed: a blank clone is fed. Its parameters can be set as ``detector__delta``.
    loss : {"auto", "log_loss"} or callable, default="auto"
        ``"auto"``: the loss per row of the batch. ``"log_loss"``: minus the natural logarithm of
        the probability given to the true class, clipped at 1e-15. A callable
        ``loss(y_true, y_pred) -> array of shape (n_rows,)``, larger is worse.
    direction : {"increase", "decrease", "both"}, default="increase"
        Which change of the loss is an alarm. With ``"both"`` every ring of the detector is one.
    order : {"random", "stream"}, default="random"
        Order in which the losses of a batch are shown. In random order, a batch that is sorted (by
        class, by customer) does not ring; changes are then located to the nearest start of
        a batch.
    cooldown : int, default=100
        Number of rows after an alarm in which no other is raised. A ring in that time is not lost:
        it is judged when the time is over, and raised if the losses still show the change.
    random_state : int or None, default=None
        Seed of the random order, and of a detector that draws and has no seed. None is a fixed
        seed.

    Attributes
    ----------
    detector_ : river drift detector
        The detector that is fed.
    ring_rows_ : list of int
        Stream rows at which the detector rang in the last batch, whether or not an alarm was
        raised; in random order, the start of the batch for each.

    Notes
    -----
    A loss that has no upper bound (an absolute residual, a log loss, a callable's) is turned into
    its rank among the first 200 losses after a restart, so that its scale does not matter. Until
    then the trigger is silent, and `warming_up` is True.

    Noise is judged by the bound of ADWIN [1]_: at its own `delta` if the detector is ADWIN, else at
    river's default, 0.002. ``direction="both"`` asks for no such proof. ``DummyDriftDetector``
    rings whatever it sees, and each of its rings is an alarm that locates nothing.

    At most the newest 20,000 losses are remembered. NaN is never shown. With ``order="stream"``,
    ``direction="both"`` and ``cooldown=0`` the alarms are river's own, as long as no retrain
    restarts the trigger.

    References
    ----------
    .. [1] A. Bifet and R. Gavalda (2007). "Learning from time-changing data with adaptive
       windowing". SIAM International Conference on Data Mining, 443-448.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import ErrorDrift, ScoredBatch
    >>> rng = np.random.default_rng(0)
    >>> errors = np.r_[rng.random(3000) < 0.1, rng.random(1000) < 0.3].astype(float)
    >>> trigger = ErrorDrift().reset()
    >>> for start in range(0, 4000, 100):
    ...     signal = trigger.update(ScoredBatch(start, 100, errors[start : start + 100]))
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 100}, change at row {signal.since}")
    alarm after row 3200, change at row 3000
    """

    needs = _NeedsOfLoss({"loss"})

    def __init__(
        self,
        detector=None,
        *,
        loss="auto",
        direction="increase",
        order="random",
        cooldown=100,
        random_state=None,
    ):
        self.detector = detector
        self.loss = loss
        self.direction = direction
        self.order = order
        self.cooldown = cooldown
        self.random_state = random_state

    @property
    def warming_up(self):
        """Whether the reference for the ranks is still incomplete, a bool."""
        return hasattr(self, "_ranks") and self._ranks is not None and not self._ranks.complete

    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : ErrorDrift
            This trigger, blank.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        self._check_parameters()
        self._rng = np.random.default_rng(self._seed)
        self._quiet_until = 0
        self._restart()
        return self

    def update(self, batch):
        """See the losses of one batch.

        Parameters
        ----------
        batch : ScoredBatch
            Newest rows of the stream.

        Returns
        -------
        signal : Signal
            At most one alarm, after all rows were shown. `since` is the stream row at which the
            change was located.

        Raises
        ------
        ValueError
            If the batch lacks what the loss is computed from.
        """
        if not hasattr(self, "_memory"):
            self.reset()
        losses, rows = self._to_show(batch)
        self._memory.append(losses, rows)
        rang = feed(self.detector_, losses, self._input)
        self.ring_rows_ = [int(rows if self._shuffles else rows[i]) for i in rang]
        end = batch.start + batch.n_rows
        if rang:
            self._judge_at = self._quiet_until
        if self._judge_at is not None and end >= self._judge_at:
            return self._judge(end)
        if self._judge_at is not None or getattr(self.detector_, "warning_detected", False):
            return _WARNING
        return _STABLE

    def after_fit(self, fit, reference, answered):
        """Start blank if the fit answered the alarm; the cooldown goes on from the alarm.

        Parameters
        ----------
        fit : FitRecord
            Not looked at.
        reference : ScoredBatch or None
            Not looked at.
        answered : bool
            Whether the fit answered an alarm.
        """
        if answered:
            self._restart()

    @property
    def _seed(self):
        return 0 if self.random_state is None else int(self.random_state)

    def _restart(self):
        detector = make_detector("adwin") if self.detector is None else self.detector
        self.detector_ = blank(detector, seed=self._seed)
        self._input = input_of(self.detector_, self.direction)
        self._confidence = confidence_of(self.detector_)
        self._blind = rings_blindly(self.detector_)
        self._shuffles = self.order == "random"
        self._memory = LossMemory(_MEMORY_ROWS)
        # With "auto" it is the first batch that tells whether the loss is bounded.
        self._ranks = None if isinstance(self.loss, str) and self.loss == "auto" else Ranks()
        self._judge_at = None  # stream row from which a ring may be judged; None if there is none
        self.ring_rows_ = []

    def _to_show(self, batch):
        """Return the losses as the detector gets them, in [0, 1], and their stream rows."""
        losses, bounded = self._losses_of(batch)
        n_rows = len(losses)
        rows = batch.start if self._shuffles else np.arange(batch.start, batch.start + n_rows)
        if not _all_usable(losses, bounded):
            kept = np.isfinite(losses) if bounded else ~np.isnan(losses)
            losses, rows = losses[kept], rows if self._shuffles else rows[kept]
        if self._shuffles and n_rows > 1:
            losses = losses.copy()
            self._rng.shuffle(losses)
        if not bounded:
            if self._ranks is None:
                self._ranks = Ranks()
            n_taken, losses = self._ranks.transform(losses)
            rows = rows if self._shuffles else rows[n_taken:]
        return (1 - losses if self.direction == "decrease" else losses), rows

    def _losses_of(self, batch):
        """Return one loss per row, larger is worse, and whether they lie in [0, 1]."""
        if not isinstance(self.loss, str):
            losses = _called_loss(self.loss, batch)
        elif self.loss == "log_loss":
            losses = _log_loss(batch)
        else:
            return losses_of(batch, self), batch.bounded
        if batch.loss is not None:  # what was not scored (NaN) is not to be scored here either
            losses[np.isnan(batch.loss)] = np.nan
        return losses, False

    def _judge(self, end):
        """Decide what a ring means, on the losses remembered."""
        losses = self._memory.losses
        if self._blind:
            return self._alarm(end, None)
        if self.direction == "both":
            position, gain = locate_change(losses, "both")
            return self._alarm(end, position if gain > 0 else None)
        # A wanted decrease was turned into an increase when the losses were shown.
        position, gain = locate_change(losses, "increase")
        fall_position, fall_gain = locate_change(losses, "decrease")
        if gain > fall_gain:
            if gain > noise_bound(losses, position, self._confidence):
                return self._alarm(end, position)
            # The detector has restarted itself and may not ring again: look again on 2 % more rows,
            # which keeps the cost of looking proportional to the rows.
            self._judge_at = end + len(losses) // 50 + 1
            return _WARNING
        self._judge_at = None
        if fall_gain > noise_bound(losses, fall_position, self._confidence):
            # A later rise is to be compared with the better level.
            self._memory.drop_before(fall_position)
        return _STABLE

    def _alarm(self, end, position):
        self._judge_at = None
        self._quiet_until = end + self.cooldown
        if position is None:
            return Signal("drift")
        if self._shuffles:
            position = nearest_batch(self._memory.rows, position)
        since = int(self._memory.rows[position])
        # If no retrain answers, the next change is to be found after this one.
        self._memory.drop_before(position)
        return Signal("drift", since)

    def _check_parameters(self):
        if self.detector is not None and not is_river(self.detector):
            refuse(self, "detector", "a river detector such as river.drift.ADWIN(), or None")
        is_named = isinstance(self.loss, str) and self.loss in ("auto", "log_loss")
        if not is_named and not callable(self.loss):
            refuse(self, "loss", "'auto', 'log_loss' or a callable loss(y_true, y_pred)")
        check_choice(self, "direction", ("increase", "decrease", "both"))
        check_choice(self, "order", ("random", "stream"))
        check_integer(self, "cooldown", least=0, what="a number of rows")
        check_integer(self, "random_state", least=0, otherwise=(None,))


def _all_usable(losses, bounded):
    # One dot product is six times cheaper than isfinite().all(), but may overflow on a wide scale.
    return math.isfinite(losses.dot(losses)) if bounded else not np.isnan(losses).any()


def _called_loss(loss, batch):
    if batch.y is None or batch.y_pred is None:
        raise ValueError(
            f"ErrorDrift(loss={loss!r}) needs true targets and predictions, and this batch lacks "
            f"{'y' if batch.y is None else 'y_pred'}. Use loss='auto'."
        )
    losses = np.array(loss(batch.y, batch.y_pred), dtype=np.float64)
    if losses.shape != (batch.n_rows,):
        raise ValueError(
            f"ErrorDrift(loss={loss!r}) must return one loss per row, an array of shape "
            f"({batch.n_rows},), and returned one of shape {losses.shape}."
        )
    return losses


def _log_loss(batch):
    proba = None if batch.y_proba is None else np.asarray(batch.y_proba)
    if batch.y is None or batch.classes is None or proba is None or proba.ndim != 2:
        raise ValueError(
            "ErrorDrift(loss='log_loss') needs one label per row and the probabilities of its "
            "classes, and this batch lacks them. Use a classifier with predict_proba and a single "
            "output, or loss='auto'."
        )
    is_label = np.asarray(batch.y)[:, np.newaxis] == np.asarray(batch.classes)
    of_true_class = np.where(is_label, proba, 0.0).sum(axis=1)
    return -np.log(np.maximum(of_true_class, _LEAST_PROBABILITY))
