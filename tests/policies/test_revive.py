"""Revive: what comes back, what does not, what the pool holds, and what it costs."""

import json
import pickle

import joblib
import numpy as np
import pytest
from helpers import (
    Rings,
    WaitGate,
    assert_same_outputs,
    events,
    feed,
    fingerprint,
    outputs,
    state_of,
    stream,
)
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain._retrainer._jobs import run as run_job
from skretrain.buffers import Memory, Reservoir, Rows
from skretrain.compose import Learner
from skretrain.exceptions import RetrainFailedWarning
from skretrain.gates import BaseGate, Verdict
from skretrain.policies import (
    BasePolicy,
    Candidate,
    FullRefit,
    KeepOrRefit,
    RetrainContext,
    Revive,
    Served,
    WarmStart,
)
from skretrain.policies._revive import _are_alike, _Pooled, _with

# Concept A, its reverse B, A again, B again: each change is found with the batch that brings it.
CHANGES = (600, 1200, 1800)
ONCE = FullRefit(grow=False)


def recurring(n=2400, *, changes=CHANGES, share=0.05, seed=0):
    """Return a stream of two concepts by turns, in which a share of the labels is wrong."""
    X, y = stream(n, seed=seed)
    turned = np.searchsorted(changes, np.arange(n), side="right") % 2 == 1
    wrong = np.arange(n) % round(1 / share) == 7  # evenly, so that no verdict hangs on a seed
    return X, np.where(turned ^ wrong, 1 - y, y)


def fed(policy=None, *, base=None, data=None, rings=CHANGES, update=None, stop=None, **params):
    """Fit on 400 rows, feed the others in batches of 50, and return the model."""
    X, y = recurring() if data is None else data
    model = DriftAwareRetrainer(
        LogisticRegression() if base is None else base,
        detector=Rings(rings),
        policy=Revive(ONCE) if policy is None else policy,
        update=update,
        **params,
    ).fit(X[:400], y[:400])
    return feed(model, X, y, 50, 400, stop)


def kinds(model):
    return [(row, kind) for row, kind, action in events(model, "row", "kind", "action")
            if action == "retrained"]  # fmt: skip


def pool_of(model):
    return state_of(model).parts.policy.pool_


# -- what comes back -------------------------------------------------------------------------------


def test_a_concept_that_returns_is_served_after_one_batch_by_the_model_of_before_at_no_fit():
    """Bit for bit the first model, and the fits are those of the two concepts."""
    X, y = recurring()
    first = LogisticRegression().fit(X[:400], y[:400])
    model = fed(stop=1250)
    assert kinds(model) == [(400, "first_fit"), (650, "full_refit"), (1250, "revive")]
    assert_same_outputs(model.estimator_, first, X)
    assert model.score(X[1250:1800], y[1250:1800]) > 0.88
    assert model.events_.totals["fits"] == 2
    event = model.events_[-1]
    assert (event.n_rows_fitted, event.from_scratch) == (0, False)
    assert event.reason.startswith(
        "alarm; the model of row 0 is back: it loses 0.102 per row on 50"
    )
    assert kinds(fed())[-1] == (1850, "revive")


def test_the_event_has_the_losses_now_and_when_they_served_fit_for_json():
    model = fed(stop=1250)
    found = json.loads(json.dumps(model.events_[-1].evidence["pool"]))
    assert found["rows"] == 50
    assert found["taken"] == "0"
    assert found["losses"]["keep"]["loss"] > 0.5
    assert found["losses"]["0"]["loss"] == pytest.approx(
        found["losses"]["0"]["when_it_served"], abs=0.1
    )


@pytest.mark.parametrize(
    ("base", "is_regression"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (DecisionTreeClassifier(max_depth=4, random_state=0), False),
        (SGDClassifier(random_state=0), False),
        (Ridge(), True),
    ],
    ids=["pipeline", "tree", "no probabilities", "regressor"],
)
def test_it_works_for_pipelines_classifiers_and_regressors(base, is_regression):
    X, y = recurring()
    model = fed(base=base, data=(X, (2.0 * y - 1) * np.abs(X[:, 0])) if is_regression else None)
    assert [kind for _, kind in kinds(model)] == ["first_fit", "full_refit", "revive", "revive"]


@pytest.mark.parametrize("then", [ONCE, "full_refit", "keep_or_refit"])
@pytest.mark.no_cover
def test_where_nothing_returns_it_is_the_policy_behind_it(then):
    """Two concepts that never come back: the same bits, fits and events."""
    X, y = recurring(1800, changes=(600,))
    mine = fed(Revive(then), data=(X, y), rings=(600,))
    theirs = fed(then, data=(X, y), rings=(600,))
    assert_same_outputs(mine, theirs, X)
    assert events(mine, "row", "action", "reason") == events(theirs, "row", "action", "reason")
    assert mine.events_.totals["fits"] == theirs.events_.totals["fits"]


def test_a_model_that_is_better_than_the_serving_one_but_worse_than_it_was_stays_away():
    """A third concept is half of the first: the first model is right on three rows of four."""
    X, y = recurring()
    y[1200:] = np.where(X[1200:, 2] > 0, y[1200:], 1)
    model = fed(data=(X, y), rings=(600, 1200), stop=1250)
    assert kinds(model)[-1] == (1250, "full_refit")
    found = model.events_[-1].evidence["pool"]
    assert found["losses"]["0"]["loss"] < found["losses"]["keep"]["loss"] / 1.5
    assert "taken" not in found


def test_caution_asks_for_more_proof():
    assert kinds(fed(Revive(ONCE, caution=50), stop=1250))[-1] == (1250, "full_refit")


def test_too_few_rows_since_the_change_show_nothing():
    """Located five rows before the end of the batch, the change leaves it to the other policy."""
    model = fed(data=recurring(changes=(600, 1245)), rings=(600, 1245), stop=1250)
    assert kinds(model)[-1] == (1250, "full_refit")
    assert model.events_[-1].evidence == {}


# -- how long it stays -----------------------------------------------------------------------------


def test_a_model_that_was_brought_back_is_not_refitted_on_the_few_rows_since():
    """Growth would refit with 100 rows; it is looked at instead, whenever they have doubled."""
    model = fed(Revive("full_refit"))
    rows = [row for row, kind in kinds(model) if kind == "full_refit"]
    assert [row for row in rows if row > 1200] == []
    looked_at = [row for row, reason in events(model, "row", "reason") if "as good as" in reason]
    assert looked_at == [1300, 1400, 1600, 1900, 2000, 2200]


def test_more_rows_than_it_knew_are_for_the_policy_behind_it():
    """The first model knew 400: with 800 rows since, it is refitted."""
    X, y = recurring(2200, changes=(600, 1200))
    model = fed(Revive("full_refit"), data=(X, y), rings=(600, 1200))
    assert [entry for entry in kinds(model) if entry[0] > 1200] == [
        (1250, "revive"),
        (2000, "full_refit"),
    ]


def test_a_model_that_was_brought_back_by_mistake_gives_way_at_the_next_look():
    """The rows of the alarm are of the first concept, those after it of another."""
    X, y = recurring()
    y[1250:] = X[1250:, 2] > 0
    model = fed(Revive("full_refit"), data=(X, y), rings=(600, 1200), stop=1300)
    assert kinds(model)[-2:] == [(1250, "revive"), (1300, "full_refit")]
    assert model.events_[-1].evidence["pool"]["losses"]["1200"]["loss"] > 0.1


def test_a_policy_that_compares_asks_about_it_as_about_any_other():
    """At a quarter more rows than there were at the alarm, not than it knew."""
    model = fed(Revive(), stop=1500)
    at, reason = zip(*[e for e in events(model, "row", "reason") if e[0] > 1200], strict=True)
    assert kinds(model)[-1][0] == at[0] == 1250
    assert "is back" in reason[0]
    assert at[1] == 1300
    assert "nothing is better" in reason[1]


def test_a_gate_may_judge_it_and_turn_it_down():
    waits = fed(stop=1350, gate=WaitGate(2))
    assert kinds(waits)[-1] == (1350, "revive")
    turned_down = fed(stop=1350, gate=WaitGate(2, "reject"))
    assert kinds(turned_down) == [(400, "first_fit")]
    assert len(pool_of(turned_down)) == 1


class LearnsSomethingElse(BasePolicy):
    """From a stream row on, learn a rule that is of no concept, from the newest rows alone."""

    def __init__(self, first):
        self.first = first

    def propose(self, context):
        rows = context.batch
        if rows.index[0] < self.first:
            return Candidate.kept()
        rows = rows._replace(y=(rows.X[:, 2] > 0).astype(int))
        return Candidate(context.learner.fresh(rows, 0), "other", len(rows.index))


def test_one_that_learns_while_it_waits_keeps_its_place_and_what_it_lost():
    """It becomes like no model of the pool, and later looks at it fail nowhere."""
    update, X, y = LearnsSomethingElse(1250), *recurring()
    model = fed(Revive("full_refit"), update=update, gate=WaitGate(2), stop=1250)
    before = {one.since: one for one in pool_of(model)}
    feed(model, X, y, 50, 1250, 1350)
    assert kinds(model)[-1] == (1350, "revive")
    one = pool_of(model)[-1]
    assert not _are_alike(one.model, before[0].model, X[:200])
    assert [it.since for it in pool_of(model)] == [600, 1200]
    assert (one.loss, one.error, one.n_judged) == (before[0].loss, before[0].error, 150)
    feed(model, X, y, 50, 1350)
    assert "failed" not in [action for (action,) in events(model, "action")]


# -- what the pool holds ---------------------------------------------------------------------------


def test_the_pool_holds_the_models_as_they_came_into_service_and_a_revived_one_is_a_copy():
    """The one that serves learns 200 rows of its concept, and some of the next."""
    X, y = recurring()
    base = make_pipeline(StandardScaler(), SGDClassifier(random_state=0, loss="log_loss"))
    policy = Revive(ONCE)
    model = fed(policy, base=base, update="auto", stop=1250)
    first = clone(base).fit(X[:400], y[:400])
    assert_same_outputs(model.estimator_, first, X)
    before = [fingerprint(one.model) for one in pool_of(model)]
    feed(model, X, y, 50, 1250, 1500)
    assert np.any(
        outputs(model.estimator_, X)["predict_proba"] != outputs(first, X)["predict_proba"]
    )
    assert [fingerprint(one.model) for one in pool_of(model)] == before


def test_refits_of_one_concept_take_each_others_place():
    """Growth refits it five times: one model, that of the most rows."""
    model = fed(Revive("full_refit"), data=recurring(3200, changes=()), rings=())
    assert len(kinds(model)) == 4
    (one,) = pool_of(model)
    assert (one.since, one.n_known) == (0, 3200)
    assert one.model is model.estimator_


def test_what_updates_and_was_found_better_than_a_refit_takes_its_place_too():
    """Kept by comparison at growth, not kept at an alarm: then it may have learned the new rows."""
    X, y = recurring(1200, changes=())
    base = GaussianNB()
    model = fed(Revive(KeepOrRefit(["all"])), base=base, data=(X, y), rings=(), update="auto")
    kept = [row for row, action in events(model, "row", "action") if action == "kept"]
    assert kept
    (one,) = pool_of(model)
    assert (one.n_known, one.unseen_from) == (kept[-1], kept[-1])
    X, y = recurring(800, changes=())
    policy = Revive(KeepOrRefit(caution=50, grow=False))
    model = fed(policy, base=base, data=(X, y), rings=(600,), update="auto")
    assert model.events_[-1].action == "kept"
    assert [one.unseen_from for one in pool_of(model)] == [400]


def test_at_most_so_many_are_kept_and_the_one_that_served_longest_ago_goes():
    changes = (600, 1200, 1800)
    X, y = recurring(2400, changes=())
    for number, start in enumerate(changes):
        y[start:] = X[start:, number + 1] > 0.5
    model = fed(Revive(ONCE, pool_size=2), data=(X, y), rings=changes)
    assert [one.since for one in pool_of(model)] == [1200, 1800]
    model = fed(Revive(ONCE, pool_size=10), data=(X, y), rings=changes)
    assert [one.since for one in pool_of(model)] == [0, 600, 1200, 1800]


def test_one_that_returns_becomes_the_latest_and_stands_for_the_present_concept():
    model = fed(stop=1250)
    assert [(one.since, one.n_known) for one in pool_of(model)] == [(600, 50), (1200, 400)]


def test_what_a_model_lost_when_it_served_is_told_by_rows_that_it_had_not_learned():
    X, y = recurring()
    model = fed(stop=650)
    first = pool_of(model)[0]
    proba = LogisticRegression().fit(X[:400], y[:400]).predict_proba(X[400:600])
    shortfall = 1 - proba[np.arange(200), y[400:600]]
    assert first.loss == pytest.approx(np.mean(shortfall**2))
    assert pool_of(model)[1].loss is None


def test_a_model_in_doubt_is_held_to_what_it_lost_at_first():
    """Else one that comes back a little worse each time would be as good as ever in the end."""
    changes = (600, 1200, 1400)
    models = [fed(data=recurring(changes=changes), rings=changes, stop=n) for n in (650, 1450)]
    losses = [[one.loss for one in pool_of(model) if one.n_known == 400] for model in models]
    assert losses[0] == losses[1] != [None]


def test_one_that_served_on_too_few_rows_is_not_known_well_enough_to_return():
    changes = (600, 650, 1200)
    model = fed(data=recurring(changes=changes), rings=changes, stop=1250)
    assert [(one.since, one.loss is None) for one in pool_of(model)] == [
        (600, True), (650, False), (1200, True)
    ]  # fmt: skip
    assert kinds(model)[-1] == (1250, "full_refit")


def test_a_promotion_that_is_taken_back_leaves_the_pool_again():
    class TakesBack(BaseGate):
        watches = True

        def reset(self):
            return self

        def judge(self, trial):
            return Verdict("promote")

        def begin_watch(self):
            pass

        def watch(self, trial):
            return Verdict("reject", "it is taken back")

    model = fed(Revive(ONCE), rings=(600,), data=recurring(changes=()), gate=TakesBack(), stop=650)
    assert [one.since for one in pool_of(model)] == [0, 600]
    X, y = recurring(changes=())
    feed(model, X, y, 50, 650, 700)
    assert model.events_[-1].action == "rolled_back"
    (one,) = pool_of(model)
    assert one.model is model.estimator_


def test_fit_forgets_the_pool_and_constructor_arguments_are_never_touched():
    policy = Revive(WarmStart())
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=Rings([600]), policy=policy)
    before = joblib.hash(model.get_params())
    X, y = recurring()
    feed(model.fit(X[:400], y[:400]), X, y, 50, 400, 800)
    assert len(pool_of(model)) == 2
    assert joblib.hash(model.get_params()) == before
    assert not hasattr(policy, "pool_")
    assert len(pool_of(model.fit(X[:400], y[:400]))) == 1


def served(model, *, since=0, n_known=100, n_since=100, kind="full_refit", X=None, y=None):
    """Return what a policy is told of a model, with a memory of 200 rows."""
    X, y = stream(200, seed=9) if X is None else (X, y)
    memory = Memory.of(Rows(X, y, {}, np.arange(len(y))))
    learner = Learner(LogisticRegression())
    return Served(model, kind, since, n_known, n_since, 0, True, memory, learner)


def few_rows():
    """Return fewer rows than tell what a model loses."""
    X, y = stream(5)
    return Rows(X, y, {}, np.arange(195, 200))


def test_of_two_models_of_one_concept_the_one_of_more_rows_stays():
    X, y = stream(600)
    many, few = (LogisticRegression().fit(X[:n], y[:n]) for n in (600, 300))
    (one,) = _with((_Pooled(many, 0, 600, 0, 0.1, 0.01),), served(few, since=150, n_known=300))
    assert (one.model, one.since, one.n_known) == (many, 150, 600)
    (one,) = _with((_Pooled(few, 0, 300, 0, 0.1, 0.01),), served(many, since=150, n_known=600))
    assert (one.model, one.since, one.n_known) == (many, 150, 600)
    assert one.loss is not None  # what is known of the one before goes on
    pool = (_Pooled(few, 0, 300, 0, 0.1, 0.01), _Pooled(few, 50, 300, 0, 0.2, 0.01))
    (one,) = _with(pool, served(many, since=150, n_known=600))
    assert (one.model, one.loss) == (many, 0.1)


def test_one_that_serves_again_has_the_loss_of_the_model_it_was_not_of_one_like_it():
    """It is a copy of the second, has learned since, and answers as the first does."""
    X, y = stream(600)
    first, second = LogisticRegression().fit(X, y), LogisticRegression().fit(X, X[:, 2] > 0)
    pool = (_Pooled(first, 0, 300, 0, 0.1, 0.01), _Pooled(second, 40, 300, 0, 0.2, 0.02))
    told = served(first, since=150, n_known=300, kind="revive")
    told = told._replace(evidence={"pool": {"taken": "40"}})
    (one,) = _with((*pool, _Pooled(Unreadable().fit(X, y), 150, 9, 0)), told)
    assert (one.since, one.loss, one.error, one.n_judged) == (150, 0.2, 0.02, 100)


@pytest.mark.parametrize("evidence", [None, {}, {"pool": {}}, {"pool": {"taken": "7"}}])
def test_a_model_whose_loss_is_not_known_is_never_in_doubt(evidence):
    """There is nothing to hold it to: neither when it is brought back, nor when it is kept."""
    X, y = stream(600)
    one, other = LogisticRegression().fit(X, y), LogisticRegression().fit(X, X[:, 2] > 0)
    told = served(other, since=150, n_known=300, kind="revive")._replace(evidence=evidence)
    pool = _with((_Pooled(one, 0, 300, 0, 0.1, 0.01),), told)
    assert [(it.since, it.loss, it.n_judged) for it in pool][1] == (150, None, 0)
    kept = told._replace(kind="keep", n_since=120, alarm=False, memory=Memory.of(few_rows()))
    assert _with(pool, kept)[-1].n_judged == 0


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_rare_classes_make_no_two_concepts_alike(share):
    """Models that agree on nearly all rows, because nearly all are of one class, are two."""
    X, _ = stream(2000)
    cut = np.quantile(X[:, 0], 1 - share)
    models = [LogisticRegression(C=100).fit(X, X[:, column] > cut) for column in (0, 1)]
    again = LogisticRegression(C=100).fit(X[:1500], X[:1500, 0] > cut)
    assert not _are_alike(*models, X)
    assert _are_alike(models[0], again, X)


def test_regressors_are_alike_in_any_unit():
    X, _ = stream(400)
    for unit in (1e-4, 1e4):
        one, same, other = (
            LinearRegression().fit(X, unit * y) for y in (X[:, 0], 1.01 * X[:, 0], X[:, 1])
        )
        assert _are_alike(one, same, X)
        assert not _are_alike(one, other, X)


class Unreadable(LogisticRegression):
    """Fails at every prediction."""

    def predict(self, X):
        raise ValueError("it cannot read this")

    predict_proba = predict


def test_a_model_that_fails_is_like_no_other_and_its_loss_is_not_known():
    X, y = stream(200)
    good, bad = LogisticRegression().fit(X, y), Unreadable().fit(X, y)
    assert not _are_alike(good, bad, X)
    first, second = _with((_Pooled(bad, 0, 100, 0),), served(good, since=100))
    assert (first.model, first.loss, second.model) == (bad, None, good)


# -- which models are asked ------------------------------------------------------------------------


def asked(pool, *, base=None, classes=None, alarm=True, y=None, since=200, params=None, **details):
    """Return what is proposed on 100 rows since a change, with a given pool."""
    X, truth = stream(300)
    y = truth if y is None else y
    learner = Learner(LogisticRegression() if base is None else base)
    champion = learner.fresh(Rows(X[:200], 1 - truth[:200], {}, np.arange(200)), 0)
    rows = Rows(X, y, params or {}, np.arange(300))
    details = {"alarm": alarm, "classes": classes, "since": since, **details}
    context = RetrainContext.of(learner, champion, rows, n_new=100, **details)
    policy = Revive(ONCE)
    policy.check(learner)
    policy.pool_ = tuple(one(champion) if callable(one) else one for one in pool)
    return policy.propose(context)


def right(**changes):
    """Return the entry of a model that is right on all rows."""
    X, y = stream(300)
    return _Pooled(LogisticRegression().fit(X, y), 0, 500, 0, 0.1, 0.01)._replace(**changes)


def test_a_model_that_is_right_is_asked_and_proposed_as_a_copy():
    one = right()
    candidate = asked([one])
    assert (candidate.kind, candidate.n_known, candidate.n_rows) == ("revive", 500, 0)
    assert candidate.model is not one.model
    assert_same_outputs(candidate.model, one.model, stream(300)[0])


@pytest.mark.parametrize(
    "one",
    [
        right(loss=None, error=None),
        right(unseen_from=250),
        lambda champion: right(model=champion),
    ],
    ids=["never measured", "learned some of the rows", "serves"],
)
def test_some_models_are_not_asked(one):
    candidate = asked([one])
    assert candidate.kind == "full_refit"
    assert set(candidate.evidence["pool"]["losses"]) == {"keep"}


def test_a_model_that_lacks_a_class_of_the_rows_does_not_come_back():
    y = stream(300)[1].copy()
    y[290:] = 2
    candidate = asked([right()], classes=np.arange(3), y=y)
    assert candidate.kind == "full_refit"
    assert candidate.evidence["pool"]["losses"] == {}  # neither does the serving one know it
    unread = right(model=Unreadable().fit(*stream(300)), since=200, n_judged=50)
    assert asked([unread], alarm=False).kind == "full_refit"
    confirmed = asked([right(since=200, n_judged=50)], classes=np.arange(3), y=y, alarm=False)
    assert confirmed.kind == "full_refit"


def test_a_model_that_cannot_read_the_rows_is_skipped_and_named():
    bad = right(model=Unreadable().fit(*stream(300)), since=7)
    candidate = asked([bad, right()])
    assert candidate.kind == "revive"
    assert candidate.evidence["pool"]["failed"] == {"7": "ValueError('it cannot read this')"}


def test_rows_of_weight_zero_are_no_evidence():
    """Half of the rows since the change are turned round: the model is right on the others."""
    y = stream(300)[1]
    weight = np.ones(300)
    weight[200:250] = 0
    y = np.where(weight == 0, 1 - y, y)
    assert asked([right()], y=y).kind == "full_refit"
    assert asked([right()], y=y, params={"sample_weight": weight}).kind == "revive"


def test_only_an_alarm_brings_a_model_back():
    assert asked([right()], alarm=False).kind == "full_refit"
    assert asked([], alarm=True).evidence is None


def test_without_targets_the_policy_behind_it_answers_all():
    X, _ = recurring()
    forest = IsolationForest(n_estimators=5, random_state=0)
    model = DriftAwareRetrainer(forest, detector=Rings([600]), policy=Revive(ONCE)).fit(X[:400])
    for start in range(400, 800, 50):
        model.partial_fit(X[start : start + 50])
    assert [kind for _, kind in kinds(model)] == ["first_fit", "full_refit"]
    assert pool_of(model) == ()


def test_a_policy_made_by_hand_checks_itself():
    X, y = stream(300)
    learner = Learner(LogisticRegression())
    rows = Rows(X, y, {}, np.arange(300))
    context = RetrainContext.of(learner, learner.fresh(rows, 0), rows, n_new=100, alarm=True)
    assert Revive(ONCE).propose(context).kind == "full_refit"
    with pytest.raises(ValueError, match=r"Revive\(then='no'\): then must be one of"):
        Revive("no").propose(context)


# -- in a retrainer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "then", ["full_refit", "keep_or_refit", "warm_start", FullRefit(grow=False)]
)
def test_what_it_is_follows_the_policy_behind_it(then):
    """Known before it is checked with a base, as of any policy."""
    learner = Learner(SGDClassifier())
    policy = Revive(then)
    at_first = (policy.compares, policy.continues)
    policy.check(learner)
    behind = policy.then_
    assert (policy.compares, policy.continues) == (behind.compares, behind.continues) == at_first
    for n_since in (100, 130, 250, 900):
        assert policy.is_due(n_since, 100, 800) == behind.is_due(n_since, 100, 800)


def test_asked_what_it_is_it_refuses_what_is_no_policy():
    with pytest.raises(ValueError, match=r"Revive\(then='no'\): then must be one of"):
        Revive("no").compares  # noqa: B018 - to ask is the test


def test_a_pool_behind_a_pool_is_refused_with_the_way_out():
    model = DriftAwareRetrainer(LogisticRegression(), policy=Revive(Revive("full_refit")))
    with pytest.raises(ValueError, match=r"Revive\(then=Revive\(.*Set then to .*'full_refit'"):
        model.fit(*stream(100))


def test_as_an_update_it_is_refused_with_the_way_out():
    model = DriftAwareRetrainer(LogisticRegression(), update=Revive())
    with pytest.raises(ValueError, match=r"update=Revive\(\).*no alarm reaches.*Pass it as policy"):
        model.fit(*stream(100))


def test_a_parameter_of_the_policy_behind_it_can_be_set_from_outside():
    model = DriftAwareRetrainer(LogisticRegression(), policy=Revive(FullRefit()))
    model.set_params(policy__then__min_rows=0)
    with pytest.raises(ValueError, match=r"FullRefit\(min_rows=0\)"):
        model.fit(*stream(100))


@pytest.mark.parametrize("stop", [700, 1250])
def test_pickled_at_any_row_it_goes_on_the_same_way(stop):
    X, y = recurring()
    model = fed(Revive("full_refit"), stop=stop)
    copied = pickle.loads(pickle.dumps(model))
    one, other = (feed(m, X, y, 50, stop) for m in (model, copied))
    assert kinds(one) == kinds(other)
    assert_same_outputs(one, other, X)


def test_a_job_carries_the_pool_and_running_it_changes_nothing():
    model = fed(stop=1200)
    X, y = recurring()
    batch = slice(1200, 1250)
    job = model._prepare(model._examine(X[batch], y[batch], None, {}))
    before = fingerprint(job.policy.pool_[0].model)
    outcome = run_job(pickle.loads(pickle.dumps(job)))
    assert fingerprint(job.policy.pool_[0].model) == before
    model._accept(outcome)
    assert kinds(model)[-1] == (1250, "revive")


def test_in_a_dry_run_it_suggests_and_the_pool_holds_the_first_model():
    model = fed(Revive(), dry_run=True)
    assert model.n_refits_ == 0
    assert len(pool_of(model)) == 1


def test_it_works_from_a_sample_of_the_rows():
    model = fed(buffer=Reservoir(max_rows=1000, random_state=0), stop=1250)
    assert kinds(model)[-1] == (1250, "revive")


# -- the turn of a policy after a retrain ----------------------------------------------------------


class Notes(BasePolicy):
    """Note what it is told; refit on all rows, or keep."""

    def __init__(self, keeps=False, fails=False):
        self.keeps = keeps
        self.fails = fails

    def propose(self, context):
        return Candidate.kept() if self.keeps else FullRefit("all").propose(context)

    def after_retrain(self, served):
        if self.fails:
            raise RuntimeError("it cannot take notes")
        self.told_ = [*getattr(self, "told_", []), served]


def test_policy_and_update_are_told_of_every_retrain_before_the_model_learns_on():
    X, y = stream(400)
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([250]), policy=Notes(), update=Notes(True)
    )
    feed(model.fit(X[:200], y[:200]), X, y, 50, 200)
    parts = state_of(model).parts
    for policy in (parts.policy, parts.update):
        first, second = policy.told_
        assert (first.kind, first.since, first.n_known, first.alarm) == ("first_fit", 0, 200, False)
        assert (second.kind, second.since, second.n_known) == ("full_refit", 250, 50)
        assert (second.n_since, second.unseen_from, second.alarm) == (50, 300, True)
        assert second.model is model.estimator_
        assert (first.evidence, second.evidence) == (None, None)


@pytest.mark.parametrize("keeps", [False, True])
def test_a_policy_is_told_its_numbers_also_where_the_gate_took_its_time(keeps):
    class Counts(Notes):
        def propose(self, context):
            return super().propose(context)._replace(evidence={"rows": len(context.memory)})

    X, y = stream(400)
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([250]), policy=Counts(keeps), gate=WaitGate(2), update=None
    )
    feed(model.fit(X[:200], y[:200]), X, y, 50, 200)
    assert [told.evidence for told in state_of(model).parts.policy.told_] == [None, {"rows": 250}]


def test_a_policy_is_told_that_the_model_was_kept():
    X, y = stream(400)
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([250]), policy=Notes(True), update=None
    )
    feed(model.fit(X[:200], y[:200]), X, y, 50, 200)
    kept = state_of(model).parts.policy.told_[-1]
    assert (kept.kind, kept.alarm, kept.model is model.estimator_) == ("keep", True, True)
    assert kept.unseen_from == 200


def test_a_policy_that_fails_to_take_note_is_reported_and_stops_nothing():
    X, y = stream(200)
    model = DriftAwareRetrainer(GaussianNB(), detector=None, policy=Notes(fails=True), update=None)
    with pytest.warns(RetrainFailedWarning, match="the policy failed.*it cannot take notes"):
        model.fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.events_[-1].action == "failed"
