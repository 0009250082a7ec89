"""States of segments in a file: what a pass changes comes whole or not at all."""

import os
import pickle
import signal
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skretrain.serving._segments import _file_store
from skretrain.serving._segments._file_store import FileStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fleet.db"


@pytest.fixture
def store(path):
    """A store that holds a committed state."""
    with closing(FileStore(path)) as made:
        made.put("a", [b"one", b"rows"])
        made.commit([b"first"])
        yield made


def content(store):
    """Return all that a store can be asked for."""
    return store.header(), {key: store.get(key) for key in store.keys()}  # noqa: SIM118 (no dict)


KEYS = st.sampled_from(["a", "b", "Ä\x00\n'"])
PARTS = st.lists(st.sampled_from([b"", b"one", b"rows", b"\x00"]), max_size=4)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, PARTS),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("commit"), PARTS),
    st.tuples(st.just("close")),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
@pytest.mark.no_cover
def test_it_is_a_dict_whose_changes_last_once_they_are_committed(steps, tmp_path_factory):
    """Any sequence of calls leaves what the same calls leave in a plain dict."""
    path = tmp_path_factory.mktemp("stores") / "fleet.db"
    lasting, now = (None, {}), (None, {})
    with closing(FileStore(path)) as store:
        for name, *arguments in steps:
            getattr(store, name)(*arguments)
            header, states = now[0], dict(now[1])
            if name == "put":
                states[arguments[0]] = arguments[1]
            elif name == "delete":
                states.pop(arguments[0], None)
            elif name == "commit":
                header = arguments[0]
            now = lasting if name == "close" else (header, states)
            lasting = now if name == "commit" else lasting
            assert content(store) == now
            for key, parts in now[1].items():
                assert store.get(key, first=True) == parts[:1]
        store.close()
        with closing(pickle.loads(pickle.dumps(store))) as again:
            assert content(again) == lasting


@pytest.mark.parametrize("name", [":memory:", "file:fleet.db?mode=memory", "fleet.db"])
def test_a_path_is_that_of_a_file_whatever_folder_is_current_later(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with closing(FileStore(name)) as store:
        store.put("a", [b"one"])
        store.commit([b"first"])
        store.close()
        monkeypatch.chdir("/")
        assert content(store) == ([b"first"], {"a": [b"one"]})
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nothing_is_made_by_looking(path):
    """A file comes with the first state, and only where its folder is."""
    store = FileStore(path)
    store.close()
    assert content(store) == (None, {})
    assert not path.exists()
    with pytest.raises(OSError, match=r"nowhere.*could not be read or written: unable to open"):
        FileStore(path.parent / "nowhere" / "fleet.db").put("a", [b""])


def test_a_file_that_was_deleted_meanwhile_is_told_of_and_nothing_is_written_beside_it(store, path):
    path.unlink()
    with pytest.raises(OSError, match="not be moved, deleted or read-only"):
        store.put("b", [b"two"])
    assert not path.exists()


@pytest.mark.parametrize("has", ["read", "written"])
def test_what_has_read_or_written_a_file_that_is_gone_does_not_begin_anew(has, store, path):
    """Whatever is asked of it, until the file is there again; a new object does begin anew."""
    known = store if has == "written" else FileStore(path)
    expected = content(known)
    known.close()
    moved = path.rename(path.with_name("moved.db"))
    for call in (known.keys, known.header, lambda: known.get("a"), lambda: known.put("a", [b""])):
        with pytest.raises(OSError, match=r"fleet\.db is gone since it was read or written here"):
            call()
    assert not path.exists()
    moved.rename(path)
    assert content(known) == expected
    known.close()
    path.unlink()
    assert content(FileStore(path)) == (None, {})


@pytest.mark.parametrize("n_steps", [0, 1, 2])
def test_a_process_killed_before_it_commits_has_changed_nothing(n_steps, store, path):
    """Even where states have reached the file already."""
    store.put("b", [b"two"])
    store.commit([b"second"])
    before = content(store)
    store.close()
    child = os.fork()
    if not child:
        if n_steps > 0:
            store.put("a", [bytes(3_000_000)])  # more than SQLite holds in memory before it writes
        if n_steps > 1:
            store.delete("b")
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert content(store) == before


def test_a_second_writer_is_told_and_the_first_goes_on(store, path, monkeypatch):
    monkeypatch.setattr(_file_store, "_WAIT", 0.0)
    store.put("a", [b"two"])
    with (
        closing(FileStore(path)) as other,
        pytest.raises(OSError, match="another process writes it: try again later"),
    ):
        other.put("a", [b"three"])
    store.commit([b"second"])
    assert content(store) == ([b"second"], {"a": [b"two"]})


@pytest.mark.parametrize(
    "use",
    [
        content,
        lambda store: store.put("b", [b""]),
        lambda store: store.delete("a"),
        FileStore.keys,
    ],
)
def test_what_was_read_before_another_process_wrote_is_not_mixed_with_what_it_wrote(use, store):
    stale = pickle.loads(pickle.dumps(store))
    store.put("a", [b"two"])
    store.commit([b"second"])
    with (
        closing(stale),
        pytest.raises(ValueError, match="changed by another process or object meanwhile"),
    ):
        use(stale)
    with closing(FileStore(store.path)) as fresh:
        assert content(fresh) == ([b"second"], {"a": [b"two"]})
        fresh.commit([b"third"])  # nothing of the refused one holds the file


def test_a_forked_process_leaves_the_transaction_of_its_parent_alone(store):
    """The child reads what is committed, through a connection of its own."""
    store.put("a", [b"two"])
    child = os.fork()
    if not child:
        found = content(store)
        store.close()
        os._exit(0 if found == ([b"first"], {"a": [b"one", b"rows"]}) else 1)
    assert os.waitpid(child, 0)[1] == 0
    store.commit([b"second"])
    assert content(store) == ([b"second"], {"a": [b"two"]})


def test_a_connection_of_another_process_is_never_closed(store, monkeypatch):
    """What is closed in a child is undone for its parent."""
    store.put("a", [b"two"])
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "getpid", lambda: -1)
        assert content(store) == ([b"first"], {"a": [b"one", b"rows"]})
        store.close()
    assert _file_store._INHERITED.pop().in_transaction


def rewrite(path, command, *values):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(command, values)
        connection.commit()


ALTERATIONS = {
    "a part": "UPDATE parts SET content = CAST(content || 'x' AS BLOB) WHERE key = 'a'",
    "no part": "DELETE FROM parts WHERE key = 'a'",
    "another part in its place": "UPDATE parts SET key = 'a' WHERE key = ''; "
    "UPDATE parts SET key = 'b' WHERE content IN (CAST('one' AS BLOB), CAST('rows' AS BLOB))",
    "the list": "UPDATE states SET digests = CAST(substr(digests, 1, 32) AS BLOB) WHERE key = 'a'",
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.parametrize("first", [False, True])
def test_an_altered_state_is_told_from_its_checksum(alteration, first, store, path):
    """Whether all of it is read or its first part, of which less can be altered."""
    store.close()
    for command in ALTERATIONS[alteration].split("; "):
        rewrite(path, command)
    with pytest.raises(ValueError, match="checksum of 'a' is not that of its content"):
        store.get("a", first=first)


def test_only_parts_that_are_new_are_written(store, path):
    """What a state had before stays where it is, and what it has no longer goes."""

    def where():
        store.commit([b"header"])
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT content, rowid FROM parts WHERE key = 'a'")
            return dict(found.fetchall())

    store.put("b", [b"rows"])
    before = where()
    store.put("a", [b"two", b"rows", b"more", b"two"])
    after = where()
    assert before.keys() == {b"one", b"rows"}
    assert after.keys() == {b"two", b"rows", b"more"}
    assert after[b"rows"] == before[b"rows"]
    assert store.get("b") == [b"rows"]
    store.delete("a")
    assert where() == {}


@pytest.mark.parametrize(("first", "most"), [(False, 2), (True, 1)])
def test_what_is_read_is_the_state_once(first, most, store, monkeypatch):
    """However many parts it has; the list of their names is not read with each of them."""
    parts = [number.to_bytes(64, "big") for number in range(500)]
    store.put("a", parts)
    found, real = [], FileStore._read

    def read(self, query, *values):
        found.extend(real(self, query, *values))
        return found

    monkeypatch.setattr(FileStore, "_read", read)
    assert store.get("a", first=first) == (parts[:1] if first else parts)
    assert sum(len(value) for row in found for value in row if value) < most * 500 * 64


def test_a_file_of_something_else_is_left_alone(path):
    path.write_bytes(b"text" * 999)
    with pytest.raises(ValueError, match="no file of segments, or was altered"):
        FileStore(path).put("a", [b""])
    assert path.read_bytes() == b"text" * 999
    path.unlink()
    rewrite(path, "CREATE TABLE mine (a)")
    with pytest.raises(ValueError, match="a database of something else than segments"):
        FileStore(path).put("a", [b""])


@pytest.mark.parametrize(("protocol", "words"), [(1, "an earlier"), (3, "a later")])
def test_a_file_of_another_version_is_refused(protocol, words, store, path):
    store.close()
    rewrite(path, f"UPDATE skretrain_segments SET protocol = {protocol}")
    match = rf"written by {words} version of skretrain \(protocol {protocol}; this one has 2\)"
    with pytest.raises(ValueError, match=match):
        store.keys()


def test_of_two_that_make_the_file_at_once_both_find_its_tables(path, monkeypatch):
    """Between the look for tables and the making of them, another process may make them."""
    asked = []
    real = _file_store._tables_of

    def late(connection):
        if not asked:
            asked.append(connection)
            with closing(FileStore(path)) as other:
                other.put("a", [b"one"])
                other.commit([b"first"])
            return []
        return real(connection)

    monkeypatch.setattr(_file_store, "_tables_of", late)
    with closing(FileStore(path)) as store:
        store.put("b", [b"two"])
        assert content(store) == ([b"first"], {"a": [b"one"], "b": [b"two"]})


def test_a_file_without_a_byte_is_told_of_and_begun(path):
    """It may be left of a copy, or of a first call: nobody can tell which."""
    path.touch()
    os.utime(path, (0, 0))
    with closing(FileStore(path)) as store:
        with pytest.warns(UserWarning, match=r"fleet\.db has 0 bytes, so all begins anew"):
            assert store.header() is None
        store.put("a", [b"one"])
        store.commit([b"first"])
        assert content(store) == ([b"first"], {"a": [b"one"]})


def test_a_file_that_another_process_makes_just_now_is_not_told_of(path):
    path.touch()
    with closing(FileStore(path)) as store:
        assert store.header() is None
