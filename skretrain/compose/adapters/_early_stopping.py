"""Boosters that stop early get rows to stop by: the newest of those that they are fitted on."""

import numpy as np

from ...utils._containers import n_rows, take_rows
from ._mended import Mended

# The share of the rows, in time order, that such a booster is judged by and does not learn.
HELD_OUT = 0.2


class StopsEarly(Mended):
    """Before a booster: where it stops early, and nobody named rows to stop by, it gets them.

    A subclass says in `per_row` how the library calls what comes with each row.
    """

    per_row = {}  # by the name of an argument of fit, that for the rows held out

    def stops_early(self):
        """Tell whether the parameters ask for rows to stop by."""

    def held_out(self, X, y, of_rows, params):
        """Return the arguments of ``fit`` that hold these rows out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like
            Targets.
        of_rows : dict
            What comes with each row, by the names of ``fit``.
        params : dict
            All arguments of ``fit``.

        Returns
        -------
        arguments : dict
            With ``eval_set``.
        """
        named = {self.per_row[name]: [values] for name, values in of_rows.items()}
        return {"eval_set": [(X, y)], **named}

    def fitted_around(self, fit, X, y, params):
        named = any(params.get(name) is not None for name in ("eval_set", "eval_X"))
        if named or not self.stops_early():
            return fit(X, y, **params)
        y = np.asarray(y)
        learned, held = _split(y, is_classifier=hasattr(self, "predict_proba"))
        by_row = {name: params[name] for name in self.per_row if params.get(name) is not None}
        of_held = {name: take_rows(values, held) for name, values in by_row.items()}
        arguments = self.held_out(take_rows(X, held), y[held], of_held, params)
        of_learned = {name: take_rows(values, learned) for name, values in by_row.items()}
        return fit(take_rows(X, learned), y[learned], **{**params, **of_learned, **arguments})


def _split(y, *, is_classifier):
    """Return the rows to learn and the rows to stop by: the newest share, of classes learned.

    The rows of a class that only the newest share has are learned. If nothing would be held out,
    all rows are learned, and what is stopped by is how well they are.
    """
    n = n_rows(y)
    is_held = np.arange(n) >= n - round(HELD_OUT * n)
    if is_classifier and y.ndim == 1:
        is_held &= np.isin(y, y[~is_held])
    if not is_held.any():
        return slice(None), slice(None)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)
