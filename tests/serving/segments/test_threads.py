"""Who predicts while another thread changes the fleet gets an answer of before, or one of after."""

import sqlite3
from threading import Event, Thread

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.serving import SegmentedRetrainer
from skretrain.serving._segments._file_store import FileStore
from skretrain.serving._segments._fleet import Fleet
from skretrain.serving._segments._shard import Shard


def day(number=0, n_segments=4):
    rng = np.random.default_rng(number)
    X = np.column_stack([np.arange(200) % n_segments, rng.normal(size=(200, 2))])
    return X, (X[:, 1] * (-1) ** X[:, 0] > 0).astype(int)  # each has a concept of its own


def fleet(path=None, **params):
    return SegmentedRetrainer(DriftAwareRetrainer(GaussianNB()), by=0, path=path, **params)


def once(act):
    """Return a function that acts when it is called first."""
    acts = [act]
    return lambda: acts and acts.pop()()


def merges(model):
    model.retire(1).merge([2], into=3)


def begins_anew(model):
    model.retire(1)._present().shard.open(1, 3)  # as a pass does before it learns the first rows


@pytest.mark.parametrize("change", [merges, begins_anew])
@pytest.mark.parametrize("name", [None, "fleet.db"])
@pytest.mark.no_cover
def test_a_segment_that_ends_while_it_is_asked_is_answered_by_what_serves_then(
    name, change, tmp_path, monkeypatch
):
    model = fleet(name and str(tmp_path / name)).fit(*day()).partial_fit(*day(1))
    X, _ = day(2)
    end, answered = once(lambda: change(model)), Shard.answered

    def ends_meanwhile(self, *args):
        end()
        return answered(self, *args)

    monkeypatch.setattr(Shard, "answered", ends_meanwhile)
    found = model.predict_proba(X)
    assert model.status().keys() < {0, 1, 2, 3} or not model.status()[1].version
    np.testing.assert_array_equal(found, model.predict_proba(X))


def test_a_state_that_somebody_took_away_is_an_error_that_names_the_segment(tmp_path):
    """And is not asked for, again and again."""
    path = str(tmp_path / "fleet.db")
    fleet(path, fallback=None).fit(*day())
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM states WHERE key = '2'")
    connection.close()
    with pytest.raises(LookupError, match="there is no state of segment 2: it has ended, or was"):
        fleet(path, fallback=None).predict(day(2)[0])


def test_a_segment_that_ends_while_states_are_told_spoils_no_table(monkeypatch):
    model = fleet().fit(*day())
    end, status = once(lambda: model.retire(1)), Fleet.status

    def ends_meanwhile(self, *args):
        end()
        return status(self, *args)

    monkeypatch.setattr(Fleet, "status", ends_meanwhile)
    assert list(model.status()) == [0, 1, 2, 3]
    assert list(model.status()) == [0, 2, 3]


def test_one_thread_at_a_time_uses_the_file(tmp_path, monkeypatch):
    """SQLite crashes where a connection is closed that another thread reads from."""
    store = FileStore(tmp_path / "fleet.db")
    store.put("a", [b"model"])
    store.commit([b"header"])
    reads, goes_on, found, read = Event(), Event(), [], FileStore._read

    def slow(self, *args):
        reads.set()
        goes_on.wait()
        return read(self, *args)

    monkeypatch.setattr(FileStore, "_read", slow)
    reader = Thread(target=lambda: found.append(store.get("a")))
    closer = Thread(target=store.close)
    reader.start()
    reads.wait()
    closer.start()
    closer.join(0.05)
    waits = closer.is_alive()
    goes_on.set()
    reader.join()
    closer.join()
    assert waits
    assert found == [[b"model"]]


def test_what_a_pass_that_failed_has_written_is_never_read(tmp_path, monkeypatch):
    """Not by who predicts in the moment in which it is taken back, either."""
    model = fleet(str(tmp_path / "fleet.db")).fit(*day())
    X, y = day(1)
    expected, close, seen = model.predict_proba(X), FileStore.close, []

    def predicted_meanwhile(self):
        seen.append(model.predict_proba(X))
        close(self)

    def interrupted(self, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(FileStore, "close", predicted_meanwhile)
    monkeypatch.setattr(FileStore, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, 1 - y)
    monkeypatch.setattr(FileStore, "close", close)
    assert len(seen) == 1
    np.testing.assert_array_equal(model.predict_proba(X), expected)
