"""What the defaults promise on average, over many seeds: slow, so `make test-all` runs them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import ErrorDrift, ScoredBatch

pytestmark = pytest.mark.slow

N, SIZE, DRIFTS = 12_000, 100, (4000, 8000)
LOGISTIC = LogisticRegression()


def accuracy_of(model, X, y, first):
    """Test, then train, from row `first` on."""
    right = 0
    for start in range(first, N, SIZE):
        batch = slice(start, start + SIZE)
        right += (model.predict(X[batch]) == y[batch]).sum()
        model.partial_fit(X[batch], y[batch])
    return right / (N - first)


def accuracy_of_the_oracle(X, y, first):
    """Told the drift rows, it is fitted anew on the rows since the last one at every batch."""
    right, since = 0, 0
    model = clone(LOGISTIC).fit(X[:first], y[:first])
    for start in range(first, N, SIZE):
        batch = slice(start, start + SIZE)
        right += (model.predict(X[batch]) == y[batch]).sum()
        since = start if start in DRIFTS else since
        model = clone(LOGISTIC).fit(X[since : start + SIZE], y[since : start + SIZE])
    return right / (N - first)


# With a first fit on 500 rows, the model grows at rows 1,000, 2,000 and 4,000: the last is a drift.
@pytest.mark.parametrize("first", [1200, 500])
def test_the_default_closes_the_gap_between_never_and_the_oracle(first):
    """On abrupt drift, 95 % of it on average, and nearly so in the worst of 12 streams."""
    shares = []
    for seed in range(12):
        X, y, _ = make_drifting_classification(N, drift_rows=list(DRIFTS), random_state=seed)
        never = clone(LOGISTIC).fit(X[:first], y[:first]).score(X[first:], y[first:])
        oracle = accuracy_of_the_oracle(X, y, first)
        model = DriftAwareRetrainer(LOGISTIC).fit(X[:first], y[:first])
        shares.append((accuracy_of(model, X, y, first) - never) / (oracle - never))
    assert np.mean(shares) >= 0.95
    assert min(shares) >= 0.93


def test_without_drift_the_default_ends_like_a_model_fitted_on_everything():
    """Growth makes up for a short first fit: at most 0.6 points are lacking."""
    lacking = []
    for seed in range(6):
        X, y, _ = make_drifting_classification(N + 5000, drift="stationary", random_state=seed)
        model = DriftAwareRetrainer(LOGISTIC).fit(X[:500], y[:500])
        accuracy_of(model, X[:N], y[:N], 500)
        whole = clone(LOGISTIC).fit(X[:N], y[:N])
        lacking.append(whole.score(X[N:], y[N:]) - model.score(X[N:], y[N:]))
    assert np.mean(lacking) <= 0.006
    assert max(lacking) <= 0.006


def test_the_default_trigger_hardly_ever_rings_without_a_change_and_finds_every_change():
    """40 streams of 10,000 errors at 0.10; 40 more that rise to 0.30 at row 3,000."""
    false, delays, misses = 0, [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        stable = (rng.random(10_000) < 0.1).astype(float)
        changed = stable.copy()
        changed[3000:] = rng.random(7000) < 0.3
        false += bool(alarms(stable))
        row, since = next(alarm for alarm in alarms(changed) if alarm[0] > 3000)
        delays.append(row - 3000)
        misses.append(abs(since - 3000))
    assert false <= 1
    assert np.median(delays) <= 200
    assert np.median(misses) <= 50


def alarms(errors):
    trigger = ErrorDrift().reset()
    found = []
    for start in range(0, len(errors), SIZE):
        signal = trigger.update(ScoredBatch(start, SIZE, errors[start : start + SIZE]))
        if signal.state == "drift":
            found.append((start + SIZE, signal.since))
    return found
