"""A trigger that rings when the errors made for want of a refit have come to the price of one."""

import math

import numpy as np

from ..metrics import Price
from ..utils._params import check_number
from ._base import BaseTrigger, Needs, Signal
from ._locate import locate_change, nearest_batch, noise_bound
from ._loss_memory import LossMemory
from ._losses import losses_of, scored_losses_of
from ._measured_price import MeasuredPrice
from ._ranks import Ranks

_STABLE = Signal("stable")
_WARNING = Signal("warning")
_MEMORY_ROWS = 20_000
_CONFIDENCE = 0.002  # river's default for ADWIN: the same proof as ErrorDrift asks for
# A model fitted on twice the rows is expected to make so many errors less.
_SAVED_BY_GROWTH = 0.05


class _NeedsOfPrice(Needs):
    def of(self, trigger):
        """Return what is needed to tell the costs of mistakes, and whose decision changed."""
        price = trigger.price
        asks = isinstance(price, Price) and (price.has_cost_matrix or price.flip_price)
        return {"y_pred"} if asks else set()


class RefitDebt(BaseTrigger):
    """Ring when the excess loss since the model began to fail has come to the price of a refit.

    As long as the loss per row stays what it was, there is no debt. Once it has risen beyond noise,
    the debt is the sum over the rows since the rise of (loss - expected loss), where the expected
    loss is the mean over the rows before it. All of these losses were made before the model learned
    the row. The alarm comes when the debt is at least the price. If the change lasts, the errors
    not avoided and the refit together cost at most about twice what they cost in hindsight; if
    concepts alternate faster than a debt is run up, every refit may come too late. The rule is that
    of cost-aware retraining [1]_ [2]_.

    A number as price holds for the refits, too, that a policy makes without an alarm because the
    rows have grown: they wait until a twentieth of the loss since the latest fit has come to the
    price. With ``FullRefit(grow=False)`` there are none.

    Parameters
    ----------
    price : float, Price or "auto", default="auto"
        What a refit costs, in errors, that is, in units of summed loss: one refit is worth it if it
        saves more than so many errors (of a regression: so much summed absolute residual, in the
        unit of the target). 0 rings as soon as the rise is beyond noise. ``"auto"`` learns it from
        the latest fit: the standard deviation of the number of errors on as many rows as were
        fitted, at the expected loss. What is saved must be more than what a model fitted on so
        many rows gains or loses by chance, and a large refit has to save more than a small one. A
        fit is weighed by its rows, not by its seconds, so that two runs agree. A
        :class:`~skretrain.metrics.Price` is in money, and says what an error is worth: a refit is
        taken to cost what the latest fit did, by its seconds and by the remembered rows of the
        concept that are decided otherwise than they were. (Rows of a reservoir, which has gaps, are
        not told apart: their flips stay those of the latest refit at which they were.) With a cost
        matrix the losses are costs, and so is the debt.

    Attributes
    ----------
    debt_ : float
        Summed excess loss since the rise, in errors, or since the latest fit if that came later;
        0.0 while no rise is beyond noise. It is 0.0 after each fit.
    price_ : float
        The price in use, in errors; NaN until it is learned, where it has to be.
    expected_loss_ : float
        Mean loss per row before the rise; NaN before the first row.

    Notes
    -----
    Noise is judged by the bound of ADWIN at a delta of 0.002, on the split of the remembered losses
    (at most 20,000) with the largest increase of the mean. A fall of the loss beyond noise makes
    the lower level the expected one. Losses without an upper bound are ranked to judge the noise,
    as in :class:`ErrorDrift`, which leaves the first 200 after a restart out; the debt is summed in
    their own unit, an infinite loss as the largest finite one.

    The retrain that answers the alarm blanks the trigger. Any other fit cancels the debt, because
    the model that ran into it is gone, but not the expected loss: if the new model is no better,
    it runs into debt from its first row. Without a retrain, an alarm makes the higher level the
    expected one: there is one alarm per rise.

    References
    ----------
    .. [1] A. Mahadevan and M. Mathioudakis (2024). "Cost-aware retraining for machine learning".
       Knowledge-Based Systems 293, 111610.
    .. [2] M. Boether et al. (2025). "Modyn: data-centric machine learning pipeline orchestration".
       Proceedings of the ACM on Management of Data 3(1).

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import RefitDebt, ScoredBatch
    >>> rng = np.random.default_rng(0)
    >>> errors = np.r_[rng.random(3000) < 0.1, rng.random(1000) < 0.3].astype(float)
    >>> trigger = RefitDebt(price=100).reset()
    >>> for start in range(0, 4000, 100):
    ...     signal = trigger.update(ScoredBatch(start, 100, errors[start : start + 100]))
    ...     if signal.state == "warning":
    ...         print(f"row {start + 100}: {trigger.debt_:.0f} errors of {trigger.price_:.0f}")
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 100}, change at row {signal.since}")
    row 3100: 20 errors of 100
    row 3200: 42 errors of 100
    row 3300: 53 errors of 100
    row 3400: 75 errors of 100
    row 3500: 93 errors of 100
    alarm after row 3600, change at row 3000
    """

    needs = _NeedsOfPrice({"loss"})
    _measured = None  # a MeasuredPrice; also of what was saved before there were any

    def __init__(self, price="auto"):
        self.price = price

    @property
    def needs_reference(self):
        """Whether the decisions that changed have a price, a bool."""
        return isinstance(self.price, Price) and self.price.flip_price > 0

    @property
    def warming_up(self):
        """Whether the reference for the ranks is still incomplete, a bool."""
        ranks = getattr(self, "_ranks", None)
        return ranks is not None and not ranks.complete

    @property
    def growth_pays(self):
        """Whether a refit on more rows of the same concept is worth a told price, a bool.

        True with ``"auto"``, and as long as what a refit costs has not been measured.
        """
        saved = _SAVED_BY_GROWTH * getattr(self, "_lost", 0.0)
        if isinstance(self.price, Price):
            measured = self._measured or MeasuredPrice(self.price)
            return not saved < measured.in_errors
        return _is_auto(self.price) or saved >= self.price

    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : RefitDebt
            This trigger, blank.

        Raises
        ------
        ValueError
            If `price` is not accepted.
        """
        self._measured = MeasuredPrice(self.price) if isinstance(self.price, Price) else None
        if self._measured is None:
            what = "a number of errors, or a Price"
            check_number(self, "price", least=0, what=what, otherwise=("auto",))
        self._n_fitted = None  # rows of the latest fit
        self._lost = 0.0  # summed loss since then
        self._restart()
        return self

    def update(self, batch):
        """Add the losses of one batch.

        Parameters
        ----------
        batch : ScoredBatch
            Newest rows of the stream.

        Returns
        -------
        signal : Signal
            The alarm, with the row of the rise; a warning while there is a debt below the price.

        Raises
        ------
        ValueError
            If the batch has no losses.
        """
        if not hasattr(self, "_judged"):
            self.reset()
        self._remember(batch)
        self._n_new += batch.n_rows
        # Every look goes through the memory; one on 2 % more rows keeps that to a constant per row.
        if self._n_new <= len(self._judged) // 50:
            return _WARNING if self.debt_ > 0 else _STABLE
        self._n_new = 0
        return self._look()

    def after_fit(self, fit, reference, answered):
        """Cancel the debt, and start blank if the fit answered the alarm.

        Parameters
        ----------
        fit : FitRecord
            Its number of rows, or its seconds, tell what a refit costs.
        reference : ScoredBatch or None
            Its answers tell which decisions have changed, where these have a price.
        answered : bool
            Whether the fit answered an alarm.
        """
        self._n_fitted = fit.n_rows
        if self._measured is not None:
            self._measured.hear(fit, reference)
        self._lost = 0.0
        if answered:
            self._restart()
            return
        self.debt_ = 0.0
        self._count_from = fit.row
        self._set_price()

    def _restart(self):
        self._judged = LossMemory(_MEMORY_ROWS)  # in [0, 1], to tell a rise from noise
        self._summed = None  # in their own unit, where that is another
        self._ranks = None  # the first batch tells whether the losses are bounded
        self._largest = 0.0
        self._n_new = 0
        self._count_from = -1  # stream row before which nothing is owed
        self.debt_ = 0.0
        self.expected_loss_ = math.nan
        self._spread = math.nan  # standard deviation of the loss before the rise
        self._set_price()

    def _set_price(self):
        if self._measured is not None:
            self.price_ = self._measured.in_errors
        elif not _is_auto(self.price):
            self.price_ = float(self.price)
        else:
            n_fitted = math.nan if self._n_fitted is None else self._n_fitted
            self.price_ = self._spread * math.sqrt(n_fitted)

    def _remember(self, batch):
        if self._measured is not None:
            self._measured.see(batch)
            if self.price.has_cost_matrix:
                self._remember_costs(batch)
                return
        losses = scored_losses_of(batch, self)
        if batch.bounded:
            self._lost += float(losses.sum())
            self._judged.append(losses, batch.start)
            return
        if self._ranks is None:
            self._ranks, self._summed = Ranks(), LossMemory(_MEMORY_ROWS)
        # Which rows make the reference is drawn: the first of a sorted batch would mislead.
        losses = np.random.default_rng(0).permutation(losses)
        finite = self._finite(losses)
        self._lost += float(finite.sum())
        n_taken, ranks = self._ranks.transform(losses)
        self._judged.append(ranks, batch.start)
        self._summed.append(finite[n_taken:], batch.start)

    def _remember_costs(self, batch):
        """Remember what mistakes cost, and judge the noise by their share of the dearest one."""
        if batch.y is None or batch.y_pred is None:
            lacks = "y" if batch.y is None else "y_pred"
            raise ValueError(
                f"RefitDebt(price={self.price!r}) needs true and predicted labels, to tell costs, "
                f"and this batch lacks {lacks}. Pass a number as loss_value."
            )
        scored = ~np.isnan(losses_of(batch, self))
        costs = self.price.row_costs(*(np.asarray(y)[scored] for y in (batch.y, batch.y_pred)))
        if self._summed is None:
            self._summed = LossMemory(_MEMORY_ROWS)
        self._lost += float(costs.sum())
        self._judged.append(costs / self.price.dearest, batch.start)
        self._summed.append(costs, batch.start)

    def _finite(self, losses):
        finite = losses[np.isfinite(losses)]
        self._largest = max(self._largest, float(np.abs(finite).max(initial=0.0)))
        return np.clip(losses, -self._largest, self._largest)

    def _look(self):
        judged = self._judged.losses
        if not len(judged):
            return _STABLE
        position, gain = locate_change(judged, "increase")
        fall_position, fall_gain = locate_change(judged, "decrease")
        if fall_gain > gain and fall_gain > noise_bound(judged, fall_position, _CONFIDENCE):
            # The lower level is what a rise is compared with from now on.
            self._drop_before(nearest_batch(self._judged.rows, fall_position))
            position, gain = 0, 0.0
        elif gain <= fall_gain or gain <= noise_bound(judged, position, _CONFIDENCE):
            position = 0
        return self._owe(position)

    def _owe(self, position):
        """Sum the debt since the rise at `position`, where 0 stands for none."""
        memory = self._judged if self._summed is None else self._summed
        if position:
            position = max(nearest_batch(memory.rows, position), 1)
        before = memory.losses[: position or None]
        self.expected_loss_, self._spread = float(before.mean()), float(before.std())
        self._set_price()
        self.debt_ = 0.0
        if position:
            first = max(position, int(memory.rows.searchsorted(self._count_from)))
            owed = float((memory.losses[first:] - self.expected_loss_).sum())
            self.debt_ = max(owed, 0.0)
        if not position or not self.debt_:
            return _STABLE
        # Without a fit to learn it from, the price is unknown: nothing is held back.
        if self.debt_ < self.price_:
            return _WARNING
        since = int(memory.rows[position])
        self._drop_before(position)
        self.debt_ = 0.0
        return Signal("drift", since)

    def _drop_before(self, position):
        self._judged.drop_before(position)
        if self._summed is not None:
            self._summed.drop_before(position)


def _is_auto(price):
    return isinstance(price, str) and price == "auto"
