"""What is wrong with the input raises at the border, in words that name it and the way out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import stream
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit

X, Y = stream(200)
KINDS = {
    "retrainer": lambda base: DriftAwareRetrainer(base),
    "replay": lambda base: ReplayPartialFit(base),
    "mixture": lambda base: MixtureRetrainer([("one", DriftAwareRetrainer(base))]),
}


def objects(*values):
    return np.array([*values, *[1] * (50 - len(values))], dtype=object)


TARGETS = {
    "None": (objects(0, None), "contains NaN, None or pandas.NA: 1 of 50"),
    "pandas.NA": (objects(0, pd.NA, pd.NA), "contains NaN, None or pandas.NA: 2 of 50"),
    "text among numbers": (objects(0, "one"), "mixes text and numbers"),
    "durations": (np.arange(50).astype("timedelta64[h]"), "y holds timedelta64.*turn them into"),
    "dates": (np.arange(50).astype("datetime64[D]"), "y holds datetime64.*turn them into"),
}


def refuses(model, message, *args, error=ValueError, **params):
    """Both a fresh and a fitted one, and the fitted one has not changed."""
    for method in ("fit", "partial_fit"):
        if "classes" in params and method == "fit":
            continue
        with pytest.raises(error, match=message):
            getattr(model, method)(*args, **params)
    assert not hasattr(model, "n_samples_seen_")
    model.fit(X[:100], Y[:100])
    before, n = model.predict(X), model.n_samples_seen_
    with pytest.raises(error, match=message):
        model.partial_fit(*args, **params)
    assert model.n_samples_seen_ == n
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("base", [GaussianNB(), Ridge()], ids=["classifier", "regressor"])
def test_targets_of_which_nothing_can_be_made(kind, name, base):
    y, message = TARGETS[name]
    refuses(KINDS[kind](base), message, X[:50], y)


def test_text_that_is_no_number_is_none_to_a_regressor():
    refuses(DriftAwareRetrainer(Ridge()), "y must be numeric", X[:50], np.array(["x"] * 50))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (5, "classes=5 must be a list"),
        (np.array(5), r"classes=array\(5\) must be a list"),
        ({0, 1}, r"classes=\{0, 1\} must be a list"),
        ("ab", "classes='ab' must be a list"),
        ([0, 1, np.nan], "holds a missing value"),
        (np.array([0, 1, None], dtype=object), "holds a missing value"),
    ],
    ids=["number", "array", "set", "text", "nan", "none"],
)
def test_classes_that_are_no_labels(kind, classes, message):
    refuses(KINDS[kind](LogisticRegression()), message, X[:50], Y[:50], classes=classes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_is_one_number_per_row(kind):
    weight = np.ones((50, 1))
    message = r"sample_weight must be one-dimensional: got shape \(50, 1\)"
    refuses(KINDS[kind](GaussianNB()), message, X[:50], Y[:50], sample_weight=weight)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_without_rows_yet_is_to_be_collected(kind):
    lazy = pl.DataFrame(X[:50], schema=list("abcd")).lazy()
    refuses(KINDS[kind](GaussianNB()), r"pass X\.collect\(\)", lazy, Y[:50], error=TypeError)


def test_classes_of_several_outputs_are_a_list_of_labels_for_each():
    from sklearn.tree import DecisionTreeClassifier

    several = np.column_stack([Y, 1 - Y])
    model = DriftAwareRetrainer(DecisionTreeClassifier(), detector=None)
    model.partial_fit(X[:50], several[:50], classes=[np.array([0, 1]), np.array([0, 1])])
    assert model.predict(X).shape == (200, 2)
    with pytest.raises(ValueError, match="missing value"):
        model.partial_fit(X[:50], several[:50], classes=[[0, 1], [0, np.nan]])
