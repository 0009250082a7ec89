"""What a policy is told when it is asked, and what a schedule of refits comes to."""

import math
from dataclasses import dataclass

import numpy as np

from ...metrics import Price
from ...utils._params import is_number, refuse

FIRST = 1  # the chunk that the first fit serves; chunk 0 has only been learned


@dataclass(frozen=True)
class ReplayState:
    """What is known when a policy is asked whether to refit before a chunk is served.

    Attributes
    ----------
    chunk : int
        The chunk that comes next.
    window : int or "all"
        Window of the present model.
    age : int
        Chunks that the present model has served.
    losses : ndarray
        Summed loss of the present model on each chunk whose labels have come since it was fitted,
        the oldest first; it was trained on none of them.
    rows : ndarray of int
        Rows of each of these chunks.
    n_fits : int
        Fits so far, the first one included.
    fit_seconds : float
        What they cost, in processor seconds.
    rows_fitted : int
        Rows that they were fitted on.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.model_selection import ReplayState
    >>> losses, rows = np.array([10.0, 30.0, 5.0]), np.array([100, 100, 100])
    >>> now = ReplayState(4, "all", 3, losses, rows, n_fits=1, fit_seconds=0.1, rows_fitted=100)
    >>> now.expected
    0.1
    """

    chunk: int
    window: int | str
    age: int
    losses: np.ndarray
    rows: np.ndarray
    n_fits: int
    fit_seconds: float
    rows_fitted: int

    @property
    def expected(self):
        """Loss per row of the present model when it was new, on its first chunk; NaN before."""
        return float(self.losses[0] / self.rows[0]) if len(self.rows) and self.rows[0] else math.nan


@dataclass(frozen=True)
class ReplayResult:
    """What a schedule of refits would have cost, and how good its models would have been.

    Attributes
    ----------
    loss : float
        Summed over all rows that were served.
    chunk_losses : ndarray of shape (n_chunks - 1,)
        The same for each chunk from chunk 1 on.
    chunk_rows : ndarray of shape (n_chunks - 1,)
        Rows of each of them.
    schedule : list of tuple
        ``(chunk, window)`` of each fit: it serves from that chunk on. The first one is the first
        fit.
    seconds_per_fit : ndarray of shape (n_fits,)
        Processor seconds of each fit.
    rows_per_fit : ndarray of shape (n_fits,)
        Rows that each was fitted on.
    chunk_unpredicted : ndarray of shape (n_chunks - 1,) or None
        Rows of each chunk that the model of their time could not read. In the losses they count as
        the mean of the others of their chunk (of all that the model could read, where there are no
        others); `mean_loss` is that of the others alone. None is none.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.model_selection import ReplayResult
    >>> result = ReplayResult(
    ...     loss=40.0,
    ...     chunk_losses=np.array([10.0, 30.0]),
    ...     chunk_rows=np.array([100, 100]),
    ...     schedule=[(1, "all"), (2, "all")],
    ...     seconds_per_fit=np.array([0.1, 0.2]),
    ...     rows_per_fit=np.array([100, 200]),
    ... )
    >>> result.mean_loss, result.n_fits, result.cost(25)
    (0.2, 2, 65.0)
    """

    loss: float
    chunk_losses: np.ndarray
    chunk_rows: np.ndarray
    schedule: list
    seconds_per_fit: np.ndarray
    rows_per_fit: np.ndarray
    chunk_unpredicted: np.ndarray | None = None

    @property
    def mean_loss(self):
        """Loss per row, a float: the error rate, where the loss is 0/1; NaN where none counted."""
        return mean_known(self.chunk_losses, self.chunk_rows, self.chunk_unpredicted, self.loss)

    @property
    def n_unpredicted(self):
        """Number of rows that the model of their time could not read."""
        return 0 if self.chunk_unpredicted is None else int(self.chunk_unpredicted.sum())

    @property
    def n_fits(self):
        """Number of fits, the first one included."""
        return len(self.schedule)

    @property
    def fit_seconds(self):
        """Processor seconds of all fits."""
        return float(self.seconds_per_fit.sum())

    @property
    def rows_fitted(self):
        """Rows that went into all fits, a row counted as often as it was fitted."""
        return int(self.rows_per_fit.sum())

    def cost(self, price):
        """Return loss and refits in one number.

        Parameters
        ----------
        price : float, Price or callable
            What one refit costs, in units of the loss, or in money; or ``price(rows, seconds)``
            that returns it. The first fit is not charged: there is no schedule without it.

        Returns
        -------
        cost : float
            In units of the loss.
        """
        charged = zip(self.rows_per_fit[1:], self.seconds_per_fit[1:], strict=True)
        return self.loss + sum(charge_of(price, rows, seconds) for rows, seconds in charged)


def mean_known(losses, rows, unpredicted, loss):
    """Return the loss per row that was predicted; `loss` is the sum over all chunks."""
    if unpredicted is None or not unpredicted.any():
        n = int(rows.sum())
        return loss / n if n else math.nan
    known = rows - unpredicted
    there = known > 0
    if not there.any():
        return math.nan
    return float((losses[there] * known[there] / rows[there]).sum() / known.sum())


def charge_of(price, rows, seconds):
    """Return what a refit costs, in units of the loss."""
    if isinstance(price, Price):
        check_no_flips("RetrainMatrix", "cost", price)
        return price.in_errors(cpu_seconds=float(seconds), wall_seconds=float(seconds))
    charge = price(int(rows), float(seconds)) if callable(price) else price
    if not is_number(charge, least=0) and not _is_never(charge):
        accepted = (
            "a number of at least 0, what a refit costs in units of the loss, a Price, or a "
            "function of (rows, seconds) that returns such a number"
        )
        refuse("RetrainMatrix", "cost", accepted, charge)
    return charge


def check_no_flips(owner, parameter, price):
    """Raise ValueError for a price of flips, which only two models side by side can tell."""
    if price.flip_price:
        accepted = (
            "a Price with flip_price=0, since of models that did not serve no decisions are kept: "
            "add what the flips of a refit usually cost to per_refit"
        )
        refuse(owner, parameter, accepted, price)


def _is_never(charge):
    return isinstance(charge, float) and charge == math.inf


def traced_back(came_from):
    """Return the schedule that leads to the end; of each chunk, where from, and on which window."""
    schedule, chunk = [], len(came_from) - 1
    while chunk > FIRST:
        chunk, window = came_from[chunk].tolist()
        schedule.append((chunk, window))
    return schedule[::-1]
