"""Tournament: who wins on streams where the answer is known, and what the comparison costs."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from helpers import PoisonedNB, Rings, assert_same_outputs, events, feed, fingerprint, stream
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import DBSCAN
from sklearn.covariance import EllipticEnvelope
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Memory, Reservoir, Rows, SlidingWindow
from skretrain.buffers._base import part_of
from skretrain.compose import Learner
from skretrain.policies import FullRefit, RetrainContext, Tournament, WarmStart

WINDOWS = ("since_drift", 1000, "all")


def noisy(n, *, drift=None, seed=0, share=0.1):
    """Return a stream in which a share of the labels is turned round."""
    X, y = stream(n, drift=drift, seed=seed)
    rng = np.random.default_rng(seed)
    return X, np.where(rng.random(n) < share, 1 - y, y)


def run(policy, X, y, *, base=None, at=1000, since="row", size=150, first=500, update=None, **kw):
    """Fit on the first rows, ring at row `at`, and return the model after that batch."""
    model = DriftAwareRetrainer(
        LogisticRegression() if base is None else base,
        detector=Rings([at], since=since),
        policy=policy,
        update=update,
        **kw,
    ).fit(X[:first], y[:first])
    return feed(model, X, y, size, first, first + ((at - first) // size + 1) * size)


def alarm_of(model):
    (event,) = [event for event in model.events_ if event.reason.startswith("alarm")]
    return event


def winner(model):
    return alarm_of(model).reason.removeprefix("alarm; ").split(" won")[0]


def winners(policy, *, n_seeds=12, drift=None, **params):
    """Count who wins over seeds."""
    runs = (run(policy, *noisy(2500, drift=drift, seed=s), **params) for s in range(n_seeds))
    return Counter(winner(model) for model in runs)


def fields(X, y, *, since, batch, params=None, base=None, classes=None, alarm=True, **more):
    """Return a context whose memory holds all rows, the last `batch` of them new."""
    params = params or {}
    learner = Learner(LogisticRegression() if base is None else base)
    rows = Rows(X, y, params, np.arange(len(X)))
    champion = learner.fresh(part_of(rows._replace(params={}), slice(200)), 0)
    details = {"alarm": alarm, "classes": classes, "number": 1, **more}
    return RetrainContext.of(learner, champion, rows, n_new=batch, since=since, **details)


# -- who wins --------------------------------------------------------------------------------------


@pytest.mark.parametrize("halving", [True, False])
@pytest.mark.parametrize("base", [LogisticRegression(), DecisionTreeClassifier(max_depth=4)])
def test_after_an_abrupt_drift_the_rows_since_it_win(base, halving):
    """The concept is turned round: in 11 of 12 streams at least, told by 50 held-out rows."""
    policy = Tournament(WINDOWS, halving=halving, grow=False)
    found = winners(policy, drift=1000, base=base, random_state=0)
    assert found["since_drift"] >= 11


@pytest.mark.parametrize("halving", [True, False])
def test_after_a_false_alarm_all_rows_win(halving):
    """Most of the time; luck in 50 held-out rows may speak for one of the others."""
    found = winners(Tournament(WINDOWS, halving=halving, grow=False))
    assert found["all"] >= 9


def test_a_window_between_the_two_wins_where_it_fits_the_change():
    """The change at row 1,500 is located at row 2,000; the last 500 rows show the new concept."""
    X, y = noisy(2400, drift=1500)
    model = run(Tournament(["all", 700], grow=False), X, y, at=2000, size=200)
    assert winner(model) == "700"


def test_a_model_that_nothing_beats_is_kept():
    """The champion was fitted on clean labels; those in memory have become noise."""
    X, y = stream(1500)
    y[500:1050] = np.random.default_rng(0).integers(0, 2, 550)
    before = LogisticRegression().fit(X[:500], y[:500])
    model = run(
        Tournament(["since_drift", 300, "keep"], grow=False),
        X,
        y,
        at=1000,
        buffer=SlidingWindow(650),
    )
    event = alarm_of(model)
    assert (winner(model), event.kind, event.n_rows_fitted) == ("keep", "keep", 0)
    assert (event.action, model.n_refits_) == ("kept", 0)
    assert_same_outputs(model, before, X)


def test_what_has_learned_along_wins_against_few_rows():
    """A warm start of naive Bayes has the statistics of all rows; a window of 30 has not."""
    X, y = noisy(2000, share=0.2)
    base = GaussianNB()
    model = run(Tournament([30, "warm_start"], min_rows=30), X, y, base=base, update="warm_start")
    assert winner(model) == "warm_start"
    assert alarm_of(model).kind == "warm_start"
    oracle = GaussianNB().fit(X[:500], y[:500])
    for rows in (slice(500, 650), slice(650, 800), slice(800, 950), slice(1000, 1100)):
        oracle.partial_fit(X[rows], y[rows])
    np.testing.assert_allclose(model.predict_proba(X), oracle.predict_proba(X))


def test_on_noise_it_is_not_worse_than_any_of_its_candidates():
    """Nothing can be learned: every policy is right half of the time, this one, too."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 3)), rng.integers(0, 2, 3000)
    right = []
    for policy in (Tournament(grow=False), FullRefit(grow=False), FullRefit("all", grow=False)):
        model = DriftAwareRetrainer(
            LogisticRegression(), detector=Rings(range(300, 3000, 300)), policy=policy, update=None
        ).fit(X[:200], y[:200])
        hits = 0
        for first in range(200, 3000, 100):
            rows = slice(first, first + 100)
            hits += (model.predict(X[rows]) == y[rows]).sum()
            model.partial_fit(X[rows], y[rows])
        right.append(hits / 2800)
    assert min(right) > 0.47
    assert max(right) < 0.53
    assert right[0] > max(right[1:]) - 0.03


def test_the_winner_is_fitted_on_everything():
    """Also on the rows held out; the comparison leaves no trace in the model."""
    X, y = noisy(1150, drift=1000)
    model = run(Tournament(WINDOWS), X, y)
    assert_same_outputs(model, LogisticRegression().fit(X[1000:1100], y[1000:1100]), X)
    assert alarm_of(model).n_rows_fitted == 100
    assert alarm_of(model).kind == "full_refit"


def test_the_event_tells_how_it_went():
    X, y = noisy(1150, drift=1000)
    expected = r"alarm; since_drift won: [\d.]+ per row on 50 held-out rows, 1000 [\d.]+$"
    reason = alarm_of(run(Tournament(["since_drift", 1000]), X, y)).reason
    assert re.match(expected, reason), reason


# -- what it may look at ---------------------------------------------------------------------------


class Sees(ClassifierMixin, BaseEstimator):
    """Predict the first class, and note the rows of every fit and prediction by their number."""

    fitted, judged = [], []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Sees.fitted.append(X[:, 0].astype(int))
        return self

    def predict(self, X):
        Sees.judged.append(X[:, 0].astype(int))
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def seen():
    Sees.fitted, Sees.judged = [], []
    return Sees


def numbered(n):
    return np.arange(float(n)).reshape(-1, 1), np.arange(n) % 2


def test_no_candidate_is_judged_on_rows_that_it_has_seen(seen):
    """Trap 34: the newest half of the batch is held out, from memory and top-up as well."""
    X, y = numbered(1000)
    context = fields(X, y, since=600, batch=200, base=Sees(), classes=np.array([0, 1]))
    seen.fitted.clear()
    Tournament(["since_drift", "all"], halving=False).propose(context)
    *compared, final = seen.fitted
    starts = [600, 600, 0]
    assert [(rows[0], rows[-1]) for rows in compared] == [
        (s, 899) for s in sorted(set(starts))[::-1]
    ]
    assert all((rows == np.arange(900, 1000)).all() for rows in seen.judged)
    assert final[-1] == 999


def test_each_round_doubles_the_rows_until_the_budget_is_spent(seen):
    """Each round has the rows of the one before; a window that is used up is not fitted again."""
    X, y = numbered(3000)
    context = fields(X, y, since=1700, batch=200, base=Sees())
    seen.fitted.clear()
    candidate = Tournament(["since_drift", "all"], min_rows=100).propose(context)
    *compared, final = seen.fitted
    assert [len(rows) for rows in compared] == [m for m in (100, 200, 400, 800) for _ in "ab"] + [
        1200,
        1600,
    ]
    assert candidate.n_rows_compared == 5800  # 2 x 2,900, and the next round would exceed it
    assert set(compared[0]) < set(compared[2]) < set(compared[4])
    assert len(final) == candidate.n_rows == 3000


def test_a_used_up_window_waits_for_the_others(seen):
    X, y = numbered(3000)
    context = fields(X, y, since=2600, batch=200, base=Sees())
    seen.fitted.clear()
    Tournament([2000, "all"], min_rows=1700).propose(context)
    assert [len(rows) for rows in seen.fitted[:-1]] == [1700, 1700]
    seen.fitted.clear()
    Tournament([1000, 1200, "all"], min_rows=600).propose(context)
    assert [len(rows) for rows in seen.fitted[:-1]] == [600, 600, 600, 1000, 1200, 1200]


def test_the_rows_of_comparison_are_bounded_and_counted():
    """At most twice those of the winning window, or the first round; far fewer than in full."""
    for seed, drift in [(0, 1000), (1, 1000), (2, None), (3, None)]:
        X, y = noisy(1600, drift=drift, seed=seed)
        policy = Tournament(WINDOWS, grow=False)
        spent = []
        for halving in (True, False):
            model = run(policy.set_params(halving=halving), X, y, size=400)
            fitted = alarm_of(model).n_rows_fitted
            spent.append(model.events_.totals["rows_fitted"] - 500 - fitted)
            if halving:
                assert 0 < spent[0] <= max(2 * fitted, 3 * 50)
        assert spent[0] < spent[1]


def test_with_small_batches_only_windows_compete(seen):
    """A model that may have learned the rows cannot be judged on them."""
    X, y = numbered(1000)
    context = fields(X, y, since=880, batch=30, base=Sees())
    seen.fitted.clear()
    policy = Tournament(["keep", "since_drift", "all"], halving=False)
    policy.propose(context)
    assert [len(rows) for rows in seen.fitted[:-1]] == [60, 940]
    assert {tuple(rows) for rows in seen.judged} == {tuple(range(940, 1000))}
    only_keep = Tournament(["keep", "since_drift"], halving=False).propose(context)
    assert (only_keep.kind, only_keep.n_rows_compared) == ("full_refit", 0)
    assert Tournament(["keep", "warm_start"]).propose(context).kind == "keep"


def test_at_most_200_rows_are_held_out(seen):
    X, y = numbered(1500)
    context = fields(X, y, since=0, batch=1000, base=Sees())
    Tournament(WINDOWS).propose(context)
    assert {tuple(rows) for rows in seen.judged} == {tuple(range(1300, 1500))}


def test_a_short_window_is_filled_up_only_if_the_winner_would_be(seen):
    """Of 60 rows since the change 30 are held out; the other 30 are of the new concept alone."""
    X, y = numbered(1000)
    context = fields(X, y, since=940, batch=120, base=Sees())
    seen.fitted.clear()
    Tournament(["since_drift", "all"], halving=False).propose(context)
    np.testing.assert_array_equal(seen.fitted[0], np.arange(940, 970))
    context = fields(X, y, since=960, batch=120, base=Sees())
    seen.fitted.clear()
    Tournament(["since_drift", "all"], halving=False).propose(context)
    np.testing.assert_array_equal(seen.fitted[0], np.arange(950, 980))


def test_with_too_few_rows_the_first_candidate_is_taken():
    X, y = noisy(1150, drift=1000)
    model = run(Tournament(["all", "since_drift", "keep"]), X, y, size=30)
    event = alarm_of(model)
    assert (event.reason, event.n_rows_fitted) == ("alarm", 1010)


def test_a_window_that_is_used_up_is_not_fitted_again(seen):
    X, y = numbered(3000)
    context = fields(X, y, since=1700, batch=200, base=Sees())
    seen.fitted.clear()
    Tournament([200, "all"], min_rows=100).propose(context)
    lengths = [len(rows) for rows in seen.fitted[:-1]]
    assert lengths == [100, 100, 200, 200, 400, 800, 1600]


@pytest.mark.parametrize(("alarm", "n_rows"), [(True, 350), (False, 50)])
def test_a_warm_start_is_judged_by_what_it_would_learn(alarm, n_rows):
    """The rows since the change after an alarm, else the new ones; without those held out."""
    X, y = noisy(1000)
    sgd = SGDClassifier(random_state=0)
    context = fields(X, y, since=600, batch=100, base=sgd, alarm=alarm)
    policy = Tournament(["warm_start", "keep"], halving=False)
    assert policy.propose(context).n_rows_compared == n_rows


@pytest.mark.parametrize(("worse", "won"), [(0.01, "all"), (0.03, "since_drift")])
def test_a_difference_of_two_percent_is_none(worse, won):
    """However certain it is: here, every row says the same."""

    class Off(DummyRegressor):
        def fit(self, X, y):
            self.off = 1 + worse * (len(X) > 500)
            return super().fit(X, y)

        def predict(self, X):
            return super().predict(X) + self.off

    X = np.zeros((1150, 1))
    context = fields(X, np.ones(1150), since=1000, batch=150, base=Off())
    policy = Tournament(["since_drift", "all"], halving=False)
    assert policy.propose(context).note.startswith(f"{won} won")


@pytest.mark.parametrize("name", ["since_drift", "all"])
def test_windows_with_the_same_rows_enter_once(seen, name):
    X, y = numbered(400)
    context = fields(X, y, since=0, batch=100, base=Sees())
    seen.fitted.clear()
    Tournament([name, 5000, "keep"], halving=False).propose(context)
    assert [len(rows) for rows in seen.fitted] == [350, 400]


def test_a_window_that_is_held_out_whole_does_not_compete(seen):
    X, y = numbered(400)
    context = fields(X, y, since=0, batch=200, base=Sees())
    seen.fitted.clear()
    Tournament([40, "all"], min_rows=10, halving=False).propose(context)
    assert [rows[0] for rows in seen.fitted] == [260, 0, 0]


# -- with everything else --------------------------------------------------------------------------


def test_it_grows_as_a_full_refit_does():
    X, y = noisy(1700)
    rows = []
    for policy in (Tournament(["since_drift", "all"]), FullRefit()):
        model = DriftAwareRetrainer(GaussianNB(), detector=None, policy=policy, update=None)
        feed(model.fit(X[:100], y[:100]), X, y, 100, 100)
        rows.append(events(model, "row", "n_rows_fitted"))
    assert rows[0] == rows[1]
    still = DriftAwareRetrainer(
        GaussianNB(), detector=None, policy=Tournament(grow=False), update=None
    )
    assert feed(still.fit(X[:100], y[:100]), X, y, 100, 100).n_refits_ == 0


def test_as_update_it_compares_on_every_batch():
    X, y = noisy(1500, drift=800)
    model = DriftAwareRetrainer(LogisticRegression(), detector=None, update="tournament")
    feed(model.fit(X[:200], y[:200]), X, y, 100, 200)
    assert model.events_.counts["updated"] + model.events_.counts["kept"] == 13
    assert model.events_.counts["kept"] == events(model, "kind").count(("keep",))
    assert model.events_.totals["fits"] > 13
    shadow = Tournament([100, "keep"], min_rows=10)
    short = DriftAwareRetrainer(LogisticRegression(), detector=None, update=shadow)
    feed(short.fit(X[:200], y[:200]), X, y, 100, 200, 1000)
    assert (short.predict(X[1000:]) == y[1000:]).mean() > 0.8


def test_the_alias_is_the_default_object_and_the_champion_stays_as_it_was():
    X, y = noisy(1150, drift=1000)
    named, typed = run("tournament", X, y), run(Tournament(), X, y)
    assert fingerprint(named.estimator_) == fingerprint(typed.estimator_)
    context = fields(X, y, since=1000, batch=150, base=SGDClassifier(random_state=0))
    before = fingerprint(context.champion)
    Tournament().propose(context)
    assert fingerprint(context.champion) == before


@pytest.mark.parametrize(
    "base",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
        LinearSVC(),
        DecisionTreeClassifier(random_state=0),
    ],
)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_bases_and_containers(base, container):
    """Without probabilities the 0/1 error is compared; trees and SVMs have no warm start."""
    if sparse.issparse(container(np.eye(2))) and "standardscaler" in base.get_params():
        base = base.set_params(standardscaler__with_mean=False)
    X, y = noisy(1150, drift=1000)
    model = run(Tournament(grow=False), container(X), y, base=base)
    assert winner(model) in ("since_drift", "warm_start")


@pytest.mark.parametrize("drift", [1000, None])
def test_regression(drift):
    """In 7 of 8 streams at least."""
    won = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1200, 3))
        y = X[:, 0] + 0.3 * rng.normal(size=1200)
        if drift:
            y[drift:] += 3 * X[drift:, 1]
        won.append(winner(run(Tournament(WINDOWS, grow=False), X, y, base=LinearRegression())))
    assert won.count("since_drift" if drift else "all") >= 7


def test_several_outputs():
    X, y = noisy(1150, drift=1000)
    base = DecisionTreeClassifier(max_depth=3, random_state=0)
    model = run(Tournament(WINDOWS), X, np.column_stack([y, y]), base=base)
    assert winner(model) == "since_drift"


def test_outlier_detectors_are_compared_by_novelty():
    """The inliers have moved: to a model of the old place all new rows are unusual."""
    X = np.random.default_rng(0).normal(size=(1150, 2))
    X[1000:] += 6
    for base in (
        EllipticEnvelope(random_state=0),
        IsolationForest(n_estimators=20, random_state=0),
    ):
        model = DriftAwareRetrainer(
            base, detector=Rings([1000]), policy=Tournament(WINDOWS), update=None
        ).fit(X[:500])
        for first in range(500, 1100, 150):
            model.partial_fit(X[first : first + 150])
        assert winner(model) == "since_drift"


def test_a_base_without_any_score_gets_the_first_candidate():
    X = np.random.default_rng(0).normal(size=(400, 2))
    context = fields(X, None, since=100, batch=200, base=DBSCAN())
    candidate = Tournament(WINDOWS).propose(context)
    assert candidate.note == "the candidates could not be compared"
    assert candidate.n_rows == 300


def test_missing_classes_are_topped_up_from_before_the_held_out_rows():
    """Trap 29: one class since the change."""
    X, y = noisy(1150)
    y[1000:] = 1
    model = run(Tournament(WINDOWS), X, y)
    assert re.search("since_drift.*held-out", alarm_of(model).reason)
    assert model.classes_.tolist() == [0, 1]


def test_a_warm_start_of_a_linear_model_is_topped_up_too():
    """It refuses to go on without a class that it knows."""
    X, y = noisy(1150)
    y[1000:] = 1
    context = fields(X, y, since=1000, batch=150, classes=np.array([0, 1]))
    policy = Tournament(["warm_start", "keep"], halving=False)
    assert policy.propose(context).n_rows_compared > 75


def test_rows_of_weight_zero_do_not_judge():
    """Held-out rows of a wrong concept have no say; if hardly any has, nobody is compared."""
    X, y = noisy(1200, drift=1000)
    weight = np.ones(1200)
    y[1150:1180] = 1 - y[1150:1180]
    weight[1150:1180] = 0
    params = {"sample_weight": weight}
    context = fields(X, y, since=1000, batch=200, params=params, classes=np.array([0, 1]))
    note = Tournament(WINDOWS).propose(context).note
    assert note.startswith("since_drift won")
    assert "on 70 held-out rows" in note
    weight[1110:] = 0
    context = fields(X, y, since=1000, batch=200, params=params, classes=np.array([0, 1]))
    candidate = Tournament(WINDOWS).propose(context)
    assert candidate.note == "the candidates could not be compared"


def test_a_candidate_whose_fit_fails_drops_out():
    """Poison in old rows: only the window of new ones can be fitted."""
    X, y = noisy(1150)
    context = fields(X, y, since=1000, batch=150, base=PoisonedNB())
    old = X.copy()
    old[300:310, 0] = 1e3
    context = replace(context, memory=Memory(SlidingWindow().add(old[:1000], y[:1000], {}, 0)))
    candidate = Tournament(["all", "since_drift"], halving=False).propose(context)
    assert candidate.note.startswith("since_drift won")
    context = replace(context, batch=context.batch._replace(X=np.full((150, X.shape[1]), 1e3)))
    with pytest.raises(RuntimeError, match="poison for fit"):
        Tournament(["all", "since_drift"]).propose(context)


def test_a_warm_start_that_is_impossible_drops_out():
    """The trees of a forest have no room for a class that it does not know."""
    X, y = noisy(1150)
    y[1010:][::3] = 7
    for base in (RandomForestClassifier(10, random_state=0), DecisionTreeClassifier()):
        context = fields(X, y, since=1000, batch=150, base=base, classes=np.unique(y))
        candidate = Tournament().propose(context)
        assert "warm_start" not in candidate.note
        assert 7 in candidate.model.classes_
    context = fields(X, y, since=1000, batch=150, base=RandomForestClassifier(10))
    policy = Tournament(["since_drift", "warm_start"], halving=False)
    assert policy.propose(context).n_rows_compared == 75


def test_the_guard_of_boosting_is_not_asked_a_second_time():
    X, y = noisy(1150)
    base = HistGradientBoostingClassifier(max_iter=10, warm_start=False, random_state=0)
    context = fields(X, y, since=500, batch=150, base=base, classes=np.array([0, 1]))
    policy = Tournament([60, "warm_start"], min_rows=60)
    candidate = policy.propose(context)
    assert candidate.kind == "warm_start"
    plain = WarmStart(guard=False).propose(context)
    assert_same_outputs(candidate.model, plain.model, X)


def test_a_model_that_predicts_nonsense_drops_out():
    """An infinite loss is behind, and two of them are not compared with each other."""

    class Diverges(DummyRegressor):
        def fit(self, X, y):
            self.wild = len(X) > 200
            return super().fit(X, y)

        def predict(self, X):
            return super().predict(X) + (np.nan if self.wild else 0.0)

    X = np.zeros((1150, 1))
    context = fields(X, np.ones(1150), since=1000, batch=150, base=Diverges())
    context.champion.wild = True
    policy = Tournament(["all", 800, "since_drift", "keep"], halving=False)
    candidate = policy.propose(context)
    assert candidate.note.startswith("since_drift won: 0 per row")
    # What is infinite is no JSON.
    table = {"since_drift": {"loss": 0.0, "rows": 75}}
    expected = {"winner": "since_drift", "rows_held_out": 75, "candidates": table}
    assert candidate.evidence == {"tournament": expected}


def test_probabilities_that_are_no_numbers_lose():
    class Diverges(GaussianNB):
        def fit(self, X, y):
            self.wild = len(X) > 200
            return super().fit(X, y)

        def predict_proba(self, X):
            return super().predict_proba(X) * (np.nan if self.wild else 1.0)

    X, y = noisy(1150)
    context = fields(X, y, since=1000, batch=150, base=Diverges())
    policy = Tournament(["all", "since_drift"], halving=False)
    assert policy.propose(context).note.startswith("since_drift won")


def test_a_reservoir_that_let_go_of_the_new_rows():
    X, y = noisy(1150, drift=1000)
    model = run(Tournament(), X, y, buffer=Reservoir(100, random_state=0))
    assert model.n_refits_ == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"candidates": "all"}, "candidates='all'.*at least two"),
        ({"candidates": ["all"]}, r"candidates=\['all'\].*at least two"),
        ({"candidates": ["all", "all"]}, "at least two different"),
        ({"candidates": ["all", "best"]}, "'best'.*'since_drift', 'all', 'warm_start', 'keep'"),
        ({"candidates": ["all", 0]}, "or numbers of rows, at least 1"),
        ({"candidates": ["all", True]}, "True"),
        ({"candidates": ["all", Ridge()]}, "Ridge"),
        ({"min_rows": 0}, "min_rows=0"),
        ({"grow": 1}, r"Tournament\(grow=1\)"),
        ({"halving": None}, r"Tournament\(halving=None\)"),
        ({"candidates": ["all", "warm_start"]}, "cannot continue: DecisionTreeClassifier"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    X, y = noisy(200)
    model = DriftAwareRetrainer(DecisionTreeClassifier(), policy=Tournament(**params), update=None)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
