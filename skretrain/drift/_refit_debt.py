"""A trigger that rings when the errors made for want of a refit have come to the price of one."""

import math

import numpy as np

from ..metrics import Price
from ..utils._params import check_choice, check_integer, check_number
from ._base import BaseTrigger, Needs, Signal
from ._combination import Combination, Tally, View
from ._locate import locate_change, nearest_batch, noise_bound, return_after
from ._loss_memory import LossMemory
from ._losses import losses_of, scored_losses_of
from ._measured_price import MeasuredPrice
from ._ranks import Ranks
from ._regimes import SAVED_BY_GROWTH, Regimes
from ._ski_rental import buying_point

_STABLE = Signal("stable")
_MEMORY_ROWS = 20_000
_CONFIDENCE = 0.002  # river's default for ADWIN: the same proof as ErrorDrift asks for
_CAUTION = 0.5  # with a told price


COMBINED = "combined"


class _NeedsOfPrice(Needs):
    def of(self, trigger):
        """Return what tells the costs of mistakes, whose decision changed, or the past."""
        price = trigger.price
        asks = isinstance(price, Price) and (price.has_cost_matrix or price.flip_price)
        of_price = {"y_pred"} if asks else set()
        return of_price | ({"past_loss"} if trigger.threshold == COMBINED else set())


class RefitDebt(BaseTrigger):
    """Ring when the excess loss since the model began to fail has come to the price of a refit.

    As long as the loss per row stays what it was, there is no debt. Once it has risen beyond noise,
    the debt is the sum over the rows since the rise of (loss - expected loss), where the expected
    loss is the mean over the rows before it. All of these losses were made before the model learned
    the row. The alarm comes when the debt has come to the price, by the rule of cost-aware
    retraining [1]_ [2]_: the errors not avoided and the refit then cost at most about twice what
    they cost in hindsight, if a refit cures. With a told price, a forecast moves the alarm.

    A told price holds for the refits, too, that a policy makes without an alarm because the rows
    have grown: they wait until a model of twice the rows would have saved it since the latest fit,
    by the learning curve of past fits; without any, or a forecast, a twentieth of the loss.

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
    threshold : {"price", "random", "combined"}, default="price"
        The debt at which it rings. ``"random"`` draws one below the price for each alarm, more
        often a high than a low one: where changes do not last, the errors and the refit cost e /
        (e - 1) = 1.58 times what they cost in hindsight at most, in expectation, and not twice.
        ``"combined"`` estimates what it would have cost never to refit, to do so as soon as a rise
        is beyond noise, or every so many rows (as many as were fitted first, or four times that),
        and does so once that is cheaper by two prices. Up to four past models predict each batch.
    caution : "auto", float or None, default="auto"
        With a number, from 0.01 to 0.6, it is forecast what a refit would save until the present
        regime ends, from the lengths of the regimes so far and the losses after past fits. If that
        is the price, the threshold is `caution` times what it would be, else it is divided by
        `caution`. The cost is at most ``1 + caution`` times that in hindsight if the forecast is
        right, and ``1 + 1 / caution`` times if it is wrong, however wrong it is. None goes by no
        forecast, and ``"auto"`` is 0.5 with a told price and None without.
    random_state : int or None, default=None
        Seed of the random thresholds. Used by a retrainer that has one if None.

    Attributes
    ----------
    debt_ : float
        Summed excess loss since the rise, in errors, or since the latest fit if that came later;
        0.0 while no rise is beyond noise. It is 0.0 after each fit.
    price_ : float
        The price in use, in errors; NaN until it is learned, where it has to be.
    expected_loss_ : float
        Mean loss per row before the rise; NaN before the first row.
    threshold_ : float
        The debt at which it rings, in errors, as of the latest look.
    forecast_ : Forecast or None
        With `caution`, while there is a debt: what a refit would save now (``saved``), how many
        rows to wait for with which it would save most (``wait``), and what then (``saved_then``).
        Warnings and alarms say so in their note, and events in their reason.

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

    A regime ends with a rise or, if no fit came since the rise, with the fall after it. It is
    forecast to last as long as those that lasted longer than it does already, of which the latest
    count most. The loss after a refit is a power law of its rows, fitted to the losses after past
    fits. If a refit on the rows since the rise is worth its price, and one some rows later would
    save more, the alarm waits for these rows, but no longer than until the debt is the price. Both
    bounds are those of [3]_, and take it that a refit cures; with ``threshold="random"`` they hold
    in expectation, and a forecast that never changes its mind has the lower ones of [3]_ there,
    ``caution / (1 - exp(-caution))`` and ``1 / (1 - exp(-caution))``.

    With ``threshold="combined"``, the nearest model of the same regime, or the learning curve, says
    what a policy costs. If that is right and a newer model is no worse, following the 5 of them
    costs at most ``1.5 * 5`` times what the cheapest does and two prices [4]_.

    References
    ----------
    .. [1] A. Mahadevan and M. Mathioudakis (2024). "Cost-aware retraining for machine learning".
       Knowledge-Based Systems 293, 111610.
    .. [2] M. Boether et al. (2025). "Modyn: data-centric machine learning pipeline orchestration".
       Proceedings of the ACM on Management of Data 3(1).
    .. [3] M. Purohit, Z. Svitkina and R. Kumar (2018). "Improving online algorithms via ML
       predictions". Advances in Neural Information Processing Systems 31.
    .. [4] A. Borodin, N. Linial and M. Saks (1992). "An optimal on-line algorithm for metrical task
       systems". Journal of the ACM 39(4), 745-763.

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
    alarm after row 3300, change at row 3000
    """

    needs = _NeedsOfPrice({"loss"})
    # Also of what was saved before there were any.
    _measured = _tally = _combination = _on_schedule = None

    def __init__(self, price="auto", *, threshold="price", caution="auto", random_state=None):
        self.price = price
        self.threshold = threshold
        self.caution = caution
        self.random_state = random_state

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
        has_curve = getattr(self, "_regimes", None) is not None
        share = 1 - self._regimes.ratio(2, 1) if has_curve else SAVED_BY_GROWTH
        saved = share * getattr(self, "_lost", 0.0)
        if isinstance(self.price, Price):
            measured = self._measured or MeasuredPrice(self.price)
            return not saved < measured.in_errors
        return _is_auto(self.price) or saved >= self.price

    @property
    def _caution(self):
        if not _is_auto(self.caution):
            return self.caution
        return None if _is_auto(self.price) else _CAUTION

    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : RefitDebt
            This trigger, blank.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        self._measured = MeasuredPrice(self.price) if isinstance(self.price, Price) else None
        if self._measured is None:
            what = "a number of errors, or a Price"
            check_number(self, "price", least=0, what=what, otherwise=("auto",))
        check_choice(self, "threshold", ("price", "random", COMBINED))
        check_number(self, "caution", least=0.01, most=0.6, otherwise=("auto", None))
        check_integer(self, "random_state", least=0, what="a seed", otherwise=(None,))
        self._random = None
        if self.threshold == "random":
            self._random = np.random.default_rng(self.random_state)
        self._tally = Tally() if self.threshold == COMBINED else None
        self._n_seen = 0
        self._regimes = None if self._caution is None and self._tally is None else Regimes()
        self._combination = None  # begins with the first fit
        self._n_fitted = None  # rows of the latest fit
        self._fitted_at = -1  # stream row of it
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
            The alarm, with the row of the rise; a warning while there is a debt.

        Raises
        ------
        ValueError
            If the batch has no losses.
        """
        if not hasattr(self, "_judged"):
            self.reset()
        self._remember(batch)
        self._n_new += batch.n_rows
        self._n_seen = batch.start + batch.n_rows
        # Every look goes through the memory; one on 2 % more rows keeps that to a constant per row.
        if self._n_new <= len(self._judged) // 50:
            return Signal("warning", note=self._note()) if self.debt_ > 0 else _STABLE
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
        self._learn()
        self._of_fit = 0.0, 0
        self._n_fitted, self._fitted_at = fit.n_rows, fit.row
        if self._tally is not None:
            self._combination = self._combination or Combination(fit.row, fit.n_rows)
        if self._measured is not None:
            self._measured.hear(fit, reference)
        self._lost = 0.0
        if answered and not self._on_schedule:
            self._restart()
            return
        self._on_schedule = False
        self.debt_, self.forecast_ = 0.0, None
        self._count_from = fit.row
        self._set_price()
        self._set_threshold()

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
        self._rise = None  # stream row of it
        self._of_fit = 0.0, 0  # sum and number of losses from the latest fit to the rise
        self.forecast_ = None
        self._on_schedule = False  # whether the latest alarm was given without a rise
        self._draw()
        self._set_price()
        self._set_threshold()

    def _draw(self):
        self._share = None if self._random is None else self._random.random()

    def _set_price(self):
        if self._measured is not None:
            self.price_ = self._measured.in_errors
        elif not _is_auto(self.price):
            self.price_ = float(self.price)
        else:
            n_fitted = math.nan if self._n_fitted is None else self._n_fitted
            self.price_ = self._spread * math.sqrt(n_fitted)

    def _set_threshold(self):
        latest = 1.0
        if self.forecast_ is not None:
            pays = self.forecast_.saved >= self.price_
            latest = self._caution if pays else 1 / self._caution
        self.threshold_ = self.price_ * buying_point(latest, self._share)

    def _remember(self, batch):
        if self._measured is not None:
            self._measured.see(batch)
            if self.price.has_cost_matrix:
                self._remember_costs(batch)
                return
        losses = scored_losses_of(batch, self)
        if self._tally is not None:
            self._tally.add(batch, losses, self._fitted_at)
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
        if self._tally is not None:
            losses = scored_losses_of(batch, self)
            self._tally.add(batch, losses, self._fitted_at)
            self._tally.add_costs(costs, float(losses.sum()))
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
            position = self._forget_before(fall_position)
        elif gain <= fall_gain or gain <= noise_bound(judged, position, _CONFIDENCE):
            position = 0
        elif self._regimes is not None and (back := return_after(judged, position, _CONFIDENCE)):
            self._rise = int(self._judged.rows[nearest_batch(self._judged.rows, position)])
            position = self._forget_before(back)
        return self._owe(position)

    def _forget_before(self, fall):
        """Begin anew where the loss has fallen, and return the position of no rise."""
        fall = nearest_batch(self._judged.rows, fall)
        self._end_of_rise(int(self._judged.rows[fall]))
        self._drop_before(fall)
        return 0

    def _owe(self, position):
        """Sum the debt since the rise at `position`, where 0 stands for none."""
        memory = self._judged if self._summed is None else self._summed
        if position:
            position = max(nearest_batch(memory.rows, position), 1)
        before = memory.losses[: position or None]
        self.expected_loss_, self._spread = float(before.mean()), float(before.std())
        self._set_price()
        self.debt_, self._rise, self.forecast_ = 0.0, None, None
        first = int(memory.rows.searchsorted(self._count_from))
        if position:
            self._rise = int(memory.rows[position])
            owed = float((memory.losses[max(position, first) :] - self.expected_loss_).sum())
            self.debt_ = max(owed, 0.0)
        if self._regimes is not None:
            if self._of_fit is not None:
                self._of_fit = float(before[first:].sum()), len(before[first:])
            self._look_ahead(memory, max(position, first))
        self._set_threshold()
        # Without a fit to learn it from, the price is unknown: nothing is held back.
        put_off = self.forecast_ is not None and self.forecast_.wait > 0
        waits = self.debt_ < self.threshold_ or (put_off and self.debt_ < self.price_)
        if self._combination is not None:
            waits = not self._combination.see(self._view(waits))
        elif not self.debt_:
            return _STABLE
        if waits:
            return Signal("warning", note=self._note()) if self.debt_ else _STABLE
        return self._ring(position)

    def _ring(self, position):
        since, self._on_schedule = self._rise, not position
        followed = "" if self._combination is None else self._combination.said()
        note = "; ".join(filter(None, (self._note(), followed)))
        self._end_of_rise()
        self._learn()
        self._of_fit = None  # what comes before the next fit is another regime
        self._drop_before(position)
        self._draw()
        self.debt_ = 0.0
        return Signal("drift", since, self._on_schedule, note)

    def _view(self, waits):
        """Return what the combination goes by: all since the latest look."""
        n_rows, losses = self._tally.taken()
        return View(
            now=self._n_seen,
            n_rows=n_rows,
            fitted=self._fitted_at,
            losses=losses,
            changes=self._regimes.until(self._rise),
            rise=self._rise,
            debt=self.debt_,
            is_due=not waits,
            expected=self.expected_loss_,
            price=0.0 if math.isnan(self.price_) else self.price_,
            threshold=self.threshold_,
            curve=self._regimes,
        )

    def _look_ahead(self, memory, first):
        """Forecast what a refit would save, while there is a debt since position `first`."""
        if self.debt_ and self._caution is not None:
            loss = float(memory.losses[first:].mean())
            self.forecast_ = self._regimes.forecast(
                self._rise, self._n_seen, loss, self.expected_loss_
            )

    def _note(self):
        """Return what is forecast, in a few words."""
        if self.forecast_ is None:
            return ""
        saved, wait, saved_then = self.forecast_
        note = f"a refit now would save {saved:.3g}, at a price of {self.price_:.3g}"
        if wait:
            note += f"; wait for {wait} more rows, and it saves {saved_then:.3g}"
        return note

    def _end_of_rise(self, fall=None):
        """Note where the regime began and, if no fit ended it, that the loss has fallen again."""
        if self._regimes is None:
            return
        if self._rise is not None:
            self._regimes.add_change(self._rise)
        if fall is not None and self._fitted_at <= self._regimes.latest > 0:
            self._regimes.add_change(fall)
        self._rise = None

    def _learn(self):
        """Note how the model fitted latest has done."""
        if self._regimes is not None and self._n_fitted is not None and self._of_fit is not None:
            self._regimes.add_fit(self._n_fitted, *self._of_fit)

    def _drop_before(self, position):
        self._judged.drop_before(position)
        if self._summed is not None:
            self._summed.drop_before(position)


def _is_auto(value):
    return isinstance(value, str) and value == "auto"
