"""The gallery: every script runs without a warning, ends with a picture and prints its numbers."""

import ast
import contextlib
import io
import re
import runpy
import sys
from pathlib import Path

import pytest
from helpers import representatives
from matplotlib import pyplot

pytestmark = pytest.mark.no_cover

DOCS = Path(__file__).resolve().parents[1] / "docs"
SCRIPTS = sorted((DOCS / "gallery").glob("plot_*.py"))
SHORT = ("plot_data_drift", "plot_forgetting", "plot_new_class", "plot_pipeline")
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
    return {number.rstrip(".,").replace(",", "") for number in re.findall(r"\d[\d.,]*", text)}


@pytest.mark.parametrize("script", representatives(SCRIPTS, FAST), ids=lambda path: path.stem)
def test_a_script_runs_ends_with_a_picture_and_prints_the_numbers_of_its_text(script):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(script), run_name="__main__")
    assert [figure for figure in map(pyplot.figure, pyplot.get_fignums()) if figure.axes]
    assert "The picture" in script.read_text() or "plt.show()" in script.read_text()[-20:]
    assert _numbers(_prose(script)) <= _numbers(printed.getvalue())


def test_the_gallery_shows_every_script_in_a_stated_order(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import gallery_order

    monkeypatch.delitem(sys.modules, "gallery_order")
    place = gallery_order.ReadersWay(str(DOCS / "gallery"))
    assert sorted(place(script.name) for script in SCRIPTS) == list(range(len(SCRIPTS)))
    with pytest.raises(ValueError, match="not in"):
        place("plot_nothing.py")
