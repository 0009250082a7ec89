"""The log of what a retrainer did: bounded, sliceable, exportable."""

import json
import logging
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from heapq import merge

from ._optional import import_optional

logger = logging.getLogger("skretrain.events")

ACTIONS = (
    "buffered",
    "kept",
    "updated",
    "retrained",
    "rejected",
    "rolled_back",
    "pending",
    "superseded",
    "suggested",
    "labels_wanted",
    "failed",
)
_ROUTINE = frozenset({"buffered", "kept", "updated"})


@dataclass(frozen=True, slots=True)
class Event:
    """What one call of ``partial_fit`` (or the first fit) led to."""

    action: str
    row: int  # rows seen when it happened, this batch included
    n_rows: int  # rows of the batch
    state: str = "stable"  # what the trigger said: stable, warning, drift
    since: int | None = None  # row at which the change was located
    reason: str = ""
    kind: str = ""  # full_refit, warm_start, replay_mix: what was fitted; keep: nothing
    n_rows_fitted: int = 0  # by fits and updates of this call
    n_rows_forgotten: int = 0  # rows seen that a retrain could not use, the memory being bounded
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    version: int = 0  # version that serves after the event; the first fit is version 1
    threads: dict = field(default_factory=dict)
    evidence: dict = field(default_factory=dict)
    from_scratch: bool = False  # whether what was fitted began from nothing


class EventLog:
    """Every alarm, retrain, rejection, rollback and failure; the routine only as counts.

    The log keeps the newest `max_events` notable events and running counts of all actions, so that
    its size does not grow with the stream. The full record, one JSON object per call, goes to the
    logger ``skretrain.events`` at level ``INFO``.

    Parameters
    ----------
    max_events : int, default=10_000
        Notable events to keep.

    Attributes
    ----------
    counts : dict of str to int
        How often each action was taken.
    totals : dict
        ``fits``, the fits from scratch; ``rows_fitted``, ``cpu_seconds`` and ``wall_seconds`` of
        all fits and updates together, those of comparisons included.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> X, y, _ = make_drifting_classification(1000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression(), batch_size=100).fit(X, y)
    >>> model.events_[0].action, model.events_[0].reason
    ('retrained', 'first fit')
    >>> sum(model.events_.counts.values())
    10
    """

    def __init__(self, max_events=10_000):
        self.max_events = max_events
        self._events = deque(maxlen=max_events)
        self.counts = dict.fromkeys(ACTIONS, 0)
        self.totals = {"fits": 0, "rows_fitted": 0, "cpu_seconds": 0.0, "wall_seconds": 0.0}

    def record(self, event):
        """Count `event`, keep it if it is notable, and log it."""
        self.counts[event.action] += 1
        # Also where no row was fitted for the model that serves: a comparison that ends in keeping
        # it has its price.
        self.totals["rows_fitted"] += event.n_rows_fitted
        self.totals["cpu_seconds"] += event.cpu_seconds
        self.totals["wall_seconds"] += event.wall_seconds
        if event.action not in _ROUTINE or event.state == "drift" or event.reason:
            self._events.append(event)
        if logger.isEnabledFor(logging.INFO):
            logger.info(json.dumps(asdict(event), default=str))

    def __len__(self):
        return len(self._events)

    def __iter__(self):
        return iter(self._events)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return list(self._events)[key]
        return self._events[key]

    def __repr__(self):
        taken = ", ".join(f"{name}: {n}" for name, n in self.counts.items() if n)
        return f"<EventLog {taken or 'empty'}>"

    def to_records(self):
        """Return the notable events as a list of dictionaries."""
        return [asdict(event) for event in self._events]

    def to_frame(self):
        """Return the notable events as a pandas DataFrame, one row per event.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="EventLog.to_frame", extra="cli")
        return pandas.DataFrame(self.to_records(), columns=list(Event.__dataclass_fields__))

    def to_json(self):
        """Return counts, totals and notable events as one JSON document."""
        document = {"counts": self.counts, "totals": self.totals, "events": self.to_records()}
        return json.dumps(document, default=str)


def merged(logs):
    """Return the events of several logs as one, in the order of rows.

    Parameters
    ----------
    logs : dict of str to EventLog
        By the name of their owner, with which the reasons then begin.

    Returns
    -------
    log : EventLog
        Counts and totals are sums.
    """
    whole = EventLog(sum(log.max_events for log in logs.values()))
    for log in logs.values():
        for sums, more in ((whole.counts, log.counts), (whole.totals, log.totals)):
            for name, value in more.items():
                sums[name] += value
    named = [
        [
            replace(event, reason=f"{name}: {event.reason}" if event.reason else name)
            for event in log
        ]
        for name, log in logs.items()
    ]
    whole._events.extend(merge(*named, key=lambda event: event.row))
    return whole
