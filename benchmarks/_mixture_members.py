"""The mixture benchmark: its streams, the candidates for members, and the lists of them."""

from functools import lru_cache

import numpy as np
from _common import Stream
from _peer_streams import N_ROWS
from _peer_streams import stream_of as peer_stream_of
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skretrain import MixtureRetrainer, make_mixture
from skretrain._mixture import _make
from skretrain.datasets import make_drifting_classification
from skretrain.drift import ErrorDrift
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.policies import FullRefit

REAL = ("elec2", "spam", "gas_partial", "powersupply", "outdoor", "keystroke", "ozone")
REAL_REGRESSION = ("bike", "metro", "aep_load")
RIVERS = (
    "sea_a", "sea_g", "sea_0", "hyp_a", "hyp_g", "agr_a", "rbf_a", "rbf_g", "rbf_0", "led_g",
)  # fmt: skip
OLD_BUDGET = 0.7


# -- streams


@lru_cache(maxsize=2)
def stream_of(name, n_rows=N_ROWS):
    """Return a stream; `n_rows` is the length of a generated one. None if it is not there."""
    if name in OWN:
        return OWN[name](name, n_rows, np.random.default_rng(5))
    return peer_stream_of(name, n_rows)


def _daylight(name, n_rows, rng):
    """Ten things in a row of five pictures each, in a light that comes back every 4,000 rows."""
    centres = rng.normal(size=(10, 20))
    directions = rng.normal(size=(2, 20))
    phase = 2 * np.pi * np.arange(n_rows) / 4000
    y = np.repeat(rng.integers(0, 10, n_rows // 5), 5)
    light = np.column_stack([np.sin(phase), np.cos(phase)]) * 1.5
    X = centres[y] * (1 + 0.6 * np.sin(phase))[:, None] + light @ directions
    return Stream(name, X + 0.9 * rng.normal(size=X.shape), y)


def _in_turn(name, n_rows, rng):
    """Two concepts, neither of them linear, that take turns of 2,500 rows."""
    X = rng.normal(size=(n_rows, 8))
    wave, sign = np.sin(2 * X[:, 0]), 1 - 2 * (np.arange(n_rows) // 2500 % 2)
    score = wave * np.where(sign > 0, X[:, 1], X[:, 3]) + sign * X[:, 2]
    return Stream(name, X, (score + 0.2 * rng.normal(size=n_rows) > 0).astype(int))


def _rare(name, n_rows, rng):
    """A class of 4 % of the rows, behind a boundary that turns once in 15,000 rows."""
    X = rng.normal(size=(n_rows, 10))
    angle = 2 * np.pi * np.arange(n_rows) / 15_000
    score = X[:, 0] * np.cos(angle) + X[:, 1] * np.sin(angle) + 0.7 * X[:, 2] * X[:, 3]
    return Stream(name, X, (score + 0.3 * rng.normal(size=n_rows) > 2.1).astype(int))


def _lasting(name, n_rows, rng):
    """Labels that last for tens of rows, and features that tell little of them."""
    state, steps = np.zeros(n_rows), 0.2 * rng.normal(size=n_rows)
    for row in range(1, n_rows):
        state[row] = 0.98 * state[row - 1] + steps[row]
    X = 0.5 * state[:, None] * rng.normal(size=6) + rng.normal(size=(n_rows, 6))
    return Stream(name, X, (state + 0.2 * rng.normal(size=n_rows) > 0).astype(int))


def _drifting(name, n_rows, rng):
    """Linear concepts, one after the other, as many as the name says."""
    n_drifts = int(name.split("_")[1]) - 1
    return Stream(name, *make_drifting_classification(n_rows, n_drifts=n_drifts, random_state=0))


def _friedman(name, n_rows, rng):
    """The first function of Friedman, of ten features that trade places three times."""
    X, y, part = rng.random((n_rows, 10)), np.empty(n_rows), np.arange(n_rows) * 4 // n_rows
    for number in range(4):
        rows = part == number
        a, b, c, d, e = X[rows][:, rng.permutation(10)[:5]].T
        y[rows] = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    return Stream(name, X, y + rng.normal(size=n_rows))


def _walking(name, n_rows, rng):
    """A linear function whose coefficients walk at random."""
    X = rng.normal(size=(n_rows, 8))
    coef = rng.normal(size=8) + np.cumsum(0.02 * rng.normal(size=X.shape), axis=0)
    return Stream(name, X, (X * coef).sum(axis=1) + 0.5 * rng.normal(size=n_rows))


def _seasons(name, n_rows, rng):
    """Hours of a load with a day, a week and a year, and evenings that change for good."""
    t = np.arange(n_rows)
    hour, day, year = t % 24, t // 24 % 7, np.sin(2 * np.pi * t / 8760)
    X = np.column_stack([hour, day, year, rng.normal(size=n_rows)])
    y = 50 + 20 * np.sin(2 * np.pi * (hour - 8) / 24) * (1 + year / 2) + 10 * (day > 4)
    y = y + 15 * (t > 0.45 * n_rows) * (hour > 16) + 8 * X[:, 3]
    return Stream(name, X, y + 5 * rng.normal(size=n_rows))


OWN = {
    "daylight": _daylight,
    "in_turn": _in_turn,
    "rare": _rare,
    "lasting": _lasting,
    "drifting_4": _drifting,
    "drifting_10": _drifting,
    "friedman": _friedman,
    "walking": _walking,
    "seasons": _seasons,
}
OWN_REGRESSION = ("friedman", "walking", "seasons")
CLASSIFICATION = (*REAL, *RIVERS, *(name for name in OWN if name not in OWN_REGRESSION))
REGRESSION = (*REAL_REGRESSION, *OWN_REGRESSION)


# -- candidates


def classifiers():
    """Return the candidates by name: those that were chosen, and others."""
    tree = DecisionTreeClassifier(min_samples_leaf=10)
    ridge = make_pipeline(StandardScaler(), RecursiveRidgeClassifier(alpha=0.1, forgetting=0.999))
    return {
        **dict(_make._fast_classifiers()),
        "kernel_since_drift": _kernel_since_drift(),
        "ridge_since_drift": _make._since_drift(ridge),
        "tree_recent_200": _make._refitted(tree, 1000, every=200),
        "bayes_recent": _make._refitted(GaussianNB(), 1000, every=200),
        "forest_recent": _make._rotating(ExtraTreesClassifier(15), 300),
        "kernel_128": _kernel(128),
        "kernel_4_rates": _kernel(256, forgetting=(0.99, 0.997, 0.999, 0.9999)),
        "logistic_recent": _make._refitted(_logistic(), 1000, every=400),
    }


def _logistic():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))


def _kernel(n_waves, forgetting=_make._RATES):
    ridge = RecursiveRidgeClassifier(alpha=0.1, forgetting=forgetting)
    return _make._kernel(ridge, n_waves)


def _kernel_since_drift():
    """Return the kernel machine of the mixture, begun anew with every change."""
    return _kernel(256).set_params(detector=ErrorDrift(), policy=FullRefit())


def regressors():
    """Return the same for regression."""
    boosting = HistGradientBoostingRegressor()
    ridge = RecursiveRidgeRegressor(alpha=0.1, forgetting=_make._RATES)
    forest = ExtraTreesRegressor(15, min_samples_leaf=3)
    bagged = RandomForestRegressor(15, min_samples_leaf=3)
    return {
        **dict(_make._fast_regressors()),
        "linear_since_drift": _make._since_drift(make_pipeline(StandardScaler(), Ridge())),
        "forest_recent": _make._rotating(RandomForestRegressor(30), 1000),
        "large_boosting_recent": _make._refitted(boosting, 5000, every=1000),
        "large_boosting_all": _make._refitted(boosting, "all", every=2000),
        "kernel_256": _make._kernel(ridge, 256),
        "forest_3000": _make._rotating(forest, 3000, every=200),
        "bagged_long": _make._rotating(bagged, 10_000, every=1000),
    }


# -- lists

CHOSEN, PREVIOUS = "chosen", "previous"


def _add(lists, name, without=(), more=()):
    """Add the chosen list less some members, and with others."""
    lists[name] = (*(member for member in lists[CHOSEN] if member not in without), *more)


def lists_of_classifiers():
    """Return the members of every list by its name."""
    lists = {
        CHOSEN: tuple(dict(_make._fast_classifiers())),
        PREVIOUS: (
            "linear_updated", "linear_since_drift", "tree_since_drift", "tree_recent_200",
            "bayes_recent", "forest_recent", "forest_long",
        ),
    }  # fmt: skip
    for member in lists[CHOSEN]:
        _add(lists, f"without {member}", [member])
    kernel, logistic = "kernel_updated", "linear_since_drift"
    since, ridge = "kernel_since_drift", "ridge_since_drift"
    _add(lists, "kernel since drift instead", [kernel], [since])
    _add(lists, "both kernels", more=[since])
    _add(lists, "ridge since drift instead of logistic", [logistic], [ridge])
    _add(lists, "ridge since drift beside logistic", more=[ridge])
    _add(lists, "kernel and ridge since drift instead", [kernel, logistic], [since, ridge])
    _add(lists, "both kernels, ridge instead", [logistic], [since, ridge])
    _add(lists, "128 waves", [kernel], ["kernel_128"])
    _add(lists, "four rates", [kernel], ["kernel_4_rates"])
    _add(lists, "tree every 200", ["tree_recent"], ["tree_recent_200"])
    _add(lists, "forest on 300, too", more=["forest_recent"])
    _add(lists, "naive Bayes, too", more=["bayes_recent"])
    _add(lists, "logistic on 1,000 instead of tree", ["tree_recent"], ["logistic_recent"])
    return lists


def lists_of_regressors():
    """Return the same for regression."""
    lists = {
        CHOSEN: tuple(dict(_make._fast_regressors())),
        PREVIOUS: (
            "linear_since_drift", "forest_recent", "large_boosting_recent", "large_boosting_all",
        ),
    }  # fmt: skip
    for member in lists[CHOSEN]:
        _add(lists, f"without {member}", [member])
    _add(lists, "256 waves", ["kernel_updated"], ["kernel_256"])
    _add(lists, "forest on 3,000", ["forest_long"], ["forest_3000"])
    _add(lists, "forest on 1,000, too", more=["forest_recent"])
    _add(lists, "random forest", ["forest_long"], ["bagged_long"])
    _add(lists, "linear since drift, too", more=["linear_since_drift"])
    return lists


def mixtures(task):
    """Return mixtures that are run as they are, by name."""
    found = {
        "mixture": make_mixture(task=task),
        "mixture_thrifty": make_mixture(task=task, budget=OLD_BUDGET),
    }
    if task == "regression":
        members, names = regressors(), lists_of_regressors()[PREVIOUS]
        previous = [(name, members[name]) for name in names]
        found["previous_thrifty"] = MixtureRetrainer(previous, budget=OLD_BUDGET)
    return found
