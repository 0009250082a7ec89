"""A trigger that watches the losses of the model with a drift detector of river."""

from collections.abc import Hashable

import numpy as np
from sklearn.base import clone

from ..utils._params import check_choice, check_integer, check_number, refuse
from ._base import BaseTrigger, Needs, Signal
from ._losses import bounded_log_loss, called_loss, losses_of
from ._river import RiverParamsMixin, blank, is_river, make_detector, threshold_of
from ._watch import Watch

_STABLE = Signal("stable")
_WARNING = Signal("warning")
_ALL = None  # the label under which all rows are watched together


class _NeedsOfLoss(Needs):
    def of(self, trigger):
        """Return what the loss is computed from, and whether rows are told by their class."""
        needs = set() if trigger.rows_of_class is None else {"classes"}
        if callable(trigger.loss):
            return needs | {"y_pred"}
        return needs | {"y_proba"} if trigger.loss == "log_loss" else needs


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
        ``"auto"``: the loss per row of the batch. ``"log_loss"``: minus the logarithm of the
        probability given to the true class, clipped at 0.001 and divided by the largest value, so
        that it is 0 at the probability 1, a third at 0.1, and 1 at 0.001 or less. A callable
        ``loss(y_true, y_pred) -> array of shape (n_rows,)``, larger is worse.
    rows_of_class : None, label, list of labels or "each", default=None
        None watches all rows together. A label: only the losses of the rows whose true label it is
        are shown to the detector. A list: each of these classes has a detector of its own, which
        sees its rows only. ``"each"``: so has every class, from its first scored row on. A class
        that is itself called "each" is named in a list, ``["each"]``.
    direction : {"increase", "decrease", "both"}, default="increase"
        Which change of the loss is an alarm. With ``"both"`` every ring of the detector is one.
    order : {"random", "stream"}, default="random"
        Order in which the losses of a batch are shown. In random order, a batch that is sorted (by
        class, by customer) does not ring; changes are then located to the nearest start of
        a batch.
    cooldown : int, default=100
        Number of rows of the stream, of whichever class, after an alarm in which no other is
        raised. A ring in that time is not lost: it is judged when the time is over, and raised if
        the losses still show the change.
    confidence : float or None, default=None
        How much a rise has to be proven, in (0, 1]: `delta` in the bound of ADWIN, the smaller the
        more. None is ADWIN's own `delta`, and 0.002 for the other detectors. 1 asks for no proof
        but that the loss rises: how often it rings is left to the detector, as by
        :func:`calibrate`.
    random_state : int or None, default=None
        Seed of the random order, and of a detector that draws and has no seed. None is a fixed
        seed.

    Attributes
    ----------
    detector_ : river drift detector or dict
        The detector that is fed; with `rows_of_class`, a dict of label to detector.
    ring_rows_ : list of int
        Stream rows at which a detector rang in the last batch, whether or not an alarm was raised;
        in random order, the start of the batch for each.

    Notes
    -----
    A loss that has no upper bound (an absolute residual, a callable's) is turned into its rank
    among the first 200 losses after a restart, so that its scale does not matter. Until then the
    trigger is silent, and `warming_up` is True. With `rows_of_class` these are the first 200 of the
    class, and `warming_up` is True until one class has them.

    The log loss is not ranked: the losses of a rare class are at the top of the ranks before any
    drift, and cannot rise. The price of the fixed scale is that a mild rise in all classes takes
    longer to be found than by ranks; the guide has both measured. A detector that takes booleans is
    shown whether the loss is at least one half, that is, the probability at most 0.03.

    A drift within a class of one row in a hundred is lost in the mean of all losses, and found
    among its own. With several classes a ring is judged on the losses of its class alone, at the
    confidence of the detector divided by their number (Bonferroni), so that many classes ring
    falsely no more often than one. Those that ring in one batch make one alarm, and `since` is the
    earliest row that was located. If no retrain answers it, the next change is looked for after
    that row, in every class.

    Noise is judged by the bound of ADWIN [1]_ at `confidence`. ``direction="both"`` asks for no
    such proof. ``DummyDriftDetector``
    rings whatever it sees, and each of its rings is an alarm that locates nothing.

    At most the newest 20,000 losses are remembered, of each class. NaN is never shown. With
    ``order="stream"``, ``direction="both"`` and ``cooldown=0`` the alarms are river's own, as long
    as no retrain restarts the trigger.

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

    One row in fifty is a fraud. The model misses one in five of them, and from row 10,000 on four
    in five; the errors of all rows hardly rise:

    >>> fraud = rng.random(20_000) < 0.02
    >>> missed = rng.random(20_000) < np.repeat([0.2, 0.8], 10_000)
    >>> errors = np.where(fraud, missed, rng.random(20_000) < 0.05).astype(float)
    >>> trigger = ErrorDrift(rows_of_class=True).reset()
    >>> for start in range(0, 20_000, 500):
    ...     rows = slice(start, start + 500)
    ...     signal = trigger.update(ScoredBatch(start, 500, errors[rows], y=fraud[rows]))
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 500}, change at row {signal.since}")
    alarm after row 14000, change at row 10000
    """

    needs = _NeedsOfLoss({"loss"})

    def __init__(
        self,
        detector=None,
        *,
        loss="auto",
        rows_of_class=None,
        direction="increase",
        order="random",
        cooldown=100,
        confidence=None,
        random_state=None,
    ):
        self.detector = detector
        self.loss = loss
        self.rows_of_class = rows_of_class
        self.direction = direction
        self.order = order
        self.cooldown = cooldown
        self.confidence = confidence
        self.random_state = random_state

    @property
    def detector_(self):
        """What is fed: a river drift detector, or a dict of them by label with `rows_of_class`."""
        detectors = {label: watch.detector for label, watch in self._watches.items()}
        return detectors[_ALL] if self.rows_of_class is None else detectors

    @property
    def warming_up(self):
        """Whether the reference for the ranks is still incomplete, of each class, a bool."""
        watches = getattr(self, "_watches", {}).values()
        return len(watches) > 0 and all(watch.warming_up for watch in watches)

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
        self._quiet_until = 0
        self._watches = {}
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
            If the batch lacks what the loss is computed from, or the labels that `rows_of_class`
            asks for.
        """
        if not hasattr(self, "_watches"):
            self.reset()
        losses, bounded = self._losses_of(batch)
        rows = None if self._shuffles else np.arange(batch.start, batch.start + batch.n_rows)
        rang = []
        for watch, own in self._shares(batch, losses):
            shown = batch.start if self._shuffles else rows[own]
            rang += watch.show(losses[own], shown, bounded)
        self.ring_rows_ = sorted(rang)
        return self._verdict(batch.start + batch.n_rows)

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
    def _threshold(self):
        """The parameter of the detector that decides how often it rings, or None."""
        threshold = threshold_of(self._river)
        return threshold and threshold._replace(parameter=f"detector__{threshold.parameter}")

    def _at(self, threshold):
        # A second bound would hide what the threshold does.
        confidence = 1.0 if self.confidence is None else self.confidence
        copy = clone(self).set_params(detector=self._river, confidence=confidence)
        return copy.set_params(**{self._threshold.parameter: threshold})

    @property
    def _river(self):
        return make_detector("adwin") if self.detector is None else self.detector

    @property
    def _seed(self):
        return 0 if self.random_state is None else int(self.random_state)

    @property
    def _memory(self):
        """The losses remembered, where all rows are watched together."""
        return self._watches[_ALL].memory

    def _restart(self):
        """Begin each watch anew; classes that were met stay known."""
        self._shuffles = self.order == "random"
        labels = self._watches if _is_each(self.rows_of_class) else _labels_in(self.rows_of_class)
        self._watches = {label: self._new_watch(label) for label in labels}
        self.ring_rows_ = []

    def _new_watch(self, label):
        known = self._watches.get(label)
        # One seed for all: what a class is shown does not depend on which others there are.
        rng = np.random.default_rng(self._seed) if known is None else known.rng
        return Watch(
            blank(self._river, seed=self._seed),
            rng,
            direction=self.direction,
            shuffles=self._shuffles,
            ranked=callable(self.loss),  # with "auto" it is the first batch that tells
            confidence=self.confidence,
        )

    def _shares(self, batch, losses):
        """Return each watch that has rows in the batch, with what selects these."""
        if self.rows_of_class is None:
            return [(self._watches[_ALL], slice(None))]
        y = self._labels_of(batch)
        scored = ~np.isnan(losses)
        if _is_each(self.rows_of_class):
            for label in dict.fromkeys(y[scored & (y == y)].tolist()):  # NaN is no label
                if label not in self._watches:
                    self._watches[label] = self._new_watch(label)
        shares = [(watch, scored & (y == label)) for label, watch in self._watches.items()]
        return [(watch, own) for watch, own in shares if own.any()]

    def _labels_of(self, batch):
        """Return the true label of each row, checked to be one."""
        y = None if batch.y is None else np.asarray(batch.y)
        told = f"ErrorDrift(rows_of_class={self.rows_of_class!r})"
        if y is None or y.shape != (batch.n_rows,):
            raise ValueError(
                f"{told} needs one true label per row, and this batch lacks them. Use a classifier "
                "with a single output, or rows_of_class=None."
            )
        if _is_each(self.rows_of_class):
            if not batch.bounded:
                raise ValueError(
                    f"{told} needs classes, and the losses of this batch are those of a "
                    "regression. List the labels to be watched, or use rows_of_class=None."
                )
        elif y.dtype.kind != "O":
            for label in self._watches:
                if isinstance(label, str) != (y.dtype.kind in "UT"):
                    raise ValueError(
                        f"{told} names {label!r}, which none of the targets can be: they are of "
                        f"type {y.dtype}. Write the label as it is in y."
                    )
        return y

    def _losses_of(self, batch):
        """Return one loss per row, larger is worse, and whether they lie in [0, 1]."""
        if not isinstance(self.loss, str):
            losses = called_loss(self.loss, batch)
        elif self.loss == "log_loss":
            losses = bounded_log_loss(batch)
        else:
            return losses_of(batch, self), batch.bounded
        if batch.loss is not None:  # what was not scored (NaN) is not to be scored here either
            losses[np.isnan(batch.loss)] = np.nan
        return losses, self.loss == "log_loss"

    def _verdict(self, end):
        """Return the signal after a batch: one alarm, whichever classes it is of."""
        watches = self._watches.values()
        told = [watch.verdict(end, self._quiet_until, len(watches)) for watch in watches]
        states = {state for state, _ in told}
        if "drift" not in states:
            return _WARNING if "warning" in states else _STABLE
        self._quiet_until = end + self.cooldown
        since = min((row for _, row in told if row is not None), default=None)
        if since is not None:
            # If no retrain answers, the next change is to be found after this one, in all classes.
            for watch, (_, row) in zip(watches, told):
                watch.forget_before(since if row is None else row)
        return Signal("drift", since)

    def _check_parameters(self):
        if self.detector is not None and not is_river(self.detector):
            refuse(self, "detector", "a river detector such as river.drift.ADWIN(), or None")
        is_named = isinstance(self.loss, str) and self.loss in ("auto", "log_loss")
        if not is_named and not callable(self.loss):
            refuse(self, "loss", "'auto', 'log_loss' or a callable loss(y_true, y_pred)")
        if not _is_each(self.rows_of_class):
            labels = _labels_in(self.rows_of_class)
            if not labels or not all(map(_is_label, labels)) or len(set(labels)) < len(labels):
                refuse(
                    self,
                    "rows_of_class",
                    "None, one label, a non-empty list of different labels, or 'each' for every "
                    "class that is seen (for a class of that name alone: ['each'])",
                )
        check_choice(self, "direction", ("increase", "decrease", "both"))
        check_choice(self, "order", ("random", "stream"))
        check_integer(self, "cooldown", least=0, what="a number of rows")
        check_number(self, "confidence", above=0, most=1, otherwise=(None,))
        check_integer(self, "random_state", least=0, otherwise=(None,))


def _is_each(rows_of_class):
    return isinstance(rows_of_class, str) and rows_of_class == "each"


def _labels_in(rows_of_class):
    """Return the labels that are named, a list; `_ALL` is one for itself."""
    return list(rows_of_class) if isinstance(rows_of_class, list | tuple) else [rows_of_class]


def _is_label(value):
    return isinstance(value, Hashable) and np.ndim(value) == 0 and bool(value == value)
