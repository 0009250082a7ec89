"""Transfer, forgetting, flips and churn agree with their definitions, written as loops."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skretrain.metrics import (
    backward_transfer,
    churn,
    forgetting,
    forward_transfer,
    negative_flip_rate,
    reentry_error,
)

SCORES = st.integers(0, 8).map(lambda k: k / 8) | st.just(math.nan)
BITS = st.integers(0, 1)
FEW = settings(max_examples=40)  # small cases: more of them show nothing new


@st.composite
def matrices(draw):
    """Scores with gaps, and when each concept was learned."""
    n_times, n_concepts = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    scores = draw(arrays(float, (n_times, n_concepts), elements=SCORES))
    learned_at = draw(arrays(int, n_concepts, elements=st.integers(0, n_times - 1)))
    return scores, learned_at


def _mean(values):
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _by_the_papers(scores, learned_at, baseline):
    """The sums of Lopez-Paz and Ranzato (2017) and of Chaudhry et al. (2018), term by term."""
    last, back, ahead, lost = len(scores) - 1, [], [], []
    for concept, time in enumerate(learned_at):
        column = scores[:, concept]
        if time < last:
            back.append(column[last] - column[time])
            earlier = [score for score in column[:last] if not math.isnan(score)]
            lost.append(max(earlier, default=math.nan) - column[last])
        if time > 0:
            ahead.append(column[time - 1] - baseline)
    return _mean(back), _mean(ahead), _mean(lost)


def _all_three(scores, learned_at, baseline):
    return (
        backward_transfer(scores, learned_at=learned_at),
        forward_transfer(scores, baseline, learned_at=learned_at),
        forgetting(scores, learned_at=learned_at),
    )


@FEW
@given(matrices())
def test_the_three_means_are_the_sums_of_the_papers(case):
    np.testing.assert_allclose(_all_three(*case, 0.25), _by_the_papers(*case, 0.25))


@FEW
@given(matrices(), st.randoms(use_true_random=False))
def test_the_order_of_concepts_and_a_constant_on_all_scores_change_nothing(case, random):
    scores, learned_at = case
    order = list(range(len(learned_at)))
    random.shuffle(order)
    moved = _all_three(scores[:, order] + 3.0, learned_at[order], 3.25)
    np.testing.assert_allclose(moved, _all_three(scores, learned_at, 0.25))


@FEW
@given(matrices())
def test_forgetting_is_at_least_what_backward_transfer_takes(case):
    """The best score is at least the one right after learning."""
    scores, learned_at = case
    lost = forgetting(scores, learned_at=learned_at, average=False)
    gained = backward_transfer(scores, learned_at=learned_at, average=False)
    known = ~np.isnan(gained)
    assert (lost[known] >= -gained[known]).all()


@FEW
@given(matrices())
def test_the_average_is_the_mean_of_the_concepts_that_are_known(case):
    scores, learned_at = case
    for function in (backward_transfer, forgetting):
        each = function(scores, learned_at=learned_at, average=False)
        np.testing.assert_allclose(function(scores, learned_at=learned_at), _mean(each))


def test_a_square_matrix_has_one_time_for_each_concept():
    scores = np.arange(9.0).reshape(3, 3)
    assert forgetting(scores) == forgetting(scores, learned_at=[0, 1, 2]) == -3.0


def test_a_baseline_for_each_concept_is_taken_from_its_own_score():
    scores = [[0.5, 0.25], [0.5, 0.75]]
    assert forward_transfer(scores, [9.0, 0.125]) == 0.125
    np.testing.assert_array_equal(
        forward_transfer(scores, [9.0, 0.125], average=False), [math.nan, 0.125]
    )


@pytest.mark.parametrize(
    ("scores", "learned_at", "match"),
    [
        pytest.param([0.5], None, r"shape \(1,\)", id="vector"),
        pytest.param(np.empty((0, 2)), None, "row for each time", id="empty"),
        pytest.param([["a", "b"]], None, "matrix of numbers", id="words"),
        pytest.param([[1.0], [2.0, 3.0]], None, "matrix of numbers", id="ragged"),
        pytest.param([[np.inf]], None, "NaN for what is not known", id="infinite"),
        pytest.param([[0.5, 0.5]], None, "learned_at=None.*0 to 0.*2 concepts", id="not-square"),
        pytest.param([[0.5]], [1], r"learned_at=\[1\]", id="too-late"),
        pytest.param([[0.5]], [-1], r"learned_at=\[-1\]", id="negative"),
        pytest.param([[0.5]], [0.0], r"learned_at=\[0.0\]", id="not-whole"),
        pytest.param([[0.5]], [0, 0], r"learned_at=\[0, 0\]", id="too-many"),
    ],
)
def test_what_is_no_matrix_of_scores_is_refused(scores, learned_at, match):
    for function in (backward_transfer, forgetting):
        with pytest.raises(ValueError, match=match):
            function(scores, learned_at=learned_at)
    with pytest.raises(ValueError, match=match):
        forward_transfer(scores, 0.5, learned_at=learned_at)


@pytest.mark.parametrize("baseline", [[0.5], "dummy"])
def test_a_baseline_that_does_not_fit_is_refused(baseline):
    with pytest.raises(ValueError, match="baseline must be a number, or one for each of the 2"):
        forward_transfer(np.eye(2), baseline)


@st.composite
def visits(draw):
    """Concepts row by row, labels and predictions."""
    concepts = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
    several = arrays(int, len(concepts), elements=BITS)
    return concepts, draw(several), draw(several)


def _rows_of_returns(concepts, n_rows):
    """Walk along the rows, with the age of the present visit."""
    rows, seen, age = [], set(), 0
    for row, concept in enumerate(concepts):
        if row == 0 or concepts[row - 1] != concept:
            age, returns = 0, concept in seen
            seen.add(concept)
        if returns and age < n_rows:
            rows.append(row)
        age += 1
    return rows


@FEW
@given(visits(), st.integers(1, 5))
def test_the_first_rows_of_each_return_count_and_no_others(case, n_rows):
    concepts, y_true, y_pred = case
    rows = _rows_of_returns(concepts, n_rows)
    expected = _mean([float(y_true[row] != y_pred[row]) for row in rows])
    result = reentry_error(y_true, y_pred, concepts, n_rows=n_rows)
    np.testing.assert_allclose(result, expected)
    renamed = [f"the {name}" for name in concepts]
    renamed_error = reentry_error(y_true, y_pred, renamed, n_rows=n_rows)
    np.testing.assert_array_equal(renamed_error, result)


def test_numbers_have_an_absolute_error_on_reentry():
    concepts = [0, 0, 1, 0, 0]
    y_true, y_pred = np.zeros(5), np.array([9.0, 9.0, 9.0, 2.0, 1.0])
    assert reentry_error(y_true, y_pred, concepts, loss="absolute_error") == 1.5
    both = [np.column_stack([y, y]) for y in (y_true, y_pred)]
    assert reentry_error(*both, concepts, loss="absolute_error", n_rows=1) == 2.0


def test_no_return_is_no_number_and_no_warning():
    assert math.isnan(reentry_error([1, 1], [0, 0], ["a", "b"]))
    assert math.isnan(reentry_error([], [], []))


@pytest.mark.parametrize(
    ("options", "match"),
    [({"n_rows": 0}, "n_rows must be an integer of at least 1"), ({"loss": "log"}, "loss must be")],
)
def test_a_parameter_of_reentry_that_is_not_accepted_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        reentry_error([1], [1], [0], **options)


@st.composite
def predictions(draw):
    """Labels, two predictions, and whole weights."""
    n = draw(st.integers(1, 12))
    labels = arrays(int, n, elements=st.integers(0, 2))
    weight = arrays(int, n, elements=st.integers(0, 3)).filter(lambda w: w.any())
    return draw(labels), draw(labels), draw(labels), draw(weight)


@FEW
@given(predictions())
def test_flips_are_counted_row_by_row_and_a_weight_is_a_repeated_row(case):
    y, old, new, weight = case
    rows = [o == t != n for t, o, n in zip(y, old, new, strict=True)]
    assert negative_flip_rate(y, old, new) == pytest.approx(sum(rows) / len(rows))
    repeated = [np.repeat(values, weight) for values in (y, old, new)]
    assert negative_flip_rate(y, old, new, sample_weight=weight) == pytest.approx(
        negative_flip_rate(*repeated)
    )
    assert churn(old, new, sample_weight=weight) == pytest.approx(churn(*repeated[1:]))


@FEW
@given(predictions())
def test_flips_of_both_directions_explain_the_change_of_accuracy_and_are_within_the_churn(case):
    y, old, new, _ = case
    worse, better = negative_flip_rate(y, old, new), negative_flip_rate(y, new, old)
    assert (new == y).mean() - (old == y).mean() == pytest.approx(better - worse)
    assert worse + better <= churn(old, new) + 1e-12
    assert churn(old, new) == churn(new, old)
    assert negative_flip_rate(y, old, old) == churn(old, old) == 0.0


def test_names_of_classes_and_containers_change_nothing():
    y, old, new = list("aabb"), list("aaab"), list("baab")
    assert negative_flip_rate(y, old, new) == 0.25
    series = [pd.Series(values, index=range(4, 8), dtype="category") for values in (y, old, new)]
    assert negative_flip_rate(*series) == 0.25
    assert negative_flip_rate(np.array(y)[:, None], old, new) == 0.25


def test_of_several_outputs_it_is_the_mean():
    y = np.array([[0, 0], [1, 1]])
    new = np.array([[0, 1], [1, 1]])
    assert negative_flip_rate(y, y, new) == churn(y, new) == 0.25


def test_a_change_counts_beyond_the_tolerance_only():
    old, new = [0.0, 1.0, 2.0, np.nan], [0.5, 1.75, 2.0, 3.0]
    shares = [churn(old[:3], new[:3], tolerance=t) for t in (0, 0.5, 1)]
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3, 0.0])


@pytest.mark.parametrize(
    ("call", "way_out"),
    [
        (lambda: negative_flip_rate([1.5, 2.5], [1.5, 2.0], [9.0, 9.5]), "churn with a tolerance"),
        (lambda: churn([1.0, 2.0], [1.25, 2.0]), "tolerance must be a number"),
        (lambda: churn([1.25, 2.0], [1.0, 2.0]), "tolerance must be a number"),
        (lambda: reentry_error([0.5, 1.5, 0.5], [0.5, 1.5, 0.5], [0, 1, 0]), "absolute_error"),
    ],
)
def test_what_counts_hits_refuses_numbers_that_nothing_hits(call, way_out):
    """Of a regressor gone wild, no prediction would have turned wrong."""
    with pytest.raises(ValueError, match=way_out):
        call()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        pytest.param(lambda: churn([1], [1, 2]), r"y_pred_old \(1,\), y_pred_new \(2,\)", id="len"),
        pytest.param(lambda: churn(1, 1), r"one value per row", id="scalar"),
        pytest.param(lambda: churn([], []), "no rows", id="empty"),
        pytest.param(lambda: churn([1], [1], tolerance=-1), "at least 0", id="tolerance"),
        pytest.param(lambda: churn(["a"], ["b"], tolerance=1), "are numbers", id="words"),
        pytest.param(lambda: churn([1], [1], sample_weight=[0]), "more than 0", id="no-weight"),
        pytest.param(lambda: churn([1], [1], sample_weight=[-1]), "not negative", id="negative"),
        pytest.param(lambda: churn([1], [1], sample_weight=[1, 1]), "inconsistent", id="weights"),
        pytest.param(lambda: negative_flip_rate([1], [1], [1, 2]), "y_true", id="flips"),
        pytest.param(lambda: reentry_error([1], [[1, 2]], [1]), "y_pred", id="reentry"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
