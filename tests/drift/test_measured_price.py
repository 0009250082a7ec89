"""RefitDebt with a price in money: as with the errors that it comes to, once fits are measured."""

import math
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Reservoir
from skretrain.datasets import make_drifting_classification
from skretrain.drift import AtLeast, FitRecord, RefitDebt, ScoredBatch
from skretrain.metrics import Price

X, Y, _ = make_drifting_classification(2000, drift_rows=[1000], random_state=0)
EVEN = {(0, 1): 1, (1, 0): 1}


def fit_record(cpu_seconds=2.0, wall_seconds=3.0, kind="full_refit"):
    return FitRecord(100, 100, 0, kind, cpu_seconds, wall_seconds)


def retrained(price, **options):
    model = DriftAwareRetrainer(
        LogisticRegression(),
        detector=RefitDebt(price),
        policy="full_refit",
        batch_size=100,
        **options,
    )
    return model.fit(X, Y)


def refits(model):
    return [(event.row, event.n_rows_fitted) for event in model.events_]


@pytest.mark.no_cover
@pytest.mark.parametrize("price", [Price(5), Price(0.5, loss_value=0.1), Price(5, loss_value=EVEN)])
def test_a_retrainer_told_money_refits_when_one_told_the_errors_does(price):
    """A matrix that has all mistakes cost 1 counts errors, too."""
    assert refits(retrained(price)) == refits(retrained(5))


def test_the_dearer_the_mistakes_the_sooner_it_rings(show):
    """By their costs: misses at 10 reach the price when a tenth of as many errors do."""
    rng = np.random.default_rng(0)
    y = np.ones(2000, dtype=int)
    y_pred = np.where(rng.random(2000) < np.where(np.arange(2000) < 1000, 0.1, 0.4), 0, 1)

    def first_alarm(worth):
        trigger = RefitDebt(Price(200, loss_value={(1, 0): worth, (0, 1): 0})).reset()
        for start in range(0, 2000, 100):
            part = slice(start, start + 100)
            wrong = (y != y_pred)[part].astype(float)
            batch = ScoredBatch(start, 100, wrong, y=y[part], y_pred=y_pred[part])
            if trigger.update(batch).state == "drift":
                return start
        return None

    in_errors = [
        [
            k
            for k, signal in enumerate(show(RefitDebt(price), y != y_pred))
            if signal.state == "drift"
        ]
        for price in (200, 20)
    ]
    assert [first_alarm(1), first_alarm(10)] == [100 * alarms[0] for alarms in in_errors]


def test_a_price_of_seconds_is_unknown_until_a_fit_is_measured_and_then_that_of_the_latest():
    trigger = RefitDebt(Price(1, cost_per_cpu_hour=3600, cost_per_hour=7200, loss_value=0.5))
    assert trigger.growth_pays
    trigger.reset()
    assert math.isnan(trigger.price_)
    assert trigger.growth_pays
    trigger.after_fit(fit_record(), None, answered=False)
    assert trigger.price_ == (1 + 2 + 6) / 0.5
    assert not trigger.growth_pays
    trigger.after_fit(fit_record(0.0, 0.0, "rolled_back"), None, answered=False)
    assert trigger.price_ == 18.0
    trigger.after_fit(fit_record(1.0, 0.0), None, answered=True)
    assert trigger.price_ == 4.0


def shown(trigger, start, answers):
    n = len(answers)
    trigger.update(ScoredBatch(start, n, np.zeros(n), y_pred=np.array(answers)))


def test_flips_are_the_remembered_rows_that_are_decided_otherwise():
    trigger = RefitDebt(Price(flip_price=3)).reset()
    reference = ScoredBatch(0, 4, y_pred=np.array([1, 1, 0, 0]))
    trigger.after_fit(fit_record(), reference, answered=False)
    assert trigger.price_ == 0  # nobody had been told anything
    shown(trigger, 0, [1, 0])
    shown(trigger, 2, [0, 1])
    shown(trigger, 4, [1, 1, 0])
    decided = ScoredBatch(1, 6, y_pred=np.array([1, 0, 0, 1, 0, 0]))
    trigger.after_fit(fit_record(), decided, answered=True)
    assert trigger.price_ == 3 * 3  # rows 1, 3 and 5
    newest = ScoredBatch(4, 3, y_pred=np.array([1, 1, 1]))
    trigger.after_fit(fit_record(), newest, answered=False)
    assert trigger.price_ == 3
    with_gaps = ScoredBatch(1, 3, y_pred=np.array([1, 1, 1]))
    trigger.after_fit(fit_record(), with_gaps, answered=False)
    assert trigger.price_ == 3  # which rows these are is not known
    no_answers = ScoredBatch(0, 7, y_pred=None)
    trigger.after_fit(fit_record(), no_answers, answered=False)
    assert trigger.price_ == 3


def test_answers_are_remembered_of_the_newest_rows_only(monkeypatch):
    monkeypatch.setattr("skretrain.drift._measured_price._MEMORY_ROWS", 4)
    trigger = RefitDebt(Price(flip_price=1)).reset()
    for start in range(0, 12, 2):
        shown(trigger, start, [0, 0])
    trigger.after_fit(fit_record(), ScoredBatch(0, 12, y_pred=np.ones(12)), answered=False)
    assert trigger.price_ == 4


def test_a_retrainer_measures_flips_and_seconds():
    model = retrained(Price(cost_per_hour=1e-9, flip_price=1))
    assert 0 < model.detector_.price_ < 2000
    assert len(refits(model)) > 1
    retrained(Price(flip_price=1), buffer=Reservoir(200, random_state=0))


def test_it_asks_for_answers_only_where_they_have_a_price():
    assert RefitDebt.needs == RefitDebt(5).needs == RefitDebt(Price(5)).needs == {"loss"}
    asks = RefitDebt(Price(flip_price=1))
    assert asks.needs == RefitDebt(Price(1, loss_value=EVEN)).needs == {"loss", "y_pred"}
    assert asks.needs_reference
    assert AtLeast([RefitDebt(1), asks]).needs_reference
    assert not RefitDebt(Price(1, loss_value=EVEN)).needs_reference
    assert not RefitDebt("auto").needs_reference


OUTLIERS = IsolationForest(n_estimators=2)
TEXT = Price(1, loss_value={("ok", "bad"): 1, ("bad", "ok"): 2})


@pytest.mark.parametrize(
    ("base", "y", "price", "message"),
    [
        (Ridge(), X[:, 0], Price(1, loss_value=EVEN), "loss_value must be a number where"),
        (DecisionTreeClassifier(), np.c_[Y, Y], Price(1, loss_value=EVEN), "one column of labels"),
        (OUTLIERS, None, Price(1, loss_value=EVEN), "loss_value must be a number where"),
        (OUTLIERS, None, Price(flip_price=1), "flip_price must be 0 where there are no targets"),
        (LogisticRegression(), Y, TEXT, "pairs of all labels of y, too: it has none of 0"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_price_for_other_targets_is_refused_before_the_first_fit(
    base, y, price, message, wrapped
):
    """Else every batch would be refused, or a price of nan would have each rise answered."""
    trigger = AtLeast([RefitDebt(5), RefitDebt(price)]) if wrapped else RefitDebt(price)
    model = DriftAwareRetrainer(base, detector=trigger, batch_size=500)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X[:100], None if y is None else y[:100])
    assert not hasattr(model, "events_")


def test_rows_without_a_label_need_no_cost():
    """-1 says so to a semi-supervised base, and is no class."""
    y = np.where(np.arange(len(Y)) % 4, Y, -1)
    base = SelfTrainingClassifier(LogisticRegression())
    trigger = RefitDebt(Price(5, loss_value=EVEN))
    model = DriftAwareRetrainer(base, detector=trigger, batch_size=500).fit(X, y)
    assert not [event for event in model.events_ if event.action == "failed"]


@pytest.mark.parametrize("lacks", ["y", "y_pred"])
def test_costs_of_mistakes_need_labels(lacks):
    given = {"y": np.array([0, 1]), "y_pred": np.array([0, 1])} | {lacks: None}
    trigger = RefitDebt(Price(1, loss_value=EVEN)).reset()
    with pytest.raises(ValueError, match=f"this batch lacks {lacks}. Pass a number as loss_value"):
        trigger.update(ScoredBatch(0, 2, np.zeros(2), **given))


def test_rows_that_were_not_scored_cost_nothing():
    trigger = RefitDebt(Price(1, loss_value={(0, 1): 4, (1, 0): 2})).reset()
    y, y_pred = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1])
    trigger.update(ScoredBatch(0, 4, np.array([np.nan, 1, 1, 0]), y=y, y_pred=y_pred))
    assert trigger.expected_loss_ == pytest.approx((4 + 2 + 0) / 3)


def test_a_trigger_that_was_saved_before_there_were_prices_in_money_goes_on(show):
    trigger = RefitDebt(30)
    show(trigger, np.zeros(500))
    del trigger._measured
    again = pickle.loads(pickle.dumps(trigger))
    again.after_fit(fit_record(), None, answered=False)
    show(again, np.ones(100), first=500)
    assert again.price_ == 30


def test_it_clones_pickles_and_leaves_the_price_as_it_is():
    price = Price(1, flip_price=0.1, loss_value=EVEN)
    trigger = RefitDebt(price)
    before = joblib.hash(trigger.get_params())
    assert clone(trigger).price == price
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=trigger, batch_size=100
    ).fit(X[:600], Y[:600])
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        one.partial_fit(X[600:1400], Y[600:1400])
    assert refits(model) == refits(again)
    assert joblib.hash(trigger.get_params()) == before
