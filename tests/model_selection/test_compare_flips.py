"""Changed decisions in a comparison: counted between versions that follow each other, and paid."""

import itertools

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, make_mixture
from skretrain.drift import Periodic, RefitDebt
from skretrain.metrics import Price
from skretrain.model_selection import compare_policies
from skretrain.policies import FullRefit

X, Y = stream(810, drift=400)
FLIP = Price(flip_price=1)


def live(base, window, every):
    policy = FullRefit(window, grow=False)
    return DriftAwareRetrainer(base, detector=Periodic(every), update=None, policy=policy)


def compared(policies, prices=FLIP, base=None, y=Y, **options):
    base = GaussianNB() if base is None else base
    return compare_policies(base, X, y, policies, prices=prices, **options)


def test_a_schedule_flips_what_its_models_say_otherwise_of_the_batch_that_comes_first():
    found = compared({"twice": [(4, "all"), (6, 1000)], "never": []})
    one, two, three = (GaussianNB().fit(X[:stop], Y[:stop]) for stop in (100, 400, 600))
    n_flips = int((one.predict(X[400:500]) != two.predict(X[400:500])).sum())
    n_flips += int((two.predict(X[600:700]) != three.predict(X[600:700])).sum())
    assert n_flips > 5
    loss = found.results["twice"][0].loss
    assert found.cost("twice", FLIP) == loss + n_flips
    assert found.cost("twice", Price(2, flip_price=3, loss_value=0.5)) == loss + 8 + 6 * n_flips
    assert found.cost("never", FLIP) == found.cost("never", 0)


@pytest.mark.parametrize("scoring", [None, "average_precision"])
@pytest.mark.parametrize("delay", [0, 200])
@pytest.mark.no_cover
def test_replayed_or_live_the_same_refits_flip_the_same_decisions(scoring, delay):
    """By errors and by a score, with labels that are late or not."""
    policies = {"replayed": (Periodic(200), "all"), "live": live(GaussianNB(), "all", 200)}
    found = compared(policies, scoring=scoring, label_delay=delay)
    costs = [found.cost(name, FLIP) for name in policies]
    assert costs[0] > found.cost("replayed", 0)
    assert costs[0] == pytest.approx(costs[1])


@pytest.mark.no_cover
def test_updates_flip_decisions_too_and_a_model_that_never_changes_flips_none():
    sgd = SGDClassifier(random_state=0)
    frozen = DriftAwareRetrainer(sgd, detector=None, update=None, dry_run=True)
    policies = {"updated": sgd, "mixture": make_mixture(sgd), "frozen": frozen}
    found = compared(policies, base=sgd)
    model, n_flips = SGDClassifier(random_state=0).fit(X[:100], Y[:100]), 0
    for start in range(100, 800, 100):
        before = model.predict(X[start + 100 : start + 200])
        model.partial_fit(X[start : start + 100], Y[start : start + 100])
        n_flips += int((model.predict(X[start + 100 : start + 200]) != before).sum())
    assert found.results["updated"][0].batch_flips.sum() == n_flips
    assert found.cost("updated", FLIP) == found.cost("updated", 0) + n_flips
    assert found.cost("frozen", FLIP) == found.cost("frozen", 0)
    assert found.results["mixture"][0].batch_flips.sum() > 0


@pytest.mark.parametrize("scoring", [None, "average_precision"])
@pytest.mark.no_cover
def test_no_schedule_is_cheaper_than_the_best_in_hindsight_where_flips_have_a_price(scoring):
    """All schedules are tried on a short history: the price of a refit depends on those before."""
    price = Price(2, flip_price=0.5)
    choices = itertools.product([None, 300, "all"], repeat=3)
    schedules = {
        str(number): [(c, w) for c, w in zip((3, 4, 6), windows, strict=True) if w]
        for number, windows in enumerate(choices)
    }
    found = compared(schedules, price, scoring=scoring)
    regret = found.regret(price)
    assert min(regret.values()) >= -1e-9
    (best,) = found._runs.oracle(price)
    assert best.n_fits > 1
    assert best.n_flips > 0
    assert len(found.oracle["cost"]) == 1
    if scoring is None:
        # With flips that cost nothing to speak of, it is the schedule of the matrix.
        cheap = Price(2, flip_price=1e-9)
        assert found._runs.oracle(cheap)[0].loss == found.matrices[0].oracle(2).loss


def test_a_dearer_flip_never_makes_the_best_schedule_flip_more():
    found = compared({"never": []}, [Price(1, flip_price=p) for p in (0.01, 0.3, 10)])
    n_flips = [found._runs.oracle(price)[0].n_flips for price in found._asked]
    assert n_flips[0] >= n_flips[1] >= n_flips[2] == 0


def test_a_policy_that_is_told_a_price_of_flips_is_told_what_a_refit_usually_flips():
    heard = []

    class Hears(RefitDebt):
        def reset(self):
            heard.append(self.price)
            return super().reset()

    price = Price(2, flip_price=0.5, loss_value=0.1)
    found = compared({"hears": (Hears, "all")}, price)
    usual = found._runs.mean_flips
    assert usual > 0
    assert heard[-1].flip_price == 0
    assert heard[-1].per_refit == pytest.approx(2 + 0.5 * usual)
    assert found.prices[0] == pytest.approx((2 + 0.5 * usual) / 0.1)
    assert "changed decisions" in found.recommend().text
    frozen = compared(
        {"debt": (RefitDebt, "all")}, base=DecisionTreeClassifier(max_depth=1), y=0 * Y
    )
    assert frozen.cost("debt", FLIP) == 0
    short = compare_policies(GaussianNB(), X[:150], Y[:150], {"never": []}, prices=FLIP)
    assert short.prices.tolist() == [0]


def over_cities(strange, n=262):
    """Return what is flipped where rows of a strange city come that a first model cannot read."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"city": rng.choice(["Rome", "Oslo"], n), "x": rng.normal(size=n)})
    y = (table.x * np.where(np.arange(n) < 100, 1, -1) > 0).astype(int).to_numpy()
    table.loc[np.arange(n)[strange], "city"] = "Bonn"
    base = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
        LogisticRegression(),
    )
    policies = {"once": [(5, "all")], "live": live(base, "all", 200)}
    found = compare_policies(base, table, y, policies, batch_size=50, prices=FLIP)
    first, second = (clone(base).fit(table[:stop], y[:stop]) for stop in (50, 250))
    return found, table[250:], first, second


def test_decisions_on_rows_that_one_of_the_models_cannot_read_are_not_compared():
    """The second model has seen the city, and the first one has not."""
    found, newest, first, second = over_cities(slice(248, 253))
    read = newest[newest.city != "Bonn"]
    n_flips = int((first.predict(read) != second.predict(read)).sum())
    assert (len(read), n_flips > 1) == (9, True)
    assert found._runs.of("once", FLIP)[0].n_flips == n_flips
    assert found.results["live"][0].batch_flips[-1] == n_flips
    for begin in (250, 248):  # the last model can read none of its rows; then the one before
        found, *_ = over_cities(slice(begin, None))
        assert found._runs.of("once", FLIP)[0].n_flips == 0
        assert found.results["live"][0].batch_flips[-1] == 0
    assert found.oracle["cost"][0] <= found.cost("once", FLIP)


def test_rows_of_weight_zero_flip_nothing():
    weight = np.ones(len(Y))
    weight[400:] = 0
    policies = {"replayed": [(4, "all"), (6, "all")], "live": live(GaussianNB(), "all", 300)}
    found = compared(policies, params={"sample_weight": weight}, initial_size=100)
    for name in policies:
        assert found.cost(name, FLIP) == found.cost(name, 0)


def test_numbers_flip_if_they_differ_at_all():
    y = X[:, 0] + np.arange(len(X)) / 1000
    found = compare_policies(LinearRegression(), X, y, {"once": [(4, "all")]}, prices=FLIP)
    assert found.cost("once", FLIP) == pytest.approx(found.cost("once", 0) + 100)
    both = compare_policies(
        LinearRegression(), X, np.column_stack([y, y]), {"once": [(4, "all")]}, prices=FLIP
    )
    assert both.cost("once", FLIP) == pytest.approx(both.cost("once", 0) + 100)
