"""The command from the file to the table, the sentence and the picture."""

import numpy as np
import pytest
from sklearn.linear_model import SGDRegressor
from sklearn.metrics import accuracy_score, r2_score

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.cli import _pictures, main
from skretrain.cli._estimators import ESTIMATORS
from skretrain.cli._history import embedded_history
from skretrain.cli._policies import POLICIES, no_change, run_all
from skretrain.cli._policies import run as run_policy
from skretrain.cli._schedules import compared, stride_of
from skretrain.datasets import make_drifting_classification
from skretrain.metrics import kappa_temporal
from skretrain.model_selection import prequential_validate

NAMES = [policy.name for policy in POLICIES]


def _numbers(rows):
    return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in rows]


def test_the_table_holds_what_prequential_validate_gives(history, run, table):
    options = ("--target", "label", "--warm-up", "100", "--label-delay", "70")
    code, _, _, rows = run(table, *options)
    assert code == 0
    stream = history(table, "label", label_delay=70)
    base = stream.base
    by_hand = {
        "drift-located refit": DriftAwareRetrainer(base, random_state=0),
        "replay mix": ReplayPartialFit(base, random_state=0),
    }
    table_of = {row["policy"]: row for row in rows}
    for name, retrainer in by_hand.items():
        result = prequential_validate(
            retrainer, stream.X, stream.y, batch_size=50, initial_size=100, label_delay=70
        )
        kappa = kappa_temporal(
            result.y_true, result.y_pred, label_delay=70, y_previous=stream.y[:100]
        )
        row = table_of[name]
        assert float(row["accuracy"]) == result.score
        assert float(row["kappa_temporal"]) == kappa
        assert int(row["fits"]) == result.n_fits
        assert int(row["rows_fitted"]) == result.rows_fitted


def test_every_policy_and_the_baseline_are_in_the_printed_table(run, table):
    code, printed, error, rows = run(table, "--target", "label")
    assert (code, error) == (0, "")
    assert [row["policy"] for row in rows] == [*NAMES, "(no change)"]
    for word in [*NAMES, "(no change)", "kappa-temporal", "CPU s", "On this history", "Written:"]:
        assert word in printed
    assert "\x1b" not in printed  # no colours or cursor movements in a log


def test_csv_and_parquet_give_the_same(run, table):
    as_csv = run(table, "--target", "label", "--time", "when")
    as_parquet = run(table, "--target", "label", "--time", "when", name="stream.parquet")
    assert _numbers(as_csv[3]) == _numbers(as_parquet[3])


def test_a_shuffled_file_with_a_time_column_gives_the_same_as_a_sorted_one(run, table):
    options = ("--target", "label", "--time", "when")
    assert _numbers(run(table, *options)[3]) == _numbers(
        run(table.sample(frac=1, random_state=0), *options)[3]
    )


def test_what_comes_later_does_not_change_earlier_predictions(history, table):
    later = table.copy()
    later.loc[400:, "city"] = "Kyoto"
    answers = []
    for frame in (table, later):
        stream = history(frame, "label", label_delay=0)
        outcomes = [run_policy(p, stream, batch=50, label_delay=0, seed=0) for p in POLICIES]
        answers.append([outcome.result.y_pred[:300] for outcome in outcomes])
    assert np.array_equal(*answers)


def test_regression_is_scored_by_r2_in_which_the_unit_does_not_matter(run, table):
    code, printed, _, rows = run(table, "--target", "amount")
    assert code == 0
    assert "regression" in printed
    assert "kappa-temporal" not in printed
    table["amount"] = 1e4 * table.amount + 7
    scores = [
        [float(row["r2"]) for row in answer]
        for answer in (rows, run(table, "--target", "amount")[3])
    ]
    assert scores[0] == pytest.approx(scores[1])


def test_never_is_the_model_of_the_warm_up_even_when_a_class_appears(history, table):
    table.loc[300:, "label"] = table.label[300:].replace("yes", "maybe")
    stream = history(table, "label", label_delay=0)
    outcome = run_policy(POLICIES[0], stream, batch=50, label_delay=0, seed=0)
    assert (outcome.n_fits, outcome.n_updates, outcome.rows_fitted) == (1, 0, 100)
    assert set(outcome.result.y_pred) <= {0, 1}


def test_each_policy_does_what_its_name_says():
    X_rows = 10_000
    stream = embedded_history(estimator="sgd", batch=100, warm_up=None, label_delay=0)
    assert len(stream.y) == X_rows
    assert stream.drift_rows.tolist() == [3333, 6666]
    did = {p.name: run_policy(p, stream, batch=100, label_delay=0, seed=0) for p in POLICIES}
    assert (did["never"].n_fits, did["never"].rows_fitted) == (1, 1_000)
    assert (did["periodic"].n_fits, did["periodic"].n_updates) == (10, 0)
    assert did["periodic"].rows_fitted == sum(range(1_000, 10_001, 1_000))
    assert (did["window"].n_fits, did["window"].rows_fitted) == (91, 91_000)
    assert (did["warm start"].n_fits, did["warm start"].rows_fitted) == (1, 10_000)
    assert (did["replay mix"].n_fits, did["replay mix"].n_updates) == (1, 90)
    located = did["drift-located refit"]
    assert located.n_updates + located.n_fits == 91
    assert [event.state for event in located.result.events].count("drift") == 2
    assert located.score > did["never"].score + 0.2


def test_the_loss_per_row_adds_up_to_the_score(history, table):
    for target in ("label", "amount"):
        stream = history(table, target, label_delay=0)
        outcome = run_policy(POLICIES[3], stream, batch=50, label_delay=0, seed=0)
        assert 1 - outcome.losses.mean() == pytest.approx(outcome.score)
        baseline = no_change(stream, label_delay=0)
        assert 1 - baseline.losses.mean() == pytest.approx(baseline.score)


def test_the_baseline_repeats_the_newest_label_known_at_the_delay(history, table):
    stream = history(table, "label", label_delay=7)
    y = stream.y
    assert no_change(stream, label_delay=7).score == accuracy_score(y[100:], y[92:-8])
    stream.task = "regression"
    assert no_change(stream, label_delay=7).score == r2_score(y[100:], y[92:-8])


def test_warnings_on_the_way_are_counted_not_raised(monkeypatch, run, table):
    monkeypatch.setitem(ESTIMATORS, "sgd", ("", {"regression": SGDRegressor(max_iter=1)}))
    code, printed, _, _ = run(table, "--target", "amount")
    assert code == 0
    assert "warning: never: ConvergenceWarning" in printed
    assert "(1 times)" in printed


def test_a_model_that_blew_up_does_not_flatten_the_others(monkeypatch, run, table):
    exploding = SGDRegressor(learning_rate="constant", eta0=0.5, max_iter=2)
    monkeypatch.setitem(ESTIMATORS, "sgd", ("", {"regression": exploding}))
    code, _, _, rows = run(table, "--target", "amount", pictures=True)
    assert code == 0
    assert min(float(row["r2"]) for row in rows) < -1000


def test_the_embedded_stream_needs_nothing_and_says_where_it_drifts(tmp_path, capsys):
    assert main(["compare", "--out", str(tmp_path / "a" / "b")]) == 0
    printed = capsys.readouterr().out
    assert "at rows 3,333, 6,666" in printed
    assert "On this history 'drift-located refit' would have paid" in printed
    assert (tmp_path / "a" / "b" / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_on_a_terminal_a_bar_replaces_the_lines(monkeypatch, run, table):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    code, printed, _, _ = run(table, "--target", "label")
    assert code == 0
    assert "\x1b" in printed
    assert "replayed" not in printed


def test_where_the_last_target_is_the_better_forecast_it_is_said(run, table):
    table["amount"] = np.cumsum(np.random.default_rng(0).normal(size=600))
    code, printed, _, _ = run(table[["city", "amount"]], "--target", "amount")
    assert code == 0
    assert "But repeating the newest known target" in printed


def test_the_command_s_sizes_reach_the_embedded_stream(monkeypatch, tmp_path, capsys):
    small = make_drifting_classification(600, n_drifts=2, random_state=0)
    monkeypatch.setattr(
        "skretrain.cli._history.make_drifting_classification", lambda *a, **k: small
    )
    command = ["compare", "--batch", "50", "--warm-up", "90", "--out", str(tmp_path)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "first 90 rows," in printed
    assert "batches of 50 with" in printed
    assert "every 500 rows" in printed


def test_alarms_are_drawn_where_the_stream_stood(monkeypatch, tmp_path):
    """With labels 300 rows late, what row r's label sets off happens once row r + 300 is in."""
    drawn = {}

    class Recorder(_pictures.DriftTimelineDisplay):
        def plot(self, ax=None):
            drawn.update(vars(self))
            return super().plot(ax)

    monkeypatch.setattr(_pictures, "DriftTimelineDisplay", Recorder)
    stream = embedded_history(estimator="sgd", batch=100, warm_up=None, label_delay=300)
    outcomes = [run_policy(p, stream, batch=100, label_delay=300, seed=0) for p in POLICIES]
    _pictures.draw(tmp_path / "a.png", outcomes, stream, label_delay=300, title="t")
    events = list(outcomes[3].result.events)
    assert drawn["alarms"] == [event.row + 300 for event in events if event.state == "drift"]
    assert len(drawn["alarms"]) == 2
    assert (np.array(drawn["alarms"]) > stream.drift_rows + 300).all()
    assert len(drawn["refits"]) == outcomes[3].n_fits - 1


def test_seeds_are_summed_up_by_mean_and_deviation_and_jobs_change_no_number(run, table):
    options = ("--target", "label", "--seeds", "3")
    serial = run(table, *options)
    parallel = run(table, *options, "--jobs", "2")
    assert (serial[0], parallel[0]) == (0, 0)
    assert _numbers(serial[3]) == _numbers(parallel[3])
    assert " ± " in serial[1]
    assert "random_state 0 to 2" in serial[1]
    assert serial[1].count("replayed never") == 3


def test_the_row_of_several_seeds_is_the_mean_of_the_rows_of_each(history, table):
    stream = history(table)
    options = {"batch": 50, "label_delay": 0}
    seen = []
    outcomes = run_all(stream, **options, seeds=3, jobs=1, on_run=seen.append)
    assert len(seen) == 3 * len(POLICIES)
    for policy, outcome in zip(POLICIES, outcomes, strict=True):
        each = [run_policy(policy, stream, **options, seed=seed) for seed in range(3)]
        scores = [one.score for one in each]
        assert outcome.scores == tuple(scores)
        assert outcome.score == pytest.approx(np.mean(scores))
        assert outcome.deviation == pytest.approx(np.std(scores, ddof=1))
        assert 1 - outcome.losses.mean() == pytest.approx(outcome.score)
        assert outcome.rows_fitted == pytest.approx(np.mean([one.rows_fitted for one in each]))
        assert outcome.kappa == pytest.approx(np.mean([one.kappa for one in each]))
        assert each[0].deviation is None


def test_a_policy_that_the_model_does_not_allow_is_a_row_with_the_reason(run, table):
    tree = "sklearn.tree:DecisionTreeClassifier"
    options = ("--target", "label", "--estimator", tree, "--batch", "100", "--seeds", "2")
    code, printed, _, rows = run(table, *options)
    assert code == 0
    row = next(row for row in rows if row["policy"] == "warm start")
    assert {row[name] for name in ("accuracy", "kappa_temporal", "fits", "cpu_seconds")} == {""}
    assert row["description"].startswith("not possible: DecisionTreeClassifier has neither")
    assert row["description"] in printed
    # Where every update is a refit, it is not counted twice.
    replay = next(row for row in rows if row["policy"] == "replay mix")
    assert (float(replay["updates"]), float(replay["fits"])) == (0.0, 6.0)
    assert "'replay mix' refits every batch" in printed


def test_a_model_with_its_own_warm_start_can_be_continued(run, table):
    code, printed, _, rows = run(table, "--target", "label", "--estimator", "logistic")
    assert code == 0
    assert "not possible" not in printed
    assert all(row["accuracy"] for row in rows)
    warm = next(row for row in rows if row["policy"] == "warm start")
    assert (warm["updates"], warm["fits"]) == ("11", "1")
    assert "LogisticRegression has no partial_fit: between alarms" in printed


def test_a_price_adds_the_costs_and_names_what_costs_least(run, table):
    code, printed, _, rows = run(table, "--target", "label", "--warm-up", "100", "--price", "10")
    assert code == 0
    ran = rows[:-1]
    for row in ran:
        # 500 rows are scored; the whole past before each refit is 100, 150, ... 550 rows.
        errors, n_fits = 500 * (1 - float(row["accuracy"])), int(row["fits"])
        cost = errors + 10 * (n_fits - 1)
        if row["updates"] == "0":
            assert float(row["cost"]) == pytest.approx(cost)
        else:
            assert float(row["cost"]) > cost
    cheapest = min(ran, key=lambda row: float(row["cost"]))["policy"]
    never = next(row for row in ran if row["policy"] == "never")
    assert f"At a price of 10 errors per refit, '{cheapest}' costs least" in printed
    assert f"against {float(never['cost']):,.0f} without retraining" in printed
    assert " cost " in printed
    assert rows[-1]["cost"] == ""
    without = run(table, "--target", "label")
    assert "At a price" not in without[1]
    assert " cost " not in without[1]
    assert {row["cost"] for row in without[3]} == {""}


def test_the_price_of_a_regression_is_in_units_of_the_target(history, run, table):
    code, printed, _, _ = run(table, "--target", "amount", "--price", "7")
    assert code == 0
    assert "At a price of 7 units of 'amount' per refit" in printed
    stream = history(table, "amount")
    outcome = run_policy(POLICIES[0], stream, batch=50, label_delay=0, seed=0)
    compared([outcome], stream, batch=50, label_delay=0, price=7.0, seeds=1, jobs=1)
    residuals = np.abs(outcome.result.y_true - outcome.result.y_pred) * stream.unit
    assert outcome.cost == pytest.approx(residuals.sum())


@pytest.mark.parametrize("delay", [0, 100])
def test_the_best_in_hindsight_is_that_of_the_same_rows(delay, history, table):
    """A policy that only refits from scratch does not beat it."""
    stream = history(table, label_delay=delay)
    options = {"batch": 50, "label_delay": delay}
    outcomes = run_all(stream, **options, seeds=2, jobs=1, on_run=lambda outcome: None)
    found = compared(outcomes, stream, **options, price=3.0, seeds=2, jobs=1)
    regret = found.regret(3.0)
    assert found.seeds == [0, 1]
    for outcome in outcomes:
        assert found.score(outcome.name) == pytest.approx(outcome.score)
        if outcome.name in ("never", "periodic", "window"):
            assert regret[outcome.name] >= -1e-9
    assert regret["never"] == found.cost("never", 3.0) - found.oracle["cost"][0]


def test_a_long_history_has_fewer_moments_to_refit_at():
    stream = embedded_history(estimator="sgd", batch=50, warm_up=None, label_delay=0)
    assert stride_of(stream, 50) == 3
    assert stride_of(stream, 9_000) == 1


@pytest.mark.parametrize("price", ["-1", "cheap", "inf", "nan"])
def test_a_price_is_a_number_of_at_least_zero(price, capsys):
    with pytest.raises(SystemExit):
        main(["compare", f"--price={price}"])
    assert f"'{price}' is not a number of at least 0" in capsys.readouterr().err
