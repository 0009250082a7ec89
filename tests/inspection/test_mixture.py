"""The weights of a mixture are drawn as areas that add up to one."""

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.inspection import MixtureDisplay

NAMES = ["old", "new", "third", "last"]


class Mixture(BaseEstimator):
    """As much of a mixture as the display reads."""

    def __init__(self, estimators):
        self.estimators = estimators

    def fit(self, X, y=None):
        rows = np.arange(1, 6) * 100
        self.named_estimators_ = dict(self.estimators)
        self.weight_history_ = SimpleNamespace(rows=rows, weights=_weights(5, 4))
        return self


def _weights(n_points, n_members, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n_members), size=n_points)


def _display(n_members=4, **options):
    names = NAMES if n_members == 4 else [f"member {k}" for k in range(n_members)]
    return MixtureDisplay(np.arange(1, 6) * 100, _weights(5, n_members), names, **options)


def _edges(area):
    """Return rows, lower and upper bounds of an area, as it was drawn."""
    corners = np.unique(area.get_paths()[0].vertices, axis=0)
    rows = np.unique(corners[:, 0])
    lower = np.array([corners[corners[:, 0] == row, 1].min() for row in rows])
    upper = np.array([corners[corners[:, 0] == row, 1].max() for row in rows])
    return rows, lower, upper


def _legend_texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# What is drawn


def test_the_height_of_each_area_is_the_weight_of_its_member():
    display = _display().plot()
    for weights, area in zip(display.weights.T, display.areas_.values(), strict=True):
        rows, lower, upper = _edges(area)
        np.testing.assert_array_equal(rows, display.rows)
        np.testing.assert_allclose(upper - lower, weights)


@pytest.mark.parametrize("n_members", [1, 4, 8, 20])
def test_the_areas_lie_on_each_other_and_fill_the_axes_from_zero_to_one(n_members):
    display = _display(n_members).plot()
    top = np.zeros(5)
    for area in display.areas_.values():
        _, lower, upper = _edges(area)
        np.testing.assert_allclose(lower, top, atol=1e-12)
        top = upper
    np.testing.assert_allclose(top, 1.0)
    assert display.ax_.get_ylim() == (0.0, 1.0)
    assert display.ax_.get_xlim() == (100.0, 500.0)


def test_a_member_without_weight_has_an_area_without_height():
    display = MixtureDisplay([1, 2], [[0.0, 1.0], [0.0, 1.0]], ["not yet", "serving"]).plot()
    _, lower, upper = _edges(display.areas_["not yet"])
    np.testing.assert_array_equal(lower, upper)


def test_the_axes_are_named():
    ax = _display().plot().ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rows seen", "weight")


def test_areas_have_the_names_in_order_and_the_legend_reads_from_top_to_bottom():
    display = _display().plot()
    assert list(display.areas_) == NAMES
    assert [area.get_label() for area in display.areas_.values()] == NAMES
    assert _legend_texts(display) == NAMES[::-1]


def test_a_long_name_is_shortened_in_the_legend_only():
    name = "a name that would take more room than the areas"
    display = MixtureDisplay([1, 2], [[1.0], [1.0]], [name]).plot()
    assert list(display.areas_) == [name]
    assert _legend_texts(display)[0].endswith("…")


def test_neighbours_differ_in_colour_and_eight_members_in_colour_and_pattern():
    areas = list(_display(8).plot().areas_.values())
    assert len({to_hex(area.get_facecolor()[0]) for area in areas}) == 8
    assert len({area.get_hatch() for area in areas}) == 8


def test_no_two_of_many_members_look_alike():
    areas = _display(72).plot().areas_.values()
    looks = {(to_hex(area.get_facecolor()[0]), area.get_hatch()) for area in areas}
    assert len(looks) == 72


def test_the_legend_lies_beside_the_axes_and_inside_the_figure():
    display = _display(8, true_drifts=[300]).plot()
    display.figure_.draw_without_rendering()
    legend, axes = display.ax_.get_legend().get_window_extent(), display.ax_.bbox
    assert legend.x0 > axes.x1
    assert legend.x1 <= display.figure_.bbox.x1
    assert display.figure_.bbox.y0 <= legend.y0 < legend.y1 <= display.figure_.bbox.y1


def test_true_drifts_are_vertical_lines_in_front_of_the_areas():
    display = _display(true_drifts=[150, 300]).plot()
    (line,) = display.ax_.lines
    assert line.get_xdata()[::3].tolist() == [150, 300]
    assert line.get_zorder() > max(area.get_zorder() for area in display.areas_.values())
    assert _legend_texts(display)[0] == "true drift (2)"
    assert display.ax_.get_ylim() == (0.0, 1.0)


def test_an_axes_of_ones_own_is_drawn_on():
    figure, ax = plt.subplots()
    display = _display().plot(ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert set(display.areas_.values()) == set(ax.collections)
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("style", [{"linewidth": 3, "alpha": 0.5}, {"lw": 3, "alpha": 0.5}])
def test_keywords_style_every_area(style):
    for area in _display().plot(**style).areas_.values():
        assert (area.get_linewidth(), area.get_alpha()) == ([3.0], 0.5)


def test_plot_returns_the_display_which_keeps_its_parameters():
    rows, weights, drifts = [1, 2], [[0.5, 0.5], [0.2, 0.8]], (1,)
    display = MixtureDisplay(rows, weights, ("a", "b"), true_drifts=drifts)
    assert display.plot() is display
    assert (display.rows, display.weights) == (rows, weights)
    assert (display.names, display.true_drifts) == (("a", "b"), drifts)


# From a mixture


def test_the_display_of_a_mixture_has_its_history_and_the_names_of_its_members():
    X, y, drift_rows = make_drifting_classification(600, random_state=0)
    members = [
        ("bayes", DriftAwareRetrainer(GaussianNB())),
        ("tree", DriftAwareRetrainer(DecisionTreeClassifier(random_state=0))),
    ]
    mixture = MixtureRetrainer(members).fit(X[:200], y[:200])
    for start in range(200, 600, 100):
        mixture.partial_fit(X[start : start + 100], y[start : start + 100])
    display = MixtureDisplay.from_estimator(mixture, true_drifts=drift_rows)
    np.testing.assert_array_equal(display.rows, [200, 300, 400, 500, 600])
    np.testing.assert_array_equal(display.weights, mixture.weight_history_.weights)
    assert list(display.areas_) == ["bayes", "tree"]
    np.testing.assert_array_equal(display.true_drifts, drift_rows)
    _, lower, upper = _edges(display.areas_["tree"])
    np.testing.assert_allclose((upper - lower)[-1], mixture.weights_[1])


def test_anything_with_a_history_and_named_members_is_drawn():
    _, ax = plt.subplots()
    mixture = Mixture([(name, None) for name in NAMES]).fit(None)
    display = MixtureDisplay.from_estimator(mixture, ax=ax, alpha=0.3)
    assert list(display.areas_) == NAMES
    assert display.ax_ is ax
    assert display.areas_["old"].get_alpha() == 0.3


# What is refused, and what is imported when


@pytest.mark.parametrize("kind", [Mixture, MixtureRetrainer])
def test_a_mixture_that_is_not_fitted_is_refused(kind):
    mixture = kind([("bayes", DriftAwareRetrainer(GaussianNB()))])
    with pytest.raises(NotFittedError, match=f"This {kind.__name__} instance is not fitted yet"):
        MixtureDisplay.from_estimator(mixture)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("n_rows", "n_names"), [(2, 3), (3, 2), (1, 2)])
def test_weights_of_another_shape_than_rows_and_names_are_refused(n_rows, n_names):
    display = MixtureDisplay(range(n_rows), _weights(2, 2), NAMES[:n_names])
    message = rf"shape \(2, 2\), but there are {n_rows} rows and {n_names} names"
    with pytest.raises(ValueError, match=message):
        display.plot()
    assert plt.get_fignums() == []


def test_without_matplotlib_the_error_names_the_caller_and_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^MixtureDisplay.plot needs matplotlib") as caught:
        _display().plot()
    assert 'pip install "skretrain[plot]"' in str(caught.value)
