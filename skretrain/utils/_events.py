"""The log of what a retrainer did: bounded, sliceable, exportable."""

import logging
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from heapq import merge
from itertools import count
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ._hooks import Hooks, of_member
from ._optional import import_optional
from ._plain import Plain
from ._records import as_json, log_event

# Numbers of the logs of this process; no part of a log, which is the same in every process.
_SOURCES = WeakKeyDictionary()
_NUMBERS = count(1)


class Mark(NamedTuple):
    """How an action looks in pictures: the same shape for matplotlib and as a path of SVG."""

    colour: str  # one of Okabe and Ito's, which colour-blind readers can tell apart, or a grey
    marker: str
    path: str  # around (0, 0), ten units wide


class Action(NamedTuple):
    """What a call can lead to. Notable is what has a mark; the routine is only counted."""

    name: str
    meaning: str
    mark: Mark | None = None
    level: int = logging.INFO  # of the record in Python's logging

    @property
    def is_routine(self):
        """Whether it happens on most batches and says nothing by itself, a bool."""
        return self.mark is None

    @property
    def label(self):
        """The name for readers, a str."""
        return self.name.replace("_", " ")


# The one list of them: the log, the pictures and the glossary read it, so that a new action is a
# row of this table. No two marks share a shape, so that none depends on its colour.
_TABLE = (
    Action("buffered", "The batch was remembered; the first fit waits for more rows."),
    Action("kept", "The serving model goes on as it is."),
    Action("updated", "The serving model learned the batch."),
    Action(
        "retrained",
        "Another model serves: a newly fitted one, or one that was brought back.",
        Mark("#F0E442", "o", "M-4,0 A4,4 0 1,0 4,0 A4,4 0 1,0 -4,0 Z"),
    ),
    Action(
        "rejected",
        "The gate turned a challenger down.",
        Mark("#CC79A7", "X", "M-5,-3 L-3,-5 0,-2 3,-5 5,-3 2,0 5,3 3,5 0,2 -3,5 -5,3 -2,0 Z"),
    ),
    Action(
        "rolled_back",
        "A promotion was taken back, by the gate or by hand; an earlier model serves again.",
        Mark("#009E73", "<", "M-5,0 L3,-5 3,5 Z"),
        logging.WARNING,
    ),
    Action(
        "pending",
        "A challenger is on trial until the gate decides.",
        Mark("#E69F00", ">", "M5,0 L-3,-5 -3,5 Z"),
    ),
    Action(
        "superseded",
        "A challenger on trial, or a retrain still being made, was replaced by a newer one.",
        Mark("#56B4E9", "D", "M0,-5 L5,0 0,5 -5,0 Z"),
    ),
    Action(
        "suggested",
        "A retrain would have been made, but for ``dry_run=True``.",
        Mark("#0072B2", "s", "M-4,-4 L4,-4 4,4 -4,4 Z"),
    ),
    Action(
        "failed",
        "An update, a retrain or the gate raised; the serving model is as before.",
        Mark("#000000", "P", "M-2,-5 L2,-5 2,-2 5,-2 5,2 2,2 2,5 -2,5 -2,2 -5,2 -5,-2 -2,-2 Z"),
        logging.WARNING,
    ),
    Action(
        "labels_wanted",
        "A trigger that needs no labels rang on rows without labels; a retrain is due at the next "
        "labelled batch.",
        Mark("#7F7F7F", "^", "M0,-5 L5,4 -5,4 Z"),
    ),
)
ACTIONS = {action.name: action for action in _TABLE}
MAX_EVENTS = 10_000  # that a log keeps
_LONGEST = 2000  # characters of a reason
STATES = ("stable", "warning", "drift")  # what a trigger can say, from good to bad


@dataclass(frozen=True)
class Event(Plain):
    """What one call of ``partial_fit`` (or the first fit) led to."""

    action: str
    row: int  # rows seen when it happened, this batch included
    n_rows: int  # rows of the batch
    state: str = "stable"  # what the trigger said: stable, warning, drift
    since: int | None = None  # row at which the change was located
    reason: str = ""
    kind: str = ""  # full_refit, warm_start, replay_mix: what was fitted; revive, keep: nothing
    n_rows_fitted: int = 0  # by fits and updates of this call
    n_rows_forgotten: int = 0  # rows seen that a retrain could not use, the memory being bounded
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    version: int = 0  # version that serves after the event; the first fit is version 1
    threads: dict = field(default_factory=dict)
    evidence: dict = field(default_factory=dict)
    from_scratch: bool = False  # whether what was fitted began from nothing


class EventLog(Plain):
    """Every alarm, retrain, rejection, rollback and failure; the routine only as counts.

    The log keeps the newest `max_events` notable events, of a long reason the beginning, and
    running counts of all actions, so that its size does not grow with the stream. The full record,
    one JSON object per call, goes to the logger ``skretrain.events``, at the level ``WARNING``
    where something failed or was taken back, else at ``INFO``. The fields are attributes of the
    logging record, too; ``source``, there and in the JSON, is the number of the log in this
    process. Of a retrainer in a fleet they are logged once, as the fleet's, with the ``segment``.

    Parameters
    ----------
    max_events : int, default=10_000
        Notable events to keep.

    Attributes
    ----------
    counts : dict of str to int
        How often each action was taken.
    totals : dict
        ``fits``, the fits from scratch; ``updates``, the models that went on from an earlier one,
        and ``rows_updated``, their rows; ``rows_fitted``, ``cpu_seconds`` and ``wall_seconds`` of
        all of them together, those of comparisons included.
    state : {"stable", "warning", "drift"}
        What the trigger said last.

    See Also
    --------
    skretrain.serving.on_event : Call a function at events.

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

    actions = ACTIONS  # what can happen to the owner of the log
    _hooks = None  # once there are some; they belong to this process

    def __init__(self, max_events=MAX_EVENTS):
        self.max_events = max_events
        self._events = deque(maxlen=max_events)
        self.counts = dict.fromkeys(self.actions, 0)
        self.totals = {
            "fits": 0,
            "updates": 0,
            "rows_fitted": 0,
            "rows_updated": 0,
            "cpu_seconds": 0.0,
            "wall_seconds": 0.0,
        }
        self.state = "stable"

    def record(self, event):
        """Count `event`, keep it if it is notable, log it, and note it for the hooks."""
        event = self.note(event)
        # Also where no row was fitted for the model that serves: a comparison that ends in keeping
        # it has its price.
        self.totals["rows_fitted"] += event.n_rows_fitted
        self.totals["cpu_seconds"] += event.cpu_seconds
        self.totals["wall_seconds"] += event.wall_seconds
        log_event(event, self.actions[event.action].level, self)

    def note(self, event):
        """Do what :meth:`record` does, but for costs and logging; return the event as it is kept.

        It is for what another log has recorded, too.
        """
        event = shortened(event)
        self.state = event.state
        self.counts[event.action] += 1
        action = self.actions[event.action]
        is_kept = bool(not action.is_routine or event.state == "drift" or event.reason)
        if is_kept:
            self._events.append(event)
        if self._hooks is not None:
            self._hooks.note(event, is_kept=is_kept)
        return event

    def keep_newest(self, n):
        """Forget all events but the newest so many; counts and totals stay."""
        while len(self._events) > n:
            self._events.popleft()

    @property
    def source(self):
        """Number of the log in this process, in the order in which logs were first asked."""
        if self not in _SOURCES:
            _SOURCES[self] = next(_NUMBERS)
        return _SOURCES[self]

    @property
    def listening(self):
        """The hooks that hear of the events, a tuple."""
        return () if self._hooks is None else self._hooks.hooks

    def hear(self, hook):
        """Let a hook hear of the events that come."""
        self._hooks = self._hooks or Hooks()
        self._hooks.add(hook)

    def drop(self, group):
        """Let the hooks of a group hear of nothing more."""
        if self._hooks is not None:
            self._hooks.drop(group)

    def tell(self):
        """Tell the hooks what was recorded since they were told last."""
        if self._hooks is not None:
            self._hooks.tell()

    def withhold(self):
        """Tell the hooks nothing of what was recorded since they were told last."""
        if self._hooks is not None:
            self._hooks.untold.clear()

    def _state_to_save(self):
        """Return the state without the hooks, which belong to this process."""
        return {name: value for name, value in self.__dict__.items() if name != "_hooks"}

    def __len__(self):
        return len(self._events)

    def __iter__(self):
        # A copy, made in one step: another thread may add events meanwhile.
        return iter(tuple(self._events))

    def __getitem__(self, key):
        if isinstance(key, slice):
            return list(self._events)[key]
        return self._events[key]

    def __repr__(self):
        taken = ", ".join(f"{name}: {n}" for name, n in self.counts.items() if n)
        return f"<EventLog {taken or 'empty'}>"

    def to_records(self):
        """Return the notable events as a list of dictionaries."""
        return [asdict(event) for event in self]

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
        return as_json(document)


def shortened(event):
    """Return an event whose reason has an end: errors of others may print their rows."""
    if len(event.reason) <= _LONGEST:
        return event
    return replace(event, reason=f"{event.reason[: _LONGEST - 3]}...")


def merged(logs):
    """Return the events of several logs as one, in the order of rows.

    Parameters
    ----------
    logs : dict of str to EventLog
        By the name of their owner, with which the reasons then begin.

    Returns
    -------
    log : EventLog
        Counts and totals are sums, and `state` is the worst.
    """
    whole = EventLog(sum(log.max_events for log in logs.values()))
    for log in logs.values():
        for sums, more in ((whole.counts, log.counts), (whole.totals, log.totals)):
            for name, value in more.items():
                sums[name] += value
    named = [[of_member(event, name) for event in log] for name, log in logs.items()]
    whole._events.extend(merge(*named, key=lambda event: event.row))
    whole.state = max((log.state for log in logs.values()), key=STATES.index, default="stable")
    return whole


def notable_actions():
    """Return the actions that have a mark, in the order of the table."""
    return [action for action in ACTIONS.values() if not action.is_routine]
