"""A retrainer whose arrays are read-only, as memory-mapped ones are, learns on as any other."""

import joblib
import numpy as np
import pytest
from helpers import assert_same_outputs, batches, representatives, stream
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow, StratifiedReservoir
from skretrain.drift import ErrorDrift, RefitDebt, RiskMonitor
from skretrain.gates import PairedGate
from skretrain.policies import KeepOrRefit

X, Y = stream(900, drift=450)


def first_is_positive(rows):
    return rows[:, 0] > 0


MODELS = {
    "window": DriftAwareRetrainer(LogisticRegression(), buffer=SlidingWindow(max_rows=200)),
    "reservoir": DriftAwareRetrainer(GaussianNB(), buffer=Reservoir(max_rows=150)),
    "balanced": ReplayPartialFit(
        SGDClassifier(random_state=0),
        buffer=Reservoir(max_rows=100, balance=True, decay=0.001),
        random_state=0,
    ),
    "strata": ReplayPartialFit(
        GaussianNB(), buffer=StratifiedReservoir(60, by=first_is_positive), random_state=0
    ),
    "pipeline": DriftAwareRetrainer(make_pipeline(StandardScaler(), SGDClassifier(random_state=0))),
    "perceptron": DriftAwareRetrainer(MLPClassifier((4,), max_iter=20, random_state=0)),
    "forest": DriftAwareRetrainer(ExtraTreesClassifier(5, random_state=0), update="warm_start"),
    "gate": DriftAwareRetrainer(GaussianNB(), policy=KeepOrRefit(), gate=PairedGate()),
    "ranks": DriftAwareRetrainer(
        GaussianNB(), detector=[ErrorDrift(loss="log_loss"), RiskMonitor(), RefitDebt(5)]
    ),
    "mixture": MixtureRetrainer(
        [
            ("bayes", DriftAwareRetrainer(GaussianNB())),
            ("linear", DriftAwareRetrainer(SGDClassifier(random_state=0))),
        ],
        budget=0.5,
    ),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "name",
    representatives(
        MODELS, fast=["balanced", "strata", "pipeline", "gate", "mixture"], covering=[]
    ),
)
def test_state_that_was_memory_mapped_is_written_to_as_a_copy(name, tmp_path):
    """Trap 46: at several rows of the stream; the file on disk stays as it was."""
    model, path = clone(MODELS[name]).fit(X[:200], Y[:200]), tmp_path / "model.joblib"
    for number, batch in enumerate(batches(900, 50, 200)):
        if number % 4 == 0:
            joblib.dump(model, path)
            before = path.read_bytes()
            mapped = joblib.load(path, mmap_mode="r")
        model.partial_fit(X[batch], Y[batch])
        mapped.partial_fit(X[batch], Y[batch])
        assert path.read_bytes() == before
    assert_same_outputs(model, mapped, X)
    rows = [[(e.action, e.row) for e in each.events_] for each in (model, mapped)]
    assert rows[0] == rows[1]


def test_clusters_too(tmp_path):
    model = DriftAwareRetrainer(MiniBatchKMeans(2, random_state=0, n_init=1)).fit(X[:200])
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for each in (model, mapped):
        each.partial_fit(X[200:400]).partial_fit(X[400:600])
    np.testing.assert_array_equal(model.predict(X), mapped.predict(X))
