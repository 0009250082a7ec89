"""A state in parts is the state: what serves comes first, and old rows are the same bytes."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import assert_same_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.serving._segments._parts import _BLOCK, first_of, packed, unpacked

ROW = 64  # bytes of eight floats


@settings(max_examples=40)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 481, 960, 961, 2000]), max_size=4),
    order=st.sampled_from("CF"),
    is_shared=st.booleans(),
)
def test_what_is_unpacked_is_what_was_packed(sizes, order, is_shared):
    """Arrays of any size, shared or not; and an object of both is one object."""
    arrays = [np.asarray(np.arange(2.0 * n).reshape(n, 2), order=order) for n in sizes]
    for array in arrays[1::2]:
        array.flags.writeable = False
    first = {"model": arrays[:1], "name": "é"}
    rest = (first, arrays[1:], arrays[1:] if is_shared else None)
    parts = packed(first, rest)
    assert first_of(parts[:1])["name"] == "é"
    again, (same, found, shared) = unpacked(parts)
    assert again is same
    assert shared is None or all(one is other for one, other in zip(found, shared, strict=True))
    for array, other in zip(arrays, [*again["model"], *found], strict=True):
        np.testing.assert_array_equal(array, other)
        assert array.dtype == other.dtype
        assert array.flags.writeable == other.flags.writeable
        assert array.flags.f_contiguous == other.flags.f_contiguous
    assert all(type(part) is bytes for part in parts)
    assert all(len(block) <= _BLOCK for block in parts[2:])


def test_parts_are_copies_of_what_was_packed():
    """What is written to an array afterwards is not in them."""
    rows = np.zeros(5000)
    parts = packed(None, rows)
    rows[:] = 1
    assert not unpacked(parts)[1].any()


def batch(rng, n=20, *, moved=False, kind=np.asarray):
    X = rng.normal(size=(n, 8))
    return kind(X), (X[:, 0] * (-1 if moved else 1) > 0).astype(int)


BUFFERS = {
    "window": SlidingWindow(max_rows=500),
    "reservoir": Reservoir(max_rows=500, random_state=0),
    "decay": Reservoir(max_rows=500, decay=0.001, random_state=0),
}
KINDS = {
    "array": np.asarray,
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcdefgh")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcdefgh")),
}


@pytest.mark.parametrize("buffer", BUFFERS)
@pytest.mark.parametrize("is_read_anew", [False, True])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_of_rows_that_are_remembered_only_the_newest_are_other_bytes(buffer, is_read_anew):
    """The mean over enough batches that all rows have to move once and again."""
    rng = np.random.default_rng(0)
    base = DriftAwareRetrainer(SGDClassifier(random_state=0), buffer=BUFFERS[buffer])
    one = base.fit(*batch(rng, 600))
    before, n_all, n_new = set(), 0, 0
    for number in range(61):
        one.partial_fit(*batch(rng))
        parts = packed(one._lean(), one)
        if number:
            n_new += sum(len(block) for block in parts[2:] if block not in before)
            n_all += sum(map(len, parts[2:]))
        before = set(parts[2:])
        one = unpacked(parts)[1] if is_read_anew else one
    assert n_all / 60 > 500 * ROW
    assert n_new < 0.4 * n_all


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_a_retrainer_that_is_packed_after_each_batch_learns_what_it_would_without(kind):
    """Bit for bit, through an alarm, rows in any container."""
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    make = KINDS[kind]
    base = DriftAwareRetrainer(GaussianNB(), buffer=SlidingWindow(max_rows=120))
    kept, sent = (pickle.loads(pickle.dumps(base)) for _ in range(2))
    for number in range(30):
        kept.partial_fit(*batch(rng, kind=make, moved=number > 15))
        sent.partial_fit(*batch(again, kind=make, moved=number > 15))
        sent = unpacked(packed(sent._lean(), sent))[1]
    assert kept.n_alarms_ > 0
    assert [e.action for e in kept.events_] == [e.action for e in sent.events_]
    np.testing.assert_array_equal(kept.buffer_.index, sent.buffer_.index)
    assert_same_outputs(kept, sent, make(rng.normal(size=(50, 8))))


@pytest.mark.parametrize("is_read_anew", [False, True])
def test_a_model_that_serves_on_is_the_same_bytes(is_read_anew):
    """As long as its version is, once what is read is what was written."""
    rng = np.random.default_rng(0)
    buffer = SlidingWindow(max_rows=500)
    one = DriftAwareRetrainer(RandomForestClassifier(5, random_state=0), buffer=buffer)
    one.fit(*batch(rng, 300))
    served = {}
    for _ in range(25):
        one.partial_fit(*batch(rng))
        parts = packed(one._lean(), one)
        served.setdefault(one._snapshot.version, []).append(parts[0])
        one = unpacked(parts)[1] if is_read_anew else one
    assert len(served) > 1
    for firsts in served.values():
        assert len(firsts) > 3
        assert len(set(firsts[1:])) == 1


MODELS = {
    "classifier": DriftAwareRetrainer(GaussianNB()),
    "forest": DriftAwareRetrainer(RandomForestClassifier(3, random_state=0)),
    "pipeline": DriftAwareRetrainer(
        make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    ),
    "regressor": DriftAwareRetrainer(Ridge()),
    "replay": ReplayPartialFit(GaussianNB()),
    "clusterer": DriftAwareRetrainer(MiniBatchKMeans(2, random_state=0, n_init=1)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["array", "pandas"])
@pytest.mark.no_cover
def test_the_first_part_predicts_what_the_retrainer_does_and_has_no_rows(name, kind):
    rng, make = np.random.default_rng(0), KINDS[kind]
    model = MODELS[name].fit(*batch(rng, 100, kind=make))
    for _ in range(3):
        model.partial_fit(*batch(rng, kind=make))
    parts = packed(model._lean(), model)
    lean = first_of(parts)
    assert_same_outputs(model, lean, make(rng.normal(size=(40, 8))))
    if hasattr(model, "classes_"):
        np.testing.assert_array_equal(model.classes_, lean.classes_)
    assert not hasattr(lean, "buffer_")
    first, whole = unpacked(parts)
    assert whole.estimator_ is first.estimator_
    assert whole.partial_fit(*batch(rng, kind=make)).n_samples_seen_ == 180


def test_the_first_part_of_what_serves_nothing_yet_says_so():
    lean = first_of(packed(*[DriftAwareRetrainer(GaussianNB())._lean()] * 2))
    with pytest.raises(Exception, match="not fitted yet"):
        lean.predict([[0.0]])
