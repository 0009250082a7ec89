"""The gallery: every script runs, ends with a picture and prints what it and the pages quote."""

import ast
import contextlib
import io
import re
import runpy
import sys
import textwrap
from pathlib import Path

import pytest
from helpers import representatives
from matplotlib import pyplot

pytestmark = [
    pytest.mark.no_cover,
    # Of Keras on torch, whose tensors have not heard of NumPy 2's keyword.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]

DOCS = Path(__file__).resolve().parents[1] / "docs"
SCRIPTS = sorted((DOCS / "gallery").glob("plot_*.py"))
SHORT = ("plot_pipeline",)
_NUMBER = re.compile(r"\d[\d.,]*")
FAST = [script for script in SCRIPTS if script.stem in SHORT]


@pytest.fixture(autouse=True)
def no_figure_left():
    pyplot.close("all")
    yield
    pyplot.close("all")


def _prose(script):
    """Return what a reader sees as text: the docstring and the comments that begin a block."""
    source = script.read_text()
    blocks = re.findall(r"^# %%\n((?:#.*\n)+)", source, flags=re.MULTILINE)
    text = "\n".join([ast.get_docstring(ast.parse(source)), *blocks])
    return re.sub(r"``[^`]*``|<https?://[^>]*>", "", text)


def _numbers(text):
    return {number.rstrip(".,").replace(",", "") for number in _NUMBER.findall(text)}


def _quoted(script):
    """Return the output of a script that pages of the user guide show as printed by it."""
    head = rf"^\.\. printed by {script.name}\n\.\. code-block:: none\n\n"
    text = "".join(page.read_text() for page in (DOCS / "user_guide").rglob("*.rst"))
    return [textwrap.dedent(block) for block in re.findall(head + "((?: {3}.*\n)+)", text, re.M)]


def _is_within(block, printed):
    """Tell whether a block was printed; nets end a little elsewhere on another processor."""
    quoted, lines = block.splitlines(), printed.splitlines()
    return any(
        all(map(_is_alike, quoted, lines[start : start + len(quoted)]))
        for start in range(len(lines) - len(quoted) + 1)
    )


def _is_alike(line, other):
    numbers, others = (
        [float(number.replace(",", "")) for number in _NUMBER.findall(text)]
        for text in (line, other)
    )
    words, other_words = (_NUMBER.sub("#", text).split() for text in (line, other))
    return words == other_words and numbers == pytest.approx(others, abs=0.1)


@pytest.mark.parametrize("script", representatives(SCRIPTS, FAST), ids=lambda path: path.stem)
def test_a_script_runs_ends_with_a_picture_and_prints_what_is_quoted_of_it(script):
    """The numbers in its own text, and the output on pages of the user guide, line by line."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(script), run_name="__main__")
    assert [figure for figure in map(pyplot.figure, pyplot.get_fignums()) if figure.axes]
    assert "The picture" in script.read_text() or "plt.show()" in script.read_text()[-20:]
    assert _numbers(_prose(script)) <= _numbers(printed.getvalue())
    for block in _quoted(script):
        assert _is_within(block, printed.getvalue())


def test_the_outputs_that_pages_quote_are_of_scripts_that_exist():
    pages = "".join(page.read_text() for page in (DOCS / "user_guide").rglob("*.rst"))
    assert pages.count(".. printed by ") == sum(len(_quoted(script)) for script in SCRIPTS) > 0


def test_the_gallery_shows_every_script_in_a_stated_order(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import gallery_order

    monkeypatch.delitem(sys.modules, "gallery_order")
    place = gallery_order.ReadersWay(str(DOCS / "gallery"))
    assert sorted(place(script.name) for script in SCRIPTS) == list(range(len(SCRIPTS)))
    with pytest.raises(ValueError, match="not in"):
        place("plot_nothing.py")
