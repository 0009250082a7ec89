"""What is shipped: the source archive is complete, and the wheel works by itself."""

import subprocess
import sys
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


# What a newcomer does first, and what is told to whoever has not installed an extra.
FIRST_STEPS = """
import importlib, json, pathlib, pkgutil, sys
import skretrain
from sklearn.linear_model import SGDClassifier
from skretrain.datasets import make_drifting_classification

assert pathlib.Path(sys.prefix) in pathlib.Path(skretrain.__file__).parents, skretrain.__file__
for found in pkgutil.walk_packages(skretrain.__path__, "skretrain."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
X, y, _ = make_drifting_classification(2000, random_state=0)
model = skretrain.DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=100).fit(X, y)
print(model.score(X, y), file=sys.stderr)
"""


@pytest.mark.slow
def test_the_wheel_works_alone_in_an_empty_environment(tmp_path):
    """With nothing of the checkout on the path; it has the core dependencies and no extra."""

    def ran(*command):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def must(*command):
        status, printed = ran(*command)
        assert status == 0, printed
        return printed

    must(sys.executable, "-I", "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    must(sys.executable, "-I", "-m", "venv", tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    must(python, "-I", "-m", "pip", "install", next(tmp_path.glob("*.whl")))
    must(python, "-I", "-m", "pip", "check")
    must(python, "-I", "-W", "error", "-c", FIRST_STEPS)
    assert "skretrain" in must(python, "-I", "-m", "skretrain", "--version")
    status, printed = ran(python, "-I", "-m", "skretrain", "compare")
    assert status == 2, printed
    assert "pip install" in printed
    assert "Traceback" not in printed
