"""A trigger that watches slices of the rows, with a bound on the share of false findings."""

import numpy as np

from ..metrics._slices import Slicer
from ..utils._betting import upper_confidence_bound
from ..utils._e_values import log_evidence_needed, refuted
from ..utils._params import check_integer, check_number
from ..utils._plain import Plain
from ._base import BaseTrigger, Signal
from ._loss_memory import LossMemory
from ._losses import losses_of, scored_losses_of
from ._ranks import Ranks
from ._risk_monitor import bets_against, located_rise

_STABLE = Signal("stable")
_WARNING = Signal("warning")
_FIRST_ROWS = 200  # values of a number from which its bins are made
_MEMORY_ROWS = 5000
_MOST_CANDIDATES = 1000
_MOST_NAMED = 5


class SliceDrift(BaseTrigger):
    r"""Ring when the mean loss of some slice of the rows has risen, and say of which.

    A loss that rises for one country of twenty hardly moves the mean of all. Each slice has a test
    of its own, by betting as in :class:`RiskMonitor`: a gambler bets on losses above what the slice
    lost in its first `reference_rows` rows. After every batch the slices are found for which the
    capital is large enough by the procedure of Benjamini and Hochberg for e-values [1]_.

    Parameters
    ----------
    slices : dict of str to (str, int or callable)
        Name of each definition, and a column of X by its name or number, or a function
        ``X -> array of bool of shape (n_rows,)``. Each level of a column is a slice
        ``"country=DE"``, and so is ``"country=missing"``. A number with more than 20 different
        values is cut at the quartiles of its first 200 values, for good.
    reference_rows : int, default=500
        Scored rows of a slice from which its accepted loss is learned.
    tolerance : float, default=0.0
        What the mean loss of a slice may exceed that by, in the same unit.
    fdr : float, default=0.05
        Largest expected share of slices that have not risen, among those said to have risen, in
        (0, 1): at any row, however often it is looked, up to the first restart and after each.
    max_slices : int, default=20
        Most slices under watch, those whose reference is complete first: the most frequent ones.
        New levels join while there is room.

    Attributes
    ----------
    accepted_ : dict of str to float
        Slices under watch, and the mean loss accepted of each.
    log_evidence_ : dict of str to float
        Natural logarithm of the capital of their gamblers.
    risen_ : list of str
        Slices that have risen, since the last restart or the end of their episode.

    See Also
    --------
    RiskMonitor : The same test for all rows together.
    skretrain.metrics.slice_scores : The score of each slice on rows at hand.

    Notes
    -----
    Of :math:`K` = `max_slices` capitals, the :math:`k` largest are found if all of them are at
    least :math:`2 K / (k \cdot fdr)`; slices that are not there count as a capital of 1, so that
    one that joins later is no test too many. The other half of `fdr` is for the accepted losses:
    upper confidence bounds at the level :math:`1 - fdr / (2 K)`. The assumption is that of
    :class:`RiskMonitor`, for each slice: the expected loss given the past is at most what is
    accepted plus `tolerance`. Slices may overlap, and depend on each other in any way.

    A slice rings once per episode, which ends with the retrain that answers it, or when the losses
    since have shown that they are back. An alarm names the slices and stands in the reason of the
    event. `since` is the earliest row at which one of them rose.

    Losses that are not in [0, 1] are turned into their ranks among the first 200 after a restart,
    of all rows together. At most the newest 5,000 losses of a slice are remembered, and at most
    1,000 levels that are not under watch yet.

    A shorter reference is sooner complete and sees less: with an error rate of 0.1, the accepted
    loss is 0.16 after 500 rows and 0.19 after 200.

    References
    ----------
    .. [1] R. Wang and A. Ramdas (2022). "False discovery rate control with e-values". Journal of
       the Royal Statistical Society B 84(3), 822-852.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import ScoredBatch, SliceDrift
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 5, size=(10_000, 1))
    >>> failed = (shop[:, 0] == 3) & (np.arange(10_000) >= 6000)
    >>> errors = (rng.random(10_000) < np.where(failed, 0.5, 0.1)).astype(float)
    >>> trigger = SliceDrift({"shop": 0}).reset()
    >>> for start in range(0, 10_000, 100):
    ...     rows = slice(start, start + 100)
    ...     signal = trigger.update(ScoredBatch(start, 100, errors[rows], X=shop[rows]))
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 100}, since {signal.since}: {signal.note}")
    alarm after row 6300, since 6000: shop=3 has risen to 0.48 (accepted: 0.16)
    """

    needs = frozenset({"loss", "X"})

    def __init__(self, slices, *, reference_rows=500, tolerance=0.0, fdr=0.05, max_slices=20):
        self.slices = slices
        self.reference_rows = reference_rows
        self.tolerance = tolerance
        self.fdr = fdr
        self.max_slices = max_slices

    @property
    def warming_up(self):
        """Whether no slice has a complete reference yet, a bool."""
        return not getattr(self, "_watched", {})

    @property
    def accepted_(self):
        """Accepted mean loss of each slice under watch, a dict of str to float."""
        return {name: watched.accepted for name, watched in self._watched.items()}

    @property
    def log_evidence_(self):
        """Natural logarithm of the capital of each slice under watch, a dict of str to float."""
        return {name: watched.test.log_wealth for name, watched in self._watched.items()}

    @property
    def risen_(self):
        """Slices that have risen, a list of str."""
        return [name for name, watched in self._watched.items() if watched.recovery is not None]

    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : SliceDrift
            This trigger, blank.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        check_integer(self, "reference_rows", least=1, what="a number of rows")
        check_number(self, "tolerance", least=0, below=1)
        check_number(self, "fdr", above=0, below=1, what="a share of false findings")
        check_integer(self, "max_slices", least=1, what="a number of slices")
        self._slicer = Slicer(self, self.slices, n_first=_FIRST_ROWS)
        self._restart()
        return self

    def update(self, batch):
        """See the losses of one batch, slice by slice.

        Parameters
        ----------
        batch : ScoredBatch
            Newest rows of the stream.

        Returns
        -------
        signal : Signal
            The alarm, with the earliest located row and the names of the slices; a warning while an
            alarm is not answered.

        Raises
        ------
        ValueError
            If the batch has no losses, or its rows do not have the slices.
        """
        if not hasattr(self, "_slicer"):
            self.reset()
        if batch.X is None:
            raise ValueError(
                "SliceDrift needs the rows of the batch, and this one has none (X=None)."
            )
        members = self._slicer.members(batch.X)
        losses = self._shown(batch)
        for named in members.values():
            for name, rows in named.items():
                of_slice = losses[rows]
                self._show(name, of_slice[~np.isnan(of_slice)], batch.start)
        self._begin_tests()
        risen = self._risen_now()
        return self._alarm(risen) if risen else (_WARNING if self.risen_ else _STABLE)

    def after_fit(self, fit, reference, answered):
        """Begin all tests anew if the fit answered the alarm; the slices stay as they are.

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

    def _check_columns(self, X):
        Slicer(self, self.slices).members(X)

    def _restart(self):
        self._watched, self._candidates = {}, {}
        self._ranks = None  # the first batch tells whether the losses are bounded

    def _shown(self, batch):
        """Return the losses of the batch in [0, 1], NaN where there is none to show."""
        losses, scored = losses_of(batch, self), scored_losses_of(batch, self)
        if batch.bounded:
            return losses
        if self._ranks is None:
            self._ranks = Ranks()
        # Which rows make the reference is drawn: the first of a sorted batch would mislead.
        order = np.random.default_rng(0).permutation(len(scored))
        n_taken, ranks = self._ranks.transform(scored[order])
        shown = np.full(len(losses), np.nan)
        shown[np.flatnonzero(~np.isnan(losses))[order[n_taken:]]] = ranks
        return shown

    def _show(self, name, losses, start):
        if name in self._watched:
            watched = self._watched[name]
            watched.show(losses, start)
            watched.end_episode(self._needed)
        elif len(losses) and len(self._watched) < self.max_slices:
            self._candidates.setdefault(name, _Slice()).show(losses, start)

    def _begin_tests(self):
        """Put slices under watch whose reference is complete, the largest first."""
        by_rows = sorted(self._candidates, key=lambda name: -self._candidates[name].n)
        for name in by_rows[: self.max_slices - len(self._watched)]:
            if self._candidates[name].n < self.reference_rows:
                break
            self._watched[name] = self._candidates.pop(name)
            self._watched[name].begin(self.fdr / (2 * self.max_slices), self.tolerance)
        if len(self._watched) == self.max_slices:
            self._candidates = {}
        elif len(self._candidates) > _MOST_CANDIDATES:
            kept = [name for name in by_rows if name in self._candidates][: _MOST_CANDIDATES // 2]
            self._candidates = {name: self._candidates[name] for name in kept}

    @property
    def _needed(self):
        """Logarithm of the capital that a slice must have to be found alone."""
        return log_evidence_needed(self.max_slices, self.fdr / 2)

    def _risen_now(self):
        """Return the slices that are found by now, and have not been before."""
        evidence = self.log_evidence_
        names = list(evidence)
        found = refuted(list(evidence.values()), self.max_slices, self.fdr / 2)
        risen = [names[k] for k in found]
        return [name for name in risen if self._watched[name].recovery is None]

    def _alarm(self, risen):
        since, notes = [], []
        for name in risen:
            watched = self._watched[name]
            row, level = watched.begin_episode(self._needed)
            since.append(row)
            notes.append(f"{name} has risen to {level:.2g} (accepted: {watched.bound:.2g})")
        more = len(notes) - _MOST_NAMED
        note = ", ".join(notes[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        located = [row for row in since if row is not None]
        return Signal("drift", min(located, default=None), note=note)


class _Slice(Plain):
    """The losses of one slice: first a reference, then a test, and another one after an alarm."""

    def __init__(self):
        self.n, self.total = 0, 0.0
        self.memory = LossMemory(_MEMORY_ROWS)
        self.test = self.recovery = None

    def show(self, losses, start):
        self.memory.append(losses, start)
        if self.test is None:
            self.n += len(losses)
            self.total += float(losses.sum())
        elif self.recovery is None:
            self.test.update(losses)
        else:
            self.recovery.update(1 - losses)

    def begin(self, alpha, tolerance):
        """Begin the test, against what was lost so far."""
        self.accepted = upper_confidence_bound(self.total / self.n, self.n, alpha)
        self.bound = min(self.accepted + tolerance, 1.0)
        self.test = bets_against(self.bound)

    def begin_episode(self, needed):
        """Return the row at which the losses rose, or None, and their mean since."""
        row = located_rise(self.memory, self.bound, needed)
        first = 0 if row is None else int(self.memory.rows.searchsorted(row))
        # Losses below the bound are gains above one minus it.
        self.recovery = bets_against(1 - self.bound)
        return row, float(self.memory.losses[first:].mean())

    def end_episode(self, needed):
        """Begin the test anew once the losses have been shown to be below the bound again."""
        if self.recovery is not None and self.recovery.log_wealth >= needed:
            self.test, self.recovery = bets_against(self.bound), None
            self.memory = LossMemory(_MEMORY_ROWS)
