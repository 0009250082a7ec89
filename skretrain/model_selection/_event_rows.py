"""Where events stand in a stream: those of a fleet count the rows of their segment."""

from typing import NamedTuple

import numpy as np


class EventRecords(NamedTuple):
    """Events as records, which is all that pictures ask of a log.

    Attributes
    ----------
    records : list of dict
        One for each event.
    """

    records: list

    def to_records(self):
        """Return the records."""
        return self.records


def stream_rows(events, n_learned):
    """Return how many rows had been learned at each event, those of all segments of a fleet.

    Parameters
    ----------
    events : iterable of Event
        Those of a fleet have a `batch`, which counts the calls that have learned something.
    n_learned : array-like of int
        Rows learned by the first fit, and after each batch.

    Returns
    -------
    rows : list of int
        One for each event.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from skretrain.model_selection._event_rows import stream_rows
    >>> of_a_shop = SimpleNamespace(row=30, batch=2)
    >>> stream_rows([of_a_shop], [500, 500, 600, 700])
    [600]
    """
    learned = np.unique(n_learned).tolist()  # of a batch without labels, nothing was learned
    last = len(learned) - 1
    return [e.row if not hasattr(e, "batch") else learned[min(e.batch - 1, last)] for e in events]


def in_stream_rows(events, n_learned):
    """Return the log of a retrainer or None as it is; of a fleet, records whose `row` is another.

    Parameters
    ----------
    events : EventLog or None
        What has happened.
    n_learned : array-like of int
        As in :func:`stream_rows`.
    """
    if not any(hasattr(event, "batch") for event in events or ()):
        return events
    rows = stream_rows(events, n_learned)
    told = zip(events.to_records(), rows, strict=True)
    return EventRecords([record | {"row": row} for record, row in told])
