"""The diagrams of the user guide: inline SVG whose colours follow the theme, light or dark.

Each is 480 units wide, so that its text stays readable on a phone. ``conf.py`` writes them.
"""

from html import escape

import import_graph

WIDTH = 480
INK = "var(--pst-color-text-base, #222)"
SOFT = "var(--pst-color-text-muted, #666)"
PAPER = "var(--pst-color-surface, #eee)"
MAIN = "var(--pst-color-primary, #0072b2)"
ALARM = "var(--skretrain-alarm, #b34700)"


def _text(x, y, words, *, size=15, anchor="middle", fill=INK, weight="normal"):
    style = f'font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x}" y="{y}" {style} fill="{fill}">{escape(words)}</text>'


def _box(x, y, width, height, lines, *, stroke=MAIN, dash="", fill=PAPER):
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="2"{dashes}/>'
    ]
    first = y + height / 2 + 5 - 9 * (len(lines) - 1)
    for k, line in enumerate(lines):
        weight = "bold" if k == 0 else "normal"
        size = 15 if k == 0 else 13.5
        parts.append(_text(x + width / 2, first + 18 * k, line, weight=weight, size=size))
    return "".join(parts)


def _arrow(*points, fill=SOFT, dash=""):
    path = " ".join(f"{x},{y}" for x, y in points)
    (x0, y0), (x, y) = points[-2:]
    dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
    tip = f"{x},{y} {x - 9 * dx - 5 * dy},{y - 9 * dy - 5 * dx} "
    tip += f"{x - 9 * dx + 5 * dy},{y - 9 * dy + 5 * dx}"
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{fill}" stroke-width="2"{dashes}/>'
        f'<polygon points="{tip}" fill="{fill}"/>'
    )


def _line(x1, y1, x2, y2, *, stroke=SOFT, dash="", width=2):
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{stroke}" '
        f'stroke-width="{width}"{dashes}/>'
    )


def _rect(x, y, width, height, *, fill, opacity=1.0):
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" '
        f'opacity="{opacity}"/>'
    )


def _figure(height, title, *parts):
    return (
        f'<svg class="skretrain-diagram" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg" '
        f'font-family="inherit"><title>{escape(title)}</title>{"".join(parts)}</svg>\n'
    )


def cycle():
    """One step of test-then-learn."""
    return _figure(
        430,
        "One call of partial_fit: the batch is predicted, the trigger sees the losses, the buffer "
        "remembers the rows, the policy builds a candidate, the gate decides whether it serves.",
        _box(150, 8, 180, 52, ["a batch comes in", "X, y"], stroke=SOFT),
        _arrow((240, 60), (240, 86)),
        _box(150, 86, 180, 52, ["champion", "predicts the batch"], stroke=INK),
        _arrow((150, 124), (92, 124), (92, 166)),
        _text(84, 114, "losses", fill=SOFT, size=13.5),
        _arrow((330, 124), (388, 124), (388, 166)),
        _text(392, 114, "rows", fill=SOFT, size=13.5),
        _box(12, 166, 160, 60, ["trigger", "when?"]),
        _box(308, 166, 160, 60, ["buffer", "on which rows?"]),
        _arrow((92, 226), (92, 288), (150, 288)),
        _text(100, 252, "alarm", fill=ALARM, size=13.5, anchor="start"),
        _arrow((388, 226), (388, 288), (330, 288)),
        _text(380, 252, "rows to fit", fill=SOFT, size=13.5, anchor="end"),
        _box(150, 258, 180, 60, ["policy", "how?"]),
        _arrow((240, 318), (240, 362)),
        _text(250, 345, "challenger", fill=SOFT, size=13.5, anchor="start"),
        _box(150, 362, 180, 60, ["gate", "whether?"]),
        _arrow((150, 392), (4, 392), (4, 74), (180, 74), (180, 86), fill=MAIN),
        _text(14, 410, "promoted: it serves", fill=MAIN, size=13.5, anchor="start"),
    )


def trigger():
    """A change, the alarm, and where the change is located."""
    before = "20,92 50,100 80,94 110,98 140,93 170,99 200,95"
    after = "200,95 215,55 235,44 255,50 275,42 300,47"
    late = "300,47 312,90 340,96 370,92 400,98 430,94 462,97"
    points = f'<polyline points="{before} {after} {late}" fill="none" stroke="{MAIN}" '
    return _figure(
        196,
        "The mean loss jumps when the concept changes. The alarm comes a little later, and the "
        "trigger locates the change. The refit uses the rows in between.",
        _text(20, 20, "mean loss of the champion", anchor="start", fill=MAIN, size=13.5),
        _rect(204, 30, 96, 96, fill=ALARM, opacity=0.18),
        points + 'stroke-width="2.5"/>',
        _line(20, 126, 466, 126),
        _text(466, 144, "rows", anchor="end", fill=SOFT, size=13.5),
        _line(204, 30, 204, 126, stroke=INK, dash="5 4"),
        _line(300, 30, 300, 126, stroke=ALARM),
        _text(204, 144, "change: since", size=13.5),
        _text(306, 28, "alarm", fill=ALARM, anchor="start", weight="bold"),
        _text(252, 172, "the rows since the change: the first refit", fill=ALARM, size=13.5),
        _text(330, 78, "after the refit", fill=SOFT, anchor="start", size=13.5),
    )


def buffer():
    """Which rows a window and a reservoir remember."""
    step, first = 14.6, 20
    kept = {2, 7, 11, 12, 16, 19, 22, 25, 26, 29}
    strips = []
    for top, chosen in ((46, set(range(20, 30))), (118, kept)):
        for k in range(30):
            fill, opacity = (MAIN, 1.0) if k in chosen else (SOFT, 0.22)
            strips.append(_rect(first + k * step, top, 11, 28, fill=fill, opacity=opacity))
    return _figure(
        196,
        "A sliding window remembers the newest rows; a reservoir remembers a random sample of all "
        "rows seen.",
        _text(20, 34, "SlidingWindow: the newest rows", anchor="start", weight="bold"),
        _text(20, 106, "Reservoir: a sample of all rows", anchor="start", weight="bold"),
        *strips,
        _arrow((20, 164), (458, 164)),
        _text(20, 184, "oldest", anchor="start", fill=SOFT, size=13.5),
        _text(458, 184, "newest", anchor="end", fill=SOFT, size=13.5),
    )


_FULL_REFIT = "FullRefit: since the change, again when doubled"


def policy():
    """Which rows each policy fits after a change."""
    change, unit, low = 150, 9.4, 92
    held = change + 8 * unit
    tried = [_rect(x, 40 + 17 * k, held - x, 12, fill=MAIN) for k, x in enumerate((change, 92, 20))]
    rows = []
    for k, size in enumerate((4, 8, 16, 32)):
        rows.append(_rect(change, low + 42 + 17 * k, size * unit, 12, fill=MAIN, opacity=0.9))
    mixed = [_rect(x, low + 204, 6, 14, fill=MAIN, opacity=0.9) for x in (28, 52, 61, 90, 117, 133)]
    return _figure(
        low + 250,
        "KeepOrRefit fits several windows, judges them and the present model on the rows held out, "
        "and refits only if that is better. FullRefit fits the rows since the change, again each "
        "time their number has doubled. "
        "WarmStart continues the model on the new rows. ReplayMix learns new rows with old ones.",
        _text(20, 24, "KeepOrRefit: better than the present model?", anchor="start", size=14),
        *tried,
        _rect(held, 40, 4 * unit, 46, fill=SOFT, opacity=0.75),
        _text(held + 4 * unit + 8, 68, "held out, to judge", anchor="start", fill=SOFT, size=13),
        _text(
            20, low + 24, "FullRefit: since the change, again when doubled", anchor="start", size=14
        ),
        *rows,
        _text(144, low + 54, "first", anchor="end", fill=SOFT, size=13),
        _text(144, low + 105, "later", anchor="end", fill=SOFT, size=13),
        _text(20, low + 146, "WarmStart: continue on the new rows", anchor="start", size=14),
        _rect(change, low + 156, 4 * unit, 14, fill=MAIN, opacity=0.9),
        _text(20, low + 194, "ReplayMix: new rows and remembered ones", anchor="start", size=14),
        *mixed,
        _rect(change, low + 204, 4 * unit, 14, fill=MAIN, opacity=0.9),
        # The line of the change leaves out the lines of text that it would cross.
        *[
            _line(change, top, change, end, stroke=ALARM, dash="5 4")
            for top, end in (
                (32, 98),
                (low + 32, low + 128),
                (low + 150, low + 178),
                (low + 200, low + 226),
            )
        ],
        _text(change, low + 243, "change", fill=ALARM, size=13.5),
        _arrow((230, low + 238), (460, low + 238)),
        _text(466, low + 228, "rows", anchor="end", fill=SOFT, size=13.5),
    )


def gate():
    """A challenger waits until rows that neither model has seen have spoken."""
    return _figure(
        214,
        "The champion serves while the challenger is on trial on rows that came after it was made. "
        "The gate promotes or rejects it.",
        _text(20, 28, "champion", anchor="start", weight="bold"),
        _rect(20, 36, 290, 16, fill=SOFT, opacity=0.75),
        _text(318, 28, "new champion", anchor="start", weight="bold", fill=MAIN),
        _rect(314, 36, 148, 16, fill=MAIN),
        _text(170, 92, "challenger", anchor="start", weight="bold"),
        _rect(168, 100, 142, 16, fill=MAIN, opacity=0.45),
        _arrow((312, 108), (330, 108), (330, 54), fill=MAIN),
        _text(338, 90, "promoted", fill=MAIN, anchor="start", size=13.5),
        _line(164, 22, 164, 150, stroke=ALARM, dash="5 4"),
        _text(164, 168, "alarm", fill=ALARM, size=13.5),
        _line(312, 62, 312, 150, stroke=INK, dash="5 4"),
        _text(312, 168, "verdict", size=13.5),
        _text(238, 142, "rows that neither", size=13, fill=SOFT),
        _text(238, 158, "has learned", size=13, fill=SOFT),
        _arrow((20, 186), (462, 186)),
        _text(462, 206, "rows", anchor="end", fill=SOFT, size=13.5),
    )


def rooms():
    """The parts of the library, and what each imports: drawn from the code."""
    graph = import_graph.imports()
    levels = import_graph.levels(graph)[::-1]
    rows = [row[k : k + 4] for row in levels for k in range(0, len(row), 4)]  # a phone is narrow
    place = {
        room: (WIDTH * (2 * k + 1) / (2 * len(row)), 68 * level + 30)
        for level, row in enumerate(rows)
        for k, room in enumerate(row)
    }
    lines = [
        _line(*place[room], *place[below], width=1.2)
        for room, used in import_graph.direct(graph).items()
        for below in sorted(used)
    ]
    boxes = [_box(x - 55, y - 16, 110, 32, [room]) for room, (x, y) in place.items()]
    title = "Each part of the library imports from parts below it only."
    return _figure(68 * len(rows), title, *lines, *boxes)


DIAGRAMS = {draw.__name__: draw for draw in (cycle, trigger, buffer, policy, gate, rooms)}


def write(folder):
    """Write every diagram to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DIAGRAMS.items():
        (folder / f"{name}.svg").write_text(draw())
