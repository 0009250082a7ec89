"""What has moved, in a table on the terminal, on a page, and in a CSV."""

import math
from html import escape
from string import Template

from .. import __version__
from ..utils._html import document, header_row, terms
from ..utils._html import notices as list_of_notices
from ._console import say
from ._errors import needed
from ._page import STYLE, figure_of

_HEADERS = ["column", "then", "now", "distance", "p", "what moved"]
_PAGE_HEADERS = ["column", "then", "now", "distance", "SD moved", "PSI", "p"]
_MOST_ROWS = 30  # on the terminal
_LETTERS = 12  # of a category
_NEW = 0.005  # of the rows have a category that is new, if it is to be mentioned

_STYLE = """
th small { display: block; color: var(--faint); font-size: .8rem; font-weight: 400; }
td, tbody th { vertical-align: top; white-space: normal; }
tbody th { min-width: 9rem; }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { grid-template-columns: 1fr 1fr; }
  td { text-align: left; }
  td[data-name]::before { content: attr(data-name) ": "; color: var(--faint);
    font-weight: 400; }
}
"""

_BODY = Template("""\
<div class="answer">$answers</div>
$figures
<h2>The columns</h2>
<div class="scroll" tabindex="0" role="region" aria-label="table of the columns">
<table>
$head
<tbody>
$rows
</tbody>
</table>
</div>
<p class="legend">$legend</p>
<h2>What was compared</h2>
$facts
$notices
""")

_LEGEND = (
    "Numbers are means ± standard deviations, categories the shares of the two that changed most. "
    "Distance: Jensen-Shannon, from 0 (the same) to 1 (nothing in common), over deciles or "
    "categories, missing values included. SD moved: Wasserstein distance in standard deviations of "
    "the reference. PSI: population stability index. p: adjusted for all columns together. In "
    "bold what moved, by a difference that is proven and large. A column may move without harm: "
    "only a score tells whether a model suffers."
)


def print_table(console, shifts, features):
    """Print the columns that are compared, with those that moved in bold."""
    text = needed("rich.text").Text  # a name may hold brackets, markup to rich
    table = needed("rich.table").Table(
        box=needed("rich.box").SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for header in _HEADERS:
        is_number = header in ("distance", "p")
        table.add_column(header, justify="right" if is_number else "left", no_wrap=is_number)
    for shift in shifts[:_MOST_ROWS]:
        then, now = _then_and_now(shift, features)
        cells = [shift.name, then, now, f"{shift.effect:.2f}", _p(shift), _what(shift)]
        table.add_row(*map(text, cells), style="bold" if shift.moved else None)
    console.print(table)
    if len(shifts) > _MOST_ROWS:
        say(console, f"  and {len(shifts) - _MOST_ROWS:,} more in monitor.csv\n")


def _p(shift):
    return "<0.0001" if shift.p_adjusted < 1e-4 else f"{shift.p_adjusted:.4f}"


def _what(shift):
    if not shift.moved:
        return "-"
    if shift.test == "missing":
        return "missing values"
    if shift.kind == "numeric":
        return "numbers"
    return "new categories" if shift.share_new_levels >= _NEW else "categories"


def _then_and_now(shift, features):
    """Return a column in short, in both files."""
    both = _of_numbers(shift) if shift.kind == "numeric" else _of_levels(shift, features)
    if shift.test != "missing":
        return both
    missing = shift.missing_reference, shift.missing_new
    return [
        f"{text}, {part:.0%} missing" if part < 1 else "missing"
        for text, part in zip(both, missing, strict=True)
    ]


def _of_numbers(shift):
    means, deviations = (
        (shift.mean_reference, shift.mean_new),
        (shift.std_reference, shift.std_new),
    )
    pairs = zip(means, deviations, strict=True)
    return ["-" if math.isnan(mean) else f"{mean:.3g} ± {sd:.3g}" for mean, sd in pairs]


def _of_levels(shift, features):
    """Return the shares of the two categories that changed most."""
    then, now = (_shares(table, shift.name) for table in features)
    change = {level: abs(now.get(level, 0) - then.get(level, 0)) for level in then | now}
    levels = sorted(change, key=lambda level: (-change[level], level))[:2]
    return [
        ", ".join(f"{_short(level)} {share.get(level, 0):.0%}" for level in levels) or "-"
        for share in (then, now)
    ]


def _shares(table, name):
    if name not in table.columns:
        return {}
    return table[name].astype(object).dropna().astype(str).value_counts(normalize=True).to_dict()


def _short(level):
    return level if len(level) <= _LETTERS else f"{level[: _LETTERS - 1]}…"


def as_csv(found):
    """Return what moved and what did not as CSV, unrounded; first what it is."""
    parts = {"column": found.columns, "target": found.target, "prediction": found.predictions}
    frame = needed("pandas").DataFrame(
        {"what": what, **shift._asdict(), "new_levels": "|".join(shift.new_levels)}
        for what, shifts in parts.items()
        for shift in shifts
    )
    return frame.to_csv(index=False)


def page(title, found, features, *, facts, notices, figures):
    """Return the page as HTML.

    Parameters
    ----------
    title : str
        What was asked.
    found : Findings
        What has moved, and what has not.
    features : list of two DataFrame
        The rows that are compared.
    facts : dict of str to str
        What was compared.
    notices : list of str
        What was done to the rows and columns, and warnings.
    figures : list of Picture
        The pictures.
    """
    body = _BODY.substitute(
        answers="".join(f"<p>{escape(text)}</p>" for text in found.sentences),
        head=header_row(_PAGE_HEADERS),
        rows="\n".join(_row(shift, features) for shift in found.columns),
        legend=escape(_LEGEND),
        facts=terms(facts),
        notices=list_of_notices(notices),
        figures="\n".join(map(figure_of, figures)),
    )
    remark = "; the table is in monitor.csv, unrounded"
    return document(title, body, version=__version__, style=STYLE + _STYLE, remark=remark)


def _row(shift, features):
    moved_by = "-" if math.isnan(shift.wasserstein) else f"{shift.wasserstein:.3g}"
    numbers = [f"{shift.effect:.2f}", moved_by, f"{shift.psi:.2f}", _p(shift)]
    cells = "".join(
        f'<td data-name="{name}">{escape(text)}</td>'
        for name, text in zip(
            _PAGE_HEADERS[1:], [*_then_and_now(shift, features), *numbers], strict=True
        )
    )
    mark = ' class="best"' if shift.moved else ""
    name = f"{escape(shift.name)} <small>{escape(shift.reason)}</small>"
    return f'<tr{mark}><th scope="row">{name}</th>{cells}</tr>'
