"""Control charts keep the run length that they are given, on numbers, levels and gaps."""

import math
from itertools import product

import numpy as np
import pytest
from helpers import representatives

from skretrain.drift._charts import Charts, _cusum_limit, _ewma_limit
from skretrain.metrics._tables import read_table

NORMAL = np.random.default_rng(0).normal(size=2000)
NORMAL = (NORMAL - NORMAL.mean()) / NORMAL.std()
EVEN = np.full(2000, 1 / 2000)


def column(kind, n, seed):
    rng = np.random.default_rng(seed)
    columns = {
        "normal": lambda: rng.normal(size=n),
        "skewed": lambda: rng.exponential(size=n) ** 3,
        "few": lambda: (rng.random(n) < 0.04) * 1.0,
        "rare": lambda: (rng.random(n) < 0.004) * 1.0,
        "level": lambda: rng.choice(np.array(["a", "b", "c"], object), n, p=[0.6, 0.37, 0.03]),
        "gaps": lambda: np.where(rng.random(n) < 0.03, np.nan, rng.normal(size=n)),
    }
    return {"x": columns[kind]()}


def test_the_limit_of_a_cusum_of_normal_numbers_is_that_of_siegmund():
    """exp(2kh) - 2kh - 1 = 2k^2 times the run length, but for what a path overshoots."""
    k, run_length = 0.25, 5000
    h = _cusum_limit(NORMAL, EVEN, k, run_length)
    assert math.exp(2 * k * h) - 2 * k * h - 1 == pytest.approx(2 * k * k * run_length, rel=0.1)


def test_the_limit_of_an_ewma_of_normal_numbers_is_in_its_deviations():
    """It crosses a level L so many times a row: weight * L * phi(L)."""
    weight, run_length = 0.01, 100_000
    level = _ewma_limit(NORMAL, EVEN, weight, run_length) / math.sqrt(weight / 2)
    density = math.exp(-level * level / 2) / math.sqrt(2 * math.pi)
    assert 1 / (weight * level * density) == pytest.approx(run_length, rel=0.1)


def test_a_side_that_is_never_reached_has_no_limit():
    gap = np.array([-0.2, 5.0]), np.array([25 / 26, 1 / 26])
    assert _cusum_limit(-gap[0], gap[1], 0.3, 1000) == math.inf
    assert _ewma_limit(np.zeros(1), np.ones(1), 0.01, 1000) == math.inf
    assert _ewma_limit(NORMAL, EVEN, 0.01, 10) == 0.0


KINDS = ["normal", "skewed", "few", "rare", "level", "gaps"]
CASES = list(product(["ewma", "cusum"], KINDS))


@pytest.mark.parametrize(
    ("method", "kind"),
    representatives(CASES, [("ewma", "normal"), ("cusum", "rare"), ("ewma", "gaps")], []),
)
def test_runs_without_a_change_are_at_least_as_long_as_told(method, kind):
    """Ten streams, of which half may leave their limits: no more than all but one do.

    The reference is not the true distribution: what it lacks is part of the run length.
    """
    run_length, n_alarms = 10_000, 0
    for seed in range(10):
        charts = Charts(method, column(kind, 2000, 100 + seed), 200, run_length, 0.1)
        n_alarms += bool(charts.show(column(kind, run_length // 2, seed)))
    assert n_alarms <= 8


@pytest.mark.parametrize("method", ["ewma", "cusum"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_chart_looks_both_ways_and_begins_anew_after_it_has_left_its_limits(method, sign):
    charts = Charts(method, {"x": NORMAL, "y": NORMAL[::-1]}, 200, 1e6, 0.25)
    moved = {"x": NORMAL[:200] + 3 * sign, "y": NORMAL[:200]}
    assert charts.show(moved) == {"x"}
    assert (charts._state <= charts._limits).all()
    assert charts.show({"x": NORMAL[:150], "y": NORMAL[:150]}) == set()


@pytest.mark.parametrize("method", ["ewma", "cusum"])
def test_rows_one_by_one_leave_the_limits_where_rows_together_do(method):
    table = {"x": np.r_[NORMAL[:300], NORMAL[:100] + 2, NORMAL[:300], NORMAL[:100] - 2]}
    charts = [Charts(method, {"x": NORMAL}, 200, 1e4, 0.25) for _ in range(2)]
    together = charts[0].show(table)
    one_by_one = [charts[1].show({"x": table["x"][k : k + 1]}) for k in range(800)]
    assert set().union(*one_by_one) == together == {"x"}
    np.testing.assert_allclose(charts[0]._state, charts[1]._state)


def test_an_unlikely_level_leaves_its_limits_sooner_the_more_there_are():
    reference = column("level", 2000, 0)
    for share, rings in ((0.0, False), (0.02, False), (0.3, True)):
        table = column("level", 500, 1)
        table["x"][np.random.default_rng(2).random(500) < share] = "new"
        charts = Charts("cusum", reference, 500, 200_000, 0.235)
        assert bool(charts.show(table)) == rings


def test_where_rows_resemble_each_other_a_change_must_be_larger():
    runs = np.repeat(NORMAL[:200], 10)
    charts = Charts("cusum", {"x": runs}, 200, 1e4, 0.25)
    assert charts.show({"x": np.repeat(NORMAL[200:400], 10)}) == set()
    assert Charts("cusum", {"x": NORMAL}, 200, 1e4, 0.25).show({"x": runs}) == {"x"}
    assert charts.show({"x": runs + 3}) == {"x"}


def test_a_column_that_moves_by_itself_is_not_charted():
    day = np.zeros(100, dtype="datetime64[s]")
    reference = read_table(np.arange(100.0)[:, None]) | {"day": day, "empty": np.full(100, np.nan)}
    charts = Charts("ewma", reference, 60, 1e4, 0.25)
    assert charts.names == ["empty"]
    assert charts.show({"empty": np.ones(100)}) == {"empty"}
    assert Charts("ewma", {"day": day}, 60, 1e4, 0.25).show({"day": day}) == set()
