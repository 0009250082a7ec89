"""KeepOrRefit: what it takes on streams where the answer is known, by which rows, at what proof."""

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import (
    PoisonedNB,
    Rings,
    WaitGate,
    assert_same_outputs,
    events,
    feed,
    fingerprint,
    state_of,
    stream,
)
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Memory, Reservoir, Rows, SlidingWindow
from skretrain.buffers._base import part_of
from skretrain.compose import Learner
from skretrain.exceptions import ClassesGrewWarning, RetrainFailedWarning
from skretrain.policies import Candidate, FullRefit, KeepOrRefit, RetrainContext
from skretrain.policies._keep_or_refit import standard_error

BOTH = np.array([0, 1])


def noisy(n, *, drift=None, seed=0, share=0.1):
    """Return a stream in which a share of the labels is turned round."""
    X, y = stream(n, drift=drift, seed=seed)
    rng = np.random.default_rng(seed)
    return X, np.where(rng.random(n) < share, 1 - y, y)


def run(policy, X, y, *, base=None, at=1000, since="row", size=250, first=500, update=None, **kw):
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


def compared(model):
    return alarm_of(model).evidence["comparison"]


def taken(model):
    return compared(model)["taken"]


def takes(policy, *, n_seeds=12, drift=None, **params):
    """Count over seeds what is taken."""
    return Counter(
        taken(run(policy, *noisy(1250, drift=drift, seed=seed), **params))
        for seed in range(n_seeds)
    )


def fields(X, y, *, since, batch, params=None, base=None, classes=None, alarm=True, **more):
    """Return a context whose memory holds all rows, the last `batch` of them new."""
    learner = Learner(LogisticRegression() if base is None else base)
    rows = Rows(X, y, params or {}, np.arange(len(y if X is None else X)))
    champion = learner.fresh(part_of(rows._replace(params={}), slice(200)), 0)
    details = {"alarm": alarm, "classes": classes, "number": 1, **more}
    return RetrainContext.of(learner, champion, rows, n_new=batch, since=since, **details)


def found_in(candidate):
    return candidate.evidence["comparison"]


# -- what is taken ---------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [LogisticRegression(), DecisionTreeClassifier(max_depth=4)])
@pytest.mark.no_cover
def test_after_an_abrupt_drift_the_rows_since_it_are_taken(base):
    """The concept is turned round: in 11 of 12 streams at least, told by 83 held-out rows."""
    found = takes(KeepOrRefit(grow=False), drift=1000, base=base, random_state=0)
    assert found["since_drift"] >= 11


@pytest.mark.parametrize("base", [LogisticRegression(), DecisionTreeClassifier(max_depth=4)])
@pytest.mark.no_cover
def test_after_a_false_alarm_the_model_is_kept_or_all_rows_are_taken(base):
    """In 10 of 12 streams at least, and never a model of the rows since the alarm alone."""
    found = takes(KeepOrRefit(grow=False), base=base, random_state=0)
    assert found["keep"] + found["all"] >= 10
    assert found["keep"] >= 6
    assert found["since_drift"] == 0


def test_a_window_between_the_two_is_taken_where_it_fits_the_change():
    """The change at row 1,500 is located at row 2,000; the last 700 rows show the new concept."""
    X, y = noisy(2200, drift=1500)
    assert taken(run(KeepOrRefit(["all", 700]), X, y, at=2000, size=200)) == "700"
    assert taken(run(KeepOrRefit(["all", "between"]), X, y, at=2000, size=200)) == "between"


def test_a_kept_model_goes_on_as_the_very_same_object():
    """It was fitted on more rows than are remembered. One event, and no refit."""
    X, y = stream(1250, n_features=20, seed=2)
    before = LogisticRegression().fit(X[:500], y[:500])
    model = DriftAwareRetrainer(
        LogisticRegression(),
        detector=Rings([1000]),
        policy=KeepOrRefit(grow=False),
        update=None,
        buffer=SlidingWindow(300),
    ).fit(X[:500], y[:500])
    serving = model.estimator_
    feed(model, X, y, 250, 500)
    event = alarm_of(model)
    assert (event.action, event.kind, event.n_rows_fitted) == ("kept", "keep", 0)
    assert (event.version, model.n_refits_) == (1, 0)
    assert event.reason.startswith("alarm; nothing is better by 1.")
    assert model.estimator_ is serving
    assert_same_outputs(model, before, X)
    assert len(model.detector_.fits_) == 2  # it hears of the answer, and begins anew


@pytest.mark.no_cover
def test_on_noise_it_is_not_worse_than_a_refit():
    """Nothing can be learned: every policy is right half of the time, this one, too."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 3)), rng.integers(0, 2, 3000)
    right = []
    for policy in (KeepOrRefit(grow=False), FullRefit(grow=False), FullRefit("all", grow=False)):
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


@pytest.mark.parametrize(
    ("window", "n_rows"),
    [("since_drift", 250), ("between", 559), ("all", 1250), (300, 300), (9999, 1250), (20, 50)],
)
def test_what_is_taken_is_fitted_on_its_whole_window(window, n_rows):
    """With the rows held out, and as a bare estimator would be; the trial leaves no trace."""
    X, y = noisy(1250, drift=500)
    model = run(KeepOrRefit([window], grow=False), X, y)
    event = alarm_of(model)
    assert (event.action, event.kind, event.n_rows_fitted) == ("retrained", "full_refit", n_rows)
    assert_same_outputs(model, LogisticRegression().fit(X[-n_rows:], y[-n_rows:]), X)


@pytest.mark.parametrize(("n_rows", "size"), [(1000, 250), (100, 100)])
def test_min_rows_is_the_length_of_the_shortest_window(n_rows, size):
    """Where there are as many: 250 rows since the change are filled up with those before."""
    X, y = noisy(1250, drift=800)
    model = run(KeepOrRefit(["since_drift"], min_rows=1000), X[-1250:], y, at=1000)
    assert compared(model)["losses"]["since_drift"]["rows"] == 1000
    few = fields(X[:210], y[:210], since=110, batch=100, classes=BOTH)
    found = found_in(KeepOrRefit(["since_drift"], min_rows=1000).propose(few))
    assert found["losses"]["since_drift"]["rows"] == 210 - 33


# -- which rows it may look at ---------------------------------------------------------------------


class Sees(ClassifierMixin, BaseEstimator):
    """Predict the label that is right, and note the rows of each fit and prediction by number."""

    fitted, judged = [], []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.is_old_ = len(X) == 200 and X[0, 0] == 0
        Sees.fitted.append(X[:, 0].astype(int))
        return self

    def predict(self, X):
        rows = X[:, 0].astype(int)
        Sees.judged.append(rows)
        return (rows + self.is_old_) % 2


def numbered(n):
    return np.arange(float(n)).reshape(-1, 1), np.arange(n) % 2


def seen(policy, n, **details):
    """Return the rows of each fit, the last of them that of the model taken, and those judged."""
    context = fields(*numbered(n), base=Sees(), **details)
    Sees.fitted, Sees.judged = [], []
    candidate = policy.propose(context)
    assert not candidate.keep
    *trials, final = Sees.fitted
    assert len(final) == candidate.n_rows
    assert candidate.n_rows_compared == sum(map(len, trials))
    (judged,) = {tuple(rows) for rows in Sees.judged}  # all models on the same
    return [(rows[0], rows[-1]) for rows in trials], (final[0], final[-1]), judged


def test_no_model_is_judged_on_rows_that_it_was_fitted_on():
    """The newest third is held out of every window; what is taken has these rows, too."""
    trials, final, judged = seen(KeepOrRefit(), 1200, since=600, batch=300)
    assert judged == tuple(range(1000, 1200))
    assert trials == [(600, 999), (1000 - round(400_000**0.5), 999), (0, 999)]
    assert final == (600, 1199)
    trials, final, judged = seen(KeepOrRefit([500, "all"]), 1200, since=600, batch=300)
    assert trials == [(500, 999), (0, 999)]
    assert final == (700, 1199)


@pytest.mark.parametrize(
    ("batch", "unseen_from", "first"),
    [
        (300, None, 1000),  # a third of 600 rows
        (60, None, 1140),  # only those that the serving model has not learned
        (50, None, 1150),
        (49, None, 1000),  # too few of these: it is judged on rows that it knows as well
        (49, 1080, 1080),  # a model that does not learn along has not seen earlier ones either
        (300, 700, 1000),
    ],
)
def test_where_enough_rows_are_unseen_only_they_are_held_out(batch, unseen_from, first):
    context = {"since": 600, "batch": batch, "unseen_from": unseen_from}
    *_, judged = seen(KeepOrRefit(), 1200, **context)
    assert judged == tuple(range(first, 1200))


@pytest.mark.parametrize(
    ("n_since", "n_held"), [(4000, 1000), (300, 100), (60, 20), (59, 29), (40, 20), (20, 10)]
)
def test_a_third_is_held_out_or_half_of_few_and_at_most_a_thousand(n_since, n_held):
    n = 5000
    *_, judged = seen(KeepOrRefit(), n, since=n - n_since, batch=min(n_since, 500), unseen_from=0)
    assert len(judged) == n_held


def test_half_of_the_rows_is_left_to_fit_on_where_there_are_no_others():
    """All rows that there are came since the change, in one batch."""
    context = fields(*noisy(300), since=0, batch=20, classes=BOTH, unseen_from=0)
    only = part_of(context.window(), slice(-20, None))
    context = replace(context, memory=Memory.of(part_of(only, slice(0))), batch=only, since=280)
    assert found_in(KeepOrRefit().propose(context))["rows_held_out"] == 10


@pytest.mark.parametrize("n_since", [1, 10, 19])
def test_with_fewer_than_twenty_rows_the_model_is_kept_without_a_comparison(n_since):
    context = fields(*numbered(1000), base=Sees(), since=1000 - n_since, batch=100)
    Sees.fitted = []
    candidate = KeepOrRefit().propose(context)
    assert (candidate.keep, candidate.evidence, Sees.fitted) == (True, None, [])
    assert candidate.note == "too few rows with labels since the change to compare on"


def test_after_that_it_is_asked_again_as_rows_come():
    """Ten rows since the change tell nothing; the 20 of the next batch are enough."""
    X, y = noisy(1100, drift=1000)
    model = run(KeepOrRefit(), X, y, size=10)
    feed(model, X, y, 10, 1010, 1100)
    told = events(model, "action", "row", "reason")
    (alarm,) = [number for number, event in enumerate(told) if event[2].startswith("alarm")]
    assert told[alarm] == (
        "kept",
        1010,
        "alarm; too few rows with labels since the change to compare on",
    )
    _, row, reason = told[alarm + 1]
    assert (row, reason.split(";")[0]) == (1020, "growth")
    assert "retrained" in [event[0] for event in told[alarm:]]


@pytest.mark.parametrize("window", [30, "all"])
def test_a_retrain_costs_no_more_than_a_fit_of_all_rows_on_each_window_and_one_more(window):
    for drift in (None, 600, 1000):
        X, y = noisy(1250, drift=drift)
        model = run(KeepOrRefit(["since_drift", "between", window], grow=False), X, y)
        assert 0 < model.events_.totals["rows_fitted"] - 500 <= 4 * 1250
        assert model.events_.totals["fits"] - 1 <= 4


@pytest.mark.parametrize("since", [0, 30, 60])
def test_windows_that_are_alike_are_fitted_once(since):
    """Within 10 %, the shorter one stands for both; a name twice as long is another."""
    trials, *_ = seen(KeepOrRefit(), 1000, since=since, batch=400)
    assert trials == [(since, 1000 - (1000 - since) // 3 - 1)]
    trials, *_ = seen(KeepOrRefit(), 1000, since=100, batch=400)
    assert [first for first, _ in trials] == [100, 0]
    trials, *_ = seen(KeepOrRefit([400, 435, 480]), 1000, since=since, batch=400)
    assert [last - first + 1 for first, last in trials] == [400, 480]


# -- how much proof --------------------------------------------------------------------------------


def leaning(seed, n=900):
    """Return a context in which a refit is better by more or less, depending on the seed."""
    X, y = noisy(n, seed=seed, share=0.15)
    rng = np.random.default_rng(seed)
    turned = (np.arange(n) >= 600) & (X[:, 2] > rng.uniform(0.2, 1.5))
    return fields(X, np.where(turned, 1 - y, y), since=600, batch=300, classes=BOTH)


@pytest.mark.no_cover
def test_a_larger_caution_keeps_whatever_a_smaller_one_keeps():
    """And changes nothing else: models, losses and rows are the same."""
    cautions, flips = [0, 0.5, 1, 2, 4, 8, 1000], 0
    for seed in range(8):
        context = leaning(seed)
        found = [KeepOrRefit(caution=caution).propose(context) for caution in cautions]
        kept = [candidate.keep for candidate in found]
        assert kept == sorted(kept)
        assert kept[-1]
        flips += len(set(kept)) - 1
        tables = [found_in(candidate)["losses"] for candidate in found]
        assert tables == [tables[0]] * len(cautions)
    assert flips >= 4


def test_when_rows_have_come_no_caution_is_asked_for():
    """It is as if it were 0; few rows have to prove more all the same."""
    for seed in range(4):
        context = replace(leaning(seed), alarm=False)
        bold, careful = (KeepOrRefit(caution=c).propose(context) for c in (0, 1000))
        assert bold.keep == careful.keep
        assert bold.evidence == careful.evidence
        n_rows = {name: row["rows"] for name, row in found_in(bold)["losses"].items()}
        best = min(set(n_rows) - {"keep"}, key=lambda name: found_in(bold)["losses"][name]["loss"])
        needed = np.log10(n_rows["all"] / n_rows[best])
        np.testing.assert_allclose(found_in(bold)["standard_errors_needed"], needed)


@pytest.mark.parametrize("caution", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("window", ["since_drift", 80, "all"])
@pytest.mark.no_cover
def test_a_model_of_few_rows_has_to_prove_more(window, caution):
    """z = c + log10(all rows / its rows), and the event has all that the answer follows from."""
    answers = set()
    for seed in range(4):
        candidate = KeepOrRefit([window], caution=caution).propose(leaning(seed))
        found = found_in(candidate)
        z = caution + np.log10(800 / found["losses"][str(window)]["rows"])
        np.testing.assert_allclose(found["standard_errors_needed"], z)
        is_better = found["difference"] < -z * found["standard_error"]
        assert candidate.keep == (not is_better)
        assert found["taken"] == (str(window) if is_better else "keep")
        answers.add(is_better)
        losses = found["losses"]
        expected = losses[str(window)]["loss"] - losses["keep"]["loss"]
        np.testing.assert_allclose(found["difference"], expected)
    assert answers


def shortfall(model, X, y):
    return (1 - model.predict_proba(X)[np.arange(len(y)), y]) ** 2


def wrong(model, X, y):
    return (model.predict(X) != y).astype(float)


def absolute(model, X, y):
    return np.abs(model.predict(X) - y)


@pytest.mark.parametrize(
    ("base", "loss"),
    [(LogisticRegression(), shortfall), (LinearSVC(), wrong), (LinearRegression(), absolute)],
)
def test_the_numbers_of_the_event_are_those_of_bare_models(base, loss):
    """Fitted without the held-out rows and judged on them; shortfall, 0/1 or absolute error."""
    X, y = noisy(900, drift=600)
    found = found_in(
        KeepOrRefit(["since_drift"]).propose(fields(X, y, since=600, batch=300, base=base))
    )
    old, new = (type(base)().fit(X[rows], y[rows]) for rows in (slice(200), slice(600, 800)))
    losses = [loss(model, X[800:], y[800:]) for model in (old, new)]
    assert (found["taken"], found["rows_held_out"]) == ("since_drift", 100)
    assert [row["rows"] for row in found["losses"].values()] == [0, 200]
    means = [row["loss"] for row in found["losses"].values()]
    np.testing.assert_allclose(means, [one.mean() for one in losses])
    np.testing.assert_allclose(found["standard_error"], standard_error(losses[1] - losses[0]))


def test_a_certain_mistake_counts_as_one_and_not_for_everything():
    """The tree gives a few rows the probability 0: the log loss would be 13.8 on each of them."""
    X, y = noisy(900, drift=600, share=0.02)
    base = DecisionTreeClassifier(random_state=0)
    candidate = KeepOrRefit(["since_drift"]).propose(
        fields(X, y, since=600, batch=300, base=base, classes=BOTH)
    )
    table = found_in(candidate)["losses"]
    assert not candidate.keep
    assert 0 < table["since_drift"]["loss"] < table["keep"]["loss"] <= 1


@pytest.mark.parametrize("seed", range(3))
def test_the_standard_error_is_that_of_the_formula(seed):
    """By hand, on values in runs and on others."""
    rng = np.random.default_rng(seed)
    for values in (rng.normal(size=50), rng.normal(size=50).cumsum(), rng.random(2)):
        n, centred = len(values), values - values.mean()
        r = sum(centred[i] * centred[i + 1] for i in range(n - 1)) / sum(centred**2)
        r = min(max(r, 0), 0.9)
        expected = values.std(ddof=1) / n**0.5 * ((1 + r) / (1 - r)) ** 0.5
        np.testing.assert_allclose(standard_error(values), expected)


def test_values_without_memory_have_the_plain_standard_error():
    """Within a tenth; values that take turns have it exactly, and equal ones none."""
    for seed in range(10):
        values = np.random.default_rng(seed).exponential(size=400)
        plain = values.std(ddof=1) / 20
        assert 0.999 * plain < standard_error(values) < 1.1 * plain
    turns = np.tile([0.0, 1.0], 50)
    np.testing.assert_allclose(standard_error(turns), turns.std(ddof=1) / 10)
    assert standard_error(np.full(30, 0.1)) < 1e-15
    assert standard_error(np.ones(30)) == 0.0


def test_values_in_runs_have_the_larger_one_that_their_means_show():
    """AR(1), 0.6: it is twice the plain one, and within 15 % of the spread of 400 means."""
    noise = np.random.default_rng(0).normal(size=(400, 400))
    values = np.empty_like(noise)
    values[:, 0] = noise[:, 0] * 1.25
    for step in range(1, 400):
        values[:, step] = 0.6 * values[:, step - 1] + noise[:, step]
    errors = np.array([standard_error(row) for row in values])
    plain = values.std(axis=1, ddof=1) / 20
    assert (errors > 1.4 * plain).all()
    assert errors.mean() == pytest.approx(values.mean(axis=1).std(), rel=0.15)
    slope = np.arange(1000.0)  # as alike as can be
    assert standard_error(slope) == pytest.approx(19**0.5 * slope.std(ddof=1) / 1000**0.5)


# -- losses that are none --------------------------------------------------------------------------


class Wild(RegressorMixin, BaseEstimator):
    """Predict nan for a share of the rows if fitted on some number of them, else a number."""

    def __init__(self, wild=(), column=0):
        self.wild = wild
        self.column = column

    def fit(self, X, y):
        self.is_wild_ = len(X) in self.wild
        return self

    def predict(self, X):
        return np.where(self.is_wild_ & (X[:, self.column] > 0), np.nan, 1.0)


def of_wild(wild, **params):
    """Return the candidate on 1,150 targets of 1: trials have 100 (since), 332 and 1,100 rows."""
    X = np.random.default_rng(0).normal(size=(1150, 3))
    context = fields(X, np.ones(1150), since=1000, batch=150, base=Wild(wild))
    for name, value in params.items():
        setattr(context.champion, name, value)
    return KeepOrRefit().propose(context), context


def test_a_refit_with_infinite_losses_is_never_taken():
    """Nor is it a number in the event, which is JSON; the others are compared as ever."""
    candidate, _ = of_wild((100, 332, 1100))
    assert candidate.keep
    assert list(found_in(candidate)["losses"]) == ["keep"]
    assert "difference" not in found_in(candidate)
    assert "all inf" in candidate.note
    json.dumps(candidate.evidence, allow_nan=False)
    candidate, _ = of_wild((1100,), is_wild_=True)
    assert (candidate.keep, found_in(candidate)["taken"]) == (False, "since_drift")
    assert list(found_in(candidate)["losses"]) == ["since_drift", "between"]


def test_a_serving_model_with_infinite_losses_is_replaced():
    """However cautious the policy is."""
    for caution in (0, 1000):
        candidate, context = of_wild((), is_wild_=True)
        candidate = KeepOrRefit(caution=caution).propose(context)
        assert not candidate.keep
        assert (candidate.model.predict(np.ones((2, 3))) == 1).all()
        json.dumps(candidate.evidence, allow_nan=False)


@pytest.mark.parametrize("column", [0, 1])
def test_two_that_are_infinitely_wrong_are_not_told_apart(column):
    """On the same rows, or each on rows of its own: nothing shows that a refit is better."""
    candidate, _ = of_wild((100, 332, 1100), is_wild_=True, column=column)
    assert candidate.keep
    assert found_in(candidate)["losses"] == {}
    json.dumps(candidate.evidence, allow_nan=False)


def test_probabilities_that_are_no_numbers_lose():
    """They count as the worst there is, 1, as a class does that got the probability 0."""

    class Diverges(GaussianNB):
        def fit(self, X, y):
            self.wild = len(X) > 400
            return super().fit(X, y)

        def predict_proba(self, X):
            return super().predict_proba(X) * (np.nan if self.wild else 1.0)

    context = fields(*noisy(1150, drift=1000), since=1000, batch=150, base=Diverges())
    found = found_in(KeepOrRefit().propose(context))
    assert found["taken"] == "since_drift"
    assert found["losses"]["all"]["loss"] == 1.0


# -- what cannot be fitted, judged or kept ---------------------------------------------------------


def poisoned(slices, base=None):
    """Return a context with rows that a fit cannot stand."""
    X, y = noisy(1150, drift=1000)
    context = fields(X, y, since=1000, batch=150, base=base or PoisonedNB(), classes=BOTH)
    for rows in slices:
        X[rows, 0] = 1e3
    old = Memory(SlidingWindow().add(X[:1000], y[:1000], {}, 0))
    return replace(
        context, memory=old, batch=part_of(Rows(X, y, {}, np.arange(1150)), slice(1000, None))
    )


def test_a_window_whose_fit_fails_is_left_out():
    """Poison in old rows: only the window of new ones can be fitted."""
    found = found_in(KeepOrRefit().propose(poisoned([slice(300, 310)])))
    assert found["taken"] == "since_drift"
    assert list(found["losses"]) == ["keep", "since_drift", "between"]
    found = found_in(KeepOrRefit().propose(poisoned([slice(900, 910)])))
    assert list(found["losses"]) == ["keep", "since_drift"]


def test_where_no_window_can_be_fitted_the_error_is_told():
    """As by a plain refit: the retrain has failed, the model serves on, and it is tried again."""
    with pytest.raises(RuntimeError, match="poison for fit"):
        KeepOrRefit().propose(poisoned([slice(1010, 1020)]))
    X, y = noisy(1250, drift=1000)
    X[1010, 0] = 1e3
    with pytest.warns(RetrainFailedWarning, match="poison for fit"):
        model = run(KeepOrRefit(grow=False), X, y, base=PoisonedNB())
    (event,) = [event for event in model.events_ if event.action == "failed"]
    assert event.reason == "retrain (alarm) failed: RuntimeError: poison for fit"
    assert model.n_refits_ == 0


def test_a_serving_model_that_cannot_be_judged_is_not_kept():
    """A refit can: it needs no proof."""

    class Breaks(GaussianNB):
        broken = False

        def predict_proba(self, X):
            if self.broken:
                raise RuntimeError("no answer")
            return super().predict_proba(X)

    context = fields(*noisy(1150), since=1000, batch=150, base=Breaks(), classes=BOTH)
    context.champion.broken = True
    candidate = KeepOrRefit(caution=1000).propose(context)
    assert not candidate.keep
    assert set(found_in(candidate)["losses"]) == {"since_drift", "between", "all"}
    assert "difference" not in found_in(candidate)


@pytest.mark.parametrize("base", [LogisticRegression(), RandomForestClassifier(10, random_state=0)])
def test_a_model_that_lacks_a_class_of_the_batch_is_not_kept(base):
    """Whatever the proof: the best of the refits is taken, which has the class."""
    X, y = noisy(1150)
    y[1010:][::3] = 7
    context = fields(X, y, since=1000, batch=150, base=base, classes=np.unique(y))
    candidate = KeepOrRefit(caution=1000).propose(context)
    assert candidate.model.classes_.tolist() == [0, 1, 7]
    assert "keep" not in found_in(candidate)["losses"]
    few = replace(context, since=1140)
    candidate = KeepOrRefit(caution=1000).propose(few)
    assert (candidate.evidence, candidate.n_rows) == (None, 1150)  # all rows, without a comparison
    assert candidate.model.classes_.tolist() == [0, 1, 7]


def test_a_class_that_only_rows_without_weight_have_is_lacked_by_nobody():
    X, y = noisy(1150)
    weight = np.ones(1150)
    y[1050:1060], weight[1050:1060] = 7, 0
    params = {"sample_weight": weight}
    context = fields(X, y, since=1000, batch=150, params=params, classes=np.array([0, 1, 7]))
    assert KeepOrRefit(caution=1000).propose(context).keep


def test_classes_that_a_window_lacks_are_topped_up_from_before_the_held_out_rows():
    """One class since the change: no model is fitted on it alone."""
    X, y = noisy(1250)
    y[1000:] = 1
    model = run(KeepOrRefit(), X, y)
    found = compared(model)
    assert found["rows_held_out"] == 83
    assert found["losses"]["since_drift"]["rows"] > 167
    assert model.classes_.tolist() == [0, 1]
    context = fields(*numbered(1200), base=Sees(), since=1000, batch=200, classes=BOTH)
    y = context.window().y.copy()
    y[1000:1134] = 1
    Sees.fitted = []
    rows = context.window()._replace(y=y)
    KeepOrRefit(["since_drift"]).propose(
        replace(
            context,
            memory=Memory.of(part_of(rows, slice(1000))),
            batch=part_of(rows, slice(1000, None)),
        )
    )
    trial = Sees.fitted[0]
    assert len(trial) > 134
    assert trial.max() < 1134


def test_rows_of_weight_zero_are_not_judged_on():
    """Held-out rows of a wrong concept have no say; if hardly any has, nothing is compared."""
    X, y = noisy(1300, drift=1000)
    weight = np.ones(1300)
    y[1250:1280] = 1 - y[1250:1280]
    weight[1250:1280] = 0
    context = fields(X, y, since=1000, batch=300, params={"sample_weight": weight}, classes=BOTH)
    found = found_in(KeepOrRefit(["since_drift"]).propose(context))
    new = LogisticRegression().fit(X[1000:1180], y[1000:1180])
    counted = np.r_[1180:1250, 1280:1300]  # a third of the 270 that count
    assert (found["taken"], found["rows_held_out"]) == ("since_drift", 90)
    expected = shortfall(new, X[counted], y[counted]).mean()
    np.testing.assert_allclose(found["losses"]["since_drift"]["loss"], expected)
    weight[1018:] = 0
    context = fields(X, y, since=1000, batch=300, params={"sample_weight": weight}, classes=BOTH)
    candidate = KeepOrRefit().propose(context)
    assert candidate.note == "too few rows with labels since the change to compare on"


def test_rows_without_a_label_are_not_judged_on():
    """-1 says so to a semi-supervised base."""
    X, y = noisy(1300, drift=1000)
    y[1::2] = -1
    base = SelfTrainingClassifier(LogisticRegression())
    context = fields(X, y, since=1000, batch=300, base=base, classes=BOTH)
    found = found_in(KeepOrRefit(["since_drift"]).propose(context))
    assert (found["taken"], found["rows_held_out"]) == ("since_drift", 50)
    assert found["losses"]["since_drift"]["rows"] == 200


# -- weights that decay ----------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, "weights"])
@pytest.mark.parametrize("base", ["linear", "pipeline"])
def test_decayed_halves_the_weight_for_each_length_of_the_rows_since_the_change(base, given):
    """As a fit by hand: of the trial without the held-out rows, and of the model that is taken."""
    X, y = noisy(1300, drift=1000)
    bare, name = LogisticRegression(), "sample_weight"
    if base == "pipeline":
        bare, name = make_pipeline(StandardScaler(), bare), "logisticregression__sample_weight"
    mine = np.random.default_rng(0).uniform(0.5, 2, 1300) if given else np.ones(1300)
    params = {name: mine} if given else {}
    context = fields(X, y, since=1000, batch=300, base=bare, params=params, classes=BOTH)
    candidate = KeepOrRefit(["decayed"]).propose(context)
    assert (candidate.n_rows, found_in(candidate)["taken"]) == (1300, "decayed")

    def by_hand(n, half):
        weight = mine[:n] * 0.5 ** (np.arange(n)[::-1] / half)
        return Learner(bare).blank(0).fit(X[:n], y[:n], **{name: weight})

    np.testing.assert_allclose(
        candidate.model.predict_proba(X), by_hand(1300, 300).predict_proba(X), rtol=1e-9
    )
    loss = shortfall(by_hand(1200, 200), X[1200:], y[1200:]).mean()
    row = found_in(candidate)["losses"]["decayed"]
    np.testing.assert_allclose((row["loss"], row["rows"]), (loss, 1200))


@pytest.mark.parametrize("windows", [["all", "decayed"], ["decayed", "all"]])
def test_decayed_and_all_have_the_same_rows_and_are_both_compared(windows):
    """In whichever order they are named."""
    context = fields(*noisy(1300, drift=1000), since=1000, batch=300, classes=BOTH)
    candidate = KeepOrRefit(windows).propose(context)
    assert {"all", "decayed"} <= set(found_in(candidate)["losses"])


def test_decayed_is_refused_for_a_base_without_weights():
    """When a fit begins; nothing was fitted."""
    policy = KeepOrRefit(["since_drift", "decayed"])
    model = DriftAwareRetrainer(KNeighborsClassifier(), policy=policy)
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        model.fit(*stream(200))
    DriftAwareRetrainer(Ridge(), policy=policy).fit(*stream(200))


# -- when it is asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_since", "n_fitted", "n_full", "due"),
    [
        (124, 100, 10_000, False),
        (125, 100, 10_000, True),
        (1249, 1000, 10_000, False),
        (1250, 1000, 10_000, True),
        (5099, 5000, 400, False),  # the memory is full: a quarter of it
        (5100, 5000, 400, True),
        (0, 0, 400, False),
        (1, 0, 400, True),
        (100, 100, 400, False),
        (90, 100, 400, False),  # it knows more than there are
        (2, 2, 1, False),
    ],
)
def test_it_is_asked_again_at_a_quarter_more(n_since, n_fitted, n_full, due):
    assert KeepOrRefit().is_due(n_since, n_fitted, n_full) is due
    assert KeepOrRefit(grow=False).is_due(n_since, n_fitted, n_full) is False


def test_on_a_stable_stream_it_is_asked_at_a_quarter_more_and_each_quarter_of_the_memory():
    """Whether the model is kept or refitted; the memory of 400 rows is full from row 400 on."""
    X, y = noisy(1000)
    model = DriftAwareRetrainer(GaussianNB(), detector=None, update=None, buffer=SlidingWindow(400))
    feed(model.fit(X[:100], y[:100]), X, y, 25, 100)
    rows, known = [], 100
    for row in range(125, 1001, 25):
        if row - known >= 0.25 * min(known, 400):
            rows.append(row)
            known = row
    assert rows == [125, 175, 225, 300, 375, 475, 575, 675, 775, 875, 975]
    told = [(event.row, event.reason.split(";")[0]) for event in list(model.events_)[1:]]
    assert told == [(row, "growth") for row in rows]
    assert {event.action for event in model.events_} == {"retrained", "kept"}
    still = DriftAwareRetrainer(
        GaussianNB(), detector=None, policy=KeepOrRefit(grow=False), update=None
    )
    assert len(feed(still.fit(X[:100], y[:100]), X, y, 100, 100).events_) == 1


def test_as_update_it_compares_on_every_batch():
    """A model that is kept counts as kept, and one that is refitted as updated."""
    X, y = noisy(1500, drift=800)
    model = DriftAwareRetrainer(LogisticRegression(), detector=None, update="keep_or_refit")
    feed(model.fit(X[:200], y[:200]), X, y, 100, 200)
    counts = model.events_.counts
    assert counts["updated"] + counts["kept"] == 13
    assert counts["kept"] == events(model, "kind").count(("keep",))
    assert counts["updated"] > 0
    assert model.events_.totals["fits"] > 13


# -- with everything else --------------------------------------------------------------------------


def test_it_is_the_default_and_the_alias_is_the_default_object():
    """The champion stays as it was."""
    X, y = noisy(1250, drift=1000)
    named, typed = run("keep_or_refit", X, y), run(KeepOrRefit(), X, y)
    assert fingerprint(named.estimator_) == fingerprint(typed.estimator_)
    assert DriftAwareRetrainer(Ridge()).policy == "keep_or_refit"
    context = fields(X, y, since=1000, batch=150, base=SGDClassifier(random_state=0))
    before = fingerprint(context.champion)
    KeepOrRefit().propose(context)
    assert fingerprint(context.champion) == before


@pytest.mark.parametrize("drift", [1000, None])
def test_the_event_tells_how_it_went_in_words_and_in_json(drift):
    X, y = noisy(1250, drift=drift)
    event = alarm_of(run(KeepOrRefit(["since_drift", 1000]), X, y))
    found = event.evidence["comparison"]
    verdict = "since_drift is better" if drift else "nothing is better by 1.1 standard errors"
    losses = r"keep [\d.]+, since_drift [\d.]+, 1000 [\d.]+"
    expected = f"alarm; {verdict}: loss per row on 83 held-out rows: {losses}$"
    assert re.match(expected, event.reason), event.reason
    assert list(found["losses"]) == ["keep", "since_drift", "1000"]
    assert json.loads(json.dumps(event.evidence, allow_nan=False)) == event.evidence


def test_a_dry_run_has_the_same_evidence():
    """What would be done is said; nothing is fitted for service."""
    X, y = noisy(1250, drift=1000)
    policy = KeepOrRefit(grow=False)
    real, dry = (run(policy, X, y, dry_run=dry_run) for dry_run in (False, True))
    assert alarm_of(real).evidence == alarm_of(dry).evidence
    assert (alarm_of(real).action, alarm_of(dry).action) == ("retrained", "suggested")


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("base", [LogisticRegression(), LinearSVC(), SGDClassifier(random_state=0)])
@pytest.mark.no_cover
def test_bases_and_containers(base, container):
    """Frames come in part by part, too; the answer is that on arrays."""
    X, y = noisy(1250, drift=1000)
    policy, rows = KeepOrRefit(grow=False), container(X)
    model = DriftAwareRetrainer(base, detector=Rings([1000]), policy=policy, update=None)
    for first in (0, 500, 750, 1000):
        part = slice(first, max(first + 250, 500))
        batch = rows.iloc[part] if container is pd.DataFrame else rows[part]
        model.partial_fit(batch, y[part])
    assert taken(model) == "since_drift"
    if not sparse.issparse(rows):
        found, expected = compared(model), compared(run(policy, X, y, base=base))
        # Sums of columns that lie otherwise in memory may differ in the last bit.
        for name in ("difference", "standard_error"):
            assert found.pop(name) == pytest.approx(expected.pop(name))
        assert found == expected


@pytest.mark.parametrize("drift", [1000, None])
@pytest.mark.no_cover
def test_regression(drift):
    """In 7 of 8 streams at least."""
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1250, 3))
        y = X[:, 0] + 0.3 * rng.normal(size=1250)
        if drift:
            y[drift:] += 3 * X[drift:, 1]
        found.append(taken(run(KeepOrRefit(grow=False), X, y, base=LinearRegression())))
    rights = {"since_drift"} if drift else {"keep", "all"}
    assert sum(name in rights for name in found) >= 7


def test_several_outputs():
    """The share of wrong ones per row is compared."""
    X, y = noisy(1250, drift=1000)
    base = DecisionTreeClassifier(max_depth=3, random_state=0)
    assert taken(run(KeepOrRefit(), X, np.column_stack([y, y]), base=base)) == "since_drift"


@pytest.mark.parametrize(
    "base", [IsolationForest(n_estimators=20, random_state=0), KMeans(2, n_init=1), DBSCAN()]
)
def test_a_model_without_targets_is_refitted_on_the_rows_since_the_change(base):
    """Whether it has a score or not: that rows are unusual to it does not say how good it is.

    Nothing is fitted that could not be compared.
    """
    X, tally = np.random.default_rng(0).normal(size=(400, 2)), []
    context = fields(X, None, since=100, batch=200, base=base)
    context = replace(context, learner=context.learner.tallied(tally))
    candidate = KeepOrRefit().propose(context)
    assert (candidate.keep, candidate.evidence, candidate.n_rows) == (False, None, 300)
    assert tally == [300]
    few = KeepOrRefit(min_rows=80).propose(fields(X, None, since=370, batch=200, base=base))
    assert few.n_rows == 80


def test_a_reservoir_that_let_go_of_the_new_rows():
    """Its rows are compared as they are, in the order in which they came."""
    X, y = noisy(1250, drift=1000)
    model = run(KeepOrRefit(), X, y, buffer=Reservoir(300, random_state=0))
    assert taken(model) == "since_drift"
    small = run(KeepOrRefit(), X, y, size=10, buffer=Reservoir(60, random_state=0))
    assert "too few rows" in alarm_of(small).reason


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"windows": "all"}, r"KeepOrRefit\(windows='all'\): windows must be a list of different"),
        ({"windows": []}, r"windows=\[\]"),
        ({"windows": {"all"}}, "windows must be a list of different ones"),
        ({"windows": ["all", "all"]}, "different ones of"),
        ({"windows": ["all", "best"]}, "'best'.*'since_drift', 'between', 'all', 'decayed'"),
        ({"windows": ["keep"]}, "or numbers of rows, at least 1"),
        ({"windows": ["all", 0]}, "or numbers of rows, at least 1"),
        ({"windows": [300, 300]}, "different ones"),
        ({"windows": ["all", True]}, "True"),
        ({"windows": ["all", 2.5]}, "2.5"),
        ({"windows": ["all", ["all"]]}, "different ones"),
        ({"windows": ["all", Ridge()]}, "Ridge"),
        ({"caution": -0.5}, r"caution=-0.5.*at least 0, a number of standard errors"),
        ({"caution": None}, "caution=None"),
        ({"min_rows": 0}, "min_rows=0.*at least 1, a number of rows"),
        ({"grow": 1}, r"KeepOrRefit\(grow=1\).*True or False"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    """When a fit begins, by name and with what is accepted."""
    model = DriftAwareRetrainer(DecisionTreeClassifier(), policy=KeepOrRefit(**params))
    with pytest.raises(ValueError, match=message):
        model.fit(*stream(200))


def test_windows_may_be_a_tuple_and_numbers_those_of_numpy():
    X, y = noisy(1250, drift=1000)
    model = run(KeepOrRefit(("all", np.int64(250))), X, y)
    assert taken(model) == "250"
    json.dumps(compared(model))


# -- what must not be lost, and what must not be done unseen ---------------------------------------


ALWAYS_KEEPS = KeepOrRefit(caution=1e9, grow=False)


def test_a_model_that_is_kept_learns_the_batch_all_the_same():
    """Where the answer is always to keep, the model is that of plain updating, bit for bit."""
    X, y = noisy(1500, drift=700)
    oracle = GaussianNB().fit(X[:500], y[:500])
    for first in range(500, 1500, 100):
        oracle.partial_fit(X[first : first + 100], y[first : first + 100])
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings(range(600, 1500, 200)), policy=ALWAYS_KEEPS
    )
    feed(model.fit(X[:500], y[:500]), X, y, 100, 500)
    assert model.n_refits_ == 0
    assert events(model, "action").count(("kept",)) >= 5
    assert_same_outputs(model, oracle, X)
    assert model.events_.totals["updates"] == 10
    assert model.events_.totals["rows_updated"] == 1000


class Forgetful(LogisticRegression):
    """Whatever it learns by ``partial_fit`` turns its answers round."""

    def partial_fit(self, X, y, classes=None):
        if not hasattr(self, "coef_"):
            return self.fit(X, y)
        self.coef_ = -abs(self.coef_)
        return self


@pytest.mark.parametrize(
    ("params", "refitted"),
    [
        ({"detector": Rings()}, True),
        ({"detector": Rings(), "policy": KeepOrRefit(grow=False)}, False),
        ({"detector": Rings(), "policy": "full_refit"}, False),
        ({"detector": None}, False),
    ],
)
def test_a_model_that_its_updates_spoil_is_replaced_before_any_alarm(params, refitted):
    """But only by a policy that compares, where it is asked, and where there is a detector."""
    X, y = noisy(700)
    model = DriftAwareRetrainer(Forgetful(), update="warm_start", **params).fit(X[:500], y[:500])
    feed(model, X, y, 50, 500, 700)
    assert (model.n_refits_ > 0) == refitted
    assert model.n_alarms_ == 0
    if refitted:
        assert model.events_[1].reason.startswith("growth; since_drift is better")


def test_a_model_whose_updates_are_as_good_as_fits_is_kept():
    """It is asked about as rows come, but a gain that is rounding is none."""
    X, y = noisy(1500)
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings()).fit(X[:100], y[:100])
    feed(model, X, y, 50, 100, 1500)
    oracle = GaussianNB().fit(X[:100], y[:100])
    for first in range(100, 1500, 50):
        oracle.partial_fit(X[first : first + 50], y[first : first + 50])
    assert len([event for event in model.events_ if event.reason.startswith("growth")]) >= 5
    assert model.n_refits_ == 0
    assert_same_outputs(model, oracle, X)


def test_a_model_that_learns_is_asked_about_less_and_less_often():
    """Also when the memory is full: it goes on to learn, and the asking must not cost more."""
    X, y = noisy(2000)
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings(), buffer=SlidingWindow(200))
    feed(model.fit(X[:400], y[:400]), X, y, 100, 400)
    asked = [event.row for event in model.events_ if event.reason.startswith("growth")]
    assert asked == [500, 700, 900, 1200, 1500, 1900]


def test_growth_waits_while_an_update_takes_a_new_class_in():
    """On that batch only: a comparison on rows of a class that no model knows shows nothing."""
    X, y = noisy(300)
    y[200:250] = 2
    model = DriftAwareRetrainer(
        SGDClassifier(loss="log_loss", random_state=0), detector=Rings()
    ).fit(X[:200], y[:200])
    with pytest.warns(ClassesGrewWarning):
        model.partial_fit(X[200:250], y[200:250])
    assert model.events_[-1].action != "kept"
    assert model.n_refits_ == 0
    assert model.events_.counts["updated"] == 1
    model.partial_fit(X[250:], y[250:])
    assert model.events_[-1].reason.startswith("growth")


def test_an_update_that_fails_after_a_keep_is_told_and_the_model_goes_on():
    X, y = noisy(800)
    model = DriftAwareRetrainer(PoisonedNB(), detector=Rings([750]), policy=ALWAYS_KEEPS)
    model.fit(X[:700], y[:700])
    served = model.estimator_
    X[790, 0] = 2e3
    with pytest.warns(RetrainFailedWarning, match="the update failed"):
        model.partial_fit(X[700:], y[700:])
    assert model.estimator_ is served
    assert events(model, "action")[-2:] == [("kept",), ("failed",)]


@pytest.mark.no_cover
def test_a_sample_that_holds_few_of_the_new_rows_is_refitted_on_as_they_become_more():
    """A reservoir of 200 has four rows of a concept of 200: growth goes on until it is learned."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9000, 3))
    y = ((X[:, 0] > 0) ^ (np.arange(9000) >= 5000)).astype(int)
    model = DriftAwareRetrainer(
        LogisticRegression(),
        buffer=Reservoir(200),
        policy="full_refit",
        batch_size=20,
        initial_size=100,
        random_state=0,
    ).fit(X, y)
    assert model.events_[-1].row > 6000
    assert (model.predict(X[5000:]) == y[5000:]).mean() > 0.9


def test_a_tiny_memory_does_not_replace_a_model_that_has_learned_more():
    """Without an alarm it is kept: the bare loop, bit for bit."""
    X, y = noisy(600)
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings(), buffer=SlidingWindow(10))
    feed(model.fit(X[:100], y[:100]), X, y, 50, 100)
    oracle = GaussianNB().fit(X[:100], y[:100])
    for first in range(100, 600, 50):
        oracle.partial_fit(X[first : first + 50], y[first : first + 50])
    assert events(model, "action").count(("kept",)) >= 5
    assert_same_outputs(model, oracle, X)


def test_a_memory_that_is_too_small_to_compare_on_is_refitted_on():
    """Else the model would be kept for ever; the event says so."""
    X, y = noisy(1000, drift=500, share=0.0)
    model = run(KeepOrRefit(min_rows=5), X, y, at=510, size=5, buffer=SlidingWindow(12))
    assert alarm_of(model).action == "retrained"
    assert "not compared: the memory is too small to compare" in alarm_of(model).reason


class Down(LogisticRegression):
    """Fails on the fits whose numbers are told."""

    n_fits, failing = 0, ()

    def fit(self, X, y):
        Down.n_fits += 1
        if Down.n_fits in Down.failing:
            raise RuntimeError("briefly down")
        return super().fit(X, y)


def test_where_all_comparisons_fail_the_model_is_kept_and_asked_again():
    """A model of 500 rows is not replaced unseen: the failure is told, and the next batch tries."""
    X, y = noisy(1500, drift=1000)
    Down.n_fits, Down.failing = 0, (2, 3, 4)
    with pytest.warns(RetrainFailedWarning, match="briefly down"):
        model = run(KeepOrRefit(grow=False), X, y, base=Down())
    assert model.n_refits_ == 0
    feed(model, X, y, 100, 1100, 1300)
    assert model.n_refits_ == 1
    assert "is better" in model.events_[-1].reason


def test_a_window_that_fails_is_named_in_the_evidence():
    X, y = noisy(1150, drift=1000)
    Down.n_fits, Down.failing = 0, (3,)
    found = found_in(alarm_of(run(KeepOrRefit(grow=False), X, y, base=Down())))
    assert list(found["failed"].values()) == ["RuntimeError('briefly down')"]


@pytest.mark.parametrize("scale", [1.0, 1e154, 1e300])
def test_the_unit_of_the_target_does_not_matter(scale):
    """Squares of large differences would overflow; the evidence is JSON all the same."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 3))
    y = X[:, 0] * scale
    y[1000:] *= -1
    base = DecisionTreeRegressor(max_depth=4, criterion="absolute_error")
    model = run(KeepOrRefit(), X, y, base=base, size=100)
    assert alarm_of(model).action == "retrained"
    json.dumps(alarm_of(model).evidence, allow_nan=False)


def test_a_schedule_asks_for_no_more_proof_than_growth():
    """It is no evidence that the model has become worse, nor that the rows since are few."""
    X, y = noisy(1000)
    context = fields(X, y, since=0, batch=300, base=GaussianNB(), alarm=True)
    needed = {
        on_schedule: found_in(
            KeepOrRefit(["all"], caution=3.0).propose(replace(context, on_schedule=on_schedule))
        )["standard_errors_needed"]
        for on_schedule in (False, True)
    }
    assert needed == {False: 3.0, True: 0.0}


def test_an_update_that_keeps_the_model_leaves_it_as_it_is():
    X, y = noisy(1100)
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([750]), policy=ALWAYS_KEEPS, update=Keeps()
    ).fit(X[:700], y[:700])
    served = model.estimator_
    feed(model, X, y, 100, 700)
    assert model.estimator_ is served
    assert model.events_.totals["updates"] == 0


class Keeps(FullRefit):
    def propose(self, context):
        return Candidate.kept()


def test_a_challenger_of_growth_does_not_take_back_the_change_that_an_alarm_located():
    """It knows nothing of the rows since: the concept goes on from the change, and grows again."""
    X, y = noisy(1600)
    model = DriftAwareRetrainer(
        LogisticRegression(),
        detector=Rings([550]),
        policy=GrowsOnce(),
        update=None,
        gate=WaitGate(3),
    ).fit(X[:300], y[:300])
    feed(model, X, y, 100, 300, 1000)
    told = events(model, "action", "row")[1:]
    assert told[:3] == [("pending", 400), ("kept", 600), ("retrained", 700)]
    assert state_of(model).concept.start == 550
    assert state_of(model).concept.n_known < 450


class GrowsOnce(FullRefit):
    """Refits as rows grow, and keeps the model at an alarm."""

    def is_due(self, n_since, n_fitted, n_full):
        return n_since == 400

    def propose(self, context):
        return Candidate.kept() if context.alarm else FullRefit("all").propose(context)


def test_a_class_that_the_model_lacks_is_learned_even_where_no_window_can_be_judged():
    """Then nothing can be compared, and the model cannot be kept; the note says why."""

    class Dumb(LogisticRegression):
        dumb = False

        def predict_proba(self, X):
            raise RuntimeError("no answer")

    X, y = noisy(1150)
    y[1010:][::3] = 7
    context = fields(X, y, since=1000, batch=150, base=Dumb(), classes=np.unique(y))
    candidate = KeepOrRefit().propose(context)
    assert candidate.model.classes_.tolist() == [0, 1, 7]
    assert candidate.note == "not compared: RuntimeError: no answer"
