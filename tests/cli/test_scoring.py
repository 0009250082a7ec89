"""skretrain compare by other measures than errors, and what is said of them."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from skretrain.cli._errors import CommandError
from skretrain.cli._estimators import ESTIMATORS
from skretrain.cli._metric import ACCURACY, ERROR, measure_of
from skretrain.cli._policies import run_all
from skretrain.model_selection import prequential_predict
from skretrain.policies import FullRefit

LOGISTIC = ("", {"classification": LogisticRegression()})


@pytest.fixture
def few_policies(monkeypatch):
    """Never, one schedule and one live policy: the others are compared in the same way."""
    from skretrain import DriftAwareRetrainer
    from skretrain.cli import _policies
    from skretrain.drift import Periodic

    def policies(base, batch, **options):
        model = DriftAwareRetrainer(
            base, detector=Periodic(200), policy=FullRefit(500), update=None
        )
        return {
            "never": ([], "never"),
            "schedule": ((Periodic(200), 500), "every 200"),
            "since drift": (model, "live"),
        }

    monkeypatch.setattr(_policies, "default_policies", policies)
    monkeypatch.setitem(ESTIMATORS, "sgd", LOGISTIC)


def test_a_rare_class_is_compared_by_its_average_precision(run, frauds, few_policies, unrendered):
    """All rows of the table, that which no model can beat by errors included."""
    code, printed, _, rows = run(frauds, "--target", "kind", "--warm-up", "300", pictures=True)
    assert code == 0
    column = "average_precision_of_fraud"
    by_name = {row["policy"]: float(row[column]) for row in rows}
    share = (frauds.kind[300:] == "fraud").mean()
    assert by_name["(majority)"] == pytest.approx(share)
    assert by_name["never"] < by_name["schedule"]
    assert "average precision of 'fraud'" in printed
    assert re.search(
        "'(schedule|since drift)' would have paid: average precision of 'fraud' 0.", printed
    )
    assert " above that of never retraining" in printed
    assert "not by errors: 'fraud' has 4" in printed
    assert "points above" not in printed
    assert "per refit" not in printed  # a price counts nothing here
    model = LogisticRegression().fit(*_numbers(frauds[:300]))
    X, y = _numbers(frauds[300:])
    by_hand = average_precision_score(y, model.decision_function(X))
    assert by_name["never"] == pytest.approx(by_hand, rel=0.02)  # the columns are scaled by skrub


def _numbers(frame):
    return frame[list("abcd")].to_numpy(), (frame.kind == "fraud").to_numpy().astype(int)


COMPARED_BY = [
    ("--scoring f1", "F1 of 'fraud'"),
    ("--scoring neg_log_loss", "log loss"),
    ("--scoring accuracy", "accuracy"),
    ("--positive ok", "average precision of 'ok'"),
    ("--scoring recall --positive ok", "recall of 'ok'"),
    ("--price 3", "accuracy"),
]


@pytest.mark.parametrize(
    ("options", "said"), representatives(COMPARED_BY, fast=COMPARED_BY[1::2], covering=[])
)
def test_what_is_asked_for_is_what_is_compared(options, said, run, frauds, few_policies):
    code, printed, _, rows = run(frauds, "--target", "kind", "--warm-up", "300", *options.split())
    assert code == 0
    assert f"compared by: {said}" in printed
    assert f"{said} " in printed.split("On this history", 1)[1]
    if said == "log loss":
        never, best = (float(row["log_loss"]) for row in rows[:2])
        assert 0 < best < never
        assert re.search(r"log loss [.\d]+ with .* below that of never|within the noise", printed)
    assert ("refit costs" in printed) == (said == "accuracy")


@pytest.mark.slow
def test_the_scores_are_those_of_what_was_served(history, frauds, few_policies):
    """With each seed, of the policies and of the rules that need no model."""
    stream = history(frauds, "kind", warm_up=300, label_delay=100)
    metric = _measure(stream, scoring="f1")
    outcomes, baselines, _ = run_all(
        stream,
        metric,
        price=None,
        seeds=2,
        jobs=1,
        on_run=lambda *run: None,
    )
    live = outcomes[2]
    served = prequential_predict(
        _seeded(stream), stream.X, stream.y, batch_size=50, initial_size=300, label_delay=100
    )
    code = stream.labels.tolist().index("fraud")
    by_hand = _f1(stream.y[300:] == code, served == code)
    assert live.scores == pytest.approx([by_hand] * 2)
    assert metric.value(live) == pytest.approx(by_hand)
    assert live.deviation == 0
    unchanged, majority = baselines
    assert metric.value(majority) == 0
    y = stream.y == code
    assert metric.value(unchanged) == pytest.approx(_f1(y[300:], y[199:-101]))


def _seeded(stream):
    from skretrain import DriftAwareRetrainer
    from skretrain.drift import Periodic

    return DriftAwareRetrainer(
        stream.base, detector=Periodic(200), policy=FullRefit(500), update=None, random_state=0
    )


def _f1(y, found):
    return 2 * (y & found).sum() / (y.sum() + found.sum())


def _measure(stream, *, scoring=None, positive=None, is_priced=False):
    return measure_of(
        stream,
        scoring=scoring,
        positive=positive,
        is_priced=is_priced,
    )


@pytest.mark.no_cover
def test_by_a_score_the_policies_that_are_told_a_price_are_told_it_in_what_they_look_at(
    run, frauds, only
):
    options = ("--target", "kind", "--estimator", "nb", "--batch", "100", "--warm-up", "300")
    options = (*options, "--scoring", "f1", "--price", "20")
    told = {"debt on all", "debt on last 1,000"}
    with only({"never", *told}):
        code, printed, _, rows = run(frauds, *options)
    assert code == 0
    assert told <= {row["policy"] for row in rows}
    assert "20 rows x F1 of 'fraud' per refit" in printed
    assert "would have cost" in printed


def test_a_quantity_has_its_own_scorers(history, table):
    stream = history(table, "amount")
    assert _measure(stream) is ERROR
    assert _measure(stream, scoring="neg_mean_absolute_error") is ERROR
    metric = _measure(stream, scoring="r2")
    assert (metric.name, metric.lower_is_better, metric.number(0.5)) == ("R2", False, "0.500")
    loss = _measure(stream, scoring="neg_median_absolute_error")
    assert (loss.name, loss.lower_is_better) == ("median absolute error", True)
    assert (loss.number(0.5), loss.number(50.0), loss.gain(0.1)) == (
        "0.500",
        "50.00",
        "0.100 below that of",
    )


@pytest.mark.no_cover
def test_one_row_in_a_hundred_changes_the_measure_and_it_is_said(run):
    """Whoever never rings has 99 % right, and a hundredth by what is compared."""
    rng = np.random.default_rng(0)
    is_rare = np.arange(2500) % 100 == 7
    x, y = rng.normal(size=2500) + 3 * is_rare, np.where(is_rare, "rare", "ok")
    frame = pd.DataFrame({"x": x, "y": y})
    options = ("--target", "y", "--estimator", "nb", "--warm-up", "400", "--batch", "200")
    code, printed, _, rows = run(frame, *options, quick=True)
    assert code == 0
    assert "compared by: average precision of 'rare'" in printed
    assert "not by errors: 'rare' has 1 % of the rows" in printed
    by_name = {row["policy"]: float(row["average_precision_of_rare"]) for row in rows}
    assert by_name["(majority)"] == pytest.approx(0.01)
    assert by_name["never"] > 0.5


@pytest.mark.no_cover
def test_frequent_classes_are_compared_by_accuracy(history, table):
    stream = history(table)
    assert _measure(stream) is ACCURACY
    assert _measure(stream, scoring="accuracy") is ACCURACY
    metric = _measure(stream, scoring="balanced_accuracy")
    assert (metric.name, metric.lower_is_better) == ("balanced accuracy", False)


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (
            "label",
            {"scoring": "best"},
            "--scoring 'best' is no scorer of scikit-learn; it has accu",
        ),
        ("label", {"positive": "maybe"}, "--positive 'maybe' is no class; they are '"),
        ("amount", {"positive": "yes"}, "--positive names a class, and a quantity has none"),
        ("label", {"scoring": "r2"}, "--scoring 'r2' is not for classification; f1 or"),
        ("amount", {"scoring": "f1"}, "--scoring 'f1' is not for regression; r2 or"),
        ("label", {"scoring": "rand_score"}, "--scoring 'rand_score' is not for classification"),
        ("city", {"positive": "Oslo"}, "'average_precision' is about one class of two, and there"),
        ("city", {"scoring": "f1"}, "'f1' is about one class of two, and there are 3; f1_macro"),
    ],
)
def test_what_cannot_be_compared_by_is_named(target, options, message, history, table):
    with pytest.raises(CommandError, match=message):
        _measure(history(table, target), **options)


@pytest.mark.no_cover
def test_an_average_over_classes_is_about_none_of_them(history, table):
    assert _measure(history(table, "city"), scoring="f1_macro").name == "F1 macro"
    assert _measure(history(table, "city"), scoring="neg_log_loss").name == "log loss"


def test_a_regression_is_scored_in_units_of_the_target(run, table):
    """The models learn deviations; a percentage of these would be a number without meaning."""
    table["amount"] += 1000
    known, y = np.split(table.amount.to_numpy(), [100])
    for scoring, by_hand in (
        ("neg_median_absolute_error", lambda y, p: np.median(abs(y - p))),
        ("neg_mean_absolute_percentage_error", lambda y, p: np.mean(abs(y - p) / y)),
        ("r2", lambda y, p: 1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum()),
    ):
        options = ("--target", "amount", "--warm-up", "100", "--scoring", scoring)
        code, _, _, rows = run(table, *options, quick=True)
        assert code == 0
        column = next(name for name in rows[0] if name not in ("policy", "kappa_temporal"))
        found = {row["policy"]: float(row[column]) for row in rows}
        assert found["(median)"] == pytest.approx(by_hand(y, np.full(500, np.median(known))))
        served = np.append(known[-1], y[:-1])
        assert found["(no change)"] == pytest.approx(by_hand(y, served))


def test_a_score_that_is_not_defined_is_not_the_model_s_fault(run, table):
    """A window that lacks a class, for one, which comes early and never again."""
    table.loc[20:30, "label"] = "odd"
    options = ("--target", "label", "--warm-up", "200", "--scoring", "roc_auc_ovr")
    code, _, error, _ = run(table, *options, quick=True)
    assert code == 2
    assert "--scoring is not defined on a part of the history: " in error
