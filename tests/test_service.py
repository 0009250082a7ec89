"""Versions: a change of the model that serves is one assignment, and listeners hear of it."""

import numpy as np
from sklearn.dummy import DummyClassifier

from skretrain._retrainer._service import Previous, Service

MODELS = [DummyClassifier().fit([[0]], [label]) for label in range(3)]
CLASSES = np.arange(3)


def test_every_version_that_comes_into_service_is_told_with_the_one_before():
    """Also one that is taken back; a model that only learned on is the same version."""
    service, heard = Service(), []
    service.listeners.append(lambda serving, before: heard.append((serving, before)))
    assert service.version == 0
    service.promote(MODELS[0], CLASSES)
    first = service.serving
    service.replace(MODELS[1], CLASSES)
    service.previous = Previous(service.promote(MODELS[2], CLASSES), 0, 100)
    taken = service.take_back()
    assert taken.serving.model is MODELS[1]
    assert service.previous is None
    assert [(s.version, s.model) for s, _ in heard] == [
        (1, MODELS[0]),
        (2, MODELS[2]),
        (3, MODELS[1]),
    ]
    assert [None if before is None else before.version for _, before in heard] == [None, 1, 2]
    assert first == (MODELS[0], CLASSES, 1)  # what a reader holds stays as it was


def test_labels_that_were_added_are_shown_by_the_same_version():
    service = Service()
    service.promote(MODELS[0], CLASSES[:1])
    before = service.serving
    service.replace(MODELS[0], CLASSES)
    assert service.version == 1
    np.testing.assert_array_equal(service.serving.spread(np.ones((2, 1)), 0.0), [[1, 0, 0]] * 2)
    np.testing.assert_array_equal(before.spread(np.ones((2, 1)), 0.0), [[1], [1]])
