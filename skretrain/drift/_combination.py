"""Which of several policies of refits to follow: the one that would have come cheapest so far."""

from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np

from ..utils._plain import Plain

# Lengths of the periods, as multiples of the rows of the first fit.
_PERIODS = (1, 4)
# A policy is left for one that is cheaper by so many prices. Its own refit is one of them, and may
# still pay.
_HYSTERESIS = 2


class View(NamedTuple):
    """What is known when the policies are priced.

    Attributes
    ----------
    now, n_rows : int
        Rows of the stream seen, and how many of them have come since the latest look.
    fitted : int
        Rows seen when the model that serves was fitted.
    losses : dict of int to float
        Mean loss on the new rows of each model that is still there, by the rows seen when it was
        fitted; that of the one that serves among them.
    changes : list of int
        Stream rows at which regimes began, ascending.
    rise : int or None
        The last of them, if the loss of the model that serves is beyond noise since then.
    debt, expected : float
        Of the model that serves, and its mean loss before the rise.
    is_due : bool
        Whether a refit would be bought for this debt.
    price, threshold : float
        What a refit costs, and the debt at which one is bought.
    curve : Regimes
        Tells what is expected of a model that was fitted on so many rows of a regime.
    """

    now: int
    n_rows: int
    fitted: int
    losses: dict
    changes: list
    rise: int | None
    debt: float
    is_due: bool
    expected: float
    price: float
    threshold: float
    curve: Any

    def loss_of(self, fitted):
        """Return the mean loss on the new rows of a model as if fitted at a row.

        That of the nearest model of the same regime, by the learning curve for its other number of
        rows; without one, what the curve says if it is the present regime, else the nearest model.
        """
        regime = self._regime_of(fitted)
        alike = [row for row in self.losses if self._regime_of(row) == regime]
        if not alike and regime == len(self.changes):
            return float(self.curve.loss_after(self._rows_of(fitted), self.expected))
        nearest = min(alike or self.losses, key=lambda row: abs(row - fitted))
        if not alike or nearest == fitted:
            return self.losses[nearest]
        ratio = self.curve.ratio(self._rows_of(fitted), self._rows_of(nearest))
        return self.losses[nearest] * ratio

    def _regime_of(self, row):
        return bisect_right(self.changes, row)

    def _rows_of(self, row):
        return max(row - self.changes[self._regime_of(row) - 1], 1)


class Tally(Plain):
    """Sums of the losses of the models that are still there, since the latest look."""

    def __init__(self):
        self._sums, self._n_rows = {}, 0
        self._cost = self._n_errors = 0.0

    def add(self, batch, losses, fitted):
        """Add the scored losses of a batch, of a model fitted at a row, and those of past ones."""
        self._n_rows += len(losses)
        scored = ~np.isnan(np.asarray(batch.loss, dtype=np.float64))
        past = {row: np.asarray(loss)[scored] for row, loss in (batch.past_loss or {}).items()}
        for row, these in (past | {fitted: losses}).items():
            finite = these[np.isfinite(these)]
            total, n = self._sums.get(row, (0.0, 0))
            self._sums[row] = total + float(finite.sum()), n + len(finite)

    def add_costs(self, costs, n_errors):
        """Note what errors have cost: of past models, it is not known which ones they make."""
        self._cost += float(costs.sum())
        self._n_errors += n_errors

    def taken(self):
        """Return the number of rows, and the mean loss of each model; begin anew."""
        worth = self._cost / self._n_errors if self._n_errors else 1.0
        means = {row: worth * total / n for row, (total, n) in self._sums.items() if n}
        n_rows, self._sums, self._n_rows = self._n_rows, {}, 0
        return n_rows, means


class Priced(Plain):
    """A policy that is priced: when it would have refitted last, and what it would have cost.

    Attributes
    ----------
    kind : str
        ``"never"``, ``"debt"``, ``"located"`` (as soon as a rise is beyond noise) or
        ``"periodic"``.
    fitted : int
        Rows seen when its model would have been fitted.
    cost : float
        Losses and refits so far, in units of the loss.
    """

    def __init__(self, kind, fitted, every=0):
        self.kind, self.fitted, self.every = kind, fitted, every
        self.cost = self.debt = 0.0

    @property
    def name(self):
        return f"every {self.every:,} rows" if self.every else self.kind

    def see(self, view):
        """Add what the new rows and a refit after them would cost; tell whether there is one."""
        loss = view.loss_of(self.fitted)
        self.cost += view.n_rows * loss
        self._owe(view, loss)
        if not self._is_due(view):
            return False
        self.cost += view.price
        self.fitted, self.debt = view.now, 0.0
        return True

    def _owe(self, view, loss):
        if self.fitted == view.fitted:
            self.debt = view.debt
        elif view.rise is None or self.fitted >= view.rise:
            self.debt = 0.0
        else:
            self.debt += max(loss - view.expected, 0.0) * view.n_rows

    def _is_due(self, view):
        if self.kind == "periodic":
            return view.now - self.fitted >= self.every
        if self.kind == "located":
            return view.rise is not None and self.fitted < view.rise
        if self.kind == "never" or self.fitted == view.fitted:
            return self.kind == "debt" and view.is_due
        return 0 < self.debt >= view.threshold


class Combination(Plain):
    """The policies that are priced, and the one that is followed, at first ``"debt"``.

    Parameters
    ----------
    fitted, n_rows : int
        Of the first fit: rows seen, and rows fitted on.

    Examples
    --------
    >>> from skretrain.drift._combination import Combination
    >>> combination = Combination(fitted=1000, n_rows=1000)
    >>> [policy.name for policy in combination.policies]
    ['debt', 'never', 'located', 'every 1,000 rows', 'every 4,000 rows']
    """

    def __init__(self, fitted, n_rows):
        every = [Priced("periodic", fitted, factor * n_rows) for factor in _PERIODS]
        alone = [Priced(kind, fitted) for kind in ("debt", "never", "located")]
        self.policies = [*alone, *every]
        self._followed = 0

    @property
    def followed(self):
        """The policy that is followed."""
        return self.policies[self._followed]

    def see(self, view):
        """Price all policies, and tell whether whoever follows one refits now."""
        if not view.losses:
            return False  # no row was scored
        refitted = [policy.see(view) for policy in self.policies]
        before = self._followed
        costs = [policy.cost for policy in self.policies]
        self._followed = next_followed(costs, before, view.price)
        if self._followed != before:
            return self.followed.fitted > view.fitted
        return refitted[before]

    def said(self):
        """Return what the policies would have cost, in a few words."""
        costs = ", ".join(f"{policy.name} {policy.cost:.4g}" for policy in self.policies)
        return f"as {self.followed.name} has it; costs so far would be: {costs}"


def next_followed(costs, followed, price):
    """Return which policy to follow: another one once it is cheaper by two prices.

    Who follows `n` policies so, and pays a price whenever he moves, pays at most ``1.5 * n`` times
    (what the cheapest costs and two prices), but for the step in which that is noticed. For he pays
    each of them at most as much as it costs until he leaves it, which is what the cheapest does and
    two prices; and he moves only from one that has cost two prices since he came. It is the
    argument of [1]_. Where nothing is left to chance, `n` times is the least that can be promised;
    a drawn choice comes as near to the cheapest as one likes [2]_.

    Parameters
    ----------
    costs : list of float
        What each has cost so far.
    followed : int
        The one that is followed.
    price : float
        What a move costs.

    Returns
    -------
    followed : int
        From now on.

    References
    ----------
    .. [1] A. Borodin, N. Linial and M. Saks (1992). "An optimal on-line algorithm for metrical task
       systems". Journal of the ACM 39(4), 745-763.
    .. [2] A. Blum and C. Burch (2000). "On-line learning and the metrical task system problem".
       Machine Learning 39, 35-58.

    Examples
    --------
    >>> from skretrain.drift._combination import next_followed
    >>> next_followed([300, 110, 120], 0, price=100), next_followed([320, 110, 120], 0, price=100)
    (0, 1)
    """
    cheapest = min(range(len(costs)), key=costs.__getitem__)
    return cheapest if costs[followed] - costs[cheapest] > _HYSTERESIS * price else followed
