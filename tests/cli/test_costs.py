"""Policies and advice by what mistakes cost, and by the loss of a quantile."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import confusion_matrix, mean_pinball_loss
from sklearn.naive_bayes import GaussianNB

from skretrain.cli import main
from skretrain.cli._costs import cost_matrix, costs_in_words
from skretrain.cli._errors import CommandError
from skretrain.cli._losses import Cost, Pinball
from skretrain.cli._metric import measure_of, metric_asked_for
from skretrain.cli._policies import run_all
from skretrain.model_selection import RetrainMatrix
from skretrain.model_selection._advise import _evidence

COSTS = "yes>no=10,no>yes=1"


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """Run ``skretrain advise`` on two frames; return exit code, output, error and the table."""

    def ask_with(old, new, *options, target="label"):
        monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
        paths = [tmp_path / f"{name}.parquet" for name in ("old", "new")]
        for frame, path in zip((old, new), paths, strict=True):
            frame.to_parquet(path)
        out = ["--out", str(tmp_path / "out"), "--estimator", options[0]]
        code = main(["advise", *map(str, paths), "--target", target, *out, *options[1:]])
        printed = capsys.readouterr()
        table = pd.read_csv(tmp_path / "out" / "advice.csv") if code == 0 else None
        return code, printed.out, printed.err, table

    return ask_with


def _run(stream, only, metric, **changes):
    options = {"price": 3.0, "seeds": 1, "jobs": 1}
    with only(["never", "every 50 on all", "since drift", "debt on all"]):
        outcomes, baselines, comparison = run_all(
            stream, metric, **{**options, **changes}, on_run=lambda *run: None
        )
    return {outcome.name: outcome for outcome in [*outcomes, *baselines]}, comparison


# -- what mistakes cost ----------------------------------------------------------------------------


@pytest.mark.no_cover
def test_the_cost_of_a_policy_is_that_of_its_confusion_matrix(run, table):
    """Live and replayed, and that of the rules that need no model."""
    frame = table[["temp", "flag", "label"]]
    options = ("--target", "label", "--warm-up", "100", "--estimator", "nb", "--raw")
    code, printed, _, rows = run(frame, *options, "--cost-matrix", COSTS)
    assert code == 0
    found = {row["policy"]: float(row["cost_per_row"]) for row in rows}
    costs = np.array([[0, 1], [10, 0]])  # no, yes
    y, X = frame.label[100:], frame[["temp", "flag"]]
    answers = {
        "never": GaussianNB().fit(X[:100], frame.label[:100]).predict(X[100:]),
        "(no change)": frame.label[99:-1],
        "(cheapest)": ["yes"] * 500,
    }
    answers["every 50 on all"] = np.concatenate(
        [
            GaussianNB().fit(X[:n], frame.label[:n]).predict(X[n : n + 50])
            for n in range(100, 600, 50)
        ]
    )
    for name, answer in answers.items():
        by_hand = (confusion_matrix(y, answer) * costs).sum() / 500
        assert found[name] == pytest.approx(by_hand), name
    assert "compared by: cost per row" in printed
    assert "costs:       yes>no=10, no>yes=1" in printed
    assert "would have paid: cost per row 1." in printed
    assert "units of cost" in printed
    assert "errors" not in printed
    assert all(row["kappa_temporal"] == "" for row in rows)


@pytest.mark.no_cover
def test_losses_of_rows_add_up_to_the_cost_which_is_in_the_money_of_the_price(history, table, only):
    stream = history(table)
    metric = _measure(stream, costs=COSTS)
    found, comparison = _run(stream, only, metric)
    assert comparison.unit == "units of cost"
    for name in comparison.names:
        outcome = found[name]
        assert len(outcome.losses[0]) == 500
        assert outcome.loss == pytest.approx(-comparison.score(name, 3.0))
        if not outcome.n_updates:
            cost = outcome.losses[0].sum() + 3.0 * (outcome.n_fits - 1)
            assert outcome.cost == pytest.approx(cost)
    assert "excess costs of mistakes reach the price" in found["debt on all"].what


@pytest.mark.no_cover
def test_seldom_and_dear_mistakes_tell_policies_apart(history, table, only):
    """They are no outliers: a bound on what one row counts would hide them."""
    stream = history(table)
    found, _ = _run(stream, only, _measure(stream, costs="yes>no=1000,no>yes=0"))
    assert all(outcome.worst == np.inf for outcome in found.values())
    assert {outcome.unit for outcome in found.values()} == {found["never"].loss}


def test_a_loss_of_one_s_own_is_named_in_pictures_and_on_the_page(run, table, tmp_path, unrendered):
    """Nothing on the page speaks of errors."""
    options = ("--target", "label", "--warm-up", "100", "--estimator", "nb", "--price", "5")
    frame = table[["temp", "flag", "label"]]
    code, _, _, _ = run(frame, *options, "--cost-matrix", COSTS, pictures=True, quick=True)
    assert code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "One panel per policy: cost per row over 10 rows (low is good)" in page
    assert "Costs of mistakes and refits together" in page
    assert "cost: the costs of mistakes summed up" in page
    assert "(cheapest) always predicts that of the warm-up" in page
    assert "errors" not in page.split("<body", 1)[1].replace("Errors", "errors")


@pytest.mark.no_cover
def test_where_one_class_is_cheaper_than_any_model_the_way_out_is_named(run, table):
    options = ("--target", "label", "--warm-up", "100", "--estimator", "nb")
    costs = ("--cost-matrix", "yes>no=1000,no>yes=1")
    _, printed, _, _ = run(table[["temp", "flag", "label"]], *options, *costs, quick=True)
    assert "always the class that costs least in the warm-up has cost per row 0.4" in printed
    assert "TunedThresholdClassifierCV" in printed


@pytest.mark.no_cover
def test_advice_is_judged_by_the_cost_of_mistakes(ask, table):
    """In the money of the price; labels are text, or numbers."""
    for labels in (None, {"yes": 7, "no": 3}):
        frame, costs = table[["temp", "flag", "label"]].copy(), COSTS
        if labels:
            frame["label"] = frame.label.map(labels)
            costs = "7>3=10,3>7=1"
        options = ("nb", "--raw", "--price", "2", "--cost-matrix", costs)
        code, printed, _, rows = ask(frame[:300], frame[300:], *options)
        assert code == 0
        assert "the present model has cost per row " in " ".join(printed.split())
        X = frame[["temp", "flag"]]
        answer = GaussianNB().fit(X[:225], frame.label[:225]).predict(X[500:])
        dear = frame.label[500:].isin(["yes", 7]).to_numpy()
        by_hand = np.where(answer == frame.label[500:], 0, np.where(dear, 10, 1)).mean()
        assert rows.loss_new[0] == pytest.approx(by_hand)


def test_costs_may_be_in_a_file(tmp_path):
    path = tmp_path / "costs.csv"
    path.write_text("true;low;mid;high\nlow;;1;2\nmid; 3 ;0.5;4\nhigh;5;6;\n")
    found = cost_matrix(str(path), ["mid", "low", "high"])
    assert found.tolist() == [[0.5, 3, 4], [1, 0, 2], [6, 5, 0]]
    assert costs_in_words(found, ["mid", "low", "high"]) == (
        "mid>mid=0.5, mid>low=3, mid>high=4, low>mid=1, low>high=2, high>mid=6 and 1 more"
    )


def test_costs_may_be_written_down():
    """With blanks, of labels that are numbers, and of being right, too."""
    assert cost_matrix(" 0 > 1 = 2.5 , 1>0=1e2", [0, 1]).tolist() == [[0, 2.5], [100, 0]]
    assert cost_matrix("a b>c=1,c>a b=0,c>c=3", ["a b", "c"]).tolist() == [[0, 1], [0, 3]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("yes>no=1", "does not say what 'no>yes' costs, .* add no>yes=0 if it is nothing"),
        ("yes>no=1,maybe>no=1", "names 'maybe', which is no class; they are 'no', 'yes'"),
        ("yes>no=1,no>perhaps=1", "names 'perhaps', which is no class"),
        ("yes>no=-1,no>yes=1", "has '-1' for 'yes>no', which is no number of at least 0"),
        ("yes>no=inf,no>yes=1", "has 'inf' for 'yes>no'"),
        ("yes>no=dear,no>yes=1", "has 'dear' for 'yes>no'"),
        ("yes>no=,no>yes=1", "does not say what 'yes>no' costs"),
        ("yes>no=9,no>yes=1,yes>no=3", "says twice what 'yes>no' costs"),
        ("yes>no", "'yes>no' is no pair with its cost, such as fraud>ok=100"),
        ("yes>no=1;no>yes=1", "is no pair with its cost"),
        ("yes>no=0,no>yes=0", "0 throughout"),
        ("gone.csv", "'gone.csv' is neither a file nor costs such as"),
    ],
)
def test_costs_that_are_none_are_named(given, message):
    with pytest.raises(CommandError, match=message):
        cost_matrix(given, ["no", "yes"])


def test_a_file_of_costs_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "costs.csv"
    path.write_text("")
    with pytest.raises(CommandError, match=r"--cost-matrix .*costs.csv could not be read"):
        cost_matrix(str(path), ["no", "yes"])


def _measure(stream, **asked):
    options = {"scoring": None, "positive": None, "is_priced": False, "costs": None}
    return measure_of(stream, **{**options, **asked})


ASKED = [
    ("label", {"costs": COSTS, "scoring": "f1"}, "--cost-matrix and --scoring exclude"),
    ("label", {"costs": COSTS, "positive": "yes"}, "--cost-matrix and --positive exclude"),
    ("amount", {"costs": COSTS}, "a quantity has none"),
    ("label", {"scoring": "pinball:0.5"}, "'pinball:0.5' is not for classification; f1"),
    ("amount", {"scoring": "pinball"}, "'pinball' needs a quantile between 0 and 1"),
    ("amount", {"scoring": "pinball:1"}, "'pinball:1' needs a quantile"),
    ("amount", {"scoring": "pinball:half"}, "'pinball:half' needs a quantile"),
    ("amount", {"scoring": "pinball:0.5", "positive": "yes"}, "--positive names a class"),
]


@pytest.mark.parametrize(("target", "asked", "message"), ASKED)
def test_what_does_not_go_together_is_said_in_both_commands(target, asked, message, history, table):
    stream = history(table, target)
    with pytest.raises(CommandError, match=message):
        _measure(stream, **asked)
    options = {"scoring": None, "positive": None, **asked}
    with pytest.raises(CommandError, match=message):
        metric_asked_for(stream.task, stream.base, table[target].to_numpy(), **options)


def test_a_class_that_only_the_model_knows_may_be_predicted_and_has_a_cost():
    model = GaussianNB().fit([[0.0], [1.0], [9.0]], ["no", "yes", "rare"])
    y = np.array(["no", "yes"])
    costs = "no>yes=1,yes>no=1,no>rare=7,yes>rare=1,rare>no=1,rare>yes=1"
    metric = metric_asked_for("classification", model, y, scoring=None, positive=None, costs=costs)
    assert metric.scorer(model, [[9.0], [1.0]], y) == -3.5


# -- the loss of a quantile ------------------------------------------------------------------------


@pytest.mark.no_cover
def test_policies_are_compared_by_the_loss_of_a_quantile(run, table):
    """In units of the target; the best constant is that quantile."""
    options = ("--target", "amount", "--warm-up", "100", "--scoring", "pinball:0.9")
    code, printed, _, rows = run(table, *options, quick=True)
    assert code == 0
    found = {row["policy"]: float(row["pinball_loss"]) for row in rows}
    known, y = np.split(table.amount.to_numpy(), [100])
    by_hand = mean_pinball_loss(y, np.full(500, np.quantile(known, 0.9)), alpha=0.9)
    assert found["(quantile)"] == pytest.approx(by_hand)
    by_hand = mean_pinball_loss(y, np.append(known[-1], y[:-1]), alpha=0.9)
    assert found["(no change)"] == pytest.approx(by_hand)
    assert "would have paid: pinball loss (0.9) " in printed
    assert "units of 'amount'" in printed
    assert printed.count("would have paid") == 1


def test_what_was_replayed_has_the_loss_of_the_quantile(history, table, only):
    stream = history(table, "amount", estimator="ridge")
    metric = _measure(stream, scoring="pinball:0.2")
    found, _ = _run(stream, only, metric)
    matrix = RetrainMatrix(stream.base, chunk=50, initial_size=100, loss=Pinball(0.2, 1.0))
    replay = matrix.fit(stream.X, stream.y).replay([])
    by_hand = stream.unit * replay.chunk_losses.sum() / 500
    assert found["never"].loss == pytest.approx(by_hand)
    assert found["never"].unit == stream.unit


def test_advice_is_judged_by_the_loss_of_a_quantile(ask, table):
    frame = table[["temp", "flag", "amount"]]
    options = ("sklearn.linear_model:LinearRegression", "--raw", "--scoring", "pinball:0.9")
    code, printed, _, rows = ask(frame[:300], frame[300:], *options, target="amount")
    assert code == 0
    assert "the present model has pinball loss (0.9) " in " ".join(printed.split())
    X = frame[["temp", "flag"]]
    model = LinearRegression().fit(X[:225], frame.amount[:225])
    by_hand = mean_pinball_loss(frame.amount[500:], model.predict(X[500:]), alpha=0.9)
    assert rows.loss_new[0] == pytest.approx(by_hand)


def test_no_number_is_no_end_of_a_loss():
    loss = Pinball(0.9, 2.0)
    y, found = np.array([1.0, 1.0, 1.0]), np.array([np.nan, 0.0, 2.0])
    assert loss(y, found).tolist() == pytest.approx([np.inf, 1.8, 0.2])


def test_a_cost_is_looked_up_for_every_row():
    cost = Cost(np.array([[0.0, 1.0], [10.0, 0.5]]))
    assert cost(np.array([0, 0, 1, 1]), np.array([0.0, 1.0, 0.0, 1.0])).tolist() == [0, 1, 10, 0.5]
    assert cost.constant(np.array([0, 0, 1]))[1] == 1
