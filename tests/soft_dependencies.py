"""A plugin of pytest: tests of what is not installed are skipped, with the reason.

A file that imports a soft dependency at its head is skipped as a whole; a test or doctest that
comes upon one, itself or in the library, is skipped from there on.
"""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

SOFT = frozenset(
    (
        *("catboost", "imblearn", "keras", "lightgbm", "matplotlib", "pandas", "polars", "pyarrow"),
        *("rich", "skops", "skorch", "skrub", "torch", "xgboost"),
        # Of the extra "integration", for tests/integration:
        *("dask", "fastapi", "httpx", "mlflow", "onnxruntime", "prometheus_client", "skl2onnx"),
        "uvicorn",
    )
)

HELPERS = frozenset(path.stem for path in Path(__file__).parent.glob("[!t]*.py"))


@cache
def is_lacking(package):
    """Tell whether a package is a soft dependency, and not installed."""
    return package in SOFT and find_spec(package) is None


@cache
def lacked_by(path):
    """Return the first package that the head of a file, or of a helper beside it, lacks."""
    text = path.read_text()
    if not any(name in text for name in (*HELPERS, *filter(is_lacking, SOFT))):
        return ""  # to parse all files would take seconds
    for name in _imported(ast.parse(text).body):
        helper = Path(__file__).with_name(f"{name}.py")
        if is_lacking(name):
            return name
        if helper.exists() and helper != path and lacked_by(helper):
            return lacked_by(helper)
    return ""


def _imported(body):
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def lacked_in(error):
    """Return the package for the lack of which something was raised; empty if for none."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and is_lacking((error.name or "").split(".")[0]):
            return error.name.split(".")[0]
        if hasattr(error, "failures"):  # of a doctest
            return next(filter(None, map(lacked_in, error.failures)), "")
        # That an example of a doctest raises is told with what it raised.
        error = error.exc_info[1] if hasattr(error, "exc_info") else error.__cause__
    return ""


def reason(package):
    """Return why a test is skipped."""
    return f"needs {package}, which is not installed"


class Lacking(pytest.Module):
    """A file of tests that cannot be imported here."""

    def collect(self):
        """Skip it."""
        pytest.skip(reason(lacked_by(self.path)), allow_module_level=True)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Take the place of files that lack something, their doctests included."""
    collectors = yield
    lacking = any(map(is_lacking, SOFT)) and file_path.suffix == ".py" and lacked_by(file_path)
    return [Lacking.from_parent(parent, path=file_path)] if collectors and lacking else collectors


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Skip tests whose fixtures come upon something that is lacking."""
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip tests that come upon it themselves."""
    return (yield from _skipping())


def _skipping():
    try:
        return (yield)
    except Exception as error:
        package = lacked_in(error)
        if not package:
            raise
        pytest.skip(reason(package))
