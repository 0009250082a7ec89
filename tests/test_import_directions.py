"""Imports inside skretrain run one way, and each foreign library enters through its own door."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover  # sources are read, not run

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "skretrain").rglob("*.py"))
FOLDERS = ("benchmarks", "docs/gallery", "docs/examples")
SCRIPTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

# Highest first: a module imports from its own package and from rows below. Packages in one row do
# not import each other. `skretrain` is its __init__, which only re-exports the estimators.
LEVELS = [
    ["__main__"],  # what `python -m skretrain` runs
    ["cli"],
    ["serving"],
    ["model_selection"],
    ["skretrain"],
    ["_mixture"],
    ["_drift_aware", "_replay"],
    ["_retrainer"],
    ["policies", "gates"],
    ["compose"],
    ["buffers", "drift", "linear_model"],
    ["inspection"],
    ["metrics"],
    ["utils"],
    ["exceptions"],
]
DEPTH = {part: depth for depth, parts in enumerate(LEVELS) for part in parts}

# They may use the whole public library; only the command line may use them.
USERS = ("skretrain.datasets", "skretrain.utils.estimator_checks")
RIVER_DOORS = ("skretrain.drift._river", "skretrain.compose.adapters._river")
OPTIONAL_DOOR = "skretrain.utils._optional"  # how anything imports a soft dependency
PRIVATE_SKLEARN_DOOR = "skretrain.utils._sklearn_api"
# threadpoolctl is a dependency of scikit-learn, so it is always there.
HARD_DEPENDENCIES = {"joblib", "numpy", "river", "scipy", "sklearn", "skretrain", "threadpoolctl"}


def _module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_name(path) for path in SOURCES}


def _is_private(dotted):
    return any(part.startswith("_") and not part.startswith("__") for part in dotted.split("."))


def _is_inside(module, parents):
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def _part(module):
    """Return the row entry of LEVELS to which a module belongs."""
    return module.split(".")[1] if "." in module else module


def _imports(tree, module, is_package):
    """Yield (line, imported module, imported name or None, at module level?) of each import."""
    late = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
        for child in ast.walk(node)
    }
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        at_import = id(node) not in late
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None, at_import
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join(base + ([node.module] if node.module else []))
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                if submodule in MODULES:
                    yield node.lineno, submodule, None, at_import
                else:
                    yield node.lineno, source, alias.name, at_import


def _sklearn_attributes(tree):
    """Yield (line, dotted name) of each attribute chain that starts at the name `sklearn`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _begins_with_sklearn(node):
            yield node.lineno, ast.unparse(node)


def _begins_with_sklearn(node):
    while not isinstance(node, ast.Name):
        node = getattr(node, "value", None) or getattr(node, "func", None)
        if not isinstance(node, ast.AST):
            return False
    return node.id == "sklearn"


def _direction_error(module, target, name):
    if _is_inside(module, USERS):
        own = module.rpartition(".")[0] if module == USERS[1] else USERS[0]
        dotted = f"{target}.{name}" if name else target
        if _is_private(dotted) and not _is_inside(target, [own, OPTIONAL_DOOR]):
            return "only public names may be used here"
        return None
    if _is_inside(target, USERS):
        return None if _part(module) == "cli" else "only the command line may use it"
    upper, lower = _part(module), _part(target)
    if upper == lower or DEPTH[upper] < DEPTH[lower]:
        return None
    return f"{upper} may not import from {lower}"


def violations(source, module, is_package=False):
    """Return every broken import rule in a module's source, one sentence each."""
    tree = ast.parse(source)
    found = []
    for line, target, name, at_import in _imports(tree, module, is_package):
        dotted = f"{target}.{name}" if name else target
        top = target.split(".")[0]
        if top == "skretrain":
            error = _direction_error(module, target, name)
        elif top == "river" and module not in RIVER_DOORS:
            error = "river has its own files"
        elif top == "sklearn" and _is_private(dotted) and module != PRIVATE_SKLEARN_DOOR:
            error = f"private scikit-learn names belong in {PRIVATE_SKLEARN_DOOR}"
        elif at_import and top not in HARD_DEPENDENCIES | sys.stdlib_module_names:
            error = "soft dependencies are imported inside the function that needs them"
        else:
            error = None
        if error:
            found.append(f"{module}:{line} imports {dotted}: {error}")
    if module != PRIVATE_SKLEARN_DOOR:
        found += [
            f"{module}:{line} uses {dotted}: private scikit-learn name"
            for line, dotted in _sklearn_attributes(tree)
            if _is_private(dotted)
        ]
    return found


def test_every_module_keeps_the_import_rules():
    found = [
        violation
        for path in SOURCES
        for violation in violations(
            path.read_text(), _module_name(path), path.name == "__init__.py"
        )
    ]
    assert found == []


def missing(source):
    """Return what a script imports from skretrain that is not there."""
    return [
        f"line {line} imports {target}.{name}"
        for line, target, name, _ in _imports(ast.parse(source), "script", False)
        if name and target.split(".")[0] == "skretrain"
        if not hasattr(importlib.import_module(target), name)
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_name_that_a_script_imports_is_there(path):
    """Benchmarks look into private modules, and no other test runs them."""
    assert missing(path.read_text()) == []


def test_a_name_that_is_gone_is_found():
    assert missing("from skretrain._mixture._members import gone") == [
        "line 1 imports skretrain._mixture._members.gone"
    ]


def test_every_package_has_its_place_in_the_order():
    parts = {_part(module) for module in MODULES}
    assert parts <= set(DEPTH) | {"datasets"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skretrain.drift._error", "from ..buffers import Rows"),
        ("skretrain.drift._error", "from skretrain.buffers import Rows"),
        ("skretrain.drift._error", "import skretrain.policies"),
        ("skretrain.drift._error", "from .. import policies"),
        ("skretrain.drift._error", "def f():\n    from skretrain import ReplayPartialFit"),
        ("skretrain.drift._error", "from ..datasets import make_drifting_regression"),
        ("skretrain.drift._error", "from river.drift import ADWIN"),
        ("skretrain.policies._refit", "from ..gates import Trial"),
        ("skretrain.metrics", "from .inspection import DriftTimelineDisplay"),
        ("skretrain._retrainer._cycle", "from .._replay import ReplayPartialFit"),
        ("skretrain._retrainer._border", "from sklearn.utils._tags import get_tags"),
        ("skretrain._retrainer._border", "from sklearn.utils.validation import _num_samples"),
        ("skretrain._retrainer._border", "import sklearn\nsklearn.utils.validation._num_samples"),
        ("skretrain._retrainer._border", "import pandas as pd"),
        (
            "skretrain._retrainer._border",
            "try:\n    import rich\nexcept ImportError:\n    rich = None",
        ),
        ("skretrain.datasets._drifting", "from ..drift._river import ADWIN"),
        ("skretrain.utils.estimator_checks", "from skretrain._retrainer import _border"),
    ],
)
def test_a_forbidden_import_is_found(module, source):
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skretrain.drift._river", "from river.drift import ADWIN"),
        ("skretrain.drift._error", "from ._base import BaseTrigger"),
        ("skretrain.drift._error", "def f():\n    import matplotlib.pyplot as plt"),
        ("skretrain.drift._error", "from ..utils._costs import Stopwatch"),
        ("skretrain.utils._sklearn_api", "from sklearn.utils._tags import get_tags"),
        ("skretrain.utils.estimator_checks", "from skretrain import DriftAwareRetrainer"),
        ("skretrain.cli._compare", "from ..datasets import make_drifting_classification"),
        ("skretrain._retrainer._border", "from sklearn import __version__"),
        (
            "skretrain._retrainer._border",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import polars",
        ),
    ],
)
def test_an_allowed_import_passes(module, source):
    assert violations(source, module) == []


# -- inside the retrainer --------------------------------------------------------------------------

RETRAINER = ROOT / "skretrain" / "_retrainer"
# The pieces return values; the cycle alone puts them together, records and warns.
CYCLE = ("_cycle", "_retrains", "_updates", "_state", "_log")
PIECES = (
    "_jobs",
    "_step",
    "_service",
    "_labels",
    "_scoring",
    "_trials",
    "_concept",
    "_first_fit",
    "_forgetting",
)
SCIKIT_LEARN_SIDE = ("_estimator", "_delegation", "_border", "_routing")


def _own_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield node.module


def test_every_module_of_the_retrainer_has_its_place():
    assert {path.stem for path in RETRAINER.glob("_[a-z]*.py")} == {
        *CYCLE,
        *PIECES,
        *SCIKIT_LEARN_SIDE,
        "_parts",
    }


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_of_the_retrainer_neither_knows_the_cycle_nor_records_nor_warns(name):
    path = RETRAINER / f"{name}.py"
    assert not set(_own_imports(path)) & {*CYCLE, *SCIKIT_LEARN_SIDE}
    called = {
        getattr(node.func, "attr", getattr(node.func, "id", ""))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    assert not called & {"record", "warn", "warn_user", "complain"}


def test_the_cycle_does_not_know_the_estimator():
    for name in CYCLE:
        assert not set(_own_imports(RETRAINER / f"{name}.py")) & set(SCIKIT_LEARN_SIDE), name


def test_nobody_outside_looks_into_the_cycle():
    """The rest of the library drives a retrainer by its protocol: ``_examine``, ``_learn``, ..."""
    found = [
        f"{_module_name(path)}:{node.lineno}"
        for path in SOURCES
        if path.parent.name != "_retrainer" and "_cycle" in (source := path.read_text())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr == "_cycle"
    ]
    assert found == []
