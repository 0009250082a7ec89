"""Performance without labels: expected counts are right while they can be, and withdrawn after."""

import pickle
import re
from itertools import product

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from skretrain.serving import ExpectedPerformance
from skretrain.serving._calibration import Calibration, chosen_method
from skretrain.serving._domain import domain_probabilities
from skretrain.serving._measures import Ranked, Rows, measures_of
from skretrain.serving._refutation import Refutation

COSTS = [[0.0, 1.0], [5.0, 0.0]]
ALL = ("accuracy", "recall", "precision", "roc_auc", "cost")


def overconfident(scores):
    return 0.5 + 0.6 * (scores - 0.5)


def as_given(scores):
    return scores


def drawn(seed, n, share=as_given, shape=(0.7, 0.7)):
    """Return what a model says of the second of two classes, and labels that come so often."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(*shape, n)
    return scores, (rng.random(n) < share(scores)).astype(int)


def fitted(share=as_given, n=1000, seed=0, **params):
    scores, y = drawn(seed, n, share)
    return ExpectedPerformance(**params).fit(y, scores)


def shown(expected, scores, y, size=100, start=0):
    """Let rows and their labels come in batches, until the estimate is withdrawn."""
    for first in range(0, len(y), size):
        rows = slice(first, first + size)
        ids = range(start + first, start + first + len(y[rows]))
        expected.update(ids, scores[rows]).resolve(ids, y[rows])
        if expected.withdrawn_:
            break
    return expected


def by_metric(estimates):
    return {each.metric: each.value for each in estimates}


# -- what is estimated -----------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(2, 4))
def test_known_labels_give_the_metrics_of_scikit_learn(seed, n_classes):
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(n_classes), 60).round(1) + 1e-9
    proba /= proba.sum(axis=1, keepdims=True)
    y = np.r_[np.arange(n_classes), np.arange(n_classes), rng.integers(n_classes, size=60)][:60]
    y_pred = proba.argmax(axis=1)
    costs = rng.random((n_classes, n_classes))
    measures = measures_of(ALL, np.arange(n_classes), None)
    rows = Rows(measures, proba, y_pred, costs)
    found = dict(zip([m.name for m in measures], rows.values(np.eye(n_classes)[y]), strict=True))
    options = {"average": None, "labels": np.arange(n_classes), "zero_division": np.nan}
    recalls, precisions = (f(y, y_pred, **options) for f in (recall_score, precision_score))
    auc = roc_auc_score(y, proba[:, 1] if n_classes == 2 else proba, multi_class="ovr")
    assert found["accuracy"] == pytest.approx((y == y_pred).mean())
    assert found["cost"] == pytest.approx(costs[y, y_pred].mean())
    assert found["roc_auc"] == pytest.approx(auc)
    for name, values in (("recall", recalls), ("precision", precisions)):
        of_classes = {f"{name}[{k}]": values[k] for k in range(n_classes)}
        expected = {key: of_classes[key] for key in found if key in of_classes}
        assert len(expected) == (1 if n_classes == 2 else n_classes)
        assert {key: found[key] for key in expected} == pytest.approx(expected, nan_ok=True)


def test_the_expected_area_is_the_mean_of_all_labellings():
    """Of pairs won and of pairs compared, each of all 2 ** 6 ways in which labels may come."""
    scores = np.array([0.1, 0.4, 0.4, 0.6, 0.6, 0.9])
    chances = np.array([0.2, 0.1, 0.5, 0.7, 0.4, 0.8])
    won = pairs = 0.0
    for labels in product([0, 1], repeat=6):
        y = np.array(labels)
        weight = np.where(y, chances, 1 - chances).prod()
        above, below = scores[y == 1][:, None], scores[y == 0][None, :]
        won += weight * ((above > below) + 0.5 * (above == below)).sum()
        pairs += weight * y.sum() * (1 - y).sum()
    assert Ranked(scores).area(chances) == pytest.approx(won / pairs)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_right_probabilities_are_left_and_the_accuracy_is_their_mean(n_classes):
    rng = np.random.default_rng(3)
    proba = rng.dirichlet(np.ones(n_classes), 3000)
    y = (rng.random((3000, 1)) > np.cumsum(proba, axis=1)).sum(axis=1)
    expected = ExpectedPerformance("accuracy").fit(y[:2000], proba[:2000])
    assert expected.calibration_ == "none"
    assert expected.estimate(proba[2000:])[0].value == pytest.approx(proba[2000:].max(1).mean())


@pytest.mark.parametrize(
    ("share", "methods"),
    [
        (overconfident, {"sigmoid", "isotonic"}),
        (
            lambda scores: np.where(scores < 0.3, 0.1, np.where(scores < 0.6, 0.3, 0.85)),
            {"isotonic"},
        ),
    ],
)
def test_wrong_probabilities_are_calibrated_and_the_estimate_follows_inputs_that_move(
    share, methods
):
    """Under covariate shift the error is at most 1.5 points; the raw confidence is off by more."""
    expected = fitted(share, n=5000, metrics=("accuracy", "recall", "roc_auc"))
    assert expected.calibration_ in methods
    scores, y = drawn(1, 20_000, share, (2.0, 0.7))
    rows = Rows(expected._measures, np.c_[1 - scores, scores], (scores > 0.5).astype(int), None)
    realised = rows.values(np.eye(2)[y])
    found = np.array([each.value for each in expected.estimate(scores)])
    assert np.abs(found - realised)[:2].max() <= 0.015
    assert abs(found[2] - realised[2]) <= 0.025, "an area is of pairs, and its error is, too"
    as_said = rows.values(np.c_[1 - scores, scores])
    assert np.abs(as_said - realised)[:2].max() > 0.015


@pytest.mark.slow
def test_an_interval_holds_what_comes_about_as_often_as_it_says():
    inside = []
    for seed in range(40):
        expected = fitted(overconfident, seed=seed, level=0.8, metrics=("accuracy", "recall"))
        scores, y = drawn(1000 + seed, 300, overconfident)
        right = (scores > 0.5) == y
        for each, realised in zip(
            expected.estimate(scores), (right.mean(), right[y == 1].mean()), strict=True
        ):
            inside.append(each.low <= realised <= each.high)
    assert 0.65 <= np.mean(inside) <= 0.95


def test_a_larger_reference_and_more_rows_narrow_the_interval():
    scores, _ = drawn(9, 4000, overconfident)
    width = {}
    for n_reference, n in ((200, 4000), (4000, 4000), (4000, 100)):
        each = fitted(overconfident, n=n_reference, metrics="accuracy").estimate(scores[:n])[0]
        width[n_reference, n] = each.high - each.low
    assert width[4000, 4000] < 0.6 * width[200, 4000]
    assert width[4000, 4000] < 0.4 * width[4000, 100]


def test_the_prediction_may_be_another_than_the_likeliest_class():
    """With a threshold of 0, everything is predicted, so that all are found."""
    expected = fitted(metrics=("recall", "precision"))
    scores, _ = drawn(5, 500)
    found = by_metric(expected.estimate(scores, y_pred=np.ones(500, dtype=int)))
    assert found["recall[1]"] == pytest.approx(1.0)
    assert found["precision[1]"] == pytest.approx(scores.mean(), abs=0.02)


def test_a_class_is_named_in_brackets():
    scores, y = drawn(0, 400)
    names = np.array(["ham", "spam [urgent]"])
    both = ("recall[ham]", "recall[spam [urgent]]", "precision[ham]")
    found = by_metric(ExpectedPerformance(both).fit(names[y], scores).estimate(scores))
    assert tuple(found) == both
    turned = ExpectedPerformance(("recall", "precision")).fit(1 - y, 1 - scores)
    mirrored = by_metric(turned.estimate(1 - scores))
    assert found["recall[ham]"] == pytest.approx(mirrored["recall[1]"])
    assert found["precision[ham]"] == pytest.approx(mirrored["precision[1]"])


def test_chunks_are_estimated_as_if_alone():
    expected = fitted(metrics=("accuracy", "roc_auc"))
    scores, _ = drawn(5, 250)
    chunks = expected.estimate(scores, chunk_size=100)
    assert [(e.start, e.n_rows) for e in chunks] == [(0, 100)] * 2 + [(100, 100)] * 2 + [
        (200, 50)
    ] * 2
    assert chunks[2:4] == [e._replace(start=100) for e in expected.estimate(scores[100:200])]
    assert expected.estimate(scores[:0]) == []
    assert pd.DataFrame(chunks).columns[1] == "value"


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [False, True], [-1.0, 1.0], ["0", "1"], np.array(["a", "b"], object)]
)
@pytest.mark.no_cover
def test_labels_may_be_anything_and_the_greater_is_the_positive_one(labels):
    scores, y = drawn(0, 400)
    plain = ExpectedPerformance(("recall", "precision")).fit(y, scores)
    other = ExpectedPerformance(("recall", "precision")).fit(np.asarray(labels)[y], scores)
    values = [list(by_metric(e.estimate(scores)).values()) for e in (plain, other)]
    assert values[0] == values[1]
    assert next(iter(by_metric(other.estimate(scores)))) == f"recall[{labels[1]}]"


@pytest.mark.parametrize("kind", [list, pd.Series, pl.Series, np.float32])
@pytest.mark.no_cover
def test_containers_do_not_matter(kind):
    scores, y = drawn(0, 400)
    scores = scores.astype(np.float32).astype(float)
    expected = ExpectedPerformance("accuracy").fit(y, scores)
    again = scores.astype(kind) if kind is np.float32 else kind(scores)
    labels = y if kind is np.float32 else kind(y)
    found = ExpectedPerformance("accuracy").fit(labels, again).estimate(again)
    assert found[0] == pytest.approx(expected.estimate(scores)[0])


# -- calibration -----------------------------------------------------------------------------------


def test_the_isotonic_map_is_that_of_scikit_learn_but_off_zero_and_one():
    rng = np.random.default_rng(0)
    scores, y = drawn(0, 500)
    scores, weight = scores.round(2), rng.integers(0, 3, 500).astype(float)
    proba, hits = np.c_[1 - scores, scores], np.eye(2)[y]
    found = Calibration("isotonic", proba, hits, weight)(proba)[:, 1]
    oracle = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    oracle.fit(scores[weight > 0], y[weight > 0], weight[weight > 0])
    floor = 1 / ((weight > 0).sum() + 2)
    assert found == pytest.approx(np.clip(oracle.predict(scores), floor, 1 - floor))
    assert 0 < found.min() <= found.max() < 1


def test_the_isotonic_map_of_a_single_score_is_its_share():
    proba, hits = np.full((100, 2), 0.5), np.eye(2)[np.arange(100) % 4 // 3]
    found = Calibration("isotonic", proba, hits, np.ones(100))(proba)
    assert found == pytest.approx(np.tile([0.75, 0.25], (100, 1)))


@pytest.mark.parametrize("slope", [0.2, 1.0, 3.0])
def test_the_sigmoid_finds_the_line_on_the_logits_from_which_labels_were_drawn(slope):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 40_000)
    scores, share = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-(slope * logits + 0.5)))
    proba, hits = np.c_[1 - scores, scores], np.eye(2)[(rng.random(40_000) < share).astype(int)]
    found = Calibration("sigmoid", proba, hits, np.ones(40_000))(proba)[:, 1]
    assert np.abs(found - share).max() < 0.02


def test_the_sigmoid_stays_finite_where_the_classes_are_apart():
    scores = np.r_[np.zeros(200), np.ones(200)]
    proba, hits = np.c_[1 - scores, scores], np.eye(2)[scores.astype(int)]
    for turned in (hits, 1 - hits):
        found = Calibration("sigmoid", proba, turned, np.ones(400))(proba)
        assert found == pytest.approx(turned, abs=0.02)


def test_a_row_of_which_all_classes_are_mapped_to_nothing_stays_as_it_is():
    proba = np.array([[0.2, 0.3, 0.5]])
    calibration = Calibration("none", proba, proba, np.ones(1))
    assert calibration(np.zeros((1, 3))).tolist() == [[0.0, 0.0, 0.0]]


def test_probabilities_of_several_classes_are_calibrated_and_sum_to_one():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([0.5, 0.5, 0.5], 4000)
    share = 0.6 * proba + 0.4 / 3
    y = (rng.random((4000, 1)) > np.cumsum(share, axis=1)).sum(axis=1)
    for method in ("sigmoid", "isotonic"):
        found = Calibration(method, proba, np.eye(3)[y], np.ones(4000))(proba)
        assert found.sum(axis=1) == pytest.approx(1)
        assert np.abs(found - share).mean() < 0.4 * np.abs(proba - share).mean()


@pytest.mark.slow
def test_calibration_is_chosen_only_where_rows_left_out_show_that_it_is_needed():
    chosen = []
    for seed in range(20):
        scores, y = drawn(seed, 400)
        proba = np.c_[1 - scores, scores]
        chosen.append(chosen_method(proba, np.eye(2)[y], np.random.default_rng(0)))
    assert chosen.count("none") >= 14


# -- covariate shift that the scores do not show ---------------------------------------------------


def two_kinds(seed, n, share_of_hard):
    """Return features, scores and labels: the score means nothing for rows of the hard kind."""
    rng = np.random.default_rng(seed)
    is_hard = rng.random(n) < share_of_hard
    scores = rng.beta(0.7, 0.7, n)
    y = (rng.random(n) < np.where(is_hard, 0.5, scores)).astype(int)
    X = pd.DataFrame({"kind": is_hard + rng.normal(0, 0.1, n), "time": np.arange(n) + 1e6 * seed})
    return X, scores, y


@pytest.mark.no_cover
@pytest.mark.parametrize("convert", [lambda X: X, lambda X: X.to_numpy(), pl.from_pandas])
@pytest.mark.thinned(2)
def test_features_tell_of_a_shift_that_scores_hide(convert):
    """The hard rows become most; a running number, which differs by what it is, says nothing."""
    X, scores, y = two_kinds(0, 2000, 0.2)
    X_new, new, y_new = two_kinds(1, 2000, 0.8)
    realised = ((new > 0.5) == y_new).mean()
    expected = ExpectedPerformance("accuracy").fit(y, scores, X=convert(X))
    without = expected.estimate(new)[0].value
    found = expected.estimate(new, X=convert(X_new))[0]
    assert abs(without - realised) > 0.08
    assert abs(found.value - realised) < 0.035
    few = expected.estimate(new[:20], X=convert(X_new)[:20])
    assert few == expected.estimate(new[:20]), "too few rows to tell apart"


def test_right_probabilities_are_calibrated_where_rows_count_differently():
    X, scores, y = two_kinds(0, 2000, 0.0)
    expected = ExpectedPerformance("accuracy").fit(y, scores, X=X)
    assert expected.calibration_ == "none"
    assert expected.estimate(scores, X=X)[0].value == pytest.approx(
        expected.estimate(scores)[0].value, abs=0.02
    )


def test_where_all_columns_are_clocks_or_empty_nothing_is_told_apart():
    old = np.c_[np.arange(100.0), np.full(100, np.nan)]
    found = domain_probabilities(old, old + 1000)
    assert [part.tolist() for part in found] == [[0.5] * 100] * 2


def test_the_sizes_of_the_samples_do_not_make_rows_look_old():
    rng = np.random.default_rng(0)
    parts = domain_probabilities(rng.normal(size=(900, 1)), rng.normal(size=(150, 1)))
    assert [part.mean() for part in parts] == pytest.approx([0.5, 0.5], abs=0.06)


def test_a_column_may_have_values_in_one_run_only():
    old = np.c_[np.random.default_rng(0).normal(size=99), np.full(99, np.nan)]
    old[:33, 1] = np.random.default_rng(1).normal(size=33)
    assert np.isfinite(domain_probabilities(old, old[::-1])[0]).all()


# -- labels that come ------------------------------------------------------------------------------


def test_concept_drift_withdraws_the_estimate_within_some_hundred_labels_and_says_why():
    expected = fitted(metrics=("accuracy", "roc_auc"))
    scores, y = drawn(1, 1000)
    shown(expected, scores, y)
    assert expected.withdrawn_ is None
    shown(expected, scores, 1 - y, start=5000)
    assert 1000 < expected.n_resolved_ <= 1300
    told = (
        r"0\.\d+ of the predictions right, where 0\.\d+ were expected, in the newest 200 labelled"
    )
    assert re.match(told, expected.withdrawn_)
    assert "Fit again on newer labelled rows" in expected.withdrawn_
    for each in expected.estimate(scores):
        assert np.isnan([each.value, each.low, each.high]).all()
        assert each.reason == expected.withdrawn_
    reason = expected.withdrawn_
    expected.resolve([5000], ["never seen"])
    assert expected.withdrawn_ == reason, "the first reason stays"
    y_new = 1 - drawn(2, 1000)[1]
    assert expected.fit(y_new, drawn(2, 1000)[0]).withdrawn_ is None
    assert expected.estimate(scores)[0].value < 0.5


@pytest.mark.parametrize("direction", [1, -1])
def test_a_class_that_comes_more_or_less_often_withdraws_though_accuracy_is_as_expected(direction):
    """Of three classes, the third takes over from the second where neither was predicted."""
    rng = np.random.default_rng(0)
    proba = np.tile([0.6, 0.2, 0.2], (4000, 1)) + rng.uniform(-0.05, 0.05, (4000, 1)) * [
        1,
        -0.5,
        -0.5,
    ]
    y = (rng.random((4000, 1)) > np.cumsum(proba, axis=1)).sum(axis=1)
    expected = ExpectedPerformance("accuracy").fit(np.array(list("abc"))[y[:1000]], proba[:1000])
    other = y[1000:].copy()
    other[other > 0] = 2 if direction == 1 else 1
    shown(expected, proba[1000:], np.array(list("abc"))[other])
    assert re.search(r"of the rows of class '[bc]'", expected.withdrawn_)


def test_a_model_that_is_right_more_often_than_expected_withdraws_as_well():
    scores, _ = drawn(1, 1000)
    expected = shown(fitted(), scores, (scores > 0.5).astype(int))
    assert re.match(r"1\.000 of the predictions right, where 0\.\d+", expected.withdrawn_)


def test_what_is_allowed_is_the_tolerance_and_the_error_of_the_reference():
    """Two residuals in two directions: alpha is halved, and each test has a quarter of a half."""
    residuals = np.random.default_rng(0).normal(size=(400, 2)) * [0.2, 0.4]
    found = Refutation(residuals, 0.03, 0.08)
    errors = residuals.std(axis=0, ddof=1) / 20
    assert found.allowed == pytest.approx(0.03 + norm.isf(0.01) * errors)
    assert found.needed == pytest.approx(np.log(100))


def test_covariate_shift_does_not_withdraw():
    expected = fitted(overconfident, n=2000)
    scores, y = drawn(1, 5000, overconfident, (2.0, 0.7))
    assert shown(expected, scores, y, size=250).withdrawn_ is None


@pytest.mark.slow
def test_where_nothing_changes_the_estimate_is_withdrawn_in_at_most_alpha_of_runs():
    """At alpha 0.2, of 40 runs of 1,500 labels; more than 14 would come once in 150 times."""
    withdrawn = 0
    for seed in range(40):
        expected = fitted(overconfident, n=300, seed=seed, alpha=0.2, tolerance=0.0)
        scores, y = drawn(500 + seed, 1500, overconfident)
        withdrawn += shown(expected, scores, y, size=300).withdrawn_ is not None
    assert withdrawn <= 14


def test_a_label_that_the_reference_lacks_withdraws():
    expected = fitted().update(["a", "b"], [0.2, 0.7])
    assert "labels [2] came" in expected.resolve(["b"], [2]).withdrawn_


def test_labels_that_have_come_count_as_they_are_and_the_others_as_expected():
    expected = fitted(metrics=("accuracy", "cost"), cost_matrix=COSTS)
    scores, y = drawn(3, 100)
    expected.update(np.arange(100), scores)
    open_ = by_metric(expected.estimate())
    assert open_ == by_metric(expected.estimate(scores))
    widths, order = [], np.random.default_rng(0).permutation(100)
    for known in (40, 100):
        rows = order[:known]
        expected.resolve(rows, y[rows])
        each = expected.estimate()[0]
        right = np.where(np.isin(np.arange(100), rows), (scores > 0.5) == y, np.nan)
        said = np.where(np.isnan(right), np.maximum(scores, 1 - scores), right)
        assert each.value == pytest.approx(said.mean())
        assert each.n_labelled == known
        widths.append(each.high - each.low)
    assert widths[0] > 0.05
    assert widths[1] == pytest.approx(0)
    assert expected.n_resolved_ == 100, "those that came a second time were not bet on again"


def test_a_label_that_is_corrected_replaces_the_first_and_is_not_compared_again():
    expected = fitted(metrics="accuracy").update([7], [0.9]).resolve([7], [0])
    assert expected.estimate()[0].value == 0
    evidence = expected._refutation.update(np.zeros((0, 2)))
    assert expected.resolve([7], [1]).estimate()[0].value == 1
    assert np.array_equal(expected._refutation.update(np.zeros((0, 2))), evidence)


def test_memory_is_bounded_and_the_oldest_rows_go():
    expected = fitted(max_rows=50)
    for start in range(0, 200, 20):
        expected.update(range(start, start + 20), np.full(20, 0.6))
    assert expected.estimate()[0].n_rows == 50
    with pytest.raises(ValueError, match="max_rows=50"):
        expected.resolve([149], [1])
    expected.resolve([150], [1])


def test_nobody_waiting_is_an_empty_estimate():
    assert fitted().estimate() == []
    assert fitted().update([], np.empty((0, 2))).resolve([], []).n_resolved_ == 0


# -- what there is too little of -------------------------------------------------------------------


def test_a_class_with_few_rows_of_reference_has_no_metric_and_the_reason_says_so():
    scores, y = drawn(0, 400)
    proba = np.c_[1 - scores, scores, np.zeros(400)]
    expected = ExpectedPerformance(("accuracy", "recall", "roc_auc")).fit(
        y, proba, classes=[0, 1, 2]
    )
    found = {each.metric: each for each in expected.estimate(proba)}
    assert found["accuracy"].reason == found["recall[0]"].reason == ""
    for name in ("recall[2]", "roc_auc"):
        assert np.isnan(found[name].value)
        assert found[name].reason == "the reference has 0 rows of class 2, and 10 are needed"


def test_a_class_that_is_never_predicted_has_no_precision():
    scores, _ = drawn(1, 50)
    each = fitted(metrics="precision").estimate(scores, y_pred=np.zeros(50, dtype=int))[0]
    assert np.isnan(each.value)
    assert each.reason == "precision[1] has no rows to be a share of"


def test_a_single_row_has_no_area():
    each = fitted(metrics="roc_auc").estimate([0.4])[0]
    assert np.isnan(each.value)
    assert each.reason


# -- what is passed --------------------------------------------------------------------------------

SCORES, Y = drawn(0, 200)
PROBA = np.c_[1 - SCORES, SCORES]


@pytest.mark.parametrize(
    ("y", "proba", "options", "message"),
    [
        (Y[:60], SCORES[:60], {}, "60 rows of reference are too few.*at least 100"),
        (Y, PROBA[:150], {}, "y_true has the length 200, and y_proba 150"),
        (Y, SCORES.reshape(-1, 1), {}, "2 labels .* 1 columns"),
        (Y * 0, PROBA, {}, "1 label .* 2 columns: pass classes=model.classes_"),
        (Y * 0, SCORES, {}, "1 label .* 2 columns"),
        (Y, np.c_[PROBA, SCORES], {"classes": [0, 1, 2]}, "sum to 1"),
        (Y, SCORES, {"classes": [0, 1, 2]}, r"shape \(200,\), and there are 3 classes"),
        (Y, PROBA, {"classes": [1, 0]}, "sorted order"),
        (Y, PROBA, {"classes": [0]}, "at least two"),
        (Y, PROBA, {"classes": np.array([0, "a"], object)}, "mixes text and numbers"),
        (Y, PROBA, {"classes": [1, 2]}, r"y_true has \[0\]"),
        (np.array([*Y[:-1], "a"], object), PROBA, {}, "mixes text and numbers"),
        (Y, 5 * PROBA - 2, {}, r"in \[0, 1\].*not that of decision_function"),
        (Y, np.where(PROBA > 0.9, np.nan, PROBA), {}, "probabilities"),
        (Y, PROBA * 0.9, {}, "sum to 1 in each row; 200 rows do not, row 0 sums to 0.9"),
        (Y, [["a", "b"]] * 200, {}, "table of numbers"),
        (np.where(Y, np.nan, 0.0), PROBA, {}, "y_true lacks .* labels"),
        (SCORES, PROBA, {}, "holds amounts.*regressor"),
        (Y, PROBA, {"X": PROBA[:50]}, "X has the length 50"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_and_what_was_learned_stays(
    y, proba, options, message
):
    expected = fitted()
    before = joblib.hash(expected)
    with pytest.raises(ValueError, match=f"(?s)fit.*{message}"):
        expected.fit(y, proba, **options)
    assert joblib.hash(expected) == before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metrics": "f1"}, "metrics must be names out of accuracy, recall"),
        ({"metrics": ["accuracy[1]"]}, "metrics must be"),
        ({"metrics": "recall[spam]"}, r"classes of the reference, \['0', '1'\]"),
        ({"metrics": ()}, "metrics must be"),
        ({"metrics": [3]}, "metrics must be"),
        ({"metrics": "cost"}, "cost_matrix must be given"),
        ({"cost_matrix": COSTS}, "cost_matrix must be None where"),
        ({"metrics": "cost", "cost_matrix": [[0, 1]]}, r"shape \(2, 2\)"),
        ({"metrics": "cost", "cost_matrix": [[0, "x"], [1, 0]]}, r"shape \(2, 2\)"),
        ({"metrics": "cost", "cost_matrix": [[0, np.inf], [1, 0]]}, "finite"),
    ],
)
def test_parameters_are_checked_by_fit(params, message):
    with pytest.raises(ValueError, match=f"(?s)ExpectedPerformance.*{message}"):
        ExpectedPerformance(**params).fit(Y, PROBA)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda e: e.update([1, 1], [0.1, 0.2]), "ids 1 come twice"),
        (lambda e: e.update([0], [0.1]), r"ids \[0\] are those of rows that are remembered"),
        (lambda e: e.update([1, 2], [0.1]), "one id per row: got 2 for 1 rows"),
        (lambda e: e.update([[1]], [0.1]), r"item 0 is \[1\]"),
        (lambda e: e.update("a", [0.1]), "ids must be a list or an array"),
        (lambda e: e.update(7, [0.1]), "ids must be a list or an array"),
        (lambda e: e.update({7}, [0.1]), "ids must be a list or an array"),
        (lambda e: e.update([np.nan], [0.1]), "ids hold nan"),
        (lambda e: e.update([1], [0.1], y_pred=["x"]), r"y_pred has \['x'\]"),
        (lambda e: e.update([1], [0.1], y_pred=[0, 1]), "y_pred has the length 2"),
        (lambda e: e.resolve([99], [1]), r"ids \[99\] are not remembered"),
        (lambda e: e.resolve([0, 0], [1, 1]), "come twice"),
        (lambda e: e.resolve([0], [np.nan]), "lacks 1 label"),
        (lambda e: e.estimate(X=PROBA), "y_proba, which is None"),
        (lambda e: e.estimate(PROBA, X=PROBA), "fit had none"),
        (lambda e: e.estimate(PROBA, chunk_size=0), "chunk_size"),
        (lambda e: e.estimate(PROBA[:, :1]), "a column for each class"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_changes(use, message):
    expected = fitted().update([0], [0.4])
    before = joblib.hash(expected)
    with pytest.raises(ValueError, match=message):
        use(expected)
    assert joblib.hash(expected) == before


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (PROBA[:, :1], "the same columns"),
        (pd.DataFrame(PROBA, columns=["a", "c"]), r"lacks the columns \['b'\]"),
        (sparse.csr_matrix(PROBA), "sparse"),
        (PROBA[:50], "X has the length 50"),
    ],
)
def test_features_that_are_others_than_those_of_the_reference_are_refused(X, message):
    expected = ExpectedPerformance().fit(Y, PROBA, X=pd.DataFrame(PROBA, columns=["a", "b"]))
    with pytest.raises(ValueError, match=message):
        expected.estimate(PROBA, X=X)


@pytest.mark.parametrize(
    ("X", "message"), [(sparse.csr_matrix(PROBA), "sparse"), (5, "X must be an array")]
)
def test_features_that_can_never_be_compared_are_refused_by_fit(X, message):
    with pytest.raises(ValueError, match=message):
        ExpectedPerformance().fit(Y, PROBA, X=X)


@pytest.mark.parametrize(
    "use",
    [lambda e: e.estimate(PROBA), lambda e: e.update([1], [0.1]), lambda e: e.resolve([], [])],
)
def test_before_a_reference_there_is_no_estimate(use):
    with pytest.raises(NotFittedError):
        use(ExpectedPerformance())


def test_it_pickles_at_any_moment_and_goes_on_the_same():
    scores, y = drawn(4, 400)
    one = shown(fitted(), scores[:200], y[:200])
    other = pickle.loads(pickle.dumps(one))
    for each in (one, other):
        shown(each, scores[200:], 1 - y[200:], start=200)
    assert one.withdrawn_ == other.withdrawn_ is not None
    assert not hasattr(clone(one), "withdrawn_")


def test_parameters_are_never_touched():
    expected = ExpectedPerformance(list(ALL), cost_matrix=COSTS)
    before = joblib.hash(expected.get_params())
    expected.fit(Y, PROBA).update([1], [0.3]).resolve([1], [1]).estimate(PROBA)
    assert joblib.hash(expected.get_params()) == before
