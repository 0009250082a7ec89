"""What happens in a fleet of segments: the events of its retrainers, and its own."""

from collections import deque
from dataclasses import dataclass, fields
from heapq import merge
from logging import WARNING
from operator import itemgetter
from typing import Any

from ...utils._events import ACTIONS, MAX_EVENTS, Action, Event, EventLog
from ...utils._optional import import_optional
from ...utils._plain import Plain
from ...utils._records import log_event

_TABLE = (
    Action("opened", "A segment came for the first time, or again after it was retired."),
    Action("drifted", "The loss of a segment has risen.", level=WARNING),
    Action("common", "The losses of many segments have risen together.", level=WARNING),
    Action("merged", "The rows of several segments go to one retrainer."),
    Action("retired", "The retrainer of a segment was given up; the pooled one serves its rows."),
)


_OF_FLEET = frozenset(action.name for action in _TABLE)


@dataclass(frozen=True)
class SegmentEvent(Event):
    """What a batch led to in a segment, or in all of them."""

    segment: Any = None  # None: the pooled retrainer, or all segments
    batch: int = 0  # number of the batch, from 1


class _Rooms(Plain):
    """The newest events of retrainers and the newest of the fleet, in the order of their arrival.

    Retrains of thousands of segments would push out within weeks what people were told.

    Parameters
    ----------
    n : int
        As many of either kind are kept.
    """

    def __init__(self, n):
        self._n_come = 0
        self._rooms = [deque(maxlen=n), deque(maxlen=n)]

    def append(self, event):
        self._rooms[event.action in _OF_FLEET].append((self._n_come, event))
        self._n_come += 1

    def popleft(self):
        min((room for room in self._rooms if room), key=lambda room: room[0][0]).popleft()

    def __len__(self):
        return sum(map(len, self._rooms))

    def __iter__(self):
        # Copies, each made in one step: another thread may add events meanwhile.
        rooms = [tuple(room) for room in self._rooms]
        return (event for _, event in merge(*rooms, key=itemgetter(0)))

    def __getitem__(self, key):
        return list(self)[key]


class SegmentLog(EventLog):
    """The notable events of the retrainers of all segments, and those of the fleet.

    It is an :class:`EventLog` whose events also say of which `segment` and in which `batch` they
    are; `row` counts the rows of that segment. It keeps the newest `max_events` of the retrainers,
    and as many of the fleet's own: alarms over segments, and those that begin, merge and end. The
    routine of the retrainers is not counted, and `totals` has the work of all of them.
    """

    actions = ACTIONS | {action.name: action for action in _TABLE}

    def __init__(self, max_events=MAX_EVENTS):
        super().__init__(max_events)
        self._events = _Rooms(max_events)

    def _restore(self, state):
        super()._restore(state)
        if isinstance(self._events, deque):  # states of before there were two rooms
            older, self._events = self._events, _Rooms(self.max_events)
            for event in older:
                self._events.append(event)

    def record(self, event):
        """Keep an event, and log it; what it has cost is part of the work that is added."""
        log_event(self.note(event), self.actions[event.action].level, self)

    def add_work(self, work):
        """Add what retrainers have done, as :func:`work_between` returns it."""
        for name, value in work.items():
            self.totals[name] += value

    def to_frame(self):
        """Return the notable events as a pandas DataFrame, one row per event.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="SegmentLog.to_frame", extra="cli")
        first = ["segment", "batch"]
        names = [field.name for field in fields(SegmentEvent) if field.name not in first]
        frame = pandas.DataFrame(self.to_records(), columns=first + names)
        # Else the whole numbers among them became floats beside None.
        return frame.assign(segment=pandas.Series([e.segment for e in self], dtype=object))


def of_segment(event, segment, batch):
    """Return an event of a retrainer as that of a segment."""
    told = {field.name: getattr(event, field.name) for field in fields(Event)}
    return SegmentEvent(**told, segment=segment, batch=batch)


def newest_of(retrainer):
    """Return the newest event that a retrainer keeps, or None."""
    events = getattr(retrainer, "events_", ())
    return events[-1] if len(events) else None


def news_of(retrainer, newest):
    """Return the events that a retrainer keeps since one of its own, or all if that is None."""
    new = []
    for event in reversed(getattr(retrainer, "events_", ())):
        if event is newest:
            break
        new.append(event)
    return new[::-1]


def totals_of(retrainer):
    """Return the totals of all that a retrainer has done, a dict; empty before it has a log."""
    return dict(retrainer.events_.totals) if hasattr(retrainer, "events_") else {}


def work_between(before, after):
    """Return what was done between two moments at which :func:`totals_of` was asked."""
    return {name: value - before.get(name, 0) for name, value in after.items()}
