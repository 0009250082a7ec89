"""Versions that served are kept, found again, and serve again when a user says so."""

import json
import os
import pickle
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from executors import ByHand, Inline
from helpers import Rings, WaitGate, assert_same_outputs, batches, events, feed, state_of, stream
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import BasePolicy, FullRefit, Revive
from skretrain.serving import BackgroundRetrainer, VersionStore

X, Y = stream(1500, drift=500)


def ringing(rows=(310, 410, 510), base=None, **params):
    """Return a retrainer, fitted on 300 rows, whose trigger rings at the given rows."""
    params = {"policy": FullRefit(grow=False), "update": None} | params
    base = GaussianNB() if base is None else base
    return DriftAwareRetrainer(base, detector=Rings(rows), **params).fit(X[:300], Y[:300])


@pytest.fixture(params=["memory", "disk"])
def place(request, tmp_path):
    """Where a store keeps its versions."""
    return None if request.param == "memory" else tmp_path / "versions"


# -- what is kept ----------------------------------------------------------------------------------


def test_each_version_is_kept_with_where_it_comes_from(place):
    before = datetime.now(UTC)
    model = ringing()
    store = VersionStore(place).follow(model)
    feed(model, X, Y, 50, 300, 600)
    assert len(store) == 4
    assert [(one.version, one.parent, one.row, one.since) for one in store] == [
        (1, None, 300, 0), (2, 1, 350, 310), (3, 2, 450, 410), (4, 3, 550, 510),
    ]  # fmt: skip
    assert [(one.kind, one.reason, one.n_rows_fitted) for one in store] == [
        ("first_fit", "first fit", 300), *[("full_refit", "alarm", 50)] * 3,
    ]  # fmt: skip
    times = [before, *(one.time for one in store), datetime.now(UTC)]
    assert times == sorted(times)
    assert [one.wall_seconds for one in store] == [
        event.wall_seconds for event in model.events_ if event.action == "retrained"
    ]
    assert 2 in store
    assert 5 not in store
    assert_same_outputs(store.model(2), GaussianNB().fit(X[300:350], Y[300:350]), X)


def test_the_numbers_behind_a_promotion_are_kept_in_plain_types(place):
    model = ringing(gate=WaitGate(1))
    store = VersionStore(place).follow(model)
    feed(model, X, Y, 50, 300, 400)
    assert store[2].evidence == {"judged": 2}
    assert store[2].reason == "alarm; time is up"


class Tells(FullRefit):
    def propose(self, context):
        evidence = {1: np.float64(0.5), "a": np.arange(2), "b": [(1, None)], "c": object}
        return super().propose(context)._replace(evidence=evidence)


def test_evidence_of_any_type_becomes_plain(place):
    model = ringing(policy=Tells(grow=False))
    store = VersionStore(place).follow(model)
    feed(model, X, Y, 50, 300, 350)
    assert store[2].evidence == {"1": 0.5, "a": [0, 1], "b": [[1, None]], "c": "<class 'object'>"}


def test_a_frame_has_a_line_for_each_version(place):
    model = ringing()
    store = VersionStore(place)
    assert store.to_frame().empty
    assert not len(store)
    assert store
    feed_rows = store.follow(model).to_frame()
    assert feed_rows.version.tolist() == [1]
    feed(model, X, Y, 50, 300, 600)
    frame = store.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == list(store[1]._fields)
    assert frame.row.tolist() == [300, 350, 450, 550]


def test_the_oldest_go_where_there_are_more_than_allowed(place):
    model = ringing(range(310, 1200, 50))
    store = VersionStore(place, max_versions=3).follow(model)
    feed(model, X, Y, 50, 300, 600)
    assert [one.version for one in store] == [5, 6, 7]
    if place:
        assert len(list(place.iterdir())) == 3


def test_a_version_that_was_replaced_is_kept_as_it_served_last(place):
    """With what its updates had learned by then; the one that serves, as it came into service."""
    model = ringing(base=SGDClassifier(random_state=0), update="warm_start", rows=[410])
    store = VersionStore(place).follow(model)
    first = joblib.hash(model.estimator_)
    feed(model, X, Y, 50, 300, 400)
    assert joblib.hash(store.model(1)) == first != joblib.hash(model.estimator_)
    last = joblib.hash(model.estimator_)
    feed(model, X, Y, 50, 400, 450)
    assert joblib.hash(store.model(1)) == last
    assert [one.version for one in store] == [1, 2]


def test_a_store_on_disk_is_found_again_by_who_loads_the_retrainer(tmp_path):
    """In one line; what was kept is not kept twice, nor as another."""
    model = ringing()
    VersionStore(tmp_path).follow(model)
    feed(model, X, Y, 50, 300, 400)
    loaded = pickle.loads(pickle.dumps(model))
    known = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    store = VersionStore(str(tmp_path)).follow(loaded)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == known
    feed(loaded, X, Y, 50, 400, 450)
    assert [one.parent for one in store] == [None, 1, 2]
    store.rollback(1)
    assert_same_outputs(loaded.estimator_, GaussianNB().fit(X[:300], Y[:300]), X)


def test_a_version_whose_number_comes_again_takes_the_place_of_the_one_before(place):
    """By ``fit``, which a store goes on to follow; the others stay until theirs come."""
    model = ringing()
    store = VersionStore(place).follow(model)
    feed(model, X, Y, 50, 300, 450)
    model.fit(X[600:900], Y[600:900])
    assert [(one.version, one.parent) for one in store] == [(2, 1), (3, 2), (1, None)]
    assert_same_outputs(store.model(1), GaussianNB().fit(X[600:900], Y[600:900]), X)
    other = VersionStore(place).follow(DriftAwareRetrainer(GaussianNB()).fit(X[:100], Y[:100]))
    assert other[1].row == 100


def test_a_version_that_cannot_be_kept_is_an_event_and_serves(tmp_path):
    model = ringing()
    store = VersionStore(tmp_path / "versions").follow(model)
    for path in (tmp_path / "versions").iterdir():
        path.unlink()
    (tmp_path / "versions").rmdir()
    (tmp_path / "versions").touch()
    with pytest.warns(RetrainFailedWarning, match="a listener failed"):
        feed(model, X, Y, 50, 300, 350)
    assert [event.action for event in model.events_][1:] == ["retrained", "failed"]
    assert model.n_refits_ == 1
    with pytest.raises(ValueError, match="path must be a folder, and there is a file"):
        len(store)


def test_damage_to_a_file_stands_in_the_way_of_that_version_alone(tmp_path):
    model = ringing()
    store = VersionStore(tmp_path).follow(model)
    feed(model, X, Y, 50, 300, 450)
    for version in (1, 2):
        path = tmp_path / f"{version:06d}.version"
        content = bytearray(path.read_bytes())
        content[10 if version == 1 else -10] ^= 255
        path.write_bytes(content)
    (tmp_path / "notes.version").write_text("17")
    assert [one.version for one in store] == [2, 3]
    serving = model.estimator_
    with pytest.raises(ValueError, match="000002.version is not as it was written"):
        store.rollback(2)
    assert model.estimator_ is serving
    assert store.rollback(3)


@pytest.mark.parametrize(
    "told",
    [{"version": "4"}, {"version": [4]}, {"version": 4.0}, {"order": "4"}, {"order": None}],
)
def test_a_first_line_that_is_none_stands_in_the_way_of_no_other(told, tmp_path):
    model = ringing()
    store = VersionStore(tmp_path).follow(model)
    head, _, body = (tmp_path / "000001.version").read_bytes().partition(b"\n")
    head = json.dumps({"version": 4} | json.loads(head) | told).encode()
    (tmp_path / "000004.version").write_bytes(head + b"\n" + body)
    (tmp_path / "000005.version").write_bytes(b"[" * 100_000)
    feed(model, X, Y, 50, 300, 450)
    assert [one.version for one in store.follow(model)] == [1, 2, 3]


def test_what_else_is_in_the_folder_stays_there_and_is_no_version(tmp_path):
    model = ringing()
    store = VersionStore(tmp_path, max_versions=2).follow(model)
    others = [tmp_path / f"{name}.version" for name in ("copy", "folder", "link", "pipe")]
    others[0].write_bytes((tmp_path / "000001.version").read_bytes())
    others[1].mkdir()
    others[2].symlink_to(tmp_path / "nothing")
    os.mkfifo(others[3])
    feed(model, X, Y, 50, 300, 600)
    assert model.events_.counts["failed"] == 0
    assert [one.version for one in store] == [3, 4]
    assert len(list(tmp_path.iterdir())) == len(others) + 2


def test_two_processes_may_keep_versions_in_one_folder(monkeypatch, tmp_path):
    """A file that the other one removes between two looks is none."""
    model = ringing()
    store = VersionStore(tmp_path, max_versions=2).follow(model)
    feed(model, X, Y, 50, 300, 400)
    unlink, is_file = Path.unlink, Path.is_file

    def removed_before(path, **kwargs):
        unlink(path)
        unlink(path, **kwargs)

    def removed_after(path):
        found = is_file(path)
        if path.name == "000002.version":
            unlink(path, missing_ok=True)
        return found

    monkeypatch.setattr(Path, "unlink", removed_before)
    feed(model, X, Y, 50, 400, 450)
    assert [one.version for one in store] == [2, 3]
    monkeypatch.setattr(Path, "is_file", removed_after)
    assert [one.version for one in store] == [3]
    assert model.events_.counts["failed"] == 0


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code of the file was run",))


def test_to_list_versions_runs_no_code_of_the_files(tmp_path):
    model = ringing()
    store = VersionStore(tmp_path).follow(model)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n" + pickle.dumps(Bomb()))
    assert json.loads(path.read_bytes().split(b"\n")[0])["reason"] == "first fit"
    assert [one.version for one in store] == [1]
    assert "versions 1" in repr(store)
    with pytest.raises(ValueError, match="not as it was written"):
        store.model(1)


def test_a_store_in_memory_goes_with_its_pickle_and_follows_nobody_then():
    model = ringing()
    store = VersionStore().follow(model)
    feed(model, X, Y, 50, 300, 350)
    loaded = pickle.loads(pickle.dumps(store))
    feed(model, X, Y, 50, 350, 450)
    assert (len(loaded), len(store)) == (2, 3)
    assert_same_outputs(loaded.model(2), store.model(2), X)
    with pytest.raises(ValueError, match="the store follows no retrainer"):
        loaded.rollback(1)
    assert repr(loaded) == "<VersionStore in memory: versions 1, 2>"
    assert repr(VersionStore()) == "<VersionStore in memory: empty>"


# -- a version serves again ------------------------------------------------------------------------


def test_a_version_serves_again_as_one_of_its_own(place):
    model = ringing()
    store = VersionStore(place).follow(model)
    feed(model, X, Y, 50, 300, 600)
    assert store.rollback(2) is store
    assert_same_outputs(model.estimator_, GaussianNB().fit(X[300:350], Y[300:350]), X)
    event = model.events_[-1]
    assert (event.action, event.row, event.n_rows, event.since) == ("rolled_back", 600, 0, 310)
    assert event.reason == "by hand: version 2 serves again instead of 4"
    assert event.version == 5
    assert (store[5].parent, store[5].row, store[5].since) == (4, 350, 310)
    assert store[5].reason == event.reason
    assert model.n_samples_seen_ == 600
    store.rollback(np.int64(4)).rollback(5)  # there, and back again
    assert model.events_[-1].reason == "by hand: version 5 serves again instead of 6"
    assert_same_outputs(model.estimator_, store.model(2), X)


def test_the_version_that_serves_goes_back_to_before_its_updates(place):
    model = ringing((), base=SGDClassifier(random_state=0), update="warm_start")
    store = VersionStore(place).follow(model)
    first = joblib.hash(model.estimator_)
    feed(model, X, Y, 50, 300, 600)
    store.rollback(1)
    assert joblib.hash(model.estimator_) == first
    assert joblib.hash(store.model(1)) != first  # it is now what it was when it was replaced
    assert joblib.hash(store.model(2)) == first


def test_the_trigger_begins_anew_and_the_policies_hear_of_it():
    """As after a retrain that answered an alarm, fitted now on the rows of the old concept."""
    heard = []

    class Hears(FullRefit):
        def after_retrain(self, served):
            heard.append((served.kind, served.since, served.n_known, served.n_since, served.alarm))

    model = ringing([410], policy=Hears(grow=False))
    store = VersionStore().follow(model)
    feed(model, X, Y, 50, 300, 600)
    store.rollback(1)
    fit, answered = model.detector_.fits_[-1]
    assert (fit.row, fit.n_rows, fit.since, fit.kind, answered) == (
        600,
        600,
        0,
        "rolled_back",
        True,
    )
    assert heard[-1] == ("rolled_back", 0, 600, 600, False)


def test_growth_waits_until_the_rows_have_doubled():
    model = ringing([410], policy=FullRefit())
    store = VersionStore().follow(model)
    feed(model, X, Y, 50, 300, 450)
    store.rollback(1)
    feed(model, X, Y, 50, 450, 1000)
    growth = [(event.row, event.since) for event in model.events_ if event.reason == "growth"]
    assert growth == [(900, 0)]


def test_what_was_on_its_way_is_given_up_with_an_event():
    """A challenger, an alarm that was to be tried again, and the watch of the gate."""
    model = ringing([310], gate=WaitGate(5))
    store = VersionStore().follow(model)
    feed(model, X, Y, 50, 300, 400)
    assert model.challenger_ is not None
    store.rollback(1)
    assert model.challenger_ is None
    assert events(model, "action", "reason")[-2:] == [
        ("superseded", "alarm; by hand: version 1 serves again instead of 1"),
        ("rolled_back", "by hand: version 1 serves again instead of 1"),
    ]
    feed(model, X, Y, 50, 400, 800)
    assert len(model.events_) == 4


def test_an_alarm_that_waits_for_another_try_is_answered():
    class Fails(BasePolicy):
        def propose(self, context):
            raise RuntimeError("not yet")

    model = ringing([310], policy=Fails())
    store = VersionStore().follow(model)
    with pytest.warns(RetrainFailedWarning):
        feed(model, X, Y, 50, 300, 350)
    store.rollback(1)
    feed(model, X, Y, 50, 350, 800)  # no warning: nothing is tried
    assert [event.action for event in model.events_] == ["retrained", "failed", "rolled_back"]


def test_what_the_gate_could_take_back_is_forgotten():
    class Watches(WaitGate):
        watches = True

        def begin_watch(self):
            pass

    model = ringing([310], gate=Watches(0))
    store = VersionStore().follow(model)
    feed(model, X, Y, 50, 300, 350)
    assert state_of(model).service.previous is not None
    store.rollback(1)
    assert state_of(model).service.previous is None


def test_the_pool_of_revive_is_without_the_model_that_left():
    model = ringing([510], policy=Revive(FullRefit(grow=False)))
    store = VersionStore().follow(model)
    feed(model, X, Y, 50, 300, 700)
    size = len(state_of(model).parts.policy.pool_)
    store.rollback(1)
    assert len(state_of(model).parts.policy.pool_) == size - 1


def test_probabilities_have_a_column_for_each_class_that_is_known(place):
    y = Y.copy()
    y[300:350:2] = 2
    model = ringing((), policy="full_refit")
    store = VersionStore(place).follow(model)
    model.partial_fit(X[300:350], y[300:350])
    assert model.n_refits_ == 1
    store.rollback(1)
    proba = model.predict_proba(X)
    assert proba.shape == (1500, 3)
    assert (proba[:, 2] == 0).all()


@pytest.mark.parametrize("version", [3, 0, True, "1", None])
def test_a_version_that_is_not_kept_is_refused_by_naming_those_that_are(version):
    model = ringing([310])
    store = VersionStore().follow(model)
    feed(model, X, Y, 50, 300, 350)
    for ask in (store.rollback, store.model, store.__getitem__):
        with pytest.raises(ValueError, match=r"version must be one that is kept: 1, 2\."):
            ask(version)
    assert len(model.events_) == 2


def other(X, y, base=None):
    """Return a retrainer of another life, with the store of the first to be found."""
    return DriftAwareRetrainer(GaussianNB() if base is None else base).fit(X, y)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (other(X[:, :3], Y), "X has 3 features, but GaussianNB is expecting 4"),
        (other(X, Y, LogisticRegression()), "it is a GaussianNB, and no LogisticRegression"),
        (other(X, X[:, 0], LinearRegression()), "it is a GaussianNB, and no LinearRegression"),
        (other(X, np.where(Y, "yes", "no")), "mixes text and numbers"),
    ],
    ids=["columns", "base", "task", "labels"],
)
def test_a_version_that_does_not_fit_any_more_is_refused_and_nothing_changes(
    tmp_path, found, reason
):
    model = ringing()
    VersionStore(tmp_path).follow(model)
    feed(model, X, Y, 50, 300, 350)
    found = pickle.loads(pickle.dumps(found))
    store = VersionStore(tmp_path).follow(found)
    before = joblib.hash(pickle.dumps(found))
    with pytest.raises(ValueError, match=f"version 2 does not fit the rows of today.*{reason}"):
        store.rollback(2)
    assert joblib.hash(pickle.dumps(found)) == before


def test_a_retrainer_that_remembers_nothing_takes_what_fits_by_kind():
    """Where no row is there to be read, nobody can tell more."""
    model = ringing((), buffer=None)
    store = VersionStore().follow(model)
    state_of(model).parts.buffer.reset()
    assert store.rollback(1)[2].parent == 1


def test_regressors_and_frames_go_back_as_well(place):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = DriftAwareRetrainer(
        LinearRegression(), detector=Rings([310]), policy="full_refit", update=None
    ).fit(frame[:300], X[:300, 0])
    store = VersionStore(place).follow(model)
    for batch in batches(400, 50, 300):
        model.partial_fit(frame[batch], -X[batch, 0])
    store.rollback(1)
    np.testing.assert_allclose(model.predict(frame), X[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (MixtureRetrainer([]), ValueError, "model must be a DriftAwareRetrainer, a Replay"),
        (GaussianNB(), ValueError, "model must be"),
        (DriftAwareRetrainer(GaussianNB()), NotFittedError, "not fitted yet"),
    ],
)
def test_what_cannot_be_followed_is_refused(model, error, message):
    with pytest.raises(error, match=message):
        VersionStore().follow(model)


@pytest.mark.parametrize("junk", [1, 0, 2.0, True, None, "10"])
def test_junk_is_refused_by_name_when_it_is_used(junk):
    store = VersionStore(max_versions=junk)
    with pytest.raises(ValueError, match=r"VersionStore\(max_versions=.*at least 2"):
        store.follow(ringing())
    with pytest.raises(ValueError, match=r"VersionStore\(path=.*the path of a folder, or None"):
        len(VersionStore(17))


def test_to_follow_twice_is_to_follow_once(place):
    model = ringing()
    store = VersionStore(place).follow(model).follow(model)
    feed(model, X, Y, 50, 300, 350)
    assert len(state_of(model).service.listeners) == 1
    assert len(store) == 2


def test_to_follow_another_is_to_leave_the_one_before(place):
    """Its versions have the same numbers, and are not to be served by the other."""
    left, followed = ringing(), ringing()
    service = BackgroundRetrainer(left, Inline())
    store = VersionStore(place).follow(service).follow(followed)
    feed(service, X, Y, 50, 300, 450)
    assert (left.n_refits_, [one.version for one in store]) == (2, [1])
    with pytest.raises(ValueError, match="no versions are kept"):
        service.rollback(1)
    feed(followed, X, Y, 50, 300, 350)
    assert store.model(2) is followed.estimator_ or place is not None
    assert [one.version for one in store.follow(left)] == [1, 2, 3]
    feed(followed, X, Y, 50, 350, 600)
    assert [one.version for one in store] == [1, 2, 3]


def test_a_rollback_is_that_of_the_store_which_followed_last():
    with BackgroundRetrainer(ringing(), Inline()) as service:
        first, last = (VersionStore().follow(service) for _ in range(2))
        first.follow(ringing())
        service.rollback(1)
    assert (len(first), len(last)) == (1, 2)


# -- in the background -----------------------------------------------------------------------------


def test_a_rollback_supersedes_the_job_that_is_out():
    """The outcome comes too late: its cost is counted, and the alarm is answered."""
    pool, model = ByHand(), ringing([310, 410])
    service = BackgroundRetrainer(model, pool)
    store = VersionStore().follow(service)
    feed(service, X, Y, 50, 300, 350)
    pool.run()
    assert service.wait()
    feed(service, X, Y, 50, 350, 450)
    pool.futures[-1].set_running_or_notify_cancel()
    assert service.rollback(1) is service
    assert not service.is_retraining
    future, fn, args, _ = pool.waiting.pop()
    future.set_result(fn(*args))
    feed(service, X, Y, 50, 450, 800)
    assert events(model, "action", "row")[1:] == [
        ("retrained", 350), ("superseded", 450), ("rolled_back", 450),
    ]  # fmt: skip
    assert [one.version for one in store] == [1, 2, 3]
    assert_same_outputs(model.estimator_, store.model(1), X)
    service.close()
    with pytest.raises(RuntimeError, match="is closed"):
        service.rollback(1)


def test_a_rollback_without_a_store_says_how_to_have_one():
    service = BackgroundRetrainer(ringing(), ByHand())
    with pytest.raises(ValueError, match=r"rollback\(1\): no versions are kept. Let a store"):
        service.rollback(1)
