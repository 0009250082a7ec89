"""An interrupt, or memory that runs out, between any two lines: the books stay in order."""

import pickle

import numpy as np
import pytest
from helpers import Rings, feed, stream
from same_state import assert_same_state
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain._retrainer import _cycle
from skretrain.buffers import Reservoir, SlidingWindow, StratifiedReservoir
from skretrain.policies import FullRefit
from skretrain.utils._containers import as_container

X, Y = stream(600)
RING = 370  # in the batch of rows 350 to 400
BATCH = slice(350, 400)


def retrainer(**params):
    params = {"detector": Rings([RING]), "policy": FullRefit("all", grow=False)} | params
    model = DriftAwareRetrainer(GaussianNB(), **params).fit(X[:300], Y[:300])
    return feed(model, X, Y, 50, 300, 350)


def mixture(**params):
    members = [(name, DriftAwareRetrainer(GaussianNB(), detector=None)) for name in "ab"]
    model = MixtureRetrainer(members, **params).fit(X[:300], Y[:300])
    return feed(model, X, Y, 50, 300, 350)


def fails(error, after=lambda *args, **kwargs: None):
    """Return a function that raises, once something else was done."""

    def fail(*args, **kwargs):
        after(*args, **kwargs)
        raise error

    return fail


def copied(model):
    """Return a copy, without the spare room of buffers, in which anything may stand."""
    return pickle.loads(pickle.dumps(model))


# -- buffers ---------------------------------------------------------------------------------------

BUFFERS = {
    "window": SlidingWindow(100),
    "window with an anchor": SlidingWindow(100, anchor=20),
    "sample": Reservoir(50),
    "balanced sample": Reservoir(50, balance=True, decay=0.01),
    "strata": StratifiedReservoir(50, by=None, column=0, recent=0.5),
}


@pytest.mark.parametrize("name", BUFFERS)
@pytest.mark.parametrize("kind", ["arrays", "frames"])
def test_a_batch_that_was_not_added_as_a_whole_has_not_come(name, kind, monkeypatch):
    """And the next one finds the buffer as if it had never been tried."""
    rows = np.c_[np.arange(300) % 7, X[:300]]
    if kind == "frames":
        pd = pytest.importorskip("pandas", reason="frames of it are remembered")
        rows = pd.DataFrame(rows, columns=list("abcde"))
    part = (lambda s: rows.iloc[s]) if kind == "frames" else (lambda s: rows[s])
    buffers = [BUFFERS[name].__class__(**BUFFERS[name].get_params()).reset() for _ in range(2)]
    for start in range(0, 200, 20):
        for buffer in buffers:
            buffer.add(part(slice(start, start + 20)), Y[start : start + 20])
    tried, twin = buffers
    with monkeypatch.context() as patch:
        patch.setattr(type(tried), "_add", fails(KeyboardInterrupt, type(tried)._add))
        with pytest.raises(KeyboardInterrupt):
            tried.add(part(slice(200, 230)), Y[200:230])
    for buffer in buffers:
        np.testing.assert_array_equal(buffer.index, twin.index)
        buffer.add(part(slice(200, 300)), Y[200:300])
    np.testing.assert_array_equal(tried.index, twin.index)
    np.testing.assert_array_equal(tried.latest().X, twin.latest().X)
    np.testing.assert_array_equal(tried.sampling_weights, twin.sampling_weights)


# -- a retrainer -----------------------------------------------------------------------------------


def test_rows_that_are_in_the_buffer_are_not_added_again(monkeypatch):
    model = retrainer()
    with monkeypatch.context() as patch:
        patch.setattr(model._cycle.state, "_note_types", fails(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X[400:450], Y[400:450])
    model._cycle.state.remember(_rows(model, slice(400, 450)))
    assert model.n_samples_seen_ == 400
    np.testing.assert_array_equal(model.buffer_.index, np.arange(400))
    assert not [event for event in model.events_ if event.action == "failed"]


def _rows(model, batch):
    rows = model.buffer_.latest(50)
    return rows._replace(X=X[batch], y=Y[batch])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("where", ["learnable", "remember", "lacked_by"])
def test_an_alarm_that_was_heard_is_answered_after_an_interrupt(where, kind, monkeypatch):
    model = retrainer()
    with monkeypatch.context() as patch:
        original = getattr(model._cycle.state, where)
        calls = iter([fails(kind)])
        patch.setattr(
            model._cycle.state, where, lambda *args: next(calls, original)(*args), raising=True
        )
        try:
            model.partial_fit(X[BATCH], Y[BATCH])
        except kind:
            assert model.n_samples_seen_ == len(model.buffer_) == 400
    feed(model, X, Y, 50, 400)
    assert model.n_alarms_ == model.n_refits_ == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_an_alarm_that_was_just_given_is_heard_all_the_same(kind, monkeypatch):
    model = retrainer(on_error="warn")
    with monkeypatch.context() as patch:
        patch.setattr(_cycle, "sound_signal", fails(kind))
        if kind is MemoryError:
            with pytest.warns(match="the trigger failed"):
                model.partial_fit(X[BATCH], Y[BATCH])
        else:
            with pytest.raises(KeyboardInterrupt):
                model.partial_fit(X[BATCH], Y[BATCH])
    assert model.n_samples_seen_ == len(model.buffer_) == 400
    feed(model, X, Y, 50, 400)
    assert model.n_alarms_ == model.n_refits_ == 1


def test_an_alarm_whose_model_was_not_promoted_is_answered_again(monkeypatch):
    model = retrainer()
    before = model.predict_proba(X)
    with monkeypatch.context() as patch:
        patch.setattr(model._cycle.state.service, "promote", fails(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X[BATCH], Y[BATCH])
    np.testing.assert_array_equal(model.predict_proba(X), before)
    feed(model, X, Y, 50, 400)
    assert model.n_refits_ == 1


def test_memory_that_runs_out_in_predict_is_no_reason_for_another_model(monkeypatch):
    model = retrainer()
    with monkeypatch.context() as patch:
        patch.setattr(GaussianNB, "predict", fails(MemoryError))
        with pytest.raises(MemoryError):
            model.partial_fit(X[BATCH], Y[BATCH])
    assert model.n_samples_seen_ == 350
    assert model._snapshot.version == 1
    assert model.partial_fit(X[BATCH], Y[BATCH]).n_refits_ == 1


def test_memory_that_runs_out_where_no_challenger_waits_is_no_failure_of_the_gate(monkeypatch):
    model = feed(retrainer(), X, Y, 50, 350, 400)
    with monkeypatch.context() as patch:
        patch.setattr(model._cycle.state.trials, "judge", fails(MemoryError))
        with pytest.raises(MemoryError):
            model.partial_fit(X[400:450], Y[400:450])
    assert model.n_samples_seen_ == len(model.buffer_) == 450
    assert "failed" not in {event.action for event in model.events_}
    feed(model, X, Y, 50, 450)
    assert model.n_samples_seen_ == len(model.buffer_) == 600


def test_an_interrupt_before_a_first_model_keeps_the_rows(monkeypatch):
    model = DriftAwareRetrainer(GaussianNB(), update=None, initial_size=100)
    model.partial_fit(X[:50], Y[:50])
    with monkeypatch.context() as patch:
        patch.setattr(model._cycle, "_first_fit", fails(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X[50:100], Y[50:100])
    assert model.n_samples_seen_ == len(model.buffer_) == 100
    assert model.partial_fit(X[100:110], Y[100:110])._snapshot.version == 1


# -- a mixture -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["shares.update", "gain.take_in", "turns.take"])
def test_weights_do_not_move_with_a_batch_that_does_not_count(where, monkeypatch):
    """Else they would move twice, because the batch is sent again."""
    model, twin = mixture(), mixture()
    part, method = where.split(".")
    with monkeypatch.context() as patch:
        owner = getattr(model._engine, part)
        patch.setattr(type(owner), method, fails(KeyboardInterrupt, getattr(type(owner), method)))
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X[BATCH], Y[BATCH])
    assert_same_state(copied(model), copied(twin))
    for one in (model, twin):
        feed(one, X, Y, 50, 350)
    assert_same_state(copied(model), copied(twin))


def test_a_member_that_could_not_look_at_a_batch_learns_it_with_the_next(monkeypatch):
    model, twin = mixture(), mixture()
    with monkeypatch.context() as patch:
        patch.setattr(model.estimators_[1]._cycle, "learn", fails(MemoryError))
        with pytest.raises(MemoryError):
            model.partial_fit(X[BATCH], Y[BATCH])
    twin.partial_fit(X[BATCH], Y[BATCH])
    for one in (model, twin):
        feed(one, X, Y, 50, 400)
    for ours, theirs in zip(model.estimators_, twin.estimators_, strict=True):
        assert ours.n_samples_seen_ == len(ours.buffer_) == 600
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("where", ["votes", "examine"])
def test_a_mixture_out_of_memory_drops_nothing_that_waits(where, monkeypatch):
    model = mixture(budget=0.5)
    engine = model._engine
    engine.n_tested = 0  # so that it is the turn of the probabilities
    waiting = [list(one) for one in engine.waiting]
    assert any(waiting)
    with monkeypatch.context() as patch:
        if where == "votes":
            patch.setattr(type(engine.mix), "votes", fails(MemoryError))
        else:
            for member in engine.members:
                patch.setattr(member._cycle, "examine", fails(MemoryError))
        with pytest.raises(MemoryError):
            model.partial_fit(X[BATCH], Y[BATCH])
    assert model.n_samples_seen_ == 350
    assert_same_state([list(one) for one in engine.waiting], waiting)


# -- what has no rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [{"a": [1.0]}, 1.0, None, "text", {1.0, 2.0}])
def test_what_has_no_rows_is_named(value):
    model = retrainer()
    with pytest.raises(TypeError, match=f"X is a {type(value).__name__}, which has no rows"):
        model.partial_fit(value, [0])
    assert model.n_samples_seen_ == 350


def test_a_table_that_numpy_cannot_read_is_named():
    class Table:
        def __array__(self, dtype=None, copy=None):
            raise IndexError("cannot take from an empty axis")

    with pytest.raises(ValueError, match="X is a Table that numpy cannot read.*pandas or polars"):
        as_container(Table())


def test_a_table_that_pandas_cannot_read_is_named():
    class Table:
        column_names = ("a",)

        def __array__(self, dtype=None, copy=None):
            """Be an array to those who do not ask for names."""

        def to_pandas(self):
            raise NotImplementedError("no pandas type for union")

    with pytest.raises(ValueError, match="X is a Table that pandas cannot read.*for union"):
        as_container(Table())
