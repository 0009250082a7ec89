"""Modules stay short and classes small enough to be read in one go."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover  # sources are read, not run

SOURCES = Path(__file__).resolve().parents[1] / "skretrain"
MOST_LINES = 500
MOST_METHODS = 25
# Its checks are one list; and what delegates every method of a base has as many as a base.
LONG = {"estimator_checks.py"}
PUBLIC_ESTIMATORS = {"BaseRetrainer", "DelegationMixin", "MixtureRetrainer", "RetrainMatrix"}
MODULES = sorted(SOURCES.rglob("*.py"))


def methods_of(tree):
    """Yield the name of each class and the number of functions in its body."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, sum(isinstance(part, ast.FunctionDef) for part in node.body)


def test_a_module_is_short_and_its_classes_small():
    long, large = {}, {}
    for path in MODULES:
        source = path.read_text()
        if path.name not in LONG:
            long[str(path)] = len(source.splitlines())
        large |= {name: n for name, n in methods_of(ast.parse(source)) if n > MOST_METHODS}
    assert {path: n for path, n in long.items() if n > MOST_LINES} == {}
    assert large.keys() <= PUBLIC_ESTIMATORS, large


def test_a_class_with_many_methods_is_found():
    body = "".join(f"    def f{k}(self): pass\n" for k in range(26))
    assert dict(methods_of(ast.parse(f"class Large:\n{body}"))) == {"Large": 26}
