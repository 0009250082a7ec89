"""-1 says "no label" to a semi-supervised base: such rows are learned, and never a class."""

import numpy as np
import pytest
from helpers import batches, feed, state_of
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier

from skretrain import DriftAwareRetrainer, MixtureRetrainer

rng = np.random.default_rng(0)
X = rng.normal(size=(1300, 3))
TRUE = (X[:, 0] > 0).astype(int)
Y = np.where(rng.random(1300) < 0.3, -1, TRUE)

BASES = {
    "self-training": SelfTrainingClassifier(LogisticRegression()),
    "in a pipeline": make_pipeline(StandardScaler(), SelfTrainingClassifier(GaussianNB())),
    "propagation": LabelPropagation(gamma=5),
    "spreading": LabelSpreading(gamma=5),
}


@pytest.mark.parametrize("name", BASES)
@pytest.mark.no_cover
def test_no_label_is_no_class_no_error_and_no_news(name):
    model = DriftAwareRetrainer(BASES[name]).fit(X[:300], Y[:300])
    feed(model, X, Y, 100, 300)
    assert model.classes_.tolist() == [0, 1]
    assert model.predict_proba(X[:5]).shape == (5, 2)
    assert not [event for event in model.events_ if "new class" in event.reason]
    assert model.n_alarms_ == 0
    assert (model.buffer_.y == -1).sum() == (Y == -1).sum()  # they are remembered, and learned
    assert model.score(X, TRUE) > 0.9


def test_unlabelled_rows_are_not_scored():
    model = DriftAwareRetrainer(BASES["self-training"]).fit(X[:300], Y[:300])
    examined = model._examine(X[300:400], Y[300:400], None, {}).batch
    np.testing.assert_array_equal(np.isnan(examined.scored.loss), Y[300:400] == -1)
    weight = np.where(np.arange(100) < 10, 0.0, 1.0)
    base = SelfTrainingClassifier(GaussianNB())
    plain = DriftAwareRetrainer(base).fit(X[:300], Y[:300])
    rows = plain._examine(X[300:400], Y[300:400], None, {}).batch.rows
    mask = state_of(plain).parts.learner.uncounted(rows._replace(params={"sample_weight": weight}))
    np.testing.assert_array_equal(mask, (weight == 0) | (Y[300:400] == -1))


def test_a_batch_without_any_label_is_learned_and_tells_nothing():
    model = DriftAwareRetrainer(BASES["self-training"]).fit(X[:300], Y[:300])
    model.partial_fit(X[300:400], np.full(100, -1))
    assert model.n_samples_seen_ == 400
    assert model.classes_.tolist() == [0, 1]
    cold = DriftAwareRetrainer(BASES["self-training"], initial_size=50)
    cold.partial_fit(X[:60], np.full(60, -1)).partial_fit(X[60:200], Y[60:200])
    assert cold.classes_.tolist() == [0, 1]


@pytest.mark.no_cover
def test_the_first_fit_of_a_stream_waits_for_two_true_classes():
    y = np.r_[np.full(150, -1), np.zeros(100, dtype=int), Y[250:]]
    model = DriftAwareRetrainer(BASES["self-training"], batch_size=50).fit(X, y)
    assert model.events_[0].row > 250
    assert model.classes_.tolist() == [0, 1]


def test_minus_one_is_a_class_to_every_other_base():
    """Trap 53."""
    model = DriftAwareRetrainer(GaussianNB()).fit(X[:300], 2 * TRUE[:300] - 1)
    feed(model, X, 2 * TRUE - 1, 100, 300)
    assert model.classes_.tolist() == [-1, 1]


def test_a_mixture_of_semi_supervised_members_weighs_by_true_labels():
    members = [
        ("good", DriftAwareRetrainer(BASES["self-training"])),
        ("also", DriftAwareRetrainer(BASES["in a pipeline"])),
    ]
    mixture = feed(MixtureRetrainer(members).fit(X[:300], Y[:300]), X, Y, 100, 300, 700)
    assert mixture.classes_.tolist() == [0, 1]
    before = mixture.weights_
    mixture.partial_fit(X[700:710], np.full(10, -1))
    np.testing.assert_array_equal(mixture.weights_, before)


class DropsRareLabels(ClassifierMixin, BaseEstimator):
    """Fitted on a label of fewer than 40 rows, it does not know it."""

    def fit(self, X, y):
        labels, counts = np.unique(y, return_counts=True)
        self.classes_ = labels[counts >= 40]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_a_label_that_a_refit_does_not_teach_is_no_reason_to_refit_with_every_batch():
    """It is tried again as the rows double, until the model knows it."""
    y = TRUE.copy()
    y[300::50] = 2  # two in each batch of 100
    model = DriftAwareRetrainer(DropsRareLabels(), detector=None).fit(X[:300], y[:300])
    for batch in batches(1300, 100, 300):
        model.partial_fit(X[batch], y[batch])
    asked = [event.row for event in model.events_ if "new classes [2]" in event.reason]
    assert asked == [400, 900]
