"""Records of events for Python's logging: each event once, however many logs keep it."""

import json
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from math import isfinite
from types import MappingProxyType

logger = logging.getLogger("skretrain.events")
# Silent unless somebody listens: else Python prints warnings of loggers without a handler.
logging.getLogger("skretrain").addHandler(logging.NullHandler())

_NOTHING = MappingProxyType({})
# What the records of this thread say beside their events; None: others log the events.
_SAID = ContextVar("said", default=_NOTHING)


def log_event(event, level, log=None):
    """Write an event to the logger ``skretrain.events``, unless others do.

    Parameters
    ----------
    event : Event
        What has happened. Its fields are those of the record, and of the JSON in it.
    level : int
        Of the record.
    log : EventLog or None, default=None
        Whose number is the `source`, where :func:`saying` has told of no other.
    """
    said = _SAID.get()
    if said is not None and logger.isEnabledFor(level):
        source = {} if log is None else {"source": log.source}
        fields = source | said | asdict(event)
        logger.log(level, as_json(fields), extra=fields)


@contextmanager
def saying(**fields):
    """Let the records of a block have these fields, where their events do not have them.

    Examples
    --------
    >>> import logging
    >>> from skretrain.utils._events import Event
    >>> from skretrain.utils._records import log_event, logger, saying
    >>> handler = logging.Handler()
    >>> handler.emit = lambda record: print(record.segment, record.action)
    >>> logger.addHandler(handler)
    >>> with saying(segment="north"):
    ...     log_event(Event("failed", 10, 1), logging.WARNING)
    north failed
    >>> logger.removeHandler(handler)
    """
    said = _SAID.get()
    with _set(None if said is None else {**said, **fields}):
        yield


def unsaid():
    """Return a context in which nothing is logged: others are told of the events, and do it."""
    return _set(None)


def for_itself():
    """Return a context in which records are as if nobody had said anything of them."""
    return _set(_NOTHING)


@contextmanager
def _set(said):
    token = _SAID.set(said)
    try:
        yield
    finally:
        _SAID.reset(token)


def as_json(document):
    """Return JSON that every reader takes: numbers of numpy are numbers, and NaN is null."""
    return json.dumps(_plain(document))


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)
