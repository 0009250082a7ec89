"""One loss per row, for every kind of estimator."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB

from skretrain.utils._losses import (
    absolute_loss_per_row,
    novelty_per_row,
    task_of,
    zero_one_loss_per_row,
)

X = np.random.default_rng(0).normal(size=(50, 2))


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (GaussianNB(), "classification"),
        (Ridge(), "regression"),
        (KMeans(), "unsupervised"),
        (IsolationForest(), "unsupervised"),
        (PCA(), "unsupervised"),
    ],
)
def test_the_task_is_told_from_the_type(estimator, task):
    assert task_of(estimator) == task


def test_zero_one_loss():
    loss = zero_one_loss_per_row(np.array(["a", "b", "a"]), np.array(["a", "a", "a"]))
    np.testing.assert_array_equal(loss, [0, 1, 0])
    assert loss.dtype == np.float64


def test_zero_one_loss_of_several_outputs_is_the_share_of_wrong_ones():
    y = np.array([[0, 1, 2], [1, 1, 1]])
    np.testing.assert_allclose(zero_one_loss_per_row(y, [[0, 1, 1], [0, 0, 0]]), [1 / 3, 1])


def test_zero_one_loss_of_a_column_is_that_of_its_values():
    """Some estimators answer a column for a vector; nothing is broadcast to a square."""
    np.testing.assert_array_equal(zero_one_loss_per_row(np.array([0, 1]), [[0], [0]]), [0, 1])


def test_absolute_loss():
    np.testing.assert_array_equal(absolute_loss_per_row(np.array([1.0, -2.0]), [3.0, -2.0]), [2, 0])
    column = absolute_loss_per_row(np.array([1.0, -2.0]), [[3.0], [-2.0]])
    np.testing.assert_array_equal(column, [2, 0])
    several = absolute_loss_per_row(np.array([[0.0, 0.0]]), [[1.0, 3.0]])
    np.testing.assert_array_equal(several, [2])


def test_a_prediction_that_is_no_number_is_infinitely_wrong():
    """The target is finite, so the fault is the model's, and no NaN reaches a detector."""
    loss = absolute_loss_per_row(np.array([0.0, 1e308, 2.0]), [np.nan, -1e308, np.inf])
    np.testing.assert_array_equal(loss, np.inf)
    several = absolute_loss_per_row(np.array([[0.0, 0.0]]), [[1.0, np.nan]])
    np.testing.assert_array_equal(several, [np.inf])


def test_novelty():
    forest = IsolationForest(n_estimators=5, random_state=0).fit(X)
    np.testing.assert_array_equal(novelty_per_row(forest, X), -forest.score_samples(X))
    centres = KMeans(3, n_init=1, random_state=0).fit(X)
    nearest = np.linalg.norm(X[:, None] - centres.cluster_centers_, axis=2).min(axis=1)
    np.testing.assert_allclose(novelty_per_row(centres, X), nearest)


@pytest.mark.parametrize("model", [DBSCAN(), IncrementalPCA(1)])
def test_no_novelty_where_nothing_is_unusual(model):
    """A transformation is no distance to anything, and a label is no number."""
    assert novelty_per_row(model.fit(X), X) is None
