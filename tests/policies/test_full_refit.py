"""FullRefit: on which rows, and when again."""

import numpy as np
import pytest
from helpers import Rings, assert_same_outputs, batches, events, feed, stream
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.policies import FullRefit

X, Y = stream(1200, drift=600)


def refits(model):
    """Return row and rows fitted of each retrain."""
    return [(e.row, e.n_rows_fitted) for e in model.events_ if e.action == "retrained"]


def run(policy, size=50, detector=None, **params):
    model = DriftAwareRetrainer(
        GaussianNB(), detector=detector, policy=policy, update=None, **params
    )
    return feed(model.fit(X[:100], Y[:100]), X, Y, size, 100)


def test_it_grows_by_doubling():
    """The first fit counts as a change at row 0; the rows fitted double each time."""
    assert refits(run(FullRefit())) == [(100, 100), (200, 200), (400, 400), (800, 800)]


def test_it_grows_again_after_an_alarm():
    """From the located change on, with the batches that have come by then."""
    assert refits(run(FullRefit(), detector=Rings([620]))) == [
        (100, 100), (200, 200), (400, 400), (650, 50), (700, 80), (800, 180), (1000, 380),
    ]  # fmt: skip


def test_growth_stops_when_the_memory_is_full():
    """More rows than the memory holds cannot be had: one last refit when it is full."""
    model = run(FullRefit(), buffer=SlidingWindow(300))
    assert refits(model) == [(100, 100), (200, 200), (300, 300)]


def test_growth_stops_when_the_memory_is_full_after_an_alarm():
    model = run(FullRefit(), detector=Rings([620]), buffer=SlidingWindow(300))
    assert refits(model)[3:] == [(650, 50), (700, 80), (800, 180), (950, 300)]


@pytest.mark.parametrize("size", [1, 30, 50])
@pytest.mark.no_cover
def test_the_rows_fitted_add_up_to_about_twice_the_window(size):
    """Doubling is amortised O(n), whatever the batch size is."""
    model = run(FullRefit(), size=size)
    assert sum(n for _, n in refits(model)) <= 2 * 1200
    assert refits(model)[-1][1] >= 600


def test_without_growth_nothing_happens_between_alarms():
    model = run(FullRefit(grow=False), detector=Rings([620, 900]))
    assert refits(model) == [(100, 100), (650, 50), (950, 50)]


@pytest.mark.parametrize(("window", "expected"), [(200, 200), ("all", 650), (5000, 650), (1, 50)])
def test_windows(window, expected):
    """An int is that many of the newest rows; ``"all"`` what is remembered; at least min_rows."""
    model = run(FullRefit(window, grow=False), detector=Rings([620]))
    assert refits(model)[1] == (650, expected)
    oracle = GaussianNB().fit(X[650 - expected : 650], Y[650 - expected : 650])
    assert_same_outputs(model, oracle, X)


def test_all_is_what_the_memory_holds():
    model = run(FullRefit("all", grow=False), detector=Rings([620]), buffer=SlidingWindow(120))
    assert refits(model)[1] == (650, 120)


@pytest.mark.parametrize("min_rows", [1, 75, 10_000])
def test_few_rows_are_filled_up_with_those_before(min_rows):
    """Trap 33: the window since the change may hold next to nothing."""
    model = run(FullRefit(min_rows=min_rows, grow=False), detector=Rings([640]))
    expected = min(max(10, min_rows), 650)
    assert refits(model)[1] == (650, expected)
    oracle = GaussianNB().fit(X[650 - expected : 650], Y[650 - expected : 650])
    assert_same_outputs(model, oracle, X)


@pytest.mark.parametrize(("size", "stop", "each"), [(340, 840, 8), (90, 680, 5)])
def test_absent_classes_share_a_tenth_of_the_window(size, stop, each):
    """The newest remembered rows of each class that the window lacks, 5 at least, in front of it.

    Fewer would be too few for a cross-validation inside the base.
    """
    y = np.tile([0, 1, 2, 3], 300)
    y[600:] = 3
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([600]), policy=FullRefit(grow=False), update=None
    ).fit(X[:500], y[:500])
    feed(model, X, y, size, 500, stop)
    absent = [np.flatnonzero(y[:600] == label)[-each:] for label in (0, 1, 2)]
    rows = np.r_[np.sort(np.concatenate(absent)), 600:stop]
    assert_same_outputs(model, GaussianNB().fit(X[rows], y[rows]), X)
    assert refits(model)[1] == (stop, stop - 600 + 3 * each)


def test_a_class_that_was_declared_and_never_seen_is_no_obstacle():
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([150]), policy=FullRefit(grow=False)
    )
    model.partial_fit(X[:100], Y[:100], classes=[0, 1, 7]).partial_fit(X[100:200], Y[100:200])
    assert model.n_refits_ == 1
    np.testing.assert_array_equal(model.estimator_.classes_, [0, 1])


def test_as_update_it_refits_with_every_batch():
    """On the rows of the present concept, the batch included although it is not remembered yet."""
    model = DriftAwareRetrainer(GaussianNB(), detector=None, update=FullRefit(120, min_rows=1))
    model.fit(X[:100], Y[:100])
    for batch in batches(400, 50, 100):
        model.partial_fit(X[batch], Y[batch])
        rows = slice(batch.stop - 120, batch.stop)
        assert_same_outputs(model, GaussianNB().fit(X[rows], Y[rows]), X)
    assert model.events_.counts["updated"] == 6
    everything = DriftAwareRetrainer(GaussianNB(), detector=None, update="full_refit")
    feed(everything.fit(X[:100], Y[:100]), X, Y, 50, 100, 400)
    assert_same_outputs(everything, GaussianNB().fit(X[:400], Y[:400]), X)
    small = DriftAwareRetrainer(
        GaussianNB(), detector=None, update=FullRefit(20, min_rows=1), buffer=SlidingWindow(30)
    ).fit(X[:100], Y[:100])
    small.partial_fit(X[100:150], Y[100:150])
    assert_same_outputs(small, GaussianNB().fit(X[130:150], Y[130:150]), X)


def test_refits_say_why():
    model = run(FullRefit(), detector=Rings([620]))
    assert events(model, "reason")[:5] == [
        ("first fit",), ("growth",), ("growth",), ("alarm",), ("growth",),
    ]  # fmt: skip
    assert {event.kind for event in model.events_[1:]} == {"full_refit"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"window": "since"}, r"window='since'.*a number of rows, or 'since_drift' or 'all'"),
        ({"window": 0}, r"window=0.*at least 1"),
        ({"window": None}, "window=None"),
        ({"window": True}, "window=True"),
        ({"window": 2.5}, "window=2.5"),
        ({"min_rows": 0}, r"min_rows=0.*at least 1"),
        ({"grow": "no"}, r"FullRefit\(grow='no'\): grow must be True or False"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        DriftAwareRetrainer(GaussianNB(), policy=FullRefit(**params)).fit(X, Y)
