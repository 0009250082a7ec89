"""A trigger that guards a risk: alarms with a bound on the chance that one is ever false."""

import math

import numpy as np

from ..utils._betting import BettingProcess, upper_confidence_bound
from ..utils._params import check_flag, check_number, refuse
from ._base import BaseTrigger, Signal
from ._locate import locate_change, nearest_batch
from ._loss_memory import LossMemory
from ._losses import scored_losses_of
from ._ranks import Ranks
from ._threshold import PROBABILITY, Threshold

_STABLE = Signal("stable")
_WARNING = Signal("warning")
# The reference is complete with so many rows and so much summed loss, or with the most rows.
_REFERENCE_ROWS, _REFERENCE_LOSS, _MOST_REFERENCE_ROWS = 1000, 20, 10_000
_MEMORY_ROWS = 20_000
# Three quarters wait for a change; the rest moves to where it earns within some thousand rows.
_IDLE = 0.75
_SHARE = 1 / 2000


class RiskMonitor(BaseTrigger):
    r"""Assumes that the expected loss given the past is at most `r0` + `tolerance` at every row.

    As long as that holds, the probability that it *ever* rings is at most `alpha`, however long the
    stream is and however often it is looked at. It is a test by betting [1]_ [2]_: a gambler bets
    on losses above the bound, and the alarm is raised when the capital has grown by
    :math:`1 / \alpha`. A stationary stream is not enough for the guarantee: where losses are
    autocorrelated, the expected loss after a run of errors exceeds the long-run mean. A larger
    `tolerance` is the remedy.

    Parameters
    ----------
    r0 : float or None, default=None
        Accepted expected loss per row, in [0, 1). None learns it after the start and after each
        restart, from the first batches that have 1,000 scored rows together: it is the upper
        confidence bound of their mean at level :math:`1 - \alpha / 2`, and the test is made at
        :math:`\alpha / 2`. Where the losses of 1,000 rows do not sum up to 20, it takes more rows,
        until they do or are 10,000. Until then the trigger is silent and `warming_up` is True.
        These rows must have the same expected loss given their past.
    tolerance : float, default=0.0
        What the expected loss may exceed `r0` by, in the same unit.
    alpha : float, default=0.01
        Largest probability of a false alarm, in (0, 1), up to the first restart and after each.
    restart : bool, default=True
        Whether the test begins anew after the retrain that answered its alarm. If False, the one
        alarm is the last, and `alpha` holds for the whole stream.

    Attributes
    ----------
    r0_ : float or None
        Accepted loss in use; None while it is being learned.
    log_evidence_ : float
        Natural logarithm of the capital; the alarm is raised at ``log(1 / alpha)`` (or
        ``log(2 / alpha)``, if `r0` is learned).

    Notes
    -----
    Losses in [0, 1] are taken as they are. Others (absolute residuals, novelty) are turned into
    their ranks among the first 200 after a restart, as in :class:`ErrorDrift`: `r0` is then a mean
    rank, about 0.5 for a model that stays as it was, and the 1,000 reference rows come after these.

    The order of the rows within a batch does not matter, so a batch that is sorted by class does
    not ring. There is one alarm per episode, which ends with the retrain that answers it, or when
    the losses since the alarm have shown, at the same level, that they are below the bound again.

    A learned bound is well above a rate that is small: about 1.9 times a rate that was learned from
    20 errors (between 0.2 % and 2 %), and at least 0.05 %. It never rings for a rise that stays
    below. From 0.3 % to 1.8 % it rings after a median of 1,500 rows, from 0.3 % to 0.6 % hardly
    ever; if `r0` is stated, any rise above it is found in the end. The user guide has a table. For
    a rare class, ``ErrorDrift(loss="log_loss", rows_of_class=...)`` sees more than an error rate
    can.

    The change is located by the split of the remembered losses (at most 20,000) with the largest
    increase of the mean, to the nearest start of a batch. If the losses before the split are
    enough for an alarm, there is nothing to locate, and `since` is None.

    References
    ----------
    .. [1] A. Podkopaev and A. Ramdas (2022). "Tracking the risk of a deployed model and detecting
       harmful distribution shifts". International Conference on Learning Representations.
    .. [2] A. Timans, R. Verma, E. Nalisnick and C. A. Naesseth (2025). "On continuous monitoring of
       risk violations under unknown shift". Conference on Uncertainty in Artificial Intelligence.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import RiskMonitor, ScoredBatch
    >>> rng = np.random.default_rng(0)
    >>> errors = np.r_[rng.random(3000) < 0.1, rng.random(1000) < 0.3].astype(float)
    >>> trigger = RiskMonitor(r0=0.1).reset()
    >>> for start in range(0, 4000, 100):
    ...     signal = trigger.update(ScoredBatch(start, 100, errors[start : start + 100]))
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 100}, change at row {signal.since}")
    alarm after row 3100, change at row 3000
    """

    def __init__(self, r0=None, *, tolerance=0.0, alpha=0.01, restart=True):
        self.r0 = r0
        self.tolerance = tolerance
        self.alpha = alpha
        self.restart = restart

    @property
    def warming_up(self):
        """Whether the reference is still incomplete, a bool."""
        return self._test is None if hasattr(self, "_test") else self.r0 is None

    @property
    def log_evidence_(self):
        """Natural logarithm of the capital of the gambler, a float."""
        return 0.0 if self._test is None else self._test.log_wealth

    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : RiskMonitor
            This trigger, blank.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        self._check_parameters()
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
            The alarm, with the located row; a warning while an alarm is not answered.

        Raises
        ------
        ValueError
            If the batch has no losses.
        """
        if not hasattr(self, "_memory"):
            self.reset()
        losses = self._shown(batch)
        self._memory.append(losses, batch.start)
        if self._test is None:
            self._take_as_reference(losses)
            return _STABLE
        if self._silent:
            return _STABLE
        if self._recovery is not None:
            return self._recovering(losses)
        return _STABLE if self._test.update(losses) < self._needed else self._alarm()

    def after_fit(self, fit, reference, answered):
        """Begin the test anew if the fit answered the alarm, and `restart` allows it.

        Parameters
        ----------
        fit : FitRecord
            Not looked at.
        reference : ScoredBatch or None
            Not looked at.
        answered : bool
            Whether the fit answered an alarm.
        """
        if answered and self.restart:
            self._restart()

    @property
    def _threshold(self):
        """What decides how often it rings; None if it rings only once."""
        return Threshold("alpha", *PROBABILITY) if self.restart else None

    def _restart(self):
        self._memory = LossMemory(_MEMORY_ROWS)
        self._ranks = None  # the first batch tells whether the losses are bounded
        self._reference_sum, self._n_reference = 0.0, 0
        self._recovery = None  # evidence that an episode is over, while there is one
        self._silent = False
        self._test = None
        self.r0_ = None
        if self.r0 is not None:
            self._begin(float(self.r0), self.alpha)

    def _begin(self, r0, alpha):
        self.r0_ = r0
        self._needed = math.log(1 / alpha)
        self._test = bets_against(r0 + self.tolerance)

    def _shown(self, batch):
        """Return the losses of the batch in [0, 1]."""
        losses = scored_losses_of(batch, self)
        if batch.bounded:
            return losses
        if self._ranks is None:
            self._ranks = Ranks()
        # Which rows make the reference is drawn: the first of a sorted batch would mislead.
        return self._ranks.transform(np.random.default_rng(0).permutation(losses))[1]

    def _take_as_reference(self, losses):
        """Take in whole batches, so that their order does not matter, until they suffice."""
        self._reference_sum += float(losses.sum())
        self._n_reference += len(losses)
        suffices = self._reference_sum >= _REFERENCE_LOSS
        if self._n_reference >= (_REFERENCE_ROWS if suffices else _MOST_REFERENCE_ROWS):
            # Waiting for losses costs no confidence: the bound falls with the rows that it took, so
            # that the true mean is above it only if a fixed number of rows had too few losses.
            mean = self._reference_sum / self._n_reference
            r0 = upper_confidence_bound(mean, self._n_reference, self.alpha / 2)
            self._begin(r0, self.alpha / 2)

    def _alarm(self):
        bound = self._test.bound
        self._silent = not self.restart
        # Losses below the bound are gains above one minus it.
        self._recovery = bets_against(1 - bound)
        return Signal("drift", located_rise(self._memory, bound, self._needed))

    def _recovering(self, losses):
        if self._recovery.update(1 - losses) < self._needed:
            return _WARNING
        # The episode is over without a retrain: the next one is to be told from the time since.
        self._recovery = None
        self._test = bets_against(self._test.bound)
        self._memory = LossMemory(_MEMORY_ROWS)
        return _STABLE

    def _check_parameters(self):
        check_number(self, "tolerance", least=0, below=1)
        learned = "the expected loss, learned if None"
        check_number(self, "r0", least=0, below=1, what=learned, otherwise=(None,))
        if self.r0 is not None and not 0 < self.r0 + self.tolerance < 1:
            refuse(self, "r0", f"such that r0 + tolerance (here {self.tolerance!r}) is in (0, 1)")
        check_number(self, "alpha", above=0, below=1, what="a probability")
        check_flag(self, "restart")


def bets_against(bound):
    """Return the test of an expected loss of at most `bound`, that may be looked at for ever."""
    return BettingProcess(bound, idle=_IDLE, share=_SHARE, finest=_finest(bound))


def located_rise(memory, bound, needed):
    """Return the stream row at which losses rose above a bound, to the nearest start of a batch.

    Parameters
    ----------
    memory : LossMemory
        Losses in [0, 1] up to the alarm.
    bound : float
        What they were tested against.
    needed : float
        Logarithm of the evidence for an alarm.

    Returns
    -------
    row : int or None
        None where they were above it from the beginning.
    """
    position, gain = locate_change(memory.losses)
    before = BettingProcess(bound, finest=_finest(bound)).update(memory.losses[:position])
    if gain <= 0 or before >= needed:
        return None
    return int(memory.rows[nearest_batch(memory.rows, position)])


def _finest(bound):
    """Return the smallest bet: that against a rate of one and a half times a rare bound."""
    return min(1 / 32, bound / 2)
