"""What triggers share that compare the newest rows with a reference, look after look."""

from abc import abstractmethod

import numpy as np

from ..utils._containers import (
    check_row_shapes,
    concat_rows,
    copy_rows,
    n_rows,
    row_schema,
    take_rows,
    to_kind_of,
    widest,
)
from ..utils._params import check_integer
from ..utils._plain import Plain
from ._base import BaseTrigger, Signal
from ._locate import locate_change, noise_bound

_STABLE = Signal("stable")
_WARNING = Signal("warning")
_CONFIDENCE = 0.05  # that there is a change is proven already: it is only to be placed
_LEAST_ROWS = 20


class ComparesWindows(BaseTrigger):
    """Base of the triggers that compare the newest `window` rows with `n_reference` others.

    It looks as soon as both are complete, and then at each half a window: at rows that do not
    depend on how the stream is cut into batches. A look that finds a change raises the alarm; those
    after it warn, until one finds none or a retrain answers the alarm.

    A subclass has the two parameters, and writes `_rows_of` and `_look`.
    """

    @abstractmethod
    def _rows_of(self, batch):
        """Return the rows of a batch that are compared, checked, in a container."""

    @abstractmethod
    def _look(self, old, new):
        """Compare the reference with the window.

        Returns
        -------
        found : bool
            Whether they differ.
        scores : ndarray of shape (window,)
            Higher for rows of the window that are as those after the change, in [0, 1].
        note : str
            What was found, for the event.
        """

    @property
    def warming_up(self):
        """Whether the reference is still incomplete, a bool."""
        return getattr(self, "_reference", _EMPTY).n_rows < self.n_reference

    def reset(self):
        """Check the parameters and forget everything.

        Returns
        -------
        self : BaseTrigger
            This trigger, blank.

        Raises
        ------
        ValueError
            If a parameter has a value that is not accepted.
        """
        for name in ("window", "n_reference"):
            check_integer(self, name, least=_LEAST_ROWS, what="a number of rows")
        self._check_parameters()
        self._restart()
        return self

    def update(self, batch):
        """See the rows of one batch.

        Parameters
        ----------
        batch : ScoredBatch
            Newest rows of the stream.

        Returns
        -------
        signal : Signal
            The first alarm of the batch. `since` is the stream row at which the change was located
            among those of the window, or the first of these.

        Raises
        ------
        ValueError
            If the batch lacks what is compared, or it does not fit that of earlier batches.
        """
        if not hasattr(self, "_reference"):
            self.reset()
        rows = self._rows_of(batch)
        self._check_fit(rows)
        numbers = np.arange(batch.start, batch.start + batch.n_rows)
        alarms = [signal for signal in self._looks(rows, numbers) if signal.state == "drift"]
        return alarms[0] if alarms else _WARNING if self._has_rung else _STABLE

    def _restart(self):
        self._reference, self._window = _Rows(), _Rows()
        self._n_looks = 0
        self._has_rung = False

    def _check_fit(self, rows):
        """Raise ValueError where rows cannot be joined to those collected."""
        like = self._reference.like
        if like is not None and n_rows(rows) and row_schema(rows) != row_schema(like):
            check_row_shapes([like, rows])
            concat_rows([like, take_rows(rows, slice(1))])

    def _looks(self, rows, numbers):
        """Collect rows, and yield the verdict of each look that they complete."""
        begin, n = 0, len(numbers)
        while begin < n:
            to, most = self._reference, self.n_reference
            if not self.warming_up:
                to, most = self._window, self.window
            end = min(n, begin + most - to.n_rows)
            to.add(take_rows(rows, slice(begin, end)), numbers[begin:end])
            begin = end
            if self._window.n_rows == self.window:
                yield self._verdict()

    def _verdict(self):
        reference, window = self._reference.joined(), self._window.joined()
        like = widest([reference, window])
        self._n_looks += 1
        found, scores, note = self._look(to_kind_of(reference, like), to_kind_of(window, like))
        is_first, self._has_rung = found and not self._has_rung, found
        since = int(self._window.numbers[_rise_of(scores)]) if is_first else None
        self._window.keep_newest(self.window - self.window // 2)
        if not is_first:
            return _WARNING if found else _STABLE
        return Signal("drift", since, note=note)


class _Rows(Plain):
    """Rows and their numbers, collected part by part."""

    def __init__(self):
        self.parts = []
        self.numbers = np.empty(0, dtype=int)

    @property
    def n_rows(self):
        return len(self.numbers)

    @property
    def like(self):
        """One of the rows, to see whether others fit; None if there is none."""
        return take_rows(self.parts[0], slice(1)) if self.parts else None

    def add(self, rows, numbers):
        self.parts.append(copy_rows(rows))
        self.numbers = np.append(self.numbers, numbers)

    def joined(self):
        self.parts = [concat_rows(self.parts)]
        return self.parts[0]

    def keep_newest(self, n):
        self.parts = [copy_rows(take_rows(self.joined(), slice(self.n_rows - n, None)))]
        self.numbers = self.numbers[-n:].copy()


_EMPTY = _Rows()


def _rise_of(scores):
    """Return where scores rise beyond noise; 0 if they do not, as they had risen before."""
    position, gain = locate_change(scores)
    return position if gain > noise_bound(scores, position, _CONFIDENCE) else 0
