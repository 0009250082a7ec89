"""A comparison keeps to the time and the memory that there is. The clocks here are made up."""

import math

import numpy as np
import pytest
from helpers import Clock
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.datasets import make_drifting_classification
from skretrain.model_selection import RetrainMatrix, compare_policies
from skretrain.model_selection._compare import _compare_policies, _live, _stride
from skretrain.model_selection._matrix import _fits
from skretrain.model_selection._timing import timing_of

X, Y, _ = make_drifting_classification(1200, random_state=0)
BASE = GaussianNB()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (_compare_policies, _live, _stride):
        monkeypatch.setattr(module, "perf_counter", clock)
    return clock


class Slow(ReplayPartialFit):
    """A retrainer that takes a second of a made-up clock for each batch."""

    seconds = 1.0
    clock = Clock()

    def partial_fit(self, X, y=None, classes=None, **params):
        type(self).clock.now += self.seconds
        return super().partial_fit(X, y, classes, **params)


@pytest.fixture
def slow(clock, monkeypatch):
    monkeypatch.setattr(Slow, "clock", clock)
    return Slow(GaussianNB())


def _compared(policies, **options):
    return compare_policies(BASE, X, Y, policies, prices=10, **options)


@pytest.mark.no_cover
def test_what_takes_longer_than_its_share_is_left_out_and_the_rest_is_as_ever(slow):
    """12 batches, 11 of them served: the slow one needs 11 seconds, and there are 10."""
    policies = {"never": [], "quick": DriftAwareRetrainer(GaussianNB()), "slow": slow}
    found = _compared(policies, time_budget=10)
    assert found.left_out == ["slow"]
    assert found.names == ["never", "quick"] == list(found.results) == list(found.kinds)
    unbounded = _compared(policies)
    assert unbounded.left_out == []
    for name in found.names:
        assert found.score(name) == unbounded.score(name)
    assert found.recommend(10).policy in found.names
    assert len(found.to_frame()) == 2


@pytest.mark.no_cover
def test_what_one_leaves_of_its_share_is_there_for_the_others(slow):
    """Two runs share 15 seconds; one needs none, so that the other has its 11."""
    quick = DriftAwareRetrainer(GaussianNB())
    assert _compared({"slow": slow, "quick": quick}, time_budget=15).left_out == []
    # Run first, it has half of the time.
    assert _compared({"quick": quick, "slow": slow}, time_budget=15).left_out == ["slow"]


@pytest.mark.no_cover
def test_a_policy_for_which_one_seed_is_not_done_is_left_out(slow):
    """The second seed has what the first one left."""
    assert _compared({"never": [], "slow": slow}, seeds=2, time_budget=30).left_out == []
    assert _compared({"never": [], "slow": slow}, seeds=2, time_budget=15).left_out == ["slow"]


@pytest.mark.slow
def test_processes_each_have_their_share(slow):
    """Their clocks are real, and there is plenty of time."""
    policies = {"never": [], "a": DriftAwareRetrainer(GaussianNB()), "b": ReplayPartialFit(BASE)}
    found = _compared(policies, time_budget=1e6, n_jobs=2)
    one = _compared(policies)
    assert [found.score(name) for name in policies] == [one.score(name) for name in policies]
    assert (found.left_out, found.stride) == ([], 1)


@pytest.mark.parametrize(("budget", "expected"), [(22, 1), (11, 1), (5.5, 2)])
def test_fits_become_as_few_as_the_time_asks_for(clock, monkeypatch, budget, expected):
    """11 fits of a second for each of two windows, in the time given."""
    fitted = _fits.Worker._fitted

    def timed(self, start, stop, time):
        clock.now += 0.5
        return fitted(self, start, stop, time)

    monkeypatch.setattr(_fits.Worker, "_fitted", timed)
    matrix = RetrainMatrix(BASE, windows=[50, "all"])
    found = _stride.affordable_stride(matrix, X, Y, None, {}, seconds=budget, n_seeds=1)
    assert found == expected
    two_seeds = _stride.affordable_stride(matrix, X, Y, None, {}, seconds=2 * budget, n_seeds=2)
    assert two_seeds == expected


def test_the_time_of_late_fits_is_told_from_early_ones(clock, monkeypatch):
    """Fits that take a second for each hundred rows take 66 in all."""
    monkeypatch.setattr(_stride, "_seconds_at", lambda worker, chunk: worker.edges[chunk] / 100)
    matrix = RetrainMatrix(BASE)
    strides = [
        _stride.affordable_stride(matrix, X, Y, None, {}, seconds=s, n_seeds=1) for s in (66, 33, 1)
    ]
    assert strides == [1, 2, 12]


@pytest.mark.no_cover
def test_a_budget_makes_the_schedules_longer_and_says_so(clock, monkeypatch):
    """Schedules are multiples of what there is time for, so that each does what its name says."""
    monkeypatch.setattr(_stride, "_seconds_at", lambda worker, chunk: 1.0)
    found = compare_policies(BASE, X, Y, prices=10, time_budget=8)
    assert found.stride == 3 == found.matrices[0].stride
    assert "every 300 on all" in found.names
    assert "every 100 on all" not in found.names


@pytest.mark.no_cover
def test_answers_that_would_take_too_much_room_are_fewer(monkeypatch):
    """All answers of a scorer's matrix are kept: the numbers of each row, fit and window."""
    options = {"scoring": "neg_log_loss", "policies": {"never": [], "all": [(3, "all")]}}
    whole = compare_policies(LogisticRegression(), X, Y, **options)
    assert whole.stride == 1
    kept = sum(a.size for out, _, _ in whole.matrices[0].answers_.values() for a in out.values())
    monkeypatch.setattr(_stride, "_MOST_ANSWERS", kept / 3)
    fewer = compare_policies(LogisticRegression(), X, Y, **options)
    assert fewer.stride == 3
    left = sum(a.size for out, _, _ in fewer.matrices[0].answers_.values() for a in out.values())
    assert left < kept / 2
    assert fewer.score("never") == whole.score("never")


def test_no_time_for_anything_is_an_error_that_says_so(slow):
    with pytest.raises(ValueError, match="time_budget: there was not the time for any of .'slow'"):
        _compared({"slow": slow}, time_budget=1)


@pytest.mark.parametrize("budget", [0, -1, "soon", True, math.nan])
def test_a_budget_that_is_no_time_is_refused(budget):
    with pytest.raises(
        ValueError, match=r"time_budget=.*time_budget must be a finite number above 0"
    ):
        _compared({"never": []}, time_budget=budget)


def _timing(**sizes):
    return timing_of("compare", len(Y), is_whole=True, label_delay=0, fit_latency=0, **sizes)


@pytest.mark.no_cover
def test_progress_rises_to_the_end():
    told = []
    policies = {"a": DriftAwareRetrainer(BASE), "b": ReplayPartialFit(BASE)}
    found = _compare_policies.compared(
        BASE,
        X,
        Y,
        lambda *cut: _compare_policies.specs_of(policies),
        _timing(batch_size=100, initial_size=None),
        None,
        prices=[1.0],
        scoring=None,
        seeds=None,
        stride=1,
        on_progress=told.append,
    )
    assert list(found.results) == ["a", "b"]
    np.testing.assert_allclose(np.unique(told), np.arange(1, 23) / 22)
    assert told == sorted(told)


def test_a_cut_has_a_number_for_each_batch():
    """What chooses policies is told how a history is cut."""
    seen = []

    def choose(*cut):
        seen.append(cut)
        return _compare_policies.specs_of({"never": []})

    timing = _timing(batch_size=50, initial_size=100)
    options = {"prices": [1.0], "scoring": None, "seeds": None}
    _compare_policies.compared(BASE, X, Y, choose, timing, None, stride=4, **options)
    assert seen == [(50, 4, 22)]
