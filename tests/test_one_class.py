"""Memory that holds a single class for a while: outputs keep one column per class."""

from itertools import product

import numpy as np
import pytest
from helpers import feed, representatives
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.drift import ErrorDrift, Periodic
from skretrain.policies import FullRefit

rng = np.random.default_rng(0)
X = rng.normal(size=(700, 3))
Y = (X[:, 0] > 0).astype(int)
Y[100:300] = 0  # so that the memory of 100 rows has nothing else from row 200 on


def boosting():
    return HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5, random_state=0)


def lightgbm():
    module = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    return module.LGBMClassifier(
        n_estimators=5, min_child_samples=5, verbose=-1, random_state=0, n_jobs=1
    )


def perceptron():
    return MLPClassifier((8,), max_iter=300, learning_rate_init=0.02, random_state=0)


BASES = {
    "boosting": boosting,
    "lightgbm": lightgbm,
    "perceptron": lambda: MLPClassifier(
        (8,), max_iter=300, learning_rate_init=0.02, random_state=0
    ),
    "bayes": GaussianNB,
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "pipeline": lambda: make_pipeline(StandardScaler(), boosting()),
}


def refitted(base, **params):
    return DriftAwareRetrainer(
        base,
        policy=FullRefit("all"),
        update=None,
        buffer=SlidingWindow(max_rows=100),
        **params,
    )


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "labels"),
    representatives(
        product(BASES, [(0, 1), ("no", "yes"), (3, 7)]), fast=product(BASES, [("no", "yes")])
    ),
    ids=str,
)
def test_the_class_that_is_gone_has_the_probability_0_and_the_stream_goes_on(name, labels):
    """A trigger on probabilities sees every batch; none is refused, then or later."""
    labels = np.array(labels)
    detector = [Periodic(100), ErrorDrift(loss="log_loss")]
    if name == "pipeline":
        detector = Periodic(100)
    model = refitted(BASES[name](), detector=detector).fit(X[:100], labels[Y[:100]])
    feed(model, X, labels[Y], 100, 100, 300)
    assert len(model.estimator_.classes_) == 1
    proba = model.predict_proba(X)
    assert proba.shape == (700, 2)
    np.testing.assert_array_equal(proba, [[1.0, 0.0]] * 700)
    if hasattr(model, "predict_log_proba"):
        np.testing.assert_array_equal(model.predict_log_proba(X[:5]), [[0.0, -np.inf]] * 5)
    if hasattr(model, "decision_function"):
        decision = model.decision_function(X)
        assert decision.shape == (700, 2)
        assert (decision.argmax(axis=1) == 0).all()
    assert (model.predict(X) == labels[0]).all()
    feed(model, X, labels[Y], 100, 300, 700)
    assert model.n_samples_seen_ == 700
    assert model.events_.counts["failed"] == 0
    assert model.score(X[300:], labels[Y[300:]]) > 0.8


@pytest.mark.parametrize("name", ["boosting", "lightgbm"])
def test_a_model_of_one_class_has_one_column(name):
    """Trap 45: two probability columns for one class."""
    zeros = np.zeros(100, dtype=int)
    model = DriftAwareRetrainer(BASES[name](), detector=None).fit(X[:100], zeros)
    assert model.classes_.tolist() == [0]
    np.testing.assert_array_equal(model.predict_proba(X[:4]), np.ones((4, 1)))


def test_a_mixture_of_such_members_goes_on():
    members = [("boosting", refitted(boosting(), detector=Periodic(100)))]
    members.append(("bayes", DriftAwareRetrainer(GaussianNB())))
    mixture = feed(MixtureRetrainer(members).fit(X[:100], Y[:100]), X, Y, 100, 100)
    assert mixture.predict_proba(X).shape == (700, 2)
    assert mixture.score(X[300:], Y[300:]) > 0.8
