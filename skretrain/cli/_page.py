"""The page: one file to read, send and keep, which loads nothing from anywhere."""

from html import escape
from string import Template

from .. import __version__
from ._report import cells, explanation, headers, is_priced
from ._sentence import best_of

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --paper: #ffffff; --ink: #1d2329; --faint: #5a6570; --line: #d5dbe1; --tint: #f1f6fa;
  --accent: #0072b2; --note: #fdf6e3; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181c; --ink: #e4e8ec; --faint: #a3adb7; --line: #39424b; --tint: #1d242b;
    --accent: #6bb8e8; --note: #2b271b; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: 0 0 .8rem; }
.answer { font-size: 1.15rem; border-left: .3rem solid var(--accent); background: var(--tint);
  padding: .8rem 1rem; margin: 0 0 1rem; }
.notices { background: var(--note); padding: .7rem 1rem .7rem 2rem; margin: 1rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal;
  font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--faint); font-weight: 600; font-size: .875rem; }
tbody th { font-weight: 400; }
tr.best th, tr.best td { font-weight: 700; color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; }
figure { margin: 0; }
td:last-child, thead th:last-child { padding-right: .2rem; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #fff;
  border-radius: .3rem; }
figcaption, .legend, footer { color: var(--faint); font-size: .9rem; }
figcaption, .legend { margin-top: .5rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; }
@media (max-width: 40rem) {
  main { padding: 1.25rem 1rem 2rem; }
  h1 { font-size: 1.35rem; }
  th, td { padding: .35rem .4rem; font-size: .8125rem; }
  tbody th, thead th { white-space: normal; }
  thead th { vertical-align: bottom; font-size: .75rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="answer">$sentence</p>
$remarks
<h2>The policies</h2>
<div class="scroll" tabindex="0" role="region" aria-label="table of the policies">
<table>
<thead><tr>$headers</tr></thead>
<tbody>
$rows
</tbody>
</table>
</div>
<p class="legend">$legend</p>
<h2>What each of them does</h2>
<dl>$explanations</dl>
<h2>What was compared</h2>
<dl>$facts</dl>
$notices
$figures
<footer>Written by skretrain $version; the table is in compare.csv, unrounded.</footer>
</main>
</body>
</html>
""")

_LEGEND = (
    "Each row of the file was predicted by the model that would have served at that moment, before "
    "its label was known; the rows of the warm-up are not scored. CPU s: processor seconds of "
    "learning. (no change) repeats the newest known target, and costs nothing."
)
_KAPPA = " kappa-temporal: 0 is as good as (no change), 1 is perfect."
_COST = (
    " cost: the errors summed up, and the price of each refit after the first fit; an update is "
    "charged by its rows."
)
_SEEDS = " Scores are means ± standard deviations over {n} seeds, all else means."


def write_page(
    path, *, title, sentence, advice, caution, outcomes, baseline, metric, facts, notices, figures
):
    """Write the page.

    Parameters
    ----------
    path : Path
        Where to write it.
    title, sentence : str
        What was asked, and the answer.
    advice : str or None
        What costs least at the price, if there is one.
    caution : str or None
        What the reader should know before acting on it.
    outcomes, baseline : list of Outcome and Outcome
        The table.
    metric : {"accuracy", "r2"}
        What the scores are.
    facts : dict of str to str
        What was compared.
    notices : list of str
        What was done to the rows and columns, and warnings.
    figures : list of Picture
        The pictures.
    """
    everyone = [*outcomes, baseline]
    best, priced = best_of(outcomes), is_priced(outcomes)
    names = headers(metric, priced=priced)
    page = _PAGE.substitute(
        title=escape(title),
        sentence=escape(sentence),
        remarks="\n".join(f"<p>{escape(text)}</p>" for text in (advice, caution) if text),
        headers="".join(f'<th scope="col">{escape(name)}</th>' for name in names),
        rows="\n".join(_row(o, metric, is_best=o is best, priced=priced) for o in everyone),
        legend=escape(_legend(metric, len(best.scores), priced=priced)),
        explanations=_pairs({outcome.name: explanation(outcome) for outcome in everyone}),
        facts=_pairs(facts),
        notices=_items(notices),
        figures="\n".join(map(_figure, figures)),
        version=__version__,
    )
    path.write_text(page, encoding="utf-8")


def _row(outcome, metric, *, is_best, priced):
    name, *numbers = map(escape, cells(outcome, metric, priced=priced))
    mark = ' class="best"' if is_best else ""
    others = "".join(f"<td>{number}</td>" for number in numbers)
    return f'<tr{mark}><th scope="row">{name}</th>{others}</tr>'


def _legend(metric, n_seeds, *, priced):
    more = (_KAPPA if metric == "accuracy" else "") + (_COST if priced else "")
    return _LEGEND + more + (_SEEDS.format(n=n_seeds) if n_seeds > 1 else "")


def _pairs(texts):
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in texts.items()
    )


def _items(texts):
    if not texts:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f'<ul class="notices">{items}</ul>'


def _figure(picture):
    caption = escape(picture.caption)
    return (
        f"<h2>{escape(picture.title)}</h2>\n<figure><picture>"
        f'<source media="(max-width: 40rem)" srcset="{picture.narrow}">'
        f'<img src="{picture.wide}" alt="{caption}"></picture>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
