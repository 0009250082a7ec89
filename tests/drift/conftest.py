"""The ten detectors of river, and streams of losses cut into batches."""

import numpy as np
import pytest
from river import drift
from river.drift import binary

from skretrain.drift import ScoredBatch

DETECTORS = {
    "ADWIN": lambda: drift.ADWIN(),
    "DDM": lambda: binary.DDM(),
    "DummyDriftDetector": lambda: drift.DummyDriftDetector(t_0=150),
    "EDDM": lambda: binary.EDDM(),
    "FHDDM": lambda: binary.FHDDM(),
    "HDDMA": lambda: binary.HDDMA(),
    "HDDMW": lambda: binary.HDDMW(),
    "KSWIN": lambda: drift.KSWIN(alpha=0.01, seed=7),
    "NoDrift": lambda: drift.NoDrift(),
    "PageHinkley": lambda: drift.PageHinkley(),
}


@pytest.fixture(params=sorted(DETECTORS))
def any_detector(request):
    """Return each of the ten in turn, blank."""
    return DETECTORS[request.param]()


@pytest.fixture
def errors():
    """Return a function that draws 0/1 losses with the given error rates, one run of rows each."""

    def draw(*rates, n=1000, seed=0):
        rng = np.random.default_rng(seed)
        return np.concatenate([rng.random(n) < rate for rate in rates]).astype(float)

    return draw


@pytest.fixture
def show():
    """Return a function that shows losses to a trigger and returns one signal per batch."""

    def run(trigger, losses, size=100, first=0, **fields):
        cuts = range(0, len(losses), size)
        parts = [(first + k, losses[k : k + size]) for k in cuts]
        return [trigger.update(ScoredBatch(k, len(part), part, **fields)) for k, part in parts]

    return run
