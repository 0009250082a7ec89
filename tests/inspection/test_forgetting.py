"""The heat map has a row for each concept, and says how much of each was forgotten."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from skretrain.inspection import ForgettingDisplay
from skretrain.metrics import forgetting

SCORES = np.array([[0.75, 0.5, np.nan], [0.5, 1.0, 0.5], [0.25, 0.75, 1.0]])


def _boxes(artists):
    return [artist.get_window_extent() for artist in artists if artist.get_text()]


def test_the_cells_are_the_scores_and_what_is_not_known_is_left_out():
    display = ForgettingDisplay(SCORES).plot()
    cells = display.image_.get_array()
    np.testing.assert_array_equal(cells.filled(np.nan), SCORES.T)
    written = {(*text.get_position(), text.get_text()) for text in display.ax_.texts[:8]}
    known = {(time, concept): SCORES[time, concept] for time, concept in np.ndindex(3, 3)}
    del known[0, 2]
    assert written == {(*place, f"{score:.3g}") for place, score in known.items()}


def test_the_frame_is_where_a_concept_was_learned_and_the_margin_has_what_was_lost():
    display = ForgettingDisplay(SCORES, learned_at=[1, 0, 2]).plot()
    corners = [frame.get_xy() for frame in display.frames_]
    assert corners == [(0.5, -0.5), (-0.5, 0.5), (1.5, 1.5)]
    lost = forgetting(SCORES, learned_at=[1, 0, 2], average=False)
    shown = [label.get_text() for label in display.labels_]
    assert shown == ["" if np.isnan(value) else f"{value:.3g}" for value in lost]


@pytest.mark.parametrize("n", [2, 6, 20])
@pytest.mark.no_cover
def test_names_and_numbers_do_not_overlap(n):
    scores = np.random.default_rng(0).random((n, n))
    names = [f"a concept with a long name {number}" for number in range(n)]
    times = [f"2024-05-{day + 1:02d}" for day in range(n)]
    display = ForgettingDisplay(scores, concepts=names, times=times).plot()
    display.figure_.draw_without_rendering()
    ax = display.ax_
    for texts in (_boxes(ax.get_xticklabels()), _boxes(ax.get_yticklabels())):
        assert not any(one.overlaps(two) for one, two in pairwise(texts))
    margin = _boxes([*display.labels_[::-1], ax.texts[-1]])
    assert ax.texts[-1].get_text() == "forgotten"
    assert not any(one.overlaps(two) for one, two in pairwise(margin))
    assert all(box.x0 > ax.bbox.x1 for box in margin)


def test_numbers_are_written_only_where_they_have_room():
    wide = ForgettingDisplay(np.eye(9)).plot()
    assert len(wide.ax_.texts) == 9 + 1  # what was lost, and the title of these
    assert len(ForgettingDisplay(np.eye(8)).plot().ax_.texts) == 64 + 8 + 1


def test_a_number_can_be_read_on_its_cell():
    display = ForgettingDisplay([[0.0, 1.0], [0.0, 1.0]]).plot()
    colors = {text.get_text(): text.get_color() for text in display.ax_.texts[:4]}
    assert colors == {"0": "black", "1": "white"}


def test_it_draws_where_and_as_it_is_told():
    figure = plt.figure(layout="constrained")
    ax = figure.subplots()
    display = ForgettingDisplay(SCORES, label="recall").plot(ax=ax, vmin=0, vmax=2)
    assert display.ax_ is ax
    assert display.image_.get_clim() == (0, 2)
    assert figure.axes[-1].get_ylabel() == "recall"


def test_a_matrix_of_nothing_known_is_drawn_grey():
    display = ForgettingDisplay([[np.nan]]).plot()
    display.figure_.draw_without_rendering()
    assert display.labels_[0].get_text() == ""


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"concepts": ["a"]}, "there are 1 concepts, but scores has 3"),
        ({"times": range(4)}, "there are 4 times, but scores has 3"),
        ({"learned_at": [0, 0, 3]}, "one time from 0 to 2"),
    ],
)
def test_names_that_do_not_fit_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        ForgettingDisplay(SCORES, **options).plot()


def test_models_are_scored_on_the_rows_of_each_concept():
    X = np.zeros((4, 1))
    models = {
        name: DummyClassifier(strategy="constant", constant=label).fit(X, [0, 1, 1, 1])
        for name, label in (("first", 0), ("second", 1))
    }
    tests = {"zeros": (X, np.zeros(4)), "mixed": (X, np.array([0, 1, 1, 1]))}
    named = ForgettingDisplay.from_estimators(models, tests)
    np.testing.assert_array_equal(named.scores, [[1.0, 0.25], [0.0, 0.75]])
    assert (named.concepts, named.times, named.label) == (
        ["zeros", "mixed"],
        ["first", "second"],
        "score",
    )
    listed = ForgettingDisplay.from_estimators(
        list(models.values()), tests, scoring="accuracy", learned_at=[0, 0]
    )
    np.testing.assert_array_equal(listed.scores, named.scores)
    assert listed.label == "accuracy"
    assert listed.times is None
    assert listed.frames_[1].get_xy() == (-0.5, 0.5)
    labelled = ForgettingDisplay.from_estimators(models, tests, label="right")
    assert labelled.label == "right"
