"""A budget of false alarms: what was asked for is what rings, on any kind of stationary losses."""

import math
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift
from river.drift import binary
from scipy.stats import chi2
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.drift import (
    AtLeast,
    BaseTrigger,
    ErrorDrift,
    Periodic,
    RiskMonitor,
    ScoredBatch,
    Signal,
    calibrate,
)
from skretrain.drift._calibrate import _interval, _uncertainty
from skretrain.drift._river import threshold_of
from skretrain.drift._threshold import Threshold

BUDGET = 500


def in_runs(n, correlation=0.8, seed=0, rate=0.1):
    """Return 0/1 errors: each is the one before with this probability, else drawn anew."""
    rng = np.random.default_rng(seed)
    fresh, drawn = rng.random(n) < rate, rng.random(n) >= correlation
    drawn[0] = True
    return fresh[np.maximum.accumulate(np.where(drawn, np.arange(n), 0))].astype(float)


def rings_on(trigger, losses, size=100):
    """Return the number of alarms, each of which is answered."""
    trigger.reset()
    n_alarms = 0
    for start in range(0, len(losses), size):
        part = losses[start : start + size]
        if trigger.update(ScoredBatch(start, len(part), part)).state == "drift":
            n_alarms += 1
            trigger.after_fit(None, None, answered=True)
    return n_alarms


REFERENCE = in_runs(4000)


# -- the budget ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [drift.ADWIN, binary.DDM, binary.FHDDM, drift.PageHinkley])
@pytest.mark.no_cover
def test_on_fresh_losses_in_runs_it_rings_about_as_often_as_the_budget_says(kind):
    """And more than twice as often before, or twice as seldom: these are not the defaults."""
    found = calibrate(kind(), REFERENCE, rows_per_false_alarm=BUDGET)
    n_alarms = rings_on(found.trigger, in_runs(60 * BUDGET, seed=1))
    assert 60 / 2 <= n_alarms <= 60 * 2
    assert not 60 / 2 <= rings_on(ErrorDrift(kind()), in_runs(60 * BUDGET, seed=1)) <= 60 * 2


@pytest.mark.parametrize("kind", [binary.HDDMA, pytest.param(binary.HDDMW, marks=pytest.mark.slow)])
@pytest.mark.no_cover
def test_detectors_that_are_slow_keep_a_short_budget(kind):
    found = calibrate(kind(), in_runs(500, 0.5), rows_per_false_alarm=100, batch_size=20)
    assert 20 / 2 <= rings_on(found.trigger, in_runs(2000, 0.5, seed=1), size=20) <= 20 * 2


def test_a_monitor_keeps_the_budget_on_runs_and_rings_less_on_independent_losses():
    found = calibrate(RiskMonitor(), in_runs(10_000, 0.9), rows_per_false_alarm=2000)
    assert 20 / 2 <= rings_on(found.trigger, in_runs(40_000, 0.9, seed=1)) <= 20 * 2
    quiet = calibrate(RiskMonitor(r0=0.2), in_runs(4000, 0.0), rows_per_false_alarm=4000)
    assert quiet.threshold == 0.999
    assert quiet.n_alarms == 0
    assert quiet.rows_per_false_alarm == quiet.interval[1] == math.inf
    assert quiet.interval[0] > 4000


@pytest.mark.no_cover
def test_losses_in_runs_ask_for_more_than_independent_ones_and_a_longer_budget_for_still_more():
    def threshold(losses, budget=4 * BUDGET):
        return calibrate("adwin", losses, rows_per_false_alarm=budget).threshold

    assert threshold(in_runs(4000, 0.0)) > threshold(REFERENCE) > threshold(REFERENCE, 8 * BUDGET)


def test_the_scale_of_losses_without_a_bound_does_not_matter():
    losses = np.abs(np.random.default_rng(0).normal(size=2000))
    found = [calibrate("adwin", scale * losses, rows_per_false_alarm=BUDGET) for scale in (10, 1e6)]
    assert found[0].threshold == found[1].threshold
    assert found[0][3:] == found[1][3:]


def test_the_report_says_what_was_counted():
    found = calibrate("adwin", REFERENCE, rows_per_false_alarm=BUDGET)
    assert found.parameter == "detector__delta"
    assert found.trigger.get_params()["detector__delta"] == found.threshold
    assert found.trigger.confidence == 1
    assert found.rows_per_false_alarm == found.n_rows / found.n_alarms
    assert found.interval[0] < found.rows_per_false_alarm < found.interval[1]
    assert found.n_alarms_in_reference == rings_on(clone(found.trigger), REFERENCE)
    assert found.n_rows * (1 - 0.15) <= found.n_alarms * 1.5 * BUDGET


def test_what_was_set_stays_set_and_nothing_given_is_touched():
    detector = drift.PageHinkley(delta=0.01)
    trigger = ErrorDrift(detector, confidence=0.5, cooldown=50, order="stream")
    losses = REFERENCE.copy()
    losses.setflags(write=False)
    before = joblib.hash((trigger.get_params(deep=False)["cooldown"], vars(detector)))
    found = calibrate(trigger, losses, rows_per_false_alarm=BUDGET)
    assert joblib.hash((trigger.cooldown, vars(detector))) == before
    assert trigger.detector is detector
    params = found.trigger.get_params()
    assert (params["confidence"], params["cooldown"], params["order"]) == (0.5, 50, "stream")
    assert params["detector__delta"] == 0.01


def test_the_seed_decides_and_none_is_a_fixed_one():
    found = {
        seed: calibrate("adwin", REFERENCE, rows_per_false_alarm=BUDGET, random_state=seed)[1:]
        for seed in (None, 0, 1)
    }
    assert found[None] == found[0] != found[1]


def test_the_trigger_pickles_clones_and_serves_as_a_detector():
    trigger = calibrate("adwin", REFERENCE, rows_per_false_alarm=BUDGET).trigger
    delta = trigger.get_params()["detector__delta"]
    for copy in (pickle.loads(pickle.dumps(trigger)), clone(trigger)):
        assert copy.get_params()["detector__delta"] == delta
    X = np.random.default_rng(0).normal(size=(400, 2))
    model = DriftAwareRetrainer(LogisticRegression(), detector=trigger).fit(X, X[:, 0] > 0)
    assert model.detector_.detector.delta == delta


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        pd.Series,
        pl.Series,
        lambda losses: np.insert(losses, [0, 7, 900], np.nan),
        lambda losses: ScoredBatch(300, len(losses), losses.astype(int)),
        lambda losses: ScoredBatch(0, len(losses), losses, y=pd.Series(losses)),
    ],
)
@pytest.mark.no_cover
def test_losses_may_come_in_any_container_and_rows_that_were_not_scored_are_left_out(wrap):
    expected = calibrate("adwin", REFERENCE, rows_per_false_alarm=BUDGET)
    found = calibrate(ErrorDrift(), wrap(REFERENCE), rows_per_false_alarm=BUDGET)
    assert found[1:] == expected[1:]


def test_labels_and_predictions_stay_with_their_rows():
    losses = np.round(np.random.default_rng(0).random(1000), 6)
    y = np.arange(1000.0)

    def loss(y_true, y_pred):
        assert np.allclose(losses[y_true.astype(int)], y_pred - y_true)
        return y_pred - y_true

    batch = ScoredBatch(0, 1000, losses, y=y, y_pred=y + losses)
    found = calibrate(ErrorDrift(loss=loss), batch, rows_per_false_alarm=BUDGET)
    assert found.n_rows > 0


def test_errors_of_a_rare_class_are_watched_apart():
    rng = np.random.default_rng(0)
    rare = rng.random(6000) < 0.1
    losses = np.where(rare, rng.random(6000) < 0.3, 0.0).astype(float)
    batch = ScoredBatch(0, 6000, losses, y=rare.astype(int))
    found = calibrate(ErrorDrift(rows_of_class=1), batch, rows_per_false_alarm=1000)
    assert found.n_alarms >= 1


# -- uncertainty -----------------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(100, 10**7))
def test_a_reference_that_tells_all_leaves_the_interval_of_garwood(n_alarms, n_rows):
    low, high = _interval(n_alarms, n_rows, 0.0)
    assert low == pytest.approx(2 * n_rows / chi2.ppf(0.95, 2 * n_alarms + 2))
    if n_alarms:
        assert high == pytest.approx(2 * n_rows / chi2.ppf(0.05, 2 * n_alarms))
    else:
        assert high == math.inf


@given(st.integers(0, 200), st.floats(0.01, 2))
def test_what_the_reference_leaves_open_makes_the_interval_wider(n_alarms, uncertainty):
    low, high = _interval(n_alarms, 10_000, uncertainty)
    exact_low, exact_high = _interval(n_alarms, 10_000, 0.0)
    assert low < exact_low
    assert high > exact_high or high == math.inf


def test_the_uncertainty_of_gaussian_losses_is_that_of_their_variance():
    """The variance of n Gaussian values is off by sqrt(2 / n), in blocks by sqrt(4 b / 3 n)."""
    values = np.random.default_rng(0).normal(size=20_000)
    log = math.log(10_000)
    assert _uncertainty(values, 1, 10_000) == pytest.approx(math.sqrt(2 / 20_000) * log, rel=0.05)
    expected = math.sqrt(4 * 100 / (3 * 20_000)) * math.log(100)
    assert _uncertainty(values, 100, 10_000) == pytest.approx(expected, rel=0.15)


@pytest.mark.no_cover
def test_fresh_losses_ring_within_the_interval_for_most_references():
    inside = 0
    for seed in range(8):
        found = calibrate("adwin", in_runs(2000, seed=seed), rows_per_false_alarm=BUDGET)
        low, high = found.interval
        n_alarms = rings_on(found.trigger, in_runs(30 * BUDGET, seed=100 + seed))
        inside += low <= 30 * BUDGET / max(n_alarms, 0.5) <= high
    assert inside >= 6


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trigger",
    [
        None,
        "kswin",
        3,
        ["adwin"],
        Periodic(),
        AtLeast(["adwin"]),
        RiskMonitor(restart=False),
        drift.KSWIN(),
        binary.EDDM(),
    ],
)
def test_a_trigger_without_a_known_threshold_is_refused_and_the_others_named(trigger):
    with pytest.raises(ValueError, match=r"(?s)calibrate\(trigger=.*PageHinkley.*one by one"):
        calibrate(trigger, REFERENCE)


def test_each_detector_of_river_has_a_threshold_among_its_parameters_or_is_refused(any_detector):
    detector = any_detector
    threshold = threshold_of(detector)
    if threshold is None:
        with pytest.raises(ValueError, match="trigger must be"):
            calibrate(detector, REFERENCE)
    else:
        assert threshold.parameter in detector._get_params()
        for strictness in (0.0, 0.5, 1.0):
            ErrorDrift(detector)._at(threshold.at(strictness)).reset()


def test_a_trigger_that_is_wrong_itself_says_so():
    with pytest.raises(ValueError, match="ErrorDrift\\(cooldown=-1\\)"):
        calibrate(ErrorDrift(cooldown=-1), REFERENCE)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("rows_per_false_alarm", 99),
        ("rows_per_false_alarm", 1e4),
        ("batch_size", 0),
        ("random_state", -1),
        ("random_state", "a"),
    ],
)
def test_a_parameter_that_is_junk_is_refused_by_name(parameter, value):
    with pytest.raises(ValueError, match=re.escape(f"calibrate({parameter}={value!r})")):
        calibrate("adwin", REFERENCE, **{parameter: value})


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (None, "reference must be"),
        ("losses", "reference must be"),
        (["a", "b"] * 500, r"one per row; got list\.$"),
        (0.5, "reference must be"),
        (REFERENCE.reshape(-1, 2), r"got an array of shape \(\d+, 2\)\.$"),
        ([], "0 scored rows are too few"),
        (REFERENCE[:99], "99 scored rows are too few, it takes at least 100"),
        (np.full(500, np.nan), "0 scored rows are too few"),
        (np.zeros(500), "all losses are 0,"),
        (ScoredBatch(0, 500), "ErrorDrift needs a loss per row"),
        (ScoredBatch(0, 500, np.full(500, 3.0)), "must lie in"),
        (ScoredBatch(0, 400, REFERENCE), "loss has 4,000 rows, and n_rows is 400"),
        (ScoredBatch(0, 4000, REFERENCE, y=[0, 1]), "y has 2 rows, and n_rows is 4,000"),
    ],
)
def test_a_reference_that_tells_nothing_is_refused(reference, message):
    with pytest.raises(ValueError, match=message):
        calibrate("adwin", reference)


def test_a_reference_too_short_for_the_budget_is_told_how_many_rows_would_do():
    with pytest.raises(ValueError, match="leave open by more than a factor") as caught:
        calibrate("adwin", in_runs(1000, 0.9), rows_per_false_alarm=50_000)
    n_needed = int(re.search(r"about ([\d,]+) are", str(caught.value))[1].replace(",", ""))
    assert n_needed % 100 == 0
    assert 1000 < n_needed < 20_000


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_a_reference_with_a_drift_is_refused(correlation):
    drifting = np.r_[in_runs(3000, correlation), in_runs(3000, correlation, 1, rate=0.3)]
    with pytest.raises(ValueError, match="of 6,000 rows is not stationary: its mean loss changes"):
        calibrate("adwin", drifting)


class _Rings(BaseTrigger):
    """Rings on what a function says."""

    def __init__(self, when, threshold=1.0):
        self.when = when
        self.threshold = threshold

    _threshold = Threshold("threshold", 1.0, 10.0)

    def reset(self):
        return self

    def update(self, batch):
        return Signal("drift" if self.when(batch) else "stable")


def test_a_trigger_that_no_threshold_keeps_quiet_is_refused():
    message = r"even with threshold=10 there are 5\.\d times as many alarms.*PageHinkley"
    with pytest.raises(ValueError, match=message):
        calibrate(_Rings(lambda batch: True), REFERENCE, rows_per_false_alarm=BUDGET)


def test_a_memory_longer_than_the_blocks_is_noticed_on_the_reference_itself():
    """The trigger rings on batches as they were, and resampling never makes the same batch."""
    losses = np.random.default_rng(0).random(2000)
    known = {tuple(part) for part in losses.reshape(-1, 100)}
    trigger = _Rings(lambda batch: tuple(batch.loss) in known)
    with pytest.raises(ValueError, match="not stationary: the calibrated trigger rings 20 times"):
        calibrate(trigger, losses, rows_per_false_alarm=5000)
