"""The recommendation of the time: chosen by what was known, followed, compared with the rest."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import average_precision_score, get_scorer, make_scorer
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, make_mixture
from skretrain.drift import Periodic, RefitDebt
from skretrain.metrics import Price
from skretrain.model_selection import compare_policies
from skretrain.model_selection._compare._measure import measure_of
from skretrain.model_selection._compare._recommendation import is_within_noise
from skretrain.model_selection._compare._runs import costs_by_part

X, Y = stream(2500, drift=1000)
POLICIES = {
    "never": [],
    "often": (Periodic(100), 300),
    "debt": (RefitDebt, 300),
    "live": DriftAwareRetrainer(GaussianNB()),
}


def compared(policies=POLICIES, X=X, y=Y, **options):
    return compare_policies(GaussianNB(), X, y, policies, **{"prices": [1, 10], **options})


FOUND = compared()
SMALL = {"X": X[500:1500], "y": Y[500:1500]}
DATES = pd.date_range("2024-01-01", periods=2500, freq="h")


def parts_of(found, name, price):
    return costs_by_part(found._runs.of(name, price), price, np.arange(24))


# -- costs by batch --------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [0, 7, Price(1, cost_per_cpu_hour=3600e3, flip_price=0.1)])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_the_costs_of_the_batches_add_up_to_the_cost(price):
    """Of refits and of updates, of replayed and live policies, also in money."""
    policies = {**POLICIES, "updated": GaussianNB(), "mixture": make_mixture(GaussianNB())}
    found = compared(policies, X=X[:1000], y=Y[:1000], prices=[price], seeds=[0, 1])
    for name in found.names:
        costs = costs_by_part(found._runs.of(name, price), price, range(9))
        assert costs.shape == (9,)
        assert costs.sum() == pytest.approx(found.cost(name, price))


@pytest.mark.no_cover
def test_a_refit_is_paid_with_the_batch_that_it_serves_first():
    found = compared({"once": [(5, "all")], "never": []})
    cost = costs_by_part(found._runs.of("once", 7), 7, range(24))
    np.testing.assert_array_equal(np.flatnonzero(cost - found.batch_losses("once")[0]), [4])
    live = compared({"live": DriftAwareRetrainer(GaussianNB(), update=None)}).results["live"][0]
    rows = live.batch_rows[np.flatnonzero(live.batch_fits)]
    assert set(live.refit_rows) <= set(rows.tolist())
    assert live.batch_fits.sum() == live.n_fits - 1


# -- choosing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 300])
@pytest.mark.no_cover
def test_each_choice_is_the_cheapest_by_what_was_known_or_as_good_within_the_noise(delay):
    """An oracle in plain loops."""
    found = compared(label_delay=delay)
    choice, costs = found.rolling_choice(500, price=10), {}
    for name in found.names:
        costs[name] = parts_of(found, name, 10)
    present, expected, followed = "never", [], []
    for start in range(0, 24, 5):
        known = max(start - delay // 100, 0)
        best = min(costs, key=lambda name: costs[name][:known].sum())
        one, two = costs[best][:known], costs[present][:known]
        before = present
        if known and not is_within_noise(two.sum() - one.sum(), one, two):
            present = best
        expected.append(present)
        spent = costs[present][start : start + 5].sum()
        followed.append(spent + 10 * (present != before))
    assert choice.policies == expected
    np.testing.assert_allclose(choice.costs["followed"], followed)
    assert len(set(expected)) > 1
    assert choice.rows.tolist() == [100, 600, 1100, 1600, 2100, 2500]


@pytest.mark.parametrize("options", [{}, {"scoring": "average_precision"}])
@pytest.mark.no_cover
def test_no_choice_looks_ahead(options):
    """What comes after a checkpoint changes none of those up to it, whatever is told a price."""
    policies, other = {n: POLICIES[n] for n in ("never", "often", "debt")}, SMALL["X"].copy()
    other[900:] = -other[900:]
    one, two = (
        compared(policies, X=rows, y=SMALL["y"], **options).rolling_choice(200, price=1)
        for rows in (SMALL["X"], other)
    )
    assert one.rows.tolist() == [100, 300, 500, 700, 900, 1000]
    assert one.policies == two.policies
    assert len(set(one.policies)) == 2
    np.testing.assert_allclose(one.costs["followed"][:4], two.costs["followed"][:4])


def test_what_it_is_compared_with_costs_what_the_comparison_says():
    for price in (0, 10, 1e5):
        choice = FOUND.rolling_choice(500, price)
        assert choice.costs["never"].sum() == pytest.approx(FOUND.cost("never", price))
        assert choice.final == FOUND.recommend(price).policy
        assert choice.costs["final"].sum() == pytest.approx(FOUND.cost(choice.final, price))
        reference = FOUND._reference("fixed", price)
        assert choice.costs["best fixed"].sum() == pytest.approx(reference)
        assert choice.cost == pytest.approx(choice.costs["followed"].sum())
        assert choice.saved == pytest.approx(FOUND.cost("never", price) - choice.cost)
        assert choice.regret == pytest.approx(choice.cost - reference)
        for number in (choice.cost, reference, FOUND.cost("never", price)):
            assert f"{number:,.0f}" in choice.text
    assert (choice.fixed, choice.n_changes, choice.saved) == ("never", 0, 0.0)
    assert set(choice.policies) == {"never"}


def test_where_one_policy_is_best_from_the_start_following_costs_its_price_and_the_first_span():
    y = Y.copy()
    y[100:1000] = 1 - y[100:1000]  # the first model is wrong from its first row on
    found = compared({"often": (Periodic(100), 300)}, X=X[:1600], y=y[:1600])
    choice = found.rolling_choice(500, price=3)
    assert choice.policies == ["never", "often", "often"]
    assert choice.n_changes == 1
    late = choice.costs["never"][0] - choice.costs["final"][0]
    assert choice.cost == pytest.approx(found.cost("often", 3) + late + 3)


def test_the_frame_has_a_line_per_span():
    choice = FOUND.rolling_choice(700, price=10)
    table = choice.to_frame()
    assert table.columns.tolist() == ["row", "policy", "followed", "never", "best_fixed", "final"]
    assert table.row.tolist() == [100, 800, 1500, 2200]
    assert table.followed.sum() == pytest.approx(choice.cost)


def test_a_choice_is_drawn_and_pickles():
    choice = FOUND.rolling_choice()
    display = choice.plot()
    assert display.lines_["followed"].get_ydata()[-1] == pytest.approx(choice.saved)
    again = pickle.loads(pickle.dumps(choice))
    assert again.text == choice.text
    assert copy.deepcopy(choice).policies == choice.policies


# -- checkpoints -----------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_without_a_period_it_is_a_twelfth_of_the_rows_or_what_the_calendar_offers():
    assert FOUND.rolling_choice().every == "200 rows"
    assert len(FOUND.rolling_choice().policies) == 12
    by_date = compared(times=DATES, batch_size="1d", initial_size="4d")
    months = by_date.rolling_choice()
    assert months.every == "month"
    starts = [str(months.times[row].astype("datetime64[D]")) for row in months.rows[1:-1]]
    assert starts == ["2024-02-01", "2024-03-01", "2024-04-01"]
    assert "every month" in months.text
    assert by_date.rolling_choice("2w").every == "2 weeks"
    weeks = compared(X=X[:700], y=Y[:700], times=DATES[:700]).rolling_choice()
    assert weeks.every == "week"
    assert weeks.fixed.startswith(("never", "every "))
    two = compared({"never": []}, X=X[:150], y=Y[:150], initial_size=148)
    with pytest.raises(ValueError, match=r"^every=None leaves .* in 1 part.*more rows, or in sma"):
        two.rolling_choice()
    few = compared({"never": []}, X=X[:102], y=Y[:102], initial_size=100, batch_size=1)
    assert few.rolling_choice().rows.tolist() == [100, 101, 102]


@pytest.mark.no_cover
def test_fixed_policies_have_names_by_rows_and_by_the_calendar():
    assert re.fullmatch(r"every [125]00 on last (300|1,000)", FOUND.rolling_choice(price=0).fixed)
    by_date = compared({"never": []}, times=DATES, batch_size="2d", initial_size="4d", prices=0)
    fixed = by_date.rolling_choice("1mo", price=0).fixed
    assert re.fullmatch(r"every \d+ days on (all|last 20 days)", fixed)


@pytest.mark.parametrize(
    ("every", "message"),
    [
        (0, "every"),
        (5000, "every=5000 leaves no checkpoint: the 2,400 rows"),
        ("1mo", "a number of rows, unless times are dates"),
        ("often", "every='often'"),
        (1.5, "every"),
    ],
)
def test_a_period_that_is_none_is_refused(every, message):
    with pytest.raises(ValueError, match=message):
        FOUND.rolling_choice(every)


@pytest.mark.parametrize("price", [-1, "dear", float("nan")])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(ValueError, match="price"):
        FOUND.rolling_choice(price=price)


# -- labels at moments of their own, and scores ----------------------------------------------------


@pytest.mark.no_cover
def test_with_labels_at_moments_of_their_own_nothing_is_known_before_its_label():
    """Labels that come 700 rows late, each row by row, are those of a delay of seven batches."""
    rows = np.arange(2500.0)
    label_time = np.where(rows < 100, rows, rows + 700)
    late = compared(label_time=label_time).rolling_choice(500, price=10)
    delayed = compared(label_delay=700).rolling_choice(500, price=10)
    assert late.policies == delayed.policies
    never = np.where(rows % 50 == 0, np.nan, rows)  # to wait for them would be to wait for ever
    assert len(set(compared(label_time=never).rolling_choice(500, price=1).policies)) > 1


@pytest.mark.no_cover
def test_infinite_losses_choose_what_has_none():
    def endless(y, z):
        return np.where(y != z, np.inf, 0.0)

    choice = compared(scoring=endless).rolling_choice(500)
    assert choice.cost == np.inf
    choice.plot()


# -- policies that are told the price --------------------------------------------------------------


@pytest.mark.no_cover
def test_by_a_score_that_is_a_mean_over_rows_the_price_is_told_as_it_is():
    """The debt is then in the loss of the score, batch by batch: of a log loss, a debt of that."""
    options = {"scoring": "neg_log_loss", "prices": [1, 10, 1e6]}
    found = compared({"debt": (RefitDebt, 300)}, **options, **SMALL)
    assert not found._runs.tells_errors
    assert [found.price_told("debt", price) for price in (1, 10)] == [1, 10]
    told = found._runs._telling[0]._told[0, 0]
    assert np.isnan(told[0])
    X, y = SMALL["X"], SMALL["y"]
    model, score = GaussianNB().fit(X[:100], y[:100]), found.scorer
    by_hand = [-100 * score(model, X[a : a + 100], y[a : a + 100]) for a in range(100, 1000, 100)]
    np.testing.assert_allclose(told[1:], by_hand)
    assert found.results["debt"][0].n_fits > 1
    assert found._runs.of("debt", 1e6)[0].n_fits == 1
    assert "It is told" not in found.recommend(10).text


def test_by_any_other_score_it_is_told_the_errors_that_it_costs_least_with():
    """No other number of errors would have done better; and the recommendation says which it is."""
    options = {"scoring": "average_precision", "prices": [1, 30, 1e6]}
    found = compared({"debt": (RefitDebt, 300)}, **options, **SMALL)
    assert found._runs.tells_errors
    for price in (1, 30, 1e6):
        costs = [
            found.cost("debt", price) - _cost_at(found, errors, price)
            for errors in found._runs.errors
        ]
        assert max(costs) <= 1e-9
        told = found.price_told("debt", price)
        assert told in found._runs.errors
        assert found.cost("debt", price) == _cost_at(found, told, price)
        assert f"It is told {told:,.0f} errors." in found.recommend(price).text
    assert found._runs.of("debt", 1e6)[0].n_fits == 1
    choice = found.rolling_choice(100, price=1)
    assert set(choice.policies) == {"never", "debt"}
    assert choice.cost < found.cost("debt", 1e6)


def test_a_first_model_without_errors_is_no_reason_to_be_told_none():
    rows = np.where(np.arange(400) % 2, 5.0, -5.0)[:, None] + X[:400]
    y = np.arange(400) % 2
    y[300:] = 1 - y[300:]
    found = compare_policies(
        GaussianNB(), rows, y, {"debt": (RefitDebt, 100)}, scoring="roc_auc", prices=1
    )
    assert found._runs.errors[0] == 0.1
    assert found.price_told("debt") in found._runs.errors


def _cost_at(found, errors, price):
    (run,) = found._runs.at("debt", errors)
    return run.loss + price * run.charged


@pytest.mark.no_cover
def test_labels_at_moments_of_their_own_are_told_as_errors():
    options = {"scoring": "neg_log_loss", "label_time": np.arange(1000.0) + 50}
    found = compared({"debt": (RefitDebt, 300)}, X=X[:1000], y=Y[:1000], **options)
    assert found._runs.tells_errors


def test_only_who_is_told_the_price_is_told_something():
    assert [FOUND.price_told(name, 10) for name in FOUND.names] == [None, None, 10, None]
    assert FOUND.price_told("debt") == 10


SCORES = {
    "neg_log_loss": True,
    "neg_brier_score": True,
    "accuracy": True,
    "roc_auc": False,
    "average_precision": False,
    "f1": False,
    "balanced_accuracy": False,
}


def measured(scoring, base=None, y=Y[:700]):
    """Return a measure of the 600 rows that a comparison serves in batches of 100."""
    measure = measure_of(LogisticRegression() if base is None else base, scoring, y, is_priced=True)
    measure.begin(X[:700], y, np.arange(0, 800, 100))
    return measure


@pytest.mark.parametrize("base", [GaussianNB(), LogisticRegression()])
@pytest.mark.no_cover
def test_a_score_is_told_from_a_mean_over_rows_whatever_a_model_answers(base):
    for name, is_mean in SCORES.items():
        scorer = copy.copy(get_scorer(name))  # by its name, accuracy is a loss of each row
        assert measured(scorer, base).is_mean == is_mean, name


def test_a_score_of_three_classes_is_told_from_a_mean_too():
    y = np.arange(700) % 3
    scorer = make_scorer(_of_decisions, response_method="decision_function")
    assert measured(scorer, y=y).is_mean


def _of_decisions(y_true, decisions):
    return float(np.mean(decisions[np.arange(len(y_true)), y_true] > 0))


def test_what_is_told_instead_is_in_the_loss_that_triggers_see():
    assert measured("f1").unit_told == "errors"
    median = measured("neg_median_absolute_error", LinearRegression(), Y[:700] / 2)
    assert (median.unit_told, median.is_mean) == ("units of absolute error", False)


def test_a_score_that_nobody_answers_at_random_is_no_mean():
    def refuses(y_true, y_pred):
        if (y_true != y_pred).mean() > 0.4:
            raise ValueError("too many errors")
        return average_precision_score(y_true, y_pred)

    assert not measured(make_scorer(refuses)).is_mean


def test_a_batch_on_which_a_score_is_not_defined_tells_nothing():
    """A log loss of one class is not; who is told it goes by the other batches."""
    y = Y[:1000].copy()
    y[500:600] = 1
    found = compared({"debt": (RefitDebt, 300)}, X=X[:1000], y=y, scoring="neg_log_loss")
    told = found._runs._telling[0]._told[0, 0]
    assert np.flatnonzero(np.isnan(told)).tolist() == [0, 5]
    assert np.isfinite(found.cost("debt", 1))
    nothing_read = {}, None, np.zeros(100, dtype=bool)
    assert np.isnan(measured("neg_log_loss")._loss_of_batch(nothing_read, 2))
