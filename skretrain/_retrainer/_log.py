"""What a cycle reports: events, warnings, and their words; only the cycle has a log."""

from dataclasses import replace

from ..drift import Signal
from ..exceptions import RetrainFailedWarning
from ..utils._events import Event, EventLog
from ..utils._plain import Plain
from ..utils._warn import warn_user

STABLE = Signal("stable")
_FREE = {"n_rows_fitted": 0, "cpu_seconds": 0.0, "wall_seconds": 0.0, "evidence": {}}


class Log(Plain):
    """The events of a cycle, and its complaints.

    Attributes
    ----------
    events : EventLog
        What is kept of them.
    n_seen : int
        Rows seen so far.
    n_fits : int
        Fits from scratch so far, those for comparison among them.
    """

    def __init__(self, service, max_events, *, raise_failures):
        self.service = service
        self.raise_failures = raise_failures
        self.events = EventLog(max_events)
        self.n_seen = 0
        self.n_fits = 0
        self._late = []  # what failed since the last event, and cannot be undone

    def event(self, action, rows, signal, **details):
        """Return the event of a batch."""
        n_rows, version = len(rows.index), self.service.version
        return Event(action, self.n_seen, n_rows, signal.state, version=version, **details)

    def add(self, event):
        """Record an event, and the fits so far."""
        self.events.totals["fits"] = self.n_fits
        self.events.record(event)
        late, self._late = self._late, []
        for what, error in late:
            reason = f"{what} failed: {named(error)}"
            self.events.record(replace(event, action="failed", n_rows=0, reason=reason, **_FREE))
        for what, error in late:
            message = (
                f"{what} failed; the model that serves and the rows seen are not touched by it"
            )
            self.complain(error, message, RetrainFailedWarning)

    def guarded(self, what, call, *args):
        """Return what a call of a part returns; None, and an event to come, where it fails.

        It is for calls at which nothing is to be undone any more: a model serves already, a batch
        has been seen.
        """
        try:
            return call(*args)
        except Exception as error:
            self._late.append((what, error))
            return None

    def record(self, action, rows, signal, **details):
        """Record the event of a batch."""
        self.add(self.event(action, rows, signal, **details))

    def count(self, candidate):
        """Count what no event tells: a model that goes on, and the rows of those compared with."""
        totals = self.events.totals
        totals["rows_fitted"] += candidate.n_rows_compared
        if not (candidate.from_scratch or candidate.keep):
            totals["updates"] += 1
            totals["rows_updated"] += candidate.n_rows

    def count_cost(self, outcome):
        """Count a job whose outcome came too late for an event of its own."""
        self.n_fits += outcome.n_fits
        totals, candidate = self.events.totals, outcome.candidate
        totals["fits"] = self.n_fits
        totals["cpu_seconds"] += outcome.cpu_seconds
        totals["wall_seconds"] += outcome.wall_seconds
        if candidate is not None:
            self.count(candidate)
            totals["rows_fitted"] += candidate.n_rows

    def failed(self, error, rows, what, message, signal=STABLE):
        """Record that a part failed, and complain."""
        self.record("failed", rows, signal, reason=f"{what}: {named(error)}")
        self.complain(error, message, RetrainFailedWarning)

    def complain(self, error, message, category):
        """Raise what a part has raised, or warn of it."""
        if self.raise_failures:
            error.add_note(f"skretrain: {message}.")
            raise error
        warn_user(f"{message}: {named(error)}", category)


def named(error):
    """Return an error in words."""
    return f"{type(error).__name__}: {error}"


def news(labels):
    """Say which classes are new."""
    return f"new classes {labels.tolist()}" if len(labels) else ""


def shown(verdict):
    """Return the numbers behind a verdict."""
    return {} if verdict is None else verdict.evidence


def because(*reasons):
    """Join the reasons that there are."""
    return "; ".join(reason for reason in reasons if reason)


def costs(record):
    """Return what an event says of a fit."""
    return {
        "kind": record.kind,
        "n_rows_fitted": record.n_rows,
        "cpu_seconds": record.cpu_seconds,
        "wall_seconds": record.wall_seconds,
    }
