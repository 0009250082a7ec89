"""A comparison that was stopped goes on: what is finished is not done again."""

import pickle
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.datasets import make_drifting_classification
from skretrain.model_selection import compare_policies

X, Y, _ = make_drifting_classification(800, random_state=0)
POLICIES = {
    "never": [],
    "located": DriftAwareRetrainer(GaussianNB()),
    "replay": ReplayPartialFit(SGDClassifier()),
}


class Counts(GaussianNB):
    """Counts the fits in this process."""

    fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def _no_fits_yet():
    Counts.fits = 0


def _compared(estimator=None, **options):
    estimator = GaussianNB() if estimator is None else estimator
    return compare_policies(estimator, X, Y, POLICIES, prices=10, random_state=0, **options)


def _numbers(comparison):
    table = comparison.to_frame().drop(columns="cpu_seconds", errors="ignore")
    return pickle.dumps([table[name].tolist() for name in table if table[name].dtype != object])


def _stop_after(n):
    told = []

    def on_run(run):
        told.append(run.policy)
        if len(told) == n:
            raise KeyboardInterrupt

    return on_run, told


@pytest.mark.parametrize("make", [str, lambda path: path, partial(joblib.Memory, verbose=0)])
def test_a_stopped_comparison_ends_as_if_it_had_not_been(make, tmp_path):
    """The same table; and all that was finished is neither fitted nor timed anew."""
    memory = make(tmp_path / "kept")
    whole = _compared()
    on_run, told = _stop_after(1)
    with pytest.raises(KeyboardInterrupt):
        _compared(memory=memory, on_run=on_run)
    assert told == ["replay"]
    found = _compared(memory=memory)
    assert _numbers(found) == _numbers(whole)
    again = _compared(memory=memory)
    for name in ("located", "replay"):
        (one,), (other,) = found.results[name], again.results[name]
        assert one.fit_seconds == other.fit_seconds
        np.testing.assert_array_equal(one.y_pred, other.y_pred)


@pytest.mark.no_cover
def test_what_is_kept_is_not_fitted_again(tmp_path):
    """Nor is it, in another order of the calls."""
    options = {"memory": str(tmp_path)}
    _compared(Counts(), **options)
    assert Counts.fits > 0
    Counts.fits = 0
    _compared(Counts(), **options)
    assert Counts.fits == 0


@pytest.mark.parametrize("change", [{"batch_size": 90}, {"label_delay": 100}, {"scoring": "f1"}])
@pytest.mark.no_cover
def test_another_call_is_not_answered_by_what_was_kept(change, tmp_path):
    """What it depends on decides: sizes, delays, scores, rows."""
    _compared(memory=str(tmp_path))
    assert _numbers(_compared(memory=str(tmp_path), **change)) == _numbers(_compared(**change))


def test_warnings_of_a_run_are_told_again(tmp_path):
    """They belong to the run, not to the moment."""

    def texts():
        told = []
        _compared(memory=str(tmp_path), on_run=told.append)
        return sorted((run.policy, run.warnings) for run in told)

    assert texts() == texts()


def test_with_a_time_budget_the_same_moments_are_measured(tmp_path):
    """How often there is time to refit is found once."""
    options = {"memory": str(tmp_path), "time_budget": 1e6}
    _compared(Counts(), **options)
    Counts.fits = 0
    _compared(Counts(), **options)
    assert Counts.fits == 0


@pytest.mark.no_cover
def test_nothing_is_kept_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _compared()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_kept_is_refused_before_the_work_begins(tmp_path):
    """By name, and not by the whole history in an error of pickle's."""
    Counts.fits = 0
    message = r"memory='.*': the estimator or scoring cannot be pickled, .* pass memory=None"
    with pytest.raises(ValueError, match=message) as caught:
        _compared(Counts(), memory=str(tmp_path), scoring=lambda y_true, y_pred: y_true != y_pred)
    assert len(str(caught.value)) < 600
    assert Counts.fits == 0


def test_a_memory_that_is_none_is_named():
    with pytest.raises(ValueError, match="'memory' should be None, a string"):
        _compared(memory=3)
