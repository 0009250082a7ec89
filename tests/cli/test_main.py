"""The entry point: help that reads like a page, exit codes, and no traceback."""

import runpy
import sys
import warnings

import pytest

import skretrain
from skretrain.cli import _compare, _errors, main


def test_without_a_command_the_page_is_printed(capsys):
    assert main([]) == 0
    page = capsys.readouterr().out
    assert "examples:" in page
    assert "compare" in page


def test_the_help_of_compare_names_every_policy_and_every_output(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out
    for word in (
        "never",
        "since drift",
        "replay mix",
        "report.html",
        "module:factory",
        "examples:",
    ):
        assert word in page
    assert max(map(len, page.splitlines())) <= 80


def test_the_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"skretrain {skretrain.__version__}\n"


def test_python_m_skretrain_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["skretrain"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("skretrain", run_name="__main__")
    assert ended.value.code == 0
    assert "usage: skretrain" in capsys.readouterr().out


def test_a_warning_is_a_line_that_names_the_command(monkeypatch, capsys):
    """And not a line of code of the command itself; afterwards, warnings are as they were."""
    usual, said = warnings.formatwarning, []

    def warned(arguments):
        said.append(warnings.formatwarning("A class is new.", UserWarning, "main.py", 7))
        raise _errors.CommandError("stop.")

    monkeypatch.setattr(_compare, "rows_and_metric", warned)
    monkeypatch.setattr(_compare, "output_folder", lambda path: path)
    assert main(["compare"]) == 2
    assert said == ["skretrain compare: warning: A class is new.\n"]
    assert warnings.formatwarning is usual


def test_stopping_it_leaves_no_traceback(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_compare, "rows_and_metric", interrupted)
    monkeypatch.setattr(_compare, "output_folder", lambda path: path)
    assert main(["compare"]) == 130
    assert capsys.readouterr().err == "skretrain compare: stopped\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--batch", "0"),
        ("--batch", "ten"),
        ("--label-delay", "-1"),
        ("--warm-up", "1"),
        ("--seeds", "0"),
        ("--jobs", "many"),
    ],
)
def test_a_size_that_is_none_ends_with_code_2_and_the_value(option, value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", option, value])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert option in error
    assert repr(value) in error


@pytest.mark.parametrize("package", ["rich.console", "pandas", "skrub"])
def test_a_missing_package_is_named_with_the_extra(package, monkeypatch, tmp_path, capsys):
    def refuse(module, *, caller, extra):
        if module == package:
            raise ImportError(f'{caller}: pip install "skretrain[{extra}]"')
        return real(module, caller=caller, extra=extra)

    real = _errors.import_optional
    monkeypatch.setattr(_errors, "import_optional", refuse)
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "1,2\n3,4\n" * 200)
    command = ["compare", str(path), "--target", "y", "--out", str(tmp_path / "o")]
    assert main(command) == 2
    assert 'pip install "skretrain[cli]"' in capsys.readouterr().err
