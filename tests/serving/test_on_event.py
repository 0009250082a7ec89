"""Hooks hear of every event once, when all is in order, and cannot do harm."""

import copy
import gc
import logging
import pickle
import threading
import weakref
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from helpers import Rings, assert_same_outputs, feed, fingerprint, state_of, stream
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain._retrainer._jobs import run
from skretrain.exceptions import SkretrainWarning
from skretrain.policies import BasePolicy, FullRefit
from skretrain.serving import PendingLabels, load, on_event, save
from skretrain.utils._events import Event

X, Y = stream(600, drift=300)


def fitted(rows=(310, 460), **params):
    """Return a retrainer that rings on some rows, and was fitted on the first 200."""
    params = {"policy": FullRefit("all", grow=False), "update": None} | params
    return DriftAwareRetrainer(GaussianNB(), detector=Rings(rows), **params).fit(X[:200], Y[:200])


def fail(event):
    raise OSError("no mail today")


class Broken(BasePolicy):
    def propose(self, context):
        raise MemoryError


# -- what is heard ---------------------------------------------------------------------------------


def test_a_hook_hears_of_each_event_that_the_log_keeps_once_and_in_order():
    model, heard = fitted(), []
    on_event(model, heard.append)
    feed(model, X, Y, 50, 200)
    assert [event.action for event in heard] == ["retrained", "retrained"]
    assert heard == list(model.events_)[1:]
    assert model.events_.counts["kept"] == 6  # routine, of which it does not hear


def test_a_hook_for_an_action_hears_of_that_alone():
    """Also of one that is routine; and what comes with an alarm is heard for its action, too."""
    model = fitted(update=FullRefit("all"))
    heard = {"retrained": [], "updated": [], "failed": []}
    on_event(model, {action: events.append for action, events in heard.items()})
    feed(model, X, Y, 50, 200)
    assert {action: len(events) for action, events in heard.items()} == {
        action: model.events_.counts[action] - (action == "retrained") for action in heard
    }
    assert {event.action for event in heard["updated"]} == {"updated"}
    assert [event.row for event in heard["retrained"]] == [350, 500]


def test_hooks_of_several_calls_are_called_in_the_order_in_which_they_came():
    model, order = fitted(), []
    for name in "abc":
        on_event(model, lambda event, name=name: order.append((event.row, name)))
    feed(model, X, Y, 50, 200)
    assert order == [(row, name) for row in (350, 500) for name in "abc"]


def test_everything_is_in_order_when_a_hook_is_called():
    """It reads the log, predicts with the model that serves, and saves a state that goes on."""
    model, plain, saved = fitted(), fitted(), []

    def check(event):
        assert model.events_[-1] == event
        assert model.n_samples_seen_ == event.row
        assert model._serving().version == event.version
        assert model.predict(X[:3]).shape == (3,)
        saved.append(pickle.dumps(model))

    on_event(model, check)
    feed(model, X, Y, 50, 200)
    feed(plain, X, Y, 50, 200, 500)
    again = pickle.loads(saved[-1])
    assert fingerprint(without_costs(again)) == fingerprint(without_costs(plain))
    assert_same_outputs(feed(again, X, Y, 50, 500), model, X)


def without_costs(model):
    """Return what a model has learned, without the seconds that it took."""
    state = copy.deepcopy(state_of(model))
    state.log = None
    return vars(state.service) | {"n_seen": state_of(model).log.n_seen}


def test_a_hook_hears_of_a_failure_that_is_raised():
    model, heard = fitted(policy=Broken(), on_error="raise"), []
    on_event(model, {"failed": heard.append})
    with pytest.raises(MemoryError):
        feed(model, X, Y, 50, 200)
    assert [event.row for event in heard] == [350]


def test_a_hook_hears_of_what_rows_without_labels_have_led_to():
    model, heard = labelless(), []
    on_event(model, heard.append)
    model.observe(X[200:250])
    assert [event.action for event in heard] == ["labels_wanted"]


def labelless():
    detector = Rings([10], needs=("X",))  # rows without labels are counted apart
    return DriftAwareRetrainer(GaussianNB(), detector=detector).fit(X[:200], Y[:200])


def test_a_hook_hears_of_jobs_that_run_elsewhere():
    """Of their outcome, of one that is superseded, and of one that is given up."""
    model, heard = fitted([310, 360, 410]), []
    on_event(model, heard.append)
    feed(model, X, Y, 50, 200, 300)

    def prepare(start):
        batch = slice(start, start + 50)
        return model._prepare(model._examine(X[batch], Y[batch], None, {}))

    prepare(300)
    job = prepare(350)
    assert [event.action for event in heard] == ["superseded"]
    model._accept(run(job))
    prepare(400)
    model._cancel()
    assert [event.action for event in heard] == ["superseded", "retrained", "failed"]


def test_an_interrupt_in_a_hook_is_one_and_what_is_left_is_told_with_the_next_batch():
    model, heard = fitted(), []

    def interrupt(event):
        if not heard:
            raise KeyboardInterrupt

    on_event(model, interrupt)
    on_event(model, heard.append)
    with pytest.raises(KeyboardInterrupt):
        feed(model, X, Y, 50, 200, 350)
    assert (model.n_samples_seen_, heard) == (350, [])
    feed(model, X, Y, 50, 350, 400)
    assert heard == [model.events_[-1]]


# -- a hook that fails, or does much ---------------------------------------------------------------


def test_a_hook_that_raises_changes_nothing(caplog):
    """Other hooks hear as before; one warning, and each failure with its traceback in the log."""
    model, plain, heard = fitted(), fitted(), []
    on_event(model, fail)
    on_event(model, heard.append)
    with pytest.warns(SkretrainWarning, match="fail.*'retrained' of row 350.*no mail") as caught:
        feed(model, X, Y, 50, 200)
    feed(plain, X, Y, 50, 200)
    assert len(caught) == 1
    assert caught[0].filename.endswith("helpers.py")  # where partial_fit was called
    assert fingerprint(without_costs(model)) == fingerprint(without_costs(plain))
    assert [event.action for event in model.events_] == [e.action for e in plain.events_]
    assert len(heard) == 2
    failures = [record for record in caplog.records if record.name == "skretrain.hooks"]
    assert [record.levelno for record in failures] == [logging.ERROR] * 2
    assert all("no mail today" in str(record.exc_info[1]) for record in failures)


def test_the_warning_comes_when_all_hooks_have_heard():
    """A filter that makes an error of it keeps no hook from hearing."""
    model, heard = fitted(), []
    on_event(model, {"retrained": fail})
    on_event(model, heard.append)
    with pytest.raises(SkretrainWarning):  # pytest makes errors of warnings
        feed(model, X, Y, 50, 200)
    assert [event.row for event in heard] == [350]
    assert model.n_samples_seen_ == 350


def test_a_hook_may_let_the_model_learn_and_does_not_hear_of_what_it_leads_to():
    """Others do, after the event that it answered."""
    model, heard = fitted([310, 510]), []

    def learn_more(event):
        model.partial_fit(X[500:550], Y[500:550])
        model.partial_fit(X[550:], Y[550:])
        heard.append(("learner", event.row))

    on_event(model, {"retrained": learn_more})
    on_event(model, lambda event: heard.append(("other", event.row)))
    state_of(model).parts.trigger.rows = (310, 360)
    feed(model, X, Y, 50, 200, 350)
    assert heard == [("learner", 350), ("other", 350), ("other", 400)]


def test_a_hook_may_let_another_model_learn_whose_hooks_hear_of_it():
    one, other, heard = fitted([310]), fitted([210]), []
    on_event(other, heard.append)
    on_event(one, lambda event: other.partial_fit(X[200:250], Y[200:250]))
    feed(one, X, Y, 50, 200, 350)
    assert [event.row for event in heard] == [250]


@pytest.mark.no_cover
def test_a_model_that_only_its_hooks_know_is_forgotten():
    model = fitted()
    on_event(model, lambda event, model=model: model.predict(X))
    known = weakref.ref(model)
    del model
    gc.collect()
    assert known() is None


# -- whom hooks belong to --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied",
    [
        lambda model: pickle.loads(pickle.dumps(model)),
        copy.deepcopy,
        lambda model: clone(model).fit(X[:200], Y[:200]),
        lambda model: saved(model),
    ],
    ids=["pickle", "deepcopy", "clone", "checkpoint"],
)
def test_a_copy_does_not_ring(copied):
    model, heard = fitted(), []
    on_event(model, heard.append)
    feed(copied(model), X, Y, 50, 200)
    assert heard == []
    feed(model, X, Y, 50, 200)
    assert len(heard) == 2


def saved(model):
    """Return what is loaded from a checkpoint of a model, which trusts nothing but our types."""
    with TemporaryDirectory() as folder:
        save(model, Path(folder) / "model.skretrain")
        return load(Path(folder) / "model.skretrain", trusted=["helpers.Rings"])


def test_hooks_are_no_part_of_the_state():
    model, plain = fitted(), fitted()
    on_event(model, fail)
    assert len(pickle.dumps(model)) == len(pickle.dumps(plain))


def test_hooks_stay_when_the_model_is_fitted_again():
    """They do not hear of that fit, which somebody called; and a fit that fails changes nothing."""
    model, heard = fitted(), []
    attached = on_event(model, heard.append)
    model.fit(X[:200], Y[:200])
    with pytest.raises(ValueError, match="numbers of samples"):
        model.fit(X[:200], Y[:100])
    assert heard == []
    feed(model, X, Y, 50, 200, 350)
    assert [event.row for event in heard] == [350]
    attached.remove()
    feed(model, X, Y, 50, 350)
    assert len(heard) == 1


def test_hooks_that_are_removed_hear_of_nothing_more():
    """By a call, twice too, or at the end of a block; others go on, also of the same function."""
    model, heard = fitted(), []
    kept, gone = on_event(model, heard.append), on_event(model, heard.append)
    gone.remove()
    gone.remove()
    with on_event(model, heard.append):
        feed(model, X, Y, 50, 200, 350)
    assert len(heard) == 2
    feed(model, X, Y, 50, 350, 550)
    assert len(heard) == 3
    kept.remove()
    kept.remove()
    model.fit(X[:200], Y[:200])  # the log of which has no hooks at all
    kept.remove()


def test_a_hook_can_remove_one_that_has_not_heard_yet():
    model, heard = fitted(), []
    on_event(model, lambda event: attached.remove())
    attached = on_event(model, heard.append)
    feed(model, X, Y, 50, 200)
    assert heard == []


# -- mixtures --------------------------------------------------------------------------------------


def mixture(names=("one", "two"), **params):
    members = [
        (name, DriftAwareRetrainer(GaussianNB(), detector=Rings([row]), policy=FullRefit("all")))
        for name, row in zip(names, (310, 410), strict=False)
    ]
    return MixtureRetrainer(members, **params)


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.no_cover
def test_a_hook_of_a_mixture_hears_of_every_member_by_name(n_jobs):
    """In the thread of the caller, once the mixture serves what its members do."""
    model, heard = mixture(n_jobs=n_jobs).fit(X[:200], Y[:200]), []

    def check(event):
        assert threading.current_thread() is threading.main_thread()
        assert event in list(model.events_)
        assert model.n_samples_seen_ == event.row
        servings = [member._serving() for member in model.estimators_]
        assert [serving.version for serving in model._mix().servings] == [
            serving.version for serving in servings
        ]
        heard.append(event)

    n_before = len(model.events_)
    on_event(model, check)
    feed(model, X, Y, 50, 200)
    assert {event.reason.partition(":")[0] for event in heard} == {"one", "two"}
    assert heard == list(model.events_)[n_before:]


def test_hooks_of_a_mixture_stay_when_it_is_fitted_again_also_with_other_members():
    model, heard = mixture().fit(X[:200], Y[:200]), []
    attached = on_event(model, heard.append)
    model.set_params(estimators=mixture(("one", "three")).estimators).fit(X[:200], Y[:200])
    assert heard == []
    feed(model, X, Y, 50, 200)
    assert {event.reason.partition(":")[0] for event in heard} == {"one", "three"}
    attached.remove()
    assert [log.listening for log in model._event_logs().values()] == [(), ()]


def test_a_member_can_be_listened_to_alone():
    model, heard = mixture().fit(X[:200], Y[:200]), []
    on_event(model.named_estimators_["two"], {"retrained": heard.append})
    model.fit(X[:200], Y[:200])  # new members take the place of the old ones
    feed(model, X, Y, 50, 200)
    rows = [event.row for event in model.named_estimators_["two"].events_][1:]
    assert [event.row for event in heard] == rows
    assert all(not event.reason.startswith("two") for event in heard)


def test_a_mixture_tells_what_observing_has_led_to():
    model, heard = MixtureRetrainer([("a", labelless())]).fit(X[:200], Y[:200]), []
    on_event(model, heard.append)
    model.observe(X[200:250])
    assert [event.action for event in heard] == ["labels_wanted"]


# -- ledgers, and what serves a model --------------------------------------------------------------


def test_a_hook_of_a_ledger_hears_of_labels_out_of_turn():
    """When all is done and no lock is held: another thread could use the ledger meanwhile."""
    ledger, heard = PendingLabels(fitted(), max_pending=50), []

    def check(event):
        heard.append((event.action, event.n_rows, len(ledger)))
        thread = threading.Thread(target=lambda: heard.append(ledger.status([0])[0]))
        thread.start()
        thread.join(timeout=10)

    on_event(ledger, check)
    ids, _ = ledger.predict(X[:60])
    ledger.resolve(ids[10:12], Y[10:12])
    ledger.resolve(ids[10:12], [Y[10], 1 - Y[11]])
    ledger.predict(X[60:70])
    ledger.expire(older_than=5)
    assert heard[:2] == [("dropped", 10, 50), "dropped"]
    assert heard[2::2] == [
        ("repeated", 1, 48),
        ("corrected", 1, 48),
        ("dropped", 8, 50),
        ("expired", 40, 10),
    ]


def test_the_actions_of_a_ledger_are_its_own():
    ledger, heard = PendingLabels(fitted(), max_pending=5), []
    on_event(ledger, {"dropped": heard.append})
    ledger.predict(X[:8])
    assert [event.n_rows for event in heard] == [3]
    with pytest.raises(ValueError, match="'retrained' among hooks is no action.*dropped, expired"):
        on_event(ledger, {"retrained": heard.append})


def test_what_serves_a_retrainer_is_listened_to_by_it():
    model, heard = fitted(), []
    with on_event(SimpleNamespace(retrainer=model), heard.append):
        feed(model, X, Y, 50, 200)
    assert len(heard) == 2
    assert state_of(model).log.events.listening == ()


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hooks", [None, "failed", {}, {"failed": None}, [print]], ids=lambda hooks: repr(hooks)[:10]
)
def test_what_is_no_hook_is_refused(hooks):
    with pytest.raises(ValueError, match="hooks must be a callable, or a dict of actions"):
        on_event(fitted(), hooks)


class Mails:
    async def __call__(self, event):
        raise AssertionError


def test_what_somebody_would_have_to_await_is_refused():
    """It would be called, and nothing would run."""
    model = fitted()
    for hooks in (Mails(), Mails().__call__, {"failed": fail, "retrained": Mails()}):
        with pytest.raises(ValueError, match="hooks must be called without await.*threadsafe"):
            on_event(model, hooks)
    assert state_of(model).log.events.listening == ()


@pytest.mark.parametrize("action", ["alarm", "Failed", 3, None])
def test_an_action_that_there_is_not_is_refused_with_those_that_there_are(action):
    model = fitted()
    with pytest.raises(ValueError, match=rf"{action!r} among hooks is no action.*buffered, kept"):
        on_event(model, {"failed": fail, action: fail})
    assert state_of(model).log.events.listening == ()


@pytest.mark.parametrize("model", [None, GaussianNB(), Event("failed", 1, 1)], ids=repr)
def test_what_has_no_events_is_refused(model):
    with pytest.raises(
        ValueError, match="model must be a retrainer, a mixture, a fleet, or a PendingLabels"
    ):
        on_event(model, fail)


@pytest.mark.parametrize("model", [DriftAwareRetrainer(GaussianNB()), mixture()])
def test_a_model_that_has_seen_nothing_is_refused(model):
    """One that waits for the rows of its first fit has a log, and will do."""
    with pytest.raises(NotFittedError, match="no events yet. Call fit or partial_fit before"):
        on_event(model, fail)
    blank, heard = DriftAwareRetrainer(GaussianNB(), initial_size=50, update=None), []
    blank.partial_fit(X[:30], Y[:30])
    on_event(blank, {"retrained": heard.append})
    blank.partial_fit(X[30:60], Y[30:60])
    assert [event.row for event in heard] == [60]
