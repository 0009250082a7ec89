"""The source archive holds all that its own tests and make targets need."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SHIPPED = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

NEEDED = [
    *("skretrain", "tests", "conftest.py", "setup.cfg"),  # to run the tests
    *("docs", "benchmarks", "README.md", "CHANGELOG.md", "LICENSE"),  # some of them read these
    *("Makefile", "ruff.toml", *sorted(path.name for path in ROOT.glob("constraints*.txt"))),
]


@pytest.mark.parametrize("name", NEEDED)
def test_the_source_archive_has_what_the_tests_and_make_need(name):
    assert (ROOT / name).exists()
    assert any(fnmatch(f"/{name}", pattern) for pattern in SHIPPED)


def test_every_pattern_of_the_source_archive_finds_something():
    assert [pattern for pattern in SHIPPED if not list(ROOT.glob(pattern[1:]))] == []
