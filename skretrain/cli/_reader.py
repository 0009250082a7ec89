"""Rows of a table as a history has them: numbers, coded targets and times."""

from typing import Any, NamedTuple

import numpy as np

from ._columns import sorted_by_time, target_values
from ._errors import CommandError, needed
from ._weights import checked_weights


class Rows(NamedTuple):
    """Rows that can be learned.

    Attributes
    ----------
    X : ndarray, CSR matrix or DataFrame of shape (n_rows, n_features)
        Features.
    y : ndarray of shape (n_rows,)
        Targets, coded.
    times : ndarray of shape (n_rows,) or None
        When each row came.
    table : DataFrame
        The columns that `X` was made of.
    params : dict of str to ndarray
        Per-row arguments of the model's fits.
    """

    X: Any
    y: np.ndarray
    times: Any
    table: Any
    params: dict


class Reader:
    """Makes rows of the tables of a file, as the first of them show how.

    Parameters
    ----------
    target, time : str
        Columns; `time` is None where the rows stand in order.
    columns : list of str
        To learn from.
    coder : Classes or Quantity
        Makes codes of targets.
    encoding : Encoding or None
        Makes numbers of the columns; None leaves them as they are.
    weights : dict of str to str
        The column of weights, by the name that the model's fits have for them; or none.
    """

    def __init__(self, target, time, columns, coder, encoding, weights):
        self.target, self.time, self.columns = target, time, columns
        self.coder, self.encoding, self.weights = coder, encoding, weights

    def rows(self, table):
        """Return the rows of a table that have a target, and a weight above zero."""
        values, times = table[self.target], None
        table = table[~(values.isna() | values.isin([np.inf, -np.inf]))]
        if self.time is not None:
            table, times = sorted_by_time(table, self.time)
        params = {}
        for name, column in self.weights.items():
            weights = checked_weights(table[column])
            counts = weights > 0
            table, params[name] = table[counts], weights[counts]
            times = None if times is None else times[counts]
        y, table = self.coder(table[self.target]), table[self.columns].reset_index(drop=True)
        X = table if self.encoding is None or not len(table) else self.encoding.numbers(table)
        return Rows(X, y, times, table, params)


class Classes:
    """Codes of classes, in the order in which they first come.

    Attributes
    ----------
    labels : list
        The classes so far.
    is_closed : bool
        Whether a further one is refused.
    """

    def __init__(self, labels):
        self.labels, self.is_closed = list(labels), False
        self._codes = {label: code for code, label in enumerate(self.labels)}

    def __call__(self, column):
        """Return the codes of the classes in a column."""
        places, found = needed("pandas").factorize(column.astype(object))
        for label in found:
            if label not in self._codes:
                self._add(label, column.name)
        codes = np.array([self._codes[label] for label in found], dtype=np.int64)
        return codes[places]

    def _add(self, label, name):
        if self.is_closed:
            raise CommandError(
                f"--target {name!r} is {label!r} in a late row of the file, a class that the first "
                "rows do not show, so that no cost is known of it. Allow more --max-memory."
            )
        self._codes[label] = len(self.labels)
        self.labels.append(label)


class Quantity:
    """A target in standard deviations of the warm-up, in which R2 does not change.

    Attributes
    ----------
    unit, origin : float
        One unit in units of the target, and the target where the number is 0.
    """

    def __init__(self, first):
        # Of numbers near the ends of the floats, squares and sums are none.
        self._largest = abs(first).max() or 1.0
        shares = first / self._largest
        self._mean, self._spread = shares.mean(), _spread(shares)
        self.unit = float(self._spread * self._largest)
        self.origin = float(self._mean * self._largest)

    def __call__(self, column):
        """Return the numbers of a column."""
        return (target_values(column, "regression") / self._largest - self._mean) / self._spread


def _spread(shares):
    # The deviation of a constant column is rounding error, not zero.
    deviation = shares.std()
    return deviation if deviation > 1e-12 * abs(shares).max() else 1.0
