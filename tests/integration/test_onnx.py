"""What an exported model becomes in ONNX: the same answers, to single precision."""

import doctest
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from helpers import stream
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit, make_mixture
from skretrain._mixture._recalibration import Recalibration
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.serving import export

PAGE = Path(__file__).resolve().parents[2] / "docs/user_guide/production/export.rst"

X, THREE = stream(600, n_classes=3, drift=300)
X = X.astype(np.float32)
TARGETS = {
    "two": (THREE > 0).astype(int),
    "three": THREE,
    "text": np.array(["low", "middle", "top"])[THREE],
}
VALUES = (X @ [3.0, -1.0, 0.5, 0.0]).astype(np.float32)
FAR = 4 * X


def streamed(model, y):
    model.fit(X[:300], y[:300])
    for start in range(300, 600, 100):
        model.partial_fit(X[start : start + 100], y[start : start + 100])
    return model


def answers(plain, X):
    """Return what the runtime answers: predictions, and probabilities of a classifier."""
    options = {"zipmap": False} if hasattr(plain, "predict_proba") else None
    converted = to_onnx(plain, X[:1], options=options)
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    return session.run(None, {"X": X})


def assert_same_classifier(model, X):
    labels, proba = answers(export(model), X)
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=1e-5)
    first, second = np.sort(model.predict_proba(X))[:, -2:].T
    clear = second - first > 1e-5  # else rounding may decide, and either label is right
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(labels[clear], model.predict(X)[clear])


CLASSIFIERS = [
    LogisticRegression(),
    SGDClassifier(loss="log_loss", random_state=0),
    GaussianNB(),
    KNeighborsClassifier(),
    DecisionTreeClassifier(max_depth=4, random_state=0),
    RandomForestClassifier(4, random_state=0),
    MLPClassifier((6,), tol=0.1, random_state=0),
    make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
    RecursiveRidgeClassifier(forgetting=(0.99, 0.999)),
    make_pipeline(StandardScaler(), RecursiveRidgeClassifier()),
]


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("base", CLASSIFIERS, ids=lambda base: f"{base!r:.36}")
def test_a_classifier_answers_the_same(base, kind):
    assert_same_classifier(streamed(ReplayPartialFit(base), TARGETS[kind]), X)


@pytest.mark.parametrize(
    "base",
    [
        LinearRegression(),
        Ridge(),
        RecursiveRidgeRegressor(forgetting=0.999),
        make_pipeline(StandardScaler(), RecursiveRidgeRegressor()),
        DecisionTreeRegressor(max_depth=4, random_state=0),
    ],
    ids=lambda base: f"{base!r:.36}",
)
def test_a_regressor_answers_the_same(base):
    model = streamed(ReplayPartialFit(base), VALUES)
    (predicted,) = answers(export(model), FAR)
    np.testing.assert_allclose(predicted.ravel(), model.predict(FAR), 1e-5, 1e-5)


def mixture_of(*bases):
    members = [DriftAwareRetrainer(base, random_state=0) for base in bases]
    return MixtureRetrainer([(f"m{n}", member) for n, member in enumerate(members)])


@pytest.mark.parametrize("paid", [0.0, 9.0], ids=["as it is", "recalibrated"])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_mixture_of_classifiers_answers_the_same(kind, paid):
    ridge = make_pipeline(StandardScaler(), RecursiveRidgeClassifier())
    mixture = mixture_of(LogisticRegression(), DecisionTreeClassifier(max_depth=4), ridge)
    mixture = streamed(mixture, TARGETS[kind])
    recalibration = Recalibration(np.array([0.1, 0.2, 0.3, 0.3, 0.1]), paid)
    mixture._engine.mix = mixture._engine.mix._replace(recalibration=recalibration)
    assert_same_classifier(mixture, X)


def test_a_mixture_with_a_class_that_a_member_does_not_know_answers_the_same():
    mixture = streamed(mixture_of(GaussianNB(), LogisticRegression()), THREE)
    fewer = GaussianNB().fit(X[THREE != 1], THREE[THREE != 1])
    mix = mixture._engine.mix
    first = mix.servings[0]._replace(model=fewer, classes=np.array([0, 2]))
    mixture._engine.mix = mix._replace(servings=(first, mix.servings[1]))
    assert_same_classifier(mixture, X)


def test_a_mixture_of_regressors_answers_the_same_within_limits():
    ridge = make_pipeline(StandardScaler(), RecursiveRidgeRegressor())
    model = streamed(mixture_of(LinearRegression(), Ridge(), ridge), VALUES)
    (predicted,) = answers(export(model), FAR)
    np.testing.assert_allclose(predicted.ravel(), model.predict(FAR), 1e-5, 1e-5)
    assert np.ptp(predicted) < np.ptp(export(model).estimators_[0].predict(FAR))


def test_a_pipeline_around_a_mixture_answers_the_same():
    model = make_pipeline(StandardScaler(), mixture_of(GaussianNB(), LogisticRegression()))
    assert_same_classifier(model.fit(X, THREE), X)


@pytest.mark.parametrize(
    "model", [make_mixture(), mixture_of(LinearSVC(), GaussianNB())], ids=["waves", "votes"]
)
def test_what_cannot_be_converted_is_an_error_and_no_other_answer(model):
    plain = export(model.fit(X, TARGETS["text"]))
    with pytest.raises((RuntimeError, ValueError)):
        answers(plain, X)


def test_the_page_converts_its_model():
    """The examples of the page, and after them its block of code, which is no doctest."""
    page = PAGE.read_text()
    names = {}
    for example in doctest.DocTestParser().get_examples(page):
        exec(compile(example.source, PAGE.name, "single"), names)
    (block,) = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", page)
    exec(re.sub(r"^ {3}", "", block, flags=re.M), names)
    assert names["probabilities"].shape == (2000, 2)
