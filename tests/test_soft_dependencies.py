"""Without a soft dependency its tests are skipped, with the reason, and no others are."""

import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
import soft_dependencies

ROOT = Path(__file__).resolve().parents[1]
# Where a package is imported under another.
NAMES = {"imbalanced-learn": "imblearn", "prometheus-client": "prometheus_client"}
HARD = {"hypothesis", "pytest", "pytest-cov", "pytest-xdist"}  # no test runs without these

FILES = {
    "test_head.py": """
        import polars
        def test_never(): raise AssertionError
        """,
    "test_from.py": """
        from polars.testing import assert_frame_equal
        def test_never(): raise AssertionError
        """,
    "test_inside.py": """
        import pytest
        from skretrain.utils._optional import import_optional

        @pytest.fixture
        def frame():
            import polars

        def test_fixture(frame): raise AssertionError
        def test_itself(): import polars.testing
        def test_in_the_library(): import_optional("polars", caller="x", extra="cli")
        def test_that_it_raises():
            with pytest.raises(ImportError, match="polars"):
                import_optional("polars", caller="x", extra="cli")
        def test_others(): pass
        """,
    "test_others.py": """
        def test_wrong(): assert 0
        def test_lacks_another(): import no_such_package
        """,
    "doc.py": '''
        """
        >>> import polars
        >>> 1
        1
        """

        def wrong():
            """
            >>> 1
            2
            """
        ''',
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return what pytest says of those files where polars cannot be imported."""
    folder = tmp_path_factory.mktemp("lacking")
    for name, source in FILES.items():
        (folder / name).write_text(textwrap.dedent(source))
    code = (
        f"import sys, pytest; sys.path[:0] = {[str(ROOT / 'tests'), str(ROOT)]};"
        "sys.modules['polars'] = None;"
        "sys.exit(pytest.main(['-p', 'soft_dependencies', '-p', 'no:cacheprovider', '-rA',"
        "'--doctest-modules', '--import-mode=importlib', '--rootdir=.', '.']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    return ran.stdout


@pytest.mark.parametrize("file", ["test_head.py", "test_from.py", "test_inside.py", "doc.py"])
def test_what_lacks_a_package_is_skipped_and_says_so(report, file):
    skipped = [line for line in report.splitlines() if line.startswith("SKIPPED")]
    of_file = [line for line in skipped if file in line or "soft_dependencies" in line]
    assert of_file, report
    assert all("needs polars, which is not installed" in line for line in skipped)


def test_all_else_is_run(report):
    """One test expects the error, another has no need of the package; three fail as they would."""
    assert "3 failed, 2 passed, 6 skipped" in report, report
    for wrong in ("test_wrong", "test_lacks_another", "doc.wrong"):
        assert f"FAILED {'test_others.py::' if 'doc' not in wrong else 'doc.py::'}{wrong}" in report


def test_helpers_are_looked_into(monkeypatch):
    """A file needs what the helpers need that it imports."""
    path = ROOT / "tests" / "test_estimator_matrix.py"
    assert soft_dependencies.lacked_by(path) == ""
    monkeypatch.setattr(soft_dependencies, "is_lacking", {"pandas"}.__contains__)
    soft_dependencies.lacked_by.cache_clear()
    assert soft_dependencies.lacked_by(path) == "pandas"
    soft_dependencies.lacked_by.cache_clear()


def test_every_extra_for_tests_is_soft():
    """Whoever adds one adds it to the plugin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [*project["optional-dependencies"]["test"]]
    extras += project["optional-dependencies"]["integration"]
    packages = {re.match(r"[\w-]+", extra).group() for extra in extras} - HARD
    assert {NAMES.get(package, package) for package in packages} == soft_dependencies.SOFT
