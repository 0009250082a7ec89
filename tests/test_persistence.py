"""Dump at any row, load, continue: the future is the same; and memory does not grow."""

import importlib
import io
import json
import pickle
import pkgutil
import subprocess
import sys
from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import Rings, WaitGate, batches, feed, fingerprint, representatives, stream
from river import drift
from river.drift import binary
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

import skretrain
from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.drift import ErrorDrift
from skretrain.policies import FullRefit, WarmStart

pytestmark = pytest.mark.no_cover

X, Y = stream(900, drift=450)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


MODELS = {
    "collecting": DriftAwareRetrainer(LogisticRegression(), initial_size=250),
    "drift": DriftAwareRetrainer(GaussianNB(), detector=ErrorDrift(drift.ADWIN(delta=0.5))),
    "forest": DriftAwareRetrainer(RandomForestClassifier(3), random_state=1),
    "gate": DriftAwareRetrainer(
        GaussianNB(), detector=drift.PageHinkley(threshold=5), gate=WaitGate(4), update="replay_mix"
    ),
    "kswin": DriftAwareRetrainer(GaussianNB(), detector=drift.KSWIN(alpha=0.001), random_state=3),
    "mlp": DriftAwareRetrainer(
        MLPClassifier((4,), learning_rate_init=0.05),
        policy=WarmStart(n_passes=2, reheat=True),
        random_state=2,
    ),
    "reservoir": ReplayPartialFit(
        SGDClassifier(), buffer=Reservoir(100, balance=True), ratio=2.0, random_state=5
    ),
    "several": DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=[binary.HDDMA(), drift.ADWIN()]
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "stop", "through"),
    representatives(
        product(MODELS, [60, 300, 480, 540], [by_pickle, by_joblib]),
        fast=[*product(MODELS, [480], [by_pickle]), *product(MODELS, [300], [by_joblib])][::2],
    ),
)
@pytest.mark.thinned(3)
def test_a_reloaded_retrainer_has_the_same_future(name, stop, through):
    """Trap 36: before the first fit, while it is stable, right after the drift, or later."""
    model = feed(clone(MODELS[name]), X, Y, 30, 0, stop)
    copied = through(model)
    for original_or_copy in (model, copied):
        feed(original_or_copy, X, Y, 30, stop)
    assert fingerprint(copied.estimator_) == fingerprint(model.estimator_)
    assert copied.events_.counts == model.events_.counts
    assert [e.row for e in copied.events_] == [e.row for e in model.events_]
    np.testing.assert_array_equal(copied.buffer_.index, model.buffer_.index)
    np.testing.assert_array_equal(copied.predict(X), model.predict(X))


def test_the_stream_rings_where_it_is_cut():
    """The test above means something: its models do raise alarms and refit after row 450."""
    for name, model in MODELS.items():
        ran = feed(clone(model), X, Y, 30)
        assert ran.events_.counts["retrained"] + ran.events_.counts["updated"] > 1, name
        if name not in ("collecting", "reservoir"):
            assert ran.n_alarms_ > 0, name


CONTINUE = """
import json, sys, joblib
model, X, y = joblib.load(sys.argv[1])
for start in range(0, len(y), 30):
    model.partial_fit(X[start : start + 30], y[start : start + 30])
print(json.dumps([model.predict_proba(X).tolist(), model.events_.counts]))
"""


def test_the_future_is_the_same_in_another_process(tmp_path):
    model = DriftAwareRetrainer(
        RandomForestClassifier(3), detector=ErrorDrift(drift.ADWIN(delta=0.5)), random_state=1
    )
    feed(model, X, Y, 30, 0, 480)
    path = tmp_path / "model.joblib"
    joblib.dump((model, X[480:], Y[480:]), path)
    command = [sys.executable, "-c", CONTINUE, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    proba, counts = json.loads(answer.stdout)
    feed(model, X, Y, 30, 480)
    np.testing.assert_array_equal(proba, model.predict_proba(X[480:]))
    assert counts == model.events_.counts


@pytest.mark.parametrize(
    ("buffer", "size", "n_early", "n_late"),
    representatives(
        [
            ("SlidingWindow", 1, 700, 1000),
            ("SlidingWindow", 10, 150, 400),
            ("Reservoir", 1, 700, 1000),
            ("Reservoir", 10, 150, 400),
        ],
        fast=[("SlidingWindow", 10, 150, 400), ("Reservoir", 10, 150, 400)],
    ),
)
def test_memory_is_flat(buffer, size, n_early, n_late, monkeypatch):
    """Traps 10 and 40: with small memories, the size after many rows is that after few."""
    monkeypatch.setattr("skretrain.drift._watch._MEMORY_ROWS", 300)
    rng = np.random.default_rng(0)
    buffer = {"SlidingWindow": SlidingWindow, "Reservoir": Reservoir}[buffer](60)
    model = DriftAwareRetrainer(
        GaussianNB(), detector=drift.PageHinkley(), buffer=buffer, policy="full_refit"
    )
    model.fit(X[:400], Y[:400])

    def largest(n_batches):
        """Arrays with spare room are now fuller, now emptier: what counts is the largest."""
        sizes = []
        for _ in range(n_batches):
            rows = rng.integers(0, 400, size)
            model.partial_fit(X[rows], Y[rows])
            sizes.append(len(pickle.dumps(model)))
        return max(sizes)

    early = largest(n_early)
    assert largest(n_late) < 1.1 * early
    assert model.n_samples_seen_ == 400 + (n_early + n_late) * size


def test_the_event_log_is_bounded():
    """Trap 40: the routine is counted only, and of notable events the newest are kept."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings(range(100, 10_000)), policy=FullRefit(window=20), update=None
    ).fit(X[:100], Y[:100])
    model.events_._events = type(model.events_._events)(maxlen=50)
    for row in range(100, 300):
        model.partial_fit(X[row : row + 1], Y[row : row + 1])
    assert len(model.events_) == 50
    assert model.events_.counts["retrained"] == 201
    assert model.events_[-1].row == 300
    quiet = DriftAwareRetrainer(SGDRegressor(random_state=0), detector=None)
    quiet.fit(X[:100], X[:100, 0])
    for batch in batches(900, 1, 100):
        quiet.partial_fit(X[batch], X[batch, 0])
    assert len(quiet.events_) == 1
    assert quiet.events_.counts["updated"] == 800


# -- every protocol --------------------------------------------------------------------------------

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def mixed():
    members = [("a", DriftAwareRetrainer(GaussianNB())), ("b", ReplayPartialFit(GaussianNB()))]
    return MixtureRetrainer(members, budget=0.5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "protocol"),
    # The oldest, which refuses most, and in turns others: they differ in what is stored how.
    representatives(
        product([*MODELS, "mixture"], PROTOCOLS),
        fast={*product([*MODELS, "mixture"], [PROTOCOLS[0]]), ("mixture", 2), ("mixture", 5)},
        covering=[],
    ),
)
def test_a_retrainer_goes_through_every_protocol_of_pickle(name, protocol):
    """Also the old ones, which refuse a class with ``__slots__`` and no more."""
    model = feed(mixed() if name == "mixture" else clone(MODELS[name]), X, Y, 30, 0, 540)
    copied = pickle.loads(pickle.dumps(model, protocol))
    for one in (model, copied):
        feed(one, X, Y, 30, 540, 630)
    np.testing.assert_array_equal(copied.predict(X), model.predict(X))
    assert copied.events_.counts == model.events_.counts


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("rows", ["frame", "sparse", "list"])
def test_what_is_remembered_goes_through_every_protocol_of_pickle(rows, protocol):
    """In whatever container the rows came, also a memory that spans several chunks."""
    held = {"frame": pd.DataFrame(X), "sparse": sparse.csr_matrix(X), "list": X.tolist()}[rows]
    buffer = SlidingWindow(max_rows=300).reset()
    for start in range(0, 600, 50):
        buffer.add(held[start : start + 50], Y[start : start + 50])
    copied = pickle.loads(pickle.dumps(buffer, protocol))
    np.testing.assert_array_equal(copied.index, buffer.index)
    np.testing.assert_array_equal(copied.y, buffer.y)


SOURCES = [
    module.name
    for module in pkgutil.walk_packages(skretrain.__path__, prefix="skretrain.")
    if not module.name.endswith("__main__")
]


def test_no_class_has_slots_that_old_protocols_refuse():
    """Slots are for frozen data classes, which tell pickle what their state is."""
    defined = [
        value
        for module in SOURCES
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type) and value.__module__ == module
    ]
    refused = [
        kind
        for kind in defined
        if vars(kind).get("__slots__") and kind.__getstate__ is object.__getstate__
    ]
    assert refused == []
