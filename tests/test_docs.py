"""The documentation's own code: its diagrams, and code blocks that are not doctests."""

import ast
import importlib
import re
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.no_cover  # sources are read, not run

DOCS = Path(__file__).resolve().parents[1] / "docs"
SOURCES = DOCS.parent / "skretrain"
PAGES = sorted(
    page for page in DOCS.rglob("*.rst") if not {"_build", "generated"} & set(page.parts)
)


def _diagrams():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        return importlib.import_module("diagrams")


def _graph():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        return importlib.import_module("import_graph")


def _python_blocks(page):
    pattern = r"^( *)\.\. code-block:: python\n\n((?:\1   .*\n|\n)+)"
    found = re.findall(pattern, page.read_text(), flags=re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return the folder of all diagrams."""
    folder = tmp_path_factory.mktemp("diagrams")
    _diagrams().write(folder)
    return folder


@pytest.mark.parametrize("name", sorted(_diagrams().DIAGRAMS))
def test_a_diagram_is_described_and_its_text_stays_inside(name, drawn):
    root = ElementTree.parse(drawn / f"{name}.svg").getroot()
    width, height = (float(side) for side in root.get("viewBox").split()[2:])
    assert root.get("aria-label")
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        x, y, size = (float(text.get(key)) for key in ("x", "y", "font-size"))
        length = 0.55 * size * len(text.text)  # a character of the common fonts is narrower
        left = x - {"start": 0, "middle": length / 2, "end": length}[text.get("text-anchor")]
        assert left >= 0, text.text
        assert left + length <= width, text.text
        assert size <= y <= height, text.text


def test_the_picture_of_imports_has_every_part_and_every_import_of_the_code():
    """An arrow that is left out is implied by others; rows have no imports among themselves."""
    module = _graph()
    for folder in ("", "_retrainer"):
        graph = module.imports(folder)
        parts = {
            path.stem for path in (SOURCES / folder).glob("[!.]*") if path.suffix in ("", ".py")
        }
        assert graph.keys() == parts - module.LEFT_OUT - {"__pycache__"}
        drawn, heights = module.direct(graph), {}
        for height, row in enumerate(module.levels(graph)):
            heights |= dict.fromkeys(row, height)
        for room, used in graph.items():
            assert used <= _reached(drawn, room)
            assert all(heights[below] < heights[room] for below in used)
    with pytest.raises(ValueError, match="import each other in a circle"):
        module.levels({"one": {"other"}, "other": {"one"}})


def _reached(graph, room):
    return graph[room].union(*(_reached(graph, below) for below in graph[room]))


def test_every_part_has_a_diagram_and_every_diagram_a_page():
    used = re.findall(r"generated/diagrams/(\w+)\.svg", "".join(p.read_text() for p in PAGES))
    assert sorted(used) == sorted(_diagrams().DIAGRAMS)


def test_code_blocks_that_do_not_run_are_valid_and_import_what_exists():
    """But for Airflow, which brings a scheduler and its database."""
    blocks = [block for page in PAGES for block in _python_blocks(page)]
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] != "airflow":
                module = importlib.import_module(node.module)
                assert [a.name for a in node.names if not hasattr(module, a.name)] == []


def test_a_page_names_no_place_on_the_machine_that_it_was_written_on():
    places = re.compile(r"(?:/home|/root|/tmp|/work|/usr)/\S*")
    found = {str(page): places.findall(page.read_text()) for page in PAGES}
    assert {page: named for page, named in found.items() if named} == {}
