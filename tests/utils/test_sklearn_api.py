"""What is used of scikit-learn's private parts, and what stands in for what an old one lacks."""

import importlib.util
import pickle
import sys

import numpy as np
import pytest
import sklearn
from helpers import assert_same_outputs, fingerprint, stream
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skretrain import DriftAwareRetrainer
from skretrain.model_selection import make_prequential_scorer
from skretrain.utils import _sklearn_api
from skretrain.utils._sklearn_api import (
    reheated,
    renews_its_generator,
    response_methods,
    routing_enabled,
)

X, Y = stream(300)


@pytest.mark.parametrize(
    ("scorer", "methods"),
    [
        (get_scorer("accuracy"), ("predict",)),
        (get_scorer("neg_log_loss"), ("predict_proba",)),
        (get_scorer("roc_auc"), ("decision_function", "predict_proba")),
        (make_scorer(accuracy_score), ("predict",)),
        (lambda estimator, X, y: 0.0, None),
    ],
    ids=["accuracy", "log loss", "auc", "made", "callable"],
)
def test_what_a_scorer_asks_for(scorer, methods):
    assert response_methods(scorer) == methods


def test_a_scorer_that_says_default_does_not_say():
    scorer = make_scorer(accuracy_score)
    scorer._response_method = "default"
    assert response_methods(scorer) is None


def test_routing_is_what_the_configuration_says():
    for enabled in (True, False):
        with sklearn.config_context(enable_metadata_routing=enabled):
            assert routing_enabled() is enabled


@pytest.mark.parametrize(
    ("kind", "renews"),
    [(MLPClassifier, True), (MLPRegressor, True), (SGDClassifier, False), (int, False)],
)
def test_perceptrons_renew_their_generator(kind, renews):
    """The assumption under which copy_fitted shares the one they leave behind."""
    assert renews_its_generator(kind) is renews
    if renews:
        model = kind(hidden_layer_sizes=(2,), random_state=0)
        declared = {"classes": [0, 1]} if kind is MLPClassifier else {}
        left_behind = model.partial_fit(X, Y, **declared)._random_state
        assert model.partial_fit(X, Y)._random_state is not left_behind


def test_reheating_a_model_without_a_schedule_changes_nothing():
    model = GaussianNB().fit(X, Y)
    before = fingerprint(model)
    assert reheated(model) is model
    assert fingerprint(model) == before


# -- callbacks -------------------------------------------------------------------------------------


class Diary:
    """A callback that writes down what it hears."""

    def __init__(self):
        self.heard = []

    def setup(self, estimator, context):
        self.heard.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.heard.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, **more):
        assert isinstance(estimator, DriftAwareRetrainer)
        self.heard.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, **more):
        self.heard.append(("end", context.task_name))


def steps(*names):
    return [pair for name in names for pair in (("begin", name), ("end", name))]


@pytest.mark.parametrize(("batch_size", "n_batches"), [(None, 0), (100, 2), (300, 0)])
def test_callbacks_hear_of_each_batch_of_fit(batch_size, n_batches):
    """scikit-learn 1.9: one task, a step for the first fit, and one for each batch."""
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    diary = Diary()
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=batch_size)
    silent = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=batch_size)
    model.set_callbacks(diary).fit(X, Y)
    assert diary.heard == [
        ("setup", "fit"),
        ("begin", "fit"),
        *steps("first fit", *["batch"] * n_batches),
        ("end", "fit"),
        ("teardown", "fit"),
    ]
    assert_same_outputs(model, silent.fit(X, Y), X)
    assert_same_outputs(pickle.loads(pickle.dumps(model)), model, X)


def test_callbacks_are_told_goodbye_when_fit_fails():
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    diary = Diary()
    model = DriftAwareRetrainer(SGDClassifier(), batch_size=100).set_callbacks(diary)
    bad = X.copy()
    bad[150] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(bad, Y)
    assert diary.heard[-1] == ("teardown", "fit")
    assert ("end", "first fit") in diary.heard
    assert ("end", "fit") not in diary.heard


def test_the_progress_bar_of_a_grid_search_reaches_the_retrainer(capsys):
    callback = pytest.importorskip(
        "sklearn.callback", reason="callbacks came with scikit-learn 1.9"
    )
    pytest.importorskip("rich", reason="the progress bar is drawn by rich")
    search = GridSearchCV(
        DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=50),
        {"update": [None, "warm_start"]},
        cv=TimeSeriesSplit(2),
        scoring=make_prequential_scorer("accuracy", batch_size=50),
    )
    expected = search.fit(X, Y).cv_results_["mean_test_score"]
    shown = search.set_callbacks(callback.ProgressBar()).fit(X, Y)
    np.testing.assert_array_equal(shown.cv_results_["mean_test_score"], expected)
    capsys.readouterr()


def test_without_callbacks_in_scikit_learn_everything_stands(monkeypatch):
    """Before 1.9 the decorator leaves a method as it is, and the mixin is empty."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("old_sklearn_api", _sklearn_api.__file__)
    old = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(old)
    assert old.with_callbacks(len) is len
    assert not [name for name in vars(old.CallbackSupportMixin) if not name.startswith("__")]
    progress = old.Progress(object(), "fit", 1, None, None)
    with progress.task("first fit"):
        pass
    progress.end()
