"""A budget of false alarms: what was asked for is what rings, on any kind of stationary losses."""

import numpy as np
import pytest
from river import drift
from river.drift import binary

from skretrain.drift import RiskMonitor, ScoredBatch, calibrate

BUDGET = 1000


def in_runs(n, correlation, seed=0, rate=0.1):
    """Return 0/1 errors of a Markov chain: an error is kept with this probability, else drawn."""
    rng = np.random.default_rng(seed)
    fresh, drawn = rng.random(n) < rate, rng.random(n) >= correlation
    drawn[0] = True
    return fresh[np.maximum.accumulate(np.where(drawn, np.arange(n), 0))].astype(float)


def rings_on(trigger, losses, size=100, **fields):
    """Return the number of alarms, each of which is answered."""
    trigger.reset()
    n_alarms = 0
    for start in range(0, len(losses), size):
        part = losses[start : start + size]
        if trigger.update(ScoredBatch(start, len(part), part, **fields)).state == "drift":
            n_alarms += 1
            trigger.after_fit(None, None, answered=True)
    return n_alarms


CALIBRATED = {
    "ADWIN": drift.ADWIN,
    "DDM": binary.DDM,
    "FHDDM": binary.FHDDM,
    "HDDMA": binary.HDDMA,
    "HDDMW": binary.HDDMW,
    "PageHinkley": drift.PageHinkley,
    "RiskMonitor": RiskMonitor,
}


@pytest.mark.parametrize("name", ["ADWIN", "FHDDM", "PageHinkley"])
def test_on_fresh_losses_in_runs_it_rings_as_often_as_the_budget_says(name):
    found = calibrate(CALIBRATED[name](), in_runs(4000, 0.8), rows_per_false_alarm=BUDGET)
    n_alarms = rings_on(found.trigger, in_runs(40 * BUDGET, 0.8, seed=1))
    assert 40 / 2 <= n_alarms <= 40 * 2
