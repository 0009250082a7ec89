"""Hooks: callables that hear of events, once the call that led to them is done."""

import logging
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, NamedTuple

from ..exceptions import SkretrainWarning
from ._records import for_itself
from ._warn import warn_user

logger = logging.getLogger("skretrain.hooks")

# The hook that runs in this thread.
_RUNNING = ContextVar("running", default=None)


class Hook(NamedTuple):
    """A callable that hears of the events of one log.

    Attributes
    ----------
    call : callable
        Called as ``call(event)``.
    action : str or None
        Of the events that it hears of; None is every event that the log keeps.
    member : str
        Of a mixture, whose name begins the reason of the event; empty where there are none.
    group : list
        What was attached with it in one call, the same for all: the actions at which it failed.
    """

    call: Any
    action: str | None
    member: str
    group: list

    def hears(self, event, *, is_kept):
        """Tell whether an event is one for the hook; what it has led to itself is not."""
        running = _RUNNING.get()
        if running is not None and running.group is self.group and running.action == self.action:
            return False
        return is_kept if self.action is None else event.action == self.action

    def run(self, event):
        """Call the hook, and return what it raised."""
        token = _RUNNING.set(self)
        try:
            with for_itself():  # a hook of a segment may let another model learn
                self.call(of_member(event, self.member))
        except Exception as error:
            return error
        finally:
            _RUNNING.reset(token)
        return None

    def complain(self, event, error):
        """Log a failure, and return the warning of the first one."""
        name = getattr(self.call, "__qualname__", type(self.call).__name__)
        what = f"the hook {name} failed at the event {event.action!r} of row {event.row}"
        logger.error(what, exc_info=error)
        if self.action in self.group:
            return []
        self.group.append(self.action)
        return [
            f"{what}: {type(error).__name__}: {error}. The model and its log are in order, and the "
            "hook is called again; from now on only the logger 'skretrain.hooks' tells of it."
        ]


class Hooks:
    """The hooks of one log, and what they have still to hear of; they belong to this process.

    Attributes
    ----------
    hooks : tuple of Hook
        Replaced as a whole, so that other threads may read it.
    untold : deque of (Hook, Event)
        What was recorded since the last call of :meth:`tell`.

    Examples
    --------
    >>> from skretrain.utils._events import Event
    >>> from skretrain.utils._hooks import Hook, Hooks
    >>> hooks = Hooks()
    >>> hooks.add(Hook(lambda event: print(event.reason), "failed", "", []))
    >>> hooks.note(Event("failed", 10, 1, reason="no space left"), is_kept=True)
    >>> hooks.tell()
    no space left
    """

    def __init__(self):
        self.hooks = ()
        self.untold = deque()

    def add(self, hook):
        """Let a hook hear of what comes."""
        self.hooks = (*self.hooks, hook)

    def drop(self, group):
        """Let the hooks of a group hear of nothing more."""
        self.hooks = tuple(hook for hook in self.hooks if hook.group is not group)

    def note(self, event, *, is_kept):
        """Take note of what is to be told."""
        heard_by = [hook for hook in self.hooks if hook.hears(event, is_kept=is_kept)]
        self.untold.extend((hook, event) for hook in heard_by)

    def tell(self):
        """Call the hooks, one after the other; the first failure of each is a warning."""
        if _RUNNING.get() in self.hooks:
            return  # a hook lets the model learn: what it leads to is told next
        warnings = []
        with suppress(IndexError):  # of the queue, once it is empty; other threads tell, too
            while True:
                hook, event = self.untold.popleft()
                error = hook.run(event) if hook in self.hooks else None
                if error is not None:
                    warnings += hook.complain(event, error)
        for warning in warnings:  # last, because a filter may turn it into an error
            warn_user(warning, SkretrainWarning)


class Telling:
    """Tell the hooks of the logs of an owner what a block has led to, even if it raises.

    A class, because a warning is to point to the user's line and not into contextlib.
    """

    def __init__(self, owner):
        self.owner = owner

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for log in self.owner._event_logs().values():
            log.tell()


def pass_on(before, after):
    """Let the hooks of logs hear of the logs that take their place.

    Parameters
    ----------
    before, after : dict of str to EventLog
        By the name of the member. One that is new has the hooks of the first one.
    """
    for name, log in after.items():
        earlier = before.get(name, next(iter(before.values()), log))
        for hook in earlier.listening:
            log.hear(hook._replace(member=name if hook.member else ""))


def of_member(event, name):
    """Return the event of a member, whose name begins the reason."""
    if not name:
        return event
    return replace(event, reason=f"{name}: {event.reason}" if event.reason else name)
