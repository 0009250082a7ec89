"""ReplayMix: the stated share of remembered rows, and never a fresh one twice."""

import numpy as np
import pytest
from helpers import Recorder, Rings, batches, feed, fingerprint, stream
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.policies import ReplayMix

X, Y = stream(400)
ROW_OF = {row.tobytes(): number for number, row in enumerate(X)}


def rows_shown(model):
    """Return the stream rows of each call of the base."""
    return [
        np.array([ROW_OF[row.tobytes()] for row in rows]) for _, rows, *_ in model.estimator_.calls_
    ]


def run(ratio, size=20, seed=0, **params):
    model = DriftAwareRetrainer(
        Recorder(), detector=None, update=ReplayMix(ratio), random_state=seed, **params
    )
    return feed(model.fit(X[:100], Y[:100]), X, Y, size, 100)


@pytest.mark.parametrize("size", [1, 7, 20])
@pytest.mark.parametrize("ratio", [0, 0.5, 1.0, 3.0])
@pytest.mark.no_cover
def test_the_rows_of_a_step_are_the_stated_ratio(ratio, size):
    """Trap 27: a sample, not the whole memory; and no fresh row is replayed in its own step."""
    model = run(ratio, size)
    for shown, batch in zip(rows_shown(model)[1:], batches(400, size, 100), strict=True):
        fresh = np.arange(batch.start, batch.stop)
        replayed = shown[: -len(fresh)]
        np.testing.assert_array_equal(shown[len(replayed) :], fresh)
        assert len(replayed) == round(ratio * len(fresh))
        assert len(set(replayed)) == len(replayed)
        assert (replayed < batch.start).all()
        assert (np.diff(replayed) > 0).all()


def test_a_memory_with_fewer_rows_gives_all_it_has():
    """Trap 27: fewer remembered rows than asked for are each used once."""
    model = run(ratio=3.0, buffer=SlidingWindow(30))
    for shown, batch in zip(rows_shown(model)[1:], batches(400, 20, 100), strict=True):
        np.testing.assert_array_equal(shown, np.arange(batch.start - 30, batch.stop))


def test_the_seed_decides_the_sample():
    """The same seed draws the same rows, another one others; None is a fixed seed."""
    shown = {seed: np.concatenate(rows_shown(run(1.0, seed=seed))) for seed in (0, 1, None)}
    np.testing.assert_array_equal(shown[0], np.concatenate(rows_shown(run(1.0, seed=0))))
    np.testing.assert_array_equal(shown[None], np.concatenate(rows_shown(run(1.0, seed=None))))
    assert not np.array_equal(shown[0], shown[1])


@pytest.mark.no_cover
def test_every_remembered_row_is_as_likely():
    """Trap 27: draws are uniform over the memory, by a chi-square test."""
    from scipy.stats import chisquare

    counts = np.zeros(400, dtype=int)
    model = DriftAwareRetrainer(
        Recorder(), detector=None, update=ReplayMix(5.0), buffer=SlidingWindow(40), random_state=0
    ).fit(X[:100], Y[:100])
    ages = []
    for row in range(100, 400):
        model.partial_fit(X[row : row + 1], Y[row : row + 1])
    for step, shown in enumerate(rows_shown(model)[1:]):
        ages.extend(100 + step - shown[:-1])
    counts = np.bincount(ages, minlength=41)
    assert counts[0] == 0
    assert counts.sum() == 5 * 300
    assert chisquare(counts[1:41]).pvalue > 1e-3


def test_after_an_alarm_the_new_rows_are_those_since_the_change():
    model = DriftAwareRetrainer(
        Recorder(), detector=Rings([150]), policy=ReplayMix(0.5), update=None, random_state=0
    ).fit(X[:100], Y[:100])
    feed(model, X, Y, 40, 100, 180)
    shown = rows_shown(model)[-1]
    np.testing.assert_array_equal(shown[15:], np.arange(150, 180))
    assert (shown[:15] < 150).all()
    assert model.events_[-1].kind == "replay_mix"


def test_a_base_without_partial_fit_is_refitted_on_the_mix():
    """Once, on new and remembered rows together, by a blank clone."""
    model = DriftAwareRetrainer(
        DecisionTreeClassifier(random_state=0), detector=None, update=ReplayMix(1.0, n_passes=3)
    ).fit(X[:100], Y[:100])
    before = model.estimator_
    model.partial_fit(X[100:120], Y[100:120])
    assert model.estimator_.tree_.n_node_samples[0] == 40
    assert model.estimator_ is not before
    assert model.events_.totals["rows_fitted"] == 140


def test_the_newest_rows_of_a_reservoir_may_be_missing():
    """What the memory let go cannot be replayed, and the batch is not taken from it."""
    model = run(1.0, buffer=Reservoir(25))
    for shown, batch in zip(rows_shown(model)[1:], batches(400, 20, 100), strict=True):
        np.testing.assert_array_equal(shown[-20:], np.arange(batch.start, batch.stop))
        assert len(shown) == 40
        assert (shown[:20] < batch.start).all()


def test_it_differs_from_the_plain_update():
    plain = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None).fit(X[:50], Y[:50])
    mixed = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=None, update="replay_mix"
    ).fit(X[:50], Y[:50])
    for model in (plain, mixed):
        model.partial_fit(X[50:100], Y[50:100])
    assert fingerprint(plain.estimator_) != fingerprint(mixed.estimator_)


def test_memory_survives_the_steps():
    model = DriftAwareRetrainer(GaussianNB(), detector=None, update="replay_mix")
    feed(model.fit(X[:100], Y[:100]), X, Y, 20, 100)
    np.testing.assert_array_equal(model.buffer_.latest().X, X)
    np.testing.assert_array_equal(model.buffer_.latest().y, Y)
