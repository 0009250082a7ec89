"""What it costs to react, in units of the loss: by a number for a refit, or by a `Price`."""

import numpy as np
from sklearn.metrics import make_scorer

from ...metrics import Price
from ...utils._params import check_number, refuse
from .._metric import Metric


def check_price(price, scoring, *, is_classifier):
    """Raise ValueError for what is no price, or one that says otherwise what an error is worth."""
    if not isinstance(price, Price):
        what = "what one refit costs, in units of the loss, or a Price"
        check_number("advise", "price", price, least=0, what=what, otherwise=(None,))
    elif price.has_cost_matrix and (scoring is not None or not is_classifier):
        accepted = "a number as loss_value where scoring is given, or of a regressor"
        refuse("advise", "price", f"a Price with {accepted}", price)


def metric_of_price(price):
    """Return the Metric of the costs of mistakes, or None where the price has no cost matrix."""
    if not isinstance(price, Price) or not price.has_cost_matrix:
        return None
    scorer = make_scorer(mean_row_cost, greater_is_better=False, price=price)
    return Metric(scorer, "cost per row", higher_is_better=False)


def mean_row_cost(y_true, y_pred, *, price):
    """Return the mean cost of a row."""
    return float(price.row_costs(y_true, y_pred).mean())


def charge_of(price, *, share, seconds, changed, n_new):
    """Return what a way to react costs.

    Parameters
    ----------
    price : float, Price or None
        What a refit costs.
    share : float
        Of the rows, how many are fitted.
    seconds : float
        Of the processor, on all rows.
    changed : ndarray of bool
        Which of the new rows that are held out are decided otherwise than by the present model.
    n_new : int
        Rows of the coming period.
    """
    if not isinstance(price, Price):
        return (price or 0.0) * share
    n_flips = n_new * float(np.mean(changed))
    return price.in_errors(
        cpu_seconds=seconds, wall_seconds=seconds, n_flips=n_flips, n_refits=share
    )
