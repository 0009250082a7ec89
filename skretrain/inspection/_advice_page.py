"""The page of an advice: the answer, the table of what was tried, and what it rests on."""

import math
from html import escape
from string import Template

from ..utils._html import document, header_row, terms
from ..utils._html import notices as list_of_notices
from ..utils._words import counted

_STYLE = """
h1 { font-size: 1.1rem; font-weight: 600; color: var(--faint); margin: 0 0 .3rem; }
.action { font-size: 1.7rem; line-height: 1.25; font-weight: 700; color: var(--accent);
  margin: 0 0 1rem; }
.more { padding-left: 1.3rem; margin: 0 0 1rem; }
.more li { margin-bottom: .4rem; }
th, td { vertical-align: top; }
table.wide td { white-space: nowrap; }
td.text { text-align: left; color: var(--faint); }
th small, td small { display: block; color: var(--faint); font-size: .8rem; font-weight: 400; }
th small { max-width: 15rem; }
td small { white-space: nowrap; }
.bar { position: relative; height: 1.1rem; min-width: 9rem; }
.bar i { position: absolute; top: 0; bottom: 0; border-left: 1px dashed var(--faint); }
.bar b { position: absolute; top: .48rem; height: .16rem; background: var(--accent); }
.bar u { position: absolute; top: .24rem; width: .64rem; height: .64rem; margin-left: -.32rem;
  border-radius: 50%; background: var(--accent); }
@media (max-width: 40rem) {
  .action { font-size: 1.4rem; }
  th, td { padding: .35rem .4rem; font-size: .875rem; }
  table.wide, .wide tbody, .wide tr, .wide td, .wide tbody th { display: block; }
  .wide thead { display: none; }
  .wide tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  .wide tbody td, .wide tbody th { border: 0; white-space: normal; padding: .1rem 0;
    text-align: left; }
  .wide tbody th { font-weight: 700; }
  .wide td[data-name]::before { content: attr(data-name) ": "; color: var(--faint);
    font-weight: 400; }
  .wide td small { display: inline; white-space: normal; }
  .wide td.empty { display: none; }
}
"""

_BODY = Template("""\
<p class="action">$headline</p>
<p class="answer">$reason</p>
<ul class="more">$more</ul>
$notices
<h2>What was tried</h2>
<table class="wide">
$head
<tbody>
$rows
</tbody>
</table>
<p class="legend">$legend</p>
$left_out
$moved
$sensitive
<h2>What it rests on</h2>
$facts
""")


def advice_page(advice, title, *, actions, facts, notices, version):
    """Return the page.

    Parameters
    ----------
    advice : object
        With ``action``, ``sentences`` (the first is the headline), ``rows`` and ``evidence`` as
        dicts, and ``units``, which writes losses by ``name``, ``level``, ``change``, ``interval``
        and ``slope``, and has ``metric`` and ``gain_is_a_rise``.
    title : str
        The page's headline.
    actions : dict of {str: object}
        What a reader is told of each action, with ``name`` and ``tried``.
    facts : dict of {str: str}
        More to say about the data, by name.
    notices : sequence of str
        What the reader should know about the data.
    version : str
        Of the program.

    Returns
    -------
    page : str
        HTML.
    """
    rows = [row for row in advice.rows if row["tried"]]
    out = [row for row in advice.rows if not row["tried"]]
    units, evidence = advice.units, advice.evidence
    heads = [
        "action",
        f"{units.name}, new rows",
        "gain",
        "",
        "old rows",
        "forgetting",
        "negative flips",
        "seconds",
    ]
    axis = _axis(rows)
    body = _BODY.substitute(
        headline=escape(advice.sentences[0].rstrip(".")),
        reason=escape(advice.sentences[1]),
        more="".join(f"<li>{escape(sentence)}</li>" for sentence in advice.sentences[2:]),
        notices=list_of_notices(notices),
        head=header_row(heads),
        rows="\n".join(_row(row, advice, actions, axis) for row in rows),
        legend=escape(_legend(units, len(rows) - 1)),
        left_out=_pairs("Left out", {actions[row["action"]].name: row["note"] for row in out}),
        moved=_moved_table(evidence["input_shift"]),
        sensitive=_sensitive_table(evidence["sensitivity"]),
        facts=terms({**facts, **_facts(evidence, units)}),
    )
    return document(title, body, version=version, style=_STYLE)


def _axis(rows):
    """Return the ends of the axis on which the gains are drawn."""
    ends = [row[name] for row in rows for name in ("gain_low", "gain_high")]
    finite = [end for end in ends if math.isfinite(end)] + [0.0]
    low, high = min(finite), max(finite)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _row(row, advice, actions, axis):
    units, mark = advice.units, ' class="best"' if row["action"] == advice.action else ""
    is_keep = row["action"] == "keep"
    cells = [
        _cell(units.name + ", new rows", units.level(row["loss_new"])),
        _cell("gain", units.change(row["gain"]), units.interval(row["gain_low"], row["gain_high"])),
        f'<td class="text{" empty" if is_keep else ""}">{"" if is_keep else _bar(row, axis)}</td>',
        _cell(units.name + ", old rows", units.level(row["loss_old"])),
        _cell(
            "forgetting",
            units.change(row["forgetting"]),
            units.interval(row["forgetting_low"], row["forgetting_high"]),
        ),
        _cell("negative flips", f"{100 * row['negative_flips']:.1f} %"),
        _cell("seconds", f"{row['seconds']:.2f}", f"forecast {row['forecast_seconds']:.2f}"),
    ]
    if is_keep:
        cells = [cells[0], _empty(), cells[2], cells[3], _empty(), _empty(), _empty()]
    action = actions[row["action"]]
    remark = "; ".join(filter(None, [action.tried, row["note"]]))
    name = f'<th scope="row">{action.name} <small>{escape(remark)}</small></th>'
    return f"<tr{mark}>{name}{''.join(cells)}</tr>"


def _cell(name, text, small=""):
    small = f" <small>{escape(small)}</small>" if small else ""
    return f'<td data-name="{escape(name)}">{escape(text)}{small}</td>'


def _empty():
    return '<td class="empty"></td>'


def _bar(row, axis):
    """Return the gain and its interval, drawn; the dashed line is no gain."""
    low, high = axis

    def place(value):
        return 100 * (min(max(value, low), high) - low) / (high - low)

    left, right = place(row["gain_low"]), place(row["gain_high"])
    return (
        f'<div class="bar" role="img" aria-label="gain and its interval">'
        f'<i style="left:{place(0):.1f}%"></i>'
        f'<b style="left:{left:.1f}%;width:{right - left:.1f}%"></b>'
        f'<u style="left:{place(row["gain"]):.1f}%"></u></div>'
    )


def _legend(units, n):
    text = (
        "Every number is measured on held-out rows that no candidate has learned. Gain: the "
        f"present model minus the candidate, with 95 % intervals that hold for all {n} together; "
        "the dashed line is no gain. Forgetting: how much is lost on rows of the old period. "
        "Negative flips: new rows that were right and are wrong now. Seconds: of the processor, "
        "and forecast for all rows."
    )
    if units.metric is None:
        return text
    return f"{text} A gain is a {'rise' if units.gain_is_a_rise else 'fall'} of the {units.name}."


def _pairs(title, texts):
    return f"<h2>{title}</h2>\n{terms(texts)}" if texts else ""


def _small_table(title, heads, rows, legend):
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    table = f"<table>{header_row(heads)}<tbody>{body}</tbody></table>"
    return f'<h2>{escape(title)}</h2>\n{table}\n<p class="legend">{escape(legend)}</p>'


def _moved_table(shift):
    if not shift["moved"]:
        return ""
    rows = [
        (m["name"], f"{m['distance']:.2f}", _steps(m["in_deviations"])) for m in shift["moved"][:10]
    ]
    legend = (
        "Distance: Kolmogorov-Smirnov for numbers, total variation for categories and dates; 0 is "
        f"no move, 1 no overlap. {counted(len(shift['moved']), 'column')} moved beyond noise."
    )
    return _small_table("Columns that moved", ["column", "distance", "move in SD"], rows, legend)


def _steps(value):
    return f"{value:+.2f}" if math.isfinite(value) else "-"


def _sensitive_table(found):
    rows = [
        (f["name"], f"{100 * f['jitter']:.1f} %", f"{100 * f['shift']:.1f} %")
        for f in found["features"][:10]
    ]
    if not rows:
        return ""
    rows.insert(
        0, ("all together", f"{100 * found['jitter']:.1f} %", f"{100 * found['shift']:.1f} %")
    )
    legend = (
        "Share of the present model's predictions that flip when a column gets noise of 0.1 "
        "standard deviations, or is moved as far as the new rows are."
    )
    return _small_table("What its predictions depend on", ["column", "noise", "move"], rows, legend)


def _facts(evidence, units):
    rows, needed = evidence["rows"], evidence["rows_needed"]
    present = "given fitted" if evidence["present"]["fitted"] else "fitted on the old rows"
    facts = {
        "rows": f"{rows['old']:,} old, {rows['new']:,} new",
        "held out": f"the newest {rows['old_held_out']:,} old and {rows['new_held_out']:,} new",
        "learned from": f"{rows['old_learned']:,} old, {rows['new_learned']:,} new",
        "present model": present,
        "candidates": evidence["decision"]["n_candidates"],
        "gain that would matter": units.change(evidence["decision"]["gain_that_matters"]),
    }
    unread = [rows["old_unpredicted"], rows["new_unpredicted"]]
    if any(unread):
        facts["not read by it"] = f"{unread[0]:,} old and {unread[1]:,} new of those held out"
    if evidence["decision"]["price"] is not None:
        facts["price of a refit"] = f"{evidence['decision']['price']:g}"
    if math.isfinite(needed["slope_per_doubling"]):
        facts["refit on new rows"] = (
            f"{units.name} by rows: "
            + ", ".join(f"{n:,}: {units.level(loss)}" for n, loss in needed["curve"])
            + f"; {units.slope(needed['slope_per_doubling'])} per doubling"
        )
    return facts
