"""Prices in money: matrices, comparisons and advice count as with the errors that they come to."""

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.drift import Periodic, RefitDebt
from skretrain.metrics import Price
from skretrain.model_selection import RetrainMatrix, advise, compare_policies
from skretrain.model_selection._advise import _candidates, _evidence

X, Y = stream(1010, drift=500)
POLICIES = {"never": [], "often": (Periodic(100), "all"), "debt": (RefitDebt, 300)}
UNEVEN = {(0, 1): 10.0, (1, 0): 1.0}


def compared(prices, policies=POLICIES, **options):
    return compare_policies(GaussianNB(), X, Y, policies, prices=prices, **options)


MATRIX = RetrainMatrix(GaussianNB(), chunk=100, windows=[300, "all"]).fit(X, Y)


# -- the matrix ------------------------------------------------------------------------------------


def test_the_best_schedule_at_a_price_in_money_is_that_of_the_errors_it_comes_to():
    assert MATRIX.oracle(Price(2, loss_value=0.1)).schedule == MATRIX.oracle(20).schedule
    by_seconds = MATRIX.oracle(Price(1, cost_per_cpu_hour=3600e4, loss_value=0.5))
    by_hand = MATRIX.oracle(lambda rows, seconds: (1 + 1e4 * seconds) / 0.5)
    assert by_seconds.schedule == by_hand.schedule


def test_a_schedule_is_charged_by_the_seconds_of_its_fits():
    run = MATRIX.replay([(3, 300), (6, "all")])
    price = Price(1, cost_per_cpu_hour=3600, cost_per_hour=7200, loss_value=0.5)
    charged = 2 + 3 * run.seconds_per_fit[1:].sum()  # of a matrix, hours are those of the processor
    assert run.cost(price) == pytest.approx(run.loss + charged / 0.5)


def test_a_matrix_keeps_no_decisions_and_refuses_a_price_of_flips():
    with pytest.raises(ValueError, match=r"RetrainMatrix\(cost=Price.*flip_price=0, since"):
        MATRIX.oracle(Price(flip_price=1))


# -- the comparison --------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_price_in_money_compares_as_the_errors_that_it_comes_to():
    """And the table shows money beside them, and only there."""
    policies = {**POLICIES, "live": DriftAwareRetrainer(GaussianNB())}
    in_errors = compared([5, 20, 80], policies)
    mixed = compared([80, Price(2, loss_value=0.1), 5], policies)
    np.testing.assert_array_equal(mixed.prices, in_errors.prices)
    same = [name for name in in_errors.to_frame() if name != "cpu_seconds"]
    told, table = in_errors.to_frame()[same], mixed.to_frame()
    pd.testing.assert_frame_equal(table[same], told)
    np.testing.assert_allclose(table["money_at_20"], 0.1 * told["cost_at_20"])
    assert [name for name in table if name.startswith("money")] == ["money_at_20"]
    assert mixed.leaders() == in_errors.leaders()
    np.testing.assert_array_equal(mixed.oracle["cost"], in_errors.oracle["cost"])
    for name, regret in mixed.regret().items():
        np.testing.assert_array_equal(regret, in_errors.regret()[name])
    costs = [in_errors.cost(name, 20) for name in in_errors.names]
    words = mixed.recommend().text
    assert words.startswith(
        "At a price per refit on the whole past of 2, as much as 20 errors at 0.1 each, '"
    )
    assert f" In money: {0.1 * min(costs):,.0f}," in words
    assert "In money" not in mixed.recommend(5).text + mixed.recommend(Price(5)).text


def test_a_policy_that_is_told_the_price_hears_it_in_money():
    heard = set()

    class Hears(RefitDebt):
        def reset(self):
            heard.add(self.price)
            return super().reset()

    price = Price(2, cost_per_cpu_hour=1, loss_value=0.1)
    compared([80, price], {"hears": (Hears, 300)}).to_frame()
    assert heard == {80, price}


def test_a_price_by_the_hour_charges_the_seconds_after_the_first_fit():
    """Of what is replayed those of its refits, of what runs live all that its batches took."""
    policies = {**POLICIES, "live": DriftAwareRetrainer(GaussianNB())}
    price = Price(3, cost_per_cpu_hour=3600e3, loss_value=2)
    found = compared(price, policies)
    [often], [live] = found.results["often"], found.results["live"]
    assert found.cost("often", price) == pytest.approx(often.cost(price))
    expected = found.cost("live", 1.5) + 1e3 * live.batch_fit_seconds.sum() / 2
    assert found.cost("live", price) == pytest.approx(expected)
    assert found.cost("never", price) == found.cost("never", 0)
    seconds = found.matrices[0].fit_seconds_[found.matrices[0].windows.index("all")].mean()
    np.testing.assert_allclose(found.prices, (3 + 1e3 * seconds) / 2)
    replayed = [name for name in found.names if name != "live"]
    assert min(found.regret(price)[name] for name in replayed) >= -1e-9


def test_by_a_cost_matrix_rows_are_scored_by_what_they_cost():
    price = Price(30, loss_value=UNEVEN)
    found = compared([price, Price(3, loss_value=UNEVEN)])
    by_hand = compared([3, 30], scoring=lambda y, z: np.where(y == z, 0, np.where(y == 0, 10, 1)))
    assert found.unit == "units of cost"
    for name in found.names:
        assert found.cost(name, price) == by_hand.cost(name, 30)
        assert found.score(name, price) == by_hand.score(name, 30)
    names = [c for c in found.to_frame() if c.startswith("cost_at")]
    np.testing.assert_array_equal(found.to_frame()[names], by_hand.to_frame()[names])


@pytest.mark.parametrize(
    ("prices", "options"),
    [
        (Price(1, loss_value=UNEVEN), {"scoring": "accuracy"}),
        ([Price(1, loss_value=UNEVEN), Price(1)], {}),
        ([1, Price(1, loss_value=UNEVEN)], {}),
    ],
)
def test_one_comparison_has_one_idea_of_what_a_mistake_costs(prices, options):
    with pytest.raises(ValueError, match="pass the same matrix with all prices"):
        compared(prices, **options)


def test_a_price_of_flips_needs_decisions_that_a_comparison_keeps_where_it_was_told_one():
    found = compared(1)
    refused = r"^PolicyComparison\.\w+\(price=Price.*flip_price=0, since no decisions were kept"
    for ask in (found.recommend, lambda price: found.cost("never", price), found.rolling_choice):
        with pytest.raises(ValueError, match=refused):
            ask(price=Price(flip_price=1))


# -- advice ----------------------------------------------------------------------------------------


def pair(n=300):
    """Two periods; in the second, another column tells the labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * n, 3))
    y = (np.where(np.arange(2 * n) < n, X[:, 0], X[:, 1]) > 0).astype(int)
    return X[:n], y[:n], X[n:], y[n:]


@pytest.fixture
def on_all_rows(monkeypatch):
    """Learn from all rows at once, and not from parts before: it is as much time."""
    monkeypatch.setattr(_candidates, "_shares", lambda case: [1.0])
    monkeypatch.setattr(_evidence, "_RESAMPLES", 50)


def advised(price, **options):
    return advise(LogisticRegression(), *pair(), price=price, **options)


@pytest.mark.no_cover
@pytest.mark.usefixtures("on_all_rows")
def test_advice_at_a_price_in_money_is_that_at_the_errors_it_comes_to():
    for errors in (1.0, 1e5):
        told, in_money = advised(errors), advised(Price(0.1 * errors, loss_value=0.1))
        assert in_money.action == told.action
        evidence = in_money.evidence["decision"]
        assert evidence["price"] == pytest.approx(told.evidence["decision"]["price"])
        assert evidence["price_in_money"] == pytest.approx(0.1 * errors)
    assert told.action == "keep"
    assert "does not pay its price of 100000 (10000 in money)" in in_money.text
    assert "in money" not in told.text
    assert "price_in_money" not in told.evidence["decision"]


@pytest.mark.no_cover
@pytest.mark.usefixtures("on_all_rows")
@pytest.mark.parametrize("dear", [{"flip_price": 100}, {"cost_per_cpu_hour": 1e12}])
def test_flips_and_seconds_can_make_a_retrain_too_dear(dear):
    """Even a correction of what comes out: it changes decisions."""
    assert advised(None).action != "keep"
    assert advised(Price(1e-6, **dear)).action == "keep"


@pytest.mark.usefixtures("on_all_rows")
def test_advice_by_a_cost_matrix_counts_costs():
    advice = advised(Price(1, loss_value=UNEVEN))
    X_old, y_old, X_new, y_new = pair()
    model = LogisticRegression().fit(X_old[:225], y_old[:225])
    costs = np.where(y_new[200:] == 0, 10, 1) * (model.predict(X_new[200:]) != y_new[200:])
    assert advice.evidence["present"]["loss_new"] == pytest.approx(costs.mean())


@pytest.mark.parametrize(
    ("model", "options"), [(LogisticRegression(), {"scoring": "f1"}), (LinearRegression(), {})]
)
def test_advice_refuses_a_cost_matrix_where_something_else_is_counted(model, options):
    with pytest.raises(ValueError, match=r"advise\(price=.*a Price with a number as loss_value"):
        advise(model, *pair(), price=Price(1, loss_value=UNEVEN), **options)
    with pytest.raises(ValueError, match=r"advise\(price='2'\).*or a Price"):
        advise(model, *pair(), price="2")


def test_a_cost_matrix_of_other_labels_is_refused_before_anything_is_fitted(monkeypatch):
    """The first mistake would tell, after all fits; and advice took it for a fit that failed."""
    price = Price(1, loss_value={("ok", "bad"): 1, ("bad", "ok"): 2})
    monkeypatch.setattr(GaussianNB, "fit", None)
    with pytest.raises(ValueError, match="loss_value must be a dict with pairs of all labels of y"):
        compared([price])
    with pytest.raises(ValueError, match="loss_value must be a dict with pairs of all labels of y"):
        advise(GaussianNB(), *pair(), price=price)
    with pytest.raises(ValueError, match="loss_value must be a number where the target is not"):
        compare_policies(LinearRegression(), X, X[:, 0], prices=price)
