"""Pages that load nothing from anywhere: the frame, the style and the parts that all have."""

from html import escape
from string import Template

_DOCUMENT = Template("""\
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
.answer { border-left: .3rem solid var(--accent); background: var(--tint); padding: .8rem 1rem;
  margin: 0 0 1rem; }
.notices { background: var(--note); padding: .7rem 1rem .7rem 2rem; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal;
  font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: .2rem; }
thead th { color: var(--faint); font-weight: 600; font-size: .875rem; vertical-align: bottom; }
tbody th { font-weight: 400; }
tr.best th, tr.best td { font-weight: 700; color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; }
.legend, figcaption, footer { color: var(--faint); font-size: .9rem; }
.legend, figcaption { margin-top: .5rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; }
@media (max-width: 40rem) {
  main { padding: 1.25rem 1rem 2rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
$style
</style>
</head>
<body>
<main>
<h1>$title</h1>
$body
<footer>Written by skretrain $version$remark.</footer>
</main>
</body>
</html>
""")


def document(title, body, *, version, style="", remark=""):
    """Return a page as HTML.

    Parameters
    ----------
    title : str
        The headline, as text.
    body : str
        What comes below it, as HTML.
    version : str
        Of this library, for the footer.
    style : str, default=""
        Rules of its own, which come after those of all pages.
    remark : str, default=""
        What the footer says besides the version, as text.

    Returns
    -------
    page : str
        One document, which loads nothing.

    Examples
    --------
    >>> from skretrain.utils._html import document
    >>> "<title>A &amp; B</title>" in document("A & B", "<p>text</p>", version="1.0")
    True
    """
    return _DOCUMENT.substitute(
        title=escape(title),
        body=body,
        style=style.strip(),
        remark=escape(remark),
        version=escape(version),
    )


def notices(texts):
    """Return texts as a list of notices; nothing where there are none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f'<ul class="notices">{items}</ul>' if items else ""


def terms(texts):
    """Return a list of names, each with what there is to say of it."""
    found = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in texts.items())
    return f"<dl>{found}</dl>"


def header_row(names):
    """Return the head of a table."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    return f"<thead><tr>{cells}</tr></thead>"
