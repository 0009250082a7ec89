"""The command from the file to the table, the sentence and the picture."""

import contextlib
import functools
import io
import re

import numpy as np
import pytest
from helpers import representatives
from sklearn.linear_model import SGDRegressor
from sklearn.metrics import accuracy_score, mean_absolute_error
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.cli import _compare, _pictures, main
from skretrain.cli._estimators import ESTIMATORS
from skretrain.cli._history import embedded_history
from skretrain.cli._metric import ACCURACY, ERROR
from skretrain.cli._policies import constant, no_change, run_all
from skretrain.datasets import make_drifting_classification
from skretrain.metrics import kappa_temporal
from skretrain.model_selection import compare_policies, prequential_validate

NAMES = [
    "never",
    "every 50 on all",
    "every 50 on last 500",
    "every 250 on all",
    "every 250 on last 500",
    "keep or refit",
    "since drift",
    "warm start",
    "replay mix",
    "mixture",
]


def run_by_name(stream, *, price=None, seeds=1, on_run=None):
    """Return the outcomes by name, and the comparison."""
    outcomes, baselines, comparison = run_all(
        stream,
        ERROR if stream.task == "regression" else ACCURACY,
        price=price,
        seeds=seeds,
        jobs=1,
        on_run=on_run or (lambda *run: None),
    )
    return {outcome.name: outcome for outcome in [*outcomes, *baselines]}, comparison


@pytest.fixture(scope="module")
def answers():
    return {}


@pytest.fixture
def answer(run, table, answers):
    """Run the command on the fixture's stream, once for all tests that read the same answer."""

    def answer_to(*options):
        if options not in answers:
            answers[options] = run(table, *options)
        return answers[options]

    return answer_to


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """Run the command without a file, once; return the exit code, what was printed and found.

    It is run by the test that asks first, and not before: a fixture is always traced.
    """
    out, found = tmp_path_factory.mktemp("embedded") / "a" / "b", []

    def spied(*args, **options):
        found.append(run_all(*args, **options))
        return found[-1]

    @functools.cache
    def run_once():
        with contextlib.ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(_compare, "run_all", spied)
            patch.setattr(_compare, "pictures", lambda *args, **kwargs: [])  # those of the page
            file = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            code = main(["compare", "--out", str(out)])
        [(outcomes, _, _)] = found
        return code, file.getvalue(), {outcome.name: outcome for outcome in outcomes}, out

    return run_once


def _numbers(rows):
    return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in rows]


@pytest.mark.no_cover
def test_the_table_holds_what_prequential_validate_gives(history, answer, table):
    options = ("--target", "label", "--warm-up", "100", "--label-delay", "70")
    code, _, _, rows = answer(*options)
    assert code == 0
    stream = history(table, "label", label_delay=70)
    base = stream.base
    by_hand = {
        "keep or refit": DriftAwareRetrainer(base, random_state=0),
        "since drift": DriftAwareRetrainer(base, policy="full_refit", random_state=0),
        "replay mix": ReplayPartialFit(base, random_state=0),
    }
    table_of = {row["policy"]: row for row in rows}
    for name, retrainer in by_hand.items():
        # Whole batches are learned: the label delay of 70 rows is that of two batches of 50.
        result = prequential_validate(
            retrainer, stream.X, stream.y, batch_size=50, initial_size=100, label_delay=100
        )
        kappa = kappa_temporal(
            result.y_true, result.y_pred, label_delay=70, y_previous=stream.y[:100]
        )
        row = table_of[name]
        assert float(row["accuracy"]) == pytest.approx(result.score)
        assert float(row["kappa_temporal"]) == pytest.approx(kappa)
        assert float(row["fits"]) == result.n_fits
        assert float(row["rows_fitted"]) == result.rows_fitted


@pytest.mark.no_cover
def test_every_policy_and_the_baseline_are_in_the_printed_table(answer):
    code, printed, error, rows = answer("--target", "label")
    assert (code, error) == (0, "")
    assert [row["policy"] for row in rows] == [*NAMES, "(no change)", "(majority)"]
    for word in [
        *NAMES,
        "(no change)",
        "(majority)",
        "kappa temporal",
        "CPU s",
        "On this history",
        "Written:",
    ]:
        assert word in printed
    assert "\x1b" not in printed  # no colours or cursor movements in a log


@pytest.mark.no_cover
def test_the_rows_are_those_of_compare_policies(history, answer, table):
    price = 10.0
    code, _, _, rows = answer("--target", "label", "--warm-up", "100", "--price", "10")
    assert code == 0
    stream = history(table)
    library = compare_policies(
        stream.base,
        stream.X,
        stream.y,
        batch_size=50,
        initial_size=100,
        prices=price,
        seeds=[0],
    )
    by_name = library.to_frame(price).set_index("policy")
    for row in rows[:-2]:
        expected = by_name.loc[row["policy"]]
        assert float(row["accuracy"]) == pytest.approx(expected["score"])
        assert float(row["fits"]) == expected["n_fits"]
        assert float(row["cost"]) == pytest.approx(expected["cost_at_10"])
    assert {"debt on all", "debt on last 500"} <= {row["policy"] for row in rows}
    assert set(by_name.index) == {row["policy"] for row in rows[:-2]}


@pytest.mark.no_cover
def test_csv_and_parquet_give_the_same(answer, run, table):
    as_csv = answer("--target", "label", "--time", "when")
    as_parquet = run(table, "--target", "label", "--time", "when", name="stream.parquet")
    assert _numbers(as_csv[3]) == _numbers(as_parquet[3])


@pytest.mark.no_cover
def test_a_shuffled_file_with_a_time_column_gives_the_same_as_a_sorted_one(answer, run, table):
    options = ("--target", "label", "--time", "when")
    assert _numbers(answer(*options)[3]) == _numbers(
        run(table.sample(frac=1, random_state=0), *options)[3]
    )


@pytest.mark.slow
def test_what_comes_later_does_not_change_earlier_predictions(history, table):
    later = table.copy()
    later.loc[400:, "city"] = "Kyoto"
    answers = []
    for frame in (table, later):
        found, _ = run_by_name(history(frame, "label", label_delay=0))
        answers.append([outcome.losses[0, :300] for outcome in found.values()])
    assert np.array_equal(*answers)


@pytest.mark.no_cover
def test_regression_is_scored_by_the_absolute_error_in_units_of_the_target(answer, run, table):
    code, printed, _, rows = answer("--target", "amount", "--warm-up", "100", "--price", "7")
    assert code == 0
    assert "mean abs. error" in printed
    assert "kappa temporal" not in printed
    table["amount"] = 1e4 * table.amount + 7
    options = ("--target", "amount", "--warm-up", "100", "--price", "7e4")
    errors = [
        [float(row["mean_absolute_error"]) for row in answer]
        for answer in (rows, run(table, *options)[3])
    ]
    assert 1e4 * np.array(errors[0]) == pytest.approx(errors[1])


@pytest.mark.no_cover
def test_never_is_the_model_of_the_warm_up_even_when_a_class_appears(history, table, only):
    table.loc[300:, "label"] = table.label[300:].replace("yes", "maybe")
    stream = history(table, "label", label_delay=0)
    with only(["never"]):
        never = run_by_name(stream)[0]["never"]
    assert (never.n_fits, never.n_updates, never.rows_fitted) == (1, 0, 100)
    assert never.losses[0, 200:].sum() >= (stream.y[300:] == 2).sum()


@pytest.mark.no_cover
def test_each_policy_does_what_its_name_says(embedded):
    _, _, did, _ = embedded()
    assert (did["never"].n_fits, did["never"].rows_fitted) == (1, 1_000)
    assert did["every 500 on all"].rows_fitted == sum(range(1_000, 9_501, 500))
    last = did["every 100 on last 1,000"]
    assert (last.n_fits, last.n_updates, last.rows_fitted) == (90, 0, 90_000)
    assert (did["warm start"].n_fits, did["warm start"].rows_fitted) == (1, 10_000)
    assert (did["replay mix"].n_fits, did["replay mix"].n_updates) == (1, 90)
    located = did["since drift"]
    assert located.n_updates + located.n_fits == 91
    assert [event.state for event in located.result.events].count("drift") == 2
    assert located.loss < did["never"].loss - 0.2


@pytest.mark.parametrize("target", ["label", "amount"])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_the_loss_per_row_adds_up_to_the_score(target, history, table):
    """Of what is replayed, batch by batch; 0 or 1 for classes."""
    stream = history(table, target, label_delay=0, warm_up=90)
    found, comparison = run_by_name(stream)
    for name in comparison.names:
        losses = found[name].losses[0]
        assert len(losses) == 510
        score = comparison.score(name)
        assert losses.mean() == pytest.approx(1 - score if target == "label" else -score)
        batches = [batch.sum() for batch in np.split(losses, range(50, 510, 50))]
        assert batches == pytest.approx(comparison.batch_losses(name)[0])
        if target == "label":
            assert set(losses) <= {0.0, 1.0}


@pytest.mark.no_cover
def test_the_baseline_repeats_the_newest_label_known_at_the_delay(history, table):
    stream = history(table, "label", label_delay=7)
    y = stream.y
    expected = accuracy_score(y[100:], y[92:-8])
    assert no_change(stream, ACCURACY).loss == pytest.approx(1 - expected)
    stream = history(table, "amount", label_delay=7)
    amount = table.amount.to_numpy()
    expected = mean_absolute_error(amount[100:], amount[92:-8])
    assert no_change(stream, ERROR).loss == pytest.approx(expected)


@pytest.mark.no_cover
def test_kappa_is_that_of_the_library_also_where_the_first_rows_have_no_known_label(
    history, table, only
):
    stream = history(table, "label", label_delay=150)
    with only(["since drift"]):
        found, _ = run_by_name(stream)
    served = found["since drift"].result
    options = {"label_delay": 150, "y_previous": stream.y[:100]}
    expected = kappa_temporal(served.y_true, served.y_pred, **options)
    assert found["since drift"].kappa == pytest.approx(expected)


@pytest.mark.parametrize("target", ["label", "amount"])
@pytest.mark.no_cover
def test_one_answer_for_all_rows_is_that_of_the_warm_up(target, history, table):
    """The most frequent class, or the median; nothing of what comes later is known."""
    table.loc[:59, "label"] = "no"
    stream = history(table, target)
    found = constant(stream, ACCURACY if target == "label" else ERROR)
    known, y = stream.y[:100], stream.y[100:]
    if target == "label":
        assert found.name == "(majority)"
        assert found.loss == pytest.approx(np.mean(y != np.bincount(known).argmax()))
    else:
        assert found.name == "(median)"
        assert found.loss == pytest.approx(stream.unit * np.abs(y - np.median(known)).mean())


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.no_cover
def test_kappa_where_the_baseline_makes_no_error(flips, history, table, only):
    table["label"] = np.where(np.arange(600) < 5, "no", "yes")
    if flips:
        table["label"] = np.where(np.arange(600) < 50, "no", "yes")
        table["temp"] = np.where(np.arange(600) < 300, table.label == "yes", table.label != "yes")
    with only(["never"]):
        found, _ = run_by_name(history(table[["temp", "label"]]))
    assert found["never"].kappa == (-np.inf if flips else 0.0)


def test_warnings_on_the_way_are_counted_not_raised(monkeypatch, run, table):
    monkeypatch.setitem(ESTIMATORS, "sgd", ("", {"regression": SGDRegressor(max_iter=1)}))
    code, printed, _, _ = run(table, "--target", "amount", quick=True)
    assert code == 0
    warned = printed[printed.index("warning: since drift: ConvergenceWarning") :]
    assert re.search(r"\(\d+\s+times?\)", warned)


@pytest.mark.no_cover
def test_a_model_that_blew_up_does_not_flatten_the_others(monkeypatch, run, table, unrendered):
    exploding = SGDRegressor(learning_rate="constant", eta0=0.5, max_iter=2)
    monkeypatch.setitem(ESTIMATORS, "sgd", ("", {"regression": exploding}))
    code, _, _, rows = run(table, "--target", "amount", pictures=True)
    assert code == 0
    assert max(float(row["mean_absolute_error"]) for row in rows) > 1e4


@pytest.mark.no_cover
def test_the_embedded_stream_needs_nothing_and_says_where_it_drifts(embedded):
    code, printed, _, out = embedded()
    assert code == 0
    assert "10,000 rows" in printed
    assert "at rows 3,333, 6,666" in printed
    assert "On this history 'since drift' would have paid" in printed
    assert (out / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_on_a_terminal_a_bar_replaces_the_lines(monkeypatch, run, table):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    code, printed, _, _ = run(table, "--target", "label", quick=True)
    assert code == 0
    assert "\x1b" in printed
    assert "replayed" not in printed


@pytest.mark.no_cover
def test_where_the_last_target_is_the_better_forecast_it_is_said(run, table):
    table["amount"] = np.cumsum(np.random.default_rng(0).normal(size=600))
    code, printed, _, _ = run(table[["city", "amount"]], "--target", "amount", quick=True)
    assert code == 0
    assert "But repeating the newest known target" in printed


def test_the_command_s_sizes_reach_the_embedded_stream(
    unrendered, monkeypatch, tmp_path, capsys, only
):
    small = make_drifting_classification(600, n_drifts=2, random_state=0)
    monkeypatch.setattr(
        "skretrain.cli._history.make_drifting_classification", lambda *a, **k: small
    )
    command = ["compare", "--batch", "50", "--warm-up", "90", "--out", str(tmp_path)]
    with only(["never", "since drift", "every 250 on last 500"]):
        assert main(command) == 0
    printed = capsys.readouterr().out
    assert "first 90 rows," in printed
    assert "batches of 50 rows with" in printed
    assert "every 250 on last 500" in printed


@pytest.mark.usefixtures("unrendered")
@pytest.mark.no_cover
def test_alarms_are_drawn_where_the_stream_stood(monkeypatch, only):
    """With labels 300 rows late, what row r's label sets off happens once row r + 300 is in."""
    drawn = {}

    class Recorder(_pictures.DriftTimelineDisplay):
        def plot(self, ax=None):
            drawn.update(vars(self))
            return super().plot(ax)

    monkeypatch.setattr(_pictures, "DriftTimelineDisplay", Recorder)
    stream = embedded_history(estimator="sgd", batch=100, warm_up=None, label_delay=300)
    with only(["never", "since drift"]):
        found, comparison = run_by_name(stream)
    outcomes = [found[name] for name in comparison.names]
    _pictures.draw(outcomes, stream, ACCURACY, None, title="t")
    events = list(found["since drift"].result.events)
    assert drawn["alarms"].tolist() == [
        event.row + 300 for event in events if event.state == "drift"
    ]
    assert len(drawn["alarms"]) == 2
    assert (np.array(drawn["alarms"]) > stream.drift_rows + 300).all()
    assert len(drawn["refits"]) == found["since drift"].n_fits - 1


@pytest.mark.slow
def test_seeds_are_summed_up_by_mean_and_deviation_and_jobs_change_no_number(run, table):
    options = ("--target", "label", "--seeds", "3")
    serial = run(table, *options)
    parallel = run(table, *options, "--jobs", "2")
    assert (serial[0], parallel[0]) == (0, 0)
    assert _numbers(serial[3]) == _numbers(parallel[3])
    assert " ± " in serial[1]
    assert "random_state 0 to 2" in serial[1]
    assert serial[1].count("replayed mixture") == 3


@pytest.mark.slow
def test_the_row_of_several_seeds_is_the_mean_of_the_rows_of_each(history, table):
    stream = history(table)
    seen = []
    found, comparison = run_by_name(stream, seeds=3, on_run=lambda *run: seen.append(run))
    assert sorted(name for name, _, _ in seen) == sorted(
        3 * ["keep or refit", "since drift", "warm start", "replay mix", "mixture"]
    )
    assert {n_runs for _, _, n_runs in seen} == {15}
    alone = compare_policies(
        stream.base, stream.X, stream.y, batch_size=50, initial_size=100, random_state=2
    )
    for name in comparison.names:
        outcome = found[name]
        assert outcome.losses.shape == (3, 500)
        assert outcome.by_seed[2] == pytest.approx(1 - alone.score(name))
        assert outcome.loss == pytest.approx(np.mean(outcome.by_seed))
        assert outcome.deviation == pytest.approx(np.std(outcome.by_seed, ddof=1))
    assert found["(no change)"].deviation is None


@pytest.mark.no_cover
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


@pytest.mark.no_cover
def test_a_model_with_its_own_warm_start_can_be_continued(run, table):
    code, printed, _, rows = run(table, "--target", "label", "--estimator", "logistic")
    assert code == 0
    assert "not possible" not in printed
    assert all(row["accuracy"] for row in rows)
    warm = next(row for row in rows if row["policy"] == "warm start")
    assert (float(warm["updates"]), float(warm["fits"])) == (11, 1)
    assert "LogisticRegression has no partial_fit: between alarms" in printed


@pytest.mark.no_cover
def test_a_price_adds_the_costs_and_names_what_costs_least(answer):
    options = ("--target", "label", "--warm-up", "100", "--price", "10")
    code, printed, _, rows = answer(*options)
    assert code == 0
    ran = rows[:-2]
    for row in ran:
        # 500 rows are scored; the whole past before each refit is 100, 150, ... 550 rows.
        errors, n_fits = 500 * (1 - float(row["accuracy"])), float(row["fits"])
        cost = errors + 10 * (n_fits - 1)
        if float(row["updates"]) == 0:
            assert float(row["cost"]) == pytest.approx(cost)
        else:
            assert float(row["cost"]) > cost
    cheapest = min(ran, key=lambda row: float(row["cost"]))["policy"]
    never = next(row for row in ran if row["policy"] == "never")
    assert f"at a price of 10 errors per refit, '{cheapest}' costs least" in printed
    assert f"against {float(never['cost']):,.0f} without retraining" in printed
    assert " cost " in printed
    assert rows[-1]["cost"] == ""
    without = answer("--target", "label")
    assert "At a price" not in without[1]
    assert " cost " not in without[1]
    assert {row["cost"] for row in without[3]} == {""}


@pytest.mark.no_cover
def test_the_price_of_a_regression_is_in_units_of_the_target(answer):
    options = ("--target", "amount", "--warm-up", "100", "--price", "7")
    code, printed, _, rows = answer(*options)
    assert code == 0
    assert "at a price of 7 units of 'amount' per refit" in printed
    never = rows[0]
    assert float(never["cost"]) == pytest.approx(500 * float(never["mean_absolute_error"]))


@pytest.mark.parametrize("price", ["0", "3"])
@pytest.mark.no_cover
def test_the_grid_of_prices_surrounds_the_price(price, history, table, only):
    with only(["never", "since drift"]):
        _, comparison = run_by_name(history(table), price=float(price))
    prices = comparison.prices
    assert len(prices) == 9
    if float(price):
        assert (prices[0], prices[4], prices[8]) == (0.3, 3.0, 30.0)
    assert comparison.recommend(float(price)).text.startswith(f"At a price of {price} errors")


@pytest.mark.no_cover
def test_without_a_price_it_is_said_up_to_which_price_what_costs_least(answer):
    printed = answer("--target", "label")[1]
    line = next(line for line in printed.splitlines() if line.startswith("If a refit costs "))
    assert "cheapest within the noise" in line
    assert "errors" in line


@pytest.mark.parametrize("delay", representatives([0, 100], fast=[100]))
@pytest.mark.no_cover
def test_the_best_in_hindsight_is_that_of_the_same_rows(delay, history, table):
    """A policy that only refits from scratch does not beat it."""
    stream = history(table, label_delay=delay)
    found, comparison = run_by_name(stream, price=3.0, seeds=2)
    regret = comparison.regret(3.0)
    assert comparison.seeds == [0, 1]
    for name in comparison.names:
        assert comparison.score(name, 3.0) == pytest.approx(1 - found[name].loss)
        if comparison.kinds[name] != "live":
            assert regret[name] >= -1e-9
    assert regret["never"] == comparison.cost("never", 3.0) - comparison.oracle["cost"][4]


@pytest.mark.slow
def test_a_long_history_has_fewer_moments_to_refit_at():
    stream = embedded_history(estimator="nb", batch=50, warm_up=None, label_delay=0)
    found, comparison = run_by_name(stream)
    assert comparison.stride == 2
    assert comparison.matrices[0].losses_.shape[1] <= 100
    assert comparison.names[1:3] == ["every 100 on all", "every 100 on last 500"]
    assert found["every 100 on all"].n_fits == 90


@pytest.mark.parametrize("price", ["-1", "cheap", "inf", "nan"])
def test_a_price_is_a_number_of_at_least_zero(price, capsys):
    with pytest.raises(SystemExit):
        main(["compare", f"--price={price}"])
    assert f"'{price}' is not a number of at least 0" in capsys.readouterr().err


def test_of_one_there_is_no_plural(run, table):
    """Neither of columns and rows, nor of numbers and updates."""
    frame = table[["temp", "label"]].assign(gap=None)
    frame.loc[5, "label"] = None
    printed = run(frame, "--target", "label", "--label-delay", "1", quick=True)[1]
    assert "1 row without a value of 'label' left out" in printed
    assert "2 columns to learn from" in printed
    assert "encoded as 1 number by skrub" in printed
    assert "a label delay of 1 row\n" in printed
    assert "(s)" not in printed


def test_a_stopped_comparison_goes_on_and_ends_the_same(run, table, tmp_path, monkeypatch):
    """Seconds are those that were measured first: what was finished was not run again."""
    options = ("--target", "label", "--resume", str(tmp_path / "kept"), "--estimator", "nb")
    learned, learn = [], GaussianNB.partial_fit

    def partial_fit(self, *args, **kwargs):
        learned.append(1)
        if len(learned) == 10:
            raise KeyboardInterrupt
        return learn(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(GaussianNB, "partial_fit", partial_fit)
        code, _, err, _ = run(table, *options, quick=True)
    assert (code, err) == (130, "skretrain compare: stopped\n")
    code, _, _, rows = run(table, *options, quick=True)
    again = run(table, *options, quick=True)
    assert (code, again[0]) == (0, 0)
    assert again[3] == rows


def test_a_folder_to_resume_from_that_cannot_be_made_is_refused(run, table, tmp_path):
    (tmp_path / "file").touch()
    code, _, err, _ = run(table, "--target", "label", "--resume", str(tmp_path / "file"))
    assert code == 2
    assert err.startswith("skretrain compare: error: --resume ")
    assert "cannot be made a folder" in err
