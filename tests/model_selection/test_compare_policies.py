"""compare_policies: replayed and live policies agree where they are the same, and costs add up."""

import itertools
import math
import pickle
import warnings

import numpy as np
import pytest
from helpers import representatives, stream
from river.drift import PageHinkley
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, ReplayPartialFit, make_mixture
from skretrain.buffers import SlidingWindow
from skretrain.datasets import make_drifting_regression
from skretrain.drift import ErrorDrift, Periodic, RefitDebt
from skretrain.model_selection import RetrainMatrix, compare_policies, prequential_validate
from skretrain.policies import FullRefit, ReplayMix

X, Y = stream(1010, drift=500)
SCHEDULES = {"never": [], "twice": [(4, 500), (7, "all")], "weekly": (Periodic(300), 500)}


def live_refits(window, every):
    return DriftAwareRetrainer(
        GaussianNB(),
        detector=Periodic(every),
        update=None,
        policy=FullRefit(window, grow=False),
    )


def compared(policies=SCHEDULES, **options):
    return compare_policies(GaussianNB(), X, Y, policies, **{"prices": [1, 10, 100], **options})


COMPARISON = compared({**SCHEDULES, "debt": (RefitDebt, 500), "updated": GaussianNB()})


# -- scores are those of what was served -----------------------------------------------------------


@pytest.mark.parametrize("window", [300, "all"])
@pytest.mark.parametrize(("delay", "latency"), [(0, 0), (200, 0), (0, 200), (100, 300)])
@pytest.mark.no_cover
def test_a_schedule_replayed_scores_and_costs_what_it_does_live(window, delay, latency):
    """Labels and models that come late, too: a matrix has a fit for each policy that it replays."""
    policies = {"replayed": (Periodic(200), window), "live": live_refits(window, 200)}
    found = compared(policies, label_delay=delay, fit_latency=latency)
    one, two = (found.results[name][0] for name in policies)
    assert found.kinds == {"replayed": "trigger", "live": "live"}
    assert found.score("live") == pytest.approx(two.score)
    table = found.to_frame().set_index("policy").drop(columns=["kind", "cpu_seconds"])
    if latency == 0:
        np.testing.assert_allclose(
            table.loc["replayed"].to_numpy(float), table.loc["live"].to_numpy(float)
        )
    else:
        # The last fits of the live one never came into service.
        assert found.score("replayed") == pytest.approx(found.score("live"))
        assert one.n_fits <= two.n_fits


def test_delays_between_two_batches_are_rounded_up_for_all_policies():
    """A model that learns at the borders of batches, of whole batches, is late by as many."""
    policies = {"replayed": (Periodic(100), "all"), "live": live_refits("all", 100)}
    odd = compared(policies, label_delay=130, fit_latency=30)
    whole = compared(policies, label_delay=300)
    for name in policies:
        assert odd.score(name) == whole.score(name)
    by_hand = prequential_validate(policies["live"], X, Y, label_delay=200, fit_latency=100)
    assert odd.score("live") == pytest.approx(by_hand.score)


def test_the_first_fit_is_on_the_initial_size():
    found = compared(initial_size=330)
    assert found.results["never"][0].rows_per_fit.tolist() == [330]
    model = GaussianNB().fit(X[:330], Y[:330])
    assert found.score("never") == pytest.approx(model.score(X[330:], Y[330:]))


@pytest.mark.parametrize(
    ("scoring", "oracle"),
    [
        (None, lambda y, z: -mean_absolute_error(y, z)),
        ("neg_mean_absolute_error", lambda y, z: -mean_absolute_error(y, z)),
        ("neg_mean_squared_error", lambda y, z: -mean_squared_error(y, z)),
        ("neg_root_mean_squared_error", lambda y, z: -root_mean_squared_error(y, z)),
        ("r2", r2_score),
        (lambda y, z: np.abs(y - z) > 1, lambda y, z: -np.mean(np.abs(y - z) > 1)),
    ],
)
def test_the_score_is_that_of_scikit_learn_and_the_cost_is_in_its_loss(scoring, oracle):
    X, y, _ = make_drifting_regression(600, random_state=0)
    live = DriftAwareRetrainer(LinearRegression())
    policies = {"never": [], "live": live}
    found = compare_policies(LinearRegression(), X, y, policies, scoring=scoring, prices=0)
    model = LinearRegression().fit(X[:100], y[:100])
    assert found.score("never") == pytest.approx(oracle(y[100:], model.predict(X[100:])))
    served = found.results["live"][0]
    assert found.score("live") == pytest.approx(oracle(served.y_true, served.y_pred))
    assert served.score == pytest.approx(found.score("live"))
    assert found.cost("never", 0) == pytest.approx(found.results["never"][0].loss)
    assert (found.scoring == scoring) == isinstance(scoring, str)


def test_accuracy_takes_labels_of_any_kind():
    names = np.array(["no", "yes"])
    found = compare_policies(GaussianNB(), X, names[Y], {"a": [], "b": GaussianNB()}, prices=1)
    served = found.results["b"][0]
    assert found.score("b") == accuracy_score(served.y_true, served.y_pred)
    assert (found.scoring, found.unit) == ("accuracy", "errors")


def test_r2_of_a_target_that_never_changes_is_that_of_scikit_learn():
    found = compare_policies(
        LinearRegression(), X, np.ones(len(Y)), {"a": []}, scoring="r2", prices=1
    )
    assert found.score("a") in (0.0, 1.0)


# -- costs, regret, the best in hindsight ----------------------------------------------------------


def test_the_cost_is_the_loss_and_a_price_for_each_refit_after_the_first_fit():
    for name in SCHEDULES:
        result = COMPARISON.results[name][0]
        for price in (0, 3.5, 100):
            assert COMPARISON.cost(name, price) == result.loss + price * (result.n_fits - 1)


def test_an_update_is_charged_for_its_rows():
    """1,010 rows, 100 of them in the first fit, of refits that have 500 rows on the whole past."""
    price = 550.0  # the whole past before each of the chunks 1 to 10 is 100, 200, ... 1000 rows
    extra = COMPARISON.cost("updated", price) - COMPARISON.cost("updated", 0)
    assert extra == pytest.approx(910)
    alone = compared({"updated": DriftAwareRetrainer(GaussianNB(), detector=None)})
    assert alone.cost("updated", price) == pytest.approx(COMPARISON.cost("updated", price))


def test_a_refit_in_place_of_an_update_is_charged_once():
    """Where a model cannot be continued, a replay is a refit."""
    tree = DecisionTreeClassifier(random_state=0)
    refits = DriftAwareRetrainer(tree, detector=None, update=ReplayMix())
    found = compare_policies(tree, X, Y, {"live": refits}, prices=1)
    n_fits = found.results["live"][0].n_fits
    assert n_fits == 11
    assert found.cost("live", 7) - found.cost("live", 0) == pytest.approx(7 * (n_fits - 1))


def test_no_replayed_policy_beats_the_oracle_and_it_is_that_of_the_matrix():
    matrix = RetrainMatrix(GaussianNB(), windows=[1000, "all", 500]).fit(X, Y)
    for number, price in enumerate(COMPARISON.prices):
        best = matrix.oracle(price)
        assert COMPARISON.oracle["cost"][number] == best.cost(price)
        assert COMPARISON.oracle["n_fits"][number] == best.n_fits
        assert COMPARISON.oracle["score"][number] == pytest.approx(1 - best.mean_loss)
        regret = COMPARISON.regret(price)
        for name in COMPARISON.names:
            assert regret[name] == COMPARISON.cost(name, price) - best.cost(price)
            assert COMPARISON.kinds[name] == "live" or regret[name] >= 0


def test_the_best_fixed_policy_is_the_best_of_never_and_of_every_cadence():
    matrix = COMPARISON.matrices[0]
    schedules = [[]] + [
        [(chunk, window) for chunk in range(1 + cadence, 11, cadence)]
        for cadence, window in itertools.product([1, 2, 5], [1000, 500, "all"])
    ]
    for price in (0, 20, 1e6):
        best = min(matrix.replay(schedule).cost(price) for schedule in schedules)
        regret = COMPARISON.regret(price, to="fixed")
        assert regret["weekly"] == COMPARISON.cost("weekly", price) - best
        relative = COMPARISON.regret(price, to="fixed", relative=True)
        assert relative["weekly"] == pytest.approx(regret["weekly"] / best)
    assert COMPARISON.regret(1e6, to="fixed")["never"] == 0


def test_over_the_grid_regret_is_that_at_each_price():
    grid = COMPARISON.regret()
    for name, values in grid.items():
        assert values.tolist() == [COMPARISON.regret(p)[name] for p in COMPARISON.prices]


def test_nothing_is_above_the_frontier():
    """No schedule has a better score than a mix of two points on it that costs as much."""
    policies = {
        f"{k} {w}": (Periodic(100 * k), w)
        for k, w in itertools.product([1, 2, 3, 5], [500, 1000, "all"])
    }
    found = compared({"never": [], **policies})
    frontier = found.frontier
    assert (np.diff(frontier["cpu_seconds"]) > 0).all()
    assert (np.diff(frontier["score"]) > 0).all()
    for name in found.names:
        best = np.interp(found.cpu_seconds(name), frontier["cpu_seconds"], frontier["score"])
        # Between two rates of the grid, a little is left out.
        assert found.score(name) <= best + 0.02
    assert frontier["score"][-1] == pytest.approx(1 - found.matrices[0].oracle(0).mean_loss)


def test_no_schedule_is_better_for_as_many_seconds_as_a_point_of_the_frontier():
    """Checked against all schedules, where the seconds of fits differ widely."""
    found = compare_policies(GaussianNB(), X[:700], Y[:700], {"never": []}, prices=1)
    (matrix,) = found.matrices
    matrix.fit_seconds_ = 10.0 ** np.random.default_rng(0).uniform(-2, 1, matrix.fit_seconds_.shape)
    matrix.fit_seconds_[:, 0] = 0.1  # the first fit is on the same rows, whatever the window
    choices = itertools.product([None, 1000, "all"], repeat=5)
    everything = [
        matrix.replay([(c, w) for c, w in zip(range(2, 7), windows, strict=True) if w])
        for windows in choices
    ]
    frontier = found.frontier
    assert len(frontier["score"]) > 2
    for seconds, score in zip(frontier["cpu_seconds"], frontier["score"], strict=True):
        rivals = [1 - r.mean_loss for r in everything if r.fit_seconds <= seconds + 1e-9]
        assert score == pytest.approx(max(rivals))


def test_a_policy_that_is_told_the_price_acts_on_it():
    def told(price):
        return COMPARISON.matrices[0].replay(RefitDebt(price=price), window=500)

    for price in (1, 10, 1e6):
        assert COMPARISON.cost("debt", price) == told(price).cost(price)
        assert COMPARISON.score("debt", price) == pytest.approx(1 - told(price).mean_loss)
    # Where the table needs one price, it is the middle one.
    assert COMPARISON.to_frame().set_index("policy").score["debt"] == COMPARISON.score("debt", 10)
    dear = COMPARISON.to_frame(price=1e6).set_index("policy")
    assert dear.n_fits["debt"] == 1
    assert COMPARISON.results["debt"][0].schedule == told(10).schedule


def test_the_usual_prices_surround_what_the_best_single_refit_saves():
    found = compared(prices=None)
    matrix = found.matrices[0]
    saved = matrix.replay([]).loss - min(
        matrix.replay([(chunk, window)]).loss
        for chunk in range(2, 11)
        for window in (1000, "all", 500)
    )
    np.testing.assert_allclose(found.prices, saved * np.logspace(-2, 1, 9), rtol=0.05)
    nothing = compare_policies(GaussianNB(), X, np.zeros(len(Y)), {"never": []})
    assert nothing.prices[-1] == 10.0
    assert math.isnan(nothing.regret(1, relative=True)["never"])
    # A history of two batches has no refit that could save anything.
    assert compare_policies(GaussianNB(), X[:150], Y[:150], {"never": []}).prices[-1] == 10.0


# -- the answer ------------------------------------------------------------------------------------


def test_the_cheapest_is_recommended_with_its_numbers():
    for price in (0, 10, 1e6):
        answer = COMPARISON.recommend(price)
        costs = {name: COMPARISON.cost(name, price) for name in COMPARISON.names}
        assert costs[answer.policy] == min(costs.values())
        for number in (price, min(costs.values()), COMPARISON.cost("never", price)):
            assert f"{number:,.0f}" in answer.text
        assert f"accuracy {COMPARISON.score(answer.policy, price):.3f}" in answer.text
    assert COMPARISON.recommend() == COMPARISON.recommend(10)
    assert "'never' costs least" in answer.text
    assert "1 fit)" in answer.text


def test_what_cannot_be_told_from_the_best_is_named():
    """A twin is level with it; a policy that loses half of the rows is not."""
    twins = {"one": (Periodic(200), 300), "two": (Periodic(200), 300), "never": []}
    found = compared(twins)
    assert found.recommend(1).text.endswith("Within the noise, no worse: 'two'.")
    # Equal losses leave no noise: the refits decide.
    assert "'b'" not in compared({"a": [], "b": [(10, "all")]}).recommend(1000).text


def test_the_leaders_are_those_that_are_recommended_but_for_the_noise():
    policies = {**SCHEDULES, "often": (Periodic(100), 500), "updated": GaussianNB()}
    found = compared(policies, prices=[0, 1, 3, 10, 30, 100, 300, 1000, 3000])
    leaders = found.leaders()
    assert [leaders[0][1], leaders[-1][2]] == [0, 3000]
    assert len(leaders) > 1
    ends = [(last, first) for (_, _, last), (_, first, _) in itertools.pairwise(leaders)]
    prices = found.prices.tolist()
    assert all(prices.index(first) == prices.index(last) + 1 for last, first in ends)
    assert all(one[0] != two[0] for one, two in itertools.pairwise(leaders))
    for name, low, high in leaders:
        for price in (p for p in prices if low <= p <= high):
            answer = found.recommend(price)
            assert answer.policy == name or f"'{name}'" in answer.text.partition("Within")[2]
            assert price != 30 or answer.policy == name


def test_a_lead_within_the_noise_does_not_change_the_leader():
    policies = {"rarely": (Periodic(400), 300), "often": (Periodic(200), 500)}
    found = compared(policies, prices=[0, 1, 2, 4, 8, 20])
    assert [found.recommend(price).policy for price in (4, 20)] == ["often", "rarely"]
    assert "no worse: 'often'" in found.recommend(20).text
    assert found.leaders() == [("often", 0.0, 20.0)]


def test_the_losses_of_the_batches_add_up_to_the_score():
    found = compared({**SCHEDULES, "updated": GaussianNB()}, seeds=2)
    for name in found.names:
        losses = found.batch_losses(name)
        assert losses.shape == (2, 10)
        assert 1 - losses.sum() / 2 / 910 == pytest.approx(found.score(name))


def test_a_score_that_is_a_loss_is_recommended_by_the_loss():
    found = compared(scoring=lambda y, z: (y != z) / 2)
    assert "(mean <lambda> 0." in found.recommend(10).text


def test_losses_without_end_are_never_level():
    def endless(y, z):
        return np.where(y != z, np.inf, 0.0)

    found = compared({"twice": [(4, 500), (7, "all")], "never": []}, scoring=endless)
    assert "Within the noise" in found.recommend(1).text or found.cost("never", 1) == math.inf
    assert found.prices.tolist() == [1, 10, 100]
    assert compared({"never": []}, scoring=endless, prices=None).prices[-1] == 10.0


def test_a_history_of_two_batches_has_no_noise_to_speak_of():
    found = compare_policies(GaussianNB(), X[:150], Y[:150], {"a": [], "b": [(1, "all")]}, prices=1)
    assert "Within the noise, no worse: 'b'." in found.recommend(1).text


# -- seeds, jobs, what is accepted -----------------------------------------------------------------


@pytest.mark.no_cover
def test_seeds_give_intervals_of_the_mean():
    from scipy.stats import ttest_1samp

    X, y = stream(500, drift=250)
    sgd = SGDClassifier()
    policies = {"never": [], "live": DriftAwareRetrainer(sgd)}
    found = compare_policies(sgd, X, y, policies, seeds=3, prices=1)
    each = [compare_policies(sgd, X, y, policies, random_state=s, prices=1) for s in range(3)]
    assert found.seeds == [0, 1, 2]
    for name in policies:
        scores = [one.score(name) for one in each]
        assert len(set(scores)) > 1
        assert found.score(name) == pytest.approx(np.mean(scores))
        by_scipy = ttest_1samp(scores, 0).confidence_interval(0.95)
        assert found.interval(name) == pytest.approx(tuple(by_scipy))
        assert np.isnan(each[0].interval(name)).all()
    again = compare_policies(sgd, X, y, policies, seeds=(0, 1, 2), n_jobs=2, prices=1)
    assert again.score("live") == found.score("live")
    assert again.regret(1) == found.regret(1)


@pytest.mark.no_cover
def test_with_one_seed_a_replayed_first_fit_is_the_live_one_bit_for_bit():
    sgd = SGDClassifier()
    frozen = DriftAwareRetrainer(sgd, detector=None, update=None, dry_run=True)
    found = compare_policies(sgd, X, Y, {"never": [], "live": frozen}, seeds=5, prices=1)
    losses = [[result.loss for result in found.results["never"]]]
    losses += [[float((r.y_true != r.y_pred).sum()) for r in found.results["live"]]]
    assert losses[0] == losses[1]
    assert len(set(losses[0])) > 1


@pytest.mark.no_cover
def test_the_default_policies_are_never_schedules_debts_and_the_live_ones():
    found = compare_policies(GaussianNB(), X[:500], Y[:500], batch_size=50)
    assert found.names == [
        "never",
        "every 50 on all",
        "every 50 on last 500",
        "every 250 on all",
        "every 250 on last 500",
        "debt on all",
        "debt on last 500",
        "keep or refit",
        "since drift",
        "warm start",
        "replay mix",
        "mixture",
    ]
    kinds = list(found.kinds.values())
    assert kinds == ["schedule"] + 4 * ["trigger"] + 2 * ["told the price"] + 5 * ["live"]
    live = {
        "keep or refit": DriftAwareRetrainer(GaussianNB()),
        "since drift": DriftAwareRetrainer(GaussianNB(), policy="full_refit"),
        "replay mix": ReplayPartialFit(GaussianNB()),
        "mixture": make_mixture(GaussianNB()),
    }
    for name, retrainer in live.items():
        result = prequential_validate(retrainer, X[:500], Y[:500], batch_size=50)
        assert found.score(name) == pytest.approx(result.score)
    tree = compare_policies(DecisionTreeClassifier(), X[:200], Y[:200])
    assert "warm start" not in tree.names


def test_every_kind_of_policy_is_taken():
    policies = {
        "alias": "adwin",
        "river": (PageHinkley(), 500),
        "trigger": ErrorDrift(),
        "function": (lambda now: now.age == 3, 500),
        "pairs": ((3, "all"), (5, 250)),
        "live": DriftAwareRetrainer(GaussianNB(), buffer=SlidingWindow(100)),
    }
    found = compared(policies)
    assert list(found.kinds.values()) == ["trigger"] * 3 + ["function", "schedule", "live"]
    assert found.results["function"][0].schedule[1:] == [(4, 500), (7, 500), (10, 500)]
    assert found.results["pairs"][0].schedule == [(1, "all"), (3, "all"), (5, 250)]
    assert repr(found) == "<PolicyComparison of 6 policies at 3 prices>"


def test_the_table_has_a_line_per_policy_and_a_column_per_price():
    table = COMPARISON.to_frame()
    assert table.policy.tolist() == COMPARISON.names
    assert table.kind.tolist() == list(COMPARISON.kinds.values())
    assert list(table)[-3:] == ["cost_at_1", "cost_at_10", "cost_at_100"]
    assert table.cost_at_10.tolist() == [COMPARISON.cost(name, 10) for name in COMPARISON.names]
    assert table.rows_fitted[0] == 100
    assert (table.cpu_seconds > 0).all()


def test_a_comparison_survives_a_pickle():
    again = pickle.loads(pickle.dumps(COMPARISON))
    assert again.regret(33) == COMPARISON.regret(33)
    assert again.recommend(5) == COMPARISON.recommend(5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policies": {}}, "policies={}: pass a dict"),
        ({"policies": [("a", [])]}, "pass a dict"),
        ({"policies": {"a": 3}}, r"policies\['a'\]=3: pass a retrainer"),
        ({"policies": {"a": [3]}}, r"policies\['a'\]=\[3\]"),
        ({"policies": {"a": Periodic}}, "a trigger class"),
        ({"policies": {"a": int}}, "a trigger class"),
        ({"policies": {"a": (GaussianNB(), 100)}}, r"policies\['a'\]"),
        ({"policies": {"a": [(99, "all")]}}, r"policies\['a'\]: policy: chunk 99"),
        ({"policies": {"a": (Periodic(100), 0)}}, "windows="),
        ({"policies": {"a": "ddm"}}, r"policies\['a'\]: detector='ddm'|policies\['a'\]:"),
        ({"prices": []}, "prices is empty"),
        ({"prices": [1, -1]}, "price=-1"),
        ({"prices": [True]}, "price=True"),
        ({"prices": math.inf}, "price=inf"),
        ({"scoring": "f2"}, "scoring='f2': pass the name of a scorer of scikit-learn"),
        ({"seeds": []}, "seeds must be a number of seeds, a sequence of integers"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"label_delay": -1}, "label_delay=-1"),
        ({"fit_latency": 0.5}, "fit_latency=0.5"),
        ({"initial_size": 5000}, "initial_size=5000"),
    ],
)
def test_what_makes_no_sense_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        compared(**options)


@pytest.mark.parametrize("given", [{}, {"X": [(np.ones((9, 1)), np.ones(9))], "y": None}])
def test_what_cannot_be_told_of_runs_is_refused_before_the_first(given):
    data = {"X": np.ones((9, 1)), "y": np.ones(9), **given}
    with pytest.raises(ValueError, match=r"on_run=5\): on_run must be a callable or None"):
        compare_policies(GaussianNB(), **data, on_run=5)


def test_an_estimator_that_cannot_learn_in_between_is_named():
    with pytest.raises(TypeError, match="LogisticRegression has no partial_fit"):
        compared({"a": LogisticRegression()})


def test_questions_that_make_no_sense_are_answered_by_errors():
    with pytest.raises(ValueError, match="to='best'"):
        COMPARISON.regret(to="best")
    name = COMPARISON.names[0]
    for method, args in {
        "recommend": (),
        "regret": (),
        "rolling_choice": (),
        "cost": (name,),
    }.items():
        with pytest.raises(
            ValueError, match=rf"^PolicyComparison\.{method}\(price=-3\): price must"
        ):
            getattr(COMPARISON, method)(*args, price=-3)
    with pytest.raises(ValueError, match="scoring=None"):
        compare_policies(KMeans(), X, Y, {"never": []})
    two = np.column_stack([Y, Y]).astype(float)
    with pytest.raises(ValueError, match="for one target"):
        compare_policies(LinearRegression(), X, two, {"never": []}, scoring="r2")


class _Warning(GaussianNB):
    def fit(self, X, y):
        warnings.warn("as always", UserWarning, stacklevel=2)
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", representatives([1, 2], fast=[1]))
@pytest.mark.no_cover
def test_each_finished_live_run_is_told_with_its_seed_and_result(n_jobs):
    X, y = stream(400)
    policies = {
        "never": [],
        "drift": DriftAwareRetrainer(GaussianNB()),
        "replay": ReplayPartialFit(GaussianNB()),
    }
    seen = []
    options = {"seeds": [3, 3, 5], "n_jobs": n_jobs}
    found = compare_policies(GaussianNB(), X, y, policies, on_run=seen.append, **options)
    assert sorted((run.policy, run.seed, run.n_runs) for run in seen) == [
        *(("drift", seed, 6) for seed in (3, 3, 5)),
        *(("replay", seed, 6) for seed in (3, 3, 5)),
    ]
    for name in ("drift", "replay"):
        told = [run.result for run in seen if run.policy == name]
        assert {id(result) for result in told} == {id(result) for result in found.results[name]}
    alone = compare_policies(GaussianNB(), X, y, policies, **options)
    assert [found.score(name) for name in policies] == [alone.score(name) for name in policies]


def test_warnings_of_live_runs_are_handed_over_or_shown():
    X, y = stream(300)
    policies = {"drift": DriftAwareRetrainer(_Warning(), update=None)}
    seen = []
    compare_policies(GaussianNB(), X, y, policies, on_run=seen.append)
    assert seen[0].warnings[0] == "UserWarning: as always"
    with pytest.warns(UserWarning, match="as always"):
        compare_policies(GaussianNB(), X, y, policies)


@pytest.mark.parametrize("n_jobs", representatives([1, 2], fast=[1]))
def test_an_error_of_a_live_run_names_its_policy(n_jobs):
    X, y = stream(300)
    policies = {
        "drift": DriftAwareRetrainer(GaussianNB()),
        "bad": ReplayPartialFit(MultinomialNB()),
    }
    with pytest.raises(ValueError, match="Negative values") as caught:
        compare_policies(GaussianNB(), X, y, policies, n_jobs=n_jobs)
    assert "under the policy 'bad'" in caught.value.__notes__


def test_a_stride_spares_fits_of_the_matrix():
    X, y = stream(1000)
    found = compare_policies(GaussianNB(), X, y, {"never": []}, stride=3)
    assert found.matrices[0].times_.tolist() == [1, 4, 7]
