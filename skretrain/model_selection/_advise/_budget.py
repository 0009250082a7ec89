"""A budget of seconds on the clock: whether there is time for the next subsample, part by part."""

import time
from contextlib import contextmanager

_now = time.perf_counter  # by a name of its own, for a test that lets time pass
_MOST_GROWTH = 8.0  # of the seconds, where rows double: that of a cubic fit


class TimeBudget:
    """Seconds that work in stages may take, of which each has about twice the rows of the last.

    What a part will take is forecast from the same part of the stages before; a stage that turns
    out slower is given up, as soon as what is left of it is forecast to come too late.

    Parameters
    ----------
    seconds : float or None
        From now on; None is no limit.

    Examples
    --------
    >>> from skretrain.model_selection._advise._budget import TimeBudget
    >>> budget = TimeBudget(0.0)
    >>> with budget.part("fit"):
    ...     total = sum(range(10_000))
    >>> budget.next_stage()
    >>> budget.allows(["fit"])
    False
    """

    def __init__(self, seconds):
        self.seconds = seconds
        self._began = _now()
        self._past, self._current = {}, {}  # seconds of each part: of stages before, of this one
        self._reserve = 0.0

    @property
    def is_limited(self):
        """Whether there is a limit."""
        return self.seconds is not None

    @contextmanager
    def part(self, name):
        """Measure a part of the present stage."""
        began = _now()
        yield
        self._current[name] = _now() - began

    @contextmanager
    def reserved(self):
        """Measure what has to be done once more in the end, whatever the stage."""
        began = _now()
        yield
        self._reserve = _now() - began

    def next_stage(self):
        """Begin a stage of about twice the rows."""
        for name, seconds in self._current.items():
            self._past.setdefault(name, []).append(seconds)
        self._current = {}

    def allows(self, parts):
        """Tell whether there is time for what is left of this stage, by the names of its parts.

        The first stage is always allowed.
        """
        if not self.is_limited or not self._past:
            return True
        coming = sum(map(self._forecast, parts)) * self._slower()
        spent = _now() - self._began
        return spent + coming + self._reserve <= self.seconds

    def _slower(self):
        """Return how many times its forecast this stage has taken so far, 1 at least."""
        forecast = sum(map(self._forecast, self._current))
        return max(1.0, sum(self._current.values()) / forecast) if forecast else 1.0

    def _forecast(self, name):
        """Return the seconds of a part that grow as they did when the rows last doubled."""
        *before, last = self._past.get(name, [0.0])
        growth = last / before[-1] if before and before[-1] else 2.0
        return last * min(max(growth, 1.0), _MOST_GROWTH)
