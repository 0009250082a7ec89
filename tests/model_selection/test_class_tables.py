"""The scores of each class are those of scikit-learn, and no class counts before it exists."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

from skretrain import DriftAwareRetrainer
from skretrain.inspection import PerClassDisplay
from skretrain.model_selection import PrequentialResult, prequential_validate

NAMES = np.array(["ant", "bee", "cat", "dog"])


def result_of(y_true, y_pred, at_start=(), first=100):
    """Return a result of which only the labels matter."""
    n = len(y_pred)
    costs = dict.fromkeys(["fit_seconds", "predict_seconds", "n_fits", "rows_fitted"], 0)
    empty = dict.fromkeys(["batch_fit_seconds", "batch_predict_seconds"], ())
    rest = dict.fromkeys(["refit_rows", "label_delay", "events", "estimator"])
    return PrequentialResult(
        scores={},
        rows=np.arange(first, first + n),
        y_true=y_true if y_true is None else np.asarray(y_true),
        y_pred=np.asarray(y_pred),
        batch_rows=np.array([first]),
        batch_scores={},
        classes_at_start=None if at_start is None else np.asarray(at_start),
        **costs,
        **empty,
        **rest,
    )


def growing(n=120, seed=0):
    """Return labels of which the last comes half way, predictions two thirds of which are right."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(3, size=n)
    y_true[n // 2 :: 4] = 3
    y_pred = np.where(rng.random(n) < 0.67, y_true, rng.integers(4, size=n))
    return y_true, y_pred


def oracle(y_true, y_pred, labels):
    """Return what scikit-learn says: precision, recall, F1, specificity, rows."""
    precision, recall, f1, support = precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=np.nan
    )
    # A class that is there and never predicted is not found: 0, not unknown.
    precision[(support > 0) & ~np.isin(labels, y_pred)] = 0
    others = [
        recall_score(y_true != label, y_pred != label, zero_division=np.nan) for label in labels
    ]
    return np.array([precision, recall, f1, others, support]).T


COLUMNS = ["precision", "recall", "f1", "specificity", "support"]


@pytest.mark.parametrize("window", [13, 60, 500])
@pytest.mark.parametrize("names", [None, NAMES.astype(object)])
@pytest.mark.no_cover
def test_each_line_is_what_scikit_learn_says_of_its_window(window, names):
    y_true, y_pred = growing()
    if names is not None:
        y_true, y_pred = names[y_true], names[y_pred]
    table = result_of(y_true, y_pred, np.unique(y_true)).per_class(window)
    for start in range(0, 120, window):
        span, labels = slice(start, start + window), np.unique(y_true)
        found = table[table["row"] == 100 + start]
        assert found["class"].tolist() == labels.tolist()
        expected = oracle(y_true[span], y_pred[span], labels)
        np.testing.assert_allclose(found[COLUMNS].to_numpy(float), expected)


@given(
    labels=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60),
    at_start=st.sets(st.integers(0, 3)),
    window=st.integers(1, 20),
)
@settings(max_examples=50, deadline=None)
@pytest.mark.no_cover
def test_a_class_counts_from_the_window_of_its_first_true_label_on(labels, at_start, window):
    """In lines and in averages alike; what is predicted before that is no class."""
    y_true, y_pred = np.array(labels).T
    result = result_of(y_true, y_pred, sorted(at_start))
    table, macro = result.per_class(window), result.per_class(window, average="macro")
    known_labels = set(y_true.tolist()) | set(y_pred.tolist())
    for number, start in enumerate(range(0, len(y_true), window)):
        stop = min(start + window, len(y_true))
        exist = sorted((set(y_true[:stop].tolist()) | at_start) & known_labels)
        lines = table[table["row"] == 100 + start]
        assert lines["class"].tolist() == exist
        line = macro.iloc[number]
        assert (line["row"], line["n_classes"], line["support"]) == (
            100 + start,
            len(exist),
            stop - start,
        )
        # pandas leaves out what is not defined.
        means = lines[COLUMNS[:-1]].mean()
        np.testing.assert_allclose(line[COLUMNS[:-1]].to_numpy(float), means.to_numpy())


def test_a_class_that_does_not_exist_yet_lowers_no_average():
    """Nor does it in the picture, which knows from the result what was there at the start."""
    y_true = np.repeat([0, 1, 0, 1, 2], [10, 10, 10, 10, 20])
    y_pred = y_true.copy()
    y_pred[[3, 25]] = 2  # too early
    result = result_of(y_true, y_pred, [0, 1])
    macro = result.per_class(20, average="macro")
    assert macro["n_classes"].tolist() == [2, 2, 3]
    assert macro["precision"].tolist() == [1, 1, 1]
    display = PerClassDisplay.from_result(result, window=20, step=20)
    np.testing.assert_array_equal(display.macro_precision, [1, 1, 1])
    unknown = PerClassDisplay.from_predictions(result.rows, y_true, y_pred, window=20, step=20)
    np.testing.assert_allclose(unknown.macro_precision, [2 / 3, 2 / 3, 1])


def test_recall_is_sensitivity_and_specificity_is_that_of_the_rest():
    y_true, y_pred = [1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 1]
    line = result_of(y_true, y_pred).per_class(7).set_index("class").loc[1]
    (tn, fp), (fn, tp) = confusion_matrix(y_true, y_pred)
    assert (line["recall"], line["specificity"]) == (tp / (tp + fn), tn / (tn + fp))


def test_the_usual_window_is_a_twentieth():
    y_true, y_pred = growing(200)
    assert result_of(y_true, y_pred).per_class(average="macro")["row"].diff()[1:].eq(10).all()
    assert len(result_of([1, 0], [1, 1]).per_class(average="macro")) == 2


# -- a class that comes ----------------------------------------------------------------------------


@pytest.mark.parametrize("names", [None, NAMES])
def test_before_and_after_are_scikit_learn_s_confusion_matrices(names):
    y_true, y_pred = growing()
    y_pred[y_pred == 3] = 2
    y_pred[70:][y_true[70:] == 3] = 3
    labels = np.arange(4)
    if names is not None:
        y_true, y_pred, labels = names[y_true], names[y_pred], names
    found = result_of(y_true, y_pred, labels[:3]).old_versus_new(labels[3], window=30)
    since = int(np.flatnonzero(y_pred == labels[3])[0])
    assert (found.row, found.predicted_from) == (160, 100 + since)
    for when, counts, span in (
        ("before", found.confusion_before, slice(30, 60)),
        ("after", found.confusion_after, slice(since, since + 30)),
    ):
        expected = confusion_matrix(y_true[span], y_pred[span], labels=labels)
        np.testing.assert_array_equal(counts, expected)
        columns = [f"{name}_{when}" for name in COLUMNS]
        np.testing.assert_allclose(
            found.table[columns].to_numpy(float), oracle(y_true[span], y_pred[span], labels)
        )
    assert found.table.index.tolist() == counts.index.tolist() == labels.tolist()


def test_what_the_new_class_takes_is_what_the_old_ones_lose():
    y_true = np.repeat([0, 1, 2], [50, 50, 1]).tolist() + [0, 1, 2, 1] * 25
    y_pred = np.repeat([0, 1, 0], [50, 50, 1]).tolist() + [0, 2, 2, 1] * 25
    table = result_of(y_true, y_pred, [0, 1]).old_versus_new(2, window=100).table
    assert table["taken"].tolist() == [0, 0.5, 1]
    assert table["recall_change"].tolist()[:2] == [0, -0.5]
    # Agresti and Caffo, by hand: 50 of 50 before, 25 of 50 after.
    error = np.sqrt(51 / 52 * 1 / 52 / 52 + 26 / 52 * 26 / 52 / 52)
    assert table["recall_error"][1] == pytest.approx(error)
    assert np.isnan(table.loc[2, ["recall_change", "recall_error"]].to_numpy(float)).all()


def test_a_class_that_is_never_predicted_takes_nothing():
    """Then its first true label divides before from after."""
    y_true, y_pred = [0, 1] * 20 + [2, 0, 1] * 10, [0, 1] * 20 + [0, 0, 1] * 10
    found = result_of(y_true, y_pred, [0, 1]).old_versus_new(2, window=30)
    assert (found.row, found.predicted_from) == (140, None)
    assert found.confusion_after.to_numpy().sum(axis=1).tolist() == [10, 10, 10]
    assert (found.table["taken"] == 0).all()


def test_an_evaluation_knows_which_classes_were_there_at_the_start():
    rng = np.random.default_rng(0)
    y = np.where(np.arange(400) < 200, rng.integers(2, size=400), rng.integers(3, size=400))
    X = rng.normal(y, 0.3)[:, np.newaxis]
    result = prequential_validate(
        DriftAwareRetrainer(GaussianNB()), pd.DataFrame(X), pd.Series(NAMES[y]), batch_size=50
    )
    assert result.classes_at_start.tolist() == ["ant", "bee"]
    table = result.per_class(50)
    assert table[table["class"] == "cat"]["row"].tolist() == [200, 250, 300, 350]
    assert result.old_versus_new("cat", window=50).predicted_from >= 250
    assert result.old_versus_new("cat").table["support_after"].sum() == 350 // 20


def test_only_classes_are_kept_as_such():
    rows = np.arange(200.0)
    model = DriftAwareRetrainer(DecisionTreeRegressor())
    assert prequential_validate(model, rows[:, None], rows / 3).classes_at_start is None


# -- what makes no sense ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r: r.per_class(0), r"per_class\(window=0\).*at least 1, a number of scored rows"),
        (lambda r: r.per_class(2.5), r"window=2.5"),
        (lambda r: r.per_class(average="weighted"), "average must be one of None, 'macro'"),
        (lambda r: r.old_versus_new(3, window=-1), r"old_versus_new\(window=-1\)"),
        (
            lambda r: r.old_versus_new(0),
            r"label=0\): label must be a class that came after .*\[3\]",
        ),
        (lambda r: r.old_versus_new("dog"), r"label='dog'\).*one of \[3\]"),
    ],
)
def test_bad_parameters_are_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(result_of(*growing(), at_start=[0, 1, 2]))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        (None, [0, 1], "no classes to count: there are no targets"),
        ([], [], "no classes to count: no row could be read"),
        ([0.5, 1.0], [1.0, 1.0], "fractional part"),
    ],
)
def test_without_classes_there_is_no_table(y_true, y_pred, message):
    result = result_of(y_true, y_pred, at_start=None)
    for ask in (result.per_class, lambda: result.old_versus_new(1)):
        with pytest.raises(ValueError, match=message):
            ask()


def test_without_a_start_a_class_exists_from_its_first_label_on():
    table = result_of([0, 0, 1, 1], [0, 1, 1, 1], at_start=None).per_class(2)
    assert table["class"].tolist() == [0, 0, 1]


@pytest.mark.parametrize("label", [pd.NA, np.array([3, 3]), None, "3"])
def test_what_equals_no_label_is_refused_as_none(label):
    y_true, y_pred = growing()
    with pytest.raises(ValueError, match=r"old_versus_new\(label=.*one of \[3\]"):
        result_of(y_true, y_pred, at_start=[0, 1, 2]).old_versus_new(label)
