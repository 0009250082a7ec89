"""The events of a retrainer as one line of inline SVG, for its HTML representation."""

from collections import Counter
from html import escape

from ..utils._events import ACTIONS, notable_actions

_WIDTH, _HEIGHT, _MARGIN = 640, 64, 12
_AXIS_Y, _TEXT_Y = 34, 56

# An alarm is no action of its own: what it led to stands below it.
_ALARM = ("#D55E00", "M-4,-18 L4,-18 0,-11 Z")
_ALWAYS_COUNTED = ("alarms", "retrained")


def event_strip(events, n_rows):
    """Draw alarms and notable actions over the rows seen.

    Parameters
    ----------
    events : iterable of object with attributes ``row``, ``action``, ``state`` and ``reason``
        What happened.
    n_rows : int
        Rows seen so far, the length of the axis.

    Returns
    -------
    html : str
        A figure that follows the text colour of the page. Empty if no rows were seen.
    """
    if n_rows < 1:
        return ""
    events = list(events)
    looks = {"alarms": _ALARM}
    looks |= {action.label: (action.mark.colour, action.mark.path) for action in notable_actions()}
    drawn = [(event, kind) for event in events for kind in _kinds_of(event) if kind in looks]
    marks = [_mark(event, *looks[kind], n_rows) for event, kind in drawn]
    times = Counter(kind for _, kind in drawn)
    told = [kind for kind in looks if times[kind] or kind in _ALWAYS_COUNTED]
    counts = ", ".join(f"{times[kind]} {kind}" for kind in told)
    return (
        f'<figure style="margin:0.5em 0;max-width:{_WIDTH}px">'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img" '
        f'aria-label="{escape(counts)}" font-family="sans-serif" font-size="11">'
        f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{_AXIS_Y}" y2="{_AXIS_Y}" '
        f'stroke="currentColor"/>{"".join(marks)}'
        f'<text x="{_MARGIN}" y="{_TEXT_Y}" fill="currentColor">row 0</text>'
        f'<text x="{_WIDTH - _MARGIN}" y="{_TEXT_Y}" text-anchor="end" fill="currentColor">'
        f"{n_rows:,}</text>"
        f'<text x="{_WIDTH / 2:g}" y="{_TEXT_Y}" text-anchor="middle" fill="currentColor">'
        f"{escape(counts)}</text></svg></figure>"
    )


def _kinds_of(event):
    yield ACTIONS[event.action].label
    if event.state == "drift":
        yield "alarms"


def _mark(event, colour, path, n_rows):
    x = _MARGIN + (_WIDTH - 2 * _MARGIN) * event.row / n_rows
    title = escape(f"row {event.row:,}: {event.action}, {event.reason}")
    # The edge has the colour of the text: a black mark shows on a dark page, a yellow one on white.
    return (
        f'<path transform="translate({x:.1f},{_AXIS_Y})" d="{path}" fill="{colour}" '
        f'stroke="currentColor" stroke-width="0.7"><title>{title}</title></path>'
    )
