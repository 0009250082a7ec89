"""The price of a refit: both ways of telling it agree, and what is no price is refused."""

import copy
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skretrain.metrics import Price

AMOUNTS = st.floats(0, 1e6)
COSTS = {("fraud", "ok"): 100, ("ok", "fraud"): 5}


@given(st.floats(1e-3, 1e6), AMOUNTS, AMOUNTS, AMOUNTS, st.floats(1e-3, 1e6), st.floats(0, 1e5))
def test_a_price_is_the_sum_of_its_parts_and_converts_there_and_back(
    fixed, per_cpu, per_hour, per_flip, worth, amount
):
    price = Price(
        fixed,
        cost_per_cpu_hour=per_cpu,
        cost_per_hour=per_hour,
        flip_price=per_flip,
        loss_value=worth,
    )
    measured = {"cpu_seconds": 7200, "wall_seconds": 1800, "n_flips": 3}
    money = price.in_money(**measured)
    assert money == pytest.approx(fixed + 2 * per_cpu + per_hour / 2 + 3 * per_flip)
    assert price.in_errors(**measured) * worth == pytest.approx(money)
    assert price.to_errors(price.to_money(amount)) == pytest.approx(amount)
    np.testing.assert_allclose(price.to_money(np.array([0, amount])), [0, amount * worth])


def test_refits_cost_their_number_of_fixed_parts_and_the_seconds_of_them_all():
    price = Price(2, cost_per_cpu_hour=3600)
    assert price.in_money(cpu_seconds=10, n_refits=2.5) == 15


def test_only_what_has_a_price_has_to_be_known():
    assert Price(3).in_money() == 3
    assert math.isnan(Price(3, flip_price=1).in_money(cpu_seconds=1, wall_seconds=1))
    assert math.isnan(Price(cost_per_hour=1).in_errors(cpu_seconds=1))


def test_it_is_told_in_money_and_in_errors_with_what_it_is_made_up_of():
    price = Price(1000, cost_per_hour=2, flip_price=0.5, loss_value=0.5)
    assert price.in_words("errors", wall_seconds=3600, n_flips=20) == (
        "1,012 (1,000 as such, 2 for 3600 s on the clock and 10 for 20 changed decisions), as much "
        "as 2,024 errors at 0.5 each"
    )
    assert Price(3, loss_value=COSTS).in_words() == "3"


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_a_cost_matrix_tells_what_each_row_costs(kind):
    """As a matrix of numbers does, looked up by hand; to be right may cost, too."""
    rng = np.random.default_rng(0)
    matrix = np.array([[0, 3, 1], [7, 2, 0], [4, 5, 0]])
    worth = {(i, j): float(matrix[i, j]) for i in range(3) for j in range(3)}
    y_true, y_pred = rng.integers(3, size=(2, 100)).tolist()
    price = Price(1, loss_value=worth)
    np.testing.assert_array_equal(
        price.row_costs(kind(y_true), kind(y_pred)), matrix[y_true, y_pred]
    )
    assert (price.dearest, price.value, price.to_money(4)) == (7, 1, 4)


def test_a_mistake_that_has_no_cost_is_named():
    with pytest.raises(ValueError, match="'new' costs that is taken for 'ok'"):
        Price(1, loss_value=COSTS).row_costs(["ok", "new"], ["ok", "ok"])
    with pytest.raises(ValueError, match=r"Price\(loss_value=2\): loss_value must be a dict"):
        Price(1, loss_value=2).row_costs([0], [1])


@pytest.mark.parametrize("name", ["per_refit", "cost_per_cpu_hour", "cost_per_hour", "flip_price"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "2", None, True])
def test_a_cost_is_a_number_of_at_least_zero(name, value):
    with pytest.raises(ValueError, match=rf"Price\({name}=.*an amount of money"):
        Price(**{"per_refit": 1, name: value})


@pytest.mark.parametrize(
    ("worth", "message"),
    [
        (0, "above 0"),
        ("1", "above 0"),
        (math.inf, "above 0"),
        ({("a", "b"): 1}, r"a dict with \('b', 'a'\), too"),
        ({("a", "b"): 0, ("b", "a"): 0}, "above 0 for a pair"),
        ({("a", "b"): -1, ("b", "a"): 0}, r"of pairs \(true, predicted\)"),
        ({"ab": 1}, r"of pairs \(true, predicted\)"),
        ({("a", "b", "c"): 1}, r"of pairs \(true, predicted\)"),
        ({}, "above 0 for a pair"),
    ],
)
def test_what_an_error_is_worth_is_a_number_or_a_whole_matrix(worth, message):
    with pytest.raises(ValueError, match=message):
        Price(1, loss_value=worth)


def test_a_refit_that_costs_nothing_has_no_price():
    with pytest.raises(ValueError, match="else a refit is free"):
        Price(loss_value=3)


@pytest.mark.parametrize("price", [Price(1), Price(flip_price=2, loss_value=COSTS)])
def test_copies_are_equal_and_count_as_one(price):
    for other in (pickle.loads(pickle.dumps(price)), copy.deepcopy(price)):
        assert len({price, other}) == 1
    assert len({price, Price(1.0)}) == 1 + price.has_cost_matrix
