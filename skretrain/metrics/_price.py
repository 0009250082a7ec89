"""What a refit costs and what an error is worth, in money, and each told in units of the other."""

import math
from dataclasses import dataclass, field

import numpy as np

from ..utils._params import check_number, is_number, refuse
from ..utils._plain import Plain

_SECONDS_PER_HOUR = 3600
_COSTS = ("per_refit", "cost_per_cpu_hour", "cost_per_hour", "flip_price")


@dataclass(frozen=True)
class Price(Plain):
    """The price of a refit in money, and what an error is worth.

    It stands wherever a refit has a price, instead of a number of errors:
    ``RefitDebt(price=Price(...))``, ``compare_policies(..., prices=Price(...))``,
    ``advise(..., price=Price(...))``, ``RetrainMatrix.oracle(Price(...))``. There the seconds and
    the flips of a refit are those that were measured. Any unit of money will do, if it is the same
    throughout.

    Parameters
    ----------
    per_refit : float, default=0.0
        What each refit costs, however long it takes: reviewing and deploying a model, say.
    cost_per_cpu_hour : float, default=0.0
        What an hour of processor time costs, of all cores together.
    cost_per_hour : float, default=0.0
        What an hour on the clock costs: a rented machine, or those who wait. Where only processor
        seconds are measured, as in a comparison of policies, they are taken for those on the clock.
    flip_price : float, default=0.0
        What it costs that a row is decided otherwise than it was before the refit, rightly or not:
        the price of stability [1]_. A decision is a prediction; one that is a number counts as
        another if it differs at all.
    loss_value : float or dict of (label, label) to float, default=1.0
        What a unit of the loss is worth: an error, or a unit of absolute error. Or a cost matrix
        [2]_, for each pair of classes ``(true, predicted)`` what a row costs that is taken for the
        second: the loss of a row is then its cost, in money. To be right costs nothing, unless a
        pair of the same class says so.

    Raises
    ------
    ValueError
        If a cost is no number of at least 0, or all are 0; or if a cost matrix lacks a pair.

    See Also
    --------
    skretrain.drift.RefitDebt : Refits when the errors made for want of a refit have come to it.
    skretrain.metrics.churn : The share of decisions that changed.

    Notes
    -----
    Seconds differ from run to run, and so does what is decided by them. A price without
    `cost_per_cpu_hour` and `cost_per_hour` makes every run the same again.

    References
    ----------
    .. [1] M. Milani Fard, Q. Cormier, K. Canini and M. Gupta (2016). "Launch and iterate: reducing
       prediction churn". NeurIPS 29.
    .. [2] C. Elkan (2001). "The foundations of cost-sensitive learning". IJCAI 17, 973-978.

    Examples
    --------
    >>> from skretrain.metrics import Price
    >>> price = Price(10, cost_per_cpu_hour=0.5, loss_value=0.25)
    >>> price.in_money(cpu_seconds=7200), price.in_errors(cpu_seconds=7200)
    (11.0, 44.0)
    >>> price.to_money(8), price.to_errors(2.0)
    (2.0, 8.0)
    >>> print(price.in_words(cpu_seconds=7200))
    11 (10 as such and 1 for 7200 s of CPU), as much as 44 units of loss at 0.25 each
    >>> costs = {("fraud", "ok"): 100, ("ok", "fraud"): 5}
    >>> Price(300, loss_value=costs).row_costs(["fraud", "ok", "ok"], ["ok", "ok", "fraud"])
    array([100.,   0.,   5.])
    """

    per_refit: float = 0.0
    cost_per_cpu_hour: float = field(default=0.0, kw_only=True)
    cost_per_hour: float = field(default=0.0, kw_only=True)
    flip_price: float = field(default=0.0, kw_only=True)
    loss_value: float | dict = field(default=1.0, kw_only=True)

    def __post_init__(self):
        for name in _COSTS:
            check_number(self, name, least=0, what="an amount of money")
        if not any(getattr(self, name) for name in _COSTS):
            refuse(self, "per_refit", "above 0, or one of the other costs, as else a refit is free")
        if isinstance(self.loss_value, dict):
            _check_matrix(self)
        elif not is_number(self.loss_value, above=0):
            accepted = "a finite number above 0, or a dict of (true, predicted) pairs and costs"
            refuse(self, "loss_value", accepted)

    def __hash__(self):
        worth = self.loss_value
        if self.has_cost_matrix:
            worth = frozenset(worth.items())
        return hash((worth, *(getattr(self, name) for name in _COSTS)))

    @property
    def has_cost_matrix(self):
        """Whether mistakes cost differently, a bool; the loss is then in money."""
        return isinstance(self.loss_value, dict)

    @property
    def dearest(self):
        """What the dearest row can cost, a float; what a unit of the loss is worth is `value`."""
        return float(max(self.loss_value.values())) if self.has_cost_matrix else self.value

    @property
    def value(self):
        """Money per unit of the loss, a float."""
        return 1.0 if self.has_cost_matrix else float(self.loss_value)

    def in_money(
        self, *, cpu_seconds=math.nan, wall_seconds=math.nan, n_flips=math.nan, n_refits=1
    ):
        """Return what a refit costs, or several do, in money.

        Parameters
        ----------
        cpu_seconds, wall_seconds : float, default=nan
            How long it took: of the processor, and on the clock.
        n_flips : float, default=nan
            Rows that are decided otherwise since.
        n_refits : float, default=1
            Refits that all of this is of; a part of one is that part of `per_refit`.

        Returns
        -------
        cost : float
            NaN where something that has a price is not known.
        """
        return sum(
            amount for amount, _ in self._parts(cpu_seconds, wall_seconds, n_flips, n_refits)
        )

    def in_errors(self, **measured):
        """Return what a refit costs in units of the loss: how many errors it has to save.

        Parameters
        ----------
        **measured : float
            As in :meth:`in_money`.

        Returns
        -------
        cost : float
            In errors, or what else the loss counts; with a cost matrix in money.
        """
        return self.to_errors(self.in_money(**measured))

    def to_money(self, loss):
        """Return what a loss is worth.

        Parameters
        ----------
        loss : float or ndarray
            Errors, or what else the loss counts.

        Returns
        -------
        money : float or ndarray
            Likewise.
        """
        return loss * self.value

    def to_errors(self, money):
        """Return which loss is worth so much.

        Parameters
        ----------
        money : float or ndarray
            Amounts.

        Returns
        -------
        loss : float or ndarray
            In errors, or what else the loss counts.
        """
        return money / self.value

    def in_words(self, unit="units of loss", **measured):
        """Return what a refit costs as text: in money, of what it is made up, and in errors.

        Parameters
        ----------
        unit : str, default="units of loss"
            What the loss counts.
        **measured : float
            As in :meth:`in_money`.

        Returns
        -------
        text : str
            Without the second part where the loss is in money.
        """
        given = dict.fromkeys(("cpu_seconds", "wall_seconds", "n_flips"), math.nan) | measured
        parts = [f"{_in_digits(amount)} {words}" for amount, words in self._parts(**given)]
        text = _in_digits(self.in_money(**measured))
        if len(parts) > 1:
            text += f" ({', '.join(parts[:-1])} and {parts[-1]})"
        if self.has_cost_matrix:
            return text
        errors = self.in_errors(**measured)
        return f"{text}, as much as {_in_digits(errors)} {unit} at {_in_digits(self.value)} each"

    def row_costs(self, y_true, y_pred):
        """Return what each row costs by the cost matrix.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_rows,)
            Labels.

        Returns
        -------
        costs : ndarray of shape (n_rows,)
            In money.

        Raises
        ------
        ValueError
            If there is no cost matrix, or it does not say what a mistake costs.
        """
        if not self.has_cost_matrix:
            refuse(self, "loss_value", "a dict of (true, predicted) pairs, to tell costs of rows")
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        costs = np.where(y_true == y_pred, 0.0, np.nan)
        for (true, predicted), cost in self.loss_value.items():
            costs[(y_true == true) & (y_pred == predicted)] = cost
        unknown = np.flatnonzero(np.isnan(costs)).tolist()
        if unknown:
            pair = [y.tolist()[unknown[0]] for y in (y_true, y_pred)]
            raise ValueError(
                "Price(loss_value=...) does not say what a row of "
                f"{pair[0]!r} costs that is taken for {pair[1]!r}; add the pair, 0 if it is "
                "nothing."
            )
        return costs

    def _parts(self, cpu_seconds, wall_seconds, n_flips, n_refits=1):
        """Return amounts, and what each is for; what has no price need not be known."""
        hours = 1 / _SECONDS_PER_HOUR
        parts = (
            (self.per_refit, n_refits, "as such"),
            (self.cost_per_cpu_hour * hours, cpu_seconds, f"for {cpu_seconds:.4g} s of CPU"),
            (self.cost_per_hour * hours, wall_seconds, f"for {wall_seconds:.4g} s on the clock"),
            (self.flip_price, n_flips, f"for {n_flips:.4g} changed decisions"),
        )
        return [(float(rate * amount), words) for rate, amount, words in parts if rate]


def check_price_for(price, y, task):
    """Raise ValueError where a price is for other targets: a cost matrix, or one of decisions.

    Parameters
    ----------
    price : object
        Anything but a Price is passed over.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs), or None
        Targets, None where there are none.
    task : {"classification", "regression", "unsupervised"}
        What they are.

    Examples
    --------
    >>> from skretrain.metrics import Price
    >>> from skretrain.metrics._price import check_price_for
    >>> price = Price(1, loss_value={("ok", "fraud"): 1, ("fraud", "ok"): 9})
    >>> check_price_for(price, ["ok", "fraud", "ok"], "classification")
    """
    if not isinstance(price, Price):
        return
    if price.flip_price and task == "unsupervised":
        refuse(price, "flip_price", "0 where there are no targets, and so no decisions")
    if not price.has_cost_matrix:
        return
    if task != "classification" or np.ndim(y) != 1:
        refuse(price, "loss_value", "a number where the target is not one column of labels")
    named = {label for pair in price.loss_value for label in pair}
    lacking = sorted(map(repr, set(np.asarray(y).tolist()) - named))
    if lacking:
        accepted = f"a dict with pairs of all labels of y, too: it has none of {lacking[0]}"
        refuse(price, "loss_value", accepted)


def _in_digits(amount):
    """Return an amount with as many digits as one reads."""
    return f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:.4g}"


def _check_matrix(price):
    costs = price.loss_value
    for pair, cost in costs.items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and is_number(cost, least=0)):
            accepted = "of pairs (true, predicted) and numbers of at least 0, what a row costs"
            refuse(price, "loss_value", accepted, {pair: cost})
    labels = dict.fromkeys(label for pair in costs for label in pair)
    for true in labels:
        for predicted in labels:
            if true != predicted and (true, predicted) not in costs:
                accepted = f"a dict with {(true, predicted)!r}, too: 0 if it costs nothing"
                refuse(price, "loss_value", accepted)
    if not any(costs.values()):
        refuse(price, "loss_value", "above 0 for a pair, or no model is better than another")
