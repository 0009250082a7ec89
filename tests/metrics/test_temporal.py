"""Kappa-temporal and the no-change predictions that it compares with."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import make_scorer
from sklearn.tree import DecisionTreeClassifier

from skretrain.metrics import kappa_temporal, no_change_predict

labels = st.integers(0, 2)
delays = st.integers(0, 8)


@st.composite
def scored_streams(draw, min_size=10):
    """Draw targets, predictions of the same length, a delay and earlier labels (or None)."""
    n = draw(st.integers(min_size, 40))
    y_true = draw(st.lists(labels, min_size=n, max_size=n))
    y_pred = draw(st.lists(labels, min_size=n, max_size=n))
    return y_true, y_pred, draw(delays), draw(st.none() | st.lists(labels, max_size=12))


def no_change_loop(y_true, label_delay, y_previous):
    """Walk through the stream with a queue of labels on their way, as a program in production."""
    on_the_way, newest, predicted = [], None, {}
    stream = [(None, y) for y in y_previous or []] + list(enumerate(y_true))
    for row, y in stream:
        if row is not None and newest is not None:
            predicted[row] = newest
        on_the_way.append(y)
        if len(on_the_way) > label_delay:
            newest = on_the_way.pop(0)
    return predicted


def kappa_loop(y_true, y_pred, label_delay, y_previous):
    right = right_no_change = n = 0
    for row, guess in no_change_loop(y_true, label_delay, y_previous).items():
        n += 1
        right += y_pred[row] == y_true[row]
        right_no_change += guess == y_true[row]
    if right_no_change == n:
        return 0.0 if right == n else -np.inf
    return (right - right_no_change) / (n - right_no_change)


@given(scored_streams())
def test_the_predictions_are_those_of_a_loop_with_labels_on_their_way(stream):
    y_true, _, label_delay, y_previous = stream
    rows, y_pred = no_change_predict(y_true, label_delay=label_delay, y_previous=y_previous)
    expected = no_change_loop(y_true, label_delay, y_previous)
    assert dict(zip(rows.tolist(), y_pred.tolist())) == expected


@given(scored_streams())
def test_the_score_is_that_of_a_loop(stream):
    y_true, y_pred, label_delay, y_previous = stream
    score = kappa_temporal(y_true, y_pred, label_delay=label_delay, y_previous=y_previous)
    assert score == pytest.approx(kappa_loop(y_true, y_pred, label_delay, y_previous))
    assert isinstance(score, float)


@given(scored_streams())
def test_no_change_itself_scores_zero(stream):
    y_true, y_pred, label_delay, y_previous = stream
    options = {"label_delay": label_delay, "y_previous": y_previous}
    rows, y_no_change = no_change_predict(y_true, **options)
    y_pred = np.array(y_pred)  # the first rows, which nothing predicts, may hold anything
    y_pred[rows] = y_no_change
    assert kappa_temporal(y_true, y_pred, **options) == 0.0


@given(scored_streams())
def test_perfect_predictions_score_one_unless_no_change_is_perfect_too(stream):
    y_true, _, label_delay, y_previous = stream
    predicted = no_change_loop(y_true, label_delay, y_previous)
    ties = all(y_true[row] == guess for row, guess in predicted.items())
    score = kappa_temporal(y_true, y_true, label_delay=label_delay, y_previous=y_previous)
    assert score == (0.0 if ties else 1.0)


@pytest.mark.no_cover
@given(
    scored_streams(),
    st.sampled_from([[2, 0, 1], [-1.0, 7.0, 3.0], ["no", "maybe", "certainly"]]),
)
def test_other_names_for_the_classes_change_nothing(stream, names):
    y_true, y_pred, label_delay, y_previous = stream
    renamed = [None if y is None else [names[k] for k in y] for y in (y_true, y_pred, y_previous)]
    assert kappa_temporal(
        renamed[0], renamed[1], label_delay=label_delay, y_previous=renamed[2]
    ) == kappa_temporal(y_true, y_pred, label_delay=label_delay, y_previous=y_previous)


@given(scored_streams(min_size=20), st.integers(0, 10))
def test_a_stream_cut_in_two_is_predicted_the_same_when_the_head_is_passed_on(stream, cut):
    y_true, _, label_delay, _ = stream
    whole = no_change_loop(y_true, label_delay, None)
    rows, y_pred = no_change_predict(y_true[cut:], label_delay=label_delay, y_previous=y_true[:cut])
    tail = {row: guess for row, guess in whole.items() if row >= cut}
    assert dict(zip((rows + cut).tolist(), y_pred.tolist())) == tail


def test_a_later_label_makes_the_baseline_of_a_stream_with_runs_weaker():
    y_true = np.repeat([0, 1] * 20, 10)
    y_pred = np.where(np.arange(400) % 10 == 5, 1 - y_true, y_true)
    scores = [kappa_temporal(y_true, y_pred, label_delay=d) for d in (0, 2, 5)]
    assert scores[0] < scores[1] < scores[2]


def test_numbers_are_predicted_too():
    # A regression stream has the same baseline, only another score.
    rows, y_pred = no_change_predict([0.5, 1.5, 2.5], label_delay=0)
    assert rows.tolist() == [1, 2]
    assert y_pred.tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    "container",
    [
        pytest.param(np.array, id="ndarray"),
        pytest.param(lambda y: np.array(y, dtype=object), id="object"),
        pytest.param(lambda y: np.array(y)[:, None], id="column"),
        pytest.param(lambda y: pd.Series(y, index=range(7, 7 + len(y))), id="pandas"),
        pytest.param(lambda y: pd.Series(y, dtype="category"), id="pandas-category"),
        pytest.param(pl.Series, id="polars"),
    ],
)
def test_any_container_of_strings_scores_as_a_list(container):
    y_true, y_pred, y_previous = list("aabbbcc"), list("aababcc"), list("ca")
    expected = kappa_temporal(y_true, y_pred, label_delay=1, y_previous=y_previous)
    score = kappa_temporal(
        container(y_true), container(y_pred), label_delay=1, y_previous=container(y_previous)
    )
    assert score == expected


def test_the_score_works_as_a_scorer():
    y = np.array([0, 1, 0, 0, 1, 1])
    model = DecisionTreeClassifier().fit(y[:, None], y)
    assert make_scorer(kappa_temporal, label_delay=1)(model, y[:, None], y) == 1.0


@pytest.mark.parametrize(("y_pred", "score"), [([1, 1, 1], 0.0), ([1, 1, 0], -np.inf)])
def test_on_a_constant_stream_a_classifier_ties_with_no_change_or_is_infinitely_worse(
    y_pred, score
):
    assert kappa_temporal([1, 1, 1], y_pred) == score


def test_no_row_with_a_known_label_is_an_error_that_names_the_way_out():
    with pytest.raises(ValueError, match="3 rows.*label_delay=2.*y_previous"):
        kappa_temporal([0, 1, 0], [0, 1, 0], label_delay=2)
    assert kappa_temporal([0, 1, 0], [0, 1, 0], label_delay=2, y_previous=[1]) == 1.0


def test_a_negative_delay_is_refused():
    with pytest.raises(ValueError, match="label_delay must be an integer of at least 0"):
        no_change_predict([0, 1], label_delay=-1)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        kappa_temporal([0, 1, 0], [0, 1])
