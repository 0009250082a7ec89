"""Batches never cut rows that came together: none of their labels was known to the others."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from hypothesis import given
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.drift import Periodic
from skretrain.model_selection import compare_policies
from skretrain.model_selection._edges import edges_of

DAYS = np.repeat(np.arange(30), np.random.default_rng(0).integers(5, 60, size=30))


def _labels_of_the_day(seed=0):
    """Return rows of which all of a day have one label, which no earlier day tells."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, size=30)[DAYS]
    X = np.column_stack([DAYS + rng.normal(0, 0.1, len(DAYS)), rng.normal(size=len(DAYS))])
    return X, y


POLICIES = {
    "never": [],
    "every row": (Periodic(1), 30),
    "live": DriftAwareRetrainer(GaussianNB(), detector=Periodic(1), policy="full_refit"),
}


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=30),
    head=st.integers(1, 40),
    step=st.integers(1, 20),
)
def test_batches_end_where_a_time_ends_and_have_the_rows_that_were_asked_for(counts, head, step):
    time = np.repeat(np.arange(len(counts)), counts)
    edges = edges_of(len(time), head, step, time)
    assert (edges[0], edges[-1]) == (0, len(time))
    inner = edges[1:-1]
    assert (time[inner] != time[inner - 1]).all()
    sizes = np.diff(edges)
    assert (sizes[:1] >= min(head, len(time))).all()
    assert (sizes[1:-1] >= step).all()
    # Not a time more than needed.
    assert (sizes[1:] < step + max(counts)).all()


@given(size=st.integers(2, 60), head=st.integers(1, 40), step=st.integers(1, 20))
def test_times_that_all_differ_change_nothing(size, head, step):
    head = min(head, size - 1)
    expected = edges_of(size, head, step)
    np.testing.assert_array_equal(edges_of(size, head, step, np.arange(size)), expected)


@pytest.mark.parametrize(
    ("kind", "delay"),
    representatives(
        product(["numbers", "dates", "texts", "series"], [0, 25]),
        fast=[("series", 0), ("dates", 25)],
    ),
)
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_no_policy_knows_a_label_of_its_own_time(kind, delay):
    X, y = _labels_of_the_day()
    time = {
        "numbers": DAYS,
        "dates": np.datetime64("2024-01-01") + DAYS,
        "texts": [f"day {day:02}" for day in DAYS],
        "series": pd.Series(DAYS, index=DAYS[::-1]),
    }[kind]
    options = {"batch_size": 10, "label_delay": delay, "prices": 5}
    cut = compare_policies(GaussianNB(), X, y, POLICIES, **options)
    whole = compare_policies(GaussianNB(), X, y, POLICIES, times=time, **options)
    edges = whole.matrices[0].edges_
    assert (DAYS[edges[1:-1]] != DAYS[edges[1:-1] - 1]).all()
    np.testing.assert_array_equal(whole.results["live"][0].batch_rows, edges[1:-1])
    if not delay:
        for name in ("every row", "live"):
            assert cut.score(name) > whole.score(name) + 0.03


@pytest.mark.parametrize("name", ["every row", "live"])
@pytest.mark.no_cover
def test_a_label_of_the_same_time_changes_no_prediction(name):
    """What is predicted on a day stays as it is, whatever the labels of that day turn out to be."""
    X, y = _labels_of_the_day()
    day = DAYS == 20
    losses = []
    for labels in (y, np.where(day, 1 - y, y)):
        found = compare_policies(
            GaussianNB(), X, labels, {name: POLICIES[name]}, batch_size=10, times=DAYS, prices=5
        )
        edges = found.matrices[0].edges_
        number = np.searchsorted(edges, np.flatnonzero(day)[0], side="right") - 1
        losses.append((found.batch_losses(name, 5)[0][number - 1], edges[number : number + 2]))
    (one, (first, stop)), (other, _) = losses
    # With all labels of the day the other way round, right is wrong, and nothing else changes.
    n_of_day = int(day[first:stop].sum())
    assert n_of_day == stop - first
    assert one + other == n_of_day


@pytest.mark.no_cover
def test_frames_and_seeds_are_taken_too():
    X, y = _labels_of_the_day()
    options = {"batch_size": 20, "times": DAYS, "prices": 5, "seeds": 2}
    frame = pd.DataFrame(X, columns=["a", "b"])
    as_frame = compare_policies(GaussianNB(), frame, y, POLICIES, **options)
    as_array = compare_policies(GaussianNB(), X, y, POLICIES, **options)
    assert [as_frame.score(n) for n in POLICIES] == [as_array.score(n) for n in POLICIES]


def test_times_that_do_not_go_with_the_rows_are_refused():
    X, y = _labels_of_the_day()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare_policies(GaussianNB(), X, y, POLICIES, times=DAYS[1:])
    with pytest.raises(ValueError, match="times has the shape .*one number or date for each row"):
        compare_policies(GaussianNB(), X, y, POLICIES, times=np.column_stack([DAYS, DAYS]))
    with pytest.raises(ValueError, match="batch_size=100, with the rest of its last time, leaves"):
        compare_policies(GaussianNB(), X, y, POLICIES, times=np.zeros(len(y)))
