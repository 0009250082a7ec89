"""Names stand beside what they name, and on nothing else."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from skretrain.inspection._direct_labels import label_points, spread_out

numbers = st.lists(st.floats(-100, 100), max_size=12)


@given(numbers, st.floats(0, 10))
def test_neighbours_are_a_gap_apart_in_their_order(values, gap):
    moved = spread_out(values, gap)
    order = np.argsort(values, kind="stable")
    assert (np.diff(moved[order]) >= gap - 1e-9).all()
    if len(values) < 2 or np.diff(np.sort(values)).min() >= gap:
        np.testing.assert_allclose(moved, values, atol=1e-9)
    assert np.sum(moved) == pytest.approx(np.sum(values), abs=1e-6)


def test_things_are_moved_as_little_as_possible():
    values = np.array([3.0, 0.0, 0.2, 0.3, 5.0])
    gap = 1.0
    order = np.argsort(values)
    best = minimize(
        lambda moved: ((moved - values[order]) ** 2).sum(),
        values[order],
        constraints={"type": "ineq", "fun": lambda moved: np.diff(moved) - gap},
    ).x
    np.testing.assert_allclose(spread_out(values, gap)[order], best, atol=1e-4)


def _box(label):
    return label.get_window_extent(label.figure.canvas.get_renderer())


def _drawn(points, lines=()):
    _, ax = plt.subplots()
    ax.set(xlim=(0, 10), ylim=(0, 10))
    return ax, label_points(ax, points, lines, fontsize=9)


def test_names_cover_neither_points_nor_each_other_and_stay_inside():
    points = {"first policy": (5, 5), "second policy": (5.2, 5.1), "third policy": (5.1, 4.7)}
    points |= {"at the right edge": (9.9, 5), "in the corner": (9.9, 9.9), "below": (0.1, 0.1)}
    ax, labels = _drawn(points)
    boxes = [_box(label) for label in labels.values()]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert not any(box.contains(*ax.transData.transform(point)) for point in points.values())
        assert ax.bbox.x0 <= box.x0 <= box.x1 <= ax.bbox.x1
        assert ax.bbox.y0 <= box.y0 <= box.y1 <= ax.bbox.y1
    assert list(labels) == list(points)


def test_a_name_avoids_a_line_where_it_can():
    line = np.array([[0, 5], [10, 5]])
    ax, labels = _drawn({"name": (5, 5)}, [line, np.empty((0, 2))])
    height = ax.transData.transform((5, 5))[1]
    box = _box(labels["name"])
    assert box.y0 > height or box.y1 < height
    _, labels = _drawn({"name": (5, 5)})
    assert _box(labels["name"]).y0 < height < _box(labels["name"]).y1  # to the right of the point


@pytest.mark.no_cover
def test_many_names_at_one_place_are_all_written():
    _, labels = _drawn({f"policy {k}": (5, 5) for k in range(20)})
    assert len(labels) == 20
