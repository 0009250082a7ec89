"""Recall and precision per class are those of scikit-learn in every window."""

import itertools
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    precision_recall_fscore_support,
    precision_score,
)
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.inspection import PerClassDisplay
from skretrain.model_selection import prequential_validate


class Log:
    """A log of events, as much of it as the display reads."""

    def to_records(self):
        return [{"row": 10, "action": "retrained"}, {"row": 20, "action": "updated"}]


def _stream(n_rows=120, n_classes=4, seed=0):
    """Predictions of which two thirds are right; the last class arrives half way."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(n_classes - 1, size=n_rows)
    y_true[n_rows // 2 :: 5] = n_classes - 1
    y_pred = np.where(rng.random(n_rows) < 0.67, y_true, rng.integers(n_classes - 1, size=n_rows))
    return y_true, y_pred


def _display(**options):
    y_true, y_pred = _stream()
    options = {"window": 30, **options}
    return PerClassDisplay.from_predictions(np.arange(120), y_true, y_pred, **options)


def _lines(panel):
    return {line.get_label().split(" (")[0]: line for line in panel.lines}


# The numbers


@pytest.mark.parametrize(
    ("window", "named"),
    representatives(
        itertools.product([1, 7, 30, 120], [False, True]),
        fast=[(7, True), (120, False)],
        covering=[],
    ),
)
def test_each_point_is_what_scikit_learn_says_of_its_window(window, named):
    y_true, y_pred = _stream()
    if named:
        names = np.array(["a", "b", "c", "d"], dtype=object)
        y_true, y_pred = names[y_true], names[y_pred]
    display = PerClassDisplay.from_predictions(
        np.arange(1000, 1120), y_true, y_pred, window=window, step=1
    )
    labels = np.unique(y_true)
    np.testing.assert_array_equal(display.classes, labels)
    np.testing.assert_array_equal(display.rows, np.arange(1000 + window - 1, 1120))
    for point, stop in enumerate(range(window, 121)):
        true, predicted = y_true[stop - window : stop], y_pred[stop - window : stop]
        options = {"labels": labels, "average": None}
        _, recall, _, support = precision_recall_fscore_support(
            true, predicted, zero_division=np.nan, **options
        )
        precision = precision_score(true, predicted, zero_division=0, **options)
        precision[~np.isin(labels, [*true, *predicted])] = np.nan
        np.testing.assert_allclose(display.recall[point], recall)
        np.testing.assert_allclose(display.precision[point], precision)
        np.testing.assert_array_equal(display.support[point], support)


def test_the_averages_are_balanced_accuracy_accuracy_and_scikit_learn_s_precision():
    y_true, y_pred = _stream()
    display = _display(step=1)
    averages = [
        display.macro_recall,
        display.weighted_recall,
        display.macro_precision,
        display.weighted_precision,
    ]
    for stop, *found in [*zip(range(30, 121), *averages)][::5]:
        true, predicted = y_true[stop - 30 : stop], y_pred[stop - 30 : stop]
        expected = [
            balanced_accuracy_score(true, predicted),
            accuracy_score(true, predicted),
            precision_score(true, predicted, average="macro", zero_division=0),
            precision_score(true, predicted, average="weighted", zero_division=0),
        ]
        np.testing.assert_allclose(found, expected)


def test_a_class_that_is_not_predicted_counts_as_missed_in_the_averages():
    display = PerClassDisplay.from_predictions(range(4), [0, 0, 0, 1], [0, 0, 0, 0], window=4)
    np.testing.assert_allclose(display.precision, [[0.75, 0.0]])
    np.testing.assert_allclose(display.macro_recall, [0.5])
    np.testing.assert_allclose(display.macro_precision, [0.375])


def test_a_late_class_has_no_line_before_it_arrives():
    y_true, y_pred = np.zeros(100, dtype=int), np.zeros(100, dtype=int)
    y_true[60:] = 1
    display = PerClassDisplay.from_predictions(range(100), y_true, y_pred, window=10)
    there = ~np.isnan(display.recall[:, 1])
    np.testing.assert_array_equal(display.rows[there], np.arange(60, 100))
    assert (display.recall[there, 1] == 0).all()


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.no_cover
def test_points_lie_a_step_apart_and_the_last_is_at_the_last_row(step):
    fine, coarse = _display(step=1), _display(step=step)
    np.testing.assert_array_equal(coarse.rows, fine.rows[::-1][::step][::-1])
    np.testing.assert_array_equal(coarse.recall, fine.recall[::-1][::step][::-1])


@pytest.mark.parametrize(("n_rows", "n_points"), [(10, 10), (40, 39), (2100, 1996), (9000, 1711)])
def test_unless_told_the_window_is_a_twentieth_and_there_are_at_most_2000_points(n_rows, n_points):
    y = np.zeros(n_rows, dtype=int)
    display = PerClassDisplay.from_predictions(np.arange(n_rows), y, y, max_classes=1)
    assert len(display.rows) == n_points <= 2000
    assert display.support[0].sum() == max(n_rows // 20, 1)
    assert display.label == f"over {max(n_rows // 20, 1):,} rows"


def test_pandas_labels_score_as_a_list():
    expected = PerClassDisplay.from_predictions(range(4), list("aabb"), list("abbb"), window=2)
    display = PerClassDisplay.from_predictions(
        pd.Series([0, 1, 2, 3]),
        pd.Series(list("aabb"), index=[7, 5, 3, 1]),
        pd.Series(list("abbb")),
        window=2,
    )
    np.testing.assert_array_equal(display.recall, expected.recall)
    assert display.classes.tolist() == ["a", "b"]


def test_a_result_is_drawn_at_its_own_rows_with_refits_when_their_labels_came_in():
    y_true, y_pred = _stream()
    rows = np.r_[100:160, 200:260]  # a gap: rows 160 to 199 were not scored
    result = SimpleNamespace(y_true=y_true, y_pred=y_pred, rows=rows, events=Log())
    result.arrived = lambda events: events + 7
    display = PerClassDisplay.from_result(result, window=30, true_drifts=[150], step=1)
    same = _display(step=1, events=Log())
    np.testing.assert_array_equal(display.rows, rows[29:])
    np.testing.assert_array_equal(display.precision, same.precision)
    assert display.refits.tolist() == [17]
    assert same.refits.tolist() == [10]
    assert display.true_drifts.tolist() == [150]
    del result.arrived
    result.events = None
    assert PerClassDisplay.from_result(result).refits.tolist() == []


# What is drawn


def test_each_class_has_a_panel_with_its_lines_and_the_last_shows_the_averages():
    display = _display(true_drifts=[60], events=Log())
    titles = [ax.get_title() for ax in display.axes_]
    assert titles == ["0", "1", "2", "3", "macro average of all 4"]
    for k, panel in enumerate(display.axes_[:-1]):
        lines = _lines(panel)
        np.testing.assert_array_equal(lines["recall"].get_xdata(), display.rows)
        np.testing.assert_array_equal(lines["recall"].get_ydata(), display.recall[:, k])
        np.testing.assert_array_equal(lines["precision"].get_ydata(), display.precision[:, k])
        assert lines["true drift"].get_xdata()[0] == 60
        assert lines["refit"].get_xdata().tolist() == [10]
        share = panel.collections[0].get_paths()[0].vertices[:, 1].max()
        assert share == pytest.approx(display.support[:, k].max() / 30)
    lines = _lines(display.axes_[-1])
    np.testing.assert_array_equal(lines["recall"].get_ydata(), display.macro_recall)
    np.testing.assert_array_equal(lines["precision"].get_ydata(), display.macro_precision)


@pytest.mark.no_cover
def test_lines_differ_without_colour_and_are_explained_below_the_panels():
    display = _display(true_drifts=[60], events=Log())
    display.figure_.draw_without_rendering()
    lines = display.axes_[0].lines
    looks = {(ln.get_linestyle(), ln.get_marker(), ln.get_linewidth() > 3) for ln in lines}
    assert len(looks) == len(lines) == 4
    (legend,) = display.figure_.legends
    texts = {text.get_text() for text in legend.get_texts()}
    assert texts == {"recall", "precision", "true drift (1)", "refit (1)", "share of the rows"}
    box, figure = legend.get_window_extent(), display.figure_.bbox
    assert box.y1 < display.axes_[-1].xaxis.label.get_window_extent().y0
    assert figure.x0 <= box.x0 < box.x1 <= figure.x1


def test_of_many_classes_the_most_frequent_are_drawn_and_the_averages_are_of_all():
    y = np.repeat(np.arange(12), np.arange(20, 8, -1))
    order = np.random.default_rng(0).permutation(len(y))
    rows, y = np.arange(len(y)), (11 - y)[order]  # label 11 is the most frequent
    display = PerClassDisplay.from_predictions(rows, y, y, window=len(y))
    assert display.classes_drawn_.tolist() == [4, 5, 6, 7, 8, 9, 10, 11]
    assert display.axes_[-1].get_title() == "macro average of all 12 (8 drawn)"
    assert display.recall.shape == (1, 12)
    few = PerClassDisplay.from_predictions(rows, y, y, max_classes=1)
    assert few.classes_drawn_.tolist() == [11]
    assert len(few.axes_) == 2


def test_a_long_label_is_cut_in_the_title():
    y = np.array(["x" * 100, "y"])
    display = PerClassDisplay.from_predictions([0, 1], y, y)
    assert display.axes_[0].get_title() == "x" * 27 + "…"
    assert display.axes_[-1].get_title() == "macro average of both"


def test_axes_of_ones_own_are_drawn_on_without_a_legend():
    figure, axes = plt.subplots(2, 3)
    display = _display(ax=axes)
    assert display.axes_.tolist() == axes.ravel()[:5].tolist()
    assert display.figure_ is figure
    assert figure.legends == []
    assert len(plt.get_fignums()) == 1


def test_keywords_style_the_recall():
    display = _display(c="black", lw=3)
    line = _lines(display.axes_[0])["recall"]
    assert (line.get_color(), line.get_linewidth()) == ("black", 3)
    assert _display().plot(color="red") is not None


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "PerClassDisplay.window=0.: window must be an integer"),
        ({"window": 121}, "window=121 is more than the 120 predictions"),
        ({"step": 0}, "step must be an integer of at least 1"),
        ({"max_classes": 0}, "max_classes must be an integer"),
    ],
)
def test_a_parameter_out_of_range_is_named_with_its_value(options, message):
    with pytest.raises(ValueError, match=message):
        _display(**options)
    assert plt.get_fignums() == []


def test_a_regression_is_told_which_display_to_use():
    with pytest.raises(ValueError, match=r"y_pred holds numbers .* 0\.5, .*DriftTimelineDisplay"):
        PerClassDisplay.from_predictions([0, 1], [0, 1], [0, 0.5])


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PerClassDisplay.from_predictions([0, 1], [0, 1], [0])


def test_without_matplotlib_the_error_names_the_caller_and_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"^PerClassDisplay.plot needs matplotlib"):
        _display()


# F1 and average precision


def _scores(n_rows=120, n_classes=4, seed=1):
    """Scores of the classes that tell something of the stream's targets."""
    y_true, _ = _stream(n_rows, n_classes)
    scores = np.random.default_rng(seed).random((n_rows, n_classes))
    scores[np.arange(n_rows), y_true] += 0.4
    return scores


def test_f1_is_what_scikit_learn_says_of_each_window():
    """Of a class with rows that is never found it is 0, as of one that is only predicted."""
    y_true, y_pred = _stream()
    display = _display(step=1)
    for point, stop in enumerate(range(30, 121)):
        rows = slice(stop - 30, stop)
        labels = np.unique(np.concatenate([y_true[rows], y_pred[rows]]))
        *_, f1, _ = precision_recall_fscore_support(
            y_true[rows], y_pred[rows], labels=labels, zero_division=0
        )
        np.testing.assert_allclose(display.f1[point][labels], f1)
        assert np.isnan(np.delete(display.f1[point], labels)).all()
        assert display.macro_f1[point] == pytest.approx(f1.mean())


def test_average_precision_is_what_scikit_learn_says_of_each_window():
    """Of each class against all others; a class without rows in the window has none."""
    y_true, _ = _stream()
    scores = _scores()
    display = _display(y_score=scores, step=10)
    for point, stop in enumerate(range(30, 121, 10)):
        rows = slice(stop - 30, stop)
        for k in range(4):
            is_it = y_true[rows] == k
            if is_it.any():
                expected = average_precision_score(is_it, scores[rows, k])
                assert display.average_precision[point, k] == pytest.approx(expected)
            else:
                assert np.isnan(display.average_precision[point, k])
    known = ~np.isnan(display.average_precision)
    means = [row[there].mean() for row, there in zip(display.average_precision, known, strict=True)]
    np.testing.assert_allclose(display.macro_average_precision, means)


def test_what_is_drawn_is_what_is_asked_for():
    """The first one takes the caller's keywords; unranked points leave no gap in the line."""
    display = _display(y_score=_scores(), step=1)
    display.average_precision[1::2] = np.nan
    display.plot(metrics=["average_precision", "f1"], color="black")
    lines = _lines(display.axes_[0])
    assert {"average precision", "F1"} <= set(lines)
    assert not {"recall", "precision"} & set(lines)
    assert lines["average precision"].get_color() == "black"
    assert lines["F1"].get_color() != "black"
    assert np.isfinite(lines["average precision"].get_ydata()).all()
    np.testing.assert_array_equal(lines["F1"].get_ydata(), display.f1[:, 0])


def test_an_evaluation_by_scores_has_them_at_hand():
    """Binary decisions, probabilities, and a declared class that never came."""
    X, y, _ = make_drifting_classification(600, random_state=0)
    names = np.array(["no", "yes"])[y]
    for base, scoring in ((GaussianNB(), "neg_log_loss"), (SGDClassifier(), "roc_auc")):
        model = DriftAwareRetrainer(base, random_state=0)
        result = prequential_validate(model, X, names, scoring=scoring)
        display = PerClassDisplay.from_result(
            result, window=200, step=100, metrics=["average_precision"]
        )
        scores = result.outputs.get("predict_proba", result.outputs.get("decision_function"))
        yes = scores[:, 1] if scores.ndim == 2 else scores
        by_hand = average_precision_score(result.y_true[-200:] == "yes", yes[-200:])
        assert display.average_precision[-1, 1] == pytest.approx(by_hand)
    shown = SimpleNamespace(
        rows=np.arange(500),
        y_true=names[100:],
        y_pred=names[100:],
        events=None,
        outputs={"predict_proba": np.column_stack([np.zeros(500), 1 - y[100:], y[100:]])},
        classes=np.array(["maybe", "no", "yes"]),
    )
    display = PerClassDisplay.from_result(shown, window=100, metrics=["average_precision"])
    assert display.classes.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(display.average_precision[-1], [1.0, 1.0])


def test_an_average_precision_that_nobody_asks_for_is_not_computed():
    """Each of its points sorts a window, for each class."""
    model = GaussianNB()
    X, y, _ = make_drifting_classification(400, random_state=0)
    result = prequential_validate(model, X, y, scoring="neg_log_loss")
    assert PerClassDisplay.from_result(result).average_precision is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["accuracy"]}, r"metrics=\['accuracy'\]: pass a list of some of \['recall', "),
        ({"metrics": "recall"}, "metrics='recall'"),
        ({"metrics": []}, r"metrics=\[\]"),
        ({"metrics": ["average_precision"]}, "takes scores of the classes: evaluate with a scorer"),
        ({"y_score": np.zeros((120, 2))}, r"y_score has the shape \(120, 2\); pass a column for"),
        ({"y_score": np.zeros(120)}, r"y_score has the shape \(120, 2\)"),
    ],
)
def test_metrics_and_scores_that_make_no_sense_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        _display(**options)
