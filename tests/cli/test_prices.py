"""The option --price in money: read as the library has it, and shown beside the errors."""

import argparse
import re

import pytest

from skretrain.cli._policies import _grid
from skretrain.cli._price import price_of
from skretrain.metrics import Price


def test_a_price_is_a_number_of_errors_or_its_parts_in_money():
    assert price_of("25") == 25.0
    told = "refit=2, cpu_hour=0.5,hour=3,flip=0.01,error=0.1"
    assert price_of(told) == Price(
        2.0, cost_per_cpu_hour=0.5, cost_per_hour=3.0, flip_price=0.01, loss_value=0.1
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refit=-1", "'-1' is not a number of at least 0"),
        ("refit=", "'' is not a number"),
        ("refit=1,fit=2", "has 'fit', which is none of them; the parts of a price are refit, cpu_"),
        ("refit=1,refit=2", "has 'refit', twice"),
        ("error=2", "a refit must cost something, and an error, too"),
        ("refit=1,error=0", "a refit must cost something, and an error, too"),
    ],
)
def test_what_is_no_price_is_refused_with_the_parts_of_one(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        price_of(text)


def test_the_grid_surrounds_a_price_in_money():
    price = Price(2, cost_per_cpu_hour=0.5, loss_value=0.1)
    grid = _grid(price)
    assert (len(grid), grid[4]) == (9, price)
    for factor, one in ((0.1, grid[0]), (10, grid[8])):
        assert one.in_money(cpu_seconds=60) == pytest.approx(
            factor * price.in_money(cpu_seconds=60)
        )
        assert one.loss_value == price.loss_value


@pytest.mark.no_cover
def test_a_comparison_shows_money_beside_errors(run, table, tmp_path):
    """And leaves out what the table has no room for then."""
    options = ("--target", "label", "--warm-up", "100", "--price")
    code, printed, _, rows = run(table, *options, "refit=1,error=0.1", quick=True)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    _, told, _, in_errors = run(table, *options, "10", quick=True)
    assert code == 0
    assert "at a price per refit on the whole past of 1, as much as 10 errors at 0.1" in printed
    assert "In money: " in printed
    assert "<th>in money</th>" in page or ">in money<" in page
    assert "temporal" in told
    assert "temporal" not in printed + page
    for row, told in zip(rows, in_errors, strict=True):
        assert row["cost"] == told["cost"]
        if row["cost"]:
            assert float(row["cost_in_money"]) == pytest.approx(0.1 * float(row["cost"]))
    assert "cost_in_money" not in in_errors[0]


def test_changed_decisions_have_a_price(run, table):
    """A version that decides otherwise costs more than one that costs nothing but its refits."""
    options = ("--target", "label", "--warm-up", "100", "--price")
    code, printed, _, rows = run(table, *options, "refit=1,flip=2", quick=True)
    *_, without = run(table, *options, "refit=1", quick=True)
    assert code == 0
    words = " ".join(printed.split())
    assert re.search(r"the whole past of [\d.]+ \(1 as such and [\d.]+ for .* changed dec", words)
    [never, located], told = rows[:2], without[:2]
    assert float(never["cost"]) == float(told[0]["cost"])
    assert float(located["cost"]) > float(told[1]["cost"])
