"""What other libraries test of their own classes holds for ours, but for what is known."""

import foreign_suites
import pytest
import sklearn

pytestmark = pytest.mark.no_cover


@pytest.mark.slow
@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9),
    reason="the failures that are known are those of the newest versions",
)
@pytest.mark.parametrize("name", foreign_suites.SUITES)
def test_every_failure_of_a_foreign_suite_has_its_reason(name, capsys):
    assert foreign_suites.report([name]), capsys.readouterr().out


def test_a_failure_that_nobody_knows_is_told(monkeypatch, capsys):
    """And only such a one: what is known has a reason in the table."""
    outcomes = [("passed", "test_one", ""), ("failed", "test_metaestimator_delegation", "no y")]
    monkeypatch.setattr(foreign_suites, "run", lambda name: outcomes)
    assert foreign_suites.report(["meta-estimators"])
    outcomes.append(("failed", "test_new", "it broke"))
    assert not foreign_suites.report(["meta-estimators"])
    assert "UNKNOWN: it broke" in capsys.readouterr().out


def test_a_suite_that_is_not_installed_is_told(monkeypatch, capsys):
    monkeypatch.setitem(foreign_suites.SUITES, "none", foreign_suites.Suite("none", ("none.x",)))
    assert foreign_suites.report(["none"])
    assert "not installed" in capsys.readouterr().out
