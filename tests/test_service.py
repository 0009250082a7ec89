"""Versions: a change of the model that serves is one assignment, and listeners hear of it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import Rings, feed, state_of, stream
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skretrain import DriftAwareRetrainer
from skretrain._retrainer._jobs import run
from skretrain._retrainer._service import Previous, Service
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import FullRefit

MODELS = [DummyClassifier().fit([[0]], [label]) for label in range(3)]
CLASSES = np.arange(3)


def test_every_model_that_comes_into_service_is_a_version_of_its_own():
    """Also one that is taken back; a model that only learned on is the same version."""
    service = Service()
    assert service.version == 0
    assert service.promote(MODELS[0], CLASSES, None, 50) is None
    first = service.serving
    service.replace(MODELS[1], CLASSES)
    assert service.version == 1
    service.previous = Previous(service.promote(MODELS[2], CLASSES, None, 100), 0, 100)
    taken = service.take_back()
    assert taken.serving.model is MODELS[1]
    assert service.previous is None
    assert (service.version, service.serving.model) == (3, MODELS[1])
    assert service.serving.row == 50  # it has learned no more than before
    assert first == (MODELS[0], CLASSES, 1, None, 50)  # what a reader holds stays as it was


def test_no_reader_sees_a_model_with_the_types_of_another():
    """Every assignment is one snapshot, of a model and the rows that it was fitted on."""
    seen = []

    class Watched(Service):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "serving" and value is not None:
                seen.append((value.model, value.types))

    service = Watched()
    service.promote(MODELS[0], CLASSES, "old", 50)
    service.previous = Previous(service.promote(MODELS[1], CLASSES, "new", 100), 0, 100)
    service.take_back()
    assert seen == [(MODELS[0], "old"), (MODELS[1], "new"), (MODELS[0], "old")]


def test_a_model_comes_into_service_with_the_types_that_it_was_fitted_on():
    """A job was prepared before the rows of now were seen."""

    def rows(*words):
        frame = pd.DataFrame({"c": pd.Categorical(np.resize(words, 60))})
        return frame, np.resize([0, 1], 60)

    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    base = make_pipeline(encoder, GaussianNB())
    model = DriftAwareRetrainer(base, detector=Rings([110]), policy=FullRefit("all"), update=None)
    model.fit(*rows("a", "b"))
    job = model._prepare(model._examine(*rows("a", "b"), None, {}))
    model._prepare(model._examine(*rows("a", "c"), None, {}))
    model._accept(run(job))
    service = state_of(model).service
    assert service.version == 2
    assert service.serving.types.like["c"].cat.categories.tolist() == ["a", "b"]
    assert service.types.like["c"].cat.categories.tolist() == ["a", "b", "c"]


def test_listeners_hear_of_each_promotion_once_all_is_in_order():
    """One that fails is an event, and the promotion is whole; none of them is pickled."""
    X, y = stream(600, drift=300)
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310])).fit(X[:300], y[:300])
    heard = []

    def hear(serving, before, event):
        heard.append((before.version, serving.version, model.n_refits_))
        raise OSError("disk full")

    state_of(model).service.listeners.append(hear)
    with pytest.warns(RetrainFailedWarning, match="a listener failed.*disk full"):
        feed(model, X, y, 50, 300, 350)
    assert heard == [(1, 2, 1)]
    assert [event.action for event in model.events_][1:] == ["retrained", "failed"]
    assert state_of(pickle.loads(pickle.dumps(model))).service.listeners == []


def test_labels_that_were_added_are_shown_by_the_same_version():
    service = Service()
    service.promote(MODELS[0], CLASSES[:1], None, 50)
    before = service.serving
    service.replace(MODELS[0], CLASSES)
    assert service.version == 1
    np.testing.assert_array_equal(service.serving.spread(np.ones((2, 1)), 0.0), [[1, 0, 0]] * 2)
    np.testing.assert_array_equal(before.spread(np.ones((2, 1)), 0.0), [[1], [1]])
