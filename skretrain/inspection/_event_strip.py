"""The events of a retrainer as one line of inline SVG, for its HTML representation."""

from html import escape

_WIDTH, _HEIGHT, _MARGIN = 640, 64, 12
_AXIS_Y, _TEXT_Y = 34, 56

# Okabe-Ito colours; each kind has a shape of its own, so that none depends on its colour.
_MARKS = {
    "alarm": ("alarms", "#D55E00", "M-4,-18 L4,-18 L0,-11 Z"),
    "retrained": ("retrained", "#0072B2", "M-4,0 A4,4 0 1,0 4,0 A4,4 0 1,0 -4,0 Z"),
    "rejected": ("rejected", "#CC79A7", "M-4,-4 L4,-4 L4,4 L-4,4 Z"),
    "rolled_back": ("rolled back", "#009E73", "M-5,0 L3,-5 L3,5 Z"),
    "failed": ("failed", "#000000", "M-4,-4 L4,4 M4,-4 L-4,4"),
}


def event_strip(events, n_rows):
    """Draw alarms, retrains, rejections, rollbacks and failures over the rows seen.

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
    marks = [mark for event in events for mark in _marks_of(event, n_rows)]
    kinds = [kind for event in events for kind in _kinds_of(event)]
    counts = ", ".join(f"{kinds.count(kind)} {name}" for kind, (name, *_) in _MARKS.items())
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
    kinds = {"alarm"} if event.state == "drift" else set()
    return kinds | ({event.action} & _MARKS.keys())


def _marks_of(event, n_rows):
    x = _MARGIN + (_WIDTH - 2 * _MARGIN) * event.row / n_rows
    title = escape(f"row {event.row:,}: {event.action}, {event.reason}")
    for kind in sorted(_kinds_of(event)):
        _, colour, path = _MARKS[kind]
        stroke = "currentColor" if kind == "failed" else colour
        yield (
            f'<path transform="translate({x:.1f},{_AXIS_Y})" d="{path}" fill="{colour}" '
            f'stroke="{stroke}"><title>{title}</title></path>'
        )
