"""What is read and written of a fleet is what a call needs; the outcome is as if all were."""

import os
import pickle
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import skops.io
from helpers import assert_same_outputs
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.serving import SegmentedRetrainer, trusted_types
from skretrain.serving._segments import _file_store, _store
from skretrain.serving._segments._shelf import Shelf

N_SEGMENTS = 6


def day(number, n=20):
    rng = np.random.default_rng(number)
    shop = rng.permutation(np.repeat(np.arange(N_SEGMENTS), n))
    X = np.column_stack([shop, rng.normal(size=(len(shop), 8))])
    return X, (X[:, 1] > 0).astype(int)


def fleet(base=None, **params):
    base = GaussianNB() if base is None else base
    buffer = SlidingWindow(max_rows=500)
    retrainer = DriftAwareRetrainer(base, buffer=buffer, random_state=0)
    return SegmentedRetrainer(retrainer, **({"by": 0, "fallback": None} | params))


@pytest.fixture(params=[None, "fleet.db"])
def path(request, tmp_path):
    return request.param and str(tmp_path / request.param)


@pytest.fixture
def read(monkeypatch):
    """What has been read of a store: (name of the state, whether the first part alone)."""
    found = []
    for store in (_store.MemoryStore, _file_store.FileStore):

        def get(self, key, *, first=False, real=store.get):
            if key:
                found.append((key, first))
            return real(self, key, first=first)

        monkeypatch.setattr(store, "get", get)
    return found


def idle(path, **params):
    """Return a fleet of which hardly anything is in memory."""
    model = fleet(path=path, max_loaded=1, **params).fit(*day(0, 60))
    return model if path is None else fleet(path=path, max_loaded=1, **params)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score"])
@pytest.mark.no_cover
def test_who_predicts_reads_what_serves_and_nothing_else(path, read, method):
    model, (X, y) = idle(path), day(1)
    read.clear()
    asked = (X, y) if method == "score" else (X,)
    np.testing.assert_array_equal(
        getattr(model, method)(*asked), getattr(fleet().fit(*day(0, 60)), method)(*asked)
    )
    assert len(read) >= N_SEGMENTS - 1
    assert all(first for _, first in read)
    assert sum(status.is_loaded for status in model.status().values()) == 1


@pytest.mark.no_cover
def test_who_has_predicted_learns_with_all_that_the_segment_remembers(path, read):
    """The part in memory is not taken for the whole, be it asked for by a call or by a reader."""
    model, plain = idle(path), fleet().fit(*day(0, 60))
    for number in range(1, 4):
        X, y = day(number)
        away = next(key for key, status in model.status().items() if not status.is_loaded)
        mine = X[X[:, 0] == away]
        model.predict(mine)
        assert read[-1] == (str(away), True)
        assert len(model.retrainer_of(away).buffer_) == 40 + 20 * number
        model.predict(mine)
        assert read[-1] == (str(away), False)  # which answers then
        model.predict(X)
        for one in (model, plain):
            one.partial_fit(X, y)
    for key in plain.segments_:
        one, other = model.retrainer_of(key), plain.retrainer_of(key)
        np.testing.assert_array_equal(one.buffer_.index, other.buffer_.index)
        assert_same_outputs(one, other, X[:, 1:])


@pytest.mark.no_cover
def test_what_has_learned_predicts_what_it_has_learned(path):
    """What serves is of today, whether it was read before, or left the memory since."""
    model, plain = idle(path), fleet().fit(*day(0, 60))
    for number in range(1, 5):
        X, y = day(number)
        turned = 1 - y
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
        model.partial_fit(X, turned), plain.partial_fit(X, turned)
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def parts_in(path):
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT key, digest, length(content) FROM parts WHERE key != ''"
        return {(key, digest): size for key, digest, size in connection.execute(query)}


@pytest.mark.parametrize("is_daily", [False, True])
def test_a_pass_writes_what_has_changed_of_the_segments_that_came(tmp_path, is_daily):
    """Of remembered rows the newest; of segments without rows nothing."""
    path = str(tmp_path / "fleet.db")
    model = fleet(SGDClassifier(random_state=0), path=path).fit(*day(0, 600))
    model.partial_fit(*day(1))
    before = parts_in(path)
    X, y = day(2)
    come = X[:, 0] < 2
    if is_daily:
        model = fleet(SGDClassifier(random_state=0), path=path)
    model.partial_fit(X[come], y[come])
    after = parts_in(path)
    new = after.keys() - before.keys()
    assert {key for key, _ in new} == {"0", "1"} == {key for key, _ in before.keys() - after}
    changed = sum(after[one] for one in new)
    assert changed < 0.6 * sum(size for (key, _), size in after.items() if key in ("0", "1"))


def test_a_file_holds_no_part_that_nothing_needs(tmp_path):
    """After segments have learned, merged, retired and begun anew, no content is left over."""
    path = str(tmp_path / "fleet.db")
    model = fleet(path=path, max_loaded=2).fit(*day(0, 60))
    for number in range(1, 4):
        model.partial_fit(*day(number))
    model.merge([0, 1], into="both").retire(2)
    for _ in range(2):
        with closing(sqlite3.connect(path)) as connection:
            listed = set()
            for key, digests in connection.execute("SELECT key, digests FROM states"):
                names = [digests[at : at + 16] for at in range(16, len(digests), 16)]
                listed |= {(key, name) for name in names}
            assert listed == set(connection.execute("SELECT key, digest FROM parts"))
        model.fit(*day(9))


@pytest.mark.no_cover
def test_a_fleet_of_which_parts_are_in_memory_is_saved_whole(read):
    """By pickle and by skops, with some segments loaded, some as far as they serve, most packed."""
    model, (X, y) = idle(None), day(1)
    model.predict(X)
    assert read
    saved = pickle.loads(pickle.dumps(model)), _through_skops(model)
    plain = fleet().fit(*day(0, 60)).partial_fit(X, y)
    for again in (model, *saved):
        again.partial_fit(X, y)
        np.testing.assert_array_equal(again.predict_proba(X), plain.predict_proba(X))
        for key in plain.segments_:
            rows, expected = again.retrainer_of(key).buffer_, plain.retrainer_of(key).buffer_
            np.testing.assert_array_equal(rows.index, expected.index)


def _through_skops(model):
    content = skops.io.dumps(model)
    return skops.io.loads(content, trusted=trusted_types())


class Cut(BaseException):
    """Ends a call as nothing else would."""


@pytest.mark.parametrize("n_written", [0, 1, 2, 7])
@pytest.mark.no_cover
def test_a_pass_cut_off_between_two_parts_has_not_come(tmp_path, monkeypatch, n_written):
    """Wherever in the middle of a state; what goes on, goes on exactly."""
    path = str(tmp_path / "fleet.db")
    model, plain = fleet(path=path, max_loaded=2), fleet()
    for one in (model, plain):
        one.fit(*day(0, 60))
    real, calls = _file_store.FileStore._write, iter(range(1000))

    def dying(self, query, *rows):
        if query.startswith("INSERT") and next(calls) == n_written:
            raise Cut
        real(self, query, *rows)

    X, y = day(1)
    monkeypatch.setattr(_file_store.FileStore, "_write", dying)
    with pytest.raises(Cut):
        model.partial_fit(X, y)
    monkeypatch.undo()
    for one in (model, fleet(path=path)):
        np.testing.assert_array_equal(one.predict_proba(X), plain.predict_proba(X))
    model.partial_fit(X, y), plain.partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_collected_segments_leave_what_they_share_with_the_file_where_it_is(tmp_path):
    """See test_distributed for the rest: here, that the shelf forgets only whom it is told to."""
    path = str(tmp_path / "fleet.db")
    store = _file_store.FileStore(path)
    shelf = Shelf(store, None)
    for key in ("a", "b"):
        shelf.put(key, DriftAwareRetrainer(GaussianNB()))
    shelf.commit([b""])
    before = os.path.getsize(path), parts_in(path)
    other = Shelf(store, None)
    other.clear(but=["a"])
    assert store.keys() == ['"a"']
    other.put("a", shelf.get("a"))
    other.commit([b""])
    assert parts_in(path).items() <= before[1].items()
    store.close()
