"""When rows come, and when labels and models do: in rows, or by dates."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..utils._durations import FORMS, Duration, duration_of, is_no_time, moments_of
from ..utils._params import check_integer, refuse
from ._edges import edges_of
from ._label_times import Arrivals, arrivals_of


@dataclass(frozen=True)
class Timing:
    """How a stream is cut, and what is known when a row comes.

    Attributes
    ----------
    start : int
        Rows of the first fit, whose labels are known, whatever the delay.
    label_delay, fit_latency : int or Duration
        What passes between a prediction and its label, and between learning and serving.
    step : int or Duration
        Rows per batch, or the calendar period that each of them is.
    edges : ndarray of shape (n_batches + 1,) or None
        The first row of each batch, and the number of rows. None: batches come as they come.
    moments : ndarray of datetime64[us] or None
        When each row came, where these are dates.
    is_whole : bool
        Whether labels and models come for whole batches only, later than they might.
    arrivals : Arrivals or None
        When each label comes, where that is told row by row: also those of the first fit.

    Examples
    --------
    >>> from skretrain.model_selection._timing import Timing
    >>> timing = Timing(100, label_delay=30, fit_latency=0)
    >>> timing.known(150), timing.known(110)
    (120, 100)
    """

    start: int
    label_delay: Any = 0
    fit_latency: Any = 0
    step: Any = None
    edges: np.ndarray | None = None
    moments: np.ndarray | None = None
    is_whole: bool = False
    arrivals: Arrivals | None = None

    def known(self, row):
        """Return how many rows have a label at the moment when a row comes."""
        if self.arrivals is not None:
            return self.arrivals.n_known(row)
        if isinstance(self.label_delay, Duration):
            n_known = min(self._n_before(row, self.label_delay), row)
        else:
            n_known = row - self.label_delay
        return max(self._whole(n_known), self.start)

    def ready(self, row):
        """Return the newest row before which a model may have learned that can serve at `row`."""
        if isinstance(self.fit_latency, Duration):
            return self._whole(min(self._n_before(row, self.fit_latency) - 1, row))
        return self._whole(row - self.fit_latency)

    def serves_from(self, row):
        """Return the first row that a model can serve which learned before `row`."""
        if not (self.is_whole or isinstance(self.fit_latency, Duration)):
            return row + self.fit_latency
        later = self.edges[self.edges >= row].tolist()
        return next((edge for edge in later if self.ready(edge) >= row), later[-1])

    def known_chunks(self):
        """Return for each batch how many of the batches before it a model knows that serves it.

        Returns
        -------
        known : ndarray of shape (n_batches,)
            At least 1: the first.
        """
        ready = [max(self.ready(int(edge)), 0) for edge in self.edges[:-1]]
        if self.arrivals is None:
            known = [self.known(row) for row in ready]
            return np.maximum(np.searchsorted(self.edges, known, side="right") - 1, 1)
        # Labels with moments of their own come for no whole batch: what is known is what was when
        # some batch came, the first of those between which no label did.
        n_known = self.arrivals.n_known(np.maximum(ready, self.start))
        return np.maximum(np.searchsorted(self.arrivals.n_known(self.edges), n_known), 1)

    def _n_before(self, row, duration):
        """Return how many rows are as old, or older, when a row comes."""
        now = self.moments[min(row, len(self.moments) - 1)]
        return int(n_before(self.moments, now, duration))

    def _whole(self, row):
        if not self.is_whole:
            return row
        return int(self.edges[max(np.searchsorted(self.edges, row, side="right") - 1, 0)])


def n_before(moments, now, duration):
    """Return how many moments, which rise, lie at least a duration before each of `now`."""
    return np.searchsorted(moments, duration.before(now), side="right")


def timing_of(owner, size, *, times=None, is_whole=False, **lengths):
    """Return the Timing of a history.

    Parameters
    ----------
    owner : str
        The function that got the parameters.
    size : int or None
        Rows in all; None where batches come as they come.
    times : ndarray of shape (size,) or None, default=None
        When each row came, in order.
    is_whole : bool, default=False
        As in Timing.
    **lengths : dict
        ``batch_size``, ``initial_size`` (None is one batch), ``label_delay`` and ``fit_latency``: a
        number of rows or, with dates, a duration.

    Raises
    ------
    ValueError
        If a length is none, or is a duration and there are no dates; if no row is left to predict.
    """
    lengths = checked_lengths(owner, times, **lengths)
    moments = None if times is None else moments_of(times)
    batch, initial = lengths["batch_size"], lengths["initial_size"]
    told = {name: lengths[name] for name in ("label_delay", "fit_latency")} | {"step": batch}
    if size is None:
        return Timing(batch if initial is None else initial, **told)
    edges = cut(size, initial, batch, times)
    if edges[1] >= size:
        name = "batch_size" if initial is None else "initial_size"
        whole = "" if times is None else ", with the rest of its last time,"
        raise ValueError(
            f"{name}={batch if initial is None else initial}{whole} leaves none of the {size} rows "
            "to predict: lower it."
        )
    return Timing(int(edges[1]), **told, edges=edges, moments=moments, is_whole=is_whole)


def with_label_times(owner, timing, label_time, times, label_delay):
    """Return a Timing that knows for each row when its label comes.

    Parameters
    ----------
    owner : str
        The function that got the parameters.
    timing : Timing
        Of rows at hand.
    label_time : array-like or None
        When each label comes; None changes nothing.
    times : ndarray or None
        When rows come.
    label_delay : int or Duration
        As it was given, and to be 0.

    Raises
    ------
    ValueError
        If there is a delay besides, or nothing for the first fit to learn; see also
        :func:`arrivals_of`.
    """
    if label_time is None:
        return timing
    arrivals = arrivals_of(label_time, times, int(timing.edges[-1]))
    if timing.label_delay:
        accepted = "0 beside label_time, which says when each label comes: pass one of the two"
        refuse(owner, "label_delay", accepted, label_delay)
    if not arrivals.n_known(timing.start):
        raise ValueError(
            f"label_time: none of the {timing.start:,} rows of the first fit has a label when the "
            "next row comes, so that nothing can be fitted: raise initial_size."
        )
    return replace(timing, arrivals=arrivals)


def checked_lengths(owner, times=None, **lengths):
    """Return lengths of a stream, each a number of rows or a Duration.

    Parameters
    ----------
    owner : object or str
        What has the parameters, or the name of the function.
    times : array-like or None
        When each row came.
    **lengths : dict
        By the name of the parameter.
    """
    return {name: _checked_length(owner, name, length, times) for name, length in lengths.items()}


def _checked_length(owner, name, length, times):
    least = 0 if name in ("label_delay", "fit_latency") else 1
    if not least and is_no_time(length):
        return 0
    found = duration_of(length)
    if found is None:
        otherwise = (None,) if name == "initial_size" else ()
        what = "a number of rows"
        if isinstance(length, str):
            what += f" (or, where dates are known, {FORMS})"
        check_integer(owner, name, length, least=least, what=what, otherwise=otherwise)
        return None if length is None else int(length)
    if times is None or moments_of(times) is None:
        there = "are not given" if times is None else f"are such as {_no_date_of(times)!r}"
        refuse(owner, name, f"a number of rows, unless times are dates; they {there}", length)
    return found


def _no_date_of(times):
    """Return the first value that is no date."""
    values = np.asarray(times).tolist()
    return next((value for value in values if moments_of([value]) is None), values[0])


def cut(size, initial, batch, times=None):
    """Return where batches begin and end; see :func:`edges_of`.

    Parameters
    ----------
    size : int
        Rows in all.
    initial : int, Duration or None
        The first fit: rows, or those of so much time from the first one on; None is one batch.
    batch : int or Duration
        Rows per batch, or the calendar period that each of them is.
    times : ndarray of shape (size,) or None
        When rows came.
    """
    head = initial
    if head is None:
        head = 1 if isinstance(batch, Duration) else batch
    moments = None if times is None else moments_of(times)
    if isinstance(head, Duration):
        head = int(np.searchsorted(head.before(moments), moments[0]))
    if isinstance(batch, Duration):
        # Every change of the period ends a batch.
        return edges_of(size, min(head, size), 1, batch.periods(moments))
    return edges_of(size, min(head, size), batch, times)
