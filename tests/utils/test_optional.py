"""A soft dependency is imported, or its absence names who needs it and what to install."""

import math
import sys

import pytest

from skretrain.utils._optional import import_optional


def test_a_module_that_is_there_is_returned():
    assert import_optional("math", caller="area", extra="plot") is math


def test_a_dotted_name_returns_the_submodule_itself():
    module = import_optional("xml.dom.minidom", caller="area", extra="plot")
    assert module.__name__ == "xml.dom.minidom"


def test_the_error_names_caller_package_and_extra_and_keeps_the_cause(monkeypatch):
    monkeypatch.setitem(sys.modules, "absent_package", None)
    with pytest.raises(ImportError, match="^Timeline.plot needs absent_package, ") as caught:
        import_optional("absent_package.pyplot", caller="Timeline.plot", extra="plot")
    assert str(caught.value).endswith('pip install "skretrain[plot]"')
    assert isinstance(caught.value.__cause__, ImportError)


def test_a_broken_package_says_why_it_does_not_import(tmp_path, monkeypatch):
    # Reinstalling is then not always the cure, so the original words must be there.
    (tmp_path / "broken_package.py").write_text("raise ImportError('libshapes.so not found')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="libshapes.so not found"):
        import_optional("broken_package", caller="Timeline.plot", extra="plot")
