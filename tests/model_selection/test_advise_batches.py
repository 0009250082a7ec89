"""Advice on batches in time order, in a budget of seconds, by scorers that ask for weights."""

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from helpers import Clock, representatives
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from skretrain.model_selection import advise
from skretrain.model_selection._advise import _budget, _candidates, _evidence
from skretrain.model_selection._advise._budget import TimeBudget

MODEL = GaussianNB()


def _rows(n, seed, *, flipped=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    y = (X[:, 0] + 0.3 * rng.normal(size=n) > 0).astype(int)
    return X, 1 - y if flipped else y


def _same(one, two):
    assert one.action == two.action
    assert one.evidence["gains"] == two.evidence["gains"]
    assert one.evidence["input_shift"] == two.evidence["input_shift"]


# -- batches ---------------------------------------------------------------------------------------

CONTAINERS = {
    "arrays": (lambda X: X, list),
    "pandas": (lambda X: pd.DataFrame(X, columns=list("abc")), pd.Series),
    "polars": (lambda X: pl.DataFrame(X, schema=list("abc")), pl.Series),
    "lists": (lambda X: X.tolist(), list),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_batches_are_judged_as_the_period_that_they_make(kind):
    table, column = CONTAINERS[kind]
    (X_old, y_old), (X, y) = _rows(200, 0), _rows(240, 1, flipped=True)
    whole = advise(MODEL, table(X_old), y_old, table(X), y)
    ends = [0, 100, 103, 240]
    parts = [slice(*pair) for pair in itertools.pairwise(ends)]
    batches = [table(X[part]) for part in parts], [column(y[part].tolist()) for part in parts]
    advice = advise(MODEL, table(X_old), y_old, *batches)
    _same(advice, whole)
    assert whole.evidence["batches"] == []
    assert [batch["rows"] for batch in advice.evidence["batches"]] == [100, 3, 137]


@pytest.mark.no_cover
def test_the_old_period_may_come_in_batches_too():
    (X_old, y_old), (X, y) = _rows(200, 0), _rows(150, 1)
    halves = [X_old[:90], X_old[90:]], [y_old[:90], y_old[90:]]
    _same(advise(MODEL, *halves, X, y), advise(MODEL, X_old, y_old, X, y))


@pytest.mark.no_cover
def test_each_batch_shows_how_the_old_model_does_on_it():
    old, one, two = _rows(400, 0), _rows(200, 1), _rows(200, 2, flipped=True)
    X_new, y_new = zip(one, two, strict=True)
    advice = advise(MODEL, *old, X_new, y_new)
    before, after = (batch["loss"] for batch in advice.evidence["batches"])
    model = GaussianNB().fit(old[0][:300], old[1][:300])
    assert before == np.mean(model.predict(one[0]) != one[1])
    assert after == np.mean(model.predict(two[0]) != two[1]) > 0.5 > before
    told = f"error rate {100 * before:.1f} %, {100 * after:.1f} %."
    assert f"On the new batches, one by one, the old model has {told}" in advice.text


def test_of_many_batches_the_newest_are_told_and_what_a_score_does_not_define_is_unknown(
    monkeypatch,
):
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
    old, (X, y) = _rows(100, 0), _rows(60, 1)
    y[:5] = 1  # no area under a curve of one class
    batches = [X[n : n + 4] for n in range(0, 60, 4)], [y[n : n + 4] for n in range(0, 60, 4)]
    advice = advise(MODEL, *old, *batches)
    assert "On the newest 12 of 15 new batches, one by one," in advice.text
    batches = [X[:5], X[5:]], [y[:5], y[5:]]
    by_area = make_scorer(_area, response_method="predict_proba")
    advice = advise(MODEL, *old, *batches, scoring=by_area)
    assert "the old model has area unknown, 0." in advice.text


def _area(y, scores):
    if len(set(y)) < 2:
        raise ValueError("one class alone")
    return sklearn.metrics.roc_auc_score(y, scores)


@pytest.mark.no_cover
def test_rows_of_texts_and_one_column_targets_are_no_batches():
    """A list of rows has a target for each; [[1], [0]] is a column of them."""
    (X_old, y_old), (X, y) = _rows(60, 0), _rows(60, 1)
    plain = advise(MODEL, X_old, y_old, X, y)
    _same(advise(MODEL, X_old, y_old, X.tolist(), [[label] for label in y]), plain)
    _same(advise(MODEL, X_old, y_old, list(X), y.tolist()), plain)


@pytest.mark.no_cover
def test_weights_of_batches_are_those_of_their_rows():
    (X_old, y_old), (X, y) = _rows(200, 0), _rows(200, 1)
    old, new = (np.linspace(0.5, 2, 200) for _ in range(2))
    new[:7] = 0
    whole = advise(
        MODEL, X_old, y_old, X, y, params_old={"sample_weight": old},
        params_new={"sample_weight": new},
    )  # fmt: skip
    cut = slice(80), slice(80, None)
    advice = advise(
        MODEL, X_old, y_old, [X[c] for c in cut], [y[c] for c in cut],
        params_old={"sample_weight": old}, params_new=[{"sample_weight": new[c]} for c in cut],
    )  # fmt: skip
    _same(advice, whole)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"X_new": [np.zeros((50, 3))]}, ["X_new is 1 of them", "y_new has 2", "oldest first"]),
        ({"params_new": {}}, ["params_new is no list", "y_new has 2 batches"]),
        (
            {"params_new": [{"sample_weight": np.ones(50)}, None]},
            ["params_new[1] has []", "['sample_weight']"],
        ),
        ({"X_new": [np.zeros((50, 3)), np.zeros((50, 2))]}, ["X_new[1]", "(2,)", "(3,)"]),
        ({"y_new": [np.zeros(50), np.zeros(4)]}, ["X_new[1] has 50 rows", "y_new[1] 4 targets"]),
        ({"y_new": [np.zeros(50), np.array(["a"] * 50, object)]}, ["y_new mixes labels"]),
        ({"X_new": [np.zeros((1, 3))] * 2, "y_new": [[0], [1]]}, ["X_new has 2 rows", "Bring"]),
    ],
)
def test_a_mistake_names_the_batch_and_the_way_out(change, parts):
    X_old, y_old = _rows(100, 0)
    given = {"X_new": [X_old[:50], X_old[50:]], "y_new": [y_old[:50], y_old[50:]]} | change
    with pytest.raises(ValueError) as raised:
        advise(MODEL, X_old, y_old, **given)
    for part in parts:
        assert part in str(raised.value)


# -- scorers that ask for weights ------------------------------------------------------------------


@pytest.mark.parametrize("name", representatives([True, "importance"], fast=["importance"]))
def test_a_scorer_gets_the_weights_that_it_asks_for(name, monkeypatch):
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
    (X_old, y_old), (X, y) = _rows(200, 0), _rows(300, 1)
    y[::2] = 1 - y[::2]  # every other row is noise, and counts little
    weight = np.tile([0.01, 1.0], 150)
    key = "sample_weight" if name is True else name
    with sklearn.config_context(enable_metadata_routing=True):
        requests = {"sample_weight": name}
        model = GaussianNB().set_fit_request(**requests).set_partial_fit_request(**requests)
        model = make_pipeline(model)  # a name of one's own is what routers take
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=name)
        params = [{key: w} for w in (np.ones(200), weight)]
        advice = advise(
            model, X_old, y_old, X, y, scoring=scorer, params_old=params[0], params_new=params[1]
        )
        plain = advise(
            model, X_old, y_old, X, y, scoring="accuracy", params_old=params[0],
            params_new=params[1],
        )  # fmt: skip
    assert advice.rows[0]["loss_new"] < -0.8
    assert -0.6 < plain.rows[0]["loss_new"] < -0.4


# -- a budget of seconds ---------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_budget, "_now", clock)
    return clock


def _slow(clock, power):
    class Slow(LogisticRegression):
        """Takes one second for a fit on 1,000 rows."""

        def fit(self, X, y):
            clock.now += (len(X) / 1000) ** power
            return super().fit(X, y)

    return Slow(C=0.1)


@pytest.mark.no_cover
@pytest.mark.parametrize("power", representatives([1.0, 2.0], fast=[2.0]))
def test_a_budget_is_kept_to_within_a_tenth_and_made_use_of(clock, power, monkeypatch):
    monkeypatch.setattr(_candidates, "_FIRST_ROWS", 100)
    old, new = _rows(300, 0), _rows(300, 1)
    model, used = _slow(clock, power), []
    advise(model, *old, *new, time_budget=0)
    smallest, clock.now = clock.now, 0.0
    advise(model, *old, *new, time_budget=1e9)
    for seconds in np.geomspace(1.01 * smallest, 1.3 * clock.now, 3):
        clock.now = 0.0
        share = advise(model, *old, *new, time_budget=seconds).evidence["rows"]["share"]
        assert clock.now <= 1.1 * seconds
        used.append(share)
    assert used == sorted(used)
    assert used[-1] == 1


def test_a_stage_that_is_slower_than_its_forecast_is_given_up_while_it_runs(clock):
    budget = TimeBudget(10.0)
    for _ in range(2):  # one second each
        budget.next_stage()
        with budget.part("a"):
            clock.now += 1.0
        with budget.part("b"):
            clock.now += 1.0
    budget.next_stage()
    assert budget.allows(["a", "b"])
    with budget.part("a"):
        clock.now += 3.5
    assert not budget.allows(["b"])  # 7.5 are spent, and 3.5 to come


def test_a_subsample_that_is_given_up_leaves_the_answer_of_the_one_before(clock, monkeypatch):
    monkeypatch.setattr(_candidates, "_FIRST_ROWS", 100)

    class Cliff(LogisticRegression):
        def fit(self, X, y):
            clock.now += 1.0 if len(X) <= 80 else 50.0
            return super().fit(X, y)

    advice = advise(Cliff(C=0.1), *_rows(300, 0), *_rows(300, 1), time_budget=40.0)
    assert advice.evidence["rows"]["share"] == 0.125
    assert 50 < clock.now < 100  # one fit over the cliff, and no other


def test_the_last_word_has_its_place_in_the_budget(clock):
    budget = TimeBudget(10.0)
    with budget.part("a"):
        clock.now += 2.0
    with budget.reserved():
        clock.now += 3.0
    budget.next_stage()
    assert not budget.allows(["a"])  # 5 are spent, 4 to come for rows twice as many, and 3 again


def test_without_a_budget_there_is_time():
    budget = TimeBudget(None)
    with budget.part("a"):
        pass
    budget.next_stage()
    assert budget.allows(["a"])
    assert not budget.is_limited


# -- rows to collect -------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_the_rows_asked_for_are_enough():
    """As many more are drawn, and the answer is the right one."""
    for flipped, right in ((True, ("refit_new", "refit_window")), (False, ("keep",))):
        old, (X, y) = _rows(600, 0), _rows(30, 1, flipped=flipped)
        first = advise(MODEL, *old, X, y)
        assert first.action == "collect_more"
        n_more = first.evidence["rows_needed"]["more_rows"]
        more = _rows(n_more, 2, flipped=flipped)
        assert advise(MODEL, *old, [X, more[0]], [y, more[1]]).action in right


def test_more_rows_are_needed_for_one_of_many_than_for_one():
    interval = _evidence.Interval(0.0, -1, 1, deviation=0.5, n_rows=100)
    one, of_eight = (
        _evidence.rows_to_tell(interval, 0.05, 300, level) for level in (0.95, 1 - 0.05 / 8)
    )
    assert one == pytest.approx(3 * ((1.95996 + 1.28155) * 10) ** 2 - 300, rel=1e-4)
    assert of_eight > 1.4 * one
