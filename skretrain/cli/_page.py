"""The page: one file to read, send and keep, which loads nothing from anywhere."""

from html import escape
from string import Template

from .. import __version__
from ..utils._html import document, header_row, terms
from ..utils._html import notices as list_of_notices
from ._report import cells, explanation, headers, priced_in
from ._sentence import winner_of

STYLE = """
.answer p { margin: 0 0 .5rem; font-size: 1rem; }
.answer p:first-child { font-size: 1.15rem; }
.answer p:last-child { margin: 0; }
.scroll { overflow-x: auto; }
th, td { white-space: nowrap; }
figure { margin: 0; }
summary { margin: 2rem 0 .75rem; font-size: 1.1rem; font-weight: 600; cursor: pointer; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #fff;
  border-radius: .3rem; }
@media (max-width: 40rem) {
  h1 { font-size: 1.35rem; }
  table, thead, tbody { display: block; }
  tr { display: grid; grid-template-columns: repeat(auto-fit, minmax(3.4rem, 1fr));
    border-bottom: 1px solid var(--line); padding: .35rem 0; }
  th, td { border: 0; padding: .1rem .1rem .1rem 0; font-size: .75rem; }
  tr > :first-child { grid-column: 1 / -1; font-size: .8125rem; }
  thead th { font-size: .6875rem; white-space: normal; align-self: end; }
}
"""

_BODY = Template("""\
<div class="answer">$answers</div>
<h2>The policies</h2>
<div class="scroll" tabindex="0" role="region" aria-label="table of the policies">
<table>
$head
<tbody>
$rows
</tbody>
</table>
</div>
<p class="legend">$legend</p>
<h2>What each policy does</h2>
$explanations
$figures
<h2>What was compared</h2>
$facts
$notices
""")

_LEGEND = (
    "Each row of the file was predicted by the model that would have served at that moment, before "
    "its label was known; the rows of the warm-up are not scored. CPU s: processor seconds of "
    "learning. (no change) repeats the newest known target, {constant} always predicts that of the "
    "warm-up; neither costs anything."
)
_KAPPA = " kappa temporal: 0 is as good as (no change), 1 is perfect."
_COST = (
    " cost: {summed}, and the price of each refit after the first fit; an update is "
    "charged by its rows."
)
_LACK = "the rows times what the score lacks"
_SEEDS = " Scores are means ± standard deviations over {n} seeds, all else means."


def page(*, title, answers, outcomes, baselines, metric, facts, notices, figures):
    """Return the page as HTML.

    Parameters
    ----------
    title : str
        What was asked.
    answers : list of str
        The answer, sentence by sentence.
    outcomes, baselines : list of Outcome
        The table.
    metric : Measured
        What they are compared by.
    facts : dict of str to str
        What was compared.
    notices : list of str
        What was done to the rows and columns, and warnings.
    figures : list of Picture
        The pictures.
    """
    everyone = [*outcomes, *baselines]
    best, priced = winner_of(outcomes), priced_in(outcomes)
    body = _BODY.substitute(
        answers="".join(f"<p>{escape(text)}</p>" for text in answers),
        head=header_row(headers(metric, priced=priced)),
        rows="\n".join(_row(o, metric, is_best=o is best, priced=priced) for o in everyone),
        legend=escape(_legend(metric, baselines[-1].name, len(best.losses), priced=priced)),
        explanations=terms({outcome.name: explanation(outcome) for outcome in everyone}),
        facts=terms(facts),
        notices=list_of_notices(notices),
        figures="\n".join(map(figure_of, figures)),
    )
    remark = "; the table is in compare.csv, unrounded"
    return document(title, body, version=__version__, style=STYLE, remark=remark)


def _row(outcome, metric, *, is_best, priced):
    name, *numbers = map(escape, cells(outcome, metric, priced=priced))
    mark = ' class="best"' if is_best else ""
    others = "".join(f"<td>{number}</td>" for number in numbers)
    return f'<tr{mark}><th scope="row">{name}</th>{others}</tr>'


def _legend(metric, constant, n_seeds, *, priced):
    summed = f"the {metric.summed} summed up" if metric.metric is None else _LACK
    cost = _COST.format(summed=summed)
    more = (_KAPPA if "kappa temporal" in headers(metric, priced=priced) else "") + (
        cost if priced else ""
    )
    return (
        _LEGEND.format(constant=constant) + more + (_SEEDS.format(n=n_seeds) if n_seeds > 1 else "")
    )


def figure_of(picture):
    """Return a picture as HTML, with its title and what it shows."""
    caption = escape(picture.caption)
    title, figure = (
        escape(picture.title),
        "<figure><picture>"
        f'<source media="(max-width: 40rem)" srcset="{picture.narrow}">'
        f'<img src="{picture.wide}" alt="{caption}"></picture>'
        f"<figcaption>{caption}</figcaption></figure>",
    )
    if picture.is_folded:
        return f"<details><summary>{title}</summary>\n{figure}</details>"
    return f"<h2>{title}</h2>\n{figure}"
